//! JSON in any wrapping → events, one at a time.
//!
//! Only top-level members of known wrappings are opened, so that nothing inside a request's parameters can pose as an
//! event, and keys are compared unescaped, so that no spelling hides one.

use super::line::{BYTE_ORDER_MARK, Open, message, next_line};
use super::members::Members;
use super::paired::paired;
use super::{Head, LARGEST_RECORD, Problem, Record, csv, field};
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeSet};

/// Members of a wrapping that list events: log files, `LookupEvents`, CloudWatch Logs, CloudTrail Lake.
const LISTS: [&str; 4] = ["records", "events", "logEvents", "queryResultRows"];

/// Bytes of an object whose members are listed before it is known what it is: CloudTrail's largest events are no larger.
const USUAL: usize = 256 << 10;

/// Wrappings inside wrappings; deeper ones are refused.
const DEEPEST: usize = 8;

/// JSON that cannot be read on.
struct Broken {
    /// Where the record begins that is broken, or what should be one.
    at: usize,
    place: String,
    error: String,
}

impl Broken {
    fn new(at: usize, place: &str, fault: &serde_json::Error) -> Self {
        Self { at, place: place.to_owned(), error: broken(fault) }
    }
}

/// Walks one input and hands out what it finds.
pub(super) struct Reader<'r> {
    name: &'r str,
    keep: &'r mut dyn FnMut(&Head<'_>) -> bool,
    on_record: &'r mut dyn FnMut(Record),
    on_problem: &'r mut dyn FnMut(Problem),
    depth: usize,
    /// Columns that were reported as unread.
    unread: BTreeSet<&'static str>,
    /// Events found so far, kept or not.
    pub(super) seen: u64,
}

