//! `denywatch verify`: is the patch valid, sufficient, minimal, safe; has it worked.

use super::{DONE, Global, Output, UNREAD, inputs, print};
use crate::advice::{Context, advise};
use crate::app::verify::{Answer, Candidate, Candidates, Looked, candidates, own, verify};
use crate::app::{self, World};
use crate::denial::{self, Given};
use crate::diagnosis::{InForce, diagnose};
use crate::finding::{Finding, fold, observe};
use crate::io::clock;
use crate::io::sources::paste;
use crate::io::stores::Filter;
use crate::record::Problem;
use crate::render;
use crate::triage::Verdict;
#[cfg(feature = "live")]
use crate::verify::in_place as verify_place;
use crate::verify::observed::Observed;
use crate::verify::{Asked, Verified};
use anyhow::bail;
use clap::Args;
use std::path::{Path, PathBuf};

/// A document falls short, and the caller asked for a code that says so.
const FALLS_SHORT: u8 = 3;
/// Nothing to patch by design.
const UPHELD: u8 = 4;
/// Too little is known.
const UNCLEAR: u8 = 5;

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// A finding's id in the ledger or the beginning of it: its patches. Or a file, `-` for standard input: a policy
    /// document, a patch, or what `explain --output json` printed.
    #[arg(value_name = "ID|FILE")]
    what: String,
    /// What the document is held against: a finding's id, or a file with the error or event [default: the finding that the
    /// file names].
    #[arg(long, value_name = "ID|FILE")]
    against: Option<String>,
    #[command(flatten)]
    told: inputs::GivenArgs,
    /// Has it worked: look for allowed calls after the last denial in these CloudTrail files or folders, or, with
    /// `--lookup`, in Event history.
    #[arg(long, value_name = "SOURCE", num_args = 0..)]
    observed: Option<Vec<PathBuf>>,
    /// Look in Event history (LookupEvents; management events of the last 90 days).
    #[arg(long, requires = "observed")]
    lookup: bool,
    /// Regions of Event history to read.
    #[arg(long, value_name = "REGION", requires = "lookup", value_delimiter = ',')]
    only_region: Vec<String>,
    /// Exit with 3 when a document is not valid, sufficient, minimal and safe.
    #[arg(long)]
    exit_code: bool,
}

/// A wrong use that the parser of the arguments cannot see.
#[derive(Debug, thiserror::Error)]
pub(super) enum VerifyMisuse {
    #[error("`--observed` needs a log: name CloudTrail files or folders, or add `--lookup`")]
    NoLog,
    #[error("`{0}` is no file and no finding's id")]
    Neither(String),
    #[error("nothing says which denials `{0}` is for: name them with `--against`, a finding's id or a file")]
    NoDenials(String),
    #[error("only one of the two can be standard input")]
    TwoInputs,
    #[error("`--principal` and `--resource` go with a pasted error: `--against FILE`")]
    NotPasted,
}

pub(super) fn run(args: &VerifyArgs, global: &Global) -> anyhow::Result<u8> {
    if args.lookup && global.offline {
        return Err(inputs::Misuse::Offline.into());
    }
    if args.observed.as_ref().is_some_and(Vec::is_empty) && !args.lookup {
        return Err(VerifyMisuse::NoLog.into());
    }
    let (world, mut problems) = inputs::world(global)?;
    let Subject { finding, others, documents: given } = subject(args, &world, global)?;
    print::learn(&finding);
    let (in_force, unread) = world.in_force_of(&finding);
    problems.extend(unread);
    let context = Context { in_force: &in_force, ..world.context() };
    let pairs = match given {
        Some(given) => {
            let each = given.documents.into_iter();
            each.filter_map(|one| verify(&one, &finding, context).map(|checked| (one, checked))).collect()
        }
        None => own(inputs::pick(&advise(&others, context), &finding.id)?, &finding, context),
    };
    let (documents, checks): (Vec<Candidate>, Vec<Verified>) = pairs.into_iter().unzip();
    if checks.is_empty() {
        print::problems(&problems);
        let code = nothing(&finding, &others, context);
        return Ok(if problems.is_empty() { code } else { UNREAD });
    }
    let observed = observed(args, &finding, &world, &mut problems, global)?;
    let asked = ask(&documents, &checks, &finding, &in_force, global)?;
    let answer = Answer { version: 1, finding: finding.id.clone(), checks, observed, asked, problems };
    show(&answer, &finding, global)?;
    Ok(match (answer.problems.is_empty(), args.exit_code && !answer.is_sound()) {
        (false, _) => UNREAD,
        (true, true) => FALLS_SHORT,
        (true, false) => DONE,
    })
}

fn show(answer: &Answer, finding: &Finding, global: &Global) -> anyhow::Result<()> {
    match global.output {
        Output::Json => print::json(answer, true)?,
        Output::Jsonl => print::json(answer, false)?,
        Output::Text => {
            let (observed, asked) = (answer.observed.as_ref(), answer.asked.as_deref());
            print::out(&render::verified::verified(finding, &answer.checks, observed, asked, print::look(global)))?;
        }
    }
    print::problems(&answer.problems);
    Ok(())
}

/// Says why no Allow mends the finding; the code tells too little known from denied by design.
fn nothing(finding: &Finding, others: &[Finding], context: Context<'_>) -> u8 {
    let advice = advise(others, context).into_iter().find(|advice| advice.id == finding.id);
    let why = advice.as_ref().map_or("", |advice| advice.diagnosis.summary.as_str());
    print::say(false, &format!("{}: no Allow to verify: {why}", finding.id));
    if advice.is_some_and(|advice| advice.verdict == Verdict::Unclear) { UNCLEAR } else { UPHELD }
}

