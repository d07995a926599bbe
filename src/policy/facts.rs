//! All matching statements, by policy type.

use super::document::{Document, Effect};
use super::evaluate::{Deciding, Policies, PolicyType};
use super::gather::{Asked, Shape};
use super::principals::Naming;

/// The matching statements of every type.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) denies: Vec<Deciding>,
    pub(super) identity: Vec<Deciding>,
    pub(super) boundary: Vec<Deciding>,
    pub(super) session: Vec<Deciding>,
    /// With how each names the caller.
    pub(super) resource: Vec<(Deciding, Naming)>,
    pub(super) vpc_endpoint: bool,
    /// Levels without a matching Allow.
    pub(super) scp_missing: Vec<usize>,
}

impl Facts {
    pub(super) fn gather(policies: &Policies, asked: &Asked<'_>) -> Self {
        let mut facts = Self::default();
        let (identity, attached) = (Shape::Identity, Shape::Attached);
        facts.identity = facts.collect(asked, PolicyType::Identity, None, &policies.identity, identity);
        facts.boundary = facts.collect(asked, PolicyType::Boundary, None, &policies.boundary, identity);
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
