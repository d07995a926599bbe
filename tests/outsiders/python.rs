//! JSON, YAML, HTML and CSV, read by Python.

use super::patches::{Case, cases, rendered};
use super::payloads::payloads;
use crate::readers::{run, tool};
use denywatch::app::{World, explain};
use denywatch::denial::Given;
use denywatch::diagnosis::InForce;
use denywatch::patch::Applicability;
use denywatch::render::escape::{csv_cell, html, terminal, terminal_lines, yaml_string};
use denywatch::render::pull_request::{Changed, pull_request};
use denywatch::render::{self, Format, PatchContext};
use serde_json::json;
use std::process::Command;

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

/// GitHub's Markdown as another parser reads it: no link, picture, heading or mark-up but ours, and each name whole in a
/// code span.
const MARKDOWN: &str = r#"
import json, sys
from markdown_it import MarkdownIt
reader = MarkdownIt("gfm-like")
OURS = {"paragraph", "table", "thead", "tbody", "tr", "th", "td", "bullet_list", "list_item", "hr", "text", "code_inline",
        "strong", "softbreak", "inline", "html_block", "html_inline"}
HTML = ("<details>", "<summary>", "</summary>", "</details>", "<!-- denywatch:finding:", "<!-- denywatch:files:")
bad = []
for text, shown, title, body in json.load(sys.stdin):
    spans, seen = [], []
    def walk(tokens):
        for token in tokens:
            seen.append(token.type.removesuffix("_open").removesuffix("_close"))
            if token.type == "code_inline":
                spans.append(token.content)
            if token.type.startswith("html"):
                for line in filter(None, token.content.split("\n")):
                    if not line.startswith(HTML):
                        bad.append((text, line))
            if token.type == "heading_open":
                bad.append((text, "heading"))
            walk(token.children or [])
    walk(reader.parse(body))
    if set(seen) - OURS:
        bad.append((text, sorted(set(seen) - OURS)))
    if shown.strip() and not any(shown.strip() == span.strip() for span in spans):
        bad.append((text, "the name is in no span", spans))
    if any(sign in title for sign in "@<>`#\n") or not title.startswith("iam("):
        bad.append((text, title))
for entry in bad[:5]:
    print(entry)
sys.exit(1 if bad else 0)
"#;

#[test]
fn a_pull_request_is_read_as_text() {
    let Some(python) = tool("python3", &["-c", "import markdown_it, linkify_it"]) else { return };
    let told = b"User: arn:aws:iam::111122223333:user/bob is not authorized to perform: s3:GetObject on resource: \
        arn:aws:s3:::b/k because no identity-based policy allows the s3:GetObject action";
    let outcome = explain(told, "test", &Given::default(), &World::new(InForce::default()));
    let of = |text: &String| {
        let mut advice = outcome.findings[0].clone();
        let mut patch = advice.patches[0].clone();
        advice.principal.name = Some(text.clone());
        advice.account = Some(text.clone());
        advice.diagnosis.summary = format!("{text} {text}");
        advice.diagnosis.evidence = vec![text.clone()];
        advice.diagnosis.unchecked = vec![text.clone()];
        advice.denied[0].events = vec![text.clone()];
        patch.applicability = Applicability::Review;
        patch.doubts = vec![text.clone(), format!("a {text} b")];
        let mut document = serde_json::to_value(&patch.document).unwrap();
        document["Statement"][0]["Resource"] = json!([text]);
        document["Statement"][0]["Condition"] = json!({"StringEquals": {"aws:X": [text]}});
        patch.document = serde_json::from_value(document).unwrap();
        let notes = [text.clone()];
        let paths = [text.clone()];
        let made = pull_request(&advice, &patch, Changed { paths: &paths, added: 0, notes: &notes }).unwrap();
        json!([text, terminal(text), made.title, made.body])
    };
    let all: Vec<_> = payloads().iter().map(of).collect();
    run(Command::new(python).args(["-c", MARKDOWN]), &json!(all).to_string());
}
