//! Roads to more power that a patch opens: by itself, or with what the principal already has.

use crate::catalog::{self, Catalog, Risk, RiskKind};
use crate::diagnosis::{Held, statement_words};
use crate::policy::pattern::matches_action;
use crate::policy::{Actions, Effect, Principals, Resources, Statement};
use serde::Serialize;
use std::collections::BTreeSet;

/// A way from permissions to more power.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Road {
    /// The permissions, and who gives each.
    pub from: Vec<Step>,
    /// What the principal can then do.
    pub to: String,
    /// Where the road is described.
    pub source: String,
}

/// One permission on a road.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Step {
    /// IAM action, canonical.
    pub action: String,
    /// `this patch`, `another item of this finding`, or the statement and policy in force that allow it.
    pub by: String,
}

/// What the principal has besides the statements that are looked at.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    /// The policies in force; `None` where none were given.
    pub(crate) held: Option<&'a Held>,
    /// Actions that other items of the same finding ask for.
    pub(crate) beside: &'a dyn Fn(&str) -> bool,
    /// The facts about AWS services.
    pub(crate) catalog: &'a Catalog,
}

const PASS_ROLE: &str = "iam:PassRole";
const THIS: &str = "this patch";

impl Road {
    /// The road in one sentence: from what, to what.
    pub fn words(&self) -> String {
        let step = |step: &Step| match (step.by.as_str(), self.from.len()) {
            (THIS, 1) => format!("`{}`", step.action),
            (by, _) => format!("`{}` ({by})", step.action),
        };
        let from: Vec<String> = self.from.iter().map(step).collect();
        let verb = if from.len() == 1 { "opens" } else { "open" };
        format!("{} {verb} a road to more power: {}", from.join(" with "), self.to)
    }
}

/// Whether it may depend on what else is allowed which roads this action opens; it is a pattern where it holds a wildcard.
pub(super) fn is_near_a_road(action: &str, catalog: &Catalog) -> bool {
    action.contains(['*', '?']) || catalog.is_on_a_road(action)
}

/// The roads that these statements open, each once; the longest where one holds another.
pub(crate) fn roads(patch: &[Statement], around: Around<'_>) -> Vec<Road> {
    let patch = &Granted::of(patch);
    // Most patches touch no road at all.
    let touched = !patch.wide.is_empty() || patch.plain.iter().any(|action| around.catalog.is_on_a_road(action));
    let listed = around.catalog.roads().iter().filter(|_| touched);
    let together = longest(listed.filter_map(|road| open(road, patch, around)).collect());
    let on_a_longer = |action: &str| together.iter().flat_map(|road| &road.from).any(|step| step.action == action);
    let told = |(action, risk): &(String, Risk<'_>)| match risk.kind {
        // Code that runs as a passed role needs iam:PassRole too: known not to be held, it is no road.
        RiskKind::WithPassRole => !on_a_longer(action) && around.held.is_none_or(|held| !held.missing.is_empty()),
        RiskKind::ExistingRole => !on_a_longer(action),
        _ => true,
    };
    let alone = patch.risks(around.catalog).filter(told).map(|(action, risk)| Road {
        to: reached(&risk, patch.reaches_all(&action)).to_owned(),
        from: vec![step(&action, THIS)],
        source: risk.source.to_owned(),
    });
    let mut all: Vec<Road> = alone.chain(together.iter().cloned()).collect();
    all.sort();
    all.dedup();
    all
}

/// Before what a risk lays open to who is given it on all resources.
const ON_ALL: &str = "on `*`: ";

/// What a risk leads to: of one that depends on the resources only what these statements reach.
fn reached<'c>(risk: &Risk<'c>, all: bool) -> &'c str {
    match risk.road.strip_prefix(ON_ALL) {
        Some(_) if !all => "whatever the secret opens",
        Some(road) => road,
        None => risk.road,
    }
}

/// What statements allow, so that most questions are one look into a set.
struct Granted<'a> {
    /// Action patterns without wildcard, in small letters.
    plain: BTreeSet<String>,
    /// Statements that a pattern or a `NotAction` makes wider.
    wide: Vec<&'a Statement>,
    /// All of them.
    statements: &'a [Statement],
}

impl<'a> Granted<'a> {
    fn of(statements: &'a [Statement]) -> Self {
        let mut granted = Self { plain: BTreeSet::new(), wide: Vec::new(), statements };
        for statement in statements.iter().filter(|statement| statement.effect == Effect::Allow) {
            match &statement.actions {
                Actions::Action(patterns) if !patterns.iter().any(|pattern| pattern.contains(['*', '?'])) => {
                    granted.plain.extend(patterns.iter().map(|pattern| pattern.to_ascii_lowercase()));
                }
                Actions::Action(_) | Actions::NotAction(_) => granted.wide.push(statement),
            }
        }
        granted
    }

