//! Every part of a patch must matter.
//!
//! An action, a resource or a principal matters if without it a recorded call is denied. A condition only narrows, so it
//! matters if without it a call goes through that was not recorded: the recorded one with another value of the key, or
//! without the key.

use super::bench::Bench;
use crate::policy::pattern::matches_action;
use crate::policy::{
    Actions, Conditions, ContextValue, Document, OneOrMany, PrincipalSet, Principals, Request, Resources, Scalar,
    Statement, fit,
};
use std::collections::BTreeMap;

/// Values that no call was recorded with, one a type of condition key.
const OTHERS: [&str; 7] = [
    "denywatch-other",
    "0",
    "true",
    "false",
    "1999-01-01T00:00:00Z",
    "198.18.0.1",
    "arn:aws:iam::999999999999:role/other",
];

/// The parts that could be dropped, in words; empty for a minimal document.
pub(super) fn superfluous(document: &Document, bench: &mut Bench<'_>) -> Vec<String> {
    let cover = Cover::new(document, &bench.requests);
    let mut parts = Vec::new();
    for (at, statement) in document.statements.iter().enumerate() {
        let mut told = |part: Part| {
            if !is_needed(document, at, &part, &cover, bench) {
                parts.push(format!("{} of statement {}", part.words, at + 1));
            }
        };
        left_out(statement).for_each(&mut told);
        let recorded: Vec<&Request> = cover.by_statement[at].iter().map(|request| &bench.requests[*request]).collect();
        let idle = conditions_left_out(statement).filter(|(_, less)| !narrows(statement, less, &recorded));
        let idle: Vec<String> = idle.map(|(words, _)| format!("{words} of statement {}", at + 1)).collect();
        parts.extend(idle);
    }
    parts
}

/// Which statements fit which recorded calls: all others of the patch have no say in a call's decision.
struct Cover {
    by_statement: Vec<Vec<usize>>,
    by_request: Vec<Vec<usize>>,
}

impl Cover {
    fn new(document: &Document, requests: &[Request]) -> Self {
        let mut by_action: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, request) in requests.iter().enumerate() {
            by_action.entry(request.action.to_ascii_lowercase()).or_default().push(at);
        }
        let mut cover = Self {
            by_statement: vec![Vec::new(); document.statements.len()],
            by_request: vec![Vec::new(); requests.len()],
        };
        for (at, statement) in document.statements.iter().enumerate() {
            for request in by_action.iter().filter(|(action, _)| speaks_of(statement, action)).flat_map(|(_, all)| all)
            {
                let found = fit(statement, &requests[*request], document.has_variables());
                if found.action && found.resource && found.conditions {
                    cover.by_statement[at].push(*request);
                    cover.by_request[*request].push(at);
                }
            }
        }
        cover
    }
}

fn speaks_of(statement: &Statement, action: &str) -> bool {
    match &statement.actions {
        Actions::Action(patterns) => patterns.iter().any(|pattern| matches_action(pattern, action)),
        Actions::NotAction(patterns) => !patterns.iter().any(|pattern| matches_action(pattern, action)),
    }
}

/// A statement with one part left out.
struct Part {
    words: String,
    /// What is left out.
    gone: String,
    /// Whether that is an action: only calls of it can miss it.
    is_action: bool,
    /// `None` where nothing is left of the statement.
    less: Option<Statement>,
}

/// Whether some recorded call is denied without the part.
fn is_needed(document: &Document, at: usize, part: &Part, cover: &Cover, bench: &mut Bench<'_>) -> bool {
    let touched = |request: &&usize| !part.is_action || matches_action(&part.gone, &bench.requests[**request].action);
    // The call on the very resource that is left out most likely misses it.
    let is_own = |request: &usize| bench.requests[*request].resource == part.gone;
    let (own, others): (Vec<usize>, _) = cover.by_statement[at].iter().filter(touched).partition(|one| is_own(one));
    let mut calls = own.into_iter().chain(others);
    calls.any(|request| !bench.allows(request, without(document, at, part, &cover.by_request[request])))
}

/// The statements that have a say in a call, with the part left out of one of them.
fn without(document: &Document, at: usize, part: &Part, speaking: &[usize]) -> Document {
    let one = |statement: &usize| match (*statement == at, &part.less) {
        (true, less) => less.clone(),
        (false, _) => Some(document.statements[*statement].clone()),
    };
    Document { version: document.version, ..Document::new(speaking.iter().filter_map(one).collect()) }
}

/// The statement once for each action, each resource and each principal, without it.
fn left_out(statement: &Statement) -> impl Iterator<Item = Part> {
    let mut parts = Vec::new();
    if let Actions::Action(actions) = &statement.actions {
        parts.extend(each_left_out(actions).map(|(gone, rest)| Part {
            words: format!("action `{gone}`"),
            less: rest.map(|rest| Statement { actions: Actions::Action(rest), ..statement.clone() }),
            gone,
            is_action: true,
        }));
    }
    if let Resources::Resource(resources) = &statement.resources {
        parts.extend(each_left_out(resources).map(|(gone, rest)| Part {
            words: format!("resource `{gone}`"),
            gone,
            is_action: false,
            less: rest.map(|rest| Statement { resources: Resources::Resource(rest), ..statement.clone() }),
        }));
    }
    if let Principals::Principal(PrincipalSet::Named(kinds)) = &statement.principals {
        for (kind, names) in kinds {
            parts.extend(each_left_out(names).map(|(gone, rest)| {
                let mut kinds = kinds.clone();
                match rest {
                    Some(rest) => drop(kinds.insert(kind.clone(), rest)),
                    None => drop(kinds.remove(kind)),
                }
                let principals = Principals::Principal(PrincipalSet::Named(kinds.clone()));
                let less = (!kinds.is_empty()).then(|| Statement { principals, ..statement.clone() });
                Part { words: format!("principal `{gone}`"), gone, is_action: false, less }
            }));
        }
    }
    parts.into_iter()
}

