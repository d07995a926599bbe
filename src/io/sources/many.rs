//! An archive of log files, read by several threads and handed over in its own order, without what the taker skips.

use super::archive::Selection;
use super::files::Limits;
use super::reader::{Loaded, Reader};
use super::walk::{Found, STDIN, Walk};
use crate::io::stores::Object;
use crate::record::Problem;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};

/// Files handed to a thread at once, and their bytes: a hand-over costs as much as a small file.
const FILES: usize = 32;
/// See [`FILES`].
const BYTES: u64 = 1 << 20;
/// Hand-overs under way for each thread.
const AHEAD: usize = 3;

/// How an archive is read.
#[derive(Debug, Clone, Copy)]
pub struct How<'h> {
    /// Files that cannot hold what is wanted are not opened.
    pub selection: &'h Selection,
    /// What a file may cost.
    pub limits: Limits,
    /// Threads that read.
    pub threads: usize,
    /// Standard input and pipes, which can be read but once, are read too.
    pub streams: bool,
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A file, which can be read again.
    File,
    /// Standard input or a pipe.
    Stream,
}

/// One file, read.
#[derive(Debug)]
pub struct FileRead<T> {
    /// Its path as it was found.
    pub name: String,
    /// What it is known by.
    pub object: Object,
    /// Whether it was read to its end.
    pub is_whole: bool,
    /// Whether it can be read again.
    pub sort: Sort,
    /// Bytes as they lay there.
    pub bytes_read: u64,
    /// Bytes after unpacking.
    pub bytes: u64,
    /// Why it was not read to its end.
    pub fault: Option<Problem>,
    /// What the reader made of it; `None` when nothing was in it.
    pub made: Option<T>,
}

/// Who takes the files, on the calling thread and in the archive's order.
pub trait Desk<T> {
    /// Which of these objects are not to be read, as they were read before.
    fn skips(&mut self, objects: &[Object]) -> Vec<bool>;

    /// Takes a file, or what could not be read; [`ControlFlow::Break`] ends the reading.
    fn take(&mut self, read: Result<FileRead<T>, Problem>) -> ControlFlow<()>;
}

/// How much there is to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Files.
    pub files: u64,
    /// Bytes as they lie there; streams tell none.
    pub bytes: u64,
}

/// Sums up what [`read`] would find; nothing is opened.
pub fn size(paths: &[PathBuf], selection: &Selection) -> Size {
    let add = |sum: Size, found: Found| Size { files: sum.files + 1, bytes: sum.bytes + found.size };
    Walk::new(paths, selection).filter_map(Result::ok).fold(Size::default(), add)
}

