//! Permissions → statements: equal resources and conditions share one, in an order that never changes.

use super::scope::Scoped;
use crate::policy::covers::covers_arn;
use crate::policy::{PrincipalSet, Statement};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Operator → key → values.
pub type Tests = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// One permission as the policy will have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Canonical IAM action.
    pub action: String,
    /// The resource's policy text.
    pub scoped: Scoped,
    /// Conditions.
    pub tests: Tests,
}

/// Who is named in a resource-side statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// Identity side: nobody is named.
    Nobody,
    /// An IAM principal by ARN.
    Aws(String),
    /// A service, such as `events.amazonaws.com`.
    Service(String),
    /// An identity provider by ARN; conditions say which of its users.
    Federated(String),
    /// `*`, where only a condition can say who: gateway endpoints.
    Everyone,
}

/// Folds grants into the fewest statements that allow exactly them.
pub fn statements<'g>(
    grants: impl IntoIterator<Item = &'g Grant>,
    named: &Named,
    with_resource: bool,
) -> Vec<Statement> {
    let mut resources: BTreeMap<(&str, &Tests), BTreeSet<&str>> = BTreeMap::new();
    let mut widened = BTreeSet::new();
    for grant in grants {
        widened.extend(grant.scoped.widened.as_ref().map(|wide| wide.to.as_str()));
        resources.entry((&grant.action, &grant.tests)).or_default().insert(&grant.scoped.pattern);
    }
    resources.values_mut().for_each(|patterns| drop_covered(patterns, &widened));
    let mut actions: BTreeMap<(BTreeSet<&str>, &Tests), BTreeSet<&str>> = BTreeMap::new();
    for ((action, tests), resources) in resources {
        actions.entry((resources, tests)).or_default().insert(action);
    }
    let made = actions
        .into_iter()
        .map(|((resources, tests), actions)| make(&actions, &resources, tests, named, with_resource));
    let mut made: Vec<Statement> = made.collect();
    made.sort_by_cached_key(|statement| serde_json::to_string(statement).unwrap_or_default());
    made.into_iter()
        .map(|statement| {
            let sid = sid(&statement);
            statement.with_sid(sid)
        })
        .collect()
}

/// A wildcard that has to be there (AWS's own, or a widening) allows what it covers: to name that beside it adds nothing. What is
/// told as widened stays.
fn drop_covered(resources: &mut BTreeSet<&str>, widened: &BTreeSet<&str>) {
    let wide: Vec<&str> = resources.iter().copied().filter(|one| one.contains(['*', '?'])).collect();
    for pattern in wide {
        // Of two that cover each other the first stays.
        if resources.contains(pattern) {
            resources.retain(|one| *one == pattern || widened.contains(one) || !covers_arn(pattern, one));
        }
    }
}

fn make(
    actions: &BTreeSet<&str>,
    resources: &BTreeSet<&str>,
    tests: &Tests,
    named: &Named,
    with_resource: bool,
) -> Statement {
    let mut statement = Statement::allow(actions.iter().copied(), resources.iter().copied());
    for (operator, keys) in tests {
        for (key, values) in keys {
            statement = statement.with_condition(operator, key, values.clone());
        }
    }
    let statement = match named {
        Named::Nobody => statement,
        Named::Aws(arn) => statement.with_principal(PrincipalSet::aws([arn.clone()])),
        Named::Service(host) => statement.with_principal(PrincipalSet::service([host.clone()])),
        Named::Federated(arn) => statement.with_principal(PrincipalSet::of("Federated", [arn.clone()])),
        Named::Everyone => statement.with_principal(PrincipalSet::EVERYONE),
    };
    if with_resource { statement } else { statement.without_resource() }
}

/// A statement's name from its content: the same statement is named the same everywhere.
pub fn sid(statement: &Statement) -> String {
    let text = match &statement.sid {
        None => serde_json::to_string(statement),
        Some(_) => serde_json::to_string(&Statement { sid: None, ..statement.clone() }),
    };
    let text = text.unwrap_or_default();
    let hex: String = Sha256::digest(text).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("Denywatch{hex}")
}

/// One condition: operator, key, value.
pub fn test(operator: &str, key: &str, value: &str) -> Tests {
    Tests::from([(operator.to_owned(), BTreeMap::from([(key.to_owned(), vec![value.to_owned()])]))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(resources: &[&str], expect: &[&str]) {
        let mut left: BTreeSet<&str> = resources.iter().copied().collect();
        drop_covered(&mut left, &BTreeSet::from(["arn:aws:s3:::b/told/*"]));
        assert_eq!(Vec::from_iter(left), expect, "{resources:?}");
    }

    #[test]
    fn what_a_wildcard_covers_is_not_named_beside_it() {
        let [all, one, other] =
            ["user/*", "user/ann", "role/ann"].map(|rest| format!("arn:aws:iam::111122223333:{rest}"));
        check(&[&all, &one, &other], &[&other, &all]);
        check(&[&one, &other], &[&other, &one]);
        check(&["*", &one], &["*"]);
        check(&["arn:aws:s3:::b/a${*}", "arn:aws:s3:::b/ab"], &["arn:aws:s3:::b/a${*}", "arn:aws:s3:::b/ab"]);
        check(&["arn:aws:s3:::b/*", "arn:aws:s3:::b/told/*"], &["arn:aws:s3:::b/*", "arn:aws:s3:::b/told/*"]);
        check(&["arn:aws:s3:::b/?*", "arn:aws:s3:::b/*?"], &["arn:aws:s3:::b/*?"]);
        check(
            &["arn:aws:logs:eu-west-1:1:log-group:g:*", "arn:aws:logs:eu-west-1:1:log-group:g"],
            &["arn:aws:logs:eu-west-1:1:log-group:g", "arn:aws:logs:eu-west-1:1:log-group:g:*"],
        );
    }
}