/// The list once for each value, without it, and the value; `None` where nothing is left.
fn each_left_out<T: Clone>(values: &OneOrMany<T>) -> impl Iterator<Item = (T, Option<OneOrMany<T>>)> {
    values.iter().enumerate().map(|(gone, value)| {
        let others = values.iter().enumerate().filter(|(at, _)| *at != gone);
        let rest: Vec<T> = others.map(|(_, value)| value.clone()).collect();
        (value.clone(), (!rest.is_empty()).then_some(OneOrMany::Many(rest)))
    })
}

/// The statement once for each tested key, and each value of a key with several, without it.
fn conditions_left_out(statement: &Statement) -> impl Iterator<Item = (String, Statement)> {
    let mut all = Vec::new();
    for (operator, key, values) in tests(&statement.conditions) {
        let mut with = |words: String, rest: Option<OneOrMany<Scalar>>| {
            let mut less = statement.clone();
            let keys = less.conditions.entry(operator.clone()).or_default();
            match rest {
                Some(rest) => drop(keys.insert(key.clone(), rest)),
                None => drop(keys.remove(key)),
            }
            all.push((words, less));
        };
        with(format!("condition `{operator}` on `{key}`"), None);
        for (gone, rest) in each_left_out(values).filter(|(_, rest)| rest.is_some()) {
            with(format!("value `{}` of `{operator}` on `{key}`", gone.text()), rest);
        }
    }
    all.into_iter()
}

fn tests(conditions: &Conditions) -> impl Iterator<Item = (&String, &String, &OneOrMany<Scalar>)> {
    conditions.iter().flat_map(|(operator, keys)| keys.iter().map(move |(key, values)| (operator, key, values)))
}

/// Whether the whole statement keeps some call out that the lesser one lets through, or the other way round.
fn narrows(whole: &Statement, less: &Statement, recorded: &[&Request]) -> bool {
    let holds = |statement: &Statement, request: &Request| fit(statement, request, true).conditions;
    let mut probes = recorded.iter().flat_map(|request| variations(whole, request));
    let lost = || recorded.iter().any(|request| holds(whole, request) && !holds(less, request));
    lost() || probes.any(|probe| !holds(whole, &probe) && holds(less, &probe))
}

/// The call with each tested key absent, with values of no recorded call, and with those that the statement itself names.
fn variations(statement: &Statement, request: &Request) -> Vec<Request> {
    let mut all = Vec::new();
    for (_, key, values) in tests(&statement.conditions) {
        let mut bare = request.clone();
        bare.context.retain(|known, _| !known.eq_ignore_ascii_case(key));
        let named = values.iter().map(|value| value.text().into_owned());
        for value in OTHERS.iter().map(|other| (*other).to_owned()).chain(named) {
            let mut with = bare.clone();
            with.context.insert(key.clone(), ContextValue::One(value));
            all.push(with);
        }
        all.push(bare);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(action: &str, resource: &str, context: &[(&str, &str)]) -> Request {
        Request {
            principal: "arn:aws:iam::111122223333:user/ann".to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            context: context.iter().map(|(key, value)| ((*key).to_owned(), ContextValue::from(*value))).collect(),
            ..Request::default()
        }
    }

    #[track_caller]
    fn check(statement: &Statement, requests: &[Request], expect: &[&str]) {
        let recorded: Vec<&Request> = requests.iter().collect();
        let idle = conditions_left_out(statement).filter(|(_, less)| !narrows(statement, less, &recorded));
        assert_eq!(idle.map(|(words, _)| words).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn a_condition_is_needed_if_it_keeps_a_call_out() {
        let key = "arn:aws:kms:eu-west-1:111122223333:key/k";
        let call = [recorded("kms:Decrypt", key, &[("kms:ViaService", "s3.eu-west-1.amazonaws.com")])];
        let with = |operator: &str, key_name: &str, values: &[&str]| {
            Statement::allow(["kms:Decrypt"], [key]).with_condition(operator, key_name, values.to_vec())
        };
        check(&with("StringEquals", "kms:ViaService", &["s3.eu-west-1.amazonaws.com"]), &call, &[]);
        check(
            &with("StringLikeIfExists", "kms:ViaService", &["*"]),
            &call,
            &["condition `StringLikeIfExists` on `kms:ViaService`"],
        );
        check(&with("StringNotEquals", "aws:SourceVpc", &["vpc-1"]), &call, &[]);
        check(
            &with("StringEquals", "kms:ViaService", &["s3.eu-west-1.amazonaws.com", "x"]),
            &call,
            &["value `x` of `StringEquals` on `kms:ViaService`"],
        );
        check(&with("StringNotEquals", "aws:SourceVpc", &["vpc-1", "vpc-2"]), &call, &[]);
    }

    #[test]
    fn a_call_is_touched_by_the_statements_that_fit_it() {
        let (one, two) = ("arn:aws:sqs:eu-west-1:111122223333:a", "arn:aws:sqs:eu-west-1:111122223333:b");
        let document = Document::new(vec![
            Statement::allow(["sqs:SendMessage"], [one, two]),
            Statement::allow(["sqs:*"], [two]),
            Statement::allow(["sns:Publish"], ["*"]),
        ]);
        let cover =
            Cover::new(&document, &[recorded("SQS:sendmessage", one, &[]), recorded("sqs:SendMessage", two, &[])]);
        assert_eq!(cover.by_request, [vec![0], vec![0, 1]]);
        assert_eq!(cover.by_statement, [vec![0, 1], vec![1], vec![]]);
    }
}
