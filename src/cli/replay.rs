//! `denywatch replay`: what would be sent, to whom, how it looks there. Nothing is sent and nothing is kept.

use super::{DONE, Global, UNREAD, inputs, messages, print};
use crate::app::World;
use crate::app::audience::Audience;
use crate::app::explain;
use crate::app::ingest::changes_around;
use crate::app::replay::{Replay, Sent, batches, message};
use crate::delivery::{Action, Bucket, Destination, Seen, Tags};
use crate::io::clock;
use crate::io::settings::Settings;
use crate::io::sinks::Message;
use crate::io::sources::paste;
use crate::io::stores::{Delivery, Filter};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// A file with events, `-` for standard input, an error itself, or the id of a finding of the ledger.
    #[arg(value_name = "SOURCE|ID", default_value = "-")]
    source: String,
    #[command(flatten)]
    told: inputs::GivenArgs,
    /// Only what goes to this receiver, as the routes name it.
    #[arg(long, value_name = "RECEIVER")]
    to: Vec<String>,
    /// Events are collected so long before the function is called, as the template's `BatchingWindowSeconds` says.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    window: u32,
    /// A finding's message as to somebody who was told nothing yet.
    #[arg(long)]
    anew: bool,
}

pub(super) fn run(args: &ReplayArgs, global: &Global) -> anyhow::Result<u8> {
    let settings = inputs::settings(global)?;
    let (world, problems) = inputs::world(global)?;
    let stage = Stage { args, global, audience: Audience::new(&settings), settings, world };
    stage.known()?;
    if stage.settings.paused {
        print::say(global.quiet, "sending is paused by the configuration: until it is off, nothing of this goes out");
    }
    print::problems(&problems);
    let all_read = match is_id(&args.source) {
        true => stage.finding()?,
        false => stage.events()?,
    };
    print::say(global.quiet, "nothing was sent: this is a replay");
    Ok(if problems.is_empty() && all_read { DONE } else { UNREAD })
}

fn is_id(source: &str) -> bool {
    let begins = source.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("d-"));
    begins && !source.contains(' ') && !std::path::Path::new(source).exists()
}

struct Stage<'a> {
    args: &'a ReplayArgs,
    global: &'a Global,
    settings: Settings,
    audience: Audience,
    world: World,
}

