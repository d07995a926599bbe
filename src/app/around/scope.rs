//! Which log files can tell of findings, by their names alone.

use crate::app::gather::named;
use crate::arn::Arn;
use crate::change::BEFORE;
use crate::finding::Finding;
use crate::principal::PrincipalKind;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// Regions in which IAM and Organizations record their events: <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>.
const GLOBAL: [&str; 3] = ["us-east-1", "cn-north-1", "us-gov-west-1"];

/// Accounts, Regions and a time.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Whose trails can tell, and of which Regions; `None` stands for all.
    places: BTreeMap<String, Option<BTreeSet<String>>>,
    /// Events before it tell nothing; `None` where findings have no time.
    since: Option<Timestamp>,
    is_undated: bool,
}

impl Scope {
    /// Widens it by a finding.
    pub(super) fn add(&mut self, finding: &Finding) {
        let first = finding.seen().0.and_then(|first| first.checked_sub(BEFORE).ok());
        self.is_undated |= first.is_none();
        self.since = [self.since, first].into_iter().flatten().min();
        let arns: Vec<Arn> = finding.items.keys().filter_map(|key| key.resource.parse().ok()).collect();
        let own = finding.account.iter().chain(&finding.principal.account).cloned();
        let owners = arns.iter().map(|arn| arn.account.clone()).filter(|account| !account.is_empty());
        let accounts: BTreeSet<String> = own.chain(owners).collect();
        let regions = regions(finding, &arns);
        for account in accounts {
            let there = self.places.entry(account).or_insert_with(|| Some(BTreeSet::new()));
            match (there.as_mut(), &regions) {
                (Some(there), Some(more)) => there.extend(more.iter().cloned()),
                _ => *there = None,
            }
        }
    }

    /// Whether a log file can tell, by its name. CloudTrail writes a file after its events, so that one from before the time
    /// asked for holds none of them; IAM's and the organization's events may stand in any account's.
    pub(super) fn wants(&self, name: &str) -> bool {
        if self.places.is_empty() && !self.is_undated && self.since.is_none() {
            return false;
        }
        let Some((account, region, time)) = named::parts(name) else { return true };
        let is_there = || {
            let regions = self.places.get(account);
            regions.is_some_and(|regions| regions.as_ref().is_none_or(|regions| regions.contains(region)))
        };
        (GLOBAL.contains(&region) || is_there()) && self.is_late(time)
    }

    fn is_late(&self, time: &str) -> bool {
        let Some(since) = self.since.filter(|_| !self.is_undated) else { return true };
        let at = DateTime::strptime("%Y%m%dT%H%MZ", time).ok().and_then(|time| time.to_zoned(TimeZone::UTC).ok());
        // The name's minute may be the one of the last event.
        at.is_none_or(|at| at.timestamp().as_second() + 60 >= since.as_second())
    }
}

/// Regions of the calls and of what they were for; `None` where any may tell: permission sets are changed where Identity
/// Center is, buckets where they lie.
fn regions(finding: &Finding, arns: &[Arn]) -> Option<BTreeSet<String>> {
    let is_anywhere = finding.principal.kind == PrincipalKind::PermissionSet
        || finding.items.values().any(|item| item.regions.is_empty())
        || arns.iter().any(|arn| arn.service == "s3" && arn.region.is_empty());
    let called = finding.items.values().flat_map(|item| item.regions.iter().cloned());
    let lying = arns.iter().map(|arn| arn.region.clone()).filter(|region| !region.is_empty());
    (!is_anywhere).then(|| called.chain(lying).collect())
}
