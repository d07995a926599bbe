//! Patches written into CloudFormation and SAM source: small repositories in foreign styles, each with a denial and the
//! diff to expect, judged by outsiders: `git apply`, PyYAML and cfn-lint.
//!
//! `tests/fixtures/into/cfn-*` holds `denial.txt` or `denial.json`, the repository, `expected.txt` (the diff, or the
//! places that could be meant), and where needed `policies/` in force and the kind of `target`. With
//! `DENYWATCH_BLESS=1` the expectations are written anew. A reader that is not installed is named and skipped, or fails
//! the test when `CI=true`.
#![cfg(feature = "cli")]
// A test of the outside world reads files and environment, and says what it skips.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

#[allow(dead_code, reason = "this user takes a part")]
#[path = "outsiders/payloads.rs"]
mod payloads;
mod readers;

use denywatch::app::{World, explain};
use denywatch::denial::Given;
use denywatch::diagnosis::{InForce, Target, TargetKind};
use denywatch::edit::{self, Candidate, Change, Edited, Hints, SourceFile, Wanted};
use denywatch::io::sources::policies;
use denywatch::patch::{Applicability, Patch};
use denywatch::policy::{Document, Statement};
use denywatch::principal::Principal;
use denywatch::render::{self, PatchContext};
use readers::tool;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Fixture {
    name: String,
    folder: PathBuf,
    files: Vec<SourceFile>,
    patch: Patch,
    principal: Principal,
    policy: String,
}

fn fixtures() -> Vec<Fixture> {
    let only = std::env::var("DENYWATCH_CASE").unwrap_or_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/into");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let ours = paths.into_iter().filter(|path| name(path).starts_with("cfn-") && name(path).contains(&only));
    let all: Vec<Fixture> = ours.map(|path| fixture(name(&path), path)).collect();
    assert!(!all.is_empty(), "no fixture matches `{only}`");
    all
}

fn fixture(name: String, folder: PathBuf) -> Fixture {
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    let denial = text("denial.txt").or_else(|| text("denial.json")).unwrap();
    let given = folder.join("policies");
    let in_force = if given.is_dir() { policies::read(&[given]).unwrap().0 } else { InForce::default() };
    let outcome = explain(denial.as_bytes(), "denial", &Given::default(), &World::new(in_force));
    let target = text("target").map(|kind| kind.trim().to_owned());
    let wanted = |patch: &&Patch| {
        let kind = serde_json::to_value(patch.target.kind).unwrap();
        patch.document.is_some() && target.as_ref().is_none_or(|target| kind == target.as_str())
    };
    let found = outcome.findings.iter().flat_map(|one| one.patches.iter().map(move |patch| (patch, &one.principal)));
    let (patch, principal) = found.into_iter().find(|(patch, _)| wanted(patch)).unwrap_or_else(|| panic!("{name}"));
    let policy = render::policy_name(patch, &PatchContext::default()).unwrap_or_else(|_| "denywatch-fix".to_owned());
    let files = source(&folder.join("repo"));
    Fixture { name, files, patch: patch.clone(), principal: principal.clone(), policy, folder }
}

/// Every file of a repository, by its path.
fn source(root: &Path) -> Vec<SourceFile> {
    let (mut folders, mut files) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            files.push(SourceFile { path: name, text: std::fs::read_to_string(&path).unwrap() });
        }
    }
    files.sort();
    files
}

impl Fixture {
    fn edit(&self, files: &[SourceFile]) -> (Edited, String) {
        let wanted = Wanted { patch: &self.patch, principal: &self.principal, name: &self.policy };
        let (edited, problems) = edit::edit(&wanted, files, &Hints::default());
        let mut told = String::new();
        for problem in problems {
            writeln!(told, "problem: {}: {}", problem.input, problem.error).unwrap();
        }
        let place = |place: &Candidate| format!("{}:{}: {}: {}\n", place.path, place.line, place.what, place.why);
        match &edited {
            Edited::Changed { changes, notes } => {
                notes.iter().for_each(|note| writeln!(told, "note: {note}").unwrap());
                told.push_str(&edit::unified(changes));
            }
            Edited::Already(one) => write!(told, "already: {}", place(one)).unwrap(),
            Edited::Undecided(all) | Edited::Full(all) => {
                told.push_str("undecided\n");
                all.iter().for_each(|one| told.push_str(&place(one)));
            }
        }
        (edited, told)
    }

    fn changes(&self) -> Vec<Change> {
        match self.edit(&self.files).0 {
            Edited::Changed { changes, .. } => changes,
            Edited::Already(_) | Edited::Undecided(_) | Edited::Full(_) => Vec::new(),
        }
    }
}

