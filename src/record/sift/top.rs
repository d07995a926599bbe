//! Whether an event bears an error code of its own, or only something inside of it does: by the depth at which the key stands,
//! for what spells it more than once, which mostly is a look-alike of a denied event in a request.

use super::isa::{BLOCK, Carry, GROUP, Isa, Marks, Shape, Step, Window, Work, settle_at_once};
use super::keys::CODE;
use super::pass::window;
use super::spell;

/// Whether `errorCode` is a key of this object's top level, in a spelling without escapes; it may also stand there as a value.
pub(super) fn bears_code(isa: Isa, object: &[u8]) -> bool {
    isa.run(Top { object })
}

struct Top<'a> {
    object: &'a [u8],
}

impl Work for Top<'_> {
    type Out = bool;
    const SHAPE: Shape = CODE;

    #[inline(always)]
    fn run(
        self,
        look: impl Fn(&Window, &mut Marks) -> bool,
        settle: impl Fn(Step, &mut Marks, &mut Carry) -> bool,
        _: impl Fn(&Marks) -> u8,
        _: impl Fn(u64, u64) -> u64,
        _: impl Fn(u64, u32) -> u32,
    ) -> Self::Out {
        let (mut marks, mut carry) = (Marks::NONE, Carry::default());
        let mut end = [b' '; size_of::<Window>()];
        for at in (0..self.object.len()).step_by(GROUP * BLOCK) {
            look(window(self.object, at, &mut end), &mut marks);
            if settle_at_once(&settle, &mut marks, &mut carry) && self.is_borne(at, &marks) {
                return true;
            }
        }
        false
    }
}

impl Top<'_> {
    /// The same of a group.
    fn is_borne(&self, at: usize, marks: &Marks) -> bool {
        (0..GROUP).any(|block| {
            // Between a key's quotation mark and the place where its shape is told no bracket counts.
            let is_own = |bit: usize| {
                let below = (1_u64 << bit) - 1;
                let [opens, closes] =
                    [marks.open[block], marks.close[block]].map(|all| i64::from((all & below).count_ones()));
                marks.level(block) + opens - closes == 1
            };
            let is_key = |bit: usize| {
                let quote = (at + block * BLOCK + bit).checked_sub(CODE.reach().into());
                // Behind a backslash it is a text's, not a key's.
                quote.is_some_and(|quote| {
                    quote > 0 && self.object[quote - 1] != b'\\' && spell::is_error_code(self.object, quote)
                })
            };
            bits(marks.found[block]).any(|bit| is_own(bit) && is_key(bit))
        })
    }
}

fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros() as usize);
        mask &= mask.wrapping_sub(1);
        bit
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[track_caller]
    fn check(object: &str, expect: bool) {
        for isa in Isa::available() {
            for pad in 0..130 {
                let padded = object.replacen('{', &format!(r#"{{"pad":"{}","#, "x".repeat(pad)), 1);
                assert_eq!(bears_code(isa, padded.as_bytes()), expect, "{isa:?} {padded}");
            }
        }
    }

    #[test]
    fn only_a_key_of_the_top_level_is_its_own() {
        check(r#"{"errorCode":"x"}"#, true);
        check(r#"{"a":{"b":[{}]},"ERROR_CODE":"x"}"#, true);
        check(r#"{"a":"\\","errorCode":"x"}"#, true);
        check(r#"{"a":{"errorCode":"x"}}"#, false);
        check(r#"{"a":[{"errorCode":"x"}],"b":"}"}"#, false);
        check(r#"{"a":"{\"errorCode\":\"x\"}"}"#, false);
        check(r#"{"a":{"b":"}","errorCode":"x"}}"#, false);
        check(r#"{"a":"{","errorCode":"x"}"#, true);
        check(r#"{"errorCodes":"x","errorMessage":"errorCode"}"#, true);
        check(r#"{"a":1}"#, false);
    }

    fn value() -> impl Strategy<Value = Value> {
        let text =
            prop::sample::select(&["errorCode", "error_code", "a", "{", "}", "\"errorCode\":", "\\", "\\\"", ""][..]);
        let leaf = prop_oneof![text.clone().prop_map(|text| text.into()), any::<u8>().prop_map(|number| number.into())];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(text.clone().prop_map(str::to_owned), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_key_of_the_top_level_is_missed(members in prop::collection::vec((value(), 0_usize..80), 0..6), key in any::<bool>()) {
            let mut object = serde_json::Map::new();
            for (at, (value, pad)) in members.into_iter().enumerate() {
                object.insert(format!("{at}{}", "x".repeat(pad)), value);
            }
            if key {
                object.insert("errorCode".to_owned(), Value::Null);
            }
            let is_value = |value: &Value| matches!(value.as_str(), Some("errorCode" | "error_code"));
            let (values, object) = (object.values().any(is_value), Value::Object(object.clone()).to_string());
            for isa in Isa::available() {
                prop_assert_eq!(bears_code(isa, object.as_bytes()), key || values, "{:?} {}", isa, object);
            }
        }
    }
}
