//! Finding → drafts: which grants go into which policy, and what stands against them. [`crate::verify`] grades them.

use super::needed::needed;
use super::scope::{Scoped, scope};
use super::statement::{Grant, Named, statements};
use super::{Companion, Widened, companions, conditions};
use crate::catalog::{Catalog, RiskKind};
use crate::diagnosis::{Cause, Diagnosis, Held, Split, Target, TargetKind, refine};
use crate::finding::{Finding, Item, ItemKey};
use crate::policy::pattern::matches_action;
use crate::policy::{Actions, Document, Effect, Statement};
use crate::principal::{Principal, PrincipalKind};
use crate::triage::{Remedy, remedy};

/// An item of a finding with its diagnosis in the light of the policies in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged<'a> {
    /// Which item.
    pub key: &'a ItemKey,
    /// The item.
    pub item: &'a Item,
    /// The sharpest diagnosis at hand.
    pub diagnosis: Diagnosis,
    /// The statement to split, where one starves the action.
    pub split: Option<Split>,
    /// What may be granted for it; empty when no Allow helps or too little is known. The first is the item's own, the
    /// others are what the same call needs of the same action.
    pub grants: Vec<(String, Grant)>,
    /// What a person must settle first.
    pub doubts: Vec<String>,
}

/// Grants that go into one policy and stand or fall together.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft<'a> {
    /// The policy to change.
    pub target: Target,
    /// The items it is for.
    pub items: Vec<Judged<'a>>,
    /// The statements to add; `None` when no Allow helps.
    pub document: Option<Document>,
    /// The policy in force with the patch in it, where that is known.
    pub merged: Option<Document>,
    /// Told widenings.
    pub widened: Vec<Widened>,
    /// Likely to be denied next.
    pub companions: Vec<Companion>,
    /// What a person must settle first, each once.
    pub doubts: Vec<String>,
}

/// Drafts the patches of a finding: the plain grants first, then those with doubts, then what is only to explain.
pub fn draft<'a>(finding: &'a Finding, held: Option<&Held>, catalog: &Catalog) -> Vec<Draft<'a>> {
    let ground = Ground { finding, held, catalog };
    let judged: Vec<Judged<'a>> = finding.items.iter().map(|(key, item)| judge(ground, key, item)).collect();
    let (granted, explained): (Vec<_>, Vec<_>) = judged.into_iter().partition(|judged| !judged.grants.is_empty());
    let (plain, doubted): (Vec<_>, Vec<_>) = granted.into_iter().partition(|judged| judged.doubts.is_empty());
    let made = [plain, doubted].into_iter().filter(|items| !items.is_empty());
    let mut drafts: Vec<Draft<'a>> = made.map(|items| with_document(finding, items, catalog)).collect();
    if !explained.is_empty() {
        let doubts = each_once(explained.iter().flat_map(|judged| judged.doubts.clone()));
        drafts.push(Draft { doubts, ..bare(finding.target.clone(), explained) });
    }
    drafts
}

fn bare(target: Target, items: Vec<Judged<'_>>) -> Draft<'_> {
    Draft { target, items, document: None, merged: None, widened: vec![], companions: vec![], doubts: vec![] }
}

/// What the judging of an item rests on.
#[derive(Clone, Copy)]
struct Ground<'g> {
    finding: &'g Finding,
    held: Option<&'g Held>,
    catalog: &'g Catalog,
}

fn judge<'a>(ground: Ground<'_>, key: &'a ItemKey, item: &'a Item) -> Judged<'a> {
    let needed = needed(ground.finding, key, item, ground.held);
    let refined = ground.held.and_then(|held| refine(&needed, &item.diagnosis, held, ground.catalog));
    let (diagnosis, split, mends) = match refined {
        Some(refined) => (refined.diagnosis, refined.split, refined.mends),
        None => (item.diagnosis.clone(), None, true),
    };
    let mut judged = Judged { key, item, doubts: diagnosis.doubts.clone(), diagnosis, split, grants: Vec::new() };
    if mends && grantable(ground.finding, &judged) {
        add_grants(&mut judged, ground);
    }
    judged
}

