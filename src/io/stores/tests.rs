//! One suite, run on every ledger.

use super::*;
use crate::change::{Change, KEPT};
use crate::delivery::Told;
use crate::denial::{Encoded, Facts, How, Reason, ReasonKind};
use crate::diagnosis::{Cause, Diagnosis, Target, TargetKind};
use crate::finding::{Item, ItemKey, Pass, Sightings};
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
        more_allowed: false,
        before: BTreeSet::new(),
        looked: BTreeMap::new(),
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
        items: BTreeMap::from([(key, Box::new(item))]),
        used: BTreeMap::new(),
    };
    Observed { event_id: id.into(), shared_event_id: shared.map(Into::into), at: seen, finding }
}

/// A fresh ledger of each kind. DynamoDB's where `DENYWATCH_TEST_DYNAMODB` says how to reach a stand-in: see
/// `tests/e2e/with_dynamodb.py`.
pub(super) fn each(folder: &tempfile::TempDir, keep: &Keep) -> Vec<Box<dyn Ledger>> {
    let file = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap().keeping(keep).unwrap();
    #[allow(unused_mut)]
    let mut all: Vec<Box<dyn Ledger>> = vec![Box::new(MemoryLedger::keeping(keep)), Box::new(file)];
    #[cfg(feature = "dynamodb")]
    all.extend(super::dynamo::tests::fresh(keep).map(|ledger| Box::new(ledger) as Box<dyn Ledger>));
    all
}

/// Runs a test on each ledger, a fresh one that keeps everything.
fn on_each(test: impl Fn(&mut dyn Ledger)) {
    on_each_keeping(&Keep::days(40_000, 40_000), test);
}

fn on_each_keeping(keep: &Keep, test: impl Fn(&mut dyn Ledger)) {
    let folder = tempfile::tempdir().unwrap();
    each(&folder, keep).iter_mut().for_each(|ledger| test(ledger.as_mut()));
}

const TUE: &str = "2026-11-10T10:00:00Z";
const WED: &str = "2026-11-11T10:00:00Z";
const FRI: &str = "2026-11-13T10:00:00Z";
const NOW: &str = "2026-11-14T10:00:00Z";

/// Records as of Saturday.
fn record(ledger: &mut dyn Ledger, batch: Vec<Observed>) -> Recorded {
    ledger.record(batch, at(NOW)).unwrap()
}

fn recorded(new: u64, duplicate: u64) -> Recorded {
    Recorded { new, duplicate, stale: 0 }
}

