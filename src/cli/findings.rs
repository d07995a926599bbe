//! `denywatch findings`: what the ledger holds.

use super::{DONE, Global, Output, UNREAD, inputs, print};
use crate::advice::Advice;
use crate::io::stores::Filter;
use crate::render;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct FindingsArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All findings, the most pressing first.
    Ls,
    /// One finding whole.
    Show {
        /// Its id, or the beginning of it.
        id: String,
    },
}

pub(super) fn run(args: &FindingsArgs, global: &Global) -> anyhow::Result<u8> {
    let (world, mut problems) = inputs::world(global)?;
    let ledger = inputs::ledger(global)?;
    let (all, unread) = world.advise(&ledger.findings(&Filter::default())?, None);
    problems.extend(unread);
    print::problems(&problems);
    match &args.what {
        None | Some(What::Ls) => list(&all, global)?,
        Some(What::Show { id }) => show(inputs::pick(&all, id)?, global)?,
    }
    Ok(if problems.is_empty() { DONE } else { UNREAD })
}

fn list(all: &[Advice], global: &Global) -> anyhow::Result<()> {
    match global.output {
        Output::Json => print::json(&all, true),
        Output::Jsonl => all.iter().try_for_each(|advice| print::json(advice, false)),
        Output::Text if all.is_empty() => print::out("No findings: the ledger holds no denied call yet.\n"),
        Output::Text => print::out(&render::text::findings(all, print::look(global))),
    }
}

fn show(advice: &Advice, global: &Global) -> anyhow::Result<()> {
    match global.output {
        Output::Json => print::json(advice, true),
        Output::Jsonl => print::json(advice, false),
        Output::Text => print::out(&render::text::explain(advice, print::look(global))),
    }
}
