//! Sixty-four bytes → which of them are what, one bit a byte, on the widest instructions that the machine has.
//!
//! This is the one place of the crate with `unsafe`: loads of whole blocks, and calls of functions that need instructions
//! whose presence was tested.
#![allow(unsafe_code, reason = "vector loads and the call behind a tested CPU feature have no safe form")]

use std::sync::OnceLock;

/// Bytes looked at together.
pub(super) const BLOCK: usize = 64;

/// Which bytes of a block are what; bit 0 is the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Masks {
    pub(super) quote: u64,
    pub(super) backslash: u64,
    /// `{` or `[`.
    pub(super) open: u64,
    /// `}` or `]`.
    pub(super) close: u64,
    /// `r` or `R`.
    pub(super) r: u64,
    /// `_` (or DEL, which no JSON text needs).
    pub(super) underscore: u64,
    /// `t` or `T`.
    pub(super) t: u64,
    /// `n` or `N`.
    pub(super) n: u64,
}

/// Work over blocks, compiled once for each instruction set.
pub(super) trait Work {
    type Out;
    /// `masks` looks at a block; `parity` gives for each bit whether the number of bits up to it, itself included, is odd;
    /// `pick(from, which)` puts the bits of `from` that `which` names side by side, from the lowest.
    fn run(
        self,
        masks: impl Fn(&[u8; BLOCK]) -> Masks,
        parity: impl Fn(u64) -> u64,
        pick: impl Fn(u64, u64) -> u64,
    ) -> Self::Out;
}

/// An instruction set that this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Isa {
    /// All that this machine can run, the fastest first; the last one is portable.
    pub fn available() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let clmul = is_x86_feature_detected!("pclmulqdq") && is_x86_feature_detected!("popcnt");
            let bits = is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2");
            if clmul && bits && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512f") {
                all.push(Self(Kind::Avx512));
            }
            if clmul && bits && is_x86_feature_detected!("avx2") {
                all.push(Self(Kind::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            all.push(Self(Kind::Neon));
        }
        all.push(Self(Kind::Portable));
        all
    }

    /// The fastest that this machine can run.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().first().copied().unwrap_or(Self(Kind::Portable)))
    }

    pub(super) fn run<W: Work>(self, work: W) -> W::Out {
        match self.0 {
            // SAFETY: such a value is only made where the features were found.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { x86::avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { x86::avx2(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { arm::neon(work) },
            Kind::Portable => work.run(portable::masks, portable::parity, portable::pick),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, Masks, Work};
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx512f,avx512bw,pclmulqdq,popcnt,bmi1,bmi2")]
    pub(super) fn avx512<W: Work>(work: W) -> W::Out {
        let is = |byte: u8| _mm512_set1_epi8(byte as i8);
        let (quote, backslash, low_case) = (is(b'"'), is(b'\\'), is(0x20));
        let (open, close, r, under) = (is(b'{'), is(b'}'), is(b'r'), is(0x7f));
        let (t, n) = (is(b't'), is(b'n'));
        work.run(
            |block: &[u8; BLOCK]| {
                // SAFETY: the block has 64 bytes, and the load needs no alignment.
                let raw = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
                let low = _mm512_or_si512(raw, low_case);
                Masks {
                    quote: _mm512_cmpeq_epi8_mask(raw, quote),
                    backslash: _mm512_cmpeq_epi8_mask(raw, backslash),
                    open: _mm512_cmpeq_epi8_mask(low, open),
                    close: _mm512_cmpeq_epi8_mask(low, close),
                    r: _mm512_cmpeq_epi8_mask(low, r),
                    underscore: _mm512_cmpeq_epi8_mask(low, under),
                    t: _mm512_cmpeq_epi8_mask(low, t),
                    n: _mm512_cmpeq_epi8_mask(low, n),
                }
            },
            |bits| parity(bits),
            |from, which| _pext_u64(from, which),
        )
    }

    #[target_feature(enable = "avx2,pclmulqdq,popcnt,bmi1,bmi2")]
    pub(super) fn avx2<W: Work>(work: W) -> W::Out {
        let is = |byte: u8| _mm256_set1_epi8(byte as i8);
        let (quote, backslash, low_case) = (is(b'"'), is(b'\\'), is(0x20));
        let (open, close, r, under) = (is(b'{'), is(b'}'), is(b'r'), is(0x7f));
        let (t, n) = (is(b't'), is(b'n'));
        let bits = |mask: __m256i| u64::from(_mm256_movemask_epi8(mask).cast_unsigned());
        work.run(
            |block: &[u8; BLOCK]| {
                // SAFETY: the block has 64 bytes, two times 32, and the loads need no alignment.
                let (one, two) = unsafe {
                    (_mm256_loadu_si256(block.as_ptr().cast()), _mm256_loadu_si256(block.as_ptr().add(32).cast()))
                };
                let (low_one, low_two) = (_mm256_or_si256(one, low_case), _mm256_or_si256(two, low_case));
                let raw = |what| bits(_mm256_cmpeq_epi8(one, what)) | bits(_mm256_cmpeq_epi8(two, what)) << 32;
                let low = |what| bits(_mm256_cmpeq_epi8(low_one, what)) | bits(_mm256_cmpeq_epi8(low_two, what)) << 32;
                Masks {
                    quote: raw(quote),
                    backslash: raw(backslash),
                    open: low(open),
                    close: low(close),
                    r: low(r),
                    underscore: low(under),
                    t: low(t),
                    n: low(n),
                }
            },
            |bits| parity(bits),
            |from, which| _pext_u64(from, which),
        )
    }

    /// A carry-less product with all ones is the running exclusive or.
    #[target_feature(enable = "pclmulqdq")]
    fn parity(bits: u64) -> u64 {
        let product = _mm_clmulepi64_si128(_mm_set_epi64x(0, bits.cast_signed()), _mm_set1_epi8(-1), 0);
        _mm_cvtsi128_si64(product).cast_unsigned()
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::{BLOCK, Masks, Work, portable};
    use std::arch::aarch64::*;

    #[target_feature(enable = "neon")]
    pub(super) fn neon<W: Work>(work: W) -> W::Out {
        // SAFETY: the array has 16 bytes.
        let weights = unsafe { vld1q_u8([1_u8, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128].as_ptr()) };
        // Four times sixteen yes or no → 64 bits, by three rounds of adding neighbours.
        let bits = |a, b, c, d| {
            let weigh = |mask| vandq_u8(mask, weights);
            let ab = vpaddq_u8(weigh(a), weigh(b));
            let cd = vpaddq_u8(weigh(c), weigh(d));
            let all = vpaddq_u8(ab, cd);
            vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(all, all)))
        };
        work.run(
            |block: &[u8; BLOCK]| {
                let at = block.as_ptr();
                // SAFETY: the block has 64 bytes, four times 16.
                let raw = unsafe { [vld1q_u8(at), vld1q_u8(at.add(16)), vld1q_u8(at.add(32)), vld1q_u8(at.add(48))] };
                let low = raw.map(|part| vorrq_u8(part, vdupq_n_u8(0x20)));
                let equal = |parts: [uint8x16_t; 4], byte: u8| {
                    let what = vdupq_n_u8(byte);
                    let [a, b, c, d] = parts.map(|part| vceqq_u8(part, what));
                    bits(a, b, c, d)
                };
                Masks {
                    quote: equal(raw, b'"'),
                    backslash: equal(raw, b'\\'),
                    open: equal(low, b'{'),
                    close: equal(low, b'}'),
                    r: equal(low, b'r'),
                    underscore: equal(low, 0x7f),
                    t: equal(low, b't'),
                    n: equal(low, b'n'),
                }
            },
            portable::parity,
            portable::pick,
        )
    }
}

