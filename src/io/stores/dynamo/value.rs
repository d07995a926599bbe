//! DynamoDB's attribute values: `{"S": "text"}`, `{"N": "5"}`.
//! See <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html>.

use serde_json::{Map, Value, json};
use std::fmt::Display;
use std::str::FromStr;

/// An item: attribute values by name.
pub(super) type Item = Map<String, Value>;

pub(super) fn text(text: &str) -> Value {
    json!({ "S": text })
}

pub(super) fn number(number: impl Display) -> Value {
    json!({ "N": number.to_string() })
}

pub(super) fn bytes(bytes: &[u8]) -> Value {
    json!({ "B": aws_smithy_types::base64::encode(bytes) })
}

pub(super) fn map(entries: impl Iterator<Item = (String, Value)>) -> Value {
    json!({ "M": entries.collect::<Map<_, _>>() })
}

pub(super) fn read_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.get("S")?.as_str()
}

pub(super) fn read_number<T: FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.get("N")?.as_str()?.parse().ok()
}

pub(super) fn read_bytes(item: &Item, name: &str) -> Option<Vec<u8>> {
    aws_smithy_types::base64::decode(item.get(name)?.get("B")?.as_str()?).ok()
}