    fn allows(&self, action: &str) -> bool {
        self.plain.contains(&action.to_ascii_lowercase()) || self.wide.iter().any(|statement| allows(statement, action))
    }

    /// Whether the action is allowed on all resources. The `*` of a resource's own policy is that resource.
    fn reaches_all(&self, action: &str) -> bool {
        let on_all = |resources: &Resources| match resources {
            Resources::Resource(patterns) => patterns.iter().any(|pattern| pattern == "*"),
            Resources::NotResource(_) => true,
            Resources::Absent => false,
        };
        let is_callers = |statement: &&Statement| matches!(statement.principals, Principals::Absent);
        let own = self.statements.iter().filter(is_callers);
        own.filter(|statement| allows(statement, action)).any(|statement| on_all(&statement.resources))
    }

    /// The dangerous actions among them.
    fn risks<'c>(&self, catalog: &'c Catalog) -> impl Iterator<Item = (String, Risk<'c>)> {
        let known = |action: &str| Some((catalog.action(action)?.canonical(), catalog.risk(action)?));
        let mut found: Vec<_> = self.plain.iter().filter_map(|action| known(action)).collect();
        if !self.wide.is_empty() {
            found.extend(catalog.risky_actions().filter(|action| self.allows(action)).filter_map(known));
        }
        found.into_iter()
    }
}

fn open(road: &catalog::Road, patch: &Granted<'_>, around: Around<'_>) -> Option<Road> {
    if !road.legs.iter().flatten().any(|action| patch.allows(action)) {
        return None;
    }
    let from: Vec<Step> =
        road.legs.iter().map(|leg| walk(leg, patch, around, road.legs.len())).collect::<Option<_>>()?;
    let is_new = from.iter().any(|step| step.by == THIS);
    is_new.then(|| Road { from, to: road.to.to_owned(), source: road.source.to_owned() })
}

/// Who gives one leg: the patch, else what is held.
fn walk(leg: &[&str], patch: &Granted<'_>, around: Around<'_>, legs: usize) -> Option<Step> {
    let by_patch = leg.iter().find(|action| patch.allows(action));
    if let Some(action) = by_patch {
        return Some(step(action, THIS));
    }
    if let Some(held) = around.held {
        let named = held.identity.iter();
        let of = |action: &&str| {
            let place = named.clone().find_map(|named| {
                let at = named.document.statements.iter().position(|statement| allows(statement, action))?;
                Some(format!("already allowed by {}", statement_words(named, at)))
            })?;
            Some(step(action, &place))
        };
        if let Some(found) = leg.iter().find_map(of) {
            return Some(found);
        }
    }
    if let Some(action) = leg.iter().find(|action| (around.beside)(action)) {
        return Some(step(action, "another item of this finding"));
    }
    let unread = around.held.and_then(|held| held.missing.first()).filter(|_| leg == [PASS_ROLE] && legs == 2);
    unread.map(|missing| step(PASS_ROLE, &format!("perhaps: the text of {missing} was not given")))
}

fn step(action: &str, by: &str) -> Step {
    Step { action: action.to_owned(), by: by.to_owned() }
}

/// Whether a statement allows the action on anything; conditions, and a Deny elsewhere, are not counted in its favour.
fn allows(statement: &Statement, action: &str) -> bool {
    statement.effect == Effect::Allow
        && match &statement.actions {
            Actions::Action(patterns) => patterns.iter().any(|pattern| matches_action(pattern, action)),
            Actions::NotAction(patterns) => !patterns.iter().any(|pattern| matches_action(pattern, action)),
        }
}

