//! Denials of one principal that one policy would mend, folded; merging is commutative, associative, idempotent.

mod after;
mod repeated;

pub use after::{ALLOWED_KEPT, Pass, Sightings, Since, Source};
pub use repeated::Repeated;

use crate::denial::{Denial, Facts, How, Permission, Reason, Special};
use crate::diagnosis::{Cause, Diagnosed, Diagnosis, Target, TargetKind};
use crate::principal::Principal;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The folded denials of one principal and one place of the patch: what the ledger keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `D-` and base32 characters over account, principal kind, principal name and place of the patch.
    pub id: String,
    /// Who was refused (with the smallest session name as the sample).
    pub principal: Principal,
    /// The policy that would mend it, or that upholds it.
    pub target: Target,
    /// The account the denials were recorded in.
    pub account: Option<String>,
    /// Denied events, each counted once.
    pub count: u64,
    /// Denied events a day (UTC); `None` dates (pasted text) are not counted here.
    pub days: BTreeMap<Date, u64>,
    /// One entry a permission and resource scope. An item is large and most findings have one, so that it stands apart: a map
    /// has room for eleven.
    #[serde(with = "as_list")]
    pub items: BTreeMap<ItemKey, Box<Item>>,
    /// Actions that were foretold and then seen used without a refusal, and when first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub used: BTreeMap<String, Timestamp>,
}

/// What an item is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemKey {
    /// Canonical IAM action; empty when unknown.
    pub action: String,
    /// Exact resource, raw; empty when unknown.
    pub resource: String,
    /// So that two causes of one permission stay apart.
    pub cause: Cause,
}

impl ItemKey {
    /// Whether it stands for permissions that are not known, or no longer told apart.
    fn is_rest(&self) -> bool {
        self.action.is_empty() && self.resource.is_empty()
    }
}

/// One permission on one resource, and the denials of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Denied events.
    pub count: u64,
    /// Earliest and latest, where the events tell.
    pub first_seen: Option<Timestamp>,
    /// See `first_seen`.
    pub last_seen: Option<Timestamp>,
    /// At most five event ids: the earliest.
    pub events: BTreeSet<(Option<Timestamp>, String)>,
    /// How the action was found.
    pub how: How,
    /// AWS's reason (of the sample).
    pub reason: Reason,
    /// What we concluded (of the sample).
    pub diagnosis: Diagnosis,
    /// Operations that met it, `prefix:Operation`.
    pub operations: BTreeSet<String>,
    /// Regions of the calls.
    pub regions: BTreeSet<String>,
    /// The services through which it was called (`invokedBy`); an empty one stands for a direct call.
    pub vias: BTreeSet<String>,
    /// Further resources that the same calls need for the same action; at most twenty, the smallest.
    pub also: BTreeSet<String>,
    /// Roles that the requests hand to a service: (`iam:PassedToService` value or empty, role ARN); at most twenty.
    pub passes: BTreeSet<(String, String)>,
    /// What the operations need besides this action; at most twenty.
    pub next: BTreeSet<Permission>,
    /// Seconds since 1970 in which it was denied, the hundred earliest; kept only where an act may show as two denials.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub seconds: BTreeSet<i64>,
    /// The same calls allowed, where that was seen; the [`ALLOWED_KEPT`] latest. Written as their times, as every release
    /// reads them, and their ids beside.
    #[serde(flatten, with = "after::as_times")]
    pub allowed: BTreeSet<Pass>,
    /// There may be more of them than were counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more_allowed: bool,
    /// When the same call was allowed before it was last denied, where that was seen: the latest.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub before: BTreeSet<Timestamp>,
    /// Until when every call since the last denial was looked at, and where.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub looked: BTreeMap<Source, Timestamp>,
    /// Facts of the sample: smallest by event time and id.
    pub facts: Facts,
}

/// One denied event, ready for the ledger: a finding that counts one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// `eventID`, or a hash of the denial where the event has none.
    pub event_id: String,
    /// `sharedEventID`: the same act seen from another account counts once.
    pub shared_event_id: Option<String>,
    /// When it was denied; `None` for pasted text.
    pub at: Option<Timestamp>,
    /// The finding this event alone makes.
    pub finding: Finding,
}

