//! One input of the Lambda function → ledger → messages through the outbox. What a retry can cure is handed back; what it
//! cannot is quarantined with its reason, and acknowledged.
//!
//! SQS's partial answer: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.

use super::outbox::Outbox;
use crate::advice::Advice;
use crate::delivery::{Bucket, Policy, Stage};
use crate::io::sinks::{Message, Sink};
use crate::io::sources::envelope::{self, Input, Message as Envelope, Task};
use crate::io::sources::notice::{LogFile, ScanTask};
use crate::io::stores::{Delivery, Open};
use crate::render::metrics::Metrics;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::cell::RefCell;
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

/// What became of the records of some messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ingested {
    /// Advice on every finding that the records belong to, and the places of the messages they came with; also when all
    /// their events had been counted before: a message that comes again may be one whose alert did not go out.
    pub touched: Vec<(Advice, BTreeSet<usize>)>,
    /// Records that could not be read: the place of their message, their own place in it, and why.
    pub unread: Vec<(usize, usize, String)>,
    /// Denials that were refused, being older than the ledger keeps counts.
    pub stale: u64,
    /// Denials that were counted now.
    pub counted: u64,
    /// Of these, denials that a rule keeps out of the messages.
    pub muted: u64,
    /// Seconds since each of these.
    pub lag: Vec<u64>,
}

/// What a sweep came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Swept {
    /// What is over since lately, to be told.
    pub over: Vec<Advice>,
    /// What could not be read: a Region of Event history, say.
    pub unread: usize,
}

/// The line from record to advice, and the ledger behind it.
#[allow(async_fn_in_trait, reason = "the function runs on one thread; nothing here needs Send")]
pub trait Line {
    /// The time that all further steps may take together.
    fn within(&mut self, limit: Duration);

    /// Counts the denials among the CloudTrail records of some messages, each event once.
    async fn ingest(&mut self, batch: &[&[Value]]) -> Result<Ingested, LineError>;

    /// The records of a log file that was told of, or at least its denials.
    async fn open(&mut self, file: &LogFile) -> Result<Vec<Value>, LineError>;

    /// Scans prefixes of buckets, or puts parts of that on the queue that asked for it. What cannot be read is quarantined, and
    /// added to `aside`, whatever the outcome.
    async fn scan(&mut self, task: &ScanTask, queue: Option<&str>, aside: &mut usize) -> Result<(), LineError>;

    /// Advice on a finding as it is now; `None` when it is no more.
    async fn look(&mut self, id: &str) -> Result<Option<Advice>, LineError>;

    /// See [`crate::io::stores::Ledger::delivery`]; the default when there is none.
    async fn delivery(&mut self, id: &str, to: &str) -> Result<Delivery, LineError>;

    /// See [`crate::io::stores::Ledger::put_delivery`].
    async fn put_delivery(&mut self, id: &str, to: &str, delivery: &Delivery) -> Result<bool, LineError>;

    /// See [`crate::io::stores::Ledger::open_deliveries`].
    async fn due_deliveries(&mut self, by: Timestamp) -> Result<Vec<Open>, LineError>;

    /// Keeps what cannot be handled, for a person.
    async fn quarantine(&mut self, reason: &str, body: &str) -> Result<(), LineError>;

    /// The receivers that hear of a finding as soon as they may, by [`Sink::name`].
    fn receivers(&self, advice: &Advice) -> Vec<String>;

    /// Those that hear of it only when another one refused it for good, in this order.
    fn spares(&self, advice: &Advice) -> Vec<String>;

    /// The message that tells a receiver of a finding.
    fn render(&self, advice: &Advice, to: &str, stage: Stage) -> Message;

    /// Looks whether what was denied is allowed by now, for so long at most.
    async fn sweep(&mut self, now: Timestamp, limit: Duration) -> Result<Swept, LineError>;

