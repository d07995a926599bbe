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

#[tokio::test]
async fn an_event_is_told_to_all_once() {
    let mut world = World::new();
    let done = world.handle(&event("D-1/a")).await.unwrap();
    assert_eq!(done.answer(), json!({"records": 1, "findings": 1, "sent": 2, "quarantined": 0}));
    // The same event again, and another of the same item.
    world.handle(&event("D-1/a")).await.unwrap();
    assert_eq!(
        (World::told(&world.sns), World::told(&world.slack)),
        (vec!["D-1 a new".into()], vec!["D-1 a new".into()])
    );
}

#[tokio::test]
async fn a_batch_of_more_findings_than_are_kept_is_told_whole_and_once() {
    let mut world = World::new();
    // Each finding's second item comes with the last messages of the batch.
    let ids: Vec<String> = ["a", "b"].iter().flat_map(|item| (0..150).map(move |n| format!("D-{n}/{item}"))).collect();
    let done = world.handle(&events(&ids.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap();
    assert_eq!((done.records, done.findings, done.sent), (300, 150, 300));
    let expect: BTreeSet<String> = (0..150).map(|n| format!("D-{n} a b new")).collect();
    assert_eq!(World::told(&world.sns).into_iter().collect::<BTreeSet<_>>(), expect);
}

#[tokio::test]
async fn findings_that_cannot_be_looked_at_again_give_their_messages_back() {
    let mut world = World::new();
    let ids: Vec<String> = (0..=super::KEPT).map(|n| format!("D-{n:03}/a")).collect();
    world.line.busy = vec!["look"; 2 * ids.len()];
    let done = world.handle(&events(&ids.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap();
    assert_eq!(done.retry, (0..ids.len()).map(|n| format!("m{n}")).collect());
}

#[tokio::test]
async fn a_new_item_is_told_and_so_is_a_late_return() {
    let mut world = World::new();
    world.handle(&events(&["D-1/a", "D-1/a", "D-2/x"])).await.unwrap();
    world.handle(&events(&["D-1/b"])).await.unwrap();
    assert_eq!(World::told(&world.sns), ["D-1 a new", "D-2 x new", "D-1 a b updated"]);
    // The next one keeps to the pace, and the outbox brings it by itself.
    world.handle(&events(&["D-1/c"])).await.unwrap();
    assert_eq!(World::told(&world.sns).len(), 3);
    world.pass(1_800);
    world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!(World::told(&world.sns)[3..], ["D-1 a b c updated"]);
    world.line.last_seen = Some(at("2026-11-24T10:00:00Z"));
    world.pass(86_400);
    world.handle(&events(&["D-1/d"])).await.unwrap();
    assert_eq!(World::told(&world.sns)[4..], ["D-1 a b c d reopened"]);
}

#[tokio::test]
async fn events_delivered_again_days_later_reopen_nothing() {
    let mut world = World::new();
    world.handle(&event("D-1/a")).await.unwrap();
    world.pass(7 * 86_400);
    world.handle(&event("D-1/a")).await.unwrap();
    assert_eq!(World::told(&world.sns).len(), 1);
}

#[tokio::test]
async fn a_failed_send_is_handed_back_and_made_good() {
    let mut world = World::new();
    world.slack.fail_next(retryable());
    failures(world.handle(&events(&["D-1/a", "D-2/x", "D-1/a"])).await, &["m0", "m1", "m2"]);
    // SNS had both; Slack refused the first, and was left alone for the second.
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (2, 0));
    failures(world.handle(&events(&["D-1/a", "D-2/x", "D-1/a"])).await, &[]);
    let both = vec!["D-1 a new".to_owned(), "D-2 x new".to_owned()];
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack)), (2, both));
}

#[tokio::test]
async fn a_failed_send_is_made_good_though_the_queue_gave_up() {
    let mut world = World::new();
    let asks = SinkError::Retryable { why: "rate_limited".into(), after: Some(Duration::from_secs(90)) };
    world.slack.fail_next(asks);
    failures(world.handle(&events(&["D-1/a", "D-2/x"])).await, &["m0", "m1"]);
    world.pass(60);
    world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!(World::told(&world.slack).len(), 0, "it asked for 90 seconds");
    world.pass(30);
    world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!(World::told(&world.slack), ["D-1 a new", "D-2 x new"]);
    world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!((World::told(&world.slack).len(), World::told(&world.sns).len()), (2, 2));
    assert_eq!(world.line.ledger.open_deliveries(None).unwrap(), []);
}

