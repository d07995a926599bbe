//! Patch → Applicability: replays the denials before and after, and only then calls a patch ready to apply.
//!
//! The evaluator is asked four things: was each recorded call denied without the patch, is it allowed with it, does every
//! part of the patch matter, and what else does it allow. What stands behind the answer is said in `basis`: the policies
//! in force where they were given, else AWS's own words about the one layer that refused.

use crate::catalog::Catalog;
use crate::diagnosis::{Held, Target, TargetKind, crosses_accounts};
use crate::finding::Finding;
use crate::patch::scope::Scoped;
use crate::patch::{Applicability, Companion, Draft, Grant, Grounds, Judged, Look, Named, Patch, Proof, look, needed};
use crate::policy::{
    Actions, ContextValue, Document, OneOrMany, Policies, PrincipalSet, Request, Resources, Statement, evaluate, size,
};
use crate::principal::Principal;

/// Replays, weighs and grades a draft; what does not pass the last look is explained without its document.
pub fn verify(mut draft: Draft<'_>, finding: &Finding, held: Option<&Held>, catalog: &Catalog) -> Patch {
    let Some(document) = draft.document.clone() else { return explained(draft) };
    let Look { faults, doubts } = looked_at(&draft, &document, catalog);
    draft.doubts.extend(doubts);
    if !faults.is_empty() {
        draft.doubts.extend(faults.into_iter().map(|fault| format!("no patch can be written: {fault}")));
        return explained(draft);
    }
    draft.companions.retain(|companion| is_known(companion, catalog));
    let bench = Bench::new(&draft, finding, held);
    let proof = bench.prove(&document, &draft);
    let mut doubts = draft.doubts.clone();
    doubts.extend(shortcomings(&proof));
    doubts.extend(over_quota(draft.target.kind, &document));
    let sound = doubts.is_empty() && is_own(&draft.target);
    let applicability = if sound { Applicability::Apply } else { Applicability::Review };
    Patch {
        target: draft.target,
        applicability,
        doubts,
        document: Some(document),
        merged: draft.merged,
        widened: draft.widened,
        companions: draft.companions,
        proof: Some(proof),
    }
}

/// The last look, which lets through what AWS itself printed or a policy in force holds.
fn looked_at(draft: &Draft<'_>, document: &Document, catalog: &Catalog) -> Look {
    let printed = |judged: &Judged<'_>| {
        let message = judged.item.facts.message.clone().unwrap_or_default();
        let exact =
            |grant: &Grant| grant.scoped.widened.is_none() && is_of_service(&grant.action, &grant.scoped, catalog);
        let named =
            judged.grants.iter().filter(|(resource, grant)| message.contains(resource.as_str()) && exact(grant));
        named.map(|(_, grant)| grant.scoped.pattern.clone()).collect::<Vec<_>>()
    };
    let of_splits = draft.items.iter().filter_map(|judged| judged.split.as_ref()).flat_map(|split| &split.resources);
    let printed: Vec<String> = draft.items.iter().flat_map(printed).chain(of_splits.cloned()).collect();
    look(document, Grounds { catalog, kind: draft.target.kind, printed: &printed })
}

/// Whether an ARN is of the action's service, or of one whose resources the action takes: a gap in the data never
/// hides more than a type of resource.
fn is_of_service(action: &str, scoped: &Scoped, catalog: &Catalog) -> bool {
    let service = |arn: &str| arn.split(':').nth(2).unwrap_or_default().to_owned();
    let own = service(&scoped.pattern);
    catalog.action(action).is_some_and(|known| {
        known.prefix() == own || known.resource_types().iter().any(|kind| service(kind.arn) == own)
    })
}

/// A companion may be merged in on demand, so it has to stand the same look.
fn is_known(companion: &Companion, catalog: &Catalog) -> bool {
    let mut statement = Statement::allow(companion.actions.clone(), companion.resources.clone());
    for (operator, keys) in &companion.conditions {
        for (key, values) in keys {
            statement = statement.with_condition(operator, key, values.clone());
        }
    }
    let document = Document::new(vec![statement]);
    look(&document, Grounds { catalog, kind: TargetKind::RolePolicy, printed: &[] }).faults.is_empty()
}

