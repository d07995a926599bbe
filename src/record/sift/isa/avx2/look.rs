//! Bytes → masks: which of them are what. A movement from a vector to an ordinary register is what costs most here, so
//! that letters of a key that are seldom where they matter are looked for without any.

use super::super::{BEFORE, BLOCK, GROUP, Marks, Window, Work, plain};
use super::{HALF, bits, load, splat};
use std::arch::x86_64::*;

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn look<W: Work>(bytes: &Window, marks: &mut Marks) -> bool {
    let mut seen = [_mm256_setzero_si256(); 2];
    // Four at a time: a loop over single halves takes a tenth longer.
    for at in (0..2 * GROUP).step_by(4) {
        for at in [at, at + 1, at + 2, at + 3] {
            let here = look_at::<W>(bytes, marks, at);
            seen = [0, 1].map(|what| _mm256_or_si256(seen[what], here[what]));
        }
    }
    let [has_backslash, has_seldom] = seen.map(|seen| bits(seen) != 0);
    if W::SHAPE.seldom.is_some() {
        marks.is_found = false;
        if has_seldom {
            find_here::<W>(bytes, marks);
        }
    }
    marks.escapes = has_backslash;
    has_backslash && inspect(bytes, marks)
}

/// A half of a block; tells where backslashes are, and what seldom stands anywhere but in the key.
#[inline]
#[target_feature(enable = "avx2")]
fn look_at<W: Work>(bytes: &Window, marks: &mut Marks, at: usize) -> [__m256i; 2] {
    let place = BEFORE + at * HALF;
    let here = half(bytes, place);
    let lower = |half| _mm256_or_si256(half, splat(0x20));
    put_half(&mut marks.quote, at, _mm256_cmpeq_epi8(here, splat(b'"')));
    put_half(&mut marks.open, at, _mm256_cmpeq_epi8(lower(here), splat(b'{')));
    put_half(&mut marks.close, at, _mm256_cmpeq_epi8(lower(here), splat(b'}')));
    let seldom = match W::SHAPE.seldom {
        Some(before) => _mm256_and_si256(letters::<W>(here), letters::<W>(half(bytes, place - usize::from(before)))),
        None => {
            if !W::SHAPE.letters.is_empty() {
                put_half(&mut marks.letter, at, letters::<W>(here));
            }
            _mm256_setzero_si256()
        }
    };
    [_mm256_cmpeq_epi8(here, splat(b'\\')), seldom]
}

/// Where a shape's letters stand.
#[inline]
#[target_feature(enable = "avx2")]
fn letters<W: Work>(half: __m256i) -> __m256i {
    let lower = _mm256_or_si256(half, splat(0x20));
    let each = W::SHAPE.letters.iter().map(|letter| _mm256_cmpeq_epi8(lower, splat(*letter)));
    each.reduce(|all, own| _mm256_or_si256(all, own)).unwrap_or(_mm256_setzero_si256())
}

/// Looks for a key that may be in this group.
#[inline(never)]
#[target_feature(enable = "avx2")]
fn find_here<W: Work>(bytes: &Window, marks: &mut Marks) {
    for at in 0..2 * GROUP {
        put_half(&mut marks.letter, at, letters::<W>(half(bytes, BEFORE + at * HALF)));
    }
    let first = half(bytes, 0);
    let last = |is| u64::from(bits(is)) << (BLOCK - BEFORE);
    let before = [last(_mm256_cmpeq_epi8(first, splat(b'"'))), last(letters::<W>(first))];
    plain::find(marks, before, W::SHAPE);
}

/// Sets a half of a mask. They are put together by the memory: that is nearer than a register.
#[inline]
#[target_feature(enable = "avx2")]
fn put_half(masks: &mut [u64; GROUP], half: usize, is: __m256i) {
    assert!(half < 2 * GROUP);
    // SAFETY: eight masks are sixteen halves, on this architecture the lower one first.
    unsafe { masks.as_mut_ptr().cast::<u32>().add(half).write(bits(is)) };
}

/// See [`plain::inspect`]; most blocks have no backslash.
#[inline(never)]
#[target_feature(enable = "avx2")]
fn inspect(bytes: &Window, marks: &mut Marks) -> bool {
    plain::inspect(bytes, marks, |block, _, byte| equal(block, byte))
}

/// The half of a block that begins so many bytes behind the first one that is looked at.
#[inline]
#[target_feature(enable = "avx2")]
fn half(bytes: &Window, at: usize) -> __m256i {
    load(bytes[at..].first_chunk().unwrap_or(&[0; HALF]))
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
    let half = |at: usize| {
        let raw = load(block[at..].first_chunk().unwrap_or(&[0; HALF]));
        u64::from(bits(_mm256_cmpeq_epi8(raw, splat(byte))))
    };
    half(0) | half(HALF) << HALF
}
