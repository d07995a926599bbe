//! `denywatch watch`: live events of a queue, told at the terminal as alerts are.
//!
//! A message is hidden from others while it is looked at, and released in the end: looking takes nothing away. But the queue
//! counts each look as a try, and gives a message up after so many: so a queue of its own, filled by the same rule and
//! emptied with `--delete`, is better than the function's.

use super::{Global, inputs};
use clap::Args;
use jiff::SignedDuration;

#[derive(Debug, Args)]
#[cfg_attr(not(feature = "live"), allow(dead_code, reason = "this build cannot reach AWS"))]
pub(super) struct WatchArgs {
    /// The queue's URL or ARN.
    #[arg(value_name = "QUEUE")]
    queue: String,
    /// Take messages off the queue once they are told. Without it they are left, and the queue counts one more try of each.
    #[arg(long)]
    delete: bool,
    /// End when the queue is empty.
    #[arg(long)]
    once: bool,
    /// End after this time, such as `90s`, `10m`, `8h`.
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    for_: Option<SignedDuration>,
}

/// A wrong use that the parser of the arguments cannot see.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "live"), allow(dead_code, reason = "this build cannot reach AWS"))]
pub(super) enum Misuse {
    #[error("`watch` talks to AWS and `--offline` forbids it: leave one of them out")]
    Offline,
    #[error("{0}")]
    NoQueue(String),
}

fn span(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "expected a number and `s`, `m`, `h` or `d`, such as `10m`".to_owned();
    inputs::span(text).ok_or_else(wrong)
}

pub(super) fn run(args: &WatchArgs, global: &Global) -> anyhow::Result<u8> {
    match global.offline {
        true => Err(Misuse::Offline.into()),
        false => live::run(args, global),
    }
}

#[cfg(not(feature = "live"))]
mod live {
    use super::{Global, WatchArgs};

    pub(super) fn run(_: &WatchArgs, _: &Global) -> anyhow::Result<u8> {
        anyhow::bail!("this build cannot reach AWS: build it with `cargo build --release --features live`")
    }
}

#[cfg(feature = "live")]
mod live {
    use super::super::{DONE, Output, UNREAD, inputs, print};
    use super::{Global, Misuse, WatchArgs};
    use crate::app::audience::Audience;
    use crate::app::replay::{Batch, Replay, Sent};
    use crate::app::{World, ingest};
    use crate::delivery::{Floor, Routes};
    use crate::io::aws::queue::{Place, Queue, Received};
    use crate::io::aws::{Aws, Options};
    use crate::io::clock;
    use crate::io::settings::Settings;
    use crate::io::sources::envelope::{self, Input};
    use crate::record::Record;
    use crate::render::words::plural;
    use anyhow::Context as _;
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::time::Duration;
    use tokio::time::Instant;

    /// A person ended it.
    const INTERRUPTED: u8 = 130;
    /// Messages that are remembered to be released; more are released by the queue itself.
    const HELD: usize = 10_000;
    /// A year: no deadline.
    const LONG: Duration = Duration::from_secs(365 * 86_400);

