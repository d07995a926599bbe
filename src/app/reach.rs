//! How far a log reaches that shows all calls which an item could be.

use super::places::Places;
use crate::finding::{Finding, Item, Source};
use crate::verify::observed::is_data_event;
use jiff::Timestamp;

/// Until when the log shows every call that the item could be, since its last denial; `None` where it does not reach so
/// far back, or cannot hold such calls: `holds` tells whether it has events of a service, or data events of it.
pub(super) fn reach(
    finding: &Finding,
    item: &Item,
    places: &Places,
    holds: impl Fn(&str, bool) -> bool,
) -> Option<Timestamp> {
    let last = item.last_seen.filter(|_| !item.regions.is_empty() && !item.operations.is_empty())?;
    let from = item.looked.get(&Source::Log).copied().unwrap_or(last).max(last);
    let is_held = |(service, is_data): (&str, bool)| holds(service, is_data);
    if !item.operations.iter().all(|operation| needed(operation).is_some_and(is_held)) {
        return None;
    }
    let ends = item.regions.iter().map(|region| {
        let (first, end) = places.times(finding.account.as_deref(), region)?;
        end.filter(|end| *end > last && first.is_some_and(|first| first <= from))
    });
    ends.collect::<Option<Vec<Timestamp>>>()?.into_iter().min()
}

/// The service of which a log must hold events, or data events, to show such calls.
pub(super) fn needed(operation: &str) -> Option<(&str, bool)> {
    let (service, name) = operation.split_once(':')?;
    Some((service, is_data_event(service, name)))
}
