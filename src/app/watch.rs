//! One input of the Lambda function → ledger → messages. What a retry can cure is handed back; what it cannot is
//! quarantined with its reason, and acknowledged.
//!
//! SQS's partial answer: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.

pub use super::alert::Claim;
use super::alert::{fingerprint, is_told};
use crate::advice::Advice;
use crate::delivery::Stage;
use crate::io::sinks::{Message, Sink, SinkError, send_within};
use crate::io::sources::envelope::{self, Input, Message as Envelope, Task};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tracing::{error, info, warn};

/// Why a step of the line failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Another try may help: the ledger is busy or out of reach.
    #[error("{0}")]
    Busy(String),
    /// No try will help with this input.
    #[error("{0}")]
    Failed(String),
}

/// What became of the records of one message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ingested {
    /// Advice on every finding that the records belong to, also when all their events had been counted before:
    /// a message that comes again may be one whose alert did not go out.
    pub touched: Vec<Advice>,
    /// Records that could not be read: their place and why.
    pub unread: Vec<(usize, String)>,
}

/// The line from record to advice, and the ledger behind it.
#[allow(async_fn_in_trait, reason = "the function runs on one thread; nothing here needs Send")]
pub trait Line {
    /// Counts the denials among CloudTrail records, each event once.
    async fn ingest(&mut self, records: &[Value]) -> Result<Ingested, LineError>;

    /// Takes the right to tell; false when it has been taken for the same id, destination and fingerprint, and
    /// `again_after` has not passed between that claim's `at` and this one's.
    async fn claim(&mut self, claim: &Claim) -> Result<bool, LineError>;

    /// Gives the right back, because the message did not go out.
    async fn release(&mut self, claim: &Claim) -> Result<(), LineError>;

    /// Keeps what cannot be handled, for a person.
    async fn quarantine(&mut self, reason: &str, body: &str) -> Result<(), LineError>;

    /// The receivers that hear of a finding as soon as they may, by [`Sink::name`].
    fn receivers(&self, advice: &Advice) -> Vec<String>;

    /// The message that tells a receiver of a finding.
    fn render(&self, advice: &Advice, to: &str, stage: Stage) -> Message;

    /// The messages of a task, each with its receiver; none when there is nothing to tell. Their ids name the period,
    /// such as `report 2026-W47`, since the scheduler may call twice.
    async fn carry_out(&mut self, task: Task, now: Timestamp) -> Result<Vec<(String, Message)>, LineError>;
}

/// Who is told, and how often.
pub struct Post {
    /// All receivers of every message.
    pub sinks: Vec<Box<dyn Sink>>,
    /// A finding is told again when it is denied so long after it was told.
    pub reopen_after: Duration,
}

/// The time of one run.
pub struct Time<'a> {
    /// The clock.
    pub now: &'a dyn Fn() -> Timestamp,
    /// When Lambda ends the run.
    pub deadline: Timestamp,
}

impl Time<'_> {
    /// Kept back for the answer.
    const RESERVE: Duration = Duration::from_secs(2);
    /// The longest that one message may take.
    const SEND: Duration = Duration::from_secs(10);

    /// Time for more work; `None` when the run is as good as over.
    fn left(&self) -> Option<Duration> {
        let left = Duration::try_from(self.deadline.duration_since((self.now)())).ok()?;
        left.checked_sub(Self::RESERVE).filter(|left| !left.is_zero())
    }
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Records handed to the line.
    pub records: usize,
    /// Findings that they belong to.
    pub findings: usize,
    /// Messages that went out, one a receiver.
    pub sent: usize,
    /// Inputs and messages put aside for a person.
    pub quarantined: usize,
    /// Messages that a retry can cure, by id.
    pub retry: BTreeSet<String>,
    /// The input was an SQS batch.
    pub partial: bool,
}

impl Done {
    /// The function's answer: SQS's `batchItemFailures`, or the counts.
    pub fn answer(&self) -> Value {
        if self.partial {
            let failures: Vec<Value> = self.retry.iter().map(|id| json!({ "itemIdentifier": id })).collect();
            return json!({ "batchItemFailures": failures });
        }
        json!({
            "records": self.records, "findings": self.findings, "sent": self.sent, "quarantined": self.quarantined,
        })
    }
}

/// The whole input must come again: its caller knows no partial answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} of the input must be tried again: {why}", if .count == &1 { "one part".to_owned() } else { format!("{count} parts") })]
pub struct Again {
    /// Parts that failed.
    pub count: usize,
    /// Why the last of them failed.
    pub why: String,
}

/// Handles one input.
///
/// # Errors
/// [`Again`] when a retry can cure a failure and the input is no SQS batch.
pub async fn handle(event: &Value, line: &mut impl Line, post: &Post, time: &Time<'_>) -> Result<Done, Again> {
    let mut run = Run::new(line, post, time);
    match envelope::read(event) {
        Input::Nothing => {}
        Input::Task(task) => run.task(task).await,
        Input::Messages { messages, partial } => {
            run.done.partial = partial;
            for message in &messages {
                run.take(message).await;
            }
            run.tell().await;
        }
    }
    run.finish()
}

/// The state of one run.
struct Run<'a, L> {
    line: &'a mut L,
    post: &'a Post,
    time: &'a Time<'a>,
    done: Done,
    /// Findings to tell, and the messages that touched them.
    touched: BTreeMap<String, (Advice, BTreeSet<String>)>,
    /// Receivers that asked for rest or do not answer.
    resting: BTreeSet<String>,
    why: String,
}

