//! Events count once.

use super::*;
use crate::finding::{Pass, Sightings};
use proptest::prelude::*;

#[test]
fn an_event_counts_once() {
    on_each(|ledger| {
        let batch = || vec![event("1", None, "A", "x:Y", TUE), event("2", None, "A", "x:Y", WED)];
        assert_eq!(record(ledger, batch()), recorded(2, 0));
        assert_eq!(record(ledger, batch()), recorded(0, 2));
        let twice = vec![event("3", None, "A", "x:Y", FRI), event("3", None, "A", "x:Y", FRI)];
        assert_eq!(record(ledger, twice), recorded(1, 1));
        let found = ledger.find("D-A").unwrap();
        assert_eq!((found.count, found.days.len(), found.items.len()), (3, 3, 1));
        let item = found.items.values().next().unwrap();
        assert_eq!((item.count, item.first_seen, item.last_seen), (3, Some(at(TUE)), Some(at(FRI))));
    });
}

#[test]
fn the_events_that_count_now_are_told_by_their_ids() {
    on_each(|ledger| {
        let told = |ledger: &mut dyn Ledger, batch: Vec<Observed>| {
            let mut counted = BTreeSet::new();
            ledger.record_telling(batch, at(NOW), Some(&mut counted)).unwrap();
            counted.into_iter().collect::<Vec<String>>()
        };
        let one = |id: &str, shared: Option<&str>| event(id, shared, "A", "x:Y", TUE);
        assert_eq!(told(ledger, vec![one("1", None), one("2", Some("s")), one("1", None)]), ["1", "2"]);
        assert_eq!(told(ledger, vec![one("1", None), one("3", Some("s")), one("4", None)]), ["4"]);
    });
}

#[test]
fn an_act_told_by_two_accounts_counts_once() {
    // Either order, across batches, and where the third copy bears only one of the ids.
    for (first, second) in [("1", "2"), ("2", "1")] {
        on_each(|ledger| {
            assert_eq!(record(ledger, vec![event(first, Some("s"), "A", "x:Y", TUE)]), recorded(1, 0));
            assert_eq!(record(ledger, vec![event(second, Some("s"), "B", "x:Y", TUE)]), recorded(0, 1));
            assert_eq!(record(ledger, vec![event(second, None, "B", "x:Y", TUE)]), recorded(0, 1));
            assert_eq!(record(ledger, vec![event(first, None, "A", "x:Y", TUE)]), recorded(0, 1));
            check_ids(ledger, Filter::default(), &["D-A"]);
        });
    }
    // A shared id and an event id that read alike are two things.
    on_each(|ledger| {
        record(ledger, vec![event("1", Some("2"), "A", "x:Y", TUE)]);
        assert_eq!(record(ledger, vec![event("2", None, "A", "x:Y", TUE)]), recorded(1, 0));
    });
}

#[test]
fn what_is_older_than_counts_are_kept_is_refused() {
    on_each_keeping(&Keep::days(10, 3), |ledger| {
        let ago = ago(crate::io::clock::now());
        let old = || vec![event("1", None, "A", "x:Y", &ago(11)), event("2", None, "A", "x:Y", &ago(9))];
        let mut give = || ledger.record(old(), crate::io::clock::now()).unwrap();
        assert_eq!(give(), Recorded { new: 1, duplicate: 0, stale: 1 });
        assert_eq!(give(), Recorded { new: 0, duplicate: 1, stale: 1 });
        assert_eq!(ledger.find("D-A").unwrap().count, 1);
    });
}

#[test]
fn an_allowed_call_is_noted_once_counts_nothing_and_is_not_masked_again() {
    let keep = Keep { hashed: BTreeSet::from([Hashed::Session]), ..Keep::days(40_000, 40_000) };
    on_each_keeping(&keep, |ledger| {
        let mut denied = event("1", None, "A", "x:Y", TUE);
        denied.finding.principal.session = Some("jane".into());
        record(ledger, vec![denied]);
        let before = ledger.find("D-A").unwrap();
        let key = before.items.keys().next().unwrap().clone();
        let pass = Pass::new(at(WED), "2");
        let allowed = |finding: &Finding| {
            let allowed = BTreeMap::from([(key.clone(), BTreeSet::from([pass.clone()]))]);
            finding.sighted(Sightings { allowed, ..Sightings::default() }).unwrap()
        };
        // It is no event: neither new nor a copy.
        assert_eq!(record(ledger, vec![allowed(&before)]), recorded(0, 0));
        let after = ledger.find("D-A").unwrap();
        assert_eq!(record(ledger, vec![allowed(&after), allowed(&before)]), recorded(0, 0));
        let mut expect = before.clone();
        expect.items.get_mut(&key).unwrap().allowed.insert(pass.clone());
        assert_eq!(ledger.find("D-A").unwrap(), expect);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// All ledgers give the same findings, however the events are cut into batches.
    #[test]
    fn all_ledgers_agree(
        events in prop::collection::vec((0u8..12, prop::option::of(0u8..4), 0u8..3, 0u8..2, 10u8..14), 0..24),
        cut in 1usize..6,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut ledgers = each(&folder, &Keep::days(40_000, 40_000));
        let make = |(id, shared, finding, action, day): &(u8, Option<u8>, u8, u8, u8)| {
            // As CloudTrail writes them, and otherwise.
            let text = |id: u8| match id % 3 {
                0 => id.to_string(),
                _ => format!("{id:02x}234567-89ab-cdef-0123-456789abcdef"),
            };
            let shared = shared.map(text);
            event(&text(*id), shared.as_deref(), &finding.to_string(), &format!("x:A{action}"),
                  &format!("2026-11-{day}T10:00:00Z"))
        };
        let batches: Vec<Vec<Observed>> = events.chunks(cut).map(|part| part.iter().map(make).collect()).collect();
        let mut seen = Vec::new();
        for ledger in &mut ledgers {
            let counts: Vec<Recorded> = batches.iter().map(|batch| record(ledger.as_mut(), batch.clone())).collect();
            seen.push((counts, ledger.findings(&Filter::default()).unwrap()));
        }
        for other in &seen[1..] {
            prop_assert_eq!(&seen[0], other);
        }
        let total: u64 = seen[0].0.iter().map(|recorded| recorded.new).sum();
        prop_assert_eq!(total, seen[0].1.iter().map(|finding| finding.count).sum::<u64>());
    }
}
