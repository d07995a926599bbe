//! How findings stood week by week.

use super::Period;
use super::build::{denied, is_resolved};
use super::model::Week;
use crate::advice::Advice;
use jiff::civil::Date;

const WEEKS: i64 = 8;

/// The first day of which a denial is known.
pub(super) fn earliest(known: &[&Advice]) -> Option<Date> {
    known.iter().filter_map(|advice| advice.days.keys().next()).min().copied()
}

/// At most eight times seven days up to the period's end, none before the first denial.
pub(super) fn weeks(known: &[&Advice], period: Period) -> Vec<Week> {
    let Some(earliest) = earliest(known) else { return Vec::new() };
    let all = (0..WEEKS).rev().map(|back| period.week_back(back));
    all.filter(|week| week.until > earliest && !week.is_empty()).map(|week| one(known, week)).collect()
}

fn one(known: &[&Advice], period: Period) -> Week {
    let mut week = Week { period, denied: 0, new: 0, recurring: 0, quiet: 0, resolved: 0 };
    for advice in known {
        let now = denied(advice, period);
        week.denied = week.denied.saturating_add(now);
        let is_old = advice.days.keys().any(|day| *day < period.since);
        let ends = now == 0 && denied(advice, period.before()) > 0;
        // A denial after the week says that it was not over then.
        let is_over = is_resolved(advice) && advice.days.keys().all(|day| *day < period.since);
        week.new += u64::from(now > 0 && !is_old);
        week.recurring += u64::from(now > 0 && is_old);
        week.resolved += u64::from(ends && is_over);
        week.quiet += u64::from(ends && !is_over);
    }
    week
}
