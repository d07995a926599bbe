//! `denywatch sweep`: are the calls that were denied allowed by now?

use super::{DONE, Global, Output, UNREAD, inputs, print};
use crate::app::sweep::{Swept, sweep, sweep_archive};
use crate::io::aws::{Aws, Options};
use crate::io::clock;
use crate::io::sources::pace::RealPace;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    /// An archive: CloudTrail files or folders. Without it Event history is asked (LookupEvents, two requests a second);
    /// what does not fit into the time goes on with the next sweep.
    #[arg(value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// The longest that Event history is asked.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, conflicts_with = "sources")]
    limit: u64,
}

pub(super) fn run(args: &SweepArgs, global: &Global) -> anyhow::Result<u8> {
    if args.sources.is_empty() && global.offline {
        return Err(inputs::Misuse::Offline.into());
    }
    let (world, mut problems) = inputs::world(global)?;
    let mut ledger = inputs::ledger(global)?;
    let now = clock::now();
    let mut swept = if args.sources.is_empty() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let aws = Aws::load(&Options::default()).await;
            let (pace, limit) = (RealPace::start(), Duration::from_secs(args.limit));
            sweep(ledger.as_mut(), &world, aws.signed(), &pace, (now, limit)).await
        })?
    } else {
        sweep_archive(&args.sources, ledger.as_mut(), &world, now)?
    };
    problems.append(&mut swept.problems);
    swept.problems = problems;
    match global.output {
        Output::Json => print::json(&swept, true)?,
        Output::Jsonl => print::json(&swept, false)?,
        Output::Text => print::out(&text(&swept))?,
    }
    print::problems(&swept.problems);
    Ok(if swept.problems.is_empty() { DONE } else { UNREAD })
}

fn text(swept: &Swept) -> String {
    let line = |what: &str, ids: &[String]| match ids {
        [] => String::new(),
        ids => format!("{what}: {}\n", ids.join(", ")),
    };
    let mut out = format!("looked for: {} findings\n", swept.findings);
    out += &line("resolved (allowed calls were seen since)", &swept.resolved);
    out += &line("quiet (nothing was seen since, neither denied nor allowed)", &swept.quiet);
    out += &line("cannot be seen (neither Event history nor an archive holds such calls)", &swept.unseen);
    if swept.unfinished > 0 {
        out += &format!("not finished: {} queries; the next sweep goes on with them\n", swept.unfinished);
    }
    out
}
