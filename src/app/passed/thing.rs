//! Something that was denied, and the latest call for the same before its last denial.

use crate::app::allowed::{Allowed, is_of};
use crate::catalog::Catalog;
use crate::finding::{Item, Pass};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Bytes of one beside its names, with what it needs of its caller's, about.
const FIXED: usize = 500;
/// Regions that are kept of one.
const REGIONS: usize = 60;
/// Bytes of a Region beside its name, about.
const REGION: usize = 150;

/// The first and the last of some times.
pub(super) type Times = (Timestamp, Timestamp);

/// What is known of the latest call before a time: nothing, that there was none, or when it was.
pub(super) type Before = Option<Option<Timestamp>>;

/// An action on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) action: String,
    /// Never empty, since no call would be known for the same.
    pub(super) resource: String,
    /// Its last denial, wherever that was.
    pub(super) denied: Timestamp,
    /// Between which times calls may lie that it was not told of.
    pub(super) unseen: Option<Times>,
    /// Calls for it, by Region; it is empty where the event tells none.
    pub(super) regions: Vec<(String, Latest)>,
}

/// The latest calls that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Latest {
    /// Before the last denial.
    pub(super) before: Option<Pass>,
    /// Of all: before the next denial it may be the one to tell.
    pub(super) last: Pass,
}

impl Thing {
    pub(super) fn new(action: &str, resource: &str, denied: Timestamp) -> Self {
        let (action, resource) = (action.to_owned(), resource.to_owned());
        Self { action, resource, denied, unseen: None, regions: Vec::new() }
    }

    pub(super) fn is(&self, action: &str, resource: &str) -> bool {
        (&*self.action, &*self.resource) == (action, resource)
    }

    /// Is told of a call, whatever it was for.
    pub(super) fn meet(&mut self, pass: &Pass, call: &mut Allowed) {
        // One call is told to many: what it needed is worked out once.
        if is_of(&call.settle(Catalog::embedded()), &self.action, &self.resource) {
            self.allow(&call.region, pass);
        }
    }

    /// Takes a call for it.
    pub(super) fn allow(&mut self, region: &str, pass: &Pass) {
        let before = Some(pass).filter(|pass| pass.at < self.denied).cloned();
        let is_full = self.regions.len() >= REGIONS;
        match self.regions.iter_mut().find(|(name, _)| name == region) {
            Some((_, calls)) => {
                calls.before = calls.before.take().max(before);
                if calls.last < *pass {
                    calls.last = pass.clone();
                }
            }
            // There are no more in AWS. What is not kept may have been any call.
            None if is_full => self.unseen = around(self.unseen, Some((pass.at, pass.at))),
            None => {
                self.regions.reserve_exact(1);
                self.regions.push((region.to_owned(), Latest { before, last: pass.clone() }));
            }
        }
    }

    /// Was denied then, too; these calls are kept, and these gone. Of calls that came after the last denial so far it knows but
    /// the latest.
    pub(super) fn deny(&mut self, at: Timestamp, calls: &mut BTreeMap<Pass, Allowed>, gone: Option<Times>) {
        if at <= self.denied {
            return;
        }
        let since = std::mem::replace(&mut self.denied, at);
        let mut is_open = false;
        for (_, calls) in &mut self.regions {
            match calls.last.at < at {
                true => calls.before = Some(calls.last.clone()),
                false => is_open = true,
            }
        }
        if is_open {
            calls.iter_mut().for_each(|(pass, call)| self.meet(pass, call));
            let between = gone.map(|(from, until)| (from.max(since), until.min(at)));
            self.unseen = around(self.unseen, between.filter(|(from, until)| from <= until));
        }
    }

    /// Adds what another part of the log tells of the same, denied no later.
    pub(super) fn add(&mut self, other: Self) {
        self.unseen = around(self.unseen, other.unseen);
        for (region, Latest { before, last }) in other.regions {
            before.iter().chain([&last]).for_each(|pass| self.allow(&region, pass));
        }
    }

    /// The latest call before an item for it was last denied.
    pub(super) fn before(&self, item: &Item, denied: Timestamp) -> Before {
        let mut latest = None;
        for (_, calls) in self.regions.iter().filter(|(region, _)| item.is_of_region(Some(region))) {
            let before = calls.before.as_ref().map(|pass| pass.at);
            latest = latest.max(match () {
                () if calls.last.at < denied => Some(calls.last.at),
                // None is later before its own last denial, so none before an earlier one.
                () if denied <= self.denied && before < Some(denied) => before,
                () => return None,
            });
        }
        Some(latest).filter(|latest| !lies_between(self.unseen, *latest, denied))
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let regions: usize = self.regions.iter().map(|(name, _)| REGION + name.len()).sum();
        FIXED + self.action.len() + self.resource.len() + regions
    }

    /// The oldest time in it.
    pub(super) fn oldest(&self) -> Timestamp {
        let calls = self.regions.iter().map(|(_, calls)| calls.before.as_ref().unwrap_or(&calls.last).at);
        calls.fold(self.denied, Timestamp::min)
    }
}

/// The times that hold both.
pub(super) fn around(one: Option<Times>, other: Option<Times>) -> Option<Times> {
    match (one, other) {
        (Some((from, until)), Some((since, to))) => Some((from.min(since), until.max(to))),
        (one, other) => one.or(other),
    }
}

/// Whether something of these times may lie behind a call and before a denial.
pub(super) fn lies_between(times: Option<Times>, call: Option<Timestamp>, denied: Timestamp) -> bool {
    times.is_some_and(|(from, until)| from < denied && call.is_none_or(|call| call < until))
}
