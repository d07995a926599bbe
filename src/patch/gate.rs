//! The last look at a document before anybody sees it: no action, ARN form or condition key that the catalogue does not
//! know, no wildcard that AWS did not print, no character that a policy cannot hold.
//!
//! It repeats on purpose what the steps before it should have seen to: a wrong patch is worse than none.

use crate::arn;
use crate::catalog::{Action, Catalog};
use crate::diagnosis::TargetKind;
use crate::policy::pattern::is_writable;
use crate::policy::{Actions, Document, Effect, PrincipalSet, Principals, Resources, Statement};

/// What the look found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Any of these, and the document must not be shown; in words.
    pub faults: Vec<String>,
    /// What a person must settle.
    pub doubts: Vec<String>,
}

/// What the look rests on.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    /// The facts about AWS services.
    pub catalog: &'a Catalog,
    /// Where the document goes.
    pub kind: TargetKind,
    /// Resources that a policy in force holds already, in its own words.
    pub held: &'a [String],
    /// Resources whose Region a told rule left open.
    pub open: &'a [String],
}

/// Looks at every statement of a document that is to be added to a policy.
pub fn look(document: &Document, grounds: Grounds<'_>) -> Look {
    let mut found = Look::default();
    for statement in &document.statements {
        grounds.statement(statement, &mut found);
    }
    let text = serde_json::to_string(document).unwrap_or_default();
    if document.statements.is_empty() || text.is_empty() {
        found.faults.push("it holds no statement".to_owned());
    }
    if !is_writable(&text) || text.chars().any(char::is_control) {
        found.faults.push("it holds a character that no policy can hold".to_owned());
    }
    found
}

