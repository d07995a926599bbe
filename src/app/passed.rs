//! Allowed calls that a scan meets, kept for the case that the same call was denied: [`crate::linking`] tells such
//! denials as passing, or as resolved.
//!
//! Most calls of a log are allowed, so only a slim and bounded part is kept: of each caller and operation the latest few.
//! What is refused is known only at the end, since the order inside a log means nothing.

mod of_one;
mod remembered;
mod thing;

use super::allowed::Allowed;
use super::places::Places;
use super::reach::reach;
use crate::catalog::Catalog;
use crate::denial::Denial;
use crate::finding::{ALLOWED_KEPT, Finding, Item, ItemKey, Observed, Pass, Sightings, Source};
use crate::foretold::foretell;
use crate::principal;
use crate::record::Record;
use crate::triage::probing::{Caller, caller};
use jiff::Timestamp;
use of_one::OfOne;
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

/// Allowed calls kept of one caller's one operation: the latest.
const OF_ONE: usize = ALLOWED_KEPT;
/// Callers' operations watched; a log with more tells of later ones only where they were refused before.
const WATCHED: usize = 20_000;
/// Bytes kept of all calls, about.
const BYTES: usize = 16 << 20;
/// Bytes kept of all that was denied, about; what would be more is not kept.
const DENIED: usize = 4 << 20;
/// No ARN that IAM knows is longer.
const LONGEST: usize = 2_048;

/// Who called what: `prefix:Operation`.
type Watch = (Caller, String);

/// An account, empty where none is told, and the IAM prefix of a service.
type Service = (String, String);

/// Allowed calls by who called what.
#[derive(Debug, Default)]
pub struct Passed {
    seen: BTreeMap<Watch, OfOne>,
    /// Accounts' services of which the log holds data events, and of which it holds any: what one account's trail records
    /// says nothing of another's.
    data: BTreeSet<Service>,
    services: BTreeSet<Service>,
    /// Bytes of the calls.
    bytes: usize,
    /// Bytes of what was denied.
    bytes_denied: usize,
    /// There were more callers, operations or bytes than are kept.
    overflows: bool,
    /// Of callers' operations that are not there calls may have been met all the same.
    lacks_some: bool,
    /// As long as there is room, all calls are kept: somebody takes them soon.
    keeps_all: bool,
}

impl Passed {
    /// Keeps an allowed call; a refused or failed one is none.
    pub fn take(&mut self, record: &Record, catalog: &Catalog) {
        let call =
            record.error_code.is_none().then(|| Some((record.event_source.as_deref()?, record.event_name.as_deref()?)));
        let Some(((source, name), at)) = call.flatten().zip(record.event_time) else { return };
        let Some(prefix) = catalog.prefixes(source).first().copied() else { return };
        let service = (record.recipient_account.clone().unwrap_or_default(), prefix.to_owned());
        if record.event_category.as_deref() == Some("Data") {
            self.data.insert(service.clone());
        }
        self.services.insert(service);
        let who = caller(&principal::from_identity(&record.user_identity, record.recipient_account.as_deref()));
        let watch = (who, format!("{prefix}:{name}"));
        let pass = Pass::new(at, record.event_id.as_deref().unwrap_or_default());
        self.keep(watch, [(pass, Allowed::of(record, source, name))]);
    }

    /// Keeps all calls as long as there is room, since they are taken away soon.
    fn all() -> Self {
        Self { keeps_all: true, ..Self::default() }
    }

