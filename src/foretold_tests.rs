use super::*;
use crate::advice::{Advice, Context, advise};
use crate::denial::{Given, from_record};
use crate::diagnosis::{InForce, diagnose};
use crate::finding::{Pass, Sightings, Source, fold, observe};
use crate::patch::draft;
use crate::record::Record;
use crate::triage::expected::Expected;
use proptest::prelude::*;
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555";

/// KMS refuses the role, for S3.
fn denied(action: &str, at: &str, layer: &str) -> Value {
    let message = format!(
        "User: arn:aws:sts::111122223333:assumed-role/app/s is not authorized to perform: kms:{action} on resource: {KEY} because no {layer} policy allows the kms:{action} action"
    );
    json!({"eventID": format!("{action} {at} {layer}"), "eventTime": at, "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333", "eventSource": "kms.amazonaws.com", "eventName": action,
        "errorCode": "AccessDenied", "errorMessage": message, "sourceIPAddress": "s3.amazonaws.com",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/s",
            "accountId": "111122223333", "invokedBy": "s3.amazonaws.com",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/app",
                "accountId": "111122223333", "userName": "app"}}}})
}

fn findings(events: &[Value]) -> Vec<Finding> {
    let records = events.iter().filter_map(Record::from_value);
    let denials = records.filter_map(|record| from_record(&record, &Given::default(), Catalog::embedded()));
    fold(denials.map(|denial| {
        let diagnosed = diagnose(&denial);
        observe(denial, diagnosed)
    }))
}

fn advice(findings: &[Finding]) -> Vec<Advice> {
    let (in_force, expected) = (InForce::default(), Expected::default());
    let context = Context {
        catalog: Catalog::embedded(),
        in_force: &in_force,
        expected: &expected,
        changes: &Default::default(),
    };
    advise(findings, context)
}

/// What became of kms:Decrypt, which a denied kms:GenerateDataKey foretells.
fn outcome(findings: &[Finding]) -> Option<(Outcome, Option<String>)> {
    let all = advice(findings);
    let own =
        all.iter().find(|one| one.denied.iter().any(|item| item.action.as_deref() == Some("kms:GenerateDataKey")));
    let foretold = &own?.foretold;
    assert!(foretold.iter().filter(|one| one.action == "kms:Decrypt").count() <= 1, "each once");
    let one = foretold.iter().find(|one| one.action == "kms:Decrypt")?;
    Some((one.outcome, one.at.map(|at| at.to_string())))
}

const EARLY: &str = "2026-11-10T10:00:00Z";
const LATE: &str = "2026-11-10T12:00:00Z";

#[test]
fn a_later_denial_makes_it_come_true_in_this_finding_or_another() {
    assert_eq!(outcome(&findings(&[denied("GenerateDataKey", EARLY, "identity-based")])), Some((Outcome::Open, None)));
    for layer in ["identity-based", "resource-based"] {
        let both = [denied("GenerateDataKey", EARLY, "identity-based"), denied("Decrypt", LATE, layer)];
        assert_eq!(outcome(&findings(&both)), Some((Outcome::CameTrue, Some(LATE.into()))), "{layer}");
        let turned = [denied("GenerateDataKey", LATE, "identity-based"), denied("Decrypt", EARLY, layer)];
        assert_ne!(
            outcome(&findings(&turned)).map(|one| one.0),
            Some(Outcome::CameTrue),
            "what came before was not foretold"
        );
    }
    let elsewhere = denied("Decrypt", LATE, "resource-based").to_string().replace("5555555555", "6666666666");
    let other = [denied("GenerateDataKey", EARLY, "identity-based"), serde_json::from_str(&elsewhere).unwrap()];
    assert_eq!(outcome(&findings(&other)), Some((Outcome::Open, None)), "another key");
}

#[test]
fn a_use_without_a_refusal_makes_it_needless_and_a_refusal_outweighs_it() {
    let mut all = findings(&[denied("GenerateDataKey", EARLY, "identity-based")]);
    let used = [("kms:Decrypt".to_owned(), LATE.parse().unwrap())].into();
    let seen = all[0].sighted(Sightings { used, ..Sightings::default() }).unwrap();
    all[0].merge(seen.finding);
    assert_eq!(outcome(&all), Some((Outcome::Needless, Some(LATE.into()))));
    all.extend(findings(&[denied("Decrypt", "2026-11-11T12:00:00Z", "resource-based")]));
    assert_eq!(outcome(&all).map(|one| one.0), Some(Outcome::CameTrue));
}

