//! Principals against permissions.

use super::Period;
use super::build::{denied_item, without_session};
use super::model::{Cell, Heat};
use crate::advice::Advice;
use crate::principal::Principal;
use std::cmp::Reverse;
use std::collections::BTreeMap;

const MOST: usize = 10;

#[derive(Default)]
struct Sum {
    denied: u64,
    at_most: bool,
}

impl Sum {
    fn add(&mut self, (denied, at_most): (u64, bool)) {
        self.denied = self.denied.saturating_add(denied);
        self.at_most |= at_most;
    }
}

pub(super) fn heat(known: &[&Advice], period: Period) -> Heat {
    let mut cells: BTreeMap<(Principal, &str), Sum> = BTreeMap::new();
    for advice in known {
        for item in &advice.denied {
            let counted = denied_item(advice, item, period);
            let Some(action) = item.action.as_deref().filter(|_| counted.0 > 0) else { continue };
            cells.entry((without_session(&advice.principal), action)).or_default().add(counted);
        }
    }
    let (principals, principals_total) = most(cells.iter().map(|((who, _), sum)| (who.clone(), sum.denied)));
    let (most_denied, actions_total) = most(cells.iter().map(|((_, action), sum)| ((*action).to_owned(), sum.denied)));
    let actions = columns(&cells, &principals, most_denied);
    let place = |((who, action), sum): (&(Principal, &str), &Sum)| {
        let principal = principals.iter().position(|one| one == who)?;
        let action = actions.iter().position(|one| one == action)?;
        Some(Cell { principal, action, denied: sum.denied, at_most: sum.at_most })
    };
    let mut cells: Vec<Cell> = cells.iter().filter_map(place).collect();
    cells.sort_by_key(|cell| (cell.principal, cell.action));
    Heat { principals, principals_total, actions, actions_total, cells }
}

/// Each row's own most denied permission first, so that no row is empty where there is room; then the most denied of all.
fn columns(cells: &BTreeMap<(Principal, &str), Sum>, rows: &[Principal], most_denied: Vec<String>) -> Vec<String> {
    let own = |who: &Principal| {
        let mine = cells.iter().filter(|((one, _), _)| one == who);
        mine.max_by_key(|((_, action), sum)| (sum.denied, Reverse(*action)))
            .map(|((_, action), _)| (*action).to_owned())
    };
    let mut columns: Vec<String> = Vec::new();
    for action in rows.iter().filter_map(own).chain(most_denied) {
        if columns.len() < MOST && !columns.contains(&action) {
            columns.push(action);
        }
    }
    columns
}

/// Those with the largest sums, and how many there are in all.
fn most<K: Ord>(counted: impl Iterator<Item = (K, u64)>) -> (Vec<K>, u64) {
    let mut sums: BTreeMap<K, u64> = BTreeMap::new();
    for (key, count) in counted {
        let sum = sums.entry(key).or_default();
        *sum = sum.saturating_add(count);
    }
    let total = sums.len() as u64;
    let mut all: Vec<(K, u64)> = sums.into_iter().collect();
    all.sort_by_key(|(_, sum)| Reverse(*sum));
    (all.into_iter().take(MOST).map(|(key, _)| key).collect(), total)
}
