//! The order of findings in an answer.

use super::Advice;
use crate::triage::{Severity, Verdict};
use jiff::Timestamp;
use std::cmp::{Ordering, Reverse};

impl Advice {
    /// Where it stands among others.
    pub fn rank(&self) -> Rank {
        let newest = Reverse((self.count, self.last_seen));
        Rank { severity: self.severity, verdict: self.verdict, newest, id: Id::of(&self.id) }
    }
}

/// The order in which people should look: severity, verdict, number of denials, time of the last one, id. Small, so that
/// those of many findings can be sorted where the findings themselves are not at hand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    severity: Severity,
    verdict: Verdict,
    newest: Reverse<(u64, Option<Timestamp>)>,
    id: Id,
}

/// An id without a memory of its own: all that are made have fewer characters than fit in.
#[derive(Debug, Clone)]
enum Id {
    Here { length: u8, text: [u8; 14] },
    Elsewhere(Box<str>),
}

impl Id {
    fn of(id: &str) -> Self {
        let mut text = [0; 14];
        match text.get_mut(..id.len()).zip(u8::try_from(id.len()).ok()) {
            Some((place, length)) => {
                place.copy_from_slice(id.as_bytes());
                Self::Here { length, text }
            }
            None => Self::Elsewhere(id.into()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Here { length, text } => &text[..usize::from(*length)],
            Self::Elsewhere(id) => id.as_bytes(),
        }
    }
}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Id {}
