//! Where a patch would go: the principal's own policy, or the resource's.

use super::carrier::carried_policy;
use super::{Target, TargetKind};
use crate::arn::{self, Arn};
use crate::denial::Denial;
use crate::principal::{Principal, PrincipalKind};

/// The identity policy of a principal; `None` where nobody can change one.
pub fn own_policy(principal: &Principal) -> Option<Target> {
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
    let target = Target { kind, ..bearer(principal, kind) };
    // A role of Identity Center is made from its permission set, whose ARN no event tells.
    Some(if kind == TargetKind::PermissionSet { Target { arn: None, ..target } } else { target })
}

fn is_user_arn(arn: Option<&str>) -> bool {
    arn.and_then(|arn| arn.parse::<Arn>().ok()).is_some_and(|arn| arn.resource_type_and_id().0 == "user")
}

/// A limit on this principal, a boundary or a session policy: neither its ARN nor its name is known.
pub(super) fn limit(principal: &Principal, kind: TargetKind) -> Target {
    Target { kind, arn: None, name: None, account: principal.account.clone() }
}

/// A target that is told by who carries it.
pub(super) fn bearer(principal: &Principal, kind: TargetKind) -> Target {
    Target { kind, arn: principal.arn.clone(), name: principal.name.clone(), account: principal.account.clone() }
}

/// The policy that hangs on the resource itself, told by the resource's service.
///
/// Where the service is not known to have such policies the resource itself is named, without a patch.
pub(super) fn of_resource(denial: &Denial) -> Target {
    let resource = denial.permissions.iter().find_map(|permission| permission.resource.as_deref());
    let owner = denial.facts.resource_account.as_deref();
    if let Some(target) = resource.and_then(|text| carried_policy(text, owner)) {
        return target;
    }
    let Some(arn) = resource.and_then(|text| text.parse::<Arn>().ok()) else {
        return Target { kind: kind_by_action(denial), arn: None, name: None, account: owner.map(str::to_owned) };
    };
    let account = Some(arn.account.clone()).filter(|account| !account.is_empty());
    let name = arn.resource.rsplit(['/', ':']).next().map(str::to_owned);
    Target {
        kind: TargetKind::ResourcePolicy,
        name,
        arn: Some(arn.to_string()),
        account: account.or_else(|| owner.map(str::to_owned)),
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
        Some("ecr" | "ecr-public") => TargetKind::RepositoryPolicy,
        Some("sts") => TargetKind::TrustPolicy,
        _ => TargetKind::ResourcePolicy,
    }
}

/// Whether caller and resource live in different accounts; `None` when one of them is unknown.
///
/// `owner` is the resource's account where the event tells it; else its ARN does. What AWS itself owns, as its managed
/// policies, is everybody's.
pub fn crosses_accounts(principal: &Principal, resource: &str, owner: Option<&str>) -> Option<bool> {
    let in_arn = arn::parts(resource).map(|parts| parts[3]);
    let theirs = in_arn.filter(|account| is_account(account)).or(owner).filter(|account| is_account(account))?;
    let own = principal.account.as_deref().filter(|account| is_account(account))?;
    Some(own != theirs)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::from_arn;

    #[track_caller]
    fn check(resource: &str, owner: Option<&str>, expect: Option<bool>) {
        let caller = from_arn("arn:aws:iam::111122223333:user/ana");
        assert_eq!(crosses_accounts(&caller, resource, owner), expect, "{resource} {owner:?}");
    }

    #[test]
    fn two_accounts_must_both_be_known_to_differ() {
        check("arn:aws:sqs:eu-west-1:444455556666:q", None, Some(true));
        check("arn:aws:sqs:eu-west-1:111122223333:q", Some("444455556666"), Some(false));
        check("arn:aws:s3:::b", Some("444455556666"), Some(true));
        check("arn:aws:s3:::b", None, None);
        check("arn:aws:iam::aws:policy/ReadOnlyAccess", None, None);
        check("arn:aws:sqs:eu-west-1:********6666:q", None, None);
        check("*", None, None);
    }
}
