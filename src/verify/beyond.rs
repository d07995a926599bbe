//! What a patch allows besides the recorded calls, held against what the policies in force allow already.

use crate::diagnosis::TargetKind;
use crate::patch::{Draft, Grant, Named, Tests};
use crate::policy::covers::{covers_action, covers_arn};
use crate::policy::{Actions, Conditions, Document, Effect, PrincipalSet, Principals, Resources, Scalar, Statement};
use std::collections::BTreeSet;

/// Permissions of the document that no recorded call asked for, in words: a widened form, a pair that nobody asked for, a
/// condition that the call showed and the statement does not test, a principal who was not refused.
///
/// `old` are the policies in force, where they stand behind the proof: what they allow already is no news.
pub(super) fn beyond(document: &Document, draft: &Draft<'_>, old: &[&Document]) -> Vec<String> {
    let ground = Ground { asked: asked(draft), kind: draft.target.kind, old };
    let mut told = Vec::new();
    for statement in document.statements.iter().filter(|statement| statement.effect == Effect::Allow) {
        ground.statement(statement, &mut told);
    }
    told
}

/// One recorded permission: what a statement for it says.
struct Asked<'a> {
    grant: &'a Grant,
    named: Option<(&'static str, &'a str)>,
}

fn asked<'a>(draft: &'a Draft<'_>) -> Vec<Asked<'a>> {
    let all = draft.items.iter().flat_map(|judged| {
        let named = principal(&judged.named);
        judged.grants.iter().map(move |(_, grant)| Asked { grant, named })
    });
    all.collect()
}

fn principal(named: &Named) -> Option<(&'static str, &str)> {
    match named {
        Named::Nobody => None,
        Named::Aws(arn) => Some(("AWS", arn)),
        Named::Service(host) => Some(("Service", host)),
        Named::Federated(arn) => Some(("Federated", arn)),
        Named::Everyone => Some(("*", "*")),
    }
}

struct Ground<'a> {
    asked: Vec<Asked<'a>>,
    kind: TargetKind,
    /// Documents of the layer that the patch goes into.
    old: &'a [&'a Document],
}

impl Ground<'_> {
    fn statement(&self, statement: &Statement, told: &mut Vec<String>) {
        let principals = principals(statement);
        let patterns: Vec<Option<&str>> = match &statement.resources {
            Resources::Resource(resources) => resources.iter().map(|pattern| Some(pattern.as_str())).collect(),
            Resources::Absent => vec![None],
            Resources::NotResource(_) => return told.push("all resources but some".to_owned()),
        };
        let Actions::Action(actions) = &statement.actions else {
            return told.push("all actions but some".to_owned());
        };
        for action in actions {
            for pattern in patterns.iter().filter(|pattern| !self.is_old(statement, action, **pattern)) {
                told.extend(principals.iter().filter_map(|who| self.more(statement, action, *pattern, who.as_ref())));
            }
        }
    }

    /// What one pair allows beyond the recorded calls; `None` where it is exactly what was refused.
    fn more(
        &self,
        statement: &Statement,
        action: &str,
        pattern: Option<&str>,
        who: Option<&(String, String)>,
    ) -> Option<String> {
        let on = pattern.map_or_else(String::new, |pattern| format!(" on {pattern}"));
        let pairs = self.asked.iter().filter(|asked| self.is_pair(asked.grant, action, pattern)).collect::<Vec<_>>();
        if pairs.is_empty() {
            return Some(format!("{action}{on}"));
        }
        let same = |asked: &Asked<'_>| asked.named == who.map(|(kind, name)| (kind.as_str(), name.as_str()));
        let refused: Vec<&&Asked<'_>> = pairs.iter().filter(|asked| same(asked)).collect();
        if refused.is_empty() {
            let who = who.map_or_else(|| "anybody".to_owned(), |(_, name)| name.clone());
            return Some(format!("{action}{on} by {who}"));
        }
        let looser = refused.iter().map(|asked| looser(&asked.grant.tests, &statement.conditions));
        let fewest = looser.min_by_key(BTreeSet::len)?;
        let keys: Vec<String> = fewest.into_iter().collect();
        (!keys.is_empty()).then(|| format!("{action}{on} whatever {}", keys.join(", ")))
    }

    /// Whether the pair is what a recorded call asked for, word for word.
    fn is_pair(&self, grant: &Grant, action: &str, pattern: Option<&str>) -> bool {
        // `*` in a key's or secret's policy is that key or secret.
        let is_whole = pattern == Some("*") && matches!(self.kind, TargetKind::KeyPolicy | TargetKind::SecretPolicy);
        let same = pattern.is_none_or(|pattern| grant.scoped.pattern == pattern) || is_whole;
        grant.action.eq_ignore_ascii_case(action) && grant.scoped.widened.is_none() && same
    }

    /// Whether a statement in force allows all of it already.
    fn is_old(&self, statement: &Statement, action: &str, pattern: Option<&str>) -> bool {
        let Some(pattern) = pattern else { return false };
        let mut in_force = self.old.iter().flat_map(|document| &document.statements);
        in_force.any(|held| allows_all(held, statement, action, pattern))
    }
}

