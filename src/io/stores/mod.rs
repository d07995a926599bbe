//! The ledger: findings, which events they counted, what was read, what was told to whom.
//!
//! One trait; SQLite, DynamoDB, and a memory double beside them. An event counts once, whatever file, account or run
//! tells it.

pub(crate) mod calls;
#[cfg(feature = "dynamodb")]
mod dynamo;
mod head;
mod keep;
mod memory;
mod objects;
#[cfg(feature = "sqlite")]
mod sqlite;
pub(crate) mod states;
mod texts;
mod touched;
mod types;
mod uri;

#[cfg(feature = "dynamodb")]
pub use dynamo::DynamoLedger;
pub use head::Head;
pub use keep::{COUNTS_DAYS, Hashed, Keep, SAMPLES_DAYS};
pub use memory::MemoryLedger;
pub use objects::{Held, Object, ObjectRead};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteLedger;
pub use texts::{Text, Texts};
pub use touched::{Callers, Touched};
pub use types::{Coverage, Delivery, Filter, LedgerError, Open, Place, Purged, Quarantined, Recorded, Run};
pub use uri::{StoreUri, UnknownStore};

use crate::change::Change;
use crate::finding::{Finding, Observed, Repeated};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

/// What is remembered between runs.
///
/// Calls block: SQLite does so by nature, and the function does one thing at a time. Several programs may use one ledger
/// at once.
///
/// ```
/// use denywatch::io::stores::{Filter, Ledger, LedgerError, MemoryLedger};
/// let mut ledger = MemoryLedger::default();
/// ledger.record(Vec::new(), "2026-11-22T10:00:00Z".parse().unwrap())?;
/// assert_eq!(ledger.findings(&Filter::default())?.len(), 0);
/// assert_eq!(ledger.find("D-7F").unwrap_err().to_string(), "no finding begins with `D-7F`; `denywatch findings` lists them");
/// # Ok::<(), LedgerError>(())
/// ```
pub trait Ledger: Send {
    /// The time that the calls from now on may take together; then they fail with [`LedgerError::Busy`]. Ledgers on this
    /// machine take no notice.
    fn within(&mut self, _limit: Duration) {}

    /// Counts events that were not counted before and folds them into their findings.
    ///
    /// An event was counted before when its `event_id` or its `shared_event_id` was seen, in this batch or within
    /// [`Keep::counts`]; older events are refused.
    ///
    /// # Errors
    /// Any [`LedgerError`]; then each event of the batch is counted whole or not at all, and the same batch may be given
    /// again: nothing of it counts twice.
    fn record(&mut self, batch: Vec<Observed>, now: Timestamp) -> Result<Recorded, LedgerError>;

    /// The same, which puts the ids of the events that count now into `counted`. A ledger that only hands calls on to
    /// another, to time them, need not tell.
    ///
    /// # Errors
    /// See [`Ledger::record`].
    fn record_telling(
        &mut self,
        batch: Vec<Observed>,
        now: Timestamp,
        _counted: Option<&mut BTreeSet<String>>,
    ) -> Result<Recorded, LedgerError> {
        self.record(batch, now)
    }

    /// The same for events many of which are the same denial met again: faster, and nothing else.
    ///
    /// # Errors
    /// See [`Ledger::record`].
    fn record_repeated(&mut self, batch: Vec<Repeated>, now: Timestamp) -> Result<Recorded, LedgerError> {
        self.record(batch.into_iter().map(Repeated::observed).collect(), now)
    }

    /// Findings with a denial that the filter takes, by id. They come whole: counts are not cut to the period.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn findings(&self, filter: &Filter) -> Result<Vec<Finding>, LedgerError>;

