//! Held against flate2, which is another program by other people.

use super::*;
use flate2::{Compression, read::DeflateDecoder, write::GzEncoder};
use proptest::prelude::*;
use std::io::{Read, Write};

/// What is packed, unpacked by flate2, which tells of DEFLATE alone.
fn inflated(packed: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    DeflateDecoder::new(packed).read_to_end(&mut plain).ok().map(|_| plain)
}

/// Each in turn, with something behind it that is not its own.
fn unpack(raws: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
    let behind: Vec<u8> = (0..BEHIND).map(|at| (at * 37 + 11) as u8).collect();
    let raws: Vec<Vec<u8>> = raws.iter().map(|raw| [raw, behind.as_slice()].concat()).collect();
    let mut plains: Vec<Vec<u8>> = raws.iter().map(|raw| vec![0xaa; Pair::room(raw).unwrap_or(0)]).collect();
    let mut mades = vec![Some(1); raws.len()];
    let members = raws.iter().zip(&mut plains).zip(&mut mades);
    Pair::anywhere().unpack(members.map(|((raw, plain), made)| Member { raw, plain, made }));
    mades.into_iter().zip(plains).map(|(made, plain)| made.map(|made| plain[..made].to_vec())).collect()
}

/// A gzip file of what was packed.
fn framed(packed: &[u8], plain: &[u8]) -> Vec<u8> {
    let head = [0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 0, 3];
    [&head, packed, &checksum(plain).to_le_bytes(), &(plain.len() as u32).to_le_bytes()].concat()
}

/// It is unpacked to what flate2 makes of it, by itself and beside another.
#[track_caller]
fn check(packed: &[u8]) {
    let plain = inflated(packed).expect("flate2 unpacks it");
    let raw = framed(packed, &plain);
    let other = gzip(&log(40), 6);
    let all = unpack(&[raw.clone(), other, raw.clone()]);
    assert!(all[0].as_ref() == Some(&plain) && all[2] == all[0] && all[1] == Some(log(40)));
    assert!(unpack(&[raw]) == [Some(plain)]);
}

fn gzip(plain: &[u8], level: u32) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::new(level));
    out.write_all(plain).unwrap();
    out.finish().unwrap()
}

/// Something like a log.
fn log(records: usize) -> Vec<u8> {
    let each = |at: usize| {
        let id = checksum(&at.to_le_bytes());
        format!(r#"{{"eventVersion":"1.08","eventID":"{id:08x}-{:08x}","eventName":"Get{}"}},"#, !id, id % 97)
    };
    (0..records).map(each).collect::<String>().into_bytes()
}

/// Writes bits, the first one lowest.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, bits: u32) {
        self.0.extend((0..bits).map(|bit| value >> bit & 1 == 1));
    }

    /// A code, whose first bit is its highest.
    fn code(&mut self, (code, bits): (u32, u32)) {
        self.0.extend((0..bits).rev().map(|bit| code >> bit & 1 == 1));
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.chunks(8).map(|bits| bits.iter().rev().fold(0, |all, bit| all << 1 | u8::from(*bit))).collect()
    }
}

/// The codes that lengths make, as RFC 1951 says it.
fn codes(lengths: &[u8]) -> Vec<(u32, u32)> {
    let (mut code, mut all) = (0, vec![(0, 0); lengths.len()]);
    for length in 1..=15 {
        code <<= 1;
        for (symbol, _) in lengths.iter().enumerate().filter(|(_, own)| **own == length) {
            all[symbol] = (code, length.into());
            code += 1;
        }
    }
    all
}

/// What a block is made of.
#[derive(Debug, Clone, Copy)]
enum Token {
    Literal(u8),
    Copy { length: usize, apart: usize },
}

/// Symbol, what is added to it, and in how many bits; by the tables of RFC 1951, 3.2.5, as they stand there.
fn symbol(value: usize, bases: &[usize], first: usize) -> (usize, u32, u32) {
    let at = bases.iter().rposition(|base| *base <= value).unwrap();
    let next = bases.get(at + 1).copied().unwrap_or(bases[at] + 1);
    let bits = if first == 257 && at == 27 { 5 } else { (next - bases[at]).next_power_of_two().trailing_zeros() };
    (first + at, (value - bases[at]) as u32, bits)
}

const LENGTHS: [usize; 29] =
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const APART: [usize; 31] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577, 32769,
];

