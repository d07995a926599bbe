use super::text::MOST;
use super::*;
use crate::app::World;
use crate::app::allowed::{Allowed, Needs};
use crate::app::scan::Options;
use crate::diagnosis::InForce;
use crate::finding::{ALLOWED_KEPT, Pass};
use crate::io::stores::{Filter, MemoryLedger};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

const ACCOUNT: &str = "111122223333";
const START: i64 = 1_762_768_800;

/// A call of a user to take on a role, in a minute: refused, or not.
fn event(id: usize, minute: i64, user: u8, role: u8, is_denied: bool) -> Value {
    let user = format!("arn:aws:iam::{ACCOUNT}:user/user-{user}");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/role-{role}");
    let at = Timestamp::from_second(START + minute * 60).unwrap();
    let mut event = json!({"eventID": format!("e{id}"), "eventTime": at.to_string(), "awsRegion": "us-east-1",
        "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "arn": user, "accountId": ACCOUNT, "userName": user.rsplit('/').next()},
        "requestParameters": {"roleArn": role, "roleSessionName": "secret-session"}});
    if is_denied {
        event["errorCode"] = "AccessDenied".into();
        event["errorMessage"] =
            format!("User: {user} is not authorized to perform: sts:AssumeRole on resource: {role}").into();
    }
    event
}

/// Where and when these were.
fn places(events: &[Value]) -> Vec<Place> {
    let at = |event: &Value| event["eventTime"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let (account, region) = (Some(ACCOUNT.to_owned()), Some("us-east-1".to_owned()));
    let (first, last) = (events.iter().map(at).min(), events.iter().map(at).max());
    vec![Place { account, region, first, last, records: events.len() as u64 }]
}

/// Runs over parts of a history, each taken in bit by bit; all runs but the last were ended.
fn told(runs: &[&[Value]], bit: usize) -> MemoryLedger {
    told_in(MemoryLedger::default(), runs, bit)
}

fn told_in(mut ledger: MemoryLedger, runs: &[&[Value]], bit: usize) -> MemoryLedger {
    let world = World::new(InForce::default());
    let unfinished = BTreeSet::from(["us-east-1".to_owned()]);
    for (at, events) in runs.iter().enumerate() {
        let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "history");
        scan.note_each();
        for page in events.chunks(bit) {
            scan.read(json!({"Records": page}).to_string().as_bytes(), "page");
            scan.remember(ACCOUNT).unwrap();
        }
        let is_last = at + 1 == runs.len();
        let unfinished = if is_last { BTreeSet::new() } else { unfinished.clone() };
        let read: Vec<Value> = runs[..=at].iter().copied().flatten().cloned().collect();
        scan.note_remembered(ACCOUNT, &places(&read), &unfinished, Timestamp::MIN).unwrap();
        scan.finish().unwrap();
    }
    ledger
}

fn findings(ledger: &MemoryLedger) -> Vec<Finding> {
    let mut all = ledger.findings(&Filter::default()).unwrap();
    for item in all.iter_mut().flat_map(|finding| finding.items.values_mut()) {
        // How far somebody looked before the last denial says nothing.
        item.looked.retain(|_, until| Some(*until) > item.last_seen);
    }
    all
}

/// Without keeping: all of it in one memory.
fn in_one(events: &[Value]) -> Vec<Finding> {
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "history");
    scan.read(json!({"Records": events}).to_string().as_bytes(), "all");
    scan.finish().unwrap();
    findings(&ledger)
}

#[test]
fn a_call_that_an_earlier_run_met_tells_of_a_denial_that_a_later_one_meets() {
    let history = [event(2, 30, 1, 1, false), event(1, 20, 1, 1, true), event(0, 10, 1, 1, false)];
    for cut in 0..=3 {
        let ledger = told(&[&history[..cut], &history[cut..]], 1);
        let all = findings(&ledger);
        let item = all[0].items.values().next().unwrap();
        assert_eq!((item.before.len(), item.allowed.len(), item.looked.len()), (1, 1, 1), "{cut}");
        assert_eq!(all, in_one(&history), "{cut}");
    }
}

