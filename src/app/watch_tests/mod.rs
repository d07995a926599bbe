//! A line in memory, and receivers, for what watches it.

mod again;
mod told;

use super::*;
use crate::advice::{DeniedItem, Status};
use crate::delivery::Pacing;
use crate::denial::{Encoded, How, Reason, ReasonKind};
use crate::diagnosis::{Cause, Diagnosis};
use crate::io::sinks::SinkError;
use crate::io::sinks::memory::MemorySink;
use crate::io::stores::{Ledger, MemoryLedger};
use crate::triage::{Severity, Verdict};
use jiff::SignedDuration;
use std::cell::Cell;

/// A line in memory: a record's `eventID` is `FINDING/ITEM`, its findings hold the items seen so far.
#[derive(Default)]
struct TestLine {
    items: BTreeMap<String, BTreeSet<String>>,
    last_seen: Option<Timestamp>,
    ledger: MemoryLedger,
    quarantined: Vec<(String, String)>,
    /// The next calls fail so.
    busy: Vec<&'static str>,
    report: Option<Message>,
    verdict: Option<Verdict>,
    /// What a sweep cannot read.
    unread: usize,
    /// Prefixes that were to be scanned, and for which queue.
    scans: Vec<(String, Option<String>)>,
}

impl TestLine {
    fn fails(&mut self, step: &str) -> Result<(), LineError> {
        match self.busy.iter().position(|busy| *busy == step) {
            Some(at) => {
                self.busy.remove(at);
                Err(LineError::Busy(format!("{step} is busy")))
            }
            None => Ok(()),
        }
    }

    fn advice(&self, id: &str) -> Option<Advice> {
        Some(advice(id, self.items.get(id)?, self.last_seen, self.verdict.unwrap_or(Verdict::Patch)))
    }
}

impl Line for TestLine {
    fn within(&mut self, _: Duration) {}

    async fn ingest(&mut self, batch: &[&[Value]]) -> Result<Ingested, LineError> {
        self.fails("ingest")?;
        let mut ingested = Ingested::default();
        let mut from: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (of, records) in batch.iter().enumerate() {
            for (at, record) in records.iter().enumerate() {
                match record["eventID"].as_str().unwrap_or_default().split_once('/') {
                    Some((id, item)) => {
                        self.items.entry(id.to_owned()).or_default().insert(item.to_owned());
                        from.entry(id.to_owned()).or_default().insert(of);
                    }
                    None if record["eventID"] == "poison" => return Err(LineError::Failed("it kills the line".into())),
                    None if record["eventID"] == "old" => ingested.stale += 1,
                    None => ingested.unread.push((of, at, "no event id".into())),
                }
            }
        }
        ingested.touched = from.into_iter().filter_map(|(id, from)| Some((self.advice(&id)?, from))).collect();
        Ok(ingested)
    }

    /// A file's key tells what it holds: a finding's item, `poison`, or `busy`.
    async fn open(&mut self, file: &LogFile) -> Result<Vec<Value>, LineError> {
        match file.key.rsplit('_').next().unwrap() {
            "poison.json.gz" => Err(LineError::Failed("no log file".into())),
            "busy.json.gz" => Err(LineError::Busy("S3 is busy".into())),
            _ => Ok(vec![json!({"eventID": format!("D-log/{}", file.bucket)})]),
        }
    }

    async fn scan(&mut self, task: &ScanTask, queue: Option<&str>, aside: &mut usize) -> Result<(), LineError> {
        // One of its files is broken.
        *aside += usize::from(task.places[0].1.contains("broken"));
        self.fails("scan")?;
        self.scans.push((task.places[0].1.clone(), queue.map(str::to_owned)));
        match task.after.as_str() {
            "never" => Err(LineError::Failed("no such prefix".into())),
            _ => Ok(()),
        }
    }

    async fn look(&mut self, id: &str) -> Result<Option<Advice>, LineError> {
        self.fails("look")?;
        Ok(self.advice(id))
    }

    async fn delivery(&mut self, id: &str, to: &str) -> Result<Delivery, LineError> {
        Ok(self.ledger.delivery(id, to).unwrap().unwrap_or_default())
    }

    async fn put_delivery(&mut self, id: &str, to: &str, delivery: &Delivery) -> Result<bool, LineError> {
        self.fails(if delivery.lease.is_some() { "take" } else { "note" })?;
        Ok(self.ledger.put_delivery(id, to, delivery).unwrap())
    }

    async fn due_deliveries(&mut self, by: Timestamp) -> Result<Vec<Open>, LineError> {
        Ok(self.ledger.open_deliveries(Some(by)).unwrap())
    }

    async fn quarantine(&mut self, reason: &str, body: &str) -> Result<(), LineError> {
        self.fails("quarantine")?;
        self.quarantined.push((reason.to_owned(), body.to_owned()));
        Ok(())
    }

    fn receivers(&self, _: &Advice) -> Vec<String> {
        vec!["sns".into(), "slack".into()]
    }

    fn spares(&self, _: &Advice) -> Vec<String> {
        vec!["spare".into()]
    }

    fn render(&self, advice: &Advice, _: &str, stage: Stage) -> Message {
        let items: Vec<&str> = advice.denied.iter().filter_map(|item| item.action.as_deref()).collect();
        message(&advice.id, &format!("{} {}", items.join(" "), stage.word()))
    }

