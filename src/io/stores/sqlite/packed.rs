//! A sorted map from bytes to bytes, many entries in a row of SQLite: as rows of their own, the thousands of names of a scan
//! would take more time for each row than for what is in it.
//!
//! A row holds the entries from its `first` key on, up to the next row's `first`; what is before all rows belongs to a row that
//! begins with no bytes at all. It is a page at most, so that one entry that comes in anywhere writes what one row would, and
//! many that stand side by side are written together.

mod body;

pub(super) use body::{broken, bytes, number, put_number, put_short};

use body::{Body, Entries, part};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

/// The map in one table.
pub(super) struct Packed<'c> {
    connection: &'c Connection,
    table: &'static Table,
}

/// What is asked of a table `id INTEGER PRIMARY KEY, first BLOB NOT NULL UNIQUE, body BLOB NOT NULL`.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) is_empty: &'static str,
    /// The row that a key belongs to, and where the next one begins.
    pub(super) find: &'static str,
    pub(super) first: &'static str,
    pub(super) next: &'static str,
    pub(super) add: &'static str,
    pub(super) change: &'static str,
    /// The same, for a row that begins with another key from then on.
    pub(super) thin: &'static str,
    pub(super) delete: &'static str,
}

/// The [`Table`] of this name.
macro_rules! table {
    ($name:literal) => {
        $crate::io::stores::sqlite::packed::Table {
            is_empty: concat!("SELECT NOT EXISTS (SELECT 1 FROM ", $name, ")"),
            find: concat!(
                "SELECT id, first, body, (SELECT min(first) FROM ",
                $name,
                " WHERE first > ?1) FROM ",
                $name,
                " WHERE first <= ?1 ORDER BY first DESC LIMIT 1"
            ),
            first: concat!("SELECT min(first) FROM ", $name),
            next: concat!("SELECT id, first, body FROM ", $name, " WHERE first >= ?1 ORDER BY first LIMIT 1"),
            add: concat!("INSERT INTO ", $name, " (first, body) VALUES (?1, ?2)"),
            change: concat!("UPDATE ", $name, " SET body = ?2 WHERE id = ?1"),
            thin: concat!("UPDATE ", $name, " SET first = ?2, body = ?3 WHERE id = ?1"),
            delete: concat!("DELETE FROM ", $name, " WHERE id = ?1"),
        }
    };
}
pub(super) use table;

/// Entries that are put in at a time: so many that most of what is read and written for them is read and written once, so few
/// that they and what becomes of them stay near the processor.
const AT_ONCE: usize = 512;

/// Entries by key, of which the same may come several times.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Where a key begins and ends; its value goes on to where the next key begins.
    keys: Vec<(usize, usize)>,
}

impl Batch {
    /// Adds an entry, whose key is not before any other's.
    pub(super) fn push(&mut self, key: &[u8], value: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.keys.push((start, self.bytes.len()));
        value(&mut self.bytes);
        debug_assert!(self.keys.len() < 2 || self.key(self.keys.len() - 2) <= self.key(self.keys.len() - 1));
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.keys.clear();
    }

    fn key(&self, at: usize) -> Option<&[u8]> {
        self.keys.get(at).map(|(start, end)| &self.bytes[*start..*end])
    }

    fn value(&self, at: usize) -> &[u8] {
        let end = self.keys.get(at + 1).map_or(self.bytes.len(), |(start, _)| *start);
        self.keys.get(at).map_or(&[], |(_, start)| &self.bytes[*start..end])
    }
}

/// A row, or where there is none yet.
struct Leaf {
    row: Option<i64>,
    first: Vec<u8>,
    body: Vec<u8>,
    /// Where the next one begins.
    end: Option<Vec<u8>>,
}

impl Leaf {
    /// Whether a key that is not before `first` belongs to it.
    fn takes(&self, key: &[u8]) -> bool {
        self.end.as_deref().is_none_or(|end| key < end)
    }
}

impl<'c> Packed<'c> {
    pub(super) fn of(connection: &'c Connection, table: &'static Table) -> Self {
        Self { connection, table }
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> rusqlite::Result<bool> {
        self.statement(self.table.is_empty)?.query_row([], |row| row.get(0))
    }

    /// Tells the value of each of these keys that is there, with its place among them. They come in order.
    pub(super) fn get<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k [u8]>,
        mut found: impl FnMut(usize, &[u8]) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut keys = keys.into_iter().enumerate().peekable();
        let mut find = self.statement(self.table.find)?;
        while let Some((_, key)) = keys.peek() {
            let leaf = self.leaf(&mut find, key)?;
            let mut entries = Entries::of(&leaf.first, &leaf.body);
            let mut value = entries.next()?;
            while let Some((place, key)) = keys.next_if(|(_, key)| leaf.takes(key)) {
                while value.is_some() && entries.key.as_slice() < key {
                    value = entries.next()?;
                }
                if let Some(value) = value.filter(|_| entries.key == key) {
                    found(place, value)?;
                }
            }
        }
        Ok(())
    }

    /// Puts entries in: those whose key is not there, and those that replace what is, by its value and theirs. Tells of each
    /// whether it was put in; of the same key one after the other is tried. They come in order, and `push` makes them.
    pub(super) fn put<T>(
        &self,
        entries: &[T],
        mut push: impl FnMut(&mut Batch, &T),
        replaces: impl Fn(&[u8], &[u8]) -> bool,
    ) -> rusqlite::Result<Vec<bool>> {
        let (mut is_put, mut batch) = (Vec::with_capacity(entries.len()), Batch::default());
        for some in entries.chunks(AT_ONCE) {
            batch.clear();
            some.iter().for_each(|entry| push(&mut batch, entry));
            self.put_batch(&batch, &replaces, &mut is_put)?;
        }
        Ok(is_put)
    }

