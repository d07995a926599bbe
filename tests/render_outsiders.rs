//! Hostile text through every format, judged by the real readers: terraform, bash, Python's JSON and YAML parsers,
//! shellcheck, cfn-lint. A reader that is not installed is named and skipped, or fails the test when `CI=true`.
//! Readers are looked for in `DENYWATCH_TOOLS` (a folder), then on `PATH`.
// A test of the outside world reads files and environment, and says what it skips.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use denywatch::diagnosis::{Target, TargetKind};
use denywatch::patch::{Applicability, Companion, Patch};
use denywatch::render::escape::{csv_cell, hcl_string, html, is_unseen, shell_quote, terminal_lines, yaml_string};
use denywatch::render::{self, Format, PatchContext, RenderError};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const ACCOUNT: &str = "111122223333";

/// Pieces that some reader takes for more than text.
const PIECES: &[&str] = &[
    // Terraform, IAM and CloudFormation
    "${aws:username}",
    "${*}",
    "${$}",
    "$${x}",
    "$$${x}",
    "$$$$${x}",
    "${file(\"/etc/passwd\")}",
    "%{if true}a%{endif}",
    "%%{x}",
    "%%%{x}",
    "$%{x}",
    "%${x}",
    "${",
    "%{",
    "$",
    "%",
    "$$",
    "%%",
    "&{aws:username}",
    "&{",
    "&&{x}",
    "${!x}",
    "{{resolve:ssm:secret}}",
    "{{resolve:secretsmanager:a:b}}",
    "{{",
    "}}",
    "${jsonencode(1)}",
    "${\"${x}\"}",
    "${path.module}",
    "~}",
    "${~ x ~}",
    "<<EOT",
    "EOT",
    "<<-EOT",
    // shells
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "| touch pwned",
    "& touch pwned",
    "&& touch pwned #",
    "'; touch pwned; '",
    "\"; touch pwned; \"",
    "'$(touch pwned)'",
    "\\'; touch pwned #",
    "$((1+1))",
    "$HOME",
    "${HOME}",
    "!!",
    "!$",
    "~",
    "~root",
    "*",
    "?",
    "[a-z]",
    "{a,b}",
    "> pwned",
    "< /etc/passwd",
    ">(touch pwned)",
    "<(touch pwned)",
    "-",
    "--",
    "-rf",
    "--profile=x",
    "-e",
    "=",
    "a=b",
    "#",
    " # x",
    "$'\\x41'",
    "DENYWATCH_PATCH",
    "JQ",
    "EOF",
    "file:///etc/passwd",
    "fileb://x",
    "http://example.com/x",
    "\\",
    "\\\\",
    "\\n",
    "\\\"",
    "\\$(touch pwned)",
    // JSON and YAML
    "\"",
    "'",
    "\",\"Effect\":\"Deny",
    "\"}]}",
    "{\"a\":1}",
    "]",
    "}",
    "[",
    "{",
    ": ",
    "a: b",
    "- a",
    "? a",
    "no",
    "yes",
    "on",
    "off",
    "null",
    "~",
    "true",
    "0x10",
    "0o17",
    "1e3",
    "1_000",
    "12:30:45",
    "2012-10-17",
    "!!python/object/apply:os.system",
    "!Ref x",
    "!Sub ${x}",
    "&a",
    "*a",
    "<<",
    "<<: *a",
    "---",
    "...",
    "%YAML 1.1",
    "@a",
    "|",
    ">",
    ">-",
    ", ",
    " ",
    "  a  ",
    "\\u0041",
    "\\x41",
    "=",
    ".inf",
    ".nan",
    "=cmd|' /C calc'!A0",
    "+1",
    "@SUM(1)",
    // markup
    "<script>alert(1)</script>",
    "<!channel>",
    "<@U1>",
    "<http://x|y>",
    "[x](javascript:1)",
    "```",
    "@everyone",
    "&amp;",
    // seen Latin-1 and beyond
    "é",
    "ÿ",
    "×",
    "日本",
    "🙂",
    "Ж",
    "\u{1f600}\u{1f601}",
    // unseen
    "\n",
    "\r",
    "\t",
    "\r\n",
    "\n---\n",
    "\nDENYWATCH_PATCH\ntouch pwned\n",
    "\n# x\ntouch pwned\n",
    "\u{b}",
    "\u{c}",
    "\u{7}",
    "\u{1b}[31m",
    "\u{1b}]0;x\u{7}",
    "\u{1b}[201~",
    "\u{7f}",
    "\u{80}",
    "\u{85}",
    "\u{9b}31m",
    "\u{a0}",
    "\u{ad}",
    "\u{200b}",
    "\u{200d}",
    "\u{200f}",
    "\u{2028}",
    "\u{2029}",
    "\u{202a}",
    "\u{202e}",
    "\u{2066}",
    "\u{2069}",
    "\u{feff}",
    "\u{fffd}",
    "\u{ffff}",
    "\u{e0041}",
    "\u{1}",
    "\u{1f}",
];

