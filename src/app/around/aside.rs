//! Allowed calls that wait in a file. What comes is written behind what is there, each lot of an item's calls with where the
//! lot before it lies; only when twice as much lies there as there has to be, all is written anew. So a call is written and
//! read a few times, however many come.

use super::packed::count;
use super::tally::{Calls, SLIM};
use crate::io::sources::spool::Pile;
use std::io;

/// Calls of any number of items.
#[derive(Debug, Default)]
pub(super) struct Aside {
    pile: Pile,
    /// The latest lot of each item.
    lots: Vec<Lot>,
    /// Bytes that lay there when all was written anew.
    packed: u64,
}

/// Where calls begin, and how many there are; none where there is no lot.
#[derive(Debug, Clone, Copy, Default)]
struct Lot {
    start: u64,
    count: u8,
}

/// Bytes of a lot in the file, before the calls of the next one.
const LOT: usize = 8 + 1;

impl Lot {
    fn written(self) -> [u8; LOT] {
        let mut text = [self.count; LOT];
        text[..8].copy_from_slice(&self.start.to_le_bytes());
        text
    }

    fn of(text: &[u8; LOT]) -> Self {
        let [start @ .., count] = *text;
        Self { start: u64::from_le_bytes(start), count }
    }
}

impl Aside {
    /// Adds calls of an item.
    pub(super) fn add(&mut self, item: u32, calls: &Calls) {
        let (item, count) = (item as usize, u8::try_from(calls.len()).unwrap_or(u8::MAX));
        if count == 0 {
            return;
        }
        if self.lots.len() <= item {
            self.lots.resize(item + 1, Lot::default());
        }
        let mut text = self.lots[item].written().to_vec();
        text.extend(calls.written());
        self.lots[item] = Lot { start: self.pile.put(&text), count };
    }

    /// The latest calls of an item, as many as are kept.
    ///
    /// # Errors
    /// They could not be read again.
    pub(super) fn get(&self, item: u32) -> io::Result<Calls> {
        let mut all = Calls::default();
        let mut lot = self.lots.get(item as usize).copied().unwrap_or_default();
        while lot.count > 0 {
            let text = self.pile.get(lot.start, LOT + usize::from(lot.count) * SLIM)?;
            let read =
                text.split_first_chunk().and_then(|(before, calls)| Some((Lot::of(before), Calls::read(calls)?)));
            let (before, calls) = read.ok_or(io::ErrorKind::InvalidData)?;
            all.merge(calls);
            lot = before;
        }
        Ok(all)
    }

    /// Whether so much was added that all is worth writing anew; not before there are `least` bytes.
    pub(super) fn is_due(&self, least: usize) -> bool {
        self.pile.length() > (self.packed * 2).max(least as u64)
    }

    /// Writes all anew, of each item what is kept, and tells it. What could not be read is left out: why, of the last.
    pub(super) fn pack(&mut self, mut tell: impl FnMut(u32, &Calls)) -> Option<io::Error> {
        let (mut packed, mut failed) = (Self::default(), None);
        for item in 0..count(self.lots.len()) {
            match self.get(item) {
                Ok(calls) => {
                    tell(item, &calls);
                    packed.add(item, &calls);
                }
                Err(fault) => failed = Some(fault),
            }
        }
        packed.packed = packed.pile.length();
        *self = packed;
        failed
    }
}

#[cfg(test)]
impl Aside {
    pub(super) fn is_empty(&self) -> bool {
        self.lots.is_empty()
    }

    /// Loses what lies there so far.
    pub(super) fn lose(&mut self) {
        self.lots.iter_mut().for_each(|lot| lot.start += 1 << 40);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::around::tally::Seen;
    use crate::finding::ALLOWED_KEPT;
    use jiff::Timestamp;

    /// A call a second of each of so many items, one behind the other; returns what lies there, and bytes written in all.
    fn filled(items: u32, calls: i64) -> (Aside, u64) {
        let (mut aside, mut written) = (Aside::default(), 0);
        for second in 0..calls {
            for item in 0..items {
                let mut seen = Seen::default();
                seen.add_allowed(item, Timestamp::from_second(second).unwrap(), &second.to_string());
                aside.add(item, seen.calls(item).unwrap());
            }
            if aside.is_due(1_000) {
                let before = aside.pile.length();
                assert!(aside.pack(|_, calls| assert!(calls.len() > 0)).is_none());
                written += before.saturating_sub(aside.packed) + aside.packed;
            }
        }
        let written = written + aside.pile.length();
        (aside, written)
    }

    #[test]
    fn a_call_is_written_few_times_and_the_file_does_not_grow_with_them() {
        let (aside, written) = filled(40, 2_000);
        let kept = 40 * (LOT + ALLOWED_KEPT * SLIM) as u64;
        assert!(aside.pile.length() <= 2 * kept + 40 * (LOT + SLIM) as u64, "{}", aside.pile.length());
        let once = 40 * 2_000 * (LOT + SLIM) as u64;
        assert!(written < 3 * once, "{written} bytes for {once}");
        let latest = aside.get(39).unwrap();
        assert_eq!(latest.kept_from(), Timestamp::from_second(1_950).ok());
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_told() {
        let (mut aside, _) = filled(3, 10);
        aside.lots[1].start += 1 << 40;
        assert!(aside.get(1).is_err() && aside.pack(|_, _| {}).is_some());
        assert_eq!([0, 1, 2, 3].map(|item| aside.get(item).unwrap().len()), [10, 0, 10, 0]);
    }
}
