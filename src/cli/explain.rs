//! `denywatch explain`: one pasted error, event or log.

use super::{Global, Output, inputs, print};
use crate::app::{self, Outcome, OutcomeKind};
use crate::io::sources::paste;
use crate::render;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A file, `-` for standard input, or the error itself.
    #[arg(value_name = "SOURCE", default_value = "-")]
    source: String,
    #[command(flatten)]
    told: inputs::GivenArgs,
}

pub(super) fn run(args: &ExplainArgs, global: &Global) -> anyhow::Result<u8> {
    let (world, problems) = inputs::world(global)?;
    let (name, bytes) = paste::read(&args.source)?;
    let mut outcome = app::explain(&bytes, &name, &args.told.given(), &world);
    outcome.problems.splice(0..0, problems);
    match global.output {
        Output::Json => print::json(&outcome, true)?,
        Output::Jsonl => print::json(&outcome, false)?,
        Output::Text => print::out(&text(&outcome, global))?,
    }
    for problem in &outcome.problems {
        print::say(false, &format!("not read: {}: {}", problem.input, problem.error));
    }
    Ok(outcome.exit_code())
}

/// Each finding whole, or the words for none.
fn text(outcome: &Outcome, global: &Global) -> String {
    let look = print::look(global);
    let answers: Vec<String> = outcome.findings.iter().map(|advice| render::text::explain(advice, look)).collect();
    match (answers.is_empty(), outcome.outcome) {
        (true, OutcomeKind::NotDenied) => "No denial here: none of the records was refused.\n".to_owned(),
        (true, _) => "No denial found. Paste the whole error, or a CloudTrail event as JSON.\n".to_owned(),
        (false, _) => answers.join("\n"),
    }
}
