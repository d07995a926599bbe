//! What the ledger forgets: a principal on demand, and what is older than it is kept.

use super::changes;
use super::layout::{self, Key};
use super::record::replace_part;
use super::table::{Refused, Table};
use super::value::{Item, read_text, text};
use super::{DynamoLedger, read_part};
use crate::change::Change;
use crate::finding::Finding;
use crate::io::stores::keep::before;
use crate::io::stores::states::{CALLERS, Purging};
use crate::io::stores::types::{change_without, names};
use crate::io::stores::{Filter, LedgerError, Purged, Quarantined};
use jiff::Timestamp;

/// See [`crate::io::stores::Ledger::purge`].
pub(super) fn purge(ledger: &DynamoLedger, principal: &str) -> Result<Purged, LedgerError> {
    let purged = ledger.run(async |table| remove(ledger, table, |finding| names(finding, principal)).await)?;
    let quarantined = remove_quarantined(ledger, |kept| kept.mentions(principal))?;
    let keep = |change: &Change| change_without(change, principal);
    let changes = ledger.run(async |table| {
        remake_states(ledger, table, principal).await?;
        changes::remake(ledger, table, keep).await
    })?;
    Ok(Purged { quarantined, changes, ..purged })
}

/// See [`crate::io::stores::Ledger::expire`]. DynamoDB's time to live takes away what is over by itself; this goes
/// before it, and takes away samples inside of what stays.
pub(super) fn expire(ledger: &DynamoLedger, now: Timestamp) -> Result<Purged, LedgerError> {
    let purged = ledger.run(async |table| {
        let mut purged = remove(ledger, table, |finding| ledger.keep.is_over(finding, now)).await?;
        for row in ledger.rows(table, &Filter::default()).await? {
            purged.samples += u64::from(strip(ledger, table, &row, now).await?);
        }
        Ok(purged)
    })?;
    let since = before(now, ledger.keep.samples);
    let quarantined = remove_quarantined(ledger, |kept| since.is_some_and(|since| kept.at < since))?;
    let keep = |change: &Change| Some(change.clone()).filter(|one| !ledger.keep.is_stale(Some(one.at), now));
    let changes = ledger.run(async |table| changes::remake(ledger, table, keep).await)?;
    Ok(Purged { quarantined, changes, ..purged })
}

/// Takes findings away. Their place in the list goes last, so that what was left half done is found again.
async fn remove(
    ledger: &DynamoLedger,
    table: &Table<'_>,
    gone: impl Fn(&Finding) -> bool,
) -> Result<Purged, LedgerError> {
    let mut purged = Purged::default();
    for row in ledger.rows(table, &Filter::default()).await? {
        let found = ledger.load(table, ledger.parts([&row])).await?;
        if found.first().is_some_and(|finding| !gone(finding)) {
            continue;
        }
        if let (Some(id), false) = (read_text(&row, "finding"), found.is_empty()) {
            purged.findings += 1;
            purged.deliveries += remove_deliveries(ledger, table, id).await?;
        }
        for part in layout::parts_of(&ledger.space, &row) {
            table.delete(part.to_item()).await?;
        }
        if let Some(place) = Key::of(&row) {
            table.delete(place.to_item()).await?;
        }
    }
    Ok(purged)
}

/// Takes what names a principal out of what tasks left for their next run.
async fn remake_states(ledger: &DynamoLedger, table: &Table<'_>, principal: &str) -> Result<(), LedgerError> {
    let mut purging = Purging::of(principal);
    for row in table.query(&layout::meta(&ledger.space, "").pk, "state#").await? {
        let (Some(key), Some(state)) = (Key::of(&row), read_text(&row, "value")) else { continue };
        let task = key.sk.strip_prefix("state#").unwrap_or_default();
        match purging.without(task, state) {
            Some(kept) if kept == state => {}
            Some(kept) => table.put(key.with([("value", text(&kept))])).await?,
            None => table.delete(key.to_item()).await?,
        }
    }
    Ok(())
}

/// Where it stands of which callers allowed calls are kept.
pub(super) fn indexes(ledger: &DynamoLedger) -> Result<Vec<String>, LedgerError> {
    let (pk, begin) = (layout::meta(&ledger.space, "").pk, format!("state#{CALLERS}"));
    let rows = ledger.run(async |table| table.query(&pk, &begin).await)?;
    let task = |row: &Item| Some(read_text(row, "sk")?.strip_prefix("state#")?.to_owned());
    Ok(rows.iter().filter_map(task).collect())
}

async fn remove_deliveries(ledger: &DynamoLedger, table: &Table<'_>, id: &str) -> Result<u64, LedgerError> {
    let told = table.query(&format!("{}D#{id}", ledger.space), "").await?;
    for key in told.iter().filter_map(Key::of) {
        table.delete(layout::open(&ledger.space, id, &key.sk).to_item()).await?;
        table.delete(key.to_item()).await?;
    }
    Ok(told.len() as u64)
}

/// Takes the samples out of a finding's parts; whether there were any. A part that another copy writes meanwhile keeps
/// them until the next time.
async fn strip(ledger: &DynamoLedger, table: &Table<'_>, row: &Item, now: Timestamp) -> Result<bool, LedgerError> {
    let mut stripped = false;
    let keys = layout::parts_of(&ledger.space, row).iter().map(Key::to_item).collect();
    for part in table.get_all(keys).await?.iter().filter(|part| !layout::is_over(part, now)) {
        let (Some(key), mut finding) = (Key::of(part), read_part(part)?) else { continue };
        if ledger.keep.strip(&mut finding, now) {
            match table.transact(vec![replace_part(ledger, &key, &finding, Some(part), now)?]).await {
                Ok(()) => stripped = true,
                Err(Refused::Conflict) => {}
                Err(Refused::Other(error)) => return Err(error),
            }
        }
    }
    Ok(stripped)
}

fn remove_quarantined(ledger: &DynamoLedger, gone: impl Fn(&Quarantined) -> bool) -> Result<u64, LedgerError> {
    let gone: Vec<Key> = ledger.poison()?.into_iter().filter(|(_, kept)| gone(kept)).map(|(key, _)| key).collect();
    ledger.run(async |table| {
        for key in &gone {
            table.delete(key.to_item()).await?;
        }
        Ok(gone.len() as u64)
    })
}
