//! Laws of the whole line: what may stand in an answer, and what must stand behind a patch.

use denywatch::advice::{Advice, DeniedItem};
use denywatch::app::{Outcome, World, explain};
use denywatch::catalog::Catalog;
use denywatch::denial::{Given, PolicyType, Reason, ReasonKind, Special};
use denywatch::diagnosis::{InForce, TargetKind};
use denywatch::patch::{Applicability, Patch};
use denywatch::policy::pattern::matches_arn;
use denywatch::policy::{
    Actions, ContextValue, Document, Effect, Policies, PrincipalSet, Principals, Request, Resources, Statement,
    evaluate,
};
use denywatch::principal::PrincipalKind;
use denywatch::render::{self, Format, PatchContext, RenderError};
use denywatch::triage::Verdict;
use serde_json::Value;
use std::collections::BTreeMap;

/// Explains bytes without any policy given, and holds the answer against all laws.
pub fn explained(bytes: &[u8]) -> Outcome {
    let outcome = explain(bytes, "x", &Given::default(), &World::new(InForce::default()));
    holds(&outcome);
    outcome
}

/// Explains denials of the entities in authorization details that a stranger wrote.
pub fn in_force(details: &str) {
    let Ok(value) = serde_json::from_str::<Value>(details) else { return };
    let mut in_force = InForce::default();
    let problems = in_force.add_authorization_details("x", &value);
    assert!(problems.iter().all(|problem| !problem.error.is_empty()));
    let world = World::new(in_force);
    let mut callers = vec!["role/app".to_owned(), "user/ann".to_owned()];
    for (list, key, kind) in [("RoleDetailList", "RoleName", "role"), ("UserDetailList", "UserName", "user")] {
        let entities = value.get(list).and_then(Value::as_array).into_iter().flatten();
        callers.extend(entities.filter_map(|entity| Some(format!("{kind}/{}", entity.get(key)?.as_str()?))));
    }
    for caller in callers.iter().take(4) {
        for (action, resource) in
            [("s3:GetObject", "arn:aws:s3:::b/k"), ("iam:PassRole", "arn:aws:iam::111122223333:role/x")]
        {
            let message = format!(
                "User: arn:aws:iam::111122223333:{caller} is not authorized to perform: {action} on resource: {resource} \
                 because no identity-based policy allows the {action} action"
            );
            let outcome = explain(message.as_bytes(), "x", &Given::default(), &world);
            for (advice, patch) in patches(&outcome) {
                graded(advice, patch);
                patch.document.iter().for_each(grants);
            }
        }
    }
}

/// Every law of an answer.
pub fn holds(outcome: &Outcome) {
    let text = serde_json::to_string(outcome).unwrap();
    assert!(serde_json::from_str::<Value>(&text).is_ok());
    for (advice, patch) in patches(outcome) {
        graded(advice, patch);
        match &patch.document {
            Some(document) => {
                grants(document);
                latin(&serde_json::to_value(document).unwrap());
                stems_from_items(advice, document);
                exact(advice, patch, document);
            }
            None => assert_eq!(patch.applicability, Applicability::Explain),
        }
        rendered(patch);
    }
    for advice in &outcome.findings {
        served(advice);
    }
}

fn patches(outcome: &Outcome) -> impl Iterator<Item = (&Advice, &Patch)> {
    outcome.findings.iter().flat_map(|advice| advice.patches.iter().map(move |patch| (advice, patch)))
}

/// Only Allow, only actions that exist, by their own names; nobody at large is named.
fn grants(document: &Document) {
    assert!(!document.statements.is_empty(), "an empty document");
    let text = serde_json::to_string(document).unwrap();
    assert_eq!(Document::parse(&text).as_ref(), Ok(document), "a document is not read back: {text}");
    for statement in &document.statements {
        assert_eq!(statement.effect, Effect::Allow, "{text}");
        let Actions::Action(actions) = &statement.actions else { unreachable!("NotAction: {text}") };
        assert!(!actions.as_slice().is_empty(), "{text}");
        for action in actions {
            let known = Catalog::embedded().action(action).map(|known| known.canonical());
            assert_eq!(known.as_ref(), Some(action), "{text}");
            assert!(!action.contains(['*', '?']), "{text}");
        }
        assert!(!matches!(statement.resources, Resources::NotResource(_)), "{text}");
        let named = principals(statement).to_string();
        // A gateway endpoint's policy takes no principal but `*`; the condition then names exactly one.
        // https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
        let one = statement.conditions.get("ArnEquals").and_then(|keys| keys.get("aws:PrincipalArn"));
        let one = one.is_some_and(|arns| arns.iter().all(|arn| !arn.text().contains(['*', '?', '$'])));
        assert!(!named.contains(['*', '?', '$']) || named == "\"*\"" && one, "{text}");
    }
}

