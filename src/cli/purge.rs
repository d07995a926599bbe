//! `denywatch purge`: what the ledger forgets at once.

use super::{DONE, Global, Output, inputs, print};
use crate::io::clock;
use crate::principal;
use clap::Args;

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct PurgeArgs {
    /// A role or user, by its ARN (a session's stands for its role) or its name: its findings with all counts and
    /// samples, what was told of them, changes of policies that it made or that touched it, documents and quarantined messages
    /// that name it. What others were refused stays, also where they asked for this role or user.
    #[arg(long, value_name = "ARN|NAME")]
    principal: Option<String>,
    /// What is older than the ledger keeps it.
    #[arg(long)]
    expired: bool,
}

pub(super) fn run(args: &PurgeArgs, global: &Global) -> anyhow::Result<u8> {
    let mut ledger = inputs::ledger(global)?;
    let purged = match &args.principal {
        Some(named) => {
            let durable = principal::from_arn(named).arn.unwrap_or_else(|| named.clone());
            ledger.purge(&durable)?
        }
        None => ledger.expire(clock::now())?,
    };
    match global.output {
        Output::Json => print::json(&purged, true)?,
        Output::Jsonl => print::json(&purged, false)?,
        Output::Text => print::out(&format!(
            "forgotten: {} findings, samples of {} more, {} notes of what was told, {} quarantined messages, {} changes of policies\n",
            purged.findings, purged.samples, purged.deliveries, purged.quarantined, purged.changes
        ))?,
    }
    Ok(DONE)
}
