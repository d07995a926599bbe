//! Five hundred patches, each part of them dropped, widened or swapped: the check must find something against every
//! mutant that it did not find against the patch itself.
//!
//! The patches are those of the realistic denials (`tests/fixtures/denials`), each denial alone and folded as a scan folds
//! them. No mutant is left out but one whose text is the patch's own.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test stops at the first surprise, and tells its counts

use denywatch::catalog::Catalog;
use denywatch::denial::{Denial, Given, from_excerpt, from_record, text};
use denywatch::diagnosis::{Held, InForce, diagnose};
use denywatch::finding::{Finding, fold, observe};
use denywatch::patch::{Draft, draft};
use denywatch::policy::{Actions, Document, OneOrMany, PrincipalSet, Principals, Resources, Scalar, Statement};
use denywatch::record;
use denywatch::verify::{Check, check};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

const LINES: &str = include_str!("fixtures/denials/denials.jsonl");
const PATCHES_AT_LEAST: usize = 500;
/// With policies in force around them.
const PATCHES_AMONG_OTHERS: usize = 120;
/// Of a patch that is mutated.
const STATEMENTS_AT_MOST: usize = 4;

/// A document in the text of its statements, names aside.
fn key(document: &Document) -> String {
    let bare = |statement: &Statement| {
        let mut bare = statement.clone();
        bare.sid = None;
        bare
    };
    let bare: Vec<Statement> = document.statements.iter().map(bare).collect();
    serde_json::to_string(&Document::new(bare)).unwrap()
}

fn denials() -> Vec<Denial> {
    let catalog = Catalog::embedded();
    let read = |line: &str| -> Vec<Denial> {
        let line: Value = serde_json::from_str(line).unwrap();
        let args: Vec<&str> = line["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let after = |flag: &str| {
            let at = args.iter().position(|arg| *arg == flag)?;
            args.get(at + 1).map(|value| (*value).to_owned())
        };
        let given = Given { principal: after("--principal"), resource: after("--resource"), ..Given::default() };
        match line["text"].as_str() {
            Some(pasted) => text::find(pasted).iter().map(|excerpt| from_excerpt(excerpt, &given, catalog)).collect(),
            None => {
                let bytes = line["file"].as_str().map_or_else(|| line["record"].to_string(), str::to_owned);
                let (records, _) = record::read(bytes.as_bytes(), "line");
                records.iter().filter_map(|record| from_record(record, &given, catalog)).collect()
            }
        }
    };
    LINES.lines().flat_map(read).collect()
}

/// Each denial's own finding, then the folded ones.
fn findings() -> Vec<Finding> {
    let denials = denials();
    let observed = |denial: &Denial| observe(denial.clone(), diagnose(denial));
    let mut all: Vec<Finding> = denials.iter().flat_map(|denial| fold([observed(denial)])).collect();
    all.extend(fold(denials.iter().map(observed)));
    all
}

/// What the check holds against a document, one complaint each.
fn complaints(checked: &Check) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut tell = |kind: &str, list: &[String]| all.extend(list.iter().map(|one| format!("{kind}: {one}")));
    tell("not valid", &checked.faults);
    tell("still denied", &checked.still_denied);
    tell("to spare", &checked.superfluous);
    tell("beyond", &checked.proof.beyond);
    all
}

/// One mutant, and what was done to make it.
type Mutant = (String, Document);

/// Of the forms of one mutation of one part, those that this turn makes: over the patches each form has its turn, and no
/// part goes without.
fn turn<T>(all: Vec<T>, count: usize, turn: usize) -> impl Iterator<Item = T> {
    let length = all.len().max(1);
    let taken = move |at: usize| (0..count).any(|step| (turn + step) % length == at);
    all.into_iter().enumerate().filter(move |(at, _)| taken(*at)).map(|(_, one)| one)
}

/// Every mutant of a document; `number` is the patch's.
fn mutants(document: &Document, number: usize) -> Vec<Mutant> {
    let mut all: Vec<Mutant> = Vec::new();
    for (at, statement) in document.statements.iter().enumerate() {
        let mut put = |how: String, mutant: Option<Statement>| {
            let mut changed = document.clone();
            match mutant {
                Some(mutant) => changed.statements[at] = mutant,
                None => drop(changed.statements.remove(at)),
            }
            all.push((format!("{how} in statement {at}"), changed));
        };
        of_actions(statement, number, &mut put);
        of_resources(statement, number, &mut put);
        of_conditions(statement, &mut put);
        of_principals(statement, &mut put);
    }
    all
}

type Put<'a> = dyn FnMut(String, Option<Statement>) + 'a;

fn with_actions(statement: &Statement, actions: Actions) -> Statement {
    let mut changed = statement.clone();
    changed.actions = actions;
    changed
}

