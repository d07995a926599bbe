//! Events → notes that they were counted, and findings that count them, in transactions.
//! See <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.

use super::layout::{self, Key};
use super::table::{Refused, Table, put_action};
use super::value::{Item, number, read_number};
use super::{DynamoLedger, MARGIN, body, entry, read_part};
use crate::finding::{Finding, Fresh, Observed};
use crate::io::stores::{LedgerError, Recorded};
use crate::triage::probing::caller;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Actions in one transaction, by AWS.
const ACTIONS: usize = 100;
/// Findings in one transaction: with bodies of 350 KB ten of them stay below AWS's 4 MB.
const FINDINGS: usize = 10;

/// See [`crate::io::stores::Ledger::record`].
pub(super) async fn record(
    ledger: &DynamoLedger,
    table: &Table<'_>,
    batch: Vec<Observed>,
    now: Timestamp,
    mut counted: Option<&mut BTreeSet<String>>,
) -> Result<Recorded, LedgerError> {
    let mut recorded = Recorded::default();
    let offered = batch.len();
    let mut taken: Vec<Observed> = batch.into_iter().filter(|event| !ledger.keep.is_stale(event.at, now)).collect();
    recorded.stale = (offered - taken.len()) as u64;
    if let Some(key) = &ledger.key {
        taken.iter_mut().for_each(|event| ledger.keep.mask(event, key));
    }
    for part in in_parts(taken) {
        let (done, ids) = record_part(ledger, table, &part, now).await?;
        recorded.add(done);
        counted.iter_mut().for_each(|counted| counted.extend(ids.iter().cloned()));
    }
    Ok(recorded)
}

