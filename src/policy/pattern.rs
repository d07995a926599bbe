//! `*` and `?` matching as IAM does it, with the escapes `${*}`, `${?}`, `${$}` and policy variables.
//!
//! Matching keeps one way back, to the last `*`: no recursion, at worst pattern length × text length steps.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>.

use std::borrow::Cow;

/// What a policy variable stands for; `None` when the request does not say.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How `${…}` is read.
#[derive(Clone, Copy)]
pub(super) enum Variables<'a> {
    /// Version 2008-10-17: `${…}` is plain text.
    Off,
    /// Version 2012-10-17.
    On(Lookup<'a>),
}

/// A variable in the pattern has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unresolved;

/// A pattern whose variables have been replaced.
pub(super) enum Resolved<'p> {
    /// As written: `*` and `?` are wildcards.
    Raw(&'p str),
    /// Bytes in which [`ANY`] and [`ONE`] are the wildcards; UTF-8 has no such bytes.
    Marked(Vec<u8>),
}

const ANY: u8 = 0xFE;
const ONE: u8 = 0xFF;

/// One piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'p> {
    /// Stands for itself.
    Literal(&'p str),
    /// `*`
    Any,
    /// `?`
    One,
    /// `${key}` or `${key, 'default'}`: key and default.
    Variable(&'p str, Option<&'p str>),
    /// `${` without an end.
    Broken,
}

/// Whether `text` matches `pattern`, letter case counting; a pattern with an unknown variable matches nothing.
///
/// ```
/// use denywatch::policy::pattern::matches;
/// assert!(matches("in/*.cs?", "in/a/b.csv"));
/// assert!(matches("a${*}", "a*") && !matches("a${*}", "ab"));
/// ```
pub fn matches(pattern: &str, text: &str) -> bool {
    resolve(pattern, Variables::On(&|_| None)).is_ok_and(|resolved| resolved.matches(text))
}

/// Whether `action` matches an `Action` pattern: letter case does not count, a wildcard does not cross the colon.
///
/// `*` alone is every action. `${…}` means nothing in actions.
pub fn matches_action(pattern: &str, action: &str) -> bool {
    match (pattern.split_once(':'), action.split_once(':')) {
        (Some((service, name)), Some((of, called))) => {
            wild::<true>(service.as_bytes(), of.as_bytes(), b'*', b'?')
                && wild::<true>(name.as_bytes(), called.as_bytes(), b'*', b'?')
        }
        _ => is_all(pattern),
    }
}

/// Whether a pattern is nothing but `*`.
pub(super) fn is_all(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.bytes().all(|byte| byte == b'*')
}

/// Makes `text` a literal in a policy of version 2012-10-17: `*`, `?` and `$` become `${*}`, `${?}` and `${$}`.
///
/// Text from an event must pass here, or an attacker who asks for the key `*` is handed the bucket.
///
/// ```
/// use denywatch::policy::pattern::escape_literal;
/// assert_eq!(escape_literal("a*${x}"), "a${*}${$}{x}");
/// ```
pub fn escape_literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '*' | '?' | '$' => out.extend(["${", letter.encode_utf8(&mut [0; 4]), "}"]),
            plain => out.push(plain),
        }
    }
    out
}

/// Whether a policy document can hold every character: tab, line feed, carriage return, U+0020 to U+00FF.
///
/// The set is that of `PolicyDocument` in
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html>.
pub fn is_writable(text: &str) -> bool {
    text.chars().all(|letter| matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{FF}'))
}

/// Cuts a pattern into its pieces.
pub(super) fn pieces(pattern: &str, variables: bool) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = pattern;
    while !rest.is_empty() {
        let (piece, left) = piece(rest, variables);
        out.push(piece);
        rest = left;
    }
    out
}

fn piece(text: &str, variables: bool) -> (Piece<'_>, &str) {
    match text.as_bytes() {
        [b'*', ..] => (Piece::Any, &text[1..]),
        [b'?', ..] => (Piece::One, &text[1..]),
        [b'$', b'{', ..] if variables => variable(&text[2..]),
        bytes => {
            let stop = |at: &usize| matches!(bytes[*at], b'*' | b'?' | b'$');
            let end = (1..bytes.len()).find(stop).unwrap_or(bytes.len());
            (Piece::Literal(&text[..end]), &text[end..])
        }
    }
}

/// What stands after `${`: a special character, a key, or a key with its default in single quotes.
fn variable(text: &str) -> (Piece<'_>, &str) {
    let mut quoted = false;
    let end = text.bytes().position(|byte| {
        quoted ^= byte == b'\'';
        byte == b'}' && !quoted
    });
    let Some(end) = end else { return (Piece::Broken, "") };
    let (inside, rest) = (&text[..end], &text[end + 1..]);
    let piece = match inside.split_once(',') {
        _ if matches!(inside, "*" | "?" | "$") => Piece::Literal(inside),
        None => Piece::Variable(inside.trim(), None),
        Some((key, default)) => match default.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
            Some(default) => Piece::Variable(key.trim(), Some(default)),
            None => Piece::Broken,
        },
    };
    (piece, rest)
}

