//! What a scan adds to findings after it has read: allowed calls and changes, of a second look or of a full reading.

use super::around::{Around, Seen};
use super::looking::Looking;
use super::scan::Scan;
use crate::finding::{Finding, Observed};
use crate::io::clock;
use crate::io::stores::{Ledger, LedgerError, Run};

/// Findings that are held at a time.
const PAGE: usize = 64;

/// Hands over every finding of the ledger, a few at a time.
fn for_each_finding(ledger: &dyn Ledger, mut each: impl FnMut(Finding)) -> Result<(), LedgerError> {
    let mut after = None;
    loop {
        let page = ledger.page(after.as_deref(), PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id.clone());
        page.into_iter().for_each(&mut each);
    }
}

/// Where the ledger keeps whether a second look at these sources is owed.
fn debt(input: &str) -> String {
    format!("second look at {input}")
}

impl Scan<'_> {
    /// Looks a second time around what it finds, unless that is not wanted: [`Scan::look_around`]. `owes`: where the scan is
    /// ended before that, a later one makes up for it.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub(super) fn look_twice(&mut self, owes: bool) -> Result<(), LedgerError> {
        self.looks_twice = !self.options.one_look;
        // One look alone leaves it owed, too.
        self.owes = owes;
        if self.owes {
            self.is_owed = self.ledger.state(&debt(&self.input))?.is_some_and(|state| !state.is_empty());
            self.is_owing = self.is_owed;
        }
        Ok(())
    }

    /// Adds allowed calls to what was denied, now or in a scan before.
    pub(super) fn note_passed(&mut self) {
        if self.failed.is_some() || self.passed.is_empty() {
            return;
        }
        let (places, passed, catalog) = (self.places.list(), std::mem::take(&mut self.passed), self.world.catalog);
        self.failed = self.note_each_page(|_, page| passed.observed(page, &places, catalog)).err();
    }

    /// Adds to all findings, a few at a time.
    fn note_each_page(&mut self, add: impl Fn(&Self, &[Finding]) -> Vec<Observed>) -> Result<(), LedgerError> {
        let mut after = None;
        loop {
            let page = self.ledger.page(after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id.clone());
            let observed = add(self, &page);
            observed.iter().for_each(|one| self.touched.add(one));
            self.ledger.record(observed, clock::now())?;
        }
    }

    /// A second look at the objects, around what was found: `look` reads those that [`Looking`] does not skip.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub fn look_around(&mut self, look: impl FnOnce(&mut Looking<'_>)) -> Result<(), LedgerError> {
        self.flush();
        if self.failed.is_some() || self.fresh.is_empty() && !self.is_owed {
            return Ok(());
        }
        let mut around = Around::new();
        for_each_finding(self.ledger, |finding| {
            around.add(&finding, self.is_touched(&finding), self.world.catalog);
        })?;
        if !around.is_empty() {
            self.named.sort();
            let (fresh, named, stop) = (&self.fresh, &self.named, self.options.stop);
            let (seen, changes) = (Seen::default(), Vec::new());
            let mut looking =
                Looking { around: &around, fresh, named, seen, changes, ledger: self.ledger, failed: None, stop };
            look(&mut looking);
            looking.note_changes();
            let Looking { seen, failed, .. } = looking;
            failed.map_or(Ok(()), Err)?;
            if self.is_stopped() {
                // What was not looked at to its end tells nothing of what is not there.
                return Ok(());
            }
            self.note_seen(&seen, &around)?;
        }
        if self.is_owing { self.note_debt(false) } else { Ok(()) }
    }

    /// Adds what a second look has seen to the findings.
    fn note_seen(&mut self, seen: &Seen, around: &Around) -> Result<(), LedgerError> {
        // Around what was denied now all that was ever read was looked at; around older findings, what is new.
        let here = self.ledger.noted_run(&self.input)?.map(|run| run.places).unwrap_or_default();
        let new = self.fresh_places.list();
        self.note_each_page(|scan, page| {
            let places = |finding: &Finding| if scan.is_touched(finding) { &here } else { &new };
            page.iter().filter_map(|one| one.sighted(seen.sightings(one, places(one), around))).collect()
        })
    }

    /// Whoever owes a look at what was read before does not know any more around which findings.
    fn is_touched(&self, finding: &Finding) -> bool {
        self.is_owed || self.touched.ids.contains(&finding.id)
    }

    /// Keeps in mind, also for later scans, whether a second look is owed at what is noted as read.
    pub(super) fn note_debt(&mut self, is_owed: bool) -> Result<(), LedgerError> {
        self.is_owing = is_owed;
        self.ledger.put_state(&debt(&self.input), if is_owed { "owed" } else { "" })
    }

    /// What was read before has its findings, too: those of the accounts and times that were covered under this name, or,
    /// where the files were read under another name, all.
    pub(super) fn touch_known(&mut self, run: Option<&Run>) -> Result<(), LedgerError> {
        let is_of = |finding: &Finding, run: &Run| {
            let (first, last) = finding.seen();
            run.places.iter().any(|place| {
                let is_there = place.account.is_none() || place.account == finding.account;
                is_there && place.first <= last && (place.last.is_none() || first <= place.last)
            })
        };
        let touched = &mut self.touched;
        for_each_finding(self.ledger, |finding| {
            if run.is_none_or(|run| is_of(&finding, run)) {
                touched.add_finding(&finding);
            }
        })
    }
}
