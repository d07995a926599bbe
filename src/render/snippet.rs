//! A patch's statements as a short block of code for a message: Terraform where it fits, else JSON.
//!
//! Characters that a chat could read as markup stand as `\u003c`, which JSON and HCL read back as the same text.

use super::escape::is_unseen;
use super::words::units;
use super::{Format, PatchContext, RenderError};
use crate::patch::Patch;
use serde_json::Value;

/// The most lines that a message shows; longer patches are fetched by the command.
pub const LINES_MAX: usize = 12;

/// Code and the name of its language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// Terraform or JSON.
    pub language: Format,
    /// At most [`LINES_MAX`] lines.
    pub code: String,
}

/// The patch's statements in at most [`LINES_MAX`] lines and `max` UTF-16 units; `Ok(None)` when they are longer.
///
/// # Errors
///
/// As [`super::patch`]: what cannot be written safely is not shown.
pub fn snippet(patch: &Patch, max: usize) -> Result<Option<Snippet>, RenderError> {
    let context = PatchContext::default();
    super::patch(patch, &context, Format::Json)?;
    let document = patch.document.as_ref().and_then(|document| serde_json::to_value(document).ok()).unwrap_or_default();
    let statements = statements(&document);
    let code: Vec<String> = statements.iter().map(|one| json(one, 0, 1, 96)).collect();
    let json = Some((Format::Json, code.join(",\n")));
    // Not every target has a Terraform resource that is known well enough; JSON always does.
    let whole = super::patch(patch, &context, Format::Hcl).ok();
    let hcl = whole.and_then(|text| hcl_statements(&text, statements.len())).map(|code| (Format::Hcl, code));
    let fits = |code: &str| !code.is_empty() && code.lines().count() <= LINES_MAX && units(code) <= max;
    let found = [hcl, json].into_iter().flatten().map(|(language, code)| Snippet { language, code: unmarked(&code) });
    Ok(found.into_iter().find(|snippet| fits(&snippet.code)))
}

/// The objects in the list of statements of our own Terraform text; `None` when it holds another number of them, as
/// it does where the whole policy is written.
fn hcl_statements(text: &str, expect: usize) -> Option<String> {
    let mut lines = text.lines();
    let head = lines.find(|line| line.trim() == "Statement = [")?;
    let pad = &head[..head.len() - head.trim_start().len()];
    let body: Vec<&str> = lines.take_while(|line| *line != format!("{pad}]")).collect();
    let inside: Option<Vec<&str>> = body.iter().map(|line| line.strip_prefix(pad)?.strip_prefix("  ")).collect();
    let inside = inside?;
    (inside.iter().filter(|line| **line == "{").count() == expect)
        .then(|| inside.join("\n").trim_end_matches(',').to_owned())
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
    fn a_short_statement_stands_whole_in_terraform() {
        let shown = snippet(&sample::pipeline().patches[0], 2_000).expect("writable").expect("short");
        assert_eq!(shown.language, Format::Hcl);
        assert_eq!(
            shown.code,
            r#"{
  Sid      = "AllowKmsGenerateDataKey"
  Effect   = "Allow"
  Action   = "kms:GenerateDataKey"
  Resource = "arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  Condition = {
    StringEquals = {
      "kms:ViaService" = "s3.us-east-2.amazonaws.com"
    }
  }
}"#
        );
    }

    #[test]
    fn json_where_terraform_needs_more_than_is_known() {
        let mut patch = sample::pipeline().patches.remove(0);
        patch.target.kind = crate::diagnosis::TargetKind::SessionPolicy;
        let shown = snippet(&patch, 2_000).expect("writable").expect("short");
        assert_eq!(shown.language, Format::Json);
        assert_eq!(
            shown.code,
            r#"{
  "Sid": "AllowKmsGenerateDataKey",
  "Effect": "Allow",
  "Action": "kms:GenerateDataKey",
  "Resource": "arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
  "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-2.amazonaws.com"}}
}"#
        );
    }

    #[test]
    fn a_long_one_is_fetched_by_the_command() {
        let mut patch = sample::pipeline().patches.remove(0);
        let one = json!({"Effect": "Allow", "Action": "a:B", "Resource": "*"});
        patch.document = serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [one, one, one]})).ok();
        assert_eq!(snippet(&patch, 2_000), Ok(None));
        assert_eq!(snippet(&sample::pipeline().patches[0], 100), Ok(None));
    }

    #[test]
    fn code_holds_no_markup() {
        let mut patch = sample::pipeline().patches.remove(0);
        let one = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/<!channel>&`"});
        patch.document = serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [one]})).ok();
        let shown = snippet(&patch, 2_000).expect("writable").expect("short");
        assert!(shown.code.contains(r"b/\u003c!channel\u003e\u0026\u0060"), "{}", shown.code);
    }

    #[test]
    fn what_cannot_be_written_is_not_shown() {
        let mut patch = sample::pipeline().patches.remove(0);
        patch.document = None;
        assert_eq!(snippet(&patch, 2_000), Err(RenderError::NoDocument));
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
