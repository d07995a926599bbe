//! `denywatch report`: the denied actions of a period.

use super::{DONE, Global, UNREAD, inputs, print};
use crate::app;
use crate::io::clock;
use crate::io::sinks::file;
use crate::render::markdown;
use crate::report::Period;
use clap::{Args, ValueEnum};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Md)]
    format: ReportFormat,
    /// First day: `7d`, `monday`, `2026-11-09` [default: the last whole week, Monday to Sunday, UTC].
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The day after the last one [default: seven days after the first].
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// A file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// Markdown.
    Md,
    /// JSON.
    Json,
}

pub(super) fn run(args: &ReportArgs, global: &Global) -> anyhow::Result<u8> {
    let period = period(args, clock::now())?;
    let (world, mut problems) = inputs::world(global)?;
    let ledger = inputs::ledger(global)?;
    let (report, unread) = app::report(ledger.as_ref(), period, &world)?;
    problems.extend(unread);
    print::problems(&problems);
    let text = match args.format {
        ReportFormat::Md => markdown::report(&report),
        ReportFormat::Json => markdown::report_json(&report)? + "\n",
    };
    match &args.out {
        Some(path) => file::write(path, &print::masked_text(&text))?,
        None => print::out(&text)?,
    }
    Ok(if problems.is_empty() { DONE } else { UNREAD })
}

/// Whole days, UTC.
fn period(args: &ReportArgs, now: Timestamp) -> anyhow::Result<Period> {
    let (since, until) = inputs::period(args.since.as_deref(), args.until.as_deref(), now)?;
    Ok(match (since.map(date), until.map(date)) {
        (None, None) => Period::week_of(date(now).saturating_sub(7.days())),
        (Some(since), None) => Period::between(since, since.saturating_add(7.days())),
        (None, Some(until)) => Period::between(until.saturating_sub(7.days()), until),
        (Some(since), Some(until)) => Period::between(since, until),
    })
}

fn date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}
