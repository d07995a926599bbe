//! Who asks, taken from the request's principal text.
//!
//! Kinds: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.

use super::context::Context;
use super::pattern::Lookup;
use std::borrow::Cow;

/// What sort of principal asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallerKind {
    /// An account's root user.
    Root,
    User,
    /// The role itself, its session not known.
    Role,
    /// A session of a role.
    Session,
    /// A session from `GetFederationToken`.
    FederatedUser,
    /// A service, an identity provider or a canonical user: known by exact text, without identity-based policies.
    Named,
    /// A request without credentials.
    Anonymous,
    /// An ARN of no kind known here.
    Other,
}

/// The principal of a request.
#[derive(Debug)]
pub(super) struct Caller<'a> {
    pub(super) text: &'a str,
    pub(super) kind: CallerKind,
    /// Empty for callers without an account.
    pub(super) account: &'a str,
    pub(super) partition: &'a str,
    /// The user's or role's name without its path; empty for other kinds.
    pub(super) name: &'a str,
}

impl<'a> Caller<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let bare = |kind| Self { text, kind, account: "", partition: "", name: "" };
        match text {
            "*" | "" | "anonymous" => return bare(CallerKind::Anonymous),
            account if is_account(account) => {
                return Self { account, partition: "aws", ..bare(CallerKind::Root) };
            }
            _ => {}
        }
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().unwrap_or("");
        let (head, partition, service, _, account, resource) = (next(), next(), next(), next(), next(), next());
        if head != "arn" {
            return bare(CallerKind::Named);
        }
        let (kind, rest) = resource.split_once('/').unwrap_or((resource, ""));
        let last = rest.rsplit('/').next().unwrap_or("");
        let first = rest.split('/').next().unwrap_or("");
        let (kind, name) = match (service, kind) {
            ("iam", "root") => (CallerKind::Root, ""),
            ("iam", "user") => (CallerKind::User, last),
            ("iam", "role") => (CallerKind::Role, last),
            ("iam", "oidc-provider" | "saml-provider") => return bare(CallerKind::Named),
            ("sts", "assumed-role") => (CallerKind::Session, first),
            ("sts", "federated-user") => (CallerKind::FederatedUser, last),
            _ => (CallerKind::Other, ""),
        };
        Self { text, kind, account, partition, name }
    }

    /// What `aws:PrincipalArn` holds: the role behind a session, here without the path, which a session does not tell.
    pub(super) fn principal_arn(&self) -> Option<Cow<'a, str>> {
        match self.kind {
            CallerKind::Root if is_account(self.text) => Some(format!("arn:aws:iam::{}:root", self.text).into()),
            CallerKind::Root | CallerKind::User | CallerKind::Role | CallerKind::FederatedUser => {
                Some(self.text.into())
            }
            CallerKind::Session => {
                Some(format!("arn:{}:iam::{}:role/{}", self.partition, self.account, self.name).into())
            }
            CallerKind::Named | CallerKind::Anonymous | CallerKind::Other => None,
        }
    }

    /// Whether service control policies bind the caller: principals of an account, but no service-linked roles
    /// (<https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html>).
    pub(super) fn is_under_scp(&self, context: &Context<'_>) -> bool {
        !self.account.is_empty() && !self.is_service_linked(context)
    }

    /// A service-linked role is known by its path; a session shows it only in `aws:PrincipalArn`. Neither SCPs nor
    /// RCPs bind it.
    pub(super) fn is_service_linked(&self, context: &Context<'_>) -> bool {
        let linked = |arn: &str| arn.contains(":role/aws-service-role/");
        match self.kind {
            CallerKind::Role => linked(self.text),
            CallerKind::Session => context.single("aws:PrincipalArn").is_some_and(linked),
            _ => false,
        }
    }

    /// Whether this ARN is the role that asks. Role names are unique in an account, whatever their path
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
    pub(super) fn has_role(&self, arn: &str) -> bool {
        let role = Caller::new(arn);
        matches!(self.kind, CallerKind::Session | CallerKind::Role)
            && role.kind == CallerKind::Role
            && (role.partition, role.account, role.name) == (self.partition, self.account, self.name)
    }

    /// Whether this is the caller's account, by id or root ARN.
    pub(super) fn has_account(&self, text: &str) -> bool {
        if self.account.is_empty() {
            return false;
        }
        let named = text.strip_prefix("arn:").and_then(|rest| rest.split_once(":iam::"));
        match named {
            Some((partition, rest)) => partition == self.partition && rest.strip_suffix(":root") == Some(self.account),
            None => text == self.account,
        }
    }
}

/// Twelve digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
