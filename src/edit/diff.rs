//! Changes → a unified diff that `git apply` takes.

use super::Change;
use similar::{Algorithm, ChangeTag, TextDiff};
use std::fmt::Write as _;

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

/// Lines end at a line feed alone, as they do for git: a carriage return is a letter of its line.
fn one(change: &Change) -> String {
    let (before, after) = (lines(&change.before), lines(&change.after));
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_slices(&before, &after);
    // A name with a blank ends at a tab.
    let tab = if change.path.contains(' ') { "\t" } else { "" };
    let mut out = format!("--- a/{0}{tab}\n+++ b/{0}{tab}\n", change.path);
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        let _ = writeln!(out, "{}", hunk.header());
        for line in hunk.iter_changes() {
            out.push(match line.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            });
            out.push_str(line.value());
            if !line.value().ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    out
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, expect: &str) {
        let change = Change { path: "a b.tf".into(), before: before.into(), after: after.into() };
        let diff = unified(&[change]);
        assert_eq!(diff.split_once("@@\n").unwrap().1, expect);
    }

    #[test]
    fn lines_are_gits_lines() {
        check("a\r\nb\r\n", "a\r\nc\r\n", " a\r\n-b\r\n+c\r\n");
        check("a\rb\n", "a\rb\nc\n", " a\rb\n+c\n");
        check("a\nb", "a\nc", " a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n");
    }
}