/// Each piece alone and in neighbourhoods that could complete it.
fn payloads() -> Vec<String> {
    let mut all = BTreeSet::new();
    for piece in PIECES {
        all.extend([(*piece).to_owned(), format!("{piece}{piece}"), format!("x/{piece}/y")]);
    }
    all.into_iter().collect()
}

fn is_writable(text: &str) -> bool {
    !text.chars().any(|c| is_unseen(c) || c > '\u{ff}')
}

fn target(kind: TargetKind, arn: Option<&str>, name: &str) -> Target {
    Target { kind, arn: arn.map(Into::into), name: Some(name.into()), account: Some(ACCOUNT.into()) }
}

fn patch(target: Target, document: Value) -> Patch {
    Patch {
        target,
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

/// A policy that carries the text wherever data may stand.
fn document(text: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "D1",
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": [format!("arn:aws:s3:::bucket/{text}"), text],
        "Condition": {
            "StringEquals": {format!("aws:RequestTag/{text}"): [text, "b"], "aws:username": text},
            "Null": {text: "true"},
        },
    }]})
}

/// A policy that AWS would take.
fn sound(key: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "D1",
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": [format!("arn:aws:s3:::bucket/{key}")],
        "Condition": {"StringEquals": {"aws:ResourceAccount": ACCOUNT}, "Null": {"aws:SourceVpc": "true"}},
    }]})
}

/// What is rendered for the readers: every payload in the policy where it may be, and in a comment always.
struct Case {
    text: String,
    document: Value,
    patch: Patch,
}

fn cases() -> Vec<Case> {
    let role = || target(TargetKind::RolePolicy, None, "-app+=,.@_1");
    let case = |text: String| {
        let inside = if is_writable(&text) { document(&text) } else { document("plain") };
        let mut patch = patch(role(), inside.clone());
        patch.doubts = vec![text.clone(), format!("{text} # {text}")];
        Case { text, document: inside, patch }
    };
    payloads().into_iter().map(case).collect()
}

/// The text in a format; `None` where the format refuses this payload by name, as it may.
fn rendered(case: &Case, format: Format) -> Option<String> {
    match render::patch(&case.patch, &PatchContext::default(), format) {
        Ok(text) => Some(text),
        Err(RenderError::NotCarried { .. }) => {
            assert!(case.text.contains("{{resolve:") && matches!(format, Format::Cfn | Format::CfnJson));
            None
        }
        Err(other) => panic!("{format} of {:?}: {other}", case.text),
    }
}

/// A program; `None` (and a word on stderr) when it is not installed, a failure in CI.
fn tool(name: &str, probe: &[&str]) -> Option<PathBuf> {
    let folder = std::env::var_os("DENYWATCH_TOOLS").map(|folder| PathBuf::from(folder).join(name));
    let candidates = folder.into_iter().chain([PathBuf::from(name)]);
    let works = |program: &PathBuf| {
        let run = Command::new(program).args(probe).stdin(Stdio::null()).output();
        run.is_ok_and(|output| output.status.success())
    };
    let found = candidates.into_iter().find(works);
    if found.is_none() {
        let what = format!("{name} {}", probe.join(" "));
        assert!(std::env::var("CI").as_deref() != Ok("true"), "`{what}` does not run, and CI must not skip it");
        eprintln!("skipped: `{what}` does not run here");
    }
    found
}

