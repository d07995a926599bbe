//! What a report holds; every number once.

use super::Period;
use crate::advice::Status;
use crate::change::Story;
use crate::denial::{PolicyType, ReasonKind};
use crate::finding::Since;
use crate::foretold::Foretold;
use crate::patch::{Applicability, Patch};
use crate::principal::Principal;
use crate::triage::{Severity, Verdict};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What stands behind a report, so that nobody takes silence for health.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Coverage {
    /// Account ids that were looked at, sorted.
    pub accounts: Vec<String>,
    /// Accounts that the configuration names and of which nothing was read, sorted.
    pub missing: Vec<String>,
    /// Regions that were looked at, sorted.
    pub regions: Vec<String>,
    /// Records that the runs read which reach into the period, those of other days too; 0 where only denials came, as live
    /// events do.
    pub records: u64,
    /// Inputs and records that could not be read.
    pub unread: u64,
    /// Time of the newest record; `None` when there was none.
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub newest: Option<Timestamp>,
    /// Seconds from the newest record to the time up to which the figures go; `None` when there was no record.
    pub lag: Option<i64>,
    /// Messages that wait to be sent, as of now.
    pub undelivered: u64,
    /// Messages and inputs put aside for a person, as of now.
    pub quarantined: u64,
    /// What these sources cannot show, in words, such as `S3 object calls without data events`.
    pub unseen: Vec<String>,
}

/// Whose findings a report is about; the default is everybody's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Scope {
    /// Only those of this owner; `None`: of all.
    pub owner: Option<String>,
    /// Only those recorded in these accounts; empty: in all.
    pub accounts: Vec<String>,
}

/// A period's denials, ready for any format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Report {
    /// Of this shape; 1. More fields may come.
    pub version: u32,
    /// The days it is about, in UTC.
    pub period: Period,
    /// IANA name of the time zone that decided which week is over.
    pub time_zone: String,
    /// The figures go up to here: the end of the period, or now where that is not over.
    #[cfg_attr(feature = "cli", schemars(with = "String"))]
    pub as_of: Timestamp,
    /// Whose findings.
    pub scope: Scope,
    /// What was looked at, and what was not.
    pub coverage: Coverage,
    /// The figures on top.
    pub numbers: Numbers,
    /// The same of the days before, as many; `None` where nothing is known of them.
    pub before: Option<Before>,
    /// At most three findings to see to first.
    pub first: Vec<First>,
    /// Denied events a day; every day of a period up to 62 days, only those with denials in a longer one.
    pub days: Vec<Day>,
    /// At most eight weeks up to the period's end, the earliest first; none before the first denial that is known.
    pub weeks: Vec<Week>,
    /// The ten principals with the most denials.
    pub principals: Vec<Top>,
    /// Principals with denials in the period.
    pub principals_total: u64,
    /// Which layer refused, the most frequent first.
    pub layers: Vec<Layer>,
    /// Who was refused which permission, where most was.
    pub heat: Heat,
    /// Findings of which success was seen, the latest first.
    pub mended: Vec<Mended>,
    /// What patches foretold, and what became of it.
    pub foretold: Predictions,
    /// Account by account, the one with the most denials first.
    pub accounts: Vec<Section>,
    /// Owner by owner, the one with the most denials first.
    pub owners: Vec<Section>,
    /// Rules that keep denials out of the messages: the team's, and the built-in ones that did so in the period.
    pub rules: Vec<RuleRow>,
    /// Every finding known up to the period's end: those denied in the period, then the others, each the most pressing first.
    pub findings: Vec<Row>,
}

/// The figures on top of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Numbers {
    /// Denied events in the period.
    pub denied: u64,
    /// Those of them in findings that a rule expects.
    pub expected: u64,
    /// Findings with denials in the period.
    pub findings: u64,
    /// Those of them that were not denied before it; with `recurring` they are `findings`.
    pub new: u64,
    /// Those of them that were denied before it too.
    pub recurring: u64,
    /// Findings known from before without a denial in the period; says nothing about a cause.
    pub quiet: u64,
    /// Findings for which an allowed call was observed after the last denial, the first of them in the period.
    pub resolved: u64,
    /// Median of their hours from the first denial to that call; `None` where no time is known.
    pub mend_hours: Option<i64>,
    /// Findings of the period with a patch that is proven, without those that are seen to work.
    pub ready: u64,
    /// Denied events without a date, in no other figure.
    pub undated: u64,
}

