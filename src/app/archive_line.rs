//! The function reads log files: those that it is told of, and those of the prefixes that it is to scan.
//!
//! A scan fans out over its own queue: a wide prefix becomes one message an account and Region, and what does not fit
//! before the deadline goes back. Every step may come twice: objects are noted, and events count once.

use super::bucket::Source;
use super::gather::is_denial;
use super::line::{LedgerLine, busy};
use super::scan::{Options, Scan};
use super::watch::LineError;
use crate::arn::Arn;
use crate::change::kind;
use crate::denial::code::Codes;
use crate::io::aws::Aws;
use crate::io::aws::bucket::Bucket;
use crate::io::aws::signed::{CallError, Service, Wire};
use crate::io::sources::archive::Place as Layout;
use crate::io::sources::files::Limits as FileLimits;
use crate::io::sources::notice::{LogFile, ScanTask};
use crate::io::sources::reader::Reader;
use crate::io::sources::s3::{Archive, Asked, Limits};
use crate::io::stores::{Held, Object, ObjectRead, Place};
use crate::record::{Head, paired};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{info, warn};

/// Amazon SQS.
const SQS: Service = Service { wire: Wire::Json("AmazonSQS", "1.0"), ..Service::json("sqs", "SQS", "") };
/// A log file unpacks to this many bytes at most; CloudTrail's own stay below 50 MB.
const UNPACKED: u64 = 64 << 20;
/// A log file is this many bytes at most as it lies there.
const PACKED: usize = 32 << 20;
/// Objects are held in less memory than on the command line.
const HELD: Limits = Limits { in_flight: 16, held: 8 << 20, object: PACKED as u64, memory: PACKED as u64 };
/// Messages that a scan is split into, at most; then one holds several prefixes.
const MESSAGES: usize = 200;
/// The name under which the ledger notes files that came by notification.
const NOTIFIED: &str = "log files that S3 told of";

/// What reading needs, and what it left to do.
#[derive(Debug)]
pub(super) struct Reading {
    aws: Aws,
    /// Files that were read and whose denials are not in the ledger yet, each with the id of a record that will be.
    waiting: Vec<(Option<String>, ObjectRead)>,
    /// The run ends then; `None` outside of one.
    until: Option<Instant>,
}

impl Reading {
    pub(super) fn within(&mut self, limit: Duration) {
        // What an earlier run read and did not record comes again.
        self.waiting.clear();
        self.until = Some(Instant::now() + limit);
    }

    /// When to stop reading: the ledger needs time for what was read.
    fn stop(&self) -> Option<Instant> {
        let until = self.until?;
        let left = until.saturating_duration_since(Instant::now());
        until.checked_sub((left / 3).clamp(Duration::from_secs(2), Duration::from_secs(60)))
    }
}

impl LedgerLine {
    /// The same, which reads log files from S3.
    #[must_use]
    pub fn reading(mut self, aws: &Aws) -> Self {
        self.reading = Some(Reading { aws: aws.clone(), waiting: Vec::new(), until: None });
        self
    }

    /// The records of a log file that matter; the others are only counted.
    pub(super) async fn log_file(&mut self, file: &LogFile) -> Result<Vec<Value>, LineError> {
        let reading = self.reading.as_mut().ok_or_else(|| LineError::Failed("this line reads no log files".into()))?;
        let bucket = Bucket::new(reading.aws.signed().clone(), &file.bucket, false);
        let bytes = bucket.object(&file.key, PACKED).await.map_err(unread)?;
        let (records, read) = open(&bytes.body, &self.world.codes).map_err(LineError::Failed)?;
        let key = format!("s3://{}/{}", file.bucket, file.key);
        let mark = bytes.etag.unwrap_or_default().trim_matches('"').to_owned();
        let mut ids = records.iter().filter_map(id_of);
        // Without any record nothing has to be recorded first.
        let id = (!records.is_empty()).then(|| ids.next().unwrap_or_default().to_owned());
        reading.waiting.push((id, ObjectRead { object: Object { key, mark }, ..read }));
        Ok(records)
    }

