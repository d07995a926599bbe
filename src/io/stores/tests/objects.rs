//! What was read, and what of it is known.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

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

/// In the same order by whichever ledger, whoever noted them.
#[test]
fn places_of_a_run_are_handed_over_one_by_one() {
    let place = |account: &str, region: &str, records: u64| Place {
        account: Some(account.into()).filter(|name: &String| !name.is_empty()),
        region: Some(region.into()),
        first: Some(at(TUE)),
        last: Some(at(WED)),
        records,
    };
    let read = |key: &str, places: Vec<Place>| ObjectRead {
        object: Object { key: key.into(), mark: "1".into() },
        held: Held::default(),
        places,
    };
    on_each(|ledger| {
        let told = |ledger: &dyn Ledger| {
            let mut all = Vec::new();
            let run = ledger.noted_run_telling("logs", &mut |place| all.push(place)).unwrap();
            (run, all)
        };
        assert_eq!(told(ledger), (None, vec![]));
        let own = |key: &str, account: &str| read(key, vec![place(account, "b", 1), place(account, "a", 2)]);
        ledger.note_objects("logs", &[own("x", "2"), own("y", "1")], at(NOW)).unwrap();
        ledger.note_objects("logs", &[own("z", "")], at(NOW)).unwrap();
        ledger.note_objects("logs", &[own("zz", "2")], at(NOW)).unwrap();
        let (run, all) = told(ledger);
        let each = [("", "a", 2), ("", "b", 1), ("1", "a", 2), ("1", "b", 1), ("2", "a", 4), ("2", "b", 2)];
        assert_eq!(all, each.map(|(account, region, records)| place(account, region, records)));
        let run = run.unwrap();
        assert_eq!((run.files, run.places), (4, vec![]));
        assert_eq!(ledger.noted_run("logs").unwrap().unwrap().places, all);
        // A run that is noted as a whole replaces them.
        ledger.note_run(&Run { places: vec![place("3", "a", 7)], ..Run::begin("logs", at(NOW)) }).unwrap();
        assert_eq!(told(ledger).1, [place("3", "a", 7)]);
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

/// Also where one that is known by a hash comes in two states at once.
#[test]
fn of_one_object_in_several_states_each_counts_and_the_last_is_known() {
    let object = |mark: &str| Object { key: "/x/ana".into(), mark: mark.into() };
    let read = |mark: &str| ObjectRead { object: object(mark), held: Held::default(), places: vec![] };
    // DynamoDB's counts an object once a call, whatever its states: a message of the queue names each once.
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
    let mut all: [Box<dyn Ledger>; 2] = [Box::new(MemoryLedger::default()), Box::new(file)];
    all.iter_mut().for_each(|ledger| {
        for (noted, files, known) in [
            (&["1"][..], 1, [true, false]),
            (&["2", "1"], 3, [true, false]),
            (&["1", "1", "2", "2"], 4, [false, true]),
            (&["2", "1", "2"], 6, [false, true]),
        ] {
            let noted: Vec<ObjectRead> = noted.iter().map(|mark| read(mark)).collect();
            ledger.note_objects("x", &noted, at(NOW)).unwrap();
            assert_eq!(ledger.noted_run("x").unwrap().unwrap().files, files);
            let told = ledger.known_objects(&[object("1"), object("2")]).unwrap();
            assert_eq!([told[0].is_some(), told[1].is_some()], known, "{files}");
            ledger.purge("ana").unwrap();
        }
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

/// What is done with objects: they are noted so many days from now, asked for, or what is older than ten days is forgotten.
#[derive(Debug, Clone)]
enum Step {
    Note(i64, Vec<(Object, u64)>),
    Ask(Vec<Object>),
    Expire(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let folder = prop::sample::select(vec!["", "/logs/a/", "/logs/b/", "s3://b/AWSLogs/2026/"]);
    let mark =
        prop::sample::select(vec!["17-5", "17-6", "17-5 in part", "\"9b2cf535f27731c974343645a3985328\"", "90ab"]);
    let object = (folder, 0..40_u8, mark)
        .prop_map(|(folder, n, mark)| Object { key: format!("{folder}{n}"), mark: mark.into() });
    let read = (object.clone(), prop::sample::select(vec![0, 1, 200, u64::MAX >> 1]));
    prop_oneof![
        3 => (0..5_i64, prop::collection::vec(read, 0..60)).prop_map(|(day, read)| Step::Note(day, read)),
        3 => prop::collection::vec(object, 0..60).prop_map(Step::Ask),
        1 => (8..15_i64).prop_map(Step::Expire),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A ledger knows of objects what a map of their keys would: the first that was noted in a state, and of each key the last
    /// state. What was noted long ago is forgotten.
    #[test]
    fn objects_are_known_as_a_map_knows_them(steps in prop::collection::vec(step(), 1..20)) {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap().keeping(&Keep::days(10, 10)).unwrap();
        let all: [Box<dyn Ledger>; 2] = [Box::new(MemoryLedger::keeping(&Keep::days(10, 10))), Box::new(file)];
        let later = |days: i64| at(NOW) + jiff::SignedDuration::from_hours(24 * days);
        for mut ledger in all {
            let (mut map, mut files) = (BTreeMap::<String, (String, i64, Held)>::new(), 0);
            for step in &steps {
                match step {
                    Step::Note(day, read) => {
                        let held = |count: u64| Held { bytes: count, records: count / 3, ..Held::default() };
                        let noted: Vec<ObjectRead> = read.iter().map(|(object, count)| {
                            ObjectRead { object: object.clone(), held: held(*count / 100), places: vec![] }
                        }).collect();
                        ledger.note_objects("logs", &noted, later(*day)).unwrap();
                        for ObjectRead { object, held, .. } in noted {
                            if map.get(&object.key).is_none_or(|(mark, ..)| *mark != object.mark) {
                                map.insert(object.key, (object.mark, *day, held));
                                files += 1;
                            }
                        }
                    }
                    Step::Ask(objects) => {
                        let known = |one: &Object| map.get(&one.key).filter(|(mark, ..)| *mark == one.mark).map(|(.., held)| *held);
                        let expect: Vec<Option<Held>> = objects.iter().map(known).collect();
                        prop_assert_eq!(ledger.known_objects(objects).unwrap(), expect);
                    }
                    Step::Expire(day) => {
                        ledger.expire(later(*day)).unwrap();
                        map.retain(|_, (_, at, _)| *at >= day - 10);
                    }
                }
            }
            prop_assert_eq!(ledger.noted_run("logs").unwrap().map_or(0, |run| run.files), files);
        }
    }
}
