//! Files, folders and stdin → their bytes, inflated, one file at a time.

use super::archive::Selection;
use super::walk::{STDIN, Walk, problem};
use super::{gzip, salvage::salvage};
use crate::record::Problem;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What a file may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that one file may be, read or inflated; what lies behind is left out and reported. CloudTrail's own files
    /// stay below 50 MB before compression.
    pub file: u64,
}

impl Default for Limits {
    /// 1 GiB a file.
    fn default() -> Self {
        Self { file: 1 << 30 }
    }
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files that could be opened and read, in whole or in part.
    pub files: u64,
    /// Bytes as they lay there, compressed where they were.
    pub bytes_read: u64,
    /// Bytes after inflating.
    pub bytes: u64,
}

/// Reads files and folders, and stdin for `-`, and hands each file's name and inflated bytes to `visit`.
///
/// The order is that of the paths, and by name inside a folder. In folders only `.json`, `.jsonl`, `.ndjson` and `.gz`
/// files are read; compression is told by the first bytes. CloudTrail's digest, insight and aggregated folders are left
/// out, since they hold no events. A file that cannot be read, or not to its end, is reported and the rest goes on; of
/// one that ends early the whole records are handed over.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # std::fs::write(folder.path().join("a.json"), b"{}").unwrap();
/// use denywatch::io::sources::files;
/// let paths = [folder.path().to_path_buf(), "missing.json".into()];
/// let mut seen = Vec::new();
/// let (tally, problems) = files::each(&paths, files::Limits::default(), |_name, bytes| seen.push(bytes.to_vec()));
/// assert_eq!((tally.files, seen), (1, vec![b"{}".to_vec()]));
/// assert_eq!(problems[0].error, "there is no such file or folder");
/// ```
pub fn each(paths: &[PathBuf], limits: Limits, visit: impl FnMut(&str, &[u8])) -> (Tally, Vec<Problem>) {
    each_of(paths, &Selection::default(), limits, visit)
}

/// [`each`], without the folders and files that the layout of a CloudTrail archive tells to be outside of a selection.
pub fn each_of(
    paths: &[PathBuf],
    selection: &Selection,
    limits: Limits,
    mut visit: impl FnMut(&str, &[u8]),
) -> (Tally, Vec<Problem>) {
    let mut reader = Reader::new(limits);
    let mut problems = Vec::new();
    for path in Walk::new(paths, selection) {
        match path {
            Ok(path) => reader.file(&path, &mut visit, &mut problems),
            Err(problem) => problems.push(problem),
        }
    }
    (reader.tally, problems)
}

/// The size of each file that [`each_of`] would read; nothing is opened.
pub fn sizes<'a>(paths: &'a [PathBuf], selection: &'a Selection) -> impl Iterator<Item = Result<u64, Problem>> + 'a {
    Walk::new(paths, selection).map(|path| {
        let path = path?;
        std::fs::metadata(&path).map(|file| file.len()).map_err(|error| problem(&path, &error))
    })
}

/// Reads one file after another into the same buffers.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    tally: Tally,
    raw: Vec<u8>,
    plain: Vec<u8>,
}

impl Reader {
    /// At this cost a file.
    pub fn new(limits: Limits) -> Self {
        Self { limits, tally: Tally::default(), raw: Vec::new(), plain: Vec::new() }
    }

    /// What was read so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Hands on bytes that came from elsewhere, as if they were a file's.
    pub fn bytes(
        &mut self,
        name: &str,
        bytes: &[u8],
        visit: &mut impl FnMut(&str, &[u8]),
        problems: &mut Vec<Problem>,
    ) {
        self.stream(name, bytes, visit, problems);
    }

    fn file(&mut self, path: &Path, visit: &mut impl FnMut(&str, &[u8]), problems: &mut Vec<Problem>) {
        if path == Path::new(STDIN) {
            return self.stream(STDIN, std::io::stdin().lock(), visit, problems);
        }
        #[allow(clippy::disallowed_methods)] // this is the source that reads files
        match std::fs::File::open(path) {
            Ok(file) => self.stream(&path.to_string_lossy(), file, visit, problems),
            Err(error) => problems.push(problem(path, &error)),
        }
    }

    fn stream(
        &mut self,
        name: &str,
        from: impl Read,
        visit: &mut impl FnMut(&str, &[u8]),
        problems: &mut Vec<Problem>,
    ) {
        self.raw.clear();
        self.plain.clear();
        let end = match from.take(self.limits.file.saturating_add(1)).read_to_end(&mut self.raw) {
            Ok(_) => Ok(()),
            Err(error) if self.raw.is_empty() => return problems.push(problem(Path::new(name), &error)),
            Err(error) => Err(format!("it cannot be read to its end: {error}")),
        };
        self.tally.files += 1;
        self.tally.bytes_read += self.raw.len() as u64;
        // What could be read is unpacked in either case.
        let unpacked = self.unpack();
        let end = end.and(unpacked);
        self.tally.bytes += self.plain.len() as u64;
        if let Err(error) = end {
            salvage(&mut self.plain);
            let kept =
                if self.plain.is_empty() { "nothing of it is used" } else { "the whole records before are used" };
            problems.push(Problem { input: name.to_owned(), error: format!("{error}; {kept}") });
        }
        if !self.plain.is_empty() {
            visit(name, &self.plain);
        }
    }

    /// Fills `plain` from `raw`.
    fn unpack(&mut self) -> Result<(), String> {
        let limit = self.limits.file;
        let too_large = self.raw.len() as u64 > limit;
        if too_large {
            self.raw.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        let unpacked = if gzip::is_gzip(&self.raw) {
            gzip::inflate(&self.raw, limit, &mut self.plain).map_err(|stop| stop.to_string())
        } else {
            std::mem::swap(&mut self.raw, &mut self.plain);
            Ok(())
        };
        // Named first: a file that is not read to its end seems cut, too.
        if too_large { Err(format!("it is larger than {limit} bytes")) } else { unpacked }
    }
}

#[cfg(test)]
mod tests;
