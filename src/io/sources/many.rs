//! An archive of log files, read by several threads and handed over in its own order, without what the taker skips.

mod came;
mod jobs;
mod over;
pub(super) mod room;
mod threads;

pub(crate) use came::{Came, came};

use super::archive::Selection;
use super::files::Limits;
use super::huge::{self, Counted, Pulse, Streamed, WHOLE};
use super::likely::of_parts;
use super::reader::{Reader, TOGETHER, changed};
use super::spool::Spool;
use super::state::State;
use super::walk::{Found, STDIN, Walk, problem};
use crate::io::stores::Object;
use crate::record::Problem;
use jobs::{Job, Jobs, Task};
use over::{Over, Step};
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::io;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

/// What a hand-over is to come to, by [`Joins::weight`]. One that comes to [`HEAVY`] is taken before the rest of it is read,
/// be it of a single file, or waits in the room if there is not much yet ([`room`]).
const WEIGHT: u64 = 128;
/// See [`WEIGHT`].
const HEAVY: u64 = 2 * WEIGHT;
/// Hand-overs under way for each thread.
const AHEAD: usize = 2;

/// Threads that read if nobody says how many. Each has a megabyte or two of its own beside what all share, and a scan is to do
/// with 64 MB.
const THREADS: usize = 8;

/// So many, or where that is 0 as many as the machine has processors, but no more than eight.
pub fn threads(asked: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    if asked == 0 { processors.min(THREADS) } else { asked }
}

/// Bytes that reading a file in parts takes at a time.
const PARTS: u64 = 10 << 20;

/// A part of what two threads may hold together, for one of so many: more of them hold no more, each as much less.
pub(crate) fn share(most: u64, threads: usize) -> u64 {
    most * 2 / threads.max(2) as u64
}

/// See [`HEAVY`]; of each of so many threads.
pub(crate) fn heavy(threads: usize) -> u64 {
    share(HEAVY, threads).max(LEAST)
}

/// A hand-over costs too much for less.
const LEAST: u64 = 32;

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
    /// Of these, about, so many were told by [`Desk::gone`]; none of files that stood in memory.
    pub gone: u64,
    /// Bytes after unpacking.
    pub bytes: u64,
    /// Why it was not read to its end.
    pub fault: Option<Problem>,
    /// What the reader made of it; `None` when nothing was in it.
    pub made: Option<T>,
}

impl<T> FileRead<T> {
    fn of((name, sort, gone): (&str, Sort, u64), object: Object, read: Streamed, made: Option<T>) -> Self {
        let Streamed { bytes_read, unpacked: bytes, fault } = read;
        Self { name: name.to_owned(), object, is_whole: fault.is_none(), sort, bytes_read, gone, bytes, fault, made }
    }
}

/// What is made of a file that is read in parts is joined.
pub trait Joins {
    /// Adds what was made of the part behind.
    fn join(&mut self, later: Self);

    /// How much memory it takes, in things of some kilobytes each.
    fn weight(&self) -> u64 {
        0
    }

