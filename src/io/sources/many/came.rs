//! What came from elsewhere, read as if it were a file.

use super::{HEAVY, Joins, Make, Sort, bytes, in_parts};
use crate::io::sources::files::Limits;
use crate::io::sources::huge::Streamed;
use crate::io::sources::reader::Reader;
use crate::io::sources::spool::Spool;
use crate::record::Problem;
use std::ops::ControlFlow;

/// Bytes that came from elsewhere.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "s3"), allow(dead_code, reason = "only a bucket has them"))]
pub(crate) enum Came<'b> {
    Held(&'b [u8]),
    /// Too many to stand in memory.
    Spooled(&'b Spool),
}

impl Came<'_> {
    pub(crate) fn length(self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::Spooled(spool) => spool.length(),
        }
    }
}

/// Reads them: see [`bytes`].
pub(crate) fn came<T: Joins, M: Make<T>>(
    reader: &mut Reader,
    limits: Limits,
    (name, came, sort): (&str, Came<'_>, Sort),
    make: &mut M,
    ahead: &mut dyn FnMut(T) -> ControlFlow<()>,
) -> Result<(Streamed, Option<T>), Problem> {
    let spool = match came {
        Came::Held(held) => return bytes(reader, limits, (name, held, sort), make, ahead),
        Came::Spooled(spool) => spool,
    };
    reader.shed();
    let open = || Ok::<Box<dyn std::io::Read + '_>, std::io::Error>(Box::new(spool.from(0)?));
    let (streamed, mut made) =
        in_parts(name, (&open, &|_| {}), (limits, HEAVY), (&mut *make, sort), &mut |_, made| ahead(made))?;
    made.iter_mut().for_each(|made| make.finish(name, made));
    Ok((streamed, made))
}
