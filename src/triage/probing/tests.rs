use super::*;

/// A call at a second of an action, on `*`, in one Region.
struct Made {
    second: i64,
    last: i64,
    action: String,
    resource: String,
    regions: BTreeSet<String>,
    event: String,
    agent: &'static str,
    own: bool,
}

fn made(second: i64, action: &str) -> Made {
    Made {
        second,
        last: second,
        action: action.to_owned(),
        resource: "*".to_owned(),
        regions: BTreeSet::from(["eu-west-1".to_owned()]),
        event: format!("{second} {action}"),
        agent: "aws-cli/2.17.0 md/awscrt#0.20.11 os/linux#6.8.0-1009-aws md/distrib#ubuntu.24",
        own: true,
    }
}

fn seen(made: &[Made]) -> Option<Look> {
    let time = |second| Timestamp::from_second(second).unwrap();
    let calls = made.iter().map(|one| Call {
        at: time(one.second),
        until: time(one.last),
        action: &one.action,
        resource: &one.resource,
        regions: &one.regions,
        event: &one.event,
        agent: one.agent,
        own: one.own,
    });
    let forward = look(calls.clone().collect());
    assert_eq!(forward, look(calls.rev().collect()), "the order shows");
    forward
}

/// `Some(true)`: a sweep; `Some(false)`: near to one; `None`: ordinary.
#[track_caller]
fn check(made: impl IntoIterator<Item = Made>, expect: Option<bool>) {
    let look = seen(&Vec::from_iter(made));
    assert_eq!(look.as_ref().map(|look| matches!(look, Look::Sweep(_))), expect, "{look:?}");
}

const DOORS: [&str; 10] = [
    "iam:ListUsers",
    "iam:ListRoles",
    "s3:ListAllMyBuckets",
    "ec2:DescribeInstances",
    "ec2:DescribeVpcs",
    "lambda:ListFunctions",
    "rds:DescribeDBInstances",
    "kms:ListKeys",
    "ssm:DescribeParameters",
    "sns:ListTopics",
];

#[test]
fn many_doors_in_minutes_are_a_sweep_and_nothing_less_is() {
    let spread = |gap: i64| DOORS.iter().enumerate().map(move |(at, door)| made(at as i64 * gap, door));
    check(spread(20), Some(true));
    check(spread(600), None);
    check(spread(20).take(9), Some(false));
    check(spread(20).take(4), None);
    check((0..2_000).map(|second| made(second, DOORS[usize::try_from(second).unwrap() % 3])), None);
    let of_one = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J"];
    check(of_one.iter().zip(0..).map(|(name, at)| made(at, &format!("s3:{name}"))), None);
    check([], None);
}

#[test]
fn the_last_second_that_there_is_has_its_ten_minutes_too() {
    let last = Timestamp::MAX.as_second();
    check(DOORS.iter().map(|door| made(last, door)), Some(true));
}

/// Each action in each Region, one after the other, `gap` seconds apart.
fn around(actions: &[&str], regions: &[&str], gap: i64) -> Vec<Made> {
    let pairs = regions.iter().flat_map(|region| actions.iter().map(move |action| (*region, *action)));
    let one = |(at, (region, action)): (i64, (&str, &str))| Made {
        regions: BTreeSet::from([region.to_owned()]),
        ..made(at * gap, action)
    };
    (0..).zip(pairs).map(one).collect()
}

const EIGHT: [&str; 8] = [
    "ec2:DescribeInstances",
    "ec2:DescribeVpcs",
    "ec2:DescribeSubnets",
    "ec2:DescribeVolumes",
    "lambda:ListFunctions",
    "lambda:ListLayers",
    "rds:DescribeDBInstances",
    "rds:DescribeDBClusters",
];
const THREE: [&str; 3] = ["eu-west-1", "us-east-1", "ap-south-1"];

#[test]
fn the_same_questions_in_many_regions_are_a_sweep_or_near_it() {
    check(around(&EIGHT, &THREE, 5), Some(true));
    check(around(&EIGHT[..3], &THREE, 5), Some(false));
    // Near misses: two actions, two Regions, an hour, no questions, each in a Region of its own.
    check(around(&EIGHT[..2], &THREE, 5), None);
    check(around(&EIGHT[..3], &THREE[..2], 5), None);
    check(around(&EIGHT[..3], &THREE, 400), None);
    check(around(&["ec2:RunInstances", "ec2:CreateTags", "ec2:StopInstances"], &THREE, 5), None);
    check(EIGHT.iter().zip(THREE).flat_map(|(action, region)| around(&[*action], &[region], 1)), None);
    // Of one service it stays a doubt: a console page that shows all Regions asks so.
    let ec2 = EIGHT.map(|action| action.split_once(':').unwrap().1).map(|name| format!("ec2:{name}"));
    check(around(&ec2.each_ref().map(String::as_str), &THREE, 5), Some(false));
    // Not the caller's own.
    check(around(&EIGHT[..3], &THREE, 5).into_iter().map(|one| Made { own: false, ..one }), None);
}

