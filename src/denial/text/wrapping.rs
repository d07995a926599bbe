//! What the text around a message names: error code, operation, service.

use super::super::code::is_denial_code;
use super::Excerpt;

/// Fills in what CLI, SDKs and tools write before and behind a message.
pub(super) fn name(excerpt: &mut Excerpt, before: &str, after: &str) {
    let cli = last_between(before, "An error occurred (", ")");
    let go = last_between(before, "operation error ", ",").and_then(|text| text.split_once(": "));
    let tail = excerpt.parsed.service_tail.clone().unwrap_or_default();
    let code =
        cli.or_else(|| last_between(before, "api error ", ":")).or_else(|| first_between(&tail, "Error Code: ", ";"));
    let token = || codes(before).last().or_else(|| codes(after).next());
    excerpt.error_code = code.or_else(token).map(str::to_owned);
    let cli_operation = last_between(before, "when calling the ", " operation");
    let executing = last_between(before, "Error executing \"", "\"");
    let operation = cli_operation.or(executing).or(go.map(|(_, operation)| operation));
    excerpt.operation = operation.filter(|name| is_word(name)).map(str::to_owned);
    let service = go.map(|(service, _)| service).or_else(|| service_of(&tail));
    excerpt.service = service.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty() && name.len() < 60);
}

/// `Service: AmazonS3; Status Code: …` or `Service: S3, Status Code: …`.
fn service_of(tail: &str) -> Option<&str> {
    let rest = tail.strip_prefix("Service: ")?;
    Some(rest.split([';', ',']).next().unwrap_or(rest))
}

/// Error codes in a text, each as printed, without the package that Java puts before.
pub(super) fn codes(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    let part = |c: char| !(c.is_ascii_alphanumeric() || c == '.');
    text.split(part).map(|word| last_segment(word.trim_matches('.'))).filter(|word| is_code(word))
}

/// Whether a line reports an error of its own.
pub(super) fn begins_statement(line: &str) -> bool {
    let starts = |marks: &[&str]| marks.iter().any(|mark| line.contains(mark));
    starts(&["An error occurred (", "operation error ", "api error "])
        || codes(line).next().is_some_and(|code| line.starts_with(code))
}

/// `Client.UnauthorizedOperation` keeps its prefix; a Java class loses its package.
fn last_segment(word: &str) -> &str {
    if word.starts_with("Client.") || word.starts_with("Server.") {
        word
    } else {
        word.rsplit('.').next().unwrap_or(word)
    }
}

/// A code, not an English word such as `Forbidden`.
fn is_code(word: &str) -> bool {
    word.bytes().filter(u8::is_ascii_uppercase).count() >= 2 && word.len() < 80 && is_denial_code(word)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() < 80 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn last_between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let rest = &text[text.rfind(start)? + start.len()..];
    rest.split_once(end).map(|(found, _)| found)
}

fn first_between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let rest = &text[text.find(start)? + start.len()..];
    Some(rest.split(end).next().unwrap_or(rest).trim())
}
