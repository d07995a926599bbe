//! Packed bytes → plain bytes, whatever packed them, never more than a limit.

use super::gzip;
use super::libdeflate::Inflater;
#[cfg(feature = "archives")]
use std::error::Error;
#[cfg(feature = "archives")]
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Bytes that are unpacked at a time of what is no gzip.
#[cfg(feature = "archives")]
const STEP: usize = 32 << 10;

/// Unpacks one file after another.
pub(super) struct Unpacker {
    /// `None` where libdeflate has no memory: the stream does it all.
    inflater: Option<Inflater>,
}

impl Unpacker {
    pub(super) fn new() -> Self {
        Self { inflater: Inflater::new() }
    }

    /// Whether these bytes are packed, by the first ones: of bzip2 less of them tell it where the name does, too.
    pub(super) fn is_packed(name: &str, raw: &[u8]) -> bool {
        gzip::is_gzip(raw) || is_bzip2(name, raw) || is_zstd(raw)
    }

    /// Fills `plain` with at most so many bytes.
    ///
    /// # Errors
    /// What stopped it, in words; `plain` then holds what can be used.
    pub(super) fn unpack(&mut self, (name, raw): (&str, &[u8]), limit: u64, plain: &mut Vec<u8>) -> Result<(), String> {
        if gzip::is_gzip(raw) {
            let unpacked = gzip::inflate(raw, limit, self.inflater.as_mut(), plain);
            return unpacked.map_err(|stop| stop.to_string());
        }
        unpack_rest((name, raw), limit, plain)
    }
}

#[cfg(feature = "archives")]
fn unpack_rest((name, raw): (&str, &[u8]), limit: u64, plain: &mut Vec<u8>) -> Result<(), String> {
    if is_bzip2(name, raw) {
        return stream(&mut bzip2::read::MultiBzDecoder::new(raw), "bzip2", limit, plain);
    }
    let mut rest = raw;
    // Frames behind one another, as `zstd` makes of several files.
    while !rest.is_empty() {
        if let Some(length) = skippable(rest) {
            rest = rest.get(length..).ok_or("the zstd file is cut short")?;
            continue;
        }
        let start = plain.len();
        let decoder = ruzstd::decoding::StreamingDecoder::new(&mut rest);
        let mut decoder = decoder.map_err(|fault| zstd_fault(&fault))?;
        stream(&mut decoder, "zstd", limit, plain)?;
        let (told, made) = (decoder.decoder.get_checksum_from_data(), decoder.decoder.get_calculated_checksum());
        if told.is_some_and(|told| made != Some(told)) {
            plain.truncate(start);
            return Err("the zstd file is damaged: its checksum is another".to_owned());
        }
    }
    Ok(())
}

#[cfg(not(feature = "archives"))]
fn unpack_rest(_: (&str, &[u8]), _: u64, _: &mut Vec<u8>) -> Result<(), String> {
    Err("this build reads no bzip2 and no zstd: unpack it first, or build with `--features archives`".to_owned())
}

#[cfg(feature = "archives")]
fn stream(from: &mut impl Read, what: &str, limit: u64, plain: &mut Vec<u8>) -> Result<(), String> {
    // Always as much at a time: of what is damaged a decoder gives what it made before the call that fails.
    let mut step = [0; STEP];
    loop {
        match from.read(&mut step) {
            Ok(0) => return Ok(()),
            Ok(read) => plain.extend_from_slice(&step[..read]),
            Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
            Err(fault) if what == "zstd" => return Err(zstd_fault(&fault)),
            Err(fault) if is_cut(&fault) => return Err(format!("the {what} file is cut short")),
            Err(fault) => return Err(format!("the {what} file is damaged: {fault}")),
        }
        if plain.len() as u64 > limit {
            plain.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            return Err(gzip::Stop::TooLarge(limit).to_string());
        }
    }
}

/// Whether a decoder failed since nothing more came, whatever it wraps that in.
#[cfg(feature = "archives")]
pub(super) fn is_cut(fault: &(dyn Error + 'static)) -> bool {
    let mut next = Some(fault);
    while let Some(one) = next {
        if one.downcast_ref::<std::io::Error>().is_some_and(|one| one.kind() == ErrorKind::UnexpectedEof) {
            return true;
        }
        next = one.source();
    }
    false
}

#[cfg(feature = "archives")]
const DICTIONARY: &str = "the zstd file was packed with a dictionary: unpack it with `zstd -d -D` and that dictionary, and read what comes out";

/// Why a frame of zstd cannot be unpacked, or not to its end.
#[cfg(feature = "archives")]
pub(super) fn zstd_fault(fault: &(dyn Error + 'static)) -> String {
    use ruzstd::decoding::errors::FrameDecoderError::{DictNotProvided, WindowSizeTooBig};
    match fault.downcast_ref() {
        _ if is_cut(fault) => "the zstd file is cut short".to_owned(),
        Some(DictNotProvided { .. }) => DICTIONARY.to_owned(),
        Some(WindowSizeTooBig { requested, max }) => {
            let (needs, most) = (requested.div_ceil(1 << 20), max >> 20);
            format!(
                "unpacking the zstd file takes a window of {needs} MiB, and more than {most} are not taken: unpack it with \
                 `zstd -d --long=31`, and read what comes out"
            )
        }
        // What else the decoder says is for programmers.
        _ => "the zstd file is damaged".to_owned(),
    }
}

fn has_ending(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|own| own.eq_ignore_ascii_case(ending))
}

/// Bytes that tell how a file is packed.
pub(super) const FIRST: usize = 10;

/// Behind `BZh` and a digit a block begins, or, of an empty file, its end: a text may begin with the letters.
pub(super) fn is_bzip2(name: &str, raw: &[u8]) -> bool {
    const BEHIND: [[u8; 6]; 2] = [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]];
    let is_told = match raw {
        [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..] => BEHIND.iter().any(|behind| rest.starts_with(behind)),
        _ => false,
    };
    is_told || has_ending(name, "bz2") && raw.starts_with(b"BZh")
}

/// No text has such bytes.
pub(super) fn is_zstd(raw: &[u8]) -> bool {
    raw.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || skippable(raw).is_some()
}

/// The length of a frame that holds something else than the file, such as an index; what it says of itself.
/// See <https://datatracker.ietf.org/doc/html/rfc8878#section-3.1.2>.
pub(super) fn skippable(raw: &[u8]) -> Option<usize> {
    let [0x50..=0x5f, 0x2a, 0x4d, 0x18, size @ ..] = raw else { return None };
    let size = u32::from_le_bytes(*size.first_chunk()?);
    usize::try_from(size).ok()?.checked_add(8)
}

#[cfg(test)]
mod tests;
