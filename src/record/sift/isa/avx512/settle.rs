//! Masks → what stands outside strings, how deep, and where keys are.

use super::super::{Carry, Marks, Work, plain};
use super::{eight, put};
use std::arch::x86_64::*;

/// One of its own for each sort of work: what has but one caller becomes part of it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi2,avx512vpopcntdq,vpclmulqdq")]
pub(super) fn settle<W: Work>(marks: &mut Marks, carry: &mut Carry, ones: __m512i) -> bool {
    let (mut quote, letter) = (eight(&marks.quote), eight(&marks.letter));
    let may_be_found = match W::SHAPE.seldom {
        Some(apart) => {
            let pairs = _mm512_and_si512(letter, later(letter, eight(&carry.letter), apart));
            _mm512_test_epi64_mask(pairs, pairs) != 0
        }
        None => !W::SHAPE.at.is_empty(),
    };
    let is_found = may_be_found && find::<W>(marks, carry);
    put(&mut carry.quote, quote);
    put(&mut carry.letter, letter);
    if marks.escapes || carry.escape != 0 {
        quote = _mm512_andnot_si512(eight(&plain::all_escaped(marks, carry)), quote);
        put(&mut marks.quote, quote);
    }
    let inside = inside(quote, carry, ones);
    let (open, close) = (eight(&marks.open), eight(&marks.close));
    let (open, close) = (_mm512_andnot_si512(inside, open), _mm512_andnot_si512(inside, close));
    put(&mut marks.open, open);
    put(&mut marks.close, close);
    weigh(marks, carry, [open, close]);
    is_found
}

/// What stands in strings, by the quotation marks that count.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,vpclmulqdq")]
fn inside(quote: __m512i, carry: &mut Carry, ones: __m512i) -> __m512i {
    // A carry-less product with all ones is the running exclusive or; of every second mask at once.
    let (even, odd) = (_mm512_clmulepi64_epi128::<0>(quote, ones), _mm512_clmulepi64_epi128::<1>(quote, ones));
    let inside = _mm512_unpacklo_epi64(even, odd);
    let parity = PARITY[usize::from(_mm512_movepi64_mask(inside))];
    let begins_inside = parity << 1 ^ carry.string as u8;
    carry.string ^= i64::from(parity.cast_signed() >> 7).cast_unsigned();
    _mm512_mask_xor_epi64(inside, begins_inside, inside, ones)
}

/// Adds the blocks' brackets to those that are open.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vpopcntdq")]
fn weigh(marks: &mut Marks, carry: &mut Carry, [open, close]: [__m512i; 2]) {
    let none = _mm512_setzero_si512();
    let opens = _mm512_popcnt_epi64(open);
    let own = _mm512_sub_epi64(opens, _mm512_popcnt_epi64(close));
    // Running sums of eight.
    let mut sum = _mm512_add_epi64(own, _mm512_alignr_epi64::<7>(own, none));
    sum = _mm512_add_epi64(sum, _mm512_alignr_epi64::<6>(sum, none));
    sum = _mm512_add_epi64(sum, _mm512_alignr_epi64::<4>(sum, none));
    let low = _mm512_add_epi64(_mm512_set1_epi64(carry.depth), _mm512_sub_epi64(sum, opens));
    carry.depth += _mm_cvtsi128_si64(_mm512_castsi512_si128(_mm512_alignr_epi64::<7>(sum, sum)));
    // SAFETY: there is room for eight, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(marks.low.as_mut_ptr().cast(), low) };
    marks.ends = _mm512_cmple_epi64_mask(low, none);
}

/// See [`Work::run`].
#[inline]
pub(super) fn ends(marks: &Marks) -> u8 {
    marks.ends
}

/// For eight bits the running exclusive or.
static PARITY: [u8; 256] = {
    let mut table = [0; 256];
    let mut bits = 0;
    while bits < 256 {
        let mut parity = bits as u8;
        parity ^= parity << 1;
        parity ^= parity << 2;
        parity ^= parity << 4;
        table[bits] = parity;
        bits += 1;
    }
    table
};

/// Fills in where something of a key's shape stands; whether anything is.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512vbmi2")]
fn find<W: Work>(marks: &mut Marks, carry: &Carry) -> bool {
    let reach = W::SHAPE.reach();
    let letter = |at: &u8| later(eight(&marks.letter), eight(&carry.letter), reach - at);
    let quote = later(eight(&marks.quote), eight(&carry.quote), reach);
    let found = W::SHAPE.at.iter().fold(_mm512_setzero_si512(), |all, way| {
        let one = way.iter().fold(quote, |so_far, at| _mm512_and_si512(so_far, letter(at)));
        _mm512_or_si512(all, one)
    });
    put(&mut marks.found, found);
    _mm512_test_epi64_mask(found, found) != 0
}

/// Masks, so many bytes later; `before` holds those of the group before.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi2")]
fn later(here: __m512i, before: __m512i, by: u8) -> __m512i {
    _mm512_shldv_epi64(here, _mm512_alignr_epi64::<7>(here, before), _mm512_set1_epi64(by.into()))
}
