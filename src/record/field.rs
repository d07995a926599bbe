//! The fields of one event, whatever their types: a getter by name → [`Record`].

use super::{Record, Whereabouts, paired, row};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Map, Value};

/// Whether a key is the one that CloudTrail calls so: Athena lower-cases names, other stores part their words by underscores,
/// which then stand where CloudTrail has a capital letter.
#[inline]
pub(super) fn same_key(key: &str, name: &str) -> bool {
    // Most keys begin with another letter.
    key.as_bytes().first().zip(name.as_bytes().first()).is_some_and(|(own, other)| own.eq_ignore_ascii_case(other))
        && is_same(key, name)
}

fn is_same(key: &str, name: &str) -> bool {
    // Names have no underscores: without any, keys of another length are other keys. Most are told by that.
    if key.len() <= name.len() || !key.as_bytes().contains(&b'_') {
        return key.eq_ignore_ascii_case(name);
    }
    let mut left = key.bytes().peekable();
    let is_next = |(at, byte): (usize, u8)| {
        if at > 0 && byte.is_ascii_uppercase() {
            left.next_if_eq(&b'_');
        }
        left.next().is_some_and(|own| own.eq_ignore_ascii_case(&byte))
    };
    name.bytes().enumerate().all(is_next) && left.next().is_none()
}

/// Whether an object is an event at all, by the members that it has.
pub(super) fn is_event(mut has: impl FnMut(&str) -> bool) -> bool {
    ["eventName", "eventSource", "errorCode", "userIdentity"].iter().any(|name| has(name))
}

/// Puts the record together; `get` yields a member by CloudTrail's name for it. The names of members come with it that are
/// there and cannot be read for certain; the record lacks them.
pub(super) fn build(mut get: impl FnMut(&str) -> Option<Value>) -> (Record, Vec<&'static str>) {
    let mut unread = Vec::new();
    let mut tree = |name: &'static str, get: &mut dyn FnMut(&str) -> Option<Value>| {
        let value = get(name)?;
        let tree = tree(name, value);
        unread.extend(tree.is_none().then_some(name));
        tree
    };
    let user_identity = tree("userIdentity", &mut get).map_or(Value::Null, identity);
    let request_parameters = tree("requestParameters", &mut get).unwrap_or_default();
    let additional_event_data = tree("additionalEventData", &mut get).unwrap_or_default();
    let resources = tree("resources", &mut get).unwrap_or_default();
    let mut word = |name: &str| get(name).and_then(text);
    let record = Record {
        event_id: word("eventID"),
        shared_event_id: word("sharedEventID"),
        event_time: word("eventTime").and_then(|text| time(&text)),
        event_source: word("eventSource"),
        event_name: word("eventName"),
        event_type: word("eventType"),
        region: word("awsRegion"),
        error_code: word("errorCode"),
        error_message: word("errorMessage"),
        source_ip: word("sourceIPAddress"),
        user_agent: word("userAgent"),
        event_category: word("eventCategory"),
        vpc_endpoint_id: word("vpcEndpointId"),
        recipient_account: get("recipientAccountId").and_then(account),
        user_identity,
        request_parameters,
        additional_event_data,
        resource_arns: each(&resources, "arn"),
        resource_accounts: each(&resources, "accountId"),
        read_only: get("readOnly").and_then(|value| truth(&value)),
    };
    // Where message or request can name the resource, nothing is lost with the column.
    let is_named_elsewhere = !record.request_parameters.is_null()
        || record.error_message.as_ref().is_some_and(|message| message.contains(" on resource: "));
    unread.retain(|name| *name != "resources" || !is_named_elsewhere);
    (record, unread)
}

/// The fields that [`build`] gives a record for its place.
pub(super) fn whereabouts(mut get: impl FnMut(&str) -> Option<Value>) -> Whereabouts {
    Whereabouts {
        account: get("recipientAccountId").and_then(account),
        region: get("awsRegion").and_then(text),
        time: get("eventTime").and_then(text).and_then(|text| time(&text)),
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() && text != "null" => Some(text),
        _ => None,
    }
}

/// Twelve digits even where a store made a number of them.
fn account(value: Value) -> Option<String> {
    value.as_u64().map(|id| format!("{id:012}")).or_else(|| text(value))
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A time as CloudTrail and its stores write it, UTC, in whole seconds: RFC 3339, `2021-01-24 04:55:45.000`,
/// `20210124T045545Z`; `None` for anything else.
pub fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let zoneless = text.strip_suffix(" UTC").unwrap_or(text);
    let exact = zoneless.parse::<Timestamp>().ok().or_else(|| {
        let civil: DateTime = zoneless.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })?;
    Timestamp::from_second(exact.as_second()).ok()
}

