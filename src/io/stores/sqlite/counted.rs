//! Which events were counted.

use super::event_id::EventId;
use super::packed::{Batch, Packed, Table, broken, number, put_number, table};
use super::time;
use jiff::Timestamp;
use rusqlite::Connection;

const COUNTED: Table = table!("counted");

/// Of the two sorts of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `eventID`
    Own = 0,
    /// `sharedEventID`
    Shared = 1,
}

/// What the key of an id begins with: texts before UUIDs, as they are of different lengths.
fn head(kind: Kind, is_uuid: bool) -> u8 {
    2 * kind as u8 + u8::from(is_uuid)
}

/// An id that an event bears, and the event's time in seconds; `None` where it has no such id or time.
pub(super) type Told<'a> = Option<(&'a str, Option<i64>)>;

/// Notes ids of one kind, and tells of each whether it is new, or none. Of the same id the first is.
pub(super) fn note<'a>(
    connection: &Connection,
    kind: Kind,
    told: impl Iterator<Item = Told<'a>>,
) -> rusqlite::Result<Vec<bool>> {
    let (mut texts, mut uuids, mut is_new, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (at, told) in told.enumerate() {
        is_new.push(true);
        times.push(told.and_then(|(_, time)| time));
        match told.map(|(id, _)| EventId::of(id)) {
            Some(EventId::Text(text)) => texts.push((text, at)),
            Some(EventId::Uuid(uuid)) => uuids.push((uuid, at)),
            None => {}
        }
    }
    texts.sort_unstable();
    uuids.sort_unstable();
    let counted = Packed::of(connection, &COUNTED);
    let put = |batch: &mut Batch, sort: bool, id: &[u8], at: usize| {
        batch.push(&[&[head(kind, sort)], id], put_time(times[at]))
    };
    let of_texts = counted.put(&texts, |batch, (id, at)| put(batch, false, id.as_bytes(), *at), |_, _| false)?;
    let of_uuids = counted.put(&uuids, |batch, (id, at)| put(batch, true, &id.to_be_bytes(), *at), |_, _| false)?;
    texts.iter().zip(of_texts).for_each(|((_, at), is_put)| is_new[*at] = is_put);
    uuids.iter().zip(of_uuids).for_each(|((_, at), is_put)| is_new[*at] = is_put);
    Ok(is_new)
}

/// Nothing for an event without a time.
fn put_time(second: Option<i64>) -> impl Fn(&mut Vec<u8>) {
    move |out| second.iter().for_each(|second| put_number(out, time::to_number(*second)))
}

/// Forgets the events of before a time.
pub(super) fn expire(connection: &Connection, since: Timestamp) -> rusqlite::Result<()> {
    Packed::of(connection, &COUNTED).remove(|_, mut value| {
        let has_time = !value.is_empty();
        Ok(has_time && time::from_number(number(&mut value).ok_or_else(broken)?) < since.as_second())
    })
}
