//! The keys that a pass is led by, and which of the elements that bear one must be read.

use super::isa::{Isa, Shape};
use super::list::Element;
use super::{spell, top};
use crate::record::LARGEST_RECORD;

/// The key that is looked for.
pub(super) trait Key {
    /// What it looks like from afar.
    const SHAPE: Shape;

    /// Whether it is spelt behind a quotation mark, and wanted.
    fn is_at(&self, bytes: &[u8], quote: usize) -> bool;

    /// Whether an ordinary element in which it is spelt, or may be, must be read after all.
    fn must_read(&mut self, _bytes: &[u8], _element: &Element) -> bool {
        true
    }
}

impl<K: Key> Key for &mut K {
    const SHAPE: Shape = K::SHAPE;

    fn is_at(&self, bytes: &[u8], quote: usize) -> bool {
        K::is_at(self, bytes, quote)
    }

    fn must_read(&mut self, bytes: &[u8], element: &Element) -> bool {
        K::must_read(self, bytes, element)
    }
}

/// `errorCode`, by the letters `r` of its first word.
pub(super) const CODE: Shape = Shape { letters: b"r", at: &[&[2, 3, 5]], seldom: Some(2) };

/// `errorCode` in whatever spelling.
pub(super) struct ErrorCode;

/// The same, of events for which this code, which stands in this event, may mean a refusal.
pub(super) struct Refusal<F> {
    pub(super) isa: Isa,
    pub(super) may_mean: F,
}

impl<F: FnMut(&[u8], &[u8]) -> bool> Key for Refusal<F> {
    const SHAPE: Shape = CODE;

    fn is_at(&self, bytes: &[u8], quote: usize) -> bool {
        spell::is_error_code(bytes, quote)
    }

    fn must_read(&mut self, bytes: &[u8], element: &Element) -> bool {
        let Element { start, end, has_escapes, spelt, .. } = *element;
        let raw = &bytes[start..end];
        if has_escapes || raw.len() > LARGEST_RECORD {
            return true;
        }
        match spelt.and_then(|quote| spell::only_code(raw, quote - start)) {
            Some(code) => (self.may_mean)(code, raw),
            None => top::bears_code(self.isa, raw) || spell::names_wrapping(raw),
        }
    }
}

impl Key for ErrorCode {
    const SHAPE: Shape = CODE;

    fn is_at(&self, bytes: &[u8], quote: usize) -> bool {
        spell::is_error_code(bytes, quote)
    }
}
