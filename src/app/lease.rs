//! A place in the outbox as it goes from hand to hand: waiting, taken, told or refused. Pure; the ledger replaces it
//! only for whoever saw the version before.
//!
//! ```text
//!            take                    told
//!   waiting ──────▶ taken until … ─────────▶ done
//!      ▲              │   │ refused (another receiver is told) ─▶ done
//!      └── failed ────┘   └ nobody says how it ended: after that time whoever comes takes it again
//! ```
//!
//! So a message is sent once more than it arrived only where nobody could tell whether it had arrived.

use crate::delivery::Told;
use crate::io::sinks::Receipt;
use crate::io::stores::Delivery;
use jiff::{SignedDuration, Timestamp};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// So long a taker has to say how it ended: one send and the note of it, with room.
pub const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// The first failure is made good after so long, each further one after twice as long, …
const FIRST: SignedDuration = SignedDuration::from_secs(15);
/// … but after this at the latest.
const LONGEST: SignedDuration = SignedDuration::from_mins(30);
/// A later denial is noted when it is so much later than the one noted last: enough to tell a pause from none.
const NOTED: SignedDuration = SignedDuration::from_mins(5);

/// Whether somebody else is sending it.
pub fn is_taken(delivery: &Delivery, now: Timestamp) -> bool {
    delivery.lease.is_some_and(|until| now < until)
}

/// Whether it waits and its time has come, or its taker never came back.
pub fn is_due(delivery: &Delivery, now: Timestamp) -> bool {
    !is_taken(delivery, now) && (delivery.lease.is_some() || delivery.due.is_some_and(|due| due <= now))
}

/// Taken by whoever writes this. Until it is told it stays due.
pub fn take(delivery: &Delivery, now: Timestamp) -> Delivery {
    Delivery {
        version: delivery.version + 1,
        lease: Some(later(now, LEASE)),
        by: format!("{:016x}", RandomState::new().build_hasher().finish()),
        due: Some(delivery.due.unwrap_or(now)),
        attempts: delivery.attempts.saturating_add(1),
        ..delivery.clone()
    }
}

/// It went out.
pub fn told(taken: &Delivery, told: Told, receipt: Option<Receipt>) -> Delivery {
    let receipt = receipt.or_else(|| taken.receipt.clone());
    Delivery { version: taken.version + 1, told, receipt, ..Delivery::default() }
}

/// It did not go out, or nobody knows; to be tried again, not before the receiver asks for it.
pub fn failed(taken: &Delivery, after: Option<Duration>, now: Timestamp) -> Delivery {
    let doubled = FIRST.saturating_mul(1 << taken.attempts.saturating_sub(1).min(10));
    let asked = after.and_then(|after| SignedDuration::try_from(after).ok()).unwrap_or(SignedDuration::ZERO);
    let due = later(now, doubled.min(LONGEST).max(asked));
    Delivery { version: taken.version + 1, lease: None, by: String::new(), due: Some(due), ..taken.clone() }
}

/// The receiver will never take it; what it would have told counts as told, so that only news is tried again.
pub fn refused(taken: &Delivery, told: Told, why: &str) -> Delivery {
    Delivery { refused: Some(why.to_owned()), attempts: taken.attempts, ..self::told(taken, told, None) }
}

/// Nothing is to be sent now; `until` is when to look again.
pub fn rests(delivery: &Delivery, told: Told, until: Option<Timestamp>) -> Delivery {
    let (lease, by) = (None, String::new());
    Delivery { version: delivery.version + 1, lease, by, due: until, told, ..delivery.clone() }
}

/// Whether resting is worth a write: every denial of a busy finding would be one.
pub fn differs(stored: &Delivery, rests: &Delivery) -> bool {
    let noted = |told: &Told| Told { last_denial: None, ..told.clone() };
    let (before, after) = (stored.told.last_denial, rests.told.last_denial);
    let moved = match before.zip(after) {
        Some((before, after)) => after.duration_since(before) >= NOTED,
        None => after.is_some() && stored.version > 0,
    };
    moved || stored.is_open() != rests.is_open() || stored.due != rests.due || noted(&stored.told) != noted(&rests.told)
}

/// A time that is out of range never comes.
fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn knows(fingerprint: &str) -> Told {
        Told { fingerprint: fingerprint.into(), posted: Some(at(0)), ..Told::default() }
    }

    #[test]
    fn who_takes_it_has_it_until_the_lease_is_over() {
        let taken = take(&Delivery::default(), at(0));
        assert_eq!((taken.version, taken.attempts, taken.due), (1, 1, Some(at(0))));
        assert!(is_taken(&taken, at(29)) && !is_due(&taken, at(29)));
        assert!(!is_taken(&taken, at(30)) && is_due(&taken, at(30)), "its taker is dead");
        let again = take(&taken, at(30));
        assert_eq!((again.version, again.attempts), (2, 2));
        assert_ne!(again.by, taken.by);
        let done = told(&again, knows("a"), None);
        assert!(!done.is_open() && !is_due(&done, at(1_000)));
        assert_eq!((done.version, done.attempts, &done.told), (3, 0, &knows("a")));
    }

    #[test]
    fn a_failure_waits_longer_each_time_and_as_long_as_is_asked() {
        #[track_caller]
        fn check(attempts: u32, after: Option<u64>, expect: i64) {
            let taken = Delivery { attempts, lease: Some(at(30)), ..Delivery::default() };
            let failed = failed(&taken, after.map(Duration::from_secs), at(0));
            assert_eq!(failed.due, Some(at(expect)));
            assert!(!is_taken(&failed, at(0)) && !is_due(&failed, at(expect - 1)) && is_due(&failed, at(expect)));
        }
        check(1, None, 15);
        check(2, None, 30);
        check(4, None, 120);
        check(40, None, 1_800);
        check(1, Some(5), 15);
        check(1, Some(90), 90);
        check(40, Some(7_200), 7_200);
    }

    #[test]
    fn what_is_refused_is_over_until_there_is_news() {
        let refused = refused(&take(&Delivery::default(), at(0)), knows("a"), "no_service");
        assert!(!refused.is_open());
        assert_eq!((refused.refused.as_deref(), &refused.told), (Some("no_service"), &knows("a")));
    }

    #[test]
    fn a_receipt_stays_when_an_edit_brings_none() {
        let first = told(&take(&Delivery::default(), at(0)), knows("a"), Some("1.2".into()));
        assert_eq!(told(&take(&first, at(60)), knows("b"), None).receipt, Some("1.2".into()));
    }

    #[test]
    fn not_every_denial_is_a_write() {
        let stored =
            Delivery { version: 1, told: Told { last_denial: Some(at(0)), ..knows("a") }, ..Delivery::default() };
        let later = |second| Told { last_denial: Some(at(second)), ..stored.told.clone() };
        assert!(!differs(&stored, &rests(&stored, later(299), None)));
        assert!(differs(&stored, &rests(&stored, later(300), None)));
        assert!(differs(&stored, &rests(&stored, later(0), Some(at(60)))));
    }
}
