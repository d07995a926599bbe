//! Records → what the ledger takes; ledger → advice on some of its findings.

use super::World;
use crate::advice::{Advice, Context, advise};
use crate::denial::{self, Denial, Given};
use crate::diagnosis::diagnose;
use crate::finding::{Finding, Observed, observe};
use crate::io::stores::{Filter, Ledger, LedgerError, Touched};
use crate::record::{Problem, Record};

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

/// Advice on these findings, in the light of all others of the same callers (sweeps and links show only over all of
/// them), and what could not be read of the policies in force.
///
/// # Errors
/// The ledger could not be read.
pub fn advise_on(
    touched: &Touched,
    ledger: &dyn Ledger,
    world: &World,
) -> Result<(Vec<Advice>, Vec<Problem>), LedgerError> {
    let (advice, problems) = world.advise(&beside(touched, ledger)?, Some(&touched.ids));
    Ok((only(touched, advice), problems))
}

/// These findings and all others of the same callers.
///
/// # Errors
/// The ledger could not be read.
pub fn beside(touched: &Touched, ledger: &dyn Ledger) -> Result<Vec<Finding>, LedgerError> {
    match touched.ids.is_empty() {
        true => Ok(Vec::new()),
        false => ledger.findings(&Filter { among: Some(touched.clone()), ..Filter::default() }),
    }
}

/// Advice on these findings of all.
pub fn advise_among(touched: &Touched, all: &[Finding], context: Context<'_>) -> Vec<Advice> {
    only(touched, advise(all, context))
}

fn only(touched: &Touched, advice: Vec<Advice>) -> Vec<Advice> {
    advice.into_iter().filter(|advice| touched.ids.contains(&advice.id)).collect()
}
