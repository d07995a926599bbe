//! When a receiver hears of a finding: one message, edited as the finding grows. The words are Alertmanager's.
//!
//! | word | means |
//! |---|---|
//! | `wait` | a burst is collected so long before the first message; critical findings do not wait |
//! | `update_every` | an edit at most so often; a new item may edit sooner, once within that time |
//! | `reopen_after` | a denial so long after the one before it is told anew, in the same thread |
//! | `remind_after` | still denied so long after the last new message: told again |
//!
//! ```
//! use denywatch::delivery::{Action, Pacing, Seen, Stage, Told, decide};
//! # use denywatch::{delivery::Standing, triage::Severity};
//! # let at = |text: &str| text.parse::<jiff::Timestamp>();
//! # let seen = Seen { fingerprint: "a".into(), severity: Severity::High, count: 1, last_denial: at("2026-11-12T10:00:00Z").ok(), standing: Standing::Open };
//! let pacing = Pacing::default();
//! let first = decide(&Told::default(), &seen, at("2026-11-12T10:00:05Z")?, &pacing);
//! assert_eq!(first.action, Action::Wait { until: at("2026-11-12T10:01:05Z")? });
//! let second = decide(&first.told, &seen, at("2026-11-12T10:01:05Z")?, &pacing);
//! assert_eq!(second.action, Action::Post { stage: Stage::New });
//! # Ok::<(), jiff::Error>(())
//! ```

use super::seen::{Seen, Standing};
use crate::triage::Severity;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Why a message about a finding is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The finding is new.
    #[default]
    New,
    /// More denials joined it, or it has become more serious.
    Update,
    /// It had gone quiet or was resolved, and is back.
    Reopened,
    /// It is still open.
    Reminder,
    /// Allowed calls were observed since the last denial.
    Resolved,
}

impl Stage {
    /// One word for the message.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Update => "updated",
            Self::Reopened => "reopened",
            Self::Reminder => "still open",
            Self::Resolved => "resolved",
        }
    }
}

/// How soon and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// `group.wait`.
    pub wait: SignedDuration,
    /// `group.update_every`.
    pub update_every: SignedDuration,
    /// `group.reopen_after`.
    pub reopen_after: SignedDuration,
    /// `group.remind_after`.
    pub remind_after: SignedDuration,
    /// Whether the receiver can change a message that it has shown: where it cannot, only what is new in kind (an item,
    /// a severity) is told again, not a mere count.
    pub edits: bool,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            wait: SignedDuration::from_secs(60),
            update_every: SignedDuration::from_mins(30),
            reopen_after: SignedDuration::from_hours(24),
            remind_after: SignedDuration::from_hours(24 * 7),
            edits: true,
        }
    }
}

/// What one receiver knows of one finding. The ledger keeps it; the default is that of a receiver who knows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// The burst before the first message began here.
    pub opened: Option<Timestamp>,
    /// The last new message.
    pub posted: Option<Timestamp>,
    /// The last new message or edit.
    pub sent: Option<Timestamp>,
    /// The last edit that did not keep to `update_every`.
    pub hurried: Option<Timestamp>,
    /// What was told: [`Seen::fingerprint`].
    pub fingerprint: String,
    /// The severity that was told.
    pub severity: Option<Severity>,
    /// The number of denials that was told.
    pub count: u64,
    /// The latest denial that is known here, told or not.
    pub last_denial: Option<Timestamp>,
    /// The receiver was told that it is over.
    pub resolved: bool,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing, and nothing will be due without another denial.
    Rest,
    /// Nothing yet: decide again then.
    Wait {
        /// When.
        until: Timestamp,
    },
    /// A new message; of a finding that was told before, in its thread.
    Post {
        /// Why.
        stage: Stage,
    },
    /// The message changes in place; where the receiver cannot, a new message says what is new.
    Edit {
        /// Why.
        stage: Stage,
    },
}

/// An action, and what the receiver will know once it is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// To be stored together with the action, whatever it is.
    pub told: Told,
}

/// Decides on one finding and one receiver. Whatever the order and number of calls, messages keep to the pacing.
pub fn decide(told: &Told, seen: &Seen, now: Timestamp, pacing: &Pacing) -> Decision {
    let gap = gap(told.last_denial, seen.last_denial);
    let mut next = told.clone();
    next.last_denial = told.last_denial.max(seen.last_denial);
    let action = match (seen.standing, told.posted) {
        (Standing::Silenced, _) | (Standing::Resolved, None) => {
            next.opened = None;
            Action::Rest
        }
        (Standing::Resolved, Some(_)) if told.resolved => Action::Rest,
        (Standing::Resolved, Some(_)) => Action::Edit { stage: Stage::Resolved },
        (Standing::Open, None) => first(&mut next, seen, now, pacing),
        (Standing::Open, Some(posted)) => again(&mut next, seen, now, pacing, posted, gap),
    };
    if let Action::Post { stage } | Action::Edit { stage } = action {
        note(&mut next, seen, now, stage, matches!(action, Action::Post { .. }));
    }
    Decision { action, told: next }
}

/// From the denial known last to the latest one.
fn gap(before: Option<Timestamp>, after: Option<Timestamp>) -> SignedDuration {
    before.zip(after).map_or(SignedDuration::ZERO, |(before, after)| after.duration_since(before))
}

fn first(next: &mut Told, seen: &Seen, now: Timestamp, pacing: &Pacing) -> Action {
    let opened = *next.opened.get_or_insert(now);
    let until = later(opened, pacing.wait);
    if seen.severity == Severity::Critical || now >= until {
        return Action::Post { stage: Stage::New };
    }
    Action::Wait { until }
}

/// The receiver knows of the finding.
fn again(
    next: &mut Told,
    seen: &Seen,
    now: Timestamp,
    pacing: &Pacing,
    posted: Timestamp,
    gap: SignedDuration,
) -> Action {
    let grown = seen.count > next.count;
    if grown && (next.resolved || gap >= pacing.reopen_after) {
        return Action::Post { stage: Stage::Reopened };
    }
    let worse = next.severity.is_some_and(|told| seen.severity < told);
    if worse {
        return Action::Edit { stage: Stage::Update };
    }
    let remind = later(posted, pacing.remind_after);
    // What is still denied is told again; what is quiet is left alone.
    if grown && now >= remind {
        return Action::Post { stage: Stage::Reminder };
    }
    let new = seen.fingerprint != next.fingerprint;
    if !(new || grown && pacing.edits) {
        return if grown { Action::Wait { until: remind } } else { Action::Rest };
    }
    let sent = next.sent.unwrap_or(posted);
    let calm = later(sent, pacing.update_every);
    if now >= calm {
        return Action::Edit { stage: Stage::Update };
    }
    let hurry = later(sent, pacing.wait);
    let may_hurry = new && next.hurried.is_none_or(|at| now >= later(at, pacing.update_every));
    match (may_hurry, now >= hurry) {
        (true, true) => {
            next.hurried = Some(now);
            Action::Edit { stage: Stage::Update }
        }
        (true, false) => Action::Wait { until: hurry.min(calm) },
        (false, _) => Action::Wait { until: calm },
    }
}

/// What the receiver knows after a message.
fn note(next: &mut Told, seen: &Seen, now: Timestamp, stage: Stage, is_new_message: bool) {
    next.opened = None;
    next.sent = Some(now);
    if is_new_message {
        next.posted = Some(now);
        next.hurried = None;
    }
    next.fingerprint.clone_from(&seen.fingerprint);
    next.severity = Some(seen.severity);
    next.count = seen.count;
    next.resolved = stage == Stage::Resolved;
}

/// A time that is out of range never comes.
fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
