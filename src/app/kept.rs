//! Objects that were fetched from afar, as they came, kept on this machine until the second look: each is fetched once.

use crate::io::sources::many::Size;
use crate::io::sources::spool::Spool;
use std::io;
#[cfg(any(test, feature = "s3"))]
use std::io::{BufReader, Read};

/// Bytes kept at most; what goes beyond is read in full when it comes.
const MOST: u64 = 1 << 30;
/// Bytes read at a time.
#[cfg(any(test, feature = "s3"))]
const STEP: usize = 256 << 10;

/// Keys and bytes, one behind the other.
#[derive(Debug)]
pub(super) struct Kept {
    /// `None` before the first, and where no more can be written.
    spool: Option<Spool>,
    most: u64,
    is_full: bool,
    /// How much it is, without the keys.
    size: Size,
}

impl Default for Kept {
    fn default() -> Self {
        Self { spool: None, most: MOST, is_full: false, size: Size::default() }
    }
}

impl Kept {
    /// Keeps an object; false where there is no room for it.
    pub(super) fn put(&mut self, key: &str, bytes: &[u8]) -> bool {
        let length = (key.len() + bytes.len() + 16) as u64;
        self.is_full |= self.spool.as_ref().map_or(0, Spool::length) + length > self.most;
        if !self.is_full {
            // A full disk is not this scan's to free.
            self.is_full = self.write(key, bytes).is_err();
        }
        if !self.is_full {
            self.size.files += 1;
            self.size.bytes += bytes.len() as u64;
        }
        !self.is_full
    }

    /// How much is kept.
    #[cfg(feature = "s3")]
    pub(super) fn size(&self) -> Size {
        self.size
    }

    fn write(&mut self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(Spool::new()?),
        };
        let mut head = (key.len() as u64).to_le_bytes().to_vec();
        head.extend((bytes.len() as u64).to_le_bytes());
        head.extend(key.as_bytes());
        spool.put(&head)?;
        spool.put(bytes).map(drop)
    }

    /// Hands over those that `wants` takes, by key and bytes, in the order in which they came, until `visit` says no.
    #[cfg(any(test, feature = "s3"))]
    pub(super) fn each(
        &self,
        mut wants: impl FnMut(&str, u64) -> bool,
        mut visit: impl FnMut(&str, &[u8]) -> bool,
    ) -> io::Result<()> {
        let Some(spool) = &self.spool else { return Ok(()) };
        let mut from = BufReader::with_capacity(STEP, spool.from(0)?);
        let (mut key, mut bytes) = (Vec::new(), Vec::new());
        while let Some(length) = number(&mut from)? {
            let Some(size) = number(&mut from)? else { return Ok(()) };
            take(&mut from, length, &mut key)?;
            let key = String::from_utf8_lossy(&key);
            if !wants(&key, size) {
                io::copy(&mut (&mut from).take(size), &mut io::sink())?;
                continue;
            }
            take(&mut from, size, &mut bytes)?;
            if !visit(&key, &bytes) {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The next number; `None` at the end, also of one that broke off when the disk was full.
#[cfg(any(test, feature = "s3"))]
fn number(from: &mut impl Read) -> io::Result<Option<u64>> {
    let mut bytes = Vec::new();
    take(from, 8, &mut bytes)?;
    Ok(bytes.try_into().ok().map(u64::from_le_bytes))
}

#[cfg(any(test, feature = "s3"))]
fn take(from: &mut impl Read, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
    into.clear();
    from.take(length).read_to_end(into).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_handed_over_again() {
        let mut kept = Kept { most: 100, ..Kept::default() };
        assert!(kept.put("a", b"one") && kept.put("b", b"") && kept.put("c", b"three") && !kept.put("d", &[0; 100]));
        assert!(!kept.put("e", b""), "what was not kept stands behind no other");
        let mut seen = Vec::new();
        kept.each(
            |key, size| key != "a" && size < 9,
            |key, bytes| {
                seen.push((key.to_owned(), bytes.to_vec()));
                true
            },
        )
        .unwrap();
        assert_eq!(seen, [("b".to_owned(), Vec::new()), ("c".to_owned(), b"three".to_vec())]);
        Kept::default().each(|_, _| true, |_, _| unreachable!()).unwrap();
    }
}
