//! A denial seen beside the policies given: what every cause that reads policies looks at.

use super::in_force::{Held, NamedDocument};
use super::replay::{opened_statement, policy_words, statement_words};
use super::request::Needed;
use crate::catalog::Catalog;
use crate::policy::{Effect, Request, Statement, fit};

/// The denial, the policies and the facts.
pub(super) struct View<'v> {
    pub(super) needed: &'v Needed<'v>,
    pub(super) held: &'v Held,
    pub(super) catalog: &'v Catalog,
    /// The call with the keys that the event shows.
    pub(super) request: Request,
}

/// An Allow statement and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Allow<'h> {
    pub(super) named: &'h NamedDocument,
    /// Counts from 0.
    pub(super) at: usize,
    pub(super) statement: &'h Statement,
    /// It covers the action.
    pub(super) action: bool,
    /// It covers the resource, were every variable that is not known what it should be.
    pub(super) resource: bool,
}

impl<'v> View<'v> {
    pub(super) fn new(needed: &'v Needed<'v>, held: &'v Held, catalog: &'v Catalog) -> Self {
        Self { needed, held, catalog, request: needed.request() }
    }

    /// The Allow statements of these policies, in their order.
    pub(super) fn allows<'h>(&self, policies: impl IntoIterator<Item = &'h NamedDocument>) -> Vec<Allow<'h>> {
        let mut allows = Vec::new();
        for named in policies {
            for (at, statement) in named.document.statements.iter().enumerate() {
                if statement.effect == Effect::Allow {
                    let opened = opened_statement(statement, self.needed, self.catalog);
                    let fit = fit(&opened, &self.request, named.document.has_variables());
                    allows.push(Allow { named, at, statement, action: fit.action, resource: fit.resource });
                }
            }
        }
        allows
    }

    /// Whether identity-based policies were given at all.
    pub(super) fn has_identity(&self) -> bool {
        self.held.tells_identity()
    }
}

impl Allow<'_> {
    /// `statement 1 of policy `name``.
    pub(super) fn words(&self) -> String {
        statement_words(self.named, self.at)
    }

    /// `policy `name``.
    pub(super) fn policy(&self) -> String {
        policy_words(self.named)
    }
}
