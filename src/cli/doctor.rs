//! `denywatch doctor`: whether denials arrive and can be told.

use super::{Global, inputs};
use clap::Args;

#[derive(Debug, Args)]
#[cfg_attr(not(feature = "notify"), allow(dead_code, reason = "this build cannot reach AWS"))]
pub(super) struct DoctorArgs {
    /// The function's name; all else is found by it.
    #[arg(long, value_name = "NAME", default_value = "denywatch")]
    function: String,
    /// Only these Regions' rules are looked for, and us-east-1's; else those of all Regions that the account has switched on.
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    only_region: Vec<String>,
}

pub(super) fn run(args: &DoctorArgs, global: &Global) -> anyhow::Result<u8> {
    match global.offline {
        true => Err(inputs::Misuse::OfflineDoctor.into()),
        false => ask::run(args, global),
    }
}

#[cfg(not(feature = "notify"))]
mod ask {
    use super::{DoctorArgs, Global};

    pub(super) fn run(_: &DoctorArgs, _: &Global) -> anyhow::Result<u8> {
        anyhow::bail!("this build cannot reach AWS: build it with `cargo build --release --features notify,dynamodb`")
    }
}

#[cfg(feature = "notify")]
mod ask {
    use super::super::{DONE, FAILED, Output, UNREAD, inputs, print};
    use super::{DoctorArgs, Global};
    use crate::app::doctor::{Asked, Health, Point, State, examine};
    use crate::io::aws::{Aws, Options};
    use crate::render::escape::terminal;

    pub(super) fn run(args: &DoctorArgs, global: &Global) -> anyhow::Result<u8> {
        // A file that lies around is not the function's: only one that is named is taken for it.
        let settings = global.config.as_ref().map(|_| inputs::settings(global)).transpose()?;
        let asked = Asked {
            function: args.function.clone(),
            regions: args.only_region.clone(),
            settings,
            store: global.store.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let health = runtime.block_on(async {
            let aws = Aws::load(&Options::default()).await;
            examine(&aws, &asked).await
        });
        match global.output {
            Output::Text => print::out(&text(&health))?,
            Output::Json => print::json(&health, true)?,
            Output::Jsonl => health.points.iter().try_for_each(|point| print::json(point, false))?,
        }
        let count = |state| health.points.iter().filter(|point| point.state == state).count();
        let (faults, unknown) = (count(State::Fault), count(State::Unknown));
        print::say(global.quiet, &format!("{faults} faults, {unknown} not checked, {} notes", count(State::Note)));
        Ok(match health.worst() {
            State::Fault => FAILED,
            State::Unknown => UNREAD,
            State::Ok | State::Note => DONE,
        })
    }

    fn text(health: &Health) -> String {
        health.points.iter().map(line).collect()
    }

    fn line(point: &Point) -> String {
        let mark = match point.state {
            State::Ok => "ok      ",
            State::Note => "note    ",
            State::Unknown => "unknown ",
            State::Fault => "FAULT   ",
        };
        let remedy = point.remedy.as_deref().filter(|_| point.state != State::Ok);
        let remedy = remedy.map(|remedy| format!("        remedy: {}\n", terminal(remedy))).unwrap_or_default();
        format!("{mark}{}: {}: {}\n{remedy}", point.area, terminal(&point.what), terminal(&point.says))
    }
}
