//! Denials that are one act, told as one. Worked out when findings are shown, from what each of them keeps, so that the
//! order in which events came in never shows.
//!
//! - S3 answers a bare `Access Denied` where KMS refused the same caller in the same second.
//! - An operation that hands a role over is refused once for itself and once for `iam:PassRole`.
//! - A denial is soon followed by the same call, allowed.
//!
//! The fourth kind, one act seen by two accounts, is folded where it comes in (`sharedEventID`).

use crate::catalog::{Catalog, RiskKind};
use crate::diagnosis::{Cause, Diagnosis};
use crate::finding::{Finding, Item, ItemKey, SECONDS_KEPT};
use crate::triage::probing::{Who, who};
use jiff::{SignedDuration, Timestamp};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// An item by the finding that it is in.
pub type Place<'f> = (&'f str, &'f ItemKey);

/// Findings with what links them, in the order in which they were given.
#[derive(Debug, Clone)]
pub struct Linked<'f> {
    /// Changed where a link says so.
    pub findings: Vec<Cow<'f, Finding>>,
    /// S3's items (finding, action, resource) that KMS's stand behind, and where the first of those is.
    pub behind: BTreeMap<(String, String, String), Place<'f>>,
}

/// An episode: the call is allowed so soon after it was last denied, and was not denied longer than that.
pub const SOON: SignedDuration = SignedDuration::from_mins(15);
/// Calls of one operation that lie so close are one attempt.
const ATTEMPT: SignedDuration = SignedDuration::from_hours(1);
/// Denials told of on the other side of a link.
const TOLD: usize = 3;

/// Links findings that were seen together.
pub fn link<'f>(findings: &'f [Finding], catalog: &Catalog) -> Linked<'f> {
    let mut by_caller: BTreeMap<Who<'f>, Vec<Placed<'f>>> = BTreeMap::new();
    for finding in findings {
        let counted = placed(finding).filter(|(_, item)| item.count > 0);
        by_caller.entry(who(&finding.principal)).or_default().extend(counted);
    }
    let mut changes = Changes { to: BTreeMap::new(), behind: BTreeMap::new() };
    for items in by_caller.values() {
        changes.kms_behind_s3(items);
        changes.passed_roles(items);
    }
    for (place, item) in findings.iter().flat_map(placed) {
        if let Some(after) = allowed_soon(item).filter(|_| !changes.behind.contains_key(&place)) {
            changes.soon_allowed((place, item), &after, catalog);
        }
    }
    changes.apply(findings)
}

/// An item where it is.
type Placed<'f> = (Place<'f>, &'f Item);

fn placed(finding: &Finding) -> impl Iterator<Item = Placed<'_>> {
    finding.items.iter().map(|(key, item)| ((finding.id.as_str(), key), item.as_ref()))
}

struct Changes<'f> {
    /// What becomes of an item: its cause and its diagnosis.
    to: BTreeMap<Place<'f>, (Cause, Diagnosis)>,
    behind: BTreeMap<Place<'f>, Place<'f>>,
}

impl<'f> Changes<'f> {
    fn change(&mut self, (place, item): Placed<'f>) -> &mut (Cause, Diagnosis) {
        self.to.entry(place).or_insert_with(|| (place.1.cause, item.diagnosis.clone()))
    }

    fn add_evidence(&mut self, placed: Placed<'f>, words: String) {
        let (_, diagnosis) = self.change(placed);
        if !diagnosis.evidence.contains(&words) {
            diagnosis.evidence.push(words);
        }
    }

