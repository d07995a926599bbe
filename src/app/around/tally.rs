//! What a second look has seen of each item and of what was foretold: as little as a ledger keeps of it.

use super::Around;
use crate::app::reach::reach;
use crate::change::Change;
use crate::finding::{ALLOWED_KEPT, Finding, Pass, Sightings, Source};
use crate::io::sources::many::Joins;
use crate::io::stores::Place;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What files show, in whatever order they are read.
#[derive(Debug, Default)]
pub struct Seen {
    /// Allowed calls of an item, by its number.
    calls: BTreeMap<u32, Calls>,
    /// First uses of what was foretold, by its number.
    used: BTreeMap<u32, Timestamp>,
    /// Changes of policies.
    pub changes: Vec<Change>,
}

/// Allowed calls of one item.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// The latest before its first denial.
    pub(super) before: Option<Timestamp>,
    /// Those since, the latest, in order: a list, as most are short and a set has room for eleven.
    allowed: Vec<Slim>,
}

/// A [`Pass`] without what it owns elsewhere; in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Slim {
    at: Timestamp,
    /// Its hash, then zeros.
    id: [u8; 10],
}

impl Slim {
    fn new(pass: &Pass) -> Self {
        let mut id = [0; 10];
        id.iter_mut().zip(pass.id.bytes()).for_each(|(place, byte)| *place = byte);
        Self { at: pass.at, id }
    }

    fn pass(&self) -> Pass {
        Pass { at: self.at, id: String::from_utf8_lossy(&self.id).trim_end_matches('\0').to_owned() }
    }
}

impl Calls {
    /// Whether a call of then can still change it.
    pub(super) fn is_open_to(&self, at: Timestamp, is_before: bool) -> bool {
        match is_before {
            true => self.before.is_none_or(|before| at > before),
            false => self.kept_from().is_none_or(|kept| at >= kept),
        }
    }

    /// From when on calls matter, once there are as many as are kept.
    pub(super) fn kept_from(&self) -> Option<Timestamp> {
        self.allowed.first().filter(|_| self.allowed.len() >= ALLOWED_KEPT).map(|pass| pass.at)
    }

    fn merge(&mut self, other: Self) {
        self.before = self.before.max(other.before);
        for call in other.allowed {
            if let Err(place) = self.allowed.binary_search(&call) {
                self.allowed.insert(place, call);
            }
        }
        let surplus = self.allowed.len().saturating_sub(ALLOWED_KEPT);
        self.allowed.drain(..surplus);
    }

    fn passes(&self) -> BTreeSet<Pass> {
        self.allowed.iter().map(Slim::pass).collect()
    }
}

impl Joins for Seen {
    fn weight(&self) -> u64 {
        self.changes.len() as u64
    }

    fn join(&mut self, later: Self) {
        self.merge(later);
    }
}

impl Seen {
    pub(super) fn calls(&self, item: u32) -> Option<&Calls> {
        self.calls.get(&item)
    }

    pub(super) fn used(&self, foretold: u32) -> Option<Timestamp> {
        self.used.get(&foretold).copied()
    }

    pub(super) fn add_before(&mut self, item: u32, at: Timestamp) {
        self.calls.entry(item).or_default().merge(Calls { before: Some(at), ..Calls::default() });
    }

    pub(super) fn add_allowed(&mut self, item: u32, at: Timestamp, id: &str) {
        self.calls
            .entry(item)
            .or_default()
            .merge(Calls { allowed: vec![Slim::new(&Pass::new(at, id))], ..Calls::default() });
    }

    pub(super) fn add_used(&mut self, foretold: u32, at: Timestamp) {
        let there = self.used.entry(foretold).or_insert(at);
        *there = (*there).min(at);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.used.is_empty() && self.changes.is_empty()
    }

    /// Adds what another part of a file shows.
    pub(super) fn merge(&mut self, other: Self) {
        for (item, calls) in other.calls {
            self.calls.entry(item).or_default().merge(calls);
        }
        other.used.into_iter().for_each(|(foretold, at)| self.add_used(foretold, at));
        self.changes.extend(other.changes);
    }

    /// Adds what another file shows, without its changes, and lets `around` know what need not be sought any more.
    pub(in crate::app) fn add(&mut self, other: Self, around: &Around) {
        for (item, calls) in other.calls {
            let there = self.calls.entry(item).or_default();
            there.merge(calls);
            around.settle(item, there);
        }
        for (foretold, at) in other.used {
            self.add_used(foretold, at);
            around.settle_use(foretold, self.used[&foretold]);
        }
    }

    /// What it adds to a finding; `places` are where and when all was read.
    pub(in crate::app) fn sightings(&self, finding: &Finding, places: &[Place], around: &Around) -> Sightings {
        let mut seen = Sightings::default();
        for (key, item) in &finding.items {
            if let Some(until) = reach(finding, item, places, |service, is_data| around.holds(service, is_data)) {
                seen.looked.insert(key.clone(), (Source::Log, until));
            }
        }
        let Some((items, foretold)) = around.numbers(&finding.id) else { return seen };
        for (number, calls) in items.filter_map(|number| Some((number, self.calls.get(&number)?))) {
            let key = around.key(number);
            seen.before.extend(calls.before.map(|at| (key.clone(), at)));
            if calls.allowed.len() >= ALLOWED_KEPT {
                seen.more.insert(key.clone());
            }
            if !calls.allowed.is_empty() {
                seen.allowed.insert(key.clone(), calls.passes());
            }
        }
        let used = foretold.filter_map(|number| Some((around.foretold(number).action.clone(), self.used(number)?)));
        seen.used.extend(used);
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slim_call_is_the_whole_one_in_the_same_order() {
        let pass = |second, id: &str| Pass::new(Timestamp::from_second(second).unwrap(), id);
        let all: BTreeSet<Pass> = (0..60).map(|n| pass(n / 3, &n.to_string())).collect();
        let slim = Vec::from_iter(all.iter().map(Slim::new));
        assert!(slim.is_sorted() && slim.iter().zip(&all).all(|(slim, pass)| slim.pass() == *pass));
        let mut calls = Calls::default();
        for call in slim.iter().rev().chain(&slim) {
            calls.merge(Calls { allowed: vec![*call], ..Calls::default() });
        }
        assert_eq!(calls.passes(), all.into_iter().skip(10).collect(), "the latest, each once");
    }
}
