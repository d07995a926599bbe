//! [`Advice`] → [`Report`]: what a period's denials add up to. Figures only; the words are [`crate::render`]'s.
//!
//! Denials are counted by day from [`Advice::days`]; what came without a date (pasted text) is counted apart. A
//! finding's denials count under the finding's own verdict, and under the layer that refused its most frequent item.

mod period;
#[cfg(test)]
pub(crate) mod sample;
mod tally;

pub use period::Period;

use crate::advice::{Advice, Status};
use crate::denial::{PolicyType, ReasonKind};
use crate::patch::{Applicability, Patch};
use crate::principal::Principal;
use crate::triage::{Severity, Verdict};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

/// What stands behind a report, so that nobody takes silence for health.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Account ids that were looked at, sorted.
    pub accounts: Vec<String>,
    /// Regions that were looked at, sorted.
    pub regions: Vec<String>,
    /// Records read.
    pub records: u64,
    /// Inputs and records that could not be read.
    pub unread: u64,
    /// Time of the newest record; `None` when there was none.
    pub newest: Option<Timestamp>,
    /// What these sources cannot show, in words, such as `S3 object calls without data events`.
    pub unseen: Vec<String>,
}

/// A period's denials, ready for any format.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Of this shape; 1.
    pub version: u32,
    /// The days it is about.
    pub period: Period,
    /// What was looked at, and what was not.
    pub coverage: Coverage,
    /// The figures on top.
    pub numbers: Numbers,
    /// At most three findings to see to first.
    pub first: Vec<First>,
    /// Denied events a day; every day of a period up to 62 days, only those with denials in a longer one.
    pub days: Vec<Day>,
    /// The ten principals with the most denials.
    pub principals: Vec<Top>,
    /// Which layer refused, the most frequent first.
    pub layers: Vec<Layer>,
    /// Every finding known up to the period's end, the most pressing first.
    pub findings: Vec<Row>,
}

/// The figures on top of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Numbers {
    /// Denied events in the period.
    pub denied: u64,
    /// Those of them in findings that a rule expects.
    pub expected: u64,
    /// Findings with denials in the period.
    pub findings: u64,
    /// Findings first seen in the period.
    pub new: u64,
    /// Findings seen before and again.
    pub recurring: u64,
    /// Findings known from before without a denial in the period; says nothing about a cause.
    pub quiet: u64,
    /// Findings for which an allowed call was observed after the last denial.
    pub resolved: u64,
    /// Findings of the period with a patch that is proven.
    pub ready: u64,
    /// Denied events without a date, in no other figure.
    pub undated: u64,
}

/// One of the findings to see to first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct First {
    /// The finding.
    pub id: String,
    /// Who was refused.
    pub principal: Principal,
    /// Its verdict: probing is to be looked into, the others have a patch.
    pub verdict: Verdict,
    /// Denied events of the period that the patch ends; for probing, all of them.
    pub denied: u64,
    /// `denied` is an upper bound: the patch ends a part of the finding only.
    pub at_most: bool,
    /// Statements in its patches.
    pub statements: u64,
}

/// Denied events of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// UTC.
    pub date: Date,
    /// All of them.
    pub denied: u64,
    /// By the finding's verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
}

/// A principal and its denied events in the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Top {
    /// Without its session.
    pub principal: Principal,
    /// Denied events.
    pub denied: u64,
    /// In how many findings.
    pub findings: u64,
}

/// A layer that refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// How the decision fell.
    pub kind: ReasonKind,
    /// `None` when AWS named none.
    pub policy_type: Option<PolicyType>,
    /// Denied events in the period.
    pub denied: u64,
}

/// A finding in the report's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The finding.
    pub id: String,
    /// How it stands against the period.
    pub trend: Trend,
    /// How pressing.
    pub severity: Severity,
    /// What is to be done.
    pub verdict: Verdict,
    /// Who was refused, without the session.
    pub principal: Principal,
    /// Where.
    pub account: Option<String>,
    /// Permissions, the most frequent first, each once.
    pub actions: Vec<String>,
    /// Resources, the most frequent first, each once.
    pub resources: Vec<String>,
    /// The surest patch with a document; `None` where none is shown.
    pub patch: Option<Applicability>,
    /// Denied events in the period.
    pub denied: u64,
    /// Denied events ever.
    pub count: u64,
    /// Earliest.
    pub first_seen: Option<Timestamp>,
    /// Latest.
    pub last_seen: Option<Timestamp>,
}

/// How a finding stands against a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// First denied in the period.
    New,
    /// Denied before it and in it.
    Recurring,
    /// Denied before it, not in it.
    Quiet,
    /// An allowed call was observed after the last denial.
    Resolved,
    /// Its denials carry no date.
    Undated,
}

