//! The lengths of a block's codes → tables that tell the next symbol by the next bits (RFC 1951, 3.2).

/// Bits that the first table of literals and lengths is looked into by. With one more, two tables leave no room in a
/// processor's first cache for what is unpacked; with fewer, more codes are looked for in a further one.
const LITERAL_BITS: u32 = 10;
pub(super) const DISTANCE_BITS: u32 = 8;
/// Of the codes by which the lengths of codes are written.
pub(super) const LENGTH_BITS: u32 = 7;

/// Bits of the longest code.
const LONGEST: usize = 15;
/// Symbols of the larger alphabet, two of which stand for nothing.
pub(super) const LITERALS: usize = 288;
pub(super) const DISTANCES: usize = 32;
/// The symbol that ends a block.
const END_SYMBOL: usize = 256;

/// What the next bits mean.
///
/// The lowest six bits: how many bits it takes, those apart that a further table has told already. Of one or two literals
/// there follow, from bit 8 on, they themselves, and from bit 24 on how many; of a length or a distance, from bit 8 on how
/// many bits its code has, behind which come those that are added, and from bit 16 on what they are added to; of a further
/// table, from bit 8 on how many bits it is looked into by, and from bit 16 on where it begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Entry(u32);

impl Entry {
    const LITERAL: u32 = 1 << 31;
    const ONE: u32 = 1 << 24;
    const TWO: u32 = 2 << 24;
    /// Neither a literal, nor a length, nor a distance.
    const SPECIAL: u32 = 1 << 15;
    const FURTHER: u32 = 1 << 14;
    const END: u32 = 1 << 13;
    /// No code begins so.
    const NOTHING: Self = Self(Self::SPECIAL);

    #[inline(always)]
    pub(super) fn is_literal(self) -> bool {
        self.0 & Self::LITERAL != 0
    }

    /// Of what is no literal: it is neither a length nor a distance.
    #[inline(always)]
    pub(super) fn is_special(self) -> bool {
        self.0 & Self::SPECIAL != 0
    }

    /// Of a special one: it ends the block.
    #[inline(always)]
    pub(super) fn is_end(self) -> bool {
        self.0 & Self::END != 0
    }

    /// The bits it takes, and something above the lowest six.
    #[inline(always)]
    pub(super) fn taken(self) -> u32 {
        self.0
    }

    /// Of literals: two bytes, and how many of them count.
    #[inline(always)]
    pub(super) fn literals(self) -> ([u8; 2], usize) {
        let [_, first, second, _] = self.0.to_le_bytes();
        ([first, second], (self.0 >> 24 & 3) as usize)
    }

    /// Of a length or a distance: what it is, by the bits that its code began with.
    #[inline(always)]
    pub(super) fn value(self, bits: u64) -> usize {
        let own = bits & ((1 << (self.0 & 63)) - 1);
        (self.0 >> 16) as usize + (own >> (self.0 >> 8 & 15)) as usize
    }

    /// Of a length of a code: itself, or a symbol that repeats one.
    pub(super) fn symbol(self) -> u32 {
        self.0 >> 16
    }

    /// The place in a further table.
    #[inline(always)]
    fn place(self, bits: u64) -> usize {
        (self.0 >> 16) as usize + (bits & ((1 << (self.0 >> 8 & 15)) - 1)) as usize
    }

    /// With a code of so many bits.
    fn with_code(self, bits: u32) -> Self {
        let told = if self.0 & (Self::LITERAL | Self::SPECIAL) == 0 { bits << 8 } else { 0 };
        Self(self.0 + bits + told)
    }
}

/// The tables of a block. There is room for the most that further tables take, which is 1,334 and 402 entries.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Codes {
    literals: [Entry; 2048],
    distances: [Entry; 512],
}

impl Codes {
    pub(super) const NONE: Self = Self { literals: [Entry::NOTHING; 2048], distances: [Entry::NOTHING; 512] };