/// Reads files and folders as [`super::files::each`] does, and hands each file's name and plain bytes to a maker. Each of
/// the `threads` has a maker of its own; what they make must not depend on which of them made it.
pub fn read<T: Send, M: FnMut(&str, &[u8], Sort) -> T + Send>(
    paths: &[PathBuf],
    how: How<'_>,
    maker: impl Fn() -> M,
    desk: &mut impl Desk<T>,
) {
    let How { limits, threads, streams, selection } = how;
    let mut jobs =
        Jobs { walk: Walk::new(paths, selection), base: std::env::current_dir().unwrap_or_default(), streams };
    if threads <= 1 {
        let (mut reader, mut make) = (Reader::new(limits), maker());
        while let Some(job) = jobs.next(desk) {
            for task in job {
                if desk.take(one(&mut reader, &mut make, task)).is_break() {
                    return;
                }
            }
        }
        return;
    }
    let (give, given) = mpsc::channel::<(u64, Job)>();
    let given = Mutex::new(given);
    let makers: Vec<M> = (0..threads).map(|_| maker()).collect();
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let given = &given;
        for mut make in makers {
            let tell = tell.clone();
            scope.spawn(move || {
                let mut reader = Reader::new(limits);
                loop {
                    let job = given.lock().map(|given| given.recv());
                    let Ok(Ok((number, job))) = job else { return };
                    let made: Vec<_> = job.into_iter().map(|task| one(&mut reader, &mut make, task)).collect();
                    if tell.send((number, made)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        hand_over(&mut jobs, desk, threads * AHEAD, &give, &told);
        // Without a giver the threads end.
        drop(give);
    });
}

type Job = Vec<Result<Task, Problem>>;
type Made<T> = Vec<Result<FileRead<T>, Problem>>;

/// Gives jobs out and takes what was made of them, in their order; never more than `ahead` are under way.
fn hand_over<T>(
    jobs: &mut Jobs<'_>,
    desk: &mut impl Desk<T>,
    ahead: usize,
    give: &mpsc::Sender<(u64, Job)>,
    told: &mpsc::Receiver<(u64, Made<T>)>,
) {
    let (mut given, mut taken) = (0, 0);
    let mut early: BTreeMap<u64, Made<T>> = BTreeMap::new();
    loop {
        while given - taken < ahead as u64 {
            let Some(job) = jobs.next(desk) else { break };
            if give.send((given, job)).is_err() {
                return;
            }
            given += 1;
        }
        if given == taken {
            return;
        }
        let Ok((number, made)) = told.recv() else { return };
        early.insert(number, made);
        while let Some(made) = early.remove(&taken) {
            taken += 1;
            for read in made {
                if desk.take(read).is_break() {
                    return;
                }
            }
        }
    }
}

/// A file, and what it is known by before it is read; `None` for what is no regular file.
struct Task {
    found: Found,
    object: Option<Object>,
}

/// The files to be read, some at a time.
struct Jobs<'w> {
    walk: Walk<'w>,
    /// What relative paths are relative to.
    base: PathBuf,
    streams: bool,
}

impl Jobs<'_> {
    fn object(&self, found: &Found) -> Option<Object> {
        let mark = found.mark.clone()?;
        let path = found.path.strip_prefix(".").unwrap_or(&found.path);
        Some(Object { key: self.base.join(path).to_string_lossy().into_owned(), mark })
    }

    fn next<T>(&mut self, desk: &mut impl Desk<T>) -> Option<Job> {
        loop {
            let (mut job, mut bytes) = (Vec::new(), 0);
            while job.len() < FILES && bytes < BYTES {
                let Some(found) = self.walk.next() else { break };
                if !self.streams && found.as_ref().is_ok_and(|found| found.mark.is_none()) {
                    continue;
                }
                bytes += found.as_ref().map_or(0, |found| found.size);
                job.push(found.map(|found| Task { object: self.object(&found), found }));
            }
            if job.is_empty() {
                return None;
            }
            let objects: Vec<Object> = job.iter().flatten().filter_map(|task| task.object.clone()).collect();
            let mut skips = desk.skips(&objects).into_iter();
            job.retain(|task| {
                let is_known = task.as_ref().ok().and_then(|task| task.object.as_ref()).and_then(|_| skips.next());
                !is_known.unwrap_or(false)
            });
            if !job.is_empty() {
                return Some(job);
            }
        }
    }
}

fn one<T>(
    reader: &mut Reader,
    make: &mut impl FnMut(&str, &[u8], Sort) -> T,
    task: Result<Task, Problem>,
) -> Result<FileRead<T>, Problem> {
    let Task { found, object } = task?;
    let name = found.path.to_string_lossy().into_owned();
    let Loaded { bytes, bytes_read, unpacked, fault } =
        reader.load(&found.path, found.mark.as_deref().map(|mark| (found.size, mark)))?;
    let object = object.unwrap_or_else(|| of_content(&found.path, bytes));
    let sort = if found.mark.is_some() { Sort::File } else { Sort::Stream };
    let made = (!bytes.is_empty()).then(|| make(&name, bytes, sort));
    let is_whole = fault.is_none();
    Ok(FileRead { name, object, is_whole, sort, bytes_read, bytes: unpacked, fault, made })
}

/// A stream is known by what came out of it.
fn of_content(path: &Path, bytes: &[u8]) -> Object {
    let mark: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let key = if path == Path::new(STDIN) { "stdin".to_owned() } else { format!("stream {mark}") };
    Object { key: format!("{key} {mark}"), mark }
}

#[cfg(test)]
mod tests;
