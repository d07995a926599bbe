//! The principal's permissions boundary does not allow it.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>.

use super::{Cause, Diagnosed, TargetKind, asked, caller, explicit, on_resource, place};
use crate::denial::{Denial, PolicyType};
use crate::principal::PrincipalKind;

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    if denial.reason.policy_type != Some(PolicyType::Boundary) {
        return None;
    }
    let who = caller(denial);
    let target = explicit::named(place::limit(&denial.principal, TargetKind::PermissionsBoundary), denial);
    if !can_have_one(denial.principal.kind) {
        let summary = format!("AWS's message names a permissions boundary, which {who} cannot have");
        return Some(Diagnosed::new(denial, Cause::PrincipalUnknown, target, summary));
    }
    let summary = format!("the permissions boundary of {who} does not allow {}{}", asked(denial), on_resource(denial));
    Some(
        Diagnosed::new(denial, Cause::BoundaryAllowMissing, target, summary)
            .doubt("the boundary is a limit that somebody set for this principal: its keeper decides")
            .doubt("the identity policy must allow it too; AWS reports one reason only")
            .unchecked("which managed policy is the boundary, and what it holds"),
    )
}

/// Only users and roles have boundaries; a federated user is under that of the user who made it.
fn can_have_one(kind: PrincipalKind) -> bool {
    match kind {
        PrincipalKind::Role
        | PrincipalKind::User
        | PrincipalKind::PermissionSet
        | PrincipalKind::Federated
        | PrincipalKind::Unknown => true,
        PrincipalKind::ServiceLinkedRole
        | PrincipalKind::Root
        | PrincipalKind::Service
        | PrincipalKind::Account
        | PrincipalKind::Anonymous => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::denial::{Given, from_excerpt, text};

    #[track_caller]
    fn check(caller: &str, expect: Cause) {
        let message = format!(
            "User: arn:aws:iam::111122223333:{caller} is not authorized to perform: s3:GetObject on resource: \
             arn:aws:s3:::b/k because no permissions boundary allows the s3:GetObject action"
        );
        let denial = from_excerpt(&text::find(&message)[0], &Given::default(), Catalog::embedded());
        assert_eq!(look(&denial).unwrap().diagnosis.cause, expect, "{message}");
    }

    #[test]
    fn root_has_no_boundary() {
        check("user/ana", Cause::BoundaryAllowMissing);
        check("role/app", Cause::BoundaryAllowMissing);
        check("root", Cause::PrincipalUnknown);
    }
}