/// Whether one statement in force allows whatever a pair of another does; false when unsure.
fn allows_all(held: &Statement, new: &Statement, action: &str, pattern: &str) -> bool {
    let Resources::Resource(resources) = &held.resources else { return false };
    let Actions::Action(actions) = &held.actions else { return false };
    held.effect == Effect::Allow
        && (held.conditions.is_empty() || held.conditions == new.conditions)
        && actions.iter().any(|wide| covers_action(wide, action))
        && resources.iter().any(|wide| covers_arn(wide, pattern))
}

/// The keys of the recorded tests that the conditions do not hold to as closely.
fn looser(tests: &Tests, conditions: &Conditions) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (operator, wanted) in tests {
        for (key, values) in wanted {
            let set = conditions.get(operator).and_then(|keys| keys.get(key));
            let among = |value: &Scalar| values.iter().any(|wanted| *wanted == *value.text());
            if !set.is_some_and(|set| !set.as_slice().is_empty() && set.iter().all(among)) {
                keys.insert(key.clone());
            }
        }
    }
    keys
}

/// Whom a statement names, by kind; one `None` where it names nobody.
fn principals(statement: &Statement) -> Vec<Option<(String, String)>> {
    match &statement.principals {
        Principals::Absent => vec![None],
        Principals::NotPrincipal(_) => vec![Some(("*".to_owned(), "all but some".to_owned()))],
        Principals::Principal(PrincipalSet::Everyone(_)) => vec![Some(("*".to_owned(), "*".to_owned()))],
        Principals::Principal(PrincipalSet::Named(kinds)) => {
            let pairs =
                kinds.iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind.clone(), name.clone())));
            pairs.map(Some).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[track_caller]
    fn old(held: &Statement, action: &str, pattern: &str, expect: bool) {
        let new = Statement::allow([action], [pattern]);
        assert_eq!(allows_all(held, &new, action, pattern), expect, "{action} on {pattern}");
    }

    #[test]
    fn what_a_statement_in_force_allows_is_no_news() {
        let queues = "arn:aws:sqs:eu-west-1:111122223333:jobs-*";
        let held = Statement::allow(["sqs:Send*"], [queues]);
        old(&held, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:jobs-1", true);
        old(&held, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:jobs-*", true);
        old(&held, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:*", false);
        old(&held, "sqs:*", queues, false);
        old(&Statement { effect: Effect::Deny, ..held.clone() }, "sqs:SendMessage", queues, false);
        // Under a condition it is not all of it.
        old(&held.clone().with_condition("Bool", "aws:SecureTransport", ["true"]), "sqs:SendMessage", queues, false);
        let all_but = Statement { resources: Resources::NotResource(["x"].into()), ..held };
        old(&all_but, "sqs:SendMessage", queues, false);
    }

    #[test]
    fn a_condition_is_held_to_by_the_same_values_or_fewer() {
        let tests: Tests = BTreeMap::from([(
            "StringEquals".to_owned(),
            BTreeMap::from([("kms:ViaService".to_owned(), vec!["s3.eu-west-1.amazonaws.com".to_owned()])]),
        )]);
        let with = |operator: &str, values: &[&str]| {
            Statement::allow(["kms:Decrypt"], ["*"])
                .with_condition(operator, "kms:ViaService", values.to_vec())
                .conditions
        };
        assert!(looser(&tests, &with("StringEquals", &["s3.eu-west-1.amazonaws.com"])).is_empty());
        for (operator, values) in [
            ("StringEquals", &["s3.eu-west-1.amazonaws.com", "x"][..]),
            ("StringEquals", &[]),
            ("StringEqualsIfExists", &["s3.eu-west-1.amazonaws.com"]),
            ("StringNotEquals", &["s3.eu-west-1.amazonaws.com"]),
        ] {
            assert_eq!(looser(&tests, &with(operator, values)).len(), 1, "{operator} {values:?}");
        }
        assert_eq!(looser(&tests, &Conditions::new()).len(), 1);
    }
}