#[track_caller]
fn check_ids(ledger: &dyn Ledger, filter: Filter, expect: &[&str]) {
    let ids: Vec<String> = ledger.findings(&filter).unwrap().into_iter().map(|finding| finding.id).collect();
    assert_eq!(ids, expect);
}

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
fn findings_are_found_by_their_heads() {
    on_each(|ledger| {
        let one = |name: &str, role: &str| {
            let mut event = event(name, None, name, "x:Y", TUE);
            event.finding.principal.name = Some(role.to_owned());
            event
        };
        let events = || [one("A", "z"), one("B", "y"), one("C", "z"), one("D", "x")];
        record(ledger, events().into());
        // A by its id, C as its caller's, D by its id alone; B is nobody's.
        let mut among = Touched::of(&events()[..1]);
        among.ids.insert("D-D".to_owned());
        let heads = ledger.heads(&among).unwrap();
        let mut ids: Vec<&str> = heads.iter().map(|head| &*head.id).collect();
        let owner = |id: &str| heads.iter().find(|head| &*head.id == id).map(|head| &head.owner).unwrap();
        assert_eq!(owner("D-A"), owner("D-C"));
        assert!(heads.is_sorted());
        ids.sort_unstable();
        assert_eq!(ids, ["D-A", "D-C", "D-D"]);
        assert_eq!(ledger.heads(&Touched::default()).unwrap(), []);
        let some = ledger.some(&["D-D", "D-A", "D-gone", "D-A"]).unwrap();
        assert_eq!(some.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["D-A", "D-D"]);
        assert_eq!(some[0], ledger.find("D-A").unwrap());
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
fn an_object_is_known_by_its_key_and_mark_and_adds_to_its_run_once() {
    let object = |key: &str, mark: &str| Object { key: key.into(), mark: mark.into() };
    let read = |key: &str, mark: &str, when: &str| ObjectRead {
        object: object(key, mark),
        held: Held { bytes_read: 5, bytes: 10, records: 4, denied: 1, unreadable: 0 },
        places: vec![Place {
            account: Some("1".into()),
            region: None,
            first: Some(at(when)),
            last: Some(at(when)),
            records: 4,
        }],
    };
    let known = |ledger: &dyn Ledger, asked: &[Object]| -> Vec<bool> {
        ledger.known_objects(asked).unwrap().iter().map(Option::is_some).collect()
    };
    on_each(|ledger| {
        let asked = [object("a", "1"), object("a", "2"), object("b", "1")];
        assert_eq!(known(ledger, &asked), [false; 3]);
        assert_eq!(ledger.noted_run("logs").unwrap(), None);
        for _ in 0..2 {
            ledger.note_objects("logs", &[read("a", "1", WED), read("b", "1", TUE)], at(NOW)).unwrap();
        }
        assert_eq!(known(ledger, &asked), [true, false, true]);
        assert_eq!(ledger.known_objects(&asked[2..]).unwrap(), [Some(read("b", "1", TUE).held)]);
        assert_eq!(known(ledger, &[]), [false; 0]);
        // Under another input what is known adds nothing; what was changed does.
        ledger.note_objects("other", &[read("b", "1", TUE)], at(NOW)).unwrap();
        ledger.note_objects("logs", &[read("a", "2", FRI), read("c", "1", FRI)], at(NOW)).unwrap();
        assert_eq!(known(ledger, &asked), [false, true, true]);
        let run = ledger.noted_run("logs").unwrap().unwrap();
        assert_eq!((run.files, run.bytes, run.records, run.denied), (4, 40, 16, 4));
        let place = (run.places.len(), run.places[0].first, run.places[0].last, run.places[0].records);
        assert_eq!(place, (1, Some(at(TUE)), Some(at(FRI)), 16));
        assert_eq!(ledger.coverage(None, None).unwrap().records, 16);
    });
}

#[test]
fn many_objects_at_once() {
    on_each(|ledger| {
        let read = |n: usize| ObjectRead {
            object: Object { key: format!("k{n}"), mark: "1".into() },
            held: Held { records: 1, ..Held::default() },
            places: vec![],
        };
        let all: Vec<ObjectRead> = (0..250).map(read).collect();
        ledger.note_objects("logs", &all, at(NOW)).unwrap();
        let asked: Vec<Object> = all.iter().map(|read| read.object.clone()).collect();
        assert!(ledger.known_objects(&asked).unwrap().iter().all(Option::is_some));
        assert_eq!(ledger.noted_run("logs").unwrap().unwrap().files, 250);
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
fn findings_come_by_id_and_filter() {
    on_each(|ledger| {
        let batch = vec![
            event("1", None, "B", "x:Y", TUE),
            event("2", None, "B", "x:Y", FRI),
            event("3", None, "A", "x:Z", WED),
        ];
        record(ledger, batch);
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
        record(ledger, batch);
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

/// So many days before; a table shows what the clock of this machine does not hold to be over.
fn ago(now: Timestamp) -> impl Fn(i64) -> String {
    move |days| (now - jiff::SignedDuration::from_hours(24 * days)).to_string()
}

#[test]
fn samples_go_before_counts_and_counts_before_long() {
    on_each_keeping(&Keep::days(100_000, 30), |ledger| {
        record(ledger, vec![event("1", None, "A", "x:Y", TUE), event("2", None, "B", "x:Y", FRI)]);
        ledger.quarantine("no JSON", "{", at(TUE)).unwrap();
        assert_eq!(ledger.expire(at(NOW)).unwrap(), Purged::default());
        let whole = ledger.find("D-A").unwrap();
        let later = at("2026-12-11T10:00:00Z");
        assert_eq!(ledger.expire(later).unwrap(), Purged { samples: 1, quarantined: 1, ..Purged::default() });
        assert_eq!(ledger.expire(later).unwrap(), Purged::default());
        let mut bare = whole;
        for item in bare.items.values_mut() {
            item.events.clear();
            item.facts.message = None;
        }
        assert_eq!(ledger.find("D-A").unwrap(), bare, "all else stays");
        assert!(!ledger.find("D-B").unwrap().items.values().next().unwrap().events.is_empty());
    });
    on_each_keeping(&Keep::days(30, 30), |ledger| {
        let now = crate::io::clock::now();
        let (old, new) = (ago(now)(29), ago(now)(2));
        ledger.record(vec![event("1", None, "A", "x:Y", &old), event("2", None, "B", "x:Y", &new)], now).unwrap();
        let told = Delivery { version: 1, told: Told { sent: Some(now), ..Told::default() }, ..Delivery::default() };
        assert!(ledger.put_delivery("D-A", "slack", &told).unwrap());
        let gone = ledger.expire(now + jiff::SignedDuration::from_hours(48)).unwrap();
        assert_eq!(gone, Purged { findings: 1, deliveries: 1, ..Purged::default() });
        check_ids(ledger, Filter::default(), &["D-B"]);
        assert_eq!(ledger.delivery("D-A", "slack").unwrap(), None);
    });
}

#[test]
fn a_principal_is_forgotten() {
    on_each(|ledger| {
        record(ledger, vec![event("1", None, "A", "x:Y", TUE), event("2", None, "AB", "x:Y", TUE)]);
        let told = Delivery { version: 1, lease: Some(at(WED)), ..Delivery::default() };
        assert!(ledger.put_delivery("D-A", "slack", &told).unwrap());
        assert!(ledger.put_delivery("D-AB", "slack", &told).unwrap());
        ledger.quarantine("no JSON", "{\"arn\":\"arn:aws:iam::111122223333:role/A\"", at(TUE)).unwrap();
        ledger.quarantine("no JSON", "{\"arn\":\"arn:aws:iam::111122223333:role/AB\"", at(TUE)).unwrap();
        let gone = ledger.purge("arn:aws:iam::111122223333:role/A").unwrap();
        assert_eq!(gone, Purged { findings: 1, deliveries: 1, quarantined: 1, ..Purged::default() });
        check_ids(ledger, Filter::default(), &["D-AB"]);
        assert_eq!((ledger.open_deliveries(None).unwrap().len(), ledger.quarantined().unwrap().len()), (1, 1));
        // What was counted does not come back; what is new does.
        assert_eq!(record(ledger, vec![event("1", None, "A", "x:Y", TUE)]), recorded(0, 1));
        assert_eq!(record(ledger, vec![event("3", None, "A", "x:Y", TUE)]), recorded(1, 0));
        assert_eq!(ledger.find("D-A").unwrap().count, 1);
        assert_eq!(ledger.purge("nobody").unwrap(), Purged::default());
        assert_eq!(ledger.purge("A").unwrap().findings, 1);
    });
}

#[test]
fn what_a_second_look_owes_is_no_principal_s() {
    on_each(|ledger| {
        let owed = r#"{"accounts":["111122223333"],"regions":["eu-west-1"]}"#;
        ledger.put_state("second look at logs/eu-west-1", owed).unwrap();
        ledger.put_state("services in Event history of 111122223333", r#"[["s3",false],["sts",false]]"#).unwrap();
        for named in ["111122223333", "eu-west-1", "accounts", "s3"] {
            ledger.purge(named).unwrap();
        }
        ledger.purge("arn:aws:iam::111122223333:role/eu-west-1").unwrap();
        assert_eq!(ledger.state("second look at logs/eu-west-1").unwrap().as_deref(), Some(owed));
        assert!(ledger.state("services in Event history of 111122223333").unwrap().unwrap().contains("s3"));
    });
}

/// A caller's calls of so many days ago, as a scan of Event history leaves them.
fn remember(ledger: &mut dyn Ledger, caller: &str, now: Timestamp, days: &[i64]) {
    let entry = serde_json::json!({"of": caller, "operation": "s3:GetObject", "region": "us-east-1",
        "needs": [["s3:GetObject", ["arn:aws:s3:::logs"]]],
        "calls": days.iter().map(|days| serde_json::json!([ago(now)(*days), "e"])).collect::<Vec<_>>()});
    let index = "callers in Event history of 111122223333: A";
    let before = ledger.state(index).unwrap().unwrap_or_else(|| "{}".into());
    let mut of_all: serde_json::Value = serde_json::from_str(&before).unwrap();
    let oldest = days.iter().max().unwrap();
    of_all[format!("A{caller}")] = ago(now)(*oldest)[..10].into();
    ledger.put_state(index, &of_all.to_string()).unwrap();
    let task = format!("allowed calls in Event history of 111122223333: A{caller}");
    ledger.put_state(&task, &serde_json::Value::Array(vec![entry]).to_string()).unwrap();
}

/// How many calls are kept of a caller, and whether the index knows of it; `None` where there is no entry.
fn remembered(ledger: &dyn Ledger, caller: &str) -> (Option<usize>, bool) {
    let calls = ledger.state(&format!("allowed calls in Event history of 111122223333: A{caller}")).unwrap();
    let index = ledger.state("callers in Event history of 111122223333: A").unwrap().unwrap_or_default();
    let count =
        |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap()[0]["calls"].as_array().unwrap().len();
    (calls.map(count), index.contains(&format!("\"A{caller}\"")))
}

#[test]
fn allowed_calls_are_forgotten_in_time_whatever_is_read_later() {
    let now = at(NOW);
    for (keep, terms, is_told) in
        [(Keep::days(40_000, 40_000), 104, false), (Keep::days(60, 400), 60, true), (Keep::days(400, 35), 35, true)]
    {
        on_each_keeping(&keep, |ledger| {
            remember(ledger, "ana", now, &[terms + 2, terms + 1, terms - 1]);
            remember(ledger, "eve", now, &[terms + 1]);
            remember(ledger, "kim", now, &[2]);
            ledger.expire(now).unwrap();
            let left = ["ana", "eve", "kim"].map(|caller| remembered(ledger, caller));
            assert_eq!(left, [(Some(1), true), (None, false), (Some(1), true)], "{terms}");
            // What Event history may still tell of is not silently gone.
            let forgotten = calls::forgotten("111122223333", ledger).unwrap();
            assert_eq!(forgotten, is_told.then(|| ago(now)(terms).parse().unwrap()));
            ledger.expire(now + jiff::SignedDuration::from_hours(24 * 200)).unwrap();
            assert_eq!(ledger.state("callers in Event history of 111122223333: A").unwrap(), None);
        });
    }
}

#[test]
fn of_whom_it_forgot_no_caller_s_key_is_left() {
    on_each(|ledger| {
        remember(ledger, "ana", at(NOW), &[3]);
        remember(ledger, "kim", at(NOW), &[2]);
        ledger.purge("ana").unwrap();
        assert_eq!([remembered(ledger, "ana"), remembered(ledger, "kim")], [(None, false), (Some(1), true)]);
        ledger.purge("kim").unwrap();
        assert_eq!(ledger.state("callers in Event history of 111122223333: A").unwrap(), None);
    });
}

/// All that a principal is known by goes, whatever kept it; DynamoDB's own test reads the items.
#[test]
fn nothing_that_is_kept_names_whom_it_forgot() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    for named in ["arn:aws:iam::111122223333:user/nightingale", "nightingale"] {
        let mut memory = MemoryLedger::keeping(&Keep::days(40_000, 40_000));
        name_everywhere(&mut memory);
        assert!(format!("{memory:?}").matches("nightingale").count() > 10);
        memory.purge(named).unwrap();
        assert!(!format!("{memory:?}").contains("nightingale"), "{memory:?}");
        check_left(&memory);
        let mut sqlite = SqliteLedger::open(&file).unwrap().keeping(&Keep::days(40_000, 40_000)).unwrap();
        name_everywhere(&mut sqlite);
        assert!(holds_name(folder.path()));
        sqlite.purge(named).unwrap();
        assert!(!holds_name(folder.path()), "while the ledger is open");
        check_left(&sqlite);
        drop(sqlite);
        assert!(!holds_name(folder.path()));
        #[allow(clippy::disallowed_methods)] // a fresh file
        std::fs::remove_file(&file).unwrap();
    }
}

#[allow(clippy::disallowed_methods)] // what lies on the disk is what counts
fn holds_name(folder: &std::path::Path) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| bytes.windows(11).any(|part| part == b"nightingale"))
}

/// A ledger in which one user stands in every sort of entry, beside others.
pub(super) fn name_everywhere(ledger: &mut dyn Ledger) {
    let arn = "arn:aws:iam::111122223333:user/nightingale";
    let own = |id: &str, when: &str| {
        let mut one = event(id, None, "nightingale", "x:Y", when);
        (one.finding.principal.kind, one.finding.principal.arn) = (PrincipalKind::User, Some(arn.into()));
        one
    };
    // Twice, so that an older row was replaced.
    record(ledger, vec![own("1", TUE), event("2", None, "other", "x:Y", TUE)]);
    record(ledger, vec![own("3", WED)]);
    let told = Delivery { version: 1, lease: Some(at(WED)), ..Delivery::default() };
    for finding in ["D-nightingale", "D-other"] {
        assert!(ledger.put_delivery(finding, "slack", &told).unwrap());
    }
    ledger.quarantine("no JSON", &format!("{{\"arn\":\"{arn}\""), at(TUE)).unwrap();
    ledger.quarantine("no JSON", "{\"userName\":\"nightingale\"", at(TUE)).unwrap();
    ledger.quarantine("no JSON", "{\"userName\":\"nightjar\"", at(TUE)).unwrap();
    let mut by = change("c1", TUE, APP);
    (by.by.kind, by.by.arn, by.by.name) = (PrincipalKind::User, Some(arn.into()), Some("nightingale".into()));
    let mut of = change("c2", WED, "iam:111122223333:user/nightingale");
    of.what = "user nightingale".into();
    let mut document = change("c3", WED, APP);
    document.document = Some(format!("{{\"Principal\":{{\"AWS\":\"{arn}\"}}}}"));
    ledger.note_changes(&[by, of, document], at(NOW)).unwrap();
    let tracks = r#"[{"region":"eu-west-1","user":"nightingale","track":{}},{"region":"eu-west-1","name":"PurgeQueue","track":{}}]"#;
    ledger.put_state("sweep", tracks).unwrap();
    ledger.put_state("other", "about nightingale").unwrap();
}

/// What is about others is there still.
pub(super) fn check_left(ledger: &dyn Ledger) {
    check_ids(ledger, Filter::default(), &["D-other"]);
    assert_eq!(ids(ledger, &[APP]), ["c3"]);
    assert_eq!(ledger.quarantined().unwrap().len(), 1);
    assert_eq!(ledger.open_deliveries(None).unwrap().len(), 1);
    assert!(ledger.state("sweep").unwrap().unwrap().contains("PurgeQueue"));
    assert_eq!(ledger.state("other").unwrap(), None);
}

#[test]
fn sessions_and_addresses_are_kept_as_keyed_hashes() {
    let keep = Keep { hashed: BTreeSet::from([Hashed::Session, Hashed::SourceIp]), ..Keep::days(40_000, 40_000) };
    on_each_keeping(&keep, |ledger| {
        let named = |id: &str, session: &str| {
            let mut event = event(id, None, "A", "x:Y", TUE);
            event.finding.principal.session = Some(session.into());
            for item in event.finding.items.values_mut() {
                item.facts.source_ip = Some("192.0.2.17".into());
                item.facts.message = Some(format!("User: arn:aws:sts::1:assumed-role/A/{session} from 192.0.2.17"));
            }
            event
        };
        record(ledger, vec![named("1", "jane.doe@example.com"), named("2", "jane.doe@example.com")]);
        let told = serde_json::to_string(&ledger.findings(&Filter::default()).unwrap()).unwrap();
        assert!(!told.contains("jane") && !told.contains("192.0.2.17"), "{told}");
        let found = ledger.find("D-A").unwrap();
        let session = found.principal.session.unwrap();
        assert!(session.starts_with("session-") && session.len() == 20, "{session}");
        assert!(told.contains(&format!("assumed-role/A/{session} from address-")), "{told}");
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

#[test]
fn what_only_a_copy_told_is_forgotten_too() {
    let copies = || vec![event("1", Some("s"), "A", "x:Y", TUE), event("2", Some("s"), "B", "x:Y", TUE)];
    on_each(|ledger| {
        record(ledger, copies());
        assert_eq!(ledger.find("D-B").unwrap().count, 0);
        // Told again, it changes nothing.
        assert_eq!(record(ledger, copies()), recorded(0, 2));
        assert_eq!(ledger.purge("B").unwrap().findings, 1);
        record(ledger, copies());
        assert!(ledger.find("D-B").is_err());
        check_ids(ledger, Filter::default(), &["D-A"]);
    });
    on_each(|ledger| {
        record(ledger, copies());
        // Two centuries later.
        assert_eq!(ledger.expire(at("2226-11-10T10:00:00Z")).unwrap().findings, 2);
    });
}

#[test]
fn findings_of_some_callers_are_read_alone() {
    on_each(|ledger| {
        let batch = vec![event("1", None, "A", "x:Y", TUE), event("2", None, "B", "x:Y", TUE)];
        record(ledger, batch.clone());
        let among = |touched| Filter { among: Some(touched), ..Filter::default() };
        check_ids(ledger, among(Touched::of(&batch[..1])), &["D-A"]);
        check_ids(ledger, among(Touched::of(&batch)), &["D-A", "D-B"]);
        check_ids(ledger, among(Touched::default()), &[]);
        // Merging may have changed whose it is.
        check_ids(ledger, among(Touched { ids: BTreeSet::from(["D-B".into()]), ..Touched::default() }), &["D-B"]);
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
            let shared = shared.map(|s| s.to_string());
            event(&id.to_string(), shared.as_deref(), &finding.to_string(), &format!("x:A{action}"),
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

fn change(id: &str, when: &str, target: &str) -> Change {
    let by = Principal {
        kind: PrincipalKind::Role,
        arn: Some("arn:aws:iam::111122223333:role/deploy".into()),
        account: Some("111122223333".into()),
        name: Some("deploy".into()),
        session: Some("jane".into()),
        ..Principal::unknown()
    };
    Change {
        at: at(when),
        event_id: id.into(),
        source: "iam.amazonaws.com".into(),
        name: "PutRolePolicy".into(),
        account: Some("111122223333".into()),
        by,
        via: None,
        what: "role app".into(),
        policy: Some("p".into()),
        targets: BTreeSet::from([target.to_owned()]),
        document: Some("{}".into()),
    }
}

fn ids(ledger: &dyn Ledger, targets: &[&str]) -> Vec<String> {
    let targets = targets.iter().map(|&target| target.to_owned()).collect();
    ledger.changes(&targets).unwrap().into_iter().map(|change| change.event_id).collect()
}

const APP: &str = "iam:111122223333:role/app";

#[test]
fn changes_are_kept_by_what_they_touched_each_once() {
    on_each(|ledger| {
        let mut both = change("2", WED, APP);
        both.targets.insert("resource:arn:aws:s3:::b".into());
        let batch = [change("1", TUE, APP), both, change("3", FRI, "iam:111122223333:role/other")];
        ledger.note_changes(&batch, at(NOW)).unwrap();
        ledger.note_changes(&batch, at(NOW)).unwrap();
        assert_eq!(ids(ledger, &[APP, "resource:arn:aws:s3:::b"]), ["1", "2"]);
        assert_eq!(ids(ledger, &["resource:arn:aws:s3:::b"]), ["2"]);
        assert_eq!(ids(ledger, &["iam:111122223333:role/nobody"]), [""; 0]);
        assert_eq!(ledger.changes(&BTreeSet::from([APP.to_owned()])).unwrap().first(), Some(&batch[0]));
    });
}

#[test]
fn of_a_target_the_latest_changes_stay_whatever_their_order() {
    let second = |n: i64| Timestamp::from_second(at(TUE).as_second() + n).unwrap().to_string();
    let many: Vec<Change> = (0..KEPT as i64 + 5).map(|n| change(&n.to_string(), &second(n), APP)).collect();
    on_each(|ledger| {
        let (late, early) = many.split_at(20);
        ledger.note_changes(early, at(NOW)).unwrap();
        ledger.note_changes(late, at(NOW)).unwrap();
        let kept: Vec<String> = many[5..].iter().map(|change| change.event_id.clone()).collect();
        assert_eq!(ids(ledger, &[APP]), kept);
    });
}

#[test]
fn changes_are_forgotten_with_their_time_and_with_their_principal() {
    let keep = Keep { hashed: BTreeSet::from([Hashed::Session]), ..Keep::days(30, 30) };
    let later = at(NOW) + jiff::SignedDuration::from_hours(24 * 28);
    on_each_keeping(&keep, |ledger| {
        let old = change("0", "2026-10-01T10:00:00Z", APP);
        ledger.note_changes(&[old, change("1", TUE, APP), change("2", FRI, APP)], at(NOW)).unwrap();
        assert_eq!(ids(ledger, &[APP]), ["1", "2"], "older ones are left out");
        let kept = ledger.changes(&BTreeSet::from([APP.to_owned()])).unwrap();
        assert!(kept.iter().all(|change| change.by.session.as_deref().is_some_and(|one| one.starts_with("session-"))));
        assert_eq!(ledger.expire(later).unwrap().changes, 1);
        assert_eq!(ids(ledger, &[APP]), ["2"]);
        // Whoever was changed is forgotten, and whoever changed it.
        assert_eq!(ledger.purge("arn:aws:iam::111122223333:role/path/app").unwrap().changes, 1);
        assert_eq!(ids(ledger, &[APP]), [""; 0]);
        ledger.note_changes(&[change("3", FRI, APP)], at(NOW)).unwrap();
        assert_eq!(ledger.purge("arn:aws:iam::444455556666:role/app").unwrap().changes, 0);
        assert_eq!(ledger.purge("deploy").unwrap().changes, 1);
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
