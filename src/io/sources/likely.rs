//! How much memory a log file takes that is read as a whole, as far as that can be told before it is read.

use super::gzip;
use std::io::{Read, Result, Seek, SeekFrom};

/// How much smaller bzip2 and zstd make logs, or nearly so, and how they begin.
const USUAL_RATIO: u64 = 24;
const PACKED: [&[u8]; 2] = [b"BZh", &[0x28, 0xb5, 0x2f, 0xfd]];

/// Bytes that a file takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Likely {
    /// As it lies there.
    pub(super) raw: u64,
    /// What it unpacks to, which may be wrong of further gzip members and of other packers; 0 for what is not packed, and for
    /// what says that it is larger than the limit.
    pub(super) plain: u64,
}

impl Likely {
    /// Of a file, which is then at its beginning.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn of(file: &mut (impl Read + Seek), limit: u64) -> Result<Self> {
        let (mut first, mut last) = ([0; 4], [0; 4]);
        let size = file.seek(SeekFrom::End(0))?;
        if size >= 4 {
            file.seek(SeekFrom::End(-4))?;
            file.read_exact(&mut last)?;
            file.rewind()?;
            file.read_exact(&mut first)?;
        }
        file.rewind()?;
        Ok(Self::told((&first, &last), size, limit))
    }

    /// Of bytes that were read.
    pub(super) fn of_bytes(raw: &[u8], limit: u64) -> Self {
        Self::told((raw, raw), raw.len() as u64, limit)
    }

    fn told((first, last): (&[u8], &[u8]), size: u64, limit: u64) -> Self {
        let plain = match first {
            first if gzip::is_gzip(first) => Some(told(last)).filter(|told| *told <= limit).unwrap_or(0),
            first if PACKED.iter().any(|begin| first.starts_with(begin)) => size.saturating_mul(USUAL_RATIO).min(limit),
            _ => 0,
        };
        Self { raw: size.min(limit), plain }
    }
}

/// Bytes that a gzip file says its last member unpacks to.
pub(super) fn told(raw: &[u8]) -> u64 {
    raw.last_chunk::<4>().map_or(0, |size| u64::from(u32::from_le_bytes(*size)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[track_caller]
    fn check(bytes: &[u8], plain: u64) {
        let expect = Likely { raw: bytes.len() as u64, plain };
        let mut file = Cursor::new(bytes);
        file.set_position(2);
        assert_eq!((Likely::of(&mut file, 5_000).unwrap(), file.position()), (expect, 0));
        assert_eq!(Likely::of_bytes(bytes, 5_000), expect);
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
        check(b"BZh9......", 240);
        check(b"\x28\xb5\x2f\xfd......", 240);
        check(&[b"BZh9".as_slice(), &[0; 996]].concat(), 5_000);
        let large = Likely::of_bytes(&[b' '; 6_000], 5_000);
        assert_eq!(large, Likely { raw: 5_000, plain: 0 });
    }
}
