//! Of what was denied, the latest allowed call before the last denial, however many calls came since.
//!
//! Beside the latest calls of an operation, which push out all that came before: a program that goes on for months would
//! not be told when it worked before the day it did not. Event history comes newest first, so a denial is met before the
//! calls that went before it; where time goes forward the latest call that is kept is noted when the denial comes.

use super::{Allowed, Calls, Watch};
use crate::app::allowed::is_of;
use crate::catalog::Catalog;
use crate::denial::Denial;
use crate::finding::{Item, ItemKey, Pass};
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What is kept of one caller's one operation: what was denied last.
const OF_ONE: usize = 50;
/// Bytes of all, about; what would be more is not kept.
const BYTES: usize = 4 << 20;
/// Bytes of one beside its names, about.
const FIXED: usize = 250;
/// No ARN that IAM knows is longer.
const LONGEST: usize = 2_048;

/// What was denied. Never without a resource, since no call would be known for the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Denied {
    pub action: String,
    pub resource: String,
    /// `None` where the event tells none: then calls of any Region are the same.
    pub region: Option<String>,
}

/// When it was denied, and the same calls allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Around {
    /// The last denial.
    pub denied: Timestamp,
    /// The latest call before it that is known.
    pub before: Option<Pass>,
    /// The latest call that is known; before the next denial it may be the one to tell.
    pub latest: Option<Pass>,
}

impl Around {
    fn of(denied: Timestamp) -> Self {
        Self { denied, before: None, latest: None }
    }

    /// With calls that are known.
    pub(super) fn with(denied: Timestamp, calls: &BTreeSet<Pass>) -> Self {
        let mut around = Self::of(denied);
        calls.iter().for_each(|pass| around.allow(pass));
        around
    }

    /// The oldest time in it.
    pub(super) fn oldest(&self) -> Timestamp {
        self.before.as_ref().map_or(self.denied, |before| before.at)
    }

    fn deny(&mut self, at: Timestamp) {
        self.denied = self.denied.max(at);
        if let Some(latest) = self.latest.take() {
            self.allow(&latest);
        }
    }

    fn allow(&mut self, pass: &Pass) {
        let later = |mine: &mut Option<Pass>| {
            if mine.as_ref() < Some(pass) {
                *mine = Some(pass.clone());
            }
        };
        later(&mut self.latest);
        if pass.at < self.denied {
            later(&mut self.before);
        }
    }

    /// The calls that are kept.
    pub(super) fn calls(&self) -> impl Iterator<Item = &Pass> {
        self.before.iter().chain(&self.latest)
    }
}

/// What was denied of one caller's one operation.
#[derive(Debug, Default)]
pub(super) struct OfOne(BTreeMap<Denied, Around>);

impl OfOne {
    /// Takes an allowed call.
    pub(super) fn allow(&mut self, pass: &Pass, call: &mut Allowed) {
        let same = self.0.iter_mut().filter(|(denied, _)| is_same(denied, call));
        same.for_each(|(_, around)| around.allow(pass));
    }

    /// Lets go what was denied first of too many.
    fn cut(&mut self) -> Option<Denied> {
        let first = self.0.iter().min_by_key(|(_, around)| around.denied).filter(|_| self.0.len() > OF_ONE);
        let first = first.map(|(denied, _)| denied.clone())?;
        self.0.remove(&first).map(|_| first)
    }
}

/// All that was denied, by who called what.
#[derive(Debug, Default)]
pub(super) struct Asked {
    of: BTreeMap<Watch, OfOne>,
    bytes: usize,
}

impl Asked {
    /// What is kept of one operation.
    pub(super) fn of(&mut self, watch: &Watch) -> Option<&mut OfOne> {
        self.of.get_mut(watch)
    }

    /// Takes what was denied then; `kept` are the calls of the operation that are known.
    pub(super) fn deny(&mut self, watch: &Watch, denied: Denied, at: Timestamp, kept: Option<&mut Calls>) {
        self.add(watch, denied, &Around::of(at), kept);
    }

    /// The same, with calls that are known beside them.
    pub(super) fn add(&mut self, watch: &Watch, denied: Denied, around: &Around, kept: Option<&mut Calls>) {
        let is_new = self.of.get(watch).is_none_or(|all| !all.0.contains_key(&denied));
        if denied.resource.is_empty() || denied.resource.len() > LONGEST || (is_new && self.bytes >= BYTES) {
            return;
        }
        if is_new {
            self.bytes += size(watch, &denied);
        }
        let all = self.of.entry(watch.clone()).or_default();
        let mine = all.0.entry(denied.clone()).or_insert_with(|| Around::of(around.denied));
        mine.deny(around.denied);
        around.calls().for_each(|pass| mine.allow(pass));
        // Those that come after it is there are taken as they come.
        for (pass, call) in kept.into_iter().flatten().filter(|_| is_new) {
            if is_same(&denied, call) {
                mine.allow(pass);
            }
        }
        if let Some(first) = all.cut() {
            self.bytes -= size(watch, &first);
        }
    }

    /// Adds what another part knows; `kept` are the calls that are known here.
    pub(super) fn merge(&mut self, other: Self, kept: &mut BTreeMap<Watch, Calls>) {
        for (watch, all) in other.of {
            for (denied, around) in all.0 {
                self.add(&watch, denied, &around, kept.get_mut(&watch));
            }
        }
    }

    /// The latest call of an operation before an item was last denied.
    pub(super) fn before(&self, watch: &Watch, key: &ItemKey, item: &Item) -> Option<Timestamp> {
        let is_of = |denied: &Denied| {
            (&denied.action, &denied.resource) == (&key.action, &key.resource)
                && item.is_of_region(denied.region.as_deref())
        };
        let of_item = self.of.get(watch)?.0.iter().filter(|(denied, _)| is_of(denied));
        of_item.flat_map(|(_, around)| around.calls()).map(|pass| pass.at).filter(|at| Some(*at) < item.last_seen).max()
    }

    /// Whether nothing was denied.
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// What was denied last comes first.
    pub(super) fn latest_first(&self) -> Vec<(&Watch, &Denied, &Around)> {
        let mut all = Vec::new();
        for (watch, of_one) in &self.of {
            all.extend(of_one.0.iter().map(|(denied, around)| (watch, denied, around)));
        }
        all.sort_by_key(|(watch, denied, around)| (Reverse(around.denied), *watch, *denied));
        all
    }
}

/// What a denial was for.
pub(super) fn denied(denial: &Denial) -> impl Iterator<Item = Denied> {
    denial.permissions.iter().filter_map(|permission| {
        let (action, resource) = (permission.action.clone()?, permission.resource.clone()?);
        Some(Denied { action, resource, region: denial.region.clone() })
    })
}

/// Whether a call was for what was denied.
fn is_same(denied: &Denied, call: &mut Allowed) -> bool {
    let is_here = denied.region.as_ref().is_none_or(|region| *region == call.region);
    // One call is asked by many denials: what it needed is worked out once.
    is_here && is_of(&call.settle(Catalog::embedded()), &denied.action, &denied.resource)
}

/// Bytes that it takes, about.
fn size((caller, operation): &Watch, denied: &Denied) -> usize {
    let name = caller.2.as_ref().map_or(0, String::len);
    FIXED + name + operation.len() + denied.action.len() + denied.resource.len()
}

#[cfg(test)]
#[path = "asked_tests.rs"]
mod tests;
