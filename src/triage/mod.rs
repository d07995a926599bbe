//! Finding → [`Verdict`]; one file a rule family.

use serde::{Deserialize, Serialize};

/// What is to be done about an item or a finding, the most serious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Looks like an attack or a scan: security's matter, never a patch.
    Probing,
    /// The policy belongs to somebody else (resource, key, boundary, endpoint).
    Owner,
    /// A patch exists; a person must decide on it.
    Review,
    /// The caller's own policy lacks it, and a safe patch is at hand.
    Patch,
    /// Nothing names the layer or the facts.
    Unclear,
    /// Denied by design: SCP, RCP, explicit deny.
    Upheld,
    /// The same call soon succeeded.
    Transient,
    /// A rule says that this is expected.
    Expected,
}

/// How pressing a finding is, the most pressing first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Probing, a leaked key.
    Critical,
    /// A workload fails now.
    High,
    /// A person or a development workload is blocked.
    Medium,
    /// Background noise.
    Low,
}
