//! Finding → drafts: which grants go into which policy, and what stands against them. [`crate::verify`] grades them.

use super::against::{has_wildcard, stands_against};
use super::needed::needed;
use super::roads::is_near_a_road;
use super::scope::{Scoped, Unwritable, may_be_a_region, scope_for, scope_masked};
use super::statement::{Grant, Named, statements};
use super::whom::{is_resource_side, whom};
use super::{Companion, Room, Widened, companions, conditions, room, sides};
use crate::arn;
use crate::catalog::{Catalog, RiskKind};
use crate::diagnosis::{Cause, Diagnosis, Held, Split, Target, TargetKind, carried_policy, refine};
use crate::finding::{Finding, Item, ItemKey};
use crate::policy::pattern::escape_literal;
use crate::policy::{Document, Statement};
use crate::principal::{Principal, PrincipalKind};
use crate::triage::{Remedy, remedy};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

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
    pub split: Option<Box<Split>>,
    /// Whom the statement names.
    pub named: Named,
    /// What may be granted for it; empty when no Allow helps or too little is known. The first is the item's own, the
    /// others are what the same call needs of the same action.
    pub grants: Vec<(String, Grant)>,
    /// What a person must settle first.
    pub doubts: Vec<String>,
    /// What its work may be refused next, whatever else was denied or is held; empty for the other side of two policies.
    pub companions: Vec<Companion>,
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
    /// What the policies in force leave of its place.
    pub room: Room,
    /// Told widenings.
    pub widened: Vec<Widened>,
    /// Likely to be denied next.
    pub companions: Vec<Companion>,
    /// What a person must settle first, each once.
    pub doubts: Vec<String>,
    /// The second of two policies that must both allow the items: they are counted with the first.
    pub other_side: bool,
}

/// Drafts the patches of a finding: the plain grants first, then those with doubts, then what is only to explain, then
/// the other sides of what two policies must allow.
pub fn draft<'a>(finding: &'a Finding, held: Option<&Held>, catalog: &Catalog) -> Vec<Draft<'a>> {
    let denied = &denied(finding.items.keys());
    let ground = Ground { finding, denied, held, catalog, target: &finding.target };
    let others = finding.items.iter().filter_map(|(key, item)| other(ground, key, item)).collect();
    let (granted, explained): (Vec<_>, Vec<_>) =
        judge_each(finding, ground).into_iter().partition(|judged| !judged.grants.is_empty());
    let (plain, doubted): (Vec<_>, Vec<_>) = granted.into_iter().partition(|judged| judged.doubts.is_empty());
    let made = [plain, doubted].into_iter().filter(|items| !items.is_empty());
    let mut drafts: Vec<Draft<'a>> = made.map(|items| with_document(ground, items)).collect();
    drafts.extend(explaining(&finding.target, explained));
    drafts.extend(other_sides(ground, others));
    drafts
}

/// The items of a finding, judged as [`draft`] judges them, where no document is wanted.
pub(crate) fn judged<'a>(finding: &'a Finding, held: Option<&Held>, catalog: &Catalog) -> Vec<Judged<'a>> {
    let denied = &denied(finding.items.keys());
    judge_each(finding, Ground { finding, denied, held, catalog, target: &finding.target })
}

/// What the drafts of a finding would tell as their companions if it had only those of its items that were denied by then,
/// in the order of the drafts. `judged` are all its items.
pub(crate) fn foreseen(
    finding: &Finding,
    judged: &[Judged<'_>],
    until: Option<Timestamp>,
    held: Option<&Held>,
    catalog: &Catalog,
) -> Vec<Companion> {
    let is_early = |item: &Item| item.first_seen <= until;
    let early = finding.items.iter().filter(|(_, item)| is_early(item));
    let denied = &denied(early.map(|(key, _)| key));
    let ground = Ground { finding, denied, held, catalog, target: &finding.target };
    // Of what was judged, only the roads to more power may have been others among fewer items.
    let is_plain = |judged: &Judged<'_>| {
        judged.doubts.is_empty()
            || is_near_a_road(&judged.key.action, catalog) && judge(ground, judged.key, judged.item).doubts.is_empty()
    };
    let granted = judged.iter().filter(|judged| is_early(judged.item) && !judged.grants.is_empty());
    let (plain, doubted): (Vec<_>, Vec<_>) = granted.partition(|judged| is_plain(judged));
    let of = |items: Vec<&Judged<'_>>| companions::of(denied, items, held);
    [plain, doubted].into_iter().flat_map(of).collect()
}

