//! How pressing a finding is.

use super::Verdict;
use crate::principal::{Principal, PrincipalKind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How pressing a finding is, the most pressing first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Probing, a leaked key.
    Critical,
    /// A workload fails.
    High,
    /// A person is blocked, or a workload whose name says that it is not production.
    Medium,
    /// Upheld, expected, unclear.
    Low,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// From the verdict and from who was refused; the name's words are a hint only, so they lower by one step at most.
pub fn severity(verdict: Verdict, principal: &Principal) -> Severity {
    match verdict {
        Verdict::Probing => Severity::Critical,
        Verdict::Upheld | Verdict::Transient | Verdict::Expected | Verdict::Unclear => Severity::Low,
        Verdict::Patch | Verdict::Review | Verdict::Owner => match principal.kind {
            PrincipalKind::Role | PrincipalKind::ServiceLinkedRole | PrincipalKind::Service if !is_trial(principal) => {
                Severity::High
            }
            PrincipalKind::Role
            | PrincipalKind::ServiceLinkedRole
            | PrincipalKind::Service
            | PrincipalKind::User
            | PrincipalKind::PermissionSet
            | PrincipalKind::Root
            | PrincipalKind::Federated
            | PrincipalKind::Account
            | PrincipalKind::Anonymous
            | PrincipalKind::Unknown => Severity::Medium,
        },
    }
}

fn is_trial(principal: &Principal) -> bool {
    let name = principal.name.as_deref().unwrap_or_default().to_ascii_lowercase();
    name.split(|letter: char| !letter.is_ascii_alphanumeric())
        .any(|word| matches!(word, "dev" | "test" | "sandbox" | "staging" | "qa" | "demo"))
}
