//! Event history → ledger → ranked findings.

use super::World;
use super::outcome::{Outcome, Stats};
use super::scan::{Options, Scan};
use crate::io::aws::{self, Aws};
use crate::io::sources::lookup::{Period, RealPace, lookup_events};
use crate::io::stores::{Ledger, LedgerError};
use crate::record::Problem;

/// What to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Of which time; AWS keeps 90 days.
    pub period: Period,
    /// Regions; the configured one when empty.
    pub regions: Vec<String>,
    /// Profile of the AWS configuration.
    pub profile: Option<String>,
}

/// Reads Event history of each Region, keeps its denials in the ledger, and advises on their findings.
///
/// A Region that cannot be read to its end is a problem of the outcome; what came before it is kept.
///
/// # Errors
/// The ledger could not be read or written.
pub async fn lookup(
    asked: &Asked,
    ledger: &mut dyn Ledger,
    world: &World,
    options: Options,
    progress: &mut dyn FnMut(&Stats),
) -> Result<Outcome, LedgerError> {
    let region = asked.regions.first().cloned();
    let aws = Aws::load(&aws::Options { profile: asked.profile.clone(), region }).await;
    let own = aws.config().region().map(ToString::to_string);
    let regions = if asked.regions.is_empty() { own.into_iter().collect() } else { asked.regions.clone() };
    let input = format!("Event history {}", regions.join(" "));
    let mut scan = Scan::begin(ledger, world, options, &input);
    if regions.is_empty() {
        let error = "no Region is configured: give --only-region, or set AWS_REGION".to_owned();
        scan.problems.push(Problem { input: "Event history".to_owned(), error });
    }
    for region in &regions {
        let name = format!("Event history of {region}");
        let pace = RealPace::start();
        let read = lookup_events(&aws, region, asked.period, &pace, |event| {
            scan.read(event.as_bytes(), &name);
            progress(&scan.stats);
        });
        if let Err(fault) = read.await {
            scan.problems.push(Problem { input: name.clone(), error: fault.to_string() });
        }
    }
    // Pages, not files, were read.
    scan.stats.files = 0;
    scan.finish()
}
