//! What a team lets nobody grant in one step: `patch.never_grant` and `patch.max_wildcard`. A patch that goes beyond is
//! still written, and waits for a person.

use crate::policy::pattern::matches_action;

/// How wide a resource of a patch may be without a person's word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wildcards {
    /// Exact resources only; `*` alone is let through, since some actions take nothing else.
    None,
    /// A star at the end.
    Suffix,
    /// Whatever the patch needs.
    #[default]
    Any,
}

/// What becomes of a patch's companions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Companions {
    /// They are not told.
    Off,
    /// They are told beside the patch.
    #[default]
    Suggest,
    /// They stand in the patch's forms too, each as a statement of its own.
    Include,
}

/// The limits in effect; the default has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Patterns of permissions, such as `iam:*` and `*:Delete*`; letter case does not matter.
    pub never_grant: Vec<String>,
    /// Wider resources wait for a person.
    pub wildcards: Wildcards,
    /// What becomes of companions.
    pub companions: Companions,
}

impl Limits {
    /// What a person must settle, given a statement's actions and resources; empty where it stays within the limits.
    ///
    /// ```
    /// use denywatch::triage::limits::Limits;
    /// let limits = Limits { never_grant: vec!["*:Delete*".into()], ..Limits::default() };
    /// let doubts = limits.doubts(&["s3:DeleteObject".into()], &["arn:aws:s3:::b/k".into()]);
    /// assert_eq!(doubts, ["`s3:DeleteObject` is never granted in one step here (`patch.never_grant`: `*:Delete*`)"]);
    /// ```
    pub fn doubts(&self, actions: &[String], resources: &[String]) -> Vec<String> {
        let never = actions.iter().filter_map(|action| {
            let pattern = self.never_grant.iter().find(|pattern| fits(pattern, action))?;
            Some(format!("`{action}` is never granted in one step here (`patch.never_grant`: `{pattern}`)"))
        });
        let wide = resources.iter().filter(|resource| width(resource) > self.wildcards).map(|resource| {
            let limit = match self.wildcards {
                Wildcards::None => "none",
                Wildcards::Suffix => "suffix",
                Wildcards::Any => "any",
            };
            format!("`{resource}` is wider than this team allows (`patch.max_wildcard`: `{limit}`)")
        });
        never.chain(wide).collect()
    }
}

/// The service may be a pattern here, which a policy's own actions do not allow.
fn fits(pattern: &str, action: &str) -> bool {
    match (pattern.split_once(':'), action.split_once(':')) {
        (Some(("*", pattern)), Some((service, _))) => matches_action(&format!("{service}:{pattern}"), action),
        _ => matches_action(pattern, action),
    }
}

/// What a resource asks for. Policy variables and escaped stars (`${*}`) are no wildcards.
fn width(resource: &str) -> Wildcards {
    if resource == "*" {
        return Wildcards::None;
    }
    let plain = resource.replace("${*}", "").replace("${?}", "").replace("${$}", "");
    match plain.find(['*', '?']) {
        None => Wildcards::None,
        Some(at) if plain[at..] == *"*" => Wildcards::Suffix,
        Some(_) => Wildcards::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, action: &str, expect: bool) {
        let limits = Limits { never_grant: vec![pattern.into()], ..Limits::default() };
        assert_eq!(!limits.doubts(&[action.into()], &[]).is_empty(), expect, "{pattern} {action}");
    }

    #[test]
    fn patterns_of_permissions() {
        check("iam:*", "iam:PassRole", true);
        check("iam:*", "sts:AssumeRole", false);
        check("kms:schedulekeydeletion", "kms:ScheduleKeyDeletion", true);
        check("*:Delete*", "s3:DeleteObject", true);
        check("*:Delete*", "s3:GetObject", false);
        check("*", "s3:GetObject", true);
        check("s3:Get?bject", "s3:GetObject", true);
    }

    #[test]
    fn widths_of_resources() {
        for (resource, none, suffix) in [
            ("arn:aws:s3:::b/k", false, false),
            ("*", false, false),
            ("arn:aws:s3:::b/${*}", false, false),
            ("arn:aws:ecs:us-east-2:111122223333:task-definition/a:*", true, false),
            ("arn:aws:s3:::b/*/k", true, true),
            ("arn:aws:s3:::b/?", true, true),
        ] {
            for (wildcards, expect) in [(Wildcards::None, none), (Wildcards::Suffix, suffix), (Wildcards::Any, false)] {
                let limits = Limits { wildcards, ..Limits::default() };
                assert_eq!(!limits.doubts(&[], &[resource.into()]).is_empty(), expect, "{resource} {wildcards:?}");
            }
        }
    }
}
