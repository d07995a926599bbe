//! (policies, request) → decision, as AWS documents it.
//!
//! One account: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html>.
//! Two accounts: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>.
//! Where AWS's text gives no answer the request is refused: an "allowed" must hold.

use super::caller::{Caller, CallerKind};
use super::context::{Context, Request};
use super::document::{Document, Effect};
use super::gather::{Asked, Shape};
use super::pattern::halves;
use super::principals::{Asker, Naming};
use super::resource::{Target, parts_of};
use serde::{Deserialize, Serialize};

/// The policies in play; an empty list is a type that does not apply.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policies {
    /// Inline, managed and group policies of the user or role.
    pub identity: Vec<Document>,
    /// The permissions boundary; empty when none is attached.
    pub boundary: Vec<Document>,
    /// Session policies; empty when the session was made without.
    pub session: Vec<Document>,
    /// Service control policies, one list a level, root first; leave them out for the management account.
    pub scp: Vec<Vec<Document>>,
    /// Resource control policies, one list a level; only their Deny statements count, since `RCPFullAWSAccess` is
    /// always attached. Leave them out for services that do not support them.
    pub rcp: Vec<Vec<Document>>,
    /// The resource's own policy: bucket, key, queue…, or a role's trust policy.
    pub resource: Option<Document>,
    /// The policy of the VPC endpoint that the request came through.
    pub vpc_endpoint: Option<Document>,
}

/// What AWS would answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether the request goes through.
    pub allowed: bool,
    /// Why.
    pub kind: DecisionKind,
    /// Allowed: the statements that granted. Explicit: the Deny statements that matched. Implicit: the policy types
    /// in which an Allow is missing, without policy and statement.
    pub deciding: Vec<Deciding>,
}

/// Why a decision fell as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecisionKind {
    /// Allowed.
    Allow,
    /// Refused because an Allow is missing.
    Implicit,
    /// Refused by a Deny statement.
    Explicit,
}

/// A kind of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyType {
    /// Attached to the user, its groups or the role.
    Identity,
    /// Permissions boundary.
    Boundary,
    /// Session policy.
    Session,
    /// Service control policy.
    Scp,
    /// Resource control policy.
    Rcp,
    /// The resource's own policy, a trust policy too.
    Resource,
    /// VPC endpoint policy.
    VpcEndpoint,
}

/// A statement, or a policy type, that decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Deciding {
    /// Where the statement stands, or where an Allow is missing.
    pub policy_type: PolicyType,
    /// The level of an SCP or RCP, from 0, root first; `None` for the other types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<usize>,
    /// The policy's place in its list, from 0; `None` when an Allow is missing.
    pub policy: Option<usize>,
    /// The statement's place, from 0; `None` when an Allow is missing.
    pub statement: Option<usize>,
}

/// Judges one request.
///
/// ```
/// use denywatch::policy::{DecisionKind, Policies, Request, evaluate};
/// let decision = evaluate(&Policies::default(), &Request::default());
/// assert_eq!((decision.allowed, decision.kind), (false, DecisionKind::Implicit));
/// ```
pub fn evaluate(policies: &Policies, request: &Request) -> Decision {
    let caller = Caller::new(&request.principal);
    let resource_account = resource_account(request);
    let context = Context::new(request, &caller, resource_account);
    let asker = Asker { caller: &caller, has_boundary: !policies.boundary.is_empty() };
    let (action, target) = (halves(&request.action), Target::new(&request.resource));
    let asked = Asked { action, context: &context, target, asker };
    let facts = Facts::gather(policies, &asked);
    let two_accounts = resource_account.is_some_and(|owner| owner != caller.account);
    Judge { policies, request, caller: &caller, facts: &facts, two_accounts }.decide()
}

/// Who owns the resource; `None` when nothing says so.
fn resource_account(request: &Request) -> Option<&str> {
    let given = request.resource_account.as_deref();
    given.or_else(|| request.resource.split(':').nth(4)).filter(|account| !account.is_empty())
}

/// The matching statements of every type.
#[derive(Default)]
struct Facts {
    denies: Vec<Deciding>,
    identity: Vec<Deciding>,
    boundary: Vec<Deciding>,
    session: Vec<Deciding>,
    /// With how each names the caller.
    resource: Vec<(Deciding, Naming)>,
    vpc_endpoint: bool,
    /// Levels without a matching Allow.
    scp_missing: Vec<usize>,
}

