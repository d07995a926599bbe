//! `denywatch explain`: one pasted error, event or log.

use super::{Global, Output, inputs, print};
use crate::app::{self, Outcome, OutcomeKind};
use crate::io::sources::paste;
use crate::render;
use anyhow::anyhow;
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
    let (name, bytes) = paste::read(&args.source).map_err(|fault| match is_finding_id(&args.source) {
        true => anyhow!("`{0}` is a finding's id, not a file: `denywatch findings show {0}` tells it", args.source),
        false => fault.into(),
    })?;
    let mut outcome = app::explain(&bytes, &name, &args.told.given(), &world);
    outcome.problems.splice(0..0, problems);
    print::learn(&outcome);
    outcome.findings = print::masked(outcome.findings);
    match global.output {
        Output::Json => print::json(&outcome, true)?,
        Output::Jsonl => print::json(&outcome, false)?,
        Output::Text => print::out(&text(&outcome, global))?,
    }
    print::problems(&outcome.problems);
    Ok(outcome.exit_code())
}

/// `D-` and what ids are written with (base32), in either letter case.
fn is_finding_id(text: &str) -> bool {
    let id = text.strip_prefix("D-").or_else(|| text.strip_prefix("d-")).unwrap_or_default();
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'2'..=b'7'))
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
