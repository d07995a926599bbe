//! What a record shows behind its caller: a federated token's issuer, audience and subject; the resource and account on
//! whose behalf a service called; whose resource it was.

use super::Denial;
use crate::arn::Arn;
use crate::principal::PrincipalKind;
use crate::record::Record;
use serde_json::Value;

/// Adds what the record shows to the denial's facts; what it does not show stays unknown.
pub(super) fn add(denial: &mut Denial, record: &Record) {
    if let Some(token) = Token::of(&record.user_identity) {
        for (key, value) in [("aud", token.audience), ("sub", token.subject)] {
            denial.facts.context.insert(format!("{}:{key}", token.issuer), vec![value]);
        }
        denial.facts.provider = Some(token.provider);
    }
    if denial.principal.kind == PrincipalKind::Service {
        // It calls as itself, not through another service with a caller's permissions.
        denial.facts.via = None;
        add_source(denial, record);
    }
    // A call across accounts is told to both; the one that is not the caller's is the resource owner's. Network
    // activity is told to the endpoint's owner instead.
    let owner = record.recipient_account.as_ref().filter(|account| denial.principal.account.as_ref() != Some(account));
    let is_callers = denial.principal.account.is_none() || record.event_type.as_deref() == Some("AwsVpceEvent");
    if denial.facts.resource_account.is_none() && !is_callers {
        denial.facts.resource_account = owner.cloned();
    }
}

/// `aws:SourceArn` and `aws:SourceAccount` as the service sends them along, where the record tells.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>.
fn add_source(denial: &mut Denial, record: &Record) {
    let scope = member(&record.user_identity, "inScopeOf");
    let arn = text(scope, "sourceArn").filter(|arn| arn.parse::<Arn>().is_ok());
    let account = text(scope, "sourceAccount").or(record.recipient_account.as_deref());
    for (key, value) in [("aws:SourceArn", arn), ("aws:SourceAccount", account)] {
        if let Some(value) = value {
            denial.facts.context.insert(key.to_owned(), vec![value.to_owned()]);
        }
    }
}

/// Google, which IAM knows without a provider of the account's own; a trust policy names it so.
pub(crate) const GOOGLE: &str = "accounts.google.com";

/// What an OIDC provider of IAM, or Google, said of the caller, all of it or nothing.
///
/// `principalId` is `PROVIDER:AUDIENCE:SUBJECT` and `userName` the subject, see
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>.
#[derive(Debug, PartialEq, Eq)]
struct Token {
    provider: String,
    issuer: String,
    audience: String,
    subject: String,
}

impl Token {
    fn of(identity: &Value) -> Option<Self> {
        let provider = text(identity, "identityProvider")?;
        let issuer = issuer(provider)?;
        let subject = text(identity, "userName")?;
        let rest = text(identity, "principalId")?.strip_prefix(provider)?.strip_prefix(':')?;
        let audience = rest.strip_suffix(subject)?.strip_suffix(':')?;
        let own = str::to_owned;
        let known = !issuer.is_empty() && !audience.is_empty();
        known.then(|| Self { provider: own(provider), issuer, audience: own(audience), subject: own(subject) })
    }
}

/// The issuer whose name stands before a condition key's colon.
fn issuer(provider: &str) -> Option<String> {
    if provider == GOOGLE {
        return Some(GOOGLE.to_owned());
    }
    let arn: Arn = provider.parse().ok()?;
    arn.resource.strip_prefix("oidc-provider/").filter(|_| arn.service == "iam").map(str::to_owned)
}

fn member<'a>(value: &'a Value, key: &str) -> &'a Value {
    value.get(key).unwrap_or(&Value::Null)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    member(value, key).as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";

    #[track_caller]
    fn check(identity: Value, expect: Option<(&str, &str, &str)>) {
        let found = Token::of(&identity);
        let found = found.as_ref().map(|t| (t.issuer.as_str(), t.audience.as_str(), t.subject.as_str()));
        assert_eq!(found, expect, "{identity}");
    }

    #[test]
    fn a_token_is_told_whole_or_not_at_all() {
        let sub = "repo:acme/shop:ref:refs/heads/main";
        let whole = format!("{PROVIDER}:sts.amazonaws.com:{sub}");
        let issuer = "token.actions.githubusercontent.com";
        let identity = |provider: &str, id: &str, name: Option<&str>| json!({"type": "WebIdentityUser", "identityProvider": provider, "principalId": id, "userName": name});
        check(identity(PROVIDER, &whole, Some(sub)), Some((issuer, "sts.amazonaws.com", sub)));
        check(identity(PROVIDER, &whole, None), None);
        check(identity(PROVIDER, sub, Some(sub)), None);
        check(identity(PROVIDER, &format!("{PROVIDER}:{sub}"), Some(sub)), None);
        check(identity(GOOGLE, "accounts.google.com:app:118", Some("118")), Some((GOOGLE, "app", "118")));
        check(identity("www.amazon.com", "www.amazon.com:app:118", Some("118")), None);
        check(identity("arn:aws:iam::111122223333:saml-provider/x", &whole, Some(sub)), None);
        check(json!(null), None);
    }
}
