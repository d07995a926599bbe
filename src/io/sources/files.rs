//! Files, folders and stdin → their bytes, inflated, one file at a time.

use super::archive::Selection;
use super::reader::Reader;
use super::walk::{self, Walk};
use crate::record::Problem;
use std::path::PathBuf;

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
/// The order is that of the paths, and by name inside a folder. In folders only `.json`, `.jsonl`, `.ndjson`, `.gz`,
/// `.bz2` and `.zst` files are read; compression is told by the first bytes. CloudTrail's digest, insight and aggregated folders, and
/// files of such names, are left out, since they hold no events, as are folders of other services in an archive. A file that cannot be read, or not to its end, is reported and the rest goes on; of
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
pub fn each(paths: &[PathBuf], limits: Limits, mut visit: impl FnMut(&str, &[u8])) -> (Tally, Vec<Problem>) {
    let mut reader = Reader::new(limits);
    let (mut tally, mut problems) = (Tally::default(), Vec::new());
    let all = Selection::default();
    for found in Walk::new(paths, &all) {
        let loaded = found.and_then(|found| Ok((reader.load(&found.path, None)?, found)));
        match loaded {
            Ok((loaded, found)) => {
                tally.files += 1;
                tally.bytes_read += loaded.bytes_read;
                tally.bytes += loaded.unpacked;
                problems.extend(loaded.fault);
                if !loaded.bytes.is_empty() {
                    visit(&found.path.to_string_lossy(), loaded.bytes);
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    (tally, problems)
}

/// Which of these paths [`each`] and a scan pass over, in words; what lies inside of folders is passed over without a word.
///
/// ```
/// use denywatch::io::sources::files::passed_over;
/// let digest = "111122223333_CloudTrail-Digest_eu-west-1_trail_us-east-1_20261110T100000Z.json.gz";
/// assert!(passed_over(&[digest.into(), "log.json".into()])[0].starts_with(&format!("{digest}: passed over, ")));
/// assert_eq!(passed_over(&["log.json".into()]), [""; 0]);
/// ```
pub fn passed_over(paths: &[PathBuf]) -> Vec<String> {
    walk::passed_over(paths)
}

/// The size of each file that a scan would read; nothing is opened.
pub fn sizes<'a>(paths: &'a [PathBuf], selection: &'a Selection) -> impl Iterator<Item = Result<u64, Problem>> + 'a {
    Walk::new(paths, selection).map(|found| found.map(|found| found.size))
}

#[cfg(test)]
mod tests;
