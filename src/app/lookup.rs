//! Event history → ledger → ranked findings.

mod reading;

use super::World;
use super::estimate::{Estimate, of_history};
use super::outcome::Outcome;
use super::progress::{Covered, Progress, Step, Watcher};
use super::report::coverage_of;
use super::scan::{Options, Scan};
use crate::advice::Advice;
use crate::io::aws::{self, Aws};
use crate::io::clock;
use crate::io::sources::history_reach::{self, Span};
use crate::io::sources::lookup::{Page, Period, RealPace, lookup_pages, sample};
use crate::io::sources::regions;
use crate::io::stores::{Ledger, LedgerError, calls};
use crate::record::Problem;
use jiff::{Timestamp, ToSpan};
use reading::{Reading, covered, is_of, known_before, read_of};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::LocalSet;

/// Pages of a Region after which the ledger notes how far it has come, about: what a run that was killed reads again.
const NOTE: u64 = 40;
/// Pages of all Regions after which it does in any case: so much is held in memory.
const HELD: u64 = 200;
/// So long a stopped scan waits for a page that does not come.
const PATIENCE: Duration = Duration::from_millis(200);
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
/// What an earlier run read of the account's Event history is not read again, and a run that was interrupted goes on: in the
/// end it has told what one run would have. A Region that cannot be read to its end is a problem of the outcome; what came before it is kept.
///
/// ```standalone_crate
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doubles/example.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # stand_in(|head, _| match head.contains("LookupEvents") {
/// #     true => serde_json::json!({"Events": [{"EventId": "1", "EventTime": 1794304800, "CloudTrailEvent": DENIED}]}).to_string(),
/// #     false => String::new(),
/// # })?;
/// use denywatch::app::{World, lookup::{Asked, lookup}, scan::Options};
/// use denywatch::{diagnosis::InForce, io::sources::lookup::Period, io::stores::MemoryLedger};
/// let period = Period { since: Some("2026-11-01T00:00:00Z".parse()?), until: None };
/// let asked = Asked { period, regions: vec!["eu-west-1".into()], ..Asked::default() };
/// let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
/// let outcome = lookup(&asked, &mut ledger, &world, Options::default(), &mut |_stats| {}).await?;
/// assert_eq!((outcome.findings[0].count, outcome.problems.len()), (1, 0));
/// // What Event history cannot show is said.
/// assert!(outcome.not_seen[0].contains("data events"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The ledger could not be read or written.
pub async fn lookup(
    asked: &Asked,
    ledger: &mut dyn Ledger,
    world: &World,
    options: Options,
    progress: Watcher<'_>,
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
    progress: Watcher<'_>,
    each: &mut dyn FnMut(Advice),
) -> Result<Outcome, LedgerError> {
    let aws = load(asked).await;
    of_account(&aws, asked, ledger, world, options, progress, each).await
}

async fn of_account(
    aws: &Aws,
    asked: &Asked,
    ledger: &mut dyn Ledger,
    world: &World,
    options: Options,
    progress: Watcher<'_>,
    each: &mut dyn FnMut(Advice),
) -> Result<Outcome, LedgerError> {
    // Every denial is wanted: then nothing is skipped.
    let asked = &Asked { again: asked.again || options.denials, ..asked.clone() };
    let (regions, problems) = regions(aws, asked).await;
    // What a filter leaves out must stay to be read.
    let is_all = options.selection.accounts.is_empty();
    let account = if is_all { history_reach::account(aws).await } else { None };
    let (span, is_too_old) = history_reach::within_reach(asked.period.since, asked.period.until, clock::now());
    let mut places = BTreeMap::new();
    for region in &regions {
        places.insert(region.clone(), Reading::plan(ledger, account.as_deref(), region, span, asked.again)?);
    }
    let input = format!("Event history {}", regions.join(" "));
    let mut scan = Scan::begin(ledger, world, options, &input);
    scan.keep_until_remembered();
    scan.problems.extend(problems);
    if account.is_some() {
        // Each Region's note says what of it was read.
        scan.note_each();
    }
    // Every Region reads on a task of its own; what it reads is taken in here, one page after another.
    let tasks = LocalSet::new();
    let pages = start(&tasks, aws, &places);
    tasks.run_until(take_in(pages, &mut places, &mut scan, progress)).await?;
    for (region, reading) in &mut places {
        scan.problems.extend(reading.unread(region));
        scan.problems.extend(reading.problem.take());
    }
    // Pages, not files, were read.
    scan.stats.files = 0;
    let mut read = None;
    if let Some(account) = &account {
        let unfinished = places.iter().filter(|(_, reading)| !reading.is_finished());
        let unfinished: BTreeSet<String> = unfinished.map(|(region, _)| region.clone()).collect();
        let covered = covered(scan.places.list(), account, &places);
        let oldest = clock::now().checked_sub(calls::KEPT).unwrap_or(Timestamp::MIN);
        scan.note_remembered(account, &covered, &unfinished, oldest)?;
        let known = known_before(&input, &places);
        if let Some(known) = &known {
            scan.touch_known(|finding| is_of(finding, known))?;
        }
        // Each Region is noted under a name of its own: nothing is under that of all.
        read = Some(read_of(&scan, known, &places, span));
    }
    let mut outcome = scan.finish_each(each)?;
    if let Some(read) = read {
        outcome.coverage = coverage_of(&read, read.places.iter().collect());
    }
    outcome.not_seen.push(history_reach::NEVER.to_owned());
    if is_too_old {
        outcome.not_seen.push(format!("nothing before {}: AWS keeps {} days", span.0, history_reach::DAYS));
    }
    Ok(outcome)
}

