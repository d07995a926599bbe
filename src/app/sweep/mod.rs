//! Open findings → were the denied calls allowed since? Asked of Event history, at AWS's pace, or of an archive; what
//! cannot be read now is read the next time, from where this run stopped.
//!
//! Only what was seen resolves. What neither source can hold is noted as looked for nowhere, so that people are told so.

mod open;
mod reach;
mod run;
mod tracks;

use super::World;
use super::ingest;
use crate::advice::Status;
use crate::change::Changes;
use crate::finding::{ItemKey, Observed, Source};
use crate::io::aws::signed::Signed;
use crate::io::sources::files::{self, Limits};
use crate::io::sources::history::{Attribute, History, own_account};
use crate::io::sources::pace::Pace;
use crate::io::stores::{Filter, Ledger, LedgerError};
use crate::record::{self, Problem, Record};
use crate::verify::observed::Watcher;
use jiff::{SignedDuration, Timestamp};
use open::Open;
use reach::Reach;
use run::Run;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;
use tracks::{read_tracks, write_tracks};

/// What the ledger keeps the tracks of a sweep under.
pub const TASK: &str = "sweep";
/// Event history reaches so far back.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Events come into Event history so late; what is younger is left to the next run.
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>.
const LAG: SignedDuration = SignedDuration::from_mins(15);
/// Pages of one query in one run, so that one busy operation does not keep the others waiting.
const PAGES: u64 = 120;

/// What a sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Findings with something to look for.
    pub findings: u64,
    /// Findings whose calls were seen allowed since the last denial, of all items.
    pub resolved: Vec<String>,
    /// Findings that somebody looked for long enough, in vain.
    pub quiet: Vec<String>,
    /// Findings of which no source holds the calls.
    pub unseen: Vec<String>,
    /// Pages of Event history, or files.
    pub pages: u64,
    /// Queries that go on in the next run.
    pub unfinished: u64,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// A query as the tracks know it.
type Key = (String, Attribute);
/// An item, by the place of its finding.
type Place<'f> = (usize, &'f ItemKey);

/// Asks Event history, within the limit, and keeps what was seen.
///
/// # Errors
/// The ledger could not be read or written. What AWS refuses is a problem of the outcome.
pub async fn sweep<P: Pace>(
    ledger: &mut dyn Ledger,
    world: &World,
    signed: &Signed,
    pace: &P,
    (now, limit): (Timestamp, Duration),
) -> Result<Swept, LedgerError> {
    let findings = ledger.findings(&Filter::default())?;
    let (advice, _) = world.advise(&findings, Some(&BTreeSet::new()), &Changes::new());
    let open = Open::of(&findings, &advice, now);
    let mut swept = Swept { findings: open.wanted().len() as u64, ..Swept::default() };
    if swept.findings == 0 {
        // Another sweep may have ended before it told what it saw.
        swept.tell(ledger, world)?;
        return Ok(swept);
    }
    let account = match own_account(signed).await {
        Ok(account) => account,
        Err(error) => {
            swept.problems.push(Problem { input: "Event history".to_owned(), error: error.to_string() });
            swept.tell(ledger, world)?;
            return Ok(swept);
        }
    };
    let mut run = Run::new(&open, world, &account, now, read_tracks(ledger)?);
    let mut history = History::new(signed, pace, limit);
    run.read(&mut history, &mut swept.problems).await;
    swept.pages = history.pages;
    swept.unfinished = run.tracks.values().filter(|track| track.going.is_some()).count() as u64;
    let observed = run.observed(&findings);
    let denials = std::mem::take(&mut run.denied);
    let tracks = std::mem::take(&mut run.tracks);
    keep(ledger, world, observed, &denials, now)?;
    // After what was seen: a run that ends between the two reads the same once more.
    ledger.put_state(TASK, &write_tracks(&tracks))?;
    swept.tell(ledger, world)?;
    Ok(swept)
}

/// Reads an archive for the same.
///
/// # Errors
/// The ledger could not be read or written.
pub fn sweep_archive(
    sources: &[PathBuf],
    ledger: &mut dyn Ledger,
    world: &World,
    now: Timestamp,
) -> Result<Swept, LedgerError> {
    let findings = ledger.findings(&Filter::default())?;
    let (advice, _) = world.advise(&findings, Some(&BTreeSet::new()), &Changes::new());
    let open = Open::of(&findings, &advice, now);
    let mut watchers = open.watchers(world, false);
    let (mut reach, mut denied) = (Reach::default(), Vec::new());
    let mut swept = Swept { findings: watchers.len() as u64, ..Swept::default() };
    let mut unread = Vec::new();
    let (tally, problems) = files::each(sources, Limits::default(), |name, bytes| {
        let each = |record: Record| {
            reach.add(&record);
            see(&mut watchers, &record, &mut denied, world);
        };
        record::for_each(bytes, name, each, |problem| unread.push(problem));
    });
    swept.pages = tally.files;
    swept.problems.extend(problems);
    swept.problems.append(&mut unread);
    let observed = watchers.into_iter().filter_map(|(at, watcher)| {
        let finding = &findings[at];
        let until = |key: &ItemKey| {
            let item = finding.items.get(key)?;
            reach.until(finding.account.as_deref(), item, open.since((at, key), Source::Log)?)
        };
        let mut seen = watcher.sightings(until);
        seen.looked.retain(|key, _| open.items.contains(&(at, key)));
        finding.sighted(seen)
    });
    let observed = observed.collect();
    keep(ledger, world, observed, &denied, now)?;
    swept.tell(ledger, world)?;
    Ok(swept)
}

/// Shows one record to whoever waits for it.
fn see(watchers: &mut BTreeMap<usize, Watcher<'_>>, record: &Record, denied: &mut Vec<Record>, world: &World) {
    let name = record.event_name.as_deref().unwrap_or_default();
    let mut is_wanted = false;
    for watcher in watchers.values_mut() {
        if watcher.names().iter().any(|known| name.starts_with(known.as_str())) {
            is_wanted = true;
            watcher.see(record);
        }
    }
    if is_wanted && record.error_code.is_some() && !ingest::denials([record], world).is_empty() {
        denied.push(record.clone());
    }
}

/// Allowed calls and denials alike: a denial that nobody told is counted now.
fn keep(
    ledger: &mut dyn Ledger,
    world: &World,
    mut observed: Vec<Observed>,
    denied: &[Record],
    now: Timestamp,
) -> Result<(), LedgerError> {
    let mut denials = ingest::denials(denied, world);
    world.sharpen(&mut denials);
    observed.extend(ingest::observed(denials));
    if observed.is_empty() { Ok(()) } else { ledger.record(observed, now).map(drop) }
}

impl Swept {
    /// How the findings stand now.
    fn tell(&mut self, ledger: &dyn Ledger, world: &World) -> Result<(), LedgerError> {
        let findings = ledger.findings(&Filter::default())?;
        let (advice, _) = world.advise(&findings, Some(&BTreeSet::new()), &Changes::new());
        for one in &advice {
            let is =
                |status: Status| one.denied.iter().all(|item| item.status == status || item.status == Status::Muted);
            let any = |status: Status| one.denied.iter().any(|item| item.status == status);
            match () {
                () if is(Status::Resolved) && any(Status::Resolved) => self.resolved.push(one.id.clone()),
                () if one.denied.iter().any(|item| item.unseen.is_some()) => self.unseen.push(one.id.clone()),
                () if !any(Status::Open) && any(Status::Quiet) => self.quiet.push(one.id.clone()),
                () => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
