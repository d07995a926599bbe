//! Has a patch worked: allowed calls of the same principal, permission, resource and Region after the last denial.
//!
//! Only a call that was seen to succeed resolves; silence is `quiet`, and of a log that cannot hold such calls it is said so.

use crate::catalog::Catalog;
use crate::denial::{self, Denial, Given, Permission};
use crate::finding::{Finding, Item, ItemKey, Pass, Sightings, Source};
use crate::foretold::{Foretold, Outcome};
use crate::patch::scope::scope_for;
use crate::policy::pattern::matches_arn;
use crate::principal::{self, Principal};
use crate::record::Record;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Denied lately.
    Open,
    /// No denial for a while; nothing more is known.
    Quiet,
    /// An allowed call was observed after the last denial.
    Resolved,
    /// A rule keeps it out of the messages.
    Muted,
}

/// What a log shows of a finding after its last denial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// `resolved` when every item is, `open` when one was denied again, else `quiet`.
    pub status: Status,
    /// Allowed calls after the last denial, of all items.
    pub allowed: u64,
    /// One entry an item of the finding.
    pub items: Vec<ObservedItem>,
    /// Records that were looked at.
    pub records: u64,
    /// The newest record; `None` when the log is empty or tells no time.
    pub until: Option<Timestamp>,
    /// What the log cannot show, and why.
    pub notes: Vec<String>,
}

/// What a log shows of one permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObservedItem {
    /// IAM action; `None` when unknown.
    pub action: Option<String>,
    /// Resource; `None` when unknown.
    pub resource: Option<String>,
    /// The last denial, in the finding or in the log.
    pub last_denied: Option<Timestamp>,
    /// Where it stands.
    pub status: Status,
    /// Allowed calls after that, of this permission on this resource.
    pub allowed: u64,
    /// The first of them.
    pub first_allowed: Option<Timestamp>,
    /// Allowed calls of the same operation of which the record does not tell that they needed this permission on this
    /// resource.
    pub unsure: u64,
}

/// Looks at one record after another.
#[derive(Debug)]
pub struct Watcher<'f> {
    finding: &'f Finding,
    catalog: &'f Catalog,
    items: Vec<Watched<'f>>,
    /// Operations without their service, by which most records are passed over.
    names: BTreeSet<String>,
    /// Foretold permissions that nobody has seen used or refused, and those that were seen used, when first.
    foretold: Vec<Foretold>,
    used: BTreeMap<String, Timestamp>,
    records: u64,
    until: Option<Timestamp>,
    /// `eventSource` of data events that were met, and of all.
    data: BTreeSet<String>,
    sources: BTreeSet<String>,
    history: bool,
    given: Given,
}

#[derive(Debug)]
struct Watched<'f> {
    key: &'f ItemKey,
    item: &'f Item,
    again: Option<Timestamp>,
    allowed: BTreeSet<Pass>,
    unsure: Vec<Timestamp>,
}

impl<'f> Watcher<'f> {
    /// Begins to watch for a finding's items. `history`: the log is Event history, which holds no data events.
    pub fn new(finding: &'f Finding, catalog: &'f Catalog, history: bool) -> Self {
        let watched = |(key, item)| Watched { key, item, again: None, allowed: BTreeSet::new(), unsure: Vec::new() };
        let operations = finding.items.values().flat_map(|item| &item.operations);
        let names =
            operations.filter_map(|operation| operation.split_once(':')).map(|(_, name)| name.to_owned()).collect();
        let items = finding.items.iter().map(|(key, item)| (key, item.as_ref())).map(watched).collect();
        let (data, sources) = (BTreeSet::new(), BTreeSet::new());
        let (foretold, used) = (Vec::new(), BTreeMap::new());
        let given = Given::default();
        Self { finding, catalog, items, names, foretold, used, records: 0, until: None, data, sources, history, given }
    }

    /// The same, which reads records with what is given: further error codes that are denials.
    #[must_use]
    pub fn given(self, given: Given) -> Self {
        Self { given, ..self }
    }

    /// Watches also for uses of what the finding foretold.
    #[must_use]
    pub fn awaiting(mut self, foretold: &[Foretold]) -> Self {
        self.foretold = foretold.iter().filter(|one| one.outcome == Outcome::Open).cloned().collect();
        let names = self.foretold.iter().filter_map(|one| one.action.split_once(':'));
        self.names.extend(names.map(|(_, name)| name.to_owned()));
        self
    }

