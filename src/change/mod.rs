//! Changes of policies: who changed what, and which change came before a denial or after it.
//!
//! A change is kept with what it touched (its [`Change::targets`]); a finding is told by the same words ([`targets`]), so
//! that the two are found whichever came first. What is said is "the last change before": that it was the cause no event
//! proves.

mod read;
mod relate;
mod table;

pub use read::{LARGEST_DOCUMENT, from_record};
pub use relate::{BEFORE, Changed, Changes, Shows, Story, related, story, targets};
pub use table::{Effect, KINDS, Kind, Layer, kind};

use crate::principal::Principal;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Changes kept of one target: the latest.
pub const KEPT: usize = 40;

/// A successful change of a policy, or of who is under it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// `eventID`.
    pub event_id: String,
    /// `eventSource`.
    pub source: String,
    /// `eventName`.
    pub name: String,
    /// The account whose trail tells it.
    pub account: Option<String>,
    /// Who made it; the session's name is chosen by the caller: untrusted.
    pub by: Principal,
    /// The service that made it with the author's permissions, such as CloudFormation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// What was changed, for people: a principal, a policy, a resource. Untrusted.
    pub what: String,
    /// The policy by name or ARN, where it is another thing than `what`. Untrusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// What it touched, in the words of [`targets`].
    pub targets: BTreeSet<String>,
    /// The new document as the request had it, where it is no longer than [`LARGEST_DOCUMENT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// The latest of two lists of one target's changes, each once.
pub fn latest(mut one: BTreeSet<Change>, other: impl IntoIterator<Item = Change>) -> BTreeSet<Change> {
    for change in other {
        if !one.iter().any(|there| there.event_id == change.event_id) {
            one.insert(change);
        }
    }
    while one.len() > KEPT {
        one.pop_first();
    }
    one
}
