//! Bytes → [`Record`]: one CloudTrail event, read tolerantly. Knows JSON, not IAM.
//! See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.

mod csv;
mod cut;
mod field;
mod glance;
mod head;
mod json;
mod line;
mod members;
mod paired;
mod row;
mod sift;
mod skim;
mod texts;
mod utf16;

pub use cut::{Cut, Cutter, Layout};
pub use field::time;
pub use glance::Glance;
pub use head::Head;
pub use json::is_aws;
#[cfg_attr(not(feature = "io"), allow(unused_imports, reason = "for what reads files"))]
#[cfg(feature = "io")]
pub(crate) use line::next_by_itself;
#[cfg_attr(not(feature = "lambda"), allow(unused_imports, reason = "for what reads log files by itself"))]
pub(crate) use paired::paired;
pub use sift::{Candidate, Isa, Named, Sifted, scan_errors, sift, sift_all, sift_calls, sift_refusals, sift_with};
#[cfg(feature = "io")]
pub(crate) use utf16::Decoder as Utf16;
pub(crate) use utf16::decode as utf16;

use jiff::Timestamp;
use serde_json::Value;
use std::sync::LazyLock;

/// Bytes of the largest record that is read: 4 MiB. CloudTrail's own end at 256 KB, CloudTrail Lake's at 1 MB, so that
/// a larger one is no event but a way to fill the memory: read, it takes up to forty times its bytes. Lists of records may be larger.
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html>.
pub const LARGEST_RECORD: usize = 4 << 20;

/// One CloudTrail event; a field is `None` when the event lacks it, holds null, or holds another type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// `eventID`: the key for counting once.
    pub event_id: Option<String>,
    /// `sharedEventID`: the same act, delivered to two accounts.
    pub shared_event_id: Option<String>,
    /// `eventTime`, UTC, whole seconds.
    pub event_time: Option<Timestamp>,
    /// Such as `kms.amazonaws.com`.
    pub event_source: Option<String>,
    /// The API operation, sometimes with an API date behind it.
    pub event_name: Option<String>,
    /// `AwsApiCall`, `AwsVpceEvent`, ….
    pub event_type: Option<String>,
    /// `awsRegion`.
    pub region: Option<String>,
    /// `recipientAccountId`: the account whose trail this is.
    pub recipient_account: Option<String>,
    /// Absent on success.
    pub error_code: Option<String>,
    /// Cut at 1 KB by CloudTrail.
    pub error_message: Option<String>,
    /// `userIdentity` (an object, the keys that AWS documents in AWS's letter case), else null. Read it through
    /// [`crate::principal`].
    pub user_identity: Value,
    /// An address, a service's DNS name, or `AWS Internal`.
    pub source_ip: Option<String>,
    /// Chosen by the caller: untrusted.
    pub user_agent: Option<String>,
    /// `requestParameters`, often null on denials. Chosen by the caller: untrusted.
    pub request_parameters: Value,
    /// `additionalEventData`.
    pub additional_event_data: Value,
    /// `resources[].ARN`.
    pub resource_arns: Vec<String>,
    /// `resources[].accountId`: who owns them.
    pub resource_accounts: Vec<String>,
    /// Whether the call only reads; wider than List/Get/Describe.
    pub read_only: Option<bool>,
    /// `Management`, `Data`, `NetworkActivity`, ….
    pub event_category: Option<String>,
    /// Set when the call came through a VPC endpoint.
    pub vpc_endpoint_id: Option<String>,
}

/// Where and when an event happened; a field is `None` when the event does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// See [`Record::recipient_account`].
    pub account: Option<String>,
    /// See [`Record::region`].
    pub region: Option<String>,
    /// See [`Record::event_time`].
    pub time: Option<Timestamp>,
}

