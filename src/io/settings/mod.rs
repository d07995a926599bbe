//! The configuration file, TOML or JSON. An unknown key is an error that names the nearest known one.

mod explain;

use crate::io::secret::{NotASecretName, SecretRef};
use crate::io::stores::{Hashed, Keep};
use jiff::SignedDuration;
use serde::Deserialize;
use std::time::Duration;

/// All settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `store.uri`, such as `sqlite:PATH`; `None` when the default holds.
    pub store: Option<String>,
    /// `store.retention`, `store.samples`, `store.hash`: how long the ledger keeps what, and what only as hashes.
    pub keep: Keep,
    /// `slack`; `None` when Slack is not used.
    pub slack: Option<Slack>,
    /// Where alerts and reports go, each once, in the order of the routes. Never empty.
    pub destinations: Vec<Destination>,
    /// `group.reopen_after`: a finding told once is told again when it is denied so long after. 24 h by default.
    pub reopen_after: Duration,
    /// `report.tz`: IANA name of the time zone of reports; `UTC` by default.
    pub report_tz: String,
}

/// A Slack incoming webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slack {
    /// Where the webhook's URL is kept.
    pub secret: SecretRef,
}

/// One receiver of messages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// The webhook of `[slack]`.
    Slack,
    /// An SNS topic's ARN.
    Sns(String),
}

/// Why settings do not hold. No value from the file is repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML or JSON, an unknown key, or a value of the wrong type.
    #[error("configuration, line {line}: {why}")]
    Syntax {
        /// 1 is the first.
        line: usize,
        /// What is wrong and what helps.
        why: String,
    },
    /// A secret stands in the open.
    #[error(transparent)]
    Secret(#[from] NotASecretName),
    /// A value or a combination that cannot be.
    #[error("configuration: {0}")]
    Invalid(String),
}

impl Settings {
    /// Reads settings: JSON when the text begins with `{`, else TOML.
    ///
    /// ```
    /// use denywatch::io::settings::{Destination, Settings};
    /// let settings = Settings::parse(r#"
    ///     version = 1
    ///     [[route]]
    ///     to = ["sns:arn:aws:sns:us-east-2:111122223333:iam-denials"]
    /// "#)?;
    /// assert_eq!(settings.destinations, [Destination::Sns("arn:aws:sns:us-east-2:111122223333:iam-denials".into())]);
    /// # Ok::<(), denywatch::io::settings::SettingsError>(())
    /// ```
    ///
    /// # Errors
    /// [`SettingsError`], naming the key and the remedy.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let file: File = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| explain::json(&error))?
        } else {
            toml::from_str(text).map_err(|error| explain::toml(text, &error))?
        };
        file.check()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u64,
    #[serde(default)]
    store: StoreTable,
    slack: Option<SlackTable>,
    #[serde(default)]
    route: Vec<RouteTable>,
    #[serde(default)]
    group: GroupTable,
    #[serde(default)]
    report: ReportTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreTable {
    uri: Option<String>,
    retention: Option<String>,
    samples: Option<String>,
    #[serde(default)]
    hash: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlackTable {
    mode: Option<String>,
    secret: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteTable {
    to: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupTable {
    reopen_after: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportTable {
    tz: Option<String>,
}

impl File {
    fn check(self) -> Result<Settings, SettingsError> {
        if self.version != 1 {
            return Err(invalid(format!("`version` is {}, this program reads 1", self.version)));
        }
        let slack = self.slack.map(SlackTable::check).transpose()?;
        let destinations = destinations(&self.route, slack.is_some())?;
        let keep = self.store.keep()?;
        let reopen_after = self.group.reopen_after.as_deref().unwrap_or("24h");
        Ok(Settings {
            store: self.store.uri,
            keep,
            slack,
            destinations,
            reopen_after: duration("group.reopen_after", reopen_after)?,
            report_tz: self.report.tz.unwrap_or_else(|| "UTC".into()),
        })
    }
}

impl StoreTable {
    fn keep(&self) -> Result<Keep, SettingsError> {
        let time = |key: &str, text: &Option<String>| -> Result<Option<SignedDuration>, SettingsError> {
            let time = text.as_deref().map(|text| duration(key, text)).transpose()?;
            Ok(time.and_then(|time| SignedDuration::try_from(time).ok()))
        };
        let field = |name: &String| match name.as_str() {
            "session" => Ok(Hashed::Session),
            "source_ip" => Ok(Hashed::SourceIp),
            _ => Err(invalid("`store.hash` takes `session` and `source_ip`")),
        };
        let (counts, samples) = (time("store.retention", &self.retention)?, time("store.samples", &self.samples)?);
        if counts.zip(samples).is_some_and(|(counts, samples)| samples > counts) {
            return Err(invalid("`store.samples` is longer than `store.retention`: a sample goes with its finding"));
        }
        Ok(Keep { counts, samples, hashed: self.hash.iter().map(field).collect::<Result<_, _>>()? })
    }
}

impl SlackTable {
    fn check(self) -> Result<Slack, SettingsError> {
        match self.mode.as_deref() {
            None | Some("webhook") => Ok(Slack { secret: SecretRef::parse("slack.secret", &self.secret)? }),
            Some(_) => Err(invalid("`slack.mode` must be `webhook`")),
        }
    }
}

fn destinations(routes: &[RouteTable], has_slack: bool) -> Result<Vec<Destination>, SettingsError> {
    let mut all = Vec::new();
    for text in routes.iter().flat_map(|route| &route.to) {
        let destination = destination(text)?;
        if !all.contains(&destination) {
            all.push(destination);
        }
    }
    match (has_slack, all.contains(&Destination::Slack)) {
        (false, true) => Err(invalid("a route sends to `slack`, but there is no `[slack]` with its `secret`")),
        (true, false) => Err(invalid("there is a `[slack]`, but no `[[route]]` has `slack` in its `to`")),
        _ if all.is_empty() => {
            Err(invalid("alerts have nowhere to go: add `[[route]]` with `to = [\"slack\"]` or `to = [\"sns:ARN\"]`"))
        }
        _ => Ok(all),
    }
}

fn destination(text: &str) -> Result<Destination, SettingsError> {
    if text == "slack" {
        return Ok(Destination::Slack);
    }
    let arn = text.strip_prefix("sns:").unwrap_or_default();
    match arn.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", _, "sns", region, account, topic] if !(region.is_empty() || account.is_empty() || topic.is_empty()) => {
            Ok(Destination::Sns(arn.to_owned()))
        }
        _ => Err(invalid("`route.to` takes `slack` and `sns:ARN` with the ARN of a topic")),
    }
}

/// A whole number and `s`, `m`, `h` or `d`.
fn duration(key: &str, text: &str) -> Result<Duration, SettingsError> {
    let wrong = || invalid(format!("`{key}` must be a number and `s`, `m`, `h` or `d`, such as `24h`"));
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(u64::from(count) * seconds))
}

fn invalid(why: impl Into<String>) -> SettingsError {
    SettingsError::Invalid(why.into())
}

#[cfg(test)]
mod tests;
