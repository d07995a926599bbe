//! Members of `requestParameters`, found by path and whatever their letter case.

use serde_json::{Map, Value};

/// All values at a path: `a.b`, `a[]` (each of a list).
pub(super) fn find<'v>(params: Option<&'v Value>, path: &str) -> Vec<&'v Value> {
    let mut found: Vec<&Value> = params.into_iter().collect();
    for step in path.split('.') {
        found = found.into_iter().flat_map(|value| one_step(value, step)).collect();
    }
    found
}

/// The strings at a path; numbers count as strings, and a list of one string as that string.
///
/// A path may end in `{}`: the names in an object.
pub(super) fn strings(params: Option<&Value>, path: &str) -> Vec<String> {
    match path.strip_suffix("{}") {
        Some(path) => {
            let objects = find(params, path).into_iter().filter_map(Value::as_object);
            objects.flat_map(|object| object.keys().cloned()).collect()
        }
        None => find(params, path).into_iter().filter_map(string).collect(),
    }
}

/// Whether a member of the top level is there and says something.
pub(super) fn given(params: Option<&Value>, name: &str) -> bool {
    let object = params.and_then(Value::as_object);
    object.and_then(|object| member(object, name)).is_some_and(|value| !value.is_null() && value != "")
}

/// The member of that name; the exact spelling first, then any letter case.
pub(super) fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// A string, a number as text, or the only string of a list (S3 writes header values so).
pub(super) fn string(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) if items.len() == 1 => string(&items[0]),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn one_step<'v>(value: &'v Value, step: &str) -> Vec<&'v Value> {
    let Some(object) = value.as_object() else { return Vec::new() };
    match step.strip_suffix("[]") {
        Some(name) => {
            member(object, name).and_then(Value::as_array).map(|list| list.iter().collect()).unwrap_or_default()
        }
        None => member(object, step).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(path: &str, expect: &[&str]) {
        let params = json!({
            "a": {"b": "1"}, "list": [{"id": "x"}, {"id": "y"}], "map": {"k": 1, "l": 2}, "one": ["z"], "UPPER": 7
        });
        assert_eq!(strings(Some(&params), path), expect);
    }

    #[test]
    fn paths() {
        check("a.b", &["1"]);
        check("list[].id", &["x", "y"]);
        check("map{}", &["k", "l"]);
        check("one", &["z"]);
        check("upper", &["7"]);
        check("a", &[]);
        check("b.a", &[]);
        assert_eq!(find(None, "a").len(), 0);
    }

    #[test]
    fn given_means_not_empty() {
        let params = json!({"empty": "", "null": null, "list": [""]});
        let there = |name| given(Some(&params), name);
        assert_eq!([there("empty"), there("null"), there("list"), there("no")], [false, false, true, false]);
    }
}
