//! What older ledgers hold, put where it lies now: objects of before schema 5, which had a row each, and runs of before
//! schema 6, whose places stood in one text.

use super::super::{Held, Run};
use super::packed::{Batch, Packed};
use super::{objects, runs};
use rusqlite::{Connection, Row};

/// Rows that are packed at a time: few enough to be in memory together.
const AT_ONCE: usize = 20_000;

/// Packs the objects that were read.
pub(super) fn pack(connection: &Connection) -> rusqlite::Result<()> {
    let mut query = connection.prepare("SELECT * FROM object ORDER BY id")?;
    in_parts(&mut query.query_map([], object)?, |part| {
        let push = |batch: &mut Batch, (id, mark, at, held): &(Vec<u8>, String, i64, Held)| {
            batch.push(id, |out| objects::put(out, mark, *at, held));
        };
        Packed::of(connection, &objects::HASHED).put(part, push, |_, _| false).map(drop)
    })
}

/// Puts the places of each run into rows of their own.
pub(super) fn spread(connection: &Connection) -> rusqlite::Result<()> {
    let mut query = connection.prepare("SELECT input, body FROM run ORDER BY input")?;
    let runs = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for run in runs {
        let (input, body): (String, String) = run?;
        match serde_json::from_str::<Run>(&body) {
            Ok(run) => runs::put(connection, &run)?,
            // Whoever reads it is told, as before.
            Err(_) => drop(runs::put_body(connection, &input, &body)?),
        }
    }
    Ok(())
}

fn object(row: &Row<'_>) -> rusqlite::Result<(Vec<u8>, String, i64, Held)> {
    let count = |at: usize| row.get(at).map(i64::cast_unsigned);
    let held =
        Held { bytes_read: count(3)?, bytes: count(4)?, records: count(5)?, denied: count(6)?, unreadable: count(7)? };
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, held))
}

fn in_parts<T>(
    rows: &mut dyn Iterator<Item = rusqlite::Result<T>>,
    mut take: impl FnMut(&[T]) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    loop {
        let part = rows.take(AT_ONCE).collect::<rusqlite::Result<Vec<T>>>()?;
        if part.is_empty() {
            return Ok(());
        }
        take(&part)?;
    }
}
