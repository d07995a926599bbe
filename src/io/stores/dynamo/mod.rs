//! The ledger in one table of DynamoDB, shared by all copies of the function. [`layout`] says how it lies there.
//!
//! An event counts once: a transaction notes its ids, on the condition that they are new, and adds it to its finding,
//! on the condition that the part that is replaced is the one that was read. Whatever happens to the answer, the batch
//! may be given again. Notes outlive the time within which events are taken, so that there is no gap between the two.
//!
//! Spoken by the signed client ([`crate::io::aws::signed`]): six operations do not pay for an SDK crate, which would add
//! minutes to the build and a megabyte to the function.

mod body;
mod changes;
mod forget;
mod layout;
mod objects;
mod record;
mod some;
mod table;
mod value;

use super::keep::{COUNTS_DAYS, HashKey, Keep, SAMPLES_DAYS};
use super::memory::the_one;
use super::{
    Coverage, Delivery, Filter, Head, Held, Ledger, LedgerError, Object, ObjectRead, Open, Purged, Quarantined,
    Recorded, Run, Touched, calls,
};
use crate::change::Change;
use crate::finding::{Finding, Observed};
use crate::io::aws::{Aws, Options};
use crate::io::clock;
use crate::triage::probing::Caller;
use jiff::{SignedDuration, Timestamp};
use layout::{Key, SCHEMA, SHARDS};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::time::Duration;
use table::{Refused, Table};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use value::{Item, number, read_bytes, read_number, read_text, text};

/// How long one call may take where nobody sets a limit.
const PATIENCE: Duration = Duration::from_secs(60);
/// Notes of counted events stay so much longer than events are taken: clocks differ.
const MARGIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// See [`Ledger`]. Several programs may use the table at once.
#[derive(Debug)]
pub struct DynamoLedger {
    /// A runtime of its own: the caller's may be the one that waits for the answer.
    runtime: Own,
    aws: Aws,
    table: String,
    keep: Keep,
    key: Option<HashKey>,
    /// The part of each finding that this copy writes.
    shard: u64,
    /// Set by [`Ledger::within`].
    until: Option<Instant>,
    /// Whether the table bears its schema's version; unset until it was looked at.
    schema: OnceLock<bool>,
    /// Before all partition keys; empty outside tests, where many ledgers share a table.
    space: String,
}

/// A runtime that may be dropped inside of another, as a function does that ends: tokio's own panics there.
#[derive(Debug)]
struct Own(Option<Runtime>);

