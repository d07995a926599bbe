//! What the policies given already allow, for certain: such companions are not offered.

use super::Companion;
use super::statement::Tests;
use crate::diagnosis::Held;
use crate::policy::covers::{covers, covers_arn};
use crate::policy::pattern::matches_action;
use crate::policy::{Actions, Effect, Resources, Scalar, Statement};

/// The companion without the actions that the principal has on all its resources; `None` when none is left.
///
/// Sound, not complete: an Allow that is not understood, or a Deny near it, leaves the companion in the list. A resource
/// that is not known counts as held only where every resource is.
pub(super) fn without(companion: Companion, held: Option<&Held>) -> Option<Companion> {
    let Some(held) = held else { return Some(companion) };
    let Companion { resources, conditions, .. } = &companion;
    let any = ["*".to_owned()];
    let resources: &[String] = if resources.is_empty() { &any } else { resources };
    let has = |action: &String| resources.iter().all(|resource| is_allowed(held, action, resource, conditions));
    let actions: Vec<String> = companion.actions.iter().filter(|action| !has(action)).cloned().collect();
    (!actions.is_empty()).then_some(Companion { actions, ..companion })
}

fn is_allowed(held: &Held, action: &str, resource: &str, tests: &Tests) -> bool {
    let identity = || held.identity.iter().flat_map(|named| &named.document.statements);
    // A boundary or a guardrail may take away what these give; then the companion is worth telling.
    let limits = held.boundary.iter().chain(held.scp.iter().flatten()).flat_map(|named| &named.document.statements);
    let may_deny =
        |statement: &Statement| statement.effect == Effect::Deny && speaks_of(statement, action) != Some(false);
    let bounded = held.boundary.is_empty()
        || held
            .boundary
            .iter()
            .flat_map(|named| &named.document.statements)
            .any(|statement| allows(statement, action, resource, tests));
    bounded
        && !identity().chain(limits).any(may_deny)
        && identity().any(|statement| allows(statement, action, resource, tests))
}

fn allows(statement: &Statement, action: &str, resource: &str, tests: &Tests) -> bool {
    statement.effect == Effect::Allow
        && speaks_of(statement, action) == Some(true)
        && matches!(&statement.resources, Resources::Resource(patterns) if patterns.iter().any(|own| covers_arn(own, resource)))
        && conditions_hold(statement, tests)
}

/// Whether the statement's list of actions covers this one; `None` for a list of exceptions.
fn speaks_of(statement: &Statement, action: &str) -> Option<bool> {
    match &statement.actions {
        Actions::Action(patterns) => Some(patterns.iter().any(|pattern| matches_action(pattern, action))),
        Actions::NotAction(_) => None,
    }
}

/// Every condition of the statement is one that the companion would be granted under.
fn conditions_hold(statement: &Statement, tests: &Tests) -> bool {
    statement.conditions.iter().all(|(operator, keys)| {
        matches!(operator.as_str(), "StringEquals" | "StringLike")
            && keys.iter().all(|(key, allowed)| {
                let own = tests.values().flatten().filter(|(name, _)| name.eq_ignore_ascii_case(key));
                let mut values = own.flat_map(|(_, values)| values).peekable();
                values.peek().is_some()
                    && values.all(|value| {
                        allowed.iter().any(|pattern| match (pattern, operator.as_str()) {
                            (Scalar::Text(pattern), "StringLike") => covers(pattern, value),
                            (Scalar::Text(pattern), _) => pattern == value,
                            _ => false,
                        })
                    })
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::InForce;
    use crate::principal::from_arn;
    use serde_json::{Value, json};

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

    fn held(statements: &Value) -> Held {
        let mut in_force = InForce::default();
        in_force.add_document("identity", "a.json", &json!({"Statement": statements}).to_string()).unwrap();
        in_force.of(&from_arn("arn:aws:iam::111122223333:role/app")).unwrap()
    }

    #[track_caller]
    fn check(statements: &Value, resources: &[&str], expect: &[&str]) {
        let conditions = Tests::from([(
            "StringEquals".to_owned(),
            [("kms:ViaService".to_owned(), vec!["s3.eu-west-1.amazonaws.com".to_owned()])].into(),
        )]);
        let companion = Companion {
            actions: ["kms:Decrypt", "kms:GenerateDataKey"].map(str::to_owned).to_vec(),
            resources: resources.iter().map(|&resource| resource.to_owned()).collect(),
            conditions,
            why: String::new(),
            source: String::new(),
        };
        let left = without(companion, Some(&held(statements)));
        assert_eq!(left.map(|left| left.actions).unwrap_or_default(), expect, "{statements}");
    }

    #[test]
    fn only_what_is_certainly_held_is_left_out() {
        let both = ["kms:Decrypt", "kms:GenerateDataKey"];
        let allow =
            |action: Value, resource: &str| json!([{"Effect": "Allow", "Action": action, "Resource": resource}]);
        check(&allow(json!("kms:*"), "*"), &[KEY], &[]);
        check(&allow(json!("kms:*"), "*"), &[], &[]);
        check(&allow(json!("kms:decrypt"), KEY), &[KEY], &["kms:GenerateDataKey"]);
        check(&allow(json!("kms:*"), KEY), &[], &both);
        check(&allow(json!("kms:*"), "arn:aws:kms:*:*:key/*"), &[KEY], &[]);
        check(&allow(json!("kms:*"), "arn:aws:kms:us-east-1:*:key/*"), &[KEY], &both);
        check(&allow(json!("s3:*"), "*"), &[KEY], &both);
        check(&json!([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]), &[KEY], &both);
        let with = |operator: &str, key: &str, value: &str| json!([{"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": {operator: {key: value}}}]);
        check(&with("StringEquals", "KMS:viaservice", "s3.eu-west-1.amazonaws.com"), &[KEY], &[]);
        check(&with("StringLike", "kms:ViaService", "s3.*"), &[KEY], &[]);
        check(&with("StringEquals", "kms:ViaService", "sqs.eu-west-1.amazonaws.com"), &[KEY], &both);
        check(&with("StringEquals", "aws:PrincipalTag/team", "x"), &[KEY], &both);
        check(&with("Bool", "aws:SecureTransport", "true"), &[KEY], &both);
        let mut denied = allow(json!("kms:*"), "*");
        denied.as_array_mut().unwrap().push(json!({"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "x"}));
        check(&denied, &[KEY], &["kms:Decrypt"]);
    }
}
