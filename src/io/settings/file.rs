//! The configuration as it stands in the file. [`super::check`] makes [`super::Settings`] of it.
//!
//! The doc comments here are the descriptions in the published schema (`schema.json`).

use super::receivers::{PagerDutyTable, SecretTable, SlackTable, WebhookTable};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The configuration of denywatch, version 1.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Of this format: 1.
    pub version: u64,
    /// The ledger.
    #[serde(default)]
    pub store: StoreTable,
    /// The weekly report.
    #[serde(default)]
    pub report: ReportTable,
    /// Slack, by app or by webhook.
    pub slack: Option<SlackTable>,
    /// PagerDuty's services, by the name that routes use.
    #[serde(default)]
    pub pagerduty: BTreeMap<String, PagerDutyTable>,
    /// Workflows of Teams, by the name that routes use; the secret is the workflow's address.
    #[serde(default)]
    pub teams: BTreeMap<String, SecretTable>,
    /// Programs that take signed messages, by the name that routes use.
    #[serde(default)]
    pub webhook: BTreeMap<String, WebhookTable>,
    /// What is watched.
    #[serde(default)]
    pub source: SourceTable,
    /// The policies in force.
    #[serde(default)]
    pub policies: PoliciesTable,
    /// How denials become messages.
    #[serde(default)]
    pub group: GroupTable,
    /// What is told at once.
    #[serde(default)]
    pub alert: AlertTable,
    /// How patches are written.
    #[serde(default)]
    pub patch: PatchTable,
    /// What is known of accounts, by id.
    #[serde(default)]
    pub account: BTreeMap<String, AccountTable>,
    /// Whose a finding is.
    #[serde(default)]
    pub owner: OwnerTable,
    /// Who hears of a finding: the first route that fits. The last one has no `match`, so that nothing is lost.
    #[serde(default)]
    pub route: Vec<RouteTable>,
    /// Denials that are no news.
    #[serde(default)]
    pub expected: ExpectedTable,
}

/// The ledger.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct StoreTable {
    /// `sqlite:PATH` or `dynamodb:TABLE`. `DENYWATCH_STORE` and `--store` go before it.
    pub uri: Option<String>,
    /// How long findings and counts are kept, such as `400d`.
    pub retention: Option<String>,
    /// How long sample events are kept, such as `35d`; not longer than `retention`.
    pub samples: Option<String>,
    /// What is kept only as keyed hashes: `session`, `source_ip`.
    #[serde(default)]
    pub hash: Vec<String>,
}

/// The policies in force.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PoliciesTable {
    /// AWS is asked, read-only, for the policies in force and for what it keeps of denials.
    #[serde(default)]
    pub live: bool,
}

/// The weekly report.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ReportTable {
    /// When it is made.
    pub at: Option<ReportAtTable>,
    /// IANA name of the time zone; as `at.tz`.
    pub tz: Option<String>,
    /// Where the function puts it: `s3://BUCKET` or `s3://BUCKET/PREFIX`, as `2026-W46.html` and `latest.html`, with JSON,
    /// CSV and Markdown beside it.
    pub bucket: Option<String>,
    /// Where people open what is in the bucket, `https://…`; the report's messages link to the week's page below it. Without it
    /// they bear a presigned link, which dies with the function's session.
    pub base_url: Option<String>,
    /// Send no message about a week without a denial [true].
    pub skip_if_empty: Option<bool>,
}

/// When the report is made.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ReportAtTable {
    /// `mon` … `sun`.
    pub day: Option<String>,
    /// Such as `07:00`.
    pub time: Option<String>,
    /// IANA name of the time zone.
    pub tz: Option<String>,
}

/// What is watched.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SourceTable {
    /// Error codes that are denials: `builtin`, or a list of `builtin` and further ones. What the function is to count, its rule must
    /// let through: add them to the rule's pattern [builtin].
    pub error_codes: Option<OneOrMany>,
    /// Whether read-only management events are watched too.
    pub read_events: Option<bool>,
}

/// How denials become messages; the words are Alertmanager's.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct GroupTable {
    /// A burst is collected so long before the first message, besides the queue's own batching window [0s].
    pub wait: Option<String>,
    /// The message is edited at most so often [30m].
    pub update_every: Option<String>,
    /// A denial so long after the one before it reopens the thread [24h].
    pub reopen_after: Option<String>,
    /// Still denied so long after the last message: told again [7d].
    pub remind_after: Option<String>,
}

