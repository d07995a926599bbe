//! What is forgotten, and what is kept without its names.

use super::changes::{APP, change, ids};
use super::*;
use crate::delivery::Told;

#[test]
fn samples_go_before_counts_and_counts_before_long() {
    on_each_keeping(&Keep::days(100_000, 30), |ledger| {
        record(ledger, vec![event("1", None, "A", "x:Y", TUE), event("2", None, "B", "x:Y", FRI)]);
        ledger.quarantine("no JSON", "{", at(TUE)).unwrap();
        assert_eq!(ledger.expire(at(NOW)).unwrap(), Purged::default());
        let whole = ledger.find("D-A").unwrap();
        let later = at("2026-12-11T10:00:00Z");
        assert_eq!(ledger.expire(later).unwrap(), Purged { samples: 1, quarantined: 1, ..Purged::default() });
        assert_eq!(ledger.expire(later).unwrap(), Purged::default());
        let mut bare = whole;
        for item in bare.items.values_mut() {
            item.events.clear();
            item.facts.message = None;
        }
        assert_eq!(ledger.find("D-A").unwrap(), bare, "all else stays");
        assert!(!ledger.find("D-B").unwrap().items.values().next().unwrap().events.is_empty());
    });
    on_each_keeping(&Keep::days(30, 30), |ledger| {
        let now = crate::io::clock::now();
        let (old, new) = (ago(now)(29), ago(now)(2));
        ledger.record(vec![event("1", None, "A", "x:Y", &old), event("2", None, "B", "x:Y", &new)], now).unwrap();
        let told = Delivery { version: 1, told: Told { sent: Some(now), ..Told::default() }, ..Delivery::default() };
        assert!(ledger.put_delivery("D-A", "slack", &told).unwrap());
        let gone = ledger.expire(now + jiff::SignedDuration::from_hours(48)).unwrap();
        assert_eq!(gone, Purged { findings: 1, deliveries: 1, ..Purged::default() });
        check_ids(ledger, Filter::default(), &["D-B"]);
        assert_eq!(ledger.delivery("D-A", "slack").unwrap(), None);
    });
}

#[test]
fn a_principal_is_forgotten() {
    on_each(|ledger| {
        record(ledger, vec![event("1", None, "A", "x:Y", TUE), event("2", None, "AB", "x:Y", TUE)]);
        let told = Delivery { version: 1, lease: Some(at(WED)), ..Delivery::default() };
        assert!(ledger.put_delivery("D-A", "slack", &told).unwrap());
        assert!(ledger.put_delivery("D-AB", "slack", &told).unwrap());
        ledger.quarantine("no JSON", "{\"arn\":\"arn:aws:iam::111122223333:role/A\"", at(TUE)).unwrap();
        ledger.quarantine("no JSON", "{\"arn\":\"arn:aws:iam::111122223333:role/AB\"", at(TUE)).unwrap();
        let gone = ledger.purge("arn:aws:iam::111122223333:role/A").unwrap();
        assert_eq!(gone, Purged { findings: 1, deliveries: 1, quarantined: 1, ..Purged::default() });
        check_ids(ledger, Filter::default(), &["D-AB"]);
        assert_eq!((ledger.open_deliveries(None).unwrap().len(), ledger.quarantined().unwrap().len()), (1, 1));
        // What was counted does not come back; what is new does.
        assert_eq!(record(ledger, vec![event("1", None, "A", "x:Y", TUE)]), recorded(0, 1));
        assert_eq!(record(ledger, vec![event("3", None, "A", "x:Y", TUE)]), recorded(1, 0));
        assert_eq!(ledger.find("D-A").unwrap().count, 1);
        assert_eq!(ledger.purge("nobody").unwrap(), Purged::default());
        assert_eq!(ledger.purge("A").unwrap().findings, 1);
    });
}

