//! `userIdentity` → [`Principal`].

use super::text::{federated, from_arn, is_service_host, some};
use super::{Principal, PrincipalKind};
use serde_json::Value;

/// Who made a call, from `userIdentity` as CloudTrail, EventBridge, Lake or Athena give it; keys in any letter case.
///
/// `recipient_account` is the event's `recipientAccountId`: it stands in for a missing `accountId` where the identity's
/// type is only ever written into its own account's trail. A service that calls with a caller's permissions
/// (`invokedBy`) leaves the caller as the principal.
///
/// ```
/// use denywatch::principal::{PrincipalKind, from_identity};
/// use serde_json::json;
/// let identity = json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/s",
///     "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/team/app"}}});
/// let who = from_identity(&identity, None);
/// assert_eq!(who.arn.as_deref(), Some("arn:aws:iam::111122223333:role/team/app"));
/// assert!(who.path_known);
/// ```
pub fn from_identity(identity: &Value, recipient_account: Option<&str>) -> Principal {
    let kind = text(identity, "type").unwrap_or_default().to_ascii_lowercase();
    let mut who = match kind.as_str() {
        "root" => root(identity),
        "iamuser" => user(identity),
        "assumedrole" | "role" => role(identity),
        "federateduser" => federated_user(identity),
        "webidentityuser" | "samluser" => federated(None, text(identity, "userName").and_then(some)),
        "identitycenteruser" => center_user(identity),
        "awsaccount" => other_account(identity),
        "awsservice" => service(identity),
        "directory" | "unknown" => named_at_most(identity),
        _ => untyped(identity),
    };
    who.account = who.account.or_else(|| account(identity));
    if who.account.is_none() && matches!(kind.as_str(), "root" | "iamuser" | "assumedrole" | "role") {
        who.account = recipient_account.and_then(some);
    }
    who
}

fn root(identity: &Value) -> Principal {
    let arn = text(identity, "arn").and_then(some);
    let name = text(identity, "userName").and_then(some);
    Principal { kind: PrincipalKind::Root, arn, name, path_known: true, ..Principal::unknown() }
}

fn user(identity: &Value) -> Principal {
    let who = by_arn(identity);
    if who.kind != PrincipalKind::Unknown {
        return who;
    }
    let name = text(identity, "userName").and_then(some);
    Principal { kind: PrincipalKind::User, name, ..Principal::unknown() }
}

/// The issuer's ARN has the role's path; the session's own ARN does not.
fn role(identity: &Value) -> Principal {
    let session_arn = by_arn(identity);
    let session = session_arn.session.clone().or_else(|| session_name(identity));
    let issuer = issuer(identity);
    let behind = text(issuer, "arn").map(from_arn).filter(|who| who.kind != PrincipalKind::Unknown);
    let mut who = behind.unwrap_or(session_arn);
    if who.kind == PrincipalKind::Unknown {
        who.kind = PrincipalKind::Role;
        who.name = text(issuer, "userName").and_then(some);
    }
    who.session = session;
    who
}

/// `GetFederationToken`: the issuing user holds the policies.
fn federated_user(identity: &Value) -> Principal {
    let own = by_arn(identity);
    let name = own.name.or_else(|| session_name(identity));
    let behind = text(issuer(identity), "arn").map(from_arn);
    let mut who = federated(own.account, name);
    who.path_known = behind.is_some();
    who.arn = behind.and_then(|issuer| issuer.arn);
    who
}

fn center_user(identity: &Value) -> Principal {
    let who = by_arn(identity);
    if who.kind != PrincipalKind::Unknown {
        return who;
    }
    let name = text(member(identity, "onBehalfOf"), "userId").or_else(|| text(identity, "userName"));
    federated(None, name.and_then(some))
}

fn other_account(identity: &Value) -> Principal {
    let id = text(identity, "accountId").unwrap_or_default().to_ascii_lowercase();
    let caller = text(identity, "principalId").unwrap_or_default().to_ascii_lowercase();
    if id == "anonymous" || id == "anonymous_principal" || caller == "anonymous" {
        return Principal { kind: PrincipalKind::Anonymous, ..Principal::unknown() };
    }
    Principal { kind: PrincipalKind::Account, session: session_name(identity), ..Principal::unknown() }
}

fn service(identity: &Value) -> Principal {
    let name = text(identity, "invokedBy").or_else(|| text(identity, "userName")).and_then(some);
    Principal { kind: PrincipalKind::Service, name, ..Principal::unknown() }
}

fn named_at_most(identity: &Value) -> Principal {
    Principal { name: text(identity, "userName").and_then(some), ..Principal::unknown() }
}

/// Events that services make about themselves lack a type.
fn untyped(identity: &Value) -> Principal {
    match by_arn(identity) {
        who if who.kind != PrincipalKind::Unknown => who,
        _ if text(identity, "invokedBy").is_some_and(is_service_host) => service(identity),
        _ => named_at_most(identity),
    }
}

fn by_arn(identity: &Value) -> Principal {
    text(identity, "arn").map_or_else(Principal::unknown, from_arn)
}

fn issuer(identity: &Value) -> &Value {
    member(member(identity, "sessionContext"), "sessionIssuer")
}

/// Behind the colon of `principalId`, as in `AROAEXAMPLE:session`.
fn session_name(identity: &Value) -> Option<String> {
    text(identity, "principalId")?.split_once(':').and_then(|(_, session)| some(session))
}

