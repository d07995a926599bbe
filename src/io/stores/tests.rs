//! One suite, run on every ledger.

mod changes;
mod counting;
mod findings;
mod forgetting;
mod objects;
mod told;

use super::*;
use crate::denial::{Encoded, Facts, How, Reason, ReasonKind};
use crate::diagnosis::{Cause, Diagnosis, Target, TargetKind};
use crate::finding::{Item, ItemKey};
use crate::principal::{Principal, PrincipalKind};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

#[cfg(feature = "dynamodb")]
pub(super) use forgetting::{check_left, name_everywhere};

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn event(id: &str, shared: Option<&str>, finding: &str, action: &str, when: &str) -> Observed {
    let seen = Some(at(when));
    let target = Target { kind: TargetKind::RolePolicy, arn: None, name: Some("app".into()), account: None };
    let item = Item {
        count: 1,
        first_seen: seen,
        last_seen: seen,
        events: BTreeSet::from([(seen, id.to_owned())]),
        how: How::Message,
        reason: Reason {
            kind: ReasonKind::Implicit,
            policy_type: None,
            policy_arn: None,
            authorization_id: None,
            encoded: Encoded::Absent,
            special: None,
            cut: false,
        },
        diagnosis: Diagnosis {
            cause: Cause::IdentityAllowMissing,
            summary: "s".into(),
            evidence: vec![],
            unchecked: vec![],
            doubts: vec![],
        },
        operations: BTreeSet::from([action.to_owned()]),
        regions: BTreeSet::from(["us-east-1".to_owned()]),
        vias: BTreeSet::new(),
        also: BTreeSet::new(),
        passes: BTreeSet::new(),
        next: BTreeSet::new(),
        seconds: BTreeSet::new(),
        allowed: BTreeSet::new(),
        more_allowed: false,
        before: BTreeSet::new(),
        looked: BTreeMap::new(),
        facts: Facts { message: Some(format!("message of {id}")), ..Facts::default() },
    };
    let principal = Principal {
        kind: PrincipalKind::Role,
        arn: Some(format!("arn:aws:iam::111122223333:role/{finding}")),
        name: Some(finding.to_owned()),
        ..Principal::unknown()
    };
    let key = ItemKey { action: action.to_owned(), resource: "*".into(), cause: Cause::IdentityAllowMissing };
    let finding = Finding {
        id: format!("D-{finding}"),
        principal,
        target,
        account: Some("111122223333".into()),
        count: 1,
        days: BTreeMap::from([(at(when).to_zoned(TimeZone::UTC).date(), 1)]),
        items: BTreeMap::from([(key, Box::new(item))]),
        used: BTreeMap::new(),
    };
    Observed { event_id: id.into(), shared_event_id: shared.map(Into::into), at: seen, finding }
}

/// A fresh ledger of each kind. DynamoDB's where `DENYWATCH_TEST_DYNAMODB` says how to reach a stand-in: see
/// `tests/e2e/with_dynamodb.py`.
pub(super) fn each(folder: &tempfile::TempDir, keep: &Keep) -> Vec<Box<dyn Ledger>> {
    let file = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap().keeping(keep).unwrap();
    #[allow(unused_mut)]
    let mut all: Vec<Box<dyn Ledger>> = vec![Box::new(MemoryLedger::keeping(keep)), Box::new(file)];
    #[cfg(feature = "dynamodb")]
    all.extend(super::dynamo::tests::fresh(keep).map(|ledger| Box::new(ledger) as Box<dyn Ledger>));
    all
}

/// Runs a test on each ledger, a fresh one that keeps everything.
fn on_each(test: impl Fn(&mut dyn Ledger)) {
    on_each_keeping(&Keep::days(40_000, 40_000), test);
}

fn on_each_keeping(keep: &Keep, test: impl Fn(&mut dyn Ledger)) {
    let folder = tempfile::tempdir().unwrap();
    each(&folder, keep).iter_mut().for_each(|ledger| test(ledger.as_mut()));
}

const TUE: &str = "2026-11-10T10:00:00Z";

const WED: &str = "2026-11-11T10:00:00Z";

const FRI: &str = "2026-11-13T10:00:00Z";

const NOW: &str = "2026-11-14T10:00:00Z";

/// Records as of Saturday.
fn record(ledger: &mut dyn Ledger, batch: Vec<Observed>) -> Recorded {
    ledger.record(batch, at(NOW)).unwrap()
}

fn recorded(new: u64, duplicate: u64) -> Recorded {
    Recorded { new, duplicate, stale: 0 }
}

#[track_caller]
fn check_ids(ledger: &dyn Ledger, filter: Filter, expect: &[&str]) {
    let ids: Vec<String> = ledger.findings(&filter).unwrap().into_iter().map(|finding| finding.id).collect();
    assert_eq!(ids, expect);
}

/// So many days before; a table shows what the clock of this machine does not hold to be over.
fn ago(now: Timestamp) -> impl Fn(i64) -> String {
    move |days| (now - jiff::SignedDuration::from_hours(24 * days)).to_string()
}