impl Own {
    fn start() -> std::io::Result<Self> {
        Ok(Self(Some(tokio::runtime::Builder::new_current_thread().enable_all().build()?)))
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> std::io::Result<T> {
        // It is there until the drop.
        self.0.as_ref().map(|runtime| runtime.block_on(work)).ok_or_else(|| std::io::Error::other("it has ended"))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

impl DynamoLedger {
    /// Opens the ledger in a table (name or ARN), with the SDK's own ways to credentials and Region. What `keep` leaves
    /// open is kept [`COUNTS_DAYS`] and [`SAMPLES_DAYS`].
    ///
    /// # Errors
    /// [`LedgerError::Table`] when there is no such table or it may not be used, [`LedgerError::Newer`] when a newer
    /// program wrote it, [`LedgerError::Busy`] when AWS does not answer.
    pub fn open(table: &str, keep: &Keep) -> Result<Self, LedgerError> {
        let ledger = Self::open_later(table, keep)?;
        ledger.run(async |_| Ok(()))?;
        Ok(ledger)
    }

    /// The same, but the table is looked at with the first call: a function that has nothing to keep asks nothing.
    ///
    /// # Errors
    /// [`LedgerError::Table`] when this machine fails. What [`Self::open`] finds the first call finds.
    pub fn open_later(table: &str, keep: &Keep) -> Result<Self, LedgerError> {
        Self::open_at(table, keep, async { Aws::load(&Options::default()).await }, String::new())
    }

    fn open_at(
        table: &str,
        keep: &Keep,
        aws: impl Future<Output = Aws> + Send,
        space: String,
    ) -> Result<Self, LedgerError> {
        let failed = |why: std::io::Error| LedgerError::Table { table: table.to_owned(), why: why.to_string() };
        let runtime = Own::start().map_err(failed)?;
        let aws = apart(|| runtime.block_on(aws)).flatten().map_err(failed)?;
        let default = Keep::days(COUNTS_DAYS, SAMPLES_DAYS);
        let (counts, samples) = (keep.counts.or(default.counts), keep.samples.or(default.samples));
        let keep = Keep { counts, samples, hashed: keep.hashed.clone() };
        let shard = RandomState::new().build_hasher().finish() % SHARDS;
        let table = table.to_owned();
        let mut ledger =
            Self { runtime, aws, table, keep, key: None, shard, until: None, space, schema: OnceLock::new() };
        if !ledger.keep.hashed.is_empty() {
            ledger.key = Some(ledger.hash_key()?);
        }
        Ok(ledger)
    }

    /// Runs to its end what talks to the table.
    fn run<T: Send>(
        &self,
        work: impl AsyncFnOnce(&Table<'_>) -> Result<T, LedgerError> + Send,
    ) -> Result<T, LedgerError> {
        let until = self.until.unwrap_or_else(|| Instant::now() + PATIENCE);
        let table = Table { signed: self.aws.signed(), name: &self.table, until };
        let done = apart(|| {
            self.runtime.block_on(async {
                self.check_schema(&table).await?;
                work(&table).await
            })
        });
        done.flatten().map_err(|why| LedgerError::Table { table: self.table.clone(), why: why.to_string() })?
    }

    /// Version 1 is the first; a table without a mark is an empty one, and marked when something is recorded.
    async fn check_schema(&self, table: &Table<'_>) -> Result<(), LedgerError> {
        if self.schema.get().is_some() {
            return Ok(());
        }
        let mark = table.get(self.meta("schema")).await?;
        let version = |mark| read_text(mark, "value").and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        match mark.as_ref().map(version) {
            None | Some(SCHEMA) => {
                let _ = self.schema.set(mark.is_some());
                Ok(())
            }
            Some(found) => {
                Err(LedgerError::Newer { path: format!("dynamodb:{}", self.table).into(), found, known: SCHEMA })
            }
        }
    }

    fn mark(&mut self) -> Result<(), LedgerError> {
        self.run(async |_| Ok(()))?;
        if self.schema.get() != Some(&true) {
            let mark = layout::meta(&self.space, "schema").with([("value", text(&SCHEMA.to_string()))]);
            self.run(async |table| table.put_new(mark).await)?;
            self.schema = OnceLock::from(true);
        }
        Ok(())
    }

    fn meta(&self, name: &str) -> Item {
        layout::meta(&self.space, name).to_item()
    }

    /// Made once; of several copies that start at once one makes it.
    fn hash_key(&self) -> Result<HashKey, LedgerError> {
        let fresh = HashKey::random().ok_or(LedgerError::NoHashKey)?;
        let fresh = layout::meta(&self.space, "hash_key").with([("value", text(&fresh.to_hex()))]);
        let stored = self.run(async |table| {
            let stored = table.get(self.meta("hash_key")).await?;
            if stored.is_none() {
                table.put_new(fresh).await?;
                return table.get(self.meta("hash_key")).await;
            }
            Ok(stored)
        })?;
        let key = stored.and_then(|item| HashKey::from_hex(read_text(&item, "value")?));
        key.ok_or(LedgerError::NoHashKey)
    }

    /// When DynamoDB may take away what was last of use at `last`.
    fn ttl(&self, last: Timestamp, kept: Option<SignedDuration>) -> Option<Timestamp> {
        kept.and_then(|kept| last.checked_add(kept).ok())
    }

    /// Findings in the order of their ids, merged from those of their parts that are not over.
    async fn load(&self, table: &Table<'_>, parts: BTreeSet<Key>) -> Result<Vec<Finding>, LedgerError> {
        let parts = table.get_all(parts.iter().map(Key::to_item).collect()).await?;
        let now = clock::now();
        let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
        for part in parts.iter().filter(|part| !layout::is_over(part, now)) {
            let part = read_part(part)?;
            match findings.get_mut(&part.id) {
                Some(there) => there.merge(part),
                None => drop(findings.insert(part.id.clone(), part)),
            }
        }
        Ok(findings.into_values().collect())
    }

    /// The parts that rows of the list name.
    fn parts<'a>(&self, rows: impl IntoIterator<Item = &'a Item>) -> BTreeSet<Key> {
        rows.into_iter().flat_map(|row| layout::parts_of(&self.space, row)).collect()
    }

    /// Findings that may be wanted.
    async fn candidates(&self, table: &Table<'_>, filter: &Filter) -> Result<Vec<Finding>, LedgerError> {
        let rows = self.rows(table, filter).await?;
        let mut parts = self.parts(&rows);
        for id in filter.among.iter().flat_map(|among| among.ids.iter()) {
            parts.extend((0..SHARDS).map(|shard| layout::part(&self.space, id, shard)));
        }
        self.load(table, parts).await
    }

    /// The rows of the list of findings that are of one caller.
    async fn rows_of(&self, table: &Table<'_>, caller: &Caller) -> Result<Vec<Item>, LedgerError> {
        table.query(&layout::bucket(&self.space, caller), &layout::caller_hash(caller)).await
    }

    /// The rows of the list of findings: of these callers, or all.
    async fn rows(&self, table: &Table<'_>, filter: &Filter) -> Result<Vec<Item>, LedgerError> {
        let mut rows = Vec::new();
        match &filter.among {
            Some(among) => {
                for caller in among.callers.iter() {
                    rows.extend(self.rows_of(table, &caller).await?);
                }
            }
            None => {
                for bucket in layout::buckets(&self.space, "I") {
                    rows.extend(table.query(&bucket, "").await?);
                }
            }
        }
        Ok(rows)
    }
}

impl Ledger for DynamoLedger {
    fn within(&mut self, limit: Duration) {
        self.until = Some(Instant::now() + limit);
    }

    fn record(&mut self, batch: Vec<Observed>, now: Timestamp) -> Result<Recorded, LedgerError> {
        self.record_telling(batch, now, None)
    }

    fn record_telling(
        &mut self,
        batch: Vec<Observed>,
        now: Timestamp,
        counted: Option<&mut BTreeSet<String>>,
    ) -> Result<Recorded, LedgerError> {
        // A function that met no denial asks nothing.
        if batch.is_empty() {
            return Ok(Recorded::default());
        }
        self.mark()?;
        self.run(async |table| record::record(self, table, batch, now, counted).await)
    }

    fn findings(&self, filter: &Filter) -> Result<Vec<Finding>, LedgerError> {
        let mut found = self.run(async |table| self.candidates(table, filter).await)?;
        found.retain(|finding| filter.takes(finding));
        Ok(found)
    }

    fn heads(&self, among: &Touched) -> Result<Vec<Head>, LedgerError> {
        self.run(async |table| some::heads(self, table, among).await)
    }

    fn some(&self, ids: &[&str]) -> Result<Vec<Finding>, LedgerError> {
        self.run(async |table| some::some(self, table, ids).await)
    }

    fn find(&self, id_prefix: &str) -> Result<Finding, LedgerError> {
        let found = self.run(async |table| {
            let rows = self.rows(table, &Filter::default()).await?;
            let wanted = id_prefix.to_ascii_lowercase();
            let begins =
                |row: &&Item| read_text(row, "finding").is_some_and(|id| id.to_ascii_lowercase().starts_with(&wanted));
            self.load(table, self.parts(rows.iter().filter(begins))).await
        })?;
        let id = the_one(id_prefix, found.iter().map(|finding| finding.id.clone()).collect())?;
        found.into_iter().find(|finding| finding.id == id).ok_or(LedgerError::NotFound(id))
    }

    fn note_run(&mut self, run: &Run) -> Result<(), LedgerError> {
        self.run(async |table| objects::replace_run(self, table, run).await)
    }

    fn known_objects(&self, objects: &[Object]) -> Result<Vec<Option<Held>>, LedgerError> {
        self.run(async |table| objects::known(self, table, objects).await)
    }

    fn note_objects(&mut self, input: &str, objects: &[ObjectRead], now: Timestamp) -> Result<(), LedgerError> {
        self.mark()?;
        self.run(async |table| objects::note(self, table, input, objects, now).await)
    }

    fn noted_run(&self, input: &str) -> Result<Option<Run>, LedgerError> {
        self.run(async |table| objects::noted(self, table, input).await)
    }

    fn coverage(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Coverage, LedgerError> {
        let rows = self.run(async |table| table.query(&format!("{}R", self.space), "").await)?;
        Ok(Coverage::of(objects::joined(&rows)?.into_iter(), since, until))
    }

    fn delivery(&self, id: &str, destination: &str) -> Result<Option<Delivery>, LedgerError> {
        self.run(async |table| self.read_delivery(table, id, destination).await)
    }

    fn put_delivery(&mut self, id: &str, destination: &str, delivery: &Delivery) -> Result<bool, LedgerError> {
        let actions = self.delivery_actions(id, destination, delivery);
        self.run(async |table| {
            for tries in 0.. {
                match table.transact(actions.clone()).await {
                    Ok(()) => return Ok(true),
                    Err(Refused::Other(error)) => return Err(error),
                    Err(Refused::Conflict) => {}
                }
                let stored = self.read_delivery(table, id, destination).await?;
                if stored.as_ref() == Some(delivery) {
                    // Our own, of a try whose answer was lost.
                    return Ok(true);
                }
                if stored.map_or(0, |stored| stored.version) + 1 != delivery.version {
                    return Ok(false);
                }
                table.pause(tries, "another copy writes the same delivery").await?;
            }
            Ok(false)
        })
    }

    fn open_deliveries(&self, by: Option<Timestamp>) -> Result<Vec<Open>, LedgerError> {
        self.run(async |table| {
            let mut open = Vec::new();
            for row in table.query(&format!("{}O", self.space), "").await? {
                let at: i64 = read_number(&row, "at").unwrap_or(0);
                if by.is_some_and(|by| at > by.as_second()) {
                    continue;
                }
                let (Some(id), Some(to)) = (read_text(&row, "finding"), read_text(&row, "destination")) else {
                    continue;
                };
                let delivery = self.read_delivery(table, id, to).await?.filter(|delivery| delivery.is_open_by(by));
                let (id, destination) = (id.to_owned(), to.to_owned());
                open.extend(delivery.map(|delivery| Open { id, destination, delivery }));
            }
            Ok(open)
        })
    }

    fn quarantine(&mut self, reason: &str, body: &str, now: Timestamp) -> Result<(), LedgerError> {
        let packed = body::pack_text(body).map_err(|why| entry("quarantine")(serde_json::Error::io(why)))?;
        let key = layout::poison(&self.space, reason, body);
        let reason: String = reason.chars().take(REASON).collect();
        let attributes = [("at", number(now.as_second())), ("reason", text(&reason)), ("body", value::bytes(&packed))];
        let mut item = key.with(attributes);
        item.extend(self.ttl(now, self.keep.samples).map(|at| ("ttl".to_owned(), number(at.as_second()))));
        self.run(async |table| table.put_new(item).await.map(drop))
    }

    fn quarantined(&self) -> Result<Vec<Quarantined>, LedgerError> {
        Ok(self.poison()?.into_iter().map(|(_, kept)| kept).collect())
    }

    fn note_changes(&mut self, changes: &[Change], now: Timestamp) -> Result<(), LedgerError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.mark()?;
        self.run(async |table| changes::note(self, table, changes, now).await)
    }

    fn changes(&self, targets: &BTreeSet<String>) -> Result<BTreeSet<Change>, LedgerError> {
        self.run(async |table| changes::of(self, table, targets).await)
    }

    fn state(&self, task: &str) -> Result<Option<String>, LedgerError> {
        let item = self.run(async |table| table.get(self.meta(&format!("state#{task}"))).await)?;
        Ok(item.as_ref().and_then(|item| read_text(item, "value")).map(str::to_owned))
    }

    fn put_state(&mut self, task: &str, state: &str) -> Result<(), LedgerError> {
        let key = layout::meta(&self.space, &format!("state#{task}"));
        self.run(async |table| match state {
            "" => table.delete(key.to_item()).await,
            _ => table.put(key.with([("value", text(state))])).await,
        })
    }

    fn purge(&mut self, principal: &str) -> Result<Purged, LedgerError> {
        forget::purge(self, principal)
    }

    fn expire(&mut self, now: Timestamp) -> Result<Purged, LedgerError> {
        let purged = forget::expire(self, now)?;
        let (indexes, keep) = (forget::indexes(self)?, self.keep.clone());
        calls::expire(&indexes, &keep, now, self)?;
        Ok(purged)
    }
}

impl DynamoLedger {
    async fn read_delivery(&self, table: &Table<'_>, id: &str, to: &str) -> Result<Option<Delivery>, LedgerError> {
        let item = table.get(layout::delivery(&self.space, id, to).to_item()).await?;
        let body = item.as_ref().and_then(|item| read_text(item, "body"));
        body.map(|body| serde_json::from_str(body).map_err(entry(id))).transpose()
    }

    /// The delivery in place of the version before it, and whether it is done.
    fn delivery_actions(&self, id: &str, destination: &str, delivery: &Delivery) -> Vec<Value> {
        let key = layout::delivery(&self.space, id, destination);
        let told = &delivery.told;
        let told = told.sent.into_iter().chain(told.last_denial).max();
        // What is not done has no end.
        let ttl = told.filter(|_| !delivery.is_open()).and_then(|at| self.ttl(at, self.keep.counts));
        let item = layout::delivery_item(&key, delivery, ttl);
        let before = delivery.version.saturating_sub(1);
        let (condition, values) = match before {
            0 => ("attribute_not_exists(pk)", json!({})),
            before => ("v = :v", json!({ ":v": number(before) })),
        };
        let mark = layout::open(&self.space, id, destination);
        let mark = match delivery.when() {
            Some(at) => {
                let at = number(at.as_second());
                let item = mark.with([("finding", text(id)), ("destination", text(destination)), ("at", at)]);
                json!({ "Put": { "TableName": self.table, "Item": item } })
            }
            None => json!({ "Delete": { "TableName": self.table, "Key": mark.to_item() } }),
        };
        vec![table::put_action(&self.table, item, condition, values), mark]
    }

    /// What is quarantined and not over, oldest first, with its key.
    fn poison(&self) -> Result<Vec<(Key, Quarantined)>, LedgerError> {
        let rows = self.run(async |table| {
            let mut rows = Vec::new();
            for bucket in layout::buckets(&self.space, "Q") {
                rows.extend(table.query(&bucket, "").await?);
            }
            Ok(rows)
        })?;
        let now = clock::now();
        let mut kept = Vec::new();
        for row in rows.iter().filter(|row| !layout::is_over(row, now)) {
            let Some(key) = Key::of(row) else { continue };
            let at = read_number(row, "at").and_then(|at| Timestamp::from_second(at).ok()).unwrap_or_default();
            let body = body::unpack(&read_bytes(row, "body").unwrap_or_default()).map_err(entry("quarantine"))?;
            let reason = read_text(row, "reason").unwrap_or_default().to_owned();
            kept.push((key, Quarantined { at, reason, body }));
        }
        kept.sort_by(|(one, a), (two, b)| (a.at, one).cmp(&(b.at, two)));
        Ok(kept)
    }
}

/// Characters of a quarantined message's reason.
const REASON: usize = 2_000;

/// On a thread of its own: the caller's may be driving a runtime, in which nothing else may block.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("ledger".into()).spawn_scoped(scope, work)?;
        thread.join().or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The part of a finding in an item.
fn read_part(item: &Item) -> Result<Finding, LedgerError> {
    let id = read_text(item, "finding").unwrap_or("without an id");
    body::unpack(&read_bytes(item, "body").unwrap_or_default()).map_err(entry(id))
}

fn entry(name: &str) -> impl Fn(serde_json::Error) -> LedgerError {
    let entry = name.to_owned();
    move |source| LedgerError::Entry { entry: entry.clone(), source }
}

#[cfg(test)]
pub(super) mod tests;