/// A block by these lengths of codes; every symbol that is needed must have one.
fn block(bits: &mut Bits, is_last: bool, tokens: &[Token], own: Option<(&[u8], &[u8])>) {
    bits.put(u32::from(is_last), 1);
    let (literals, distances) = match own {
        None => {
            bits.put(1, 2);
            let kind = |at| match at {
                144..256 => 9,
                256..280 => 7,
                _ => 8,
            };
            ((0..288).map(kind).collect::<Vec<u8>>(), vec![5; 32])
        }
        Some((literals, distances)) => {
            bits.put(2, 2);
            bits.put(literals.len() as u32 - 257, 5);
            bits.put(distances.len() as u32 - 1, 5);
            // Each length by four bits.
            bits.put(15, 4);
            (0..19).for_each(|at| bits.put(if at < 3 { 0 } else { 4 }, 3));
            literals.iter().chain(distances).for_each(|length| bits.code((u32::from(*length), 4)));
            (literals.to_vec(), distances.to_vec())
        }
    };
    let (literals, distances) = (codes(&literals), codes(&distances));
    for token in tokens {
        match token {
            Token::Literal(byte) => bits.code(literals[usize::from(*byte)]),
            Token::Copy { length, apart } => {
                let (own, more, count) = symbol(*length, &LENGTHS, 257);
                bits.code(literals[own]);
                bits.put(more, count);
                let (own, more, count) = symbol(*apart, &APART, 0);
                bits.code(distances[own]);
                bits.put(more, count);
            }
        }
    }
    bits.code(literals[256]);
}

fn packed(tokens: &[Token], own: Option<(&[u8], &[u8])>) -> Vec<u8> {
    let mut bits = Bits::default();
    block(&mut bits, true, tokens, own);
    bits.bytes()
}

#[test]
fn every_length_and_distance_is_copied() {
    let mut tokens: Vec<Token> = (0..300).map(|at| Token::Literal((at * 7 % 251) as u8)).collect();
    for apart in (1..70).chain([128, 257, 300]) {
        tokens.extend((3..=258).map(|length| Token::Copy { length, apart }));
    }
    for apart in
        APART.iter().flat_map(|base| [*base, base.saturating_sub(1)]).filter(|apart| (1..=32768).contains(apart))
    {
        tokens.extend([Token::Copy { length: 3, apart }, Token::Literal(b'x'), Token::Copy { length: 258, apart }]);
    }
    check(&packed(&tokens, None));
}

/// Lengths of a code without gaps, of these symbols of so many: some as long as can be.
fn lengths(symbols: Vec<usize>, of: usize, pick: impl Fn(usize, usize) -> usize) -> Vec<u8> {
    let mut leaves = vec![0_u8];
    for at in 1..symbols.len() {
        let open: Vec<usize> = (0..leaves.len()).filter(|leaf| leaves[*leaf] < 15).collect();
        // One in two goes down the deepest branch.
        let leaf = if at % 2 == 0 { open[pick(at, open.len())] } else { *open.last().unwrap() };
        leaves[leaf] += 1;
        let own = leaves[leaf];
        leaves.insert(leaf + 1, own);
    }
    let mut all = vec![0; of];
    for (symbol, leaf) in symbols.into_iter().zip(leaves) {
        all[symbol] = leaf.max(1);
    }
    all
}

