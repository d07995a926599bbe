//! An Allow names the resource in a form that nearly covers it: another Region or account, no `:*`, no index.
//!
//! Forms: <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.

use super::view::{Allow, View};
use super::{Cause, Diagnosis};
use crate::arn::Arn;
use crate::policy::Resources;
use crate::policy::pattern::matches;

/// How a pattern differs from the resource that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Difference {
    words: String,
    /// The pattern's author may have meant to leave this resource out.
    may_be_meant: bool,
}

pub(super) fn look(view: &View<'_>, allows: &[Allow<'_>], diagnosis: &Diagnosis) -> Option<Diagnosis> {
    let acting = allows.iter().filter(|allow| allow.action);
    let found = acting.flat_map(|allow| near(view, allow)).min_by_key(|(_, _, found)| found.may_be_meant);
    let (allow, pattern, difference) = found?;
    let mut found = Diagnosis { cause: Cause::ArnFormMismatch, ..diagnosis.clone() };
    found.summary = format!(
        "{} allows `{}` on `{pattern}`, which does not cover `{}`: {}",
        allow.policy(),
        view.needed.action,
        view.needed.resource,
        difference.words
    );
    found.evidence.push(allow.words());
    if difference.may_be_meant {
        found
            .doubts
            .push("the policy may leave this resource out on purpose: check that the call was meant for it".to_owned());
    }
    Some(found)
}

fn near<'h>(view: &View<'_>, allow: &Allow<'h>) -> Vec<(Allow<'h>, &'h str, Difference)> {
    let Resources::Resource(patterns) = &allow.statement.resources else { return Vec::new() };
    let found = |pattern: &'h String| {
        let difference = difference(pattern, view.needed.resource)?;
        Some((*allow, pattern.as_str(), difference))
    };
    patterns.iter().filter_map(found).collect()
}

fn difference(pattern: &str, resource: &str) -> Option<Difference> {
    let (wanted, asked): (Arn, Arn) = (pattern.parse().ok()?, resource.parse().ok()?);
    if wanted.service != asked.service {
        return None;
    }
    let parts = [
        ("partition", &wanted.partition, &asked.partition),
        ("Region", &wanted.region, &asked.region),
        ("account", &wanted.account, &asked.account),
    ];
    let other: Vec<String> = parts
        .into_iter()
        .filter(|(_, wanted, asked)| !matches(wanted, asked))
        .map(|(part, wanted, asked)| format!("its {part} is {}, the call's is {}", quoted(wanted), quoted(asked)))
        .collect();
    match (other.is_empty(), matches(&wanted.resource, &asked.resource)) {
        // Somebody else's everything is no near miss.
        (false, true) => (wanted.resource != "*").then(|| Difference { words: other.join("; "), may_be_meant: true }),
        (true, false) => by_name(&wanted.resource, &asked),
        (true, true) | (false, false) => None,
    }
}

fn quoted(part: &str) -> String {
    if part.is_empty() { "empty".to_owned() } else { format!("`{part}`") }
}

type Rule = fn(&str, &Arn) -> Option<&'static str>;

/// The forms that people miss, by service, and the letter case.
fn by_name(wanted: &str, asked: &Arn) -> Option<Difference> {
    let rules: [Rule; 6] = [log_group, index, qualifier, revision, suffix, letter_case];
    let words = rules.iter().find_map(|rule| rule(wanted, asked))?;
    Some(Difference { words: words.to_owned(), may_be_meant: false })
}

/// The rest behind `prefix` and the name up to the next `:` or `/`, where the pattern covers just that much.
fn beneath<'a>(wanted: &str, asked: &'a str, prefix: &str, separator: char) -> Option<&'a str> {
    let name = asked.strip_prefix(prefix)?;
    let at = prefix.len() + name.find(separator)?;
    matches(wanted, &asked[..at]).then(|| &asked[at..])
}

/// `log-group:/x` is the group alone; streams, and most actions on the group, need `log-group:/x:*`.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html>
fn log_group(wanted: &str, asked: &Arn) -> Option<&'static str> {
    let resource = asked.resource.as_str();
    let name = (asked.service == "logs").then(|| resource.strip_prefix("log-group:")).flatten()?;
    if beneath(wanted, resource, "log-group:", ':').is_some() {
        return Some("a log group's ARN needs `:*` behind its name to cover what is in it");
    }
    let whole = !name.contains(':') && wanted.strip_suffix(":*").is_some_and(|group| matches(group, resource));
    whole.then_some("the pattern covers what is in the log group, not the group's own ARN without `:*`")
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/using-identity-based-policies.html>
fn index(wanted: &str, asked: &Arn) -> Option<&'static str> {
    let resource = asked.resource.as_str();
    if asked.service != "dynamodb" || !resource.starts_with("table/") {
        return None;
    }
    match beneath(wanted, resource, "table/", '/') {
        Some(rest) if rest.starts_with("/index/") => {
            Some("a table's ARN does not cover its indexes, which need `table/NAME/index/INDEX`")
        }
        Some(rest) if rest.starts_with("/stream/") => {
            Some("a table's ARN does not cover its streams, which need `table/NAME/stream/*`")
        }
        Some(_) => Some("a table's ARN does not cover what is beneath it"),
        None => wanted
            .find("/index/")
            .filter(|at| matches(&wanted[..*at], resource))
            .map(|_| "the pattern covers the table's indexes, not the table"),
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html>
fn qualifier(wanted: &str, asked: &Arn) -> Option<&'static str> {
    let resource = asked.resource.as_str();
    if asked.service != "lambda" || !resource.starts_with("function:") {
        return None;
    }
    if beneath(wanted, resource, "function:", ':').is_some() {
        return Some("a function's ARN does not cover its versions and aliases, which need `function:NAME:*`");
    }
    let bare = wanted.strip_prefix("function:").and_then(|name| name.split_once(':')).map(|(name, _)| name);
    let plain = resource.strip_prefix("function:").filter(|name| !name.contains(':'));
    bare.zip(plain)
        .filter(|(wanted, name)| matches(wanted, name))
        .map(|_| "the pattern covers versions or aliases of the function, not the function without one")
}