    /// Notes the files whose denials are in the ledger now, with these records; of one message all come together.
    pub(super) fn note_files(&mut self, recorded: &[&[Value]]) -> Result<(), LineError> {
        let Some(reading) = self.reading.as_mut().filter(|reading| !reading.waiting.is_empty()) else { return Ok(()) };
        let ids: BTreeSet<&str> = recorded.iter().copied().flatten().filter_map(id_of).collect();
        let is_in = |id: &Option<String>| id.as_deref().is_none_or(|id| ids.contains(id));
        let (noted, waiting): (Vec<_>, Vec<_>) = reading.waiting.drain(..).partition(|(id, _)| is_in(id));
        reading.waiting = waiting;
        let noted: Vec<ObjectRead> = noted.into_iter().map(|(_, read)| read).collect();
        if noted.is_empty() {
            return Ok(());
        }
        self.ledger.note_objects(NOTIFIED, &noted, (self.now)()).map_err(busy)
    }

    /// Scans prefixes, or has them scanned by others: by messages on the queue that the task came from.
    pub(super) async fn scan_prefixes(
        &mut self,
        task: &ScanTask,
        queue: Option<&str>,
        aside: &mut usize,
    ) -> Result<(), LineError> {
        let aws = self.reading.as_ref().map(|reading| reading.aws.clone());
        let aws = aws.ok_or_else(|| LineError::Failed("this line reads no log files".into()))?;
        let queue = queue.map(|arn| Queue::of(&aws, arn)).transpose()?;
        for (at, place) in task.places.iter().enumerate() {
            let own = ScanTask { places: vec![place.clone()], ..task.clone() };
            let own = if at == 0 { own } else { ScanTask { after: String::new(), ..own } };
            let rest = match &queue {
                Some(queue) if own.after.is_empty() && self.split(&own, queue).await? => None,
                _ => self.scan_one(&aws, &own, aside).await?,
            };
            let Some(after) = rest else { continue };
            let Some(queue) = &queue else { return Err(no_time()) };
            if after == own.after {
                // Nothing was done: the queue counts such tries, and ends them.
                return Err(no_time());
            }
            let mut tasks = later(&ScanTask { after, ..own }, (self.now)());
            let others = task.places.iter().skip(at + 1).cloned().collect::<Vec<_>>();
            if !others.is_empty() {
                tasks.push(ScanTask { places: others, after: String::new(), ..task.clone() });
            }
            return queue.send(&tasks).await;
        }
        Ok(())
    }

    /// Scans one prefix; the key behind which something is left to do, where time ran out.
    async fn scan_one(&mut self, aws: &Aws, task: &ScanTask, aside: &mut usize) -> Result<Option<String>, LineError> {
        let Some((bucket, prefix)) = task.places.first() else { return Ok(None) };
        let stop = self.reading.as_ref().and_then(Reading::stop);
        let archive = Archive::new(aws.signed(), &asked(task), HELD);
        let options = Options { selection: task.selection.clone(), ..Options::default() };
        let mut scan = Scan::begin(self.ledger.as_mut(), &self.world, options, &format!("s3://{bucket}/{prefix}"));
        scan.note_each();
        let mut is_over = || stop.is_some_and(|stop| Instant::now() >= stop);
        let mut source = Source::new(archive, bucket, task.again).from(&task.after);
        let read = source.read(&mut scan, &mut |_| {}, &mut is_over).await;
        let done = read.and_then(|rest| Ok((rest, scan.close()?)));
        let (rest, (stats, problems)) = done.map_err(busy)?;
        info!(
            prefix,
            files = stats.files,
            known = stats.known,
            records = stats.records,
            denied = stats.denied,
            "scanned"
        );
        for problem in problems {
            warn!(input = problem.input, error = problem.error, "not read");
            let reason = format!("a scan could not read it: {}", problem.error);
            self.ledger.quarantine(&reason, &problem.input, (self.now)()).map_err(busy)?;
            *aside += 1;
        }
        match source.failed {
            Some(why) if rest.is_none() => Err(LineError::Busy(why)),
            _ => Ok(rest),
        }
    }

