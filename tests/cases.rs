//! Stories as Markdown: every `tests/cases/*.md` is run through `denywatch explain -` and compared.
//!
//! A case has a title, a paragraph, and fenced blocks; the block's info string says what it is:
//!
//! | block | meaning |
//! |---|---|
//! | `json input`, `text input` | what stands on stdin (exactly one) |
//! | `console` | one line, `$ denywatch explain - ARGUMENTS`; without it no further arguments are given |
//! | `json file=PATH`, `text file=PATH` | a file in the temporary working directory |
//! | `json expect` | what the output must contain, see below |
//! | `json documents` | every patch document, in any order; `Sid`s and the order of statements and list members are not compared |
//! | `text never` | strings, one a line, that stand in no document and no merged policy |
//! | `text grades` | the applicabilities that patches may have, one a line |
//! | `text patch FORMAT` | parts, one a line, that `denywatch patch - --format FORMAT` writes in this order |
//! | `text exit` | the exit code; without it all but 1 (failed) and 2 (usage) pass |
//!
//! In `expect`, an object must be there with at least these members; a list has the same length and order. Absent, null
//! and `[]` are the same. `["...", X, Y]` means that X and Y are among the members; `["..."]` alone that there is one;
//! the text `"~ X"` that the text contains X.
//!
//! `DENYWATCH_CASE=part-of-a-name cargo test --test cases` runs some of them.
#![cfg(feature = "cli")]
// A test reads files and the environment, and a helper of a test may fail like one.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Debug, Default)]
struct Case {
    input: Option<String>,
    arguments: Vec<String>,
    files: BTreeMap<PathBuf, String>,
    expect: Option<Value>,
    documents: Option<Vec<Value>>,
    never: Vec<String>,
    grades: Vec<String>,
    /// Format → parts of its text.
    written: BTreeMap<String, Vec<String>>,
    exit: Option<i32>,
}

#[test]
fn every_story_ends_as_told() {
    let only = std::env::var("DENYWATCH_CASE").unwrap_or_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let (mut told, mut ran) = (String::new(), 0);
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".md") || !name.contains(&only) {
            continue;
        }
        ran += 1;
        let wrong = match parse(&std::fs::read_to_string(&path).unwrap()) {
            Ok(case) => run(&case),
            Err(error) => vec![error],
        };
        for line in wrong {
            writeln!(told, "{name}: {line}").unwrap();
        }
    }
    assert!(ran > 0, "no case matches `{only}`");
    assert!(told.is_empty(), "of {ran} cases:\n{told}");
}

/// Reads a case; an unknown block, a missing input or a case that checks nothing is an error.
fn parse(text: &str) -> Result<Case, String> {
    let mut case = Case::default();
    let mut lines = text.lines();
    if !text.starts_with("# ") {
        return Err("the first line is no title".into());
    }
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let mut body = String::new();
        loop {
            match lines.next() {
                Some("```") => break,
                Some(line) => body = body + line + "\n",
                None => return Err(format!("block `{info}` has no end")),
            }
        }
        add(&mut case, info, body).map_err(|error| format!("block `{info}`: {error}"))?;
    }
    match (&case.input, &case.expect, &case.documents) {
        (None, ..) => Err("there is no input".into()),
        (_, None, None) => Err("nothing is expected".into()),
        _ => Ok(case),
    }
}

