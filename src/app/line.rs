//! The line as the function runs it: embedded catalogue, ledger, renderings.

use super::ingest::advise_on;
use super::watch::{Ingested, Line, LineError};
use super::{World, report};
use crate::advice::Advice;
use crate::delivery::Stage;
use crate::diagnosis::InForce;
use crate::io::settings::Settings;
use crate::io::sinks::Message;
use crate::io::sources::envelope::Task;
use crate::io::stores::{self, Delivery, Filter, Ledger, LedgerError, Open, StoreUri, Touched, UnknownStore};
use crate::record::Record;
use crate::render::{alert::AlertContext, email, markdown, slack, slack_report};
use crate::report::{Period, Report};
use crate::triage::probing::caller;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tracing::info;

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
    Ok(LedgerLine::new(stores::open(&uri, &settings.keep)?, now))
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
    fn within(&mut self, limit: Duration) {
        self.ledger.within(limit);
    }

    async fn ingest(&mut self, batch: &[&[Value]]) -> Result<Ingested, LineError> {
        let (mut ingested, mut read, mut from) = (Ingested::default(), Vec::new(), Vec::new());
        for (of, records) in batch.iter().enumerate() {
            for (at, value) in records.iter().enumerate() {
                match Record::from_value(value) {
                    Some(record) => {
                        read.push(record);
                        from.push(of);
                    }
                    None => ingested.unread.push((of, at, "not a CloudTrail record".to_owned())),
                }
            }
        }
        let mut messages: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        let mut observed = Vec::new();
        for (record, of) in read.iter().zip(from) {
            for one in super::ingest::observed([record], &self.world) {
                messages.entry(one.finding.id.clone()).or_default().insert(of);
                observed.push(one);
            }
        }
        let touched = Touched::of(&observed);
        ingested.stale = self.ledger.record(observed, (self.now)()).map_err(busy)?.stale;
        let advice = advise_on(&touched, self.ledger.as_ref(), &self.world).map_err(busy)?;
        ingested.touched = advice
            .into_iter()
            .map(|advice| (messages.remove(&advice.id).unwrap_or_default(), advice))
            .map(|(from, advice)| (advice, from))
            .collect();
        Ok(ingested)
    }

    async fn look(&mut self, id: &str) -> Result<Option<Advice>, LineError> {
        let mut touched = Touched { ids: BTreeSet::from([id.to_owned()]), ..Touched::default() };
        let filter = Filter { among: Some(touched.clone()), ..Filter::default() };
        let found = self.ledger.findings(&filter).map_err(busy)?;
        touched.callers = found.iter().map(|finding| caller(&finding.principal)).collect();
        let advice = advise_on(&touched, self.ledger.as_ref(), &self.world).map_err(busy)?;
        Ok(advice.into_iter().next())
    }

    async fn delivery(&mut self, id: &str, to: &str) -> Result<Delivery, LineError> {
        self.ledger.delivery(id, to).map(Option::unwrap_or_default).map_err(busy)
    }

    async fn put_delivery(&mut self, id: &str, to: &str, delivery: &Delivery) -> Result<bool, LineError> {
        self.ledger.put_delivery(id, to, delivery).map_err(busy)
    }

    async fn due_deliveries(&mut self, by: Timestamp) -> Result<Vec<Open>, LineError> {
        self.ledger.open_deliveries(Some(by)).map_err(busy)
    }

    async fn quarantine(&mut self, reason: &str, body: &str) -> Result<(), LineError> {
        self.ledger.quarantine(reason, body, (self.now)()).map_err(busy)
    }

    fn render(&self, advice: &Advice, _: &str, stage: Stage) -> Message {
        let context = AlertContext { stage, ..AlertContext::default() };
        Message {
            id: advice.id.clone(),
            subject: email::subject(advice),
            body: email::body(advice),
            json: slack::webhook(advice, &context),
            ..Message::default()
        }
    }

    async fn carry_out(&mut self, task: Task, now: Timestamp) -> Result<Option<Message>, LineError> {
        match task {
            Task::Report => {
                let purged = self.ledger.expire(now).map_err(busy)?;
                info!(?purged, "forgot what is older than it is kept");
                self.weekly(now).map(Some)
            }
            Task::Digest => Err(LineError::Failed("this version makes no digest".into())),
            Task::Sweep => Err(LineError::Failed("this version makes no sweep".into())),
            Task::Outbox => Ok(None),
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