    /// All findings whose ids stand behind this one, by id: as many as this and perhaps more, none only at the end. So they
    /// are gone through without holding all of them.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn page(&self, after: Option<&str>, _most: usize) -> Result<Vec<Finding>, LedgerError> {
        // The first page is all of it.
        if after.is_some() { Ok(Vec::new()) } else { self.findings(&Filter::default()) }
    }

    /// Heads of the findings that [`Filter::among`] may take, by owner and id: at least of those, and perhaps of some more.
    /// With [`Ledger::some`] findings are gone through caller by caller without holding all of them.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn heads(&self, among: &Touched) -> Result<Vec<Head>, LedgerError> {
        let all = self.findings(&Filter { among: Some(among.clone()), ..Filter::default() })?;
        Ok(head::sorted(all.iter().map(Head::of).collect()))
    }

    /// The findings with these ids, by id; one that is gone is left out.
    ///
    /// ```
    /// # use denywatch::io::stores::{Ledger, LedgerError, MemoryLedger};
    /// assert_eq!(MemoryLedger::default().some(&["D-7F"])?, []);
    /// # Ok::<(), LedgerError>(())
    /// ```
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn some(&self, ids: &[&str]) -> Result<Vec<Finding>, LedgerError> {
        let ids = ids.iter().collect();
        self.findings(&Filter { among: Some(Touched { ids, ..Touched::default() }), ..Filter::default() })
    }

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

    /// Of each of these objects, in their order, what it held if it was noted before in the same state, else `None`.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn known_objects(&self, objects: &[Object]) -> Result<Vec<Option<Held>>, LedgerError>;

    /// Notes objects that were read to their end, after their denials were recorded, and adds what they held to the run
    /// over `input`. What was noted before in the same state adds nothing, so that an object counts once for coverage,
    /// too, however often and by whomever it is told.
    ///
    /// # Errors
    /// Any [`LedgerError`]; then the same call may be made again.
    fn note_objects(&mut self, input: &str, objects: &[ObjectRead], now: Timestamp) -> Result<(), LedgerError>;

    /// What is noted of the run over this input; `None` when there was none.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn noted_run(&self, input: &str) -> Result<Option<Run>, LedgerError>;

    /// The same, which hands the run's places over one by one, by account and Region, and leaves them out of it: there may be
    /// more of them than memory should hold as they are.
    ///
    /// # Errors
    /// Any [`LedgerError`]; places may have been handed over before.
    fn noted_run_telling(&self, input: &str, each: &mut dyn FnMut(Place)) -> Result<Option<Run>, LedgerError> {
        let run = self.noted_run(input)?;
        Ok(run.map(|mut run| {
            std::mem::take(&mut run.places).into_iter().for_each(each);
            run
        }))
    }

    /// What was read of a period: the sum of the runs that met events in it. Runs come whole.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn coverage(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Coverage, LedgerError>;

    /// What a receiver was told about a finding (or a report's key); `None` when it was never to be told anything.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn delivery(&self, id: &str, destination: &str) -> Result<Option<Delivery>, LedgerError>;

    /// Replaces it, if what is stored has the version before `delivery.version` (none is version 0); else false, and
    /// nothing is changed. So of several who take the same delivery one has it.
    ///
    /// # Errors
    /// Any [`LedgerError`]; then it may have been replaced.
    fn put_delivery(&mut self, id: &str, destination: &str, delivery: &Delivery) -> Result<bool, LedgerError>;

    /// Deliveries that are not done, by id and receiver; with a time those to be looked at until then.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn open_deliveries(&self, by: Option<Timestamp>) -> Result<Vec<Open>, LedgerError>;

    /// Keeps a message that can never be processed, with the reason; the same reason and body once.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn quarantine(&mut self, reason: &str, body: &str, now: Timestamp) -> Result<(), LedgerError>;

    /// What was quarantined, oldest first.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn quarantined(&self) -> Result<Vec<Quarantined>, LedgerError>;

    /// Keeps changes of policies with what they touched: each once, of every target the latest
    /// [`KEPT`](crate::change::KEPT). Older ones than [`Keep::counts`] are left out.
    ///
    /// # Errors
    /// Any [`LedgerError`]; then the same changes may be given again.
    fn note_changes(&mut self, changes: &[Change], now: Timestamp) -> Result<(), LedgerError>;

    /// The changes of these targets, by time, each once.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn changes(&self, targets: &BTreeSet<String>) -> Result<BTreeSet<Change>, LedgerError>;

    /// What a task left for its next run, such as where a sweep stopped; `None` where it left nothing.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn state(&self, task: &str) -> Result<Option<String>, LedgerError>;

    /// Leaves it; the last word holds, and an empty one takes it away.
    ///
    /// # Errors
    /// Any [`LedgerError`].
    fn put_state(&mut self, task: &str, state: &str) -> Result<(), LedgerError>;

    /// Forgets a principal, by its ARN or name: its findings, what was told of them, changes that it made or that touched
    /// it, documents of other changes that name it, quarantined messages that do, and what tasks left of it. Ids of events that
    /// were counted stay, so that an event delivered once more does not bring it back. What other principals were refused
    /// stays theirs, also where it was this one's role or user that they asked for.
    ///
    /// # Errors
    /// Any [`LedgerError`]; then the same call may be made again.
    fn purge(&mut self, principal: &str) -> Result<Purged, LedgerError>;

    /// Forgets what is older than [`Keep`] says, and allowed calls of Event history that are older than 104 days or than
    /// that, whichever is shorter.
    ///
    /// # Errors
    /// Any [`LedgerError`]; then the same call may be made again.
    fn expire(&mut self, now: Timestamp) -> Result<Purged, LedgerError>;
}

