//! `denywatch scan`: logs → ledger → ranked findings.

use super::found::Found;
use super::{DONE, Global, Output, UNREAD, estimate, inputs, print, progress, stop};
use crate::advice::Advice;
use crate::app::estimate::Estimate;
use crate::app::{self, Outcome, Progress, Watcher};
use crate::io::sources::archive::{self, Selection};
#[cfg(feature = "lookup")]
use crate::io::sources::lookup::Period;
use crate::io::stores::Ledger;
use clap::Args;
use jiff::Timestamp;
use std::path::PathBuf;

/// Ctrl-C ended it; what was read is kept.
pub(super) const INTERRUPTED: u8 = 130;
/// Findings are there, and the caller asked for a code that says so.
const FOUND: u8 = 3;

#[derive(Debug, Args)]
pub(super) struct ScanArgs {
    /// CloudTrail files or folders (`AWSLogs/…`, .json, .json.gz, JSON lines), or buckets (`s3://BUCKET/PREFIX`); `-` reads
    /// standard input.
    #[arg(value_name = "SOURCE", required_unless_present = "lookup")]
    sources: Vec<PathBuf>,
    /// Read Event history instead of files (LookupEvents; management events of the last 90 days, of all Regions).
    #[arg(long, conflicts_with = "sources")]
    lookup: bool,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Say what would be read, what it costs and how long it takes; read nothing.
    #[arg(long)]
    estimate: bool,
    /// Read what an earlier scan read, too; its events count once all the same.
    #[arg(long)]
    again: bool,
    /// The requests to the bucket are charged to your account, not to its owner's.
    #[arg(long)]
    requester_pays: bool,
    /// Print every denial too, not only the findings.
    #[arg(long)]
    denials: bool,
    /// Look at the logs once: denials are found all the same, but not whether the same calls were allowed before or after,
    /// nor who changed policies.
    #[arg(long)]
    one_look: bool,
    /// Threads that read files; if left out, as many as there are processors, at most 8. Each takes a megabyte or two of memory.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Exit with 3 when there are findings.
    #[arg(long)]
    exit_code: bool,
}

/// Which events are wanted.
#[derive(Debug, Args)]
struct SelectionArgs {
    /// Events from then on: `7d`, `36h`, a date or a time. Where CloudTrail's layout tells the time, nothing older is opened.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Events before then; now if left out. Files that were delivered more than a day later are not opened.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Events of these accounts' trails.
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',')]
    only_account: Vec<String>,
    /// Events of these Regions; each has its own Event history.
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    only_region: Vec<String>,
}

pub(super) fn run(args: &ScanArgs, global: &Global) -> anyhow::Result<u8> {
    let source = Source::of(args)?;
    if global.offline && !matches!(source, Source::Files) {
        return Err(if args.lookup { inputs::Misuse::Offline } else { inputs::Misuse::OfflineBucket }.into());
    }
    let asked = &args.selection;
    let period = inputs::period(asked.since.as_deref(), asked.until.as_deref(), crate::io::clock::now())?;
    let selection = selection(args, period);
    if args.estimate {
        return estimate(args, &source, &selection, global);
    }
    let (world, mut problems) = inputs::world(global)?;
    let mut ledger = inputs::ledger_to_write(global)?;
    let shown = print::is_progress_wanted(global.quiet, global.no_progress);
    // What lies in a bucket or in Event history nobody knows beforehand.
    let files: &[PathBuf] = if matches!(source, Source::Files) { &args.sources } else { &[] };
    let looks_twice = !args.one_look && !args.lookup;
    let mut line = shown.then(|| progress::Line::over(files, &selection, looks_twice));
    let mut progress = |progress: &Progress<'_>| {
        if let Some(line) = &mut line {
            line.show(progress);
        }
    };
    let options = app::scan::Options {
        denials: args.denials,
        selection,
        again: args.again,
        threads: args.threads,
        one_look: args.one_look,
        stop: Some(stop::flag()?),
    };
    let mut found = Found::new(global);
    let each: Each<'_> = &mut |advice| found.take(advice);
    let mut outcome = match source {
        Source::Files => app::scan_each(&args.sources, ledger.as_mut(), &world, options, &mut progress, each)?,
        Source::History => history(args, period, ledger.as_mut(), &world, options, &mut progress, each)?,
        Source::Buckets(places) => buckets(args, places, ledger.as_mut(), &world, options, &mut progress, each)?,
    };
    problems.append(&mut outcome.problems);
    outcome.problems = problems;
    print_outcome(&outcome, &mut found, global)?;
    Ok(exit_code(args, &outcome, found.len()))
}

