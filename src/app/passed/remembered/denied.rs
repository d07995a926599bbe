//! What was denied of one caller, as it is written beside the caller's calls.

use super::super::Passed;
use super::super::asked::{Around, Asked, Denied};
use super::is_session;
use crate::io::stores::calls::Entry;
use crate::triage::probing::Caller;
use std::collections::BTreeSet;

/// Bytes of it at most: a part of what is kept of a caller.
const MOST: usize = super::MOST / 4;

/// What was denied last of one caller, as much as there is room for. Of a session's own ARN nothing is kept.
pub(super) fn entries(asked: &Asked, (_, _, of): &Caller) -> Vec<Entry> {
    let entry = |(watch, denied, around): (&(Caller, String), &Denied, &Around)| Entry {
        of: of.clone(),
        operation: watch.1.clone(),
        region: denied.region.clone().unwrap_or_default(),
        needs: vec![(denied.action.clone(), BTreeSet::from([denied.resource.clone()]))],
        calls: around.calls().cloned().collect(),
        denied: Some(around.denied),
    };
    let mut room = MOST;
    let has_room = |entry: &Entry| {
        let length = serde_json::to_string(entry).map_or(MOST, |text| text.len() + 1);
        let left = room.checked_sub(length);
        room = left.unwrap_or(0);
        left.is_some()
    };
    let all = asked.latest_first().into_iter().filter(|(_, denied, _)| !is_session(&denied.resource));
    all.map(entry).take_while(has_room).collect()
}

impl Passed {
    /// Adds what was written; `None` where an entry is of calls alone, which it gives back.
    pub(super) fn recall_denied(&mut self, who: &Caller, entry: Entry) -> Option<Entry> {
        let Some(at) = entry.denied else { return Some(entry) };
        let Entry { operation, region, needs, calls, .. } = entry;
        let (watch, region) = ((who.clone(), operation), Some(region).filter(|region| !region.is_empty()));
        for (action, resources) in needs {
            for resource in resources {
                let denied = Denied { action: action.clone(), resource, region: region.clone() };
                self.asked.add(&watch, denied, &Around::with(at, &calls), self.seen.get_mut(&watch));
            }
        }
        None
    }
}
