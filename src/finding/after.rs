//! What is known of a finding beside its denials: the same calls allowed, how far somebody looked for them, and foretold
//! permissions that were used. Kept as sets and latest times, so that adding the same once more changes nothing.

use super::{Finding, Item, ItemKey, Observed, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Allowed calls kept of one item: the latest. Beyond, their number is told as "at least".
pub const ALLOWED_KEPT: usize = 50;
/// Foretold permissions of which it is kept that they were used.
const USED_KEPT: usize = 50;

/// One allowed call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "PassForm", into = "(Timestamp, String)")]
pub struct Pass {
    /// When it ended.
    pub at: Timestamp,
    /// A hash of its event's id, so that two calls of one second are two; empty where an older ledger kept none.
    pub id: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PassForm {
    /// As the first ledgers kept it.
    Bare(Timestamp),
    Full(Timestamp, String),
}

impl From<PassForm> for Pass {
    fn from(form: PassForm) -> Self {
        match form {
            PassForm::Bare(at) => Self { at, id: String::new() },
            PassForm::Full(at, id) => Self { at, id },
        }
    }
}

impl From<Pass> for (Timestamp, String) {
    fn from(pass: Pass) -> Self {
        (pass.at, pass.id)
    }
}

/// Times and ids apart: a release before this one knows the times only, and is gone back to.
pub(super) mod as_times {
    use super::{BTreeSet, Deserialize, Pass, PassForm, Serialize, Timestamp};
    use serde::{Deserializer, Serializer};

    #[derive(Serialize)]
    struct Written<'p> {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        allowed: Vec<Timestamp>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        allowed_ids: Vec<&'p str>,
    }

    #[derive(Deserialize)]
    struct Read {
        #[serde(default)]
        allowed: Vec<PassForm>,
        #[serde(default)]
        allowed_ids: Vec<String>,
    }

    pub fn serialize<S: Serializer>(passes: &BTreeSet<Pass>, out: S) -> Result<S::Ok, S::Error> {
        let written = Written {
            allowed: passes.iter().map(|pass| pass.at).collect(),
            allowed_ids: passes.iter().map(|pass| pass.id.as_str()).collect(),
        };
        written.serialize(out)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<Pass>, D::Error> {
        let Read { allowed, allowed_ids } = Read::deserialize(from)?;
        let mut passes: Vec<Pass> = allowed.into_iter().map(Pass::from).collect();
        if passes.len() == allowed_ids.len() {
            passes.iter_mut().zip(allowed_ids).for_each(|(pass, id)| pass.id = id);
        }
        Ok(passes.into_iter().collect())
    }
}

impl Pass {
    /// Of an event.
    pub fn new(at: Timestamp, event_id: &str) -> Self {
        Self { at, id: digest(&[event_id]) }
    }
}

/// Where somebody looked for allowed calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// CloudTrail Event history, which holds no data events.
    History,
    /// An archive that could hold such calls.
    Log,
    /// Nowhere: Event history does not hold such calls, or is another account's, and no archive was read.
    Nowhere,
}

/// Allowed calls since the last denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    /// How many were seen.
    pub count: u64,
    /// There may be more that nobody counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// The first that is kept; with `at_least` there may be an earlier one.
    pub first: Timestamp,
    /// The latest.
    pub last: Timestamp,
}

impl Since {
    /// Of two items together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            at_least: self.at_least || other.at_least,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

/// What a look at a log shows of one finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sightings {
    /// Allowed calls of an item.
    #[serde(serialize_with = "as_pairs")]
    pub allowed: BTreeMap<ItemKey, BTreeSet<Pass>>,
    /// The same call allowed before the item was last denied: the latest.
    #[serde(serialize_with = "as_pairs")]
    pub before: BTreeMap<ItemKey, Timestamp>,
    /// Items of which there may be more allowed calls than were counted.
    pub more: BTreeSet<ItemKey>,
    /// Items of which every call until then was looked at.
    #[serde(serialize_with = "as_pairs")]
    pub looked: BTreeMap<ItemKey, (Source, Timestamp)>,
    /// Foretold actions that were used without a refusal, and when first.
    pub used: BTreeMap<String, Timestamp>,
}

