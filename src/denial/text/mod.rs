//! Denial messages in a pasted error or log, whatever wraps them.
//!
//! Only lines and quotation marks are interpreted here; what a message says is [`super::message`]'s business. A message
//! ends where its grammar does, so of several possible ends the one that leaves nothing over wins.

mod anchor;
mod clean;
mod end;
mod join;
mod wrapping;

use super::message::{Parsed, parse_pasted};
use anchor::Paragraph;
use std::collections::BTreeMap;

/// One message found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The message alone: one line, escapes undone. Empty where the text names only an error code.
    pub message: String,
    /// What it says. Read this rather than the message again: where a line break makes a name uncertain, the name is
    /// missing here.
    pub parsed: Parsed,
    /// The API operation, such as `PutObject`, where the text around names it.
    pub operation: Option<String>,
    /// The service in the words of the SDK or tool (`S3`, `AmazonS3`, `Iam`), where the text around names it.
    pub service: Option<String>,
    /// The error code, where the text around names it.
    pub error_code: Option<String>,
}

/// Every denial in `text`, in its order, each distinct one once; empty when there is none.
///
/// Understands bare messages, the AWS CLI, boto3, the SDKs for Go, Java, JavaScript, PHP and Rust, Terraform,
/// CloudFormation, XML and JSON-escaped logs, colours, timestamps, and messages wrapped over lines.
///
/// ```
/// let found = denywatch::denial::text::find(
///     "An error occurred (AccessDenied) when calling the GetObject operation: User: arn:aws:iam::111122223333:user/ana \
///      is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/k\" because no identity-based policy \
///      allows the s3:GetObject action",
/// );
/// assert_eq!(found[0].operation.as_deref(), Some("GetObject"));
/// assert_eq!(found[0].parsed.resource.as_deref(), Some("arn:aws:s3:::b/k"));
/// ```
pub fn find(text: &str) -> Vec<Excerpt> {
    let lines = clean::lines(text);
    let last_marks = last_marks(&lines);
    let (mut found, mut open, mut base) = (Vec::new(), None, 0);
    for part in lines.split(|line| line.text.is_empty()) {
        if !part.is_empty() {
            Paragraph::new(part, base, &last_marks).excerpts(&mut found, &mut open);
        }
        base += part.len() + 1;
    }
    if found.is_empty() {
        found.extend(whole(text));
    }
    let mut distinct: Vec<Excerpt> = Vec::new();
    for mut excerpt in found {
        if excerpt.message != text.trim() {
            end::doubt_bare_quotes(&mut excerpt);
        }
        let seen = distinct.iter().rev().take(50).any(|other| *other == excerpt);
        if !seen {
            distinct.push(excerpt);
        }
    }
    distinct
}

/// For each line of the input the last of ours from it that holds an escaped quotation mark.
fn last_marks(lines: &[clean::Line]) -> BTreeMap<usize, usize> {
    let marked = lines.iter().enumerate().filter(|(_, line)| line.text.contains(clean::ESCAPED_QUOTE));
    marked.map(|(n, line)| (line.source, n)).collect()
}

/// A text that is nothing but one known message, such as `Access Denied`.
fn whole(text: &str) -> Option<Excerpt> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = line.trim_matches(['"', '\'', '`']);
    let parsed = parse_pasted(message);
    let code = wrapping::codes(message).next().filter(|code| *code == message).map(str::to_owned);
    let known = !message.is_empty() && (parsed.reason.special.is_some() || code.is_some());
    known.then(|| Excerpt { message: message.to_owned(), parsed, operation: None, service: None, error_code: code })
}

#[cfg(test)]
mod tests;