/// JSON has no objects as keys, so the items travel as a list of pairs.
mod as_list {
    use super::{BTreeMap, Item, ItemKey};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(items: &BTreeMap<ItemKey, Box<Item>>, out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(items)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<ItemKey, Box<Item>>, D::Error> {
        Ok(Vec::<(ItemKey, Box<Item>)>::deserialize(from)?.into_iter().collect())
    }
}

/// Event ids kept a finding's item, so that its size is bounded.
const EVENTS_KEPT: usize = 5;
/// Facts of one kind kept a finding's item.
const FACTS_KEPT: usize = 20;
/// Items kept a finding; all further ones are counted together, a cause at a time.
pub const ITEMS_KEPT: usize = 200;
/// Operations, Regions and services kept an item.
const NAMES_KEPT: usize = 50;
/// Seconds kept a finding's item.
pub(crate) const SECONDS_KEPT: usize = 100;

/// Makes the finding of one denial.
pub fn observe(mut denial: Denial, diagnosed: Diagnosed) -> Observed {
    let id = id_of(&denial, &diagnosed.target);
    let event_id = denial.event_id.clone().unwrap_or_else(|| format!("text-{}", digest(&[&format!("{denial:?}")])));
    let (at, shared_event_id) = (denial.event_time, denial.shared_event_id.take());
    let (account, principal) = (denial.account.take(), std::mem::replace(&mut denial.principal, Principal::unknown()));
    let Diagnosed { diagnosis, target } = diagnosed;
    let keys = keys(&mut denial, diagnosis.cause);
    let finding = Finding {
        id,
        items: items(keys, item_of(denial, diagnosis, &event_id)),
        target,
        account,
        count: 1,
        days: at.iter().map(|at| (day(*at), 1)).collect(),
        principal,
        used: BTreeMap::new(),
    };
    Observed { event_id, shared_event_id, at, finding }
}

/// What each permission of a denial is counted under, and the seconds that are kept with it.
fn keys(denial: &mut Denial, cause: Cause) -> Vec<(ItemKey, BTreeSet<i64>)> {
    let permissions = permissions(denial);
    let key = |Permission { action, resource }: Permission| {
        let seconds = seconds(denial, action.as_deref());
        (ItemKey { action: action.unwrap_or_default(), resource: resource.unwrap_or_default(), cause }, seconds)
    };
    permissions.into_iter().map(key).collect()
}

/// The same item for each permission. Most denials have one, so the last one takes the item and no copy.
fn items(mut keys: Vec<(ItemKey, BTreeSet<i64>)>, item: Item) -> BTreeMap<ItemKey, Box<Item>> {
    let last = keys.pop();
    let copy = |(key, seconds)| (key, Box::new(Item { seconds, ..item.clone() }));
    let mut items: BTreeMap<_, _> = keys.into_iter().map(copy).collect();
    items.extend(last.map(|(key, seconds)| (key, Box::new(Item { seconds, ..item }))));
    items
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Folds observations by finding, each event once, also where two accounts saw the same one.
///
/// The findings come in the order of their ids. Of several copies the earliest counts, whatever their order.
pub fn fold(observed: impl IntoIterator<Item = Observed>) -> Vec<Finding> {
    let mut observed: Vec<Observed> = observed.into_iter().collect();
    observed.sort_by(|a, b| (a.at, &a.event_id).cmp(&(b.at, &b.event_id)));
    let mut seen = BTreeSet::new();
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    for one in observed {
        let own = seen.insert(one.event_id.clone());
        let shared = one.shared_event_id.clone().is_none_or(|id| seen.insert(id));
        let Some(finding) = one.adds(Fresh { own, shared }) else { continue };
        match findings.get_mut(&finding.id) {
            Some(held) => held.merge(finding),
            None => drop(findings.insert(finding.id.clone(), finding)),
        }
    }
    findings.into_values().collect()
}

impl Observed {
    /// Whether it only tells what was seen beside the denials ([`Finding::sighted`]): it counts nothing, and adding it
    /// again changes nothing, so that nobody has to note that it was added.
    pub fn is_sighting(&self) -> bool {
        self.finding.count == 0
    }

    /// What it adds to its finding; `None`: nothing, since the very event was there.
    pub fn adds(self, fresh: Fresh) -> Option<Finding> {
        match fresh {
            Fresh { own: true, shared: true } => Some(self.finding),
            // The other account's copy: whichever comes first counts, and both are seen.
            Fresh { own: true, shared: false } => Some(self.finding.uncounted()),
            Fresh { own: false, .. } => None,
        }
    }
}

/// Whether an event's ids were new when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh {
    /// `eventID`.
    pub own: bool,
    /// `sharedEventID`; true where it has none.
    pub shared: bool,
}

impl Fresh {
    /// Whether the event counts.
    pub fn counts(self) -> bool {
        self.own && self.shared
    }
}

/// What was needed; an unknown permission is one item too, so that no denial is lost.
fn permissions(denial: &mut Denial) -> Vec<Permission> {
    match denial.permissions.is_empty() {
        true => vec![Permission { action: None, resource: None }],
        false => std::mem::take(&mut denial.permissions),
    }
}

fn item_of(denial: Denial, diagnosis: Diagnosis, event_id: &str) -> Item {
    Item {
        count: 1,
        first_seen: denial.event_time,
        last_seen: denial.event_time,
        events: BTreeSet::from([(denial.event_time, event_id.to_owned())]),
        how: denial.how,
        reason: denial.reason,
        diagnosis,
        operations: denial.operation.into_iter().collect(),
        regions: denial.region.into_iter().collect(),
        vias: BTreeSet::from([denial.facts.via.clone().unwrap_or_default()]),
        also: denial.facts.also.iter().cloned().collect(),
        passes: denial.facts.passes.iter().cloned().collect(),
        next: denial.facts.next.iter().cloned().collect(),
        seconds: BTreeSet::new(),
        allowed: BTreeSet::new(),
        more_allowed: false,
        before: BTreeSet::new(),
        looked: BTreeMap::new(),
        facts: denial.facts,
    }
}

/// S3 may hide KMS's refusal behind one of its own; [`crate::linking`] finds the two by their second.
fn seconds(denial: &Denial, action: Option<&str>) -> BTreeSet<i64> {
    let bare = denial.reason.special == Some(Special::Bare);
    let of_s3 = denial.facts.source.as_deref().is_some_and(|source| source.starts_with("s3."));
    let of_kms = action.is_some_and(|action| action.starts_with("kms:"));
    denial.event_time.iter().filter(|_| of_kms || (bare && of_s3)).map(|at| at.as_second()).collect()
}

/// Account, principal kind and name, and the place of the patch. Not a principal's or role's ARN, whose path a message
/// hides; of other resources the ARN, since the same name stands in every Region.
fn id_of(denial: &Denial, target: &Target) -> String {
    let principal = &denial.principal;
    let kind = format!("{:?}", principal.kind);
    let place = format!("{:?}", target.kind);
    let account = principal.account.as_deref().or(denial.account.as_deref()).unwrap_or_default();
    let name = principal.name.as_deref().or(principal.arn.as_deref()).unwrap_or_default();
    let (first, second) = match is_told_by_arn(target.kind) {
        true => (&target.arn, &target.name),
        false => (&target.name, &target.arn),
    };
    let whose = first.as_deref().or(second.as_deref()).unwrap_or_default();
    let place_account = target.account.as_deref().unwrap_or_default();
    format!("D-{}", digest(&[account, &kind, name, &place, place_account, whose]))
}

fn is_told_by_arn(kind: TargetKind) -> bool {
    match kind {
        TargetKind::KeyPolicy
        | TargetKind::QueuePolicy
        | TargetKind::TopicPolicy
        | TargetKind::FunctionPolicy
        | TargetKind::SecretPolicy
        | TargetKind::RepositoryPolicy
        | TargetKind::ResourcePolicy => true,
        TargetKind::RolePolicy
        | TargetKind::UserPolicy
        | TargetKind::PermissionSet
        | TargetKind::ManagedPolicy
        | TargetKind::GroupPolicy
        | TargetKind::TrustPolicy
        | TargetKind::PermissionsBoundary
        | TargetKind::SessionPolicy
        | TargetKind::BucketPolicy
        | TargetKind::VpcEndpointPolicy
        | TargetKind::Scp
        | TargetKind::Rcp => false,
    }
}

/// Ten base32 characters of SHA-256 over the parts, each with its length so that no two lists run together.
pub(crate) fn digest(parts: &[&str]) -> String {
    const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let head = hash.finalize().iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    (0..10).map(|at| char::from(BASE32[(head >> (59 - 5 * at) & 31) as usize])).collect()
}

impl Finding {
    /// Adds another part of the same finding; the events of the two must be different ones.
    ///
    /// Commutative and associative, so that scans can fan out and merge in any order.
    pub fn merge(&mut self, other: Finding) {
        self.principal = merge_principal(&self.principal, &other.principal);
        self.target.arn = longer(self.target.arn.take(), other.target.arn);
        self.account = [self.account.take(), other.account].into_iter().flatten().min();
        self.count += other.count;
        for (day, count) in other.days {
            *self.days.entry(day).or_default() += count;
        }
        for (key, item) in other.items {
            self.add(key, item);
        }
        after::merge_used(&mut self.used, other.used);
        self.keep_items(ITEMS_KEPT);
    }

