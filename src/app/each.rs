//! Ledger → advice on some of its findings, a few callers at a time: however many there are, few are held.

use super::World;
use super::ingest::changes_around;
use crate::advice::Advice;
use crate::finding::Finding;
use crate::io::stores::{Filter, Head, Ledger, LedgerError, Touched};
use crate::record::Problem;
use crate::triage::expected::Usage;
use crate::triage::probing::caller;

/// Findings that are held at a time; more only where one caller has more.
const AT_ONCE: usize = 64;

/// Hands over advice on these findings, each in the light of all others of its caller, caller by caller, so not ranked:
/// [`Advice::rank`]. Returns what could not be read of the policies in force.
///
/// Where AWS is asked for these ([`World::outside`]) it is asked once for all, so that all findings are held.
///
/// ```
/// # use denywatch::{app::{World, each::advise_each}, io::stores::{Ledger, LedgerError, Touched}};
/// fn grave(touched: &Touched, ledger: &dyn Ledger, world: &World) -> Result<usize, LedgerError> {
///     let mut count = 0;
///     advise_each(touched, ledger, world, &mut |advice| count += usize::from(advice.count > 100))?;
///     Ok(count)
/// }
/// ```
///
/// # Errors
/// The ledger could not be read.
pub fn advise_each(
    touched: &Touched,
    ledger: &dyn Ledger,
    world: &World,
    each: &mut dyn FnMut(Advice),
) -> Result<Vec<Problem>, LedgerError> {
    if touched.ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut heads = told_apart(ledger.heads(touched)?, ledger)?;
    let at_once = if world.outside.is_some() { usize::MAX } else { AT_ONCE };
    let mut usage = Usage::default();
    if world.expected.counts() {
        for part in parts(&heads, at_once) {
            world.expected.count(&load(part, touched, ledger)?, &mut usage);
        }
    }
    let is_asked = |id: &str| touched.ids.contains(id);
    let mut problems = Vec::new();
    // Those that were told make room for what is made of them.
    while let Some(part) = last(&mut heads, at_once) {
        let all = load(&part, touched, ledger)?;
        let changes = changes_around(all.iter().filter(|one| is_asked(&one.id)), &world.in_force, ledger)?;
        let (advice, unread) = world.advise_part(&all, &is_asked, &usage, &changes);
        problems.extend(unread);
        advice.into_iter().filter(|one| is_asked(&one.id)).for_each(&mut *each);
    }
    Ok(problems)
}

/// As a [`Filter`] would hand them over that has a copy of `among`.
fn load(part: &[Head], among: &Touched, ledger: &dyn Ledger) -> Result<Vec<Finding>, LedgerError> {
    let ids: Vec<&str> = part.iter().map(|head| &*head.id).collect();
    let all = Filter::default();
    Ok(ledger.some(&ids)?.into_iter().filter(|one| all.takes(one) && among.takes(one)).collect())
}

/// Callers of many accounts may bear one name, as a role that every account has: told apart where they are too many to be
/// held together.
fn told_apart(heads: Vec<Head>, ledger: &dyn Ledger) -> Result<Vec<Head>, LedgerError> {
    let by_owner = || heads.chunk_by(|one, next| one.owner == next.owner);
    if by_owner().all(|alike| alike.len() <= AT_ONCE) {
        return Ok(heads);
    }
    let mut all = Vec::new();
    for alike in by_owner() {
        if alike.len() <= AT_ONCE {
            all.extend_from_slice(alike);
            continue;
        }
        let mut apart = Vec::new();
        for some in alike.chunks(AT_ONCE) {
            let ids: Vec<&str> = some.iter().map(|head| &*head.id).collect();
            apart.extend(ledger.some(&ids)?.iter().map(|finding| Head {
                owner: format!("{:?}", caller(&finding.principal)).into(),
                id: finding.id.as_str().into(),
            }));
        }
        apart.sort_unstable();
        all.append(&mut apart);
    }
    Ok(all)
}

/// All heads of some owners each, not many more than `at_once`; those of one stand together.
fn parts(mut heads: &[Head], at_once: usize) -> impl Iterator<Item = &[Head]> {
    std::iter::from_fn(move || {
        let most = at_once.min(heads.len()).checked_sub(1)?;
        let last = &heads[most].owner;
        let more = heads[most..].iter().take_while(|head| head.owner == *last).count();
        let (part, rest) = heads.split_at(most + more);
        heads = rest;
        Some(part)
    })
}

