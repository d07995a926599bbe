//! A policy document as it was written: one value stays one value, unknown keys stay, nothing is defaulted.
//!
//! The grammar: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A policy document; reading and writing it again gives an equal JSON value.
///
/// ```
/// use denywatch::policy::{Document, Statement};
/// let document = Document::new(vec![Statement::allow(["s3:GetObject"], ["arn:aws:s3:::b/*"]).with_sid("Read")]);
/// assert_eq!(
///     serde_json::to_string(&document)?,
///     r#"{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::b/*"]}]}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// `None` when the document names none; AWS then applies [`Version::V2008`].
    pub version: Option<Version>,
    /// `Id`, used by some resource-based policies.
    pub id: Option<String>,
    /// In the document's order.
    pub statements: Vec<Statement>,
    /// `Statement` was one object, not a list.
    pub(crate) bare_statement: bool,
    /// Keys that carry no meaning here, kept for writing.
    pub(crate) extra: Map<String, Value>,
}

/// The language's version; policy variables exist only in [`Version::V2012`].
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Version {
    /// `2008-10-17`: the older language, and what an absent `Version` means.
    #[serde(rename = "2008-10-17")]
    V2008,
    /// `2012-10-17`.
    #[serde(rename = "2012-10-17")]
    V2012,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The statement's name, if it has one.
    pub sid: Option<String>,
    /// Never defaulted.
    pub effect: Effect,
    /// Whom it is about; identity-based policies name nobody.
    pub principals: Principals,
    /// Which actions.
    pub actions: Actions,
    /// Which resources; trust policies name none.
    pub resources: Resources,
    /// Empty when the statement has no `Condition`.
    pub conditions: Conditions,
    /// Keys that carry no meaning here, kept for writing.
    pub(crate) extra: Map<String, Value>,
}

/// What a matching statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Effect {
    /// Grants.
    Allow,
    /// Refuses, whatever else grants.
    Deny,
}

/// One value or a list, as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// A bare value.
    One(T),
    /// A list, of any length.
    Many(Vec<T>),
}

/// `Action` or `NotAction`: patterns, compared without regard to letter case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actions {
    /// The actions that match.
    Action(OneOrMany<String>),
    /// All actions but those that match.
    NotAction(OneOrMany<String>),
}

/// `Resource`, `NotResource` or neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resources {
    /// No such element, as in a role's trust policy.
    Absent,
    /// The resources that match.
    Resource(OneOrMany<String>),
    /// All resources but those that match.
    NotResource(OneOrMany<String>),
}

/// `Principal`, `NotPrincipal` or neither.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principals {
    /// No such element, as in identity-based policies and SCPs.
    Absent,
    /// Those named.
    Principal(PrincipalSet),
    /// Everybody but those named.
    NotPrincipal(PrincipalSet),
}

/// The principals that an element names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PrincipalSet {
    /// The bare `"*"`.
    Everyone(Star),
    /// By kind: `AWS`, `Service`, `Federated`, `CanonicalUser`.
    Named(BTreeMap<String, OneOrMany<String>>),
}

/// The text `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Star {
    /// `*`
    #[serde(rename = "*")]
    Star,
}

/// Operator → key → values, as written.
pub type Conditions = BTreeMap<String, BTreeMap<String, OneOrMany<Scalar>>>;

/// One condition value as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `"text"`
    Text(String),
    /// `true`
    Bool(bool),
    /// `10`
    Number(serde_json::Number),
}

