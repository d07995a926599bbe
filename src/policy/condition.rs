//! The `Condition` element: operators and keys all hold, of a key's values one is enough.
//!
//! An absent key fails a positive operator and passes a negated one and every `…IfExists`; `ForAllValues` passes and
//! `ForAnyValue` fails, with or without `IfExists`. See
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>.

use super::context::{Context, Values};
use super::document::{Conditions, OneOrMany, Scalar};
use super::operator::{Comparison, Operator, SetQualifier};
use super::pattern::Variables;
use super::value::{Outcome, compare};

/// Whether IAM has a condition operator of this name, set qualifier and `IfExists` included.
///
/// ```
/// use denywatch::policy::condition::is_operator;
/// assert!(is_operator("ForAnyValue:StringLikeIfExists") && !is_operator("StringEqual"));
/// ```
pub fn is_operator(name: &str) -> bool {
    Operator::parse(name).is_some()
}

/// Whether all conditions hold. `lenient` is the answer where AWS's text gives none (an unknown operator, a value of
/// the wrong type, many values without a set qualifier): false for an Allow, true for a Deny.
pub(super) fn hold(conditions: &Conditions, context: &Context<'_>, variables: Variables<'_>, lenient: bool) -> bool {
    conditions.iter().all(|(name, keys)| match Operator::parse(name) {
        None => lenient,
        Some(operator) => {
            let test = Test { operator, variables, lenient };
            keys.iter().all(|(key, values)| test.key(context.values(key), values))
        }
    })
}

struct Test<'a> {
    operator: Operator,
    variables: Variables<'a>,
    lenient: bool,
}

impl Test<'_> {
    fn key(&self, given: Option<Values<'_>>, wanted: &OneOrMany<Scalar>) -> bool {
        let Operator { set, comparison, negated, if_exists } = self.operator;
        if comparison == Comparison::Null {
            return self.null(given.is_some(), wanted);
        }
        let empty = |values: &Values<'_>| set.is_some() && values.iter().all(str::is_empty);
        let Some(given) = given.filter(|values| !empty(values)) else {
            return match set {
                Some(SetQualifier::ForAllValues) => true,
                Some(SetQualifier::ForAnyValue) => false,
                None => negated || if_exists,
            };
        };
        match set {
            Some(SetQualifier::ForAllValues) => given.iter().all(|value| self.value(value, wanted)),
            Some(SetQualifier::ForAnyValue) => given.iter().any(|value| self.value(value, wanted)),
            None if given.len() == 1 => given.iter().all(|value| self.value(value, wanted)),
            None => self.lenient && given.iter().any(|value| self.value(value, wanted)),
        }
    }

    fn null(&self, exists: bool, wanted: &OneOrMany<Scalar>) -> bool {
        wanted.iter().any(|value| match value.text() {
            text if text.eq_ignore_ascii_case("true") => !exists,
            text if text.eq_ignore_ascii_case("false") => exists,
            _ => self.lenient,
        })
    }

    /// One value of the request against all of the policy's.
    fn value(&self, given: &str, wanted: &OneOrMany<Scalar>) -> bool {
        let (mut unresolved, mut incomparable) = (false, false);
        for value in wanted {
            match compare(self.operator.comparison, &value.text(), given, self.variables) {
                Outcome::Match => return !self.operator.negated,
                Outcome::NoMatch => {}
                Outcome::Unresolved => unresolved = true,
                Outcome::Incomparable => incomparable = true,
            }
        }
        match self.operator.negated {
            _ if incomparable => self.lenient,
            negated => negated && !unresolved,
        }
    }
}