/// Takes away the last of [`parts`], as seen from the end.
fn last(heads: &mut Vec<Head>, at_once: usize) -> Option<Vec<Head>> {
    let most = heads.len().saturating_sub(at_once);
    let first = &heads.get(most)?.owner;
    let more = heads[..most].iter().rev().take_while(|head| head.owner == *first).count();
    Some(heads.split_off(most - more))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::ingest::{denials, observed};
    use crate::change::Changes;
    use crate::diagnosis::InForce;
    use crate::io::stores::MemoryLedger;
    use crate::record;
    use crate::triage::expected::{About, Expected, Rule};
    use serde_json::json;

    fn head(owner: &str, id: usize) -> Head {
        Head { owner: owner.into(), id: id.to_string().into() }
    }

    #[test]
    fn a_callers_findings_stay_together() {
        let heads: Vec<Head> =
            ["a", "a", "b", "c", "c", "c", "c", "d"].iter().zip(0..).map(|(o, id)| head(o, id)).collect();
        let sizes = |at_once| parts(&heads, at_once).map(<[Head]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(1), [2, 1, 4, 1]);
        assert_eq!(sizes(4), [7, 1]);
        assert_eq!(sizes(usize::MAX), [8]);
        assert_eq!(parts(&[], 4).count(), 0);
        let from_the_end = |at_once| {
            let mut left = heads.clone();
            let taken: Vec<Vec<Head>> = std::iter::from_fn(|| last(&mut left, at_once)).collect();
            let sizes = taken.iter().map(Vec::len).collect::<Vec<_>>();
            assert_eq!(taken.into_iter().rev().flatten().collect::<Vec<_>>(), heads);
            sizes
        };
        assert_eq!(from_the_end(1), [1, 4, 1, 2]);
        assert_eq!(from_the_end(4), [5, 3]);
        assert_eq!(from_the_end(usize::MAX), [8]);
    }

    /// Roles of many accounts, 300 of one name, each refused a queue; all but one are asked for.
    fn ledger() -> (MemoryLedger, Touched) {
        let denied = |n: usize, account: usize, role: &str| {
            let arn = format!("arn:aws:sts::{account:012}:assumed-role/{role}/s");
            json!({"eventVersion": "1.08", "eventID": n.to_string(), "eventTime": "2026-11-10T10:00:00Z",
                "eventSource": "sqs.amazonaws.com", "eventName": "ListQueues", "awsRegion": "eu-west-1",
                "userIdentity": {"type": "AssumedRole", "arn": arn, "accountId": format!("{account:012}")},
                "recipientAccountId": format!("{account:012}"), "errorCode": "AccessDenied",
                "errorMessage": format!("User: {arn} is not authorized to perform: sqs:listqueues")})
        };
        let role = |n: usize| if n < 300 { denied(n, n, "same") } else { denied(n, 7, &format!("role-{n}")) };
        let log = json!({"Records": (0..501).map(role).collect::<Vec<_>>()}).to_string();
        let (records, _) = record::read(log.as_bytes(), "log");
        let events = observed(denials(&records, &World::new(InForce::default())));
        let touched = Touched::of(&events[..500]);
        let mut ledger = MemoryLedger::default();
        ledger.record(events, "2026-11-10T12:00:00Z".parse().unwrap()).unwrap();
        (ledger, touched)
    }

    #[test]
    fn a_few_at_a_time_are_as_all_at_once() {
        let (ledger, touched) = ledger();
        // A limit speaks of all together: each part of them is below it.
        let rule = |limit| Rule {
            id: "r".into(),
            about: About { permission: Some("sqs:*".into()), ..About::default() },
            reason: String::new(),
            owner: String::new(),
            expires: None,
            limit,
            snooze: false,
        };
        for rules in [vec![], vec![rule(Some(400))], vec![rule(None)]] {
            let world = World::new(InForce::default()).expecting(Expected { rules, ..Expected::default() });
            let all = ledger.findings(&Filter { among: Some(touched.clone()), ..Filter::default() }).unwrap();
            let (mut whole, _) = world.advise(&all, None, &Changes::new());
            whole.retain(|one| touched.ids.contains(&one.id));
            let mut each = Vec::new();
            advise_each(&touched, &ledger, &world, &mut |one| each.push(one)).unwrap();
            each.sort_by_cached_key(Advice::rank);
            assert_eq!((each.len(), &each), (500, &whole));
            let muted = each.iter().filter(|one| one.denied[0].muted_by.as_deref() == Some("r")).count();
            assert_eq!(muted, if world.expected.rules.iter().any(|rule| rule.limit.is_none()) { 500 } else { 0 });
        }
        let heads = told_apart(ledger.heads(&touched).unwrap(), &ledger).unwrap();
        assert!(parts(&heads, AT_ONCE).all(|part| part.len() <= AT_ONCE), "one name is not one caller");
    }
}
