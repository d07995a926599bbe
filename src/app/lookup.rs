//! Event history → ledger → ranked findings.

use super::World;
use super::estimate::{Estimate, of_history};
use super::outcome::{Outcome, Stats};
use super::scan::{Options, Scan};
use crate::advice::Advice;
use crate::io::aws::{self, Aws};
use crate::io::clock;
use crate::io::sources::history_reach::{self, Known, Span};
use crate::io::sources::lookup::{Page, Period, RealPace, lookup_pages, sample};
use crate::io::sources::regions;
use crate::io::stores::{Ledger, LedgerError};
use crate::record::Problem;
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeMap;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::LocalSet;

/// Pages after which the ledger notes how far it has come: what an interrupted run reads again, at most.
const NOTE: u64 = 40;
/// Pages that wait to be taken in.
const WAITING: usize = 64;

/// What to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Of which time; AWS keeps 90 days.
    pub period: Period,
    /// Regions; all that the account has when empty.
    pub regions: Vec<String>,
    /// Profile of the AWS configuration.
    pub profile: Option<String>,
    /// Reads what was read before, too.
    pub again: bool,
}

/// Reads Event history of each Region, all at the same time and each at the pace that AWS allows, keeps its denials in the
/// ledger, and advises on their findings.
///
/// What an earlier run read of the account's Event history is not read again, and a run that was interrupted goes on. A
/// Region that cannot be read to its end is a problem of the outcome; what came before it is kept.
///
/// # Errors
/// The ledger could not be read or written.
pub async fn lookup(
    asked: &Asked,
    ledger: &mut dyn Ledger,
    world: &World,
    options: Options,
    progress: &mut dyn FnMut(&Stats),
) -> Result<Outcome, LedgerError> {
    let mut all = Vec::new();
    let outcome = lookup_each(asked, ledger, world, options, progress, &mut |advice| all.push(advice)).await?;
    Ok(outcome.holding(all))
}

/// The same, which hands findings over one by one: see [`super::scan_each`].
///
/// # Errors
/// See [`lookup`].
pub async fn lookup_each(
    asked: &Asked,
    ledger: &mut dyn Ledger,
    world: &World,
    options: Options,
    progress: &mut dyn FnMut(&Stats),
    each: &mut dyn FnMut(Advice),
) -> Result<Outcome, LedgerError> {
    let aws = load(asked).await;
    let (regions, problems) = regions(&aws, asked).await;
    // What a filter leaves out must stay to be read.
    let is_all = options.selection.accounts.is_empty();
    let account = if is_all { history_reach::account(&aws).await } else { None };
    let (span, is_too_old) = history_reach::within_reach(asked.period.since, asked.period.until, clock::now());
    let mut places = BTreeMap::new();
    for region in &regions {
        places.insert(region.clone(), Reading::plan(ledger, account.as_deref(), region, span, asked.again)?);
    }
    let input = format!("Event history {}", regions.join(" "));
    let mut scan = Scan::begin(ledger, world, options, &input);
    scan.problems.extend(problems);
    if account.is_some() {
        // Each Region's note says what of it was read.
        scan.note_each();
    }
    // Every Region reads on a task of its own; what it reads is taken in here, one page after another.
    let tasks = LocalSet::new();
    let pages = start(&tasks, &aws, &places);
    tasks.run_until(take_in(pages, &mut places, &mut scan, progress)).await?;
    for (region, reading) in &mut places {
        scan.problems.extend(reading.unread(region));
        scan.problems.extend(reading.problem.take());
    }
    // Pages, not files, were read.
    scan.stats.files = 0;
    let mut outcome = scan.finish_each(each)?;
    outcome.not_seen.push(history_reach::NEVER.to_owned());
    if is_too_old {
        outcome.not_seen.push(format!("nothing before {}: AWS keeps {} days", span.0, history_reach::DAYS));
    }
    Ok(outcome)
}