    /// S3 tells KMS's refusal only to callers of the same account or organization.
    /// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html>.
    fn kms_behind_s3(&mut self, all: &[Placed<'f>]) {
        let kms: Vec<_> = all.iter().filter(|(place, item)| is_for_s3(place.1, item)).collect();
        let mut answered: BTreeMap<Place<'f>, (&'f Item, Vec<Place<'f>>)> = BTreeMap::new();
        for (place, item) in all.iter().filter(|(place, item)| is_bare(place.1, item)) {
            let near: Vec<_> = kms.iter().filter(|(_, other)| share_second(item, other)).collect();
            let Some((first, _)) = near.first() else { continue };
            let told = named(near.iter().map(|(place, _)| *place));
            let by: Vec<&Item> = near.iter().map(|(_, item)| *item).collect();
            match is_covered(item, &by) {
                true => self.put_behind((*place, item), *first, &told),
                false => self.add_evidence(
                    (*place, item),
                    format!("some of these calls came with a refusal of KMS in the same second: {told}"),
                ),
            }
            for (other, of_kms) in near {
                answered.entry(*other).or_insert_with(|| (of_kms, Vec::new())).1.push(*place);
            }
        }
        for (place, (item, by)) in answered {
            let told = named(by.into_iter());
            self.add_evidence(
                (place, item),
                format!("one act: S3 answered with a bare Access Denied in the same second: {told}"),
            );
        }
    }

    fn put_behind(&mut self, placed: Placed<'f>, first: Place<'f>, told: &str) {
        let (cause, diagnosis) = self.change(placed);
        *cause = Cause::KmsBehind;
        diagnosis.cause = Cause::KmsBehind;
        diagnosis.summary = format!(
            "S3 hides that KMS refused the same caller in the same second: {told}; no permission of S3 is missing by what is known"
        );
        diagnosis.evidence.push(format!("KMS refused in the same second: {told}"));
        // They were about what S3 hides.
        diagnosis.doubts.clear();
        self.behind.insert(placed.0, first);
    }

    /// `CreateFunction` wants lambda:CreateFunction and iam:PassRole; AWS names one at a time.
    /// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>.
    fn passed_roles(&mut self, all: &[Placed<'f>]) {
        let mut acts: BTreeMap<(Place<'f>, &'f str), (&'f Item, Vec<Place<'f>>)> = BTreeMap::new();
        for (passed, item) in all.iter().filter(|(place, _)| place.1.action == "iam:PassRole") {
            for (place, other) in all.iter().filter(|(place, _)| is_own_action(place.1)) {
                let shared = item.operations.iter().find(|name| other.operations.contains(*name));
                let Some(operation) = shared.filter(|_| is_one_attempt(item, other) || passes(other, passed)) else {
                    continue;
                };
                acts.entry((*place, operation)).or_insert_with(|| (other, Vec::new())).1.push(*passed);
                acts.entry((*passed, operation)).or_insert_with(|| (item, Vec::new())).1.push(*place);
            }
        }
        for ((place, operation), (item, with)) in acts {
            let told = named(with.into_iter());
            self.add_evidence((place, item), format!("one act with the denial of {told}: `{operation}` needs both"));
        }
    }

    /// What opens a road to more power is no passing matter: whoever was refused and then allowed may have taken that road.
    fn soon_allowed(&mut self, placed: Placed<'f>, after: &str, catalog: &Catalog) {
        let (place, _) = placed;
        let grave = |kind| {
            matches!(
                kind,
                RiskKind::SelfEscalation
                    | RiskKind::GuardTampering
                    | RiskKind::ResourceExposure
                    | RiskKind::CredentialAccess
                    | RiskKind::PassRole
            )
        };
        if catalog.risk(&place.1.action).is_some_and(|risk| grave(risk.kind)) || place.1.cause == Cause::KeyQuarantined
        {
            return self.add_evidence(placed, format!("the same call was allowed {after} later"));
        }
        let (cause, diagnosis) = self.change(placed);
        *cause = Cause::SoonAllowed;
        diagnosis.cause = Cause::SoonAllowed;
        diagnosis.evidence.push(format!("before: {}", diagnosis.summary));
        diagnosis.summary = format!(
            "`{}` on `{}` was refused, and the same call was allowed {after} after the last time",
            place.1.action, place.1.resource
        );
        diagnosis.doubts.clear();
    }

    fn apply(self, findings: &'f [Finding]) -> Linked<'f> {
        let mut changed: BTreeMap<&str, Vec<(&ItemKey, Cause, Diagnosis)>> = BTreeMap::new();
        for ((id, key), (cause, diagnosis)) in self.to {
            changed.entry(id).or_default().push((key, cause, diagnosis));
        }
        let one = |finding: &'f Finding| match changed.remove(finding.id.as_str()) {
            // What only copies told of stands in the ledger uncounted.
            None if finding.items.values().all(|item| item.count > 0) => Cow::Borrowed(finding),
            None => Cow::Owned(with(finding.clone(), Vec::new())),
            Some(changes) => Cow::Owned(with(finding.clone(), changes)),
        };
        let owned = |(id, key): Place<'f>| (id.to_owned(), key.action.clone(), key.resource.clone());
        let behind = self.behind.into_iter().map(|(place, first)| (owned(place), first)).collect();
        let mut linked = Vec::with_capacity(findings.len());
        linked.extend(findings.iter().filter(|finding| finding.count > 0).map(one));
        Linked { findings: linked, behind }
    }
}

fn with(mut finding: Finding, changes: Vec<(&ItemKey, Cause, Diagnosis)>) -> Finding {
    finding.items.retain(|_, item| item.count > 0);
    for (key, cause, diagnosis) in changes {
        if let Some(item) = finding.items.remove(key) {
            let item = Item { diagnosis, ..*item };
            finding.items.insert(ItemKey { cause, ..key.clone() }, item.into());
        }
    }
    finding
}

/// Whether the item's request hands over the role of the other.
fn passes(item: &Item, passed: &Place<'_>) -> bool {
    item.passes.iter().any(|(_, role)| *role == passed.1.resource)
}

/// The denials of these places in words, and how many more there are.
fn named<'p>(places: impl ExactSizeIterator<Item = Place<'p>>) -> String {
    let more = places.len().saturating_sub(TOLD);
    let told = places.take(TOLD).map(|(id, key)| format!("`{}` on `{}` ({id})", key.action, key.resource));
    let mut told = told.collect::<Vec<_>>().join(", ");
    if more > 0 {
        told.push_str(&format!(" and {more} more"));
    }
    told
}

fn is_bare(key: &ItemKey, item: &Item) -> bool {
    key.cause == Cause::BareDenial && item.facts.source.as_deref().is_some_and(|source| source.starts_with("s3."))
}

/// KMS was called by S3, as far as the records tell.
fn is_for_s3(key: &ItemKey, item: &Item) -> bool {
    key.action.starts_with("kms:") && item.vias.iter().any(|via| via.starts_with("s3.") || via == "AWS Internal")
}

/// S3's event bears the time of its answer, which may be the next second.
fn within(second: i64, of: &BTreeSet<i64>) -> bool {
    of.contains(&second) || of.contains(&(second - 1))
}

fn share_second(s3: &Item, kms: &Item) -> bool {
    let regions = s3.regions.is_empty() || kms.regions.is_empty() || !s3.regions.is_disjoint(&kms.regions);
    regions && s3.seconds.iter().any(|second| within(*second, &kms.seconds))
}

/// Whether each of S3's refusals came with one of KMS, as far as the seconds are kept.
fn is_covered(s3: &Item, kms: &[&Item]) -> bool {
    s3.seconds.iter().all(|second| {
        kms.iter().any(|item| {
            let past = item.seconds.len() == SECONDS_KEPT && item.seconds.last().is_some_and(|last| second > last);
            let goes_on = past && item.last_seen.is_some_and(|last| *second <= last.as_second() + 1);
            within(*second, &item.seconds) || goes_on
        })
    })
}

fn is_own_action(key: &ItemKey) -> bool {
    !key.action.is_empty() && key.action != "iam:PassRole"
}

fn is_one_attempt(one: &Item, two: &Item) -> bool {
    let ends = |item: &Item| item.first_seen.zip(item.last_seen);
    ends(one).zip(ends(two)).is_some_and(|((first, last), (begin, end))| {
        let gap = |earlier: Timestamp, later: Timestamp| later.duration_since(earlier) <= ATTEMPT;
        gap(last, begin) && gap(end, first)
    })
}

/// How long after the last denial the same call was allowed, where the denials were an episode.
fn allowed_soon(item: &Item) -> Option<String> {
    let (first, last) = item.first_seen.zip(item.last_seen)?;
    let next = item.allowed.iter().find(|pass| pass.at >= last)?;
    let after = next.at.duration_since(last);
    (last.duration_since(first) <= SOON && after <= SOON).then(|| format!("{} s", after.as_secs()))
}

#[cfg(test)]
#[path = "linking_tests.rs"]
mod tests;
