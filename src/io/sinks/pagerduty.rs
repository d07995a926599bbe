//! PagerDuty's Events API v2: a finding is one incident, opened and closed under its own key.
//! See <https://developer.pagerduty.com/docs/send-alert-event>.

use super::post::Poster;
use super::{Message, Receipt, Sending, Sink, SinkError, Step};
use crate::io::aws::secret::Secrets;
use crate::io::secret::SecretRef;
use std::sync::Arc;

/// Where events go, unless the configuration names another place, as for the service region EU.
pub const API: &str = "https://events.pagerduty.com";

/// Sends to one service.
#[derive(Debug, Clone)]
pub struct PagerDutySink {
    poster: Poster,
    secret: SecretRef,
    url: String,
    name: String,
}

impl PagerDutySink {
    /// To the service whose integration key is kept under `secret`.
    pub fn new(secrets: Arc<Secrets>, secret: SecretRef, api: &str, service: &str) -> Self {
        let url = format!("{}/v2/enqueue", api.trim_end_matches('/'));
        Self { poster: Poster::new("PagerDuty", secrets), secret, url, name: format!("pagerduty:{service}") }
    }

    async fn enqueue(&self, message: &Message) -> Result<Option<Receipt>, SinkError> {
        let key = self.poster.secret(&self.secret).await?;
        let mut event = message.json.clone();
        event["routing_key"] = key.expose().into();
        event["event_action"] = if message.step == Step::Close { "resolve" } else { "trigger" }.into();
        let headers = [("content-type", "application/json")];
        let answer = self.poster.post(&self.url, "the API's address", &headers, event.to_string()).await;
        let judged = answer.and_then(|answer| self.poster.judge(&answer, &[202]));
        self.poster.settle(&self.secret, judged).await.map(|()| None)
    }
}

impl Sink for PagerDutySink {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.enqueue(message))
    }
}
