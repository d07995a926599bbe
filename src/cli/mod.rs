//! The command line: one file a subcommand, its arguments and a run function.

mod config;
mod doctor;
mod estimate;
mod explain;
mod findings;
mod found;
mod ignore;
mod inputs;
mod into;
mod manual;
mod messages;
mod notify;
mod patch;
mod pending;
mod pr;
mod print;
mod progress;
mod purge;
mod replay;
mod query;
mod report;
mod rules;
mod scan;
mod simulate;
mod stop;
#[cfg(feature = "sweep")]
mod sweep;
mod verify;
mod version;
mod watch;

use crate::io::allocator;
use crate::io::clock::Stopwatch;
use crate::io::stores::UnknownStore;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// Done.
const DONE: u8 = 0;
/// Failed.
const FAILED: u8 = 1;
/// Wrong use.
const USAGE: u8 = 2;
/// Finished, but some input could not be read.
const UNREAD: u8 = 6;

/// From an AWS AccessDenied to the smallest correct, proven policy patch.
#[derive(Debug, Parser)]
#[command(name = "denywatch", version = version::long(), arg_required_else_help = true, propagate_version = false)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
struct Global {
    /// What goes to standard output.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// The ledger: `sqlite:PATH`, or `dynamodb:TABLE` (name or ARN) [default: denywatch/ledger.db in the data folder of the
    /// user].
    #[arg(long, global = true, value_name = "URI", env = "DENYWATCH_STORE")]
    store: Option<String>,
    /// The configuration, TOML or JSON [default: ./denywatch.toml, or denywatch/denywatch.toml in the configuration folder
    /// of the user, where there is one].
    #[arg(long, global = true, value_name = "FILE", env = "DENYWATCH_CONFIG_FILE")]
    config: Option<PathBuf>,
    /// The policies in force: `aws iam get-account-authorization-details` output, or a folder with `identity/`,
    /// `boundary/`, `session/`, `scp/`, `rcp/`, `resource/`, `trust/`, `vpc_endpoint/`; folders in `scp/` and `rcp/` are
    /// levels, root first by name.
    #[arg(long, global = true, value_name = "PATH")]
    policies: Vec<PathBuf>,
    /// Read the policies in force from AWS as well, read-only, and ask it what it keeps of the denials. What it does not
    /// give is listed as unchecked.
    #[arg(long, global = true)]
    live: bool,
    /// Profile of the AWS configuration; a script of `patch --format cli` names it too.
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// Region to talk to AWS in, where nothing else names one.
    #[arg(long, global = true, value_name = "REGION")]
    region: Option<String>,
    /// Mask account ids, names and addresses in all output, each by the same mask wherever it stands. Ids of findings stay.
    #[arg(long, global = true)]
    redact: bool,
    /// Say nothing on standard error but errors.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say on standard error what is read from where, and how long it took.
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
    /// Colours: `auto` means on a terminal only, and not under NO_COLOR.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    color: Color,
    /// No progress line.
    #[arg(long, global = true)]
    no_progress: bool,
    /// Never talk to AWS: what would, is wrong use.
    #[arg(long, global = true)]
    offline: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One pasted error, event or log: who, what, why, where, and the patch.
    Explain(explain::ExplainArgs),
    /// CloudTrail logs: folds the denials into the ledger and prints ranked findings with their patches.
    Scan(scan::ScanArgs),
    /// What the ledger holds.
    Findings(findings::FindingsArgs),
    /// A finding's patch as JSON, Terraform, CloudFormation or AWS CLI with its undo.
    Patch(patch::PatchArgs),
    /// A finding's patch as a pull request on GitHub, in the code that it belongs to; `--dry-run` shows it.
    Pr(pr::PrArgs),
    /// Offline IAM policy simulator: JSON lines in, JSON lines out.
    Simulate(simulate::SimulateArgs),
    /// Is a patch valid, sufficient, minimal, safe; with `--observed`: has it worked.
    Verify(verify::VerifyArgs),
    /// Are the calls that were denied allowed by now? Asks Event history, or an archive.
    #[cfg(feature = "sweep")]
    Sweep(sweep::SweepArgs),
    /// The SQL that yields the denied records of a period, for Athena or CloudTrail Lake; with `--run` their findings.
    Query(query::QueryArgs),
    /// The denied-action report of a period.
    Report(report::ReportArgs),
    /// Denials that are no news: rules that keep them out of the messages, never out of the record.
    Ignore(ignore::IgnoreArgs),
    /// Keeps a finding out of the messages for a while.
    Snooze(ignore::SnoozeArgs),
    /// Messages: a trial through the configured routes.
    Notify(notify::NotifyArgs),
    /// The configuration: what holds, whether it fits, what it would have done.
    Config(config::ConfigArgs),
    /// Forgets a principal, or what is older than the ledger keeps it.
    Purge(purge::PurgeArgs),
    /// What would be sent, to whom, and how it looks there: nothing is sent, nothing is kept.
    Replay(replay::ReplayArgs),
    /// Live events of a queue, told at the terminal as alerts are.
    Watch(watch::WatchArgs),
    /// What waits to be told: to whom, since when, how often it was tried.
    Outbox(pending::OutboxArgs),
    /// What nobody could handle: inputs that are no events, messages that a receiver refused for good.
    Quarantine(pending::QuarantineArgs),
    /// Whether denials arrive and can be told: trails, rules, queues, rights, ledger, receivers; each fault with its remedy.
    Doctor(doctor::DoctorArgs),
    /// A script that completes the command line, for a shell.
    Completions(manual::CompletionsArgs),
    /// The manual page, or with a command's name that command's.
    Man(manual::ManArgs),
}

