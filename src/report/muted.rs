//! Rules that keep denials out of the messages, and which of them need a look.

use super::Period;
use super::build::{Facts, begins_after, denied_item};
use super::model::{RuleRow, RuleState};
use crate::advice::Advice;
use crate::triage::expected::{About, Builtin, Rule};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

const EXPIRING: SignedDuration = SignedDuration::from_hours(24 * 14);
const STALE: SignedDuration = SignedDuration::from_hours(24 * 30);

#[derive(Debug, Clone, Copy, Default)]
struct Use {
    muted: u64,
    at_most: bool,
    last: Option<Timestamp>,
}

/// The team's rules in their order, those that need a look first; then the built-in ones that muted something.
pub(super) fn rules(known: &[&Advice], facts: &Facts<'_>, period: Period, as_of: Timestamp) -> Vec<RuleRow> {
    // What a rule muted elsewhere is out of the scope's figures, but the rule is in use.
    let everywhere: Vec<&Advice> = facts.findings.iter().filter(|advice| !begins_after(advice, period)).collect();
    let (here, everywhere) = (used(known, period), used(&everywhere, period));
    let of = |id: &str| Use {
        last: everywhere.get(id).and_then(|used| used.last),
        ..here.get(id).copied().unwrap_or_default()
    };
    let mut all: Vec<RuleRow> = facts.expected.rules.iter().map(|rule| own(rule, of(&rule.id), as_of)).collect();
    all.sort_by_key(|row| row.state);
    let builtin = facts.expected.builtin().map(|rule| builtin(rule, of(rule.id)));
    all.extend(builtin.filter(|row| row.muted > 0));
    all
}

fn used<'a>(known: &[&'a Advice], period: Period) -> BTreeMap<&'a str, Use> {
    let mut all: BTreeMap<&str, Use> = BTreeMap::new();
    for advice in known {
        for item in &advice.denied {
            let Some(rule) = item.muted_by.as_deref() else { continue };
            let (denied, at_most) = denied_item(advice, item, period);
            let one = all.entry(rule).or_default();
            one.muted = one.muted.saturating_add(denied);
            one.at_most |= at_most;
            one.last = one.last.max(item.last_seen);
        }
    }
    all
}

fn own(rule: &Rule, used: Use, as_of: Timestamp) -> RuleRow {
    RuleRow {
        id: rule.id.clone(),
        builtin: false,
        about: about(&rule.about),
        reason: rule.reason.clone(),
        owner: Some(rule.owner.clone()),
        snooze: rule.snooze,
        muted: used.muted,
        at_most: used.at_most,
        last: used.last,
        expires: rule.expires,
        state: state(rule.expires, used.last, as_of),
    }
}

fn state(expires: Option<Timestamp>, last: Option<Timestamp>, as_of: Timestamp) -> RuleState {
    match expires.map(|end| end.duration_since(as_of)) {
        Some(left) if left <= SignedDuration::ZERO => RuleState::Expired,
        Some(left) if left <= EXPIRING => RuleState::Expiring,
        _ if last.is_none_or(|last| as_of.duration_since(last) > STALE) => RuleState::Stale,
        _ => RuleState::Active,
    }
}

fn builtin(rule: &Builtin, used: Use) -> RuleRow {
    RuleRow {
        id: rule.id.to_owned(),
        builtin: true,
        about: rule.permissions.iter().map(|name| ("permission".to_owned(), (*name).to_owned())).collect(),
        reason: rule.reason.to_owned(),
        owner: None,
        snooze: false,
        muted: used.muted,
        at_most: used.at_most,
        last: used.last,
        expires: None,
        state: RuleState::Active,
    }
}

fn about(about: &About) -> Vec<(String, String)> {
    let all = [
        ("finding", &about.finding),
        ("principal", &about.principal),
        ("permission", &about.permission),
        ("resource", &about.resource),
        ("account", &about.account),
    ];
    all.into_iter().filter_map(|(key, pattern)| Some((key.to_owned(), pattern.clone()?))).collect()
}
