//! Where alerts and reports go: one trait, one file a receiver, a memory double beside them.

pub mod file;
pub mod memory;
#[cfg(feature = "aws")]
pub mod slack;
#[cfg(feature = "lambda")]
pub mod sns;
pub mod stdout;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A rendered message, ready for every receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The finding's id, or the report's key.
    pub id: String,
    /// One line; a receiver may shorten it.
    pub subject: String,
    /// Plain text, for e-mail.
    pub body: String,
    /// The body of Slack's webhook: `text`, `blocks`.
    pub slack: serde_json::Value,
}

/// Why a message did not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// Another try may help.
    #[error("{why}")]
    Retryable {
        /// In the receiver's words, without its address.
        why: String,
        /// How long the receiver asks to be left alone; `None` when it does not say.
        after: Option<Duration>,
    },
    /// The receiver will not take it; only a person can help.
    #[error("{0}")]
    Permanent(String),
}

/// A message on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 'a>>;

/// A receiver of messages.
pub trait Sink: Send + Sync {
    /// A stable name for logs and for the ledger's claims; never an address that is secret.
    fn name(&self) -> &str;

    /// Sends one message, once: no receiver here can tell a second copy from a first.
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;
}

/// Sends, but gives up after `limit`; the message may have arrived all the same.
///
/// # Errors
/// The sink's own, or a retryable one when time ran out.
#[cfg(feature = "aws")]
pub async fn send_within(sink: &dyn Sink, message: &Message, limit: Duration) -> Result<(), SinkError> {
    match tokio::time::timeout(limit, sink.send(message)).await {
        Ok(sent) => sent,
        Err(_) => Err(SinkError::Retryable { why: "the time of this run is over".into(), after: None }),
    }
}
