//! "Every string that matches b matches a": sound, and false when unsure.

use super::pattern::{Piece, is_all, pieces};

/// One character's worth of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit<'p> {
    Char(char),
    One,
    Any,
    Variable(&'p str, Option<&'p str>),
}

/// Whether every string that matches `b` also matches `a`, letter case counting.
///
/// `true` is a proof; `false` may only mean that it was not found. A variable covers the same variable.
///
/// ```
/// use denywatch::policy::covers::covers;
/// assert!(covers("in/*", "in/a/*") && covers("*?", "?*"));
/// assert!(!covers("in/?", "in/*") && !covers("in/*", "*"));
/// ```
pub fn covers(a: &str, b: &str) -> bool {
    a == b || units(a).zip(units(b)).is_some_and(|(a, b)| glob(&a, &b))
}

/// [`covers`] for `Action` patterns: letter case does not count.
pub fn covers_action(a: &str, b: &str) -> bool {
    if is_all(a) {
        return true;
    }
    match (a.to_ascii_lowercase().split_once(':'), b.to_ascii_lowercase().split_once(':')) {
        (Some((a_service, a_name)), Some((b_service, b_name))) => {
            glob(&plain(a_service), &plain(b_service)) && glob(&plain(a_name), &plain(b_name))
        }
        _ => false,
    }
}

/// [`covers`] for `Resource` patterns, part by part as IAM matches them; a short ARN stands for itself completed.
pub fn covers_arn(a: &str, b: &str) -> bool {
    if is_all(a) || a == b {
        return true;
    }
    if !a.starts_with("arn:") || !b.starts_with("arn:") || a.split(':').nth(2).is_some_and(|s| s.contains(['*', '?'])) {
        return false;
    }
    let (mut a, mut b) = (a.splitn(6, ':'), b.splitn(6, ':'));
    (0..6).all(|part| {
        let (a, b) = (a.next().unwrap_or("*"), b.next().unwrap_or("*"));
        if part < 5 { glob(&plain(a), &plain(b)) } else { covers(a, b) }
    })
}

/// The units, wildcards of one run in one order: `?` before `*`. `None` for a broken variable.
fn units(pattern: &str) -> Option<Vec<Unit<'_>>> {
    let mut out = Vec::new();
    for piece in pieces(pattern, true) {
        match piece {
            Piece::Literal(text) => out.extend(text.chars().map(Unit::Char)),
            Piece::Any => out.push(Unit::Any),
            Piece::One => out.push(Unit::One),
            Piece::Variable(key, default) => out.push(Unit::Variable(key, default)),
            Piece::Broken => return None,
        }
    }
    Some(ordered(out))
}

/// Where `${…}` means nothing.
fn plain(pattern: &str) -> Vec<Unit<'_>> {
    let unit = |letter| match letter {
        '*' => Unit::Any,
        '?' => Unit::One,
        other => Unit::Char(other),
    };
    ordered(pattern.chars().map(unit).collect())
}

fn ordered(units: Vec<Unit<'_>>) -> Vec<Unit<'_>> {
    let mut out = Vec::with_capacity(units.len());
    let mut any = false;
    for unit in units {
        match unit {
            Unit::Any => any = true,
            Unit::One => out.push(unit),
            Unit::Char(_) | Unit::Variable(..) => {
                if std::mem::take(&mut any) {
                    out.push(Unit::Any);
                }
                out.push(unit);
            }
        }
    }
    if any {
        out.push(Unit::Any);
    }
    out
}

/// `a` as a pattern over the units of `b`: an `Any` of `b` can only vanish inside an `Any` of `a`.
fn glob(a: &[Unit<'_>], b: &[Unit<'_>]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        match (a.get(p), b.get(t)) {
            (Some(Unit::Any), _) => {
                p += 1;
                back = Some((p, t));
                continue;
            }
            (None, None) => return true,
            (Some(Unit::One), Some(Unit::One | Unit::Char(_))) => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            (Some(want), Some(have)) if want == have => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            (Some(_), Some(_)) | (Some(_), None) | (None, Some(_)) => {}
        }
        match back {
            Some((after, from)) if from < b.len() => (p, t, back) = (after, from + 1, Some((after, from + 1))),
            Some(_) | None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::{matches, matches_action, matches_arn};
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(a: &str, b: &str, expect: bool) {
        assert_eq!(covers(a, b), expect, "{a} over {b}");
    }

    #[test]
    fn patterns() {
        for (a, b) in [("*", "*"), ("*", "a?"), ("a*", "ab*"), ("?*", "*?"), ("*?", "??"), ("a*b", "axxb"), ("", "")] {
            check(a, b, true);
        }
        for (a, b) in [("a", "*"), ("?", "*"), ("a?", "a*"), ("ab*", "a*"), ("", "*"), ("a*b", "a*"), ("?", "??")] {
            check(a, b, false);
        }
    }

    #[test]
    fn escapes_and_variables() {
        check("${*}", "${*}", true);
        check("a*", "a${*}", true);
        check("${*}", "*", false);
        check("${*}", "?", false);
        check("${aws:username}/*", "${aws:username}/a", true);
        check("*", "${aws:username}", true);
        check("${aws:username}", "${aws:userid}", false);
        check("?", "${aws:username}", false);
        check("${aws:username}", "ann", false);
    }

    #[test]
    fn actions_and_arns() {
        assert!(covers_action("s3:get*", "S3:GetObject*") && covers_action("*", "s3:*"));
        assert!(!covers_action("s3:*", "*") && !covers_action("s3:Get*", "s3:*"));
        assert!(
            covers_arn("arn:aws:s3:::b/*", "arn:aws:s3:::b/in/*") && covers_arn("arn:aws:sqs", "arn:aws:sqs:*:*:q")
        );
        assert!(!covers_arn("arn:aws:s3:::b/*", "*") && !covers_arn("arn:aws:*:::b", "arn:aws:s3:::b"));
        assert!(!covers_arn("arn:aws:s3:::b/*", "arn:aws:s3:::b*"));
    }

    proptest! {
        #[test]
        fn sound(a in "([ab*?]|\\$\\{\\*\\}){0,5}", b in "([ab*?]|\\$\\{\\*\\}){0,5}", text in "[ab*]{0,6}") {
            prop_assert!(!covers(&a, &b) || !matches(&b, &text) || matches(&a, &text));
        }

        #[test]
        fn sound_for_actions(a in "([sS*?]:)?[aA*?]{0,4}", b in "([sS*?]:)?[aA*?]{0,4}", text in "s:[aA]{0,5}") {
            prop_assert!(!covers_action(&a, &b) || !matches_action(&b, &text) || matches_action(&a, &text));
        }

        #[test]
        fn sound_for_arns(
            a in "arn:[a*]:[s*?](:[r*]?(:[1*]?(:[ab*?:]{0,4})?)?)?",
            b in "(arn:)?[a*]:[s*?](:[r*]?(:[1*]?(:[ab*?:]{0,4})?)?)?",
            text in "arn:a:s:r?:1?:[ab:]{1,5}",
        ) {
            prop_assert!(!covers_arn(&a, &b) || !matches_arn(&b, &text) || matches_arn(&a, &text));
        }

        #[test]
        fn everything_covers_itself(a in "[ab*?${}]{0,8}") {
            let itself = covers(&a, &a);
            prop_assert!(itself);
        }
    }
}
