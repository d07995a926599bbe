//! What is open, by which queries Event history shows it, and since when it is to be looked at.

use super::{KEPT, Key, Place};
use crate::advice::{Advice, DeniedItem, Status};
use crate::app::World;
use crate::finding::{Finding, Item, ItemKey, Source};
use crate::foretold::{Foretold, Outcome};
use crate::io::sources::history::Attribute;
use crate::principal::PrincipalKind;
use crate::verify::observed::{Watcher, is_data_event};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What is open, and what is known of it.
pub(super) struct Open<'f> {
    pub(super) findings: &'f [Finding],
    foretold: BTreeMap<&'f str, Vec<Foretold>>,
    /// Items that are to be looked for.
    pub(super) items: BTreeSet<Place<'f>>,
}

impl<'f> Open<'f> {
    /// What is resolved, muted or passing is not looked for; nor is what was denied before Event history begins.
    pub(super) fn of(findings: &'f [Finding], advice: &'f [Advice], now: Timestamp) -> Self {
        let told: BTreeMap<&str, &Advice> = advice.iter().map(|one| (one.id.as_str(), one)).collect();
        let mut open = Self { findings, foretold: BTreeMap::new(), items: BTreeSet::new() };
        for (at, finding) in findings.iter().enumerate() {
            let Some(advice) = told.get(finding.id.as_str()) else { continue };
            let recent = |item: &Item| item.last_seen.is_some_and(|last| now.duration_since(last) < KEPT);
            let muted = |key: &ItemKey| {
                let same = |item: &&DeniedItem| {
                    item.action.as_deref().unwrap_or_default() == key.action
                        && item.resource.as_deref().unwrap_or_default() == key.resource
                };
                advice.denied.iter().filter(same).any(|item| item.status == Status::Muted)
            };
            let wanted = finding
                .items
                .iter()
                .filter(|(key, item)| item.count > 0 && recent(item) && item.allowed_since().is_none() && !muted(key));
            open.items.extend(wanted.map(|(key, _)| (at, key)));
            let awaited: Vec<Foretold> =
                advice.foretold.iter().filter(|one| one.outcome == Outcome::Open).cloned().collect();
            if !awaited.is_empty() && finding.items.values().any(|item| recent(item)) {
                open.foretold.insert(&finding.id, awaited);
            }
        }
        open
    }

    pub(super) fn item(&self, place: Place<'f>) -> Option<&'f Item> {
        self.findings.get(place.0)?.items.get(place.1).map(AsRef::as_ref)
    }

    /// Findings with something to look for.
    pub(super) fn wanted(&self) -> BTreeSet<usize> {
        let foretelling =
            self.findings.iter().enumerate().filter(|(_, one)| self.foretold.contains_key(one.id.as_str()));
        self.items.iter().map(|(at, _)| *at).chain(foretelling.map(|(at, _)| at)).collect()
    }

    pub(super) fn watchers(&self, world: &World, history: bool) -> BTreeMap<usize, Watcher<'f>> {
        let watcher = |at: usize| {
            let finding = self.findings.get(at)?;
            let foretold = self.foretold.get(finding.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            Some((at, Watcher::new(finding, world.catalog, history).given(world.given()).awaiting(foretold)))
        };
        self.wanted().into_iter().filter_map(watcher).collect()
    }

    /// Since when an item's calls are to be looked at.
    pub(super) fn since(&self, place: Place<'f>, source: Source) -> Option<Timestamp> {
        let item = self.item(place)?;
        item.last_seen.max(item.looked.get(&source).copied())
    }

    /// The queries that show an item's calls; none where Event history cannot hold them.
    pub(super) fn queries(&self, place: Place<'f>, account: &str) -> Vec<Key> {
        let (Some(finding), Some(item)) = (self.findings.get(place.0), self.item(place)) else { return Vec::new() };
        let is_data = |(service, name): (&str, &str)| is_data_event(service, name);
        let operations: Vec<(&str, &str)> = item.operations.iter().filter_map(|one| one.split_once(':')).collect();
        if finding.account.as_deref() != Some(account) || operations.iter().copied().any(is_data) {
            return Vec::new();
        }
        let attributes: Vec<Attribute> = match (finding.principal.kind, &finding.principal.name) {
            (PrincipalKind::User, Some(name)) if !operations.is_empty() => vec![Attribute::Username(name.clone())],
            _ => operations.iter().map(|(_, name)| Attribute::EventName((*name).to_owned())).collect(),
        };
        let pairs =
            item.regions.iter().flat_map(|region| attributes.iter().map(move |one| (region.clone(), one.clone())));
        pairs.collect()
    }

    /// The queries that show uses of what a finding foretold, where its actions bear the names of operations.
    pub(super) fn foretelling(&self, at: usize, account: &str) -> Vec<Key> {
        let Some(finding) = self.findings.get(at).filter(|one| one.account.as_deref() == Some(account)) else {
            return Vec::new();
        };
        let regions: BTreeSet<&String> = finding.items.values().flat_map(|item| &item.regions).collect();
        let awaited = self.foretold.get(finding.id.as_str()).into_iter().flatten();
        let names = awaited
            .filter_map(|one| one.action.split_once(':'))
            .filter(|(service, name)| !is_data_event(service, name));
        let names: BTreeSet<&str> = names.map(|(_, name)| name).collect();
        let key = |region: &&String, name: &str| ((*region).clone(), Attribute::EventName(name.to_owned()));
        regions.iter().flat_map(|region| names.iter().map(move |name| key(region, name))).collect()
    }
}