#[test]
fn regions_of_one_item_count_where_its_time_is_short() {
    let three = || BTreeSet::from(THREE.map(str::to_owned));
    let within = |last: i64| EIGHT[..3].iter().map(move |action| Made { last, regions: three(), ..made(0, action) });
    check(within(600), Some(false));
    check(within(601), None);
}

/// Ids of `names` in calls of their own.
fn asked(action: &str, kind: &str, names: impl IntoIterator<Item = String>) -> Vec<Made> {
    let arn = |name: String| format!("arn:aws:x:eu-west-1:111122223333:{kind}{name}");
    (0..)
        .zip(names)
        .map(|(at, name)| Made { resource: arn(name), event: format!("{at}"), ..made(at * 20, action) })
        .collect()
}

const WORDS: [&str; 10] = ["shop", "pay", "mail", "crm", "wiki", "git", "ldap", "vpn", "erp", "bi"];

#[test]
fn many_secrets_of_unlike_names_are_a_sweep_and_of_like_ones_near_it() {
    let all = || WORDS.iter().map(|word| format!("{word}-db-AbCdEf"));
    check(asked("secretsmanager:GetSecretValue", "secret:", all()), Some(true));
    check(asked("ssm:GetParameter", "parameter/", WORDS.map(|word| format!("{word}/prod/password"))), Some(true));
    // A workload's own, one a customer.
    let keys = (0..10).map(|at| format!("{at}234abcd-12ab-34cd-56ef-1234567890ab"));
    check(asked("kms:Decrypt", "key/", keys), Some(false));
    check(asked("ssm:GetParameter", "parameter/", WORDS.map(|word| format!("tenants/{word}/password"))), Some(false));
    check(asked("ssm:GetParameter", "parameter/", WORDS.map(|word| format!("shop/prod/{word}"))), Some(false));
    check(asked("secretsmanager:GetSecretValue", "secret:", WORDS.map(|word| format!("shop-{word}"))), Some(false));
    // Nine; one and the same; in one call; other actions; through a service; not known which.
    check(asked("secretsmanager:GetSecretValue", "secret:", all().take(9)), None);
    check(asked("secretsmanager:GetSecretValue", "secret:", vec!["shop-db-AbCdEf".to_owned(); 30]), None);
    let one_call = asked("ssm:GetParameters", "parameter/", all()).into_iter();
    check(one_call.map(|one| Made { event: "one".to_owned(), ..one }), None);
    let stripped = asked("ssm:GetParameters", "parameter/", all()).into_iter();
    check(stripped.map(|one| Made { event: String::new(), ..one }), Some(true));
    check(asked("secretsmanager:DescribeSecret", "secret:", all()), None);
    check(asked("kms:Decrypt", "key/", all()).into_iter().map(|one| Made { own: false, ..one }), None);
    check(asked("kms:Decrypt", "key/", WORDS.map(|word| format!("{word}*"))), None);
    let slowly = asked("secretsmanager:GetSecretValue", "secret:", all()).into_iter();
    check(slowly.map(|one| Made { second: one.second * 10, last: one.last * 10, ..one }), None);
}

#[test]
fn the_first_calls_of_intruders_are_a_sweep_across_services() {
    let calls = |actions: &[&str], gap: i64| Vec::from_iter((0..).zip(actions).map(|(at, one)| made(at * gap, one)));
    check(calls(&["ses:GetSendQuota", "bedrock:InvokeModel", "iam:CreateUser"], 60), Some(true));
    check(calls(&["organizations:ListAccounts", "sts:GetFederationToken", "sns:GetSMSAttributes"], 60), Some(true));
    // Too slow; two services; what a console asks on its own; a neighbour in name.
    check(calls(&["ses:GetSendQuota", "bedrock:InvokeModel", "iam:CreateUser"], 301), None);
    check(calls(&["iam:CreateUser", "iam:CreateAccessKey", "iam:AttachUserPolicy", "ses:GetSendQuota"], 60), None);
    check(calls(&["organizations:DescribeOrganization", "bedrock:InvokeModel", "ses:GetSendQuota"], 60), None);
    check(calls(&["ses:SendEmail", "bedrock:InvokeModel", "iam:CreateUser"], 60), None);
    let mixed = calls(&["ses:GetSendQuota", "bedrock:InvokeModel", "iam:CreateUser"], 60).into_iter();
    check(mixed.map(|one| Made { own: one.action.starts_with("iam:"), ..one }), None);
}

