//! From an exact resource to the text that stands in the policy: escaped, and durable where the name is a one-off.
//!
//! Every widening has a name and is told; text of the caller's choosing never becomes a wildcard.

use super::Widened;
use crate::arn::{Arn, is_region};
use crate::policy::pattern::escape_literal;

/// A resource as the policy has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scoped {
    /// Policy text.
    pub pattern: String,
    /// Set where `pattern` allows more than the exact resource.
    pub widened: Option<Widened>,
}

/// The rule for a Region that AWS cannot have.
pub const NO_REGION: &str = "no-such-region";
/// The rule for characters that no policy can hold, each of which becomes `?`.
pub const OUTSIDE_LATIN: &str = "characters-outside-latin-1";

/// Text that no policy can hold, not even widened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the resource `{0}` cannot be written into a policy: {1}")]
pub struct Unwritable(pub String, pub &'static str);

/// The resource that a grant of this action names: as [`scope`], but where the action lists or describes, a whole `*` is
/// AWS's own, since such a request names nothing.
///
/// # Errors
/// As [`scope`].
pub fn scope_for(action: &str, resource: &str) -> Result<Scoped, Unwritable> {
    let lists =
        action.split_once(':').is_some_and(|(_, name)| name.starts_with("List") || name.starts_with("Describe"));
    let plain = resource.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'$'));
    let printed = |arn: &Arn| plain && !arn.resource.contains("arn:") && arn.service != "s3" && is_whole_star(arn);
    match resource.parse::<Arn>().ok().filter(|arn| lists && printed(arn)) {
        Some(arn) => {
            scope(&with(&arn, "x"))?;
            Ok(Scoped { pattern: resource.to_owned(), widened: None })
        }
        None => scope(resource),
    }
}

/// The policy's form of an exact resource.
///
/// # Errors
/// A control character in the name, U+FFFD, which stands for what could not be read (half a surrogate pair, bytes that are no
/// UTF-8), a wildcard that may be AWS's own or part of a name, or a name that is no ARN and
/// not `*`.
///
/// ```
/// use denywatch::patch::scope::scope;
/// let found = scope("arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7")?;
/// assert_eq!(found.pattern, "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:*");
/// assert_eq!(scope("arn:aws:s3:::b/a*b")?.pattern, "arn:aws:s3:::b/a${*}b");
/// # Ok::<(), denywatch::patch::scope::Unwritable>(())
/// ```
pub fn scope(resource: &str) -> Result<Scoped, Unwritable> {
    if resource == "*" {
        return Ok(Scoped { pattern: "*".into(), widened: None });
    }
    let refuse = |why| Unwritable(resource.to_owned(), why);
    let arn: Arn = resource.parse().map_err(|_| refuse("it is no ARN"))?;
    if resource.chars().any(char::is_control) {
        return Err(refuse("it holds a control character"));
    }
    // As a `?` it would name resources of other names, and not surely this one.
    if resource.contains(char::REPLACEMENT_CHARACTER) {
        return Err(refuse("a part of its name could not be read, and stands in it as U+FFFD"));
    }
    // What a policy cannot hold becomes a `?` further down, which is a wildcard too.
    let wild = |letter: char| matches!(letter, '*' | '?' | '$') || is_outside_latin(letter);
    if [&arn.partition, &arn.service, &arn.region, &arn.account].iter().any(|part| part.contains(wild)) {
        return Err(refuse("a wildcard stands before its resource part"));
    }
    if !in_a_region(&arn) {
        return Err(refuse("AWS has no Region of this form"));
    }
    let (mut pattern, mut rule) = durable(&arn);
    if arn.service != "s3" && is_whole_star(&arn) && pattern == with(&arn, &escape_literal(&arn.resource)) {
        return Err(refuse("its `*` may be AWS's own or part of a name"));
    }
    if pattern.contains(is_outside_latin) {
        pattern = pattern.replace(is_outside_latin, "?");
        rule = Some(OUTSIDE_LATIN);
    }
    let widened = rule.map(|rule| Widened { from: resource.to_owned(), to: pattern.clone(), rule: rule.to_owned() });
    Ok(Scoped { pattern, widened })
}

