//! One list of records → how many there are, and which of them must be read.

use super::isa::{AHEAD, BLOCK, Carry, GROUP, Isa, Latest, Marks, Shape, Window, Work};
use super::{spell, top};
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

/// The key that is looked for.
pub(super) trait Key {
    /// What it looks like from afar.
    const SHAPE: Shape;

    /// Whether it is spelt behind a quotation mark, and wanted.
    fn is_at(&self, bytes: &[u8], quote: usize) -> bool;

    /// Whether an ordinary element in which it is spelt, or may be, must be read after all.
    fn must_read(&mut self, _bytes: &[u8], _element: &Element) -> bool {
        true
    }
}

impl<K: Key> Key for &mut K {
    const SHAPE: Shape = K::SHAPE;

    fn is_at(&self, bytes: &[u8], quote: usize) -> bool {
        K::is_at(self, bytes, quote)
    }

    fn must_read(&mut self, bytes: &[u8], element: &Element) -> bool {
        K::must_read(self, bytes, element)
    }
}

/// `errorCode`, by the letters `r` of its first word.
pub(in crate::record) const CODE: Shape = Shape { letters: b"r", at: &[&[2, 3, 5]] };

/// `errorCode` in whatever spelling.
pub(super) struct ErrorCode;

/// The same, of events for which this code, which stands in this event, may mean a refusal.
pub(super) struct Refusal<F> {
    pub(super) isa: Isa,
    pub(super) may_mean: F,
}

impl<F: FnMut(&[u8], &[u8]) -> bool> Key for Refusal<F> {
    const SHAPE: Shape = CODE;

    fn is_at(&self, bytes: &[u8], quote: usize) -> bool {
        spell::is_error_code(bytes, quote)
    }

    fn must_read(&mut self, bytes: &[u8], element: &Element) -> bool {
        let Element { start, end, has_escapes, spelt, .. } = *element;
        let raw = &bytes[start..end];
        if has_escapes || raw.len() > LARGEST_RECORD {
            return true;
        }
        match spelt.and_then(|quote| spell::only_code(raw, quote - start)) {
            Some(code) => (self.may_mean)(code, raw),
            None => top::bears_code(self.isa, raw),
        }
    }
}

impl Key for ErrorCode {
    const SHAPE: Shape = CODE;

    fn is_at(&self, bytes: &[u8], quote: usize) -> bool {
        spell::is_error_code(bytes, quote)
    }
}

/// A pass over the list whose first byte, behind its bracket, is at `start`; `None` for anything but a whole list of
/// objects, with nothing but commas and white space between them.
pub(super) struct Pass<'a, K> {
    pub(super) key: K,
    pub(super) bytes: &'a [u8],
    pub(super) start: usize,
    /// All elements are wanted.
    pub(super) all: bool,
}

impl<K: Key> Work for Pass<'_, K> {
    type Out = Option<List>;
    const SHAPE: Shape = K::SHAPE;

    #[inline(always)]
    fn run(
        mut self,
        look: impl Fn(&Window, &mut Marks, &mut Latest) -> bool,
        inspect: impl Fn(&Window, &mut Marks),
        strip: impl Fn(&mut Marks, &mut Carry),
        weigh: impl Fn(&mut Marks, &mut i64) -> u8,
        pick: impl Fn(u64, u64) -> u64,
        nth: impl Fn(u64, u32) -> u32,
    ) -> Self::Out {
        let mut state = State::new(&self);
        let mut batches = [Batch::default(); STEPS];
        let (mut latest, mut carry, mut depth) = (Latest::default(), Carry::default(), 0);
        let [mut looked, mut weighed, mut followed] = batches.each_mut();
        let (bytes, mut places, mut own) = (self.bytes, 0, [b' '; size_of::<Page>()]);
        let ahead = self.to_line();
        let (first, mut passed) = (self.start.wrapping_sub(ahead), 0);
        // Each of three batches is at another step. A step by itself is a chain of instructions that wait for one another; those of
        // two batches fill each other's gaps. Where elements end is followed last: how often that is nobody can foretell, and a
        // processor that guesses wrong loses what it has begun. A batch that was not looked at has nothing in it.
        while passed < bytes.len() - self.start + ahead + (STEPS - 1) * BATCH {
            let at = first.wrapping_add(passed);
            let page = match passed {
                0 => self.first_page(ahead, &mut own),
                _ => window(bytes, at, &mut own),
            };
            let (ends, mut rare) = (std::mem::take(&mut places), 0);
            looked.at = at;
            for group in 0..GROUPS {
                rare |= u64::from(look(part(page, group), &mut looked.groups[group], &mut latest)) << group;
                strip(&mut weighed.groups[group], &mut carry);
                places |= u64::from(weigh(&mut weighed.groups[group], &mut depth)) << (group * GROUP);
            }
            each(rare, |group| {
                let (marks, at) = (&mut looked.groups[group], at.wrapping_add(group * GROUP * BLOCK));
                inspect(part(page, group), marks);
                state.spell(&self.key, at, marks);
                if marks.unicode {
                    state.uncover(at, marks);
                }
            });
            if let Some(whole) = state.follow(&mut self.key, followed, ends, &pick, &nth) {
                return whole.then_some(state.list);
            }
            if passed >= STEPS * BATCH {
                state.go_on(at - (STEPS - 2) * BATCH);
            }
            passed += BATCH;
            (looked, weighed, followed) = (followed, looked, weighed);
        }
        None
    }
}

