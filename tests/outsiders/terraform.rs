//! Terraform: what it evaluates to, how it would be laid out, and what it plans with the schemas of the AWS provider.

use super::patches::{cases, put_all, rendered};
use super::payloads::payloads;
use crate::readers::{Terraform, write};
use denywatch::render::escape::hcl_string;
use denywatch::render::{self, Format, PatchContext};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A resource's body as an object in `locals`, so that terraform evaluates it without a provider.
fn as_local(name: &str, text: &str) -> String {
    let open = text.find("\nresource ").unwrap() + 1;
    let body = &text[text[open..].find('\n').unwrap() + open..text.rfind("\n}").unwrap() + 1];
    format!("{}locals {{\n{name} = {{{body}}}\n}}\n", &text[..open])
}

#[test]
fn terraform_evaluates_to_the_same_text() {
    let (formatted, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(terraform) = Terraform::bare(folder.path()) else { return };
    let cases = cases();
    let mut locals = String::new();
    for (at, case) in cases.iter().enumerate() {
        let text = rendered(case, Format::Hcl).unwrap();
        write(formatted.path(), &format!("{at}.tf"), &text);
        locals.push_str(&as_local(&format!("p{at}"), &text));
    }
    terraform.run(formatted.path(), &["fmt", "-check", "-diff", "."], "");
    let all: Vec<_> = (0..cases.len()).map(|at| format!("local.p{at}")).collect();
    let strings: Vec<_> = payloads().iter().map(|text| hcl_string(text)).collect();
    locals.push_str(&format!("locals {{\nall = [{}]\nstrings = [{}]\n}}\n", all.join(","), strings.join(",")));
    write(folder.path(), "main.tf", &locals);
    let question = "base64encode(jsonencode([local.all, local.strings]))\n";
    let output = terraform.run(folder.path(), &["console"], question);
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

#[test]
fn terraform_would_not_reformat_any_kind() {
    let folder = tempfile::tempdir().unwrap();
    let Some(terraform) = Terraform::bare(folder.path()) else { return };
    put_all(folder.path(), Format::Hcl, "tf");
    put_all(folder.path(), Format::HclData, "data.tf");
    terraform.run(folder.path(), &["fmt", "-check", "-diff", "."], "");
}

/// Plans a folder; what each resource is to become, by type and label.
#[track_caller]
fn planned(terraform: &Terraform, folder: &Path) -> BTreeMap<String, Value> {
    write(folder, "provider.tf", "provider \"aws\" {\n  region = \"eu-west-1\"\n}\n");
    terraform.run(folder, &["validate"], "");
    terraform.run(folder, &["plan", "-input=false", "-out=plan"], "");
    let shown = terraform.run(folder, &["show", "-json", "plan"], "");
    let plan: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let changes = plan["resource_changes"].as_array().unwrap();
    changes.iter().map(|one| (one["address"].as_str().unwrap().to_owned(), one["change"]["after"].clone())).collect()
}

#[test]
fn the_providers_schema_takes_every_kind() {
    let Some(terraform) = Terraform::with_stub() else { return };
    for format in [Format::Hcl, Format::HclData] {
        let folder = tempfile::tempdir().unwrap();
        let count = put_all(folder.path(), format, "tf").len();
        let planned = planned(&terraform, folder.path());
        assert!(planned.len() >= count / 2, "{:?}", planned.keys());
        for kind in ["bucket_policy", "kms_key_policy", "sqs_queue_policy", "sns_topic_policy", "secret_policy", "ecr"]
        {
            assert!(planned.keys().any(|address| address.contains(kind)), "{kind}: {:?}", planned.keys());
        }
    }
}

#[test]
fn hostile_text_is_planned_as_text() {
    let Some(terraform) = Terraform::with_stub() else { return };
    for format in [Format::Hcl, Format::HclData] {
        let folder = tempfile::tempdir().unwrap();
        let mut expected = BTreeMap::new();
        for case in cases() {
            let label = render::policy_name(&case.patch, &PatchContext::default()).unwrap().replace('-', "_");
            // One payload more that only a comment holds replaces the file of the last one.
            write(folder.path(), &format!("{label}.tf"), &rendered(&case, format).unwrap());
            expected.insert(format!("aws_iam_role_policy.{label}"), case);
        }
        assert!(expected.len() >= 300, "{}", expected.len());
        let planned = planned(&terraform, folder.path());
        for (address, case) in &expected {
            let policy: Value = serde_json::from_str(planned[address]["policy"].as_str().unwrap()).unwrap();
            assert_eq!(normal(&policy), normal(&case.document), "{format} of {:?}", case.text);
        }
        assert_eq!(planned.len(), expected.len(), "{format} plans more than was written");
    }
}

/// Values as sets: the data source writes one value bare, and sorts.
fn normal(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let mut items = items.clone();
            items.sort_by_key(Value::to_string);
            items.dedup();
            items.into()
        }
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), normal(value))).collect(),
        Value::String(_) => vec![value.clone()].into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
