//! (policies, request) → decision, as AWS documents it.
//!
//! One account: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html>.
//! Two accounts: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>.
//! Where AWS's text gives no answer the request is refused: an "allowed" must hold.

use super::caller::{Caller, is_account};
use super::context::{Context, Request};
use super::document::{Document, Statement};
use super::facts::Facts;
use super::gather::Asked;
use super::judge::Judge;
use super::pattern::halves;
use super::principals::Asker;
use super::resource::Target;
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

/// How one statement meets a request, part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// `Action` or `NotAction` covers it.
    pub action: bool,
    /// `Resource` or `NotResource` covers it.
    pub resource: bool,
    /// Every condition holds.
    pub conditions: bool,
}

/// Holds one statement against a request, its principals left aside: why an Allow that looks right does not match.
///
/// `has_variables` says whether its document knows policy variables, as version 2012-10-17 does.
pub fn fit(statement: &Statement, request: &Request, has_variables: bool) -> Fit {
    let caller = Caller::new(&request.principal);
    let context = Context::new(request, &caller, resource_account(request));
    let asker = Asker { caller: &caller, has_boundary: false };
    let (action, target) = (halves(&request.action), Target::new(&request.resource));
    let [action, resource, conditions] =
        Asked { action, context: &context, target, asker }.parts(statement, has_variables);
    Fit { action, resource, conditions }
}

/// Who owns the resource; `None` when nothing says so. AWS's own resources, whose ARNs say `aws`, are everybody's.
fn resource_account(request: &Request) -> Option<&str> {
    let given = request.resource_account.as_deref().filter(|account| !account.is_empty());
    given.or_else(|| request.resource.split(':').nth(4).filter(|account| is_account(account)))
}

impl Deciding {
    pub(super) fn statement(policy_type: PolicyType, level: Option<usize>, policy: usize, statement: usize) -> Self {
        Self { policy_type, level, policy: Some(policy), statement: Some(statement) }
    }

    pub(super) fn missing(policy_type: PolicyType, level: Option<usize>) -> Self {
        Self { policy_type, level, policy: None, statement: None }
    }
}
