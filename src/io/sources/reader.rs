//! One file after another → its plain bytes, in buffers that are used again.

use super::files::Limits;
use super::salvage::salvage;
use super::unpack::Unpacker;
use super::walk::{STDIN, problem};
use crate::record::Problem;
use std::fs::Metadata;
use std::io::Read;
use std::path::Path;

/// Room for what a stream gives next.
const STEP: usize = 64 << 10;

/// Reads and unpacks.
pub(crate) struct Reader {
    limit: u64,
    unpacker: Unpacker,
    /// Bytes as they lie there; only the first ones are of the file that is read.
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
}

impl Reader {
    pub(crate) fn new(limits: Limits) -> Self {
        let unpacker = Unpacker::new(limits.file);
        Self { limit: limits.file, unpacker, raw: Vec::new(), plain: Vec::new() }
    }

    /// Unpacks bytes that came from elsewhere, as if they were a file's.
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<Loaded<'_>, Problem> {
        self.stream(name, bytes, bytes.len() as u64)
    }

    /// Reads a file, or stdin for `-`. `found` tells the state in which it was found: its size and its [`mark`].
    pub(super) fn load(&mut self, path: &Path, found: Option<(u64, &str)>) -> Result<Loaded<'_>, Problem> {
        let name = path.to_string_lossy();
        if path == Path::new(STDIN) {
            return self.stream(&name, std::io::stdin().lock(), 0);
        }
        let failed = |error: std::io::Error| problem(path, &error);
        #[allow(clippy::disallowed_methods)] // this is the source that reads files
        let mut file = std::fs::File::open(path).map_err(failed)?;
        let size = found.map_or_else(|| file.metadata().map(|now| now.len()), |(size, _)| Ok(size)).map_err(failed)?;
        let mut loaded = self.stream(&name, &mut file, size)?;
        let is_same = |now: Metadata| found.is_none_or(|(_, found)| mark(&now).is_none_or(|mark| mark == found));
        if loaded.fault.is_none() && !file.metadata().map(is_same).unwrap_or(true) {
            let error = "it changed while it was read: scan it again when nobody writes it".to_owned();
            loaded.fault = Some(Problem { input: name.into_owned(), error });
        }
        Ok(loaded)
    }

    fn stream(&mut self, name: &str, from: impl Read, size: u64) -> Result<Loaded<'_>, Problem> {
        let (read, end) = self.fill(from, size);
        let mut end = match end {
            Err(error) if read == 0 => return Err(problem(Path::new(name), &error)),
            end => end.map_err(|error| format!("it cannot be read to its end: {error}")),
        };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let raw = &self.raw[..read.min(limit)];
        self.plain.clear();
        let is_packed = Unpacker::is_packed(name, raw);
        if is_packed {
            // What could be read is unpacked in either case.
            let unpacked = self.unpacker.unpack(name, raw, &mut self.plain);
            end = end.and(unpacked);
        }
        // Named first: a file that is not read to its end seems cut, too.
        if read > limit {
            end = Err(format!("it is larger than {limit} bytes"));
        }
        let unpacked = if is_packed { self.plain.len() } else { raw.len() } as u64;
        let Err(error) = end else {
            let bytes = if is_packed { &self.plain[..] } else { raw };
            return Ok(Loaded { bytes, bytes_read: read as u64, unpacked, fault: None });
        };
        if !is_packed {
            self.plain.extend_from_slice(raw);
        }
        salvage(&mut self.plain);
        let kept = if self.plain.is_empty() { "nothing of it is used" } else { "the whole records before are used" };
        let fault = Some(Problem { input: name.to_owned(), error: format!("{error}; {kept}") });
        Ok(Loaded { bytes: &self.plain, bytes_read: read as u64, unpacked, fault })
    }

    /// Reads to the end, or one byte beyond the limit, and tells how many bytes that were. A file of which `size` bytes
    /// were read is at its end.
    fn fill(&mut self, mut from: impl Read, size: u64) -> (usize, std::io::Result<()>) {
        let most = usize::try_from(self.limit).unwrap_or(usize::MAX).saturating_add(1);
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(most);
        let mut read = 0;
        loop {
            let room = if read < size { size } else { read.saturating_add(STEP) }.min(most);
            if self.raw.len() < room {
                self.raw.resize(room.max(STEP), 0);
            }
            let end = self.raw.len().min(most);
            match from.read(&mut self.raw[read..end]) {
                Ok(0) => return (read, Ok(())),
                Ok(more) => read += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return (read, Err(error)),
            }
            if read == most || size > 0 && read == size {
                return (read, Ok(()));
            }
        }
    }
}

/// Size and time of change, by which a file's state is known; `None` for what is no regular file.
pub(super) fn mark(of: &Metadata) -> Option<String> {
    let changed = of.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    of.is_file().then(|| format!("{}-{}", of.len(), changed.as_nanos()))
}