    /// Takes a block's lengths: of literals and lengths, and of distances. `None` where they make no code.
    pub(super) fn set(&mut self, literals: &[u8], distances: &[u8], is_long: bool) -> Option<()> {
        fill(&mut self.distances, DISTANCE_BITS, distances, &DISTANCE)?;
        fill(&mut self.literals, LITERAL_BITS, literals, &LITERAL)?;
        if is_long {
            pair_up(&mut self.literals);
        }
        Some(())
    }

    #[inline(always)]
    pub(super) fn literal(&self, bits: u64) -> Entry {
        self.literals[(bits & ((1 << LITERAL_BITS) - 1)) as usize]
    }

    /// What a special entry tells of a further table, by the bits behind its own; `None` where it tells of none.
    #[inline(always)]
    pub(super) fn further_literal(&self, entry: Entry, bits: u64) -> Option<Entry> {
        (entry.0 & Entry::FURTHER != 0).then(|| self.literals[entry.place(bits) % 2048])
    }

    #[inline(always)]
    pub(super) fn distance(&self, bits: u64) -> Entry {
        self.distances[(bits & ((1 << DISTANCE_BITS) - 1)) as usize]
    }

    /// The same of distances, and `None` where no code begins so.
    #[inline(always)]
    pub(super) fn further_distance(&self, entry: Entry, bits: u64) -> Option<Entry> {
        let further = (entry.0 & Entry::FURTHER != 0).then(|| self.distances[entry.place(bits) % 512])?;
        (!further.is_special()).then_some(further)
    }
}

/// The table of the codes by which the lengths of codes are written.
pub(super) fn length_codes(lengths: &[u8; 19]) -> Option<[Entry; 1 << LENGTH_BITS]> {
    let mut table = [Entry::NOTHING; 1 << LENGTH_BITS];
    fill(&mut table, LENGTH_BITS, lengths, &LENGTH)?;
    Some(table)
}

/// Fills a table that is looked into by so many bits, and puts further tables behind it. `None` where the lengths make no
/// code, or one that leaves bits without a meaning; of one code alone that is allowed, and of none.
fn fill(table: &mut [Entry], bits: u32, lengths: &[u8], symbols: &[Entry]) -> Option<()> {
    let mut count = [0_u16; LONGEST + 1];
    for length in lengths.iter().filter(|length| **length > 0) {
        count[usize::from(*length) & LONGEST] += 1;
    }
    let (mut starts, mut used, mut free) = ([0_u16; LONGEST + 2], 0, 1_i32);
    for length in 1..=LONGEST {
        starts[length] = used;
        used += count[length];
        free = (free << 1) - i32::from(count[length]);
        if free < 0 {
            return None;
        }
    }
    if free > 0 {
        if used > 1 || used != count[1] {
            return None;
        }
        table[..1 << bits].fill(Entry::NOTHING);
    }
    let mut sorted = [0_u16; LITERALS];
    for (symbol, length) in lengths.iter().enumerate() {
        // Most have none, in rows.
        if *length > 0 {
            let start = &mut starts[usize::from(*length) & LONGEST];
            sorted[usize::from(*start) % LITERALS] = symbol as u16;
            *start += 1;
        }
    }
    let mut sorted = sorted[..usize::from(used)].iter().map(|symbol| symbols[usize::from(*symbol)]);
    // Codes count upwards from their first bit on, which stands lowest: so does this one, mirrored.
    let (mut code, mut end) = (0, 1);
    for length in 1..=bits {
        table.copy_within(..end, end);
        end *= 2;
        for symbol in sorted.by_ref().take(count[length as usize].into()) {
            table[code] = symbol.with_code(length);
            code = next(code, length);
        }
    }
    further(table, bits, &count, code, sorted)
}

