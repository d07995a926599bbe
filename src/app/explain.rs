//! One pasted error, event or log → who, what, why, where, and the patch.

use super::World;
use super::outcome::{Outcome, Stats};
use super::passed::Passed;
use super::places::Places;
use crate::change::{self, Changes};
use crate::denial::{self, Decoded, Denial, Given};
use crate::diagnosis::diagnose;
use crate::finding::{fold, observe};
use crate::record::{self, Problem, Record};

/// Bytes beyond which words are not searched where JSON did not tell.
const LONGEST: usize = 16 << 20;

/// Explains whatever was pasted: CloudTrail JSON in any of its shapes, else text.
pub fn explain(input: &[u8], name: &str, given: &Given, world: &World) -> Outcome {
    let mut read = read(input, name, given, world);
    world.sharpen(&mut read.denials);
    let observed = read.denials.iter().map(|denial| observe(denial.clone(), diagnose(denial)));
    let mut findings = fold(observed);
    for seen in read.passed.observed(&findings, &Places::default(), world.catalog) {
        findings
            .iter_mut()
            .filter(|finding| finding.id == seen.finding.id)
            .for_each(|finding| finding.merge(seen.finding.clone()));
    }
    let (advice, problems) = world.advise(&findings, None, &read.changes);
    let unreadable = read.problems.len() as u64;
    read.problems.extend(problems);
    let stats = Stats {
        bytes: input.len() as u64,
        bytes_read: input.len() as u64,
        denied: read.denials.len() as u64,
        unreadable,
        records: read.records,
        ..Stats::default()
    };
    Outcome::new(Some(read.denials), advice, read.problems, stats)
}

/// The denials of whatever was pasted, as [`explain`] reads them.
pub fn denials(input: &[u8], name: &str, given: &Given, world: &World) -> Vec<Denial> {
    let mut read = read(input, name, given, world);
    world.sharpen(&mut read.denials);
    read.denials
}

/// What the function's rules would let through of whatever was pasted, and what of it could not be read.
#[derive(Debug, Default)]
pub struct Events {
    /// The denials, as [`explain`] reads them.
    pub denials: Vec<Denial>,
    /// The changes of policies.
    pub changes: Changes,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// See [`Events`].
pub fn events(input: &[u8], name: &str, given: &Given, world: &World) -> Events {
    let Read { denials, changes, problems, .. } = read(input, name, given, world);
    Events { denials, changes, problems }
}

#[derive(Default)]
struct Read {
    denials: Vec<Denial>,
    /// Calls that a log shows as allowed, and changes of policies.
    passed: Passed,
    changes: Changes,
    problems: Vec<Problem>,
    records: u64,
}

fn read(input: &[u8], name: &str, given: &Given, world: &World) -> Read {
    let text = String::from_utf8_lossy(input);
    let begun = text.trim_start_matches('\u{feff}').trim_start();
    if begun.starts_with(['{', '[']) || record::is_table(begun) {
        let (records, problems) = record::read(input, name);
        if records.iter().any(is_event) {
            let mut read = Read { problems, records: records.len() as u64, ..Read::default() };
            let given = &Given { codes: world.codes.clone(), ..given.clone() };
            records.iter().for_each(|record| read.take(record, given, world));
            return read;
        }
        // No error text is that long: the record is named, and its words are not searched.
        if input.len() > LONGEST && !problems.is_empty() {
            return Read { problems, records: records.len() as u64, ..Read::default() };
        }
        if let Some(denials) = decoded(&text, given, world) {
            return Read { denials, records: 1, ..Read::default() };
        }
    }
    let found = denial::text::find(&text);
    let denials: Vec<Denial> =
        found.iter().map(|excerpt| denial::from_excerpt(excerpt, given, world.catalog)).collect();
    Read { denials, ..Read::default() }
}

impl Read {
    fn take(&mut self, record: &Record, given: &Given, world: &World) {
        match denial::from_record(record, given, world.catalog) {
            Some(denial) => {
                self.passed.refuse(&denial);
                self.denials.push(denial);
            }
            None => {
                self.changes.extend(change::from_record(record));
                self.passed.take(record, world.catalog);
            }
        }
    }
}

/// What a decoded authorization message tells; `None` for other JSON.
fn decoded(text: &str, given: &Given, world: &World) -> Option<Vec<Denial>> {
    let json = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    match denial::from_decoded(&json, given, world.catalog) {
        Decoded::Denied(denial) => Some(vec![*denial]),
        Decoded::Allowed => Some(Vec::new()),
        Decoded::Other => None,
    }
}

/// Whether JSON that was pasted tells an event at all; other JSON is searched as text.
fn is_event(record: &record::Record) -> bool {
    record.event_name.is_some() || record.error_code.is_some() || record.event_id.is_some()
}
