//! Comparing one value of the request with one value of the policy.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.

use super::operator::Comparison;
use super::pattern::{Variables, resolve, resolve_text};
use super::resource::parts_of;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::cmp::Ordering;
use std::net::IpAddr;

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Match,
    NoMatch,
    /// The policy's value needs a variable that the request lacks.
    Unresolved,
    /// One of the two is no value of the operator's type.
    Incomparable,
}

impl From<bool> for Outcome {
    fn from(matched: bool) -> Self {
        if matched { Self::Match } else { Self::NoMatch }
    }
}

/// Compares; `Null` is no comparison of values and never matches here.
pub(super) fn compare(comparison: Comparison, wanted: &str, given: &str, variables: Variables<'_>) -> Outcome {
    match comparison {
        Comparison::Text => text(wanted, variables, |wanted| wanted == given),
        Comparison::TextIgnoringCase => text(wanted, variables, |wanted| same_ignoring_case(wanted, given)),
        Comparison::Like => match resolve(wanted, variables) {
            Ok(pattern) => pattern.matches(given).into(),
            Err(_) => Outcome::Unresolved,
        },
        Comparison::Arn => arn(wanted, given, variables),
        Comparison::Numeric(relation) => relate(numbers(given, wanted), |found| relation.holds(found)),
        Comparison::Date(relation) => {
            relate(instant(given).zip(instant(wanted)).map(|(a, b)| a.cmp(&b)), |found| relation.holds(found))
        }
        Comparison::Bool => typed(boolean(wanted).zip(boolean(given)).map(|(a, b)| a == b)),
        Comparison::Binary => (wanted == given).into(),
        Comparison::Ip => typed(ip(wanted, given)),
        Comparison::Null => Outcome::NoMatch,
    }
}

fn text(wanted: &str, variables: Variables<'_>, same: impl Fn(&str) -> bool) -> Outcome {
    match resolve_text(wanted, variables) {
        Ok(wanted) => same(&wanted).into(),
        Err(_) => Outcome::Unresolved,
    }
}

fn typed(found: Option<bool>) -> Outcome {
    found.map_or(Outcome::Incomparable, Outcome::from)
}

fn relate(found: Option<Ordering>, holds: impl Fn(Ordering) -> bool) -> Outcome {
    typed(found.map(holds))
}

