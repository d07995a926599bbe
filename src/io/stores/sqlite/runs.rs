//! Runs: what each came to in one row, and each of its places in a row of its own. An organization's archive has some ten thousand
//! of these: to add what a few thousand files hold no more than their places are read and written.

use super::super::objects::key;
use super::super::{ObjectRead, Place};
use super::at_once::at_once;
use super::packed::broken;
use super::{LedgerError, Run, entry};
use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

type Failed<'f> = &'f dyn Fn(rusqlite::Error) -> LedgerError;

const PUT_PLACE: &str = "INSERT OR REPLACE INTO run_place VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// See [`super::Ledger::noted_run_telling`].
pub(super) fn run(
    connection: &Connection,
    input: &str,
    each: &mut dyn FnMut(Place),
    failed: Failed<'_>,
) -> Result<Option<Run>, LedgerError> {
    at_once(connection, failed, || {
        let Some((number, run)) = sums(connection, input, failed)? else { return Ok(None) };
        let mut places = || {
            let mut query = connection.prepare_cached(
                "SELECT account, region, first, last, records FROM run_place WHERE run = ?1 ORDER BY account, region, part",
            )?;
            query.query_map([number], place)?.try_for_each(|place| place.map(&mut *each))
        };
        places().map_err(failed)?;
        Ok(Some(run))
    })
}

/// Adds what some objects held to the run over an input.
pub(super) fn add(
    change: &Connection,
    input: &str,
    objects: &[&ObjectRead],
    now: Timestamp,
    failed: Failed<'_>,
) -> Result<(), LedgerError> {
    let mut run = sums(change, input, failed)?.map_or_else(|| Run::begin(input, now), |(_, run)| run);
    run.add_objects(objects.iter().copied(), now);
    let places = std::mem::take(&mut run.places);
    let write = |number| places.iter().try_for_each(|place| add_place(change, number, place));
    put_sums(change, &run).and_then(write).map_err(failed)
}

/// Puts a run in place of what was noted of its input.
pub(super) fn put(change: &Connection, run: &Run) -> rusqlite::Result<()> {
    let number = put_sums(change, &run.sums())?;
    change.prepare_cached("DELETE FROM run_place WHERE run = ?1")?.execute([number])?;
    // Of a history each period is a place of its own.
    let mut parts: BTreeMap<_, i64> = BTreeMap::new();
    run.places.iter().try_for_each(|place| {
        let part = parts.entry(key(place)).or_insert(-1);
        *part += 1;
        put_place(change, number, *part, place)
    })
}

/// What a run came to, without its places, and its number.
fn sums(connection: &Connection, input: &str, failed: Failed<'_>) -> Result<Option<(i64, Run)>, LedgerError> {
    let found: Option<(i64, String)> = connection
        .prepare_cached("SELECT id, body FROM run_sum WHERE input = ?1")
        .and_then(|mut query| query.query_row([input], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .map_err(failed)?;
    found.map(|(number, body)| Ok((number, serde_json::from_str(&body).map_err(entry(input))?))).transpose()
}

fn put_sums(change: &Connection, run: &Run) -> rusqlite::Result<i64> {
    let body = serde_json::to_string(run).map_err(|fault| rusqlite::Error::ToSqlConversionFailure(fault.into()))?;
    put_body(change, &run.input, &body)
}

/// Puts what a run came to, as it is written, and returns its number.
pub(super) fn put_body(change: &Connection, input: &str, body: &str) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO run_sum (input, body) VALUES (?1, ?2) ON CONFLICT (input) DO UPDATE SET body = excluded.body \
               RETURNING id";
    change.prepare_cached(sql)?.query_row([input, body], |row| row.get(0))
}

fn add_place(change: &Connection, run: i64, place: &Place) -> rusqlite::Result<()> {
    let there = change
        .prepare_cached(
            "SELECT account, region, first, last, records FROM run_place \
             WHERE run = ?1 AND account = ?2 AND region = ?3 AND part = 0",
        )?
        .query_row(params![run, name(&place.account), name(&place.region)], self::place)
        .optional()?;
    match there {
        Some(mut there) => {
            there.widen(place);
            put_place(change, run, 0, &there)
        }
        None => put_place(change, run, 0, place),
    }
}

fn put_place(change: &Connection, run: i64, part: i64, place: &Place) -> rusqlite::Result<()> {
    let [first, last] = [place.first, place.last].map(|at| at.map(|at| at.to_string()));
    let (account, region, records) = (name(&place.account), name(&place.region), place.records.cast_signed());
    change.prepare_cached(PUT_PLACE)?.execute(params![run, account, region, part, first, last, records]).map(drop)
}

/// An account or a Region in a key, which must be something: 0 where none is told, which sorts before all texts.
fn name(told: &Option<String>) -> ToSqlOutput<'_> {
    told.as_deref().map_or(ToSqlOutput::Borrowed(ValueRef::Integer(0)), ToSqlOutput::from)
}

fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    let name = |at: usize| row.get(at).map(|told| if let Value::Text(told) = told { Some(told) } else { None });
    let time = |at: usize| {
        let told: Option<String> = row.get(at)?;
        told.map(|told| told.parse().map_err(|_| broken())).transpose()
    };
    let records = row.get::<_, i64>(4)?.cast_unsigned();
    Ok(Place { account: name(0)?, region: name(1)?, first: time(2)?, last: time(3)?, records })
}
