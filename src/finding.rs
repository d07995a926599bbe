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
