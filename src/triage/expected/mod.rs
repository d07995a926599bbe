//! Denials that are no news: AWS's own services and consoles that look before they leap, and what a team's rules name.
//!
//! A rule keeps a denial out of the messages, never out of the record. A built-in one mutes reads alone, and nothing
//! of a caller that looks around ([`super::probing`]); a rule of the team may, as it has an owner who answers for it.
//! A rule speaks of denials up to its end: one that comes later is told, and the earlier ones stay muted.

mod builtin;

pub use builtin::{BUILTIN, Builtin};

use super::Verdict;
use super::limits::Limits;
use crate::catalog::{AccessLevel, Catalog};
use crate::finding::{Finding, Item, ItemKey};
use crate::policy::pattern::{matches, matches_action};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::collections::{BTreeMap, BTreeSet};

/// A rule that a team wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name; unique.
    pub id: String,
    /// What it is about.
    pub about: About,
    /// Why the denial is expected.
    pub reason: String,
    /// Who answers for the rule.
    pub owner: String,
    /// It speaks of denials before this time; `None`: of all.
    pub expires: Option<Timestamp>,
    /// On a day with more denials than that, all that it is about together, it mutes nothing.
    pub limit: Option<u64>,
    /// It only asks for quiet (`snooze`): the verdict stays what it is.
    pub snooze: bool,
}

/// What a rule is about: all that is given must fit. `*` and `?` are wildcards, as in a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// A finding's id, or the beginning of it.
    pub finding: Option<String>,
    /// The principal's ARN or name; never its session, which the caller chooses.
    pub principal: Option<String>,
    /// The permission, such as `s3:Get*`; letter case does not matter.
    pub permission: Option<String>,
    /// The resource's ARN.
    pub resource: Option<String>,
    /// The account in which the denials were recorded.
    pub account: Option<String>,
}

impl About {
    /// Whether it is about this item of a finding.
    pub fn fits(&self, finding: &Finding, key: &ItemKey) -> bool {
        let who = &finding.principal;
        let names = [who.arn.as_deref(), who.name.as_deref()];
        let named = |pattern: &String| names.iter().flatten().any(|name| matches(pattern, name));
        self.finding.as_ref().is_none_or(|id| finding.id.starts_with(&id.to_ascii_uppercase()))
            && self.principal.as_ref().is_none_or(named)
            && self.permission.as_ref().is_none_or(|pattern| matches_action(pattern, &key.action))
            && self.resource.as_ref().is_none_or(|pattern| matches(pattern, &key.resource))
            && self.account.as_ref().is_none_or(|account| finding.account.as_ref() == Some(account))
    }

    /// Nothing is given: it would fit everything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The rules in effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// No built-in rule holds.
    pub without_builtin: bool,
    /// Ids of built-in rules that do not hold.
    pub disabled: BTreeSet<String>,
    /// The team's, in their order.
    pub rules: Vec<Rule>,
    /// What the team lets nobody grant in one step: no rule on denials, but of the same hand, and on the same way.
    pub limits: Limits,
}

/// The rule that keeps an item out of the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Muted {
    /// Its id.
    pub rule: String,
    /// Its reason.
    pub reason: String,
    /// The verdict stays what it is.
    pub snooze: bool,
}

/// Denials a day that each rule with a limit is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage(BTreeMap<String, BTreeMap<Date, u64>>);

impl Expected {
    /// Counts for the rules with a limit, over findings that are seen together. A finding counts whole as soon as one of
    /// its items fits: a limit rather lets too much through than too little.
    pub fn usage(&self, findings: &[Finding]) -> Usage {
        let mut usage = Usage::default();
        self.count(findings, &mut usage);
        usage
    }

    /// Adds further findings to what is counted; the order does not matter.
    pub fn count(&self, findings: &[Finding], usage: &mut Usage) {
        for rule in self.rules.iter().filter(|rule| rule.limit.is_some()) {
            let days = usage.0.entry(rule.id.clone()).or_default();
            for finding in findings.iter().filter(|one| one.items.keys().any(|key| rule.about.fits(one, key))) {
                finding.days.iter().for_each(|(day, count)| *days.entry(*day).or_default() += count);
            }
        }
    }

    /// Whether any rule has a limit, so that there is something to count.
    pub fn counts(&self) -> bool {
        self.rules.iter().any(|rule| rule.limit.is_some())
    }

    /// The rule that keeps this item out of the messages: the team's first, then the built-in ones.
    pub fn mutes(
        &self,
        finding: &Finding,
        key: &ItemKey,
        item: &Item,
        verdict: Verdict,
        usage: &Usage,
    ) -> Option<Muted> {
        let own = self.rules.iter().find(|rule| rule.about.fits(finding, key) && rule.holds(item, usage));
        if let Some(rule) = own {
            return Some(Muted { rule: rule.id.clone(), reason: rule.reason.clone(), snooze: rule.snooze });
        }
        if verdict == Verdict::Probing || !is_read(&key.action) {
            return None;
        }
        let rule = self.builtin().find(|rule| rule.fits(finding, key, item))?;
        Some(Muted { rule: rule.id.to_owned(), reason: rule.reason.to_owned(), snooze: false })
    }

    /// The built-in rules that hold.
    pub fn builtin(&self) -> impl Iterator<Item = &'static Builtin> {
        BUILTIN.iter().filter(|rule| !self.without_builtin && !self.disabled.contains(rule.id))
    }
}

impl Rule {
    /// Whether it speaks of the item's latest denial. What has no time (pasted text) it speaks of as long as it has no end.
    fn holds(&self, item: &Item, usage: &Usage) -> bool {
        let in_time = self.expires.is_none_or(|end| item.last_seen.is_some_and(|last| last < end));
        let day = item.last_seen.map(|at| at.to_zoned(TimeZone::UTC).date());
        let counted = day.and_then(|day| usage.0.get(&self.id)?.get(&day).copied()).unwrap_or(0);
        in_time && self.limit.is_none_or(|limit| counted <= limit)
    }
}

/// Whether the catalogue says that a permission lets nobody change anything. What it does not know may write.
fn is_read(action: &str) -> bool {
    let level = Catalog::embedded().action(action).map(|action| action.access_level());
    matches!(level, Some(AccessLevel::Read | AccessLevel::List))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
