//! The symbols of a block → bytes: the loops in which the time goes.
//!
//! That there is enough to read, and room to write, is tested once for many steps, by the most that a step reads and writes: a
//! test at each takes a seventh longer.
#![allow(unsafe_code, reason = "see above")]

use super::codes::{Codes, DISTANCE_BITS, Entry};
use super::lane::Lane;

/// Bytes that are read at once.
const WORD: usize = 8;
/// Bytes that a step goes on by in what is packed, at the most: bits are filled up twice, by less than a word.
const READ: usize = 2 * (WORD - 1);
/// The longest copy.
const LONGEST: usize = 258;
/// What is copied at once. What is copied too much, the next step writes over.
const PIECE: usize = 32;
/// Bytes that a step writes, at the most: four times two literals, a copy, and what is copied too much.
pub(super) const WRITTEN: usize = 4 * 2 + LONGEST + 2 * PIECE;

/// How steps end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The block goes on.
    Open,
    /// It was the block's last symbol.
    Block,
    /// There is no way on: what is packed is damaged, or cut, or there is no room.
    Damage,
}

/// Whether two streams are known to be faster than one after the other in libdeflate.
pub(super) fn is_fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Takes steps in two streams, until a block ends in one.
pub(super) fn both(codes: &[Codes; 2], lanes: [&mut Lane<'_>; 2]) -> [End; 2] {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    fn fast(codes: &[Codes; 2], lanes: [&mut Lane<'_>; 2]) -> [End; 2] {
        both_steps(codes, lanes)
    }
    #[cfg(target_arch = "x86_64")]
    if is_fast() {
        // SAFETY: the features were found.
        return unsafe { fast(codes, lanes) };
    }
    both_steps(codes, lanes)
}

/// Takes steps in one stream, until its block ends.
pub(super) fn one(codes: &Codes, lane: &mut Lane<'_>) -> End {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    fn fast(codes: &Codes, lane: &mut Lane<'_>) -> End {
        one_steps(codes, lane)
    }
    #[cfg(target_arch = "x86_64")]
    if is_fast() {
        // SAFETY: the features were found.
        return unsafe { fast(codes, lane) };
    }
    one_steps(codes, lane)
}

#[inline(always)]
fn both_steps(codes: &[Codes; 2], lanes: [&mut Lane<'_>; 2]) -> [End; 2] {
    let [first, second] = lanes;
    let can = [steps(first), steps(second)];
    if can.contains(&0) {
        return can.map(|steps| if steps == 0 { End::Damage } else { End::Open });
    }
    let (mut one, mut two) = (Run::new(first, &codes[0]), Run::new(second, &codes[1]));
    let mut ends = [End::Open; 2];
    for _ in 0..can[0].min(can[1]) {
        // SAFETY: of so many steps as there are for both, none was taken for the same turn.
        ends = unsafe { [one.step(&codes[0]), two.step(&codes[1])] };
        if ends != [End::Open; 2] {
            break;
        }
    }
    one.back(first);
    two.back(second);
    ends
}

#[inline(always)]
fn one_steps(codes: &Codes, lane: &mut Lane<'_>) -> End {
    let steps = steps(lane);
    if steps == 0 {
        return End::Damage;
    }
    let (mut run, mut end) = (Run::new(lane, codes), End::Open);
    for _ in 0..steps {
        // SAFETY: it is one of so many.
        end = unsafe { run.step(codes) };
        if end != End::Open {
            break;
        }
    }
    run.back(lane);
    end
}

/// How many steps can be taken, whatever they are, one word apart that is read before them.
fn steps(lane: &Lane<'_>) -> usize {
    let read = lane.packed.len().saturating_sub(2 * WORD) / READ;
    read.min(lane.plain.len().saturating_sub(lane.made) / WRITTEN)
}

/// A stream within a block: what its lane tells, in as few values as a processor can hold of two at once.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// What is read next.
    from: *const u8,
    bits: u64,
    /// Only its lowest eight bits count.
    count: u32,
    /// What the next bits mean, which are not taken yet.
    entry: Entry,
    /// Where the next byte goes, and where the first one went.
    to: *mut u8,
    start: *const u8,
    /// How far it may go.
    #[cfg(debug_assertions)]
    ends: [*const u8; 2],
}

impl Run {
    /// Of a lane with a word to be read at least.
    #[inline(always)]
    fn new(lane: &mut Lane<'_>, codes: &Codes) -> Self {
        // There is a word.
        let _ = lane.refill();
        #[cfg(debug_assertions)]
        let ends = [lane.packed.as_ptr_range().end, lane.plain.as_ptr_range().end];
        let start = lane.plain.as_mut_ptr();
        Self {
            from: lane.packed.as_ptr(),
            bits: lane.bits,
            count: lane.count,
            entry: codes.literal(lane.bits),
            // SAFETY: so many bytes of it are made.
            to: unsafe { start.add(lane.made) },
            start,
            #[cfg(debug_assertions)]
            ends,
        }
    }

    /// Tells the lane how far it came.
    #[inline(always)]
    fn back(self, lane: &mut Lane<'_>) {
        lane.packed = &lane.packed[self.from.addr() - lane.packed.as_ptr().addr()..];
        (lane.bits, lane.count) = (self.bits, self.count & 63);
        lane.made = self.made();
    }

    #[inline(always)]
    fn made(&self) -> usize {
        self.to.addr() - self.start.addr()
    }

