//! What goes into a ledger and comes out, beside findings.

use super::Touched;
use crate::change::Change;
use crate::delivery::Told;
use crate::finding::{Finding, Fresh, Item, Observed};
use crate::io::sinks::Receipt;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What [`super::Ledger::record`] did with a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Events counted now.
    pub new: u64,
    /// Events that were counted before.
    pub duplicate: u64,
    /// Events older than the ledger keeps counts: refused, since whether they were counted can no longer be told.
    pub stale: u64,
}

impl Recorded {
    /// Counts one event that is not stale.
    pub(super) fn note(&mut self, event: &Observed, fresh: Fresh, counted: &mut Option<&mut BTreeSet<String>>) {
        if event.is_sighting() {
            return;
        }
        self.count(fresh);
        if let Some(counted) = counted.as_mut().filter(|_| fresh.counts()) {
            counted.insert(event.event_id.clone());
        }
    }

    /// See [`Recorded::note`].
    pub(super) fn count(&mut self, fresh: Fresh) {
        match fresh.counts() {
            true => self.new += 1,
            false => self.duplicate += 1,
        }
    }

    /// Adds another batch's counts.
    #[cfg(feature = "dynamodb")]
    pub(super) fn add(&mut self, other: Self) {
        self.new += other.new;
        self.duplicate += other.duplicate;
        self.stale += other.stale;
    }
}

/// Which findings are wanted; an empty filter takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// From here on.
    pub since: Option<Timestamp>,
    /// Up to here, exclusive.
    pub until: Option<Timestamp>,
    /// The account that the denials were recorded in.
    pub account: Option<String>,
    /// A principal's ARN or name.
    pub principal: Option<String>,
    /// These findings and all of these callers only; `None` takes all.
    pub among: Option<Touched>,
}

impl Filter {
    /// Whether a finding is wanted. One of which only copies told, counted elsewhere, is not. Denials without a time
    /// (pasted text) are wanted only where no period is given.
    pub fn takes(&self, finding: &Finding) -> bool {
        finding.count > 0
            && self.account.as_ref().is_none_or(|account| finding.account.as_ref() == Some(account))
            && self.principal.as_ref().is_none_or(|name| names(finding, name))
            && self.among.as_ref().is_none_or(|among| among.takes(finding))
            && self.takes_days(finding)
            && finding.items.values().any(|item| self.takes_item(item))
    }

    fn takes_item(&self, item: &Item) -> bool {
        overlaps(self.since, self.until, item.first_seen, item.last_seen)
    }

    /// Between its first and its last denial a finding may have been quiet for the whole period.
    fn takes_days(&self, finding: &Finding) -> bool {
        let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
        let last = |at: Timestamp| day(at.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(at));
        self.since.is_none() && self.until.is_none()
            || finding.days.keys().any(|date| {
                self.since.is_none_or(|since| *date >= day(since))
                    && self.until.is_none_or(|until| *date <= last(until))
            })
    }
}

/// Whether a finding is about the principal with this ARN or name.
pub(super) fn names(finding: &Finding, principal: &str) -> bool {
    let who = &finding.principal;
    who.arn.as_deref() == Some(principal) || who.name.as_deref() == Some(principal)
}

/// Whether a span of events reaches into a period. A span without times does so only when there is no period.
pub(super) fn overlaps(
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
) -> bool {
    since.is_none_or(|since| last.is_some_and(|last| last >= since))
        && until.is_none_or(|until| first.is_some_and(|first| first < until))
}

/// What one run read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What was read: the paths of a scan, a request's id. A later run over the same input replaces this one.
    pub input: String,
    /// When the run ended.
    pub at: Timestamp,
    /// Files or messages.
    pub files: u64,
    /// Bytes after inflating.
    pub bytes: u64,
    /// Events of all kinds.
    pub records: u64,
    /// Denied events, duplicates and all.
    pub denied: u64,
    /// Files and records that could not be read.
    pub unreadable: u64,
    /// Where and when the events happened, one entry an account and Region.
    pub places: Vec<Place>,
}

/// An account and Region that events came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// `None` when the events do not tell.
    pub account: Option<String>,
    /// `None` when the events do not tell.
    pub region: Option<String>,
    /// Time of the earliest event.
    pub first: Option<Timestamp>,
    /// Time of the latest event.
    pub last: Option<Timestamp>,
    /// Events.
    pub records: u64,
}

