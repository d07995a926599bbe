//! Names of operations, asked for with every record of an archive.

use foldhash::fast::FixedState;
use std::collections::BTreeMap;
use std::hash::BuildHasher;

/// Words of the table that most other names are told by.
const WORDS: usize = 64;

/// Numbered names.
#[derive(Debug)]
pub(super) struct Names {
    /// A bit for each name's hash: one that is not set is no name here.
    bits: [u64; WORDS],
    numbers: BTreeMap<Box<[u8]>, u32>,
}

impl Default for Names {
    fn default() -> Self {
        Self { bits: [0; WORDS], numbers: BTreeMap::new() }
    }
}

impl Names {
    /// The number of a name, which is taken in if it is new.
    pub(super) fn add(&mut self, name: &str) -> u32 {
        let (word, bit) = place(name.as_bytes());
        self.bits[word] |= bit;
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(name.as_bytes().into()).or_insert(next)
    }

    /// The number of a name; `None` where it was not taken in.
    pub(super) fn get(&self, name: &[u8]) -> Option<u32> {
        let (word, bit) = place(name);
        if self.bits[word] & bit == 0 { None } else { self.numbers.get(name).copied() }
    }
}

fn place(name: &[u8]) -> (usize, u64) {
    let hash = FixedState::default().hash_one(name);
    (usize::try_from(hash >> 6).unwrap_or(0) % WORDS, 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_once() {
        let mut names = Names::default();
        let all: Vec<String> = (0..500).map(|number| format!("Operation{number}")).collect();
        for _ in 0..2 {
            for (number, name) in (0..).zip(&all) {
                assert_eq!(names.add(name), number);
            }
        }
        assert_eq!((names.get(b"Operation7"), names.get(b"Operation"), names.get(b"")), (Some(7), None, None));
    }
}
