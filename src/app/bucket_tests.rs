use super::*;
use crate::diagnosis::InForce;
use crate::io::doubles::{Reply, Server};
use crate::io::stores::MemoryLedger;
use serde_json::json;
use std::sync::{Arc, Mutex};

const REGION: &str = "AWSLogs/111122223333/CloudTrail/eu-west-1/";

fn key(day: &str, number: usize) -> String {
    format!("{REGION}{day}/111122223333_CloudTrail_eu-west-1_{}T1015Z_{number}.json", day.replace('/', ""))
}

fn denial(day: &str, number: usize) -> String {
    json!({"Records": [{
        "eventVersion": "1.09", "eventID": format!("{day} {number}"), "eventTime": format!("{}T10:10:00Z", day.replace('/', "-")),
        "eventSource": "sqs.amazonaws.com", "eventName": "SendMessage", "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333", "errorCode": "AccessDenied",
        "errorMessage": "User: arn:aws:sts::111122223333:assumed-role/app/run-1 is not authorized to perform: sqs:SendMessage \
            on resource: arn:aws:sqs:eu-west-1:111122223333:orders because no identity-based policy allows the sqs:SendMessage action",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/run-1", "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/app", "userName": "app"}}},
    }]})
    .to_string()
}

/// Keys with ETag and content.
type Content = Arc<Mutex<Vec<(String, String, String)>>>;

/// A bucket whose content may change; each list is one page of all keys that begin so and stand behind `start-after`.
fn bucket(content: &Content) -> Server {
    let content = Arc::clone(content);
    Server::start(move |request, _| {
        let content = content.lock().unwrap();
        let Some((_, query)) = request.target.split_once('?') else {
            let key = request.target.trim_start_matches("/my-logs/").to_owned();
            let found = content.iter().find(|(own, ..)| *own == key);
            return match found.map_or("NoSuchKey", |(.., body)| body) {
                "NoSuchKey" => Reply::new(404, "<Error><Code>NoSuchKey</Code></Error>"),
                code @ ("AccessDenied" | "InvalidObjectState") => {
                    Reply::new(403, format!("<Error><Code>{code}</Code></Error>"))
                }
                body => Reply::new(200, body),
            };
        };
        let field = |name: &str| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            pair.map(crate::io::aws::listing::decode).unwrap_or_default()
        };
        let keys = content.iter().filter(|(key, ..)| key.starts_with(&field("prefix")) && *key > field("start-after"));
        let listed = keys.map(|(key, etag, body)| {
            format!("<Contents><Key>{key}</Key><ETag>&quot;{etag}&quot;</ETag><Size>{}</Size></Contents>", body.len())
        });
        Reply::new(200, format!("<ListBucketResult>{}</ListBucketResult>", listed.collect::<String>()))
    })
}

fn gets(server: &Server) -> Vec<String> {
    let gets = server.seen().into_iter().map(|r| r.target).filter(|target| !target.contains('?'));
    gets.map(|target| target.trim_start_matches("/my-logs/").to_owned()).collect()
}

async fn scan(server: &Server, ledger: &mut MemoryLedger, selection: Selection, again: bool) -> Outcome {
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let place = ("my-logs".to_owned(), REGION.to_owned());
    let asked = Asked { places: vec![place], again, requester_pays: false };
    let options = Options { selection, ..Options::default() };
    let world = World::new(InForce::default());
    scan_buckets(&aws, &asked, ledger, &world, options, &mut |_| {}).await.unwrap()
}

fn content(objects: &[(&str, usize)]) -> Content {
    let one = |(day, number): &(&str, usize)| (key(day, *number), "e1".to_owned(), denial(day, *number));
    Arc::new(Mutex::new(objects.iter().map(one).collect()))
}

