//! Laws of the whole line, on records and texts that hostile generators write; the laws stand in `laws/`.
#![cfg(feature = "io")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise"
)]

mod laws;

use denywatch::app::Outcome;
use denywatch::denial::message::parse;
use denywatch::patch::Applicability;
use laws::{answer, configuration, language, read, said, template};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Value, json};
use std::path::Path;

const ACCOUNT: &str = "111122223333";

/// Service host, operation, action as the message has it, start of the resource; some of them invented.
const CALLS: &[(&str, &str, &str, &str)] = &[
    ("s3.amazonaws.com", "GetObject", "s3:GetObject", "arn:aws:s3:::b/"),
    ("s3.amazonaws.com", "CreateMultipartUpload", "s3:PutObject", "arn:aws:s3:::b/"),
    ("s3.amazonaws.com", "ListBuckets", "s3:ListAllMyBuckets", ""),
    ("s3.amazonaws.com", "HeadBucket", "s3:ListBucket", "arn:aws:s3:::"),
    ("kms.amazonaws.com", "Decrypt", "kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/"),
    ("kms.amazonaws.com", "GenerateDataKey", "kms:GenerateDataKey", "arn:aws:kms:eu-west-1:444455556666:key/"),
    (
        "ecs.amazonaws.com",
        "RegisterTaskDefinition",
        "ecs:RegisterTaskDefinition",
        "arn:aws:ecs:eu-west-1:111122223333:task-definition/",
    ),
    ("ecs.amazonaws.com", "ExecuteCommand", "ecs:ExecuteCommand", "arn:aws:ecs:eu-west-1:111122223333:task/main/"),
    ("ecs.amazonaws.com", "RunTask", "iam:PassRole", "arn:aws:iam::111122223333:role/"),
    ("ec2.amazonaws.com", "RunInstances", "ec2:RunInstances", "arn:aws:ec2:eu-west-1:111122223333:instance/"),
    ("ec2.amazonaws.com", "DescribeInstances", "ec2:DescribeInstances", ""),
    ("lambda.amazonaws.com", "Invoke", "lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:111122223333:function:"),
    ("lambda.amazonaws.com", "ListFunctions20150331", "lambda:ListFunctions", ""),
    ("sqs.amazonaws.com", "SendMessage", "sqs:sendmessage", "arn:aws:sqs:eu-west-1:444455556666:"),
    ("sns.amazonaws.com", "Publish", "SNS:Publish", "arn:aws-cn:sns:cn-north-1:111122223333:"),
    (
        "secretsmanager.amazonaws.com",
        "GetSecretValue",
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:",
    ),
    (
        "logs.amazonaws.com",
        "PutLogEvents",
        "logs:PutLogEvents",
        "arn:aws:logs:eu-west-1:111122223333:log-group:/a:log-stream:",
    ),
    ("logs.amazonaws.com", "CreateLogGroup", "logs:CreateLogGroup", "arn:aws:logs:eu-west-1:111122223333:log-group:"),
    ("sts.amazonaws.com", "AssumeRole", "sts:AssumeRole", "arn:aws:iam::444455556666:role/"),
    ("iam.amazonaws.com", "GetRole", "iam:GetRole", "role "),
    ("iam.amazonaws.com", "CreateAccessKey", "iam:CreateAccessKey", "user "),
    ("dynamodb.amazonaws.com", "PutItem", "dynamodb:PutItem", "arn:aws:dynamodb:eu-west-1:111122223333:table/"),
    ("ecr.amazonaws.com", "BatchGetImage", "ecr:BatchGetImage", "arn:aws:ecr:eu-west-1:111122223333:repository/"),
    (
        "states.amazonaws.com",
        "StopExecution",
        "states:StopExecution",
        "arn:aws:states:eu-west-1:111122223333:execution:flow:",
    ),
    ("s3.amazonaws.com", "GetObject", "s3:*", "arn:aws:s3:::b/"),
    ("s3.amazonaws.com", "MakeCoffee", "s3:MakeCoffee", "arn:aws:s3:::b/"),
    ("nowhere.amazonaws.com", "DoIt", "nowhere:DoIt", "arn:aws:nowhere:::"),
    ("", "", "*:*", ""),
];