fn as_pairs<T: Serialize, S: serde::Serializer>(map: &BTreeMap<ItemKey, T>, out: S) -> Result<S::Ok, S::Error> {
    out.collect_seq(map)
}

impl Sightings {
    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The latest time that it tells of.
    fn latest(&self) -> Option<Timestamp> {
        let allowed = self.allowed.values().filter_map(|passes| passes.last()).map(|pass| pass.at);
        let allowed = allowed.chain(self.before.values().copied());
        allowed.chain(self.looked.values().map(|(_, until)| *until)).chain(self.used.values().copied()).max()
    }
}

impl Finding {
    /// Ready for the ledger: counted nowhere, and each once, however often the same log is read. `None` where nothing was
    /// seen of what the finding has.
    ///
    /// ```
    /// # use denywatch::finding::{Finding, Sightings};
    /// fn nothing(finding: &Finding) -> bool {
    ///     finding.sighted(Sightings::default()).is_none()
    /// }
    /// ```
    pub fn sighted(&self, mut seen: Sightings) -> Option<Observed> {
        seen.allowed.retain(|key, passes| self.items.contains_key(key) && !passes.is_empty());
        seen.looked.retain(|key, _| self.items.contains_key(key));
        seen.before.retain(|key, _| self.items.contains_key(key));
        if seen.is_empty() {
            return None;
        }
        let text = serde_json::to_string(&seen).unwrap_or_default();
        let event_id = format!("sighted {}", digest(&[&self.id, &text]));
        let at = seen.latest();
        let mut finding = Self { items: BTreeMap::new(), used: seen.used, ..self.clone() };
        for (key, item) in &self.items {
            let (passes, looked) = (seen.allowed.remove(key), seen.looked.get(key).copied());
            let more = seen.more.contains(key);
            // Those since push out what the ledger has of calls between the denials.
            let before = seen.before.get(key).copied().max(item.allowed_before());
            let before: BTreeSet<Timestamp> = before.into_iter().collect();
            if passes.is_some() || looked.is_some() || more || !before.is_empty() {
                let allowed = passes.unwrap_or_default();
                let looked = looked.into_iter().collect();
                let item = Item { allowed, looked, more_allowed: more, before, ..Item::clone(item) };
                finding.items.insert(key.clone(), item.into());
            }
        }
        Some(Observed { event_id, shared_event_id: None, at, finding: finding.uncounted() })
    }
}

impl Item {
    /// Allowed calls since its last denial; `None` where none was seen or it is not known when it was denied.
    pub fn allowed_since(&self) -> Option<Since> {
        let denied = self.last_seen?;
        let later: Vec<Timestamp> = self.allowed.iter().map(|pass| pass.at).filter(|at| *at > denied).collect();
        Some(Since {
            count: later.len() as u64,
            at_least: self.more_allowed || later.len() >= ALLOWED_KEPT,
            first: *later.first()?,
            last: *later.last()?,
        })
    }

    /// Whether a call of this Region is one that was denied here: what one Region allows another may refuse. An item of
    /// which no Region is known takes any.
    pub fn is_of_region(&self, region: Option<&str>) -> bool {
        self.regions.is_empty() || region.is_some_and(|region| self.regions.contains(region))
    }

    /// When the same call last succeeded before it was last denied; `None` where that was not seen. It may have been denied
    /// before that, too.
    pub fn allowed_before(&self) -> Option<Timestamp> {
        let last = self.last_seen?;
        let between = self.allowed.iter().map(|pass| pass.at).take_while(|at| *at < last).last();
        between.max(self.before.range(..last).next_back().copied())
    }

    /// Until when somebody looked for allowed calls where they could show.
    pub fn looked_until(&self) -> Option<Timestamp> {
        self.looked.iter().filter(|(source, _)| **source != Source::Nowhere).map(|(_, until)| *until).max()
    }

