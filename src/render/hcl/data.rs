//! `data "aws_iam_policy_document"`: statements as blocks.
//! See <https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document>.

use super::write::{Expr, Node, attr, block};
use crate::render::RenderError;
use crate::render::job::statements;
use serde_json::{Map, Value, json};

/// IAM's elements that are lists, and the arguments for them.
const LISTS: [(&str, &str); 4] =
    [("Action", "actions"), ("NotAction", "not_actions"), ("Resource", "resources"), ("NotResource", "not_resources")];
const TEXTS: [(&str, &str); 2] = [("Sid", "sid"), ("Effect", "effect")];
const PRINCIPALS: [(&str, &str); 2] = [("Principal", "principals"), ("NotPrincipal", "not_principals")];

/// The data source's arguments; `None` where it cannot say the same.
///
/// It turns each `&{` into `${`, and there is no escape: such a document goes through `jsonencode`.
pub(super) fn document(of: &Value) -> Result<Option<Vec<Node>>, RenderError> {
    let known = |key: &String| ["Version", "Id", "Statement"].contains(&key.as_str());
    if of.to_string().contains("&{") || !of.as_object().is_some_and(|fields| fields.keys().all(known)) {
        return Ok(None);
    }
    let mut nodes = Vec::new();
    for (element, argument) in [("Version", "version"), ("Id", "policy_id")] {
        match of.get(element) {
            Some(Value::String(text)) => nodes.push(attr(argument, Expr::Json(text.as_str().into()))),
            Some(_) => return Ok(None),
            None => {}
        }
    }
    for fields in statements(of)?.into_iter().filter_map(Value::as_object) {
        match statement(fields) {
            Some(body) => nodes.push(block(&["statement"], body)),
            None => return Ok(None),
        }
    }
    Ok(Some(nodes))
}

fn statement(fields: &Map<String, Value>) -> Option<Vec<Node>> {
    let mut nodes = Vec::new();
    let mut blocks = Vec::new();
    for (element, value) in fields {
        let same = |pair: &&(&str, &str)| pair.0 == element;
        if let Some((_, argument)) = TEXTS.iter().find(same) {
            nodes.push(attr(argument, Expr::Json(value.as_str()?.into())));
        } else if let Some((_, argument)) = LISTS.iter().find(same) {
            nodes.push(attr(argument, Expr::Json(texts(value)?)));
        } else if let Some((_, argument)) = PRINCIPALS.iter().find(same) {
            blocks.extend(principals(argument, value)?);
        } else if element == "Condition" {
            blocks.extend(conditions(value)?);
        } else {
            return None;
        }
    }
    nodes.extend(blocks);
    Some(nodes)
}

fn principals(argument: &str, value: &Value) -> Option<Vec<Node>> {
    let one = |sort: &str, ids: Value| {
        block(&[argument], vec![attr("type", Expr::Json(sort.into())), attr("identifiers", Expr::Json(ids))])
    };
    match value {
        Value::String(text) if text == "*" => Some(vec![one("*", json!(["*"]))]),
        Value::Object(sorts) => sorts.iter().map(|(sort, ids)| Some(one(sort, texts(ids)?))).collect(),
        _ => None,
    }
}

fn conditions(value: &Value) -> Option<Vec<Node>> {
    let mut nodes = Vec::new();
    for (test, keys) in value.as_object()? {
        for (key, values) in keys.as_object()? {
            nodes.push(block(
                &["condition"],
                vec![
                    attr("test", Expr::Json(test.as_str().into())),
                    attr("variable", Expr::Json(key.as_str().into())),
                    attr("values", Expr::Json(texts(values)?)),
                ],
            ));
        }
    }
    Some(nodes)
}

/// A text, or a list of them, as a list; booleans and numbers as IAM reads them, as text.
fn texts(value: &Value) -> Option<Value> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Array(items) => Some(json!(items.iter().map(one).collect::<Option<Vec<_>>>()?)),
        value => Some(json!([one(value)?])),
    }
}

/// A document with every list written as a list, as the data source writes it.
pub(super) fn normal(document: &Value) -> Value {
    let mut out = document.clone();
    let list = statements(document).map(|all| all.into_iter().map(normal_statement).collect::<Vec<_>>());
    if let (Value::Object(fields), Ok(list)) = (&mut out, list) {
        fields.insert("Statement".into(), Value::Array(list));
    }
    out
}

fn normal_statement(of: &Value) -> Value {
    let mut out = of.clone();
    for (element, value) in out.as_object_mut().into_iter().flatten() {
        if LISTS.iter().any(|(name, _)| name == element) {
            as_list(value);
        } else if PRINCIPALS.iter().any(|(name, _)| name == element) {
            if value == "*" {
                *value = json!({"*": "*"});
            }
            value.as_object_mut().into_iter().flatten().for_each(|(_, ids)| as_list(ids));
        } else if element == "Condition" {
            let keys = value.as_object_mut().into_iter().flatten().filter_map(|(_, keys)| keys.as_object_mut());
            keys.flatten().for_each(|(_, values)| as_list(values));
        }
    }
    out
}

fn as_list(value: &mut Value) {
    if let Some(list) = texts(value) {
        *value = list;
    }
}

/// The document that a data source, read again, stands for.
pub(super) fn read(body: &Value) -> Value {
    let mut out = Map::new();
    let mut list = Vec::new();
    for entry in body.as_array().into_iter().flatten() {
        match entry[1].as_str() {
            Some("version") => drop(out.insert("Version".into(), entry[2]["json"].clone())),
            Some("policy_id") => drop(out.insert("Id".into(), entry[2]["json"].clone())),
            Some(other) => drop(out.insert(other.to_owned(), Value::Null)),
            None => list.push(read_statement(&entry[2])),
        }
    }
    out.insert("Statement".into(), Value::Array(list));
    Value::Object(out)
}

fn read_statement(body: &Value) -> Value {
    let mut out = json!({});
    for entry in body.as_array().into_iter().flatten() {
        let argument = entry[1].as_str().or_else(|| entry[1][0].as_str()).unwrap_or_default();
        let field = |name: &str| {
            let found = entry[2].as_array().into_iter().flatten().find(|inner| inner[1] == name);
            found.map(|inner| inner[2]["json"].clone()).unwrap_or_default()
        };
        let word = |name: &str| field(name).as_str().unwrap_or_default().to_owned();
        if let Some((element, _)) = TEXTS.iter().chain(&LISTS).find(|pair| pair.1 == argument) {
            out[*element] = entry[2]["json"].clone();
        } else if let Some((element, _)) = PRINCIPALS.iter().find(|pair| pair.1 == argument) {
            out[*element][word("type")] = field("identifiers");
        } else if argument == "condition" {
            out["Condition"][word("test")][word("variable")] = field("values");
        } else {
            out[argument] = Value::Null;
        }
    }
    out
}