/// Takes findings one by one.
type Each<'f> = &'f mut dyn FnMut(Advice);

/// Where the events come from.
enum Source {
    Files,
    /// Bucket and prefix of each.
    Buckets(Vec<(String, String)>),
    History,
}

impl Source {
    fn of(args: &ScanArgs) -> Result<Self, inputs::Misuse> {
        let texts: Vec<String> = args.sources.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        match texts.iter().filter(|text| text.starts_with("s3://")).count() {
            _ if args.lookup => Ok(Self::History),
            0 => Ok(Self::Files),
            some if some < texts.len() => Err(inputs::Misuse::Mixed),
            _ => texts.iter().map(|text| place(text)).collect::<Result<_, _>>().map(Self::Buckets),
        }
    }
}

/// `s3://BUCKET/PREFIX`.
fn place(text: &str) -> Result<(String, String), inputs::Misuse> {
    let found = archive::place(text).map(|(bucket, prefix)| (bucket.to_owned(), prefix.to_owned()));
    found.ok_or_else(|| inputs::Misuse::NoBucket(text.to_owned()))
}

/// Prints findings, and what there is to say of the run.
pub(super) fn print_outcome(outcome: &Outcome, found: &mut Found, global: &Global) -> anyhow::Result<()> {
    let count = found.len();
    if print::is_progress_wanted(global.quiet, global.no_progress) {
        print::progress("");
    }
    found.print(outcome, global)?;
    for problem in &outcome.problems {
        print::say(false, &format!("not read: {}: {}", problem.input, problem.error));
    }
    let stats = &outcome.stats;
    let seen = format!(
        "{} records in {} files, {} denied ({} of them copies or counted before), {} findings, {} unread",
        stats.records, stats.files, stats.denied, stats.duplicates, count, stats.unreadable
    );
    print::say(global.quiet, &seen);
    if stats.known > 0 {
        let told = format!("{} of the files were read by an earlier scan and did not change", stats.known);
        print::say(global.quiet, &told);
    }
    if stats.left_out > 0 {
        print::say(global.quiet, &format!("events that were not asked for: {}", stats.left_out));
    }
    for never in &outcome.not_seen {
        print::say(global.quiet, &format!("not seen: {never}"));
    }
    if outcome.interrupted {
        print::say(false, "interrupted: what was read is in the ledger, and the same command goes on from here");
    }
    if stats.stale > 0 {
        let told = format!("{} denials were refused: they are older than the ledger keeps counts", stats.stale);
        print::say(global.quiet, &told);
    }
    Ok(())
}

fn exit_code(args: &ScanArgs, outcome: &Outcome, found: usize) -> u8 {
    if outcome.interrupted {
        return INTERRUPTED;
    }
    match (outcome.problems.is_empty(), args.exit_code && found > 0) {
        (false, _) => UNREAD,
        (true, true) => FOUND,
        (true, false) => DONE,
    }
}

/// What the filters ask for.
fn selection(args: &ScanArgs, (since, until): (Option<Timestamp>, Option<Timestamp>)) -> Selection {
    let asked = &args.selection;
    let set = |list: &[String]| list.iter().cloned().collect();
    Selection { since, until, accounts: set(&asked.only_account), regions: set(&asked.only_region) }
}

/// Reads Event history of each Region; what stops one Region is a problem, the others go on.
#[cfg(feature = "lookup")]
fn history(
    args: &ScanArgs,
    period: (Option<Timestamp>, Option<Timestamp>),
    ledger: &mut dyn Ledger,
    world: &app::World,
    options: app::scan::Options,
    progress: Watcher<'_>,
    each: Each<'_>,
) -> anyhow::Result<Outcome> {
    let asked = asked_of_history(args, period);
    Ok(runtime()?.block_on(app::lookup::lookup_each(&asked, ledger, world, options, progress, each))?)
}

#[cfg(feature = "lookup")]
fn asked_of_history(args: &ScanArgs, (since, until): (Option<Timestamp>, Option<Timestamp>)) -> app::lookup::Asked {
    app::lookup::Asked {
        period: Period { since, until },
        regions: args.selection.only_region.clone(),
        profile: None,
        again: args.again || args.denials,
    }
}