    /// Until when somebody looked for allowed calls or found that no source holds them: so long no denial came.
    pub fn tried_until(&self) -> Option<Timestamp> {
        self.looked.values().max().copied()
    }

    /// Whether somebody tried, and no source could show calls since the last denial.
    pub fn is_unseen(&self) -> bool {
        self.looked.contains_key(&Source::Nowhere) && self.looked_until() <= self.last_seen
    }

    /// Merges what was seen after the denials.
    pub(super) fn merge_after(&mut self, other: &mut Item) {
        self.allowed.append(&mut other.allowed);
        while self.allowed.len() > ALLOWED_KEPT {
            self.allowed.pop_first();
        }
        self.before.append(&mut other.before);
        // The last denial only gets later, and all of these come before it.
        while self.before.len() > 1 {
            self.before.pop_first();
        }
        self.more_allowed |= other.more_allowed;
        for (source, until) in &other.looked {
            let there = self.looked.entry(*source).or_insert(*until);
            *there = (*there).max(*until);
        }
    }

    /// Of what is counted together, one allowed call says nothing.
    pub(super) fn forget_after(&mut self) {
        self.allowed.clear();
        self.looked.clear();
        self.more_allowed = false;
        self.before.clear();
    }
}

/// The earliest use of each, of the smallest actions: so neither the order of merging shows nor the size grows.
pub(super) fn merge_used(mine: &mut BTreeMap<String, Timestamp>, other: BTreeMap<String, Timestamp>) {
    for (action, at) in other {
        let there = mine.entry(action).or_insert(at);
        *there = (*there).min(at);
    }
    while mine.len() > USED_KEPT {
        mine.pop_last();
    }
}

#[cfg(test)]
mod tests {
    use super::super::observe;
    use super::super::tests::{denial, diagnosed};
    use super::*;

    /// An item with two calls of one second; and as its JSON.
    fn item() -> (Item, serde_json::Value) {
        let observed = observe(denial(1, 1, 1, 1, 1), diagnosed());
        let mut item = observed.finding.items.into_values().next().unwrap();
        let at = "2026-11-10T10:00:00Z".parse().unwrap();
        item.allowed = [Pass::new(at, "e1"), Pass::new(at, "e2")].into();
        item.looked = [(Source::Log, at)].into();
        let json = serde_json::to_value(&item).unwrap();
        (*item, json)
    }

    #[test]
    fn the_release_before_reads_what_this_one_writes() {
        /// The shape of the fields in a release that kept times only.
        #[derive(Deserialize)]
        struct Before {
            count: u64,
            #[serde(default)]
            allowed: BTreeSet<Timestamp>,
        }
        let (item, json) = item();
        let before: Before = serde_json::from_value(json).unwrap();
        assert_eq!((before.count, before.allowed), (1, item.allowed.iter().map(|pass| pass.at).collect()));
    }

    #[test]
    fn all_forms_of_a_ledger_are_read() {
        let (item, json) = item();
        assert_eq!(serde_json::from_value::<Item>(json.clone()).unwrap(), item);
        let text = json.to_string();
        assert_eq!(serde_json::from_str::<Item>(&text).unwrap(), item);
        let bare = Pass { at: item.allowed.first().unwrap().at, id: String::new() };
        let mut old = json.clone();
        old.as_object_mut().unwrap().remove("allowed_ids");
        assert_eq!(serde_json::from_value::<Item>(old).unwrap().allowed, [bare].into(), "times only");
        let mut pairs = json.clone();
        pairs.as_object_mut().unwrap().remove("allowed_ids");
        pairs["allowed"] = serde_json::to_value(&item.allowed).unwrap();
        assert!(pairs["allowed"][0].is_array());
        assert_eq!(serde_json::from_value::<Item>(pairs).unwrap().allowed, item.allowed, "pairs");
        let mut none = json;
        none.as_object_mut().unwrap().retain(|key, _| !key.starts_with("allowed"));
        assert_eq!(serde_json::from_value::<Item>(none).unwrap().allowed, [].into());
    }
}
