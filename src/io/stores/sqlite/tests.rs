#![allow(clippy::disallowed_methods)] // tests write files

use super::super::tests::{at, event};
use super::*;
use crate::delivery::Told;

const TUE: &str = "2026-11-10T10:00:00Z";

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/ledger.db");
    (folder, path)
}

#[test]
fn a_ledger_outlives_the_program() {
    let (_folder, path) = place();
    let observed = event("1", None, "A", "x:Y", TUE);
    SqliteLedger::open(&path).unwrap().record(vec![observed.clone()], at(TUE)).unwrap();
    let mut again = SqliteLedger::open(&path).unwrap();
    assert_eq!(again.find("D-A").unwrap(), observed.finding);
    assert_eq!(again.record(vec![observed], at(TUE)).unwrap(), Recorded { new: 0, duplicate: 1, stale: 0 });
    let taken = Delivery { version: 1, lease: Some(at(TUE)), ..Delivery::default() };
    assert!(again.put_delivery("D-A", "slack", &taken).unwrap());
    assert!(!SqliteLedger::open(&path).unwrap().put_delivery("D-A", "slack", &taken).unwrap());
}

#[test]
fn the_schema_has_a_version() {
    let (_folder, path) = place();
    drop(SqliteLedger::open(&path).unwrap());
    let plain = Connection::open(&path).unwrap();
    let version: i64 = plain.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let told: String =
        plain.query_row("SELECT value FROM meta WHERE name = 'schema_version'", [], |row| row.get(0)).unwrap();
    assert_eq!((version, told), (schema::KNOWN, schema::KNOWN.to_string()));
}

#[test]
fn a_newer_schema_is_left_alone() {
    let (_folder, path) = place();
    drop(SqliteLedger::open(&path).unwrap());
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let error = SqliteLedger::open(&path).unwrap_err().to_string();
    let (path, known) = (path.display(), schema::KNOWN);
    assert_eq!(
        error,
        format!(
            "`{path}` has schema 99 and this program knows up to {known}: use a newer denywatch, or another ledger \
             with --store"
        )
    );
}

#[test]
fn other_files_are_left_alone() {
    let (folder, _) = place();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(SqliteLedger::open(&path), Err(LedgerError::NotALedger(_))));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::write(&path, "a text of some length, which is no database at all").unwrap();
    assert!(matches!(SqliteLedger::open(&path), Err(LedgerError::Sqlite { .. })));
    assert!(matches!(SqliteLedger::open(folder.path()), Err(LedgerError::Create { .. })));
}

#[test]
fn a_failed_batch_leaves_nothing() {
    let (_folder, path) = place();
    let mut ledger = SqliteLedger::open(&path).unwrap();
    ledger.record(vec![event("1", None, "B", "x:Y", TUE)], at(TUE)).unwrap();
    ledger.connection.execute("UPDATE finding SET body = 'broken'", []).unwrap();
    // A is merged before B fails.
    let batch = || vec![event("2", None, "A", "x:Y", TUE), event("3", None, "B", "x:Y", TUE)];
    let error = ledger.record(batch(), at(TUE)).unwrap_err();
    assert!(error.to_string().starts_with("the ledger's entry `D-B` cannot be read: "), "{error}");
    assert!(matches!(ledger.find("D-A"), Err(LedgerError::NotFound(_))));
    ledger.connection.execute("DELETE FROM finding", []).unwrap();
    assert_eq!(ledger.record(batch(), at(TUE)).unwrap(), Recorded { new: 2, duplicate: 0, stale: 0 });
}

