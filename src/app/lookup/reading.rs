//! What of a Region's Event history is read, and how far it has come.

use super::{Covered, Page, Scan};
use crate::app::second::is_within;
use crate::finding::Finding;
use crate::io::clock;
use crate::io::sources::history_reach::{self, Known, Span};
use crate::io::stores::{Ledger, LedgerError, Place, Run};
use crate::record::Problem;
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeMap;

/// What an earlier run read of the time that is asked for; `None` where it read nothing of it.
pub(super) fn known_before(input: &str, places: &BTreeMap<String, Reading>) -> Option<Run> {
    let places: Vec<Place> = places.values().flat_map(|reading| reading.before.clone()).collect();
    (!places.is_empty()).then(|| Run { places, ..Run::begin(input, clock::now()) })
}

/// Whether a finding was met by what a run read.
pub(super) fn is_of(finding: &Finding, run: &Run) -> bool {
    run.places.iter().any(|place| {
        let is_there = place.account.is_none() || place.account == finding.account;
        is_there && is_within(finding, place.first, place.last)
    })
}

/// What is known of the time that is asked for once this run has read: what an earlier one noted, and what was met now.
pub(super) fn read_of(
    scan: &Scan<'_>,
    known: Option<Run>,
    places: &BTreeMap<String, Reading>,
    (since, until): Span,
) -> Run {
    let before = known.map_or(0, |run| run.places.iter().map(|place| place.records).sum());
    let is_asked = |place: &&Place| place.first < Some(until) && place.last > Some(since);
    // A Region in which nothing happened was read as well.
    let noted = places.values().flat_map(|reading| reading.known.run().places.iter().filter(is_asked).cloned());
    Run {
        records: before + scan.stats.records,
        denied: scan.stats.denied,
        unreadable: scan.problems.count(),
        places: noted.chain(scan.places.list()).collect(),
        ..Run::begin(&scan.input, clock::now())
    }
}

/// Where and when all of Event history was read, now or before: what was met now, and what was read without a gap beside it.
pub(super) fn covered(mut met: Vec<Place>, account: &str, places: &BTreeMap<String, Reading>) -> Vec<Place> {
    for (region, reading) in places {
        let spans = &reading.known.run().places;
        let is_here = |place: &&mut Place| {
            place.account.as_deref() == Some(account) && place.region.as_deref() == Some(region.as_str())
        };
        match met.iter_mut().find(is_here) {
            Some(own) => {
                for span in spans {
                    if span.first <= own.last && span.last >= own.first {
                        own.add(span.first, span.last, 0);
                    }
                }
            }
            None => met.extend(spans.iter().max_by_key(|span| span.last).cloned()),
        }
    }
    met
}

/// What of a Region's Event history is read, and how far it has come.
pub(super) struct Reading {
    pub(super) account: Option<String>,
    pub(super) known: Known,
    /// What of the time that is asked for was known.
    pub(super) before: Vec<Place>,
    pub(super) gaps: Vec<Span>,
    /// Seconds of gaps that were read to their end; the gap under way, and where it was read down to.
    pub(super) read: i64,
    pub(super) under_way: Option<(Timestamp, Span)>,
    pub(super) is_over: bool,
    /// The gap that is being read: its end, and what of it was taken in since the last note.
    pub(super) open: Option<Span>,
    pub(super) fresh: (u64, u64),
    pub(super) reached: Option<Timestamp>,
    /// Something of the gap could not be read: nothing older of it is noted, so that the next run asks again.
    pub(super) is_stuck: bool,
    /// Events without a record, and events whose record cannot be read.
    pub(super) unread: (u64, u64),
    pub(super) problem: Option<Problem>,
}

impl Reading {
    pub(super) fn plan(
        ledger: &dyn Ledger,
        account: Option<&str>,
        region: &str,
        span: Span,
        again: bool,
    ) -> Result<Self, LedgerError> {
        let name = account.unwrap_or("an unknown account");
        let noted = if account.is_some() { ledger.noted_run(&Known::name(name, region))? } else { None };
        let known = Known::of(noted, name, region, clock::now());
        let gaps = if again { vec![span] } else { known.gaps(span) };
        let is_asked = |place: &&Place| place.first < Some(span.1) && place.last > Some(span.0);
        let before = known.run().places.iter().filter(is_asked).filter(|_| !again).cloned().collect();
        let (open, fresh, reached, problem) = (None, (0, 0), None, None);
        let (account, is_over) = (account.map(str::to_owned), gaps.is_empty());
        let (read, under_way, is_stuck, unread) = (0, None, false, (0, 0));
        Ok(Self {
            account,
            known,
            before,
            gaps,
            read,
            under_way,
            is_over,
            open,
            fresh,
            reached,
            is_stuck,
            unread,
            problem,
        })
    }