fn explained(draft: Draft<'_>) -> Patch {
    Patch {
        target: draft.target,
        applicability: Applicability::Explain,
        doubts: draft.doubts,
        document: None,
        merged: None,
        widened: Vec::new(),
        companions: Vec::new(),
        proof: None,
    }
}

/// A patch that does not fit by itself; what else the policy holds is not known here.
fn over_quota(kind: TargetKind, document: &Document) -> Option<String> {
    let holder = holder(kind)?;
    let (length, quota) = (size::size(document, holder.quota().unit), holder.quota());
    (length > quota.limit)
        .then(|| format!("its length of {length} is more than the {} that fit ({})", quota.limit, quota.source))
}

fn holder(kind: TargetKind) -> Option<size::Holder> {
    Some(match kind {
        TargetKind::RolePolicy => size::Holder::RoleInline,
        TargetKind::UserPolicy => size::Holder::UserInline,
        TargetKind::GroupPolicy => size::Holder::GroupInline,
        TargetKind::PermissionSet => size::Holder::PermissionSetInline,
        TargetKind::ManagedPolicy | TargetKind::PermissionsBoundary => size::Holder::Managed,
        TargetKind::TrustPolicy => size::Holder::Trust,
        TargetKind::SessionPolicy => size::Holder::Session,
        TargetKind::BucketPolicy => size::Holder::Bucket,
        TargetKind::KeyPolicy => size::Holder::Key,
        TargetKind::QueuePolicy => size::Holder::Queue,
        TargetKind::TopicPolicy => size::Holder::Topic,
        TargetKind::FunctionPolicy => size::Holder::Function,
        TargetKind::SecretPolicy => size::Holder::Secret,
        TargetKind::RepositoryPolicy => size::Holder::Repository,
        TargetKind::VpcEndpointPolicy => size::Holder::VpcEndpoint,
        TargetKind::Scp => size::Holder::Scp,
        TargetKind::Rcp => size::Holder::Rcp,
        TargetKind::ResourcePolicy => return None,
    })
}

/// Whether the policy is the caller's own, so that nobody else has to be asked.
fn is_own(target: &Target) -> bool {
    matches!(target.kind, TargetKind::RolePolicy | TargetKind::UserPolicy)
}

fn shortcomings(proof: &Proof) -> Vec<String> {
    let faults = [
        (proof.before != "denied", "replaying the denial without the patch gives `allowed`: its cause lies elsewhere"),
        (
            proof.after != "allowed",
            "replaying the denial with the patch still gives `denied`: another layer refuses too",
        ),
        (!proof.minimal, "a part of the patch could be dropped without a recorded call being denied"),
    ];
    let mut doubts: Vec<String> =
        faults.into_iter().filter(|(fault, _)| *fault).map(|(_, words)| words.to_owned()).collect();
    if !proof.beyond.is_empty() {
        doubts.push(format!("it allows more than was denied: {}", proof.beyond.join("; ")));
    }
    doubts
}

/// The recorded calls and the policies around the patch.
struct Bench<'a> {
    requests: Vec<Request>,
    base: Policies,
    target: &'a Target,
    basis: &'static str,
}

impl<'a> Bench<'a> {
    fn new(draft: &'a Draft<'_>, finding: &Finding, held: Option<&Held>) -> Self {
        let requests: Vec<Request> = draft.items.iter().flat_map(|judged| requests(judged, finding, held)).collect();
        let (base, basis) = match held {
            Some(held) if is_own(&draft.target) && held.tells_identity() => {
                (given(held, &finding.principal, &requests), "policies")
            }
            _ => (assumed(&draft.target, &finding.principal, &requests), "message"),
        };
        Self { requests, base, target: &draft.target, basis }
    }

    fn prove(&self, document: &Document, draft: &Draft<'_>) -> Proof {
        let word = |allowed: bool| if allowed { "allowed" } else { "denied" }.to_owned();
        let before = self.decisions(None);
        let after = self.decisions(Some(document));
        Proof {
            basis: self.basis.to_owned(),
            before: word(before.iter().any(|allowed| *allowed)),
            after: word(!after.is_empty() && after.iter().all(|allowed| *allowed)),
            minimal: self.is_minimal(document),
            beyond: beyond(document, draft),
        }
    }