/// What is told at once.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct AlertTable {
    /// The kill switch: nothing is sent until it is off again; denials are counted, and what would be told stays due.
    /// `DENYWATCH_PAUSED` in the function's environment does the same [false].
    #[serde(default)]
    pub paused: bool,
    /// `critical`, `high`, `medium` or `low`; what is below goes with the digest [low].
    pub min_severity: Option<String>,
    /// Fewer denials go with the digest.
    #[serde(default)]
    pub min_count: MinCountTable,
    /// The daily digest.
    #[serde(default)]
    pub digest: DigestTable,
    /// How many messages a channel gets.
    pub rate_limit: Option<RateLimitTable>,
    /// Hours in which nothing is sent but what is excepted.
    pub quiet_hours: Option<QuietHoursTable>,
}

/// Fewer denials go with the digest.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct MinCountTable {
    /// Denials of a person [1].
    pub human: Option<u64>,
    /// Denials of all others [1].
    pub workload: Option<u64>,
}

/// The daily digest.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct DigestTable {
    /// Such as `09:00`.
    pub at: Option<String>,
    /// IANA name of the time zone whose days it is about [UTC].
    pub tz: Option<String>,
    /// `mon-fri`, or `mon,wed`, or `daily` [daily].
    pub days: Option<String>,
    /// Say nothing on a day with nothing to say [true].
    pub skip_if_empty: Option<bool>,
}

/// How many messages a channel gets.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimitTable {
    /// A number and `/m`, `/h` or `/d`, such as `20/h`.
    pub per_channel: String,
    /// `digest`: what is over goes with the digest.
    pub overflow: Option<String>,
}

/// Hours in which nothing is sent but what is excepted.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct QuietHoursTable {
    /// Such as `19:00`.
    pub from: String,
    /// Such as `08:00`; before `from` it is the next day's.
    pub to: String,
    /// IANA name of the time zone [UTC].
    pub tz: Option<String>,
    /// Severities that are told all the same [critical].
    pub except: Option<OneOrMany>,
}

/// How patches are written.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PatchTable {
    /// Forms in the thread: `hcl`, `json`, `cfn`, `cfn_json`, `cli` [hcl, json, cfn, cli].
    pub formats: Option<Vec<String>>,
    /// What is likely to be denied next: `off`: not told; `suggest`: told beside the patch; `include`: written into its
    /// forms too [suggest].
    pub companions: Option<String>,
    /// A patch with wider resources always waits for a person: `none`: any star but a lone `*`; `suffix`: a star not at
    /// the end; `any`: no limit beside the proof's [any].
    pub max_wildcard: Option<String>,
    /// Permissions that always wait for a person, with wildcards, such as `iam:*` and `*:Delete*`.
    #[serde(default)]
    pub never_grant: Vec<String>,
    /// What else judges a patch.
    pub verify: Option<VerifyTable>,
}

/// What else judges a patch.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyTable {
    /// IAM Access Analyzer.
    pub access_analyzer: Option<bool>,
    /// IAM's policy simulator.
    pub simulate: Option<bool>,
    /// How long allowed calls are looked for, such as `24h`.
    pub watch: Option<String>,
}

/// What is known of an account.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct AccountTable {
    /// The name that people use.
    pub name: Option<String>,
    /// Such as `dev`; routes can ask for it.
    pub env: Option<String>,
    /// Its tags, for `account-tag:KEY`.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Whose a finding is.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct OwnerTable {
    /// Where to look, in this order: `tag:KEY`, `account-tag:KEY`, `codeowners`, `map`.
    #[serde(default)]
    pub from: Vec<String>,
    /// Account id, or a pattern of a principal's ARN → owner.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    /// The CODEOWNERS of the repository that holds the policies.
    pub codeowners: Option<CodeownersTable>,
}

/// A CODEOWNERS file and what in its repository is whose policy.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct CodeownersTable {
    /// The file: a path, `s3://BUCKET/KEY` or `ssm:NAME`.
    pub file: String,
    /// Pattern of a principal's ARN → path in the repository.
    #[serde(default)]
    pub paths: BTreeMap<String, String>,
}

