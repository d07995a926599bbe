//! The end of a scan: what was read is noted, and advised on.

use super::Scan;
use crate::advice::Advice;
use crate::app::each::advise_each;
use crate::app::outcome::{Outcome, OutcomeKind};
use crate::app::places::Places;
use crate::app::problems::Problems;
use crate::app::report::coverage_of;
use crate::app::second::is_within;
use crate::io::stores::{LedgerError, Run};

impl Scan<'_> {
    /// Writes the rest, notes what was read, and advises.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub fn finish(self) -> Result<Outcome, LedgerError> {
        let mut all = Vec::new();
        let outcome = self.finish_each(&mut |advice| all.push(advice))?;
        Ok(outcome.holding(all))
    }

    /// The same, which hands findings over one by one: see [`crate::app::scan::scan_each`].
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub fn finish_each(mut self, each: &mut dyn FnMut(Advice)) -> Result<Outcome, LedgerError> {
        self.flush();
        self.flush_changes();
        self.note_passed();
        if let Some(fault) = self.failed {
            return Err(fault);
        }
        // What these were for is done, and of what follows there are as many.
        self.fresh_places = Places::default();
        if !self.are_noted {
            let run = self.note_run()?;
            let places = std::mem::take(&mut self.places);
            return self.outcome(Some(run), places, each);
        }
        // They add up over the scans of the same place.
        let mut places = Places::default();
        let run = self.ledger.noted_run_telling(&self.input, &mut |place| places.add_place(&place))?;
        if self.stats.known > 0 || self.tells_known {
            // Those of the accounts and times that were covered under this name, or, where the files were read under another name,
            // all.
            self.touch_known(|finding| {
                let is_within = |first, last| is_within(finding, first, last);
                run.is_none() || places.has(finding.account.as_deref(), is_within)
            })?;
        }
        self.outcome(run, places, each)
    }

    fn outcome(
        mut self,
        run: Option<Run>,
        places: Places,
        each: &mut dyn FnMut(Advice),
    ) -> Result<Outcome, LedgerError> {
        self.stats.unreadable = self.problems.count();
        let mut best: Option<OutcomeKind> = None;
        let unread = advise_each(&self.touched, self.ledger, self.world, &mut |advice| {
            best = best.into_iter().chain([OutcomeKind::of(&advice)]).min();
            each(advice);
        })?;
        let mut problems = Problems::default();
        problems.extend(unread);
        self.stats.seconds = self.watch.seconds();
        let interrupted = self.is_stopped();
        let outcome = Outcome::new(self.denials, Vec::new(), self.problems.told(problems), self.stats);
        let coverage = run.map(|run| coverage_of(&run, places)).unwrap_or_default();
        Ok(Outcome { outcome: best.unwrap_or(outcome.outcome), coverage, interrupted, ..outcome })
    }
}
