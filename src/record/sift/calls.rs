//! A log file → the records that may be calls of certain operations: the pass of [`super::pass`], led by the letters of
//! `eventName` instead of those of `errorCode`.
//!
//! A name counts wherever its key stands, also nested, so that nothing hides a call; whoever reads the record sees whether it
//! is the event's own. A key with an escape, in another spelling or inside of a text is for the reader, too.

use super::isa::{Isa, Shape};
use super::keys::Key;
use super::list::Element;
use super::pass::Pass;
use super::{Candidate, Lists, MOST_CANDIDATES, spell};
use crate::record::LARGEST_RECORD;
use crate::record::json::{records_list, skip_space};

/// One operation as a record names it.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// `eventName`, or whatever stands under such a key.
    pub operation: &'a [u8],
    /// The log up to that key.
    pub before: &'a [u8],
}

impl<'a> Named<'a> {
    /// `eventSource`, where it stands right before, as CloudTrail writes it; it may be nested, and so say nothing.
    pub fn source(&self) -> Option<&'a [u8]> {
        let before = self.before.strip_suffix(b"\",")?;
        let start = before.iter().rposition(|byte| *byte == b'"')?;
        before[..start].ends_with(b"\"eventSource\":").then(|| &before[start + 1..])
    }
}

/// Sifts a log file for the records that may be calls of operations which `wants` takes, in the file's order, with those
/// that are none of CloudTrail's usual ones, and some beside these that are not. `None` when it is no plain list of records, which [`super::super::scan`] reads.
///
/// ```
/// use denywatch::record::sift_calls;
/// let other = r#"{"eventVersion":"1.08","userIdentity":{},"eventName":"GetObject"}"#;
/// let hidden = r#"{"eventVersion":"1.08","userIdentity":{},"event\u004eame":"PutObject"}"#;
/// let wanted = r#"{"eventVersion":"1.08","userIdentity":{},"eventName":"PutObject"}"#;
/// let log = format!(r#"{{"Records":[{other},{hidden},{wanted}]}}"#);
/// let found = sift_calls(log.as_bytes(), |named| named.operation == b"PutObject").unwrap();
/// assert!([hidden, wanted].iter().all(|raw| found.iter().any(|one| one.raw == *raw)));
/// ```
pub fn sift_calls(bytes: &[u8], wants: impl Fn(&Named<'_>) -> bool) -> Option<Vec<Candidate<'_>>> {
    sift_calls_with(Isa::best(), bytes, wants)
}

pub(super) fn sift_calls_with(
    isa: Isa,
    bytes: &[u8],
    wants: impl Fn(&Named<'_>) -> bool,
) -> Option<Vec<Candidate<'_>>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut candidates = Vec::new();
    let mut lists = Lists::new(bytes);
    let mut at = lists.first;
    loop {
        let start = at + records_list(&bytes[at..])?;
        let found = isa.run(Pass { key: Call(&wants), bytes, start, all: false })?;
        let close = skip_space(bytes, found.end);
        if bytes.get(close) != Some(&b'}') {
            return None;
        }
        let line = lists.line(at)?;
        if candidates.len() + found.candidates.len() > MOST_CANDIDATES {
            return None;
        }
        for Element { number, start, end, is_ordinary: is_event, has_escapes, .. } in found.candidates {
            let raw = std::str::from_utf8(&bytes[start..end]).ok()?;
            let may_be_denied = raw.len() > LARGEST_RECORD;
            candidates.push(Candidate { raw, is_event, may_be_denied, has_escapes, spelt: None, number, line });
        }
        at = skip_space(bytes, close + 1);
        if at == bytes.len() {
            return Some(candidates);
        }
    }
}

/// `eventName`, by its letters `n` and `a`, without and with an underscore between its words.
pub(super) const NAME: Shape = Shape { letters: b"na", at: &[&[4, 6, 7], &[4, 7, 8]], seldom: None };

/// `eventName` of what is wanted.
struct Call<'w, W>(&'w W);

impl<W: Fn(&Named<'_>) -> bool> Key for Call<'_, W> {
    const SHAPE: Shape = NAME;

    fn is_at(&self, bytes: &[u8], quote: usize) -> bool {
        match name_at(bytes, quote) {
            Name::No => false,
            Name::Unclear => true,
            Name::Plain(named) => (self.0)(&named),
        }
    }
}

/// What stands at a place where an event's name may.
enum Name<'a> {
    No,
    /// Another spelling, or a value with an escape: only reading tells.
    Unclear,
    Plain(Named<'a>),
}

/// The key that begins at `start`, if it is one.
fn name_at(bytes: &[u8], start: usize) -> Name<'_> {
    const KEY: &[u8] = b"\"eventName\"";
    let is_plain = bytes.get(start..start + KEY.len()) == Some(KEY) && (start == 0 || bytes[start - 1] != b'\\');
    if !is_plain {
        return if spell::is_key(bytes, start, [b"event", b"name"]) { Name::Unclear } else { Name::No };
    }
    let colon = skip_space(bytes, start + KEY.len());
    if bytes.get(colon) != Some(&b':') {
        // The word by itself, as a value.
        return Name::No;
    }
    let value = skip_space(bytes, colon + 1);
    if bytes.get(value) != Some(&b'"') {
        return Name::No;
    }
    match bytes[value + 1..].iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        Some(length) if bytes[value + 1 + length] == b'"' => {
            Name::Plain(Named { operation: &bytes[value + 1..value + 1 + length], before: &bytes[..start] })
        }
        _ => Name::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{self, Record};
    use proptest::prelude::*;

    fn calls_of(records: Vec<Record>) -> Vec<Record> {
        records.into_iter().filter(|record| record.event_name.as_deref() == Some("Put")).collect()
    }

    /// Of all calls of one operation none is missed, and sifting sees no other ones than reading.
    #[track_caller]
    fn check(text: &str) -> usize {
        let expect = calls_of(record::read(text.as_bytes(), "x").0);
        let mut most = 0;
        for isa in Isa::available() {
            let Some(found) = sift_calls_with(isa, text.as_bytes(), |named| named.operation == b"Put") else {
                continue;
            };
            let mut read = Vec::new();
            for one in &found {
                one.read("x", |_| true, |record| read.push(record), |_| {});
            }
            assert_eq!(calls_of(read), expect, "{isa:?} {text}");
            most = found.len();
        }
        most
    }

    fn with(members: &str) -> String {
        format!(r#"{{"eventVersion":"1.08","userIdentity":{{"arn":"a"}},{members}}}"#)
    }

    fn log(records: &[String]) -> String {
        format!(r#"{{"Records":[{}]}}"#, records.join(","))
    }

    /// Members of an event, and whether they have to be read.
    const MEMBERS: [(&str, bool); 23] = [
        (r#""eventName":"Put""#, true),
        (r#""eventName" :	"Put""#, true),
        (r#""eventName":"Get""#, false),
        (r#""eventName":null"#, false),
        (r#""x":"eventName""#, false),
        (r#""event_name":"Put""#, true),
        (r#""e_v_e_n_t_n_a_m_e_":"Put""#, false),
        (r#""event__name":"Put""#, false),
        (r#""EVENTNAME":"Put""#, true),
        (r#""event\u004eame":"Put""#, true),
        (r#""\u0065ventName":"Put""#, true),
        (r#""eventName":"P\u0075t""#, true),
        (r#""eventName":"\u0050ut""#, true),
        (r#""eventName":"Get","eventName":"Put""#, true),
        (r#""event_name":"Get","eventName":"Put""#, true),
        (r#""eventName":"Get","event_name":"Put""#, true),
        (r#""requestParameters":{"eventName":"Put"},"eventName":"Get""#, true),
        (r#""eventName":"Get","requestParameters":{"a":"},{\"eventVersion\":\"1.08\",\"eventName\":\"Put\"}"}"#, true),
        (r#""cloudTrailEvent":"{\"eventName\":\"Put\",\"eventSource\":\"s\"}","eventName":"Get""#, true),
        (r#""cloudTrailEvent":null,"detail":{"eventName":"Put","eventSource":"s"},"eventName":"Get""#, true),
        (r#""cloudTrailEvent":"{\u0022eventName\u0022:\u0022Put\u0022}""#, true),
        (r#""bucketName":"ü","eventName":"Get""#, false),
        (r#""x\"eventName":"Put","eventName":"Get""#, true),
    ];

    #[test]
    fn no_spelling_hides_a_call_and_no_look_alike_makes_one() {
        let other = with(r#""eventName":"Get""#);
        for (members, is_read) in MEMBERS {
            let one = with(members);
            assert_eq!(check(&log(&[other.clone(), one.clone(), other.clone()])) > 0, is_read, "{members}");
            check(&log(&[one.clone(), one.clone()]));
        }
    }

    #[test]
    fn any_place_in_a_block() {
        for pad in 0..140 {
            let before = with(&format!(r#""eventName":"{}""#, "x".repeat(pad)));
            for members in [r#""eventName":"Put""#, r#""event_Name":"Put""#, r#""\u0065ventName":"Put""#] {
                let text = log(&[before.clone(), with(members), with(r#""eventName":"Get""#)]);
                assert!((1..=2).contains(&check(&text)), "{pad} {members}");
            }
        }
    }

    #[test]
    fn any_place_in_a_group() {
        for pad in 0..=super::super::isa::GROUP * super::super::isa::BLOCK {
            let before = with(&format!(r#""eventName":"Get","x":"{}""#, "x".repeat(pad)));
            for members in [r#""eventName":"Put""#, r#""event_Name":"Put""#] {
                let text = log(&[before.clone(), with(members), with(r#""eventName":"Get""#)]);
                for isa in Isa::available() {
                    let found = sift_calls_with(isa, text.as_bytes(), |named| named.operation == b"Put").unwrap();
                    assert_eq!(found.len(), 1, "{isa:?} {pad} {members}");
                }
            }
        }
    }

    #[test]
    fn the_source_stands_before_the_name() {
        let before = |text: &'static str| Named { operation: b"x", before: text.as_bytes() }.source();
        assert_eq!(before(r#"{"eventSource":"s3.amazonaws.com","#), Some(b"s3.amazonaws.com".as_slice()));
        assert_eq!(before(r#"{"eventTime":"s3.amazonaws.com","#), None);
        assert_eq!(before(r#"{"eventSource":"s3.amazonaws.com","x":1,"#), None);
        assert_eq!(before(""), None);
    }

    proptest! {
        #[test]
        fn sifting_is_reading(
            picks in prop::collection::vec((0..MEMBERS.len(), 0_usize..80), 1..6), spaced in any::<bool>()
        ) {
            let records: Vec<String> = picks
                .iter()
                .map(|(at, pad)| with(&format!(r#""pad":"{}",{}"#, "x".repeat(*pad), MEMBERS[*at].0)))
                .collect();
            let text = log(&records);
            check(&if spaced { text.replace(r#"":""#, "\" : \n \"") } else { text });
        }
    }
}
