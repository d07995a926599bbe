//! What stands before a block's symbols: of which kind it is, and by which codes it is written (RFC 1951, 3.2.3 to 3.2.7).

use super::codes::{Codes, DISTANCES, LENGTH_BITS, LITERALS, length_codes};
use super::lane::Lane;

/// In which order the lengths of the codes of lengths stand.
pub(super) const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// From how many packed bytes on it is worth it to take literals by twos.
const LONG: usize = 8 << 10;

/// Reads it; tells whether the block is the last one. `None` where it cannot be read, or is not compressed,
/// as where an encoder was told to flush what it had.
pub(super) fn head(lane: &mut Lane<'_>, codes: &mut Codes) -> Option<bool> {
    lane.refill()?;
    let (is_last, kind) = (lane.take(1) == 1, lane.take(2));
    let is_long = lane.rest() >= LONG;
    match kind {
        1 => codes.set(&FIXED, &[5; DISTANCES], is_long)?,
        2 => own(lane, codes, is_long)?,
        _ => return None,
    }
    Some(is_last)
}

/// The codes of blocks that bring none.
pub(super) const FIXED: [u8; LITERALS] = {
    let mut lengths = [8; LITERALS];
    let mut symbol = 144;
    while symbol < 280 {
        lengths[symbol] = if symbol < 256 { 9 } else { 7 };
        symbol += 1;
    }
    lengths
};

fn own(lane: &mut Lane<'_>, codes: &mut Codes, is_long: bool) -> Option<()> {
    let (literals, distances, lengths) =
        (lane.take(5) as usize + 257, lane.take(5) as usize + 1, lane.take(4) as usize + 4);
    // Not all programs take more.
    if literals > 286 || distances > 30 {
        return None;
    }
    let mut own = [0; ORDER.len()];
    for (at, place) in ORDER[..lengths].iter().enumerate() {
        if at % 14 == 0 {
            lane.refill()?;
        }
        own[*place] = lane.take(3) as u8;
    }
    let own = length_codes(&own)?;
    let mut all = [0; LITERALS + DISTANCES + LONGEST_ROW];
    let (mut at, end) = (0, literals + distances);
    while at < end {
        // Enough for four symbols, and what they repeat.
        lane.refill()?;
        for _ in 0..4 {
            let entry = own[(lane.bits & ((1 << LENGTH_BITS) - 1)) as usize];
            if entry.is_special() {
                return None;
            }
            lane.take(entry.taken() & 63);
            let symbol = entry.symbol();
            let (length, times) = match symbol {
                16 => (*all.get(at.checked_sub(1)?)?, 3 + lane.take(2)),
                17 => (0, 3 + lane.take(3)),
                18 => (0, 11 + lane.take(7)),
                _ => (symbol as u8, 1),
            };
            if times == 1 {
                *all.get_mut(at)? = length;
            } else {
                all.get_mut(at..at + times as usize)?.fill(length);
            }
            at += times as usize;
            if at >= end {
                break;
            }
        }
    }
    if at != end || all[256] == 0 {
        return None;
    }
    codes.set(&all[..literals], &all[literals..end], is_long)
}

const LONGEST_ROW: usize = 138;