#[test]
fn the_first_calls_are_actions_that_there_are() {
    let catalog = crate::catalog::Catalog::embedded();
    for action in firsts::FIRSTS.iter().chain(&firsts::ASKED_EVERYWHERE) {
        assert!(catalog.action(action).is_some(), "{action}");
    }
}

#[test]
fn an_attackers_system_or_tool_is_told_and_a_name_alike_is_not() {
    let of = |agent: &'static str| [Made { agent, ..made(0, "s3:ListAllMyBuckets") }];
    for agent in [
        "aws-cli/2.15.22 Python/3.11.8 Linux/6.6.15-amd64 exe/x86_64.kali.2024 prompt/off command/s3.ls",
        "[aws-cli/2.9.19 Python/3.11.2 Linux/6.1.0-kali9-amd64 source/x86_64.kali.2023 prompt/off]",
        "Boto3/1.34.46 md/Botocore#1.34.46 ua/2.0 os/linux#6.12.13+kali-amd64 md/arch#x86_64",
        "aws-cli/2.23.6 md/awscrt#0.23.8 os/linux#6.11.2-amd64 md/arch#x86_64 md/distrib#kali.2024.4",
        "Boto3/1.9.89 Python/3.8.1 LINUX/5.5.17-1PARROT1-amd64 Botocore/1.12.89",
        "aws-cli/1.16 Python/3.6 Linux/4.17.11-pentoo Botocore/1.11",
        "Pacu/1.5.2",
        "TruffleHog",
    ] {
        check(of(agent), Some(true));
    }
    for agent in [
        "",
        "kalibrator/2.1 aws-sdk-go/1.44 (go1.19.3; linux; amd64)",
        "parrot-sync/1.0 Boto3/1.34.46 os/linux#6.8.0-1009-aws app/kali",
        "aws-cli/2.15.22 Linux/6.6.15-kalix-amd64 exe/x86_64.ubuntu.22",
        "pacu-scheduler/3.1 aws-sdk-java/2.20 Linux/5.10",
        "stratus-red-team_1222242e-efe2-4641-a881-346fa54f41e1",
    ] {
        check(of(agent), None);
    }
    check(of("TruffleHog").map(|one| Made { own: false, ..one }), None);
}

#[test]
fn all_that_speaks_for_a_sweep_is_told_and_nothing_of_the_callers_text() {
    let agent = "x Linux/6.1.0-kali9-amd64 <b>@channel</b>";
    let calls = ["ses:GetSendQuota", "bedrock:InvokeModel", "iam:CreateUser"];
    let made: Vec<Made> = calls.iter().zip(0..).map(|(one, at)| Made { agent, ..made(at, one) }).collect();
    let words = "calls that intruders make first (bedrock, iam, ses) were refused within ten minutes; a refused call came \
                 with the user agent of Kali Linux, a system made for intrusion tests";
    assert_eq!(seen(&made), Some(Look::Sweep(words.to_owned())));
}

