//! The configuration file, TOML or JSON. An unknown key is an error that names the nearest known one.

mod check;
mod explain;
mod file;
mod notes;
mod receivers;
mod timetable;

use crate::delivery::{Codeowners, Destination, Pacing, Policy, Receiver, Route, Routes};
use crate::denial::code::Codes;
use crate::io::secret::{NotASecretName, SecretRef};
use crate::io::stores::Keep;
use crate::render::Format;
use crate::triage::expected::Expected;
use jiff::SignedDuration;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// All settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `store.uri`, such as `sqlite:PATH`; `None` when the default holds.
    pub store: Option<String>,
    /// `store.retention`, `store.samples`, `store.hash`: how long the ledger keeps what, and what only as hashes.
    pub keep: Keep,
    /// `policies.live`: AWS is asked, read-only, for the policies in force and for what it keeps of denials. False by
    /// default.
    pub live: bool,
    /// `slack`; `None` when Slack is not used.
    pub slack: Option<Slack>,
    /// `pagerduty.NAME`.
    pub pagerduty: BTreeMap<String, PagerDuty>,
    /// `teams.NAME`: where the workflow's address is kept.
    pub teams: BTreeMap<String, SecretRef>,
    /// `webhook.NAME`.
    pub webhooks: BTreeMap<String, Webhook>,
    /// `route`, `owner`, `account`, `alert.min_severity`, `alert.min_count`.
    pub routes: Routes,
    /// `group`, `alert.rate_limit`, `alert.quiet_hours`.
    pub policy: Policy,
    /// `alert.digest`.
    pub digest: Digest,
    /// `alert.paused`: the kill switch. Nothing is sent, nothing is lost.
    pub paused: bool,
    /// `expected`.
    pub expected: Expected,
    /// `source.error_codes`: what counts as a denial besides the built-in codes.
    pub codes: Codes,
    /// `patch.formats`: the forms in a thread.
    pub formats: Vec<Format>,
    /// `report.base_url`.
    pub base_url: Option<String>,
    /// `owner.codeowners.file`: still to be read and given to [`Settings::with_codeowners`].
    pub codeowners: Option<CodeownersFile>,
    /// `report`: the weekly report.
    pub report: Reporting,
    /// Keys that are set and change nothing in this version, each with the reason.
    pub notes: Vec<String>,
}

/// Slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slack {
    /// How messages get there.
    pub mode: SlackMode,
    /// Where the webhook's address or the bot's token is kept.
    pub secret: SecretRef,
    /// Where an app's methods are; `None`: at Slack's own address.
    pub api: Option<String>,
}

/// A service of PagerDuty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagerDuty {
    /// Where its integration key is kept.
    pub secret: SecretRef,
    /// Where events go; `None`: to PagerDuty's own address.
    pub api: Option<String>,
}

/// How messages get to Slack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlackMode {
    /// An incoming webhook: one channel, no edits.
    Webhook,
    /// A bot's token: any channel it was invited to, messages edited in place, threads.
    App,
}

/// A program that takes signed messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `https://…`.
    pub url: String,
    /// Where the key of the signature is kept.
    pub secret: SecretRef,
}

/// The daily digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Whose days it is about.
    pub tz: TimeZone,
    /// On these it is sent.
    pub days: Vec<Weekday>,
    /// Nothing is sent when there is nothing to say.
    pub skip_if_empty: bool,
}

/// The weekly report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporting {
    /// IANA name of the time zone that decides which week is over; `UTC` by default.
    pub tz: String,
    /// That zone.
    pub zone: TimeZone,
    /// `report.bucket`; `None`: it is put nowhere.
    pub place: Option<ReportPlace>,
    /// No message goes out for a week without a denial.
    pub skip_if_empty: bool,
}

/// Where reports are put: `s3://BUCKET/PREFIX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPlace {
    /// The bucket.
    pub bucket: String,
    /// What its keys begin with: empty, or parts with `/` behind each.
    pub prefix: String,
}

impl Default for Reporting {
    fn default() -> Self {
        Self { tz: "UTC".to_owned(), zone: TimeZone::UTC, place: None, skip_if_empty: true }
    }
}

/// Where a CODEOWNERS file lies: a path, `s3://BUCKET/KEY` or `ssm:NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeownersFile(pub String);

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
    /// use denywatch::io::settings::Settings;
    /// let settings = Settings::parse(r#"
    ///     version = 1
    ///     [[route]]
    ///     to = ["sns:arn:aws:sns:us-east-2:111122223333:iam-denials"]
    /// "#)?;
    /// let to = settings.routes.destinations();
    /// assert_eq!(to[0].to_string(), "sns:arn:aws:sns:us-east-2:111122223333:iam-denials");
    /// # Ok::<(), denywatch::io::settings::SettingsError>(())
    /// ```
    ///
    /// # Errors
    /// [`SettingsError`], naming the key and the remedy.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let file: file::File = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| explain::json(&error))?
        } else {
            toml::from_str(text).map_err(|error| explain::toml(text, &error))?
        };
        check::settings(file)
    }

    /// With the rules of the file that [`Settings::codeowners`] names.
    #[must_use]
    pub fn with_codeowners(mut self, text: &str) -> Self {
        self.routes.owners.codeowners = Codeowners::parse(text);
        self
    }
}

/// What holds without a file, at a desk: findings are told on standard output.
impl Default for Settings {
    fn default() -> Self {
        let to = vec![Receiver { destination: Destination::Stdout, digest: false }];
        let routes = vec![Route { to, stop: true, ..Route::default() }];
        Self {
            store: None,
            keep: Keep::default(),
            live: false,
            slack: None,
            pagerduty: BTreeMap::new(),
            teams: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            routes: Routes { routes, ..Routes::default() },
            policy: Policy { pacing: Pacing { wait: SignedDuration::ZERO, ..Pacing::default() }, ..Policy::default() },
            digest: Digest { tz: TimeZone::UTC, days: Vec::new(), skip_if_empty: true },
            paused: false,
            expected: Expected::default(),
            codes: Codes::default(),
            formats: Vec::new(),
            base_url: None,
            codeowners: None,
            report: Reporting::default(),
            notes: Vec::new(),
        }
    }
}

/// The published schema of the file, as JSON Schema 2020-12; the same bytes as `src/io/settings/schema.json`.
#[cfg(feature = "cli")]
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(file::File);
    schema.insert("$id".to_owned(), "denywatch.schema.json".into());
    schema.insert("title".to_owned(), "denywatch.toml".into());
    format!("{:#}\n", schema.as_value())
}

#[cfg(test)]
mod tests;
