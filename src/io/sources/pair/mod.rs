//! Gzip files, two at a time. What DEFLATE packed is unpacked step by step, each of which waits for the one before it, and a
//! processor has little to do meanwhile: the steps of two streams, in turns, fill each other's gaps.
//!
//! What is not plainly right is not unpacked here, and nothing tells why: libdeflate and the stream behind it do.

mod codes;
mod head;
mod lane;
mod run;

use super::libdeflate::checksum;
use codes::Codes;
use head::head;
use lane::Lane;
use run::{End, WRITTEN};

/// Bytes that must stand behind a file, whatever they are, so that many steps can be taken at its end at once.
pub(super) const BEHIND: usize = 512;
/// Bytes for which there must be room behind what a file unpacks to, for the same reason.
const ROOM: usize = 64 * WRITTEN;

/// So many bytes have one block, and a few blocks are free. An encoder's blocks are longer: what has more of them has to pay for its tables
/// elsewhere.
const BLOCK: usize = 512;
const FEW: usize = 8;

/// Bytes that a file may unpack to, and how many for each of its own: the most that DEFLATE gives,
/// <https://zlib.net/zlib_tech.html>.
pub(super) const MOST: usize = 4 << 20;
const BEST_RATIO: usize = 1032;

/// Unpacks files; made once, since its tables are large.
pub(super) struct Pair(Box<[Codes; 2]>);

/// A file to be unpacked.
#[derive(Debug)]
pub(super) struct Member<'a> {
    /// With [`BEHIND`] bytes behind it.
    pub(super) raw: &'a [u8],
    /// What it unpacks to goes to the beginning of it. There is [`Pair::room`].
    pub(super) plain: &'a mut [u8],
    /// How many bytes that are. `None` where it is no gzip file of one member that holds what its checksum tells, or else
    /// unusual; it is not known then what stands in `plain`.
    pub(super) made: &'a mut Option<usize>,
}

impl Pair {
    /// `None` where it is not known to be faster than libdeflate.
    pub(super) fn new() -> Option<Self> {
        run::is_fast().then(Self::anywhere)
    }

    pub(super) fn anywhere() -> Self {
        Self(Box::new([Codes::NONE; 2]))
    }

    /// Bytes that it takes to unpack a file, behind which [`BEHIND`] bytes stand; `None` where that is not done here.
    pub(super) fn room(raw: &[u8]) -> Option<usize> {
        Frame::of(raw).map(|frame| frame.size + ROOM)
    }

    /// Unpacks all of them that it can.
    pub(super) fn unpack<'a>(&mut self, members: impl IntoIterator<Item = Member<'a>>) {
        let mut waiting: Vec<Work<'a>> = members.into_iter().filter_map(Work::new).collect();
        // The largest ones first, so that little is left for one stream by itself.
        waiting.sort_by_key(|work| work.frame.size);
        let mut next = |codes: &mut Codes| loop {
            let mut work = waiting.pop()?;
            if work.block(codes) {
                return Some(work);
            }
        };
        let codes = &mut *self.0;
        let mut works = codes.each_mut().map(&mut next);
        while let [Some(first), Some(second)] = &mut works {
            let ends = run::both(codes, [&mut first.lane, &mut second.lane]);
            for ((work, codes), end) in works.iter_mut().zip(&mut *codes).zip(ends) {
                if work.as_mut().is_some_and(|work| !work.goes_on(end, codes)) {
                    *work = next(codes);
                }
            }
        }
        for (work, codes) in works.iter_mut().zip(codes) {
            while let Some(left) = work {
                let end = run::one(codes, &mut left.lane);
                if !left.goes_on(end, codes) {
                    *work = None;
                }
            }
        }
    }
}

/// A file that is being unpacked.
struct Work<'a> {
    frame: Frame<'a>,
    lane: Lane<'a>,
    made: &'a mut Option<usize>,
    /// The block is the last one.
    is_last: bool,
    /// Blocks that there may still be.
    blocks: usize,
}

impl<'a> Work<'a> {
    fn new(member: Member<'a>) -> Option<Self> {
        let Member { raw, plain, made } = member;
        *made = None;
        let frame = Frame::of(raw)?;
        let lane = Lane::new(frame.packed, plain.get_mut(..frame.size + ROOM)?);
        let blocks = FEW + frame.packed.len() / BLOCK;
        Some(Self { frame, lane, made, is_last: false, blocks })
    }

    /// Begins with a block; false where that cannot be.
    fn block(&mut self, codes: &mut Codes) -> bool {
        let Some(left) = self.blocks.checked_sub(1) else { return false };
        self.blocks = left;
        head(&mut self.lane, codes).map(|is_last| self.is_last = is_last).is_some()
    }

    /// What to do behind some steps; false where the file is done with.
    fn goes_on(&mut self, end: End, codes: &mut Codes) -> bool {
        match end {
            End::Open => true,
            End::Block if !self.is_last => self.block(codes),
            End::Block => {
                let made = self.lane.made();
                let is_whole = self.lane.rest() == TAIL + BEHIND && made.len() == self.frame.size;
                *self.made = (is_whole && checksum(made) == self.frame.sum).then_some(made.len());
                false
            }
            End::Damage => false,
        }
    }
}

/// Bytes of a file behind what is packed.
const TAIL: usize = 8;

/// What stands around what is packed, see RFC 1952.
struct Frame<'a> {
    /// From its first byte to the last one behind the file.
    packed: &'a [u8],
    sum: u32,
    size: usize,
}

impl<'a> Frame<'a> {
    /// `None` where it is none, or has what is seldom in one.
    fn of(raw: &'a [u8]) -> Option<Self> {
        const HAS_NAME: u8 = 8;
        let own = &raw[..raw.len().checked_sub(BEHIND)?];
        let [0x1f, 0x8b, 8, flags @ (0 | HAS_NAME), _, _, _, _, _, _, rest @ ..] = own else { return None };
        let named = if *flags == HAS_NAME { rest.iter().position(|byte| *byte == 0)? + 1 } else { 0 };
        let [.., s0, s1, s2, s3, z0, z1, z2, z3] = rest.get(named..)? else { return None };
        let (sum, size) = (u32::from_le_bytes([*s0, *s1, *s2, *s3]), u32::from_le_bytes([*z0, *z1, *z2, *z3]));
        let size = usize::try_from(size).ok().filter(|size| *size <= MOST.min(rest.len() * BEST_RATIO))?;
        Some(Self { packed: &raw[10 + named..], sum, size })
    }
}

#[cfg(test)]
mod tests;