    /// Puts a message an account and Region on the queue; false when the prefix is no wider than that.
    async fn split(&mut self, task: &ScanTask, queue: &Queue<'_>) -> Result<bool, LineError> {
        let is_wide = task.places.iter().any(|(_, prefix)| Layout::of(prefix).is_above_region());
        let Some((bucket, prefix)) = task.places.first().filter(|_| is_wide) else { return Ok(false) };
        let mut archive = Archive::new(queue.aws.signed(), &asked(task), HELD).only_folders();
        let mut loose = false;
        while let Some(listed) = archive.listed().await {
            loose |= listed.map(|objects| !objects.is_empty()).map_err(|error| unread(error.source))?;
        }
        let regions = archive.folders();
        if loose || regions.is_empty() || regions == [prefix.clone()] {
            // Log files that lie in folders of their own are scanned as they are.
            return Ok(false);
        }
        let places: Vec<(String, String)> = regions.into_iter().map(|region| (bucket.clone(), region)).collect();
        let each = places.len().div_ceil(MESSAGES).max(1);
        let tasks: Vec<ScanTask> =
            places.chunks(each).map(|places| ScanTask { places: places.to_vec(), ..task.clone() }).collect();
        info!(prefix, messages = tasks.len(), "split by account and Region");
        queue.send(&tasks).await.map(|()| true)
    }
}

fn id_of(record: &Value) -> Option<&str> {
    record["eventID"].as_str()
}

fn asked(task: &ScanTask) -> Asked {
    let (bucket, prefix) = task.places.first().cloned().unwrap_or_default();
    let (after, selection) = (task.after.clone(), task.selection.clone());
    Asked { bucket, prefix, after, selection, requester_pays: task.requester_pays }
}

fn no_time() -> LineError {
    LineError::Busy("no time was left for the rest of a scan".into())
}

/// What was not there is not there later; all else may be.
fn unread(error: CallError) -> LineError {
    match &error {
        CallError::Service { code, .. }
            if matches!(code.as_str(), "NoSuchKey" | "NoSuchBucket" | "InvalidObjectState") =>
        {
            LineError::Failed(error.to_string())
        }
        CallError::Request(why) => LineError::Failed(why.clone()),
        _ => LineError::Busy(error.to_string()),
    }
}

/// The rest of a Region is one message a month, so that several copies work on it.
fn later(rest: &ScanTask, now: Timestamp) -> Vec<ScanTask> {
    let mut tasks = Vec::new();
    let Some((bucket, prefix)) = rest.places.first() else { return tasks };
    let layout = Layout::of(&rest.after);
    let is_region =
        Layout::of(prefix).delivered.is_none() && Layout::of(prefix).region.is_some() && prefix.ends_with('/');
    let Some((at, _)) = layout.delivered.filter(|_| is_region) else { return vec![rest.clone()] };
    let date = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let (mut month, last) = (date(at).first_of_month(), date(now));
    let of_month = |month: Date| vec![(bucket.clone(), format!("{prefix}{}", month.strftime("%Y/%m/")))];
    tasks.push(ScanTask { places: of_month(month), ..rest.clone() });
    while let Some(next) = month.checked_add(1.month()).ok().filter(|next| *next <= last) {
        let wanted = rest.selection.may_hold(&format!("{prefix}{}", next.strftime("%Y/%m/")));
        tasks.extend(wanted.then(|| ScanTask { places: of_month(next), after: String::new(), ..rest.clone() }));
        month = next;
    }
    tasks
}

/// The queue that a task came from.
struct Queue<'a> {
    aws: &'a Aws,
    region: String,
    url: String,
}

