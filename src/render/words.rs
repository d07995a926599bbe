//! Findings in plain words: headline, who, which layer, how sure. Nothing is claimed that the evidence does not show.
//!
//! Every function that carries a stranger's text returns one line without unseen characters; the sink's own escape
//! (Slack, Markdown, …) is still to be applied.

use super::consequence::consequence;
use super::escape::terminal;
use crate::advice::{Advice, DeniedItem};
use crate::denial::{PolicyType, ReasonKind};
use crate::diagnosis::{Target, TargetKind};
use crate::patch::{Applicability, Patch};
use crate::principal::{Principal, PrincipalKind};
use crate::report::{Row, RuleState, Trend};
use crate::triage::{Severity, Verdict};

pub use crate::report::rank;

/// Slack's limit for a header, and a good length for any headline.
/// See <https://docs.slack.dev/reference/block-kit/blocks/header-block/>.
pub const HEADLINE_MAX: usize = 150;

/// The consequence in one sentence: ``Role app can't write to S3 bucket x``, or ``Role app needs glue:CreateTable``
/// where no consequence is known; at most [`HEADLINE_MAX`] UTF-16 units.
pub fn headline(advice: &Advice) -> String {
    let who = middle(&who(&advice.principal), 70);
    let action = lead(advice).and_then(|item| item.action.as_deref()).map(|action| middle(&terminal(action), 40));
    let named = action.as_deref().unwrap_or("a call whose permission is unknown");
    let text = match advice.verdict {
        Verdict::Probing => format!("Possible probing: {who} was refused {}", permissions(advice)),
        Verdict::Upheld => format!("{who} is denied {named} {}", by_layer(advice)),
        Verdict::Transient => format!("{who} was briefly refused {named}"),
        Verdict::Expected => format!("{who} was refused {named}, as expected"),
        Verdict::Unclear => format!("{who} was refused {named}"),
        Verdict::Owner | Verdict::Review | Verdict::Patch => blocked(advice, &who, action.as_deref()),
    };
    middle(&capital(&text), HEADLINE_MAX)
}

/// Who was refused what, once that is over: ``Role app was refused s3:PutObject (and 1 more)``; at most [`HEADLINE_MAX`]
/// UTF-16 units.
pub fn past(advice: &Advice) -> String {
    let who = middle(&who(&advice.principal), 70);
    let action = lead(advice).and_then(|item| item.action.as_deref()).map(|action| middle(&terminal(action), 40));
    let what = match action {
        Some(action) => format!("{action}{}", more(advice)),
        None => "a call whose permission is unknown".to_owned(),
    };
    middle(&capital(&format!("{who} was refused {what}")), HEADLINE_MAX)
}

/// Who lacks what, in at most `max` UTF-16 units: ``app needs s3:PutObject``; the form of subjects and notifications.
/// The name gives way first.
pub fn needs(advice: &Advice, max: usize) -> String {
    match advice.verdict {
        Verdict::Patch | Verdict::Review | Verdict::Owner => lacks(advice, "needs", max),
        Verdict::Probing | Verdict::Upheld | Verdict::Transient | Verdict::Expected | Verdict::Unclear => {
            lacks(advice, "was refused", max)
        }
    }
}

/// As [`needs`], of what is over: ``app was refused s3:PutObject``.
pub fn lacked(advice: &Advice, max: usize) -> String {
    lacks(advice, "was refused", max)
}

fn lacks(advice: &Advice, verb: &str, max: usize) -> String {
    let name = advice.principal.name.as_deref().map(terminal).unwrap_or_else(|| who(&advice.principal));
    let action = lead(advice).and_then(|item| item.action.as_deref()).map(terminal);
    let what = match (advice.verdict, action) {
        (Verdict::Probing, _) => permissions(advice),
        (_, Some(action)) => format!("{}{}", middle(&action, 48), more(advice)),
        (_, None) => "a call of unknown permission".to_owned(),
    };
    let rest = format!(" {verb} {what}");
    let name = middle(&name, max.saturating_sub(units(&rest)).max(12));
    middle(&format!("{name}{rest}"), max)
}

/// The item a headline speaks of: the most serious, then the most frequent.
pub fn lead(advice: &Advice) -> Option<&DeniedItem> {
    advice.denied.iter().min_by_key(|item| (item.verdict, std::cmp::Reverse(item.count)))
}

/// The principal with its kind: ``role app``, ``user ci``, ``the root user of 111122223333``.
pub fn who(principal: &Principal) -> String {
    who_with(principal, terminal)
}

