//! How findings stood week by week.

use super::Period;
use super::build::denied;
use super::mended::resolved_in;
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
        let over = resolved_in(advice, period);
        week.new += u64::from(now > 0 && !is_old);
        week.recurring += u64::from(now > 0 && is_old);
        week.resolved += u64::from(over);
        week.quiet += u64::from(ends && !over);
    }
    week
}
