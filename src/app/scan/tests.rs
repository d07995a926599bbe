#![allow(clippy::disallowed_methods)] // tests write the files they read

use super::*;
use crate::app::progress::{Progress, Step};
use crate::diagnosis::InForce;
use crate::finding::Finding;
use crate::io::sources::many::{Came, Desk as _};
use crate::io::sources::spool::Spool;
use crate::io::stores::{Filter, MemoryLedger};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// More than stands in memory of one file, and more different denials than are handed over at once.
const RECORDS: usize = 1_200;

/// Roles that are refused a queue each, and allowed it later; changes of policies among them.
fn event(id: usize) -> String {
    let (role, queue) = (id % 12, id / 12);
    let arn = format!("arn:aws:sts::111122223333:assumed-role/app-{role}/s");
    let issuer = format!("arn:aws:iam::111122223333:role/app-{role}");
    let mut event = json!({
        "eventVersion": "1.08", "eventID": format!("e{id}"), "awsRegion": if id.is_multiple_of(2) { "eu-west-1" } else { "us-east-1" },
        "eventTime": format!("2026-11-10T{:02}:{:02}:{:02}Z", id / 3_600, id / 60 % 60, id % 60),
        "userIdentity": {"type": "AssumedRole", "arn": arn, "accountId": "111122223333", "sessionContext": {"sessionIssuer":
            {"type": "Role", "arn": issuer, "accountId": "111122223333", "userName": format!("app-{role}")}}},
        "eventSource": "sqs.amazonaws.com", "eventName": "SendMessage", "recipientAccountId": "111122223333",
        "requestParameters": {"queueUrl": format!("https://sqs.eu-west-1.amazonaws.com/111122223333/q{queue}")},
        "additionalEventData": "x".repeat(18 << 10),
    });
    match id % 40 {
        38 => {
            event["eventSource"] = "iam.amazonaws.com".into();
            event["eventName"] = "DetachRolePolicy".into();
            event["requestParameters"] =
                json!({"roleName": format!("app-{role}"), "policyArn": "arn:aws:iam::111122223333:policy/p"});
        }
        39 => {}
        _ => {
            event["errorCode"] = "AccessDenied".into();
            event["errorMessage"] = format!(
                "User: {arn} is not authorized to perform: sqs:sendmessage on resource: \
                 arn:aws:sqs:eu-west-1:111122223333:q{queue} because no identity-based policy allows the sqs:sendmessage action"
            )
            .into();
        }
    }
    event.to_string()
}

fn log(ids: std::ops::Range<usize>) -> String {
    format!("{{\"Records\":[{}]}}", ids.map(event).collect::<Vec<_>>().join(","))
}

fn packed(text: &str) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

/// The answer without the wall clock, and what the ledger then holds.
fn scanned(folder: &Path, ledger: &mut MemoryLedger, threads: usize, one_look: bool) -> (String, Vec<Finding>) {
    let world = World::new(InForce::default());
    // Every denial is wanted where the logs are looked at twice.
    let options = Options { threads, denials: !one_look, one_look, ..Options::default() };
    let mut outcome = scan(&[folder.to_owned()], ledger, &world, options, &mut |_| {}).unwrap();
    outcome.stats.seconds = 0.0;
    (serde_json::to_string_pretty(&outcome).unwrap(), ledger.findings(&Filter::default()).unwrap())
}

