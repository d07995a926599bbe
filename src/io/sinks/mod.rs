//! Where alerts and reports go: one trait, one file a receiver, a memory double beside them.

pub mod file;
pub mod memory;
#[cfg(feature = "aws")]
pub mod pagerduty;
#[cfg(feature = "aws")]
mod post;
#[cfg(feature = "aws")]
pub mod slack;
#[cfg(feature = "aws")]
pub mod slack_app;
#[cfg(feature = "notify")]
pub mod sns;
pub mod stdout;
#[cfg(feature = "aws")]
pub mod teams;
#[cfg(feature = "aws")]
pub mod webhook;

use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A message, rendered for the receiver that it goes to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Message {
    /// The finding's id, or the report's key.
    pub id: String,
    /// One line; a receiver may shorten it.
    pub subject: String,
    /// Plain text: for e-mail and streams, and for a person when nothing else gets through.
    pub body: String,
    /// The receiver's own form: Slack's blocks, a card, an event. `null` for those that take text.
    pub json: serde_json::Value,
    /// What stands below the message, each as `json` does: Slack's thread. Left out where there are no threads.
    pub thread: Vec<serde_json::Value>,
    /// Texts too long for a message, and pictures. Left out where no file can be sent.
    pub files: Vec<Attachment>,
    /// What to do with it.
    pub step: Step,
    /// What the receiver returned for the finding's last new message; `None` when there is none, or none that is known.
    pub receipt: Option<Receipt>,
}

/// A file beside a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attachment {
    /// Such as `D-7F3AQ2ZK4M.tf`.
    pub name: String,
    /// UTF-8; of a picture, what it shows in words.
    pub text: String,
    /// The bytes of a picture (PNG); empty where the text is the file.
    pub picture: Vec<u8>,
}

impl Attachment {
    /// What is sent.
    pub fn bytes(&self) -> &[u8] {
        if self.picture.is_empty() { self.text.as_bytes() } else { &self.picture }
    }
}

/// What a message does in the receiver's sight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It is new; with a receipt it stands in the thread of that message, and the channel sees it too.
    #[default]
    Post,
    /// It takes the place of the message of the receipt; without one it is new.
    Edit,
    /// As [`Step::Edit`], and it closes what the first one opened.
    Close,
}

/// What names a message that went out, in the receiver's own form; kept in the ledger, never a secret.
pub type Receipt = serde_json::Value;

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

/// A message on its way; it comes to the receipt, where the receiver gives one.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Option<Receipt>, SinkError>> + Send + 'a>>;

/// A receiver of messages.
pub trait Sink: Send + Sync {
    /// Its [`crate::delivery::Destination`] as text: for logs and for the ledger; never an address that is secret.
    fn name(&self) -> &str;

    /// Sends one message, once: no receiver here can tell a second copy from a first.
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;
}

/// Sends, but gives up after `limit`; the message may have arrived all the same.
///
/// # Errors
/// The sink's own, or a retryable one when time ran out.
#[cfg(feature = "aws")]
pub async fn send_within(sink: &dyn Sink, message: &Message, limit: Duration) -> Result<Option<Receipt>, SinkError> {
    match tokio::time::timeout(limit, sink.send(message)).await {
        Ok(sent) => sent,
        Err(_) => Err(SinkError::Retryable { why: "the time of this run is over".into(), after: None }),
    }
}

#[cfg(all(test, feature = "aws"))]
#[path = "receivers_tests.rs"]
mod receivers_tests;
