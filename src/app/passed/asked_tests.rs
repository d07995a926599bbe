use super::super::Passed;
use crate::app::World;
use crate::app::scan::{Options, Scan};
use crate::diagnosis::InForce;
use crate::finding::Finding;
use crate::io::stores::{Filter, Ledger, MemoryLedger};
use jiff::Timestamp;
use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";
const START: i64 = 1_762_768_800;

/// A call of a user to take on a role, in a minute: refused, or not.
fn call(minute: i64, role: &str, is_denied: bool) -> Value {
    let (user, role) = (format!("arn:aws:iam::{ACCOUNT}:user/ana"), format!("arn:aws:iam::{ACCOUNT}:role/{role}"));
    let mut event = json!({"eventID": format!("{minute} {role}"), "eventTime": at(minute).to_string(), "awsRegion": "us-east-1",
        "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "arn": user, "accountId": ACCOUNT, "userName": "ana"},
        "requestParameters": {"roleArn": role}});
    if is_denied {
        event["errorCode"] = "AccessDenied".into();
        event["errorMessage"] =
            format!("User: {user} is not authorized to perform: sts:AssumeRole on resource: {role}").into();
    }
    event
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(START + minute * 60).unwrap()
}

/// Worked, denied, mended; and since then called more often than calls are kept, for this role and another.
fn history() -> Vec<Value> {
    let mut all = vec![call(0, "target", false), call(3, "target", false), call(5, "target", true)];
    all.extend((10..90).map(|minute| call(minute, if minute % 3 == 0 { "target" } else { "other" }, false)));
    all
}

fn before(findings: &[Finding]) -> Option<i64> {
    let item = findings[0].items.values().next().unwrap();
    item.allowed_before().map(|at| (at.as_second() - START) / 60)
}

/// In one memory, read by so many events at a time.
fn piped(events: &[Value], at_once: usize) -> Vec<Finding> {
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "pipe");
    for page in events.chunks(at_once) {
        scan.read(json!({"Records": page}).to_string().as_bytes(), "page");
    }
    scan.finish().unwrap();
    ledger.findings(&Filter::default()).unwrap()
}

/// As Event history, in runs that were ended, each kept in the ledger bit by bit.
fn remembered(runs: &[&[Value]], bit: usize) -> Vec<Finding> {
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    for events in runs {
        let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "history");
        scan.note_each();
        for page in events.chunks(bit) {
            scan.read(json!({"Records": page}).to_string().as_bytes(), "page");
            scan.remember(ACCOUNT).unwrap();
        }
        scan.note_remembered(ACCOUNT, &[], &Default::default(), Timestamp::MIN).unwrap();
        scan.finish().unwrap();
    }
    ledger.findings(&Filter::default()).unwrap()
}

#[test]
fn when_it_worked_is_known_however_many_calls_came_since() {
    let forward = history();
    let newest_first: Vec<Value> = forward.iter().rev().cloned().collect();
    for events in [&forward, &newest_first] {
        for at_once in [1, 7, 200] {
            assert_eq!(before(&piped(events, at_once)), Some(3), "{at_once} of a pipe");
        }
        for (cut, bit) in [(0, 1), (81, 1), (80, 40), (83, 100), (2, 3), (40, 100)] {
            let told = remembered(&[&events[..cut], &events[cut..]], bit);
            assert_eq!(before(&told), Some(3), "cut behind {cut}, by {bit}");
        }
    }
}

#[test]
fn a_call_that_worked_between_denials_is_the_one_to_tell() {
    let mut forward = history();
    // Denied once more, when its own calls were pushed out by others'.
    forward.extend((90..150).map(|minute| call(minute, "other", false)));
    forward.push(call(150, "target", true));
    forward.extend((160..230).map(|minute| call(minute, "target", false)));
    let newest_first: Vec<Value> = forward.iter().rev().cloned().collect();
    for events in [&forward, &newest_first] {
        assert_eq!(before(&piped(events, 9)), Some(87));
        assert_eq!(before(&remembered(&[&events[..140], &events[140..]], 9)), Some(87));
    }
}

#[test]
fn what_was_denied_is_bounded_and_that_which_was_denied_first_goes() {
    let mut passed = Passed::default();
    let given = World::new(InForce::default()).given();
    for minute in 0..60 {
        let event = call(minute, &format!("role-{minute}"), true).to_string();
        let (records, _) = crate::record::read(event.as_bytes(), "t");
        let catalog = crate::catalog::Catalog::embedded();
        passed.refuse(&crate::denial::from_record(&records[0], &given, catalog).unwrap());
    }
    let left = passed.asked.latest_first();
    assert_eq!((left.len(), left[49].1.resource.rsplit('-').next()), (super::OF_ONE, Some("10")));
    let all: usize = left.iter().map(|(watch, denied, _)| super::size(watch, denied)).sum();
    assert_eq!(passed.asked.bytes, all);
}
