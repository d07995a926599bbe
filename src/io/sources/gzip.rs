//! Gzip → plain bytes: all members, checksums tested, never more than a limit.

use super::libdeflate::Inflater;
use flate2::bufread::GzDecoder;
use std::io::Read;

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why inflating ended early; what came before is in the buffer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    /// The file ends inside a member, as after a broken transfer.
    #[error("the gzip file is cut short")]
    Cut,
    /// Checksum or structure do not fit: the member is not used.
    #[error("the gzip file is damaged: {0}")]
    Damaged(String),
    /// More than the limit came out.
    #[error("it inflates to more than {0} bytes")]
    TooLarge(u64),
    /// Something that is no gzip member follows.
    #[error("bytes that are no gzip follow the compressed data")]
    Trailing,
}

/// Whether bytes begin as gzip does; a file's name does not tell.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Inflates every member behind one another into `out`; `inflater` takes those that it can.
///
/// # Errors
/// [`Stop`]; `out` then holds what can be used. At [`Stop::Damaged`] that is the members before the damaged one.
pub(super) fn inflate(
    mut bytes: &[u8],
    limit: u64,
    mut inflater: Option<&mut Inflater>,
    out: &mut Vec<u8>,
) -> Result<(), Stop> {
    while is_gzip(bytes) {
        let room = usize::try_from(limit.saturating_sub(out.len() as u64)).unwrap_or(usize::MAX);
        bytes = match inflater.as_mut().and_then(|inflater| inflater.member(bytes, room, out)) {
            Some(taken) => &bytes[taken..],
            None => inflate_member(bytes, limit, out)?,
        };
        // Padding with zeros is usual on tapes and in block stores, also before a further member.
        bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    }
    if bytes.is_empty() { Ok(()) } else { Err(Stop::Trailing) }
}

/// Inflates one member and returns what follows it.
fn inflate_member<'a>(bytes: &'a [u8], limit: u64, out: &mut Vec<u8>) -> Result<&'a [u8], Stop> {
    let start = out.len();
    let mut member = GzDecoder::new(bytes);
    let room = limit.saturating_sub(start as u64);
    match (&mut member).take(room.saturating_add(1)).read_to_end(out) {
        Ok(_) if (out.len() - start) as u64 > room => {
            out.truncate(start + usize::try_from(room).unwrap_or(usize::MAX - start));
            Err(Stop::TooLarge(limit))
        }
        Ok(_) => Ok(member.into_inner()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(Stop::Cut),
        Err(error) => {
            out.truncate(start);
            Err(Stop::Damaged(error.to_string()))
        }
    }
}