fn account(identity: &Value) -> Option<String> {
    let id = member(identity, "accountId");
    let number = || id.as_u64().map(|id| format!("{id:012}"));
    let word = id.as_str().filter(|id| !id.is_empty() && !id.to_ascii_lowercase().starts_with("anonymous"));
    word.map(str::to_owned).or_else(number)
}

/// A member of an object, its key in any letter case; null when there is none.
fn member<'a>(value: &'a Value, key: &str) -> &'a Value {
    const NONE: &Value = &Value::Null;
    let Some(object) = value.as_object() else { return NONE };
    let folded = || object.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value);
    object.get(key).or_else(folded).unwrap_or(NONE)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    member(value, key).as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use PrincipalKind::*;
    use serde_json::json;

    #[track_caller]
    fn check(
        identity: Value,
        kind: PrincipalKind,
        arn: Option<&str>,
        name: Option<&str>,
        account: Option<&str>,
    ) -> Principal {
        let who = from_identity(&identity, Some("999988887777"));
        assert_eq!((who.kind, who.arn.as_deref(), who.name.as_deref()), (kind, arn, name), "{identity}");
        assert_eq!(who.account.as_deref(), account, "{identity}");
        who
    }

    const ROLE: &str = "arn:aws:iam::111122223333:role/team/app";
    const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/s-1";
    const OWN: Option<&str> = Some("111122223333");

    #[test]
    fn the_role_behind_a_session() {
        let issuer = json!({"type": "Role", "arn": ROLE, "userName": "app"});
        let full = json!({"type": "AssumedRole", "principalId": "AROAX:s-1", "arn": SESSION, "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": issuer}, "invokedBy": "secretsmanager.amazonaws.com"});
        let who = check(full, Role, Some(ROLE), Some("app"), OWN);
        assert_eq!((who.path_known, who.session.as_deref()), (true, Some("s-1")));
        let lower = json!({"type": "AssumedRole", "principalid": "AROAX:s-1", "accountid": "111122223333",
            "sessioncontext": {"sessionissuer": {"arn": ROLE, "username": "app"}}});
        let who = check(lower, Role, Some(ROLE), Some("app"), OWN);
        assert_eq!((who.path_known, who.session.as_deref()), (true, Some("s-1")));
        let bare = json!({"type": "AssumedRole", "arn": SESSION, "sessionContext": {"sessionIssuer": {}}});
        let who = check(bare, Role, Some("arn:aws:iam::111122223333:role/app"), Some("app"), OWN);
        assert_eq!((who.path_known, who.session.as_deref()), (false, Some("s-1")));
        let poor = json!({"type": "AssumedRole", "principalId": "AROAX:s-1", "sessionContext": {"sessionIssuer": {"userName": "app"}}});
        check(poor, Role, None, Some("app"), Some("999988887777"));
        check(json!({"type": "Role", "arn": ROLE}), Role, Some(ROLE), Some("app"), OWN);
    }

    #[test]
    fn users_and_roots() {
        let user = "arn:aws:iam::111122223333:user/team/ana";
        let full = json!({"type": "IAMUser", "arn": user, "userName": "ana", "sessionContext": {"sessionIssuer": {}}});
        assert!(check(full, User, Some(user), Some("ana"), OWN).path_known);
        check(json!({"type": "IAMUser", "userName": "ana"}), User, None, Some("ana"), Some("999988887777"));
        let root = "arn:aws:iam::111122223333:root";
        check(json!({"type": "Root", "arn": root, "accountId": "111122223333"}), Root, Some(root), None, OWN);
        let federated = json!({"type": "FederatedUser", "principalId": "111122223333:broker",
            "arn": "arn:aws:sts::111122223333:federated-user/broker", "sessionContext": {"sessionIssuer": {"type": "IAMUser", "arn": user}}});
        check(federated, Federated, Some(user), Some("broker"), OWN);
    }

    #[test]
    fn callers_from_elsewhere() {
        check(
            json!({"type": "WebIdentityUser", "principalId": "x:y", "userName": "repo:o/r"}),
            Federated,
            None,
            Some("repo:o/r"),
            None,
        );
        check(json!({"type": "SAMLUser", "userName": "ana"}), Federated, None, Some("ana"), None);
        let center =
            json!({"type": "IdentityCenterUser", "accountId": "111122223333", "onBehalfOf": {"userId": "u-1"}});
        check(center, Federated, None, Some("u-1"), OWN);
        let account = json!({"type": "AWSAccount", "principalId": "AROAX:s", "accountId": "111122223333"});
        assert_eq!(check(account, Account, None, None, OWN).session.as_deref(), Some("s"));
        check(json!({"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}), Anonymous, None, None, None);
        check(
            json!({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}),
            Service,
            None,
            Some("ec2.amazonaws.com"),
            None,
        );
        check(
            json!({"accountId": "111122223333", "invokedBy": "ec2.amazonaws.com"}),
            Service,
            None,
            Some("ec2.amazonaws.com"),
            OWN,
        );
        check(json!({"type": "Directory", "userName": "d"}), Unknown, None, Some("d"), None);
        check(json!({"type": "Unknown"}), Unknown, None, None, None);
        check(json!({"accountId": 12}), Unknown, None, None, Some("000000000012"));
        for nothing in [json!(null), json!({}), json!("x"), json!([1]), json!({"type": 7})] {
            check(nothing, Unknown, None, None, None);
        }
    }
}
