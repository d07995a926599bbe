//! A second look at an archive, around what was found: whether the same calls were allowed, before and after, and who
//! changed a policy. Only files and records that can tell are read; what comes of it is what reading all of them gives.
//!
//! What is sought is small and bounded by the findings, what was seen by them too; neither grows with the archive.

mod aside;
mod held;
mod names;
mod packed;
mod scope;
mod seek;
mod slots;
mod sum;
mod tally;

pub(super) use packed::{NONE, Numbers};
pub use seek::Seeker;
pub(in crate::app) use sum::Sum;
pub use tally::Seen;

use super::operations::Operations;
use super::reach::needed;
use crate::catalog::Catalog;
use crate::change::{BEFORE, KINDS};
use crate::diagnosis::Cause;
use crate::finding::{Finding, Item, ItemKey};
use crate::foretold::{self, Foretold, foretell};
use crate::triage::probing::{Caller, caller};
use held::Held;
use jiff::Timestamp;
use memchr::memmem;
use names::Names;
use packed::{Key, Lists, count, key};
use scope::Scope;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
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
    callers: Numbers<Key>,
    /// By caller and operation.
    calls: Numbers<(u32, u32)>,
    sought: Vec<Sought>,
    links: Vec<Link>,
    items: Vec<Target>,
    foretold: Vec<Expected>,
    findings: Numbers<Key>,
    /// Of each finding its items and what it foretold.
    ranges: Vec<[Range<u32>; 2]>,
    /// Texts that items share.
    lists: Lists,
    /// Of which accounts' services it matters whether the log holds events.
    held: Held,
    /// Where what was read now can tell.
    of_all: Scope,
    /// Where anything can tell of what was denied now.
    of_touched: Scope,
}

/// What is sought of one caller's one operation: the latest link of its items and of what was foretold, or [`NONE`].
#[derive(Debug, Clone, Copy)]
struct Sought {
    items: u32,
    foretold: u32,
}

/// One of the things that are sought of an operation, and the link before it.
#[derive(Debug)]
struct Link {
    what: u32,
    before: u32,
}

/// One item of a finding: few bytes, as there may be very many.
#[derive(Debug)]
struct Target {
    first: Timestamp,
    last: Timestamp,
    /// Allowed calls before its last denial matter only after this second, those since from this one on.
    before: AtomicI64,
    since: AtomicI64,
    /// Of its action and resource.
    permission: Key,
    cause: Cause,
    regions: u32,
    /// IAM prefixes of the operations that met it.
    prefixes: u32,
    /// Texts one of which any request names that is for it; none where that is not known.
    texts: u32,
}

/// What an allowed call tells of an item: that it was allowed before the last denial, and that it was since the first. A call
/// between them tells both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tells {
    before: bool,
    since: bool,
}

impl Tells {
    fn any(self) -> bool {
        self.before || self.since
    }
}

/// One foretold permission.
#[derive(Debug)]
struct Expected {
    since: Timestamp,
    /// Uses matter only before this second.
    used: AtomicI64,
    /// Its action, then its resources.
    what: u32,
}

