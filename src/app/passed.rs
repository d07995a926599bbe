//! Allowed calls that a scan meets, kept for the case that the same call was denied: [`crate::linking`] tells such
//! denials as passing, or as resolved.
//!
//! Most calls of a log are allowed, so only a slim and bounded part is kept: of each caller and operation the latest few.
//! What is refused is known only at the end, since the order inside a log means nothing.

use crate::arn::Arn;
use crate::catalog::{Call, Catalog};
use crate::finding::{Finding, ItemKey, Observed};
use crate::principal;
use crate::record::Record;
use crate::triage::probing::{Caller, caller};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// Allowed calls kept of one caller's one operation: the latest.
const OF_ONE: usize = 20;
/// Callers' operations watched; a log with more tells of later ones only where they were refused before.
const WATCHED: usize = 20_000;
/// Bytes of request parameters kept of one call.
const PARAMETERS: usize = 4_096;

/// Who called what: `prefix:Operation`.
type Watch = (Caller, String);

/// Allowed calls by who called what.
#[derive(Debug, Default)]
pub struct Passed {
    seen: BTreeMap<Watch, BTreeMap<(Timestamp, String), Allowed>>,
}

/// What is kept of an allowed call.
#[derive(Debug)]
struct Allowed {
    source: String,
    name: String,
    params: Value,
    arns: Vec<String>,
    region: String,
    account: String,
}

impl Passed {
    /// Keeps an allowed call; a refused or failed one is none.
    pub fn take(&mut self, record: &Record, catalog: &Catalog) {
        let call =
            record.error_code.is_none().then(|| Some((record.event_source.as_deref()?, record.event_name.as_deref()?)));
        let Some(((source, name), at)) = call.flatten().zip(record.event_time) else { return };
        let Some(prefix) = catalog.prefixes(source).first().copied() else { return };
        let who = caller(&principal::from_identity(&record.user_identity, record.recipient_account.as_deref()));
        let watch = (who, format!("{prefix}:{name}"));
        if self.seen.len() >= WATCHED && !self.seen.contains_key(&watch) {
            return;
        }
        let id = record.event_id.clone().unwrap_or_default();
        let of_one = self.seen.entry(watch).or_default();
        of_one.insert((at, id), Allowed::of(record, source, name));
        while of_one.len() > OF_ONE {
            of_one.pop_first();
        }
    }

    /// What the allowed calls add to findings that were denied the same: counted nowhere, and each once, however often the
    /// same log is read.
    pub fn observed(&self, findings: &[Finding], catalog: &Catalog) -> Vec<Observed> {
        let mut all = Vec::new();
        for finding in findings {
            for (key, item) in &finding.items {
                for operation in &item.operations {
                    let calls = self.seen.get(&(caller(&finding.principal), operation.clone()));
                    let same = calls.into_iter().flatten().filter(|(_, call)| call.is_of(key, catalog));
                    // What was allowed before the first denial says nothing of it.
                    let later = same.filter(|((at, _), _)| item.first_seen.is_some_and(|first| *at >= first));
                    all.extend(later.filter_map(|((at, id), _)| observed(finding, key, *at, id)));
                }
            }
        }
        all
    }
}

fn observed(finding: &Finding, key: &ItemKey, at: Timestamp, id: &str) -> Option<Observed> {
    let event_id = format!("allowed {id} {at} {} {} {}", finding.id, key.action, key.resource);
    Some(Observed { event_id, shared_event_id: None, at: Some(at), finding: finding.allowed(key, at)? })
}

impl Allowed {
    fn of(record: &Record, source: &str, name: &str) -> Self {
        let params = &record.request_parameters;
        let fits = params.to_string().len() <= PARAMETERS;
        Self {
            source: source.to_owned(),
            name: name.to_owned(),
            params: if fits { params.clone() } else { Value::Null },
            arns: record.resource_arns.clone(),
            region: record.region.clone().unwrap_or_default(),
            account: record.recipient_account.clone().unwrap_or_default(),
        }
    }

    /// Whether the call needed the item's action on its resource.
    fn is_of(&self, key: &ItemKey, catalog: &Catalog) -> bool {
        if key.resource.is_empty()
            || !catalog.resolve(&self.source, &self.name, Some(&self.params)).actions.contains(&key.action)
        {
            return false;
        }
        let partition = key.resource.parse::<Arn>().map_or_else(|_| "aws".to_owned(), |arn| arn.partition);
        let call = Call {
            operation: &self.name,
            params: Some(&self.params),
            partition: &partition,
            region: &self.region,
            account: &self.account,
        };
        self.arns.contains(&key.resource) || catalog.resources_from_request(&key.action, &call).contains(&key.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::World;
    use crate::app::scan::{Options, Scan};
    use crate::diagnosis::InForce;
    use crate::io::stores::MemoryLedger;
    use crate::triage::Verdict;
    use serde_json::json;

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
        let others = [
            event("2", 9, false, "arn:aws:iam::111122223333:role/other", "ana"),
            event("3", 9, false, ROLE, "eve"),
            event("4", 1, false, ROLE, "ana"),
        ];
        for other in others {
            assert_eq!(verdicts(&[&[no.clone(), other]]), [(Verdict::Review, 1)]);
        }
    }

    #[test]
    fn a_flood_of_calls_is_bounded() {
        let mut passed = Passed::default();
        for second in 0..60 {
            let (records, _) =
                crate::record::read(event(&second.to_string(), second, false, ROLE, "ana").to_string().as_bytes(), "t");
            passed.take(&records[0], Catalog::embedded());
        }
        assert_eq!(passed.seen.values().map(BTreeMap::len).collect::<Vec<_>>(), [OF_ONE]);
    }
}
