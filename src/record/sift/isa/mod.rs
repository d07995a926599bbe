//! Blocks of sixty-four bytes → which of their bytes are what, one bit a byte, on the widest instructions that the machine has.
//!
//! This folder is the one place of the crate's core with `unsafe`: loads of whole blocks, and calls of functions that need
//! instructions whose presence was tested.
#![allow(unsafe_code, reason = "vector loads and the call behind a tested CPU feature have no safe form")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
mod portable;

use std::sync::OnceLock;

/// Bytes that one mask tells of.
pub(in crate::record) const BLOCK: usize = 64;
/// Blocks that are looked at together.
pub(in crate::record) const GROUP: usize = 8;
/// Bytes before them that are looked at, too: as many as a [`Shape`] may reach.
pub(in crate::record) const BEFORE: usize = 8;
/// Bytes behind them that are looked at, too.
pub(in crate::record) const AHEAD: usize = 1;

/// A group's bytes.
pub(in crate::record) type Window = [u8; BEFORE + GROUP * BLOCK + AHEAD];

/// The block that begins so many bytes behind a group's first.
#[inline(always)]
fn block(bytes: &Window, at: usize) -> &[u8; BLOCK] {
    bytes[BEFORE + at..].first_chunk().unwrap_or(&[0; BLOCK])
}

/// What stands where in a group's blocks; bit 0 of a mask is a block's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(64))]
pub(in crate::record) struct Marks {
    /// Quotation marks; only those that begin or end a string, once settled.
    pub(in crate::record) quote: [u64; GROUP],
    /// `{` or `[`; outside strings, once settled.
    pub(in crate::record) open: [u64; GROUP],
    /// `}` or `]`; outside strings, once settled.
    pub(in crate::record) close: [u64; GROUP],
    /// The letters of the key's [`Shape`], where they are needed.
    pub(in crate::record) letter: [u64; GROUP],
    /// Told where `escapes` is.
    pub(in crate::record) backslash: [u64; GROUP],
    /// Brackets that are open where a block begins, less those that close in it; once settled. Before, AVX2 keeps here what
    /// stands in strings.
    pub(in crate::record) low: [i64; GROUP],
    /// Where something of the key's [`Shape`] stands: [`Shape::reach`] bytes behind its quotation mark. Filled in only where
    /// settling tells that something was found.
    pub(in crate::record) found: [u64; GROUP],
    /// There are backslashes.
    pub(in crate::record) escapes: bool,
    /// Something was found; AVX-512 has no need of it.
    is_found: bool,
    /// What `ends` of [`Work::run`] gives, where that is told while it is settled.
    ends: u8,
    /// Of AVX2, between its steps: a bit for each block, set where an odd number of quotation marks count in it.
    odd: u8,
}

impl Marks {
    /// Of nothing yet.
    pub(in crate::record) const NONE: Self = Self {
        quote: [0; GROUP],
        open: [0; GROUP],
        close: [0; GROUP],
        letter: [0; GROUP],
        backslash: [0; GROUP],
        low: [0; GROUP],
        found: [0; GROUP],
        escapes: false,
        is_found: false,
        ends: 0,
        odd: 0,
    };

    /// A block's backslashes.
    #[inline(always)]
    fn backslashes(&self, block: usize) -> u64 {
        if self.escapes { self.backslash[block] } else { 0 }
    }

    /// Brackets that are open where a block begins, once settled.
    #[inline(always)]
    pub(in crate::record) fn level(&self, block: usize) -> i64 {
        self.low[block] + i64::from(self.close[block].count_ones())
    }
}

/// What blocks leave for the next ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(align(64))]
pub(in crate::record) struct Carry {
    /// The last quotation marks (whatever stands before them) and letters, for keys that begin there and go on behind.
    pub(in crate::record) quote: [u64; GROUP],
    pub(in crate::record) letter: [u64; GROUP],
    /// 1 where a backslash takes the next byte's meaning.
    pub(in crate::record) escape: u64,
    /// All ones where a string is open.
    pub(in crate::record) string: u64,
    /// Brackets that are open.
    pub(in crate::record) depth: i64,
}

