//! One list of records → how many there are, and which of them must be read.

use super::isa::{BLOCK, Masks, Work};
use super::spell;
use crate::record::LARGEST_RECORD;

/// What one list holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// Where it ends: behind its closing bracket.
    pub(super) end: usize,
    /// Its elements.
    pub(super) elements: u64,
    /// The elements that must be read, or all.
    pub(super) candidates: Vec<Element>,
    /// The first and the last element, where there is one.
    pub(super) edges: Option<[(usize, usize); 2]>,
    /// Bytes that are no ASCII are among those looked at.
    pub(super) high: bool,
}

/// An element of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    /// From 1.
    pub(super) number: u64,
    pub(super) start: usize,
    pub(super) end: usize,
    /// It begins as CloudTrail writes events.
    pub(super) is_ordinary: bool,
    /// It may bear an error code, or is too large.
    pub(super) is_marked: bool,
    /// It may hold an escaped ASCII character; told where all elements are wanted.
    pub(super) has_escapes: bool,
}

/// A pass over the list whose first byte, behind its bracket, is at `start`; `None` for anything but a whole list of
/// objects, with nothing but commas and white space between them.
pub(super) struct Pass<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) start: usize,
    /// All elements are wanted.
    pub(super) all: bool,
}

impl Work for Pass<'_> {
    type Out = Option<List>;

    #[inline(always)]
    fn run(self, masks: impl Fn(&[u8; BLOCK]) -> Masks, parity: impl Fn(u64) -> u64) -> Self::Out {
        let Self { bytes, start, all } = self;
        let mut state = State {
            bytes,
            depth: 0,
            from: start,
            until: start,
            marked: false,
            escapes: false,
            all,
            list: List::default(),
        };
        let mut carry = Carry::default();
        let (blocks, rest) = bytes[start..].as_chunks::<BLOCK>();
        let mut at = start;
        for block in blocks {
            let seen = masks(block);
            if step(&mut state, &mut carry, at, seen, &parity)? {
                return Some(state.list);
            }
            at += BLOCK;
        }
        let mut last = [b' '; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        let seen = masks(&last);
        if step(&mut state, &mut carry, at, seen, &parity)? { Some(state.list) } else { None }
    }
}

/// What one block leaves for the next.
#[derive(Default)]
struct Carry {
    /// The last byte is a backslash that takes the next byte's meaning.
    escape: u64,
    /// All ones while a string is open.
    string: u64,
    /// The last byte is an `o`.
    o: u64,
    /// The last two bytes are `or`.
    or: u64,
    /// The last two bytes are `o_`.
    o_: u64,
}

struct State<'a> {
    bytes: &'a [u8],
    /// Brackets open inside the list.
    depth: i64,
    /// Where the open element starts.
    from: usize,
    /// Where the last element ended, or the list began.
    until: usize,
    /// The open element must be read.
    marked: bool,
    /// It may hold an escaped ASCII character.
    escapes: bool,
    all: bool,
    list: List,
}

