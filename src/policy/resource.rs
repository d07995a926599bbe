//! `Resource` patterns against ARNs: part by part, the service without wildcards.
//!
//! Rules: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html> (wildcards inside the parts, none in
//! the service; a short ARN is completed with `*`) and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html> (variables only after the
//! fifth colon).

use super::pattern::{Unresolved, Variables, is_all, resolve, wild};

/// A request's resource, cut once for all the patterns it will meet.
pub(super) struct Target<'a> {
    text: &'a str,
    parts: Option<[&'a str; 6]>,
}

impl<'a> Target<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, parts: six(text) }
    }

    /// Whether the pattern matches. `lenient` decides for patterns that AWS refuses to store: a wildcard in the
    /// service, a text that is no ARN; they match then as plain text, so that a Deny is not overlooked. The first
    /// part, always `arn` in a stored policy, is not compared.
    pub(super) fn matches(&self, pattern: &str, variables: Variables<'_>, lenient: bool) -> Result<bool, Unresolved> {
        if is_all(pattern) {
            return Ok(true);
        }
        if pattern == self.text && !pattern.contains("${") {
            return Ok(true);
        }
        let Some(parts) = &self.parts else { return self.plain(pattern, variables, lenient) };
        let whole = pattern.bytes().filter(|byte| *byte == b':').count();
        if whole < 5 && !pattern.starts_with("arn:") {
            return if lenient { self.plain(pattern, variables, lenient) } else { Ok(false) };
        }
        let mut wanted = pattern.splitn(6, ':').skip(1);
        for (number, part) in parts.iter().enumerate().take(5).skip(1) {
            let want = wanted.next().unwrap_or("*");
            if matches!(variables, Variables::On(_)) && want.contains("${") {
                return Err(Unresolved);
            }
            let wildcard = number == 2 && whole >= 2 && want.contains(['*', '?']);
            if wildcard && !lenient || !wild::<false>(want.as_bytes(), part.as_bytes(), b'*', b'?') {
                return Ok(false);
            }
        }
        Ok(resolve(wanted.next().unwrap_or("*"), variables)?.matches(parts[5]))
    }

    /// A resource that is no ARN: `*` for actions without one matches nothing but `*`.
    fn plain(&self, pattern: &str, variables: Variables<'_>, lenient: bool) -> Result<bool, Unresolved> {
        match self.text {
            "*" => Ok(false),
            text if lenient || !text.starts_with("arn:") => Ok(resolve(pattern, variables)?.matches(text)),
            _ => Ok(false),
        }
    }
}

fn six(text: &str) -> Option<[&str; 6]> {
    let mut parts = text.splitn(6, ':');
    let all = [parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    (all[0] == "arn").then_some(all)
}

/// The six parts of an ARN in a condition value; the first need not be `arn`.
pub(super) fn parts_of(text: &str) -> Option<[&str; 6]> {
    let mut parts = text.splitn(6, ':');
    Some([parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?])
}

#[cfg(test)]
mod tests {
    use super::super::pattern::matches_arn;

    #[track_caller]
    fn check(pattern: &str, arn: &str, expect: bool) {
        assert_eq!(matches_arn(pattern, arn), expect, "{pattern} on {arn}");
    }

    #[test]
    fn part_by_part() {
        let object = "arn:aws:s3:::data/in/x:y";
        for pattern in ["*", "**", object, "arn:aws:s3:::data/*", "arn:*:s3:::d?ta/in/*", "arn:aws:s3:*:*:data/*:y"] {
            check(pattern, object, true);
        }
        for pattern in ["arn:aws:s3:::DATA/*", "arn:aws:s3:::data", "arn:aws:s3:*:data/*", "arn:aws:s3::*data/in/x:y"] {
            check(pattern, object, false);
        }
    }

    #[test]
    fn no_wildcard_in_the_service() {
        check("arn:aws:*:::data", "arn:aws:s3:::data", false);
        check("arn:aws:s?:::data", "arn:aws:s3:::data", false);
        check("*:::data", "arn:aws:s3:::data", false);
    }

    #[test]
    fn a_short_arn_is_completed() {
        check("arn:aws:sqs", "arn:aws:sqs:us-east-1:111122223333:q", true);
        check("arn:aws:sqs:us-east-1", "arn:aws:sqs:us-east-1:111122223333:q", true);
        check("arn:aws:sqs:eu-west-1", "arn:aws:sqs:us-east-1:111122223333:q", false);
        check("arn:aws:sns", "arn:aws:sqs:us-east-1:111122223333:q", false);
    }

    #[test]
    fn no_resource_needs_the_star() {
        check("*", "*", true);
        check("arn:aws:s3:::*", "*", false);
        check("?", "*", false);
    }
}
