#![allow(clippy::disallowed_methods)] // tests write files

mod parts;
mod quick;

use super::*;
use crate::app::scan::{Options, Scan, scan};
use crate::app::{Looked, Progress, Step, World};
use crate::change::BEFORE;
use crate::diagnosis::InForce;
use crate::io::sources::many::Desk;
use crate::io::stores::{Filter, Ledger, MemoryLedger, Object};
use crate::record::{self, Problem};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const START: i64 = 1_762_768_800;

/// Day, caller, resource, what becomes of the call.
type Call = (i64, u64, u64, u64);

fn event(id: usize, (minute, who, what, kind): Call) -> Value {
    let at = Timestamp::from_second(START + minute * 60).unwrap();
    let arn = format!("arn:aws:sts::111122223333:assumed-role/role-{who}/s");
    let issuer = format!("arn:aws:iam::111122223333:role/role-{who}");
    let queue = format!("arn:aws:sqs:eu-west-1:111122223333:queue-{what}");
    let mut event = json!({
        "eventVersion": "1.08",
        "userIdentity": {"type": "AssumedRole", "arn": arn, "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": issuer, "userName": format!("role-{who}")}}},
        "eventTime": at.to_string(), "eventSource": "sqs.amazonaws.com", "eventName": "SendMessage",
        "awsRegion": "eu-west-1",
        "requestParameters": {"queueUrl": format!("https://sqs.eu-west-1.amazonaws.com/111122223333/queue-{what}")},
        "eventID": format!("e{id}"), "eventCategory": "Data", "recipientAccountId": "111122223333",
    });
    match kind {
        0 => {
            event["errorCode"] = "AccessDenied".into();
            event["errorMessage"] = format!(
                "User: {arn} is not authorized to perform: sqs:SendMessage on resource: {queue} because no \
                 identity-based policy allows the sqs:SendMessage action"
            )
            .into();
        }
        1 => {
            event["eventSource"] = "iam.amazonaws.com".into();
            event["eventName"] = "PutRolePolicy".into();
            event["requestParameters"] =
                json!({"roleName": format!("role-{what}"), "policyName": "p", "policyDocument": "{}"});
        }
        2 => event["eventSource"] = "sns.amazonaws.com".into(),
        _ => {}
    }
    event
}

