//! The sums of a report.

use super::build::{day, denied, layer, shown_patches, trend, without_session};
use super::mended::{is_resolved, median, resolved_at, resolved_in};
use super::{Day, First, Layer, Numbers, Period, Top, Trend};
use crate::advice::{Advice, DeniedItem};
use crate::denial::{PolicyType, ReasonKind};
use crate::patch::{Applicability, Patch};
use crate::principal::Principal;
use crate::triage::Verdict;
use jiff::{ToSpan, civil::Date};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

const FIRST_MAX: usize = 3;
const TOP_MAX: usize = 10;
const DAYS_MAX: i32 = 62;

pub(super) fn numbers(known: &[&Advice], period: Period) -> Numbers {
    let (mut sum, mut hours) = (Numbers::default(), Vec::new());
    for advice in known {
        let denied = denied(advice, period);
        sum.denied = sum.denied.saturating_add(denied);
        sum.undated = sum.undated.saturating_add(undated(advice));
        sum.findings += u64::from(denied > 0);
        sum.ready += u64::from(denied > 0 && is_ready(advice));
        if advice.verdict == Verdict::Expected {
            sum.expected = sum.expected.saturating_add(denied);
        }
        // Days alone decide: what works by now was denied all the same.
        let is_old = advice.days.keys().any(|day| *day < period.since);
        sum.new += u64::from(denied > 0 && !is_old);
        sum.recurring += u64::from(denied > 0 && is_old);
        sum.quiet += u64::from(trend(advice, period) == Trend::Quiet);
        sum.resolved += u64::from(resolved_in(advice, period));
        hours.extend(hours_of(advice, period));
    }
    sum.mend_hours = median(hours);
    sum
}

/// A proven patch for what does not work yet.
fn is_ready(advice: &Advice) -> bool {
    !is_resolved(advice) && shown_patches(advice).any(|patch| patch.applicability == Applicability::Apply)
}

/// Hours from the first denial to the first allowed call.
fn hours_of(advice: &Advice, period: Period) -> Option<i64> {
    let at = resolved_at(advice).filter(|_| resolved_in(advice, period))?;
    Some(at.duration_since(advice.first_seen?).as_hours().max(0))
}

fn undated(advice: &Advice) -> u64 {
    advice.days.values().fold(advice.count, |left, dated| left.saturating_sub(*dated))
}

pub(super) fn first(known: &[&Advice], period: Period) -> Vec<First> {
    let mut all: Vec<First> = known.iter().filter_map(|advice| one_first(advice, period)).collect();
    // Stable: of equals, the more pressing stays in front.
    all.sort_by_key(|one| (one.verdict != Verdict::Probing, Reverse(one.denied)));
    all.truncate(FIRST_MAX);
    all
}

fn one_first(advice: &Advice, period: Period) -> Option<First> {
    // Who tried what it should not and then was let in is no less pressing.
    if is_resolved(advice) && advice.verdict != Verdict::Probing {
        return None;
    }
    let in_period = denied(advice, period);
    let mended = |item: &&DeniedItem| matches!(item.verdict, Verdict::Patch | Verdict::Review | Verdict::Owner);
    let sum = advice.denied.iter().filter(mended).fold(0u64, |sum, item| sum.saturating_add(item.count));
    let whole = advice.denied.iter().all(|item| mended(&item));
    let statements = shown_patches(advice).map(statements).sum();
    let (ends, at_most) = match advice.verdict {
        Verdict::Probing => (in_period, false),
        _ if statements == 0 => return None,
        _ if whole => (in_period, false),
        _ => (in_period.min(sum), true),
    };
    let (id, principal) = (advice.id.clone(), without_session(&advice.principal));
    let permissions =
        advice.denied.iter().filter_map(|item| item.action.as_ref()).collect::<BTreeSet<_>>().len() as u64;
    (ends > 0).then_some(First {
        id,
        principal,
        verdict: advice.verdict,
        denied: ends,
        at_most,
        statements,
        permissions,
    })
}

fn statements(patch: &Patch) -> u64 {
    let document = patch.document.as_ref().and_then(|document| serde_json::to_value(document).ok()).unwrap_or_default();
    match &document["Statement"] {
        serde_json::Value::Array(list) => list.len() as u64,
        serde_json::Value::Null => 0,
        _ => 1,
    }
}

pub(super) fn days(known: &[&Advice], period: Period) -> Vec<Day> {
    let mut all: BTreeMap<Date, BTreeMap<Verdict, u64>> = BTreeMap::new();
    if period.len() <= DAYS_MAX {
        let mut next = period.since;
        while period.contains(next) && !all.contains_key(&next) {
            all.entry(next).or_default();
            next = next.saturating_add(1.day());
        }
    }
    for advice in known {
        for (day, count) in advice.days.iter().filter(|(day, _)| period.contains(**day)) {
            add(all.entry(*day).or_default().entry(advice.verdict).or_default(), *count);
        }
    }
    let sum = |verdicts: &BTreeMap<Verdict, u64>| verdicts.values().fold(0u64, |sum, count| sum.saturating_add(*count));
    let ended = ended(known);
    let of = |date: Date| ended.get(&date).cloned().unwrap_or_default();
    all.into_iter().map(|(date, verdicts)| Day { date, denied: sum(&verdicts), verdicts, ended: of(date) }).collect()
}

/// Findings by the day of the change that ended them.
fn ended(known: &[&Advice]) -> BTreeMap<Date, Vec<String>> {
    let mut all: BTreeMap<Date, Vec<String>> = BTreeMap::new();
    for advice in known {
        if let Some(change) = &advice.changes.after {
            all.entry(day(change.at)).or_default().push(advice.id.clone());
        }
    }
    all
}

/// The ten with the most denials, and how many there are.
pub(super) fn principals(known: &[&Advice], period: Period) -> (Vec<Top>, u64) {
    let mut all: BTreeMap<Principal, Top> = BTreeMap::new();
    for advice in known.iter().filter(|advice| denied(advice, period) > 0) {
        let principal = without_session(&advice.principal);
        let fresh = Top {
            principal: principal.clone(),
            denied: 0,
            verdicts: BTreeMap::new(),
            findings: 0,
            // The findings come in their order.
            lead: advice.id.clone(),
        };
        let top = all.entry(principal).or_insert(fresh);
        add(&mut top.denied, denied(advice, period));
        add(top.verdicts.entry(advice.verdict).or_default(), denied(advice, period));
        top.findings += 1;
    }
    let total = all.len() as u64;
    let mut all: Vec<Top> = all.into_values().collect();
    all.sort_by_key(|top| Reverse(top.denied));
    all.truncate(TOP_MAX);
    (all, total)
}

pub(super) fn layers(known: &[&Advice], period: Period) -> Vec<Layer> {
    let mut all: BTreeMap<(ReasonKind, Option<PolicyType>), u64> = BTreeMap::new();
    for advice in known {
        add(all.entry(layer(advice)).or_default(), denied(advice, period));
    }
    let layer = |((kind, policy_type), denied)| Layer { kind, policy_type, denied };
    let mut all: Vec<Layer> = all.into_iter().map(layer).filter(|layer| layer.denied > 0).collect();
    all.sort_by_key(|layer| Reverse(layer.denied));
    all
}

fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}
