//! The request as the evaluator takes it, rebuilt from the event in this one place.
//!
//! A condition key is shown by the event, certainly absent, or unknown; nothing is filled in. See
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.

use crate::arn;
use crate::catalog::Catalog;
use crate::denial::{Facts, ReasonKind};
use crate::policy::{ContextValue, Request};
use crate::principal::{Principal, PrincipalKind};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::OnceLock;

/// The permission that was denied, and what is known of the call.
#[derive(Debug, Clone, PartialEq)]
pub struct Needed<'n> {
    /// Canonical IAM action.
    pub action: &'n str,
    /// Exact resource, raw.
    pub resource: &'n str,
    /// Who was refused.
    pub principal: &'n Principal,
    /// What the event shows.
    pub facts: &'n Facts,
    /// Regions of the calls; empty when unknown.
    pub regions: &'n BTreeSet<String>,
    /// The services through which it was called; an empty one stands for a direct call.
    pub vias: &'n BTreeSet<String>,
    /// When the sample call was made; `None` for pasted text.
    pub at: Option<Timestamp>,
    /// How AWS says that the decision fell.
    pub stated: ReasonKind,
    /// Further condition keys that are known, such as `kms:ViaService`.
    pub shown: BTreeMap<String, Vec<String>>,
    /// All that is known of the request's keys, worked out at first use; empty at the beginning.
    pub(crate) keys: OnceLock<BTreeMap<String, Vec<String>>>,
}

/// What is known of one condition key of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// The event shows these values.
    Shown(Vec<String>),
    /// The request certainly had no such key.
    Absent,
    /// The event does not tell.
    Unknown,
}

const PRINCIPAL_ARN: &str = "aws:PrincipalArn";

/// Keys of the network that a call bears only when the principal itself makes it.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html>.
const NETWORK_KEYS: [&str; 4] = ["aws:SourceIp", "aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp"];

/// Whether the key tells of the caller's own network.
pub(super) fn is_network_key(key: &str) -> bool {
    NETWORK_KEYS.iter().any(|known| known.eq_ignore_ascii_case(key))
}

