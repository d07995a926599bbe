//! The recorded calls, and the policies around the patch: what the evaluator is asked with.

use crate::diagnosis::{Held, NamedDocument, Target, TargetKind, crosses_accounts};
use crate::finding::Finding;
use crate::patch::{Draft, Grant, Judged, Named, needed};
use crate::policy::{ContextValue, Document, Policies, PrincipalSet, Request, Statement, evaluate};
use crate::principal::Principal;

/// The recorded calls and the policies around the patch, which stands in a place of its own among them.
pub(super) struct Bench<'a> {
    pub(super) requests: Vec<Request>,
    /// `policies` where real policies stand behind the answers, `message` where AWS's words do.
    pub(super) basis: &'static str,
    target: &'a Target,
    stage: Policies,
    /// What the one document of a VPC endpoint holds besides the patch.
    endpoint: Option<Document>,
    /// A request's own resource policy; empty where `stage` holds the one of all.
    resources: Vec<Option<Document>>,
    /// Whether each recorded call is allowed without the patch.
    before: Vec<bool>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(draft: &'a Draft<'_>, finding: &Finding, held: Option<&Held>) -> Self {
        let requests: Vec<Request> = draft.items.iter().flat_map(|judged| requests(judged, finding, held)).collect();
        let (target, principal) = (&draft.target, &finding.principal);
        let (mut stage, resources, basis) = match held.filter(|held| is_given(held, target.kind)) {
            Some(held) => {
                let of = |request: &Request| held.resource_policy(&request.action, &request.resource);
                let given = |request| of(request).map(|named| named.document.clone());
                let or_delegating = |request| Some(given(request).unwrap_or_else(|| delegating(principal)));
                (given_around(held, target.kind), requests.iter().map(or_delegating).collect(), "policies")
            }
            None => (assumed(target, principal, &requests), Vec::new(), "message"),
        };
        make_place(&mut stage, target.kind);
        let endpoint = stage.vpc_endpoint.clone();
        let mut bench = Self { requests, basis, target, stage, endpoint, resources, before: Vec::new() };
        bench.before = bench.decisions(nothing());
        bench
    }

    /// Whether each recorded call is allowed without the patch.
    pub(super) fn before(&self) -> &[bool] {
        &self.before
    }

    /// Whether each recorded call is allowed with the patch.
    pub(super) fn decisions(&mut self, patch: Document) -> Vec<bool> {
        self.put(patch);
        (0..self.requests.len()).map(|at| self.decide(at)).collect()
    }

    /// Whether one recorded call is allowed with these statements as the patch.
    pub(super) fn allows(&mut self, at: usize, patch: Document) -> bool {
        if patch.statements.is_empty() {
            return self.before[at];
        }
        self.put(patch);
        self.decide(at)
    }

    fn decide(&mut self, at: usize) -> bool {
        if let Some(own) = self.resources.get_mut(at) {
            std::mem::swap(&mut self.stage.resource, own);
        }
        let allowed = evaluate(&self.stage, &self.requests[at]).allowed;
        if let Some(own) = self.resources.get_mut(at) {
            std::mem::swap(&mut self.stage.resource, own);
        }
        allowed
    }

    /// Puts the patch in its place.
    fn put(&mut self, patch: Document) {
        let last = |documents: &mut Vec<Document>, patch| {
            if let Some(place) = documents.last_mut() {
                *place = patch;
            }
        };
        match place(self.target.kind) {
            Place::Identity => last(&mut self.stage.identity, patch),
            Place::Boundary => last(&mut self.stage.boundary, patch),
            Place::Session => last(&mut self.stage.session, patch),
            Place::Endpoint => {
                let mut whole = self.endpoint.clone().unwrap_or_else(nothing);
                whole.statements.extend(patch.statements);
                self.stage.vpc_endpoint = Some(whole);
            }
            Place::Resource => self.stage.resource = Some(patch),
            Place::Organization => {}
        }
    }
}