/// Runs a program with input, and its output when it succeeded.
#[track_caller]
fn run(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{}{told}", String::from_utf8_lossy(&output.stdout));
    output
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[test]
fn there_are_enough_payloads() {
    let all = payloads();
    assert!(all.len() >= 300, "{}", all.len());
    assert!(all.iter().filter(|text| is_writable(text)).count() >= 300);
}

#[test]
fn what_cannot_be_written_is_refused_by_name() {
    for text in payloads() {
        for format in Format::ALL {
            let patch = patch(target(TargetKind::RolePolicy, None, "app"), document(&text));
            let got = render::patch(&patch, &PatchContext::default(), format);
            let refused = matches!(got, Err(RenderError::Character { .. }));
            assert_eq!(refused, !is_writable(&text), "{format} of {text:?}");
        }
    }
}

#[test]
fn names_outside_iams_characters_are_refused() {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    for text in payloads() {
        for format in [Format::Hcl, Format::Cfn, Format::CfnJson, Format::Cli] {
            let patch = patch(target(TargetKind::RolePolicy, None, &text), document("a"));
            let got = render::patch(&patch, &PatchContext::default(), format);
            assert_eq!(got.is_ok(), text.chars().all(plain), "{format} of {text:?}: {got:?}");
            assert!(matches!(got, Ok(_) | Err(RenderError::Name { .. })), "{got:?}");
        }
    }
}

/// The readers of JSON, YAML, HTML and CSV are Python's; what they read is compared with what is expected.
const PYTHON: &str = r#"
import json, sys
task = json.load(sys.stdin)
bad = []
def check(name, got, want):
    if got != want:
        bad.append((name, got, want))
for name, want in task["json"]:
    check(name, json.load(open(name, encoding="utf-8")), want)
if task["yaml"]:
    import yaml
    for name, want in task["yaml"]:
        check(name, list(yaml.safe_load_all(open(name, "rb"))), [want])
    for text, scalar in task["scalars"]:
        check(text, yaml.safe_load(scalar), text)
        check(text, yaml.safe_load("a:\n  - " + scalar + "\n  - b: " + scalar), {"a": [text, {"b": text}]})
import csv, html.parser, io
class Reader(html.parser.HTMLParser):
    seen = []
    def handle_starttag(self, tag, attrs): self.seen.append((tag, attrs))
    def handle_endtag(self, tag): self.seen.append(("/", tag))
    def handle_data(self, data): self.seen.append(data)
    def handle_comment(self, data): self.seen.append(("!", data))
    def handle_decl(self, data): self.seen.append(("!", data))
    def handle_pi(self, data): self.seen.append(("?", data))
for text, cell, escaped, shown in task["sinks"]:
    rows = list(csv.reader(io.StringIO(cell + "," + cell + "\r\n", newline="")))
    check(text, [len(row) for row in rows], [2])
    check(text, rows[0][0][:1] in "=+-@\t\r\n" and rows[0][0] != "", False)
    reader = Reader()
    reader.seen = []
    reader.feed("<p title='" + escaped + "' id=\"" + escaped + "\">" + escaped + "</p>")
    reader.close()
    check(text, reader.seen, [("p", [("title", shown), ("id", shown)]), shown, ("/", "p")])
for entry in bad[:5]:
    print(entry)
sys.exit(1 if bad else 0)
"#;

#[test]
fn python_reads_the_same_json_yaml_html_and_csv() {
    let Some(python) = tool("python3", &["-c", "import json"]) else { return };
    let yaml = tool("python3", &["-c", "import yaml"]);
    let folder = tempfile::tempdir().unwrap();
    let (mut jsons, mut yamls) = (Vec::new(), Vec::new());
    for (at, case) in cases().iter().enumerate() {
        let template = |case: &Case| {
            let name = render::policy_name(&case.patch, &PatchContext::default()).unwrap();
            let properties =
                json!({"RoleName": case.patch.target.name, "PolicyName": name, "PolicyDocument": case.document});
            let id = format!("D{}", name.replace('-', "").split_at(1).1);
            json!({"Resources": {id: {"Type": "AWS::IAM::RolePolicy", "Properties": properties}}})
        };
        for (format, extension) in [(Format::Json, "json"), (Format::CfnJson, "cfn.json"), (Format::Cfn, "yaml")] {
            let Some(text) = rendered(case, format) else { continue };
            let name = folder.path().join(format!("{at}.{extension}"));
            std::fs::write(&name, text).unwrap();
            match format {
                Format::Json => jsons.push((name, case.document.clone())),
                Format::CfnJson => jsons.push((name, template(case))),
                _ => yamls.push((name, template(case))),
            }
        }
    }
    let scalars: Vec<_> = payloads().iter().map(|text| (text.clone(), yaml_string(text))).collect();
    let (yamls, scalars) = if yaml.is_some() { (yamls, scalars) } else { Default::default() };
    let sinks = payloads().into_iter().map(|text| (csv_cell(&text), html(&text), terminal_lines(&text), text));
    let sinks: Vec<_> = sinks.map(|(cell, escaped, shown, text)| json!([text, cell, escaped, shown])).collect();
    let task = json!({"json": jsons, "yaml": yamls, "scalars": scalars, "sinks": sinks});
    run(Command::new(yaml.unwrap_or(python)).args(["-c", PYTHON]), &task.to_string());
}

/// A resource's body as an object in `locals`, so that terraform evaluates it without a provider.
fn as_local(name: &str, text: &str) -> String {
    let open = text.find("\nresource ").unwrap() + 1;
    let body = &text[text[open..].find('\n').unwrap() + open..text.rfind("\n}").unwrap() + 1];
    format!("{}locals {{\n{name} = {{{body}}}\n}}\n", &text[..open])
}

fn terraform(program: &Path, folder: &Path, arguments: &[&str], input: &str) -> Output {
    write(folder, "empty.tfrc", "");
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).env("TF_CLI_CONFIG_FILE", folder.join("empty.tfrc"));
    run(command.env("CHECKPOINT_DISABLE", "1"), input)
}

