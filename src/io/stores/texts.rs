//! A set of texts in little memory: all in a row, and a table of where each stands. A tree takes five times as much.

use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::sync::LazyLock;

/// Another one in each process: names come from logs, and whoever writes those must not know which of them meet in the table.
/// Nothing that is told has its order from it.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// Texts, each once, in the order in which they came; or pieces of bytes.
pub struct Texts<T: ?Sized = str> {
    /// Each behind its length.
    all: Vec<u8>,
    /// Where each begins, plus one, at the first free place behind where its hash points; zero where it is free.
    places: Vec<u32>,
    count: usize,
    of: PhantomData<T>,
}

/// Bytes of a text's length.
const LENGTH: usize = size_of::<u32>();

/// What such a set is of.
pub trait Text: AsRef<[u8]> {
    /// What was put in, from its bytes.
    fn of(bytes: &[u8]) -> &Self;
}

impl Text for str {
    fn of(bytes: &[u8]) -> &Self {
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Text for [u8] {
    fn of(bytes: &[u8]) -> &Self {
        bytes
    }
}

impl<T: Text + ?Sized> Texts<T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a text; returns its number, by which it is got back.
    pub fn insert(&mut self, text: &T) -> u32 {
        if let Some(number) = self.number(text) {
            return number;
        }
        let (number, text) = (number_of(self.all.len()), text.as_ref());
        self.all.extend_from_slice(&number_of(text.len()).to_le_bytes());
        self.all.extend_from_slice(text);
        self.count += 1;
        match self.count * 4 > self.places.len() * 3 {
            true => self.widen(),
            false => self.place(number),
        }
        number
    }

    /// Whether it is one of them.
    pub fn contains(&self, text: &T) -> bool {
        self.number(text).is_some()
    }

    /// The number of a text; `None` where it is none of them.
    pub fn number(&self, text: &T) -> Option<u32> {
        let mut at = self.start(text.as_ref())?;
        loop {
            let number = self.places[at].checked_sub(1)?;
            if self.bytes(number as usize) == Some(text.as_ref()) {
                return Some(number);
            }
            at = (at + 1) % self.places.len();
        }
    }

    /// The text of a number.
    pub fn get(&self, number: u32) -> Option<&T> {
        self.bytes(number as usize).map(T::of)
    }

    /// They, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let bytes = self.bytes(at)?;
            at += LENGTH + bytes.len();
            Some(T::of(bytes))
        })
    }

    fn bytes(&self, at: usize) -> Option<&[u8]> {
        let (length, rest) = self.all.get(at..)?.split_first_chunk()?;
        rest.get(..u32::from_le_bytes(*length) as usize)
    }

    fn start(&self, text: &[u8]) -> Option<usize> {
        let hash = SEED.hash_one(text);
        usize::try_from(hash.checked_rem(self.places.len() as u64)?).ok()
    }

    fn place(&mut self, number: u32) {
        let Some(mut at) = self.bytes(number as usize).and_then(|text| self.start(text)) else { return };
        while self.places[at] != 0 {
            at = (at + 1) % self.places.len();
        }
        self.places[at] = number.saturating_add(1);
    }

    fn widen(&mut self) {
        let length = (self.places.len() * 2).max(8);
        // Gone before there is another.
        self.places = Vec::new();
        self.places = vec![0; length];
        let mut at = 0;
        while let Some(text) = self.bytes(at).map(<[u8]>::len) {
            self.place(number_of(at));
            at += LENGTH + text;
        }
    }
}

fn number_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl<T: ?Sized> Clone for Texts<T> {
    fn clone(&self) -> Self {
        Self { all: self.all.clone(), places: self.places.clone(), count: self.count, of: PhantomData }
    }
}

impl<T: ?Sized> Default for Texts<T> {
    fn default() -> Self {
        Self { all: Vec::new(), places: Vec::new(), count: 0, of: PhantomData }
    }
}

impl<S: AsRef<str>> FromIterator<S> for Texts {
    fn from_iter<I: IntoIterator<Item = S>>(all: I) -> Self {
        let mut texts = Self::default();
        for text in all {
            texts.insert(text.as_ref());
        }
        texts
    }
}

impl<T: Text + ?Sized> PartialEq for Texts<T> {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.iter().all(|text| other.contains(text))
    }
}

impl<T: Text + ?Sized> Eq for Texts<T> {}

impl std::fmt::Debug for Texts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_there_once() {
        let mut texts = Texts::default();
        assert!(texts.is_empty() && !texts.contains("") && texts.number("0").is_none());
        let all: Vec<String> = (0..1_000).map(|n: usize| n.to_string()).chain([String::new(), "é".into()]).collect();
        let numbers: Vec<u32> = all.iter().map(|text| texts.insert(text)).collect();
        for (text, number) in all.iter().zip(numbers) {
            assert_eq!((texts.insert(text), texts.get(number)), (number, Some(text.as_str())));
        }
        assert_eq!((texts.len(), texts.iter().collect::<Vec<_>>()), (1_002, all.iter().map(String::as_str).collect()));
        assert!(!texts.contains("1000") && texts.get(u32::MAX).is_none());
        assert_eq!(texts, all.iter().rev().collect());
        assert_ne!(texts, all[1..].iter().collect());
        // Their own bytes, four for a length, and eleven at most for a place.
        assert!(texts.places.len() * size_of::<u32>() + texts.all.len() <= 1_002 * (3 + LENGTH + 11));
    }
}
