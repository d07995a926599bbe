//! Finding → [`Advice`]: verdict, severity, diagnosis and graded patches: the contract's FINDING.

use crate::denial::{How, Reason};
use crate::diagnosis::Diagnosis;
use crate::patch::Patch;
use crate::principal::Principal;
use crate::triage::{Severity, Verdict};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A finding as people and programs see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advice {
    /// See [`crate::finding::Finding::id`].
    pub id: String,
    /// Who was refused.
    pub principal: Principal,
    /// The account the denials were recorded in.
    pub account: Option<String>,
    /// Denied events, each counted once.
    pub count: u64,
    /// Earliest denial; `None` for pasted text.
    pub first_seen: Option<Timestamp>,
    /// Latest denial.
    pub last_seen: Option<Timestamp>,
    /// One entry a permission and resource scope.
    pub denied: Vec<DeniedItem>,
    /// The most serious verdict of its items.
    pub verdict: Verdict,
    /// How pressing it is.
    pub severity: Severity,
    /// What we conclude of the most serious item.
    pub diagnosis: Diagnosis,
    /// One a target and applicability.
    pub patches: Vec<Patch>,
    /// Denied events a day (UTC).
    pub days: BTreeMap<Date, u64>,
}

/// One permission and resource scope inside a finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeniedItem {
    /// Canonical IAM action; `None` when unknown.
    pub action: Option<String>,
    /// Exact resource; `None` when unknown.
    pub resource: Option<String>,
    /// Denied events.
    pub count: u64,
    /// Earliest.
    pub first_seen: Option<Timestamp>,
    /// Latest.
    pub last_seen: Option<Timestamp>,
    /// What is to be done about it.
    pub verdict: Verdict,
    /// `open`, `quiet`, `resolved`, `muted`.
    pub status: Status,
    /// How the action was found.
    pub how: How,
    /// At most five event ids.
    pub events: Vec<String>,
    /// Operations that met it.
    pub operations: Vec<String>,
    /// Regions of the calls.
    pub regions: Vec<String>,
    /// AWS's reason.
    pub reason: Reason,
    /// What we concluded.
    pub diagnosis: Diagnosis,
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Denied lately.
    Open,
    /// No denial for a while; nothing more is known.
    Quiet,
    /// An allowed call was observed after the last denial.
    Resolved,
    /// A rule keeps it out of the messages.
    Muted,
}
