//! How the ledger lies in its one table: key attributes `pk` and `sk`, both strings; `ttl` is DynamoDB's time to live.
//!
//! | `pk` | `sk` | what | other attributes |
//! |---|---|---|---|
//! | `META` | `schema`, `hash_key` | the layout's version, the key of the hashes | `value` |
//! | `E#id`, `S#id` | `-` | an event that was counted, by `eventID` and `sharedEventID` | `ttl` |
//! | `F#finding#shard` | `-` | a part of a finding | `v`, `count`, `days`, `last`, `body`, `ttl` |
//! | `I#bucket` | `caller#finding` | where a caller's findings are | `finding`, `shards` |
//! | `D#finding` | receiver | what was told to whom | `v`, `body`, `ttl` |
//! | `O` | `finding#receiver` | a delivery that is not done, and when to look at it | `finding`, `destination`, `at` |
//! | `Q#bucket` | hash | a message that nobody can process | `at`, `body`, `ttl` |
//! | `R` | hash, hash`#account` | what a run read, and what of one account | `v`, `body`, `ttl` |
//! | `N#hash` | `-` | an object that was read to its end | `mark`, `body`, `ttl` |
//! | `C#bucket` | hash of a target | the latest changes of a principal, policy or resource | `v`, `body`, `ttl` |
//! | `META` | `state#task` | what a task left for its next run | `value` |
//!
//! A finding lies in up to [`SHARDS`] parts; each running copy writes one of its own, so that many copies that meet one
//! principal do not wait for each other. The parts are merged when they are read: merging is commutative and
//! associative, and an event is in one of them only. `count` and `days` of a part say in the open what `body`
//! (deflated JSON) holds: any program can add them up.

use super::super::objects::Object;
use super::super::types::Delivery;
use super::value::{Item, bytes, map, number, read_number, read_text, text};
use crate::finding::{Finding, Observed};
use crate::triage::probing::Caller;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The layout's version. A newer one is refused.
pub(super) const SCHEMA: i64 = 1;
/// Parts that a finding may lie in.
pub(super) const SHARDS: u64 = 8;
/// Partitions that lists are spread over.
pub(super) const BUCKETS: u64 = 8;

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// As DynamoDB takes it.
    pub(super) fn to_item(&self) -> Item {
        Item::from_iter([("pk".to_owned(), text(&self.pk)), ("sk".to_owned(), text(&self.sk))])
    }

    /// The key of an item; `None` when it has none, as no item of DynamoDB's.
    pub(super) fn of(item: &Item) -> Option<Self> {
        Some(Self::new(read_text(item, "pk")?, read_text(item, "sk")?))
    }

    /// An item with this key and these attributes.
    pub(super) fn with<const N: usize>(&self, attributes: [(&str, Value); N]) -> Item {
        let mut item = self.to_item();
        item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
        item
    }
}

/// A value of the ledger's own.
pub(super) fn meta(space: &str, name: &str) -> Key {
    Key::new(format!("{space}META"), name)
}

/// The ids under which an event is counted: one or two.
pub(super) fn events(space: &str, event: &Observed) -> Vec<Key> {
    std::iter::once(self::event(space, event)).chain(shared_event(space, event)).collect()
}

/// Its own id. One from a foreign log may be of any length; a key takes 2,048 bytes.
pub(super) fn event(space: &str, event: &Observed) -> Key {
    Key::new(format!("{space}E#{}", short(&event.event_id)), "-")
}

/// The id that it shares with the other account's copy.
pub(super) fn shared_event(space: &str, event: &Observed) -> Option<Key> {
    event.shared_event_id.as_ref().map(|id| Key::new(format!("{space}S#{}", short(id)), "-"))
}

fn short(id: &str) -> String {
    if id.len() <= 200 { id.to_owned() } else { digest(id) }
}

/// A part of a finding.
pub(super) fn part(space: &str, finding: &str, shard: u64) -> Key {
    Key::new(format!("{space}F#{finding}#{shard}"), "-")
}

