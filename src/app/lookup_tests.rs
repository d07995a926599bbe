use super::*;
use crate::diagnosis::InForce;
use crate::io::sources::history_reach::Known;
use crate::io::sources::lookup::Event;
use crate::io::stores::{MemoryLedger, Place};
use serde_json::json;

const ACCOUNT: &str = "111122223333";
const START: i64 = 1_762_768_800;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

/// A page of one event.
fn page(second: i64) -> Told {
    let record = json!({"eventID": format!("e{second}"), "eventTime": at(second).to_string(), "eventName": "ListQueues",
        "eventSource": "sqs.amazonaws.com", "awsRegion": "a", "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::{ACCOUNT}:user/ana"), "userName": "ana"}});
    let events = vec![Event { at: Some(at(second)), record: record.to_string() }];
    Told::Page(Page { events, reached: Some(at(second)), without_record: 0 })
}

/// Takes in what the Regions `a` and `b` tell of these seconds; tells how far they were each time, and how they ended.
async fn taken(
    ledger: &mut MemoryLedger,
    told: Vec<(&str, Told)>,
) -> (Vec<[(i64, bool); 2]>, BTreeMap<String, Reading>) {
    let span = (at(0), at(1_000));
    let plan = |region: &str| Reading::plan(ledger, Some(ACCOUNT), region, span, false).unwrap();
    let mut places = BTreeMap::from([("a".to_owned(), plan("a")), ("b".to_owned(), plan("b"))]);
    let world = World::new(InForce::default());
    let mut scan = Scan::begin(ledger, &world, Options::default(), "history");
    let (sender, pages) = channel(WAITING);
    for (region, told) in told {
        sender.send((region.to_owned(), told)).await.unwrap();
    }
    drop(sender);
    let mut seen = Vec::new();
    let mut watch = |progress: &Progress<'_>| {
        let Step::History(regions) = progress.step else { unreachable!() };
        assert!(regions.iter().all(|one| one.asked <= 1_000 && one.covered <= one.asked));
        seen.push([0, 1].map(|at: usize| (regions[at].covered, regions[at].is_over)));
    };
    take_in(pages, &mut places, &mut scan, &mut watch).await.unwrap();
    (seen, places)
}

#[tokio::test]
async fn each_region_tells_how_much_of_its_time_is_read() {
    let mut ledger = MemoryLedger::default();
    let gap = || Told::Gap((at(0), at(1_000)));
    let told = vec![("a", gap()), ("a", page(700)), ("b", gap()), ("b", Told::Done), ("a", Told::Failed("no".into()))];
    let (seen, places) = taken(&mut ledger, told).await;
    let (begun, b) = ((300, false), (1_000, true));
    assert_eq!(
        seen,
        [[(0, false), (0, false)], [begun, (0, false)], [begun, (0, false)], [begun, b], [(300, true), b]]
    );
    assert_eq!((places["a"].is_finished(), places["b"].is_finished()), (false, true));
    // The next run is asked for the rest of the one, and for nothing of the other.
    let rest = (at(0), at(701));
    let (seen, places) = taken(&mut ledger, vec![("a", Told::Gap(rest)), ("a", Told::Done)]).await;
    assert_eq!(seen, [[(0, false), (0, true)], [(701, true), (0, true)]]);
    assert_eq!(
        (places["a"].gaps.as_slice(), places["a"].is_finished(), places["b"].gaps.len()),
        (&[rest][..], true, 0)
    );
    assert_eq!(known_before("history", &places).map(|run| run.places.len()), Some(2));
}

#[tokio::test]
async fn what_was_read_reaches_as_far_as_it_hangs_together() {
    let mut ledger = MemoryLedger::default();
    let (_, places) = taken(&mut ledger, vec![("a", Told::Gap((at(500), at(1_000)))), ("a", Told::Done)]).await;
    let place = |first: i64, last: i64| {
        let (account, region) = (Some(ACCOUNT.to_owned()), Some("a".to_owned()));
        Place { account, region, first: Some(at(first)), last: Some(at(last)), records: 0 }
    };
    let reach = |met: Vec<Place>| covered(met, ACCOUNT, &places).into_iter().map(|one| (one.first, one.last)).next();
    assert_eq!(reach(vec![]), Some((Some(at(500)), Some(at(1_000)))), "nothing was met, and all was looked at");
    assert_eq!(reach(vec![place(400, 600)]), Some((Some(at(400)), Some(at(1_000)))));
    assert_eq!(reach(vec![place(100, 200)]), Some((Some(at(100)), Some(at(200)))), "what lies between was not read");
}