    /// Whether each recorded call is allowed.
    fn decisions(&self, patch: Option<&Document>) -> Vec<bool> {
        let policies = with_patch(&self.base, self.target, patch);
        self.requests.iter().map(|request| evaluate(&policies, request).allowed).collect()
    }

    /// Leaving out any action or resource denies a recorded call again.
    fn is_minimal(&self, document: &Document) -> bool {
        let parts = parts_left_out(document);
        parts.into_iter().all(|less| self.decisions(Some(&less)).contains(&false))
    }
}

/// The document once for each action and each resource, without it.
fn parts_left_out(document: &Document) -> Vec<Document> {
    let mut all = Vec::new();
    for (at, statement) in document.statements.iter().enumerate() {
        let without = |statement: Option<Statement>| {
            let mut less = document.clone();
            match statement {
                Some(smaller) => less.statements[at] = smaller,
                None => drop(less.statements.remove(at)),
            }
            less
        };
        if let Actions::Action(actions) = &statement.actions {
            all.extend(each_left_out(actions).map(|rest| {
                without(rest.map(|rest| Statement { actions: Actions::Action(rest), ..statement.clone() }))
            }));
        }
        if let Resources::Resource(resources) = &statement.resources {
            all.extend(each_left_out(resources).map(|rest| {
                without(rest.map(|rest| Statement { resources: Resources::Resource(rest), ..statement.clone() }))
            }));
        }
    }
    all
}

/// The list once for each value, without it; `None` where nothing is left.
fn each_left_out(values: &OneOrMany<String>) -> impl Iterator<Item = Option<OneOrMany<String>>> {
    (0..values.as_slice().len()).map(|gone| {
        let rest: Vec<String> =
            values.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, value)| value.clone()).collect();
        (!rest.is_empty()).then_some(OneOrMany::Many(rest))
    })
}

/// What the document allows beyond the recorded calls: widened forms, and pairs that nobody asked for.
fn beyond(document: &Document, draft: &Draft<'_>) -> Vec<String> {
    let own = |grant: &Grant, action: &str, pattern: &str| {
        grant.action == action
            && grant.scoped.widened.is_none()
            && (grant.scoped.pattern == pattern || is_whole(draft, pattern))
    };
    let exact = |action: &str, pattern: &str| {
        let whole = draft.items.iter().filter(|judged| judged.split.is_none());
        whole.flat_map(|judged| &judged.grants).any(|(_, grant)| own(grant, action, pattern))
    };
    let mut beyond = Vec::new();
    for statement in &document.statements {
        let Actions::Action(actions) = &statement.actions else { continue };
        let patterns: Vec<&str> = match &statement.resources {
            Resources::Resource(resources) => resources.iter().map(String::as_str).collect(),
            Resources::Absent | Resources::NotResource(_) => continue,
        };
        for action in actions {
            let more = patterns.iter().filter(|pattern| !exact(action, pattern));
            beyond.extend(more.map(|pattern| format!("{action} on {pattern}")));
        }
    }
    beyond
}

/// `*` in a key's or secret's policy is that key or secret.
fn is_whole(draft: &Draft<'_>, pattern: &str) -> bool {
    pattern == "*" && matches!(draft.target.kind, TargetKind::KeyPolicy | TargetKind::SecretPolicy)
}

/// The recorded call as the evaluator takes it: one request a resource that AWS checks on it.
fn requests(judged: &Judged<'_>, finding: &Finding, held: Option<&Held>) -> Vec<Request> {
    let needed = needed(finding, judged.key, judged.item, held);
    let one = |(resource, grant): &(String, Grant)| {
        let mut request = needed.request();
        for (key, values) in grant.tests.values().flatten() {
            request.context.entry(key.clone()).or_insert_with(|| ContextValue::Many(values.clone()));
        }
        if let Named::Federated(provider) = &judged.named {
            request.principal.clone_from(provider);
        }
        Request { resource: resource.clone(), ..request }
    };
    judged.grants.iter().map(one).collect()
}

