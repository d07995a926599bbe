//! The samples, their generated relatives, and the laws of cutting.

use super::*;
use crate::denial::{PolicyType, Special};
use proptest::prelude::*;

/// Messages that AWS sends, with documentation accounts; before each, what it says.
const SAMPLES: &str = include_str!("samples.txt");

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap_or_default().to_owned()
}

/// The answer in the form of `samples.txt`.
fn told(said: &Parsed) -> String {
    let mut head = word(&said.reason.kind);
    let mut add = |text: String| head.push_str(&format!(" {text}"));
    said.reason.policy_type.iter().for_each(|layer| add(word(layer)));
    said.reason.special.iter().for_each(|special| add(format!("special={}", word(special))));
    if said.reason.encoded != Encoded::Absent {
        add(format!("encoded={}", word(&said.reason.encoded)));
    }
    if said.via_scp {
        add("via_scp".to_owned());
    }
    let facts = [
        ("principal", &said.principal),
        ("action", &said.action),
        ("resource", &said.resource),
        ("policy", &said.reason.policy_arn),
        ("id", &said.reason.authorization_id),
    ];
    let lines = facts.iter().filter_map(|(name, fact)| fact.as_ref().map(|fact| format!("\n{name} {fact}")));
    lines.fold(head, |text, line| text + &line)
}

#[test]
fn the_samples() {
    let mut count = 0;
    for sample in SAMPLES.split("\n\n") {
        let (expect, message) = sample.split_once("\nmessage ").unwrap();
        let (_, expect) = expect.split_once(": ").unwrap();
        assert_eq!(told(&parse(message.trim_end())), expect, "{message}");
        count += 1;
    }
    assert_eq!(count, 45);
}

const PRINCIPALS: &[&str] = &[
    "arn:aws:iam::111122223333:user/team/ana",
    "arn:aws-cn:sts::111122223333:assumed-role/app/s=1,x@example.com",
    "arn:aws:sts::123456789012:federated-user/broker",
    "[AmazonConnect]",
    "anonymous",
];

/// Resource as printed, and what it is.
const RESOURCES: &[(&str, Option<&str>)] = &[
    ("", None),
    (" on resource: *", Some("*")),
    (
        " on resource: arn:aws:kms:eu-west-1:111122223333:key/a.b-c",
        Some("arn:aws:kms:eu-west-1:111122223333:key/a.b-c"),
    ),
    (" on resource: \"arn:aws:s3:::b/k (1).txt\"", Some("arn:aws:s3:::b/k (1).txt")),
    (
        " on resource: \"arn:aws:s3:::b/x\" with an explicit deny in a service control policy\"",
        Some("arn:aws:s3:::b/x\" with an explicit deny in a service control policy"),
    ),
    (
        " on resource: \"arn:aws:s3:::b/x because no session policy allows the s3:GetObject action (Service: S3)\"",
        Some("arn:aws:s3:::b/x because no session policy allows the s3:GetObject action (Service: S3)"),
    ),
    (" on resource: role Reader", Some("role Reader")),
    (" on resource: policy arn:aws:iam::111122223333:policy/p", Some("policy arn:aws:iam::111122223333:policy/p")),
    (" on resource: arn:aws:logs:r:1:log-group:g:log-stream:", Some("arn:aws:logs:r:1:log-group:g:log-stream:")),
    (" on resource: null", None),
    (" on this resource", None),
];

const LAYERS: &[(&str, PolicyType)] = &[
    ("identity-based policy", PolicyType::Identity),
    ("resource-based policy", PolicyType::Resource),
    ("permissions boundary", PolicyType::Boundary),
    ("session policy", PolicyType::Session),
    ("service control policy", PolicyType::Scp),
    ("resource control policy", PolicyType::Rcp),
    ("VPC endpoint policy", PolicyType::VpcEndpoint),
    ("role trust policy", PolicyType::Trust),
];

