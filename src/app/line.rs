//! The line as the function runs it: embedded catalogue, ledger, renderings.

use super::watch::{Claim, Ingested, Line, LineError};
use super::{World, ingest, report};
use crate::advice::{Advice, Context};
use crate::diagnosis::InForce;
use crate::finding::Finding;
use crate::io::aws::Aws;
use crate::io::settings::Settings;
use crate::io::sinks::Message;
use crate::io::sources::envelope::Task;
use crate::io::sources::live::{Live, Moment};
use crate::io::sources::told::Told;
use crate::io::stores::{self, Filter, Ledger, LedgerError, StoreUri, UnknownStore};
use crate::record::Record;
use crate::render::{alert::AlertContext, email, markdown, slack, slack_report};
use crate::report::{Period, Report};
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tracing::warn;

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
    asking: Option<Asking>,
    now: fn() -> Timestamp,
}

/// Asks AWS about each batch; what it does not get stands in the alert by name, and holds nothing up.
struct Asking {
    live: Live,
    told: Told,
    /// Time for each of the two.
    within: Duration,
}

/// The longest that either question may take for one message.
const ASK: Duration = Duration::from_secs(12);
/// The function asks for a policy again when what it knows is older.
const KEEP: Duration = Duration::from_secs(300);

impl LedgerLine {
    /// Over this ledger; no policy in force is known.
    pub fn new(ledger: Box<dyn Ledger>, now: fn() -> Timestamp) -> Self {
        Self { ledger, world: World::new(InForce::default()), asking: None, now }
    }

    /// The same, which asks AWS for the policies in force and for what it keeps of denials.
    #[must_use]
    pub fn asking(self, aws: &Aws) -> Self {
        let (live, told) = (Live::new(aws, KEEP), Told::new(aws.clone()));
        Self { asking: Some(Asking { live, told, within: ASK }), ..self }
    }

    /// Advice on these findings, in the light of the policies that AWS shows.
    async fn advise(&mut self, ids: &BTreeSet<String>) -> Result<Vec<Advice>, LedgerError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let all = self.ledger.findings(&Filter::default())?;
        let Some(asking) = &mut self.asking else {
            return Ok(ingest::advise_among(ids, &all, self.world.context()));
        };
        let touched: Vec<Finding> = all.iter().filter(|finding| ids.contains(&finding.id)).cloned().collect();
        let moment = Moment { now: (self.now)(), within: asking.within };
        let (in_force, problems) = Box::pin(asking.live.read(&touched, &self.world.in_force, moment)).await;
        for problem in problems {
            warn!(input = problem.input, error = problem.error, "policies not read");
        }
        Ok(ingest::advise_among(ids, &all, Context { catalog: self.world.catalog, in_force: &in_force }))
    }
}

impl Line for LedgerLine {
    fn hurry(&mut self, left: Duration) {
        if let Some(asking) = &mut self.asking {
            // The ledger, the alert and the other question need theirs too.
            asking.within = ASK.min(left / 4);
        }
    }

    async fn ingest(&mut self, records: &[Value]) -> Result<Ingested, LineError> {
        let (mut read, mut unread) = (Vec::new(), Vec::new());
        for (at, value) in records.iter().enumerate() {
            match Record::from_value(value) {
                Some(record) => read.push(record),
                None => unread.push((at, "not a CloudTrail record".to_owned())),
            }
        }
        let mut denials = ingest::denials(&read, &self.world);
        if let Some(asking) = &self.asking {
            Box::pin(asking.told.sharpen(&mut denials, self.world.catalog, asking.within)).await;
        }
        let ids = ingest::count(denials, self.ledger.as_mut()).map_err(busy)?;
        let touched = self.advise(&ids).await.map_err(busy)?;
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
            slack: slack::webhook(advice, &AlertContext::default()),
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
        report(self.ledger.as_ref(), period, &self.world).map(|(report, _)| report_message(&report)).map_err(busy)
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
        slack: slack_report::webhook(report),
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
