//! Whether the function's role may do what the function does: its policies, read and replayed.

use super::function::Function;
use super::{Health, State};
use crate::app::{World, explain};
use crate::delivery::Destination;
use crate::denial::Given;
use crate::diagnosis::{InForce, diagnose};
use crate::finding::{Finding, fold, observe};
use crate::io::aws::Aws;
use crate::io::clock;
use crate::io::secret::SecretRef;
use crate::io::settings::Settings;
use crate::io::sources::live::{Live, Moment};
use crate::policy::{Request, evaluate};
use std::time::Duration;

const AREA: &str = "role";
/// For all reads together.
const PATIENCE: Duration = Duration::from_secs(60);

/// A permission, and what fails without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) action: &'static str,
    pub(super) resource: String,
    pub(super) why: &'static str,
}

/// What the function calls, with this configuration. Which archive it reads and which queue is for back-fills is not told
/// by it.
pub(super) fn needs(function: &Function, settings: Option<&Settings>, store: Option<&str>) -> Vec<Need> {
    let mut all = Vec::new();
    let mut need = |action, resource: &str, why| all.push(Need { action, resource: resource.to_owned(), why });
    for queue in &function.queues {
        for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"] {
            need(action, queue, "no event is taken");
        }
    }
    let parts: Vec<&str> = function.arn.as_deref().unwrap_or_default().split(':').collect();
    if let ["arn", partition, "lambda", region, account, "function", ..] = parts[..] {
        if let Some(group) = &function.log {
            let log = format!("arn:{partition}:logs:{region}:{account}:log-group:{group}:log-stream:x");
            need("logs:PutLogEvents", &log, "no log is written");
        }
        if let Some(table) = store.and_then(|store| store.strip_prefix("dynamodb:")) {
            let named = format!("arn:{partition}:dynamodb:{region}:{account}:table/{table}");
            let table = if table.starts_with("arn:") { table } else { &named };
            for action in ["BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"] {
                let action = TABLE.iter().find(|known| known.ends_with(&format!(":{action}"))).copied();
                need(action.unwrap_or("dynamodb:GetItem"), table, "the ledger does not work");
            }
        }
        need("cloudtrail:LookupEvents", "*", "nobody looks whether what was denied is allowed by now");
        if let Some(place) = settings.and_then(|settings| settings.report.place.as_ref()) {
            let page = format!("arn:{partition}:s3:::{}/{}x", place.bucket, place.prefix);
            need("s3:PutObject", &page, "no report is put there");
            need("s3:GetObject", &page, "links to a report do not open");
        }
        for secret in settings.iter().flat_map(|settings| secrets(settings)) {
            match &secret {
                SecretRef::SecretsManager(arn) => {
                    need("secretsmanager:GetSecretValue", arn, "its receiver is told nothing")
                }
                SecretRef::Parameter(name) => {
                    let named =
                        format!("arn:{partition}:ssm:{region}:{account}:parameter/{}", name.trim_start_matches('/'));
                    let arn = if name.starts_with("arn:") { name } else { &named };
                    need("ssm:GetParameter", arn, "its receiver is told nothing");
                }
            }
        }
    }
    for to in settings.iter().flat_map(|settings| settings.routes.destinations()) {
        match to {
            Destination::Sns(topic) | Destination::Q(topic) => need("sns:Publish", &topic, "the topic is told nothing"),
            _ => {}
        }
    }
    all
}

const TABLE: [&str; 6] = [
    "dynamodb:BatchGetItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
];

/// The secrets that a configuration names, each once.
pub(super) fn secrets(settings: &Settings) -> Vec<SecretRef> {
    let mut all: Vec<SecretRef> = settings
        .slack
        .iter()
        .map(|slack| &slack.secret)
        .chain(settings.pagerduty.values().map(|one| &one.secret))
        .chain(settings.teams.values())
        .chain(settings.webhooks.values().map(|one| &one.secret))
        .cloned()
        .collect();
    all.sort();
    all.dedup();
    all
}

pub(super) async fn look(aws: &Aws, role: &str, needs: &[Need], health: &mut Health) {
    let findings: Vec<Finding> = needs.first().map(|need| finding(role, need)).unwrap_or_default();
    let mut live = Live::new(aws, PATIENCE);
    let moment = Moment { now: clock::now(), within: PATIENCE };
    let (in_force, problems) = Box::pin(live.read(&findings, &InForce::default(), moment)).await;
    for problem in problems {
        health.add(
            AREA,
            role,
            State::Unknown,
            format!("could not be checked: {}: {}", problem.input, problem.error),
            None,
        );
    }
    let held = findings.first().and_then(|finding| in_force.of(&finding.principal));
    let Some(held) = held.filter(|held| held.tells_identity()) else {
        let remedy = "let these credentials read it: iam:GetRole, iam:ListRolePolicies, iam:GetRolePolicy, iam:ListAttachedRolePolicies";
        return health.add(
            AREA,
            role,
            State::Unknown,
            "could not be checked: its policies were not read",
            Some(remedy),
        );
    };
    let lacks: Vec<&Need> = needs
        .iter()
        .filter(|need| {
            let request = Request {
                principal: role.to_owned(),
                action: need.action.to_owned(),
                resource: need.resource.clone(),
                ..Request::default()
            };
            !evaluate(&held.policies(need.action, &need.resource), &request).allowed
        })
        .collect();
    for need in &lacks {
        let says = format!("it lacks {} on {}: {}", need.action, need.resource, need.why);
        health.fault(AREA, role, says, "deploy the template again, or add the statement: infra/README.md lists them");
    }
    if lacks.is_empty() {
        let says =
            "that the configuration asks for; an archive, a back-fill queue and keys of your own were not looked at";
        health.ok(AREA, role, format!("it may do all of {} things {says}", needs.len()));
    }
}

/// A finding of the role's, by which its policies are read like anybody's.
fn finding(role: &str, need: &Need) -> Vec<Finding> {
    let Need { action, resource, .. } = need;
    let text = format!(
        "User: {role} is not authorized to perform: {action} on resource: {resource} because no identity-based policy \
         allows the {action} action"
    );
    let world = World::new(InForce::default());
    let denials = explain::denials(text.as_bytes(), "role", &Given::default(), &world);
    fold(denials.into_iter().map(|denial| observe(denial.clone(), diagnose(&denial))))
}
