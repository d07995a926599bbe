//! What a Lambda function is handed → the records in it, told apart by shape alone.
//!
//! One EventBridge event, an SQS batch, SNS notifications, notifications of new log files, a CloudWatch Logs payload, or
//! `{"denywatch": …}`.
//! See <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>,
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>.

use super::notice::{self, LogFile, ScanTask};
use crate::record::{is_aws, paired};
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use std::io::Read;

/// Envelopes inside envelopes are followed so deep: EventBridge in SNS in SQS is three.
const DEPTH: usize = 4;
/// A Logs payload unpacks to this many bytes at most.
const UNPACKED: u64 = 64 << 20;

/// One input of the function.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Messages to read; each stands or falls alone.
    Messages {
        /// In the order they came.
        messages: Vec<Message>,
        /// The caller takes `batchItemFailures` (SQS); else one failure fails the whole input.
        partial: bool,
    },
    /// A task from the scheduler.
    Task(Task),
    /// Nothing to do, by design, such as a subscription's test message.
    Nothing,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// SQS `messageId`; for other inputs a place, such as `record 3`.
    pub id: String,
    /// Its records, or why it cannot be read, now or ever.
    pub records: Result<Vec<Value>, String>,
    /// Log files that hold further records.
    pub files: Vec<LogFile>,
    /// Prefixes to scan.
    pub scan: Option<ScanTask>,
    /// The ARN of the queue that it came from; `None` for other inputs.
    pub queue: Option<String>,
    /// As it came, for quarantine.
    pub raw: String,
}

impl Message {
    fn new(id: String, found: Result<Found, String>, raw: String) -> Self {
        match found {
            Ok(Found { records, files, scan }) => Self { id, records: Ok(records), files, scan, queue: None, raw },
            Err(why) => Self { id, records: Err(why), files: Vec::new(), scan: None, queue: None, raw },
        }
    }
}

/// What stands in a message.
#[derive(Debug, Default)]
struct Found {
    records: Vec<Value>,
    files: Vec<LogFile>,
    scan: Option<ScanTask>,
}

impl Found {
    fn records(records: Vec<Value>) -> Self {
        Self { records, ..Self::default() }
    }
}

/// What `{"denywatch": …}` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// The weekly report.
    Report,
    /// The digest of what was not told at once.
    Digest,
    /// Findings that have gone quiet.
    Sweep,
    /// Messages that are due: a wait that is over, a send that failed or whose sender died.
    Outbox,
}

/// Tells the input apart. Never fails: what nobody knows is a message that cannot be read.
pub fn read(event: &Value) -> Input {
    if let Some(task) = event.get("denywatch") {
        return match task.as_str() {
            None if task.is_object() => single(event, scan(task)),
            Some("report") => Input::Task(Task::Report),
            Some("digest") => Input::Task(Task::Digest),
            Some("sweep") => Input::Task(Task::Sweep),
            Some("outbox") => Input::Task(Task::Outbox),
            _ => single(
                event,
                Err("`denywatch` must be `report`, `digest`, `sweep`, `outbox`, or an object with `scan`".into()),
            ),
        };
    }
    if let Some(data) = event.pointer("/awslogs/data").and_then(Value::as_str) {
        return logs(event, data);
    }
    if is_test(event) {
        return Input::Nothing;
    }
    match event.get("Records").and_then(Value::as_array) {
        Some(items) if is_all(items, "/eventSource", "aws:sqs") => {
            Input::Messages { messages: items.iter().enumerate().map(sqs_message).collect(), partial: true }
        }
        Some(items) if is_all(items, "/EventSource", "aws:sns") => {
            Input::Messages { messages: items.iter().enumerate().map(sns_message).collect(), partial: false }
        }
        _ => single(event, records(event, DEPTH)),
    }
}

fn scan(task: &Value) -> Result<Found, String> {
    Ok(Found { scan: Some(ScanTask::read(task)?), ..Found::default() })
}

fn single(event: &Value, found: Result<Found, String>) -> Input {
    let message = Message::new("event".into(), found, event.to_string());
    Input::Messages { messages: vec![message], partial: false }
}

fn is_all(items: &[Value], pointer: &str, source: &str) -> bool {
    !items.is_empty() && items.iter().all(|item| item.pointer(pointer).and_then(Value::as_str) == Some(source))
}

/// What S3 sends when a notification is set up.
fn is_test(event: &Value) -> bool {
    event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent")
}

