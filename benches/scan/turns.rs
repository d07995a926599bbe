//! What a scan's steps cost over the floor, in turns in one process, by parts: each fortieth of the files, and of it the least of
//! several rounds. What else a machine does falls now on this part and now on that, and a whole round is never free of
//! it; this way one in a hundred can be told where whole rounds stray by a tenth.
//!
//! The time is that of a clock on the wall: of one thread's parts, which are short, the least is that in which it waited for
//! nobody. The process has scanned before: what a first scan pays for fresh memory is in the row of whole processes alone.

use crate::timed::Timed;
use crate::{files, floor};
use denywatch::app::World;
use denywatch::app::gather::Gatherer;
use denywatch::app::scan::{Options, scan_each};
use denywatch::io::sources::archive::Selection;
use denywatch::io::sources::files::Limits;
use denywatch::io::sources::many::{self, Desk, FileRead, How, Sort};
use denywatch::io::stores::{Object, SqliteLedger};
use denywatch::record::{self, Problem};
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

/// Time of one thread.
#[derive(Debug, Default, Clone, Copy)]
pub struct Turns {
    /// Listed, read and inflated by libdeflate, one by one, in seconds; the others are in floors.
    pub floor: f64,
    /// The same as a scan does it; and sifted; and denials concluded on.
    pub inflated: f64,
    pub sift: f64,
    pub gather: f64,
    /// A scan with one look until all is in the ledger, and with advice.
    pub scanned: f64,
    pub advised: f64,
}

/// The least of so many rounds.
pub fn measure(folder: &Path, rounds: usize, world: &World) -> Turns {
    let files = files(folder);
    let [mut floor, mut inflated, mut sift, mut gather, mut scanned, mut advice] = [const { Vec::new() }; 6];
    let mut listed = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        black_box(crate::files(folder));
        listed = listed.min(start.elapsed().as_secs_f64());
        least(&mut floor, together(&each(&files)));
        least(&mut inflated, together(&look(folder, &mut |_, _| ())));
        let sifts = &mut |_: &str, bytes: &[u8]| drop(black_box(record::sift(bytes)));
        least(&mut sift, together(&look(folder, sifts)));
        let mut gatherer = Gatherer::new(world.catalog, false);
        let gathers = &mut |name: &str, bytes: &[u8]| drop(black_box(gatherer.gather(name, bytes)));
        least(&mut gather, together(&look(folder, gathers)));
        let (first, rest) = scan(folder, world);
        least(&mut scanned, together(&first));
        least(&mut advice, together(&rest));
    }
    let sum = |parts: &Vec<f64>| parts.iter().sum::<f64>();
    // The others list for themselves.
    let floor = sum(&floor) + listed;
    let [inflated, sift, gather, scanned, advice] =
        [inflated, sift, gather, scanned, advice].map(|parts| sum(&parts) / floor);
    Turns { floor, inflated, sift, gather, scanned, advised: scanned + advice }
}

/// What is taken together of a scan, each of as many files.
const TOGETHER: usize = 40;

/// The same of many files together: whoever reads some, then hands them over one by one, lets the first bear the time of all.
fn together(each: &[f64]) -> Vec<f64> {
    each.chunks(each.len().div_ceil(TOGETHER)).map(|part| part.iter().sum()).collect()
}

/// One by one, the lesser of both.
fn least(so_far: &mut Vec<f64>, round: Vec<f64>) {
    if so_far.is_empty() {
        return *so_far = round;
    }
    assert_eq!(so_far.len(), round.len(), "the rounds are not alike");
    so_far.iter_mut().zip(round).for_each(|(least, one)| *least = least.min(one));
}

/// What each file takes of the floor.
fn each(files: &[PathBuf]) -> Vec<f64> {
    let mut ends = vec![Instant::now()];
    floor(files, |_, _| {
        ends.push(Instant::now());
        0
    });
    between(&ends)
}

/// What each file takes that is read as a scan reads it.
fn look(folder: &Path, at: &mut (dyn FnMut(&str, &[u8]) + Send)) -> Vec<f64> {
    let (all, at) = (Selection::default(), Mutex::new(at));
    let how = How { selection: &all, limits: Limits::default(), threads: 1, streams: false };
    let maker = || |name: &str, bytes: &[u8], _: Sort| (at.lock().unwrap())(name, bytes);
    let mut ends = Ends(vec![Instant::now()]);
    many::read(&[folder.to_owned()], how, maker, &mut ends);
    between(&ends.0)
}

/// When files are handed over.
struct Ends(Vec<Instant>);

impl Desk<()> for Ends {
    fn skips(&mut self, objects: &[Object]) -> Vec<bool> {
        vec![false; objects.len()]
    }

    fn take(&mut self, read: Result<FileRead<()>, Problem>) -> ControlFlow<()> {
        assert!(read.unwrap().is_whole);
        self.0.push(Instant::now());
        ControlFlow::Continue(())
    }
}

/// What each file that is taken takes, with those that are read before it, and each piece of advice behind them.
fn scan(folder: &Path, world: &World) -> (Vec<f64>, Vec<f64>) {
    let home = tempfile::tempdir().unwrap();
    let mut ledger = Timed::new(SqliteLedger::open(&home.path().join("ledger.db")).unwrap());
    let options = Options { one_look: true, threads: 1, ..Options::default() };
    let (mut read, mut advised) = (vec![Instant::now()], Vec::new());
    let paths = [folder.to_owned()];
    let each = &mut |advice| {
        drop(black_box(advice));
        advised.push(Instant::now());
    };
    scan_each(&paths, &mut ledger, world, options, &mut |_| read.push(Instant::now()), each).unwrap();
    read.extend(ledger.scanned_at());
    advised.insert(0, *read.last().unwrap());
    advised.push(Instant::now());
    (between(&read), between(&advised))
}

fn between(ends: &[Instant]) -> Vec<f64> {
    ends.windows(2).map(|ends| (ends[1] - ends[0]).as_secs_f64()).collect()
}
