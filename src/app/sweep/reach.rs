//! How far an archive reaches, and what it holds: only a log that could show a call says something by its silence.

use crate::finding::Item;
use crate::record::Record;
use crate::verify::observed::is_data_event;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// How far an archive reaches: account and Region → first and last event; and what it holds at all.
#[derive(Debug, Default)]
pub(super) struct Reach {
    places: BTreeMap<(Option<String>, Option<String>), (Timestamp, Timestamp)>,
    /// `eventSource`, and whether of data events.
    holds: BTreeSet<(String, bool)>,
}

impl Reach {
    pub(super) fn add(&mut self, record: &Record) {
        let Some(at) = record.event_time else { return };
        let place = self.places.entry((record.recipient_account.clone(), record.region.clone())).or_insert((at, at));
        *place = (place.0.min(at), place.1.max(at));
        if let Some(source) = &record.event_source {
            self.holds.insert((source.clone(), record.event_category.as_deref() == Some("Data")));
        }
    }

    /// Until when it shows every call that the item could be; `None` where it does not reach back to `since`.
    pub(super) fn until(&self, account: Option<&str>, item: &Item, since: Timestamp) -> Option<Timestamp> {
        let holds = |operation: &String| {
            let (service, name) = operation.split_once(':')?;
            self.holds.contains(&(format!("{service}.amazonaws.com"), is_data_event(service, name))).then_some(())
        };
        item.operations.iter().map(holds).collect::<Option<Vec<()>>>().filter(|all| !all.is_empty())?;
        let ends = item.regions.iter().map(|region| {
            let (first, last) = self.places.get(&(account.map(str::to_owned), Some(region.clone())))?;
            (*first <= since).then_some(*last)
        });
        ends.collect::<Option<Vec<Timestamp>>>()?.into_iter().min()
    }
}
