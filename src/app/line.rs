//! The line as the function runs it: embedded catalogue, ledger, renderings.

use super::watch::{Claim, Ingested, Line, LineError};
use super::{World, ingest, report};
use crate::advice::Advice;
use crate::diagnosis::InForce;
use crate::io::settings::Settings;
use crate::io::sinks::Message;
use crate::io::sources::envelope::Task;
use crate::io::stores::{self, Ledger, LedgerError, StoreUri, UnknownStore};
use crate::record::Record;
use crate::render::{alert::AlertContext, email, markdown, slack, slack_report};
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
    Ok(LedgerLine::new(stores::open(&uri)?, now))
}

/// The line over a ledger.
pub struct LedgerLine {
    ledger: Box<dyn Ledger>,
    world: World,
    now: fn() -> Timestamp,
}

impl LedgerLine {
    /// Over this ledger; no policy in force is known.
    pub fn new(ledger: Box<dyn Ledger>, now: fn() -> Timestamp) -> Self {
        Self { ledger, world: World::new(InForce::default()), now }
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

    fn render(&self, advice: &Advice) -> Message {
        Message {
            id: advice.id.clone(),
            subject: email::subject(advice),
            body: email::body(advice),
            json: slack::webhook(advice, &AlertContext::default()),
            ..Message::default()
        }
    }

    async fn carry_out(&mut self, task: Task, now: Timestamp) -> Result<Option<Message>, LineError> {
        match task {
            Task::Report => self.weekly(now).map(Some),
            Task::Digest => Err(LineError::Failed("this version makes no digest".into())),
            Task::Sweep => Err(LineError::Failed("this version makes no sweep".into())),
        }
    }
}

impl LedgerLine {
    /// The report of the last whole week.
    fn weekly(&self, now: Timestamp) -> Result<Message, LineError> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let period = Period::week_of(today.saturating_sub(7.days()));
        report(self.ledger.as_ref(), period, &self.world).map(|report| report_message(&report)).map_err(busy)
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

/// The week for every receiver.
fn report_message(report: &Report) -> Message {
    let week = report.period.since.iso_week_date();
    Message {
        id: format!("report {}-W{:02}", week.year(), week.week()),
        subject: format!("Denied actions, {}", report.period.title()),
        body: markdown::report(report),
        json: slack_report::webhook(report),
        ..Message::default()
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