fn tokens() -> impl Strategy<Value = Vec<Token>> {
    let literal = prop::sample::select(b"abcdefghijklmnop\"{}[],:0123456789".to_vec()).prop_map(Token::Literal);
    let copy = (3_usize..=258, 1_usize..400).prop_map(|(length, apart)| Token::Copy { length, apart });
    prop::collection::vec(prop_oneof![6 => literal, 1 => copy], 0..600).prop_map(|tokens| {
        let mut made = 0;
        let whole = tokens.into_iter().filter(|token| {
            let (needs, makes) = match token {
                Token::Literal(_) => (0, 1),
                Token::Copy { length, apart } => (*apart, *length),
            };
            let fits = needs <= made;
            made += if fits { makes } else { 0 };
            fits
        });
        whole.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn codes_of_every_shape_are_read(
        tokens in tokens(),
        shuffled in Just((0..286).collect::<Vec<usize>>()).prop_shuffle(),
        apart in Just((0..30).collect::<Vec<usize>>()).prop_shuffle(),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 64),
        times in prop::sample::select(vec![1, 1, 1, 60]),
    ) {
        // What is long is read by twos.
        let tokens = tokens.repeat(times);
        let pick = |at: usize, of| choices[at % choices.len()].index(of);
        check(&packed(&tokens, Some((&lengths(shuffled, 286, pick), &lengths(apart, 30, pick)))));
    }

    #[test]
    fn what_an_encoder_packs_is_unpacked(
        records in prop::collection::vec(prop_oneof![4 => 0_usize..400, 1 => 400_usize..3_000], 1..7),
        levels in prop::collection::vec(1_u32..=9, 7),
        noise in prop::collection::vec(prop::collection::vec(b' '..b'~', 0..300), 7),
    ) {
        let plains: Vec<Vec<u8>> = records.iter().zip(&noise).map(|(records, noise)| [log(*records), noise.clone()].concat()).collect();
        let raws: Vec<Vec<u8>> = plains.iter().zip(&levels).map(|(plain, level)| gzip(plain, *level)).collect();
        for (plain, unpacked) in plains.iter().zip(unpack(&raws)) {
            prop_assert!(unpacked.as_ref() == Some(plain));
        }
    }

    /// Each bit of it may be wrong, or its end be missing: then it is what flate2 makes of it, or nothing.
    #[test]
    fn what_is_damaged_is_nothing(
        tokens in tokens(),
        level in 1_u32..=9,
        at in any::<prop::sample::Index>(),
        bit in 0..8,
        cut in any::<prop::sample::Index>(),
        junk in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let plain = inflated(&packed(&tokens, None)).unwrap();
        let raw = gzip(&plain, level);
        let mut flipped = raw.clone();
        flipped[at.index(raw.len())] ^= 1_u8 << bit;
        let mut own = packed(&tokens, None);
        let place = at.index(own.len());
        own[place] ^= 1_u8 << bit;
        let told = inflated(&own);
        let all = [
            flipped.clone(),
            raw[..cut.index(raw.len())].to_vec(),
            framed(&own, told.as_deref().unwrap_or_default()),
            framed(&junk, inflated(&junk).as_deref().unwrap_or_default()),
            raw.clone(),
            [raw.as_slice(), &raw].concat(),
            [raw.as_slice(), &[0]].concat(),
        ];
        let unpacked = unpack(&all);
        prop_assert!(unpacked[0].is_none() || unpacked[0].as_ref() == Some(&plain));
        prop_assert!(unpacked[1].is_none());
        prop_assert!(unpacked[2].is_none() || unpacked[2] == told);
        prop_assert!(unpacked[3].is_none() || unpacked[3] == inflated(&junk));
        prop_assert!(unpacked[4].as_ref() == Some(&plain) || raw[10] >> 1 & 3 == 0);
        // What follows is no concern of this.
        prop_assert!(unpacked[5].is_none() && unpacked[6].is_none());
    }
}

#[test]
fn blocks_of_all_kinds_stand_behind_one_another() {
    let mut bits = Bits::default();
    let text: Vec<Token> = b"{\"Records\":[]}".iter().map(|byte| Token::Literal(*byte)).collect();
    let own = lengths((0..286).collect(), 286, |at, of| at * 7 % of);
    block(&mut bits, false, &text, None);
    // One with nothing in it, by a code of one symbol, and none for distances.
    let mut end = [0; 257];
    end[256] = 1;
    block(&mut bits, false, &[], Some((&end, &[0])));
    block(&mut bits, false, &[Token::Copy { length: 14, apart: 14 }], Some((&own, &[0, 0, 0, 0, 0, 0, 0, 1])));
    block(&mut bits, true, &text, Some((&own, &[1, 1])));
    check(&bits.bytes());
}

#[test]
fn lengths_that_make_no_code_are_nothing() {
    let text = [Token::Literal(b'a')];
    let whole = lengths((0..286).collect(), 286, |at, of| at * 7 % of);
    let is_read = |literals: &[u8], distances: &[u8]| {
        unpack(&[framed(&packed(&text, Some((literals, distances))), b"a")])[0].is_some()
    };
    assert!(is_read(&whole, &[1, 1]));
    let with = |changes: &[(usize, u8)]| {
        let mut lengths = whole.clone();
        changes.iter().for_each(|(at, length)| lengths[*at] = *length);
        lengths
    };
    // No end, one code too many, one too few; the same of distances.
    let deepest = (0..286).max_by_key(|at| whole[*at]).unwrap();
    let unused = (0..286).rev().find(|at| *at != 256 && *at != 97 && *at != deepest).unwrap();
    for literals in [with(&[(256, 0)]), with(&[(deepest, 1)]), with(&[(unused, 0)])] {
        assert!(!is_read(&literals, &[1, 1]));
    }
    for distances in [&[1, 1, 1][..], &[2, 2, 2], &[2], &[15; 30]] {
        assert!(!is_read(&whole, distances), "{distances:?}");
    }
    // One code of fifteen bits too many.
    let mut chain = vec![0; 257];
    (1..=14).for_each(|at| chain[at] = at as u8);
    chain[97] = 15;
    chain[256] = 15;
    let with_another = |bits| {
        let mut chain = chain.clone();
        chain[99] = bits;
        chain
    };
    assert!(is_read(&with_another(0), &[1, 1]) && !is_read(&with_another(15), &[1, 1]));
    // More symbols than there are.
    let longer = |length: usize| [whole.clone(), vec![0; length - 286]].concat();
    assert!(!is_read(&longer(287), &[1, 1]) && !is_read(&longer(288), &[1, 1]));
    let mut distances = vec![0; 30];
    distances[..2].fill(1);
    assert!(is_read(&whole, &distances) && !is_read(&whole, &[distances, vec![0]].concat()));
}

#[test]
fn what_an_earlier_block_meant_is_forgotten() {
    // A code of one symbol leaves bits without a meaning: one that means something, once they had one.
    let own = lengths((0..286).collect(), 286, |at, of| at * 7 % of);
    let text = vec![Token::Literal(b'a'); 9];
    let with = |second: &[u8]| {
        let mut bits = Bits::default();
        block(&mut bits, false, &text, Some((&own, &[1, 1])));
        // Length 3 and a distance by the code 1.
        let (symbol, more, count) = symbol(3, &LENGTHS, 257);
        bits.put(1, 1);
        bits.put(2, 2);
        bits.put(29, 5);
        bits.put(second.len() as u32 - 1, 5);
        bits.put(15, 4);
        (0..19).for_each(|at| bits.put(if at < 3 { 0 } else { 4 }, 3));
        own.iter().chain(second).for_each(|length| bits.code((u32::from(*length), 4)));
        let codes = codes(&own);
        bits.code(codes[symbol]);
        bits.put(more, count);
        bits.put(1, 1);
        bits.code(codes[256]);
        bits.bytes()
    };
    check(&with(&[1, 1]));
    assert!(inflated(&with(&[1])).is_none());
    // As if the code 1 still meant a distance of two.
    assert_eq!(unpack(&[framed(&with(&[1]), &[b'a'; 12])]), [None]);
}

/// A block of `a` and its end, whose lengths of codes are written in rows: 97 without, `a`, 158 without, the end, and three
/// distances without, of which so many are told to be there.
fn in_rows(distances: u32, row: u32) -> Vec<u8> {
    // Codes of lengths: of no bits, one, two, three, four, a row of up to ten and of up to 138, and one that is not used.
    let own: [(usize, u8); 8] = [(1, 1), (0, 2), (17, 3), (2, 4), (3, 5), (4, 6), (16, 7), (18, 7)];
    let mut lengths = [0; 19];
    own.iter().for_each(|(symbol, length)| lengths[*symbol] = *length);
    let own = codes(&lengths);
    let mut bits = Bits::default();
    bits.put(1, 1);
    bits.put(2, 2);
    bits.put(0, 5);
    bits.put(distances - 1, 5);
    bits.put(15, 4);
    head::ORDER.iter().for_each(|at| bits.put(lengths[*at].into(), 3));
    let none = |bits: &mut Bits, mut count: u32| {
        while count >= 11 {
            let by = count.min(row);
            bits.code(own[18]);
            bits.put(by - 11, 7);
            count -= by;
        }
        (0..count).for_each(|_| bits.code(own[0]));
    };
    none(&mut bits, 97);
    bits.code(own[1]);
    none(&mut bits, 158);
    bits.code(own[1]);
    bits.code(own[17]);
    bits.put(0, 3);
    (0..9).for_each(|_| bits.put(0, 1));
    bits.put(1, 1);
    bits.bytes()
}

#[test]
fn lengths_in_rows_are_read_to_their_end() {
    for row in [11, 12, 40, 138] {
        check(&in_rows(3, row));
        // A row that goes beyond the last one.
        for distances in [1, 2] {
            assert!(inflated(&in_rows(distances, row)).is_none());
            assert_eq!(unpack(&[framed(&in_rows(distances, row), &[b'a'; 9])]), [None], "{row} {distances}");
        }
    }
}

#[test]
fn symbols_that_stand_for_nothing_are_nothing() {
    let fixed = |symbol: usize, distance: u32| {
        let mut bits = Bits::default();
        let literals = codes(&head::FIXED);
        bits.put(1, 1);
        bits.put(1, 2);
        (0..70_000).for_each(|_| bits.code(literals[97]));
        bits.code(literals[symbol]);
        bits.code((distance, 5));
        bits.put(0, if distance > 29 { 14 } else { 0 });
        bits.code(literals[256]);
        bits.bytes()
    };
    check(&fixed(257, 0));
    for (symbol, distance, length) in [(257, 30, 3), (257, 31, 3), (286, 0, 258), (287, 0, 258)] {
        let packed = fixed(symbol, distance);
        assert!(inflated(&packed).is_none(), "{symbol} {distance}");
        assert_eq!(unpack(&[framed(&packed, &vec![b'a'; 70_000 + length])]), [None], "{symbol} {distance}");
    }
    // A block of a kind that there is not.
    let mut kind = fixed(257, 0);
    kind[0] |= 6;
    assert_eq!(unpack(&[framed(&kind, &vec![b'a'; 70_003])]), [None]);
}

#[test]
fn a_copy_from_before_the_beginning_is_nothing() {
    for (literals, apart) in [(0, 1), (1, 2), (5, 6), (40, 41), (300, 32_768)] {
        let mut tokens = vec![Token::Literal(b'a'); literals];
        tokens.push(Token::Copy { length: 9, apart });
        let plain = vec![b'a'; literals + 9];
        assert_eq!(unpack(&[framed(&packed(&tokens, None), &plain)]), [None], "{literals} {apart}");
    }
}

#[test]
fn what_the_end_tells_must_be_so() {
    let (plain, mut bits) = (log(50), Bits::default());
    block(&mut bits, true, &plain.iter().map(|byte| Token::Literal(*byte)).collect::<Vec<_>>(), None);
    let packed = bits.bytes();
    let raw = framed(&packed, &plain);
    assert_eq!(unpack(std::slice::from_ref(&raw)), [Some(plain.clone())]);
    let length = raw.len();
    for (at, value) in
        [(length - 8, !raw[length - 8]), (length - 4, raw[length - 4] ^ 1), (length - 2, 1), (length - 1, 0xff)]
    {
        let mut other = raw.clone();
        other[at] = value;
        assert_eq!(unpack(&[other, raw.clone()]), [None, Some(plain.clone())], "{at}");
    }
    // A size that would be right for much more, or less, than there is room for.
    for size in [0, 1, plain.len() as u32 - 1, MOST as u32, MOST as u32 + 1, u32::MAX] {
        let mut other = raw.clone();
        other[length - 4..].copy_from_slice(&size.to_le_bytes());
        assert_eq!(unpack(&[other]), [None], "{size}");
    }
}

#[test]
fn a_bomb_ends_where_it_may_not_go_on() {
    // Nothing but copies, a thousand times as much as there is, and told to be little; beside what has room for many steps.
    for apart in [1, 31, 32, 33, 64, 250] {
        let mut tokens = vec![Token::Literal(b' '); apart];
        tokens.resize(60_000, Token::Copy { length: 258, apart });
        let bomb = packed(&tokens, None);
        for told in [1, 2, 100, 5_000] {
            let raw = framed(&bomb, &vec![b' '; told]);
            assert_eq!(unpack(&[raw.clone(), gzip(&log(9_000), 6)]), [None, Some(log(9_000))], "{apart} {told}");
            assert_eq!(unpack(&[raw]), [None], "{apart} {told}");
        }
    }
}

#[test]
fn what_has_no_end_stops_where_there_is_nothing_more() {
    // Each step takes as many bits as can be: three literals of ten, a length of fifteen and five, a distance of fifteen and thirteen.
    let (mut literals, mut distances) = (vec![0; 285], vec![0; 30]);
    (1..=9).for_each(|at| literals[at] = at as u8);
    (10..=14).for_each(|at| literals[at] = at as u8);
    (literals[256], literals[284]) = (15, 15);
    (0..14).for_each(|at| distances[at] = at as u8 + 1);
    (distances[14], distances[29]) = (15, 15);
    let step = [Token::Literal(10), Token::Literal(10), Token::Literal(10), Token::Copy { length: 257, apart: 32_768 }];
    let mut tokens = vec![Token::Literal(1); 32_768];
    (0..1_500).for_each(|_| tokens.extend(step));
    let whole = packed(&tokens, Some((&literals, &distances)));
    check(&whole);
    let plain = inflated(&whole).unwrap();
    let from = whole.len() - 60;
    for cut in from..whole.len() {
        let raw = framed(&whole[..cut], &plain);
        assert_eq!(unpack(&[raw.clone(), gzip(&log(9_000), 6), raw]), [None, Some(log(9_000)), None], "{cut}");
    }
}

#[test]
fn files_of_any_lengths_are_unpacked_beside_one_another() {
    let plains: Vec<Vec<u8>> = [0, 1, 60, 9_000, 2, 700, 20_000].map(log).into();
    for turn in 0..plains.len() {
        let plains: Vec<Vec<u8>> = plains.iter().cycle().skip(turn).take(1 + turn).cloned().collect();
        let raws: Vec<Vec<u8>> = plains.iter().map(|plain| gzip(plain, 6)).collect();
        assert!(unpack(&raws) == plains.into_iter().map(Some).collect::<Vec<_>>(), "{turn}");
    }
}

#[test]
fn many_small_blocks_are_left_to_others() {
    let small = |blocks: usize, each: usize| {
        let mut bits = Bits::default();
        for at in 1..=blocks {
            block(&mut bits, at == blocks, &vec![Token::Literal(b'a'); each], None);
        }
        framed(&bits.bytes(), &vec![b'a'; blocks * each])
    };
    assert_eq!(unpack(&[small(FEW, 0), small(FEW, 3)]), [Some(Vec::new()), Some(vec![b'a'; 3 * FEW])]);
    assert_eq!(unpack(&[small(40, 0), small(3_000, 100)]), [None, None]);
    // An encoder's, which flushes now and then.
    assert!(unpack(&[small(300, 2 * BLOCK)])[0].is_some());
}

#[test]
fn literals_by_twos_are_those_that_stand_there() {
    // Codes of five bits and six, two of which fit into ten and into no less than eleven.
    let mut own = vec![0; 257];
    (0..16).for_each(|at| own[at] = 5);
    (16..47).for_each(|at| own[at] = 6);
    own[256] = 6;
    let tokens: Vec<Token> =
        (0..40_000_u32).map(|at| Token::Literal((checksum(&at.to_le_bytes()) % 47) as u8)).collect();
    check(&packed(&tokens, Some((&own, &[0]))));
}

#[test]
fn a_name_is_passed_over_and_what_is_seldom_is_left_to_others() {
    let (plain, raw) = (log(20), gzip(&log(20), 6));
    let with = |flags: u8, more: &[u8]| {
        let mut other = raw[..10].to_vec();
        other[3] = flags;
        [&other, more, &raw[10..]].concat()
    };
    assert_eq!(unpack(&[with(8, b"log.json\0")]), [Some(plain.clone())]);
    assert_eq!(unpack(&[with(8, b"\0")]), [Some(plain)]);
    // A checksum of the head, more fields (none), a comment (empty), a text, and what is nothing yet.
    let flags: [(u8, &[u8]); 6] = [(2, b"ab"), (4, b"\0\0"), (16, b"\0"), (1, b""), (32, b""), (0x80, b"")];
    for (flag, more) in flags {
        assert_eq!(unpack(&[with(flag, more)]), [None], "{flag}");
    }
    let mut method = raw.clone();
    method[2] = 7;
    for other in [method, b"{\"Records\":[]}".to_vec(), raw[..9].to_vec(), raw[..17].to_vec(), Vec::new()] {
        assert_eq!(unpack(&[other]), [None]);
    }
    assert!(Frame::of(&raw[..BEHIND.min(raw.len()) - 1]).is_none());
}

#[test]
fn nothing_to_unpack_is_nothing() {
    assert!(unpack(&[]).is_empty());
}
