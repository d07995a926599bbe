//! One suite, run on every ledger.

use super::*;
use crate::denial::{Encoded, Facts, How, Reason, ReasonKind};
use crate::diagnosis::{Cause, Diagnosis, Target, TargetKind};
use crate::finding::{Item, ItemKey};
use crate::principal::{Principal, PrincipalKind};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn event(id: &str, shared: Option<&str>, finding: &str, action: &str, when: &str) -> Observed {
    let seen = Some(at(when));
    let target = Target { kind: TargetKind::RolePolicy, arn: None, name: Some("app".into()), account: None };
    let item = Item {
        count: 1,
        first_seen: seen,
        last_seen: seen,
        events: BTreeSet::from([(seen, id.to_owned())]),
        how: How::Message,
        reason: Reason {
            kind: ReasonKind::Implicit,
            policy_type: None,
            policy_arn: None,
            authorization_id: None,
            encoded: Encoded::Absent,
            special: None,
            cut: false,
        },
        diagnosis: Diagnosis {
            cause: Cause::IdentityAllowMissing,
            summary: "s".into(),
            evidence: vec![],
            unchecked: vec![],
            doubts: vec![],
        },
        operations: BTreeSet::from([action.to_owned()]),
        regions: BTreeSet::from(["us-east-1".to_owned()]),
        vias: BTreeSet::new(),
        also: BTreeSet::new(),
        passes: BTreeSet::new(),
        next: BTreeSet::new(),
        seconds: BTreeSet::new(),
        allowed: BTreeSet::new(),
        facts: Facts { message: Some(format!("message of {id}")), ..Facts::default() },
    };
    let principal = Principal {
        kind: PrincipalKind::Role,
        arn: Some(format!("arn:aws:iam::111122223333:role/{finding}")),
        name: Some(finding.to_owned()),
        ..Principal::unknown()
    };
    let key = ItemKey { action: action.to_owned(), resource: "*".into(), cause: Cause::IdentityAllowMissing };
    let finding = Finding {
        id: format!("D-{finding}"),
        principal,
        target,
        account: Some("111122223333".into()),
        count: 1,
        days: BTreeMap::from([(at(when).to_zoned(TimeZone::UTC).date(), 1)]),
        items: BTreeMap::from([(key, item)]),
    };
    Observed { event_id: id.into(), shared_event_id: shared.map(Into::into), at: seen, finding }
}

/// Runs a test on each ledger, a fresh one.
fn on_each(test: impl Fn(&mut dyn Ledger)) {
    test(&mut MemoryLedger::default());
    let folder = tempfile::tempdir().unwrap();
    test(&mut SqliteLedger::open(&folder.path().join("ledger.db")).unwrap());
}

const TUE: &str = "2026-11-10T10:00:00Z";
const WED: &str = "2026-11-11T10:00:00Z";
const FRI: &str = "2026-11-13T10:00:00Z";

#[track_caller]
fn check_ids(ledger: &dyn Ledger, filter: Filter, expect: &[&str]) {
    let ids: Vec<String> = ledger.findings(&filter).unwrap().into_iter().map(|finding| finding.id).collect();
    assert_eq!(ids, expect);
}

#[test]
fn an_event_counts_once() {
    on_each(|ledger| {
        let batch = || vec![event("1", None, "A", "x:Y", TUE), event("2", None, "A", "x:Y", WED)];
        assert_eq!(ledger.record(batch()).unwrap(), Recorded { new: 2, duplicate: 0 });
        assert_eq!(ledger.record(batch()).unwrap(), Recorded { new: 0, duplicate: 2 });
        let twice = vec![event("3", None, "A", "x:Y", FRI), event("3", None, "A", "x:Y", FRI)];
        assert_eq!(ledger.record(twice).unwrap(), Recorded { new: 1, duplicate: 1 });
        let found = ledger.find("D-A").unwrap();
        assert_eq!((found.count, found.days.len(), found.items.len()), (3, 3, 1));
        let item = found.items.values().next().unwrap();
        assert_eq!((item.count, item.first_seen, item.last_seen), (3, Some(at(TUE)), Some(at(FRI))));
    });
}