#[test]
fn a_large_file_tells_what_small_ones_do_whatever_reads_it() {
    let folder = || tempfile::tempdir().unwrap();
    let (small, large) = (folder(), folder());
    for first in (0..RECORDS).step_by(100) {
        std::fs::write(small.path().join(format!("{first:05}.json")), log(first..first + 100)).unwrap();
    }
    let (one, rest) = (log(0..RECORDS - 100), log(RECORDS - 100..RECORDS));
    assert!(one.len() > 18 << 20, "{}", one.len());
    std::fs::write(large.path().join("a.json.gz"), packed(&one)).unwrap();
    std::fs::write(large.path().join("b.json"), rest).unwrap();
    for one_look in [false, true] {
        let mut answers = Vec::new();
        for (folder, threads) in [(&small, 1), (&large, 1), (&large, 2), (&large, 8)] {
            let mut ledger = MemoryLedger::default();
            let (answer, findings) = scanned(folder.path(), &mut ledger, threads, one_look);
            answers.push((serde_json::from_str::<serde_json::Value>(&answer).unwrap(), findings, ledger, answer));
        }
        for key in ["findings", "denials", "problems"] {
            assert!(answers.iter().all(|(told, ..)| told[key] == answers[0].0[key]), "{key}");
        }
        for (told, findings, ledger, answer) in &answers[1..] {
            let stats = &told["stats"];
            assert_eq!((&stats["records"], &stats["denied"]), (&json!(RECORDS), &json!(RECORDS / 40 * 38)));
            assert_eq!((&stats["duplicates"], &stats["unreadable"]), (&json!(0), &json!(0)));
            assert_eq!((findings, answer), (&answers[0].1, &answers[1].3));
            assert_eq!(ledger.coverage(None, None).unwrap().records, RECORDS as u64);
        }
    }
}

/// What is handed over of a file before its end stands behind the files before it, whoever reads them.
#[test]
fn a_file_with_much_in_it_keeps_its_place_among_small_ones() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    // So small that the next one is of the same hand-over.
    let small = |id: usize| log(id..id + 1).replace(&"x".repeat(18 << 10), "");
    let much = log(1..700);
    assert!(small(0).len() < 8 << 10 && much.len() < 15 << 20, "{}", much.len());
    put("a.json", small(0));
    put("b.json", much);
    put("c.json", small(700));
    for one_look in [false, true] {
        let answers = [1, 2, 8].map(|threads| {
            let mut ledger = MemoryLedger::default();
            let told = scanned(folder.path(), &mut ledger, threads, one_look);
            assert_eq!(ledger.coverage(None, None).unwrap().records, 701);
            told
        });
        let told: serde_json::Value = serde_json::from_str(&answers[0].0).unwrap();
        let is_denied = |id: &usize| id % 40 < 38;
        let denied = (0..701).filter(is_denied).count();
        assert_eq!(told["stats"]["denied"], json!(denied));
        if let Some(denials) = told["denials"].as_array().filter(|_| !one_look) {
            let ids: Vec<&str> = denials.iter().filter_map(|denial| denial["event_id"].as_str()).collect();
            let expect: Vec<String> = (0..701).filter(is_denied).map(|id| format!("e{id}")).collect();
            assert_eq!(ids, expect);
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]));
    }
}

/// AWS is asked about so many of a batch: where one ends does not depend on the pieces in which files are handed over.
#[test]
fn batches_of_single_denials_end_where_they_do_whatever_the_pieces() {
    #[derive(Debug, Default)]
    struct Counts(std::sync::Mutex<Vec<usize>>);
    impl crate::app::Outside for Counts {
        fn sharpen(&self, denials: &mut [Denial], _: &crate::catalog::Catalog) {
            self.0.lock().unwrap().push(denials.len());
        }
        fn in_force(&self, _: &[Finding], given: &InForce) -> (InForce, Vec<Problem>) {
            (given.clone(), Vec::new())
        }
    }
    let catalog = crate::catalog::Catalog::embedded();
    let event = |id: usize| event(id * 40).replace(&"x".repeat(18 << 10), "");
    let log =
        |ids: std::ops::Range<usize>| format!("{{\"Records\":[{}]}}", ids.map(event).collect::<Vec<_>>().join(","));
    let batches = [64, 170, 256, 1_200].map(|piece| {
        let counts = Arc::new(Counts::default());
        let world = World { outside: Some(counts.clone()), ..World::new(InForce::default()) };
        let mut ledger = MemoryLedger::default();
        let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "x");
        assert!(scan.takes_singly());
        let mut gatherer = Gatherer::new(catalog, true);
        for first in (0..2_400).step_by(piece) {
            let end = (first + piece).min(2_400);
            scan.take_ahead(gatherer.gather("a.json", log(first..end).as_bytes()));
        }
        scan.flush();
        drop(scan);
        std::mem::take(&mut *counts.0.lock().unwrap())
    });
    assert!(batches.iter().all(|batches| *batches == [1_000, 1_000, 400]), "{batches:?}");
}

