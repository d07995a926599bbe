//! A resource as AWS printed it, in the form that a policy statement needs.

use super::form;
use super::{Action, Call, Catalog, ResourceType, template};
use crate::arn::{self, Arn};
use std::borrow::Cow;

/// What a fitted resource rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// AWS printed it and the catalogue knows the form for this action.
    Printed,
    /// AWS printed a well-formed ARN that the data does not list for this action, or the action is unknown:
    /// what AWS itself says beats a gap in the data.
    Unlisted,
    /// Built from a name and the catalogue's ARN form.
    Completed,
    /// The action has no resource-level support: `*`, whatever was printed.
    NoResourceLevel,
    /// Not known; there is no resource.
    Unknown,
}

/// The resources to write for one printed resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceFit {
    /// Empty when unknown. Text of the message stands in them as it was: escape it before it lands in a policy.
    pub resources: Vec<String>,
    /// What they rest on.
    pub basis: Basis,
    /// False where AWS printed a name that hides an IAM path (`role X`).
    pub path_known: bool,
}

/// IAM's own wording of a resource, and the resource type that it means.
const WORDS: [(&str, &str); 6] = [
    ("instance profile ", "instance-profile"),
    ("server certificate ", "server-certificate"),
    ("role ", "role"),
    ("user ", "user"),
    ("group ", "group"),
    ("policy ", "policy"),
];

impl Catalog {
    /// Fits what AWS printed after `on resource:` to an action; only partition, region and account of `call` are used.
    ///
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
    pub fn fit(&self, action: &str, printed: &str, call: &Call<'_>) -> ResourceFit {
        // A name may end in a space or a quotation mark, so only one pair of marks is AWS's.
        let text = printed.trim_start();
        let text = text.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(text);
        let Some(action) = self.action(action) else { return unlisted(text) };
        if !action.has_resource_level() {
            return fit("*".to_owned(), Basis::NoResourceLevel, true);
        }
        if text == "*" {
            return fit("*".to_owned(), Basis::Printed, true);
        }
        if !form::well_formed(text) || text == "null" || text.ends_with("/null") || text.ends_with(":null") {
            return unknown();
        }
        match arn::parts(text) {
            Some(parts) => self.fit_arn(&action, text, parts, call),
            None => self.fit_words(&action, text, call),
        }
    }

    /// The form of an ARN that a policy needs where it is not the one AWS prints: CloudWatch Logs.
    ///
    /// A log group's ARN ends in `:*` in policies, but not for the three tagging actions.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html>
    pub(super) fn policy_form(&self, action: &Action<'_>, arn: &str) -> String {
        let of_logs = arn::parts(arn).filter(|[_, service, ..]| *service == "logs");
        let Some(rest) = of_logs.and_then(|[.., resource]| resource.strip_prefix("log-group:")) else {
            return arn.to_owned();
        };
        let Ok(mut parsed) = arn.parse::<Arn>() else { return arn.to_owned() };
        let (group, stream) = match rest.split_once(":log-stream:") {
            Some((group, stream)) => (group, Some(stream).filter(|stream| !stream.is_empty())),
            None => (rest.trim_end_matches(":*"), None),
        };
        let bare = matches!(action.name(), "TagResource" | "UntagResource" | "ListTagsForResource");
        parsed.resource = match (group, stream) {
            ("", _) | ("*", None) => "log-group:*".to_owned(),
            (group, Some(stream)) => format!("log-group:{group}:log-stream:{stream}"),
            (group, None) if bare => format!("log-group:{group}"),
            (group, None) => format!("log-group:{group}:*"),
        };
        // What makes or writes a stream is checked on streams: before one has a name, AWS prints `NAME:log-stream:`.
        if let (Some(group), false) = (parsed.resource.strip_suffix(":*"), action.takes(&parsed.to_string())) {
            parsed.resource = format!("{group}:log-stream:*");
        }
        parsed.to_string()
    }

