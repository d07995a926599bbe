//! What a file shows of each item and of what was foretold: as little as a ledger keeps of it.

use crate::change::Change;
use crate::finding::{ALLOWED_KEPT, Pass};
use crate::io::sources::many::Joins;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What files show, in whatever order they are read.
#[derive(Debug, Default)]
pub struct Seen {
    /// Allowed calls of an item, by its number.
    pub(super) calls: BTreeMap<u32, Calls>,
    /// First uses of what was foretold, by its number.
    pub(super) used: BTreeMap<u32, Timestamp>,
    /// Changes of policies.
    pub changes: Vec<Change>,
}

/// Allowed calls of one item.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    /// The latest before its last denial.
    pub(super) before: Option<Timestamp>,
    /// Those since its first denial, the latest, in order: a list, as most are short and a set has room for eleven.
    allowed: Vec<Slim>,
}

/// A [`Pass`] without what it owns elsewhere; in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slim {
    at: Timestamp,
    /// Its hash, then zeros.
    id: [u8; 10],
}

/// Bytes of a call in a file: its second and nanosecond, and its hash.
pub(super) const SLIM: usize = 8 + 4 + 10;

impl Slim {
    fn new(pass: &Pass) -> Self {
        let mut id = [0; 10];
        id.iter_mut().zip(pass.id.bytes()).for_each(|(place, byte)| *place = byte);
        Self { at: pass.at, id }
    }

    fn put(&self, text: &mut Vec<u8>) {
        text.extend_from_slice(&self.at.as_second().to_le_bytes());
        text.extend_from_slice(&self.at.subsec_nanosecond().to_le_bytes());
        text.extend_from_slice(&self.id);
    }

    /// What [`Slim::put`] wrote; `None` of anything else.
    fn of(text: &[u8]) -> Option<Self> {
        let (second, rest) = text.split_first_chunk()?;
        let (nanosecond, id) = rest.split_first_chunk()?;
        let at = Timestamp::new(i64::from_le_bytes(*second), i32::from_le_bytes(*nanosecond)).ok()?;
        Some(Self { at, id: id.try_into().ok()? })
    }

    fn pass(&self) -> Pass {
        Pass { at: self.at, id: String::from_utf8_lossy(&self.id).trim_end_matches('\0').to_owned() }
    }
}

impl Calls {
    /// Whether a call before the last denial is the latest.
    pub(super) fn is_later(&self, at: Timestamp) -> bool {
        self.before.is_none_or(|before| at > before)
    }

    /// Whether a call since the first denial is one of those that are kept.
    pub(super) fn is_kept(&self, at: Timestamp) -> bool {
        self.kept_from().is_none_or(|kept| at >= kept)
    }

    /// From when on calls matter, once there are as many as are kept.
    pub(super) fn kept_from(&self) -> Option<Timestamp> {
        self.allowed.first().filter(|_| self.allowed.len() >= ALLOWED_KEPT).map(|pass| pass.at)
    }

    /// How many are kept of those since.
    pub(super) fn len(&self) -> usize {
        self.allowed.len()
    }

    /// Those since, for a file; [`SLIM`] bytes each.
    pub(super) fn written(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.allowed.len() * SLIM);
        self.allowed.iter().for_each(|call| call.put(&mut text));
        text
    }

    /// Those that were written; `None` of any other bytes.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let allowed = text.chunks(SLIM).map(Slim::of).collect::<Option<Vec<_>>>()?;
        Some(Self { before: None, allowed })
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.before = self.before.max(other.before);
        for call in other.allowed {
            if let Err(place) = self.allowed.binary_search(&call) {
                self.allowed.insert(place, call);
            }
        }
        let surplus = self.allowed.len().saturating_sub(ALLOWED_KEPT);
        self.allowed.drain(..surplus);
    }

    pub(super) fn passes(&self) -> BTreeSet<Pass> {
        self.allowed.iter().map(Slim::pass).collect()
    }
}

impl Joins for Seen {
    fn weight(&self) -> u64 {
        // Calls are small.
        (self.changes.len() + self.calls.len() / 16) as u64
    }

    fn join(&mut self, later: Self) {
        self.merge(later);
    }

    /// All of it: what is seen adds up in any order.
    fn ahead(&mut self) -> Option<Self> {
        Some(std::mem::take(self))
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
        let read = Calls::read(&calls.written()).unwrap();
        assert_eq!((read.passes(), calls.written().len()), (calls.passes(), ALLOWED_KEPT * SLIM));
        assert!(Calls::read(b"short").is_none());
    }
}