#[test]
fn a_use_after_the_patch_does_not_say_that_it_was_there_before() {
    let outcome_with = |allowed: &str, used: &str| {
        let mut all = findings(&[denied("GenerateDataKey", EARLY, "identity-based")]);
        let key = all[0].items.keys().next().unwrap().clone();
        let seen = Sightings {
            allowed: [(key, [Pass::new(allowed.parse().unwrap(), "1")].into())].into(),
            used: [("kms:Decrypt".to_owned(), used.parse().unwrap())].into(),
            ..Sightings::default()
        };
        let seen = all[0].sighted(seen).unwrap();
        all[0].merge(seen.finding);
        outcome(&all).map(|one| one.0)
    };
    assert_eq!(outcome_with("2026-11-10T11:00:00Z", LATE), Some(Outcome::Open));
    assert_eq!(outcome_with(LATE, LATE), Some(Outcome::Open));
    assert_eq!(outcome_with("2026-11-10T13:00:00Z", LATE), Some(Outcome::Needless));
}

#[test]
fn a_use_where_nobody_sees_the_patched_call_stays_open() {
    let mut all = findings(&[denied("GenerateDataKey", EARLY, "identity-based")]);
    let key = all[0].items.keys().next().unwrap().clone();
    let seen = Sightings {
        looked: [(key, (Source::Nowhere, LATE.parse().unwrap()))].into(),
        used: [("kms:Decrypt".to_owned(), LATE.parse().unwrap())].into(),
        ..Sightings::default()
    };
    let seen = all[0].sighted(seen).unwrap();
    all[0].merge(seen.finding);
    assert_eq!(outcome(&all).map(|one| one.0), Some(Outcome::Open));
}

const LINES: &str = include_str!("../tests/fixtures/denials/denials.jsonl");

/// A role is refused this; alone `lambda:CreateEventSourceMapping` opens no road, but with new code it does.
fn refused(action: &str, resource: &str, at: &str) -> Value {
    let role = "arn:aws:sts::111122223333:assumed-role/app/s";
    let message = format!(
        "User: {role} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action"
    );
    let (service, name) = action.split_once(':').unwrap();
    json!({"eventID": format!("{action} {at}"), "eventTime": at, "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333", "eventSource": format!("{service}.amazonaws.com"), "eventName": name,
        "errorCode": "AccessDenied", "errorMessage": message, "sourceIPAddress": "192.0.2.10",
        "userIdentity": {"type": "AssumedRole", "arn": role, "accountId": "111122223333"}})
}

/// Denials of many services, a minute of seven each, and those of a road that is only open once both legs were refused.
fn over_time() -> Vec<Finding> {
    let lines = LINES.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut events: Vec<Value> = lines.filter_map(|line| line.get("record").cloned()).collect();
    for (number, event) in events.iter_mut().enumerate() {
        event["eventTime"] = format!("2026-11-10T10:0{}:00Z", number % 7).into();
    }
    events.push(refused(
        "lambda:CreateEventSourceMapping",
        "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:0a1b",
        EARLY,
    ));
    events.push(refused("ec2:RunInstances", "arn:aws:ec2:eu-west-1:111122223333:instance/*", EARLY));
    let function = "arn:aws:lambda:eu-west-1:111122223333:function:f";
    events.push(refused("lambda:UpdateFunctionCode", function, LATE));
    findings(&events)
}

#[test]
fn what_was_foreseen_is_what_the_earlier_items_alone_are_drafted_with() {
    let catalog = Catalog::embedded();
    let mut compared = 0;
    for finding in over_time() {
        let items = judged(&finding, None, catalog);
        for until in finding.items.values().map(|item| item.first_seen).collect::<BTreeSet<_>>() {
            let mut early = finding.clone();
            early.items.retain(|_, item| item.first_seen <= until);
            let drafted = draft(&early, None, catalog).into_iter().flat_map(|draft| draft.companions);
            let drafted: Vec<Companion> = drafted.collect();
            assert_eq!(foreseen(&finding, &items, until, None, catalog), drafted, "{} {until:?}", finding.id);
            compared += drafted.len();
        }
    }
    assert!(compared > 100, "{compared}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_order_never_shows(minutes in prop::collection::vec((0_i64..50, any::<bool>()), 1..8)) {
        let at = |minute: i64| (EARLY.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_mins(minute)).to_string();
        let event = |(minute, first): &(i64, bool)| denied(if *first { "GenerateDataKey" } else { "Decrypt" }, &at(*minute), "identity-based");
        let forward: Vec<Value> = minutes.iter().map(event).collect();
        let backward: Vec<Value> = forward.iter().rev().cloned().collect();
        prop_assert_eq!(outcome(&findings(&forward)), outcome(&findings(&backward)));
    }
}