    fn fit_arn(&self, action: &Action<'_>, text: &str, parts: [&str; 5], call: &Call<'_>) -> ResourceFit {
        let [partition, service, region, mut account, resource] = parts;
        let mut text = Cow::Borrowed(text);
        if masked(account) {
            let shown = account.trim_start_matches('*');
            if call.account.len() != 12 || !call.account.ends_with(shown) {
                return unknown();
            }
            account = call.account;
            text = Cow::Owned(format!("arn:{partition}:{service}:{region}:{account}:{resource}"));
        }
        if let Some(role) = role_of(service, resource) {
            return fit(format!("arn:{partition}:iam::{account}:role/{role}"), Basis::Completed, false);
        }
        let listed = action.types().any(|kind| template::is_of(kind.arn, &text));
        // https://docs.aws.amazon.com/kms/latest/developerguide/cmks-in-iam-policies.html: an alias is no key's name.
        let alias = service == "kms" && resource.starts_with("alias/");
        if !listed && (alias || is_foreign(action, service)) {
            return unknown();
        }
        let basis = if listed || service == "logs" { Basis::Printed } else { Basis::Unlisted };
        fit(self.policy_form(action, &text), basis, true)
    }

    fn fit_words(&self, action: &Action<'_>, text: &str, call: &Call<'_>) -> ResourceFit {
        for (word, kind) in WORDS {
            let Some(name) = text.strip_prefix(word).filter(|_| matches!(action.prefix(), "iam" | "sts")) else {
                continue;
            };
            let name = name.trim();
            let name = name.split_once(" version ").map_or(name, |(name, _)| name);
            if let Some(parts) = arn::parts(name) {
                return self.fit_arn(action, name, parts, call);
            }
            let pattern = format!("arn:${{Partition}}:iam::${{Account}}:{kind}/${{Name}}");
            let arn = template::fill(&pattern, call, |_| Some(name)).filter(|_| !name.contains(char::is_whitespace));
            return arn.map_or_else(unknown, |arn| fit(arn, Basis::Completed, name.contains('/')));
        }
        let built = (!text.contains(char::is_whitespace)).then(|| self.bare_name(action, text, call)).flatten();
        let hidden = action.prefix() == "iam";
        built.map_or_else(unknown, |arn| fit(self.policy_form(action, &arn), Basis::Completed, !hidden))
    }

    /// A bare name or the resource part of an ARN, where only one type of the action can be meant.
    fn bare_name(&self, action: &Action<'_>, text: &str, call: &Call<'_>) -> Option<String> {
        let kinds = action.resource_types();
        for kind in kinds.iter().filter(|kind| !template::head(kind.arn).is_empty()) {
            let start = kind.arn.splitn(6, ':').take(5).collect::<Vec<_>>().join(":");
            let whole = template::fill(&format!("{start}:${{Rest}}"), call, |_| Some(text));
            if whole.as_deref().is_some_and(|arn| template::capture(kind.arn, arn).is_some()) {
                return whole;
            }
        }
        let one = |kind: &&ResourceType<'_>| template::own_vars(kind.arn).len() == 1;
        let required: Vec<_> = kinds.iter().filter(|kind| kind.required).filter(one).collect();
        let simple = if required.is_empty() { kinds.iter().filter(one).collect() } else { required };
        let [kind] = simple.as_slice() else { return None };
        let name = if action.prefix() == "secretsmanager" { format!("{text}-??????") } else { text.to_owned() };
        template::fill(kind.arn, call, |_| Some(&name))
    }
}

/// Services that were renamed and whose resources keep ARNs of the old name.
/// See <https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html>.
const RENAMED: [(&str, &str); 1] = [("codeconnections", "codestar-connections")];

/// An ARN of a service that the action has nothing to do with: the text is forged or misread.
fn is_foreign(action: &Action<'_>, service: &str) -> bool {
    let own = |pattern: &str| pattern.split(':').nth(2).is_none_or(|part| part == service || part.starts_with('$'));
    let renamed =
        |pair: &(&str, &str)| [pair.0, pair.1].contains(&service) && [pair.0, pair.1].contains(&action.prefix());
    service != action.prefix() && !action.types().any(|kind| own(kind.arn)) && !RENAMED.iter().any(renamed)
}

