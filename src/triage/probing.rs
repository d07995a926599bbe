//! One caller that tries many doors in minutes is looking around, not working: no patch for it, ever.
//!
//! Heuristics after published attack write-ups, one file a signal: many actions of many services (`doors`), the calls
//! that intruders make first (`firsts`), many secrets (`secrets`), the same questions in many Regions (`regions`), the
//! user agent of an attacker's system or tool (`tools`). A broken workload fails on the same few calls again and again,
//! however often. Signals add up; none takes another back.
//!
//! Not told, because the denials do not show it:
//! - `sts:GetCallerIdentity` before a burst: AWS refuses it to nobody, so it never comes as a denial;
//! - `Client.DryRunOperation` in between: it says that the call would have been allowed, so it is none either;
//! - more refused than allowed, a service's first use ever, a new network or user agent, a console user's keys in a
//!   script: the ledger keeps neither the calls that are allowed nor a caller's habits;
//! - an instance's keys from outside of AWS: that takes AWS's list of addresses, which changes by the day, and a call
//!   through a private network bears none of them;
//! - single sign-on without MFA: AWS writes so of every such session, whatever was asked for at the portal;
//! - further denials of an item: the user agent and the address kept are those of the earliest, the times first and last.
//!   So Regions that one item gathered over more than ten minutes count no longer, though they once may have;
//! - a user agent whose sample's time in the ledger is over.

mod doors;
mod firsts;
mod regions;
mod secrets;
mod tools;

use super::expected::BUILTIN;
use crate::diagnosis::Cause;
use crate::finding::{Finding, Item, ItemKey};
use crate::principal::{Principal, PrincipalKind};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What is refused within this time is seen together.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// Tells principals apart: account, kind and name, as a finding's id does.
pub type Caller = (Option<String>, PrincipalKind, Option<String>);

/// Whose findings these are.
pub fn caller(principal: &Principal) -> Caller {
    let (account, kind, name) = who(principal);
    (account.map(str::to_owned), kind, name.map(str::to_owned))
}

/// A [`Caller`] where it stands.
pub(crate) type Who<'p> = (Option<&'p str>, PrincipalKind, Option<&'p str>);

/// As [`caller`], and in the same order, where nothing is to be kept.
pub(crate) fn who(principal: &Principal) -> Who<'_> {
    (principal.account.as_deref(), principal.kind, principal.name.as_deref().or(principal.arn.as_deref()))
}

/// Callers that looked around or came near to it, seen over all their findings together.
pub fn sweeps<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> BTreeMap<Caller, Look> {
    let mut all: BTreeMap<Who<'a>, (&'a Principal, Vec<Call<'a>>)> = BTreeMap::new();
    for finding in findings {
        let refused = finding.items.iter().filter_map(|(key, item)| Call::of(finding, key, item));
        let principal = &finding.principal;
        all.entry(who(principal)).or_insert_with(|| (principal, Vec::new())).1.extend(refused);
    }
    all.into_values().filter_map(|(principal, calls)| Some((caller(principal), look(calls)?))).collect()
}

/// How far a caller's calls look like a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// A sweep, or the mark of an attacker's tool, in words.
    Sweep(String),
    /// Fewer doors than a sweep, but several in minutes: seen in part it may be one, so nothing is ready to apply.
    Near(String),
}

/// What one signal says of a caller's calls, which are in order of time; `None`: nothing.
type Signal = fn(&[Call<'_>]) -> Option<Look>;

/// The signals, in the order in which they are told.
const SIGNALS: [Signal; 5] = [doors::look, firsts::look, secrets::look, regions::look, tools::look];

/// What all signals say of a caller's calls; `None` when it is an ordinary one. A doubt beside a sweep is not told.
fn look(mut calls: Vec<Call<'_>>) -> Option<Look> {
    calls.sort_unstable();
    let (mut sweeps, mut nears) = (Vec::new(), Vec::new());
    for look in SIGNALS.iter().filter_map(|signal| signal(&calls)) {
        match look {
            Look::Sweep(why) => sweeps.push(why),
            Look::Near(why) => nears.push(why),
        }
    }
    match (sweeps.is_empty(), nears.is_empty()) {
        (false, _) => Some(Look::Sweep(sweeps.join("; "))),
        (true, false) => Some(Look::Near(nears.join("; "))),
        (true, true) => None,
    }
}

/// An item's denials, as far as the signals look at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Call<'a> {
    /// The first of them.
    at: Timestamp,
    /// The last of them.
    until: Timestamp,
    /// Empty when unknown.
    action: &'a str,
    /// Empty when unknown.
    resource: &'a str,
    regions: &'a BTreeSet<String>,
    /// Id of the first event.
    event: &'a str,
    /// The first event's user agent: the caller's own words. Empty when unknown.
    agent: &'a str,
    /// Made by this caller itself, as far as AWS tells, and known to no built-in rule.
    own: bool,
}

impl<'a> Call<'a> {
    fn of(finding: &Finding, key: &'a ItemKey, item: &'a Item) -> Option<Self> {
        let at = item.first_seen?;
        Some(Self {
            at,
            until: item.last_seen.unwrap_or(at),
            action: &key.action,
            resource: &key.resource,
            regions: &item.regions,
            event: item.events.first().map_or("", |(_, id)| id),
            agent: item.facts.user_agent.as_deref().unwrap_or_default(),
            own: is_one(&finding.principal)
                && is_direct(item)
                && !BUILTIN.iter().any(|rule| rule.fits(finding, key, item)),
        })
    }

    fn service(&self) -> &'a str {
        self.action.split(':').next().unwrap_or_default()
    }
}

/// Whether it is one customer's identity: no AWS service, and nobody under whose name strangers are counted together.
fn is_one(principal: &Principal) -> bool {
    match principal.kind {
        PrincipalKind::Service | PrincipalKind::ServiceLinkedRole | PrincipalKind::Anonymous => false,
        PrincipalKind::Unknown => principal.name.is_some() || principal.arn.is_some(),
        PrincipalKind::Role
        | PrincipalKind::User
        | PrincipalKind::PermissionSet
        | PrincipalKind::Root
        | PrincipalKind::Federated
        | PrincipalKind::Account => true,
    }
}

/// Whether no AWS service made the call for the caller. AWS fills in both fields; the user agent would be the caller's.
fn is_direct(item: &Item) -> bool {
    let from = item.facts.source_ip.as_deref().unwrap_or_default();
    item.vias.iter().all(String::is_empty) && from != "AWS Internal" && !from.ends_with(".amazonaws.com")
}

/// The calls within the time of each one of them; they are in order of time.
fn windows<'c, 'a>(calls: &'c [Call<'a>]) -> impl Iterator<Item = &'c [Call<'a>]> {
    calls.iter().enumerate().map(|(from, first)| {
        let rest = &calls[from..];
        &rest[..rest.partition_point(|call| call.at.duration_since(first.at) <= WINDOW)]
    })
}

/// The caller's own calls of these actions, in the same order.
fn own<'a>(calls: &[Call<'a>], is_asked: impl Fn(&str) -> bool) -> Vec<Call<'a>> {
    calls.iter().filter(|call| call.own && is_asked(call.action)).copied().collect()
}

/// Causes that are an incident by themselves.
pub fn is_incident(cause: Cause) -> bool {
    cause == Cause::KeyQuarantined
}

#[cfg(test)]
mod tests;
