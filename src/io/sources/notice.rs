//! What tells the function of log files in a bucket: notifications of new ones, and tasks to scan prefixes.
//!
//! S3's own notification, CloudTrail's message on a trail's topic, EventBridge's `Object Created`, and our
//! `{"denywatch": {"scan": ["s3://BUCKET/PREFIX", …]}}`.
//! See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>,
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/configure-sns-notifications-for-cloudtrail.html>.

use super::archive::{Place, Selection, place};
use crate::io::aws::listing::decode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A new log file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogFile {
    /// The bucket's name.
    pub bucket: String,
    /// Its key, as it is.
    pub key: String,
}

/// Prefixes to scan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanTask {
    /// Bucket and prefix of each.
    pub places: Vec<(String, String)>,
    /// Of the first prefix, keys behind this one; empty takes all.
    pub after: String,
    /// Which part of the archive.
    pub selection: Selection,
    /// The function's account pays for the requests.
    pub requester_pays: bool,
    /// Reads what was read before, too: once all prefixes were read, so that each tells of the findings of all.
    pub again: bool,
}

/// The log files that a notification tells of, without what CloudTrail did not write and what holds no events; `None` when
/// it is no such notification.
///
/// # Errors
/// A notification that lacks what it must have.
pub fn log_files(value: &Value) -> Option<Result<Vec<LogFile>, String>> {
    let all = match value.get("Records").and_then(Value::as_array) {
        Some(records) if is_of_s3(records) => records.iter().filter(|record| is_creation(record)).map(of_s3).collect(),
        Some(_) => return None,
        None if value.get("detail-type").and_then(Value::as_str) == Some("Object Created") => {
            named(value.get("detail"), "/bucket/name", "/object/key").map(|file| vec![file])
        }
        None => of_trail(value)?,
    };
    let is_log = |file: &LogFile| Place::of(&file.key).is_log();
    Some(all.map(|files: Vec<LogFile>| files.into_iter().filter(is_log).collect()))
}

fn is_of_s3(records: &[Value]) -> bool {
    let is_s3 = |record: &Value| record.get("eventSource").and_then(Value::as_str) == Some("aws:s3");
    !records.is_empty() && records.iter().all(is_s3)
}

fn is_creation(record: &Value) -> bool {
    record.get("eventName").and_then(Value::as_str).is_some_and(|name| name.starts_with("ObjectCreated:"))
}

/// S3 writes keys as in a query.
fn of_s3(record: &Value) -> Result<LogFile, String> {
    named(record.get("s3"), "/bucket/name", "/object/key").map(|file| LogFile { key: decode(&file.key), ..file })
}

/// `{"s3Bucket": …, "s3ObjectKey": […]}`, keys as they are.
fn of_trail(value: &Value) -> Option<Result<Vec<LogFile>, String>> {
    let keys = value.get("s3ObjectKey")?;
    let bucket = value.get("s3Bucket")?.as_str()?;
    let file = |key: &Value| {
        let key = key.as_str().ok_or("a key that is no text")?.to_owned();
        checked(LogFile { bucket: bucket.to_owned(), key })
    };
    Some(keys.as_array()?.iter().map(file).collect())
}

fn named(value: Option<&Value>, bucket: &str, key: &str) -> Result<LogFile, String> {
    let text = |pointer: &str| value.and_then(|value| value.pointer(pointer)?.as_str()).map(str::to_owned);
    match (text(bucket), text(key)) {
        (Some(bucket), Some(key)) => checked(LogFile { bucket, key }),
        _ => Err("a notification of S3 without a bucket or a key".to_owned()),
    }
}

/// A bucket's name goes into a path: one that could not be a bucket is refused.
fn checked(file: LogFile) -> Result<LogFile, String> {
    match place(&format!("s3://{}", file.bucket)) {
        Some((name, "")) if name == file.bucket => Ok(file),
        _ => Err(format!("`{}` is no bucket", file.bucket)),
    }
}

