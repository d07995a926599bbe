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
    /// Attached to who asks: statements name no principal.
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
            Shape::Attached if lenient || statement.principals == Principals::Absent => Naming::Itself,
            Shape::Attached => return None,
            Shape::Placed => self.asker.named_by(statement)?,
        };
        condition::hold(&statement.conditions, self.context, variables, lenient).then_some(naming)
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

    /// A variable without a value makes the whole statement invalid, save where another pattern matches anyway.
    fn resource(&self, resources: &Resources, shape: Shape, variables: Variables<'_>, lenient: bool) -> bool {
        match resources {
            Resources::Absent => shape == Shape::Placed || lenient,
            Resources::Resource(patterns) => {
                patterns.iter().any(|pattern| self.target.matches(pattern, variables, lenient) == Ok(true))
            }
            Resources::NotResource(patterns) => {
                let mut found = patterns.iter().map(|pattern| self.target.matches(pattern, variables, !lenient));
                found.all(|matched: Result<bool, Unresolved>| matched == Ok(false))
            }
        }
    }
}
