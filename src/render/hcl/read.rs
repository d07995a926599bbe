//! Terraform text read again by another parser, as plain values to compare.
//!
//! A body is a list of `["attr", name, expression]` and `["block", words, body]`; an expression is `{"json": …}`,
//! `{"encode": …}` (an argument of `jsonencode`) or `{"raw": text}`.

use super::write::{Expr, Node};
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Body, Structure};
use serde_json::{Map, Number, Value, json};

/// What a reader must find.
pub(super) fn expected(nodes: &[Node]) -> Value {
    let seen = nodes.iter().filter_map(|node| match node {
        Node::Comment(_) => None,
        Node::Attr(name, Expr::Json(value)) => Some(json!(["attr", name, {"json": value}])),
        Node::Attr(name, Expr::Encode(value)) => Some(json!(["attr", name, {"encode": value}])),
        Node::Attr(name, Expr::Raw(text)) => Some(json!(["attr", name, {"raw": text}])),
        Node::Block(words, body) => Some(json!(["block", words, expected(body)])),
    });
    Value::Array(seen.collect())
}

/// What a reader does find.
pub(super) fn body(text: &str) -> Result<Value, String> {
    Ok(structures(&text.parse::<Body>().map_err(|e| e.to_string())?))
}

fn structures(body: &Body) -> Value {
    let seen = body.iter().map(|structure| match structure {
        Structure::Attribute(attribute) => {
            json!(["attr", attribute.key.value().as_str(), expression(&attribute.value)])
        }
        Structure::Block(block) => {
            let mut words = vec![block.ident.value().to_string()];
            words.extend(block.labels.iter().map(|label| label.as_str().to_owned()));
            json!(["block", words, structures(&block.body)])
        }
    });
    Value::Array(seen.collect())
}

fn expression(of: &Expression) -> Value {
    if let Some(value) = literal(of) {
        return json!({"json": value});
    }
    if let Expression::FuncCall(call) = of
        && call.name.name.as_str() == "jsonencode"
        && !call.name.is_namespaced()
        && let (1, Some(value)) = (call.args.len(), call.args.get(0).and_then(literal))
    {
        return json!({"encode": value});
    }
    json!({"raw": of.to_string().trim()})
}

/// The value of an expression without variables, functions or templates; `None` for any other.
fn literal(of: &Expression) -> Option<Value> {
    match of {
        Expression::Null(_) => Some(Value::Null),
        Expression::Bool(yes) => Some(Value::Bool(*yes.value())),
        Expression::Number(number) => {
            let number = number.value();
            let whole = number.as_u64().map(Number::from).or_else(|| number.as_i64().map(Number::from));
            whole.or_else(|| number.as_f64().and_then(Number::from_f64)).map(Value::Number)
        }
        Expression::String(text) => Some(Value::from(text.value().as_str())),
        Expression::Array(items) => items.iter().map(literal).collect::<Option<Vec<_>>>().map(Value::Array),
        Expression::Object(fields) => {
            let pairs = fields.iter().map(|(key, value)| Some((name(key)?, literal(value.expr())?)));
            pairs.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        _ => None,
    }
}

fn name(key: &ObjectKey) -> Option<String> {
    match key {
        ObjectKey::Ident(word) => Some(word.value().to_string()),
        ObjectKey::Expression(Expression::String(text)) => Some(text.value().to_string()),
        ObjectKey::Expression(_) => None,
    }
}

/// A policy in a body read.
#[derive(Debug)]
pub(super) enum Seen<'a> {
    /// The argument of `jsonencode`.
    Encoded(&'a Value),
    /// The body of an `aws_iam_policy_document`.
    Data(&'a Value),
}

/// The policies in a body read, in order.
pub(super) fn documents(body: &Value) -> Vec<Seen<'_>> {
    let mut seen = Vec::new();
    for entry in body.as_array().into_iter().flatten() {
        if let Some(value) = entry.pointer("/2/encode") {
            seen.push(Seen::Encoded(value));
        } else if entry.pointer("/1/1").and_then(Value::as_str) == Some("aws_iam_policy_document") {
            seen.push(Seen::Data(&entry[2]));
        } else if entry[0] == "block" {
            seen.extend(documents(&entry[2]));
        }
    }
    seen
}