#[test]
fn terraform_evaluates_to_the_same_text() {
    let Some(program) = tool("terraform", &["version"]) else { return };
    let (formatted, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let cases = cases();
    let mut locals = String::new();
    for (at, case) in cases.iter().enumerate() {
        let text = rendered(case, Format::Hcl).unwrap();
        write(formatted.path(), &format!("{at}.tf"), &text);
        locals.push_str(&as_local(&format!("p{at}"), &text));
    }
    terraform(&program, formatted.path(), &["fmt", "-check", "-diff", "."], "");
    let all: Vec<_> = (0..cases.len()).map(|at| format!("local.p{at}")).collect();
    let strings: Vec<_> = payloads().iter().map(|text| hcl_string(text)).collect();
    locals.push_str(&format!("locals {{\nall = [{}]\nstrings = [{}]\n}}\n", all.join(","), strings.join(",")));
    write(folder.path(), "main.tf", &locals);
    let question = "base64encode(jsonencode([local.all, local.strings]))\n";
    let output = terraform(&program, folder.path(), &["console"], question);
    let answer = String::from_utf8(output.stdout).unwrap();
    let got: Value = serde_json::from_slice(&base64(answer.trim().trim_matches('"'))).unwrap();
    for (case, got) in cases.iter().zip(got[0].as_array().unwrap()) {
        let policy: Value = serde_json::from_str(got["policy"].as_str().unwrap()).unwrap();
        assert_eq!(policy, case.document, "{:?}", case.text);
        assert_eq!(got["role"].as_str(), case.patch.target.name.as_deref());
    }
    for (text, got) in payloads().iter().zip(got[1].as_array().unwrap()) {
        assert_eq!(got, text);
    }
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for digit in text.bytes().filter_map(|byte| DIGITS.iter().position(|&d| d == byte)) {
        (bits, held) = (bits << 6 | digit as u32, held + 6);
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

/// A stand-in for `aws` that writes down its words, and the files among them, between NULs.
const AWS: &str = r#"
aws() {
  local word
  for word in "$@"; do
    printf '%s\0' "$word" >> "$RECORD"
    case "$word" in *=file://*) cat -- "${word#*=file://}" >> "$RECORD"; printf '\0' >> "$RECORD" ;; esac
  done
  printf '\001\0' >> "$RECORD"
  if [ "$1" = sts ]; then printf '111122223333\n'; fi
}
export -f aws
"#;

#[test]
fn bash_runs_only_our_commands() {
    let Some(bash) = tool("bash", &["--version"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let cases = cases();
    for (at, case) in cases.iter().enumerate() {
        write(folder.path(), &format!("{at}.sh"), &rendered(case, Format::Cli).unwrap());
    }
    // Sourced in a subshell, which reads a script as `bash FILE` does and saves a process each.
    let each = "way() { (RECORD=$1.$2; . \"./$1\" \"$2\"); }; for f in *.sh; do way \"$f\" apply; done; for f in *0.sh; do way \"$f\" undo; done";
    let words: Vec<_> = payloads().iter().map(|text| shell_quote(text)).collect();
    let echo = format!("printf '%s\\0' {} > words", words.join(" "));
    run(Command::new(bash).current_dir(folder.path()), &format!("set -eu\n{AWS}\n{each}\n{echo}\n"));
    assert!(!folder.path().join("pwned").exists(), "data was run");
    for (at, case) in cases.iter().enumerate() {
        let calls = |way| calls(&folder.path().join(format!("{at}.sh.{way}")));
        let name = render::policy_name(&case.patch, &PatchContext::default()).unwrap();
        let (role, name) =
            (format!("--role-name={}", case.patch.target.name.clone().unwrap()), format!("--policy-name={name}"));
        let apply = calls("apply");
        assert_eq!((apply.len(), &apply[0][..2]), (2, ["sts".into(), "get-caller-identity".into()].as_slice()));
        assert_eq!(apply[1][..4], ["iam", "put-role-policy", &role, &name].map(String::from), "{:?}", case.text);
        assert_eq!(serde_json::from_str::<Value>(&apply[1][5]).unwrap(), case.document);
        // The undo holds the same words; every tenth is run.
        if at % 10 != 0 {
            continue;
        }
        assert_eq!(calls("undo")[1], ["iam", "delete-role-policy", &role, &name].map(String::from));
    }
    let got = std::fs::read(folder.path().join("words")).unwrap();
    let got: Vec<_> = got.split(|&byte| byte == 0).map(|word| String::from_utf8(word.to_vec()).unwrap()).collect();
    assert_eq!(got[..got.len() - 1], payloads());
}

fn calls(record: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(record).unwrap();
    let call = |call: &str| call.split_terminator('\0').map(str::to_owned).collect();
    text.split_terminator("\u{1}\0").map(call).collect()
}

/// One patch a kind of target, where the resource's policy names a principal.
fn kinds() -> Vec<Patch> {
    use TargetKind::*;
    let arn = |service: &str, resource: &str| format!("arn:aws:{service}:eu-west-1:{ACCOUNT}:{resource}");
    let iam = |resource: &str| format!("arn:aws:iam::{ACCOUNT}:{resource}");
    let identity = sound("key ${*} it's");
    let on_resource = |action: &str, on: &str| {
        json!({"Version": "2012-10-17", "Statement": [{"Sid": "DenywatchA", "Effect": "Allow",
            "Principal": {"AWS": iam("role/app")}, "Action": action, "Resource": on}]})
    };
    let of = |kind, arn: Option<String>, name: &str, document: &Value| {
        patch(target(kind, arn.as_deref(), name), document.clone())
    };
    vec![
        of(RolePolicy, Some(iam("role/p/app")), "app", &identity),
        of(UserPolicy, None, "bob", &identity),
        of(GroupPolicy, None, "devs", &identity),
        of(PermissionSet, None, "Admin", &identity),
        of(PermissionSet, Some("arn:aws:sso:::permissionSet/ssoins-1/ps-2".into()), "Admin", &identity),
        of(ManagedPolicy, Some(iam("policy/a/Own")), "Own", &identity),
        of(PermissionsBoundary, Some(iam("policy/Edge")), "Edge", &identity),
        of(TrustPolicy, None, "app", &on_resource("sts:AssumeRole", "*")),
        of(BucketPolicy, None, "a-bucket", &on_resource("s3:GetObject", "arn:aws:s3:::a-bucket/k")),
        of(KeyPolicy, Some(arn("kms", "key/1234-abcd")), "1234-abcd", &on_resource("kms:Decrypt", "*")),
        of(QueuePolicy, Some(arn("sqs", "queue")), "queue", &on_resource("sqs:SendMessage", "*")),
        of(TopicPolicy, Some(arn("sns", "topic")), "topic", &on_resource("sns:Publish", "*")),
        of(FunctionPolicy, Some(arn("lambda", "function:f")), "f", &on_resource("lambda:InvokeFunction", "*")),
        of(
            SecretPolicy,
            Some(arn("secretsmanager", "secret:n-abcdef")),
            "n",
            &on_resource("secretsmanager:GetSecretValue", "*"),
        ),
        of(RepositoryPolicy, None, "team/app", &on_resource("ecr:BatchGetImage", "*")),
        of(ResourcePolicy, None, "t", &on_resource("dynamodb:GetItem", "*")),
        of(VpcEndpointPolicy, None, "vpce-1", &on_resource("s3:GetObject", "arn:aws:s3:::a-bucket/k")),
        of(SessionPolicy, None, "p", &identity),
        of(Scp, None, "p", &identity),
        of(Rcp, None, "p", &on_resource("s3:GetObject", "arn:aws:s3:::a-bucket/k")),
    ]
}

/// Every kind, with and without merged document, companions, account and room for an inline policy.
fn variants() -> Vec<(Patch, PatchContext)> {
    let mut all = Vec::new();
    for plain in kinds() {
        let mut rich = plain.clone();
        // Beside a policy of the identity nothing merged is written but as JSON.
        let is_own =
            matches!(rich.target.kind, TargetKind::RolePolicy | TargetKind::UserPolicy | TargetKind::GroupPolicy);
        rich.merged = rich.document.clone().filter(|_| !is_own);
        rich.target.account = None;
        rich.companions = vec![Companion {
            actions: vec!["kms:Decrypt".into()],
            resources: vec!["*".into()],
            conditions: [(
                "StringEquals".into(),
                [("kms:ViaService".into(), vec!["s3.eu-west-1.amazonaws.com".into()])].into(),
            )]
            .into(),
            why: "the object is encrypted".into(),
            source: "sse-kms".into(),
        }];
        let context = PatchContext {
            companions: true,
            profile: Some("prod admin".into()),
            finding: Some("D-A2".into()),
            ..Default::default()
        };
        all.extend([(plain.clone(), PatchContext::default()), (rich, context)]);
        if matches!(plain.target.kind, TargetKind::UserPolicy | TargetKind::GroupPolicy) {
            let long = patch(plain.target, sound(&"k".repeat(5_000)));
            all.push((long, PatchContext::default()));
        }
    }
    all
}

fn put_all(folder: &Path, format: Format, extension: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, (patch, context)) in variants().iter().enumerate() {
        let text = render::patch(patch, context, format).unwrap_or_else(|e| panic!("{format} {:?}: {e}", patch.target));
        let name = format!("{at:02}-{:?}.{extension}", patch.target.kind);
        write(folder, &name, &text);
        names.push(name);
    }
    names
}

#[test]
fn terraform_would_not_reformat_any_kind() {
    let Some(program) = tool("terraform", &["version"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    put_all(folder.path(), Format::Hcl, "tf");
    terraform(&program, folder.path(), &["fmt", "-check", "-diff", "."], "");
}

#[test]
fn shellcheck_finds_nothing() {
    let Some(program) = tool("shellcheck", &["--version"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let names = put_all(folder.path(), Format::Cli, "sh");
    let quoted = ["--enable", "quote-safe-variables"];
    run(Command::new(program).current_dir(folder.path()).args(quoted).args(names), "");
}

#[test]
fn cfn_lint_finds_nothing() {
    let Some(program) = tool("cfn-lint", &["--version"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let whole = |name: &String| std::fs::read_to_string(folder.path().join(name)).unwrap().contains("Resources");
    let names: Vec<_> = put_all(folder.path(), Format::Cfn, "yaml").into_iter().filter(whole).collect();
    assert!(names.len() >= 9, "{names:?}");
    run(Command::new(program).current_dir(folder.path()).arg("--").args(names), "");
}

/// A stand-in for `aws` that keeps one policy, as the services do: `store` holds it, absent when there is none.
const STATEFUL: &str = r#"
aws() {
  local word file=
  for word in "$@"; do case "$word" in *file://*) file=${word#*file://} ;; esac; done
  printf '%s\n' "$1 $2" >> "$RECORD"
  case "$1 $2" in
    "sts get-caller-identity") case "$*" in *Account*) echo 111122223333 ;; *) echo arn:aws:iam::111122223333:user/me ;; esac ;;
    "s3api get-bucket-policy") if [ -e store ]; then cat store; else echo "(NoSuchBucketPolicy)" >&2; return 254; fi ;;
    "ecr get-repository-policy") if [ -e store ]; then cat store; else echo RepositoryPolicyNotFoundException >&2; return 254; fi ;;
    "sqs get-queue-url") echo https://sqs/queue ;;
    "sqs get-queue-attributes") if [ -e store ]; then jq -Rs '{Attributes: {Policy: .}}' store; fi ;;
    "sqs set-queue-attributes") if [ "$(jq -r .Policy "$file")" ]; then jq -r .Policy "$file" > store; else rm store; fi ;;
    "secretsmanager get-resource-policy") if [ -e store ]; then jq -Rs '{ResourcePolicy: .}' store; else echo '{}'; fi ;;
    "sso-admin list-instances") echo arn:aws:sso:::instance/ssoins-1 ;;
    "sso-admin list-permission-sets") printf 'ps-1\tps-2\n' ;;
    "sso-admin describe-permission-set") case "$*" in *ps-2*) echo Admin ;; *) echo Other ;; esac ;;
    "sso-admin get-inline-policy-for-permission-set")
      if [ -e store ]; then jq -Rs '{InlinePolicy: .}' store; else echo '{"InlinePolicy":""}'; fi ;;
    "sso-admin provision-permission-set") echo request ;;
    "sso-admin describe-permission-set-provisioning-status") echo SUCCEEDED ;;
    "iam get-role" | "iam get-user")
      case "$*" in *PermissionsBoundary*) echo arn:aws:iam::111122223333:policy/Edge ;; *) cat store ;; esac ;;
    "iam get-policy") cat default ;;
    "iam list-policy-versions") ls v? | wc -l ;;
    "iam get-policy-version") cat "$(cat default)" ;;
    "iam create-policy-version") cp "$file" v2; echo v2 > default; echo v2 ;;
    "iam set-default-policy-version") echo v1 > default ;;
    "iam delete-policy-version") rm v2 ;;
    "iam create-policy") cp "$file" managed; echo arn:aws:iam::111122223333:policy/p ;;
    "iam delete-policy") rm managed ;;
    "lambda add-permission") cat "$file" >> store ;;
    "lambda remove-permission") rm store ;;
    *" get-"*) cat store ;;
    *" delete-"*) rm -f store ;;
    *" put-"* | *" set-"* | *" update-"*) cp "$file" store ;;
  esac
}
export -f aws
"#;

