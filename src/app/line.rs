//! The line as the function runs it: embedded catalogue, ledger, renderings.

use super::archive_line::Reading;
use super::audience::{self, Audience, Telling};
use super::digest::{Sources, digests};
use super::pause::{self, Pause};
use super::report::{Ask, build, covered, last_week};
use super::shelf::Shelf;
use super::watch::{Ingested, Line, LineError, Swept};
use super::{World, ingest, sweep};
use crate::advice::{Advice, Context, DeniedItem, Status, advise};
use crate::delivery::{Destination, Routed, Stage, Tags, fingerprint};
use crate::diagnosis::InForce;
use crate::finding::{Finding, ItemKey, Observed};
use crate::io::aws::Aws;
use crate::io::settings::{Digest, Reporting, Settings};
use crate::io::sinks::{Attachment, Message};
use crate::io::sources::envelope::Task;
use crate::io::sources::live::{Live, Moment};
use crate::io::sources::notice::{LogFile, ScanTask};
use crate::io::sources::pace::RealPace;
use crate::io::sources::told::Told;
use crate::io::stores::{self, Delivery, Filter, Ledger, LedgerError, Open, StoreUri, Touched, UnknownStore};
use crate::record::Record;
use crate::render::note::Note;
use crate::render::report_note::Link;
use crate::render::{picture, report_files, report_note};
use crate::report::{Report, Scope};
use crate::triage::probing::caller;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{error, info, warn};

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

/// Opens the ledger of the settings. A table is looked at when the first event asks for it: a cold start waits for nothing.
///
/// # Errors
/// [`OpenError`].
pub fn open(settings: &Settings, now: fn() -> Timestamp) -> Result<LedgerLine, OpenError> {
    let uri: StoreUri = settings.store.as_deref().ok_or(OpenError::NoStore)?.parse()?;
    Ok(LedgerLine::new(stores::open_later(&uri, &settings.keep)?, settings, now))
}

/// The line over a ledger.
pub struct LedgerLine {
    pub(super) ledger: Box<dyn Ledger>,
    pub(super) world: World,
    audience: Audience,
    plan: Digest,
    asking: Option<Asking>,
    /// Reads Event history for the sweep.
    history: Option<Aws>,
    reporting: Reporting,
    shelf: Option<Shelf>,
    /// Reads log files; `None` where nobody may.
    pub(super) reading: Option<Reading>,
    /// Of the principals that this run advised on, by finding.
    tags: BTreeMap<String, Tags>,
    pub(super) now: fn() -> Timestamp,
}

/// Asks AWS about each batch; what it does not get stands in the alert by name, and holds nothing up.
struct Asking {
    live: Live,
    told: Told,
    /// In this run nothing is asked after it; `None` outside of one.
    until: Option<Instant>,
}

impl Asking {
    /// Time for the next question.
    fn left(&self) -> Duration {
        self.until.map_or(ASK, |until| until.saturating_duration_since(Instant::now()).min(ASK))
    }
}

/// The longest that one question may take.
const ASK: Duration = Duration::from_secs(12);
/// The function asks for a policy again when what it knows is older.
const KEEP: Duration = Duration::from_secs(300);

impl LedgerLine {
    /// Over this ledger, for the receivers and with the rules of these settings; no policy in force is known.
    pub fn new(ledger: Box<dyn Ledger>, settings: &Settings, now: fn() -> Timestamp) -> Self {
        let world =
            World::new(InForce::default()).expecting(settings.expected.clone()).counting(settings.codes.clone());
        let (audience, plan) = (Audience::new(settings), settings.digest.clone());
        let (reporting, tags) = (settings.report.clone(), BTreeMap::new());
        Self {
            ledger,
            world,
            audience,
            plan,
            asking: None,
            history: None,
            reporting,
            shelf: None,
            reading: None,
            tags,
            now,
        }
    }

    /// The same, which asks AWS for the policies in force and for what it keeps of denials.
    #[must_use]
    pub fn asking(self, aws: &Aws) -> Self {
        let (live, told) = (Live::new(aws, KEEP), Told::new(aws.clone()));
        Self { asking: Some(Asking { live, told, until: None }), ..self }
    }

    /// The same, which may ask Event history when it sweeps.
    #[must_use]
    pub fn sweeping(self, aws: &Aws) -> Self {
        Self { history: Some(aws.clone()), ..self }
    }

    /// The same, which puts its reports into a bucket.
    #[must_use]
    pub fn shelving(self, shelf: Option<Shelf>) -> Self {
        Self { shelf, ..self }
    }

