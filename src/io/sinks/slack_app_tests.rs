use super::*;
use crate::io::aws::Aws;
use crate::io::doubles::{Reply, Request, Server};
use std::time::Duration;

/// Slack, as far as these methods go: it gives every message a `ts` and every file an id.
fn slack() -> Server {
    Server::start(answer)
}

fn answer(request: &Request, before: usize) -> Reply {
    let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let said = match request.target.as_str() {
        "/api/chat.postMessage" => json!({"ok": true, "channel": "C0IAM", "ts": format!("1700000000.{before:06}")}),
        "/api/chat.update" => json!({"ok": true, "channel": body["channel"], "ts": body["ts"]}),
        "/api/files.getUploadURLExternal" => {
            json!({"ok": true, "upload_url": format!("http://{}/upload/1", request.header("host")), "file_id": "F1"})
        }
        _ => json!({"ok": true}),
    };
    Reply::new(200, said.to_string())
}

fn sink(slack: &Server) -> (SlackAppSink, Server) {
    let body = json!({ "Parameter": { "Value": "xoxb-hush" } }).to_string();
    let ssm = Server::start(move |_, _| Reply::new(200, body.clone()));
    let aws = Aws::from_config(crate::io::aws::tests::config(&ssm.url()));
    let secrets = Arc::new(Secrets::new(aws.signed().clone()));
    let secret = SecretRef::Parameter("/denywatch/slack".into());
    (SlackAppSink::new(secrets, secret, &format!("{}/api", slack.url()), "#iam"), ssm)
}

fn message(step: Step, receipt: Option<Receipt>) -> Message {
    Message { id: "D-1".into(), json: json!({"text": "t", "blocks": []}), step, receipt, ..Message::default() }
}

fn with_thread(mut message: Message) -> Message {
    message.thread = vec![json!({"text": "forms", "blocks": []})];
    message.files = vec![Attachment { name: "D-1.tf".into(), text: "resource".into(), ..Attachment::default() }];
    message
}

fn methods(slack: &Server) -> Vec<String> {
    slack.seen().iter().map(|request| request.target.trim_start_matches("/api/").to_owned()).collect()
}

fn body(request: &Request) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

#[tokio::test]
async fn a_message_its_forms_and_files() {
    let slack = slack();
    let (sink, ssm) = sink(&slack);
    assert_eq!(sink.name(), "slack:#iam");
    let receipt = sink.send(&with_thread(message(Step::Post, None))).await.unwrap().unwrap();
    assert_eq!(
        methods(&slack),
        [
            "chat.postMessage",
            "chat.postMessage",
            "files.getUploadURLExternal",
            "/upload/1",
            "files.completeUploadExternal"
        ]
    );
    let seen = slack.seen();
    assert_eq!(seen[0].header("authorization"), "Bearer xoxb-hush");
    assert_eq!(body(&seen[0])["channel"], "#iam");
    assert_eq!(
        (&body(&seen[1])["channel"], &body(&seen[1])["thread_ts"]),
        (&json!("C0IAM"), &json!("1700000000.000000"))
    );
    assert_eq!(seen[2].body, "filename=D-1.tf&length=8");
    assert_eq!(
        (seen[3].body.as_str(), seen[3].header("authorization")),
        ("resource", ""),
        "the token stays with Slack's API"
    );
    let complete =
        json!({"files": [{"id": "F1", "title": "D-1.tf"}], "channel_id": "C0IAM", "thread_ts": "1700000000.000000"});
    assert_eq!(body(&seen[4]), complete);
    assert_eq!((&receipt["channel"], &receipt["ts"]), (&json!("C0IAM"), &json!("1700000000.000000")));
    assert_eq!(ssm.seen().len(), 1, "the token is fetched once");
}

#[tokio::test]
async fn a_picture_goes_as_bytes_with_its_words() {
    let slack = slack();
    let (sink, _ssm) = sink(&slack);
    let mut report = message(Step::Post, None);
    let (text, picture) = ("Denied actions, week 46: 413 calls".to_owned(), b"\x89PNG\r\n\x1a\n\0\xff".to_vec());
    report.files = vec![Attachment { name: "2026-W46.png".into(), text, picture }];
    let receipt = sink.send(&report).await.unwrap();
    let seen = slack.seen();
    assert_eq!(seen[1].body, "filename=2026-W46.png&length=10&alt_txt=Denied_actions__week_46__413_calls");
    assert_eq!((seen[2].target.as_str(), seen[2].header("content-length")), ("/upload/1", "10"));
    // The same picture is not shown again with an edit.
    sink.send(&Message { step: Step::Edit, receipt, ..report }).await.unwrap();
    assert_eq!(methods(&slack)[4..], ["chat.update"]);
}

#[tokio::test]
async fn an_edit_changes_the_message_and_repeats_no_thread() {
    let slack = slack();
    let (sink, _ssm) = sink(&slack);
    let receipt = sink.send(&with_thread(message(Step::Post, None))).await.unwrap();
    let before = slack.seen().len();
    let again = sink.send(&with_thread(message(Step::Edit, receipt.clone()))).await.unwrap();
    assert_eq!((methods(&slack)[before..].to_vec(), &again), (vec!["chat.update".to_owned()], &receipt));
    let mut grown = with_thread(message(Step::Edit, receipt));
    grown.files[0].text = "resource two".into();
    let before = slack.seen().len();
    sink.send(&grown).await.unwrap();
    assert_eq!(methods(&slack)[before..].len(), 5, "the patch grew, so the thread tells its new forms");
    let update = slack.seen()[before].clone();
    assert_eq!((&body(&update)["channel"], &body(&update)["ts"]), (&json!("C0IAM"), &json!("1700000000.000000")));
}