fn is_outside_latin(letter: char) -> bool {
    letter > '\u{ff}'
}

/// As [`scope_for`], for a resource of a record whose own Region is none that AWS can have: whoever published or altered the
/// record masked it, and a statement with it would match nothing. `*` stands for it.
///
/// # Errors
/// As [`scope`].
pub fn scope_masked(action: &str, resource: &str) -> Result<Scoped, Unwritable> {
    let Ok(arn) = resource.parse::<Arn>() else { return scope(resource) };
    let stand_in = Arn { region: "us-east-1".to_owned(), ..arn };
    let scoped = scope_for(action, &stand_in.to_string())?;
    let to = in_every_region(&scoped.pattern);
    let widened = Widened { from: resource.to_owned(), to: to.clone(), rule: NO_REGION.to_owned() };
    Ok(Scoped { pattern: to, widened: Some(widened) })
}

/// Whether the ARN's Region, if it has one, has the form of AWS's.
pub fn in_a_region(arn: &Arn) -> bool {
    may_be_a_region(&arn.region)
}

/// Whether a Region's part of an ARN is empty or has the form of AWS's.
pub(super) fn may_be_a_region(region: &str) -> bool {
    region.is_empty() || is_region(region)
}

fn in_every_region(pattern: &str) -> String {
    pattern.parse::<Arn>().map_or_else(|_| pattern.to_owned(), |arn| Arn { region: "*".to_owned(), ..arn }.to_string())
}

