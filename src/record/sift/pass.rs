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
    fn run(
        self,
        masks: impl Fn(&[u8; BLOCK]) -> Masks,
        parity: impl Fn(u64) -> u64,
        pick: impl Fn(u64, u64) -> u64,
    ) -> Self::Out {
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
        let (blocks, rest) = bytes[start..].as_chunks::<BLOCK>();
        let mut last = [b' '; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        // What one block leaves for the next: a backslash that takes a byte's meaning, an open string, an `r`.
        let (mut escape, mut string, mut r) = (0, 0, 0);
        let mut at = start;
        for block in blocks.iter().chain([&last]) {
            let seen = masks(block);
            let mut quote = seen.quote;
            let is_escaping = seen.backslash | escape != 0;
            if is_escaping {
                quote &= !escaped(seen.backslash, &mut escape);
            }
            let inside = parity(quote) ^ string;
            string = (inside.cast_signed() >> 63).cast_unsigned();
            let (open, close) = (seen.open & !inside, seen.close & !inside);
            // With this every spelling of `errorCode` goes on.
            let word = (seen.r << 1 | r) & (seen.r | seen.underscore);
            r = seen.r >> 63;
            if word != 0 || is_escaping || state.depth <= deepest_fall(pick(close, open | close)) {
                let seen = Seen { open, close, word, backslash: seen.backslash };
                if state.look(at, seen)? {
                    return Some(state.list);
                }
            } else {
                state.depth += i64::from(open.count_ones()) - i64::from(close.count_ones());
            }
            at += BLOCK;
        }
        None
    }
}

/// What is worth a closer look in a block: brackets outside strings, places of [`spell::is_spelt`], backslashes.
struct Seen {
    open: u64,
    close: u64,
    word: u64,
    backslash: u64,
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

impl State<'_> {
    /// A block in which an element may begin, end, or have to be read; true at the end of the list, `None` where something
    /// is irregular.
    #[inline(never)]
    fn look(&mut self, at: usize, seen: Seen) -> Option<bool> {
        // Escapes within a text inside a text count, too: such a text may itself be an event.
        let marked =
            spell::has_escaped(self.bytes, at, seen.backslash, b'4') || spell::is_spelt(self.bytes, at, seen.word);
        let escapes = self.all && spell::has_escaped(self.bytes, at, seen.backslash, b'2');
        self.marked |= marked;
        self.escapes |= escapes;
        let mut brackets = seen.open | seen.close;
        while brackets != 0 {
            let bit = brackets.trailing_zeros();
            brackets &= brackets - 1;
            if seen.open >> bit & 1 == 1 {
                if self.depth == 0 {
                    self.begin(at + bit as usize, marked, escapes)?;
                }
                self.depth += 1;
            } else {
                self.depth -= 1;
                match self.depth {
                    0 => self.end(at + bit as usize + 1)?,
                    -1 => return self.close(at + bit as usize),
                    _ => {}
                }
            }
        }
        Some(false)
    }

    /// An element begins. What was marked in its block may belong to it.
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
    fn end(&mut self, end: usize) -> Option<()> {
        let element = &self.bytes[self.from..end];
        if element[0] == b'{' && element[element.len() - 1] != b'}' {
            return None;
        }
        self.list.elements += 1;
        let is_ordinary = spell::is_ordinary(element);
        let is_marked = self.marked || element.len() > LARGEST_RECORD;
        if is_marked || !is_ordinary || self.all {
            if self.list.candidates.len() == super::MOST_CANDIDATES {
                return None;
            }
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

/// How far below where it began the depth falls at most; `closes` has a bit for each bracket in their order, set where one
/// closes. Where one behind the eighth closes it is told too large, which costs time alone.
#[inline(always)]
pub(super) fn deepest_fall(closes: u64) -> i64 {
    FALLS.get(closes as usize).map_or(i64::MAX, |fall| i64::from(*fall))
}

/// For eight brackets, one a bit, set where one closes: the deepest fall on the way.
static FALLS: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let (mut depth, mut fall, mut bit) = (8, 8, 0);
        while bit < 8 {
            depth = if at >> bit & 1 == 1 { depth - 1 } else { depth + 1 };
            if depth < fall {
                fall = depth;
            }
            bit += 1;
        }
        table[at] = 8 - fall;
        at += 1;
    }
    table
};

/// The bytes whose meaning a backslash takes; `carry` goes from block to block.
#[inline(always)]
pub(super) fn escaped(backslash: u64, carry: &mut u64) -> u64 {
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