/// The actions that are drafted for.
fn denied<'f>(items: impl Iterator<Item = &'f ItemKey>) -> BTreeSet<&'f str> {
    items.map(|key| key.action.as_str()).collect()
}

fn judge_each<'a>(finding: &'a Finding, ground: Ground<'_>) -> Vec<Judged<'a>> {
    let judge = |(key, item)| judge(ground, key, item);
    let mut all: Vec<Judged<'a>> = finding.items.iter().map(|(key, item)| (key, item.as_ref())).map(judge).collect();
    for judged in all.iter_mut().filter(|judged| !judged.grants.is_empty()) {
        judged.companions = companions::of_item(judged, ground.catalog);
    }
    all
}

/// One draft a policy on the other side, and one more where a part of it cannot be written.
fn other_sides<'a>(ground: Ground<'_>, others: Vec<(Target, Judged<'a>)>) -> Vec<Draft<'a>> {
    let mut by_target: BTreeMap<Target, Vec<Judged<'a>>> = BTreeMap::new();
    for (target, judged) in others {
        by_target.entry(target).or_default().push(judged);
    }
    let mut drafts = Vec::new();
    for (target, items) in by_target {
        let (granted, explained): (Vec<_>, Vec<_>) = items.into_iter().partition(|judged| !judged.grants.is_empty());
        if !granted.is_empty() {
            let draft = with_document(Ground { target: &target, ..ground }, granted);
            drafts.push(Draft { other_side: true, ..draft });
        }
        drafts.extend(explaining(&target, explained).map(|draft| Draft { other_side: true, ..draft }));
    }
    drafts
}

fn explaining<'a>(target: &Target, items: Vec<Judged<'a>>) -> Option<Draft<'a>> {
    let doubts = each_once(items.iter().flat_map(|judged| judged.doubts.clone()));
    (!items.is_empty()).then(|| Draft { doubts, ..bare(target.clone(), items) })
}

fn bare(target: Target, items: Vec<Judged<'_>>) -> Draft<'_> {
    Draft {
        target,
        items,
        document: None,
        merged: None,
        room: Room::default(),
        widened: vec![],
        companions: vec![],
        doubts: vec![],
        other_side: false,
    }
}

/// What the judging of an item rests on.
#[derive(Clone, Copy)]
pub(super) struct Ground<'g> {
    pub(super) finding: &'g Finding,
    /// The actions of the items that are drafted for.
    pub(super) denied: &'g BTreeSet<&'g str>,
    pub(super) held: Option<&'g Held>,
    pub(super) catalog: &'g Catalog,
    /// The policy that is drafted for: the finding's, or the one on the other side.
    pub(super) target: &'g Target,
}

fn judge<'a>(ground: Ground<'_>, key: &'a ItemKey, item: &'a Item) -> Judged<'a> {
    let refined = ground.held.and_then(|held| {
        let needed = needed(ground.finding, key, item, ground.held);
        refine(&needed, &item.diagnosis, held, ground.catalog)
    });
    let (diagnosis, split, mends) = match refined {
        Some(refined) => (refined.diagnosis, refined.split.map(Box::new), refined.mends),
        None => (item.diagnosis.clone(), None, true),
    };
    let doubts = diagnosis.doubts.clone();
    let (named, grants, companions) = (Named::Nobody, Vec::new(), Vec::new());
    let mut judged = Judged { key, item, doubts, diagnosis, split, named, grants, companions };
    judged.doubts.extend(sides::doubt(ground.finding, key, item));
    judged.doubts.extend(judged.split.as_deref().map(split_doubt));
    judged.doubts.extend(ground.held.and_then(|held| held.outlived(&ground.finding.principal, item.last_seen)));
    let withheld = withheld(&judged, ground.catalog);
    if mends && grantable(&judged) && is_nameable(&ground.finding.principal) && withheld.is_none() {
        add_grants(&mut judged, ground);
    }
    judged.doubts.extend(withheld);
    judged.diagnosis.unchecked.extend(checked_next(&judged, ground));
    judged.diagnosis.unchecked.extend(unread_name(&key.resource));
    judged
}

/// Why no policy names this resource, told where no patch is shown too.
fn unread_name(resource: &str) -> Option<String> {
    let is_unread = resource.contains(char::REPLACEMENT_CHARACTER);
    is_unread
        .then(|| "which resource it was: a part of its name could not be read, and stands in it as U+FFFD".to_owned())
}

