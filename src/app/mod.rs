//! Use cases, each one screen: the order of the steps and nothing else.

#[cfg(feature = "lambda")]
pub mod alert;
pub mod explain;
pub mod ingest;
#[cfg(feature = "lambda")]
pub mod line;
#[cfg(feature = "lookup")]
pub mod lookup;
pub mod outcome;
pub mod printed;
#[cfg(feature = "github")]
pub mod pull_request;
pub mod report;
pub mod scan;
#[cfg(feature = "lambda")]
pub mod watch;

pub use explain::explain;
pub use ingest::ingest;
pub use outcome::{Outcome, OutcomeKind, Stats};
pub use printed::{PrintedError, printed};
pub use report::report;
pub use scan::scan;

use crate::advice::Context;
use crate::catalog::Catalog;
use crate::diagnosis::InForce;

/// What every use case rests on.
#[derive(Debug, Clone)]
pub struct World {
    /// The facts about AWS services.
    pub catalog: &'static Catalog,
    /// The policies in force, as far as they were given.
    pub in_force: InForce,
}

impl World {
    /// The embedded facts and these policies.
    pub fn new(in_force: InForce) -> Self {
        Self { catalog: Catalog::embedded(), in_force }
    }

    /// As the core takes it.
    pub fn context(&self) -> Context<'_> {
        Context { catalog: self.catalog, in_force: &self.in_force }
    }
}
