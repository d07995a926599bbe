//! UTF-16, as Windows' shell writes what is sent into a file → UTF-8. Half a pair is U+FFFD, half a unit at the end is nothing.

/// Decodes a text that comes in parts.
pub(crate) struct Decoder {
    unit: fn([u8; 2]) -> u16,
    /// Of a unit that is not whole yet.
    odd: Option<u8>,
    /// Of a pair that is not whole yet.
    high: Option<u16>,
    /// Units of one step.
    units: Vec<u16>,
}

/// Bytes of a step: a text may be long, and no second copy of it is to stand beside it.
const STEP: usize = 256 << 10;

impl Decoder {
    /// Bytes of a byte order mark.
    pub(crate) const MARK: usize = 2;

    /// For what begins with a byte order mark, which is not part of the text; `None` for all else.
    pub(crate) fn of(first: &[u8]) -> Option<Self> {
        let unit = match first {
            [0xff, 0xfe, ..] => u16::from_le_bytes,
            [0xfe, 0xff, ..] => u16::from_be_bytes,
            _ => return None,
        };
        Some(Self { unit, odd: None, high: None, units: Vec::new() })
    }

    /// Adds to the text what these bytes say.
    pub(crate) fn take(&mut self, bytes: &[u8], text: &mut String) {
        bytes.chunks(STEP).for_each(|step| self.step(step, text));
    }

    fn step(&mut self, mut bytes: &[u8], text: &mut String) {
        let units = &mut self.units;
        units.clear();
        units.extend(self.high.take());
        if let (Some(odd), Some((first, rest))) = (self.odd, bytes.split_first()) {
            units.push((self.unit)([odd, *first]));
            (self.odd, bytes) = (None, rest);
        }
        let (pairs, odd) = bytes.as_chunks::<2>();
        units.extend(pairs.iter().map(|pair| (self.unit)(*pair)));
        self.odd = odd.first().copied().or(self.odd);
        self.high = units.pop_if(|last| (0xd800..0xdc00).contains(last));
        text.extend(decoded(units.iter().copied()));
    }

    /// What is left at the text's end.
    pub(crate) fn end(&mut self, text: &mut String) {
        text.extend(decoded(self.high.take().into_iter()));
    }
}

/// The whole of a text in UTF-16; `None` for any other.
pub(crate) fn decode(bytes: &[u8]) -> Option<String> {
    // Enough for ASCII, as nearly all of an event is.
    let (mut decoder, mut text) = (Decoder::of(bytes)?, String::with_capacity(bytes.len() / 2));
    decoder.take(&bytes[Decoder::MARK..], &mut text);
    decoder.end(&mut text);
    Some(text)
}

fn decoded(units: impl Iterator<Item = u16>) -> impl Iterator<Item = char> {
    char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_with_a_mark() {
        assert_eq!(decode(b"{\0}\0"), None);
        assert_eq!(decode(b"\xff"), None);
        assert_eq!(decode(b"\xff\xfe{\0}").as_deref(), Some("{"));
        assert_eq!(decode(b"\xfe\xff\0{\xd8\0").as_deref(), Some("{\u{fffd}"));
    }

    #[test]
    fn no_second_copy_of_a_long_text_stands_beside_it() {
        // Pairs, and an odd byte before, so that a step's end cuts both.
        let units: Vec<u16> = "a\u{10400}".encode_utf16().cycle().take(3_000_001).collect();
        let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let (mut decoder, mut text) = (Decoder::of(b"\xff\xfe").unwrap(), String::new());
        decoder.take(&bytes[..1], &mut text);
        decoder.take(&bytes[1..], &mut text);
        decoder.end(&mut text);
        assert_eq!(text, String::from_utf16_lossy(&units));
        assert!(decoder.units.capacity() <= STEP, "{}", decoder.units.capacity());
    }

    proptest! {
        #[test]
        fn parts_say_what_the_whole_says(units in prop::collection::vec(prop_oneof![0xd7fe_u16..0xe002, 0_u16..200], 0..40), cuts in prop::collection::vec(0_usize..9, 0..40), odd: bool, little: bool) {
            let bytes = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
            let mut all: Vec<u8> = std::iter::once(0xfeff).chain(units.iter().copied()).flat_map(bytes).collect();
            all.extend(odd.then_some(0xd8));
            let (mut decoder, mut rest, mut text) = (Decoder::of(&all).unwrap(), &all[2..], String::new());
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                decoder.take(now, &mut text);
                rest = later;
            }
            decoder.take(rest, &mut text);
            decoder.end(&mut text);
            prop_assert_eq!(&text, &String::from_utf16_lossy(&units));
            prop_assert_eq!(decode(&all), Some(text));
        }
    }
}
