//! `Resource` patterns against ARNs: part by part, the service without wildcards.
//!
//! Rules: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html> (wildcards inside the parts, none in
//! the service; a short ARN is completed with `*`) and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html> (variables only after the
//! fifth colon).

use super::pattern::{Unresolved, Variables, has_variable, is_all, resolve, wild};

/// A request's resource, cut once for all the patterns it will meet.
pub(super) struct Target<'a> {
    text: &'a str,
    parts: Option<[&'a str; 6]>,
    /// All before the sixth part, for patterns that begin alike.
    head: Option<&'a str>,
}

impl<'a> Target<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let parts = parts_of(text).filter(|parts| parts[0] == "arn");
        let head = parts.and_then(|parts| text.strip_suffix(parts[5]));
        Self { text, parts, head: head.filter(|head| !head.contains(['$', '*', '?'])) }
    }

    /// Whether the pattern matches. `lenient` decides for patterns that AWS refuses to store: a wildcard in the
    /// service, a text that is no ARN; they match then as plain text, so that a Deny is not overlooked. The first
    /// part, always `arn` in a stored policy, is not compared.
    pub(super) fn matches(&self, pattern: &str, variables: Variables<'_>, lenient: bool) -> Result<bool, Unresolved> {
        self.matches_in(pattern, variables, lenient, true)
    }

    /// [`Target::matches`], where a short ARN need not be completed: AWS does so in identity-based policies only.
    pub(super) fn matches_in(
        &self,
        pattern: &str,
        variables: Variables<'_>,
        lenient: bool,
        completes: bool,
    ) -> Result<bool, Unresolved> {
        if is_all(pattern) {
            return Ok(true);
        }
        if let (Some(head), Some(parts)) = (self.head, &self.parts)
            && let Some(tail) = pattern.strip_prefix(head)
        {
            return Ok(resolve(tail, variables)?.matches(parts[5]));
        }
        let variable = matches!(variables, Variables::On(_)) && has_variable(pattern);
        if !variable && self.settles(pattern) {
            return Ok(pattern == self.text);
        }
        let Some(parts) = &self.parts else { return self.plain(pattern, variables, lenient) };
        let (wanted, written) = cut(pattern);
        if written < 6 && !pattern.starts_with("arn:") {
            return if lenient { self.plain(pattern, variables, lenient) } else { Ok(false) };
        }
        if written < 6 && !completes && !lenient {
            return Ok(false);
        }
        if variable && wanted[..5].iter().any(|part| has_variable(part)) {
            return Err(Unresolved);
        }
        let wildcard = written > 2 && wanted[2].bytes().any(|byte| matches!(byte, b'*' | b'?'));
        let fits = |number: usize| wild::<false>(wanted[number].as_bytes(), parts[number].as_bytes(), b'*', b'?');
        if wildcard && !lenient || !(1..5).all(fits) {
            return Ok(false);
        }
        Ok(resolve(wanted[5], variables)?.matches(parts[5]))
    }

    /// Whether comparing the texts is enough, the quick way for most patterns: they are equal, or differ before the
    /// first wildcard.
    fn settles(&self, pattern: &str) -> bool {
        let literal = pattern.bytes().position(|byte| matches!(byte, b'*' | b'?')).unwrap_or(pattern.len());
        pattern == self.text || pattern.starts_with("arn:") && !self.text.starts_with(&pattern[..literal])
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

/// The six parts of an ARN, `*` for those that are missing, and how many are written.
fn cut(text: &str) -> ([&str; 6], usize) {
    let (mut parts, mut written, mut start) = (["*"; 6], 0, 0);
    for (at, byte) in text.bytes().enumerate() {
        if byte == b':' && written < 5 {
            parts[written] = &text[start..at];
            (written, start) = (written + 1, at + 1);
        }
    }
    parts[written] = &text[start..];
    (parts, written + 1)
}

/// The six parts of an ARN in a condition value; the first need not be `arn`.
pub(super) fn parts_of(text: &str) -> Option<[&str; 6]> {
    let (parts, written) = cut(text);
    (written == 6).then_some(parts)
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

    /// "You can use wildcard characters within the individual segments of an ARN":
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>.
    #[test]
    fn wildcards_in_the_resource_part() {
        let function = "arn:aws:lambda:us-east-1:111122223333:function:fn";
        check("arn:aws:lambda:us-east-1:111122223333:funct*:fn", function, true);
        check("arn:aws:lambda:us-east-1:111122223333:f?nction:fn", function, true);
        check("arn:aws:lambda:us-east-1:111122223333:layer*:fn", function, false);
        check("arn:aws:lambda:us-east-1:111122223333:funct*:gn", function, false);
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