/// Applies, looks, undoes and looks again; `before` is the policy in force.
#[track_caller]
fn apply_and_undo(patch: &Patch, before: Option<&Value>, expect: &Value) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "fix.sh", &render::patch(patch, &PatchContext::default(), Format::Cli).unwrap());
    let store = if matches!(patch.target.kind, TargetKind::ManagedPolicy | TargetKind::PermissionsBoundary) {
        write(folder.path(), "default", "v1\n");
        ("v1", "v2")
    } else {
        ("store", "store")
    };
    if let Some(before) = before {
        write(folder.path(), store.0, &before.to_string());
    }
    let step = |way: &str| {
        let script = format!("set -eu\n{STATEFUL}\nexport RECORD=record\nbash fix.sh {way} > said\n");
        run(Command::new("bash").current_dir(folder.path()), &script);
    };
    let read = |name: &str| -> Option<Value> {
        let text = std::fs::read_to_string(folder.path().join(name)).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    };
    step("apply");
    assert_eq!(read(store.1).as_ref(), Some(expect), "{:?}", patch.target.kind);
    step("undo");
    assert_eq!(read(store.0).as_ref(), before, "{:?}", patch.target.kind);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".state")), "{left:?}");
}

#[test]
fn scripts_append_and_put_back() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    use TargetKind::*;
    let old = json!({"Version": "2012-10-17", "Id": "x", "Statement": {"Sid": "Old", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}});
    for patch in kinds() {
        let new = serde_json::to_value(patch.document.clone().unwrap()).unwrap();
        let mut both = old.clone();
        both["Statement"] = json!([old["Statement"], new["Statement"][0]]);
        match patch.target.kind {
            RolePolicy | UserPolicy | GroupPolicy => apply_and_undo(&patch, None, &new),
            TrustPolicy | KeyPolicy | TopicPolicy | ManagedPolicy | PermissionsBoundary => {
                apply_and_undo(&patch, Some(&old), &both)
            }
            PermissionSet | BucketPolicy | QueuePolicy | SecretPolicy | RepositoryPolicy => {
                apply_and_undo(&patch, Some(&old), &both);
                apply_and_undo(&patch, None, &new);
            }
            FunctionPolicy => apply_and_undo(
                &patch,
                None,
                &json!({"FunctionName": "f", "StatementId": "DenywatchA", "Action": "lambda:InvokeFunction",
                    "Principal": format!("arn:aws:iam::{ACCOUNT}:role/app")}),
            ),
            ResourcePolicy | SessionPolicy | VpcEndpointPolicy | Scp | Rcp => {
                let text = render::patch(&patch, &PatchContext::default(), Format::Cli).unwrap();
                assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
            }
        }
    }
}

