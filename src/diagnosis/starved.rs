//! An Allow exists, but its condition tests a key that this action never carries, so it can never match.
//!
//! One statement that allows PutObject and GetObject under `s3:x-amz-server-side-encryption` never allows GetObject:
//! the key exists only on writes. The mend is to split the statement, not to add a second one beside it.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html>.

use super::in_force::{Held, NamedDocument, Origin};
use super::{Cause, Diagnosis};
use crate::catalog::Catalog;
use crate::policy::pattern::{matches_action, matches_arn};
use crate::policy::{Actions, Document, Effect, OneOrMany, Resources, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// The permission that was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed<'n> {
    /// Canonical IAM action.
    pub action: &'n str,
    /// Exact resource, raw.
    pub resource: &'n str,
}

/// What the policies in force add to a diagnosis.
#[derive(Debug, Clone, PartialEq)]
pub struct Refined {
    /// The sharper diagnosis.
    pub diagnosis: Diagnosis,
    /// The statement to split, where one starves the action.
    pub split: Option<Split>,
}

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
}

/// Holds an item of a finding against the policies in force.
///
/// `None` when they say nothing more than the message did.
pub fn refine(needed: Needed<'_>, diagnosis: &Diagnosis, held: &Held, catalog: &Catalog) -> Option<Refined> {
    let split = held.identity.iter().find_map(|policy| starving(needed, policy, catalog))?;
    let also = also_starved(&split, catalog);
    let mut diagnosis = Diagnosis { cause: Cause::ConditionUnreachable, ..diagnosis.clone() };
    diagnosis.summary = format!(
        "policy `{}` allows `{}` only under the condition key `{}`, which this action never carries: the statement can \
         never match it",
        split.policy.name,
        split.action,
        split.keys.join("`, `")
    );
    diagnosis.evidence.push(format!("statement {} of policy `{}`", split.statement, split.policy.name));
    diagnosis.unchecked.retain(|what| !what.contains("--policies"));
    if !also.is_empty() {
        diagnosis
            .doubts
            .push(format!("the same condition also starves `{}`, which were not denied", also.join("`, `")));
    }
    Some(Refined { diagnosis, split: Some(split) })
}

fn starving(needed: Needed<'_>, policy: &NamedDocument, catalog: &Catalog) -> Option<Split> {
    if policy.origin == Origin::AwsManaged {
        return None;
    }
    let found = policy.document.statements.iter().enumerate().find_map(|(at, statement)| {
        let resources = allowed_resources(statement, needed)?;
        let keys = unreachable_keys(statement, needed.action, catalog);
        (!keys.is_empty()).then_some((at, keys, resources))
    });
    let (statement, keys, resources) = found?;
    Some(Split { policy: policy.clone(), statement, keys, action: needed.action.to_owned(), resources })
}

/// The statement's resources, when it would allow the item but for its condition, and names the action outright.
fn allowed_resources(statement: &Statement, needed: Needed<'_>) -> Option<Vec<String>> {
    let (Actions::Action(actions), Resources::Resource(resources)) = (&statement.actions, &statement.resources) else {
        return None;
    };
    let fits = statement.effect == Effect::Allow
        && actions.iter().any(|pattern| matches_action(pattern, needed.action))
        && resources.iter().any(|pattern| matches_arn(pattern, needed.resource));
    fits.then(|| resources.iter().cloned().collect())
}

/// Keys under a positive operator that the action does not know; `…IfExists`, `Null` and negations hold without a key.
fn unreachable_keys(statement: &Statement, action: &str, catalog: &Catalog) -> Vec<String> {
    let needs_key = |operator: &str| {
        let plain = operator.to_ascii_lowercase();
        !plain.ends_with("ifexists") && plain != "null" && !plain.contains("not") && !plain.starts_with("forallvalues:")
    };
    let tested = statement.conditions.iter().filter(|(operator, _)| needs_key(operator));
    let keys = tested.flat_map(|(_, keys)| keys.keys());
    keys.filter(|key| catalog.condition_key_applies(action, key) == Some(false)).cloned().collect()
}

/// Other actions that the statement names outright and starves in the same way.
fn also_starved(split: &Split, catalog: &Catalog) -> Vec<String> {
    let Some(statement) = split.policy.document.statements.get(split.statement) else { return Vec::new() };
    let Actions::Action(actions) = &statement.actions else { return Vec::new() };
    let others = actions.iter().filter(|action| !action.eq_ignore_ascii_case(&split.action));
    others.filter(|action| !unreachable_keys(statement, action, catalog).is_empty()).cloned().collect()
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
        for (index, group) in groups(splits).into_iter().rev() {
            let freed = freed_of(&group);
            split_at(&mut merged, index, &group, freed.clone().with_sid(sid(&freed)));
        }
        merged
    }
}

/// Splits by the statement that they split.
fn groups<'a>(splits: &[&'a Split]) -> BTreeMap<usize, Vec<&'a Split>> {
    let mut groups: BTreeMap<usize, Vec<&'a Split>> = BTreeMap::new();
    for split in splits {
        groups.entry(split.statement).or_default().push(split);
    }
    groups
}

fn freed_of(group: &[&Split]) -> Statement {
    let actions: BTreeSet<&String> = group.iter().map(|split| &split.action).collect();
    let resources = group.first().map(|split| split.resources.clone()).unwrap_or_default();
    Statement::allow(actions.into_iter().cloned(), resources)
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
