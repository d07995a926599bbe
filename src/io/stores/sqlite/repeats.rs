//! Many events of few denials: each id is noted, each denial is folded once.

use super::Recorded;
use super::counted::{self, Kind};
use crate::finding::{Finding, Fresh, Observed, Repeated};
use jiff::Timestamp;
use rusqlite::Transaction;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Times and ids of one denial's events, and whether each counts.
type Events<'a> = Vec<(Option<Timestamp>, &'a str, bool)>;

/// Notes the events' ids and folds those seen for the first time, by finding.
pub(super) fn fold_new(
    change: &Transaction,
    batch: &[Repeated],
) -> rusqlite::Result<(Recorded, BTreeMap<String, Finding>)> {
    // Both are noted in any case: the next copy may bear only one of them.
    let own = note(change, Kind::Own, batch, |event| Some(&event.event_id))?;
    let shared = note(change, Kind::Shared, batch, |event| event.shared_event_id.as_deref())?;
    let mut recorded = Recorded::default();
    // By address: which of the same denials are merged first does not show.
    let mut met: BTreeMap<*const Observed, (&Observed, Events<'_>)> = BTreeMap::new();
    for (event, (own, shared)) in batch.iter().zip(own.into_iter().zip(shared)) {
        let fresh = Fresh { own, shared };
        recorded.count(fresh);
        if fresh.own {
            let (_, events) = met.entry(Arc::as_ptr(&event.sample)).or_insert((&event.sample, Vec::new()));
            events.push((event.at, &event.event_id, fresh.counts()));
        }
    }
    let mut folded: BTreeMap<String, Finding> = BTreeMap::new();
    for (sample, events) in met.into_values() {
        let finding = sample.repeated(&events);
        match folded.get_mut(&finding.id) {
            Some(there) => there.merge(finding),
            None => drop(folded.insert(finding.id.clone(), finding)),
        }
    }
    Ok((recorded, folded))
}

/// Notes one kind of ids: see [`counted::note`].
fn note<'e>(
    change: &Transaction,
    kind: Kind,
    batch: &'e [Repeated],
    id: impl Fn(&'e Repeated) -> Option<&'e str>,
) -> rusqlite::Result<Vec<bool>> {
    counted::note(change, kind, batch.iter().map(|event| Some((id(event)?, event.at.map(Timestamp::as_second)))))
}