    fn add(&mut self, key: ItemKey, item: Box<Item>) {
        match self.items.get_mut(&key) {
            Some(mine) => mine.merge(*item),
            None => drop(self.items.insert(key, item)),
        }
    }

    /// Keeps the smallest items, `most` of them, and one more a cause in which all others are counted without their
    /// permission. What is once among the others stays there, since no item ever goes: so the order of merging does not
    /// show.
    pub(crate) fn keep_items(&mut self, most: usize) {
        let surplus: Vec<ItemKey> = self.items.keys().filter(|key| !key.is_rest()).skip(most).cloned().collect();
        for key in surplus {
            if let Some(mut item) = self.items.remove(&key) {
                item.forget_after();
                self.add(ItemKey { action: String::new(), resource: String::new(), cause: key.cause }, item);
            }
        }
    }

    /// Cuts what one event has too much of, as merging with another one does.
    fn trim(&mut self) {
        self.items.values_mut().for_each(|item| item.trim());
        self.keep_items(ITEMS_KEPT);
    }

    /// The same with nothing counted: what a copy of an event adds (its id, its account's view). Merging it any number of
    /// times is the same as once.
    #[must_use]
    pub fn uncounted(mut self) -> Self {
        self.count = 0;
        self.days.clear();
        self.items.values_mut().for_each(|item| item.count = 0);
        self
    }

