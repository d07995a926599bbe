//! How long a ledger keeps what, and what it keeps only as keyed hashes.

use crate::change::Change;
use crate::denial::Facts;
use crate::diagnosis::Diagnosis;
use crate::finding::{Finding, Item, Observed};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Days that DynamoDB keeps findings and counts when nobody says otherwise.
pub const COUNTS_DAYS: i64 = 400;
/// Days that DynamoDB keeps samples when nobody says otherwise.
pub const SAMPLES_DAYS: i64 = 35;

/// How long a ledger keeps what. The default keeps everything, in clear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// A finding and its counts, after its last denial; `None`: for ever. Events older than this are refused: within this
    /// time an event counts once however often it comes.
    pub counts: Option<SignedDuration>,
    /// Samples of events (ids, session, address, user agent, message) and quarantined messages; `None`: as long as their
    /// finding.
    pub samples: Option<SignedDuration>,
    /// What is kept only as a keyed hash.
    pub hashed: BTreeSet<Hashed>,
}

/// A field that names a person or a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hashed {
    /// Session names: often somebody's mail address.
    Session,
    /// IP addresses of callers.
    SourceIp,
}

/// In place of a hash, where there is no key.
const HIDDEN: &str = "…";

/// The key of the hashes; it is made with the ledger, stays in it, and is shown nowhere. `None` is the key of a rehearsal,
/// under which no text has a hash that tells it.
#[derive(Clone)]
pub struct HashKey(Option<[u8; 32]>);

impl std::fmt::Debug for HashKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("***")
    }
}

