#![allow(clippy::disallowed_methods)] // tests write the files they read

use super::super::walk::problem;
use super::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

fn zip(text: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// Reads a folder: `name=text` in the order visited, then `name: problem`, names relative to the folder.
fn told(folder: &Path, limit: u64) -> Vec<String> {
    let own = |name: &str| name.replace(&format!("{}/", folder.display()), "");
    let mut seen = Vec::new();
    let (_, problems) = each(&[folder.to_path_buf()], Limits { file: limit }, |name, bytes| {
        seen.push(format!("{}={}", own(name), String::from_utf8_lossy(bytes)));
    });
    seen.extend(problems.iter().map(|p| format!("{}: {}", own(&p.input), p.error)));
    seen
}

#[track_caller]
fn check(bytes: &[u8], limit: u64, expect: &[&str]) {
    assert_eq!(told(folder(&[("f.gz", bytes)]).path(), limit), expect);
}

const TWO: &str = r#"{"Records":[{"a":1},{"b":2}]}"#;

#[test]
fn folders_are_read_in_order_without_what_is_no_log() {
    let folder = folder(&[
        ("b/2.json.gz", &zip(b"2")),
        ("b/1.JSON", b"1"),
        ("a.jsonl", b"0"),
        ("plain-inside.gz", b"4"),
        ("gzip-inside.json", &zip(b"3")),
        ("notes.txt", b"no log"),
        ("x/CloudTrail-Digest/d.json.gz", b"no"),
        ("x/CloudTrail-Insight/i.json", b"no"),
        ("x/CloudTrail-Aggregated/g.json", b"no"),
        ("x/CloudTrail-NetworkActivity/n.json", b"5"),
    ]);
    let expect = [
        "a.jsonl=0",
        "b/1.JSON=1",
        "b/2.json.gz=2",
        "gzip-inside.json=3",
        "plain-inside.gz=4",
        "x/CloudTrail-NetworkActivity/n.json=5",
    ];
    assert_eq!(told(folder.path(), 100), expect);
}

/// A download without its folders, and a folder of digests that was named itself.
#[test]
fn what_holds_no_events_is_told_by_its_name() {
    let digest = "111122223333_CloudTrail-Digest_eu-west-1_trail_us-east-1_20261110T100000Z.json.gz";
    let insight = "111122223333_CloudTrail-Insight_eu-west-1_20261110T1000Z_x.json.gz";
    let folder =
        folder(&[(digest, b"no"), (insight, b"no"), ("a.json", b"1"), (&format!("CloudTrail-Digest/{digest}"), b"no")]);
    assert_eq!(told(folder.path(), 100), ["a.json=1"]);
    assert_eq!(told(&folder.path().join("CloudTrail-Digest"), 100), Vec::<String>::new());
    let (tally, problems) = each(&[folder.path().join(digest)], Limits::default(), |_, _| {});
    assert_eq!((tally.files, problems), (0, vec![]));
    let own = |name: &str| folder.path().join(name);
    let told = format!(
        "{} and 1 more: passed over, being by name a digest, an Insight or a sum of CloudTrail's, which hold no events",
        own(digest).display()
    );
    assert_eq!(passed_over(&[own("a.json"), own(digest), own(insight)]), [told]);
}

/// A copy of a bucket in which other services keep their logs, too, is read as the bucket is.
#[test]
fn folders_of_other_services_are_left_out() {
    let (log, own) = ("x/AWSLogs/o-a1/111122223333", "111122223333_CloudTrail_eu-west-1_20261110T1000Z_x.json");
    let folder = folder(&[
        (&format!("{log}/CloudTrail/eu-west-1/2026/11/10/{own}"), b"1"),
        (&format!("{log}/Config/eu-west-1/2026/11/10/ConfigHistory/c.json.gz"), b"no"),
        (&format!("{log}/elasticloadbalancing/eu-west-1/2026/11/10/e.log.gz"), b"no"),
        (&format!("{log}/vpcflowlogs/eu-west-1/2026/11/10/v.log.gz"), b"no"),
        ("vpcflowlogs/other.json", b"2"),
    ]);
    let expect = ["vpcflowlogs/other.json=2".to_owned(), format!("{log}/CloudTrail/eu-west-1/2026/11/10/{own}=1")];
    assert_eq!(told(folder.path(), 100), expect);
    // A copy of a trail's own folder may lack what stands above the Regions, or name it otherwise.
    let copy = self::folder(&[
        (&format!("AWSLogs/111122223333/eu-west-1/2026/11/10/{own}"), b"1"),
        (&format!("AWSLogs/111122223333/cloudtrail/eu-west-1/2026/11/10/{own}"), b"2"),
        (&format!("AWSLogs/111122223333/2026/11/10/{own}"), b"3"),
    ]);
    assert_eq!(self::told(copy.path(), 100).len(), 3);
    let flows = folder.path().join(log).join("vpcflowlogs");
    assert_eq!(told(&flows, 100), Vec::<String>::new());
    assert_eq!(told(&flows.join("eu-west-1/2026"), 100), Vec::<String>::new());
    let config = folder.path().join(log).join("Config/");
    let over = [flows.clone(), folder.path().into(), config, flows.join("eu-west-1/2026/11/10/v.log.gz")];
    let told = format!(
        "{} and 1 more: passed over, being a folder of `AWSLogs` that holds other logs than those of CloudTrail's events",
        flows.display()
    );
    assert_eq!(passed_over(&over), [told]);
    let mut seen = 0;
    each(&over[3..], Limits::default(), |_, _| seen += 1);
    assert_eq!(seen, 1, "a file that was named is taken");
}

/// `cp -p` and `rsync -t` keep the time of change, and a denial may take the room of another.
#[cfg(unix)]
#[test]
fn other_content_of_the_same_size_and_time_is_another_file() {
    let folder = folder(&[("a.json", b"1"), ("b.json", b"2")]);
    let (path, other) = (folder.path().join("a.json"), folder.path().join("b.json"));
    let mark = || super::super::state::State::of(&fs::metadata(&path).unwrap()).unwrap().to_string();
    let (before, changed) = (mark(), fs::metadata(&path).unwrap().modified().unwrap());
    assert_eq!(before, mark());
    let set = |path: &Path| fs::File::options().write(true).open(path).unwrap().set_modified(changed).unwrap();
    set(&other);
    fs::rename(&other, &path).unwrap();
    let replaced = mark();
    fs::write(&path, b"3").unwrap();
    set(&path);
    let written = mark();
    assert!(before != replaced && replaced != written && before != written, "{before} {replaced} {written}");
}

#[test]
fn a_named_file_is_read_whatever_its_name() {
    let folder = folder(&[("error.txt", b"denied")]);
    let mut seen = Vec::new();
    let paths = [folder.path().join("error.txt"), folder.path().join("gone")];
    let (tally, problems) = each(&paths, Limits::default(), |_, bytes| seen.extend_from_slice(bytes));
    assert_eq!((seen.as_slice(), tally), (b"denied".as_slice(), Tally { files: 1, bytes_read: 6, bytes: 6 }));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].input.ends_with("gone"));
}

