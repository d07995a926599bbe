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
        text.as_bytes().as_array().and_then(uuid).map_or(Self::Text(text), Self::Uuid)
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

/// Where the digits of a byte stand.
const PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// `11111111-2222-3333-4444-555555555555`, in lower case: any other spelling is another id.
fn uuid(text: &[u8; 36]) -> Option<[u8; 16]> {
    let (mut bytes, mut all) = ([0; 16], 0);
    for (byte, at) in bytes.iter_mut().zip(PAIRS) {
        let [high, low] = [text[at], text[at + 1]].map(|digit| DIGITS[usize::from(digit)]);
        *byte = high << 4 | low;
        all |= high | low;
    }
    let is_one = all <= 0xf && [8, 13, 18, 23].iter().all(|at| text[*at] == b'-');
    is_one.then_some(bytes)
}

/// Of each byte its value as a digit; 255 where it is none.
const DIGITS: [u8; 256] = {
    let (mut values, mut at) = ([0xff; 256], 0);
    while at < 16 {
        values[b"0123456789abcdef"[at as usize] as usize] = at;
        at += 1;
    }
    values
};

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
        check("01234567-89ab-cdef-0123-456789abcdef\0", false);
        check("0123456789abcdef0123456789abcdef", false);
        check("01234567-89ab-cdef-0123-456789abcdeg", false);
        check("text-ABCDEFGHIJ", false);
        check("", false);
        let bytes = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128.to_be_bytes();
        assert_eq!(EventId::of("01234567-89ab-cdef-0123-456789abcdef"), EventId::Uuid(bytes));
    }
}
