//! What a configuration makes of denials, as the function would: counted, folded, routed, paced, rendered, and not sent.
//!
//! The clock is the caller's: [`Replay::take`] is a batch that arrives at a time, [`Replay::pass`] is the outbox, called
//! once a minute or whenever time has passed.

use super::audience::{Audience, Telling};
use super::{World, ingest};
use crate::advice::Advice;
use crate::change::{Change, Changes};
use crate::delivery::{Action, Bucket, Destination, Policy, Seen, Stage, Tags, Told};
use crate::denial::Denial;
use crate::io::settings::Settings;
use crate::io::sinks::{Message, Step};
use crate::io::stores::{Filter, Ledger, LedgerError, MemoryLedger, Touched};
use crate::triage::probing::caller;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A message that would go out.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub to: Destination,
    /// Why.
    pub stage: Stage,
    /// As the receiver gets it.
    pub message: Message,
    /// The finding it tells.
    pub advice: Advice,
}

/// What the queue hands over at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The denials.
    pub denials: Vec<Denial>,
    /// Changes of policies, which are known before any of the denials is told.
    pub changes: Vec<Change>,
}

/// Finding and receiver.
type Place = (String, Destination);

/// The line and its outbox, without a network.
pub struct Replay<'a> {
    world: &'a World,
    audience: &'a Audience,
    policy: &'a Policy,
    ledger: MemoryLedger,
    told: BTreeMap<Place, Told>,
    waits: BTreeMap<Place, Timestamp>,
    buckets: BTreeMap<Destination, Bucket>,
    /// Of principals, by finding.
    tags: BTreeMap<String, Tags>,
    digest: BTreeSet<(Destination, String)>,
    /// What would wait for the digest is told like all else.
    at_once: bool,
}

impl<'a> Replay<'a> {
    /// Nobody knows anything yet. What the settings keep as hashes only is shown without its value.
    pub fn new(world: &'a World, audience: &'a Audience, settings: &'a Settings) -> Self {
        let (told, waits, buckets, tags) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (ledger, digest) = (MemoryLedger::rehearsing(&settings.keep), BTreeSet::new());
        let policy = &settings.policy;
        Self { world, audience, policy, ledger, told, waits, buckets, tags, digest, at_once: false }
    }