    /// Takes away what need not wait for the end of a file in which there is much, be it read whole or in parts; the rest
    /// tells of the whole file. `None` where all has to wait.
    fn ahead(&mut self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

impl Joins for () {
    fn join(&mut self, (): Self) {}
}

impl Joins for String {
    fn join(&mut self, later: Self) {
        self.push_str(&later);
    }
}

/// Takes what is made of the first part of a file, and for so long the maker itself, which finishes what it began before;
/// [`ControlFlow::Break`] where nothing more is wanted.
pub type Ahead<'a, M, T> = &'a mut (dyn FnMut(&mut M, T) -> ControlFlow<()> + 'a);

/// Who makes something of a file's plain bytes; a function does so at once.
pub trait Make<T> {
    /// Begins with a file, or a part of one.
    fn make(&mut self, name: &str, bytes: &[u8], sort: Sort) -> T;

    /// The same, and hands over on the way what comes to much of it, in the order in which it stands there: see
    /// [`Joins::ahead`]. What it then returns tells of the whole file, and holds the rest.
    fn make_ahead(&mut self, name: &str, bytes: &[u8], sort: Sort, _ahead: Ahead<'_, Self, T>) -> T
    where
        Self: Sized,
    {
        self.make(name, bytes, sort)
    }

    /// Finishes what was made of it, once several files were begun with.
    fn finish(&mut self, _name: &str, _made: &mut T) {}

    /// The same of a part of one, before it is joined; the whole is finished, too.
    fn finish_part(&mut self, _name: &str, _made: &mut T) {}
}

impl<T, F: FnMut(&str, &[u8], Sort) -> T> Make<T> for F {
    fn make(&mut self, name: &str, bytes: &[u8], sort: Sort) -> T {
        self(name, bytes, sort)
    }
}

/// Who takes the files, on the calling thread and in the archive's order.
pub trait Desk<T> {
    /// Which of these objects are not to be read, as they were read before.
    fn skips(&mut self, objects: &[Object]) -> Vec<bool>;

    /// Whether nothing more is wanted, however much of what is found is skipped.
    fn is_over(&self) -> bool {
        false
    }

    /// Takes what [`Joins::ahead`] gave away of the next file, which is still being read, and comes by [`Desk::take`] at
    /// its end. That it does is not certain: the reading may be ended before. [`ControlFlow::Break`] ends it.
    fn take_ahead(&mut self, _made: T) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Hears that so many more bytes of a file were gone through, as they lie there, while it is being read: of files that are
    /// too large to stand in memory, of several at a time where several threads read. With its end they count by themselves:
    /// [`FileRead::gone`] has their sum.
    fn gone(&mut self, _bytes: u64) {}

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
/// the `threads` has a maker of its own; what they make must not depend on which of them made it. A file that is too large
/// to stand in memory is made something of in parts. What comes to much of a file, and need not wait for its end, is handed
/// over before.
///
/// # Panics
/// A maker did, on whichever thread.
pub fn read<T: Joins + Send, M: Make<T> + Send>(
    paths: &[PathBuf],
    how: How<'_>,
    maker: impl Fn() -> M,
    desk: &mut impl Desk<T>,
) {
    let How { limits, threads, streams, selection } = how;
    let (walk, base) = (Walk::new(paths, selection), std::env::current_dir().unwrap_or_default());
    let (weight, heavy) = (share(WEIGHT, threads).max(LEAST), heavy(threads));
    let mut jobs = Jobs::new(walk, base, streams, weight);
    if threads > 1 {
        let makers = (0..threads).map(|_| maker()).collect();
        if let Some(panic) = threads::read(makers, (limits, heavy), &mut jobs, desk) {
            resume_unwind(panic);
        }
        return;
    }
    let (mut reader, mut make) = (Reader::whole(limits), maker());
    while let Some(job) = jobs.next(desk) {
        let last = work(&mut reader, limits, &mut make, job, Over::new(heavy, &mut |step| jobs.take(desk, step)));
        if last.is_none_or(|last| jobs.take(desk, Step::Files(last)).is_break()) {
            return;
        }
    }
}

type Read<T> = Result<FileRead<T>, Problem>;
type Made<T> = Vec<Read<T>>;

/// Does a job: returns what was made of the last of it, what came to much before is given away. `None` when nothing more is
/// wanted.
fn work<T: Joins>(
    reader: &mut Reader,
    limits: Limits,
    make: &mut impl Make<T>,
    mut job: Job,
    mut over: Over<'_, T>,
) -> Option<Made<T>> {
    loop {
        reader.read_ahead(job.iter().map_while(|task| task.as_ref().ok()?.file()));
        let Some(task) = job.pop_front() else { break };
        let read = one(reader, limits, make, task, &mut over);
        over.add(make, read);
        if over.is_over {
            return None;
        }
    }
    Some(over.rest(make))
}

fn one<T: Joins, M: Make<T>>(
    reader: &mut Reader,
    limits: Limits,
    make: &mut M,
    task: Result<Task, Problem>,
    over: &mut Over<'_, T>,
) -> Read<T> {
    let Task { found, object } = task?;
    let name = found.path.to_string_lossy().into_owned();
    let Some(object) = object else { return stream(reader, limits, make, (&found.path, name), over) };
    let (sort, path) = (Sort::File, &found.path);
    let gone = Cell::new(0);
    let read = |object, read, made| FileRead::of((&name, sort, gone.get()), object, read, made);
    if found.size <= WHOLE {
        let loaded = reader.load(path, found.state)?;
        if !loaded.is_huge {
            let made = begin(make, (&name, loaded.bytes, sort), over);
            return Ok(read(object, loaded.into(), made));
        }
    }
    over.flush(make);
    #[allow(clippy::disallowed_methods)] // this is the source that reads files
    let open = || std::fs::File::open(path);
    // What cannot be opened is told by whoever reads it.
    let first = open().and_then(|mut file| huge::first(&mut file)).unwrap_or_default();
    reader.hold(PARTS + of_parts(&first, found.size));
    reader.shed();
    let heavy = over.heavy;
    let over = RefCell::new(over);
    let ahead: Ahead<'_, M, T> = &mut |make, made| over.borrow_mut().ahead(make, made);
    let pulse: Pulse<'_> = &|bytes| {
        gone.update(|all| all + bytes);
        over.borrow_mut().gone(bytes);
    };
    let open_large = || Ok::<Box<dyn io::Read>, io::Error>(Box::new(open()?));
    let (mut streamed, made) = in_parts(&name, (&open_large, pulse), (limits, heavy), (make, sort), ahead)?;
    let now = open().and_then(|file| file.metadata()).ok().and_then(|now| State::of(&now));
    if streamed.fault.is_none() && now.is_some() && now != found.state {
        streamed.fault = Some(changed(&name));
    }
    Ok(read(object, streamed, made))
}

/// Begins with a file that stands in memory.
fn begin<T: Joins, M: Make<T>>(
    make: &mut M,
    (name, bytes, sort): (&str, &[u8], Sort),
    over: &mut Over<'_, T>,
) -> Option<T> {
    let ahead: Ahead<'_, M, T> = &mut |make, made| over.ahead(make, made);
    (!bytes.is_empty()).then(|| make.make_ahead(name, bytes, sort, ahead))
}

/// Reads what can be read but once: in memory, or from a file that goes with it.
fn stream<T: Joins, M: Make<T>>(
    reader: &mut Reader,
    limits: Limits,
    make: &mut M,
    (path, name): (&Path, String),
    over: &mut Over<'_, T>,
) -> Read<T> {
    let sort = Sort::Stream;
    reader.hold(TOGETHER);
    reader.shed();
    let mut from = opened(path).map_err(|error| problem(path, &error))?;
    let gone = Cell::new(0);
    let read = |object, read, made| FileRead::of((&name, sort, gone.get()), object, read, made);
    let loaded = reader.once(&name, &mut from)?;
    if !loaded.is_huge {
        let made = begin(make, (&name, loaded.bytes, sort), over);
        return Ok(read(of_content(path, &hash(loaded.bytes)), loaded.into(), made));
    }
    over.flush(make);
    let heavy = over.heavy;
    let over = RefCell::new(over);
    // It is gone through twice: into the spool, and out of it.
    let pulse: Pulse<'_> = &|bytes| {
        gone.update(|all| all + bytes / 2);
        over.borrow_mut().gone(bytes / 2);
    };
    pulse(reader.begun().len() as u64);
    let spool = Spool::all(reader.begun(), Counted::new(Box::new(&mut from), pulse), limits.file);
    let (spool, hash) = spool.map_err(|error| problem(path, &error))?;
    let open = || Ok::<Box<dyn io::Read + '_>, io::Error>(Box::new(spool.from(0)?));
    // It is in the spool.
    reader.shed();
    let ahead: Ahead<'_, M, T> = &mut |make, made| over.borrow_mut().ahead(make, made);
    let (streamed, made) = in_parts(&name, (&open, pulse), (limits, heavy), (make, sort), ahead)?;
    Ok(read(of_content(path, &hash), streamed, made))
}

fn opened(path: &Path) -> io::Result<Box<dyn io::Read>> {
    #[allow(clippy::disallowed_methods)] // this is the source that reads files
    Ok(match path == Path::new(STDIN) {
        true => Box::new(io::stdin()),
        false => Box::new(std::fs::File::open(path)?),
    })
}

/// Bytes that came from elsewhere, as if they were a file's; the larger ones in parts. `ahead` takes what need not wait for
/// the end.
pub(crate) fn bytes<T: Joins, M: Make<T>>(
    reader: &mut Reader,
    limits: Limits,
    (name, bytes, sort): (&str, &[u8], Sort),
    make: &mut M,
    ahead: &mut dyn FnMut(T) -> ControlFlow<()>,
) -> Result<(Streamed, Option<T>), Problem> {
    let ahead: Ahead<'_, M, T> = &mut |_, made| ahead(made);
    let loaded = reader.bytes(name, bytes)?;
    if loaded.is_huge {
        reader.shed();
        let open = || Ok::<Box<dyn io::Read + '_>, io::Error>(Box::new(bytes));
        let (streamed, mut made) = in_parts(name, (&open, &|_| {}), (limits, HEAVY), (&mut *make, sort), ahead)?;
        made.iter_mut().for_each(|made| make.finish(name, made));
        return Ok((streamed, made));
    }
    let mut made = (!loaded.bytes.is_empty()).then(|| make.make_ahead(name, loaded.bytes, sort, ahead));
    made.iter_mut().for_each(|made| make.finish(name, made));
    Ok((loaded.into(), made))
}

/// Reads what is too large for memory, and tells how far it is: returns what is known at its end, and what was not handed over ahead.
fn in_parts<T: Joins, M: Make<T>>(
    name: &str,
    (open, pulse): (huge::Open<'_>, Pulse<'_>),
    (limits, heavy): (Limits, u64),
    (make, sort): (&mut M, Sort),
    ahead: Ahead<'_, M, T>,
) -> Result<(Streamed, Option<T>), Problem> {
    let (mut all, mut is_over) = (None::<T>, false);
    let streamed = huge::each(name, (open, pulse), limits.file, &mut |name, text| {
        if is_over {
            return;
        }
        let mut part = make.make_ahead(name, text, sort, &mut |make, made| {
            // What was made of the parts before goes first.
            let made = match &mut all {
                Some(all) => {
                    all.join(made);
                    all.ahead()
                }
                None => Some(made),
            };
            let flow = made.map_or(ControlFlow::Continue(()), |made| ahead(make, made));
            is_over |= flow.is_break();
            flow
        });
        make.finish_part(name, &mut part);
        let made = match &mut all {
            Some(made) => {
                made.join(part);
                made
            }
            none => none.insert(part),
        };
        if made.weight() >= heavy {
            is_over |= made.ahead().is_some_and(|made| ahead(make, made).is_break());
        }
    });
    Ok((streamed.map_err(|error| problem(Path::new(name), &error))?, all))
}

/// A stream is known by what came out of it.
fn of_content(path: &Path, mark: &str) -> Object {
    let key = if path == Path::new(STDIN) { "stdin".to_owned() } else { format!("stream {mark}") };
    Object { key: format!("{key} {mark}"), mark: mark.to_owned() }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