/// Files as CloudTrail names them, of ten minutes each, written a little later.
fn archive(folder: &Path, calls: &[Call]) -> Vec<Value> {
    let events: Vec<Value> = calls.iter().enumerate().map(|(id, call)| event(id, *call)).collect();
    let mut files: std::collections::BTreeMap<i64, Vec<String>> = Default::default();
    for ((minute, ..), event) in calls.iter().zip(&events) {
        files.entry(minute / 10).or_default().push(event.to_string());
    }
    for (ten, records) in files {
        let at = Timestamp::from_second(START + ten * 600 + 900).unwrap().strftime("%Y%m%dT%H%MZ").to_string();
        let name = folder.join(format!("111122223333_CloudTrail_eu-west-1_{at}_x.json"));
        std::fs::write(name, format!(r#"{{"Records":[{}]}}"#, records.join(","))).unwrap();
    }
    events
}

#[track_caller]
fn check(calls: &[Call]) {
    let folder = tempfile::tempdir().unwrap();
    let events = archive(folder.path(), calls);
    let world = World::new(InForce::default());
    let mut looked = MemoryLedger::default();
    scan(&[folder.path().to_owned()], &mut looked, &world, Options::default(), &mut |_| {}).unwrap();
    let mut read = MemoryLedger::default();
    let mut full = Scan::begin(&mut read, &world, Options::default(), "all");
    full.read(json!({"Records": events}).to_string().as_bytes(), "all");
    full.finish().unwrap();
    let all = |ledger: &MemoryLedger| {
        let mut all = ledger.findings(&Filter::default()).unwrap();
        // How far the log reaches is told by the files' first and last records alone: never further than it does.
        for item in all.iter_mut().flat_map(|finding| finding.items.values_mut()) {
            item.looked.clear();
            // Nor is anything looked for that lies longer before the denials than a change may.
            let since = item.first_seen.and_then(|first| first.checked_sub(BEFORE).ok());
            item.before.retain(|at| since.is_some_and(|since| *at >= since));
        }
        all
    };
    assert_eq!(all(&looked), all(&read));
    let changes = |ledger: &MemoryLedger| {
        let targets = (0..3).flat_map(|who| [format!("role 111122223333 role-{who}")]).collect();
        ledger.changes(&targets).unwrap()
    };
    assert_eq!(changes(&looked).is_empty(), changes(&read).is_empty());
}

/// Around denials of role 1, at minute 100, of so many queues.
pub(super) fn around_items(count: u64) -> Around {
    let mut ledger = MemoryLedger::default();
    let world = World::new(InForce::default());
    let mut full = Scan::begin(&mut ledger, &world, Options::default(), "one");
    let events: Vec<Value> = (1..=count).map(|what| event(what as usize, (100, 1, what, 0))).collect();
    full.read(json!({"Records": events}).to_string().as_bytes(), "one");
    full.finish().unwrap();
    let mut around = Around::new();
    for finding in ledger.findings(&Filter::default()).unwrap() {
        around.add(&finding, true, Catalog::embedded());
    }
    around
}

#[test]
fn the_call_before_and_the_call_after_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let day = 24 * 60;
    archive(
        folder.path(),
        &[(0, 1, 1, 3), (day, 1, 1, 3), (2 * day, 1, 1, 0), (2 * day + 5, 1, 1, 3), (3 * day, 2, 1, 3)],
    );
    let world = World::new(InForce::default());
    let mut ledger = MemoryLedger::default();
    let told = scan(&[folder.path().to_owned()], &mut ledger, &world, Options::default(), &mut |_| {}).unwrap();
    let item = &told.findings[0].denied[0];
    assert_eq!(item.allowed_before, Timestamp::from_second(START + day * 60).ok());
    assert_eq!(item.allowed_since.map(|since| since.count), Some(1));
    let one = Options { one_look: true, again: true, ..Options::default() };
    let told = scan(&[folder.path().to_owned()], &mut MemoryLedger::default(), &world, one, &mut |_| {}).unwrap();
    assert_eq!((told.findings[0].denied[0].allowed_before, told.findings[0].count), (None, 1));
}

/// Denied once, mended, allowed for days, denied again and allowed often: read at once, and day by day.
#[test]
fn between_denials_the_last_call_that_succeeded_is_told() {
    let day = 24 * 60;
    let mut calls = vec![(0, 1, 1, 3), (day, 1, 1, 0)];
    calls.extend((2..6).map(|at| (at * day, 1, 1, 3)));
    calls.push((6 * day, 1, 1, 0));
    calls.extend((1..70).map(|at| (6 * day + at * 10, 1, 1, 3)));
    for runs in [vec![calls.len()], vec![6, 7, calls.len()], (1..=calls.len()).collect()] {
        for one_look in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
            let mut told = None;
            for until in &runs {
                archive(folder.path(), &calls[..*until]);
                let options = Options { one_look, ..Options::default() };
                told = scan(&[folder.path().to_owned()], &mut ledger, &world, options, &mut |_| {}).unwrap().into();
            }
            if one_look {
                told = scan(&[folder.path().to_owned()], &mut ledger, &world, Options::default(), &mut |_| {})
                    .unwrap()
                    .into();
            }
            let item = &told.unwrap().findings[0].denied[0];
            assert_eq!(item.allowed_before, Timestamp::from_second(START + 5 * day * 60).ok(), "{one_look} {runs:?}");
            assert_eq!(item.allowed_since.map(|since| since.at_least), Some(true));
        }
    }
}

