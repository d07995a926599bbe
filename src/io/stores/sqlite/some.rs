//! Findings by their heads.

use super::super::head::sorted;
use super::{Head, Touched};
use rusqlite::Connection;

/// By the columns alone: no finding is read for it.
pub(super) fn heads(connection: &Connection, among: &Touched) -> rusqlite::Result<Vec<Head>> {
    let takes = among.heads();
    // The same words as `Caller`'s.
    let mut query = connection.prepare_cached("SELECT id, coalesce(name, arn, '') FROM finding")?;
    // Mostly there is nothing else: a list that grows leaves holes as large as itself.
    let (mut rows, mut heads) = (query.query([])?, Vec::with_capacity(among.ids.len()));
    while let Some(row) = rows.next()? {
        let (id, owner) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
        if takes(id, owner) {
            heads.push(Head::new(id, owner));
        }
    }
    Ok(sorted(heads))
}