/// What is verified against what.
struct Subject {
    finding: Finding,
    /// It and the ledger's others: whoever looked around shows only over all of them.
    others: Vec<Finding>,
    /// A file's documents; `None` for the finding's own patches.
    documents: Option<Candidates>,
}

fn subject(args: &VerifyArgs, world: &World, global: &Global) -> anyhow::Result<Subject> {
    let is_file = |text: &str| text == "-" || Path::new(text).exists();
    if !args.told.is_empty() && !args.against.as_deref().is_some_and(is_file) {
        return Err(VerifyMisuse::NotPasted.into());
    }
    let of_ledger = |id: &str, documents| -> anyhow::Result<Subject> {
        let ledger = inputs::ledger(global)?;
        let finding = ledger.find(&whole_id(id))?;
        Ok(Subject { finding, others: ledger.findings(&Filter::default())?, documents })
    };
    if !is_file(&args.what) {
        return match looks_like_id(&args.what) {
            true => of_ledger(&args.what, None),
            false => Err(VerifyMisuse::Neither(args.what.clone()).into()),
        };
    }
    let (name, bytes) = paste::read(&args.what)?;
    let documents = candidates(&bytes, &name)?;
    let against = args.against.clone().or_else(|| documents.finding.clone());
    let Some(against) = against else { return Err(VerifyMisuse::NoDenials(name).into()) };
    if !is_file(&against) {
        return of_ledger(&against, Some(documents));
    }
    if args.what == "-" && against == "-" {
        return Err(VerifyMisuse::TwoInputs.into());
    }
    let (name, bytes) = paste::read(&against)?;
    let finding = pasted(&bytes, &name, &args.told.given(), world)?;
    Ok(Subject { others: vec![finding.clone()], finding, documents: Some(documents) })
}

fn looks_like_id(text: &str) -> bool {
    let id = text.get(..2).filter(|head| head.eq_ignore_ascii_case("d-")).and(text.get(2..)).unwrap_or(text);
    !id.is_empty() && id.len() <= 10 && id.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'2'..=b'7'))
}

fn whole_id(id: &str) -> String {
    let is_whole = id.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("d-"));
    if is_whole { id.to_owned() } else { format!("D-{id}") }
}

/// The one finding of a pasted error or event.
fn pasted(bytes: &[u8], name: &str, given: &Given, world: &World) -> anyhow::Result<Finding> {
    let denials = app::explain::denials(bytes, name, given, world);
    let observed = |denial: denial::Denial| {
        let diagnosed = diagnose(&denial);
        observe(denial, diagnosed)
    };
    let mut findings = fold(denials.into_iter().map(observed));
    match (findings.pop(), findings.len()) {
        (Some(one), 0) => Ok(one),
        (None, _) => bail!("no denial in `{name}`: give the whole error, or a CloudTrail event as JSON"),
        (Some(_), more) => bail!("{} findings in `{name}`: `scan` it, then give `--against` one's id", more + 1),
    }
}

/// What a log shows; of a finding of the ledger it is kept there too.
fn observed(
    args: &VerifyArgs,
    finding: &Finding,
    world: &World,
    problems: &mut Vec<Problem>,
    global: &Global,
) -> anyhow::Result<Option<Observed>> {
    let Some(sources) = &args.observed else { return Ok(None) };
    let looked =
        if args.lookup { history(args, finding, world) } else { app::verify::observed(finding, sources, world) };
    problems.extend(looked.problems);
    if !looked.seen.is_empty() && inputs::ledger(global).is_ok_and(|ledger| ledger.find(&finding.id).is_ok()) {
        inputs::ledger_to_write(global)?.record(looked.seen, clock::now())?;
    }
    Ok(Some(looked.observed))
}

#[cfg(feature = "lookup")]
fn history(args: &VerifyArgs, finding: &Finding, world: &World) -> Looked {
    app::verify::observed_in_history(finding, &args.only_region, None, world)
}

#[cfg(not(feature = "lookup"))]
fn history(args: &VerifyArgs, finding: &Finding, world: &World) -> Looked {
    let error = "this build cannot reach AWS: build it with `cargo build --release --features lookup`".to_owned();
    let input = format!("Event history {}", args.only_region.join(" ")).trim_end().to_owned();
    Looked { problems: vec![Problem { input, error }], ..app::verify::observed(finding, &[], world) }
}

/// AWS's own checks, with `--live`: beside our verdict, never instead of it.
#[cfg(feature = "live")]
fn ask(
    documents: &[Candidate],
    checks: &[Verified],
    finding: &Finding,
    in_force: &InForce,
    global: &Global,
) -> anyhow::Result<Option<Vec<Asked>>> {
    use crate::io::aws::{Aws, Options, judges};
    if !global.live {
        return Ok(None);
    }
    let held = in_force.of(&finding.principal);
    let told = finding.principal.arn.as_deref().filter(|_| finding.principal.path_known);
    let principal = held.as_ref().and_then(|held| held.arn.as_deref()).or(told);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let aws = runtime.block_on(Aws::load(&Options::default()));
    let mut all = Vec::new();
    for (at, (candidate, checked)) in documents.iter().zip(checks).enumerate() {
        let kind = checked.target.kind;
        let in_force = held.as_ref().map(|held| verify_place(held, kind)).unwrap_or_default();
        let (document, exact, recorded) = (&candidate.document, &checked.check.exact, &checked.check.recorded);
        let question = judges::Question { document, exact, in_force: &in_force, kind, principal, recorded };
        all.extend(runtime.block_on(judges::ask(aws.signed(), at, question)));
    }
    Ok(Some(all))
}

#[cfg(not(feature = "live"))]
fn ask(_: &[Candidate], _: &[Verified], _: &Finding, _: &InForce, _: &Global) -> anyhow::Result<Option<Vec<Asked>>> {
    Ok(None)
}
