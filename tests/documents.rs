//! Whatever the denial, no document breaks the rules that keep a patch harmless.
//!
//! The rules are written here anew, on the JSON that people would paste, not on the program's own types.
#![allow(clippy::unwrap_used)]

use denywatch::advice::{Advice, Context, advise};
use denywatch::catalog::Catalog;
use denywatch::denial::{Denial, Given, from_excerpt, from_record, text};
use denywatch::diagnosis::{InForce, diagnose};
use denywatch::finding::{fold, observe};
use denywatch::patch::Applicability;
use denywatch::policy::pattern::matches_arn;
use denywatch::record::Record;
use denywatch::triage::expected::Expected;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

fn advice(denials: Vec<Denial>) -> Vec<Advice> {
    let in_force = InForce::default();
    let observed = denials.into_iter().map(|denial| {
        let diagnosed = diagnose(&denial);
        observe(denial, diagnosed)
    });
    advise(
        &fold(observed),
        Context {
            catalog: Catalog::embedded(),
            in_force: &in_force,
            expected: &Expected::default(),
            changes: &Default::default(),
        },
    )
}

fn of_text(message: &str) -> Vec<Advice> {
    let found = text::find(message);
    advice(found.iter().map(|excerpt| from_excerpt(excerpt, &Given::default(), Catalog::embedded())).collect())
}

fn of_record(record: &Value) -> Vec<Advice> {
    let record = Record::from_value(record).unwrap();
    advice(from_record(&record, &Given::default(), Catalog::embedded()).into_iter().collect())
}

fn documents(advice: &[Advice]) -> Vec<Value> {
    let patches = advice.iter().flat_map(|advice| &advice.patches);
    patches
        .filter_map(|patch| patch.document.as_ref())
        .map(|document| serde_json::to_value(document).unwrap())
        .collect()
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().map(|value| value.as_str().unwrap()).collect(),
        Value::String(one) => vec![one],
        _ => Vec::new(),
    }
}

/// A wildcard or variable outside `${*}`, `${?}`, `${$}`.
fn live(text: &str, letters: &[char]) -> bool {
    text.replace("${*}", "").replace("${?}", "").replace("${$}", "").contains(letters)
}

/// What is wrong with a document, in words.
fn faults(document: &Value, said: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if document.to_string().chars().any(|letter| !('\u{20}'..='\u{ff}').contains(&letter) || letter.is_control()) {
        faults.push("a character that no policy can hold".to_owned());
    }
    for statement in document["Statement"].as_array().unwrap() {
        if statement["Effect"] != "Allow"
            || statement.get("NotAction").is_some()
            || statement.get("NotResource").is_some()
        {
            faults.push(format!("more than an Allow: {statement}"));
        }
        for action in texts(&statement["Action"]) {
            match Catalog::embedded().action(action) {
                Some(known) if known.canonical() == action => faults.extend(misfits(statement, &known, said)),
                _ => faults.push(format!("no action: {action}")),
            }
        }
        faults.extend(principals(statement));
    }
    faults
}

fn misfits(statement: &Value, action: &denywatch::catalog::Action<'_>, said: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for resource in texts(&statement["Resource"]) {
        let printed = resource.replace("${*}", "*").replace("${?}", "?").replace("${$}", "$");
        if !action.takes(resource) && !said.contains(&printed) {
            faults.push(format!("{} does not take {resource}", action.canonical()));
        }
        if live(resource, &['$'])
            || resource.split(':').take(5).any(|part| part.contains(['*', '?'])) && resource != "*"
        {
            faults.push(format!("not exact before its name: {resource}"));
        }
        // Object keys are chosen by strangers: none of their letters may become a pattern.
        let key_is_latin = said.chars().all(|letter| letter <= '\u{ff}');
        if resource.starts_with("arn:aws:s3:::") && key_is_latin && live(resource, &['*', '?']) {
            faults.push(format!("a stranger's wildcard: {resource}"));
        }
    }
    for (_, keys) in statement["Condition"].as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().unwrap() {
            if Catalog::embedded().condition_key_applies(&action.canonical(), key) != Some(true) {
                faults.push(format!("{} does not carry {key}", action.canonical()));
            }
            faults.extend(texts(values).iter().filter(|v| live(v, &['$'])).map(|v| format!("a variable: {v}")));
        }
    }
    faults
}