impl<'a, L: Line> Run<'a, L> {
    fn new(line: &'a mut L, post: &'a Post, time: &'a Time<'a>) -> Self {
        let (touched, resting) = (BTreeMap::new(), BTreeSet::new());
        Self { line, post, time, done: Done::default(), touched, resting, why: String::new() }
    }

    async fn take(&mut self, message: &Envelope) {
        if self.time.left().is_none() {
            return self.again(&message.id, "no time was left");
        }
        let records = match &message.records {
            Ok(records) if records.is_empty() => return,
            Ok(records) => records,
            Err(why) => return self.put_aside(&message.id, why, &message.raw).await,
        };
        match self.line.ingest(records).await {
            Ok(ingested) => self.keep(message, records, ingested).await,
            Err(LineError::Busy(why)) => self.again(&message.id, &why),
            Err(LineError::Failed(why)) => self.put_aside(&message.id, &why, &message.raw).await,
        }
    }

    async fn keep(&mut self, message: &Envelope, records: &[Value], ingested: Ingested) {
        self.done.records += records.len();
        for (at, why) in ingested.unread {
            let body = records.get(at).map_or_else(|| message.raw.clone(), Value::to_string);
            self.put_aside(&message.id, &why, &body).await;
        }
        for advice in ingested.touched {
            let entry = self.touched.entry(advice.id.clone()).or_insert_with(|| (advice.clone(), BTreeSet::new()));
            // The latest advice counts most events.
            entry.0 = advice;
            entry.1.insert(message.id.clone());
        }
    }

    /// Tells every finding that is worth it to every receiver.
    async fn tell(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        self.done.findings = touched.len();
        let now = (self.time.now)();
        for (advice, from) in touched.values().filter(|(advice, _)| is_told(advice)) {
            let claim = Claim {
                id: advice.id.clone(),
                destination: String::new(),
                fingerprint: fingerprint(advice),
                at: advice.last_seen.unwrap_or(now),
                again_after: Some(self.post.reopen_after),
            };
            for to in self.line.receivers(advice) {
                let message = self.line.render(advice, &to, Stage::New);
                if let Err(why) = self.deliver(&claim, &to, &message).await {
                    from.iter().for_each(|id| self.again(id, &why));
                }
            }
        }
    }

    async fn task(&mut self, task: Task) {
        let now = (self.time.now)();
        match self.line.carry_out(task, now).await {
            Ok(messages) if messages.is_empty() => info!(?task, "nothing to tell"),
            Ok(messages) => {
                for (to, message) in messages {
                    let (id, fingerprint) = (message.id.clone(), String::new());
                    let claim = Claim { id, destination: String::new(), fingerprint, at: now, again_after: None };
                    if let Err(why) = self.deliver(&claim, &to, &message).await {
                        self.again("task", &why);
                    }
                }
            }
            Err(LineError::Busy(why)) => self.again("task", &why),
            Err(LineError::Failed(why)) => error!(?task, %why, "task failed"),
        }
    }

    /// Tells one thing to one receiver; an error when a retry can cure what went wrong.
    async fn deliver(&mut self, claim: &Claim, to: &str, message: &Message) -> Result<(), String> {
        let post = self.post;
        let Some(sink) = post.sinks.iter().find(|sink| sink.name() == to) else { return Ok(()) };
        let claim = Claim { destination: to.to_owned(), ..claim.clone() };
        self.deliver_one(sink.as_ref(), &claim, message).await
    }

    async fn deliver_one(&mut self, sink: &dyn Sink, claim: &Claim, message: &Message) -> Result<(), String> {
        if self.resting.contains(&claim.destination) {
            return Err(format!("`{}` is left alone for now", claim.destination));
        }
        let left = self.time.left().ok_or("no time was left")?;
        if !self.line.claim(claim).await.map_err(|error| error.to_string())? {
            return Ok(());
        }
        match send_within(sink, message, left.min(Time::SEND)).await {
            Ok(_) => {
                self.done.sent += 1;
                info!(id = claim.id, to = claim.destination, "sent");
                Ok(())
            }
            Err(SinkError::Retryable { why, after }) => {
                warn!(id = claim.id, to = claim.destination, %why, ?after, "not sent, to be tried again");
                self.resting.insert(claim.destination.clone());
                self.line.release(claim).await.map_err(|error| error.to_string())?;
                Err(why)
            }
            Err(SinkError::Permanent(why)) => {
                error!(id = claim.id, to = claim.destination, %why, "not sent, a person must look");
                let reason = format!("not delivered to `{}`: {why}", claim.destination);
                let body = format!("{}\n\n{}", message.subject, message.body);
                if let Err(error) = self.line.quarantine(&reason, &body).await {
                    self.line.release(claim).await.map_err(|error| error.to_string())?;
                    return Err(error.to_string());
                }
                self.done.quarantined += 1;
                Ok(())
            }
        }
    }

    /// Quarantines; what even that fails for must come again, or it would be lost.
    async fn put_aside(&mut self, id: &str, reason: &str, body: &str) {
        match self.line.quarantine(reason, body).await {
            Ok(()) => {
                warn!(id, reason, bytes = body.len(), "quarantined");
                self.done.quarantined += 1;
            }
            Err(error) => self.again(id, &format!("cannot quarantine: {error}")),
        }
    }

    fn again(&mut self, id: &str, why: &str) {
        warn!(id, why, "to be tried again");
        self.done.retry.insert(id.to_owned());
        self.why = why.to_owned();
    }

    fn finish(self) -> Result<Done, Again> {
        if self.done.partial || self.done.retry.is_empty() {
            return Ok(self.done);
        }
        Err(Again { count: self.done.retry.len(), why: self.why })
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
