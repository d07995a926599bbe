//! The principal has no policy that anybody could change: service-linked roles, services, root, strangers.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html>.

use super::{Cause, Diagnosed, asked, caller, on_resource, place};
use crate::denial::Denial;
use crate::principal::PrincipalKind;

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    let why = why(denial)?;
    let cause = match denial.principal.kind {
        PrincipalKind::Unknown => Cause::PrincipalUnknown,
        _ => Cause::PrincipalNotEditable,
    };
    let target = place::of_resource(denial);
    let summary = format!("{} of {}{} was refused: {why}", asked(denial), caller(denial), on_resource(denial));
    Some(Diagnosed::new(denial, cause, target, summary).unchecked("the resource's policy was not read"))
}

fn why(denial: &Denial) -> Option<&'static str> {
    if place::own_policy(&denial.principal).is_some() {
        return None;
    }
    Some(match denial.principal.kind {
        PrincipalKind::ServiceLinkedRole => {
            "a service-linked role cannot be edited; look at the resource's policy, the key's policy or the service's setup"
        }
        PrincipalKind::Root => "root holds no IAM policy; an SCP, a resource policy or an account setting refuses it",
        PrincipalKind::Service => "an AWS service acts as itself; the resource's policy must let it in",
        PrincipalKind::Account => {
            "the caller lives in another account; its policy is changed there, the resource's here"
        }
        PrincipalKind::Anonymous => "the caller signed nothing; only a public resource policy would let it in",
        PrincipalKind::Federated => "a federated caller's rights come from its session policy and its issuer",
        PrincipalKind::Unknown => "the record does not tell who called; give `--principal ARN`",
        PrincipalKind::Role | PrincipalKind::User | PrincipalKind::PermissionSet => "its policy is unknown",
    })
}
