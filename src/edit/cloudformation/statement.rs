//! What a template's statement allows, as far as it is sure, and how it relates to one that is wanted.

use super::node::{Kind, Node};
use super::out::Out;
use super::template::Template;
use super::value::{Stage, call, sure};
use crate::catalog::Catalog;
use crate::diagnosis::{kept_conditions, unreachable_keys};
use crate::policy::covers::{covers_action, covers_arn};
use crate::policy::{Actions, Conditions, Effect, OneOrMany, PrincipalSet, Principals, Resources, Scalar, Statement};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Operator → key → values, letter case of the names aside.
type Tests = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;
/// Kind → names.
type Whom = BTreeMap<String, BTreeSet<String>>;

/// A statement of the patch.
#[derive(Debug, Clone)]
pub(super) struct Sought {
    pub sid: Option<String>,
    pub actions: Vec<String>,
    /// Empty where the policy's statements name none.
    pub resources: Vec<String>,
    pub principals: Principals,
    pub conditions: Conditions,
}

impl Sought {
    /// `None` for what no patch of ours holds: a Deny, or something but these.
    pub(super) fn new(statement: &Statement) -> Option<Self> {
        let (Effect::Allow, Actions::Action(actions)) = (statement.effect, &statement.actions) else { return None };
        let resources = match &statement.resources {
            Resources::Absent => Vec::new(),
            Resources::Resource(resources) => resources.iter().cloned().collect(),
            Resources::NotResource(_) => return None,
        };
        if matches!(statement.principals, Principals::NotPrincipal(_)) || !statement.extra.is_empty() {
            return None;
        }
        Some(Self {
            sid: statement.sid.clone(),
            actions: actions.iter().cloned().collect(),
            resources,
            principals: statement.principals.clone(),
            conditions: statement.conditions.clone(),
        })
    }

    /// Whether it holds what CloudFormation would take for a reference to a secret or parameter, and has no escape for.
    /// See <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>.
    pub(super) fn is_resolved(&self) -> bool {
        let named = self.whom().into_values().flatten();
        let tested = self.tests().into_values().flatten().flat_map(|(key, values)| values.into_iter().chain([key]));
        let mut all = self.resources.iter().cloned().chain(named).chain(tested);
        all.any(|text| text.contains("{{resolve:"))
    }

    /// Whether it holds a variable, which only the newer version of the language knows.
    pub(super) fn has_variable(&self) -> bool {
        let tested = self.tests().into_values().flatten().flat_map(|(_, values)| values);
        self.resources.iter().cloned().chain(tested).any(|text| text.contains("${"))
    }

    fn whom(&self) -> Whom {
        match &self.principals {
            Principals::Principal(PrincipalSet::Everyone(_)) => everyone(),
            Principals::Principal(PrincipalSet::Named(kinds)) => {
                kinds.iter().map(|(kind, names)| (kind.clone(), names.iter().cloned().collect())).collect()
            }
            Principals::Absent | Principals::NotPrincipal(_) => Whom::new(),
        }
    }

    fn tests(&self) -> Tests {
        tests(&self.conditions)
    }

    /// Its conditions for a template: a value alone where there is one.
    pub(super) fn condition(&self) -> Option<Out> {
        if self.conditions.is_empty() {
            return None;
        }
        let value = |scalar: &Scalar| match scalar {
            Scalar::Text(text) => Out::text(text),
            Scalar::Bool(yes) => Out::json(&Value::Bool(*yes)),
            Scalar::Number(number) => Out::json(&Value::Number(number.clone())),
        };
        let values = |values: &OneOrMany<Scalar>| match values.as_slice() {
            [one] => value(one),
            many => Out::List(many.iter().map(value).collect()),
        };
        let keys = |keys: &BTreeMap<String, OneOrMany<Scalar>>| {
            Out::Map(keys.iter().map(|(key, held)| (key.clone(), values(held))).collect())
        };
        Some(Out::Map(self.conditions.iter().map(|(operator, held)| (operator.clone(), keys(held))).collect()))
    }
}

fn everyone() -> Whom {
    Whom::from([("*".to_owned(), BTreeSet::from(["*".to_owned()]))])
}

fn tests(conditions: &Conditions) -> Tests {
    let keys = |keys: &BTreeMap<String, OneOrMany<Scalar>>| {
        let pair = |(key, values): (&String, &OneOrMany<Scalar>)| {
            (key.to_ascii_lowercase(), values.iter().map(|value| value.text().into_owned()).collect())
        };
        keys.iter().map(pair).collect()
    };
    conditions.iter().map(|(operator, held)| (operator.to_ascii_lowercase(), keys(held))).collect()
}

/// A statement of a template, at a stage.
pub(super) struct Found<'t, 'd> {
    pub template: &'t Template<'d>,
    pub stage: &'t Stage,
    pub node: &'d Node,
}

/// The elements that we know how to read.
const KNOWN: [&str; 6] = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];

