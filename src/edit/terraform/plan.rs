//! What has to change in which policy, before any text is written.

use super::need::Need;
use super::place::takes_actions;
use super::policies::{Policies, Policy};
use super::tree::Statement;
use super::world::World;
use crate::catalog::Catalog;
use crate::policy::covers::covers_action;
use std::ops::Range;

/// The change of one policy.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Place in [`Policies::readable`].
    pub policy: usize,
    pub touches: Vec<Touch>,
    pub adds: Vec<Add>,
}

/// A statement whose actions change.
#[derive(Debug)]
pub(super) struct Touch {
    /// Place in the site's statements.
    pub statement: usize,
    pub add: Vec<String>,
    pub remove: Vec<String>,
    /// Nothing but starved actions stood there: its condition goes in place of the actions.
    pub frees_all: bool,
}

/// A statement that comes in.
#[derive(Debug)]
pub(super) struct Add {
    /// Place in the site's lists.
    pub list: usize,
    /// The statement behind which it goes; `None` means the end.
    pub after: Option<Range<usize>>,
    /// What it says; of a split only the actions and conditions.
    pub need: Need,
    /// The statement whose resources it keeps, place in the site's statements.
    pub split_from: Option<usize>,
}

/// What came of the planning.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub plans: Vec<Plan>,
    /// What no policy took.
    pub rest: Vec<Need>,
    /// The statement that allows a part already: policy, statement.
    pub allowed_by: Option<(usize, usize)>,
    /// Each a sentence.
    pub notes: Vec<String>,
}

/// Plans the change; with `spare` a new statement goes into no policy that several have.
pub(super) fn plan(world: &World<'_>, policies: &Policies<'_>, needs: &[Need], spare: bool) -> Planned {
    let mut planned = Planned::default();
    for need in needs {
        let Some(need) = uncovered(policies, need, &mut planned) else { continue };
        let Some(need) = split(policies, need, &mut planned) else { continue };
        let Some(need) = join(world, policies, need, &mut planned) else { continue };
        match target(policies, &need).filter(|_| !spare) {
            Some((policy, list)) => {
                planned.of(policy).adds.push(Add { list, after: None, need, split_from: None });
            }
            None => planned.rest.push(need),
        }
    }
    planned
}

impl Planned {
    fn of(&mut self, policy: usize) -> &mut Plan {
        let at = self.plans.iter().position(|plan| plan.policy == policy).unwrap_or_else(|| {
            self.plans.push(Plan { policy, ..Plan::default() });
            self.plans.len() - 1
        });
        &mut self.plans[at]
    }
}

/// What of the need the source does not allow yet.
fn uncovered(policies: &Policies<'_>, need: &Need, planned: &mut Planned) -> Option<Need> {
    let resources: Vec<Option<&str>> = match &need.resources {
        Some(resources) => resources.iter().map(|resource| Some(resource.as_str())).collect(),
        None => vec![None],
    };
    let mut left = Vec::new();
    for action in &need.actions {
        let by = |resource: Option<&str>| {
            let sites = policies.readable.iter().enumerate();
            let all = sites
                .flat_map(|(at, policy)| policy.site.statements.iter().enumerate().map(move |(s, one)| (at, s, one)));
            all.into_iter().find(|(_, _, one)| need.is_covered(action, resource, one)).map(|(at, s, _)| (at, s))
        };
        let found: Vec<_> = resources.iter().map(|resource| by(*resource)).collect();
        if found.iter().all(Option::is_some) {
            planned.allowed_by = planned.allowed_by.or(found.first().copied().flatten());
        } else {
            left.push(action.clone());
        }
    }
    (!left.is_empty()).then(|| Need { actions: left, ..need.clone() })
}

/// Policies that nobody else has.
fn own<'p, 'c>(policies: &'p Policies<'c>) -> impl Iterator<Item = (usize, &'p Policy<'c>)> {
    policies.readable.iter().enumerate().filter(|(_, policy)| policy.others.is_empty())
}

