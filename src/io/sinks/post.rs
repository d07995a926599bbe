//! One POST to a receiver over HTTPS: what each answer means for a second try.

use super::SinkError;
use crate::io::aws::secret::Secrets;
use crate::io::http::{self, Answer, HttpError};
use crate::io::secret::{Secret, SecretRef};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_smithy_types::body::SdkBody;
use std::sync::Arc;

/// Posts for one kind of receiver. The connector is plain HTTPS: the guard's list is AWS's alone.
#[derive(Debug, Clone)]
pub(super) struct Poster {
    /// For errors, such as `Slack`.
    who: &'static str,
    connector: SharedHttpConnector,
    secrets: Arc<Secrets>,
}

impl Poster {
    pub(super) fn new(who: &'static str, secrets: Arc<Secrets>) -> Self {
        Self { who, connector: http::connector(), secrets }
    }

    /// The secret, fetched with the first message.
    pub(super) async fn secret(&self, name: &SecretRef) -> Result<Secret, SinkError> {
        self.secrets.get(name).await.map_err(|error| {
            let why = format!("{}: {error}", self.who);
            if error.is_retryable() { SinkError::Retryable { why, after: None } } else { SinkError::Permanent(why) }
        })
    }

    /// After a refusal for good the secret may have been replaced: it is looked up again next time.
    pub(super) async fn settle<T>(&self, name: &SecretRef, done: Result<T, SinkError>) -> Result<T, SinkError> {
        if matches!(done, Err(SinkError::Permanent(_))) {
            self.secrets.forget(name).await;
        }
        done
    }

    /// Sends once. `address` names the place in errors; the address itself may be a secret.
    pub(super) async fn post(
        &self,
        url: &str,
        address: &str,
        headers: &[(&str, &str)],
        body: impl Into<SdkBody>,
    ) -> Result<Answer, SinkError> {
        if !is_allowed(url) {
            return Err(SinkError::Permanent(format!("{}: {address} is no https:// address", self.who)));
        }
        http::post(&self.connector, url, headers, body).await.map_err(|error| match error {
            HttpError::Request(_) => SinkError::Permanent(format!("{}: {address} is no usable address", self.who)),
            error => SinkError::Retryable { why: format!("{}: {error}", self.who), after: None },
        })
    }

    /// Success by the status alone; 408, 429 and 5xx pass, all else is for a person.
    pub(super) fn judge(&self, answer: &Answer, good: &[u16]) -> Result<(), SinkError> {
        let why = || format!("{}: HTTP {} {}", self.who, answer.status, word(&answer.body));
        match answer.status {
            status if good.contains(&status) => Ok(()),
            408 | 429 | 500..=599 => Err(SinkError::Retryable { why: why(), after: answer.retry_after }),
            _ => Err(SinkError::Permanent(why())),
        }
    }
}

/// https, or plain http to this machine (a double, a local relay).
pub(super) fn is_allowed(url: &str) -> bool {
    url.parse::<::http::Uri>().is_ok_and(|uri| match uri.scheme_str() {
        Some("https") => uri.host().is_some_and(|host| !host.is_empty()),
        Some("http") => uri.host() == Some("127.0.0.1"),
        _ => false,
    })
}

/// The receiver's word, if it looks like one; a proxy's page may hold the address.
pub(super) fn word(body: &str) -> &str {
    let body = body.trim();
    let plain = body.len() <= 40 && body.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { body } else { "(no word of its own)" }
}
