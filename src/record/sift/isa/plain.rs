//! Everything out of four small tools: which of 64 bytes are equal to one, running parity, picking bits, finding the nth.

use super::{AHEAD, BLOCK, Carry, GROUP, Letters, Marks, Window};

/// See [`super::Work::run`]; `equal(block, bits, byte)` tells the bytes that are `byte` once these bits are set in them.
#[inline(always)]
pub(super) fn look(bytes: &Window, marks: &mut Marks, letters: Letters, equal: impl Fn(&[u8; BLOCK], u8, u8) -> u64) {
    let (mut words, mut before, mut backslashes) = (0, 0, 0);
    for at in 0..GROUP {
        let block = block(bytes, at * BLOCK);
        (marks.quote[at], marks.backslash[at]) = (equal(block, 0, b'"'), equal(block, 0, b'\\'));
        (marks.open[at], marks.close[at]) = (equal(block, 0x20, b'{'), equal(block, 0x20, b'}'));
        backslashes |= marks.backslash[at];
        let first = equal(block, 0x20, letters.first);
        let second = if letters.second == letters.first { first } else { equal(block, 0x20, letters.second) };
        words |= (first << 1 | before) & (second | equal(block, 0, b'_'));
        before = first >> 63;
    }
    let behind = bytes[GROUP * BLOCK];
    words |= before & u64::from(behind.eq_ignore_ascii_case(&letters.second) || behind == b'_');
    (marks.words, marks.escapes, marks.unicode) = (words != 0, backslashes != 0, false);
    if marks.escapes {
        let before_u = |at: usize| marks.backslash[at] & equal(block(bytes, at * BLOCK + 1), 0, b'u');
        marks.unicode = (0..GROUP).any(|at| before_u(at) != 0);
    }
}

#[inline(always)]
fn block(bytes: &Window, from: usize) -> &[u8; BLOCK] {
    bytes[from..].first_chunk().unwrap_or(&[0; BLOCK])
}

/// See [`super::Work::run`]; `parity` gives for each bit whether the number of bits up to it, itself included, is odd.
#[inline(always)]
pub(super) fn strip(marks: &mut Marks, carry: &mut Carry, parity: impl Fn(u64) -> u64) {
    if marks.escapes || carry.escape != 0 {
        take_escaped(marks, carry);
    }
    for at in 0..GROUP {
        let inside = parity(marks.quote[at]) ^ carry.string;
        carry.string = (inside.cast_signed() >> 63).cast_unsigned();
        (marks.open[at], marks.close[at]) = (marks.open[at] & !inside, marks.close[at] & !inside);
    }
}

/// See [`super::Work::run`].
#[inline(always)]
pub(super) fn weigh(marks: &mut Marks, depth: &mut i64) -> u8 {
    let mut places = 0;
    for at in 0..GROUP {
        let (opens, closes) = (i64::from(marks.open[at].count_ones()), i64::from(marks.close[at].count_ones()));
        marks.level[at] = depth.cast_unsigned();
        places |= u8::from(closes > 0 && *depth <= closes) << at;
        *depth += opens - closes;
    }
    places
}

/// Takes the quotation marks away whose meaning a backslash takes.
#[inline]
pub(super) fn take_escaped(marks: &mut Marks, carry: &mut Carry) {
    for at in 0..GROUP {
        let backslash = if marks.escapes { marks.backslash[at] } else { 0 };
        marks.quote[at] &= !escaped(backslash, &mut carry.escape);
    }
}

/// Where in a block the first letter stands before what may follow it: the second or an underscore, and the third, the
/// second or an underscore.
#[inline(always)]
pub(super) fn words(bytes: &[u8; BLOCK + AHEAD], letters: Letters, equal: impl Fn(&[u8; BLOCK], u8, u8) -> u64) -> u64 {
    let of = |from: usize| bytes[from..].first_chunk().unwrap_or(&[0; BLOCK]);
    let (first, second, third) = (of(0), of(1), of(2));
    let second_or_line = |block| equal(block, 0x20, letters.second) | equal(block, 0, b'_');
    equal(first, 0x20, letters.first)
        & second_or_line(second)
        & (second_or_line(third) | equal(third, 0x20, letters.third))
}

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