#[test]
fn each_repository_gets_the_change_its_author_would_have_written() {
    let bless = std::env::var_os("DENYWATCH_BLESS").is_some();
    let mut wrong = String::new();
    for fixture in fixtures() {
        let (_, told) = fixture.edit(&fixture.files);
        let path = fixture.folder.join("expected.txt");
        if bless {
            std::fs::write(&path, &told).unwrap();
        }
        let expect = std::fs::read_to_string(&path).unwrap_or_default();
        if expect != told {
            writeln!(wrong, "{}:\n{told}\nexpected:\n{expect}", fixture.name).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_second_run_adds_nothing() {
    let mut ran = 0;
    for fixture in fixtures() {
        let changes = fixture.changes();
        let mut files = fixture.files.clone();
        for change in &changes {
            let file = files.iter_mut().find(|file| file.path == change.path).unwrap();
            file.text.clone_from(&change.after);
            ran += 1;
        }
        if !changes.is_empty() {
            let (again, told) = fixture.edit(&files);
            assert!(matches!(again, Edited::Already(_)), "{}: {told}", fixture.name);
        }
    }
    assert!(ran > 0 || std::env::var_os("DENYWATCH_CASE").is_some());
}

#[test]
fn git_applies_every_diff() {
    let Some(git) = tool("git", &["--version"]) else { return };
    for fixture in fixtures() {
        let changes = fixture.changes();
        if changes.is_empty() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        for file in &fixture.files {
            let path = folder.path().join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &file.text).unwrap();
        }
        std::fs::write(folder.path().join("x.diff"), edit::unified(&changes)).unwrap();
        let run = Command::new(&git)
            .args(["-c", "core.autocrlf=false", "apply", "x.diff"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(run.status.success(), "{}: {}", fixture.name, String::from_utf8_lossy(&run.stderr));
        for change in changes {
            let after = std::fs::read_to_string(folder.path().join(&change.path)).unwrap();
            assert_eq!(after, change.after, "{}", fixture.name);
        }
    }
}

/// What `patch --into` prints of a fixture, and how it ends.
#[test]
fn the_command_prints_the_same_diff() {
    for fixture in fixtures() {
        if fixture.folder.join("target").exists() {
            continue;
        }
        let denial = ["denial.txt", "denial.json"].map(|name| fixture.folder.join(name));
        let denial = std::fs::File::open(denial.iter().find(|path| path.exists()).unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_denywatch"));
        command.current_dir(&fixture.folder).env_remove("DENYWATCH_STORE").stdin(denial);
        command.args(["patch", "-", "--into", "repo"]);
        if fixture.folder.join("policies").is_dir() {
            command.args(["--policies", "policies"]);
        }
        let output = command.output().unwrap();
        let (printed, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        let (edited, _) = fixture.edit(&fixture.files);
        let (expect, code) = match &edited {
            Edited::Changed { changes, .. } => (edit::unified(changes), 0),
            Edited::Already(_) => (String::new(), 0),
            // A complete resource stands in for the diff.
            Edited::Undecided(_) | Edited::Full(_) => (printed.clone(), 5),
        };
        assert_eq!(printed, expect, "{}: {said}", fixture.name);
        assert!(code == 0 || printed.contains("AWS::IAM::RolePolicy"), "{}: {printed}", fixture.name);
        // A template that cannot be read is told by the exit code.
        let is_read = !fixture.files.iter().any(|file| file.path.contains("broken"));
        assert_eq!(output.status.code(), Some(if is_read { code } else { 6 }), "{}: {said}", fixture.name);
    }
}

/// Puts one change before the judge: as `before/NAME`, `after/NAME`, and what was wanted beside.
fn put(folder: &Path, name: &str, change: &Change, wanted: &str) {
    for (side, text) in [("before", change.before.as_str()), ("after", &change.after), ("wanted", wanted)] {
        std::fs::create_dir_all(folder.join(side)).unwrap();
        std::fs::write(folder.join(side).join(name), text).unwrap();
    }
}

/// All changes of the fixtures; how many.
fn both_sides(folder: &Path) -> usize {
    let mut count = 0;
    for fixture in fixtures() {
        for change in fixture.changes() {
            let name = format!("{}--{}", fixture.name, change.path.replace('/', "-"));
            put(folder, &name, &change, &serde_json::to_string(&fixture.patch.document).unwrap());
            count += 1;
        }
    }
    count
}

#[test]
fn a_reader_of_another_make_sees_nothing_but_the_statement() {
    let folder = tempfile::tempdir().unwrap();
    let count = both_sides(folder.path());
    judged(folder.path(), count);
}

/// Lets PyYAML compare what was put before it.
#[track_caller]
fn judged(folder: &Path, count: usize) {
    let Some(python) = tool("python3", &["-c", "import yaml"]) else { return };
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/template_equal.py");
    let run = Command::new(python).arg(judge).arg(folder).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(said.lines().filter(|line| line.starts_with("equal but for")).count(), count, "{said}");
}

#[test]
fn cfn_lint_finds_nothing_new() {
    let Some(lint) = tool("cfn-lint", &["--version"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    both_sides(folder.path());
    let mut names: Vec<PathBuf> = Vec::new();
    for side in ["before", "after"] {
        names.extend(std::fs::read_dir(folder.path().join(side)).unwrap().map(|entry| entry.unwrap().path()));
    }
    names.sort();
    let mut command = Command::new(&lint);
    command.args(["--format", "json", "--regions", "eu-west-1", "--template"]).args(&names);
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
    let found = |side: &str| {
        let all = all.as_array().unwrap().iter();
        let of_side = all.filter(|found| found["Filename"].as_str().unwrap().contains(&format!("/{side}/")));
        let one = |found: &serde_json::Value| {
            let file = found["Filename"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            (file, found["Rule"]["Id"].to_string(), found["Message"].to_string())
        };
        of_side.map(one).collect::<std::collections::BTreeSet<_>>()
    };
    let (before, after) = (found("before"), found("after"));
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.is_empty(), "{new:#?}");
}

/// One role in three styles: lines, brackets, JSON.
const STYLES: [(&str, &str); 3] = [
    (
        "lines.yaml",
        "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: b\n  R:\n    Type: \
         AWS::IAM::Role\n    Properties:\n      RoleName: app\n      Policies:\n        - PolicyName: p\n          \
         PolicyDocument:\n            Version: '2012-10-17'\n            Statement:\n              - Effect: Allow\n                \
         Action:\n                  - s3:ListBucket\n                Resource: !GetAtt B.Arn # all\n",
    ),
    (
        "flow.yaml",
        "Resources:\n  B: {Type: AWS::S3::Bucket, Properties: {BucketName: b}}\n  R:\n    Type: AWS::IAM::Role\n    \
         Properties: {RoleName: app, Policies: [{PolicyName: p, PolicyDocument: {Version: '2012-10-17', Statement: \
         [{Effect: Allow, Action: 's3:ListBucket', Resource: !GetAtt B.Arn}]}}]}\n",
    ),
    (
        "t.json",
        "{\"Resources\": {\"B\": {\"Type\": \"AWS::S3::Bucket\", \"Properties\": {\"BucketName\": \"b\"}}, \"R\": {\"Type\": \
         \"AWS::IAM::Role\", \"Properties\": {\"RoleName\": \"app\", \"Policies\": [{\"PolicyName\": \"p\", \"PolicyDocument\": \
         {\"Version\": \"2012-10-17\", \"Statement\": [\n{\"Effect\": \"Allow\", \"Action\": \"s3:ListBucket\", \"Resource\": \
         {\"Fn::GetAtt\": [\"B\", \"Arn\"]}}\n]}}]}}}}\n",
    ),
];

fn reading(resource: &str) -> Patch {
    Patch {
        target: Target {
            kind: TargetKind::RolePolicy,
            arn: None,
            name: Some("app".to_owned()),
            account: Some("111122223333".to_owned()),
        },
        applicability: Applicability::Review,
        doubts: vec![],
        document: Some(Document::new(vec![Statement::allow(["s3:GetObject"], [resource])])),
        merged: None,
        room: Default::default(),
        widened: vec![],
        companions: vec![],
        proof: None,
    }
}

#[test]
fn hostile_text_stays_text_to_a_reader_of_another_make() {
    let folder = tempfile::tempdir().unwrap();
    let mut principal = Principal::unknown();
    principal.arn = Some("arn:aws:iam::111122223333:role/app".to_owned());
    let (mut count, mut refused) = (0, 0);
    for (at, piece) in payloads::PIECES.iter().enumerate() {
        // One bucket is in the template and is referred to, the other is not.
        for (bucket, resource) in [("b", format!("arn:aws:s3:::b/{piece}")), ("c", format!("arn:aws:s3:::c/{piece}"))] {
            let patch = reading(&resource);
            let wanted = Wanted { patch: &patch, principal: &principal, name: "fix" };
            for (name, text) in STYLES {
                let files = [SourceFile { path: name.to_owned(), text: text.to_owned() }];
                let Edited::Changed { changes, .. } = edit::edit(&wanted, &files, &Hints::default()).0 else {
                    assert!(piece.contains("{{resolve:"), "{piece}");
                    refused += 1;
                    continue;
                };
                let document = serde_json::to_value(&patch.document).unwrap();
                let names = serde_json::json!({"B.Arn": "arn:aws:s3:::b"});
                let wanted = serde_json::json!({"Statement": document["Statement"], "Names": names}).to_string();
                put(folder.path(), &format!("{at:03}-{bucket}-{name}"), &changes[0], &wanted);
                count += 1;
            }
        }
    }
    assert!(count >= 600 && refused > 0, "{count} {refused}");
    judged(folder.path(), count);
}
