//! What a row of packed entries holds.
//!
//! Entry after entry, in the order of keys: how many bytes its key shares with the key before (the first one with the row's
//! `first`), the length of the rest, the rest, the length of the value, the value. Numbers in groups of seven bits, low ones
//! first.

use rusqlite::types::Type;

/// The body of a row cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("a row of what was read is broken: restore the ledger from a copy, or begin a new one")]
struct Broken;

/// The error of a row that cannot be read.
pub(in super::super) fn broken() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(Broken))
}

/// Writes a number.
pub(in super::super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Reads a number off the front.
pub(in super::super) fn number(bytes: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
}

/// Reads bytes off the front, with their length before them.
pub(in super::super) fn bytes<'b>(from: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(number(from)?).ok()?;
    let (these, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(these)
}

/// Writes bytes with their length before them.
pub(in super::super) fn put_bytes(out: &mut Vec<u8>, these: &[u8]) {
    put_number(out, these.len() as u64);
    out.extend_from_slice(these);
}

/// Writes what `put` writes with its length before it, without knowing that: it is short as a rule.
pub(in super::super) fn put_short(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.push(0);
    put(out);
    let length = out.len() - start - 1;
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out[start] = short,
        _ => {
            let these = out.split_off(start + 1);
            out.truncate(start);
            put_bytes(out, &these);
        }
    }
}

/// Goes through a body.
pub(super) struct Entries<'b> {
    /// Of the entry that was read last.
    pub(super) key: Vec<u8>,
    left: &'b [u8],
}

impl<'b> Entries<'b> {
    pub(super) fn of(first: &[u8], body: &'b [u8]) -> Self {
        Self { key: first.to_vec(), left: body }
    }

    /// The next entry's value; its key is in `key` then. `None` at the end.
    pub(super) fn next(&mut self) -> rusqlite::Result<Option<&'b [u8]>> {
        if self.left.is_empty() { Ok(None) } else { self.step().map(Some).ok_or_else(broken) }
    }

    fn step(&mut self) -> Option<&'b [u8]> {
        let shared = usize::try_from(number(&mut self.left)?).ok()?;
        let rest = bytes(&mut self.left)?;
        if shared > self.key.len() {
            return None;
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(rest);
        bytes(&mut self.left)
    }
}

/// A body that is being written.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// The last key.
    key: Vec<u8>,
}

impl Body {
    pub(super) fn of(first: &[u8], room: usize) -> Self {
        Self { bytes: Vec::with_capacity(room), key: first.to_vec() }
    }

    /// Adds an entry behind all others.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) {
        let shared = shared(&self.key, key);
        put_number(&mut self.bytes, shared as u64);
        put_bytes(&mut self.bytes, &key[shared..]);
        put_bytes(&mut self.bytes, value);
        self.key.truncate(shared);
        self.key.extend_from_slice(&key[shared..]);
    }
}

/// How many bytes two keys have in common.
fn shared(one: &[u8], other: &[u8]) -> usize {
    const STEP: usize = 16;
    let whole =
        one.chunks_exact(STEP).zip(other.chunks_exact(STEP)).take_while(|(one, other)| one == other).count() * STEP;
    whole + one[whole..].iter().zip(&other[whole..]).take_while(|(one, other)| one == other).count()
}

/// Bytes of a row that lie in one page of 4 KiB: what SQLite leaves of it, less the row's own head.
const PAGE: usize = 4_040;
/// Bytes of an entry that it may be longer by than its share, when a row is parted.
const SLACK: usize = 120;

/// Parts a body so that each part with its `first` is about a page at most: alike in length, so that each has room for more.
pub(super) fn part(first: &[u8], body: Body) -> rusqlite::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    if first.len() + body.bytes.len() <= PAGE {
        return Ok(vec![(first.to_vec(), body.bytes)]);
    }
    let room = PAGE.saturating_sub(SLACK + body.key.len()).max(PAGE / 4);
    let (all, end) = (&body.bytes, body.bytes.len());
    let share = end.div_ceil(end.div_ceil(room));
    let (mut entries, mut parts) = (Entries::of(first, all), Vec::new());
    let (mut part, mut from, mut start) = ((first.to_vec(), Vec::new()), 0, 0);
    loop {
        let at = end - entries.left.len();
        let Some(value) = entries.next()? else { break };
        if at >= start + share {
            part.1.extend_from_slice(&all[from..at]);
            parts.push(part);
            let mut body = Vec::with_capacity(share);
            put_number(&mut body, entries.key.len() as u64);
            put_number(&mut body, 0);
            put_bytes(&mut body, value);
            part = (entries.key.clone(), body);
            (from, start) = (end - entries.left.len(), at);
        }
    }
    part.1.extend_from_slice(&all[from..]);
    parts.push(part);
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for told in [0, 1, 127, 128, 300, 1 << 35, u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, told);
            let mut left = out.as_slice();
            assert_eq!((number(&mut left), left.len()), (Some(told), 0), "{told}");
        }
        assert_eq!(number(&mut &[0x80, 0x80][..]), None);
        assert_eq!(number(&mut &[0xff; 20][..]), None);
    }

    #[test]
    fn lengths_need_not_be_known_before() {
        for length in [0, 1, 127, 128, 300] {
            let (mut one, mut other) = (vec![7], vec![7]);
            put_short(&mut one, |out| out.extend(vec![5; length]));
            put_bytes(&mut other, &vec![5; length]);
            assert_eq!(one, other, "{length}");
        }
    }

    #[test]
    fn what_is_cut_off_is_no_entry() {
        let mut body = Body::of(b"a/", 0);
        body.push(b"a/b", b"value");
        for cut in 1..body.bytes.len() {
            assert!(Entries::of(b"a/", &body.bytes[..cut]).next().is_err(), "{cut}");
        }
        assert!(Entries::of(b"", &body.bytes).next().is_err(), "it shares what is not there");
    }
}
