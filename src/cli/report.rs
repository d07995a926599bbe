//! `denywatch report`: the denied actions of a period.

use super::{DONE, Global, UNREAD, inputs, print};
use crate::app::{self, report::Ask};
use crate::io::clock;
use crate::io::settings::Settings;
use crate::io::sinks::file;
use crate::render::report_files::ReportFormat;
use crate::report::{Period, Scope, schema};
use clap::{Args, ValueEnum};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The format.
    #[arg(long, value_enum, default_value_t = Form::Md)]
    format: Form,
    /// First day: `7d`, `monday`, `2026-11-09` [default: the last whole week, Monday to Sunday, in the time zone of
    /// `report.at.tz`; its days are UTC's].
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The day after the last one [default: seven days after the first].
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only the findings of this owner, as `[owner]` of the configuration finds them.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Only what was recorded in this account; may be given more than once.
    #[arg(long, value_name = "ID")]
    only_account: Vec<String>,
    /// A file instead of standard output; in a folder it is named by its week, such as `2026-W46.html`, and replaces the
    /// one of the same week.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the JSON Schema of `--format json` instead.
    #[arg(long)]
    schema: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One page that needs nothing else: opens from a file, a bucket, a mail.
    Html,
    /// Markdown.
    Md,
    /// JSON, with every finding.
    Json,
    /// CSV, one line a finding.
    Csv,
}

impl Form {
    fn format(self) -> ReportFormat {
        match self {
            Self::Html => ReportFormat::Html,
            Self::Md => ReportFormat::Markdown,
            Self::Json => ReportFormat::Json,
            Self::Csv => ReportFormat::Csv,
        }
    }
}

pub(super) fn run(args: &ReportArgs, global: &Global) -> anyhow::Result<u8> {
    if args.schema {
        print::out(&schema())?;
        return Ok(DONE);
    }
    let (settings, now) = (inputs::settings(global)?, clock::now());
    let period = period(args, &settings, now)?;
    let (world, mut problems) = inputs::world(global)?;
    let ledger = inputs::ledger(global)?;
    let ask = Ask {
        period,
        scope: Scope { owner: args.owner.clone(), accounts: args.only_account.clone() },
        owners: &settings.routes.owners,
        time_zone: &settings.report.tz,
        now,
    };
    let (report, unread) = app::report(ledger.as_ref(), &ask, &world)?;
    problems.extend(unread);
    print::problems(&problems);
    let format = args.format.format();
    // Masked before it is written: in a page a name may also be a word of its style, of which the policy holds the hash.
    let text = format.render(&print::masked_or_fail(&report)?)?;
    match &args.out {
        Some(path) => file::write(&place(path, &format.file_name(&report)), &text)?,
        None => print::write(&text)?,
    }
    Ok(if problems.is_empty() { DONE } else { UNREAD })
}

fn place(path: &Path, name: &str) -> PathBuf {
    if path.is_dir() { path.join(name) } else { path.to_owned() }
}

/// Whole days, UTC.
fn period(args: &ReportArgs, settings: &Settings, now: Timestamp) -> anyhow::Result<Period> {
    let (since, until) = inputs::period(args.since.as_deref(), args.until.as_deref(), now)?;
    Ok(match (since.map(date), until.map(date)) {
        (None, None) => app::report::last_week(now, &settings.report.zone),
        (Some(since), None) => Period::between(since, since.saturating_add(7.days())),
        (None, Some(until)) => Period::between(until.saturating_sub(7.days()), until),
        (Some(since), Some(until)) => Period::between(since, until),
    })
}

fn date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}