/// As [`who`], with the name as `mark` writes it, such as in a code span; `mark` must make it harmless.
pub fn who_with(principal: &Principal, mark: impl Fn(&str) -> String) -> String {
    let name = principal.name.as_deref().or(principal.arn.as_deref()).map(&mark);
    let account = principal.account.as_deref().map(&mark);
    match (principal.kind, name, account) {
        (PrincipalKind::Root, _, Some(account)) => format!("the root user of {account}"),
        (PrincipalKind::Root, _, None) => "the root user".to_owned(),
        (PrincipalKind::Account, _, Some(account)) => format!("account {account}"),
        (PrincipalKind::Anonymous, _, _) => "an anonymous caller".to_owned(),
        (PrincipalKind::Unknown, None, _) => "an unknown caller".to_owned(),
        (kind, Some(name), _) => format!("{} {name}", kind_word(kind)),
        (kind, None, _) => format!("{} of unknown name", kind_word(kind)),
    }
}

/// What sort of principal.
pub fn kind_word(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Role => "role",
        PrincipalKind::User => "user",
        PrincipalKind::PermissionSet => "permission set",
        PrincipalKind::ServiceLinkedRole => "service-linked role",
        PrincipalKind::Root => "root user",
        PrincipalKind::Service => "service",
        PrincipalKind::Federated => "federated user",
        PrincipalKind::Account => "account",
        PrincipalKind::Anonymous => "anonymous caller",
        PrincipalKind::Unknown => "caller",
    }
}

/// A verdict as a person's next step.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Probing => "investigate, do not grant",
        Verdict::Owner => "the resource's owner must act",
        Verdict::Review => "patch for review",
        Verdict::Patch => "patch ready",
        Verdict::Unclear => "not enough known",
        Verdict::Upheld => "denied by design",
        Verdict::Transient => "passed by itself",
        Verdict::Expected => "expected",
    }
}

/// A finding's next step in a report: none where its calls were seen to work. Who tried what it should not stays in view.
pub fn next_step(row: &Row) -> &'static str {
    match (row.trend, row.verdict) {
        (Trend::Resolved, of) if of != Verdict::Probing => "seen to work",
        (_, of) => verdict(of),
    }
}

/// A verdict as the contract's one word.
pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Probing => "probing",
        Verdict::Owner => "owner",
        Verdict::Review => "review",
        Verdict::Patch => "patch",
        Verdict::Unclear => "unclear",
        Verdict::Upheld => "upheld",
        Verdict::Transient => "transient",
        Verdict::Expected => "expected",
    }
}

/// A severity in lower case.
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}

/// Whether a rule needs a look.
pub fn rule_state(state: RuleState) -> &'static str {
    match state {
        RuleState::Active => "in use",
        RuleState::Expiring => "ends soon",
        RuleState::Expired => "has ended: told again",
        RuleState::Stale => "muted nothing in 30 days: delete it?",
    }
}

/// How a finding stands against a period.
pub fn trend(trend: Trend) -> &'static str {
    match trend {
        Trend::New => "new",
        Trend::Recurring => "recurring",
        Trend::Quiet => "quiet",
        Trend::Resolved => "resolved",
        Trend::Undated => "undated",
    }
}

/// How far a patch may be trusted.
pub fn grade(applicability: Applicability) -> &'static str {
    match applicability {
        Applicability::Apply => "proven",
        Applicability::Review => "for review",
        Applicability::Explain => "no patch can help",
    }
}

/// The layer that refused, as AWS named it: ``no identity-based policy allows it``.
pub fn layer(kind: ReasonKind, layer: Option<PolicyType>) -> String {
    let Some(layer) = layer.map(policy_type) else {
        return match kind {
            ReasonKind::Implicit => "no policy allows it".to_owned(),
            ReasonKind::Explicit => "an explicit deny".to_owned(),
            ReasonKind::Unstated => "AWS does not say why".to_owned(),
        };
    };
    match kind {
        ReasonKind::Implicit => format!("no {layer} allows it"),
        ReasonKind::Explicit if layer.starts_with('i') => format!("an explicit deny in an {layer}"),
        ReasonKind::Explicit => format!("an explicit deny in a {layer}"),
        ReasonKind::Unstated => format!("the {layer}"),
    }
}

/// A layer's name in AWS's words.
pub fn policy_type(layer: PolicyType) -> &'static str {
    match layer {
        PolicyType::Identity => "identity-based policy",
        PolicyType::Resource => "resource-based policy",
        PolicyType::Trust => "trust policy",
        PolicyType::Boundary => "permissions boundary",
        PolicyType::Session => "session policy",
        PolicyType::Scp => "service control policy",
        PolicyType::Rcp => "resource control policy",
        PolicyType::VpcEndpoint => "VPC endpoint policy",
    }
}

