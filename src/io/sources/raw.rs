//! A file's bytes as they lie there, in a buffer that is used again.

use super::pair::BEHIND;
use std::io::Read;
use std::ops::Range;

/// Room for what a stream gives next.
const STEP: usize = 64 << 10;

/// A file is read to a place that begins a line of the cache. A place sixteen bytes into a page, where `malloc` puts what is
/// large, is one to which some processors (AMD's Zen 3) copy from the system's own pages at a quarter of the speed.
pub(super) const LINE: usize = 64;

/// Bytes of a buffer that is not given back by one that reads alone.
pub(super) const KEPT: usize = 1 << 20;

/// Gives back a buffer of more than so many bytes.
pub(super) fn shed(buffer: &mut Vec<u8>, kept: usize) {
    if buffer.capacity() > kept {
        *buffer = Vec::new();
    }
}

/// A file that was read.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// Of this some is the file's; what else stands there is of no meaning.
    buffer: Vec<u8>,
    place: Range<usize>,
}

impl Raw {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.place.clone()]
    }

    /// The same, and [`BEHIND`] bytes more.
    pub(super) fn bytes_and_more(&self) -> &[u8] {
        &self.buffer[self.place.start..self.place.end + BEHIND]
    }

    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    pub(super) fn shed(&mut self, kept: usize) {
        shed(&mut self.buffer, kept);
        // An empty place is in every buffer that has what must stand behind it.
        self.place = 0..0;
        self.make_room(BEHIND);
    }

    /// Reads to the end, or one byte beyond the limit. A file of which `size` bytes were read is at its end.
    ///
    /// # Errors
    /// What ended it; what was read before is there.
    pub(super) fn fill(&mut self, mut from: impl Read, size: u64, limit: u64) -> std::io::Result<()> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(most);
        let first = if size == 0 { STEP.min(most) } else { size };
        self.make_room(first.saturating_add(LINE + BEHIND));
        let begin = self.buffer.as_ptr().align_offset(LINE).min(LINE);
        self.place = begin..begin;
        loop {
            let read = self.place.len();
            let room = if read < size { size } else { read.saturating_add(STEP) }.min(most);
            self.make_room(begin.saturating_add(room).saturating_add(BEHIND));
            let end = (self.buffer.len() - BEHIND).min(begin.saturating_add(most));
            match from.read(&mut self.buffer[begin + read..end]) {
                Ok(0) => return Ok(()),
                Ok(more) => self.place.end += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            let read = self.place.len();
            if read == most || size > 0 && read == size {
                return Ok(());
            }
        }
    }

    fn make_room(&mut self, bytes: usize) {
        if self.buffer.len() < bytes {
            self.buffer.resize(bytes, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &mut Raw, bytes: &[u8], size: u64) {
        raw.fill(bytes, size, u64::MAX).unwrap();
        assert!(raw.bytes() == bytes, "{} {size}", bytes.len());
        assert!(raw.bytes_and_more().starts_with(bytes) && raw.bytes_and_more().len() == bytes.len() + BEHIND);
    }

    #[test]
    fn what_is_read_begins_at_a_line_of_the_cache_and_has_room_behind_it() {
        let mut used = Raw::default();
        for size in [0, 1, 3_000, 70_000, 65_536, 65_536 - LINE, 3_000_000, 200_000, 5] {
            let bytes: Vec<u8> = (0..size).map(|at| b'a' + (at % 23) as u8).collect();
            check(&mut used, &bytes, size as u64);
            // Where `malloc` puts large buffers elsewhere, as glibc's does.
            assert_eq!(used.bytes().as_ptr().addr() % LINE, 0, "{size}");
            // Of what comes by a pipe nobody knows the size, and the buffer may move.
            check(&mut Raw::default(), &bytes, 0);
            // A file may be longer, or shorter, than it was found.
            check(&mut used, &bytes, size as u64 + 7);
            used.shed(KEPT);
            assert!(used.bytes().is_empty() && used.bytes_and_more().len() == BEHIND);
        }
    }

    /// Gives a little at a time, without end.
    struct Endless;

    impl Read for Endless {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let given = to.len().min(7_777);
            to[..given].fill(b'a');
            Ok(given)
        }
    }

    #[test]
    fn a_limit_is_kept_to_the_byte() {
        for limit in [5, 99_999, 100_000, 250_001] {
            for size in [0, 300_000] {
                let mut raw = Raw::default();
                raw.fill(&*vec![b'a'; 300_000], size, limit).unwrap();
                assert_eq!(raw.bytes().len() as u64, limit + 1, "{limit} {size}");
                raw.fill(Endless, size, limit).unwrap();
                assert_eq!(raw.bytes().len() as u64, limit + 1, "{limit} {size}");
            }
        }
    }
}
