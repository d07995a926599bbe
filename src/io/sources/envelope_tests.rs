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
    check(&json!({"denywatch": "dance"}), &["!`denywatch` must be `report`, `digest`, `sweep` or `outbox`"]);
    let scheduled = json!({"detail-type": "Scheduled Event", "detail": {}});
    check(&scheduled, &["!an EventBridge event without a CloudTrail record in `detail`"]);
    check(&sqs(&["{"]), &["!not JSON: EOF while parsing an object at line 1 column 1"]);
    check(&json!({"Records": [{"messageId": "m", "eventSource": "aws:sqs"}]}), &["!the message has no body"]);
    let s3 = json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]});
    check(&sqs(&[&s3.to_string()]), &["!an S3 notification: this version does not read log files in the function"]);
    check(&json!({"awslogs": {"data": "§"}}), &["!a Logs payload that is not base64"]);
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