/// Where a patch goes: ``policy of role app``, ``key policy of 7e0e…``, ``a service control policy``.
///
/// A boundary or a session policy that AWS did not name is told by the principal that it limits.
pub fn place(target: &Target, principal: &Principal) -> String {
    let is_policy = target.arn.as_deref().is_some_and(|arn| arn.contains(":policy/"));
    match target.kind {
        TargetKind::PermissionsBoundary if !is_policy => format!("permissions boundary of {}", who(principal)),
        TargetKind::SessionPolicy if !is_policy => format!("session policy of {}", who(principal)),
        _ => named(target),
    }
}

fn named(target: &Target) -> String {
    let name = target.name.as_deref().or(target.arn.as_deref()).map(terminal);
    let (before, alone) = match target.kind {
        TargetKind::RolePolicy => ("policy of role", "the role's policy"),
        TargetKind::UserPolicy => ("policy of user", "the user's policy"),
        TargetKind::PermissionSet => ("permission set", "the permission set"),
        TargetKind::ManagedPolicy => ("managed policy", "a managed policy"),
        TargetKind::GroupPolicy => ("policy of group", "the group's policy"),
        TargetKind::TrustPolicy => ("trust policy of role", "the role's trust policy"),
        TargetKind::PermissionsBoundary => ("permissions boundary", "the permissions boundary"),
        TargetKind::SessionPolicy => ("session policy of", "the session policy, where the session is made"),
        TargetKind::BucketPolicy => ("bucket policy of", "the bucket policy"),
        TargetKind::KeyPolicy => ("key policy of", "the key policy"),
        TargetKind::QueuePolicy => ("queue policy of", "the queue policy"),
        TargetKind::TopicPolicy => ("topic policy of", "the topic policy"),
        TargetKind::FunctionPolicy => ("function policy of", "the function policy"),
        TargetKind::SecretPolicy => ("secret policy of", "the secret policy"),
        TargetKind::RepositoryPolicy => ("repository policy of", "the repository policy"),
        TargetKind::ResourcePolicy => ("resource policy of", "the resource's policy"),
        TargetKind::VpcEndpointPolicy => ("VPC endpoint policy of", "the VPC endpoint policy"),
        TargetKind::Scp => ("service control policy", "a service control policy"),
        TargetKind::Rcp => ("resource control policy", "a resource control policy"),
    };
    name.map_or_else(|| alone.to_owned(), |name| format!("{before} {name}"))
}

/// What the whole policy of a patch replaces, where a statement in force is split.
pub fn instead_of(advice: &Advice) -> String {
    let statement = advice.diagnosis.evidence.iter().find(|line| line.starts_with("statement "));
    let split = statement.map(|line| format!(", whose statement is split: {}", terminal(line))).unwrap_or_default();
    format!("the whole policy, to put in place of the one in force{split}")
}

/// How to get the companions of a patch, as far as `--companions` writes them.
pub fn predicted(patch: &Patch) -> &'static str {
    let addable = patch.companions.iter().filter(|one| super::is_addable(patch, one)).count();
    match patch.companions.len() - addable {
        0 => "predicted, not in the patch; --companions adds it",
        _ if addable == 0 => "predicted, not in the patch",
        _ => "predicted, not in the patch; --companions adds what has a known resource",
    }
}

/// Shortened in the middle by `…` to at most `max` UTF-16 units; both ends of a name tell it apart.
///
/// ```
/// use denywatch::render::words::middle;
/// assert_eq!(middle("arn:aws:s3:::bucket/key", 11), "arn:a…t/key");
/// ```
pub fn middle(text: &str, max: usize) -> String {
    if units(text) <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub(1);
    let tail: String = take(text.chars().rev(), room / 2).chars().rev().collect();
    format!("{}…{tail}", take(text.chars(), room.div_ceil(2)))
}

/// Length as Slack, JavaScript and Java count it.
pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// `1 denial`, `2 denials`.
pub fn plural(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// `2,900`: thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn take(chars: impl Iterator<Item = char>, max: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.len_utf16();
            used <= max
        })
        .collect()
}