#[cfg(not(feature = "lookup"))]
fn history(
    _: &ScanArgs,
    _: (Option<Timestamp>, Option<Timestamp>),
    _: &mut dyn Ledger,
    _: &app::World,
    _: app::scan::Options,
    _: Watcher<'_>,
    _: Each<'_>,
) -> anyhow::Result<Outcome> {
    anyhow::bail!("this build cannot reach AWS: build it with `cargo build --release --features lookup`")
}

#[cfg(feature = "s3")]
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Reads the log files of buckets.
#[cfg(feature = "s3")]
fn buckets(
    args: &ScanArgs,
    places: Vec<(String, String)>,
    ledger: &mut dyn Ledger,
    world: &app::World,
    options: app::scan::Options,
    progress: Watcher<'_>,
    each: Each<'_>,
) -> anyhow::Result<Outcome> {
    let asked = asked_of_buckets(args, places);
    let read = async {
        let aws = aws(args).await;
        app::bucket::scan_buckets_each(&aws, &asked, ledger, world, options, progress, each).await
    };
    Ok(runtime()?.block_on(read)?)
}

#[cfg(feature = "s3")]
fn asked_of_buckets(args: &ScanArgs, places: Vec<(String, String)>) -> app::bucket::Asked {
    app::bucket::Asked { places, requester_pays: args.requester_pays, again: args.again || args.denials }
}

#[cfg(feature = "s3")]
async fn aws(args: &ScanArgs) -> crate::io::aws::Aws {
    // A bucket tells its Region itself.
    let region = args.selection.only_region.first().cloned();
    crate::io::aws::Aws::load(&crate::io::aws::Options { profile: None, region }).await
}

#[cfg(not(feature = "s3"))]
fn buckets(
    _: &ScanArgs,
    _: Vec<(String, String)>,
    _: &mut dyn Ledger,
    _: &app::World,
    _: app::scan::Options,
    _: Watcher<'_>,
    _: Each<'_>,
) -> anyhow::Result<Outcome> {
    anyhow::bail!("this build cannot reach AWS: build it with `cargo build --release --features s3`")
}

/// Prints what would be read; 6 where something could not be listed.
fn estimate(args: &ScanArgs, source: &Source, selection: &Selection, global: &Global) -> anyhow::Result<u8> {
    let estimate = match source {
        Source::Files => app::estimate::of_files(&args.sources, selection, args.one_look),
        Source::Buckets(places) => estimate_buckets(args, places, selection, global)?,
        Source::History => estimate_history(args, selection, global)?,
    };
    match global.output {
        Output::Json => print::json(&estimate, true)?,
        Output::Jsonl => print::json(&estimate, false)?,
        Output::Text => print::out(&estimate::text(&estimate))?,
    }
    print::problems(&estimate.problems);
    Ok(if estimate.problems.is_empty() { DONE } else { UNREAD })
}

#[cfg(feature = "s3")]
fn estimate_buckets(
    args: &ScanArgs,
    places: &[(String, String)],
    selection: &Selection,
    global: &Global,
) -> anyhow::Result<Estimate> {
    let asked = asked_of_buckets(args, places.to_vec());
    let ledger = inputs::ledger_if_any(global)?;
    let read = async {
        let aws = aws(args).await;
        app::estimate::of_buckets(&aws, &asked, selection, ledger.as_ref()).await
    };
    Ok(runtime()?.block_on(read)?)
}

#[cfg(not(feature = "s3"))]
fn estimate_buckets(_: &ScanArgs, _: &[(String, String)], _: &Selection, _: &Global) -> anyhow::Result<Estimate> {
    anyhow::bail!("this build cannot reach AWS: build it with `cargo build --release --features s3`")
}

#[cfg(feature = "lookup")]
fn estimate_history(args: &ScanArgs, selection: &Selection, global: &Global) -> anyhow::Result<Estimate> {
    let asked = asked_of_history(args, (selection.since, selection.until));
    let ledger = inputs::ledger_if_any(global)?;
    Ok(runtime()?.block_on(app::lookup::estimate(&asked, selection.accounts.is_empty(), ledger.as_ref()))?)
}

#[cfg(not(feature = "lookup"))]
fn estimate_history(_: &ScanArgs, _: &Selection, _: &Global) -> anyhow::Result<Estimate> {
    anyhow::bail!("this build cannot reach AWS: build it with `cargo build --release --features lookup`")
}
