//! Finding → [`Verdict`]; one file a rule family.

pub mod expected;
pub mod probing;
mod severity;

pub use severity::{Severity, severity};

use crate::diagnosis::Cause;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is to be done about an item or a finding, the most serious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Looks like an attack or a scan: security's matter, never a patch.
    Probing,
    /// The policy belongs to somebody else (resource, key, boundary, endpoint).
    Owner,
    /// A patch exists; a person must decide on it.
    Review,
    /// The caller's own policy lacks it, and a safe patch is at hand.
    Patch,
    /// Nothing names the layer or the facts.
    Unclear,
    /// Denied by design: SCP, RCP, explicit deny, a setting.
    Upheld,
    /// The same call soon succeeded.
    Transient,
    /// A rule says that this is expected.
    Expected,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What a cause lets anybody do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// An Allow in the caller's own policy.
    OwnAllow,
    /// An Allow in a policy that somebody else keeps.
    OwnersAllow,
    /// An Allow in the caller's policy may help; AWS does not say so.
    LikelyAllow,
    /// A person's: an Allow exists under a condition, which another Allow beside it would undo.
    Decision,
    /// Nobody's Allow: it is meant, or another thing must change.
    Upheld,
    /// Another item's: this one is the same act, seen from elsewhere.
    Elsewhere,
    /// Nothing: it has passed.
    Passed,
    /// Too little is known.
    Unknown,
    /// An incident.
    Incident,
}

/// The remedy of each cause.
pub fn remedy(cause: Cause) -> Remedy {
    match cause {
        Cause::IdentityAllowMissing
        | Cause::ConditionUnreachable
        | Cause::KeyAbsentViaService
        | Cause::ResourceFormMismatch
        | Cause::ArnFormMismatch
        | Cause::ActionMisspelt => Remedy::OwnAllow,
        Cause::ConditionNotMet => Remedy::Decision,
        Cause::LayerUnstated | Cause::BareDenial | Cause::EncodedMessage | Cause::KmsOpaque => Remedy::LikelyAllow,
        Cause::BoundaryAllowMissing
        | Cause::SessionAllowMissing
        | Cause::ResourceAllowMissing
        | Cause::TrustAllowMissing
        | Cause::EndpointAllowMissing
        | Cause::CrossAccountOpaque
        | Cause::PrincipalRecreated
        | Cause::PrincipalNotEditable => Remedy::OwnersAllow,
        Cause::ScpAllowMissing
        | Cause::RcpAllowMissing
        | Cause::ExplicitDeny
        | Cause::ResourceSetting
        | Cause::AccountSetting
        | Cause::CallDesign
        | Cause::MfaMissing
        | Cause::LakeFormation
        | Cause::AssignmentMissing => Remedy::Upheld,
        Cause::ActionUnknown | Cause::PrincipalUnknown | Cause::ResourceUnknown | Cause::AlreadyAllowed => {
            Remedy::Unknown
        }
        Cause::KmsBehind => Remedy::Elsewhere,
        Cause::SoonAllowed => Remedy::Passed,
        Cause::KeyQuarantined => Remedy::Incident,
    }
}

/// The verdict on one item: what its cause allows, lowered to `review` where no proof stands behind a plain patch.
///
/// `sound` says that a patch for the item was proven and opens no road to more power; `None` means that there is none.
pub fn judge(cause: Cause, swept: bool, sound: Option<bool>) -> Verdict {
    match (remedy(cause), swept, sound) {
        (Remedy::Incident, _, _) => Verdict::Probing,
        (Remedy::Upheld, false, _) => Verdict::Upheld,
        (_, true, _) => Verdict::Probing,
        (Remedy::OwnersAllow, _, _) => Verdict::Owner,
        (Remedy::Decision, _, _) => Verdict::Review,
        (Remedy::OwnAllow, _, Some(true)) => Verdict::Patch,
        (Remedy::OwnAllow | Remedy::LikelyAllow, _, Some(_)) => Verdict::Review,
        (Remedy::Passed, _, _) => Verdict::Transient,
        // The other item's verdict takes its place, see `advice`.
        (Remedy::OwnAllow | Remedy::LikelyAllow | Remedy::Unknown | Remedy::Elsewhere, _, _) => Verdict::Unclear,
    }
}
