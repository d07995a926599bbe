//! (Denial, Context) → [`Diagnosis`]: what we conclude, the evidence, what was not checked. One file a cause.

mod target;

pub use target::{Target, TargetKind};

use serde::{Deserialize, Serialize};

/// What we conclude from a denial.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnosis {
    /// A stable word, such as `identity_allow_missing`.
    pub cause: String,
    /// One sentence for a person; untrusted text in it is escaped at the sink.
    pub summary: String,
    /// What it rests on.
    pub evidence: Vec<String>,
    /// What was not looked at, and could change the answer.
    pub unchecked: Vec<String>,
}