    /// How far it has come, for who watches.
    pub(super) fn covered(&self, region: &str) -> Covered {
        let asked = self.gaps.iter().map(|gap| length(*gap)).sum();
        let covered = self.read + self.under_way.map_or(0, |(reached, gap)| length((reached, gap.1)));
        Covered { region: region.to_owned(), asked, covered, is_over: self.is_over }
    }

    /// Whether all that was asked for was read, and could be.
    pub(super) fn is_finished(&self) -> bool {
        self.is_over && self.problem.is_none() && self.unread == (0, 0)
    }

    /// What AWS listed and nobody could read.
    pub(super) fn unread(&self, region: &str) -> Vec<Problem> {
        let (without, broken) = self.unread;
        let told = |count: u64, what: &str| {
            let error = format!("{what}: {count}; the next run asks for that time again");
            (count > 0).then(|| Problem { input: format!("Event history of {region}"), error })
        };
        let without = told(without, "events that AWS listed without their record");
        without.into_iter().chain(told(broken, "events whose record cannot be read")).collect()
    }

    /// Notes what was read of the open gap, once its denials are in the ledger.
    pub(super) fn note(&mut self, region: &str, scan: &mut Scan<'_>) -> Result<(), LedgerError> {
        let (Some(account), Some((from, end)), Some(reached)) = (&self.account, self.open, self.reached.take()) else {
            return Ok(());
        };
        // A call that was allowed is kept before the time in which it was is noted as read.
        scan.remember(account)?;
        let now = clock::now();
        // The latest events may still be on their way.
        let sure = now.checked_sub((history_reach::LATE_HOURS).hours()).unwrap_or(now).min(end);
        let (records, denied) = std::mem::take(&mut self.fresh);
        self.known.add((account, region), (reached, sure), records, denied, now);
        self.open = Some((from, reached.min(end)));
        scan.note_listed(self.known.run())
    }
}

impl Reading {
    /// The gap under way was read to its end.
    pub(super) fn gap_is_read(&mut self) {
        self.read += self.under_way.take().map_or(0, |(_, gap)| length(gap));
        self.is_over = self.read >= self.gaps.iter().map(|gap| length(*gap)).sum();
    }

    pub(super) fn page(&mut self, region: &str, page: &Page, scan: &mut Scan<'_>) {
        let name = format!("Event history of {region}");
        if let (Some((at, gap)), Some(reached)) = (&mut self.under_way, page.reached) {
            *at = reached.clamp(gap.0, *at);
        }
        let mut new = (0, 0);
        self.unread.0 += page.without_record;
        self.is_stuck |= page.without_record > 0;
        for event in &page.events {
            let before = scan.stats;
            let mut unread = scan.read_telling(event.record.as_bytes(), &name);
            // What is read again was counted.
            if event.at.is_none_or(|at| !self.known.holds(at)) {
                new.0 += scan.stats.records - before.records;
                new.1 += scan.stats.denied - before.denied;
            }
            scan.stats.bytes += event.record.len() as u64;
            if !unread.is_empty() {
                // The first is told as it is.
                unread.truncate(usize::from(self.unread.1 == 0));
                scan.problems.inside(unread);
                self.unread.1 += 1;
                self.is_stuck = true;
            }
        }
        let sure = clock::now().checked_sub((history_reach::LATE_HOURS).hours()).ok();
        // What will be read again is counted then.
        if page.events.iter().all(|event| event.at < sure) {
            self.fresh.0 += new.0;
            self.fresh.1 += new.1;
        }
        if self.is_stuck {
            return;
        }
        // Of the second that the page ends in there may be more.
        self.reached = page.reached.and_then(|at| at.checked_add(1.second()).ok()).or(self.reached);
    }
}

/// Seconds.
fn length((from, to): Span) -> i64 {
    (to.as_second() - from.as_second()).max(0)
}
