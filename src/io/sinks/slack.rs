//! A Slack incoming webhook. Its URL is a secret: fetched by name, sent to, never written anywhere.
//! See <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.

use super::{Message, Receipt, Sending, Sink, SinkError};
use crate::io::aws::secret::Secrets;
use crate::io::http::{self, Answer, HttpError};
use crate::io::secret::{Secret, SecretRef};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use std::sync::Arc;

/// Posts to one webhook.
#[derive(Debug, Clone)]
pub struct SlackSink {
    /// A plain HTTPS connector: the guard's list is AWS's alone.
    connector: SharedHttpConnector,
    secrets: Arc<Secrets>,
    secret: SecretRef,
}

impl SlackSink {
    /// To the webhook whose URL is kept under `secret`; it is fetched with the first message.
    pub fn new(secrets: Arc<Secrets>, secret: SecretRef) -> Self {
        Self { connector: http::connector(), secrets, secret }
    }

    async fn post(&self, message: &Message) -> Result<Option<Receipt>, SinkError> {
        let url = self.secrets.get(&self.secret).await.map_err(|error| {
            let why = format!("Slack: {error}");
            if error.is_retryable() { retryable(why) } else { SinkError::Permanent(why) }
        })?;
        let done = self.post_to(&url, message).await;
        if matches!(done, Err(SinkError::Permanent(_))) {
            // The webhook may have been replaced: look again next time.
            self.secrets.forget(&self.secret).await;
        }
        done.map(|()| None)
    }

    async fn post_to(&self, url: &Secret, message: &Message) -> Result<(), SinkError> {
        if !is_allowed(url.expose()) {
            let why = format!("Slack: secret `{}` holds no https:// address", self.secret);
            return Err(SinkError::Permanent(why));
        }
        let headers = [("content-type", "application/json")];
        match http::post(&self.connector, url.expose(), &headers, message.json.to_string()).await {
            Ok(answer) => judge(&answer),
            Err(HttpError::Request(_)) => {
                Err(SinkError::Permanent(format!("Slack: secret `{}` holds no usable address", self.secret)))
            }
            Err(error) => Err(retryable(format!("Slack: {error}"))),
        }
    }
}

impl Sink for SlackSink {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.post(message))
    }
}

/// https, or plain http to this machine (a double, a local relay).
fn is_allowed(url: &str) -> bool {
    url.parse::<::http::Uri>().is_ok_and(|uri| match uri.scheme_str() {
        Some("https") => uri.host().is_some_and(|host| !host.is_empty()),
        Some("http") => uri.host() == Some("127.0.0.1"),
        _ => false,
    })
}

/// 200 `ok` is success; 429 and 5xx pass; all other words (`no_service`, `invalid_payload`, …) are for a person.
fn judge(answer: &Answer) -> Result<(), SinkError> {
    let why = || format!("Slack: HTTP {} {}", answer.status, word(&answer.body));
    match answer.status {
        200 if answer.body.trim() == "ok" => Ok(()),
        429 => Err(SinkError::Retryable { why: why(), after: answer.retry_after }),
        500..=599 => Err(SinkError::Retryable { why: why(), after: answer.retry_after }),
        _ => Err(SinkError::Permanent(why())),
    }
}

/// Slack's word, if it looks like one; a proxy's page may hold the URL.
fn word(body: &str) -> &str {
    let body = body.trim();
    let plain = body.len() <= 40 && body.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { body } else { "(no word of Slack's)" }
}

fn retryable(why: String) -> SinkError {
    SinkError::Retryable { why, after: None }
}

#[cfg(test)]
#[path = "slack_tests.rs"]
mod tests;