fn add(case: &mut Case, info: &str, body: String) -> Result<(), String> {
    let json = |body: &str| serde_json::from_str::<Value>(body).map_err(|error| error.to_string());
    let lines = |body: &str| body.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect();
    match info {
        "json input" | "text input" if case.input.is_some() => return Err("a second input".into()),
        // The text goes in as it stands: a record, a log of several, or lines of JSON.
        "json input" | "text input" => case.input = Some(body),
        "console" => {
            let line = body.trim();
            let rest = line.strip_prefix("$ denywatch explain -").ok_or("not `$ denywatch explain - …`")?;
            case.arguments = rest.split_whitespace().map(str::to_owned).collect();
        }
        "json expect" => case.expect = Some(json(&body)?),
        "json documents" => {
            case.documents = Some(json(&body)?.as_array().ok_or("not a list")?.iter().map(normal).collect());
        }
        "text never" => case.never = lines(&body),
        "text grades" => case.grades = lines(&body),
        "text exit" => case.exit = Some(body.trim().parse().map_err(|_| "not a number")?),
        _ if info.starts_with("text patch ") => {
            case.written.insert(info.replacen("text patch ", "", 1), lines(&body));
        }
        _ => match info.split_once(" file=") {
            Some(("json", path)) => {
                json(&body)?;
                case.files.insert(path.into(), body);
            }
            Some(("text", path)) => drop(case.files.insert(path.into(), body)),
            _ => return Err("unknown".into()),
        },
    }
    Ok(())
}

/// Runs the command and returns what differs, a line each.
fn run(case: &Case) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (path, body) in &case.files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, body).unwrap();
    }
    let arguments = ["explain", "-", "--output", "json"].into_iter().chain(case.arguments.iter().map(String::as_str));
    let (text, talk, code) = denywatch(folder.path(), arguments, case);
    let mut wrong = match serde_json::from_str(&text) {
        Ok(json) => compare(case, &json, code),
        Err(error) => vec![format!("stdout is no JSON ({error}), exit {code:?}: {text}{talk}")],
    };
    for (format, parts) in &case.written {
        let (text, talk, _) = denywatch(folder.path(), ["patch", "-", "--format", format], case);
        if let Some(part) = first_missing(&text, parts) {
            wrong.push(format!("`{part}` is not there, or not in order, in the patch as {format}: {text}{talk}"));
        }
    }
    wrong
}

/// Runs the command on the case's input; stdout, stderr and the exit code.
fn denywatch<'a>(
    folder: &Path,
    arguments: impl IntoIterator<Item = &'a str>,
    case: &Case,
) -> (String, String, Option<i32>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_denywatch"))
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = case.input.clone().unwrap_or_default();
    let mut stdin = child.stdin.take().unwrap();
    // A program that ends early closes its end: its exit code tells.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// The first part that does not stand in the text behind the parts before it.
fn first_missing<'a>(text: &str, parts: &'a [String]) -> Option<&'a str> {
    let mut rest = text;
    for part in parts {
        match rest.split_once(part.as_str()) {
            Some((_, behind)) => rest = behind,
            None => return Some(part),
        }
    }
    None
}

fn compare(case: &Case, json: &Value, code: Option<i32>) -> Vec<String> {
    let mut wrong = Vec::new();
    match (case.exit, code) {
        (Some(want), got) if got != Some(want) => wrong.push(format!("exit code: {want} expected, {got:?} came")),
        (None, None | Some(1 | 2)) => wrong.push(format!("exit code: {code:?} came")),
        _ => {}
    }
    if let Some(expect) = &case.expect {
        differences("", &normal(expect), &normal(json), &mut wrong);
    }
    let patches: Vec<&Value> = list(json, "findings").iter().flat_map(|finding| list(finding, "patches")).collect();
    let documents: Vec<Value> = patches.iter().map(|p| &p["document"]).filter(|d| !d.is_null()).map(normal).collect();
    if let Some(want) = &case.documents {
        check_documents(want, &documents, &mut wrong);
    }
    let merged = patches.iter().map(|p| &p["merged"]).filter(|d| !d.is_null()).map(normal);
    let all: Vec<String> = documents.iter().cloned().chain(merged).map(|d| d.to_string()).collect();
    for never in &case.never {
        // As it stands inside a JSON string.
        let inside = Value::from(never.as_str()).to_string();
        if all.iter().any(|document| document.contains(inside.trim_matches('"'))) {
            wrong.push(format!("`{never}` stands in a patch"));
        }
    }
    for patch in patches {
        let grade = patch["applicability"].as_str().unwrap_or("none");
        if !case.grades.is_empty() && !case.grades.iter().any(|allowed| allowed == grade) {
            wrong.push(format!("a patch is graded `{grade}`"));
        }
    }
    wrong
}