/// Runs the command line; the exit code is the contract's.
pub fn main() -> ExitCode {
    allocator::give_back();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(fault) => {
            let code = if fault.use_stderr() { USAGE } else { DONE };
            // A closed pipe is no reason to fail.
            drop(fault.print());
            return ExitCode::from(code);
        }
    };
    print::set_color(cli.global.color);
    print::redact(cli.global.redact);
    set_aws(&cli.global);
    let clock = Stopwatch::start();
    let done = match cli.command {
        Command::Explain(args) => explain::run(&args, &cli.global),
        Command::Scan(args) => scan::run(&args, &cli.global),
        Command::Findings(args) => findings::run(&args, &cli.global),
        Command::Patch(args) => patch::run(&args, &cli.global),
        Command::Pr(args) => pr::run(&args, &cli.global),
        Command::Simulate(args) => simulate::run(&args),
        Command::Verify(args) => verify::run(&args, &cli.global),
        #[cfg(feature = "sweep")]
        Command::Sweep(args) => sweep::run(&args, &cli.global),
        Command::Query(args) => query::run(&args, &cli.global),
        Command::Report(args) => report::run(&args, &cli.global),
        Command::Ignore(args) => ignore::run(&args, &cli.global),
        Command::Snooze(args) => ignore::snooze(&args, &cli.global),
        Command::Notify(args) => notify::run(&args, &cli.global),
        Command::Config(args) => config::run(&args, &cli.global),
        Command::Purge(args) => purge::run(&args, &cli.global),
        Command::Replay(args) => replay::run(&args, &cli.global),
        Command::Watch(args) => watch::run(&args, &cli.global),
        Command::Outbox(args) => pending::outbox(&args, &cli.global),
        Command::Quarantine(args) => pending::quarantine(&args, &cli.global),
        Command::Doctor(args) => doctor::run(&args, &cli.global),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
    };
    let code = done.unwrap_or_else(|fault| {
        print::error(&fault);
        exit_of(&fault)
    });
    print::say(!cli.global.verbose, &format!("done in {:.1} s, exit code {code}", clock.seconds()));
    ExitCode::from(code)
}

/// Whom AWS is asked as, for all that follows.
#[cfg(feature = "aws")]
fn set_aws(global: &Global) {
    crate::io::aws::set_options(crate::io::aws::Options {
        profile: global.profile.clone(),
        region: global.region.clone(),
    });
}

#[cfg(not(feature = "aws"))]
fn set_aws(_: &Global) {}

/// What a person can mend by calling otherwise is wrong use.
fn exit_of(fault: &anyhow::Error) -> u8 {
    let is_misuse = fault.is::<UnknownStore>()
        || fault.is::<inputs::Misuse>()
        || fault.is::<inputs::BadConfig>()
        || fault.is::<query::QueryMisuse>()
        || fault.is::<crate::render::sql::SqlError>()
        || fault.is::<verify::VerifyMisuse>()
        || fault.is::<patch::NotPasted>()
        || fault.is::<patch::NoTarget>()
        || fault.is::<pr::Misuse>()
        || fault.is::<watch::Misuse>();
    if is_misuse { USAGE } else { FAILED }
}