impl Facts {
    fn gather(policies: &Policies, asked: &Asked<'_>) -> Self {
        let mut facts = Self::default();
        let attached = Shape::Attached;
        facts.identity = facts.collect(asked, PolicyType::Identity, None, &policies.identity, attached);
        facts.boundary = facts.collect(asked, PolicyType::Boundary, None, &policies.boundary, attached);
        facts.session = facts.collect(asked, PolicyType::Session, None, &policies.session, attached);
        if asked.asker.caller.is_under_scp(asked.context) {
            for (level, documents) in policies.scp.iter().enumerate() {
                if facts.collect(asked, PolicyType::Scp, Some(level), documents, attached).is_empty() {
                    facts.scp_missing.push(level);
                }
            }
        }
        if !asked.asker.caller.is_service_linked(asked.context) {
            for (level, documents) in policies.rcp.iter().enumerate() {
                facts.collect(asked, PolicyType::Rcp, Some(level), documents, Shape::Placed);
            }
        }
        facts.placed(policies, asked);
        facts
    }

    fn placed(&mut self, policies: &Policies, asked: &Asked<'_>) {
        let endpoint = policies.vpc_endpoint.as_slice();
        self.vpc_endpoint = !self.collect(asked, PolicyType::VpcEndpoint, None, endpoint, Shape::Placed).is_empty();
        for hit in policies.resource.iter().flat_map(|document| asked.hits(document, Shape::Placed)) {
            let deciding = Deciding::statement(PolicyType::Resource, None, 0, hit.statement);
            match hit.effect {
                Effect::Deny => self.denies.push(deciding),
                Effect::Allow => self.resource.push((deciding, hit.naming)),
            }
        }
    }

    /// Puts the Deny statements away and gives the Allow statements back.
    fn collect(
        &mut self,
        asked: &Asked<'_>,
        policy_type: PolicyType,
        level: Option<usize>,
        documents: &[Document],
        shape: Shape,
    ) -> Vec<Deciding> {
        let mut allows = Vec::new();
        for (policy, document) in documents.iter().enumerate() {
            for hit in asked.hits(document, shape) {
                let deciding = Deciding::statement(policy_type, level, policy, hit.statement);
                match hit.effect {
                    Effect::Deny => self.denies.push(deciding),
                    Effect::Allow => allows.push(deciding),
                }
            }
        }
        allows
    }
}

impl Deciding {
    fn statement(policy_type: PolicyType, level: Option<usize>, policy: usize, statement: usize) -> Self {
        Self { policy_type, level, policy: Some(policy), statement: Some(statement) }
    }

    fn missing(policy_type: PolicyType, level: Option<usize>) -> Self {
        Self { policy_type, level, policy: None, statement: None }
    }
}

/// The decision over the gathered facts.
struct Judge<'a> {
    policies: &'a Policies,
    request: &'a Request,
    caller: &'a Caller<'a>,
    facts: &'a Facts,
    two_accounts: bool,
}

