//! A call to try causes on, for tests.

use super::request::Needed;
use super::{Cause, Diagnosis, Held, InForce, Refined, refine};
use crate::catalog::Catalog;
use crate::denial::{Facts, ReasonKind};
use crate::principal::{self, Principal};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

#[derive(Clone)]
pub(super) struct Sample {
    action: String,
    resource: String,
    pub(super) principal: Principal,
    pub(super) facts: Facts,
    regions: BTreeSet<String>,
    vias: BTreeSet<String>,
    at: Option<jiff::Timestamp>,
    stated: ReasonKind,
}

impl Sample {
    /// As a record of a direct call tells it, refused by the identity-based policies.
    pub(super) fn record(action: &str, resource: &str) -> Self {
        let mut principal = principal::from_arn("arn:aws:iam::111122223333:role/app");
        principal.path_known = true;
        let facts = Facts { source_ip: Some("192.0.2.10".to_owned()), ..Facts::default() };
        Self {
            regions: BTreeSet::from(["eu-west-1".to_owned()]),
            at: "2026-11-11T15:30:09Z".parse().ok(),
            principal,
            facts,
            ..Self::text(action, resource)
        }
    }

    /// As a pasted text tells it.
    pub(super) fn text(action: &str, resource: &str) -> Self {
        let principal = principal::from_arn("arn:aws:sts::111122223333:assumed-role/app/run-1");
        Self {
            action: action.to_owned(),
            resource: resource.to_owned(),
            principal,
            facts: Facts::default(),
            regions: BTreeSet::new(),
            vias: BTreeSet::from([String::new()]),
            at: None,
            stated: ReasonKind::Implicit,
        }
    }

    pub(super) fn via(mut self, host: &str) -> Self {
        self.vias = BTreeSet::from([host.to_owned()]);
        self
    }

    pub(super) fn unstated(mut self) -> Self {
        self.stated = ReasonKind::Unstated;
        self
    }

    pub(super) fn showing(mut self, key: &str, value: &str) -> Self {
        self.facts.context.insert(key.to_owned(), vec![value.to_owned()]);
        self
    }

    pub(super) fn needed(&self) -> Needed<'_> {
        Needed {
            action: &self.action,
            resource: &self.resource,
            principal: &self.principal,
            facts: &self.facts,
            regions: &self.regions,
            vias: &self.vias,
            at: self.at,
            stated: self.stated,
            shown: BTreeMap::new(),
            keys: OnceLock::new(),
        }
    }

    /// The diagnosis of a cause in the light of documents, each with its folder.
    pub(super) fn refine(&self, cause: Cause, documents: &[(&str, &str)]) -> Refined {
        let held = held(documents, &self.principal);
        refine(&self.needed(), &plain(cause), &held, Catalog::embedded()).unwrap()
    }
}

pub(super) fn held(documents: &[(&str, &str)], principal: &Principal) -> Held {
    let mut in_force = InForce::default();
    for (at, (folder, statements)) in documents.iter().enumerate() {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        in_force.add_document(folder, &format!("p{at}.json"), &text).unwrap();
    }
    in_force.of(principal).unwrap()
}

pub(super) fn plain(cause: Cause) -> Diagnosis {
    Diagnosis { cause, summary: String::new(), evidence: vec![], unchecked: vec![], doubts: vec![] }
}
