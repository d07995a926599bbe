use super::*;
use crate::advice::{Advice, Context, Status, advise};
use crate::denial::{Given, from_record};
use crate::diagnosis::{InForce, diagnose};
use crate::finding::{fold, observe};
use crate::record::Record;
use crate::triage::Severity;
use serde_json::{Value, json};

const SSO: &str = "AWSReservedSSO_Developer_0123456789abcdef";

/// A denial as CloudTrail records it, of the first of `call`'s service; `who` is the role's name.
fn record(source: &str, call: &str, who: &str, message: &str, more: Value) -> Value {
    let role = format!("arn:aws:iam::111122223333:role/{who}");
    let mut record = json!({
        "eventVersion": "1.11", "eventID": format!("{source}-{call}-{who}"), "eventTime": "2026-11-18T10:00:00Z",
        "eventSource": format!("{source}.amazonaws.com"), "eventName": call, "awsRegion": "us-east-1",
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "errorCode": "AccessDenied",
        "errorMessage": message,
        "userIdentity": {"type": "AssumedRole", "arn": format!("arn:aws:sts::111122223333:assumed-role/{who}/session"),
            "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "accountId": "111122223333", "userName": who}}},
    });
    for (key, value) in more.as_object().cloned().unwrap_or_default() {
        match (key.as_str(), value) {
            ("invokedBy", via) => record["userIdentity"]["invokedBy"] = via,
            (_, value) => record[key] = value,
        }
    }
    record
}

/// `… is not authorized to perform: ACTION on resource: RESOURCE …`, as AWS writes it.
fn not_authorized(who: &str, action: &str, resource: &str) -> String {
    format!(
        "User: arn:aws:sts::111122223333:assumed-role/{who}/session is not authorized to perform: {action} on resource: \
         {resource} because no identity-based policy allows the {action} action"
    )
}

fn findings(records: &[Value]) -> Vec<Finding> {
    let catalog = Catalog::embedded();
    fold(records.iter().map(|value| {
        let record = Record::from_value(value).expect("a record");
        let denial = from_record(&record, &Given::default(), catalog).expect("a denial");
        let diagnosed = diagnose(&denial);
        observe(denial, diagnosed)
    }))
}

fn advised(records: &[Value], expected: &Expected) -> Vec<Advice> {
    let in_force = InForce::default();
    advise(
        &findings(records),
        Context { catalog: Catalog::embedded(), in_force: &in_force, expected, changes: &Default::default() },
    )
}

/// The rule that mutes the only item of one record.
fn muted_by(record: &Value, expected: &Expected) -> Option<String> {
    let advice = advised(std::slice::from_ref(record), expected);
    let item = &advice[0].denied[0];
    assert_eq!(item.status == Status::Muted, item.muted_by.is_some());
    assert_eq!(item.verdict == Verdict::Expected, item.muted_by.is_some());
    item.muted_by.clone()
}

/// A record that the rule's source tells of, and one that is nearly so.
fn of_rule(id: &str) -> [Value; 2] {
    let plain = |source: &str, call: &str, who: &str, action: &str| {
        record(source, call, who, &not_authorized(who, action, "*"), json!({}))
    };
    let s3 = |call: &str, action: &str, more: Value| {
        let bucket = json!({"bucketName": "shop-config", "key": "a.txt"});
        let mut more = more;
        more["requestParameters"] = bucket;
        let resource =
            if action == "s3:ListBucket" { "arn:aws:s3:::shop-config" } else { "arn:aws:s3:::shop-config/a.txt" };
        record("s3", call, "config-role", &not_authorized("config-role", action, resource), more)
    };
    // As the sources print them: a service that calls in its own name is no `AssumedRole`.
    let of_service = |call: &str, host: &str| {
        let mut one = s3(call, "s3:GetObject", json!({"userAgent": host, "sourceIPAddress": host}));
        one["userIdentity"] = json!({"type": "AWSService", "invokedBy": host});
        one["errorMessage"] = "Access Denied".into();
        one
    };
    let anonymous = |call: &str| {
        json!({
            "eventVersion": "1.11", "eventID": call, "eventTime": "2026-11-18T10:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": call, "awsRegion": "us-east-1", "recipientAccountId": "111122223333", "errorCode": "AccessDenied",
            "errorMessage": "Access Denied", "requestParameters": {"bucketName": "shop-web", "key": "a.txt"},
            "userIdentity": {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"},
        })
    };
    let topics = |who: &str| {
        record(
            "sns",
            "ListSubscriptionsByTopic",
            who,
            &not_authorized(who, "SNS:ListSubscriptionsByTopic", "arn:aws:sns:us-east-1:444455556666:ignore"),
            json!({}),
        )
    };
    match id {
        "anonymous-s3" => [anonymous("ListObjects"), anonymous("PutObject")],
        "cloudfront-private-objects" => [
            of_service("HeadObject", "cloudfront.amazonaws.com"),
            s3("GetObject", "s3:GetObject", json!({"userAgent": "cloudfront.amazonaws.com"})),
        ],
        "config-headbucket" => [
            of_service("HeadBucket", "config.amazonaws.com"),
            s3("PutObject", "s3:PutObject", json!({"invokedBy": "config.amazonaws.com"})),
        ],
        "console-callervalidation" => [
            record("organizations", "ListAccounts", SSO, "CallerValidation check failed", json!({})),
            plain("organizations", "ListAccounts", SSO, "organizations:ListAccounts"),
        ],
        "console-inspector" => [
            plain("inspector2", "ListDelegatedAdminAccounts", "developer", "inspector2:ListDelegatedAdminAccounts"),
            plain("inspector2", "ListFindings", "developer", "inspector2:ListFindings"),
        ],
        "console-macie" => [
            plain("macie2", "GetMacieSession", "developer", "macie2:GetMacieSession"),
            plain("macie2", "UpdateMacieSession", "developer", "macie2:UpdateMacieSession"),
        ],
        "console-notifications" => [
            plain("notifications", "ListNotificationHubs", SSO, "notifications:ListNotificationHubs"),
            plain("notifications", "ListNotificationEvents", SSO, "notifications:ListNotificationEvents"),
        ],
        "scanner-tenable" => [
            plain("cloudtrail", "GetTrailStatus", "tenableio-connector", "cloudtrail:GetTrailStatus"),
            plain("cloudtrail", "GetTrailStatus", "tenableio-connector-2", "cloudtrail:GetTrailStatus"),
        ],
        "securityhub-topics" => [topics("AWSServiceRoleForSecurityHub"), topics("securityhub-automation")],
        other => panic!("rule `{other}` needs a record that it mutes and one that it lets through"),
    }
}

#[test]
fn each_builtin_rule_mutes_its_sources_record_and_lets_a_near_miss_through() {
    for rule in BUILTIN {
        let [hit, near] = of_rule(rule.id);
        assert_eq!(muted_by(&hit, &Expected::default()).as_deref(), Some(rule.id), "{hit}");
        assert_eq!(muted_by(&near, &Expected::default()), None, "{near}");
        let off = Expected { disabled: [rule.id.to_owned()].into(), ..Expected::default() };
        assert_eq!(muted_by(&hit, &off), None, "{} is switched off", rule.id);
        let all_off = Expected { without_builtin: true, ..Expected::default() };
        assert_eq!(muted_by(&hit, &all_off), None);
    }
}

#[test]
fn the_list_says_why_and_where_from_and_mutes_reads_alone() {
    assert!(BUILTIN.windows(2).all(|pair| pair[0].id < pair[1].id), "sorted, each once");
    for rule in BUILTIN {
        assert!(!rule.reason.is_empty() && rule.source.starts_with("https://"), "{}", rule.id);
        assert!(rule.permissions.iter().all(|name| is_read(name)), "{} mutes what may write", rule.id);
    }
}

#[test]
fn who_looks_around_is_never_muted_by_a_builtin_rule() {
    let calls = [
        ("macie2", "GetMacieSession"),
        ("iam", "ListUsers"),
        ("iam", "ListRoles"),
        ("s3", "ListAllMyBuckets"),
        ("ec2", "DescribeVpcs"),
        ("ec2", "DescribeInstances"),
        ("lambda", "ListFunctions"),
        ("rds", "DescribeDBInstances"),
        ("kms", "ListKeys"),
        ("ssm", "DescribeParameters"),
        ("sns", "ListTopics"),
    ];
    let record = |(service, call): &(&str, &str)| {
        record(service, call, "developer", &not_authorized("developer", &format!("{service}:{call}"), "*"), json!({}))
    };
    let records: Vec<Value> = calls.iter().map(record).collect();
    let advice = advised(&records, &Expected::default());
    assert_eq!(advice[0].severity, Severity::Critical);
    assert!(advice.iter().flat_map(|one| &one.denied).all(|item| item.muted_by.is_none()));
}

fn rule(about: About) -> Rule {
    Rule {
        id: "r".into(),
        about,
        reason: "never allowed".into(),
        owner: "secops".into(),
        expires: None,
        limit: None,
        snooze: false,
    }
}

fn of_team(rule: Rule) -> Expected {
    Expected { rules: vec![rule], ..Expected::default() }
}

/// One denial of `s3:DeleteObject` by role `cleaner` on 2026-11-18 at 10:00.
fn deletion(n: u64) -> Value {
    let resource = "arn:aws:s3:::shop-web/a.txt";
    let more = json!({"requestParameters": {"bucketName": "shop-web", "key": "a.txt"}, "eventID": format!("e{n}")});
    record("s3", "DeleteObject", "cleaner", &not_authorized("cleaner", "s3:DeleteObject", resource), more)
}

#[track_caller]
fn check(about: About, expect: bool) {
    assert_eq!(muted_by(&deletion(1), &of_team(rule(about))).is_some(), expect);
}

#[test]
fn a_teams_rule_is_about_all_that_it_names() {
    let text = |text: &str| Some(text.to_owned());
    let about = About {
        principal: text("*:role/clean*"),
        permission: text("s3:Delete*"),
        resource: text("arn:aws:s3:::shop-web/*"),
        account: text("111122223333"),
        finding: text(&findings(&[deletion(1)])[0].id[..6]),
    };
    check(about.clone(), true);
    check(About { principal: text("cleaner"), ..About::default() }, true);
    check(About { principal: text("*/session"), ..about.clone() }, false);
    check(About { permission: text("s3:PutObject"), ..about.clone() }, false);
    check(About { resource: text("arn:aws:s3:::shop-web"), ..about.clone() }, false);
    check(About { account: text("444455556666"), ..about.clone() }, false);
    check(About { finding: text("D-AAAA"), ..about }, false);
}

#[test]
fn an_expired_rule_alerts_again() {
    let about = About { principal: Some("cleaner".into()), ..About::default() };
    let until = |end: &str| Rule { expires: end.parse().ok(), ..rule(about.clone()) };
    assert!(muted_by(&deletion(1), &of_team(until("2026-11-18T10:00:01Z"))).is_some());
    assert!(muted_by(&deletion(1), &of_team(until("2026-11-18T10:00:00Z"))).is_none());
}

#[test]
fn over_its_limit_a_rule_mutes_nothing() {
    let about = About { principal: Some("cleaner".into()), ..About::default() };
    let expected = of_team(Rule { limit: Some(3), ..rule(about) });
    let muted = |count: u64| {
        let records: Vec<Value> = (0..count).map(deletion).collect();
        advised(&records, &expected)[0].denied[0].status == Status::Muted
    };
    assert!(muted(3));
    assert!(!muted(4));
}

#[test]
fn a_snooze_keeps_the_verdict() {
    let about = About { principal: Some("cleaner".into()), ..About::default() };
    let snoozed = advised(&[deletion(1)], &of_team(Rule { snooze: true, ..rule(about) }));
    let loud = advised(&[deletion(1)], &Expected::default());
    assert_eq!(snoozed[0].verdict, loud[0].verdict);
    assert_eq!((snoozed[0].denied[0].status, loud[0].denied[0].status), (Status::Muted, Status::Open));
    assert!(snoozed[0].denied[0].diagnosis.evidence.last().unwrap().contains("never allowed"));
}
