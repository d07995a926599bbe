//! Many secrets, parameters or keys, one after the other.
//!
//! A workload that lost its grant misses its own secrets, which are named alike; an intruder takes all there are. So
//! many that are named alike are a doubt only. What fetches everybody's secrets by trade looks like an intruder from here;
//! a team's rule names it.

use super::{Call, Look, own, windows};
use std::collections::BTreeSet;

/// That many different ids, each in a call of its own, are worth a doubt …
const IDS: usize = 10;
/// … and with so many first words of their names a sweep.
const FAMILIES: usize = 5;

/// Looks at the ten minutes with the most unlike, then with the most ids.
pub(super) fn look(calls: &[Call<'_>]) -> Option<Look> {
    let mut asked = own(calls, is_secret);
    asked.retain(|call| !call.resource.is_empty() && !call.resource.contains(['*', '?']));
    let (unlike, ids) = windows(&asked).map(count).filter(|(_, ids)| *ids >= IDS).max()?;
    let words = format!("{ids} different secrets, parameters or keys were refused within ten minutes");
    Some(match unlike {
        true => Look::Sweep(format!("{words}, of names that have little in common: a search, not a workload")),
        false => Look::Near(format!("{words}: make sure that nobody tries all there are")),
    })
}

fn is_secret(action: &str) -> bool {
    matches!(action, "secretsmanager:GetSecretValue" | "kms:Decrypt") || action.starts_with("ssm:GetParameter")
}

/// Whether the names are unlike, and how many were asked for: a call for ten at once is one. Where the ledger no longer
/// keeps the events' ids, each name is a call.
fn count(window: &[Call<'_>]) -> (bool, usize) {
    let ids: BTreeSet<&str> = window.iter().map(|call| call.resource).collect();
    let events: BTreeSet<_> = window.iter().map(act).collect();
    let families: BTreeSet<&str> = ids.iter().map(|id| family(id)).collect();
    (families.len() >= FAMILIES, ids.len().min(events.len()))
}

/// What tells a call from others: event or, without, resource.
fn act<'a>(call: &Call<'a>) -> (&'a str, &'a str) {
    if call.event.is_empty() { ("", call.resource) } else { (call.event, "") }
}

/// The first word of a name: `app` of `parameter/app/prod/user`, `shop` of `secret:shop-db-AbCdEf`. Keys have no names, so
/// they are all of one: a workload may well have a key a customer.
fn family(resource: &str) -> &str {
    let own = resource.splitn(6, ':').last().unwrap_or_default();
    let bare = ["secret:", "parameter/"].iter().find_map(|kind| own.strip_prefix(kind)).unwrap_or(own);
    bare.trim_start_matches('/').split(['/', '-', '_', '.']).next().unwrap_or_default()
}