fn check_documents(want: &[Value], got: &[Value], wrong: &mut Vec<String>) {
    let sorted = |documents: &[Value]| {
        let mut texts: Vec<String> = documents.iter().map(|d| sort_statements(d).to_string()).collect();
        texts.sort();
        texts
    };
    let (want, got) = (sorted(want), sorted(got));
    if want != got {
        wrong.push(format!(
            "documents:\n  expected {}\n  came     {}",
            want.join("\n           "),
            got.join("\n           ")
        ));
    }
}

fn list<'a>(json: &'a Value, name: &str) -> &'a [Value] {
    json[name].as_array().map_or(&[], Vec::as_slice)
}

/// One way to write a policy: no `Sid`, lists where a single value may stand, lists and members sorted.
fn normal(json: &Value) -> Value {
    let listed = |value: &Value| match value {
        Value::Array(values) => values.clone(),
        single => vec![single.clone()],
    };
    let sorted = |value: &Value| {
        let mut values = listed(value);
        values.sort_by_key(Value::to_string);
        Value::Array(values)
    };
    match json {
        Value::Object(members) => {
            let statement = members.contains_key("Effect");
            let mut out: BTreeMap<&String, Value> = BTreeMap::new();
            for (name, value) in members {
                let value = match name.as_str() {
                    "Sid" if statement => continue,
                    "Action" | "NotAction" | "Resource" | "NotResource" if statement => sorted(value),
                    "Condition" if statement => map_conditions(value, &sorted),
                    "Principal" | "NotPrincipal" if statement => map_members(value, &sorted),
                    "Statement" => normal(&Value::Array(listed(value))),
                    _ => normal(value),
                };
                out.insert(name, value);
            }
            out.into_iter().map(|(name, value)| (name.clone(), value)).collect::<Map<_, _>>().into()
        }
        Value::Array(values) => values.iter().map(normal).collect(),
        other => other.clone(),
    }
}

fn map_conditions(conditions: &Value, sorted: &dyn Fn(&Value) -> Value) -> Value {
    let operators = conditions.as_object().into_iter().flatten();
    let out: BTreeMap<&String, Value> = operators.map(|(name, keys)| (name, map_members(keys, sorted))).collect();
    serde_json::to_value(out).unwrap()
}

/// `"*"` stays as it is.
fn map_members(members: &Value, sorted: &dyn Fn(&Value) -> Value) -> Value {
    let Some(members) = members.as_object() else { return members.clone() };
    let out: BTreeMap<&String, Value> = members.iter().map(|(name, values)| (name, sorted(values))).collect();
    serde_json::to_value(out).unwrap()
}

fn sort_statements(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(statements) = document["Statement"].as_array_mut() {
        statements.sort_by_key(Value::to_string);
    }
    document
}

fn differences(at: &str, want: &Value, got: &Value, wrong: &mut Vec<String>) {
    let nothing = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    match (want, got) {
        (want, got) if nothing(want) && nothing(got) => {}
        (Value::Object(members), Value::Object(_)) => {
            for (name, value) in members {
                differences(&format!("{at}/{name}"), value, &got[name], wrong);
            }
        }
        (Value::Array(want), Value::Array(got)) if want.first() == Some(&Value::from("...")) => {
            if got.is_empty() {
                wrong.push(format!("{at}: is empty"));
            }
            for (n, want) in want.iter().enumerate().skip(1) {
                if !got.iter().any(|got| fits(want, got)) {
                    wrong.push(format!("{at}: no member like number {n}, {want}, among {}", Value::from(got.clone())));
                }
            }
        }
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => {
            for (n, (want, got)) in want.iter().zip(got).enumerate() {
                differences(&format!("{at}/{n}"), want, got, wrong);
            }
        }
        (Value::String(want), Value::String(got)) if want.strip_prefix("~ ").is_some_and(|part| got.contains(part)) => {
        }
        (want, got) if want == got => {}
        (want, got) => wrong.push(format!("{at}: expected {want}, came {got}")),
    }
}