/// A denial names whom the boundary limits, and not the policy.
fn boundary_of(principal: &str) -> Patch {
    let name = principal.rsplit('/').next().unwrap();
    let arn = format!("arn:aws:iam::{ACCOUNT}:{principal}");
    patch(target(TargetKind::PermissionsBoundary, Some(&arn), name), sound("key"))
}

#[test]
fn a_boundary_is_looked_up() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    let old = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
    for principal in ["role/p/app", "user/bob"] {
        let patch = boundary_of(principal);
        let mut both = old.clone();
        let new = serde_json::to_value(patch.document.clone().unwrap()).unwrap();
        both["Statement"] = json!([old["Statement"][0], new["Statement"][0]]);
        apply_and_undo(&patch, Some(&old), &both);
    }
    let other = |principal: &str| render::patch(&boundary_of(principal), &PatchContext::default(), Format::Cli);
    assert!(other("group/devs").is_err());
    assert!(other("role/a b").is_err());
}

/// What a script says that runs against the double with one passage changed, called several times in a row.
#[track_caller]
fn said(patch: &Patch, from: &str, to: &str, ways: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "fix.sh", &render::patch(patch, &PatchContext::default(), Format::Cli).unwrap());
    write(folder.path(), "default", "v1\n");
    write(folder.path(), "v1", r#"{"Version": "2012-10-17", "Statement": []}"#);
    assert!(STATEFUL.contains(from));
    let runs: String = ways.iter().map(|way| format!("bash fix.sh {way} 2>&1 || echo FAILED\n")).collect();
    let script = format!("{}\nexport RECORD=record\n{runs}", STATEFUL.replace(from, to));
    String::from_utf8(run(Command::new("bash").current_dir(folder.path()), &script).stdout).unwrap()
}