/// The attributes of a part; `body` is what [`super::body::pack`] made of it.
pub(super) fn part_item(key: &Key, finding: &Finding, body: &[u8], version: u64, ttl: Option<Timestamp>) -> Item {
    let days = finding.days.iter().map(|(day, count)| (day.to_string(), number(*count)));
    let last = finding.seen().1.map(Timestamp::as_second);
    let mut item = key.with([
        ("v", number(version)),
        ("finding", text(&finding.id)),
        ("count", number(finding.count)),
        ("days", map(days)),
        ("body", bytes(body)),
    ]);
    item.extend(last.map(|last| ("last".to_owned(), number(last))));
    item.extend(ttl.map(|at| ("ttl".to_owned(), number(at.as_second()))));
    item
}

/// The partition of the list that a caller's findings stand in.
pub(super) fn bucket(space: &str, caller: &Caller) -> String {
    let hash = caller_hash(caller);
    let sum = u64::from_str_radix(&hash[..4], 16).unwrap_or(0);
    format!("{space}I#{}", sum % BUCKETS)
}

/// All partitions of a list (`I`, `Q`).
pub(super) fn buckets(space: &str, list: &str) -> impl Iterator<Item = String> {
    let start = format!("{space}{list}#");
    (0..BUCKETS).map(move |bucket| format!("{start}{bucket}"))
}

/// Where a caller's finding stands in the list.
pub(super) fn place(space: &str, caller: &Caller, finding: &str) -> Key {
    Key::new(bucket(space, caller), format!("{}#{finding}", caller_hash(caller)))
}

/// What the keys of a caller's places begin with.
pub(super) fn caller_hash(caller: &Caller) -> String {
    digest(&format!("{caller:?}"))[..16].to_owned()
}

/// What was told to a receiver.
pub(super) fn delivery(space: &str, id: &str, destination: &str) -> Key {
    Key::new(format!("{space}D#{id}"), destination)
}

/// That it is not done.
pub(super) fn open(space: &str, id: &str, destination: &str) -> Key {
    Key::new(format!("{space}O"), format!("{id}#{destination}"))
}

/// A delivery's attributes.
pub(super) fn delivery_item(key: &Key, delivery: &Delivery, ttl: Option<Timestamp>) -> Item {
    let body = json!(delivery).to_string();
    let mut item = key.with([("v", number(delivery.version)), ("body", text(&body))]);
    item.extend(ttl.map(|at| ("ttl".to_owned(), number(at.as_second()))));
    item
}

/// A quarantined message.
pub(super) fn poison(space: &str, reason: &str, body: &str) -> Key {
    let hash = digest(&format!("{reason}\0{body}"));
    let sum = u64::from_str_radix(&hash[..4], 16).unwrap_or(0);
    Key::new(format!("{space}Q#{}", sum % BUCKETS), hash)
}

/// What a run read.
pub(super) fn run(space: &str, input: &str) -> Key {
    Key::new(format!("{space}R"), digest(input))
}

/// What a run read of one account.
pub(super) fn run_of(space: &str, input: &str, account: &str) -> Key {
    let own = run(space, input);
    Key { sk: format!("{}#{}", own.sk, short(account)), ..own }
}

/// That an object was read.
pub(super) fn object(space: &str, object: &Object) -> Key {
    let hex: String = object.id().iter().map(|byte| format!("{byte:02x}")).collect();
    Key::new(format!("{space}N#{hex}"), "-")
}

/// The latest changes of a target.
pub(super) fn changes(space: &str, target: &str) -> Key {
    let hash = digest(target);
    let sum = u64::from_str_radix(&hash[..4], 16).unwrap_or(0);
    Key::new(format!("{space}C#{}", sum % BUCKETS), hash)
}

/// The parts of a finding that a place of the list names.
pub(super) fn parts_of(space: &str, item: &Item) -> Vec<Key> {
    let Some(finding) = read_text(item, "finding") else { return Vec::new() };
    let shards = item.get("shards").and_then(|set| set.get("NS")).and_then(Value::as_array);
    let shards: BTreeSet<u64> = shards.into_iter().flatten().filter_map(|n| n.as_str()?.parse().ok()).collect();
    shards.into_iter().map(|shard| part(space, finding, shard)).collect()
}

/// Whether an item's time is over: DynamoDB takes such items away days later.
pub(super) fn is_over(item: &Item, now: Timestamp) -> bool {
    read_number(item, "ttl").is_some_and(|at: i64| at <= now.as_second())
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