#[test]
fn a_later_file_tells_of_an_older_finding() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(InForce::default());
    let mut ledger = MemoryLedger::default();
    let mut run = |calls: &[Call]| {
        archive(folder.path(), calls);
        scan(&[folder.path().to_owned()], &mut ledger, &world, Options::default(), &mut |_| {}).unwrap()
    };
    assert_eq!(run(&[(0, 1, 1, 0)]).findings[0].denied[0].allowed_since, None);
    let again = run(&[(5_000, 1, 1, 3)]);
    assert_eq!((again.stats.files, again.stats.known), (2, 1));
    assert_eq!(again.findings[0].denied[0].allowed_since.map(|since| since.count), Some(1));
    // Nothing is new: the same is shown.
    let third = run(&[]);
    assert_eq!((third.stats.known, third.findings[0].denied[0].allowed_since.map(|since| since.count)), (2, Some(1)));
}

#[test]
fn a_scan_that_was_ended_before_its_second_look_is_made_up_for() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let day = 24 * 60;
    let calls = [(day, 1, 1, 3), (2 * day, 1, 1, 0), (2 * day + 60, 1, 1, 3)];
    for files in 1..=3 {
        let folder = tempfile::tempdir().unwrap();
        archive(folder.path(), &calls);
        let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
        let run = |ledger: &mut MemoryLedger, stops_at: u64| {
            STOP.store(false, Relaxed);
            let options = Options { stop: Some(&STOP), threads: 1, ..Options::default() };
            let mut progress = |progress: &Progress<'_>| {
                STOP.store(progress.stats.files >= stops_at, Relaxed);
            };
            scan(&[folder.path().to_owned()], ledger, &world, options, &mut progress).unwrap()
        };
        assert!(run(&mut ledger, files).interrupted);
        let told = run(&mut ledger, 9);
        assert_eq!((told.stats.known, told.findings[0].count), (files, 1));
        let item = &told.findings[0].denied[0];
        assert_eq!(item.allowed_before, Timestamp::from_second(START + day * 60).ok(), "{files}");
        assert_eq!(item.allowed_since.map(|since| since.count), Some(1), "{files}");
        // It is made up for once, and a third scan adds nothing.
        let before = ledger.findings(&Filter::default()).unwrap();
        run(&mut ledger, 9);
        assert_eq!(ledger.findings(&Filter::default()).unwrap(), before);
        assert_eq!(ledger.state(&format!("second look at {}", folder.path().display())).unwrap(), None);
    }
}

#[test]
fn the_second_look_is_watched_to_its_end() {
    let day = 24 * 60;
    let folder = tempfile::tempdir().unwrap();
    // Of the four files the one of another account cannot tell.
    archive(folder.path(), &[(day, 1, 1, 3), (2 * day, 1, 1, 0), (2 * day + 60, 1, 1, 3)]);
    let other = folder.path().join("444455556666_CloudTrail_eu-west-1_20251113T1000Z_x.json");
    std::fs::write(other, r#"{"Records":[]}"#).unwrap();
    let bytes: u64 = std::fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().metadata().unwrap().len()).sum();
    for threads in [1, 2] {
        let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let options = Options { threads, ..Options::default() };
        let mut watch = |progress: &Progress<'_>| match progress.step {
            Step::SecondLook(looked) => second.push(looked),
            _ => first.push(*progress.stats),
        };
        scan(&[folder.path().to_owned()], &mut ledger, &world, options, &mut watch).unwrap();
        let all = |looked: &Looked| (looked.passed.files, looked.passed.bytes);
        assert_eq!((first.last().unwrap().bytes_read, second.last().map(all)), (bytes, Some((4, bytes))));
        assert!(second.is_sorted_by_key(all) && second.last().unwrap().bytes_read < bytes, "{second:?}");
        // A scan that reads nothing anew has nothing to be measured by.
        let known = scan(&[folder.path().to_owned()], &mut ledger, &world, Options::default(), &mut |_| {}).unwrap();
        assert_eq!((known.stats.bytes_read, known.stats.bytes_known), (bytes, bytes));
    }
}

