//! No IAM action is known for the call: nothing is invented.

use super::{Cause, Diagnosed, caller, caller_target};
use crate::denial::Denial;

pub(super) fn look(denial: &Denial) -> Option<Diagnosed> {
    if !denial.actions.is_empty() {
        return None;
    }
    let operation = denial.operation.as_deref().unwrap_or("the call");
    let summary = format!("`{operation}` of {} was refused; no IAM action is known for it", caller(denial));
    let diagnosed = Diagnosed::new(denial, Cause::ActionUnknown, caller_target(denial), summary);
    Some(diagnosed.unchecked("the action may be newer than the service data of this program (see `--version`)"))
}
