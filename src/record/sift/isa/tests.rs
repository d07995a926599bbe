use super::*;
use proptest::prelude::*;

/// Windows, looked at and weighed one behind the other, with everything that comes of it.
struct Look<'a, const NAME: bool>(&'a [Window]);

/// Those of `errorCode` and of `eventName`.
const LETTERS: [Letters; 2] = [super::super::pass::CODE, super::super::calls::NAME];

/// Of a window: open and closing brackets and what is picked of them, levels, whether there are words, backslashes and some
/// before a `u`, the blocks where the depth may fall, the words of the first block, and what is left for the next.
#[derive(Debug, PartialEq)]
struct Seen {
    brackets: Vec<[u64; 3]>,
    level: Vec<u64>,
    rare: [bool; 3],
    places: u8,
    words: u64,
    carry: Carry,
    depth: i64,
}

impl<const NAME: bool> Work for Look<'_, NAME> {
    type Out = Vec<Seen>;
    const LETTERS: Letters = LETTERS[NAME as usize];
    fn run(
        self,
        look: impl Fn(&Window, &mut Marks),
        strip: impl Fn(&mut Marks, &mut Carry),
        weigh: impl Fn(&mut Marks, &mut i64) -> u8,
        words: impl Fn(&[u8; BLOCK + AHEAD]) -> u64,
        pick: impl Fn(u64, u64) -> u64,
        nth: impl Fn(u64, u32) -> u32,
    ) -> Self::Out {
        let (mut marks, mut carry, mut depth) = (Marks::default(), Carry::default(), 0);
        let one = |window: &Window| {
            look(window, &mut marks);
            strip(&mut marks, &mut carry);
            let places = weigh(&mut marks, &mut depth);
            let brackets = marks.open.iter().zip(&marks.close).map(|(open, close)| {
                let both = open | close;
                let last = (both != 0).then(|| nth(both, both.count_ones() - 1));
                assert_eq!(last, both.checked_ilog2());
                [*open, *close, pick(*close, both)]
            });
            let (brackets, level) = (brackets.collect(), marks.level.to_vec());
            let rare = [marks.words, marks.escapes, marks.unicode];
            Seen { brackets, level, rare, places, words: words(window.first_chunk().unwrap()), carry, depth }
        };
        self.0.iter().map(one).collect()
    }
}

/// The same byte by byte.
fn plainly(windows: &[Window], letters: Letters) -> Vec<Seen> {
    let (mut in_string, mut escape, mut depth) = (false, false, 0_i64);
    let second_or_line = |byte: u8| byte.eq_ignore_ascii_case(&letters.second) || byte == b'_';
    let is_first = |byte: u8| byte.eq_ignore_ascii_case(&letters.first);
    let one = |window: &Window| {
        let own = &window[..GROUP * BLOCK];
        let (mut brackets, mut level, mut places) = (Vec::new(), Vec::new(), 0);
        for (at, block) in own.chunks(BLOCK).enumerate() {
            let (mut mask, mut count) = ([0_u64; 3], 0);
            level.push(depth.cast_unsigned());
            let before = depth;
            for (bit, byte) in block.iter().enumerate() {
                match byte {
                    b'"' if !escape => in_string = !in_string,
                    b'{' | b'[' if !in_string => (mask[0], count, depth) = (mask[0] | 1 << bit, count + 1, depth + 1),
                    b'}' | b']' if !in_string => {
                        (mask[1], mask[2]) = (mask[1] | 1 << bit, mask[2] | 1 << count);
                        (count, depth) = (count + 1, depth - 1);
                    }
                    _ => {}
                }
                escape = *byte == b'\\' && !escape;
            }
            brackets.push(mask);
            places |= u8::from(mask[1] != 0 && before <= i64::from(mask[1].count_ones())) << at;
        }
        let third_or_before = |byte: u8| second_or_line(byte) || byte.eq_ignore_ascii_case(&letters.third);
        let triples = || (0..own.len()).map(|at| (window[at], window[at + 1], window[at + 2]));
        let pairs = || own.iter().zip(&window[1..]).map(|(one, two)| (*one, *two));
        let is_word =
            |at: &usize| is_first(window[*at]) && second_or_line(window[at + 1]) && third_or_before(window[at + 2]);
        Seen {
            brackets,
            level,
            rare: [
                triples().any(|(one, two, three)| is_first(one) && second_or_line(two) && third_or_before(three)),
                own.contains(&b'\\'),
                pairs().any(|pair| pair == (b'\\', b'u')),
            ],
            places,
            words: (0..BLOCK).filter(is_word).fold(0, |bits, at| bits | 1 << at),
            carry: Carry { escape: escape.into(), string: if in_string { u64::MAX } else { 0 } },
            depth,
        }
    };
    windows.iter().map(one).collect()
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        1 => any::<u8>(),
        3 => prop::sample::select(b"\"\\{}[]orcuORCatnTN_\x7f\xff\xf2\xd2\xdc\xa2\x02\x03".to_vec()),
    ]
}

/// Rare or dense; what a window has behind its end need not be what the next one begins with.
fn windows() -> impl Strategy<Value = Vec<Window>> {
    let size = size_of::<Window>();
    let window = prop_oneof![
        prop::collection::vec(byte(), size),
        prop::collection::vec((0..size, byte()), 0..40).prop_map(move |some| {
            let mut window = vec![b' '; size];
            some.into_iter().for_each(|(at, byte)| window[at] = byte);
            window
        }),
    ];
    prop::collection::vec(window.prop_map(|bytes| bytes.try_into().unwrap()), 1..5)
}

proptest! {
    #[test]
    fn all_see_the_same(windows in windows()) {
        let expect = LETTERS.map(|letters| plainly(&windows, letters));
        for isa in Isa::available() {
            let seen = [isa.run(Look::<false>(&windows)), isa.run(Look::<true>(&windows))];
            for (mut seen, expect) in seen.into_iter().flatten().zip(expect.iter().flatten()) {
                // Words may be told where there are none: those of a block then tell.
                seen.rare[0] &= expect.rare[0];
                prop_assert_eq!(&seen, expect, "{:?}", isa);
            }
        }
    }

    #[test]
    fn backslashes_take_meaning_in_pairs(backslashes in prop::collection::vec(any::<[bool; 64]>(), 1..4)) {
        let (mut carry, mut open) = (0, false);
        for block in backslashes {
            let bits = block.iter().enumerate().fold(0, |bits, (at, is)| bits | u64::from(*is) << at);
            let expect = block.iter().enumerate().fold(0, |bits, (at, is)| {
                let taken = open;
                open = *is && !open;
                bits | u64::from(taken) << at
            });
            prop_assert_eq!(plain::escaped(bits, &mut carry), expect);
        }
    }
}
