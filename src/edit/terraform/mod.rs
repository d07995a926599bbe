//! Terraform: finds the policy in people's own configuration and changes the lines that must change.
//!
//! [`load`] parses every file; [`world`] follows the calls of modules under each choice of values; [`owner`] finds the
//! block that the patch is for, [`policies`] what is attached to it, [`site`] the statements in each; [`plan`] says what
//! must change, [`edits`] writes it in the style of its neighbours, and [`check`] reads it again.

mod check;
mod edits;
mod eval;
mod fresh;
mod functions;
mod json;
mod known;
mod layout;
mod load;
mod need;
mod owner;
mod place;
mod plan;
mod policies;
mod refs;
mod resources;
mod site;
mod style;
mod task;
mod tree;
mod value;
mod world;
mod write;

#[cfg(test)]
mod tests;

use super::{Answer, Candidate, Edited, Hints, SourceFile, Wanted};
use crate::record::Problem;
use need::Need;
use task::Task;

/// See [`super::edit`].
pub(super) fn edit(wanted: &Wanted<'_>, files: &[SourceFile], hints: &Hints) -> (Answer, Vec<Problem>) {
    let (code, mut problems) = load::load(files);
    let (known, more) = known::read(hints, wanted.patch.target.arn.as_deref());
    problems.extend(more);
    let modules = code.modules();
    let nowhere = Answer::nowhere();
    let (Some(carrier), Some(name)) = (owner::carrier(wanted.patch.target.kind), owner::real_name(wanted)) else {
        return (nowhere, problems);
    };
    let account = wanted.patch.target.account.as_deref().or(wanted.principal.account.as_deref());
    let statements = wanted.patch.document.iter().flat_map(|document| &document.statements);
    let needs: Option<Vec<Need>> = statements.map(|statement| Need::of(statement, account)).collect();
    let Some(needs) = needs.filter(|needs| !needs.is_empty() && !modules.is_empty()) else {
        return (nowhere, problems);
    };
    let task = Task { wanted, hints, files, carrier, name, account, needs };
    let worlds = world::worlds(&code, &modules, &known);
    (task.run(&worlds), problems)
}
