//! What is sought of very many findings, in little memory: numbers for things that are only compared, and texts in a row.

use foldhash::fast::FixedState;
use sha2::{Digest, Sha256};
use std::hash::{BuildHasher, Hash};

/// Stands for texts that are only compared: half a SHA-256 of them, so that nobody finds two that share one.
pub(super) type Key = [u8; 16];

/// The key of texts, each with its length so that no two lists run together.
pub(super) fn key(parts: &[&str]) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut key = Key::default();
    key.iter_mut().zip(hash.finalize()).for_each(|(place, byte)| *place = byte);
    key
}

/// Numbers things in the order in which they come, each once: with a table of six bytes a thing where a map takes thirty.
#[derive(Debug)]
pub(in crate::app) struct Numbers<K> {
    all: Vec<K>,
    /// Numbers by hash, at the first free place behind where the hash points; [`NONE`] where it is free.
    places: Vec<u32>,
}

/// No number.
pub(in crate::app) const NONE: u32 = u32::MAX;

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Self { all: Vec::new(), places: Vec::new() }
    }
}

impl<K: Copy + Eq + Hash> Numbers<K> {
    /// Bytes that it takes, about.
    pub(in crate::app) fn bytes(&self) -> usize {
        self.all.len() * size_of::<K>() + self.places.len() * size_of::<u32>()
    }

    /// The number of a thing, which is taken in if it is new.
    pub(in crate::app) fn add(&mut self, thing: K) -> u32 {
        if let Some(number) = self.get(&thing) {
            return number;
        }
        let number = count(self.all.len());
        self.all.push(thing);
        match self.all.len() * 4 > self.places.len() * 3 {
            true => self.widen(),
            false => self.place(number),
        }
        number
    }

    /// The number of a thing; `None` where it was not taken in.
    pub(in crate::app) fn get(&self, thing: &K) -> Option<u32> {
        let mut at = self.start(thing)?;
        loop {
            match self.places[at] {
                NONE => return None,
                number if self.all[number as usize] == *thing => return Some(number),
                _ => at = (at + 1) % self.places.len(),
            }
        }
    }

    /// They, by number.
    pub(in crate::app) fn iter(&self) -> impl Iterator<Item = &K> {
        self.all.iter()
    }

    fn start(&self, thing: &K) -> Option<usize> {
        let hash = FixedState::default().hash_one(thing);
        usize::try_from(hash.checked_rem(self.places.len() as u64)?).ok()
    }

    fn place(&mut self, number: u32) {
        let Some(mut at) = self.start(&self.all[number as usize]) else { return };
        while self.places[at] != NONE {
            at = (at + 1) % self.places.len();
        }
        self.places[at] = number;
    }

    fn widen(&mut self) {
        let length = (self.places.len() * 2).max(16);
        // Gone before there is another.
        self.places = Vec::new();
        self.places = vec![NONE; length];
        (0..count(self.all.len())).for_each(|number| self.place(number));
    }
}

/// Lists of texts, each list once.
#[derive(Debug, Default)]
pub(super) struct Lists {
    numbers: Numbers<Key>,
    /// Where each ends.
    ends: Vec<usize>,
    /// Their texts, each behind its length.
    all: Vec<u8>,
}

impl Lists {
    /// The number of a list, which is taken in if it is new.
    pub(super) fn add<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) -> u32 {
        let texts: Vec<&str> = texts.into_iter().collect();
        let key = key(&texts);
        if let Some(number) = self.numbers.get(&key) {
            return number;
        }
        for text in texts {
            self.all.extend_from_slice(&count(text.len()).to_le_bytes());
            self.all.extend_from_slice(text.as_bytes());
        }
        self.ends.push(self.all.len());
        self.numbers.add(key)
    }

    /// The texts of a list.
    pub(super) fn get(&self, number: u32) -> impl Iterator<Item = &[u8]> {
        let end = |number: usize| self.ends.get(number).copied().unwrap_or(0);
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, end);
        let mut rest = self.all.get(start..end(number)).unwrap_or_default();
        std::iter::from_fn(move || {
            let (length, more) = rest.split_first_chunk::<LENGTH>()?;
            let (text, more) = more.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = more;
            Some(text)
        })
    }

    /// Bytes that they take, about.
    pub(super) fn bytes(&self) -> usize {
        self.numbers.bytes() + self.ends.len() * size_of::<usize>() + self.all.len()
    }
}

/// Bytes of a text's length.
const LENGTH: usize = size_of::<u32>();

/// A count as a number.
pub(super) fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_numbered_once() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.get(&7), None);
        for _ in 0..2 {
            for number in 0..1_000_u32 {
                assert_eq!(numbers.add(u64::from(number) << 32), number);
            }
        }
        assert_eq!((numbers.all.len(), numbers.get(&(7 << 32)), numbers.get(&7)), (1_000, Some(7), None));
        assert!(numbers.bytes() <= 1_000 * (8 + 12));
    }

    #[test]
    fn lists_come_back_as_they_went_in() {
        let mut lists = Lists::default();
        let all: [&[&str]; 6] = [&[], &["a"], &["a", "bc"], &["ab", "c"], &["", ""], &["\0"]];
        let numbers: Vec<u32> = all.iter().map(|texts| lists.add(texts.iter().copied())).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
        for (number, texts) in numbers.into_iter().zip(all) {
            assert_eq!(lists.add(texts.iter().copied()), number);
            assert_eq!(
                lists.get(number).collect::<Vec<_>>(),
                texts.iter().map(|text| text.as_bytes()).collect::<Vec<_>>()
            );
        }
        assert_eq!(lists.get(NONE).count(), 0);
    }

    #[test]
    fn texts_that_run_together_have_keys_of_their_own() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_ne!(key(&["a", ""]), key(&["a"]));
    }
}
