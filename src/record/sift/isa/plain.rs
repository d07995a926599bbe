//! Everything out of four small tools: which of 64 bytes are equal to one, running parity, picking bits, finding the nth.

use super::{BLOCK, Carry, GROUP, Latest, Marks, Shape, Window};

/// See [`super::Work::run`]; `equal(block, bits, byte)` tells the bytes that are `byte` once these bits are set in them.
#[inline(always)]
pub(super) fn look(
    bytes: &Window,
    marks: &mut Marks,
    latest: &mut Latest,
    shape: Shape,
    equal: impl Fn(&[u8; BLOCK], u8, u8) -> u64,
) -> bool {
    let (mut found, mut backslashes) = (0, 0);
    let mut before = [latest.quote, latest.letter].map(|masks| masks[GROUP - 1]);
    for at in 0..GROUP {
        let block = block(bytes, at * BLOCK);
        (marks.quote[at], marks.backslash[at]) = (equal(block, 0, b'"'), equal(block, 0, b'\\'));
        (marks.open[at], marks.close[at]) = (equal(block, 0x20, b'{'), equal(block, 0x20, b'}'));
        backslashes |= marks.backslash[at];
        let letter = shape.letters.iter().fold(0, |all, letter| all | equal(block, 0x20, *letter));
        let here = [marks.quote[at], letter];
        marks.found[at] = shaped(shape, here, before);
        found |= marks.found[at];
        before = here;
    }
    [latest.quote[GROUP - 1], latest.letter[GROUP - 1]] = before;
    (marks.escapes, marks.unicode) = (false, false);
    found | backslashes != 0
}

/// See [`super::Work::run`].
#[inline(always)]
pub(super) fn inspect(bytes: &Window, marks: &mut Marks, equal: impl Fn(&[u8; BLOCK], u8, u8) -> u64) {
    let before_u = |at: usize| marks.backslash[at] & equal(block(bytes, at * BLOCK + 1), 0, b'u');
    marks.escapes = marks.backslash.iter().any(|mask| *mask != 0);
    marks.unicode = marks.escapes && (0..GROUP).any(|at| before_u(at) != 0);
}

/// Where something of this shape stands, by the quotation marks and letters of a block and of the one before.
#[inline(always)]
fn shaped(shape: Shape, [quote, letter]: [u64; 2], [quote_before, letter_before]: [u64; 2]) -> u64 {
    let reach = shape.reach();
    let later = |here: u64, before: u64, by: u8| here << by | before >> 1 >> (63 - by);
    shape.at.iter().fold(0, |all, way| {
        let quote = later(quote, quote_before, reach);
        all | way.iter().fold(quote, |so_far, at| so_far & later(letter, letter_before, reach - at))
    })
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