#[tokio::test]
async fn what_is_back_stands_in_the_same_thread_and_in_the_channel() {
    let slack = slack();
    let (sink, _ssm) = sink(&slack);
    let receipt = sink.send(&message(Step::Post, None)).await.unwrap();
    let after = sink.send(&message(Step::Post, receipt.clone())).await.unwrap();
    assert_eq!(methods(&slack), ["chat.postMessage", "chat.postMessage", "chat.update"]);
    let back = body(&slack.seen()[1]);
    assert_eq!((&back["thread_ts"], &back["reply_broadcast"]), (&json!("1700000000.000000"), &json!(true)));
    assert_eq!(after, receipt, "edits go on at the first message");
}

/// Answers one method so, all others well.
fn slack_with(method: &'static str, status: u16, reply: Value, after: Option<&'static str>) -> Server {
    Server::start(move |request, before| {
        if request.target != format!("/api/{method}") {
            return answer(request, before);
        }
        let reply = Reply::new(status, reply.to_string());
        after.map_or(reply.clone(), |seconds| reply.with("retry-after", seconds))
    })
}

#[tokio::test]
async fn a_message_that_is_gone_is_posted_anew() {
    for (method, step) in [("chat.update", Step::Edit), ("chat.update", Step::Close)] {
        let slack = slack_with(method, 200, json!({"ok": false, "error": "message_not_found"}), None);
        let (sink, _ssm) = sink(&slack);
        let old = json!({"channel": "C0IAM", "ts": "1.0"});
        let receipt = sink.send(&message(step, Some(old))).await.unwrap().unwrap();
        assert_eq!(methods(&slack), ["chat.update", "chat.postMessage"]);
        assert_eq!(receipt["ts"], "1700000000.000001");
    }
}

#[tokio::test]
async fn a_thread_that_fails_repeats_no_message() {
    let slack = slack_with("files.getUploadURLExternal", 200, json!({"ok": false, "error": "missing_scope"}), None);
    let (sink, _ssm) = sink(&slack);
    let receipt = sink.send(&with_thread(message(Step::Post, None))).await.unwrap().unwrap();
    assert_eq!(receipt["below"], "", "so that the next edit tries again");
    assert_eq!(methods(&slack).iter().filter(|one| *one == "chat.postMessage").count(), 2);
}

#[tokio::test]
async fn answers() {
    let retry =
        |why: &str, after: Option<u64>| SinkError::Retryable { why: why.into(), after: after.map(Duration::from_secs) };
    let permanent = |why: &str| SinkError::Permanent(why.into());
    let no = |error: &str| json!({"ok": false, "error": error});
    for (status, reply, after, expect) in [
        (429, json!("rate_limited"), Some("7"), retry("Slack: HTTP 429 (no word of its own)", Some(7))),
        (503, json!(null), None, retry("Slack: HTTP 503 null", None)),
        (200, no("ratelimited"), Some("3"), retry("Slack: chat.postMessage: ratelimited", Some(3))),
        (200, no("internal_error"), None, retry("Slack: chat.postMessage: internal_error", None)),
        (200, no("channel_not_found"), None, permanent("Slack: chat.postMessage: channel_not_found")),
        (200, no("not_in_channel"), None, permanent("Slack: chat.postMessage: not_in_channel")),
        (200, no("invalid_auth"), None, permanent("Slack: chat.postMessage: invalid_auth")),
        (200, json!("proxy"), None, permanent("Slack: chat.postMessage: ")),
        (302, json!(null), None, permanent("Slack: HTTP 302 null")),
    ] {
        let slack = slack_with("chat.postMessage", status, reply, after);
        let (sink, _ssm) = sink(&slack);
        let error = sink.send(&message(Step::Post, None)).await.unwrap_err();
        assert_eq!(error, expect);
        assert!(!format!("{error:?} {sink:?}").contains("hush"));
        assert_eq!(slack.seen().len(), 1);
    }
}

#[tokio::test]
async fn after_a_refusal_the_token_is_read_anew() {
    let slack = slack_with("chat.postMessage", 200, json!({"ok": false, "error": "token_revoked"}), None);
    let (sink, ssm) = sink(&slack);
    sink.send(&message(Step::Post, None)).await.unwrap_err();
    sink.send(&message(Step::Post, None)).await.unwrap_err();
    assert_eq!(ssm.seen().len(), 2);
}

#[tokio::test]
async fn a_slack_that_hangs_ends_with_the_runs_time() {
    let slack = Server::start(|_, _| {
        std::thread::sleep(Duration::from_secs(3));
        Reply::new(200, "late")
    });
    let (sink, _ssm) = sink(&slack);
    let message = message(Step::Post, None);
    let error = super::super::send_within(&sink, &message, Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(error, SinkError::Retryable { .. }), "{error}");
}
