//! One denial that is met again and again, as by a program that tries for hours: concluded once, counted each time.

use super::{EVENTS_KEPT, Finding, Observed, SECONDS_KEPT, day};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The same denial once more: all but the ids and the time is as in `sample`.
#[derive(Debug, Clone)]
pub struct Repeated {
    /// The denial as it was first met; it has a time, and at most a hundred items.
    pub sample: Arc<Observed>,
    /// See [`Observed::event_id`].
    pub event_id: String,
    /// See [`Observed::shared_event_id`].
    pub shared_event_id: Option<String>,
    /// See [`Observed::at`].
    pub at: Option<Timestamp>,
}

impl Repeated {
    /// An event that is like no other.
    pub fn once(observed: Observed) -> Self {
        let (event_id, shared_event_id) = (observed.event_id.clone(), observed.shared_event_id.clone());
        Self { event_id, shared_event_id, at: observed.at, sample: Arc::new(observed) }
    }

    /// The event by itself.
    pub fn observed(self) -> Observed {
        if (&self.event_id, self.at) == (&self.sample.event_id, self.sample.at) {
            return Arc::unwrap_or_clone(self.sample);
        }
        let finding = self.sample.repeated(&[(self.at, &self.event_id, true)]);
        Observed { event_id: self.event_id, shared_event_id: self.shared_event_id, at: self.at, finding }
    }
}

impl Observed {
    /// What several events of this very denial add to its finding, merged: their times, their ids, and whether each
    /// counts (see [`crate::finding::Fresh`]).
    pub fn repeated(&self, events: &[(Option<Timestamp>, &str, bool)]) -> Finding {
        let mut finding = self.finding.clone();
        if events.len() > 1 {
            // What merging cuts it cuts for the second as for the hundredth; of the same nothing else is merged.
            finding.trim();
        }
        let counted = || events.iter().filter(|(.., counts)| *counts);
        finding.count = counted().count() as u64;
        finding.days.clear();
        for (at, ..) in counted() {
            at.iter().for_each(|at| *finding.days.entry(day(*at)).or_default() += 1);
        }
        let mut kept = events.iter().map(|(at, id, _)| (*at, *id)).collect::<Vec<_>>();
        kept.sort_unstable();
        kept.dedup();
        let kept: BTreeSet<_> = kept.into_iter().take(EVENTS_KEPT).map(|(at, id)| (at, id.to_owned())).collect();
        let times: BTreeSet<Timestamp> = events.iter().filter_map(|(at, ..)| *at).collect();
        for item in finding.items.values_mut() {
            item.count = finding.count;
            (item.first_seen, item.last_seen) = (times.first().copied(), times.last().copied());
            item.events.clone_from(&kept);
            if !item.seconds.is_empty() {
                item.seconds = times.iter().map(|at| at.as_second()).take(SECONDS_KEPT).collect();
            }
        }
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{denial, diagnosed, join};
    use super::super::{Fresh, observe};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn folded_at_once_is_folded_one_by_one(
            events in prop::collection::vec((0_u8..200, 0_i64..200, any::<bool>()), 1..130), of_kms in any::<bool>()
        ) {
            let one = |id: u8, second: i64| {
                let mut denial = denial(id, second, 1, 1, 1);
                if of_kms {
                    denial.permissions[0].action = Some("kms:Decrypt".into());
                }
                observe(denial, diagnosed())
            };
            let sample = one(0, 7);
            let times: Vec<_> = events.iter().map(|(id, second, counts)| (one(*id, *second), *counts)).collect();
            let told: Vec<_> = times.iter().map(|(event, counts)| (event.at, &*event.event_id, *counts)).collect();
            let singly = times.iter().cloned().filter_map(|(event, shared)| event.adds(Fresh { own: true, shared }));
            prop_assert_eq!(sample.repeated(&told), join(singly.collect::<Vec<_>>()));
            let (last, _) = times.last().unwrap();
            let again = Repeated {
                sample: Arc::new(sample), event_id: last.event_id.clone(), shared_event_id: None, at: last.at,
            };
            prop_assert_eq!(&again.observed(), last);
        }
    }
}
