//! Whether the log holds events of a service at all: only then its silence tells something.
//!
//! That is asked account by account: what one account's trail records says nothing of another's. So it does not matter
//! either which other findings are sought at the same time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// Bytes that an account of a service takes, about.
const ONE: usize = 64;

/// Of which accounts' services it matters, and whether such events were met.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By IAM prefix, and whether it is data events that are asked for.
    services: BTreeMap<(String, bool), Accounts>,
    /// How many of all of them were not met.
    lacking: AtomicUsize,
}

#[derive(Debug, Default)]
struct Accounts {
    /// Whose trail holds such events; the empty name stands for none.
    met: BTreeMap<String, AtomicBool>,
    lacking: AtomicUsize,
}

impl Held {
    /// Widens it by an account's service.
    pub(super) fn ask(&mut self, account: Option<&str>, service: &str, is_data: bool) {
        let of_service = self.services.entry((service.to_owned(), is_data)).or_default();
        of_service.met.entry(account.unwrap_or_default().to_owned()).or_insert_with(|| {
            *self.lacking.get_mut() += 1;
            *of_service.lacking.get_mut() += 1;
            AtomicBool::new(false)
        });
    }

    /// Whether it is still open of any.
    pub(super) fn lacks_any(&self) -> bool {
        self.lacking.load(Relaxed) > 0
    }

    /// Whether it is of this service in any account.
    pub(super) fn lacks(&self, service: &str) -> bool {
        self.of(service).any(|of_service| of_service.lacking.load(Relaxed) > 0)
    }

    /// Whether it is of this service in this account.
    pub(super) fn lacks_of(&self, account: &str, service: &str) -> bool {
        self.of(service).any(|of_service| of_service.met.get(account).is_some_and(|met| !met.load(Relaxed)))
    }

    fn of(&self, service: &str) -> impl Iterator<Item = &Accounts> {
        [true, false].into_iter().filter_map(|is_data| self.services.get(&(service.to_owned(), is_data)))
    }

    /// The trail of an account holds an event, or a data event, of a service.
    pub(super) fn note(&self, account: Option<&str>, service: &str, is_data: bool) {
        if !self.lacks_any() {
            return;
        }
        for of_data in [false, true].iter().filter(|of_data| is_data || !**of_data) {
            let Some(of_service) = self.services.get(&(service.to_owned(), *of_data)) else { continue };
            let met = of_service.met.get(account.unwrap_or_default());
            if met.is_some_and(|met| !met.swap(true, Relaxed)) {
                of_service.lacking.fetch_sub(1, Relaxed);
                self.lacking.fetch_sub(1, Relaxed);
            }
        }
    }

    pub(super) fn holds(&self, account: Option<&str>, service: &str, is_data: bool) -> bool {
        let of_service = self.services.get(&(service.to_owned(), is_data));
        let met = of_service.and_then(|of_service| of_service.met.get(account.unwrap_or_default()));
        met.is_some_and(|met| met.load(Relaxed))
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.services.values().map(|of_service| of_service.met.len() * ONE).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_accounts_events_say_nothing_of_anothers() {
        let mut held = Held::default();
        for account in [Some("1"), Some("2"), None] {
            held.ask(account, "sqs", true);
            held.ask(account, "sqs", true);
        }
        held.ask(Some("2"), "sqs", false);
        assert!(held.lacks("sqs") && held.lacks_of("1", "sqs") && !held.lacks("sns") && !held.lacks_of("3", "sqs"));
        held.note(Some("2"), "sqs", true);
        assert!(held.holds(Some("2"), "sqs", true) && held.holds(Some("2"), "sqs", false));
        assert!(!held.holds(Some("1"), "sqs", true) && !held.holds(None, "sqs", true));
        held.note(Some("1"), "sqs", false);
        assert!(held.lacks_of("1", "sqs") && !held.lacks_of("2", "sqs"), "of data events only such tell");
        held.note(None, "sqs", true);
        held.note(Some("1"), "sqs", true);
        assert!(held.holds(None, "sqs", true) && !held.lacks("sqs") && !held.lacks_any());
    }
}
