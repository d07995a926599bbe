//! Events' ids as they are stored.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

/// An event's id: the 16 bytes that a UUID stands for, as CloudTrail writes them, or any other text as it is. In their order
/// they are in the table's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EventId<'a> {
    Text(&'a str),
    Uuid([u8; 16]),
}

impl<'a> EventId<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        uuid(text.as_bytes()).map_or(Self::Text(text), Self::Uuid)
    }
}

impl ToSql for EventId<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Uuid(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// `11111111-2222-3333-4444-555555555555`, in lower case: any other spelling is another id.
fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let dashes = [8, 13, 18, 23];
    if text.len() != 36 || dashes.iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let (mut bytes, mut digits) = ([0; 16], 0);
    for (_, byte) in text.iter().enumerate().filter(|(at, _)| !dashes.contains(at)) {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        bytes[digits / 2] = bytes[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, is_uuid: bool) {
        assert_eq!(matches!(EventId::of(text), EventId::Uuid(_)), is_uuid, "{text}");
    }

    #[test]
    fn only_what_cloudtrail_writes_is_packed() {
        check("01234567-89ab-cdef-0123-456789abcdef", true);
        check("01234567-89AB-cdef-0123-456789abcdef", false);
        check("01234567089ab-cdef-0123-456789abcdef", false);
        check("0123456-789ab-cdef-0123-456789abcdef", false);
        check("0123456789abcdef0123456789abcdef", false);
        check("01234567-89ab-cdef-0123-456789abcdeg", false);
        check("text-ABCDEFGHIJ", false);
        check("", false);
        let bytes = [1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
        assert_eq!(EventId::of("01234567-89ab-cdef-0123-456789abcdef"), EventId::Uuid(bytes));
    }
}