/// Who hears of a finding.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RouteTable {
    /// What a finding must be; absent: all fit.
    #[serde(rename = "match", default)]
    pub asks: MatchTable,
    /// `slack`, `slack:CHANNEL`, `sns:ARN`, `q:ARN`, `pagerduty:NAME`, `teams:NAME`, `webhook:NAME`, `stdout`; `digest:`
    /// before one of them sends with the digest.
    pub to: OneOrMany,
    /// Whether later routes are left out [true].
    pub stop: Option<bool>,
    /// Whom Slack calls: `subteam:S…` or `user:U…`.
    pub mention: Option<String>,
    /// Where `denywatch pr` opens requests for its findings.
    pub pr: Option<PrTable>,
}

/// Where a pull request goes.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PrTable {
    /// Such as `github:acme/infra`.
    pub repo: String,
    /// The folder with the source.
    pub path: Option<String>,
}

/// What a route asks of a finding; each key must fit.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct MatchTable {
    /// `critical`, `high`, `medium`, `low`.
    #[serde(default)]
    pub severity: OneOrMany,
    /// `probing`, `owner`, `review`, `patch`, `unclear`, `upheld`.
    #[serde(default)]
    pub verdict: OneOrMany,
    /// Names; `*` and `?` are wildcards.
    #[serde(default)]
    pub owner: OneOrMany,
    /// From `[account]`, else the principal's tag `env` or `Environment`.
    #[serde(default)]
    pub env: OneOrMany,
    /// Ids.
    #[serde(default)]
    pub account: OneOrMany,
    /// ARNs or names, with wildcards.
    #[serde(default)]
    pub principal: OneOrMany,
    /// Any of the finding's permissions, with wildcards.
    #[serde(default)]
    pub permission: OneOrMany,
}

/// Denials that are no news.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedTable {
    /// Whether the built-in rules hold [true].
    pub builtin: Option<bool>,
    /// Built-in rules that do not hold: `denywatch ignore ls --builtin` lists them.
    #[serde(default)]
    pub disable: Vec<String>,
    /// The team's rules.
    #[serde(default)]
    pub rule: Vec<RuleTable>,
}

/// A rule that keeps denials out of the messages, never out of the record.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RuleTable {
    /// Its name; unique.
    pub id: String,
    /// What it is about; at least one key.
    #[serde(rename = "match")]
    pub about: AboutTable,
    /// Why the denial is expected.
    pub reason: String,
    /// Who answers for the rule.
    pub owner: String,
    /// A day or a time; a denial from then on is told again. Required unless `permanent`.
    pub expires: Option<When>,
    /// It has no end.
    #[serde(default)]
    pub permanent: bool,
    /// A number and `/d`, such as `200/d`; on a day with more denials it mutes nothing.
    pub limit: Option<String>,
    /// It only asks for quiet: the finding's verdict stays what it is.
    #[serde(default)]
    pub snooze: bool,
}

/// What a rule is about; each key must fit. `*` and `?` are wildcards.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct AboutTable {
    /// A finding's id, or the beginning of it.
    pub finding: Option<String>,
    /// The principal's ARN or name.
    pub principal: Option<String>,
    /// The permission.
    pub permission: Option<String>,
    /// The resource's ARN.
    pub resource: Option<String>,
    /// The account in which the denials were recorded.
    pub account: Option<String>,
}

/// A text, or a list of texts.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "a text or a list of texts is wanted")]
pub(super) enum OneOrMany {
    /// One.
    One(String),
    /// Any number.
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl OneOrMany {
    pub(super) fn list(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// A day (`2027-02-01`) or a time (`2027-02-01T09:00:00Z`); TOML may write it without quotation marks.
#[derive(Debug, Clone)]
pub(super) struct When(pub String);

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a day such as 2027-02-01 is wanted")]
        enum Either {
            Toml(toml::value::Datetime),
            Text(String),
        }
        Ok(Self(match Either::deserialize(from)? {
            Either::Toml(when) => when.to_string(),
            Either::Text(text) => text,
        }))
    }
}

#[cfg(feature = "cli")]
impl schemars::JsonSchema for When {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "When".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A day (2027-02-01) or a time (2027-02-01T09:00:00Z)."
        })
    }
}
