//! Facts of a record beyond what AWS said: who called through whom, which roles it hands on, condition keys it shows.

use super::Facts;
use super::build::Told;
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

/// `iam:PassedToService` for a refused iam:PassRole: the service that the call hands the role to.
pub(super) fn passed_to(actions: &[String], told: &Told<'_>, catalog: &Catalog) -> BTreeMap<String, Vec<String>> {
    if !actions.iter().any(|action| action == "iam:PassRole") {
        return BTreeMap::new();
    }
    let service = catalog.passed_roles(told.prefix(catalog), &told.call()).into_iter().find_map(|passed| passed.service);
    service.map(|service| ("iam:PassedToService".to_owned(), vec![service])).into_iter().collect()
}

/// Roles that the request hands to a service, by that service.
pub(super) fn passed_roles(told: &Told<'_>, catalog: &Catalog) -> BTreeMap<String, Vec<String>> {
    let call = told.call();
    let mut roles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for passed in catalog.passed_roles(told.prefix(catalog), &call) {
        let arn = match passed.role.parse::<Arn>() {
            Ok(arn) if arn.service == "iam" => arn.to_string(),
            Ok(_) => continue,
            // A bare name: the account's own role; its path is not known, so an ARN cannot be.
            Err(_) => continue,
        };
        roles.entry(passed.service.unwrap_or_default()).or_default().push(arn);
    }
    roles.values_mut().for_each(|arns| {
        arns.sort();
        arns.dedup();
    });
    roles
}
