//! A channel of Slack through an app's bot token: the message is edited in place, its forms stand in its thread.
//!
//! HTTP 200 says nothing here: `ok` and `error` in the body do.
//! See <https://docs.slack.dev/reference/methods/chat.postMessage>, <https://docs.slack.dev/reference/methods/chat.update>,
//! <https://docs.slack.dev/messaging/working-with-files>.

use super::post::{Poster, word};
use super::{Attachment, Message, Receipt, Sending, Sink, SinkError, Step};
use crate::io::aws::secret::Secrets;
use crate::io::http::Answer;
use crate::io::secret::{Secret, SecretRef};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Where Slack's methods are, unless the configuration names another place, as for GovSlack.
pub const API: &str = "https://slack.com/api";

/// Posts to one channel.
#[derive(Debug, Clone)]
pub struct SlackAppSink {
    poster: Poster,
    secret: SecretRef,
    api: String,
    channel: String,
    name: String,
}

/// A message in the channel.
struct Root {
    channel: String,
    ts: String,
    /// What stands in its thread; empty when nothing does.
    below: String,
}

impl SlackAppSink {
    /// To a channel, by id or `#name`, with the token kept under `secret`; it is fetched with the first message.
    pub fn new(secrets: Arc<Secrets>, secret: SecretRef, api: &str, channel: &str) -> Self {
        let api = api.trim_end_matches('/').to_owned();
        let poster = Poster::new("Slack", secrets);
        Self { poster, secret, api, channel: channel.to_owned(), name: format!("slack:{channel}") }
    }

    async fn deliver(&self, message: &Message) -> Result<Option<Receipt>, SinkError> {
        let token = self.poster.secret(&self.secret).await?;
        let done = self.deliver_with(&token, message).await;
        self.poster.settle(&self.secret, done).await
    }

    async fn deliver_with(&self, token: &Secret, message: &Message) -> Result<Option<Receipt>, SinkError> {
        let known = message.receipt.as_ref().and_then(Root::read);
        let mut root = match (message.step, known) {
            (_, None) => self.post(token, message, None).await?,
            (Step::Post, Some(root)) => self.again(token, message, root).await?,
            (Step::Edit | Step::Close, Some(root)) => self.edit(token, message, root).await?,
        };
        let below = fingerprint(message);
        if !below.is_empty() && below != root.below && self.thread(token, message, &root).await {
            root.below = below;
        }
        Ok(Some(root.write()))
    }

    /// A new message, or one in a thread that the channel sees too.
    async fn post(&self, token: &Secret, message: &Message, thread: Option<&Root>) -> Result<Root, SinkError> {
        let mut body = message.json.clone();
        body["channel"] = thread.map_or(self.channel.as_str(), |root| &root.channel).into();
        if let Some(root) = thread {
            body["thread_ts"] = root.ts.as_str().into();
            body["reply_broadcast"] = true.into();
        }
        let answer = self.call(token, "chat.postMessage", &body).await?;
        let text = |key: &str| answer[key].as_str().map(str::to_owned);
        match (text("channel"), text("ts")) {
            (Some(channel), Some(ts)) => Ok(Root { channel, ts, below: String::new() }),
            // It is there; only a later edit is not possible.
            _ => Ok(Root { channel: String::new(), ts: String::new(), below: String::new() }),
        }
    }

    /// What is back is told in its thread, and the first message says so too.
    async fn again(&self, token: &Secret, message: &Message, root: Root) -> Result<Root, SinkError> {
        match self.post(token, message, Some(&root)).await {
            Ok(_) => {
                // Told once is told; the first message follows with the next edit, should this one fail.
                let _ = self.update(token, message, &root).await;
                Ok(root)
            }
            Err(SinkError::Permanent(why)) if is_lost(&why) => self.post(token, message, None).await,
            Err(error) => Err(error),
        }
    }

    async fn edit(&self, token: &Secret, message: &Message, root: Root) -> Result<Root, SinkError> {
        match self.update(token, message, &root).await {
            Ok(()) => Ok(root),
            Err(SinkError::Permanent(why)) if is_lost(&why) => self.post(token, message, None).await,
            Err(error) => Err(error),
        }
    }

    async fn update(&self, token: &Secret, message: &Message, root: &Root) -> Result<(), SinkError> {
        let mut body = message.json.clone();
        body["channel"] = root.channel.as_str().into();
        body["ts"] = root.ts.as_str().into();
        self.call(token, "chat.update", &body).await.map(drop)
    }

