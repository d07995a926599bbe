//! When a finding is told, and that it is told once: claimed in the ledger before, released when sending failed.

use crate::advice::{Advice, DeniedItem, Status};
use crate::triage::Verdict;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::time::Duration;

/// The right to tell one thing to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The finding's id, or the report's key.
    pub id: String,
    /// [`crate::io::sinks::Sink::name`].
    pub destination: String,
    /// What is told: see [`fingerprint`].
    pub fingerprint: String,
    /// The time of what is told: the latest denial's, so that events delivered again never reopen anything.
    pub at: Timestamp,
    /// The same may be told again when `at` is so much later; `None`: never.
    pub again_after: Option<Duration>,
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

/// Whether a finding is worth a message: not what a rule expects, what soon succeeded, or what is muted or resolved.
pub fn is_told(advice: &Advice) -> bool {
    let stands = |status| !matches!(status, Status::Muted | Status::Resolved);
    !matches!(advice.verdict, Verdict::Expected | Verdict::Transient)
        && (advice.denied.is_empty() || advice.denied.iter().any(|item| stands(item.status)))
}
