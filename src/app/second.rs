//! What a scan adds to findings after it has read: allowed calls and changes, of a second look or of a full reading.

use super::around::{Around, Sum};
use super::debt::Debt;
use super::looking::{self, Looking, Told};
use super::places::Places;
use super::problems::{Met, Problems};
use super::scan::Scan;
use crate::finding::{Finding, Observed};
use crate::io::clock;
use crate::io::sources::archive::Selection;
use crate::io::stores::{Ledger, LedgerError};
use jiff::Timestamp;

/// Findings that are held at a time.
const PAGE: usize = 64;
/// Bytes of what is sought at a time, about: some fifty thousand findings. Where there are more, the sources are looked at
/// once for every so many.
pub(super) const SOUGHT: usize = 12 << 20;

/// A second look in parts, each around some of the findings; mostly it is one.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The findings of the part under way: those behind the first id, up to the second.
    behind: Option<String>,
    last: Option<String>,
    /// A part was begun with.
    is_begun: bool,
    /// No more parts come.
    is_over: bool,
    /// Inputs that could not be read before the first, and problems that were told since.
    told: Met,
    met: Met,
    /// As in [`Looking`], of all parts.
    is_partial: bool,
    left: Option<Selection>,
}

impl Parts {
    fn add(&mut self, is_partial: bool, left: Option<Selection>) {
        if is_partial {
            self.left = match (self.is_partial, self.left.take()) {
                (false, _) => left,
                (true, before) => before.zip(left).map(|(before, left)| before.and(&left)),
            };
            self.is_partial = true;
        }
    }
}

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
        let (passed, catalog) = (std::mem::take(&mut self.passed), self.world.catalog);
        self.failed = self.note_each_page(|scan, page| Ok(passed.observed(page, &scan.places, catalog))).err();
    }

    /// Adds to all findings, a few at a time.
    pub(super) fn note_each_page(
        &mut self,
        add: impl FnMut(&Self, &[Finding]) -> Result<Vec<Observed>, LedgerError>,
    ) -> Result<(), LedgerError> {
        self.note_pages(None, None, add)
    }

    /// Adds to the findings behind one up to another, or to all.
    fn note_pages(
        &mut self,
        behind: Option<&str>,
        last: Option<&str>,
        mut add: impl FnMut(&Self, &[Finding]) -> Result<Vec<Observed>, LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut after = behind.map(str::to_owned);
        let mut is_over = false;
        loop {
            let page = self.ledger.page(after.as_deref(), PAGE)?;
            let Some(end) = page.last().filter(|_| !is_over) else { return Ok(()) };
            after = Some(end.id.clone());
            is_over = page.iter().any(|one| last == Some(&*one.id));
            let observed = add(self, &page)?;
            observed.iter().for_each(|one| self.touched.add(one));
            self.ledger.record(observed, clock::now())?;
        }
    }

    /// A second look at the objects, around what was found: `look` reads those that [`Looking`] does not skip. Where very much
    /// was found it is called several times, each time around some of it.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub fn look_around(&mut self, mut look: impl FnMut(&mut Looking<'_>)) -> Result<(), LedgerError> {
        let mut parts = Parts::default();
        while let Some(around) = self.around(&mut parts)? {
            let mut looking = self.looking(&around, &mut parts);
            look(&mut looking);
            let looked = looking.end();
            self.note_looked(looked, &around, &mut parts)?;
        }
        Ok(())
    }

    /// What to look around next; `None` where there is nothing to look around, or nothing more, or nothing to look at.
    pub(super) fn around(&mut self, parts: &mut Parts) -> Result<Option<Around>, LedgerError> {
        if !parts.is_begun {
            self.flush();
            (parts.is_begun, parts.told) = (true, self.problems.inputs());
            if self.fresh.is_empty() && !self.is_owed() && self.failed.is_none() {
                // What came by a pipe was read in full.
                parts.is_over = true;
                self.settle()?;
            }
        }
        if parts.is_over || self.failed.is_some() {
            return Ok(None);
        }
        let around = self.next_around(parts)?;
        if around.is_empty() {
            // Or no more: findings may have gone meanwhile, what a part could not read has not.
            parts.is_over = true;
            self.settle_parts(parts)?;
            return Ok(None);
        }
        self.named.sort();
        Ok(Some(around))
    }

    fn next_around(&self, parts: &mut Parts) -> Result<Around, LedgerError> {
        let mut around = Around::new();
        parts.behind.clone_from(&parts.last);
        // Whole pages: a ledger that knows no pages tells all findings in its first one.
        while around.bytes() <= self.sought_at_once {
            let page = self.ledger.page(parts.last.as_deref(), PAGE)?;
            for finding in &page {
                around.add(finding, self.is_touched(finding), self.world.catalog);
            }
            let Some(last) = page.last() else { break };
            parts.last = Some(last.id.clone());
        }
        parts.is_over = self.ledger.page(parts.last.as_deref(), 1)?.is_empty();
        Ok(around)
    }

    /// A second look that begins.
    pub(super) fn looking<'s>(&'s mut self, around: &'s Around, parts: &'s mut Parts) -> Looking<'s> {
        let (input, fresh, named, stop) = (self.input.as_str(), &self.fresh, &self.named, self.options.stop);
        let (seen, changes, problems) = (Sum::default(), Vec::new(), Problems::default());
        // Each part meets the same files.
        let (told, met) = (&parts.told, std::mem::take(&mut parts.met));
        let (is_owed, is_partial) = (self.is_owed(), false);
        let (ledger, failed) = (&mut *self.ledger, None);
        Looking {
            input,
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
            met,
            problems,
        }
    }

    /// Notes what a second look has seen, or a part of it. What could not be read stays owed.
    pub(super) fn note_looked(&mut self, looked: Told, around: &Around, parts: &mut Parts) -> Result<(), LedgerError> {
        let Told { seen, failed, is_partial, left, problems, met } = looked;
        self.problems.merge(problems);
        parts.met = met;
        failed.map_or(Ok(()), Err)?;
        if self.is_stopped() {
            // What was not looked at to its end tells nothing of what is not there.
            parts.is_over = true;
            return Ok(());
        }
        parts.add(is_partial, left);
        self.note_seen(&seen, around, is_partial, parts)?;
        if parts.is_over { self.settle_parts(parts) } else { Ok(()) }
    }

    /// Pays what is owed, but for what could not be read.
    fn settle_parts(&mut self, parts: &mut Parts) -> Result<(), LedgerError> {
        match parts.left.take().filter(|_| parts.is_partial) {
            Some(left) => self.debt.as_mut().map_or(Ok(()), |debt| debt.narrow(self.ledger, left)),
            None if parts.is_partial => Ok(()),
            None => self.settle(),
        }
    }

    fn settle(&mut self) -> Result<(), LedgerError> {
        self.debt.as_mut().map_or(Ok(()), |debt| debt.pay(self.ledger))
    }

    /// Adds what a second look has seen to the findings.
    fn note_seen(
        &mut self,
        seen: &Sum,
        around: &Around,
        is_partial: bool,
        parts: &mut Parts,
    ) -> Result<(), LedgerError> {
        // Around what was denied now all that was ever read was looked at; around older findings, what is new.
        let (mut here, nowhere) = (Places::default(), Places::default());
        if !is_partial {
            self.ledger.noted_run_telling(&self.input, &mut |place| here.add_place(&place))?;
        }
        let mut lost = None;
        self.note_pages(parts.behind.as_deref(), parts.last.as_deref(), |scan, page| {
            let sighted = |finding: &Finding| {
                let places = match scan.is_touched(finding) {
                    // Nobody knows then how far every call was looked at.
                    _ if is_partial => &nowhere,
                    true => &here,
                    false => &scan.fresh_places,
                };
                let sightings = seen.sightings(finding, places, around);
                finding.sighted(sightings.map_err(|fault| lost = Some(fault)).ok()?)
            };
            Ok(page.iter().filter_map(sighted).collect())
        })?;
        if let Some(fault) = lost {
            self.problems.extend(Some(looking::lost(&self.input, &fault)).filter(|lost| parts.met.is_new(lost)));
            parts.add(true, None);
        }
        Ok(())
    }

    /// Whoever owes a look at what was read before does not know any more around which findings.
    fn is_touched(&self, finding: &Finding) -> bool {
        self.is_owed() || self.touched.ids.contains(&finding.id)
    }

    /// What was read before has its findings, too: those that `is_of` it takes.
    pub(super) fn touch_known(&mut self, is_of: impl Fn(&Finding) -> bool) -> Result<(), LedgerError> {
        let touched = &mut self.touched;
        for_each_finding(self.ledger, |finding| {
            if is_of(&finding) {
                touched.add_finding(&finding);
            }
        })
    }
}

/// Whether a finding's denials fall into such times.
pub(super) fn is_within(finding: &Finding, first: Option<Timestamp>, last: Option<Timestamp>) -> bool {
    let (seen, until) = finding.seen();
    first <= until && (last.is_none() || seen <= last)
}
