//! A file that is too large to stand in memory → its text, some megabytes at a time.
//!
//! What is packed as gzip is unpacked twice: first to see that its checksums hold, so that nothing is taken from a damaged
//! member, as from smaller files.

use super::gzip::{Stop, is_gzip};
use super::reader::Loaded;
use super::salvage::used;
use super::unpack::{FIRST, Unpacker};
#[cfg(feature = "archives")]
use super::unpack::{is_bzip2, is_cut, is_zstd, skippable, zstd_fault};
use super::windows::{LARGEST, Windows};
use crate::record::{Problem, Utf16};
use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, BufReader, Read, Result};

/// Bytes that a file, read or unpacked, may be to be read as a whole.
pub(super) const WHOLE: u64 = 16 << 20;
/// Bytes read at a time.
const STEP: usize = 256 << 10;

/// Bytes after which somebody is told of them.
const TOLD: u64 = 1 << 20;

/// What was read of a file.
#[derive(Debug, Default)]
pub(crate) struct Streamed {
    pub(crate) bytes_read: u64,
    pub(crate) unpacked: u64,
    /// Why it was not read to its end, or not all of it is used.
    pub(crate) fault: Option<Problem>,
}

impl From<Loaded<'_>> for Streamed {
    fn from(read: Loaded<'_>) -> Self {
        Self { bytes_read: read.bytes_read, unpacked: read.unpacked, fault: read.fault }
    }
}

/// Who is told that so many more bytes were gone through, as they lie there; in all as many as there are, though what is
/// packed as gzip is gone through twice.
pub(super) type Pulse<'p> = &'p dyn Fn(u64);

/// Opens the bytes anew, as they lie there.
pub(super) type Open<'o> = &'o dyn Fn() -> Result<Box<dyn Read + 'o>>;

/// Bytes that tell how it is packed.
pub(super) fn first(from: &mut dyn Read) -> Result<Vec<u8>> {
    let mut first = [0; FIRST];
    let length = read_some(from, &mut first)?;
    Ok(first[..length].to_vec())
}

/// Hands the text over in order, each part with a name that tells where in it it stands; of more than `limit` bytes the rest is
/// left out.
///
/// # Errors
/// It could not be opened.
pub(super) fn each(
    name: &str,
    (open, pulse): (Open<'_>, Pulse<'_>),
    limit: u64,
    visit: &mut dyn FnMut(&str, &[u8]),
) -> Result<Streamed> {
    let first = &*first(&mut *open()?)?;
    let half: Pulse<'_> = &|bytes| pulse(bytes / 2);
    let (usable, stop, pulse) = match is_gzip(first) {
        true => {
            let (usable, stop) = check(&mut Counted::new(open()?, half), limit)?;
            (usable, stop, half)
        }
        false => (limit, None, pulse),
    };
    let (mut raw, mut is_any) = (Counted::new(open()?, pulse), false);
    let mut visit = |name: &str, text: &[u8]| {
        is_any |= !text.is_empty();
        visit(name, text);
    };
    let (unpacked, mut stop) = {
        let plain = plain(name, first, BufReader::with_capacity(STEP, &mut raw));
        let Fed { unpacked, windows, end, is_utf16 } = feed(plain, (usable, is_gzip(first)), name, &mut visit);
        let stop = stop.map(|stop| stop.to_string()).or_else(|| over(name, first, unpacked > limit, limit)).or(end);
        let left_out = left_out(&windows, is_utf16);
        windows.end(stop.is_none(), &mut |text, at| visit(&label(name, at, is_utf16), text));
        (unpacked.min(limit), stop.map(|stop| format!("{stop}; {}", used(is_any))).or(left_out))
    };
    let fault = stop.take().map(|error| Problem { input: name.to_owned(), error });
    Ok(Streamed { bytes_read: raw.read, unpacked, fault })
}

/// What was read, but for its end.
struct Fed {
    unpacked: u64,
    windows: Windows,
    /// Why it was not read to its end.
    end: Option<String>,
    /// Places are those of its text in UTF-8.
    is_utf16: bool,
}

