//! `denywatch scan`: logs → ledger → ranked findings.

use super::{DONE, Global, Output, UNREAD, inputs, print, progress, stop};
use crate::app::{self, Outcome, Stats};
use crate::io::sources::archive::Selection;
#[cfg(feature = "lookup")]
use crate::io::sources::lookup::Period;
use crate::io::stores::Ledger;
use crate::render;
use clap::Args;
use jiff::Timestamp;
use std::path::PathBuf;

/// Ctrl-C ended it; what was read is kept.
pub(super) const INTERRUPTED: u8 = 130;
/// Findings are there, and the caller asked for a code that says so.
const FOUND: u8 = 3;

#[derive(Debug, Args)]
pub(super) struct ScanArgs {
    /// CloudTrail files or folders (`AWSLogs/…`, .json, .json.gz, JSON lines); `-` reads standard input.
    #[arg(value_name = "SOURCE", required_unless_present = "lookup")]
    sources: Vec<PathBuf>,
    /// Read Event history instead of files (LookupEvents; management events of the last 90 days).
    #[arg(long, conflicts_with = "sources")]
    lookup: bool,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Print every denial too, not only the findings.
    #[arg(long)]
    denials: bool,
    /// Read files once more that an earlier scan read and that did not change.
    #[arg(long)]
    again: bool,
    /// Look at the logs once: denials are found all the same, but not whether the same calls were allowed before or after,
    /// nor who changed policies.
    #[arg(long)]
    one_look: bool,
    /// Threads that read files; as many as there are processors if left out.
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
    if args.lookup && global.offline {
        return Err(inputs::Misuse::Offline.into());
    }
    let asked = &args.selection;
    let period = inputs::period(asked.since.as_deref(), asked.until.as_deref(), crate::io::clock::now())?;
    let (world, mut problems) = inputs::world(global)?;
    let mut ledger = inputs::ledger_to_write(global)?;
    let shown = print::is_progress_wanted(global.quiet, global.no_progress);
    let selection = selection(args, period);
    let mut line = shown.then(|| progress::Line::over(&args.sources, &selection));
    let mut progress = |stats: &Stats| {
        if let Some(line) = &mut line {
            line.show(stats);
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
    let mut outcome = if args.lookup {
        lookup(args, period, ledger.as_mut(), &world, options, &mut progress)?
    } else {
        app::scan(&args.sources, ledger.as_mut(), &world, options, &mut progress)?
    };
    if shown {
        print::progress("");
    }
    problems.append(&mut outcome.problems);
    outcome.problems = problems;
    print::learn(&outcome);
    outcome.findings = print::masked(outcome.findings);
    print_outcome(&outcome, global)?;
    Ok(exit_code(args, &outcome))
}

fn print_outcome(outcome: &Outcome, global: &Global) -> anyhow::Result<()> {
    match global.output {
        Output::Json => print::json(outcome, true)?,
        Output::Jsonl => print::json(outcome, false)?,
        Output::Text => {
            print::out(&render::text::scan(&outcome.findings, &outcome.coverage, print::look(global)))?;
        }
    }
    for problem in &outcome.problems {
        print::say(false, &format!("not read: {}: {}", problem.input, problem.error));
    }
    let stats = &outcome.stats;
    let seen = format!(
        "{} records in {} files, {} denied ({} of them copies or counted before), {} findings, {} unread",
        stats.records,
        stats.files,
        stats.denied,
        stats.duplicates,
        outcome.findings.len(),
        stats.unreadable
    );
    print::say(global.quiet, &seen);
    if stats.known > 0 {
        let told = format!("{} of the files were read by an earlier scan and did not change", stats.known);
        print::say(global.quiet, &told);
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

fn exit_code(args: &ScanArgs, outcome: &Outcome) -> u8 {
    if outcome.interrupted {
        return INTERRUPTED;
    }
    match (outcome.problems.is_empty(), args.exit_code && !outcome.findings.is_empty()) {
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
fn lookup(
    args: &ScanArgs,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    ledger: &mut dyn Ledger,
    world: &app::World,
    options: app::scan::Options,
    progress: &mut dyn FnMut(&Stats),
) -> anyhow::Result<Outcome> {
    let asked = app::lookup::Asked {
        period: Period { since, until },
        regions: args.selection.only_region.clone(),
        profile: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(app::lookup::lookup(&asked, ledger, world, options, progress))?)
}

#[cfg(not(feature = "lookup"))]
fn lookup(
    _: &ScanArgs,
    _: (Option<Timestamp>, Option<Timestamp>),
    _: &mut dyn Ledger,
    _: &app::World,
    _: app::scan::Options,
    _: &mut dyn FnMut(&Stats),
) -> anyhow::Result<Outcome> {
    anyhow::bail!("this build cannot reach AWS: build it with `cargo build --release --features lookup`")
}
