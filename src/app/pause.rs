//! When sending is paused, and that the digest after it says so. The ledger keeps the last pause as a delivery that goes
//! to nobody: [`ID`], [`TO`].

use crate::delivery::Told;
use crate::io::stores::Delivery;
use jiff::Timestamp;

/// The pause's place among the deliveries.
pub const ID: &str = "paused";
/// No receiver has this name.
pub const TO: &str = "-";

/// A time in which nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// The first run that was not to send.
    pub from: Timestamp,
    /// The first run that was to send again; `None` while it lasts.
    pub until: Option<Timestamp>,
}

impl Pause {
    /// The last pause that the ledger knows; `None` when there was none.
    pub fn of(stored: &Delivery) -> Option<Self> {
        Some(Self { from: stored.told.opened?, until: stored.told.sent })
    }

    /// Whether something of the time since then lay in it.
    pub fn reaches(&self, since: Timestamp) -> bool {
        self.until.is_none_or(|until| until > since)
    }
}

/// What the ledger is to keep; `None` when it knows all.
pub fn note(stored: &Delivery, paused: bool, now: Timestamp) -> Option<Delivery> {
    let told = match (Pause::of(stored), paused) {
        (Some(Pause { until: None, .. }), true) | (None | Some(Pause { until: Some(_), .. }), false) => return None,
        (None | Some(Pause { until: Some(_), .. }), true) => Told { opened: Some(now), ..Told::default() },
        (Some(Pause { from, until: None }), false) => Told { opened: Some(from), sent: Some(now), ..Told::default() },
    };
    Some(Delivery { version: stored.version + 1, told, ..Delivery::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_pause_is_noted_at_its_two_ends_only() {
        let never = Delivery::default();
        assert_eq!((Pause::of(&never), note(&never, false, at(0))), (None, None));
        let begun = note(&never, true, at(1)).unwrap();
        assert_eq!((begun.version, Pause::of(&begun)), (1, Some(Pause { from: at(1), until: None })));
        assert_eq!(note(&begun, true, at(2)), None);
        let over = note(&begun, false, at(3)).unwrap();
        assert_eq!((over.version, Pause::of(&over)), (2, Some(Pause { from: at(1), until: Some(at(3)) })));
        assert_eq!(note(&over, false, at(4)), None);
        assert!(!over.is_open(), "nobody is to send it");
        let next = note(&over, true, at(5)).unwrap();
        assert_eq!(Pause::of(&next), Some(Pause { from: at(5), until: None }));
    }

    #[test]
    fn what_a_pause_reaches() {
        let lasting = Pause { from: at(1), until: None };
        let over = Pause { from: at(1), until: Some(at(3)) };
        assert!(lasting.reaches(at(9)) && over.reaches(at(2)) && !over.reaches(at(3)));
    }
}
