//! Thirty-two bytes at once.

use super::{BLOCK, Work, plain};
use std::arch::x86_64::*;

/// Whether the machine has what is needed.
pub(super) fn is_here() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
}

#[target_feature(enable = "avx2,pclmulqdq,popcnt,bmi1,bmi2")]
pub(super) fn run<W: Work>(work: W) -> W::Out {
    let bits = |mask: __m256i| u64::from(_mm256_movemask_epi8(mask).cast_unsigned());
    let equal = |block: &[u8; BLOCK], set: u8, byte: u8| {
        let (set, what) = (_mm256_set1_epi8(set.cast_signed()), _mm256_set1_epi8(byte.cast_signed()));
        // SAFETY: the block has 64 bytes, two times 32, and the loads need no alignment.
        let (one, two) =
            unsafe { (_mm256_loadu_si256(block.as_ptr().cast()), _mm256_loadu_si256(block.as_ptr().add(32).cast())) };
        let half = |half| bits(_mm256_cmpeq_epi8(_mm256_or_si256(half, set), what));
        half(one) | half(two) << 32
    };
    work.run(
        |bytes, marks, latest| plain::look(bytes, marks, latest, W::SHAPE, equal),
        |bytes, marks| plain::inspect(bytes, marks, equal),
        |marks, carry| plain::strip(marks, carry, |bits| parity(bits)),
        plain::weigh,
        |from, which| _pext_u64(from, which),
        |of, n| _pdep_u64(1 << n, of).trailing_zeros(),
    )
}

/// A carry-less product with all ones is the running exclusive or.
#[target_feature(enable = "pclmulqdq")]
fn parity(bits: u64) -> u64 {
    let product = _mm_clmulepi64_si128(_mm_set_epi64x(0, bits.cast_signed()), _mm_set1_epi8(-1), 0);
    _mm_cvtsi128_si64(product).cast_unsigned()
}
