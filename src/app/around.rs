//! A second look at an archive, around what was found: whether the same calls were allowed, before and after, and who
//! changed a policy. Only files and records that can tell are read; what comes of it is what reading all of them gives.

use super::gather::named;
use super::passed::companions;
use crate::arn::Arn;
use crate::catalog::Catalog;
use crate::change::{BEFORE, KINDS};
use crate::finding::Finding;
use crate::foretold::predictions;
use crate::record::{self, Record};
use aho_corasick::AhoCorasick;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use memchr::memmem::Finder;
use std::collections::BTreeSet;

/// Regions in which IAM and Organizations record their events: <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>.
const GLOBAL: [&str; 3] = ["us-east-1", "cn-north-1", "us-gov-west-1"];

/// What is looked for.
#[derive(Debug)]
pub struct Around {
    /// Names of callers; `None` where one has no name that would stand in its events as it is.
    callers: Option<AhoCorasick>,
    /// Names of operations: first of changes, whoever makes them, then of calls that were denied or foretold.
    operations: AhoCorasick,
    /// Whose trails can tell.
    accounts: BTreeSet<String>,
    /// Events before it tell nothing.
    since: Option<Timestamp>,
}

impl Around {
    /// Around these findings; `None` when there are none. Of foretold permissions those calls are looked for that bear the
    /// action's name.
    pub fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>, catalog: &Catalog) -> Option<Self> {
        let (mut names, mut operations, mut accounts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (mut since, mut is_known, mut is_dated, mut any) = (None, true, true, false);
        for finding in findings {
            any = true;
            let who = &finding.principal;
            let name = who.name.as_deref().or(who.arn.as_deref()).and_then(plain);
            is_known &= name.is_some();
            names.extend(name.map(str::to_owned));
            let foretold = predictions(finding, companions(finding, catalog), None, catalog);
            let denied = finding.items.values().flat_map(|item| item.operations.iter().cloned());
            operations
                .extend(denied.chain(foretold.into_iter().map(|one| one.action)).filter_map(|name| quoted(&name)));
            accounts.extend(finding.account.iter().chain(&who.account).cloned());
            let owners = finding.items.keys().filter_map(|key| key.resource.parse::<Arn>().ok()).map(|arn| arn.account);
            accounts.extend(owners.filter(|account| !account.is_empty()));
            let first = finding.seen().0.and_then(|first| first.checked_sub(BEFORE).ok());
            is_dated &= first.is_some();
            since = [since, first].into_iter().flatten().min();
        }
        let callers = if is_known { AhoCorasick::new(names).ok() } else { None };
        let changes = KINDS.iter().map(|kind| format!("\"{}\"", kind.name));
        let operations = AhoCorasick::new(changes.chain(operations)).ok()?;
        any.then(|| Self { callers, operations, accounts, since: since.filter(|_| is_dated) })
    }

    /// Whether a record may be a change, or one of these calls of one of these callers.
    fn names(&self, raw: &[u8]) -> bool {
        let is_caller = || self.callers.as_ref().is_none_or(|callers| callers.is_match(raw));
        self.operations.find_iter(raw).any(|found| found.pattern().as_usize() < KINDS.len() || is_caller())
    }

    /// Whether a log file can tell, by its name. CloudTrail writes a file after its events, so that one from before the time
    /// asked for holds none of them; IAM's and the organization's events may stand in any account's.
    pub fn wants(&self, name: &str) -> bool {
        let Some((account, region, time)) = named::parts(name) else { return true };
        let at = DateTime::strptime("%Y%m%dT%H%MZ", time).ok().and_then(|time| time.to_zoned(TimeZone::UTC).ok());
        // The name's minute may be the one of the last event.
        let is_late =
            at.is_none_or(|at| self.since.is_none_or(|since| at.timestamp().as_second() + 60 >= since.as_second()));
        is_late && (self.accounts.contains(account) || GLOBAL.contains(&region))
    }
}

/// `prefix:Name` → the name as it stands in an event; `None` where it is a pattern.
fn quoted(operation: &str) -> Option<String> {
    let name = operation.split_once(':').map_or(operation, |(_, name)| name);
    (!name.contains(['*', '?'])).then(|| format!("\"{name}\""))
}

/// What of a name stands in JSON as it is, however the rest of it is written; `None` where that is nothing.
fn plain(name: &str) -> Option<&str> {
    let last = name.rsplit('/').next()?;
    let is_plain = last.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    (is_plain && !last.is_empty()).then_some(last)
}

/// Looks through one file after another.
#[derive(Debug)]
pub struct Seeker<'a> {
    around: &'a Around,
    source: Finder<'static>,
    data: Finder<'static>,
    /// Services of which an event was handed over, and of which a data event was: one of each tells that the log holds such.
    services: BTreeSet<Vec<u8>>,
    with_data: BTreeSet<Vec<u8>>,
}

impl<'a> Seeker<'a> {
    /// For what is looked for.
    pub fn new(around: &'a Around) -> Self {
        let (source, data) = (Finder::new("\"eventSource\""), Finder::new("\"Data\""));
        Self { around, source, data, services: BTreeSet::new(), with_data: BTreeSet::new() }
    }

    /// The events of a file that can tell, and some that cannot.
    pub fn seek(&mut self, name: &str, bytes: &[u8]) -> Vec<Record> {
        let mut records = Vec::new();
        let Some(sifted) = record::sift_all(bytes) else {
            record::for_each(bytes, name, |record| records.push(record), |_| {});
            return records;
        };
        for candidate in &sifted.candidates {
            let raw = candidate.raw.as_bytes();
            if self.tells_of_service(raw) || self.around.names(raw) || candidate.has_escapes || !candidate.is_event {
                candidate.read(name, |_| true, |record| records.push(record), |_| {});
            }
        }
        // What was refused or failed is no allowed call and no change.
        records.retain(|record| record.error_code.is_none());
        for record in &records {
            let source = record.event_source.clone().unwrap_or_default().into_bytes();
            if record.event_category.as_deref() == Some("Data") {
                self.with_data.insert(source.clone());
            }
            self.services.insert(source);
        }
        records
    }

    /// Whether a record may be the first of its service, or the first data event.
    fn tells_of_service(&self, raw: &[u8]) -> bool {
        let mut sources = self.source.find_iter(raw).filter_map(|at| text_behind(&raw[at + "\"eventSource\"".len()..]));
        sources.any(|source| {
            !self.services.contains(source) || !self.with_data.contains(source) && self.data.find(raw).is_some()
        })
    }
}

/// The string that is a member's value, as it is written.
fn text_behind(bytes: &[u8]) -> Option<&[u8]> {
    let text = bytes.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    text.split(|byte| *byte == b'"').next()
}

#[cfg(test)]
mod tests;