    /// The messages of a task, each with its receiver; none when there is nothing to tell. Their ids name the period,
    /// such as `report 2026-W47`, since the scheduler may call twice.
    async fn carry_out(&mut self, task: Task, now: Timestamp) -> Result<Vec<(String, Message)>, LineError>;
}

/// Who is told, and how often.
pub struct Post {
    /// All receivers.
    pub sinks: Vec<Box<dyn Sink>>,
    /// How soon and how often a receiver hears of a finding.
    pub policy: Policy,
    /// The kill switch: nothing is sent, and what would be stays due.
    pub paused: bool,
    /// What each receiver's rate has left. It lives as long as the process: each copy of the function counts for itself.
    pub(super) buckets: RefCell<BTreeMap<String, Bucket>>,
}

impl Post {
    /// To these receivers, at this pace.
    pub fn new(sinks: Vec<Box<dyn Sink>>, policy: Policy) -> Self {
        Self { sinks, policy, paused: false, buckets: RefCell::default() }
    }

    /// The same, with the kill switch on or off.
    #[must_use]
    pub fn paused(self, paused: bool) -> Self {
        Self { paused, ..self }
    }
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

    /// Time for more work; `None` when the run is as good as over.
    pub(super) fn left(&self) -> Option<Duration> {
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
    /// Messages that are held because sending is paused, one a receiver.
    pub held: usize,
    /// Messages that a receiver refused for good; they are among the quarantined.
    pub refused: usize,
    /// See [`Swept::unread`].
    pub unread: usize,
    /// See [`Ingested::counted`].
    pub counted: u64,
    /// See [`Ingested::muted`].
    pub muted: u64,
    /// See [`Ingested::lag`].
    pub lag: Vec<u64>,
    /// Messages that a retry can cure, by id.
    pub retry: BTreeSet<String>,
    /// The input was an SQS batch.
    pub partial: bool,
}

impl Done {
    /// As CloudWatch takes it.
    pub fn metrics(&self) -> Metrics {
        Metrics {
            received: self.records as u64,
            denied: self.counted,
            muted: self.muted,
            alerted: self.sent as u64,
            held: self.held as u64,
            failed: (self.retry.len() + self.refused + self.unread) as u64,
            quarantined: self.quarantined as u64,
            lag: self.lag.clone(),
        }
    }

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
#[error("{} of the input must be tried again: {why}", match .done.retry.len() { 1 => "one part".to_owned(), n => format!("{n} parts") })]
pub struct Again {
    /// What the run came to all the same; `retry` holds the parts that failed.
    pub done: Box<Done>,
    /// Why the last of them failed.
    pub why: String,
}

/// Handles one input.
///
/// # Errors
/// [`Again`] when a retry can cure a failure and the input is no SQS batch.
pub async fn handle(event: &Value, line: &mut impl Line, post: &Post, time: &Time<'_>) -> Result<Done, Again> {
    if let Some(left) = time.left() {
        line.within(left);
    }
    let mut run = Run::new(line, post, time);
    match envelope::read(event) {
        Input::Nothing => {}
        Input::Task(task) => run.task(task).await,
        Input::Messages { messages, partial } => {
            run.done.partial = partial;
            let messages = run.open(messages).await;
            run.take(&messages).await;
            run.tell().await;
            run.scan(&messages).await;
        }
    }
    run.finish()
}

/// The state of one run.
struct Run<'a, L> {
    outbox: Outbox<'a, L>,
    done: Done,
    /// Findings to tell.
    touched: BTreeMap<String, Touch>,
    why: String,
}

/// A finding that the input touched.
struct Touch {
    /// The latest advice, which counts most events; `None` where so many findings were touched that it is looked at again.
    advice: Option<Advice>,
    /// The messages that touched it, by id.
    from: BTreeSet<String>,
}

/// Messages counted together; with all of a batch of thousands at once memory would not be bounded.
const TOGETHER: usize = 100;
/// Findings whose advice is kept until it is told.
const KEPT: usize = 100;

impl<'a, L: Line> Run<'a, L> {
    fn new(line: &'a mut L, post: &'a Post, time: &'a Time<'a>) -> Self {
        let touched = BTreeMap::new();
        Self { outbox: Outbox::new(line, post, time), done: Done::default(), touched, why: String::new() }
    }