impl ScanTask {
    /// Reads what stands behind `scan`, and beside it.
    ///
    /// # Errors
    /// What does not fit, in words; an unknown key too.
    pub fn read(value: &Value) -> Result<Self, String> {
        let object = value.as_object().ok_or("`denywatch` must be a task's name, or an object with `scan`")?;
        let mut task = Self::default();
        for (key, value) in object {
            match key.as_str() {
                "scan" => task.places = texts(key, value)?.iter().map(|uri| owned(uri)).collect::<Result<_, _>>()?,
                "after" => task.after = text(key, value)?,
                "since" => task.selection.since = Some(time(key, value)?),
                "until" => task.selection.until = Some(time(key, value)?),
                "only_account" => task.selection.accounts = texts(key, value)?.into_iter().collect(),
                "only_region" => task.selection.regions = texts(key, value)?.into_iter().collect(),
                "requester_pays" => {
                    task.requester_pays = value.as_bool().ok_or("`requester_pays` must be true or false")?;
                }
                "again" => task.again = value.as_bool().ok_or("`again` must be true or false")?,
                other => {
                    return Err(format!(
                        "`{other}` is no key of a scan: it takes `scan`, `after`, `since`, `until`, `only_account`, `only_region`, \
                         `requester_pays`, `again`"
                    ));
                }
            }
        }
        if task.places.is_empty() {
            Err("`scan` must list prefixes: [\"s3://BUCKET/PREFIX\"]".into())
        } else {
            Ok(task)
        }
    }

    /// The message that asks for it.
    pub fn message(&self) -> Value {
        let mut object = Map::new();
        let places: Vec<String> =
            self.places.iter().map(|(bucket, prefix)| format!("s3://{bucket}/{prefix}")).collect();
        object.insert("scan".to_owned(), json!(places));
        let mut put = |key: &str, value: Option<Value>| {
            object.extend(value.map(|value| (key.to_owned(), value)));
        };
        let list = |set: &BTreeSet<String>| (!set.is_empty()).then(|| json!(set));
        put("after", (!self.after.is_empty()).then(|| json!(self.after)));
        put("since", self.selection.since.map(|at| json!(at)));
        put("until", self.selection.until.map(|at| json!(at)));
        put("only_account", list(&self.selection.accounts));
        put("only_region", list(&self.selection.regions));
        put("requester_pays", self.requester_pays.then_some(json!(true)));
        put("again", self.again.then_some(json!(true)));
        json!({ "denywatch": object })
    }
}

fn owned(uri: &str) -> Result<(String, String), String> {
    let found = place(uri).map(|(bucket, prefix)| (bucket.to_owned(), prefix.to_owned()));
    found.ok_or_else(|| format!("`{uri}` is no bucket: write `s3://BUCKET/PREFIX`"))
}

fn text(key: &str, value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("`{key}` must be a text"))
}

/// One text, or a list of them.
fn texts(key: &str, value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(all) => all.iter().map(|one| text(key, one)).collect(),
        one => text(key, one).map(|one| vec![one]),
    }
}