/// `task-definition/web:11` is one revision; every deployment makes another.
fn revision(wanted: &str, asked: &Arn) -> Option<&'static str> {
    let family = |text: &str| {
        let name = text.strip_prefix("task-definition/")?;
        Some(name.split_once(':').map_or(name, |(family, _)| family).to_owned())
    };
    let same = asked.service == "ecs" && family(wanted)? == family(&asked.resource)?;
    same.then_some("the pattern names another revision of the task definition: `task-definition/FAMILY:*` covers all")
}

/// AWS adds a hyphen and six characters to a secret's name.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/getting-started.html>
fn suffix(wanted: &str, asked: &Arn) -> Option<&'static str> {
    let stem = |text: &str| {
        let (stem, end) = text.rsplit_once('-')?;
        let random = end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric());
        random.then(|| stem.to_owned())
    };
    if asked.service != "secretsmanager" || !wanted.starts_with("secret:") {
        return None;
    }
    let name = stem(&asked.resource)?;
    if matches(wanted, &name) {
        return Some("a secret's ARN ends with a hyphen and six characters that AWS adds: `secret:NAME-??????`");
    }
    (stem(wanted)? == name).then_some("the pattern ends with the six characters of another secret of this name")
}

/// Names of resources are compared with their letter case.
fn letter_case(wanted: &str, asked: &Arn) -> Option<&'static str> {
    let same = matches(&wanted.to_ascii_lowercase(), &asked.resource.to_ascii_lowercase());
    // Lowering would break a variable's name.
    (same && !wanted.contains("${")).then_some("they differ in letter case, which counts in resources")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, resource: &str, expect: Option<(&str, bool)>) {
        let here = |text: &str| format!("arn:aws:{}", text.replace("HERE", "eu-west-1:111122223333"));
        let found = difference(&here(pattern), &here(resource));
        let told = found.as_ref().map(|found| (found.words.as_str(), found.may_be_meant));
        match (told, expect) {
            (None, None) => {}
            (Some((words, meant)), Some((part, expected))) if words.contains(part) && meant == expected => {}
            (found, expect) => panic!("{pattern} on {resource}: {found:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn another_place() {
        let queue = "sqs:HERE:q";
        check(
            "sqs:us-east-1:111122223333:q",
            queue,
            Some(("its Region is `us-east-1`, the call's is `eu-west-1`", true)),
        );
        check("sqs:*:444455556666:q*", queue, Some(("its account is `444455556666`", true)));
        check("sqs::111122223333:q", queue, Some(("its Region is empty", true)));
        check("sqs:us-east-1:111122223333:other", queue, None);
        check("sqs:us-east-1:111122223333:*", queue, None);
        check("sns:HERE:q", queue, None);
        check(queue, queue, None);
    }

    #[test]
    fn log_groups() {
        check("logs:HERE:log-group:/x", "logs:HERE:log-group:/x:log-stream:s", Some(("`:*` behind", false)));
        check("logs:HERE:log-group:/x", "logs:HERE:log-group:/x:*", Some(("`:*` behind", false)));
        check("logs:HERE:log-group:/x:*", "logs:HERE:log-group:/x", Some(("not the group's own", false)));
        check("logs:HERE:log-group:/y", "logs:HERE:log-group:/x:*", None);
    }

    #[test]
    fn what_is_beneath() {
        check("dynamodb:HERE:table/t", "dynamodb:HERE:table/t/index/i", Some(("does not cover its indexes", false)));
        check("dynamodb:HERE:table/t", "dynamodb:HERE:table/t/stream/2026", Some(("its streams", false)));
        check("dynamodb:HERE:table/t/index/*", "dynamodb:HERE:table/t", Some(("not the table", false)));
        check("dynamodb:HERE:table/u", "dynamodb:HERE:table/t/index/i", None);
        check("lambda:HERE:function:f", "lambda:HERE:function:f:live", Some(("versions and aliases", false)));
        check("lambda:HERE:function:f:*", "lambda:HERE:function:f", Some(("not the function without one", false)));
        check("lambda:HERE:function:g:*", "lambda:HERE:function:f", None);
    }

    #[test]
    fn numbers_and_suffixes() {
        let task = "ecs:HERE:task-definition/web";
        check(&format!("{task}:11"), &format!("{task}:12"), Some(("another revision", false)));
        check(&format!("{task}2:11"), &format!("{task}:12"), None);
        let secret = "secretsmanager:HERE:secret:db/main";
        check(secret, &format!("{secret}-a1B2c3"), Some(("six characters that AWS adds", false)));
        check(&format!("{secret}-Zz9Yy8"), &format!("{secret}-a1B2c3"), Some(("another secret of this name", false)));
        check("s3:::Bucket/*", "s3:::bucket/k", Some(("letter case", false)));
    }
}