#[tokio::test]
async fn an_object_is_read_once_until_it_changes() {
    let content = content(&[("2026/11/01", 1), ("2026/11/02", 2)]);
    let server = bucket(&content);
    let mut ledger = MemoryLedger::default();
    let first = scan(&server, &mut ledger, Selection::default(), false).await;
    assert_eq!((first.stats.files, first.stats.denied, first.stats.known, first.findings[0].count), (2, 2, 0, 2));
    let second = scan(&server, &mut ledger, Selection::default(), false).await;
    assert_eq!((second.stats.files, second.stats.known, gets(&server).len()), (0, 0, 2), "what is old is not listed");
    // What the first scan read still counts for the period.
    assert_eq!(ledger.coverage(None, None).unwrap().records, 2);
    content.lock().unwrap()[1].1 = "e2".to_owned();
    let third = scan(&server, &mut ledger, Selection::default(), true).await;
    assert_eq!((third.stats.files, third.stats.duplicates), (2, 2), "asked to read again");
}

#[tokio::test]
async fn where_every_denial_is_wanted_nothing_is_skipped() {
    let content = content(&[("2026/11/01", 1), ("2026/11/02", 2)]);
    let server = bucket(&content);
    let mut ledger = MemoryLedger::default();
    scan(&server, &mut ledger, Selection::default(), false).await;
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let asked = Asked { places: vec![("my-logs".to_owned(), REGION.to_owned())], ..Asked::default() };
    let options = Options { denials: true, ..Options::default() };
    let told = scan_buckets(&aws, &asked, &mut ledger, &World::new(InForce::default()), options, &mut |_| {}).await;
    let told = told.unwrap();
    assert_eq!((told.denials.unwrap().len(), told.stats.known, told.stats.duplicates), (2, 0, 2));
}

#[tokio::test]
async fn what_is_passed_over_is_told() {
    let content = content(&[("2026/11/01", 1)]);
    for name in ["2026/11/01/a.json.zip", "2026/11/01/b", "2026/11/01/empty/"] {
        content.lock().unwrap().push((format!("{REGION}{name}"), "e".into(), denial("2026/11/01", 2)));
    }
    let server = bucket(&content);
    let told = scan(&server, &mut MemoryLedger::default(), Selection::default(), false).await;
    let expect = "2 objects were passed over, since their names do not end as log files' do: .json, .jsonl, .ndjson, .gz, .bz2, .zst";
    assert_eq!((told.stats.files, told.not_seen), (1, vec![expect.to_owned()]));
}

/// What lies behind a token that comes again is not known: the place is not noted as listed, and it is told.
#[tokio::test]
async fn a_list_that_repeats_itself_is_a_problem() {
    let server = Server::start(|request, _| match request.target.contains("continuation-token=A&") {
        _ if !request.target.contains('?') => Reply::new(200, denial("2026/11/01", 1)),
        is_a => {
            let (key, next) = (key("2026/11/01", usize::from(is_a)), if is_a { "B" } else { "A" });
            Reply::new(
                200,
                format!(
                    "<ListBucketResult><Contents><Key>{key}</Key><ETag>\"e\"</ETag><Size>9</Size></Contents>\
                     <IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken></ListBucketResult>"
                ),
            )
        }
    });
    let mut ledger = MemoryLedger::default();
    let told = scan(&server, &mut ledger, Selection::default(), false).await;
    assert_eq!((told.stats.denied > 0, told.problems.len()), (true, 1), "{:?}", told.problems);
    assert!(told.problems[0].error.contains("the list repeats itself"), "{:?}", told.problems);
    let asked = Asked { places: vec![("my-logs".to_owned(), REGION.to_owned())], ..Asked::default() };
    assert_eq!(ledger.noted_run(&asked.listed(&Selection::default())).unwrap(), None);
}

#[tokio::test]
async fn late_files_of_three_days_are_found() {
    let now = clock::now().to_zoned(jiff::tz::TimeZone::UTC);
    let ago = |days: i64| now.checked_sub(days.days()).unwrap().strftime("%Y/%m/%d").to_string();
    let content = content(&[(&ago(9), 1), (&ago(0), 2)]);
    let server = bucket(&content);
    let mut ledger = MemoryLedger::default();
    scan(&server, &mut ledger, Selection::default(), false).await;
    for (days, number) in [(1, 3), (3, 4), (8, 5)] {
        let day = ago(days);
        content.lock().unwrap().push((key(&day, number), "e".into(), denial(&day, number)));
    }
    content.lock().unwrap().sort();
    let second = scan(&server, &mut ledger, Selection::default(), false).await;
    // The third is too late for any but a scan that is told to read all again.
    assert_eq!((second.stats.files, second.stats.known, second.stats.denied), (2, 1, 2));
    let all = scan(&server, &mut ledger, Selection::default(), true).await;
    assert_eq!((all.stats.files, all.stats.duplicates), (5, 4));
}

