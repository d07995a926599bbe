//! Masks → what stands outside strings, how deep, and where keys are.

use super::super::{Carry, GROUP, Marks, Shape, Work, plain};
use std::arch::x86_64::*;

#[inline]
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn settle<W: Work>(marks: &mut Marks, carry: &mut Carry) -> bool {
    if W::SHAPE.seldom.is_none() {
        find::<W>(marks, carry);
    }
    let halves = marks.quote.as_chunks::<4>().0;
    let mut quote = [four(&halves[0]), four(&halves[1])];
    if marks.escapes || carry.escape != 0 {
        let escaped = plain::all_escaped(marks, carry);
        let halves = escaped.as_chunks::<4>().0;
        quote = [0, 1].map(|at| _mm256_andnot_si256(four(&halves[at]), quote[at]));
        let (halves, _) = marks.quote.as_chunks_mut::<4>();
        put(&mut halves[0], quote[0]);
        put(&mut halves[1], quote[1]);
    }
    let inside = inside(quote, carry);
    for masks in [&mut marks.open, &mut marks.close] {
        let (halves, _) = masks.as_chunks_mut::<4>();
        for (half, inside) in halves.iter_mut().zip(inside) {
            put(half, _mm256_andnot_si256(inside, four(half)));
        }
    }
    // They are to be counted where they stand in memory: out of a vector they are slow to get.
    let [open, close] = std::hint::black_box([&marks.open, &marks.close]);
    for at in 0..GROUP {
        marks.low[at] = carry.depth - i64::from(close[at].count_ones());
        carry.depth = marks.low[at] + i64::from(open[at].count_ones());
    }
    marks.is_found
}

/// See [`Work::run`].
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn ends(marks: &Marks) -> u8 {
    let [first, last] = [0, 1].map(|half| {
        // SAFETY: there are twice four, and the load needs no alignment.
        let low = unsafe { _mm256_loadu_si256(marks.low.as_ptr().add(4 * half).cast()) };
        _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(_mm256_set1_epi64x(1), low)))
    });
    (first | last << 4) as u8
}

/// What stands in strings, by the quotation marks that count.
#[inline]
#[target_feature(enable = "avx2")]
fn inside(quote: [__m256i; 2], carry: &mut Carry) -> [__m256i; 2] {
    // The running exclusive or of each mask by itself.
    let own = quote.map(|mut mask| {
        mask = _mm256_xor_si256(mask, _mm256_slli_epi64::<1>(mask));
        mask = _mm256_xor_si256(mask, _mm256_slli_epi64::<2>(mask));
        mask = _mm256_xor_si256(mask, _mm256_slli_epi64::<4>(mask));
        mask = _mm256_xor_si256(mask, _mm256_slli_epi64::<8>(mask));
        mask = _mm256_xor_si256(mask, _mm256_slli_epi64::<16>(mask));
        _mm256_xor_si256(mask, _mm256_slli_epi64::<32>(mask))
    });
    // Whether a string is open behind each, and so before the next.
    own.map(|own| {
        let odd = _mm256_movemask_pd(_mm256_castsi256_pd(own)) as usize;
        let (begins, is_open) = &OPEN[odd & 15];
        let before = _mm256_set1_epi64x(carry.string.cast_signed());
        carry.string ^= is_open;
        _mm256_xor_si256(own, _mm256_xor_si256(before, four(begins)))
    })
}

/// For four masks, a bit each, set where it holds an odd number of quotation marks: all ones for those that begin in a string,
/// if the first one does not, and whether the next one would.
static OPEN: [([u64; 4], u64); 16] = {
    let mut table = [([0; 4], 0); 16];
    let mut odd = 0;
    while odd < 16 {
        let (mut at, mut is_open) = (0, 0);
        while at < 4 {
            table[odd].0[at] = is_open;
            if odd >> at & 1 == 1 {
                is_open = !is_open;
            }
            at += 1;
        }
        table[odd].1 = is_open;
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