#[test]
fn what_a_second_look_owes_is_no_principal_s() {
    on_each(|ledger| {
        let owed = r#"{"accounts":["111122223333"],"regions":["eu-west-1"]}"#;
        ledger.put_state("second look at logs/eu-west-1", owed).unwrap();
        ledger.put_state("services in Event history of 111122223333", r#"[["s3",false],["sts",false]]"#).unwrap();
        for named in ["111122223333", "eu-west-1", "accounts", "s3"] {
            ledger.purge(named).unwrap();
        }
        ledger.purge("arn:aws:iam::111122223333:role/eu-west-1").unwrap();
        assert_eq!(ledger.state("second look at logs/eu-west-1").unwrap().as_deref(), Some(owed));
        assert!(ledger.state("services in Event history of 111122223333").unwrap().unwrap().contains("s3"));
    });
}

/// A caller's calls of so many days ago, as a scan of Event history leaves them.
fn remember(ledger: &mut dyn Ledger, caller: &str, now: Timestamp, days: &[i64]) {
    let entry = serde_json::json!({"of": caller, "operation": "s3:GetObject", "region": "us-east-1",
        "needs": [["s3:GetObject", ["arn:aws:s3:::logs"]]],
        "calls": days.iter().map(|days| serde_json::json!([ago(now)(*days), "e"])).collect::<Vec<_>>()});
    let index = "callers in Event history of 111122223333: A";
    let before = ledger.state(index).unwrap().unwrap_or_else(|| "{}".into());
    let mut of_all: serde_json::Value = serde_json::from_str(&before).unwrap();
    let oldest = days.iter().max().unwrap();
    of_all[format!("A{caller}")] = ago(now)(*oldest)[..10].into();
    ledger.put_state(index, &of_all.to_string()).unwrap();
    let task = format!("allowed calls in Event history of 111122223333: A{caller}");
    ledger.put_state(&task, &serde_json::Value::Array(vec![entry]).to_string()).unwrap();
}

/// How many calls are kept of a caller, and whether the index knows of it; `None` where there is no entry.
fn remembered(ledger: &dyn Ledger, caller: &str) -> (Option<usize>, bool) {
    let calls = ledger.state(&format!("allowed calls in Event history of 111122223333: A{caller}")).unwrap();
    let index = ledger.state("callers in Event history of 111122223333: A").unwrap().unwrap_or_default();
    let count =
        |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap()[0]["calls"].as_array().unwrap().len();
    (calls.map(count), index.contains(&format!("\"A{caller}\"")))
}

#[test]
fn allowed_calls_are_forgotten_in_time_whatever_is_read_later() {
    let now = at(NOW);
    for (keep, terms, is_told) in
        [(Keep::days(40_000, 40_000), 104, false), (Keep::days(60, 400), 60, true), (Keep::days(400, 35), 35, true)]
    {
        on_each_keeping(&keep, |ledger| {
            remember(ledger, "ana", now, &[terms + 2, terms + 1, terms - 1]);
            remember(ledger, "eve", now, &[terms + 1]);
            remember(ledger, "kim", now, &[2]);
            ledger.expire(now).unwrap();
            let left = ["ana", "eve", "kim"].map(|caller| remembered(ledger, caller));
            assert_eq!(left, [(Some(1), true), (None, false), (Some(1), true)], "{terms}");
            // What Event history may still tell of is not silently gone.
            let forgotten = calls::forgotten("111122223333", ledger).unwrap();
            assert_eq!(forgotten, is_told.then(|| ago(now)(terms).parse().unwrap()));
            ledger.expire(now + jiff::SignedDuration::from_hours(24 * 200)).unwrap();
            assert_eq!(ledger.state("callers in Event history of 111122223333: A").unwrap(), None);
        });
    }
}

#[test]
fn of_whom_it_forgot_no_caller_s_key_is_left() {
    on_each(|ledger| {
        remember(ledger, "ana", at(NOW), &[3]);
        remember(ledger, "kim", at(NOW), &[2]);
        ledger.purge("ana").unwrap();
        assert_eq!([remembered(ledger, "ana"), remembered(ledger, "kim")], [(None, false), (Some(1), true)]);
        ledger.purge("kim").unwrap();
        assert_eq!(ledger.state("callers in Event history of 111122223333: A").unwrap(), None);
    });
}

/// All that a principal is known by goes, whatever kept it; DynamoDB's own test reads the items.
#[test]
fn nothing_that_is_kept_names_whom_it_forgot() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    for named in ["arn:aws:iam::111122223333:user/nightingale", "nightingale"] {
        let mut memory = MemoryLedger::keeping(&Keep::days(40_000, 40_000));
        name_everywhere(&mut memory);
        assert!(format!("{memory:?}").matches("nightingale").count() > 10);
        memory.purge(named).unwrap();
        assert!(!format!("{memory:?}").contains("nightingale"), "{memory:?}");
        check_left(&memory);
        let mut sqlite = SqliteLedger::open(&file).unwrap().keeping(&Keep::days(40_000, 40_000)).unwrap();
        name_everywhere(&mut sqlite);
        assert!(holds_name(folder.path()));
        sqlite.purge(named).unwrap();
        assert!(!holds_name(folder.path()), "while the ledger is open");
        check_left(&sqlite);
        drop(sqlite);
        assert!(!holds_name(folder.path()));
        #[allow(clippy::disallowed_methods)] // a fresh file
        std::fs::remove_file(&file).unwrap();
    }
}

