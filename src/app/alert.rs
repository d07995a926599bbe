//! When a finding is told, and that it is told once: claimed in the ledger before, released when sending failed.

use crate::advice::{Advice, Status};
pub use crate::delivery::fingerprint;
use crate::triage::Verdict;
use jiff::Timestamp;
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

/// Whether a finding is worth a message: not what a rule expects, what soon succeeded, or what is muted or resolved.
pub fn is_told(advice: &Advice) -> bool {
    let stands = |status| !matches!(status, Status::Muted | Status::Resolved);
    !matches!(advice.verdict, Verdict::Expected | Verdict::Transient)
        && (advice.denied.is_empty() || advice.denied.iter().any(|item| stands(item.status)))
}