    /// Operations by which it passes records over: an event's name begins with one of them.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Looks at one record, in whatever order they come.
    pub fn see(&mut self, record: &Record) {
        self.records += 1;
        self.until = self.until.max(record.event_time);
        if let Some(source) = &record.event_source {
            self.sources.insert(source.clone());
            if record.event_category.as_deref() == Some("Data") {
                self.data.insert(source.clone());
            }
        }
        let name = record.event_name.as_deref().unwrap_or_default();
        let Some(at) = record.event_time.filter(|_| self.names.iter().any(|known| name.starts_with(known.as_str())))
        else {
            return;
        };
        let caller = principal::from_identity(&record.user_identity, record.recipient_account.as_deref());
        if !is_same(&caller, &self.finding.principal) {
            return;
        }
        match (&record.error_code, denial::from_record(record, &self.given, self.catalog)) {
            (_, Some(denial)) => self.denied(&denial, at),
            (None, None) => self.allowed(record, at),
            // It failed for another reason: whether it was allowed is not told.
            (Some(_), None) => {}
        }
    }

    fn denied(&mut self, denial: &Denial, at: Timestamp) {
        for watched in self.items.iter_mut().filter(|watched| watched.meets(denial) == Some(true)) {
            watched.again = watched.again.max(Some(at));
        }
    }

    /// What the call needed is worked out as for one that was refused.
    fn allowed(&mut self, record: &Record, at: Timestamp) {
        let refused = Record { error_code: Some("AccessDenied".to_owned()), error_message: None, ..record.clone() };
        let Some(needed) = denial::from_record(&refused, &Given::default(), self.catalog) else { return };
        for foretold in self.foretold.iter().filter(|one| one.since.is_some_and(|since| at > since)) {
            let is_it = |needed: &Permission| {
                let action = needed.action.as_deref().unwrap_or_default();
                foretold.takes(action, needed.resource.as_deref().unwrap_or_default())
            };
            if needed.permissions.iter().any(is_it) {
                let first = self.used.entry(foretold.action.clone()).or_insert(at);
                *first = (*first).min(at);
            }
        }
        for watched in self.items.iter_mut().filter(|watched| watched.item.is_of_region(record.region.as_deref())) {
            match watched.meets(&needed) {
                Some(true) => {
                    watched.allowed.insert(Pass::new(at, record.event_id.as_deref().unwrap_or_default()));
                }
                Some(false) => watched.unsure.push(at),
                None => {}
            }
        }
    }

    /// What the ledger keeps of it. `whole`: until when every call of an item since its last denial was looked at, where that
    /// is so.
    pub fn sightings(&self, whole: impl Fn(&ItemKey) -> Option<Timestamp>) -> Sightings {
        let source = if self.history { Source::History } else { Source::Log };
        let mut seen = Sightings { used: self.used.clone(), ..Sightings::default() };
        for watched in &self.items {
            let first = watched.item.first_seen;
            let later = watched.allowed.iter().filter(|pass| first.is_some_and(|first| pass.at >= first));
            seen.allowed.insert(watched.key.clone(), later.cloned().collect());
            let holds =
                self.history || watched.item.operations.iter().all(|operation| self.unseen(operation).is_none());
            let until =
                whole(watched.key).filter(|until| holds && watched.item.last_seen.is_some_and(|last| *until > last));
            seen.looked.extend(until.map(|until| (watched.key.clone(), (source, until))));
        }
        seen
    }