/// What was read of a period: the sum of its runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Runs that met events of the period.
    pub runs: u64,
    /// See [`Run::files`].
    pub files: u64,
    /// See [`Run::bytes`].
    pub bytes: u64,
    /// See [`Run::records`].
    pub records: u64,
    /// See [`Run::denied`].
    pub denied: u64,
    /// See [`Run::unreadable`].
    pub unreadable: u64,
    /// One entry an account and Region, sorted; those of the period only.
    pub places: Vec<Place>,
}

impl Coverage {
    /// Sums the runs that reach into a period.
    pub(super) fn of(runs: impl Iterator<Item = Run>, since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        let mut sum = Self::default();
        let mut places: BTreeMap<(Option<String>, Option<String>), Place> = BTreeMap::new();
        for mut run in runs {
            let whole_time = since.is_none() && until.is_none();
            run.places.retain(|place| overlaps(since, until, place.first, place.last));
            if run.places.is_empty() && !whole_time {
                continue;
            }
            sum.add(&run);
            for place in run.places {
                let key = (place.account.clone(), place.region.clone());
                places.entry(key).and_modify(|there| there.widen(&place)).or_insert(place);
            }
        }
        sum.places = places.into_values().collect();
        sum
    }

    fn add(&mut self, run: &Run) {
        self.runs += 1;
        self.files += run.files;
        self.bytes += run.bytes;
        self.records += run.records;
        self.denied += run.denied;
        self.unreadable += run.unreadable;
    }
}

impl Place {
    /// Counts events of this place.
    pub fn add(&mut self, first: Option<Timestamp>, last: Option<Timestamp>, records: u64) {
        self.first = [self.first, first].into_iter().flatten().min();
        self.last = self.last.max(last);
        self.records += records;
    }

    pub(super) fn widen(&mut self, other: &Place) {
        self.add(other.first, other.last, other.records);
    }
}

/// A message that can never be processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// When it was put away.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// The message as it came. Untrusted.
    pub body: String,
}

impl Quarantined {
    /// Whether it names a principal, by ARN or as a whole word: then it goes with it.
    pub(super) fn mentions(&self, principal: &str) -> bool {
        is_named_in(&self.body, principal) || is_named_in(&self.reason, principal)
    }
}

/// Whether a text names the principal with this ARN or name, as a whole word; of an ARN also its sessions, and its name
/// where it stands alone between quotation marks, as in a record.
pub(super) fn is_named_in(text: &str, principal: &str) -> bool {
    let touches = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "+=,.@_-".contains(c));
    let is_word = |word: &str| {
        text.match_indices(word).any(|(at, _)| {
            let after = &text[at + word.len()..];
            !touches(text[..at].chars().next_back()) && !touches(after.chars().next())
        })
    };
    let of_arn = |name: &str| {
        let account = principal.split(':').nth(4).unwrap_or_default();
        let session = format!("{account}:assumed-role/{name}/");
        let alone = [format!("\"{name}\""), format!("\"{name}\\\"")];
        text.contains(&session) || alone.iter().any(|quoted| text.contains(quoted))
    };
    !principal.is_empty() && (is_word(principal) || name_in(principal).is_some_and(of_arn))
}

/// The name in a principal's ARN; `None` for what is no ARN.
pub(super) fn name_in(principal: &str) -> Option<&str> {
    principal.strip_prefix("arn:").and_then(|rest| rest.rsplit('/').next()).filter(|name| !name.is_empty())
}

/// What one receiver was told about one thing (a finding, a week's report), and whether somebody is telling it now: a
/// place in the outbox. It is only ever replaced whole, by [`super::Ledger::put_delivery`], by whoever names the version
/// that it replaces.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// How often this was written.
    pub version: u64,
    /// Somebody took it to send and has until then to say how it ended; `None` when nobody is sending.
    pub lease: Option<Timestamp>,
    /// Who took it, told apart from all others; empty when nobody has it.
    pub by: String,
    /// It waits to be looked at again, not before this; `None` when nothing waits.
    pub due: Option<Timestamp>,
    /// Sends begun since the last that ended well.
    pub attempts: u32,
    /// What the receiver knows.
    pub told: Told,
    /// The receiver's name for the last new message; `None` where there is none.
    pub receipt: Option<Receipt>,
    /// Why the receiver refused the last message for good.
    pub refused: Option<String>,
}

impl Delivery {
    /// Whether something is left to do: it is being sent, or it waits.
    pub fn is_open(&self) -> bool {
        self.lease.is_some() || self.due.is_some()
    }