/// A denial as CloudTrail records it: of a role, a permission in a Region, and what else of the record differs.
fn record(who: &str, action: &str, region: &str, more: &serde_json::Value) -> serde_json::Value {
    let (service, name) = action.split_once(':').unwrap();
    let issuer = more["issuer"].as_str().map_or_else(|| format!("arn:aws:iam::111122223333:role/{who}"), str::to_owned);
    let session = format!("arn:aws:sts::111122223333:assumed-role/{who}/session");
    let mut record = serde_json::json!({
        "eventVersion": "1.11", "eventID": format!("{action} {region}"), "eventTime": "2026-11-18T10:00:00Z",
        "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "awsRegion": region,
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "errorCode": "AccessDenied",
        "errorMessage": format!("User: {session} is not authorized to perform: {action} on resource: * because no \
                                 identity-based policy allows the {action} action"),
        "sourceIPAddress": "192.0.2.7", "userAgent": "aws-cli/2.17.0 os/linux#6.8.0-1009-aws",
        "userIdentity": {"type": "AssumedRole", "arn": session, "accountId": "111122223333",
            "sessionContext": {"sessionIssuer":
                {"type": "Role", "arn": issuer, "accountId": "111122223333", "userName": who}}},
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        match key.as_str() {
            "invokedBy" => record["userIdentity"]["invokedBy"] = value.clone(),
            _ => record[key] = value.clone(),
        }
    }
    record
}

fn findings(records: &[serde_json::Value]) -> Vec<Finding> {
    crate::finding::fold(records.iter().map(|value| {
        let record = crate::record::Record::from_value(value).expect("a record");
        let given = crate::denial::Given::default();
        let denial =
            crate::denial::from_record(&record, &given, crate::catalog::Catalog::embedded()).expect("a denial");
        let diagnosed = crate::diagnosis::diagnose(&denial);
        crate::finding::observe(denial, diagnosed)
    }))
}

fn advised(findings: &[Finding]) -> Vec<crate::advice::Advice> {
    let context = crate::advice::Context {
        catalog: crate::catalog::Catalog::embedded(),
        in_force: &crate::diagnosis::InForce::default(),
        expected: &crate::triage::expected::Expected::default(),
        changes: &Default::default(),
    };
    crate::advice::advise(findings, context)
}

/// Whether three reads of a role in three Regions are near to a sweep, whatever order they come in.
#[track_caller]
fn check_records(who: &str, actions: &[&str], more: serde_json::Value, expect: Option<bool>) {
    let mut records: Vec<_> =
        actions.iter().flat_map(|action| THREE.map(|region| record(who, action, region, &more))).collect();
    let forward = sweeps(&findings(&records));
    records.reverse();
    assert_eq!(forward, sweeps(&findings(&records)), "the order shows");
    let look = forward.values().next();
    assert_eq!(look.map(|look| matches!(look, Look::Sweep(_))), expect, "{look:?}");
}

#[test]
fn what_aws_services_and_known_scanners_ask_around_is_theirs_to_ask() {
    use serde_json::json;
    let asked = &EIGHT[..3];
    check_records("app", asked, json!({}), Some(false));
    check_records("app", &EIGHT, json!({}), Some(true));
    check_records("app", &EIGHT[..3], json!({"invokedBy": "config.amazonaws.com"}), None);
    check_records("app", &EIGHT[..3], json!({"sourceIPAddress": "config.amazonaws.com"}), None);
    check_records("app", &EIGHT[..3], json!({"sourceIPAddress": "AWS Internal"}), None);
    let linked = "arn:aws:iam::111122223333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig";
    check_records("AWSServiceRoleForConfig", asked, json!({"issuer": linked}), None);
    // A user agent makes nobody a service.
    check_records("app", asked, json!({"userAgent": "config.amazonaws.com"}), Some(false));
    // Tenable's connector is known to ask for the trails; not for these.
    let trails = ["cloudtrail:GetTrailStatus", "ec2:DescribeInstances", "ec2:DescribeVpcs"];
    check_records("tenableio-connector", &trails, json!({}), None);
    check_records("tenableio-connector", asked, json!({}), Some(false));
    check_records("another-connector", &trails, json!({}), Some(false));
}

#[test]
fn a_doubt_lets_nothing_be_applied_and_a_mark_hands_out_nothing() {
    use crate::patch::Applicability;
    use crate::triage::Verdict;
    use serde_json::json;
    let plain = record("app", "ec2:DescribeInstances", "eu-west-1", &json!({}));
    let one = &advised(&findings(&[plain]))[0];
    assert_eq!((one.verdict, one.patches[0].applicability), (Verdict::Patch, Applicability::Apply));

    let kali = json!({"userAgent": "aws-cli/2.15 Linux/6.6.15-amd64 exe/x86_64.kali.2024"});
    let one = &advised(&findings(&[record("app", "ec2:DescribeInstances", "eu-west-1", &kali)]))[0];
    assert_eq!(
        (one.verdict, one.severity, one.patches.len()),
        (Verdict::Probing, crate::triage::Severity::Critical, 0)
    );
    assert!(one.diagnosis.summary.starts_with("role `app`: a refused call came with"), "{}", one.diagnosis.summary);

    let around: Vec<_> =
        EIGHT[..3].iter().flat_map(|action| THREE.map(|region| record("app", action, region, &json!({})))).collect();
    let one = &advised(&findings(&around))[0];
    assert_eq!((one.verdict, one.patches[0].applicability), (Verdict::Review, Applicability::Review));
    assert!(one.patches[0].doubts.iter().any(|doubt| doubt.contains("Regions")), "{:?}", one.patches[0].doubts);
}

#[test]
fn strangers_are_not_one_caller() {
    let kali = serde_json::json!({"userAgent": "aws-cli/2.15 exe/x86_64.kali.2024", "userIdentity":
        {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}});
    let found = findings(&[record("app", "s3:PutObject", "eu-west-1", &kali)]);
    assert_eq!(found[0].principal.kind, PrincipalKind::Anonymous);
    assert_eq!(sweeps(&found), BTreeMap::new());
}
