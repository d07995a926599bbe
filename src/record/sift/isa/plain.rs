//! Everything out of four small tools: which of 64 bytes are equal to one, running parity, picking bits, finding the nth.

use super::{BLOCK, Carry, GROUP, Marks, Shape, Window, block};

/// See [`super::Work::run`]; `equal(block, bits, byte)` tells the bytes that are `byte` once these bits are set in them.
#[inline(always)]
pub(super) fn look(
    bytes: &Window,
    marks: &mut Marks,
    shape: Shape,
    equal: impl Fn(&[u8; BLOCK], u8, u8) -> u64,
) -> bool {
    let mut backslashes = 0;
    for at in 0..GROUP {
        let block = block(bytes, at * BLOCK);
        marks.quote[at] = equal(block, 0, b'"');
        (marks.open[at], marks.close[at]) = (equal(block, 0x20, b'{'), equal(block, 0x20, b'}'));
        marks.letter[at] = shape.letters.iter().fold(0, |all, letter| all | equal(block, 0x20, *letter));
        backslashes |= equal(block, 0, b'\\');
    }
    marks.escapes = backslashes != 0;
    marks.escapes && inspect(bytes, marks, equal)
}

/// Looks for the backslashes of a group that has some; whether one of them stands before a `u`.
#[inline(always)]
pub(super) fn inspect(bytes: &Window, marks: &mut Marks, equal: impl Fn(&[u8; BLOCK], u8, u8) -> u64) -> bool {
    let mut before_u = 0;
    for at in 0..GROUP {
        marks.backslash[at] = equal(block(bytes, at * BLOCK), 0, b'\\');
        before_u |= marks.backslash[at] & equal(block(bytes, at * BLOCK + 1), 0, b'u');
    }
    before_u != 0
}

/// See [`super::Work::run`]; `parity` gives for each bit whether the number of bits up to it, itself included, is odd.
#[inline(always)]
pub(super) fn settle(marks: &mut Marks, carry: &mut Carry, shape: Shape, parity: impl Fn(u64) -> u64) -> bool {
    let [quote, letter] = find(marks, [carry.quote[GROUP - 1], carry.letter[GROUP - 1]], shape);
    [carry.quote[GROUP - 1], carry.letter[GROUP - 1]] = [quote, letter];
    let has_escapes = marks.escapes || carry.escape != 0;
    for at in 0..GROUP {
        if has_escapes {
            marks.quote[at] &= !escaped(marks.backslashes(at), &mut carry.escape);
        }
        let inside = parity(marks.quote[at]) ^ carry.string;
        carry.string = (inside.cast_signed() >> 63).cast_unsigned();
        (marks.open[at], marks.close[at]) = (marks.open[at] & !inside, marks.close[at] & !inside);
        marks.low[at] = carry.depth - i64::from(marks.close[at].count_ones());
        carry.depth = marks.low[at] + i64::from(marks.open[at].count_ones());
    }
    marks.is_found
}

/// See [`super::Work::run`].
#[inline(always)]
pub(super) fn ends(marks: &Marks) -> u8 {
    marks.low.iter().enumerate().fold(0, |all, (at, low)| all | u8::from(*low <= 0) << at)
}

/// Fills in where something of this shape stands, by the last quotation marks and letters before; gives those for the next
/// group.
#[inline(always)]
pub(super) fn find(marks: &mut Marks, mut before: [u64; 2], shape: Shape) -> [u64; 2] {
    for at in 0..GROUP {
        let here = [marks.quote[at], marks.letter[at]];
        marks.found[at] = shaped(shape, here, before);
        before = here;
    }
    marks.is_found = marks.found.iter().any(|mask| *mask != 0);
    before
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

/// The bytes of a group whose meaning a backslash takes.
#[cfg(target_arch = "x86_64")]
#[cold]
#[inline(never)]
pub(super) fn all_escaped(marks: &Marks, carry: &mut Carry) -> [u64; GROUP] {
    std::array::from_fn(|at| escaped(marks.backslashes(at), &mut carry.escape))
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
