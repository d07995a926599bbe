#![allow(clippy::disallowed_methods)] // tests write files

use super::*;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(plain).unwrap();
    out.finish().unwrap()
}

fn log(records: usize) -> Vec<u8> {
    let each = |at: usize| format!(r#"{{"eventVersion":"1.08","eventID":"{:x}"}}"#, at.wrapping_mul(0x9e37_79b9_7f4a));
    format!("{{\"Records\":[{}]}}", (0..records).map(each).collect::<Vec<_>>().join(",")).into_bytes()
}

#[test]
fn a_limit_is_kept_to_the_byte() {
    let bytes = vec![b'a'; 300_000];
    for limit in [5, 99_999, 100_000, 250_001] {
        let mut reader = Reader::new(Limits { file: limit });
        let loaded = reader.stream("log.json", &*bytes, 0).unwrap();
        assert_eq!((loaded.bytes_read, loaded.fault.is_some()), (limit + 1, true), "{limit}");
    }
    for limit in [300_000, 300_001] {
        let mut reader = Reader::new(Limits { file: limit });
        assert!(reader.stream("log.json", &*bytes, 0).unwrap().fault.is_none(), "{limit}");
    }
}

/// What is told of a file.
type Told = Result<(Vec<u8>, u64, u64, Option<String>, bool), String>;

fn told(loaded: Result<Loaded<'_>, Problem>) -> Told {
    let Loaded { bytes, bytes_read, unpacked, fault, is_huge } = loaded.map_err(|problem| problem.error)?;
    Ok((bytes.to_vec(), bytes_read, unpacked, fault.map(|fault| fault.error), is_huge))
}

fn found(path: &Path) -> State {
    State::of(&std::fs::metadata(path).unwrap()).unwrap()
}

/// Reads each as if by itself, and as a scan does, and holds one against the other.
#[track_caller]
fn check(files: &[(&Path, State)], limit: u64) -> Vec<Told> {
    let mut one_by_one = Reader::whole(Limits { file: limit });
    let expected: Vec<Told> = files.iter().map(|(path, found)| told(one_by_one.load(path, Some(*found)))).collect();
    let mut ahead = Reader::whole(Limits { file: limit });
    for (at, (path, found)) in files.iter().enumerate() {
        ahead.read_ahead(files[at..].iter().copied());
        let loaded = told(ahead.load(path, Some(*found)));
        assert!(loaded == expected[at], "{at}: {}", path.display());
        // What was read and is not asked for does not go away.
        ahead.shed();
    }
    for threads in [2, 8, 200] {
        check_in_a_room(files, limit, threads, &expected);
    }
    expected
}

/// Reads each as one of so many threads does, and sees that it asked for what it holds.
#[track_caller]
fn check_in_a_room(files: &[(&Path, State)], limit: u64, threads: usize, expected: &[Told]) {
    let (room, mut kept) = (Room::new(threads), 0);
    let mut reader = Reader::whole(Limits { file: limit }).among(&room);
    for (job, some) in files.chunks(3).enumerate() {
        reader.begin(room.begin(job as u64, kept));
        for (at, (path, found)) in some.iter().enumerate() {
            reader.read_ahead(some[at..].iter().copied());
            let loaded = told(reader.load(path, Some(*found)));
            assert!(loaded == expected[3 * job + at], "{threads} threads: {}", path.display());
            let (held, has) = (room.held_by(job as u64), reader.has());
            // A scan leaves what says that it is larger to others.
            assert!(
                limit < WHOLE || has <= held + 6 * room.own() + (64 << 10),
                "{threads} threads: {has} {held} {}",
                path.display()
            );
        }
        kept = reader.end();
        assert!(reader.has() <= kept.max(6 * room.own() + (16 << 10)), "{threads} threads: {}", reader.has());
    }
}

#[test]
fn what_is_read_ahead_is_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = {
        let mut raw = gzip(&log(500));
        raw[900] ^= 4;
        raw
    };
    let whole = gzip(&log(700));
    let contents = [
        gzip(&log(3)),
        whole.clone(),
        gzip(&log(1)),
        log(9),
        damaged,
        [gzip(&log(5)), gzip(&log(6))].concat(),
        whole[..whole.len() / 2].to_vec(),
        gzip(&log(60_000)),
        gzip(&log(2)),
        Vec::new(),
        gzip(b""),
        [gzip(&log(5)), vec![0; 512]].concat(),
        [gzip(&log(5)), b"more".to_vec()].concat(),
        gzip(&vec![b'a'; 9 << 20]),
        gzip(&log(2_000)),
        gzip(&log(8)),
        // What stands at the end tells of the last member alone.
        [gzip(&log(60_000)), gzip(&log(2))].concat(),
        vec![b' '; 3 << 20],
        [b"{\"Records\":[{}".to_vec(), vec![b' '; 6 << 20]].concat(),
        gzip(&log(100_000)),
        vec![b' '; 5 << 20],
        gzip(&log(9)),
        gzip(&log(90_000)),
        vec![b' '; 5 << 20],
    ];
    let paths: Vec<PathBuf> = (0..contents.len()).map(|at| folder.path().join(format!("{at:02}.json.gz"))).collect();
    paths.iter().zip(&contents).for_each(|(path, content)| std::fs::write(path, content).unwrap());
    let files: Vec<(&Path, State)> = paths.iter().map(|path| (path.as_path(), found(path))).collect();
    let told = check(&files, WHOLE);
    let is_whole = |at: usize| told[at].as_ref().is_ok_and(|told| told.3.is_none());
    let faults: Vec<usize> = (0..files.len()).filter(|at| !is_whole(*at)).collect();
    assert_eq!(faults, [4, 6, 12], "damaged, cut, and with something else behind it");
    assert!(told[1].as_ref().unwrap().0 == log(700));
    // The same where some are larger than they may be, and where such ones are left to others.
    for limit in [100, 5_000, 60_000, 2_000_000, 1 << 30] {
        check(&files, limit);
    }
    // One that is gone, and one that is another one now.
    std::fs::remove_file(&paths[2]).unwrap();
    std::fs::write(&paths[8], gzip(&log(77))).unwrap();
    let told = check(&files, 1 << 30);
    assert_eq!(told[2], Err("there is no such file or folder".to_owned()));
    assert_eq!(
        told[8].as_ref().unwrap().3.as_deref(),
        Some("it changed while it was read: scan it again when nobody writes it")
    );
}

