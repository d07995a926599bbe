//! A look in parts, and what it cannot read or loses on the way.

use super::*;

/// 200 roles that were refused and allowed, in three files, looked around so many bytes at a time; where one `is_broken`, the
/// second cannot be read at the second look. Returns the parts, what was told, and the findings.
#[cfg(feature = "sqlite")]
fn in_parts(sought_at_once: usize, is_broken: bool) -> (usize, Vec<Problem>, Vec<Finding>, bool) {
    let home = tempfile::tempdir().unwrap();
    let mut ledger = crate::io::stores::SqliteLedger::open(&home.path().join("ledger.db")).unwrap();
    let world = World::new(InForce::default());
    let day = 24 * 60;
    let files = [(0, 3), (day, 0), (2 * day, 3)].map(|(minute, kind)| {
        let records: Vec<Value> =
            (0..200).map(|who| event((minute * 300) as usize + who as usize, (minute, who, who, kind))).collect();
        let object = Object { key: minute.to_string(), mark: "m".to_owned() };
        (object, json!({"Records": records}).to_string())
    });
    let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "parts");
    scan.note_each();
    scan.look_twice(&Default::default()).unwrap();
    scan.sought_at_once = sought_at_once;
    files.iter().for_each(|(object, text)| scan.object(object.clone(), text.as_bytes()));
    let mut parts = 0;
    let look = |looking: &mut crate::app::looking::Looking<'_>| {
        parts += 1;
        let mut seeker = Seeker::new(looking.around(), Catalog::embedded());
        for (at, (object, text)) in files.iter().enumerate() {
            assert!(looking.wants(object));
            match is_broken && at == 1 {
                true => {
                    let (input, error) = (object.key.clone(), "it is broken".to_owned());
                    assert!(looking.take(Err(Problem { input, error })).is_continue());
                }
                false => assert!(looking.found(seeker.seek("x", text.as_bytes()))),
            }
        }
    };
    scan.look_around(look).unwrap();
    let problems = scan.finish().unwrap().problems;
    let is_owed = Scan::begin(&mut ledger, &world, Options::default(), "parts");
    let is_owed = {
        let mut next = is_owed;
        next.look_twice(&Default::default()).unwrap();
        next.is_owed()
    };
    (parts, problems, ledger.findings(&Filter::default()).unwrap(), is_owed)
}

#[cfg(feature = "sqlite")]
#[test]
fn a_look_in_parts_tells_what_one_look_tells() {
    let (parts, problems, whole, is_owed) = in_parts(usize::MAX, false);
    assert_eq!((parts, problems, is_owed), (1, vec![], false));
    assert!(
        whole.iter().flat_map(|one| one.items.values()).all(|item| item.allowed.len() == 1 && item.before.len() == 1)
    );
    for (bytes, expect) in [(0, 4), (25_000, 2)] {
        let (parts, problems, findings, is_owed) = in_parts(bytes, false);
        assert_eq!((parts, problems, is_owed), (expect, vec![], false));
        assert_eq!(findings, whole, "{bytes}");
    }
}

/// Of 150 roles of one account whose log holds no data events of SQS, and of one of another's whose does, all refused SQS:
/// whose calls were looked at, with so many bytes at a time.
#[cfg(feature = "sqlite")]
fn looked_of_two_accounts(sought_at_once: usize) -> (usize, Vec<String>) {
    let home = tempfile::tempdir().unwrap();
    let mut ledger = crate::io::stores::SqliteLedger::open(&home.path().join("ledger.db")).unwrap();
    let world = World::new(InForce::default());
    let file = |account: &str, time: &str, from: usize, calls: &[Call]| {
        let records: Vec<Value> = calls.iter().enumerate().map(|(id, call)| event(from + id, *call)).collect();
        let key = format!("{account}_CloudTrail_eu-west-1_20251110T{time}Z_x.json");
        let text = json!({"Records": records}).to_string().replace("111122223333", account);
        (Object { key, mark: "m".to_owned() }, text)
    };
    let refused: Vec<Call> = (0..150).map(|who| (0, who, 1, 0)).collect();
    let files = [
        file("111122223333", "1005", 0, &refused),
        file("111122223333", "1105", 200, &[(60, 1, 1, 2)]),
        file("444455556666", "1005", 300, &[(0, 1, 1, 0)]),
        file("444455556666", "1105", 400, &[(60, 1, 1, 3)]),
    ];
    let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "accounts");
    scan.note_each();
    scan.look_twice(&Default::default()).unwrap();
    scan.sought_at_once = sought_at_once;
    files.iter().for_each(|(object, text)| scan.object(object.clone(), text.as_bytes()));
    let mut parts = 0;
    scan.look_around(|looking| {
        parts += 1;
        let mut seeker = Seeker::new(looking.around(), Catalog::embedded());
        for (object, text) in &files {
            if looking.wants(object) {
                assert!(looking.found(seeker.seek(&object.key, text.as_bytes())));
            }
        }
    })
    .unwrap();
    scan.finish().unwrap();
    let findings = ledger.findings(&Filter::default()).unwrap();
    assert_eq!(findings.len(), 151);
    let is_looked = |finding: &Finding| finding.items.values().any(|item| !item.looked.is_empty());
    (parts, findings.into_iter().filter(is_looked).filter_map(|finding| finding.account).collect())
}