impl Stage<'_> {
    /// Each receiver that was named must be one.
    fn known(&self) -> anyhow::Result<()> {
        let all = self.audience.destinations();
        match self.args.to.iter().find(|name| all.iter().all(|to| to.to_string() != **name)) {
            None => Ok(()),
            Some(unknown) => {
                let names: Vec<String> = all.iter().map(|to| format!("`{to}`")).collect();
                anyhow::bail!("no route has `{unknown}`: they have {}", names.join(", "))
            }
        }
    }

    fn is_wanted(&self, to: &Destination) -> bool {
        self.args.to.is_empty() || self.args.to.contains(&to.to_string())
    }

    /// Events at their own times. Whether all could be read.
    fn events(&self) -> anyhow::Result<bool> {
        let now = clock::now();
        let (name, bytes) = paste::read(&self.args.source)?;
        let events = explain::events(&bytes, &name, &self.args.told.given(), &self.world);
        let (denials, problems) = (events.denials, events.problems);
        print::learn(&denials);
        print::learn(&events.changes);
        print::problems(&problems);
        if denials.is_empty() {
            print::say(false, "no denial here: nothing would be sent");
            return Ok(problems.is_empty());
        }
        let window = SignedDuration::from_secs(self.args.window.into());
        let mut replay = Replay::new(&self.world, &self.audience, &self.settings);
        let (mut count, mut last) = (0, now);
        for (at, batch) in batches(denials, events.changes, window, now) {
            count += self.show_all(&replay.pass(at)?)?;
            count += self.show_all(&replay.take(batch, at)?)?;
            last = at;
        }
        // What the last events brought is told within these; reminders come later.
        let pacing = &self.settings.policy.pacing;
        let end = last.checked_add(pacing.wait.max(pacing.update_every)).unwrap_or(last);
        count += self.show_all(&replay.pass(end)?)?;
        self.remain(&replay);
        print::say(self.global.quiet, &crate::render::words::plural(count, "message"));
        Ok(problems.is_empty())
    }

    fn show_all(&self, sent: &[Sent]) -> anyhow::Result<u64> {
        let wanted: Vec<&Sent> = sent.iter().filter(|one| self.is_wanted(&one.to)).collect();
        for one in &wanted {
            let head = format!("{} at {}: {}", one.to, one.at, one.stage.word());
            let facts = [("at", json!(one.at)), ("to", json!(one.to.to_string())), ("stage", json!(one.stage))];
            let facts = facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            messages::show(&head, facts, &one.message, self.global)?;
        }
        Ok(wanted.len() as u64)
    }

    /// What would not have been sent by then.
    fn remain(&self, replay: &Replay<'_>) {
        for (to, id) in replay.for_digest().iter().filter(|(to, _)| self.is_wanted(to)) {
            print::say(self.global.quiet, &format!("{id}: for the digest of `{to}`"));
        }
        for (id, to, at) in replay.waiting().filter(|(_, to, _)| self.is_wanted(to)) {
            print::say(self.global.quiet, &format!("{id}: `{to}` is looked at again at {at}"));
        }
    }

    /// A finding of the ledger: what the outbox would do with it now.
    fn finding(&self) -> anyhow::Result<bool> {
        let ledger = inputs::ledger(self.global)?;
        let findings = ledger.findings(&Filter::default())?;
        let asked = inputs::ids_beginning(&findings, &self.args.source);
        let wanted = findings.iter().filter(|finding| asked.contains(&finding.id));
        let changes = changes_around(wanted, &self.world.in_force, ledger.as_ref())?;
        let (all, problems) = self.world.advise(&findings, Some(&asked), &changes);
        print::problems(&problems);
        let advice = inputs::pick(&all, &self.args.source)?;
        let finding = findings.iter().find(|finding| finding.id == advice.id);
        let tags = finding.map(|finding| self.world.tags_of(finding)).unwrap_or_default();
        let stored = |to: &Destination| match self.args.anew {
            true => Ok(Delivery::default()),
            false => ledger.delivery(&advice.id, &to.to_string()).map(Option::unwrap_or_default),
        };
        let was_told = |to: &Destination| stored(to).is_ok_and(|one| one.told.posted.is_some());
        let now = clock::now();
        for to in self.audience.hears(advice, &tags, &was_told).iter().filter(|to| self.is_wanted(to)) {
            self.decided(advice, (to, &tags), &stored(to)?, now)?;
        }
        for to in self.audience.route(advice, &tags).digest.iter().filter(|to| self.is_wanted(to)) {
            print::say(self.global.quiet, &format!("{}: for the digest of `{to}`", advice.id));
        }
        Ok(problems.is_empty())
    }

    fn decided(
        &self,
        advice: &crate::advice::Advice,
        (to, tags): (&Destination, &Tags),
        stored: &Delivery,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let told = &stored.told;
        let policy = &self.settings.policy;
        let first = policy.decide(told, &Seen::of(advice), Bucket::default(), to.edits(), now).0;
        // Who waits is told when the wait is over.
        let (at, action) = match first.action {
            Action::Wait { until } => {
                let then = policy.decide(&first.told, &Seen::of(advice), Bucket::default(), to.edits(), until).0;
                (until, then.action)
            }
            action => (now, action),
        };
        let Some((stage, message)) = message(&self.audience, tags, advice, to, action) else {
            let told = told.sent.map_or_else(|| "it is not told".to_owned(), |at| format!("it was told at {at}"));
            print::say(self.global.quiet, &format!("{}: nothing for `{to}`: {told}", advice.id));
            return Ok(());
        };
        let message = Message { receipt: stored.receipt.clone(), ..message };
        let facts = [("at", json!(at)), ("to", json!(to.to_string())), ("stage", json!(stage))];
        let facts = facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        messages::show(&format!("{to} at {at}: {}", stage.word()), facts, &message, self.global)
    }
}