/// What was met is in the ledger before the time in which it was is noted as read.
#[tokio::test]
async fn a_run_that_is_killed_loses_no_call_of_the_time_that_is_noted() {
    let mut ledger = MemoryLedger::default();
    let told = vec![("a", Told::Gap((at(0), at(1_000)))), ("a", page(900)), ("a", page(800)), ("a", Told::Done)];
    // No scan is finished here.
    taken(&mut ledger, told).await;
    let services = ledger.state(&format!("services in Event history of {ACCOUNT}")).unwrap();
    assert_eq!(services.as_deref(), Some(r#"[["sqs",false]]"#));
    assert_eq!(ledger.noted_run(&Known::name(ACCOUNT, "a")).unwrap().unwrap().records, 2);
}

/// A Region that AWS makes wait for a minute holds up nobody who wants to end the scan, and what came before is noted.
#[tokio::test]
async fn a_scan_that_is_stopped_waits_for_no_page() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static STOP: AtomicBool = AtomicBool::new(false);
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let plan = Reading::plan(&ledger, Some(ACCOUNT), "a", (at(0), at(1_000)), false).unwrap();
    let mut places = BTreeMap::from([("a".to_owned(), plan)]);
    let mut scan = Scan::begin(&mut ledger, &world, Options { stop: Some(&STOP), ..Options::default() }, "history");
    let (sender, pages) = channel(WAITING);
    for told in [Told::Gap((at(0), at(1_000))), page(900)] {
        sender.send(("a".to_owned(), told)).await.unwrap();
    }
    let mut watch = |progress: &Progress<'_>| STOP.store(progress.stats.records > 0, Ordering::Relaxed);
    // Nobody lets go of the sender.
    let taken = take_in(pages, &mut places, &mut scan, &mut watch);
    tokio::time::timeout(Duration::from_secs(20), taken).await.expect("it waits").unwrap();
    STOP.store(false, Ordering::Relaxed);
    let (sender, pages) = channel(WAITING);
    let stop = async {
        tokio::time::sleep(PATIENCE * 2).await;
        STOP.store(true, Ordering::Relaxed);
    };
    let mut nobody = |_: &Progress<'_>| {};
    let taken = async { tokio::join!(take_in(pages, &mut places, &mut scan, &mut nobody), stop).0 };
    tokio::time::timeout(Duration::from_secs(20), taken).await.expect("it waits").unwrap();
    drop(sender);
    assert_eq!(ledger.noted_run(&Known::name(ACCOUNT, "a")).unwrap().unwrap().records, 1);
}

/// Event history of two Regions, of which one holds nothing; each call of the other was made so many minutes ago, and perhaps denied.
fn history(calls: &'static [(i64, bool)]) -> crate::io::doubles::Server {
    use crate::io::doubles::{Reply, Server};
    let now = clock::now();
    Server::start(move |request, _| {
        if request.body.contains("GetCallerIdentity") {
            let account = format!("<GetCallerIdentityResult><Account>{ACCOUNT}</Account></GetCallerIdentityResult>");
            return Reply::new(200, format!("<GetCallerIdentityResponse>{account}</GetCallerIdentityResponse>"));
        }
        let asked: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        let is_here = request.header("authorization").contains("/eu-west-1/");
        let events = calls.iter().filter(|_| is_here).map(|(minutes, is_denied)| {
            let at = now.checked_sub(minutes.minutes()).unwrap();
            let mut record = json!({"eventVersion": "1.09", "eventID": format!("e{minutes}"), "eventTime": format!("{at:.0}"),
                "eventName": "ListQueues", "eventSource": "sqs.amazonaws.com", "awsRegion": "eu-west-1",
                "recipientAccountId": ACCOUNT,
                "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::{ACCOUNT}:user/ana"), "userName": "ana"}});
            if *is_denied {
                record["errorCode"] = "AccessDenied".into();
            }
            json!({"EventId": format!("e{minutes}"), "EventTime": at.as_second(), "CloudTrailEvent": record.to_string()})
        });
        let is_asked = |event: &serde_json::Value| {
            let at = event["EventTime"].as_i64();
            at >= asked["StartTime"].as_i64() && at <= asked["EndTime"].as_i64()
        };
        let events: Vec<serde_json::Value> = events.filter(is_asked).collect();
        Reply::new(200, json!({ "Events": events }).to_string()).with("content-type", "application/x-amz-json-1.1")
    })
}

async fn told(server: &crate::io::doubles::Server, ledger: &mut MemoryLedger, denials: bool) -> Outcome {
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let regions = vec!["eu-west-1".to_owned(), "us-east-2".to_owned()];
    let asked = Asked { regions, ..Asked::default() };
    let (world, options) = (World::new(InForce::default()), Options { denials, ..Options::default() });
    let mut all = Vec::new();
    let told = of_account(&aws, &asked, ledger, &world, options, &mut |_| {}, &mut |advice| all.push(advice)).await;
    told.unwrap().holding(all)
}

const CALLS: &[(i64, bool)] = &[(10, true), (200, true), (300, false), (30_000, true), (36_000, false)];

#[tokio::test]
async fn what_was_read_of_event_history_is_told() {
    let (server, mut ledger) = (history(CALLS), MemoryLedger::default());
    let first = told(&server, &mut ledger, false).await;
    assert_eq!((first.stats.records, first.stats.denied, first.problems), (5, 3, vec![]));
    let read = first.coverage;
    assert_eq!((read.records, read.accounts, read.unread), (5, vec![ACCOUNT.to_owned()], 0));
    assert_eq!(read.regions, ["eu-west-1", "us-east-2"], "nothing happened in one of them");
    assert!(!read.unseen.is_empty());
    // What an earlier run read is told, too; the latest hour is read again.
    let second = told(&history(CALLS), &mut ledger, false).await;
    assert!(second.stats.records < 5, "{:?}", second.stats);
    assert_eq!((second.coverage.regions.len(), second.findings[0].count), (2, 3));
    assert!(second.coverage.records >= second.stats.records, "{:?}", second.coverage);
}

#[tokio::test]
async fn where_every_denial_is_wanted_event_history_is_read_again() {
    let mut ledger = MemoryLedger::default();
    for _ in 0..2 {
        let told = told(&history(CALLS), &mut ledger, true).await;
        assert_eq!(told.denials.map(|all| all.len()), Some(3));
        assert_eq!((told.findings[0].count, told.coverage.records), (3, 5), "each counts once");
    }
}

#[tokio::test]
async fn what_is_read_again_is_counted_once() {
    const OLD: &[(i64, bool)] = &[(200, true), (300, false), (30_000, true)];
    let mut ledger = MemoryLedger::default();
    for denials in [true, true, false] {
        let told = told(&history(OLD), &mut ledger, denials).await;
        assert_eq!(told.coverage.records, 3, "{denials}");
        assert_eq!(ledger.coverage(None, None).unwrap().records, 3);
    }
}
