#![allow(clippy::disallowed_methods)] // tests write the files they read

use crate::io::sources::archive::Selection;
use crate::io::sources::files::Limits;
use crate::io::sources::many::{Desk, FileRead, HEAVY, How, Joins, Sort, read};
use crate::io::stores::Object;
use crate::record::Problem;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// First lines of the windows that it was made of; how many are alive is counted.
struct Lines<'c>(Vec<String>, &'c AtomicUsize);

impl Drop for Lines<'_> {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0.len(), SeqCst);
    }
}

impl Joins for Lines<'_> {
    fn join(&mut self, mut later: Self) {
        self.0.append(&mut later.0);
    }

    /// Two are heavy.
    fn weight(&self) -> u64 {
        self.0.len() as u64 * HEAVY / 2
    }

    fn ahead(&mut self) -> Option<Self> {
        Some(Lines(std::mem::take(&mut self.0), self.1))
    }
}

/// Puts together what comes ahead and the rest, and may end the reading after so many hand-overs; `most` were alive.
struct Puts<'c> {
    ahead: Vec<String>,
    told: Vec<String>,
    left: usize,
    alive: &'c AtomicUsize,
    most: usize,
    /// Of files that were not taken yet.
    gone: u64,
}

impl Puts<'_> {
    fn go_on(&mut self) -> ControlFlow<()> {
        self.most = self.most.max(self.alive.load(SeqCst));
        self.left -= 1;
        if self.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl<'c> Desk<Lines<'c>> for Puts<'c> {
    fn skips(&mut self, objects: &[Object]) -> Vec<bool> {
        vec![false; objects.len()]
    }

    fn take_ahead(&mut self, made: Lines<'c>) -> ControlFlow<()> {
        self.ahead.extend(made.0.iter().cloned());
        self.go_on()
    }

    fn gone(&mut self, bytes: u64) {
        self.gone += bytes;
    }

    fn take(&mut self, read: Result<FileRead<Lines<'c>>, Problem>) -> ControlFlow<()> {
        let read = read.unwrap();
        // All but the last of it, and of no file that was read as a whole.
        let least = if read.bytes_read > 16 << 20 { read.bytes_read - (1 << 20) } else { 0 };
        assert!((least..=read.bytes_read).contains(&read.gone), "{} of {}", read.gone, read.bytes_read);
        self.gone = self.gone.checked_sub(read.gone).unwrap();
        let mut lines = std::mem::take(&mut self.ahead);
        lines.extend(read.made.iter().flat_map(|made| made.0.iter().cloned()));
        let (name, fault) = (read.name.rsplit('/').next().unwrap_or_default(), read.fault.map(|fault| fault.error));
        self.told.push(format!("{name} {} {} {}", read.bytes, lines.join(" "), fault.unwrap_or_default()));
        self.go_on()
    }
}

/// Lines of so many MiB, each with its number.
fn lines(megabytes: usize) -> String {
    let pad = "x".repeat(1 << 10);
    (0..megabytes << 10).map(|number| format!("{{\"n\":\"{number:06}{pad}\"}}\n")).collect()
}

/// Small files and large ones in one folder; the packed ones are small as they lie there, and one of them is cut.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = lines(21);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    for number in 0..12 {
        let small = format!("{{\"n\":\"{number:06}\"}}\n");
        let (end, bytes) = match number {
            3 | 6 | 8 => ("json.gz", &*packed),
            7 => ("json.gz", &packed[..packed.len() - 9]),
            9 => ("json", text.as_bytes()),
            _ => ("json", small.as_bytes()),
        };
        std::fs::write(folder.path().join(format!("{number:02}.{end}")), bytes).unwrap();
    }
    folder
}

/// What is told, and how many windows were alive at most.
fn told(folder: &Path, threads: usize, left: usize, panics_at: &str) -> (Vec<String>, usize) {
    let alive = AtomicUsize::new(0);
    let maker = || {
        |name: &str, bytes: &[u8], _: Sort| {
            assert!(!name.contains(panics_at), "this one does not go");
            alive.fetch_add(1, SeqCst);
            Lines(vec![String::from_utf8_lossy(&bytes[6..12]).into_owned()], &alive)
        }
    };
    let all = Selection::default();
    let how = How { selection: &all, limits: Limits::default(), threads, streams: true };
    let mut puts = Puts { ahead: Vec::new(), told: Vec::new(), left, alive: &alive, most: 0, gone: 0 };
    read(&[folder.to_owned()], how, maker, &mut puts);
    assert_eq!(alive.load(SeqCst), 0, "all was taken or dropped");
    assert!(puts.gone == 0 || left < usize::MAX, "all were told to their ends");
    (puts.told, puts.most)
}

#[test]
fn large_files_are_handed_over_in_parts_and_wait_for_their_turn() {
    let folder = folder();
    let (expect, most) = told(folder.path(), 1, usize::MAX, "nothing");
    assert_eq!(expect.len(), 12);
    assert_eq!(expect[2], "02.json 15 000002 ");
    let large = &expect[3];
    assert!(large.starts_with("03.json.gz 22") && large.split(' ').count() > 6, "{large}");
    assert_eq!(large.split_once(' ').unwrap().1, expect[6].split_once(' ').unwrap().1);
    assert!(expect[7].ends_with("the gzip file is cut short; the whole records before are used"), "{}", expect[7]);
    // Of one thread what is heavy, and nothing else; of each thread as much, and what is made meanwhile; of all, what waits.
    assert_eq!(most, 2);
    for threads in [2, 3, 8] {
        let (found, most) = told(folder.path(), threads, usize::MAX, "nothing");
        assert_eq!(found, expect, "{threads}");
        assert!(most <= 3 * threads + 1, "{most} of {threads}");
    }
}

#[test]
fn the_reading_may_be_ended_inside_of_a_large_file() {
    let folder = folder();
    let (all, _) = told(folder.path(), 1, usize::MAX, "nothing");
    for threads in [1, 2, 5] {
        // The second hand-over of the first large file, whatever stands before it.
        assert_eq!(told(folder.path(), threads, 5, "nothing").0, all[..3], "{threads}");
    }
}

#[test]
fn a_panic_inside_of_a_large_file_ends_it_too() {
    let folder = folder();
    for threads in [1, 2, 5] {
        let work = AssertUnwindSafe(|| told(folder.path(), threads, usize::MAX, "06.json.gz:byte"));
        let panic = catch_unwind(work).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"this one does not go"), "{threads}");
    }
}