/// What hardly packs stands in memory twice, and is read in parts before it comes to much.
#[test]
fn a_file_that_comes_to_much_with_what_it_unpacks_to_is_left_to_others() {
    let stored = |size: usize| {
        let mut out = GzEncoder::new(Vec::new(), Compression::none());
        out.write_all(&vec![b' '; size]).unwrap();
        out.finish().unwrap()
    };
    let check = |packed: &[u8], limit: u64, is_huge: bool| {
        let mut reader = Reader::whole(Limits { file: limit });
        assert_eq!(reader.bytes("log", packed).unwrap().is_huge, is_huge, "{}", packed.len());
    };
    check(&stored(9 << 20), 1 << 30, false);
    check(&stored(11 << 20), 1 << 30, true);
    check(&gzip(&vec![b' '; 11 << 20]), 1 << 30, false);
    // Where there are no others, all of it is read.
    check(&stored(11 << 20), WHOLE, false);
}

#[test]
fn what_was_read_ahead_and_is_not_asked_for_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..6).map(|at| folder.path().join(format!("{at}.json.gz"))).collect();
    paths.iter().enumerate().for_each(|(at, path)| std::fs::write(path, gzip(&log(20 * at))).unwrap());
    let files: Vec<(&Path, State)> = paths.iter().map(|path| (path.as_path(), found(path))).collect();
    let mut reader = Reader::whole(Limits::default());
    for at in [0, 1, 4, 2, 5, 3, 3, 0] {
        reader.read_ahead(files[at..].iter().copied());
        let loaded = reader.load(files[at].0, Some(files[at].1)).unwrap();
        assert!(loaded.bytes == log(20 * at) && loaded.fault.is_none(), "{at}");
        if at == 4 {
            assert!(reader.bytes("other", &gzip(b"{}")).unwrap().bytes == b"{}");
        }
    }
    // What came by another way is not what was read ahead.
    reader.read_ahead(files[1..].iter().copied());
    assert!(reader.bytes("other", &gzip(b"{}")).unwrap().bytes == b"{}");
    assert!(reader.load(files[1].0, Some(files[1].1)).unwrap().bytes == log(20));
    // Nor is another file in the same state.
    reader.read_ahead([files[1], files[2]]);
    assert!(reader.load(files[3].0, Some(files[1].1)).unwrap().bytes == log(60));
    // In another state than it was read in, it is another file.
    reader.read_ahead(files.iter().copied());
    std::fs::write(&paths[0], gzip(&log(99))).unwrap();
    let loaded = reader.load(files[0].0, Some(found(&paths[0]))).unwrap();
    assert!(loaded.bytes == log(99) && loaded.fault.is_none());
}

