//! A log file → the few records that may be denied, at the speed of inflating it: a pass over blocks of 64 bytes tells which
//! stand where, brackets outside strings are counted, the letters of `errorCode` looked for, and only records that bear a
//! spelling of that key are read.
//!
//! Exact for a log that is valid JSON, since callers choose parts of an event: a record's bounds come from the brackets around it, so that an object
//! inside a request cannot pose as one, and a key counts in every spelling that [`super::scan`] takes. Whatever is not a
//! plain list of records is left to [`super::scan`]. Brackets and strings are followed; the JSON (and UTF-8) inside of an allowed
//! record is not checked, and what begins as CloudTrail's events is taken for one.

mod calls;
pub(super) mod isa;
mod keys;
mod list;
mod pass;
mod spell;
mod top;

pub use calls::{Named, sift_calls};
pub use isa::Isa;
pub(super) use pass::window;
pub(super) use spell::escaped_at;

use super::json::{self, newlines, skip_space};
use super::{Head, Problem, Record};

/// Candidates of one file that are held. CloudTrail's files have some ten thousand records; one of `[{},{},…]` could have
/// hundreds of millions, which [`super::scan`] reads one by one.
const MOST_CANDIDATES: usize = 1 << 18;

/// Lists of one file that may be small, and bytes below which a list is; one event has more.
const MANY_LISTS: usize = 256;
const SMALL_LIST: usize = 4_096;

/// What a log file holds, without what is plainly allowed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sifted<'a> {
    /// Events that bear no error code and were not read.
    pub allowed: u64,
    /// Records that bear one, or that are none of CloudTrail's usual ones, in the file's order.
    pub candidates: Vec<Candidate<'a>>,
    /// The file's first and last record, whatever they are; empty when it has none.
    pub edges: Vec<&'a str>,
}

/// A record that must be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its JSON.
    pub raw: &'a str,
    /// It begins as CloudTrail writes events, so that it is one, if its JSON is whole.
    pub is_event: bool,
    /// It may bear an error code, in whatever spelling, or is too large to be an event.
    pub may_be_denied: bool,
    /// It may hold an ASCII character as an escape.
    pub has_escapes: bool,
    /// Where `errorCode` is spelt in it: its quotation mark; `None` where that is nowhere, more than one place, or hidden.
    spelt: Option<usize>,
    /// Which of its list, from 1.
    number: u64,
    /// The line at which its list begins; `None` for the input's first.
    line: Option<usize>,
}

impl<'a> Candidate<'a> {
    /// The value of `errorCode` where this is the one spelling of it in the record, at whatever depth, and the value a string
    /// without escapes: then the record bears this error code or none. `None` where only reading it tells.
    ///
    /// ```
    /// use denywatch::record::sift;
    /// let log = br#"{"Records":[{"eventVersion":"1.08","userIdentity":{},"errorCode":"NoSuchKey"}]}"#;
    /// assert_eq!(sift(log).unwrap().candidates[0].only_error_code(), Some("NoSuchKey"));
    /// ```
    pub fn only_error_code(&self) -> Option<&'a str> {
        std::str::from_utf8(spell::only_code(self.raw.as_bytes(), self.spelt?)?).ok()
    }

    /// The same over another copy of its JSON.
    #[cfg(feature = "io")]
    pub(crate) fn with_text<'b>(&self, raw: &'b str) -> Candidate<'b> {
        let Self { is_event, may_be_denied, has_escapes, spelt, number, line, .. } = *self;
        Candidate { raw, is_event, may_be_denied, has_escapes, spelt, number, line }
    }

    /// Reads it as [`super::scan`] reads a record of the input with this name; returns how many events it holds.
    pub fn read(
        &self,
        input_name: &str,
        mut keep: impl FnMut(&Head<'_>) -> bool,
        mut on_record: impl FnMut(Record),
        mut on_problem: impl FnMut(Problem),
    ) -> u64 {
        let before = self.line.map(|line| format!("line {line}:")).unwrap_or_default();
        let mut reader = json::Reader::new(input_name, &mut keep, &mut on_record, &mut on_problem);
        reader.value(self.raw, &format!("{before}record {}", self.number));
        reader.seen
    }
}

/// Sifts a log file; `None` when it is no plain list of records (one `{"Records": […]}`, or several behind one another), which
/// [`super::scan`] reads.
///
/// ```
/// use denywatch::record::sift;
/// let allowed = r#"{"eventVersion":"1.08","userIdentity":{},"requestParameters":{"x":{"eventVersion":"1.08"}}}"#;
/// let denied = r#"{"eventVersion":"1.08","userIdentity":{},"error\u0043ode":"AccessDenied"}"#;
/// let log = format!(r#"{{"Records":[{allowed},{denied}]}}"#);
/// let sifted = sift(log.as_bytes()).unwrap();
/// assert_eq!((sifted.allowed, sifted.candidates.len()), (1, 1));
/// assert_eq!(sifted.candidates[0].raw, denied);
/// assert!(sift(br#"{"eventName": "GetObject"}"#).is_none());
/// ```
pub fn sift(bytes: &[u8]) -> Option<Sifted<'_>> {
    sift_with(Isa::best(), bytes)
}

/// [`sift`] without records that bear no error code of their own, or one that means no refusal: `may_mean` is asked about the
/// code of a record, and gets the record. [`Sifted::allowed`] counts these, too.
///
/// ```
/// use denywatch::record::sift_refusals;
/// let other = r#"{"eventVersion":"1.08","userIdentity":{},"errorCode":"NoSuchKey"}"#;
/// let denied = r#"{"eventVersion":"1.08","userIdentity":{},"errorCode":"AccessDenied"}"#;
/// let log = format!(r#"{{"Records":[{other},{denied}]}}"#);
/// let sifted = sift_refusals(log.as_bytes(), |code, _| code == b"AccessDenied").unwrap();
/// assert_eq!((sifted.allowed, sifted.candidates[0].raw), (1, denied));
/// ```
pub fn sift_refusals(bytes: &[u8], may_mean: impl FnMut(&[u8], &[u8]) -> bool) -> Option<Sifted<'_>> {
    sift_refusals_with(Isa::best(), bytes, may_mean)
}