/// Of what is told of it, what to do; whoever forgets does not stop there.
#[test]
fn what_cannot_be_read_of_objects_is_told_and_stops_no_forgetting() {
    let read = |key: &str| {
        let object = Object { key: format!("/x/{key}.json.gz"), mark: "17-5".into() };
        ObjectRead { object, held: Held { records: 1, ..Held::default() }, places: vec![] }
    };
    for broken in ["x'05'", "substr(body, 1, length(body) - 1)", "x'00027a7a0100'"] {
        let (_folder, path) = place();
        let mut ledger = SqliteLedger::open(&path).unwrap().keeping(&Keep::days(30, 30)).unwrap();
        let break_it = |ledger: &SqliteLedger| {
            ledger.connection.execute_batch(&format!("UPDATE object_named SET body = {broken}")).unwrap();
        };
        ledger.note_objects("x", &[read("ana"), read("zz")], at(TUE)).unwrap();
        break_it(&ledger);
        if !broken.starts_with("x'00") {
            let told = ledger.known_objects(&[read("zz").object]).unwrap_err().to_string();
            assert!(told.contains("restore the ledger from a copy, or begin a new one"), "{told}");
        }
        ledger.put_state("other", "about ana").unwrap();
        ledger.purge("ana").unwrap();
        assert_eq!(ledger.state("other").unwrap(), None, "what comes behind it");
        // It is read again.
        assert_eq!(ledger.known_objects(&[read("zz").object]).unwrap(), [None]);
        ledger.note_objects("x", &[read("kim")], at(TUE)).unwrap();
        break_it(&ledger);
        ledger.expire(at(TUE)).unwrap();
        assert_eq!(ledger.known_objects(&[read("kim").object]).unwrap(), [None]);
    }
}