#[test]
fn a_boundary_that_cannot_change_is_left() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    let check = |boundary: &str, expect: &str| {
        let told = said(&boundary_of("role/app"), "arn:aws:iam::111122223333:policy/Edge", boundary, &["apply"]);
        assert!(told.contains(expect) && told.ends_with("FAILED\n"), "{told}");
    };
    check("None", "refused: role app has no permissions boundary");
    check("arn:aws:iam::aws:policy/PowerUserAccess", "is AWS's own");
}

#[test]
fn a_failed_apply_can_be_undone_and_tried_again() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    // The first call that writes fails, the next ones do not.
    let once = r#"[ -e failed ] || { touch failed; echo Throttling >&2; return 254; }; cp "$file" v2;"#;
    let told =
        said(&boundary_of("role/app"), r#"cp "$file" v2;"#, once, &["apply", "apply", "undo", "apply", "undo", "undo"]);
    let lines: Vec<&str> = told.lines().filter(|line| !line.starts_with("the boundary is ")).collect();
    let expect = [
        "Throttling",
        "FAILED",
        "refused: ",
        "FAILED",
        "nothing to undo: apply had failed",
        "applied; ",
        "nothing to undo: ",
        "FAILED",
    ];
    assert_eq!(lines.len(), expect.len(), "{told}");
    assert!(lines.iter().zip(expect).all(|(line, start)| line.starts_with(start)), "{told}");
}

