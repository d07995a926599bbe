//! What is kept of one caller, as text: a list of entries.

use super::super::thing::{Latest, Thing, Times, around};
use super::super::{OF_ONE, Passed, Watch};
use super::is_session;
use crate::app::allowed::{Allowed, Needs};
use crate::catalog::Catalog;
use crate::finding::Pass;
use crate::io::stores::calls::Entry;
use crate::triage::probing::Caller;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes kept of a caller; an item of DynamoDB holds 400 KB.
pub(super) const MOST: usize = 256 << 10;
/// Of that, of what was denied.
const DENIED: usize = MOST / 4;

/// No time at all.
const NONE: Times = (Timestamp::MAX, Timestamp::MIN);
/// Any time.
const ALL: Times = (Timestamp::MIN, Timestamp::MAX);

/// Calls, by what they were and needed.
type Groups<'g> = BTreeMap<(&'g str, &'g str, Needs), BTreeSet<Pass>>;

impl Passed {
    /// Adds what was written of a caller.
    pub(super) fn recall(&mut self, who: &Caller, text: &str) {
        let entries = (!text.is_empty()).then(|| serde_json::from_str::<Vec<Entry>>(text));
        // What another release wrote otherwise is lost, and that is not hidden.
        let is_lost = entries.as_ref().is_some_and(Result::is_err);
        (self.overflows, self.lacks_some) = (self.overflows | is_lost, self.lacks_some | is_lost);
        let mut is_cut = false;
        for entry in entries.and_then(Result::ok).unwrap_or_default() {
            // Another caller of the same hash took this one's place.
            if entry.operation.is_empty() || entry.of != who.2 {
                (self.overflows, self.lacks_some, is_cut) = (true, true, true);
                continue;
            }
            self.recall_entry(who, entry);
        }
        let mine = self.seen.iter_mut().filter(|((other, _), _)| other == who);
        for (_, kept) in mine.filter(|(_, kept)| kept.gone.is_none()) {
            // A release before did not tell what it let go.
            let first = kept.calls.first_key_value().filter(|_| is_cut || kept.calls.len() >= OF_ONE);
            kept.gone = first.map(|(first, _)| (Timestamp::MIN, first.at));
        }
    }

    fn recall_entry(&mut self, who: &Caller, entry: Entry) {
        let Entry { operation, region, needs, calls, denied, gone, .. } = entry;
        let watch = (who.clone(), operation);
        let kept = self.seen.entry(watch.clone()).or_default();
        let Some(denied) = denied else {
            kept.gone = around(kept.gone, gone);
            let needs = Arc::new(needs);
            return self.keep(watch, calls.into_iter().map(|one| (one, Allowed::needing(Arc::clone(&needs), &region))));
        };
        let before = calls.iter().rev().find(|pass| pass.at < denied).cloned();
        let latest = calls.last().map(|last| (region, Latest { before, last: last.clone() }));
        let bytes = kept.bytes_denied();
        for (action, resource) in needs.into_iter().filter_map(|(action, all)| Some((action, all.into_iter().next()?)))
        {
            let regions = latest.clone().into_iter().collect();
            kept.add(Thing { action, resource, denied, unseen: gone, regions });
        }
        self.bytes_denied = self.bytes_denied + kept.bytes_denied() - bytes;
    }

    /// What is kept of one caller; where that is too much, the latest calls.
    pub(super) fn written(&self, who: &Caller, catalog: &Catalog) -> String {
        let (mut groups, mut gone) = (Groups::new(), BTreeMap::<&str, Times>::new());
        for ((_, operation), kept) in &self.seen {
            for (pass, call) in &kept.calls {
                let group = (operation.as_str(), call.region.as_str(), without_sessions(call.needs(catalog)));
                groups.entry(group).or_default().insert(pass.clone());
            }
            gone.insert(operation, if kept.is_torn { ALL } else { kept.gone.unwrap_or(NONE) });
        }
        let (mut denied, mut is_cut) = (self.denied(who), self.overflows);
        loop {
            let is_left = |of: &str| {
                groups.keys().any(|(operation, ..)| *operation == of) || denied.iter().any(|one| one.operation == of)
            };
            gone.retain(|operation, _| is_left(operation));
            let text = text(who, &denied, &groups, &gone, is_cut);
            let mut all: Vec<Pass> = groups.values().flatten().cloned().collect();
            if text.len() <= MOST || all.is_empty() && denied.is_empty() {
                return text;
            }
            if !denied.is_empty() {
                denied.clear();
                continue;
            }
            is_cut = true;
            all.sort();
            let from = all[all.len() - all.len() * MOST / text.len() * 9 / 10..].first().cloned();
            let mut keep = |is_kept: &dyn Fn(&Pass, &Pass) -> bool| {
                for ((operation, ..), passes) in &mut groups {
                    passes.retain(|pass| {
                        let is_kept = from.as_ref().is_some_and(|from| is_kept(pass, from));
                        if !is_kept {
                            let times = around(gone.get(operation).copied(), Some((pass.at, pass.at)));
                            gone.extend(times.map(|times| (*operation, times)));
                        }
                        is_kept
                    });
                }
                groups.retain(|_, passes| !passes.is_empty());
                groups.values().map(BTreeSet::len).sum::<usize>()
            };
            if keep(&|pass, from| pass >= from) == all.len() {
                // Where all that is left bears one time and one id, none is later than another.
                keep(&|pass, from| pass > from);
            }
        }
    }

