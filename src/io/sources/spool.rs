//! A file without a name, for what can be read but once and is too large for memory: it goes when it is closed.

use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
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
    /// Makes it in the first folder for temporary files that can be written. Nobody else can open it, and after a crash
    /// nothing is left.
    pub(crate) fn new() -> io::Result<Self> {
        Self::in_one_of(&folders())
    }

    fn in_one_of(folders: &[PathBuf]) -> io::Result<Self> {
        let mut made = Err(io::ErrorKind::NotFound.into());
        for folder in folders {
            made = made.or_else(|_: io::Error| Self::within(folder));
        }
        made
    }

    fn within(folder: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("denywatch-{}-{number}", std::process::id()));
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
            read = loop {
                match rest.read(&mut buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            };
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

/// Short texts that are read again in another order: in memory where they are few or no folder takes them, else in a
/// [`Spool`]. None is lost for want of a folder.
#[derive(Debug, Default)]
pub(crate) struct Pile {
    /// The latest, not written yet.
    last: Vec<u8>,
    spool: Option<Spool>,
    /// No more can be written: the rest stays in memory.
    is_held: bool,
}

impl Pile {
    /// Adds a text; returns where it begins.
    pub(crate) fn put(&mut self, text: &[u8]) -> u64 {
        if self.last.len() + text.len() > FEW && !self.last.is_empty() && !self.is_held {
            match self.write() {
                Ok(_) => self.last.clear(),
                // Of a full disk, too: what was written of it stands behind the length that counts.
                Err(_) => self.is_held = true,
            }
        }
        let start = self.length();
        self.last.extend_from_slice(text);
        start
    }

    fn write(&mut self) -> io::Result<u64> {
        match &mut self.spool {
            Some(spool) => spool.put(&self.last),
            none => none.insert(Spool::new()?).put(&self.last),
        }
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

    /// Bytes that were put, all of them.
    pub(crate) fn length(&self) -> u64 {
        self.written() + self.last.len() as u64
    }

    fn written(&self) -> u64 {
        self.spool.as_ref().map_or(0, Spool::length)
    }
}

/// Where temporary files may be large, since `/tmp` often stands in memory; then any.
/// See <https://refspecs.linuxfoundation.org/FHS_3.0/fhs/ch05s15.html>.
fn folders() -> Vec<PathBuf> {
    let large = cfg!(unix).then(|| PathBuf::from("/var/tmp"));
    large.into_iter().chain([std::env::temp_dir()]).collect()
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
        let left = folders().into_iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).filter_map(Result::ok);
        assert_eq!(left.filter(|one| one.file_name().to_string_lossy().starts_with(&name)).count(), 0);
    }

    #[test]
    fn where_a_folder_takes_nothing_the_next_does() {
        let dir = tempfile::tempdir().unwrap();
        let folders = [dir.path().join("none"), dir.path().to_owned()];
        assert_eq!(Spool::in_one_of(&folders).unwrap().put(b"a").unwrap(), 0);
        assert!(Spool::in_one_of(&folders[..1]).is_err() && Spool::in_one_of(&[]).is_err());
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // a file that cannot be written
    fn a_pile_that_cannot_be_written_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "ab").unwrap();
        // Two bytes were written before no more could be.
        let full = || Spool { file: File::open(&path).unwrap(), length: 2 };
        let mut pile = Pile { spool: Some(full()), ..Pile::default() };
        let text = |n: u8| vec![n; FEW / 2];
        let starts: Vec<u64> = (0..5).map(|n| pile.put(&text(n))).collect();
        for (n, start) in (0..5).zip(starts) {
            assert_eq!(pile.get(start, FEW / 2).unwrap(), text(n), "{n}");
        }
        assert_eq!((pile.get(0, 2).unwrap(), pile.written()), (b"ab".to_vec(), 2));
    }

    #[test]
    fn a_pile_gives_back_what_it_got_however_high_it_is() {
        let mut pile = Pile::default();
        let text = |n: usize| format!("{n}").repeat(n % 7 * 30_000);
        let starts: Vec<u64> = (0..100).map(|n| pile.put(text(n).as_bytes())).collect();
        assert!(pile.last.len() <= FEW && pile.written() > FEW as u64);
        for (n, start) in starts.iter().enumerate().rev() {
            assert_eq!(pile.get(*start, text(n).len()).unwrap(), text(n).as_bytes(), "{n}");
        }
        assert!(pile.get(pile.written() + FEW as u64, 1).is_err());
    }
}