/// The copy that took it died: before the send or after it, nobody knows.
#[tokio::test]
async fn what_a_dead_copy_took_is_sent_when_its_time_is_over() {
    let mut world = World::new();
    world.line.items.insert("D-1".into(), BTreeSet::from(["a".into()]));
    let taken = crate::app::lease::take(&Delivery::default(), world.now.get());
    assert!(world.line.ledger.put_delivery("D-1", "slack", &taken).unwrap());
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (1, 0));
    world.pass(29);
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    world.pass(1);
    // Any run finds it.
    failures(world.handle(&events(&["D-2/x"])).await, &[]);
    assert_eq!(World::told(&world.slack), ["D-2 x new", "D-1 a new"]);
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!(World::told(&world.slack).len(), 2);
}

/// The ledger could not be told: the message may come twice, and is not lost.
#[tokio::test]
async fn a_send_that_could_not_be_noted_comes_again_after_its_lease() {
    let mut world = World::new();
    world.line.busy = vec!["note"];
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (1, 1));
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    world.pass(30);
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (2, 1));
}

#[tokio::test]
async fn only_the_messages_behind_a_failed_alert_come_again() {
    let mut world = World::new();
    world.line.busy = vec!["take"];
    failures(world.handle(&events(&["D-1/a", "D-2/x"])).await, &["m0"]);
    assert_eq!(World::told(&world.slack).len(), 2, "the ledger was busy once, with the claim for SNS");
}

#[tokio::test]
async fn what_cannot_be_looked_at_again_is_given_back() {
    let mut world = World::new();
    world.line.busy = vec!["look"];
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (1, 1));
}

#[tokio::test]
async fn what_no_retry_cures_is_put_aside() {
    let mut world = World::new();
    world.slack.fail_next(SinkError::Permanent("no_service".into()));
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!(world.line.quarantined, [("not delivered to `slack`: no_service".into(), "a new\n\nbody".into())]);
    assert_eq!(World::told(&world.sns).len(), 1);
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!(world.line.quarantined.len(), 1);
    let kept = world.line.ledger.delivery("D-1", "slack").unwrap().unwrap();
    assert_eq!((kept.refused.as_deref(), kept.is_open()), (Some("no_service"), false));
}

#[tokio::test]
async fn what_one_receiver_refuses_the_next_route_is_told() {
    let mut world = World::new();
    let spare = MemorySink::new("spare");
    world.spare = Some(spare.clone());
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!(spare.kept().len(), 0);
    world.slack.fail_next(SinkError::Permanent("channel_is_archived".into()));
    failures(world.handle(&events(&["D-2/x"])).await, &[]);
    assert_eq!((World::told(&spare), world.line.quarantined.len()), (vec!["D-2 x new".to_owned()], 1));
    // The next one is out of reach: it comes again, and the refusal is put aside once.
    world.slack.fail_next(SinkError::Permanent("channel_is_archived".into()));
    spare.fail_next(retryable());
    failures(world.handle(&events(&["D-3/x"])).await, &["m0"]);
    world.slack.fail_next(SinkError::Permanent("channel_is_archived".into()));
    failures(world.handle(&events(&["D-3/x"])).await, &[]);
    assert_eq!(World::told(&spare), ["D-2 x new", "D-3 x new"]);
    // When nobody takes it, a person finds it.
    for sink in [&world.slack, &spare] {
        sink.fail_next(SinkError::Permanent("token_revoked".into()));
    }
    failures(world.handle(&events(&["D-4/x"])).await, &[]);
    let last: Vec<&str> = world.line.quarantined.iter().rev().take(2).map(|(reason, _)| reason.as_str()).collect();
    assert_eq!(last, ["not delivered to `spare`: token_revoked", "not delivered to `slack`: token_revoked"]);
    assert_eq!(world.line.ledger.open_deliveries(None).unwrap(), []);
}

#[tokio::test]
async fn an_alert_that_can_be_neither_sent_nor_put_aside_comes_again() {
    let mut world = World::new();
    world.slack.fail_next(SinkError::Permanent("no_service".into()));
    world.line.busy = vec!["quarantine"];
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!(World::told(&world.slack).len(), 1);
}

