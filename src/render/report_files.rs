//! The forms of a report, what each is called, and under which name it is kept: the same week always has the same name.

use super::escape::shell_quote;
use super::{markdown, page, report_csv};
use crate::report::{Report, Scope};
use sha2::{Digest, Sha256};

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

/// What makes the same report in this form: `denywatch report --since … --until … --owner … --format md`.
pub fn command(report: &Report, form: &str) -> String {
    let (since, until) = (report.period.since, report.period.until);
    let owner = report.scope.owner.iter().map(|owner| format!(" --owner {}", shell_quote(owner)));
    let accounts = report.scope.accounts.iter().map(|id| format!(" --only-account {}", shell_quote(id)));
    let scope: String = owner.chain(accounts).collect();
    format!("denywatch report --since {since} --until {until}{scope} --format {form}")
}

/// What names a report of this period, time zone and scope: `2026-W46`, `2026-W46.Europe-London`,
/// `2026-W46.owner-platform-ci`. Letters, digits, `_`, `+`, `.` and `-` only; where that leaves out some of the scope, a hash of all of it
/// ends the name.
///
/// ```
/// use denywatch::{render::report_files, report::{Facts, Period, Report, Scope}};
/// let week = Period::week_of(jiff::civil::date(2026, 11, 11));
/// let facts = Facts { time_zone: "Europe/London".into(), ..Facts::of(&[]) };
/// assert_eq!(report_files::key(&Report::build(&facts, week, &Scope::default())), "2026-W46.Europe-London");
/// ```
pub fn key(report: &Report) -> String {
    let mut key = report.period.key();
    if report.time_zone != "UTC" {
        key += &format!(".{}", plain(&report.time_zone));
    }
    if let Some(owner) = &report.scope.owner {
        key += &format!(".owner-{}", plain(owner));
    }
    report.scope.accounts.iter().take(ACCOUNTS_MAX).for_each(|id| key += &format!(".account-{}", plain(id)));
    if is_cut(&report.scope) {
        let all = [&report.scope.owner.clone().into_iter().collect(), &report.scope.accounts];
        let hash = Sha256::digest(format!("{all:?}"));
        key += &hash[..6].iter().fold(".".to_owned(), |hex, byte| format!("{hex}{byte:02x}"));
    }
    key
}

/// Accounts that stand in a name.
const ACCOUNTS_MAX: usize = 5;

fn plain(text: &str) -> String {
    let known = |c: char| if c.is_ascii_alphanumeric() || "_-+".contains(c) { c } else { '-' };
    text.chars().map(known).take(60).collect()
}

/// Whether the name does not hold all of the scope.
fn is_cut(scope: &Scope) -> bool {
    scope.accounts.len() > ACCOUNTS_MAX || scope.owner.iter().chain(&scope.accounts).any(|text| plain(text) != *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Facts, Period};

    fn of(owner: Option<&str>, accounts: &[&str]) -> Report {
        let scope =
            Scope { owner: owner.map(str::to_owned), accounts: accounts.iter().map(|id| (*id).to_owned()).collect() };
        Report::build(&Facts::of(&[]), Period::week_of(jiff::civil::date(2026, 11, 11)), &scope)
    }

    #[test]
    fn scopes_do_not_replace_each_other() {
        let six = ["1", "2", "3", "4", "5", "6"];
        let seven = ["1", "2", "3", "4", "5", "7"];
        let all = [of(Some("a/b"), &[]), of(Some("a b"), &[]), of(Some("a-b"), &[]), of(None, &six), of(None, &seven)];
        let mut keys: Vec<String> = all.iter().map(key).collect();
        assert_eq!(keys[2], "2026-W46.owner-a-b");
        assert!(
            keys.iter().all(|key| key.chars().all(|c| c.is_ascii_alphanumeric() || "_.+-".contains(c))),
            "{keys:?}"
        );
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all.len(), "{keys:?}");
    }

    #[test]
    fn what_makes_it_again_is_all_of_it() {
        let report = of(Some("shop's"), &["111122223333", "444455556666"]);
        let words = "--owner 'shop'\\''s' --only-account 111122223333 --only-account 444455556666 --format md";
        assert!(command(&report, "md").ends_with(words), "{}", command(&report, "md"));
        assert!(markdown::report(&report).contains(words));
    }
}
