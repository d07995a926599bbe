//! The function, its configuration, and the queues that it is fed from.

use super::{Asked, Health, State, is_missing, list, number, text};
use crate::io::aws::signed::{CallError, Service};
use crate::io::aws::{Aws, ask, start};
use crate::io::settings::Settings;
use serde_json::{Value, json};

const LAMBDA: Service = Service::rest("lambda", "Lambda");
const AREA: &str = "function";

/// What the rest is looked for by.
#[derive(Debug, Clone, Default)]
pub(super) struct Function {
    pub(super) arn: Option<String>,
    pub(super) name: String,
    pub(super) role: Option<String>,
    /// The log group's name.
    pub(super) log: Option<String>,
    /// Seconds.
    pub(super) timeout: u64,
    /// ARNs.
    pub(super) queues: Vec<String>,
    pub(super) store: Option<String>,
    pub(super) settings: Option<Settings>,
    /// Where its configuration lies, as `DENYWATCH_CONFIG` says.
    pub(super) place: Option<String>,
    /// By its environment.
    pub(super) paused: bool,
}

pub(super) async fn look(aws: &Aws, asked: &Asked, health: &mut Health) -> Function {
    let name = asked.function.as_str();
    let mut function = Function { name: name.to_owned(), ..Function::default() };
    let target = format!("2015-03-31/functions/{}/configuration", ask::encode(name));
    match aws.signed().get(LAMBDA, "GetFunctionConfiguration", None, &target).await {
        Ok(answer) => read(&answer, &mut function, health),
        Err(error) if is_missing(&error) => {
            let says = "there is no such function in this Region";
            health.fault(AREA, name, says, "name it with --function and --region, or deploy it: infra/README.md");
            return function;
        }
        Err(error) => health.unknown(AREA, name, "lambda:GetFunctionConfiguration", &error),
    }
    mappings(aws, &mut function, health).await;
    configuration(aws, asked, &mut function, health).await;
    function
}

fn read(answer: &Value, function: &mut Function, health: &mut Health) {
    let name = function.name.clone();
    let env = |key: &str| answer.pointer(&format!("/Environment/Variables/{key}")).and_then(Value::as_str);
    function.arn = text(answer, "FunctionArn").map(str::to_owned);
    function.role = text(answer, "Role").map(str::to_owned);
    function.log = answer.pointer("/LoggingConfig/LogGroup").and_then(Value::as_str).map(str::to_owned);
    function.timeout = number(&answer["Timeout"]).unwrap_or_default();
    function.store = env("DENYWATCH_STORE").map(str::to_owned);
    function.place = env("DENYWATCH_CONFIG").map(str::to_owned);
    function.paused = start::is_on(env("DENYWATCH_PAUSED"));
    match text(answer, "State") {
        None | Some("Active") => health.ok(AREA, &name, "it is there and active"),
        Some(state) => {
            let why = text(answer, "StateReason").unwrap_or_default();
            let state = format!("it is `{state}`: {why}");
            // Idle functions wake with the next event.
            health.add(AREA, &name, if state.contains("Failed") { State::Fault } else { State::Note }, state, None);
        }
    }
}

async fn mappings(aws: &Aws, function: &mut Function, health: &mut Health) {
    let name = function.name.clone();
    let target = format!("2015-03-31/event-source-mappings/?FunctionName={}", ask::encode(&name));
    let answer = match aws.signed().get(LAMBDA, "ListEventSourceMappings", None, &target).await {
        Ok(answer) => answer,
        Err(error) => return health.unknown(AREA, &name, "lambda:ListEventSourceMappings", &error),
    };
    let all = list(&answer, "EventSourceMappings");
    if all.is_empty() {
        let says = "no queue feeds it: no denial arrives";
        return health.fault(AREA, &name, says, "map the queue to it: `aws lambda create-event-source-mapping`");
    }
    for mapping in all {
        let arn = text(mapping, "EventSourceArn").unwrap_or_default();
        function.queues.push(arn.to_owned());
        judge_mapping(mapping, arn, health);
    }
}

fn judge_mapping(mapping: &Value, arn: &str, health: &mut Health) {
    match text(mapping, "State") {
        Some("Enabled" | "Creating" | "Enabling" | "Updating") | None => {}
        Some(state) => {
            let says = format!("its mapping to the function is `{state}`: events pile up");
            return health.fault(AREA, arn, says, "switch it on: `aws lambda update-event-source-mapping --enabled`");
        }
    }
    match list(mapping, "FunctionResponseTypes").contains(&json!("ReportBatchItemFailures")) {
        true => health.ok(AREA, arn, "it feeds the function; failures are reported one by one"),
        false => health.fault(
            AREA,
            arn,
            "it feeds the function, but one failure fails a whole batch",
            "set FunctionResponseTypes to ReportBatchItemFailures in its mapping",
        ),
    }
}

/// The function's own configuration, where the caller has none at hand.
async fn configuration(aws: &Aws, asked: &Asked, function: &mut Function, health: &mut Health) {
    let area = "configuration";
    if asked.settings.is_some() {
        return;
    }
    let Some(place) = function.place.clone() else { return };
    let shown = if place.contains(['\n', '{', '=']) { "inline".to_owned() } else { place.clone() };
    match start::settings(aws, Some(&place), function.store.as_deref()).await {
        Ok(settings) => {
            health.ok(area, &shown, "it fits");
            function.settings = Some(settings);
        }
        Err(error) => match refused(&error) {
            Some(error) => health.unknown(area, &shown, "s3:GetObject or ssm:GetParameter", error),
            None => health.fault(area, &shown, error.to_string(), "mend it: `denywatch config check` judges a file"),
        },
    }
}

/// AWS's refusal to these credentials, which says nothing of the function's.
fn refused(error: &start::StartError) -> Option<&CallError> {
    use crate::io::aws::secret::SecretError;
    match error {
        start::StartError::Object { source, .. } | start::StartError::Parameter(SecretError::Call { source, .. }) => {
            Some(source).filter(|source| !is_missing(source))
        }
        _ => None,
    }
}