    pub(super) fn run(args: &WatchArgs, global: &Global) -> anyhow::Result<u8> {
        let place = Place::parse(&args.queue).map_err(|fault| Misuse::NoQueue(fault.to_string()))?;
        let (world, problems) = inputs::world(global)?;
        print::problems(&problems);
        let settings = inputs::settings(global)?;
        let settings = at_a_terminal(&settings);
        let audience = Audience::new(&settings);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let aws = Aws::load(&Options { profile: None, region: place.region.clone() }).await;
            let queue = Queue::new(aws.signed().clone(), place);
            let replay = Replay::new(&world, &audience, &settings).at_once();
            let mut watch =
                Watch { args, global, world: &world, queue, replay, held: BTreeMap::new(), seen: Seen::default() };
            watch.warn().await;
            let code = watch.until_the_end().await;
            watch.release().await;
            code
        })
    }

    /// All findings to the terminal; accounts and owners are known by the configuration's names.
    fn at_a_terminal(settings: &Settings) -> Settings {
        let usual = Settings::default();
        let owners = settings.routes.owners.clone();
        let routes = Routes { routes: usual.routes.routes.clone(), owners, floor: Floor::default() };
        let keep = settings.keep.clone();
        Settings { routes, keep, formats: settings.formats.clone(), ..usual }
    }

    #[derive(Default)]
    struct Seen {
        messages: u64,
        records: u64,
        told: u64,
        unread: u64,
    }

    struct Watch<'a> {
        args: &'a WatchArgs,
        global: &'a Global,
        world: &'a World,
        queue: Queue,
        replay: Replay<'a>,
        /// Receipts of messages that are to be released, by id.
        held: BTreeMap<String, String>,
        seen: Seen,
    }

    impl Watch<'_> {
        /// Says what looking costs.
        async fn warn(&self) {
            let attributes = match self.queue.attributes().await {
                Ok(attributes) => attributes,
                Err(error) => {
                    return print::say(self.global.quiet, &format!("the queue's attributes are not read: {error}"));
                }
            };
            let policy = attributes["RedrivePolicy"].as_str().and_then(|text| serde_json::from_str(text).ok());
            let most = policy.and_then(|policy: serde_json::Value| match &policy["maxReceiveCount"] {
                serde_json::Value::String(text) => text.parse().ok(),
                number => number.as_u64(),
            });
            if let Some(most) = most.filter(|_| !self.args.delete) {
                let told = format!(
                    "each look counts as a try, and after {most} tries this queue gives a message up: better watch a queue \
                     of its own, with --delete"
                );
                print::say(self.global.quiet, &told);
            }
        }

        async fn until_the_end(&mut self) -> anyhow::Result<u8> {
            let whole = self.args.for_.and_then(|time| Duration::try_from(time).ok()).unwrap_or(LONG);
            let end = Instant::now() + whole;
            // One listener for the whole time: what is told meanwhile misses no signal.
            let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
            let queue = self.queue.clone();
            let code = loop {
                let mut receive = std::pin::pin!(queue.receive());
                let received = tokio::select! {
                    done = &mut interrupt => {
                        done.context("cannot listen for Ctrl-C")?;
                        Err(true)
                    }
                    () = tokio::time::sleep_until(end) => Err(false),
                    received = &mut receive => Ok(received?),
                };
                match received {
                    Ok(received) => {
                        if !self.take(received).await? {
                            break self.code();
                        }
                    }
                    Err(interrupted) => {
                        // What is under way would stay hidden from others: it is waited for, and released with the rest.
                        self.hold(receive.await?);
                        break if interrupted { INTERRUPTED } else { self.code() };
                    }
                }
            };
            let Seen { messages, records, told, unread } = self.seen;
            let summary = format!(
                "{} with {}: {told} told, {unread} not read",
                plural(messages, "message"),
                plural(records, "record")
            );
            print::say(self.global.quiet, &summary);
            Ok(code)
        }

        fn code(&self) -> u8 {
            if self.seen.unread == 0 { DONE } else { UNREAD }
        }

        fn tell(&mut self, received: &[Received]) -> anyhow::Result<()> {
            let now = clock::now();
            let fresh = received.iter().filter(|message| !self.held.contains_key(&message.id));
            let one =
                |message: &Received| json!({"messageId": message.id, "eventSource": "aws:sqs", "body": message.body});
            let batch: Vec<serde_json::Value> = fresh.map(one).collect();
            self.seen.messages += batch.len() as u64;
            let mut records = Vec::new();
            if let Input::Messages { messages, .. } = envelope::read(&json!({ "Records": batch })) {
                for message in messages.into_iter().filter(|_| !batch.is_empty()) {
                    match message.records {
                        Ok(values) => records.extend(values),
                        Err(why) => {
                            self.seen.unread += 1;
                            print::say(false, &format!("not read: message {}: {why}", message.id));
                        }
                    }
                }
            }
            let read: Vec<Record> = records.iter().filter_map(Record::from_value).collect();
            self.seen.records += read.len() as u64;
            let batch = Batch { denials: ingest::denials(&read, self.world), changes: ingest::changes(&read) };
            let mut sent = self.replay.pass(now)?;
            sent.extend(self.replay.take(batch, now)?);
            self.seen.told += sent.len() as u64;
            sent.iter().try_for_each(|one| self.show(one))
        }

        fn show(&self, one: &Sent) -> anyhow::Result<()> {
            print::learn(&one.advice);
            match self.global.output {
                Output::Text => print::out(&format!("=== {}: {}\n{}\n", one.at, one.stage.word(), one.message.body)),
                Output::Json | Output::Jsonl => {
                    let value = json!({"at": one.at, "stage": one.stage, "finding": one.advice});
                    print::json(&value, self.global.output == Output::Json)
                }
            }
        }

        /// Tells what came; false when that was the last of it.
        async fn take(&mut self, received: Vec<Received>) -> anyhow::Result<bool> {
            // What comes again was seen: the queue shows nothing new.
            if self.args.once && received.iter().all(|message| self.held.contains_key(&message.id)) {
                return Ok(false);
            }
            self.tell(&received)?;
            if self.args.delete {
                let receipts: Vec<String> = received.into_iter().map(|message| message.receipt).collect();
                self.queue.delete(&receipts).await?;
            } else {
                self.hold(received);
            }
            Ok(true)
        }

        /// Remembers messages, to be released in the end.
        fn hold(&mut self, received: Vec<Received>) {
            for message in received {
                if self.held.len() < HELD || self.held.contains_key(&message.id) {
                    self.held.insert(message.id, message.receipt);
                }
            }
        }

        async fn release(&self) {
            let receipts: Vec<String> = self.held.values().cloned().collect();
            if let Err(error) = self.queue.release(&receipts).await {
                let told =
                    format!("the messages are seen by others again when their visibility timeout is over: {error}");
                print::say(self.global.quiet, &told);
            }
        }
    }
}