impl Grounds<'_> {
    fn statement(self, statement: &Statement, found: &mut Look) {
        let Actions::Action(actions) = &statement.actions else {
            return found.faults.push("it allows all but some actions".to_owned());
        };
        if statement.effect != Effect::Allow {
            found.faults.push("it denies".to_owned());
        }
        let mut known = Vec::new();
        for text in actions {
            match self.catalog.action(text).filter(|action| action.is(text)) {
                Some(action) => known.push((text, action)),
                None => found.faults.push(format!("`{text}` is not known to be an action")),
            }
        }
        let actions = known;
        self.resources(&actions, &statement.resources, found);
        self.conditions(&actions, statement, found);
        found.faults.extend(principal_fault(statement).map(str::to_owned));
    }

    fn resources(self, actions: &[(&String, Action<'_>)], resources: &Resources, found: &mut Look) {
        let bare = matches!(self.kind, TargetKind::TrustPolicy | TargetKind::RepositoryPolicy);
        match resources {
            Resources::Absent if bare => {}
            Resources::Absent => found.faults.push("a statement names no resource".to_owned()),
            Resources::NotResource(_) => found.faults.push("it allows all but some resources".to_owned()),
            Resources::Resource(_) if bare => found.faults.push("such a policy names no resource".to_owned()),
            Resources::Resource(patterns) => {
                for pattern in patterns.iter().filter(|pattern| *pattern != "*") {
                    self.resource(actions, pattern, found);
                }
            }
        }
    }

    fn resource(self, actions: &[(&String, Action<'_>)], pattern: &str, found: &mut Look) {
        let held = self.held.iter().any(|held| held == pattern);
        let open = self.open.iter().any(|open| open == pattern);
        for (action, _) in actions.iter().filter(|(_, known)| !known.takes(pattern)) {
            let words = format!("`{pattern}` is of no form that `{action}` is known to take");
            match held {
                true => found.doubts.push(format!("{words}, though the policy in force names it")),
                false => found.faults.push(words),
            }
        }
        let placed = held || is_exact_place(pattern, open);
        if !placed || has_variable(pattern) {
            found.faults.push(format!("`{pattern}` is no well-formed resource"));
        }
    }

    fn conditions(self, actions: &[(&String, Action<'_>)], statement: &Statement, found: &mut Look) {
        for (key, values) in statement.conditions.values().flatten() {
            let dead =
                actions.iter().filter(|(action, _)| self.catalog.condition_key_applies(action, key) != Some(true));
            found
                .faults
                .extend(dead.map(|(action, _)| format!("`{action}` is not known to carry the condition key `{key}`")));
            if values.iter().any(|value| has_variable(&value.text())) {
                found.faults.push(format!("a value of `{key}` is a variable"));
            }
        }
    }
}

/// Partition, Region and account spelt out: a wildcard may stand in the resource part only, and for an open Region.
fn is_exact_place(pattern: &str, open: bool) -> bool {
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    arn::parts(pattern).is_some_and(|[partition, service, region, account, _]| {
        partition.starts_with("aws")
            && [partition, service, account].into_iter().all(plain)
            && (plain(region) || open && region == "*")
    })
}

/// A `$` that is no escaped character: text of an event must not become a policy variable.
fn has_variable(text: &str) -> bool {
    let without = |rest: String, escaped: &&str| rest.replace(escaped, "");
    text.contains('$') && ["${*}", "${?}", "${$}"].iter().fold(text.to_owned(), without).contains('$')
}

/// Everybody, all but some, or a pattern.
fn principal_fault(statement: &Statement) -> Option<&'static str> {
    let by_arn = statement.conditions.values().any(|keys| keys.contains_key("aws:PrincipalArn"));
    match &statement.principals {
        Principals::Absent => None,
        Principals::NotPrincipal(_) => Some("it names all principals but some"),
        Principals::Principal(PrincipalSet::Everyone(_)) => (!by_arn).then_some("it names every principal"),
        Principals::Principal(PrincipalSet::Named(kinds)) => {
            let mut names = kinds.values().flatten();
            names.any(|name| name.contains(['*', '?', '$'])).then_some("a principal is a pattern")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(kind: TargetKind, statement: Value, held: &[&str], faults: &[&str]) {
        let document = serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [statement]})).unwrap();
        let held: Vec<String> = held.iter().map(|text| (*text).to_owned()).collect();
        let found = look(&document, Grounds { catalog: Catalog::embedded(), kind, held: &held, open: &[] });
        assert_eq!(found.faults, faults);
    }

    fn allow(action: &str, resource: &str) -> Value {
        json!({"Effect": "Allow", "Action": action, "Resource": resource})
    }

    #[test]
    fn only_what_the_catalogue_knows_passes() {
        let role = |statement: Value, faults: &[&str]| check(TargetKind::RolePolicy, statement, &[], faults);
        role(allow("s3:GetObject", "arn:aws:s3:::b/${*}k"), &[]);
        role(allow("ecs:ExecuteCommand", "arn:aws:ecs:eu-west-1:111122223333:task/main/*"), &[]);
        role(allow("logs:CreateLogGroup", "arn:aws:logs:eu-west-1:111122223333:log-group:/a/b:*"), &[]);
        role(allow("s3:MakeCoffee", "*"), &["`s3:MakeCoffee` is not known to be an action"]);
        role(allow("s3:getobject", "*"), &["`s3:getobject` is not known to be an action"]);
        role(allow("s3:*", "*"), &["`s3:*` is not known to be an action"]);
        let bucket = "`arn:aws:s3:::b` is of no form that `s3:GetObject` is known to take";
        role(allow("s3:GetObject", "arn:aws:s3:::b"), &[bucket]);
        role(
            allow("s3:GetObject", "arn:aws:s3:::b/${aws:username}"),
            &["`arn:aws:s3:::b/${aws:username}` is no well-formed resource"],
        );
        role(
            allow("sqs:SendMessage", "arn:aws:sqs:*:111122223333:q"),
            &["`arn:aws:sqs:*:111122223333:q` is no well-formed resource"],
        );
        role(json!({"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}), &["it denies"]);
        role(
            json!({"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"}),
            &["it allows all but some actions"],
        );
        role(json!({"Effect": "Allow", "Action": "s3:GetObject"}), &["a statement names no resource"]);
        role(
            json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "x"}}}),
            &["`s3:GetObject` is not known to carry the condition key `iam:PassedToService`"],
        );
        role(
            json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "${x}"}}}),
            &["a value of `aws:SourceAccount` is a variable"],
        );
        role(allow("s3:GetObject", "arn:aws:s3:::b/ключ"), &["it holds a character that no policy can hold"]);
    }

    #[test]
    fn what_a_policy_in_force_holds_passes_with_a_doubt() {
        let group = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/a/b";
        check(TargetKind::RolePolicy, allow("elasticloadbalancing:AddTags", group), &[group], &[]);
        let words = format!("`{group}` is of no form that `elasticloadbalancing:AddTags` is known to take");
        check(TargetKind::RolePolicy, allow("elasticloadbalancing:AddTags", group), &[], &[&words]);
    }

    #[test]
    fn only_a_told_rule_leaves_the_region_open() {
        let queue = "arn:aws:sqs:*:111122223333:q".to_owned();
        let statement = allow("sqs:SendMessage", &queue);
        let document = serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [statement]})).unwrap();
        let kind = TargetKind::RolePolicy;
        let faults = |open: &[String]| {
            look(&document, Grounds { catalog: Catalog::embedded(), kind, held: &[], open }).faults.len()
        };
        assert_eq!((faults(&[]), faults(&[queue])), (1, 0));
    }

    #[test]
    fn nobody_names_everybody() {
        let of = |principal: Value, condition: Value| json!({"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "*", "Condition": condition});
        let bucket = |statement: Value, faults: &[&str]| check(TargetKind::BucketPolicy, statement, &[], faults);
        bucket(of(json!({"AWS": "arn:aws:iam::111122223333:role/app"}), json!({})), &[]);
        bucket(of(json!("*"), json!({})), &["it names every principal"]);
        bucket(of(json!("*"), json!({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/app"}})), &[]);
        bucket(of(json!({"AWS": "*"}), json!({})), &["a principal is a pattern"]);
        let trust = json!({"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/idp.example"},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"idp.example:sub": "me"}}});
        check(TargetKind::TrustPolicy, trust, &[], &[]);
    }
}
