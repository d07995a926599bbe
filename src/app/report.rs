//! Ledger → the denied-action report of a period.

use super::World;
use super::ingest::changes_around;
use crate::io::stores::{self, Filter, Ledger, LedgerError};
use crate::record::Problem;
use crate::report::{Coverage, Period, Report};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Builds the report of whole days from what the ledger holds; beside it what could not be read of the policies in force.
///
/// # Errors
/// The ledger could not be read.
pub fn report(ledger: &dyn Ledger, period: Period, world: &World) -> Result<(Report, Vec<Problem>), LedgerError> {
    let (since, until) = (midnight(period.since), midnight(period.until));
    let findings = ledger.findings(&Filter::default())?;
    let read = ledger.coverage(since, until)?;
    let changes = changes_around(&findings, ledger)?;
    let (advice, problems) = world.advise(&findings, None, &changes);
    Ok((Report::build(&advice, &coverage(&read), period), problems))
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
        unseen: UNSEEN.iter().map(|what| (*what).to_owned()).collect(),
    }
}

/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html>.
const UNSEEN: [&str; 2] = [
    "data events (S3 objects, DynamoDB items, Lambda calls and alike) where no trail records them",
    "accounts and Regions whose logs were not among the sources",
];
