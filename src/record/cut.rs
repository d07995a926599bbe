//! An event's JSON without what differs each time that the same call is made again: its ids and its time.

use super::field::same_key;
use super::skim;
use memchr::memmem::Finder;

/// What is cut out, each as `"NAME":"…"`; the first two must be there.
const NAMES: [&str; 5] = ["\"eventID\":\"", "\"eventTime\":\"", "\"sharedEventID\":\"", REQUEST_ID, HOST_ID];
/// Those of a request, which may also stand in what a service adds or answers.
const REQUEST_ID: &str = "\"requestID\":\"";
const HOST_ID: &str = "\"x-amz-id-2\":\"";

/// Finds what is to be cut out.
#[derive(Debug)]
pub struct Cutter([Finder<'static>; 5]);

/// One event, cut. Two events of which [`Cut::rest`] is the same differ in their ids and times alone; whether those are the
/// event's own or a look-alike's is for the reader of the rest to see.
#[derive(Debug, Clone)]
pub struct Cut<'a> {
    /// `eventID`.
    pub event_id: &'a str,
    /// `eventTime`.
    pub event_time: &'a str,
    /// `sharedEventID`.
    pub shared_event_id: Option<&'a str>,
    raw: &'a str,
    /// What was cut out, in the text's order; the unused ones stand at its end.
    spans: [(usize, usize); 5],
}

/// Where an event was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    length: usize,
    event_id: (usize, usize),
    event_time: (usize, usize),
    shared_event_id: Option<(usize, usize)>,
    spans: [(usize, usize); 5],
}

impl Layout {
    /// Cuts an event of the same length in the same places, if the rest of it is this: as [`Cutter::cut`] would, and it searches
    /// nothing. `None` says nothing.
    pub fn cut<'a>(&self, raw: &'a str, mut rest: &[u8]) -> Option<Cut<'a>> {
        if raw.len() != self.length {
            return None;
        }
        let mut from = 0;
        for (start, end) in self.spans.into_iter().chain([(raw.len(), raw.len())]) {
            rest = rest.strip_prefix(raw.as_bytes().get(from..start)?)?;
            if memchr::memchr2(b'"', b'\\', raw.as_bytes().get(start..end)?).is_some() {
                return None;
            }
            from = end;
        }
        let text = |(from, to): (usize, usize)| raw.get(from..to);
        let shared_event_id = match self.shared_event_id {
            Some(place) => Some(text(place)?),
            None => None,
        };
        let (event_id, event_time, spans) = (text(self.event_id)?, text(self.event_time)?, self.spans);
        rest.is_empty().then_some(Cut { event_id, event_time, shared_event_id, raw, spans })
    }
}

impl Default for Cutter {
    fn default() -> Self {
        Self(NAMES.map(Finder::new))
    }
}

impl Cutter {
    /// Cuts an event; `None` when one of the names stands in it twice, or not as CloudTrail writes it.
    pub fn cut<'a>(&self, raw: &'a str) -> Option<Cut<'a>> {
        let end = (raw.len(), raw.len());
        let mut spans = [end; 5];
        for ((finder, name), span) in self.0.iter().zip(NAMES).zip(&mut spans) {
            if let Some(at) = finder.find(raw.as_bytes()) {
                let start = at + name.len();
                let behind = &raw.as_bytes()[start..];
                let length = behind.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
                let is_once = behind[length] == b'"' && finder.find(&behind[length..]).is_none();
                *span = is_once.then_some((start, start + length))?;
            }
        }
        let text = |(from, to): (usize, usize)| (from < to).then(|| &raw[from..to]);
        let (event_id, event_time, shared_event_id) = (text(spans[0])?, text(spans[1])?, text(spans[2]));
        spans.sort_unstable();
        Some(Cut { event_id, event_time, shared_event_id, raw, spans })
    }
}

impl<'a> Cut<'a> {
    /// Where it was cut.
    pub fn layout(&self) -> Layout {
        let place = |text: &str| {
            let start = text.as_ptr().addr() - self.raw.as_ptr().addr();
            (start, start + text.len())
        };
        let (event_id, event_time) = (place(self.event_id), place(self.event_time));
        let shared_event_id = self.shared_event_id.map(place);
        Layout { length: self.raw.len(), event_id, event_time, shared_event_id, spans: self.spans }
    }