fn time(key: &str, value: &Value) -> Result<Timestamp, String> {
    let told = text(key, value)?;
    told.parse().map_err(|_| format!("`{key}` must be a time such as `2026-11-01T00:00:00Z`, not `{told}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "AWSLogs/o-a1/111122223333/CloudTrail/eu-west-1/2026/11/28/111122223333_CloudTrail_eu-west-1_20261128T1015Z_Xy.json.gz";

    fn s3(name: &str, key: &str) -> Value {
        let object = json!({"bucket": {"name": "my-logs"}, "object": {"key": key, "size": 5}});
        json!({"Records": [{"eventSource": "aws:s3", "eventName": name, "s3": object}]})
    }

    #[track_caller]
    fn check(value: &Value, expect: &[&str]) {
        let file = |key: &&str| LogFile { bucket: "my-logs".into(), key: (*key).to_owned() };
        assert_eq!(log_files(value), Some(Ok(expect.iter().map(file).collect())), "{value}");
    }

    #[test]
    fn new_log_files_of_every_sender() {
        check(&s3("ObjectCreated:Put", KEY), &[KEY]);
        check(&s3("ObjectCreated:CompleteMultipartUpload", &format!("a+b%2Bc/{KEY}")), &[&format!("a b+c/{KEY}")]);
        check(
            &json!({"s3Bucket": "my-logs", "s3ObjectKey": [format!("a+b/{KEY}"), KEY]}),
            &[&format!("a+b/{KEY}"), KEY],
        );
        let detail = json!({"bucket": {"name": "my-logs"}, "object": {"key": format!("a+b/{KEY}")}});
        check(&json!({"detail-type": "Object Created", "detail": detail}), &[&format!("a+b/{KEY}")]);
    }

    #[test]
    fn other_objects_are_passed_over() {
        check(&s3("ObjectRemoved:Delete", KEY), &[]);
        check(&s3("ObjectCreated:Put", &KEY.replace("CloudTrail", "CloudTrail-Digest")), &[]);
        check(&s3("ObjectCreated:Put", "AWSLogs/111122223333/elasticloadbalancing/eu-west-1/2026/11/28/x.log.gz"), &[]);
        check(&s3("ObjectCreated:Put", "athena-results/x.csv"), &[]);
    }

    #[test]
    fn what_is_no_notification_is_none_and_a_broken_one_an_error() {
        for value in [json!({}), json!([]), json!({"Records": []}), json!({"Records": [{"eventSource": "aws:sqs"}]})] {
            assert_eq!(log_files(&value), None, "{value}");
        }
        let no_key = json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {}}]});
        assert!(log_files(&no_key).unwrap().is_err());
        for name in ["", "My-Logs", "a/b/c", "..", "my-logs?x", "aa\u{0}"] {
            let mut value = s3("ObjectCreated:Put", KEY);
            value["Records"][0]["s3"]["bucket"]["name"] = name.into();
            assert!(log_files(&value).unwrap().unwrap_err().contains("is no bucket"), "{name}");
        }
    }

    #[test]
    fn a_task_is_read_and_written() {
        let full = json!({
            "scan": ["s3://my-logs/AWSLogs/", "s3://my-logs"], "after": KEY, "since": "2026-11-01T00:00:00Z",
            "until": "2026-11-02T00:00:00Z", "only_account": ["111122223333"], "only_region": ["eu-west-1"], "requester_pays": true,
        });
        let task = ScanTask::read(&full).unwrap();
        assert_eq!((task.places.len(), task.after.as_str(), task.requester_pays), (2, KEY, true));
        assert_eq!(ScanTask::read(&task.message()["denywatch"]), Ok(task));
        let one = ScanTask::read(&json!({"scan": "s3://my-logs/a"})).unwrap();
        assert_eq!(one.message(), json!({"denywatch": {"scan": ["s3://my-logs/a"]}}));
    }

    #[test]
    fn a_task_that_does_not_fit_says_why() {
        for (value, why) in [
            (json!(7), "`denywatch` must be"),
            (json!({}), "`scan` must list prefixes"),
            (json!({"scan": []}), "`scan` must list prefixes"),
            (json!({"scan": ["/logs"]}), "`/logs` is no bucket"),
            (json!({"scan": [7]}), "`scan` must be a text"),
            (json!({"scan": "s3://my-logs", "since": "yesterday"}), "`since` must be a time"),
            (json!({"scan": "s3://my-logs", "sinse": "x"}), "`sinse` is no key"),
            (json!({"scan": "s3://my-logs", "requester_pays": "yes"}), "`requester_pays` must"),
            (json!({"scan": "s3://my-logs", "again": 1}), "`again` must"),
        ] {
            let error = ScanTask::read(&value).unwrap_err();
            assert!(error.starts_with(why), "{value}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_key_goes_through_a_message(prefix in "\\PC{0,20}", after in "\\PC{0,20}", again in any::<bool>()) {
            let places = vec![("my-logs".to_owned(), prefix)];
            let task = ScanTask { places, after, again, ..ScanTask::default() };
            prop_assert_eq!(ScanTask::read(&task.message()["denywatch"]), Ok(task));
        }
    }
}
