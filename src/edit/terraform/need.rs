//! What the patch asks for, held against what the source says.

use super::tree::{Kind, Statement};
use super::value::{Fit, Val};
use crate::catalog::Catalog;
use crate::diagnosis::{kept_conditions, unreachable_keys};
use crate::policy::covers::{covers_action, covers_arn};
use crate::policy::{self, Actions, Conditions, OneOrMany, PrincipalSet, Principals, Resources, Scalar};
use std::collections::{BTreeMap, BTreeSet};

/// Sorts of principal, or operators and keys, with what they name.
pub(super) type Named = BTreeMap<String, BTreeSet<String>>;

/// One statement of the patch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Need {
    pub sid: Option<String>,
    pub actions: Vec<String>,
    /// `None` where the policy names none.
    pub resources: Option<Vec<String>>,
    /// Empty where it names nobody; everybody is `*` of the sort `*`.
    pub principals: Named,
    /// As it is written.
    pub conditions: Conditions,
    /// The account of the principal and of the deployment.
    pub account: Option<String>,
}

impl Need {
    /// A statement that only allows; `None` for one that says what an edit cannot.
    pub(super) fn of(statement: &policy::Statement, account: Option<&str>) -> Option<Self> {
        let actions = match &statement.actions {
            Actions::Action(actions) => actions.iter().cloned().collect(),
            Actions::NotAction(_) => return None,
        };
        let resources = match &statement.resources {
            Resources::Absent => None,
            Resources::Resource(resources) => Some(resources.iter().cloned().collect()),
            Resources::NotResource(_) => return None,
        };
        let principals = match &statement.principals {
            Principals::Absent => Named::new(),
            Principals::Principal(PrincipalSet::Everyone(_)) => Named::from([("*".into(), ["*".into()].into())]),
            Principals::Principal(PrincipalSet::Named(sorts)) => {
                sorts.iter().map(|(sort, names)| (sort.clone(), names.iter().cloned().collect())).collect()
            }
            Principals::NotPrincipal(_) => return None,
        };
        (statement.effect == policy::Effect::Allow).then(|| Self {
            sid: statement.sid.clone(),
            actions,
            resources,
            principals,
            conditions: statement.conditions.clone(),
            account: account.map(str::to_owned),
        })
    }

    /// Whether a value of the source is surely this text.
    pub(super) fn is(&self, value: &Val, text: &str) -> bool {
        value.fit(text, self.account.as_deref()) == Fit::Certain
    }

    /// Whether the statement is about the same resources, principals and conditions, so that actions may join it.
    pub(super) fn joins(&self, to: &Statement) -> bool {
        self.is_plain_allow(to) && self.same_resources(to) && self.same_principals(to) && self.same_conditions(to)
    }

    fn is_plain_allow(&self, statement: &Statement) -> bool {
        let allows = statement.field("Effect").is_some_and(|field| field.value.value() == Val::text("Allow"));
        let inverted = ["NotAction", "NotResource", "NotPrincipal"].iter().any(|key| statement.field(key).is_some());
        statement.whole && allows && !inverted && statement.field("Action").is_some()
    }