const TAILS: &[&str] = &[
    "",
    " (Service: S3, Status Code: 403, Request ID: AB/C+d=)",
    " (Service: AmazonS3; Status Code: 403; Error Code: AccessDenied; Request ID: X; Proxy: null)",
    "\n\tstatus code: 403, request id: 1-2",
    ". Encoded authorization failure message: AbC-_9",
    ". Go to https://c/iam/home?region=r#/authorization-details/A1b for complete details, or call the \
     GetRequestAuthorizationDetails API with the following authorization id: A1b",
];

/// One generated message and what must be read from it.
struct Case {
    message: String,
    principal: &'static str,
    action: String,
    resource: Option<&'static str>,
    kind: ReasonKind,
    layer: Option<PolicyType>,
    policy_arn: Option<&'static str>,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (n, principal) in PRINCIPALS.iter().enumerate() {
        for (printed, resource) in RESOURCES {
            for (words, layer) in LAYERS {
                for tail in TAILS {
                    let action = ["s3:GetObject", "sqs:sendmessage", "SNS:Publish"][n % 3].to_owned();
                    let head = format!("User: {principal} is not authorized to perform: {action}{printed}");
                    let arn = "arn:aws:iam::111122223333:policy/a.b";
                    let mut add = |text: String, kind, layer, policy_arn| {
                        cases.push(Case {
                            message: format!("{head}{text}{tail}"),
                            principal,
                            action: action.clone(),
                            resource: *resource,
                            kind,
                            layer,
                            policy_arn,
                        });
                    };
                    let deny = format!(" with an explicit deny in a {words}");
                    add(
                        format!(" because no {words} allows the {action} action"),
                        ReasonKind::Implicit,
                        Some(*layer),
                        None,
                    );
                    add(format!("{deny}: {arn}"), ReasonKind::Explicit, Some(*layer), Some(arn));
                    add(deny, ReasonKind::Explicit, Some(*layer), None);
                }
            }
        }
    }
    cases
}

#[test]
fn relatives_of_the_samples() {
    let cases = cases();
    assert!(cases.len() > 5000);
    for case in cases {
        let said = parse_pasted(&case.message);
        let found = (said.principal.as_deref(), said.action.as_deref(), said.resource.as_deref(), said.reason.kind);
        assert_eq!(
            found,
            (Some(case.principal), Some(case.action.as_str()), case.resource, case.kind),
            "{}",
            case.message
        );
        assert_eq!((said.reason.policy_type, said.reason.policy_arn.as_deref()), (case.layer, case.policy_arn));
    }
}

/// Every fact of `part` is a fact of `whole`; the one that an unmarked end touches may be shorter.
fn agrees(part: &Parsed, whole: &Parsed, text: &str) {
    let same = |fact: Fact, a: &Option<String>, b: &Option<String>| {
        assert!(a.is_none() || a == b || part.open == Some(fact), "{a:?} is not {b:?} in {text}");
    };
    same(Fact::Action, &part.action, &whole.action);
    same(Fact::Resource, &part.resource, &whole.resource);
    same(Fact::PolicyArn, &part.reason.policy_arn, &whole.reason.policy_arn);
    same(Fact::EncodedMessage, &part.encoded_message, &whole.encoded_message);
    assert!(part.principal.is_none() || part.principal == whole.principal, "{text}");
    let id = &part.reason.authorization_id;
    assert!(id.is_none() || *id == whole.reason.authorization_id, "{text}");
    let layer = part.reason.policy_type;
    assert!(layer.is_none() || layer == whole.reason.policy_type, "{text}");
    assert!(part.reason.kind == ReasonKind::Unstated || part.reason.kind == whole.reason.kind, "{text}");
    assert!(
        part.reason.special.is_none() || part.reason.special == whole.reason.special || part.action.is_none(),
        "{text}"
    );
}

fn cut_everywhere(message: &str) {
    let whole = parse_pasted(message);
    for end in (0..message.len()).filter(|end| message.is_char_boundary(*end)) {
        // Nothing tells an unmarked cut behind a forged cause from a whole message; CloudTrail's cuts are always marked
        // by dots or by the message's length.
        if !whole.suspect {
            agrees(&parse(&message[..end]), &whole, &message[..end]);
        }
        let dotted = format!("{}...", &message[..end]);
        let marked = parse(&dotted);
        assert_eq!(marked.open, None, "{dotted}");
        agrees(&marked, &whole, &dotted);
    }
}