/// Statements of the policies themselves, that may be written.
fn writable<'p>(policy: &'p Policy<'_>) -> impl Iterator<Item = (usize, &'p Statement)> {
    policy.site.statements.iter().enumerate().filter(|(_, one)| one.list != usize::MAX)
}

/// Frees actions from a condition that they can never meet.
fn split(policies: &Policies<'_>, mut need: Need, planned: &mut Planned) -> Option<Need> {
    for (at, policy) in own(policies) {
        for (place, statement) in writable(policy) {
            let Some(starved) = need.starved(statement, Catalog::embedded()) else { continue };
            let listed: Vec<String> =
                statement.texts("Action").unwrap_or_default().iter().filter_map(super::value::Val::as_text).collect();
            let gone = |action: &String| starved.actions.iter().any(|other| other.eq_ignore_ascii_case(action));
            let remove: Vec<String> = listed.iter().filter(|action| gone(action)).cloned().collect();
            let frees_all = remove.len() == listed.len();
            if frees_all && !starved.kept.is_empty() {
                continue;
            }
            let keys = starved.keys.join("`, `");
            planned.notes.push(format!(
                "`{}` never carries `{keys}`, so the statement could not allow it: it is freed of that condition, for \
                 all resources of the statement",
                starved.actions.join("`, `")
            ));
            let freed = Need { actions: starved.actions.clone(), conditions: starved.kept.clone(), ..need.clone() };
            let plan = planned.of(at);
            if !remove.is_empty() {
                plan.touches.push(Touch { statement: place, add: Vec::new(), remove, frees_all });
            }
            if !frees_all {
                let after = Some(statement.span.clone());
                plan.adds.push(Add { list: statement.list, after, need: freed, split_from: Some(place) });
            }
            need.actions.retain(|action| !gone(action));
            if need.actions.is_empty() {
                return None;
            }
        }
    }
    Some(need)
}

/// Puts the actions into a statement about the same.
fn join(world: &World<'_>, policies: &Policies<'_>, need: Need, planned: &mut Planned) -> Option<Need> {
    for (at, policy) in own(policies) {
        for (place, statement) in writable(policy) {
            let text = world.code.text(statement.file);
            if need.joins(statement) && takes_actions(text, statement) {
                let plan = planned.of(at);
                match plan.touches.iter_mut().find(|touch| touch.statement == place) {
                    Some(touch) => touch.add.extend(need.actions),
                    None => plan.touches.push(Touch {
                        statement: place,
                        add: need.actions,
                        remove: Vec::new(),
                        frees_all: false,
                    }),
                }
                return None;
            }
        }
    }
    Some(need)
}

/// The policy for a new statement: the one that speaks of the same service already, else the first.
fn target(policies: &Policies<'_>, need: &Need) -> Option<(usize, usize)> {
    let services: Vec<String> = need
        .actions
        .iter()
        .filter_map(|action| action.split_once(':'))
        .map(|(service, _)| format!("{service}:*"))
        .collect();
    let speaks = |policy: &Policy<'_>| {
        let named = |one: &Statement| {
            let texts = one.texts("Action").unwrap_or_default();
            let texts: Vec<String> = texts.iter().filter_map(super::value::Val::as_text).collect();
            texts.iter().any(|text| services.iter().any(|service| covers_action(service, text)))
        };
        policy.site.statements.iter().any(named)
    };
    // A list in the policy itself is nobody else's.
    let list = |policy: &Policy<'_>| {
        let of_own = policy.site.lists.iter().rposition(|list| list.shared.is_none());
        of_own.or_else(|| policy.site.lists.len().checked_sub(1))
    };
    let best = own(policies)
        .filter(|(_, policy)| list(policy).is_some())
        .max_by_key(|(at, policy)| (speaks(policy), std::cmp::Reverse(*at)));
    best.and_then(|(at, policy)| Some((at, list(policy)?)))
}
