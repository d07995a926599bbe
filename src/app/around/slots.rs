//! What was worked out for a text, kept for the case that the same text comes again.

use crate::io::sources::many::share;
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};

/// Texts remembered; a new one takes the place of an old one whose hash ends alike. Of many threads each remembers less.
const SLOTS: u64 = 1 << 10;
/// Bytes of a text that is remembered.
const LARGEST: usize = 2 << 10;

/// Of however many threads each remembers so many.
const FEWEST: usize = 64;

/// Values by texts in parts. The hash only finds a text: it is compared byte by byte.
#[derive(Debug)]
pub(super) struct Slots<V>(Vec<Option<(Box<[u8]>, V)>>);

impl<V: Clone> Slots<V> {
    /// Of one of so many threads.
    pub(super) fn of(threads: usize) -> Self {
        let slots = usize::try_from(share(SLOTS, threads)).unwrap_or(0).max(FEWEST);
        Self(std::iter::repeat_with(|| None).take(slots).collect())
    }

    /// The value of these parts, worked out if it is not there.
    pub(super) fn get(&mut self, parts: &[&str], work: impl FnOnce() -> V) -> V {
        let place = place(parts, self.0.len());
        let slot = &mut self.0[place];
        match slot {
            Some((text, value)) if is(text, parts) => value.clone(),
            _ => {
                let value = work();
                if parts.iter().map(|part| part.len() + 1).sum::<usize>() <= LARGEST {
                    *slot = Some((joined(parts), value.clone()));
                }
                value
            }
        }
    }
}

/// No text holds this byte.
const END: u8 = 0xff;

fn joined(parts: &[&str]) -> Box<[u8]> {
    parts.iter().flat_map(|part| part.bytes().chain([END])).collect()
}

fn is(text: &[u8], parts: &[&str]) -> bool {
    let mut left = text;
    let same = parts.iter().all(|part| {
        let rest = left.strip_prefix(part.as_bytes()).and_then(|rest| rest.strip_prefix(&[END]));
        left = rest.unwrap_or_default();
        rest.is_some()
    });
    same && left.is_empty()
}

fn place(parts: &[&str], slots: usize) -> usize {
    let mut hash = FixedState::default().build_hasher();
    parts.iter().for_each(|part| {
        hash.write(part.as_bytes());
        hash.write_u8(END);
    });
    usize::try_from(hash.finish() % slots as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_text_is_found_again() {
        let mut slots = Slots::of(1);
        assert_eq!(slots.get(&["ab", "c"], || 1), 1);
        assert_eq!(slots.get(&["ab", "c"], || 2), 1);
        assert_eq!(slots.get(&["a", "bc"], || 3), 3);
        assert!(!is(&joined(&["ab", "c"]), &["a", "bc"]) && !is(&joined(&["ab", "c"]), &["ab"]));
        let large = "x".repeat(LARGEST);
        assert_eq!((slots.get(&[&large], || 4), slots.get(&[&large], || 5)), (4, 5));
    }
}
