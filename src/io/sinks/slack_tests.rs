use super::*;
use crate::io::aws::Aws;
use crate::io::doubles::{self, Reply, Server};
use serde_json::json;
use std::time::Duration;

/// A sink whose secret is `url`, and the server that tells it.
fn sink(url: &str) -> (SlackSink, Server) {
    let body = json!({ "Parameter": { "Value": url } }).to_string();
    let ssm = Server::start(move |_, _| Reply::new(200, body.clone()));
    let aws = Aws::from_config(crate::io::aws::tests::config(&ssm.url()));
    let secrets = Arc::new(Secrets::new(aws.signed().clone()));
    (SlackSink::new(secrets, SecretRef::Parameter("/denywatch/slack".into())), ssm)
}

fn message() -> Message {
    Message {
        id: "D-1".into(),
        subject: "s".into(),
        body: "b".into(),
        json: json!({"text": "t", "blocks": []}),
        ..Message::default()
    }
}

#[tokio::test]
async fn posts_the_json_and_reads_the_secret_once() {
    let slack = doubles::slack();
    let (sink, ssm) = sink(&format!("{}/services/T/B/secret", slack.url()));
    sink.send(&message()).await.unwrap();
    sink.send(&message()).await.unwrap();
    let seen = slack.seen();
    assert_eq!((seen.len(), ssm.seen().len()), (2, 1));
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("POST", "/services/T/B/secret"));
    assert_eq!(seen[0].header("content-type"), "application/json");
    assert_eq!(seen[0].body, r#"{"text":"t","blocks":[]}"#);
}

#[tokio::test]
async fn answers() {
    let retry =
        |why: &str, after: Option<u64>| SinkError::Retryable { why: why.into(), after: after.map(Duration::from_secs) };
    let permanent = |why: &str| SinkError::Permanent(why.into());
    for (status, body, after, expect) in [
        (429, "rate_limited", Some("30"), retry("Slack: HTTP 429 rate_limited", Some(30))),
        (503, "", None, retry("Slack: HTTP 503 ", None)),
        (500, "<html>https://hooks/T/B/secret", None, retry("Slack: HTTP 500 (no word of its own)", None)),
        (400, "invalid_payload", None, permanent("Slack: HTTP 400 invalid_payload")),
        (403, "invalid_token", None, permanent("Slack: HTTP 403 invalid_token")),
        (404, "no_service", None, permanent("Slack: HTTP 404 no_service")),
        (410, "channel_is_archived", None, permanent("Slack: HTTP 410 channel_is_archived")),
        (200, "{\"ok\":false}", None, permanent("Slack: HTTP 200 (no word of its own)")),
        (302, "", None, permanent("Slack: HTTP 302 ")),
    ] {
        let slack = Server::start(move |_, _| {
            let reply = Reply::new(status, body);
            after.map_or(reply.clone(), |seconds| reply.with("retry-after", seconds))
        });
        let (sink, _ssm) = sink(&format!("{}/services/T/B/secret", slack.url()));
        assert_eq!(sink.send(&message()).await.unwrap_err(), expect);
        assert_eq!(slack.seen().len(), 1);
    }
}

#[tokio::test]
async fn after_a_refusal_the_secret_is_read_anew() {
    let slack = Server::start(|_, before| match before {
        0 => Reply::new(404, "no_service"),
        _ => Reply::new(200, "ok"),
    });
    let (sink, ssm) = sink(&format!("{}/services/T/B/secret", slack.url()));
    sink.send(&message()).await.unwrap_err();
    sink.send(&message()).await.unwrap();
    assert_eq!(ssm.seen().len(), 2);
}

#[tokio::test]
async fn nobody_there_is_retryable_and_names_no_address() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (sink, _ssm) = sink(&format!("http://127.0.0.1:{port}/services/T/B/secret"));
    let error = sink.send(&message()).await.unwrap_err();
    assert_eq!(error, SinkError::Retryable { why: "Slack: no answer: connection failed".into(), after: None });
}

#[tokio::test]
async fn only_https_or_this_machine() {
    for url in [
        "http://hooks.slack.com/services/T/B/secret",
        "http://127.0.0.1.example.com/secret",
        "http://user@example.com/secret",
        "ftp://127.0.0.1/secret",
        "secret",
        "",
    ] {
        let (sink, _ssm) = sink(url);
        let error = sink.send(&message()).await.unwrap_err();
        assert!(matches!(error, SinkError::Permanent(_)), "{url}");
        assert!(!format!("{error} {error:?} {sink:?}").contains("secret/") && !error.to_string().contains("http://"));
    }
    assert!(crate::io::sinks::post::is_allowed("https://hooks.slack.com/services/T/B/secret"));
    assert!(crate::io::sinks::post::is_allowed("https://hooks.slack-gov.com/services/T/B/secret"));
}
