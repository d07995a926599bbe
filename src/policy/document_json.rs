//! Documents from and to JSON.

use super::document::{
    Actions, Conditions, Document, DocumentError, Effect, OneOrMany, PrincipalSet, Principals, Resources, Scalar, Star,
    Statement,
};
use super::json::Strict;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

const DOCUMENT_KEYS: &[&str] = &["Version", "Id", "Statement"];
const STATEMENT_KEYS: &[&str] =
    &["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// Text that is no JSON or repeats a key; a missing or unknown `Effect`; a missing action; an element of the
    /// wrong shape. The error names the statement, from 0, and the element.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let Strict(value) = serde_json::from_str(text).map_err(|e| DocumentError::Json(e.to_string()))?;
        Self::from_value(value)
    }

    /// Reads a document that is already JSON; errors as [`Document::parse`].
    ///
    /// # Errors
    /// As [`Document::parse`], without the repeated keys, which a JSON value no longer shows.
    pub fn from_value(value: Value) -> Result<Self, DocumentError> {
        let Value::Object(mut map) = value else {
            return Err(outer("Statement", "is missing: a policy is a JSON object"));
        };
        let fault = |field: &str, problem: String| outer(field, problem);
        let version = take(&mut map, "Version", "must be `2012-10-17` or `2008-10-17`", &fault)?;
        let id = take(&mut map, "Id", "must be text", &fault)?;
        let (bare_statement, statements) = match map.shift_remove("Statement") {
            Some(Value::Array(items)) => (false, items),
            Some(item @ Value::Object(_)) => (true, vec![item]),
            None => return Err(outer("Statement", "is missing")),
            Some(_) => return Err(outer("Statement", "must be an object or a list of objects")),
        };
        misspelt(&map, DOCUMENT_KEYS, &fault)?;
        let statements = statements.into_iter().enumerate().map(|(index, item)| statement(index, item));
        Ok(Self { version, id, statements: statements.collect::<Result<_, _>>()?, bare_statement, extra: map })
    }
}

fn statement(index: usize, value: Value) -> Result<Statement, DocumentError> {
    let fault = |field: &str, problem: String| DocumentError::Statement { index, field: field.to_owned(), problem };
    let Value::Object(mut map) = value else {
        return Err(fault("Effect", "is missing: a statement is a JSON object".to_owned()));
    };
    let statement = Statement {
        sid: take(&mut map, "Sid", "must be text", &fault)?,
        effect: effect(&mut map, &fault)?,
        principals: principals(&mut map, &fault)?,
        actions: actions(&mut map, &fault)?,
        resources: resources(&mut map, &fault)?,
        conditions: conditions(&mut map, &fault)?,
        extra: Map::new(),
    };
    misspelt(&map, STATEMENT_KEYS, &fault)?;
    Ok(Statement { extra: map, ..statement })
}

type Fault<'a> = dyn Fn(&str, String) -> DocumentError + 'a;

fn outer(field: &str, problem: impl Into<String>) -> DocumentError {
    DocumentError::Document { field: field.to_owned(), problem: problem.into() }
}

/// Takes one element out of the object; null stays behind, so that writing gives it back.
fn take<T: DeserializeOwned>(
    map: &mut Map<String, Value>,
    key: &str,
    must: &str,
    fault: &Fault<'_>,
) -> Result<Option<T>, DocumentError> {
    let Some(value) = map.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
    let taken = T::deserialize(value).map_err(|_| fault(key, must.to_owned()))?;
    map.shift_remove(key);
    Ok(Some(taken))
}

fn effect(map: &mut Map<String, Value>, fault: &Fault<'_>) -> Result<Effect, DocumentError> {
    let found = map.get("Effect").cloned().unwrap_or(Value::Null);
    match take(map, "Effect", &format!("must be `Allow` or `Deny`, not `{found}`"), fault)? {
        Some(effect) => Ok(effect),
        None => Err(fault("Effect", "is missing".to_owned())),
    }
}

/// Two elements of which a statement may have one: `X` and `NotX`.
fn either<T: DeserializeOwned>(
    map: &mut Map<String, Value>,
    key: &str,
    must: &str,
    fault: &Fault<'_>,
) -> Result<(Option<T>, Option<T>), DocumentError> {
    let not = format!("Not{key}");
    let both = (take(map, key, must, fault)?, take(map, &not, must, fault)?);
    match both {
        (Some(_), Some(_)) => Err(fault(&not, format!("cannot stand beside `{key}`"))),
        one => Ok(one),
    }
}