#[test]
fn an_act_told_by_two_accounts_counts_once() {
    // Either order, across batches, and where the third copy bears only one of the ids.
    for (first, second) in [("1", "2"), ("2", "1")] {
        on_each(|ledger| {
            let recorded = |new, duplicate| Recorded { new, duplicate };
            assert_eq!(ledger.record(vec![event(first, Some("s"), "A", "x:Y", TUE)]).unwrap(), recorded(1, 0));
            assert_eq!(ledger.record(vec![event(second, Some("s"), "B", "x:Y", TUE)]).unwrap(), recorded(0, 1));
            assert_eq!(ledger.record(vec![event(second, None, "B", "x:Y", TUE)]).unwrap(), recorded(0, 1));
            assert_eq!(ledger.record(vec![event(first, None, "A", "x:Y", TUE)]).unwrap(), recorded(0, 1));
            check_ids(ledger, Filter::default(), &["D-A"]);
        });
    }
    // A shared id and an event id that read alike are two things.
    on_each(|ledger| {
        ledger.record(vec![event("1", Some("2"), "A", "x:Y", TUE)]).unwrap();
        let recorded = ledger.record(vec![event("2", None, "A", "x:Y", TUE)]).unwrap();
        assert_eq!(recorded.new, 1);
    });
}

#[test]
fn findings_come_by_id_and_filter() {
    on_each(|ledger| {
        let batch = vec![
            event("1", None, "B", "x:Y", TUE),
            event("2", None, "B", "x:Y", FRI),
            event("3", None, "A", "x:Z", WED),
        ];
        ledger.record(batch).unwrap();
        let filter = Filter::default;
        let wed = Some(at("2026-11-11T00:00:00Z"));
        let thu = Some(at("2026-11-12T00:00:00Z"));
        check_ids(ledger, filter(), &["D-A", "D-B"]);
        check_ids(ledger, Filter { since: thu, ..filter() }, &["D-B"]);
        check_ids(ledger, Filter { until: wed, ..filter() }, &["D-B"]);
        // B was quiet on Wednesday, though denied before and after.
        check_ids(ledger, Filter { since: wed, until: thu, ..filter() }, &["D-A"]);
        check_ids(ledger, Filter { since: Some(at(FRI)), ..filter() }, &["D-B"]);
        check_ids(ledger, Filter { until: Some(at(TUE)), ..filter() }, &[]);
        check_ids(ledger, Filter { account: Some("111122223333".into()), ..filter() }, &["D-A", "D-B"]);
        check_ids(ledger, Filter { account: Some("444455556666".into()), ..filter() }, &[]);
        check_ids(ledger, Filter { principal: Some("A".into()), ..filter() }, &["D-A"]);
        let arn = Some("arn:aws:iam::111122223333:role/B".into());
        check_ids(ledger, Filter { principal: arn, ..filter() }, &["D-B"]);
    });
}

#[test]
fn a_finding_is_found_by_its_beginning() {
    on_each(|ledger| {
        let batch = ["ABC2", "ABD3", "XY", "XYZ"].map(|id| event(id, None, id, "x:Y", TUE)).to_vec();
        ledger.record(batch).unwrap();
        assert_eq!(ledger.find("D-ABC").unwrap().id, "D-ABC2");
        assert_eq!(ledger.find("d-abd").unwrap().id, "D-ABD3");
        assert_eq!(ledger.find("D-XY").unwrap().id, "D-XY");
        let told = |prefix: &str| ledger.find(prefix).unwrap_err().to_string();
        assert_eq!(told("D-AB"), "`D-AB` is the beginning of several findings: D-ABC2, D-ABD3");
        assert_eq!(told("D-%"), "no finding begins with `D-%`; `denywatch findings` lists them");
        assert_eq!(told("D-ABC2x"), "no finding begins with `D-ABC2x`; `denywatch findings` lists them");
        assert_eq!(told("é"), "no finding begins with `é`; `denywatch findings` lists them");
    });
}