/// Why a text is no policy document; statements count from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// No JSON, or a key stands twice in one object.
    #[error("the policy is no valid JSON: {0}")]
    Json(String),
    /// Wrong outside the statements.
    #[error("policy: `{field}` {problem}")]
    Document {
        /// The element at fault.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Wrong inside one statement.
    #[error("statement {index}: `{field}` {problem}")]
    Statement {
        /// Counts from 0.
        index: usize,
        /// The element at fault.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl<T> OneOrMany<T> {
    /// The values, whichever way they were written.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    /// Walks the values.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.as_slice().iter()
    }

    /// Adds a value; a bare value becomes a list.
    pub fn push(&mut self, value: T) {
        match std::mem::replace(self, Self::Many(Vec::new())) {
            Self::One(first) => *self = Self::Many(vec![first, value]),
            Self::Many(mut values) => {
                values.push(value);
                *self = Self::Many(values);
            }
        }
    }
}

impl<'a, T> IntoIterator for &'a OneOrMany<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for OneOrMany<String> {
    fn from(values: [T; N]) -> Self {
        values.into_iter().collect()
    }
}

impl<T: Into<String>> FromIterator<T> for OneOrMany<String> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::Many(values.into_iter().map(Into::into).collect())
    }
}

impl PrincipalSet {
    /// The bare `"*"`: everybody, also without credentials.
    pub const EVERYONE: Self = Self::Everyone(Star::Star);

    /// `{"AWS": [...]}`: ARNs or account ids.
    pub fn aws<T: Into<String>>(arns: impl IntoIterator<Item = T>) -> Self {
        Self::of("AWS", arns)
    }

    /// `{"Service": [...]}`: service principals such as `ec2.amazonaws.com`.
    pub fn service<T: Into<String>>(hosts: impl IntoIterator<Item = T>) -> Self {
        Self::of("Service", hosts)
    }

    /// Principals of one kind: `AWS`, `Service`, `Federated` or `CanonicalUser`.
    pub fn of<T: Into<String>>(kind: &str, names: impl IntoIterator<Item = T>) -> Self {
        Self::Named(BTreeMap::from([(kind.to_owned(), names.into_iter().collect())]))
    }
}

impl Document {
    /// A document of the current version, without `Id`.
    pub fn new(statements: Vec<Statement>) -> Self {
        Self { version: Some(Version::V2012), id: None, statements, bare_statement: false, extra: Map::new() }
    }

    /// Whether `${…}` means anything in this document.
    pub fn has_variables(&self) -> bool {
        self.version == Some(Version::V2012)
    }
}

impl Statement {
    /// An `Allow` with lists of actions and resources and nothing else.
    pub fn allow<A: Into<String>, R: Into<String>>(
        actions: impl IntoIterator<Item = A>,
        resources: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            sid: None,
            effect: Effect::Allow,
            principals: Principals::Absent,
            actions: Actions::Action(actions.into_iter().collect()),
            resources: Resources::Resource(resources.into_iter().collect()),
            conditions: Conditions::new(),
            extra: Map::new(),
        }
    }

    /// Names the statement.
    #[must_use]
    pub fn with_sid(mut self, sid: impl Into<String>) -> Self {
        self.sid = Some(sid.into());
        self
    }

    /// Says whom the statement is about.
    #[must_use]
    pub fn with_principal(mut self, principals: PrincipalSet) -> Self {
        self.principals = Principals::Principal(principals);
        self
    }

    /// Takes the `Resource` element away, as a trust policy needs.
    #[must_use]
    pub fn without_resource(mut self) -> Self {
        self.resources = Resources::Absent;
        self
    }

    /// Adds one condition; the values join those that the operator and key already have.
    #[must_use]
    pub fn with_condition<T: Into<String>>(
        mut self,
        operator: &str,
        key: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let keys = self.conditions.entry(operator.to_owned()).or_default();
        let held = keys.entry(key.to_owned()).or_insert_with(|| OneOrMany::Many(Vec::new()));
        values.into_iter().for_each(|value| held.push(Scalar::Text(value.into())));
        self
    }
}

impl Scalar {
    /// The value as text, the way AWS compares it.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Bool(true) => "true".into(),
            Self::Bool(false) => "false".into(),
            Self::Number(number) => number.to_string().into(),
        }
    }
}
