//! The few places that the pass cannot tell from masks alone.

/// Whether a spelling of the key `errorCode` stands around this byte, its first `r` (or another byte). Underscores and letter
/// case do not matter, as in [`super::super::field::same_key`].
pub(super) fn is_spelt_at(bytes: &[u8], first: usize) -> bool {
    let Some((before, from)) = bytes.split_at_checked(first) else { return false };
    let before = before.iter().rev().find(|byte| **byte != b'_');
    let mut after = from.iter().filter(|byte| **byte != b'_').map(u8::to_ascii_lowercase);
    // The quotation mark may itself be escaped: an event inside a text.
    before.is_some_and(|byte| byte.eq_ignore_ascii_case(&b'e'))
        && b"rrorcode".iter().all(|byte| after.next() == Some(*byte))
        && matches!(after.next(), Some(b'"' | b'\\'))
}

/// The first digit, `2` to `7`, of the escape of an ASCII character from `\u0020` on that a backslash begins: from `4` on it is
/// a letter or an underscore (`\u0065`), and any key may hide.
pub(super) fn escaped_at(bytes: &[u8], backslash: usize) -> Option<u8> {
    match bytes.get(backslash + 1..) {
        Some([b'u', b'0', b'0', digit @ b'2'..=b'7', ..]) => Some(*digit),
        _ => None,
    }
}

/// Whether an object begins as CloudTrail writes events, version and caller first, so that it is an event and nothing else.
#[inline(always)]
pub(super) fn is_ordinary(element: &[u8]) -> bool {
    const START: &[u8] = b"{\"eventVersion\":\"";
    const CALLER: &[u8] = b"\",\"userIdentity\":";
    element.starts_with(START)
        && (element.get(21..21 + CALLER.len()) == Some(CALLER) && is_version(&element[START.len()..21]))
        || is_ordinary_spaced(element)
}

/// `1.08`: nothing that ends the string early.
fn is_version(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// The same with white space, or with a longer version.
#[cold]
fn is_ordinary_spaced(element: &[u8]) -> bool {
    let mut rest = element;
    let mut next = |what: &[u8]| {
        rest = rest.trim_ascii_start().strip_prefix(what)?;
        Some(rest)
    };
    let behind = next(b"{").and_then(|_| next(b"\"eventVersion\"")).and_then(|_| next(b":")).and_then(|_| next(b"\""));
    let Some(version) = behind.and_then(|text| text.iter().take(16).position(|byte| *byte == b'"')) else {
        return false;
    };
    let is_plain = is_version(&rest[..version]);
    rest = &rest[version..];
    let mut next = |what: &[u8]| {
        rest = rest.trim_ascii_start().strip_prefix(what)?;
        Some(rest)
    };
    is_plain
        && next(b"\"")
            .and_then(|_| next(b","))
            .and_then(|_| next(b"\"userIdentity\""))
            .and_then(|_| next(b":"))
            .is_some()
}

/// Whether nothing but white space, and before all but the first element one comma, is here.
#[cold]
pub(super) fn is_separator(between: &[u8], is_first: bool) -> bool {
    let plain: Vec<u8> = between.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).collect();
    plain == if is_first { b"".as_slice() } else { b"," }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(element: &str, expect: bool) {
        assert_eq!(is_ordinary(element.as_bytes()), expect, "{element}");
    }

    #[test]
    fn events_as_cloudtrail_begins_them() {
        check(r#"{"eventVersion":"1.08","userIdentity":{}}"#, true);
        check("{ \"eventVersion\" : \"1.10.1\" ,\n \"userIdentity\": null}", true);
        check(r#"{"eventVersion":"1.8","userIdentity":{}}"#, true);
        check(r#"{"eventVersion":"1.08","userIdentity2":{}}"#, false);
        check(r#"{"eventVersion":"1.08","eventName":"x"}"#, false);
        check(r#"{"eventVersion":"1",""","userIdentity":{}}"#, false);
        check(r#"{"eventVersion":"1\"8","userIdentity":{}}"#, false);
        check("{}", false);
        check("[1]", false);
    }
}
