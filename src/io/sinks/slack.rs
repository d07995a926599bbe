//! A Slack incoming webhook. Its URL is a secret: fetched by name, sent to, never written anywhere.
//! See <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.

use super::post::{Poster, word};
use super::{Message, Receipt, Sending, Sink, SinkError};
use crate::io::aws::secret::Secrets;
use crate::io::http::Answer;
use crate::io::secret::SecretRef;
use std::sync::Arc;

/// Posts to one webhook.
#[derive(Debug, Clone)]
pub struct SlackSink {
    poster: Poster,
    secret: SecretRef,
}

impl SlackSink {
    /// To the webhook whose URL is kept under `secret`; it is fetched with the first message.
    pub fn new(secrets: Arc<Secrets>, secret: SecretRef) -> Self {
        Self { poster: Poster::new("Slack", secrets), secret }
    }

    async fn post(&self, message: &Message) -> Result<Option<Receipt>, SinkError> {
        let url = self.poster.secret(&self.secret).await?;
        let address = format!("secret `{}`", self.secret);
        let headers = [("content-type", "application/json")];
        let answer = self.poster.post(url.expose(), &address, &headers, message.json.to_string()).await;
        self.poster.settle(&self.secret, answer.and_then(|answer| judge(&self.poster, &answer))).await.map(|()| None)
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

/// 200 `ok` is success; all other words (`no_service`, `invalid_payload`, …) are for a person.
fn judge(poster: &Poster, answer: &Answer) -> Result<(), SinkError> {
    match answer.status {
        200 if answer.body.trim() == "ok" => Ok(()),
        200 => Err(SinkError::Permanent(format!("Slack: HTTP 200 {}", word(&answer.body)))),
        _ => poster.judge(answer, &[]),
    }
}

#[cfg(test)]
#[path = "slack_tests.rs"]
mod tests;