/// Bytes from which on it is worth it to begin at a line of the processor's cache.
const LARGE: usize = 64 << 10;

impl<K> Pass<'_, K> {
    /// How many bytes to begin ahead of the list, so that no block stands in two lines of the cache.
    fn to_line(&self) -> usize {
        match self.bytes.get(self.start..) {
            Some(list) if list.len() >= LARGE => list.as_ptr().addr() % BLOCK,
            _ => 0,
        }
    }

    /// What is looked at first: nothing before the list is seen.
    #[inline(always)]
    fn first_page<'p>(&'p self, ahead: usize, own: &'p mut Page) -> &'p Page {
        let list = self.bytes.get(self.start..).unwrap_or_default();
        if ahead == 0 {
            return window(list, 0, own);
        }
        let seen = &list[..list.len().min(own.len() - ahead)];
        own[ahead..][..seen.len()].copy_from_slice(seen);
        own
    }
}

/// Steps of a batch: it is looked at, stripped and weighed, followed.
const STEPS: usize = 3;

/// Bytes that are looked at together.
const BATCH: usize = GROUPS * GROUP * BLOCK;

/// A batch's bytes.
type Page = [u8; BATCH + AHEAD];

/// A group's bytes in a page.
#[inline(always)]
fn part(page: &Page, group: usize) -> &Window {
    page[group * GROUP * BLOCK..].first_chunk().unwrap_or(&[b' '; size_of::<Window>()])
}

/// Blocks that are looked at together.
#[derive(Debug, Clone, Copy, Default)]
struct Batch {
    groups: [Marks; GROUPS],
    /// Where the first one begins.
    at: usize,
}

/// Places that are remembered one by one before those of the open element are counted.
const MANY: usize = 256;

/// Groups of a batch.
const GROUPS: usize = 8;

/// So many bytes from a place on; of what is less the rest is filled with spaces in a place of its own.
#[inline(always)]
pub(in crate::record) fn window<'a, const N: usize>(bytes: &'a [u8], at: usize, end: &'a mut [u8; N]) -> &'a [u8; N] {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(window) => window,
        None => {
            *end = [b' '; N];
            end[..rest.len()].copy_from_slice(rest);
            end
        }
    }
}

/// The places of a mask's bits.
#[inline(always)]
fn each(mut bits: u64, mut take: impl FnMut(usize)) {
    while bits != 0 {
        take(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

struct State<'a> {
    bytes: &'a [u8],
    all: bool,
    /// Where the last element ended, or the list began.
    until: usize,
    /// Places where a key is spelt, or may hide: those behind the last element's end, up to two batches ahead of it.
    spelt: Vec<usize>,
    hidden: Vec<usize>,
    /// Places of escaped ASCII characters.
    escaped: Vec<usize>,
    /// What was met of the open element and is counted.
    met: Option<Met>,
    /// Something was met that belongs to the open element or a later one, or all are wanted.
    is_busy: bool,
    list: List,
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
    fn new<K>(pass: &Pass<'a, K>) -> Self {
        let (spelt, hidden, escaped) = (Vec::new(), Vec::new(), Vec::new());
        let Pass { bytes, start: until, all, .. } = *pass;
        Self { bytes, all, until, spelt, hidden, escaped, met: None, is_busy: all, list: List::default() }
    }

    #[inline(never)]
    fn spell<K: Key>(&mut self, key: &K, at: usize, marks: &Marks) {
        for (block, found) in marks.found.iter().enumerate() {
            each(*found, |bit| {
                let quote = at.wrapping_add(BLOCK * block + bit).checked_sub(K::SHAPE.reach().into());
                self.spelt.extend(quote.filter(|quote| key.is_at(self.bytes, *quote)));
            });
        }
        self.is_busy |= !self.spelt.is_empty();
    }

    #[cold]
    fn uncover(&mut self, at: usize, marks: &Marks) {
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
    fn follow(
        &mut self,
        key: &mut impl Key,
        batch: &Batch,
        mut places: u64,
        pick: &impl Fn(u64, u64) -> u64,
        nth: &impl Fn(u64, u32) -> u32,
    ) -> Option<bool> {
        while places != 0 {
            let block = places.trailing_zeros() as usize;
            places &= places - 1;
            let (marks, from) = (&batch.groups[block / GROUP % GROUPS], batch.at.wrapping_add(BLOCK * block));
            let (open, close) = (marks.open[block % GROUP], marks.close[block % GROUP]);
            let (both, level) = (open | close, marks.level[block % GROUP]);
            // In the order of the brackets, set where one closes.
            let mut closes = pick(close, both);
            let (mut gone, mut level) = (0, usize::try_from(level).unwrap_or(usize::MAX));
            if closes >> 8 != 0 || level >= FALLS.len() {
                if let Some(whole) = self.one_by_one(key, from, marks.level[block % GROUP].cast_signed(), (both, close))
                {
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
    fn go_on(&mut self, at: usize) {
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
