//! What holds for every receiver behind an address: a secret fetched by name, answers read alike.

use super::pagerduty::PagerDutySink;
use super::teams::TeamsSink;
use super::webhook::WebhookSink;
use super::{Message, Sink, SinkError, Step};
use crate::io::aws::Aws;
use crate::io::aws::secret::Secrets;
use crate::io::doubles::{Reply, Server};
use crate::io::secret::SecretRef;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn secrets(value: &str) -> (Arc<Secrets>, SecretRef, Server) {
    let body = json!({ "Parameter": { "Value": value } }).to_string();
    let ssm = Server::start(move |_, _| Reply::new(200, body.clone()));
    let aws = Aws::from_config(crate::io::aws::tests::config(&ssm.url()));
    (Arc::new(Secrets::new(aws.signed().clone())), SecretRef::Parameter("/denywatch/x".into()), ssm)
}

/// Each kind of receiver, pointed at `server`, and the status that it takes for success.
fn receivers(server: &Server) -> Vec<(Box<dyn Sink>, u16, Server)> {
    let (keys, name, ssm) = secrets("hush");
    let pagerduty = PagerDutySink::new(keys, name, &server.url(), "iam");
    let (keys, name, more) = secrets(&format!("{}/workflows/hush", server.url()));
    let teams = TeamsSink::new(keys, name, "ops");
    let (keys, name, last) = secrets("hush");
    let webhook = WebhookSink::new(keys, name, &format!("{}/hook", server.url()), "siem");
    vec![(Box::new(pagerduty), 202, ssm), (Box::new(teams), 202, more), (Box::new(webhook), 204, last)]
}

fn message(step: Step) -> Message {
    Message { id: "D-1".into(), json: json!({"a": 1}), step, ..Message::default() }
}

#[tokio::test]
async fn each_takes_its_own_success() {
    let server = Server::start(|request, _| Reply::new(if request.target == "/hook" { 204 } else { 202 }, ""));
    for (sink, ..) in receivers(&server) {
        sink.send(&message(Step::Post)).await.unwrap();
    }
    let seen = server.seen();
    assert_eq!(
        seen.iter().map(|one| one.target.as_str()).collect::<Vec<_>>(),
        ["/v2/enqueue", "/workflows/hush", "/hook"]
    );
    let event: Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(event, json!({"a": 1, "routing_key": "hush", "event_action": "trigger"}));
    assert_eq!(seen[1].body, r#"{"a":1}"#);
    assert!(seen[2].header("x-denywatch-signature").starts_with("v1=") && !seen[2].header("x-denywatch-id").is_empty());
    let sent: i64 = seen[2].header("x-denywatch-timestamp").parse().unwrap();
    assert!(sent > 1_700_000_000, "{sent}");
}

#[tokio::test]
async fn what_is_over_closes_the_incident() {
    let server = Server::start(|_, _| Reply::new(202, ""));
    receivers(&server)[0].0.send(&message(Step::Close)).await.unwrap();
    assert!(server.seen()[0].body.contains(r#""event_action":"resolve""#));
}

#[tokio::test]
async fn answers() {
    for (status, after, retryable) in [
        (429, Some("9"), true),
        (408, None, true),
        (500, None, true),
        (503, None, true),
        (400, None, false),
        (401, None, false),
        (404, None, false),
        (410, None, false),
        (302, None, false),
    ] {
        let server = Server::start(move |_, _| {
            let reply = Reply::new(status, "https://example.com/workflows/hush");
            after.map_or(reply.clone(), |seconds| reply.with("retry-after", seconds))
        });
        for (sink, ..) in receivers(&server) {
            let error = sink.send(&message(Step::Post)).await.unwrap_err();
            let wait = after.map(|_| Duration::from_secs(9));
            match &error {
                SinkError::Retryable { after, .. } => assert_eq!((retryable, *after), (true, wait), "{status} {error}"),
                SinkError::Permanent(_) => assert!(!retryable, "{status} {error}"),
            }
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
        }
    }
}

#[tokio::test]
async fn after_a_refusal_the_secret_is_read_anew() {
    let server = Server::start(|_, _| Reply::new(403, ""));
    for (sink, _, ssm) in receivers(&server) {
        sink.send(&message(Step::Post)).await.unwrap_err();
        sink.send(&message(Step::Post)).await.unwrap_err();
        assert_eq!(ssm.seen().len(), 2, "{}", sink.name());
    }
}

#[tokio::test]
async fn who_hangs_ends_with_the_runs_time_and_nobody_there_is_tried_again() {
    let server = Server::start(|_, _| {
        std::thread::sleep(Duration::from_secs(2));
        Reply::new(202, "")
    });
    for (sink, ..) in receivers(&server) {
        let message = message(Step::Post);
        let error = super::send_within(sink.as_ref(), &message, Duration::from_millis(200)).await.unwrap_err();
        assert!(matches!(error, SinkError::Retryable { .. }), "{error}");
    }
}
