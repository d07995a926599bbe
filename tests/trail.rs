//! The fixture trail is what its ground truth says, and the file source reads all of it.
#![cfg(feature = "io")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // a test reads files; its helpers may fail like one

use denywatch::io::sources::files::{self, Limits};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join("trail.expected.json")).unwrap()).unwrap()
}

#[test]
fn all_records_are_read() {
    let (mut records, mut ids) = (0, BTreeSet::new());
    let (tally, problems) = files::each(&[fixtures().join("trail")], Limits::default(), |name, bytes| {
        assert!(!name.contains("Digest"), "{name}");
        let file: Value = serde_json::from_slice(bytes).unwrap();
        for record in file["Records"].as_array().unwrap() {
            records += 1;
            ids.insert(record["eventID"].as_str().unwrap().to_owned());
        }
    });
    assert_eq!(problems, []);
    let expected = expected();
    assert_eq!(Value::from(tally.files), expected["files"]);
    assert_eq!(Value::from(records), expected["records"]);
    assert_eq!(Value::from(ids.len()), expected["distinct_records"]);
    // A repository stays small.
    assert!(tally.bytes_read < 300_000, "{} bytes", tally.bytes_read);
}

#[test]
fn the_script_makes_what_is_committed() {
    let script = fixtures().join("make_trail.py");
    match std::process::Command::new("python3").arg(&script).arg("--check").output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) if std::env::var_os("CI").is_none() => eprintln!("skipped: python3 is not there"),
        Err(error) => panic!("python3: {error}"),
    }
}
