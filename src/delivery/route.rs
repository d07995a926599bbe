//! Who hears of a finding: the first route that fits, its receivers now or with the digest.

use super::destination::Destination;
use super::owner::{Found, Owners, Tags};
use crate::advice::{Advice, Status};
use crate::policy::pattern::{matches, matches_action};
use crate::principal::PrincipalKind;
use crate::triage::{Severity, Verdict};

/// One `[[route]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// Which findings it is for; an empty one is for all.
    pub asks: Asks,
    /// Its receivers, in order.
    pub to: Vec<Receiver>,
    /// No later route is looked at once this one fits; false: its receivers come on top of a later route's.
    pub stop: bool,
    /// Slack id of a user (`U…`, `W…`) or a user group (`S…`) to mention.
    pub mention: Option<String>,
    /// Where the code of its findings lies.
    pub code: Option<CodePlace>,
}

/// A repository, and a folder in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CodePlace {
    /// Such as `acme/infra`, on GitHub.
    pub repository: String,
    /// The folder with the source; `None`: the whole repository.
    pub folder: Option<String>,
}

/// A receiver, now or with the digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receiver {
    /// Where.
    pub destination: Destination,
    /// `digest:…`: once a day, all together.
    pub digest: bool,
}

/// What a route asks of a finding: each list that is not empty must hold one that fits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asks {
    /// `severity`.
    pub severity: Vec<Severity>,
    /// `verdict`.
    pub verdict: Vec<Verdict>,
    /// `owner`: names, `*` and `?` are wildcards.
    pub owner: Vec<String>,
    /// `env`.
    pub env: Vec<String>,
    /// `account`: ids.
    pub account: Vec<String>,
    /// `principal`: ARNs or names, with wildcards.
    pub principal: Vec<String>,
    /// `permission`: any of the finding's, with wildcards.
    pub permission: Vec<String>,
}

impl Asks {
    /// Whether every finding fits.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn fits(&self, advice: &Advice, owner: Option<&str>, env: Option<&str>) -> bool {
        let any = |patterns: &[String], names: &[Option<&str>]| {
            patterns.is_empty() || patterns.iter().any(|one| names.iter().flatten().any(|name| matches(one, name)))
        };
        let who = &advice.principal;
        let actions = || advice.denied.iter().filter_map(|item| item.action.as_deref());
        (self.severity.is_empty() || self.severity.contains(&advice.severity))
            && (self.verdict.is_empty() || self.verdict.contains(&advice.verdict))
            && any(&self.owner, &[owner])
            && any(&self.env, &[env])
            && any(&self.account, &[advice.account.as_deref()])
            && any(&self.principal, &[who.arn.as_deref(), who.name.as_deref()])
            && (self.permission.is_empty()
                || self.permission.iter().any(|one| actions().any(|action| matches_action(one, action))))
    }
}

/// What a finding must reach to be told at once: `alert.min_severity`, `alert.min_count`. Below it the digest tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// At least so pressing.
    pub severity: Severity,
    /// Denials of a person.
    pub human: u64,
    /// Denials of all others.
    pub workload: u64,
}

impl Default for Floor {
    fn default() -> Self {
        Self { severity: Severity::Low, human: 1, workload: 1 }
    }
}

impl Floor {
    fn holds(&self, advice: &Advice) -> bool {
        let needed = match advice.principal.kind {
            PrincipalKind::User | PrincipalKind::PermissionSet | PrincipalKind::Root | PrincipalKind::Federated => {
                self.human
            }
            PrincipalKind::Role
            | PrincipalKind::ServiceLinkedRole
            | PrincipalKind::Service
            | PrincipalKind::Account
            | PrincipalKind::Anonymous
            | PrincipalKind::Unknown => self.workload,
        };
        // The more pressing is the smaller.
        advice.severity == Severity::Critical || (advice.severity <= self.severity && advice.count >= needed)
    }
}

