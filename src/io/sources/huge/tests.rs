#![allow(clippy::disallowed_methods)] // tests write files

use super::*;
use crate::record;
use flate2::{Compression, write::GzEncoder};
use std::cell::Cell;
use std::io::Write;

fn gz(text: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn log(from: usize, count: usize) -> String {
    let event = |id: usize| format!(r#"{{"eventName":"e{id}","userAgent":"{}"}}"#, "x".repeat(300));
    let events: Vec<String> = (from..from + count).map(event).collect();
    format!("{{\"Records\":[{}]}}\n", events.join(","))
}

/// The names of all events, the windows that they came in, and what was told of the whole.
fn read(name: &str, raw: &[u8], limit: u64) -> (Vec<String>, usize, Streamed) {
    let (mut names, mut windows) = (Vec::new(), 0);
    let streamed = each(name, (&|| Ok(Box::new(raw)), &|_| {}), limit, &mut |_, text| {
        windows += 1;
        assert!(text.len() <= 5 << 20, "{}", text.len());
        let (records, problems) = record::read(text, "x");
        assert_eq!(problems, []);
        names.extend(records.into_iter().filter_map(|record| record.event_name));
    });
    (names, windows, streamed.unwrap())
}

/// What is packed is gone through twice, and comes to no more.
#[test]
fn how_far_it_is_comes_to_what_lies_there() {
    let text = log(0, 30_000);
    let mut packed = GzEncoder::new(Vec::new(), Compression::none());
    packed.write_all(text.as_bytes()).unwrap();
    for (raw, least) in [(packed.finish().unwrap(), 2), (text.into_bytes(), 1)] {
        let (told, times) = (Cell::new(0), Cell::new(0));
        let pulse = |bytes| {
            told.set(told.get() + bytes);
            times.set(times.get() + 1);
        };
        each("x", (&|| Ok(Box::new(&*raw)), &pulse), 1 << 30, &mut |_, _| {}).unwrap();
        let all = raw.len() as u64;
        assert!(told.get() <= all && told.get() + TOLD > all, "{} of {all}", told.get());
        assert!(times.get() >= least * (all / TOLD) - 2, "{} times", times.get());
    }
}

#[test]
fn every_packing_gives_the_same_records() {
    let text = log(0, 30_000);
    let packed = [
        ("x.json", text.clone().into_bytes()),
        ("x.json.gz", gz(text.as_bytes())),
        ("x.json.gz", [gz(&text.as_bytes()[..1_000_000]), gz(&text.as_bytes()[1_000_000..]), vec![0; 9]].concat()),
    ];
    for (name, raw) in packed {
        let (names, windows, streamed) = read(name, &raw, 1 << 30);
        assert_eq!((names.len(), names[29_999].as_str(), windows), (30_000, "e29999", 3), "{name}");
        assert_eq!((streamed.bytes_read, streamed.unpacked), (raw.len() as u64, text.len() as u64));
        assert_eq!(streamed.fault, None);
    }
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
}

#[test]
fn utf_16_is_read_too() {
    let text = log(0, 30_000).replace("xxx", "xü😀");
    for (name, raw) in [
        ("x.json", utf16(&text, u16::to_le_bytes)),
        ("x.json", utf16(&text, u16::to_be_bytes)),
        ("x.json.gz", gz(&utf16(&text, u16::to_le_bytes))),
    ] {
        let (names, windows, streamed) = read(name, &raw, 1 << 30);
        assert_eq!((names.len(), names[29_999].as_str()), (30_000, "e29999"), "{name}");
        assert!((3..=6).contains(&windows), "{windows}");
        assert_eq!((streamed.bytes_read, streamed.fault), (raw.len() as u64, None));
        assert_eq!(streamed.unpacked, 2 * text.encode_utf16().count() as u64 + 2);
    }
    let lines: String = (0..5).map(|id| format!("e{id},,\"ü\nü\"\r\n")).collect();
    let table = utf16(&format!("eventname,errorcode,useragent\r\n{lines}"), u16::to_le_bytes);
    assert_eq!(read("x.csv", &table, 1 << 30).0.len(), 5);
}

#[test]
fn of_utf_16_that_is_cut_or_too_long_the_whole_records_are_used() {
    let raw = utf16(&log(0, 1_000), u16::to_le_bytes);
    let (names, _, streamed) = read("x.json", &raw, 200_001);
    assert!((250..310).contains(&names.len()), "{}", names.len());
    assert_eq!(streamed.fault.unwrap().error, "it is larger than 200001 bytes; the whole records before are used");
    let large = format!("{{\"Records\":[{{}},{{\"x\":\"{}\"}},{{}}]}}", "x".repeat(21 << 20));
    let open: Open<'_> = &|| Ok(Box::new(&*utf16(&large, u16::to_le_bytes).leak()));
    let streamed = each("x", (open, &|_| {}), 1 << 30, &mut |_, _| {}).unwrap();
    let error = streamed.fault.unwrap().error;
    assert!(error.starts_with("the record at byte 15 of its UTF-8 is left out"), "{error}");
    for raw in [&b""[..], b"\xff", b"\xff\xfe", b"\xfe\xff\0"] {
        assert_eq!(each("x", (&|| Ok(Box::new(raw)), &|_| {}), 1 << 30, &mut |_, _| {}).unwrap().fault, None);
    }
}

#[test]
#[cfg(feature = "archives")]
fn so_do_the_others() {
    let text = log(0, 200);
    let zstd = ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(text.as_bytes()).unwrap();
    for (name, raw) in [("x.zst", [&*zstd, &*zstd].concat()), ("x.bz2", bzip2.finish().unwrap())] {
        let (names, _, streamed) = read(name, &raw, 1 << 30);
        assert_eq!((names.len() % 200, names.len() >= 200, streamed.fault), (0, true, None), "{name}");
    }
}

#[test]
fn zeros_between_members_of_gzip_are_skipped() {
    let raw = [gz(log(0, 10).as_bytes()), vec![0; 700_000], gz(log(10, 10).as_bytes()), vec![0; 9]].concat();
    let (names, _, streamed) = read("x.gz", &raw, 1 << 30);
    assert_eq!((names.len(), streamed.fault), (20, None));
}

#[test]
#[cfg(feature = "archives")]
fn zstd_is_tested_and_its_other_frames_are_skipped() {
    let text = log(0, 200);
    let frame = ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let other = [&[0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"index"].concat();
    let (names, _, streamed) = read("x.zst", &[&*other, &*frame, &*other, &*frame].concat(), 1 << 30);
    assert_eq!((names.len(), streamed.fault), (400, None));
    let (_, _, streamed) = read("x.zst", &[&*frame, &other[..9]].concat(), 1 << 30);
    assert!(streamed.fault.unwrap().error.starts_with("the file is cut short"));
    let mut damaged = frame;
    let end = damaged.len();
    damaged[end - 1] ^= 1;
    let (_, _, streamed) = read("x.zst", &damaged, 1 << 30);
    assert!(streamed.fault.unwrap().error.contains("a frame's checksum is another"));
}

/// As a pipe's file, which has no name.
#[test]
#[cfg(feature = "archives")]
fn what_is_packed_is_told_by_its_first_bytes_and_what_is_cut_in_words() {
    let text = log(0, 2_000);
    let zstd = ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(text.as_bytes()).unwrap();
    for packed in [zstd, bzip2.finish().unwrap()] {
        let (names, _, streamed) = read("-", &packed, 1 << 30);
        assert_eq!((names.len(), streamed.fault), (2_000, None));
        for length in [12, packed.len() / 2, packed.len() - 1] {
            let (names, _, streamed) = read("-", &packed[..length], 1 << 30);
            let kept = if names.is_empty() { "nothing of it is used" } else { "the whole records before are used" };
            assert_eq!(streamed.fault.unwrap().error, format!("the file is cut short; {kept}"), "{length}");
        }
    }
}

/// A size that is a lie makes a small file seem large.
#[test]
fn where_nothing_is_used_that_is_said() {
    let mut damaged = gz(log(0, 10).as_bytes());
    let end = damaged.len();
    damaged[end - 1] ^= 0x40;
    let (names, _, streamed) = read("x.gz", &damaged, 1 << 30);
    let error = streamed.fault.unwrap().error;
    assert!(names.is_empty() && error.ends_with("does not have a matching checksum; nothing of it is used"), "{error}");
    let (names, _, streamed) = read("x.gz", &[gz(log(0, 10).as_bytes()), damaged].concat(), 1 << 30);
    assert_eq!(names.len(), 10);
    assert!(streamed.fault.unwrap().error.ends_with("; the whole records before are used"));
}

#[test]
fn a_damaged_member_is_not_used_and_a_cut_one_as_far_as_it_goes() {
    let mut damaged = gz(log(10, 10).as_bytes());
    let end = damaged.len();
    damaged[end - 6] ^= 1;
    let (names, _, streamed) =
        read("x.gz", &[gz(log(0, 10).as_bytes()), damaged, gz(log(20, 10).as_bytes())].concat(), 1 << 30);
    assert_eq!(names.len(), 10);
    assert!(streamed.fault.unwrap().error.starts_with("the gzip file is damaged"));
    let whole = gz(log(0, 30_000).as_bytes());
    let (names, _, streamed) = read("x.gz", &whole[..whole.len() / 2], 1 << 30);
    assert!((10_000..20_000).contains(&names.len()), "{}", names.len());
    assert_eq!(streamed.fault.unwrap().error, "the gzip file is cut short; the whole records before are used");
    let (names, _, streamed) = read("x.gz", &[&*gz(log(0, 10).as_bytes()), b"PK\x03"].concat(), 1 << 30);
    assert_eq!((names.len(), streamed.fault.is_some()), (10, true));
}

#[test]
fn more_than_the_limit_is_left_out() {
    let text = log(0, 1_000);
    for (name, raw) in [("x.json", text.clone().into_bytes()), ("x.gz", gz(text.as_bytes()))] {
        let (names, _, streamed) = read(name, &raw, 100_000);
        assert!((250..310).contains(&names.len()), "{}", names.len());
        let error = streamed.fault.unwrap().error;
        assert!(error.contains("100000 bytes; the whole records"), "{error}");
    }
}
