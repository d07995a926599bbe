//! What a pass makes of a list of records: each element's end, and what was met in it.

use super::isa::{BLOCK, GROUP, Marks};
use super::keys::Key;
use super::pass::{Batch, GROUPS, Pass};
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
    /// The key is spelt in it, or may be, or it is too large.
    pub(super) is_marked: bool,
    /// It may hold an escaped ASCII character.
    pub(super) has_escapes: bool,
    /// The quotation mark before the key, where it is spelt once in it; `None` where that is more than one place, or hidden.
    pub(super) spelt: Option<usize>,
}

/// Places that are remembered one by one before those of the open element are counted.
const MANY: usize = 256;

/// The places of a mask's bits.
#[inline(always)]
fn each(mut bits: u64, mut take: impl FnMut(usize)) {
    while bits != 0 {
        take(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

pub(super) struct State<'a> {
    bytes: &'a [u8],
    all: bool,
    /// Where the last element ended, or the list began.
    until: usize,
    /// Places where a key is spelt, or may hide: those behind the last element's end, up to two batches ahead of it (spelt ones one).
    spelt: Vec<usize>,
    hidden: Vec<usize>,
    /// Places of escaped ASCII characters.
    escaped: Vec<usize>,
    /// What was met of the open element and is counted.
    met: Option<Met>,
    /// Something was met that belongs to the open element or a later one, or all are wanted.
    is_busy: bool,
    pub(super) list: List,
}

/// What was met of an element.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    /// Places where the key is spelt, and the first.
    spelt: usize,
    first: usize,
    hidden: bool,
    escaped: bool,
}

impl<'a> State<'a> {
    pub(super) fn new<K>(pass: &Pass<'a, K>) -> Self {
        let (spelt, hidden, escaped) = (Vec::new(), Vec::new(), Vec::new());
        let Pass { bytes, start: until, all, .. } = *pass;
        Self { bytes, all, until, spelt, hidden, escaped, met: None, is_busy: all, list: List::default() }
    }

    #[inline(never)]
    pub(super) fn spell<K: Key>(&mut self, key: &K, at: usize, marks: &Marks) {
        for (block, found) in marks.found.iter().enumerate() {
            each(*found, |bit| {
                let quote = at.wrapping_add(BLOCK * block + bit).checked_sub(K::SHAPE.reach().into());
                self.spelt.extend(quote.filter(|quote| key.is_at(self.bytes, *quote)));
            });
        }
        self.is_busy |= !self.spelt.is_empty();
    }

    #[cold]
    pub(super) fn uncover(&mut self, at: usize, marks: &Marks) {
        for (block, backslash) in marks.backslash.iter().enumerate() {
            each(*backslash, |bit| {
                let place = at.wrapping_add(BLOCK * block + bit);
                if let Some(hides) = spell::escaped_at(self.bytes, place) {
                    self.escaped.push(place);
                    self.is_busy = true;
                    if hides {
                        self.hidden.push(place);
                    }
                }
            });
        }
    }

    /// Follows the brackets in the blocks in which an element may end; at the end of the list, whether it is whole, and
    /// false where something is irregular.
    #[inline(always)]
    pub(super) fn follow(
        &mut self,
        key: &mut impl Key,
        batch: &Batch,
        ends: &impl Fn(&Marks) -> u8,
        pick: &impl Fn(u64, u64) -> u64,
        nth: &impl Fn(u64, u32) -> u32,
    ) -> Option<bool> {
        let mut places =
            (0..GROUPS).fold(0, |all, group| all | u64::from(ends(&batch.groups[group])) << (group * GROUP));
        while places != 0 {
            let block = places.trailing_zeros() as usize;
            places &= places - 1;
            let (marks, from) = (&batch.groups[block / GROUP % GROUPS], batch.at.wrapping_add(BLOCK * block));
            let (open, close) = (marks.open[block % GROUP], marks.close[block % GROUP]);
            let (both, level) = (open | close, marks.level(block % GROUP));
            // In the order of the brackets, set where one closes.
            let mut closes = pick(close, both);
            let (mut gone, mut level) = (0, usize::try_from(level).unwrap_or(usize::MAX));
            if closes >> 8 != 0 || level >= FALLS.len() {
                if let Some(whole) = self.one_by_one(key, from, marks.level(block % GROUP), (both, close)) {
                    return Some(whole);
                }
                continue;
            }
            loop {
                let fall = u32::from(FALLS[level][closes as usize & 255]);
                if fall == NEVER {
                    break;
                }
                let place = from.wrapping_add(nth(both, gone + fall) as usize);
                if level == 0 && fall == 0 {
                    return Some(self.close(place));
                }
                if !self.end(key, place + 1) {
                    return Some(false);
                }
                closes >>= fall + 1;
                if closes == 0 {
                    break;
                }
                gone += fall + 1;
                level = 0;
            }
        }
        None
    }

    /// The same for a block with many brackets.
    #[cold]
    fn one_by_one(
        &mut self,
        key: &mut impl Key,
        from: usize,
        mut level: i64,
        (mut both, close): (u64, u64),
    ) -> Option<bool> {
        while both != 0 {
            let bit = both.trailing_zeros();
            both &= both - 1;
            let place = from.wrapping_add(bit as usize);
            level += if close >> bit & 1 == 1 { -1 } else { 1 };
            match (level, close >> bit & 1) {
                (..0, _) => return Some(self.close(place)),
                (0, 1) if !self.end(key, place + 1) => return Some(false),
                _ => {}
            }
        }
        None
    }

    /// An element ends; false where it is irregular.
    #[inline(always)]
    fn end(&mut self, key: &mut impl Key, end: usize) -> bool {
        // Most are events in which nothing was met.
        let is_event = !self.is_busy && self.bytes.get(self.until..end).is_some_and(spell::is_next_event);
        match &mut self.list.edges {
            Some([_, last]) if is_event && end - self.until <= LARGEST_RECORD => {
                *last = (self.until + 1, end);
                self.until = end;
                self.list.elements += 1;
                true
            }
            _ => self.end_any(key, end),
        }
    }

    /// The same of whatever element.
    #[inline(never)]
    fn end_any(&mut self, key: &mut impl Key, end: usize) -> bool {
        let start = match &self.bytes[self.until..] {
            [b',', b'{', ..] if self.list.elements > 0 => self.until + 1,
            _ => match self.begin() {
                Some(start) => start,
                None => return false,
            },
        };
        let element = &self.bytes[start..end];
        if element[0] == b'{' && element[element.len() - 1] != b'}' {
            return false;
        }
        self.list.elements += 1;
        self.until = end;
        let is_ordinary = spell::is_ordinary(element);
        if !(self.spelt.is_empty() && self.escaped.is_empty()) {
            self.meet(end);
        }
        let Met { spelt, first, hidden, escaped: has_escapes } = self.met.take().unwrap_or_default();
        self.is_busy = self.all || !(self.spelt.is_empty() && self.escaped.is_empty());
        let is_marked = spelt > 0 || hidden || element.len() > LARGEST_RECORD;
        if is_marked || !is_ordinary || self.all {
            let number = self.list.elements;
            let spelt = (spelt == 1 && !hidden).then_some(first);
            let found = Element { number, start, end, is_ordinary, is_marked, has_escapes, spelt };
            if self.all || !is_ordinary || key.must_read(self.bytes, &found) {
                if self.list.candidates.len() == super::MOST_CANDIDATES {
                    return false;
                }
                self.list.candidates.push(found);
            }
        }
        match &mut self.list.edges {
            Some([_, last]) => *last = (start, end),
            edges => *edges = Some([(start, end); 2]),
        }
        true
    }

    /// Where the next element begins, if nothing but what parts elements stands before it.
    #[inline(never)]
    fn begin(&self) -> Option<usize> {
        let rest = &self.bytes[self.until..];
        let length = rest.iter().position(|byte| matches!(byte, b'{' | b'['))?;
        spell::is_separator(&rest[..length], self.list.elements == 0).then_some(self.until + length)
    }

    /// Counts for the open element what was met before this place.
    #[inline(never)]
    fn meet(&mut self, end: usize) {
        let taken = |places: &mut Vec<usize>| {
            let count = places.iter().take_while(|place| **place < end).count();
            let first = places.first().copied().unwrap_or_default();
            places.drain(..count);
            (count, first)
        };
        let ((spelt, first), (hidden, _), (escaped, _)) =
            (taken(&mut self.spelt), taken(&mut self.hidden), taken(&mut self.escaped));
        if spelt + escaped == 0 {
            return;
        }
        let met = self.met.get_or_insert_default();
        met.first = if met.spelt == 0 { first } else { met.first };
        met.spelt += spelt;
        met.hidden |= hidden > 0;
        met.escaped |= escaped > 0;
    }

    /// All that ends before this place was followed: what was met there belongs to the open element.
    #[inline(always)]
    pub(super) fn go_on(&mut self, at: usize) {
        if self.spelt.len() + self.escaped.len() > MANY {
            self.meet(at);
        }
    }

    /// The list ends; whether it is whole.
    fn close(&mut self, at: usize) -> bool {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        self.list.end = at + 1;
        self.bytes[at] == b']' && self.bytes[self.until..at].iter().all(is_space)
    }
}

/// No bracket of eight.
const NEVER: u32 = 8;

/// For so many open brackets and the next eight, a bit each, set where one closes: which of them is the first that closes
/// and leaves none open, or [`NEVER`]. From none open on it is also the one that closes more than there are.
static FALLS: [[u8; 256]; 9] = {
    let mut table = [[NEVER as u8; 256]; 9];
    let mut level = 0;
    while level < table.len() {
        let mut closes = 0;
        while closes < 256 {
            let (mut depth, mut bit) = (level, 0);
            while bit < 8 {
                if closes >> bit & 1 == 0 {
                    depth += 1;
                } else if depth <= 1 {
                    table[level][closes] = bit;
                    break;
                } else {
                    depth -= 1;
                }
                bit += 1;
            }
            closes += 1;
        }
        level += 1;
    }
    table
};
