//! Use cases, each one screen: the order of the steps and nothing else.

mod allowed;
#[cfg(feature = "lambda")]
mod archive_line;
pub mod around;
pub mod audience;
#[cfg(feature = "s3")]
pub mod bucket;
#[cfg(feature = "s3")]
mod bucket_look;
mod debt;
pub mod digest;
pub mod each;
#[cfg(feature = "notify")]
pub mod doctor;
pub mod estimate;
pub mod explain;
pub mod gather;
pub mod ingest;
#[cfg(feature = "lambda")]
pub mod lease;
#[cfg(feature = "lambda")]
pub mod line;
#[cfg(feature = "lookup")]
pub mod lookup;
pub mod looking;
mod kept;
mod objects;
pub mod operations;
#[cfg(feature = "lambda")]
mod outbox;
pub mod pause;
pub mod outcome;
mod problems;
mod progress;
pub mod rehearsal;
pub mod replay;
pub mod outside;
pub mod passed;
pub mod places;
pub mod printed;
#[cfg(feature = "github")]
pub mod pull_request;
#[cfg(feature = "s3")]
pub mod query;
mod reach;
pub mod report;
pub mod scan;
mod second;
#[cfg(feature = "lambda")]
pub mod shelf;
#[cfg(feature = "sweep")]
pub mod sweep;
pub mod verify;
#[cfg(feature = "lambda")]
pub mod watch;

pub use explain::explain;
pub use outcome::{Outcome, OutcomeKind, Stats};
pub use outside::Outside;
pub use printed::{PrintedError, printed};
pub use progress::{Covered, Fetched, Looked, Progress, Step, Watcher};
pub use report::report;
pub use scan::{scan, scan_each};

use crate::advice::{Advice, Context, advise_part};
use crate::catalog::Catalog;
use crate::change::Changes;
use crate::delivery::Tags;
use crate::denial::code::Codes;
use crate::denial::{Denial, Given};
use crate::diagnosis::InForce;
use crate::finding::Finding;
use crate::record::Problem;
use crate::triage::expected::{Expected, Usage};
use std::collections::BTreeSet;
use std::sync::Arc;

static NO_CHANGES: Changes = Changes::new();

/// What every use case rests on.
#[derive(Debug, Clone)]
pub struct World {
    /// The facts about AWS services.
    pub catalog: &'static Catalog,
    /// The policies in force, as far as they were given.
    pub in_force: InForce,
    /// The rules that keep denials out of the messages; at first the built-in ones.
    pub expected: Expected,
    /// Error codes that are denials besides the built-in ones.
    pub codes: Codes,
    /// Who asks AWS for more; `None` where nobody may.
    pub outside: Option<Arc<dyn Outside>>,
}

impl World {
    /// The embedded facts and these policies.
    pub fn new(in_force: InForce) -> Self {
        let (expected, codes) = (Expected::default(), Codes::default());
        Self { catalog: Catalog::embedded(), in_force, expected, codes, outside: None }
    }

    /// With these rules.
    #[must_use]
    pub fn expecting(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    /// Counting these error codes too.
    #[must_use]
    pub fn counting(self, codes: Codes) -> Self {
        Self { codes, ..self }
    }

    /// What is given where a record is read by itself.
    pub fn given(&self) -> Given {
        Given { codes: self.codes.clone(), ..Given::default() }
    }

    /// The tags of a finding's principal, as far as the policies in force tell them.
    pub fn tags(&self, advice: &Advice) -> Tags {
        self.in_force.of(&advice.principal).map(|held| held.tags).unwrap_or_default()
    }

    /// The tags of a finding's principal; AWS is asked where it may be.
    pub fn tags_of(&self, finding: &Finding) -> Tags {
        let (in_force, _) = self.in_force_of(finding);
        in_force.of(&finding.principal).map(|held| held.tags).unwrap_or_default()
    }

    /// Sharpens denials by what AWS tells of them on asking.
    pub fn sharpen(&self, denials: &mut [Denial]) {
        if let Some(outside) = &self.outside {
            outside.sharpen(denials, self.catalog);
        }
    }

    /// Advises on findings that were seen together. AWS is asked for the policies in force of those in `ids`, or of all;
    /// what could not be read there is told.
    /// `changes` are those that are known around them: [`ingest::changes_around`].
    pub fn advise(
        &self,
        all: &[Finding],
        ids: Option<&BTreeSet<String>>,
        changes: &Changes,
    ) -> (Vec<Advice>, Vec<Problem>) {
        let is_asked = |id: &str| ids.is_none_or(|ids| ids.contains(id));
        let (mut advice, problems) = self.advise_part(all, &is_asked, &self.expected.usage(all), changes);
        advice.sort_by_cached_key(Advice::rank);
        (advice, problems)
    }

    /// The same for all findings of some callers, not ranked: [`advise_part`]. `is_asked` tells, by its id, for which of them
    /// AWS is asked.
    pub fn advise_part(
        &self,
        all: &[Finding],
        is_asked: &dyn Fn(&str) -> bool,
        usage: &Usage,
        changes: &Changes,
    ) -> (Vec<Advice>, Vec<Problem>) {
        let context = Context { changes, ..self.context() };
        let Some(outside) = &self.outside else { return (advise_part(all, usage, context), Vec::new()) };
        let asked: Vec<Finding> = all.iter().filter(|finding| is_asked(&finding.id)).cloned().collect();
        let (in_force, problems) = outside.in_force(&asked, &self.in_force);
        (advise_part(all, usage, Context { in_force: &in_force, ..context }), problems)
    }

    /// The policies in force for one finding: those given, and what AWS tells where it may be asked.
    pub fn in_force_of(&self, finding: &Finding) -> (InForce, Vec<Problem>) {
        match &self.outside {
            Some(outside) => outside.in_force(std::slice::from_ref(finding), &self.in_force),
            None => (self.in_force.clone(), Vec::new()),
        }
    }

    /// As the core takes it; of changes nothing is known.
    pub fn context(&self) -> Context<'_> {
        Context { catalog: self.catalog, in_force: &self.in_force, expected: &self.expected, changes: &NO_CHANGES }
    }
}
