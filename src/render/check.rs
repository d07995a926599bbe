//! What may be written at all: characters of a policy, names, ARNs, account numbers.

use super::RenderError;
use super::escape::is_unseen;
use crate::arn::Arn;
use serde_json::Value;

/// Refuses a document with a character that IAM does not take, or that a reader would not see.
///
/// IAM takes tab, line feed, carriage return and U+0020 to U+00FF; of these we write no control character.
/// See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html>.
pub(super) fn document(value: &Value) -> Result<(), RenderError> {
    match value {
        Value::String(text) => characters(text),
        Value::Array(items) => items.iter().try_for_each(document),
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            characters(key)?;
            document(value)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Refuses a statement with an empty list of actions or resources, which IAM does not take.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.
pub(super) fn lists(statements: &[&Value]) -> Result<(), RenderError> {
    const LISTS: [&str; 4] = ["Action", "NotAction", "Resource", "NotResource"];
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty) || value == "";
    let hollow = |statement: &&&Value| LISTS.iter().any(|key| statement.get(key).is_some_and(is_empty));
    match statements.iter().find(hollow) {
        Some(_) => Err(RenderError::NotAPolicy("a statement has no action or no resource")),
        None => Ok(()),
    }
}

fn characters(text: &str) -> Result<(), RenderError> {
    match text.chars().find(|&c| is_unseen(c) || c > '\u{ff}') {
        Some(c) => Err(RenderError::Character { text: text.to_owned(), code: c as u32 }),
        None => Ok(()),
    }
}

/// A name of `1..=most` characters, each a letter, a digit or one of `signs`.
pub(super) fn name(what: &'static str, text: &str, most: usize, signs: &str) -> Result<String, RenderError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || signs.contains(c);
    if text.is_empty() || text.chars().count() > most || !text.chars().all(fits) {
        return Err(RenderError::Name { what, name: text.to_owned() });
    }
    Ok(text.to_owned())
}

/// The signs that IAM takes in names of roles, users, groups and policies.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
pub(super) const IAM_SIGNS: &str = "_+=,.@-";

/// An account number.
pub(super) fn account(text: &str) -> Result<String, RenderError> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err(RenderError::Name { what: "account number", name: text.to_owned() })
}

/// An ARN of one thing: visible ASCII, no wildcard.
pub(super) fn arn(text: &str) -> Result<Arn, RenderError> {
    let fault = || RenderError::Name { what: "plain ARN", name: text.to_owned() };
    if !text.bytes().all(|b| b.is_ascii_graphic() && !b"*?\"'\\`$<>|;&(){}".contains(&b)) {
        return Err(fault());
    }
    text.parse().map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(value: Value, expect: Option<u32>) {
        let got = match document(&value) {
            Ok(()) => None,
            Err(RenderError::Character { code, .. }) => Some(code),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(got, expect);
    }

    #[test]
    fn policies_take_latin_1_that_is_seen() {
        check(json!({"a": ["ü ÿ ~ ${*} \" \\ `"]}), None);
        check(json!({"a": ["x\ny"]}), Some(0x0a));
        check(json!({"a\t": 1}), Some(0x09));
        check(json!("\u{85}"), Some(0x85));
        check(json!("\u{202e}"), Some(0x202e));
        check(json!("\u{100}"), Some(0x100));
        check(json!("\0"), Some(0));
    }

    #[track_caller]
    fn named(text: &str, expect: bool) {
        assert_eq!(name("role name", text, 64, IAM_SIGNS).is_ok(), expect, "{text}");
    }

    #[test]
    fn names_are_aws_names() {
        named("A-b_c+=,.@9", true);
        named("-x", true);
        named("", false);
        named(&"a".repeat(65), false);
        for bad in ["a b", "a/b", "$(id)", "a\n", "ü", "a'b", "a\"", "a:b", "a${b}"] {
            named(bad, false);
        }
        assert!(account("111122223333").is_ok());
        assert!(account("11112222333").is_err() && account("11112222333x").is_err());
        assert!(arn("arn:aws:sns:us-east-1:111122223333:t").is_ok());
        for bad in ["arn:aws:s3:::b/*", "arn:aws:s3:::$(id)", "arn:aws:s3:::a b", "x"] {
            assert!(arn(bad).is_err(), "{bad}");
        }
    }
}
