//! Permissions that the same work is likely to be refused next: told beside the patch, never mixed into it.

use super::Companion;
use super::draft::Judged;
use super::scope::scope;
use super::statement::{Tests, test};
use crate::arn::Arn;
use crate::catalog::{self, Call, Catalog};
use crate::finding::Finding;
use std::collections::{BTreeMap, BTreeSet};

/// Companions of the items' grants, each once with all its resources; what the finding was denied anyway is left out.
pub(super) fn of(finding: &Finding, items: &[Judged<'_>], catalog: &Catalog) -> Vec<Companion> {
    let denied: BTreeSet<&str> = finding.items.keys().map(|key| key.action.as_str()).collect();
    let mut all: BTreeMap<(Vec<String>, Tests, String), Companion> = BTreeMap::new();
    for judged in items {
        let found = passed(judged).into_iter().chain(next(judged)).chain(listed(judged, catalog));
        for mut companion in found {
            companion.actions.retain(|action| !denied.contains(action.as_str()));
            if !companion.actions.is_empty() {
                let key = (companion.actions.clone(), companion.conditions.clone(), companion.why.clone());
                let resources = std::mem::take(&mut companion.resources);
                all.entry(key).or_insert(companion).resources.extend(resources);
            }
        }
    }
    let each_once = |mut companion: Companion| {
        companion.resources.sort();
        companion.resources.dedup();
        companion
    };
    all.into_values().map(each_once).collect()
}

/// iam:PassRole on exactly the roles of the requests.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>.
fn passed(judged: &Judged<'_>) -> Vec<Companion> {
    let mut by_service: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (service, role) in &judged.item.passes {
        by_service.entry(service).or_default().extend(patterns(std::slice::from_ref(role)));
    }
    let of_service = by_service.into_iter().map(|(service, resources)| Companion {
        actions: vec!["iam:PassRole".to_owned()],
        resources,
        conditions: if service.is_empty() {
            Tests::new()
        } else {
            test("StringEquals", "iam:PassedToService", service)
        },
        why: "the request hands these roles to the service; review: whoever passes a role lends its power".to_owned(),
        source: "request members of botocore that hold roles".to_owned(),
    });
    of_service.filter(|companion| !companion.resources.is_empty()).collect()
}

/// What the operation needs besides the action that AWS named.
fn next(judged: &Judged<'_>) -> Vec<Companion> {
    let known = judged.item.next.iter().filter_map(|permission| {
        let resources = patterns(permission.resource.as_slice());
        let action = permission.action.clone().filter(|_| !resources.is_empty())?;
        let why = "the same operation needs it too; AWS names only what failed first".to_owned();
        let source = "operation table of the catalogue".to_owned();
        Some(Companion { actions: vec![action], resources, conditions: Tests::new(), why, source })
    });
    known.collect()
}

/// What the catalogue lists behind the action and its operations.
fn listed(judged: &Judged<'_>, catalog: &Catalog) -> Vec<Companion> {
    let region = judged.item.regions.first().map(String::as_str).unwrap_or_default();
    let operations =
        judged.item.operations.iter().map(|operation| operation.split_once(':').map_or("", |(_, name)| name));
    let operations: BTreeSet<&str> = operations.chain([""]).collect();
    let found = operations.into_iter().flat_map(|operation| {
        let call = Call { operation, region, ..Call::default() };
        catalog.companions(operation, &judged.key.action, &call)
    });
    found.filter(|found| !is_passed_already(found, judged)).map(|found| placed(found, judged)).collect()
}

/// The request itself named the roles: better than a hint.
fn is_passed_already(found: &catalog::Companion, judged: &Judged<'_>) -> bool {
    found.actions == ["iam:PassRole"] && !judged.item.passes.is_empty()
}

fn placed(found: catalog::Companion, judged: &Judged<'_>) -> Companion {
    let resources = match found.resource_hint.as_str() {
        // Told, and never to be written into this principal's policy.
        _ if is_anothers(&found) => Vec::new(),
        "same" => judged.grants.iter().map(|(_, grant)| grant.scoped.pattern.clone()).collect(),
        "*" => vec!["*".to_owned()],
        // A resource type: one of those that the call itself was on.
        kind if patterns_of(kind, judged).next().is_some() => patterns_of(kind, judged).collect(),
        // A key, a bucket or a role that the event does not name.
        _ => Vec::new(),
    };
    let mut conditions = Tests::new();
    for (key, value) in &found.conditions {
        conditions.entry("StringEquals".to_owned()).or_default().insert(key.clone(), vec![value.clone()]);
    }
    if found.resource_hint == "same" && conditions.is_empty() && is_same_service(&found, judged) {
        conditions = judged.grants.first().map(|(_, grant)| grant.tests.clone()).unwrap_or_default();
    }
    Companion { actions: found.actions, resources, conditions, why: found.why, source: found.source }
}

/// What another principal needs for the work, such as the role of an ECS task.
/// See <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html>.
fn is_anothers(found: &catalog::Companion) -> bool {
    found.resource_hint.starts_with("task-role:") || found.why.starts_with("for the task role")
}

fn patterns_of<'j>(kind: &'j str, judged: &'j Judged<'_>) -> impl Iterator<Item = String> + 'j {
    let patterns = judged.grants.iter().map(|(_, grant)| &grant.scoped.pattern);
    patterns
        .filter(move |pattern| pattern.parse::<Arn>().is_ok_and(|arn| arn.resource_type_and_id().0 == kind))
        .cloned()
}

/// The condition that narrows a grant narrows its companion of the same service too.
fn is_same_service(found: &catalog::Companion, judged: &Judged<'_>) -> bool {
    let prefix = judged.key.action.split(':').next();
    found.actions.iter().all(|action| action.split(':').next() == prefix)
}

fn patterns(resources: &[String]) -> Vec<String> {
    resources.iter().filter_map(|resource| scope(resource).ok()).map(|scoped| scoped.pattern).collect()
}
