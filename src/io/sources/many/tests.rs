#![allow(clippy::disallowed_methods)] // tests write the files they read

use super::*;
use crate::io::sources::archive::Selection;
use std::fs;

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
fn what_much_is_made_of_is_handed_over_in_little() {
    struct Heavy(u64);
    impl Joins for Heavy {
        fn join(&mut self, later: Self) {
            self.0 += later.0;
        }
        fn weight(&self) -> u64 {
            self.0
        }
    }
    let all = Selection::default();
    let mut jobs = Jobs { walk: Walk::new(&[], &all), base: PathBuf::new(), streams: false, bytes: 0 };
    let mut check = |bytes_read: u64, weight: u64, expect: u64| {
        let object = Object { key: String::new(), mark: String::new() };
        let read = FileRead {
            name: String::new(),
            object,
            is_whole: true,
            sort: Sort::File,
            bytes_read,
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