/// How long that would take: asks for the newest page of each Region. `is_all`: no account is left out, so that what the
/// ledger says was read before need not be read again.
///
/// ```standalone_crate
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doubles/example.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # stand_in(|head, _| match head.contains("LookupEvents") {
/// #     true => serde_json::json!({"Events": [{"EventId": "1", "EventTime": 1794304800, "CloudTrailEvent": DENIED}]}).to_string(),
/// #     false => String::new(),
/// # })?;
/// use denywatch::app::lookup::{Asked, estimate};
/// use denywatch::io::{sources::lookup::Period, stores::MemoryLedger};
/// let period = Period { since: Some("2026-11-01T00:00:00Z".parse()?), until: Some("2026-11-11T00:00:00Z".parse()?) };
/// let asked = Asked { period, regions: vec!["eu-west-1".into()], ..Asked::default() };
/// let estimate = estimate(&asked, true, &MemoryLedger::default()).await?;
/// assert!(estimate.events.is_some() && estimate.seconds > 0.0);
/// # assert_eq!(estimate.problems, []);
/// # Ok(())
/// # }
/// ```
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

/// What a Region's task tells.
enum Told {
    /// It reads this gap now.
    Gap(Span),
    Page(Page),
    /// The gap was read to its end.
    Done,
    Failed(String),
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
    progress: Watcher<'_>,
) -> Result<(), LedgerError> {
    let mut since_note = 0;
    let often = (NOTE * places.len() as u64).min(HELD);
    let mut regions: Vec<Covered> = places.iter().map(|(region, reading)| reading.covered(region)).collect();
    while let Some((region, told)) = next(&mut pages, scan).await {
        let Some(reading) = places.get_mut(&region) else { continue };
        match told {
            Told::Gap(gap) => {
                (reading.open, reading.reached, reading.fresh, reading.is_stuck) = (Some(gap), None, (0, 0), false);
                reading.under_way = Some((gap.1, gap));
            }
            Told::Page(page) => {
                reading.page(&region, &page, scan);
                since_note += 1;
            }
            Told::Done => {
                reading.gap_is_read();
                if !reading.is_stuck {
                    reading.reached = reading.open.map(|(from, _)| from);
                }
                reading.note(&region, scan)?;
            }
            Told::Failed(error) => {
                let input = format!("Event history of {region}");
                (reading.problem, reading.is_over) = (Some(Problem { input, error }), true);
                reading.note(&region, scan)?;
            }
        }
        if let Some(one) = regions.iter_mut().find(|one| one.region == region) {
            *one = reading.covered(&region);
        }
        progress(&Progress { stats: &scan.stats, step: Step::History(&regions), under_way: 0 });
        if since_note >= often {
            since_note = 0;
            note_all(places, scan)?;
        }
        if scan.is_over() {
            break;
        }
    }
    note_all(places, scan)
}

/// What comes next; `None` at the end, and where the scan is stopped while AWS lets it wait.
async fn next(pages: &mut Receiver<(String, Told)>, scan: &Scan<'_>) -> Option<(String, Told)> {
    loop {
        match tokio::time::timeout(PATIENCE, pages.recv()).await {
            Ok(told) => return told,
            Err(_) if scan.is_over() => return None,
            Err(_) => {}
        }
    }
}

/// Notes how far each Region has come, once what it has met is in the ledger.
fn note_all(places: &mut BTreeMap<String, Reading>, scan: &mut Scan<'_>) -> Result<(), LedgerError> {
    if let Some(account) = places.values().find_map(|reading| reading.account.clone()) {
        scan.remember(&account)?;
    }
    places.iter_mut().try_for_each(|(region, reading)| reading.note(region, scan))
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