impl<'a> Queue<'a> {
    fn of(aws: &'a Aws, arn: &str) -> Result<Self, LineError> {
        let bad = || LineError::Failed(format!("`{arn}` is no queue"));
        let arn: Arn = arn.parse().map_err(|_| bad())?;
        let china = if arn.partition == "aws-cn" { ".cn" } else { "" };
        let url = format!("https://sqs.{}.amazonaws.com{china}/{}/{}", arn.region, arn.account, arn.resource);
        Ok(Self { aws, region: arn.region.clone(), url })
    }

    /// Sends them one by one; where that breaks off, those that went through are scanned twice, and count once.
    async fn send(&self, tasks: &[ScanTask]) -> Result<(), LineError> {
        for task in tasks {
            let input = json!({ "QueueUrl": self.url, "MessageBody": task.message().to_string() });
            let sent = self.aws.signed().call(SQS, "SendMessage", Some(&self.region), &input).await;
            sent.map_err(|error| LineError::Busy(error.to_string()))?;
        }
        Ok(())
    }
}

/// The file as CloudTrail writes it.
#[derive(Deserialize)]
struct Log<'a> {
    #[serde(borrow, rename = "Records")]
    records: Vec<&'a RawValue>,
}

/// What every record tells of its place.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whence {
    #[serde(default)]
    recipient_account_id: Option<String>,
    #[serde(default)]
    aws_region: Option<String>,
    #[serde(default)]
    event_time: Option<Timestamp>,
    #[serde(default)]
    event_source: Option<String>,
    #[serde(default)]
    event_name: Option<String>,
}

impl Whence {
    /// Whether the record may tell of a change of a policy.
    fn is_of_a_change(&self) -> bool {
        self.event_source
            .as_deref()
            .zip(self.event_name.as_deref())
            .is_some_and(|(source, name)| kind(source, name).is_some())
    }
}

/// The denials and the changes of policies in a log file, and what it held in all.
fn open(bytes: &[u8], codes: &Codes) -> Result<(Vec<Value>, ObjectRead), String> {
    let mut reader = Reader::new(FileLimits { file: UNPACKED });
    let loaded = reader.bytes("log", bytes).map_err(|problem| problem.error)?;
    if let Some(problem) = loaded.fault {
        return Err(problem.error);
    }
    let log: Log<'_> =
        serde_json::from_slice(loaded.bytes).map_err(|error| format!("no log file of CloudTrail: {error}"))?;
    let mut places: BTreeMap<(Option<String>, Option<String>), Place> = BTreeMap::new();
    let (mut records, mut denied) = (Vec::new(), 0);
    for record in &log.records {
        let text = &*paired(record.get());
        let whence = serde_json::from_str::<Whence>(text).ok();
        let is_change = whence.as_ref().is_some_and(Whence::is_of_a_change);
        whence.into_iter().for_each(|whence| note(&mut places, whence));
        let is_denied = serde_json::from_str::<Head<'_>>(text).is_ok_and(|head| is_denial(codes, &head));
        denied += u64::from(is_denied);
        if is_denied || is_change {
            records.push(serde_json::from_str(text).map_err(|error| format!("a record that is no JSON: {error}"))?);
        }
    }
    let object = Object { key: String::new(), mark: String::new() };
    let held = Held {
        bytes_read: loaded.bytes_read,
        bytes: loaded.unpacked,
        records: log.records.len() as u64,
        denied,
        unreadable: 0,
    };
    let places = places.into_values().collect();
    Ok((records, ObjectRead { object, held, places }))
}

fn note(places: &mut BTreeMap<(Option<String>, Option<String>), Place>, whence: Whence) {
    let key = (whence.recipient_account_id, whence.aws_region);
    let (account, region) = key.clone();
    let place = places.entry(key).or_insert(Place { account, region, first: None, last: None, records: 0 });
    place.first = [place.first, whence.event_time].into_iter().flatten().min();
    place.last = place.last.max(whence.event_time);
    place.records += 1;
}

#[cfg(test)]
#[path = "archive_line_tests.rs"]
mod tests;
