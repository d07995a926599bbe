//! Objects of an archive that a scan reads: each is noted once its denials are in the ledger, and never read again.

use super::outcome::Stats;
use super::scan::Scan;
use crate::io::clock;
use crate::io::sources::files::{Limits, Reader};
#[cfg(feature = "s3")]
use crate::io::stores::Run;
use crate::io::stores::{LedgerError, Object, ObjectRead, Place};
#[cfg(feature = "lambda")]
use crate::record::Problem;
use crate::record::Record;
use std::collections::BTreeMap;

/// Objects that wait to be noted, at most: what an interrupted scan reads again.
const WAITING: usize = 500;

/// Where and when events happened.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<(Option<String>, Option<String>), Place>);

impl Places {
    pub(super) fn add(&mut self, record: &Record) {
        let key = (record.recipient_account.clone(), record.region.clone());
        let (account, region) = key.clone();
        let fresh = || Place { account, region, first: None, last: None, records: 0 };
        let place = self.0.entry(key).or_insert_with(fresh);
        place.first = [place.first, record.event_time].into_iter().flatten().min();
        place.last = place.last.max(record.event_time);
        place.records += 1;
    }

    fn add_all(&mut self, other: Self) {
        for (key, place) in other.0 {
            let there = self.0.entry(key).or_insert_with(|| Place { records: 0, ..place.clone() });
            there.first = [there.first, place.first].into_iter().flatten().min();
            there.last = there.last.max(place.last);
            there.records += place.records;
        }
    }

    pub(super) fn list(&self) -> Vec<Place> {
        self.0.values().cloned().collect()
    }
}

/// Objects that were read and are not noted yet.
#[derive(Debug, Default)]
pub(super) struct Objects {
    waiting: Vec<ObjectRead>,
    /// This scan notes objects, each by itself.
    pub(super) are_noted: bool,
}

impl Scan<'_> {
    /// Notes what is read object by object, not as a whole: what was noted before stays.
    pub fn note_each(&mut self) {
        self.objects.are_noted = true;
    }

    /// Which of these objects were not read before.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub fn fresh(&mut self, objects: &[Object]) -> Result<Vec<bool>, LedgerError> {
        let known = self.ledger.known_objects(objects)?;
        self.stats.known += known.iter().filter(|known| **known).count() as u64;
        Ok(known.into_iter().map(|known| !known).collect())
    }

    /// Reads one object, as it lies there. It is noted as read if every event in it was wanted and could be read: else a
    /// wider scan, or a better one, has something left to find.
    pub fn object(&mut self, object: Object, bytes: &[u8]) {
        let (before, unread) = (self.stats, self.problems.len());
        let places = std::mem::take(&mut self.places);
        let mut reader = Reader::new(Limits::default());
        let mut problems = Vec::new();
        let name = object.key.clone();
        reader.bytes(&name, bytes, &mut |name, plain| self.read(plain, name), &mut problems);
        self.problems.extend(problems);
        let tally = reader.tally();
        self.stats.files = before.files + tally.files;
        self.stats.bytes_read += tally.bytes_read;
        self.stats.bytes += tally.bytes;
        let own = std::mem::replace(&mut self.places, places);
        if self.stats.left_out == before.left_out && self.problems.len() == unread {
            self.objects.waiting.push(read(object, before, self.stats, own.list()));
        }
        self.places.add_all(own);
        if self.objects.waiting.len() >= WAITING {
            self.flush();
        }
    }

    /// Notes that everything of a place was listed and read.
    ///
    /// # Errors
    /// The ledger could not be written.
    #[cfg(feature = "s3")]
    pub(super) fn note_listed(&mut self, run: &Run) -> Result<(), LedgerError> {
        self.flush();
        match self.failed.take() {
            Some(fault) => Err(fault),
            None => self.ledger.note_run(run),
        }
    }

    /// Writes the rest, and advises on nothing.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    #[cfg(feature = "lambda")]
    pub(super) fn close(mut self) -> Result<(Stats, Vec<Problem>), LedgerError> {
        self.flush();
        self.note_passed();
        self.failed.map_or(Ok((self.stats, self.problems)), Err)
    }

    /// Notes what was read, now that its denials are in the ledger.
    pub(super) fn note_objects(&mut self) {
        let waiting = std::mem::take(&mut self.objects.waiting);
        if waiting.is_empty() || self.failed.is_some() {
            return;
        }
        self.failed = self.ledger.note_objects(&self.input, &waiting, clock::now()).err();
    }
}

fn read(object: Object, before: Stats, after: Stats, places: Vec<Place>) -> ObjectRead {
    ObjectRead {
        object,
        bytes: after.bytes - before.bytes,
        records: after.records - before.records,
        denied: after.denied - before.denied,
        unreadable: 0,
        places,
    }
}
