//! Compares our decisions with those of an independent simulator, file by file.
//!
//! `DENYWATCH_ORACLE` names a folder that holds `NAME.cases.jsonl` (input of `simulate`) and `NAME.answers.jsonl`
//! (one `{"decision":"allowed"|"denied"}` a line, in the same order). Differences that `DIFFERENCES.md` explains are
//! counted apart.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use denywatch::policy::simulate_line;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn agrees_with_the_simulator() {
    let Ok(folder) = std::env::var("DENYWATCH_ORACLE") else {
        println!("DENYWATCH_ORACLE is not set: nothing compared");
        return;
    };
    let (mut compared, mut explained, mut wrong) = (0, BTreeMap::new(), Vec::new());
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
                false => match explained_by(&case, &theirs) {
                    Some(rules) => *explained.entry(rules).or_insert(0) += 1,
                    None => wrong.push(format!("{case}\n  ours {ours}\n  theirs {theirs}")),
                },
            }
        }
    }
    println!("{compared} compared, differences by rule {explained:?}, {} others", wrong.len());
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

/// A rule of `DIFFERENCES.md`: the case as it would have to be for our evaluator to decide as the simulator does, and
/// nothing else changed.
type Rule = (&'static str, fn(&Value) -> Value);

const RULES: &[Rule] = &[("1", session_named), ("2", every_address), ("3", bare_address)];

/// The fewest rules that together turn our decision into theirs: a mark on the case is not enough.
fn explained_by(case: &Value, theirs: &Value) -> Option<String> {
    let mut sets: Vec<u32> = (1..1 << RULES.len()).collect();
    sets.sort_by_key(|set| set.count_ones());
    sets.into_iter().find_map(|set| {
        let taken: Vec<&Rule> =
            RULES.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).map(|(_, rule)| rule).collect();
        let changed = taken.iter().fold(case.clone(), |case, (_, change)| change(&case));
        let each_changes = taken.iter().all(|(_, change)| change(case) != *case);
        let agrees = each_changes && simulate_line(&changed.to_string())["decision"] == theirs["decision"];
        agrees.then(|| taken.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("+"))
    })
}

/// 1: they limit a grant to the role session itself by the session policy, as a grant to its role is.
fn session_named(case: &Value) -> Value {
    let mut changed = case.clone();
    let session = case["request"]["principal"].as_str().unwrap();
    let Some((account, rest)) =
        session.strip_prefix("arn:aws:sts::").and_then(|rest| rest.split_once(":assumed-role/"))
    else {
        return changed;
    };
    let role = format!("arn:aws:iam::{account}:role/{}", rest.split('/').next().unwrap());
    if case["policies"]["session"].is_object() {
        for statement in statements(&mut changed["policies"]["resource"]) {
            if statement["Effect"] == "Allow" {
                replace_text(&mut statement["Principal"], session, &role);
            }
        }
    }
    changed
}

/// 2: for them `0.0.0.0/0` holds no address.
fn every_address(case: &Value) -> Value {
    let mut changed = case.clone();
    replace_text(&mut changed["policies"], "0.0.0.0/0", "255.255.255.255/32");
    changed
}

/// 3: for them `NotIpAddress` with a bare IPv4 address keeps every IPv6 address out.
fn bare_address(case: &Value) -> Value {
    let mut changed = case.clone();
    if case["request"]["context"]["aws:SourceIp"].as_str().is_some_and(|from| from.contains(':')) {
        in_operators(&mut changed["policies"], "NotIpAddress", &|tests| {
            replace_text(tests, "198.51.100.7", "::/0");
        });
    }
    changed
}

/// The statements of a document, one or many.
fn statements(document: &mut Value) -> Vec<&mut Value> {
    match document.get_mut("Statement") {
        Some(Value::Array(all)) => all.iter_mut().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// Puts one whole text in the place of another, wherever it stands.
fn replace_text(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text == from => *value = to.into(),
        Value::Array(all) => all.iter_mut().for_each(|one| replace_text(one, from, to)),
        Value::Object(all) => all.values_mut().for_each(|one| replace_text(one, from, to)),
        _ => {}
    }
}

/// Changes what stands under every condition operator whose name begins so.
fn in_operators(value: &mut Value, name: &str, change: &dyn Fn(&mut Value)) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|one| in_operators(one, name, change)),
        Value::Object(all) => {
            for (key, one) in all.iter_mut() {
                if key.contains(name) { change(one) } else { in_operators(one, name, change) }
            }
        }
        _ => {}
    }
}