/// One block; true at the end of the list, `None` where something is irregular.
#[inline(always)]
fn step(
    state: &mut State<'_>,
    carry: &mut Carry,
    at: usize,
    seen: Masks,
    parity: &impl Fn(u64) -> u64,
) -> Option<bool> {
    let mut quote = seen.quote;
    let (mut has_escape, mut escapes) = (false, false);
    if seen.backslash != 0 || carry.escape != 0 {
        let escaped = escaped(seen.backslash, &mut carry.escape);
        quote &= !escaped;
        // Those within a text inside a text, too: such a text may itself be an event.
        has_escape = spell::has_escaped(state.bytes, at, seen.backslash, b'4');
        escapes = state.all && spell::has_escaped(state.bytes, at, seen.backslash, b'2');
    }
    let string = parity(quote) ^ carry.string;
    carry.string = (string.cast_signed() >> 63).cast_unsigned();
    let (open, close) = (seen.open & !string, seen.close & !string);
    // `or` and `o_` can only go on with these in a spelling of `errorCode`.
    let or = (seen.o << 1 | carry.o) & seen.r;
    let o_ = (seen.o << 1 | carry.o) & seen.underscore;
    let word = (or << 1 | carry.or) & (seen.c | seen.underscore) | (o_ << 1 | carry.o_) & (seen.r | seen.underscore);
    (carry.o, carry.or, carry.o_) = (seen.o >> 63, or >> 63, o_ >> 63);
    state.list.high |= seen.high != 0;
    let marked = has_escape || word != 0 && spell::is_spelt(state.bytes, at, word);
    state.marked |= marked;
    state.escapes |= escapes;
    let closes = i64::from(close.count_ones());
    if state.depth > closes {
        state.depth += i64::from(open.count_ones()) - closes;
        return Some(false);
    }
    let (mut brackets, opens) = (open | close, open);
    while brackets != 0 {
        let bit = brackets.trailing_zeros();
        brackets &= brackets - 1;
        if opens >> bit & 1 == 1 {
            if state.depth == 0 {
                state.begin(at + bit as usize, marked, escapes)?;
            }
            state.depth += 1;
        } else {
            state.depth -= 1;
            match state.depth {
                0 => state.end(at + bit as usize + 1)?,
                -1 => return state.close(at + bit as usize),
                _ => {}
            }
        }
    }
    Some(false)
}

impl State<'_> {
    /// An element begins. What was marked in its block may belong to it.
    #[inline(always)]
    fn begin(&mut self, at: usize, marked: bool, escapes: bool) -> Option<()> {
        let between = &self.bytes[self.until..at];
        let is_first = self.list.elements == 0;
        if !(between == b"," && !is_first || spell::is_separator(between, is_first)) {
            return None;
        }
        (self.from, self.marked, self.escapes) = (at, marked, escapes);
        Some(())
    }

    /// An element ends.
    #[inline(always)]
    fn end(&mut self, end: usize) -> Option<()> {
        let element = &self.bytes[self.from..end];
        if element[0] == b'{' && element[element.len() - 1] != b'}' {
            return None;
        }
        self.list.elements += 1;
        let is_ordinary = spell::is_ordinary(element);
        let is_marked = self.marked || element.len() > LARGEST_RECORD;
        if is_marked || !is_ordinary || self.all {
            let (number, start) = (self.list.elements, self.from);
            self.list.candidates.push(Element {
                number,
                start,
                end,
                is_ordinary,
                is_marked,
                has_escapes: self.escapes,
            });
        }
        self.until = end;
        let edges = self.list.edges.get_or_insert([(self.from, end); 2]);
        edges[1] = (self.from, end);
        Some(())
    }

    /// The list ends.
    fn close(&mut self, at: usize) -> Option<bool> {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let whole = self.bytes[at] == b']' && self.bytes[self.until..at].iter().all(is_space);
        self.list.end = at + 1;
        whole.then_some(true)
    }
}

/// The bytes whose meaning a backslash takes; `carry` goes from block to block.
#[inline(always)]
fn escaped(backslash: u64, carry: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let starts = backslash & !*carry;
    let follows = starts << 1 | *carry;
    let odd_starts = starts & !EVEN & !follows;
    let (even_sequences, overflow) = odd_starts.overflowing_add(starts);
    *carry = u64::from(overflow);
    (EVEN ^ even_sequences << 1) & follows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn backslashes_take_meaning_in_pairs(backslashes in prop::collection::vec(any::<[bool; 64]>(), 1..4)) {
            let (mut carry, mut open) = (0, false);
            for block in backslashes {
                let bits = block.iter().enumerate().fold(0, |bits, (at, is)| bits | u64::from(*is) << at);
                let expect = block.iter().enumerate().fold(0, |bits, (at, is)| {
                    let taken = open;
                    open = *is && !open;
                    bits | u64::from(taken) << at
                });
                prop_assert_eq!(escaped(bits, &mut carry), expect);
            }
        }
    }
}
