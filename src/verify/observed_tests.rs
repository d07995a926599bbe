use super::*;
use crate::diagnosis::diagnose;
use crate::finding::{fold, observe};
use serde_json::{Value, json};

fn event(second: u32, source: &str, name: &str, parameters: Value, denied: bool) -> Record {
    let mut event = json!({
        "eventVersion": "1.10", "eventID": format!("e{second}-{denied}"), "eventTime": format!("2026-11-11T15:30:{second:02}Z"),
        "eventSource": source, "eventName": name, "awsRegion": "eu-west-1", "recipientAccountId": "111122223333",
        "sourceIPAddress": "192.0.2.10", "requestParameters": parameters,
        "userIdentity": {"type": "AssumedRole", "principalId": "AROAEXAMPLE:s", "accountId": "111122223333",
            "arn": "arn:aws:sts::111122223333:assumed-role/app/s",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/app",
                "accountId": "111122223333", "userName": "app"}}}
    });
    if denied {
        event["errorCode"] = json!("AccessDenied");
    }
    Record::from_value(&event).unwrap()
}

fn queue(second: u32, name: &str, denied: bool) -> Record {
    let url = format!("https://sqs.eu-west-1.amazonaws.com/111122223333/{name}");
    event(second, "sqs.amazonaws.com", "PurgeQueue", json!({"queueUrl": url}), denied)
}

fn object(second: u32, denied: bool) -> Record {
    event(second, "s3.amazonaws.com", "GetObject", json!({"bucketName": "b", "key": "k"}), denied)
}

fn finding(denied: &Record) -> Finding {
    let denial = denial::from_record(denied, &Given::default(), Catalog::embedded()).unwrap();
    let diagnosed = diagnose(&denial);
    fold([observe(denial, diagnosed)]).remove(0)
}

fn watch(denied: &Record, log: &[Record], history: bool) -> Observed {
    let finding = finding(denied);
    let mut watcher = Watcher::new(&finding, Catalog::embedded(), history);
    log.iter().for_each(|record| watcher.see(record));
    watcher.finish()
}

#[track_caller]
fn check(log: &[Record], status: Status, allowed: u64) {
    let observed = watch(&queue(10, "q", true), log, false);
    assert_eq!((observed.status, observed.allowed), (status, allowed), "{observed:?}");
}

#[test]
fn only_an_allowed_call_after_the_last_denial_resolves() {
    check(&[], Status::Quiet, 0);
    check(&[queue(5, "q", false), queue(10, "q", true)], Status::Quiet, 0);
    check(&[queue(11, "q", false), queue(12, "q", false), queue(10, "q", true)], Status::Resolved, 2);
    check(&[queue(11, "q", false), queue(12, "q", true)], Status::Open, 0);
    check(&[queue(13, "q", false), queue(12, "q", true)], Status::Resolved, 1);
    check(&[queue(11, "another", false)], Status::Quiet, 0);
}

#[test]
fn calls_of_others_and_other_errors_tell_nothing() {
    let mut other = queue(11, "q", false);
    other.user_identity["sessionContext"]["sessionIssuer"]["arn"] = json!("arn:aws:iam::111122223333:role/app2");
    other.user_identity["sessionContext"]["sessionIssuer"]["userName"] = json!("app2");
    other.user_identity["arn"] = json!("arn:aws:sts::111122223333:assumed-role/app2/s");
    let failed = Record { error_code: Some("ThrottlingException".to_owned()), ..queue(11, "q", false) };
    let elsewhere = event(11, "sqs.amazonaws.com", "ListQueues", json!({}), false);
    check(&[other, failed, elsewhere], Status::Quiet, 0);
}

#[test]
fn what_one_region_allows_another_may_refuse() {
    let call = |second, denied, region: Option<&str>| {
        let record = event(second, "ec2.amazonaws.com", "DescribeInstances", json!({}), denied);
        Record { region: region.map(str::to_owned), ..record }
    };
    let denied = call(10, true, Some("ap-south-1"));
    for (region, status) in
        [(Some("us-east-1"), Status::Quiet), (None, Status::Quiet), (Some("ap-south-1"), Status::Resolved)]
    {
        assert_eq!(watch(&denied, &[call(11, false, region)], false).status, status, "{region:?}");
    }
    let anywhere = watch(&call(10, true, None), &[call(11, false, Some("us-east-1"))], false);
    assert_eq!(anywhere.status, Status::Resolved, "no Region is known");
}

#[test]
fn a_log_that_cannot_hold_the_calls_says_so() {
    let denied = object(10, true);
    let words = watch(&denied, &[queue(20, "q", false)], false).notes;
    assert_eq!(words, ["the log holds no data events of s3, and `s3:GetObject` is one: its calls cannot show there"]);
    let words = watch(&denied, &[queue(20, "q", false)], true).notes;
    assert_eq!(words, ["Event history holds no data events, and `s3:GetObject` is one"]);
    let data = Record { event_category: Some("Data".to_owned()), ..object(20, false) };
    let observed = watch(&denied, &[data], false);
    assert_eq!((observed.status, observed.notes.len()), (Status::Resolved, 0));
    let old = watch(&queue(10, "q", true), &[queue(9, "q", false)], false).notes;
    assert_eq!(old, ["the log ends before or with the last denial: read a newer one"]);
}

#[test]
fn a_call_whose_resource_is_not_told_is_not_counted() {
    let denied = queue(10, "q", true);
    let untold = event(11, "sqs.amazonaws.com", "PurgeQueue", Value::Null, false);
    let observed = watch(&denied, &[untold], false);
    assert_eq!((observed.status, observed.items[0].unsure), (Status::Quiet, 1), "{observed:?}");
}
