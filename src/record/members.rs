//! A JSON object's top level, its values left unread.

use super::{paired, skim};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, fmt};

/// The members of one object in their order, values as raw text.
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// Members that an event mostly has at most.
const MOSTLY: usize = 24;

impl<'a> Members<'a> {
    /// Reads an object's top level.
    pub(super) fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// All of them.
    pub(super) fn each(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(key, raw)| (&**key, raw.get()))
    }

    /// A member's raw text, its exact name before other letter cases, the last one if several.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        let exact = self.0.iter().rev().find(|(key, _)| key == name);
        let found = exact.or_else(|| self.0.iter().rev().find(|(key, _)| super::field::same_key(key, name)));
        found.map(|(_, raw)| raw.get())
    }

    /// The members of these names that are lists, in their order.
    pub(super) fn lists(&self, names: &[&str]) -> impl Iterator<Item = &'a str> {
        let is_named = |key: &str| names.iter().any(|name| super::field::same_key(key, name));
        let all = self.0.iter().filter(move |(key, _)| is_named(key));
        all.map(|(_, raw)| raw.get()).filter(|raw| raw.starts_with('['))
    }

    /// A member's value; `None` when there is none or it is nested too deeply to read.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        let raw = self.raw(name)?;
        // What stood in JSON that was read, and has no escapes, is the text itself.
        skim::text(raw).map(|text| Value::String(text.to_owned())).or_else(|| paired::read(raw))
    }

    /// A member that is a string.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        paired::read(self.raw(name)?)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Top;
        impl<'de> Visitor<'de> for Top {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(MOSTLY);
                while let Some(key) = map.next_key::<Word<'de>>()? {
                    let word = key.0.ok_or_else(|| A::Error::custom("a key is no string"))?;
                    members.push((word, map.next_value::<&'de RawValue>()?));
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Top)
    }
}

/// A string, borrowed where it has no escapes; `None` for any other value.
#[derive(Default)]
pub(super) struct Word<'a>(pub Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Word<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Word<'de>, E> {
                Ok(Word(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Word<'de>, E> {
                Ok(Word(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_unit<E>(self) -> Result<Word<'de>, E> {
                Ok(Word(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Word<'de>, E> {
                Ok(Word(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Word<'de>, E> {
                Ok(Word(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Word<'de>, E> {
                Ok(Word(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Word<'de>, E> {
                Ok(Word(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Word<'de>, A::Error> {
                while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
                Ok(Word(None))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Word<'de>, A::Error> {
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Word(None))
            }
        }
        from.deserialize_any(Any)
    }
}
