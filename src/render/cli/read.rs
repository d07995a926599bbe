//! A script read again, as far as bash would read it: comments, assignments, one here-document, and code that must be
//! our fixed text to the letter.

use super::{MARK, unfaithful};
use crate::render::RenderError;
use serde_json::Value;

/// Compares a script with what it was made of.
pub(super) fn check(
    text: &str,
    vars: &[(&'static str, String)],
    code: &str,
    document: &Value,
) -> Result<(), RenderError> {
    let opening = format!("cat > \"$work/patch.json\" <<'{MARK}'");
    let (before, rest) = text.split_once(&format!("{opening}\n")).ok_or_else(|| unfaithful("no here-document"))?;
    let mut inside = rest.split_inclusive('\n');
    let policy: String = inside.by_ref().take_while(|line| line.trim_end_matches('\n') != MARK).collect();
    same_policy(&policy, document)?;
    let mut words = vars.iter();
    let mut seen = String::new();
    for line in before.split_inclusive('\n').skip_while(|line| line.starts_with('#')) {
        match words.next() {
            Some((name, value)) => assignment(line, name, value)?,
            None => seen.push_str(line),
        }
    }
    seen.extend(inside);
    if words.next().is_none() && seen == code { Ok(()) } else { Err(unfaithful("the commands differ")) }
}

/// Compares a script of comments alone with the policy shown in it.
pub(super) fn check_comments(text: &str, document: &Value) -> Result<(), RenderError> {
    if !text.lines().all(|line| line.starts_with('#')) || text.contains('\r') {
        return Err(unfaithful("a line is no comment"));
    }
    let policy: String = text.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
    same_policy(&policy, document)
}

/// One line, one word, and the word is `name=value`.
fn assignment(line: &str, name: &str, value: &str) -> Result<(), RenderError> {
    let words = shlex::split(line).ok_or_else(|| unfaithful("an open quote"))?;
    match words.as_slice() {
        [word] if word.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) == Some(value) => Ok(()),
        _ => Err(unfaithful("a variable differs")),
    }
}

fn same_policy(text: &str, document: &Value) -> Result<(), RenderError> {
    let got: Value = serde_json::from_str(text).map_err(|e| unfaithful(&e.to_string()))?;
    if got == *document { Ok(()) } else { Err(unfaithful("the policies differ")) }
}