/// What a key looks like from afar: some letters, in either case, at distances from the quotation mark before it.
#[derive(Debug, Clone, Copy)]
pub(in crate::record) struct Shape {
    /// In lower case.
    pub(in crate::record) letters: &'static [u8],
    /// Where one of them stands, whichever; one list for each way to spell the key.
    pub(in crate::record) at: &'static [&'static [u8]],
    /// Two letters so many bytes apart, the later one at the farthest place, stand in every way to spell the key, and seldom
    /// anywhere else.
    pub(in crate::record) seldom: Option<u8>,
}

impl Shape {
    /// Of no key at all.
    pub(in crate::record) const NONE: Self = Self { letters: b"", at: &[], seldom: None };

    /// Whether it says the truth, and reaches no farther back than is looked.
    const fn is_sound(self) -> bool {
        let (reach, mut way) = (self.reach(), 0);
        while way < self.at.len() {
            if let Some(apart) = self.seldom
                && !(self.has(way, reach) && self.has(way, reach - apart))
            {
                return false;
            }
            way += 1;
        }
        reach as usize <= BEFORE
    }

    const fn has(self, way: usize, place: u8) -> bool {
        let mut at = 0;
        while at < self.at[way].len() {
            if self.at[way][at] == place {
                return true;
            }
            at += 1;
        }
        false
    }

    /// The largest of the distances.
    pub(in crate::record) const fn reach(self) -> u8 {
        let (mut most, mut way) = (0, 0);
        while way < self.at.len() {
            let mut at = 0;
            while at < self.at[way].len() {
                most = if self.at[way][at] > most { self.at[way][at] } else { most };
                at += 1;
            }
            way += 1;
        }
        most
    }
}

/// A step of settling a group. What one step waits for, another step of another group makes good use of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::record) enum Step {
    /// Where strings begin and end, and where something of the key's [`Shape`] stands.
    Strings,
    /// Which brackets stand outside of them.
    Brackets,
    /// How many are open.
    Depth,
}

/// Takes all steps with one group; whether anything was found.
#[inline(always)]
pub(in crate::record) fn settle_at_once(
    settle: &impl Fn(Step, &mut Marks, &mut Carry) -> bool,
    marks: &mut Marks,
    carry: &mut Carry,
) -> bool {
    let is_found = settle(Step::Strings, marks, carry);
    settle(Step::Brackets, marks, carry);
    settle(Step::Depth, marks, carry);
    is_found
}

/// Work over blocks, compiled once for each instruction set.
pub(in crate::record) trait Work {
    type Out;
    const SHAPE: Shape;
    /// `look` fills in what stands where, of groups in any order, and tells whether a backslash stands before a `u`.
    ///
    /// `settle` fills in what is left, each step in the order of the groups, any number of groups later, so that one group's
    /// instructions fill the gaps of another's. Its first step tells whether anything was found, which may then be read in
    /// [`Marks::found`]. What is said to be so once settled is so after the last step; an instruction set may take all in the
    /// first.
    ///
    /// `ends` gives the blocks (bit 0 is the first) of a settled group whose [`Marks::low`] is no more than none: no element of a
    /// list ends anywhere else. `pick(from, which)` puts the bits of `from` that `which` names side by side, `nth(of, n)` is
    /// the place of a mask's nth bit, from 0 on.
    fn run(
        self,
        look: impl Fn(&Window, &mut Marks) -> bool,
        settle: impl Fn(Step, &mut Marks, &mut Carry) -> bool,
        ends: impl Fn(&Marks) -> u8,
        pick: impl Fn(u64, u64) -> u64,
        nth: impl Fn(u64, u32) -> u32,
    ) -> Self::Out;
}

/// An instruction set that this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As Ice Lake and Zen 4 have it.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Isa {
    /// All that this machine can run, the fastest first; the last one is portable.
    pub fn available() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if avx2::is_here() && avx512::is_here() {
                all.push(Self(Kind::Avx512));
            }
            if avx2::is_here() {
                all.push(Self(Kind::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            all.push(Self(Kind::Neon));
        }
        all.push(Self(Kind::Portable));
        all
    }

    /// The fastest that this machine can run.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().first().copied().unwrap_or(Self(Kind::Portable)))
    }

    pub(in crate::record) fn run<W: Work>(self, work: W) -> W::Out {
        const { assert!(W::SHAPE.is_sound()) };
        match self.0 {
            // SAFETY: such a value is only made where the features were found.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::run(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::run(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { neon::run(work) },
            Kind::Portable => portable::run(work),
        }
    }
}

#[cfg(test)]
mod tests;