/// Somebody wrote the condition: whether it was meant to keep the action out only they can tell.
fn split_doubt(split: &Split) -> String {
    let keys: Vec<String> = split.keys.iter().map(|key| format!("`{key}`")).collect();
    format!(
        "the condition on {} no longer holds for `{}`, which it can only starve: make sure that this was not meant",
        keys.join(", "),
        split.action
    )
}

/// What the same call is checked on besides, where neither message nor request names it.
fn checked_next(judged: &Judged<'_>, ground: Ground<'_>) -> Option<String> {
    let action = &judged.key.action;
    let granted: Vec<&str> = judged.grants.iter().map(|(resource, _)| resource.as_str()).collect();
    if granted.is_empty() || granted.contains(&"*") || judged.split.is_some() {
        return None;
    }
    let known = ground.catalog.action(action)?;
    let open = known.types_without(&granted);
    if open.is_empty() || ground.catalog.required_together(action) != Some(true) {
        return None;
    }
    Some(format!("`{action}` is checked on these types too, which the event does not name: {}", open.join(", ")))
}

/// Why no Allow is written, although its parts are known: forged text, or a guess that would open a resource to others.
fn withheld(judged: &Judged<'_>, catalog: &Catalog) -> Option<String> {
    if judged.item.facts.suspect {
        return Some("no Allow is written for a name that imitates AWS's messages: find out who chose it".to_owned());
    }
    let action = &judged.key.action;
    let guessed = matches!(judged.diagnosis.cause, Cause::LayerUnstated | Cause::BareDenial);
    if !guessed || !action.starts_with("s3:") {
        return None;
    }
    let risk = catalog.risk(action).filter(|risk| risk.kind == RiskKind::ResourceExposure)?;
    Some(format!(
        "`{action}` {}, and AWS does not say that the caller's policy lacks it (S3 Block Public Access refuses with the same \
         words): no such Allow is written on a guess; `--policies` tells",
        risk.road
    ))
}

/// The same item, judged for the policy on the other side; `None` where one policy is enough.
fn other<'a>(ground: Ground<'_>, key: &'a ItemKey, item: &'a Item) -> Option<(Target, Judged<'a>)> {
    let target = sides::other(ground.finding, key, item)?;
    // What the policies in force say of the caller's side is said there.
    let judged = judge(Ground { target: &target, held: None, ..ground }, key, item);
    Some((target, judged))
}

/// Whether an Allow can help, and enough is known to write one.
fn grantable(judged: &Judged<'_>) -> bool {
    let named = !judged.key.action.is_empty() && !judged.key.resource.is_empty();
    named
        && match remedy(judged.diagnosis.cause) {
            Remedy::OwnAllow | Remedy::LikelyAllow | Remedy::OwnersAllow => true,
            Remedy::Decision
            | Remedy::Upheld
            | Remedy::Elsewhere
            | Remedy::Passed
            | Remedy::Unknown
            | Remedy::Incident => false,
        }
}

/// No role, user or permission set bears a wildcard; names of other principals are not checked here.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names>.
fn is_nameable(principal: &Principal) -> bool {
    let forged = |name: &str| name.contains(|letter: char| matches!(letter, '*' | '?' | '$') || letter.is_control());
    match principal.kind {
        PrincipalKind::Role | PrincipalKind::User | PrincipalKind::PermissionSet | PrincipalKind::ServiceLinkedRole => {
            !principal.name.as_deref().is_some_and(forged)
        }
        PrincipalKind::Root
        | PrincipalKind::Service
        | PrincipalKind::Federated
        | PrincipalKind::Account
        | PrincipalKind::Anonymous
        | PrincipalKind::Unknown => true,
    }
}

/// Whether the drafted policy is the one that this resource carries.
fn is_its_policy(resource: &str, target: &Target) -> bool {
    let carries = || carried_policy(resource, None);
    match target.kind {
        TargetKind::VpcEndpointPolicy => true,
        kind if is_resource_side(kind) => {
            carries().is_some_and(|found| found.kind == kind && (target.arn.is_none() || found.arn == target.arn))
        }
        _ => true,
    }
}

/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>.
const NO_RECEIVER: &str =
    "the call does not tell which service gets the role, so that any may: add a condition on `iam:PassedToService`";

