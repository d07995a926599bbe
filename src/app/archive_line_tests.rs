use super::*;
use crate::app::watch::Line;
use crate::io::doubles::bucket::Bucket as Double;
use crate::io::doubles::{Reply, Request, Server};
use crate::io::settings::Settings;
use crate::io::stores::{Filter, MemoryLedger};

fn now() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

fn line(server: &Server) -> LedgerLine {
    let settings = Settings::parse("version = 1\n[[route]]\nto = 'stdout'").unwrap();
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let mut line = LedgerLine::new(Box::new(MemoryLedger::default()), &settings, now).reading(&aws);
    line.within(Duration::from_secs(30));
    line
}

fn record(id: &str, denied: bool) -> Value {
    let mut record = json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": "2026-11-27T10:00:00Z", "eventSource": "kms.amazonaws.com",
        "eventName": "GenerateDataKey", "awsRegion": "eu-west-1", "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/build/s", "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/build", "userName": "build"}}},
    });
    if denied {
        record["errorCode"] = "AccessDenied".into();
        record["errorMessage"] = "User: arn:aws:sts::111122223333:assumed-role/build/s is not authorized to perform: \
            kms:GenerateDataKey on resource: arn:aws:kms:eu-west-1:111122223333:key/7e0e7421-e43b-4ef3-84a2-6236e35d9779 because no \
            identity-based policy allows the kms:GenerateDataKey action"
            .into();
    }
    record
}

fn log(records: &[Value]) -> String {
    json!({ "Records": records }).to_string()
}

fn key(account: &str, region: &str, day: &str, number: usize) -> String {
    let stamp = day.replace('/', "");
    format!(
        "AWSLogs/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{stamp}T1015Z_{number:04}.json.gz"
    )
}

/// S3, and an SQS queue that keeps what is sent.
fn server(bucket: &Double) -> Server {
    let bucket = bucket.clone();
    Server::start(move |request, _| match request.header("x-amz-target") {
        "AmazonSQS.SendMessage" => Reply::new(200, r#"{"MessageId":"m"}"#),
        _ => bucket.answer(request),
    })
}

fn sent(server: &Server) -> Vec<ScanTask> {
    let sends = server.seen().into_iter().filter(|request| request.header("x-amz-target").ends_with("SendMessage"));
    let task = |request: Request| {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body["QueueUrl"], "https://sqs.eu-west-1.amazonaws.com/111122223333/backfill");
        let message: Value = serde_json::from_str(body["MessageBody"].as_str().unwrap()).unwrap();
        ScanTask::read(&message["denywatch"]).unwrap()
    };
    sends.map(task).collect()
}

const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:backfill";

fn task(prefix: &str) -> ScanTask {
    ScanTask { places: vec![("my-logs".into(), prefix.into())], ..ScanTask::default() }
}

fn gets(server: &Server) -> usize {
    server.seen().iter().filter(|request| request.method == "GET" && !request.target.contains('?')).count()
}

fn count(line: &LedgerLine) -> u64 {
    line.ledger.findings(&Filter::default()).unwrap().iter().map(|finding| finding.count).sum()
}

