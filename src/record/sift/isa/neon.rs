//! Sixteen bytes at once, on Arm.

use super::{BLOCK, Step, Work, plain, portable};
use std::arch::aarch64::*;

#[target_feature(enable = "neon")]
pub(super) fn run<W: Work>(work: W) -> W::Out {
    // SAFETY: the array has 16 bytes.
    let weights = unsafe { vld1q_u8([1_u8, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128].as_ptr()) };
    // Four times sixteen yes or no → 64 bits, by three rounds of adding neighbours.
    let bits = |[a, b, c, d]: [uint8x16_t; 4]| {
        let weigh = |mask| vandq_u8(mask, weights);
        let all = vpaddq_u8(vpaddq_u8(weigh(a), weigh(b)), vpaddq_u8(weigh(c), weigh(d)));
        vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(all, all)))
    };
    let equal = |block: &[u8; BLOCK], set: u8, byte: u8| {
        let at = block.as_ptr();
        // SAFETY: the block has 64 bytes, four times 16.
        let raw = unsafe { [vld1q_u8(at), vld1q_u8(at.add(16)), vld1q_u8(at.add(32)), vld1q_u8(at.add(48))] };
        bits(raw.map(|part| vceqq_u8(vorrq_u8(part, vdupq_n_u8(set)), vdupq_n_u8(byte))))
    };
    work.run(
        |bytes, marks| plain::look(bytes, marks, W::SHAPE, equal),
        |step, marks, carry| step == Step::Strings && plain::settle(marks, carry, W::SHAPE, portable::parity),
        plain::ends,
        portable::pick,
        portable::nth,
    )
}
