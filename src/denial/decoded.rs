//! A decoded EC2 authorization message → [`Denial`].
//!
//! `sts:DecodeAuthorizationMessage` gives the principal, the action, the resource, the condition keys of the request,
//! and, where a statement denied it, that statement. It never names the layer.
//! See <https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html>.

use super::build::{Given, from_excerpt};
use super::message::{Parsed, parse_pasted};
use super::text::Excerpt;
use super::{Denial, Reason, ReasonKind};
use crate::catalog::Catalog;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a JSON text is, seen as a decoded message.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// The refusal that it tells.
    Denied(Box<Denial>),
    /// It says that the call was allowed.
    Allowed,
    /// It is something else.
    Other,
}

/// Denying statements that are told.
const MOST: usize = 5;

/// Reads `{"DecodedMessage": "…"}`, or the message inside it.
///
/// ```
/// use denywatch::{catalog::Catalog, denial::{Decoded, Given, ReasonKind, from_decoded}};
/// let message = serde_json::json!({"allowed": false, "explicitDeny": true, "context": {
///     "principal": {"arn": "arn:aws:iam::111122223333:user/ana"},
///     "action": "ec2:StopInstances", "resource": "arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc"}});
/// let Decoded::Denied(denial) = from_decoded(&message, &Given::default(), Catalog::embedded()) else { panic!() };
/// assert_eq!((denial.actions[0].as_str(), denial.reason.kind), ("ec2:StopInstances", ReasonKind::Explicit));
/// ```
pub fn from_decoded(json: &Value, given: &Given, catalog: &Catalog) -> Decoded {
    if let Some(text) = json.get("DecodedMessage").and_then(Value::as_str) {
        return serde_json::from_str(text).map_or(Decoded::Other, |inner| message(&inner, given, catalog));
    }
    message(json, given, catalog)
}

fn message(json: &Value, given: &Given, catalog: &Catalog) -> Decoded {
    let (Some(allowed), Some(context)) = (json["allowed"].as_bool(), json["context"].as_object()) else {
        return Decoded::Other;
    };
    if allowed {
        return Decoded::Allowed;
    }
    let own = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let action = own(context.get("action"));
    let (service, operation) = action.as_deref().and_then(|action| action.split_once(':')).unzip();
    let explicit = json["explicitDeny"].as_bool() == Some(true);
    let excerpt = Excerpt {
        message: String::new(),
        parsed: Parsed {
            principal: own(context.get("principal").and_then(|principal| principal.get("arn"))),
            resource: own(context.get("resource")),
            reason: reason(if explicit { ReasonKind::Explicit } else { ReasonKind::Implicit }),
            action: action.clone(),
            ..parse_pasted("")
        },
        operation: operation.map(str::to_owned),
        service: service.map(str::to_owned),
        error_code: None,
    };
    let mut denial = from_excerpt(&excerpt, given, catalog);
    denial.facts.message = None;
    let keys = keys(&json["context"]["conditions"]);
    denial.region = ["ec2:Region", "aws:RequestedRegion"].iter().find_map(|key| keys.get(*key)?.first().cloned());
    denial.facts.context.extend(keys);
    denial.facts.denied_by = items(&json["matchedStatements"]).filter_map(statement).take(MOST).collect();
    Decoded::Denied(Box::new(denial))
}

fn reason(kind: ReasonKind) -> Reason {
    Reason { kind, special: None, ..parse_pasted("").reason }
}

/// AWS wraps every list in an object of its own.
fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn values(list: &Value) -> Vec<String> {
    items(list).filter_map(|item| item["value"].as_str()).map(str::to_owned).collect()
}

fn keys(conditions: &Value) -> BTreeMap<String, Vec<String>> {
    let each = items(conditions).filter_map(|item| Some((item["key"].as_str()?.to_owned(), values(&item["values"]))));
    each.filter(|(_, values)| !values.is_empty()).collect()
}

