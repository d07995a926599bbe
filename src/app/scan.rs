//! Logs → ledger → ranked findings.

use super::World;
use super::ingest::{advise_on, observed};
use super::objects::{Objects, Places};
use super::outcome::{Outcome, Stats};
use super::passed::Passed;
use super::report::coverage;
use crate::change::{self, Change};
use crate::denial::{self, Denial, Given};
use crate::io::clock::{self, Stopwatch};
use crate::io::sources::archive::Selection;
use crate::io::sources::files::{self, Limits};
use crate::io::stores::{Filter, Ledger, LedgerError, Run, Touched};
use crate::record::{self, Problem, Record};
use std::path::PathBuf;

/// Denials that go into the ledger in one transaction.
const BATCH: usize = 2_000;

/// What a scan gives back beside the findings.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Every denial too.
    pub denials: bool,
    /// Which events are wanted; the others are left out.
    pub selection: Selection,
}

/// Reads the sources, keeps their denials in the ledger, and advises on the findings that they belong to.
///
/// # Errors
/// The ledger could not be read or written. What cannot be read of the sources is a problem of the outcome instead.
pub fn scan(
    sources: &[PathBuf],
    ledger: &mut dyn Ledger,
    world: &World,
    options: Options,
    progress: &mut dyn FnMut(&Stats),
) -> Result<Outcome, LedgerError> {
    let names: Vec<String> = sources.iter().map(|path| path.display().to_string()).collect();
    let selection = options.selection.clone();
    let mut scan = Scan::begin(ledger, world, options, &names.join(" "));
    let (tally, problems) = files::each_of(sources, &selection, Limits::default(), |name, bytes| {
        scan.read(bytes, name);
        progress(&scan.stats);
    });
    scan.problems.extend(problems);
    (scan.stats.files, scan.stats.bytes_read, scan.stats.bytes) = (tally.files, tally.bytes_read, tally.bytes);
    scan.finish()
}

/// What a scan gathers on its way.
pub struct Scan<'a> {
    pub(super) ledger: &'a mut dyn Ledger,
    world: &'a World,
    batch: Vec<Denial>,
    passed: Passed,
    changes: Vec<Change>,
    touched: Touched,
    denials: Option<Vec<Denial>>,
    selection: Selection,
    pub(super) input: String,
    pub(super) places: Places,
    pub(super) objects: Objects,
    pub(super) failed: Option<LedgerError>,
    watch: Stopwatch,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// What was read so far.
    pub stats: Stats,
}

impl<'a> Scan<'a> {
    /// Begins a scan into this ledger. `input` names the sources: reading them again replaces the note of them.
    pub fn begin(ledger: &'a mut dyn Ledger, world: &'a World, options: Options, input: &str) -> Self {
        Self {
            ledger,
            world,
            batch: Vec::new(),
            passed: Passed::default(),
            changes: Vec::new(),
            touched: Touched::default(),
            denials: options.denials.then(Vec::new),
            selection: options.selection,
            input: input.to_owned(),
            places: Places::default(),
            objects: Objects::default(),
            failed: None,
            watch: Stopwatch::start(),
            problems: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// Reads one input of any CloudTrail shape.
    pub fn read(&mut self, bytes: &[u8], name: &str) {
        self.stats.files += 1;
        if self.failed.is_none() {
            let (records, problems) = record::read(bytes, name);
            records.into_iter().for_each(|record| self.take(record));
            self.problems.extend(problems);
        }
    }

    fn take(&mut self, record: Record) {
        if !self.selection.takes(&record) {
            self.stats.left_out += 1;
            return;
        }
        self.stats.records += 1;
        self.places.add(&record);
        let Some(denial) = denial::from_record(&record, &Given::default(), self.world.catalog) else {
            self.changes.extend(change::from_record(&record));
            if self.changes.len() >= BATCH {
                self.flush_changes();
            }
            return self.passed.take(&record, self.world.catalog);
        };
        self.stats.denied += 1;
        self.batch.push(denial);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    pub(super) fn flush(&mut self) {
        let mut denials = std::mem::take(&mut self.batch);
        self.world.sharpen(&mut denials);
        if let Some(kept) = &mut self.denials {
            kept.extend(denials.iter().cloned());
        }
        let batch = observed(denials);
        batch.iter().for_each(|one| self.touched.add(one));
        match self.ledger.record(batch, clock::now()) {
            Ok(recorded) => {
                self.stats.duplicates += recorded.duplicate;
                self.stats.stale += recorded.stale;
            }
            Err(fault) => self.failed = self.failed.take().or(Some(fault)),
        }
        self.note_objects();
    }

    fn flush_changes(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        let noted = self.ledger.note_changes(&changes, clock::now());
        self.failed = self.failed.take().or(noted.err());
    }

    /// Adds allowed calls to what was denied, now or in a scan before.
    pub(super) fn note_passed(&mut self) {
        if self.failed.is_some() {
            return;
        }
        let noted = self.ledger.findings(&Filter::default()).and_then(|all| {
            let places = self.places.list();
            let observed = self.passed.observed(&all, &places, self.world.catalog);
            observed.iter().for_each(|one| self.touched.add(one));
            self.ledger.record(observed, clock::now())
        });
        self.failed = noted.err();
    }

    /// Writes the rest, notes what was read, and advises.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub fn finish(mut self) -> Result<Outcome, LedgerError> {
        self.flush();
        self.flush_changes();
        self.note_passed();
        if let Some(fault) = self.failed {
            return Err(fault);
        }
        self.stats.unreadable = self.problems.len() as u64;
        let run = Run {
            input: self.input.clone(),
            at: clock::now(),
            files: self.stats.files,
            bytes: self.stats.bytes,
            records: self.stats.records,
            denied: self.stats.denied,
            unreadable: self.stats.unreadable,
            places: self.places.list(),
        };
        // Objects were noted one by one, and add up over the scans of the same place.
        if !self.objects.are_noted {
            self.ledger.note_run(&run)?;
        }
        let (advice, problems) = advise_on(&self.touched, self.ledger, self.world)?;
        self.problems.extend(problems);
        self.stats.seconds = self.watch.seconds();
        let outcome = Outcome::new(self.denials, advice, self.problems, self.stats);
        Ok(Outcome { coverage: coverage(&run.coverage()), ..outcome })
    }
}
