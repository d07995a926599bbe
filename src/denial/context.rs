//! Facts of a record beyond what AWS said: who called through whom, which roles it hands on, condition keys it shows.

use super::Facts;
use crate::arn::Arn;
use crate::catalog::Catalog;
use crate::record::Record;
use serde_json::Value;
use std::collections::BTreeMap;

/// The record's own facts, joined to those already known.
pub(super) fn facts(record: &Record, known: Facts) -> Facts {
    let via = record.user_identity.get("invokedBy").and_then(Value::as_str).map(str::to_owned);
    let mut context = known.context;
    context.extend(request_keys(record));
    Facts {
        via,
        source: record.event_source.clone(),
        source_ip: record.source_ip.clone(),
        user_agent: record.user_agent.clone(),
        read_only: record.read_only,
        context,
        error_code: record.error_code.clone(),
        vpc_endpoint_id: record.vpc_endpoint_id.clone(),
        resource_account: resource_account(record),
        ..known
    }
}

/// Condition keys whose values stand in the request: S3's encryption headers.
/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/list_amazons3.html>.
fn request_keys(record: &Record) -> BTreeMap<String, Vec<String>> {
    let headers = ["x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-acl"];
    let found = headers.iter().filter_map(|header| {
        let value = record.request_parameters.get(header)?.as_str()?;
        Some((format!("s3:{header}"), vec![value.to_owned()]))
    });
    found.collect()
}

/// The owner that the record's resource names, where it is one account.
fn resource_account(record: &Record) -> Option<String> {
    let mut accounts: Vec<String> =
        record.resource_arns.iter().filter_map(|arn| arn.parse::<Arn>().ok()).map(|arn| arn.account).collect();
    accounts.retain(|account| !account.is_empty());
    accounts.dedup();
    if accounts.len() == 1 { accounts.pop() } else { None }
}

/// `iam:PassedToService` for a refused iam:PassRole: the service that was called.
pub(super) fn passed_to(actions: &[String], source: Option<&str>, catalog: &Catalog) -> BTreeMap<String, Vec<String>> {
    let is_pass = actions.iter().any(|action| action == "iam:PassRole");
    let service = source.filter(|_| is_pass).and_then(|source| catalog.passed_to(source));
    service.map(|service| ("iam:PassedToService".to_owned(), vec![service.to_owned()])).into_iter().collect()
}

/// Roles that the request hands to a service.
pub(super) fn passed_roles(
    operation: Option<&str>,
    source: Option<&str>,
    params: Option<&Value>,
    catalog: &Catalog,
) -> BTreeMap<String, Vec<String>> {
    let mut roles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if let (Some(operation), Some(source), Some(params)) = (operation, source, params) {
        for passed in catalog.passed_roles(source, operation, params) {
            roles.entry(passed.member.clone()).or_default().push(passed.role);
        }
    }
    roles
}
