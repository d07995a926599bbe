//! A patch's statements as a short block of code for a message: Terraform where it fits, else JSON.
//!
//! Characters that a chat could read as markup stand as `\u003c`, which JSON and HCL read back as the same text.

use super::escape::is_unseen;
use super::words::units;
use crate::patch::Patch;
use serde_json::Value;

/// The most lines that a message shows; longer patches are fetched by the command.
pub const LINES_MAX: usize = 12;

/// Code and the name of its language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// `JSON`.
    pub language: &'static str,
    /// At most [`LINES_MAX`] lines.
    pub code: String,
}

/// The patch's statements in at most [`LINES_MAX`] lines and `max` characters; `None` when it is longer.
pub fn snippet(patch: &Patch, max: usize) -> Option<Snippet> {
    let document = serde_json::to_value(patch.document.as_ref()?).ok()?;
    let statements = statements(&document);
    let code: Vec<String> = statements.iter().map(|one| unmarked(&json(one, 0, 1, 96))).collect();
    let code = code.join(",\n");
    let fits = !code.is_empty() && code.lines().count() <= LINES_MAX && units(&code) <= max;
    fits.then_some(Snippet { language: "JSON", code })
}

/// The whole document as JSON that is easy to read: what fits on a line of `width` stands on one.
pub fn document(document: &Value, width: usize) -> String {
    json(document, 0, 3, width)
}

/// The statements of a document: a lone object counts as a list of one.
pub(super) fn statements(document: &Value) -> Vec<&Value> {
    match &document["Statement"] {
        Value::Array(list) => list.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// `open`: how many outer levels are never put on one line.
fn json(value: &Value, indent: usize, open: usize, width: usize) -> String {
    let flat = flat(value);
    let pad = "  ".repeat(indent + 1);
    let inside = |one: &Value| json(one, indent + 1, open.saturating_sub(1), width);
    let parts: Vec<String> = match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().map(|(key, one)| format!("{pad}{}: {}", string(key), inside(one))).collect()
        }
        Value::Array(list) if !list.is_empty() => list.iter().map(|one| format!("{pad}{}", inside(one))).collect(),
        _ => return flat,
    };
    if open == 0 && units(&flat) + 2 * indent <= width {
        return flat;
    }
    let (left, right) = if value.is_object() { ('{', '}') } else { ('[', ']') };
    format!("{left}\n{}\n{}{right}", parts.join(",\n"), "  ".repeat(indent))
}

fn flat(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let parts: Vec<String> =
                members.iter().map(|(key, one)| format!("{}: {}", string(key), flat(one))).collect();
            format!("{{{}}}", parts.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(flat).collect::<Vec<_>>().join(", ")),
        Value::String(text) => string(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A JSON string without unseen characters.
fn string(text: &str) -> String {
    Value::from(text).to_string().chars().map(|c| if is_unseen(c) { code(c) } else { c.to_string() }).collect()
}

fn unmarked(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '<' | '>' | '&' | '`') { code(c) } else { c.to_string() }).collect()
}

fn code(c: char) -> String {
    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_short_statement_stands_whole() {
        let shown = snippet(&sample::pipeline().patches[0], 2_000).expect("short");
        assert_eq!(
            shown.code,
            r#"{
  "Sid": "AllowKmsGenerateDataKey",
  "Effect": "Allow",
  "Action": "kms:GenerateDataKey",
  "Resource": "arn:aws:kms:us-east-2:111122223333:key/7e0e7421-e43b-4ef3-84a2-6236e35d9779",
  "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-2.amazonaws.com"}}
}"#
        );
    }

    #[test]
    fn a_long_one_is_fetched_by_the_command() {
        let mut patch = sample::pipeline().patches.remove(0);
        let one = json!({"Effect": "Allow", "Action": "a:B", "Resource": "*"});
        patch.document = serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [one, one, one]})).ok();
        assert_eq!(snippet(&patch, 2_000), None);
        patch.document = None;
        assert_eq!(snippet(&patch, 2_000), None);
    }

    proptest! {
        #[test]
        fn code_reads_back_as_the_same_text(text in sample::hostile(), key in sample::hostile()) {
            let value = json!({"Action": text, "Condition": {"StringEquals": {key: [text]}}, "List": [1, true, null, {}, []]});
            for code in [document(&value, 76), unmarked(&document(&value, 20))] {
                let back: Value = serde_json::from_str(&code).expect("JSON");
                prop_assert_eq!(&back, &value);
                prop_assert!(!code.chars().any(|c| c != '\n' && is_unseen(c)));
            }
        }
    }
}
