//! The texts of a few members of an event's top level, found by their keys: for what asks each event of an archive where it is
//! from. [`super::skim`] goes from member to member instead.

use super::sift::isa::{BLOCK, Carry, GROUP, Isa, Marks, Shape, Step, Window, Work, settle_at_once};
use super::sift::{escaped_at, window};
use memchr::memchr2;
use memchr::memmem::Finder;

/// Keys that are looked for, each with its quotation marks.
pub(super) struct Keys<const N: usize>([Finder<'static>; N]);

impl<const N: usize> Keys<N> {
    pub(super) fn of(quoted: [&'static str; N]) -> Self {
        Self(quoted.map(Finder::new))
    }

    /// The members with these keys, each the last of its name; `None` where one is missing, is no string, or may be written
    /// otherwise than CloudTrail writes it.
    pub(super) fn texts<'a>(&self, event: &'a str) -> Option<[&'a str; N]> {
        self.texts_with(Isa::best(), event)
    }

    fn texts_with<'a>(&self, isa: Isa, event: &'a str) -> Option<[&'a str; N]> {
        isa.run(Texts { event, places: Places::of(event.as_bytes(), self)?, texts: [None; N] })
    }
}

/// Places that are held. CloudTrail's events mostly have one of each key; what has many was made to have them.
const MOST: usize = 6;

/// Where the keys stand, whether on the top level or deeper.
struct Places {
    /// Key, its quotation mark, its text.
    all: [(usize, usize, usize); MOST],
    count: usize,
}

impl Places {
    fn of<const N: usize>(bytes: &[u8], keys: &Keys<N>) -> Option<Self> {
        let mut places = Self { all: [(0, 0, 0); MOST], count: 0 };
        for (key, finder) in keys.0.iter().enumerate() {
            let before = places.count;
            for at in finder.find_iter(bytes) {
                let behind = at + finder.needle().len();
                match (bytes.get(behind)?, bytes.get(behind + 1)) {
                    // It is a value.
                    (b',' | b'}' | b']', _) => continue,
                    (b':', Some(b'"')) => *places.all.get_mut(places.count)? = (key, at, behind + 2),
                    _ => return None,
                }
                places.count += 1;
            }
            // It stands nowhere.
            (places.count > before).then_some(())?;
        }
        Some(places)
    }
}

struct Texts<'a, const N: usize> {
    event: &'a str,
    places: Places,
    texts: [Option<&'a str>; N],
}

impl<'a, const N: usize> Work for Texts<'a, N> {
    type Out = Option<[&'a str; N]>;
    const SHAPE: Shape = Shape::NONE;

    #[inline(always)]
    fn run(
        mut self,
        look: impl Fn(&Window, &mut Marks) -> bool,
        settle: impl Fn(Step, &mut Marks, &mut Carry) -> bool,
        ends: impl Fn(&Marks) -> u8,
        _: impl Fn(u64, u64) -> u64,
        _: impl Fn(u64, u32) -> u32,
    ) -> Self::Out {
        let bytes = self.event.as_bytes();
        if bytes.first() != Some(&b'{') {
            return None;
        }
        let (mut marks, mut carry, mut own) = (Marks::NONE, Carry::default(), [b' '; size_of::<Window>()]);
        for at in (0..bytes.len()).step_by(GROUP * BLOCK) {
            if look(window(bytes, at, &mut own), &mut marks) && spells(bytes, at, &marks) {
                return None;
            }
            settle_at_once(&settle, &mut marks, &mut carry);
            self.take(at, &marks)?;
            if let Some(end) = end(ends(&marks), &marks) {
                let is_whole = at + end + 1 == bytes.len() && bytes.last() == Some(&b'}');
                return if is_whole { all(self.texts) } else { None };
            }
        }
        None
    }
}

impl<const N: usize> Texts<'_, N> {
    /// Takes what stands in this group on the top level.
    #[inline(always)]
    fn take(&mut self, from: usize, marks: &Marks) -> Option<()> {
        for (key, at, text) in &self.places.all[..self.places.count] {
            let Some(inside) = at.checked_sub(from).filter(|inside| *inside < GROUP * BLOCK) else { continue };
            let (block, bit) = (inside / BLOCK % GROUP, 1_u64 << (inside % BLOCK));
            let before = |all: &[u64; GROUP]| i64::from((all[block] & (bit - 1)).count_ones());
            let depth = marks.level(block) + before(&marks.open) - before(&marks.close);
            // A quotation mark that an escape made one does not count.
            if depth == 1 && marks.quote[block] & bit != 0 {
                let rest = &self.event[*text..];
                let end = memchr2(b'"', b'\\', rest.as_bytes()).filter(|end| rest.as_bytes()[*end] == b'"')?;
                self.texts[*key] = Some(&rest[..end]);
            }
        }
        Some(())
    }
}

/// Whether a key may be spelt by escapes in this group.
#[cold]
fn spells(bytes: &[u8], from: usize, marks: &Marks) -> bool {
    marks.backslash.iter().enumerate().any(|(block, backslashes)| {
        let at = |bit| from + block * BLOCK + bit;
        (0..BLOCK).any(|bit| backslashes >> bit & 1 == 1 && escaped_at(bytes, at(bit)).is_some())
    })
}

/// Where in a group the last open bracket closes, if it does; `blocks` may hold that.
#[inline(always)]
fn end(mut blocks: u8, marks: &Marks) -> Option<usize> {
    while blocks != 0 {
        let block = blocks.trailing_zeros() as usize % GROUP;
        blocks &= blocks - 1;
        let (mut depth, mut brackets) = (marks.level(block), marks.open[block] | marks.close[block]);
        while brackets != 0 {
            let bit = brackets.trailing_zeros() as usize;
            brackets &= brackets - 1;
            depth += if marks.close[block] >> bit & 1 == 1 { -1 } else { 1 };
            if depth <= 0 {
                return Some(block * BLOCK + bit);
            }
        }
    }
    None
}

fn all<const N: usize>(texts: [Option<&str>; N]) -> Option<[&str; N]> {
    let mut all = [""; N];
    for (to, text) in all.iter_mut().zip(texts) {
        *to = text?;
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::super::skim;
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const NAMES: [&str; 2] = ["eventTime", "awsRegion"];

    /// What all instruction sets tell alike.
    #[track_caller]
    fn told(event: &str) -> Option<[&str; 2]> {
        let keys = Keys::of(["\"eventTime\"", "\"awsRegion\""]);
        let mut each = Isa::available().into_iter().map(|isa| keys.texts_with(isa, event));
        let first = each.next().unwrap();
        each.for_each(|other| assert_eq!(other, first, "{event}"));
        first
    }

    /// The same, found from member to member.
    fn skimmed(event: &str) -> Option<[&str; 2]> {
        let mut found = [None; 2];
        skim::members(event, |key, value| {
            if let Some(at) = NAMES.iter().position(|name| *name == key) {
                found[at] = Some(skim::text(value));
            }
        })?;
        Some([found[0]??, found[1]??])
    }

    #[track_caller]
    fn check(event: &str, expect: Option<[&str; 2]>) {
        for pad in 0..520 {
            let padded = event.replacen('{', &format!(r#"{{"pad":"{}","#, "x".repeat(pad)), 1);
            assert_eq!(told(&padded), expect, "{padded}");
        }
    }

    #[test]
    fn members_of_the_top_level() {
        let both = Some(["t", "r"]);
        check(r#"{"eventTime":"t","awsRegion":"r"}"#, both);
        check(r#"{"a":{"eventTime":"x","b":[{"awsRegion":"x"}]},"eventTime":"t","awsRegion":"r"}"#, both);
        check(r#"{"eventTime":"t","awsRegion":"r","a":{"eventTime":"x"}}"#, both);
        check(r#"{"eventTime":"x","awsRegion":"r","eventTime":"t"}"#, both);
        check(r#"{"a":"eventTime","eventTime":"t","awsRegion":"r","b":["awsRegion"]}"#, both);
        check(r#"{"a":"\"eventTime\":\"x\"","eventTime":"t","awsRegion":"r","x\"eventTime":"x"}"#, both);
        check(r#"{"a":"\\","eventTime":"t","awsRegion":"r","c":"}{\"]"}"#, both);
        check(r#"{"eventTime":"t","awsRegion":"r","\u00e9":"C:\\users\u20ac"}"#, both);
    }

    #[test]
    fn what_is_not_plain_is_left_to_others() {
        let seven = r#"{"eventTime":"x"},"#.repeat(7);
        check(&format!(r#"{{"eventTime":"t","awsRegion":"r","a":[{seven}1]}}"#), None);
        check(&format!(r#"{{"a":[{seven}1],"eventTime":"t","awsRegion":"r"}}"#), None);
        check(r#"{"eventTime":"x","awsRegion":"r","eventTime" :"t"}"#, None);
        check(r#"["eventTime":"t","awsRegion":"r"}"#, None);
        check(r#"{"eventTime":"t"}"#, None);
        check(r#"{"eventTime":"t","a":{"awsRegion":"r"}}"#, None);
        check(r#"{"eventTime" :"t","awsRegion":"r"}"#, None);
        check(r#"{"eventTime": "t","awsRegion":"r"}"#, None);
        check(r#"{"eventTime":"t","awsRegion":null}"#, None);
        check(r#"{"eventTime":"t","awsRegion":"r","awsRegion":1}"#, None);
        check(r#"{"eventTime":"t","awsRegion":"r\n"}"#, None);
        check(r#"{"eventTime":"t","awsRegion":"r","event\u0054ime":"x"}"#, None);
        check(r#"{"eventTime":"t","awsRegion":"r"}}"#, None);
        check(r#"{"eventTime":"t","awsRegion":"r"]"#, None);
        check(r#"{"eventTime":"t"}{"awsRegion":"r"}"#, None);
        check(r#"{"eventTime":"t","awsRegion":"r""#, None);
        check(r#"{"eventTime":"t","awsRegion":"r"} "#, None);
        for event in
            ["", "[]", "{}", "{", "x", r#""eventTime":"t","awsRegion":"r"}"#, r#"{"eventTime""#, r#"{"eventTime":"#]
        {
            assert_eq!(told(event), None, "{event}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = prop::sample::select(
            &["eventTime", "awsRegion", "a", "{", "}", "\"eventTime\":\"x\"", "\\", "\\\"", "\u{1}", "", "ü"][..],
        );
        let leaf = prop_oneof![text.clone().prop_map(Value::from), any::<u8>().prop_map(Value::from)];
        leaf.prop_recursive(3, 16, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(text.clone().prop_map(str::to_owned), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Of valid JSON: wherever it tells anything, it is what going from member to member tells, twice the same name included.
        #[test]
        fn it_tells_what_skimming_tells(
            members in prop::collection::vec((0_usize..4, value(), 0_usize..90), 0..7),
            plain in prop::collection::vec("[a-z]{1,3}", 2),
            at in 0_usize..8
        ) {
            let mut parts: Vec<String> = members
                .iter()
                .enumerate()
                .map(|(number, (name, value, pad))| match name {
                    0 | 1 => format!("\"{}\":{value}", NAMES[*name]),
                    _ => format!("\"{number}{}\":{value}", "x".repeat(*pad)),
                })
                .collect();
            for (name, text) in NAMES.iter().zip(&plain) {
                parts.insert(at.min(parts.len()), format!("\"{name}\":\"{text}\""));
            }
            let event = format!("{{{}}}", parts.join(","));
            if let Some(told) = told(&event) {
                prop_assert_eq!(Some(told), skimmed(&event), "{}", event);
            }
        }

        #[test]
        fn any_text_is_survived(text in "[{}\\[\\]\",:\\\\a1 ]{0,60}", times in 1_usize..20) {
            told(&format!(r#"{{"eventTime":"t",{}"awsRegion":"r"}}"#, text.repeat(times)));
        }
    }
}