/// A denying statement in words; untrusted like any name.
fn statement(item: &Value) -> Option<String> {
    if !item["effect"].as_str().is_some_and(|effect| effect.eq_ignore_ascii_case("deny")) {
        return None;
    }
    let name = item["statementId"].as_str().filter(|name| !name.is_empty());
    let mut words = name.map_or_else(|| "a statement without a name".to_owned(), |name| format!("statement `{name}`"));
    let parts = [("for", values(&item["actions"])), ("on", values(&item["resources"]))];
    for (word, found) in parts.iter().filter(|(_, found)| !found.is_empty()) {
        words.push_str(&format!(" {word} {}", found.join(", ")));
    }
    for (key, found) in keys(&item["conditions"]) {
        words.push_str(&format!(", tests {key} against {}", found.join(", ")));
    }
    Some(words.chars().take(400).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn list(values: &[&str]) -> Value {
        json!({"items": values.iter().map(|value| json!({"value": value})).collect::<Vec<_>>()})
    }

    fn decoded(explicit: bool) -> Value {
        let deny = json!({"statementId": "OnlyHere", "effect": "DENY", "principals": list(&["AROAEXAMPLE"]),
            "actions": list(&["ec2:RunInstances"]), "resources": list(&["*"]),
            "conditions": {"items": [{"key": "ec2:Region", "values": list(&["eu-west-1"])}]}});
        json!({"allowed": false, "explicitDeny": explicit,
            "matchedStatements": {"items": if explicit { vec![deny] } else { vec![] }}, "failures": {"items": []},
            "context": {"principal": {"id": "AROAEXAMPLE:s", "name": "s", "arn": "arn:aws:sts::111122223333:assumed-role/ci/s"},
                "action": "ec2:RunInstances", "resource": "arn:aws:ec2:us-east-1:111122223333:instance/*",
                "conditions": {"items": [{"key": "ec2:InstanceType", "values": list(&["t3.micro"])},
                    {"key": "ec2:Region", "values": list(&["us-east-1"])}]}}})
    }

    #[track_caller]
    fn denied(json: &Value) -> Denial {
        match from_decoded(json, &Given::default(), Catalog::embedded()) {
            Decoded::Denied(denial) => *denial,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_that_the_message_tells() {
        let denial = denied(&decoded(false));
        assert_eq!(denial.principal.arn.as_deref(), Some("arn:aws:iam::111122223333:role/ci"));
        assert_eq!(denial.actions, ["ec2:RunInstances"]);
        assert_eq!(denial.resources, ["arn:aws:ec2:us-east-1:111122223333:instance/*"]);
        assert_eq!((denial.reason.kind, denial.reason.policy_type), (ReasonKind::Implicit, None));
        assert_eq!(denial.facts.context["ec2:InstanceType"], ["t3.micro"]);
        assert_eq!((denial.region.as_deref(), denial.facts.denied_by.len()), (Some("us-east-1"), 0));
    }

    #[test]
    fn a_denying_statement_is_named() {
        let denial = denied(&json!({"DecodedMessage": decoded(true).to_string()}));
        assert_eq!(denial.reason.kind, ReasonKind::Explicit);
        assert_eq!(
            denial.facts.denied_by,
            ["statement `OnlyHere` for ec2:RunInstances on *, tests ec2:Region against eu-west-1"]
        );
    }

    #[test]
    fn what_is_no_refusal_is_none() {
        let check = |json: Value, expect: Decoded| {
            assert_eq!(from_decoded(&json, &Given::default(), Catalog::embedded()), expect);
        };
        check(json!({"allowed": true, "context": {"action": "ec2:RunInstances"}}), Decoded::Allowed);
        for other in [json!({"allowed": false}), json!({"context": {}}), json!([1]), json!({"DecodedMessage": "x"})] {
            check(other, Decoded::Other);
        }
        let bare = denied(&json!({"allowed": false, "context": {}}));
        assert!(bare.actions.is_empty() && bare.resources.is_empty());
    }
}
