//! Many actions of many services.

use super::{Call, Look, windows};
use std::collections::BTreeSet;

/// That many different actions …
const ACTIONS: usize = 10;
/// … of that many services are a sweep.
const SERVICES: usize = 4;
/// So many actions …
const NEAR_ACTIONS: usize = 5;
/// … of so many services within the time are worth a doubt.
const NEAR_SERVICES: usize = 3;

/// Looks at the densest ten minutes.
pub(super) fn look(calls: &[Call<'_>]) -> Option<Look> {
    let known: Vec<Call<'_>> = calls.iter().filter(|call| !call.action.is_empty()).copied().collect();
    let actions = |window: &[Call<'_>]| window.iter().map(|call| call.action).collect::<BTreeSet<_>>().len();
    let densest = windows(&known).max_by_key(|window| actions(window))?;
    let services = densest.iter().map(Call::service).collect::<BTreeSet<_>>().len();
    let actions = actions(densest);
    let words = format!("{actions} different actions of {services} services were refused within ten minutes");
    match (actions >= ACTIONS && services >= SERVICES, actions >= NEAR_ACTIONS && services >= NEAR_SERVICES) {
        (true, _) => Some(Look::Sweep(format!("{words}: a sweep, not a workload"))),
        (false, true) => Some(Look::Near(format!("{words}: make sure that this is no sweep"))),
        (false, false) => None,
    }
}
