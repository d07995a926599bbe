//! A program's address: JSON with a signature, so that the program knows who sent it, when, and that nobody changed it.
//!
//! `x-denywatch-signature` is `v1=` and the hexadecimal HMAC-SHA256, under the shared key, of the text
//! `v1:TIMESTAMP:BODY`; `x-denywatch-timestamp` is that time in seconds since 1970. A receiver refuses what is older than
//! five minutes, and drops a second message of the same `x-denywatch-id`: a retry bears the id of the first try.

use super::post::Poster;
use super::{Message, Receipt, Sending, Sink, SinkError};
use crate::io::aws::secret::Secrets;
use crate::io::clock;
use crate::io::secret::SecretRef;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Posts to one program.
#[derive(Debug, Clone)]
pub struct WebhookSink {
    poster: Poster,
    secret: SecretRef,
    url: String,
    name: String,
}

impl WebhookSink {
    /// To `url`, signed with the key kept under `secret`.
    pub fn new(secrets: Arc<Secrets>, secret: SecretRef, url: &str, name: &str) -> Self {
        Self { poster: Poster::new("webhook", secrets), secret, url: url.to_owned(), name: format!("webhook:{name}") }
    }

    async fn post(&self, message: &Message) -> Result<Option<Receipt>, SinkError> {
        let key = self.poster.secret(&self.secret).await?;
        let body = message.json.to_string();
        let time = clock::now().as_second().to_string();
        let signature = signature(key.expose(), &time, &body);
        let id = hex(&Sha256::digest(&body)[..16]);
        let headers = [
            ("content-type", "application/json"),
            ("x-denywatch-id", id.as_str()),
            ("x-denywatch-timestamp", time.as_str()),
            ("x-denywatch-signature", signature.as_str()),
        ];
        let answer = self.poster.post(&self.url, "`webhook.NAME.url`", &headers, body).await;
        let judged = answer.and_then(|answer| self.poster.judge(&answer, &[200, 201, 202, 204]));
        self.poster.settle(&self.secret, judged).await.map(|()| None)
    }
}

impl Sink for WebhookSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.post(message))
    }
}

/// `v1=…`. HMAC takes a key of any length.
fn signature(key: &str, time: &str, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(format!("v1:{time}:{body}").as_bytes());
    format!("v1={}", hex(&mac.finalize().into_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'v1:1700000000:{"a":1}' | openssl dgst -sha256 -hmac key`
    #[test]
    fn the_signature_is_the_one_that_others_compute() {
        let expect = "v1=d9557872749208eb6fd1b4949933064d21edc4f53ab77a187f5569f605c14ec1";
        assert_eq!(signature("key", "1700000000", "{\"a\":1}"), expect);
        assert_ne!(signature("key", "1700000001", "{\"a\":1}"), expect);
        assert_ne!(signature("yek", "1700000000", "{\"a\":1}"), expect);
    }
}
