//! Who is told: topics with nobody behind them, secrets that cannot be had, switches that are off.

use super::rights::secrets;
use super::{Health, State, is_missing, list, text};
use crate::delivery::Destination;
use crate::io::aws::Aws;
use crate::io::aws::ask::SNS;
use crate::io::aws::secret::{SecretError, fetch};
use crate::io::settings::Settings;
use serde_json::Value;

const AREA: &str = "receiver";

pub(super) async fn look(aws: &Aws, settings: &Settings, paused: bool, health: &mut Health) {
    if settings.paused || paused {
        let says = "sending is paused: denials are counted, and what would be told stays due";
        health.note(
            "configuration",
            "alert.paused",
            says,
            "set `alert.paused` and DENYWATCH_PAUSED back when it is time",
        );
    }
    for note in &settings.notes {
        health.note("configuration", "a key", note.clone(), "take it out, or leave it");
    }
    for to in settings.routes.destinations() {
        match &to {
            Destination::Sns(topic) | Destination::Q(topic) => subscriptions(aws, topic, health).await,
            Destination::Stdout => {
                health.note(AREA, "stdout", "it is the log, which nobody is told of", "name a receiver")
            }
            _ => health.ok(AREA, &to.to_string(), "a route sends to it"),
        }
    }
    for secret in secrets(settings) {
        // The value is dropped unseen.
        match fetch(aws.signed(), &secret).await.map(drop) {
            Ok(()) => health.ok(AREA, &secret.to_string(), "its secret is there"),
            Err(SecretError::Call { source, .. }) if !is_missing(&source) => {
                health.unknown(AREA, &secret.to_string(), "secretsmanager:GetSecretValue or ssm:GetParameter", &source);
            }
            Err(error) => health.fault(AREA, &secret.to_string(), error.to_string(), "put the secret there, as text"),
        }
    }
}

async fn subscriptions(aws: &Aws, topic: &str, health: &mut Health) {
    let region = topic.split(':').nth(3);
    match aws.signed().query(SNS, "ListSubscriptionsByTopic", region, &[("TopicArn", topic)]).await {
        Ok(answer) => judge(topic, list(&answer, "Subscriptions"), health),
        Err(error) if is_missing(&error) => {
            health.fault(AREA, topic, "there is no such topic", "make it, or name the right one in `[[route]]`");
        }
        Err(error) => health.unknown(AREA, topic, "sns:ListSubscriptionsByTopic", &error),
    }
}

fn judge(topic: &str, all: &[Value], health: &mut Health) {
    let is_pending = |one: &&Value| text(one, "SubscriptionArn") == Some("PendingConfirmation");
    let pending = all.iter().filter(is_pending).count();
    match (all.len(), pending) {
        (0, _) => health.fault(AREA, topic, "nobody is subscribed to it", "subscribe somebody: `aws sns subscribe`"),
        (all, 0) => health.add(AREA, topic, State::Ok, format!("{all} subscribed"), None),
        (all, pending) => {
            let says = format!("{pending} of {all} subscriptions are not confirmed: they get nothing");
            health.fault(
                AREA,
                topic,
                says,
                "open the mail of AWS and confirm, or subscribe again: its link ends after 3 days",
            );
        }
    }
}