impl<'r> Reader<'r> {
    pub(super) fn new(
        name: &'r str,
        keep: &'r mut dyn FnMut(&Head<'_>) -> bool,
        on_record: &'r mut dyn FnMut(Record),
        on_problem: &'r mut dyn FnMut(Problem),
    ) -> Self {
        Self { name, keep, on_record, on_problem, depth: 0, unread: BTreeSet::new(), seen: 0 }
    }

    /// The whole input.
    pub(super) fn text(&mut self, text: &str) {
        let start = text.trim_start();
        if start.starts_with(['{', '[']) {
            self.values(text);
        } else if let Some(table) = csv::Table::open(start) {
            table.rows(self);
        } else if text.lines().any(|line| message(line).starts_with('{')) {
            self.lines(text, 1, None);
        } else if !start.is_empty() {
            self.problem(None, "no CloudTrail event: expected JSON, JSON lines, or CSV with a header".to_owned());
        }
    }

    /// One or more JSON values behind one another.
    fn values(&mut self, text: &str) {
        let (mut at, mut line) = (0, 1);
        let first = skip_space(text, 0);
        loop {
            let start = skip_space(text, at);
            line += newlines(&text[at..start]);
            if start == text.len() {
                return;
            }
            if text[start..].starts_with(BYTE_ORDER_MARK) {
                // Files that were put behind one another, each with its own.
                at = start + BYTE_ORDER_MARK.len_utf8();
                continue;
            }
            let place = if start == first { String::new() } else { format!("line {line}:") };
            match self.top_value(text, start, line, &place) {
                Ok(end) => {
                    line += newlines(&text[start..end]);
                    at = end;
                }
                Err(broken) => {
                    let next = next_line(text, broken.at);
                    self.passed_over(&broken, next);
                    let mut open = Open::whole();
                    open.take(&text[start..next]);
                    return self.lines(&text[next..], line + newlines(&text[start..next]), Some(open));
                }
            }
        }
    }

    /// Where the value at `start` ends; `place` is said before the records of a list.
    fn top_value(&mut self, text: &str, start: usize, line: usize, place: &str) -> Result<usize, Broken> {
        if let Some(open) = records_list(&text.as_bytes()[start..]) {
            let end = self.list(text, start + open, place)?;
            let after = skip_space(text, end);
            if text.as_bytes().get(after) == Some(&b'}') {
                return Ok(after + 1);
            }
            let broken = |fault| Broken { at: end, place: format!("line {line}"), error: broken(&fault) };
            let (raw, end) = next_value(text, start).map_err(broken)?;
            if let Ok(members) = Members::read(&paired(raw)) {
                self.lists(&members, 1, place);
            }
            return Ok(end);
        }
        if text[start..].starts_with('[') {
            return self.list(text, start + 1, place);
        }
        let here = format!("line {line}");
        let (raw, end) = next_value(text, start).map_err(|fault| Broken::new(start, &here, &fault))?;
        self.value(raw, &here);
        Ok(end)
    }

    /// The elements of a list, from behind its bracket; yields the place behind the closing one.
    fn list(&mut self, text: &str, mut at: usize, place: &str) -> Result<usize, Broken> {
        let mut number = 0;
        loop {
            number += 1;
            at = skip_space(text, at);
            if number == 1 && text[at..].starts_with(']') {
                return Ok(at + 1);
            }
            let here = format!("{place}record {number}");
            let (raw, end) = next_value(text, at).map_err(|fault| Broken::new(at, &here, &fault))?;
            self.value(raw, &here);
            at = skip_space(text, end);
            match text.as_bytes().get(at) {
                Some(b',') => at += 1,
                Some(b']') => return Ok(at + 1),
                _ => return Err(Broken { at, place: here, error: "the list breaks off behind it".to_owned() }),
            }
        }
    }

    /// The lists of events that a wrapping has, without the first ones; whether there are any.
    fn lists(&mut self, members: &Members<'_>, skip: usize, place: &str) -> bool {
        let mut lists = members.lists(&LISTS).zip(1..).skip(skip).peekable();
        let any = lists.peek().is_some();
        for (list, number) in lists {
            let place = if number == 1 { place.to_owned() } else { format!("{place}list {number}:") };
            if let Err(Broken { place, error, .. }) = self.list(list, 1, &place) {
                self.problem(Some(&place), error);
            }
        }
        any
    }

    /// Tells of broken JSON, and how much is not read for it. What stands inside of a broken record could pose as one, so
    /// nothing is read before a line that begins a value by itself.
    fn passed_over(&mut self, broken: &Broken, next: usize) {
        let Broken { at, place, error } = broken;
        let bytes = next - at;
        if bytes == 0 {
            return self.problem(Some(place), error.clone());
        }
        let error = format!(
            "{error}; so {bytes} bytes are passed over, since a part of a broken record could pose as one: get the file anew, or \
             mend it there"
        );
        self.problem(Some(place), error);
    }

    /// JSON lines, each by itself; a run of lines that begin no value is one problem. `open` is what is broken before them.
    fn lines(&mut self, text: &str, first: usize, mut open: Option<Open>) {
        let (mut in_run, mut behind, mut taken) = (false, 0, 0);
        for (line, number) in text.split_inclusive('\n').zip(first..) {
            let start = behind;
            behind += line.len();
            let line = message(line.trim_end_matches(['\n', '\r']));
            let here = format!("line {number}");
            let begins = line.starts_with(['{', '[']);
            if open.is_none() && line.trim_start().starts_with(['"', ',', '}', ']']) {
                // Inside of something that began elsewhere.
                (open, taken) = (Some(Open::default()), start);
            }
            if line.trim().is_empty() || !begins && in_run {
                continue;
            }
            in_run = !begins;
            if let (Some(open), true) = (&mut open, begins) {
                open.take(&text[taken..start]);
                taken = start;
            }
            match serde_json::from_str::<&RawValue>(line.trim()) {
                // The last of a list inside of something broken, or a member of such an object.
                Ok(_) if text[behind..].trim_start().starts_with([',', ']', '}']) => {
                    let error = "a part of something that is broken before it, not a line by itself";
                    self.problem(Some(&here), error.to_owned());
                }
                Ok(_) if begins && open.as_mut().is_some_and(|open| !open.ends_before(text, start)) => {
                    let error =
                        "perhaps a part of what is broken before it, and left out: get the file anew if it was cut";
                    self.problem(Some(&here), error.to_owned());
                }
                Ok(raw) if begins => {
                    open = None;
                    self.value(raw.get(), &here);
                }
                Ok(_) => self.problem(Some(&here), "no JSON object".to_owned()),
                Err(fault) => {
                    if begins && open.is_none() {
                        (open, taken) = (Some(Open::whole()), start);
                    }
                    self.problem(Some(&here), self::broken(&fault));
                }
            }
        }
    }

    /// One JSON value: an event, or a wrapping around some.
    pub(super) fn value(&mut self, raw: &str, place: &str) {
        if self.depth == DEEPEST {
            return self.problem(Some(place), "wrapped too deeply".to_owned());
        }
        self.depth += 1;
        match raw.as_bytes().first() {
            Some(b'{') => self.object(raw, place),
            Some(b'[') => self.columns(raw, place),
            _ => self.problem(Some(place), "no CloudTrail event: expected an object".to_owned()),
        }
        self.depth -= 1;
    }

    fn object(&mut self, raw: &str, place: &str) {
        // Mostly one reading tells both the head and the members.
        let members = Some(raw).filter(|raw| raw.len() <= USUAL).and_then(|raw| Members::read(raw).ok());
        let head = members.as_ref().and_then(Head::of);
        match head.map_or_else(|| serde_json::from_str::<Head<'_>>(raw), Ok) {
            Ok(head) if head.tells_event() => {
                if self.is_in_size(raw.len(), place) {
                    self.event(&head, place, || {
                        let members = members.or_else(|| Members::read(raw).ok())?;
                        Some(field::build(|name| members.value(name)))
                    });
                }
            }
            Ok(_) => match members.map_or_else(|| Members::read(raw), Ok) {
                Ok(members) => self.wrapping(&members, raw.len(), place),
                Err(fault) => self.problem(Some(place), broken(&fault)),
            },
            Err(fault) => match paired(raw) {
                Cow::Owned(paired) => self.object(&paired, place),
                Cow::Borrowed(_) => self.problem(Some(place), broken(&fault)),
            },
        }
    }

    /// Whether a record of so many bytes can be CloudTrail's; one that cannot is reported. Wrappings may be larger.
    pub(super) fn is_in_size(&mut self, bytes: usize, place: &str) -> bool {
        let fits = bytes <= LARGEST_RECORD;
        if !fits {
            let (limit, largest) = (LARGEST_RECORD >> 20, "CloudTrail's largest has 256 KB, CloudTrail Lake's 1 MB");
            self.problem(Some(place), format!("a record of {bytes} bytes, the limit is {limit} MiB: {largest}"));
        }
        fits
    }

    /// Counts an event and reads it if wanted, as [`field::build`] does.
    pub(super) fn event(
        &mut self,
        head: &Head<'_>,
        place: &str,
        read: impl FnOnce() -> Option<(Record, Vec<&'static str>)>,
    ) {
        self.seen += 1;
        if (self.keep)(head)
            && let Some((record, unread)) = read()
        {
            unread.into_iter().for_each(|column| self.unread(column, place));
            (self.on_record)(record);
        }
    }

    /// Reports a column that cannot be read; once an input, since all rows are of one make.
    fn unread(&mut self, column: &'static str, place: &str) {
        if self.unread.insert(column) {
            let error = format!(
                "`{column}` cannot be read for certain, here and perhaps in later rows: text without quotation marks, in which a \
                 name can pose as structure. Select it as JSON, as `denywatch query` does"
            );
            self.problem(Some(place), error);
        }
    }

    fn wrapping(&mut self, members: &Members<'_>, raw_len: usize, place: &str) {
        let is = |name: &str, start: char| members.raw(name).filter(|raw| raw.starts_with(start));
        if members.text("messageType").as_deref() == Some("CONTROL_MESSAGE") {
            return;
        }
        for name in ["cloudTrailEvent", "eventJson", "body", "message", "@message"] {
            if is(name, '"').is_some() {
                let inner = members.text(name).unwrap_or_default();
                return self.value(inner.trim(), place);
            }
        }
        if let Some(inner) = is("@message", '{') {
            return self.value(inner, place);
        }
        let sender = members.text("source").filter(|_| members.raw("detail-type").is_some());
        if let Some(sender) = sender.filter(|sender| !is_aws(sender)) {
            let error = format!(
                "an event of `{sender}`, not of AWS: whoever may put events on a bus can write one that looks like CloudTrail's"
            );
            return self.problem(Some(place), error);
        }
        if let Some(inner) = is("detail", '{').or_else(|| is("sns", '{')) {
            return self.value(inner, place);
        }
        let inner = if self.depth > 1 { format!("{place}:") } else { String::new() };
        if self.lists(members, 0, &inner) {
            return;
        }
        if self.depth == 1 && self.found(members, &inner) {
            return;
        }
        if self.is_in_size(raw_len, place) {
            let error = "no CloudTrail event: `eventName`, `eventSource` and `errorCode` are missing";
            self.problem(Some(place), error.to_owned());
        }
    }

    /// What Logs Insights found, as `GetQueryResults` has it: rows of fields. Other lists of that name hold whatever somebody
    /// asked for.
    fn found(&mut self, members: &Members<'_>, place: &str) -> bool {
        let rows: Option<Vec<&RawValue>> = members.raw("results").and_then(|raw| serde_json::from_str(raw).ok());
        let messages = |row: &&RawValue| {
            let cells: Vec<&RawValue> = serde_json::from_str(row.get()).ok()?;
            cells.iter().find_map(|cell| message_field(cell.get()))
        };
        let Some(rows) = rows.filter(|rows| rows.first().and_then(messages).is_some()) else { return false };
        for (row, number) in rows.iter().zip(1..) {
            let here = format!("{place}record {number}");
            match messages(row) {
                Some(message) => self.value(message.trim(), &here),
                None => self.problem(Some(&here), "a row without `@message`: ask for that field, too".to_owned()),
            }
        }
        true
    }

    /// A Lake result row: a list of objects with one column each. Or one of CloudWatch Logs Insights: of its fields `@message` is
    /// the event.
    fn columns(&mut self, raw: &str, place: &str) {
        let cells: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
        if let Some(message) = cells.iter().find_map(|cell| message_field(cell.get())) {
            return self.value(message.trim(), place);
        }
        let bare =
            |cell: &&RawValue| cell.get().strip_prefix('{').and_then(|text| text.strip_suffix('}')).map(str::to_owned);
        let parts: Option<Vec<String>> = cells.iter().map(bare).collect();
        match parts.filter(|parts| !parts.is_empty()) {
            Some(parts) => self.object(&format!("{{{}}}", parts.join(",")), place),
            None => self.problem(Some(place), "no CloudTrail event: expected an object".to_owned()),
        }
    }

    /// Reports a fault at a place within the input, or of the whole input.
    pub(super) fn problem(&mut self, place: Option<&str>, error: String) {
        let input = place.map_or_else(|| self.name.to_owned(), |place| format!("{}:{place}", self.name));
        (self.on_problem)(Problem { input, error });
    }
}

