//! Finding → [`Patch`]: where, what, how narrow.

mod against;
mod already;
mod companions;
mod conditions;
mod draft;
mod gate;
mod merge;
mod needed;
mod roads;
mod room;
pub mod scope;
mod sides;
mod split;
mod statement;
mod whom;

pub use draft::{Draft, Judged, draft};
pub(crate) use draft::{exact, foreseen, judged};
pub use gate::{Grounds, Look, look};
pub use merge::{Unmergeable, merge};
pub use needed::needed;
pub(crate) use roads::{Around, roads};
pub use roads::{Road, Step};
pub use room::{InForcePolicy, Room, holder, over_quota};
pub use split::parts;
pub use statement::{Grant, Named, Tests, sid};

use crate::diagnosis::Target;
use crate::policy::Document;
use serde::{Deserialize, Serialize};

/// Statements to add, where, and how surely.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Patch {
    /// The policy to change.
    pub target: Target,
    /// How far a person may trust it.
    pub applicability: Applicability,
    /// What a person must settle first.
    pub doubts: Vec<String>,
    /// Exactly what to add; `None` when no Allow can help.
    pub document: Option<Document>,
    /// The whole policy in force with the patch in it, where that policy was given.
    pub merged: Option<Document>,
    /// What the policies in force leave of its place.
    #[serde(default)]
    pub room: Room,
    /// Where a durable form stands for a one-off name.
    pub widened: Vec<Widened>,
    /// Permissions likely to be denied next; never part of `document` unless asked.
    pub companions: Vec<Companion>,
    /// What replaying the denials showed; `None` without a document.
    pub proof: Option<Proof>,
}

impl std::fmt::Display for Applicability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// How surely a patch may be applied; only [`crate::verify`] grants [`Applicability::Apply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Applicability {
    /// Proven: allows each recorded denial and nothing else, and opens no road to more power.
    Apply,
    /// Well-formed; a person must settle the doubts.
    Review,
    /// No Allow helps here; the words do.
    Explain,
}

/// A one-off name that the patch replaces by a durable form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Widened {
    /// The exact resource that was denied.
    pub from: String,
    /// The form in the patch.
    pub to: String,
    /// The rule's name, such as `task-definition-revision`.
    pub rule: String,
}

/// A permission that the same work is likely to need next; not yet denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Companion {
    /// IAM actions, canonical.
    pub actions: Vec<String>,
    /// Escaped policy resources.
    pub resources: Vec<String>,
    /// Operator → key → values.
    pub conditions: Tests,
    /// One sentence for a person.
    pub why: String,
    /// The rule or data set behind it.
    pub source: String,
}

/// What replaying the recorded denials showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// `policies` when real policies stood behind it, `message` when only AWS's words did.
    pub basis: String,
    /// `denied` or `allowed`: the decision without the patch.
    pub before: String,
    /// The decision with it.
    pub after: String,
    /// Dropping any action or resource brings a recorded denial back; dropping any condition lets an unrecorded call in.
    pub minimal: bool,
    /// What becomes allowed beyond the recorded denials.
    pub beyond: Vec<String>,
}
