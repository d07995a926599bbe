//! One caller that tries many doors in minutes is looking around, not working: no patch for it, ever.
//!
//! Heuristics after published attack write-ups: a sweep of many actions over several services within minutes.
//! A broken workload fails on the same few calls again and again, however often.

use crate::diagnosis::Cause;
use crate::finding::Finding;
use crate::principal::Principal;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Within this time …
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// … that many different actions …
const ACTIONS: usize = 10;
/// … of that many services are a sweep.
const SERVICES: usize = 4;
/// So many actions …
const NEAR_ACTIONS: usize = 5;
/// … of so many services within the time are worth a doubt.
const NEAR_SERVICES: usize = 3;

/// Tells principals apart: account, kind and name, as a finding's id does.
pub type Caller = (Option<String>, crate::principal::PrincipalKind, Option<String>);

/// Whose findings these are.
pub fn caller(principal: &Principal) -> Caller {
    (principal.account.clone(), principal.kind, principal.name.clone().or_else(|| principal.arn.clone()))
}

/// Callers that swept or came near to it, seen over all their findings together.
pub fn sweeps<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> BTreeMap<Caller, Look> {
    let mut calls: BTreeMap<Caller, Vec<(Timestamp, &str)>> = BTreeMap::new();
    for finding in findings {
        let firsts = finding.items.iter().filter(|(key, _)| !key.action.is_empty());
        let firsts = firsts.filter_map(|(key, item)| Some((item.first_seen?, key.action.as_str())));
        calls.entry(caller(&finding.principal)).or_default().extend(firsts);
    }
    calls.into_iter().filter_map(|(who, calls)| Some((who, look(calls)?))).collect()
}

/// How far a caller's calls look like a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// A sweep, in words.
    Sweep(String),
    /// Fewer doors than a sweep, but several in minutes: seen in part it may be one, so nothing is ready to apply.
    Near(String),
}

/// The densest window of a caller's calls; `None` when it is an ordinary one.
fn look(mut calls: Vec<(Timestamp, &str)>) -> Option<Look> {
    calls.sort_unstable();
    let windows = (0..calls.len()).map(|from| {
        let until = calls[from].0 + WINDOW;
        let inside = calls[from..].iter().take_while(|(at, _)| *at <= until);
        inside.map(|(_, action)| *action).collect::<BTreeSet<_>>()
    });
    let densest = windows.max_by_key(BTreeSet::len)?;
    let services: BTreeSet<&str> = densest.iter().filter_map(|action| action.split(':').next()).collect();
    let (actions, services) = (densest.len(), services.len());
    let words = format!("{actions} different actions of {services} services were refused within ten minutes");
    match (actions >= ACTIONS && services >= SERVICES, actions >= NEAR_ACTIONS && services >= NEAR_SERVICES) {
        (true, _) => Some(Look::Sweep(format!("{words}: a sweep, not a workload"))),
        (false, true) => Some(Look::Near(format!("{words}: make sure that this is no sweep"))),
        (false, false) => None,
    }
}

/// Causes that are an incident by themselves.
pub fn is_incident(cause: Cause) -> bool {
    cause == Cause::KeyQuarantined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(calls: impl IntoIterator<Item = (i64, &'static str)>, expect: Option<bool>) {
        let calls = calls.into_iter().map(|(second, action)| (Timestamp::from_second(second).unwrap(), action));
        assert_eq!(look(calls.collect()).map(|look| matches!(look, Look::Sweep(_))), expect);
    }

    const DOORS: [&str; 10] = [
        "iam:ListUsers",
        "iam:ListRoles",
        "s3:ListAllMyBuckets",
        "ec2:DescribeInstances",
        "ec2:DescribeVpcs",
        "lambda:ListFunctions",
        "rds:DescribeDBInstances",
        "kms:ListKeys",
        "ssm:DescribeParameters",
        "sns:ListTopics",
    ];

    #[test]
    fn many_doors_in_minutes_are_a_sweep_and_nothing_less_is() {
        let spread = |gap: i64| DOORS.iter().enumerate().map(move |(at, door)| (at as i64 * gap, *door));
        check(spread(20), Some(true));
        check(spread(600), None);
        check(spread(20).take(9), Some(false));
        check(spread(20).take(4), None);
        check((0..5_000).map(|second| (second, DOORS[usize::try_from(second).unwrap() % 3])), None);
        check(
            (0..10).map(|at| {
                (at, ["s3:A", "s3:B", "s3:C", "s3:D", "s3:E", "s3:F", "s3:G", "s3:H", "s3:I", "s3:J"][at as usize])
            }),
            None,
        );
        check([], None);
    }
}
