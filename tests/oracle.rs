//! Compares our decisions with those of an independent simulator, file by file.
//!
//! `DENYWATCH_ORACLE` names a folder that holds `NAME.cases.jsonl` (input of `simulate`) and `NAME.answers.jsonl`
//! (one `{"decision":"allowed"|"denied"}` a line, in the same order). Differences that `DIFFERENCES.md` explains are
//! counted apart.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use denywatch::policy::simulate_line;
use serde_json::Value;
use std::fs;
use std::path::Path;

#[test]
fn agrees_with_the_simulator() {
    let Ok(folder) = std::env::var("DENYWATCH_ORACLE") else {
        println!("DENYWATCH_ORACLE is not set: nothing compared");
        return;
    };
    let (mut compared, mut explained, mut wrong) = (0, 0, Vec::new());
    for cases in files(&folder) {
        let answers = cases.replace(".cases.jsonl", ".answers.jsonl");
        let (cases, answers) = (fs::read_to_string(&cases).unwrap(), fs::read_to_string(&answers).unwrap());
        assert_eq!(cases.lines().count(), answers.lines().count());
        for (case, answer) in cases.lines().zip(answers.lines()) {
            let theirs = serde_json::from_str::<Value>(answer).unwrap();
            let case = without_ignored(case, &theirs);
            let ours = simulate_line(&case.to_string());
            compared += 1;
            match ours["decision"] == theirs["decision"] {
                true => {}
                false if EXPLAINED.iter().any(|explains| explains(&case)) => explained += 1,
                false => wrong.push(format!("{case}\n  ours {ours}\n  theirs {theirs}")),
            }
        }
    }
    println!("{compared} compared, {explained} explained differences, {} others", wrong.len());
    assert!(compared > 0, "no cases in the folder");
    assert!(wrong.is_empty(), "{}", wrong.iter().take(5).cloned().collect::<Vec<_>>().join("\n"));
}

fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(folder)).unwrap().map(|entry| entry.unwrap().path().display().to_string());
    let mut files: Vec<_> = entries.filter(|path| path.ends_with(".cases.jsonl")).collect();
    files.sort();
    files
}

/// The case without the context keys that the simulator says it left out.
fn without_ignored(case: &str, answer: &Value) -> Value {
    let mut case = serde_json::from_str::<Value>(case).unwrap();
    for key in answer["ignoredContextKeys"].as_array().into_iter().flatten() {
        case["request"]["context"].as_object_mut().unwrap().shift_remove(key.as_str().unwrap());
    }
    case
}

/// The differences of `DIFFERENCES.md`, in its order.
const EXPLAINED: &[fn(&Value) -> bool] = &[session_named, every_address, bare_address];

/// A grant to the role session itself is not limited by a session policy (`DIFFERENCES.md`, 1).
fn session_named(case: &Value) -> bool {
    let session = case["request"]["principal"].as_str().unwrap();
    let named = case["policies"]["resource"].to_string().contains(session);
    named && session.contains(":assumed-role/") && case["policies"]["session"].is_object()
}

/// `0.0.0.0/0` holds every IPv4 address (`DIFFERENCES.md`, 2).
fn every_address(case: &Value) -> bool {
    case["policies"].to_string().contains("0.0.0.0/0")
}

/// An IPv6 address is not in a range of one IPv4 address (`DIFFERENCES.md`, 3).
fn bare_address(case: &Value) -> bool {
    let from = case["request"]["context"]["aws:SourceIp"].as_str().unwrap_or_default();
    from.contains(':') && case["policies"].to_string().contains("\"198.51.100.7\"")
}
