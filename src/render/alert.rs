//! The parts of an alert that Slack, e-mail and the terminal share: how often, where, which patch, what risk, what is
//! likely next, what was left out. Plain sentences; each sink escapes them.

use super::words::{self, plural};
use crate::advice::Advice;
use crate::catalog::Catalog;
pub use crate::delivery::Stage;
use crate::patch::{Applicability, Companion, Patch};
use crate::report::shown_patches;
use crate::triage::Verdict;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What the sender of an alert knows beside the finding; the default knows nothing and is always valid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertContext {
    /// Account id → the name people use for it.
    pub account_names: BTreeMap<String, String>,
    /// Who has to act; `None` when routing found nobody.
    pub owner: Option<Owner>,
    /// Why the message is sent.
    pub stage: Stage,
    /// A trial message (`notify test`): labelled as such.
    pub test: bool,
}

/// Who has to act on a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// Team or person.
    pub name: String,
    /// Slack id of a user (`U…`, `W…`) or user group (`S…`) to mention; anything else is not mentioned.
    pub slack_id: Option<String>,
    /// How the owner was found, such as `tag team=delivery`.
    pub because: String,
}

/// Names that the patch does not hold, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// The names as the events have them, sorted.
    pub what: Vec<String>,
    /// One clause about all of them.
    pub why: String,
}

/// What is said of a finding that is over.
pub const OVER: &str = "Resolved: allowed calls were observed since the last denial, and no denial.";

/// The first line of a message, which says why it is sent: `Role app can't …`, `Still open: …`, `Resolved: role app was
/// refused …`. A trial says so before all else.
pub fn title(advice: &Advice, shown: &AlertContext) -> String {
    let (before, text) = match shown.stage {
        Stage::New | Stage::Update => ("", words::headline(advice)),
        Stage::Reopened => ("Denied again: ", words::headline(advice)),
        Stage::Reminder => ("Still denied: ", words::headline(advice)),
        Stage::Resolved => ("Resolved: ", words::past(advice)),
    };
    let label = if shown.test { "TEST: " } else { "" };
    words::middle(&format!("{label}{before}{text}"), words::HEADLINE_MAX)
}

/// How pressing it is, why it is told, and what is to be done: nothing once it is over.
pub fn state(advice: &Advice, shown: &AlertContext) -> String {
    let (severity, stage) = (words::severity(advice.severity), shown.stage.word());
    match shown.stage {
        Stage::Resolved => format!("{severity} · {stage}"),
        Stage::New | Stage::Update | Stage::Reopened | Stage::Reminder => {
            format!("{severity} · {stage} · {}", words::verdict(advice.verdict))
        }
    }
}

/// `14 times` or `once`.
pub fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// `in 6 min (2026-11-11 10:02–10:08 UTC)`, `at 2026-11-11 10:02 UTC`; `None` when no event told a time.
pub fn when(first: Option<Timestamp>, last: Option<Timestamp>) -> Option<String> {
    let (first, last) = (first.or(last)?, last.or(first)?);
    let long = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
    if long(first) == long(last) {
        return Some(format!("at {} UTC", long(first)));
    }
    let same_day = first.strftime("%F").to_string() == last.strftime("%F").to_string();
    let end = if same_day { format!("–{}", last.strftime("%H:%M")) } else { format!(" – {}", long(last)) };
    Some(format!("in {} ({}{end} UTC)", lasting(last.as_second().saturating_sub(first.as_second())), long(first)))
}

/// Every Region of the finding's calls, sorted.
pub fn regions(advice: &Advice) -> Vec<&str> {
    let all: BTreeSet<&str> = advice.denied.iter().flat_map(|item| &item.regions).map(String::as_str).collect();
    all.into_iter().collect()
}

/// The patch to show: the surest that has a document. `None` where the verdict forbids one: a probing caller is never
/// helped, and what is denied by design stays denied.
pub fn patch(advice: &Advice) -> Option<&Patch> {
    shown_patches(advice).min_by_key(|patch| patch.applicability)
}

/// Why no patch is shown, and what to do; goes behind `No patch: `.
pub fn instead(advice: &Advice) -> &'static str {
    instead_of(advice.verdict)
}

/// See [`instead`].
pub fn instead_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Probing => "this looks like probing. Find out who holds the credentials; grant nothing.",
        Verdict::Upheld => "a guardrail denies this by design. Ask its owner if the work is legitimate.",
        Verdict::Transient => "the same call succeeded soon after.",
        Verdict::Expected => "a rule says that this denial is expected.",
        Verdict::Unclear => "too little is known to say which policy would help.",
        Verdict::Owner => "the policy's owner must decide; too little is told here to write the statement.",
        Verdict::Review | Verdict::Patch => "a person must decide; no Allow beside what is there is known to be right.",
    }
}

