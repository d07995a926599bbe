//! Where a patch would go: the principal's own policy, or the resource's.

use super::{Target, TargetKind};
use crate::arn::Arn;
use crate::denial::Denial;
use crate::principal::{Principal, PrincipalKind};

/// The identity policy of a principal; `None` where nobody can change one.
pub(super) fn of_principal(principal: &Principal) -> Option<Target> {
    let kind = match principal.kind {
        PrincipalKind::Role => TargetKind::RolePolicy,
        PrincipalKind::User => TargetKind::UserPolicy,
        PrincipalKind::PermissionSet => TargetKind::PermissionSet,
        // A federated session's base permissions are those of the user that asked for it.
        PrincipalKind::Federated if is_user_arn(principal.arn.as_deref()) => TargetKind::UserPolicy,
        PrincipalKind::ServiceLinkedRole
        | PrincipalKind::Root
        | PrincipalKind::Service
        | PrincipalKind::Federated
        | PrincipalKind::Account
        | PrincipalKind::Anonymous
        | PrincipalKind::Unknown => return None,
    };
    Some(Target { kind, ..bearer(principal, kind) })
}

fn is_user_arn(arn: Option<&str>) -> bool {
    arn.and_then(|arn| arn.parse::<Arn>().ok()).is_some_and(|arn| arn.resource_type_and_id().0 == "user")
}

/// A target that is told by who carries it: a boundary or a session policy of this principal.
pub(super) fn bearer(principal: &Principal, kind: TargetKind) -> Target {
    Target { kind, arn: principal.arn.clone(), name: principal.name.clone(), account: principal.account.clone() }
}

/// The policy that hangs on the resource itself, told by the resource's service.
pub(super) fn of_resource(denial: &Denial) -> Target {
    let resource = denial.permissions.iter().find_map(|permission| permission.resource.as_deref());
    let Some(arn) = resource.and_then(|text| text.parse::<Arn>().ok()) else {
        return Target { kind: kind_by_action(denial), arn: None, name: None, account: None };
    };
    let (kind, bearer) = resource_policy(&arn);
    let account = Some(bearer.account.clone()).filter(|account| !account.is_empty());
    let account = account.or_else(|| denial.facts.resource_account.clone());
    Target { kind, name: Some(last_part(&bearer)), arn: Some(bearer.to_string()), account }
}

/// What sort of policy this resource carries, and the resource that carries it (an object's bucket).
fn resource_policy(arn: &Arn) -> (TargetKind, Arn) {
    let whole = |kind| (kind, arn.clone());
    match (arn.service.as_str(), arn.resource_type_and_id().0) {
        ("s3", _) => (TargetKind::BucketPolicy, bucket_of(arn)),
        ("kms", _) => whole(TargetKind::KeyPolicy),
        ("sqs", _) => whole(TargetKind::QueuePolicy),
        ("sns", _) => whole(TargetKind::TopicPolicy),
        ("lambda", "function") => (TargetKind::FunctionPolicy, without_qualifier(arn)),
        ("secretsmanager", _) => whole(TargetKind::SecretPolicy),
        ("ecr", _) => whole(TargetKind::RepositoryPolicy),
        ("iam", "role") => whole(TargetKind::TrustPolicy),
        _ => whole(TargetKind::ResourcePolicy),
    }
}

fn kind_by_action(denial: &Denial) -> TargetKind {
    let action = denial.actions.first().or(denial.operation.as_ref());
    match action.and_then(|action| action.split_once(':')).map(|(prefix, _)| prefix) {
        Some("s3") => TargetKind::BucketPolicy,
        Some("kms") => TargetKind::KeyPolicy,
        Some("sqs") => TargetKind::QueuePolicy,
        Some("sns") => TargetKind::TopicPolicy,
        Some("lambda") => TargetKind::FunctionPolicy,
        Some("secretsmanager") => TargetKind::SecretPolicy,
        Some("ecr") => TargetKind::RepositoryPolicy,
        Some("sts") => TargetKind::TrustPolicy,
        _ => TargetKind::ResourcePolicy,
    }
}

fn bucket_of(arn: &Arn) -> Arn {
    let bucket = arn.resource.split('/').next().unwrap_or_default();
    Arn { resource: bucket.to_owned(), ..arn.clone() }
}

/// `function:f:live` hangs its policy on `function:f` unless the policy names the qualifier.
fn without_qualifier(arn: &Arn) -> Arn {
    let name = arn.resource.splitn(3, ':').take(2).collect::<Vec<_>>().join(":");
    Arn { resource: name, ..arn.clone() }
}

/// The name people use: the part behind the type, or all of it where there is no type.
fn last_part(arn: &Arn) -> String {
    match arn.resource_type_and_id() {
        (whole, "") => whole.to_owned(),
        (_, id) => id.rsplit('/').next().unwrap_or(id).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arn: &str, kind: TargetKind, bearer: &str, name: &str) {
        let (found, at) = resource_policy(&arn.parse().unwrap());
        assert_eq!((found, at.to_string().as_str(), last_part(&at).as_str()), (kind, bearer, name));
    }

    #[test]
    fn each_resource_carries_its_own_sort_of_policy() {
        check("arn:aws:s3:::b/k/l", TargetKind::BucketPolicy, "arn:aws:s3:::b", "b");
        check(
            "arn:aws:kms:eu-west-1:111122223333:key/k",
            TargetKind::KeyPolicy,
            "arn:aws:kms:eu-west-1:111122223333:key/k",
            "k",
        );
        check(
            "arn:aws:sqs:eu-west-1:111122223333:q",
            TargetKind::QueuePolicy,
            "arn:aws:sqs:eu-west-1:111122223333:q",
            "q",
        );
        let function = "arn:aws:lambda:eu-west-1:111122223333:function:f";
        check(&format!("{function}:live"), TargetKind::FunctionPolicy, function, "f");
        check("arn:aws:iam::111122223333:role/a/b", TargetKind::TrustPolicy, "arn:aws:iam::111122223333:role/a/b", "b");
        check(
            "arn:aws:glue:eu-west-1:1:catalog",
            TargetKind::ResourcePolicy,
            "arn:aws:glue:eu-west-1:1:catalog",
            "catalog",
        );
    }
}
