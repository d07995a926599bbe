//! `denywatch patch`: a finding's patch in the format of where the policy lives.

use super::{DONE, Global, UNREAD, inputs, into, print};
use crate::advice::Advice;
use crate::app::{self, World};
use crate::change::Changes;
use crate::diagnosis::TargetKind;
use crate::io::sources::paste;
use crate::io::stores::Filter;
use crate::patch::{Applicability, Patch};
use crate::record::Problem;
use crate::render::{self, Format, PatchContext, words};
use crate::triage::Verdict;
use anyhow::bail;
use clap::{Args, ValueEnum};

/// What the ledger holds was told by AWS; nobody adds to it from the keyboard.
#[derive(Debug, thiserror::Error)]
#[error("`--principal` and `--resource` go with a pasted error alone: `denywatch patch -`")]
pub(super) struct NotPasted;

/// `--target` counts the finding's patches that have a document.
#[derive(Debug, thiserror::Error)]
#[error("no target `{asked}`: the finding has {count} with a document")]
pub(super) struct NoTarget {
    asked: usize,
    count: usize,
}

/// Nothing to patch by design.
pub(super) const UPHELD: u8 = 4;
/// Too little is known.
pub(super) const UNCLEAR: u8 = 5;

#[derive(Debug, Args)]
pub(super) struct PatchArgs {
    /// A finding's id in the ledger or the beginning of it, or `-` for a pasted error or event on standard input, or for what
    /// `explain --output json` printed.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    told: inputs::GivenArgs,
    /// The format [default: json; with --into that of the folder].
    #[arg(long, value_enum)]
    format: Option<PatchFormat>,
    #[command(flatten)]
    into: into::IntoArgs,
    /// Which of the finding's policies, counted from 1 in the order of its patches; else the proven one, or the first.
    #[arg(long, value_name = "N")]
    target: Option<usize>,
    /// Add what is likely to be denied next, each as a statement of its own, where its resource is known.
    #[arg(long)]
    companions: bool,
    /// AWS CLI profile that the script names.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PatchFormat {
    /// The policy document.
    Json,
    /// Terraform, the document in `jsonencode`.
    Hcl,
    /// Terraform, the document in `data "aws_iam_policy_document"`.
    HclData,
    /// CloudFormation, YAML.
    Cfn,
    /// CloudFormation, JSON.
    CfnJson,
    /// A bash script of AWS CLI commands, with its undo.
    Cli,
}

impl From<PatchFormat> for Format {
    fn from(format: PatchFormat) -> Self {
        match format {
            PatchFormat::Json => Self::Json,
            PatchFormat::Hcl => Self::Hcl,
            PatchFormat::HclData => Self::HclData,
            PatchFormat::Cfn => Self::Cfn,
            PatchFormat::CfnJson => Self::CfnJson,
            PatchFormat::Cli => Self::Cli,
        }
    }
}

pub(super) fn run(args: &PatchArgs, global: &Global) -> anyhow::Result<u8> {
    let (world, mut problems) = inputs::world(global)?;
    let (all, unread) = findings(args, &world, global)?;
    problems.extend(unread);
    print::problems(&problems);
    let code = print_patch(args, &all, global)?;
    // A policy that could not be read may have changed the grade: that ranks above all else.
    Ok(if problems.is_empty() { code } else { UNREAD })
}

fn print_patch(args: &PatchArgs, all: &[Advice], global: &Global) -> anyhow::Result<u8> {
    let advice = if args.id == "-" { leading(all)? } else { inputs::pick(all, &args.id)? };
    let patches: Vec<&Patch> = advice.patches.iter().filter(|patch| patch.document.is_some()).collect();
    if patches.is_empty() {
        print::say(false, &format!("{}: nothing to patch: {}", advice.id, advice.diagnosis.summary));
        return Ok(if advice.verdict == Verdict::Unclear { UNCLEAR } else { UPHELD });
    }
    let at = chosen(&patches, args.target)?;
    let (patch, context) = (patches[at], context(patches[at], advice, args));
    let code = match &args.into.into {
        Some(folder) => {
            let format = args.format.map(Format::from);
            into::run((patch, advice), (folder, &args.into), &context, format, global)?
        }
        None => {
            print::out(&render::patch(patch, &context, args.format.unwrap_or(PatchFormat::Json).into())?)?;
            DONE
        }
    };
    remarks(&patches, at, advice, args).iter().for_each(|remark| print::say(global.quiet, remark));
    Ok(code)
}

