#![allow(clippy::disallowed_methods)] // tests write the files they read

use super::*;
use crate::io::sources::archive::Selection;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Takes down what it is given; skips what is named, and does something before the first job is given out.
struct Notes {
    told: Vec<String>,
    skip: Vec<&'static str>,
    before: Option<Box<dyn FnOnce()>>,
    most: usize,
}

impl Desk<String> for Notes {
    fn skips(&mut self, objects: &[Object]) -> Vec<bool> {
        if let Some(work) = self.before.take() {
            work();
        }
        objects.iter().map(|object| self.skip.iter().any(|name| object.key.ends_with(name))).collect()
    }

    fn take(&mut self, read: Result<FileRead<String>, Problem>) -> ControlFlow<()> {
        self.told.push(match read {
            Ok(read) => format!(
                "{}={}{}",
                read.name.rsplit('/').next().unwrap_or_default(),
                read.made.unwrap_or_default(),
                read.fault.map(|fault| format!(" ({})", fault.error)).unwrap_or_default()
            ),
            Err(problem) => format!("{}: {}", problem.input.rsplit('/').next().unwrap_or_default(), problem.error),
        });
        if self.told.len() < self.most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn notes() -> Notes {
    Notes { told: Vec::new(), skip: Vec::new(), before: None, most: usize::MAX }
}

fn told(folder: &Path, threads: usize, mut notes: Notes) -> Vec<String> {
    let maker = || |_: &str, bytes: &[u8], _: Sort| String::from_utf8_lossy(bytes).into_owned();
    let all = Selection::default();
    let how = How { selection: &all, limits: Limits::default(), threads, streams: true };
    read(&[folder.to_path_buf()], how, maker, &mut notes);
    notes.told
}

#[test]
fn many_threads_tell_what_one_tells_in_the_same_order() {
    let folder = tempfile::tempdir().unwrap();
    let expect: Vec<String> = (0..500).map(|n| format!("{n:03}.json={n}")).collect();
    for n in 0..500 {
        fs::write(folder.path().join(format!("{n:03}.json")), n.to_string()).unwrap();
    }
    for threads in [1, 2, 5] {
        assert_eq!(told(folder.path(), threads, notes()), expect);
        let some = Notes { skip: vec!["000.json", "250.json"], most: 400, ..notes() };
        let without: Vec<String> =
            expect.iter().filter(|line| !line.starts_with("000") && !line.starts_with("250")).cloned().collect();
        assert_eq!(told(folder.path(), threads, some), without[..400]);
    }
    assert_eq!(
        size(&[folder.path().to_owned()], &Selection::default()),
        Size { files: 500, bytes: 10 + 90 * 2 + 400 * 3 }
    );
}

#[test]
fn a_file_that_vanishes_or_changes_is_a_problem() {
    for threads in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        for name in ["1.json", "2.json", "3.json"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        let path = folder.path().to_owned();
        let before = Box::new(move || {
            fs::remove_file(path.join("1.json")).unwrap();
            fs::write(path.join("2.json"), "{\"a\": 1}").unwrap();
        });
        let found = told(folder.path(), threads, Notes { before: Some(before), ..notes() });
        let changed = "it changed while it was read: scan it again when nobody writes it";
        let expect = [
            "1.json: there is no such file or folder".to_owned(),
            format!("2.json={{\"a\": 1}} ({changed})"),
            "3.json={}".to_owned(),
        ];
        assert_eq!(found, expect);
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_once_and_known_by_what_came_out() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, "{}").unwrap()
    });
    struct One(Vec<(Sort, Object)>);
    impl Desk<()> for One {
        fn skips(&mut self, objects: &[Object]) -> Vec<bool> {
            assert!(objects.is_empty());
            Vec::new()
        }
        fn take(&mut self, read: Result<FileRead<()>, Problem>) -> ControlFlow<()> {
            let read = read.unwrap();
            self.0.push((read.sort, read.object));
            ControlFlow::Continue(())
        }
    }
    let all = Selection::default();
    let how = How { selection: &all, limits: Limits::default(), threads: 1, streams: true };
    let mut one = One(Vec::new());
    read(std::slice::from_ref(&pipe), how, || |_: &str, _: &[u8], _: Sort| (), &mut one);
    writer.join().unwrap();
    let (sort, object) = &one.0[0];
    assert_eq!((*sort, object.mark.len()), (Sort::Stream, 64));
    // Nobody writes any more: without `streams` it is not opened, which would wait for ever.
    read(&[pipe], How { streams: false, ..how }, || |_: &str, _: &[u8], _: Sort| (), &mut one);
    assert_eq!(one.0.len(), 1);
}

#[test]
fn a_thread_that_panics_ends_the_reading() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..300 {
        fs::write(folder.path().join(format!("{n:03}.json")), format!("{n:09000}")).unwrap();
    }
    let all = Selection::default();
    for threads in [1, 2, 5] {
        let how = How { selection: &all, limits: Limits::default(), threads, streams: true };
        let maker = || {
            |name: &str, _: &[u8], _: Sort| {
                assert!(!name.ends_with("100.json"), "this one does not go");
                String::new()
            }
        };
        let work = AssertUnwindSafe(|| read(&[folder.path().to_owned()], how, maker, &mut notes()));
        let panic = catch_unwind(work).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"this one does not go"), "{threads}");
    }
}