    /// The same, which leaves nothing for the digest.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self { at_once: true, ..self }
    }

    /// A batch that arrives now; an event that came before counts no second time.
    ///
    /// # Errors
    /// The ledger's in memory: none that happens.
    pub fn take(&mut self, batch: Batch, now: Timestamp) -> Result<Vec<Sent>, LedgerError> {
        let Batch { mut denials, changes } = batch;
        self.world.sharpen(&mut denials);
        let observed = ingest::observed(denials);
        let touched = Touched::of(&observed);
        self.ledger.note_changes(&changes, now)?;
        if self.ledger.record(observed, now)?.new == 0 {
            return Ok(Vec::new());
        }
        let advice = self.advise(&touched)?;
        Ok(advice.iter().flat_map(|advice| self.tell(advice, now)).collect())
    }

    fn advise(&mut self, touched: &Touched) -> Result<Vec<Advice>, LedgerError> {
        let (advice, _) = ingest::advise_on(touched, &self.ledger, self.world)?;
        for finding in ingest::beside(touched, &self.ledger)?.iter().filter(|one| touched.ids.contains(&one.id)) {
            self.tags.insert(finding.id.clone(), self.world.tags_of(finding));
        }
        Ok(advice)
    }

    /// What is due until then, each at its own time.
    ///
    /// # Errors
    /// As [`Replay::take`].
    pub fn pass(&mut self, until: Timestamp) -> Result<Vec<Sent>, LedgerError> {
        let mut sent = Vec::new();
        while let Some((place, at)) = self.next_due(until) {
            self.waits.remove(&place);
            if let Some(advice) = self.look(&place.0)? {
                sent.extend(self.tell_one(&advice, &place.1, at));
            }
        }
        Ok(sent)
    }

    /// Findings that are for a receiver's digest, and were not told it.
    pub fn for_digest(&self) -> &BTreeSet<(Destination, String)> {
        &self.digest
    }

    /// What waits for later, and until when: a reminder, quiet hours, pacing.
    pub fn waiting(&self) -> impl Iterator<Item = (&str, &Destination, Timestamp)> {
        self.waits.iter().map(|((id, to), at)| (id.as_str(), to, *at))
    }

    fn next_due(&self, until: Timestamp) -> Option<(Place, Timestamp)> {
        let due = self.waits.iter().filter(|(_, at)| **at <= until);
        due.min_by_key(|(place, at)| (**at, (*place).clone())).map(|(place, at)| (place.clone(), *at))
    }

    fn look(&mut self, id: &str) -> Result<Option<Advice>, LedgerError> {
        let found = self.ledger.findings(&Filter::default())?;
        let mut touched = Touched::of_id(id);
        let own = found.iter().filter(|finding| finding.id == id);
        touched.callers = own.map(|finding| caller(&finding.principal)).collect();
        Ok(self.advise(&touched)?.into_iter().next())
    }

    fn tell(&mut self, advice: &Advice, now: Timestamp) -> Vec<Sent> {
        let tags = self.tags.get(&advice.id).cloned().unwrap_or_default();
        let was_told = |to: &Destination| {
            self.told.get(&(advice.id.clone(), to.clone())).is_some_and(|told| told.posted.is_some())
        };
        let mut to = self.audience.hears(advice, &tags, &was_told);
        let digest = self.audience.route(advice, &tags).digest;
        match self.at_once {
            true => to.extend(digest),
            false => self.digest.extend(digest.into_iter().map(|to| (to, advice.id.clone()))),
        }
        to.iter().filter_map(|to| self.tell_one(advice, to, now)).collect()
    }

    fn tell_one(&mut self, advice: &Advice, to: &Destination, now: Timestamp) -> Option<Sent> {
        let place = (advice.id.clone(), to.clone());
        let told = self.told.get(&place).cloned().unwrap_or_default();
        let bucket = self.buckets.get(to).copied().unwrap_or_default();
        let (decision, left) = self.policy.decide(&told, &Seen::of(advice), bucket, to.edits(), now);
        self.told.insert(place.clone(), decision.told);
        match decision.action {
            Action::Rest => self.waits.remove(&place),
            Action::Wait { until } => self.waits.insert(place, until),
            Action::Post { .. } | Action::Edit { .. } => {
                self.buckets.insert(to.clone(), left);
                // The outbox looks again: a reminder may be due then.
                self.waits.remove(&place)
            }
        };
        let tags = self.tags.get(&advice.id).cloned().unwrap_or_default();
        message(self.audience, &tags, advice, to, decision.action).map(|(stage, message)| Sent {
            at: now,
            to: to.clone(),
            stage,
            message,
            advice: advice.clone(),
        })
    }
}

/// What an action sends; `None` when it sends nothing.
pub fn message(
    audience: &Audience,
    tags: &Tags,
    advice: &Advice,
    to: &Destination,
    action: Action,
) -> Option<(Stage, Message)> {
    let (stage, step) = match action {
        Action::Rest | Action::Wait { .. } => return None,
        Action::Post { stage } => (stage, Step::Post),
        Action::Edit { stage: Stage::Resolved } => (Stage::Resolved, Step::Close),
        Action::Edit { stage } => (stage, Step::Edit),
    };
    let routed = audience.route(advice, tags);
    let message = audience.finding(advice, &routed, Telling { to, stage, test: false });
    Some((stage, Message { step, ..message }))
}

