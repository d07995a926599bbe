//! JSON, YAML, HTML and CSV, read by Python.

use super::patches::{Case, cases, rendered};
use super::payloads::payloads;
use crate::readers::{run, tool};
use denywatch::render::escape::{csv_cell, html, terminal_lines, yaml_string};
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
