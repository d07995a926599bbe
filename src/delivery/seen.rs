//! What of a finding decides on its messages.

use crate::advice::{Advice, DeniedItem, Status};
use crate::triage::{Severity, Verdict};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// A finding, as far as messages depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// See [`fingerprint`].
    pub fingerprint: String,
    /// How pressing it is now.
    pub severity: Severity,
    /// Denied events so far.
    pub count: u64,
    /// The latest denial; `None` when no event told its time.
    pub last_denial: Option<Timestamp>,
    /// Whether it is open, silenced, or over.
    pub standing: Standing,
}

/// Whether there is something to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// At least one item is worth a message.
    Open,
    /// A rule or a snooze keeps every item out of the messages, or what was refused soon passed and nobody was told.
    Silenced,
    /// Of every item an allowed call was observed after its last denial.
    Resolved,
}

impl Seen {
    /// Of one finding.
    pub fn of(advice: &Advice) -> Self {
        Self {
            fingerprint: fingerprint(advice),
            severity: advice.severity,
            count: advice.count,
            last_denial: advice.last_seen,
            standing: standing(advice),
        }
    }
}

fn standing(advice: &Advice) -> Standing {
    if advice.verdict == Verdict::Expected {
        return Standing::Silenced;
    }
    let is = |wanted: Status| move |item: &&DeniedItem| item.status == wanted;
    let all = advice.denied.len();
    let resolved = advice.denied.iter().filter(is(Status::Resolved)).count();
    let muted = advice.denied.iter().filter(is(Status::Muted)).count();
    match (all, resolved + muted) {
        (0, _) => Standing::Open,
        (all, over) if over < all && advice.verdict != Verdict::Transient => Standing::Open,
        (all, over) if over < all => Standing::Silenced,
        _ if resolved > 0 => Standing::Resolved,
        _ => Standing::Silenced,
    }
}

/// Up to so many items, each new one is told; beyond, only when their number has doubled.
const ITEMS: usize = 20;

/// A short hash over what the finding is about. It changes with a new item; past twenty items (somebody trying every
/// door) only when their number passes the next power of two, so that a sweep is no flood of messages.
pub fn fingerprint(advice: &Advice) -> String {
    let items: BTreeSet<[String; 3]> = advice.denied.iter().map(about).collect();
    let told = if items.len() <= ITEMS {
        serde_json::json!(items)
    } else {
        serde_json::json!(["items at least", 1_u64 << items.len().ilog2()])
    };
    Sha256::digest(told.to_string()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Permission, resource scope and cause: what makes an item another item.
fn about(item: &DeniedItem) -> [String; 3] {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    [text(&item.action), text(&item.resource), item.diagnosis.cause.to_string()]
}