#[tokio::test]
async fn a_narrow_scan_leaves_the_rest_for_a_wider_one() {
    let content = content(&[("2026/11/01", 1), ("2026/11/02", 2)]);
    let mut mixed = denial("2026/11/02", 3);
    mixed.insert_str(mixed.len() - 2, &format!(",{}", &denial("2026/11/01", 4)[12..denial("2026/11/01", 4).len() - 2]));
    content.lock().unwrap().push((key("2026/11/02", 3), "e".into(), mixed));
    let server = bucket(&content);
    let mut ledger = MemoryLedger::default();
    let narrow = Selection { since: "2026-11-02T00:30:00Z".parse().ok(), ..Selection::default() };
    let first = scan(&server, &mut ledger, narrow, false).await;
    assert_eq!((first.stats.files, first.stats.denied, first.stats.left_out), (2, 2, 1));
    let wide = scan(&server, &mut ledger, Selection::default(), false).await;
    // One was read whole; the other held an event that was not asked for.
    assert_eq!((wide.stats.files, wide.stats.known, wide.stats.denied, wide.stats.duplicates), (2, 1, 3, 1));
    assert_eq!(wide.findings[0].count, 4);
}

#[tokio::test]
async fn what_failed_is_tried_by_the_next_scan() {
    let content = content(&[("2026/11/01", 1), ("2026/11/02", 2)]);
    content.lock().unwrap()[0].2 = "{\"Records\": [".to_owned();
    let server = bucket(&content);
    let mut ledger = MemoryLedger::default();
    let first = scan(&server, &mut ledger, Selection::default(), false).await;
    assert_eq!((first.stats.denied, first.problems.len()), (1, 1));
    assert!(first.problems[0].input.starts_with("s3://my-logs/AWSLogs/"), "{:?}", first.problems);
    content.lock().unwrap()[0].2 = denial("2026/11/01", 1);
    let second = scan(&server, &mut ledger, Selection::default(), false).await;
    assert_eq!((second.stats.denied, second.stats.known, second.problems.len()), (1, 1, 0));
}

#[tokio::test]
async fn the_same_archive_in_two_halves_is_the_whole() {
    let content = content(&[("2026/11/01", 1), ("2026/11/02", 2), ("2026/11/03", 3)]);
    let server = bucket(&content);
    let (mut whole, mut halves) = (MemoryLedger::default(), MemoryLedger::default());
    scan(&server, &mut whole, Selection::default(), false).await;
    for (since, until) in [(Some("2026-11-02T00:00:00Z"), None), (None, Some("2026-11-02T00:00:00Z"))] {
        let at = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        let half = Selection { since: at(since), until: at(until), ..Selection::default() };
        scan(&server, &mut halves, half, false).await;
    }
    let all = |ledger: &MemoryLedger| ledger.findings(&crate::io::stores::Filter::default()).unwrap();
    assert_eq!(all(&whole), all(&halves));
}

/// The same call, allowed, ten minutes before or after the denials of a day.
fn allowed(day: &str, minute: u32) -> String {
    let mut event: serde_json::Value = serde_json::from_str(&denial(day, 0)).unwrap();
    let record = &mut event["Records"][0];
    record["eventID"] = format!("allowed {day} {minute}").into();
    record["eventTime"] = format!("{}T10:{minute:02}:00Z", day.replace('/', "-")).into();
    record["requestParameters"] = json!({"queueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/orders"});
    let members = record.as_object_mut().unwrap();
    members.retain(|key, _| !key.starts_with("error"));
    event.to_string()
}

