use super::*;
use crate::finding::{Observed, fold};
use crate::io::sources::many::{Make, Sort};
use crate::io::stores::{Ledger, MemoryLedger, SqliteLedger};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::ops::ControlFlow;

/// One record as CloudTrail writes it, compact and in its order.
fn event(id: u64, who: u64, what: u64, denied: bool, extra: &Value) -> String {
    let arn = format!("arn:aws:sts::111122223333:assumed-role/app{who}/s");
    let mut event = json!({
        "eventVersion": "1.08",
        "userIdentity": {"type": "AssumedRole", "arn": arn, "accountId": "111122223333"},
        "eventTime": format!("2026-11-10T10:{:02}:{:02}Z", id / 60 % 60, id % 60),
        "eventSource": "sqs.amazonaws.com", "eventName": "SendMessage", "awsRegion": "eu-west-1",
        "requestParameters": extra,
        "requestID": format!("r{id}"), "eventID": format!("e{id}"), "recipientAccountId": "111122223333",
    });
    if denied {
        let queue = format!("arn:aws:sqs:eu-west-1:111122223333:q{what}");
        event["errorCode"] = "AccessDenied".into();
        event["errorMessage"] = format!(
            "User: {arn} is not authorized to perform: sqs:SendMessage on resource: {queue} because no identity-based \
             policy allows the sqs:SendMessage action"
        )
        .into();
    }
    event.to_string()
}