#[test]
fn coverage_sums_the_runs_of_a_period() {
    let place = |region: &str, first: &str, last: &str| Place {
        account: Some("111122223333".into()),
        region: Some(region.into()),
        first: Some(at(first)),
        last: Some(at(last)),
        records: 10,
    };
    let run = |input: &str, places: Vec<Place>| Run {
        input: input.into(),
        at: at(FRI),
        files: 2,
        bytes: 100,
        records: 20,
        denied: 3,
        unreadable: 1,
        places,
    };
    on_each(|ledger| {
        ledger.note_run(&run("a", vec![place("us-east-1", TUE, TUE)])).unwrap();
        // The same folder, read again: it replaces the first.
        let (east, west) = (place("us-east-1", TUE, WED), place("us-west-2", WED, WED));
        ledger.note_run(&run("a", vec![east.clone(), west.clone()])).unwrap();
        ledger.note_run(&run("b", vec![place("us-east-1", FRI, FRI)])).unwrap();
        ledger.note_run(&run("c", vec![])).unwrap();
        let all = ledger.coverage(None, None).unwrap();
        assert_eq!((all.runs, all.files, all.records, all.denied, all.unreadable), (3, 6, 60, 9, 3));
        let both = Place { records: 20, ..place("us-east-1", TUE, FRI) };
        assert_eq!(all.places, [both, west.clone()]);
        let wednesday = ledger.coverage(Some(at(WED)), Some(at("2026-11-12T00:00:00Z"))).unwrap();
        assert_eq!((wednesday.runs, wednesday.places), (1, vec![east, west]));
        assert_eq!(ledger.coverage(Some(at("2026-12-01T00:00:00Z")), None).unwrap(), Coverage::default());
    });
}

#[test]
fn an_alert_is_claimed_once() {
    on_each(|ledger| {
        let mut claim = |id: &str, print: &str| ledger.claim_alert(id, print, at(TUE)).unwrap();
        assert!(claim("D-A", "1"));
        assert!(!claim("D-A", "1"));
        assert!(claim("D-A", "2"));
        assert!(claim("D-B", "1"));
        ledger.release_alert("D-A", "1").unwrap();
        assert!(ledger.claim_alert("D-A", "1", at(WED)).unwrap());
        assert!(!ledger.claim_alert("D-A", "2", at(WED)).unwrap());
    });
}

#[test]
fn an_old_claim_is_renewed_once() {
    on_each(|ledger| {
        assert!(!ledger.renew_alert("D-A", "1", at(WED), at(WED)).unwrap(), "there is none");
        assert!(ledger.claim_alert("D-A", "1", at(TUE)).unwrap());
        let before = at(TUE).checked_sub(jiff::SignedDuration::from_secs(1)).unwrap();
        assert!(!ledger.renew_alert("D-A", "1", before, at(WED)).unwrap(), "it is too young");
        assert!(ledger.renew_alert("D-A", "1", at(TUE), at(WED)).unwrap());
        assert!(!ledger.renew_alert("D-A", "1", at(TUE), at(WED)).unwrap(), "it is taken");
        assert!(!ledger.renew_alert("D-A", "2", at(WED), at(WED)).unwrap(), "another fingerprint");
    });
}

#[test]
fn a_poison_message_is_kept_with_its_reason() {
    on_each(|ledger| {
        ledger.quarantine("no JSON", "{\0'", at(TUE)).unwrap();
        ledger.quarantine("no JSON", "{\0'", at(WED)).unwrap();
        let kept = ledger.quarantined().unwrap();
        assert_eq!(kept.len(), 2);
        let first = Quarantined { at: at(TUE), reason: "no JSON".into(), body: "{\0'".into() };
        assert_eq!(kept[0], first);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Both ledgers give the same findings, however the events are cut into batches.
    #[test]
    fn all_ledgers_agree(
        events in prop::collection::vec((0u8..12, prop::option::of(0u8..4), 0u8..3, 0u8..2, 10u8..14), 0..24),
        cut in 1usize..6,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut ledgers: [Box<dyn Ledger>; 2] = [
            Box::new(MemoryLedger::default()),
            Box::new(SqliteLedger::open(&folder.path().join("l.db")).unwrap()),
        ];
        let make = |(id, shared, finding, action, day): &(u8, Option<u8>, u8, u8, u8)| {
            let shared = shared.map(|s| s.to_string());
            event(&id.to_string(), shared.as_deref(), &finding.to_string(), &format!("x:A{action}"),
                  &format!("2026-11-{day}T10:00:00Z"))
        };
        let batches: Vec<Vec<Observed>> = events.chunks(cut).map(|part| part.iter().map(make).collect()).collect();
        let mut seen = Vec::new();
        for ledger in &mut ledgers {
            let counts: Vec<Recorded> = batches.iter().map(|batch| ledger.record(batch.clone()).unwrap()).collect();
            seen.push((counts, ledger.findings(&Filter::default()).unwrap()));
        }
        prop_assert_eq!(&seen[0], &seen[1]);
        let total: u64 = seen[0].0.iter().map(|recorded| recorded.new).sum();
        prop_assert_eq!(total, seen[0].1.iter().map(|finding| finding.count).sum::<u64>());
    }
}