impl Needed<'_> {
    /// The request with the keys that are known; those that are not known are left out, as if absent.
    pub fn request(&self) -> Request {
        let known = match self.keys.get() {
            Some(known) => known.iter().map(|(key, values)| (key.clone(), values.clone())).collect(),
            None => self.work_out(),
        };
        let mut context: BTreeMap<String, ContextValue> =
            known.into_iter().map(|(key, values)| (key, ContextValue::Many(values))).collect();
        // The evaluator derives the principal's ARN from the principal.
        context.retain(|key, value| *value != ContextValue::Many(Vec::new()) && *key != PRINCIPAL_ARN);
        Request {
            principal: self.caller(),
            action: self.action.to_owned(),
            resource: self.resource.to_owned(),
            resource_account: self.facts.resource_account.clone(),
            context,
        }
    }

    /// The service that called with the caller's permissions; `None` where there was none or that is not certain.
    pub(super) fn via(&self) -> Option<&str> {
        match (self.vias.first().map(String::as_str), self.vias.len()) {
            (Some(via), 1) if is_host(via) => Some(via),
            _ => None,
        }
    }

    pub(super) fn standing(&self, key: &str, catalog: &Catalog) -> Standing {
        match self.known().iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
            Some((_, values)) if values.is_empty() => return Standing::Absent,
            Some((_, values)) => return Standing::Shown(values.clone()),
            None => {}
        }
        match catalog.condition_key_applies(self.action, key) {
            Some(false) => Standing::Absent,
            Some(true) | None => Standing::Unknown,
        }
    }

    /// The principal's whole ARN where it is known; a service calls by its host name, and of others without an ARN only
    /// the account is known.
    fn caller(&self) -> String {
        let whole = self.shown.get(PRINCIPAL_ARN).and_then(|values| values.first());
        match (whole.or(self.principal.arn.as_ref()), self.principal.kind, &self.principal.name) {
            (Some(arn), _, _) => arn.clone(),
            (None, PrincipalKind::Service, Some(host)) => host.clone(),
            (None, _, _) => {
                let account = self.principal.account.as_deref().unwrap_or("000000000000");
                format!("arn:aws:iam::{account}:role/unknown")
            }
        }
    }

    /// Whether a record, and not a pasted text, stands behind it: only then is what is not there known to be absent.
    fn is_record(&self) -> bool {
        self.facts.source_ip.is_some() && !self.vias.is_empty()
    }

    /// Keys with their values; an empty list is a key that the request certainly did not have.
    fn known(&self) -> &BTreeMap<String, Vec<String>> {
        self.keys.get_or_init(|| self.work_out().into_iter().collect())
    }

    /// A key may stand in it twice: the last one holds.
    fn work_out(&self) -> Vec<(String, Vec<String>)> {
        let mut known = Vec::with_capacity(20);
        let mut put = |key: &str, values: Vec<String>| known.push((key.to_owned(), values));
        self.of_principal(&mut put);
        self.of_resource(&mut put);
        self.of_network(&mut put);
        self.of_place_and_time(&mut put);
        self.shown.iter().chain(&self.facts.context).for_each(|(key, values)| put(key, values.clone()));
        known
    }

    /// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable>.
    fn of_principal(&self, put: &mut impl FnMut(&str, Vec<String>)) {
        let Principal { kind, arn, account, name, path_known, .. } = self.principal;
        let mut told = |key, value: Option<&String>| {
            if let Some(value) = value {
                put(key, vec![value.clone()]);
            }
        };
        told("aws:PrincipalAccount", account.as_ref());
        told("kms:CallerAccount", account.as_ref().filter(|_| self.action.starts_with("kms:")));
        told(PRINCIPAL_ARN, arn.as_ref().filter(|_| *path_known));
        match kind {
            PrincipalKind::User => {
                told("aws:username", name.as_ref());
                put("aws:PrincipalType", vec!["User".to_owned()]);
            }
            PrincipalKind::Role | PrincipalKind::PermissionSet | PrincipalKind::ServiceLinkedRole => {
                put("aws:PrincipalType", vec!["AssumedRole".to_owned()]);
                put("aws:username", Vec::new());
            }
            PrincipalKind::Root
            | PrincipalKind::Service
            | PrincipalKind::Federated
            | PrincipalKind::Account
            | PrincipalKind::Anonymous
            | PrincipalKind::Unknown => {}
        }
    }

    fn of_resource(&self, put: &mut impl FnMut(&str, Vec<String>)) {
        let written = || arn::parts(self.resource).map(|parts| parts[3]);
        let digits = |account: &&str| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(account) = self.facts.resource_account.as_deref().or_else(written).filter(digits) {
            put("aws:ResourceAccount", vec![account.to_owned()]);
        }
    }

    fn of_network(&self, put: &mut impl FnMut(&str, Vec<String>)) {
        if let Some(_service) = self.via() {
            NETWORK_KEYS.iter().for_each(|key| put(key, Vec::new()));
            put("aws:ViaAWSService", vec!["true".to_owned()]);
            return;
        }
        let direct = self.vias.len() == 1 && self.vias.first().is_some_and(String::is_empty);
        if !direct || !self.is_record() {
            return;
        }
        put("aws:ViaAWSService", vec!["false".to_owned()]);
        ["aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast"].iter().for_each(|key| put(key, Vec::new()));
        let address = self.facts.source_ip.iter().filter(|text| text.parse::<IpAddr>().is_ok());
        let address: Vec<String> = address.cloned().collect();
        match &self.facts.vpc_endpoint_id {
            Some(endpoint) => {
                put("aws:SourceVpce", vec![endpoint.clone()]);
                put("aws:SourceIp", Vec::new());
                put("aws:VpcSourceIp", address);
            }
            // A private address came through an endpoint that the record does not name.
            None if address.first().is_some_and(|address| is_public(address)) => {
                put("aws:SourceIp", address);
                ["aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp"].iter().for_each(|key| put(key, Vec::new()));
            }
            None => {}
        }
        if let Some(agent) = self.facts.user_agent.as_deref().filter(|agent| is_whole(agent)) {
            put("aws:UserAgent", vec![agent.to_owned()]);
        }
    }

    fn of_place_and_time(&self, put: &mut impl FnMut(&str, Vec<String>)) {
        if let (Some(region), 1) = (self.regions.first(), self.regions.len()) {
            put("aws:RequestedRegion", vec![region.clone()]);
            if self.action.starts_with("ec2:") {
                put("ec2:Region", vec![region.clone()]);
            }
        }
        if let Some(at) = self.at {
            put("aws:CurrentTime", vec![at.to_string()]);
            put("aws:EpochTime", vec![at.as_second().to_string()]);
        }
    }
}

