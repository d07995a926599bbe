//! A finding as the ledger's JSON. JSON has no keys but text, so the items stand in a list.

use crate::diagnosis::Target;
use crate::finding::{Finding, Item, ItemKey};
use crate::principal::Principal;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
struct Stored {
    id: String,
    principal: Principal,
    target: Target,
    account: Option<String>,
    count: u64,
    days: BTreeMap<Date, u64>,
    items: Vec<(ItemKey, Item)>,
}

pub(super) fn to_json(finding: Finding) -> serde_json::Result<String> {
    // By name, so that a new field of a finding does not compile until it is stored.
    let Finding { id, principal, target, account, count, days, items } = finding;
    serde_json::to_string(&Stored { id, principal, target, account, count, days, items: items.into_iter().collect() })
}

pub(super) fn from_json(text: &str) -> serde_json::Result<Finding> {
    let Stored { id, principal, target, account, count, days, items } = serde_json::from_str(text)?;
    Ok(Finding { id, principal, target, account, count, days, items: items.into_iter().collect() })
}
