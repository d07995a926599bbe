//! Athena's text for a struct: `{type=IAMUser, sessioncontext={…}}` → JSON.
//!
//! The form quotes nothing. Values end at `, key=`, at `}` or `]`; names that AWS lets users choose in an identity hold
//! neither a space nor a brace, so that no value can pose as another member.
//! See <https://docs.aws.amazon.com/athena/latest/ug/rows-and-structs.html>.

use serde_json::{Map, Value};

/// Nesting beyond any identity's; deeper text is refused.
const DEEPEST: usize = 16;

/// Reads a struct or a list of structs; `None` when the text is neither.
pub(super) fn parse(text: &str) -> Option<Value> {
    let text = text.trim();
    let (value, rest) = value(text, 0)?;
    let composed = value.is_object() || value.is_array();
    (composed && rest.trim().is_empty()).then_some(value)
}

fn value(text: &str, depth: usize) -> Option<(Value, &str)> {
    if depth > DEEPEST {
        return None;
    }
    if let Some(rest) = text.strip_prefix('{') {
        return members(rest, depth);
    }
    if let Some(rest) = text.strip_prefix('[') {
        return items(rest, depth);
    }
    let end = text.find(['}', ']']).unwrap_or(text.len());
    let end = text[..end].find(", ").unwrap_or(end);
    let word = text[..end].trim();
    let value = if word == "null" { Value::Null } else { Value::String(word.to_owned()) };
    Some((value, &text[end..]))
}

fn members(mut text: &str, depth: usize) -> Option<(Value, &str)> {
    let mut object = Map::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((Value::Object(object), rest));
        }
        let (key, rest) = text.split_once('=')?;
        let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let (inner, rest) = if plain { value(rest, depth + 1)? } else { return None };
        // The first one counts: a later one of the same name could only come from a chosen text.
        object.entry(key.to_owned()).or_insert(inner);
        text = rest;
    }
}

fn items(mut text: &str, depth: usize) -> Option<(Value, &str)> {
    let mut list = Vec::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(rest) = text.strip_prefix(']') {
            return Some((Value::Array(list), rest));
        }
        let (inner, rest) = value(text, depth + 1)?;
        if rest.len() == text.len() {
            return None;
        }
        list.push(inner);
        text = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[track_caller]
    fn check(text: &str, expect: Option<Value>) {
        assert_eq!(parse(text), expect, "{text}");
    }

    #[test]
    fn structs_and_lists() {
        check(
            "{type=IAMUser, arn=arn:aws:iam::1:user/a,b=c, sessioncontext={attributes={mfa=true}, x=null}}",
            Some(json!(
            {"type": "IAMUser", "arn": "arn:aws:iam::1:user/a,b=c", "sessioncontext": {"attributes": {"mfa": "true"}, "x": null}})),
        );
        check("[{arn=a, type=t}, {arn=b}]", Some(json!([{"arn": "a", "type": "t"}, {"arn": "b"}])));
        check("{arn=, type=t, arn=forged}", Some(json!({"arn": "", "type": "t"})));
        for text in ["", "word", "{", "{a", "{a=b", "{a=b} x", "[", "{a=b, c d=e}"] {
            check(text, None);
        }
        check(&"{a=".repeat(100), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[{}\\[\\]=, a]{0,60}") {
            parse(&text);
        }
    }
}