fn feed(
    mut plain: Box<dyn Read + '_>,
    (usable, is_checked): (u64, bool),
    name: &str,
    visit: &mut dyn FnMut(&str, &[u8]),
) -> Fed {
    let (mut windows, mut buffer, mut text) = (Windows::new(), vec![0; STEP], String::new());
    let mut first = [0; Utf16::MARK];
    let length = match read_some(&mut *plain, &mut first) {
        Ok(length) => length,
        Err(error) => return Fed { unpacked: 0, windows, end: Some(ended(&error)), is_utf16: false },
    };
    let mut utf16 = Utf16::of(&first[..length]);
    let is_utf16 = utf16.is_some();
    let (mut unpacked, begun) = if is_utf16 { (length as u64, &[][..]) } else { (0, &first[..length]) };
    let mut plain = begun.chain(plain);
    let mut each = |part: &[u8], at| visit(&label(name, at, is_utf16), part);
    let end = loop {
        let read = match plain.read(&mut buffer) {
            Ok(0) => break None,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Some(ended(&error)),
        };
        let room = usize::try_from(usable - unpacked.min(usable)).unwrap_or(usize::MAX);
        unpacked += read as u64;
        let bytes = &buffer[..read.min(room)];
        match &mut utf16 {
            None => windows.feed(bytes, &mut each),
            Some(utf16) => {
                text.clear();
                utf16.take(bytes, &mut text);
                windows.feed(text.as_bytes(), &mut each);
            }
        }
        // Of what was looked through before so much is good, of what was not one byte more tells that there is more.
        if unpacked > usable || is_checked && unpacked == usable {
            break None;
        }
    };
    if let Some(mut utf16) = utf16 {
        text.clear();
        utf16.end(&mut text);
        windows.feed(text.as_bytes(), &mut each);
    }
    Fed { unpacked, windows, end, is_utf16 }
}

/// Unpacks gzip without keeping anything: how many bytes can be used, and what stopped it.
fn check(from: &mut dyn Read, limit: u64) -> Result<(u64, Option<Stop>)> {
    let mut raw = BufReader::with_capacity(STEP, from);
    let mut usable = 0;
    loop {
        let next = raw.fill_buf()?;
        if next.is_empty() {
            return Ok((usable, None));
        }
        if !is_gzip(next) {
            skip_zeros(&mut raw)?;
            match raw.fill_buf()? {
                [] => return Ok((usable, None)),
                next if is_gzip(next) => {}
                _ => return Ok((usable, Some(Stop::Trailing))),
            }
        }
        let mut member = GzDecoder::new(&mut raw);
        let room = (limit - usable).saturating_add(1);
        let mut sink = Sink(0);
        match io::copy(&mut (&mut member).take(room), &mut sink) {
            Ok(_) if sink.0 == room => return Ok((limit, Some(Stop::TooLarge(limit)))),
            Ok(_) => usable += sink.0,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok((usable + sink.0, Some(Stop::Cut)));
            }
            Err(error) => return Ok((usable, Some(Stop::Damaged(error.to_string())))),
        }
    }
}

/// Padding with zeros is usual on tapes and in block stores, also before a further member.
fn skip_zeros(raw: &mut impl BufRead) -> Result<()> {
    loop {
        let next = raw.fill_buf()?;
        let zeros = next.iter().take_while(|byte| **byte == 0).count();
        let is_over = zeros == 0 || zeros < next.len();
        raw.consume(zeros);
        if is_over {
            return Ok(());
        }
    }
}

/// Members of gzip behind one another.
struct Members<R> {
    /// Between two members.
    raw: Option<R>,
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            if let Some(member) = &mut self.member {
                match member.read(buffer)? {
                    0 => self.raw = self.member.take().map(GzDecoder::into_inner),
                    read => return Ok(read),
                }
            }
            let Some(mut raw) = self.raw.take() else { return Ok(0) };
            skip_zeros(&mut raw)?;
            if raw.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.member = Some(GzDecoder::new(raw));
        }
    }
}

/// Counts what is written, and keeps none of it.
struct Sink(u64);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Counts what is read, and tells of every [`TOLD`] bytes.
pub(super) struct Counted<'r> {
    from: Box<dyn Read + 'r>,
    read: u64,
    told: u64,
    pulse: Pulse<'r>,
}

impl<'r> Counted<'r> {
    pub(super) fn new(from: Box<dyn Read + 'r>, pulse: Pulse<'r>) -> Self {
        Self { from, read: 0, told: 0, pulse }
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.from.read(buffer)?;
        self.read += read as u64;
        if self.read - self.told >= TOLD {
            (self.pulse)(self.read - self.told);
            self.told = self.read;
        }
        Ok(read)
    }
}

