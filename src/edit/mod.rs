//! (Patch, the user's source files) → the change that they would have written, as a unified diff.
//!
//! Each language finds the policy that owns the principal in its own file; what they share stands here. Nothing is
//! written to disk: the caller prints the diff, and `git apply` takes it.

mod diff;
mod owners;

pub use diff::unified;
pub use owners::{CODEOWNERS, owners};

use crate::patch::Patch;
use crate::principal::Principal;

/// One of the user's files, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFile {
    /// Relative to the folder that was named, with `/` on every system.
    pub path: String,
    /// The whole text, line ends as they are.
    pub text: String,
}

/// What is to be written, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The patch, with its document.
    pub patch: &'a Patch,
    /// Whose finding it is.
    pub principal: &'a Principal,
    /// A name for what has to be made anew: stable for the same patch.
    pub name: &'a str,
}

/// One file before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// See [`SourceFile::path`].
    pub path: String,
    /// As it was read.
    pub before: String,
    /// As it should be.
    pub after: String,
}

/// A place that could be the one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// See [`SourceFile::path`].
    pub path: String,
    /// Counted from one.
    pub line: usize,
    /// In the words of the file: `resource "aws_iam_role" "pipeline"`, `Resources.PipelineRole`.
    pub what: String,
    /// Why it is not taken: two fit, its name is known only when it is deployed…
    pub why: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edited {
    /// The changes, by path, and what a person should know of them.
    Changed {
        /// One a file.
        changes: Vec<Change>,
        /// Each a sentence.
        notes: Vec<String>,
    },
    /// The source allows it already: it was not deployed yet, or another copy is.
    Already(Candidate),
    /// Nothing fits, or more than one place does; then a complete new resource is printed instead.
    Undecided(Vec<Candidate>),
}
