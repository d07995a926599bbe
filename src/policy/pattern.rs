//! `*` and `?` matching as IAM does it, with the escapes `${*}`, `${?}`, `${$}` and policy variables.
//!
//! Matching keeps one way back, to the last `*`: no recursion, at worst pattern length × text length steps.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>.

use std::borrow::Cow;

/// What policy variables stand for.
pub(super) trait Lookup {
    /// The value of a context key with one value; `None` when the request has no such key.
    fn single(&self, key: &str) -> Option<&str>;
}

/// No variable is known.
pub(super) struct Unknown;

impl Lookup for Unknown {
    fn single(&self, _: &str) -> Option<&str> {
        None
    }
}

/// How `${…}` is read.
#[derive(Clone, Copy)]
pub(super) enum Variables<'a> {
    /// Version 2008-10-17: `${…}` is plain text.
    Off,
    /// Version 2012-10-17.
    On(&'a dyn Lookup),
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
    resolve(pattern, Variables::On(&Unknown)).is_ok_and(|resolved| resolved.matches(text))
}

/// Whether `action` matches an `Action` pattern: letter case does not count, a wildcard does not cross the colon.
///
/// `*` alone is every action. `${…}` means nothing in actions.
pub fn matches_action(pattern: &str, action: &str) -> bool {
    is_all(pattern) || halves(action).is_some_and(|action| matches_halves(pattern, action))
}

/// Service and name of an action or of a pattern for one.
pub(super) fn halves(text: &str) -> Option<(&[u8], &[u8])> {
    let bytes = text.as_bytes();
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    Some((&bytes[..colon], &bytes[colon + 1..]))
}

/// [`matches_action`] for a pattern that is not `*` and an action cut in two.
pub(super) fn matches_halves(pattern: &str, (service, name): (&[u8], &[u8])) -> bool {
    halves(pattern)
        .is_some_and(|(of, called)| wild::<true>(of, service, b'*', b'?') && wild::<true>(called, name, b'*', b'?'))
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
pub(super) fn pieces(pattern: &str, variables: bool) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        let (piece, left) = (!rest.is_empty()).then(|| piece(rest, variables))?;
        rest = left;
        Some(piece)
    })
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

/// Whether a text holds `${`.
pub(super) fn has_variable(text: &str) -> bool {
    text.bytes().any(|byte| byte == b'$') && text.contains("${")
}

fn value<'a>(piece: Piece<'a>, lookup: &'a dyn Lookup) -> Result<&'a str, Unresolved> {
    match piece {
        Piece::Literal(text) => Ok(text),
        Piece::Variable(key, default) => lookup.single(key).or(default).ok_or(Unresolved),
        Piece::Any => Ok("*"),
        Piece::One => Ok("?"),
        Piece::Broken => Err(Unresolved),
    }
}

/// Replaces the variables of a pattern; what a variable holds is literal, even a `*`.
pub(super) fn resolve<'p>(pattern: &'p str, variables: Variables<'p>) -> Result<Resolved<'p>, Unresolved> {
    let lookup = match variables {
        Variables::On(lookup) if has_variable(pattern) => lookup,
        Variables::On(_) | Variables::Off => return Ok(Resolved::Raw(pattern)),
    };
    let mut bytes = Vec::with_capacity(pattern.len());
    for piece in pieces(pattern, true) {
        match piece {
            Piece::Any => bytes.push(ANY),
            Piece::One => bytes.push(ONE),
            other => bytes.extend_from_slice(value(other, lookup)?.as_bytes()),
        }
    }
    Ok(Resolved::Marked(bytes))
}

