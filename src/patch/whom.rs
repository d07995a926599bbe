//! Whom a resource-side statement names, and the conditions that keep a stranger from using the same door.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.

use super::scope::scope;
use super::statement::{Named, Tests, test};
use crate::arn::Arn;
use crate::denial::GOOGLE;
use crate::diagnosis::{Target, TargetKind};
use crate::finding::{Item, ItemKey};
use crate::policy::pattern::{escape_literal, is_writable};
use crate::principal::{Principal, PrincipalKind};

/// Whom a statement names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whom {
    pub(super) named: Named,
    pub(super) tests: Tests,
    /// What a person must settle about it.
    pub(super) doubts: Vec<String>,
}

/// `None` where the statement would have to name somebody that is not known, or everybody.
pub(super) fn whom(principal: &Principal, key: &ItemKey, item: &Item, target: &Target) -> Option<Whom> {
    if !is_resource_side(target.kind) {
        return Some(plain(Named::Nobody));
    }
    match principal.kind {
        PrincipalKind::Role | PrincipalKind::User => named(principal, key, target),
        PrincipalKind::PermissionSet if principal.path_known => named(principal, key, target),
        PrincipalKind::PermissionSet => permission_set(principal, target),
        // Its path is part of its ARN: without it the ARN names nobody.
        PrincipalKind::ServiceLinkedRole => named(principal, key, target).filter(|_| principal.path_known),
        PrincipalKind::Service => service(principal, item),
        PrincipalKind::Federated if target.kind == TargetKind::TrustPolicy => token(item),
        PrincipalKind::Root
        | PrincipalKind::Federated
        | PrincipalKind::Account
        | PrincipalKind::Anonymous
        | PrincipalKind::Unknown => None,
    }
}

/// Whether statements of this policy name a principal.
pub(super) fn is_resource_side(kind: TargetKind) -> bool {
    match kind {
        TargetKind::RolePolicy
        | TargetKind::UserPolicy
        | TargetKind::GroupPolicy
        | TargetKind::ManagedPolicy
        | TargetKind::PermissionSet
        | TargetKind::PermissionsBoundary
        | TargetKind::SessionPolicy
        | TargetKind::Scp => false,
        TargetKind::TrustPolicy
        | TargetKind::BucketPolicy
        | TargetKind::KeyPolicy
        | TargetKind::QueuePolicy
        | TargetKind::TopicPolicy
        | TargetKind::FunctionPolicy
        | TargetKind::SecretPolicy
        | TargetKind::RepositoryPolicy
        | TargetKind::ResourcePolicy
        | TargetKind::VpcEndpointPolicy
        | TargetKind::Rcp => true,
    }
}

fn plain(named: Named) -> Whom {
    Whom { named, tests: Tests::new(), doubts: Vec::new() }
}

/// A role or user by its ARN.
fn named(principal: &Principal, key: &ItemKey, target: &Target) -> Option<Whom> {
    let arn = principal.arn.clone().filter(|arn| is_identity(arn))?;
    let mut doubts = Vec::new();
    if !principal.path_known {
        doubts.push("the session ARN hides the role's path: check the Principal's ARN".to_owned());
    }
    if target.kind == TargetKind::VpcEndpointPolicy && is_gateway(key) {
        // A gateway endpoint's policy takes no principal but `*`; the condition says who.
        // <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>
        let tests = test("ArnEquals", "aws:PrincipalArn", &arn);
        return Some(Whom { named: Named::Everyone, tests, doubts });
    }
    Some(Whom { doubts, ..plain(Named::Aws(arn)) })
}

/// The two services that have gateway endpoints.
fn is_gateway(key: &ItemKey) -> bool {
    matches!(key.action.split(':').next(), Some("s3" | "dynamodb"))
}

/// A role of IAM Identity Center has a path that holds a Region, and a new name whenever it is assigned anew: its
/// account and a pattern stand for it.
/// See <https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html>.
fn permission_set(principal: &Principal, target: &Target) -> Option<Whom> {
    let arn: Arn = principal.arn.as_deref().filter(|arn| is_identity(arn))?.parse().ok()?;
    let elsewhere = target.account.is_some() && target.account != principal.account;
    // Naming the account only delegates to IAM; that suffices for keys and across accounts.
    if !elsewhere && target.kind != TargetKind::KeyPolicy {
        return None;
    }
    let role = arn.resource.strip_prefix("role/")?;
    let pattern = Arn { resource: format!("role/aws-reserved/sso.amazonaws.com*/{role}"), ..arn.clone() };
    let root = Arn { resource: "root".to_owned(), ..arn };
    let doubt = "the session ARN hides the role's path, so the account is named and a condition on `aws:PrincipalArn` \
                 picks the role; the permission set must allow it too";
    Some(Whom {
        named: Named::Aws(root.to_string()),
        tests: test("ArnLike", "aws:PrincipalArn", &pattern.to_string()),
        doubts: vec![doubt.to_owned()],
    })
}

