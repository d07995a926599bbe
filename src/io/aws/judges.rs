//! AWS's own checks of a patch: Access Analyzer's ValidatePolicy and CheckNoNewAccess, and IAM's SimulatePrincipalPolicy.
//!
//! They keep and change nothing. What they say stands beside our verdict; where one cannot be asked, it is told why.

use super::ask::IAM;
use super::signed::{CallError, Service, Signed};
use crate::diagnosis::TargetKind;
use crate::policy::{Document, Request, Statement};
use crate::verify::Asked;
use serde_json::{Value, json};

const ACCESS_ANALYZER: Service = Service::rest("access-analyzer", "AccessAnalyzer");
/// Recorded calls that the simulator is asked about.
const CALLS: usize = 10;

/// One document, and what AWS needs to judge it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// The statements to add.
    pub document: &'q Document,
    /// Exactly the recorded calls.
    pub exact: &'q Document,
    /// The policies in force in the same layer; empty where none were given.
    pub in_force: &'q [&'q Document],
    /// The policy that it is for.
    pub kind: TargetKind,
    /// The principal's whole ARN, path included; `None` where it is not known.
    pub principal: Option<&'q str>,
    /// The recorded calls.
    pub recorded: &'q [Request],
}

/// Asks all three; `check` is the document's place among the checks.
pub async fn ask(signed: &Signed, check: usize, question: Question<'_>) -> Vec<Asked> {
    let answers = [
        ("accessanalyzer:ValidatePolicy", validate(signed, question).await),
        ("accessanalyzer:CheckNoNewAccess", no_new_access(signed, question).await),
        ("iam:SimulatePrincipalPolicy", simulate(signed, question).await),
    ];
    let told = |(operation, answer): (&str, Result<Said, NotAsked>)| {
        let (verdict, says, not_asked) = match answer {
            Ok(Said { verdict, says }) => (Some(verdict), says, None),
            Err(NotAsked(why)) => (None, Vec::new(), Some(why)),
        };
        Asked { check, operation: operation.to_owned(), verdict, says, not_asked }
    };
    answers.into_iter().map(told).collect()
}

struct Said {
    verdict: String,
    says: Vec<String>,
}

/// Why a check gave no answer, in words.
struct NotAsked(String);

impl From<CallError> for NotAsked {
    fn from(fault: CallError) -> Self {
        Self(fault.to_string())
    }
}

fn not_understood(operation: &str) -> NotAsked {
    NotAsked(format!("the answer of `{operation}` is not understood"))
}

/// See <https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ValidatePolicy.html>.
async fn validate(signed: &Signed, question: Question<'_>) -> Result<Said, NotAsked> {
    let kind = policy_type(question.kind).ok_or_else(|| NotAsked("it takes no policies of this kind".to_owned()))?;
    let input = json!({"policyDocument": text(question.document), "policyType": kind});
    let answer = signed.post(ACCESS_ANALYZER, "ValidatePolicy", None, "policy/validation", &input).await?;
    let findings = answer["findings"].as_array().ok_or_else(|| not_understood("ValidatePolicy"))?;
    let line = |finding: &Value| {
        let word = |key: &str| finding[key].as_str().unwrap_or("?").to_owned();
        format!("{} {}: {}", word("findingType"), word("issueCode"), word("findingDetails"))
    };
    let verdict = if findings.is_empty() { "no findings".to_owned() } else { format!("{} findings", findings.len()) };
    Ok(Said { verdict, says: findings.iter().map(line).collect() })
}

/// Whether the document allows more than the recorded calls, beside what the policies in force allow.
/// See <https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_CheckNoNewAccess.html>.
async fn no_new_access(signed: &Signed, question: Question<'_>) -> Result<Said, NotAsked> {
    let kind = policy_type(question.kind).filter(|kind| *kind != "SERVICE_CONTROL_POLICY");
    let kind = kind.ok_or_else(|| NotAsked("it takes no policies of this kind".to_owned()))?;
    let with = |document: &Document| text(&joined(question.in_force, document));
    let input = json!({
        "policyType": kind,
        "existingPolicyDocument": with(question.exact),
        "newPolicyDocument": with(question.document),
    });
    let answer = signed.post(ACCESS_ANALYZER, "CheckNoNewAccess", None, "policy/check-no-new-access", &input).await?;
    let verdict = answer["result"].as_str().ok_or_else(|| not_understood("CheckNoNewAccess"))?.to_owned();
    let reasons = answer["reasons"].as_array().into_iter().flatten();
    let lines = reasons.filter_map(|reason| reason["description"].as_str());
    Ok(Said { verdict, says: answer["message"].as_str().into_iter().chain(lines).map(str::to_owned).collect() })
}