/// What stands behind the resource; `{a}` is the action.
const CAUSES: &[&str] = &[
    " because no identity-based policy allows the {a} action",
    " because no identity-based policy allows the {a} action",
    " because no resource-based policy allows the {a} action",
    " because no permissions boundary allows the {a} action",
    " because no session policy allows the {a} action",
    " because no service control policy allows the {a} action",
    " because no resource control policy allows the {a} action",
    " because no VPC endpoint policy allows the {a} action",
    " because no role trust policy allows the {a} action",
    " because no identity-based policy allows the other:Thing action",
    " with an explicit deny in an identity-based policy",
    " with an explicit deny in a service control policy: arn:aws:organizations::444455556666:policy/o-1/service_control_policy/p-1",
    " with an explicit deny in a resource control policy",
    " with an explicit deny in a resource-based policy",
    " with an explicit deny in an identity-based policy: arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3",
    " with an explicit deny",
    " because public access is prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
    " because no identity-based policy allows the {a} action (Service: S3, Status Code: 403, Request ID: R, Extended Request ID: E)",
    " because no identity-based policy allows the {a} action. Encoded authorization failure message: AbC-dEf_0123456789",
    "",
    " because",
    "…",
];

/// Messages without the grammar's core.
const OTHERS: &[&str] = &[
    "Access Denied",
    "You are not authorized to perform this operation.",
    "You are not authorized to perform this operation. Encoded authorization failure message: AbC-dEf_0123456789",
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
    "Insufficient Lake Formation permission(s): Required Select on t",
    "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
    "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    "Roles may not be assumed by root accounts.",
    "User: null is not authorized",
    "",
];

/// Parts of a name that somebody chose.
const PARTS: &[&str] = &[
    "key",
    "a/b",
    "*",
    "?",
    "${aws:username}",
    "${*}",
    "$",
    "\"",
    "'",
    "`",
    "\\",
    " ",
    "é",
    "ключ",
    "日本",
    "😀",
    "\u{202e}",
    "\n",
    "\t",
    "\u{0}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{ad}",
    ":",
    "/",
    "//",
    "..",
    "%2A",
    "<b>",
    "0123456789abcdef0123456789abcdef",
    "11111111-2222-3333-4444-555555555555",
    "web:7",
    "db-a1B2c3",
    "null",
    "arn:aws:s3:::other/*",
    " on resource: ",
    " because no identity-based policy allows the s3:GetObject action",
    " with an explicit deny in a service control policy",
    " is not authorized to perform: iam:CreateUser",
    "User: arn:aws:iam::444455556666:user/eve",
    "...",
    "…",
    " (Service: S3",
    ". Encoded authorization failure message: x",
];

const CODES: &[&str] = &[
    "AccessDenied",
    "AccessDenied",
    "AccessDeniedException",
    "Client.UnauthorizedOperation",
    "NotAuthorizedException",
    "Forbidden",
    "ThrottlingException",
    "Client.DryRunOperation",
    "",
];

const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/run-1";
const ROLE: &str = "arn:aws:iam::111122223333:role/team/app";

