//! A second look at an archive, around what was found: whether the same calls were allowed, before and after, and who
//! changed a policy. Only files and records that can tell are read; what comes of it is what reading all of them gives.
//!
//! What is sought is small and bounded by the findings, what was seen by them too; neither grows with the archive.

mod names;
mod scope;
mod seek;
mod slots;
mod tally;

pub use seek::Seeker;
pub use tally::Seen;

use super::operations::Operations;
use super::reach::needed;
use crate::catalog::Catalog;
use crate::change::{BEFORE, KINDS};
use crate::finding::{Finding, Item, ItemKey};
use crate::foretold::{Foretold, foretell};
use crate::triage::probing::{Caller, caller};
use jiff::Timestamp;
use memchr::memmem;
use names::Names;
use scope::Scope;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::Relaxed};
use tally::Calls;

/// What is looked for.
///
/// [`super::scan()`] does all of this; by itself it serves whoever reads an archive in another way.
///
/// ```
/// # const USER: &str = r#""eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ana","userName":"ana"},"recipientAccountId":"111122223333","awsRegion":"us-east-1""#;
/// # let denied = format!(r#"{{{USER},"eventID":"1","eventTime":"2026-11-10T10:00:00Z","eventSource":"sqs.amazonaws.com","eventName":"ListQueues","errorCode":"AccessDenied"}}"#);
/// # let change = format!(r#"{{{USER},"eventID":"2","eventTime":"2026-11-10T09:00:00Z","eventSource":"iam.amazonaws.com","eventName":"DetachUserPolicy","requestParameters":{{"userName":"ana","policyArn":"arn:aws:iam::111122223333:policy/p"}}}}"#);
/// # let other = format!(r#"{{{USER},"eventID":"3","eventTime":"2026-11-10T09:00:00Z","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances"}}"#);
/// # let log = format!(r#"{{"Records":[{change},{denied},{other}]}}"#);
/// use denywatch::app::{World, around::{Around, Seeker}, scan::{Options, Scan}};
/// use denywatch::{catalog::Catalog, diagnosis::InForce};
/// use denywatch::io::stores::{Filter, Ledger, MemoryLedger};
/// // The first look finds the denials,
/// let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
/// let mut scan = Scan::begin(&mut ledger, &world, Options { one_look: true, ..Options::default() }, "my logs");
/// scan.read(denied.as_bytes(), "log.json");
/// scan.finish()?;
/// // the second what happened around them.
/// let mut around = Around::new();
/// for finding in ledger.findings(&Filter::default())? {
///     around.add(&finding, true, Catalog::embedded());
/// }
/// assert!(around.wants("111122223333_CloudTrail_us-east-1_20261110T0915Z_a.json.gz", true));
/// assert!(!around.wants("111122223333_CloudTrail_us-east-1_20240101T0915Z_a.json.gz", true), "too old to tell of it");
/// let seen = Seeker::new(&around, Catalog::embedded()).seek("log.json", log.as_bytes());
/// assert_eq!(seen.changes[0].event_id, "2");
/// # Ok::<(), denywatch::io::stores::LedgerError>(())
/// ```
#[derive(Debug, Default)]
pub struct Around {
    /// Operations without their service: of changes, and of calls that were denied or foretold.
    names: Names,
    operations: Operations,
    callers: BTreeMap<Caller, u32>,
    /// By caller and operation.
    sought: BTreeMap<(u32, u32), Sought>,
    items: Vec<Target>,
    foretold: Vec<Expected>,
    /// Of each finding its items and what it foretold.
    numbers: BTreeMap<String, (Range<u32>, Range<u32>)>,
    /// Services of which it matters whether the log holds events, or data events, and whether such were met.
    services: BTreeMap<(String, bool), AtomicBool>,
    /// How many of them were not.
    lacking: AtomicUsize,
    /// Where what was read now can tell.
    of_all: Scope,
    /// Where anything can tell of what was denied now.
    of_touched: Scope,
}

/// Of one caller's one operation.
#[derive(Debug, Default)]
struct Sought {
    items: Vec<u32>,
    foretold: Vec<u32>,
}

