//! AWS names no layer: the identity policy is the candidate, and the doubt is part of the answer.

use super::{Cause, Diagnosed, asked, caller, caller_target, on_resource};
use crate::denial::Denial;

pub(super) fn conclude(denial: &Denial) -> Diagnosed {
    let summary =
        format!("{} of {}{} was refused, and AWS names no layer", asked(denial), caller(denial), on_resource(denial));
    let diagnosed = Diagnosed::new(denial, Cause::LayerUnstated, caller_target(denial), summary)
        .doubt("AWS does not say which layer refused it: an Allow helps only if the identity policy lacks it")
        .unchecked("the policies in force (give `--policies`)");
    match denial.actions.iter().any(|action| action.starts_with("sts:AssumeRole")) {
        true => diagnosed
            .doubt("the role's trust policy must let the caller in too; a role made seconds ago may not be ready"),
        false => diagnosed,
    }
}