    fn put_batch(
        &self,
        batch: &Batch,
        replaces: &impl Fn(&[u8], &[u8]) -> bool,
        is_put: &mut Vec<bool>,
    ) -> rusqlite::Result<()> {
        let (mut find, start) = (self.statement(self.table.find)?, is_put.len());
        while let Some(key) = batch.key(is_put.len() - start) {
            let leaf = self.leaf(&mut find, key)?;
            let before = is_put.len();
            let body = merge(&leaf, batch, before - start, replaces, is_put)?;
            if is_put[before..].contains(&true) {
                self.replace(&leaf, part(&leaf.first, body)?)?;
            }
        }
        Ok(())
    }

    /// Takes entries away, which are told by key and value. Of those that go nothing stays, also where a row began with one of
    /// them. A row that cannot be read goes whole: nobody could say that nothing of it had to go, and it must not keep the others.
    pub(super) fn remove(&self, mut goes: impl FnMut(&[u8], &[u8]) -> rusqlite::Result<bool>) -> rusqlite::Result<()> {
        let (mut next, mut from) = (self.statement(self.table.next)?, Vec::new());
        let read =
            |row: &rusqlite::Row<'_>| Ok(Leaf { row: row.get(0)?, first: row.get(1)?, body: row.get(2)?, end: None });
        while let Some(leaf) = next.query_row([&from], read).optional()? {
            from = leaf.first.clone();
            match thinned(&leaf, &mut goes).unwrap_or(Left::Nothing) {
                Left::All => {}
                Left::Some(first, body) => {
                    self.statement(self.table.thin)?.execute(params![leaf.row, first, body])?;
                    from = from.max(first);
                }
                Left::Nothing => {
                    self.statement(self.table.delete)?.execute([leaf.row])?;
                }
            }
            from.push(0);
        }
        Ok(())
    }

    /// Puts parts in place of a row, the first under its own key.
    fn replace(&self, leaf: &Leaf, parts: Vec<(Vec<u8>, Vec<u8>)>) -> rusqlite::Result<()> {
        let mut parts = parts.into_iter();
        if let Some(row) = leaf.row {
            let body = parts.next().map(|(_, body)| body);
            self.statement(self.table.change)?.execute(params![row, body])?;
        }
        let mut add = self.statement(self.table.add)?;
        parts.try_for_each(|(first, body)| add.execute(params![first, body]).map(drop))
    }

    /// The row that a key belongs to.
    fn leaf(&self, find: &mut CachedStatement<'_>, key: &[u8]) -> rusqlite::Result<Leaf> {
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Leaf { row: row.get(0)?, first: row.get(1)?, body: row.get(2)?, end: row.get(3)? })
        };
        if let Some(leaf) = find.query_row([key], read).optional()? {
            return Ok(leaf);
        }
        let end = self.statement(self.table.first)?.query_row([], |row| row.get(0))?;
        Ok(Leaf { row: None, first: Vec::new(), body: Vec::new(), end })
    }

    fn statement(&self, sql: &'static str) -> rusqlite::Result<CachedStatement<'c>> {
        self.connection.prepare_cached(sql)
    }
}

/// What is left of a row.
enum Left {
    All,
    /// From this first key on.
    Some(Vec<u8>, Vec<u8>),
    Nothing,
}

/// A row without the entries that go. It begins with the first one that stays; only the row before all others, which begins with
/// nothing, still does.
fn thinned(leaf: &Leaf, goes: &mut impl FnMut(&[u8], &[u8]) -> rusqlite::Result<bool>) -> rusqlite::Result<Left> {
    let (mut entries, mut left) = (Entries::of(&leaf.first, &leaf.body), None);
    let mut is_less = false;
    while let Some(value) = entries.next()? {
        if goes(&entries.key, value)? {
            is_less = true;
            continue;
        }
        let (_, body) = left.get_or_insert_with(|| {
            let first = if leaf.first.is_empty() { Vec::new() } else { entries.key.clone() };
            let body = Body::of(&first, leaf.body.len());
            (first, body)
        });
        body.push(&entries.key, value);
    }
    Ok(match left {
        None => Left::Nothing,
        Some((first, _)) if !is_less && first == leaf.first => Left::All,
        Some((first, body)) => Left::Some(first, body.bytes),
    })
}

/// The entries of a row and, from one place on, those of the batch that belong to it.
fn merge(
    leaf: &Leaf,
    batch: &Batch,
    mut place: usize,
    replaces: &impl Fn(&[u8], &[u8]) -> bool,
    is_put: &mut Vec<bool>,
) -> rusqlite::Result<Body> {
    let (mut entries, mut body) = (Entries::of(&leaf.first, &leaf.body), Body::of(&leaf.first, leaf.body.len() + 256));
    let mut there = entries.next()?;
    while let Some(key) = batch.key(place).filter(|key| leaf.takes(key)) {
        while let Some(value) = there.filter(|_| entries.key.as_slice() < key) {
            body.push(&entries.key, value);
            there = entries.next()?;
        }
        let mut kept = there.filter(|_| entries.key == key);
        if kept.is_some() {
            there = entries.next()?;
        }
        while batch.key(place) == Some(key) {
            let value = batch.value(place);
            let is_new = kept.is_none_or(|kept| replaces(kept, value));
            is_put.push(is_new);
            kept = if is_new { Some(value) } else { kept };
            place += 1;
        }
        body.push(key, kept.unwrap_or_default());
    }
    while let Some(value) = there {
        body.push(&entries.key, value);
        there = entries.next()?;
    }
    Ok(body)
}

#[cfg(test)]
mod tests;
