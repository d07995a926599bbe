//! Objects that were read, noted together with what they add to their run.
//!
//! A run lies in one row, and in one more an account of which objects were noted or places are many: an organization's
//! archive has thousands of places, and many copies of the function note what they read of it at once.

use super::layout::{self, Key};
use super::table::{Refused, Table, put_action};
use super::value::{Item, number, read_number, read_text, text};
use super::{DynamoLedger, Held, LedgerError, MARGIN, Object, ObjectRead, Run, entry};
use crate::io::clock;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Actions in one transaction, by AWS.
const ACTIONS: usize = 100;
/// Places that a run's own row holds; more lie in rows by account.
const PLACES: usize = 200;
/// Places of one account that are kept: its Regions, and what a history was read of, are fewer by far.
const OF_ACCOUNT: usize = 1_000;

/// See [`super::Ledger::known_objects`].
pub(super) async fn known(
    ledger: &DynamoLedger,
    table: &Table<'_>,
    objects: &[Object],
) -> Result<Vec<Option<Held>>, LedgerError> {
    let keys: BTreeSet<Key> = objects.iter().map(|one| layout::object(&ledger.space, one)).collect();
    let items = table.get_all(keys.iter().map(Key::to_item).collect()).await?;
    let now = clock::now();
    let live = items.iter().filter(|item| !layout::is_over(item, now));
    let noted: BTreeMap<Key, &Item> = live.filter_map(|item| Some((Key::of(item)?, item))).collect();
    let known = |one: &Object| {
        let item = noted.get(&layout::object(&ledger.space, one))?;
        let held = serde_json::from_str(read_text(item, "body")?).ok()?;
        (read_text(item, "mark")? == one.mark).then_some(held)
    };
    Ok(objects.iter().map(known).collect())
}

/// See [`super::Ledger::note_objects`].
pub(super) async fn note(
    ledger: &DynamoLedger,
    table: &Table<'_>,
    input: &str,
    objects: &[ObjectRead],
    now: Timestamp,
) -> Result<(), LedgerError> {
    for part in in_parts(objects) {
        note_part(ledger, table, input, part, now).await?;
    }
    Ok(())
}

/// Cuts objects so that they and the rows that they add to fit into one transaction.
fn in_parts(objects: &[ObjectRead]) -> Vec<&[ObjectRead]> {
    let (mut parts, mut start, mut accounts) = (Vec::new(), 0, BTreeSet::new());
    for (at, object) in objects.iter().enumerate() {
        let own = account_of(object);
        let more = usize::from(!accounts.contains(own));
        if at - start + accounts.len() + 1 + more > ACTIONS {
            parts.push(&objects[start..at]);
            start = at;
            accounts.clear();
        }
        accounts.insert(own);
    }
    parts.push(&objects[start..]);
    parts
}

/// The account whose row an object adds to; empty where its events tell none.
fn account_of(read: &ObjectRead) -> &str {
    read.places.first().and_then(|place| place.account.as_deref()).unwrap_or_default()
}

/// All or nothing. After a lost answer the next try finds the objects noted and adds nothing.
async fn note_part(
    ledger: &DynamoLedger,
    table: &Table<'_>,
    input: &str,
    part: &[ObjectRead],
    now: Timestamp,
) -> Result<(), LedgerError> {
    for tries in 0.. {
        let asked: Vec<Object> = part.iter().map(|read| read.object.clone()).collect();
        let known = known(ledger, table, &asked).await?;
        let mut seen = BTreeSet::new();
        let fresh = part.iter().zip(known).filter(|(_, known)| known.is_none()).map(|(read, _)| read);
        let fresh: Vec<&ObjectRead> = fresh.filter(|read| seen.insert(read.object.id())).collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let mut actions: Vec<Value> = fresh.iter().map(|read| note_one(ledger, read, now)).collect();
        let mut by_account: BTreeMap<&str, Vec<&ObjectRead>> = BTreeMap::new();
        fresh.iter().for_each(|read| by_account.entry(account_of(read)).or_default().push(read));
        for (account, fresh) in by_account {
            actions.push(add_to_run(ledger, table, (input, account), &fresh, now).await?);
        }
        match table.transact(actions).await {
            Ok(()) => return Ok(()),
            Err(Refused::Conflict) => table.pause(tries, "other copies note what they read").await?,
            Err(Refused::Other(error)) => return Err(error),
        }
    }
    Ok(())
}