#[test]
fn what_is_kept_names_no_parameters_and_goes_with_its_caller() {
    let history =
        [event(3, 40, 2, 3, true), event(2, 30, 1, 1, false), event(1, 20, 2, 1, false), event(0, 10, 2, 2, false)];
    let mut ledger = told(&[&history], 9);
    let of = |ledger: &MemoryLedger, user: u8| {
        let who = (Some(ACCOUNT.to_owned()), crate::principal::PrincipalKind::User, Some(format!("user-{user}")));
        ledger.state(&task(ACCOUNT, &who)).unwrap().unwrap_or_default()
    };
    let (one, two) = (of(&ledger, 1), of(&ledger, 2));
    assert!(one.contains("role/role-1") && two.contains("role/role-2") && !format!("{one}{two}").contains("secret"));
    ledger.purge(&format!("arn:aws:iam::{ACCOUNT}:user/user-1")).unwrap();
    assert_eq!((of(&ledger, 1).as_str(), of(&ledger, 2) == two), ("", true));
    // Others' calls that were for it go, the others stay.
    ledger.purge(&format!("arn:aws:iam::{ACCOUNT}:role/role-1")).unwrap();
    let left = of(&ledger, 2);
    assert!(!left.contains("role-1") && left.contains("role-2") && left.contains("role-3"), "{left}");
    // So does what was denied.
    ledger.purge(&format!("arn:aws:iam::{ACCOUNT}:role/role-3")).unwrap();
    assert!(!of(&ledger, 2).contains("role-3"));
}

#[test]
fn what_is_too_old_to_tell_is_forgotten() {
    let at = |minute: i64| Timestamp::from_second(START + minute * 60).unwrap();
    let day = 24 * 60;
    let history = [
        event(3, 4 * day, 1, 1, true),
        event(2, 3 * day, 1, 1, false),
        event(1, day, 1, 2, false),
        event(0, 0, 2, 2, false),
    ];
    let mut ledger = told(&[&history], 1);
    let kept = |ledger: &MemoryLedger| {
        let of = |user: u8| {
            let who = (Some(ACCOUNT.to_owned()), crate::principal::PrincipalKind::User, Some(format!("user-{user}")));
            let mut passed = Passed::default();
            passed.recall(&who, &ledger.state(&task(ACCOUNT, &who)).unwrap().unwrap_or_default());
            passed.seen.into_values().flat_map(|kept| kept.calls.into_keys()).map(|pass| pass.at).collect::<Vec<_>>()
        };
        (of(1), of(2))
    };
    assert_eq!(kept(&ledger), (vec![at(day), at(3 * day)], vec![at(0)]));
    for (since, one, two) in [(0, 2, 1), (2 * day, 1, 0), (2 * day, 1, 0), (9 * day, 0, 0)] {
        index::forget(ACCOUNT, at(since), &mut ledger).unwrap();
        let (of_one, of_two) = kept(&ledger);
        assert_eq!((of_one.len(), of_two.len()), (one, two), "{since}");
    }
    let noted = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".chars().filter_map(|letter| {
        ledger.state(&format!("callers in Event history of {ACCOUNT}: {letter}")).unwrap().filter(|text| text != "{}")
    });
    assert_eq!(noted.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn of_a_caller_no_more_is_kept_than_an_entry_holds() {
    let who: Caller = (Some(ACCOUNT.to_owned()), crate::principal::PrincipalKind::User, Some("u".to_owned()));
    let mut passed = Passed::default();
    for number in 0..400_i64 {
        let at = Timestamp::from_second(START + number).unwrap();
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{number}-{}", "x".repeat(2_000));
        let needs: Needs = vec![("sts:AssumeRole".to_owned(), BTreeSet::from([role]))];
        let call = Allowed::needing(Arc::new(needs), "us-east-1");
        passed.keep((who.clone(), format!("sts:Operation{number}")), [(Pass::new(at, "e"), call)]);
    }
    let text = passed.written(&who, Catalog::embedded());
    assert!(text.len() <= MOST && text.len() > MOST / 2, "{}", text.len());
    let mut kept = Passed::default();
    kept.recall(&who, &text);
    let oldest =
        kept.seen.values().flat_map(|kept| kept.calls.keys()).map(|pass| pass.at.as_second() - START).min().unwrap();
    assert!(kept.overflows && kept.seen.len() as i64 == 400 - oldest, "the latest stay");
    // What was cut stays unknown, also where older calls of it come, and whatever is written and read since.
    let mut met = Passed::default();
    let call = Allowed::needing(Arc::new(Needs::new()), "us-east-1");
    met.keep((who.clone(), "sts:Operation0".to_owned()), [(Pass::new(Timestamp::UNIX_EPOCH, "old"), call)]);
    kept.merge(met);
    for _ in 0..3 {
        let text = kept.written(&who, Catalog::embedded());
        kept = Passed::default();
        kept.recall(&who, &text);
        let of_cut = &kept.seen[&(who.clone(), "sts:Operation0".to_owned())];
        assert_eq!((of_cut.calls.len(), of_cut.gone), (1, Some((Timestamp::MIN, Timestamp::MAX))));
    }
    let mut other = Passed::default();
    other.recall(&who, "{}");
    assert!(other.overflows, "what cannot be read is not hidden");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Event history in one run, in several that were ended anywhere, in any order, and in one memory: all tell the same.
    #[test]
    fn runs_that_were_ended_tell_what_one_run_tells(
        calls in prop::collection::vec((0_i64..120, 0_u8..2, 0_u8..2, 0_u8..4), 1..90),
        cuts in prop::collection::vec(0_usize..90, 0..6), bit in 1_usize..20, is_newest_first in any::<bool>(),
    ) {
        let one = |(id, (minute, user, role, kind)): (usize, &(i64, u8, u8, u8))| {
            event(id, *minute, *user, *role, *kind == 0)
        };
        let mut history: Vec<Value> = calls.iter().enumerate().map(one).collect();
        history.sort_by_key(|event| event["eventTime"].as_str().unwrap().to_owned());
        if is_newest_first {
            history.reverse();
        }
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % history.len()).collect();
        ends.sort_unstable();
        ends.push(history.len());
        let mut from = 0;
        let runs: Vec<&[Value]> = ends.iter().map(|end| &history[std::mem::replace(&mut from, *end)..*end]).collect();
        let uncut = findings(&told(&[&history], 7));
        prop_assert_eq!(&findings(&told(&runs, bit)), &uncut);
        prop_assert_eq!(&in_one(&history), &uncut);
        prop_assert!(uncut.iter().flat_map(|one| one.items.values()).all(|item| item.allowed.len() <= ALLOWED_KEPT));
    }
}