    /// Unpacks up to eight literals, or up to six and a copy.
    ///
    /// At its beginning 56 bits count, and the eight above them are as they stand in what is packed. That suffices for three
    /// entries of the first table (ten bits each), a length (twenty), and a look into the table of distances (eight), behind which
    /// they are filled up; then for a distance (28).
    ///
    /// # Safety
    /// [`READ`] bytes and a word may be read from `from` on, and [`WRITTEN`] bytes written from `to` on.
    #[inline(always)]
    unsafe fn step(&mut self, codes: &Codes) -> End {
        let mut before = self.bits;
        self.pass(self.entry.taken());
        // SAFETY, of all that is unsafe here: bits are filled up twice at the most, literals are put three times at the
        // most before one copy, else four times.
        if self.entry.is_literal() {
            before = unsafe { self.literals(codes) };
            if self.entry.is_literal() {
                before = unsafe { self.literals(codes) };
                if self.entry.is_literal() {
                    before = unsafe { self.literals(codes) };
                    if self.entry.is_literal() {
                        unsafe { self.put(self.entry) };
                        return unsafe { self.begin(codes) };
                    }
                }
            }
        }
        if self.entry.is_special() {
            if self.entry.is_end() {
                return End::Block;
            }
            let Some(further) = codes.further_literal(self.entry, self.bits) else { return End::Damage };
            (self.entry, before) = (further, self.bits);
            self.pass(self.entry.taken());
            if self.entry.is_literal() {
                unsafe { self.put(self.entry) };
                return unsafe { self.begin(codes) };
            }
            if self.entry.is_special() {
                return if self.entry.is_end() { End::Block } else { End::Damage };
            }
        }
        let length = self.entry.value(before);
        let mut distance = codes.distance(self.bits);
        unsafe { self.refill() };
        if distance.is_special() {
            self.pass(DISTANCE_BITS);
            let Some(further) = codes.further_distance(distance, self.bits) else { return End::Damage };
            distance = further;
        }
        let apart = distance.value(self.bits);
        self.pass(distance.taken());
        if apart > self.made() {
            return End::Damage;
        }
        // The next entry is read before the copy, which is not waited for.
        let end = unsafe { self.begin(codes) };
        unsafe { self.copy(apart, length) };
        end
    }

    /// Passes over as many bits as the lowest six bits of this tell.
    #[inline(always)]
    fn pass(&mut self, taken: u32) {
        self.bits >>= taken & 63;
        self.count = self.count.wrapping_sub(taken);
    }

    /// Lets at least 56 bits count.
    ///
    /// # Safety
    /// A word may be read; thereafter up to seven bytes fewer may be.
    #[inline(always)]
    unsafe fn refill(&mut self) {
        #[cfg(debug_assertions)]
        assert!(self.from.addr() + WORD <= self.ends[0].addr());
        self.count &= 0xff;
        // SAFETY: the caller says so.
        let word = u64::from_le_bytes(unsafe { self.from.cast::<[u8; WORD]>().read() });
        self.bits |= word << (self.count & 63);
        // SAFETY: that is within the word.
        self.from = unsafe { self.from.add(WORD - 1).sub((self.count >> 3 & 7) as usize) };
        self.count |= 56;
    }

    /// Goes on to the next entry.
    ///
    /// # Safety
    /// As that of [`Self::refill`].
    #[inline(always)]
    unsafe fn begin(&mut self, codes: &Codes) -> End {
        // SAFETY: the caller says so.
        unsafe { self.refill() };
        self.entry = codes.literal(self.bits);
        End::Open
    }

    /// Puts literals and goes on to the next entry, all within the bits that count; gives those that it begins with.
    ///
    /// # Safety
    /// As that of [`Self::put`].
    #[inline(always)]
    unsafe fn literals(&mut self, codes: &Codes) -> u64 {
        let (literals, bits) = (self.entry, self.bits);
        self.entry = codes.literal(bits);
        self.pass(self.entry.taken());
        // SAFETY: the caller says so.
        unsafe { self.put(literals) };
        bits
    }

    /// Writes two literals, of which one or both count.
    ///
    /// # Safety
    /// Two bytes may be written.
    #[inline(always)]
    unsafe fn put(&mut self, entry: Entry) {
        #[cfg(debug_assertions)]
        assert!(self.to.addr() + 2 <= self.ends[1].addr());
        let (literals, count) = entry.literals();
        // SAFETY: the caller says so.
        unsafe { self.to.cast::<[u8; 2]>().write(literals) };
        // SAFETY: there are two at the most.
        self.to = unsafe { self.to.add(count) };
    }

    /// Copies what stands so far back.
    ///
    /// # Safety
    /// So much was made; as many bytes and two pieces may be written.
    #[inline(always)]
    unsafe fn copy(&mut self, apart: usize, length: usize) {
        #[cfg(debug_assertions)]
        assert!(
            apart <= self.made() && length <= LONGEST && self.to.addr() + length + 2 * PIECE <= self.ends[1].addr()
        );
        // SAFETY, of all that follows: the caller says so, and a piece is read after those before it were written.
        let (mut from, mut to) = (unsafe { self.to.sub(apart) }.cast_const(), self.to);
        self.to = unsafe { self.to.add(length) };
        if apart < PIECE {
            while to < self.to {
                unsafe { to.write(from.read()) };
                (from, to) = unsafe { (from.add(1), to.add(1)) };
            }
            return;
        }
        let piece = |from: *const u8, to: *mut u8| {
            // SAFETY: as above.
            unsafe { to.cast::<[u8; PIECE]>().write(from.cast::<[u8; PIECE]>().read()) };
        };
        piece(from, to);
        // Most are no longer than two, which is asked once.
        (from, to) = unsafe { (from.add(PIECE), to.add(PIECE)) };
        piece(from, to);
        if length > 2 * PIECE {
            loop {
                (from, to) = unsafe { (from.add(PIECE), to.add(PIECE)) };
                piece(from, to);
                if to.addr() + PIECE >= self.to.addr() {
                    break;
                }
            }
        }
    }
}
