//! Many events of few denials: each id is noted, each denial is folded once.

use super::Recorded;
use super::counted::{self, Kind};
use crate::finding::{Finding, Fresh, Observed, Repeated};
use jiff::Timestamp;
use rusqlite::Transaction;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A denial, and times and ids of its events, and whether each counts.
pub(super) type Met<'b> = (&'b Observed, Vec<(Option<Timestamp>, &'b str, bool)>);

/// Notes the events' ids; returns those seen for the first time, by finding.
pub(super) fn note_new<'b>(change: &Transaction, batch: &'b [Repeated]) -> rusqlite::Result<(Recorded, Vec<Met<'b>>)> {
    // Both are noted in any case: the next copy may bear only one of them.
    let own = note(change, Kind::Own, batch, |event| Some(&event.event_id))?;
    let shared = note(change, Kind::Shared, batch, |event| event.shared_event_id.as_deref())?;
    let mut recorded = Recorded::default();
    // By address: which of the same denials are merged first does not show.
    let mut met: BTreeMap<*const Observed, Met<'b>> = BTreeMap::new();
    for (event, (own, shared)) in batch.iter().zip(own.into_iter().zip(shared)) {
        let fresh = Fresh { own, shared };
        recorded.count(fresh);
        if fresh.own {
            let (_, events) = met.entry(Arc::as_ptr(&event.sample)).or_insert((&event.sample, Vec::new()));
            events.push((event.at, &event.event_id, fresh.counts()));
        }
    }
    let mut met: Vec<Met<'b>> = met.into_values().collect();
    met.sort_by_key(|(sample, _)| &*sample.finding.id);
    Ok((recorded, met))
}

/// Folds them, one finding at a time: together they would be as large as the batch once more.
pub(super) fn folded(met: &[Met<'_>]) -> impl Iterator<Item = Finding> {
    let of_one = met.chunk_by(|(one, _), (next, _)| one.finding.id == next.finding.id);
    of_one.filter_map(|met| {
        met.iter().map(|(sample, events)| sample.repeated(events)).reduce(|mut there, finding| {
            there.merge(finding);
            there
        })
    })
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
