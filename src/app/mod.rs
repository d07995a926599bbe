//! Use cases, each one screen: the order of the steps and nothing else.

pub mod audience;
pub mod digest;
pub mod explain;
pub mod ingest;
#[cfg(feature = "lambda")]
pub mod lease;
#[cfg(feature = "lambda")]
pub mod line;
#[cfg(feature = "lookup")]
pub mod lookup;
#[cfg(feature = "lambda")]
mod outbox;
pub mod outcome;
pub mod rehearsal;
pub mod report;
pub mod scan;
#[cfg(feature = "lambda")]
pub mod watch;

pub use explain::explain;
pub use outcome::{Outcome, OutcomeKind, Stats};
pub use report::report;
pub use scan::scan;

use crate::advice::{Advice, Context};
use crate::catalog::Catalog;
use crate::delivery::Tags;
use crate::diagnosis::InForce;
use crate::triage::expected::Expected;

/// What every use case rests on.
#[derive(Debug, Clone)]
pub struct World {
    /// The facts about AWS services.
    pub catalog: &'static Catalog,
    /// The policies in force, as far as they were given.
    pub in_force: InForce,
    /// The rules that keep denials out of the messages; at first the built-in ones.
    pub expected: Expected,
}

impl World {
    /// The embedded facts and these policies.
    pub fn new(in_force: InForce) -> Self {
        Self { catalog: Catalog::embedded(), in_force, expected: Expected::default() }
    }

    /// With these rules.
    #[must_use]
    pub fn expecting(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    /// The tags of a finding's principal, as far as the policies in force tell them.
    pub fn tags(&self, advice: &Advice) -> Tags {
        self.in_force.of(&advice.principal).map(|held| held.tags).unwrap_or_default()
    }

    /// As the core takes it.
    pub fn context(&self) -> Context<'_> {
        Context { catalog: self.catalog, in_force: &self.in_force, expected: &self.expected }
    }
}
