//! Laws of `record`: what the quick look at an event decides is what reading it whole would.

use denywatch::denial::code::{is_denial, is_denial_code};
use denywatch::record::{self, Head, Isa, Record};
use serde_json::Value;

/// The quick scan finds the denials that reading everything finds, and both find what plain `serde_json` finds.
pub fn record(bytes: &[u8]) {
    let (records, problems) = record::read(bytes, "x");
    let mut again = 0;
    let seen = record::for_each(bytes, "x", |_| again += 1, |_| {});
    assert_eq!(again, records.len(), "reading twice gives two answers");
    assert!(seen >= again as u64, "{seen} events, of which {again} were read");
    let denied: Vec<&Record> = records.iter().filter(|record| is_denied(record)).collect();
    let scanned = scan(bytes);
    assert_eq!(scanned.iter().collect::<Vec<_>>(), denied, "the quick scan and reading everything differ");
    if let Some(expected) = plainly(bytes) {
        assert_eq!(records, expected, "serde_json reads other events");
        assert_eq!(problems, []);
    }
}

/// Every instruction set sifts alike, and of valid JSON what is sifted are the denials that reading all of it finds, and as
/// many events.
pub fn sifted(bytes: &[u8]) {
    let best = record::sift_with(Isa::best(), bytes);
    for isa in Isa::available() {
        assert_eq!(record::sift_with(isa, bytes), best, "{isa:?}");
    }
    let Some(sifted) = best else { return };
    behind_others(bytes, &sifted);
    for one in &sifted.candidates {
        // What is dropped unread for its one error code: nothing in it can be a denial, if it is JSON.
        let code = one.only_error_code().filter(|code| !is_denial_code(code) && !one.has_escapes);
        if code.is_some() && !one.raw.contains("User: arn:") {
            let mut denied = 0;
            one.read("x", head_is_denied, |_| denied += 1, |_| {});
            assert!(denied == 0 || serde_json::from_str::<Value>(one.raw).is_err(), "{}", one.raw);
        }
    }
    // A wrapping inside an event's clothes is no log of AWS's.
    let is_valid =
        serde_json::from_slice::<Value>(&without_surrogates(bytes)).is_ok_and(|value| !names_wrapping(&value));
    if !is_valid {
        return;
    }
    let mut found = Vec::new();
    let read = sifted.candidates.iter().map(|one| one.read("x", head_is_denied, |record| found.push(record), |_| {}));
    let seen = sifted.allowed + read.sum::<u64>();
    assert_eq!(found, scan(bytes), "sifting and reading everything differ");
    assert_eq!(seen, record::for_each(bytes, "x", |_| {}, |_| {}), "sifting counts other events");
    refusals(bytes, seen, &found);
}

/// What is passed over for its code, or for bearing none of its own, is no denial, and counts.
fn refusals(bytes: &[u8], expect: u64, denied: &[Record]) {
    let may_mean = |code: &[u8], event: &[u8]| {
        let relays = String::from_utf8_lossy(event).contains("User: arn:");
        relays || std::str::from_utf8(code).map_or(true, is_denial_code)
    };
    let sifted = record::sift_refusals(bytes, may_mean);
    assert!(sifted.is_some(), "what can be sifted can be sifted for refusals");
    let sifted = sifted.unwrap_or_default();
    let mut found = Vec::new();
    let read = sifted.candidates.iter().map(|one| one.read("x", head_is_denied, |record| found.push(record), |_| {}));
    assert_eq!(sifted.allowed + read.sum::<u64>(), expect, "sifting for refusals counts other events");
    assert_eq!(found, denied, "sifting for refusals finds others");
}

/// What stands where in the batches of 4,096 bytes, three of which are under way at once, does not show.
fn behind_others(bytes: &[u8], alone: &record::Sifted<'_>) {
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return;
    }
    for batches in 1..=4 {
        let pad = (batches * 4096_usize).saturating_sub(90 + bytes.len() / 2);
        let event = format!(r#"{{"eventVersion":"1.08","userIdentity":{{}},"x":"{}"}}"#, "x".repeat(pad));
        let both = [format!(r#"{{"Records":[{event}]}}"#).as_bytes(), bytes].concat();
        for isa in Isa::available() {
            let found = record::sift_with(isa, &both).unwrap_or_default();
            assert_eq!(found.allowed, alone.allowed + 1, "{isa:?} {batches}");
            let told = |sifted: &record::Sifted<'_>| -> Vec<(String, [bool; 3])> {
                let each = sifted.candidates.iter();
                each.map(|one| (one.raw.to_owned(), [one.is_event, one.may_be_denied, one.has_escapes])).collect()
            };
            assert_eq!(told(&found), told(alone), "{isa:?} {batches}");
        }
    }
}

/// The same without the escapes that JSON's grammar allows by themselves, and that plain `serde_json` does not read.
fn without_surrogates(bytes: &[u8]) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::new(), bytes);
    while let [first, behind @ ..] = rest {
        let (taken, left) = match rest {
            [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', left @ ..] => (&b"\\uff"[..], left),
            [b'\\', any, left @ ..] => (&[b'\\', *any][..], left),
            _ => (&[*first][..], behind),
        };
        plain.extend_from_slice(taken);
        rest = left;
    }
    plain
}