/// Whether an EventBridge event's `source` is a service of AWS: `PutEvents` takes `aws.…` from nobody else, but for partners,
/// whose sources begin with `aws.partner/`.
/// See <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html> and
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-saas.html>.
///
/// ```
/// use denywatch::record::is_aws;
/// assert!(is_aws("aws.kms") && !is_aws("acme.orders") && !is_aws("aws.partner/acme.com/orders"));
/// ```
pub fn is_aws(source: &str) -> bool {
    source.starts_with("aws.") && !source.starts_with("aws.partner/")
}

/// The length of `{"Records":[` at the text's beginning.
pub(super) fn records_list(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for part in ["{", "\"Records\"", ":", "["] {
        at = skip_space(text, at);
        at += text[at..].starts_with(part.as_bytes()).then_some(part.len())?;
    }
    Some(at)
}

fn next_value(text: &str, at: usize) -> Result<(&str, usize), serde_json::Error> {
    let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<&RawValue>();
    let value = match values.next() {
        Some(value) => value?,
        None => return Err(serde::de::Error::custom("the input ends")),
    };
    Ok((value.get(), at + values.byte_offset()))
}

pub(super) fn skip_space(text: impl AsRef<[u8]>, at: usize) -> usize {
    let space = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    at + text.as_ref()[at..].iter().take_while(|b| space(b)).count()
}

pub(super) fn newlines(text: impl AsRef<[u8]>) -> usize {
    text.as_ref().iter().filter(|b| **b == b'\n').count()
}

/// The value of a field `@message`, as `GetQueryResults` of CloudWatch Logs has it.
/// See <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ResultField.html>.
fn message_field(cell: &str) -> Option<String> {
    let members = Members::read(cell).ok()?;
    (members.text("field")? == "@message").then(|| members.text("value"))?
}

fn broken(fault: &serde_json::Error) -> String {
    format!("broken JSON: {fault}")
}
