//! Scanning an archive against only reading and inflating it: `cargo bench --bench scan [-- FACTOR]`.
//!
//! Floor: every file read and inflated by libdeflate, checksum tested, nothing looked at. All figures of one archive come from
//! one run, in turns, each the least of several; the least CPU time is what others on the machine disturb least. Wall clock says
//! something only where the load that is printed beside it is that of the run itself.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    unsafe_code,
    reason = "a measurement may stop at the first surprise; the floor is libdeflate's own call"
)]

mod archive;

use archive::{Plan, Truth};
use denywatch::app::gather::Gatherer;
use denywatch::app::scan::{Options, scan_each};
use denywatch::app::{Stats, World};
use denywatch::diagnosis::InForce;
use denywatch::io::stores::SqliteLedger;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const ROUNDS: usize = 8;
const INF: f64 = f64::INFINITY;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    if let [mode, folder] = arguments.as_slice() {
        return child(mode, Path::new(folder));
    }
    let factor: u64 = arguments.first().and_then(|one| one.parse().ok()).unwrap_or(1);
    println!("CPU time of one thread over the floor's (read + libdeflate with its checksum), least of {ROUNDS} rounds");
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
    // Rounds of each: what takes long is disturbed less.
    let modes = [
        ("floor", ROUNDS),
        ("sift", ROUNDS),
        ("gather", ROUNDS),
        ("look", ROUNDS),
        ("one", 3),
        ("two", 3),
        ("both", 2),
        ("scan", 2),
        ("read", 1),
    ];
    let mut least = modes.map(|_| Told { busy: INF, scanned: INF, wall: INF, ledger: INF, ..Told::default() });
    for round in 0..ROUNDS {
        for ((mode, _), least) in modes.iter().zip(&mut least).filter(|((_, rounds), _)| round < *rounds) {
            let told = run(mode, folder);
            least.busy = least.busy.min(told.busy);
            least.scanned = least.scanned.min(told.scanned);
            least.wall = least.wall.min(told.wall);
            least.ledger = least.ledger.min(told.ledger);
            least.memory = least.memory.max(told.memory);
            (least.bytes, least.records, least.denied) = (told.bytes, told.records, told.denied);
        }
    }
    let [floor, sift, gather, look, one, two, both, scan, read] = least;
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
    println!("  sifted, nothing read            {:5.2}", ratio(sift));
    println!("  and denials concluded on        {:5.2}", ratio(gather));
    let memory = |told: Told| format!("{:.0} MB", told.memory as f64 / 1e3);
    println!("  scan --one-look, into the ledger{:5.2}", look.scanned / floor.busy);
    println!("  and advice on all findings      {:5.2}", ratio(look));
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
    /// Of that, until all was in the ledger.
    scanned: f64,
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
    let out = Command::new(std::env::current_exe().unwrap()).arg(mode).arg(folder).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{mode}: {text}{}", String::from_utf8_lossy(&out.stderr));
    let numbers: Vec<f64> = text.split_whitespace().map(|one| one.parse().unwrap()).collect();
    let [busy, scanned, wall, memory, ledger, bytes, records, denied] = numbers[..] else { panic!("{text}") };
    Told {
        busy,
        scanned,
        wall,
        memory: memory as u64,
        ledger,
        bytes: bytes as u64,
        records: records as u64,
        denied: denied as u64,
    }
}

fn child(mode: &str, folder: &Path) {
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
        "sift" => floor(&files(folder), |_, bytes| denywatch::record::sift(bytes).map_or(0, |sifted| sifted.allowed)),
        "gather" => {
            let mut gatherer = Gatherer::new(world.catalog, false);
            floor(&files(folder), |name, bytes| black_box(gatherer.gather(name, bytes)).records)
        }
        "read" => floor(&files(folder), |_, bytes| denywatch::record::read(bytes, "x").0.len() as u64),
        _ => {
            let each = &mut |advice| drop(black_box(advice));
            scan_each(&paths, &mut ledger, &world, options, &mut |_| {}, each).unwrap().stats
        }
    };
    let (wall, busy) = (start.elapsed().as_secs_f64(), busy() - before);
    let scanned = ledger.scanned().map_or(busy, |at| at - before);
    let ledger = ledger.seconds() / wall;
    println!("{busy} {scanned} {wall} {} {ledger} {} {} {}", peak(), stats.bytes, stats.records, stats.denied);
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