/// Events in batches as the queue's mapping hands them over: the first one opens a window, and the batch arrives at its
/// end. A denial without a time arrives `now`. Each batch with its time, in order.
pub fn batches(
    denials: Vec<Denial>,
    changes: Changes,
    window: SignedDuration,
    now: Timestamp,
) -> Vec<(Timestamp, Batch)> {
    let denied = |denial: Denial| {
        let id = denial.event_id.clone().unwrap_or_default();
        (denial.event_time.unwrap_or(now), id, Batch { denials: vec![denial], ..Batch::default() })
    };
    let changed =
        |change: Change| (change.at, change.event_id.clone(), Batch { changes: vec![change], ..Batch::default() });
    let mut timed: Vec<(Timestamp, String, Batch)> =
        denials.into_iter().map(denied).chain(changes.into_iter().map(changed)).collect();
    timed.sort_by(|(a, one, _), (b, other, _)| (a, one).cmp(&(b, other)));
    let mut batches: Vec<(Timestamp, Batch)> = Vec::new();
    for (at, _, event) in timed {
        match batches.last_mut() {
            Some((end, batch)) if at <= *end => batch.add(event),
            _ => batches.push((at.checked_add(window).unwrap_or(at), event)),
        }
    }
    batches
}

impl Batch {
    fn add(&mut self, other: Self) {
        self.denials.extend(other.denials);
        self.changes.extend(other.changes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "version = 1\n[slack]\nmode = 'app'\nsecret = 'ssm:x'\n[group]\nwait = '60s'\n\
        [[route]]\nmatch = { permission = 'sqs:*' }\nto = ['slack:C0Q', 'stdout']\n[[route]]\nto = 'digest:slack:C0ALL'";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A denial of `app` at a second of an hour.
    fn denied(action: &str, second: u32) -> Denial {
        let text = format!(
            "User: arn:aws:sts::111122223333:assumed-role/app/s is not authorized to perform: {action} on resource: \
             arn:aws:sqs:eu-west-1:111122223333:orders because no identity-based policy allows the {action} action"
        );
        let world = World::new(Default::default());
        let mut all = crate::app::explain::denials(text.as_bytes(), "t", &Default::default(), &world);
        let when = at("2026-11-18T10:00:00Z") + SignedDuration::from_secs(second.into());
        Denial { event_time: Some(when), event_id: Some(format!("{action} {second}")), ..all.remove(0) }
    }

    fn replayed(denials: Vec<Denial>) -> (Vec<String>, usize) {
        let settings = Settings::parse(CONFIG).unwrap();
        let (world, audience) = (World::new(Default::default()), Audience::new(&settings));
        let mut replay = Replay::new(&world, &audience, &settings);
        let mut sent = Vec::new();
        let window = SignedDuration::from_secs(20);
        for (when, batch) in batches(denials, Changes::new(), window, at("2026-11-18T12:00:00Z")) {
            sent.extend(replay.pass(when).unwrap());
            sent.extend(replay.take(batch, when).unwrap());
        }
        sent.extend(replay.pass(at("2026-11-18T11:00:00Z")).unwrap());
        let line = |one: &Sent| {
            format!("{} {} {:?} {}", &one.at.to_string()[11..19], one.to, one.message.step, one.stage.word())
        };
        (sent.iter().map(line).collect(), replay.for_digest().len())
    }

    #[test]
    fn a_burst_waits_and_is_one_message_that_is_edited() {
        let denials = (0..50).map(|n| denied("sqs:SendMessage", n)).chain([denied("sqs:DeleteMessage", 300)]).collect();
        let (sent, digest) = replayed(denials);
        let expect = [
            "10:01:20 slack:C0Q Post new",
            "10:01:20 stdout Post new",
            "10:05:20 slack:C0Q Edit updated",
            "10:05:20 stdout Edit updated",
        ];
        assert_eq!((sent, digest), (expect.map(str::to_owned).to_vec(), 0));
    }

    #[test]
    fn what_is_for_the_digest_is_not_sent_and_a_copy_counts_once() {
        let (sent, digest) = replayed(vec![denied("sns:Publish", 0), denied("sns:Publish", 0)]);
        assert_eq!((sent, digest), (Vec::new(), 1));
    }
}
