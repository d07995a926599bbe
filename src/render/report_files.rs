//! The forms of a report, what each is called, and under which name it is kept: the same week always has the same name.

use super::{markdown, page, report_csv};
use crate::report::Report;

/// The forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportFormat {
    /// One page.
    Html,
    /// Markdown.
    Markdown,
    /// JSON.
    Json,
    /// CSV.
    Csv,
}

impl ReportFormat {
    /// All of them, the page first.
    pub const ALL: [Self; 4] = [Self::Html, Self::Json, Self::Csv, Self::Markdown];

    /// The text.
    ///
    /// # Errors
    /// As [`markdown::report_json`].
    pub fn render(self, report: &Report) -> serde_json::Result<String> {
        match self {
            Self::Html => Ok(page::report(report)),
            Self::Markdown => Ok(markdown::report(report)),
            Self::Json => markdown::report_json(report),
            Self::Csv => Ok(report_csv::report(report)),
        }
    }

    /// For HTTP.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "md",
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    /// `2026-W46.html`.
    pub fn file_name(self, report: &Report) -> String {
        format!("{}.{}", key(report), self.ending())
    }
}

/// What names a report of this period, time zone and scope: `2026-W46`, `2026-W46.Europe-London`,
/// `2026-W46.owner-platform-ci`. Letters, digits, `_`, `.` and `-` only.
///
/// ```
/// use denywatch::{render::report_files, report::{Facts, Period, Report, Scope}};
/// let week = Period::week_of(jiff::civil::date(2026, 11, 11));
/// let facts = Facts { time_zone: "Europe/London".into(), ..Facts::of(&[]) };
/// assert_eq!(report_files::key(&Report::build(&facts, week, &Scope::default())), "2026-W46.Europe-London");
/// ```
pub fn key(report: &Report) -> String {
    let plain = |text: &str| -> String {
        let known = |c: char| if c.is_ascii_alphanumeric() || "_-+".contains(c) { c } else { '-' };
        text.chars().map(known).take(60).collect()
    };
    let mut key = report.period.key();
    if report.time_zone != "UTC" {
        key += &format!(".{}", plain(&report.time_zone));
    }
    if let Some(owner) = &report.scope.owner {
        key += &format!(".owner-{}", plain(owner));
    }
    report.scope.accounts.iter().take(5).for_each(|id| key += &format!(".account-{}", plain(id)));
    key
}