/// A release before kept fifty calls and did not tell whether there were more: then a call that worked may be missing.
#[test]
fn of_what_a_release_before_kept_no_call_is_taken_for_the_last() {
    let history = [event(1, 500, 1, 1, true), event(0, 400, 1, 1, false)];
    for (count, told) in [(49, Some(400)), (50, None)] {
        let who = (Some(ACCOUNT.to_owned()), crate::principal::PrincipalKind::User, Some("user-1".to_owned()));
        let minute = |minute: i64| Timestamp::from_second(START + minute * 60).unwrap();
        let calls: Vec<Value> = (0..count).map(|n| json!([minute(1_000 + n).to_string(), format!("h{n}")])).collect();
        let needs = json!([["sts:AssumeRole", [format!("arn:aws:iam::{ACCOUNT}:role/other")]]]);
        let entry = json!({"of": "user-1", "operation": "sts:AssumeRole", "region": "us-east-1", "needs": needs, "calls": calls});
        let mut ledger = MemoryLedger::default();
        ledger.put_state(&task(ACCOUNT, &who), &json!([entry]).to_string()).unwrap();
        let all = findings(&told_in(ledger, &[&history], 9));
        let item = all[0].items.values().next().unwrap();
        assert_eq!(item.allowed_before(), told.map(minute), "{count}");
    }
}

/// More is denied in run after run than is kept of an operation.
#[test]
fn what_was_denied_is_bounded_over_many_runs() {
    let history: Vec<Value> = (0..150_i64)
        .flat_map(|n| {
            let role = u8::try_from(n).unwrap();
            [event(3 * role as usize, 3 * n, 1, role, true), event(3 * role as usize + 1, 3 * n + 1, 1, role, false)]
        })
        .collect();
    let ledger = told(&history.chunks(40).collect::<Vec<_>>(), 13);
    let who = (Some(ACCOUNT.to_owned()), crate::principal::PrincipalKind::User, Some("user-1".to_owned()));
    let mut passed = Passed::default();
    passed.recall(&who, &ledger.state(&task(ACCOUNT, &who)).unwrap().unwrap());
    let kept = passed.seen.values().next().unwrap();
    assert_eq!((kept.things.len(), kept.calls.len(), passed.bytes_denied), (50, 50, kept.bytes_denied()));
}