/// The figures of the days before the period, where they can be known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Before {
    /// See [`Numbers::denied`].
    pub denied: u64,
    /// See [`Numbers::expected`].
    pub expected: u64,
    /// See [`Numbers::findings`].
    pub findings: u64,
    /// See [`Numbers::new`].
    pub new: u64,
    /// See [`Numbers::recurring`].
    pub recurring: u64,
    /// See [`Numbers::quiet`].
    pub quiet: u64,
    /// Findings of which the first allowed call after the last denial fell into those days.
    pub resolved: u64,
}

/// One of the findings to see to first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct First {
    /// The finding.
    pub id: String,
    /// Who was refused.
    pub principal: Principal,
    /// Its verdict: probing is to be looked into, the others have a patch.
    pub verdict: Verdict,
    /// Denied events of the period that the patch ends; for probing, all of them.
    pub denied: u64,
    /// `denied` is an upper bound: the patch ends a part of the finding only.
    pub at_most: bool,
    /// Statements in its patches.
    pub statements: u64,
    /// Permissions that were refused, each once.
    pub permissions: u64,
}

/// Denied events of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Day {
    /// UTC.
    #[cfg_attr(feature = "cli", schemars(with = "String"))]
    pub date: Date,
    /// All of them.
    pub denied: u64,
    /// By the finding's verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Findings that a change of a policy ended on this day, as far as changes are known.
    pub ended: Vec<String>,
}

/// Seven days, and how the findings stood in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Week {
    /// Its days.
    pub period: Period,
    /// Denied events.
    pub denied: u64,
    /// Findings first denied in it.
    pub new: u64,
    /// Findings denied before it and in it.
    pub recurring: u64,
    /// Findings denied in the week before and not in it, and not resolved in it.
    pub quiet: u64,
    /// Findings of which the first allowed call after the last denial fell into it.
    pub resolved: u64,
}

/// A finding of which success was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Mended {
    /// The finding.
    pub id: String,
    /// Who was refused.
    pub principal: Principal,
    /// Denied events ever.
    pub count: u64,
    /// Allowed calls that were seen since its last denial.
    pub allowed: u64,
    /// There may be more of them.
    pub at_least: bool,
    /// The first of them.
    #[cfg_attr(feature = "cli", schemars(with = "String"))]
    pub at: Timestamp,
    /// Hours from the first denial to it; `None` where the denials bear no time.
    pub hours: Option<i64>,
    /// The first change of a policy after the last denial, as `findings show` tells it; that it was the cause no event
    /// proves.
    #[cfg_attr(feature = "cli", schemars(with = "Option<serde_json::Map<String, serde_json::Value>>"))]
    pub change: Option<crate::change::Changed>,
}

/// What became of permissions that patches foretold as likely to be denied next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Predictions {
    /// Denied in the period, as foretold.
    pub came_true: u64,
    /// Used in the period without a refusal: it was not needed.
    pub needless: u64,
    /// Neither was seen yet.
    pub open: u64,
}

/// A principal and its denied events in the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Top {
    /// Without its session: all of its sessions count here.
    pub principal: Principal,
    /// Denied events.
    pub denied: u64,
    /// By the findings' verdicts.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// In how many findings.
    pub findings: u64,
    /// Its most pressing finding.
    pub lead: String,
}

/// A layer that refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Layer {
    /// How the decision fell.
    pub kind: ReasonKind,
    /// `None` when AWS named none.
    pub policy_type: Option<PolicyType>,
    /// Denied events in the period.
    pub denied: u64,
}

/// Principals against permissions, where most was denied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Heat {
    /// At most ten, the one with the most denials first.
    pub principals: Vec<Principal>,
    /// How many there are in all.
    pub principals_total: u64,
    /// At most ten: the most denied one of each row, then the most denied of all.
    pub actions: Vec<String>,
    /// How many there are in all.
    pub actions_total: u64,
    /// Those that are not empty, row by row.
    pub cells: Vec<Cell>,
}

/// Denials of one principal and one permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Cell {
    /// Its place in [`Heat::principals`].
    pub principal: usize,
    /// Its place in [`Heat::actions`].
    pub action: usize,
    /// Denied events of the period. An event that was refused two permissions counts with both.
    pub denied: u64,
    /// `denied` is an upper bound: the ledger counts a permission over all time, and days a finding.
    pub at_most: bool,
}