    fn routed(&self, advice: &Advice) -> Routed {
        self.audience.route(advice, self.tags.get(&advice.id).unwrap_or(&Tags::new()))
    }

    /// Advice on these findings, in the light of the policies that AWS shows.
    async fn advise(&mut self, touched: &Touched) -> Result<Vec<Advice>, LineError> {
        let all = ingest::beside(touched, self.ledger.as_ref()).map_err(busy)?;
        let wanted: Vec<Finding> = all.iter().filter(|finding| touched.ids.contains(&finding.id)).cloned().collect();
        let in_force = self.in_force(&wanted).await;
        let changes = ingest::changes_around(&wanted, &in_force, self.ledger.as_ref()).map_err(busy)?;
        let context = Context { in_force: &in_force, changes: &changes, ..self.world.context() };
        let advice = ingest::advise_among(touched, &all, context);
        self.keep_tags(&advice, &in_force);
        Ok(advice)
    }

    /// The policies in force for these findings, as far as they are known or AWS may be asked.
    async fn in_force(&mut self, of: &[Finding]) -> InForce {
        let Some(asking) = &mut self.asking else { return self.world.in_force.clone() };
        let moment = Moment { now: (self.now)(), within: asking.left() };
        let (in_force, problems) = Box::pin(asking.live.read(of, &self.world.in_force, moment)).await;
        for problem in problems {
            warn!(input = problem.input, error = problem.error, "policies not read");
        }
        in_force
    }

    fn keep_tags(&mut self, advice: &[Advice], in_force: &InForce) {
        let known = advice.iter().filter_map(|one| Some((one.id.clone(), in_force.of(&one.principal)?.tags)));
        self.tags.extend(known);
    }
}

impl Line for LedgerLine {
    fn within(&mut self, limit: Duration) {
        self.ledger.within(limit);
        self.tags.clear();
        if let Some(reading) = &mut self.reading {
            reading.within(limit);
        }
        if let Some(asking) = &mut self.asking {
            // The ledger and the messages need theirs too.
            asking.until = Some(Instant::now() + (2 * ASK).min(limit / 2));
        }
    }

    async fn ingest(&mut self, batch: &[&[Value]]) -> Result<Ingested, LineError> {
        let (mut ingested, mut denials, mut from) = (Ingested::default(), Vec::new(), Vec::new());
        let mut changes = Vec::new();
        for (of, records) in batch.iter().enumerate() {
            for (at, value) in records.iter().enumerate() {
                match Record::from_value(value) {
                    Some(record) => {
                        denials.extend(ingest::denials([&record], &self.world));
                        changes.extend(ingest::changes([&record]));
                        from.resize(denials.len(), of);
                    }
                    None => ingested.unread.push((of, at, "not a CloudTrail record".to_owned())),
                }
            }
        }
        if let Some(asking) = &self.asking {
            Box::pin(asking.told.sharpen(&mut denials, self.world.catalog, asking.left())).await;
        }
        let observed = ingest::observed(denials);
        let mut messages: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (one, of) in observed.iter().zip(from) {
            messages.entry(one.finding.id.clone()).or_default().insert(of);
        }
        let touched = Touched::of(&observed);
        let now = (self.now)();
        let measured: BTreeMap<String, Measured> = observed.iter().map(|one| Measured::of(one, now)).collect();
        self.ledger.note_changes(&changes, now).map_err(busy)?;
        let mut counted = BTreeSet::new();
        let recorded = self.ledger.record_telling(observed, now, Some(&mut counted)).map_err(busy)?;
        (ingested.stale, ingested.counted) = (recorded.stale, recorded.new);
        let counted: Vec<&Measured> = counted.iter().filter_map(|id| measured.get(id)).collect();
        ingested.lag = counted.iter().filter_map(|one| one.lag).collect();
        self.note_files(batch)?;
        let advice = self.advise(&touched).await?;
        ingested.muted = counted.iter().filter(|one| one.is_muted(&advice)).count() as u64;
        let with_messages = |advice: Advice| {
            let from = messages.remove(&advice.id).unwrap_or_default();
            (advice, from)
        };
        ingested.touched = advice.into_iter().map(with_messages).collect();
        Ok(ingested)
    }

    async fn open(&mut self, file: &LogFile) -> Result<Vec<Value>, LineError> {
        self.log_file(file).await
    }

    async fn scan(&mut self, task: &ScanTask, queue: Option<&str>, aside: &mut usize) -> Result<(), LineError> {
        self.scan_prefixes(task, queue, aside).await
    }