/// Where and when one event happened, without reading the rest of its JSON, whose faults need not show; `None` for what is no JSON
/// object by its brackets.
///
/// ```
/// let place = denywatch::record::whereabouts(r#"{"awsRegion": "eu-west-1", "recipientAccountId": "111122223333"}"#).unwrap();
/// assert_eq!((place.region.as_deref(), place.time), (Some("eu-west-1"), None));
/// ```
pub fn whereabouts(event: &str) -> Option<Whereabouts> {
    let usual = PLACE.texts(event).or_else(|| skimmed_place(event));
    if let Some([account, region, at]) = usual.filter(|all| all.iter().all(|text| !matches!(*text, "" | "null"))) {
        let (account, region) = (Some(account.to_owned()), Some(region.to_owned()));
        return Some(Whereabouts { account, region, time: time(at) });
    }
    let members = members::Members::read(event).ok()?;
    let get = |name: &str| members.value(name);
    Some(field::whereabouts(get))
}

/// The keys of account, Region and time.
static PLACE: LazyLock<texts::Keys<3>> =
    LazyLock::new(|| texts::Keys::of(["\"recipientAccountId\"", "\"awsRegion\"", "\"eventTime\""]));

/// Account, Region and time of what is written otherwise: with white space between its members, with escapes.
fn skimmed_place(event: &str) -> Option<[&str; 3]> {
    let (mut account, mut region, mut at) = (None, None, None);
    skim::members(event, |key, value| match key {
        "recipientAccountId" => account = skim::text(value),
        "awsRegion" => region = skim::text(value),
        "eventTime" => at = skim::text(value),
        _ => {}
    })?;
    Some([account?, region?, at?])
}

/// How an event ended, without reading the rest of its JSON: `errorCode`, `errorMessage`, `eventSource`, `eventType` as in a
/// [`Head`]. `None` where it is not written as CloudTrail writes events; then only reading it tells.
pub fn ending(event: &str) -> Option<Head<'_>> {
    let mut head = Head::default();
    let mut is_usual = true;
    skim::members(event, |key, value| {
        // Whatever its spelling, a key that begins otherwise is none of these.
        if !matches!(key.as_bytes().first(), Some(b'e' | b'E' | b'c' | b'C' | b'_')) {
            return;
        }
        let place = match key {
            "errorCode" => &mut head.error_code,
            "errorMessage" => &mut head.error_message,
            "eventSource" => &mut head.event_source,
            "eventType" => &mut head.event_type,
            _ => {
                let names = ["errorCode", "errorMessage", "eventSource", "eventType", "cloudTrailEvent"];
                is_usual &= !names.iter().any(|name| field::same_key(key, name));
                return;
            }
        };
        // A value with an escape, or twice the same name, is for the reader.
        is_usual &= place.is_none() && skim::text(value).is_some_and(|text| !matches!(text, "" | "null"));
        *place = skim::text(value).map(std::borrow::Cow::Borrowed);
    })?;
    is_usual.then_some(head)
}

/// An input, or a part of one, that could not be read; the rest went through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// Which input: a file, and the record in it where that is known.
    pub input: String,
    /// What is wrong and what helps.
    pub error: String,
}

/// Faults of one input that are told one by one; how many more there were is told in one.
pub const MOST_PROBLEMS: usize = 20;

/// That there were so many more.
pub(crate) fn more_problems(input_name: &str, more: u64) -> Problem {
    Problem { input: input_name.to_owned(), error: format!("and {more} more that cannot be read") }
}

impl Record {
    /// Reads one event that is a JSON object already; wrappings (`Records`, `detail`, …) are [`read`]'s business.
    /// `None` for anything but an object with a CloudTrail event's members.
    pub fn from_value(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let get = |name: &str| {
            let folded = || object.iter().find(|(key, _)| field::same_key(key, name)).map(|(_, value)| value);
            object.get(name).or_else(folded).cloned()
        };
        field::is_event(|name| get(name).is_some()).then(|| field::build(get).0)
    }
}

