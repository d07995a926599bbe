//! Settings → who hears of a finding, and the message in the form of each receiver.

use crate::advice::Advice;
use crate::delivery::{CodePlace, Destination, Owners, Receiver, Routed, Routes, Stage, Tags};
use crate::io::settings::Settings;
use crate::io::sinks::{Attachment, Message, Step};
use crate::render::alert::{AlertContext, Owner};
use crate::render::note::{self, Note};
use crate::render::{Format, email, event, forms, pagerduty, q, slack, teams};
use crate::report::is_resolved;
use crate::triage::Verdict;
use crate::triage::limits::Companions;
use serde_json::Value;

/// Routes, and what messages say besides the finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    routes: Routes,
    formats: Vec<Format>,
    /// Companions stand in the forms too.
    companions: bool,
}

/// Why and how a finding is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telling<'a> {
    /// To whom.
    pub to: &'a Destination,
    /// Why.
    pub stage: Stage,
    /// A trial message, labelled as such.
    pub test: bool,
}

impl Audience {
    /// Of these settings.
    pub fn new(settings: &Settings) -> Self {
        Self {
            routes: settings.routes.clone(),
            formats: settings.formats.clone(),
            companions: settings.expected.limits.companions == Companions::Include,
        }
    }

    /// Who hears of a finding; `tags` are the principal's, where they are known.
    pub fn route(&self, advice: &Advice, tags: &Tags) -> Routed {
        self.routes.route(advice, tags)
    }

    /// Who hears of a finding as soon as its pacing lets it go; `was_told` says of a receiver whether it heard of it before.
    ///
    /// What passed by itself, or is over, is told to nobody but those who heard of it before they could know; also where
    /// the route of what is left of it leads elsewhere by now.
    pub fn hears(&self, advice: &Advice, tags: &Tags, was_told: &dyn Fn(&Destination) -> bool) -> Vec<Destination> {
        match advice.verdict == Verdict::Transient || is_resolved(advice) {
            true => self.destinations().into_iter().filter(was_told).collect(),
            false => self.route(advice, tags).now,
        }
    }

    /// Whether the configuration says where owners are found.
    pub fn looks_for_owners(&self) -> bool {
        !self.routes.owners.from.is_empty()
    }

    /// The receivers of each route, as the configuration writes them.
    pub fn receivers(&self) -> Vec<Vec<String>> {
        let text = |to: &Receiver| format!("{}{}", if to.digest { "digest:" } else { "" }, to.destination);
        self.routes.routes.iter().map(|route| route.to.iter().map(text).collect()).collect()
    }

    /// Where the code of a finding lies, by the first of its routes that says so.
    pub fn code(&self, advice: &Advice, tags: &Tags) -> Option<CodePlace> {
        let routed = self.route(advice, tags);
        routed.routes.iter().find_map(|at| self.routes.routes.get(*at)?.code.clone())
    }

    /// Who owns what, and what accounts are called.
    pub fn owners(&self) -> &Owners {
        &self.routes.owners
    }

    /// Every receiver.
    pub fn destinations(&self) -> Vec<Destination> {
        self.routes.destinations()
    }

    /// The receivers of what is about no finding (a report): those of the last route.
    pub fn of_all(&self) -> Vec<Destination> {
        let last = self.routes.routes.last().map(|route| route.to.as_slice()).unwrap_or_default();
        last.iter().map(|to| to.destination.clone()).collect()
    }

    /// The message that tells one receiver of a finding.
    pub fn finding(&self, advice: &Advice, routed: &Routed, telling: Telling<'_>) -> Message {
        let shown = self.shown(advice, routed, telling);
        let (mut thread, mut files) = (Vec::new(), Vec::new());
        let json = match telling.to {
            Destination::SlackWebhook => slack::webhook(advice, &shown),
            Destination::SlackChannel(_) => {
                if telling.stage != Stage::Resolved {
                    let forms = forms::forms(advice, &self.formats, self.companions);
                    thread = forms.messages;
                    files = forms
                        .files
                        .into_iter()
                        .map(|(name, text)| Attachment { name, text, ..Attachment::default() })
                        .collect();
                }
                slack::app(advice, &shown)
            }
            Destination::Q(_) => q::notification(advice, &shown),
            Destination::PagerDuty(_) => pagerduty::event(advice, &shown),
            Destination::Teams(_) => teams::card(advice, &shown),
            Destination::Webhook(_) => event::finding(advice, &shown),
            Destination::Sns(_) | Destination::Stdout => Value::Null,
        };
        Message {
            id: advice.id.clone(),
            subject: email::subject_with(advice, &shown),
            body: email::body_with(advice, &shown),
            json,
            thread,
            files,
            step: step(telling.stage),
            receipt: None,
        }
    }