fn add_grants(judged: &mut Judged<'_>, ground: Ground<'_>) {
    let (key, item, target) = (judged.key, judged.item, ground.target);
    if !is_its_policy(&key.resource, target) {
        judged.doubts.push("no policy is known that this resource carries: its service says who may use it".to_owned());
        return;
    }
    let Some(whom) = whom(&ground.finding.principal, key, item, target) else {
        judged.doubts.push("the statement would have to name a caller whom AWS does not tell exactly".to_owned());
        return;
    };
    judged.doubts.extend(owners_say(target).map(str::to_owned));
    judged.doubts.extend(whom.doubts);
    judged.named = whom.named;
    let mut tests = conditions::narrow(key, item);
    if key.action == "iam:PassRole" && tests.is_empty() {
        judged.doubts.push(NO_RECEIVER.to_owned());
    }
    for (operator, keys) in whom.tests {
        tests.entry(operator).or_default().extend(keys);
    }
    let is_here = |resource: &&String| !is_resource_side(target.kind) || is_its_policy(resource, target);
    let also = item.also.iter().filter(|_| judged.split.is_none()).filter(is_here);
    for resource in std::iter::once(&key.resource).chain(also) {
        match scope_in(item, &key.action, resource).map(|scoped| told(scoped, resource, &key.resource)) {
            Ok(scoped) => match foreign_form(judged, &scoped, ground) {
                Some(doubt) => judged.doubts.push(doubt),
                None => {
                    judged.doubts.extend(stands_against(judged, &scoped, ground));
                    let grant =
                        Grant { action: key.action.clone(), scoped: fitted(scoped, target), tests: tests.clone() };
                    judged.grants.push((resource.clone(), grant));
                }
            },
            Err(fault) => judged.doubts.push(fault.to_string()),
        }
    }
    if !judged.grants.iter().any(|(resource, _)| *resource == key.resource) {
        judged.grants.clear();
    }
}

/// Why this resource is not granted: its form is none of the action's. Told here, of one item, so that the last look does
/// not have to refuse the document with everybody else's statements in it.
fn foreign_form(judged: &Judged<'_>, scoped: &Scoped, ground: Ground<'_>) -> Option<String> {
    let (action, pattern) = (&judged.key.action, fitted_pattern(scoped, ground.target));
    let foreign = judged.split.is_none() && ground.catalog.action(action).is_some_and(|known| !known.takes(pattern));
    foreign.then(|| format!("no patch can be written: `{pattern}` is of no form that `{action}` is known to take"))
}

/// The resource's policy text; a Region that the calls' own records have, and AWS cannot have, was masked.
fn scope_in(item: &Item, action: &str, resource: &str) -> Result<Scoped, Unwritable> {
    let masked = |region: &str| !may_be_a_region(region) && item.regions.contains(region);
    match arn::parts(resource) {
        Some([_, _, region, ..]) if masked(region) => scope_masked(action, resource),
        _ => scope_for(action, resource),
    }
}

/// The rule for a further resource of the same call that has no name yet: EC2 checks it as `network-interface/*`.
pub(super) const MADE: &str = "made-by-the-call";

/// AWS prints the `*` of the resource that it refused; that of a further one is ours, and is told as wider than the call.
fn told(scoped: Scoped, resource: &str, refused: &str) -> Scoped {
    let open = resource != refused && scoped.widened.is_none() && has_wildcard(&scoped.pattern);
    let rule = MADE.to_owned();
    let widened = open.then(|| Widened { from: resource.to_owned(), to: scoped.pattern.clone(), rule });
    Scoped { widened: widened.or(scoped.widened), ..scoped }
}

/// Whoever owns what carries the policy decides.
fn owners_say(target: &Target) -> Option<&'static str> {
    match target.kind {
        TargetKind::VpcEndpointPolicy => None,
        TargetKind::TrustPolicy => Some("the role's owner decides who may assume it"),
        kind if is_resource_side(kind) => {
            Some("the resource's owner decides; Put-type calls replace the whole policy, so merge")
        }
        _ => None,
    }
}

