//! How far a scan has come, for whoever watches it.

use super::around::Seen;
use super::gather::Gathered;
use super::looking::Looking;
use super::outcome::Stats;
use super::scan::Scan;
use crate::io::sources::many::{Desk, FileRead, Size};
use crate::io::stores::Object;
use crate::record::Problem;
use std::ops::ControlFlow;

/// How far a scan has come. It is told after each part that was read: a file, a megabyte of a large one,
/// an object, a page.
///
/// ```
/// use denywatch::app::{Progress, Step};
/// fn say(progress: &Progress<'_>) -> String {
///     match progress.step {
///         Step::SecondLook(looked) => format!("second look, {} files", looked.passed.files),
///         Step::Reading | Step::Fetching(_) | Step::History(_) => format!("{} records", progress.stats.records),
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Progress<'p> {
    /// What was read so far; a second look adds nothing.
    pub stats: &'p Stats,
    /// What is done now, and how much of that.
    pub step: Step<'p>,
    /// Bytes of large files that are still being read, as they lie there, as far as they were: what is read in `stats`, or
    /// passed in a second look, has them with the file's end. Of a pipe half of what came counts when it came, half when
    /// that was gone through; what was told of one that failed altogether stays in it. 0 where there was none.
    pub under_way: u64,
}

/// What is done, and how much of it.
#[derive(Debug, Clone, Copy)]
pub enum Step<'p> {
    /// The first look at files, or rows of a query. How much there is in all nobody has summed up; files may be, by
    /// [`crate::io::sources::many::size`].
    Reading,
    /// The first look at buckets.
    Fetching(Fetched),
    /// Event history, each Region by itself.
    History(&'p [Covered]),
    /// The second look.
    SecondLook(Looked),
}

/// How much of buckets was fetched. What an earlier scan read is not among it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fetched {
    /// What was read, or could not be.
    pub done: Size,
    /// What was listed.
    pub listed: Size,
    /// Whether nothing more comes.
    pub is_all: bool,
}

/// How much of the time asked for a Region's Event history has covered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Covered {
    /// Such as `eu-west-1`.
    pub region: String,
    /// Seconds that are to be read: what an earlier scan read is not among them.
    pub asked: i64,
    /// Seconds of them that were.
    pub covered: i64,
    /// Whether nothing more comes, be it that AWS refused.
    pub is_over: bool,
}

/// How much a second look has gone through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// What was read, or passed over, since it cannot tell.
    pub passed: Size,
    /// What there is in all; `None` where nobody has summed it up, see [`Step::Reading`].
    pub all: Option<Size>,
    /// Bytes that were read, as they lie there.
    pub bytes_read: u64,
    /// Whether it goes through more than what the scan was asked for, as an earlier one has left a part to it: what sums up
    /// the latter is then too little.
    pub is_wider: bool,
}

/// Who is told.
pub type Watcher<'w> = &'w mut dyn FnMut(&Progress<'_>);

/// A second look at files that is watched.
pub(super) struct Watched<'w, 'l, 's> {
    pub(super) looking: &'w mut Looking<'l>,
    pub(super) stats: Stats,
    pub(super) looked: Looked,
    pub(super) watcher: &'w mut (dyn FnMut(&Progress<'_>) + 's),
    pub(super) under_way: u64,
}

impl Watched<'_, '_, '_> {
    fn tell(&mut self, passed: Size) {
        self.looked.passed.files += passed.files;
        self.looked.passed.bytes += passed.bytes;
        self.show();
    }

    fn show(&mut self) {
        let (stats, step, under_way) = (&self.stats, Step::SecondLook(self.looked), self.under_way);
        (self.watcher)(&Progress { stats, step, under_way });
    }
}

/// A scan that is watched.
pub(super) struct Progressing<'a, 'p> {
    pub(super) scan: Scan<'a>,
    pub(super) progress: Watcher<'p>,
    pub(super) under_way: u64,
}

impl Progressing<'_, '_> {
    fn show(&mut self) {
        (self.progress)(&Progress { stats: &self.scan.stats, step: Step::Reading, under_way: self.under_way });
    }
}

impl Desk<Gathered> for Progressing<'_, '_> {
    fn skips(&mut self, objects: &[Object]) -> Vec<bool> {
        self.scan.skips(objects)
    }

    fn is_over(&self) -> bool {
        self.scan.is_over()
    }

    /// A file that was begun is read to its end, also when the scan is stopped.
    fn take_ahead(&mut self, made: Gathered) -> ControlFlow<()> {
        self.scan.take_ahead(made);
        if self.scan.failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn gone(&mut self, bytes: u64) {
        self.under_way += bytes;
        self.show();
    }

    fn take(&mut self, read: Result<FileRead<Gathered>, Problem>) -> ControlFlow<()> {
        self.under_way = self.under_way.saturating_sub(read.as_ref().map_or(0, |read| read.gone));
        match read {
            Ok(read) => self.scan.take_file(read),
            Err(problem) => self.scan.problems.push(problem),
        }
        self.show();
        if self.scan.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Desk<Seen> for Watched<'_, '_, '_> {
    fn skips(&mut self, objects: &[Object]) -> Vec<bool> {
        let skips = self.looking.skips(objects);
        let mut passed = Size::default();
        for object in objects.iter().zip(&skips).filter(|(_, is_skipped)| **is_skipped).map(|(object, _)| object) {
            passed.files += 1;
            passed.bytes += object.file_size().unwrap_or(0);
        }
        self.tell(passed);
        skips
    }

    fn is_over(&self) -> bool {
        self.looking.is_over()
    }

    fn take_ahead(&mut self, made: Seen) -> ControlFlow<()> {
        self.looking.take_ahead(made)
    }

    fn gone(&mut self, bytes: u64) {
        self.under_way += bytes;
        self.show();
    }

    fn take(&mut self, read: Result<FileRead<Seen>, Problem>) -> ControlFlow<()> {
        self.under_way = self.under_way.saturating_sub(read.as_ref().map_or(0, |read| read.gone));
        let bytes = read.as_ref().map_or(0, |read| read.bytes_read);
        self.looked.bytes_read += bytes;
        self.tell(Size { files: 1, bytes });
        self.looking.take(read)
    }
}