fn with_resources(statement: &Statement, resources: Resources) -> Statement {
    let mut changed = statement.clone();
    changed.resources = resources;
    changed
}

/// The list with one value taken out, or others in its place.
fn replaced(values: &OneOrMany<String>, at: usize, by: &[String]) -> Option<OneOrMany<String>> {
    let mut all: Vec<String> = values.iter().cloned().collect();
    all.splice(at..=at, by.iter().cloned());
    (!all.is_empty()).then_some(OneOrMany::Many(all))
}

fn of_actions(statement: &Statement, number: usize, put: &mut Put<'_>) {
    let Actions::Action(actions) = &statement.actions else { return };
    let with =
        |actions: Option<OneOrMany<String>>| actions.map(|actions| with_actions(statement, Actions::Action(actions)));
    for (at, action) in actions.iter().enumerate() {
        put(format!("drop {action}"), with(replaced(actions, at, &[])));
        let (service, name) = action.split_once(':').unwrap();
        let verb: String = name.chars().take(1).chain(name.chars().skip(1).take_while(|c| c.is_lowercase())).collect();
        let mut wider =
            vec![format!("{service}:*"), "*".to_owned(), format!("{service}:{verb}*"), format!("{action}*")];
        wider.push(format!("{service}:{}?", &name[..name.len() - 1]));
        for wide in turn(wider, 2, number + at) {
            put(format!("widen {action} to {wide}"), with(replaced(actions, at, std::slice::from_ref(&wide))));
        }
        for other in turn(siblings(service, action), 1, number + at) {
            put(format!("swap {action} for {other}"), with(replaced(actions, at, std::slice::from_ref(&other))));
            put(format!("add {other} to {action}"), with(replaced(actions, at, &[action.clone(), other])));
        }
        put(
            format!("swap {action} for nothing known"),
            with(replaced(actions, at, &[format!("{service}:Make{name}")])),
        );
    }
    put("allow all but these".to_owned(), Some(with_actions(statement, Actions::NotAction(actions.clone()))));
}

/// Two other actions of the service.
fn siblings(service: &str, action: &str) -> Vec<String> {
    static BY_SERVICE: OnceLock<BTreeMap<String, Vec<String>>> = OnceLock::new();
    let by_service = BY_SERVICE.get_or_init(|| {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for known in Catalog::embedded().actions() {
            all.entry(known.prefix().to_owned()).or_default().push(known.canonical());
        }
        all
    });
    let others: Vec<&String> = by_service[service].iter().filter(|name| *name != action).collect();
    [others.first(), others.get(others.len() / 2)].into_iter().flatten().map(|name| (*name).clone()).collect()
}

fn of_resources(statement: &Statement, number: usize, put: &mut Put<'_>) {
    let Resources::Resource(resources) = &statement.resources else { return };
    let with = |resources: Option<OneOrMany<String>>| {
        resources.map(|resources| with_resources(statement, Resources::Resource(resources)))
    };
    for (at, resource) in resources.iter().enumerate() {
        put(format!("drop {resource}"), with(replaced(resources, at, &[])));
        for wide in turn(wider(resource), 2, number + at) {
            put(format!("widen {resource} to {wide}"), with(replaced(resources, at, std::slice::from_ref(&wide))));
        }
        for other in turn(others(resource), 1, number + at) {
            put(format!("swap {resource} for {other}"), with(replaced(resources, at, std::slice::from_ref(&other))));
            put(format!("add {other} to {resource}"), with(replaced(resources, at, &[resource.clone(), other])));
        }
    }
    put(
        "allow all but these resources".to_owned(),
        Some(with_resources(statement, Resources::NotResource(resources.clone()))),
    );
}

/// Patterns that hold the resource and more.
fn wider(resource: &str) -> Vec<String> {
    let mut all = vec!["*".to_owned(), format!("{resource}*"), format!("{resource}/*")];
    all.extend(resource.rfind(['/', ':']).map(|at| format!("{}*", &resource[..=at])));
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    if let [arn, partition, service, region, account, rest] = parts[..] {
        all.push(format!("{arn}:{partition}:{service}:{region}:*:{rest}"));
        all.push(format!("{arn}:{partition}:{service}:*:{account}:{rest}"));
        all.push(format!("{arn}:{partition}:{service}:{region}:{account}:*"));
    }
    all
}

/// Resources that were not asked for.
fn others(resource: &str) -> Vec<String> {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    let [arn, partition, service, region, account, rest] = parts[..] else {
        return vec!["arn:aws:s3:::another-bucket".to_owned()];
    };
    let mut all = vec![format!("{arn}:{partition}:{service}:{region}:{account}:{rest}x")];
    if !account.is_empty() {
        all.push(format!("{arn}:{partition}:{service}:{region}:999988887777:{rest}"));
    }
    if !region.is_empty() {
        all.push(format!("{arn}:{partition}:{service}:xx-north-9:{account}:{rest}"));
    }
    all
}

