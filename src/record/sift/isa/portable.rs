//! Eight bytes at once in an ordinary register.

use super::{BLOCK, Step, Work, plain};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = ONES << 7;

pub(super) fn run<W: Work>(work: W) -> W::Out {
    work.run(
        |bytes, marks| plain::look(bytes, marks, W::SHAPE, equal),
        |step, marks, carry| step == Step::Strings && plain::settle(marks, carry, W::SHAPE, parity),
        plain::ends,
        pick,
        nth,
    )
}

/// Which of 64 bytes are this one, once these bits are set in them.
fn equal(block: &[u8; BLOCK], bits: u8, byte: u8) -> u64 {
    let (set, what) = (ONES * u64::from(bits), ONES * u64::from(byte));
    block.as_chunks::<8>().0.iter().enumerate().fold(0, |mask, (at, part)| {
        let differs = (u64::from_le_bytes(*part) | set) ^ what;
        // The high bit of each byte that is not zero; no carry leaves a byte.
        let nonzero = ((differs & !HIGHS) + !HIGHS) | differs;
        mask | gather(!nonzero & HIGHS) << (8 * at)
    })
}

/// The high bit of each byte → eight bits in a row.
fn gather(highs: u64) -> u64 {
    (highs >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

pub(super) fn pick(from: u64, mut which: u64) -> u64 {
    let (mut picked, mut at) = (0, 0);
    while which != 0 {
        picked |= (from >> which.trailing_zeros() & 1) << at;
        which &= which - 1;
        at += 1;
    }
    picked
}

pub(super) fn nth(mut of: u64, n: u32) -> u32 {
    for _ in 0..n {
        of &= of.wrapping_sub(1);
    }
    of.trailing_zeros()
}

pub(super) fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