    fn shown(&self, advice: &Advice, routed: &Routed, telling: Telling<'_>) -> AlertContext {
        let account = self.routes.owners.account(advice).and_then(|account| account.name.clone());
        let found = routed.owner.as_ref();
        let owner = (found.is_some() || routed.mention.is_some()).then(|| Owner {
            name: found.map(|found| found.name.clone()).unwrap_or_default(),
            slack_id: routed.mention.clone(),
            because: found.map(|found| found.because.clone()).unwrap_or_default(),
        });
        AlertContext {
            account_names: advice.account.clone().zip(account).into_iter().collect(),
            owner,
            stage: telling.stage,
            test: telling.test,
        }
    }
}

/// The message of a report or a digest for one receiver.
pub fn note(note: &Note, to: &Destination) -> Message {
    let json = match to {
        Destination::SlackWebhook | Destination::SlackChannel(_) => note::slack(note),
        Destination::Q(_) => q::note(note),
        Destination::PagerDuty(_) => pagerduty::note(note),
        Destination::Teams(_) => teams::note(note),
        Destination::Webhook(_) => event::note(note),
        Destination::Sns(_) | Destination::Stdout => Value::Null,
    };
    Message { id: note.id.clone(), subject: note.title.clone(), body: note.body.clone(), json, ..Message::default() }
}

fn step(stage: Stage) -> Step {
    match stage {
        Stage::New | Stage::Reopened | Stage::Reminder => Step::Post,
        Stage::Update => Step::Edit,
        Stage::Resolved => Step::Close,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    const TOPIC: &str = "arn:aws:sns:us-east-2:111122223333:iam-denials";

    fn audience() -> Audience {
        Audience::new(&Settings::parse(include_str!("../io/settings/example.toml")).unwrap())
    }

    fn message(to: &str, stage: Stage) -> Message {
        let (audience, to) = (audience(), to.parse().unwrap());
        let routed = audience.route(&sample::pipeline(), &Tags::new());
        audience.finding(&sample::pipeline(), &routed, Telling { to: &to, stage, test: false })
    }

    #[test]
    fn each_receiver_gets_its_own_form() {
        assert!(message("slack", Stage::New).json["blocks"].is_array());
        let app = message("slack:C0IAM", Stage::New);
        assert_eq!(app.json["metadata"]["event_payload"]["finding"], "D-7F3AQ2ZK4M");
        assert!(!app.thread.is_empty());
        assert_eq!(message(&format!("q:{TOPIC}"), Stage::New).json["source"], "custom");
        assert_eq!(message("pagerduty:iam", Stage::New).json["dedup_key"], "denywatch-D-7F3AQ2ZK4M");
        assert_eq!(message("teams:ops", Stage::New).json["type"], "message");
        assert_eq!(message("webhook:siem", Stage::New).json["type"], "finding");
        let mail = message(&format!("sns:{TOPIC}"), Stage::New);
        assert!(mail.json.is_null() && mail.body.contains("account shop-dev (111122223333)"), "{}", mail.body);
    }

    /// A link that nobody answers is worse than none: findings have no pages of their own, and the report's page tells the
    /// week before.
    #[test]
    fn an_alert_links_to_aws_alone() {
        let receivers = ["slack:C0IAM", "pagerduty:iam", "teams:ops", "slack", "webhook:siem"];
        for to in receivers.iter().copied().chain([format!("sns:{TOPIC}").as_str(), &format!("q:{TOPIC}")]) {
            for stage in [Stage::New, Stage::Update, Stage::Reopened, Stage::Reminder, Stage::Resolved] {
                let message = message(to, stage);
                let text = format!("{} {} {:?}", message.body, message.json, message.thread);
                let hosts = text.split("https://").skip(1).map(|rest| rest.split(['/', '?']).next().unwrap());
                let foreign: Vec<&str> = hosts.filter(|host| !host.ends_with("console.aws.amazon.com")).collect();
                assert_eq!(foreign, [""; 0], "{to}");
            }
        }
    }

    #[test]
    fn an_end_closes_and_shows_no_patch() {
        for to in ["slack:C0IAM", "pagerduty:iam", "teams:ops", "slack", &format!("sns:{TOPIC}"), &format!("q:{TOPIC}")]
        {
            let message = message(to, Stage::Resolved);
            assert_eq!(message.step, Step::Close);
            assert!(message.thread.is_empty());
            let text = format!("{} {} {}", message.subject, message.body, message.json);
            assert!(text.to_lowercase().contains("resolved"), "{text}");
            assert!(
                !message.body.contains("\"Effect\"") && !message.json.to_string().contains("ViaService"),
                "{to}: {text}"
            );
        }
        assert_eq!(message("slack:C0IAM", Stage::Update).step, Step::Edit);
    }
}