fn actions(map: &mut Map<String, Value>, fault: &Fault<'_>) -> Result<Actions, DocumentError> {
    match either(map, "Action", "must be text or a list of texts", fault)? {
        (Some(actions), _) => Ok(Actions::Action(actions)),
        (None, Some(actions)) => Ok(Actions::NotAction(actions)),
        (None, None) => Err(fault("Action", "is missing".to_owned())),
    }
}

fn resources(map: &mut Map<String, Value>, fault: &Fault<'_>) -> Result<Resources, DocumentError> {
    Ok(match either(map, "Resource", "must be text or a list of texts", fault)? {
        (Some(resources), _) => Resources::Resource(resources),
        (None, Some(resources)) => Resources::NotResource(resources),
        (None, None) => Resources::Absent,
    })
}

fn principals(map: &mut Map<String, Value>, fault: &Fault<'_>) -> Result<Principals, DocumentError> {
    let must = "must be `*` or an object of `AWS`, `Service`, `Federated` or `CanonicalUser`";
    Ok(match either(map, "Principal", must, fault)? {
        (Some(principals), _) => Principals::Principal(principals),
        (None, Some(principals)) => Principals::NotPrincipal(principals),
        (None, None) => Principals::Absent,
    })
}

/// An empty `Condition` stays behind, like null: it says nothing, but it was written.
fn conditions(map: &mut Map<String, Value>, fault: &Fault<'_>) -> Result<Conditions, DocumentError> {
    if map.get("Condition").and_then(Value::as_object).is_some_and(Map::is_empty) {
        return Ok(Conditions::new());
    }
    let must = "must be an object: operator, then key, then text, number, boolean or a list of those";
    Ok(take(map, "Condition", must, fault)?.unwrap_or_default())
}

/// `condition` for `Condition` would be read as no condition at all.
fn misspelt(rest: &Map<String, Value>, known: &[&str], fault: &Fault<'_>) -> Result<(), DocumentError> {
    let wrong = |key: &String| known.iter().copied().find(|name| name != key && name.eq_ignore_ascii_case(key));
    match rest.keys().find_map(|key| wrong(key).map(|name| (key, name))) {
        Some((key, name)) => Err(fault(key, format!("must be written `{name}`"))),
        None => Ok(()),
    }
}

impl<'de> Deserialize<'de> for PrincipalSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) if text == "*" => Ok(Self::Everyone(Star::Star)),
            Value::Object(map) => serde_json::from_value(Value::Object(map)).map(Self::Named).map_err(D::Error::custom),
            _ => Err(D::Error::custom("neither `*` nor an object")),
        }
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Strict(value) = Strict::deserialize(deserializer)?;
        Self::from_value(value).map_err(D::Error::custom)
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entry(&mut map, "Version", self.version.as_ref())?;
        entry(&mut map, "Id", self.id.as_ref())?;
        match self.statements.as_slice() {
            [one] if self.bare_statement => map.serialize_entry("Statement", one)?,
            all => map.serialize_entry("Statement", all)?,
        }
        let written = [self.version.map(|_| "Version"), self.id.as_ref().map(|_| "Id")];
        rest(&mut map, &self.extra, &written)?;
        map.end()
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let principals = named_principals(&self.principals);
        let resources = named_resources(&self.resources);
        let conditions = Some(&self.conditions).filter(|conditions| !conditions.is_empty());
        entry(&mut map, "Sid", self.sid.as_ref())?;
        map.serialize_entry("Effect", &self.effect)?;
        if let Some((name, value)) = principals {
            map.serialize_entry(name, value)?;
        }
        let (action, actions) = named_actions(&self.actions);
        map.serialize_entry(action, actions)?;
        if let Some((name, value)) = resources {
            map.serialize_entry(name, value)?;
        }
        entry(&mut map, "Condition", conditions)?;
        let written = [
            self.sid.as_ref().map(|_| "Sid"),
            principals.map(|(name, _)| name),
            Some(action),
            resources.map(|(name, _)| name),
            conditions.map(|_| "Condition"),
        ];
        rest(&mut map, &self.extra, &written)?;
        map.end()
    }
}

