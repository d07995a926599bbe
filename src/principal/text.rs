//! A principal as messages and policies print it → [`Principal`].

use super::{Principal, PrincipalKind};
use crate::arn;

/// Roles that IAM Identity Center and other AWS services make for themselves stand under these paths.
const RESERVED_PATH: &str = "aws-reserved/";
const SERVICE_ROLE_PATH: &str = "aws-service-role/";
const SSO_PREFIX: &str = "AWSReservedSSO_";
const SERVICE_ROLE_PREFIX: &str = "AWSServiceRoleFor";

/// Who an ARN, service name or account number stands for; kind `Unknown` for text that tells nothing.
///
/// A session's ARN gives the role behind it: its path is not in there, so `path_known` is false. Masked account ids are
/// kept as they stand.
///
/// ```
/// use denywatch::principal::{PrincipalKind, from_arn};
/// let who = from_arn("arn:aws:sts::111122223333:assumed-role/app/session-1");
/// assert_eq!(who.kind, PrincipalKind::Role);
/// assert_eq!(who.arn.as_deref(), Some("arn:aws:iam::111122223333:role/app"));
/// assert_eq!((who.session.as_deref(), who.path_known), (Some("session-1"), false));
/// ```
pub fn from_arn(text: &str) -> Principal {
    let text = text.trim();
    arn::parts(text).map_or_else(|| from_word(text), |parts| from_parts(text, parts))
}

fn from_parts(text: &str, [partition, service, _, account, resource]: [&str; 5]) -> Principal {
    let (own, owner) = (|| Some(text.to_owned()), some(account));
    match (service, arn::type_and_id(resource)) {
        ("iam" | "sts", ("root", "")) => Principal {
            kind: PrincipalKind::Root,
            arn: own(),
            account: owner,
            path_known: true,
            ..Principal::unknown()
        },
        ("iam", ("role", id)) if !id.is_empty() => role(text.to_owned(), owner, id, true, None),
        ("iam", ("user", id)) if !id.is_empty() => Principal {
            kind: PrincipalKind::User,
            arn: own(),
            account: owner,
            name: some(last(id)),
            path_known: true,
            session: None,
        },
        ("sts", ("assumed-role", id)) if !id.is_empty() => {
            let (name, session) = id.split_once('/').map_or((id, None), |(name, session)| (name, some(session)));
            role(format!("arn:{partition}:iam::{account}:role/{name}"), owner, name, false, session)
        }
        ("sts", ("federated-user", id)) => federated(owner, some(id)),
        _ => Principal { account: owner, ..Principal::unknown() },
    }
}

fn from_word(text: &str) -> Principal {
    let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let service = bracketed.or_else(|| is_service_host(text).then_some(text));
    if let Some(name) = service {
        return Principal { kind: PrincipalKind::Service, name: some(name), ..Principal::unknown() };
    }
    if text.eq_ignore_ascii_case("anonymous") {
        return Principal { kind: PrincipalKind::Anonymous, ..Principal::unknown() };
    }
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Principal { kind: PrincipalKind::Account, account: some(text), ..Principal::unknown() };
    }
    Principal::unknown()
}

/// A role by its IAM ARN; `id` is its path and name.
fn role(arn: String, account: Option<String>, id: &str, path_known: bool, session: Option<String>) -> Principal {
    let name = last(id);
    let set = permission_set(name);
    let kind = if set.is_some() || id.starts_with(RESERVED_PATH) {
        PrincipalKind::PermissionSet
    } else if id.starts_with(SERVICE_ROLE_PATH) || name.starts_with(SERVICE_ROLE_PREFIX) {
        PrincipalKind::ServiceLinkedRole
    } else {
        PrincipalKind::Role
    };
    let name = if kind == PrincipalKind::PermissionSet { set } else { Some(name) };
    let name = name.and_then(some);
    Principal { kind, arn: Some(arn), account, name, path_known, session }
}

/// `AWSReservedSSO_<permission set>_<16 hex digits>`, see
/// <https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html>.
fn permission_set(role: &str) -> Option<&str> {
    let (set, suffix) = role.strip_prefix(SSO_PREFIX)?.rsplit_once('_')?;
    let hex = suffix.len() == 16 && suffix.bytes().all(|b| b.is_ascii_hexdigit());
    (hex && !set.is_empty()).then_some(set)
}