/// Eight bytes at once in an ordinary register.
mod portable {
    use super::{BLOCK, Masks};

    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;

    pub(super) fn masks(block: &[u8; BLOCK]) -> Masks {
        let mut all = Masks::default();
        for (at, part) in block.as_chunks::<8>().0.iter().enumerate() {
            let raw = u64::from_le_bytes(*part);
            let low = raw | ONES << 5;
            let put = |mask: &mut u64, bits: u64| *mask |= bits << (8 * at);
            put(&mut all.quote, equal(raw, b'"'));
            put(&mut all.backslash, equal(raw, b'\\'));
            put(&mut all.open, equal(low, b'{'));
            put(&mut all.close, equal(low, b'}'));
            put(&mut all.r, equal(low, b'r'));
            put(&mut all.underscore, equal(low, 0x7f));
            put(&mut all.t, equal(low, b't'));
            put(&mut all.n, equal(low, b'n'));
        }
        all
    }

    /// Which of eight bytes are this one.
    fn equal(word: u64, byte: u8) -> u64 {
        let differs = word ^ (ONES * u64::from(byte));
        // The high bit of each byte that is not zero; no carry leaves a byte.
        let nonzero = ((differs & !HIGHS) + !HIGHS) | differs;
        gather(!nonzero & HIGHS)
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

    pub(super) fn parity(mut bits: u64) -> u64 {
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Look<'a>(&'a [u8; BLOCK]);
    impl Work for Look<'_> {
        type Out = (Masks, u64, u64);
        fn run(
            self,
            masks: impl Fn(&[u8; BLOCK]) -> Masks,
            parity: impl Fn(u64) -> u64,
            pick: impl Fn(u64, u64) -> u64,
        ) -> Self::Out {
            let seen = masks(self.0);
            (seen, parity(seen.quote), pick(seen.close, seen.open | seen.close))
        }
    }

    /// Byte by byte, as the masks are meant.
    fn plainly(block: &[u8; BLOCK]) -> (Masks, u64, u64) {
        let bits = |is: &dyn Fn(u8) -> bool| {
            block.iter().enumerate().fold(0, |bits, (at, byte)| bits | u64::from(is(*byte)) << at)
        };
        let mut odd = false;
        let parity = block.iter().enumerate().fold(0, |bits, (at, byte)| {
            odd ^= *byte == b'"';
            bits | u64::from(odd) << at
        });
        let masks = Masks {
            quote: bits(&|byte| byte == b'"'),
            backslash: bits(&|byte| byte == b'\\'),
            open: bits(&|byte| matches!(byte, b'{' | b'[')),
            close: bits(&|byte| matches!(byte, b'}' | b']')),
            r: bits(&|byte| matches!(byte, b'r' | b'R')),
            underscore: bits(&|byte| matches!(byte, b'_' | 0x7f)),
            t: bits(&|byte| matches!(byte, b't' | b'T')),
            n: bits(&|byte| matches!(byte, b'n' | b'N')),
        };
        let brackets = block.iter().filter(|byte| matches!(byte, b'{' | b'[' | b'}' | b']'));
        let picked =
            brackets.enumerate().fold(0, |bits, (at, byte)| bits | u64::from(matches!(byte, b'}' | b']')) << at);
        (masks, parity, picked)
    }

    proptest! {
        #[test]
        fn all_see_the_same(bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\"\\{}[]orctnORCTN_\x7f\xff\x02\x03".to_vec())], BLOCK)) {
            let block: [u8; BLOCK] = bytes.try_into().unwrap();
            for isa in Isa::available() {
                prop_assert_eq!(isa.run(Look(&block)), plainly(&block), "{:?}", isa);
            }
        }
    }
}