impl<'d> Found<'_, 'd> {
    /// An Allow of actions on resources, nothing negated.
    fn is_plain_allow(&self) -> bool {
        let known = |(key, _): &(Node, Node)| key.text().is_some_and(|key| KNOWN.contains(&key));
        self.node.tag.is_none()
            && self.node.get("Effect").and_then(Node::plain_text) == Some("Allow")
            && self.node.pairs().iter().all(known)
    }

    /// The nodes below an element: its one value, or its list's.
    pub(super) fn values(&self, key: &str) -> Vec<&'d Node> {
        let doc = self.template.doc;
        let Some(value) = self.node.get(key).map(|value| doc.resolve(value)) else { return Vec::new() };
        match &value.kind {
            Kind::Seq(items) if value.tag.is_none() => items.iter().map(|item| doc.resolve(item)).collect(),
            _ => vec![value],
        }
    }

    fn texts(&self, key: &str) -> Vec<Option<String>> {
        self.values(key).into_iter().map(|node| sure(self.template, self.stage, node)).collect()
    }

    /// The texts of an element, if all of them are sure.
    fn all(&self, key: &str) -> Option<BTreeSet<String>> {
        self.texts(key).into_iter().collect()
    }

    fn whom(&self) -> Option<Whom> {
        let Some(node) = self.node.get("Principal").map(|node| self.template.doc.resolve(node)) else {
            return Some(Whom::new());
        };
        if node.plain_text() == Some("*") {
            return Some(everyone());
        }
        let kinds = if call(node).is_none() { node.pairs() } else { return None };
        let kind = |(kind, _): &(Node, Node)| {
            let kind = kind.text()?;
            let below = Found { template: self.template, stage: self.stage, node };
            Some((kind.to_owned(), below.all(kind)?))
        };
        kinds.iter().map(kind).collect()
    }

    /// The conditions, if all of them are sure.
    pub(super) fn conditions(&self) -> Option<Conditions> {
        let doc = self.template.doc;
        let Some(node) = self.node.get("Condition").map(|node| doc.resolve(node)) else {
            return Some(Conditions::new());
        };
        let mut conditions = Conditions::new();
        if call(node).is_some() || node.pairs().is_empty() {
            return None;
        }
        for (operator, keys) in node.pairs() {
            let keys = doc.resolve(keys);
            if call(keys).is_some() || keys.pairs().is_empty() {
                return None;
            }
            for (key, _) in keys.pairs() {
                let below = Found { template: self.template, stage: self.stage, node: keys };
                let values = below.texts(key.text()?).into_iter().map(|text| text.map(Scalar::Text));
                let held = OneOrMany::Many(values.collect::<Option<_>>()?);
                conditions.entry(operator.text()?.to_owned()).or_default().insert(key.text()?.to_owned(), held);
            }
        }
        Some(conditions)
    }

    /// Whether it allows this action on this resource for whom it is wanted, under no other condition.
    pub(super) fn covers(&self, sought: &Sought, action: &str, resource: Option<&str>) -> bool {
        let acts = |text: &Option<String>| text.as_deref().is_some_and(|text| covers_action(text, action));
        let reaches = |text: &Option<String>| {
            text.as_deref().zip(resource).is_some_and(|(text, resource)| covers_arn(text, resource))
        };
        self.is_plain_allow()
            && self.texts("Action").iter().any(acts)
            && (resource.is_none() || self.texts("Resource").iter().any(reaches))
            && self.conditions().is_some_and(|own| own.is_empty() || tests(&own) == sought.tests())
            && self.whom() == Some(sought.whom())
    }

    /// Whether it speaks of the same resources and principals.
    fn is_about(&self, sought: &Sought) -> bool {
        self.is_plain_allow()
            && self.all("Resource") == Some(sought.resources.iter().cloned().collect())
            && self.whom() == Some(sought.whom())
    }

    /// Whether the actions can be added to it and nothing more is allowed than is wanted.
    pub(super) fn takes(&self, sought: &Sought) -> bool {
        self.is_about(sought) && self.conditions().is_some_and(|own| tests(&own) == sought.tests())
    }

    /// The condition keys that starve every wanted action, where it names them all and would allow them without; and
    /// the conditions that stay.
    pub(super) fn starves(&self, sought: &Sought) -> Option<(BTreeSet<String>, Conditions)> {
        let conditions = self.conditions().filter(|_| self.is_about(sought))?;
        let named = self.all("Action")?;
        let is_named = |action: &String| named.iter().any(|name| name.eq_ignore_ascii_case(action));
        let mut keys = BTreeSet::new();
        for action in &sought.actions {
            let starved = unreachable_keys(&conditions, action, Catalog::embedded());
            if starved.is_empty() || !is_named(action) {
                return None;
            }
            keys.extend(starved);
        }
        let kept = kept_conditions(&conditions, &keys.iter().cloned().collect::<Vec<_>>());
        (tests(&kept) == sought.tests()).then_some((keys, kept))
    }

    /// How many of its actions are of the services that are wanted.
    pub(super) fn kinship(&self, sought: &Sought) -> usize {
        let service = |action: &str| action.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let wanted: BTreeSet<String> = sought.actions.iter().map(|action| service(action)).collect();
        self.texts("Action").iter().flatten().filter(|action| wanted.contains(&service(action))).count()
    }
}
