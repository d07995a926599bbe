//! Findings by their heads.

use super::super::head::{owner, sorted};
use super::layout::{self, SHARDS};
use super::table::Table;
use super::value::read_text;
use super::{DynamoLedger, Finding, Head, LedgerError, Touched};
use std::collections::BTreeSet;

/// By the list of findings alone.
pub(super) async fn heads(ledger: &DynamoLedger, table: &Table<'_>, among: &Touched) -> Result<Vec<Head>, LedgerError> {
    let mut heads = Vec::new();
    for caller in among.callers.iter() {
        let rows = ledger.rows_of(table, &caller).await?;
        heads.extend(rows.iter().filter_map(|row| Some(Head::new(read_text(row, "finding")?, owner(&caller)))));
    }
    // A finding may be listed under a caller that is known better by now.
    let listed: BTreeSet<&str> = heads.iter().map(|head| &*head.id).collect();
    let others: Vec<Head> = among.ids.iter().filter(|id| !listed.contains(id)).map(|id| Head::new(id, "")).collect();
    heads.extend(others);
    Ok(sorted(heads))
}

/// Whatever copies wrote parts of them.
pub(super) async fn some(ledger: &DynamoLedger, table: &Table<'_>, ids: &[&str]) -> Result<Vec<Finding>, LedgerError> {
    let parts = ids.iter().flat_map(|id| (0..SHARDS).map(|shard| layout::part(&ledger.space, id, shard)));
    ledger.load(table, parts.collect()).await
}
