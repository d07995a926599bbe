//! In which state a file was found: whether it is another one later.

use std::fmt;
use std::fs::Metadata;
use std::time::Duration;

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