fn sift_refusals_with(isa: Isa, bytes: &[u8], may_mean: impl FnMut(&[u8], &[u8]) -> bool) -> Option<Sifted<'_>> {
    sift_some(isa, bytes, false, &mut keys::Refusal { isa, may_mean })
}

/// [`sift`] that hands out every record, the allowed ones too, so that [`Sifted::allowed`] is 0.
pub fn sift_all(bytes: &[u8]) -> Option<Sifted<'_>> {
    sift_some(Isa::best(), bytes, true, &mut keys::ErrorCode)
}

/// [`sift`] on one instruction set; all of them answer alike.
pub fn sift_with(isa: Isa, bytes: &[u8]) -> Option<Sifted<'_>> {
    sift_some(isa, bytes, false, &mut keys::ErrorCode)
}

fn sift_some<'a, K: keys::Key>(isa: Isa, bytes: &'a [u8], all: bool, key: &mut K) -> Option<Sifted<'a>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut sifted = Sifted::default();
    let (mut spans, mut edges) = (Vec::new(), None::<[(usize, usize); 2]>);
    let mut lists = Lists::new(bytes);
    let mut at = lists.first;
    loop {
        let start = at + json::records_list(&bytes[at..])?;
        let list = isa.run(pass::Pass { key: &mut *key, bytes, start, all })?;
        let close = skip_space(bytes, list.end);
        if bytes.get(close) != Some(&b'}') {
            return None;
        }
        let line = lists.line(at)?;
        if spans.len() + list.candidates.len() > MOST_CANDIDATES {
            return None;
        }
        sifted.allowed += list.elements - list.candidates.len() as u64;
        spans.extend(list.candidates.into_iter().map(|element| (element, line)));
        edges = match (edges, list.edges) {
            (Some([first, _]), Some([_, last])) => Some([first, last]),
            (one, two) => one.or(two),
        };
        at = skip_space(bytes, close + 1);
        if at == bytes.len() {
            break;
        }
    }
    let text = |from: usize, end: usize| std::str::from_utf8(&bytes[from..end]).ok();
    for (element, line) in spans {
        let list::Element { number, start, end, is_ordinary: is_event, is_marked: may_be_denied, has_escapes, spelt } =
            element;
        let spelt = spelt.map(|quote| quote - start);
        let raw = text(start, end)?;
        sifted.candidates.push(Candidate { raw, is_event, may_be_denied, has_escapes, spelt, number, line });
    }
    for (from, end) in edges.into_iter().flatten() {
        sifted.edges.push(text(from, end)?);
    }
    Some(sifted)
}

/// Lists of one file behind one another.
struct Lists<'a> {
    bytes: &'a [u8],
    /// Where the first one begins.
    first: usize,
    count: usize,
    /// Up to where lines were counted, and how many that were.
    counted: (usize, usize),
}

impl<'a> Lists<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, first: skip_space(bytes, 0), count: 0, counted: (0, 1) }
    }

    /// The line at which a list begins, in turn; `None` for the first list's. None at all where there are so many small ones
    /// that looking beyond the end of each costs more than it saves.
    fn line(&mut self, at: usize) -> Option<Option<usize>> {
        self.count += 1;
        let (from, line) = self.counted;
        self.counted = (at, line + newlines(&self.bytes[from..at]));
        let is_worth = self.count <= MANY_LISTS || at / self.count >= SMALL_LIST;
        is_worth.then(|| (at != self.first).then_some(self.counted.1))
    }
}

/// [`super::scan`] for denials, at many times its speed: `on_record` gets each event that AWS refused by policy, and all
/// events are counted. What [`super::scan`] would tell of broken JSON inside an allowed record is not told.
///
/// ```
/// use denywatch::record;
/// let log = br#"{"Records":[{"eventVersion":"1.08","userIdentity":{},"eventName":"GetObject"},
///     {"eventVersion":"1.08","userIdentity":{},"eventName":"PutObject","errorCode":"AccessDenied"}]}"#;
/// let mut denied = Vec::new();
/// let is_denial = |head: &record::Head<'_>| head.error_code.as_deref() == Some("AccessDenied");
/// let seen = record::scan_errors(log, "log.json", is_denial, |record| denied.push(record), |_| {});
/// assert_eq!((seen, denied.len()), (2, 1));
/// ```
pub fn scan_errors(
    bytes: &[u8],
    input_name: &str,
    mut keep: impl FnMut(&Head<'_>) -> bool,
    mut on_record: impl FnMut(Record),
    mut on_problem: impl FnMut(Problem),
) -> u64 {
    let mut keep = |head: &Head<'_>| head.error_code.is_some() && keep(head);
    let Some(sifted) = sift(bytes) else { return super::scan(bytes, input_name, keep, on_record, on_problem) };
    let mut faults = 0;
    let mut few = |problem| {
        faults += 1;
        if faults <= super::MOST_PROBLEMS {
            on_problem(problem);
        }
    };
    let read = sifted.candidates.iter().map(|one| one.read(input_name, &mut keep, &mut on_record, &mut few));
    let seen = sifted.allowed + read.sum::<u64>();
    if faults > super::MOST_PROBLEMS {
        on_problem(super::more_problems(input_name, (faults - super::MOST_PROBLEMS) as u64));
    }
    seen
}

#[cfg(test)]
mod tests;
