//! Facts → [`Report`].

use super::mended::{is_resolved, resolved_in};
use super::model::{Before, Coverage, Layer, Predictions, Report, Row, RowItem, Scope, Trend};
use super::{Period, heat, history, mended, muted, sections, tally};
use crate::advice::{Advice, DeniedItem};
use crate::denial::ReasonKind;
use crate::patch::{Applicability, Patch};
use crate::principal::Principal;
use crate::triage::Verdict;
use crate::triage::expected::Expected;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

/// What a report is made of.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// All findings that are known.
    pub findings: &'a [Advice],
    /// What was looked at.
    pub coverage: Coverage,
    /// Finding → its owner, where one is known.
    pub owners: BTreeMap<String, String>,
    /// Account id → the name that people use.
    pub account_names: BTreeMap<String, String>,
    /// The rules that keep denials out of the messages.
    pub expected: Expected,
    /// When the report is made.
    pub now: Timestamp,
    /// IANA name of the time zone that decided on the period.
    pub time_zone: String,
}

impl<'a> Facts<'a> {
    /// These findings and nothing besides; made long after any period.
    pub fn of(findings: &'a [Advice]) -> Self {
        Self {
            findings,
            coverage: Coverage::default(),
            owners: BTreeMap::new(),
            account_names: BTreeMap::new(),
            expected: Expected::default(),
            now: Timestamp::MAX,
            time_zone: "UTC".to_owned(),
        }
    }

    /// Who has to act on a finding.
    pub(super) fn owner(&self, advice: &Advice) -> Option<&String> {
        self.owners.get(&advice.id)
    }

    fn is_in(&self, advice: &Advice, scope: &Scope) -> bool {
        let owned = |wanted: &String| self.owner(advice).is_some_and(|owner| owner.eq_ignore_ascii_case(wanted));
        let account = || advice.account.as_ref().is_some_and(|account| scope.accounts.contains(account));
        scope.owner.as_ref().is_none_or(owned) && (scope.accounts.is_empty() || account())
    }
}

impl Report {
    /// Adds up what the findings hold for the period. Findings that begin after it are left out.
    ///
    /// ```
    /// use denywatch::report::{Facts, Period, Report, Scope};
    /// let week = Period::week_of(jiff::civil::date(2026, 11, 11));
    /// let report = Report::build(&Facts::of(&[]), week, &Scope::default());
    /// assert_eq!((report.numbers.denied, report.days.len()), (0, 7));
    /// ```
    pub fn build(facts: &Facts<'_>, period: Period, scope: &Scope) -> Report {
        let mut known: Vec<&Advice> = facts
            .findings
            .iter()
            .filter(|advice| !begins_after(advice, period) && facts.is_in(advice, scope))
            .collect();
        // A form that shows the first so many shows this period's.
        known.sort_by(|a, b| (denied(a, period) == 0).cmp(&(denied(b, period) == 0)).then_with(|| rank(a, b)));
        let as_of = facts.now.min(midnight(period.until));
        let (principals, principals_total) = tally::principals(&known, period);
        Report {
            version: 1,
            period,
            time_zone: facts.time_zone.clone(),
            as_of,
            scope: scope.clone(),
            coverage: facts.coverage.clone(),
            numbers: tally::numbers(&known, period),
            before: before(&known, period),
            first: tally::first(&known, period),
            days: tally::days(&known, period),
            weeks: history::weeks(&known, period),
            principals,
            principals_total,
            layers: tally::layers(&known, period),
            heat: heat::heat(&known, period),
            mended: mended::mended(&known, period),
            foretold: mended::predictions(&known, period),
            accounts: sections::accounts(&known, facts, period),
            owners: sections::owners(&known, facts, period),
            rules: muted::rules(&known, facts, period, as_of),
            findings: known.iter().map(|advice| row(advice, facts, period)).collect(),
        }
    }
}

impl Report {
    /// Whether there is success, or the outcome of a prediction, to tell.
    pub fn is_anything_mended(&self) -> bool {
        !self.mended.is_empty() || self.foretold != Predictions::default()
    }
}

/// The same figures of as many days before; `None` where no denial is known before the period.
fn before(known: &[&Advice], period: Period) -> Option<Before> {
    let earliest = history::earliest(known)?;
    let past = period.before();
    let earlier: Vec<&Advice> = known.iter().copied().filter(|advice| !begins_after(advice, past)).collect();
    let numbers = tally::numbers(&earlier, past);
    // How a finding stands now says nothing of how it stood then: only days do.
    let quiet = earlier.iter().filter(|one| !one.days.is_empty() && denied(one, past) == 0).count() as u64;
    let recurs = |one: &&&Advice| denied(one, past) > 0 && one.days.keys().any(|day| *day < past.since);
    let recurring = earlier.iter().filter(recurs).count() as u64;
    (earliest < period.since).then_some(Before {
        denied: numbers.denied,
        expected: numbers.expected,
        findings: numbers.findings,
        new: numbers.findings - recurring,
        recurring,
        quiet,
        resolved: known.iter().filter(|advice| resolved_in(advice, past)).count() as u64,
    })
}