#[cfg(feature = "sqlite")]
#[test]
fn one_accounts_trail_says_nothing_of_anothers_in_parts_or_at_once() {
    let other = vec!["444455556666".to_owned()];
    assert_eq!(looked_of_two_accounts(usize::MAX), (1, other.clone()));
    assert_eq!(looked_of_two_accounts(0), (3, other));
}

#[cfg(feature = "sqlite")]
#[test]
fn what_cannot_be_read_is_told_once_and_owed_however_many_parts_meet_it() {
    let (_, problems, whole, is_owed) = in_parts(usize::MAX, true);
    assert_eq!((problems.len(), is_owed), (1, true));
    assert!(whole.iter().flat_map(|one| one.items.values()).all(|item| item.looked.is_empty()), "nobody knows how far");
    let (parts, again, findings, is_owed) = in_parts(0, true);
    assert_eq!((parts, again, is_owed), (4, problems, true));
    assert_eq!(findings, whole);
}

#[cfg(feature = "sqlite")]
#[test]
fn what_could_not_be_read_stays_owed_where_the_findings_left_to_look_around_are_gone() {
    for is_partial in [true, false] {
        let home = tempfile::tempdir().unwrap();
        let mut ledger = crate::io::stores::SqliteLedger::open(&home.path().join("ledger.db")).unwrap();
        let world = World::new(InForce::default());
        let records: Vec<Value> = (0..100).map(|who| event(who as usize, (0, who, 1, 0))).collect();
        let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "gone");
        scan.note_each();
        scan.look_twice(&Default::default()).unwrap();
        scan.sought_at_once = 0;
        let object = Object { key: "0".to_owned(), mark: "m".to_owned() };
        scan.object(object, json!({"Records": records}).to_string().as_bytes());
        let mut parts = Default::default();
        let around = scan.around(&mut parts).unwrap().unwrap();
        let mut looking = scan.looking(&around, &mut parts);
        looking.fail(Problem { input: "0".to_owned(), error: "it is broken".to_owned() }, is_partial);
        let told = looking.end();
        scan.note_looked(told, &around, &mut parts).unwrap();
        for who in 0..100 {
            scan.ledger.purge(&format!("role-{who}")).unwrap();
        }
        assert!(scan.around(&mut parts).unwrap().is_none());
        scan.finish().unwrap();
        let is_paid = ledger.state("second look at gone").unwrap().is_none_or(|owed| owed.is_empty());
        assert_eq!(is_paid, !is_partial);
    }
}

/// 100 roles that were refused, and allowed five times since, file by file; what is put aside is lost behind so many files.
/// Returns what was told, how many findings know how far their calls were looked at, and whether the look is owed.
fn with_a_loss(behind: usize) -> (Vec<Problem>, usize, bool) {
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let files = [0, 3, 3, 3, 3, 3].into_iter().enumerate().map(|(at, kind)| {
        let call = |who: u64| event(at * 100 + who as usize, (at as i64, who, who, kind));
        let object = Object { key: at.to_string(), mark: "m".to_owned() };
        (object, json!({"Records": (0..100).map(call).collect::<Vec<_>>()}).to_string())
    });
    let files: Vec<(Object, String)> = files.collect();
    let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "lost");
    scan.note_each();
    scan.look_twice(&Default::default()).unwrap();
    files.iter().for_each(|(object, text)| scan.object(object.clone(), text.as_bytes()));
    let look = |looking: &mut crate::app::looking::Looking<'_>| {
        // Some hundred bytes in memory are those of few calls.
        looking.seen = Sum::holding(15_000);
        let mut seeker = Seeker::new(looking.around(), Catalog::embedded());
        for (at, (_, text)) in files.iter().enumerate() {
            if at == behind {
                looking.seen.lose();
            }
            assert!(looking.found(seeker.seek("x", text.as_bytes())), "the look goes on");
        }
        if behind == files.len() {
            looking.seen.lose();
        }
    };
    scan.look_around(look).unwrap();
    let problems = scan.finish().unwrap().problems;
    let findings = ledger.findings(&Filter::default()).unwrap();
    let is_looked = |finding: &&Finding| finding.items.values().any(|item| !item.looked.is_empty());
    let is_owed = ledger.state("second look at lost").unwrap().is_some_and(|owed| !owed.is_empty());
    (problems, findings.iter().filter(is_looked).count(), is_owed)
}

#[test]
fn what_was_put_aside_and_is_lost_is_told_and_owed() {
    assert_eq!(with_a_loss(usize::MAX), (vec![], 100, false));
    for behind in [3, 6] {
        let (problems, looked, is_owed) = with_a_loss(behind);
        let told = "some of the allowed calls that the second look had seen could not be read again from a temporary file: of \
            some findings it is not known how far their calls were looked at, and the next scan of the same sources has to \
            look again: ";
        assert!(problems.len() == 1 && problems[0].error.starts_with(told), "{problems:?}");
        assert_eq!((problems[0].input.as_str(), looked, is_owed), ("lost", 0, true), "{behind}");
    }
}