fn of_conditions(statement: &Statement, put: &mut Put<'_>) {
    for (operator, keys) in &statement.conditions {
        for (key, values) in keys {
            let with = |operator: &str, name: &str, values: Option<Vec<Scalar>>| {
                let mut mutant = statement.clone();
                mutant.conditions.get_mut(operator.trim_end_matches("IfExists")).map(|keys| keys.remove(key));
                mutant.conditions.retain(|_, keys| !keys.is_empty());
                if let Some(values) = values {
                    let keys = mutant.conditions.entry(operator.to_owned()).or_default();
                    keys.insert(name.to_owned(), OneOrMany::Many(values));
                }
                Some(mutant)
            };
            let same: Vec<Scalar> = values.iter().cloned().collect();
            let text = |text: &str| Scalar::Text(text.to_owned());
            let plus = |more: &str| same.iter().cloned().chain([text(more)]).collect::<Vec<_>>();
            put(format!("drop {operator} {key}"), with(operator, key, None));
            put(format!("widen {key} by a value"), with(operator, key, Some(plus("other.amazonaws.com"))));
            put(format!("widen {key} by IfExists"), with(&format!("{operator}IfExists"), key, Some(same.clone())));
            put(format!("swap the value of {key}"), with(operator, key, Some(vec![text("other.amazonaws.com")])));
            put(format!("swap {key} for aws:SourceVpc"), with(operator, "aws:SourceVpc", Some(same.clone())));
            let mut like = with(operator, key, None).unwrap();
            like.conditions.entry("StringLike".to_owned()).or_default().insert(key.clone(), OneOrMany::One(text("*")));
            put(format!("widen {key} to any"), Some(like));
            let mut not = with(operator, key, None).unwrap();
            not.conditions.entry("StringNotEquals".to_owned()).or_default().insert(key.clone(), OneOrMany::Many(same));
            put(format!("negate {key}"), Some(not));
        }
    }
    let more = statement.clone().with_condition("StringEquals", "aws:SourceVpc", ["vpc-1"]);
    put("narrow by a network".to_owned(), Some(more));
    let idle = statement.clone().with_condition("StringLikeIfExists", "aws:SourceVpc", ["*"]);
    put("add a condition that always holds".to_owned(), Some(idle));
}

fn of_principals(statement: &Statement, put: &mut Put<'_>) {
    let Principals::Principal(PrincipalSet::Named(kinds)) = &statement.principals else { return };
    let with = |set: PrincipalSet| Some(statement.clone().with_principal(set));
    let aws = |name: &str| PrincipalSet::aws([name.to_owned()]);
    for (kind, names) in kinds {
        let name = names.as_slice()[0].clone();
        put(format!("widen {name} to everybody"), with(PrincipalSet::EVERYONE));
        put(format!("widen {name} to AWS *"), with(aws("*")));
        put(format!("swap {name}"), with(aws("arn:aws:iam::999988887777:role/other")));
        put(format!("add to {name}"), with(PrincipalSet::of(kind, [name.clone(), "999988887777".to_owned()])));
        if let Some((account, _)) = name.split_once(":role/").or_else(|| name.split_once(":user/")) {
            put(format!("widen {name} to its account"), with(aws(&format!("{account}:root"))));
        }
    }
}

#[derive(Default)]
struct Counts {
    patches: usize,
    mutants: BTreeMap<&'static str, usize>,
}

/// The first word of what was done.
fn manner(how: &str) -> &'static str {
    ["drop", "widen", "swap", "add", "allow", "negate", "narrow"]
        .into_iter()
        .find(|word| how.starts_with(word))
        .unwrap()
}

/// Checks every mutant of one draft; gives back those that nothing new is held against.
fn unseen(draft: &Draft<'_>, finding: &Finding, held: Option<&Held>, counts: &mut Counts) -> Vec<String> {
    let document = draft.document.as_ref().unwrap();
    let judge = |document: &Document| complaints(&check(document, draft, finding, held, Catalog::embedded()));
    let (own, text) = (judge(document), key(document));
    let mut unseen = Vec::new();
    for (how, mutant) in mutants(document, counts.patches) {
        if key(&mutant) == text {
            continue; // the same document is no mutant
        }
        *counts.mutants.entry(manner(&how)).or_default() += 1;
        if judge(&mutant).is_subset(&own) {
            unseen.push(format!("{how}: {text}\n   is {}\n   held against both: {own:?}", key(&mutant)));
        }
    }
    unseen
}

fn all_caught(counts: &Counts, missed: &[String], at_least: usize) {
    let all: usize = counts.mutants.values().sum();
    println!("{} patches, {all} mutants {:?}, {} not caught", counts.patches, counts.mutants, missed.len());
    let first = missed.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(missed.is_empty(), "{} of {all} not caught:\n{first}", missed.len());
    assert!(counts.patches >= at_least, "only {} patches", counts.patches);
}