/// Replaces the variables of a text without wildcards, such as a `StringEquals` value.
pub(super) fn resolve_text<'p>(text: &'p str, variables: Variables<'p>) -> Result<Cow<'p, str>, Unresolved> {
    match variables {
        Variables::On(lookup) if has_variable(text) => {
            pieces(text, true).map(|piece| value(piece, lookup)).collect::<Result<String, _>>().map(Cow::Owned)
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
    super::resource::Target::new(resource).matches(pattern, Variables::On(&Unknown), false) == Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expect: bool) {
        assert_eq!(matches(pattern, text), expect, "{pattern} on {text}");
    }

    #[test]
    fn wildcards() {
        for (pattern, text) in
            [("*", ""), ("a*c", "abbc"), ("*b*", "abc"), ("a?c", "aéc"), ("??", "€é"), ("*?", "é"), ("**", "x")]
        {
            check(pattern, text, true);
        }
        for (pattern, text) in
            [("", "a"), ("a", ""), ("?", ""), ("a?", "a"), ("A", "a"), ("*??", "€"), ("a*b", "a/c"), ("?", "ab")]
        {
            check(pattern, text, false);
        }
    }

    #[test]
    fn escapes_and_variables() {
        check("${*}", "*", true);
        check("${*}", "a", false);
        check("${?}${$}", "?$", true);
        check("$", "$", true);
        check("a$b*", "a$bc", true);
        check("${aws:userid}", "${aws:userid}", false);
        check("*${aws:userid}", "x", false);
        check("${aws:userid, 'a}*'}", "a}*", true);
        check("${aws:userid, 'a*'}", "ab", false);
        check("${aws:userid, a}", "a", false);
        check("${broken", "${broken", false);
    }

    #[test]
    fn actions() {
        let check = |pattern: &str, action: &str, expect: bool| {
            assert_eq!(matches_action(pattern, action), expect, "{pattern} on {action}");
        };
        for pattern in ["*", "s3:*", "S3:getobject", "s3:Get*", "s3:*Object", "s3:GetObjec?", "*:*", "*:GetObject"] {
            check(pattern, "s3:GetObject", true);
        }
        for pattern in ["", "s3", "s3*", "s3:Get", "s3:GetObject?", "sns:*", "*Object", "s3:${*}"] {
            check(pattern, "s3:GetObject", false);
        }
    }

    #[test]
    fn what_a_policy_can_hold() {
        assert!(is_writable("key/\t\r\n ~\u{A0}\u{FF}"));
        for text in ["ключ", "\u{100}", "\u{0}", "\u{7}", "😀"] {
            assert!(!is_writable(text), "{text}");
        }
    }

    #[test]
    fn a_long_pattern_ends() {
        let pattern = "*a".repeat(400) + "b";
        check(&pattern, &"a".repeat(1024), false);
    }

    proptest! {
        #[test]
        fn an_escaped_text_matches_itself(text in "[ab*?${}é:]{0,8}") {
            prop_assert!(matches(&escape_literal(&text), &text));
        }

        #[test]
        fn an_escaped_text_matches_nothing_else(text in "[ab*?${}]{0,4}", other in "[ab*?${}]{0,4}") {
            prop_assert_eq!(matches(&escape_literal(&text), &other), text == other);
        }

        #[test]
        fn an_escaped_key_stays_one_resource(key in "[ab*?${}/:]{1,6}", other in "[ab*?${}/:]{1,6}") {
            let pattern = format!("arn:aws:s3:::b/{}", escape_literal(&key));
            prop_assert_eq!(matches_arn(&pattern, &format!("arn:aws:s3:::b/{other}")), key == other);
        }

        #[test]
        fn agrees_with_a_plain_definition(pattern in "[ab*?é]{0,8}", text in "[abé]{0,8}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), plainly(&letters(&pattern), &letters(&text)));
        }

        #[test]
        fn no_text_makes_it_panic(pattern in "\\PC{0,20}", text in "\\PC{0,20}") {
            matches(&pattern, &text);
            matches_arn(&pattern, &text);
            matches_action(&pattern, &text);
        }
    }

    /// The definition, without regard to time.
    fn plainly(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => plainly(rest, text) || !text.is_empty() && plainly(pattern, &text[1..]),
            (['?', rest @ ..], [_, left @ ..]) => plainly(rest, left),
            ([a, rest @ ..], [b, left @ ..]) => a == b && plainly(rest, left),
            _ => false,
        }
    }
}