/// Opens the ledger at a place; a missing file is made, a missing table is not.
///
/// # Errors
/// See `SqliteLedger::open` and `DynamoLedger::open`.
pub fn open(uri: &StoreUri, keep: &Keep) -> Result<Box<dyn Ledger>, LedgerError> {
    match uri {
        #[cfg(feature = "sqlite")]
        StoreUri::Sqlite(path) => Ok(Box::new(SqliteLedger::open(path)?.keeping(keep)?)),
        #[cfg(not(feature = "sqlite"))]
        StoreUri::Sqlite(_) => Err(LedgerError::NoSqlite),
        #[cfg(feature = "dynamodb")]
        StoreUri::Dynamo(table) => Ok(Box::new(DynamoLedger::open(table, keep)?)),
        #[cfg(not(feature = "dynamodb"))]
        StoreUri::Dynamo(_) => Err(LedgerError::NotBuilt),
    }
}

/// The same, but a table is looked at with the first call only, which then fails as this would.
///
/// # Errors
/// See `SqliteLedger::open` and `DynamoLedger::open_later`.
pub fn open_later(uri: &StoreUri, keep: &Keep) -> Result<Box<dyn Ledger>, LedgerError> {
    match uri {
        #[cfg(feature = "dynamodb")]
        StoreUri::Dynamo(table) => Ok(Box::new(DynamoLedger::open_later(table, keep)?)),
        _ => open(uri, keep),
    }
}

/// Opens the ledger at a place to read it; nothing is made.
///
/// ```
/// use denywatch::io::stores::{Keep, StoreUri, open_existing};
/// let nowhere = StoreUri::Sqlite("no/such/ledger.db".into());
/// let fault = open_existing(&nowhere, &Keep::default()).err().unwrap().to_string();
/// assert_eq!(fault, "no ledger at `no/such/ledger.db` yet: `denywatch scan …` makes one");
/// ```
///
/// # Errors
/// [`LedgerError::Missing`], and see [`open`].
pub fn open_existing(uri: &StoreUri, keep: &Keep) -> Result<Box<dyn Ledger>, LedgerError> {
    match uri {
        StoreUri::Sqlite(path) if !path.exists() => Err(LedgerError::Missing(path.clone())),
        StoreUri::Sqlite(_) | StoreUri::Dynamo(_) => open(uri, keep),
    }
}

#[cfg(test)]
mod tests;