/// Names of files of three users, one beside the other, so that a name stands wherever rows begin.
fn exports() -> Vec<ObjectRead> {
    let name = |n: usize| format!("{n:05}-{}", ["nightingale", "bob", "kim"][n % 3]);
    (0..3_000).map(|n| exported(&name(n))).collect()
}

#[test]
fn no_file_that_was_read_names_whom_it_forgot_however_many_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
    ledger.note_objects("exports", &exports(), at(NOW)).unwrap();
    ledger.purge("nightingale").unwrap();
    assert!(!holds_name(folder.path()));
    check_known(&ledger, &exports(), |_| true);
    // What is noted later finds its place between what was left.
    ledger.note_objects("exports", &exports(), at(NOW)).unwrap();
    assert_eq!(ledger.noted_run("exports").unwrap().unwrap().files, 3_000);
    drop(ledger);
    assert!(!holds_name(folder.path()));
}

#[test]
fn nor_does_what_was_forgotten_in_time_before() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
    let mut ledger = ledger.keeping(&Keep::days(30, 30)).unwrap();
    let is_old = |one: &ObjectRead| one.object.key.contains("0-nightingale") || one.object.key.contains("7-");
    let (old, new): (Vec<_>, Vec<_>) = exports().into_iter().partition(is_old);
    let later = |days: i64| at(NOW) + jiff::SignedDuration::from_hours(24 * days);
    ledger.note_objects("exports", &old, later(0)).unwrap();
    ledger.note_objects("exports", &new, later(20)).unwrap();
    ledger.expire(later(35)).unwrap();
    check_known(&ledger, &exports(), |one| !is_old(one));
    ledger.purge("nightingale").unwrap();
    assert!(!holds_name(folder.path()));
    check_known(&ledger, &exports(), |one| !is_old(one));
}

#[track_caller]
fn check_known(ledger: &dyn Ledger, read: &[ObjectRead], is_known: impl Fn(&ObjectRead) -> bool) {
    let asked: Vec<Object> = read.iter().map(|one| one.object.clone()).collect();
    let expect: Vec<Option<Held>> = read.iter().map(|one| is_known(one).then_some(one.held)).collect();
    assert_eq!(ledger.known_objects(&asked).unwrap(), expect);
}

#[allow(clippy::disallowed_methods)] // what lies on the disk is what counts
fn holds_name(folder: &std::path::Path) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| bytes.windows(11).any(|part| part == b"nightingale"))
}

/// A ledger in which one user stands in every sort of entry, beside others.
pub(in super::super) fn name_everywhere(ledger: &mut dyn Ledger) {
    let arn = "arn:aws:iam::111122223333:user/nightingale";
    let own = |id: &str, when: &str| {
        let mut one = event(id, None, "nightingale", "x:Y", when);
        (one.finding.principal.kind, one.finding.principal.arn) = (PrincipalKind::User, Some(arn.into()));
        one
    };
    // Twice, so that an older row was replaced.
    record(ledger, vec![own("1", TUE), event("2", None, "other", "x:Y", TUE)]);
    record(ledger, vec![own("3", WED)]);
    let told = Delivery { version: 1, lease: Some(at(WED)), ..Delivery::default() };
    for finding in ["D-nightingale", "D-other"] {
        assert!(ledger.put_delivery(finding, "slack", &told).unwrap());
    }
    ledger.quarantine("no JSON", &format!("{{\"arn\":\"{arn}\""), at(TUE)).unwrap();
    ledger.quarantine("no JSON", "{\"userName\":\"nightingale\"", at(TUE)).unwrap();
    ledger.quarantine("no JSON", "{\"userName\":\"nightjar\"", at(TUE)).unwrap();
    let mut by = change("c1", TUE, APP);
    (by.by.kind, by.by.arn, by.by.name) = (PrincipalKind::User, Some(arn.into()), Some("nightingale".into()));
    let mut of = change("c2", WED, "iam:111122223333:user/nightingale");
    of.what = "user nightingale".into();
    let mut document = change("c3", WED, APP);
    document.document = Some(format!("{{\"Principal\":{{\"AWS\":\"{arn}\"}}}}"));
    ledger.note_changes(&[by, of, document], at(NOW)).unwrap();
    let tracks = r#"[{"region":"eu-west-1","user":"nightingale","track":{}},{"region":"eu-west-1","name":"PurgeQueue","track":{}}]"#;
    ledger.put_state("sweep", tracks).unwrap();
    ledger.put_state("other", "about nightingale").unwrap();
    ledger.note_objects("exports", &[exported("nightingale"), exported("nightjar")], at(NOW)).unwrap();
}