fn principals(statement: &Statement) -> Value {
    match &statement.principals {
        Principals::Absent => Value::Null,
        Principals::Principal(set) | Principals::NotPrincipal(set) => serde_json::to_value(set).unwrap(),
    }
}

/// A policy holds U+0020 to U+00FF, and we write no control character.
fn latin(value: &Value) {
    match value {
        Value::String(text) => {
            assert!(text.chars().all(|letter| matches!(letter, '\u{20}'..='\u{FF}')), "{text:?}");
        }
        Value::Array(items) => items.iter().for_each(latin),
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            latin(&Value::from(key.as_str()));
            latin(value);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `apply` stands on AWS's own word for the caller's own policy, proven, with nothing against it.
fn graded(advice: &Advice, patch: &Patch) {
    if patch.applicability != Applicability::Apply {
        return;
    }
    assert!(matches!(patch.target.kind, TargetKind::RolePolicy | TargetKind::UserPolicy), "{patch:?}");
    assert!(patch.doubts.is_empty() && patch.widened.is_empty(), "{patch:?}");
    let proof = patch.proof.as_ref().unwrap();
    assert_eq!((proof.before.as_str(), proof.after.as_str()), ("denied", "allowed"));
    assert!(proof.minimal && proof.beyond.is_empty(), "{proof:?}");
    let named =
        |item: &DeniedItem| item.verdict != Verdict::Patch || item.reason.policy_type == Some(PolicyType::Identity);
    assert!(advice.denied.iter().all(named), "applied without AWS naming the layer: {advice:?}");
}

/// Whether no Allow may ever be handed out for such a refusal.
pub fn upheld(reason: &Reason) -> bool {
    let layer = matches!(reason.policy_type, Some(PolicyType::Scp | PolicyType::Rcp));
    let special = match reason.special {
        Some(
            Special::ResourceSetting
            | Special::AccountSetting
            | Special::CallDesign
            | Special::Mfa
            | Special::LakeFormation
            | Special::IdentityCenter,
        ) => true,
        Some(
            Special::KmsOpaque
            | Special::CrossAccountOpaque
            | Special::Bare
            | Special::Ec2Opaque
            | Special::TrustFederation,
        )
        | None => false,
    };
    reason.kind == ReasonKind::Explicit || layer || special
}

/// Each granted action was refused, for a reason that an Allow can mend, and not while looking around.
fn stems_from_items(advice: &Advice, document: &Document) {
    assert_ne!(advice.verdict, Verdict::Probing, "{advice:?}");
    for action in document.statements.iter().flat_map(actions) {
        let mendable = |item: &DeniedItem| {
            let verdict = matches!(item.verdict, Verdict::Patch | Verdict::Review | Verdict::Owner);
            item.action.as_deref() == Some(action) && verdict && !upheld(&item.reason)
        };
        assert!(advice.denied.iter().any(mendable), "{action} was never refused so: {advice:?}");
    }
}

fn actions(statement: &Statement) -> Vec<&str> {
    match &statement.actions {
        Actions::Action(list) | Actions::NotAction(list) => list.iter().map(String::as_str).collect(),
    }
}

/// A call with its resource's last character changed stays refused, unless the patch tells that it is wider.
fn exact(advice: &Advice, patch: &Patch, document: &Document) {
    // Such a policy hangs on the one resource that was asked for, and calls it `*` or does not name it.
    if matches!(
        patch.target.kind,
        TargetKind::KeyPolicy | TargetKind::SecretPolicy | TargetKind::RepositoryPolicy | TargetKind::TrustPolicy
    ) {
        return;
    }
    let asked: Vec<&str> = advice.denied.iter().filter_map(|item| item.resource.as_deref()).collect();
    for item in &advice.denied {
        let (Some(action), Some(resource)) = (&item.action, &item.resource) else { continue };
        let near = neighbour(resource);
        // Of what AWS printed as a wildcard for the same action, the neighbours of another name may be part.
        let same = advice.denied.iter().filter(|other| other.action == item.action);
        let mut printed = same.filter_map(|other| other.resource.as_deref());
        let is_printed = printed.any(|other| is_aws_wildcard(patch, other) && matches_arn(other, &near));
        let told = patch.widened.iter().any(|wide| matches_arn(&wide.to, &near))
            || is_aws_wildcard(patch, resource)
            || is_printed;
        if resource != "*" && !told && !asked.contains(&near.as_str()) {
            let allowed = allows(advice, patch, document, action, &near);
            assert!(!allowed, "{action} on {near:?} beside {resource:?}: {patch:?}");
        }
    }
}

/// `instance/*` as AWS itself prints it, never of services whose callers choose names freely; told, and never applied.
fn is_aws_wildcard(patch: &Patch, resource: &str) -> bool {
    let free = ["s3", "s3express", "s3-object-lambda", "execute-api", "iot", "cognito-identity", "apigateway"];
    let service = resource.split(':').nth(2).unwrap_or_default();
    let told = patch.doubts.iter().any(|doubt| doubt.contains("is a wildcard: AWS names no single resource"));
    let whole =
        resource.split([':', '/']).any(|part| part == "*") && !resource.trim_start_matches("arn:").contains("arn:");
    whole && !free.contains(&service) && told && patch.applicability == Applicability::Review
}

/// What the verdict promises a patch for, a patch allows; who looks around is handed nothing.
fn served(advice: &Advice) {
    if advice.verdict == Verdict::Probing {
        assert!(advice.patches.is_empty(), "{advice:?}");
        return;
    }
    for item in advice.denied.iter().filter(|item| matches!(item.verdict, Verdict::Patch | Verdict::Review)) {
        let (Some(action), Some(resource)) = (&item.action, &item.resource) else { continue };
        let fits = |patch: &&Patch| item.verdict != Verdict::Patch || patch.applicability == Applicability::Apply;
        let allowed = |patch: &Patch| {
            patch.document.as_ref().is_some_and(|document| allows(advice, patch, document, action, resource))
        };
        assert!(
            advice.patches.iter().filter(fits).any(allowed),
            "{action} on {resource:?} is still refused: {advice:?}"
        );
    }
}

fn neighbour(resource: &str) -> String {
    let mut letters: Vec<char> = resource.chars().collect();
    let last = letters.pop();
    letters.push(if last == Some('x') { 'y' } else { 'x' });
    letters.into_iter().collect()
}

/// Whether the document in its place lets the finding's principal through, all other layers willing.
fn allows(advice: &Advice, patch: &Patch, document: &Document, action: &str, resource: &str) -> bool {
    let own = advice.principal.account.clone().unwrap_or_else(|| "000000000000".to_owned());
    let unknown = || format!("arn:aws:iam::{own}:role/unknown");
    let host = advice.principal.name.clone().filter(|_| advice.principal.kind == PrincipalKind::Service);
    let request = Request {
        principal: advice.principal.arn.clone().or(host).unwrap_or_else(unknown),
        action: action.to_owned(),
        resource: resource.to_owned(),
        resource_account: None,
        context: context(document),
    };
    let everything = || vec![Document::new(vec![Statement::allow(["*"], ["*"])])];
    let partition = request.principal.split(':').nth(1).unwrap_or("aws").to_owned();
    let root = PrincipalSet::aws([format!("arn:{partition}:iam::{own}:root")]);
    let delegating = Some(Document::new(vec![Statement::allow(["*"], ["*"]).with_principal(root)]));
    let policies = match patch.target.kind {
        TargetKind::RolePolicy
        | TargetKind::UserPolicy
        | TargetKind::GroupPolicy
        | TargetKind::ManagedPolicy
        | TargetKind::PermissionSet => {
            Policies { identity: vec![document.clone()], resource: delegating, ..Policies::default() }
        }
        TargetKind::PermissionsBoundary => Policies {
            identity: everything(),
            boundary: vec![document.clone()],
            resource: delegating,
            ..Policies::default()
        },
        TargetKind::SessionPolicy => Policies {
            identity: everything(),
            session: vec![document.clone()],
            resource: delegating,
            ..Policies::default()
        },
        TargetKind::VpcEndpointPolicy => Policies {
            identity: everything(),
            vpc_endpoint: Some(document.clone()),
            resource: delegating,
            ..Policies::default()
        },
        _ => Policies { resource: Some(document.clone()), ..Policies::default() },
    };
    evaluate(&policies, &request).allowed
}

/// The document's own conditions, met.
fn context(document: &Document) -> BTreeMap<String, ContextValue> {
    let mut context = BTreeMap::new();
    for (key, values) in document.statements.iter().flat_map(|statement| statement.conditions.values().flatten()) {
        let first = values.iter().next().map(|value| value.text().into_owned());
        context.insert(key.clone(), ContextValue::Many(first.into_iter().collect()));
    }
    context
}

/// A format writes a patch or says why not; what it wrote it has read back and found the same.
fn rendered(patch: &Patch) {
    for format in [Format::Json, Format::Hcl, Format::CfnJson, Format::Cli] {
        let text = render::patch(patch, &PatchContext::default(), format);
        assert!(!matches!(text, Err(RenderError::Unfaithful { .. })), "{format}: {text:?}");
        assert!(text.is_err() || patch.document.is_some());
    }
}
