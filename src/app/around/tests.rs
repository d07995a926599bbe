#![allow(clippy::disallowed_methods)] // tests write files

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

/// 200 roles that were refused and allowed, in three files, looked around so many bytes at a time; where one `is_broken`, the
/// second cannot be read at the second look. Returns the parts, what was told, and the findings.
#[cfg(feature = "sqlite")]
fn in_parts(sought_at_once: usize, is_broken: bool) -> (usize, Vec<Problem>, Vec<Finding>, bool) {
    let home = tempfile::tempdir().unwrap();
    let mut ledger = crate::io::stores::SqliteLedger::open(&home.path().join("ledger.db")).unwrap();
    let world = World::new(InForce::default());
    let day = 24 * 60;
    let files = [(0, 3), (day, 0), (2 * day, 3)].map(|(minute, kind)| {
        let records: Vec<Value> =
            (0..200).map(|who| event((minute * 300) as usize + who as usize, (minute, who, who, kind))).collect();
        let object = Object { key: minute.to_string(), mark: "m".to_owned() };
        (object, json!({"Records": records}).to_string())
    });
    let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "parts");
    scan.note_each();
    scan.look_twice(&Default::default()).unwrap();
    scan.sought_at_once = sought_at_once;
    files.iter().for_each(|(object, text)| scan.object(object.clone(), text.as_bytes()));
    let mut parts = 0;
    let look = |looking: &mut crate::app::looking::Looking<'_>| {
        parts += 1;
        let mut seeker = Seeker::new(looking.around(), Catalog::embedded());
        for (at, (object, text)) in files.iter().enumerate() {
            assert!(looking.wants(object));
            match is_broken && at == 1 {
                true => {
                    let (input, error) = (object.key.clone(), "it is broken".to_owned());
                    assert!(looking.take(Err(Problem { input, error })).is_continue());
                }
                false => assert!(looking.found(seeker.seek("x", text.as_bytes()))),
            }
        }
    };
    scan.look_around(look).unwrap();
    let problems = scan.finish().unwrap().problems;
    let is_owed = Scan::begin(&mut ledger, &world, Options::default(), "parts");
    let is_owed = {
        let mut next = is_owed;
        next.look_twice(&Default::default()).unwrap();
        next.is_owed()
    };
    (parts, problems, ledger.findings(&Filter::default()).unwrap(), is_owed)
}

#[cfg(feature = "sqlite")]
#[test]
fn a_look_in_parts_tells_what_one_look_tells() {
    let (parts, problems, whole, is_owed) = in_parts(usize::MAX, false);
    assert_eq!((parts, problems, is_owed), (1, vec![], false));
    assert!(
        whole.iter().flat_map(|one| one.items.values()).all(|item| item.allowed.len() == 1 && item.before.len() == 1)
    );
    for (bytes, expect) in [(0, 4), (25_000, 2)] {
        let (parts, problems, findings, is_owed) = in_parts(bytes, false);
        assert_eq!((parts, problems, is_owed), (expect, vec![], false));
        assert_eq!(findings, whole, "{bytes}");
    }
}