fn names_wrapping(value: &Value) -> bool {
    let is_named = |event: &Value| {
        event.as_object().is_some_and(|event| event.keys().any(|key| folded(key, &["cloudtrailevent"])))
    };
    let events = value.get("Records").and_then(Value::as_array);
    events.into_iter().flatten().any(is_named)
}

fn head_is_denied(head: &Head<'_>) -> bool {
    let source = head.event_source.as_deref();
    is_denial(head.error_code.as_deref(), source, head.event_type.as_deref(), head.error_message.as_deref())
}

fn is_denied(record: &Record) -> bool {
    let word = |text: &Option<String>| text.clone();
    let (code, source) = (word(&record.error_code), word(&record.event_source));
    is_denial(code.as_deref(), source.as_deref(), record.event_type.as_deref(), record.error_message.as_deref())
}

fn scan(bytes: &[u8]) -> Vec<Record> {
    let mut found = Vec::new();
    record::scan(bytes, "x", head_is_denied, |record| found.push(record), |_| {});
    found
}

/// The events of a valid `{"Records": [EVENT…]}`, `[EVENT…]` or `EVENT`; `None` for every other shape, and where one text
/// names two things (a wrapping twice, or an event that is a wrapping too).
fn plainly(bytes: &[u8]) -> Option<Vec<Record>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let value: Value = serde_json::from_str(text).ok()?;
    match &value {
        Value::Array(events) => all(events),
        Value::Object(members) => match members.get("Records") {
            Some(Value::Array(events)) => (members.len() == 1 && once(text, "Records")).then(|| all(events))?,
            Some(_) => None,
            None => all(std::slice::from_ref(&value)),
        },
        _ => None,
    }
}

fn once(text: &str, word: &str) -> bool {
    // An escaped spelling of the same key would be missed.
    text.matches(word).count() == 1 && !text.contains('\\')
}

fn all(events: &[Value]) -> Option<Vec<Record>> {
    let wrappings = ["cloudtrailevent", "records", "\\"];
    let plain = |event: &Value| event.as_object().is_some_and(|event| !event.keys().any(|key| folded(key, &wrappings)));
    events.iter().map(|event| Record::from_value(event).filter(|_| plain(event))).collect()
}

fn folded(key: &str, names: &[&str]) -> bool {
    names.contains(&key.replace('_', "").to_ascii_lowercase().as_str())
}

/// CloudTrail's columns of the table that [`table`] writes.
const COLUMNS: [&str; 6] = ["eventID", "eventSource", "eventName", "errorCode", "errorMessage", "userAgent"];

/// Cells written as CSV come back as they were, whatever they hold; `cells` are cut at NUL.
pub fn table(cells: &str) {
    record(cells.as_bytes());
    record(format!("eventName,errorCode,errorMessage\n{cells}").as_bytes());
    let cells: Vec<&str> = cells.split('\0').collect();
    for delimiter in [',', ';', '\t'] {
        let delimiter = delimiter.to_string();
        let rows: Vec<String> = cells
            .chunks_exact(COLUMNS.len())
            .map(|row| row.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(&delimiter))
            .collect();
        let text = format!("{}\n{}", COLUMNS.join(&delimiter), rows.join("\n"));
        let (records, problems) = record::read(text.as_bytes(), "x");
        let full = cells.chunks_exact(COLUMNS.len()).filter(|row| row.iter().any(|cell| !cell.is_empty()));
        let full: Vec<&[&str]> = full.collect();
        assert_eq!((records.len(), problems), (full.len(), Vec::new()), "{text:?}");
        for (record, row) in records.iter().zip(full) {
            let read = [
                &record.event_id,
                &record.event_source,
                &record.event_name,
                &record.error_code,
                &record.error_message,
                &record.user_agent,
            ];
            let known = |cell: &&str| Some((*cell).to_owned()).filter(|cell| !cell.is_empty() && cell != "null");
            assert_eq!(read.map(Clone::clone).to_vec(), row.iter().map(known).collect::<Vec<_>>(), "{text:?}");
        }
    }
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}