fn plain<'r>(name: &str, first: &[u8], raw: impl BufRead + 'r) -> Box<dyn Read + 'r> {
    if is_gzip(first) {
        return Box::new(Members { raw: Some(raw), member: None });
    }
    #[cfg(feature = "archives")]
    if is_bzip2(name, first) {
        return Box::new(bzip2::bufread::MultiBzDecoder::new(raw));
    }
    #[cfg(feature = "archives")]
    if is_zstd(first) {
        return Box::new(Frames { raw: Some(Ahead { bytes: Vec::new(), raw }), frame: None });
    }
    let _ = name;
    Box::new(raw)
}

/// Frames of zstd behind one another, as `zstd` makes of several files.
#[cfg(feature = "archives")]
struct Frames<R: Read> {
    /// Between two frames.
    raw: Option<Ahead<R>>,
    frame: Option<ruzstd::decoding::StreamingDecoder<Ahead<R>, ruzstd::decoding::FrameDecoder>>,
}

/// What can be looked at before it is read.
#[cfg(feature = "archives")]
struct Ahead<R> {
    bytes: Vec<u8>,
    raw: R,
}

#[cfg(feature = "archives")]
impl<R: Read> Ahead<R> {
    /// As many bytes as this, or all that there are.
    fn peek(&mut self, most: usize) -> Result<&[u8]> {
        let missing = most.saturating_sub(self.bytes.len()) as u64;
        (&mut self.raw).take(missing).read_to_end(&mut self.bytes)?;
        Ok(&self.bytes)
    }
}

#[cfg(feature = "archives")]
impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.bytes.is_empty() {
            return self.raw.read(buffer);
        }
        let length = self.bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.bytes[..length]);
        self.bytes.drain(..length);
        Ok(length)
    }
}

#[cfg(feature = "archives")]
impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(buffer).map_err(|fault| zstd(&fault))?;
                if read > 0 {
                    return Ok(read);
                }
                let (told, made) = (frame.decoder.get_checksum_from_data(), frame.decoder.get_calculated_checksum());
                if told.is_some_and(|told| made != Some(told)) {
                    return Err(io::Error::other("a frame's checksum is another"));
                }
                self.raw = self.frame.take().map(ruzstd::decoding::StreamingDecoder::into_inner);
            }
            let Some(mut raw) = self.raw.take() else { return Ok(0) };
            let head = raw.peek(8)?;
            if head.is_empty() {
                return Ok(0);
            }
            if let Some(length) = skippable(head) {
                let length = length as u64;
                if io::copy(&mut (&mut raw).take(length), &mut io::sink())? < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.raw = Some(raw);
                continue;
            }
            let frame = ruzstd::decoding::StreamingDecoder::new(raw).map_err(|fault| zstd(&fault))?;
            self.frame = Some(frame);
        }
    }
}

#[cfg(feature = "archives")]
fn zstd(fault: &(dyn std::error::Error + 'static)) -> io::Error {
    match is_cut(fault) {
        true => io::ErrorKind::UnexpectedEof.into(),
        false => io::Error::other(zstd_fault(fault)),
    }
}

fn read_some(from: &mut dyn Read, buffer: &mut [u8]) -> Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match from.read(&mut buffer[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

fn over(name: &str, first: &[u8], is_over: bool, limit: u64) -> Option<String> {
    let told = match Unpacker::is_packed(name, first) {
        true => Stop::TooLarge(limit).to_string(),
        false => format!("it is larger than {limit} bytes"),
    };
    is_over.then_some(told)
}

fn ended(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the file is cut short".to_owned(),
        _ => format!("it cannot be read to its end: {error}"),
    }
}

fn left_out(windows: &Windows, is_utf16: bool) -> Option<String> {
    let (limit, bytes, first) = (LARGEST >> 20, windows.left_out, place(windows.first_too_large, is_utf16));
    let which = match windows.too_large {
        0 => return None,
        1 => format!("the record at {first} is left out, being larger than {limit} MiB"),
        many => format!("{many} records are left out, the first at {first}, being larger than {limit} MiB"),
    };
    Some(format!(
        "{which}: {bytes} bytes are passed over. CloudTrail's largest has 256 KB, CloudTrail Lake's 1 MB; if a bracket or a \
         quotation mark is missing there, mend it, or get the file anew; if it is a list of them in another list, take it out"
    ))
}

/// A part's name: of one that is not the first, with its place.
fn label(name: &str, at: u64, is_utf16: bool) -> String {
    if at == 0 { name.to_owned() } else { format!("{name}:{}", place(at, is_utf16)) }
}

fn place(at: u64, is_utf16: bool) -> String {
    format!("byte {at}{}", if is_utf16 { " of its UTF-8" } else { "" })
}

#[cfg(test)]
mod tests;
