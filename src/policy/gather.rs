//! Which statements of one policy match a request.

use super::condition;
use super::context::Context;
use super::document::{Actions, Document, Effect, Principals, Resources, Statement};
use super::pattern::{Unresolved, Variables, is_all, matches_halves};
use super::principals::{Asker, Naming};
use super::resource::Target;

/// All that a statement is held against.
pub(super) struct Asked<'a> {
    /// Service and name; `None` when the text is no action.
    pub(super) action: Option<(&'a [u8], &'a [u8])>,
    pub(super) context: &'a Context<'a>,
    pub(super) target: Target<'a>,
    pub(super) asker: Asker<'a>,
}

/// What a policy type's documents have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Identity-based policies and boundaries: statements name no principal, a short ARN is completed.
    Identity,
    /// Session policies and SCPs: statements name no principal.
    Attached,
    /// Attached to what is asked for: statements name principals and may leave the resource out.
    Placed,
}

/// One matching statement.
pub(super) struct Hit {
    pub(super) statement: usize,
    pub(super) effect: Effect,
    pub(super) naming: Naming,
}

impl Asked<'_> {
    /// The statements of a document that match, in their order.
    pub(super) fn hits<'d>(&'d self, document: &'d Document, shape: Shape) -> impl Iterator<Item = Hit> + 'd {
        let numbered = document.statements.iter().enumerate();
        numbered.filter_map(move |(number, statement)| {
            let variables = if document.has_variables() { Variables::On(self.context) } else { Variables::Off };
            let naming = self.matches(statement, shape, variables)?;
            Some(Hit { statement: number, effect: statement.effect, naming })
        })
    }

    fn matches(&self, statement: &Statement, shape: Shape, variables: Variables<'_>) -> Option<Naming> {
        let lenient = statement.effect == Effect::Deny;
        if !self.is_for(&statement.actions) || !self.resource(&statement.resources, shape, variables, lenient) {
            return None;
        }
        let naming = match shape {
            Shape::Identity | Shape::Attached => {
                (lenient || statement.principals == Principals::Absent).then_some(Naming::Itself)?
            }
            Shape::Placed => self.asker.named_by(statement)?,
        };
        condition::hold(&statement.conditions, self.context, variables, lenient).then_some(naming)
    }

    /// Whether action, resource and conditions of one statement fit, each by itself and the principal left aside.
    pub(super) fn parts(&self, statement: &Statement, has_variables: bool) -> [bool; 3] {
        let variables = if has_variables { Variables::On(self.context) } else { Variables::Off };
        let lenient = statement.effect == Effect::Deny;
        let shape = if statement.resources == Resources::Absent { Shape::Placed } else { Shape::Identity };
        [
            self.is_for(&statement.actions),
            self.resource(&statement.resources, shape, variables, lenient),
            condition::hold(&statement.conditions, self.context, variables, lenient),
        ]
    }

    fn is_for(&self, actions: &Actions) -> bool {
        let matches =
            |pattern: &String| is_all(pattern) || self.action.is_some_and(|asked| matches_halves(pattern, asked));
        let any = |patterns: &[String]| patterns.iter().any(matches);
        match actions {
            Actions::Action(patterns) => any(patterns.as_slice()),
            Actions::NotAction(patterns) => !any(patterns.as_slice()),
        }
    }

    /// A variable without a value makes its pattern match nothing; in `NotResource` AWS's text leaves the outcome open
    /// ("might cause the entire statement to be invalid"): an Allow does not grant, a Deny refuses.
    fn resource(&self, resources: &Resources, shape: Shape, variables: Variables<'_>, lenient: bool) -> bool {
        let completes = shape == Shape::Identity;
        let matches = |pattern: &String, lenient| self.target.matches_in(pattern, variables, lenient, completes);
        match resources {
            Resources::Absent => shape == Shape::Placed || lenient,
            Resources::Resource(patterns) => patterns.iter().any(|pattern| matches(pattern, lenient) == Ok(true)),
            Resources::NotResource(patterns) => {
                let mut found = patterns.iter().map(|pattern| matches(pattern, !lenient));
                found.all(|matched| matched == Ok(false) || lenient && matched == Err(Unresolved))
            }
        }
    }
}
