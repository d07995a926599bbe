//! Halves of a surrogate pair that stand alone in JSON (`\ud800`): its grammar allows them, and whoever chooses a text can
//! have one in it, but no text of Unicode can. So each counts as U+FFFD, as bytes do that are no UTF-8.

use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// The JSON with `\ufffd` for each such half. Nothing else changes, neither its length nor what is a string in it.
pub(crate) fn paired(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let (mut at, mut paired) = (0, None);
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        let here = at + found;
        at = here
            + match (half_at(bytes, here), half_at(bytes, here + LENGTH)) {
                (Some(Half::First), Some(Half::Second)) => 2 * LENGTH,
                (Some(_), _) => {
                    let paired: &mut Vec<u8> = paired.get_or_insert_with(|| bytes.to_vec());
                    paired[here + 2..here + LENGTH].copy_from_slice(b"fffd");
                    LENGTH
                }
                // What the backslash takes the meaning of is another one, perhaps.
                (None, _) => 2,
            };
    }
    // Four letters for four digits: that is UTF-8 as before.
    paired.and_then(|paired| String::from_utf8(paired).ok()).map_or(Cow::Borrowed(json), Cow::Owned)
}

/// Reads JSON; where it cannot be read as it is, with its pairs made whole.
pub(super) fn read<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok().or_else(|| match paired(json) {
        Cow::Owned(paired) => serde_json::from_str(&paired).ok(),
        Cow::Borrowed(_) => None,
    })
}

/// Bytes of such an escape.
const LENGTH: usize = "\\ud800".len();

/// The first and the second of a pair: `\ud800` to `\udbff`, `\udc00` to `\udfff`.
enum Half {
    First,
    Second,
}

fn half_at(bytes: &[u8], at: usize) -> Option<Half> {
    let [b'\\', b'u', b'd' | b'D', which, rest @ ..] = bytes.get(at..at + LENGTH)? else { return None };
    let half = match which.to_ascii_lowercase() {
        b'8' | b'9' | b'a' | b'b' => Half::First,
        b'c'..=b'f' => Half::Second,
        _ => return None,
    };
    rest.iter().all(u8::is_ascii_hexdigit).then_some(half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[track_caller]
    fn check(json: &str, expect: &str) {
        assert_eq!(paired(json), expect);
    }

    #[test]
    fn halves_alone_are_replaced() {
        check(r#""a\ud800b""#, r#""a\ufffdb""#);
        check(r#""\uDC00""#, r#""\ufffd""#);
        check(r#""\ud83d\ude00""#, r#""\ud83d\ude00""#);
        check(r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#);
        check(r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#);
        check(r#""\ud83d\u0041""#, r#""\ufffd\u0041""#);
    }

    #[test]
    fn nothing_else_is() {
        for same in [r#""\\ud800""#, r#""\\\\ud800""#, r#""\ud7ff\ue000""#, r#""\ud80""#, r#""\ud80"#, "\\", "\\u", "ü"]
        {
            check(same, same);
        }
        check(r#""\\\ud800""#, r#""\\\ufffd""#);
    }

    proptest! {
        #[test]
        fn what_serde_json_reads_stays_and_all_else_but_the_halves_is_read(text in "(\\\\u[dD][89abcdefAF]00|\\\\u0041|\\\\\\\\|\\\\\"|[au{ü]){0,12}") {
            let json = format!("\"{text}\"");
            let mended = paired(&json);
            prop_assert_eq!(mended.len(), json.len());
            // Of this text only halves alone keep serde_json from reading it.
            prop_assert_eq!(serde_json::from_str::<Value>(&json).is_ok(), mended == json, "{}", json);
            prop_assert!(serde_json::from_str::<Value>(&mended).is_ok(), "{}", json);
        }
    }
}