fn log(records: &[String]) -> Vec<u8> {
    format!(r#"{{"Records":[{}]}}"#, records.join(",")).into_bytes()
}

const NAMED: &str = "logs/111122223333_CloudTrail_eu-west-1_20261110T1005Z_x.json.gz";

fn observed(gathered: &Gathered) -> Vec<Observed> {
    gathered.met.iter().cloned().map(Repeated::observed).collect()
}

/// Whatever way it is read, the same is found.
#[track_caller]
fn check(records: &[String]) {
    let bytes = log(records);
    let mut full = File::new("x", None);
    Gatherer::new(Catalog::embedded(), false).fully(&mut full, &bytes);
    let expect = observed(&full.gathered);
    let mut gatherer = Gatherer::new(Catalog::embedded(), false);
    // The second time everything was met before; the event ids tell.
    for name in [NAMED, "x", NAMED] {
        let found = gatherer.gather(name, &bytes);
        assert_eq!((found.records, found.denied), (full.gathered.records, full.gathered.denied), "{name}");
        assert_eq!(observed(&found), expect, "{name}");
        assert_eq!(found.problems.len(), full.gathered.problems.len());
        assert_eq!(found.places.iter().map(|place| place.records).sum::<u64>(), found.records);
        // Of a wrapping both events have a place.
        if name == "x" && !String::from_utf8_lossy(&bytes).contains("cloudTrailEvent") {
            assert_eq!(found.places, full.places.values().cloned().collect::<Vec<_>>());
        }
    }
    // Begun together, and finished after that.
    let (names, mut gatherer) = ([NAMED, "x", NAMED], Gatherer::new(Catalog::embedded(), false));
    let mut begun = names.map(|name| gatherer.begin(name, &bytes));
    for (name, found) in names.into_iter().zip(&mut begun) {
        gatherer.finish(name, found);
        let alone = Gatherer::new(Catalog::embedded(), false).gather(name, &bytes);
        assert_eq!(observed(found), expect, "{name}");
        assert_eq!(
            (found.records, found.denied, &found.places),
            (alone.records, alone.denied, &alone.places),
            "{name}"
        );
        assert_eq!(found.problems, alone.problems);
    }
    let denials = Gatherer::new(Catalog::embedded(), true).gather(NAMED, &bytes).denials;
    assert_eq!(crate::app::ingest::observed(denials), expect);
    // Handed over on the way, when what was begun before is finished.
    for (name, sort) in [(NAMED, Sort::File), ("x", Sort::File), ("x", Sort::Stream)] {
        let mut gatherer = Gatherer { heavy: 2, ..Gatherer::new(Catalog::embedded(), false) };
        let (mut before, mut met) = (gatherer.begin(NAMED, &bytes), Vec::new());
        let mut rest = gatherer.make_ahead(name, &bytes, sort, &mut |gatherer, made| {
            assert_eq!((made.records, made.denied, &made.places, &made.problems), (0, 0, &vec![], &vec![]));
            gatherer.finish(NAMED, &mut before);
            met.extend(observed(&made));
            ControlFlow::Continue(())
        });
        gatherer.finish(name, &mut rest);
        met.extend(observed(&rest));
        assert_eq!((rest.records, rest.denied, met), (full.gathered.records, full.gathered.denied, expect.clone()));
        assert_eq!(rest.problems.len(), full.gathered.problems.len());
        assert_eq!(rest.places.iter().map(|place| place.records).sum::<u64>(), rest.records);
        gatherer.finish(NAMED, &mut before);
        assert_eq!(observed(&before), expect);
    }
}

#[test]
fn the_same_call_again_is_concluded_once() {
    let mut gatherer = Gatherer::new(Catalog::embedded(), false);
    let records: Vec<String> = (0..50).map(|id| event(id, 1, id % 2, true, &Value::Null)).collect();
    let found = gatherer.gather(NAMED, &log(&records));
    let samples: std::collections::BTreeSet<_> =
        found.met.iter().map(|met| std::sync::Arc::as_ptr(&met.sample)).collect();
    assert_eq!((found.denied, samples.len()), (50, 2));
    check(&records);
}

#[test]
fn a_look_alike_of_an_id_is_not_taken_for_it() {
    let nested = [
        json!({"eventID": "e1"}),
        json!({"eventTime": "2026-11-10T10:00:01Z"}),
        json!({"requestID": "x", "x-amz-id-2": "y"}),
        json!({"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/q"}),
    ];
    for extra in nested {
        check(&[event(1, 1, 1, true, &extra), event(2, 1, 1, true, &extra), event(3, 1, 1, false, &extra)]);
        // The event's own id is missing, and another object's stands in its place.
        let without = |id: u64| event(id, 1, 1, true, &extra).replace("\"eventID\":\"e", "\"event_ID\":\"e");
        check(&[without(1), without(2), without(2)]);
    }
}

#[test]
fn places_are_each_records_own_where_the_name_does_not_tell() {
    let other = event(9, 1, 1, false, &Value::Null).replace("eu-west-1", "us-east-1");
    let here = event(1, 1, 1, true, &Value::Null);
    let found =
        Gatherer::new(Catalog::embedded(), false).gather(NAMED, &log(&[other.clone(), here.clone(), here.clone()]));
    let told: Vec<_> = found.places.iter().map(|place| (place.region.as_deref(), place.records)).collect();
    assert_eq!(told, [(Some("eu-west-1"), 2), (Some("us-east-1"), 1)]);
    let found = Gatherer::new(Catalog::embedded(), false).gather(NAMED, &log(&[here.clone(), here.clone()]));
    let told: Vec<_> = found.places.iter().map(|place| (place.region.as_deref(), place.records, place.first)).collect();
    assert_eq!(told, [(Some("eu-west-1"), 2, crate::record::time("2026-11-10T10:00:01Z"))]);
}

/// However many faults there are, a few are told and the rest is a number.
#[test]
fn faults_do_not_pile_up() {
    let denied = event(1, 1, 1, true, &Value::Null);
    let broken = r#"{"eventVersion":"1.08","userIdentity":{},"errorCode":"x",}"#;
    for (name, fault) in [(NAMED, broken), ("x", broken), (NAMED, "{}"), ("x", "{}")] {
        let mut records = vec![fault.to_owned(); record::MOST_PROBLEMS + 9];
        records.push(denied.clone());
        let gathered = Gatherer::new(Catalog::embedded(), false).gather(name, &log(&records));
        assert_eq!((gathered.denied, gathered.problems.len()), (1, record::MOST_PROBLEMS + 1), "{name} {fault}");
        assert_eq!(gathered.problems.last().unwrap().error, "and 9 more that cannot be read");
    }
}

/// What was put off is told between what was not, in the records' order, however the two are mixed.
#[test]
fn what_is_put_off_is_told_in_its_place() {
    let denied = |id: u64| event(id, 1, id % 3, true, &Value::Null);
    let broken = |id: u64| denied(id).replace("\"requestParameters\":null", "\"requestParameters\":nul");
    let records: Vec<String> = (0..40)
        .map(|id| match id % 5 {
            0 => broken(id),
            1 => "{}".to_owned(),
            2 => r#"{"eventVersion":"1.08","userIdentity":{},"errorCode":"x",}"#.to_owned(),
            _ => denied(id),
        })
        .collect();
    for count in [5, 9, 30, 40] {
        let bytes = log(&records[..count]);
        let alone = Gatherer::new(Catalog::embedded(), false).gather(NAMED, &bytes);
        let mut gatherer = Gatherer::new(Catalog::embedded(), false);
        gatherer.gather("x", &log(&[denied(3)]));
        let mut found = gatherer.begin(NAMED, &bytes);
        assert!(found.denied < alone.denied, "something is put off");
        // Another file between the two, as parts of one that is too large for memory are.
        let mut between = gatherer.begin("y", &log(&[event(7, 1, 9, true, &Value::Null)]));
        gatherer.finish("y", &mut between);
        assert_eq!((between.denied, gatherer.gather("z", &log(&[denied(3)])).denied), (1, 1));
        let mut next = gatherer.begin(NAMED, &bytes);
        gatherer.finish(NAMED, &mut found);
        gatherer.finish(NAMED, &mut next);
        assert_eq!(observed(&next), observed(&found));
        assert_eq!((observed(&found), &found.problems), (observed(&alone), &alone.problems));
        assert_eq!((found.records, found.denied, found.places), (alone.records, alone.denied, alone.places));
    }
}

/// More records than are held at once are still all read.
#[test]
fn a_file_of_very_many_records_is_read_one_by_one() {
    let allowed = r#"{"eventVersion":"1.08","userIdentity":{}}"#.to_owned();
    let mut records = vec![allowed; 1 << 18];
    records.push(event(1, 1, 1, true, &Value::Null));
    let gathered = Gatherer::new(Catalog::embedded(), false).gather("x", &log(&records));
    assert_eq!((gathered.records, gathered.denied, gathered.problems), ((1 << 18) + 1, 1, vec![]));
}

/// So that they never stand in memory together, however close they stand in a file.
#[test]
fn denials_are_handed_over_before_all_of_a_file_is_looked_through() {
    let records: Vec<String> = (0..2_000).map(|id| event(id, id, id, true, &Value::Null)).collect();
    let (mut gatherer, mut parts) = (Gatherer::new(Catalog::embedded(), false), Vec::new());
    let mut rest = gatherer.make_ahead(NAMED, &log(&records), Sort::File, &mut |_, made| {
        parts.push(made.weight());
        ControlFlow::Continue(())
    });
    gatherer.finish(NAMED, &mut rest);
    assert!(parts.len() >= 3 && parts.iter().all(|weight| *weight <= 2 * heavy(1)), "{parts:?}");
    assert!(rest.weight() <= 2 * heavy(1));
    // Nobody takes more of one that was met before than its ids.
    let records: Vec<String> = (0..2_000).map(|id| event(id, 1, 1, true, &Value::Null)).collect();
    let mut count = 0;
    let mut again = gatherer.make_ahead(NAMED, &log(&records), Sort::File, &mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    });
    gatherer.finish(NAMED, &mut again);
    assert_eq!((again.denied, count), (2_000, 0));
}