fn fits(want: &Value, got: &Value) -> bool {
    let mut wrong = Vec::new();
    differences("", want, got, &mut wrong);
    wrong.is_empty()
}

#[track_caller]
fn check_parse(text: &str, error: &str) {
    assert_eq!(parse(text).unwrap_err(), error);
}

#[test]
fn a_case_that_checks_nothing_is_an_error() {
    check_parse("# T\n```json input\n{}\n```\n", "nothing is expected");
    check_parse("# T\n```json expect\n{}\n```\n", "there is no input");
    check_parse("# T\n```json guess\n{}\n```\n", "block `json guess`: unknown");
    check_parse("# T\n```json expect\n{}\n", "block `json expect` has no end");
    check_parse("no title", "the first line is no title");
}

#[track_caller]
fn check_differences(want: &str, got: &str, told: &[&str]) {
    let (want, got): (Value, Value) = (serde_json::from_str(want).unwrap(), serde_json::from_str(got).unwrap());
    let mut wrong = Vec::new();
    differences("", &normal(&want), &normal(&got), &mut wrong);
    assert_eq!(wrong, told);
}

#[test]
fn an_expectation_is_a_subset() {
    check_differences(r#"{"a":1,"e":[]}"#, r#"{"a":1,"b":2}"#, &[]);
    check_differences(r#"{"a":[{"x":1}]}"#, r#"{"a":[{"x":2}]}"#, &["/a/0/x: expected 1, came 2"]);
    check_differences(r#"{"a":[1]}"#, r#"{"a":[1,2]}"#, &["/a: expected [1], came [1,2]"]);
    check_differences(r#"{"a":["...",2]}"#, r#"{"a":[1,2]}"#, &[]);
    check_differences(r#"{"a":["..."]}"#, r#"{"a":[]}"#, &["/a: is empty"]);
    check_differences(r#"{"a":["...",3]}"#, r#"{"a":[1]}"#, &["/a: no member like number 1, 3, among [1]"]);
    check_differences(r#"{"a":"~ key"}"#, r#"{"a":"the key here"}"#, &[]);
    check_differences(
        r#"{"Effect":"Allow","Principal":{"AWS":"r"},"Action":["b","a"],"Condition":{"S":{"k":"v"}}}"#,
        r#"{"Effect":"Allow","Principal":{"AWS":["r"]},"Sid":"X","Action":["a","b"],"Condition":{"S":{"k":["v"]}}}"#,
        &[],
    );
}

#[test]
fn documents_are_compared_whole() {
    let document = |action: &str| normal(&serde_json::json!({"Statement": [{"Effect": "Allow", "Action": action}]}));
    let mut wrong = Vec::new();
    check_documents(&[document("a"), document("b")], &[document("b"), document("a")], &mut wrong);
    assert!(wrong.is_empty(), "{wrong:?}");
    check_documents(&[document("a")], &[document("a"), document("b")], &mut wrong);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
}

#[test]
fn parts_stand_in_order() {
    let parts = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
    assert_eq!(first_missing("a b c", &parts(&["a", "c"])), None);
    assert_eq!(first_missing("a b c", &parts(&["c", "a"])), Some("a"));
    assert_eq!(first_missing("", &parts(&["a"])), Some("a"));
}

#[test]
fn what_must_never_stand_in_a_patch_is_found() {
    let output = serde_json::json!({"findings": [{"patches": [
        {"applicability": "apply", "document": {"Statement": [{"Effect": "Allow", "Resource": "b/*"}]}}]}]});
    let case = Case { never: vec!["b/*".into()], grades: vec!["review".into()], exit: Some(4), ..Case::default() };
    assert_eq!(
        compare(&case, &output, Some(0)),
        ["exit code: 4 expected, Some(0) came", "`b/*` stands in a patch", "a patch is graded `apply`"]
    );
}
