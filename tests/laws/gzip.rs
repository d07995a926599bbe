//! The law of gzip files: two at a time they are what they are one by one, and that is what flate2 makes of them.

use denywatch::io::sources::archive::Selection;
use denywatch::io::sources::files::{self, Limits};
use denywatch::io::sources::many::{self, Desk, FileRead, How, Joins, Sort};
use denywatch::io::stores::Object;
use denywatch::record::Problem;
use flate2::read::DeflateDecoder;
use flate2::{Compression, Crc, GzBuilder};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::OnceLock;

/// So few that nothing is taken for a file that has to be read in parts, be it that it says so of itself.
const LIMITS: Limits = Limits { file: 16 << 20 };
/// Bytes that are made of an input at the most.
const MOST: u64 = 1 << 20;

/// Reads what DEFLATE may have packed, in a gzip file that tells the truth about it, and as a gzip file itself, each beside others.
pub fn gzip(packed: &[u8]) {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().unwrap());
    let mut plain = Vec::new();
    let is_whole = DeflateDecoder::new(packed).take(MOST).read_to_end(&mut plain).is_ok();
    let (mut sum, size) = (Crc::new(), plain.len() as u32);
    sum.update(&plain);
    let framed =
        [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], packed, &sum.sum().to_le_bytes(), &size.to_le_bytes()].concat();
    let contents = [&framed, other(), &framed, packed, other()];
    let paths: Vec<PathBuf> = (0..contents.len()).map(|at| folder.path().join(format!("{at}.json.gz"))).collect();
    paths.iter().zip(contents).for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    let (mut one_by_one, mut together) = (Told::default(), Told::default());
    let (_, problems) = files::each(&paths, LIMITS, |name, bytes| one_by_one.made(name, bytes));
    problems.into_iter().for_each(|problem| one_by_one.fault(problem));
    let all = Selection::default();
    let how = How { selection: &all, limits: LIMITS, threads: 1, streams: false };
    many::read(&paths, how, || |_: &str, bytes: &[u8], _: Sort| Plain(bytes.to_vec()), &mut together);
    assert!(together == one_by_one, "{:?} {:?}", together.faults, one_by_one.faults);
    if is_whole && !plain.is_empty() && (plain.len() as u64) < MOST && together.faults.is_empty() {
        assert!(together.made[0].1 == plain);
    }
}

/// Bytes of a log, packed.
fn other() -> &'static [u8] {
    static OTHER: OnceLock<Vec<u8>> = OnceLock::new();
    OTHER.get_or_init(|| {
        let record =
            |at: u32| format!(r#"{{"eventVersion":"1.08","eventID":"{:08x}"}},"#, at.wrapping_mul(0x9e37_79b1));
        let mut out = GzBuilder::new().filename("log.json").write(Vec::new(), Compression::default());
        (0..60).for_each(|at| out.write_all(record(at).as_bytes()).unwrap());
        out.finish().unwrap()
    })
}

/// What is told of files.
#[derive(Debug, Default, PartialEq)]
struct Told {
    made: Vec<(String, Vec<u8>)>,
    faults: Vec<(String, String)>,
}

impl Told {
    fn made(&mut self, name: &str, bytes: &[u8]) {
        self.made.push((name.to_owned(), bytes.to_vec()));
    }

    fn fault(&mut self, Problem { input, error }: Problem) {
        self.faults.push((input, error));
    }
}

impl Desk<Plain> for Told {
    fn skips(&mut self, objects: &[Object]) -> Vec<bool> {
        vec![false; objects.len()]
    }

    fn take(&mut self, read: Result<FileRead<Plain>, Problem>) -> ControlFlow<()> {
        match read {
            Ok(FileRead { name, made, fault, .. }) => {
                made.into_iter().for_each(|Plain(bytes)| self.made(&name, &bytes));
                fault.into_iter().for_each(|fault| self.fault(fault));
            }
            Err(problem) => self.fault(problem),
        }
        ControlFlow::Continue(())
    }
}

/// A file's bytes.
struct Plain(Vec<u8>);

impl Joins for Plain {
    fn join(&mut self, Plain(later): Self) {
        self.0.extend(later);
    }
}