    /// Earliest and latest denial; `None` when no event tells its time.
    pub fn seen(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let first = self.items.values().filter_map(|item| item.first_seen).min();
        (first, self.items.values().filter_map(|item| item.last_seen).max())
    }
}

/// Of two ARNs of one policy the one with the path, which is the longer.
fn longer(one: Option<String>, two: Option<String>) -> Option<String> {
    [one, two].into_iter().flatten().max_by(|a, b| (a.len(), a).cmp(&(b.len(), b)))
}

/// The known path wins over the guessed ARN; among sessions the smallest stays as the sample.
fn merge_principal(one: &Principal, two: &Principal) -> Principal {
    let rank = |principal: &Principal| !principal.path_known;
    let mut best = if (rank(one), one) <= (rank(two), two) { one.clone() } else { two.clone() };
    best.session = [&one.session, &two.session].into_iter().flatten().min().cloned();
    best
}

/// The smallest of both, so that neither the order of merging shows nor the size grows.
fn unite<T: Ord>(mine: &mut BTreeSet<T>, other: BTreeSet<T>, most: usize) {
    mine.extend(other);
    while mine.len() > most {
        mine.pop_last();
    }
}

impl Item {
    fn merge(&mut self, mut other: Item) {
        let sample_is_other = other.sample_rank() < self.sample_rank();
        self.merge_after(&mut other);
        self.count += other.count;
        self.first_seen = [self.first_seen, other.first_seen].into_iter().flatten().min();
        self.last_seen = self.last_seen.max(other.last_seen);
        self.events.extend(other.events);
        while self.events.len() > EVENTS_KEPT {
            self.events.pop_last();
        }
        unite(&mut self.operations, other.operations, NAMES_KEPT);
        unite(&mut self.regions, other.regions, NAMES_KEPT);
        unite(&mut self.vias, other.vias, NAMES_KEPT);
        unite(&mut self.also, other.also, FACTS_KEPT);
        unite(&mut self.passes, other.passes, FACTS_KEPT);
        unite(&mut self.next, other.next, FACTS_KEPT);
        unite(&mut self.seconds, other.seconds, SECONDS_KEPT);
        if sample_is_other {
            (self.how, self.reason, self.diagnosis, self.facts) =
                (other.how, other.reason, other.diagnosis, other.facts);
        }
    }

    /// Which of two items gives the sample; the facts break ties, so that the order of merging never shows.
    fn sample_rank(&self) -> impl Ord {
        (self.events.first(), self.how, &self.reason, &self.diagnosis, &self.facts)
    }

    /// See [`Finding::trim`].
    fn trim(&mut self) {
        let Self { operations, regions, vias, also, passes, next, seconds, .. } = self;
        [operations, regions, vias].into_iter().for_each(|names| unite(names, BTreeSet::new(), NAMES_KEPT));
        unite(also, BTreeSet::new(), FACTS_KEPT);
        unite(passes, BTreeSet::new(), FACTS_KEPT);
        unite(next, BTreeSet::new(), FACTS_KEPT);
        unite(seconds, BTreeSet::new(), SECONDS_KEPT);
    }
}

#[cfg(test)]
mod tests;