#[test]
fn the_tally_counts_both_sizes() {
    let zipped = zip(TWO.as_bytes());
    let folder = folder(&[("a.json.gz", &zipped), ("b.json", b"{}")]);
    let (tally, _) = each(&[folder.path().into()], Limits::default(), |_, _| {});
    let expect = Tally { files: 2, bytes_read: zipped.len() as u64 + 2, bytes: TWO.len() as u64 + 2 };
    assert_eq!(tally, expect);
}

#[test]
fn all_members_of_a_gzip_file_are_read() {
    check(&[zip(b"a\n"), zip(b""), zip(b"b\n")].concat(), 100, &["f.gz=a\nb\n"]);
    check(&[zip(b"a"), vec![0; 512]].concat(), 1000, &["f.gz=a"]);
    check(
        &[zip(TWO.as_bytes()), b"junk".to_vec()].concat(),
        100,
        &[
            &format!("f.gz={TWO}"),
            "f.gz: bytes that are no gzip follow the compressed data; the whole records before are used",
        ],
    );
}

#[test]
fn a_cut_file_still_yields_its_whole_records() {
    let whole = zip(TWO.as_bytes());
    // The checksum is cut off: everything came out, nothing proves it.
    check(
        &whole[..whole.len() - 6],
        100,
        &[&format!("f.gz={TWO}"), "f.gz: the gzip file is cut short; the whole records before are used"],
    );
    check(&whole[..12], 100, &["f.gz: the gzip file is cut short; nothing of it is used"]);
    let many = format!(r#"{{"Records":[{}{{"last":1}}]}}"#, r#"{"n":"0123456789"},"#.repeat(20_000));
    let zipped = zip(many.as_bytes());
    let told = told(folder(&[("f.gz", &zipped[..zipped.len() / 2])]).path(), 1 << 20);
    assert!(
        told[0].starts_with(r#"f.gz={"Records":[{"n":"#) && told[0].ends_with(r#"{"n":"0123456789"}]}"#),
        "{told:?}"
    );
    assert!(told[1].ends_with("cut short; the whole records before are used"), "{}", told[1]);
}

#[test]
fn a_damaged_member_is_not_used() {
    let mut damaged = zip(br#"{"forged":1}"#);
    let crc = damaged.len() - 8;
    damaged[crc] ^= 1;
    let kept = [zip(b"{\"a\":1}\n"), damaged.clone()].concat();
    let end = "the gzip file is damaged: corrupt gzip stream does not have a matching checksum";
    check(&kept, 100, &["f.gz={\"a\":1}", &format!("f.gz: {end}; the whole records before are used")]);
    check(&damaged, 100, &[&format!("f.gz: {end}; nothing of it is used")]);
}

#[test]
fn a_file_that_inflates_without_end_is_stopped() {
    let bomb = zip(&vec![b' '; 2_000_000]);
    check(&bomb, 1 << 16, &["f.gz: it inflates to more than 65536 bytes; nothing of it is used"]);
    let grown = [zip(b"{\"a\":1}\n"), bomb].concat();
    let end = "f.gz: it inflates to more than 65536 bytes; the whole records before are used";
    check(&grown, 1 << 16, &["f.gz={\"a\":1}", end]);
    check(b"{}\n{} 3456789", 5, &["f.gz={}\n{}", "f.gz: it is larger than 5 bytes; the whole records before are used"]);
    // Exactly the limit is no bomb.
    let line = "0123456789".repeat(10);
    check(&zip(line.as_bytes()), 100, &[&format!("f.gz={line}")]);
    check(&zip(line.as_bytes()), 99, &["f.gz: it inflates to more than 99 bytes; nothing of it is used"]);
    check(&zip(line.as_bytes()), 15, &["f.gz: it is larger than 15 bytes; nothing of it is used"]);
    check(b"12345", 5, &["f.gz=12345"]);
}

#[track_caller]
fn check_problem(kind: std::io::ErrorKind, expect: &str) {
    let told = problem(Path::new("f"), &kind.into());
    assert_eq!(told, Problem { input: "f".into(), error: expect.into() });
}

#[test]
fn errors_of_the_file_system_are_told_in_words() {
    check_problem(std::io::ErrorKind::NotFound, "there is no such file or folder");
    check_problem(std::io::ErrorKind::PermissionDenied, "the permission to read it is missing");
    check_problem(std::io::ErrorKind::TimedOut, "it cannot be read: timed out");
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_end() {
    let folder = folder(&[("a/x.json", b"1"), ("b/y.json", b"2")]);
    std::os::unix::fs::symlink("..", folder.path().join("a/up")).unwrap();
    std::os::unix::fs::symlink("../a", folder.path().join("b/side")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("gone.json")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("gone.txt")).unwrap();
    let expect = ["a/x.json=1", "b/y.json=2", "gone.json: there is no such file or folder"];
    assert_eq!(told(folder.path(), 100), expect);
}

proptest! {
    /// Whatever is cut off, what remains is a prefix of whole records, and nothing panics.
    #[test]
    fn a_cut_at_any_place_is_survived(cut in 0usize..400, flip in 0usize..400, bit in 0u8..8) {
        let text = (0..40).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>();
        let mut zipped = zip(text.as_bytes());
        let at = flip % zipped.len();
        zipped[at] ^= 1 << bit;
        zipped.truncate(zipped.len().saturating_sub(cut));
        let told = told(folder(&[("f.gz", &zipped)]).path(), 10_000);
        prop_assert!(told.len() <= 2);
    }
}