fn blocked(advice: &Advice, who: &str, action: Option<&str>) -> String {
    let item = lead(advice);
    let outcome = item.and_then(|item| consequence(item.action.as_deref()?, item.resource.as_deref()));
    match (outcome, action) {
        (Some(outcome), _) => format!("{who} can't {}{}", terminal(&outcome), more(advice)),
        (None, Some(action)) => format!("{who} needs {action}{}", more(advice)),
        (None, None) => format!("{who} was refused a call whose permission is unknown"),
    }
}

/// How many further permissions the finding holds.
fn more(advice: &Advice) -> String {
    match distinct_actions(advice).saturating_sub(1) {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    }
}

/// How many permissions the finding is about: `2 permissions`.
pub fn permissions(advice: &Advice) -> String {
    match distinct_actions(advice) {
        0 => "calls of unknown permission".to_owned(),
        n => plural(n, "permission"),
    }
}

fn distinct_actions(advice: &Advice) -> u64 {
    advice.denied.iter().filter_map(|item| item.action.as_deref()).collect::<std::collections::BTreeSet<_>>().len()
        as u64
}

fn by_layer(advice: &Advice) -> String {
    match lead(advice).map(|item| (item.reason.kind, item.reason.policy_type)) {
        Some((_, Some(layer @ PolicyType::Identity))) => format!("by an explicit deny in an {}", policy_type(layer)),
        Some((_, Some(layer))) => format!("by a {}", policy_type(layer)),
        Some((ReasonKind::Explicit, None)) => "by an explicit deny".to_owned(),
        Some((ReasonKind::Implicit | ReasonKind::Unstated, None)) | None => "by design".to_owned(),
    }
}

/// With a capital at the beginning.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[track_caller]
    fn check(advice: &Advice, expect_headline: &str, expect_needs: &str) {
        assert_eq!(headline(advice), expect_headline);
        assert_eq!(needs(advice, 90), expect_needs);
    }

    #[test]
    fn a_headline_says_no_more_than_is_known() {
        check(
            &sample::pipeline(),
            "Role shop-codepipeline-role-dev can't get a data key from KMS key 1234abc…7890ab",
            "shop-codepipeline-role-dev needs kms:GenerateDataKey",
        );
        check(
            &sample::upload(),
            "Role package-svc can't write to S3 bucket artifacts-prod (and 1 more)",
            "package-svc needs s3:PutObject (and 1 more)",
        );
        check(
            &sample::probing(),
            "Possible probing: user ci-legacy was refused 4 permissions",
            "ci-legacy was refused 4 permissions",
        );
        check(
            &sample::upheld(),
            "Permission set DeveloperAccess is denied ec2:RunInstances by a service control policy",
            "DeveloperAccess was refused ec2:RunInstances",
        );
    }

    #[test]
    fn without_a_known_consequence_the_permission_is_named() {
        let mut advice = sample::upload();
        advice.denied.truncate(1);
        advice.denied[0].resource = None;
        check(&advice, "Role package-svc needs s3:PutObject", "package-svc needs s3:PutObject");
        advice.denied[0].action = None;
        advice.verdict = Verdict::Unclear;
        check(
            &advice,
            "Role package-svc was refused a call whose permission is unknown",
            "package-svc was refused a call of unknown permission",
        );
    }

    #[track_caller]
    fn check_who(kind: PrincipalKind, name: Option<&str>, expect: &str) {
        let mut principal = sample::role("x");
        principal.kind = kind;
        principal.name = name.map(str::to_owned);
        principal.arn = None;
        assert_eq!(who(&principal), expect);
    }

    #[test]
    fn everyone_has_a_name() {
        check_who(PrincipalKind::Role, Some("app"), "role app");
        check_who(PrincipalKind::Role, None, "role of unknown name");
        check_who(PrincipalKind::Root, None, "the root user of 111122223333");
        check_who(PrincipalKind::Service, Some("config.amazonaws.com"), "service config.amazonaws.com");
        check_who(PrincipalKind::Account, None, "account 111122223333");
        check_who(PrincipalKind::Anonymous, None, "an anonymous caller");
        check_who(PrincipalKind::Unknown, None, "an unknown caller");
        check_who(PrincipalKind::User, Some("a\n\u{202e}b"), "user a\\n\\u{202e}b");
    }

    #[track_caller]
    fn check_middle(text: &str, max: usize, expect: &str) {
        assert_eq!(middle(text, max), expect);
    }

    #[test]
    fn shortening_never_splits_a_character() {
        check_middle("abc", 3, "abc");
        check_middle("abcd", 3, "a…d");
        check_middle("🦀🦀🦀🦀", 6, "🦀…🦀");
        check_middle("abc", 0, "…");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