/// Puts codes with more bits than the table is looked into by into further ones.
fn further(
    table: &mut [Entry],
    bits: u32,
    count: &[u16; LONGEST + 1],
    mut code: usize,
    mut sorted: impl Iterator<Item = Entry>,
) -> Option<()> {
    let (mut start, mut end, mut prefix) = (0, 1 << bits, usize::MAX);
    for length in bits + 1..=LONGEST as u32 {
        for left in (1..=i32::from(count[length as usize])).rev() {
            if code & ((1 << bits) - 1) != prefix {
                prefix = code & ((1 << bits) - 1);
                let own_bits = reach(length - bits, left, &count[length as usize..]);
                (start, end) = (end, end + (1 << own_bits));
                *table.get_mut(prefix)? =
                    Entry(Entry::SPECIAL | Entry::FURTHER | (start as u32) << 16 | own_bits << 8 | bits);
            }
            let entry = sorted.next()?.with_code(length - bits);
            let own = table.get_mut(start..end)?;
            for place in (code >> bits..own.len()).step_by(1 << (length - bits)) {
                own[place] = entry;
            }
            code = next(code, length);
        }
    }
    Some(())
}

/// Bits by which a further table is looked into that begins with codes of so many bits, of which so many are left; `count`
/// tells of these and longer ones.
fn reach(mut bits: u32, left: i32, count: &[u16]) -> u32 {
    let mut free = (1 << bits) - left;
    for more in &count[1..] {
        if free <= 0 {
            break;
        }
        bits += 1;
        free = (free << 1) - i32::from(*more);
    }
    bits
}

/// The code behind this one, its first bit lowest.
#[inline(always)]
fn next(code: usize, length: u32) -> usize {
    let free = !code & ((1 << length) - 1);
    let Some(highest) = free.checked_ilog2() else { return code };
    code & ((1 << highest) - 1) | 1 << highest
}

/// Lets an entry stand for two literals where the bits suffice for both.
fn pair_up(table: &mut [Entry; 2048]) {
    // Downwards, so that what stands behind a first one was not yet changed: it has fewer bits in front.
    for place in (0..1 << LITERAL_BITS).rev() {
        let first = table[place];
        let bits = first.0 & 63;
        let second = table[place >> bits];
        let both = bits + (second.0 & 63);
        if first.is_literal() && second.is_literal() && second.literals().1 == 1 && both <= LITERAL_BITS {
            let literals = u32::from(first.literals().0[0]) << 8 | u32::from(second.literals().0[0]) << 16;
            table[place] = Entry(Entry::LITERAL | Entry::TWO | literals | both);
        }
    }
}

/// What a length or distance is at least, and bits that are added: those of one more every so many symbols.
const fn steps<const N: usize>(first: u32, symbols_a_step: usize, from: usize) -> [Entry; N] {
    let mut all = [Entry::NOTHING; N];
    let (mut at, mut base) = (0, first);
    while at < N {
        let more = if at < from { 0 } else { ((at - from) / symbols_a_step) as u32 + 1 };
        all[at] = Entry(base << 16 | more);
        base += 1 << more;
        at += 1;
    }
    all
}

const LITERAL: [Entry; LITERALS] = {
    let lengths: [Entry; 28] = steps(3, 4, 8);
    let mut all = [Entry::NOTHING; LITERALS];
    let mut at = 0;
    while at < END_SYMBOL {
        all[at] = Entry(Entry::LITERAL | Entry::ONE | (at as u32) << 8);
        at += 1;
    }
    all[END_SYMBOL] = Entry(Entry::SPECIAL | Entry::END);
    while at < END_SYMBOL + lengths.len() {
        all[at + 1] = lengths[at - END_SYMBOL];
        at += 1;
    }
    // The longest has a symbol of its own.
    all[285] = Entry(258 << 16);
    all
};

const DISTANCE: [Entry; DISTANCES] = {
    let distances: [Entry; 30] = steps(1, 2, 4);
    let mut all = [Entry::NOTHING; DISTANCES];
    let mut at = 0;
    while at < distances.len() {
        all[at] = distances[at];
        at += 1;
    }
    all
};

const LENGTH: [Entry; 19] = {
    let mut all = [Entry::NOTHING; 19];
    let mut at = 0;
    while at < all.len() {
        all[at] = Entry((at as u32) << 16);
        at += 1;
    }
    all
};
