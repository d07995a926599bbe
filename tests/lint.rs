//! Every document that we print, before an independent linter.
//!
//! `DENYWATCH_LINT` names the linter, a Python program that takes `--kind KIND FILE…` and prints a finding a line as JSON
//! (`{"file", "severity", "code", …}`); `DENYWATCH_PYTHON` the interpreter that has its packages. Without it this test says
//! so and checks nothing. The documents are those of `tests/cases`, of `tests/fixtures/denials` and, where
//! `DENYWATCH_CORPUS` is set, of the real events there. What the linter gets wrong is listed document by document, with the
//! reason, in `tests/fixtures/lint.tsv`; a line there that no longer holds fails too, and none may be of a case or of a
//! real event. Of a policy in force with the patch in it, what the linter says of that policy alone is not ours.
#![cfg(feature = "cli")]
// A test reads files and the environment, speaks, and a helper of a test may fail like one.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The linter's kind for a policy of ours. A repository policy has a principal and no `Resource`, which ECR refuses, so
/// it has the grammar that the linter knows as `trust`.
fn kind(target: &str) -> &'static str {
    match target {
        "role_policy" => "inline-role",
        "user_policy" => "inline-user",
        "group_policy" => "inline-group",
        "permission_set" | "managed_policy" => "managed",
        "permissions_boundary" => "boundary",
        "session_policy" => "session",
        "trust_policy" | "repository_policy" => "trust",
        "scp" => "scp",
        "rcp" => "rcp",
        _ => "resource",
    }
}

/// Something that the command is run on, by a name that stays the same.
struct Input {
    name: String,
    text: Vec<u8>,
    arguments: Vec<String>,
    files: Vec<(PathBuf, String)>,
}

impl Input {
    fn plain(name: String, text: impl Into<Vec<u8>>) -> Self {
        Self { name, text: text.into(), arguments: Vec::new(), files: Vec::new() }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cases() -> impl Iterator<Item = Input> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(root().join("tests/cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| {
        let name = format!("case-{}", path.file_stem().unwrap().to_string_lossy());
        let (mut input, mut block) = (Input::plain(name, ""), None::<(String, String)>);
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            match (&mut block, line.strip_prefix("```")) {
                (None, Some(info)) => block = Some((info.to_owned(), String::new())),
                (Some((_, body)), None) => *body = format!("{body}{line}\n"),
                (Some(_), Some(_)) => add(&mut input, block.take().unwrap()),
                (None, None) => {}
            }
        }
        input
    })
}

fn add(input: &mut Input, (info, body): (String, String)) {
    match (info.as_str(), info.split_once(" file=")) {
        ("json input" | "text input", _) => input.text = body.into_bytes(),
        ("console", _) => {
            let rest = body.trim().strip_prefix("$ denywatch explain -").unwrap();
            input.arguments = rest.split_whitespace().map(str::to_owned).collect();
        }
        (_, Some((_, path))) => input.files.push((path.into(), body)),
        _ => {}
    }
}

fn realistic() -> impl Iterator<Item = Input> {
    let lines = std::fs::read_to_string(root().join("tests/fixtures/denials/denials.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.into_iter().map(|line| {
        let name = line["name"].as_str().unwrap().to_owned();
        let text = line["text"].as_str().or(line["file"].as_str());
        let text = text.map_or_else(|| line["record"].to_string(), str::to_owned);
        let arguments = line["args"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        Input { arguments: arguments.collect(), ..Input::plain(name, text) }
    })
}

/// The real events, one by one; folded they are a further input each.
fn corpus() -> Vec<Input> {
    let Some(folder) = std::env::var_os("DENYWATCH_CORPUS").map(PathBuf::from) else {
        println!("DENYWATCH_CORPUS is not set: the documents for the real events were not looked at");
        return Vec::new();
    };
    let mut packed = Vec::new();
    let file = std::fs::File::open(folder.join("denied.jsonl.gz")).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut packed).unwrap();
    let lines = String::from_utf8(packed.clone()).unwrap();
    let each = lines.lines().enumerate().map(|(at, line)| Input::plain(format!("corpus-{at}"), line));
    let labelled = std::fs::read_to_string(folder.join("labelled.jsonl")).unwrap();
    let labelled = labelled.lines().enumerate().map(|(at, line)| {
        let line: Value = serde_json::from_str(line).unwrap();
        Input::plain(format!("labelled-{at}"), line["record"].to_string())
    });
    let mut all: Vec<Input> = each.chain(labelled).collect();
    all.push(Input::plain("corpus-folded".to_owned(), packed));
    for (at, path) in below(&folder.join("trail")).into_iter().enumerate() {
        all.push(Input::plain(format!("trail-{at}"), std::fs::read(path).unwrap()));
    }
    all
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let each = paths.into_iter().flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] });
    each.filter(|path| path.extension().is_some_and(|ending| ending == "gz")).collect()
}

