//! Permissions that the same work is likely to be refused next: told beside the patch, never mixed into it.

use super::draft::Judged;
use super::scope::scope;
use super::statement::{Tests, test};
use super::{Companion, already};
use crate::arn;
use crate::catalog::{self, Call, Catalog};
use crate::diagnosis::Held;
use std::collections::{BTreeMap, BTreeSet};

/// What the work of an item may be refused next, by itself.
pub(super) fn of_item(judged: &Judged<'_>, catalog: &Catalog) -> Vec<Companion> {
    passed(judged).into_iter().chain(next(judged)).chain(listed(judged, catalog)).collect()
}

/// Companions of these items, each once with all its resources; what was `denied` anyway is left out, and so is what the
/// principal has by the policies given.
pub(super) fn of<'j>(
    denied: &BTreeSet<&str>,
    items: impl IntoIterator<Item = &'j Judged<'j>>,
    held: Option<&Held>,
) -> Vec<Companion> {
    let all = folded(items.into_iter().flat_map(|judged| &judged.companions), denied);
    // What another principal needs, the caller's own policies say nothing of.
    let missing = |companion: Companion| match companion.is_for_another() {
        true => Some(companion),
        false => already::without(companion, held),
    };
    all.into_iter().filter_map(missing).collect()
}

/// Actions, conditions and reason: what tells one companion from another.
type Key<'j> = (Vec<&'j String>, &'j Tests, &'j str);

/// Those that differ in their resources alone are one, without the actions that were denied.
fn folded<'j>(found: impl Iterator<Item = &'j Companion>, denied: &BTreeSet<&str>) -> Vec<Companion> {
    let mut all: BTreeMap<Key<'j>, (&'j str, BTreeSet<&'j String>)> = BTreeMap::new();
    for companion in found {
        let actions: Vec<&String> = companion.actions.iter().filter(|action| !denied.contains(&***action)).collect();
        if !actions.is_empty() {
            let key = (actions, &companion.conditions, &*companion.why);
            all.entry(key).or_insert_with(|| (&companion.source, BTreeSet::new())).1.extend(&companion.resources);
        }
    }
    let whole = |((actions, conditions, why), (source, resources)): (Key<'j>, (&str, BTreeSet<&String>))| Companion {
        actions: actions.into_iter().cloned().collect(),
        resources: resources.into_iter().cloned().collect(),
        conditions: conditions.clone(),
        why: why.to_owned(),
        source: source.to_owned(),
    };
    all.into_iter().map(whole).collect()
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
    // What no operation adds to is the action's own, told by the empty name.
    let action = &judged.key.action;
    let adds = |operation: &&str| catalog.has_companions_of_its_own(operation, action);
    let operations: BTreeSet<&str> = operations.filter(adds).chain([""]).collect();
    let found = operations.into_iter().flat_map(|operation| {
        let call = Call { operation, region, ..Call::default() };
        catalog.companions(operation, action, &call)
    });
    let mut all: Vec<Companion> =
        found.filter(|found| !is_passed_already(found, judged)).map(|found| placed(found, judged)).collect();
    if all.iter().all(|companion| companion.actions != [PASS_ROLE]) {
        all.extend(handed_over(judged, catalog));
    }
    all
}

const PASS_ROLE: &str = "iam:PassRole";

/// iam:PassRole of an operation that hands a role over, where the event does not show which.
fn handed_over(judged: &Judged<'_>, catalog: &Catalog) -> Option<Companion> {
    if !judged.item.passes.is_empty() || judged.key.action == PASS_ROLE {
        return None;
    }
    // A pasted text may tell the action alone, which mostly bears the operation's name.
    let told = judged.item.operations.iter().chain([&judged.key.action]);
    let mut operations = told.filter_map(|operation| operation.split_once(':'));
    let (prefix, name) = operations.find(|(prefix, name)| catalog.passes_role(prefix, name))?;
    let service = catalog.passed_to(prefix, name);
    Some(Companion {
        actions: vec![PASS_ROLE.to_owned()],
        resources: Vec::new(),
        conditions: service.map_or_else(Tests::new, |service| test("StringEquals", "iam:PassedToService", service)),
        why: "the operation can hand a role to the service; the event does not show which".to_owned(),
        source: "request members of botocore that hold roles".to_owned(),
    })
}

