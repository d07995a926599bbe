//! Companions foretold, scored: was the permission refused later, was it used without a refusal, or is it still open.
//!
//! Worked out anew from what the ledger keeps, so that the order in which events came in never shows: what was foretold is
//! what the finding's earlier items alone would foretell.

use crate::catalog::Catalog;
use crate::diagnosis::Held;
use crate::finding::Finding;
use crate::patch::{Companion, draft};
use crate::policy::pattern::matches_arn;
use crate::triage::probing::caller;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Moments of a finding at which is asked what was foretold: the earliest times at which items joined it.
const MOMENTS: usize = 4;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Refused later: it came true.
    CameTrue,
    /// Used without a refusal: it was there already.
    Needless,
    /// Neither was seen yet.
    Open,
}

/// One foretold permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foretold {
    /// IAM action.
    pub action: String,
    /// Escaped policy resources; empty where the events did not tell which.
    pub resources: Vec<String>,
    /// When the denial was seen that foretold it; `None` for pasted text.
    pub since: Option<Timestamp>,
    /// What became of it.
    pub outcome: Outcome,
    /// When that was first seen; `None` while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// What a finding foretold, unscored, by action; of two moments the earlier.
///
/// `patches` are the companions of the finding as it is now: with items of one moment only nothing needs to be drafted.
pub fn predictions(
    finding: &Finding,
    now: impl IntoIterator<Item = Companion>,
    held: Option<&Held>,
    catalog: &Catalog,
) -> Vec<Foretold> {
    let moments: BTreeSet<Option<Timestamp>> = finding.items.values().map(|item| item.first_seen).collect();
    let mut all = BTreeMap::new();
    if moments.len() > 1 {
        for moment in moments.iter().take(MOMENTS) {
            let mut early = finding.clone();
            early.items.retain(|_, item| item.first_seen <= *moment);
            let companions: Vec<Companion> =
                draft(&early, held, catalog).into_iter().flat_map(|draft| draft.companions).collect();
            add(&mut all, companions, *moment);
        }
    }
    add(&mut all, now, moments.last().copied().flatten());
    all.into_values().collect()
}

fn add(
    all: &mut BTreeMap<String, Foretold>,
    companions: impl IntoIterator<Item = Companion>,
    since: Option<Timestamp>,
) {
    for companion in companions.into_iter().filter(|companion| !companion.is_for_another()) {
        for action in companion.actions {
            let resources = companion.resources.clone();
            let fresh = Foretold { action: action.clone(), resources, since, outcome: Outcome::Open, at: None };
            all.entry(action).or_insert(fresh);
        }
    }
}

/// Scores what a finding foretold, by the findings of the same caller and by what was used.
pub fn score(mut foretold: Vec<Foretold>, finding: &Finding, all: &[&Finding]) -> Vec<Foretold> {
    let who = caller(&finding.principal);
    let mine: Vec<&&Finding> = all.iter().filter(|other| caller(&other.principal) == who).collect();
    for one in &mut foretold {
        let denied = mine
            .iter()
            .flat_map(|other| &other.items)
            .filter(|(key, item)| item.count > 0 && one.takes(&key.action, &key.resource));
        let later = denied
            .filter_map(|(_, item)| item.first_seen)
            .filter(|at| one.since.is_some_and(|since| *at > since))
            .min();
        let used = finding.used.get(&one.action).copied();
        (one.outcome, one.at) = match (later, used) {
            (Some(at), _) => (Outcome::CameTrue, Some(at)),
            (None, Some(at)) => (Outcome::Needless, Some(at)),
            (None, None) => (Outcome::Open, None),
        };
    }
    foretold
}

impl Foretold {
    /// Whether a call of this action on this resource is what was foretold; a resource that is not known is taken.
    pub fn takes(&self, action: &str, resource: &str) -> bool {
        let fits = |pattern: &String| pattern == "*" || matches_arn(pattern, resource);
        self.action.eq_ignore_ascii_case(action)
            && (resource.is_empty() || self.resources.is_empty() || self.resources.iter().any(fits))
    }
}