#[test]
fn every_mutant_is_caught() {
    let findings = findings();
    let (mut seen, mut counts, mut missed) = (BTreeSet::new(), Counts::default(), Vec::new());
    for finding in &findings {
        for draft in draft(finding, None, Catalog::embedded()) {
            let Some(document) = &draft.document else { continue };
            if document.statements.len() > STATEMENTS_AT_MOST {
                continue; // made of the same statements as the small ones, at the square of their cost
            }
            if seen.insert(key(document)) {
                counts.patches += 1;
                missed.extend(unseen(&draft, finding, None, &mut counts));
            }
        }
    }
    all_caught(&counts, &missed, PATCHES_AT_LEAST);
    assert!(["drop", "widen", "swap"].iter().all(|manner| counts.mutants[manner] > 1_000), "{:?}", counts.mutants);
}

/// A resource that the policies in force name, beside the one that was refused.
fn old(resource: &str) -> String {
    format!("{resource}-old")
}

/// Policies in force around a patch: the same actions under the same conditions on other resources, and something else.
fn in_force(document: &Document) -> InForce {
    let elsewhere = |statement: &Statement| {
        let Resources::Resource(resources) = &statement.resources else { return None };
        let others: Vec<String> = resources.iter().filter(|name| *name != "*").map(|name| old(name)).collect();
        let resources = Resources::Resource(OneOrMany::Many(others.clone()));
        (!others.is_empty()).then(|| with_resources(statement, resources))
    };
    let statements = document.statements.iter().filter_map(elsewhere).chain([Statement::allow(["tag:Get*"], ["*"])]);
    let mut in_force = InForce::default();
    let text = serde_json::to_string(&Document::new(statements.collect())).unwrap();
    in_force.add_document("identity", "old.json", &text).unwrap();
    in_force
}

/// What is new against the patch with a resource of the policies in force in it, with and without those policies.
fn with_an_old_one(draft: &Draft<'_>, finding: &Finding, held: &Held) -> Option<[BTreeSet<String>; 2]> {
    let document = draft.document.as_ref()?;
    let Resources::Resource(resources) = &document.statements[0].resources else { return None };
    let name = resources.iter().find(|name| *name != "*")?;
    let more = resources.iter().cloned().chain([old(name)]).collect();
    let mut wider = document.clone();
    wider.statements[0] = with_resources(&document.statements[0], Resources::Resource(OneOrMany::Many(more)));
    let new = |held: Option<&Held>| {
        let judge = |document: &Document| complaints(&check(document, draft, finding, held, Catalog::embedded()));
        judge(&wider).difference(&judge(document)).filter(|told| told.contains("-old")).cloned().collect()
    };
    Some([new(Some(held)), new(None)])
}

#[test]
fn every_mutant_is_caught_beside_policies_in_force() {
    let (catalog, findings) = (Catalog::embedded(), findings());
    let (mut seen, mut counts, mut missed, mut olds) = (BTreeSet::new(), Counts::default(), Vec::new(), 0);
    'enough: for finding in findings.iter().step_by(5) {
        for document in draft(finding, None, catalog).into_iter().filter_map(|draft| draft.document) {
            if document.statements.iter().any(|statement| statement.principals != Principals::Absent) {
                continue; // of another layer than the identity-based policies around it
            }
            let held = in_force(&document).of(&finding.principal).unwrap();
            for draft in draft(finding, Some(&held), catalog) {
                let own =
                    draft.document.as_ref().is_some_and(|own| key(own) == key(&document) && seen.insert(key(own)));
                if !own || document.statements.len() > STATEMENTS_AT_MOST {
                    continue;
                }
                let judged = check(&document, &draft, finding, Some(&held), catalog);
                if judged.proof.basis != "policies" {
                    continue; // it goes into another layer, such as a boundary
                }
                counts.patches += 1;
                missed.extend(unseen(&draft, finding, Some(&held), &mut counts));
                if let Some([with, without]) = with_an_old_one(&draft, finding, &held) {
                    let beyond = |told: &BTreeSet<String>| told.iter().any(|one| one.starts_with("beyond"));
                    assert!(!beyond(&with) && beyond(&without), "{with:?} against {without:?}");
                    assert!(with.iter().any(|one| one.starts_with("to spare")), "{with:?}");
                    olds += 1;
                }
                if counts.patches == PATCHES_AMONG_OTHERS {
                    break 'enough;
                }
            }
        }
    }
    all_caught(&counts, &missed, PATCHES_AMONG_OTHERS);
    assert!(olds > PATCHES_AMONG_OTHERS / 2, "only {olds} with a resource of their own");
}
