//! Allowed calls of an account's Event history, kept in the ledger, caller by caller.
//!
//! Event history comes newest first and takes hours. A scan of it that goes on where another one ended meets denials whose
//! later calls the other one has met: so what is met is kept, whether or not somebody was refused so far. Of each caller's
//! operation the latest calls are kept, so that it does not matter in how many runs, or in which order, they came; and of what
//! was denied the latest call before.

mod index;
mod text;

use super::Passed;
use super::of_one::OfOne;
use crate::app::scan::Scan;
use crate::catalog::Catalog;
use crate::finding::{Finding, ItemKey, Observed, digest};
use crate::io::stores::calls::{forgotten, kept_at};
use crate::io::stores::states::SERVICES;
use crate::io::stores::{Ledger, LedgerError, Place};
use crate::triage::probing::{Caller, caller};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// In place of a service: there was more than is kept.
const MORE: &str = "";

/// Where the ledger keeps the calls of one. Its name is not in it: [`Ledger::purge`] looks into what is kept, not where.
fn task(account: &str, who: &Caller) -> String {
    kept_at(account, &hash(who))
}

fn hash((of, kind, name): &Caller) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    digest(&[&text(of), &format!("{kind:?}"), &text(name)])
}

/// Where it keeps of which services Event history holds events, or data events.
fn services_task(account: &str) -> String {
    format!("{SERVICES}{account}")
}

type Services = BTreeSet<(String, bool)>;

fn services(account: &str, ledger: &dyn Ledger) -> Result<Services, LedgerError> {
    let text = ledger.state(&services_task(account))?.filter(|text| !text.is_empty());
    // What cannot be read leaves it open what there was.
    let unclear = || Services::from([(MORE.to_owned(), false)]);
    Ok(text.map(|text| serde_json::from_str(&text).unwrap_or_else(|_| unclear())).unwrap_or_default())
}

impl Passed {
    /// Adds it to what the ledger keeps of an account's Event history.
    fn remember(self, account: &str, ledger: &mut dyn Ledger, catalog: &Catalog) -> Result<(), LedgerError> {
        if self.is_empty() && self.seen.is_empty() {
            return Ok(());
        }
        let Self { seen, data, services: of_any, overflows, lacks_some, .. } = self;
        let known = services(account, ledger)?;
        let mut all = known.clone();
        all.extend(of_any.into_iter().map(|(_, service)| (service, false)));
        all.extend(data.into_iter().map(|(_, service)| (service, true)));
        all.extend(overflows.then(|| (MORE.to_owned(), false)));
        if all != known {
            ledger.put_state(&services_task(account), &serde_json::to_string(&all).unwrap_or_default())?;
        }
        let mut callers: BTreeMap<Caller, Self> = BTreeMap::new();
        for (watch, kept) in seen {
            let met = callers.entry(watch.0.clone()).or_insert_with(|| Self { lacks_some, ..Self::default() });
            met.seen.insert(watch, kept);
        }
        let met = callers.iter().filter_map(|(who, met)| Some((hash(who), met.oldest()?)));
        index::note(account, met, ledger)?;
        for (who, met) in callers {
            let task = task(account, &who);
            let before = ledger.state(&task)?.unwrap_or_default();
            let mut kept = Self::default();
            kept.recall(&who, &before);
            kept.merge(met);
            let now = kept.written(&who, catalog);
            if now != before {
                ledger.put_state(&task, &now)?;
            }
        }
        Ok(())
    }

    /// The oldest call that is kept, or denial.
    fn oldest(&self) -> Option<Timestamp> {
        self.seen.values().filter_map(OfOne::oldest).min()
    }
}

/// Whether a resource is a session.
fn is_session(resource: &str) -> bool {
    resource.starts_with("arn:") && [":assumed-role/", ":federated-user/"].iter().any(|kind| resource.contains(kind))
}