/// `AWS Internal` names nobody.
fn is_host(via: &str) -> bool {
    via.ends_with(".amazonaws.com")
}

/// Addresses of the Internet; all others never reach AWS but through an endpoint.
fn is_public(address: &str) -> bool {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(four)) => {
            let shared = four.octets()[0] == 100 && (64..128).contains(&four.octets()[1]);
            !(four.is_private() || four.is_loopback() || four.is_link_local() || four.is_unspecified() || shared)
        }
        Ok(IpAddr::V6(six)) => six.segments()[0] & 0xe000 == 0x2000,
        Err(_) => false,
    }
}

/// CloudTrail cuts long agents and sets some in brackets; those are not what the request bore.
fn is_whole(agent: &str) -> bool {
    agent.len() < 1000 && !agent.starts_with('[') && agent != "AWS Internal"
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    #[track_caller]
    fn check(sample: &Sample, key: &str, expect: Standing) {
        assert_eq!(sample.needed().standing(key, Catalog::embedded()), expect, "{key}");
    }

    fn shown(value: &str) -> Standing {
        Standing::Shown(vec![value.to_owned()])
    }

    #[test]
    fn a_record_shows_its_caller_and_its_network() {
        let sample = Sample::record("s3:GetObject", "arn:aws:s3:::b/k");
        check(&sample, "AWS:SOURCEIP", shown("192.0.2.10"));
        check(&sample, "aws:SourceVpce", Standing::Absent);
        check(&sample, "aws:RequestedRegion", shown("eu-west-1"));
        check(&sample, "aws:PrincipalArn", shown("arn:aws:iam::111122223333:role/app"));
        check(&sample, "aws:PrincipalAccount", shown("111122223333"));
        check(&sample, "aws:username", Standing::Absent);
        check(&sample, "aws:ViaAWSService", shown("false"));
        check(&sample, "aws:PrincipalTag/team", Standing::Unknown);
        check(&sample, "aws:ResourceAccount", Standing::Unknown);
        check(&sample, "s3:x-amz-server-side-encryption", Standing::Absent);
        check(&sample, "aws:CurrentTime", shown("2026-11-11T15:30:09Z"));
    }

    #[test]
    fn a_call_through_a_service_bears_no_network() {
        let sample = Sample::record("kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/k").via("s3.amazonaws.com");
        check(&sample, "aws:SourceIp", Standing::Absent);
        check(&sample, "aws:SourceVpce", Standing::Absent);
        check(&sample, "aws:ViaAWSService", shown("true"));
        check(&sample, "aws:CalledVia", Standing::Unknown);
        check(&sample.via("AWS Internal"), "aws:SourceIp", Standing::Unknown);
    }

    #[test]
    fn an_endpoint_takes_the_place_of_the_address() {
        let mut sample = Sample::record("s3:GetObject", "arn:aws:s3:::b/k");
        sample.facts.vpc_endpoint_id = Some("vpce-0a".to_owned());
        check(&sample, "aws:SourceVpce", shown("vpce-0a"));
        check(&sample, "aws:SourceIp", Standing::Absent);
        sample.facts.vpc_endpoint_id = None;
        sample.facts.source_ip = Some("10.1.2.3".to_owned());
        check(&sample, "aws:SourceVpce", Standing::Unknown);
        check(&sample, "aws:SourceIp", Standing::Unknown);
    }

    #[test]
    fn a_pasted_text_tells_little() {
        let sample = Sample::text("s3:GetObject", "arn:aws:s3:::b/k");
        for key in ["aws:SourceIp", "aws:SourceVpce", "aws:RequestedRegion", "aws:PrincipalArn", "aws:ViaAWSService"] {
            check(&sample, key, Standing::Unknown);
        }
        check(&sample, "aws:PrincipalAccount", shown("111122223333"));
        assert!(!sample.needed().request().context.contains_key("aws:username"), "an absent key is left out");
    }
}
