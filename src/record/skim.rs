//! An event's top level at a glance: keys and raw values by the quotation marks and brackets alone, for what only asks where
//! an event is from or how it ended. Whatever is unusual is left to [`super::members`].

use super::sift::isa::{BLOCK, Carry, GROUP, Isa, Marks, Shape, Step, Window, Work, settle_at_once};
use super::sift::window;

/// The members of a JSON object, in their order; `each` gets a key as it is written and a value's raw text. `None` where a key
/// has an escape, or where this is no object of such members; what was handed out before then says nothing.
pub(super) fn members<'a>(raw: &'a str, each: impl FnMut(&'a str, &'a str)) -> Option<()> {
    members_with(Isa::best(), raw, each)
}

fn members_with<'a>(isa: Isa, raw: &'a str, each: impl FnMut(&'a str, &'a str)) -> Option<()> {
    isa.run(Members { raw, each })
}

/// The text of a raw value that is a string without escapes.
pub(super) fn text(raw: &str) -> Option<&str> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('\\')).then_some(inner)
}

fn behind(bytes: &[u8], at: usize, byte: u8) -> Option<usize> {
    (bytes.get(at) == Some(&byte)).then_some(at + 1)
}

fn space(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

struct Members<'a, F> {
    raw: &'a str,
    each: F,
}

impl<'a, F: FnMut(&'a str, &'a str)> Work for Members<'a, F> {
    type Out = Option<()>;
    const SHAPE: Shape = Shape::NONE;

    #[inline(always)]
    fn run(
        mut self,
        look: impl Fn(&Window, &mut Marks) -> bool,
        settle: impl Fn(Step, &mut Marks, &mut Carry) -> bool,
        _: impl Fn(&Marks) -> u8,
        _: impl Fn(u64, u64) -> u64,
        _: impl Fn(u64, u32) -> u32,
    ) -> Self::Out {
        let (raw, bytes) = (self.raw, self.raw.as_bytes());
        let mut outline = Outline::begin(bytes, |window, marks, carry| {
            look(window, marks);
            settle_at_once(&settle, marks, carry);
        });
        let mut at = space(bytes, behind(bytes, 0, b'{')?);
        if bytes.get(at) == Some(&b'}') {
            return Some(());
        }
        loop {
            let start = behind(bytes, at, b'"')?;
            let end = outline.quote(start)?;
            if outline.has_escapes && bytes[start..end].contains(&b'\\') {
                return None;
            }
            let from = space(bytes, behind(bytes, space(bytes, end + 1), b':')?);
            let to = outline.value(from)?;
            (self.each)(&raw[start..end], &raw[from..to]);
            at = space(bytes, to);
            match bytes.get(at)? {
                b',' => at = space(bytes, at + 1),
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }
}

/// The quotation marks of a text that begin or end a string, and the brackets outside of strings; looked for as far as they
/// are asked for, and never backwards.
struct Outline<'a, L> {
    bytes: &'a [u8],
    look: L,
    /// Where the blocks begin that `marks` tell of.
    from: usize,
    marks: Marks,
    carry: Carry,
    has_escapes: bool,
    end: Window,
}

impl<'a, L: Fn(&Window, &mut Marks, &mut Carry)> Outline<'a, L> {
    #[inline(always)]
    fn begin(bytes: &'a [u8], look: L) -> Self {
        let (marks, carry, end) = (Marks::NONE, Carry::default(), [b' '; size_of::<Window>()]);
        let mut outline = Self { bytes, look, from: 0, marks, carry, has_escapes: false, end };
        outline.fill();
        outline
    }

    #[inline(always)]
    fn fill(&mut self) {
        (self.look)(window(self.bytes, self.from, &mut self.end), &mut self.marks, &mut self.carry);
        self.has_escapes |= self.marks.escapes;
    }

    /// The next place, from this one on, at which a bit of the picked mask is set.
    #[inline(always)]
    fn next(&mut self, mut at: usize, pick: impl Fn(&Marks, usize) -> u64) -> Option<usize> {
        while at < self.bytes.len() {
            while at >= self.from + GROUP * BLOCK {
                self.from += GROUP * BLOCK;
                self.fill();
            }
            let block = (at - self.from) / BLOCK % GROUP;
            let bits = pick(&self.marks, block) & u64::MAX << (at % BLOCK);
            let begin = self.from + block * BLOCK;
            if bits != 0 {
                return Some(begin + bits.trailing_zeros() as usize);
            }
            at = begin + BLOCK;
        }
        None
    }