    async fn sweep(&mut self, _: Timestamp, _: Duration) -> Result<Swept, LineError> {
        self.fails("task")?;
        Ok(Swept { over: self.items.keys().filter_map(|id| self.advice(id)).collect(), unread: self.unread })
    }

    async fn carry_out(&mut self, _: Task, _: Timestamp) -> Result<Vec<(String, Message)>, LineError> {
        self.fails("task")?;
        let to = |name: &str| Some((name.to_owned(), self.report.clone()?));
        Ok(["sns", "slack"].into_iter().filter_map(to).collect())
    }
}

fn message(id: &str, subject: &str) -> Message {
    Message { id: id.into(), subject: subject.into(), body: "body".into(), ..Message::default() }
}

fn advice(id: &str, items: &BTreeSet<String>, last_seen: Option<Timestamp>, verdict: Verdict) -> Advice {
    let diagnosis = || Diagnosis {
        cause: Cause::IdentityAllowMissing,
        summary: "s".into(),
        evidence: vec![],
        unchecked: vec![],
        doubts: vec![],
    };
    let reason = || Reason {
        kind: ReasonKind::Implicit,
        policy_type: None,
        policy_arn: None,
        authorization_id: None,
        encoded: Encoded::Absent,
        special: None,
        cut: false,
    };
    let item = |action: &String| DeniedItem {
        action: Some(action.clone()),
        resource: None,
        count: 1,
        first_seen: None,
        last_seen,
        verdict,
        status: Status::Open,
        muted_by: None,
        allowed_since: None,
        looked_until: None,
        allowed_before: None,
        unseen: None,
        how: How::Message,
        events: vec![],
        operations: vec![],
        regions: vec![],
        reason: reason(),
        diagnosis: diagnosis(),
    };
    Advice {
        id: id.into(),
        principal: serde_json::from_value(
            json!({"kind": "role", "arn": null, "account": null, "name": "r", "path_known": true, "session": null}),
        )
        .unwrap(),
        account: None,
        count: items.len() as u64,
        first_seen: None,
        last_seen,
        denied: items.iter().map(item).collect(),
        verdict,
        severity: Severity::High,
        diagnosis: diagnosis(),
        patches: vec![],
        days: BTreeMap::new(),
        allowed_since: None,
        changes: Default::default(),
        foretold: Vec::new(),
    }
}

/// Everything a test needs, with ten minutes on the clock.
struct World {
    line: TestLine,
    sns: MemorySink,
    slack: MemorySink,
    spare: Option<MemorySink>,
    now: Cell<Timestamp>,
    deadline: Timestamp,
    paused: bool,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl World {
    fn new() -> Self {
        let line = TestLine { last_seen: Some(at("2026-11-22T10:00:00Z")), ..TestLine::default() };
        let now = Cell::new(at("2026-11-22T10:05:00Z"));
        let (sns, slack) = (MemorySink::new("sns"), MemorySink::new("slack"));
        Self { line, sns, slack, spare: None, now, deadline: at("2026-11-22T10:15:00Z"), paused: false }
    }

    async fn handle(&mut self, event: &Value) -> Result<Done, Again> {
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(self.sns.clone()), Box::new(self.slack.clone())];
        if let Some(sink) = &self.spare {
            sinks.push(Box::new(sink.clone()));
        }
        let pacing = Pacing { wait: SignedDuration::ZERO, ..Pacing::default() };
        let post = Post::new(sinks, Policy { pacing, ..Policy::default() }).paused(self.paused);
        let now = || self.now.get();
        handle(event, &mut self.line, &post, &Time { now: &now, deadline: self.deadline }).await
    }

    /// Lets time pass; the run that follows has ten minutes again.
    fn pass(&mut self, seconds: i64) {
        self.now.set(self.now.get() + SignedDuration::from_secs(seconds));
        self.deadline = self.now.get() + SignedDuration::from_secs(600);
    }

    /// Subjects that arrived.
    fn told(sink: &MemorySink) -> Vec<String> {
        sink.kept().into_iter().map(|message| format!("{} {}", message.id, message.subject)).collect()
    }
}

fn event(id: &str) -> Value {
    let detail = json!({"eventVersion": "1.11", "eventID": id, "eventName": "X", "eventSource": "kms.amazonaws.com"});
    json!({"detail-type": "AWS API Call via CloudTrail", "detail": detail})
}

fn batch(bodies: &[String]) -> Value {
    let item =
        |(at, body): (usize, &String)| json!({"messageId": format!("m{at}"), "eventSource": "aws:sqs", "body": body});
    json!({"Records": bodies.iter().enumerate().map(item).collect::<Vec<_>>()})
}

fn events(ids: &[&str]) -> Value {
    batch(&ids.iter().map(|id| event(id).to_string()).collect::<Vec<_>>())
}

#[track_caller]
fn failures(done: Result<Done, Again>, expect: &[&str]) {
    let ids: Vec<Value> = expect.iter().map(|id| json!({ "itemIdentifier": id })).collect();
    assert_eq!(done.unwrap().answer(), json!({ "batchItemFailures": ids }));
}

fn retryable() -> SinkError {
    SinkError::Retryable { why: "busy".into(), after: None }
}
