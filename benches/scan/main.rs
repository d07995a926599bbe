//! Scanning an archive against only reading and inflating it: `cargo bench --bench scan [-- FACTOR]`.
//!
//! Floor: every file read and inflated by libdeflate, checksum tested, nothing looked at. The first five rows come from one
//! process, in turns and by parts, as [`turns`] does, with a floor of its own. The others tell of whole processes: CPU time of
//! one thread over the floor's, the least of some rounds in turns, since they tell of memory, too. How often one thread's wall
//! clock is two threads' says something only where the load that is printed beside it is that of the run itself.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    unsafe_code,
    reason = "a measurement may stop at the first surprise; the floor is libdeflate's own call"
)]

#[path = "../archive/mod.rs"]
mod archive;
mod peers;
mod timed;
mod turns;

use archive::{Plan, Truth};
use denywatch::app::scan::{Options, scan_each};
use denywatch::app::{Stats, World};
use denywatch::diagnosis::InForce;
use denywatch::io::stores::SqliteLedger;
use peers::PEERS;
use std::ffi::OsStr;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use turns::Turns;

/// Rounds of whole processes.
const ROUNDS: usize = 12;
/// Rounds of [`turns`].
const TURNS: usize = 16;
const INF: f64 = f64::INFINITY;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    match arguments.as_slice() {
        [mode, folder, rounds] if mode == "turns" => return take_turns(Path::new(folder), rounds.parse().unwrap()),
        [mode, folder] => return child(mode, Path::new(folder)),
        _ => {}
    }
    let factor: u64 = arguments.first().and_then(|one| one.parse().ok()).unwrap_or(1);
    println!(
        "time of one thread over the floor's (read + libdeflate with its checksum), least of {TURNS} or {ROUNDS} rounds"
    );
    let cases = [
        ("1 % denied", Plan { files: 600 * factor, records: 1_000, denied: 100 }),
        ("0.05 % denied", Plan { files: 600 * factor, records: 1_000, denied: 5 }),
        ("8,000 files of 4 records", Plan { files: 8_000, records: 4, denied: 100 }),
    ];
    for (name, plan) in cases {
        let folder = tempfile::tempdir().unwrap();
        let truth = archive::make(folder.path(), plan, 1).unwrap();
        measure(name, folder.path(), &truth);
    }
}

fn measure(name: &str, folder: &Path, truth: &Truth) {
    // Rounds of each: what takes long is run less often. Of as many rounds of the floor and of a look the least are alike.
    let modes = [("floor", ROUNDS), ("look", ROUNDS), ("one", 8), ("two", 8), ("both", 2), ("scan", 3), ("read", 1)];
    let mut least = modes.map(|_| Told { busy: INF, wall: INF, ledger: INF, ..Told::default() });
    for round in 0..ROUNDS {
        for ((mode, _), least) in modes.iter().zip(&mut least).filter(|((_, rounds), _)| round < *rounds) {
            let told = run(mode, folder);
            least.busy = least.busy.min(told.busy);
            least.wall = least.wall.min(told.wall);
            least.ledger = least.ledger.min(told.ledger);
            least.memory = least.memory.max(told.memory);
            (least.bytes, least.records, least.denied) = (told.bytes, told.records, told.denied);
        }
    }
    let [floor, look, one, two, both, scan, read] = least;
    assert_eq!((look.records, look.denied), (truth.records, truth.denied), "the truth is another");
    let gigabytes = floor.bytes as f64 / 1e9;
    println!(
        "\n{name}: {} records, {} denied, {} different; {:.2} GB; floor {:.2} GB/s of CPU time; load {}",
        truth.records,
        truth.denied,
        truth.different.len(),
        gigabytes,
        gigabytes / floor.busy,
        std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default()
    );
    let ratio = |told: Told| told.busy / floor.busy;
    let [_, inflated, sift, gather, scanned, advised] =
        told("turns", &[folder.as_os_str(), TURNS.to_string().as_ref()]);
    println!("  read and inflated by denywatch  {inflated:6.3}");
    println!("  and sifted, nothing read        {sift:6.3}");
    println!("  and denials concluded on        {gather:6.3}");
    println!("  scan --one-look, into the ledger{scanned:6.3}");
    println!("  and advice on all findings      {advised:6.3}");
    let memory = |told: Told| format!("{:.0} MB", told.memory as f64 / 1e3);
    println!("  the same, of a whole process    {:5.2}", ratio(look));
    println!("  scan, with its second look      {:5.2}", ratio(scan));
    println!("  peak memory of one look         {}, two threads {}", memory(look), memory(two));
    println!("  peak memory of two looks        {}, two threads {}", memory(scan), memory(both));
    println!("  every record read in full       {:5.2}", ratio(read));
    println!("  the ledger's part of --one-look {:4.1} %", look.ledger * 100.0);
    println!("  wall clock, two threads of one  {:5.2}", one.wall / two.wall);
    for peer in PEERS {
        if let Some(busy) = peer.run(folder) {
            println!("  {:<31} {:5.0}", peer.name, busy / floor.busy);
        }
    }
}

