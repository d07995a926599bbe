//! `denywatch outbox` and `quarantine`: what waits to be told, and what nobody could handle.

use super::{DONE, Global, Output, inputs, print};
use crate::io::clock;
use crate::io::stores::{Open, Quarantined};
use crate::render::escape::terminal;
use crate::render::words::plural;
use clap::Args;
use jiff::Timestamp;

#[derive(Debug, Args)]
pub(super) struct OutboxArgs {
    /// Only what should have been looked at by now.
    #[arg(long)]
    due: bool,
}

#[derive(Debug, Args)]
pub(super) struct QuarantineArgs {
    /// Print each message whole, as it came.
    #[arg(long)]
    bodies: bool,
}

pub(super) fn outbox(args: &OutboxArgs, global: &Global) -> anyhow::Result<u8> {
    let now = clock::now();
    let open = inputs::ledger(global)?.open_deliveries(args.due.then_some(now))?;
    match global.output {
        Output::Json => print::json(&open, true)?,
        Output::Jsonl => open.iter().try_for_each(|one| print::json(one, false))?,
        Output::Text => {
            print::out(&open.iter().map(|one| waits(one, now)).collect::<String>())?;
            print::say(global.quiet, &format!("deliveries not done: {}", open.len()));
        }
    }
    Ok(DONE)
}

/// `D-… slack: due since 2026-11-28 10:00, tried 3 times`.
fn waits(open: &Open, now: Timestamp) -> String {
    let when = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let delivery = &open.delivery;
    let state = match (delivery.lease, delivery.due) {
        (Some(until), _) if until > now => format!("being sent, until {}", when(until)),
        (Some(until), _) => format!("its sender died before {}", when(until)),
        (None, Some(due)) if due > now => format!("waits until {}", when(due)),
        (None, Some(due)) => format!("due since {}", when(due)),
        (None, None) => "done".to_owned(),
    };
    let tried = if delivery.attempts > 0 {
        format!(", tried {}", plural(delivery.attempts.into(), "time"))
    } else {
        String::new()
    };
    format!("{} {}: {state}{tried}\n", terminal(&open.id), terminal(&open.destination))
}

pub(super) fn quarantine(args: &QuarantineArgs, global: &Global) -> anyhow::Result<u8> {
    let kept = inputs::ledger(global)?.quarantined()?;
    match global.output {
        Output::Json => print::json(&kept, true)?,
        Output::Jsonl => kept.iter().try_for_each(|one| print::json(one, false))?,
        Output::Text => {
            print::out(&kept.iter().map(|one| told(one, args.bodies)).collect::<String>())?;
            print::say(global.quiet, &format!("{} in quarantine", plural(kept.len() as u64, "message")));
        }
    }
    Ok(DONE)
}

fn told(one: &Quarantined, whole: bool) -> String {
    let head = format!("{} {} ({} bytes)\n", one.at, terminal(&one.reason), one.body.len());
    if whole { format!("{head}{}\n\n", terminal(&one.body)) } else { head }
}
