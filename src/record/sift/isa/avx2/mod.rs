//! Thirty-two bytes at once, and four masks at once.

mod look;
mod settle;

use super::{BLOCK, Work};
use look::look;
use settle::{ends, settle};
use std::arch::x86_64::*;

/// Whether the machine has what is needed.
pub(super) fn is_here() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
}

#[target_feature(enable = "avx2,popcnt,bmi1,bmi2")]
pub(super) fn run<W: Work>(work: W) -> W::Out {
    work.run(
        |bytes, marks| look::<W>(bytes, marks),
        |step, marks, carry| settle::<W>(step, marks, carry),
        |marks| ends(marks),
        |from, which| _pext_u64(from, which),
        |of, n| _pdep_u64(1 << n, of).trailing_zeros(),
    )
}

/// Bytes of a half of a block.
const HALF: usize = BLOCK / 2;

#[inline]
#[target_feature(enable = "avx2")]
fn splat(byte: u8) -> __m256i {
    _mm256_set1_epi8(byte.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(of: &[u8; HALF]) -> __m256i {
    // SAFETY: there are 32 bytes, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(of.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn bits(is: __m256i) -> u32 {
    _mm256_movemask_epi8(is).cast_unsigned()
}
