//! An event's top level at a glance: keys and raw values by the quotation marks and brackets alone, for what only asks where
//! an event is from or how it ended. Whatever is unusual is left to [`super::members`].

use memchr::{memchr2, memchr3};

/// The members of a JSON object, in their order; `each` gets a key as it is written and a value's raw text. `None` where a key
/// has an escape, or where this is no object of such members; what was handed out before then says nothing.
pub(super) fn members<'a>(raw: &'a str, mut each: impl FnMut(&'a str, &'a str)) -> Option<()> {
    let bytes = raw.as_bytes();
    let mut at = space(bytes, behind(bytes, 0, b'{')?);
    if bytes.get(at) == Some(&b'}') {
        return Some(());
    }
    loop {
        let start = behind(bytes, at, b'"')?;
        let end = start + memchr2(b'"', b'\\', &bytes[start..])?;
        let from = space(bytes, behind(bytes, space(bytes, behind(bytes, end, b'"')?), b':')?);
        let to = value(bytes, from)?;
        each(&raw[start..end], &raw[from..to]);
        at = space(bytes, to);
        match bytes.get(at)? {
            b',' => at = space(bytes, at + 1),
            b'}' => return Some(()),
            _ => return None,
        }
    }
}

/// The text of a raw value that is a string without escapes.
pub(super) fn text(raw: &str) -> Option<&str> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('\\')).then_some(inner)
}

fn behind(bytes: &[u8], at: usize, byte: u8) -> Option<usize> {
    (bytes.get(at) == Some(&byte)).then_some(at + 1)
}

fn space(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// Where the value at `at` ends.
fn value(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string(bytes, at + 1),
        b'{' => nested(bytes, at + 1, b'{', b'}'),
        b'[' => nested(bytes, at + 1, b'[', b']'),
        _ => {
            let length = bytes[at..]
                .iter()
                .position(|byte| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'E'))?;
            (length > 0).then_some(at + length)
        }
    }
}

/// Where the string that `at` is inside of ends.
fn string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes[at] {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// Where the brackets close that `at` is inside of; those of the other sort close with them.
fn nested(bytes: &[u8], mut at: usize, open: u8, close: u8) -> Option<usize> {
    let mut depth = 1;
    loop {
        at += memchr3(b'"', open, close, bytes.get(at..)?)?;
        match bytes[at] {
            b'"' => at = string(bytes, at + 1)?,
            byte => {
                depth += if byte == open { 1 } else { -1 };
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn told(raw: &str) -> Option<Vec<(String, String)>> {
        let mut all = Vec::new();
        members(raw, |key, value| all.push((key.to_owned(), value.to_owned())))?;
        Some(all)
    }

    #[test]
    fn members_by_marks_and_brackets() {
        let all = told(r#" {"a": 1, "b" :{"x":["}",{"y":"\""}]},"c":"\\","d":[[]],"e":null} "#.trim()).unwrap();
        let all: Vec<(&str, &str)> = all.iter().map(|(key, value)| (&**key, &**value)).collect();
        let expect = [("a", "1"), ("b", r#"{"x":["}",{"y":"\""}]}"#), ("c", r#""\\""#), ("d", "[[]]"), ("e", "null")];
        assert_eq!(all, expect);
        assert_eq!(told("{}"), Some(vec![]));
        for raw in [
            "",
            "[]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"\\u0061\":1}",
            "{\"a\":{]}",
            "{\"a\":\"\\",
        ] {
            assert_eq!(told(raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn of_valid_json_it_tells_what_serde_json_tells(keys in prop::collection::vec("[a-z_]{0,6}", 0..5), values in prop::collection::vec("[a-z{}\\[\\]\",:\\\\ü]{0,12}", 5)) {
            let object: serde_json::Map<String, Value> = keys.iter().zip(&values).enumerate().map(|(at, (key, text))| {
                let value = match at % 3 { 0 => Value::from(text.clone()), 1 => serde_json::json!([text, {"k": text}]), _ => serde_json::json!({"a": [1.5e3, text]}) };
                (key.clone(), value)
            }).collect();
            let expect: Vec<(String, String)> = object.iter().map(|(key, value)| (key.clone(), value.to_string())).collect();
            prop_assert_eq!(told(&Value::Object(object).to_string()), Some(expect));
        }

        #[test]
        fn any_text_is_survived(text in "[{}\\[\\]\",:\\\\a1 ]{0,60}") {
            told(&text);
        }
    }
}
