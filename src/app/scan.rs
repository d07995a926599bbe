//! Logs → ledger → ranked findings.

use super::World;
use super::ingest::{advise_on, observed};
use super::outcome::{Outcome, Stats};
use super::passed::Passed;
use super::report::coverage;
use crate::change::{self, Change};
use crate::denial::{self, Denial, Given};
use crate::io::clock::{self, Stopwatch};
use crate::io::sources::files::{self, Limits};
use crate::io::stores::{Filter, Ledger, LedgerError, Place, Run, Touched};
use crate::record::{self, Problem, Record};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Denials that go into the ledger in one transaction.
const BATCH: usize = 2_000;

/// What a scan gives back beside the findings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Every denial too.
    pub denials: bool,
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
    let mut scan = Scan::new(ledger, world, options);
    let (tally, problems) = files::each(sources, Limits::default(), |name, bytes| {
        scan.read(bytes, name);
        progress(&scan.stats);
    });
    scan.problems.extend(problems);
    (scan.stats.files, scan.stats.bytes_read, scan.stats.bytes) = (tally.files, tally.bytes_read, tally.bytes);
    let names: Vec<String> = sources.iter().map(|path| path.display().to_string()).collect();
    scan.finish(&names.join(" "))
}

/// What a scan gathers on its way.
pub struct Scan<'a> {
    ledger: &'a mut dyn Ledger,
    world: &'a World,
    batch: Vec<Denial>,
    passed: Passed,
    changes: Vec<Change>,
    touched: Touched,
    denials: Option<Vec<Denial>>,
    places: BTreeMap<(Option<String>, Option<String>), Place>,
    failed: Option<LedgerError>,
    watch: Stopwatch,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// What was read so far.
    pub stats: Stats,
}

impl<'a> Scan<'a> {
    /// Begins a scan into this ledger.
    pub fn new(ledger: &'a mut dyn Ledger, world: &'a World, options: Options) -> Self {
        Self {
            ledger,
            world,
            batch: Vec::new(),
            passed: Passed::default(),
            changes: Vec::new(),
            touched: Touched::default(),
            denials: options.denials.then(Vec::new),
            places: BTreeMap::new(),
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
        self.stats.records += 1;
        self.note_place(&record);
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

    fn note_place(&mut self, record: &Record) {
        let key = (record.recipient_account.clone(), record.region.clone());
        let fresh = || Place { account: key.0.clone(), region: key.1.clone(), first: None, last: None, records: 0 };
        let place = self.places.entry(key.clone()).or_insert_with(fresh);
        place.first = [place.first, record.event_time].into_iter().flatten().min();
        place.last = place.last.max(record.event_time);
        place.records += 1;
    }

    fn flush(&mut self) {
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
    }

    fn flush_changes(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        let noted = self.ledger.note_changes(&changes, clock::now());
        self.failed = self.failed.take().or(noted.err());
    }

    /// Adds allowed calls to what was denied, now or in a scan before.
    fn note_passed(&mut self) {
        if self.failed.is_some() {
            return;
        }
        let noted = self.ledger.findings(&Filter::default()).and_then(|all| {
            let places: Vec<Place> = self.places.values().cloned().collect();
            let observed = self.passed.observed(&all, &places, self.world.catalog);
            observed.iter().for_each(|one| self.touched.add(one));
            self.ledger.record(observed, clock::now())
        });
        self.failed = noted.err();
    }

    /// Writes the rest, notes what was read, and advises. `input` names the sources: reading them again replaces the note.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub fn finish(mut self, input: &str) -> Result<Outcome, LedgerError> {
        self.flush();
        self.flush_changes();
        self.note_passed();
        if let Some(fault) = self.failed {
            return Err(fault);
        }
        self.stats.unreadable = self.problems.len() as u64;
        let run = Run {
            input: input.to_owned(),
            at: clock::now(),
            files: self.stats.files,
            bytes: self.stats.bytes,
            records: self.stats.records,
            denied: self.stats.denied,
            unreadable: self.stats.unreadable,
            places: self.places.into_values().collect(),
        };
        self.ledger.note_run(&run)?;
        let (advice, problems) = advise_on(&self.touched, self.ledger, self.world)?;
        self.problems.extend(problems);
        self.stats.seconds = self.watch.seconds();
        let outcome = Outcome::new(self.denials, advice, self.problems, self.stats);
        Ok(Outcome { coverage: coverage(&run.coverage()), ..outcome })
    }
}
