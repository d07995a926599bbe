//! Objects that were read.

use super::super::types::name_in;
use super::at_once::at_once;
use super::packed::{Batch, Packed, Table, broken, bytes, number, put_number, put_short, table};
use super::{Held, Object, ObjectRead, mark, time};
use jiff::Timestamp;
use rusqlite::Connection;

/// By their keys, so that what lies in one folder stands side by side.
const NAMED: Table = table!("object_named");
/// By hashes of their keys (see [`Object::id`]): those of ledgers before schema 5, and those whose keys name a principal that was
/// forgotten. What is in [`NAMED`] is newer.
pub(super) const HASHED: Table = table!("object_hashed");

/// See [`super::Ledger::known_objects`].
pub(super) fn known(connection: &Connection, objects: &[Object]) -> rusqlite::Result<Vec<Option<Held>>> {
    at_once(connection, |source| source, || known_now(connection, objects))
}

fn known_now(connection: &Connection, objects: &[Object]) -> rusqlite::Result<Vec<Option<Held>>> {
    let mut order: Vec<usize> = (0..objects.len()).collect();
    order.sort_by(|one, other| objects[*one].key.cmp(&objects[*other].key));
    let (mut known, mut is_noted) = (vec![None; objects.len()], vec![false; objects.len()]);
    let mut marks = Marks::default();
    let mut tell = |at: usize, value: &[u8]| {
        is_noted[at] = true;
        known[at] = marks.held_if_same(value, &objects[at].mark)?;
        Ok(())
    };
    let keys = order.iter().map(|at| objects[*at].key.as_bytes());
    Packed::of(connection, &NAMED).get(keys, |place, value| tell(order[place], value))?;
    let hashed = Packed::of(connection, &HASHED);
    if !hashed.is_empty()? {
        order.retain(|at| !is_noted[*at]);
        let mut ids: Vec<([u8; 16], usize)> = order.iter().map(|at| (objects[*at].id(), *at)).collect();
        ids.sort_unstable();
        hashed.get(ids.iter().map(|(id, _)| id.as_slice()), |place, value| {
            known[ids[place].1] = marks.held_if_same(value, &objects[ids[place].1].mark)?;
            Ok(())
        })?;
    }
    Ok(known)
}

/// Notes objects; those that were not noted before in this state come back.
pub(super) fn note<'a>(
    connection: &Connection,
    objects: &'a [ObjectRead],
    now: Timestamp,
) -> rusqlite::Result<Vec<&'a ObjectRead>> {
    let mut objects: Vec<&ObjectRead> = objects.iter().collect();
    objects.sort_by(|one, other| one.object.key.cmp(&other.object.key));
    if !Packed::of(connection, &HASHED).is_empty()? {
        let asked: Vec<Object> = objects.iter().map(|one| one.object.clone()).collect();
        let (mut known, mut changed) = (known_now(connection, &asked)?.into_iter(), None);
        // Behind another state of the same object also the one that is known is new.
        objects.retain(|one| {
            let is_known = known.next().is_some_and(|held| held.is_some()) && changed != Some(&one.object.key);
            changed = if is_known { changed } else { Some(&one.object.key) };
            !is_known
        });
    }
    let push = |batch: &mut Batch, one: &&ObjectRead| {
        batch.push(one.object.key.as_bytes(), |out| put(out, &one.object.mark, now.as_second(), &one.held));
    };
    let is_new = Packed::of(connection, &NAMED).put(&objects, push, |old, new| !is_same(old, new))?;
    Ok(objects.into_iter().zip(is_new).filter(|(_, is_new)| *is_new).map(|(one, _)| one).collect())
}

/// Takes away what was noted before a time.
pub(super) fn expire(connection: &Connection, since: Timestamp) -> rusqlite::Result<()> {
    let is_old = |value: &[u8]| Ok(parts(value).ok_or_else(broken)?.1 < since.as_second());
    Packed::of(connection, &NAMED).remove(|_, value| is_old(value))?;
    Packed::of(connection, &HASHED).remove(|_, value| is_old(value))
}

/// Knows by hashes only what names a principal.
pub(super) fn forget(connection: &Connection, principal: &str) -> rusqlite::Result<()> {
    let mut hashes = Vec::new();
    Packed::of(connection, &NAMED).remove(|key, value| {
        parts(value).and_then(|(.., held)| read_held(held)).ok_or_else(broken)?;
        let key = String::from_utf8_lossy(key);
        let is_named = stands_in(&key, principal) || name_in(principal).is_some_and(|name| stands_in(&key, name));
        if is_named {
            let object = Object { key: key.into_owned(), mark: String::new() };
            hashes.push((object.id(), value.to_vec()));
        }
        Ok(is_named)
    })?;
    hashes.sort_unstable();
    let push =
        |batch: &mut Batch, (id, value): &([u8; 16], Vec<u8>)| batch.push(id, |out| out.extend_from_slice(value));
    Packed::of(connection, &HASHED).put(&hashes, push, |_, _| true).map(drop)
}

/// Whether a key has this name in it, by itself: between letters and digits it is part of another.
fn stands_in(key: &str, name: &str) -> bool {
    let goes_on = |next: Option<char>| next.is_some_and(char::is_alphanumeric);
    let is_alone = |(at, _)| {
        let (before, after) = (&key[..at], &key[at + name.len()..]);
        !goes_on(before.chars().next_back()) && !goes_on(after.chars().next())
    };
    !name.is_empty() && key.match_indices(name).any(is_alone)
}

/// Writes what is kept of an object: its mark, when it was noted, what it held.
pub(super) fn put(out: &mut Vec<u8>, mark: &str, at: i64, held: &Held) {
    put_short(out, |out| mark::pack(mark, out));
    put_number(out, time::to_number(at));
    let Held { bytes_read, bytes, records, denied, unreadable } = *held;
    [bytes_read, bytes, records, denied, unreadable].into_iter().for_each(|count| put_number(out, count));
}

/// The mark as it is stored, when it was noted, and what is left: what it held.
fn parts(mut value: &[u8]) -> Option<(&[u8], i64, &[u8])> {
    let mark = bytes(&mut value)?;
    let at = time::from_number(number(&mut value)?);
    Some((mark, at, value))
}

fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mark = |value| parts(value).map(|(mark, ..)| mark);
    mark(one).is_some() && mark(one) == mark(other)
}

/// Compares marks with stored ones.
#[derive(Default)]
struct Marks(Vec<u8>);

impl Marks {
    /// What an object held, if it was in this state.
    fn held_if_same(&mut self, value: &[u8], mark: &str) -> rusqlite::Result<Option<Held>> {
        let (stored, _, held) = parts(value).ok_or_else(broken)?;
        self.0.clear();
        mark::pack(mark, &mut self.0);
        if stored != self.0 {
            return Ok(None);
        }
        read_held(held).map(Some).ok_or_else(broken)
    }
}

fn read_held(mut from: &[u8]) -> Option<Held> {
    let mut next = || number(&mut from);
    Some(Held { bytes_read: next()?, bytes: next()?, records: next()?, denied: next()?, unreadable: next()? })
}