/// So that a large file's denials need not stand in memory till its end; its figures are told once, with that.
#[test]
fn denials_are_handed_over_ahead_of_a_files_figures() {
    let records: Vec<String> = (0..3).map(|id| event(id, 1, 1, true, &Value::Null)).collect();
    let mut gathered = Gatherer::new(Catalog::embedded(), false).gather(NAMED, &log(&records));
    let ahead = gathered.ahead().unwrap();
    assert_eq!((ahead.met.len(), ahead.records, ahead.denied, ahead.places), (3, 0, 0, vec![]));
    assert_eq!((gathered.met.len(), gathered.records, gathered.denied, gathered.places.len()), (0, 3, 3, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn gathered_is_what_the_full_reader_finds(
        picks in prop::collection::vec((0_u64..40, 0_u64..2, 0_u64..3, any::<bool>(), 0_usize..6, 0_usize..24), 1..30)
    ) {
        let extras = [
            Value::Null, json!({"eventID": "e1"}), json!({"errorCode": "AccessDenied"}), json!([{"eventVersion": "1.08"}]),
            json!("},{\"eventVersion\":\"1.08\",\"errorCode\":\"AccessDenied\""), json!({"requestID": "z"}),
        ];
        let inner = event(7, 1, 1, true, &Value::Null);
        let wrapped = json!(inner).to_string();
        // Members that stand before an event's own ids.
        let more = [
            r#""error_code":"AccessDenied","#.to_owned(), r#""additionalEventData":{"sharedEventID":""},"#.to_owned(),
            r#""additionalEventData":{"sharedEventID":"s2"},"#.to_owned(), r#""sharedEventID":"","#.to_owned(),
            r#""additionalEventData":{"requestID":"","x-amz-id-2":"a"},"#.to_owned(),
            format!(r#""cloudTrailEvent":{wrapped},"#), format!(r#""cloudTrailEvent":null,"detail":{inner},"#),
            format!(r#""@message":{wrapped},"#),
        ];
        let records: Vec<String> = picks.iter().map(|(id, who, what, denied, extra, add)| {
            let one = event(*id, *who, *what, *denied, &extras[*extra]);
            match more.get(*add) {
                Some(add) => one.replacen(r#""eventTime""#, &format!(r#"{add}"eventTime""#), 1),
                None => one,
            }
        }).collect();
        check(&records);
    }

    #[test]
    fn the_ledger_takes_repeats_as_it_takes_single_events(
        picks in prop::collection::vec((0_u64..40, 0_u64..2, 0_u64..3, 0_u64..3), 1..60)
    ) {
            let now = "2026-11-14T10:00:00Z".parse().unwrap();
        let records: Vec<String> = picks.iter().map(|(id, who, what, shared)| {
            let shared = if *shared == 0 { format!(r#""sharedEventID":"s{}","eventID""#, id % 7) } else { "\"eventID\"".into() };
            event(*id, *who, *what, true, &Value::Null).replace("\"eventID\"", &shared)
        }).collect();
        let met = Gatherer::new(Catalog::embedded(), false).gather(NAMED, &log(&records)).met;
        let folder = tempfile::tempdir().unwrap();
        let mut file = SqliteLedger::open(&folder.path().join("l.db")).unwrap();
        let mut memory = MemoryLedger::default();
        let singles: Vec<Observed> = met.iter().cloned().map(Repeated::observed).collect();
        let told = memory.record(singles.clone(), now).unwrap();
        prop_assert_eq!(file.record_repeated(met, now).unwrap(), told);
        let all = crate::io::stores::Filter::default();
        prop_assert_eq!(file.findings(&all).unwrap(), memory.findings(&all).unwrap());
        drop(fold(singles));
    }
}