/// A federated user; its name stands for the broker's session.
pub(super) fn federated(account: Option<String>, name: Option<String>) -> Principal {
    Principal { kind: PrincipalKind::Federated, account, name, ..Principal::unknown() }
}

/// `lambda.amazonaws.com` and its like in other partitions, or CloudTrail's `AWS Internal`.
pub(super) fn is_service_host(text: &str) -> bool {
    let host =
        text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn") || text.ends_with(".amazonaws.eu");
    host && !text.contains(['/', ' ', ':'])
}

fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

pub(super) fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use PrincipalKind::*;

    #[track_caller]
    fn check(text: &str, kind: PrincipalKind, arn: Option<&str>, name: Option<&str>, path_known: bool) {
        let who = from_arn(text);
        assert_eq!((who.kind, who.arn.as_deref(), who.name.as_deref()), (kind, arn, name), "{text}");
        assert_eq!(who.path_known, path_known, "{text}");
    }

    #[test]
    fn roles_and_sessions() {
        let arn = "arn:aws:iam::111122223333:role/team/app";
        check(arn, Role, Some(arn), Some("app"), true);
        check(
            "arn:aws-cn:sts::111122223333:assumed-role/app/s",
            Role,
            Some("arn:aws-cn:iam::111122223333:role/app"),
            Some("app"),
            false,
        );
        check(
            "arn:aws:sts::111122223333:assumed-role/app",
            Role,
            Some("arn:aws:iam::111122223333:role/app"),
            Some("app"),
            false,
        );
        check("arn:aws:sts::XXXX:assumed-role/XX/YY", Role, Some("arn:aws:iam::XXXX:role/XX"), Some("XX"), false);
        assert_eq!(from_arn("arn:aws:sts::XXXX:assumed-role/XX/YY").account.as_deref(), Some("XXXX"));
        assert_eq!(from_arn("arn:aws:sts::1:assumed-role/app/a@b.example").session.as_deref(), Some("a@b.example"));
    }

    #[test]
    fn roles_that_aws_owns() {
        let name = "AWSReservedSSO_Team_Admin_0123456789abcdef";
        let arn = format!("arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/{name}");
        check(&arn, PermissionSet, Some(&arn), Some("Team_Admin"), true);
        let bare = format!("arn:aws:iam::111122223333:role/{name}");
        check(
            &format!("arn:aws:sts::111122223333:assumed-role/{name}/ana"),
            PermissionSet,
            Some(&bare),
            Some("Team_Admin"),
            false,
        );
        let path = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/Sample";
        check(path, PermissionSet, Some(path), None, true);
        let short = "arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123";
        check(short, Role, Some(short), Some("AWSReservedSSO_Admin_0123"), true);
        let linked = "arn:aws:iam::111122223333:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS";
        check(linked, ServiceLinkedRole, Some(linked), Some("AWSServiceRoleForECS"), true);
        let session = "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForECS/s";
        check(
            session,
            ServiceLinkedRole,
            Some("arn:aws:iam::111122223333:role/AWSServiceRoleForECS"),
            Some("AWSServiceRoleForECS"),
            false,
        );
    }

    #[test]
    fn the_others() {
        let user = "arn:aws-us-gov:iam::111122223333:user/a/b/ana";
        check(user, User, Some(user), Some("ana"), true);
        check("arn:aws:iam::111122223333:root", Root, Some("arn:aws:iam::111122223333:root"), None, true);
        check("arn:aws:sts::111122223333:federated-user/broker", Federated, None, Some("broker"), false);
        check("[AmazonConnect]", Service, None, Some("AmazonConnect"), false);
        check("lambda.amazonaws.com", Service, None, Some("lambda.amazonaws.com"), false);
        check("anonymous", Anonymous, None, None, false);
        check("111122223333", Account, None, None, false);
        for text in ["", "*", "User", "arn:aws:iam::111122223333:role/", "arn:aws:s3:::bucket", "AROAEXAMPLE"] {
            check(text, Unknown, None, None, false);
        }
    }
}
