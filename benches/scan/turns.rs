//! What a scan's first steps cost, in turns in one process: each file by itself, a whole scan in forty parts, and of all the
//! least of several rounds. What else a machine does falls now on this file and now on that, and a whole round is never free of
//! it; this way one in a hundred can be told where whole rounds stray by a tenth.
//!
//! The time is that of a clock on the wall: of one thread's parts, which are short, the least is that in which it waited for
//! nobody. The process has scanned before: what a first scan pays for fresh memory is in the row of whole processes alone.

use crate::timed::Timed;
use crate::{files, floor};
use denywatch::app::World;
use denywatch::app::gather::Gatherer;
use denywatch::app::scan::{Options, scan_each};
use denywatch::io::stores::SqliteLedger;
use denywatch::record;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Time of one thread.
#[derive(Debug, Default, Clone, Copy)]
pub struct Turns {
    /// Listed, read and inflated, in seconds; the others are in floors.
    pub floor: f64,
    pub sift: f64,
    pub gather: f64,
    /// A scan with one look until all is in the ledger, and with advice.
    pub scanned: f64,
    pub advised: f64,
}

/// The least of so many rounds.
pub fn measure(folder: &Path, rounds: usize, world: &World) -> Turns {
    let files = files(folder);
    let [mut floor, mut coarse, mut sift, mut gather, mut scanned, mut advice] = [const { Vec::new() }; 6];
    let mut listed = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        black_box(crate::files(folder));
        listed = listed.min(start.elapsed().as_secs_f64());
        let all = each(&files, |_, _| 0);
        least(&mut coarse, together(&all));
        least(&mut floor, all);
        least(&mut sift, each(&files, |_, bytes| record::sift(bytes).map_or(0, |sifted| sifted.allowed)));
        let mut gatherer = Gatherer::new(world.catalog, false);
        least(&mut gather, each(&files, |name, bytes| black_box(gatherer.gather(name, bytes)).records));
        let (first, rest) = scan(folder, world);
        least(&mut scanned, together(&first));
        least(&mut advice, together(&rest));
    }
    let [floor, coarse, sift, gather, scanned, advice] =
        [floor, coarse, sift, gather, scanned, advice].map(|all| all.iter().sum::<f64>());
    // A scan lists for itself.
    let [floor, coarse, sift, gather] = [floor, coarse, sift, gather].map(|all| all + listed);
    Turns {
        floor,
        sift: sift / floor,
        gather: gather / floor,
        scanned: scanned / coarse,
        advised: (scanned + advice) / coarse,
    }
}

/// What is taken together of a scan, each of as many files.
const TOGETHER: usize = 40;

/// The same of many files together: a scan reads some, then takes them one by one, so that the first bears the time of all. The
/// floor it is held against is put together alike.
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

/// What each file takes.
fn each(files: &[PathBuf], mut look: impl FnMut(&str, &[u8]) -> u64) -> Vec<f64> {
    let mut ends = vec![Instant::now()];
    floor(files, |name, bytes| {
        let seen = look(name, bytes);
        ends.push(Instant::now());
        seen
    });
    between(&ends)
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
