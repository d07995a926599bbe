//! Condition operators by name: set qualifier, comparison, negation, `IfExists`.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.

use std::cmp::Ordering;

/// An operator as a policy writes it, such as `ForAnyValue:StringNotLikeIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) set: Option<SetQualifier>,
    pub(super) comparison: Comparison,
    /// The condition holds when no policy value matches.
    pub(super) negated: bool,
    pub(super) if_exists: bool,
}

/// How a key with many values is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetQualifier {
    ForAllValues,
    ForAnyValue,
}

/// What is compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Text,
    TextIgnoringCase,
    Like,
    Numeric(Relation),
    Date(Relation),
    Bool,
    Binary,
    Ip,
    Arn,
    Null,
}

/// The request's value, seen from the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    pub(super) fn holds(self, request: Ordering) -> bool {
        match self {
            Self::Equal => request.is_eq(),
            Self::Less => request.is_lt(),
            Self::LessOrEqual => request.is_le(),
            Self::Greater => request.is_gt(),
            Self::GreaterOrEqual => request.is_ge(),
        }
    }
}

const NAMES: &[(&str, Comparison, bool)] = &[
    ("StringEquals", Comparison::Text, false),
    ("StringNotEquals", Comparison::Text, true),
    ("StringEqualsIgnoreCase", Comparison::TextIgnoringCase, false),
    ("StringNotEqualsIgnoreCase", Comparison::TextIgnoringCase, true),
    ("StringLike", Comparison::Like, false),
    ("StringNotLike", Comparison::Like, true),
    ("NumericEquals", Comparison::Numeric(Relation::Equal), false),
    ("NumericNotEquals", Comparison::Numeric(Relation::Equal), true),
    ("NumericLessThan", Comparison::Numeric(Relation::Less), false),
    ("NumericLessThanEquals", Comparison::Numeric(Relation::LessOrEqual), false),
    ("NumericGreaterThan", Comparison::Numeric(Relation::Greater), false),
    ("NumericGreaterThanEquals", Comparison::Numeric(Relation::GreaterOrEqual), false),
    ("DateEquals", Comparison::Date(Relation::Equal), false),
    ("DateNotEquals", Comparison::Date(Relation::Equal), true),
    ("DateLessThan", Comparison::Date(Relation::Less), false),
    ("DateLessThanEquals", Comparison::Date(Relation::LessOrEqual), false),
    ("DateGreaterThan", Comparison::Date(Relation::Greater), false),
    ("DateGreaterThanEquals", Comparison::Date(Relation::GreaterOrEqual), false),
    ("Bool", Comparison::Bool, false),
    ("BinaryEquals", Comparison::Binary, false),
    ("IpAddress", Comparison::Ip, false),
    ("NotIpAddress", Comparison::Ip, true),
    ("ArnEquals", Comparison::Arn, false),
    ("ArnLike", Comparison::Arn, false),
    ("ArnNotEquals", Comparison::Arn, true),
    ("ArnNotLike", Comparison::Arn, true),
    ("Null", Comparison::Null, false),
];

impl Operator {
    /// Reads an operator's name, letter case aside; `None` when IAM has no such operator.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (set, rest) = match name.split_once(':') {
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAllValues") => (Some(SetQualifier::ForAllValues), rest),
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAnyValue") => (Some(SetQualifier::ForAnyValue), rest),
            Some(_) => return None,
            None => (None, name),
        };
        let stem = rest.len().checked_sub("IfExists".len()).and_then(|at| rest.split_at_checked(at));
        let (stem, if_exists) = match stem {
            Some((stem, end)) if end.eq_ignore_ascii_case("IfExists") => (stem, true),
            Some(_) | None => (rest, false),
        };
        let (_, comparison, negated) = *NAMES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(stem))?;
        let sound = comparison != Comparison::Null || !if_exists;
        sound.then_some(Self { set, comparison, negated, if_exists })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: Option<(Option<SetQualifier>, Comparison, bool, bool)>) {
        let got = Operator::parse(name).map(|op| (op.set, op.comparison, op.negated, op.if_exists));
        assert_eq!(got, expect, "{name}");
    }

    #[test]
    fn every_part_of_the_name() {
        use Comparison as C;
        check("StringEquals", Some((None, C::Text, false, false)));
        check("bool", Some((None, C::Bool, false, false)));
        check("NotIpAddressIfExists", Some((None, C::Ip, true, true)));
        check("ForAnyValue:StringNotLikeIfExists", Some((Some(SetQualifier::ForAnyValue), C::Like, true, true)));
        check("ForAllValues:ArnEquals", Some((Some(SetQualifier::ForAllValues), C::Arn, false, false)));
        for wrong in ["", "StringEqual", "NullIfExists", "ForSome:StringEquals", "IfExists", "ForAnyValue:", "BoolNot"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn all_comparisons_take_if_exists_but_null() {
        for (name, comparison, ..) in NAMES {
            let got = Operator::parse(&format!("{name}IfExists"));
            assert_eq!(got.is_some_and(|op| op.if_exists), *comparison != Comparison::Null, "{name}");
        }
    }
}
