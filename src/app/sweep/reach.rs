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
    /// Account, `eventSource`, and whether of data events: one account's trail says nothing of another's.
    holds: BTreeSet<(Option<String>, String, bool)>,
}

impl Reach {
    pub(super) fn add(&mut self, record: &Record) {
        let Some(at) = record.event_time else { return };
        let place = self.places.entry((record.recipient_account.clone(), record.region.clone())).or_insert((at, at));
        *place = (place.0.min(at), place.1.max(at));
        if let Some(source) = &record.event_source {
            let is_data = record.event_category.as_deref() == Some("Data");
            self.holds.insert((record.recipient_account.clone(), source.clone(), is_data));
        }
    }

    /// Until when it shows every call that the item could be; `None` where it does not reach back to `since`.
    pub(super) fn until(&self, account: Option<&str>, item: &Item, since: Timestamp) -> Option<Timestamp> {
        let holds = |operation: &String| {
            let (service, name) = operation.split_once(':')?;
            let account = account.map(str::to_owned);
            let held = (account, format!("{service}.amazonaws.com"), is_data_event(service, name));
            self.holds.contains(&held).then_some(())
        };
        item.operations.iter().map(holds).collect::<Option<Vec<()>>>().filter(|all| !all.is_empty())?;
        let ends = item.regions.iter().map(|region| {
            let (first, last) = self.places.get(&(account.map(str::to_owned), Some(region.clone())))?;
            (*first <= since).then_some(*last)
        });
        ends.collect::<Option<Vec<Timestamp>>>()?.into_iter().min()
    }
}