/// The findings of one account, or of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Section {
    /// Account id, or owner; `None`: of those that have none.
    pub of: Option<String>,
    /// The name that people use for an account.
    pub name: Option<String>,
    /// Its figures.
    pub numbers: Numbers,
    /// What to see to first.
    pub first: Option<First>,
    /// Its findings with denials in the period, the most pressing first.
    pub findings: Vec<String>,
}

/// A rule that keeps denials out of the messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct RuleRow {
    /// Its name.
    pub id: String,
    /// It comes with the program.
    pub builtin: bool,
    /// What it is about: key and pattern.
    pub about: Vec<(String, String)>,
    /// Why.
    pub reason: String,
    /// Who answers for it; `None` for a built-in one.
    pub owner: Option<String>,
    /// It only asks for quiet.
    pub snooze: bool,
    /// Denied events of the period that it muted.
    pub muted: u64,
    /// `muted` is an upper bound, as in [`Cell::at_most`].
    pub at_most: bool,
    /// The latest denial that it muted, in the report's scope or out of it; `None`: none that is known.
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub last: Option<Timestamp>,
    /// When it ends; `None`: it has no end.
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub expires: Option<Timestamp>,
    /// Whether a person should look at it.
    pub state: RuleState,
}

/// Whether a rule needs a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RuleState {
    /// It has ended: what it was about is told again.
    Expired,
    /// It ends within 14 days.
    Expiring,
    /// It muted nothing in the last 30 days.
    Stale,
    /// None of these.
    Active,
}

/// A finding in the report's table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Row {
    /// The finding.
    pub id: String,
    /// How it stands against the period.
    pub trend: Trend,
    /// How pressing.
    pub severity: Severity,
    /// What is to be done.
    pub verdict: Verdict,
    /// Who was refused, without the session.
    pub principal: Principal,
    /// Where.
    pub account: Option<String>,
    /// The name that people use for the account.
    pub account_name: Option<String>,
    /// Who has to act; `None`: nobody is named.
    pub owner: Option<String>,
    /// The layer that refused its most frequent item.
    pub layer: Layer,
    /// Permissions, the most frequent first, each once.
    pub actions: Vec<String>,
    /// Resources, the most frequent first, each once.
    pub resources: Vec<String>,
    /// The surest patch with a document; `None` where none is shown.
    pub patch: Option<Applicability>,
    /// Denied events in the period.
    pub denied: u64,
    /// Denied events ever.
    pub count: u64,
    /// Earliest.
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub first_seen: Option<Timestamp>,
    /// Latest.
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub last_seen: Option<Timestamp>,
    /// What we conclude, in one sentence.
    pub summary: String,
    /// Why.
    pub evidence: Vec<String>,
    /// What was not looked at.
    pub unchecked: Vec<String>,
    /// Permission by permission, the most frequent first.
    pub items: Vec<RowItem>,
    /// The patches that may be shown, as `explain --output json` writes them.
    #[cfg_attr(feature = "cli", schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>"))]
    pub patches: Vec<Patch>,
    /// When a call last succeeded before its last denial, of several permissions the latest; `None` where that was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub allowed_before: Option<Timestamp>,
    /// Allowed calls since the last denial; `None` where none was seen.
    #[cfg_attr(feature = "cli", schemars(with = "Option<serde_json::Map<String, serde_json::Value>>"))]
    pub allowed_since: Option<Since>,
    /// The last change of a policy before it and the first after it, as `explain --output json` writes them.
    #[cfg_attr(feature = "cli", schemars(with = "serde_json::Map<String, serde_json::Value>"))]
    pub changes: Story,
    /// What was foretold, and whether it came true.
    #[cfg_attr(feature = "cli", schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>"))]
    pub foretold: Vec<Foretold>,
}

/// A permission in a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct RowItem {
    /// `None`: unknown.
    pub action: Option<String>,
    /// `None`: unknown.
    pub resource: Option<String>,
    /// Denied events ever.
    pub count: u64,
    /// What is to be done about it.
    pub verdict: Verdict,
    /// How it stands.
    pub status: Status,
    /// The rule that mutes it.
    pub muted_by: Option<String>,
    /// Operations that met it.
    pub operations: Vec<String>,
    /// At most five ids of events, to look them up.
    pub events: Vec<String>,
}

/// How a finding stands against a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// First denied in the period.
    New,
    /// Denied before it and in it.
    Recurring,
    /// Denied before it, not in it.
    Quiet,
    /// An allowed call was observed after the last denial.
    Resolved,
    /// Its denials carry no date.
    Undated,
}