/// One patch: two in one text would be applied together, or be no text of the format.
pub(super) fn chosen(patches: &[&Patch], asked: Option<usize>) -> Result<usize, NoTarget> {
    let proven = || patches.iter().position(|patch| patch.applicability == Applicability::Apply).unwrap_or(0);
    let Some(asked) = asked else { return Ok(proven()) };
    let at = asked.checked_sub(1).filter(|at| *at < patches.len());
    at.ok_or(NoTarget { asked, count: patches.len() })
}

/// What a person must know besides the text: its doubts, what was left out of it, and the finding's other patches.
fn remarks(patches: &[&Patch], at: usize, advice: &Advice, args: &PatchArgs) -> Vec<String> {
    let patch = patches[at];
    let doubts = patch.doubts.iter().filter(|_| patch.applicability == Applicability::Review);
    let mut all: Vec<String> = doubts.map(|doubt| format!("review first: {doubt}")).collect();
    let kept_out = patch.companions.iter().filter(|one| args.companions && !render::is_addable(patch, one));
    all.extend(kept_out.map(|one| format!("not added: {}: {}", one.actions.join(", "), one.why)));
    for (other, patch) in patches.iter().enumerate().filter(|(other, _)| *other != at) {
        let place = words::place(&patch.target, &advice.principal);
        let doubt = patch.doubts.first().map(|doubt| format!(": {doubt}")).unwrap_or_default();
        all.push(format!("not written: --target {}: {place} ({}){doubt}", other + 1, patch.applicability));
    }
    all
}

/// The ledger's findings, or those of what is pasted, and what could not be read of the policies in force.
fn findings(args: &PatchArgs, world: &World, global: &Global) -> anyhow::Result<(Vec<Advice>, Vec<Problem>)> {
    if args.id == "-" {
        let (name, bytes) = paste::read(&args.id)?;
        if let Some(printed) = app::printed(&bytes, world.catalog) {
            return Ok((printed?, Vec::new()));
        }
        let outcome = app::explain(&bytes, &name, &args.told.given(), world);
        return Ok((outcome.findings, if global.live { outcome.problems } else { Vec::new() }));
    }
    if !args.told.is_empty() {
        return Err(NotPasted.into());
    }
    let ledger = inputs::ledger(global)?;
    let all = ledger.findings(&Filter::default())?;
    // Of one finding alone AWS is asked.
    let asked = inputs::ids_beginning(&all, &args.id);
    Ok(world.advise(&all, Some(&asked), &Changes::new()))
}

fn leading(all: &[Advice]) -> anyhow::Result<&Advice> {
    match all {
        [one] => Ok(one),
        [] => bail!("no denial on standard input: paste the whole error, or a CloudTrail event as JSON"),
        [_, _, ..] => bail!("{} findings on standard input: `scan` it, then patch one by its id", all.len()),
    }
}

fn context(patch: &Patch, advice: &Advice, args: &PatchArgs) -> PatchContext {
    // A bucket's ARN names no account, and the denial may be of the caller's account: the script asks for it.
    let is_bucket = patch.target.kind == TargetKind::BucketPolicy;
    PatchContext {
        finding: Some(advice.id.clone()),
        companions: args.companions,
        profile: args.profile.clone(),
        account: advice.account.clone().filter(|_| !is_bucket),
        principal: Some(advice.principal.clone()),
    }
}
