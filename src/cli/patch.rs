//! `denywatch patch`: a finding's patch in the format of where the policy lives.

use super::{DONE, Global, inputs, print};
use crate::advice::{Advice, advise};
use crate::app::{self, World};
use crate::diagnosis::TargetKind;
use crate::io::sources::paste;
use crate::io::stores::Filter;
use crate::patch::{Applicability, Patch};
use crate::render::{self, Format, PatchContext, RenderError};
use anyhow::bail;
use clap::{Args, ValueEnum};

/// What the ledger holds was told by AWS; nobody adds to it from the keyboard.
#[derive(Debug, thiserror::Error)]
#[error("`--principal` and `--resource` go with a pasted error alone: `denywatch patch -`")]
pub(super) struct NotPasted;

/// Nothing to patch by design.
const UPHELD: u8 = 4;

#[derive(Debug, Args)]
pub(super) struct PatchArgs {
    /// A finding's id in the ledger or the beginning of it, or `-` for a pasted error or event on standard input.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    told: inputs::GivenArgs,
    /// The format.
    #[arg(long, value_enum, default_value_t = PatchFormat::Json)]
    format: PatchFormat,
    /// Add what is likely to be denied next, each as a statement of its own.
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
    /// Terraform.
    Hcl,
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
            PatchFormat::Cfn => Self::Cfn,
            PatchFormat::CfnJson => Self::CfnJson,
            PatchFormat::Cli => Self::Cli,
        }
    }
}

pub(super) fn run(args: &PatchArgs, global: &Global) -> anyhow::Result<u8> {
    let (world, _) = inputs::world(global)?;
    let all = findings(args, &world, global)?;
    let advice = if args.id == "-" { leading(&all)? } else { inputs::pick(&all, &args.id)? };
    if !advice.patches.iter().any(|patch| patch.document.is_some()) {
        print::say(false, &format!("{}: nothing to patch: {}", advice.id, advice.diagnosis.summary));
        return Ok(UPHELD);
    }
    print::out(&written(advice, args)?)?;
    for patch in advice.patches.iter().filter(|patch| patch.applicability == Applicability::Review) {
        for doubt in &patch.doubts {
            print::say(global.quiet, &format!("review first: {doubt}"));
        }
    }
    Ok(DONE)
}

/// The ledger's findings, or those of what is pasted.
fn findings(args: &PatchArgs, world: &World, global: &Global) -> anyhow::Result<Vec<Advice>> {
    if args.id == "-" {
        let (name, bytes) = paste::read(&args.id)?;
        return Ok(app::explain(&bytes, &name, &args.told.given(), world).findings);
    }
    if !args.told.is_empty() {
        return Err(NotPasted.into());
    }
    let ledger = inputs::ledger(global)?;
    Ok(advise(&ledger.findings(&Filter::default())?, world.context()))
}

fn leading(all: &[Advice]) -> anyhow::Result<&Advice> {
    match all {
        [one] => Ok(one),
        [] => bail!("no denial on standard input: paste the whole error, or a CloudTrail event as JSON"),
        [_, _, ..] => bail!("{} findings on standard input: `scan` it, then patch one by its id", all.len()),
    }
}

/// Every patch of the finding that has a document, the surest first.
fn written(advice: &Advice, args: &PatchArgs) -> Result<String, RenderError> {
    let one = |patch: &Patch| {
        // A bucket's ARN names no account, and the denial may be of the caller's account: the script asks for it.
        let is_bucket = patch.target.kind == TargetKind::BucketPolicy;
        let context = PatchContext {
            finding: Some(advice.id.clone()),
            companions: args.companions,
            profile: args.profile.clone(),
            account: advice.account.clone().filter(|_| !is_bucket),
        };
        render::patch(patch, &context, args.format.into())
    };
    let with_document = advice.patches.iter().filter(|patch| patch.document.is_some());
    let texts: Vec<String> = with_document.map(one).collect::<Result<_, _>>()?;
    Ok(texts.join("\n"))
}
