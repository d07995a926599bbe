//! The order of AWS's evaluation, over the gathered facts.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html>.

use super::caller::{Caller, CallerKind};
use super::context::Request;
use super::evaluate::{Deciding, Decision, DecisionKind, Policies, PolicyType};
use super::facts::Facts;
use super::principals::Naming;
use super::resource::parts_of;

/// The decision over the gathered facts.
pub(super) struct Judge<'a> {
    pub(super) policies: &'a Policies,
    pub(super) request: &'a Request,
    pub(super) caller: &'a Caller<'a>,
    pub(super) facts: &'a Facts,
    /// The resource's owner is known and is another account than the caller's.
    pub(super) two_accounts: bool,
}

impl Judge<'_> {
    pub(super) fn decide(&self) -> Decision {
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
