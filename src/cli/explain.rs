//! `denywatch explain`: one pasted error, event or log.

use super::{Global, Output, inputs, print};
use crate::app::{self, OutcomeKind};
use crate::denial::Given;
use crate::io::sources::files;
use crate::render;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A file, `-` for standard input, or the error itself.
    #[arg(value_name = "SOURCE", default_value = "-")]
    source: String,
    /// Who was refused, where the message does not tell: a role, user or session ARN.
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
    /// On what, where the message does not tell.
    #[arg(long, value_name = "ARN")]
    resource: Option<String>,
}

pub(super) fn run(args: &ExplainArgs, global: &Global) -> anyhow::Result<u8> {
    let (world, problems) = inputs::world(global)?;
    let (name, bytes) = files::source(&args.source)?;
    let given = Given { principal: args.principal.clone(), resource: args.resource.clone() };
    let mut outcome = app::explain(&bytes, &name, &given, &world);
    outcome.problems.splice(0..0, problems);
    match global.output {
        Output::Json => print::json(&outcome, true)?,
        Output::Jsonl => print::json(&outcome, false)?,
        Output::Text => print::out(&render::text::explain(&outcome.findings, outcome.outcome == OutcomeKind::NotDenied))?,
    }
    for problem in &outcome.problems {
        print::say(false, &format!("not read: {}: {}", problem.input, problem.error));
    }
    Ok(outcome.exit_code())
}