/// A file with a principal's name in its own, read.
fn exported(name: &str) -> ObjectRead {
    let object = Object { key: format!("/exports/{name}.json.gz"), mark: "17-5".into() };
    ObjectRead { object, held: Held { records: 3, ..Held::default() }, places: vec![] }
}

/// What is about others is there still.
pub(in super::super) fn check_left(ledger: &dyn Ledger) {
    check_ids(ledger, Filter::default(), &["D-other"]);
    assert_eq!(ids(ledger, &[APP]), ["c3"]);
    assert_eq!(ledger.quarantined().unwrap().len(), 1);
    assert_eq!(ledger.open_deliveries(None).unwrap().len(), 1);
    assert!(ledger.state("sweep").unwrap().unwrap().contains("PurgeQueue"));
    assert_eq!(ledger.state("other").unwrap(), None);
    // What was read is not read again, whatever it was called.
    let known = ledger.known_objects(&["nightingale", "nightjar", "night"].map(|name| exported(name).object)).unwrap();
    assert_eq!(known, [Some(exported("").held), Some(exported("").held), None]);
}

#[test]
fn sessions_and_addresses_are_kept_as_keyed_hashes() {
    let keep = Keep { hashed: BTreeSet::from([Hashed::Session, Hashed::SourceIp]), ..Keep::days(40_000, 40_000) };
    on_each_keeping(&keep, |ledger| {
        let named = |id: &str, session: &str| {
            let mut event = event(id, None, "A", "x:Y", TUE);
            event.finding.principal.session = Some(session.into());
            for item in event.finding.items.values_mut() {
                item.facts.source_ip = Some("192.0.2.17".into());
                item.facts.message = Some(format!("User: arn:aws:sts::1:assumed-role/A/{session} from 192.0.2.17"));
            }
            event
        };
        record(ledger, vec![named("1", "jane.doe@example.com"), named("2", "jane.doe@example.com")]);
        let told = serde_json::to_string(&ledger.findings(&Filter::default()).unwrap()).unwrap();
        assert!(!told.contains("jane") && !told.contains("192.0.2.17"), "{told}");
        let found = ledger.find("D-A").unwrap();
        let session = found.principal.session.unwrap();
        assert!(session.starts_with("session-") && session.len() == 20, "{session}");
        assert!(told.contains(&format!("assumed-role/A/{session} from address-")), "{told}");
    });
}

#[test]
fn what_only_a_copy_told_is_forgotten_too() {
    let copies = || vec![event("1", Some("s"), "A", "x:Y", TUE), event("2", Some("s"), "B", "x:Y", TUE)];
    on_each(|ledger| {
        record(ledger, copies());
        assert_eq!(ledger.find("D-B").unwrap().count, 0);
        // Told again, it changes nothing.
        assert_eq!(record(ledger, copies()), recorded(0, 2));
        assert_eq!(ledger.purge("B").unwrap().findings, 1);
        record(ledger, copies());
        assert!(ledger.find("D-B").is_err());
        check_ids(ledger, Filter::default(), &["D-A"]);
    });
    on_each(|ledger| {
        record(ledger, copies());
        // Two centuries later.
        assert_eq!(ledger.expire(at("2226-11-10T10:00:00Z")).unwrap().findings, 2);
    });
}
