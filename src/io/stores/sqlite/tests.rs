#![allow(clippy::disallowed_methods)] // tests write files

use super::super::tests::{at, event};
use super::*;

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
    SqliteLedger::open(&path).unwrap().record(vec![observed.clone()]).unwrap();
    let mut again = SqliteLedger::open(&path).unwrap();
    assert_eq!(again.find("D-A").unwrap(), observed.finding);
    assert_eq!(again.record(vec![observed]).unwrap(), Recorded { new: 0, duplicate: 1 });
    assert!(again.claim_alert("D-A", "1", at(TUE)).unwrap());
    assert!(!SqliteLedger::open(&path).unwrap().claim_alert("D-A", "1", at(TUE)).unwrap());
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
            "`{path}` has schema 99 and this program knows up to {known}: use a newer denywatch, or another file \
             with --store sqlite:PATH"
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
    ledger.record(vec![event("1", None, "B", "x:Y", TUE)]).unwrap();
    ledger.connection.execute("UPDATE finding SET body = 'broken'", []).unwrap();
    // A is merged before B fails.
    let batch = || vec![event("2", None, "A", "x:Y", TUE), event("3", None, "B", "x:Y", TUE)];
    let error = ledger.record(batch()).unwrap_err();
    assert!(error.to_string().starts_with("the ledger's entry `D-B` cannot be read: "), "{error}");
    assert!(matches!(ledger.find("D-A"), Err(LedgerError::NotFound(_))));
    ledger.connection.execute("DELETE FROM finding", []).unwrap();
    assert_eq!(ledger.record(batch()).unwrap(), Recorded { new: 2, duplicate: 0 });
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
                    let counted = ledger.record(vec![event(&n.to_string(), None, "A", "x:Y", TUE)]).unwrap();
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

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = place();
    drop(SqliteLedger::open(&path).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
