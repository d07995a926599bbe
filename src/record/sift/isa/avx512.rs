//! Sixty-four bytes at once, and eight masks at once.

use super::{BLOCK, Carry, GROUP, Marks, Shape, Window, Work, block, plain};
use std::arch::x86_64::*;
use std::marker::PhantomData;

/// Whether the machine has what is needed beside that of [`super::avx2`]; Ice Lake and Zen 4 are the first that do.
pub(super) fn is_here() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("avx512vpopcntdq")
        && is_x86_feature_detected!("gfni")
        && is_x86_feature_detected!("vpclmulqdq")
}

#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vbmi,avx512vbmi2,avx512vpopcntdq,gfni,vpclmulqdq,pclmulqdq,popcnt,bmi1,bmi2"
)]
pub(super) fn run<W: Work>(work: W) -> W::Out {
    // As a constant it would be made anew for each group, by an instruction that waits for what stood in its register before:
    // no group could be begun before the last one is done.
    let ones = _mm512_set1_epi64(std::hint::black_box(-1));
    work.run(
        |bytes, marks, _| look::<W>(bytes, marks),
        |marks, carry| settle::<W>(marks, carry, ones),
        |marks| ends(marks),
        |from, which| _pext_u64(from, which),
        |of, n| _pdep_u64(1 << n, of).trailing_zeros(),
    )
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn splat(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte.cast_signed())
}

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

#[inline]
#[target_feature(enable = "avx512f")]
fn load(of: &[u8; 64]) -> __m512i {
    // SAFETY: there are 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(of.as_ptr().cast()) }
}

/// Masks are not made one by one, since a comparison's result is slow to come out of its register: a table gives what each
/// byte is, as bits, and the bits of eight bytes are turned so that those of one kind stand side by side.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,gfni")]
fn look<W: Work>(bytes: &Window, marks: &mut Marks) {
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

/// See [`plain::settle`]: where something of this shape stands.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi2")]
fn shaped(shape: Shape, [quote, letter]: [__m512i; 2], [quote_before, letter_before]: [__m512i; 2]) -> __m512i {
    let (quote_before, letter_before) =
        (_mm512_alignr_epi64::<7>(quote, quote_before), _mm512_alignr_epi64::<7>(letter, letter_before));
    let later = |here, before, by: u8| _mm512_shldv_epi64(here, before, _mm512_set1_epi64(by.into()));
    let quote = later(quote, quote_before, shape.reach());
    shape.at.iter().fold(_mm512_setzero_si512(), |all, way| {
        let one = way
            .iter()
            .fold(quote, |so_far, at| _mm512_and_si512(so_far, later(letter, letter_before, shape.reach() - at)));
        _mm512_or_si512(all, one)
    })
}

/// See [`plain::inspect`]; most blocks have no backslash.
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
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi2,avx512vpopcntdq,vpclmulqdq")]
fn settle<W: Work>(marks: &mut Marks, carry: &mut Carry, ones: __m512i) {
    let (mut quote, letter) = (eight(&marks.quote), eight(&marks.letter));
    let found = shaped(W::SHAPE, [quote, letter], [eight(&carry.quote), eight(&carry.letter)]);
    put(&mut carry.quote, quote);
    put(&mut carry.letter, letter);
    put(&mut marks.found, found);
    marks.is_found = _mm512_test_epi64_mask(found, found) != 0;
    if marks.escapes || carry.escape != 0 {
        quote = _mm512_andnot_si512(eight(&escaped(marks, carry)), quote);
        put(&mut marks.quote, quote);
    }
    let inside = inside(quote, carry, ones);
    let (open, close) = (eight(&marks.open), eight(&marks.close));
    let (open, close) = (_mm512_andnot_si512(inside, open), _mm512_andnot_si512(inside, close));
    put(&mut marks.open, open);
    put(&mut marks.close, close);
    weigh(marks, carry, [open, close]);
}

/// The bytes whose meaning a backslash takes.
#[cold]
fn escaped(marks: &Marks, carry: &mut Carry) -> [u64; GROUP] {
    std::array::from_fn(|at| plain::escaped(if marks.escapes { marks.backslash[at] } else { 0 }, &mut carry.escape))
}

/// What stands in strings, by the quotation marks that count.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,vpclmulqdq")]
fn inside(quote: __m512i, carry: &mut Carry, ones: __m512i) -> __m512i {
    // A carry-less product with all ones is the running exclusive or; of every second mask at once.
    let (even, odd) = (_mm512_clmulepi64_epi128::<0>(quote, ones), _mm512_clmulepi64_epi128::<1>(quote, ones));
    let inside = _mm512_unpacklo_epi64(even, odd);
    let parity = PARITY[usize::from(_mm512_movepi64_mask(inside))];
    let begins_inside = parity << 1 ^ carry.string as u8;
    carry.string ^= i64::from(parity.cast_signed() >> 7).cast_unsigned();
    _mm512_mask_xor_epi64(inside, begins_inside, inside, ones)
}

/// Adds the blocks' brackets to those that are open.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vpopcntdq")]
fn weigh(marks: &mut Marks, carry: &mut Carry, [open, close]: [__m512i; 2]) {
    let none = _mm512_setzero_si512();
    let opens = _mm512_popcnt_epi64(open);
    let own = _mm512_sub_epi64(opens, _mm512_popcnt_epi64(close));
    // Running sums of eight.
    let mut sum = _mm512_add_epi64(own, _mm512_alignr_epi64::<7>(own, none));
    sum = _mm512_add_epi64(sum, _mm512_alignr_epi64::<6>(sum, none));
    sum = _mm512_add_epi64(sum, _mm512_alignr_epi64::<4>(sum, none));
    let low = _mm512_add_epi64(_mm512_set1_epi64(carry.depth), _mm512_sub_epi64(sum, opens));
    carry.depth += _mm_cvtsi128_si64(_mm512_castsi512_si128(_mm512_alignr_epi64::<7>(sum, sum)));
    // SAFETY: there is room for eight, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(marks.low.as_mut_ptr().cast(), low) };
}

/// See [`Work::run`].
#[inline]
#[target_feature(enable = "avx512f")]
fn ends(marks: &Marks) -> u8 {
    // SAFETY: there are eight, and the load needs no alignment.
    let low = unsafe { _mm512_loadu_si512(marks.low.as_ptr().cast()) };
    _mm512_cmple_epi64_mask(low, _mm512_setzero_si512())
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
