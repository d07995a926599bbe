//! Findings and reports → messages that leave: taken, sent, noted. [`super::lease`] says how one goes from hand to hand.
//!
//! What fails comes back twice over: the queue's message is handed back to the queue, and the outbox keeps the delivery
//! as due, which any later run makes good ([`Outbox::make_good`]). Whoever comes first finds it, the other finds it done.

use super::watch::{Line, LineError, Post, Time};
use super::{lease, pause};
use crate::advice::Advice;
use crate::delivery::{Action, Bucket, Decision, Destination, Policy, Seen, Stage, Told};
use crate::io::sinks::{Message, Sink, SinkError, Step, send_within};
use crate::io::sources::envelope::Task;
use crate::io::stores::{Delivery, Open};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tracing::{error, info, warn};

/// The longest that one message may take.
const SEND: Duration = Duration::from_secs(10);
/// No message is begun with less left: it could not be noted any more.
const LEAST: Duration = Duration::from_secs(1);

/// The outbox during one run.
pub(super) struct Outbox<'a, L> {
    pub(super) line: &'a mut L,
    post: &'a Post,
    pub(super) time: &'a Time<'a>,
    /// Receivers that asked for rest or do not answer.
    resting: BTreeMap<String, Option<Duration>>,
    /// What this run looked at: id and receiver.
    seen: BTreeSet<(String, String)>,
    /// Messages that went out.
    pub(super) sent: usize,
    /// Messages that a receiver refused for good.
    pub(super) refused: usize,
    /// What is due and not sent because sending is paused: id and receiver.
    pub(super) held: BTreeSet<(String, String)>,
}

/// What is told.
#[derive(Clone, Copy)]
enum What<'w> {
    Finding(&'w Advice),
    /// A report: once.
    Text(&'w Message),
}

impl What<'_> {
    fn id(&self) -> &str {
        match self {
            Self::Finding(advice) => &advice.id,
            Self::Text(message) => &message.id,
        }
    }

    /// What to do, and what the receiver's rate has left then.
    fn decide(&self, told: &Told, now: Timestamp, policy: &Policy, bucket: Bucket, edits: bool) -> (Decision, Bucket) {
        match self {
            Self::Finding(advice) => policy.decide(told, &Seen::of(advice), bucket, edits, now),
            Self::Text(_) if told.posted.is_some() => (Decision { action: Action::Rest, told: told.clone() }, bucket),
            Self::Text(_) => {
                let told = Told { posted: Some(now), sent: Some(now), ..told.clone() };
                (Decision { action: Action::Post { stage: Stage::New }, told }, bucket)
            }
        }
    }
}

impl<'a, L: Line> Outbox<'a, L> {
    pub(super) fn new(line: &'a mut L, post: &'a Post, time: &'a Time<'a>) -> Self {
        Self {
            line,
            post,
            time,
            resting: BTreeMap::new(),
            seen: BTreeSet::new(),
            sent: 0,
            refused: 0,
            held: BTreeSet::new(),
        }
    }

    /// Tells a finding to its receivers; an error when a retry can cure what went wrong with one of them.
    pub(super) async fn tell(&mut self, advice: &Advice) -> Result<(), String> {
        let mut failed = Ok(());
        for to in self.line.receivers(advice) {
            if let Err(why) = self.tell_what(&to, &What::Finding(advice)).await {
                failed = Err(why);
            }
        }
        failed
    }

    /// Sends a report or a digest to one receiver, once; an error when a retry can cure what went wrong.
    pub(super) async fn tell_one(&mut self, to: &str, message: &Message) -> Result<(), String> {
        self.tell_what(to, &What::Text(message)).await
    }

    async fn tell_what(&mut self, to: &str, what: &What<'_>) -> Result<(), String> {
        let post = self.post;
        match post.sinks.iter().find(|sink| sink.name() == to) {
            Some(sink) => self.deliver_one(sink.as_ref(), what).await,
            None => Ok(()),
        }
    }

    async fn deliver_one(&mut self, sink: &dyn Sink, what: &What<'_>) -> Result<(), String> {
        let (id, to) = (what.id(), sink.name());
        self.seen.insert((id.to_owned(), to.to_owned()));
        let stored = self.line.delivery(id, to).await.map_err(|error| error.to_string())?;
        let now = (self.time.now)();
        if lease::is_taken(&stored, now) {
            return Err(format!("another copy is telling `{to}`"));
        }
        let (decision, _) = self.decide(sink, what, &stored.told, now);
        if stage(decision.action).is_none() {
            return self.rest(id, to, &stored, decision).await;
        }
        if self.is_paused() {
            return self.hold(id, to, &stored).await;
        }
        if let Some(after) = self.resting.get(to).copied() {
            let waits = Delivery { attempts: stored.attempts, ..lease::failed(&stored, after, now) };
            if stored.due.is_none() {
                self.note(id, to, &waits).await?;
            }
            return Err(format!("`{to}` is left alone for now"));
        }
        self.take(sink, what, &stored).await
    }

