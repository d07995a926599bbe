//! A policy names an action that does not exist, and the one that was refused is a slip away.
//!
//! IAM takes any action's name without a word. Two slips are common: a letter too many (`s3:GetObjects`), and the name of
//! the API operation where the action is called otherwise (`s3:ListObjects` for `s3:ListBucket`).

use super::view::{Allow, View};
use super::{Cause, Diagnosis};
use crate::catalog::Catalog;
use crate::policy::Actions;

/// Letters to add, drop or change before a name is another one.
const SLIP: usize = 2;

pub(super) fn look(view: &View<'_>, allows: &[Allow<'_>], diagnosis: &Diagnosis) -> Option<Diagnosis> {
    let found = allows.iter().find_map(|allow| {
        let Actions::Action(actions) = &allow.statement.actions else { return None };
        let right = |written: &&String| is_slip(written, view.needed.action, view.catalog);
        actions.iter().find(right).map(|written| (allow, written))
    });
    let (allow, written) = found?;
    let mut found = Diagnosis { cause: Cause::ActionMisspelt, ..diagnosis.clone() };
    found.summary = format!(
        "{} allows `{written}`, which is no IAM action: the call needs `{}`",
        allow.policy(),
        view.needed.action
    );
    found.evidence.push(allow.words());
    if !allow.resource {
        found
            .unchecked
            .push("the statement with the wrong name covers other resources than the one asked for".to_owned());
    }
    Some(found)
}

/// Whether what is written is no action, and near the one that was refused.
fn is_slip(written: &str, needed: &str, catalog: &Catalog) -> bool {
    if written.contains(['*', '?']) || catalog.action(written).is_some() {
        return false;
    }
    let (Some((prefix, name)), Some((service, action))) = (written.split_once(':'), needed.split_once(':')) else {
        return false;
    };
    if !prefix.eq_ignore_ascii_case(service) {
        return false;
    }
    let near = distance(&name.to_ascii_lowercase(), &action.to_ascii_lowercase()) <= SLIP;
    let resolved = || catalog.resolve(&format!("{service}.amazonaws.com"), name, None).actions;
    near || resolved().iter().any(|found| found == needed)
}

/// Levenshtein's: letters to add, drop or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, needed: &str, expect: bool) {
        assert_eq!(is_slip(written, needed, Catalog::embedded()), expect, "{written} for {needed}");
    }

    #[test]
    fn names_that_do_not_exist() {
        check("s3:GetObjects", "s3:GetObject", true);
        check("S3:getobjcet", "s3:GetObject", true);
        check("sqs:SendMesage", "sqs:SendMessage", true);
        check("s3:ListObjectsV2", "s3:ListBucket", true);
        check("s3:CreateMultipartUpload", "s3:PutObject", true);
        check("lambda:Invoke", "lambda:InvokeFunction", true);
    }

    #[test]
    fn names_that_exist_or_are_far() {
        check("kms:GenerateDatakey", "kms:GenerateDataKey", false);
        check("s3:PutObject", "s3:GetObject", false);
        check("s3:GetObject*", "s3:GetObject", false);
        check("sqs:GetObjects", "s3:GetObject", false);
        check("s3:Coffee", "s3:GetObject", false);
        check("s3:GetObjectabc", "s3:GetObject", false);
        check("GetObjects", "s3:GetObject", false);
    }

    #[test]
    fn edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