    /// When it is to be looked at: the end of the lease, else when it is due; `None` when it is done.
    pub fn when(&self) -> Option<Timestamp> {
        self.lease.or(self.due)
    }

    /// Whether it is not done, and its time comes until then; no time takes all that are not done.
    pub(super) fn is_open_by(&self, by: Option<Timestamp>) -> bool {
        self.when().is_some_and(|when| by.is_none_or(|by| when <= by))
    }
}

/// A delivery that is not done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Open {
    /// The finding's id, or the report's key.
    pub id: String,
    /// The receiver's name.
    pub destination: String,
    /// Where it stands.
    pub delivery: Delivery,
}

/// What [`super::Ledger::purge`] and [`super::Ledger::expire`] took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Purged {
    /// Findings, whole.
    pub findings: u64,
    /// Findings that lost their samples and stay with their counts.
    pub samples: u64,
    /// Notes of what was told.
    pub deliveries: u64,
    /// Quarantined messages.
    pub quarantined: u64,
    /// Changes of policies.
    #[serde(default)]
    pub changes: u64,
}

/// A change as it is kept once a principal is forgotten: none that it made or that touched it, and no document that names it.
pub(super) fn change_without(change: &Change, principal: &str) -> Option<Change> {
    if is_change_of(change, principal) {
        return None;
    }
    let document = change.document.clone().filter(|document| !is_named_in(document, principal));
    Some(Change { document, ..change.clone() })
}

/// Whether a change was made by the principal with this ARN or name, or touched it.
fn is_change_of(change: &Change, principal: &str) -> bool {
    let by = change.by.arn.as_deref() == Some(principal) || change.by.name.as_deref() == Some(principal);
    let kind = |kind: &str| principal.contains(&format!(":{kind}/"));
    let name = principal.rsplit('/').next().unwrap_or(principal);
    let account = principal.split(':').nth(4).filter(|account| !account.is_empty());
    let touched = |target: &String| {
        let Some((owner, what)) = target.strip_prefix("iam:").and_then(|rest| rest.split_once(':')) else {
            return false;
        };
        let Some((sort, whose)) = what.split_once('/') else { return false };
        let same_sort = !principal.starts_with("arn:") || kind(sort);
        matches!(sort, "role" | "user") && whose == name && same_sort && account.is_none_or(|account| account == owner)
    };
    !principal.is_empty() && (by || change.targets.iter().any(touched))
}

/// Why the ledger did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No finding has such an id.
    #[error("no finding begins with `{0}`; `denywatch findings` lists them")]
    NotFound(String),
    /// Several findings begin so.
    #[error("`{prefix}` is the beginning of several findings: {}", .ids.join(", "))]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// At most five of them.
        ids: Vec<String>,
    },
    /// A newer program wrote it.
    #[error(
        "`{path}` has schema {found} and this program knows up to {known}: use a newer denywatch, or another ledger \
             with --store"
    )]
    Newer {
        /// The file, or the table.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// Another program's database.
    #[error("`{0}` is a database, but no ledger of denywatch: name another file with --store sqlite:PATH")]
    NotALedger(PathBuf),
    /// There is none to read.
    #[error("no ledger at `{0}` yet: `denywatch scan …` makes one")]
    Missing(PathBuf),
    /// The file or its folder cannot be made.
    #[error("the ledger `{path}` cannot be made: {source}; name another file with --store sqlite:PATH")]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// SQLite failed.
    #[cfg(feature = "sqlite")]
    #[error("the ledger `{path}` failed: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// DynamoDB is busy or out of reach, and no time was left; the same may succeed later.
    #[error("the ledger is busy: {0}")]
    Busy(String),
    /// DynamoDB refused.
    #[error("the ledger `dynamodb:{table}` failed: {why}")]
    Table {
        /// The table.
        table: String,
        /// What AWS says, and what helps.
        why: String,
    },
    /// The key of the hashes cannot be made or read.
    #[error("the ledger's key for hashes cannot be made or read: leave `store.hash` out, or use a new ledger")]
    NoHashKey,
    /// This build has no DynamoDB in it.
    #[error("this build has no DynamoDB: build it with `cargo build --release --features dynamodb`")]
    NotBuilt,
    /// This build has no SQLite in it.
    #[error("this build has no SQLite: name a table, `dynamodb:TABLE`")]
    NoSqlite,
    /// A stored value cannot be read back.
    #[error("the ledger's entry `{entry}` cannot be read: {source}")]
    Entry {
        /// Which one.
        entry: String,
        /// What does not fit.
        source: serde_json::Error,
    },
}