#[test]
fn a_scan_of_one_look_leaves_the_second_to_the_next() {
    let day = 24 * 60;
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path(), &[(day, 1, 1, 3), (2 * day, 1, 1, 0), (2 * day + 60, 1, 1, 3)]);
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let mut run = |one_look: bool| {
        let options = Options { one_look, threads: 1, ..Options::default() };
        let told = scan(&[folder.path().to_owned()], &mut ledger, &world, options, &mut |_| {}).unwrap();
        let item = &told.findings[0].denied[0];
        (told.stats.known, item.allowed_before.is_some(), item.allowed_since.map(|since| since.count))
    };
    assert_eq!(run(true), (0, false, None));
    assert_eq!(run(true), (3, false, None));
    assert_eq!(run(false), (3, true, Some(1)));
}

#[test]
fn an_owed_file_that_cannot_be_read_is_told_and_stays_owed() {
    use crate::io::sources::many::Desk;
    let day = 24 * 60;
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path(), &[(day, 1, 1, 3), (2 * day, 1, 1, 0), (2 * day + 60, 1, 1, 3)]);
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let one = Options { one_look: true, ..Options::default() };
    scan(&[folder.path().to_owned()], &mut ledger, &world, one, &mut |_| {}).unwrap();
    let input = folder.path().display().to_string();
    let state = |ledger: &MemoryLedger| ledger.state(&format!("second look at {input}")).unwrap().unwrap_or_default();
    let problem = |input: &str| record::Problem { input: input.to_owned(), error: "Input/output error".to_owned() };
    let look = |ledger: &mut MemoryLedger, told: &[&str], failing: &[&str]| {
        let mut scan = Scan::begin(ledger, &world, Options::default(), &input);
        scan.note_each();
        scan.look_twice(&Default::default()).unwrap();
        scan.problems.extend(told.iter().map(|input| problem(input)));
        scan.look_around(|looking| {
            for input in failing {
                let _ = looking.take(Err(problem(input)));
            }
        })
        .unwrap();
        scan.finish().unwrap().problems.len()
    };
    assert_eq!(look(&mut ledger, &[], &["a"]), 1, "it is told");
    assert_eq!(state(&ledger), "{}", "it stays owed");
    assert_eq!(look(&mut ledger, &["folder"], &["folder"]), 1, "it is told once");
    assert_eq!(state(&ledger), "{}", "what is in the folder stays owed");
    assert_eq!(look(&mut ledger, &[], &[]), 0);
    assert_eq!(state(&ledger), "");
}

#[test]
fn files_that_cannot_tell_are_left_alone() {
    let calls = [(40 * 24 * 60, 1, 1, 0)];
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path(), &calls);
    let world = World::new(InForce::default());
    let mut ledger = MemoryLedger::default();
    scan(&[folder.path().to_owned()], &mut ledger, &world, Options::default(), &mut |_| {}).unwrap();
    let mut around = Around::new();
    assert!(around.is_empty() && !around.wants("events.json", true));
    for finding in ledger.findings(&Filter::default()).unwrap() {
        around.add(&finding, true, Catalog::embedded());
    }
    let name = |account: &str, region: &str, day: &str| format!("{account}_CloudTrail_{region}_{day}T1000Z_x.json.gz");
    assert!(around.wants(&name("111122223333", "eu-west-1", "20251220"), false));
    assert!(around.wants(&name("111122223333", "us-east-1", "20261220"), false), "IAM's own");
    assert!(!around.wants(&name("111122223333", "ap-south-1", "20261220"), false), "neither called nor lying there");
    assert!(!around.wants(&name("111122223333", "eu-west-1", "20251110"), true));
    assert!(around.wants(&name("444455556666", "us-east-1", "20251220"), false));
    assert!(!around.wants(&name("444455556666", "eu-west-1", "20251220"), true));
    assert!(around.wants("events.json", false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_second_look_tells_what_reading_all_tells(
        calls in prop::collection::vec((0_i64..30_000, 0_u64..3, 0_u64..2, 0_u64..5), 1..40)
    ) {
        check(&calls);
    }
}