/// Each document that the command prints for an input: the kind of policy that it is for, and whether it is the policy in
/// force with the patch in it.
fn documents(input: &Input) -> Vec<(&'static str, bool, Value)> {
    let folder = tempfile::tempdir().unwrap();
    for (path, body) in &input.files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, body).unwrap();
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_denywatch"))
        .args(["explain", "-", "--output", "json"])
        .args(&input.arguments)
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stdin, text) = (child.stdin.take().unwrap(), input.text.clone());
    let writer = std::thread::spawn(move || drop(stdin.write_all(&text)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let patches = answer["findings"].as_array().into_iter().flatten();
    let patches = patches.flat_map(|finding| finding["patches"].as_array().into_iter().flatten());
    let each = patches.flat_map(|patch| {
        let kind = kind(patch["target"]["kind"].as_str().unwrap());
        ["document", "merged"].map(|name| (kind, name == "merged", patch[name].clone()))
    });
    each.filter(|(_, _, document)| document.is_object()).collect()
}

/// The policies in force that a case brings along.
fn brought(input: &Input) -> impl Iterator<Item = Value> {
    let documents = input.files.iter().filter_map(|(_, body)| serde_json::from_str::<Value>(body).ok());
    documents.filter(|document| document["Statement"].is_array())
}

/// What the linter says of one file.
struct Error {
    input: String,
    of: String,
    code: String,
    detail: String,
}

/// The errors, as the linter prints them; a file is called `INPUT~WHAT~NUMBER.json`.
fn errors(linter: &str, kind: &str, files: &[PathBuf]) -> Vec<Error> {
    let python = std::env::var("DENYWATCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python).arg(linter).args(["--kind", kind]).args(files).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let findings = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let errors = findings.filter(|finding| finding["severity"] == "error");
    errors
        .map(|finding| {
            let file = Path::new(finding["file"].as_str().unwrap()).file_name().unwrap().to_string_lossy().into_owned();
            let mut parts = file.split('~').map(str::to_owned);
            let (input, of) = (parts.next().unwrap(), parts.next().unwrap());
            Error {
                input,
                of,
                code: finding["code"].as_str().unwrap().to_owned(),
                detail: finding["detail"].to_string(),
            }
        })
        .collect()
}

/// Input and code of each error, without those that a merged document has from the policy in force: we take nothing out of
/// what somebody else wrote, and its faults stay.
fn ours(errors: Vec<Error>) -> BTreeSet<(String, String)> {
    let words = |error: &Error| (error.input.clone(), error.code.clone(), error.detail.clone());
    let brought: BTreeSet<_> = errors.iter().filter(|error| error.of == "brought").map(words).collect();
    let inherited = |error: &Error| error.of == "merged" && brought.contains(&words(error));
    let ours = errors.into_iter().filter(|error| error.of != "brought" && !inherited(error));
    ours.map(|error| (error.input, error.code)).collect()
}

/// Name and code of each error that is the linter's own.
fn known() -> BTreeSet<(String, String)> {
    let lines = std::fs::read_to_string(root().join("tests/fixtures/lint.tsv")).unwrap();
    let rows = lines.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        assert!(cells.len() == 3 && !cells[2].is_empty(), "name, codes and reason: `{line}`");
        cells[1].split(',').map(|code| (cells[0].to_owned(), code.to_owned())).collect::<Vec<_>>()
    };
    rows.flat_map(row).collect()
}

#[test]
fn every_document_passes_the_linter() {
    let Ok(linter) = std::env::var("DENYWATCH_LINT") else {
        println!("DENYWATCH_LINT is not set: no document was linted");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (mut files, mut count, mut number) = (BTreeMap::<&str, Vec<PathBuf>>::new(), 0, 0);
    for input in cases().chain(realistic()).chain(corpus()) {
        for (kind, is_merged, document) in documents(&input) {
            let mut write = |what: &str, document: &Value| {
                let path = folder.path().join(format!("{}~{what}~{number}.json", input.name));
                std::fs::write(&path, document.to_string()).unwrap();
                files.entry(kind).or_default().push(path);
                number += 1;
                count += usize::from(what != "brought");
            };
            write(if is_merged { "merged" } else { "document" }, &document);
            if is_merged {
                brought(&input).for_each(|policy| write("brought", &policy));
            }
        }
    }
    let found = ours(files.iter().flat_map(|(kind, files)| errors(&linter, kind, files)).collect());
    let known = known();
    println!("{count} documents, {} errors, {} of them the linter's own", found.len(), known.len());
    let real = |(input, _): &&(String, String)| {
        ["case-", "corpus-", "labelled-", "trail-"].iter().any(|sort| input.starts_with(sort))
    };
    assert_eq!(known.iter().filter(real).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "listed, not allowed");
    assert!(count > 900, "{count} documents");
    assert_eq!(found.difference(&known).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "errors");
    assert_eq!(known.difference(&found).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "listed, not found");
}
