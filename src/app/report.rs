//! Ledger → the denied-action report of a period.

use super::World;
use super::ingest::changes_around;
use super::places::Places;
use crate::advice::Advice;
use crate::delivery::Owners;
use crate::io::stores::{self, Filter, Ledger, LedgerError};
use crate::record::Problem;
use crate::report::{Coverage, Facts, Period, Report, Scope};
use crate::triage::expected::Expected;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeSet;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// Whole days, UTC.
    pub period: Period,
    /// Whose findings.
    pub scope: Scope,
    /// Who owns what, and what accounts are called.
    pub owners: &'a Owners,
    /// IANA name of the time zone that decided on the period.
    pub time_zone: &'a str,
    /// When it is made.
    pub now: Timestamp,
}

/// Builds the report of whole days from what the ledger holds; beside it what could not be read of the policies in force.
///
/// # Errors
/// The ledger could not be read.
pub fn report(ledger: &dyn Ledger, ask: &Ask<'_>, world: &World) -> Result<(Report, Vec<Problem>), LedgerError> {
    let findings = ledger.findings(&Filter::default())?;
    let changes = changes_around(&findings, &world.in_force, ledger)?;
    let (advice, problems) = world.advise(&findings, None, &changes);
    let tags = |one: &Advice| world.tags(one);
    let coverage = covered(ledger, &advice, ask)?;
    Ok((build(&advice, coverage, ask, &world.expected, &tags), problems))
}

/// Adds up advice that is at hand; `tags` are those of a finding's principal.
pub fn build(
    advice: &[Advice],
    coverage: Coverage,
    ask: &Ask<'_>,
    expected: &Expected,
    tags: &dyn Fn(&Advice) -> crate::delivery::Tags,
) -> Report {
    let owner = |one: &Advice| Some((one.id.clone(), ask.owners.of(one, &tags(one))?.name));
    let names = ask.owners.accounts.iter().filter_map(|(id, account)| Some((id.clone(), account.name.clone()?)));
    let facts = Facts {
        findings: advice,
        coverage,
        owners: advice.iter().filter_map(owner).collect(),
        account_names: names.collect(),
        expected: expected.clone(),
        now: ask.now,
        time_zone: ask.time_zone.to_owned(),
    };
    Report::build(&facts, ask.period, &ask.scope)
}

/// The last ISO week that is over at this time in this zone.
pub fn last_week(now: Timestamp, zone: &TimeZone) -> Period {
    Period::week_of(now.to_zoned(zone.clone()).date().saturating_sub(7.days()))
}

/// What stands behind the report: what runs read, and where the denials themselves came from, as live events leave no
/// runs.
///
/// # Errors
/// The ledger could not be read.
pub fn covered(ledger: &dyn Ledger, advice: &[Advice], ask: &Ask<'_>) -> Result<Coverage, LedgerError> {
    let (since, until) = (midnight(ask.period.since), midnight(ask.period.until));
    let mut all = coverage(&ledger.coverage(since, until)?);
    let inside: Vec<&Advice> =
        advice.iter().filter(|one| one.days.keys().any(|day| ask.period.contains(*day))).collect();
    let also = |there: &mut Vec<String>, more: Vec<String>| {
        *there = there.drain(..).chain(more).collect::<BTreeSet<_>>().into_iter().collect();
    };
    also(&mut all.accounts, inside.iter().filter_map(|one| one.account.clone()).collect());
    let regions = inside.iter().flat_map(|one| &one.denied).flat_map(|item| item.regions.clone());
    also(&mut all.regions, regions.collect());
    all.missing = ask.owners.accounts.keys().filter(|id| !all.accounts.contains(id)).cloned().collect();
    let as_of = until.map_or(ask.now, |until| until.min(ask.now));
    let seen = inside.iter().filter_map(|one| one.last_seen).filter(|at| *at < as_of);
    all.newest = all.newest.into_iter().chain(seen).max();
    all.lag = all.newest.map(|newest| as_of.duration_since(newest).as_secs().max(0));
    all.undelivered = ledger.open_deliveries(None)?.len() as u64;
    all.quarantined = ledger.quarantined()?.len() as u64;
    Ok(all)
}

fn midnight(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// What was read, and what such sources never hold.
pub fn coverage(read: &stores::Coverage) -> Coverage {
    let sorted = |pick: fn(&stores::Place) -> Option<&String>| {
        let mut all: Vec<String> = read.places.iter().filter_map(pick).cloned().collect();
        all.sort();
        all.dedup();
        all
    };
    Coverage {
        accounts: sorted(|place| place.account.as_ref()),
        regions: sorted(|place| place.region.as_ref()),
        records: read.records,
        unread: read.unreadable,
        newest: read.places.iter().filter_map(|place| place.last).max(),
        ..unseen()
    }
}

/// The same of one run.
pub(super) fn coverage_of(run: &stores::Run, places: Places) -> Coverage {
    let newest = places.newest();
    let [accounts, regions] = places.into_names();
    Coverage { accounts, regions, records: run.records, unread: run.unreadable, newest, ..unseen() }
}

fn unseen() -> Coverage {
    Coverage { unseen: UNSEEN.iter().map(|what| (*what).to_owned()).collect(), ..Coverage::default() }
}

/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html>.
const UNSEEN: [&str; 2] = [
    "data events (S3 objects, DynamoDB items, Lambda calls and alike) where no trail records them",
    "accounts and Regions whose logs were not among the sources",
];