fn named_principals(principals: &Principals) -> Option<(&'static str, &PrincipalSet)> {
    match principals {
        Principals::Absent => None,
        Principals::Principal(set) => Some(("Principal", set)),
        Principals::NotPrincipal(set) => Some(("NotPrincipal", set)),
    }
}

fn named_actions(actions: &Actions) -> (&'static str, &OneOrMany<String>) {
    match actions {
        Actions::Action(list) => ("Action", list),
        Actions::NotAction(list) => ("NotAction", list),
    }
}

fn named_resources(resources: &Resources) -> Option<(&'static str, &OneOrMany<String>)> {
    match resources {
        Resources::Absent => None,
        Resources::Resource(list) => Some(("Resource", list)),
        Resources::NotResource(list) => Some(("NotResource", list)),
    }
}

fn entry<M: SerializeMap, T: Serialize>(map: &mut M, key: &str, value: Option<&T>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, value))
}

/// The kept keys, but for one that has got a meaning since it was read.
fn rest<M: SerializeMap>(map: &mut M, extra: &Map<String, Value>, written: &[Option<&str>]) -> Result<(), M::Error> {
    let fresh = extra.iter().filter(|(key, _)| !written.contains(&Some(key.as_str())));
    fresh.into_iter().try_for_each(|(key, value)| map.serialize_entry(key, value))
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[track_caller]
    fn check_round_trip(value: &Value) {
        let document = Document::from_value(value.clone()).unwrap();
        assert_eq!(&serde_json::to_value(&document).unwrap(), value);
        assert_eq!(Document::parse(&serde_json::to_string(&document).unwrap()), Ok(document));
    }

    #[track_caller]
    fn check_error(text: &str, expect: &str) {
        let error = Document::parse(text).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }

    #[test]
    fn every_form_survives() {
        check_round_trip(&json!({"Statement": {"Effect": "Deny", "NotAction": "*", "NotResource": ["a", "b"]}}));
        check_round_trip(&json!({"Version": "2008-10-17", "Id": "x", "Statement": []}));
        check_round_trip(&json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "", "Effect": "Allow", "Principal": "*", "Action": ["s3:Get*"], "Resource": "*"},
            {"Effect": "Allow", "NotPrincipal": {"AWS": ["1"], "Service": "a.b"}, "Action": [], "Resource": []},
            {"Effect": "Allow", "Action": "a:b", "Resource": "*",
             "Condition": {"Bool": {"k": true}, "NumericEquals": {"n": [1, 1.5, "2"]}, "X": {}}},
        ]}));
        check_round_trip(&json!({"Comment": [1], "Statement": [
            {"Effect": "Allow", "Action": "a:b", "Sid": null, "Condition": {}, "Note": {"a": null}},
        ]}));
    }

    #[test]
    fn a_kept_empty_condition_gives_way_to_a_real_one() {
        let mut document =
            Document::parse(r#"{"Statement":[{"Effect":"Allow","Action":"a:b","Condition":{}}]}"#).unwrap();
        let statement = document.statements.remove(0).with_condition("Bool", "k", ["true"]);
        let text = serde_json::to_string(&statement).unwrap();
        assert_eq!(text, r#"{"Effect":"Allow","Action":"a:b","Condition":{"Bool":{"k":["true"]}}}"#);
    }

    #[test]
    fn our_own_order() {
        let statement = Statement::allow(["sts:AssumeRole"], ["*"])
            .with_condition("StringEquals", "sts:ExternalId", ["x"])
            .with_principal(PrincipalSet::aws(["111122223333"]))
            .with_sid("S");
        assert_eq!(
            serde_json::to_string(&Document::new(vec![statement.clone()])).unwrap(),
            concat!(
                r#"{"Version":"2012-10-17","Statement":[{"Sid":"S","Effect":"Allow","Principal":{"AWS":["111122223333"]},"#,
                r#""Action":["sts:AssumeRole"],"Resource":["*"],"Condition":{"StringEquals":{"sts:ExternalId":["x"]}}}]}"#,
            ),
        );
        assert!(!serde_json::to_string(&statement.without_resource()).unwrap().contains("Resource"));
    }

    #[test]
    fn errors_name_statement_and_element() {
        let good = r#"{"Effect":"Allow","Action":"a:b","Resource":"*"}"#;
        let second = |statement: &str| format!(r#"{{"Statement":[{good},{statement}]}}"#);
        check_error(&second(r#"{"Action":"a:b"}"#), "statement 1: `Effect` is missing");
        check_error(&second(r#"{"Effect":null,"Action":"a:b"}"#), "statement 1: `Effect` is missing");
        check_error(&second(r#"{"Effect":"allow","Action":"a:b"}"#), "statement 1: `Effect` must be `Allow` or `Deny`");
        check_error(&second(r#"{"Effect":"Allow"}"#), "statement 1: `Action` is missing");
        check_error(&second(r#"{"Effect":"Allow","Action":1}"#), "statement 1: `Action` must be text");
        check_error(&second(r#"{"Effect":"Allow","Action":"a","NotAction":"b"}"#), "statement 1: `NotAction` cannot");
        check_error(&second(r#"{"Effect":"Allow","Action":"a","Resource":{}}"#), "statement 1: `Resource` must be");
        check_error(
            &second(r#"{"Effect":"Allow","Action":"a","Principal":"x"}"#),
            "statement 1: `Principal` must be `*`",
        );
        check_error(
            &second(r#"{"Effect":"Allow","Action":"a","Condition":{"Bool":1}}"#),
            "statement 1: `Condition` must",
        );
        check_error(&second(r#"{"Effect":"Allow","Action":"a","condition":{}}"#), "must be written `Condition`");
        check_error(&second(r#"{"Effect":"Allow","Effect":"Deny","Action":"a"}"#), "key `Effect` stands twice");
        check_error(&second("7"), "statement 1: `Effect` is missing");
        check_error(r#"{"Version":"2012-10-18","Statement":[]}"#, "policy: `Version` must be");
        check_error(r#"{"Id":1,"Statement":[]}"#, "policy: `Id` must be text");
        check_error("{}", "policy: `Statement` is missing");
        check_error("[]", "policy: `Statement` is missing");
        check_error(r#"{"Statement":"x"}"#, "policy: `Statement` must be an object");
        check_error("{", "no valid JSON");
    }

    fn texts() -> impl Strategy<Value = Value> {
        let text = "[a*?:/${}]{0,4}";
        prop_oneof![text.prop_map(Value::from), prop::collection::vec(text, 0..3).prop_map(Value::from)]
    }

    fn scalars() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z]{0,3}".prop_map(Value::from)
        ]
    }

    prop_compose! {
        fn statements()(
            deny in any::<bool>(), not in any::<(bool, bool, bool)>(), sid in prop::option::of("[a-z]{0,3}"),
            action in texts(), resource in prop::option::of(texts()), principal in prop::option::of(texts()),
            condition in prop::option::of(("(String|Bool)[A-Z]?", "aws:[a-z]", prop::collection::vec(scalars(), 0..3))),
            extra in prop::option::of("[x-z]{1,2}"),
        ) -> Value {
            let mut map = Map::new();
            map.insert("Effect".into(), if deny { "Deny" } else { "Allow" }.into());
            map.insert(if not.0 { "NotAction" } else { "Action" }.into(), action);
            if let Some(sid) = sid { map.insert("Sid".into(), sid.into()); }
            if let Some(list) = resource { map.insert(if not.1 { "NotResource" } else { "Resource" }.into(), list); }
            if let Some(list) = principal {
                let set = if list.is_array() { json!({"AWS": list}) } else { "*".into() };
                map.insert(if not.2 { "NotPrincipal" } else { "Principal" }.into(), set);
            }
            if let Some((operator, key, values)) = condition { map.insert("Condition".into(), json!({operator: {key: values}})); }
            if let Some(key) = extra { map.insert(key, Value::Null); }
            map.into()
        }
    }

    proptest! {
        #[test]
        fn round_trip(statements in prop::collection::vec(statements(), 0..3), version in any::<bool>(), bare in any::<bool>()) {
            let mut map = Map::new();
            if version { map.insert("Version".into(), "2012-10-17".into()); }
            let list = match statements.as_slice() {
                [one] if bare => one.clone(),
                all => all.into(),
            };
            map.insert("Statement".into(), list);
            let value = Value::from(map);
            let document = Document::from_value(value.clone()).unwrap();
            prop_assert_eq!(serde_json::to_value(&document).unwrap(), value);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = Document::parse(&text);
        }
    }
}