#[tokio::test]
async fn a_second_look_fetches_nothing_twice() {
    let content = content(&[("2026/11/02", 5)]);
    for (day, number, minute) in [("2026/11/01", 1, 0), ("2026/11/03", 9, 20)] {
        content.lock().unwrap().push((key(day, number), "e".into(), allowed(day, minute)));
    }
    content.lock().unwrap().sort();
    let server = bucket(&content);
    let mut ledger = MemoryLedger::default();
    let told = scan(&server, &mut ledger, Selection::default(), false).await;
    assert_eq!((told.stats.files, gets(&server).len(), told.problems), (3, 3, vec![]));
    let item = &told.findings[0].denied[0];
    assert_eq!(item.allowed_before, "2026-11-01T10:00:00Z".parse().ok());
    assert_eq!(item.allowed_since.map(|since| since.count), Some(1));
    // What comes later tells of what was found before.
    content.lock().unwrap().push((key("2026/11/04", 9), "e".into(), allowed("2026/11/04", 30)));
    let later = scan(&server, &mut ledger, Selection::default(), true).await;
    assert_eq!(later.findings[0].denied[0].allowed_since.map(|since| since.count), Some(2));
}
/// The scan of a bucket, watched by someone who may stop it.
async fn watched(
    server: &Server,
    ledger: &mut MemoryLedger,
    options: Options,
    watch: &mut dyn FnMut(&Progress<'_>),
) -> Outcome {
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let asked = Asked { places: vec![("my-logs".to_owned(), "AWSLogs/".to_owned())], ..Asked::default() };
    scan_buckets(&aws, &asked, ledger, &World::new(InForce::default()), options, watch).await.unwrap()
}

/// A denial, the same call allowed before and after, and an object that can tell nothing of either.
fn story() -> Content {
    let content = content(&[("2026/11/02", 5)]);
    for (day, number, minute) in [("2026/11/01", 1, 0), ("2026/11/03", 9, 20)] {
        content.lock().unwrap().push((key(day, number), "e".into(), allowed(day, minute)));
    }
    let other = key("2026/11/02", 7).replace("eu-west-1", "ap-south-1");
    content.lock().unwrap().push((other, "e".into(), json!({"Records": []}).to_string()));
    content.lock().unwrap().sort();
    content
}

#[tokio::test]
async fn what_a_scan_that_was_ended_had_read_has_its_second_look_by_the_next() {
    use std::sync::atomic::AtomicBool;
    static STOP: AtomicBool = AtomicBool::new(false);
    let all = |ledger: &MemoryLedger| ledger.findings(&crate::io::stores::Filter::default()).unwrap();
    let mut whole = MemoryLedger::default();
    watched(&bucket(&story()), &mut whole, Options::default(), &mut |_| {}).await;
    assert!(all(&whole)[0].items.values().all(|item| item.before.len() == 1 && item.allowed.len() == 1));
    for files in 1..=4 {
        let server = bucket(&story());
        let mut ledger = MemoryLedger::default();
        let options = || Options { stop: Some(&STOP), ..Options::default() };
        STOP.store(false, Ordering::Relaxed);
        let mut stop = |progress: &Progress<'_>| {
            STOP.store(matches!(progress.step, Step::Fetching(_)) && progress.stats.files >= files, Ordering::Relaxed);
        };
        let first = watched(&server, &mut ledger, options(), &mut stop).await;
        assert!(first.interrupted);
        // What was on its way then may still come: it is another server's.
        let server = bucket(&story());
        STOP.store(false, Ordering::Relaxed);
        let told = watched(&server, &mut ledger, options(), &mut |_| {}).await;
        assert_eq!((told.stats.known, told.problems.len(), all(&ledger) == all(&whole)), (files, 0, true), "{files}");
        // Each of the rest once, and once more what was read before and can tell: not the first.
        assert_eq!(gets(&server).len(), 3, "{:?}", gets(&server));
        // Then nothing is owed.
        watched(&server, &mut ledger, options(), &mut |_| {}).await;
        assert_eq!(gets(&server).len(), 3);
        let input = Asked { places: vec![("my-logs".into(), "AWSLogs/".into())], ..Asked::default() };
        assert_eq!(crate::app::debt::owed(&ledger, &input.input(&Selection::default())).unwrap(), None);
    }
}