fn principals(statement: &Value) -> Vec<String> {
    let named = &statement["Principal"];
    let by_arn = statement["Condition"].to_string().contains("aws:PrincipalArn");
    match named {
        Value::Null => Vec::new(),
        Value::String(_) if by_arn => Vec::new(),
        Value::Object(kinds) => {
            let names = kinds.values().flat_map(texts).filter(|name| name.contains(['*', '?', '$']));
            names.map(|name| format!("a principal is a pattern: {name}")).collect()
        }
        other => vec![format!("everybody: {other}")],
    }
}

const CALLERS: &[&str] = &[
    "arn:aws:sts::111122223333:assumed-role/app/s",
    "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/ana@example.com",
    "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForECS/s",
    "arn:aws:iam::111122223333:user/ana",
    "arn:aws:iam::111122223333:user/a*b",
    "arn:aws:iam::111122223333:root",
    "arn:aws:sts::111122223333:federated-user/x",
    "arn:aws:iam::XXXX:user/ana",
    "[AmazonConnect]",
    "s3.amazonaws.com",
    "anonymous",
];

const ACTIONS: &[&str] = &[
    "s3:GetObject",
    "s3:ListBucket",
    "kms:Decrypt",
    "sqs:sendmessage",
    "SNS:Publish",
    "lambda:InvokeFunction",
    "secretsmanager:GetSecretValue",
    "ecr:BatchGetImage",
    "sts:AssumeRole",
    "sts:AssumeRoleWithWebIdentity",
    "iam:PassRole",
    "ec2:RunInstances",
    "ecs:ExecuteCommand",
    "logs:PutLogEvents",
    "glue:GetTable",
    "dynamodb:Query",
    "ec2:DescribeInstances",
    "s3:MakeCoffee",
    "s3:*",
    "*",
    "nothing:DoIt",
    "iam:ListRoles",
    "codeartifact:ReadFromRepository",
];

fn resources() -> impl Strategy<Value = String> {
    let fixed = select(vec![
        "*",
        "arn:aws:s3:::b",
        "\"arn:aws:s3:::b/k\"",
        "arn:aws:kms:eu-west-1:444455556666:key/k",
        "arn:aws:kms:eu-west-1:111122223333:key/k",
        "arn:aws:sqs:eu-west-1:444455556666:q",
        "arn:aws:sns:eu-west-1:111122223333:t",
        "arn:aws:lambda:eu-west-1:111122223333:function:f:live",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-a1B2c3",
        "arn:aws:ecr:eu-west-1:444455556666:repository/r",
        "arn:aws:iam::444455556666:role/x",
        "arn:aws:ec2:eu-west-1:111122223333:instance/*",
        "role X",
        "null",
        "arn:aws:ecs:eu-west-1:111122223333:task/main/0123456789abcdef0123456789abcdef",
        "arn:aws:logs:eu-west-1:111122223333:log-group:/a:log-stream:s",
        "arn:*:s3:::b/k",
        "arn:aws:s3:*:*:b/k",
        "arn:aws:glue:eu-west-1:111122223333:table/db/t",
        "arn:aws:dynamodb:eu-west-1:444455556666:table/t/index/i",
    ]);
    let hostile = "[a-z*?$/{}:. é京\u{7f}\"]{1,12}".prop_map(|key| format!("\"arn:aws:s3:::b/{key}\""));
    let place = "[a-z*?$]{1,4}".prop_map(|part| format!("arn:aws:sqs:{part}:111122223333:q"));
    prop_oneof![4 => fixed.prop_map(str::to_owned), 3 => hostile, 1 => place]
}

const LAYERS: &[&str] = &[
    "identity-based policy",
    "resource-based policy",
    "permissions boundary",
    "session policy",
    "role trust policy",
    "VPC endpoint policy",
];

/// Causes that no Allow mends.
const UPHELD: &[&str] = &[
    " because no service control policy allows the ACTION action",
    " because no resource control policy allows the ACTION action",
    " with an explicit deny in an identity-based policy",
    " with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-a/service_control_policy/p-a",
    " with an explicit deny in an identity-based policy: arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3",
    " with an explicit deny in a VPC endpoint policy transitively through a service control policy",
    " with an explicit deny",
    " because public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access.",
];

fn causes() -> impl Strategy<Value = (String, bool)> {
    let implicit = select(LAYERS).prop_map(|layer| (format!(" because no {layer} allows the ACTION action"), false));
    let upheld = select(UPHELD).prop_map(|cause| (cause.to_owned(), true));
    prop_oneof![4 => implicit, 1 => Just((String::new(), false)), 2 => upheld]
}

prop_compose! {
    fn messages()(who in select(CALLERS), action in select(ACTIONS), resource in resources(), (cause, upheld) in causes())
        -> (String, String, bool) {
        let cause = cause.replace("ACTION", action);
        (format!("User: {who} is not authorized to perform: {action} on resource: {resource}{cause}"), action.to_owned(), upheld)
    }
}