/// Of 150 roles of one account whose log holds no data events of SQS, and of one of another's whose does, all refused SQS:
/// whose calls were looked at, with so many bytes at a time.
#[cfg(feature = "sqlite")]
fn looked_of_two_accounts(sought_at_once: usize) -> (usize, Vec<String>) {
    let home = tempfile::tempdir().unwrap();
    let mut ledger = crate::io::stores::SqliteLedger::open(&home.path().join("ledger.db")).unwrap();
    let world = World::new(InForce::default());
    let file = |account: &str, time: &str, from: usize, calls: &[Call]| {
        let records: Vec<Value> = calls.iter().enumerate().map(|(id, call)| event(from + id, *call)).collect();
        let key = format!("{account}_CloudTrail_eu-west-1_20251110T{time}Z_x.json");
        let text = json!({"Records": records}).to_string().replace("111122223333", account);
        (Object { key, mark: "m".to_owned() }, text)
    };
    let refused: Vec<Call> = (0..150).map(|who| (0, who, 1, 0)).collect();
    let files = [
        file("111122223333", "1005", 0, &refused),
        file("111122223333", "1105", 200, &[(60, 1, 1, 2)]),
        file("444455556666", "1005", 300, &[(0, 1, 1, 0)]),
        file("444455556666", "1105", 400, &[(60, 1, 1, 3)]),
    ];
    let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "accounts");
    scan.note_each();
    scan.look_twice(&Default::default()).unwrap();
    scan.sought_at_once = sought_at_once;
    files.iter().for_each(|(object, text)| scan.object(object.clone(), text.as_bytes()));
    let mut parts = 0;
    scan.look_around(|looking| {
        parts += 1;
        let mut seeker = Seeker::new(looking.around(), Catalog::embedded());
        for (object, text) in &files {
            if looking.wants(object) {
                assert!(looking.found(seeker.seek(&object.key, text.as_bytes())));
            }
        }
    })
    .unwrap();
    scan.finish().unwrap();
    let findings = ledger.findings(&Filter::default()).unwrap();
    assert_eq!(findings.len(), 151);
    let is_looked = |finding: &Finding| finding.items.values().any(|item| !item.looked.is_empty());
    (parts, findings.into_iter().filter(is_looked).filter_map(|finding| finding.account).collect())
}

#[cfg(feature = "sqlite")]
#[test]
fn one_accounts_trail_says_nothing_of_anothers_in_parts_or_at_once() {
    let other = vec!["444455556666".to_owned()];
    assert_eq!(looked_of_two_accounts(usize::MAX), (1, other.clone()));
    assert_eq!(looked_of_two_accounts(0), (3, other));
}

#[cfg(feature = "sqlite")]
#[test]
fn what_cannot_be_read_is_told_once_and_owed_however_many_parts_meet_it() {
    let (_, problems, whole, is_owed) = in_parts(usize::MAX, true);
    assert_eq!((problems.len(), is_owed), (1, true));
    assert!(whole.iter().flat_map(|one| one.items.values()).all(|item| item.looked.is_empty()), "nobody knows how far");
    let (parts, again, findings, is_owed) = in_parts(0, true);
    assert_eq!((parts, again, is_owed), (4, problems, true));
    assert_eq!(findings, whole);
}

#[cfg(feature = "sqlite")]
#[test]
fn what_could_not_be_read_stays_owed_where_the_findings_left_to_look_around_are_gone() {
    for is_partial in [true, false] {
        let home = tempfile::tempdir().unwrap();
        let mut ledger = crate::io::stores::SqliteLedger::open(&home.path().join("ledger.db")).unwrap();
        let world = World::new(InForce::default());
        let records: Vec<Value> = (0..100).map(|who| event(who as usize, (0, who, 1, 0))).collect();
        let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "gone");
        scan.note_each();
        scan.look_twice(&Default::default()).unwrap();
        scan.sought_at_once = 0;
        let object = Object { key: "0".to_owned(), mark: "m".to_owned() };
        scan.object(object, json!({"Records": records}).to_string().as_bytes());
        let mut parts = Default::default();
        let around = scan.around(&mut parts).unwrap().unwrap();
        let mut looking = scan.looking(&around, &parts);
        looking.fail(Problem { input: "0".to_owned(), error: "it is broken".to_owned() }, is_partial);
        let told = looking.end();
        scan.note_looked(told, &around, &mut parts).unwrap();
        for who in 0..100 {
            scan.ledger.purge(&format!("role-{who}")).unwrap();
        }
        assert!(scan.around(&mut parts).unwrap().is_none());
        scan.finish().unwrap();
        let is_paid = ledger.state("second look at gone").unwrap().is_none_or(|owed| owed.is_empty());
        assert_eq!(is_paid, !is_partial);
    }
}