#[tokio::test]
async fn one_look_is_made_up_for_and_what_cannot_be_got_is_told() {
    for (refusal, is_gone) in [("NoSuchKey", true), ("AccessDenied", false), ("InvalidObjectState", false)] {
        let (content, mut ledger) = (story(), MemoryLedger::default());
        let server = bucket(&content);
        watched(&server, &mut ledger, Options { one_look: true, ..Options::default() }, &mut |_| {}).await;
        let put = |body: String| {
            let mut content = content.lock().unwrap();
            content.iter_mut().find(|(key, ..)| key.contains("2026/11/01")).unwrap().2 = body;
        };
        put(refusal.to_owned());
        let told = watched(&server, &mut ledger, Options::default(), &mut |_| {}).await;
        let item = &told.findings[0].denied[0];
        assert_eq!((item.allowed_before, item.allowed_since.map(|since| since.count)), (None, Some(1)));
        assert_eq!((told.stats.files, told.problems.len(), gets(&server).len()), (0, 1, 7));
        assert!(told.problems[0].input.contains("2026/11/01"), "{:?}", told.problems);
        // What may be there another time is asked for again, and nothing beside it; what is gone is not.
        put(allowed("2026/11/01", 0));
        let told = watched(&server, &mut ledger, Options::default(), &mut |_| {}).await;
        let before = told.findings[0].denied[0].allowed_before;
        assert_eq!((before.is_some(), gets(&server).len()), (!is_gone, if is_gone { 7 } else { 8 }));
    }
}

#[tokio::test]
async fn an_estimate_tells_what_is_owed() {
    let (server, mut ledger) = (bucket(&story()), MemoryLedger::default());
    watched(&server, &mut ledger, Options { one_look: true, ..Options::default() }, &mut |_| {}).await;
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let asked = Asked { places: vec![("my-logs".to_owned(), "AWSLogs/".to_owned())], ..Asked::default() };
    let estimate = crate::app::estimate::of_buckets(&aws, &asked, &Selection::default(), &ledger).await.unwrap();
    let told = estimate.assumptions.last().unwrap();
    assert!(told.contains("or made but one: of the 4 objects that it left"), "{told}");
    let lists = || server.seen().iter().filter(|request| request.target.contains('?')).count() as u64;
    let before = lists();
    watched(&server, &mut ledger, Options::default(), &mut |_| {}).await;
    assert_eq!((estimate.objects, estimate.cost.list_requests), (Some(0), lists() - before));
}

#[tokio::test]
async fn listing_what_is_owed_can_be_ended() {
    use std::sync::atomic::AtomicBool;
    static STOP: AtomicBool = AtomicBool::new(false);
    const PAGES: usize = 28;
    // The denial is in the last of the pages; those before are too old to tell.
    let server = Server::start(|request, _| {
        let Some((_, query)) = request.target.split_once('?') else {
            let is_last = request.target.contains("2026/11/02");
            return Reply::new(200, if is_last { denial("2026/11/02", 1) } else { json!({"Records": []}).to_string() });
        };
        let token = query.split('&').find_map(|pair| pair.strip_prefix("continuation-token="));
        let page: usize = token.and_then(|token| token.parse().ok()).unwrap_or(1);
        let day = if page < PAGES { format!("2025/01/{page:02}") } else { "2026/11/02".to_owned() };
        let more = (page < PAGES).then(|| {
            format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>", page + 1)
        });
        Reply::new(
            200,
            format!(
                "<ListBucketResult><Contents><Key>{}</Key><ETag>\"e\"</ETag><Size>9</Size></Contents>{}</ListBucketResult>",
                key(&day, 1),
                more.unwrap_or_default()
            ),
        )
    });
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let asked = Asked { places: vec![("my-logs".to_owned(), REGION.to_owned())], ..Asked::default() };
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    let one = Options { one_look: true, ..Options::default() };
    let first = scan_buckets(&aws, &asked, &mut ledger, &world, one, &mut |_| {}).await.unwrap();
    assert_eq!((first.stats.files, first.problems), (PAGES as u64, vec![]));
    let mut before = None;
    let mut stop = |progress: &Progress<'_>| {
        if matches!(progress.step, Step::SecondLook(_)) {
            before.get_or_insert(server.seen().len());
            STOP.store(true, Ordering::Relaxed);
        }
    };
    let options = Options { stop: Some(&STOP), ..Options::default() };
    let told = scan_buckets(&aws, &asked, &mut ledger, &world, options, &mut stop).await.unwrap();
    assert!(told.interrupted);
    let after = server.seen().len() - before.unwrap();
    assert!(after < PAGES / 2, "{after} requests after it was ended");
    assert!(crate::app::debt::owed(&ledger, &asked.input(&Selection::default())).unwrap().is_some());
}

