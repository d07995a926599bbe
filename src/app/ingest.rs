//! Records → what the ledger takes; ledger → advice on some of its findings.

use super::World;
use crate::advice::{Advice, advise};
use crate::denial::{self, Given};
use crate::diagnosis::diagnose;
use crate::finding::{Observed, observe};
use crate::io::stores::{Filter, Ledger, LedgerError, Touched};
use crate::record::Record;

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

/// Advice on these findings, in the light of all others of the same callers: a sweep shows only over all of them.
///
/// # Errors
/// The ledger could not be read.
pub fn advise_on(touched: &Touched, ledger: &dyn Ledger, world: &World) -> Result<Vec<Advice>, LedgerError> {
    if touched.ids.is_empty() {
        return Ok(Vec::new());
    }
    let all = ledger.findings(&Filter { among: Some(touched.clone()), ..Filter::default() })?;
    let advice = advise(&all, world.context());
    Ok(advice.into_iter().filter(|advice| touched.ids.contains(&advice.id)).collect())
}