/// What the patch gives away, in one line. `low` only for a patch proven to allow the recorded denials and nothing else.
pub fn risk(patch: &Patch) -> String {
    let size = size(patch);
    let beyond = patch.proof.as_ref().map_or(0, |proof| proof.beyond.len());
    match (patch.applicability, beyond) {
        (Applicability::Apply, 0) => format!("low: {size}, nothing beyond the recorded denials"),
        (_, 0) => format!("to be judged by a person: {size}"),
        (_, n) => format!("to be judged by a person: {size}, {} beyond the recorded denials", plural(n as u64, "form")),
    }
}

/// What replaying the denials showed; `None` when nothing was replayed.
pub fn proof(patch: &Patch) -> Option<String> {
    let proof = patch.proof.as_ref()?;
    if proof.before == "allowed" {
        return Some("none: the replay allows the call without the patch too".to_owned());
    }
    let basis = if proof.basis == "policies" { "the policies in force" } else { "AWS's message only" };
    let minimal = if proof.minimal { "minimal" } else { "not shown to be minimal" };
    let beyond = if proof.beyond.is_empty() {
        "nothing beyond".to_owned()
    } else {
        format!("beyond the denials: {}", proof.beyond.join(", "))
    };
    Some(format!("{} → {} with the patch, {minimal}, {beyond} (judged on {basis})", proof.before, proof.after))
}

/// `kms:Decrypt on the same resource: later stages read it`. A prediction, never part of the patch.
pub fn companion(advice: &Advice, companion: &Companion) -> String {
    format!("{}: {}", companion_with(advice, companion, str::to_owned), companion.why)
}

/// As [`companion`], with actions and resources as `mark` writes them and without the reason.
pub fn companion_with(advice: &Advice, companion: &Companion, mark: impl Fn(&str) -> String) -> String {
    let place = if is_same(advice, companion) {
        " on the same resource".to_owned()
    } else if companion.resources.is_empty() {
        String::new()
    } else {
        format!(" on {}", mark(&companion.resources.join(", ")))
    };
    format!("{}{place}", mark(&companion.actions.join(", ")))
}

fn is_same(advice: &Advice, companion: &Companion) -> bool {
    let denied: Vec<&str> = advice.denied.iter().filter_map(|item| item.resource.as_deref()).collect();
    !companion.resources.is_empty() && companion.resources.iter().all(|one| denied.contains(&one.as_str()))
}

/// Names in the events that no policy may hold: API operations whose permission is called otherwise.
pub fn left_out(advice: &Advice) -> Vec<LeftOut> {
    let mut out: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for item in &advice.denied {
        let Some(action) = item.action.as_deref() else { continue };
        let names = item.operations.iter().map(String::as_str).filter(|name| is_no_action(name, action));
        out.entry(action).or_default().extend(names);
    }
    out.retain(|_, names| !names.is_empty());
    out.into_iter().map(|(action, names)| names_left_out(action, &names)).collect()
}

/// Whether the catalogue, which knows the service, has no such action. `action` is what the call needed.
fn is_no_action(operation: &str, action: &str) -> bool {
    let catalog = Catalog::embedded();
    let prefix = |name: &str| name.split_once(':').map(|(prefix, _)| prefix.to_owned());
    prefix(operation) == prefix(action) && catalog.action(action).is_some() && catalog.action(operation).is_none()
}

fn names_left_out(action: &str, names: &BTreeSet<&str>) -> LeftOut {
    let what = names.iter().map(|name| (*name).to_owned()).collect();
    let subject =
        if names.len() == 1 { "an API operation, not an IAM action" } else { "API operations, not IAM actions" };
    LeftOut { what, why: format!("{subject}; the permission is {action}") }
}

/// `1 action on 1 resource, only if kms:ViaService is s3…`, counted in the document.
fn size(patch: &Patch) -> String {
    let document = patch.document.as_ref().and_then(|document| serde_json::to_value(document).ok()).unwrap_or_default();
    let statements = super::snippet::statements(&document);
    let count = |member: &str| -> usize {
        let all: BTreeSet<&str> = statements.iter().flat_map(|one| strings(&one[member])).collect();
        all.len()
    };
    let open = statements.iter().any(|one| one["Condition"].is_null());
    let keys: BTreeSet<String> = statements.iter().flat_map(|one| conditions(&one["Condition"])).collect();
    let only = if open || keys.is_empty() {
        String::new()
    } else {
        format!(", only if {}", keys.into_iter().collect::<Vec<_>>().join(" and "))
    };
    format!("{} on {}{only}", plural(count("Action") as u64, "action"), plural(count("Resource") as u64, "resource"))
}

