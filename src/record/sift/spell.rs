//! The few places that the pass cannot tell from masks alone.

/// Whether this quotation mark (or other byte) begins a spelling of the key `errorCode`: see [`is_key`].
pub(super) fn is_error_code(bytes: &[u8], quote: usize) -> bool {
    is_key(bytes, quote, [b"error", b"code"])
}

/// Whether this byte is a quotation mark, and the key behind it one of these two words: letter case does not matter, and one
/// underscore may part them, as in [`super::super::field::same_key`].
pub(super) fn is_key(bytes: &[u8], quote: usize, [first, second]: [&[u8]; 2]) -> bool {
    fn behind<'a>(bytes: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
        let (head, rest) = bytes.split_at_checked(word.len())?;
        head.eq_ignore_ascii_case(word).then_some(rest)
    }
    let rest = bytes.get(quote..).and_then(|rest| behind(rest.strip_prefix(b"\"")?, first));
    let rest = rest.and_then(|rest| behind(rest.strip_prefix(b"_").unwrap_or(rest), second));
    // The quotation marks may themselves be escaped: an event inside a text.
    matches!(rest, Some([b'"' | b'\\', ..]))
}

/// The value of the key that this quotation mark begins, if it is `errorCode` as CloudTrail writes it and the value a string
/// without escapes.
pub(super) fn only_code(raw: &[u8], quote: usize) -> Option<&[u8]> {
    let text = raw.get(quote..)?.strip_prefix(b"\"errorCode\":\"")?;
    let length = memchr::memchr2(b'"', b'\\', text)?;
    (text[length] == b'"').then(|| &text[..length])
}

/// Whether `cloudTrailEvent` stands somewhere, in a spelling without escapes: of what bears such a member, events inside of its
/// text are read.
pub(super) fn names_wrapping(raw: &[u8]) -> bool {
    fn before<'a>(bytes: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
        let (rest, tail) = bytes.split_at_checked(bytes.len().checked_sub(word.len())?)?;
        tail.eq_ignore_ascii_case(word).then_some(rest)
    }
    let parted = |bytes: &'_ [u8]| bytes.strip_suffix(b"_").map_or(bytes.len(), <[u8]>::len);
    // The `v` is the rarest of its letters.
    memchr::memchr2_iter(b'v', b'V', raw).any(|at| {
        let trail = before(&raw[..at], b"e").and_then(|rest| before(&rest[..parted(rest)], b"trail"));
        trail.and_then(|rest| before(&rest[..parted(rest)], b"cloud")).is_some()
    })
}

/// Whether a backslash begins the escape of an ASCII character from `\u0020` on, and whether a key may hide behind that: it is a
/// letter or an underscore (`\u0065`), or the quotation mark of a key in an event inside a text.
pub(in crate::record) fn escaped_at(bytes: &[u8], backslash: usize) -> Option<bool> {
    match bytes.get(backslash + 1..) {
        Some([b'u', b'0', b'0', digit @ b'2'..=b'7', last, ..]) => {
            Some(*digit >= b'4' || (*digit, *last) == (b'2', b'2'))
        }
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

/// Whether this is a comma and a whole event that begins so, with a version such as `1.08`, as almost all elements of a list
/// are: told without a loop.
#[inline(always)]
pub(super) fn is_next_event(element: &[u8]) -> bool {
    const START: &[u8; 18] = b",{\"eventVersion\":\"";
    const CALLER: &[u8; 17] = b"\",\"userIdentity\":";
    let Some((head, [.., b'}'])) = element.split_first_chunk::<39>() else { return false };
    let version = u32::from_le_bytes([head[18], head[19], head[20], head[21]]) ^ u32::from_le_bytes(*b"0.00");
    // A digit is nine at most, the point is itself.
    let is_plain = (version | version.wrapping_add(0x0606_0006)) & 0xf0f0_fff0 == 0;
    head.first_chunk() == Some(START) && head.last_chunk() == Some(CALLER) && is_plain
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

    #[track_caller]
    fn check_next(element: &str, expect: bool) {
        assert_eq!(is_next_event(element.as_bytes()), expect, "{element}");
    }

    #[test]
    fn the_next_event_as_it_mostly_is() {
        check_next(r#",{"eventVersion":"1.08","userIdentity":{}}"#, true);
        check_next(r#",{"eventVersion":"9.99","userIdentity":{}}"#, true);
        check_next(r#",{"eventVersion":"1008","userIdentity":{}}"#, false);
        check_next(r#",{"eventVersion":"1.0:","userIdentity":{}}"#, false);
        check_next(r#",{"eventVersion":"/.08","userIdentity":{}}"#, false);
        check_next(r#",{"eventVersion":"1.?8","userIdentity":{}}"#, false);
        check_next(r#",{"eventVersion":"1.1","userIdentity":{}}"#, false);
        check_next(r#", {"eventVersion":"1.08","userIdentity":{}}"#, false);
        check_next(r#",{"eventVersion":"1.08","userIdentity":{}]"#, false);
        check_next(r#",{"eventVersion":"1.08","userIdentity":"#, false);
        check_next("", false);
    }

    #[track_caller]
    fn check_key(text: &str, expect: bool) {
        assert_eq!(is_error_code(text.as_bytes(), 0), expect, "{text}");
    }

    #[test]
    fn keys_in_every_spelling() {
        check_key(r#""errorCode":"#, true);
        check_key(r#""ERROR_CODE":"#, true);
        check_key(r#""errorcode\":"#, true);
        check_key(r#""error__code":"#, false);
        check_key(r#""er_rorcode":"#, false);
        check_key(r#""errorCodes":"#, false);
        check_key(r#""errorCode"#, false);
        check_key(r#"errorCode":"#, false);
        check_key("", false);
    }

    #[test]
    fn wrappings_in_every_spelling() {
        for text in ["cloudTrailEvent", "x cloud_trail_event", "CLOUDTRAIL_EVENT", "eventVersion,cloud_TrailEvent"] {
            assert!(names_wrapping(text.as_bytes()), "{text}");
        }
        for text in ["cloudtrail.amazonaws.com", "trailEvent", "eventVersion", "cloudTrailE", "v", ""] {
            assert!(!names_wrapping(text.as_bytes()), "{text}");
        }
    }

    #[track_caller]
    fn check_escape(text: &str, expect: Option<bool>) {
        assert_eq!(escaped_at(text.as_bytes(), 0), expect, "{text}");
    }

    #[test]
    fn escapes_that_hide_a_key() {
        check_escape(r"\u0065", Some(true));
        check_escape(r"\u005f", Some(true));
        check_escape(r"\u0022", Some(true));
        check_escape(r"\u0026", Some(false));
        check_escape(r"\u003c", Some(false));
        check_escape(r"\u00e9", None);
        check_escape(r"\n", None);
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
