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

use crate::patch::{Patch, holder};
use crate::policy::size::{Holder, Quota};
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
    /// The policy where the statement belongs would be longer than AWS takes; a complete new resource is printed instead,
    /// a managed policy where there can be one.
    Full(Vec<Candidate>),
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

/// How long policies are that share a quota, as far as the source tells: visible characters before and after.
#[derive(Debug, Clone, Copy)]
struct Length {
    before: usize,
    after: usize,
}

/// Why a policy would be longer than its place takes; `None` where it fits, or where no quota is known. What is in force
/// counts where it is more than what the source shows. White space never counts, so that near the limit AWS may still
/// refuse.
fn full(wanted: &Wanted<'_>, is_managed: bool, length: Length) -> Option<String> {
    let holder = if is_managed { Holder::Managed } else { holder(wanted.patch.target.kind)? };
    let added = length.after.checked_sub(length.before).filter(|added| *added > 0)?;
    let in_force = wanted.patch.room.inline_in_use.filter(|_| !is_managed).unwrap_or(0);
    let total = length.after.max(in_force.saturating_add(added));
    let Quota { limit, source, .. } = holder.quota();
    let what = if is_managed || in_force == 0 { "the policy" } else { "what is inline" };
    (total > limit)
        .then(|| format!("with the statement {what} would have about {total} characters, and {limit} fit ({source})"))
}

/// What a language says.
struct Answer {
    edited: Edited,
    /// Whether the name is surely that of what was found; else it could come to be, once it is deployed.
    sure: bool,
}

impl Answer {
    fn nowhere() -> Self {
        Self { edited: Edited::Undecided(Vec::new()), sure: false }
    }
}

/// The answer of the language that found the place; both are named where both did. What only may be meant does not
/// stand against what surely is.
fn one_of(first: Answer, second: Answer) -> Edited {
    let is_decided = |one: &Answer| matches!(one.edited, Edited::Changed { .. } | Edited::Already(_));
    match (is_decided(&first), is_decided(&second)) {
        (false, false) if matches!(first.edited, Edited::Full(_)) && gives_way(&second, &first) => first.edited,
        (false, false) if matches!(second.edited, Edited::Full(_)) && gives_way(&first, &second) => second.edited,
        (true, false) if gives_way(&second, &first) => left_alone(first.edited, second.edited),
        (false, true) if gives_way(&first, &second) => left_alone(second.edited, first.edited),
        _ => {
            let mut places: Vec<Candidate> = [first, second].into_iter().flat_map(|one| places(one.edited)).collect();
            places.sort();
            Edited::Undecided(places)
        }
    }
}

fn gives_way(open: &Answer, found: &Answer) -> bool {
    (found.sure && !open.sure) || matches!(&open.edited, Edited::Undecided(places) if places.is_empty())
}

/// The answer, with a word on the places that were not taken.
fn left_alone(found: Edited, open: Edited) -> Edited {
    let told =
        |place: &Candidate| format!("{}:{}: {} is left alone: {}", place.path, place.line, place.what, place.why);
    match found {
        Edited::Changed { changes, mut notes } => {
            notes.extend(places(open).iter().map(told));
            Edited::Changed { changes, notes }
        }
        other => other,
    }
}

/// Where an answer points, as candidates: two languages claim the same policy.
fn places(of: Edited) -> Vec<Candidate> {
    match of {
        Edited::Changed { changes, .. } => changes.iter().map(claimed).collect(),
        Edited::Already(place) => vec![place],
        Edited::Undecided(places) | Edited::Full(places) => places,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(path: &str) -> Candidate {
        Candidate { path: path.into(), line: 1, what: "a role".into(), why: "its name is open".into() }
    }

    /// Which paths are changed, and which are candidates.
    #[track_caller]
    fn check(first: (Edited, bool), second: (Edited, bool), expect: (&[&str], &[&str])) {
        let of = |(edited, sure)| Answer { edited, sure };
        let paths = |places: &[Candidate]| places.iter().map(|place| place.path.clone()).collect::<Vec<_>>();
        let got = match one_of(of(first), of(second)) {
            Edited::Changed { changes, .. } => (changes.iter().map(|one| one.path.clone()).collect(), vec![]),
            Edited::Undecided(places) => (vec![], paths(&places)),
            Edited::Already(place) => (vec![format!("already {}", place.path)], vec![]),
            Edited::Full(places) => (vec!["full".to_owned()], paths(&places)),
        };
        assert_eq!(
            got,
            (expect.0.iter().map(|s| s.to_string()).collect(), expect.1.iter().map(|s| s.to_string()).collect())
        );
    }

    #[test]
    fn what_may_be_meant_does_not_stand_against_what_is() {
        let changed = || {
            let change = Change { path: "a.tf".into(), before: "x".into(), after: "y".into() };
            Edited::Changed { changes: vec![change], notes: vec![] }
        };
        let open = |path: &str| Edited::Undecided(vec![candidate(path)]);
        let none = || Edited::Undecided(vec![]);
        check((changed(), true), (open("b.yaml"), false), (&["a.tf"], &[]));
        check((open("b.yaml"), false), (changed(), true), (&["a.tf"], &[]));
        check((Edited::Already(candidate("a.tf")), true), (open("b.yaml"), false), (&["already a.tf"], &[]));
        check((changed(), false), (none(), false), (&["a.tf"], &[]));
        check((none(), true), (changed(), false), (&["a.tf"], &[]));
        let full = || Edited::Full(vec![candidate("a.tf")]);
        check((full(), true), (none(), false), (&["full"], &["a.tf"]));
        check((open("b.yaml"), false), (full(), true), (&["full"], &["a.tf"]));
        check((full(), true), (open("b.yaml"), true), (&[], &["a.tf", "b.yaml"]));
        // Both may be meant, or both are.
        check((changed(), false), (open("b.yaml"), false), (&[], &["a.tf", "b.yaml"]));
        check((changed(), true), (open("b.yaml"), true), (&[], &["a.tf", "b.yaml"]));
        check((changed(), true), (changed(), false), (&[], &["a.tf", "a.tf"]));
        check((open("a.tf"), true), (open("b.yaml"), false), (&[], &["a.tf", "b.yaml"]));
    }
}