    fn same_resources(&self, statement: &Statement) -> bool {
        match (&self.resources, statement.texts("Resource")) {
            (None, None) => true,
            (Some(own), Some(theirs)) => self.same_set(own.iter(), &theirs),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    fn same_set<'t>(&self, own: impl Iterator<Item = &'t String> + Clone, theirs: &[Val]) -> bool {
        let found = |text: &String| theirs.iter().any(|value| self.is(value, text));
        let meant = |value: &Val| own.clone().any(|text| self.is(value, text));
        own.clone().all(found) && theirs.iter().all(meant)
    }

    fn same_principals(&self, statement: &Statement) -> bool {
        let Some(field) = statement.field("Principal") else { return self.principals.is_empty() };
        match &field.value.kind {
            Kind::Scalar(value) => {
                *value == Val::text("*") && self.principals.keys().eq(["*"]) && self.principals.len() == 1
            }
            Kind::Object(sorts) => {
                let same = |(sort, names): (&String, &BTreeSet<String>)| {
                    let theirs = sorts.iter().find(|field| field.key == *sort);
                    theirs.is_some_and(|field| self.same_set(names.iter(), &field.value.texts()))
                };
                sorts.len() == self.principals.len() && self.principals.iter().all(same)
            }
            Kind::List(_) => false,
        }
    }

    fn same_conditions(&self, statement: &Statement) -> bool {
        conditions(statement).is_some_and(|theirs| flat(&theirs) == flat(&self.conditions))
    }

    /// Whether the source allows one action on one resource already, under no condition that the patch does not have.
    pub(super) fn is_covered(&self, action: &str, resource: Option<&str>, by: &Statement) -> bool {
        if !self.is_plain_allow(by) || !self.same_principals(by) {
            return false;
        }
        let actions = by.texts("Action").unwrap_or_default();
        let named = |value: &Val| value.as_text().is_some_and(|pattern| covers_action(&pattern, action));
        let fits = |value: &Val, resource: &str| {
            self.is(value, resource) || self.filled(value, resource).is_some_and(|text| covers_arn(&text, resource))
        };
        let reaches = match (resource, by.texts("Resource")) {
            (None, None) => true,
            (Some(resource), Some(values)) => values.iter().any(|value| fits(value, resource)),
            (None, Some(_)) | (Some(_), None) => false,
        };
        let own = flat(&self.conditions);
        let looser =
            conditions(by).is_some_and(|theirs| flat(&theirs).iter().all(|(key, values)| own.get(key) == Some(values)));
        actions.iter().any(named) && reaches && looser
    }

    /// A value with the account, Region and partition of the resource in its holes.
    fn filled(&self, value: &Val, resource: &str) -> Option<String> {
        use super::value::{Hole, Piece};
        let Val::Text(pieces) = value else { return value.as_text() };
        let parts: Vec<&str> = resource.split(':').collect();
        let part = |at: usize| parts.get(at).copied().filter(|part| !part.is_empty());
        let filled = pieces.iter().map(|piece| match piece {
            Piece::Lit(text) => Some(text.as_str()),
            Piece::Hole(Hole::Partition) => part(1),
            Piece::Hole(Hole::Region) => part(3),
            Piece::Hole(Hole::Account) => self.account.as_deref().or(part(4)),
            Piece::Hole(Hole::Unique | Hole::Suffix | Hole::Any) => None,
        });
        filled.collect()
    }

    /// The actions of the patch that the statement names under a condition which they can never meet, with the
    /// conditions that would stay on them; `None` where there are none.
    pub(super) fn starved(&self, by: &Statement, catalog: &Catalog) -> Option<Starved> {
        if !self.is_plain_allow(by) || !self.same_principals(by) || self.joins(by) {
            return None;
        }
        let theirs = conditions(by)?;
        let patterns: Vec<String> = by.texts("Action")?.iter().filter_map(Val::as_text).collect();
        let reaches = |resource: &String| {
            let values = by.texts("Resource").unwrap_or_default();
            values.iter().any(|value| {
                self.is(value, resource) || self.filled(value, resource).is_some_and(|text| covers_arn(&text, resource))
            })
        };
        if !self.resources.as_ref()?.iter().all(reaches) {
            return None;
        }
        let keys_of = |action: &String| unreachable_keys(&theirs, action, catalog);
        let named = |action: &&String| patterns.iter().any(|pattern| covers_action(pattern, action));
        let actions: Vec<String> =
            self.actions.iter().filter(named).filter(|action| !keys_of(action).is_empty()).cloned().collect();
        let keys = keys_of(actions.first()?);
        let kept = kept_conditions(&theirs, &keys);
        // What stays has to be what the patch asks for, or the call would be refused again.
        let own = flat(&self.conditions);
        let fits = flat(&kept).iter().all(|(key, values)| own.get(key) == Some(values));
        let alike = actions.iter().all(|action| keys_of(action) == keys);
        (fits && alike).then_some(Starved { actions, keys, kept })
    }
}

/// See [`Need::starved`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Starved {
    pub actions: Vec<String>,
    pub keys: Vec<String>,
    pub kept: Conditions,
}

/// The conditions of a statement; `None` where a part of them is not known.
pub(super) fn conditions(of: &Statement) -> Option<Conditions> {
    let Some(field) = of.field("Condition") else { return Some(Conditions::new()) };
    let Kind::Object(operators) = &field.value.kind else { return None };
    let mut out = Conditions::new();
    for operator in operators {
        let Kind::Object(keys) = &operator.value.kind else { return None };
        for key in keys {
            let values: Option<Vec<Scalar>> =
                key.value.texts().iter().map(|value| value.as_text().map(Scalar::Text)).collect();
            out.entry(operator.key.clone()).or_default().insert(key.key.clone(), OneOrMany::Many(values?));
        }
    }
    Some(out)
}

/// Operator and key in lower case → values: how conditions are compared.
fn flat(conditions: &Conditions) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut out: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (operator, keys) in conditions {
        for (key, values) in keys {
            let place = (operator.to_ascii_lowercase(), key.to_ascii_lowercase());
            out.entry(place).or_default().extend(values.iter().map(|value| value.text().into_owned()));
        }
    }
    out
}