    /// What is left, in pieces.
    pub fn rest(&self) -> impl Iterator<Item = &'a str> {
        let starts = std::iter::once(0).chain(self.spans.iter().map(|(_, end)| *end));
        let ends = self.spans.iter().map(|(start, _)| *start).chain([self.raw.len()]);
        let raw = self.raw;
        starts.zip(ends).map(move |(from, to)| &raw[from..to])
    }

    /// Whether what was cut out stands where [`super::Record`] reads the event's own ids and time from, or nothing at all: then
    /// an event with others in these places is read as the same record with other ids and another time.
    pub fn is_own(&self) -> bool {
        let start = |text: &str| text.as_ptr().addr() - self.raw.as_ptr().addr();
        // An empty one was cut out, too: another event may have more in its place.
        let cut = || self.spans.iter().filter(|span| span.0 < self.raw.len());
        let is_request = |span: &(usize, usize)| {
            let before = &self.raw[..span.0];
            before.ends_with(REQUEST_ID) || before.ends_with(HOST_ID)
        };
        let (mut own, mut is_wrapping) = (0, false);
        let skimmed = skim::members(self.raw, |key, value| {
            let (from, to) = (start(value), start(value) + value.len());
            let is_there = |span: &&(usize, usize)| match key {
                "eventID" | "eventTime" | "sharedEventID" | "requestID" => **span == (from + 1, to - 1),
                // What is looked at of these is no id of a request.
                "additionalEventData" | "responseElements" => from < span.0 && span.1 < to && is_request(span),
                _ => false,
            };
            own += cut().filter(is_there).count();
            // The event that is read is another one then, inside of its text.
            is_wrapping |= same_key(key, "cloudTrailEvent");
        });
        skimmed.is_some() && !is_wrapping && own == cut().count()
    }

    /// The text with other ids and another time: what reads differently here is what was cut out there.
    pub fn with_others(&self) -> String {
        let other = |(from, to): &(usize, usize)| match &self.raw[*from..*to] {
            "" => String::new(),
            time if time == self.event_time => "2001-02-03T04:05:06Z".to_owned(),
            id => format!("other {id}"),
        };
        let fill = self.spans.iter().map(other).chain([String::new()]);
        self.rest().zip(fill).map(|(rest, other)| format!("{rest}{other}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, expect: Option<(&str, &str)>) {
        let cutter = Cutter::default();
        let cut = cutter.cut(raw);
        let told = cut.as_ref().map(|cut| (cut.rest().collect::<Vec<_>>().join("|"), cut.with_others()));
        assert_eq!(told.as_ref().map(|(rest, other)| (&**rest, &**other)), expect, "{raw}");
    }

    #[test]
    fn ids_and_times_are_cut_out() {
        check(
            r#"{"eventTime":"2026-11-10T10:00:00Z","a":1,"requestID":"r","eventID":"i"}"#,
            Some((
                r#"{"eventTime":"|","a":1,"requestID":"|","eventID":"|"}||"#,
                r#"{"eventTime":"2001-02-03T04:05:06Z","a":1,"requestID":"other r","eventID":"other i"}"#,
            )),
        );
        let whole = r#"{"eventTime":"t","eventID":"i","sharedEventID":"s","x":{"x-amz-id-2":"z"},"requestID":"r"}"#;
        let cut = Cutter::default();
        let cut = cut.cut(whole).unwrap();
        assert_eq!((cut.event_id, cut.event_time, cut.shared_event_id), ("i", "t", Some("s")));
        assert_eq!(cut.rest().map(str::len).sum::<usize>(), whole.len() - 5);
    }

    #[test]
    fn an_events_own_ids_are_told_from_look_alikes() {
        let check = |raw: &str, expect: bool| assert_eq!(Cutter::default().cut(raw).unwrap().is_own(), expect, "{raw}");
        check(r#"{"eventTime":"t","eventID":"i"}"#, true);
        check(
            r#"{"eventTime":"t","additionalEventData":{"a":[{"x-amz-id-2":"z"}]},"eventID":"i","requestID":"r"}"#,
            true,
        );
        check(r#"{"eventTime":"t","eventID":"i","requestParameters":{"x-amz-id-2":"z"}}"#, false);
        check(r#"{"eventTime":"t","requestParameters":{"eventID":"i"}}"#, false);
        check(r#"{"eventTime":"t","eventID":"i","additionalEventData":{"sharedEventID":"s"}}"#, false);
        check(r#"{"eventTime":"t","eventID":"i","additionalEventData":{"sharedEventID":""}}"#, false);
        check(r#"{"eventTime":"t","eventID":"i","requestParameters":{"requestID":""}}"#, false);
        check(r#"{"eventTime":"t","eventID":"i","sharedEventID":"","requestID":""}"#, true);
        check(r#"{"eventTime":"t","eventID":"i","cloud_trail_event":"{}"}"#, false);
        check(r#"{"eventTime":"t","eventID":"i","userIdentity":{"requestID":"r"}}"#, false);
        check(r#"{"eventTime":"t","eventID":"i","event\u0049D":"j"}"#, false);
    }

    #[test]
    fn events_alike_are_cut_alike() {
        let cutter = Cutter::default();
        let one = r#"{"eventTime":"t1","a":{"x-amz-id-2":"ab"},"b":"ü","eventID":"i1","sharedEventID":"s"}"#;
        let cut = cutter.cut(one).unwrap();
        let (layout, rest) = (cut.layout(), cut.rest().collect::<String>());
        let check = |from: &str, to: &str, expect: bool| {
            let other = one.replace(from, to);
            let alike = layout.cut(&other, rest.as_bytes());
            assert_eq!(alike.is_some(), expect, "{other}");
            if let Some(alike) = alike {
                assert_eq!(format!("{alike:?}"), format!("{:?}", cutter.cut(&other).unwrap()));
            }
        };
        check("", "", true);
        check("i1", "i2", true);
        check("t1", "t2", true);
        check("ab", "cd", true);
        check("i1", "ü", true);
        check("i1", "i12", false);
        check("i1", "i\"", false);
        check("i1", "i\\", false);
        check("\"a\"", "\"b\"", false);
        check("\"b\"", "\"c\"", false);
        check("\"s\"}", "\"s\"]", false);
        check(one, "", false);
    }

    #[test]
    fn what_is_not_certain_is_not_cut() {
        check(r#"{"eventTime":"t"}"#, None);
        check(r#"{"eventTime":"t","eventID":""}"#, None);
        check(r#"{"eventTime":"t","eventID":"a\"b"}"#, None);
        check(r#"{"eventTime":"t","eventID":"i","x":{"eventID":"j"}}"#, None);
        check(r#"{"eventTime":"t","eventID":"i","requestID":"a","x":{"requestID":"b"}}"#, None);
        check(r#"{"eventTime":"t","eventID":"#, None);
        check(r#"{"eventTime":"t","eventID":"i"#, None);
    }
}