/// 100 roles that were refused, and allowed five times since, file by file; what is put aside is lost behind so many files.
/// Returns what was told, how many findings know how far their calls were looked at, and whether the look is owed.
fn with_a_loss(behind: usize) -> (Vec<Problem>, usize, bool) {
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let files = [0, 3, 3, 3, 3, 3].into_iter().enumerate().map(|(at, kind)| {
        let call = |who: u64| event(at * 100 + who as usize, (at as i64, who, who, kind));
        let object = Object { key: at.to_string(), mark: "m".to_owned() };
        (object, json!({"Records": (0..100).map(call).collect::<Vec<_>>()}).to_string())
    });
    let files: Vec<(Object, String)> = files.collect();
    let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "lost");
    scan.note_each();
    scan.look_twice(&Default::default()).unwrap();
    files.iter().for_each(|(object, text)| scan.object(object.clone(), text.as_bytes()));
    let look = |looking: &mut crate::app::looking::Looking<'_>| {
        // Some hundred bytes in memory are those of few calls.
        looking.seen = Sum::holding(15_000);
        let mut seeker = Seeker::new(looking.around(), Catalog::embedded());
        for (at, (_, text)) in files.iter().enumerate() {
            if at == behind {
                looking.seen.lose();
            }
            assert!(looking.found(seeker.seek("x", text.as_bytes())), "the look goes on");
        }
        if behind == files.len() {
            looking.seen.lose();
        }
    };
    scan.look_around(look).unwrap();
    let problems = scan.finish().unwrap().problems;
    let findings = ledger.findings(&Filter::default()).unwrap();
    let is_looked = |finding: &&Finding| finding.items.values().any(|item| !item.looked.is_empty());
    let is_owed = ledger.state("second look at lost").unwrap().is_some_and(|owed| !owed.is_empty());
    (problems, findings.iter().filter(is_looked).count(), is_owed)
}