#[test]
fn a_cut_loses_facts_and_changes_none() {
    SAMPLES.split("\n\n").for_each(|sample| cut_everywhere(sample.split_once("\nmessage ").unwrap().1.trim_end()));
    cases().iter().step_by(37).for_each(|case| cut_everywhere(&case.message));
}

#[test]
fn at_the_limit_nothing_forgeable_is_believed() {
    let head = "User: arn:aws:iam::111122223333:user/ana is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/";
    let forged = "x\" because no identity-based policy allows the s3:GetObject action";
    for pad in [1020 - head.len() - forged.len(), 1024 - head.len() - forged.len()] {
        let message = format!("{head}{}{forged}", "a".repeat(pad));
        let said = parse(&message);
        assert_eq!((said.resource, said.reason.kind, said.reason.cut), (None, ReasonKind::Unstated, true));
        assert_eq!(said.action.as_deref(), Some("s3:GetObject"));
    }
}

#[track_caller]
fn check_place(printed: &str, resource: Option<&str>, kind: ReasonKind, suspect: bool) {
    let said = parse(&format!(
        "User: arn:aws:iam::111122223333:user/ana is not authorized to perform: s3:GetObject on resource: {printed}"
    ));
    assert_eq!((said.resource.as_deref(), said.reason.kind, said.suspect), (resource, kind, suspect), "{printed}");
}

#[test]
fn names_that_hold_the_grammar() {
    let forged = "because no identity-based policy allows the s3:GetObject action";
    let inside = format!("arn:aws:s3:::b/x {forged} y");
    check_place(&format!("\"{inside}\""), Some(&inside), ReasonKind::Unstated, true);
    check_place(&inside, None, ReasonKind::Unstated, true);
    check_place(
        &format!("{inside} with an explicit deny in a session policy"),
        Some(&inside),
        ReasonKind::Explicit,
        true,
    );
    check_place(&format!("\"{inside}"), None, ReasonKind::Unstated, true);
    check_place("arn:aws:s3:::b/x (Service: S3, Status Code: 403)", None, ReasonKind::Unstated, false);
    check_place("arn:aws:s3:::b/x y", None, ReasonKind::Unstated, false);
    check_place("arn:aws:s3:::b/x because I say so", None, ReasonKind::Unstated, true);
    check_place("\"\" with an explicit deny", None, ReasonKind::Unstated, true);
}

#[track_caller]
fn check_special(text: &str, special: Option<Special>, layer: Option<PolicyType>) {
    let said = parse(text);
    assert_eq!((said.reason.special, said.reason.policy_type), (special, layer), "{text}");
}

#[test]
fn texts_without_an_action() {
    check_special("", Some(Special::Bare), None);
    check_special("Access Denied.", Some(Special::Bare), None);
    check_special(
        "Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied)",
        Some(Special::Bare),
        None,
    );
    check_special(
        "An error occurred (AccessDenied) when calling the GetObject operation: Access Denied",
        Some(Special::Bare),
        None,
    );
    check_special("No access", Some(Special::IdentityCenter), None);
    check_special("Cannot call GetSessionToken with session credentials", Some(Special::CallDesign), None);
    check_special("The request was denied due to a VPC endpoint policy", None, Some(PolicyType::VpcEndpoint));
    check_special("Something new", None, None);
}

#[test]
fn other_wordings() {
    let assume =
        parse("CodeBuild is not authorized to perform: sts:AssumeRole on arn:aws:iam::111122223333:role/build");
    assert_eq!(assume.resource.as_deref(), Some("arn:aws:iam::111122223333:role/build"));
    assert_eq!(assume.principal, None);
    let null = parse("User: arn:aws:iam::111122223333:user/ana is not authorized to perform: null");
    assert_eq!((null.action, null.principal.is_some()), (None, true));
    let colonless =
        parse("User: arn:aws:iam::111122223333:user/ana is not authorized to perform iam:PassRole on resource: *");
    assert_eq!((colonless.action.as_deref(), colonless.resource.as_deref()), (Some("iam:PassRole"), Some("*")));
    let masked = parse("User: arn:aws:sts::XXXX:assumed-role/XX/XX is not authorized to perform: s3:ListBucket");
    assert_eq!(masked.principal.as_deref(), Some("arn:aws:sts::XXXX:assumed-role/XX/XX"));
}

