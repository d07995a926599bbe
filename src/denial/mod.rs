//! Record or text → [`Denial`]: what AWS said, nothing concluded.

pub mod code;
pub mod message;
pub mod text;

mod authorization;
mod build;
mod context;
mod decoded;
mod origin;
mod session;

pub use authorization::{Authorization, Effect, Evaluation, Matched};
pub use build::{Given, from_excerpt, from_record};
pub use decoded::{Decoded, from_decoded};
pub(crate) use origin::GOOGLE;

use crate::principal::Principal;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One refused call, as AWS reported it; nothing here is guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// CloudTrail `eventID`; `None` for pasted text.
    pub event_id: Option<String>,
    /// `sharedEventID`: the same act seen from two accounts counts once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_event_id: Option<String>,
    /// UTC, whole seconds; `None` for pasted text.
    pub event_time: Option<Timestamp>,
    /// The account whose trail or console this came from.
    pub account: Option<String>,
    /// Region of the call.
    pub region: Option<String>,
    /// Who was refused.
    pub principal: Principal,
    /// `prefix:Operation` that was called, such as `s3:CreateMultipartUpload`; never an action by itself.
    pub operation: Option<String>,
    /// IAM actions in the service's own letter case; empty when unknown, never invented.
    pub actions: Vec<String>,
    /// Exact resources, in the form a policy statement needs, `*` where the action has no resource-level support;
    /// empty when unknown. Raw text: escape before it goes into a policy.
    pub resources: Vec<String>,
    /// What was needed: which action on which resource. `actions` and `resources` are its two columns; an operation
    /// such as S3's CopyObject needs different actions on different resources, so the pairs are kept.
    #[serde(skip)]
    pub permissions: Vec<Permission>,
    /// Why, in AWS's own terms.
    pub reason: Reason,
    /// How the action was found.
    pub how: How,
    /// Further facts of the event that a diagnosis or companion needs.
    #[serde(skip)]
    pub facts: Facts,
}

/// One action on one resource; either is `None` when unknown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Permission {
    /// Canonical IAM action.
    pub action: Option<String>,
    /// Exact resource, raw.
    pub resource: Option<String>,
}

/// How the IAM action of a denial was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// AWS's message names it.
    Message,
    /// The operation bears the action's name.
    Exact,
    /// The service has another name in IAM.
    Alias,
    /// A listed exception maps the operation.
    Exception,
    /// The user supplied it.
    Given,
    /// Not found.
    Unknown,
}

/// Why the call was refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// Nothing allows it, something denies it, or AWS does not say.
    pub kind: ReasonKind,
    /// The layer that AWS names; `None` when it names none.
    pub policy_type: Option<PolicyType>,
    /// The denying policy, where AWS names it.
    pub policy_arn: Option<String>,
    /// For `GetRequestAuthorizationDetails`; expires within a day or so.
    pub authorization_id: Option<String>,
    /// Whether an encoded message came along.
    pub encoded: Encoded,
    /// A known cause that is no IAM decision (a setting, a state, an opaque text); `None` when IAM decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub special: Option<Special>,
    /// The message was cut, so that a cause may be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// How the decision fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// No statement allows it.
    Implicit,
    /// A statement denies it.
    Explicit,
    /// AWS does not say.
    Unstated,
}

/// The layer of policy that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PolicyType {
    /// Policies of the role, user or its groups.
    Identity,
    /// The resource's own policy.
    Resource,
    /// A role's trust policy.
    Trust,
    /// A permissions boundary.
    Boundary,
    /// A policy passed when the session began.
    Session,
    /// A service control policy.
    Scp,
    /// A resource control policy.
    Rcp,
    /// A VPC endpoint policy.
    VpcEndpoint,
}

/// State of an encoded authorization message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoded {
    /// Whole: `sts:DecodeAuthorizationMessage` can read it.
    Present,
    /// Cut: nobody can.
    Truncated,
    /// There is none.
    Absent,
}

/// Refusals under a denial's code that no Allow on the caller mends, or that hide their cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Special {
    /// S3 Block Public Access, blocked SSE-C, or another setting of the resource.
    ResourceSetting,
    /// The account or its subscription is not ready (IAM billing access, Region, suspended, marketplace).
    AccountSetting,
    /// The call itself can never succeed (root assuming a role, session tokens from a session).
    CallDesign,
    /// Multi-factor authentication failed or is missing.
    Mfa,
    /// Lake Formation grants, not IAM.
    LakeFormation,
    /// KMS's opaque text: wrong key, Region, account, state, or no permission.
    KmsOpaque,
    /// Cross-account KMS text that names several possible causes at once.
    CrossAccountOpaque,
    /// A bare `Access Denied`, or no message at all.
    Bare,
    /// EC2's text without a name; the encoded message may hold the facts.
    Ec2Opaque,
    /// The web identity or SAML assertion did not fit the role's trust policy.
    TrustFederation,
    /// No assignment in IAM Identity Center.
    IdentityCenter,
}

/// Facts of the event beyond what AWS said, each `None` or empty when the event does not hold it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Facts {
    /// The AWS service that called with the caller's permissions (`invokedBy`), such as `s3.amazonaws.com`.
    pub via: Option<String>,
    /// `eventSource`, such as `kms.amazonaws.com`.
    pub source: Option<String>,
    /// Where the call came from: address, service name, `AWS Internal`. Untrusted only as far as an address is.
    pub source_ip: Option<String>,
    /// Untrusted.
    pub user_agent: Option<String>,
    /// Whether the call only reads.
    pub read_only: Option<bool>,
    /// Roles that the request hands to a service: (`iam:PassedToService` value, empty when unknown; role ARN).
    pub passes: Vec<(String, String)>,
    /// Condition keys whose values the event shows, such as `s3:x-amz-server-side-encryption`; an empty list is a key that
    /// the request certainly did not have.
    pub context: BTreeMap<String, Vec<String>>,
    /// Further resources that the same call needs for the same action, exact: ecs:ExecuteCommand wants the cluster and
    /// the task, and AWS names only the first that failed.
    pub also: Vec<String>,
    /// What the operation needs besides the action that AWS named, such as s3:GetObject on the source of a copy.
    pub next: Vec<Permission>,
    /// The account that owns the resource, where the event tells.
    pub resource_account: Option<String>,
    /// CloudTrail `errorCode`.
    pub error_code: Option<String>,
    /// The text AWS sent, at most 1 KB; shown, never put into a policy. Untrusted.
    pub message: Option<String>,
    /// The resource's name holds phrases of AWS's own messages; no honest name does.
    #[serde(default)]
    pub suspect: bool,
    /// An IAM name was told without its path, so the resource's ARN may be another.
    #[serde(default)]
    pub path_hidden: bool,
    /// The message names another caller than the record, whose identity CloudTrail vouches for.
    #[serde(default)]
    pub other_caller: bool,
    /// The VPC endpoint that the call came through.
    pub vpc_endpoint_id: Option<String>,
    /// The OIDC provider of IAM, by its ARN, whose token the caller showed; what the token says is in `context`.
    #[serde(default)]
    pub provider: Option<String>,
    /// The statements that denied it, in words, where AWS names them on asking; at most five.
    #[serde(default)]
    pub denied_by: Vec<String>,
    /// What else AWS told on asking (a decoded message, authorization details), in words; at most five.
    #[serde(default)]
    pub learnt: Vec<String>,
    /// What AWS was asked about this denial and did not tell, in words that name the call; at most five.
    #[serde(default)]
    pub unlearnt: Vec<String>,
}