/// Reads and inflates, into the same buffers.
fn floor(files: &[PathBuf], mut look: impl FnMut(&str, &[u8]) -> u64) -> Stats {
    use std::io::Read;
    // SAFETY: no preconditions; freed with the process.
    let inflater = unsafe { libdeflate_sys::libdeflate_alloc_decompressor() };
    let (mut raw, mut plain, mut stats) = (Vec::new(), Vec::<u8>::new(), Stats::default());
    for path in files {
        raw.clear();
        std::fs::File::open(path).unwrap().read_to_end(&mut raw).unwrap();
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

/// Another program that finds denied events in an archive.
struct Peer {
    name: &'static str,
    /// `FOLDER` in it is the archive.
    shell: &'static str,
}

/// Taken where they are installed; the Python ones may be in a place of their own:
/// `python3 -m venv target/venv-peers && target/venv-peers/bin/pip install duckdb trailscraper`.
const PEERS: [Peer; 3] = [
    Peer {
        name: "zcat and jq",
        shell: "command -v jq >/dev/null && find FOLDER -name '*.gz' | xargs zcat | \
                jq -c '.Records[] | select(.errorCode == \"AccessDenied\") | .eventID' >/dev/null",
    },
    Peer {
        name: "DuckDB (Python)",
        shell: "python3 -c 'import duckdb' 2>/dev/null && python3 -c \"import duckdb; duckdb.sql('set threads=1'); \
                print(duckdb.sql(\\\"select count(*) from (select unnest(Records) as r from \
                read_json('FOLDER/**/*.gz', columns={'Records': 'STRUCT(errorCode VARCHAR, eventID VARCHAR)[]'}, \
                maximum_object_size=100000000)) where r.errorCode = 'AccessDenied'\\\").fetchall())\" >/dev/null",
    },
    Peer {
        name: "trailscraper select",
        shell: "command -v trailscraper >/dev/null && trailscraper select --log-dir FOLDER >/dev/null 2>&1",
    },
];

impl Peer {
    /// CPU seconds, of all its processes; `None` where it is not installed.
    fn run(&self, folder: &Path) -> Option<f64> {
        let before = of_children();
        let shell = format!("PATH=\"target/venv-peers/bin:$PATH\"; {}", self.shell);
        let shell = shell.replace("FOLDER", &folder.display().to_string());
        let done = Command::new("sh").arg("-c").arg(shell).output().ok()?;
        done.status.success().then(|| of_children() - before)
    }
}

/// CPU seconds of processes that were waited for.
fn of_children() -> f64 {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = told.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|one| one.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(13) + ticks(14)) / 100.0
}

/// A ledger that is timed.
mod timed {
    use denywatch::change::Change;
    use denywatch::finding::{Finding, Observed, Repeated};
    use denywatch::io::stores::*;
    use jiff::Timestamp;
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::time::{Duration, Instant};

    type Result<T> = std::result::Result<T, LedgerError>;

    pub struct Timed<L>(L, Cell<Duration>, Cell<Option<f64>>);

    impl<L> Timed<L> {
        pub fn new(ledger: L) -> Self {
            Self(ledger, Cell::default(), Cell::default())
        }

        /// How busy the process was when findings were first gone through, to be advised on.
        pub fn scanned(&self) -> Option<f64> {
            self.2.get()
        }

        pub fn seconds(&self) -> f64 {
            self.1.get().as_secs_f64()
        }

        fn add(&self, start: Instant) {
            self.1.set(self.1.get() + start.elapsed());
        }
    }

    macro_rules! timed {
        ($($name:ident(&self $(, $arg:ident: $type:ty)*) -> $out:ty;)* ; $($wname:ident(&mut self $(, $warg:ident: $wtype:ty)*) -> $wout:ty;)*) => {
            impl<L: Ledger> Ledger for Timed<L> {
                fn heads(&self, among: &Touched) -> Result<Vec<Head>> {
                    self.2.set(self.2.get().or_else(|| Some(super::busy())));
                    let start = Instant::now();
                    let done = self.0.heads(among);
                    self.add(start);
                    done
                }

                $(fn $name(&self $(, $arg: $type)*) -> $out {
                    let start = Instant::now();
                    let done = self.0.$name($($arg),*);
                    self.add(start);
                    done
                })*
                $(fn $wname(&mut self $(, $warg: $wtype)*) -> $wout {
                    let start = Instant::now();
                    let done = self.0.$wname($($warg),*);
                    self.add(start);
                    done
                })*
            }
        };
    }

    timed! {
        findings(&self, filter: &Filter) -> Result<Vec<Finding>>;
        some(&self, ids: &[&str]) -> Result<Vec<Finding>>;
        page(&self, after: Option<&str>, most: usize) -> Result<Vec<Finding>>;
        find(&self, id: &str) -> Result<Finding>;
        known_objects(&self, objects: &[Object]) -> Result<Vec<Option<Held>>>;
        noted_run(&self, input: &str) -> Result<Option<Run>>;
        coverage(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Coverage>;
        delivery(&self, id: &str, destination: &str) -> Result<Option<Delivery>>;
        open_deliveries(&self, by: Option<Timestamp>) -> Result<Vec<Open>>;
        quarantined(&self) -> Result<Vec<Quarantined>>;
        changes(&self, targets: &BTreeSet<String>) -> Result<BTreeSet<Change>>;
        state(&self, task: &str) -> Result<Option<String>>;
        ;
        record(&mut self, batch: Vec<Observed>, now: Timestamp) -> Result<Recorded>;
        record_repeated(&mut self, batch: Vec<Repeated>, now: Timestamp) -> Result<Recorded>;
        note_objects(&mut self, input: &str, objects: &[ObjectRead], now: Timestamp) -> Result<()>;
        note_run(&mut self, run: &Run) -> Result<()>;
        put_delivery(&mut self, id: &str, destination: &str, delivery: &Delivery) -> Result<bool>;
        quarantine(&mut self, reason: &str, body: &str, now: Timestamp) -> Result<()>;
        purge(&mut self, principal: &str) -> Result<Purged>;
        expire(&mut self, now: Timestamp) -> Result<Purged>;
        put_state(&mut self, task: &str, state: &str) -> Result<()>;
        note_changes(&mut self, changes: &[Change], now: Timestamp) -> Result<()>;
    }
}