    /// What was seen.
    pub fn finish(self) -> Observed {
        let items: Vec<ObservedItem> = self.items.iter().map(Watched::told).collect();
        let all = |status: Status| items.iter().all(|item| item.status == status);
        let any = |status: Status| items.iter().any(|item| item.status == status);
        let status = match () {
            () if any(Status::Open) => Status::Open,
            () if !items.is_empty() && all(Status::Resolved) => Status::Resolved,
            () => Status::Quiet,
        };
        let notes = self.notes();
        Observed {
            status,
            allowed: items.iter().map(|item| item.allowed).sum(),
            items,
            records: self.records,
            until: self.until,
            notes,
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = BTreeSet::new();
        for watched in self.items.iter().filter(|watched| watched.allowed.is_empty()) {
            if watched.item.last_seen.is_none() {
                notes.insert("when it was denied is not known, so nothing can be told to come after it".to_owned());
            }
            notes.extend(watched.item.operations.iter().filter_map(|operation| self.unseen(operation)));
        }
        let last = self.items.iter().filter_map(|watched| watched.item.last_seen).max();
        if last.zip(self.until).is_some_and(|(last, until)| until <= last) {
            notes.insert("the log ends before or with the last denial: read a newer one".to_owned());
        }
        notes.into_iter().collect()
    }

    /// Why the log cannot show allowed calls of an operation; `None` where it may.
    fn unseen(&self, operation: &str) -> Option<String> {
        let (service, name) = operation.split_once(':')?;
        let host = format!("{service}.amazonaws.com");
        match is_data_event(service, name) {
            true if self.history => Some(format!("Event history holds no data events, and `{operation}` is one")),
            true if !self.data.contains(&host) => Some(format!(
                "the log holds no data events of {service}, and `{operation}` is one: its calls cannot show there"
            )),
            false if service == "kms" && !self.sources.contains(&host) => {
                Some("the log holds no events of KMS at all: the trail may leave them out".to_owned())
            }
            _ => None,
        }
    }
}

impl Watched<'_> {
    /// Whether a call needed this permission on this resource: `Some(false)` where it is the same operation and that is not
    /// certain, `None` where it is another one.
    fn meets(&self, call: &Denial) -> Option<bool> {
        let operation = call.operation.as_ref().filter(|operation| self.item.operations.contains(*operation))?;
        let same_action = |action: &Option<String>| action.as_deref() == Some(self.key.action.as_str());
        let of_action: Vec<_> = call.permissions.iter().filter(|needed| same_action(&needed.action)).collect();
        let of_operation = operation.eq_ignore_ascii_case(&self.key.action);
        match of_action.as_slice() {
            [] => (!of_operation).then_some(false),
            needed if needed.iter().any(|needed| self.covers(needed.resource.as_deref())) => Some(true),
            needed => needed.iter().any(|needed| needed.resource.is_none()).then_some(false),
        }
    }

    /// Whether the resource is the item's, or a sibling by its durable form.
    fn covers(&self, resource: Option<&str>) -> bool {
        let own = self.key.resource.as_str();
        let durable = || scope_for(&self.key.action, own).map(|scoped| scoped.pattern);
        own == "*"
            || resource.is_some_and(|resource| resource == own || durable().is_ok_and(|p| matches_arn(&p, resource)))
    }

    fn told(&self) -> ObservedItem {
        let last_denied = self.item.last_seen.max(self.again);
        let is_after = |at: &Timestamp| last_denied.is_some_and(|last| *at > last);
        let allowed: Vec<Timestamp> = self.allowed.iter().map(|pass| pass.at).filter(is_after).collect();
        let unsure: Vec<Timestamp> = self.unsure.iter().copied().filter(is_after).collect();
        let again = self.again.is_some() && self.again > self.item.last_seen;
        let status = match (allowed.is_empty(), again) {
            (false, _) => Status::Resolved,
            (true, true) => Status::Open,
            (true, false) => Status::Quiet,
        };
        let known = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        ObservedItem {
            action: known(&self.key.action),
            resource: known(&self.key.resource),
            last_denied,
            status,
            allowed: allowed.len() as u64,
            first_allowed: allowed.into_iter().min(),
            unsure: unsure.len() as u64,
        }
    }
}

/// Sort, account and name: a message hides the path of a role.
fn is_same(one: &Principal, other: &Principal) -> bool {
    one.kind == other.kind && one.account == other.account && one.name == other.name && one.name.is_some()
}

/// Operations that CloudTrail records as data events, which a trail holds only where they are selected.
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html>.
pub fn is_data_event(service: &str, name: &str) -> bool {
    let one_of = |names: &[&str]| names.contains(&name);
    match service {
        "s3" => {
            name.contains("Object") && !name.contains("ObjectLockConfiguration")
                || name.contains("MultipartUpload") && name != "ListMultipartUploads"
                || one_of(&["UploadPart", "UploadPartCopy", "ListParts"])
        }
        "lambda" => name.starts_with("Invoke"),
        "dynamodb" => {
            name.ends_with("Item")
                || name.ends_with("Items")
                || one_of(&[
                    "Query",
                    "Scan",
                    "GetRecords",
                    "ExecuteStatement",
                    "BatchExecuteStatement",
                    "ExecuteTransaction",
                ])
        }
        "sns" => name.starts_with("Publish"),
        "sqs" => name.contains("Message") && !name.contains("MoveTask"),
        "kinesis" => one_of(&["PutRecord", "PutRecords", "GetRecords", "GetShardIterator", "SubscribeToShard"]),
        _ => false,
    }
}

#[cfg(test)]
#[path = "observed_tests.rs"]
mod tests;
