//! Sixty-four bytes at once, and eight masks at once.

use super::{AHEAD, BLOCK, Carry, GROUP, Marks, Window, Work, plain};
use std::arch::x86_64::*;
use std::marker::PhantomData;

/// Whether the machine has what is needed beside that of [`super::avx2`]; Ice Lake and Zen 4 are the first that do.
pub(super) fn is_here() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vpopcntdq")
        && is_x86_feature_detected!("vpclmulqdq")
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi,avx512vpopcntdq,vpclmulqdq,pclmulqdq,popcnt,bmi1,bmi2")]
pub(super) fn run<W: Work>(work: W) -> W::Out {
    let equal = |block: &[u8; BLOCK], set: u8, byte: u8| {
        // SAFETY: the block has 64 bytes, and the load needs no alignment.
        let raw = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        _mm512_cmpeq_epi8_mask(_mm512_or_si512(raw, splat(set)), splat(byte))
    };
    work.run(
        |bytes, marks| look::<W>(bytes, marks),
        |marks, carry| strip::<W>(marks, carry),
        |marks, depth| weigh::<W>(marks, depth),
        |bytes| plain::words(bytes, W::LETTERS, equal),
        |from, which| _pext_u64(from, which),
        |of, n| _pdep_u64(1 << n, of).trailing_zeros(),
    )
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn splat(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte.cast_signed())
}

/// What [`look`] adds up over a group, for what stands rarely and needs no place: a bit where a byte is (for the first
/// byte) or may follow (for the two behind it) what is looked for. Bytes from 128 on share the bits of those 128 below.
const WORD: u8 = 1;
const BACKSLASH: u8 = 2;

/// A table in which the letters, in either case, are those of a word, and all bytes or one are backslashes.
const fn table(letters: &[u8], all: bool) -> [u8; 128] {
    let mut table = [if all { BACKSLASH } else { 0 }; 128];
    let mut at = 0;
    while at < letters.len() {
        table[letters[at].to_ascii_lowercase() as usize] |= WORD;
        table[letters[at].to_ascii_uppercase() as usize] |= WORD;
        at += 1;
    }
    table[b'\\' as usize] |= BACKSLASH;
    table
}

struct Tables<W>(PhantomData<W>);