/// A root in another partition is somebody else.
fn partition_of(principal: &Principal) -> &str {
    principal.arn.as_deref().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws")
}

fn account_of(principal: &Principal) -> &str {
    principal.account.as_deref().unwrap_or("000000000000")
}

/// The layers around the one that refused, as AWS's words leave them: all others let the call through.
fn assumed(target: &Target, principal: &Principal, requests: &[Request]) -> Policies {
    let everything = || Document::new(vec![Statement::allow(["*"], ["*"])]);
    let mut base = Policies::default();
    match target.kind {
        TargetKind::RolePolicy
        | TargetKind::UserPolicy
        | TargetKind::GroupPolicy
        | TargetKind::ManagedPolicy
        | TargetKind::PermissionSet => base.resource = Some(delegating(principal)),
        TargetKind::PermissionsBoundary | TargetKind::SessionPolicy | TargetKind::VpcEndpointPolicy => {
            base.identity = vec![everything()];
            base.resource = Some(delegating(principal));
        }
        TargetKind::TrustPolicy
        | TargetKind::BucketPolicy
        | TargetKind::KeyPolicy
        | TargetKind::QueuePolicy
        | TargetKind::TopicPolicy
        | TargetKind::FunctionPolicy
        | TargetKind::SecretPolicy
        | TargetKind::RepositoryPolicy
        | TargetKind::ResourcePolicy
        | TargetKind::Scp
        | TargetKind::Rcp => {
            // In one account the resource's Allow suffices; across two the caller's own policy must allow it as well.
            let elsewhere = |request: &Request| {
                crosses_accounts(principal, &request.resource, request.resource_account.as_deref()) == Some(true)
            };
            // A statement that names the account only leaves the decision to IAM there.
            let delegates = requests.iter().any(|request| request.context.contains_key("aws:PrincipalArn"));
            if delegates || requests.iter().any(elsewhere) {
                base.identity = vec![everything()];
            }
        }
    }
    base
}

/// The policies given; a resource's policy that was not given is taken to leave the decision to IAM.
fn given(held: &Held, principal: &Principal, requests: &[Request]) -> Policies {
    let (action, resource) = requests.first().map_or(("", ""), |asked| (&asked.action, &asked.resource));
    let mut policies = held.policies(action, resource);
    policies.resource.get_or_insert_with(|| delegating(principal));
    policies
}

/// A resource policy that leaves the decision to IAM in the caller's account, as AWS's words imply.
fn delegating(principal: &Principal) -> Document {
    let root = format!("arn:{}:iam::{}:root", partition_of(principal), account_of(principal));
    let root = PrincipalSet::aws([root]);
    Document::new(vec![Statement::allow(["*"], ["*"]).with_principal(root)])
}

/// The policies with the patch in its place.
fn with_patch(base: &Policies, target: &Target, patch: Option<&Document>) -> Policies {
    let mut all = base.clone();
    let nothing = || Document::new(Vec::new());
    match target.kind {
        TargetKind::RolePolicy
        | TargetKind::UserPolicy
        | TargetKind::GroupPolicy
        | TargetKind::ManagedPolicy
        | TargetKind::PermissionSet => all.identity.extend(patch.cloned()),
        TargetKind::PermissionsBoundary => all.boundary.push(patch.cloned().unwrap_or_else(nothing)),
        TargetKind::SessionPolicy => all.session.push(patch.cloned().unwrap_or_else(nothing)),
        TargetKind::VpcEndpointPolicy => all.vpc_endpoint = Some(patch.cloned().unwrap_or_else(nothing)),
        TargetKind::TrustPolicy
        | TargetKind::BucketPolicy
        | TargetKind::KeyPolicy
        | TargetKind::QueuePolicy
        | TargetKind::TopicPolicy
        | TargetKind::FunctionPolicy
        | TargetKind::SecretPolicy
        | TargetKind::RepositoryPolicy
        | TargetKind::ResourcePolicy => all.resource = Some(patch.cloned().unwrap_or_else(nothing)),
        TargetKind::Scp | TargetKind::Rcp => {}
    }
    all
}
