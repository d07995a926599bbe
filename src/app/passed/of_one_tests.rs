use super::super::Passed;
use super::OfOne;
use crate::app::World;
use crate::app::scan::{Options, Scan};
use crate::diagnosis::InForce;
use crate::finding::Finding;
use crate::io::stores::{Filter, Ledger, MemoryLedger};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";
const START: i64 = 1_762_768_800;

/// A call of a user to take on a role, in a minute: refused, or not.
fn call(minute: i64, role: &str, is_denied: bool) -> Value {
    let (user, role) = (format!("arn:aws:iam::{ACCOUNT}:user/ana"), format!("arn:aws:iam::{ACCOUNT}:role/{role}"));
    let mut event = json!({"eventID": format!("{minute} {role}"), "eventTime": at(minute).to_string(), "awsRegion": "us-east-1",
        "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "arn": user, "accountId": ACCOUNT, "userName": "ana"},
        "requestParameters": {"roleArn": role}});
    if is_denied {
        event["errorCode"] = "AccessDenied".into();
        event["errorMessage"] =
            format!("User: {user} is not authorized to perform: sts:AssumeRole on resource: {role}").into();
    }
    event
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(START + minute * 60).unwrap()
}

/// Worked, denied, mended; and since then called more often than calls are kept, for this role and another.
fn history() -> Vec<Value> {
    let mut all = vec![call(0, "target", false), call(3, "target", false), call(5, "target", true)];
    all.extend((10..90).map(|minute| call(minute, if minute % 3 == 0 { "target" } else { "other" }, false)));
    all
}

fn before(findings: &[Finding]) -> Option<i64> {
    let item = findings[0].items.values().next().unwrap();
    item.allowed_before().map(|at| (at.as_second() - START) / 60)
}

/// In one memory, read by so many events at a time.
fn piped(events: &[Value], at_once: usize) -> Vec<Finding> {
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "pipe");
    for page in events.chunks(at_once) {
        scan.read(json!({"Records": page}).to_string().as_bytes(), "page");
    }
    scan.finish().unwrap();
    ledger.findings(&Filter::default()).unwrap()
}

/// As Event history, in runs that were ended, each kept in the ledger bit by bit.
fn remembered(runs: &[&[Value]], bit: usize) -> Vec<Finding> {
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    for events in runs {
        let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "history");
        scan.keep_until_remembered();
        scan.note_each();
        for page in events.chunks(bit) {
            scan.read(json!({"Records": page}).to_string().as_bytes(), "page");
            scan.remember(ACCOUNT).unwrap();
        }
        scan.note_remembered(ACCOUNT, &[], &Default::default(), Timestamp::MIN).unwrap();
        scan.finish().unwrap();
    }
    ledger.findings(&Filter::default()).unwrap()
}

/// In parts that are read each by itself, as those of a large pipe.
fn joined(events: &[Value], at_once: usize) -> Vec<Finding> {
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "denials");
    let denied: Vec<&Value> = events.iter().filter(|event| event.get("errorCode").is_some()).collect();
    scan.read(json!({"Records": denied}).to_string().as_bytes(), "denials");
    scan.finish().unwrap();
    let mut passed = Passed::default();
    for part in events.chunks(at_once) {
        let (records, _) = crate::record::read(json!({"Records": part}).to_string().as_bytes(), "part");
        let mut own = Passed::default();
        for record in &records {
            match crate::denial::from_record(record, &world.given(), world.catalog) {
                Some(denial) => own.refuse(&denial),
                None => own.take(record, world.catalog),
            }
        }
        passed.merge(own);
    }
    assert_eq!(passed.bytes_denied, passed.seen.values().map(OfOne::bytes_denied).sum::<usize>());
    let findings = ledger.findings(&Filter::default()).unwrap();
    let seen = passed.observed(&findings, &Default::default(), world.catalog);
    ledger.record(seen, at(10_000)).unwrap();
    ledger.findings(&Filter::default()).unwrap()
}

