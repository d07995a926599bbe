//! What decides whether an event is worth reading whole.

use super::members::{Members, Word};
use super::paired::paired;
use super::{field, skim};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// What decides whether an event is worth reading whole; a field is `None` when the event lacks it or holds no text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head<'a> {
    /// `errorCode`.
    pub error_code: Option<Cow<'a, str>>,
    /// `errorMessage`.
    pub error_message: Option<Cow<'a, str>>,
    /// `eventSource`.
    pub event_source: Option<Cow<'a, str>>,
    /// `eventType`.
    pub event_type: Option<Cow<'a, str>>,
    is_event: bool,
    is_lookup_entry: bool,
    /// A row of Logs Insights with `@message`, where the event stands: what else was asked for is some of it once more.
    is_found: bool,
    /// It has `userIdentity`, which no row has but in `@message`.
    is_whole: bool,
    /// Which of the four were told under CloudTrail's own spelling, in their order.
    exact: [bool; 4],
}

/// Whether an object is read as one event.
pub(super) fn is_event(object: &str) -> bool {
    let tells = |head: Head<'_>| head.tells_event();
    let as_it_is = serde_json::from_str(object).map(tells);
    as_it_is.or_else(|_| serde_json::from_str(&paired(object)).map(tells)).unwrap_or(false)
}

impl<'a> Head<'a> {
    /// The head of an event whose members are found by name.
    pub(super) fn from_members(mut get: impl FnMut(&str) -> Option<&'a str>) -> Self {
        let mut word = |name: &str| get(name).filter(|text| !text.is_empty()).map(Cow::Borrowed);
        Self {
            error_code: word("errorCode"),
            error_message: word("errorMessage"),
            event_source: word("eventSource"),
            event_type: word("eventType"),
            is_event: true,
            ..Self::default()
        }
    }

    /// Whether its object is read as one event.
    pub(super) fn tells_event(&self) -> bool {
        self.is_event && !self.is_lookup_entry && (self.is_whole || !self.is_found)
    }

    /// The head of an object whose members were read; `None` where one of the four is neither plain text nor null: then
    /// only reading that tells.
    pub(super) fn of(members: &Members<'a>) -> Option<Self> {
        let mut head = Self::default();
        for (key, raw) in members.each() {
            if let Some(number) = head.meet(key) {
                let value = if raw == "null" { None } else { Some(skim::text(raw)?) };
                head.put(key, number, value.map(Cow::Borrowed));
            } else {
                head.is_found |= is_event_within(key, raw);
            }
        }
        Some(head.whole())
    }

    /// Which of the four a key names; notes what other keys tell of the object.
    fn meet(&mut self, key: &str) -> Option<usize> {
        let same = |name: &&str| field::same_key(key, name);
        let number = NAMES.iter().position(same);
        if number.is_none() {
            self.is_lookup_entry |= same(&"cloudTrailEvent");
            self.is_whole |= same(&"userIdentity");
            self.is_event |= same(&"eventName") || self.is_whole;
        }
        number
    }

    /// Of several spellings of one key CloudTrail's own is taken, else the last one: as [`Members::raw`] does.
    fn put(&mut self, key: &str, number: usize, value: Option<Cow<'a, str>>) {
        let exact = key == NAMES[number];
        if exact || !self.exact[number] {
            let places = [&mut self.event_type, &mut self.error_code, &mut self.event_source, &mut self.error_message];
            *places[number] = value.filter(|text| !text.is_empty() && text != "null");
            self.exact[number] = exact;
        }
    }

    /// What all members together tell.
    fn whole(mut self) -> Self {
        self.is_event |= self.event_source.is_some() || self.error_code.is_some();
        self
    }
}

/// Where a row of Logs Insights has the event.
const MESSAGE: &str = "@message";

/// Whether it is there: as an object, or as the text of one.
fn is_event_within(key: &str, raw: &str) -> bool {
    key == MESSAGE && raw.strip_prefix('"').unwrap_or(raw).trim_start().starts_with('{')
}

/// The four, in the order of `Head::exact`.
const NAMES: [&str; 4] = ["eventType", "errorCode", "eventSource", "errorMessage"];

impl<'de: 'a, 'a> Deserialize<'de> for Head<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Top;
        impl<'de> Visitor<'de> for Top {
            type Value = Head<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head<'de>, A::Error> {
                let mut head = Head::default();
                while let Some(key) = map.next_key::<Word<'de>>()? {
                    let key = key.0.as_deref().unwrap_or_default();
                    match head.meet(key) {
                        Some(number) => head.put(key, number, map.next_value::<Word<'de>>()?.0),
                        None if key == MESSAGE => {
                            head.is_found |= is_event_within(MESSAGE, map.next_value::<&'de RawValue>()?.get());
                        }
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(head.whole())
            }
        }
        from.deserialize_map(Top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// In whatever spelling, order and number.
        #[test]
        fn what_the_members_tell_is_what_reading_tells(picks in prop::collection::vec((0_usize..11, 0_usize..10), 0..6)) {
            const KEYS: [&str; 11] = [
                "errorCode", "errorcode", "error_code", "error\\u0043ode", "eventType", "EventType", "eventSource",
                "errorMessage", "eventName", "cloud_trail_event", "x",
            ];
            let deep = "[".repeat(200) + &"]".repeat(200);
            let values =
                ["\"a\"", "\"b\"", "null", "\"null\"", "\"\"", "7", "{}", "\"\\ud800\"", "\"a\\nb\"", &deep];
            let members: Vec<String> =
                picks.iter().map(|(key, value)| format!("\"{}\": {}", KEYS[*key], values[*value])).collect();
            let text = format!("{{{}}}", members.join(","));
            if let Some(head) = Members::read(&text).ok().as_ref().and_then(Head::of) {
                prop_assert_eq!(serde_json::from_str::<Head<'_>>(&text).unwrap(), head, "{}", text);
            }
        }
    }
}