#[tokio::test]
async fn a_new_log_file_gives_its_denials_and_is_noted_with_them() {
    let bucket = Double::new(100);
    let file = key("111122223333", "eu-west-1", "2026/11/27", 1);
    let mut change = record("d", false);
    (change["eventSource"], change["eventName"]) = ("iam.amazonaws.com".into(), "PutRolePolicy".into());
    let mut failed = record("e", false);
    failed["errorCode"] = "NotFoundException".into();
    let log = log(&[record("a", true), record("b", false), record("c", true), change, failed]);
    // Half a surrogate pair hides no denial.
    bucket.put(&file, "e1", &log.replacen("GenerateDataKey action", "GenerateDataKey\\udead action", 1));
    let server = server(&bucket);
    let mut line = line(&server);
    let records = line.open(&LogFile { bucket: "my-logs".into(), key: file.clone() }).await.unwrap();
    assert_eq!(
        records.iter().map(|record| &record["eventID"]).collect::<Vec<_>>(),
        ["a", "c", "d"],
        "denials and changes of policies"
    );
    let object = Object { key: format!("s3://my-logs/{file}"), mark: "e1".into() };
    let known = line.ledger.known_objects(std::slice::from_ref(&object)).unwrap();
    assert!(known[0].is_none(), "not before its denials");
    let ingested = line.ingest(&[&records]).await.unwrap();
    assert_eq!((ingested.touched.len(), count(&line)), (1, 2));
    let held = line.ledger.known_objects(&[object]).unwrap()[0].unwrap();
    assert_eq!((held.records, held.denied), (5, 2), "an error is no denial");
    let place = &line.ledger.coverage(None, None).unwrap().places[0];
    assert_eq!(
        (place.account.as_deref(), place.region.as_deref(), place.records),
        (Some("111122223333"), Some("eu-west-1"), 5)
    );
    // A scan leaves it alone.
    line.scan(&task("AWSLogs/111122223333/CloudTrail/eu-west-1/"), None, &mut 0).await.unwrap();
    assert_eq!((gets(&server), count(&line)), (1, 2));
}

#[tokio::test]
async fn a_file_is_noted_only_with_its_own_denials() {
    let bucket = Double::new(100);
    let files = ["a", "b"].map(|id| {
        let file = key("111122223333", "eu-west-1", "2026/11/27", usize::from(id == "b"));
        bucket.put(&file, id, &log(&[record(id, true)]));
        (file, id)
    });
    let server = server(&bucket);
    let mut line = line(&server);
    let mut records = Vec::new();
    for (file, _) in &files {
        records.push(line.open(&LogFile { bucket: "my-logs".into(), key: file.clone() }).await.unwrap());
    }
    let objects = files.map(|(file, id)| Object { key: format!("s3://my-logs/{file}"), mark: id.into() });
    let known = |line: &LedgerLine| {
        line.ledger.known_objects(&objects).unwrap().iter().map(Option::is_some).collect::<Vec<_>>()
    };
    line.ingest(&[&records[0]]).await.unwrap();
    assert_eq!(known(&line), [true, false], "the other's denials may never be recorded");
    line.ingest(&[&records[1]]).await.unwrap();
    assert_eq!(known(&line), [true, true]);
}

#[tokio::test]
async fn what_cannot_be_read_is_poison_or_comes_again() {
    let server = Server::start(|request, _| match request.target.rsplit('/').next() {
        Some("forbidden") => Reply::new(403, "<Error><Code>AccessDenied</Code></Error>"),
        Some("gone") => Reply::new(404, "<Error><Code>NoSuchKey</Code></Error>"),
        Some("broken") => Reply::new(200, "{\"Records\": [{}"),
        Some("other") => Reply::new(200, "{\"Rows\": []}"),
        _ => Reply::new(200, "[]"),
    });
    let mut line = line(&server);
    for (key, busy) in [("forbidden", true), ("gone", false), ("broken", false), ("other", false), ("list", false)] {
        let error = line.open(&LogFile { bucket: "my-logs".into(), key: key.into() }).await.unwrap_err();
        assert_eq!(matches!(error, LineError::Busy(_)), busy, "{key}: {error}");
    }
}