#[test]
fn when_it_worked_is_known_however_many_calls_came_since() {
    let forward = history();
    let newest_first: Vec<Value> = forward.iter().rev().cloned().collect();
    for events in [&forward, &newest_first] {
        for at_once in [1, 7, 200] {
            assert_eq!(before(&piped(events, at_once)), Some(3), "{at_once} of a pipe");
        }
        for (cut, bit) in [(0, 1), (81, 1), (80, 40), (83, 100), (2, 3), (40, 100)] {
            let told = remembered(&[&events[..cut], &events[cut..]], bit);
            assert_eq!(before(&told), Some(3), "cut behind {cut}, by {bit}");
        }
    }
}

#[test]
fn a_call_that_worked_between_denials_is_the_one_to_tell() {
    let mut forward = history();
    // Denied once more, when its own calls were pushed out by others'.
    forward.extend((90..150).map(|minute| call(minute, "other", false)));
    forward.push(call(150, "target", true));
    forward.extend((160..230).map(|minute| call(minute, "target", false)));
    let newest_first: Vec<Value> = forward.iter().rev().cloned().collect();
    for events in [&forward, &newest_first] {
        assert_eq!(before(&piped(events, 9)), Some(87));
        assert_eq!(before(&remembered(&[&events[..140], &events[140..]], 9)), Some(87));
    }
}

/// Calls between two denials went before the second came, which the thing was told of and keeps no more.
#[test]
fn what_may_have_worked_since_is_not_passed_over() {
    let first = [call(0, "target", false), call(1, "target", true), call(100, "target", false)];
    let later = |role: &'static str| (200..260).map(move |minute| call(minute, role, false));
    let late = call(150, "target", true);
    let events: Vec<Value> = first.iter().cloned().chain(later("target")).chain([late.clone()]).collect();
    assert_eq!(before(&piped(&events, 500)), None);
    // In two parts, of which the one with the later denial comes first.
    let others = (300..362).map(|minute| call(minute, "other", false));
    let parts: Vec<Value> = [late].into_iter().chain(others).chain(first).chain(later("target")).collect();
    assert_eq!(before(&joined(&parts, 63)), None);
    // Where all is kept, all is known.
    assert_eq!(before(&remembered(&[&parts], 63)), Some(100));
}

/// One role after another is denied once and then allowed in several Regions, so that things go which have grown.
#[test]
fn things_that_have_grown_may_go() {
    let mut events = Vec::new();
    for role in 0..120 {
        events.push(call(role * 10, &format!("role-{role}"), true));
        for region in 1..7 {
            let mut call = call(role * 10 + region, &format!("role-{role}"), false);
            call["awsRegion"] = format!("eu-west-{region}").into();
            events.push(call);
        }
    }
    piped(&events, 1_000);
    assert_eq!(joined(&events, 100).len(), 1);
    // Regions beyond what there is in AWS are not kept, and then nothing is told.
    let mut many = vec![call(100, "target", true)];
    for region in 0..70 {
        let mut call = call(99 - region, "target", false);
        call["awsRegion"] = format!("no-{region}").into();
        many.push(call);
    }
    many.push(call(1, "target", false));
    assert_eq!(before(&piped(&many, 1_000)), None);
}

/// However many callers a pipe has, no more than so many are kept.
#[test]
fn callers_are_bounded_in_parts_too() {
    let mut all = Passed::default();
    for part in 0..3 {
        let mut own = Passed::default();
        for caller in 0..9_000 {
            let who = (None, crate::principal::PrincipalKind::User, Some(format!("{part} {caller}")));
            let call = crate::app::allowed::Allowed::needing(Default::default(), "us-east-1");
            own.keep((who, "sts:AssumeRole".to_owned()), [(crate::finding::Pass::new(at(1), "e"), call)]);
        }
        all.merge(own);
    }
    assert_eq!((all.seen.len(), all.overflows, all.lacks_some), (super::super::WATCHED, true, true));
}

#[test]
fn what_was_denied_is_bounded_and_that_which_was_denied_first_goes() {
    let mut passed = Passed::default();
    let given = World::new(InForce::default()).given();
    for minute in 0..60 {
        let event = call(minute, &format!("role-{minute}"), true).to_string();
        let (records, _) = crate::record::read(event.as_bytes(), "t");
        let catalog = crate::catalog::Catalog::embedded();
        passed.refuse(&crate::denial::from_record(&records[0], &given, catalog).unwrap());
    }
    let kept = passed.seen.values().next().unwrap();
    let first = kept.things.iter().map(|thing| thing.denied).min().unwrap();
    assert_eq!((kept.things.len(), first), (super::THINGS, at(10)));
    assert_eq!(passed.bytes_denied, kept.bytes_denied());
}