#[test]
fn what_was_put_aside_and_is_lost_is_told_and_owed() {
    assert_eq!(with_a_loss(usize::MAX), (vec![], 100, false));
    for behind in [3, 6] {
        let (problems, looked, is_owed) = with_a_loss(behind);
        let told = "some of the allowed calls that the second look had seen could not be read again from a temporary file: of \
            some findings it is not known how far their calls were looked at, and the next scan of the same sources has to \
            look again: ";
        assert!(problems.len() == 1 && problems[0].error.starts_with(told), "{problems:?}");
        assert_eq!((problems[0].input.as_str(), looked, is_owed), ("lost", 0, true), "{behind}");
    }
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

/// An event of role 1 that may be a call of its, and what of it is written otherwise than CloudTrail writes it.
fn hostile(id: usize, minute: i64, what: u64, turn: usize) -> String {
    let event = event(id, (minute, 1, what, 3)).to_string();
    let (from, to) = TURNS[turn];
    assert!(from.is_empty() || event.contains(from), "{from} {event}");
    event.replacen(from, to, 1)
}

const TURNS: [(&str, &str); 26] = [
    ("", ""),
    (r#""eventName""#, r#""event\u004eame""#),
    (r#""eventName""#, r#""event_name""#),
    (r#""SendMessage""#, r#""Send\u004dessage""#),
    (r#""SendMessage""#, r#""GetQueueUrl""#),
    (r#""eventName":"SendMessage""#, r#""eventName":"GetQueueUrl","eventName":"SendMessage""#),
    (r#""eventName":"SendMessage""#, r#""eventName":"SendMessage","event_name":"GetQueueUrl""#),
    (r#""requestParameters":{"#, r#""requestParameters":{"x":{"eventName":"SendMessage","errorCode":"AccessDenied"},"#),
    (r#""eventName":"SendMessage""#, r#""eventName":"GetQueueUrl","requestParameters":{"eventName":"SendMessage"}"#),
    (r#""eventName""#, r#""errorCode":"AccessDenied","eventName""#),
    (r#""eventName""#, r#""errorCode":null,"eventName""#),
    (r#""eventName""#, r#""error_code":"Throttling","eventName""#),
    (r#""arn:aws:iam::111122223333:role/role-1""#, r#""arn:aws:iam::111122223333:role/team/role-1""#),
    (r#""arn:aws:iam::111122223333:role/role-1""#, r#""arn:aws:iam::111122223333:role/role-2""#),
    (r#""arn:aws:iam::111122223333:role/role-1""#, r#""arn:aws:iam::111122223333:role\/role-1""#),
    (r#""sessionIssuer""#, r#""SessionIssuer""#),
    (r#""sessionIssuer":{"#, r#""sessionIssuer":{"arn":"arn:aws:iam::111122223333:role/role-2","#),
    (r#""type":"AssumedRole""#, r#""type":"assumedrole""#),
    (r#""eventTime""#, r#""userIdentity":{"type":"Root"},"eventTime""#),
    (r#"111122223333/q"#, r#"111122223333\/q"#),
    (r#"111122223333/q"#, r#"111122223333/\u0071"#),
    (
        r#""requestParameters":{"queueUrl""#,
        r#""resources":[{"ARN":"arn:aws:sqs:eu-west-1:111122223333:queue-1"}],"requestParameters":{"a""#,
    ),
    (r#""eu-west-1""#, r#""eu-west-2""#),
    (r#""eventTime":""#, r#""eventTime":" "#),
    (
        r#"{"eventVersion":"1.08""#,
        r#"{"cloudTrailEvent":"{\"eventName\":\"SendMessage\",\"eventSource\":\"sqs.amazonaws.com\"}","eventVersion":"1.08""#,
    ),
    (r#""recipientAccountId":"111122223333""#, r#""recipientAccountId":111122223333"#),
];

/// What a file shows that is sifted, and one that is read.
#[track_caller]
fn check_quick(around: &Around, records: &[String]) -> String {
    let sifted = format!(r#"{{"Records":[{}]}}"#, records.join(","));
    let read = format!("[{}]", records.join(","));
    assert!(
        record::sift_calls(sifted.as_bytes(), |_| true).is_some()
            && record::sift_calls(read.as_bytes(), |_| true).is_none()
    );
    let told = |text: &str| {
        // Of the two one may come to a file with something worked out before.
        let mut seeker = Seeker::new(around, Catalog::embedded());
        let mut seek = || {
            let mut seen = seeker.seek("x", text.as_bytes());
            seen.changes.sort();
            format!("{seen:?}")
        };
        let first = seek();
        assert_eq!(seek(), first);
        first
    };
    let quick = told(&sifted);
    assert_eq!(quick, told(&read), "{sifted}");
    quick
}

/// Around a denial of role 1, at minute 100, of queue 1.
fn around_one() -> Around {
    around_items(1)
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
fn what_is_sought_of_an_item_is_small() {
    let (few, many) = (around_items(50).bytes(), around_items(150).bytes());
    assert!((many - few) / 100 < 250, "{} bytes an item", (many - few) / 100);
}

#[test]
fn each_turn_is_told_as_reading_tells_it() {
    let nothing = format!("{:?}", Seen::default());
    let mut shown = Vec::new();
    for turn in 0..TURNS.len() {
        let calls = [(1, 50), (2, 150)].map(|(id, minute)| hostile(id, minute, 1, turn));
        if check_quick(&around_one(), &calls) != nothing {
            shown.push(turn);
        }
        check_quick(&around_one(), &[hostile(1, 150, 2, turn)]);
    }
    let none = [4, 8, 9, 11, 13, 18, 22, 24];
    assert_eq!(shown, (0..TURNS.len()).filter(|turn| !none.contains(turn)).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn the_quick_way_is_reading_every_record(
        picks in prop::collection::vec((0_i64..200, 1_u64..3, 0..TURNS.len(), 0_u64..8), 1..12)
    ) {
        let one = |(id, (minute, what, turn, kind)): (usize, &(i64, u64, usize, u64))| match kind {
            0 => event(id, (*minute, *what, 1, 1)).to_string(),
            1 => event(id, (*minute, 1, 1, 0)).to_string(),
            _ => hostile(id, *minute, *what, *turn),
        };
        check_quick(&around_one(), &picks.iter().enumerate().map(one).collect::<Vec<_>>());
    }
}