#[test]
fn files_that_can_be_are_unpacked_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..20).map(|at| folder.path().join(format!("{at:02}.json.gz"))).collect();
    paths.iter().for_each(|path| std::fs::write(path, gzip(&log(20))).unwrap());
    let files: Vec<(&Path, State)> = paths.iter().map(|path| (path.as_path(), found(path))).collect();
    let mut reader = Reader { pair: Some(Pair::anywhere()), ..Reader::whole(Limits::default()) };
    let ahead = |reader: &Reader| reader.ahead.clone().filter(|at| reader.slots[*at].made.is_some()).count();
    reader.read_ahead(files.iter().copied());
    assert_eq!(ahead(&reader), FILES);
    reader.load(files[0].0, Some(files[0].1)).unwrap();
    reader.read_ahead(files[1..].iter().copied());
    assert_eq!(ahead(&reader), FILES - 1);
    // Of many threads each reads fewer.
    for (threads, expect) in [(1, 8), (2, 8), (3, 5), (4, 4), (8, 2), (200, 2)] {
        let mut reader =
            Reader { pair: Some(Pair::anywhere()), ..Reader::whole(Limits::default()) }.among(&Room::new(threads));
        reader.read_ahead(files.iter().copied());
        assert_eq!(ahead(&reader), expect, "{threads}");
    }
    // What it takes to unpack them at once is asked for.
    paths.iter().for_each(|path| std::fs::write(path, gzip(&vec![b'a'; 2 << 20])).unwrap());
    let files: Vec<(&Path, State)> = paths.iter().map(|path| (path.as_path(), found(path))).collect();
    for (threads, expect) in [(2, 2), (4, 2), (8, 0)] {
        let room = Room::new(threads);
        let mut reader = Reader { pair: Some(Pair::anywhere()), ..Reader::whole(Limits::default()) }.among(&room);
        reader.begin(room.begin(0, 0));
        reader.read_ahead(files.iter().copied());
        assert_eq!(ahead(&reader), expect, "{threads}");
        assert_eq!(room.held_by(0) > 4 << 20, expect > 0, "{threads}");
    }
    // One by itself is not.
    let mut reader = Reader { pair: Some(Pair::anywhere()), ..Reader::whole(Limits::default()) };
    reader.read_ahead(files[..1].iter().copied());
    assert_eq!(ahead(&reader), 0);
}

#[test]
fn what_was_not_read_to_its_end_is_told_though_it_seems_whole() {
    let mut reader = Reader { pair: Some(Pair::anywhere()), ..Reader::whole(Limits::default()) };
    reader.slots = vec![Slot::default(), Slot::default()];
    for slot in &mut reader.slots {
        slot.raw.fill(&*gzip(&log(20)), 0, u64::MAX).unwrap();
        slot.end = Some(Ok(Ended { end: Err("it broke".to_owned()), is_changed: false }));
    }
    reader.ahead = 0..2;
    reader.unpack_ahead();
    assert_eq!((reader.slots[0].made, reader.slots[1].made), (None, None));
}