fn note_one(ledger: &DynamoLedger, read: &ObjectRead, now: Timestamp) -> Value {
    let object = &read.object;
    let attributes = [("mark", text(&object.mark)), ("body", text(&json!(read.held).to_string()))];
    let mut item = layout::object(&ledger.space, object).with(attributes);
    let end = ledger.ttl(now, ledger.keep.counts).and_then(|end| end.checked_add(MARGIN).ok());
    item.extend(end.map(|end| ("ttl".to_owned(), number(end.as_second()))));
    let condition = "attribute_not_exists(pk) OR mark <> :mark OR #ttl <= :now";
    let values = json!({ ":mark": text(&object.mark), ":now": number(now.as_second()) });
    put_action(&ledger.table, item, condition, values)
}

async fn add_to_run(
    ledger: &DynamoLedger,
    table: &Table<'_>,
    (input, account): (&str, &str),
    fresh: &[&ObjectRead],
    now: Timestamp,
) -> Result<Value, LedgerError> {
    let key = layout::run_of(&ledger.space, input, account);
    let before = table.get(key.to_item()).await?;
    let live = before.as_ref().filter(|item| !layout::is_over(item, now));
    let mut run = live.map(|item| read_run(input, item)).transpose()?.unwrap_or_else(|| Run::begin(input, now));
    run.add_objects(fresh.iter().copied(), now);
    run.places.truncate(OF_ACCOUNT);
    let version: Option<u64> = before.as_ref().and_then(|item| read_number(item, "v"));
    let mut item = run_item(ledger, &key, &run)?;
    item.insert("v".to_owned(), number(version.unwrap_or(0) + 1));
    let (condition, values) = match version {
        None => ("attribute_not_exists(v)", json!({})),
        Some(version) => ("v = :v", json!({ ":v": number(version) })),
    };
    Ok(put_action(&ledger.table, item, condition, values))
}

/// See [`super::Ledger::note_run`]: what an earlier run left in rows that this one does not need goes last.
pub(super) async fn replace_run(ledger: &DynamoLedger, table: &Table<'_>, run: &Run) -> Result<(), LedgerError> {
    let rows = rows_of(ledger, run);
    for (key, part) in &rows {
        table.put(run_item(ledger, key, part)?).await?;
    }
    for row in run_rows(ledger, table, &run.input).await? {
        if let Some(key) = Key::of(&row).filter(|key| !rows.contains_key(key)) {
            table.delete(key.to_item()).await?;
        }
    }
    Ok(())
}

/// A run in rows: the sums in its own, and its places too unless they are many.
fn rows_of(ledger: &DynamoLedger, run: &Run) -> BTreeMap<Key, Run> {
    let own = layout::run(&ledger.space, &run.input);
    if run.places.len() <= PLACES {
        return BTreeMap::from([(own, run.clone())]);
    }
    let mut rows = BTreeMap::from([(own, Run { places: Vec::new(), ..run.clone() })]);
    for place in &run.places {
        let account = place.account.as_deref().unwrap_or_default();
        let row = rows.entry(layout::run_of(&ledger.space, &run.input, account));
        let row = row.or_insert_with(|| Run::begin(&run.input, run.at));
        if row.places.len() < OF_ACCOUNT {
            row.places.push(place.clone());
        }
    }
    rows
}

async fn run_rows(ledger: &DynamoLedger, table: &Table<'_>, input: &str) -> Result<Vec<Item>, LedgerError> {
    let own = layout::run(&ledger.space, input);
    table.query(&own.pk, &own.sk).await
}

/// See [`super::Ledger::noted_run`].
pub(super) async fn noted(ledger: &DynamoLedger, table: &Table<'_>, input: &str) -> Result<Option<Run>, LedgerError> {
    Ok(joined(&run_rows(ledger, table, input).await?)?.into_iter().next())
}

/// The runs that lie in these rows, by input.
pub(super) fn joined(rows: &[Item]) -> Result<Vec<Run>, LedgerError> {
    let now = clock::now();
    let mut runs: BTreeMap<String, Run> = BTreeMap::new();
    for row in rows.iter().filter(|row| !layout::is_over(row, now)) {
        let run = read_run("run", row)?;
        match runs.get_mut(&run.input) {
            Some(there) => there.join(run),
            None => drop(runs.insert(run.input.clone(), run)),
        }
    }
    Ok(runs.into_values().collect())
}

/// A row of a run.
fn run_item(ledger: &DynamoLedger, key: &Key, run: &Run) -> Result<Item, LedgerError> {
    let body = serde_json::to_string(run).map_err(entry(&run.input))?;
    let mut item = key.with([("body", text(&body))]);
    item.extend(ledger.ttl(run.at, ledger.keep.counts).map(|at| ("ttl".to_owned(), number(at.as_second()))));
    Ok(item)
}

/// The run in a row.
fn read_run(input: &str, item: &Item) -> Result<Run, LedgerError> {
    serde_json::from_str(read_text(item, "body").unwrap_or_default()).map_err(entry(input))
}
