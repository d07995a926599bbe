//! Companions foretold, scored: was the permission refused later, was it used without a refusal, or is it still open.
//!
//! Worked out anew from what the ledger keeps, so that the order in which events came in never shows: what was foretold is
//! what the finding's earlier items alone would foretell.

use crate::catalog::Catalog;
use crate::diagnosis::Held;
use crate::finding::{Finding, Item};
use crate::patch::{Companion, Judged, foreseen, judged};
use crate::policy::pattern::matches_arn;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Moments of a finding at which is asked what was foretold: the earliest times at which items joined it.
const MOMENTS: usize = 8;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Refused later: it came true.
    CameTrue,
    /// Used without a refusal before the finding was mended: it was there already.
    Needless,
    /// Neither was seen yet; or it was used when the finding was mended, perhaps by the same patch.
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
/// `now` are the companions of the finding as it is now, and `items` are all its items as they were judged for them: at an
/// earlier moment they were judged alike, but fewer.
pub(crate) fn predictions<'c>(
    finding: &Finding,
    items: &[Judged<'_>],
    now: impl IntoIterator<Item = &'c Companion>,
    held: Option<&Held>,
    catalog: &Catalog,
) -> Vec<Foretold> {
    let moments: BTreeSet<Option<Timestamp>> = finding.items.values().map(|item| item.first_seen).collect();
    let mut all = Vec::new();
    if moments.len() > 1 {
        for moment in moments.iter().take(MOMENTS) {
            add(&mut all, &foreseen(finding, items, *moment, held, catalog), *moment);
        }
    }
    add(&mut all, now, moments.last().copied().flatten());
    all.sort_by(|one, other| one.action.cmp(&other.action));
    all
}

/// What a finding foretold, unscored, by action, where nothing is known of the policies in force.
///
/// ```
/// # use denywatch::{catalog::Catalog, finding::Finding, foretold::foretell};
/// fn looked_for(findings: &[Finding]) -> Vec<String> {
///     let all = findings.iter().flat_map(|finding| foretell(finding, Catalog::embedded()));
///     all.map(|one| one.action).collect()
/// }
/// ```
pub fn foretell(finding: &Finding, catalog: &Catalog) -> Vec<Foretold> {
    let items = judged(finding, None, catalog);
    let last = finding.items.values().map(|item| item.first_seen).max().flatten();
    predictions(finding, &items, &foreseen(finding, &items, last, None, catalog), None, catalog)
}

/// Adds what was not foretold before.
fn add<'c>(all: &mut Vec<Foretold>, companions: impl IntoIterator<Item = &'c Companion>, since: Option<Timestamp>) {
    for companion in companions.into_iter().filter(|companion| !companion.is_for_another()) {
        for action in &companion.actions {
            if !all.iter().any(|one| one.action == *action) {
                let (action, resources) = (action.clone(), companion.resources.clone());
                all.push(Foretold { action, resources, since, outcome: Outcome::Open, at: None });
            }
        }
    }
}

/// Scores what a finding foretold, by all findings of the same caller (`mine`) and by what was used.
pub fn score(mut foretold: Vec<Foretold>, finding: &Finding, mine: &[&Finding]) -> Vec<Foretold> {
    // A use after it may rest on the very patch that foretold it.
    let mended = finding.items.values().filter_map(|item| mended(item)).min();
    for one in &mut foretold {
        let denied = mine
            .iter()
            .flat_map(|other| &other.items)
            .filter(|(key, item)| item.count > 0 && one.takes(&key.action, &key.resource));
        let later = denied
            .filter_map(|(_, item)| item.first_seen)
            .filter(|at| one.since.is_some_and(|since| *at > since))
            .min();
        let used = finding.used.get(&one.action).copied().filter(|at| mended.is_none_or(|mended| *at < mended));
        (one.outcome, one.at) = match (later, used) {
            (Some(at), _) => (Outcome::CameTrue, Some(at)),
            (None, Some(at)) => (Outcome::Needless, Some(at)),
            (None, None) => (Outcome::Open, None),
        };
    }
    foretold
}

/// From when on an item may have been mended: its first allowed call, or its last denial where that call is not known;
/// `None` where calls would show and none was allowed.
fn mended(item: &Item) -> Option<Timestamp> {
    match item.allowed_since() {
        Some(since) if !since.at_least => Some(since.first),
        None if !item.is_unseen() => None,
        _ => item.last_seen,
    }
}

impl Foretold {
    /// Whether a call of this action on this resource is what was foretold; a resource that is not known is taken.
    pub fn takes(&self, action: &str, resource: &str) -> bool {
        let fits = |pattern: &String| pattern == "*" || matches_arn(pattern, resource);
        self.action.eq_ignore_ascii_case(action)
            && (resource.is_empty() || self.resources.is_empty() || self.resources.iter().any(fits))
    }
}

#[cfg(test)]
#[path = "foretold_tests.rs"]
mod tests;