/// One item of a finding.
#[derive(Debug)]
struct Target {
    key: ItemKey,
    first: Option<Timestamp>,
    regions: Box<[String]>,
    /// IAM prefixes of the operations that met it.
    prefixes: Box<[String]>,
    /// Texts one of which any request names that is for it; none where that is not known.
    texts: Box<[String]>,
    /// Allowed calls before its first denial matter only after this second, those since from this one on.
    before: AtomicI64,
    since: AtomicI64,
}

/// One foretold permission.
#[derive(Debug)]
struct Expected {
    what: Foretold,
    /// Uses matter only before this second.
    used: AtomicI64,
}

impl Around {
    /// Around nothing yet but changes of policies.
    pub fn new() -> Self {
        let mut around = Self::default();
        for kind in KINDS {
            around.name(kind.name);
        }
        around
    }

    fn name(&mut self, operation: &str) -> u32 {
        self.operations.add(operation.as_bytes());
        self.names.add(operation)
    }

    /// All operations that it looks for.
    pub(super) fn operations(&self) -> Operations {
        self.operations
    }

    /// Widens it by a finding. `is_touched`: it was denied now, so that logs which were read before tell of it, too. Of
    /// foretold permissions those calls are looked for that bear the action's name.
    pub fn add(&mut self, finding: &Finding, is_touched: bool, catalog: &Catalog) {
        self.of_all.add(finding);
        if is_touched {
            self.of_touched.add(finding);
        }
        let who = caller(&finding.principal);
        let next = number(self.callers.len());
        let who = *self.callers.entry(who).or_insert(next);
        let (first_item, first_foretold) = (number(self.items.len()), number(self.foretold.len()));
        for (key, item) in &finding.items {
            self.add_item(who, key, item, catalog);
        }
        for what in foretell(finding, catalog) {
            let name = what.action.split_once(':').map(|(_, name)| name).filter(|name| !name.contains(['*', '?']));
            if let Some(operation) = name.filter(|_| what.since.is_some()) {
                let operation = self.name(operation);
                let foretold = number(self.foretold.len());
                self.sought.entry((who, operation)).or_default().foretold.push(foretold);
                self.foretold.push(Expected { what, used: AtomicI64::new(i64::MAX) });
            }
        }
        let numbers = (first_item..number(self.items.len()), first_foretold..number(self.foretold.len()));
        self.numbers.insert(finding.id.clone(), numbers);
    }

    fn add_item(&mut self, who: u32, key: &ItemKey, item: &Item, catalog: &Catalog) {
        for (service, is_data) in item.operations.iter().filter_map(|operation| needed(operation)) {
            self.services.entry((service.to_owned(), is_data)).or_insert_with(|| {
                *self.lacking.get_mut() += 1;
                AtomicBool::new(false)
            });
        }
        let target = number(self.items.len());
        let mut prefixes = BTreeSet::new();
        // Without a resource, or a time, no call is known to be the same.
        if !key.resource.is_empty() && item.first_seen.is_some() {
            for (prefix, name) in item.operations.iter().filter_map(|operation| operation.split_once(':')) {
                let operation = self.name(name);
                let sought = self.sought.entry((who, operation)).or_default();
                if sought.items.last() != Some(&target) {
                    sought.items.push(target);
                }
                prefixes.insert(prefix.to_owned());
            }
        }
        let from = item.first_seen.and_then(|first| first.checked_sub(BEFORE).ok());
        self.items.push(Target {
            key: key.clone(),
            first: item.first_seen,
            regions: item.regions.iter().cloned().collect(),
            prefixes: prefixes.into_iter().collect(),
            texts: catalog.texts_of(&key.action, &key.resource).into(),
            before: AtomicI64::new(from.map_or(i64::MIN, |from| from.as_second() - 1)),
            since: AtomicI64::new(i64::MIN),
        });
    }

    /// Whether there is nothing to look around.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Whether a log file can tell, by its name; `is_fresh`: it was not read before.
    pub fn wants(&self, name: &str, is_fresh: bool) -> bool {
        is_fresh && self.of_all.wants(name) || self.of_touched.wants(name)
    }

