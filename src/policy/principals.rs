//! `Principal` and `NotPrincipal` against the caller.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>.

use super::caller::{Caller, CallerKind};
use super::document::{Effect, PrincipalSet, Principals, Statement};

/// How a statement of a resource-based policy names the caller, weakest first.
///
/// The difference decides which implicit denials still limit a grant:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Naming {
    /// Its account: the account may delegate.
    Account,
    /// Its role: boundary and session policy limit.
    Role,
    /// `*`: the session policy limits.
    Everyone,
    /// `*` with a condition on `aws:PrincipalArn`: neither limits.
    EveryoneByArn,
    /// The caller itself.
    Itself,
}

/// Whether a name under `AWS` is a unique id, which a policy shows where a principal that it named was deleted: `AROA…`
/// was a role, `AIDA…` a user.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>.
pub fn is_unique_id(name: &str) -> bool {
    let known = name.starts_with("AROA") || name.starts_with("AIDA");
    known && name.len() >= 16 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Who asks, and whether a permissions boundary is attached.
pub(super) struct Asker<'a> {
    pub(super) caller: &'a Caller<'a>,
    pub(super) has_boundary: bool,
}

impl Asker<'_> {
    /// How the statement names the caller; `None` when it does not.
    ///
    /// A statement without the element is none that a resource-based policy may hold: it refuses but never grants.
    pub(super) fn named_by(&self, statement: &Statement) -> Option<Naming> {
        match (&statement.principals, statement.effect) {
            (Principals::Principal(set), _) => self.named_in(set, statement),
            (Principals::NotPrincipal(set), Effect::Deny) => (!self.spared(set)).then_some(Naming::Everyone),
            (Principals::NotPrincipal(set), Effect::Allow) => {
                self.named_in(set, statement).is_none().then_some(Naming::Everyone)
            }
            (Principals::Absent, Effect::Deny) => Some(Naming::Everyone),
            (Principals::Absent, Effect::Allow) => None,
        }
    }

    fn named_in(&self, set: &PrincipalSet, statement: &Statement) -> Option<Naming> {
        match set {
            PrincipalSet::Everyone(_) => Some(everyone(statement)),
            PrincipalSet::Named(kinds) => {
                let entries = kinds.iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind, name)));
                entries.filter_map(|(kind, name)| self.entry(kind, name, statement)).max()
            }
        }
    }

    fn entry(&self, kind: &str, name: &str, statement: &Statement) -> Option<Naming> {
        let caller = self.caller;
        match (kind, caller.kind) {
            ("AWS", _) if name == "*" => Some(everyone(statement)),
            ("AWS", CallerKind::Root) => caller.has_account(name).then_some(Naming::Itself),
            ("AWS", CallerKind::Named | CallerKind::Anonymous) => None,
            ("AWS", _) if name == caller.text && caller.kind != CallerKind::Role => Some(Naming::Itself),
            ("AWS", _) if caller.has_role(name) => Some(Naming::Role),
            ("AWS", _) => caller.has_account(name).then_some(Naming::Account),
            ("Service" | "Federated" | "CanonicalUser", CallerKind::Named) => {
                (name == caller.text).then_some(Naming::Itself)
            }
            _ => None,
        }
    }

    /// Whether a Deny with `NotPrincipal` passes the caller by: only when it lists the account, the role and the
    /// session, as AWS demands ("might deny access to the entire account"); never when a boundary is attached
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>).
    fn spared(&self, set: &PrincipalSet) -> bool {
        let PrincipalSet::Named(kinds) = set else { return true };
        let caller = self.caller;
        if matches!(caller.kind, CallerKind::Named | CallerKind::Anonymous) {
            return kinds.values().flatten().any(|name| name == caller.text);
        }
        let listed = |test: &dyn Fn(&str) -> bool| kinds.get("AWS").into_iter().flatten().any(|name| test(name));
        let account = listed(&|name| caller.has_account(name));
        let role = listed(&|name| caller.has_role(name));
        let itself = listed(&|name| name == caller.text);
        let named = match caller.kind {
            CallerKind::Root => true,
            CallerKind::Role => role,
            CallerKind::Session => role && itself,
            CallerKind::User | CallerKind::FederatedUser | CallerKind::Other => itself,
            CallerKind::Named | CallerKind::Anonymous => false,
        };
        !self.has_boundary && account && named
    }
}

fn everyone(statement: &Statement) -> Naming {
    let mut keys = statement.conditions.values().flat_map(|keys| keys.keys());
    match keys.any(|key| key.eq_ignore_ascii_case("aws:PrincipalArn")) {
        true => Naming::EveryoneByArn,
        false => Naming::Everyone,
    }
}
