//! How one variable of an ARN pattern is read from a request: by an overlay line, else by the name of the member.

use super::{members, template};
use serde_json::Value;

/// What a request says about one variable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The texts that stand in place of the variable.
    pub values: Vec<String>,
    /// Whole ARNs, which AWS takes in place of a name.
    pub arns: Vec<String>,
}

/// Which texts of a request may be a name at all.
pub(super) type Fit = fn(&str) -> bool;

/// Names of almost all services hold no wildcard; object keys may hold anything.
/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>.
pub(super) fn fit_of(service: &str) -> Fit {
    match service {
        "s3" => |_| true,
        // A log group's whole ARN ends in `:*`.
        "logs" => |text| is_literal(text.strip_suffix(":*").unwrap_or(text)),
        _ => is_literal,
    }
}

fn is_literal(text: &str) -> bool {
    !text.contains(['*', '?']) && !text.contains("${")
}

/// More values than this are no single request's resources.
const MOST: usize = 100;

/// The first way of an overlay rule (`a|b:transform|c&d|'literal'`) that gives something usable; `c&d` takes both.
pub(super) fn by_rule(ways: &str, params: Option<&Value>, fit: Fit) -> Option<Found> {
    ways.split('|').find_map(|way| {
        if let Some(literal) = way.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            return Some(Found { values: vec![literal.to_owned()], arns: Vec::new() });
        }
        let (path, turn) = way.split_once(':').unwrap_or((way, ""));
        let texts = match path.split_once('+') {
            Some((first, second)) => joined(params, first, second),
            None => path.split('&').flat_map(|path| members::strings(params, path)).collect(),
        };
        usable(texts, fit, |text| transform(turn, text, params))
    })
}

/// The member that is named after the variable or after its resource type.
///
/// `${ClusterName}` is `clusterName`, `cluster`, `clusterIdentifier` or `clusterArn`; the last variable of a pattern may
/// also be named after the type, and plain `name` or `id` counts when the action itself names the type.
pub(super) fn by_name(
    variable: &str,
    kind: &str,
    action: &str,
    last: bool,
    params: Option<&Value>,
    fit: Fit,
) -> Option<Found> {
    let object = params?.as_object()?;
    let names = candidates(variable, kind, action, last);
    names.iter().find_map(|name| {
        let value = object.iter().find(|(key, _)| bare(key) == *name).map(|(_, value)| value)?;
        let texts = match value.as_array() {
            Some(items) => items.iter().filter_map(members::string).collect(),
            None => members::string(value).into_iter().collect(),
        };
        // What is called an ARN and is none is something else.
        let fits = |text: &str| (!name.ends_with("arn") || text.starts_with("arn:")).then(|| text.to_owned());
        usable(texts, fit, fits)
    })
}

fn candidates(variable: &str, kind: &str, action: &str, last: bool) -> Vec<String> {
    let (variable, kind, action) = (bare(variable), bare(kind), bare(action));
    let suffixes = ["name", "id", "identifier", "arn"];
    let own = suffixes.iter().find(|s| variable.ends_with(**s)).copied().unwrap_or("");
    let stem = variable[..variable.len() - own.len()].to_owned();
    let general = matches!(stem.as_str(), "" | "resource");
    let endings = if own == "name" { ["name", "", "identifier", "arn"] } else { ["id", "identifier", "", "arn"] };
    let named = |stem: &str| endings.iter().map(|ending| format!("{stem}{ending}")).collect::<Vec<_>>();
    let mut names = Vec::new();
    if !general {
        names.push(variable.clone());
        names.extend(named(&stem));
    }
    if last {
        names.extend(named(&kind));
        // A plain `id` is the type's only where the action is about that type.
        if action.ends_with(&kind) || action.contains(&stem) && !general {
            let plain: &[&str] =
                if own == "name" { &["name", "identifier", "arn"] } else { &["id", "identifier", "arn"] };
            names.extend(plain.iter().map(|name| (*name).to_owned()));
        }
        names.push("resourcearn".to_owned());
    }
    if general {
        // Every service has its own notion of a resource, so this comes last.
        names.push(variable);
    }
    names.retain(|name| !name.is_empty());
    names
}