/// The recorded calls on the principal's own policies and the patch; resource policies are left aside.
/// See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>.
async fn simulate(signed: &Signed, question: Question<'_>) -> Result<Said, NotAsked> {
    if policy_type(question.kind) != Some("IDENTITY_POLICY") {
        return Err(NotAsked("it judges a principal's own policies only".to_owned()));
    }
    let principal = question.principal.ok_or_else(|| NotAsked("the principal's whole ARN is not known".to_owned()))?;
    let document = text(question.document);
    let (mut says, mut all) = (Vec::new(), true);
    for request in question.recorded.iter().take(CALLS) {
        let fields = fields(principal, &document, request);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let answer = signed.query(IAM, "SimulatePrincipalPolicy", None, &fields).await?;
        let decision = answer.pointer("/EvaluationResults/0/EvalDecision").and_then(Value::as_str);
        let decision = decision.ok_or_else(|| not_understood("SimulatePrincipalPolicy"))?;
        all &= decision == "allowed";
        says.push(format!("{decision}: {} on {}", request.action, request.resource));
    }
    match question.recorded.len().checked_sub(CALLS) {
        Some(more) if more > 0 => says.push(format!("{more} more calls were not asked about")),
        _ => {}
    }
    Ok(Said { verdict: if all { "allowed" } else { "denied" }.to_owned(), says })
}

/// The form's fields of one recorded call.
fn fields(principal: &str, document: &str, request: &Request) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = [
        ("PolicySourceArn", principal),
        ("PolicyInputList.member.1", document),
        ("ActionNames.member.1", &request.action),
        ("ResourceArns.member.1", &request.resource),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    for (at, (key, values)) in request.context.iter().enumerate() {
        let entry = format!("ContextEntries.member.{}", at + 1);
        let kind = if values.values().len() == 1 { "string" } else { "stringList" };
        fields.push((format!("{entry}.ContextKeyName"), key.clone()));
        fields.push((format!("{entry}.ContextKeyType"), kind.to_owned()));
        let numbered = values.values().iter().enumerate();
        fields.extend(numbered.map(|(n, v)| (format!("{entry}.ContextKeyValues.member.{}", n + 1), v.clone())));
    }
    fields
}

/// The policies in force and one more document, as one.
fn joined(in_force: &[&Document], more: &Document) -> Document {
    let nameless = |statement: &Statement| Statement { sid: None, ..statement.clone() };
    let all = in_force.iter().copied().chain([more]).flat_map(|document| &document.statements);
    Document::new(all.map(nameless).collect())
}

fn text(document: &Document) -> String {
    serde_json::to_string(document).unwrap_or_default()
}

/// Access Analyzer's word for the kind of policy; `None` for one that it does not take.
fn policy_type(kind: TargetKind) -> Option<&'static str> {
    match kind {
        TargetKind::RolePolicy
        | TargetKind::UserPolicy
        | TargetKind::GroupPolicy
        | TargetKind::ManagedPolicy
        | TargetKind::PermissionSet
        | TargetKind::PermissionsBoundary
        | TargetKind::SessionPolicy => Some("IDENTITY_POLICY"),
        TargetKind::TrustPolicy
        | TargetKind::BucketPolicy
        | TargetKind::KeyPolicy
        | TargetKind::QueuePolicy
        | TargetKind::TopicPolicy
        | TargetKind::FunctionPolicy
        | TargetKind::SecretPolicy
        | TargetKind::RepositoryPolicy
        | TargetKind::ResourcePolicy
        | TargetKind::VpcEndpointPolicy => Some("RESOURCE_POLICY"),
        TargetKind::Scp => Some("SERVICE_CONTROL_POLICY"),
        TargetKind::Rcp => None,
    }
}

#[cfg(test)]
#[path = "judges_tests.rs"]
mod tests;