    /// Adds the records of the log files that messages tell of. A message whose files cannot be had now comes again.
    async fn open(&mut self, messages: Vec<Envelope>) -> Vec<Envelope> {
        let mut opened = Vec::new();
        for mut message in messages {
            if self.open_one(&mut message).await {
                opened.push(message);
            }
        }
        opened
    }

    async fn open_one(&mut self, message: &mut Envelope) -> bool {
        for file in std::mem::take(&mut message.files) {
            let read = match self.outbox.time.left() {
                Some(_) => self.outbox.line.open(&file).await,
                None => Err(LineError::Busy("no time was left".into())),
            };
            match (read, &mut message.records) {
                (Ok(records), Ok(all)) => all.extend(records),
                (Ok(_), Err(_)) => {}
                (Err(LineError::Failed(why)), _) => {
                    let body = format!("s3://{}/{}", file.bucket, file.key);
                    self.put_aside(&message.id, &why, &body).await;
                }
                (Err(LineError::Busy(why)), _) => {
                    self.again(&message.id, &why);
                    return false;
                }
            }
        }
        true
    }

    /// Scans what messages ask for; nothing of it is told at once, since it is about the past.
    async fn scan(&mut self, messages: &[Envelope]) {
        for message in messages {
            let Some(task) = &message.scan else { continue };
            let mut aside = 0;
            let scanned = self.outbox.line.scan(task, message.queue.as_deref(), &mut aside).await;
            self.done.quarantined += aside;
            match scanned {
                Ok(()) => {}
                Err(LineError::Busy(why)) => self.again(&message.id, &why),
                Err(LineError::Failed(why)) => self.put_aside(&message.id, &why, &message.raw).await,
            }
        }
    }

    /// Reads and counts; what cannot be read is put aside.
    async fn take(&mut self, messages: &[Envelope]) {
        if self.outbox.time.left().is_none() {
            return messages.iter().for_each(|message| self.again(&message.id, "no time was left"));
        }
        let mut readable = Vec::new();
        for message in messages {
            match &message.records {
                Ok(records) if records.is_empty() => {}
                Ok(_) => readable.push(message),
                Err(why) => self.put_aside(&message.id, why, &message.raw).await,
            }
        }
        for part in readable.chunks(TOGETHER) {
            self.take_part(part).await;
        }
    }

    async fn take_part(&mut self, messages: &[&Envelope]) {
        if let Err(LineError::Failed(_)) = self.count(messages).await {
            // One of them is to blame.
            for message in messages {
                if let Err(error) = self.count(&[message]).await {
                    self.put_aside(&message.id, &error.to_string(), &message.raw).await;
                }
            }
        }
    }

