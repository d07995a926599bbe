//! Event history by name or by user, a page at a time and in bounded time: what the sweep asks. Through the signed client,
//! since the function does not carry CloudTrail's SDK crate.
//!
//! AWS allows two requests a second for an account and Region.
//! See <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>.

use super::pace::Pace;
use crate::io::aws::signed::{CLOUDTRAIL, CallError, STS, Signed};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// Two requests a second.
const INTERVAL: Duration = Duration::from_millis(500);
/// Waits after a throttled or failed request; the last one is followed by a last try.
const BACKOFF: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

/// The one attribute that AWS filters by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    /// Events of one operation.
    EventName(String),
    /// Events of one IAM user.
    Username(String),
}

/// What to read: newest first, the bounds included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<'q> {
    /// The Region whose history it is.
    pub region: &'q str,
    /// Which events.
    pub attribute: &'q Attribute,
    /// From when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// One page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Each event's record, as JSON text.
    pub records: Vec<String>,
    /// The oldest event's time, in whole seconds; `None` of an empty page.
    pub oldest: Option<Timestamp>,
    /// For the next page.
    pub next: Option<String>,
}

/// Why a page did not come.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// No time is left; what was read stays good.
    #[error("no time was left")]
    Late,
    /// AWS refused, or stayed busy through all tries.
    #[error("cannot read Event history in `{region}`: {source}")]
    Call {
        /// Where.
        region: String,
        /// AWS's words.
        source: CallError,
    },
}

/// Event history of an account, read at AWS's pace until a deadline.
pub struct History<'a, P> {
    signed: &'a Signed,
    pace: &'a P,
    /// On the pace's clock; nothing is begun or waited for after it.
    until: Duration,
    last: Option<Duration>,
    /// Pages that arrived.
    pub pages: u64,
    /// Requests that were tried again.
    pub retries: u64,
}

impl<'a, P: Pace> History<'a, P> {
    /// Through this client, for so long.
    pub fn new(signed: &'a Signed, pace: &'a P, limit: Duration) -> Self {
        Self { signed, pace, until: pace.now() + limit, last: None, pages: 0, retries: 0 }
    }

    /// Whether time is left for another page.
    pub fn has_time(&self) -> bool {
        self.pace.now() + INTERVAL < self.until
    }

    /// One page, tried again while AWS is busy; a token holds with the very query that it came from.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub async fn page(&mut self, query: &Query<'_>, token: Option<&str>) -> Result<Page, HistoryError> {
        let mut waits = BACKOFF.into_iter();
        loop {
            self.wait(INTERVAL.saturating_sub(self.last.map_or(INTERVAL, |last| self.pace.now().saturating_sub(last))))
                .await?;
            self.last = Some(self.pace.now());
            let asked =
                self.signed.call_once(CLOUDTRAIL, "LookupEvents", Some(query.region), &input(query, token)).await;
            let error = match asked {
                Ok(answer) => {
                    self.pages += 1;
                    return Ok(page(&answer));
                }
                Err(error) => error,
            };
            match waits.next().filter(|_| error.is_retryable()) {
                Some(wait) => self.wait(wait).await?,
                None => return Err(HistoryError::Call { region: query.region.to_owned(), source: error }),
            }
            self.retries += 1;
        }
    }

    async fn wait(&self, time: Duration) -> Result<(), HistoryError> {
        if self.pace.now() + time >= self.until {
            return Err(HistoryError::Late);
        }
        if !time.is_zero() {
            self.pace.sleep(time).await;
        }
        Ok(())
    }
}

fn input(query: &Query<'_>, token: Option<&str>) -> Value {
    let (key, value) = match query.attribute {
        Attribute::EventName(name) => ("EventName", name),
        Attribute::Username(name) => ("Username", name),
    };
    let mut input = json!({
        "LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}],
        "StartTime": query.since.as_second(), "EndTime": query.until.as_second(), "MaxResults": 50,
    });
    if let Some(token) = token {
        input["NextToken"] = token.into();
    }
    input
}

/// Times come as numbers of seconds, with a fraction or without.
fn page(answer: &Value) -> Page {
    let events: Vec<&Value> = answer.get("Events").and_then(Value::as_array).into_iter().flatten().collect();
    let text = |event: &&Value| event.get("CloudTrailEvent").and_then(Value::as_str).map(str::to_owned);
    #[allow(clippy::cast_possible_truncation, reason = "seconds since 1970 are far below")]
    let time = |event: &&Value| Timestamp::from_second(event.get("EventTime")?.as_f64()?.floor() as i64).ok();
    Page {
        records: events.iter().filter_map(text).collect(),
        oldest: events.iter().filter_map(time).min(),
        next: answer.get("NextToken").and_then(Value::as_str).filter(|token| !token.is_empty()).map(str::to_owned),
    }
}

/// The account whose credentials these are: Event history is that account's alone.
///
/// # Errors
/// [`CallError`].
pub async fn own_account(signed: &Signed) -> Result<String, CallError> {
    let body = signed.form(STS, "GetCallerIdentity").await?;
    let account =
        body.split_once("<Account>").and_then(|(_, rest)| rest.split_once("</Account>")).map(|(id, _)| id.trim());
    let unreadable = || CallError::Request("`GetCallerIdentity`: the answer names no account".to_owned());
    account.filter(|id| !id.is_empty()).map(str::to_owned).ok_or_else(unreadable)
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