    /// The kill switch is on.
    pub(super) fn is_paused(&self) -> bool {
        self.post.paused
    }

    /// Keeps it due: the receiver knows what it knew, and hears of all that came meanwhile in one message.
    async fn hold(&mut self, id: &str, to: &str, stored: &Delivery) -> Result<(), String> {
        self.held.insert((id.to_owned(), to.to_owned()));
        if stored.due.is_some() {
            return Ok(());
        }
        self.note(id, to, &lease::rests(stored, stored.told.clone(), Some((self.time.now)()))).await
    }

    /// Tells the ledger whether sending is paused, so that the digest after it can say so. What cannot be noted now is
    /// noted at the next task.
    pub(super) async fn note_pause(&mut self) {
        let noted = match self.line.delivery(pause::ID, pause::TO).await {
            Ok(stored) => match pause::note(&stored, self.is_paused(), (self.time.now)()) {
                Some(next) => self.line.put_delivery(pause::ID, pause::TO, &next).await.map(drop),
                None => Ok(()),
            },
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            warn!(%error, "the ledger does not know whether sending is paused");
        }
    }

    /// Takes it; from here on the ledger knows that somebody may have sent it.
    async fn take(&mut self, sink: &dyn Sink, what: &What<'_>, stored: &Delivery) -> Result<(), String> {
        let (id, to) = (what.id(), sink.name());
        let left = self.time.left().filter(|left| *left > LEAST).ok_or("no time was left")?;
        let now = (self.time.now)();
        let taken = lease::take(stored, now);
        if !self.line.put_delivery(id, to, &taken).await.map_err(|error| error.to_string())? {
            return Err(format!("another copy is telling `{to}`"));
        }
        // What was read before it was taken may be older than what its last taker told.
        let advice = match what {
            What::Text(_) => None,
            What::Finding(_) => match self.line.look(id).await {
                Ok(Some(advice)) => Some(advice),
                Ok(None) => return self.note(id, to, &lease::rests(&taken, taken.told.clone(), None)).await,
                Err(error) => {
                    self.note(id, to, &lease::failed(&taken, None, now)).await?;
                    return Err(error.to_string());
                }
            },
        };
        let what = advice.as_ref().map_or(*what, What::Finding);
        let (decision, bucket) = self.decide(sink, &what, &stored.told, now);
        let Some((stage, step)) = stage(decision.action) else { return self.rest(id, to, &taken, decision).await };
        let mut message = match &what {
            What::Finding(advice) => self.line.render(advice, to, stage),
            What::Text(message) => (*message).clone(),
        };
        message.step = step;
        message.receipt.clone_from(&taken.receipt);
        let limit = left.min(SEND);
        self.post.buckets.borrow_mut().insert(to.to_owned(), bucket);
        self.send(sink, &message, limit, taken, decision.told).await
    }

    async fn send(
        &mut self,
        sink: &dyn Sink,
        message: &Message,
        limit: Duration,
        taken: Delivery,
        told: Told,
    ) -> Result<(), String> {
        let (id, to) = (message.id.as_str(), sink.name());
        match send_within(sink, message, limit).await {
            Ok(receipt) => {
                self.sent += 1;
                info!(id, to, attempts = taken.attempts, "sent");
                self.note(id, to, &lease::told(&taken, told, receipt)).await
            }
            Err(SinkError::Retryable { why, after }) => {
                warn!(id, to, %why, ?after, attempts = taken.attempts, "not sent, to be tried again");
                self.resting.insert(to.to_owned(), after);
                self.note(id, to, &lease::failed(&taken, after, (self.time.now)())).await?;
                Err(why)
            }
            Err(SinkError::Permanent(why)) => {
                error!(id, to, %why, "not sent, a person must look");
                let done = self.refused(sink, message, &why).await;
                let note = match &done {
                    Ok(()) => lease::refused(&taken, told, &why),
                    Err(_) => lease::failed(&taken, None, (self.time.now)()),
                };
                self.note(id, to, &note).await?;
                done
            }
        }
    }

