//! The fixture trail is what its ground truth says, and the file source reads all of it.
#![cfg(feature = "io")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // a test reads files; its helpers may fail like one

use denywatch::io::sources::files::{self, Limits};
use serde_json::Value;
#[cfg(feature = "cli")]
use std::collections::BTreeMap;
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

/// Principal → denied calls, and how many of each action.
#[cfg(feature = "cli")]
type Found = BTreeMap<String, (u64, BTreeMap<String, u64>)>;

/// What a scan found, in the form of the ground truth.
#[cfg(feature = "cli")]
fn scanned(home: &Path) -> (Value, Found) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_denywatch"))
        .args(["scan", "tests/fixtures/trail", "--output", "json", "--quiet", "--store"])
        .arg(format!("sqlite:{}", home.join("ledger.db").display()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("HOME", home)
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut principals = Found::new();
    for finding in told["findings"].as_array().unwrap() {
        let (count, actions) = principals.entry(name_of(&finding["principal"])).or_default();
        *count += finding["count"].as_u64().unwrap();
        for item in finding["denied"].as_array().unwrap() {
            *actions.entry(text(&item["action"])).or_default() += item["count"].as_u64().unwrap();
        }
    }
    (told["stats"].clone(), principals)
}

#[cfg(feature = "cli")]
fn name_of(principal: &Value) -> String {
    [&principal["kind"], &principal["account"], &principal["name"]].map(text).join(" ")
}

#[cfg(feature = "cli")]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(feature = "cli")]
#[test]
fn a_scan_finds_each_denial_once() {
    let expected = expected();
    let principals = expected["principals"].as_array().unwrap().iter().map(|principal| {
        let actions = principal["actions"].as_object().unwrap();
        let actions = actions.iter().map(|(action, count)| (action.clone(), count.as_u64().unwrap())).collect();
        (name_of(principal), (principal["denied"].as_u64().unwrap(), actions))
    });
    let principals: Found = principals.collect();
    let home = tempfile::tempdir().unwrap();
    // The second time every event was counted before.
    for _ in 0..2 {
        let (stats, found) = scanned(home.path());
        assert_eq!(found, principals);
        for name in ["files", "records", "denied"] {
            assert_eq!(stats[name], expected[name], "{name}");
        }
    }
}