/// Every type of `userIdentity` that AWS documents, whole and maimed.
fn identities() -> Vec<Value> {
    let set = "AWSReservedSSO_Dev_0123456789abcdef";
    vec![
        json!({"type": "AssumedRole", "arn": SESSION, "accountId": ACCOUNT, "principalId": "AROAEXAMPLE:run-1",
               "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE, "accountId": ACCOUNT, "userName": "app"}}}),
        json!({"type": "AssumedRole", "arn": SESSION, "accountId": ACCOUNT}),
        json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ann", "accountId": ACCOUNT, "userName": "ann"}),
        json!({"type": "IAMUser", "userName": "ann"}),
        json!({"type": "AssumedRole", "arn": format!("arn:aws:sts::111122223333:assumed-role/{set}/ann@example.com"),
               "sessionContext": {"sessionIssuer": {"arn": format!("arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/{set}")}}}),
        json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForConfig/x", "accountId": ACCOUNT}),
        json!({"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": ACCOUNT}),
        json!({"type": "FederatedUser", "arn": "arn:aws:sts::111122223333:federated-user/bo", "accountId": ACCOUNT,
               "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:user/ann"}}}),
        json!({"type": "WebIdentityUser", "userName": "x:y", "identityProvider": "accounts.example.com"}),
        json!({"type": "SAMLUser", "userName": "bo", "identityProvider": "idp"}),
        json!({"type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": "444455556666"}),
        json!({"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}),
        json!({"type": "AWSService", "invokedBy": "config.amazonaws.com"}),
        json!({"type": "IdentityCenterUser", "accountId": ACCOUNT, "onBehalfOf": {"userId": "u-1"}}),
        json!({"type": "Directory", "userName": "bo"}),
        json!({"type": "Unknown"}),
        json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/a*b/${x}", "accountId": ACCOUNT}),
        json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/*", "accountId": ACCOUNT}),
        json!({"arn": "not an arn"}),
        json!("text"),
        Value::Null,
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![2 => "[a-z0-9/-]{1,12}", 3 => vec(select(PARTS), 1..4).prop_map(|parts| parts.concat()), 1 => ".{0,12}"]
}

/// A message of the grammar or near it, by a caller whose session ARN is not the record's to choose.
fn message() -> impl Strategy<Value = (usize, String, String)> {
    (0..CALLS.len(), name(), select(CAUSES), any::<bool>(), of(select(OTHERS)), 0..12_u8).prop_map(
        |(at, name, cause, quoted, other, odd)| {
            let (_, _, action, start) = CALLS[at];
            let resource = if start.is_empty() { "*".to_owned() } else { format!("{start}{name}") };
            let mark = if quoted { "\"" } else { "" };
            let whole = format!(
                "User: {SESSION} is not authorized to perform: {action} on resource: {mark}{resource}{mark}{}",
                cause.replace("{a}", action)
            );
            let bare =
                format!("User: {SESSION} is not authorized to perform: {action}{}", cause.replace("{a}", action));
            let text = match (odd, other) {
                (0, Some(other)) => other.to_owned(),
                (1, _) => bare,
                _ => whole,
            };
            (at, resource, text)
        },
    )
}

/// One CloudTrail event whose attacker chose all that an attacker can choose. The event's id is left to the caller.
fn record() -> impl Strategy<Value = Value> {
    let extras = (any::<bool>(), any::<bool>(), of(select(&["s3.amazonaws.com", "AWS Internal", "x"][..])), 0..600_i64);
    (message(), select(identities()), select(CODES), extras).prop_map(
        |((at, resource, text), identity, code, extras)| {
            let (source, operation, _, _) = CALLS[at];
            let (listed, asked, via, second) = extras;
            let mut identity = identity;
            if let (Some(via), Some(members)) = (via, identity.as_object_mut()) {
                members.insert("invokedBy".into(), via.into());
            }
            let key = resource.rsplit('/').next().unwrap_or_default();
            let asked = asked.then(|| {
            json!({"bucketName": "b", "key": key, "functionName": key, "roleArn": resource, "tags": {"eventName": key},
                   "cluster": "main", "task": key, "taskRoleArn": ROLE, "secretId": resource})
        });
            let time = jiff::Timestamp::from_second(1_762_900_000 + second).unwrap().to_string();
            json!({"eventVersion": "1.11", "userIdentity": identity, "eventTime": time, "eventSource": source,
               "eventName": operation, "awsRegion": "eu-west-1", "sourceIPAddress": "192.0.2.1", "userAgent": text,
               "errorCode": code, "errorMessage": text, "requestParameters": asked, "recipientAccountId": ACCOUNT,
               "resources": if listed { json!([{"ARN": resource}]) } else { Value::Null }, "eventType": "AwsApiCall"})
        },
    )
}

/// Some events, each with an id of its own.
fn records(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Value>> {
    vec(record(), count).prop_map(|mut records| {
        for (at, record) in records.iter_mut().enumerate() {
            record["eventID"] = format!("event-{at:02}").into();
        }
        records
    })
}

fn explained(records: &[Value]) -> Outcome {
    answer::explained(json!({"Records": records}).to_string().as_bytes())
}

fn documents(outcome: &Outcome) -> usize {
    outcome.findings.iter().flat_map(|advice| &advice.patches).filter(|patch| patch.document.is_some()).count()
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Of a name beside AWS's own wildcard, the neighbours are that wildcard's, and it alone is granted.
#[test]
fn a_name_beside_a_wildcard_keeps_every_law() {
    let refused =
        |what: &str| format!("User: {SESSION} is not authorized to perform: iam:CreateAccessKey on resource: {what}");
    let text = format!("{}\n{}", refused("user *"), refused("user user"));
    said::pasted(&text);
    answer::explained(text.as_bytes());
}

proptest! {
    #![proptest_config(cases(200))]

    /// (a), (b), (d), (e), (f) of every answer; (c) for each event alone.
    #[test]
    fn an_answer_to_hostile_records_keeps_every_law(records in records(1..6)) {
        explained(&records);
        for record in &records {
            let alone = explained(std::slice::from_ref(record));
            let denials = alone.denials.iter().flatten();
            let hopeless = |denial: &denywatch::denial::Denial| answer::upheld(&denial.reason) || denial.actions.is_empty();
            if denials.clone().all(hopeless) {
                prop_assert_eq!(documents(&alone), 0, "{:?}", alone.findings);
            }
        }
    }

    /// (g): neither the order of the records nor copies of them show.
    #[test]
    fn order_and_copies_do_not_show(records in records(1..6), places in vec(any::<Index>(), 8), shared in any::<bool>()) {
        let mut records = records;
        if shared {
            let last = records.len() - 1;
            records[0]["sharedEventID"] = "one-act".into();
            records[last]["sharedEventID"] = "one-act".into();
        }
        let mut other = records.clone();
        other.reverse();
        for place in places {
            let copy = place.get(&records).clone();
            other.insert(place.index(other.len()), copy);
        }
        let (one, two) = (explained(&records), explained(&other));
        prop_assert_eq!(serde_json::to_string(&one.findings).unwrap(), serde_json::to_string(&two.findings).unwrap());
    }

    /// (h), and the other laws of messages.
    #[test]
    fn a_cut_message_loses_facts_and_changes_none((_, _, text) in message()) {
        said::message(&text);
    }

    /// (h) at CloudTrail's own limit: what a cut record says is what the whole one says, or nothing.
    #[test]
    fn a_record_cut_by_cloudtrail_names_nothing_else((_, _, text) in message(), pad in 900..1100_usize) {
        let text = text.replacen("run-1", &format!("run-{}", "a".repeat(pad)), 1);
        let end = (0..=1024.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap();
        let part = parse(&text[..end]);
        prop_assert!(part.open.is_none() || text.len() < 1020, "{part:?}");
        said::agrees(&part, &denywatch::denial::message::parse_pasted(&text), &text);
    }

    /// Text around a message adds nothing to it.
    #[test]
    fn pasted_texts_keep_every_law(lines in vec(prop_oneof![message().prop_map(|(_, _, text)| text), ".{0,40}"], 1..5)) {
        let text = lines.join("\n");
        said::pasted(&text);
        answer::explained(text.as_bytes());
    }

    /// A look-alike inside an event is no event, and an odd spelling of a key hides none.
    #[test]
    fn the_quick_scan_reads_as_serde_json_does(
        records in records(0..4),
        keys in subsequence(&["errorCode", "error_code", "errorcode", "eventName", "errorMessage"][..], 0..4),
        values in vec(select(vec![json!("AccessDenied"), json!("null"), json!(""), json!(7), Value::Null, json!({"errorCode": "AccessDenied"})]), 4),
        escape in any::<bool>(),
    ) {
        let mut records = records;
        for record in &mut records {
            let members = record.as_object_mut().unwrap();
            keys.iter().zip(&values).for_each(|(key, value)| drop(members.insert((*key).into(), value.clone())));
        }
        let text = json!({"Records": records}).to_string();
        read::record(text.as_bytes());
        if escape {
            let hidden = text.replace("\"errorCode\"", "\"error\\u0043ode\"");
            prop_assert_eq!(denywatch::record::read(hidden.as_bytes(), "x"), denywatch::record::read(text.as_bytes(), "x"));
            read::record(hidden.as_bytes());
            read::sifted(hidden.as_bytes());
        }
        // As CloudTrail begins its events, so that they are sifted.
        let usual = text.replace("{\"eventID\"", "{\"eventVersion\":\"1.08\",\"userIdentity\":{},\"eventID\"");
        read::sifted(usual.as_bytes());
        read::sifted(text.as_bytes());
    }

    #[test]
    fn cells_come_back(cells in vec(prop_oneof![name(), Just(String::new()), Just("AccessDenied".into())], 6..18)) {
        read::table(&cells.join("\0"));
    }

    #[test]
    fn a_literal_matches_itself_alone(at in 0..CALLS.len(), name in name(), other in name()) {
        let start = CALLS[at].3;
        language::scoped(&format!("{start}{name}"), &format!("{start}{other}"));
        language::arn(&format!("{start}{name}"));
    }

    #[test]
    fn a_document_is_written_as_it_was_read(actions in vec(name(), 1..4), resources in vec(name(), 0..4), deny in any::<bool>(), bare in any::<bool>()) {
        let effect = if deny { "Deny" } else { "Allow" };
        let statement = json!({"Effect": effect, "Action": actions, "Resource": resources,
                               "Condition": {"StringLike": {"aws:SourceIp": actions}}});
        let statements = if bare { statement } else { json!([statement]) };
        language::policy(&json!({"Version": "2012-10-17", "Statement": statements}).to_string());
    }

    #[test]
    fn strangers_policies_in_force_keep_every_law(name in name(), action in name(), resource in name()) {
        let document = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["s3:Get*", action],
            "Resource": [resource, "arn:aws:s3:::b/*"], "Condition": {"StringEquals": {"s3:x-amz-server-side-encryption": "AES256"}}}});
        let entity = |kind: &str| format!("arn:aws:iam::{ACCOUNT}:{kind}/{name}");
        answer::in_force(&json!({
            "RoleDetailList": [{"Arn": entity("role"), "RoleName": name, "RolePolicyList": [{"PolicyName": name, "PolicyDocument": document}]}],
            "UserDetailList": [{"Arn": entity("user"), "UserName": name, "UserPolicyList": [{"PolicyName": name, "PolicyDocument": document}]}],
        }).to_string());
    }
}

/// The templates of the fixtures.
fn templates() -> Vec<String> {
    sources(|path| path.contains("/cfn-") && path.contains("/repo/"))
}

/// The Terraform of the fixtures.
fn configurations() -> Vec<String> {
    sources(|path| path.contains("/tf-") && path.ends_with(".tf"))
}

fn sources(is_wanted: fn(&str) -> bool) -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/into");
    let (mut folders, mut found) = (vec![root], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if is_wanted(&path.to_string_lossy()) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// What changes the meaning of YAML or JSON around it.
const SNIPS: &[&str] = &[
    "\n",
    "\r\n",
    " ",
    "  ",
    "\t",
    "- ",
    "-",
    ": ",
    ":",
    "#",
    " # x",
    "'",
    "\"",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "!Sub ",
    "!Ref ",
    "!If ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "~",
    "null",
    "é",
    "\u{feff}",
    "\u{2028}",
    "<<: *a\n",
    "? ",
    "%",
    "@",
    "Effect: Allow",
    "Statement:",
    "Policies:",
    "- Effect: Allow\n",
    "\"Fn::Sub\": ",
    "AWS::NoValue",
    "${",
    "}",
];

/// What changes the meaning of HCL around it.
const HCL_SNIPS: &[&str] = &[
    "\n",
    "\r\n",
    "\r",
    " ",
    "\t",
    "#",
    " # x\n",
    " // x\n",
    "/* x */",
    "/*",
    "\"",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ",",
    "=",
    ":",
    "${",
    "$${x}",
    "%{ if x }",
    "~}",
    "<<EOT\n",
    "\nEOT\n",
    "null",
    "é",
    "\u{feff}",
    "\u{2028}",
    "...",
    "? 1 : 2",
    "for x in y : ",
    "each.key",
    "var.x",
    "local.x",
    "Effect = \"Allow\"",
    "statement {}\n",
    "count = 2\n",
    "\\",
];

/// A source with some of it taken out, doubled, or broken.
fn mutated(sources: Vec<String>, snips: &'static [&'static str]) -> impl Strategy<Value = String> {
    let change = (0..3_u8, any::<Index>(), 0..40_usize, select(snips));
    (select(sources), vec(change, 0..4)).prop_map(|(text, changes)| {
        let mut signs: Vec<char> = text.chars().collect();
        for (what, at, count, snip) in changes {
            let at = at.index(signs.len() + 1);
            let end = signs.len().min(at + count);
            match what {
                0 => drop(signs.drain(at..end)),
                1 => drop(signs.splice(at..at, snip.chars())),
                _ => {
                    let twice: Vec<char> = signs[at..end].to_vec();
                    drop(signs.splice(at..at, twice));
                }
            }
        }
        signs.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn what_is_written_into_a_template_is_all_that_comes(text in mutated(templates(), SNIPS)) {
        template::written(&text);
    }

    #[test]
    fn what_is_written_into_a_configuration_is_all_that_comes(text in mutated(configurations(), HCL_SNIPS)) {
        configuration::written(&text);
    }
}

/// The law is about something: what is not mutated takes the statement.
#[test]
fn templates_take_statements() {
    let taken = templates().iter().filter(|text| template::written(text)).count();
    assert!(taken >= 12, "{taken}");
    let taken = configurations().iter().filter(|text| configuration::written(text)).count();
    assert!(taken >= 12, "{taken}");
}

/// Templates and messages that broke a law once.
#[test]
fn known_breakers_of_text() {
    said::message(
        "Not authorized to perform sts:Assn-1 is not authorized to perform: kms:GenerateDataKey on this resource because \
         the resource does not exist in this Region, no resource-based policy",
    );
    // A single resource, with the name of a function.
    let single = "Resources:\n  Worker:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: billing-worker\n      \
                 AssumeRolePolicyDocument: {}\n      Policies:\n      - PolicyName: queues\n        PolicyDocument:\n          \
                 Version: '2012-10-17'\n          Statement:\n";
    for (id, takes) in [("Worker", true), ("Ref", true), ("Fn::Join Worker", false)] {
        assert_eq!(template::written(&single.replace("Worker", id)), takes, "{id}");
    }
}

/// What broke a law once.
#[test]
fn known_breakers() {
    let say = |cause: &str| {
        format!("User: {SESSION} is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k{cause}")
    };
    let event = |identity: Value, name: &str, text: String| {
        json!({"eventID": "e", "eventName": name, "eventSource": "s3.amazonaws.com", "errorCode": "AccessDenied",
               "userIdentity": identity, "errorMessage": text, "recipientAccountId": ACCOUNT})
    };
    let identity = " because no identity-based policy allows the s3:GetObject action";
    // A user of whom only the name is told: the proof took the name for an ARN and failed.
    let named = explained(&[event(json!({"type": "IAMUser", "userName": "ann"}), "GetObject", say(identity))]);
    assert_eq!(named.findings[0].patches[0].proof.as_ref().map(|proof| proof.after.as_str()), Some("allowed"));
    // China's root was taken for another account's, so that no patch on a key was ever proven there.
    let china = "User: arn:aws-cn:sts::111122223333:assumed-role/app/run is not authorized to perform: kms:Decrypt on \
                 resource: arn:aws-cn:kms:cn-north-1:111122223333:key/1 because no identity-based policy allows the \
                 kms:Decrypt action";
    let served = answer::explained(china.as_bytes());
    assert_eq!(served.findings[0].patches[0].proof.as_ref().map(|proof| proof.after.as_str()), Some("allowed"));
    // Root has no boundary, an object no trust policy: no document for a message that says so.
    let root = json!({"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": ACCOUNT});
    let boundary = " because no permissions boundary allows the s3:GetObject action";
    assert_eq!(documents(&explained(&[event(root, "GetObject", say(boundary))])), 0);
    let trust = " because no role trust policy allows the s3:GetObject action";
    assert_eq!(documents(&explained(&[event(identities()[0].clone(), "GetObject", say(trust))])), 0);
    // An event without a name is an event still, and not a text to look for messages in.
    let mut bare = event(Value::Null, "", say(identity));
    bare["errorCode"] = "".into();
    assert_eq!(explained(&[bare]).denials.map(|denials| denials.len()), Some(0));
}

/// The generators reach what the laws are about: without this a law could hold for want of patches.
#[test]
fn the_generators_make_patches_of_both_grades() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut applied, mut reviewed, mut explained_only) = (0, 0, 0);
    for _ in 0..900 {
        let records = records(1..6).new_tree(&mut runner).unwrap().current();
        for patch in explained(&records).findings.iter().flat_map(|advice| &advice.patches) {
            match patch.applicability {
                Applicability::Apply => applied += 1,
                Applicability::Review => reviewed += 1,
                Applicability::Explain => explained_only += 1,
            }
        }
    }
    assert!(applied > 10 && reviewed > 50 && explained_only > 50, "{applied} {reviewed} {explained_only}");
}

/// Lists, keys, notifications and tasks, whole and damaged.
#[cfg(feature = "s3")]
#[test]
fn readers_of_an_archive_keep_their_laws() {
    use proptest::prelude::*;
    let key = "AWSLogs/o-a1/111122223333/CloudTrail/eu-west-1/2026/11/28/111122223333_CloudTrail_eu-west-1_20261128T1015Z_a.json.gz";
    let page = format!("<ListBucketResult><Contents><Key>{key}</Key><Size>5</Size></Contents></ListBucketResult>");
    let notice = format!(r#"{{"s3Bucket":"my-logs","s3ObjectKey":["{key}"]}}"#);
    let task = format!(r#"{{"scan":["s3://my-logs/AWSLogs/"],"after":"{key}","only_region":["eu-west-1"]}}"#);
    let whole = [key.to_owned(), page, notice, task];
    whole.iter().for_each(|text| laws::archive::archive(text));
    proptest!(|(at in 0_usize..4, from in 0_usize..200, length in 0_usize..30, other in "\\PC{0,8}")| {
        let text = &whole[at];
        let cut = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let (from, to) = (cut(from), cut(from + length));
        laws::archive::archive(&format!("{}{other}{}", &text[..from], &text[to..]));
    });
}

/// What several encoders may have packed, and what is like it.
#[test]
fn gzip_files_keep_their_law() {
    use flate2::{Compression, write::DeflateEncoder};
    use proptest::prelude::*;
    use std::io::Write;
    let text = include_str!("cases/5-user-without-s3.md");
    let packed = |from: usize, level: u32| {
        let mut out = DeflateEncoder::new(Vec::new(), Compression::new(level));
        out.write_all(&text.as_bytes()[from..]).unwrap();
        out.finish().unwrap()
    };
    proptest!(|(from in 0..text.len(), level in 0_u32..=9, at in any::<prop::sample::Index>(), other in any::<u8>())| {
        let mut bytes = packed(from, level);
        laws::gzip::gzip(&bytes);
        let at = at.index(bytes.len());
        bytes[at] = other;
        laws::gzip::gzip(&bytes);
        laws::gzip::gzip(&bytes[..at]);
    });
}

/// What fuzzing found worth keeping, before every instruction set that is here.
#[test]
fn what_fuzzing_kept_keeps_the_laws_of_sifting() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/sift");
    let Ok(kept) = std::fs::read_dir(folder) else { return println!("skipped: the package comes without fuzz/") };
    let kept: Vec<Vec<u8>> = kept.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    kept.iter().for_each(|bytes| read::sifted(bytes));
    let is_sifted = |bytes: &&Vec<u8>| denywatch::record::sift(bytes).is_some();
    assert!(kept.iter().filter(is_sifted).count() >= 20, "the law is about what can be sifted");
}
