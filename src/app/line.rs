//! The line as the function runs it: embedded catalogue, ledger, renderings.

use super::audience::{self, Audience, Telling};
use super::digest::{Sources, digests};
use super::watch::{Claim, Ingested, Line, LineError};
use super::{World, ingest, report};
use crate::advice::{Advice, advise};
use crate::delivery::{Destination, Stage};
use crate::diagnosis::InForce;
use crate::io::settings::{Digest, Settings};
use crate::io::sinks::Message;
use crate::io::sources::envelope::Task;
use crate::io::stores::{self, Filter, Ledger, LedgerError, StoreUri, UnknownStore};
use crate::record::Record;
use crate::render::note::Note;
use crate::render::{markdown, slack_report};
use crate::report::{Period, Report};
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use serde_json::Value;

/// Why the line cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody says where the ledger lies; a function has no home to put it in.
    #[error("no ledger is named: set `DENYWATCH_STORE`, or `store.uri` in the configuration")]
    NoStore,
    /// The ledger's kind is not known.
    #[error(transparent)]
    Unknown(#[from] UnknownStore),
    /// It cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Opens the ledger of the settings.
///
/// # Errors
/// [`OpenError`].
pub fn open(settings: &Settings, now: fn() -> Timestamp) -> Result<LedgerLine, OpenError> {
    let uri: StoreUri = settings.store.as_deref().ok_or(OpenError::NoStore)?.parse()?;
    Ok(LedgerLine::new(stores::open(&uri)?, settings, now))
}

/// The line over a ledger.
pub struct LedgerLine {
    ledger: Box<dyn Ledger>,
    world: World,
    audience: Audience,
    plan: Digest,
    now: fn() -> Timestamp,
}

impl LedgerLine {
    /// Over this ledger, for the receivers and with the rules of these settings; no policy in force is known.
    pub fn new(ledger: Box<dyn Ledger>, settings: &Settings, now: fn() -> Timestamp) -> Self {
        let world = World::new(InForce::default()).expecting(settings.expected.clone());
        Self { ledger, world, audience: Audience::new(settings), plan: settings.digest.clone(), now }
    }
}

impl Line for LedgerLine {
    async fn ingest(&mut self, records: &[Value]) -> Result<Ingested, LineError> {
        let (mut read, mut unread) = (Vec::new(), Vec::new());
        for (at, value) in records.iter().enumerate() {
            match Record::from_value(value) {
                Some(record) => read.push(record),
                None => unread.push((at, "not a CloudTrail record".to_owned())),
            }
        }
        let touched = ingest(&read, self.ledger.as_mut(), &self.world).map_err(busy)?;
        Ok(Ingested { touched, unread })
    }

    async fn claim(&mut self, claim: &Claim) -> Result<bool, LineError> {
        let fingerprint = fingerprint(claim);
        if self.ledger.claim_alert(&claim.id, &fingerprint, claim.at).map_err(busy)? {
            return Ok(true);
        }
        let age = claim.again_after.and_then(|after| SignedDuration::try_from(after).ok());
        match age.and_then(|age| claim.at.checked_sub(age).ok()) {
            Some(until) => self.ledger.renew_alert(&claim.id, &fingerprint, until, claim.at).map_err(busy),
            None => Ok(false),
        }
    }

    async fn release(&mut self, claim: &Claim) -> Result<(), LineError> {
        self.ledger.release_alert(&claim.id, &fingerprint(claim)).map_err(busy)
    }

    async fn quarantine(&mut self, reason: &str, body: &str) -> Result<(), LineError> {
        self.ledger.quarantine(reason, body, (self.now)()).map_err(busy)
    }

    fn receivers(&self, advice: &Advice) -> Vec<String> {
        let routed = self.audience.route(advice, &self.world.tags(advice));
        routed.now.iter().map(ToString::to_string).collect()
    }

    fn render(&self, advice: &Advice, to: &str, stage: Stage) -> Message {
        let routed = self.audience.route(advice, &self.world.tags(advice));
        match to.parse() {
            Ok(to) => self.audience.finding(advice, &routed, Telling { to: &to, stage, test: false }),
            // A receiver that is no longer in the configuration; nobody sends this.
            Err(_) => Message { id: advice.id.clone(), ..Message::default() },
        }
    }

    async fn carry_out(&mut self, task: Task, now: Timestamp) -> Result<Vec<(String, Message)>, LineError> {
        match task {
            Task::Report => self.weekly(now),
            Task::Digest => self.daily(now),
            Task::Sweep => Err(LineError::Failed("this version makes no sweep".into())),
        }
    }
}

impl LedgerLine {
    /// The report of the last whole week, for the receivers of the last route.
    fn weekly(&self, now: Timestamp) -> Result<Vec<(String, Message)>, LineError> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let period = Period::week_of(today.saturating_sub(7.days()));
        let report = report(self.ledger.as_ref(), period, &self.world).map_err(busy)?;
        let all = self.audience.of_all();
        Ok(all.iter().map(|to| (to.to_string(), report_message(&report, to))).collect())
    }

    /// The digest, for whom there is one. What a receiver hears at once counts as told: its own messages tell it.
    fn daily(&self, now: Timestamp) -> Result<Vec<(String, Message)>, LineError> {
        let findings = self.ledger.findings(&Filter::default()).map_err(busy)?;
        let sources = Sources {
            audience: &self.audience,
            plan: &self.plan,
            tags: &|advice| self.world.tags(advice),
            is_told: &|_, _| true,
        };
        let digests = digests(&advise(&findings, self.world.context()), &sources, now);
        Ok(digests.into_iter().map(|(to, note)| (to.to_string(), audience::note(&note, &to))).collect())
    }
}

/// Claims of several receivers stand side by side in the ledger.
fn fingerprint(claim: &Claim) -> String {
    format!("{} {}", claim.destination, claim.fingerprint)
}

/// The ledger is all that fails here, and another try, another instance or a mended ledger may help: the queue keeps
/// the message until then.
fn busy(error: LedgerError) -> LineError {
    LineError::Busy(error.to_string())
}

/// The week for one receiver; Slack gets it as a whole, the others its lines.
fn report_message(report: &Report, to: &Destination) -> Message {
    let week = report.period.since.iso_week_date();
    let body = markdown::report(report);
    let lines = body.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    let id = format!("report {}-W{:02}", week.year(), week.week());
    let title = format!("Denied actions, {}", report.period.title());
    let message = audience::note(&Note { id, title, lines, body }, to);
    match to {
        Destination::SlackWebhook | Destination::SlackChannel(_) => {
            Message { json: slack_report::webhook(report), ..message }
        }
        _ => message,
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