/// How long that would take: asks for the newest page of each Region. `is_all`: no account is left out, so that what the
/// ledger says was read before need not be read again.
///
/// # Errors
/// The ledger could not be read.
pub async fn estimate(asked: &Asked, is_all: bool, ledger: &dyn Ledger) -> Result<Estimate, LedgerError> {
    let aws = load(asked).await;
    let (regions, problems) = regions(&aws, asked).await;
    let account = if is_all { history_reach::account(&aws).await } else { None };
    let (span, _) = history_reach::within_reach(asked.period.since, asked.period.until, clock::now());
    let period = Period { since: Some(span.0), until: Some(span.1) };
    let mut samples = Vec::new();
    for region in regions {
        let newest = sample(&aws, &region, period, &RealPace::start()).await.map_err(|fault| fault.to_string());
        let gaps = Reading::plan(ledger, account.as_deref(), &region, span, asked.again)?.gaps;
        samples.push((region, newest, gaps));
    }
    let mut estimate = of_history(samples, span);
    estimate.problems.splice(..0, problems);
    Ok(estimate)
}

async fn load(asked: &Asked) -> Aws {
    Aws::load(&aws::Options { profile: asked.profile.clone(), region: asked.regions.first().cloned() }).await
}

/// The Regions that are asked for, or all; and that AWS does not tell which these are.
async fn regions(aws: &Aws, asked: &Asked) -> (Vec<String>, Option<Problem>) {
    if !asked.regions.is_empty() {
        return (asked.regions.clone(), None);
    }
    let (regions, why) = regions::regions(aws).await;
    let told = |why| {
        let error = format!("the account's Regions are not known, so those that every account has are read: {why}");
        Problem { input: "Event history".to_owned(), error }
    };
    (regions, why.map(told))
}

/// What of a Region's Event history is read, and how far it has come.
struct Reading {
    account: Option<String>,
    known: Known,
    gaps: Vec<Span>,
    /// The gap that is being read: its end, and what of it was taken in since the last note.
    open: Option<Span>,
    fresh: (u64, u64),
    reached: Option<Timestamp>,
    /// Something of the gap could not be read: nothing older of it is noted, so that the next run asks again.
    is_stuck: bool,
    /// Events without a record, and events whose record cannot be read.
    unread: (u64, u64),
    problem: Option<Problem>,
}

/// What a Region's task tells.
enum Told {
    /// It reads this gap now.
    Gap(Span),
    Page(Page),
    /// The gap was read to its end.
    Done,
    Failed(String),
}

impl Reading {
    fn plan(
        ledger: &dyn Ledger,
        account: Option<&str>,
        region: &str,
        span: Span,
        again: bool,
    ) -> Result<Self, LedgerError> {
        let name = account.unwrap_or("an unknown account");
        let noted = if account.is_some() { ledger.noted_run(&Known::name(name, region))? } else { None };
        let known = Known::of(noted, name, region, clock::now());
        let gaps = if again { vec![span] } else { known.gaps(span) };
        let (open, fresh, reached, problem) = (None, (0, 0), None, None);
        let account = account.map(str::to_owned);
        Ok(Self { account, known, gaps, open, fresh, reached, is_stuck: false, unread: (0, 0), problem })
    }

    /// What AWS listed and nobody could read.
    fn unread(&self, region: &str) -> Vec<Problem> {
        let (without, broken) = self.unread;
        let told = |count: u64, what: &str| {
            let error = format!("{what}: {count}; the next run asks for that time again");
            (count > 0).then(|| Problem { input: format!("Event history of {region}"), error })
        };
        let without = told(without, "events that AWS listed without their record");
        without.into_iter().chain(told(broken, "events whose record cannot be read")).collect()
    }

    /// Notes what was read of the open gap, once its denials are in the ledger.
    fn note(&mut self, region: &str, scan: &mut Scan<'_>) -> Result<(), LedgerError> {
        let (Some(account), Some((from, end)), Some(reached)) = (&self.account, self.open, self.reached.take()) else {
            return Ok(());
        };
        let now = clock::now();
        // The latest events may still be on their way.
        let sure = now.checked_sub((history_reach::LATE_HOURS).hours()).unwrap_or(now).min(end);
        let (records, denied) = std::mem::take(&mut self.fresh);
        self.known.add((account, region), (reached, sure), records, denied, now);
        self.open = Some((from, reached.min(end)));
        scan.note_listed(self.known.run())
    }
}

