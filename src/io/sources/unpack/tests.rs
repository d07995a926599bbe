#![cfg(feature = "archives")]

use super::*;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

#[track_caller]
fn check(name: &str, raw: &[u8], limit: u64, expect: (&[u8], Result<(), &str>)) {
    assert!(Unpacker::is_packed(name, raw), "{name}");
    let mut plain = Vec::new();
    let told = Unpacker::new().unpack((name, raw), limit, &mut plain);
    assert_eq!((plain.as_slice(), told.as_ref().copied().map_err(String::as_str)), (expect.0, expect.1), "{name}");
}

#[test]
fn every_packing_gives_what_was_packed() {
    let text = b"{\"Records\":[]}".repeat(20_000);
    for (name, packed) in [("a.gz", gzip(&text)), ("a.json.bz2", bzip2(&text)), ("a.json.zst", zstd(&text))] {
        check(name, &packed, u64::MAX, (&text, Ok(())));
        // Several behind one another, as `cat` makes them.
        check(name, &packed.repeat(3), u64::MAX, (&text.repeat(3), Ok(())));
    }
}

/// As tapes and block stores leave it between two files.
#[test]
fn zeros_between_members_of_gzip_are_skipped() {
    let packed = gzip(b"{\"Records\":[]}");
    let raw = [&packed[..], &[0; 700], &packed, &[0; 3]].concat();
    check("a.gz", &raw, u64::MAX, (&b"{\"Records\":[]}".repeat(2), Ok(())));
    let told = Err("bytes that are no gzip follow the compressed data");
    check("a.gz", &[&packed[..], &[0; 9], b"x"].concat(), u64::MAX, (b"{\"Records\":[]}", told));
}

#[test]
fn a_bomb_is_cut_at_the_limit() {
    let text = vec![b'x'; 1 << 22];
    for (name, packed) in [("a.gz", gzip(&text)), ("a.bz2", bzip2(&text)), ("a.zst", zstd(&text))] {
        check(name, &packed, 1_000, (&text[..1_000], Err("it inflates to more than 1000 bytes")));
        check(name, &packed, text.len() as u64, (&text, Ok(())));
        check(
            name,
            &packed.repeat(2),
            text.len() as u64 + 5,
            (&[b'x'; (1 << 22) + 5], Err("it inflates to more than 4194309 bytes")),
        );
    }
}

#[test]
fn what_is_cut_or_damaged_is_told() {
    let text: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    for (name, packed) in [("a.gz", gzip(&text)), ("a.bz2", bzip2(&text)), ("a.zst", zstd(&text))] {
        for length in [20, packed.len() / 2, packed.len() - 1] {
            let mut plain = Vec::new();
            let told = Unpacker::new().unpack((name, &packed[..length]), u64::MAX, &mut plain).unwrap_err();
            assert!(told.ends_with(" file is cut short"), "{name}: {told}");
            assert!(text.starts_with(&plain), "{name}");
        }
    }
}

/// However much room there is before: of what is damaged always as much is used.
#[test]
fn what_is_used_of_a_damaged_file_rests_on_the_file_alone() {
    let text: Vec<u8> = (0..300_000_u32).flat_map(|number| number.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
    for (name, mut packed) in [("a.bz2", bzip2(&text)), ("a.zst", zstd(&text))] {
        let at = packed.len() * 3 / 4;
        packed[at] ^= 16;
        let unpacked = [0, 1, 50_000, 1 << 20, 3 << 20].map(|room| {
            let mut plain = Vec::with_capacity(room);
            let told = Unpacker::new().unpack((name, &packed), 1 << 30, &mut plain);
            (plain.len(), told)
        });
        assert!(unpacked.iter().all(|one| *one == unpacked[0] && one.1.is_err()), "{name}: {unpacked:?}");
    }
}

/// What came out of a frame whose checksum is another is not used; what stands before it is.
#[test]
fn the_checksum_of_zstd_is_tested() {
    let (text, packed) = (b"{\"Records\":[]}", zstd(b"{\"Records\":[]}"));
    let mut bad = packed.clone();
    *bad.last_mut().unwrap() ^= 1;
    let told = Err("the zstd file is damaged: its checksum is another");
    check("a.zst", &bad, u64::MAX, (b"", told));
    check("a.zst", &[packed, bad].concat(), u64::MAX, (text, told));
}

#[test]
fn frames_of_zstd_that_need_more_than_there_is_name_the_remedy() {
    let long = "unpacking the zstd file takes a window of 256 MiB, and more than 128 are not taken: unpack it with \
                `zstd -d --long=31`, and read what comes out";
    check("a.zst", b"\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00", u64::MAX, (b"", Err(long)));
    check("a.zst", b"\x28\xb5\x2f\xfd\x01\x00\x07\x01\x00\x00", u64::MAX, (b"", Err(DICTIONARY)));
}

#[test]
fn frames_of_zstd_that_hold_something_else_are_skipped() {
    let (text, packed) = (b"{\"Records\":[]}", zstd(b"{\"Records\":[]}"));
    let other = [&[0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    check("a.zst", &[&packed[..], &other, &packed].concat(), u64::MAX, (&text.repeat(2), Ok(())));
    check("a.zst", &[&other[..], &packed, &other].concat(), u64::MAX, (text, Ok(())));
    check("a.zst", &[&packed[..], &other[..9]].concat(), u64::MAX, (text, Err("the zstd file is cut short")));
}

#[test]
fn a_size_that_is_a_lie_changes_nothing() {
    let text = b"{\"Records\":[]}".repeat(1_000);
    for size in [0, 1, 5_000, u32::MAX] {
        let mut packed = gzip(&text);
        let end = packed.len() - 4;
        packed[end..].copy_from_slice(&size.to_le_bytes());
        let mut plain = Vec::new();
        let told = Unpacker::new().unpack(("a.gz", &packed), 1 << 20, &mut plain);
        // The size is a part of what the checksum protects.
        assert!(told.unwrap_err().contains("damaged"), "{size}");
        assert!(plain.capacity() < 4 << 20, "{size}");
    }
}

/// Whatever its name is, as of what comes by a pipe.
#[test]
fn the_first_bytes_tell_how_it_is_packed() {
    let text = b"{\"Records\":[]}";
    let other = [&[0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc", &zstd(text)].concat();
    for packed in [gzip(text), bzip2(text), zstd(text), other] {
        check("-", &packed, u64::MAX, (text, Ok(())));
    }
    check("-", &bzip2(b""), u64::MAX, (b"", Ok(())));
    for text in ["BZh", "BZh9 is bzip2", "BZh01AY&SY", "(\u{b5}/", "{}"] {
        assert!(!Unpacker::is_packed("-", text.as_bytes()), "{text}");
    }
    assert!(Unpacker::is_packed("a.bz2", b"BZh"), "cut short");
    assert!(!Unpacker::is_packed("a.bz2", b"{}") && !Unpacker::is_packed("a.zst", b"{}"), "a name alone tells nothing");
}

/// Whatever it is that is wrong: what the decoders say is for programmers.
#[test]
fn what_is_damaged_is_told_in_words() {
    let packed = zstd(&(0..9_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    for at in 4..packed.len().min(400) {
        let mut damaged = packed.clone();
        damaged[at] ^= 0x55;
        let told = Unpacker::new().unpack(("a.zst", &damaged), 1 << 30, &mut Vec::new());
        assert!(told.as_ref().err().is_none_or(|told| !told.contains("Error")), "{told:?}");
    }
}
