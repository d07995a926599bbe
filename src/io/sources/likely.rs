//! How much memory a log file takes that is read as a whole, as far as that can be told before it is read.

use super::gzip;
use std::io::{Read, Result, Seek, SeekFrom};

/// How much smaller bzip2 and zstd make logs, or nearly so.
const USUAL_RATIO: u64 = 24;
/// What a decoder of bzip2 needs for a block.
const BZIP2: u64 = 4 << 20;
/// How a frame of zstd begins.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Frames of zstd with a larger window are refused.
const LARGEST_WINDOW: u64 = 128 << 20;

/// Bytes that unpacking takes beside what is read at a time, of a file that begins so and is too large to stand in memory.
pub(super) fn of_parts(first: &[u8], size: u64) -> u64 {
    match first.starts_with(&ZSTD) {
        true => window(first, size.saturating_mul(USUAL_RATIO)).min(LARGEST_WINDOW),
        false => 0,
    }
}

/// Bytes that a file takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Likely {
    /// As it lies there.
    pub(super) raw: u64,
    /// What it unpacks to, and what that takes, which may be wrong of further gzip members and of other packers; 0 for what
    /// is not packed, and for what says that it is larger than the limit. Of text in UTF-16 what it is in UTF-8.
    pub(super) plain: u64,
}

impl Likely {
    /// Of a file that had so many bytes, and is then at its beginning. One that cannot be looked at takes all that it may.
    pub(super) fn of(file: &mut (impl Read + Seek), size: u64, limit: u64) -> Self {
        let ends = ends(file);
        // Whoever reads it tells why that does not go.
        let _ = file.rewind();
        match ends {
            Ok((first, last)) => Self::by_ends((&first, &last), size, limit),
            Err(_) => Self { raw: size.min(limit), plain: limit },
        }
    }

    /// Of bytes that were read.
    pub(super) fn of_bytes(raw: &[u8], limit: u64) -> Self {
        Self::by_ends((raw, raw), raw.len() as u64, limit)
    }

    fn by_ends((first, last): (&[u8], &[u8]), size: u64, limit: u64) -> Self {
        let usual = size.saturating_mul(USUAL_RATIO).min(limit);
        let plain = match first {
            first if gzip::is_gzip(first) => Some(told(last)).filter(|told| *told <= limit).unwrap_or(0),
            first if first.starts_with(b"BZh") => usual + BZIP2,
            first if first.starts_with(&ZSTD) => usual + window(first, usual).min(limit),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => size.min(limit) * 3 / 2,
            _ => 0,
        };
        Self { raw: size.min(limit), plain }
    }
}

/// What a decoder of zstd keeps of what it made: <https://datatracker.ietf.org/doc/html/rfc8878#section-3.1.1.1.2>.
fn window(frame: &[u8], all: u64) -> u64 {
    match *frame {
        [_, _, _, _, descriptor, window, ..] if descriptor & 0x20 == 0 => {
            let base = 1 << (10 + u64::from(window >> 3));
            base + base / 8 * u64::from(window & 7)
        }
        // What is one segment is kept as a whole.
        _ => all,
    }
}

/// The first and the last bytes of a file; of a shorter one zeros.
fn ends(file: &mut (impl Read + Seek)) -> Result<([u8; 6], [u8; 4])> {
    let (mut first, mut last) = ([0; 6], [0; 4]);
    if file.seek(SeekFrom::End(0))? >= first.len() as u64 {
        file.seek(SeekFrom::End(-4))?;
        file.read_exact(&mut last)?;
        file.rewind()?;
        file.read_exact(&mut first)?;
    }
    Ok((first, last))
}

/// Bytes that a gzip file says its last member unpacks to.
pub(super) fn told(raw: &[u8]) -> u64 {
    raw.last_chunk::<4>().map_or(0, |size| u64::from(u32::from_le_bytes(*size)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// Tells its size, and nothing else.
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> Result<usize> {
            Err(std::io::ErrorKind::Other.into())
        }
    }

    impl Seek for Broken {
        fn seek(&mut self, _: SeekFrom) -> Result<u64> {
            Ok(9)
        }
    }

    #[track_caller]
    fn check(bytes: &[u8], plain: u64) {
        let expect = Likely { raw: bytes.len() as u64, plain };
        let mut file = Cursor::new(bytes);
        file.set_position(2);
        assert_eq!((Likely::of(&mut file, expect.raw, 5_000), file.position()), (expect, 0));
        assert_eq!(Likely::of_bytes(bytes, 5_000), expect);
    }

    #[test]
    fn of_a_large_file_the_window_counts() {
        assert_eq!(of_parts(b"\x28\xb5\x2f\xfd\x04\x88....", 1 << 30), 128 << 20);
        assert_eq!(of_parts(b"\x28\xb5\x2f\xfd\x04\x06....", 1 << 30), 1_792);
        // One segment is a window as large as what it unpacks to, if it is not refused.
        assert_eq!(of_parts(b"\x28\xb5\x2f\xfd\x20.....", 1 << 20), 24 << 20);
        assert_eq!(of_parts(b"\x28\xb5\x2f\xfd\x20.....", 1 << 30), 128 << 20);
        assert_eq!((of_parts(b"\x1f\x8b....", 1 << 30), of_parts(b"", 1 << 30)), (0, 0));
    }

    #[test]
    fn a_file_tells_by_its_ends() {
        check(b"", 0);
        check(b"{}", 0);
        check(b"{\"Records\":[]}", 0);
        check(b"\x1f\x8b", 0);
        check(b"\x1f\x8b....\x88\x13\0\0", 5_000);
        // Said to be larger than what is read as a whole.
        check(b"\x1f\x8b....\x89\x13\0\0", 0);
        check(b"\x1f\x8b....\xff\xff\xff\xff", 0);
        check(b"BZh9......", 240 + BZIP2);
        check(&[b"BZh9".as_slice(), &[0; 996]].concat(), 5_000 + BZIP2);
        // One segment, a window of 1 KiB, one of 1.75 KiB, and one of more than may be.
        check(b"\x28\xb5\x2f\xfd\x20.....", 480);
        check(b"\x28\xb5\x2f\xfd\x04\x00....", 240 + 1_024);
        check(b"\x28\xb5\x2f\xfd\x04\x06....", 240 + 1_792);
        check(b"\x28\xb5\x2f\xfd\x04\xff....", 240 + 5_000);
        check(b"\xff\xfe{\0}\0", 9);
        // What cannot be looked at takes all that it may.
        assert_eq!(Likely::of(&mut Broken, 9, 5_000), Likely { raw: 9, plain: 5_000 });
        let large = Likely::of_bytes(&[b' '; 6_000], 5_000);
        assert_eq!(large, Likely { raw: 5_000, plain: 0 });
    }
}
