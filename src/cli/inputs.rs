//! What several commands read: the policies in force, the ledger, a finding by its id, what a message leaves out,
//! points in time.

use super::Global;
use crate::advice::Advice;
use crate::app::World;
use crate::denial::Given;
use crate::io::config;
use crate::io::sources::policies;
use crate::io::stores::{self, Ledger, StoreUri};
use crate::record::Problem;
use anyhow::{Context, bail};
use clap::Args;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// What the person at the keyboard knows and the pasted message does not tell.
#[derive(Debug, Args)]
pub(super) struct GivenArgs {
    /// Who was refused, where the message does not tell: a role, user or session ARN.
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
    /// On what, where the message does not tell.
    #[arg(long, value_name = "ARN")]
    resource: Option<String>,
}

impl GivenArgs {
    pub(super) fn given(&self) -> Given {
        Given { principal: self.principal.clone(), resource: self.resource.clone() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.principal.is_none() && self.resource.is_none()
    }
}

/// The facts and the policies given; what in them could not be read is told, the rest is used.
pub(super) fn world(global: &Global) -> anyhow::Result<(World, Vec<Problem>)> {
    let (in_force, problems) = policies::read(&global.policies);
    Ok((World::new(in_force), problems))
}

/// Opens the ledger that was named, or the user's own.
pub(super) fn ledger(global: &Global) -> anyhow::Result<Box<dyn Ledger>> {
    let uri = match &global.store {
        Some(uri) => uri.parse::<StoreUri>()?,
        None => StoreUri::Sqlite(
            config::default_ledger()
                .context("no place for the ledger: set HOME, or name one with --store sqlite:PATH")?,
        ),
    };
    Ok(stores::open(&uri)?)
}

/// The finding whose id this is, or begins with it.
pub(super) fn pick<'a>(all: &'a [Advice], id: &str) -> anyhow::Result<&'a Advice> {
    let wanted = id.to_ascii_uppercase();
    let wanted = if wanted.starts_with("D-") { wanted } else { format!("D-{wanted}") };
    let found: Vec<&Advice> = all.iter().filter(|advice| advice.id.starts_with(&wanted)).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => bail!("no finding `{id}` in the ledger: `denywatch findings` lists them"),
        [_, _, ..] => bail!("`{id}` begins {} findings' ids: give more of it", found.len()),
    }
}

/// `7d`, `36h`, `monday`, a date, or a time, seen from `now`; the beginning of the day where only a day is named.
///
/// ```text
/// 7d   monday   2026-11-09   2026-11-09T10:00:00Z
/// ```
pub(super) fn time(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(date) = text.parse::<Date>() {
        return Ok(midnight(date)?);
    }
    let today = now.to_zoned(TimeZone::UTC).date();
    if let Some(day) = weekday(text) {
        let back = i64::from(today.weekday().since(day));
        return Ok(midnight(today.checked_sub(Span::new().days(back))?)?);
    }
    ago(text, now).with_context(|| format!("`{text}` is no time: try `7d`, `36h`, `monday` or `2026-11-09`"))
}

fn weekday(text: &str) -> Option<Weekday> {
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    let all = [Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday];
    all.into_iter().find(|day| format!("{day:?}").eq_ignore_ascii_case(text))
}

fn ago(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let count: i64 = number.parse().context("no number")?;
    let hours = match &text[number.len()..] {
        "h" => 1,
        "d" => 24,
        "w" => 24 * 7,
        _ => bail!("no unit"),
    };
    let hours = count.checked_mul(hours).filter(|hours| (0..1_000_000).contains(hours)).context("out of range")?;
    Ok(now.checked_sub(Span::new().hours(hours))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        let now: Timestamp = "2026-11-18T12:30:00Z".parse().unwrap();
        assert_eq!(time(text, now).ok().map(|at| at.to_string()).as_deref(), expect);
    }

    #[test]
    fn times_as_people_write_them() {
        check("7d", Some("2026-11-11T12:30:00Z"));
        check("36h", Some("2026-11-17T00:30:00Z"));
        check("2w", Some("2026-11-04T12:30:00Z"));
        check("monday", Some("2026-11-16T00:00:00Z"));
        check("Wednesday", Some("2026-11-18T00:00:00Z"));
        check("2026-11-09", Some("2026-11-09T00:00:00Z"));
        check("2026-11-09T10:00:00+01:00", Some("2026-11-09T09:00:00Z"));
        for bad in ["", "d", "7", "7y", "-3d", "99999999999999999999d", "9999999999d", "noday"] {
            check(bad, None);
        }
    }
}
