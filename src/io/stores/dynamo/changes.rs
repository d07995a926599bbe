//! Changes of policies in DynamoDB: one item a target, with its latest, replaced under the condition that it is the one
//! that was read. So it is bounded whatever an account does all day.

use super::layout::{self, Key};
use super::table::{Refused, Table, put_action};
use super::value::{Item, bytes, number, read_bytes, read_number};
use super::{DynamoLedger, body, entry};
use crate::change::{Change, latest};
use crate::io::clock;
use crate::io::stores::LedgerError;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// See [`crate::io::stores::Ledger::note_changes`].
pub(super) async fn note(
    ledger: &DynamoLedger,
    table: &Table<'_>,
    changes: &[Change],
    now: Timestamp,
) -> Result<(), LedgerError> {
    let mut by_target: BTreeMap<Key, Vec<Change>> = BTreeMap::new();
    for change in changes.iter().filter_map(|change| ledger.keep.change(change.clone(), ledger.key.as_ref(), now)) {
        for target in &change.targets {
            by_target.entry(layout::changes(&ledger.space, target)).or_default().push(change.clone());
        }
    }
    for (key, fresh) in by_target {
        replace(ledger, table, &key, |there| latest(there, fresh.clone())).await?;
    }
    Ok(())
}

/// Replaces a target's changes by what `make` makes of them, however many copies do so at once.
async fn replace(
    ledger: &DynamoLedger,
    table: &Table<'_>,
    key: &Key,
    make: impl Fn(BTreeSet<Change>) -> BTreeSet<Change>,
) -> Result<(), LedgerError> {
    for tries in 0.. {
        let stored = table.get(key.to_item()).await?;
        let before = stored.as_ref().map_or_else(|| Ok(BTreeSet::new()), read)?;
        let after = make(before.clone());
        if after == before {
            return Ok(());
        }
        match table.transact(vec![put(ledger, key, after, stored.as_ref())?]).await {
            Ok(()) => return Ok(()),
            Err(Refused::Conflict) => table.pause(tries, "other copies write the same changes").await?,
            Err(Refused::Other(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Documents go first where an item would become too large, then the oldest changes.
fn put(
    ledger: &DynamoLedger,
    key: &Key,
    mut changes: BTreeSet<Change>,
    stored: Option<&Item>,
) -> Result<Value, LedgerError> {
    let failed = |why: std::io::Error| entry("change")(serde_json::Error::io(why));
    let mut packed = body::pack(&changes).map_err(failed)?;
    if packed.len() > body::LIMIT {
        changes = changes.into_iter().map(|change| Change { document: None, ..change }).collect();
        packed = body::pack(&changes).map_err(failed)?;
    }
    while packed.len() > body::LIMIT && changes.pop_first().is_some() {
        packed = body::pack(&changes).map_err(failed)?;
    }
    let version = stored.and_then(|stored| read_number::<u64>(stored, "v"));
    let mut item = key.with([("v", number(version.unwrap_or(0) + 1)), ("body", bytes(&packed))]);
    let end = changes.last().and_then(|change| ledger.ttl(change.at, ledger.keep.counts));
    item.extend(end.map(|end| ("ttl".to_owned(), number(end.as_second()))));
    let (condition, values) = match version {
        None => ("attribute_not_exists(pk)", json!({})),
        Some(version) => ("v = :v", json!({ ":v": number(version) })),
    };
    Ok(put_action(&ledger.table, item, condition, values))
}

/// See [`crate::io::stores::Ledger::changes`].
pub(super) async fn of(
    ledger: &DynamoLedger,
    table: &Table<'_>,
    targets: &BTreeSet<String>,
) -> Result<BTreeSet<Change>, LedgerError> {
    let keys: BTreeSet<Key> = targets.iter().map(|target| layout::changes(&ledger.space, target)).collect();
    let items = table.get_all(keys.iter().map(Key::to_item).collect()).await?;
    let now = clock::now();
    let mut all = BTreeSet::new();
    for item in items.iter().filter(|item| !layout::is_over(item, now)) {
        all.append(&mut read(item)?);
    }
    Ok(all)
}

/// Keeps of each change what `keep` makes of it, wherever it stands; how many went.
pub(super) async fn remake(
    ledger: &DynamoLedger,
    table: &Table<'_>,
    keep: impl Fn(&Change) -> Option<Change>,
) -> Result<u64, LedgerError> {
    let gone = |change: &Change| keep(change).is_none();
    let mut removed = BTreeSet::new();
    for bucket in layout::buckets(&ledger.space, "C") {
        for item in table.query(&bucket, "").await? {
            let (Some(key), there) = (Key::of(&item), read(&item)?) else { continue };
            removed.extend(there.iter().filter(|change| gone(change)).map(|change| change.event_id.clone()));
            if there.iter().all(&gone) {
                table.delete(key.to_item()).await?;
            } else {
                // It writes nothing where nothing changes.
                replace(ledger, table, &key, |there| there.iter().filter_map(&keep).collect()).await?;
            }
        }
    }
    Ok(removed.len() as u64)
}

fn read(item: &Item) -> Result<BTreeSet<Change>, LedgerError> {
    body::unpack(&read_bytes(item, "body").unwrap_or_default()).map_err(entry("change"))
}
