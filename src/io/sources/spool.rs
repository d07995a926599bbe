//! A file without a name, for what can be read but once and is too large for memory: it goes when it is closed.

use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes copied at a time.
const STEP: usize = 256 << 10;

/// Bytes that were written one behind the other.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    length: u64,
}

impl Spool {
    /// Makes it in the folder for temporary files that are large. Nobody else can open it, and after a crash nothing is left.
    pub(crate) fn new() -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder().join(format!("denywatch-{}-{number}", std::process::id()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(Self { file, length: 0 })
    }

    /// Writes behind what is there; returns where it begins.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let start = self.length;
        self.file.seek(SeekFrom::Start(start))?;
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(start)
    }

    /// How much was written.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Reads again from there; two cannot be read at the same time.
    pub(crate) fn from(&self, start: u64) -> io::Result<impl Read + '_> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start))?;
        Ok(file.take(self.length - start.min(self.length)))
    }

    /// Takes the rest of a stream, behind what was read of it; tells its hash.
    pub(super) fn all(first: &[u8], mut rest: impl Read, limit: u64) -> io::Result<(Self, String)> {
        let (mut spool, mut hash) = (Self::new()?, Sha256::new());
        let mut buffer = vec![0; STEP];
        let mut part = first;
        let mut read;
        loop {
            hash.update(part);
            spool.put(part)?;
            if spool.length > limit {
                break;
            }
            read = rest.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            part = &buffer[..read];
        }
        Ok((spool, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

/// Bytes of a [`Pile`] in memory.
const FEW: usize = 1 << 20;

/// Short texts that are read again in another order: in memory where they are few, else in a [`Spool`].
#[derive(Debug, Default)]
pub(crate) struct Pile {
    /// The latest, not written yet.
    last: Vec<u8>,
    spool: Option<Spool>,
}

impl Pile {
    /// Adds a text; returns where it begins.
    pub(crate) fn put(&mut self, text: &[u8]) -> io::Result<u64> {
        if self.last.len() + text.len() > FEW && !self.last.is_empty() {
            match &mut self.spool {
                Some(spool) => spool.put(&self.last)?,
                none => none.insert(Spool::new()?).put(&self.last)?,
            };
            self.last.clear();
        }
        let start = self.written() + self.last.len() as u64;
        self.last.extend_from_slice(text);
        Ok(start)
    }

    /// Bytes of one text, from where they begin.
    pub(crate) fn get(&self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        if let Some(start) = start.checked_sub(self.written()) {
            let rest = usize::try_from(start).ok().and_then(|start| self.last.get(start..)?.get(..length));
            return rest.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        let mut text = vec![0; length];
        match &self.spool {
            Some(spool) => spool.from(start)?.read_exact(&mut text).map(|()| text),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn written(&self) -> u64 {
        self.spool.as_ref().map_or(0, Spool::length)
    }
}

/// Where temporary files may be large: `/tmp` often stands in memory.
/// See <https://refspecs.linuxfoundation.org/FHS_3.0/fhs/ch05s15.html>.
fn folder() -> PathBuf {
    let large = PathBuf::from("/var/tmp");
    if cfg!(unix) && large.is_dir() { large } else { std::env::temp_dir() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again_and_nothing_is_left() {
        let (mut spool, hash) = Spool::all(b"ab", &b"cd"[..], 100).unwrap();
        assert_eq!((spool.put(b"ef").unwrap(), hash.len(), spool.length()), (4, 64, 6));
        let mut text = String::new();
        spool.from(1).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "bcdef");
        let name = format!("denywatch-{}-", std::process::id());
        let left = std::fs::read_dir(folder()).unwrap().filter_map(Result::ok);
        assert_eq!(left.filter(|one| one.file_name().to_string_lossy().starts_with(&name)).count(), 0);
    }

    #[test]
    fn a_pile_gives_back_what_it_got_however_high_it_is() {
        let mut pile = Pile::default();
        let text = |n: usize| format!("{n}").repeat(n % 7 * 30_000);
        let starts: Vec<u64> = (0..100).map(|n| pile.put(text(n).as_bytes()).unwrap()).collect();
        assert!(pile.last.len() <= FEW && pile.written() > FEW as u64);
        for (n, start) in starts.iter().enumerate().rev() {
            assert_eq!(pile.get(*start, text(n).len()).unwrap(), text(n).as_bytes(), "{n}");
        }
        assert!(pile.get(pile.written() + FEW as u64, 1).is_err());
    }
}
