//! Error codes that were met, and what they mean: most logs have few.

use crate::denial::code::{Codes, RELAYED};
use memchr::memmem::Finder;

/// Codes that are remembered.
const HARMLESS: usize = 16;
/// Bytes of a code that is: AWS's have half as many, and a caller may choose what stands in a request.
const LONGEST: usize = 128;

/// What was met.
pub(super) struct MetCodes {
    /// Codes that mean no refusal, and the last one that does.
    harmless: Vec<Vec<u8>>,
    refusing: Vec<u8>,
    /// Finds what every message begins with that relays a refusal under another code.
    relays: Finder<'static>,
}

impl Default for MetCodes {
    fn default() -> Self {
        Self { harmless: Vec::new(), refusing: Vec::new(), relays: Finder::new(RELAYED) }
    }
}

impl MetCodes {
    /// Whether an event of this code, or of none, may be a denial: its code means one, or a message in it relays one.
    pub(super) fn may_mean(&mut self, codes: &Codes, code: &[u8], event: &[u8]) -> bool {
        if code == self.refusing {
            return true;
        }
        let is_known = self.harmless.iter().any(|known| known == code);
        if !is_known && std::str::from_utf8(code).map_or(true, |code| codes.takes(code)) {
            if code.len() <= LONGEST {
                code.clone_into(&mut self.refusing);
            }
            return true;
        }
        if self.relays.find(event).is_some() {
            return true;
        }
        if !is_known && self.harmless.len() < HARMLESS && code.len() <= LONGEST {
            self.harmless.push(code.to_owned());
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(codes: &mut MetCodes, code: &str, event: &str, expect: bool) {
        assert_eq!(codes.may_mean(&Codes::default(), code.as_bytes(), event.as_bytes()), expect, "{code} {event}");
    }

    #[test]
    fn a_code_means_the_same_however_often_it_is_met() {
        let mut codes = MetCodes::default();
        for _ in 0..2 {
            check(&mut codes, "NoSuchKey", "", false);
            check(&mut codes, "AccessDenied", "", true);
            check(&mut codes, "UnauthorizedOperation", "", true);
            check(&mut codes, "NoSuchKey", "User: arn:aws:iam::1:user/a is not authorized to perform", true);
        }
        (0..99).for_each(|number| check(&mut codes, &format!("Other{number}{}", "x".repeat(99 * number)), "", false));
        check(&mut codes, &format!("AccessDenied{}", "x".repeat(999)), "", true);
        assert!(codes.harmless.len() <= HARMLESS && codes.harmless.iter().all(|code| code.len() <= LONGEST));
        assert_eq!(codes.refusing, b"UnauthorizedOperation");
    }
}
