//! Masks → what stands outside strings, how deep, and where keys are.

use super::super::{Carry, GROUP, Marks, Shape, Step, Work, plain};
use std::arch::x86_64::*;

#[inline]
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn settle<W: Work>(step: Step, marks: &mut Marks, carry: &mut Carry) -> bool {
    match step {
        Step::Strings => return strings::<W>(marks, carry),
        Step::Brackets => brackets(marks, carry),
        Step::Depth => depth(marks, carry),
    }
    false
}

#[inline]
#[target_feature(enable = "avx2")]
fn strings<W: Work>(marks: &mut Marks, carry: &mut Carry) -> bool {
    if W::SHAPE.seldom.is_none() && !W::SHAPE.at.is_empty() {
        find::<W>(marks, carry);
    }
    if marks.escapes || carry.escape != 0 {
        let escaped = plain::all_escaped(marks, carry);
        for (quote, escaped) in marks.quote.iter_mut().zip(escaped) {
            *quote &= !escaped;
        }
    }
    let (quotes, _) = marks.quote.as_chunks::<4>();
    let own = [running(four(&quotes[0])), running(four(&quotes[1]))];
    // For the next step, where the depth will stand after the last one.
    put_low(&mut marks.low, 0, own[0]);
    put_low(&mut marks.low, 1, own[1]);
    let odd = own.map(|own| _mm256_movemask_pd(_mm256_castsi256_pd(own)));
    marks.odd = (odd[0] | odd[1] << 4) as u8;
    marks.is_found
}

/// The running exclusive or of each mask by itself.
#[inline]
#[target_feature(enable = "avx2")]
fn running(mut mask: __m256i) -> __m256i {
    mask = _mm256_xor_si256(mask, _mm256_slli_epi64::<1>(mask));
    mask = _mm256_xor_si256(mask, _mm256_slli_epi64::<2>(mask));
    mask = _mm256_xor_si256(mask, _mm256_slli_epi64::<4>(mask));
    mask = _mm256_xor_si256(mask, _mm256_slli_epi64::<8>(mask));
    mask = _mm256_xor_si256(mask, _mm256_slli_epi64::<16>(mask));
    _mm256_xor_si256(mask, _mm256_slli_epi64::<32>(mask))
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn brackets(marks: &mut Marks, carry: &mut Carry) {
    let (opens, _) = marks.open.as_chunks_mut::<4>();
    let (closes, _) = marks.close.as_chunks_mut::<4>();
    for half in 0..2 {
        let odd = marks.odd >> (4 * half) & 15;
        let before = _mm256_xor_si256(_mm256_set1_epi64x(carry.string.cast_signed()), four(&OPEN[usize::from(odd)]));
        carry.string ^= u64::from(odd.count_ones() & 1).wrapping_neg();
        let inside = _mm256_xor_si256(four_low(&marks.low, half), before);
        for all in [&mut *opens, &mut *closes] {
            let outside = _mm256_andnot_si256(inside, four(&all[half]));
            put(&mut all[half], outside);
        }
    }
}

#[inline]
#[target_feature(enable = "popcnt")]
fn depth(marks: &mut Marks, carry: &mut Carry) {
    // They are to be counted where they stand in memory: out of a vector they are slow to get.
    let [open, close] = std::hint::black_box([&marks.open, &marks.close]);
    for at in 0..GROUP {
        marks.low[at] = carry.depth - i64::from(close[at].count_ones());
        carry.depth = marks.low[at] + i64::from(open[at].count_ones());
    }
}

/// See [`Work::run`].
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn ends(marks: &Marks) -> u8 {
    let [first, last] = [0, 1].map(|half| {
        let low = four_low(&marks.low, half);
        _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(_mm256_set1_epi64x(1), low)))
    });
    (first | last << 4) as u8
}

/// For four masks, a bit each, set where it holds an odd number of quotation marks: all ones for those that begin in a string,
/// if the first one does not.
static OPEN: [[u64; 4]; 16] = {
    let mut table = [[0; 4]; 16];
    let mut odd = 0;
    while odd < 16 {
        let (mut at, mut is_open) = (0, 0_u64);
        while at < 4 {
            table[odd][at] = is_open;
            if odd >> at & 1 == 1 {
                is_open = !is_open;
            }
            at += 1;
        }
        odd += 1;
    }
    table
};

/// Finds what is of a key's shape.
#[inline]
#[target_feature(enable = "avx2")]
fn find<W: Work>(marks: &mut Marks, carry: &mut Carry) {
    let quotes = with_before(&marks.quote, &carry.quote);
    let letters = with_before(&marks.letter, &carry.letter);
    let [low, high] = [0, 1].map(|half| shaped(W::SHAPE, quotes[half], letters[half]));
    (carry.quote, carry.letter) = (marks.quote, marks.letter);
    let (found, _) = marks.found.as_chunks_mut::<4>();
    put(&mut found[0], low);
    put(&mut found[1], high);
    let any = _mm256_or_si256(low, high);
    marks.is_found = _mm256_testz_si256(any, any) == 0;
}

/// Where something of this shape stands.
#[inline]
#[target_feature(enable = "avx2")]
fn shaped(shape: Shape, quote: [__m256i; 2], letter: [__m256i; 2]) -> __m256i {
    let later = |[here, before]: [__m256i; 2], by: u8| match by {
        0 => here,
        by => _mm256_or_si256(
            _mm256_sll_epi64(here, _mm_cvtsi32_si128(by.into())),
            _mm256_srl_epi64(before, _mm_cvtsi32_si128((64 - by).into())),
        ),
    };
    let quote = later(quote, shape.reach());
    shape.at.iter().fold(_mm256_setzero_si256(), |all, way| {
        let one = way.iter().fold(quote, |so_far, at| _mm256_and_si256(so_far, later(letter, shape.reach() - at)));
        _mm256_or_si256(all, one)
    })
}

/// Masks behind one another, and the same one later: each by the one before it.
#[inline]
#[target_feature(enable = "avx2")]
fn with_before(masks: &[u64; GROUP], latest: &[u64; GROUP]) -> [[__m256i; 2]; 2] {
    let (halves, _) = masks.as_chunks::<4>();
    let [low, high] = [four(&halves[0]), four(&halves[1])];
    let before = |here, before| _mm256_alignr_epi8::<8>(here, _mm256_permute2x128_si256::<0x21>(before, here));
    [[low, before(low, four(&latest.as_chunks::<4>().0[1]))], [high, before(high, low)]]
}

#[inline]
#[target_feature(enable = "avx2")]
fn four(of: &[u64; 4]) -> __m256i {
    // SAFETY: there are four, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(of.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn put(to: &mut [u64; 4], what: __m256i) {
    // SAFETY: there is room for four, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), what) };
}

#[inline]
#[target_feature(enable = "avx2")]
fn four_low(low: &[i64; GROUP], half: usize) -> __m256i {
    let (halves, _) = low.as_chunks::<4>();
    // SAFETY: there are four, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(halves[half].as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn put_low(low: &mut [i64; GROUP], half: usize, what: __m256i) {
    let (halves, _) = low.as_chunks_mut::<4>();
    // SAFETY: there is room for four, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(halves[half].as_mut_ptr().cast(), what) };
}
