use super::*;
use crate::advice::{Advice, Context, DeniedItem, Status, advise};
use crate::denial::{Given, from_record};
use crate::diagnosis::{InForce, diagnose};
use crate::finding::{Pass, Sightings, fold, observe};
use crate::patch::Applicability;
use crate::record;
use crate::triage::Verdict;
use crate::triage::expected::{About, Expected, Rule};
use proptest::prelude::*;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555";

fn event(id: &str, second: i64, source: &str, operation: &str, message: &str, more: Value) -> Value {
    let at = Timestamp::from_second(1_762_875_000 + second).unwrap().to_string();
    let mut event = json!({
        "eventID": id, "eventTime": at, "awsRegion": "eu-west-1", "recipientAccountId": "111122223333",
        "eventSource": format!("{source}.amazonaws.com"), "eventName": operation, "errorCode": "AccessDenied",
        "errorMessage": message, "sourceIPAddress": "192.0.2.10",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/s", "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE, "accountId": "111122223333", "userName": "app"}}}});
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

fn s3(second: i64, key: &str) -> Value {
    let params = json!({"requestParameters": {"bucketName": "shop", "key": key}});
    event(&format!("s3-{second}-{key}"), second, "s3", "GetObject", "Access Denied", params)
}

fn kms(second: i64, layer: &str) -> Value {
    let message = format!(
        "User: arn:aws:sts::111122223333:assumed-role/app/s is not authorized to perform: kms:Decrypt on resource: {KEY} because no {layer} policy allows the kms:Decrypt action"
    );
    let mut event = event(&format!("kms-{second}-{layer}"), second, "kms", "Decrypt", &message, json!({}));
    event["userIdentity"]["invokedBy"] = "s3.amazonaws.com".into();
    event
}

fn findings(events: &[Value]) -> Vec<Finding> {
    let (records, problems) = record::read(json!({"Records": events}).to_string().as_bytes(), "test");
    assert_eq!(problems, []);
    let denials = records.iter().filter_map(|record| from_record(record, &Given::default(), Catalog::embedded()));
    fold(denials.map(|denial| {
        let diagnosed = diagnose(&denial);
        observe(denial, diagnosed)
    }))
}

fn advice(findings: &[Finding]) -> Vec<Advice> {
    let (catalog, in_force, expected) = (Catalog::embedded(), InForce::default(), Expected::default());
    advise(findings, Context { catalog, in_force: &in_force, expected: &expected, changes: &Default::default() })
}

fn actions(advice: &[Advice]) -> Vec<String> {
    let documents = advice.iter().flat_map(|one| &one.patches).filter_map(|patch| patch.document.as_ref());
    let mut text: Vec<String> = documents.map(|document| serde_json::to_string(document).unwrap()).collect();
    text.sort();
    text
}

#[test]
fn kms_behind_s3_is_one_act_and_asks_for_nothing_of_s3() {
    let all = advice(&findings(&[s3(10, "a"), kms(10, "identity-based")]));
    assert_eq!(all.len(), 1, "one principal, one policy");
    assert_eq!((all[0].verdict, all[0].count), (Verdict::Patch, 2));
    let documents = actions(&all);
    assert!(
        documents.len() == 1 && documents[0].contains("kms:Decrypt") && !documents[0].contains("s3:"),
        "{documents:?}"
    );
    let s3 = all[0].denied.iter().find(|item| item.action.as_deref() == Some("s3:GetObject")).unwrap();
    assert_eq!((s3.verdict, s3.diagnosis.cause), (Verdict::Patch, Cause::KmsBehind));
    assert!(s3.diagnosis.summary.contains("`kms:Decrypt`"), "{}", s3.diagnosis.summary);
    let kms = all[0].denied.iter().find(|item| item.action.as_deref() == Some("kms:Decrypt")).unwrap();
    assert!(
        kms.diagnosis
            .evidence
            .iter()
            .any(|told| told.starts_with("one act: S3") && told.contains("`arn:aws:s3:::shop/a`"))
    );
}

