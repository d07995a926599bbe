//! Sixty-four bytes at once, and eight masks at once.

mod look;
mod settle;

use super::{GROUP, Step, Work};
use look::look;
use settle::{ends, settle};
use std::arch::x86_64::*;

/// Whether the machine has what is needed beside that of [`super::avx2`]; Ice Lake and Zen 4 are the first that do.
pub(super) fn is_here() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("avx512vpopcntdq")
        && is_x86_feature_detected!("vpclmulqdq")
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi2,avx512vpopcntdq,vpclmulqdq,popcnt,bmi1,bmi2")]
pub(super) fn run<W: Work>(work: W) -> W::Out {
    // As a constant it would be made anew for each group, by an instruction that waits for what stood in its register before:
    // no group could be begun before the last one is done.
    let ones = _mm512_set1_epi64(std::hint::black_box(-1));
    work.run(
        |bytes, marks| look::<W>(bytes, marks),
        |step, marks, carry| step == Step::Strings && settle::<W>(marks, carry, ones),
        ends,
        |from, which| _pext_u64(from, which),
        |of, n| _pdep_u64(1 << n, of).trailing_zeros(),
    )
}

#[inline]
#[target_feature(enable = "avx512f")]
fn eight(of: &[u64; GROUP]) -> __m512i {
    // SAFETY: there are eight, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(of.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn put(to: &mut [u64; GROUP], what: __m512i) {
    // SAFETY: there is room for eight, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), what) };
}