/// Without those whose permissions are all on another road too.
fn longest(roads: Vec<Road>) -> Vec<Road> {
    let names = |road: &Road| road.from.iter().map(|step| step.action.clone()).collect::<BTreeSet<String>>();
    let sets: Vec<BTreeSet<String>> = roads.iter().map(names).collect();
    let is_part = |set: &BTreeSet<String>| sets.iter().any(|other| set.len() < other.len() && set.is_subset(other));
    roads.into_iter().zip(&sets).filter(|(_, set)| !is_part(set)).map(|(road, _)| road).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{NamedDocument, Origin};
    use crate::policy::Document;

    fn held(actions: &[&str]) -> Held {
        let document = Document::new(vec![Statement::allow(actions.to_vec(), ["*"])]);
        let own = NamedDocument { name: "own".to_owned(), arn: None, origin: Origin::Inline, document };
        Held { identity: vec![own], ..Held::default() }
    }

    #[track_caller]
    fn check(patch: &[&str], held: Option<&Held>, expect: &[&str]) {
        let patch = [Statement::allow(patch.to_vec(), ["*"])];
        let around = Around { held, beside: &|_| false, catalog: Catalog::embedded() };
        let found: Vec<String> = roads(&patch, around).iter().map(Road::words).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn what_the_principal_has_completes_a_road() {
        let by_own = "(already allowed by statement 1 of inline policy `own`)";
        check(
            &["lambda:CreateFunction"],
            Some(&held(&["iam:Pass*"])),
            &[&format!(
                "`iam:PassRole` {by_own} with `lambda:CreateFunction` (this patch) open a road to more power: runs code of the \
                 caller's choice as the role that is passed"
            )],
        );
        // The last step of a road is harmless without the others, and the whole road is told once.
        check(&["lambda:InvokeFunction"], Some(&held(&["iam:PassRole", "lambda:List*"])), &[]);
        check(
            &["lambda:InvokeFunction"],
            Some(&held(&["iam:PassRole", "lambda:CreateFunction"])),
            &[&format!(
                "`iam:PassRole` {by_own} with `lambda:CreateFunction` {by_own} with `lambda:InvokeFunction` (this patch) open a \
                 road to more power: runs code of the caller's choice as the role that is passed, whenever it likes"
            )],
        );
        // What is all held already is no news.
        check(&["s3:GetObject"], Some(&held(&["*"])), &[]);
    }

    #[test]
    fn a_road_that_needs_pass_role_is_none_where_that_is_known_to_lack() {
        check(&["lambda:CreateFunction"], Some(&held(&["s3:*"])), &[]);
        let words = "`lambda:CreateFunction` opens a road to more power: with iam:PassRole: code of the caller's choice runs as \
                     the passed role";
        check(&["lambda:CreateFunction"], None, &[words]);
        let mut unread = held(&["s3:*"]);
        unread.missing.push("arn:aws:iam::aws:policy/X".to_owned());
        let perhaps = "`iam:PassRole` (perhaps: the text of arn:aws:iam::aws:policy/X was not given) with \
                       `lambda:CreateFunction` (this patch) open a road to more power: runs code of the caller's choice as the \
                       role that is passed";
        check(&["lambda:CreateFunction"], Some(&unread), &[perhaps]);
    }

    /// `*` in a secret's own policy is that secret, and an exact one in anybody's is that one.
    #[test]
    fn a_secret_is_told_as_far_as_it_reaches() {
        let around = Around { held: None, beside: &|_| false, catalog: Catalog::embedded() };
        let check = |resource: &str, of_secret: bool, expect: &str| {
            let mut statement = Statement::allow(["secretsmanager:GetSecretValue"], [resource]);
            if of_secret {
                let text = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
                    "Resource": "*", "Principal": {"AWS": "arn:aws:iam::111122223333:role/app"}}]}"#;
                statement = serde_json::from_str::<Document>(text).unwrap().statements.remove(0);
            }
            let found: Vec<String> = roads(&[statement], around).into_iter().map(|road| road.to).collect();
            assert_eq!(found, [expect], "{resource}");
        };
        check("*", false, "every secret of the account");
        check("*", true, "whatever the secret opens");
        check("arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-??????", false, "whatever the secret opens");
    }

    #[test]
    fn patterns_are_held_against_every_action_that_is_listed() {
        let patch = |action: &str| [Statement::allow([action], ["*"])];
        let around = Around { held: None, beside: &|_| false, catalog: Catalog::embedded() };
        assert!(roads(&patch("iam:*"), around).len() > 20);
        assert!(roads(&patch("*"), around).len() > roads(&patch("iam:*"), around).len());
        assert!(roads(&patch("s3:Get*"), around).is_empty());
        let all_but = Statement { actions: Actions::NotAction(["iam:*"].into()), ..patch("x:y")[0].clone() };
        assert!(roads(&[all_but], around).iter().any(|road| road.from[0].action == "sts:AssumeRole"));
    }

    #[test]
    fn every_listed_road_opens_at_each_of_its_legs() {
        let catalog = Catalog::embedded();
        for road in catalog.roads() {
            for (at, leg) in road.legs.iter().enumerate() {
                let others = |(other, leg): (usize, &Vec<&'static str>)| (other != at).then_some(leg[0]);
                let held = held(&road.legs.iter().enumerate().filter_map(others).collect::<Vec<_>>());
                for action in leg {
                    let around = Around { held: Some(&held), beside: &|_| false, catalog };
                    let found = roads(&[Statement::allow([*action], ["*"])], around);
                    let tells = |found: &Road| found.from.iter().any(|step| step.by == THIS && step.action == *action);
                    assert!(
                        found.iter().any(|found| tells(found) && found.from.len() > 1),
                        "{} at {action}",
                        road.name
                    );
                }
            }
        }
    }
}
