//! Objects that were read, and the runs that read them.

use super::{LedgerError, Object, ObjectRead, Run, entry};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// See [`super::Ledger::known_objects`].
pub(super) fn known(connection: &Connection, objects: &[Object]) -> rusqlite::Result<Vec<bool>> {
    let mut query = connection.prepare_cached("SELECT mark = ?2 FROM object WHERE id = ?1")?;
    let mut is_known = |one: &Object| query.query_row(params![one.id(), one.mark], |row| row.get(0)).optional();
    objects.iter().map(|one| Ok(is_known(one)?.unwrap_or(false))).collect()
}

/// Notes objects; those that were not noted before in this state come back.
pub(super) fn note<'a>(
    connection: &Connection,
    objects: &'a [ObjectRead],
    now: Timestamp,
) -> rusqlite::Result<Vec<&'a ObjectRead>> {
    let sql = "INSERT INTO object VALUES (?1, ?2, ?3) \
               ON CONFLICT DO UPDATE SET mark = excluded.mark, at = excluded.at WHERE mark <> excluded.mark";
    let mut note = connection.prepare_cached(sql)?;
    let mut fresh = Vec::new();
    for one in objects {
        if note.execute(params![one.object.id(), one.object.mark, now.as_second()])? == 1 {
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