/// Whether an Allow can help, and enough is known to write one.
fn grantable(finding: &Finding, judged: &Judged<'_>) -> bool {
    let named = !judged.key.action.is_empty() && !judged.key.resource.is_empty();
    named
        && match remedy(judged.diagnosis.cause) {
            Remedy::OwnAllow | Remedy::LikelyAllow => true,
            Remedy::OwnersAllow => who(finding).is_some() && names_its_policy(finding, judged),
            Remedy::Decision | Remedy::Upheld | Remedy::Unknown | Remedy::Incident => false,
        }
}

/// Only some services have resource policies: beyond those known, AWS must have named the layer.
fn names_its_policy(finding: &Finding, judged: &Judged<'_>) -> bool {
    finding.target.kind != TargetKind::ResourcePolicy || judged.diagnosis.cause == Cause::ResourceAllowMissing
}

fn add_grants(judged: &mut Judged<'_>, ground: Ground<'_>) {
    let tests = conditions::narrow(judged.key, judged.item);
    let also = judged.item.also.iter().filter(|_| judged.split.is_none());
    for resource in std::iter::once(&judged.key.resource).chain(also) {
        match scope(resource) {
            Ok(scoped) => {
                judged.doubts.extend(stands_against(judged, &scoped, ground));
                let grant = Grant { action: judged.key.action.clone(), scoped, tests: tests.clone() };
                judged.grants.push((resource.clone(), grant));
            }
            Err(fault) => judged.doubts.push(fault.to_string()),
        }
    }
    if !judged.grants.iter().any(|(resource, _)| *resource == judged.key.resource) {
        judged.grants.clear();
    }
}

/// What the grant itself, whatever its cause, asks a person to settle.
fn stands_against(judged: &Judged<'_>, scoped: &Scoped, ground: Ground<'_>) -> Vec<String> {
    let action = &judged.key.action;
    let mut doubts: Vec<String> = road(action, ground).into_iter().collect();
    if scoped.widened.is_some() {
        doubts.push(format!("`{}` stands for a one-off name and allows its siblings too", scoped.pattern));
    } else if scoped.pattern == "*" && ground.catalog.action(action).is_some_and(|found| found.has_resource_level()) {
        doubts.push(format!("`{action}` can be limited to resources, but AWS names none here"));
    } else if scoped.pattern != "*" && has_wildcard(&scoped.pattern) {
        doubts.push(format!("`{}` is a wildcard: AWS names no single resource", scoped.pattern));
    }
    if !ground.finding.principal.path_known && is_resource_side(&ground.finding.target) {
        doubts.push("the session ARN hides the role's path: check the Principal's ARN".to_owned());
    }
    doubts
}

/// The road to more power that the action opens, alone or with what the principal already has.
fn road(action: &str, ground: Ground<'_>) -> Option<String> {
    let risk = ground.catalog.risk(action)?;
    let may_pass = ground.held.is_none_or(|held| may(held, "iam:PassRole"));
    // Code that runs as a passed role needs iam:PassRole too: known not to be held, it is no road.
    if risk.kind == RiskKind::WithPassRole && !may_pass {
        return None;
    }
    Some(format!("`{action}` opens a road to more power: {}", risk.road))
}

/// Whether any Allow of the principal covers the action; a Deny is not counted in its favour.
fn may(held: &Held, action: &str) -> bool {
    let statements = held.identity.iter().flat_map(|named| &named.document.statements);
    let covers = |statement: &Statement| match &statement.actions {
        Actions::Action(patterns) => patterns.iter().any(|pattern| matches_action(pattern, action)),
        Actions::NotAction(patterns) => !patterns.iter().any(|pattern| matches_action(pattern, action)),
    };
    !held.missing.is_empty() || statements.filter(|statement| statement.effect == Effect::Allow).any(covers)
}

/// A wildcard outside `${…}`.
fn has_wildcard(pattern: &str) -> bool {
    pattern.replace("${*}", "").replace("${?}", "").contains(['*', '?'])
}