/// As if the program were killed: what is in the ledger is told anew, and counts once.
#[test]
fn a_large_file_that_was_not_read_to_its_end_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), log(0..RECORDS)).unwrap();
    let expect = scanned(folder.path(), &mut MemoryLedger::default(), 1, true).1;
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let mut scan = Scan::begin(&mut ledger, &world, Options::default(), &folder.path().display().to_string());
    scan.note_each();
    let mut gatherer = Gatherer::new(world.catalog, false);
    for first in [0, 400] {
        scan.take_ahead(gatherer.gather("a.json", log(first..first + 400).as_bytes()));
    }
    // What did not come to a hand-over to the ledger yet is lost with the program.
    scan.flush();
    drop(scan);
    let held = |ledger: &MemoryLedger| -> u64 {
        ledger.findings(&Filter::default()).unwrap().iter().map(|finding| finding.count).sum()
    };
    assert_eq!(held(&ledger), 800 / 40 * 38, "it is in the ledger before the file ends");
    for (known, duplicates) in [(0, 800 / 40 * 38), (1, RECORDS / 40 * 38)] {
        let (answer, findings) = scanned(folder.path(), &mut ledger, 2, true);
        let told: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(told["stats"]["known"].as_u64().unwrap_or(0), known);
        assert_eq!((&told["stats"]["duplicates"], &told["stats"]["files"]), (&json!(duplicates), &json!(1)));
        assert_eq!(findings, expect);
    }
}

/// Of a file that is cut the whole records count, of a damaged one none; both are read again when they are whole.
#[test]
fn a_fault_at_the_end_of_a_large_file_leaves_it_to_be_read_again() {
    let whole = packed(&log(0..RECORDS));
    let cut = whole[..whole.len() / 10 * 9].to_vec();
    let mut damaged = whole.clone();
    let end = damaged.len();
    damaged[end - 6] ^= 1;
    for (bytes, least, word) in [(cut, 900, "cut short"), (damaged, 0, "damaged")] {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = MemoryLedger::default();
        std::fs::write(folder.path().join("a.json.gz"), bytes).unwrap();
        let mut counts = Vec::new();
        for threads in [1, 2] {
            let (answer, findings) = scanned(folder.path(), &mut ledger, threads, true);
            let told: serde_json::Value = serde_json::from_str(&answer).unwrap();
            assert!(told["problems"][0]["error"].as_str().unwrap().contains(word), "{answer}");
            let counted: u64 = findings.iter().map(|finding| finding.count).sum();
            assert_eq!((&told["stats"]["unreadable"], &told["stats"]["denied"]), (&json!(1), &json!(counted)));
            assert_eq!(told["stats"].get("known"), None, "it is not noted as read");
            assert!(counted >= least && counted < (RECORDS / 40 * 38) as u64 && (least > 0 || counted == 0));
            counts.push(counted);
        }
        assert_eq!(counts[0], counts[1]);
        std::fs::write(folder.path().join("a.json.gz"), &whole).unwrap();
        let mut fresh = MemoryLedger::default();
        let expect = scanned(folder.path(), &mut fresh, 1, true).1;
        assert_eq!(scanned(folder.path(), &mut ledger, 2, true).1, expect);
    }
}

/// Ctrl-C lets a file that was begun be read to its end, as it always did; a ledger that fails does not.
#[test]
fn a_scan_that_is_stopped_ends_behind_the_file() {
    static STOP: AtomicBool = AtomicBool::new(true);
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let scan = Scan::begin(&mut ledger, &world, Options { stop: Some(&STOP), ..Options::default() }, "x");
    let mut desk = Progressing { scan, progress: &mut |_| {}, under_way: 0 };
    assert!(desk.is_over() && desk.take_ahead(Gathered::default()).is_continue());
    desk.scan.failed = Some(LedgerError::Busy("x".to_owned()));
    assert!(desk.take_ahead(Gathered::default()).is_break());
}