/// A name without its letter case and separators.
fn bare(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The texts if every one of them is fit to stand in an ARN; ARNs are kept apart from names.
fn usable(texts: Vec<String>, fit: Fit, turn: impl Fn(&str) -> Option<String>) -> Option<Found> {
    if texts.is_empty() || texts.len() > MOST || texts.iter().any(|text| !well_formed(text) || !fit(text)) {
        return None;
    }
    let (arns, names): (Vec<String>, Vec<String>) = texts.into_iter().partition(|text| text.starts_with("arn:"));
    let values: Vec<String> = names.iter().map(|text| turn(text)).collect::<Option<_>>()?;
    values.iter().all(|text| !text.is_empty()).then_some(Found { values, arns })
}

/// Text that an ARN may hold: something, and no control character.
pub(super) fn well_formed(text: &str) -> bool {
    !text.is_empty() && text.len() <= 2048 && !text.chars().any(char::is_control)
}

/// A path and a name behind it, as IAM writes them: `/team/` and `app` are `team/app`.
fn joined(params: Option<&Value>, path: &str, name: &str) -> Vec<String> {
    let path = members::strings(params, path).into_iter().next().unwrap_or_default();
    let path = path.trim_start_matches('/');
    let slash = if path.is_empty() || path.ends_with('/') { "" } else { "/" };
    members::strings(params, name).into_iter().map(|name| format!("{path}{slash}{name}")).collect()
}

/// The named turns of the overlay; `None` where the text is of another kind.
fn transform(turn: &str, text: &str, params: Option<&Value>) -> Option<String> {
    let own = |text: &str| Some(text.to_owned());
    match turn {
        "last" => own(text.rsplit('/').next().unwrap_or(text)),
        "noslash" => own(text.trim_start_matches('/')),
        // Secrets Manager puts six characters of its own behind the name.
        "secret" => Some(format!("{text}-??????")),
        // An alias stands for a key that the request does not name.
        "key" if text.starts_with("alias/") => None,
        "key" => own(text.strip_prefix("key/").unwrap_or(text)),
        "alias" => own(text.strip_prefix("alias/").unwrap_or(text)),
        "function" => function(text, params),
        "family" => own(text.split(':').next().unwrap_or(text)),
        "revision" => text.split_once(':').and_then(|(_, revision)| own(revision)),
        "project" => own(text.split(':').next().unwrap_or(text)),
        // A service-linked role's name is chosen by the service, its path is not.
        "linked" => Some(format!("aws-service-role/{text}/*")),
        "scope" if text.eq_ignore_ascii_case("CLOUDFRONT") => own("global"),
        "scope" => Some(text.to_ascii_lowercase()),
        "nodefault" if text == "default" => None,
        "model" if geography(text) => None,
        "profile" if !geography(text) => None,
        // `i-`: the kind of an EC2 resource shows in its id, letters, a dash and hexadecimal digits.
        start if start.ends_with('-') => {
            let digits = text.strip_prefix(start)?;
            digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| text.to_owned())
        }
        _ => own(text),
    }
}

/// Bedrock: an inference profile's id begins with a geography, a foundation model's with its maker.
///
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html>
fn geography(text: &str) -> bool {
    let first = text.split('.').next().unwrap_or("");
    matches!(first, "us" | "us-gov" | "eu" | "apac" | "jp" | "au" | "ca" | "global")
}

/// A function's name out of `name`, `name:alias` or `account:function:name`; a qualifier is kept behind it, and one that
/// is a pattern, as no alias or version is, leaves nothing to name.
///
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
fn function(text: &str, params: Option<&Value>) -> Option<String> {
    let name = text.split_once("function:").map_or(text, |(_, name)| name);
    let qualifier = members::strings(params, "qualifier").into_iter().next();
    match qualifier {
        Some(qualifier) if !is_literal(&qualifier) => None,
        Some(qualifier) if !name.contains(':') && well_formed(&qualifier) => Some(format!("{name}:{qualifier}")),
        _ => Some(name.to_owned()),
    }
}

/// Puts a variable's value in hand that stands inside the ARN of another type, as the cluster in a task's ARN.
pub(super) fn inside(variable: &str, arn: &str, patterns: &[&str]) -> Option<String> {
    let value = |pattern: &&str| {
        let captured = template::capture(pattern, arn)?;
        captured.into_iter().find(|(name, _)| *name == variable).map(|(_, value)| value.to_owned())
    };
    patterns.iter().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values(texts: &[&str]) -> Option<Found> {
        Some(Found { values: texts.iter().map(|t| (*t).to_owned()).collect(), arns: Vec::new() })
    }

    #[test]
    fn rules_take_the_first_way_that_fits() {
        let check = |rule: &str, params: Value, expect: Option<Found>| {
            assert_eq!(by_rule(rule, Some(&params), fit_of("")), expect)
        };
        check("a|b", json!({"b": "x"}), values(&["x"]));
        check("a|'*'", json!({}), values(&["*"]));
        check("queueUrl:last", json!({"queueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q"}), values(&["q"]));
        check("path+roleName", json!({"path": "/team/", "roleName": "r"}), values(&["team/r"]));
        check("path+roleName", json!({"roleName": "r"}), values(&["r"]));
        check("keyId:key", json!({"keyId": "alias/x"}), None);
        check("name:secret", json!({"name": "db"}), values(&["db-??????"]));
        check("a", json!({"a": "x\ny"}), None);
        check("a", json!({"a": ""}), None);
        check("a&b", json!({"a": "x", "b": "y"}), values(&["x", "y"]));
        check("s:scope", json!({"s": "CLOUDFRONT"}), values(&["global"]));
        check("f:function", json!({"f": "1:function:g", "qualifier": "live"}), values(&["g:live"]));
        check("a", json!({"a": "arn:x"}), Some(Found { values: Vec::new(), arns: vec!["arn:x".to_owned()] }));
    }

    #[test]
    fn names_are_those_of_variable_and_type() {
        #[track_caller]
        fn check(variable: &str, kind: &str, action: &str, params: Value, expect: Option<Found>) {
            assert_eq!(by_name(variable, kind, action, true, Some(&params), fit_of("")), expect);
        }
        check("FileSystemId", "file-system", "DeleteFileSystem", json!({"fileSystemId": "fs-1"}), values(&["fs-1"]));
        check("ClusterName", "cluster", "DeleteCluster", json!({"name": "c"}), values(&["c"]));
        check("ResourceId", "guardrail", "GetGuardrail", json!({"guardrailIdentifier": "g"}), values(&["g"]));
        check("ResourceId", "guardrail", "ListThings", json!({"id": "g"}), None);
        check("ResourceId", "organization", "X", json!({"resourceId": "r", "organizationId": "o"}), values(&["o"]));
        check("WidgetId", "widget", "GetWidget", json!({"resourceArn": "w"}), None);
        check("WidgetId", "widget", "CreateWidget", json!({"name": "w"}), None);
    }
}
