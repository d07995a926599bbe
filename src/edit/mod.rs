//! (Patch, the user's source files) → the change that they would have written, as a unified diff.
//!
//! Each language finds the policy that owns the principal in its own file; what they share stands here. Nothing is
//! written to disk: the caller prints the diff, and `git apply` takes it.

mod cloudformation;
mod diff;
mod owners;
mod terraform;

pub use diff::unified;
pub use owners::{CODEOWNERS, owners};

use crate::patch::Patch;
use crate::principal::Principal;
use crate::record::Problem;

/// One of the user's files, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFile {
    /// Relative to the folder that was named, with `/` on every system.
    pub path: String,
    /// The whole text, line ends as they are.
    pub text: String,
}

/// What tells which resource of the code bears which name, where somebody has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// A Terraform state file, or what `terraform show -json` prints of one.
    pub state: Option<SourceFile>,
    /// What `terraform show -json PLANFILE` prints.
    pub plan: Option<SourceFile>,
    /// What `aws cloudformation describe-stack-resources` prints; one among the files is found by itself.
    pub stack: Option<SourceFile>,
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

/// Writes the patch into the source: the change that its owner would have written.
///
/// Each language looks for the policy in the files that are its own. What more than one place may mean is never
/// chosen: the answer is then [`Edited::Undecided`] with every place. The problems name files that could not be read as
/// what they seem to be; the others are used all the same.
///
/// ```
/// use denywatch::edit::{Edited, Hints, SourceFile, Wanted, edit, unified};
/// # use denywatch::diagnosis::{Target, TargetKind};
/// # use denywatch::patch::{Applicability, Patch, Room};
/// # let statement = r#"{"Version":"2012-10-17","Statement":[
/// #   {"Effect":"Allow","Action":["sqs:SendMessage"],"Resource":["arn:aws:sqs:eu-west-1:111122223333:orders"]}]}"#;
/// # let principal = denywatch::principal::from_arn("arn:aws:iam::111122223333:role/app");
/// # let patch = Patch {
/// #     target: Target {
/// #         kind: TargetKind::RolePolicy, arn: principal.arn.clone(), name: principal.name.clone(),
/// #         account: principal.account.clone(),
/// #     },
/// #     applicability: Applicability::Review, doubts: vec![], document: Some(serde_json::from_str(statement)?),
/// #     merged: None, room: Room::default(), widened: vec![], companions: vec![], proof: None,
/// # };
/// let text = r#"resource "aws_iam_role_policy" "app" {
///   role = "app"
///   policy = jsonencode({
///     Statement = [
///       {
///         Effect   = "Allow"
///         Action   = ["sqs:ReceiveMessage"]
///         Resource = "arn:aws:sqs:eu-west-1:111122223333:orders"
///       }
///     ]
///   })
/// }
/// "#;
/// let file = SourceFile { path: "main.tf".into(), text: text.into() };
/// let wanted = Wanted { patch: &patch, principal: &principal, name: "denywatch-1a2b3c4d" };
/// let (edited, problems) = edit(&wanted, &[file], &Hints::default());
/// let Edited::Changed { changes, .. } = edited else { panic!("{edited:?} {problems:?}") };
/// assert!(unified(&changes).contains(r#"+        Action   = ["sqs:ReceiveMessage", "sqs:SendMessage"]"#));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn edit(wanted: &Wanted<'_>, files: &[SourceFile], hints: &Hints) -> (Edited, Vec<Problem>) {
    let (terraform, mut problems) = terraform::edit(wanted, files, hints);
    let (cloudformation, more) = cloudformation::edit(wanted, files, hints);
    problems.extend(more);
    (one_of(terraform, cloudformation), problems)
}

/// The answer of the language that found the place; both are named where both did.
fn one_of(first: Edited, second: Edited) -> Edited {
    match (first, second) {
        (Edited::Undecided(mut places), Edited::Undecided(more)) => {
            places.extend(more);
            places.sort();
            Edited::Undecided(places)
        }
        (found, Edited::Undecided(places)) | (Edited::Undecided(places), found) if places.is_empty() => found,
        (found, other) => {
            let mut places: Vec<Candidate> = [found, other].into_iter().flat_map(places).collect();
            places.sort();
            Edited::Undecided(places)
        }
    }
}

/// Where an answer points, as candidates: two languages claim the same policy.
fn places(of: Edited) -> Vec<Candidate> {
    match of {
        Edited::Changed { changes, .. } => changes.iter().map(claimed).collect(),
        Edited::Already(place) => vec![place],
        Edited::Undecided(places) => places,
    }
}

fn claimed(change: &Change) -> Candidate {
    let same = change.before.lines().zip(change.after.lines()).take_while(|(before, after)| before == after).count();
    Candidate {
        path: change.path.clone(),
        line: same + 1,
        what: "a policy that fits".to_owned(),
        why: "Terraform and CloudFormation both define it here".to_owned(),
    }
}