fn same_ignoring_case(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || !(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase()
}

/// The six parts are compared one by one; `ArnEquals` and `ArnLike` are the same.
fn arn(wanted: &str, given: &str, variables: Variables<'_>) -> Outcome {
    let Some(parts) = parts_of(given) else { return Outcome::Incomparable };
    match resolve(wanted, variables) {
        Ok(pattern) => typed(pattern.matches_parts(&parts)),
        Err(_) => Outcome::Unresolved,
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Integers compare exactly, decimals as floating point; `inf`, `nan` and hexadecimal are no numbers.
fn numbers(a: &str, b: &str) -> Option<Ordering> {
    if let (Ok(a), Ok(b)) = (a.parse::<i128>(), b.parse::<i128>()) {
        return Some(a.cmp(&b));
    }
    let decimal = |text: &str| {
        let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
        text.parse::<f64>().ok().filter(|_| plain)
    };
    decimal(a)?.partial_cmp(&decimal(b)?)
}

/// An ISO 8601 date or a date and time with its zone, or seconds since 1970. Four digits could be either: no instant.
fn instant(text: &str) -> Option<Timestamp> {
    let date = |text: &str| text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.len() {
        4 if digits => None,
        _ if digits => Timestamp::from_second(text.parse().ok()?).ok(),
        7 => date(&format!("{text}-01")),
        10 => date(text),
        _ => text.parse().ok(),
    }
}

/// Whether an address lies in a range such as `203.0.113.0/24` or `2001:db8::/32`; a bare address is a range of one.
fn ip(range: &str, address: &str) -> Option<bool> {
    let (base, prefix) = match range.split_once('/') {
        Some((base, prefix)) => (base, Some(prefix.parse::<u32>().ok()?)),
        None => (range, None),
    };
    match (base.parse().ok()?, address.parse().ok()?) {
        (IpAddr::V4(base), IpAddr::V4(address)) => within(32, prefix, base.to_bits().into(), address.to_bits().into()),
        (IpAddr::V6(base), IpAddr::V6(address)) => within(128, prefix, base.to_bits(), address.to_bits()),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => Some(false),
    }
}

fn within(width: u32, prefix: Option<u32>, base: u128, address: u128) -> Option<bool> {
    let free = width.checked_sub(prefix.unwrap_or(width))?;
    Some((base ^ address).checked_shr(free).unwrap_or(0) == 0)
}

#[cfg(test)]
mod tests {
    use super::super::{operator::Operator, pattern::Lookup};
    use super::*;

    struct Ann;

    impl Lookup for Ann {
        fn single(&self, key: &str) -> Option<&str> {
            (key == "aws:username").then_some("ann*")
        }
    }

    use Outcome::{Incomparable, Match, NoMatch, Unresolved};

    #[track_caller]
    fn check(operator: &str, wanted: &str, given: &str, expect: Outcome) {
        let comparison = Operator::parse(operator).unwrap().comparison;
        assert_eq!(compare(comparison, wanted, given, Variables::On(&Ann)), expect, "{operator} {wanted} {given}");
    }

    #[test]
    fn texts() {
        check("StringEquals", "a*", "ab", NoMatch);
        check("StringEquals", "a${*}", "a*", Match);
        check("StringEquals", "${aws:username}", "ann*", Match);
        check("StringEquals", "${aws:userid}", "x", Unresolved);
        check("StringEquals", "${aws:userid, 'x'}", "x", Match);
        check("StringEqualsIgnoreCase", "ÄB", "äb", Match);
        check("StringLike", "a?c*", "abcde", Match);
        check("StringLike", "${aws:username}/*", "annie/x", NoMatch);
        check("StringLike", "${aws:username}/*", "ann*/x", Match);
        check("StringLike", "A*", "ab", NoMatch);
        check("BinaryEquals", "QUJD", "QUJD", Match);
        check("BinaryEquals", "QUJD", "qujd", NoMatch);
    }

    #[test]
    fn numbers() {
        check("NumericEquals", "10", "10.0", Match);
        check("NumericEquals", "9007199254740993", "9007199254740992", NoMatch);
        check("NumericLessThan", "10", "9", Match);
        check("NumericLessThan", "10", "10", NoMatch);
        check("NumericLessThanEquals", "10", "10", Match);
        check("NumericGreaterThan", "-1", "0", Match);
        check("NumericGreaterThanEquals", "1.2", "1.2", Match);
        for wrong in ["", "x", "inf", "nan", "0x10", "1,5"] {
            check("NumericLessThan", "10", wrong, Incomparable);
        }
    }

    #[test]
    fn dates() {
        for wanted in ["2025-01-01T00:00:00Z", "2025-01-01", "2025-01", "1735689600", "2025-01-01T01:00:00+01:00"] {
            check("DateEquals", wanted, "2025-01-01T00:00:00Z", Match);
            check("DateGreaterThan", wanted, "2025-01-01T00:00:00.5Z", Match);
            check("DateLessThan", wanted, "1735689599", Match);
        }
        check("DateEquals", "2025", "2025-01-01", Incomparable);
        check("DateEquals", "yesterday", "2025-01-01", Incomparable);
        check("DateEquals", "2025-13-01", "2025-01-01", Incomparable);
    }

    #[test]
    fn booleans() {
        check("Bool", "TRUE", "true", Match);
        check("Bool", "false", "true", NoMatch);
        check("Bool", "yes", "true", Incomparable);
    }

    #[test]
    fn addresses() {
        check("IpAddress", "203.0.113.0/24", "203.0.113.9", Match);
        check("IpAddress", "203.0.113.7/24", "203.0.113.9", Match);
        check("IpAddress", "203.0.113.9", "203.0.113.9", Match);
        check("IpAddress", "203.0.113.8", "203.0.113.9", NoMatch);
        check("IpAddress", "0.0.0.0/0", "203.0.113.9", Match);
        check("IpAddress", "2001:db8::/32", "2001:db8::1", Match);
        check("IpAddress", "::/0", "2001:db8::1", Match);
        check("IpAddress", "2001:db8::/128", "2001:db8::1", NoMatch);
        check("IpAddress", "0.0.0.0/0", "2001:db8::1", NoMatch);
        check("IpAddress", "203.0.113.0/33", "203.0.113.9", Incomparable);
        check("IpAddress", "203.0.113.0/24", "s3.amazonaws.com", Incomparable);
    }

    #[test]
    fn arns() {
        let topic = "arn:aws:sns:us-east-1:111122223333:a:b";
        check("ArnEquals", "arn:aws:sns:*:111122223333:*", topic, Match);
        check("ArnLike", "arn:aws:s?s:us-*:*:a*", topic, Match);
        check("ArnLike", "arn:aws:sns:*:a:b", topic, NoMatch);
        check("ArnLike", "arn:aws:sns:*", topic, Incomparable);
        check("ArnLike", "*", topic, Incomparable);
        check("ArnLike", "arn:aws:sns:*:*:${aws:username}", "arn:aws:sns:a:b:ann*", Match);
        check("ArnLike", "arn:aws:sns:*:*:${aws:username}", "arn:aws:sns:a:b:annie", NoMatch);
    }
}