/// Starts a task for each Region.
fn start(tasks: &LocalSet, aws: &Aws, places: &BTreeMap<String, Reading>) -> Receiver<(String, Told)> {
    let (sender, receiver) = channel(WAITING);
    for (region, reading) in places {
        tasks.spawn_local(read(aws.clone(), region.clone(), reading.gaps.clone(), sender.clone()));
    }
    receiver
}

async fn read(aws: Aws, region: String, gaps: Vec<Span>, to: Sender<(String, Told)>) {
    let (pace, mut last) = (RealPace::start(), None);
    for gap in gaps {
        if to.send((region.clone(), Told::Gap(gap))).await.is_err() {
            return;
        }
        // AWS takes both ends in; the last second belongs to what was read before, or is not asked for.
        let until = gap.1.checked_sub(1.second()).unwrap_or(gap.1);
        let period = Period { since: Some(gap.0), until: Some(until) };
        let each = |page| {
            let (region, to) = (region.clone(), to.clone());
            async move { to.send((region, Told::Page(page))).await.is_ok() }
        };
        let told = match lookup_pages(&aws, &region, period, &pace, &mut last, each).await {
            Ok(_) => Told::Done,
            Err(fault) => Told::Failed(fault.to_string()),
        };
        let is_over = matches!(told, Told::Failed(_));
        if to.send((region.clone(), told)).await.is_err() || is_over {
            return;
        }
    }
}

/// Takes in what the Regions read.
async fn take_in(
    mut pages: Receiver<(String, Told)>,
    places: &mut BTreeMap<String, Reading>,
    scan: &mut Scan<'_>,
    progress: &mut dyn FnMut(&Stats),
) -> Result<(), LedgerError> {
    let mut since_note = 0;
    while let Some((region, told)) = pages.recv().await {
        let Some(reading) = places.get_mut(&region) else { continue };
        match told {
            Told::Gap(gap) => {
                (reading.open, reading.reached, reading.fresh, reading.is_stuck) = (Some(gap), None, (0, 0), false);
            }
            Told::Page(page) => {
                reading.page(&region, &page, scan);
                since_note += 1;
                progress(&scan.stats);
            }
            Told::Done => {
                if !reading.is_stuck {
                    reading.reached = reading.open.map(|(from, _)| from);
                }
                reading.note(&region, scan)?;
            }
            Told::Failed(error) => {
                let input = format!("Event history of {region}");
                reading.problem = Some(Problem { input, error });
                reading.note(&region, scan)?;
            }
        }
        let is_over = scan.is_over();
        if since_note >= NOTE || is_over {
            since_note = 0;
            for (region, reading) in places.iter_mut() {
                reading.note(region, scan)?;
            }
        }
        if is_over {
            break;
        }
    }
    Ok(())
}

impl Reading {
    fn page(&mut self, region: &str, page: &Page, scan: &mut Scan<'_>) {
        let name = format!("Event history of {region}");
        let before = scan.stats;
        self.unread.0 += page.without_record;
        self.is_stuck |= page.without_record > 0;
        for event in &page.events {
            let told = scan.problems.len();
            scan.read(event.record.as_bytes(), &name);
            scan.stats.bytes += event.record.len() as u64;
            if scan.problems.len() > told {
                // The first is told as it is.
                scan.problems.truncate(told + usize::from(self.unread.1 == 0));
                self.unread.1 += 1;
                self.is_stuck = true;
            }
        }
        let sure = clock::now().checked_sub((history_reach::LATE_HOURS).hours()).ok();
        // What will be read again is counted then.
        if page.events.iter().all(|event| event.at < sure) {
            self.fresh.0 += scan.stats.records - before.records;
            self.fresh.1 += scan.stats.denied - before.denied;
        }
        if self.is_stuck {
            return;
        }
        // Of the second that the page ends in there may be more.
        self.reached = page.reached.and_then(|at| at.checked_add(1.second()).ok()).or(self.reached);
    }
}
