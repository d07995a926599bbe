//! The causes by name.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What went wrong, as one stable word; see the file of the same name for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// AWS says that no identity-based policy allows it.
    IdentityAllowMissing,
    /// An Allow covers it, but its condition tests a key that this action never carries.
    ConditionUnreachable,
    /// An Allow covers it, but its condition was not met by this request.
    ConditionNotMet,
    /// A bucket ARN stands where an object ARN is needed, or the reverse.
    ResourceFormMismatch,
    /// An Allow covers it, but tests the caller's network, which a call made by a service on its behalf lacks.
    KeyAbsentViaService,
    /// An Allow names the resource in a form that nearly covers it: another Region, no `:*`, no index.
    ArnFormMismatch,
    /// A policy names an action that does not exist, a slip away from the one that was refused.
    ActionMisspelt,
    /// The policies that were given allow it.
    AlreadyAllowed,
    /// The resource's policy names the id of a principal that was deleted and made anew.
    PrincipalRecreated,
    /// No layer is named: the identity policy is the likeliest.
    LayerUnstated,
    /// S3's bare `Access Denied`, or no message at all.
    BareDenial,
    /// S3's bare `Access Denied` is KMS's refusal of the same second.
    KmsBehind,
    /// The same call was allowed minutes later.
    SoonAllowed,
    /// EC2 hides the facts in an encoded message.
    EncodedMessage,
    /// No permissions boundary allows it.
    BoundaryAllowMissing,
    /// No session policy allows it.
    SessionAllowMissing,
    /// No resource-based policy allows it.
    ResourceAllowMissing,
    /// No role trust policy allows it.
    TrustAllowMissing,
    /// No VPC endpoint policy allows it.
    EndpointAllowMissing,
    /// No service control policy allows it.
    ScpAllowMissing,
    /// No resource control policy allows it.
    RcpAllowMissing,
    /// A statement denies it.
    ExplicitDeny,
    /// AWS quarantined the principal because its key leaked.
    KeyQuarantined,
    /// A setting of the resource refuses it, such as S3 Block Public Access.
    ResourceSetting,
    /// The account, Region or subscription is not ready.
    AccountSetting,
    /// The call can never succeed as made.
    CallDesign,
    /// Multi-factor authentication is missing or failed.
    MfaMissing,
    /// Lake Formation has its own grants.
    LakeFormation,
    /// KMS does not say whether the key or the permission is missing.
    KmsOpaque,
    /// Cross-account: AWS names several causes at once.
    CrossAccountOpaque,
    /// No assignment in IAM Identity Center.
    AssignmentMissing,
    /// The principal has no policy that anybody could change.
    PrincipalNotEditable,
    /// The IAM action is unknown or does not exist.
    ActionUnknown,
    /// The caller is unknown.
    PrincipalUnknown,
    /// The resource is unknown, and the action needs one.
    ResourceUnknown,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
