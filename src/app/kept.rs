//! Objects that were fetched from afar, as they came, kept on this machine until the second look: each is fetched once.

use crate::io::sources::many::{Came, Size};
use crate::io::sources::spool::Spool;
use std::io;
#[cfg(any(test, feature = "s3"))]
use std::io::BufReader;
use std::io::Read;

/// Bytes kept at most; what goes beyond is read in full when it comes.
const MOST: u64 = 1 << 30;
/// Bytes of an object that may stand in memory.
const LARGE: u64 = 16 << 20;
/// Bytes read at a time.
const STEP: usize = 256 << 10;

/// Keys and bytes, one behind the other.
#[derive(Debug)]
pub(super) struct Kept {
    /// `None` before the first, and where no more can be written.
    spool: Option<Spool>,
    most: u64,
    #[cfg_attr(not(any(test, feature = "s3")), allow(dead_code, reason = "only a bucket's are read again"))]
    large: u64,
    is_full: bool,
    /// How much it is, without the keys.
    size: Size,
}

impl Default for Kept {
    fn default() -> Self {
        Self { spool: None, most: MOST, large: LARGE, is_full: false, size: Size::default() }
    }
}

impl Kept {
    /// Keeps an object; false where there is no room for it.
    pub(super) fn put(&mut self, key: &str, came: Came<'_>) -> bool {
        let length = (key.len() + 16) as u64 + came.length();
        self.is_full |= self.spool.as_ref().map_or(0, Spool::length) + length > self.most;
        if !self.is_full {
            // A full disk is not this scan's to free.
            self.is_full = self.write(key, came).is_err();
        }
        if !self.is_full {
            self.size.files += 1;
            self.size.bytes += came.length();
        }
        !self.is_full
    }

    /// How much is kept.
    #[cfg(any(test, feature = "s3"))]
    pub(super) fn size(&self) -> Size {
        self.size
    }

    fn write(&mut self, key: &str, came: Came<'_>) -> io::Result<()> {
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(Spool::new()?),
        };
        let mut head = (key.len() as u64).to_le_bytes().to_vec();
        head.extend(came.length().to_le_bytes());
        head.extend(key.as_bytes());
        spool.put(&head)?;
        match came {
            Came::Held(bytes) => spool.put(bytes).map(drop),
            Came::Spooled(large) => copy(large.from(0)?, spool),
        }
    }

    /// Hands over those that `wants` takes, by key and bytes, the large ones in files of their own, in the order in which they came, until `visit` says no.
    #[cfg(any(test, feature = "s3"))]
    pub(super) fn each(
        &self,
        mut wants: impl FnMut(&str, u64) -> bool,
        mut visit: impl FnMut(&str, Came<'_>) -> bool,
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
            let goes_on = if size > self.large {
                bytes = Vec::new();
                let mut large = Spool::new()?;
                copy((&mut from).take(size), &mut large)?;
                visit(&key, Came::Spooled(&large))
            } else {
                take(&mut from, size, &mut bytes)?;
                visit(&key, Came::Held(&bytes))
            };
            if !goes_on {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Some at a time.
fn copy(mut from: impl Read, to: &mut Spool) -> io::Result<()> {
    let mut buffer = vec![0; STEP];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => drop(to.put(&buffer[..read])?),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
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

    fn put(kept: &mut Kept, key: &str, bytes: &[u8]) -> bool {
        kept.put(key, Came::Held(bytes))
    }

    #[test]
    fn what_fits_is_handed_over_again() {
        let mut kept = Kept { most: 100, ..Kept::default() };
        assert!(
            put(&mut kept, "a", b"one")
                && put(&mut kept, "b", b"")
                && put(&mut kept, "c", b"three")
                && !put(&mut kept, "d", &[0; 100])
        );
        assert!(!put(&mut kept, "e", b""), "what was not kept stands behind no other");
        let mut seen = Vec::new();
        kept.each(
            |key, size| key != "a" && size < 9,
            |key, bytes| {
                let Came::Held(bytes) = bytes else { unreachable!() };
                seen.push((key.to_owned(), bytes.to_vec()));
                true
            },
        )
        .unwrap();
        assert_eq!(seen, [("b".to_owned(), Vec::new()), ("c".to_owned(), b"three".to_vec())]);
        Kept::default().each(|_, _| true, |_, _| unreachable!()).unwrap();
    }

    #[test]
    fn what_is_large_goes_from_file_to_file() {
        let mut kept = Kept { large: 3, ..Kept::default() };
        let mut large = Spool::new().unwrap();
        large.put(b"large").unwrap();
        let bytes: &[u8] = b"one";
        for (key, came) in [("a", Came::Held(bytes)), ("b", Came::Spooled(&large)), ("c", Came::Held(b"three"))] {
            assert!(kept.put(key, came));
        }
        let mut seen = Vec::new();
        let visit = |key: &str, came: Came<'_>| {
            let mut all = Vec::new();
            match came {
                Came::Held(bytes) => all.extend_from_slice(bytes),
                Came::Spooled(spool) => drop(spool.from(0).unwrap().read_to_end(&mut all).unwrap()),
            }
            seen.push((key.to_owned(), String::from_utf8(all).unwrap(), matches!(came, Came::Held(_))));
            true
        };
        kept.each(|_, _| true, visit).unwrap();
        let one = |key: &str, text: &str, is_held| (key.to_owned(), text.to_owned(), is_held);
        assert_eq!(seen, [one("a", "one", true), one("b", "large", false), one("c", "three", false)]);
        assert_eq!((kept.size().files, kept.size().bytes), (3, 13));
    }
}
