//! An Allow exists, but its condition tests a key that this action never carries, so it can never match.
//!
//! One statement that allows PutObject and GetObject under `s3:x-amz-server-side-encryption` never allows GetObject:
//! the key exists only on writes. The mend is to split the statement, not to add a second one beside it.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html>.

use super::in_force::{NamedDocument, Origin};
use super::view::{Allow, View};
use super::{Cause, Diagnosis};
use crate::catalog::Catalog;
use crate::policy::{Actions, Conditions, Document, OneOrMany, Resources, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// A statement whose condition starves an action.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// The policy that holds the statement.
    pub policy: NamedDocument,
    /// Counts from 0.
    pub statement: usize,
    /// The condition keys that the action never carries.
    pub keys: Vec<String>,
    /// The action to move out.
    pub action: String,
    /// The statement's resources, which the new statement keeps.
    pub resources: Vec<String>,
    /// The statement's other conditions, which the new statement keeps.
    pub kept: Conditions,
}

/// The first statement that would allow the call but for a condition that the action can never meet, and its diagnosis;
/// without a split where nobody can change the statement.
pub(super) fn look(view: &View<'_>, allows: &[Allow<'_>], diagnosis: &Diagnosis) -> Option<(Diagnosis, Option<Split>)> {
    let covering = || allows.iter().filter(|allow| allow.action && allow.resource);
    let split = covering().find_map(|allow| split(view, allow));
    let starving = |allow: &&Allow<'_>| match &split {
        Some(split) => (allow.named, allow.at) == (&split.policy, split.statement),
        None => is_starved(view, allow),
    };
    let allow = covering().find(starving)?;
    let mut diagnosis = Diagnosis { cause: Cause::ConditionUnreachable, ..diagnosis.clone() };
    diagnosis.summary = format!(
        "policy `{}` allows `{}` only under the condition key `{}`, which this action never carries: the statement can \
         never match it",
        allow.named.name,
        view.needed.action,
        unreachable_keys(&allow.statement.conditions, view.needed.action, view.catalog).join("`, `")
    );
    diagnosis.evidence.push(allow.words());
    let also = split.as_ref().map(|split| also_starved(split, view.catalog)).unwrap_or_default();
    if !also.is_empty() {
        diagnosis.doubts.push(format!(
            "the same condition also starves `{}`, which nobody was denied: it stays",
            also.join("`, `")
        ));
    }
    if let Some(allow) = covering().find(|allow| !is_starved(view, allow)) {
        diagnosis.doubts.push(format!("{} allows it too, under a condition that may be meant", allow.words()));
    }
    Some((diagnosis, split))
}

/// Whether the statement can never match the action, whatever the request.
fn is_starved(view: &View<'_>, allow: &Allow<'_>) -> bool {
    !unreachable_keys(&allow.statement.conditions, view.needed.action, view.catalog).is_empty()
}

fn split(view: &View<'_>, allow: &Allow<'_>) -> Option<Split> {
    let (Actions::Action(_), Resources::Resource(resources)) = (&allow.statement.actions, &allow.statement.resources)
    else {
        return None;
    };
    let action = view.needed.action;
    let keys = unreachable_keys(&allow.statement.conditions, action, view.catalog);
    if keys.is_empty() || allow.named.origin == Origin::AwsManaged {
        return None;
    }
    Some(Split {
        policy: allow.named.clone(),
        statement: allow.at,
        kept: kept_conditions(&allow.statement.conditions, &keys),
        keys,
        action: action.to_owned(),
        resources: resources.iter().cloned().collect(),
    })
}

/// The conditions that the action can meet: they stay on it, as MFA or a Region would.
pub fn kept_conditions(conditions: &Conditions, gone: &[String]) -> Conditions {
    let mut kept = conditions.clone();
    for (operator, keys) in &mut kept {
        keys.retain(|key, _| !(needs_key(operator) && gone.contains(key)));
    }
    kept.retain(|_, keys| !keys.is_empty());
    kept
}

/// Keys under a positive operator that the action does not know; `…IfExists`, `Null` and negations hold without a key.
pub fn unreachable_keys(conditions: &Conditions, action: &str, catalog: &Catalog) -> Vec<String> {
    let tested = conditions.iter().filter(|(operator, _)| needs_key(operator));
    let keys = tested.flat_map(|(_, keys)| keys.keys());
    keys.filter(|key| catalog.condition_key_applies(action, key) == Some(false)).cloned().collect()
}

fn needs_key(operator: &str) -> bool {
    let plain = operator.to_ascii_lowercase();
    !plain.ends_with("ifexists") && plain != "null" && !plain.contains("not") && !plain.starts_with("forallvalues:")
}

