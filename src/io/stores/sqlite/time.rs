//! Times as they are packed.

/// 2024-01-01, in seconds since 1970: what is written for a time after it is short.
const EPOCH: i64 = 1_704_067_200;

/// Seconds since 1970 as a number that is small for the times that occur.
pub(super) fn to_number(second: i64) -> u64 {
    second.wrapping_sub(EPOCH).cast_unsigned()
}

/// The other way round.
pub(super) fn from_number(number: u64) -> i64 {
    number.cast_signed().wrapping_add(EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back() {
        for second in [0, EPOCH, 1_800_000_000, -62_135_596_800, 253_402_300_799, i64::MIN, i64::MAX] {
            assert_eq!(from_number(to_number(second)), second);
        }
        assert!(to_number(1_900_000_000) < 1 << 28, "four bytes");
    }
}