/// A call as it is told to the property: minute, role, Region, whether it was refused.
type Told = (i64, u8, u8, bool);

fn event((id, (minute, role, region, is_denied)): (usize, &Told)) -> Value {
    let mut event = call(*minute, &format!("r{role}"), *is_denied);
    event["eventID"] = format!("e{id}").into();
    event["awsRegion"] = ["us-east-1", "eu-west-1"][usize::from(*region)].into();
    event
}

/// Of each item when it was last allowed before each denial, and what is told of the last.
fn checked(told: &[Told], findings: &[Finding]) -> Vec<(Vec<Option<i64>>, Option<i64>)> {
    let mut all = Vec::new();
    for (key, item) in findings.iter().flat_map(|finding| &finding.items) {
        let is_same = |(_, role, region, _): &&Told| {
            let here = item.regions.contains(["us-east-1", "eu-west-1"][usize::from(*region)]);
            here && key.resource.ends_with(&format!("/r{role}"))
        };
        let (denied, allowed): (Vec<&Told>, Vec<&Told>) = told.iter().filter(is_same).partition(|one| one.3);
        let mut denied: Vec<i64> = denied.iter().map(|one| one.0).collect();
        denied.sort();
        let before = |at: &i64| allowed.iter().map(|one| one.0).filter(|minute| minute < at).max();
        all.push((denied.iter().map(before).collect(), item.allowed_before().map(|at| (at.as_second() - START) / 60)));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// What is told is true, or nothing is told, in whatever order events come and wherever runs are cut; where the newest come
    /// first all is told.
    #[test]
    fn only_what_is_certain_is_told(
        some in prop::collection::vec((0_i64..400, 0_u8..3, 0_u8..2, prop::bool::weighted(0.2), 1_i64..45), 1..25),
        order in 0..4, jitter in 0_i64..30, bit in prop::sample::select(vec![1_usize, 9, 60, 400]),
        cuts in prop::collection::vec(0_usize..900, 0..3), seed in any::<u64>(),
    ) {
        let one = |(minute, role, region, is_denied, count): &(i64, u8, u8, bool, i64)| {
            let (minute, role, region, is_denied) = (*minute, *role, *region, *is_denied);
            (0..if is_denied { 1 } else { *count }).map(move |n| (minute + n, role, region, is_denied)).collect::<Vec<Told>>()
        };
        let mut told: Vec<Told> = some.iter().flat_map(one).collect();
        // Nearly in order, in order, one part before an earlier one, or the newest first.
        let shift = |(minute, role, ..): &Told| (minute * 31 + i64::from(*role) * 7 + (seed % 97) as i64) % (jitter + 1);
        match order {
            0 => told.sort_by_key(|one| one.0 + shift(one)),
            1 => told.sort(),
            2 => {
                told.sort();
                let cut = usize::try_from(seed).unwrap_or(usize::MAX) % told.len();
                told.rotate_left(cut);
            }
            _ => told.sort_by_key(|one| -one.0),
        }
        let events: Vec<Value> = told.iter().enumerate().map(event).collect();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (events.len() + 1)).collect();
        ends.extend([0, events.len()]);
        ends.sort_unstable();
        let runs: Vec<&[Value]> = ends.windows(2).map(|two| &events[two[0]..two[1]]).collect();
        let is_forward = order < 3;
        for (findings, may_miss, runs) in [
            (piped(&events, bit), is_forward, 1),
            (remembered(&runs, bit), is_forward, runs.len()),
            (joined(&events, bit), true, 1),
        ] {
            for (truths, told) in checked(&told, &findings) {
                // What a run before told stays told where a later denial is met of which no more is known.
                let is_of_before = is_forward && runs > 1 && truths.contains(&told);
                let is_true = Some(&told) == truths.last() || told.is_none() && may_miss || is_of_before;
                prop_assert!(is_true, "{told:?} of {truths:?}");
            }
        }
    }
}
