//! The ledger in one file of SQLite.

mod at_once;
mod changes;
mod counted;
mod event_id;
mod mark;
mod objects;
mod older;
mod packed;
mod repeats;
mod runs;
mod schema;
mod some;
mod time;

use super::calls;
use super::keep::{HashKey, before};
use super::memory::the_one;
use super::states::{CALLERS, Purging};
use super::types::{change_without, names};
use super::{
    Coverage, Delivery, Filter, Head, Held, Keep, Ledger, LedgerError, Object, ObjectRead, Open, Place, Purged,
    Quarantined, Recorded, Run, Touched,
};
use crate::change::Change;
use crate::finding::{Finding, Fresh, Observed, Repeated};
use at_once::at_once;
use counted::Kind;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a program waits for others that are writing; who comes next among several is chance, and disks can be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Readers do not wait for writers; after a power cut the last commits may be missing, and are read again. What was written is
/// moved to its places, and the disk waited for, after 16 MB: pages that each of several transactions changes are moved once. 8 MB
/// of pages stand in memory, so that no transaction of a scan writes a page twice.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000; \
                       PRAGMA cache_size = -8000;";

/// Statements that stay prepared: all that a scan makes.
const STATEMENTS: usize = 64;

/// Tries again for as long as another program is at the file: while one makes a new file's write-ahead log, SQLite itself does not wait.
fn patiently<T>(mut work: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    const PAUSE: Duration = Duration::from_millis(10);
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        match work() {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
    work()
}

/// See [`Ledger`]. Several programs may have the file open.
#[derive(Debug)]
pub struct SqliteLedger {
    connection: Connection,
    path: PathBuf,
    keep: Keep,
    key: Option<HashKey>,
}

impl SqliteLedger {
    /// Opens a ledger; a missing file and its folders are made, readable by their owner only, since findings name
    /// principals and resources.
    ///
    /// # Errors
    /// [`LedgerError::Newer`] when a newer program wrote the file, [`LedgerError::NotALedger`] when it is another
    /// program's, [`LedgerError::Create`] and [`LedgerError::Sqlite`] when it cannot be made or read.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        create(path).map_err(|source| LedgerError::Create { path: path.to_owned(), source })?;
        let failed = |source| LedgerError::Sqlite { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        match patiently(|| schema::migrate(&mut connection)).map_err(failed)? {
            schema::State::Foreign => return Err(LedgerError::NotALedger(path.to_owned())),
            schema::State::Newer(found) => {
                return Err(LedgerError::Newer { path: path.to_owned(), found, known: schema::KNOWN });
            }
            schema::State::Ready => {}
        }
        patiently(|| connection.execute_batch(PRAGMAS)).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self { connection, path: path.to_owned(), keep: Keep::default(), key: None })
    }

    /// The same, keeping things so long, and so.
    ///
    /// # Errors
    /// The key of the hashes could not be made or read.
    pub fn keeping(mut self, keep: &Keep) -> Result<Self, LedgerError> {
        self.keep = keep.clone();
        if !keep.hashed.is_empty() {
            let fresh = HashKey::random().map(|key| key.to_hex());
            self.run_sql("INSERT OR IGNORE INTO meta SELECT 'hash_key', ?1 WHERE ?1 IS NOT NULL", [fresh])?;
            let stored = self.texts("SELECT value FROM meta WHERE name = 'hash_key'", [])?;
            let key = stored.first().and_then(|text| HashKey::from_hex(text));
            self.key = Some(key.ok_or(LedgerError::NoHashKey)?);
        }
        Ok(self)
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> LedgerError + use<> {
        let path = self.path.clone();
        move |source| LedgerError::Sqlite { path: path.clone(), source }
    }

    fn run_sql(&mut self, sql: &str, values: impl rusqlite::Params) -> Result<usize, LedgerError> {
        self.connection.execute(sql, values).map_err(self.failed())
    }

    /// Changes all or nothing.
    fn change(&mut self, change: impl FnOnce(&Transaction) -> rusqlite::Result<()>) -> Result<(), LedgerError> {
        let failed = self.failed();
        let write = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        change(&write).and_then(|()| write.commit()).map_err(failed)
    }

    /// All findings, also those of which only copies told.
    fn all(&self) -> Result<Vec<Finding>, LedgerError> {
        let bodies = self.texts("SELECT body FROM finding ORDER BY id", [])?;
        bodies.iter().map(|body| read_finding("finding", body)).collect()
    }

    /// Takes findings away, and what was told of them.
    fn remove(&mut self, gone: impl Fn(&Finding) -> bool) -> Result<Purged, LedgerError> {
        let mut purged = Purged::default();
        for finding in self.all()?.iter().filter(|finding| gone(finding)) {
            self.run_sql("DELETE FROM finding WHERE id = ?1", [&finding.id])?;
            purged.findings += 1;
            purged.deliveries += self.run_sql("DELETE FROM delivery WHERE id = ?1", [&finding.id])? as u64;
        }
        Ok(purged)
    }

    fn remove_quarantined(&mut self, gone: impl Fn(&Quarantined) -> bool) -> Result<u64, LedgerError> {
        let mut count = 0;
        for kept in self.quarantined()?.iter().filter(|kept| gone(kept)) {
            let sql = "DELETE FROM quarantine WHERE reason = ?1 AND body = ?2";
            count += self.run_sql(sql, [&kept.reason, &kept.body])? as u64;
        }
        Ok(count)
    }

    /// Rows of one text each.
    fn texts(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<String>, LedgerError> {
        let read = || {
            let mut query = self.connection.prepare_cached(sql)?;
            let rows = query.query_map(values, |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(self.failed())
    }
}

impl Ledger for SqliteLedger {
    fn record(&mut self, batch: Vec<Observed>, now: Timestamp) -> Result<Recorded, LedgerError> {
        self.record_telling(batch, now, None)
    }

    fn record_telling(
        &mut self,
        batch: Vec<Observed>,
        now: Timestamp,
        counted: Option<&mut BTreeSet<String>>,
    ) -> Result<Recorded, LedgerError> {
        let failed = self.failed();
        let offered = batch.len();
        let mut batch: Vec<Observed> = batch.into_iter().filter(|event| !self.keep.is_stale(event.at, now)).collect();
        if let Some(key) = &self.key {
            batch.iter_mut().for_each(|event| self.keep.mask(event, key));
        }
        let stale = (offered - batch.len()) as u64;
        let change = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let (recorded, folded) = fold_new(&change, batch, counted).map_err(&failed)?;
        for (_, finding) in folded {
            merge_into(&change, finding, &failed)?;
        }
        change.commit().map_err(&failed)?;
        Ok(Recorded { stale, ..recorded })
    }

    fn record_repeated(&mut self, batch: Vec<Repeated>, now: Timestamp) -> Result<Recorded, LedgerError> {
        if self.key.is_some() {
            // Each event is masked by itself.
            return self.record(batch.into_iter().map(Repeated::observed).collect(), now);
        }
        let failed = self.failed();
        let offered = batch.len();
        let batch: Vec<Repeated> = batch.into_iter().filter(|event| !self.keep.is_stale(event.at, now)).collect();
        let stale = (offered - batch.len()) as u64;
        let change = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let (recorded, met) = repeats::note_new(&change, &batch).map_err(&failed)?;
        for finding in repeats::folded(&met) {
            merge_into(&change, finding, &failed)?;
        }
        change.commit().map_err(&failed)?;
        Ok(Recorded { stale, ..recorded })
    }

    fn findings(&self, filter: &Filter) -> Result<Vec<Finding>, LedgerError> {
        let sql = "SELECT body FROM finding WHERE (?1 IS NULL OR account = ?1) \
                   AND (?2 IS NULL OR arn = ?2 OR name = ?2) ORDER BY id";
        let bodies = self.texts(sql, params![filter.account, filter.principal])?;
        let findings = bodies.iter().map(|body| read_finding("finding", body)).collect::<Result<Vec<_>, _>>()?;
        Ok(findings.into_iter().filter(|finding| filter.takes(finding)).collect())
    }

    fn page(&self, after: Option<&str>, most: usize) -> Result<Vec<Finding>, LedgerError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX).max(1);
        let bodies = self.texts(
            "SELECT body FROM finding WHERE id > ?1 ORDER BY id LIMIT ?2",
            params![after.unwrap_or_default(), most],
        )?;
        bodies.iter().map(|body| read_finding("finding", body)).collect()
    }

    fn heads(&self, among: &Touched) -> Result<Vec<Head>, LedgerError> {
        some::heads(&self.connection, among).map_err(self.failed())
    }

    fn some(&self, ids: &[&str]) -> Result<Vec<Finding>, LedgerError> {
        let ids: BTreeSet<&str> = ids.iter().copied().collect();
        let read = |id| self.texts("SELECT body FROM finding WHERE id = ?1", [id]).map(|found| (id, found));
        let all = || ids.into_iter().map(read).collect::<Result<Vec<_>, _>>();
        let found = at_once(&self.connection, self.failed(), all)?;
        found.iter().flat_map(|(id, found)| found.iter().map(|body| read_finding(id, body))).collect()
    }

    fn find(&self, id_prefix: &str) -> Result<Finding, LedgerError> {
        let sql = "SELECT id FROM finding WHERE lower(substr(id, 1, length(?1))) = lower(?1) ORDER BY id";
        let id = the_one(id_prefix, self.texts(sql, [id_prefix])?)?;
        let body = self.texts("SELECT body FROM finding WHERE id = ?1", [&id])?;
        body.first().ok_or_else(|| LedgerError::NotFound(id.clone())).and_then(|body| read_finding(&id, body))
    }

    fn note_run(&mut self, run: &Run) -> Result<(), LedgerError> {
        self.change(|change| runs::put(change, run))
    }

    fn known_objects(&self, objects: &[Object]) -> Result<Vec<Option<Held>>, LedgerError> {
        objects::known(&self.connection, objects).map_err(self.failed())
    }

    fn note_objects(&mut self, input: &str, objects: &[ObjectRead], now: Timestamp) -> Result<(), LedgerError> {
        let failed = self.failed();
        let change = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let fresh = objects::note(&change, objects, now).map_err(&failed)?;
        runs::add(&change, input, &fresh, now, &failed)?;
        change.commit().map_err(&failed)
    }

    fn noted_run(&self, input: &str) -> Result<Option<Run>, LedgerError> {
        let mut places = Vec::new();
        let run = self.noted_run_telling(input, &mut |place| places.push(place))?;
        Ok(run.map(|run| Run { places, ..run }))
    }

    fn noted_run_telling(&self, input: &str, each: &mut dyn FnMut(Place)) -> Result<Option<Run>, LedgerError> {
        runs::run(&self.connection, input, each, &self.failed())
    }

    fn coverage(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Coverage, LedgerError> {
        let (inputs, mut fault) = (self.texts("SELECT input FROM run_sum ORDER BY input", [])?, None);
        // One after the other: each may have many places.
        let runs = inputs.iter().map_while(|input| self.noted_run(input).map_err(|error| fault = Some(error)).ok());
        let sum = Coverage::of(runs.flatten(), since, until);
        fault.map_or(Ok(sum), Err)
    }

    fn delivery(&self, id: &str, destination: &str) -> Result<Option<Delivery>, LedgerError> {
        let body = self.texts("SELECT body FROM delivery WHERE id = ?1 AND destination = ?2", [id, destination])?;
        body.first().map(|body| serde_json::from_str(body).map_err(entry(id))).transpose()
    }

    fn put_delivery(&mut self, id: &str, destination: &str, delivery: &Delivery) -> Result<bool, LedgerError> {
        let body = serde_json::to_string(delivery).map_err(entry(id))?;
        let before = i64::try_from(delivery.version).unwrap_or(i64::MAX) - 1;
        let sql = "INSERT INTO delivery SELECT ?1, ?2, ?3 + 1, ?4, ?5 \
                   WHERE ?3 = 0 OR EXISTS (SELECT 1 FROM delivery WHERE id = ?1 AND destination = ?2) \
                   ON CONFLICT DO UPDATE SET version = excluded.version, open = excluded.open, body = excluded.body \
                   WHERE version = ?3";
        self.run_sql(sql, params![id, destination, before, delivery.is_open(), body]).map(|rows| rows == 1)
    }

    fn open_deliveries(&self, by: Option<Timestamp>) -> Result<Vec<Open>, LedgerError> {
        let read = || {
            let mut query = self
                .connection
                .prepare_cached("SELECT id, destination, body FROM delivery WHERE open ORDER BY id, destination")?;
            let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<rusqlite::Result<Vec<(String, String, String)>>>()
        };
        let rows = read().map_err(self.failed())?.into_iter().map(|(id, destination, body)| {
            let delivery = serde_json::from_str(&body).map_err(entry(&id))?;
            Ok(Open { id, destination, delivery })
        });
        let open = rows.collect::<Result<Vec<Open>, LedgerError>>()?;
        Ok(open.into_iter().filter(|open| open.delivery.is_open_by(by)).collect())
    }

    fn quarantine(&mut self, reason: &str, body: &str, now: Timestamp) -> Result<(), LedgerError> {
        let sql = "INSERT OR IGNORE INTO quarantine (at, reason, body) VALUES (?1, ?2, ?3)";
        self.run_sql(sql, params![now.as_second(), reason, body]).map(drop)
    }

    fn quarantined(&self) -> Result<Vec<Quarantined>, LedgerError> {
        let read = || {
            let mut query =
                self.connection.prepare_cached("SELECT at, reason, body FROM quarantine ORDER BY at, id")?;
            let rows = query.query_map([], |row| {
                let at = Timestamp::from_second(row.get(0)?).unwrap_or(Timestamp::UNIX_EPOCH);
                Ok(Quarantined { at, reason: row.get(1)?, body: row.get(2)? })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(self.failed())
    }

    fn note_changes(&mut self, changes: &[Change], now: Timestamp) -> Result<(), LedgerError> {
        self.keep_changes(changes, now)
    }

    fn changes(&self, targets: &BTreeSet<String>) -> Result<BTreeSet<Change>, LedgerError> {
        self.changes_of(targets)
    }

    fn state(&self, task: &str) -> Result<Option<String>, LedgerError> {
        Ok(self.texts("SELECT body FROM state WHERE task = ?1", [task])?.into_iter().next())
    }

    fn put_state(&mut self, task: &str, state: &str) -> Result<(), LedgerError> {
        match state {
            "" => self.run_sql("DELETE FROM state WHERE task = ?1", [task]),
            _ => self.run_sql("INSERT OR REPLACE INTO state VALUES (?1, ?2)", [task, state]),
        }
        .map(drop)
    }

    fn purge(&mut self, principal: &str) -> Result<Purged, LedgerError> {
        let purged = self.remove(|finding| names(finding, principal))?;
        let quarantined = self.remove_quarantined(|kept| kept.mentions(principal))?;
        let changes = self.remake_changes(|change| change_without(change, principal))?;
        self.change(|change| objects::forget(change, principal))?;
        let mut purging = Purging::of(principal);
        for task in self.texts("SELECT task FROM state ORDER BY task", [])? {
            let left = self.state(&task)?.and_then(|state| purging.without(&task, &state));
            self.put_state(&task, &left.unwrap_or_default())?;
        }
        // What was deleted or replaced stands in the file's free places until they are used again.
        self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);").map_err(self.failed())?;
        Ok(Purged { quarantined, changes, ..purged })
    }

    fn expire(&mut self, now: Timestamp) -> Result<Purged, LedgerError> {
        let keep = self.keep.clone();
        let mut purged = self.remove(|finding| keep.is_over(finding, now))?;
        for mut finding in self.all()? {
            if keep.strip(&mut finding, now) {
                let body = serde_json::to_string(&finding).map_err(entry(&finding.id))?;
                self.run_sql("UPDATE finding SET body = ?2 WHERE id = ?1", [&finding.id, &body])?;
                purged.samples += 1;
            }
        }
        if let Some(since) = before(now, keep.counts) {
            // Older events are refused by their time; an object holds nothing younger than the time when it was read.
            self.change(|change| counted::expire(change, since).and_then(|()| objects::expire(change, since)))?;
        }
        let since = before(now, keep.samples);
        purged.quarantined = self.remove_quarantined(|kept| since.is_some_and(|since| kept.at < since))?;
        purged.changes =
            self.remake_changes(|change| Some(change.clone()).filter(|one| !keep.is_stale(Some(one.at), now)))?;
        let sql = "SELECT task FROM state WHERE substr(task, 1, length(?1)) = ?1 ORDER BY task";
        let indexes = self.texts(sql, [CALLERS])?;
        calls::expire(&indexes, &keep, now, self)?;
        Ok(purged)
    }
}

/// Makes the file, so that SQLite does not make it with wider permissions.
fn create(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Notes the events' ids and folds those seen for the first time, by finding.
fn fold_new(
    change: &Transaction,
    batch: Vec<Observed>,
    mut counted: Option<&mut BTreeSet<String>>,
) -> rusqlite::Result<(Recorded, BTreeMap<String, Finding>)> {
    let time = |event: &Observed| event.at.map(Timestamp::as_second);
    // Both are noted in any case: the next copy may bear only one of them.
    let own = batch.iter().map(|event| (!event.is_sighting()).then(|| (event.event_id.as_str(), time(event))));
    let own = counted::note(change, Kind::Own, own)?;
    let shared = batch.iter().map(|event| Some((event.shared_event_id.as_deref()?, time(event))));
    let shared = counted::note(change, Kind::Shared, shared)?;
    let (mut recorded, mut folded) = (Recorded::default(), BTreeMap::new());
    for (event, (own, shared)) in batch.into_iter().zip(own.into_iter().zip(shared)) {
        let fresh = Fresh { own, shared };
        recorded.note(&event, fresh, &mut counted);
        let Some(finding) = event.adds(fresh) else { continue };
        match folded.entry(finding.id.clone()) {
            Entry::Vacant(free) => drop(free.insert(finding)),
            Entry::Occupied(mut there) => there.get_mut().merge(finding),
        }
    }
    Ok((recorded, folded))
}

const PUT_FINDING: &str = "INSERT INTO finding VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET \
                           account = excluded.account, arn = excluded.arn, name = excluded.name, body = excluded.body";

/// Merges a finding into the one that is stored.
fn merge_into(
    change: &Transaction,
    finding: Finding,
    failed: &impl Fn(rusqlite::Error) -> LedgerError,
) -> Result<(), LedgerError> {
    let id = finding.id.clone();
    let stored: Option<String> = change
        .prepare_cached("SELECT body FROM finding WHERE id = ?1")
        .and_then(|mut query| query.query_row([&id], |row| row.get(0)).optional())
        .map_err(failed)?;
    let merged = match stored {
        Some(body) => {
            let mut there = read_finding(&id, &body)?;
            there.merge(finding);
            there
        }
        None => finding,
    };
    let body = serde_json::to_string(&merged).map_err(entry(&id))?;
    change
        .prepare_cached(PUT_FINDING)
        .and_then(|mut write| {
            write.execute(params![id, merged.account, merged.principal.arn, merged.principal.name, body])
        })
        .map(drop)
        .map_err(failed)
}

fn read_finding(id: &str, body: &str) -> Result<Finding, LedgerError> {
    serde_json::from_str(body).map_err(entry(id))
}

fn entry(name: &str) -> impl Fn(serde_json::Error) -> LedgerError {
    let entry = name.to_owned();
    move |source| LedgerError::Entry { entry: entry.clone(), source }
}

#[cfg(test)]
mod tests;
