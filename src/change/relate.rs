//! Finding and changes → the last change before it and the first after it, among those that could have made or ended it.

use super::Change;
use super::read::{ORGANIZATION, PERMISSION_SETS, endpoint, iam_target, policy_target, resource_target};
use super::table::{Effect, Layer, kind};
use crate::arn;
use crate::denial::{PolicyType, ReasonKind};
use crate::diagnosis::Held;
use crate::finding::{Finding, Item, ItemKey};
use crate::policy::{ContextValue, Document, Effect as Verb, Request, Statement, Version, fit};
use crate::principal::{Principal, PrincipalKind};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// A change that came longer before the first denial, or after the last, is not told.
pub const BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// IAM is eventually consistent: a denial may still come so long after the change that ended it.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>.
const SETTLES: SignedDuration = SignedDuration::from_secs(60);

/// Changes that are known, by time.
pub type Changes = BTreeSet<Change>;

/// What a change's own document says of the denied call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shows {
    /// No Allow of it covers the action on the resource.
    AllowsNot,
    /// An Allow without conditions covers it.
    Allows,
    /// A Deny covers it.
    Denies,
}

/// A change as a finding names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// When.
    pub at: Timestamp,
    /// `eventID`.
    pub event_id: String,
    /// `prefix:EventName`, such as `iam:PutRolePolicy`.
    pub change: String,
    /// What was changed. Untrusted.
    pub what: String,
    /// The policy by name or ARN. Untrusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Who changed it; the session's name is untrusted.
    pub by: Principal,
    /// The service that did it for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// What its document says of the denied call; `None` where it shows nothing for sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shows: Option<Shows>,
}

/// The changes around a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// The change that could have made it: the last before the first denial, or where the same call succeeded between the
    /// denials, the first since it last did. Of several permissions that of which it is known that it was allowed before,
    /// then the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Changed>,
    /// The first change after the last denial that could have ended it; only where it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Changed>,
}

impl Story {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }
}

/// The words under which changes are kept that may bear on a finding: its principal, its resources, and the policies that are
/// attached, as far as those in force (`held`) or the changes in `known` tell.
pub fn targets(finding: &Finding, held: Option<&Held>, known: &Changes) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = own(&finding.principal).into_iter().collect();
    if finding.principal.kind == PrincipalKind::PermissionSet {
        all.insert(PERMISSION_SETS.to_owned());
    }
    all.extend(finding.target.arn.as_deref().filter(|arn| arn.contains(":policy/")).map(policy_target));
    for (key, item) in &finding.items {
        all.extend(
            std::iter::once(&key.resource)
                .chain(&item.also)
                .filter(|arn| arn.starts_with("arn:"))
                .map(|arn| of_resource(arn)),
        );
        all.extend(item.reason.policy_arn.as_deref().map(policy_target));
        all.extend(item.facts.vpc_endpoint_id.as_deref().map(endpoint));
        if matches!(item.reason.policy_type, Some(PolicyType::Scp | PolicyType::Rcp)) {
            all.insert(ORGANIZATION.to_owned());
        }
    }
    let held = held.into_iter().flat_map(|held| held.identity.iter().chain(&held.boundary));
    all.extend(held.filter_map(|one| one.arn.as_deref()).filter(|arn| arn.contains(":policy/")).map(policy_target));
    let mine: Vec<&Change> = known.iter().filter(|change| !change.targets.is_disjoint(&all)).collect();
    let groups: Vec<String> =
        mine.iter().flat_map(|change| &change.targets).filter(|one| one.contains(":group/")).cloned().collect();
    all.extend(
        mine.iter()
            .filter_map(|change| change.policy.as_deref())
            .filter(|name| name.starts_with("arn:"))
            .map(policy_target),
    );
    all.extend(groups);
    all
}

/// Known to whoever keeps changes: those that may bear on a finding.
pub fn related<'c>(
    finding: &Finding,
    held: Option<&Held>,
    known: &'c Changes,
) -> impl Iterator<Item = &'c Change> + use<'c> {
    let targets = targets(finding, held, known);
    known.iter().filter(move |change| !change.targets.is_disjoint(&targets))
}

fn own(principal: &Principal) -> Option<String> {
    let account = principal.account.as_deref()?;
    let name = || principal.arn.as_deref().and_then(|arn| arn.rsplit('/').next()).or(principal.name.as_deref());
    match principal.kind {
        PrincipalKind::Role | PrincipalKind::PermissionSet | PrincipalKind::ServiceLinkedRole => {
            Some(iam_target(account, "role", name()?))
        }
        PrincipalKind::User => Some(iam_target(account, "user", principal.name.as_deref()?)),
        _ => None,
    }
}