/// Cuts a batch so that each part fits into one transaction.
fn in_parts(batch: Vec<Observed>) -> Vec<Vec<Observed>> {
    let (mut parts, mut part, mut findings, mut actions) = (Vec::new(), Vec::new(), BTreeSet::new(), 0);
    for event in batch {
        // Its notes; for a finding its part, and perhaps its place in the list.
        let notes = if event.is_sighting() { 0 } else { 1 + usize::from(event.shared_event_id.is_some()) };
        let cost = |findings: &BTreeSet<String>| notes + if findings.contains(&event.finding.id) { 0 } else { 2 };
        let full = findings.len() == FINDINGS && !findings.contains(&event.finding.id);
        if full || actions + cost(&findings) > ACTIONS {
            parts.push(std::mem::take(&mut part));
            findings.clear();
            actions = 0;
        }
        actions += cost(&findings);
        findings.insert(event.finding.id.clone());
        part.push(event);
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts
}

async fn record_part(
    ledger: &DynamoLedger,
    table: &Table<'_>,
    events: &[Observed],
    now: Timestamp,
) -> Result<(Recorded, BTreeSet<String>), LedgerError> {
    for tries in 0.. {
        let plan = Plan::of(ledger, events, counted(ledger, table, events, now).await?);
        let actions = plan.actions(ledger, table, now).await?;
        if actions.is_empty() {
            return Ok((plan.recorded, plan.counted));
        }
        match table.transact(actions).await {
            Ok(()) => return Ok((plan.recorded, plan.counted)),
            Err(Refused::Conflict) => table.pause(tries, "other copies write the same findings").await?,
            Err(Refused::Other(error)) => return Err(error),
        }
    }
    Ok(Default::default())
}

/// The notes that there are of these events.
async fn counted(
    ledger: &DynamoLedger,
    table: &Table<'_>,
    events: &[Observed],
    now: Timestamp,
) -> Result<BTreeSet<Key>, LedgerError> {
    let noted = events.iter().filter(|event| !event.is_sighting());
    let keys: BTreeSet<Key> = noted.flat_map(|event| layout::events(&ledger.space, event)).collect();
    let items = table.get_all(keys.iter().map(Key::to_item).collect()).await?;
    Ok(items.iter().filter(|item| !layout::is_over(item, now)).filter_map(Key::of).collect())
}

/// What is to be written of some events.
struct Plan {
    /// New notes, and the time of their event.
    notes: BTreeMap<Key, Option<Timestamp>>,
    /// What the events add, folded by finding.
    folded: BTreeMap<String, Finding>,
    recorded: Recorded,
    /// Ids of the events that count now.
    counted: BTreeSet<String>,
}

impl Plan {
    fn of(ledger: &DynamoLedger, events: &[Observed], mut seen: BTreeSet<Key>) -> Self {
        let (recorded, mut counted) = (Recorded::default(), BTreeSet::new());
        let mut plan = Self { notes: BTreeMap::new(), folded: BTreeMap::new(), recorded, counted: BTreeSet::new() };
        for event in events {
            // Both are noted in any case: the next copy may bear only one of them.
            let mut note = |key: Key| {
                let is_new = seen.insert(key.clone());
                if is_new {
                    plan.notes.insert(key, event.at);
                }
                is_new
            };
            let own = event.is_sighting() || note(layout::event(&ledger.space, event));
            let shared = layout::shared_event(&ledger.space, event).is_none_or(&mut note);
            let fresh = Fresh { own, shared };
            plan.recorded.note(event, fresh, &mut Some(&mut counted));
            let Some(finding) = event.clone().adds(fresh) else { continue };
            match plan.folded.get_mut(&finding.id) {
                Some(there) => there.merge(finding),
                None => drop(plan.folded.insert(finding.id.clone(), finding)),
            }
        }
        Self { counted, ..plan }
    }

    async fn actions(
        &self,
        ledger: &DynamoLedger,
        table: &Table<'_>,
        now: Timestamp,
    ) -> Result<Vec<Value>, LedgerError> {
        let keys = self.folded.keys().map(|id| layout::part(&ledger.space, id, ledger.shard).to_item()).collect();
        let stored = table.get_all(keys).await?;
        let stored: BTreeMap<Key, Item> = stored.into_iter().filter_map(|item| Some((Key::of(&item)?, item))).collect();
        let mut actions: Vec<Value> = self.notes.iter().map(|(key, at)| note(ledger, key, *at, now)).collect();
        for finding in self.folded.values() {
            let key = layout::part(&ledger.space, &finding.id, ledger.shard);
            let before = stored.get(&key);
            let live = before.filter(|before| !layout::is_over(before, now)).map(read_part).transpose()?;
            let mut merged = finding.clone();
            live.iter().for_each(|live| merged.merge(live.clone()));
            if live.as_ref() == Some(&merged) {
                // What was seen before, seen again.
                continue;
            }
            if before.is_none() {
                actions.push(list(ledger, finding));
            }
            actions.push(replace_part(ledger, &key, &merged, before, now)?);
        }
        Ok(actions)
    }
}

/// Notes that an event was counted, unless somebody did before.
fn note(ledger: &DynamoLedger, key: &Key, at: Option<Timestamp>, now: Timestamp) -> Value {
    let end = ledger.ttl(at.unwrap_or(now), ledger.keep.counts).and_then(|end| end.checked_add(MARGIN).ok());
    let mut item = key.to_item();
    item.extend(end.map(|end| ("ttl".to_owned(), number(end.as_second()))));
    let condition = "attribute_not_exists(pk) OR #ttl <= :now";
    put_action(&ledger.table, item, condition, json!({ ":now": number(now.as_second()) }))
}

/// Names the finding's new part in the list of its caller's findings.
fn list(ledger: &DynamoLedger, finding: &Finding) -> Value {
    let place = layout::place(&ledger.space, &caller(&finding.principal), &finding.id);
    json!({ "Update": {
        "TableName": ledger.table, "Key": place.to_item(),
        "UpdateExpression": "SET finding = :finding ADD shards :shard",
        "ExpressionAttributeValues": {
            ":finding": { "S": finding.id }, ":shard": { "NS": [ledger.shard.to_string()] },
        },
    } })
}

/// Puts a part in place of the one that was read.
pub(super) fn replace_part(
    ledger: &DynamoLedger,
    key: &Key,
    finding: &Finding,
    before: Option<&Item>,
    now: Timestamp,
) -> Result<Value, LedgerError> {
    let body = body::pack_finding(finding).map_err(|why| entry(&finding.id)(serde_json::Error::io(why)))?;
    let version = before.and_then(|before| read_number::<u64>(before, "v"));
    let ttl = ledger.ttl(finding.seen().1.unwrap_or(now), ledger.keep.counts);
    let item = layout::part_item(key, finding, &body, version.unwrap_or(0) + 1, ttl);
    let (condition, values) = match version {
        None => ("attribute_not_exists(pk)", json!({})),
        Some(version) => ("v = :v", json!({ ":v": number(version) })),
    };
    Ok(put_action(&ledger.table, item, condition, values))
}