/// The order in which findings are shown: [`Advice::rank`].
pub fn rank(a: &Advice, b: &Advice) -> Ordering {
    a.rank().cmp(&b.rank())
}

/// The patches that may be shown, those with a document: none for what is probing or denied by design.
pub fn shown_patches(advice: &Advice) -> impl Iterator<Item = &Patch> {
    let shown = match advice.verdict {
        Verdict::Probing | Verdict::Upheld | Verdict::Transient | Verdict::Expected => false,
        Verdict::Owner | Verdict::Review | Verdict::Patch | Verdict::Unclear => true,
    };
    let helps = |patch: &&Patch| patch.document.is_some() && patch.applicability != Applicability::Explain;
    advice.patches.iter().filter(move |patch| shown && helps(patch))
}

pub(super) fn begins_after(advice: &Advice, period: Period) -> bool {
    advice.days.first_key_value().is_some_and(|(day, _)| *day >= period.until)
}

/// Denied events of the finding in the period.
pub(super) fn denied(advice: &Advice, period: Period) -> u64 {
    advice.days.iter().filter(|(day, _)| period.contains(**day)).fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

/// Denied events of an item in the period, and whether that is an upper bound.
pub(super) fn denied_item(advice: &Advice, item: &DeniedItem, period: Period) -> (u64, bool) {
    let in_all = denied(advice, period);
    let (first, last) = (item.first_seen.map(day), item.last_seen.map(day));
    let (Some(first), Some(last)) = (first, last) else { return (item.count.min(in_all), in_all > 0) };
    if in_all == 0 || last < period.since || first >= period.until {
        return (0, false);
    }
    if first >= period.since && last < period.until {
        return (item.count.min(in_all), false);
    }
    (item.count.min(in_all), advice.denied.len() > 1)
}

pub(super) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The first moment of a day, UTC.
fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).unwrap_or(Timestamp::MAX)
}

pub(super) fn trend(advice: &Advice, period: Period) -> Trend {
    let before = advice.days.keys().any(|day| *day < period.since);
    match (is_resolved(advice), advice.days.is_empty(), denied(advice, period), before) {
        (true, _, _, _) => Trend::Resolved,
        (false, true, _, _) => Trend::Undated,
        (false, false, 0, _) => Trend::Quiet,
        (false, false, _, true) => Trend::Recurring,
        (false, false, _, false) => Trend::New,
    }
}

fn row(advice: &Advice, facts: &Facts<'_>, period: Period) -> Row {
    let mut items: Vec<_> = advice.denied.iter().collect();
    items.sort_by_key(|item| (Reverse(item.count), &item.action, &item.resource));
    let (kind, policy_type) = layer(advice);
    Row {
        id: advice.id.clone(),
        trend: trend(advice, period),
        severity: advice.severity,
        verdict: advice.verdict,
        principal: without_session(&advice.principal),
        account: advice.account.clone(),
        account_name: advice.account.as_ref().and_then(|id| facts.account_names.get(id)).cloned(),
        owner: facts.owner(advice).cloned(),
        layer: Layer { kind, policy_type, denied: denied(advice, period) },
        actions: each_once(items.iter().filter_map(|item| item.action.clone())),
        resources: each_once(items.iter().filter_map(|item| item.resource.clone())),
        patch: shown_patches(advice).map(|patch| patch.applicability).min(),
        denied: denied(advice, period),
        count: advice.count,
        first_seen: advice.first_seen,
        last_seen: advice.last_seen,
        summary: advice.diagnosis.summary.clone(),
        evidence: advice.diagnosis.evidence.clone(),
        unchecked: advice.diagnosis.unchecked.clone(),
        items: items.into_iter().map(row_item).collect(),
        patches: shown_patches(advice).cloned().collect(),
        allowed_before: advice.denied.iter().filter_map(|item| item.allowed_before).max(),
        allowed_since: advice.allowed_since,
        changes: advice.changes.clone(),
        foretold: advice.foretold.clone(),
    }
}

fn row_item(item: &DeniedItem) -> RowItem {
    RowItem {
        action: item.action.clone(),
        resource: item.resource.clone(),
        count: item.count,
        verdict: item.verdict,
        status: item.status,
        muted_by: item.muted_by.clone(),
        operations: item.operations.clone(),
        events: item.events.clone(),
    }
}

/// The layer that refused the most frequent item.
pub(super) fn layer(advice: &Advice) -> (ReasonKind, Option<crate::denial::PolicyType>) {
    let most = advice.denied.iter().min_by_key(|item| (Reverse(item.count), &item.reason));
    most.map_or((ReasonKind::Unstated, None), |item| (item.reason.kind, item.reason.policy_type))
}

pub(super) fn without_session(principal: &Principal) -> Principal {
    Principal { session: None, ..principal.clone() }
}

fn each_once(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}
