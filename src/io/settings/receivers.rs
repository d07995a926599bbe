//! The tables of the configuration that set up receivers of messages; parts of [`super::file::File`].

use serde::Deserialize;

/// Slack.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SlackTable {
    /// `webhook` (the default): a route's `slack`. `app`: a bot's token, routes name channels as `slack:C0IAM`.
    pub mode: Option<String>,
    /// Where the webhook's address or the bot's token is kept: a secret's or parameter's ARN, or `ssm:NAME`.
    pub secret: String,
    /// Where an app's methods are [https://slack.com/api]; GovSlack has its own.
    pub api: Option<String>,
}

/// A service of PagerDuty.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PagerDutyTable {
    /// Where the integration key is kept: a secret's or parameter's ARN, or `ssm:NAME`.
    pub secret: String,
    /// Where events go [https://events.pagerduty.com]; the service region EU has its own.
    pub api: Option<String>,
}

/// A secret by its name.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SecretTable {
    /// Where it is kept: a secret's or parameter's ARN, or `ssm:NAME`.
    pub secret: String,
}

/// A program that takes signed messages.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookTable {
    /// Its address, `https://…`, without a secret in it.
    pub url: String,
    /// Where the key of the signature is kept: a secret's or parameter's ARN, or `ssm:NAME`.
    pub secret: String,
}
