//! The resource's policy names a principal that is gone: deleted and made anew under the same name.
//!
//! A policy keeps a principal's unique id, not its name; when the principal is deleted the policy shows the id, and the new
//! one of that name is not let in, though its ARN looks right.
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>.

use super::view::{Allow, View};
use super::{Cause, Diagnosis};
use crate::policy::principals::is_unique_id;
use crate::policy::{PrincipalSet, Principals, Statement};

pub(super) fn look(view: &View<'_>, allows: &[Allow<'_>], diagnosis: &Diagnosis) -> Option<Diagnosis> {
    let (id, allow) = stale(allows).filter(|(id, _)| !is_callers(view, id))?;
    let mut found = Diagnosis { cause: Cause::PrincipalRecreated, ..diagnosis.clone() };
    found.summary = format!(
        "{} lets in `{id}`, the id of a principal that was deleted: if that was {} before it was made anew, it must be \
         named again",
        allow.policy(),
        view.needed.principal.words()
    );
    found.evidence.push(format!("{} names `{id}` where an ARN stood", allow.words()));
    found.doubts.push(format!("whether `{id}` was the principal of this name is not certain"));
    Some(found)
}

/// `aws:userid` begins with the caller's own id: that one is alive.
fn is_callers(view: &View<'_>, id: &str) -> bool {
    let own = view.needed.facts.context.get("aws:userid").and_then(|values| values.first());
    own.is_some_and(|own| own.split(':').next() == Some(id))
}

/// The first unique id in a statement that would allow the call but for its principal.
fn stale<'a, 'h>(allows: &'a [Allow<'h>]) -> Option<(&'h str, &'a Allow<'h>)> {
    let covering = allows.iter().filter(|allow| allow.action && allow.resource);
    covering.filter_map(|allow| Some((unique_id(allow.statement)?, allow))).next()
}

fn unique_id(statement: &Statement) -> Option<&str> {
    let Principals::Principal(PrincipalSet::Named(kinds)) = &statement.principals else { return None };
    kinds.get("AWS")?.iter().map(String::as_str).find(|name| is_unique_id(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: bool) {
        assert_eq!(is_unique_id(name), expect, "{name}");
    }

    #[test]
    fn ids_and_names() {
        check("AROAEXAMPLEID0000001", true);
        check("AIDAEXAMPLEID0000001", true);
        check("arn:aws:iam::111122223333:role/AROAEXAMPLE", false);
        check("AROA", false);
        check("111122223333", false);
        check("AGPAEXAMPLEID0000001", false);
    }
}