#[test]
fn few_and_small_files_are_read_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let path = |at: usize| folder.path().join(format!("{at:02}.json"));
    let check = |sizes: &[usize], expect: usize| {
        sizes.iter().enumerate().for_each(|(at, size)| std::fs::write(path(at), vec![b' '; *size]).unwrap());
        let paths: Vec<PathBuf> = (0..sizes.len()).map(path).collect();
        let files: Vec<(&Path, State)> = paths.iter().map(|path| (path.as_path(), found(path))).collect();
        let mut reader = Reader { pair: Some(Pair::anywhere()), ..Reader::whole(Limits::default()) };
        reader.read_ahead(files.iter().copied());
        assert_eq!(reader.ahead, 0..expect, "{sizes:?}");
        for ((path, found), size) in files.iter().zip(sizes) {
            assert_eq!(reader.load(path, Some(*found)).unwrap().bytes.len(), *size);
        }
        reader.shed();
        assert!(reader.slots.iter().all(|slot| slot.raw.bytes().is_empty()));
    };
    check(&[9; 12], FILES);
    check(&[1 << 20, 1 << 20, 9], 2);
    check(&[1 << 20, (1 << 20) + 1, 9], 1);
    check(&[(1 << 20) + 1, 9, 9], 0);
    check(&[60_000, 60_000, 11_072, 9], 3);
    // One that has grown is read when it is its turn.
    std::fs::write(path(0), b"{}").unwrap();
    let before = found(&path(0));
    std::fs::write(path(0), vec![b' '; 3 << 20]).unwrap();
    let mut reader = Reader { pair: Some(Pair::anywhere()), ..Reader::whole(Limits::default()) };
    let (first, second) = (path(0), path(1));
    reader.read_ahead([(first.as_path(), before), (second.as_path(), found(&second))]);
    assert!(reader.slots[0].end.is_none() && reader.slots[0].raw.bytes().len() as u64 == LARGE + 1);
    let loaded = reader.load(&first, Some(before)).unwrap();
    assert!(loaded.bytes.len() == 3 << 20 && loaded.fault.is_some());
}

#[test]
fn what_is_unpacked_ahead_takes_little_room() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..FILES).map(|at| folder.path().join(format!("{at}.json.gz"))).collect();
    let check = |sizes: &dyn Fn(usize) -> usize, expect: &[usize], most: usize| {
        let contents: Vec<Vec<u8>> = (0..FILES).map(|at| vec![b'a' + at as u8; sizes(at)]).collect();
        paths.iter().zip(&contents).for_each(|(path, content)| std::fs::write(path, gzip(content)).unwrap());
        let files: Vec<(&Path, State)> = paths.iter().map(|path| (path.as_path(), found(path))).collect();
        let mut reader = Reader { pair: Some(Pair::anywhere()), ..Reader::whole(Limits::default()) };
        reader.read_ahead(files.iter().copied());
        let ahead: Vec<usize> = (0..FILES).filter(|at| reader.slots[*at].made.is_some()).collect();
        assert_eq!(ahead, expect);
        assert!(reader.sheet.len() <= most, "{}", reader.sheet.len());
        for ((path, found), content) in files.iter().zip(&contents) {
            assert!(reader.load(path, Some(*found)).unwrap().bytes == content);
        }
        reader.shed();
        assert!(reader.sheet.capacity() <= 1 << 20);
    };
    let slack = FILES * (32 << 10);
    check(&|_| 100_000, &[0, 1, 2, 3, 4, 5, 6, 7], 800_000 + slack);
    check(&|_| 400_000, &[0, 1, 2, 3], 1_600_000 + slack);
    check(&|_| 3 << 20, &[0, 1], 6 << 20 | slack);
    // One that is too large leaves room for others.
    check(&|at| if at == 2 { 5 << 20 } else { 300_000 }, &[0, 1, 3, 4, 5, 6], 1_800_000 + slack);
    check(&|at| if at < 2 { 5 << 20 } else { 300_000 }, &[2, 3, 4, 5, 6, 7], 1_800_000 + slack);
}
