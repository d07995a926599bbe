//! A workflow of Microsoft Teams ("post to a channel when a webhook request is received"). Its address is a secret.
//! See <https://learn.microsoft.com/en-us/connectors/teams/>.

use super::post::Poster;
use super::{Message, Receipt, Sending, Sink, SinkError};
use crate::io::aws::secret::Secrets;
use crate::io::secret::SecretRef;
use std::sync::Arc;

/// Posts to one workflow.
#[derive(Debug, Clone)]
pub struct TeamsSink {
    poster: Poster,
    secret: SecretRef,
    name: String,
}

impl TeamsSink {
    /// To the workflow whose address is kept under `secret`.
    pub fn new(secrets: Arc<Secrets>, secret: SecretRef, name: &str) -> Self {
        Self { poster: Poster::new("Teams", secrets), secret, name: format!("teams:{name}") }
    }

    async fn post(&self, message: &Message) -> Result<Option<Receipt>, SinkError> {
        let url = self.poster.secret(&self.secret).await?;
        let address = format!("secret `{}`", self.secret);
        let headers = [("content-type", "application/json")];
        let answer = self.poster.post(url.expose(), &address, &headers, message.json.to_string()).await;
        let judged = answer.and_then(|answer| self.poster.judge(&answer, &[200, 202]));
        self.poster.settle(&self.secret, judged).await.map(|()| None)
    }
}

impl Sink for TeamsSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.post(message))
    }
}