    fn number_of(&self, who: &Caller) -> Option<u32> {
        self.callers.get(who).copied()
    }

    fn sought(&self, who: u32, operation: u32) -> Option<&Sought> {
        self.sought.get(&(who, operation))
    }

    fn numbers(&self, id: &str) -> Option<(Range<u32>, Range<u32>)> {
        self.numbers.get(id).cloned()
    }

    fn item(&self, number: u32) -> &Target {
        &self.items[number as usize]
    }

    fn key(&self, item: u32) -> &ItemKey {
        &self.item(item).key
    }

    fn foretold(&self, number: u32) -> &Foretold {
        &self.foretold[number as usize].what
    }

    /// Whether a call then came before the item was first denied.
    fn is_before(&self, item: u32, at: Timestamp) -> bool {
        self.item(item).first.is_some_and(|first| at < first)
    }

    /// Whether a call of a service in a Region then may be the item's, and would tell more of it than is seen.
    fn is_open(&self, item: u32, prefix: &str, region: &str, at: Timestamp, seen: &Seen) -> bool {
        let target = self.item(item);
        let (is_before, second) = (self.is_before(item, at), at.as_second());
        let is_told = match is_before {
            true => second <= target.before.load(Relaxed),
            false => second < target.since.load(Relaxed),
        };
        !is_told
            && target.prefixes.iter().any(|own| own == prefix)
            && (target.regions.is_empty() || target.regions.iter().any(|own| own == region))
            && seen.calls(item).is_none_or(|calls| calls.is_open_to(at, is_before))
    }

    /// Whether a request, in lower case, may be for the item's resource; an empty one may be for any.
    fn may_be_of(&self, item: u32, request: &[u8]) -> bool {
        let texts = &self.item(item).texts;
        let names = |text: &String| memmem::find(request, text.as_bytes()).is_some();
        request.is_empty() || texts.is_empty() || texts.iter().any(names)
    }

    /// Whether a use then would be the first that is seen.
    fn is_open_use(&self, foretold: u32, at: Timestamp, seen: &Seen) -> bool {
        let expected = &self.foretold[foretold as usize];
        let is_later = expected.what.since.is_some_and(|since| at > since);
        is_later && at.as_second() < expected.used.load(Relaxed) && seen.used(foretold).is_none_or(|used| at < used)
    }

    /// Of an item so much is seen.
    fn settle(&self, item: u32, calls: &Calls) {
        let target = self.item(item);
        if let Some(before) = calls.before {
            target.before.fetch_max(before.as_second(), Relaxed);
        }
        if let Some(kept) = calls.kept_from() {
            target.since.fetch_max(kept.as_second(), Relaxed);
        }
    }

    /// What was foretold is seen to be used by then.
    fn settle_use(&self, foretold: u32, at: Timestamp) {
        self.foretold[foretold as usize].used.fetch_min(at.as_second(), Relaxed);
    }

    /// Whether it is still open of any service whether the log holds its events.
    pub(super) fn lacks_any(&self) -> bool {
        self.lacking.load(Relaxed) > 0
    }

    /// Whether it is of this one.
    fn lacks(&self, prefix: &str) -> bool {
        [true, false].iter().any(|is_data| {
            let known = self.services.get(&(prefix.to_owned(), *is_data));
            known.is_some_and(|held| !held.load(Relaxed))
        })
    }

    /// The log holds an event, or a data event, of a service.
    fn note_held(&self, prefix: &str, is_data: bool) {
        if !self.lacks_any() {
            return;
        }
        for of_data in [false, true].iter().filter(|of_data| is_data || !**of_data) {
            let known = self.services.get(&(prefix.to_owned(), *of_data));
            if known.is_some_and(|held| !held.swap(true, Relaxed)) {
                self.lacking.fetch_sub(1, Relaxed);
            }
        }
    }

    fn holds(&self, service: &str, is_data: bool) -> bool {
        self.services.get(&(service.to_owned(), is_data)).is_some_and(|held| held.load(Relaxed))
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
