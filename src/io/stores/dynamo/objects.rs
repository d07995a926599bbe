//! Objects that were read, noted together with what they add to their run.

use super::layout::{self, Key};
use super::table::{Refused, Table, put_action};
use super::value::{Item, number, read_number, read_text, text};
use super::{DynamoLedger, Held, LedgerError, MARGIN, Object, ObjectRead, Run, entry};
use crate::io::clock;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Objects in one transaction: beside the run's own row they stay below AWS's 100 actions.
const OBJECTS: usize = 90;

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
    for part in objects.chunks(OBJECTS) {
        note_part(ledger, table, input, part, now).await?;
    }
    Ok(())
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
        actions.push(add_to_run(ledger, table, input, &fresh, now).await?);
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
    input: &str,
    fresh: &[&ObjectRead],
    now: Timestamp,
) -> Result<Value, LedgerError> {
    let before = table.get(layout::run(&ledger.space, input).to_item()).await?;
    let live = before.as_ref().filter(|item| !layout::is_over(item, now));
    let mut run = live.map(|item| read_run(input, item)).transpose()?.unwrap_or_else(|| Run::begin(input, now));
    run.add_objects(fresh.iter().copied(), now);
    let version: Option<u64> = before.as_ref().and_then(|item| read_number(item, "v"));
    let mut item = run_item(ledger, &run)?;
    item.insert("v".to_owned(), number(version.unwrap_or(0) + 1));
    let (condition, values) = match version {
        None => ("attribute_not_exists(v)", json!({})),
        Some(version) => ("v = :v", json!({ ":v": number(version) })),
    };
    Ok(put_action(&ledger.table, item, condition, values))
}

/// A run's item.
pub(super) fn run_item(ledger: &DynamoLedger, run: &Run) -> Result<Item, LedgerError> {
    let body = serde_json::to_string(run).map_err(entry(&run.input))?;
    let mut item = layout::run(&ledger.space, &run.input).with([("body", text(&body))]);
    item.extend(ledger.ttl(run.at, ledger.keep.counts).map(|at| ("ttl".to_owned(), number(at.as_second()))));
    Ok(item)
}

/// The run in an item.
pub(super) fn read_run(input: &str, item: &Item) -> Result<Run, LedgerError> {
    serde_json::from_str(read_text(item, "body").unwrap_or_default()).map_err(entry(input))
}