#[test]
fn programs_that_write_at_once_lose_nothing() {
    let (_folder, path) = place();
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut ledger = SqliteLedger::open(&path).unwrap();
                for n in 0..25 {
                    // Every event is told by all four.
                    let counted = ledger.record(vec![event(&n.to_string(), None, "A", "x:Y", TUE)], at(TUE)).unwrap();
                    assert_eq!(counted.new + counted.duplicate, 1);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(SqliteLedger::open(&path).unwrap().find("D-A").unwrap().count, 25);
}

#[test]
fn programs_that_note_objects_at_once_count_each_once() {
    let (_folder, path) = place();
    let notes = |from: u64| {
        let path = path.clone();
        std::thread::spawn(move || {
            let mut ledger = SqliteLedger::open(&path).unwrap();
            for part in 0..10 {
                let held = Held { records: 1, ..Held::default() };
                let object = |n: u64| Object { key: format!("/logs/{n:04}.json.gz"), mark: "1".into() };
                let ns = (0..60).map(|n| from + 30 * part + n);
                let read: Vec<_> = ns.map(|n| ObjectRead { object: object(n), held, places: vec![] }).collect();
                ledger.note_objects("logs", &read, at(TUE)).unwrap();
                let asked: Vec<Object> = read.into_iter().map(|read| read.object).collect();
                assert_eq!(ledger.known_objects(&asked).unwrap(), vec![Some(held); 60]);
            }
        })
    };
    [0, 100, 200, 300].map(notes).into_iter().for_each(|thread| thread.join().unwrap());
    let run = SqliteLedger::open(&path).unwrap().noted_run("logs").unwrap().unwrap();
    assert_eq!((run.files, run.records), (630, 630));
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = place();
    drop(SqliteLedger::open(&path).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Files of version 1 as that version made them, what they hold included.
#[test]
fn an_older_file_becomes_a_new_one() {
    let (_folder, path) = place();
    drop(SqliteLedger::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    let finding = event("1", None, "A", "x:Y", TUE).finding;
    let plain = Connection::open(&path).unwrap();
    plain.execute_batch(schema::MIGRATIONS[0]).unwrap();
    let mark = format!("PRAGMA user_version = 1; PRAGMA application_id = {}", schema::APPLICATION);
    plain.execute_batch(&mark).unwrap();
    let body = serde_json::to_string(&finding).unwrap();
    plain.execute("INSERT INTO finding VALUES ('D-A', NULL, NULL, 'A', ?1)", [body]).unwrap();
    const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef";
    let ids = [
        "1",
        UUID,
        "11234567-89AB-cdef-0123-456789abcdef",
        "21234567089ab-cdef-0123-456789abcdef",
        "3123456-789ab-cdef-0123-456789abcdef",
        "01234567-89ab-cdef-0123-456789abcdef\0",
    ];
    for id in ids {
        plain.execute("INSERT INTO event VALUES (0, ?1, ?2)", params![id, at(TUE).as_second()]).unwrap();
    }
    for (id, print, when) in [
        ("D-A", "slack 0a", TUE),
        ("D-A", "slack 0b", "2026-11-11T10:00:00Z"),
        ("D-A", "arn:aws:sns:us-east-2:111122223333:t 0a", TUE),
        ("report 2026-W46", "slack ", TUE),
    ] {
        plain.execute("INSERT INTO alert VALUES (?1, ?2, ?3)", params![id, print, at(when).as_second()]).unwrap();
    }
    plain.execute_batch("INSERT INTO quarantine (at, reason, body) VALUES (5, 'r', 'b'), (6, 'r', 'b')").unwrap();
    let mut ledger = SqliteLedger::open(&path).unwrap();
    // Whoever has it open still counts nothing more into it.
    assert!(plain.execute("INSERT OR IGNORE INTO event VALUES (0, '9', 5)", []).is_err());
    drop(plain);
    assert_eq!(ledger.find("D-A").unwrap(), finding);
    for id in ids {
        assert_eq!(ledger.record(vec![event(id, None, "A", "x:Y", TUE)], at(TUE)).unwrap().duplicate, 1, "{id}");
    }
    let packed: Vec<u8> =
        ledger.connection.query_row("SELECT id FROM counted WHERE typeof(id) = 'blob'", [], |row| row.get(0)).unwrap();
    assert_eq!(packed, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128.to_be_bytes());
    let told = |id: &str, to: &str| ledger.delivery(id, to).unwrap().unwrap().told;
    let when = Some(at("2026-11-11T10:00:00Z"));
    let latest =
        Told { fingerprint: "0b".into(), posted: when, sent: when, last_denial: when, count: 1, ..Told::default() };
    assert_eq!(told("D-A", "slack"), latest);
    assert_eq!(told("D-A", "arn:aws:sns:us-east-2:111122223333:t").fingerprint, "0a");
    assert_eq!(told("report 2026-W46", "slack").posted, Some(at(TUE)));
    assert_eq!((ledger.open_deliveries(None).unwrap(), ledger.quarantined().unwrap().len()), (vec![], 1));
}

/// What ledgers of before noted is known still; of objects, more than are packed at a time.
#[test]
fn what_an_older_file_knows_is_known() {
    let (_folder, path) = place();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let plain = Connection::open(&path).unwrap();
    schema::MIGRATIONS[..4].iter().for_each(|step| plain.execute_batch(step).unwrap());
    let mark = format!("PRAGMA user_version = 4; PRAGMA application_id = {}; BEGIN", schema::APPLICATION);
    plain.execute_batch(&mark).unwrap();
    let uuid = |n: u32| format!("{:08x}-89ab-cdef-0123-456789abcdef", n.wrapping_mul(2_654_435_761));
    for n in 0..2_500 {
        let when = (n % 7 != 0).then(|| at(TUE).as_second());
        plain.execute("INSERT INTO event VALUES (?1, ?2, ?3)", params![n % 2, uuid(n), when]).unwrap();
    }
    let object = |n: u64, mark: &str| Object { key: format!("/logs/{n}.json.gz"), mark: mark.into() };
    let held = |n: u64| Held { bytes_read: n, bytes: 3 * n, records: 4, denied: n % 2, unreadable: 0 };
    for n in 0..20_500 {
        let Held { bytes_read, bytes, records, denied, unreadable } = held(n);
        let counts = [bytes_read, bytes, records, denied, unreadable].map(u64::cast_signed);
        let [a, b, c, d, e] = counts;
        let (id, time) = (object(n, "").id(), at(TUE).as_second());
        plain
            .execute("INSERT INTO object VALUES (?1, '17-5', ?2, ?3, ?4, ?5, ?6, ?7)", params![id, time, a, b, c, d, e])
            .unwrap();
    }
    plain.execute_batch("COMMIT").unwrap();
    let mut ledger = SqliteLedger::open(&path).unwrap().keeping(&Keep::days(30, 30)).unwrap();
    // Whoever has it open still notes nothing where nobody looks any more.
    assert!(plain.execute("INSERT INTO event VALUES (0, '9', 5)", []).is_err());
    assert!(plain.execute("DELETE FROM object", []).is_err());
    drop(plain);
    let mut count = |n: u32| {
        let (own, shared) = if n.is_multiple_of(2) { (uuid(n), None) } else { (format!("own {n}"), Some(uuid(n))) };
        ledger.record(vec![event(&own, shared.as_deref(), "A", "x:Y", TUE)], at(TUE)).unwrap().new
    };
    assert_eq!([0, 1, 2, 1_001, 2_498, 2_499, 2_500].map(&mut count), [0, 0, 0, 0, 0, 0, 1]);
    let asked = [object(0, "17-5"), object(20_499, "17-5"), object(7, "17-6"), object(20_500, "17-5")];
    assert_eq!(ledger.known_objects(&asked).unwrap(), [Some(held(0)), Some(held(20_499)), None, None]);
    // What is noted again in its old state is not new, in another it is.
    let read = |n: u64, mark: &str| ObjectRead { object: object(n, mark), held: held(n), places: vec![] };
    ledger.note_objects("logs", &[read(1, "17-5"), read(7, "17-6"), read(20_500, "17-5")], at(TUE)).unwrap();
    assert_eq!(ledger.noted_run("logs").unwrap().unwrap().files, 2);
    assert_eq!(ledger.known_objects(&asked[2..]).unwrap(), [Some(held(7)), Some(held(20_500))]);
    assert_eq!(ledger.known_objects(&[object(7, "17-5")]).unwrap(), [None]);
    ledger.expire(at(TUE) + jiff::SignedDuration::from_hours(24 * 31)).unwrap();
    assert_eq!(ledger.known_objects(&asked).unwrap(), [None; 4]);
    let times = |kind: &str| -> i64 {
        ledger.connection.query_row(&format!("SELECT count(*) FROM {kind}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((times("object_named"), times("object_hashed")), (0, 0));
    assert!(times("counted") > 0, "those without a time stay");
}

/// A run's places lay in its body; a history has several of one account and Region. What cannot be read is told as before.
#[test]
fn the_places_of_an_older_files_runs_are_told() {
    let (_folder, path) = place();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let plain = Connection::open(&path).unwrap();
    schema::MIGRATIONS[..5].iter().for_each(|step| plain.execute_batch(step).unwrap());
    plain.execute_batch(&format!("PRAGMA user_version = 5; PRAGMA application_id = {}", schema::APPLICATION)).unwrap();
    let place = |account: Option<&str>, region: Option<&str>, first: Option<&str>| Place {
        account: account.map(str::to_owned),
        region: region.map(str::to_owned),
        first: first.map(at),
        last: first.map(|_| at("2026-11-12T10:00:00.25Z")),
        records: 5,
    };
    let places = vec![
        place(None, None, None),
        place(None, Some("us-east-1"), Some(TUE)),
        place(Some("0"), None, Some(TUE)),
        place(Some("1\0"), Some("us-east-1"), Some("2026-11-09T10:00:00Z")),
        place(Some("1\0"), Some("us-east-1"), Some(TUE)),
    ];
    let run = Run { files: 3, records: 25, places, ..Run::begin("logs", at(TUE)) };
    let body = serde_json::to_string(&run).unwrap();
    plain.execute("INSERT INTO run VALUES ('logs', ?1), ('broken', '{')", [&body]).unwrap();
    let mut ledger = SqliteLedger::open(&path).unwrap();
    assert!(plain.execute("INSERT OR REPLACE INTO run VALUES ('logs', ?1)", [&body]).is_err());
    assert_eq!(ledger.noted_run("logs").unwrap().unwrap(), run);
    let told = ledger.noted_run("broken").unwrap_err().to_string();
    assert!(told.starts_with("the ledger's entry `broken` cannot be read: "), "{told}");
    assert!(ledger.coverage(None, None).is_err());
    ledger.note_run(&Run::begin("broken", at(TUE))).unwrap();
    assert_eq!(ledger.coverage(None, None).unwrap().places.len(), 4);
    // What is read later is added to it.
    let more = place(None, Some("us-east-1"), None);
    let (object, held) = (Object { key: "a".into(), mark: "1".into() }, Held::default());
    ledger.note_objects("logs", &[ObjectRead { object, held, places: vec![more.clone(), more] }], at(TUE)).unwrap();
    let mut expect = run.places;
    expect[1].records = 15;
    assert_eq!(ledger.noted_run("logs").unwrap().unwrap().places, expect);
}