#[tokio::test]
async fn a_bucket_tells_how_far_it_is() {
    let (server, mut ledger) = (bucket(&story()), MemoryLedger::default());
    let (mut fetched, mut looked) = (Vec::new(), Vec::new());
    let mut watch = |progress: &Progress<'_>| match progress.step {
        Step::Fetching(one) => fetched.push(one),
        Step::SecondLook(one) => looked.push(one),
        Step::Reading | Step::History(_) => unreachable!(),
    };
    watched(&server, &mut ledger, Options::default(), &mut watch).await;
    let bytes: u64 = story().lock().unwrap().iter().map(|(.., body)| body.len() as u64).sum();
    let last = fetched.last().unwrap();
    assert_eq!((last.done, last.listed, last.is_all), (last.listed, last.done, true));
    assert_eq!((last.done.files, last.done.bytes, fetched.len()), (4, bytes, 4));
    let last = looked.last().unwrap();
    assert_eq!((last.all, last.passed.files, last.passed.bytes), (Some(last.passed), 4, bytes));
    assert!(last.bytes_read < bytes, "one cannot tell: {last:?}");
}

/// The scan of this place of the bucket, from then on.
async fn of_place(server: &Server, prefix: &str, since: Option<&str>) -> Outcome {
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let asked = Asked { places: vec![("my-logs".to_owned(), prefix.to_owned())], ..Asked::default() };
    let selection = Selection { since: since.and_then(|since| since.parse().ok()), ..Selection::default() };
    let options = Options { selection, ..Options::default() };
    let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
    scan_buckets(&aws, &asked, &mut ledger, &world, options, &mut |_| {}).await.unwrap()
}

#[tokio::test]
async fn a_place_that_holds_nothing_is_a_problem() {
    let server = bucket(&content(&[("2026/11/01", 1)]));
    let told = of_place(&server, "nope/", None).await;
    let error = "the bucket holds no object whose key begins so".to_owned();
    assert_eq!(told.problems, [Problem { input: "s3://my-logs/nope/".to_owned(), error: error.clone() }]);
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let asked = Asked { places: vec![("my-logs".to_owned(), "nope/".to_owned())], ..Asked::default() };
    let (all, ledger) = (Selection::default(), MemoryLedger::default());
    let estimate = crate::app::estimate::of_buckets(&aws, &asked, &all, &ledger).await.unwrap();
    assert_eq!(estimate.problems, told.problems);
    // Where a bucket is empty, every key begins so.
    let told = of_place(&bucket(&content(&[])), "", None).await;
    assert_eq!(told.problems, [Problem { input: "s3://my-logs/".to_owned(), error }]);
    // What is there and not wanted is no mistake of who names it.
    for (prefix, since) in [(REGION, Some("2027-01-01T00:00:00Z")), (REGION, None), ("AWSLogs/", None)] {
        assert_eq!(of_place(&server, prefix, since).await.problems, [], "{prefix} {since:?}");
    }
}

/// A trail whose prefix ends with `/` writes such keys.
#[tokio::test]
async fn keys_with_an_empty_part_are_read() {
    let content = content(&[("2026/11/01", 1)]);
    content.lock().unwrap()[0].0.insert_str(0, "logs//");
    let server = bucket(&content);
    let told = of_place(&server, "logs/", None).await;
    assert_eq!((told.stats.files, told.stats.denied, told.problems), (1, 1, vec![]));
}

/// Above 16 MiB an object does not stand in memory.
#[tokio::test]
async fn a_large_object_tells_what_a_small_one_tells() {
    let story = story();
    let small = of_place(&bucket(&story), "AWSLogs/", None).await;
    // Blanks behind a record are none.
    story.lock().unwrap().iter_mut().for_each(|(.., body)| *body = format!("{body}{}", " ".repeat(17 << 20)));
    let large = of_place(&bucket(&story), "AWSLogs/", None).await;
    assert_eq!((large.problems, large.stats.files, large.stats.records), (vec![], 4, small.stats.records));
    assert_eq!(large.findings, small.findings);
    assert!(small.findings[0].denied[0].allowed_before.is_some());
}
