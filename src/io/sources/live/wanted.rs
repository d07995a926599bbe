//! What of AWS's answers a set of findings needs, each thing once.

use crate::arn::Arn;
use crate::diagnosis::{TargetKind, carried_policy};
use crate::finding::Finding;
use crate::principal::PrincipalKind;
use std::collections::BTreeSet;

/// One thing to read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// The policies above an account, by its id; the partition.
    Organization(String, String),
    /// A role or user, by its ARN.
    Principal(String),
    /// A role that somebody wanted to assume, by its ARN.
    Trust(String),
    /// What carries a policy, by its ARN; `region` is where a bucket's calls were made, empty when unknown.
    Resource { arn: String, region: String },
    /// Grants on a KMS key: its ARN, and the grantee's.
    Grants(String, String),
    /// A VPC endpoint: Region and id.
    Endpoint(String, String),
}

/// What the findings need, in the order of reading: what most depends on first.
pub(super) fn wanted(findings: &[Finding]) -> Vec<Key> {
    let mut keys = BTreeSet::new();
    for finding in findings {
        keys.extend(of_principal(finding));
        for (key, item) in &finding.items {
            let region = item.regions.first().cloned().unwrap_or_default();
            if let Some(id) = &item.facts.vpc_endpoint_id {
                keys.insert(Key::Endpoint(region.clone(), id.clone()));
            }
            keys.extend(of_resource(finding, &key.action, &key.resource, &region));
        }
    }
    keys.into_iter().collect()
}

fn of_principal(finding: &Finding) -> Vec<Key> {
    let principal = &finding.principal;
    let Some(arn) = principal.arn.as_deref().and_then(|arn| arn.parse::<Arn>().ok()) else { return Vec::new() };
    let mut keys = Vec::new();
    if arn.service == "iam" && matches!(arn.resource_type_and_id().0, "role" | "user") {
        keys.push(Key::Principal(arn.to_string()));
    }
    // What a service does in a role of its own no SCP binds.
    if principal.kind != PrincipalKind::ServiceLinkedRole && is_account(&arn.account) {
        keys.push(Key::Organization(arn.account.clone(), arn.partition.clone()));
    }
    keys
}

fn of_resource(finding: &Finding, action: &str, resource: &str, region: &str) -> Vec<Key> {
    let Some(target) = carried_policy(resource, None) else { return Vec::new() };
    let Some(arn) = target.arn.filter(|arn| !arn.contains(['*', '?'])) else { return Vec::new() };
    match target.kind {
        // Other calls on a role are not judged by its trust policy.
        TargetKind::TrustPolicy if action.starts_with("sts:") => vec![Key::Trust(arn)],
        TargetKind::TrustPolicy => Vec::new(),
        TargetKind::KeyPolicy => {
            let grantee = finding.principal.arn.clone().filter(|_| finding.principal.path_known);
            let grants = grantee.map(|grantee| Key::Grants(arn.clone(), grantee));
            let own = Key::Resource { arn, region: String::new() };
            std::iter::once(own).chain(grants).collect()
        }
        TargetKind::BucketPolicy => vec![Key::Resource { arn, region: region.to_owned() }],
        _ => vec![Key::Resource { arn, region: String::new() }],
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// More things than that are too many for one run: a principal takes some ten calls, the others a few.
pub(super) const MOST: usize = 300;