/// Other actions that the statement names outright and starves in the same way.
fn also_starved(split: &Split, catalog: &Catalog) -> Vec<String> {
    let Some(statement) = split.policy.document.statements.get(split.statement) else { return Vec::new() };
    let Actions::Action(actions) = &statement.actions else { return Vec::new() };
    let others = actions.iter().filter(|action| !action.eq_ignore_ascii_case(&split.action));
    others.filter(|action| !unreachable_keys(&statement.conditions, action, catalog).is_empty()).cloned().collect()
}

impl Split {
    /// The statements that the splits free, one for each statement that is split.
    pub fn freed(splits: &[&Split]) -> Vec<Statement> {
        groups(splits).values().map(|group| freed_of(group)).collect()
    }

    /// The policy with the starved actions moved out of their statement into one of their own behind it.
    ///
    /// Where a wildcard covers the action it cannot be taken out; the statement then stays as it is.
    pub fn merged(document: &Document, splits: &[&Split], sid: fn(&Statement) -> String) -> Document {
        let mut merged = document.clone();
        for ((index, _), group) in groups(splits).into_iter().rev() {
            let freed = freed_of(&group);
            split_at(&mut merged, index, &group, freed.clone().with_sid(sid(&freed)));
        }
        merged
    }
}

/// Splits by the statement that they split and the conditions that stay.
fn groups<'a>(splits: &[&'a Split]) -> BTreeMap<(usize, String), Vec<&'a Split>> {
    let mut groups: BTreeMap<(usize, String), Vec<&'a Split>> = BTreeMap::new();
    for split in splits {
        groups.entry((split.statement, format!("{:?}", split.kept))).or_default().push(split);
    }
    groups
}

fn freed_of(group: &[&Split]) -> Statement {
    let actions: BTreeSet<&String> = group.iter().map(|split| &split.action).collect();
    let resources = group.first().map(|split| split.resources.clone()).unwrap_or_default();
    let kept = group.first().map(|split| split.kept.clone()).unwrap_or_default();
    Statement { conditions: kept, ..Statement::allow(actions.into_iter().cloned(), resources) }
}

fn split_at(document: &mut Document, index: usize, group: &[&Split], freed: Statement) {
    let Some(old) = document.statements.get_mut(index) else { return };
    if let Actions::Action(actions) = &mut old.actions {
        let stays = |action: &&String| !group.iter().any(|gone| gone.action.eq_ignore_ascii_case(action));
        let rest: OneOrMany<String> = actions.iter().filter(stays).cloned().collect();
        if rest.as_slice().is_empty() {
            // Nothing but the starved actions stood there: the freed statement takes its place.
            document.statements[index] = freed;
            return;
        }
        *actions = rest;
    }
    document.statements.insert(index + 1, freed);
}

#[cfg(test)]
mod tests {
    use super::super::in_force::Held;
    use super::super::sample::{Sample, held, plain};
    use super::*;

    fn looked(origin: Origin) -> (Diagnosis, Option<Split>) {
        let statement = r#"{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject"],"Resource":"*",
            "Condition":{"StringEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}}"#;
        let sample = Sample::record("s3:GetObject", "arn:aws:s3:::b/k");
        let mut held: Held = held(&[("identity", statement)], &sample.principal);
        held.identity[0].origin = origin;
        let needed = sample.needed();
        let view = View::new(&needed, &held, Catalog::embedded());
        look(&view, &view.allows(&held.identity), &plain(Cause::IdentityAllowMissing)).unwrap()
    }

    /// Nobody was denied the others: they stay where they are, and the answer says that they are starved too.
    #[test]
    fn what_stays_starved_is_told() {
        let statement = r#"{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject","s3:DeleteObject"],"Resource":"*",
            "Condition":{"StringEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}}"#;
        let sample = Sample::record("s3:GetObject", "arn:aws:s3:::b/k");
        let held: Held = held(&[("identity", statement)], &sample.principal);
        let needed = sample.needed();
        let view = View::new(&needed, &held, Catalog::embedded());
        let (diagnosis, split) =
            look(&view, &view.allows(&held.identity), &plain(Cause::IdentityAllowMissing)).unwrap();
        let split = split.unwrap();
        let doubts = diagnosis.doubts.join("\n");
        assert!(doubts.contains("also starves `s3:DeleteObject`, which"), "{doubts}");
        assert!(!doubts.contains("s3:PutObject"), "{doubts}");
        let merged = Split::merged(&split.policy.document, &[&split], |_| "Freed".to_owned());
        let merged = serde_json::to_value(&merged).unwrap();
        assert_eq!(merged["Statement"][0]["Action"], serde_json::json!(["s3:PutObject", "s3:DeleteObject"]));
        assert_eq!(merged["Statement"][1]["Action"], serde_json::json!(["s3:GetObject"]));
        assert_eq!(merged["Statement"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn awss_own_policy_is_left_whole() {
        assert!(looked(Origin::Inline).1.is_some());
        let (diagnosis, split) = looked(Origin::AwsManaged);
        assert_eq!((diagnosis.cause, split), (Cause::ConditionUnreachable, None));
    }
}