impl Scan<'_> {
    /// Keeps all allowed calls until [`Scan::remember`] takes them, as long as there is room: so each is told to whatever the
    /// ledger knows as denied.
    #[cfg_attr(not(feature = "lookup"), allow(dead_code, reason = "only Event history is remembered"))]
    pub(in crate::app) fn keep_until_remembered(&mut self) {
        self.passed = Passed::all();
    }

    /// Puts into the ledger what was met of an account's Event history so far: denials, changes and allowed calls. What was
    /// read may be noted as read then.
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub fn remember(&mut self, account: &str) -> Result<(), LedgerError> {
        self.flush();
        self.flush_changes();
        if let Some(fault) = self.failed.take() {
            return Err(fault);
        }
        let met = std::mem::replace(&mut self.passed, Passed::all());
        met.remember(account, self.ledger, self.world.catalog)
    }

    /// Adds to the findings what is kept of an account's Event history, now and from scans before. `places` are where and
    /// when all of it was read; of the `unfinished` Regions it is not known yet which call came last before a denial. Calls of
    /// before `since` are forgotten then.
    ///
    /// ```
    /// # use std::collections::BTreeSet;
    /// use denywatch::app::scan::{Options, Scan};
    /// use denywatch::{app::World, diagnosis::InForce, io::stores::MemoryLedger};
    /// let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    /// let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "Event history");
    /// // One page after another, each with `scan.read`, and in between:
    /// scan.remember("111122223333")?;
    /// scan.note_remembered("111122223333", &[], &BTreeSet::new(), "2026-08-01T00:00:00Z".parse().unwrap())?;
    /// # Ok::<(), denywatch::io::stores::LedgerError>(())
    /// ```
    ///
    /// # Errors
    /// The ledger could not be read or written.
    pub fn note_remembered(
        &mut self,
        account: &str,
        places: &[Place],
        unfinished: &BTreeSet<String>,
        since: Timestamp,
    ) -> Result<(), LedgerError> {
        self.remember(account)?;
        let mut of_all = Passed::default();
        for (service, is_data) in services(account, self.ledger)? {
            match (service.as_str(), is_data) {
                (MORE, _) => of_all.overflows = true,
                (_, true) => drop(of_all.data.insert((account.to_owned(), service))),
                (_, false) => drop(of_all.services.insert((account.to_owned(), service))),
            }
        }
        let forgotten = forgotten(account, self.ledger)?.unwrap_or(Timestamp::MIN);
        let places = &known_of(places, forgotten).iter().collect();
        self.note_each_page(|scan, page| {
            let here = |finding: &&Finding| finding.account.as_deref().is_none_or(|own| own == account);
            let add = |finding: &Finding| -> Result<Option<Observed>, LedgerError> {
                let who = caller(&finding.principal);
                let mut passed = of_all.without_calls();
                passed.recall(&who, &scan.ledger.state(&task(account, &who))?.unwrap_or_default());
                let mut seen = passed.sightings(finding, places, scan.world.catalog);
                let is_finished =
                    |key: &ItemKey| finding.items.get(key).is_some_and(|item| item.regions.is_disjoint(unfinished));
                seen.before.retain(|key, _| is_finished(key));
                // Calls for a session are not kept, so that there were none is not known.
                seen.looked.retain(|key, _| !is_session(&key.resource));
                seen.before.retain(|key, _| !is_session(&key.resource) && !of_all.overflows);
                let is_cut =
                    |key: &&ItemKey| finding.items.get(key).is_some_and(|item| item.first_seen < Some(forgotten));
                let cut = seen.allowed.iter().filter(|(_, calls)| !calls.is_empty()).map(|(key, _)| key).filter(is_cut);
                seen.more.extend(cut.cloned());
                Ok(finding.sighted(seen))
            };
            page.iter().filter(here).filter_map(|finding| add(finding).transpose()).collect()
        })?;
        index::forget(account, since, self.ledger)
    }
}

/// Places as far as what was met there is still known.
fn known_of(places: &[Place], since: Timestamp) -> Vec<Place> {
    let known = |place: &Place| Place { first: place.first.map(|first| first.max(since)), ..place.clone() };
    places.iter().map(known).collect()
}

impl Passed {
    fn without_calls(&self) -> Self {
        let (data, services) = (self.data.clone(), self.services.clone());
        Self { data, services, overflows: self.overflows, ..Self::default() }
    }
}

#[cfg(test)]
mod tests;
