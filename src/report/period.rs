//! The days a report is about.

use jiff::civil::{Date, Weekday};
use jiff::{SpanRelativeTo, ToSpan};
use serde::{Deserialize, Serialize};

/// Whole days in UTC: from `since` on, up to but without `until`.
///
/// ```
/// use denywatch::report::Period;
/// use jiff::civil::date;
/// let week = Period::week_of(date(2026, 11, 11));
/// assert_eq!((week.since, week.until), (date(2026, 11, 9), date(2026, 11, 16)));
/// assert_eq!(week.title(), "week 46 of 2026");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Period {
    /// First day.
    #[cfg_attr(feature = "cli", schemars(with = "String"))]
    pub since: Date,
    /// The day after the last one.
    #[cfg_attr(feature = "cli", schemars(with = "String"))]
    pub until: Date,
}

impl Period {
    /// The ISO 8601 week, Monday to Sunday, that holds `date`.
    pub fn week_of(date: Date) -> Self {
        let back = i64::from(date.weekday().since(Weekday::Monday));
        let since = date.saturating_sub(back.days());
        Self { since, until: since.saturating_add(7.days()) }
    }

    /// The days from `since` up to but without `until`; empty when `until` is not later.
    pub fn between(since: Date, until: Date) -> Self {
        Self { since, until: until.max(since) }
    }

    /// Whether the day belongs to it.
    pub fn contains(&self, day: Date) -> bool {
        self.since <= day && day < self.until
    }

    /// How many days.
    pub fn len(&self) -> i32 {
        let days = (self.until - self.since).total((jiff::Unit::Day, SpanRelativeTo::days_are_24_hours()));
        days.unwrap_or_default() as i32
    }

    /// Whether it holds no day at all.
    pub fn is_empty(&self) -> bool {
        self.until <= self.since
    }

    /// The last day; `since` itself when empty.
    pub fn last_day(&self) -> Date {
        if self.is_empty() { self.since } else { self.until.saturating_sub(1.day()) }
    }

    /// As many days, just before it.
    pub fn before(&self) -> Self {
        Self { since: self.since.saturating_sub(i64::from(self.len()).days()), until: self.since }
    }

    /// Seven days, the last of them so many weeks before its own last day.
    pub fn week_back(&self, weeks: i64) -> Self {
        let until = self.until.saturating_sub((7 * weeks).days());
        Self { since: until.saturating_sub(7.days()), until }
    }

    /// Whether it is one ISO week.
    pub fn is_week(&self) -> bool {
        *self == Self::week_of(self.since)
    }

    /// What names it in a file's name or a message's key: `2026-W46`, else its first day and the day after its last.
    pub fn key(&self) -> String {
        let week = self.since.iso_week_date();
        match self.is_week() {
            true => format!("{}-W{:02}", week.year(), week.week()),
            false => format!("{}_{}", self.since, self.until),
        }
    }

    /// `week 46 of 2026` for a whole ISO week, else its first and last day.
    pub fn title(&self) -> String {
        let week = self.since.iso_week_date();
        match self.is_week() {
            true => format!("week {} of {}", week.week(), week.year()),
            false if self.len() <= 1 => self.since.to_string(),
            false => format!("{} to {}", self.since, self.last_day()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[track_caller]
    fn check(day: Date, since: Date, title: &str) {
        let week = Period::week_of(day);
        assert_eq!((week.since, week.len(), week.title().as_str()), (since, 7, title));
        assert!(week.contains(day) && !week.contains(week.until));
    }

    #[test]
    fn a_week_is_iso_8601s() {
        check(date(2026, 11, 9), date(2026, 11, 9), "week 46 of 2026");
        check(date(2026, 11, 15), date(2026, 11, 9), "week 46 of 2026");
        check(date(2027, 1, 1), date(2026, 12, 28), "week 53 of 2026");
        check(date(2024, 12, 30), date(2024, 12, 30), "week 1 of 2025");
    }

    #[test]
    fn other_periods_name_their_days() {
        assert_eq!(Period::between(date(2026, 11, 1), date(2026, 11, 4)).title(), "2026-11-01 to 2026-11-03");
        assert_eq!(Period::between(date(2026, 11, 1), date(2026, 11, 2)).title(), "2026-11-01");
        assert!(Period::between(date(2026, 11, 4), date(2026, 11, 1)).is_empty());
    }

    #[test]
    fn the_ends_of_the_calendar_do_not_panic() {
        for day in [Date::MIN, Date::MAX] {
            assert!(Period::week_of(day).len() >= 0);
        }
    }
}