#[test]
fn what_mutes_the_refusal_of_kms_mutes_the_answer_of_s3() {
    let about = About { permission: Some("kms:*".into()), ..About::default() };
    let rule = Rule {
        id: "no-kms".into(),
        about,
        reason: "r".into(),
        owner: "o".into(),
        expires: None,
        limit: None,
        snooze: false,
    };
    let expected = Expected { rules: vec![rule], ..Expected::default() };
    let context = Context {
        catalog: Catalog::embedded(),
        in_force: &InForce::default(),
        expected: &expected,
        changes: &Default::default(),
    };
    let all = advise(&findings(&[s3(10, "a"), kms(10, "identity-based")]), context);
    let told = |item: &DeniedItem| (item.verdict, item.status, item.muted_by.clone());
    let muted = (Verdict::Expected, Status::Muted, Some("no-kms".to_owned()));
    assert_eq!(all[0].denied.iter().map(told).collect::<Vec<_>>(), [muted.clone(), muted]);
}

#[test]
fn a_key_policy_behind_s3_makes_both_the_owners() {
    let all = advice(&findings(&[s3(10, "a"), kms(9, "resource-based")]));
    assert_eq!(all.iter().map(|one| one.verdict).collect::<Vec<_>>(), [Verdict::Owner, Verdict::Owner]);
    assert!(actions(&all).iter().all(|text| !text.contains("s3:")), "{:?}", actions(&all));
    let s3 = all.iter().find(|one| one.diagnosis.cause == Cause::KmsBehind).unwrap();
    assert!(s3.patches.iter().all(|patch| patch.applicability == Applicability::Explain));
}

#[track_caller]
fn unlinked(events: &[Value]) {
    let all = advice(&findings(events));
    assert!(all.iter().flat_map(|one| &one.denied).all(|item| item.diagnosis.cause != Cause::KmsBehind));
}

#[test]
fn only_the_same_caller_and_second_and_a_call_through_s3_link() {
    unlinked(&[s3(10, "a"), kms(12, "identity-based")]);
    unlinked(&[s3(10, "a"), kms(11, "identity-based")]);
    let mut other = kms(10, "identity-based");
    other["userIdentity"]["sessionContext"]["sessionIssuer"] = json!({"type": "Role", "accountId": "111122223333",
        "arn": "arn:aws:iam::111122223333:role/other", "userName": "other"});
    unlinked(&[s3(10, "a"), other]);
    let mut direct = kms(10, "identity-based");
    direct["userIdentity"].as_object_mut().unwrap().remove("invokedBy");
    unlinked(&[s3(10, "a"), direct]);
    let mut elsewhere = kms(10, "identity-based");
    elsewhere["awsRegion"] = "us-east-1".into();
    unlinked(&[s3(10, "a"), elsewhere]);
    // One of two refusals is not explained: S3's own permission may be missing as well.
    let all = advice(&findings(&[s3(10, "a"), s3(99, "a"), kms(10, "identity-based")]));
    let s3 = all[0].denied.iter().find(|item| item.action.as_deref() == Some("s3:GetObject")).unwrap();
    assert_eq!(s3.diagnosis.cause, Cause::BareDenial);
    assert!(s3.diagnosis.evidence.iter().any(|told| told.starts_with("some of these calls")));
}

#[test]
fn many_objects_stand_behind_one_key() {
    let events: Vec<Value> =
        (0..300).flat_map(|at| [s3(at * 3, &format!("k{}", at % 7)), kms(at * 3, "identity-based")]).collect();
    let all = advice(&findings(&events));
    let bare = all.iter().flat_map(|one| &one.denied).filter(|item| item.diagnosis.cause == Cause::BareDenial).count();
    assert_eq!(bare, 0, "also beyond the seconds that are kept");
    let told = all.iter().flat_map(|one| &one.denied).flat_map(|item| &item.diagnosis.evidence);
    assert!(told.clone().any(|words| words.ends_with("and 4 more")), "{:?}", told.collect::<Vec<_>>());
}

