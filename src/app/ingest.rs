//! Records → ledger → advice on the findings that they touched: what the Lambda does with every batch.

use super::World;
use crate::advice::{Advice, advise};
use crate::denial::{self, Given};
use crate::diagnosis::diagnose;
use crate::finding::{Observed, observe};
use crate::io::stores::{Filter, Ledger, LedgerError};
use crate::record::Record;
use std::collections::BTreeSet;

/// The denials among the records, ready for the ledger.
pub fn observed<'a>(records: impl IntoIterator<Item = &'a Record>, world: &World) -> Vec<Observed> {
    let denied = records.into_iter().filter_map(|record| denial::from_record(record, &Given::default(), world.catalog));
    denied
        .map(|denial| {
            let diagnosed = diagnose(&denial);
            observe(denial, diagnosed)
        })
        .collect()
}

/// Writes the denials among the records and advises on the findings that they belong to.
///
/// # Errors
/// The ledger could not be read or written; nothing of the batch is counted then.
pub fn ingest(records: &[Record], ledger: &mut dyn Ledger, world: &World) -> Result<Vec<Advice>, LedgerError> {
    let observed = observed(records, world);
    let touched: BTreeSet<String> = observed.iter().map(|one| one.finding.id.clone()).collect();
    ledger.record(observed)?;
    advise_on(&touched, ledger, world)
}

/// Advice on these findings, in the light of all others (a sweep shows only over all of a caller's findings).
///
/// # Errors
/// The ledger could not be read.
pub fn advise_on(ids: &BTreeSet<String>, ledger: &dyn Ledger, world: &World) -> Result<Vec<Advice>, LedgerError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let all = ledger.findings(&Filter::default())?;
    let advice = advise(&all, world.context());
    Ok(advice.into_iter().filter(|advice| ids.contains(&advice.id)).collect())
}
