use super::*;
use crate::advice::Advice;
use crate::advice::advise;
use crate::diagnosis::InForce;
use crate::io::aws::Aws;
use crate::io::doubles::{Reply, Server};
use crate::io::stores::MemoryLedger;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::cell::Cell;
use std::sync::Arc;

/// A clock that moves only when somebody sleeps.
#[derive(Default)]
struct FakePace(Cell<Duration>);

impl Pace for FakePace {
    fn now(&self) -> Duration {
        self.0.get()
    }

    async fn sleep(&self, time: Duration) {
        self.0.set(self.0.get() + time);
    }
}

const ACCOUNT: &str = "111122223333";

/// A role's call of a management event; `queue` is its resource.
fn event(id: &str, at: &str, queue: &str, denied: bool) -> Value {
    let mut event = json!({"eventID": id, "eventTime": at, "awsRegion": "eu-west-1", "recipientAccountId": ACCOUNT,
        "eventSource": "sqs.amazonaws.com", "eventName": "PurgeQueue", "eventCategory": "Management",
        "requestParameters": {"queueUrl": format!("https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/{queue}")},
        "userIdentity": {"type": "AssumedRole", "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/s"), "accountId": ACCOUNT,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/app"),
                "accountId": ACCOUNT, "userName": "app"}}}});
    if denied {
        event["errorCode"] = "AccessDenied".into();
        event["errorMessage"] = format!(
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/app/s is not authorized to perform: sqs:purgequeue on resource: \
             arn:aws:sqs:eu-west-1:{ACCOUNT}:{queue} because no identity-based policy allows the sqs:purgequeue action"
        )
        .into();
    }
    event
}