impl Judge<'_> {
    fn decide(&self) -> Decision {
        let facts = self.facts;
        if !facts.denies.is_empty() {
            return Decision { allowed: false, kind: DecisionKind::Explicit, deciding: facts.denies.clone() };
        }
        let mut missing: Vec<_> =
            facts.scp_missing.iter().map(|level| Deciding::missing(PolicyType::Scp, Some(*level))).collect();
        if self.policies.vpc_endpoint.is_some() && !facts.vpc_endpoint {
            missing.push(Deciding::missing(PolicyType::VpcEndpoint, None));
        }
        let granted = self.granted();
        if granted.is_none() {
            missing.extend(self.lacking().into_iter().map(|policy_type| Deciding::missing(policy_type, None)));
        }
        match granted {
            Some(deciding) if missing.is_empty() => Decision { allowed: true, kind: DecisionKind::Allow, deciding },
            Some(_) | None => Decision { allowed: false, kind: DecisionKind::Implicit, deciding: missing },
        }
    }

    /// The statements that grant, SCPs and the endpoint aside; `None` when the rest does not suffice.
    fn granted(&self) -> Option<Vec<Deciding>> {
        let named = |test: &dyn Fn(Naming) -> bool| -> Vec<Deciding> {
            let grants = self.facts.resource.iter().filter(|(_, naming)| test(*naming));
            grants.map(|(deciding, _)| deciding.clone()).collect()
        };
        let resource = named(&|_| true);
        let direct = named(&|naming| self.suffices(naming));
        let by_identity = self.identity_grants();
        let identity = || if by_identity { self.facts.identity.clone() } else { Vec::new() };
        match self.needs() {
            Needs::ResourceOnly => (!resource.is_empty()).then_some(resource),
            Needs::Both => (by_identity && !resource.is_empty()).then(|| [identity(), resource].concat()),
            Needs::ResourceFirst if !direct.is_empty() => Some([identity(), direct].concat()),
            Needs::ResourceFirst => (by_identity && !resource.is_empty()).then(|| [identity(), resource].concat()),
            Needs::Either => (by_identity || !direct.is_empty()).then(|| [identity(), direct].concat()),
        }
    }

    fn needs(&self) -> Needs {
        match self.caller.kind {
            CallerKind::Named | CallerKind::Anonymous => Needs::ResourceOnly,
            _ if self.two_accounts => Needs::Both,
            _ if resource_must_allow(self.request) => Needs::ResourceFirst,
            _ => Needs::Either,
        }
    }

    /// Identity-based policies within boundary and session policy; the root user needs none.
    fn identity_grants(&self) -> bool {
        let has = !self.facts.identity.is_empty() || self.caller.kind == CallerKind::Root;
        has && self.within_boundary() && self.within_session()
    }

    fn within_boundary(&self) -> bool {
        self.policies.boundary.is_empty() || !self.facts.boundary.is_empty()
    }

    /// A federated user session without session policy may nothing
    /// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html>).
    fn within_session(&self) -> bool {
        let unlimited = self.policies.session.is_empty() && self.caller.kind != CallerKind::FederatedUser;
        unlimited || !self.facts.session.is_empty()
    }

    /// Whether a grant of the resource's policy is enough in one account, by how it names the caller.
    fn suffices(&self, naming: Naming) -> bool {
        match naming {
            Naming::Account => false,
            Naming::Role => self.within_boundary() && self.within_session(),
            Naming::Everyone => self.within_session(),
            Naming::EveryoneByArn => true,
            Naming::Itself => match self.caller.kind {
                CallerKind::User | CallerKind::Root | CallerKind::Role => self.within_session(),
                _ => true,
            },
        }
    }

    /// In which types an Allow is missing, given that the request is not granted.
    fn lacking(&self) -> Vec<PolicyType> {
        let needs = self.needs();
        let mut types = Vec::new();
        if needs != Needs::Either && self.facts.resource.is_empty() {
            types.push(PolicyType::Resource);
        }
        if needs == Needs::ResourceOnly {
            return types;
        }
        let named = self.facts.resource.iter().map(|(_, naming)| *naming).max();
        let one_account = matches!(needs, Needs::Either | Needs::ResourceFirst);
        let by_resource = one_account && named.is_some_and(|naming| naming > Naming::Account);
        let wants_identity = self.caller.kind != CallerKind::Root && self.facts.identity.is_empty();
        if wants_identity && !by_resource {
            types.push(PolicyType::Identity);
        }
        if !self.within_boundary() {
            types.push(PolicyType::Boundary);
        }
        if !self.within_session() {
            types.push(PolicyType::Session);
        }
        types
    }
}

/// Which sides must allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Callers without identity-based policies.
    ResourceOnly,
    /// Two accounts.
    Both,
    /// KMS keys and roles to assume: their policy must allow, at least the account.
    ResourceFirst,
    /// One account: either will do.
    Either,
}

/// Key policies and trust policies must allow, whatever identity-based policies say
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html>).
fn resource_must_allow(request: &Request) -> bool {
    let Some([_, _, service, _, _, resource]) = parts_of(&request.resource) else { return false };
    let sts = request.action.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("sts:"));
    match service {
        "kms" => resource.starts_with("key/"),
        "iam" => sts && resource.starts_with("role/"),
        _ => false,
    }
}
