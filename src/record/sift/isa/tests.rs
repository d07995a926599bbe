use super::*;
use proptest::prelude::*;

/// Windows, looked at and settled one behind the other, with everything that comes of it.
struct Look<'a, const SHAPE: usize>(&'a [Window]);

/// Those of `errorCode`, of `eventName` and of no key.
const SHAPES: [Shape; 3] = [super::super::keys::CODE, super::super::calls::NAME, Shape::NONE];

/// Of a window: open and closing brackets and what is picked of them, levels, where a key's shape is, whether there are
/// backslashes and some before a `u`, the blocks where as many brackets close as are open, and what is left for the next.
#[derive(Debug, PartialEq)]
struct Seen {
    brackets: Vec<[u64; 3]>,
    level: Vec<i64>,
    found: Vec<u64>,
    backslashes: [bool; 2],
    ends: u8,
    escape: u64,
    string: u64,
    depth: i64,
}

impl<const SHAPE: usize> Work for Look<'_, SHAPE> {
    type Out = Vec<Seen>;
    const SHAPE: Shape = SHAPES[SHAPE];
    fn run(
        self,
        look: impl Fn(&Window, &mut Marks) -> bool,
        settle: impl Fn(Step, &mut Marks, &mut Carry) -> bool,
        ends: impl Fn(&Marks) -> u8,
        pick: impl Fn(u64, u64) -> u64,
        nth: impl Fn(u64, u32) -> u32,
    ) -> Self::Out {
        let (mut marks, mut carry) = (Marks::NONE, Carry::default());
        let one = |window: &Window| {
            let unicode = look(window, &mut marks);
            let is_found = settle_at_once(&settle, &mut marks, &mut carry);
            let Marks { open, close, low, found, escapes, .. } = marks;
            let found = if is_found { found.to_vec() } else { vec![0; GROUP] };
            assert_eq!(is_found, found.iter().any(|mask| *mask != 0));
            let brackets = open.iter().zip(&close).map(|(open, close)| {
                let both = open | close;
                let last = (both != 0).then(|| nth(both, both.count_ones() - 1));
                assert_eq!(last, both.checked_ilog2());
                [*open, *close, pick(*close, both)]
            });
            let (brackets, backslashes) = (brackets.collect(), [escapes, unicode]);
            let ends = ends(&marks);
            let level = (0..GROUP).map(|block| marks.level(block)).collect();
            assert!(low.iter().enumerate().all(|(block, low)| (*low <= 0) == (ends >> block & 1 == 1)));
            let Carry { escape, string, depth, .. } = carry;
            Seen { brackets, level, found, backslashes, ends, escape, string, depth }
        };
        self.0.iter().map(one).collect()
    }
}

/// The same byte by byte.
fn plainly(windows: &[Window], shape: Shape) -> Vec<Seen> {
    let (mut in_string, mut escape, mut depth) = (false, false, 0_i64);
    let mut before: Vec<u8> = Vec::new();
    let one = |window: &Window| {
        let own = &window[BEFORE..][..GROUP * BLOCK];
        let (mut brackets, mut level, mut found, mut ends) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (at, block) in own.chunks(BLOCK).enumerate() {
            let (mut mask, mut count, mut shaped) = ([0_u64; 3], 0, 0_u64);
            level.push(depth);
            let level_before = depth;
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
                before.push(*byte);
                shaped |= u64::from(is_shaped(&before, shape)) << bit;
            }
            brackets.push(mask);
            found.push(shaped);
            ends |= u8::from(level_before <= i64::from(mask[1].count_ones())) << at;
        }
        let pairs = || own.iter().zip(&window[BEFORE + 1..]).map(|(one, two)| (*one, *two));
        Seen {
            brackets,
            level,
            found,
            backslashes: [own.contains(&b'\\'), pairs().any(|pair| pair == (b'\\', b'u'))],
            ends,
            escape: escape.into(),
            string: if in_string { u64::MAX } else { 0 },
            depth,
        }
    };
    windows.iter().map(one).collect()
}

/// Whether the last of these bytes is where the shape of a key is told.
fn is_shaped(bytes: &[u8], shape: Shape) -> bool {
    let from = bytes.len().checked_sub(usize::from(shape.reach()) + 1);
    let key = from.map(|from| &bytes[from..]).filter(|key| key[0] == b'"');
    let is_letter = |byte: u8| shape.letters.contains(&byte.to_ascii_lowercase());
    key.is_some_and(|key| shape.at.iter().any(|way| way.iter().all(|at| is_letter(key[usize::from(*at)]))))
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        1 => any::<u8>(),
        3 => prop::sample::select(b"\"\\{}[]rRunNaA_\x7f\xff\xf2\xd2\xdc\xa2\xee\x02\x03|".to_vec()),
    ]
}

/// Bytes of a group.
const BODY: usize = GROUP * BLOCK;

/// Rare or dense, with keys that go on from one window into the next; but what a window has behind its end need not be what the
/// next one begins with.
fn windows() -> impl Strategy<Value = Vec<Window>> {
    (1..5_usize).prop_flat_map(|count| {
        let size = count * BODY;
        let bytes = prop_oneof![
            prop::collection::vec(byte(), size),
            prop::collection::vec((0..size, byte()), 0..40 * count).prop_map(move |some| {
                let mut bytes = vec![b' '; size];
                some.into_iter().for_each(|(at, byte)| bytes[at] = byte);
                bytes
            }),
        ];
        let keys = prop::sample::select(
            &["\"errorCode\"", "\\\"ERROR_CODE", "\"eventName\"", "\"Event_Name\"", "\"error"][..],
        );
        let places =
            prop_oneof![0..size, (1..=count, 0..12_usize).prop_map(|(window, before)| window * BODY - before - 1)];
        let behind = prop::collection::vec(byte(), count);
        (bytes, prop::collection::vec((places, keys), 0..6 * count), behind).prop_map(cut)
    })
}

fn cut((mut bytes, keys, behind): (Vec<u8>, Vec<(usize, &str)>, Vec<u8>)) -> Vec<Window> {
    for (at, key) in keys {
        bytes[at..].iter_mut().zip(key.bytes()).for_each(|(byte, own)| *byte = own);
    }
    let before = [[b' '; BEFORE].as_slice(), &bytes].concat();
    let window =
        |(at, behind): (usize, u8)| [&before[at * BODY..][..BEFORE + BODY], &[behind]].concat().try_into().unwrap();
    behind.into_iter().enumerate().map(window).collect()
}

proptest! {
    #[test]
    fn all_see_the_same(windows in windows()) {
        let expect = SHAPES.map(|shape| plainly(&windows, shape));
        for isa in Isa::available() {
            let seen = [isa.run(Look::<0>(&windows)), isa.run(Look::<1>(&windows)), isa.run(Look::<2>(&windows))];
            for (seen, expect) in seen.iter().flatten().zip(expect.iter().flatten()) {
                prop_assert_eq!(seen, expect, "{:?}", isa);
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