fn fit(resource: String, basis: Basis, path_known: bool) -> ResourceFit {
    ResourceFit { resources: vec![resource], basis, path_known }
}

fn unknown() -> ResourceFit {
    ResourceFit { resources: Vec::new(), basis: Basis::Unknown, path_known: true }
}

/// A resource for an action that the catalogue does not know: an ARN as it stands, else nothing.
fn unlisted(text: &str) -> ResourceFit {
    let whole = form::well_formed(text) && arn::parts(text).is_some_and(|[.., account, _]| !masked(account));
    if whole { fit(text.to_owned(), Basis::Unlisted, true) } else { unknown() }
}

/// An account as some services print it, `********9012`.
fn masked(account: &str) -> bool {
    account.len() == 12
        && account.starts_with('*')
        && account.trim_start_matches('*').bytes().all(|b| b.is_ascii_digit())
}

/// The name of the role behind an assumed-role ARN, which never stands in a `Resource`; its path is unknown.
fn role_of<'a>(service: &str, resource: &'a str) -> Option<&'a str> {
    resource.strip_prefix("assumed-role/").filter(|_| service == "sts")?.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Call<'static> =
        Call { operation: "", params: None, partition: "aws", region: "eu-west-1", account: "123456789012" };

    #[track_caller]
    fn check(action: &str, printed: &str, expect: &str, basis: Basis) {
        let found = Catalog::embedded().fit(action, printed, &HERE);
        assert_eq!((found.resources.join(" ").as_str(), found.basis), (expect, basis));
    }

    #[test]
    fn what_aws_prints_is_kept() {
        let instance = "arn:aws:ec2:eu-west-1:123456789012:instance/*";
        check("ec2:RunInstances", instance, instance, Basis::Printed);
        check("s3:GetObject", "\"arn:aws:s3:::b/k with spaces\"", "arn:aws:s3:::b/k with spaces", Basis::Printed);
        check("s3:GetObject", "\"arn:aws:s3:::b/k \"\"", "arn:aws:s3:::b/k \"", Basis::Printed);
        let balancer = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/b";
        check("elasticloadbalancing:AddTags", balancer, balancer, Basis::Printed);
        let group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/a/b";
        check("elasticloadbalancing:AddTags", group, group, Basis::Unlisted);
        check(
            "new:Thing",
            "arn:aws:new:eu-west-1:123456789012:x/y",
            "arn:aws:new:eu-west-1:123456789012:x/y",
            Basis::Unlisted,
        );
        check("iam:ListRoles", "*", "*", Basis::NoResourceLevel);
        check("lambda:InvokeFunction", "*", "*", Basis::Printed);
    }

    #[test]
    fn what_the_action_cannot_mean_is_not_taken() {
        check("s3:PutObject", "arn:aws:iam::123456789012:role/admin", "", Basis::Unknown);
        check("kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:alias/app", "", Basis::Unknown);
        let alias = "arn:aws:kms:eu-west-1:123456789012:alias/app";
        check("kms:CreateAlias", alias, alias, Basis::Printed);
        let old = "arn:aws:codestar-connections:eu-west-1:123456789012:connection/x";
        check("codeconnections:UseConnection", old, old, Basis::Unlisted);
        let instance = "arn:aws:ec2:eu-west-1:123456789012:instance/i-0abc";
        check("ssm:StartSession", instance, instance, Basis::Printed);
    }

    #[test]
    fn a_key_keeps_its_last_space() {
        check("s3:PutObject", "arn:aws:s3:::b/a ", "arn:aws:s3:::b/a ", Basis::Printed);
    }

    #[test]
    fn no_resource_level_is_a_star() {
        check("lambda:ListFunctions", "arn:aws:lambda:eu-west-1:123456789012:function:f", "*", Basis::NoResourceLevel);
        check("ecr:GetAuthorizationToken", "null", "*", Basis::NoResourceLevel);
    }

    #[test]
    fn words_become_arns() {
        check("iam:DeleteRole", "role ThirdRoleName", "arn:aws:iam::123456789012:role/ThirdRoleName", Basis::Completed);
        check("iam:GetUser", "user x", "arn:aws:iam::123456789012:user/x", Basis::Completed);
        check("iam:AddUserToGroup", "group g", "arn:aws:iam::123456789012:group/g", Basis::Completed);
        let profile = "arn:aws:iam::123456789012:instance-profile/p";
        check("iam:CreateInstanceProfile", "instance profile p", profile, Basis::Completed);
        let policy = "arn:aws:iam::123456789012:policy/team/p";
        check("iam:CreatePolicyVersion", &format!("policy {policy}"), policy, Basis::Printed);
        check("iam:GetPolicyVersion", &format!("policy {policy} version v2"), policy, Basis::Printed);
        check("s3:GetObject", "role x", "", Basis::Unknown);
    }

    #[test]
    fn a_hidden_path_is_told() {
        assert!(!Catalog::embedded().fit("iam:GetRole", "role x", &HERE).path_known);
        let whole = "arn:aws:iam::123456789012:role/team/x";
        assert!(Catalog::embedded().fit("iam:GetRole", whole, &HERE).path_known);
        let session = "arn:aws:sts::123456789012:assumed-role/x/s";
        let found = Catalog::embedded().fit("sts:AssumeRole", session, &HERE);
        assert_eq!((found.resources[0].as_str(), found.path_known), ("arn:aws:iam::123456789012:role/x", false));
    }

    #[test]
    fn bare_names_are_completed() {
        let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-??????";
        check("secretsmanager:GetSecretValue", "prod/db", secret, Basis::Completed);
        let rule = "arn:aws:events:eu-west-1:123456789012:rule/nightly";
        check("events:PutRule", "nightly", rule, Basis::Completed);
        check("events:PutRule", "rule/nightly", rule, Basis::Completed);
        check("sqs:SendMessage", "q", "arn:aws:sqs:eu-west-1:123456789012:q", Basis::Completed);
        check("ecs:RunTask", "container/null", "", Basis::Unknown);
        check("ecr:BatchGetImage", "null", "", Basis::Unknown);
        check("sqs:SendMessage", "two words", "", Basis::Unknown);
        check("sqs:SendMessage", "a\u{1b}b", "", Basis::Unknown);
    }

    #[test]
    fn masked_accounts() {
        let masked = "arn:aws:sqs:eu-west-1:********9012:q";
        check("sqs:SendMessage", masked, "arn:aws:sqs:eu-west-1:123456789012:q", Basis::Printed);
        check("sqs:SendMessage", "arn:aws:sqs:eu-west-1:********0000:q", "", Basis::Unknown);
    }

    #[test]
    fn log_groups() {
        let arn = |rest: &str| format!("arn:aws:logs:eu-west-1:123456789012:log-group:{rest}");
        let case =
            |action: &str, printed: &str, expect: &str| check(action, &arn(printed), &arn(expect), Basis::Printed);
        case("logs:CreateLogGroup", "/aws/x:log-stream:", "/aws/x:*");
        case("logs:CreateLogGroup", "/aws/x", "/aws/x:*");
        case("logs:CreateLogGroup", "/aws/x:*", "/aws/x:*");
        case("logs:TagResource", "/aws/x", "/aws/x");
        case("logs:PutLogEvents", "/aws/x:log-stream:s", "/aws/x:log-stream:s");
        case("logs:CreateLogStream", "/aws/x:log-stream:", "/aws/x:log-stream:*");
        case("logs:CreateLogStream", "/aws/x", "/aws/x:log-stream:*");
        case("logs:DescribeLogStreams", ":log-stream:", "*");
    }
}
