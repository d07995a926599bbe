//! What a scan adds to findings after it has read: allowed calls and changes, of a second look or of a full reading.

use super::around::{Around, Seen};
use super::debt::Debt;
use super::looking::{Looking, Told};
use super::scan::Scan;
use crate::finding::{Finding, Observed};
use crate::io::clock;
use crate::io::sources::archive::Selection;
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

impl Scan<'_> {
    /// Looks a second time around what it finds, unless that is not wanted: [`Scan::look_around`]. Where the scan is ended
    /// before that, a later one makes up for it: `part` is the part of the sources that is owed then.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub(super) fn look_twice(&mut self, part: &Selection) -> Result<(), LedgerError> {
        self.looks_twice = !self.options.one_look;
        // One look alone leaves it owed, too.
        self.debt = Some(Debt::read(self.ledger, &self.input, part)?);
        Ok(())
    }

    /// The part of the sources that a second look takes in: what is wanted, and what was left to it by earlier scans.
    pub(super) fn owed_part(&self, wanted: &Selection) -> Selection {
        let owed = self.debt.as_ref().and_then(|debt| debt.inherited.as_ref());
        owed.map_or_else(|| wanted.clone(), |owed| owed.and(wanted))
    }

    /// Whether an earlier scan was ended before its second look was.
    pub(super) fn is_owed(&self) -> bool {
        self.debt.as_ref().is_some_and(|debt| debt.inherited.is_some())
    }

    /// Adds allowed calls to what was denied, now or in a scan before.
    pub(super) fn note_passed(&mut self) {
        if self.failed.is_some() || self.passed.is_empty() {
            return;
        }
        let (places, passed, catalog) = (self.places.list(), std::mem::take(&mut self.passed), self.world.catalog);
        self.failed = self.note_each_page(|_, page| Ok(passed.observed(page, &places, catalog))).err();
    }

    /// Adds to all findings, a few at a time.
    pub(super) fn note_each_page(
        &mut self,
        add: impl Fn(&Self, &[Finding]) -> Result<Vec<Observed>, LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut after = None;
        loop {
            let page = self.ledger.page(after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id.clone());
            let observed = add(self, &page)?;
            observed.iter().for_each(|one| self.touched.add(one));
            self.ledger.record(observed, clock::now())?;
        }
    }

    /// A second look at the objects, around what was found: `look` reads those that [`Looking`] does not skip.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub fn look_around(&mut self, look: impl FnOnce(&mut Looking<'_>)) -> Result<(), LedgerError> {
        let Some(around) = self.around()? else { return Ok(()) };
        let mut looking = self.looking(&around);
        look(&mut looking);
        let looked = looking.end();
        self.note_looked(looked, &around)
    }

    /// What to look around; `None` where there is nothing to look around or nothing to look at.
    pub(super) fn around(&mut self) -> Result<Option<Around>, LedgerError> {
        self.flush();
        if self.failed.is_some() {
            return Ok(None);
        }
        if self.fresh.is_empty() && !self.is_owed() {
            // What came by a pipe was read in full.
            self.settle()?;
            return Ok(None);
        }
        let mut around = Around::new();
        for_each_finding(self.ledger, |finding| {
            around.add(&finding, self.is_touched(&finding), self.world.catalog);
        })?;
        if around.is_empty() {
            self.settle()?;
            return Ok(None);
        }
        self.named.sort();
        Ok(Some(around))
    }

    /// A second look that begins.
    pub(super) fn looking<'s>(&'s mut self, around: &'s Around) -> Looking<'s> {
        let (fresh, named, stop) = (&self.fresh, &self.named, self.options.stop);
        let (seen, changes, problems) = (Seen::default(), Vec::new(), Vec::new());
        let told = self.problems.iter().map(|problem| problem.input.as_str()).collect();
        let (is_owed, is_partial) = (self.is_owed(), false);
        let (ledger, failed) = (&mut *self.ledger, None);
        Looking {
            around,
            fresh,
            named,
            seen,
            changes,
            ledger,
            failed,
            stop,
            is_partial,
            left: None,
            is_owed,
            told,
            problems,
        }
    }

    /// Notes what a second look has seen. What could not be read stays owed.
    pub(super) fn note_looked(&mut self, looked: Told, around: &Around) -> Result<(), LedgerError> {
        let Told { seen, failed, is_partial, left, problems } = looked;
        self.problems.extend(problems);
        failed.map_or(Ok(()), Err)?;
        if self.is_stopped() {
            // What was not looked at to its end tells nothing of what is not there.
            return Ok(());
        }
        self.note_seen(&seen, around, is_partial)?;
        match left.filter(|_| is_partial) {
            Some(left) => self.debt.as_mut().map_or(Ok(()), |debt| debt.narrow(self.ledger, left)),
            None if is_partial => Ok(()),
            None => self.settle(),
        }
    }

    fn settle(&mut self) -> Result<(), LedgerError> {
        self.debt.as_mut().map_or(Ok(()), |debt| debt.pay(self.ledger))
    }

    /// Adds what a second look has seen to the findings.
    fn note_seen(&mut self, seen: &Seen, around: &Around, is_partial: bool) -> Result<(), LedgerError> {
        // Around what was denied now all that was ever read was looked at; around older findings, what is new.
        let mut here = self.ledger.noted_run(&self.input)?.map(|run| run.places).unwrap_or_default();
        let mut new = self.fresh_places.list();
        if is_partial {
            // Nobody knows then how far every call was looked at.
            (here, new) = (Vec::new(), Vec::new());
        }
        self.note_each_page(|scan, page| {
            let places = |finding: &Finding| if scan.is_touched(finding) { &here } else { &new };
            Ok(page.iter().filter_map(|one| one.sighted(seen.sightings(one, places(one), around))).collect())
        })
    }

    /// Whoever owes a look at what was read before does not know any more around which findings.
    fn is_touched(&self, finding: &Finding) -> bool {
        self.is_owed() || self.touched.ids.contains(&finding.id)
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
