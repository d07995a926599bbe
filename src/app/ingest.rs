//! Records → what the ledger takes; ledger → advice on some of its findings.

use super::World;
use super::each::advise_each;
use crate::advice::{Advice, Context, advise};
use crate::change::{self, Change, Changes, targets};
use crate::denial::{self, Denial};
use crate::diagnosis::{Held, InForce, diagnose};
use crate::finding::{Finding, Observed, observe};
use crate::io::stores::{Filter, Ledger, LedgerError, Touched};
use crate::record::{Problem, Record};
use std::collections::BTreeSet;

/// The denials among the records.
pub fn denials<'a>(records: impl IntoIterator<Item = &'a Record>, world: &World) -> Vec<Denial> {
    let given = world.given();
    let read = |record| denial::from_record(record, &given, world.catalog);
    records.into_iter().filter_map(read).collect()
}

/// The changes of policies among the records.
pub fn changes<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Change> {
    records.into_iter().filter_map(change::from_record).collect()
}

/// The changes that may bear on these findings, those of the policies that they attached too.
///
/// # Errors
/// The ledger could not be read.
pub fn changes_around<'f>(
    findings: impl IntoIterator<Item = &'f Finding>,
    in_force: &InForce,
    ledger: &dyn Ledger,
) -> Result<Changes, LedgerError> {
    let findings: Vec<(&Finding, Option<Held>)> =
        findings.into_iter().map(|finding| (finding, in_force.of(&finding.principal))).collect();
    if findings.is_empty() {
        return Ok(Changes::new());
    }
    let wanted = |known: &Changes| {
        findings.iter().flat_map(|(finding, held)| targets(finding, held.as_ref(), known)).collect::<BTreeSet<String>>()
    };
    let first = wanted(&Changes::new());
    let mut known = ledger.changes(&first)?;
    let further: BTreeSet<String> = wanted(&known).difference(&first).cloned().collect();
    if !further.is_empty() {
        known.append(&mut ledger.changes(&further)?);
    }
    Ok(known)
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
    let mut advice = Vec::new();
    let problems = advise_each(touched, ledger, world, &mut |one| advice.push(one))?;
    advice.sort_by_cached_key(Advice::rank);
    Ok((advice, problems))
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
    advise(all, context).into_iter().filter(|advice| touched.ids.contains(&advice.id)).collect()
}
