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
}
