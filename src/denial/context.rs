//! Facts of a record beyond what AWS said: who called through whom, which roles it hands on, condition keys it shows.

use super::Facts;
use super::build::Told;
use crate::arn::Arn;
use crate::catalog::Catalog;
use crate::record::Record;
use serde_json::Value;
use std::collections::BTreeMap;

/// The record's own facts, joined to those already known.
pub(super) fn facts(record: &Record, actions: &[String], known: Facts) -> Facts {
    let mut context = known.context;
    context.append(&mut request_keys(record));
    context.append(&mut super::session::keys(record));
    Facts {
        via: via(record, actions),
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
    let of_arns = record.resource_arns.iter().filter_map(|arn| arn.parse::<Arn>().ok()).map(|arn| arn.account);
    let mut accounts: Vec<String> = of_arns.chain(record.resource_accounts.iter().cloned()).collect();
    accounts.retain(|account| !account.is_empty());
    accounts.sort();
    accounts.dedup();
    if accounts.len() == 1 { accounts.pop() } else { None }
}

/// `iam:PassedToService` for a refused iam:PassRole: the service that the call hands the refused role to.
pub(super) fn passed_to(actions: &[String], told: &Told<'_>, catalog: &Catalog) -> BTreeMap<String, Vec<String>> {
    let is_pass = actions.iter().any(|action| action == "iam:PassRole");
    let service = told.operation.filter(|_| is_pass).and_then(|name| receiver(name, told, catalog));
    service.map(|service| ("iam:PassedToService".to_owned(), vec![service])).into_iter().collect()
}

/// Operations that hand on roles which their request does not name: those of the task definition. A service's own
/// request tells neither which, nor to whom, so nothing is concluded.
/// See <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html>.
const FROM_TASK_DEFINITION: [(&str, Option<&str>); 4] = [
    ("ecs:RunTask", Some("ecs-tasks.amazonaws.com")),
    ("ecs:StartTask", Some("ecs-tasks.amazonaws.com")),
    ("ecs:CreateService", None),
    ("ecs:UpdateService", None),
];

/// The member that holds the refused role tells, since one request may hand several roles to several services.
fn receiver(name: &str, told: &Told<'_>, catalog: &Catalog) -> Option<String> {
    let prefix = told.prefix(catalog);
    let roles = catalog.passed_roles(prefix, &told.call());
    if let Some(passed) = roles.iter().find(|passed| told.names_role(&passed.role)) {
        return passed.service.clone();
    }
    let operation = format!("{prefix}:{name}");
    if let Some((_, service)) = FROM_TASK_DEFINITION.iter().find(|(known, _)| *known == operation) {
        return service.map(str::to_owned);
    }
    catalog.passed_to(prefix, name).map(str::to_owned)
}

/// Roles that the request hands to a service. A bare name hides the role's path, so no ARN is made of it.
pub(super) fn passes(told: &Told<'_>, catalog: &Catalog) -> Vec<(String, String)> {
    let passed = catalog.passed_roles(told.prefix(catalog), &told.call());
    let is_role = |role: &str| role.parse::<Arn>().is_ok_and(|arn| arn.service == "iam");
    let roles = passed.into_iter().filter(|passed| is_role(&passed.role));
    roles.map(|passed| (passed.service.unwrap_or_default(), passed.role)).collect()
}

/// The service that called with the caller's permissions: `invokedBy`, or the one whose record names a KMS action.
fn via(record: &Record, actions: &[String]) -> Option<String> {
    let invoked = record.user_identity.get("invokedBy").and_then(Value::as_str);
    // A service that calls in its own name carries nobody's permissions: `kms:ViaService` is not set then, see
    // https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    if record.user_identity.get("type").and_then(Value::as_str) == Some("AWSService") {
        return None;
    }
    relaying(record.event_source.as_deref(), actions).or(invoked).map(str::to_owned)
}

/// The service that was called, where what it was refused is KMS's: it asked KMS with the caller's permissions.
pub(super) fn relaying<'s>(source: Option<&'s str>, actions: &[String]) -> Option<&'s str> {
    let of_kms = !actions.is_empty() && actions.iter().all(|action| action.starts_with("kms:"));
    source.filter(|source| of_kms && *source != "kms.amazonaws.com")
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;
    use crate::denial::{Denial, Given, from_record};
    use crate::record;
    use serde_json::{Value, json};

    const ROLE: &str = "arn:aws:iam::111122223333:role/worker";

    fn denial(source: &str, operation: &str, params: Value, message: &str, identity: Value) -> Denial {
        let event = json!({"eventSource": format!("{source}.amazonaws.com"), "eventName": operation, "awsRegion": "eu-west-1",
            "errorCode": "AccessDenied", "errorMessage": message, "requestParameters": params, "userIdentity": identity,
            "recipientAccountId": "111122223333"});
        let (records, _) = record::read(event.to_string().as_bytes(), "test");
        from_record(&records[0], &Given::default(), Catalog::embedded()).unwrap()
    }

    #[track_caller]
    fn passed(source: &str, operation: &str, params: Value, expect: Option<&str>) {
        let user = "arn:aws:iam::111122223333:user/ana";
        let message = format!("User: {user} is not authorized to perform: iam:PassRole on resource: {ROLE}");
        let found = denial(source, operation, params, &message, json!({"type": "IAMUser", "arn": user}));
        let service = found.facts.context.get("iam:PassedToService").and_then(|values| values.first().cloned());
        assert_eq!(service.as_deref(), expect);
    }

    #[test]
    fn the_member_with_the_refused_role_tells_who_gets_it() {
        passed(
            "apprunner",
            "CreateService",
            json!({"instanceConfiguration": {"instanceRoleArn": ROLE}}),
            Some("tasks.apprunner.amazonaws.com"),
        );
        let pull = json!({"sourceConfiguration": {"authenticationConfiguration": {"accessRoleArn": ROLE}}});
        passed("apprunner", "CreateService", pull, Some("build.apprunner.amazonaws.com"));
        passed("ec2", "RunInstances", json!({"iamInstanceProfile": {"name": "web"}}), Some("ec2.amazonaws.com"));
        passed("ecs", "RunTask", json!({"taskDefinition": "api:3"}), Some("ecs-tasks.amazonaws.com"));
        passed("ecs", "CreateService", json!({"serviceName": "api"}), None);
        passed("ecs", "CreateService", json!({"serviceName": "api", "role": ROLE}), Some("ecs.amazonaws.com"));
    }

    #[test]
    fn a_service_in_its_own_name_goes_through_nobody() {
        let key = "arn:aws:kms:eu-west-1:111122223333:key/k";
        let message =
            format!("User: events.amazonaws.com is not authorized to perform: kms:Decrypt on resource: {key}");
        let service = json!({"type": "AWSService", "invokedBy": "events.amazonaws.com"});
        assert_eq!(denial("kms", "Decrypt", Value::Null, &message, service).facts.via, None);
        let user =
            json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ana", "invokedBy": "s3.amazonaws.com"});
        assert_eq!(
            denial("kms", "Decrypt", Value::Null, &message, user).facts.via.as_deref(),
            Some("s3.amazonaws.com")
        );
    }
}