/// A role is a resource too: that of its trust policy.
fn of_resource(arn: &str) -> String {
    let role = match arn::parts(arn) {
        Some([_, "iam", _, account, resource]) => resource.strip_prefix("role/").map(|name| (account, name)),
        _ => None,
    };
    role.map_or_else(|| resource_target(arn), |(account, name)| iam_target(account, "role", name))
}

/// The changes around a finding, among those that are known. `over`: by when it had ended (the first allowed call, or how
/// far somebody looked in vain); `None` where it is not over.
pub fn story(finding: &Finding, held: Option<&Held>, known: &Changes, over: Option<Timestamp>) -> Story {
    let (false, (Some(first), Some(last))) = (known.is_empty(), finding.seen()) else { return Story::default() };
    let mine: Vec<&Change> = related(finding, held, known).collect();
    if mine.is_empty() {
        return Story::default();
    }
    let ends = |item: &Item| item.last_seen == Some(last);
    let within = |from: Timestamp, to: Timestamp| {
        let inside = move |change: &&&Change| change.at >= from && change.at <= to;
        mine.iter().filter(inside).copied().collect::<Vec<&Change>>()
    };
    let causes = finding.items.values().filter_map(|item| cause(finding, item, &mine));
    let before = causes.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, changed)| changed);
    let after = over.and_then(|over| {
        let from = minus(last, SETTLES).max(first);
        within(from, over.min(plus(last, BEFORE))).into_iter().find_map(|change| told(finding, change, ends, Turn::End))
    });
    Story { before, after }
}

/// The change that could have made an item's denials. Before it are whether the call is known to have been allowed until
/// then, and the change's place among all.
///
/// A change is none after which the call succeeded; so those since it last did are left. The last of them before the first
/// denial is told: where that came later is known by its day alone, and behind that the first.
fn cause(finding: &Finding, item: &Item, mine: &[&Change]) -> Option<((bool, usize), Changed)> {
    let (first, last, worked) = (item.first_seen?, item.last_seen?, item.allowed_before());
    let from = worked.map(|at| minus(at, SETTLES)).max(Some(minus(first, BEFORE)))?;
    let (surely, until) = match worked.filter(|at| *at >= first) {
        None => (first, first),
        Some(at) => (denied_again(finding, at), last),
    };
    let bears = |change: &Change| told(finding, change, |one| std::ptr::eq(one, item), Turn::Cause);
    let since = mine.iter().copied().enumerate().filter(|(_, change)| change.at >= from && change.at <= until);
    let since: Vec<(usize, &Change)> = since.collect();
    let (before, behind) = since.split_at(since.partition_point(|(_, change)| change.at <= surely));
    let all = before.iter().rev().chain(behind);
    all.copied().find_map(|(place, change)| Some(((worked.is_some(), place), bears(change)?)))
}

/// A time before which the caller was not denied again, once a call succeeded: the begin of the day on which it was, or then.
fn denied_again(finding: &Finding, worked: Timestamp) -> Timestamp {
    let day = worked.to_zoned(TimeZone::UTC).date();
    let next = finding.days.range((Bound::Excluded(day), Bound::Unbounded)).next();
    let same_day = finding.days.contains_key(&day);
    let begin = next.filter(|_| !same_day).and_then(|(day, _)| day.to_zoned(TimeZone::UTC).ok());
    begin.map_or(worked, |begin| begin.timestamp())
}

