//! One log file → what it shows of findings: most records are passed over by their operation's name, most others by their
//! caller, their time or what they ask for; only what then remains is read.

use super::packed::Key;
use super::slots::Slots;
use super::tally::Seen;
use super::{Around, Sought, permission};
use crate::app::allowed::{Allowed, Needs, uses};
use crate::catalog::Catalog;
use crate::change::{self, kind};
use crate::principal;
use crate::record::{self, Candidate, Glance, Named, Record};
use crate::triage::probing::caller;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Looks through one file after another, as the example of [`Around`] shows. What it makes of a file does not depend on the
/// files before.
#[derive(Debug)]
pub struct Seeker<'a> {
    around: &'a Around,
    catalog: &'static Catalog,
    /// Callers by their identity as it is written, and by their role, where something is sought of them.
    callers: Slots<Option<u32>>,
    roles: Slots<Option<Option<u32>>>,
    /// What a call needs, by all of it that matters for that.
    needs: Slots<Arc<Needed>>,
    /// The IAM prefix of a service, by `eventSource`.
    prefixes: RefCell<BTreeMap<Vec<u8>, Option<&'static str>>>,
    /// Buffer for lower-cased request parameters.
    text: Vec<u8>,
}

impl<'a> Seeker<'a> {
    /// For what is looked for.
    pub fn new(around: &'a Around, catalog: &'static Catalog) -> Self {
        let (callers, roles, needs) = (Slots::of(1), Slots::of(1), Slots::of(1));
        Self { around, catalog, callers, roles, needs, prefixes: RefCell::default(), text: Vec::new() }
    }

    /// Remembers as much less as there are more threads that do the same.
    #[must_use]
    pub(in crate::app) fn among(self, threads: usize) -> Self {
        Self { callers: Slots::of(threads), roles: Slots::of(threads), needs: Slots::of(threads), ..self }
    }

    /// What a file of any CloudTrail shape shows.
    pub fn seek(&mut self, name: &str, bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        let Some(candidates) = record::sift_calls(bytes, |named| self.is_sought(named)) else {
            record::for_each(bytes, name, |record| self.take(&record, &mut seen), |_| {});
            return seen;
        };
        for candidate in &candidates {
            if !self.is_told(candidate, &mut seen) {
                candidate.read(name, |_| true, |record| self.take(&record, &mut seen), |_| {});
            }
        }
        seen
    }

    fn is_sought(&self, named: &Named<'_>) -> bool {
        self.around.names.get(named.operation).is_some()
            || self.around.lacks_any() && named.source().is_some_and(|source| self.is_lacking(source, None))
    }

    /// Whether it is not known yet that the log holds events of a service, in an account or in any.
    fn is_lacking(&self, source: &[u8], account: Option<&str>) -> bool {
        let held = &self.around.held;
        self.prefix(source).is_some_and(|prefix| match account {
            Some(account) => held.lacks_of(account, prefix),
            None => held.lacks(prefix),
        })
    }

