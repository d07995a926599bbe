//! One stream between its blocks: its bits, and what was made of them.

/// A stream that is being unpacked.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    /// What was not read yet.
    pub(super) packed: &'a [u8],
    /// What was read and not taken, the next bit lowest. Above those that count there may be more, which are as they stand in
    /// `packed`.
    pub(super) bits: u64,
    /// How many of them count, up to 63.
    pub(super) count: u32,
    /// Where it goes.
    pub(super) plain: &'a mut [u8],
    /// How many bytes of `plain` are made.
    pub(super) made: usize,
}

impl<'a> Lane<'a> {
    pub(super) fn new(packed: &'a [u8], plain: &'a mut [u8]) -> Self {
        Self { packed, bits: 0, count: 0, plain, made: 0 }
    }

    pub(super) fn made(&self) -> &[u8] {
        &self.plain[..self.made]
    }

    /// How many bytes follow the last one of which a bit was taken.
    pub(super) fn rest(&self) -> usize {
        self.packed.len() + self.count as usize / 8
    }

    /// Lets at least 56 bits count; `None` where there is less than a word left.
    pub(super) fn refill(&mut self) -> Option<()> {
        let word = u64::from_le_bytes(*self.packed.first_chunk()?);
        self.bits |= word << (self.count & 63);
        self.packed = &self.packed[(63 - (self.count & 63) as usize) / 8..];
        self.count |= 56;
        Some(())
    }

    /// Takes the next bits, up to as many as count.
    pub(super) fn take(&mut self, bits: u32) -> u32 {
        let taken = self.bits & ((1 << bits) - 1);
        self.bits >>= bits;
        self.count = self.count.wrapping_sub(bits) & 63;
        taken as u32
    }
}
