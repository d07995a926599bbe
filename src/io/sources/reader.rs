//! One file after another → its plain bytes, in buffers that are used again.

use super::files::Limits;
use super::gzip;
use super::huge::WHOLE;
use super::salvage::salvage;
use super::unpack::Unpacker;
use super::walk::{STDIN, problem};
use crate::record::Problem;
use std::fmt;
use std::fs::Metadata;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// Room for what a stream gives next.
const STEP: usize = 64 << 10;

/// A file is read to a place that begins a line of the cache. A place sixteen bytes into a page, where `malloc` puts what is
/// large, is one to which some processors (AMD's Zen 3) copy from the system's own pages at a quarter of the speed.
const LINE: usize = 64;

/// Bytes of a buffer that is not given back.
const KEPT: usize = 1 << 20;

/// Reads and unpacks.
pub(crate) struct Reader {
    limit: u64,
    /// What is larger is not salvaged: others read it in parts.
    leaves_huge: bool,
    unpacker: Unpacker,
    /// Bytes as they lie there; only some of them are of the file that is read.
    raw: Vec<u8>,
    plain: Vec<u8>,
}

/// A file that could be opened and read, in whole or in part.
#[derive(Debug)]
pub(crate) struct Loaded<'a> {
    /// Plain bytes; of a file that ends early the whole records.
    pub(crate) bytes: &'a [u8],
    /// Bytes as they lay there.
    pub(crate) bytes_read: u64,
    /// Bytes after unpacking, those of half records included.
    pub(crate) unpacked: u64,
    /// Why it was not read to its end, or is not to be relied on.
    pub(crate) fault: Option<Problem>,
    /// It is too large to stand in memory; nothing of it is here.
    pub(crate) is_huge: bool,
}

impl Loaded<'_> {
    fn huge() -> Self {
        Self { bytes: b"", bytes_read: 0, unpacked: 0, fault: None, is_huge: true }
    }
}

impl Reader {
    pub(crate) fn new(limits: Limits) -> Self {
        let unpacker = Unpacker::new(limits.file);
        Self { limit: limits.file, leaves_huge: false, unpacker, raw: Vec::new(), plain: Vec::new() }
    }

    /// Reads what may stand in memory as a whole, and tells of what may not.
    pub(crate) fn whole(limits: Limits) -> Self {
        let file = limits.file.min(WHOLE);
        Self { leaves_huge: limits.file > WHOLE, ..Self::new(Limits { file }) }
    }

    /// Gives back the memory of large files: what follows needs it otherwise.
    pub(super) fn shed(&mut self) {
        for buffer in [&mut self.raw, &mut self.plain] {
            if buffer.capacity() > KEPT {
                *buffer = Vec::new();
            }
        }
    }

    /// Unpacks bytes that came from elsewhere, as if they were a file's.
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<Loaded<'_>, Problem> {
        self.stream(name, bytes, bytes.len() as u64)
    }

    /// Reads a file, or stdin for `-`. `found` is the state in which it was found.
    pub(super) fn load(&mut self, path: &Path, found: Option<State>) -> Result<Loaded<'_>, Problem> {
        let name = path.to_string_lossy();
        if path == Path::new(STDIN) {
            return self.stream(&name, std::io::stdin().lock(), 0);
        }
        let failed = |error: std::io::Error| problem(path, &error);
        #[allow(clippy::disallowed_methods)] // this is the source that reads files
        let mut file = std::fs::File::open(path).map_err(failed)?;
        let size =
            found.map_or_else(|| file.metadata().map(|now| now.len()), |found| Ok(found.size)).map_err(failed)?;
        let mut loaded = self.stream(&name, &mut file, size)?;
        let is_same = |now: Metadata| match (found, State::of(&now)) {
            (Some(before), Some(now)) => before == now,
            _ => true,
        };
        if loaded.fault.is_none() && !file.metadata().map(is_same).unwrap_or(true) {
            loaded.fault = Some(changed(&name));
        }
        Ok(loaded)
    }

    fn stream(&mut self, name: &str, from: impl Read, size: u64) -> Result<Loaded<'_>, Problem> {
        let (place, end) = self.fill(from, size);
        let read = place.len();
        let mut end = match end {
            Err(error) if read == 0 => return Err(problem(Path::new(name), &error)),
            end => end.map_err(|error| format!("it cannot be read to its end: {error}")),
        };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let raw = &self.raw[place];
        let raw = &raw[..read.min(limit)];
        self.plain.clear();
        let told = raw.last_chunk::<4>().map_or(0, |size| u64::from(u32::from_le_bytes(*size)));
        let is_huge = read > limit || gzip::is_gzip(raw) && told > self.limit;
        if self.leaves_huge && is_huge {
            return Ok(Loaded::huge());
        }
        let is_packed = Unpacker::is_packed(name, raw);
        if is_packed {
            // What could be read is unpacked in either case.
            let unpacked = self.unpacker.unpack(name, raw, &mut self.plain);
            end = end.and(unpacked);
        }
        if self.leaves_huge && is_packed && end.is_err() && self.plain.len() >= limit {
            return Ok(Loaded::huge());
        }
        // Named first: a file that is not read to its end seems cut, too.
        if read > limit {
            end = Err(format!("it is larger than {limit} bytes"));
        }
        let unpacked = if is_packed { self.plain.len() } else { raw.len() } as u64;
        let Err(error) = end else {
            let bytes = if is_packed { &self.plain[..] } else { raw };
            return Ok(Loaded { bytes, bytes_read: read as u64, unpacked, fault: None, is_huge: false });
        };
        if !is_packed {
            self.plain.extend_from_slice(raw);
        }
        salvage(&mut self.plain);
        let kept = if self.plain.is_empty() { "nothing of it is used" } else { "the whole records before are used" };
        let fault = Some(Problem { input: name.to_owned(), error: format!("{error}; {kept}") });
        Ok(Loaded { bytes: &self.plain, bytes_read: read as u64, unpacked, fault, is_huge: false })
    }

    /// Reads to the end, or one byte beyond the limit, and tells where that is in the buffer. A file of which `size` bytes
    /// were read is at its end.
    fn fill(&mut self, mut from: impl Read, size: u64) -> (Range<usize>, std::io::Result<()>) {
        let most = usize::try_from(self.limit).unwrap_or(usize::MAX).saturating_add(1);
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(most);
        self.make_room(size.max(STEP).saturating_add(LINE));
        let begin = self.raw.as_ptr().align_offset(LINE).min(LINE);
        let mut read = 0;
        loop {
            let room = if read < size { size } else { read.saturating_add(STEP) }.min(most);
            self.make_room(begin.saturating_add(room));
            let end = self.raw.len().min(begin.saturating_add(most));
            match from.read(&mut self.raw[begin + read..end]) {
                Ok(0) => return (begin..begin + read, Ok(())),
                Ok(more) => read += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return (begin..begin + read, Err(error)),
            }
            if read == most || size > 0 && read == size {
                return (begin..begin + read, Ok(()));
            }
        }
    }

    fn make_room(&mut self, bytes: usize) {
        if self.raw.len() < bytes {
            self.raw.resize(bytes, 0);
        }
    }
}