/// An archive of nothing but faults must not fill the memory: the first are told, be it read by one thread or by several.
#[test]
fn problems_of_very_many_files_do_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{{\"Records\":[{}]}}", ["{}"; 20].join(","));
    for file in 0..600 {
        std::fs::write(folder.path().join(format!("{file:03}.json")), &text).unwrap();
    }
    std::fs::write(folder.path().join("z.json.gz"), &packed(&text)[..12]).unwrap();
    let answers = [1, 2].map(|threads| scanned(folder.path(), &mut MemoryLedger::default(), threads, false).0);
    assert_eq!(answers[0], answers[1]);
    let told: serde_json::Value = serde_json::from_str(&answers[0]).unwrap();
    let problems = told["problems"].as_array().unwrap();
    assert_eq!((&told["stats"]["unreadable"], problems.len()), (&json!(12_001), 10_001));
    assert!(problems[9_999]["input"].as_str().unwrap().ends_with("499.json:record 20"), "{}", problems[9_999]);
    assert!(problems[10_000]["error"].as_str().unwrap().starts_with("2001 more problems"), "{}", problems[10_000]);
}

/// However large: of a file that is read in parts, too, and of an object.
#[test]
fn of_one_input_twenty_faults_are_told() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (count, long) = (18 << 10, "x".repeat(1_000));
    let list = format!("[{}{{}}]", format!("{{\"x\":\"{long}\"}},").repeat(count - 1));
    let lines = format!("{{\"eventVersion\":\"{long}\",\"errorCode\":\"x\",}}\n").repeat(count);
    for text in [&list, &lines] {
        assert!(text.len() > 17 << 20);
        std::fs::write(folder.path().join("a.json"), text).unwrap();
        std::fs::write(other.path().join("a.json.gz"), packed(text)).unwrap();
        let mut spool = Spool::new().unwrap();
        spool.put(text.as_bytes()).unwrap();
        let [object, spooled] = [Came::Held(text.as_bytes()), Came::Spooled(&spool)].map(|came| {
            let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
            let mut scan = Scan::begin(&mut ledger, &world, Options { one_look: true, ..Options::default() }, "x");
            scan.came(Object { key: "a.json".to_owned(), mark: "m".to_owned() }, came);
            serde_json::to_string(&scan.finish().unwrap()).unwrap()
        });
        let scanned = |folder: &Path| scanned(folder, &mut MemoryLedger::default(), 2, true).0;
        for answer in [object, spooled, scanned(folder.path()), scanned(other.path())] {
            let told: serde_json::Value = serde_json::from_str(&answer).unwrap();
            let problems = told["problems"].as_array().unwrap();
            assert_eq!(
                (&told["stats"]["unreadable"], problems.len()),
                (&json!(21), 21),
                "{}",
                problems.last().unwrap()
            );
            assert_eq!(problems[20]["error"], json!(format!("and {} more that cannot be read", count - 20)));
            assert!(!problems[20]["input"].as_str().unwrap().contains("byte"), "it is told of the whole");
        }
    }
}

/// In both looks.
#[test]
fn a_large_file_is_told_while_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let pad = "x".repeat(1_000);
    let event = |id: usize| {
        let code = if id == 0 { r#","errorCode":"AccessDenied""# } else { "" };
        format!(
            r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ana"}},"eventID":"{id}",
                "eventTime":"2026-11-10T09:00:00Z","eventSource":"sqs.amazonaws.com","eventName":"ListQueues","awsRegion":"eu-west-1","userAgent":"{pad}"{code}}}"#
        )
    };
    let text = format!("{{\"Records\":[{}]}}", (0..14_000).map(event).collect::<Vec<_>>().join(","));
    std::fs::write(folder.path().join("log.json"), &text).unwrap();
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let mut told: [Vec<u64>; 2] = Default::default();
    let mut watch = |progress: &Progress<'_>| {
        let look = usize::from(matches!(progress.step, Step::SecondLook(_)));
        told[look].push(progress.under_way);
    };
    scan(&[folder.path().to_owned()], &mut ledger, &world, Options::default(), &mut watch).unwrap();
    for told in told {
        let (rising, most) = (told.windows(2).filter(|two| two[0] < two[1]).count(), told.iter().max().unwrap());
        assert!(rising > 14 && *most <= text.len() as u64 && *most > text.len() as u64 - (2 << 20), "{told:?}");
        assert_eq!(told.last(), Some(&0));
    }
}
