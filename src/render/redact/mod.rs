//! Output that may be shown to strangers: account ids, names and addresses are replaced, each by the same mask wherever it
//! stands in one run. What AWS itself names (services, actions, Regions, types) stays.
//!
//! A mask is a number in the order in which things were met: it tells nothing of what is behind it, unlike a hash, which
//! could be tried out. Ids of findings stay, so that their owner finds them again.

mod arn;
mod scan;
mod words;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Masks what it meets, and remembers it.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// What was met → its mask.
    masks: BTreeMap<String, String>,
    /// Masks that were given out: they are not masked again.
    given: BTreeSet<String>,
    /// Masks of each kind.
    counts: BTreeMap<&'static str, usize>,
    /// Names that are replaced wherever they stand as a word.
    names: BTreeSet<String>,
    /// Longer texts that a table may have cut in the middle.
    whole: BTreeSet<String>,
}

/// What a mask stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Account,
    Name,
    Address,
    Mail,
    Key,
}

impl Kind {
    fn mask(self, number: usize) -> String {
        match self {
            // Still an account id, so that an ARN stays one.
            Self::Account => format!("{number:012}"),
            Self::Name => format!("name-{number}"),
            Self::Address => format!("address-{number}"),
            Self::Mail => format!("mail-{number}@example.com"),
            Self::Key => format!("KEY{number}"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Name => "name",
            Self::Address => "address",
            Self::Mail => "mail",
            Self::Key => "key",
        }
    }
}

impl Redactor {
    /// Learns the names in a value before any of it is written: a text may name a role before the value does.
    pub fn learn(&mut self, value: &impl Serialize) {
        if let Ok(value) = serde_json::to_value(value) {
            self.learn_value(&value, "");
        }
    }

    /// The same value, masked; the value itself where it cannot be read back.
    pub fn masked<T: Serialize + DeserializeOwned>(&mut self, value: T) -> T {
        let Ok(json) = serde_json::to_value(&value) else { return value };
        self.learn_value(&json, "");
        serde_json::from_value(self.value(json, "")).unwrap_or(value)
    }

    /// JSON, masked in its texts; the words of the format stay.
    pub fn json(&mut self, value: Value) -> Value {
        self.learn_value(&value, "");
        self.value(value, "")
    }

    /// Text, masked.
    pub fn text(&mut self, text: &str) -> String {
        scan::text(self, text, true)
    }

    fn learn_value(&mut self, value: &Value, key: &str) {
        match value {
            Value::String(text) => self.learn_text(text, key),
            Value::Array(all) => all.iter().for_each(|one| self.learn_value(one, key)),
            Value::Object(map) => map.iter().for_each(|(name, one)| {
                // A map may be keyed by an ARN.
                self.learn_text(name, "");
                self.learn_value(one, name);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn learn_text(&mut self, text: &str, key: &str) {
        for found in scan::arns(text) {
            let names = arn::names(found);
            self.whole.extend([found.to_owned(), arn::resource(found).to_owned()]);
            names.into_iter().for_each(|name| self.learn_name(name));
        }
        if words::NAME_KEYS.contains(&key) && !text.starts_with("arn:") && !text.is_empty() {
            self.learn_name(text);
        }
    }

    fn learn_name(&mut self, name: &str) {
        if self.given.contains(name) || !is_name(name) {
            return;
        }
        self.mask(Kind::Name, name);
        if name.len() > 2 && !words::COMMON.contains(&name.to_ascii_lowercase().as_str()) {
            self.names.insert(name.to_owned());
        }
    }

    /// The mask of a thing, the same each time.
    fn mask(&mut self, kind: Kind, text: &str) -> String {
        if self.given.contains(text) {
            return text.to_owned();
        }
        if let Some(mask) = self.masks.get(text) {
            return mask.clone();
        }
        let number = self.counts.entry(kind.word()).or_default();
        *number += 1;
        let mask = kind.mask(*number);
        self.given.insert(mask.clone());
        self.masks.insert(text.to_owned(), mask.clone());
        mask
    }

    fn value(&mut self, value: Value, key: &str) -> Value {
        match value {
            Value::String(text) => Value::String(self.string(&text, key)),
            Value::Array(all) => all.into_iter().map(|one| self.value(one, key)).collect(),
            Value::Object(map) => {
                let one = |(name, one): (String, Value)| {
                    let one = self.value(one, &name);
                    (scan::text(self, &name, false), one)
                };
                Value::Object(map.into_iter().map(one).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }

    fn string(&mut self, text: &str, key: &str) -> String {
        let is_name = words::NAME_KEYS.contains(&key) && !text.starts_with("arn:") && is_name(text);
        match is_name {
            true => self.mask(Kind::Name, text),
            // Words of the format: a role named `patch` is no reason to lose a verdict.
            false => scan::text(self, text, !words::WORD_KEYS.contains(&key)),
        }
    }
}

/// Whether a text names a thing of somebody's, rather than all things or AWS's own.
fn is_name(text: &str) -> bool {
    let is_wild = |c: char| matches!(c, '*' | '?' | '.' | '-' | '_' | '$' | '{' | '}');
    !text.chars().all(is_wild) && !text.ends_with(".amazonaws.com") && !text.starts_with("${")
}

#[cfg(test)]
mod tests;
