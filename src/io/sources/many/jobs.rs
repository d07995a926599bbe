//! The files of an archive → jobs: some files each, which a thread reads one after the other.

use super::over::Step;
use super::{Desk, FileRead, Joins, Made};
use crate::io::sources::state::State;
use crate::io::sources::walk::{Found, Walk};
use crate::io::stores::Object;
use crate::record::Problem;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Files that the desk is asked about at once, and that are handed to a thread at most: a question and a hand-over cost as
/// much as a small file each, and what is finished together costs less than by itself.
const FILES: usize = 256;
/// Bytes of a hand-over; the fewer, the more was made of those before.
const BYTES: std::ops::RangeInclusive<u64> = 16 << 10..=4 << 20;

pub(super) type Job = VecDeque<Result<Task, Problem>>;

/// A file, and what it is known by before it is read; `None` for what is no regular file.
pub(super) struct Task {
    pub(super) found: Found,
    pub(super) object: Option<Object>,
}

impl Task {
    /// `None` for what is no regular file.
    pub(super) fn file(&self) -> Option<(&Path, State)> {
        Some((&self.found.path, self.found.state?))
    }
}

/// The files to be read, some at a time.
pub(super) struct Jobs<'w> {
    walk: Walk<'w>,
    /// What relative paths are relative to.
    base: PathBuf,
    streams: bool,
    /// What is to be read and was not given out yet.
    found: Job,
    /// Bytes of the next job.
    pub(super) bytes: u64,
    /// What it is to come to.
    weight: u64,
    /// What was taken of a file that is still being read weighs so much.
    pub(super) ahead: u64,
}

impl<'w> Jobs<'w> {
    /// Jobs that come to so much each, once it is known how much files come to.
    pub(super) fn new(walk: Walk<'w>, base: PathBuf, streams: bool, weight: u64) -> Self {
        Self { walk, base, streams, found: Job::new(), bytes: *BYTES.start(), weight, ahead: 0 }
    }

    fn object(&self, found: &Found) -> Option<Object> {
        let mark = found.state?.to_string();
        let path = found.path.strip_prefix(".").unwrap_or(&found.path);
        Some(Object { key: self.base.join(path).to_string_lossy().into_owned(), mark })
    }

    /// Lets the next jobs have as many bytes as what was made of these allows.
    pub(super) fn fit<T: Joins>(&mut self, made: &Made<T>) {
        let bytes: u64 = made.iter().flatten().map(|read| read.bytes_read).sum();
        let weight: u64 = std::mem::take(&mut self.ahead) + made.iter().map(weight).sum::<u64>();
        self.bytes = (bytes.saturating_mul(self.weight) / weight.max(1)).clamp(*BYTES.start(), *BYTES.end());
    }

    /// Takes a hand-over to the desk.
    pub(super) fn take<T: Joins>(&mut self, desk: &mut impl Desk<T>, step: Step<T>) -> ControlFlow<()> {
        match step {
            Step::Ahead(made) => {
                self.ahead += made.weight();
                desk.take_ahead(made)
            }
            Step::Gone(bytes) => {
                desk.gone(bytes);
                ControlFlow::Continue(())
            }
            Step::Files(made) if made.is_empty() => ControlFlow::Continue(()),
            Step::Files(made) => {
                self.fit(&made);
                made.into_iter().try_for_each(|read| desk.take(read))
            }
        }
    }

    pub(super) fn next<T>(&mut self, desk: &mut impl Desk<T>) -> Option<Job> {
        while self.found.is_empty() {
            if desk.is_over() || !self.find(desk) {
                return None;
            }
        }
        let (mut job, mut bytes) = (Job::new(), 0);
        while bytes < self.bytes {
            let Some(task) = self.found.pop_front() else { break };
            bytes += task.as_ref().map_or(0, |task| task.found.size);
            job.push_back(task);
        }
        Some(job)
    }

    /// Looks for more files, those apart that the desk skips; false where there are none.
    fn find<T>(&mut self, desk: &mut impl Desk<T>) -> bool {
        let mut any = false;
        while self.found.len() < FILES {
            let Some(found) = self.walk.next() else { break };
            any = true;
            if !self.streams && found.as_ref().is_ok_and(|found| found.state.is_none()) {
                continue;
            }
            let task = found.map(|found| Task { object: self.object(&found), found });
            self.found.push_back(task);
        }
        let objects: Vec<Object> = self.found.iter().flatten().filter_map(|task| task.object.clone()).collect();
        let mut skips = desk.skips(&objects).into_iter();
        self.found.retain(|task| {
            let is_known = task.as_ref().ok().and_then(|task| task.object.as_ref()).and_then(|_| skips.next());
            !is_known.unwrap_or(false)
        });
        any
    }
}

pub(super) fn weight<T: Joins>(read: &Result<FileRead<T>, Problem>) -> u64 {
    read.as_ref().ok().and_then(|read| read.made.as_ref()).map_or(0, T::weight)
}
