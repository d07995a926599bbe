//! `userIdentity` or an ARN → [`Principal`]: who holds the policies behind a call.
//!
//! A session holds no policy; the role behind it does. So a principal here is always the durable identity, with one
//! session kept as a sample.
//! See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>.

mod identity;
mod text;

pub use identity::from_identity;
pub use text::from_arn;

use serde::{Deserialize, Serialize};

/// What sort of identity made the call; it decides where a policy can live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// An IAM role; its own policies can be changed.
    Role,
    /// An IAM user.
    User,
    /// A role that IAM Identity Center owns (`AWSReservedSSO_*`): the permission set is what can be changed.
    PermissionSet,
    /// A role that an AWS service owns (path `/aws-service-role/`): nobody can change its policies.
    ServiceLinkedRole,
    /// An account's root user: holds no IAM policy.
    Root,
    /// An AWS service acting as itself.
    Service,
    /// A federated user or web/SAML identity, known by its issuer's words only.
    Federated,
    /// Another account, seen from the resource owner's side.
    Account,
    /// A caller that signed nothing.
    Anonymous,
    /// AWS gave too little to tell.
    Unknown,
}

/// Who was refused: the role behind a session, the permission set behind a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Principal {
    /// What sort of identity this is.
    pub kind: PrincipalKind,
    /// The role's or user's ARN, never the session's; `None` when AWS gave none and none can be built. For a federated
    /// user the one who issued its credentials, where known.
    pub arn: Option<String>,
    /// The account that owns the principal; `None` when unknown.
    pub account: Option<String>,
    /// Role, user, permission set or service name, without path; `None` when unknown, as for a permission set of which
    /// only the role's path tells.
    pub name: Option<String>,
    /// False where only a session ARN was there: it hides the role's path, so `arn` may lack it.
    pub path_known: bool,
    /// One session name, as a sample; `None` for principals without sessions. Chosen by the caller: untrusted.
    pub session: Option<String>,
}

impl Principal {
    /// A principal of which nothing is known.
    pub fn unknown() -> Self {
        Self { kind: PrincipalKind::Unknown, arn: None, account: None, name: None, path_known: false, session: None }
    }
}

impl Principal {
    /// Kind and name for a sentence: ``role `app` ``, `root`, `the caller`; the name is untrusted text.
    pub fn words(&self) -> String {
        let kind = match self.kind {
            PrincipalKind::Role => "role",
            PrincipalKind::User => "user",
            PrincipalKind::PermissionSet => "permission set",
            PrincipalKind::ServiceLinkedRole => "service-linked role",
            PrincipalKind::Root => return "the account's root user".to_owned(),
            PrincipalKind::Service => "service",
            PrincipalKind::Federated => "federated user",
            PrincipalKind::Account => "account",
            PrincipalKind::Anonymous => return "an anonymous caller".to_owned(),
            PrincipalKind::Unknown => return "an unknown caller".to_owned(),
        };
        let name = self.name.as_deref().or(self.arn.as_deref()).or(self.account.as_deref());
        name.map_or_else(|| format!("a {kind}"), |name| format!("{kind} `{name}`"))
    }
}
