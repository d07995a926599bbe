//! A ledger that lives as long as the process: for tests, and for runs that keep nothing.

use super::{Coverage, Filter, Ledger, LedgerError, Quarantined, Recorded, Run};
use crate::finding::{Finding, Observed};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// See [`Ledger`]; nothing outlives it.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    findings: BTreeMap<String, Finding>,
    /// Ids of events counted, of both kinds.
    events: BTreeSet<String>,
    shared: BTreeSet<String>,
    runs: BTreeMap<String, Run>,
    alerts: BTreeMap<(String, String), Timestamp>,
    quarantine: Vec<Quarantined>,
}

impl MemoryLedger {
    /// Notes an event's ids; false when one of them was there.
    fn first_time(&mut self, event: &Observed) -> bool {
        // Both are noted in any case: the next copy may bear only one of them.
        let by_id = self.events.insert(event.event_id.clone());
        let by_shared = event.shared_event_id.clone().is_none_or(|id| self.shared.insert(id));
        by_id && by_shared
    }
}

impl Ledger for MemoryLedger {
    fn record(&mut self, batch: Vec<Observed>) -> Result<Recorded, LedgerError> {
        let mut recorded = Recorded::default();
        for event in batch {
            let first_time = self.first_time(&event);
            if first_time {
                recorded.new += 1
            } else {
                recorded.duplicate += 1
            }
            let finding = match (first_time, &event.shared_event_id) {
                (true, _) => event.finding,
                // The other account's copy: whichever comes first counts, and both are seen.
                (false, Some(_)) => event.finding.uncounted(),
                (false, None) => continue,
            };
            match self.findings.get_mut(&finding.id) {
                Some(there) => there.merge(finding),
                None => drop(self.findings.insert(finding.id.clone(), finding)),
            }
        }
        Ok(recorded)
    }

    fn findings(&self, filter: &Filter) -> Result<Vec<Finding>, LedgerError> {
        Ok(self.findings.values().filter(|finding| filter.takes(finding)).cloned().collect())
    }

    fn find(&self, id_prefix: &str) -> Result<Finding, LedgerError> {
        let ids = self.findings.keys().filter(|id| starts_with(id, id_prefix)).cloned().collect();
        let id = the_one(id_prefix, ids)?;
        self.findings.get(&id).cloned().ok_or(LedgerError::NotFound(id))
    }

    fn note_run(&mut self, run: &Run) -> Result<(), LedgerError> {
        self.runs.insert(run.input.clone(), run.clone());
        Ok(())
    }

    fn coverage(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Coverage, LedgerError> {
        Ok(Coverage::of(self.runs.values().cloned(), since, until))
    }

    fn claim_alert(&mut self, finding_id: &str, fingerprint: &str, now: Timestamp) -> Result<bool, LedgerError> {
        let key = (finding_id.to_owned(), fingerprint.to_owned());
        let is_new = !self.alerts.contains_key(&key);
        self.alerts.entry(key).or_insert(now);
        Ok(is_new)
    }

    fn renew_alert(
        &mut self,
        finding_id: &str,
        fingerprint: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let claim = self.alerts.get_mut(&(finding_id.to_owned(), fingerprint.to_owned()));
        let old = claim.filter(|at| **at <= until);
        Ok(old.map(|at| *at = now).is_some())
    }

    fn release_alert(&mut self, finding_id: &str, fingerprint: &str) -> Result<(), LedgerError> {
        self.alerts.remove(&(finding_id.to_owned(), fingerprint.to_owned()));
        Ok(())
    }

    fn quarantine(&mut self, reason: &str, body: &str, now: Timestamp) -> Result<(), LedgerError> {
        self.quarantine.push(Quarantined { at: now, reason: reason.to_owned(), body: body.to_owned() });
        Ok(())
    }

    fn quarantined(&self) -> Result<Vec<Quarantined>, LedgerError> {
        Ok(self.quarantine.clone())
    }
}

fn starts_with(id: &str, prefix: &str) -> bool {
    id.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// The id that was meant, among those that begin with `prefix`, sorted.
pub(super) fn the_one(prefix: &str, ids: Vec<String>) -> Result<String, LedgerError> {
    match ids.as_slice() {
        [] => Err(LedgerError::NotFound(prefix.to_owned())),
        [id] => Ok(id.clone()),
        _ => match ids.iter().find(|id| id.eq_ignore_ascii_case(prefix)) {
            Some(id) => Ok(id.clone()),
            None => Err(LedgerError::Ambiguous { prefix: prefix.to_owned(), ids: ids.into_iter().take(5).collect() }),
        },
    }
}