#[test]
fn scripts_refuse_what_would_harm() {
    if tool("bash", &["--version"]).is_none() || tool("jq", &["--version"]).is_none() {
        return;
    }
    let check = |patch: &Patch, account: &str, store: Option<Value>, expect: &str| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "fix.sh", &render::patch(patch, &PatchContext::default(), Format::Cli).unwrap());
        if let Some(store) = store {
            write(folder.path(), "store", &store.to_string());
        }
        let stub = STATEFUL.replace("echo 111122223333", &format!("echo {account}"));
        let script = format!("{stub}\nexport RECORD=record\nbash fix.sh 2>&1 && echo DONE; cat record >&2");
        let output = run(Command::new("bash").current_dir(folder.path()), &script);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(expect) && !said.contains("DONE"), "{said}");
        let calls = String::from_utf8(output.stderr).unwrap();
        assert!(!calls.contains(" put-") && !calls.contains(" set-"), "{calls}");
    };
    let find = |kind| kinds().into_iter().find(|patch| patch.target.kind == kind).unwrap();
    check(
        &find(TargetKind::RolePolicy),
        "999999999999",
        None,
        "refused: these credentials belong to account 999999999999",
    );
    let bucket = find(TargetKind::BucketPolicy);
    let there = serde_json::to_value(bucket.document.clone().unwrap()).unwrap();
    check(&bucket, ACCOUNT, Some(there), "a statement with this Sid is there already");
    let mut with_variable = bucket.clone();
    with_variable.document = Some(serde_json::from_value(document("${*}")).unwrap());
    let old = json!({"Version": "2008-10-17", "Statement": []});
    check(&with_variable, ACCOUNT, Some(old), "the policy is of an older version");
}
