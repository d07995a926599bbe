//! Patches into people's Terraform: small repositories in foreign styles, each with a denial, the diff that is expected,
//! and outsiders who judge it: git applies it, `terraform fmt` would change nothing, and what is planned before and
//! after differs by the statement alone. `DENYWATCH_BLESS=1` writes what is printed into the expected files.
// A test of the outside world reads files and environment, and says what it skips.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

#[allow(dead_code, reason = "this user takes a part")]
#[path = "outsiders/payloads.rs"]
mod payloads;
mod readers;

use denywatch::diagnosis::{Target, TargetKind};
use denywatch::edit::{self, Edited, Hints, SourceFile, Wanted};
use denywatch::patch::{Applicability, Patch};
use denywatch::principal;
use readers::{Terraform, tool};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A repository of `tests/fixtures/into`.
struct Case {
    name: String,
    folder: PathBuf,
}

fn cases() -> Vec<Case> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/into");
    let mut cases: Vec<Case> = fs::read_dir(all)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|folder| Case { name: folder.file_name().unwrap().to_str().unwrap().to_owned(), folder })
        .filter(|case| case.name.starts_with("tf-"))
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(cases.len() >= 14, "{}", cases.len());
    cases
}

impl Case {
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    /// Runs `patch -` on the denial with these arguments, in the case's folder.
    fn patch(&self, arguments: &[&str]) -> Output {
        let denial = fs::File::open(self.folder.join("denial.txt")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_denywatch"));
        command.current_dir(&self.folder).args(["patch", "-"]).args(arguments).stdin(denial);
        command.env_remove("DENYWATCH_STORE").output().unwrap()
    }

    fn patched(&self, repo: &str) -> Output {
        let own = self.text("args");
        let arguments: Vec<&str> = ["--into", repo].into_iter().chain(own.split_whitespace()).collect();
        self.patch(&arguments)
    }

    /// A copy of the repository, changed by the printed diff; `None` where none is printed.
    fn changed(&self) -> Option<tempfile::TempDir> {
        let output = self.patched("repo");
        let copy = self.copy();
        if !output.stdout.starts_with(b"--- a/") {
            return None;
        }
        let git = tool("git", &["--version"])?;
        let run = |arguments: &[&str]| {
            let mut command = Command::new(&git);
            command.current_dir(copy.path()).args(["-c", "core.autocrlf=false"]).args(arguments);
            command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
            readers::run(&mut command, std::str::from_utf8(&output.stdout).unwrap())
        };
        run(&["init", "--quiet", "."]);
        run(&["apply", "--check", "--whitespace=nowarn"]);
        run(&["apply", "--whitespace=nowarn"]);
        fs::remove_dir_all(copy.path().join(".git")).unwrap();
        Some(copy)
    }

    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_all(&self.folder.join("repo"), copy.path());
        copy
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_all(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    format!("{}exit {}\n", text(&output.stderr), output.status.code().unwrap())
}

#[test]
fn each_repository_gets_the_diff_that_its_owner_would_have_written() {
    let mut wrong = Vec::new();
    for case in cases() {
        let output = case.patched("repo");
        let printed = String::from_utf8(output.stdout.clone()).unwrap();
        for (name, text) in [("expected.out", printed), ("expected.err", shown(&output))] {
            if std::env::var("DENYWATCH_BLESS").as_deref() == Ok("1") {
                fs::write(case.folder.join(name), &text).unwrap();
            }
            if case.text(name) != text {
                wrong.push(format!("{}/{name} is:\n{text}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_second_run_adds_nothing() {
    for case in cases() {
        let Some(copy) = case.changed() else { continue };
        let again = case.patched(copy.path().to_str().unwrap());
        let told = String::from_utf8_lossy(&again.stderr);
        assert!(again.stdout.is_empty(), "{}: {}", case.name, String::from_utf8_lossy(&again.stdout));
        assert!(told.contains("nothing to change"), "{}: {told}", case.name);
    }
}

#[test]
fn terraform_would_not_reformat_what_it_would_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let Some(terraform) = Terraform::bare(folder.path()) else { return };
    let mut judged = 0;
    for case in cases() {
        let Some(after) = case.changed() else { continue };
        let formatted = |folder: &Path| {
            let output = terraform.command(folder, &["fmt", "-check", "-diff", "-recursive", "."]).output().unwrap();
            (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        if formatted(case.copy().path()).0 {
            let (holds, diff) = formatted(after.path());
            assert!(holds, "{}:\n{diff}", case.name);
            judged += 1;
        }
    }
    assert!(judged >= 10, "{judged}");
}

/// What a policy says, taken apart: each action on each resource, for whom and under which conditions.
fn atoms(document: &Value) -> BTreeSet<String> {
    let list = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        Value::Null => vec![Value::Null],
        one => vec![one.clone()],
    };
    let mut all = BTreeSet::new();
    for statement in list(&document["Statement"]) {
        let rest = ["Effect", "NotAction", "NotResource"].map(|key| statement[key].to_string());
        let rest = [rest.to_vec(), vec![sets(&statement["Principal"]), sets(&statement["Condition"])]].concat();
        for action in list(&statement["Action"]) {
            for resource in list(&statement["Resource"]) {
                all.insert(format!("{action} on {resource} {}", rest.join(" ")));
            }
        }
    }
    all
}

/// One value and a list of it are the same.
fn sets(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let all: BTreeSet<String> = items.iter().map(Value::to_string).collect();
            all.into_iter().collect::<Vec<_>>().join(",")
        }
        Value::Object(fields) => {
            let all: BTreeMap<&String, String> = fields.iter().map(|(key, value)| (key, sets(value))).collect();
            format!("{all:?}")
        }
        other => other.to_string(),
    }
}

/// Every policy in a value, wherever it stands.
fn documents(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            if let Ok(document) = serde_json::from_str::<Value>(text)
                && document.get("Statement").is_some()
            {
                into.extend(atoms(&document));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| documents(item, into)),
        Value::Object(fields) => fields.values().for_each(|item| documents(item, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// All repositories as modules of one configuration, so that one run of terraform judges them all.
fn one_root(cases: &[Case], folder: &Path, repo: impl Fn(&Case) -> tempfile::TempDir) {
    let mut root = String::new();
    for case in cases {
        copy_all(repo(case).path(), &folder.join(&case.name));
        let line = case.text("terraform");
        let mut words = line.split_whitespace();
        let dir = format!("{}/{}", case.name, words.next().unwrap_or("."));
        let values = words.filter_map(|word| word.strip_prefix("-var-file="));
        let values = values.map(|file| fs::read_to_string(folder.join(&dir).join(file)).unwrap());
        let values: String = values.collect();
        root.push_str(&format!("module \"{}\" {{\n  source = \"./{dir}\"\n{values}}}\n", case.name));
    }
    fs::write(folder.join("main.tf"), root).unwrap();
}

/// What the plan after the change wants to do, by case, when the code before it is what is deployed.
fn changes(terraform: &Terraform, cases: &[Case]) -> BTreeMap<String, Vec<Value>> {
    let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    one_root(cases, before.path(), Case::copy);
    one_root(cases, after.path(), |case| case.changed().unwrap());
    for folder in [&before, &after] {
        terraform.run(folder.path(), &["get"], "");
    }
    terraform.run(before.path(), &["apply", "-auto-approve", "-input=false"], "");
    fs::copy(before.path().join("terraform.tfstate"), after.path().join("terraform.tfstate")).unwrap();
    terraform.run(after.path(), &["plan", "-input=false", "-out=plan"], "");
    let shown = terraform.run(after.path(), &["show", "-json", "plan"], "");
    let plan: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for one in plan["resource_changes"].as_array().unwrap() {
        if one["mode"] == "managed" && one["change"]["actions"] != serde_json::json!(["no-op"]) {
            let case = one["module_address"].as_str().unwrap().split('.').nth(1).unwrap();
            all.entry(case.to_owned()).or_default().push(one["change"].clone());
        }
    }
    all
}

#[test]
fn what_is_planned_differs_by_the_statement_alone() {
    let Some(terraform) = Terraform::with_stub() else { return };
    let is_judged = |case: &Case| !case.text("terraform").starts_with("skip:") && case.changed().is_some();
    let cases: Vec<Case> = cases().into_iter().filter(is_judged).collect();
    assert!(cases.len() >= 14, "{}", cases.len());
    let all = changes(&terraform, &cases);
    for case in &cases {
        let change = all.get(&case.name).map_or(&[] as &[Value], Vec::as_slice);
        assert_eq!(change.len(), 1, "{}: {change:?}", case.name);
        let (mut old, mut new) = (BTreeSet::new(), BTreeSet::new());
        documents(&change[0]["before"], &mut old);
        documents(&change[0]["after"], &mut new);
        let wanted: Value = serde_json::from_slice(&case.patch(&["--format", "json"]).stdout).unwrap();
        let wanted = atoms(&wanted);
        let added: BTreeSet<&String> = new.difference(&old).collect();
        let gone: BTreeSet<&String> = old.difference(&new).collect();
        if case.name.contains("sse-condition") {
            // A split: the action leaves its condition and keeps the statement's resources.
            let word = |atom: &&String| atom.split(' ').next().unwrap().to_owned();
            let actions = |all: &BTreeSet<&String>| all.iter().map(word).collect::<BTreeSet<_>>();
            let read = BTreeSet::from(["\"s3:GetObject\"".to_owned()]);
            assert_eq!((actions(&gone), actions(&added)), (read.clone(), read), "{}", case.name);
        } else {
            assert_eq!((added, gone.len()), (wanted.iter().collect(), 0), "{}", case.name);
        }
    }
}

/// One role's policy in three notations; `#` stands for a number.
const NOTATIONS: [&str; 3] = [
    "resource \"aws_iam_role_policy\" \"p#\" {\n  role = \"app\"\n  policy = jsonencode({\n    Version = \"2012-10-17\"\n    \
     Statement = [\n      {\n        Effect   = \"Allow\"\n        Action   = [\"s3:ListBucket\"]\n        Resource = \
     local.b#\n      },\n    ]\n  })\n}\n",
    "resource \"aws_iam_role_policy\" \"p#\" {\n  role   = \"app\"\n  policy = <<-EOT\n  {\n    \"Version\": \"2012-10-17\",\n    \
     \"Statement\": [\n      {\"Effect\": \"Allow\", \"Action\": \"s3:ListBucket\", \"Resource\": \"${local.b#}\"}\n    ]\n  \
     }\n  EOT\n}\n",
    "resource \"aws_iam_role_policy\" \"p#\" {\n  role   = \"app\"\n  policy = data.aws_iam_policy_document.d#.json\n}\n\n\
     data \"aws_iam_policy_document\" \"d#\" {\n  statement {\n    actions   = [\"s3:ListBucket\"]\n    resources = \
     [local.b#]\n  }\n}\n",
];

/// A patch for the role, with the text wherever data may stand.
fn hostile(text: &str, bucket: &str) -> Patch {
    let document = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "D1", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [format!("arn:aws:s3:::{bucket}/{text}")],
        "Condition": {"StringEquals": {"aws:username": [text], format!("aws:RequestTag/{text}"): ["b"]}},
    }]});
    Patch {
        target: Target {
            kind: TargetKind::RolePolicy,
            arn: None,
            name: Some("app".to_owned()),
            account: Some("111122223333".to_owned()),
        },
        applicability: Applicability::Review,
        doubts: vec![],
        document: Some(serde_json::from_value(document).unwrap()),
        merged: None,
        room: Default::default(),
        widened: vec![],
        companions: vec![],
        proof: None,
    }
}

#[test]
fn hostile_text_stays_text_to_terraform() {
    let Some(terraform) = Terraform::with_stub() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("provider.tf"), "provider \"aws\" {\n  region = \"eu-west-1\"\n}\n").unwrap();
    let role = principal::from_arn("arn:aws:iam::111122223333:role/app");
    let (mut wanted, mut refused) = (BTreeMap::new(), 0);
    let texts = payloads::payloads().into_iter().filter(|text| payloads::is_writable(text));
    for (at, text) in texts.enumerate() {
        for (notation, source) in NOTATIONS.iter().enumerate() {
            // One bucket has a name in the code and is referred to, the other has not.
            let number = at * NOTATIONS.len() + notation;
            // A piece goes into all three; with neighbours into one.
            if !payloads::PIECES.contains(&text.as_str()) && at % NOTATIONS.len() != notation {
                continue;
            }
            let patch = hostile(&text, if number.is_multiple_of(2) { "b" } else { "c" });
            let source = source.replace('#', &number.to_string());
            let source = format!("locals {{\n  b{number} = \"arn:aws:s3:::b\"\n}}\n\n{source}");
            let file = SourceFile { path: "main.tf".to_owned(), text: source };
            let asked = Wanted { patch: &patch, principal: &role, name: "denywatch-1a2b3c4d" };
            let Edited::Changed { changes, .. } = edit::edit(&asked, &[file], &Hints::default()).0 else {
                assert!(notation == 2 && text.contains("&{"), "{text:?} in {notation}");
                refused += 1;
                continue;
            };
            fs::write(folder.path().join(format!("p{number}.tf")), &changes[0].after).unwrap();
            wanted.insert(format!("aws_iam_role_policy.p{number}"), (text.clone(), patch));
        }
    }
    assert!(wanted.len() >= 600 && refused > 0, "{} {refused}", wanted.len());
    terraform.run(folder.path(), &["plan", "-input=false", "-out=plan"], "");
    let shown = terraform.run(folder.path(), &["show", "-json", "plan"], "");
    let plan: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let planned = plan["resource_changes"].as_array().unwrap();
    assert_eq!(planned.len(), wanted.len());
    for one in planned {
        let (text, patch) = &wanted[one["address"].as_str().unwrap()];
        let policy: Value = serde_json::from_str(one["change"]["after"]["policy"].as_str().unwrap()).unwrap();
        let before = serde_json::json!({"Statement":
            {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b"}});
        let mut expect = atoms(&before);
        expect.extend(atoms(&serde_json::to_value(&patch.document).unwrap()));
        assert_eq!(atoms(&policy), expect, "{text:?}");
    }
}