/// Weighs what its files say, and is told of in the order of the archive.
struct Heavy(u64);

impl Joins for Heavy {
    fn join(&mut self, later: Self) {
        self.0 += later.0;
    }

    fn weight(&self) -> u64 {
        self.0
    }
}

#[test]
fn a_job_that_comes_to_much_is_taken_in_parts() {
    struct Takes(Vec<(String, u64)>, usize);
    impl Desk<Heavy> for Takes {
        fn skips(&mut self, objects: &[Object]) -> Vec<bool> {
            vec![false; objects.len()]
        }
        fn take(&mut self, read: Result<FileRead<Heavy>, Problem>) -> ControlFlow<()> {
            let read = read.unwrap();
            self.0.push((read.name.rsplit('/').next().unwrap().to_owned(), read.made.unwrap().0));
            if self.0.len() < self.1 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let weight = |n: u64| if n < 100 { 0 } else { n % 7 * 100 };
    let expect: Vec<(String, u64)> = (0..400).map(|n| (format!("{n:03}.json"), weight(n))).collect();
    for (name, weight) in &expect {
        fs::write(folder.path().join(name), weight.to_string()).unwrap();
    }
    let maker = || |_: &str, bytes: &[u8], _: Sort| Heavy(String::from_utf8_lossy(bytes).parse().unwrap());
    let all = Selection::default();
    for (threads, most) in [(1, 1_000), (2, 1_000), (5, 1_000), (1, 150), (3, 150)] {
        let how = How { selection: &all, limits: Limits::default(), threads, streams: true };
        let mut takes = Takes(Vec::new(), most);
        read(&[folder.path().to_path_buf()], how, maker, &mut takes);
        assert_eq!(takes.0, expect[..most.min(400)], "{threads}");
    }
    // As much as is heavy, and no file more, is made at a time.
    let mut reader = Reader::whole(Limits::default());
    let tasks = (0..10).map(|n| {
        let path = folder.path().join(format!("{:03}.json", 101 + n));
        let kind = fs::metadata(&path).unwrap();
        let (size, state) = (kind.len(), State::of(&kind));
        let object = state.map(|state| Object { key: path.display().to_string(), mark: state.to_string() });
        Ok(Task { found: Found { path, size, state }, object })
    });
    let mut weights = Vec::new();
    let mut give = |step: Step<Heavy>| {
        let Step::Files(made) = step else { panic!("no file is large") };
        weights.push(made.iter().map(super::jobs::weight).collect::<Vec<_>>());
        if weights.len() < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let rest = work(&mut reader, Limits::default(), &mut maker(), tasks.collect(), Over::new(512, &mut give));
    assert_eq!((weights, rest.is_none()), (vec![vec![300, 400], vec![500, 600], vec![0, 100, 200, 300]], true));
}

/// A desk that skips everything is asked about many files at a time, and may end it.
#[test]
fn what_is_skipped_costs_few_questions() {
    struct Skips(usize, usize);
    impl Desk<()> for Skips {
        fn skips(&mut self, objects: &[Object]) -> Vec<bool> {
            self.0 += 1;
            vec![true; objects.len()]
        }
        fn is_over(&self) -> bool {
            self.0 == self.1
        }
        fn take(&mut self, _: Result<FileRead<()>, Problem>) -> ControlFlow<()> {
            panic!("nothing is read")
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for n in 0..1_000 {
        fs::write(folder.path().join(format!("{n}.json")), "x".repeat(1 << 10)).unwrap();
    }
    let all = Selection::default();
    for (threads, most, expect) in [(1, 99, 5), (2, 99, 5), (1, 2, 2)] {
        let how = How { selection: &all, limits: Limits::default(), threads, streams: true };
        let mut skips = Skips(0, most);
        read(&[folder.path().to_path_buf()], how, || |_: &str, _: &[u8], _: Sort| (), &mut skips);
        assert_eq!(skips.0, expect);
    }
}

#[test]
fn what_much_is_made_of_is_handed_over_in_little() {
    let all = Selection::default();
    let mut jobs = Jobs::new(Walk::new(&[], &all), PathBuf::new(), false, WEIGHT);
    let mut check = |bytes_read: u64, weight: u64, expect: u64| {
        // A part of it was taken before.
        jobs.ahead = weight / 2;
        let weight = weight - weight / 2;
        let object = Object { key: String::new(), mark: String::new() };
        let read = FileRead {
            name: String::new(),
            object,
            is_whole: true,
            sort: Sort::File,
            bytes_read,
            gone: 0,
            bytes: 0,
            fault: None,
            made: Some(Heavy(weight)),
        };
        jobs.fit(&vec![Ok(read)]);
        assert_eq!(jobs.bytes, expect, "{bytes_read} {weight}");
    };
    check(1 << 20, 0, 4 << 20);
    check(1 << 20, 128, 1 << 20);
    check(1 << 20, 256, 512 << 10);
    check(1 << 20, 100_000, 16 << 10);
    check(0, 0, 16 << 10);
}