/// Every event in an input, and what could not be read, in the input's order.
///
/// The shape is told by content: `{"Records": […]}`, a bare list, one event, JSON lines, EventBridge envelopes,
/// LookupEvents output, CloudWatch Logs payloads (decoded), exports, `aws logs tail` and results of Logs Insights as JSON or CSV
/// that have `@message`, Athena and Lake rows as JSON or CSV. A size above
/// [`LARGEST_RECORD`], or a fault in a line of JSON lines, loses the record that has it and no other. Broken JSON in a list, or
/// in a value of several lines, loses what is behind it, too, up to the next line that begins a value: what stands inside of a
/// broken record could pose as one. How many bytes that are is told. Half a surrogate pair (`\ud800`) is read as U+FFFD, as are
/// bytes that are no UTF-8. `input_name` is put before the place in a [`Problem`]; of more than [`MOST_PROBLEMS`] the rest is
/// told as a number.
///
/// ```
/// let (records, problems) = denywatch::record::read(br#"{"Records": [{"eventName": "GetObject"}, 7]}"#, "log.json");
/// assert_eq!(records[0].event_name.as_deref(), Some("GetObject"));
/// assert_eq!(problems[0].input, "log.json:record 2");
/// ```
pub fn read(bytes: &[u8], input_name: &str) -> (Vec<Record>, Vec<Problem>) {
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    for_each(bytes, input_name, |record| records.push(record), |problem| problems.push(problem));
    (records, problems)
}

/// Whether a text is a CSV table of events, by the columns that its first row names.
///
/// ```
/// use denywatch::record::is_table;
/// assert!(is_table("eventname,errorcode\nGetObject,AccessDenied\n"));
/// assert!(!is_table("User: a, b is not authorized"));
/// ```
pub fn is_table(text: &str) -> bool {
    csv::Table::open(text).is_some()
}

/// What stands between the cells of a table's first row; `None` where the text is no table.
#[cfg_attr(not(feature = "io"), allow(dead_code, reason = "for what reads files"))]
pub(crate) fn delimiter_of(text: &str) -> Option<u8> {
    csv::Table::open(text).map(|table| table.delimiter())
}

/// [`read`], handing out one event at a time, so that a large input never stands in memory as records. Returns how many
/// events there were.
pub fn for_each(bytes: &[u8], input_name: &str, on_record: impl FnMut(Record), on_problem: impl FnMut(Problem)) -> u64 {
    scan(bytes, input_name, |_| true, on_record, on_problem)
}

/// [`for_each`] for the few among many: `keep` sees an event's [`Head`], and only those that it keeps are read whole.
/// Returns how many events there were, kept or not.
///
/// ```
/// use denywatch::{denial::code::is_denial, record};
/// let log = br#"{"Records": [{"eventName": "GetObject"}, {"eventName": "PutObject", "errorCode": "AccessDenied"}]}"#;
/// let mut denied = Vec::new();
/// let keep = |head: &record::Head<'_>| is_denial(head.error_code.as_deref(), None, None, None);
/// let seen = record::scan(log, "log.json", keep, |record| denied.push(record), |_| {});
/// assert_eq!((seen, denied.len()), (2, 1));
/// ```
pub fn scan(
    bytes: &[u8],
    input_name: &str,
    keep: impl FnMut(&Head<'_>) -> bool,
    on_record: impl FnMut(Record),
    mut on_problem: impl FnMut(Problem),
) -> u64 {
    let mut faults = 0;
    let few = |problem| {
        faults += 1;
        if faults <= MOST_PROBLEMS {
            on_problem(problem);
        }
    };
    let seen = scan_telling_all(bytes, input_name, keep, on_record, few);
    if faults > MOST_PROBLEMS {
        on_problem(more_problems(input_name, (faults - MOST_PROBLEMS) as u64));
    }
    seen
}

/// [`scan`] of what may be a part of an input: each problem is handed out, for whoever knows which are told of the whole.
pub(crate) fn scan_telling_all(
    bytes: &[u8],
    input_name: &str,
    mut keep: impl FnMut(&Head<'_>) -> bool,
    mut on_record: impl FnMut(Record),
    mut on_problem: impl FnMut(Problem),
) -> u64 {
    let mut reader = json::Reader::new(input_name, &mut keep, &mut on_record, &mut on_problem);
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match (std::str::from_utf8(bytes), utf16(bytes)) {
        (_, Some(text)) => reader.text(&text),
        (Ok(text), None) => reader.text(text),
        (Err(fault), None) => {
            let at = fault.valid_up_to();
            reader.problem(None, format!("not UTF-8 at byte {at}; such bytes are read as U+FFFD"));
            reader.text(&String::from_utf8_lossy(bytes));
        }
    }
    reader.seen
}

#[cfg(test)]
mod tests;
