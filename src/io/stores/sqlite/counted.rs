//! Which events were counted.

use super::event_id::EventId;
use jiff::Timestamp;
use rusqlite::{Connection, params};

/// Notes that an event was counted.
const NOTE: &str = "INSERT OR IGNORE INTO counted VALUES (?1, ?2, ?3)";

/// Of the two sorts of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `eventID`
    Own = 0,
    /// `sharedEventID`
    Shared = 1,
}

/// An id that an event bears, and the event's time in seconds; `None` where it has no such id or time.
pub(super) type Told<'a> = Option<(&'a str, Option<i64>)>;

/// Notes ids of one kind, and tells of each whether it is new, or none. Of the same id the first is; they are noted in the order
/// of the table, so that a page is changed once.
pub(super) fn note<'a>(
    connection: &Connection,
    kind: Kind,
    told: impl Iterator<Item = Told<'a>>,
) -> rusqlite::Result<Vec<bool>> {
    let (mut ids, mut is_new) = (Vec::new(), Vec::new());
    for (at, told) in told.enumerate() {
        is_new.push(true);
        ids.extend(told.map(|(id, time)| (EventId::of(id), at, time)));
    }
    ids.sort_unstable();
    let mut note = connection.prepare_cached(NOTE)?;
    for (id, at, time) in ids {
        is_new[at] = note.execute(params![kind as u8, id, time])? == 1;
    }
    Ok(is_new)
}

/// Forgets the events of before a time.
pub(super) fn expire(connection: &Connection, since: Timestamp) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM counted WHERE at < ?1", [since.as_second()]).map(drop)
}
