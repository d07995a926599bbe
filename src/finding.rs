//! Denials of one principal that one policy would mend, folded; merging is commutative, associative, idempotent.

use crate::denial::{Facts, How, Reason};
use crate::diagnosis::{Diagnosis, Target};
use crate::principal::Principal;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The folded denials of one principal and one place of the patch: what the ledger keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `D-` and base32 characters over account, principal kind, principal name and place of the patch.
    pub id: String,
    /// Who was refused (with the smallest session name as the sample).
    pub principal: Principal,
    /// The policy that would mend it, or that upholds it.
    pub target: Target,
    /// The account the denials were recorded in.
    pub account: Option<String>,
    /// Denied events, each counted once.
    pub count: u64,
    /// Denied events a day (UTC); `None` dates (pasted text) are not counted here.
    pub days: BTreeMap<Date, u64>,
    /// One entry a permission and resource scope.
    pub items: BTreeMap<ItemKey, Item>,
}

/// What an item is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemKey {
    /// Canonical IAM action; empty when unknown.
    pub action: String,
    /// Exact resource, raw; empty when unknown.
    pub resource: String,
    /// The cause's word, so that two causes of one permission stay apart.
    pub cause: String,
}

/// One permission on one resource, and the denials of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Denied events.
    pub count: u64,
    /// Earliest and latest, where the events tell.
    pub first_seen: Option<Timestamp>,
    /// See `first_seen`.
    pub last_seen: Option<Timestamp>,
    /// At most five event ids: the earliest.
    pub events: BTreeSet<(Option<Timestamp>, String)>,
    /// How the action was found.
    pub how: How,
    /// AWS's reason (of the sample).
    pub reason: Reason,
    /// What we concluded (of the sample).
    pub diagnosis: Diagnosis,
    /// Operations that met it, `prefix:Operation`.
    pub operations: BTreeSet<String>,
    /// Regions of the calls.
    pub regions: BTreeSet<String>,
    /// Facts of the sample: smallest by event time and id.
    pub facts: Facts,
}

/// One denied event as the ledger takes it: its ids, and a finding that holds it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The key for counting once; never empty.
    pub event_id: String,
    /// The same act, told by another account's trail, bears the same.
    pub shared_event_id: Option<String>,
    /// When it happened; `None` for pasted text.
    pub at: Option<Timestamp>,
    /// The event as a finding of one.
    pub finding: Finding,
}

/// How many event ids an item keeps as samples.
const SAMPLES: usize = 5;

impl Finding {
    /// Adds another finding of the same id. The order of merging does not matter; an event must be merged once only,
    /// which is the ledger's work.
    pub fn merge(&mut self, other: Finding) {
        if (other.principal.session.is_some(), &other.principal) < (self.principal.session.is_some(), &self.principal) {
            self.principal = other.principal;
        }
        self.target = self.target.clone().min(other.target);
        self.count += other.count;
        for (day, count) in other.days {
            *self.days.entry(day).or_default() += count;
        }
        for (key, item) in other.items {
            match self.items.entry(key) {
                std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(item)),
                std::collections::btree_map::Entry::Occupied(mut there) => there.get_mut().merge(item),
            }
        }
    }
}

impl Item {
    fn merge(&mut self, other: Item) {
        if other.sample_key() < self.sample_key() {
            (self.how, self.reason) = (other.how, other.reason);
            (self.diagnosis, self.facts) = (other.diagnosis, other.facts);
        }
        self.count += other.count;
        self.first_seen = earliest(self.first_seen, other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.events.extend(other.events);
        while self.events.len() > SAMPLES {
            self.events.pop_last();
        }
        self.operations.extend(other.operations);
        self.regions.extend(other.regions);
    }

    /// The earliest event, and the facts themselves where no event tells.
    fn sample_key(&self) -> impl Ord + '_ {
        (self.events.first(), self.how, &self.reason, &self.diagnosis, &self.facts)
    }
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