fn strings(value: &serde_json::Value) -> Vec<&str> {
    match value {
        serde_json::Value::Array(list) => list.iter().filter_map(serde_json::Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

pub(super) fn conditions(value: &serde_json::Value) -> Vec<String> {
    let operators = value.as_object().into_iter().flatten();
    let keys =
        operators.flat_map(|(operator, keys)| keys.as_object().into_iter().flatten().map(move |one| (operator, one)));
    keys.map(|(operator, (key, values))| format!("{key} {} {}", relation(operator), strings(values).join(" or ")))
        .collect()
}

fn relation(operator: &str) -> &str {
    match operator {
        "StringEquals" | "ArnEquals" | "Bool" | "NumericEquals" => "is",
        "StringLike" | "ArnLike" => "is like",
        other => other,
    }
}

fn lasting(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[track_caller]
    fn check_when(first: &str, last: &str, expect: Option<&str>) {
        assert_eq!(when(first.parse().ok(), last.parse().ok()).as_deref(), expect);
    }

    #[test]
    fn a_time_span_is_short_and_whole() {
        check_when("2026-11-11T10:02:14Z", "2026-11-11T10:08:31Z", Some("in 6 min (2026-11-11 10:02–10:08 UTC)"));
        check_when("2026-11-11T10:02:14Z", "2026-11-11T10:02:31Z", Some("at 2026-11-11 10:02 UTC"));
        check_when(
            "2026-11-09T10:00:00Z",
            "2026-11-11T10:00:00Z",
            Some("in 2 days (2026-11-09 10:00 – 2026-11-11 10:00 UTC)"),
        );
        check_when("", "2026-11-11T10:02:31Z", Some("at 2026-11-11 10:02 UTC"));
        check_when("", "", None);
    }

    #[test]
    fn a_title_says_why_it_is_told() {
        let check = |stage: Stage, expect: &str| {
            let shown = AlertContext { stage, ..AlertContext::default() };
            let told = title(&sample::upload(), &shown);
            assert!(told.starts_with(expect), "{told}");
            assert_eq!(state(&sample::upload(), &shown).contains("patch ready"), stage != Stage::Resolved);
        };
        check(Stage::New, "Role package-svc can't write to");
        check(Stage::Reopened, "Denied again: Role package-svc can't write to");
        check(Stage::Reminder, "Still denied: Role package-svc can't write to");
        check(Stage::Resolved, "Resolved: Role package-svc was refused s3:PutObject (and 1 more)");
        let trial = AlertContext { test: true, ..AlertContext::default() };
        assert!(title(&sample::upload(), &trial).starts_with("TEST: Role package-svc"));
    }

    #[test]
    fn no_patch_where_the_verdict_forbids_one() {
        for verdict in [Verdict::Probing, Verdict::Upheld, Verdict::Transient, Verdict::Expected] {
            let mut advice = sample::pipeline();
            advice.verdict = verdict;
            assert_eq!(patch(&advice), None, "{verdict:?}");
        }
        assert!(patch(&sample::pipeline()).is_some());
    }

    #[test]
    fn the_surest_patch_is_shown() {
        let mut advice = sample::pipeline();
        let mut review = advice.patches[0].clone();
        review.applicability = Applicability::Review;
        advice.patches.insert(0, review);
        assert_eq!(patch(&advice).map(|one| one.applicability), Some(Applicability::Apply));
    }

    #[test]
    fn low_risk_is_said_only_of_proven_patches() {
        let mut patch = sample::pipeline().patches.remove(0);
        assert_eq!(
            risk(&patch),
            "low: 1 action on 1 resource, only if kms:ViaService is s3.us-east-2.amazonaws.com, nothing beyond the recorded denials"
        );
        patch.applicability = Applicability::Review;
        assert!(risk(&patch).starts_with("to be judged"));
    }

    #[test]
    fn operations_that_are_no_actions_are_told() {
        let out = left_out(&sample::upload());
        assert_eq!(out[0].what, ["s3:CompleteMultipartUpload", "s3:CreateMultipartUpload"]);
        assert_eq!(out[0].why, "API operations, not IAM actions; the permission is s3:PutObject");
        assert_eq!(left_out(&sample::pipeline()), []);
    }

    #[track_caller]
    fn check_no_action(operation: &str, action: &str, expect: bool) {
        assert_eq!(is_no_action(operation, action), expect);
    }

    #[test]
    fn a_name_is_left_out_only_where_the_catalogue_knows_the_service() {
        check_no_action("s3:CreateMultipartUpload", "s3:PutObject", true);
        check_no_action("s3:PutObject", "s3:PutObject", false);
        check_no_action("s3:GetObject", "s3:PutObject", false);
        check_no_action("s3:PutObject", "kms:GenerateDataKey", false);
        check_no_action("nosuch:Call", "nosuch:Thing", false);
        check_no_action("<!here>", "s3:PutObject", false);
    }

    #[test]
    fn a_companion_says_where_and_why() {
        let advice = sample::pipeline();
        let text = companion(&advice, &advice.patches[0].companions[0]);
        assert_eq!(text, "kms:Decrypt on the same resource: later stages read the encrypted artifacts");
    }
}
