//! Findings by their heads.

use crate::finding::Finding;
use crate::triage::probing::{Caller, caller};

/// A finding without what it holds: so many fit into little memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Head {
    /// The same for all findings of a caller; others may share it.
    pub owner: Box<str>,
    /// The finding's id.
    pub id: Box<str>,
}

impl Head {
    /// The head of a finding with this id.
    pub(super) fn new(id: &str, owner: &str) -> Self {
        Self { owner: owner.into(), id: id.into() }
    }

    /// The head of this finding.
    pub(super) fn of(finding: &Finding) -> Self {
        Self::new(&finding.id, owner(&caller(&finding.principal)))
    }
}

/// By owner and id, each once.
pub(super) fn sorted(mut heads: Vec<Head>) -> Vec<Head> {
    heads.sort_unstable();
    heads.dedup();
    heads
}

/// What all findings of a caller share, and a store's columns tell.
pub(super) fn owner((_, _, name): &Caller) -> &str {
    name.as_deref().unwrap_or_default()
}
