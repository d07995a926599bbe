//! Changes → a unified diff that `git apply` takes.

use super::Change;
use similar::TextDiff;

/// The changes as one diff, `a/` and `b/` before the paths; empty where nothing changes.
///
/// ```
/// use denywatch::edit::{Change, unified};
/// let change = Change { path: "main.tf".into(), before: "a\n".into(), after: "a\nb\n".into() };
/// assert_eq!(unified(&[change]), "--- a/main.tf\n+++ b/main.tf\n@@ -1 +1,2 @@\n a\n+b\n");
/// ```
pub fn unified(changes: &[Change]) -> String {
    changes.iter().filter(|change| change.before != change.after).map(one).collect()
}

fn one(change: &Change) -> String {
    let diff = TextDiff::from_lines(&change.before, &change.after);
    let (before, after) = (format!("a/{}", change.path), format!("b/{}", change.path));
    diff.unified_diff().context_radius(3).header(&before, &after).to_string()
}