    #[inline(always)]
    fn quote(&mut self, at: usize) -> Option<usize> {
        self.next(at, |marks, block| marks.quote[block])
    }

    /// Where the value at `at` ends.
    #[inline(always)]
    fn value(&mut self, at: usize) -> Option<usize> {
        match self.bytes.get(at)? {
            b'"' => self.quote(at + 1).map(|end| end + 1),
            b'{' | b'[' => self.nested(at),
            _ => {
                let length = self.bytes[at..]
                    .iter()
                    .position(|byte| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'E'))?;
                (length > 0).then_some(at + length)
            }
        }
    }

    /// Where the bracket at `at` closes.
    #[inline(always)]
    fn nested(&mut self, mut at: usize) -> Option<usize> {
        let close = if self.bytes[at] == b'{' { b'}' } else { b']' };
        let mut depth = 0_usize;
        loop {
            at = self.next(at, |marks, block| marks.open[block] | marks.close[block])? + 1;
            match self.bytes[at - 1] {
                b'{' | b'[' => depth += 1,
                byte if depth == 1 => return (byte == close).then_some(at),
                _ => depth -= 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// What all instruction sets tell alike.
    fn told(raw: &str) -> Option<Vec<(String, String)>> {
        let told = |isa| {
            let mut all = Vec::new();
            members_with(isa, raw, |key, value| all.push((key.to_owned(), value.to_owned())))?;
            Some(all)
        };
        let mut each = Isa::available().into_iter().map(told);
        let first = each.next().unwrap();
        each.for_each(|other| assert_eq!(other, first, "{raw}"));
        first
    }

    #[test]
    fn members_by_marks_and_brackets() {
        let all = told(r#" {"a": 1, "b" :{"x":["}",{"y":"\""}]},"c":"\\","d":[[]],"e":null} "#.trim()).unwrap();
        let all: Vec<(&str, &str)> = all.iter().map(|(key, value)| (&**key, &**value)).collect();
        let expect = [("a", "1"), ("b", r#"{"x":["}",{"y":"\""}]}"#), ("c", r#""\\""#), ("d", "[[]]"), ("e", "null")];
        assert_eq!(all, expect);
        assert_eq!(told("{}"), Some(vec![]));
        for raw in [
            "",
            "[]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"\\u0061\":1}",
            "{\"a\":{]}",
            "{\"a\":\"\\",
        ] {
            assert_eq!(told(raw), None, "{raw}");
        }
    }

    #[test]
    fn any_place_in_a_block() {
        for pad in 0..1_100 {
            let text = "x".repeat(pad);
            let raw = format!(r#"{{"a":"{text}\"","b":{{"c":["{text}}}"]}},"d":[1]}}"#);
            let expect =
                [("a", format!("\"{text}\\\"\"")), ("b", format!("{{\"c\":[\"{text}}}\"]}}")), ("d", "[1]".to_owned())];
            assert_eq!(told(&raw), Some(expect.map(|(key, value)| (key.to_owned(), value)).to_vec()), "{pad}");
        }
    }

    proptest! {
        #[test]
        fn of_valid_json_it_tells_what_serde_json_tells(keys in prop::collection::vec("[a-z_]{0,6}", 0..5), values in prop::collection::vec("[a-z{}\\[\\]\",:\\\\ü]{0,12}", 5)) {
            let object: serde_json::Map<String, Value> = keys.iter().zip(&values).enumerate().map(|(at, (key, text))| {
                let value = match at % 3 { 0 => Value::from(text.clone()), 1 => serde_json::json!([text, {"k": text}]), _ => serde_json::json!({"a": [1.5e3, text]}) };
                (key.clone(), value)
            }).collect();
            let expect: Vec<(String, String)> = object.iter().map(|(key, value)| (key.clone(), value.to_string())).collect();
            prop_assert_eq!(told(&Value::Object(object).to_string()), Some(expect));
        }

        #[test]
        fn any_text_is_survived(text in "[{}\\[\\]\",:\\\\a1 ]{0,60}", times in 1_usize..40) {
            told(&text.repeat(times));
        }
    }
}