/// The layer that a patch goes into.
enum Place {
    Identity,
    Boundary,
    Session,
    Endpoint,
    Resource,
    /// No Allow of ours goes there.
    Organization,
}

fn place(kind: TargetKind) -> Place {
    match kind {
        TargetKind::RolePolicy
        | TargetKind::UserPolicy
        | TargetKind::GroupPolicy
        | TargetKind::ManagedPolicy
        | TargetKind::PermissionSet => Place::Identity,
        TargetKind::PermissionsBoundary => Place::Boundary,
        TargetKind::SessionPolicy => Place::Session,
        TargetKind::VpcEndpointPolicy => Place::Endpoint,
        TargetKind::TrustPolicy
        | TargetKind::BucketPolicy
        | TargetKind::KeyPolicy
        | TargetKind::QueuePolicy
        | TargetKind::TopicPolicy
        | TargetKind::FunctionPolicy
        | TargetKind::SecretPolicy
        | TargetKind::RepositoryPolicy
        | TargetKind::ResourcePolicy => Place::Resource,
        TargetKind::Scp | TargetKind::Rcp => Place::Organization,
    }
}

/// The documents in force in the layer that a patch goes into, where they were given.
pub fn in_place(held: &Held, kind: TargetKind) -> Vec<&Document> {
    let named: &[NamedDocument] = match place(kind) {
        Place::Identity => &held.identity,
        Place::Boundary => &held.boundary,
        Place::Session => &held.session,
        Place::Endpoint => held.vpc_endpoint.as_slice(),
        Place::Resource | Place::Organization => &[],
    };
    named.iter().map(|named| &named.document).collect()
}

/// Whether the real policies of that layer are known: all of a caller's own, or the limit that was given.
fn is_given(held: &Held, kind: TargetKind) -> bool {
    match place(kind) {
        Place::Identity => held.tells_identity(),
        _ => !in_place(held, kind).is_empty(),
    }
}

/// All that was given; where only a limit was, what it limits is taken to allow everything.
fn given_around(held: &Held, kind: TargetKind) -> Policies {
    let mut policies = held.policies("", "");
    policies.resource = None;
    if !held.tells_identity() && !matches!(place(kind), Place::Identity) {
        policies.identity.push(everything());
    }
    policies
}

/// An empty document where the patch will stand; it alone makes a boundary or a session policy exist.
fn make_place(stage: &mut Policies, kind: TargetKind) {
    match place(kind) {
        Place::Identity => stage.identity.push(nothing()),
        Place::Boundary => stage.boundary.push(nothing()),
        Place::Session => stage.session.push(nothing()),
        Place::Endpoint | Place::Resource | Place::Organization => {}
    }
}

fn everything() -> Document {
    Document::new(vec![Statement::allow(["*"], ["*"])])
}

fn nothing() -> Document {
    Document::new(Vec::new())
}

/// The recorded call as the evaluator takes it: one request a resource that AWS checks on it.
fn requests(judged: &Judged<'_>, finding: &Finding, held: Option<&Held>) -> Vec<Request> {
    let request = needed(finding, judged.key, judged.item, held).request();
    let one = |(mut request, (resource, grant)): (Request, &(String, Grant))| {
        for (key, values) in grant.tests.values().flatten() {
            request.context.entry(key.clone()).or_insert_with(|| ContextValue::Many(values.clone()));
        }
        if let Named::Federated(provider) = &judged.named {
            request.principal.clone_from(provider);
        }
        Request { resource: resource.clone(), ..request }
    };
    std::iter::repeat_n(request, judged.grants.len()).zip(&judged.grants).map(one).collect()
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

/// A resource policy that leaves the decision to IAM in the caller's account, as AWS's words imply.
fn delegating(principal: &Principal) -> Document {
    let root = format!("arn:{}:iam::{}:root", partition_of(principal), account_of(principal));
    let root = PrincipalSet::aws([root]);
    Document::new(vec![Statement::allow(["*"], ["*"]).with_principal(root)])
}
