//! The same questions in many Regions: a workload knows where its things are.
//!
//! Whoever rolls out to several Regions without the permissions looks the same with few actions, so those are a doubt.

use super::{Call, Look, WINDOW, own, windows};
use std::collections::{BTreeMap, BTreeSet};

/// An action refused in so many Regions is asked around.
const REGIONS: usize = 3;
/// So many of these actions are worth a doubt …
const NEAR_ACTIONS: usize = 3;
/// … and that many …
const ACTIONS: usize = 8;
/// … of that many services a sweep.
const SERVICES: usize = 3;

/// Looks at the ten minutes with the most such actions, of enough services first.
pub(super) fn look(calls: &[Call<'_>]) -> Option<Look> {
    let questions = own(calls, is_question);
    let (enough, actions) = windows(&questions).map(count).max()?;
    let words = format!(
        "{actions} List, Get or Describe actions were refused in {REGIONS} or more Regions each within ten minutes"
    );
    match (enough && actions >= ACTIONS, actions >= NEAR_ACTIONS) {
        (true, _) => Some(Look::Sweep(words)),
        (false, true) => Some(Look::Near(format!("{words}: make sure that this is no sweep"))),
        (false, false) => None,
    }
}

fn is_question(action: &str) -> bool {
    let name = action.split_once(':').map_or("", |(_, name)| name);
    ["List", "Get", "Describe"].iter().any(|verb| name.starts_with(verb))
}

/// Whether the actions that were asked around are of enough services, and how many there are.
fn count(window: &[Call<'_>]) -> (bool, usize) {
    let mut places: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for call in window.iter().filter(|call| is_within(call, window)) {
        places.entry(call.action).or_default().extend(call.regions.iter().map(String::as_str));
    }
    places.retain(|_, regions| regions.len() >= REGIONS);
    let services: BTreeSet<_> = places.keys().filter_map(|action| action.split(':').next()).collect();
    (services.len() >= SERVICES, places.len())
}

/// Whether all its Regions are of this window: the ledger does not tell when each of several was first asked.
fn is_within(call: &Call<'_>, window: &[Call<'_>]) -> bool {
    let first = window.first().map_or(call.at, |first| first.at);
    call.regions.len() == 1 || call.until.duration_since(first) <= WINDOW
}
