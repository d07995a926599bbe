//! The ledger: findings, which events they counted, what was read, which alerts went out.
//!
//! One trait, and a memory double beside SQLite. An event counts once, whatever file, account or run tells it.

mod memory;
mod sqlite;
mod types;
mod uri;

pub use memory::MemoryLedger;
pub use sqlite::SqliteLedger;
pub use types::{Coverage, Filter, LedgerError, Place, Quarantined, Recorded, Run};
pub use uri::{StoreUri, UnknownStore};

use crate::finding::{Finding, Observed};
use jiff::Timestamp;

/// What is remembered between runs.
///
/// ```
/// use denywatch::io::stores::{Filter, Ledger, LedgerError, MemoryLedger};
/// let mut ledger = MemoryLedger::default();
/// ledger.record(Vec::new())?;
/// assert_eq!(ledger.findings(&Filter::default())?.len(), 0);
/// assert_eq!(ledger.find("D-7F").unwrap_err().to_string(), "no finding begins with `D-7F`; `denywatch findings` lists them");
/// # Ok::<(), LedgerError>(())
/// ```
pub trait Ledger: Send {
    /// Counts events that were not counted before and folds them into their findings, all or none.
    ///
    /// An event was counted before when its `event_id` or its `shared_event_id` was seen, in this batch or ever.
    ///
    /// # Errors
    /// Any [`LedgerError`]; then nothing of the batch is kept and the same batch may be given again.
    fn record(&mut self, batch: Vec<Observed>) -> Result<Recorded, LedgerError>;

    /// Findings with a denial that the filter takes, by id. They come whole: counts are not cut to the period.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn findings(&self, filter: &Filter) -> Result<Vec<Finding>, LedgerError>;

    /// The one finding whose id is, or begins with, this; letter case does not matter.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`], [`LedgerError::Ambiguous`].
    fn find(&self, id_prefix: &str) -> Result<Finding, LedgerError>;

    /// Notes what a run read. A second run over the same input replaces the first, so that nothing adds up twice.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn note_run(&mut self, run: &Run) -> Result<(), LedgerError>;

    /// What was read of a period: the sum of the runs that met events in it. Runs come whole.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn coverage(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Coverage, LedgerError>;

    /// True for the first who asks: the alert is theirs to send. `fingerprint` tells alerts about one finding apart.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn claim_alert(&mut self, finding_id: &str, fingerprint: &str, now: Timestamp) -> Result<bool, LedgerError>;

    /// Takes over a claim made at or before `until`; false when there is none so old. The claim's time becomes `now`.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn renew_alert(
        &mut self,
        finding_id: &str,
        fingerprint: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, LedgerError>;

    /// Gives a claim back after the alert could not be sent.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn release_alert(&mut self, finding_id: &str, fingerprint: &str) -> Result<(), LedgerError>;

    /// Keeps a message that can never be processed, with the reason.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn quarantine(&mut self, reason: &str, body: &str, now: Timestamp) -> Result<(), LedgerError>;

    /// What was quarantined, oldest first.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn quarantined(&self) -> Result<Vec<Quarantined>, LedgerError>;
}

/// Opens the ledger at a place; a missing file is made.
///
/// # Errors
/// See [`SqliteLedger::open`].
pub fn open(uri: &StoreUri) -> Result<Box<dyn Ledger>, LedgerError> {
    match uri {
        StoreUri::Sqlite(path) => Ok(Box::new(SqliteLedger::open(path)?)),
    }
}

/// Opens the ledger at a place to read it; nothing is made.
///
/// ```
/// use denywatch::io::stores::{StoreUri, open_existing};
/// let nowhere = StoreUri::Sqlite("no/such/ledger.db".into());
/// let fault = open_existing(&nowhere).err().unwrap().to_string();
/// assert_eq!(fault, "no ledger at `no/such/ledger.db` yet: `denywatch scan …` makes one");
/// ```
///
/// # Errors
/// [`LedgerError::Missing`], and see [`SqliteLedger::open`].
pub fn open_existing(uri: &StoreUri) -> Result<Box<dyn Ledger>, LedgerError> {
    match uri {
        StoreUri::Sqlite(path) if !path.exists() => Err(LedgerError::Missing(path.clone())),
        StoreUri::Sqlite(_) => open(uri),
    }
}

#[cfg(test)]
mod tests;
