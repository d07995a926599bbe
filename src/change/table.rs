//! The changes that are read, one line each. The live rule lets these names through; a pair that is not here is no change.
//!
//! Left out on purpose: `kms:CreateGrant`, which AWS services call all day; `iam:DeletePolicyVersion`, which cannot take
//! the version in force away. See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicyVersion.html>.

/// What a change does to the statements in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// There are more of them.
    Adds,
    /// There are fewer.
    Removes,
    /// Others stand in their place.
    Replaces,
}

/// Whose statements they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// A role's, user's or group's own, or a managed policy's.
    Identity,
    /// A role's trust policy.
    Trust,
    /// A permissions boundary: it allows nothing, it bounds.
    Boundary,
    /// A resource's own, or what keeps it from the public.
    Resource,
    /// A policy of the organization, or where an account hangs in it.
    Organization,
    /// A permission set of IAM Identity Center.
    PermissionSet,
    /// A VPC endpoint's.
    Endpoint,
}

/// One kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// `eventSource`.
    pub source: &'static str,
    /// `eventName`.
    pub name: &'static str,
    /// See there.
    pub layer: Layer,
    /// See there.
    pub effect: Effect,
}

use Effect::{Adds, Removes, Replaces};
use Layer::{Boundary, Endpoint, Identity, Organization, PermissionSet, Resource, Trust};

/// The list.
pub const KINDS: &[Kind] = &[
    of("iam", "PutRolePolicy", Identity, Replaces),
    of("iam", "DeleteRolePolicy", Identity, Removes),
    of("iam", "AttachRolePolicy", Identity, Adds),
    of("iam", "DetachRolePolicy", Identity, Removes),
    of("iam", "PutUserPolicy", Identity, Replaces),
    of("iam", "DeleteUserPolicy", Identity, Removes),
    of("iam", "AttachUserPolicy", Identity, Adds),
    of("iam", "DetachUserPolicy", Identity, Removes),
    of("iam", "PutGroupPolicy", Identity, Replaces),
    of("iam", "DeleteGroupPolicy", Identity, Removes),
    of("iam", "AttachGroupPolicy", Identity, Adds),
    of("iam", "DetachGroupPolicy", Identity, Removes),
    of("iam", "AddUserToGroup", Identity, Adds),
    of("iam", "RemoveUserFromGroup", Identity, Removes),
    of("iam", "CreatePolicyVersion", Identity, Replaces),
    of("iam", "SetDefaultPolicyVersion", Identity, Replaces),
    of("iam", "UpdateAssumeRolePolicy", Trust, Replaces),
    of("iam", "PutRolePermissionsBoundary", Boundary, Replaces),
    of("iam", "DeleteRolePermissionsBoundary", Boundary, Removes),
    of("iam", "PutUserPermissionsBoundary", Boundary, Replaces),
    of("iam", "DeleteUserPermissionsBoundary", Boundary, Removes),
    of("organizations", "AttachPolicy", Organization, Adds),
    of("organizations", "DetachPolicy", Organization, Removes),
    of("organizations", "UpdatePolicy", Organization, Replaces),
    of("organizations", "MoveAccount", Organization, Replaces),
    of("sso", "PutInlinePolicyToPermissionSet", PermissionSet, Replaces),
    of("sso", "DeleteInlinePolicyFromPermissionSet", PermissionSet, Removes),
    of("sso", "AttachManagedPolicyToPermissionSet", PermissionSet, Adds),
    of("sso", "DetachManagedPolicyFromPermissionSet", PermissionSet, Removes),
    of("sso", "ProvisionPermissionSet", PermissionSet, Replaces),
    of("kms", "PutKeyPolicy", Resource, Replaces),
    of("s3", "PutBucketPolicy", Resource, Replaces),
    of("s3", "DeleteBucketPolicy", Resource, Removes),
    of("s3", "PutBucketPublicAccessBlock", Resource, Replaces),
    of("s3", "DeleteBucketPublicAccessBlock", Resource, Replaces),
    of("sqs", "SetQueueAttributes", Resource, Replaces),
    of("sqs", "AddPermission", Resource, Adds),
    of("sqs", "RemovePermission", Resource, Removes),
    of("sns", "SetTopicAttributes", Resource, Replaces),
    of("sns", "AddPermission", Resource, Adds),
    of("sns", "RemovePermission", Resource, Removes),
    of("lambda", "AddPermission20150331v2", Resource, Adds),
    of("lambda", "RemovePermission20150331v2", Resource, Removes),
    of("secretsmanager", "PutResourcePolicy", Resource, Replaces),
    of("secretsmanager", "DeleteResourcePolicy", Resource, Removes),
    of("dynamodb", "PutResourcePolicy", Resource, Replaces),
    of("dynamodb", "DeleteResourcePolicy", Resource, Removes),
    of("kinesis", "PutResourcePolicy", Resource, Replaces),
    of("kinesis", "DeleteResourcePolicy", Resource, Removes),
    of("ecr", "SetRepositoryPolicy", Resource, Replaces),
    of("ecr", "DeleteRepositoryPolicy", Resource, Removes),
    of("ec2", "ModifyVpcEndpoint", Endpoint, Replaces),
];

const fn of(source: &'static str, name: &'static str, layer: Layer, effect: Effect) -> Kind {
    Kind { source, name, layer, effect }
}

/// The kind of an event; `None` where it changes no policy.
///
/// ```
/// use denywatch::change::{Effect, kind};
/// assert_eq!(kind("iam.amazonaws.com", "DeleteRolePolicy").map(|kind| kind.effect), Some(Effect::Removes));
/// assert_eq!(kind("iam.amazonaws.com", "GetRolePolicy"), None);
/// ```
pub fn kind(event_source: &str, event_name: &str) -> Option<Kind> {
    let service = event_source.strip_suffix(".amazonaws.com")?;
    KINDS.iter().find(|kind| kind.name == event_name && kind.source == service).copied()
}
