//! The offline simulator: one JSON object in, one out.

use super::condition::is_operator;
use super::context::{ContextValue, Request};
use super::document::{Document, DocumentError};
use super::evaluate::{Decision, Policies, evaluate};
use super::json::Strict;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Decides one request described as a JSON object; `{"id","error"}` when it cannot be read.
///
/// In: `{"id","policies":{"identity","boundary","session","scp","rcp","resource","vpc_endpoint"},
/// "request":{"principal","action","resource","resourceAccount","context"}}`. An absent field, null and `[]` mean the
/// same; `principal`, `action` and `resource` must be there. Out: `{"id","decision","kind","deciding"}`; places count
/// from 0 and are null where an Allow is missing.
///
/// ```
/// use denywatch::policy::simulate_line;
/// let line = r#"{"id":7,"request":{"principal":"arn:aws:iam::111122223333:user/ann","action":"s3:GetObject","resource":"*"}}"#;
/// let answer = simulate_line(line);
/// assert_eq!((&answer["id"], &answer["decision"], &answer["kind"]), (&7.into(), &"denied".into(), &"implicit".into()));
/// assert!(simulate_line("{").get("error").is_some());
/// ```
pub fn simulate_line(line: &str) -> Value {
    let value = match serde_json::from_str::<Strict>(line) {
        Ok(Strict(value)) => value,
        Err(error) => return json!({"id": null, "error": format!("the line is no valid JSON: {error}")}),
    };
    let id = value.get("id").cloned().unwrap_or(Value::Null);
    match decide(&value) {
        Ok(decision) => json!({
            "id": id,
            "decision": if decision.allowed { "allowed" } else { "denied" },
            "kind": decision.kind,
            "deciding": decision.deciding,
        }),
        Err(error) => json!({"id": id, "error": error}),
    }
}

#[derive(Deserialize)]
struct Input {
    #[serde(default, deserialize_with = "nullable")]
    policies: InputPolicies,
    request: InputRequest,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InputPolicies {
    identity: Value,
    boundary: Value,
    session: Value,
    scp: Value,
    rcp: Value,
    resource: Value,
    vpc_endpoint: Value,
}

#[derive(Deserialize)]
struct InputRequest {
    principal: String,
    action: String,
    resource: String,
    #[serde(default, rename = "resourceAccount", deserialize_with = "one_text")]
    resource_account: Option<String>,
    #[serde(default, deserialize_with = "context")]
    context: BTreeMap<String, ContextValue>,
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn one_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        value if is_nothing(&value) => Ok(None),
        Value::String(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        _ => Err(serde::de::Error::custom("`resourceAccount` must be text")),
    }
}

fn context<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, ContextValue>, D::Error> {
    match Value::deserialize(deserializer)? {
        value if is_nothing(&value) => Ok(BTreeMap::new()),
        value => BTreeMap::deserialize(value).map_err(serde::de::Error::custom),
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn decide(value: &Value) -> Result<Decision, String> {
    let Input { policies, request } = Input::deserialize(value).map_err(|error| error.to_string())?;
    let policies = Policies {
        identity: documents("identity", listed(policies.identity))?,
        boundary: documents("boundary", listed(policies.boundary))?,
        session: documents("session", listed(policies.session))?,
        scp: levels("scp", listed(policies.scp))?,
        rcp: levels("rcp", listed(policies.rcp))?,
        resource: documents("resource", listed(policies.resource))?.pop(),
        vpc_endpoint: documents("vpc_endpoint", listed(policies.vpc_endpoint))?.pop(),
    };
    if !request.action.contains(':') {
        return Err(format!("`{}` is no action: expected `service:Name`", request.action));
    }
    let InputRequest { principal, action, resource, resource_account, context } = request;
    Ok(evaluate(&policies, &Request { principal, action, resource, resource_account, context }))
}

/// Nothing, one document or a list of them.
fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items,
        one => vec![one],
    }
}

fn documents(name: &str, values: Vec<Value>) -> Result<Vec<Document>, String> {
    let numbered = values.into_iter().filter(|value| !value.is_null()).enumerate();
    numbered
        .map(|(number, value)| {
            let document = Document::from_value(value).and_then(known_operators);
            document.map_err(|error| format!("{name} policy {number}: {error}"))
        })
        .collect()
}

/// A list of levels; a flat list is one level.
fn levels(name: &str, values: Vec<Value>) -> Result<Vec<Vec<Document>>, String> {
    if values.iter().any(Value::is_object) {
        return Ok(vec![documents(name, values)?]);
    }
    values.into_iter().filter(|level| !level.is_null()).map(|level| documents(name, listed(level))).collect()
}

fn known_operators(document: Document) -> Result<Document, DocumentError> {
    for (index, statement) in document.statements.iter().enumerate() {
        if let Some(unknown) = statement.conditions.keys().find(|name| !is_operator(name)) {
            let problem = format!("has no operator `{unknown}`");
            return Err(DocumentError::Statement { index, field: "Condition".to_owned(), problem });
        }
    }
    Ok(document)
}
