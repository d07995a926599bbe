//! Where a message goes, as a route writes it: `slack:C0IAM`, `sns:ARN`, `digest:…`.

use std::fmt;
use std::str::FromStr;

/// One receiver. Addresses that are secrets stand in the configuration under a name, never here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// Slack's incoming webhook: `slack`.
    SlackWebhook,
    /// A channel of Slack's app, by id or `#name`: `slack:C0IAM`.
    SlackChannel(String),
    /// An SNS topic for people: `sns:ARN`.
    Sns(String),
    /// An SNS topic that Amazon Q Developer in chat applications reads: `q:ARN`. It drops all other messages.
    Q(String),
    /// A service of PagerDuty, by its name in `[pagerduty]`: `pagerduty:NAME`.
    PagerDuty(String),
    /// A workflow of Teams, by its name in `[teams]`: `teams:NAME`.
    Teams(String),
    /// A program's address, by its name in `[webhook]`: `webhook:NAME`.
    Webhook(String),
    /// Standard output; the function's is its log: `stdout`.
    Stdout,
}

/// Text that names no receiver. It is not repeated: somebody may have pasted a secret address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`route.to` takes `slack`, `slack:CHANNEL`, `sns:ARN` and `q:ARN` with the ARN of a topic, `pagerduty:NAME`, `teams:NAME`, `webhook:NAME` and `stdout`; `digest:` before one of them sends with the digest"
)]
pub struct NoDestination;

impl Destination {
    /// Whether the receiver can change a message that it has shown.
    pub fn edits(&self) -> bool {
        match self {
            // PagerDuty folds what comes under the same key into one incident.
            Self::SlackChannel(_) | Self::PagerDuty(_) => true,
            Self::SlackWebhook | Self::Sns(_) | Self::Q(_) | Self::Teams(_) | Self::Webhook(_) | Self::Stdout => false,
        }
    }
}

impl FromStr for Destination {
    type Err = NoDestination;

    fn from_str(text: &str) -> Result<Self, NoDestination> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let name = || Some(rest.to_owned()).filter(|name| is_name(name)).ok_or(NoDestination);
        let topic = || Some(rest.to_owned()).filter(|arn| is_topic(arn)).ok_or(NoDestination);
        match kind {
            "slack" if text == "slack" => Ok(Self::SlackWebhook),
            "slack" if is_channel(rest) => Ok(Self::SlackChannel(rest.to_owned())),
            "sns" => topic().map(Self::Sns),
            "q" => topic().map(Self::Q),
            "pagerduty" => name().map(Self::PagerDuty),
            "teams" => name().map(Self::Teams),
            "webhook" => name().map(Self::Webhook),
            "stdout" if text == "stdout" => Ok(Self::Stdout),
            _ => Err(NoDestination),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SlackWebhook => out.write_str("slack"),
            Self::SlackChannel(channel) => write!(out, "slack:{channel}"),
            Self::Sns(arn) => write!(out, "sns:{arn}"),
            Self::Q(arn) => write!(out, "q:{arn}"),
            Self::PagerDuty(name) => write!(out, "pagerduty:{name}"),
            Self::Teams(name) => write!(out, "teams:{name}"),
            Self::Webhook(name) => write!(out, "webhook:{name}"),
            Self::Stdout => out.write_str("stdout"),
        }
    }
}

/// Letters, digits and `_.-`: nothing that an address with a secret in it looks like.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 40 && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// An id (`C…`, `G…`) or `#` and a name; Slack's names have up to 80 characters.
fn is_channel(text: &str) -> bool {
    let name = text.strip_prefix('#').unwrap_or(text);
    !name.is_empty() && name.chars().count() <= 80 && name.chars().all(|c| c.is_alphanumeric() || "_-".contains(c))
}

fn is_topic(arn: &str) -> bool {
    match arn.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", _, "sns", region, account, topic] => ![region, account, topic].contains(&"") && !topic.contains(':'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "arn:aws:sns:us-east-2:111122223333:iam-denials";

    #[test]
    fn what_a_route_names_reads_back() {
        let sns = format!("sns:{TOPIC}");
        let q = format!("q:{TOPIC}.fifo");
        for text in [
            "slack",
            "slack:C0IAM",
            "slack:#security-alerts",
            &sns,
            &q,
            "pagerduty:P123ABC",
            "teams:ops",
            "webhook:siem",
            "stdout",
        ] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_receiver_is_not_repeated() {
        for text in [
            "",
            "slack:",
            "slack:a b",
            "sns:iam-denials",
            "q:arn:aws:sns:us-east-2:111122223333",
            "teams:https://prod.westeurope.logic.azure.com/workflows/abc",
            "webhook:https://example.com/hush",
            "https://hooks.slack.com/services/T/B/hush",
            "stdout:x",
            "mail:a@b",
        ] {
            let error = text.parse::<Destination>().unwrap_err().to_string();
            assert!(!error.contains("hush") && !error.contains("logic.azure"), "{text}: {error}");
        }
    }
}