/// The request itself named the roles: better than a hint.
fn is_passed_already(found: &catalog::Companion, judged: &Judged<'_>) -> bool {
    found.actions == ["iam:PassRole"] && !judged.item.passes.is_empty()
}

fn placed(found: catalog::Companion, judged: &Judged<'_>) -> Companion {
    let typed = |kind| patterns_of(kind, judged).cloned().collect();
    let resources = match found.resource_hint {
        // Told, and never to be written into this principal's policy.
        _ if is_anothers(&found) => Vec::new(),
        "same" => judged.grants.iter().map(|(_, grant)| grant.scoped.pattern.clone()).collect(),
        "*" => vec!["*".to_owned()],
        // A resource type: those that the call itself was on. None where it is a key, a bucket or a role that the event
        // does not name.
        kind => typed(kind),
    };
    let narrowed = found.resource_hint == "same" && found.conditions.is_empty() && is_same_service(&found, judged);
    let conditions = match narrowed {
        true => judged.grants.first().map(|(_, grant)| grant.tests.clone()).unwrap_or_default(),
        false if found.conditions.is_empty() => Tests::new(),
        false => {
            let equal = found.conditions.into_iter().map(|(key, value)| (key, vec![value]));
            Tests::from([("StringEquals".to_owned(), equal.collect())])
        }
    };
    Companion { actions: found.actions, resources, conditions, why: found.why, source: found.source }
}

/// What another principal needs for the work, such as the role of an ECS task.
/// See <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html>.
fn is_anothers(found: &catalog::Companion) -> bool {
    found.resource_hint.starts_with("task-role:") || is_for_another(&found.why)
}

fn is_for_another(why: &str) -> bool {
    why.starts_with("for the task role")
}

impl Companion {
    /// Whether another principal needs it, not the one that was denied.
    pub fn is_for_another(&self) -> bool {
        is_for_another(&self.why)
    }
}

fn patterns_of<'j>(kind: &'j str, judged: &'j Judged<'_>) -> impl Iterator<Item = &'j String> {
    let patterns = judged.grants.iter().map(|(_, grant)| &grant.scoped.pattern);
    patterns.filter(move |pattern| arn::parts(pattern).is_some_and(|parts| arn::type_and_id(parts[4]).0 == kind))
}

/// The condition that narrows a grant narrows its companion of the same service too.
fn is_same_service(found: &catalog::Companion, judged: &Judged<'_>) -> bool {
    let prefix = judged.key.action.split(':').next();
    found.actions.iter().all(|action| action.split(':').next() == prefix)
}

fn patterns(resources: &[String]) -> Vec<String> {
    resources.iter().filter_map(|resource| scope(resource).ok()).map(|scoped| scoped.pattern).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn companion(action: &str, resources: &[&str], why: &str) -> Companion {
        Companion {
            actions: vec![action.to_owned()],
            resources: resources.iter().map(|&resource| resource.to_owned()).collect(),
            conditions: Tests::new(),
            why: why.to_owned(),
            source: String::new(),
        }
    }

    #[track_caller]
    fn check(found: &[Companion], expect: &[Companion]) {
        assert_eq!(folded(found.iter(), &BTreeSet::new()), expect);
    }

    #[test]
    fn resources_of_one_companion_stand_together() {
        let (a, b) = (companion("s3:Get", &["y", "x"], "why"), companion("s3:Get", &["x", "w"], "why"));
        check(&[a.clone(), b.clone()], &[companion("s3:Get", &["w", "x", "y"], "why")]);
        check(&[b, a], &[companion("s3:Get", &["w", "x", "y"], "why")]);
        let (other, put) = (companion("s3:Get", &["x"], "zeal"), companion("s3:Put", &["x"], "why"));
        check(&[other.clone(), put.clone()], &[other, put]);
        check(&[companion("s3:Get", &[], "why")], &[companion("s3:Get", &[], "why")]);
    }

    #[test]
    fn what_the_task_role_needs_is_not_the_callers() {
        let found = Catalog::embedded().companions("", "ecs:ExecuteCommand", &Call::default());
        let anothers = |action: &str| {
            let mut of_action = found.iter().filter(|one| one.actions.iter().any(|name| name == action));
            of_action.next().map(is_anothers)
        };
        assert_eq!(anothers("ssmmessages:OpenDataChannel"), Some(true));
        assert_eq!(anothers("kms:Decrypt"), Some(true));
        assert_eq!(anothers("ecs:DescribeTasks"), Some(false));
    }
}
