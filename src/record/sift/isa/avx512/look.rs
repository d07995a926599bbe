//! Bytes → masks: which of them are what.

use super::super::{BLOCK, GROUP, Marks, Shape, Window, Work, block};
use super::put;
use std::arch::x86_64::*;
use std::marker::PhantomData;

/// What a byte is, a bit each; the first four become masks.
const QUOTE: u8 = 1;
const OPEN: u8 = 2;
const CLOSE: u8 = 4;
const LETTER: u8 = 8;
const BACKSLASH: u8 = 16;

/// What each byte below 128 is; the last one stands for those above, too.
const fn classes(shape: Shape) -> [u8; 128] {
    let mut table = [0; 128];
    table[b'"' as usize] = QUOTE;
    (table[b'{' as usize], table[b'[' as usize]) = (OPEN, OPEN);
    (table[b'}' as usize], table[b']' as usize]) = (CLOSE, CLOSE);
    table[b'\\' as usize] = BACKSLASH;
    let mut at = 0;
    while at < shape.letters.len() {
        table[shape.letters[at].to_ascii_lowercase() as usize] = LETTER;
        table[shape.letters[at].to_ascii_uppercase() as usize] = LETTER;
        at += 1;
    }
    table
}

struct Tables<W>(PhantomData<W>);

impl<W: Work> Tables<W> {
    const CLASSES: &[u8; 128] = &classes(W::SHAPE);
}

/// Of two blocks' bits, eight by eight: the first four planes of the one beside those of the other.
static PAIR: [u8; 64] = {
    let (mut from, mut at) = ([0; 64], 0);
    while at < 64 {
        let (plane, block, part) = (at / 16, at / 8 % 2, at % 8);
        from[at] = (64 * block + 8 * part + plane) as u8;
        at += 1;
    }
    from
};

/// Masks are not made one by one, since a comparison's result is slow to come out of its register: a table gives what each
/// byte is, as bits, and the bits of eight bytes are turned so that those of one kind stand side by side.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni")]
pub(super) fn look<W: Work>(bytes: &Window, marks: &mut Marks) {
    let (low, high) = Tables::<W>::CLASSES.split_at(BLOCK);
    let [low, high] = [low, high].map(|half| load(half.first_chunk().unwrap_or(&[0; BLOCK])));
    let (each_bit, backwards, pair) = (_mm512_set1_epi64(EACH_BIT), _mm512_set1_epi64(BACKWARDS), load(&PAIR));
    let mut all = _mm512_setzero_si512();
    let mut turned = |at: usize| {
        let raw = _mm512_min_epu8(load(block(bytes, at * BLOCK)), splat(127));
        let is = _mm512_permutex2var_epi8(low, raw, high);
        all = _mm512_or_si512(all, is);
        _mm512_gf2p8affine_epi64_epi8::<0>(each_bit, is)
    };
    let two: [__m512i; 4] = std::array::from_fn(|at| {
        let (one, other) = (turned(2 * at), turned(2 * at + 1));
        let planes = _mm512_permutex2var_epi8(one, pair, other);
        _mm512_gf2p8affine_epi64_epi8::<0>(planes, backwards)
    });
    // Four times two masks of four planes each → four times eight masks of one plane.
    let [first, last] = [(two[0], two[1]), (two[2], two[3])]
        .map(|(one, other)| (_mm512_shuffle_i64x2::<0x44>(one, other), _mm512_shuffle_i64x2::<0xee>(one, other)));
    let [quote, open] = [_mm512_shuffle_i64x2::<0x88>(first.0, last.0), _mm512_shuffle_i64x2::<0xdd>(first.0, last.0)];
    let [close, letter] =
        [_mm512_shuffle_i64x2::<0x88>(first.1, last.1), _mm512_shuffle_i64x2::<0xdd>(first.1, last.1)];
    put(&mut marks.quote, quote);
    put(&mut marks.open, open);
    put(&mut marks.close, close);
    put(&mut marks.letter, letter);
    (marks.escapes, marks.unicode) = (_mm512_test_epi8_mask(all, splat(BACKSLASH)) != 0, false);
    if marks.escapes {
        inspect(bytes, marks);
    }
}

/// Eight bytes with a bit each: of eight bytes times these come all first bits, all second bits, and so on; the last byte's first.
const EACH_BIT: i64 = 0x8040_2010_0804_0201_u64.cast_signed();

/// What turns the bits of a byte around.
const BACKWARDS: i64 = EACH_BIT;

/// Looks for backslashes, and which of them stand before a `u`; most blocks have no backslash.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw")]
fn inspect(bytes: &Window, marks: &mut Marks) {
    let mut before_u = 0;
    for at in 0..GROUP {
        let (raw, next) = (load(block(bytes, at * BLOCK)), load(block(bytes, at * BLOCK + 1)));
        marks.backslash[at] = _mm512_cmpeq_epi8_mask(raw, splat(b'\\'));
        before_u |= _mm512_mask_cmpeq_epi8_mask(marks.backslash[at], next, splat(b'u'));
    }
    marks.unicode = before_u != 0;
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn splat(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(of: &[u8; 64]) -> __m512i {
    // SAFETY: there are 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(of.as_ptr().cast()) }
}