fn value<'p>(piece: &Piece<'p>, lookup: Lookup<'_>) -> Result<Cow<'p, str>, Unresolved> {
    match piece {
        Piece::Literal(text) => Ok(Cow::Borrowed(text)),
        Piece::Variable(key, default) => match (lookup(key), default) {
            (Some(value), _) => Ok(Cow::Owned(value)),
            (None, Some(default)) => Ok(Cow::Borrowed(default)),
            (None, None) => Err(Unresolved),
        },
        Piece::Any => Ok(Cow::Borrowed("*")),
        Piece::One => Ok(Cow::Borrowed("?")),
        Piece::Broken => Err(Unresolved),
    }
}

/// Replaces the variables of a pattern; what a variable holds is literal, even a `*`.
pub(super) fn resolve<'p>(pattern: &'p str, variables: Variables<'_>) -> Result<Resolved<'p>, Unresolved> {
    let lookup = match variables {
        Variables::On(lookup) if pattern.contains("${") => lookup,
        Variables::On(_) | Variables::Off => return Ok(Resolved::Raw(pattern)),
    };
    let mut bytes = Vec::with_capacity(pattern.len());
    for piece in pieces(pattern, true) {
        match piece {
            Piece::Any => bytes.push(ANY),
            Piece::One => bytes.push(ONE),
            other => bytes.extend_from_slice(value(&other, lookup)?.as_bytes()),
        }
    }
    Ok(Resolved::Marked(bytes))
}

/// Replaces the variables of a text without wildcards, such as a `StringEquals` value.
pub(super) fn resolve_text<'p>(text: &'p str, variables: Variables<'_>) -> Result<Cow<'p, str>, Unresolved> {
    match variables {
        Variables::On(lookup) if text.contains("${") => {
            let parts: Result<Vec<_>, _> = pieces(text, true).iter().map(|piece| value(piece, lookup)).collect();
            Ok(Cow::Owned(parts?.concat()))
        }
        Variables::On(_) | Variables::Off => Ok(Cow::Borrowed(text)),
    }
}

impl Resolved<'_> {
    /// Whether the whole text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Raw(pattern) => wild::<false>(pattern.as_bytes(), text.as_bytes(), b'*', b'?'),
            Self::Marked(pattern) => wild::<false>(pattern, text.as_bytes(), ANY, ONE),
        }
    }

    /// Whether two ARNs match, each of the six parts by itself; `None` when the pattern has fewer parts.
    pub(super) fn matches_parts(&self, text: &[&str; 6]) -> Option<bool> {
        let (pattern, any, one) = match self {
            Self::Raw(pattern) => (pattern.as_bytes(), b'*', b'?'),
            Self::Marked(pattern) => (pattern.as_slice(), ANY, ONE),
        };
        let mut parts = pattern.splitn(6, |byte| *byte == b':');
        let mut all = true;
        for part in text {
            all &= wild::<false>(parts.next()?, part.as_bytes(), any, one);
        }
        Some(all)
    }
}

/// The matcher. `any` and `one` are the wildcards' bytes; `FOLD` ignores ASCII letter case.
pub(super) fn wild<const FOLD: bool>(pattern: &[u8], text: &[u8], any: u8, one: u8) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        match pattern.get(p) {
            Some(&byte) if byte == any => {
                p += 1;
                if p == pattern.len() {
                    return true;
                }
                back = Some((p, t));
                continue;
            }
            None if t == text.len() => return true,
            Some(&byte) if t < text.len() && byte == one => {
                (p, t) = (p + 1, t + width(text[t]));
                continue;
            }
            Some(&byte) if t < text.len() && same::<FOLD>(byte, text[t]) => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            Some(_) | None => {}
        }
        match back {
            Some((after, from)) if from < text.len() => {
                let from = from + width(text[from]);
                (p, t, back) = (after, from, Some((after, from)));
            }
            Some(_) | None => return false,
        }
    }
}

fn same<const FOLD: bool>(a: u8, b: u8) -> bool {
    a == b || FOLD && a.eq_ignore_ascii_case(&b)
}

/// How many bytes the UTF-8 character takes that begins with this byte.
fn width(lead: u8) -> usize {
    match lead {
        0..=0xBF => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xFF => 4,
    }
}

/// Whether a resource matches a `Resource` pattern of version 2012-10-17 without knowing any variable.
///
/// The parts of an ARN are matched one by one: a wildcard stays inside its part, the service takes none, and in the
/// sixth part `*` spans `/` and `:`. A pattern with fewer than six parts is completed with `*`. The resource `*`
/// (an action without a resource) is matched by `*` alone.
///
/// ```
/// use denywatch::policy::pattern::matches_arn;
/// assert!(matches_arn("arn:aws:logs:*:111122223333:*", "arn:aws:logs:us-east-1:111122223333:log-group:/a:*"));
/// assert!(!matches_arn("arn:aws:s3:::b", "arn:aws:s3:::b/key"));
/// ```
pub fn matches_arn(pattern: &str, resource: &str) -> bool {
    let unknown = |_: &str| None;
    super::resource::Target::new(resource).matches(pattern, Variables::On(&unknown), false) == Ok(true)
}
