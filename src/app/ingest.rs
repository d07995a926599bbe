//! Records → ledger → advice on the findings that they touched: what the Lambda does with every batch.

use super::World;
use crate::advice::{Advice, Context, advise};
use crate::denial::{self, Denial, Given};
use crate::diagnosis::diagnose;
use crate::finding::{Finding, Observed, observe};
use crate::io::stores::{Filter, Ledger, LedgerError};
use crate::record::{Problem, Record};
use std::collections::BTreeSet;

/// The denials among the records.
pub fn denials<'a>(records: impl IntoIterator<Item = &'a Record>, world: &World) -> Vec<Denial> {
    let read = |record| denial::from_record(record, &Given::default(), world.catalog);
    records.into_iter().filter_map(read).collect()
}

/// Ready for the ledger.
pub fn observed(denials: Vec<Denial>) -> Vec<Observed> {
    let one = |denial: Denial| {
        let diagnosed = diagnose(&denial);
        observe(denial, diagnosed)
    };
    denials.into_iter().map(one).collect()
}

/// Writes the denials and gives back the ids of the findings that they belong to.
///
/// # Errors
/// The ledger could not be read or written; nothing of the batch is counted then.
pub fn count(denials: Vec<Denial>, ledger: &mut dyn Ledger) -> Result<BTreeSet<String>, LedgerError> {
    let observed = observed(denials);
    let touched = observed.iter().map(|one| one.finding.id.clone()).collect();
    ledger.record(observed)?;
    Ok(touched)
}

/// Advice on these findings, in the light of all others (a sweep shows only over all of a caller's findings), and what
/// could not be read of the policies in force.
///
/// # Errors
/// The ledger could not be read.
pub fn advise_on(
    ids: &BTreeSet<String>,
    ledger: &dyn Ledger,
    world: &World,
) -> Result<(Vec<Advice>, Vec<Problem>), LedgerError> {
    if ids.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let (advice, problems) = world.advise(&ledger.findings(&Filter::default())?, Some(ids));
    Ok((only(ids, advice), problems))
}

/// Advice on these findings of all.
pub fn advise_among(ids: &BTreeSet<String>, all: &[Finding], context: Context<'_>) -> Vec<Advice> {
    only(ids, advise(all, context))
}

fn only(ids: &BTreeSet<String>, advice: Vec<Advice>) -> Vec<Advice> {
    advice.into_iter().filter(|advice| ids.contains(&advice.id)).collect()
}
