//! GitHub's REST API, as far as one pull request needs it: <https://docs.github.com/en/rest>.
//!
//! The token goes into one header of requests to one address and nowhere else. What comes back is another program's
//! text: hashes, names and numbers are checked before they are used, and messages are shortened and shown harmless.

mod api;
mod repository;
#[cfg(test)]
mod tests;

pub use api::{Api, NotAnApi};
pub use repository::{Closed, File, Open, Repository, RepositoryName};

use crate::io::http::{self, Answer, HttpError};
use crate::io::secret::Secret;
use crate::render::escape::terminal;
use crate::render::words::middle;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use serde_json::Value;
use std::time::Duration;

/// How often a request is sent that got no answer, or one that asks to come again.
const TRIES: u32 = 3;
/// The longest wait before another try; GitHub asks for up to an hour.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Why GitHub did not do what was asked. No error holds the token or an address.
#[derive(Debug, thiserror::Error)]
pub enum GitHubError {
    /// No answer, after several tries.
    #[error("GitHub: {0}")]
    NoAnswer(#[from] HttpError),
    /// 401.
    #[error("GitHub refuses the token: it is wrong, or has expired")]
    Token,
    /// 403.
    #[error(
        "the token may not {what}: it needs the permissions `contents: write` and `pull requests: write` ({message})"
    )]
    Forbidden {
        /// What was asked.
        what: &'static str,
        /// GitHub's words.
        message: String,
    },
    /// 404: GitHub also says so where the token may not look.
    #[error("not found, or not for this token: {what}")]
    NotFound {
        /// What was asked.
        what: &'static str,
    },
    /// 429, or 403 for the same reason, with a wait that is longer than we wait.
    #[error("GitHub limits the rate: try again {}", later(*.after))]
    RateLimited {
        /// What GitHub asks for; `None` where it names no time.
        after: Option<Duration>,
    },
    /// Any other status.
    #[error("GitHub answers {status} when asked to {what}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What was asked.
        what: &'static str,
        /// GitHub's words.
        message: String,
    },
    /// An answer that is not what it should be.
    #[error("GitHub's answer when asked to {what} is not understood: {why}")]
    Answer {
        /// What was asked.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl GitHubError {
    /// Whether the thing asked for is in the way already, as a branch or request of the same name.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409 | 422, .. })
    }
}

/// A client of one GitHub.
#[derive(Debug, Clone)]
pub struct GitHub {
    connector: SharedHttpConnector,
    api: Api,
    token: Secret,
    /// Tests do not wait.
    waits: bool,
}

/// One request: what it is for, in words that go behind "asked to".
struct Ask<'a> {
    what: &'static str,
    method: &'a str,
    path: String,
    accept: &'a str,
    body: Option<Value>,
}

impl GitHub {
    /// Nothing is sent yet.
    pub fn new(api: Api, token: Secret) -> Self {
        Self { connector: http::connector(), api, token, waits: true }
    }

    /// Asks and reads JSON.
    async fn json(
        &self,
        what: &'static str,
        method: &str,
        path: String,
        body: Option<Value>,
    ) -> Result<Value, GitHubError> {
        let ask = Ask { what, method, path, accept: "application/vnd.github+json", body };
        let answer = self.ask(&ask).await?;
        serde_json::from_str(&answer.body).map_err(|_| GitHubError::Answer { what, why: "it is no JSON" })
    }

    /// Asks for the text of a file; `None` when there is none.
    async fn text(&self, what: &'static str, path: String) -> Result<Option<String>, GitHubError> {
        let ask = Ask { what, method: "GET", path, accept: "application/vnd.github.raw+json", body: None };
        match self.ask(&ask).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(GitHubError::NotFound { .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Sends a request until it is answered; a status of 2xx is an answer.
    async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, GitHubError> {
        let mut tries = 1;
        loop {
            let answer = self.send(ask).await;
            let wait = match &answer {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok(answer.clone()),
                Ok(answer) => wait(answer),
                Err(HttpError::Request(_)) => None,
                Err(HttpError::NoAnswer(_) | HttpError::TooSlow(_)) => Some(Duration::from_secs(u64::from(tries))),
            };
            match wait {
                Some(wait) if tries < TRIES && wait <= LONGEST_WAIT => {
                    if self.waits {
                        tokio::time::sleep(wait).await;
                    }
                    tries += 1;
                }
                _ => return Err(fault(ask.what, answer?)),
            }
        }
    }

    async fn send(&self, ask: &Ask<'_>) -> Result<Answer, HttpError> {
        let url = format!("{}{}", self.api, ask.path);
        let bearer = format!("Bearer {}", self.token.expose());
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("accept", ask.accept),
            ("user-agent", "denywatch"),
            ("x-github-api-version", "2022-11-28"),
        ];
        if ask.body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let body = ask.body.as_ref().map(Value::to_string).unwrap_or_default();
        http::send(&self.connector, ask.method, &url, &headers, body).await
    }
}

/// How long an answer asks to wait; `None` where another try changes nothing.
/// See <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>.
fn wait(answer: &Answer) -> Option<Duration> {
    match answer.status {
        429 => Some(answer.retry_after.unwrap_or(LONGEST_WAIT)),
        403 => answer.retry_after,
        500..=599 => Some(answer.retry_after.unwrap_or(Duration::from_secs(1))),
        _ => None,
    }
}

fn fault(what: &'static str, answer: Answer) -> GitHubError {
    let message = message(&answer.body);
    let is_limited = answer.status == 429 || answer.status == 403 && message.to_lowercase().contains("rate limit");
    match (answer.status, answer.retry_after) {
        (401, _) => GitHubError::Token,
        (403 | 429, after) if is_limited || after.is_some() => GitHubError::RateLimited { after },
        (403, _) => GitHubError::Forbidden { what, message },
        (404, _) => GitHubError::NotFound { what },
        (status, _) => GitHubError::Refused { status, what, message },
    }
}

fn later(after: Option<Duration>) -> String {
    after.map_or_else(|| "later".to_owned(), |after| format!("in {} s", after.as_secs()))
}

/// GitHub's own words and those about its fields, short and harmless.
fn message(body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    let told = value["message"].as_str().unwrap_or("no reason given");
    let errors = value["errors"].as_array().into_iter().flatten().take(3);
    let errors = errors.filter_map(|one| one["message"].as_str().or(one["code"].as_str()).or(one.as_str()));
    let all: Vec<&str> = std::iter::once(told).chain(errors).collect();
    middle(&terminal(&all.join("; ")), 200)
}
