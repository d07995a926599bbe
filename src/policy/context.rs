//! What is asked: principal, action, resource and the request context.
//!
//! Keys that AWS always fills in are derived from the principal and the resource when the caller does not give them:
//! `aws:PrincipalArn`, `aws:PrincipalAccount`, `aws:username` (users), `aws:ResourceAccount`. See
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.

use super::caller::{Caller, CallerKind};
use super::pattern::Lookup;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One request to be judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// An ARN (user, role, role session, federated user, root, identity provider), a service's or a web identity
    /// provider's host name, a canonical user id, or `*` for a request without credentials.
    pub principal: String,
    /// `service:Name`; letter case does not count.
    pub action: String,
    /// An ARN, or `*` for an action that takes no resource.
    pub resource: String,
    /// The account that owns the resource. `None`: the ARN's, and when it has none, the principal's.
    pub resource_account: Option<String>,
    /// Context keys; letter case does not count. An absent key is a key that the request does not have.
    pub context: BTreeMap<String, ContextValue>,
}

/// What a context key holds; an empty list is the same as no key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum ContextValue {
    /// One text; numbers, dates and booleans as AWS writes them.
    One(String),
    /// Several, as `aws:TagKeys` has.
    Many(Vec<String>),
}

impl ContextValue {
    /// The values, one or more; empty when the key counts as absent.
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

impl From<&str> for ContextValue {
    fn from(text: &str) -> Self {
        Self::One(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for ContextValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fault = || serde::de::Error::custom("a context value is text, a number, a boolean or a list of those");
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::Many(Vec::new())),
            Value::Array(items) => {
                let present = items.into_iter().filter(|item| !item.is_null());
                present.map(|item| scalar(item).ok_or_else(fault)).collect::<Result<_, _>>().map(Self::Many)
            }
            one => scalar(one).map(Self::One).ok_or_else(fault),
        }
    }
}

fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The request context with the derived keys.
pub(super) struct Context<'a> {
    given: &'a BTreeMap<String, ContextValue>,
    caller: &'a Caller<'a>,
    principal_arn: Option<Cow<'a, str>>,
    resource_account: Option<&'a str>,
}

impl<'a> Context<'a> {
    pub(super) fn new(request: &'a Request, caller: &'a Caller<'a>, resource_account: Option<&'a str>) -> Self {
        Self { given: &request.context, caller, principal_arn: caller.principal_arn(), resource_account }
    }

    /// The values of a key, `None` when the request has no such key.
    pub(super) fn values(&self, key: &str) -> Option<Values<'_>> {
        let given = self.given.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        match given.map(|(_, value)| value.values()) {
            Some([]) => None,
            Some(values) => Some(Values::Given(values)),
            None => self.derived(key).map(Values::Derived),
        }
    }

    fn derived(&self, key: &str) -> Option<&str> {
        let name = key.get(..4).filter(|head| head.eq_ignore_ascii_case("aws:")).and(key.get(4..))?;
        let account = Some(self.caller.account).filter(|account| !account.is_empty());
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match self.caller.kind {
            _ if is("PrincipalArn") => self.principal_arn.as_deref(),
            _ if is("PrincipalAccount") => account,
            CallerKind::User if is("username") => Some(self.caller.name),
            _ if is("ResourceAccount") => self.resource_account,
            _ => None,
        }
    }
}

impl Lookup for Context<'_> {
    fn single(&self, key: &str) -> Option<&str> {
        match self.values(key)? {
            Values::Given([one]) => Some(one),
            Values::Given(_) => None,
            Values::Derived(one) => Some(one),
        }
    }
}

/// The values of one key.
pub(super) enum Values<'a> {
    Given(&'a [String]),
    Derived(&'a str),
}

impl<'a> Values<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (given, derived): (&'a [String], Option<&'a str>) = match *self {
            Values::Given(values) => (values, None),
            Values::Derived(value) => (&[], Some(value)),
        };
        given.iter().map(String::as_str).chain(derived)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Values::Given(values) => values.len(),
            Values::Derived(_) => 1,
        }
    }
}