    /// Forms and files; false when a part did not get there, so that the next message tries again. The message itself
    /// went out and is never sent twice for the sake of its thread.
    async fn thread(&self, token: &Secret, message: &Message, root: &Root) -> bool {
        if root.ts.is_empty() {
            return false;
        }
        for one in &message.thread {
            let mut body = one.clone();
            body["channel"] = root.channel.as_str().into();
            body["thread_ts"] = root.ts.as_str().into();
            if self.call(token, "chat.postMessage", &body).await.is_err() {
                return false;
            }
        }
        message.files.is_empty() || self.upload(token, &message.files, root).await.is_ok()
    }

    /// Each file gets an address, is sent there, and all are shown in the thread at once.
    async fn upload(&self, token: &Secret, files: &[Attachment], root: &Root) -> Result<(), SinkError> {
        let mut sent = Vec::new();
        for file in files {
            // What a picture shows, for those who do not see it.
            let about =
                if file.picture.is_empty() { String::new() } else { format!("&alt_txt={}", encoded(&file.text)) };
            let form = format!("filename={}&length={}{about}", encoded(&file.name), file.bytes().len());
            let place =
                self.ask(token, "files.getUploadURLExternal", "application/x-www-form-urlencoded", form).await?;
            let (url, id) = (place["upload_url"].as_str().unwrap_or_default(), place["file_id"].as_str());
            let headers = [("content-type", "application/octet-stream")];
            let answer = self.poster.post(url, "Slack's own upload address", &headers, file.bytes().to_vec()).await?;
            self.poster.judge(&answer, &[200])?;
            sent.push(json!({"id": id, "title": file.name}));
        }
        let body = json!({"files": sent, "channel_id": root.channel, "thread_ts": root.ts});
        self.call(token, "files.completeUploadExternal", &body).await.map(drop)
    }

    async fn call(&self, token: &Secret, method: &str, body: &Value) -> Result<Value, SinkError> {
        self.ask(token, method, "application/json; charset=utf-8", body.to_string()).await
    }

    async fn ask(&self, token: &Secret, method: &str, kind: &str, body: String) -> Result<Value, SinkError> {
        let url = format!("{}/{method}", self.api);
        let bearer = format!("Bearer {}", token.expose());
        let headers = [("content-type", kind), ("authorization", bearer.as_str())];
        let answer = self.poster.post(&url, "the API's address", &headers, body).await?;
        read(&self.poster, method, &answer)
    }
}

impl Sink for SlackAppSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.deliver(message))
    }
}

impl Root {
    fn read(receipt: &Receipt) -> Option<Self> {
        let text = |key: &str| receipt[key].as_str().map(str::to_owned);
        let (channel, ts) = (text("channel")?, text("ts")?);
        (!ts.is_empty()).then(|| Self { channel, ts, below: text("below").unwrap_or_default() })
    }

    fn write(&self) -> Receipt {
        json!({"channel": self.channel, "ts": self.ts, "below": self.below})
    }
}

/// The message is gone, or cannot be changed any more: a new one takes its place.
fn is_lost(why: &str) -> bool {
    let words = ["message_not_found", "thread_not_found", "cant_update_message", "edit_window_closed"];
    words.iter().any(|word| why.ends_with(word))
}

/// What stands below a message, in short; empty when nothing does.
fn fingerprint(message: &Message) -> String {
    if message.thread.is_empty() && message.files.is_empty() {
        return String::new();
    }
    let file = |file: &Attachment| if file.picture.is_empty() { file.text.clone() } else { hash(&file.picture) };
    let all = json!([message.thread, message.files.iter().map(file).collect::<Vec<_>>()]);
    hash(all.to_string().as_bytes())
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Letters, digits, `.` and `-` stay; a name of ours has no others.
fn encoded(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '_' }).collect()
}

/// `ok: false` with a word: some pass, most are for a person (`channel_not_found`, `not_in_channel`, `invalid_auth`, …).
fn read(poster: &Poster, method: &str, answer: &Answer) -> Result<Value, SinkError> {
    poster.judge(answer, &[200])?;
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if body["ok"] == true {
        return Ok(body);
    }
    let error = body["error"].as_str().unwrap_or_default();
    let why = format!("Slack: {method}: {}", word(error));
    let passing =
        ["ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"];
    match passing.contains(&error) {
        true => Err(SinkError::Retryable { why, after: answer.retry_after }),
        false => Err(SinkError::Permanent(why)),
    }
}

#[cfg(test)]
#[path = "slack_app_tests.rs"]
mod tests;