/// A resource part, durable, and the rule's name; empty where nothing was widened.
type Rule = fn(&Arn) -> Option<(String, &'static str)>;

/// A durable form for a one-off name, and the rule that made it; else the name itself, escaped.
fn durable(arn: &Arn) -> (String, Option<&'static str>) {
    let rules: [Rule; 10] =
        [printed_wildcard, numbered_by_aws, secret_name, revision, task, log_stream, secret, stack, build, execution];
    match rules.iter().find_map(|rule| rule(arn)) {
        Some((resource, rule)) => (with(arn, &resource), Some(rule).filter(|rule| !rule.is_empty())),
        None => (with(arn, &escape_literal(&arn.resource)), None),
    }
}

fn with(arn: &Arn, resource: &str) -> String {
    ["arn", &arn.partition, &arn.service, &arn.region, &arn.account, resource].join(":")
}

/// Services whose resource names cannot hold a `*` (the patterns of the names in their API references), so that one in
/// an ARN is AWS's own.
const NO_STARS_IN_NAMES: [&str; 45] = [
    "acm",
    "application-autoscaling",
    "backup",
    "batch",
    "cloudformation",
    "codebuild",
    "codecommit",
    "codedeploy",
    "codepipeline",
    "config",
    "dynamodb",
    "ec2",
    "ecr",
    "ecs",
    "eks",
    "elasticache",
    "elasticfilesystem",
    "elasticloadbalancing",
    "elasticmapreduce",
    "es",
    "events",
    "firehose",
    "fis",
    "fsx",
    "guardduty",
    "iam",
    "identitystore",
    "kafka",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "pi",
    "rds",
    "redshift",
    "route53",
    "sagemaker",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "states",
    "transfer",
    "wafv2",
];

/// AWS itself prints `instance/*` or `role/*` where no single resource was asked for. Only a whole `*` is taken so, and
/// never where callers choose names freely (object keys, API paths, topics of things).
fn printed_wildcard(arn: &Arn) -> Option<(String, &'static str)> {
    // An ARN inside a name is somebody's text.
    let plain = !arn.resource.contains(['?', '$']) && !arn.resource.contains("arn:");
    let own = NO_STARS_IN_NAMES.contains(&arn.service.as_str());
    (own && plain && is_whole_star(arn)).then(|| (arn.resource.clone(), ""))
}

/// The one `*` is the name's last part: AWS opens what was not named, and nothing can be named below that.
fn is_whole_star(arn: &Arn) -> bool {
    arn.resource.matches('*').count() == 1 && arn.resource.rsplit([':', '/']).next() == Some("*")
}

/// Beginnings of ARNs whose `*` stands for what the request does not tell; the name behind it is unique without it.
const OPEN: [(&str, &str); 3] = [
    ("autoscaling", "autoScalingGroup:*:autoScalingGroupName/"),
    ("autoscaling", "launchConfiguration:*:launchConfigurationName/"),
    ("elasticbeanstalk", "environment/*/"),
];

/// `autoScalingGroup:*:autoScalingGroupName/web`, `…/jobs/*`: AWS numbers these parts itself, and requests do not name
/// them, so the `*` is AWS's own although the names beside it are free.
/// See <https://docs.aws.amazon.com/autoscaling/ec2/userguide/security_iam_service-with-iam.html>.
fn numbered_by_aws(arn: &Arn) -> Option<(String, &'static str)> {
    let open = OPEN.iter().find_map(|(service, start)| Some((start, typed(arn, service, start)?)));
    if let Some((start, name)) = open {
        return Some((format!("{start}{}", escape_literal(name)), ""));
    }
    let branch = typed(arn, "amplify", "apps/")?.strip_suffix("/jobs/*")?;
    Some((format!("apps/{}/jobs/*", escape_literal(branch)), ""))
}

/// A secret's name whose six random characters are not known; no name holds a `?`.
/// See <https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html>.
fn secret_name(arn: &Arn) -> Option<(String, &'static str)> {
    let name = typed(arn, "secretsmanager", "secret:")?.strip_suffix("-??????")?;
    Some((format!("secret:{}-??????", escape_literal(name)), ""))
}

/// `task-definition/family:12`: every deployment makes a new revision.
fn revision(arn: &Arn) -> Option<(String, &'static str)> {
    let family = typed(arn, "ecs", "task-definition/")?.rsplit_once(':').filter(|(_, number)| is_number(number))?.0;
    Some((format!("task-definition/{}:*", escape_literal(family)), "task-definition-revision"))
}

/// `task/cluster/0123…`: every task has its own id.
fn task(arn: &Arn) -> Option<(String, &'static str)> {
    let (cluster, id) = typed(arn, "ecs", "task/")?.rsplit_once('/')?;
    is_hex(id, 32).then(|| (format!("task/{}/*", escape_literal(cluster)), "ecs-task-id"))
}

/// Log streams are named by instance, container or date.
fn log_stream(arn: &Arn) -> Option<(String, &'static str)> {
    let (group, stream) = typed(arn, "logs", "log-group:")?.split_once(":log-stream:")?;
    (!matches!(stream, "" | "*")).then(|| (format!("log-group:{}:log-stream:*", escape_literal(group)), "log-stream"))
}

/// AWS adds six random characters to a secret's name; a secret made anew gets others.
fn secret(arn: &Arn) -> Option<(String, &'static str)> {
    let (name, suffix) = typed(arn, "secretsmanager", "secret:")?.rsplit_once('-')?;
    let random = suffix.len() == 6 && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric());
    random.then(|| (format!("secret:{}-??????", escape_literal(name)), "secret-suffix"))
}

/// `stack/name/uuid`: a stack made anew gets another id.
fn stack(arn: &Arn) -> Option<(String, &'static str)> {
    let (name, id) = typed(arn, "cloudformation", "stack/")?.split_once('/')?;
    is_uuid(id).then(|| (format!("stack/{}/*", escape_literal(name)), "stack-id"))
}