/// The key of who called.
fn key_of((account, kind, name): &Caller) -> Key {
    // An empty text is not none.
    let [account, name] = [account, name].map(|text| text.as_deref().map_or(["-", ""], |text| ["+", text]));
    key(&[account[0], account[1], &format!("{kind:?}"), name[0], name[1]])
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
        let who = self.callers.add(key_of(&caller(&finding.principal)));
        let (first_item, first_foretold) = (count(self.items.len()), count(self.foretold.len()));
        for (key, item) in &finding.items {
            let needed = item.operations.iter().filter_map(|operation| needed(operation));
            needed.for_each(|(service, is_data)| self.held.ask(finding.account.as_deref(), service, is_data));
            self.add_item(who, key, item, catalog);
        }
        for what in foretell(finding, catalog) {
            self.add_foretold(who, &what);
        }
        let ranges = [first_item..count(self.items.len()), first_foretold..count(self.foretold.len())];
        match self.findings.add(key(&[&finding.id])) as usize {
            new if new == self.ranges.len() => self.ranges.push(ranges),
            again => self.ranges[again] = ranges,
        }
    }

    fn add_foretold(&mut self, who: u32, what: &Foretold) {
        let name = what.action.split_once(':').map(|(_, name)| name).filter(|name| !name.contains(['*', '?']));
        let Some((name, since)) = name.zip(what.since) else { return };
        let (number, link) = (count(self.foretold.len()), count(self.links.len()));
        let sought = self.sought_of(who, name);
        let before = std::mem::replace(&mut sought.foretold, link);
        self.links.push(Link { what: number, before });
        let what = self.lists.add([&*what.action].into_iter().chain(what.resources.iter().map(String::as_str)));
        self.foretold.push(Expected { since, used: AtomicI64::new(i64::MAX), what });
    }

    fn add_item(&mut self, who: u32, key: &ItemKey, item: &Item, catalog: &Catalog) {
        // Without a resource, or a time, no call is known to be the same.
        let seen = item.first_seen.zip(item.last_seen).filter(|_| !key.resource.is_empty());
        let Some((first, last)) = seen else { return };
        let number = count(self.items.len());
        let mut prefixes = BTreeSet::new();
        for (prefix, name) in item.operations.iter().filter_map(|operation| operation.split_once(':')) {
            prefixes.insert(prefix);
            self.link_item(who, name, number);
        }
        let from = first.checked_sub(BEFORE).ok();
        let texts = catalog.texts_of(&key.action, &key.resource);
        self.items.push(Target {
            first,
            last,
            before: AtomicI64::new(from.map_or(i64::MIN, |from| from.as_second() - 1)),
            since: AtomicI64::new(i64::MIN),
            permission: permission(&key.action, &key.resource),
            cause: key.cause,
            regions: self.lists.add(item.regions.iter().map(String::as_str)),
            prefixes: self.lists.add(prefixes),
            texts: self.lists.add(texts.iter().map(String::as_str)),
        });
    }

    /// An item is sought once of an operation, however many services have one of that name.
    fn link_item(&mut self, who: u32, operation: &str, item: u32) {
        let link = count(self.links.len());
        let latest = self.sought_of(who, operation).items;
        if self.links.get(latest as usize).is_none_or(|latest| latest.what != item) {
            self.sought_of(who, operation).items = link;
            self.links.push(Link { what: item, before: latest });
        }
    }

    fn sought_of(&mut self, who: u32, operation: &str) -> &mut Sought {
        let operation = self.name(operation);
        let number = self.calls.add((who, operation)) as usize;
        if number == self.sought.len() {
            self.sought.push(Sought { items: NONE, foretold: NONE });
        }
        &mut self.sought[number]
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.callers.bytes()
            + self.calls.bytes()
            + size_of_val(&*self.sought)
            + size_of_val(&*self.links)
            + size_of_val(&*self.items)
            + size_of_val(&*self.foretold)
            + self.findings.bytes()
            + size_of_val(&*self.ranges)
            + self.lists.bytes()
            + self.held.bytes()
    }

    /// Whether there is nothing to look around.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether a log file can tell, by its name; `is_fresh`: it was not read before.
    pub fn wants(&self, name: &str, is_fresh: bool) -> bool {
        is_fresh && self.of_all.wants(name) || self.of_touched.wants(name)
    }

    fn number_of(&self, who: &Caller) -> Option<u32> {
        self.callers.get(&key_of(who))
    }

    fn sought(&self, who: u32, operation: u32) -> Option<Sought> {
        self.calls.get(&(who, operation)).map(|number| self.sought[number as usize])
    }

    /// What is linked, from the latest on.
    fn linked(&self, mut link: u32) -> impl Iterator<Item = u32> {
        std::iter::from_fn(move || {
            let Link { what, before } = *self.links.get(link as usize)?;
            link = before;
            Some(what)
        })
    }

    fn items_of(&self, sought: Sought) -> impl Iterator<Item = u32> {
        self.linked(sought.items)
    }

    fn foretold_of(&self, sought: Sought) -> impl Iterator<Item = u32> {
        self.linked(sought.foretold)
    }

    /// The items of a finding that are sought, and what it foretold; `None` where nothing was looked for around it.
    fn ranges(&self, finding: &str) -> Option<&[Range<u32>; 2]> {
        self.findings.get(&key(&[finding])).map(|number| &self.ranges[number as usize])
    }

    fn item(&self, number: u32) -> &Target {
        &self.items[number as usize]
    }

    /// Whether a call of the item needs this of [`permission`].
    fn is_of(&self, item: u32, permission: &Key) -> bool {
        self.item(item).permission == *permission
    }

    /// The number of a finding's item.
    fn number_in(&self, items: &Range<u32>, key: &ItemKey) -> Option<u32> {
        let permission = permission(&key.action, &key.resource);
        items.clone().find(|number| self.is_of(*number, &permission) && self.item(*number).cause == key.cause)
    }

    /// What was foretold, as far as it matters for whether a call is a use of it.
    fn foretold(&self, number: u32) -> Foretold {
        let Expected { since, what, .. } = &self.foretold[number as usize];
        let mut texts = self.lists.get(*what).map(|text| String::from_utf8_lossy(text).into_owned());
        let action = texts.next().unwrap_or_default();
        Foretold { action, resources: texts.collect(), since: Some(*since), outcome: foretold::Outcome::Open, at: None }
    }

    /// What a call of then may tell of the item beyond what is seen.
    fn tells(&self, item: u32, at: Timestamp, seen: &Seen) -> Tells {
        let (target, calls, second) = (self.item(item), seen.calls(item), at.as_second());
        Tells {
            before: at < target.last
                && second > target.before.load(Relaxed)
                && calls.is_none_or(|calls| calls.is_later(at)),
            since: at >= target.first
                && second >= target.since.load(Relaxed)
                && calls.is_none_or(|calls| calls.is_kept(at)),
        }
    }

    /// Whether a call of a service in a Region may be the item's.
    fn is_of_service(&self, item: u32, prefix: &str, region: &str) -> bool {
        let target = self.item(item);
        let mut regions = self.lists.get(target.regions).peekable();
        self.lists.get(target.prefixes).any(|own| own == prefix.as_bytes())
            && (regions.peek().is_none() || regions.any(|own| own == region.as_bytes()))
    }

    /// Whether a request, in lower case, may be for the item's resource; an empty one may be for any.
    fn may_be_of(&self, item: u32, request: &[u8]) -> bool {
        let mut texts = self.lists.get(self.item(item).texts).peekable();
        request.is_empty() || texts.peek().is_none() || texts.any(|text| memmem::find(request, text).is_some())
    }

    /// Whether a use then would be the first that is seen.
    fn is_open_use(&self, foretold: u32, at: Timestamp, seen: &Seen) -> bool {
        let expected = &self.foretold[foretold as usize];
        at > expected.since
            && at.as_second() < expected.used.load(Relaxed)
            && seen.used(foretold).is_none_or(|used| at < used)
    }

    /// An item's call is seen that came so shortly before it was denied.
    fn settle_before(&self, item: u32, before: Timestamp) {
        self.item(item).before.fetch_max(before.as_second(), Relaxed);
    }

    /// Of an item so much is seen of the calls since.
    fn settle_since(&self, item: u32, calls: &Calls) {
        if let Some(kept) = calls.kept_from() {
            self.item(item).since.fetch_max(kept.as_second(), Relaxed);
        }
    }

    /// What was foretold is seen to be used by then.
    fn settle_use(&self, foretold: u32, at: Timestamp) {
        self.foretold[foretold as usize].used.fetch_min(at.as_second(), Relaxed);
    }

    /// Whether it is still open of any account's service whether the log holds its events.
    pub(super) fn lacks_any(&self) -> bool {
        self.held.lacks_any()
    }
}

/// The key of a permission.
fn permission(action: &str, resource: &str) -> Key {
    key(&[action, resource])
}

#[cfg(test)]
mod tests;