impl Report {
    /// Adds up what the findings hold for the period. Findings that begin after it are left out.
    ///
    /// ```
    /// use denywatch::report::{Coverage, Period, Report};
    /// let week = Period::week_of(jiff::civil::date(2026, 11, 11));
    /// let report = Report::build(&[], &Coverage::default(), week);
    /// assert_eq!((report.numbers.denied, report.days.len()), (0, 7));
    /// ```
    pub fn build(advices: &[Advice], coverage: &Coverage, period: Period) -> Report {
        let mut known: Vec<&Advice> = advices.iter().filter(|advice| !begins_after(advice, period)).collect();
        known.sort_by(|a, b| rank(a, b));
        Report {
            version: 1,
            period,
            coverage: coverage.clone(),
            numbers: tally::numbers(&known, period),
            first: tally::first(&known, period),
            days: tally::days(&known, period),
            principals: tally::principals(&known, period),
            layers: tally::layers(&known, period),
            findings: known.iter().map(|advice| row(advice, period)).collect(),
        }
    }
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

fn begins_after(advice: &Advice, period: Period) -> bool {
    advice.days.first_key_value().is_some_and(|(day, _)| *day >= period.until)
}

/// Denied events of the finding in the period.
fn denied(advice: &Advice, period: Period) -> u64 {
    advice.days.iter().filter(|(day, _)| period.contains(**day)).fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

fn trend(advice: &Advice, period: Period) -> Trend {
    let resolved = !advice.denied.is_empty() && advice.denied.iter().all(|item| item.status == Status::Resolved);
    let before = advice.days.keys().any(|day| *day < period.since);
    match (resolved, advice.days.is_empty(), denied(advice, period), before) {
        (true, _, _, _) => Trend::Resolved,
        (false, true, _, _) => Trend::Undated,
        (false, false, 0, _) => Trend::Quiet,
        (false, false, _, true) => Trend::Recurring,
        (false, false, _, false) => Trend::New,
    }
}

fn row(advice: &Advice, period: Period) -> Row {
    let mut items: Vec<_> = advice.denied.iter().collect();
    items.sort_by_key(|item| (Reverse(item.count), &item.action, &item.resource));
    Row {
        id: advice.id.clone(),
        trend: trend(advice, period),
        severity: advice.severity,
        verdict: advice.verdict,
        principal: without_session(&advice.principal),
        account: advice.account.clone(),
        actions: each_once(items.iter().filter_map(|item| item.action.clone())),
        resources: each_once(items.iter().filter_map(|item| item.resource.clone())),
        patch: shown_patches(advice).map(|patch| patch.applicability).min(),
        denied: denied(advice, period),
        count: advice.count,
        first_seen: advice.first_seen,
        last_seen: advice.last_seen,
    }
}

fn without_session(principal: &Principal) -> Principal {
    Principal { session: None, ..principal.clone() }
}

fn each_once(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    out.extend(texts.filter(|text| seen.insert(text.clone())));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn week() -> Period {
        Period::week_of(date(2026, 11, 11))
    }

    fn report() -> Report {
        let all = [sample::upheld(), sample::pipeline(), sample::upload(), sample::probing()];
        Report::build(&all, &Coverage::default(), week())
    }

    #[test]
    fn the_figures_add_up() {
        let numbers = report().numbers;
        // 14 + 12 + 4 in the week, and 140 of 200 of a finding that began the week before.
        assert_eq!((numbers.denied, numbers.findings, numbers.new, numbers.recurring), (170, 4, 3, 1));
        assert_eq!((numbers.ready, numbers.quiet, numbers.resolved, numbers.undated), (2, 0, 0, 0));
    }

    #[test]
    fn probing_comes_first_then_what_ends_most() {
        let first: Vec<_> = report().first.into_iter().map(|one| (one.id, one.denied, one.at_most)).collect();
        let expect = [("D-2D31C0FFEE", 12, false), ("D-19C2B7XQ4T", 140, false), ("D-7F3AQ2ZK4M", 14, false)];
        assert_eq!(first, expect.map(|(id, denied, at_most)| (id.to_owned(), denied, at_most)));
    }

    #[test]
    fn findings_stand_by_severity_verdict_and_count() {
        let ids: Vec<_> = report().findings.into_iter().map(|row| row.id).collect();
        assert_eq!(ids, ["D-2D31C0FFEE", "D-19C2B7XQ4T", "D-7F3AQ2ZK4M", "D-2C05AAAAAA"]);
    }

    #[track_caller]
    fn check_trend(change: fn(&mut Advice), expect: Trend) {
        let mut advice = sample::pipeline();
        change(&mut advice);
        assert_eq!(trend(&advice, week()), expect);
    }

    #[test]
    fn a_trend_tells_silence_from_success() {
        check_trend(|_| {}, Trend::New);
        check_trend(|advice| advice.days.extend([(date(2026, 11, 1), 3)]), Trend::Recurring);
        check_trend(|advice| advice.days = [(date(2026, 11, 1), 3)].into(), Trend::Quiet);
        check_trend(|advice| advice.denied[0].status = Status::Resolved, Trend::Resolved);
        check_trend(|advice| advice.days.clear(), Trend::Undated);
    }

    #[test]
    fn what_begins_later_is_left_out() {
        let mut later = sample::pipeline();
        later.days = [(date(2026, 11, 16), 3)].into();
        assert!(Report::build(&[later], &Coverage::default(), week()).findings.is_empty());
    }

    #[test]
    fn no_patch_is_counted_for_a_probing_caller() {
        let rows = report().findings;
        assert_eq!(rows[0].patch, None);
        assert_eq!(rows[1].patch, Some(Applicability::Apply));
    }

    #[test]
    fn a_part_that_no_patch_ends_makes_an_upper_bound() {
        let mut advice = sample::upload();
        advice.denied[1].verdict = Verdict::Unclear;
        let first = Report::build(&[advice], &Coverage::default(), week()).first;
        assert_eq!((first[0].denied, first[0].at_most), (120, true));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_order_given_does_not_matter(mut all in prop::collection::vec(sample::any_advice(), 0..4)) {
            all.iter_mut().enumerate().for_each(|(n, advice)| advice.id = format!("D-{n}"));
            let one = Report::build(&all, &Coverage::default(), week());
            all.reverse();
            prop_assert_eq!(&Report::build(&all, &Coverage::default(), week()), &one);
            prop_assert_eq!(one.days.iter().map(|day| day.denied).sum::<u64>(), one.numbers.denied);
        }
    }
}
