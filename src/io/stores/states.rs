//! What tasks leave for their next run, as far as the ledger has to know of it: what forgets it, and what does not.

use super::calls;
use super::types::{is_named_in, name_in};
use std::collections::BTreeSet;

/// Before the sources that a second look is owed to.
pub(crate) const DEBT: &str = "second look at ";
/// Before an account: of which services its Event history holds events.
pub(crate) const SERVICES: &str = "services in Event history of ";
/// Before an account and a letter: of which callers allowed calls are kept.
pub(crate) const CALLERS: &str = "callers in Event history of ";
/// Before an account and a caller's hash: these calls.
pub(crate) const CALLS: &str = "allowed calls in Event history of ";

/// Before an account: until when the ledger's terms made it forget such calls.
pub(crate) const FORGOTTEN: &str = "forgotten of Event history of ";

/// Tasks that leave nothing which names a principal. A word in it that looks like a name means something else.
const NAMELESS: [&str; 3] = [DEBT, SERVICES, FORGOTTEN];

/// Forgets a principal in what tasks left. They come by name, so that calls come before the index of their callers.
pub(super) struct Purging<'p> {
    principal: &'p str,
    /// Tasks of which calls are left.
    calls: BTreeSet<String>,
}

impl<'p> Purging<'p> {
    pub(super) fn of(principal: &'p str) -> Self {
        Self { principal, calls: BTreeSet::new() }
    }

    /// What is left of the next task; `None` where nothing is.
    pub(super) fn without(&mut self, task: &str, state: &str) -> Option<String> {
        if task.starts_with(CALLERS) {
            return calls::index_of(task, state, &self.calls);
        }
        let left = state_without(task, state, self.principal)?;
        if task.starts_with(CALLS) {
            self.calls.insert(task.to_owned());
        }
        Some(left)
    }
}

/// What a task left, without what names a principal: the entries of a list that do; all of it, if it is no list.
/// `None` where nothing is left of it.
fn state_without(task: &str, state: &str, principal: &str) -> Option<String> {
    let is_named =
        |text: &str| [Some(principal), name_in(principal)].into_iter().flatten().any(|one| is_named_in(text, one));
    if NAMELESS.iter().any(|nameless| task.starts_with(nameless)) || !is_named(state) {
        return Some(state.to_owned()).filter(|state| !state.is_empty());
    }
    let entries: Vec<serde_json::Value> = serde_json::from_str(state).ok()?;
    let kept: Vec<serde_json::Value> = entries.into_iter().filter(|entry| !is_named(&entry.to_string())).collect();
    (!kept.is_empty()).then(|| serde_json::Value::Array(kept).to_string())
}
