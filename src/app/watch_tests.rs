use super::*;
use crate::advice::{DeniedItem, Status};
use crate::denial::{Encoded, How, Reason, ReasonKind};
use crate::diagnosis::{Cause, Diagnosis};
use crate::io::sinks::memory::MemorySink;
use crate::triage::{Severity, Verdict};
use std::cell::Cell;

/// A line in memory: a record's `eventID` is `FINDING/ITEM`, its findings hold the items seen so far.
#[derive(Default)]
struct TestLine {
    items: BTreeMap<String, BTreeSet<String>>,
    last_seen: Option<Timestamp>,
    claims: BTreeMap<(String, String, String), Timestamp>,
    quarantined: Vec<(String, String)>,
    /// The next calls fail so.
    busy: Vec<&'static str>,
    report: Option<Message>,
    verdict: Option<Verdict>,
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
}

impl Line for TestLine {
    async fn ingest(&mut self, records: &[Value]) -> Result<Ingested, LineError> {
        self.fails("ingest")?;
        let mut ingested = Ingested::default();
        for (at, record) in records.iter().enumerate() {
            match record["eventID"].as_str().unwrap_or_default().split_once('/') {
                Some((id, item)) => {
                    let items = self.items.entry(id.to_owned()).or_default();
                    items.insert(item.to_owned());
                    let verdict = self.verdict.unwrap_or(Verdict::Patch);
                    ingested.touched.push(advice(id, items, self.last_seen, verdict));
                }
                None if record["eventID"] == "poison" => return Err(LineError::Failed("it kills the line".into())),
                None => ingested.unread.push((at, "no event id".into())),
            }
        }
        Ok(ingested)
    }

    async fn claim(&mut self, claim: &Claim) -> Result<bool, LineError> {
        self.fails("claim")?;
        let key = (claim.id.clone(), claim.destination.clone(), claim.fingerprint.clone());
        let again = |before: &Timestamp| {
            let after = claim.again_after.map(|after| jiff::SignedDuration::try_from(after).unwrap());
            after.is_some_and(|after| claim.at.duration_since(*before) >= after)
        };
        let granted = self.claims.get(&key).is_none_or(again);
        if granted {
            self.claims.insert(key, claim.at);
        }
        Ok(granted)
    }

    async fn release(&mut self, claim: &Claim) -> Result<(), LineError> {
        self.claims.remove(&(claim.id.clone(), claim.destination.clone(), claim.fingerprint.clone()));
        Ok(())
    }

    async fn quarantine(&mut self, reason: &str, body: &str) -> Result<(), LineError> {
        self.fails("quarantine")?;
        self.quarantined.push((reason.to_owned(), body.to_owned()));
        Ok(())
    }

    fn receivers(&self, _: &Advice) -> Vec<String> {
        vec!["sns".into(), "slack".into()]
    }

    fn render(&self, advice: &Advice, _: &str, _: Stage) -> Message {
        let items: Vec<&str> = advice.denied.iter().filter_map(|item| item.action.as_deref()).collect();
        message(&advice.id, &items.join(" "))
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
    }
}

/// Everything a test needs, with ten minutes on the clock.
struct World {
    line: TestLine,
    sns: MemorySink,
    slack: MemorySink,
    now: Cell<Timestamp>,
    deadline: Timestamp,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl World {
    fn new() -> Self {
        let line = TestLine { last_seen: Some(at("2026-11-22T10:00:00Z")), ..TestLine::default() };
        let now = Cell::new(at("2026-11-22T10:05:00Z"));
        let (sns, slack) = (MemorySink::new("sns"), MemorySink::new("slack"));
        Self { line, sns, slack, now, deadline: at("2026-11-22T10:15:00Z") }
    }

    async fn handle(&mut self, event: &Value) -> Result<Done, Again> {
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(self.sns.clone()), Box::new(self.slack.clone())];
        let post = Post { sinks, reopen_after: Duration::from_secs(86_400) };
        let now = || self.now.get();
        handle(event, &mut self.line, &post, &Time { now: &now, deadline: self.deadline }).await
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
    assert_eq!((World::told(&world.sns), World::told(&world.slack)), (vec!["D-1 a".into()], vec!["D-1 a".into()]));
}

#[tokio::test]
async fn a_new_item_is_told_and_so_is_a_late_return() {
    let mut world = World::new();
    world.handle(&events(&["D-1/a", "D-1/a", "D-2/x"])).await.unwrap();
    world.handle(&events(&["D-1/b"])).await.unwrap();
    assert_eq!(World::told(&world.sns), ["D-1 a", "D-2 x", "D-1 a b"]);
    world.line.last_seen = Some(at("2026-11-23T09:59:59Z"));
    world.handle(&events(&["D-1/b"])).await.unwrap();
    assert_eq!(World::told(&world.sns).len(), 3);
    world.line.last_seen = Some(at("2026-11-23T10:00:00Z"));
    world.handle(&events(&["D-1/b"])).await.unwrap();
    assert_eq!(World::told(&world.sns)[3..], ["D-1 a b"]);
}

#[tokio::test]
async fn events_delivered_again_days_later_reopen_nothing() {
    let mut world = World::new();
    world.handle(&event("D-1/a")).await.unwrap();
    world.now.set(at("2026-11-29T10:05:00Z"));
    world.deadline = at("2026-11-29T10:15:00Z");
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
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack)), (2, vec!["D-1 a".into(), "D-2 x".into()]));
}

#[tokio::test]
async fn only_the_messages_behind_a_failed_alert_come_again() {
    let mut world = World::new();
    world.line.busy = vec!["claim"];
    failures(world.handle(&events(&["D-1/a", "D-2/x"])).await, &["m0"]);
    assert_eq!(World::told(&world.slack).len(), 2, "the ledger was busy once, with the claim for SNS");
}

#[tokio::test]
async fn what_no_retry_cures_is_put_aside() {
    let mut world = World::new();
    world.slack.fail_next(SinkError::Permanent("no_service".into()));
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!(world.line.quarantined, [("not delivered to `slack`: no_service".into(), "a\n\nbody".into())]);
    assert_eq!(World::told(&world.sns).len(), 1);
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!(world.line.quarantined.len(), 1);
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
    assert_eq!(World::told(&world.sns), ["D-1 a"]);
}

#[tokio::test]
async fn poison_that_cannot_be_put_aside_comes_again() {
    let mut world = World::new();
    world.line.busy = vec!["quarantine"];
    failures(world.handle(&batch(&["{".into(), "{".into()])).await, &["m0"]);
    assert_eq!(world.line.quarantined.len(), 1);
}

#[tokio::test]
async fn a_busy_ledger_fails_its_message_alone() {
    let mut world = World::new();
    world.line.busy = vec!["ingest"];
    failures(world.handle(&events(&["D-1/a", "D-2/x"])).await, &["m0"]);
    assert_eq!(World::told(&world.sns), ["D-2 x"]);
}

#[tokio::test]
async fn without_a_partial_answer_the_whole_input_fails() {
    let mut world = World::new();
    world.line.busy = vec!["ingest"];
    let error = world.handle(&event("D-1/a")).await.unwrap_err().to_string();
    assert_eq!(error, "one part of the input must be tried again: ingest is busy");
    world.handle(&event("D-1/a")).await.unwrap();
    assert_eq!(World::told(&world.sns), ["D-1 a"]);
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
    }
    // One for each of the first twenty, then at 21, 32 and 64.
    assert_eq!(World::told(&world.sns).len(), 23);
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
