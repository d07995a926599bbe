//! A ledger that lives as long as the process: for tests, and for runs that keep nothing.

use super::head::sorted;
use super::keep::{HashKey, before};
use super::states::{CALLERS, Purging};
use super::types::{change_without, names};
use super::{
    Coverage, Delivery, Filter, Head, Held, Keep, Ledger, LedgerError, Object, ObjectRead, Open, Purged, Quarantined,
    Recorded, Run, Touched, calls,
};
use crate::change::{Change, latest};
use crate::finding::{Finding, Fresh, Observed};
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
    /// Marks of the objects that were read, and when.
    objects: BTreeMap<[u8; 16], (String, Timestamp, Held)>,
    deliveries: BTreeMap<(String, String), Delivery>,
    quarantine: Vec<Quarantined>,
    changes: BTreeMap<String, BTreeSet<Change>>,
    states: BTreeMap<String, String>,
    keep: Keep,
    key: Option<HashKey>,
}

impl MemoryLedger {
    /// One that keeps things so long, and so.
    pub fn keeping(keep: &Keep) -> Self {
        Self { keep: keep.clone(), key: HashKey::random(), ..Self::default() }
    }

    /// One that keeps everything, as long as the process lives, and shows what is kept as hashes without its value.
    pub fn rehearsing(keep: &Keep) -> Self {
        let keep = Keep { hashed: keep.hashed.clone(), ..Keep::default() };
        let key = (!keep.hashed.is_empty()).then(HashKey::none);
        Self { keep, key, ..Self::default() }
    }

    /// Notes an event's ids: both in any case, the next copy may bear only one of them.
    fn note(&mut self, event: &Observed) -> Fresh {
        if event.is_sighting() {
            return Fresh { own: true, shared: true };
        }
        let own = self.events.insert(event.event_id.clone());
        let shared = event.shared_event_id.clone().is_none_or(|id| self.shared.insert(id));
        Fresh { own, shared }
    }

    fn remove(&mut self, gone: impl Fn(&Finding) -> bool) -> Purged {
        let ids: BTreeSet<String> =
            self.findings.values().filter(|finding| gone(finding)).map(|finding| finding.id.clone()).collect();
        self.findings.retain(|id, _| !ids.contains(id));
        let told = self.deliveries.len();
        self.deliveries.retain(|(id, _), _| !ids.contains(id));
        let deliveries = (told - self.deliveries.len()) as u64;
        Purged { findings: ids.len() as u64, deliveries, ..Purged::default() }
    }

    fn keep_changes(&mut self, keep: impl Fn(&Change) -> Option<Change>) -> u64 {
        let all = |changes: &BTreeMap<String, BTreeSet<Change>>| {
            changes.values().flatten().map(|change| change.event_id.clone()).collect::<BTreeSet<String>>().len() as u64
        };
        let kept = all(&self.changes);
        for of_target in self.changes.values_mut() {
            *of_target = of_target.iter().filter_map(&keep).collect();
        }
        self.changes.retain(|_, of_target| !of_target.is_empty());
        kept - all(&self.changes)
    }

    fn remove_quarantined(&mut self, gone: impl Fn(&Quarantined) -> bool) -> u64 {
        let kept = self.quarantine.len();
        self.quarantine.retain(|one| !gone(one));
        (kept - self.quarantine.len()) as u64
    }
}

impl Ledger for MemoryLedger {
    fn record(&mut self, batch: Vec<Observed>, now: Timestamp) -> Result<Recorded, LedgerError> {
        self.record_telling(batch, now, None)
    }