    /// Counts the records of some messages; an error when no try will help with all of them together.
    async fn count(&mut self, messages: &[&Envelope]) -> Result<(), LineError> {
        let batch: Vec<&[Value]> =
            messages.iter().map(|message| message.records.as_deref().unwrap_or_default()).collect();
        if batch.is_empty() {
            return Ok(());
        }
        match self.outbox.line.ingest(&batch).await {
            Ok(ingested) => self.keep(messages, &batch, ingested).await,
            Err(LineError::Busy(why)) => messages.iter().for_each(|message| self.again(&message.id, &why)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn keep(&mut self, messages: &[&Envelope], batch: &[&[Value]], ingested: Ingested) {
        self.done.records += batch.iter().map(|records| records.len()).sum::<usize>();
        self.done.counted += ingested.counted;
        self.done.muted += ingested.muted;
        self.done.lag.extend(&ingested.lag);
        if ingested.stale > 0 {
            warn!(denials = ingested.stale, "refused: older than the ledger keeps counts");
        }
        for (of, at, why) in ingested.unread {
            let (Some(message), Some(records)) = (messages.get(of), batch.get(of)) else { continue };
            let body = records.get(at).map_or_else(|| message.raw.clone(), Value::to_string);
            self.put_aside(&message.id, &why, &body).await;
        }
        for (advice, from) in ingested.touched {
            let from = from.into_iter().filter_map(|of| Some(messages.get(of)?.id.clone()));
            let is_kept = self.touched.len() < KEPT;
            let touch = self.touched.entry(advice.id.clone());
            let touch = touch.or_insert_with(|| Touch { advice: None, from: BTreeSet::new() });
            touch.from.extend(from);
            if is_kept || touch.advice.is_some() {
                touch.advice = Some(advice);
            }
        }
    }

    /// Tells every finding that was touched, then what else is due.
    async fn tell(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        // What else is due the schedule looks at each minute: input without a denial asks the ledger nothing.
        if touched.is_empty() {
            return;
        }
        self.done.findings = touched.len();
        for (id, touch) in touched {
            if let Err(why) = self.tell_one(&id, touch.advice).await {
                touch.from.iter().for_each(|message| self.again(message, &why));
            }
        }
        self.outbox.make_good().await;
    }

    async fn tell_one(&mut self, id: &str, advice: Option<Advice>) -> Result<(), String> {
        let advice = match advice {
            Some(advice) => Some(advice),
            None => self.outbox.line.look(id).await.map_err(|error| error.to_string())?,
        };
        // A finding that is no more was purged meanwhile.
        match advice {
            Some(advice) => self.outbox.tell(&advice).await,
            None => Ok(()),
        }
    }

    async fn task(&mut self, task: Task) {
        self.outbox.note_pause().await;
        match task {
            Task::Outbox => return self.outbox.make_good().await,
            // The next one tells what this one would have told.
            Task::Digest if self.outbox.is_paused() => return info!("sending is paused: no digest"),
            Task::Digest | Task::Report | Task::Sweep => {}
        }
        if task == Task::Sweep {
            return self.sweep().await;
        }
        let now = (self.outbox.time.now)();
        match self.outbox.line.carry_out(task, now).await {
            Ok(messages) if messages.is_empty() => info!(?task, "nothing to tell"),
            Ok(messages) => {
                for (to, message) in messages {
                    if let Err(why) = self.outbox.tell_one(&to, &message).await {
                        self.again("task", &why);
                    }
                }
            }
            Err(LineError::Busy(why)) => self.again("task", &why),
            Err(LineError::Failed(why)) => error!(?task, %why, "task failed"),
        }
    }

    /// Two thirds of the time go to looking, the rest to telling.
    async fn sweep(&mut self) {
        let Some(left) = self.outbox.time.left() else { return self.again("task", "no time was left") };
        let now = (self.outbox.time.now)();
        match self.outbox.line.sweep(now, left * 2 / 3).await {
            Ok(swept) => {
                (self.done.findings, self.done.unread) = (swept.over.len(), swept.unread);
                for advice in swept.over {
                    if let Err(why) = self.outbox.tell(&advice).await {
                        self.again("task", &why);
                    }
                }
                self.outbox.make_good().await;
            }
            Err(LineError::Busy(why)) => self.again("task", &why),
            Err(LineError::Failed(why)) => error!(%why, "sweep failed"),
        }
    }

    /// Quarantines; what even that fails for must come again, or it would be lost.
    async fn put_aside(&mut self, id: &str, reason: &str, body: &str) {
        match self.outbox.line.quarantine(reason, body).await {
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

    fn finish(mut self) -> Result<Done, Again> {
        self.done.sent = self.outbox.sent;
        self.done.held = self.outbox.held.len();
        self.done.refused = self.outbox.refused;
        self.done.quarantined += self.outbox.refused;
        if self.done.partial || self.done.retry.is_empty() {
            return Ok(self.done);
        }
        Err(Again { done: Box::new(self.done), why: self.why })
    }
}

#[cfg(test)]
#[path = "watch_tests/mod.rs"]
mod tests;
