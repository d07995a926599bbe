//! What an allowed call needed: its actions, and the resources of each.

use crate::catalog::{Call, Catalog};
use crate::foretold::Foretold;
use crate::record::{Glance, Record};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Bytes of request parameters kept of one call.
const PARAMETERS: usize = 4_096;
/// Bytes of a call beside its parameters, about.
const FIXED: usize = 400;
/// Bytes of a call of which it is known what it needed, about.
const KNOWN: usize = 100;

/// What is kept of an allowed call.
#[derive(Debug)]
pub(super) struct Allowed {
    what: What,
    /// `awsRegion`, empty where it is not told.
    pub(super) region: String,
    /// Bytes that it takes, about.
    pub(super) size: usize,
}

#[derive(Debug)]
enum What {
    /// What it needed is worked out when somebody asks.
    Call { source: String, name: String, params: Value, arns: Vec<String>, account: String },
    /// It was; calls that needed the same share it.
    Needs(Arc<Needs>),
}

/// The actions that a call needed, each with the resources that it had of them.
pub(super) type Needs = Vec<(String, BTreeSet<String>)>;

impl Allowed {
    pub(super) fn of(record: &Record, source: &str, name: &str) -> Self {
        let (params, length) = within_bounds(record.request_parameters.clone());
        let arns = record.resource_arns.clone();
        Self {
            size: FIXED + 4 * length + arns.iter().map(String::len).sum::<usize>(),
            what: What::Call {
                source: source.to_owned(),
                name: name.to_owned(),
                params,
                arns,
                account: record.recipient_account.clone().unwrap_or_default(),
            },
            region: record.region.clone().unwrap_or_default(),
        }
    }

    /// Of a record that was not read.
    pub(super) fn glanced(glance: &Glance<'_>) -> Self {
        let own = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let (params, _) = within_bounds(glance.request_parameters());
        Self {
            size: 0,
            what: What::Call {
                source: own(glance.event_source),
                name: own(glance.event_name),
                params,
                arns: glance.resource_arns(),
                account: own(glance.recipient_account),
            },
            region: own(glance.region),
        }
    }

    /// One of which it is known what it needed.
    pub(super) fn needing(needs: Arc<Needs>, region: &str) -> Self {
        Self { what: What::Needs(needs), region: region.to_owned(), size: KNOWN }
    }

    /// Works out what it needed, and keeps that instead of the request.
    pub(super) fn settle(&mut self, catalog: &Catalog) -> Arc<Needs> {
        let needs = match &self.what {
            What::Needs(needs) => Arc::clone(needs),
            What::Call { .. } => Arc::new(self.needs(catalog)),
        };
        self.what = What::Needs(Arc::clone(&needs));
        needs
    }

    /// All that it needed.
    pub(super) fn needs(&self, catalog: &Catalog) -> Needs {
        match &self.what {
            What::Needs(needs) => needs.as_ref().clone(),
            What::Call { .. } => {
                let resources = |action: String| {
                    let had = self.resources(&action, catalog);
                    (action, had)
                };
                self.actions(catalog).into_iter().map(resources).collect()
            }
        }
    }

    /// Whether the call needed the action on this resource.
    pub(super) fn is_of(&self, action: &str, resource: &str, catalog: &Catalog) -> bool {
        match &self.what {
            What::Needs(needs) => is_of(needs, action, resource),
            What::Call { .. } => {
                let needed = || self.actions(catalog).iter().any(|one| one == action);
                !resource.is_empty() && needed() && self.resources(action, catalog).contains(resource)
            }
        }
    }

    /// Whether the call is one that was foretold.
    pub(super) fn uses(&self, foretold: &Foretold, catalog: &Catalog) -> bool {
        match &self.what {
            What::Needs(needs) => uses(needs, foretold),
            What::Call { .. } => uses(&self.needs(catalog), foretold),
        }
    }

    fn actions(&self, catalog: &Catalog) -> Vec<String> {
        match &self.what {
            What::Needs(needs) => needs.iter().map(|(action, _)| action.clone()).collect(),
            What::Call { source, name, params, .. } => catalog.resolve(source, name, Some(params)).actions,
        }
    }

    /// The resources of an action that the call had.
    fn resources(&self, action: &str, catalog: &Catalog) -> BTreeSet<String> {
        let What::Call { name, params, arns, account, .. } = &self.what else { return BTreeSet::new() };
        let partition = match self.region.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if self.region.starts_with("us-gov-") => "aws-us-gov",
            Some("eusc") => "aws-eusc",
            _ => "aws",
        };
        let call = Call { operation: name, params: Some(params), partition, region: &self.region, account };
        let mut all: BTreeSet<String> = catalog.resources_from_request(action, &call).into_iter().collect();
        all.extend(arns.iter().cloned());
        all
    }
}

/// Whether such a call needed the action on this resource.
pub(super) fn is_of(needs: &Needs, action: &str, resource: &str) -> bool {
    !resource.is_empty() && needs.iter().any(|(needed, had)| needed == action && had.contains(resource))
}

/// Whether such a call is one that was foretold.
pub(super) fn uses(needs: &Needs, foretold: &Foretold) -> bool {
    let fits = |resource: &String| foretold.takes(&foretold.action, resource);
    let of_action = needs.iter().filter(|(needed, _)| *needed == foretold.action);
    of_action.into_iter().any(|(_, had)| foretold.takes(&foretold.action, "*") || had.iter().any(fits))
}

/// Parameters, and the bytes of their text; null where there are too many.
fn within_bounds(params: Value) -> (Value, usize) {
    match params.to_string().len() {
        length if length <= PARAMETERS => (params, length),
        _ => (Value::Null, 0),
    }
}