/// A file that is another one after it was read.
pub(super) fn changed(name: &str) -> Problem {
    let error = "it changed while it was read: scan it again when nobody writes it".to_owned();
    Problem { input: name.to_owned(), error }
}

/// Size, time of change, and where the system tells them the file's number and the time at which that was last written: `cp -p`
/// and `rsync -t` give other content the old time of change. Its text is the mark by which a file is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// Bytes.
    pub(super) size: u64,
    /// Since 1970.
    changed: Duration,
    /// The file's number, and seconds and nanoseconds of when that was last written.
    number: Option<(u64, i64, i64)>,
}

impl State {
    /// `None` for what is no regular file.
    pub(super) fn of(file: &Metadata) -> Option<Self> {
        let changed = file.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        file.is_file().then(|| Self { size: file.len(), changed, number: number(file) })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.size, self.changed.as_nanos())?;
        match self.number {
            Some((number, seconds, nanoseconds)) => write!(f, "-{number}-{seconds}.{nanoseconds:09}"),
            None => Ok(()),
        }
    }
}

#[cfg(unix)]
fn number(of: &Metadata) -> Option<(u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    Some((of.ino(), of.ctime(), of.ctime_nsec()))
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> Option<(u64, i64, i64)> {
    None
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // tests write files
mod tests {
    use super::*;

    #[test]
    fn what_is_read_begins_at_a_line_of_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.json");
        let mut reader = Reader::new(Limits::default());
        for size in [3_000, 70_000, 3_000_000, 200_000, 5] {
            let bytes: Vec<u8> = (0..size).map(|at: u32| b'a' + (at % 23) as u8).collect();
            std::fs::write(&path, &bytes).unwrap();
            let loaded = reader.load(&path, None).unwrap();
            // Where `malloc` puts large buffers elsewhere, as glibc's does.
            assert_eq!(loaded.bytes.as_ptr().addr() % LINE, 0, "{size}");
            assert!(loaded.bytes == bytes && loaded.fault.is_none(), "{size}");
            // Of what comes by a pipe nobody knows the size, and the buffer may move.
            let mut new = Reader::new(Limits::default());
            assert!(new.stream("log.json", &*bytes, 0).unwrap().bytes == bytes, "{size}");
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
        let bytes = vec![b'a'; 300_000];
        for limit in [5, 99_999, 100_000, 250_001] {
            for size in [0, 300_000] {
                let mut reader = Reader::new(Limits { file: limit });
                let loaded = reader.stream("log.json", &*bytes, size).unwrap();
                assert_eq!((loaded.bytes_read, loaded.fault.is_some()), (limit + 1, true), "{limit} {size}");
                let loaded = reader.stream("log.json", Endless, size).unwrap();
                assert_eq!((loaded.bytes_read, loaded.fault.is_some()), (limit + 1, true), "{limit} {size}");
            }
        }
        for limit in [300_000, 300_001] {
            let mut reader = Reader::new(Limits { file: limit });
            assert!(reader.stream("log.json", &*bytes, 0).unwrap().fault.is_none(), "{limit}");
        }
    }
}