/// A tree, also where a store wrote it as text: JSON, or an identity as Athena's `{key=value}`. `None` where it is a struct
/// that cannot be read for certain.
fn tree(name: &str, value: Value) -> Option<Value> {
    let Value::String(text) = value else { return Some(value) };
    match paired::read(&text) {
        // A column of text that was cast to JSON.
        Some(Value::String(inner)) if inner.len() < text.len() => tree(name, Value::String(inner)),
        Some(value) => (!is_nameless(name, &value)).then_some(value),
        None if !row::is_struct(&text) => Some(Value::Null),
        None if name == "userIdentity" => row::identity(&text),
        None => None,
    }
}

/// Some engines write structs as bare lists of values; which is which is then for nobody to tell.
fn is_nameless(name: &str, value: &Value) -> bool {
    let list = value.as_array();
    match name {
        "userIdentity" => list.is_some(),
        "resources" => list.is_some_and(|list| list.iter().any(Value::is_array)),
        _ => false,
    }
}

/// `userIdentity` with its members in AWS's letter case.
pub(super) fn identity(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(documented_case(members)),
        _ => Value::Null,
    }
}

/// The members of `userIdentity` in AWS's letter case, as
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html> lists them.
const IDENTITY_KEYS: &[&str] = &[
    "type",
    "userName",
    "principalId",
    "arn",
    "accountId",
    "accessKeyId",
    "sessionContext",
    "invokedBy",
    "sessionIssuer",
    "webIdFederationData",
    "federatedProvider",
    "attributes",
    "creationDate",
    "mfaAuthenticated",
    "sourceIdentity",
    "ec2RoleDelivery",
    "assumedRoot",
    "signInSessionArn",
    "invokedByDelegate",
    "onBehalfOf",
    "userId",
    "identityStoreArn",
    "inScopeOf",
    "sourceArn",
    "sourceAccount",
    "issuerType",
    "credentialsIssuedTo",
    "credentialId",
    "identityProvider",
];

fn documented_case(mut members: Map<String, Value>) -> Map<String, Value> {
    for value in members.values_mut() {
        if let Value::Object(inner) = value {
            *inner = documented_case(std::mem::take(inner));
        }
    }
    let documented = |key: &str| IDENTITY_KEYS.iter().find(|name| same_key(key, name)).copied();
    // CloudTrail's own are in that case already.
    if members.keys().all(|key| IDENTITY_KEYS.contains(&key.as_str()) || documented(key).is_none()) {
        return members;
    }
    members.into_iter().map(|(key, value)| (documented(&key).map_or(key, str::to_owned), value)).collect()
}

/// One member of each resource, in the list's order.
pub(super) fn each(list: &Value, name: &str) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |item: &Value| {
        let (_, value) = item.as_object()?.iter().find(|(key, _)| same_key(key, name))?;
        value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    items.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expect: Option<&str>) {
        assert_eq!(time(input).map(|time| time.to_string()).as_deref(), expect, "{input}");
    }

    #[test]
    fn times_in_every_dress() {
        let same = Some("2021-01-24T04:55:45Z");
        for text in [
            "2021-01-24T04:55:45Z",
            "2021-01-24T05:55:45+01:00",
            "2021-01-24 04:55:45.000",
            "2021-01-24 04:55:45.123456789",
            "20210124T045545Z",
            "2021-01-24 04:55:45.000 UTC",
            "2021-01-24T04:55:45",
            " 2021-01-24T04:55:45.9Z ",
        ] {
            check(text, same);
        }
        check("yesterday", None);
        check("2021-13-24T04:55:45Z", None);
    }

    #[test]
    fn keys_in_every_dress() {
        for key in ["eventID", "eventid", "event_id", "EVENT_ID"] {
            assert!(same_key(key, "eventID"), "{key}");
        }
        for (key, name) in [("source_ip_address", "sourceIPAddress"), ("vpc_endpoint_id", "vpcEndpointId")] {
            assert!(same_key(key, name), "{key}");
        }
        for key in ["_event_id", "event__id", "event_id_", "ev_entid", "event_"] {
            assert!(!same_key(key, "eventID"), "{key}");
        }
        assert!(!same_key("eventI", "eventID") && !same_key("eventIDs", "eventID") && !same_key("", "eventID"));
    }
}
