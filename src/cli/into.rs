//! `denywatch patch --into DIR`: the patch as a change of the user's own code.

use super::{DONE, Global, UNREAD, print};
use crate::advice::Advice;
use crate::edit::{self, Candidate, Change, Edited, Hints, SourceFile, Wanted};
use crate::io::sources::code;
use crate::patch::{Patch, sid};
use crate::policy::Statement;
use crate::render::{self, Format, PatchContext};
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// Nothing fits, or more than one place does: a person has to choose.
const UNDECIDED: u8 = 5;

#[derive(Debug, clap::Args)]
pub(super) struct IntoArgs {
    /// Print the change of the Terraform, CloudFormation or SAM code in this folder, as a diff that `git apply` takes.
    /// Nothing is written.
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
    /// A Terraform state: it tells which block bears which name. With `--into`.
    #[arg(long, value_name = "FILE", requires = "into")]
    state: Option<PathBuf>,
    /// What `terraform show -json` prints of a plan: the same. With `--into`.
    #[arg(long, value_name = "FILE", requires = "into")]
    plan: Option<PathBuf>,
    /// What `aws cloudformation describe-stack-resources` prints: it tells which resource of a template bears which
    /// name. With `--into`.
    #[arg(long, value_name = "FILE", requires = "into")]
    stack: Option<PathBuf>,
}

impl IntoArgs {
    /// What tells names, where it was given.
    pub(super) fn hints(&self) -> anyhow::Result<Hints> {
        Ok(Hints {
            state: hint(self.state.as_deref())?,
            plan: hint(self.plan.as_deref())?,
            stack: hint(self.stack.as_deref())?,
        })
    }
}

/// Prints the change, or, where no place is certain, the places and a policy of its own.
pub(super) fn run(
    (patch, advice): (&Patch, &Advice),
    (folder, args): (&Path, &IntoArgs),
    context: &PatchContext,
    format: Option<Format>,
    global: &Global,
) -> anyhow::Result<u8> {
    let (files, mut problems) = code::read(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let hints = args.hints()?;
    let name = render::policy_name(patch, context)?;
    let whole = with_companions(patch, context);
    let wanted = Wanted { patch: &whole, principal: &advice.principal, name: &name };
    let (edited, more) = edit::edit(&wanted, &files, &hints);
    problems.extend(more);
    print::problems(&problems);
    let code = match edited {
        Edited::Changed { changes, notes } => changed(&changes, &notes, global)?,
        Edited::Already(place) => {
            print::say(global.quiet, &format!("nothing to change: {}", words(&place)));
            DONE
        }
        Edited::Full(places) => {
            places.iter().for_each(|place| print::say(false, &words(place)));
            print::say(false, "there is no room for the statement; here is a policy of its own:");
            print::out(&render::patch(&beside(patch), context, format.unwrap_or_else(|| own_format(&files)))?)?;
            UNDECIDED
        }
        Edited::Undecided(places) => {
            undecided(&places, folder);
            print::out(&render::patch(patch, context, format.unwrap_or_else(|| own_format(&files)))?)?;
            UNDECIDED
        }
    };
    Ok(if problems.is_empty() { code } else { UNREAD })
}

/// The patch where nothing fits inline any more, so that it becomes a managed policy.
fn beside(patch: &Patch) -> Patch {
    let mut beside = patch.clone();
    beside.room.inline_in_use = Some(usize::MAX);
    beside
}

/// The patch with its companions, each a statement of its own, where they were asked for.
fn with_companions(patch: &Patch, context: &PatchContext) -> Patch {
    let mut whole = patch.clone();
    let addable = patch.companions.iter().filter(|one| context.companions && render::is_addable(patch, one));
    for companion in addable {
        let mut statement = Statement::allow(companion.actions.clone(), companion.resources.clone());
        for (operator, keys) in &companion.conditions {
            for (key, values) in keys {
                statement = statement.with_condition(operator, key, values.clone());
            }
        }
        let named = statement.clone().with_sid(sid(&statement));
        whole.document.iter_mut().for_each(|document| document.statements.push(named.clone()));
    }
    whole
}

fn hint(path: Option<&Path>) -> anyhow::Result<Option<SourceFile>> {
    path.map(|path| code::named(path).with_context(|| format!("cannot read `{}`", path.display()))).transpose()
}

fn changed(changes: &[Change], notes: &[String], global: &Global) -> anyhow::Result<u8> {
    print::out(&edit::unified(changes))?;
    notes.iter().for_each(|note| print::say(global.quiet, note));
    Ok(DONE)
}

fn undecided(places: &[Candidate], folder: &Path) {
    let text = match places {
        [] => format!("nothing in `{}` is it; here is a policy of its own:", folder.display()),
        [_] => "this place may be it, but it is not certain; here is a policy of its own:".to_owned(),
        [_, _, ..] => "more than one place may be it; here is a policy of its own:".to_owned(),
    };
    places.iter().for_each(|place| print::say(false, &words(place)));
    print::say(false, &text);
}

pub(super) fn words(place: &Candidate) -> String {
    format!("{}:{}: {}: {}", place.path, place.line, place.what, place.why)
}

/// A policy of its own in the language of the folder.
fn own_format(files: &[SourceFile]) -> Format {
    let is_terraform = |file: &SourceFile| file.path.ends_with(".tf") || file.path.ends_with(".tofu");
    let is_template = |file: &SourceFile| file.text.contains("AWS::");
    if !files.iter().any(is_terraform) && files.iter().any(is_template) { Format::Cfn } else { Format::Hcl }
}
