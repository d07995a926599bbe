//! Bytes → masks: which of them are what.

use super::super::{BLOCK, GROUP, Marks, Window, Work, block};
use std::arch::x86_64::*;

/// What tells lower case from upper, and a brace from a bracket.
const CASE: u8 = 0x20;

/// A mask goes from where it is made into memory, past the ordinary registers: a comparison's result is slow to get there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn look<W: Work>(bytes: &Window, marks: &mut Marks) -> bool {
    let (case, backslash) = (splat(CASE), splat(b'\\' | CASE));
    let mut nearest = splat(255);
    for at in 0..GROUP {
        let raw = load(block(bytes, at * BLOCK));
        // How each byte in lower case differs from a backslash's.
        let other = _mm512_ternarylogic_epi64::<0x56>(raw, case, backslash);
        let is = |byte: u8| _mm512_cmpeq_epi8_mask(other, splat((byte | CASE) ^ (b'\\' | CASE)));
        marks.quote[at] = _mm512_cmpeq_epi8_mask(raw, splat(b'"'));
        (marks.open[at], marks.close[at]) = (is(b'{'), is(b'}'));
        marks.letter[at] = W::SHAPE.letters.iter().map(|letter| is(*letter)).reduce(|all, own| all | own).unwrap_or(0);
        nearest = _mm512_min_epu8(nearest, other);
    }
    marks.escapes = false;
    _mm512_testn_epi8_mask(nearest, nearest) != 0 && inspect(bytes, marks)
}

/// Looks for backslashes, which a `|` looks like so far, and whether one stands before a `u`; most groups have neither.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw")]
fn inspect(bytes: &Window, marks: &mut Marks) -> bool {
    let (mut any, mut before_u) = (0, 0);
    for at in 0..GROUP {
        let (raw, next) = (load(block(bytes, at * BLOCK)), load(block(bytes, at * BLOCK + 1)));
        marks.backslash[at] = _mm512_cmpeq_epi8_mask(raw, splat(b'\\'));
        any |= marks.backslash[at];
        before_u |= _mm512_mask_cmpeq_epi8_mask(marks.backslash[at], next, splat(b'u'));
    }
    marks.escapes = any != 0;
    before_u != 0
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn splat(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(of: &[u8; 64]) -> __m512i {
    // SAFETY: there are 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(of.as_ptr().cast()) }
}
