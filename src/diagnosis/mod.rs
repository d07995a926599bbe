//! (Denial, Context) → [`Diagnosis`]: what we conclude, the evidence, what was not checked. One file a cause.

mod cause;
mod target;

pub use cause::Cause;
pub use target::{Target, TargetKind};

use serde::{Deserialize, Serialize};

/// What we conclude from a denial.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What went wrong, as one stable word.
    pub cause: Cause,
    /// One sentence for a person; untrusted text in it is escaped at the sink.
    pub summary: String,
    /// What it rests on.
    pub evidence: Vec<String>,
    /// What was not looked at, and could change the answer.
    pub unchecked: Vec<String>,
    /// What a person must settle before a patch is applied; empty when nothing stands against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
}

/// A diagnosis and the policy that it points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosed {
    /// What we conclude.
    pub diagnosis: Diagnosis,
    /// The policy that would have to change, or that upholds the denial.
    pub target: Target,
}