#[tokio::test]
async fn poison_is_quarantined_with_reason_and_body_and_acknowledged() {
    let mut world = World::new();
    let bodies = ["{".to_owned(), event("D-1/a").to_string(), event("poison").to_string(), event("odd").to_string()];
    failures(world.handle(&batch(&bodies)).await, &[]);
    let expect = [
        ("not JSON: EOF while parsing an object at line 1 column 1", bodies[0].clone()),
        ("it kills the line", bodies[2].clone()),
        ("no event id", event("odd")["detail"].to_string()),
    ];
    assert_eq!(world.line.quarantined, expect.map(|(reason, body)| (reason.to_owned(), body)));
    assert_eq!(World::told(&world.sns), ["D-1 a new"]);
}

#[tokio::test]
async fn poison_that_cannot_be_put_aside_comes_again() {
    let mut world = World::new();
    world.line.busy = vec!["quarantine"];
    failures(world.handle(&batch(&["{".into(), "{".into()])).await, &["m0"]);
    assert_eq!(world.line.quarantined.len(), 1);
}

#[tokio::test]
async fn a_busy_ledger_fails_the_batch() {
    let mut world = World::new();
    world.line.busy = vec!["ingest"];
    failures(world.handle(&events(&["D-1/a", "D-2/x"])).await, &["m0", "m1"]);
    failures(world.handle(&events(&["D-1/a", "D-2/x"])).await, &[]);
    assert_eq!(World::told(&world.sns), ["D-1 a new", "D-2 x new"]);
}

#[tokio::test]
async fn without_a_partial_answer_the_whole_input_fails() {
    let mut world = World::new();
    world.line.busy = vec!["ingest"];
    let error = world.handle(&event("D-1/a")).await.unwrap_err().to_string();
    assert_eq!(error, "one part of the input must be tried again: ingest is busy");
    world.handle(&event("D-1/a")).await.unwrap();
    assert_eq!(World::told(&world.sns), ["D-1 a new"]);
}