fn identities() -> Vec<Value> {
    let provider = "arn:aws:iam::111122223333:oidc-provider/idp.example";
    vec![
        json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/s", "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/team/app"}}}),
        json!({"type": "AWSService", "invokedBy": "events.amazonaws.com",
            "inScopeOf": {"sourceArn": "arn:aws:events:eu-west-1:1:rule/*${x}", "sourceAccount": "111122223333"}}),
        json!({"type": "AWSAccount", "accountId": "444455556666", "principalId": "AROAX:s"}),
        json!({"type": "WebIdentityUser", "identityProvider": provider, "userName": "me*${aws:x}",
            "principalId": format!("{provider}:aud:me*${{aws:x}}")}),
        json!({"type": "WebIdentityUser", "identityProvider": provider, "userName": "я",
            "principalId": format!("{provider}:aud:я")}),
        json!({"type": "AWSAccount", "accountId": "anonymous"}),
        json!({}),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn no_text_makes_a_bad_document((message, action, upheld) in messages()) {
        let found = of_text(&message);
        let documents = documents(&found);
        for document in &documents {
            prop_assert_eq!(faults(document, &message), Vec::<String>::new(), "{}: {}", &message, document);
        }
        let unknown = Catalog::embedded().action(&action).is_none();
        prop_assert!(documents.is_empty() || !upheld && !unknown, "{message}");
        // Only the caller's own policy, named by AWS, is ever ready to apply.
        let named = message.contains("because no identity-based policy");
        let applied = found.iter().flat_map(|one| &one.patches).any(|patch| patch.applicability == Applicability::Apply);
        prop_assert!(!applied || named, "{message}");
    }

    #[test]
    fn no_record_makes_a_bad_document(
        (message, action, upheld) in messages(), identity in select(identities()), owner in select(vec!["111122223333", "444455556666"])
    ) {
        let (prefix, name) = action.split_once(':').unwrap_or(("s3", "GetObject"));
        let record = json!({"eventSource": format!("{prefix}.amazonaws.com").to_lowercase(), "eventName": name,
            "errorCode": "AccessDenied", "errorMessage": message, "userIdentity": identity, "awsRegion": "eu-west-1",
            "eventID": "e", "recipientAccountId": owner, "eventType": "AwsApiCall"});
        let documents = documents(&of_record(&record));
        for document in &documents {
            prop_assert_eq!(faults(document, &message), Vec::<String>::new(), "{}: {}", &record, document);
        }
        prop_assert!(documents.is_empty() || !upheld, "{record}");
    }
}

#[track_caller]
fn check(message: &str) {
    assert_eq!(documents(&of_text(message)), Vec::<Value>::new(), "{message}");
}

#[test]
fn what_no_allow_mends_gets_no_document() {
    for message in [
        "Access Denied",
        "MultiFactorAuthentication failed with invalid MFA one time pass code.",
        "Insufficient Lake Formation permission(s): Required Describe on named_packages",
        "IAM user access not activated",
        "Roles may not be assumed by root accounts.",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        "The request was denied due to a VPC endpoint policy",
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
        "You are not authorized to perform this operation. Encoded authorization failure message: T-kSWIRFn32_fxSgyNzoE36avE5lRaRniAjDs-OdhlNgyecEbeTN",
    ] {
        check(message);
    }
}

#[test]
fn a_strangers_key_is_one_key() {
    let message = "User: arn:aws:iam::111122223333:user/ana is not authorized to perform: s3:GetObject on resource: \
                   \"arn:aws:s3:::b/*\" because no identity-based policy allows the s3:GetObject action";
    let found = documents(&of_text(message));
    let resource = texts(&found[0]["Statement"][0]["Resource"])[0].to_owned();
    assert!(
        matches_arn(&resource, "arn:aws:s3:::b/*") && !matches_arn(&resource, "arn:aws:s3:::b/other"),
        "{resource}"
    );
}

#[test]
fn the_rules_themselves_notice() {
    let of = |statement: Value| faults(&json!({"Statement": [statement]}), "").len();
    assert_eq!(of(json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/k"})), 0);
    for bad in [
        json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}),
        json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b"}),
        json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/${aws:username}"}),
        json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}),
        json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Principal": "*"}),
        json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"StringEquals": {"ec2:Region": "x"}}}),
        json!({"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}),
    ] {
        assert_ne!(of(bad.clone()), 0, "{bad}");
    }
}