/// `build/project:uuid`: every build has its own id.
fn build(arn: &Arn) -> Option<(String, &'static str)> {
    let (project, id) = typed(arn, "codebuild", "build/")?.rsplit_once(':')?;
    is_uuid(id).then(|| (format!("build/{}:*", escape_literal(project)), "build-id"))
}

/// `execution:machine:name`: every run has its own name.
fn execution(arn: &Arn) -> Option<(String, &'static str)> {
    let (machine, _) = typed(arn, "states", "execution:")?.split_once(':')?;
    Some((format!("execution:{}:*", escape_literal(machine)), "execution-name"))
}

fn typed<'a>(arn: &'a Arn, service: &str, prefix: &str) -> Option<&'a str> {
    arn.resource.strip_prefix(prefix).filter(|_| arn.service == service)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| is_hex(part, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(resource: &str, pattern: &str, rule: Option<&str>) {
        let scoped = scope(resource).unwrap();
        assert_eq!(
            (scoped.pattern.as_str(), scoped.widened.as_ref().map(|found| found.rule.as_str())),
            (pattern, rule)
        );
    }

    #[test]
    fn one_off_names_get_a_durable_form_by_a_named_rule() {
        let here = "eu-west-1:111122223333";
        let ecs = format!("arn:aws:ecs:{here}:task");
        check(
            &format!("{ecs}-definition/web:12"),
            &format!("{ecs}-definition/web:*"),
            Some("task-definition-revision"),
        );
        check(&format!("{ecs}-definition/web:*"), &format!("{ecs}-definition/web:*"), None);
        check(&format!("{ecs}/main/0123456789abcdef0123456789abcdef"), &format!("{ecs}/main/*"), Some("ecs-task-id"));
        let logs = format!("arn:aws:logs:{here}:log-group:/a/b");
        check(&format!("{logs}:log-stream:i-0abc"), &format!("{logs}:log-stream:*"), Some("log-stream"));
        check(&format!("{logs}:*"), &format!("{logs}:*"), None);
        let secret = format!("arn:aws:secretsmanager:{here}:secret:db/main");
        check(&format!("{secret}-a1B2c3"), &format!("{secret}-??????"), Some("secret-suffix"));
        let stack = format!("arn:aws:cloudformation:{here}:stack/web");
        check(&format!("{stack}/11111111-2222-3333-4444-555555555555"), &format!("{stack}/*"), Some("stack-id"));
        let build = format!("arn:aws:codebuild:{here}:build/app");
        check(&format!("{build}:11111111-2222-3333-4444-555555555555"), &format!("{build}:*"), Some("build-id"));
        let run = format!("arn:aws:states:{here}:execution:flow");
        check(&format!("{run}:run-1"), &format!("{run}:*"), Some("execution-name"));
    }

    #[test]
    fn a_region_that_aws_cannot_have_is_left_open_only_where_the_record_has_it() {
        let of = |region: &str, rest: &str| format!("arn:aws:ec2:{region}:111122223333:{rest}");
        check(&of("us-gov-west-1", "vpc/vpc-1"), &of("us-gov-west-1", "vpc/vpc-1"), None);
        for rest in ["instance/*", "vpc/vpc-1"] {
            let masked = of("ca-south-3r", rest);
            assert!(scope(&masked).is_err() && scope_for("ec2:DescribeVpcs", &masked).is_err());
            let scoped = scope_masked("ec2:DescribeVpcs", &masked).unwrap();
            let rule = scoped.widened.map(|widened| widened.rule);
            assert_eq!((scoped.pattern, rule.as_deref()), (of("*", rest), Some(NO_REGION)));
        }
        assert!(scope_masked("sqs:SendMessage", "arn:aws:sqs:x:1*:q").is_err());
    }

    /// S3 keys may hold any character, U+FFFD too: then the record tells the same of several keys.
    #[test]
    fn a_name_that_could_not_be_read_is_not_written() {
        check("arn:aws:s3:::b/a\u{20ac}", "arn:aws:s3:::b/a?", Some(OUTSIDE_LATIN));
        let s3 = "arn:aws:s3:::b/a\u{fffd}b";
        let ecs = "arn:aws:ecs:eu-west-1:111122223333:task-definition/w\u{fffd}b:7";
        for resource in
            [s3, ecs, "arn:aws:ecs:eu-west-1:111122223333:task/main/0123456789abcdef0123456789abcde\u{fffd}"]
        {
            let fault = scope(resource).unwrap_err().to_string();
            assert!(fault.ends_with("could not be read, and stands in it as U+FFFD"), "{fault}");
            assert!(scope_for("ecs:ListTasks", resource).is_err() && scope_masked("s3:GetObject", resource).is_err());
        }
    }

    #[test]
    fn what_the_catalogue_leaves_open_stays_open() {
        let here = "eu-west-1:111122223333";
        for open in [
            format!("arn:aws:cloudformation:{here}:stack/web/*"),
            format!("arn:aws:autoscaling:{here}:launchConfiguration:*:launchConfigurationName/web"),
            format!("arn:aws:application-autoscaling:{here}:scalable-target/*"),
            format!("arn:aws:elasticbeanstalk:{here}:environment/*/web"),
        ] {
            check(&open, &open, None);
        }
        let group = format!("arn:aws:autoscaling:{here}:autoScalingGroup:*:autoScalingGroupName/");
        check(&format!("{group}*"), &format!("{group}${{*}}"), None);
    }

    #[test]
    fn a_strangers_text_stays_a_literal() {
        check("arn:aws:s3:::b/*", "arn:aws:s3:::b/${*}", None);
        check("arn:aws:s3:::b/?$x", "arn:aws:s3:::b/${?}${$}x", None);
        check("arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::b/${$}{aws:username}", None);
        check("arn:aws:s3:::b/ключ", "arn:aws:s3:::b/????", Some("characters-outside-latin-1"));
        check("arn:aws:ec2:eu-west-1:111122223333:instance/*", "arn:aws:ec2:eu-west-1:111122223333:instance/*", None);
        check("arn:aws:sqs:eu-west-1:111122223333:a*", "arn:aws:sqs:eu-west-1:111122223333:a${*}", None);
        check("*", "*", None);
    }

    #[test]
    fn a_wildcard_of_aws_stays_one() {
        for own in [
            "arn:aws:ecr:eu-west-1:111122223333:repository/*",
            "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/*",
            "arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:*:autoScalingGroupName/web",
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-??????",
            "arn:aws:amplify:eu-west-1:111122223333:apps/d1/branches/main/jobs/*",
        ] {
            check(own, own, None);
        }
        let group = "arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:*:autoScalingGroupName/";
        check(&format!("{group}a*b"), &format!("{group}a${{*}}b"), None);
    }

    #[test]
    fn a_lone_star_where_names_are_free_is_refused_unless_the_call_only_lists() {
        let alarm = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:*";
        assert!(scope(alarm).is_err());
        assert!(scope_for("cloudwatch:DeleteAlarms", alarm).is_err());
        assert_eq!(scope_for("cloudwatch:DescribeAlarms", alarm).unwrap().pattern, alarm);
        assert_eq!(
            scope_for("s3:ListMultipartUploadParts", "arn:aws:s3:::b/*").unwrap().pattern,
            "arn:aws:s3:::b/${*}"
        );
    }

    #[test]
    fn what_no_policy_can_hold_is_refused() {
        for bad in [
            "arn:aws:s3:::b/a\nb",
            "arn:aws:s3:::b/\u{1b}[0m",
            "role x",
            "",
            "arn:*:s3:::b",
            "arn:aws:s3:*::b",
            "arn:aws:s3::١:b",
        ] {
            assert!(scope(bad).is_err(), "{bad:?}");
        }
    }
}