impl HashKey {
    /// A new one, from the system's source of randomness; `None` when there is none.
    pub(super) fn random() -> Option<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).ok()?;
        Some(Self(Some(key)))
    }

    /// That of a rehearsal.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// As the ledger stores it.
    pub(super) fn to_hex(&self) -> String {
        self.0.map(|key| hex(&key)).unwrap_or_default()
    }

    /// As the ledger stored it; `None` when it is broken.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
        let mut key = [0; 32];
        for (at, place) in key.iter_mut().enumerate() {
            *place = byte(at)?;
        }
        (text.len() == 64).then_some(Self(Some(key)))
    }

    /// The same text gives the same hash in this ledger, and another in any other.
    fn hash(&self, kind: &str, text: &str) -> Option<String> {
        let Some(key) = &self.0 else { return Some(format!("{kind}-{HIDDEN}")) };
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        Some(format!("{kind}-{}", hex(&mac.finalize().into_bytes()[..6])))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Keep {
    /// What the DynamoDB ledger keeps by default.
    pub fn days(counts: i64, samples: i64) -> Self {
        let days = |days: i64| Some(SignedDuration::from_hours(24 * days));
        Self { counts: days(counts), samples: days(samples), hashed: BTreeSet::new() }
    }

    /// Whether an event is older than the counts are kept.
    pub(super) fn is_stale(&self, at: Option<Timestamp>, now: Timestamp) -> bool {
        before(now, self.counts).zip(at).is_some_and(|(since, at)| at < since)
    }

    /// Whether a finding's time is over.
    pub(super) fn is_over(&self, finding: &Finding, now: Timestamp) -> bool {
        self.is_stale(finding.seen().1, now)
    }

    /// Takes away the samples whose time is over; whether there were any.
    pub(super) fn strip(&self, finding: &mut Finding, now: Timestamp) -> bool {
        let Some(since) = before(now, self.samples) else { return false };
        let mut stripped = false;
        for item in finding.items.values_mut().filter(|item| item.last_seen.is_some_and(|last| last < since)) {
            stripped |= strip(item);
        }
        if finding.seen().1.is_some_and(|last| last < since) {
            stripped |= finding.principal.session.take().is_some();
        }
        stripped
    }

    /// A change as it is kept: its author's session as a hash where sessions are; `None` where its time is over.
    pub(super) fn change(&self, mut change: Change, key: Option<&HashKey>, now: Timestamp) -> Option<Change> {
        if self.is_stale(Some(change.at), now) {
            return None;
        }
        if let Some(key) = key.filter(|_| self.hashed.contains(&Hashed::Session)) {
            let session = change.by.session.take();
            change.by.session = session.and_then(|session| key.hash("session", &session));
        }
        Some(change)
    }

    /// Replaces what is kept as hashes only. What an allowed call adds is made of what the ledger holds, masked already.
    pub(super) fn mask(&self, event: &mut Observed, key: &HashKey) {
        if event.finding.count == 0 {
            return;
        }
        if self.hashed.contains(&Hashed::Session) {
            mask_session(&mut event.finding, key);
        }
        if self.hashed.contains(&Hashed::SourceIp) {
            event.finding.items.values_mut().for_each(|item| mask_address(item, key));
        }
    }
}

/// The beginning of what is still kept; `None`: everything is.
pub(super) fn before(now: Timestamp, kept: Option<SignedDuration>) -> Option<Timestamp> {
    now.checked_sub(kept?).ok()
}

/// What the patch and its proof rest on stays: permissions, roles passed, condition keys that are no address.
fn strip(item: &mut Item) -> bool {
    let facts = &mut item.facts;
    let texts = [&mut facts.source_ip, &mut facts.user_agent, &mut facts.message];
    let mut stripped = texts.into_iter().fold(false, |any, text| any | text.take().is_some());
    stripped |= drop_addresses(facts) | !item.events.is_empty();
    item.events.clear();
    stripped
}

/// An unknown address makes the proof say so; a false one would make it lie.
fn drop_addresses(facts: &mut Facts) -> bool {
    let before = facts.context.len();
    facts.context.retain(|_, values| !values.iter().any(|value| value.parse::<IpAddr>().is_ok()));
    facts.context.len() < before
}

fn mask_address(item: &mut Item, key: &HashKey) {
    drop_addresses(&mut item.facts);
    let Some(address) = item.facts.source_ip.clone().filter(|text| text.parse::<IpAddr>().is_ok()) else { return };
    item.facts.source_ip = key.hash("address", &address);
    let masked = item.facts.source_ip.clone().unwrap_or_default();
    for text in texts(&mut item.facts, &mut item.diagnosis) {
        *text = replace_word(text, &address, &masked);
    }
}

fn mask_session(finding: &mut Finding, key: &HashKey) {
    let Some(session) = finding.principal.session.take() else { return };
    finding.principal.session = key.hash("session", &session);
    let masked = finding.principal.session.clone().unwrap_or_default();
    for item in finding.items.values_mut() {
        // `aws:userid` is `ID:session`.
        for value in item.facts.context.values_mut().flatten() {
            match value.strip_suffix(&session) {
                Some("") => *value = masked.clone(),
                Some(id) if id.ends_with(':') && !id.starts_with("arn:") => *value = format!("{id}{masked}"),
                _ => *value = mask_arns(value, &session, &masked),
            }
        }
        for text in texts(&mut item.facts, &mut item.diagnosis) {
            *text = mask_arns(text, &session, &masked);
        }
    }
}

/// Only in a session's ARN: elsewhere the same letters may be an action or a resource.
fn mask_arns(text: &str, session: &str, masked: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = ["assumed-role/", "federated-user/"].iter().filter_map(|word| rest.find(word)).min() {
        let end = rest[at..].find(char::is_whitespace).map_or(rest.len(), |length| at + length);
        let (arn, after) = rest.split_at(end);
        match arn.rsplit_once('/').and_then(|(head, tail)| Some((head, tail.strip_prefix(session)?))) {
            Some((head, tail)) => out.push_str(&format!("{head}/{masked}{tail}")),
            None => out.push_str(arn),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Replaces a word that no letter, digit, point or colon touches.
fn replace_word(text: &str, word: &str, with: &str) -> String {
    let touches = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == ':');
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(word) {
        let (head, tail) = (&rest[..at], &rest[at + word.len()..]);
        let stands_alone = !touches(head.chars().next_back()) && !touches(tail.chars().next());
        out.push_str(head);
        out.push_str(if stands_alone { with } else { word });
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Free text about an event.
fn texts<'a>(facts: &'a mut Facts, diagnosis: &'a mut Diagnosis) -> impl Iterator<Item = &'a mut String> {
    let lists = [&mut diagnosis.evidence, &mut diagnosis.unchecked, &mut diagnosis.doubts, &mut facts.denied_by];
    let single = facts.message.iter_mut().chain(std::iter::once(&mut diagnosis.summary));
    single.chain(lists.into_iter().flatten())
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