#[tokio::test]
async fn a_prefix_is_scanned_once_however_often_it_is_asked_for() {
    let bucket = Double::new(2);
    for number in 0..7 {
        let text = log(&[record(&format!("{number}"), true), record(&format!("ok {number}"), false)]);
        bucket.put(&key("111122223333", "eu-west-1", "2026/11/27", number), "e", &text);
    }
    bucket.put(&key("111122223333", "eu-west-1", "2026/11/26", 1), "e", "{\"Records\": [{");
    let server = server(&bucket);
    let mut line = line(&server);
    let task = task("AWSLogs/111122223333/CloudTrail/eu-west-1/");
    for _ in 0..3 {
        line.scan(&task, Some(QUEUE), &mut 0).await.unwrap();
    }
    // The broken one is looked at each time, and kept for a person once.
    assert_eq!((count(&line), gets(&server), sent(&server).len()), (7, 7 + 3, 0));
    let quarantined = line.ledger.quarantined().unwrap();
    assert_eq!(quarantined.len(), 1);
    assert!(quarantined[0].body.contains("_0001.json.gz"), "{quarantined:?}");
}

#[tokio::test]
async fn a_wide_prefix_becomes_a_message_an_account_and_region() {
    let bucket = Double::new(3);
    for account in ["111122223333", "444455556666"] {
        for region in ["eu-west-1", "us-east-1", "us-west-2"] {
            bucket.put(
                &key(account, region, "2026/11/27", 1),
                "e",
                &log(&[record(&format!("{account} {region}"), true)]),
            );
        }
    }
    let server = server(&bucket);
    let mut line = line(&server);
    let selection = crate::io::sources::archive::Selection {
        since: "2026-11-01T00:00:00Z".parse().ok(),
        regions: ["eu-west-1".to_owned(), "us-east-1".to_owned()].into(),
        ..Default::default()
    };
    line.scan(&ScanTask { selection: selection.clone(), ..task("AWSLogs/") }, Some(QUEUE), &mut 0).await.unwrap();
    let parts = sent(&server);
    let prefixes: Vec<&str> = parts.iter().map(|part| part.places[0].1.as_str()).collect();
    let of = |account: &str, region: &str| format!("AWSLogs/{account}/CloudTrail/{region}/");
    let expect = [
        of("111122223333", "eu-west-1"),
        of("111122223333", "us-east-1"),
        of("444455556666", "eu-west-1"),
        of("444455556666", "us-east-1"),
    ];
    assert_eq!(prefixes, expect);
    assert!(parts.iter().all(|part| part.selection == selection && part.after.is_empty()));
    assert_eq!((gets(&server), count(&line)), (0, 0), "the messages do the work");
    for part in &parts {
        line.scan(part, Some(QUEUE), &mut 0).await.unwrap();
    }
    assert_eq!((gets(&server), sent(&server).len()), (4, 4));
}

