//! The place of a patch: which policy would have to change.

use serde::{Deserialize, Serialize};

/// The policy that a patch goes into.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// What sort of policy.
    pub kind: TargetKind,
    /// ARN of the role, user, policy or resource that carries it; `None` when unknown.
    pub arn: Option<String>,
    /// Its name without path: role, user, permission set, bucket, key id; `None` when unknown.
    pub name: Option<String>,
    /// The account in which the change is made; `None` when unknown.
    pub account: Option<String>,
}

/// Sorts of policy that can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names are AWS's own
pub enum TargetKind {
    RolePolicy,
    UserPolicy,
    PermissionSet,
    ManagedPolicy,
    GroupPolicy,
    TrustPolicy,
    PermissionsBoundary,
    SessionPolicy,
    BucketPolicy,
    KeyPolicy,
    QueuePolicy,
    TopicPolicy,
    FunctionPolicy,
    SecretPolicy,
    RepositoryPolicy,
    ResourcePolicy,
    VpcEndpointPolicy,
    Scp,
    Rcp,
}
