//! What the configuration would have done to what the ledger holds: each route's findings, each rule's.

use super::World;
use super::audience::Audience;
use crate::advice::{Advice, DeniedItem, advise};
use crate::delivery::{Destination, Routed};
use crate::finding::Finding;
use crate::triage::expected::Rule;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// A dry run over the findings with denials since a time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rehearsal {
    /// Findings with denials in that time.
    pub findings: u64,
    /// Each route, in order.
    pub routes: Vec<RouteUse>,
    /// Each rule that muted something, and each of the team's.
    pub rules: Vec<RuleUse>,
    /// Findings that nobody owns, though owners are looked for.
    pub unowned: Vec<String>,
}

/// What a route took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RouteUse {
    /// Counted from 1.
    pub route: usize,
    /// Its receivers, as the configuration has them.
    pub to: Vec<String>,
    /// Ids of findings told at once.
    pub now: Vec<String>,
    /// Ids of findings told with the digest.
    pub digest: Vec<String>,
}

/// What a rule muted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RuleUse {
    /// Its name.
    pub rule: String,
    /// Ids of the findings of which it muted an item.
    pub findings: Vec<String>,
    /// Denials of those items.
    pub denials: u64,
    /// How it stands.
    pub state: RuleState,
}

/// How a rule stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleState {
    /// It muted something.
    #[default]
    Used,
    /// It is in effect and muted nothing in that time.
    Stale,
    /// Its end has passed: it mutes nothing that comes now.
    Expired,
}

/// Rehearses over findings with a denial at or after `since`, as of `now`.
pub fn rehearse(all: &[Finding], world: &World, audience: &Audience, since: Timestamp, now: Timestamp) -> Rehearsal {
    let advice = advise(all, world.context());
    let fresh: Vec<&Advice> = advice.iter().filter(|one| one.last_seen.is_some_and(|at| at >= since)).collect();
    let routed: Vec<(&Advice, Routed)> =
        fresh.iter().map(|one| (*one, audience.route(one, &world.tags(one)))).collect();
    Rehearsal {
        findings: fresh.len() as u64,
        routes: routes(audience, &routed),
        rules: rules(&fresh, &world.expected.rules, now),
        unowned: match audience.looks_for_owners() {
            true => ids(routed.iter().filter(|(_, routed)| routed.owner.is_none()).map(|(one, _)| *one)),
            false => Vec::new(),
        },
    }
}

fn routes(audience: &Audience, routed: &[(&Advice, Routed)]) -> Vec<RouteUse> {
    let one = |(at, to): (usize, Vec<String>)| {
        let here = || routed.iter().filter(|(_, routed)| routed.routes.contains(&at));
        let told = |pick: fn(&Routed) -> &Vec<Destination>| {
            ids(here().filter(|(_, one)| !pick(one).is_empty()).map(|(one, _)| *one))
        };
        RouteUse { route: at + 1, to, now: told(|one| &one.now), digest: told(|one| &one.digest) }
    };
    audience.receivers().into_iter().enumerate().map(one).collect()
}

fn rules(fresh: &[&Advice], own: &[Rule], now: Timestamp) -> Vec<RuleUse> {
    let mut used: BTreeMap<&str, RuleUse> = BTreeMap::new();
    for (advice, item, rule) in fresh.iter().flat_map(|advice| muted(advice)) {
        let entry = used.entry(rule).or_insert_with(|| RuleUse { rule: rule.to_owned(), ..RuleUse::default() });
        entry.denials += item.count;
        if entry.findings.last() != Some(&advice.id) {
            entry.findings.push(advice.id.clone());
        }
    }
    let of = |rule: &Rule| {
        let state = match (state(rule, now), used.contains_key(rule.id.as_str())) {
            (RuleState::Stale, true) => RuleState::Used,
            (state, _) => state,
        };
        RuleUse {
            state,
            ..used.get(rule.id.as_str()).cloned().unwrap_or(RuleUse { rule: rule.id.clone(), ..RuleUse::default() })
        }
    };
    let own_uses: Vec<RuleUse> = own.iter().map(of).collect();
    let builtin = used.values().filter(|one| own.iter().all(|rule| rule.id != one.rule)).cloned();
    own_uses.into_iter().chain(builtin.collect::<Vec<_>>()).collect()
}

/// Whether a rule's end has passed; else stale until something shows that it is used.
fn state(rule: &Rule, now: Timestamp) -> RuleState {
    if rule.expires.is_some_and(|end| end <= now) { RuleState::Expired } else { RuleState::Stale }
}

fn muted(advice: &Advice) -> impl Iterator<Item = (&Advice, &DeniedItem, &str)> {
    advice.denied.iter().filter_map(move |item| Some((advice, item, item.muted_by.as_deref()?)))
}

fn ids<'a>(all: impl Iterator<Item = &'a Advice>) -> Vec<String> {
    all.map(|advice| advice.id.clone()).collect()
}