    fn record_telling(
        &mut self,
        batch: Vec<Observed>,
        now: Timestamp,
        mut counted: Option<&mut BTreeSet<String>>,
    ) -> Result<Recorded, LedgerError> {
        let mut recorded = Recorded::default();
        for mut event in batch {
            if self.keep.is_stale(event.at, now) {
                recorded.stale += 1;
                continue;
            }
            let fresh = self.note(&event);
            recorded.note(&event, fresh, &mut counted);
            if let Some(key) = &self.key {
                self.keep.mask(&mut event, key);
            }
            let Some(finding) = event.adds(fresh) else { continue };
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

    fn heads(&self, among: &Touched) -> Result<Vec<Head>, LedgerError> {
        let takes = among.heads();
        let all = self.findings.values().map(Head::of).filter(|head| takes(&head.id, &head.owner));
        Ok(sorted(all.collect()))
    }

    fn some(&self, ids: &[&str]) -> Result<Vec<Finding>, LedgerError> {
        let ids: BTreeSet<&str> = ids.iter().copied().collect();
        Ok(ids.into_iter().filter_map(|id| self.findings.get(id)).cloned().collect())
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

    fn known_objects(&self, objects: &[Object]) -> Result<Vec<Option<Held>>, LedgerError> {
        let known = |one: &Object| {
            let (_, _, held) = self.objects.get(&one.id()).filter(|(mark, ..)| *mark == one.mark)?;
            Some(*held)
        };
        Ok(objects.iter().map(known).collect())
    }

    fn note_objects(&mut self, input: &str, objects: &[ObjectRead], now: Timestamp) -> Result<(), LedgerError> {
        let mut note = |read: &&ObjectRead| {
            let id = read.object.id();
            let is_fresh = self.objects.get(&id).is_none_or(|(mark, ..)| *mark != read.object.mark);
            if is_fresh {
                self.objects.insert(id, (read.object.mark.clone(), now, read.held));
            }
            is_fresh
        };
        let fresh: Vec<&ObjectRead> = objects.iter().filter(|read| note(read)).collect();
        self.runs.entry(input.to_owned()).or_insert_with(|| Run::begin(input, now)).add_objects(fresh, now);
        Ok(())
    }

    fn noted_run(&self, input: &str) -> Result<Option<Run>, LedgerError> {
        Ok(self.runs.get(input).cloned())
    }

    fn coverage(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Coverage, LedgerError> {
        Ok(Coverage::of(self.runs.values().cloned(), since, until))
    }

    fn delivery(&self, id: &str, destination: &str) -> Result<Option<Delivery>, LedgerError> {
        Ok(self.deliveries.get(&(id.to_owned(), destination.to_owned())).cloned())
    }

    fn put_delivery(&mut self, id: &str, destination: &str, delivery: &Delivery) -> Result<bool, LedgerError> {
        let key = (id.to_owned(), destination.to_owned());
        let stored = self.deliveries.get(&key).map_or(0, |stored| stored.version);
        let is_next = stored + 1 == delivery.version;
        if is_next {
            self.deliveries.insert(key, delivery.clone());
        }
        Ok(is_next)
    }

    fn open_deliveries(&self, by: Option<Timestamp>) -> Result<Vec<Open>, LedgerError> {
        let open = self.deliveries.iter().filter(|(_, delivery)| delivery.is_open_by(by));
        Ok(open
            .map(|((id, destination), delivery)| Open {
                id: id.clone(),
                destination: destination.clone(),
                delivery: delivery.clone(),
            })
            .collect())
    }

    fn quarantine(&mut self, reason: &str, body: &str, now: Timestamp) -> Result<(), LedgerError> {
        if !self.quarantine.iter().any(|kept| kept.reason == reason && kept.body == body) {
            self.quarantine.push(Quarantined { at: now, reason: reason.to_owned(), body: body.to_owned() });
            self.quarantine.sort_by_key(|kept| kept.at);
        }
        Ok(())
    }

    fn quarantined(&self) -> Result<Vec<Quarantined>, LedgerError> {
        Ok(self.quarantine.clone())
    }

    fn note_changes(&mut self, changes: &[Change], now: Timestamp) -> Result<(), LedgerError> {
        let key = self.key.as_ref().filter(|_| !self.keep.hashed.is_empty());
        for change in changes.iter().filter_map(|change| self.keep.change(change.clone(), key, now)) {
            for target in &change.targets {
                let there = self.changes.remove(target).unwrap_or_default();
                self.changes.insert(target.clone(), latest(there, [change.clone()]));
            }
        }
        Ok(())
    }

    fn changes(&self, targets: &BTreeSet<String>) -> Result<BTreeSet<Change>, LedgerError> {
        Ok(targets.iter().filter_map(|target| self.changes.get(target)).flatten().cloned().collect())
    }

    fn state(&self, task: &str) -> Result<Option<String>, LedgerError> {
        Ok(self.states.get(task).cloned())
    }

    fn put_state(&mut self, task: &str, state: &str) -> Result<(), LedgerError> {
        match state {
            "" => drop(self.states.remove(task)),
            _ => drop(self.states.insert(task.to_owned(), state.to_owned())),
        }
        Ok(())
    }

    fn purge(&mut self, principal: &str) -> Result<Purged, LedgerError> {
        let purged = self.remove(|finding| names(finding, principal));
        let quarantined = self.remove_quarantined(|kept| kept.mentions(principal));
        let changes = self.keep_changes(|change| change_without(change, principal));
        let mut purging = Purging::of(principal);
        for (task, state) in &mut self.states {
            *state = purging.without(task, state).unwrap_or_default();
        }
        self.states.retain(|_, state| !state.is_empty());
        Ok(Purged { quarantined, changes, ..purged })
    }

    fn expire(&mut self, now: Timestamp) -> Result<Purged, LedgerError> {
        let keep = self.keep.clone();
        let mut purged = self.remove(|finding| keep.is_over(finding, now));
        let stripped = self.findings.values_mut().map(|finding| u64::from(keep.strip(finding, now)));
        purged.samples = stripped.sum();
        if let Some(since) = before(now, keep.counts) {
            self.objects.retain(|_, (_, at, _)| *at >= since);
        }
        let since = before(now, keep.samples);
        purged.quarantined = self.remove_quarantined(|kept| since.is_some_and(|since| kept.at < since));
        purged.changes =
            self.keep_changes(|change| Some(change.clone()).filter(|one| !keep.is_stale(Some(one.at), now)));
        let indexes: Vec<String> = self.states.keys().filter(|task| task.starts_with(CALLERS)).cloned().collect();
        calls::expire(&indexes, &keep, now, self)?;
        Ok(purged)
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
