//! `denywatch findings`: what the ledger holds.

use super::{DONE, Global, Output, UNREAD, inputs, print};
use crate::advice::{Advice, Status};
use crate::app::ingest::changes_around;
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
    Ls {
        /// Also those that a rule keeps out of the messages.
        #[arg(long)]
        all: bool,
    },
    /// One finding whole.
    Show {
        /// Its id, or the beginning of it.
        id: String,
    },
}

pub(super) fn run(args: &FindingsArgs, global: &Global) -> anyhow::Result<u8> {
    let (world, mut problems) = inputs::world(global)?;
    let ledger = inputs::ledger(global)?;
    let found = ledger.findings(&Filter::default())?;
    let changes = changes_around(&found, ledger.as_ref())?;
    let (all, unread) = world.advise(&found, None, &changes);
    problems.extend(unread);
    print::problems(&problems);
    match &args.what {
        None => list(&all, false, global)?,
        Some(What::Ls { all: muted }) => list(&all, *muted, global)?,
        Some(What::Show { id }) => show(inputs::pick(&all, id)?, global)?,
    }
    Ok(if problems.is_empty() { DONE } else { UNREAD })
}

/// Programs get every finding, with its status; a person those that are not muted, and the number of the others.
fn list(all: &[Advice], muted: bool, global: &Global) -> anyhow::Result<()> {
    match global.output {
        Output::Json => print::json(&all, true),
        Output::Jsonl => all.iter().try_for_each(|advice| print::json(advice, false)),
        Output::Text if all.is_empty() => print::out("No findings: the ledger holds no denied call yet.\n"),
        Output::Text => {
            let shown: Vec<Advice> = all.iter().filter(|one| muted || !is_muted(one)).cloned().collect();
            print::out(&render::text::findings(&shown, print::look(global)))?;
            let hidden = all.len() - shown.len();
            if hidden > 0 {
                let what = if hidden == 1 { "1 finding is".to_owned() } else { format!("{hidden} findings are") };
                print::say(global.quiet, &format!("{what} muted by rules: `denywatch findings ls --all` shows them"));
            }
            Ok(())
        }
    }
}

fn is_muted(advice: &Advice) -> bool {
    !advice.denied.is_empty() && advice.denied.iter().all(|item| item.status == Status::Muted)
}

fn show(advice: &Advice, global: &Global) -> anyhow::Result<()> {
    match global.output {
        Output::Json => print::json(advice, true),
        Output::Jsonl => print::json(advice, false),
        Output::Text => print::out(&render::text::explain(advice, print::look(global))),
    }
}
