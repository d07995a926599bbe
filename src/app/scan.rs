//! A folder of logs → ledger → ranked findings.

use super::World;
use super::ingest::advise_on;
use super::outcome::{Outcome, Stats};
use crate::denial::{self, Denial, Given};
use crate::diagnosis::diagnose;
use crate::finding::{Observed, observe};
use crate::io::clock::Stopwatch;
use crate::io::sources::files;
use crate::io::stores::{Ledger, LedgerError};
use crate::record::{self, Problem, Record};
use std::collections::BTreeSet;
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
    let watch = Stopwatch::start();
    let mut scan = Scan::new(ledger, world, options);
    let mut problems = Vec::new();
    let found = files::each(sources, &mut |file| {
        scan.stats.files += 1;
        scan.stats.bytes_read += file.bytes_read;
        scan.stats.bytes += file.bytes.len() as u64;
        scan.read(&file.bytes, &file.name, &mut problems);
        progress(&scan.stats);
        scan.failed.is_none()
    });
    problems.extend(found);
    scan.finish(problems, &watch)
}

/// What a scan gathers on its way.
pub struct Scan<'a> {
    ledger: &'a mut dyn Ledger,
    world: &'a World,
    batch: Vec<Observed>,
    touched: BTreeSet<String>,
    denials: Option<Vec<Denial>>,
    /// What was read so far.
    pub stats: Stats,
    failed: Option<LedgerError>,
}

impl<'a> Scan<'a> {
    /// Begins a scan into this ledger.
    pub fn new(ledger: &'a mut dyn Ledger, world: &'a World, options: Options) -> Self {
        let denials = options.denials.then(Vec::new);
        let stats = Stats::default();
        Self { ledger, world, batch: Vec::new(), touched: BTreeSet::new(), denials, stats, failed: None }
    }

    /// Reads one input of any CloudTrail shape.
    pub fn read(&mut self, bytes: &[u8], name: &str, problems: &mut Vec<Problem>) {
        record::for_each(bytes, name, &mut |record| self.take(&record), &mut |problem| problems.push(problem));
    }

    fn take(&mut self, record: &Record) {
        self.stats.records += 1;
        let Some(denial) = denial::from_record(record, &Given::default(), self.world.catalog) else { return };
        self.stats.denied += 1;
        let diagnosed = diagnose(&denial);
        if let Some(denials) = &mut self.denials {
            denials.push(denial.clone());
        }
        let observed = observe(denial, diagnosed);
        self.touched.insert(observed.finding.id.clone());
        self.batch.push(observed);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    fn flush(&mut self) {
        match self.ledger.record(std::mem::take(&mut self.batch)) {
            Ok(recorded) => self.stats.duplicates += recorded.duplicate,
            Err(fault) => self.failed = self.failed.take().or(Some(fault)),
        }
    }

    /// Writes the rest, and advises.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub fn finish(mut self, problems: Vec<Problem>, watch: &Stopwatch) -> Result<Outcome, LedgerError> {
        self.flush();
        if let Some(fault) = self.failed {
            return Err(fault);
        }
        let advice = advise_on(&self.touched, self.ledger, self.world)?;
        self.stats.unreadable = problems.len() as u64;
        self.stats.seconds = watch.seconds();
        Ok(Outcome::new(self.denials, advice, problems, self.stats))
    }
}