    /// What was denied last, as much as there is room for. Of a session's own ARN nothing is kept.
    fn denied(&self, who: &Caller) -> Vec<Entry> {
        let mut all: Vec<(&Watch, &Thing)> = Vec::new();
        for (watch, kept) in &self.seen {
            all.extend(kept.things.iter().map(|thing| (watch, thing)));
        }
        all.retain(|(_, thing)| !is_session(&thing.resource));
        all.sort_by_key(|(watch, thing)| (std::cmp::Reverse(thing.denied), *watch, &thing.action, &thing.resource));
        let mut room = DENIED;
        let mut entries = Vec::new();
        for (watch, thing) in all {
            let operation = &watch.1;
            let is_torn = self.seen.get(watch).is_some_and(|kept| kept.is_torn);
            let of_thing = of_thing(who, operation, thing, is_torn);
            let length = serde_json::to_string(&of_thing).map_or(DENIED, |text| text.len());
            let Some(left) = room.checked_sub(length) else { break };
            room = left;
            entries.extend(of_thing);
        }
        entries
    }
}

/// An entry for each Region.
fn of_thing(who: &Caller, operation: &str, thing: &Thing, is_torn: bool) -> Vec<Entry> {
    let entry = |region: &str, calls: BTreeSet<Pass>| Entry {
        needs: vec![(thing.action.clone(), BTreeSet::from([thing.resource.clone()]))],
        calls,
        denied: Some(thing.denied),
        gone: if is_torn { Some(ALL) } else { thing.unseen },
        ..empty(who, operation, region)
    };
    if thing.regions.is_empty() {
        return vec![entry("", BTreeSet::new())];
    }
    let calls = |Latest { before, last }: &Latest| before.iter().chain([last]).cloned().collect();
    thing.regions.iter().map(|(region, latest)| entry(region, calls(latest))).collect()
}

fn empty((_, _, of): &Caller, operation: &str, region: &str) -> Entry {
    let (needs, calls) = (Needs::new(), BTreeSet::new());
    Entry {
        of: of.clone(),
        operation: operation.to_owned(),
        region: region.to_owned(),
        needs,
        calls,
        denied: None,
        gone: None,
    }
}

/// A release before takes what was denied for calls, of which the later entry counts: so these come first.
fn text(who: &Caller, denied: &[Entry], groups: &Groups<'_>, gone: &BTreeMap<&str, Times>, is_cut: bool) -> String {
    let calls = groups.iter().map(|((operation, region, needs), calls)| Entry {
        needs: needs.clone(),
        calls: calls.clone(),
        ..empty(who, operation, region)
    });
    // Where nothing was let go that is written only if it could be thought.
    let is_told = |(operation, gone): &(&&str, &Times)| {
        let calls = groups.iter().filter(|((of, ..), _)| of == *operation).map(|(_, calls)| calls.len()).sum::<usize>();
        **gone != NONE || is_cut || calls >= OF_ONE
    };
    let gone = gone.iter().filter(is_told);
    let gone = gone.map(|(operation, gone)| Entry { gone: Some(*gone), ..empty(who, operation, "") });
    let cut = is_cut.then(|| empty(who, "", ""));
    let all: Vec<Entry> = cut.into_iter().chain(denied.iter().cloned()).chain(calls).chain(gone).collect();
    serde_json::to_string(&all).unwrap_or_default()
}

/// A session's name is often somebody's mail address, and a ledger may be told to keep none: no call is kept with one.
fn without_sessions(mut needs: Needs) -> Needs {
    needs.iter_mut().for_each(|(_, resources)| resources.retain(|resource| !is_session(resource)));
    needs
}
