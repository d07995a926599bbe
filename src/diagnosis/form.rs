//! A bucket's ARN stands where an object's is needed, or the reverse.
//!
//! Object actions are judged on `bucket/key`, bucket actions on `bucket`; neither covers the other.
//! See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/security_iam_service-with-iam.html>.

use super::view::{Allow, View};
use super::{Cause, Diagnosis};
use crate::policy::Resources;
use crate::policy::pattern::matches_arn;

pub(super) fn look(view: &View<'_>, allows: &[Allow<'_>], diagnosis: &Diagnosis) -> Option<Diagnosis> {
    let found = allows.iter().filter(|allow| allow.action).find_map(|allow| Some((allow, mismatch(view, allow)?)));
    let (allow, (pattern, words)) = found?;
    let mut found = Diagnosis { cause: Cause::ResourceFormMismatch, ..diagnosis.clone() };
    found.summary = format!("{} allows `{}` on `{pattern}`, which {words}", allow.policy(), view.needed.action);
    found.evidence.push(allow.words());
    Some(found)
}

/// The pattern that would cover the call in its other form, and what is wrong with it.
fn mismatch<'h>(view: &View<'_>, allow: &Allow<'h>) -> Option<(&'h str, &'static str)> {
    let Resources::Resource(patterns) = &allow.statement.resources else { return None };
    patterns.iter().find_map(|pattern| Some((pattern.as_str(), other_form(pattern, view.needed.resource)?)))
}

fn other_form(pattern: &str, resource: &str) -> Option<&'static str> {
    let is_s3 = |text: &str| text.split(':').nth(2) == Some("s3");
    if !is_s3(pattern) || !is_s3(resource) {
        return None;
    }
    match (pattern.split_once('/'), resource.split_once('/')) {
        (None, Some((bucket, _))) if matches_arn(pattern, bucket) => {
            Some("is the bucket: an action on objects needs the form `bucket/key`")
        }
        (Some((bucket, _)), None) if matches_arn(bucket, resource) => {
            Some("are objects: an action on the bucket needs the form without `/`")
        }
        (None | Some(_), None | Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, resource: &str, expect: Option<&str>) {
        let found = other_form(pattern, resource);
        assert_eq!(found.map(|words| words.split(':').next().unwrap()), expect, "{pattern} on {resource}");
    }

    #[test]
    fn bucket_and_object() {
        check("arn:aws:s3:::b", "arn:aws:s3:::b/k/l", Some("is the bucket"));
        check("arn:aws:s3:::*-logs", "arn:aws:s3:::app-logs/k", Some("is the bucket"));
        check("arn:aws:s3:::b/*", "arn:aws:s3:::b", Some("are objects"));
        check("arn:aws:s3:::b/in/*", "arn:aws:s3:::b", Some("are objects"));
        check("arn:aws:s3:::other", "arn:aws:s3:::b/k", None);
        check("arn:aws:s3:::b/in/*", "arn:aws:s3:::b/out/k", None);
        check("arn:aws:sqs:eu-west-1:111122223333:q", "arn:aws:s3:::b/k", None);
    }
}