#[test]
fn no_session_s_name_is_kept_in_what_a_call_was_for() {
    let mut call = event(0, 10, 1, 1, false);
    let of = |what: &str| format!("arn:aws:sts::{ACCOUNT}:{what}/ana@example.org");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/role-1");
    call["resources"] = json!([{"ARN": of("assumed-role/role-1")}, {"ARN": of("federated-user")}, {"ARN": role}]);
    let mut denied = event(1, 20, 1, 2, true);
    denied["eventName"] = "GetFederationToken".into();
    denied["errorMessage"] = format!(
        "User: arn:aws:iam::{ACCOUNT}:user/user-1 is not authorized to perform: sts:GetFederationToken on resource: {}",
        of("federated-user")
    )
    .into();
    let ledger = told(&[&[call, denied, event(2, 30, 1, 3, true)]], 1);
    let who = (Some(ACCOUNT.to_owned()), crate::principal::PrincipalKind::User, Some("user-1".to_owned()));
    let kept = ledger.state(&task(ACCOUNT, &who)).unwrap().unwrap();
    assert!(kept.contains("role-3\""), "{kept}");
    assert!(kept.contains(&role) && !kept.contains("ana@example.org"), "{kept}");
}

#[test]
fn calls_of_one_time_and_id_that_are_too_many_are_not_kept() {
    let who: Caller = (Some(ACCOUNT.to_owned()), crate::principal::PrincipalKind::User, Some("u".to_owned()));
    let mut passed = Passed::default();
    let role = |number: usize| format!("arn:aws:iam::{ACCOUNT}:role/{number}-{}", "x".repeat(2_000));
    for number in 0..200 {
        let needs: Needs = vec![("sts:AssumeRole".to_owned(), BTreeSet::from([role(number)]))];
        let call = Allowed::needing(Arc::new(needs), "us-east-1");
        let pass = Pass::new(Timestamp::from_second(START).unwrap(), "e");
        passed.keep((who.clone(), format!("sts:Operation{number}")), [(pass, call)]);
    }
    let mut kept = Passed::default();
    kept.recall(&who, &passed.written(&who, Catalog::embedded()));
    assert!(kept.overflows && kept.seen.is_empty(), "and it is not hidden");
}

#[test]
fn calls_of_another_caller_are_nobody_else_s() {
    let who = |name: &str| (Some(ACCOUNT.to_owned()), crate::principal::PrincipalKind::User, Some(name.to_owned()));
    let mut passed = Passed::default();
    let call = Allowed::needing(Arc::new(Needs::new()), "us-east-1");
    passed.keep((who("ana"), "s3:GetObject".to_owned()), [(Pass::new(Timestamp::UNIX_EPOCH, "e"), call)]);
    let text = passed.written(&who("ana"), Catalog::embedded());
    let (mut own, mut other) = (Passed::default(), Passed::default());
    own.recall(&who("ana"), &text);
    other.recall(&who("eve"), &text);
    assert_eq!((own.seen.len(), own.overflows), (1, false));
    assert_eq!((other.seen.len(), other.overflows), (0, true));
}

#[test]
fn of_what_the_ledger_had_to_forget_neither_a_number_nor_a_reach_is_claimed() {
    let history = [event(2, 30, 1, 1, false), event(1, 20, 1, 1, true)];
    for (minute, looked, is_more) in [(19, 1, false), (20, 1, false), (25, 0, true)] {
        let mut ledger = MemoryLedger::default();
        let at = Timestamp::from_second(START + minute * 60).unwrap();
        ledger.put_state(&format!("forgotten of Event history of {ACCOUNT}"), &at.to_string()).unwrap();
        let all = findings(&told_in(ledger, &[&history], 1));
        let item = all[0].items.values().next().unwrap();
        assert_eq!((item.allowed.len(), item.looked.len(), item.more_allowed), (1, looked, is_more), "{minute}");
    }
}
