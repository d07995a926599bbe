//! The fields of one event, whatever their types: a getter by name → [`Record`].

use super::{Record, Whereabouts, row};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Map, Value};

/// Whether two keys are one: Athena lower-cases them, other stores add underscores.
pub(super) fn same_key(key: &str, name: &str) -> bool {
    let mut plain = key.bytes().filter(|b| *b != b'_').map(|b| b.to_ascii_lowercase());
    name.bytes().all(|b| plain.next() == Some(b.to_ascii_lowercase())) && plain.next().is_none()
}

/// Whether an object is an event at all, by the members that it has.
pub(super) fn is_event(mut has: impl FnMut(&str) -> bool) -> bool {
    ["eventName", "eventSource", "errorCode", "userIdentity"].iter().any(|name| has(name))
}

/// Puts the record together; `get` yields a member by CloudTrail's name for it.
pub(super) fn build(mut get: impl FnMut(&str) -> Option<Value>) -> Record {
    let mut word = |name: &str| get(name).and_then(text);
    Record {
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
        user_identity: get("userIdentity").map_or(Value::Null, identity),
        request_parameters: get("requestParameters").map_or(Value::Null, tree),
        additional_event_data: get("additionalEventData").map_or(Value::Null, tree),
        resource_arns: get("resources").map(tree).map_or_else(Vec::new, |list| each(&list, "arn")),
        resource_accounts: get("resources").map(tree).map_or_else(Vec::new, |list| each(&list, "accountid")),
        read_only: get("readOnly").and_then(|value| truth(&value)),
    }
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

/// A tree, also where a store wrote it as text (JSON or Athena's `{key=value}`).
fn tree(value: Value) -> Value {
    let Value::String(text) = value else { return value };
    serde_json::from_str(&text).ok().or_else(|| row::parse(&text)).unwrap_or(Value::Null)
}

pub(super) fn identity(value: Value) -> Value {
    match tree(value) {
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

fn documented_case(members: Map<String, Value>) -> Map<String, Value> {
    let renamed =
        |key: String| IDENTITY_KEYS.iter().find(|name| same_key(&key, name)).map_or(key, |name| (*name).to_owned());
    let inner = |value| match value {
        Value::Object(members) => Value::Object(documented_case(members)),
        other => other,
    };
    members.into_iter().map(|(key, value)| (renamed(key), inner(value))).collect()
}

/// One member of each resource, in the list's order.
pub(super) fn each(list: &Value, name: &str) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |item: &Value| {
        let (_, value) = item.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
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
        assert!(!same_key("eventI", "eventID") && !same_key("eventIDs", "eventID") && !same_key("", "eventID"));
    }
}