proptest! {
    #[test]
    fn any_text_is_read(text in ".{0,300}") {
        parse(&text);
        parse_pasted(&text);
    }

    #[test]
    fn any_shuffle_of_the_grammar_is_read(parts in prop::collection::vec(prop::sample::select(vec![
        "User: ", "arn:aws:s3:::b/k", " is not authorized to perform: ", "s3:GetObject", " on resource: ", "\"", " because no ",
        "identity-based policy", " allows the ", " action", " with an explicit deny", " in a ", "…", "...", ". ", " (Service: ",
        ")", "status code: ", "request id: ", ". Encoded authorization failure message: ", ". Go to https://",
        "/authorization-details/", " ", "\n", "é",
    ]), 0..24)) {
        let text = parts.concat();
        parse(&text);
        parse_pasted(&text);
    }

    #[test]
    fn no_name_in_quotes_forges_a_cause(name in prop::collection::vec(prop::sample::select(vec![
        "x", "\"", " because no identity-based policy allows the s3:GetObject action", " with an explicit deny in a session policy",
        ": arn:aws:iam::1:policy/p", " (Service: S3)", ". Encoded authorization failure message: ab", " on resource: ",
        " is not authorized to perform: s3:PutObject",
    ]), 1..5).prop_map(|parts| parts.concat())) {
        let head = "User: arn:aws:iam::111122223333:user/ana is not authorized to perform: s3:GetObject on resource: ";
        let bare = parse_pasted(&format!("{head}\"{name}\""));
        prop_assert_eq!(bare.resource.as_deref(), Some(name.as_str()));
        prop_assert_eq!((bare.reason.kind, bare.action.as_deref()), (ReasonKind::Unstated, Some("s3:GetObject")));
        let told = parse_pasted(&format!("{head}\"{name}\" because no session policy allows the s3:GetObject action"));
        prop_assert_eq!(told.resource.as_deref(), Some(name.as_str()));
        prop_assert_eq!(told.reason.policy_type, Some(PolicyType::Session));
    }
}

#[test]
fn an_action_of_wildcards_is_let_through_for_the_caller_to_refuse() {
    for word in ["s3:*", "*:*", "iam:Put*"] {
        let said = parse(&format!("User: arn:aws:iam::111122223333:user/a is not authorized to perform: {word}"));
        assert_eq!(said.action.as_deref(), Some(word));
    }
}

#[test]
fn a_name_before_the_phrase_is_no_caller() {
    #[track_caller]
    fn check(message: &str, suspect: bool) {
        assert_eq!(parse(message).suspect, suspect, "{message}");
    }
    let phrase = "is not authorized to perform: rds:StopDBInstance";
    check(&format!("User {phrase}"), false);
    check(&format!("User: arn:aws:iam::111122223333:user/a {phrase}"), false);
    check(phrase, false);
    check(&format!("\"arn:aws:s3:::b/ {phrase}"), true);
}

#[test]
fn a_cut_name_that_holds_the_encoded_phrase_is_not_believed() {
    let start = "User: arn:aws:sts::111122223333:assumed-role/app/s is not authorized to perform: ec2:RunInstances on resource: ";
    let said = parse(&format!(
        "{start}arn:aws:ec2:eu-west-1:111122223333:instance/. Encoded authorization failure message: x..."
    ));
    assert_eq!((said.action.as_deref(), said.resource, said.encoded_message), (Some("ec2:RunInstances"), None, None));
    let cause = " because no identity-based policy allows the ec2:RunInstances action";
    let said = parse(&format!(
        "{start}arn:aws:ec2:eu-west-1:111122223333:instance/*{cause}. Encoded authorization failure message: T-kS..."
    ));
    assert_eq!(said.resource.as_deref(), Some("arn:aws:ec2:eu-west-1:111122223333:instance/*"));
}
