//! Finds in a text what is to be masked.

use super::{Kind, Redactor, arn};
use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Included, Unbounded};

/// Ends an ARN in a text.
fn ends_arn(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '"' | '\'' | ',' | '`' | '(' | ')' | '[' | ']' | '<' | '>' | '|' | ';' | '\\')
}

/// The ARNs in a text.
pub(super) fn arns(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("arn:") {
        if !text[..at].chars().next_back().is_some_and(char::is_alphanumeric) {
            found.extend(arn_at(text, at));
        }
    }
    found
}

/// The ARN that begins here; `None` when it has no six parts.
fn arn_at(text: &str, at: usize) -> Option<&str> {
    let rest = &text[at..];
    let end = rest.find(ends_arn).unwrap_or(rest.len());
    let whole = rest[..end].trim_end_matches(['.', ':', '!']);
    (whole.matches(':').count() >= 5 && whole.starts_with("arn:aws")).then_some(whole)
}

/// The text, masked; `words` also where a learned name stands as a word by itself.
pub(super) fn text(redactor: &mut Redactor, text: &str, words: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let begins = !text[..at].chars().next_back().is_some_and(is_inside);
        let taken = if begins { piece(redactor, text, at, words) } else { None };
        match taken {
            Some((len, mask)) => {
                out.push_str(&mask);
                at += len;
            }
            None => {
                let c = rest.chars().next().unwrap_or_default();
                out.push(c);
                at += c.len_utf8().max(1);
            }
        }
    }
    out
}

/// Characters by which a word goes on. `=` stands between words more often than in a name: `role=app`.
fn is_inside(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Characters that a mail's address, a cut name or an IP address may hold besides.
fn is_between(c: char) -> bool {
    matches!(c, '.' | '-' | ':' | '/' | '…' | '*' | '+' | '@')
}

/// What is to be masked here: its length and its mask.
fn piece(redactor: &mut Redactor, text: &str, at: usize, words: bool) -> Option<(usize, String)> {
    if let Some(found) = text[at..].starts_with("arn:").then(|| arn_at(text, at)).flatten() {
        return Some((found.len(), arn::masked(redactor, found)));
    }
    let rest = &text[at..];
    let end = rest.find(|c: char| !(is_inside(c) || is_between(c))).unwrap_or(rest.len());
    let token = &rest[..end];
    if is_uuid(token) {
        // An event's or a request's: nobody's name, and its last part may look like an account.
        return match redactor.names.contains(token) && words {
            true => Some((token.len(), redactor.mask(Kind::Name, token))),
            false => Some((token.len(), token.to_owned())),
        };
    }
    cut(redactor, token, words)
        .or_else(|| known(redactor, rest, words))
        .or_else(|| mail(redactor, token))
        .or_else(|| address(redactor, token))
        .or_else(|| digits(redactor, text, at))
        .or_else(|| key_id(redactor, token))
}

/// What a table has cut in the middle: beginning and end are those of something known.
fn cut(redactor: &mut Redactor, token: &str, words: bool) -> Option<(usize, String)> {
    let (head, tail) = token.split_once('…').filter(|(head, _)| words && !head.is_empty())?;
    let whole = ending(&redactor.names, head, tail).or_else(|| ending(&redactor.whole, head, tail))?.to_owned();
    Some((token.len(), redactor.mask(Kind::Name, &whole)))
}

/// The first of these that begins and ends so. Those with this beginning are gone through.
pub(super) fn ending<'n>(all: &'n BTreeSet<String>, head: &str, tail: &str) -> Option<&'n str> {
    let mut with_head = all.range::<str, _>((Included(head), Unbounded)).take_while(|whole| whole.starts_with(head));
    with_head.find(|whole| whole.ends_with(tail)).map(String::as_str)
}

/// The longest name that was learned and stands here as a word.
fn known(redactor: &mut Redactor, rest: &str, words: bool) -> Option<(usize, String)> {
    let name = words.then(|| longest(&redactor.names, rest)).flatten()?.to_owned();
    Some((name.len(), redactor.mask(Kind::Name, &name)))
}

/// The longest of the names with which the text begins and that ends there as a word. An archive has tens of thousands of
/// names, so that not each is held against the text: of those that begin it, the longest stands last in order.
pub(super) fn longest<'n>(names: &'n BTreeSet<String>, text: &str) -> Option<&'n str> {
    let ends = |after: &str| !after.chars().next().is_some_and(|c| is_inside(c) || c == '-');
    let mut below = Included(text);
    loop {
        let name = names.range::<str, _>((Unbounded, below)).next_back()?;
        below = match text.strip_prefix(name.as_str()) {
            Some(after) if ends(after) => return Some(name),
            Some(after) => Excluded(&text[..text.len() - after.len()]),
            None => Included(common(text, name)),
        };
    }
}

/// What both begin with.
fn common<'t>(text: &'t str, other: &str) -> &'t str {
    let same = text.char_indices().zip(other.chars()).take_while(|((_, a), b)| a == b);
    let end = same.last().map_or(0, |((at, c), _)| at + c.len_utf8());
    &text[..end]
}

fn mail(redactor: &mut Redactor, token: &str) -> Option<(usize, String)> {
    let token = token.trim_end_matches(['.', ':', '/', '-']);
    let (local, host) = token.split_once('@')?;
    let is_host = host.contains('.') && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    (!local.is_empty() && is_host).then(|| (token.len(), redactor.mask(Kind::Mail, token)))
}

/// An IP address, of either version.
fn address(redactor: &mut Redactor, token: &str) -> Option<(usize, String)> {
    let len = token.find(|c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | ':'))).unwrap_or(token.len());
    let token = token[..len].trim_end_matches(['.', ':']);
    let is_one = token.parse::<std::net::Ipv4Addr>().is_ok()
        || token.matches(':').count() >= 2 && token.parse::<std::net::Ipv6Addr>().is_ok();
    is_one.then(|| (token.len(), redactor.mask(Kind::Address, token)))
}

/// Twelve digits.
fn digits(redactor: &mut Redactor, text: &str, at: usize) -> Option<(usize, String)> {
    let rest = &text[at..];
    let len = rest.bytes().take_while(u8::is_ascii_digit).count();
    let goes_on = rest[len..].chars().next().is_some_and(char::is_alphanumeric);
    (len == 12 && !goes_on).then(|| (len, redactor.mask(Kind::Account, &rest[..len])))
}

/// IDs of access keys and principals: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>.
fn key_id(redactor: &mut Redactor, token: &str) -> Option<(usize, String)> {
    let len = token.bytes().take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit()).count();
    let begins = ["AKIA", "ASIA", "AROA", "AIDA", "AGPA", "ANPA", "ANVA", "APKA", "ABIA", "ACCA", "AIPA", "ASCA"];
    let is_one = (16..=128).contains(&len) && begins.iter().any(|start| token.starts_with(start));
    is_one.then(|| (len, redactor.mask(Kind::Key, &token[..len])))
}

fn is_uuid(token: &str) -> bool {
    token.len() == 36
        && token.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}