fn minus(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

fn plus(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Cause,
    End,
}

/// The change as the finding tells it; `None` where it cannot have made, or ended, any of these items.
fn told(finding: &Finding, change: &Change, pick: impl Fn(&Item) -> bool, turn: Turn) -> Option<Changed> {
    let kind = kind(&change.source, &change.name)?;
    let mut shows = None;
    let mut bears = false;
    for (key, item) in finding.items.iter().filter(|(_, item)| pick(item)) {
        let says = shown(change, kind.layer, finding, key, item);
        if touches_layer(kind.layer, change, finding, item)
            && can(kind.effect, kind.layer, item, turn)
            && !refutes(says, item, turn)
        {
            bears = true;
            shows = shows.or(says);
        }
    }
    let service = change.source.strip_suffix(".amazonaws.com").unwrap_or(&change.source);
    bears.then(|| Changed {
        at: change.at,
        event_id: change.event_id.clone(),
        change: format!("{service}:{}", change.name),
        what: change.what.clone(),
        policy: change.policy.clone(),
        by: change.by.clone(),
        via: change.via.clone(),
        shows,
    })
}

/// Whether a change of this layer can bear on a denial that AWS says comes from a certain one.
fn touches_layer(layer: Layer, change: &Change, finding: &Finding, item: &Item) -> bool {
    // Where an Allow is missing in the caller's own policies, one at the resource may have stood for it.
    let own_account = change.account.is_none() || finding.account.is_none() || change.account == finding.account;
    match item.reason.policy_type {
        Some(PolicyType::Scp | PolicyType::Rcp) => layer == Layer::Organization && is_above(change, finding, item),
        Some(PolicyType::Boundary) => matches!(layer, Layer::Boundary | Layer::Identity),
        Some(PolicyType::VpcEndpoint) => layer == Layer::Endpoint,
        Some(PolicyType::Trust) => matches!(layer, Layer::Trust | Layer::Resource),
        Some(PolicyType::Resource) => matches!(layer, Layer::Resource | Layer::Trust),
        Some(PolicyType::Session) => layer == Layer::Identity,
        Some(PolicyType::Identity) => match item.reason.kind {
            ReasonKind::Explicit => matches!(layer, Layer::Identity | Layer::PermissionSet),
            _ => matches!(layer, Layer::Identity | Layer::PermissionSet) || layer == Layer::Resource && own_account,
        },
        None => layer != Layer::Organization,
    }
}

/// Whether a change in the organization is of the policy that AWS names, or of no other account.
fn is_above(change: &Change, finding: &Finding, item: &Item) -> bool {
    let named =
        item.reason.policy_arn.as_deref().and_then(|arn| arn.rsplit('/').next()).filter(|id| id.starts_with("p-"));
    let same_policy = change.policy.as_deref().zip(named).is_none_or(|(one, other)| one == other);
    let is_account = |id: &str| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    let account = finding.principal.account.as_deref().or(finding.account.as_deref());
    let ids = change.targets.iter().filter_map(|target| target.strip_prefix("organization:"));
    same_policy && ids.filter(|id| is_account(id)).all(|id| account.is_none_or(|account| account == id))
}

/// An Allow goes missing when statements go, and comes back when some come; a Deny the other way round.
fn can(effect: Effect, layer: Layer, item: &Item, turn: Turn) -> bool {
    // A boundary bounds: taking it away frees. What hangs where in an organization may do either.
    if matches!(layer, Layer::Organization | Layer::Endpoint) {
        return true;
    }
    let effect = match (layer, effect) {
        (Layer::Boundary, Effect::Removes) => return turn == Turn::End,
        (_, effect) => effect,
    };
    match (item.reason.kind, turn) {
        (ReasonKind::Implicit, Turn::Cause) | (ReasonKind::Explicit, Turn::End) => effect != Effect::Adds,
        (ReasonKind::Implicit, Turn::End) | (ReasonKind::Explicit, Turn::Cause) => effect != Effect::Removes,
        _ => true,
    }
}

/// Whether the change's own document shows that it was another's doing.
fn refutes(says: Option<Shows>, item: &Item, turn: Turn) -> bool {
    let kind = item.reason.kind;
    match says {
        Some(Shows::Allows) => turn == Turn::Cause,
        Some(Shows::Denies) => turn == Turn::End,
        Some(Shows::AllowsNot) => {
            (kind, turn) == (ReasonKind::Explicit, Turn::Cause) || (kind, turn) == (ReasonKind::Implicit, Turn::End)
        }
        None => false,
    }
}

/// What a document of the caller's own policies says of the denied call. A resource's says too little without its
/// principals, and the whole of a trust policy is about them.
fn shown(change: &Change, layer: Layer, finding: &Finding, key: &ItemKey, item: &Item) -> Option<Shows> {
    if layer != Layer::Identity || key.action.is_empty() || key.resource.is_empty() {
        return None;
    }
    let text = change.document.as_deref()?;
    let document: Document = serde_json::from_str(&decoded(text)).ok()?;
    let context: BTreeMap<String, ContextValue> =
        item.facts.context.iter().map(|(key, values)| (key.clone(), ContextValue::Many(values.clone()))).collect();
    let request = Request {
        principal: finding.principal.arn.clone().unwrap_or_default(),
        action: key.action.clone(),
        resource: key.resource.clone(),
        resource_account: None,
        context,
    };
    let has_variables = document.version == Some(Version::V2012);
    let covering: Vec<&Statement> = document
        .statements
        .iter()
        .filter(|statement| {
            let fits = fit(statement, &request, has_variables);
            fits.action && fits.resource
        })
        .collect();
    let free = |statement: &&&Statement| statement.conditions.is_empty();
    let of = |effect| covering.iter().filter(move |statement| statement.effect == effect);
    let (denies, allows) = (of(Verb::Deny).count(), of(Verb::Allow).count());
    match (denies, of(Verb::Deny).any(|one| free(&one)), allows, of(Verb::Allow).any(|one| free(&one))) {
        (_, true, _, _) => Some(Shows::Denies),
        (0, _, 0, _) => Some(Shows::AllowsNot),
        (0, _, _, true) => Some(Shows::Allows),
        _ => None,
    }
}

/// IAM's own answers are percent-encoded; requests mostly are not.
fn decoded(text: &str) -> String {
    if !text.trim_start().starts_with('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[path = "relate_tests.rs"]
mod tests;
