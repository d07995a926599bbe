use super::*;
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use std::io::Write;

fn record(id: &str) -> Value {
    json!({"eventVersion": "1.11", "eventID": id, "eventName": "GenerateDataKey", "eventSource": "kms.amazonaws.com"})
}

fn bridge(id: &str) -> Value {
    json!({"version": "0", "id": "e", "detail-type": "AWS API Call via CloudTrail", "source": "aws.kms", "detail": record(id)})
}

fn sqs(bodies: &[&str]) -> Value {
    let item =
        |(at, body): (usize, &&str)| json!({"messageId": format!("m{at}"), "eventSource": "aws:sqs", "body": body});
    json!({"Records": bodies.iter().enumerate().map(item).collect::<Vec<_>>()})
}

fn sns_body(message: &str) -> String {
    json!({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:111122223333:t", "Message": message}).to_string()
}

fn pack(text: &str) -> Value {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    json!({"awslogs": {"data": aws_smithy_types::base64::encode(packer.finish().unwrap())}})
}

/// Ids of the records of each message; `!` and the reason where a message cannot be read.
#[track_caller]
fn check(event: &Value, expect: &[&str]) {
    let Input::Messages { messages, .. } = read(event) else { panic!("{:?}", read(event)) };
    let shown: Vec<String> = messages
        .iter()
        .map(|message| match &message.records {
            Ok(records) => records.iter().map(|r| r["eventID"].as_str().unwrap()).collect::<Vec<_>>().join(","),
            Err(why) => format!("!{why}"),
        })
        .collect();
    assert_eq!(shown, expect);
}

#[test]
fn one_event() {
    check(&bridge("a"), &["a"]);
    check(&record("a"), &["a"]);
    check(&json!({"Records": [record("a"), record("b")]}), &["a,b"]);
    check(&serde_json::from_str(&sns_body(&bridge("a").to_string())).unwrap(), &["a"]);
}

#[test]
fn batches() {
    let (a, b) = (bridge("a").to_string(), bridge("b").to_string());
    check(&sqs(&[&a.replace("\"a\"", "\"a\\ud800\""), &b]), &["a\u{fffd}", "b"]);
    check(&sqs(&[&a, &b]), &["a", "b"]);
    check(&sqs(&[&sns_body(&a), &record("c").to_string()]), &["a", "c"]);
    check(&sqs(&[&sns_body(&sns_body(&sns_body(&a)))]), &["a"]);
    check(&sqs(&[&sns_body(&sns_body(&sns_body(&sns_body(&a))))]), &["!too many envelopes"]);
    check(&sqs(&[r#"{"Event":"s3:TestEvent"}"#, &a]), &["", "a"]);
    let direct = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": a}}, {"EventSource": "aws:sns"}]});
    check(&direct, &["a", "!the notification has no message"]);
    let Input::Messages { messages, partial } = read(&sqs(&[&a, "{"])) else { panic!() };
    assert!(partial);
    assert_eq!((messages[1].id.as_str(), messages[1].raw.as_str()), ("m1", "{"));
}

#[test]
fn what_cannot_be_read_says_why() {
    let unknown = "!no known shape: neither an EventBridge event nor a CloudTrail record";
    check(&json!({}), &[unknown]);
    check(&json!([1, 2]), &[unknown]);
    check(&json!("text"), &[unknown]);
    check(&json!({"Records": []}), &[unknown]);
    check(&json!({"Records": [record("a"), {"x": 1}]}), &[unknown]);
    check(
        &json!({"denywatch": "dance"}),
        &["!`denywatch` must be `report`, `digest`, `sweep`, `outbox`, or an object with `scan`"],
    );
    let scheduled = json!({"detail-type": "Scheduled Event", "detail": {}});
    check(&scheduled, &["!an EventBridge event without a CloudTrail record in `detail`"]);
    check(&sqs(&["{"]), &["!not JSON: EOF while parsing an object at line 1 column 1"]);
    check(&json!({"Records": [{"messageId": "m", "eventSource": "aws:sqs"}]}), &["!the message has no body"]);
    let s3 = json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]});
    check(&sqs(&[&s3.to_string()]), &["!a notification of S3 without a bucket or a key"]);
    check(&json!({"awslogs": {"data": "§"}}), &["!a Logs payload that is not base64"]);
}

/// `PutEvents` takes any `source` but AWS's own.
#[test]
fn what_others_put_on_a_bus_is_no_record() {
    let mut forged = bridge("a");
    forged["source"] = "attacker.app".into();
    let refused = "!an EventBridge event of `attacker.app`, not of AWS";
    check(&forged, &[refused]);
    check(&sqs(&[&forged.to_string(), &sns_body(&forged.to_string())]), &[refused; 2]);
    let stored = json!({"detail-type": "Object Created", "source": "attacker.app", "detail": {"bucket": {"name": "evil-logs"},
        "object": {"key": "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/28/111122223333_CloudTrail_eu-west-1_20261128T1015Z_a.json.gz"}}});
    check(&stored, &[refused]);
    let Input::Messages { messages, .. } = read(&stored) else { panic!() };
    assert_eq!(messages[0].files, []);
}

#[test]
fn a_scan_comes_by_its_queue_alone() {
    let task = json!({"denywatch": {"scan": ["s3://evil-logs/AWSLogs/"]}}).to_string();
    let logs = json!({"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "timestamp": 0, "message": task}]});
    let direct = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": task}}]});
    for event in [pack(&logs.to_string()), direct, sqs(&[&sns_body(&task)])] {
        let Input::Messages { messages, .. } = read(&event) else { panic!("{event}") };
        assert!(messages[0].scan.is_none() && messages[0].records.is_err(), "{event}");
    }
    let Input::Messages { messages, .. } = read(&sqs(&[&task])) else { panic!() };
    assert!(messages[0].scan.is_some());
}

#[test]
fn logs_payloads() {
    let event = |message: &str| json!({"id": "1", "timestamp": 0, "message": message});
    let payload = json!({"messageType": "DATA_MESSAGE", "logEvents": [event(&record("a").to_string()), event("oops")]});
    check(&pack(&payload.to_string()), &["a", "!not JSON: expected value at line 1 column 1"]);
    assert_eq!(read(&pack(r#"{"messageType":"CONTROL_MESSAGE","logEvents":[]}"#)), Input::Nothing);
    check(&pack("{}"), &["!a Logs payload without `logEvents`"]);
    let truncated = json!({"awslogs": {"data": "H4sIAAAAAAAA"}});
    let Input::Messages { messages, .. } = read(&truncated) else { panic!() };
    assert!(messages[0].records.as_ref().unwrap_err().starts_with("a Logs payload that does not unpack"));
}

#[test]
fn tasks() {
    for (word, task) in
        [("report", Task::Report), ("digest", Task::Digest), ("sweep", Task::Sweep), ("outbox", Task::Outbox)]
    {
        assert_eq!(read(&json!({ "denywatch": word })), Input::Task(task));
    }
    assert_eq!(read(&json!({"Event": "s3:TestEvent", "Bucket": "b"})), Input::Nothing);
}

#[test]
fn log_files_and_scans_through_every_envelope() {
    let key = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/28/111122223333_CloudTrail_eu-west-1_20261128T1015Z_a.json.gz";
    let object = json!({"bucket": {"name": "my-logs"}, "object": {"key": key}});
    let s3 = json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": object}]});
    let trail = json!({"s3Bucket": "my-logs", "s3ObjectKey": [key]});
    let bridge = json!({"detail-type": "Object Created", "source": "aws.s3", "detail": object});
    for notice in [&s3, &trail, &bridge] {
        let direct = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": notice.to_string()}}]});
        let queued = [sqs(&[&notice.to_string()]), sqs(&[&sns_body(&notice.to_string())])];
        for event in [notice.clone(), direct].iter().chain(&queued) {
            let Input::Messages { messages, .. } = read(event) else { panic!("{event}") };
            assert_eq!(messages[0].records, Ok(vec![]), "{event}");
            assert_eq!((messages[0].files.len(), messages[0].files[0].key.as_str()), (1, key), "{event}");
        }
    }
    let task = json!({"denywatch": {"scan": ["s3://my-logs/AWSLogs/"]}});
    let mut queued = sqs(&[&task.to_string(), r#"{"denywatch":{"scan":[]}}"#, r#"{"denywatch":"report"}"#]);
    queued["Records"][0]["eventSourceARN"] = "arn:aws:sqs:eu-west-1:111122223333:backfill".into();
    let Input::Messages { messages, partial } = read(&queued) else { panic!() };
    assert_eq!((partial, messages[0].queue.as_deref()), (true, Some("arn:aws:sqs:eu-west-1:111122223333:backfill")));
    assert_eq!(messages[0].scan.as_ref().unwrap().places, [("my-logs".to_owned(), "AWSLogs/".to_owned())]);
    assert!(messages[1].records.is_err() && messages[2].records.is_err(), "the scheduler's tasks come by no queue");
    let Input::Messages { messages, .. } = read(&task) else { panic!() };
    assert!(messages[0].scan.is_some() && messages[0].queue.is_none());
}