fn with_document<'a>(ground: Ground<'_>, items: Vec<Judged<'a>>) -> Draft<'a> {
    let target = ground.target;
    let whole = || items.iter().filter(|judged| judged.split.is_none());
    let grants: Vec<&Grant> = whole().flat_map(|judged| &judged.grants).map(|(_, grant)| grant).collect();
    let splits: Vec<&Split> = items.iter().filter_map(|judged| judged.split.as_deref()).collect();
    let mut by_name: BTreeMap<&Named, Vec<&Grant>> = BTreeMap::new();
    for judged in whole() {
        by_name.entry(&judged.named).or_default().extend(judged.grants.iter().map(|(_, grant)| grant));
    }
    let has_resource = has_resource(target);
    let mut made: Vec<Statement> = Vec::new();
    for (named, grants) in by_name {
        made.extend(statements(grants, named, has_resource));
    }
    made.extend(Split::freed(&splits).into_iter().map(|freed| {
        let sid = super::sid(&freed);
        freed.with_sid(sid)
    }));
    let mut widened: Vec<Widened> = grants.iter().filter_map(|grant| grant.scoped.widened.clone()).collect();
    widened.extend(items.iter().flat_map(split_widening));
    widened.sort();
    widened.dedup();
    let document = Document::new(made);
    let merged = match splits.first() {
        Some(first) => split_policy(first, &splits, grants),
        None => merged_into(ground, &items, &document),
    };
    let doubts = each_once(items.iter().flat_map(|judged| judged.doubts.clone()).chain(merged.doubt));
    let companions = companions::of(ground.denied, &items, ground.held);
    let (document, merged, room) = (Some(document), merged.document, merged.room);
    Draft { document, merged, room, widened, companions, doubts, ..bare(target.clone(), items) }
}

/// The policy whose statement is split, with the other grants behind.
fn split_policy(first: &Split, splits: &[&Split], grants: Vec<&Grant>) -> room::Merged {
    let of_policy: Vec<&Split> = splits.iter().copied().filter(|split| split.policy == first.policy).collect();
    let mut merged = Split::merged(&first.policy.document, &of_policy, super::sid);
    merged.statements.extend(statements(grants, &Named::Nobody, true));
    let room = Room { into: Some((&first.policy).into()), in_place: true, inline_in_use: None };
    room::Merged { document: Some(merged), room, doubt: None }
}

/// The policy in force that the patch belongs into, with the patch in it.
fn merged_into(ground: Ground<'_>, items: &[Judged<'_>], document: &Document) -> room::Merged {
    let nothing = room::Merged { document: None, room: Room::default(), doubt: None };
    let (Some(held), Some(first)) = (ground.held, items.first()) else { return nothing };
    room::merged(held, ground.target, document, (&first.key.action, &first.key.resource))
}

/// The items' calls as statements, their resources as they were recorded and not widened.
pub(crate) fn exact(draft: &Draft<'_>) -> Document {
    let mut by_name: BTreeMap<&Named, Vec<Grant>> = BTreeMap::new();
    for judged in &draft.items {
        let whole = |grant: &Grant| match &grant.scoped.widened {
            Some(widened) => Scoped { pattern: escape_literal(&widened.from), widened: None },
            None => grant.scoped.clone(),
        };
        let grants = judged.grants.iter().map(|(_, grant)| Grant { scoped: whole(grant), ..grant.clone() });
        by_name.entry(&judged.named).or_default().extend(grants);
    }
    let has_resource = has_resource(&draft.target);
    let all = by_name.into_iter().flat_map(|(named, grants)| statements(&grants, named, has_resource));
    Document::new(all.collect())
}

/// A policy that hangs on one resource calls it `*`, as keys and secrets do.
/// See <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html> and
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_resource-policies.html>.
pub(super) fn is_all_itself(target: &Target) -> bool {
    matches!(target.kind, TargetKind::KeyPolicy | TargetKind::SecretPolicy)
}

fn fitted(scoped: Scoped, target: &Target) -> Scoped {
    if is_all_itself(target) { Scoped { pattern: "*".to_owned(), widened: None } } else { scoped }
}

/// The pattern of [`fitted`].
fn fitted_pattern<'s>(scoped: &'s Scoped, target: &Target) -> &'s str {
    if is_all_itself(target) { "*" } else { &scoped.pattern }
}

fn split_widening(judged: &Judged<'_>) -> Vec<Widened> {
    let Some(split) = &judged.split else { return Vec::new() };
    let wider = split.resources.iter().filter(|resource| **resource != judged.key.resource);
    let rule = "split-statement".to_owned();
    wider.map(|to| Widened { from: judged.key.resource.clone(), to: to.clone(), rule: rule.clone() }).collect()
}

/// Trust policies and repository policies have no `Resource`.
/// See <https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html>.
fn has_resource(target: &Target) -> bool {
    !matches!(target.kind, TargetKind::TrustPolicy | TargetKind::RepositoryPolicy)
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