/// What one run took.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    busy: f64,
    wall: f64,
    /// Kilobytes.
    memory: u64,
    /// Part of the time.
    ledger: f64,
    bytes: u64,
    records: u64,
    denied: u64,
}

/// Runs this program once more, so that nothing is left of the run before.
fn run(mode: &str, folder: &Path) -> Told {
    let [busy, wall, memory, ledger, bytes, records, denied] = told(mode, &[folder.as_os_str()]);
    let [memory, bytes, records, denied] = [memory, bytes, records, denied].map(|number| number as u64);
    Told { busy, wall, memory, ledger, bytes, records, denied }
}

/// What this program, run once more, tells.
fn told<const N: usize>(mode: &str, arguments: &[&OsStr]) -> [f64; N] {
    let out = Command::new(std::env::current_exe().unwrap()).arg(mode).args(arguments).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{mode}: {text}{}", String::from_utf8_lossy(&out.stderr));
    let numbers: Vec<f64> = text.split_whitespace().map(|one| one.parse().unwrap()).collect();
    numbers.try_into().unwrap_or_else(|_| panic!("{text}"))
}

/// Tells the ratios of [`Turns`].
fn take_turns(folder: &Path, rounds: usize) {
    let world = World::new(InForce::default());
    black_box(world.catalog.prefixes("s3.amazonaws.com"));
    let Turns { floor, inflated, sift, gather, scanned, advised } = turns::measure(folder, rounds, &world);
    println!("{floor} {inflated} {sift} {gather} {scanned} {advised}");
}

fn child(mode: &str, folder: &Path) {
    denywatch::io::allocator::give_back();
    let home = tempfile::tempdir().unwrap();
    let world = World::new(InForce::default());
    let mut ledger = timed::Timed::new(SqliteLedger::open(&home.path().join("ledger.db")).unwrap());
    let paths = [folder.to_owned()];
    // The catalogue is read once a process, however large the archive is.
    black_box(world.catalog.prefixes("s3.amazonaws.com"));
    let (start, before) = (Instant::now(), busy());
    let threads = if matches!(mode, "two" | "both") { 2 } else { 1 };
    let options = Options { one_look: !matches!(mode, "scan" | "both"), threads, ..Options::default() };
    let stats = match mode {
        "floor" => floor(&files(folder), |_, _| 0),
        "read" => floor(&files(folder), |_, bytes| denywatch::record::read(bytes, "x").0.len() as u64),
        _ => {
            let each = &mut |advice| drop(black_box(advice));
            scan_each(&paths, &mut ledger, &world, options, &mut |_| {}, each).unwrap().stats
        }
    };
    let (wall, busy) = (start.elapsed().as_secs_f64(), busy() - before);
    let ledger = ledger.seconds() / wall;
    println!("{busy} {wall} {} {ledger} {} {} {}", peak(), stats.bytes, stats.records, stats.denied);
}

/// All files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Reads and inflates, into the same buffers. A file is read to the start of a cache line, as the scan does it:
/// sixteen bytes into a page, where `malloc` puts large buffers, some processors copy at a quarter of the speed.
fn floor(files: &[PathBuf], mut look: impl FnMut(&str, &[u8]) -> u64) -> Stats {
    use std::io::Read;
    // SAFETY: no preconditions; freed with the process.
    let inflater = unsafe { libdeflate_sys::libdeflate_alloc_decompressor() };
    let (mut room, mut plain, mut stats) = (Vec::new(), Vec::<u8>::new(), Stats::default());
    for path in files {
        let mut file = std::fs::File::open(path).unwrap();
        let packed = file.metadata().unwrap().len() as usize;
        if room.len() < packed + 64 {
            room.resize(packed + 64, 0);
        }
        let begin = room.as_ptr().align_offset(64);
        let raw = &mut room[begin..][..packed];
        file.read_exact(raw).unwrap();
        let size = u32::from_le_bytes(*raw.last_chunk().unwrap()) as usize;
        if plain.len() < size {
            plain.resize(size, 0);
        }
        let (mut taken, mut made) = (0, 0);
        // SAFETY: both buffers are as long as is said.
        let result = unsafe {
            libdeflate_sys::libdeflate_gzip_decompress_ex(
                inflater,
                raw.as_ptr().cast(),
                raw.len(),
                plain.as_mut_ptr().cast(),
                plain.len(),
                &raw mut taken,
                &raw mut made,
            )
        };
        assert_eq!(result, libdeflate_sys::libdeflate_result_LIBDEFLATE_SUCCESS);
        stats.files += 1;
        stats.bytes += made as u64;
        stats.records += black_box(look(&path.to_string_lossy(), &plain[..made]));
    }
    stats
}

/// Seconds for which this thread has had a processor.
fn busy() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split_whitespace().next().and_then(|one| one.parse::<u64>().ok()).map_or(f64::NAN, |ns| ns as f64 / 1e9)
}

/// The most memory that this process ever had, in kilobytes.
fn peak() -> u64 {
    let told = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