#[tokio::test]
async fn what_does_not_fit_goes_back_month_by_month() {
    let bucket = Double::new(1_000);
    let days = ["2026/09/30", "2026/10/01", "2026/10/02", "2026/11/27"];
    for (number, day) in days.iter().enumerate() {
        bucket.put(&key("111122223333", "eu-west-1", day, number), "e", &log(&[record(day, true)]));
    }
    let slow = bucket.clone();
    let server = Server::start(move |request, _| match request.header("x-amz-target") {
        "AmazonSQS.SendMessage" => Reply::new(200, r#"{"MessageId":"m"}"#),
        _ => {
            // The third file takes longer than the run has.
            if request.target.contains("20261002") && !request.target.contains('?') {
                std::thread::sleep(Duration::from_millis(1_500));
            }
            slow.answer(request)
        }
    });
    let mut line = line(&server);
    line.within(Duration::from_millis(2_600));
    let region = "AWSLogs/111122223333/CloudTrail/eu-west-1/";
    let others = ("my-logs".to_owned(), "exports/".to_owned());
    let mut two = task(region);
    two.places.push(others.clone());
    line.scan(&two, Some(QUEUE), &mut 0).await.unwrap();
    assert_eq!(count(&line), 3);
    let parts = sent(&server);
    let told: Vec<(&str, &str)> = parts.iter().map(|part| (part.places[0].1.as_str(), part.after.as_str())).collect();
    let done = key("111122223333", "eu-west-1", "2026/10/02", 2);
    let month = |month: &str| format!("{region}{month}/");
    let expect = [(month("2026/10"), done.as_str()), (month("2026/11"), ""), ("exports/".to_owned(), "")];
    assert_eq!(told, expect.iter().map(|(prefix, after)| (prefix.as_str(), *after)).collect::<Vec<_>>());
    line.within(Duration::from_secs(30));
    for part in &parts {
        line.scan(part, Some(QUEUE), &mut 0).await.unwrap();
    }
    // What was on its way when time ran out is asked for again, and nothing else.
    assert_eq!((count(&line), gets(&server)), (4, 5));
}

/// A message tells of the findings that are there when it is done: of those that come later it says nothing, until its prefix
/// is read again.
#[tokio::test]
async fn what_the_order_of_messages_hid_a_second_round_tells() {
    let bucket = Double::new(1_000);
    let at = |month: &str, denied: bool| {
        let mut one = record(month, denied);
        one["eventTime"] = format!("2026-{month}-27T10:00:00Z").into();
        one["requestParameters"] =
            json!({"keyId": "arn:aws:kms:eu-west-1:111122223333:key/7e0e7421-e43b-4ef3-84a2-6236e35d9779"});
        one
    };
    for (month, denied) in [("09", false), ("10", true), ("11", false)] {
        let file = key("111122223333", "eu-west-1", &format!("2026/{month}/27"), 1);
        bucket.put(&file, "e", &log(&[at(month, denied)]));
    }
    let server = server(&bucket);
    let round = |order: [&'static str; 3], again: bool| {
        order.map(|month| ScanTask {
            again,
            ..task(&format!("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/{month}/"))
        })
    };
    let mut seen = Vec::new();
    for order in [["10", "09", "11"], ["11", "10", "09"], ["09", "11", "10"]] {
        let mut line = line(&server);
        for again in [false, true] {
            for task in round(order, again) {
                line.scan(&task, Some(QUEUE), &mut 0).await.unwrap();
            }
            let item = line.ledger.findings(&Filter::default()).unwrap()[0].items.values().next().unwrap().clone();
            seen.push((item.count, item.before.len(), item.allowed.len()));
        }
    }
    assert_eq!(seen, [(1, 1, 1), (1, 1, 1), (1, 1, 0), (1, 1, 1), (1, 0, 0), (1, 1, 1)]);
}

#[tokio::test]
async fn a_run_without_progress_is_left_to_the_queues_patience() {
    let bucket = Double::new(1_000);
    bucket.put(&key("111122223333", "eu-west-1", "2026/11/27", 1), "e", &log(&[record("a", true)]));
    let server = server(&bucket);
    let mut line = line(&server);
    line.within(Duration::from_millis(1));
    let error = line.scan(&task("AWSLogs/111122223333/CloudTrail/eu-west-1/"), Some(QUEUE), &mut 0).await.unwrap_err();
    assert_eq!(error, LineError::Busy("no time was left for the rest of a scan".into()));
    assert_eq!(sent(&server).len(), 0);
}

#[tokio::test]
async fn a_refused_object_is_asked_for_again_and_the_rest_is_done() {
    let bucket = Double::new(1_000);
    for number in 0..3 {
        bucket.put(
            &key("111122223333", "eu-west-1", "2026/11/27", number),
            "e",
            &log(&[record(&number.to_string(), true)]),
        );
    }
    let inner = bucket.clone();
    let server = Server::start(move |request, _| match request.target.contains("_0001") {
        true => Reply::new(403, "<Error><Code>AccessDenied</Code></Error>"),
        false => inner.answer(request),
    });
    let mut line = line(&server);
    let error = line.scan(&task("AWSLogs/111122223333/CloudTrail/eu-west-1/"), Some(QUEUE), &mut 0).await.unwrap_err();
    assert!(
        matches!(&error, LineError::Busy(why) if why.contains("_0001.json.gz: `GetObject`: AccessDenied")),
        "{error}"
    );
    assert_eq!(count(&line), 2);
}