fn with_document<'a>(finding: &Finding, items: Vec<Judged<'a>>, catalog: &Catalog) -> Draft<'a> {
    let whole = items.iter().filter(|judged| judged.split.is_none());
    let grants: Vec<Grant> = whole.flat_map(|judged| &judged.grants).map(|(_, grant)| grant.clone()).collect();
    let splits: Vec<&Split> = items.iter().filter_map(|judged| judged.split.as_ref()).collect();
    let mut made = statements(
        &fitted(&grants, &finding.target),
        &who(finding).unwrap_or(Named::Nobody),
        has_resource(&finding.target),
    );
    made.extend(Split::freed(&splits).into_iter().map(|freed| {
        let sid = super::sid(&freed);
        freed.with_sid(sid)
    }));
    let mut widened: Vec<Widened> = grants.iter().filter_map(|grant| grant.scoped.widened.clone()).collect();
    widened.extend(items.iter().flat_map(split_widening));
    widened.sort();
    widened.dedup();
    let merged = splits.first().map(|first| {
        let of_policy: Vec<&Split> = splits.iter().copied().filter(|split| split.policy == first.policy).collect();
        let mut merged = Split::merged(&first.policy.document, &of_policy, super::sid);
        merged.statements.extend(statements(&grants, &Named::Nobody, true));
        merged
    });
    let doubts = each_once(items.iter().flat_map(|judged| judged.doubts.clone()));
    let companions = companions::of(finding, &items, catalog);
    Draft {
        document: Some(Document::new(made)),
        merged,
        widened,
        companions,
        doubts,
        ..bare(finding.target.clone(), items)
    }
}

/// A key policy hangs on its key, which it calls `*`.
/// See <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html>.
fn fitted(grants: &[Grant], target: &Target) -> Vec<Grant> {
    let mut grants = grants.to_vec();
    if target.kind == TargetKind::KeyPolicy {
        for grant in &mut grants {
            grant.scoped = Scoped { pattern: "*".to_owned(), widened: None };
        }
    }
    grants
}

fn split_widening(judged: &Judged<'_>) -> Vec<Widened> {
    let Some(split) = &judged.split else { return Vec::new() };
    let wider = split.resources.iter().filter(|resource| **resource != judged.key.resource);
    let rule = "split-statement".to_owned();
    wider.map(|to| Widened { from: judged.key.resource.clone(), to: to.clone(), rule: rule.clone() }).collect()
}

fn is_resource_side(target: &Target) -> bool {
    !matches!(
        target.kind,
        TargetKind::RolePolicy
            | TargetKind::UserPolicy
            | TargetKind::GroupPolicy
            | TargetKind::ManagedPolicy
            | TargetKind::PermissionSet
            | TargetKind::PermissionsBoundary
            | TargetKind::SessionPolicy
            | TargetKind::Scp
    )
}

fn has_resource(target: &Target) -> bool {
    target.kind != TargetKind::TrustPolicy
}

/// Whom the statement names; `None` where it would have to name somebody that is not known.
fn who(finding: &Finding) -> Option<Named> {
    if !is_resource_side(&finding.target) {
        return Some(Named::Nobody);
    }
    let Principal { kind, arn, name, .. } = &finding.principal;
    match kind {
        PrincipalKind::Role | PrincipalKind::User | PrincipalKind::PermissionSet | PrincipalKind::ServiceLinkedRole => {
            arn.clone().filter(|arn| writable_principal(arn)).map(Named::Aws)
        }
        PrincipalKind::Service => name.clone().filter(|host| host.ends_with(".amazonaws.com")).map(Named::Service),
        PrincipalKind::Root
        | PrincipalKind::Federated
        | PrincipalKind::Account
        | PrincipalKind::Anonymous
        | PrincipalKind::Unknown => None,
    }
}

/// A principal's ARN is never a pattern.
fn writable_principal(arn: &str) -> bool {
    !arn.contains(['*', '?', '$']) && scope(arn).is_ok()
}

fn each_once(doubts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = Vec::new();
    for doubt in doubts {
        if !seen.contains(&doubt) {
            seen.push(doubt);
        }
    }
    seen
}