#[test]
fn a_passed_role_and_its_operation_are_one_act() {
    let function = "arn:aws:lambda:eu-west-1:111122223333:function:f";
    let say = |action: &str, on: &str| {
        format!(
            "User: arn:aws:sts::111122223333:assumed-role/app/s is not authorized to perform: {action} on resource: {on} because no identity-based policy allows the {action} action"
        )
    };
    let create = event("1", 0, "lambda", "CreateFunction20150331", &say("lambda:CreateFunction", function), json!({}));
    let pass = event(
        "2",
        300,
        "lambda",
        "CreateFunction20150331",
        &say("iam:PassRole", "arn:aws:iam::111122223333:role/fn"),
        json!({}),
    );
    let all = advice(&findings(&[create.clone(), pass]));
    let told = |action: &str| {
        let item = all[0].denied.iter().find(|item| item.action.as_deref() == Some(action)).unwrap();
        item.diagnosis.evidence.iter().any(|told| told.contains("`lambda:CreateFunction20150331` needs both"))
    };
    assert!(told("lambda:CreateFunction") && told("iam:PassRole"));
    let late = event(
        "2",
        90_000,
        "lambda",
        "CreateFunction20150331",
        &say("iam:PassRole", "arn:aws:iam::111122223333:role/fn"),
        json!({}),
    );
    let apart = advice(&findings(&[create, late]));
    assert!(apart[0].denied.iter().all(|item| item.diagnosis.evidence.iter().all(|told| !told.contains("needs both"))));
}

fn allowed_at(action: &str, seconds: &[i64]) -> Vec<Advice> {
    let message = format!(
        "User: arn:aws:sts::111122223333:assumed-role/app/s is not authorized to perform: {action} on resource: arn:aws:iam::111122223333:role/r"
    );
    let (service, operation) = action.split_once(':').unwrap();
    let denied = [0, 5].map(|second| event(&format!("d{second}"), second, service, operation, &message, json!({})));
    let mut all = findings(&denied);
    let key = all[0].items.keys().next().unwrap().clone();
    for second in seconds {
        let pass = Pass::new(Timestamp::from_second(1_762_875_000 + second).unwrap(), "allowed");
        let allowed = BTreeMap::from([(key.clone(), BTreeSet::from([pass]))]);
        let extra = all[0].sighted(Sightings { allowed, ..Sightings::default() }).unwrap();
        all[0].merge(extra.finding);
    }
    advice(&all)
}

#[test]
fn a_denial_that_soon_succeeds_has_passed() {
    let passed = allowed_at("sts:AssumeRole", &[8]);
    assert_eq!((passed[0].verdict, passed[0].count), (Verdict::Transient, 2));
    assert!(passed[0].diagnosis.summary.ends_with("the same call was allowed 3 s after the last time"));
    assert_eq!((passed[0].denied[0].status, actions(&passed)), (Status::Resolved, vec![]));
    let late = allowed_at("sts:AssumeRole", &[5 + 16 * 60]);
    assert_eq!((late[0].verdict, late[0].denied[0].status), (Verdict::Review, Status::Resolved));
    let before = allowed_at("sts:AssumeRole", &[3]);
    assert_eq!((before[0].verdict, before[0].denied[0].status), (Verdict::Review, Status::Open));
    let road = allowed_at("iam:UpdateAssumeRolePolicy", &[8]);
    assert_ne!(road[0].verdict, Verdict::Transient, "whoever gave itself the power is not passing");
}

#[test]
fn what_was_never_counted_is_not_shown() {
    let mut all = findings(&[kms(0, "identity-based")]);
    let other = findings(&[s3(0, "a")]).remove(0);
    all[0].merge(other.clone().uncounted());
    all.push(findings(&[kms(0, "resource-based")]).remove(0).uncounted());
    let shown = advice(&all);
    assert_eq!(shown.iter().map(|one| (one.count, one.denied.len())).collect::<Vec<_>>(), [(1, 1)]);
}

proptest! {
    #[test]
    fn links_do_not_depend_on_the_order_of_events(
        seconds in prop::collection::vec((0_i64..8, 0_i64..8, 0_usize..3), 1..8), seed in any::<u64>()
    ) {
        let mut events = Vec::new();
        for (s3_at, kms_at, layer) in &seconds {
            events.push(s3(*s3_at, "a"));
            events.push(kms(*kms_at, ["identity-based", "resource-based", "identity-based"][*layer]));
        }
        let forward = advice(&findings(&events));
        events.sort_by_cached_key(|event| event.to_string().bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())));
        prop_assert_eq!(serde_json::to_string(&forward).unwrap(), serde_json::to_string(&advice(&findings(&events))).unwrap());
    }
}