    async fn look(&mut self, id: &str) -> Result<Option<Advice>, LineError> {
        let mut touched = Touched::of_id(id);
        let filter = Filter { among: Some(touched.clone()), ..Filter::default() };
        let found = self.ledger.findings(&filter).map_err(busy)?;
        touched.callers = found.iter().map(|finding| caller(&finding.principal)).collect();
        Ok(self.advise(&touched).await?.into_iter().next())
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

    fn receivers(&self, advice: &Advice) -> Vec<String> {
        let tags = self.tags.get(&advice.id).cloned().unwrap_or_default();
        let all = self.audience.hears(advice, &tags, &|to| self.was_told(&advice.id, to));
        all.iter().map(ToString::to_string).collect()
    }

    fn spares(&self, advice: &Advice) -> Vec<String> {
        self.routed(advice).fallback.iter().map(ToString::to_string).collect()
    }

    fn render(&self, advice: &Advice, to: &str, stage: Stage) -> Message {
        match to.parse() {
            Ok(to) => self.audience.finding(advice, &self.routed(advice), Telling { to: &to, stage, test: false }),
            // No route names it so; nobody sends this.
            Err(_) => Message { id: advice.id.clone(), ..Message::default() },
        }
    }

    async fn sweep(&mut self, now: Timestamp, limit: Duration) -> Result<Swept, LineError> {
        let Some(aws) = self.history.clone() else {
            return Err(LineError::Failed("nobody may ask Event history".into()));
        };
        let pace = RealPace::start();
        let swept = sweep::sweep(self.ledger.as_mut(), &self.world, aws.signed(), &pace, (now, limit)).await;
        let swept = swept.map_err(busy)?;
        for problem in &swept.problems {
            warn!(input = problem.input, error = problem.error, "not read");
        }
        let (pages, unfinished) = (swept.pages, swept.unfinished);
        info!(findings = swept.findings, resolved = swept.resolved.len(), pages, unfinished, "swept");
        let mut over = Vec::new();
        let receivers = self.audience.destinations();
        for id in &swept.resolved {
            if receivers.iter().any(|to| self.believes_open(id, to)) {
                over.extend(self.look(id).await?);
            }
        }
        Ok(Swept { over, unread: swept.problems.len() })
    }

    async fn carry_out(&mut self, task: Task, now: Timestamp) -> Result<Vec<(String, Message)>, LineError> {
        match task {
            Task::Report => {
                let purged = self.ledger.expire(now).map_err(busy)?;
                info!(?purged, "forgot what is older than it is kept");
                self.weekly(now).await
            }
            Task::Digest => self.daily(now).await,
            Task::Sweep | Task::Outbox => Ok(Vec::new()),
        }
    }
}

impl LedgerLine {
    /// The report of the last whole week: into the bucket, and to the receivers of the last route. A week without a denial
    /// is told to nobody unless the settings want it.
    async fn weekly(&mut self, now: Timestamp) -> Result<Vec<(String, Message)>, LineError> {
        let report = self.report(now).await?;
        let link = match &self.shelf {
            None => None,
            Some(shelf) => match shelf.keep(&report, now).await {
                Ok(link) => Some(link),
                Err(error) => {
                    // The message is worth more than its link.
                    error!(%error, "the report's page could not be kept");
                    None
                }
            },
        };
        if report.numbers.denied == 0 && self.reporting.skip_if_empty {
            info!("a week without a denial: nobody is told");
            return Ok(Vec::new());
        }
        let all = self.audience.of_all();
        Ok(all.iter().map(|to| (to.to_string(), report_message(&report, link.as_ref(), to))).collect())
    }

    async fn report(&mut self, now: Timestamp) -> Result<Report, LineError> {
        let findings = self.ledger.findings(&Filter::default()).map_err(busy)?;
        let in_force = self.in_force(&findings).await;
        let changes = ingest::changes_around(&findings, &in_force, self.ledger.as_ref()).map_err(busy)?;
        let advice = advise(&findings, Context { in_force: &in_force, changes: &changes, ..self.world.context() });
        self.keep_tags(&advice, &in_force);
        let ask = Ask {
            period: last_week(now, &self.reporting.zone),
            scope: Scope::default(),
            owners: self.audience.owners(),
            time_zone: &self.reporting.tz,
            now,
        };
        let coverage = covered(self.ledger.as_ref(), &advice, &ask).map_err(busy)?;
        let tags = |advice: &Advice| self.tags.get(&advice.id).cloned().unwrap_or_default();
        Ok(build(&advice, coverage, &ask, &self.world.expected, &tags))
    }

