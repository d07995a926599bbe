//! What is to be written, before it has a style.

use super::node::{Kind, Node, Quote};
use super::value::Piece;
use serde_json::Value;

/// A value for a template.
#[derive(Debug, Clone)]
pub(super) enum Out {
    Text(String),
    /// A number, `true` or `false`.
    Bare(String),
    /// A function with one text: `Ref`, `GetAtt` (`Id.Attribute`), `Sub` (its text, already escaped).
    Call(&'static str, String),
    /// An expression as the template has it elsewhere: its text, on one line, and its node.
    Same(String, Box<Node>),
    List(Vec<Out>),
    Map(Vec<(String, Out)>),
}

impl Out {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A JSON value: text stays text, whatever it looks like.
    pub(super) fn json(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::json).collect()),
            Value::Object(fields) => Self::Map(fields.iter().map(|(k, v)| (k.clone(), Self::json(v))).collect()),
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Bare(value.to_string()),
        }
    }

    /// A function's long form as the map that it is; all else as it stands.
    pub(super) fn spelled(&self, long: bool) -> Self {
        match self {
            Self::Call("GetAtt", text) if long => {
                let (id, attribute) = text.split_once('.').unwrap_or((text, ""));
                let parts = Self::List(vec![Self::text(id), Self::text(attribute)]);
                Self::Map(vec![("Fn::GetAtt".to_owned(), parts)])
            }
            Self::Call("Ref", text) if long => Self::Map(vec![("Ref".to_owned(), Self::text(text))]),
            Self::Call(name, text) if long => Self::Map(vec![(format!("Fn::{name}"), Self::text(text))]),
            Self::List(items) => Self::List(items.iter().map(|item| item.spelled(long)).collect()),
            Self::Map(pairs) => Self::Map(pairs.iter().map(|(k, v)| (k.clone(), v.spelled(long))).collect()),
            Self::Text(_) | Self::Bare(_) | Self::Call(..) | Self::Same(..) => self.clone(),
        }
    }

    /// The node that a reader must find where this was written; functions are spelled by then.
    pub(super) fn node(&self) -> Node {
        let scalar = |text: &str, quote| Node::loose(Kind::Scalar { text: text.to_owned(), quote });
        match self {
            Self::Text(text) => scalar(text, Quote::Double),
            Self::Bare(text) => scalar(text, Quote::Plain),
            Self::Call(name, text) => Node { tag: Some((*name).to_owned()), ..scalar(text, Quote::Double) },
            Self::Same(_, node) => (**node).clone(),
            Self::List(items) => Node::loose(Kind::Seq(items.iter().map(Self::node).collect())),
            Self::Map(pairs) => {
                Node::loose(Kind::Map(pairs.iter().map(|(k, v)| (scalar(k, Quote::Double), v.node())).collect()))
            }
        }
    }
}

/// Text as `Fn::Sub` must have it to give exactly this text: its `${x}` is written `${!x}`.
///
/// `None` for text that it may not carry: what stands in its braces must look like the name of a variable.
/// See <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-sub.html>.
pub(super) fn within_sub(text: &str) -> Option<String> {
    let is_name = |inner: &str| inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-./".contains(&byte));
    let inner = |rest: &str| rest.split_once('}').is_some_and(|(inner, _)| !inner.is_empty() && is_name(inner));
    if !text.split("${").skip(1).all(inner) {
        return None;
    }
    let escaped = text.replace("${", "${!");
    let read: Option<String> = super::value::pieces(&escaped)
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => Some(text),
            Piece::Name(_) => None,
        })
        .collect();
    (read.as_deref() == Some(text)).then_some(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(within_sub(text).as_deref(), expect, "{text}");
    }

    #[test]
    fn what_substitution_would_take_is_escaped() {
        check("a/*", Some("a/*"));
        check("home/${aws:username}/*", Some("home/${!aws:username}/*"));
        check("${*}", None);
        check("${!x}", None);
        check("$x} $${a}", Some("$x} $${!a}"));
        check("${a", None);
    }
}