#[tokio::test]
async fn an_unknown_shape_does_not_fail_for_ever() {
    let mut world = World::new();
    let done = world.handle(&json!({"hello": "world"})).await.unwrap();
    assert_eq!(done.answer(), json!({"records": 0, "findings": 0, "sent": 0, "quarantined": 1}));
    assert_eq!(world.line.quarantined[0].1, r#"{"hello":"world"}"#);
}

#[tokio::test]
async fn the_deadline_is_kept() {
    let mut world = World::new();
    world.deadline = at("2026-11-22T10:05:01Z");
    failures(world.handle(&events(&["D-1/a", "D-2/x"])).await, &["m0", "m1"]);
    assert_eq!((world.line.items.len(), world.sns.kept().len()), (0, 0));
    world.deadline = at("2026-11-22T10:04:00Z");
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
}

#[tokio::test]
async fn expected_and_passing_denials_are_not_told() {
    for verdict in [Verdict::Expected, Verdict::Transient] {
        let mut world = World::new();
        world.line.verdict = Some(verdict);
        let done = world.handle(&event("D-1/a")).await.unwrap();
        assert_eq!((done.findings, done.sent), (1, 0));
    }
    for verdict in [Verdict::Upheld, Verdict::Probing, Verdict::Unclear] {
        let mut world = World::new();
        world.line.verdict = Some(verdict);
        assert_eq!(world.handle(&event("D-1/a")).await.unwrap().sent, 2);
    }
}

#[tokio::test]
async fn a_sweep_is_no_flood() {
    let mut world = World::new();
    for item in 0..100 {
        world.handle(&event(&format!("D-1/{item:03}"))).await.unwrap();
        world.pass(36);
    }
    // In an hour: the first, one soon after it, and two in the next half hour.
    assert_eq!(World::told(&world.sns).len(), 4);
}

/// Thousands of events of one finding are no thousands of writes.
#[tokio::test]
async fn what_is_told_is_not_written_again_and_again() {
    let mut world = World::new();
    for _ in 0..50 {
        world.handle(&events(&["D-1/a"])).await.unwrap();
    }
    assert_eq!(world.line.ledger.delivery("D-1", "slack").unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn a_report_whose_sender_died_is_made_good_within_its_week() {
    let mut world = World::new();
    let taken = crate::app::lease::take(&Delivery::default(), world.now.get());
    assert!(world.line.ledger.put_delivery("report 2026-W47", "slack", &taken).unwrap());
    assert!(world.line.ledger.put_delivery("report 2026-W46", "slack", &taken).unwrap());
    world.line.report = Some(message("report 2026-W47", "Denied actions"));
    world.pass(30);
    world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!(
        (World::told(&world.slack), World::told(&world.sns).len()),
        (vec!["report 2026-W47 Denied actions".to_owned()], 0)
    );
    assert_eq!(world.line.ledger.open_deliveries(None).unwrap(), [], "the week before is over");
}

#[tokio::test]
async fn what_waits_for_a_receiver_that_is_no_more_is_dropped() {
    let mut world = World::new();
    let taken = crate::app::lease::take(&Delivery::default(), world.now.get());
    world.line.items.insert("D-1".into(), BTreeSet::from(["a".into()]));
    assert!(world.line.ledger.put_delivery("D-1", "gone", &taken).unwrap());
    assert!(world.line.ledger.put_delivery("D-9", "slack", &taken).unwrap());
    world.pass(30);
    world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!(world.line.ledger.open_deliveries(None).unwrap(), []);
    assert_eq!(World::told(&world.slack).len(), 0);
}

#[tokio::test]
async fn old_events_are_refused_and_acknowledged() {
    let mut world = World::new();
    failures(world.handle(&events(&["old", "D-1/a"])).await, &[]);
    assert_eq!(World::told(&world.slack), ["D-1 a new"]);
}

#[tokio::test]
async fn a_report_goes_out_once() {
    let mut world = World::new();
    let weekly = json!({"denywatch": "report"});
    assert_eq!(world.handle(&weekly).await.unwrap().sent, 0);
    world.line.report = Some(message("report 2026-W47", "Denied actions"));
    world.sns.fail_next(retryable());
    let error = world.handle(&weekly).await.unwrap_err().to_string();
    assert_eq!(error, "one part of the input must be tried again: busy");
    assert_eq!(world.handle(&weekly).await.unwrap().sent, 1);
    assert_eq!(world.handle(&weekly).await.unwrap().sent, 0);
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (1, 1));
    world.line.busy = vec!["task"];
    assert!(world.handle(&weekly).await.is_err());
}

#[tokio::test]
async fn while_sending_is_paused_nothing_goes_out_and_afterwards_all_of_it_once() {
    let mut world = World::new();
    world.handle(&events(&["D-1/a"])).await.unwrap();
    world.paused = true;
    for ids in [["D-1/b", "D-2/x"], ["D-1/c", "D-2/y"]] {
        // Counted and acknowledged: the queue does not give it up.
        let done = world.handle(&events(&ids)).await.unwrap();
        assert_eq!((done.records, done.sent, done.held, done.retry.len()), (2, 0, 4, 0));
        world.pass(3_600);
    }
    world.line.report = Some(message("report 2026-W47", "Denied actions"));
    assert_eq!(world.handle(&json!({"denywatch": "report"})).await.unwrap().sent, 0);
    assert_eq!(world.handle(&json!({"denywatch": "digest"})).await.unwrap().sent, 0);
    let waiting = world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!((waiting.sent, waiting.held), (0, 6), "two findings and a report, for two receivers");
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (1, 1));
    world.paused = false;
    let done = world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!((done.sent, done.held), (6, 0));
    let expect = ["D-1 a new", "D-1 a b c updated", "D-2 x y new", "report 2026-W47 Denied actions"];
    assert_eq!(
        (World::told(&world.sns), World::told(&world.slack)),
        (expect.map(Into::into).into(), expect.map(Into::into).into())
    );
    assert_eq!(world.handle(&json!({"denywatch": "outbox"})).await.unwrap().sent, 0);
    let pause = world.line.ledger.delivery(crate::app::pause::ID, crate::app::pause::TO).unwrap().unwrap();
    let pause = crate::app::pause::Pause::of(&pause).unwrap();
    assert_eq!((pause.from, pause.until), (at("2026-11-22T12:05:00Z"), Some(at("2026-11-22T12:05:00Z"))));
}

/// What another copy is sending when the switch is thrown is its own to end.
#[tokio::test]
async fn a_pause_leaves_a_delivery_alone_that_somebody_has_taken() {
    let mut world = World::new();
    let taken = crate::app::lease::take(&Delivery::default(), world.now.get());
    assert!(world.line.ledger.put_delivery("D-1", "slack", &taken).unwrap());
    world.paused = true;
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    assert_eq!(world.line.ledger.delivery("D-1", "slack").unwrap(), Some(taken));
}

#[tokio::test]
async fn a_run_is_measured_also_when_it_fails() {
    let mut world = World::new();
    world.slack.fail_next(retryable());
    let done = world.handle(&batch(&["{".into(), event("D-1/a").to_string()])).await.unwrap();
    let metrics = done.metrics();
    assert_eq!((metrics.received, metrics.alerted, metrics.failed, metrics.quarantined), (1, 1, 1, 1));
    world.line.busy = vec!["ingest"];
    let again = world.handle(&event("D-1/a")).await.unwrap_err();
    assert_eq!((again.done.metrics().failed, again.done.metrics().received), (1, 0));
    let mut refused = World::new();
    refused.slack.fail_next(SinkError::Permanent("no_service".into()));
    let metrics = refused.handle(&events(&["D-1/a"])).await.unwrap().metrics();
    assert_eq!((metrics.alerted, metrics.failed, metrics.quarantined), (1, 1, 1));
}

/// S3's notification of a log file in a bucket.
fn notice(bucket: &str, id: &str) -> String {
    let key = format!(
        "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/28/111122223333_CloudTrail_eu-west-1_20261128T1015Z_{id}.json.gz"
    );
    let object = json!({"bucket": {"name": bucket}, "object": {"key": key}});
    json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": object}]}).to_string()
}

#[tokio::test]
async fn log_files_that_s3_tells_of_are_told_like_events() {
    let mut world = World::new();
    let files =
        batch(&[notice("item-a", "x"), notice("item-b", "busy"), notice("item-c", "poison"), notice("item-d", "x")]);
    failures(world.handle(&files).await, &["m1"]);
    assert_eq!(World::told(&world.sns), ["D-log item-a item-d new"]);
    let (reason, body) = &world.line.quarantined[0];
    assert_eq!((reason.as_str(), body.starts_with("s3://item-c/AWSLogs/")), ("no log file", true));
    // A direct notification has no partial answer.
    let direct = serde_json::from_str(&notice("item-b", "busy")).unwrap();
    assert_eq!(world.handle(&direct).await.unwrap_err().why, "S3 is busy");
}

#[tokio::test]
async fn a_scan_comes_again_is_done_or_is_put_aside() {
    let mut world = World::new();
    let task = |prefix: &str, after: &str| {
        json!({"denywatch": {"scan": [format!("s3://my-logs/{prefix}")], "after": after}}).to_string()
    };
    let mut tasks = batch(&[task("a", ""), task("b", ""), task("c", "never")]);
    for item in tasks["Records"].as_array_mut().unwrap() {
        item["eventSourceARN"] = "arn:aws:sqs:eu-west-1:111122223333:backfill".into();
    }
    world.line.busy = vec!["scan"];
    failures(world.handle(&tasks).await, &["m0"]);
    let queue = Some("arn:aws:sqs:eu-west-1:111122223333:backfill".to_owned());
    assert_eq!(world.line.scans, [("b".to_owned(), queue.clone()), ("c".to_owned(), queue)]);
    assert_eq!(world.line.quarantined[0].0, "no such prefix");
    assert!(World::told(&world.sns).is_empty(), "the past is not told at once");
    // What a scan puts aside is measured, also where its rest comes again.
    world.line.busy = vec!["scan"];
    let done = world.handle(&batch(&[task("broken/1", ""), task("broken/2", "")])).await.unwrap();
    assert_eq!((done.metrics().quarantined, done.metrics().failed), (2, 1));
}

/// Event history that cannot be read is no quiet failure.
#[tokio::test]
async fn what_a_sweep_cannot_read_is_measured() {
    let mut world = World::new();
    world.line.unread = 3;
    let done = world.handle(&json!({"denywatch": "sweep"})).await.unwrap();
    assert_eq!((done.unread, done.metrics().failed), (3, 3));
}