    /// Notes a denial, so that the latest call before it is known, however many come since.
    pub fn refuse(&mut self, denial: &Denial) {
        let (Some(operation), Some(at)) = (&denial.operation, denial.event_time) else { return };
        let named =
            denial.permissions.iter().filter_map(|one| Some((one.action.as_deref()?, one.resource.as_deref()?)));
        let mut named = named.filter(|(_, resource)| (1..=LONGEST).contains(&resource.len())).peekable();
        if named.peek().is_none() {
            return;
        }
        let has_room = self.seen.len() < WATCHED / 2 && self.bytes_denied < DENIED;
        let kept = match self.seen.entry((caller(&denial.principal), operation.clone())) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(free) if has_room => free.insert(OfOne::of(self.lacks_some)),
            Entry::Vacant(_) => return,
        };
        let before = kept.bytes_denied();
        named.for_each(|(action, resource)| kept.deny(action, resource, at, has_room));
        self.bytes_denied = self.bytes_denied + kept.bytes_denied() - before;
    }

    fn keep(&mut self, watch: Watch, calls: impl IntoIterator<Item = (Pass, Allowed)>) {
        let is_full = self.seen.len() >= WATCHED || self.bytes >= BYTES;
        let of_one = match self.seen.entry(watch) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(_) if is_full => {
                (self.overflows, self.lacks_some) = (true, true);
                return;
            }
            // Some of its calls may have come when there was no room.
            Entry::Vacant(free) => free.insert(OfOne::of(self.lacks_some)),
        };
        let before = of_one.bytes_denied();
        for (pass, call) in calls {
            let (came, went) = of_one.allow(pass, call);
            self.bytes = self.bytes + came - went;
            // Where there is no room for one more the oldest goes.
            let most = match self.bytes {
                bytes if bytes > BYTES => of_one.calls.len().clamp(2, OF_ONE + 1) - 1,
                bytes if self.keeps_all && bytes < BYTES / 2 => usize::MAX,
                _ => OF_ONE,
            };
            self.overflows |= most < OF_ONE;
            self.bytes -= of_one.cut(most);
        }
        self.bytes_denied = self.bytes_denied + of_one.bytes_denied() - before;
    }

    /// Whether no allowed call was met.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Adds what another part of the log shows.
    pub fn merge(&mut self, other: Self) {
        self.data.extend(other.data);
        self.services.extend(other.services);
        for (watch, kept) in &mut self.seen {
            kept.is_torn |= other.lacks_some && !other.seen.contains_key(watch);
        }
        let lacks_some = self.lacks_some;
        for (watch, kept) in other.seen {
            self.merge_one(watch, kept, lacks_some);
        }
        self.overflows |= other.overflows;
        self.lacks_some |= other.lacks_some;
    }

    /// The same of one; `is_torn`: if it is not there, some of its calls may have been met.
    fn merge_one(&mut self, watch: Watch, mut kept: OfOne, is_torn: bool) {
        let has_room = self.bytes_denied < DENIED;
        let is_full = self.seen.len() >= WATCHED || self.bytes >= BYTES;
        let mine = match self.seen.entry(watch.clone()) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(_) if is_full => {
                (self.overflows, self.lacks_some) = (true, true);
                return;
            }
            Entry::Vacant(free) => free.insert(OfOne::of(is_torn)),
        };
        if !has_room {
            kept.things.retain(|thing| mine.things.iter().any(|own| own.is(&thing.action, &thing.resource)));
        }
        let before = mine.bytes_denied();
        let calls = mine.merge(kept);
        self.bytes_denied = self.bytes_denied + mine.bytes_denied() - before;
        self.keep(watch, calls);
    }

    /// What the log adds to findings that were denied before or in it: allowed calls, foretold permissions that were used,
    /// and how far the log reaches (`places`). Counted nowhere, and each once, however often the same log is read.
    pub fn observed(&self, findings: &[Finding], places: &Places, catalog: &Catalog) -> Vec<Observed> {
        findings.iter().filter_map(|finding| finding.sighted(self.sightings(finding, places, catalog))).collect()
    }

    fn sightings(&self, finding: &Finding, places: &Places, catalog: &Catalog) -> Sightings {
        let mut seen = Sightings::default();
        let who = caller(&finding.principal);
        for (key, item) in &finding.items {
            if let Some(at) = self.before(&who, key, item, catalog) {
                seen.before.insert(key.clone(), at);
            }
            let is_same = |call: &Allowed| {
                item.is_of_region(Some(&call.region)) && call.is_of(&key.action, &key.resource, catalog)
            };
            for operation in &item.operations {
                let Some(OfOne { calls, .. }) = self.seen.get(&(who.clone(), operation.clone())) else { continue };
                let same = calls.iter().filter(|(_, call)| is_same(call));
                // What was allowed before the first denial says nothing of it.
                let later = same.filter(|(pass, _)| item.first_seen.is_some_and(|first| pass.at >= first));
                let passes: BTreeSet<Pass> = later.map(|(pass, _)| pass.clone()).collect();
                if !passes.is_empty() && (calls.len() >= OF_ONE || self.overflows) {
                    seen.more.insert(key.clone());
                }
                seen.allowed.entry(key.clone()).or_default().extend(passes);
            }
            let holds = |service: &str, is_data: bool| {
                let held = if is_data { &self.data } else { &self.services };
                let account = finding.account.clone().unwrap_or_default();
                held.contains(&(account, service.to_owned())) && !self.overflows
            };
            if let Some(until) = reach(finding, item, places, holds) {
                seen.looked.insert(key.clone(), (Source::Log, until));
            }
        }
        self.add_used(&mut seen, finding, catalog);
        seen
    }

    /// The latest call for an item before it was last denied; `None` also where a later one may be missing.
    fn before(&self, who: &Caller, key: &ItemKey, item: &Item, catalog: &Catalog) -> Option<Timestamp> {
        let (last, mut latest) = (item.last_seen?, None);
        for operation in &item.operations {
            match self.seen.get(&(who.clone(), operation.clone())) {
                Some(kept) => latest = latest.max(kept.before(key, item, last, catalog)?),
                None if self.lacks_some => return None,
                None => {}
            }
        }
        latest
    }

    /// Foretold permissions that the caller used without a refusal.
    fn add_used(&self, seen: &mut Sightings, finding: &Finding, catalog: &Catalog) {
        let who = caller(&finding.principal);
        let mine = || self.seen.range((who.clone(), String::new())..).take_while(|((other, _), _)| *other == who);
        if mine().next().is_none() {
            return;
        }
        for foretold in foretell(finding, catalog) {
            let calls = mine().flat_map(|(_, kept)| &kept.calls);
            let later = calls.filter(|(pass, _)| foretold.since.is_some_and(|since| pass.at > since));
            let used = later.filter(|(_, call)| call.uses(&foretold, catalog)).map(|(pass, _)| pass.at).min();
            seen.used.extend(used.map(|at| (foretold.action.clone(), at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::World;
    use crate::app::scan::{Options, Scan};
    use crate::diagnosis::InForce;
    use crate::io::stores::{Filter, Ledger, MemoryLedger};
    use crate::triage::Verdict;
    use serde_json::{Value, json};

    const ROLE: &str = "arn:aws:iam::111122223333:role/target";

    fn event(id: &str, second: u32, denied: bool, role: &str, user: &str) -> Value {
        let user = format!("arn:aws:iam::111122223333:user/{user}");
        let mut event = json!({"eventID": id, "eventTime": format!("2026-11-10T10:00:{second:02}Z"), "awsRegion": "us-east-1",
            "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "arn": user, "accountId": "111122223333", "userName": user.rsplit('/').next()},
            "requestParameters": {"roleArn": role}});
        if denied {
            event["errorCode"] = "AccessDenied".into();
            event["requestParameters"] = Value::Null;
            event["errorMessage"] =
                format!("User: {user} is not authorized to perform: sts:AssumeRole on resource: {role}").into();
        }
        event
    }

    fn verdicts(runs: &[&[Value]]) -> Vec<(Verdict, u64)> {
        let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
        let mut last = Vec::new();
        for (at, events) in runs.iter().enumerate() {
            let mut scan = Scan::begin(&mut ledger, &world, Options::default(), &format!("run {at}"));
            scan.read(json!({"Records": events}).to_string().as_bytes(), "test");
            let outcome = scan.finish().unwrap();
            assert_eq!(outcome.stats.duplicates, 0);
            last = outcome.findings;
        }
        last.iter().map(|advice| (advice.verdict, advice.count)).collect()
    }

    #[test]
    fn a_success_in_the_log_makes_a_denial_passing_wherever_it_stands() {
        let (no, yes) = (event("1", 5, true, ROLE, "ana"), event("2", 9, false, ROLE, "ana"));
        assert_eq!(verdicts(&[&[no.clone(), yes.clone()]]), [(Verdict::Transient, 1)]);
        assert_eq!(verdicts(&[&[yes.clone(), no.clone()]]), [(Verdict::Transient, 1)]);
        // In a later log the success still finds the denial; nothing is denied there, so nothing is shown.
        assert_eq!(verdicts(&[std::slice::from_ref(&no), &[yes]]), [(Verdict::Transient, 1)]);
        assert_eq!(verdicts(&[&[no]]), [(Verdict::Review, 1)]);
    }

    #[test]
    fn only_the_same_call_of_the_same_caller_counts() {
        let no = event("1", 5, true, ROLE, "ana");
        let mut elsewhere = event("5", 9, false, ROLE, "ana");
        elsewhere["awsRegion"] = "eu-west-1".into();
        let others = [
            elsewhere,
            event("2", 9, false, "arn:aws:iam::111122223333:role/other", "ana"),
            event("3", 9, false, ROLE, "eve"),
            event("4", 1, false, ROLE, "ana"),
        ];
        for other in others {
            assert_eq!(verdicts(&[&[no.clone(), other]]), [(Verdict::Review, 1)]);
        }
    }

    /// The ledger's one finding after a scan of these events.
    fn scanned(events: &[Value]) -> Finding {
        let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
        let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "run");
        scan.read(json!({"Records": events}).to_string().as_bytes(), "test");
        scan.finish().unwrap();
        ledger.findings(&Filter::default()).unwrap().remove(0)
    }

    #[test]
    fn a_log_tells_how_far_it_reaches_only_where_it_could_show_the_call() {
        let no = event("1", 5, true, ROLE, "ana");
        let reach = |finding: Finding| finding.items.into_values().next().unwrap().looked_until();
        let until = |second: u32| Some(format!("2026-11-10T10:00:{second:02}Z").parse().unwrap());
        // Another caller's call shows that the log goes on, and holds events of the service.
        let (before, after) = (event("0", 1, false, ROLE, "eve"), event("2", 9, false, ROLE, "eve"));
        assert_eq!(reach(scanned(&[no.clone(), after.clone(), before.clone()])), until(9));
        assert_eq!(reach(scanned(&[no.clone(), before])), None, "it ends with the denial");
        let mut other = after;
        other["eventSource"] = "sqs.amazonaws.com".into();
        assert_eq!(reach(scanned(&[no.clone(), other.clone()])), None, "of the service it holds nothing");
        let mut another = event("3", 3, false, ROLE, "eve");
        another["recipientAccountId"] = "444455556666".into();
        assert_eq!(reach(scanned(&[no, other, another])), None, "another account's trail does");
    }

    #[test]
    fn a_scan_keeps_changes_of_policies() {
        let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
        let mut change = event("c", 1, false, ROLE, "eve");
        change["eventSource"] = "iam.amazonaws.com".into();
        change["eventName"] = "DetachUserPolicy".into();
        change["requestParameters"] = json!({"userName": "ana", "policyArn": "arn:aws:iam::111122223333:policy/p"});
        let mut scan = Scan::begin(&mut ledger, &world, Options::default(), "run");
        scan.read(json!({"Records": [event("1", 5, true, ROLE, "ana"), change]}).to_string().as_bytes(), "test");
        let outcome = scan.finish().unwrap();
        let before = outcome.findings[0].changes.before.as_ref().unwrap();
        assert_eq!((before.change.as_str(), before.by.name.as_deref()), ("iam:DetachUserPolicy", Some("eve")));
    }

    #[test]
    fn a_flood_of_calls_is_bounded() {
        let mut passed = Passed::default();
        for second in 0..60 {
            let (records, _) =
                crate::record::read(event(&second.to_string(), second, false, ROLE, "ana").to_string().as_bytes(), "t");
            passed.take(&records[0], Catalog::embedded());
        }
        assert_eq!(passed.seen.values().map(|kept| kept.calls.len()).collect::<Vec<_>>(), [OF_ONE]);
    }
}