/// A service by its host, for the resource and account that it calls for.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>.
fn service(principal: &Principal, item: &Item) -> Option<Whom> {
    let host = principal.name.clone().filter(|host| is_service(host))?;
    let shown = |key: &str| item.facts.context.get(key).and_then(|values| values.first()).filter(|v| is_writable(v));
    let (arn, account) = (shown("aws:SourceArn"), shown("aws:SourceAccount"));
    let mut tests = Tests::new();
    if let Some(arn) = arn {
        tests.extend(test("ArnEquals", "aws:SourceArn", &escape_literal(arn)));
    }
    if let Some(account) = account {
        tests.extend(test("StringEquals", "aws:SourceAccount", &escape_literal(account)));
    }
    let mut doubts = vec!["not every service sends `aws:SourceArn` and `aws:SourceAccount`: check that this one does"];
    if arn.is_none() {
        doubts.push("the record does not show for which resource the service calls: add `aws:SourceArn`");
    }
    if account.is_none() {
        doubts.push("the record does not show for which account the service calls: add `aws:SourceAccount`, else any account's use of the service is let in");
    }
    Some(Whom { named: Named::Service(host), tests, doubts: doubts.into_iter().map(str::to_owned).collect() })
}

/// A service principal; it has the same name in nearly all partitions.
fn is_service(host: &str) -> bool {
    let label = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"));
    label.is_some_and(|label| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
    })
}

/// The holder of a token: its provider, for exactly the audience and subject that it showed.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html>.
fn token(item: &Item) -> Option<Whom> {
    let is_plain = |name: &String| name == GOOGLE || scope(name).is_ok_and(|scope| scope.pattern == *name);
    let provider = item.facts.provider.clone().filter(is_plain)?;
    let issuer = if provider == GOOGLE { GOOGLE } else { provider.split_once(":oidc-provider/")?.1 };
    let mut tests = Tests::new();
    for claim in ["aud", "sub"] {
        let key = format!("{issuer}:{claim}");
        let value = item.facts.context.get(&key)?.first().filter(|value| is_writable(value))?;
        let keys = tests.entry("StringEquals".to_owned()).or_default();
        keys.insert(key, vec![escape_literal(value)]);
    }
    let doubt =
        "whoever gets a token of this issuer can cause this denial: make sure that `sub` is yours before you let it in";
    let mut doubts = vec![doubt.to_owned()];
    if provider == GOOGLE {
        doubts.push("of Google `aud` is the token's `azp`, where it has one: compare it with the token".to_owned());
    }
    Some(Whom { named: Named::Federated(provider), tests, doubts })
}

/// A principal's ARN is never a pattern, and belongs to a known account.
fn is_identity(arn: &str) -> bool {
    let account = arn.parse::<Arn>().is_ok_and(|arn| {
        arn.service == "iam" && arn.account.len() == 12 && arn.account.bytes().all(|byte| byte.is_ascii_digit())
    });
    account && !arn.contains(['*', '?', '$']) && is_writable(arn) && scope(arn).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_principals_are_hosts() {
        for good in ["s3.amazonaws.com", "delivery.logs.amazonaws.com", "ec2.amazonaws.com.cn"] {
            assert!(is_service(good), "{good}");
        }
        for bad in
            ["AmazonConnect", "AWS Internal", ".amazonaws.com", "*.amazonaws.com", "a b.amazonaws.com", "evil.example"]
        {
            assert!(!is_service(bad), "{bad}");
        }
    }

    #[test]
    fn principals_are_no_patterns() {
        assert!(is_identity("arn:aws:iam::111122223333:role/a/b"));
        for bad in [
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::XXXX:role/a",
            "arn:aws:sts::111122223333:assumed-role/a/s",
            "*",
        ] {
            assert!(!is_identity(bad), "{bad}");
        }
    }
}