/// All routes; the last one asks nothing, so that nothing is lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    /// In order.
    pub routes: Vec<Route>,
    /// Whose a finding is.
    pub owners: Owners,
    /// What must be reached to be told at once.
    pub floor: Floor,
}

/// Who hears of one finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routed {
    /// The routes that fitted, counted from 0.
    pub routes: Vec<usize>,
    /// Receivers that hear of it as soon as its pacing lets it go.
    pub now: Vec<Destination>,
    /// Receivers that hear of it with the digest.
    pub digest: Vec<Destination>,
    /// Where a message goes that its receiver refuses for good: the last route's receivers that are not in `now`.
    pub fallback: Vec<Destination>,
    /// Whose it is.
    pub owner: Option<Found>,
    /// See [`Route::mention`].
    pub mention: Option<String>,
}

impl Routes {
    /// Every receiver, each once, sorted.
    pub fn destinations(&self) -> Vec<Destination> {
        let all = self.routes.iter().flat_map(|route| &route.to).map(|to| to.destination.clone());
        let all: std::collections::BTreeSet<Destination> = all.collect();
        all.into_iter().collect()
    }

    /// Where a finding goes. What a rule expects or what soon passed goes nowhere: the report tells it.
    pub fn route(&self, advice: &Advice, tags: &Tags) -> Routed {
        let owner = self.owners.of(advice, tags);
        let env = self.owners.env(advice, tags);
        let mut routed = Routed::default();
        let mut named = false;
        for (at, route) in self.routes.iter().enumerate() {
            if !route.asks.fits(advice, owner.as_ref().map(|owner| owner.name.as_str()), env.as_deref()) {
                continue;
            }
            routed.routes.push(at);
            named |= route.asks.verdict.contains(&advice.verdict);
            routed.mention = routed.mention.or_else(|| route.mention.clone());
            route.to.iter().for_each(|to| routed.add(to));
            if route.stop {
                break;
            }
        }
        routed.owner = owner;
        routed.settle(audience(advice, named, &self.floor));
        let last = self.routes.last().map(|route| route.to.as_slice()).unwrap_or_default();
        let spare = last.iter().map(|to| &to.destination).filter(|to| !routed.now.contains(to));
        routed.fallback = spare.cloned().collect();
        routed
    }
}

/// When a finding is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    Now,
    Digest,
    Report,
}

/// What is denied by design and what nobody can tell is for the digest, unless a route asked for that very verdict.
fn audience(advice: &Advice, named: bool, floor: &Floor) -> Audience {
    let muted = !advice.denied.is_empty() && advice.denied.iter().all(|item| item.status == Status::Muted);
    match advice.verdict {
        Verdict::Expected | Verdict::Transient => Audience::Report,
        _ if muted => Audience::Report,
        Verdict::Upheld | Verdict::Unclear if !named => Audience::Digest,
        Verdict::Probing | Verdict::Owner | Verdict::Review | Verdict::Patch | Verdict::Unclear | Verdict::Upheld => {
            if floor.holds(advice) {
                Audience::Now
            } else {
                Audience::Digest
            }
        }
    }
}

impl Routed {
    fn add(&mut self, to: &Receiver) {
        let list = if to.digest { &mut self.digest } else { &mut self.now };
        if !list.contains(&to.destination) {
            list.push(to.destination.clone());
        }
    }

    fn settle(&mut self, audience: Audience) {
        match audience {
            Audience::Now => self.digest.retain(|to| !self.now.contains(to)),
            Audience::Digest => {
                let late = std::mem::take(&mut self.now);
                self.digest.splice(0..0, late.into_iter().collect::<Vec<_>>());
                let mut seen = std::collections::BTreeSet::new();
                self.digest.retain(|to| seen.insert(to.clone()));
            }
            Audience::Report => {
                self.now.clear();
                self.digest.clear();
            }
        }
    }
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