fn sqs_message((at, item): (usize, &Value)) -> Message {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    let id = text("messageId").map_or_else(|| format!("record {at}"), str::to_owned);
    match text("body") {
        Some(body) => {
            let queue = text("eventSourceARN").map(str::to_owned);
            Message { queue, ..Message::new(id, queued(body), body.to_owned()) }
        }
        None => Message::new(id, Err("the message has no body".into()), item.to_string()),
    }
}

fn sns_message((at, item): (usize, &Value)) -> Message {
    let id = format!("record {at}");
    match item.pointer("/Sns/Message").and_then(Value::as_str) {
        Some(body) => Message::new(id, text_records(body, DEPTH), body.to_owned()),
        None => Message::new(id, Err("the notification has no message".into()), item.to_string()),
    }
}

/// What a queue holds itself. A scan may come so, but none of the scheduler's tasks; inside a notification, or in a log, it
/// would be the word of whoever may publish there, or write that log.
fn queued(text: &str) -> Result<Found, String> {
    let value = json(text)?;
    match value.get("denywatch") {
        Some(task) => scan(task),
        None => found(&value, DEPTH),
    }
}

fn text_records(text: &str, depth: usize) -> Result<Found, String> {
    found(&json(text)?, depth)
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(&paired(text)).map_err(|error| format!("not JSON: {error}"))
}

fn found(value: &Value, depth: usize) -> Result<Found, String> {
    if is_test(value) { Ok(Found::default()) } else { records(value, depth) }
}

/// What stands in `value`: a CloudTrail record, as itself, in `detail` or `Records`; log files that are told of; or an SNS
/// notification around one of these.
fn records(value: &Value, depth: usize) -> Result<Found, String> {
    if depth == 0 {
        return Err("too many envelopes".into());
    }
    if is_record(value) {
        return Ok(Found::records(vec![value.clone()]));
    }
    let sender = value.get("source").and_then(Value::as_str).filter(|_| value.get("detail-type").is_some());
    if let Some(sender) = sender.filter(|sender| !is_aws(sender)) {
        // Whoever may put events on a bus can write such a one.
        return Err(format!("an EventBridge event of `{sender}`, not of AWS"));
    }
    if let Some(files) = notice::log_files(value) {
        return Ok(Found { files: files?, ..Found::default() });
    }
    if let Some(detail) = value.get("detail").filter(|_| value.get("detail-type").is_some()) {
        return if is_record(detail) {
            Ok(Found::records(vec![detail.clone()]))
        } else {
            Err("an EventBridge event without a CloudTrail record in `detail`".into())
        };
    }
    if let Some(message) = value.get("Message").and_then(Value::as_str).filter(|_| value.get("TopicArn").is_some()) {
        return text_records(message, depth - 1);
    }
    match value.get("Records").and_then(Value::as_array) {
        Some(items) if !items.is_empty() && items.iter().all(is_record) => Ok(Found::records(items.clone())),
        _ => Err("no known shape: neither an EventBridge event nor a CloudTrail record".into()),
    }
}

/// A record has a version, an operation and its service; notifications of S3 have these too, and `aws:s3` there.
fn is_record(value: &Value) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    text("eventVersion").is_some()
        && text("eventName").is_some()
        && text("eventSource").is_some_and(|source| !source.starts_with("aws:"))
}

fn logs(event: &Value, data: &str) -> Input {
    let payload = match unpack(data) {
        Ok(payload) => payload,
        Err(why) => return single(event, Err(why)),
    };
    if payload.get("messageType").and_then(Value::as_str) == Some("CONTROL_MESSAGE") {
        return Input::Nothing;
    }
    let Some(events) = payload.get("logEvents").and_then(Value::as_array) else {
        return single(&payload, Err("a Logs payload without `logEvents`".into()));
    };
    let messages = events.iter().enumerate().map(|(at, event)| {
        let text = event.get("message").and_then(Value::as_str).unwrap_or_default();
        let records = text_records(text, DEPTH);
        Message::new(format!("log event {at}"), records, text.to_owned())
    });
    Input::Messages { messages: messages.collect(), partial: false }
}

/// Base64 of gzip of JSON.
fn unpack(data: &str) -> Result<Value, String> {
    let packed = aws_smithy_types::base64::decode(data).map_err(|_| "a Logs payload that is not base64")?;
    let mut text = String::new();
    let mut reader = MultiGzDecoder::new(packed.as_slice()).take(UNPACKED + 1);
    reader.read_to_string(&mut text).map_err(|error| format!("a Logs payload that does not unpack: {error}"))?;
    if text.len() as u64 > UNPACKED {
        return Err("a Logs payload over 64 MiB".into());
    }
    serde_json::from_str(&paired(&text)).map_err(|error| format!("a Logs payload that is not JSON: {error}"))
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