    fn prefix(&self, source: &[u8]) -> Option<&'static str> {
        let mut known = self.prefixes.borrow_mut();
        if let Some(prefix) = known.get(source) {
            return *prefix;
        }
        let text = String::from_utf8_lossy(source);
        let prefix = self.catalog.prefixes(&text).first().copied();
        // Services are some hundreds; a log may name any number.
        if known.len() < 1_000 {
            known.insert(source.to_vec(), prefix);
        }
        prefix
    }

    /// Takes from a record what a glance at it shows; false where only reading it tells.
    fn is_told(&mut self, candidate: &Candidate<'_>, seen: &mut Seen) -> bool {
        let Some(glance) = candidate.is_event.then(|| Glance::of(candidate.raw)).flatten() else { return false };
        let (Some(source), Some(name), None) = (glance.event_source, glance.event_name, glance.error_code) else {
            return true;
        };
        if kind(source, name).is_some()
            || self.around.lacks_any() && self.is_lacking(source.as_bytes(), glance.recipient_account)
        {
            return false;
        }
        let Some((number, at)) = self.around.names.get(name.as_bytes()).zip(glance.event_time) else { return true };
        let around = self.around;
        let Some(sought) = self.caller(&glance).and_then(|who| around.sought(who, number)) else { return true };
        let prefix = self.prefix(source.as_bytes()).unwrap_or_default();
        let Some(needs) = self.needs(sought, &glance, prefix, at, seen) else { return true };
        let call = Call { prefix, region: glance.region.unwrap_or_default(), at, id: glance.event_id, needs: &needs };
        let mut more = Seen::default();
        call.show(around, sought, seen, &mut more);
        let is_certain = more.is_empty() || Glance::is_certain(candidate.raw);
        if is_certain {
            seen.merge(more);
        }
        is_certain
    }

    /// What a call needs, where it may be one of those that are sought and is not told by enough others already.
    fn needs(
        &mut self,
        sought: Sought,
        glance: &Glance<'_>,
        prefix: &str,
        at: Timestamp,
        seen: &Seen,
    ) -> Option<Arc<Needed>> {
        let around = self.around;
        let region = glance.region.unwrap_or_default();
        lower(&mut self.text, &[glance.parameters, glance.resources]);
        let text = &self.text;
        let is_open = |item| around.tells(item, at, seen).any() && around.is_of_service(item, prefix, region);
        let is_item = |item| is_open(item) && around.may_be_of(item, text);
        let is_use = |foretold| around.is_open_use(foretold, at, seen);
        if !around.items_of(sought).any(is_item) && !around.foretold_of(sought).any(is_use) {
            return None;
        }
        let [source, name, account] =
            [glance.event_source, glance.event_name, glance.recipient_account].map(Option::unwrap_or_default);
        let parts = [source, name, region, account, glance.parameters, glance.resources];
        let catalog = self.catalog;
        Some(self.needs.get(&parts, || Arc::new(Needed::new(Allowed::glanced(glance).needs(catalog)))))
    }

    /// The number of a record's caller, where something is sought of it.
    fn caller(&mut self, glance: &Glance<'_>) -> Option<u32> {
        let (around, roles) = (self.around, &mut self.roles);
        let account = glance.recipient_account.unwrap_or_default();
        let number = |identity: &Value| {
            let who = caller(&principal::from_identity(identity, glance.recipient_account));
            (around.number_of(&who), who)
        };
        self.callers.get(&[glance.identity, account], || {
            let Some((arn, of)) = glance.role() else { return number(&glance.user_identity()).0 };
            // Sessions come and go; who called is the role, if its ARN tells one.
            let bare =
                || json!({"type": "AssumedRole", "accountId": of, "sessionContext": {"sessionIssuer": {"arn": arn}}});
            let by_role = roles.get(&[arn, of, account], || match number(&bare()) {
                (found, (_, _, Some(_))) => Some(found),
                _ => None,
            });
            by_role.unwrap_or_else(|| number(&glance.user_identity()).0)
        })
    }

    /// Takes a record that was read.
    fn take(&mut self, record: &Record, seen: &mut Seen) {
        let None = record.error_code else { return };
        seen.changes.extend(change::from_record(record));
        let (Some(source), Some(name), Some(at)) =
            (record.event_source.as_deref(), record.event_name.as_deref(), record.event_time)
        else {
            return;
        };
        let Some(prefix) = self.prefix(source.as_bytes()) else { return };
        let around = self.around;
        let is_data = record.event_category.as_deref() == Some("Data");
        around.held.note(record.recipient_account.as_deref(), prefix, is_data);
        let Some(number) = around.names.get(name.as_bytes()) else { return };
        let who = caller(&principal::from_identity(&record.user_identity, record.recipient_account.as_deref()));
        let Some(sought) = around.number_of(&who).and_then(|who| around.sought(who, number)) else { return };
        let call = Allowed::of(record, source, name);
        let needs = Needed::new(call.needs(self.catalog));
        let id = record.event_id.as_deref();
        let call = Call { prefix, region: &call.region, at, id, needs: &needs };
        let mut more = Seen::default();
        call.show(around, sought, seen, &mut more);
        seen.merge(more);
    }
}

/// An allowed call of a caller's operation that is sought.
struct Call<'c> {
    prefix: &'c str,
    region: &'c str,
    at: Timestamp,
    id: Option<&'c str>,
    needs: &'c Needed,
}

/// What a call needs, and the keys of its permissions.
#[derive(Debug)]
struct Needed {
    needs: Needs,
    keys: Box<[Key]>,
}

impl Needed {
    fn new(needs: Needs) -> Self {
        let of = |(action, had): &(String, BTreeSet<String>)| {
            had.iter().map(|resource| permission(action, resource)).collect::<Vec<_>>()
        };
        let keys = needs.iter().flat_map(of).collect();
        Self { needs, keys }
    }
}

impl Call<'_> {
    /// Puts into `more` what it shows beyond `seen`.
    fn show(&self, around: &Around, sought: Sought, seen: &Seen, more: &mut Seen) {
        let Self { prefix, region, at, id, needs } = *self;
        for item in around.items_of(sought) {
            let is_needed = || needs.keys.iter().any(|key| around.is_of(item, key));
            let tells = around.tells(item, at, seen);
            if tells.any() && around.is_of_service(item, prefix, region) && is_needed() {
                if tells.before {
                    more.add_before(item, at);
                }
                if tells.since {
                    more.add_allowed(item, at, id.unwrap_or_default());
                }
            }
        }
        for foretold in around.foretold_of(sought) {
            if around.is_open_use(foretold, at, seen) && uses(&needs.needs, &around.foretold(foretold)) {
                more.add_used(foretold, at);
            }
        }
    }
}

/// What a call asks for, in lower case; empty where an escape may hide some of it.
fn lower(text: &mut Vec<u8>, parts: &[&str]) {
    text.clear();
    for part in parts {
        text.extend_from_slice(part.as_bytes());
    }
    match memchr::memchr2(b'\\', b'%', text) {
        Some(_) => text.clear(),
        None => text.make_ascii_lowercase(),
    }
}
