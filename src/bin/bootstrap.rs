//! The Lambda function: clients are built once, then each event goes through [`denywatch::app::watch`].

use denywatch::app::shelf::Shelf;
use denywatch::app::watch::{Line, Post, Time, handle};
use denywatch::io::aws::{Aws, Options, start};
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use std::process::ExitCode;
use std::rc::Rc;
use tokio::sync::Mutex;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    start_logs();
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "cannot go on");
            ExitCode::FAILURE
        }
    }
}

async fn start() -> Result<(), lambda_runtime::Error> {
    let aws = Aws::load(&Options::default()).await;
    let (config, store) = (env("DENYWATCH_CONFIG"), env("DENYWATCH_STORE"));
    let settings = start::settings(&aws, config.as_deref(), store.as_deref()).await?;
    let post = Post::new(start::sinks(&aws, &settings), settings.policy.clone());
    let line = denywatch::app::line::open(&settings, now)?.shelving(Shelf::of(&aws, &settings));
    serve(if settings.live { line.asking(&aws) } else { line }, post).await
}

/// Takes events until Lambda ends the process.
async fn serve(line: impl Line, post: Post) -> Result<(), lambda_runtime::Error> {
    let state = Rc::new(Mutex::new((line, post)));
    let answer = |event: LambdaEvent<Value>| {
        let state = Rc::clone(&state);
        async move {
            let (line, post) = &mut *state.lock().await;
            let time = Time { now: &now, deadline: deadline(event.context.deadline) };
            let done = handle(&event.payload, line, post, &time).await;
            let done =
                done.map_err(|again| Diagnostic { error_type: "Again".into(), error_message: again.to_string() })?;
            tracing::info!(
                records = done.records,
                findings = done.findings,
                sent = done.sent,
                quarantined = done.quarantined,
                retry = done.retry.len(),
                "done"
            );
            Ok::<Value, Diagnostic>(done.answer())
        }
    };
    lambda_runtime::run(service_fn(answer)).await
}

/// JSON lines for CloudWatch Logs: ours from `info` (or `AWS_LAMBDA_LOG_LEVEL`), all others' from `warn`, whatever the
/// environment says: at lower levels libraries print requests.
fn start_logs() {
    let ours = env("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let targets =
        Targets::new().with_default(LevelFilter::WARN).with_target("denywatch", ours).with_target("bootstrap", ours);
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
    tracing_subscriber::registry().with(lines).with(targets).init();
}

/// Milliseconds since 1970; what is out of range means that no time is left.
fn deadline(millis: u64) -> Timestamp {
    i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "a binary hands the clock in")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "a binary hands the environment in")]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
