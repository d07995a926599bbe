//! An item of a finding as a call that can be replayed.

use super::conditions;
use crate::diagnosis::{Held, Needed};
use crate::finding::{Finding, Item, ItemKey};
use crate::principal::PrincipalKind;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What is known of the call behind an item: the event's facts, and what the account's own data add.
pub fn needed<'n>(finding: &'n Finding, key: &'n ItemKey, item: &'n Item, held: Option<&Held>) -> Needed<'n> {
    let mut shown: BTreeMap<String, Vec<String>> = conditions::narrow(key, item).into_values().flatten().collect();
    if let Some(held) = held {
        shown.extend(of_account(finding, held));
    }
    Needed {
        action: &key.action,
        resource: &key.resource,
        principal: &finding.principal,
        facts: &item.facts,
        regions: &item.regions,
        vias: &item.vias,
        at: item.first_seen,
        stated: item.reason.kind,
        shown,
        keys: OnceLock::new(),
    }
}

/// The principal's whole ARN, and a user's tags; a role's session may bear other tags than the role.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>.
fn of_account(finding: &Finding, held: &Held) -> BTreeMap<String, Vec<String>> {
    let mut known = BTreeMap::new();
    if let Some(arn) = &held.arn {
        known.insert("aws:PrincipalArn".to_owned(), vec![arn.clone()]);
    }
    if finding.principal.kind == PrincipalKind::User {
        known.extend(held.tags.iter().map(|(tag, value)| (format!("aws:PrincipalTag/{tag}"), vec![value.clone()])));
    }
    known
}
