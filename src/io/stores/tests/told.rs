//! What was told to whom, what could not be processed, what tasks leave.

use super::*;
use crate::delivery::Told;

#[test]
fn a_delivery_is_replaced_by_whoever_names_its_version() {
    on_each(|ledger| {
        let taken = |version, by: &str| Delivery {
            version,
            lease: Some(at(WED)),
            by: by.into(),
            told: Told { fingerprint: "f".into(), last_denial: Some(at(TUE)), ..Told::default() },
            ..Delivery::default()
        };
        assert_eq!(ledger.delivery("D-A", "slack").unwrap(), None);
        assert!(!ledger.put_delivery("D-A", "slack", &taken(2, "one")).unwrap(), "there is no version 1");
        assert!(ledger.put_delivery("D-A", "slack", &taken(1, "one")).unwrap());
        assert!(!ledger.put_delivery("D-A", "slack", &taken(1, "two")).unwrap(), "somebody was first");
        assert!(ledger.put_delivery("D-A", "mail", &taken(1, "two")).unwrap(), "another receiver");
        assert!(ledger.put_delivery("D-B", "slack", &taken(1, "two")).unwrap(), "another finding");
        assert_eq!(ledger.delivery("D-A", "slack").unwrap(), Some(taken(1, "one")));
        let open = |ledger: &dyn Ledger| -> Vec<String> {
            ledger
                .open_deliveries(None)
                .unwrap()
                .into_iter()
                .map(|open| format!("{} {}", open.id, open.destination))
                .collect()
        };
        assert_eq!(open(ledger), ["D-A mail", "D-A slack", "D-B slack"]);
        let done = Delivery { version: 2, receipt: Some("1.2".into()), ..Delivery::default() };
        assert!(ledger.put_delivery("D-A", "slack", &done).unwrap());
        assert!(!ledger.put_delivery("D-A", "slack", &taken(2, "one")).unwrap(), "it was replaced");
        assert_eq!(ledger.delivery("D-A", "slack").unwrap(), Some(done));
        let waits = Delivery { version: 2, due: Some(at(FRI)), attempts: 3, ..Delivery::default() };
        assert!(ledger.put_delivery("D-A", "mail", &waits).unwrap());
        assert_eq!(open(ledger), ["D-A mail", "D-B slack"]);
        let by = |when: &str| ledger.open_deliveries(Some(at(when))).unwrap().len();
        assert_eq!((by(TUE), by(WED), by(FRI)), (0, 1, 2));
    });
}

#[test]
fn a_poison_message_is_kept_once_with_its_reason() {
    on_each(|ledger| {
        ledger.quarantine("no JSON", "{\0'", at(TUE)).unwrap();
        ledger.quarantine("no JSON", "{\0'", at(WED)).unwrap();
        ledger.quarantine("too deep", "{\0'", at(TUE)).unwrap();
        ledger.quarantine("no JSON", "{", at(WED)).unwrap();
        let kept = ledger.quarantined().unwrap();
        assert_eq!(kept.len(), 3);
        let first = Quarantined { at: at(TUE), reason: "no JSON".into(), body: "{\0'".into() };
        assert!(kept[..2].contains(&first), "{kept:?}");
        assert_eq!(kept[2], Quarantined { at: at(WED), reason: "no JSON".into(), body: "{".into() });
    });
}

#[test]
fn a_task_finds_what_it_left() {
    on_each(|ledger| {
        assert_eq!(ledger.state("sweep").unwrap(), None);
        ledger.put_state("sweep", "one").unwrap();
        ledger.put_state("sweep", "two").unwrap();
        assert_eq!((ledger.state("sweep").unwrap().as_deref(), ledger.state("other").unwrap()), (Some("two"), None));
    });
}
