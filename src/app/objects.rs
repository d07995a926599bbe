//! Objects of an archive that a scan reads: each is noted once its denials are in the ledger, and not read again.

use super::gather::Gatherer;
#[cfg(feature = "lambda")]
use super::outcome::Stats;
#[cfg(feature = "lambda")]
use super::problems::Problems;
use super::scan::Scan;
use crate::io::clock;
use crate::io::sources::files::Limits;
use crate::io::sources::many::{self, Came, Sort};
use crate::io::sources::reader::Reader;
use crate::io::stores::{Held, LedgerError, Object, Run};
use crate::record::{self, Problem};
use std::ops::ControlFlow;

impl Scan<'_> {
    /// Notes what is read object by object, not as a whole: what was noted before stays.
    pub fn note_each(&mut self) {
        self.are_noted = true;
    }

    /// Which of these objects were not read before.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub fn fresh(&mut self, objects: &[Object]) -> Result<Vec<bool>, LedgerError> {
        let known = self.ledger.known_objects(objects)?;
        self.stats.known += known.iter().flatten().count() as u64;
        Ok(known.iter().map(Option::is_none).collect())
    }

    /// Reads one input of any CloudTrail shape in full, and keeps the allowed calls for the case that they were denied.
    pub fn read(&mut self, bytes: &[u8], name: &str) {
        let problems = self.read_telling(bytes, name);
        self.problems.inside(problems);
    }

    /// The same, which returns what could not be read.
    pub(super) fn read_telling(&mut self, bytes: &[u8], name: &str) -> Vec<Problem> {
        self.stats.files += 1;
        if self.failed.is_some() {
            return Vec::new();
        }
        let (records, problems) = record::read(bytes, name);
        records.into_iter().for_each(|record| self.take(record));
        problems
    }

    /// Reads one object, as it lies there. It is noted as read if every event in it was wanted and could be read: else a
    /// wider scan, or a better one, has something left to find.
    pub fn object(&mut self, object: Object, bytes: &[u8]) {
        self.came(object, Came::Held(bytes));
    }

    /// The same wherever its bytes are.
    pub(super) fn came(&mut self, object: Object, came: Came<'_>) {
        let singly = self.takes_singly();
        let (catalog, selection) = (self.world.catalog, self.options.selection.clone());
        let (looks_twice, one_look, is_owed) = (self.looks_twice, self.options.one_look, self.is_owed());
        let codes = &self.world.codes;
        let mut gatherer = self
            .gatherer
            .take()
            .unwrap_or_else(|| Gatherer::new(catalog, singly).of(&selection).counting(codes).noting(looks_twice));
        let limits = Limits::default();
        let mut reader = self.reader.take().unwrap_or_else(|| Reader::whole(limits));
        if looks_twice {
            self.fresh.add(&object);
        }
        if is_owed {
            self.read_now.add(&object);
        }
        // Without a second look at it, all of it has to be read now.
        let is_sifted = one_look || looks_twice && self.kept.put(&object.key, came);
        let sort = if is_sifted { Sort::File } else { Sort::Stream };
        let read = many::came(&mut reader, limits, (&object.key, came, sort), &mut gatherer, &mut |gathered| {
            self.take_ahead(gathered);
            ControlFlow::Continue(())
        });
        (self.gatherer, self.reader) = (Some(gatherer), Some(reader));
        match read {
            Ok((streamed, made)) => {
                let held = Held { bytes_read: streamed.bytes_read, bytes: streamed.unpacked, ..Held::default() };
                self.take_object(object, held, streamed.fault, made.unwrap_or_default());
            }
            Err(problem) => self.problems.push(problem),
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

    /// Notes the scan as a whole; what comes back has no places.
    pub(super) fn note_run(&mut self) -> Result<Run, LedgerError> {
        let mut run = Run {
            input: self.input.clone(),
            at: clock::now(),
            files: self.stats.files,
            bytes: self.stats.bytes,
            records: self.stats.records,
            denied: self.stats.denied,
            unreadable: self.problems.count(),
            places: self.places.list(),
        };
        self.ledger.note_run(&run)?;
        run.places = Vec::new();
        Ok(run)
    }

    /// Writes the rest, and advises on nothing.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    #[cfg(feature = "lambda")]
    pub(super) fn close(mut self) -> Result<(Stats, Vec<Problem>), LedgerError> {
        self.flush();
        self.flush_changes();
        self.note_passed();
        self.failed.map_or(Ok((self.stats, self.problems.told(Problems::default()))), Err)
    }
}
