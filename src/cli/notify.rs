//! `denywatch notify test`: a labelled trial message through the configured routes.

use super::{DONE, FAILED, Global, inputs, messages, print};
use crate::advice::Advice;
use crate::app::audience::{Audience, Telling};
use crate::app::{self, World};
use crate::delivery::{Destination, Stage};
use crate::denial::Given;
use crate::io::settings::Settings;
use crate::io::sinks::Message;
use anyhow::bail;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct NotifyArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Sends an invented alert, labelled TEST, to every receiver of the routes.
    Test {
        /// Only to this receiver, as the routes name it.
        #[arg(long, value_name = "RECEIVER")]
        to: Vec<String>,
        /// Print what would be sent, and send nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// A denial with the account and key of AWS's documentation.
const SAMPLE: &str = "User: arn:aws:sts::111122223333:assumed-role/denywatch-trial/run-1 is not authorized to perform: \
     kms:GenerateDataKey on resource: arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab because no \
     identity-based policy allows the kms:GenerateDataKey action";

pub(super) fn run(args: &NotifyArgs, global: &Global) -> anyhow::Result<u8> {
    let What::Test { to, dry_run } = &args.what;
    let settings = inputs::settings(global)?;
    let made = trial(&settings, to)?;
    if *dry_run {
        return dry(&made, global);
    }
    if global.offline {
        return Err(inputs::Misuse::OfflineSend.into());
    }
    let sent = send(&settings, made)?;
    let mut code = DONE;
    for (to, failed) in sent {
        match failed {
            None => print::out(&format!("{to}: sent\n"))?,
            Some(why) => {
                code = FAILED;
                print::out(&format!("{to}: NOT sent: {why}\n"))?;
            }
        }
    }
    Ok(code)
}

/// One message a receiver.
fn trial(settings: &Settings, only: &[String]) -> anyhow::Result<Vec<(Destination, Message)>> {
    let audience = Audience::new(settings);
    let all = audience.destinations();
    if let Some(unknown) = only.iter().find(|name| all.iter().all(|to| to.to_string() != **name)) {
        bail!(
            "no route has `{unknown}`: they have {}",
            all.iter().map(|to| format!("`{to}`")).collect::<Vec<_>>().join(", ")
        );
    }
    let Some(advice) = sample() else { bail!("the trial message cannot be made") };
    let routed = audience.route(&advice, &Default::default());
    let wanted = all.into_iter().filter(|to| only.is_empty() || only.contains(&to.to_string()));
    let made = wanted.map(|to| {
        let message = audience.finding(&advice, &routed, Telling { to: &to, stage: Stage::New, test: true });
        (to, message)
    });
    Ok(made.collect())
}

fn sample() -> Option<Advice> {
    let world = World::new(Default::default());
    app::explain(SAMPLE.as_bytes(), "trial", &Given::default(), &world).findings.into_iter().next()
}

fn dry(all: &[(Destination, Message)], global: &Global) -> anyhow::Result<u8> {
    for (to, message) in all {
        let facts = serde_json::Map::from_iter([("to".to_owned(), to.to_string().into())]);
        messages::show(&to.to_string(), facts, message, global)?;
    }
    print::say(global.quiet, "nothing was sent: --dry-run");
    Ok(DONE)
}

/// Each receiver, and why it did not get the message.
#[cfg(feature = "notify")]
fn send(settings: &Settings, messages: Vec<(Destination, Message)>) -> anyhow::Result<Vec<(String, Option<String>)>> {
    use crate::io::aws::{Aws, Options, start};
    use crate::io::sinks::send_within;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let aws = Aws::load(&Options::default()).await;
        let sinks = start::sinks(&aws, settings);
        let mut sent = Vec::new();
        for (to, message) in messages {
            let name = to.to_string();
            let Some(sink) = sinks.iter().find(|sink| sink.name() == name) else { continue };
            let done = send_within(sink.as_ref(), &message, std::time::Duration::from_secs(20)).await;
            sent.push((name, done.err().map(|error| error.to_string())));
        }
        sent
    }))
}

#[cfg(not(feature = "notify"))]
fn send(_: &Settings, _: Vec<(Destination, Message)>) -> anyhow::Result<Vec<(String, Option<String>)>> {
    bail!("this build cannot send: build it with `cargo build --release --features notify`, or see it with --dry-run")
}