    /// Keeps what a receiver will never take where a person finds it, and tells the next one that is spare.
    async fn refused(&mut self, sink: &dyn Sink, message: &Message, why: &str) -> Result<(), String> {
        let reason = format!("not delivered to `{}`: {why}", sink.name());
        let body = format!("{}\n\n{}", message.subject, message.body);
        self.line.quarantine(&reason, &body).await.map_err(|error| error.to_string())?;
        self.refused += 1;
        // A report has no next route: it lies in quarantine for a person.
        let looked = self.line.look(&message.id).await.map_err(|error| error.to_string())?;
        let Some(advice) = looked else { return Ok(()) };
        let spares = self.line.spares(&advice);
        let tried = spares.iter().position(|spare| spare == sink.name()).map_or(0, |at| at + 1);
        let Some(spare) = spares.get(tried) else { return Ok(()) };
        info!(id = message.id, to = spare, "told in place of the one that refused");
        Box::pin(self.tell_what(spare, &What::Finding(&advice))).await
    }

    /// Nothing to send now.
    async fn rest(&mut self, id: &str, to: &str, stored: &Delivery, decision: Decision) -> Result<(), String> {
        let until = match decision.action {
            Action::Wait { until } => Some(until),
            Action::Rest | Action::Post { .. } | Action::Edit { .. } => None,
        };
        let rests = lease::rests(stored, decision.told, until);
        if lease::differs(stored, &rests) { self.note(id, to, &rests).await } else { Ok(()) }
    }

    /// Writes how it ended. Where another copy has taken it since, that one's word holds.
    async fn note(&mut self, id: &str, to: &str, delivery: &Delivery) -> Result<(), String> {
        match self.line.put_delivery(id, to, delivery).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                warn!(id, to, "another copy has taken this delivery meanwhile");
                if delivery.due.is_some() { Err(format!("another copy is telling `{to}`")) } else { Ok(()) }
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Sends what is due and was not looked at in this run. What fails stays due.
    pub(super) async fn make_good(&mut self) {
        let open = match self.line.due_deliveries((self.time.now)()).await {
            Ok(open) => open,
            Err(error) => return warn!(%error, "the outbox cannot be read"),
        };
        if self.is_paused() {
            self.held.extend(open.into_iter().map(|open| (open.id, open.destination)));
            return info!(held = self.held.len(), "sending is paused");
        }
        for open in open {
            let looked_at = self.seen.contains(&(open.id.clone(), open.destination.clone()));
            let rests = self.resting.contains_key(&open.destination);
            let is_due = lease::is_due(&open.delivery, (self.time.now)());
            if looked_at || rests || !is_due || self.time.left().is_none() {
                continue;
            }
            if let Err(why) = self.make_one_good(&open).await {
                warn!(id = open.id, to = open.destination, %why, "still due");
            }
        }
    }

    async fn make_one_good(&mut self, open: &Open) -> Result<(), String> {
        let post = self.post;
        let sink = post.sinks.iter().find(|sink| sink.name() == open.destination);
        let told = |error: LineError| error.to_string();
        if let (Some(sink), Some(advice)) = (sink, self.line.look(&open.id).await.map_err(told)?) {
            return self.deliver_one(sink.as_ref(), &What::Finding(&advice)).await;
        }
        let tasks = [("report ", Task::Report), ("digest ", Task::Digest)];
        let task = tasks.iter().find(|(start, _)| open.id.starts_with(start));
        if let (Some(sink), Some((_, task))) = (sink, task) {
            let texts = self.line.carry_out(*task, (self.time.now)()).await.map_err(told)?;
            if let Some((_, text)) = texts.iter().find(|(to, text)| *to == open.destination && text.id == open.id) {
                return self.deliver_one(sink.as_ref(), &What::Text(text)).await;
            }
        }
        warn!(
            id = open.id,
            to = open.destination,
            "dropped: the receiver, the finding or the report's time is no more"
        );
        self.note(&open.id, &open.destination, &lease::rests(&open.delivery, open.delivery.told.clone(), None)).await
    }

    fn decide(&self, sink: &dyn Sink, what: &What<'_>, told: &Told, now: Timestamp) -> (Decision, Bucket) {
        let edits = sink.name().parse::<Destination>().is_ok_and(|destination| destination.edits());
        let bucket = self.post.buckets.borrow().get(sink.name()).copied().unwrap_or_default();
        what.decide(told, now, &self.post.policy, bucket, edits)
    }
}

/// Why a message is sent, and how; `None` when none is.
fn stage(action: Action) -> Option<(Stage, Step)> {
    match action {
        Action::Rest | Action::Wait { .. } => None,
        Action::Post { stage } => Some((stage, Step::Post)),
        Action::Edit { stage: Stage::Resolved } => Some((Stage::Resolved, Step::Close)),
        Action::Edit { stage } => Some((stage, Step::Edit)),
    }
}