impl<W: Work> Tables<W> {
    const FIRST: &[u8; 128] = &table(&[W::LETTERS.first], false);
    const SECOND: &[u8; 128] = &table(&[W::LETTERS.second, b'_'], true);
    const THIRD: &[u8; 128] = &table(&[W::LETTERS.third, W::LETTERS.second, b'_'], true);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn halves(table: &[u8; 128]) -> [__m512i; 2] {
    // SAFETY: the table has 128 bytes, two times 64, and the loads need no alignment.
    unsafe { [_mm512_loadu_si512(table.as_ptr().cast()), _mm512_loadu_si512(table.as_ptr().add(64).cast())] }
}

/// A block, and the same one and two bytes later.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &Window, block: usize) -> [__m512i; 3] {
    let all: &[u8; BLOCK + AHEAD] = bytes[block * BLOCK..].first_chunk().unwrap_or(&[0; BLOCK + AHEAD]);
    // SAFETY: there are 66 bytes, three times 64 that overlap, and the loads need no alignment.
    [0, 1, 2].map(|later| unsafe { _mm512_loadu_si512(all.as_ptr().add(later).cast()) })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn look<W: Work>(bytes: &Window, marks: &mut Marks) {
    let ([first, first_more], [second, second_more], [third, third_more]) =
        (halves(Tables::<W>::FIRST), halves(Tables::<W>::SECOND), halves(Tables::<W>::THIRD));
    let mut met = _mm512_setzero_si512();
    for at in 0..GROUP {
        let [raw, next, behind] = load(bytes, at);
        let low = _mm512_or_si512(raw, splat(0x20));
        marks.quote[at] = _mm512_cmpeq_epi8_mask(raw, splat(b'"'));
        marks.open[at] = _mm512_cmpeq_epi8_mask(low, splat(b'{'));
        marks.close[at] = _mm512_cmpeq_epi8_mask(low, splat(b'}'));
        let is = _mm512_permutex2var_epi8(first, raw, first_more);
        let may_follow = _mm512_permutex2var_epi8(second, next, second_more);
        let and_then = _mm512_permutex2var_epi8(third, behind, third_more);
        // met | is & may_follow & and_then
        met = _mm512_ternarylogic_epi64::<0xf8>(met, _mm512_and_si512(is, may_follow), and_then);
    }
    marks.words = _mm512_test_epi8_mask(met, splat(WORD)) != 0;
    (marks.escapes, marks.unicode) = (_mm512_test_epi8_mask(met, splat(BACKSLASH)) != 0, false);
    if marks.escapes {
        look_at_escapes(bytes, marks);
    }
}

/// What [`look`] leaves out: most blocks have no backslash.
#[target_feature(enable = "avx512f,avx512bw")]
fn look_at_escapes(bytes: &Window, marks: &mut Marks) {
    let (mut all, mut before_u) = (0, 0);
    for at in 0..GROUP {
        let [raw, next, _] = load(bytes, at);
        marks.backslash[at] = _mm512_cmpeq_epi8_mask(raw, splat(b'\\'));
        all |= marks.backslash[at];
        before_u |= _mm512_mask_cmpeq_epi8_mask(marks.backslash[at], next, splat(b'u'));
    }
    (marks.escapes, marks.unicode) = (all != 0, before_u != 0);
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

/// One of its own for each sort of work: what has but one caller becomes part of it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,vpclmulqdq")]
fn strip<W: Work>(marks: &mut Marks, carry: &mut Carry) {
    let ones = _mm512_set1_epi64(-1);
    if marks.escapes || carry.escape != 0 {
        plain::take_escaped(marks, carry);
    }
    // A carry-less product with all ones is the running exclusive or; of every second mask at once.
    let quote = eight(&marks.quote);
    let (even, odd) = (_mm512_clmulepi64_epi128::<0>(quote, ones), _mm512_clmulepi64_epi128::<1>(quote, ones));
    let inside = _mm512_unpacklo_epi64(even, odd);
    let parity = PARITY[usize::from(_mm512_movepi64_mask(inside))];
    let begins_inside = parity << 1 ^ carry.string as u8;
    carry.string ^= i64::from(parity.cast_signed() >> 7).cast_unsigned();
    let inside = _mm512_mask_xor_epi64(inside, begins_inside, inside, ones);
    let (open, close) = (eight(&marks.open), eight(&marks.close));
    put(&mut marks.open, _mm512_andnot_si512(inside, open));
    put(&mut marks.close, _mm512_andnot_si512(inside, close));
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vpopcntdq")]
fn weigh<W: Work>(marks: &mut Marks, depth: &mut i64) -> u8 {
    let none = _mm512_setzero_si512();
    let (open, close) = (eight(&marks.open), eight(&marks.close));
    let closes = _mm512_popcnt_epi64(close);
    let own = _mm512_sub_epi64(_mm512_popcnt_epi64(open), closes);
    // Running sums of eight.
    let mut sum = _mm512_add_epi64(own, _mm512_alignr_epi64::<7>(own, none));
    sum = _mm512_add_epi64(sum, _mm512_alignr_epi64::<6>(sum, none));
    sum = _mm512_add_epi64(sum, _mm512_alignr_epi64::<4>(sum, none));
    let level = _mm512_add_epi64(_mm512_set1_epi64(*depth), _mm512_sub_epi64(sum, own));
    *depth += _mm_cvtsi128_si64(_mm512_castsi512_si128(_mm512_alignr_epi64::<7>(sum, sum)));
    put(&mut marks.level, level);
    _mm512_mask_cmple_epi64_mask(_mm512_test_epi64_mask(close, close), level, closes)
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