fn record_all(ledger: &mut MemoryLedger, world: &World, events: &[Value], now: &str) {
    let records: Vec<Record> = events.iter().filter_map(Record::from_value).collect();
    ledger.record(ingest::observed(ingest::denials(&records, world)), at(now)).unwrap();
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Event history that holds these events and answers like AWS: by name or user, between the bounds, newest first, `size`
/// a page.
fn history(events: Vec<Value>, size: usize) -> Server {
    history_that(events, size, |_| None)
}

/// The same; `first` may answer in its place, seeing how many requests came before.
fn history_that(
    mut events: Vec<Value>,
    size: usize,
    first: impl Fn(usize) -> Option<Reply> + Send + Sync + 'static,
) -> Server {
    events.sort_by_key(|event| std::cmp::Reverse(event["eventTime"].as_str().map(str::to_owned)));
    let events = Arc::new(events);
    Server::start(move |request, before| {
        if request.body.starts_with("Action=GetCallerIdentity") {
            return Reply::new(200, format!("<Account>{ACCOUNT}</Account>"));
        }
        if let Some(reply) = first(before) {
            return reply;
        }
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        let value = &asked["LookupAttributes"][0]["AttributeValue"];
        let second = |event: &Value| at(event["eventTime"].as_str().unwrap()).as_second();
        let (from, to) = (asked["StartTime"].as_i64().unwrap(), asked["EndTime"].as_i64().unwrap());
        let matching: Vec<&Value> =
            events.iter().filter(|one| one["eventName"] == *value && (from..=to).contains(&second(one))).collect();
        let start: usize = asked["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let page = matching.iter().skip(start).take(size);
        let page = page.map(|event| json!({"EventTime": second(event), "CloudTrailEvent": event.to_string()}));
        let mut answer = json!({"Events": page.collect::<Vec<_>>()});
        if start + size < matching.len() {
            answer["NextToken"] = (start + size).to_string().into();
        }
        Reply::new(200, answer.to_string())
    })
}

fn world() -> World {
    World::new(InForce::default())
}

async fn run(ledger: &mut MemoryLedger, server: &Server, now: &str, seconds: u64) -> Swept {
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let (pace, time) = (FakePace::default(), (at(now), Duration::from_secs(seconds)));
    sweep(ledger, &world(), aws.signed(), &pace, time).await.unwrap()
}

fn told(ledger: &MemoryLedger) -> Vec<Advice> {
    advise(&ledger.findings(&Filter::default()).unwrap(), world().context())
}

const DENIED: &str = "2026-11-10T10:00:00Z";
const NOW: &str = "2026-11-12T10:00:00Z";

fn denied_once() -> MemoryLedger {
    let mut ledger = MemoryLedger::default();
    record_all(&mut ledger, &world(), &[event("d", DENIED, "q", true)], NOW);
    ledger
}

#[tokio::test]
async fn allowed_calls_resolve_with_their_number_and_once() {
    let mut ledger = denied_once();
    let log = vec![
        event("d", DENIED, "q", true),
        event("before", "2026-11-10T09:00:00Z", "q", false),
        event("a1", "2026-11-11T09:00:00Z", "q", false),
        event("a2", "2026-11-11T09:00:00Z", "q", false),
        event("other", "2026-11-11T09:00:00Z", "another", false),
    ];
    let server = history(log, 2);
    let swept = run(&mut ledger, &server, NOW, 60).await;
    assert_eq!((swept.findings, swept.resolved.len(), swept.unfinished, swept.problems.len()), (1, 1, 0, 0));
    let advice = told(&ledger);
    assert_eq!((advice[0].count, advice[0].denied[0].status), (1, Status::Resolved));
    let since = advice[0].allowed_since.unwrap();
    assert_eq!((since.count, since.at_least, since.first), (2, false, at("2026-11-11T09:00:00Z")));
    let asked = server.seen().len();
    let again = run(&mut ledger, &server, "2026-11-13T10:00:00Z", 60).await;
    assert_eq!((again.findings, again.pages, server.seen().len()), (0, 0, asked), "what is over is not asked again");
    assert_eq!(again.resolved, swept.resolved, "and told by every run, since the first may have ended too soon");
    // Nor does an AWS that does not say who asks keep it back.
    let other = event("o", DENIED, "q", true).to_string().replace("role/app", "role/web").replace("\"app\"", "\"web\"");
    let other = other.replace("assumed-role/app/", "assumed-role/web/");
    record_all(&mut ledger, &world(), &[serde_json::from_str(&other).unwrap()], NOW);
    let deaf = Server::start(|_, _| Reply::new(403, "<Code>AccessDenied</Code>"));
    let refused = run(&mut ledger, &deaf, "2026-11-13T10:00:00Z", 60).await;
    assert_eq!((refused.findings, refused.problems.len()), (1, 1));
    assert_eq!(refused.resolved, swept.resolved);
}

#[tokio::test]
async fn silence_is_quiet_and_never_resolved_and_a_new_denial_reopens() {
    let mut ledger = denied_once();
    // Too soon to be called quiet.
    run(&mut ledger, &history(vec![], 50), "2026-11-10T20:00:00Z", 60).await;
    assert_eq!(told(&ledger)[0].denied[0].status, Status::Open);
    let swept = run(&mut ledger, &history(vec![], 50), NOW, 60).await;
    assert_eq!((swept.quiet.len(), told(&ledger)[0].denied[0].status), (1, Status::Quiet));
    record_all(&mut ledger, &world(), &[event("d2", "2026-11-12T09:59:00Z", "q", true)], NOW);
    assert_eq!(told(&ledger)[0].denied[0].status, Status::Open);
    // And one after a resolution; it is found in the history itself.
    let log = vec![event("a", "2026-11-12T12:00:00Z", "q", false)];
    run(&mut ledger, &history(log, 50), "2026-11-12T20:00:00Z", 60).await;
    assert_eq!(told(&ledger)[0].denied[0].status, Status::Resolved);
    record_all(&mut ledger, &world(), &[event("d3", "2026-11-12T21:00:00Z", "q", true)], "2026-11-12T21:00:00Z");
    let log = vec![event("d4", "2026-11-12T22:00:00Z", "q", true)];
    run(&mut ledger, &history(log, 50), "2026-11-13T10:00:00Z", 60).await;
    let advice = told(&ledger);
    assert_eq!((advice[0].count, advice[0].denied[0].status, advice[0].allowed_since), (4, Status::Open, None));
}

/// An hour later, and with nothing seen, the ledger's findings are left as they are; a day later the look is told.
#[tokio::test]
async fn a_run_that_sees_nothing_new_writes_no_finding() {
    let mut ledger = denied_once();
    let server = history(vec![], 50);
    let (mut writes, mut before) = (Vec::new(), ledger.findings(&Filter::default()).unwrap());
    for hour in 1..=73 {
        let now = (at(DENIED) + SignedDuration::from_hours(hour)).to_string();
        run(&mut ledger, &server, &now, 60).await;
        let after = ledger.findings(&Filter::default()).unwrap();
        if after != before {
            writes.push(hour);
            before = after;
        }
    }
    // The first look, then silence that has become quiet (a day after the denial, less what history lags), then daily.
    assert_eq!(writes, [1, 25, 49, 73]);
    assert_eq!(told(&ledger)[0].denied[0].status, Status::Quiet);
    assert_eq!(
        server.seen().iter().filter(|seen| seen.body.contains("PurgeQueue")).count(),
        73,
        "each hour is asked once"
    );
}

#[tokio::test]
async fn what_no_source_holds_is_said_so_and_not_asked_for() {
    let mut ledger = MemoryLedger::default();
    let mut object = event("d", DENIED, "q", true);
    object["eventSource"] = "s3.amazonaws.com".into();
    object["eventName"] = "GetObject".into();
    object["requestParameters"] = json!({"bucketName": "b", "key": "k"});
    object["errorMessage"] = format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/app/s is not authorized to perform: s3:GetObject on resource: \
         \"arn:aws:s3:::b/k\" because no identity-based policy allows the s3:GetObject action"
    )
    .into();
    let foreign = event("f", DENIED, "q", true).to_string().replace(ACCOUNT, "444455556666");
    let foreign: Value = serde_json::from_str(&foreign).unwrap();
    record_all(&mut ledger, &world(), &[object, foreign], NOW);
    let server = history(vec![], 50);
    let swept = run(&mut ledger, &server, NOW, 60).await;
    assert_eq!((swept.unseen.len(), swept.problems.len()), (2, 0), "{swept:?}");
    // What may follow is asked for all the same: KMS's calls are management events.
    let asked: Vec<String> =
        server.seen().iter().filter_map(|seen| Some(seen.body.split_once("AttributeValue")?.1.to_owned())).collect();
    assert!(asked.len() == 1 && asked[0].contains("Decrypt"), "{asked:?}");
    let why: BTreeSet<String> = told(&ledger).iter().filter_map(|one| one.denied[0].unseen.clone()).collect();
    let start = "whether it is allowed by now cannot be seen: Event history";
    assert_eq!(
        why.into_iter().collect::<Vec<_>>(),
        [
            format!("{start} holds no data events, and `s3:GetObject` is one, and no archive was read"),
            format!("{start} of account 444455556666 cannot be read from here, and no archive was read"),
        ]
    );
    assert!(told(&ledger).iter().all(|one| one.denied[0].status == Status::Quiet));
    assert!(told(&ledger).iter().all(|one| one.denied[0].looked_until.is_none()), "nobody could look");
}

#[test]
fn a_look_before_the_last_denial_does_not_hide_that_nobody_can_see() {
    let mut finding = denied_once().findings(&Filter::default()).unwrap().remove(0);
    let mut told = |looked: &[(Source, &str)]| {
        let item = finding.items.values_mut().next().unwrap();
        item.looked = looked.iter().map(|(source, until)| (*source, at(until))).collect();
        let denied = advise(std::slice::from_ref(&finding), world().context()).remove(0).denied.remove(0);
        (denied.unseen.is_some(), denied.looked_until)
    };
    let (early, late, later) = ("2026-11-10T09:00:00Z", "2026-11-11T10:00:00Z", "2026-11-12T10:00:00Z");
    assert_eq!(told(&[(Source::History, early), (Source::Nowhere, later)]), (true, Some(at(early))));
    assert_eq!(told(&[(Source::Log, late), (Source::Nowhere, later)]), (false, Some(at(late))));
    assert_eq!(told(&[(Source::Nowhere, later)]), (true, None));
}

/// A thousand allowed calls, ten a page, time for some pages a run: run after run it goes on where it stopped.
#[tokio::test]
async fn what_does_not_fit_into_one_run_goes_on_in_the_next() {
    let mut ledger = denied_once();
    let minute = |n: i64| (at("2026-11-10T11:00:00Z") + SignedDuration::from_mins(n)).to_string();
    let log = (0..200).map(|n| event(&format!("x{n}"), &minute(n), "another", false));
    let server = history(log.chain([event("a", "2026-11-10T10:30:00Z", "q", false)]).collect(), 10);
    let mut runs = 0;
    loop {
        runs += 1;
        let swept = run(&mut ledger, &server, NOW, 4).await;
        if swept.unfinished == 0 {
            break;
        }
        assert_eq!(told(&ledger)[0].denied[0].status, Status::Open);
        assert!(runs < 10, "it never ends");
    }
    assert!(runs > 2, "{runs}");
    assert_eq!(told(&ledger)[0].allowed_since.map(|since| since.count), Some(1));
    let lookups = server.seen().iter().filter(|seen| seen.body.contains("PurgeQueue")).count();
    assert!(lookups < 35, "{lookups} requests for 21 pages");
}

#[tokio::test]
async fn throttling_and_refusals_lose_nothing() {
    let mut ledger = denied_once();
    let busy = |before: usize| {
        let body = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
        (before % 3 == 1).then(|| Reply::new(400, body))
    };
    let log = vec![event("a", "2026-11-11T09:00:00Z", "q", false), event("b", "2026-11-11T09:30:00Z", "q", false)];
    let swept = run(&mut ledger, &history_that(log.clone(), 1, busy), NOW, 60).await;
    assert_eq!((swept.resolved.len(), swept.problems.len()), (1, 0));
    assert_eq!(told(&ledger)[0].allowed_since.map(|since| since.count), Some(2));
    let mut ledger = denied_once();
    let refused =
        |before: usize| (before > 0).then(|| Reply::new(400, r#"{"__type":"AccessDeniedException","message":"no"}"#));
    let swept = run(&mut ledger, &history_that(log.clone(), 1, refused), NOW, 60).await;
    assert_eq!((swept.resolved.len(), swept.problems.len(), swept.unfinished), (0, 1, 1));
    assert_eq!(told(&ledger)[0].denied[0].status, Status::Open, "nobody has looked");
    assert_eq!(run(&mut ledger, &history(log, 1), NOW, 60).await.resolved.len(), 1);
}

/// However often nothing could be read, no second of the time is passed over.
#[tokio::test]
async fn a_run_that_reads_nothing_moves_nothing() {
    let last = (at(NOW) - LAG).to_string();
    let mut ledger = denied_once();
    let refused = |before: usize| {
        (before % 2 == 1).then(|| Reply::new(400, r#"{"__type":"AccessDeniedException","message":"no"}"#))
    };
    let server = history_that(vec![event("a", &last, "q", false)], 1, refused);
    for _ in 0..3 {
        assert_eq!(run(&mut ledger, &server, NOW, 60).await.problems.len(), 1);
    }
    let server = history(vec![event("a", &last, "q", false)], 1);
    assert_eq!(run(&mut ledger, &server, NOW, 60).await.resolved.len(), 1);
}

#[tokio::test]
async fn a_count_that_was_cut_short_says_at_least() {
    let mut ledger = denied_once();
    let minute = |n: i64| (at("2026-11-10T11:00:00Z") + SignedDuration::from_mins(n)).to_string();
    let log: Vec<Value> = (0..60).map(|n| event(&format!("a{n}"), &minute(n), "q", false)).collect();
    let swept = run(&mut ledger, &history(log.clone(), 10), NOW, 2).await;
    let since = told(&ledger)[0].allowed_since.unwrap();
    assert!(swept.unfinished == 1 && since.at_least && since.count < 50, "{since:?}");
    let mut ledger = denied_once();
    run(&mut ledger, &history(log, 10), NOW, 60).await;
    let since = told(&ledger)[0].allowed_since.unwrap();
    assert_eq!((since.count, since.at_least), (50, true));
}

#[test]
fn an_archive_shows_what_it_holds() {
    let mut ledger = denied_once();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.json");
    let log = json!({"Records": [event("a", "2026-11-11T09:00:00Z", "q", false), event("b", "2026-11-11T09:00:01Z", "q", false)]});
    crate::io::sinks::file::write(&file, &log.to_string()).unwrap();
    let swept = sweep_archive(std::slice::from_ref(&file), &mut ledger, &world(), at(NOW)).unwrap();
    assert_eq!((swept.resolved.len(), swept.problems.len()), (1, 0));
    assert_eq!(told(&ledger)[0].allowed_since.map(|since| since.count), Some(2));
    // One that reaches from the denial to days later and holds no such call.
    let (mut ledger, first) = (denied_once(), event("x", "2026-11-10T09:00:00Z", "another", false));
    let log = json!({"Records": [first, event("y", "2026-11-12T09:00:00Z", "another", false)]});
    crate::io::sinks::file::write(&file, &log.to_string()).unwrap();
    assert_eq!(sweep_archive(std::slice::from_ref(&file), &mut ledger, &world(), at(NOW)).unwrap().quiet.len(), 1);
    // One of which only another account's trail holds events of the service tells nothing.
    let mut ledger = denied_once();
    let of = |id: &str, at: &str, key: &str, value: &str| {
        let mut event = event(id, at, "another", false);
        event[key] = value.into();
        event
    };
    let mut log: Vec<Value> = ["2026-11-10T09:00:00Z", "2026-11-12T09:00:00Z"]
        .map(|at| of(at, at, "eventSource", "sns.amazonaws.com"))
        .to_vec();
    log.push(of("z", "2026-11-11T09:00:00Z", "recipientAccountId", "999988887777"));
    crate::io::sinks::file::write(&file, &json!({"Records": log}).to_string()).unwrap();
    assert_eq!(sweep_archive(std::slice::from_ref(&file), &mut ledger, &world(), at(NOW)).unwrap().quiet.len(), 0);
    // One that begins after the denial tells nothing by its silence.
    let mut ledger = denied_once();
    let log = json!({"Records": [event("y", "2026-11-12T09:00:00Z", "another", false)]});
    crate::io::sinks::file::write(&file, &log.to_string()).unwrap();
    assert_eq!(sweep_archive(&[file], &mut ledger, &world(), at(NOW)).unwrap().quiet.len(), 0);
    assert_eq!(told(&ledger)[0].denied[0].status, Status::Open);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// However the time is cut into runs, the same calls are found, and nothing is called looked at that was not read.
    #[test]
    fn the_cuts_never_show(minutes in prop::collection::vec((1_i64..2_000, any::<bool>()), 0..40), size in 1_usize..8, seconds in 2_u64..9) {
        let when = |n: i64| (at(DENIED) + SignedDuration::from_mins(n)).to_string();
        let name = |own: &bool| if *own { "q" } else { "another" };
        let log: Vec<Value> =
            minutes.iter().enumerate().map(|(n, (minute, own))| event(&format!("e{n}"), &when(*minute), name(own), false)).collect();
        let expect = minutes.iter().filter(|(_, own)| *own).count() as u64;
        let server = history(log, size);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut ledger = denied_once();
        for turn in 0.. {
            let swept = runtime.block_on(run(&mut ledger, &server, NOW, seconds));
            let advice = told(&ledger);
            let found = advice[0].allowed_since.map_or(0, |since| since.count);
            if swept.unfinished == 0 || found > 0 {
                // What is over is not looked at again: the rest of its calls then is "at least".
                prop_assert!(found == expect || advice[0].allowed_since.is_some_and(|since| since.at_least && since.count <= expect));
                prop_assert_eq!(advice[0].denied[0].status, if expect > 0 { Status::Resolved } else { Status::Quiet });
                break;
            }
            prop_assert!(turn < 60);
            prop_assert_eq!(advice[0].denied[0].status, Status::Open);
        }
    }
}
