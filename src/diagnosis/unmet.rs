//! An Allow exists, but its condition was not met by this request.
//!
//! The condition may be meant (MFA, a Region, a tag), so no second Allow is put beside it: a person decides whether the
//! call or the condition changes. What the event does not tell is said to be unknown.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html>.

use super::request::{Standing, is_network_key};
use super::view::{Allow, View};
use super::{Cause, Diagnosis};
use crate::policy::{Conditions, Statement, fit};

/// A test of an Allow that does not hold, or may not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failed {
    pub(super) operator: String,
    pub(super) key: String,
    pub(super) wanted: Vec<String>,
    pub(super) standing: Standing,
}

/// Keys named in one sentence.
const TOLD: usize = 3;

/// The tests of an Allow that the request fails, or of which the event does not tell.
pub(super) fn failed(view: &View<'_>, allow: &Allow<'_>) -> Vec<Failed> {
    let mut failed = Vec::new();
    for (operator, keys) in &allow.statement.conditions {
        for (key, values) in keys {
            let standing = view.needed.standing(key, view.catalog);
            let one = Conditions::from([(operator.clone(), [(key.clone(), values.clone())].into())]);
            let alone = Statement { conditions: one, ..Statement::allow(["*"], ["*"]) };
            let holds = fit(&alone, &view.request, allow.named.document.has_variables()).conditions;
            if standing == Standing::Unknown || !holds {
                let wanted = values.iter().map(|value| value.text().into_owned()).collect();
                failed.push(Failed { operator: operator.clone(), key: key.clone(), wanted, standing });
            }
        }
    }
    failed
}

/// The statement that comes nearest: the one with the fewest tests that fail.
pub(super) fn look(view: &View<'_>, allows: &[Allow<'_>], diagnosis: &Diagnosis) -> Option<Diagnosis> {
    let met = |allow: &&Allow<'_>| allow.action && allow.resource;
    let covering = allows.iter().filter(met);
    let (allow, failed) = covering.map(|allow| (allow, failed(view, allow))).min_by_key(|(_, failed)| failed.len())?;
    let tests: Vec<String> = failed.iter().take(TOLD).map(Failed::words).collect();
    let unknown: Vec<&Failed> = failed.iter().filter(|test| test.standing == Standing::Unknown).collect();
    let mut found = Diagnosis { cause: Cause::ConditionNotMet, ..diagnosis.clone() };
    let but = if tests.is_empty() {
        "for a name that the event does not tell whole".to_owned()
    } else {
        format!("only under a condition: {}", tests.join("; "))
    };
    found.summary = format!("{} allows `{}` {but}", allow.policy(), view.needed.action);
    found.evidence.push(allow.words());
    found.evidence.extend(failed.iter().filter_map(Failed::shown));
    found
        .unchecked
        .extend(unknown.iter().map(|test| format!("`{}` of the request: the event does not tell it", test.key)));
    if !unknown.is_empty() {
        let keys: Vec<&str> = unknown.iter().map(|test| test.key.as_str()).collect();
        found
            .doubts
            .push(format!("whether the condition was met depends on `{}`, which is unknown", keys.join("`, `")));
    }
    found.doubts.push("the condition may be meant: change the call, or have the policy's keeper change it".to_owned());
    Some(found)
}

impl Failed {
    /// `StringEquals `key` wants `a` or `b`, the request showed `c``.
    pub(super) fn words(&self) -> String {
        let wanted = self.wanted.join("` or `");
        let shown = match &self.standing {
            Standing::Shown(values) => format!("the request showed `{}`", values.join("`, `")),
            Standing::Absent => "the request had no such key".to_owned(),
            Standing::Unknown => "the event does not tell the request's value".to_owned(),
        };
        format!("`{}` {} `{wanted}`, and {shown}", self.key, self.operator)
    }

    fn shown(&self) -> Option<String> {
        match &self.standing {
            Standing::Shown(values) => Some(format!("the event shows `{}` = `{}`", self.key, values.join("`, `"))),
            Standing::Absent | Standing::Unknown => None,
        }
    }

    /// A test that fails because the key tells of the caller's own network.
    pub(super) fn is_absent_network_key(&self) -> bool {
        self.standing == Standing::Absent && is_network_key(&self.key)
    }
}
