//! Objects that were read, and the runs that read them.

use super::{Held, LedgerError, Object, ObjectRead, Run, entry};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// See [`super::Ledger::known_objects`].
pub(super) fn known(connection: &Connection, objects: &[Object]) -> rusqlite::Result<Vec<Option<Held>>> {
    let sql = "SELECT bytes_read, bytes, records, denied, unreadable FROM object WHERE id = ?1 AND mark = ?2";
    // Each query by itself would take a lock of the file and give it back.
    let _together = connection.unchecked_transaction()?;
    let has_any: bool =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM object)")?.query_row([], |row| row.get(0))?;
    if !has_any {
        return Ok(vec![None; objects.len()]);
    }
    let mut query = connection.prepare_cached(sql)?;
    let read = |row: &Row<'_>| {
        let [bytes_read, bytes, records, denied, unreadable] = [0, 1, 2, 3, 4].map(|at| row.get::<_, i64>(at));
        let count = |number: rusqlite::Result<i64>| number.map(i64::cast_unsigned);
        Ok(Held {
            bytes_read: count(bytes_read)?,
            bytes: count(bytes)?,
            records: count(records)?,
            denied: count(denied)?,
            unreadable: count(unreadable)?,
        })
    };
    objects.iter().map(|one| query.query_row(params![one.id(), one.mark], read).optional()).collect()
}

/// Notes objects; those that were not noted before in this state come back.
pub(super) fn note<'a>(
    connection: &Connection,
    objects: &'a [ObjectRead],
    now: Timestamp,
) -> rusqlite::Result<Vec<&'a ObjectRead>> {
    let sql = "INSERT INTO object VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
               ON CONFLICT DO UPDATE SET mark = excluded.mark, at = excluded.at, bytes_read = excluded.bytes_read, \
               bytes = excluded.bytes, records = excluded.records, denied = excluded.denied, \
               unreadable = excluded.unreadable WHERE mark <> excluded.mark";
    let mut note = connection.prepare_cached(sql)?;
    let mut fresh = Vec::new();
    // In the order of the table, so that a page is changed once.
    let mut objects: Vec<([u8; 16], &ObjectRead)> = objects.iter().map(|one| (one.object.id(), one)).collect();
    objects.sort_by_key(|(id, _)| *id);
    for (id, one) in objects {
        let Held { bytes_read, bytes, records, denied, unreadable } = one.held;
        let [bytes_read, bytes, records, denied, unreadable] =
            [bytes_read, bytes, records, denied, unreadable].map(u64::cast_signed);
        let (mark, at) = (&one.object.mark, now.as_second());
        if note.execute(params![id, mark, at, bytes_read, bytes, records, denied, unreadable])? == 1 {
            fresh.push(one);
        }
    }
    Ok(fresh)
}

/// The run over an input.
pub(super) fn run(
    connection: &Connection,
    input: &str,
    failed: &impl Fn(rusqlite::Error) -> LedgerError,
) -> Result<Option<Run>, LedgerError> {
    let body: Option<String> = connection
        .prepare_cached("SELECT body FROM run WHERE input = ?1")
        .and_then(|mut query| query.query_row([input], |row| row.get(0)).optional())
        .map_err(failed)?;
    body.map(|body| serde_json::from_str(&body).map_err(entry(input))).transpose()
}

/// Puts a run in place of what was noted of its input.
pub(super) fn put_run(
    connection: &Connection,
    run: &Run,
    failed: &impl Fn(rusqlite::Error) -> LedgerError,
) -> Result<(), LedgerError> {
    let body = serde_json::to_string(run).map_err(entry(&run.input))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO run VALUES (?1, ?2)")
        .and_then(|mut write| write.execute([&run.input, &body]))
        .map(drop)
        .map_err(failed)
}