    /// The digest, for whom there is one.
    async fn daily(&mut self, now: Timestamp) -> Result<Vec<(String, Message)>, LineError> {
        let findings = self.ledger.findings(&Filter::default()).map_err(busy)?;
        let in_force = self.in_force(&findings).await;
        let advice = advise(&findings, Context { in_force: &in_force, ..self.world.context() });
        self.keep_tags(&advice, &in_force);
        let sources = Sources {
            audience: &self.audience,
            plan: &self.plan,
            tags: &|advice| self.tags.get(&advice.id).cloned().unwrap_or_default(),
            is_told: &|advice, to| self.is_told(advice, to),
            pause: self.ledger.delivery(pause::ID, pause::TO).map_err(busy)?.as_ref().and_then(Pause::of),
        };
        let digests = digests(&advice, &sources, now);
        Ok(digests.into_iter().map(|(to, note)| (to.to_string(), audience::note(&note, &to))).collect())
    }

    fn was_told(&self, id: &str, to: &Destination) -> bool {
        let told = self.ledger.delivery(id, &to.to_string());
        told.is_ok_and(|delivery| delivery.is_some_and(|delivery| delivery.told.posted.is_some()))
    }

    /// Whether a receiver was told of a finding and not of its end. A message that did not go out is made good by the next
    /// sweep.
    fn believes_open(&self, id: &str, to: &Destination) -> bool {
        let told = self.ledger.delivery(id, &to.to_string());
        told.is_ok_and(|told| told.is_some_and(|one| one.told.posted.is_some() && !one.told.resolved))
    }

    /// Whether a receiver knows all items of a finding; where the ledger cannot say, its own messages tell it.
    fn is_told(&self, advice: &Advice, to: &Destination) -> bool {
        match self.ledger.delivery(&advice.id, &to.to_string()) {
            Ok(Some(delivery)) => delivery.told.posted.is_some() && delivery.told.fingerprint == fingerprint(advice),
            Ok(None) => false,
            Err(_) => true,
        }
    }
}

/// What of a denial is measured, should it be counted now.
struct Measured {
    /// Whole seconds since then; `None` where the event tells no time. A clock that is behind makes no negative ones.
    lag: Option<u64>,
    finding: String,
    item: Option<ItemKey>,
}

impl Measured {
    /// By the event's id.
    fn of(one: &Observed, now: Timestamp) -> (String, Self) {
        let lag = one.at.and_then(|at| u64::try_from(now.duration_since(at).as_secs().max(0)).ok());
        let item = one.finding.items.keys().next().cloned();
        (one.event_id.clone(), Self { lag, finding: one.finding.id.clone(), item })
    }

    /// Whether a rule mutes its item; one that is not told apart is muted when its whole finding is.
    fn is_muted(&self, all: &[Advice]) -> bool {
        let advice = all.iter().find(|advice| advice.id == self.finding);
        let Some((advice, key)) = advice.zip(self.item.as_ref()) else { return false };
        let is_it = |item: &&DeniedItem| {
            item.action.as_deref().unwrap_or_default() == key.action
                && item.resource.as_deref().unwrap_or_default() == key.resource
        };
        match advice.denied.iter().find(is_it) {
            Some(item) => item.status == Status::Muted,
            None => !advice.denied.is_empty() && advice.denied.iter().all(|item| item.status == Status::Muted),
        }
    }
}

/// The ledger is all that fails here, and another try, another instance or a mended ledger may help: the queue keeps
/// the message until then.
pub(super) fn busy(error: LedgerError) -> LineError {
    LineError::Busy(error.to_string())
}

/// The week for one receiver: in short, with the link; Slack's app gets the chart as a picture too. The id names week and
/// time zone, so that a schedule that comes twice tells once.
fn report_message(report: &Report, link: Option<&Link>, to: &Destination) -> Message {
    let id = format!("report {}", report_files::key(report));
    let (title, lines) = (report_note::title(report), report_note::lines(report, link));
    let message = audience::note(&Note { id, title, lines, body: report_note::mail(report, link) }, to);
    let message = Message { subject: report_note::subject(report), ..message };
    match to {
        Destination::SlackWebhook => Message { json: report_note::slack(report, link), ..message },
        Destination::SlackChannel(_) => {
            let files = picture::png(report).map(|picture| Attachment {
                name: format!("{}.png", report_files::key(report)),
                text: report_note::subject(report),
                picture,
            });
            Message { json: report_note::slack(report, link), files: files.into_iter().collect(), ..message }
        }
        _ => message,
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
