//! Event history, by `cloudtrail:LookupEvents`: management events of 90 days, one Region at a time, no trail needed.
//!
//! AWS allows two requests a second for an account and Region, fifty events a page, and no filter by error.
//! See <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>.

use crate::io::aws::{Aws, Options, failure};
use aws_config::retry::RetryConfig;
use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudtrail::operation::lookup_events::{LookupEventsError, LookupEventsOutput};
use aws_sdk_cloudtrail::primitives::DateTime;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

pub use super::pace::{Pace, RealPace};

/// Two requests a second.
const INTERVAL: Duration = Duration::from_millis(500);
/// Waits after a throttled or failed request; the last one is followed by a last try.
const BACKOFF: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(32),
];

/// The period to read; an absent bound is AWS's own (90 days ago, now).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Period {
    /// Events at or after this moment.
    pub since: Option<Timestamp>,
    /// Events at or before this moment.
    pub until: Option<Timestamp>,
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Pages that arrived.
    pub pages: u64,
    /// Events handed on.
    pub events: u64,
    /// Events that AWS listed without their record; nothing can be said of them.
    pub without_record: u64,
    /// Requests that were tried again.
    pub retries: u64,
}

/// Why reading stopped. What was handed on before stays good.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// AWS refused, or stayed busy through all tries.
    #[error("cannot read Event history in `{region}` after page {pages}: {why}")]
    Call {
        /// Where.
        region: String,
        /// Pages that had arrived.
        pages: u64,
        /// AWS's words.
        why: String,
    },
    /// Neither the user nor the SDK's configuration names a Region.
    #[error("no AWS Region is set: use `--region` or `AWS_REGION`")]
    NoRegion,
    /// The system gives no sockets or timers.
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
    /// The same page token came a second time: reading on would never end.
    #[error("Event history in `{region}` repeats itself after page {pages}")]
    Repeats {
        /// Where.
        region: String,
        /// Pages that had arrived.
        pages: u64,
    },
}

/// Reads the Event history of `regions` one after another (of the configured one when none is named), for the command
/// line: it brings its own runtime, loads AWS's configuration and waits. Each record's JSON goes to `each` with its Region.
///
/// # Errors
/// [`LookupError`] of the first Region that fails.
pub fn read_regions(
    options: &Options,
    regions: &[String],
    period: Period,
    mut each: impl FnMut(&str, &str),
) -> Result<Stats, LookupError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let aws = Aws::load(options).await;
        in_regions(&aws, regions, period, &RealPace::start(), &mut each).await
    })
}

async fn in_regions(
    aws: &Aws,
    regions: &[String],
    period: Period,
    pace: &impl Pace,
    each: &mut impl FnMut(&str, &str),
) -> Result<Stats, LookupError> {
    let configured = aws.config().region().map(ToString::to_string);
    let regions = if regions.is_empty() { vec![configured.ok_or(LookupError::NoRegion)?] } else { regions.to_vec() };
    let mut all = Stats::default();
    for region in &regions {
        let read = lookup_events(aws, region, period, pace, |record| each(region, record)).await?;
        all.pages += read.pages;
        all.events += read.events;
        all.without_record += read.without_record;
        all.retries += read.retries;
    }
    Ok(all)
}

/// Reads the Event history of one Region, newest first, and hands each record's JSON to `each`.
///
/// # Errors
/// [`LookupError`], with the pages read until then.
pub async fn lookup_events(
    aws: &Aws,
    region: &str,
    period: Period,
    pace: &impl Pace,
    mut each: impl FnMut(&str),
) -> Result<Stats, LookupError> {
    let each_page = |page: Page| {
        page.events.iter().for_each(|event| each(&event.record));
        std::future::ready(true)
    };
    lookup_pages(aws, region, period, pace, &mut None, each_page).await
}

/// One page of Event history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Newest first, as AWS gives them.
    pub events: Vec<Event>,
    /// All that is newer within the period has been handed on, with this page; `None` where no event told its time.
    pub reached: Option<Timestamp>,
    /// Events that AWS listed without their record; nothing can be said of them.
    pub without_record: u64,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `None` when AWS does not tell.
    pub at: Option<Timestamp>,
    /// The record's JSON.
    pub record: String,
}

/// Reads the Event history of one Region, newest first, and hands on each page; it stops when that answers false. `last` is when
/// the Region was asked last, on this pace's clock: keep it from one period of a Region to the next.
///
/// # Errors
/// [`LookupError`], with the pages read until then.
pub async fn lookup_pages<F: Future<Output = bool>>(
    aws: &Aws,
    region: &str,
    period: Period,
    pace: &impl Pace,
    last: &mut Option<Duration>,
    mut each: impl FnMut(Page) -> F,
) -> Result<Stats, LookupError> {
    // Our own retries: the SDK's would break the pace.
    let config = aws.in_region(region).into_builder().retry_config(RetryConfig::disabled()).build();
    let mut reader = Reader { client: Client::new(&config), region, period, pace, last, stats: Stats::default() };
    let mut tokens = BTreeSet::new();
    let mut token = None;
    loop {
        let answer = reader.page(token).await?;
        let page = read_page(&answer);
        reader.stats.events += page.events.len() as u64;
        reader.stats.without_record += page.without_record;
        if !each(page).await {
            return Ok(reader.stats);
        }
        token = answer.next_token.filter(|token| !token.is_empty());
        match &token {
            None => return Ok(reader.stats),
            Some(next) if !tokens.insert(next.clone()) => {
                return Err(LookupError::Repeats { region: region.to_owned(), pages: reader.stats.pages });
            }
            Some(_) => {}
        }
    }
}

fn read_page(answer: &LookupEventsOutput) -> Page {
    let time = |at: &DateTime| Timestamp::from_second(at.secs()).ok();
    let events = answer.events().iter();
    let reached = events.clone().filter_map(|event| time(event.event_time()?)).min();
    let record = |event: &aws_sdk_cloudtrail::types::Event| {
        let at = event.event_time().and_then(time);
        Some(Event { at, record: event.cloud_trail_event()?.to_owned() })
    };
    let events: Vec<Event> = events.filter_map(record).collect();
    let without_record = (answer.events().len() - events.len()) as u64;
    Page { events, reached, without_record }
}

/// The newest page of a Region's Event history in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// Events on it.
    pub events: u64,
    /// Time of its latest and its earliest event.
    pub span: Option<(Timestamp, Timestamp)>,
    /// There are more.
    pub goes_on: bool,
}

impl Sample {
    /// How many events a period has, if all of it is as busy as the sample.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a guess")]
    pub fn extrapolate(&self, (since, until): (Timestamp, Timestamp)) -> u64 {
        let Some((last, first)) = self.span.filter(|_| self.goes_on) else { return self.events };
        let sampled = (last.as_second() - first.as_second()).max(1) as f64;
        let whole = (until.as_second() - since.as_second()).max(1) as f64;
        (self.events as f64 / sampled * whole).ceil() as u64
    }
}

/// Reads the newest page of a Region's Event history.
///
/// # Errors
/// [`LookupError`].
pub async fn sample(aws: &Aws, region: &str, period: Period, pace: &impl Pace) -> Result<Sample, LookupError> {
    let config = aws.in_region(region).into_builder().retry_config(RetryConfig::disabled()).build();
    let last = &mut None;
    let mut reader = Reader { client: Client::new(&config), region, period, pace, last, stats: Stats::default() };
    let answer = reader.page(None).await?;
    let page = read_page(&answer);
    let last = page.events.iter().filter_map(|event| event.at).max();
    Ok(Sample {
        events: answer.events().len() as u64,
        span: last.zip(page.reached),
        goes_on: answer.next_token.is_some_and(|token| !token.is_empty()),
    })
}

struct Reader<'a, P> {
    client: Client,
    region: &'a str,
    period: Period,
    pace: &'a P,
    /// When the last request left.
    last: &'a mut Option<Duration>,
    stats: Stats,
}

impl<P: Pace> Reader<'_, P> {
    /// One page, tried again while AWS is busy.
    async fn page(&mut self, token: Option<String>) -> Result<LookupEventsOutput, LookupError> {
        let mut waits = BACKOFF.into_iter();
        loop {
            let error = match self.request(token.clone()).await {
                Ok(page) => {
                    self.stats.pages += 1;
                    return Ok(page);
                }
                Err(error) => error,
            };
            match waits.next().filter(|_| is_retryable(&error)) {
                Some(wait) => self.pace.sleep(wait).await,
                None => {
                    let region = self.region.to_owned();
                    return Err(LookupError::Call { region, pages: self.stats.pages, why: describe(&error) });
                }
            }
            self.stats.retries += 1;
        }
    }

    async fn request(&mut self, token: Option<String>) -> Result<LookupEventsOutput, SdkError<LookupEventsError>> {
        if let Some(last) = *self.last {
            let rest = (last + INTERVAL).saturating_sub(self.pace.now());
            if !rest.is_zero() {
                self.pace.sleep(rest).await;
            }
        }
        *self.last = Some(self.pace.now());
        let bound = |time: Option<Timestamp>| time.map(|time| DateTime::from_secs(time.as_second()));
        let request = self.client.lookup_events().max_results(50).set_next_token(token);
        request.set_start_time(bound(self.period.since)).set_end_time(bound(self.period.until)).send().await
    }
}

fn is_retryable(error: &SdkError<LookupEventsError>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        // Of its other failures the SDK gives a kind to those alone that may pass, as a connection that ends early.
        SdkError::DispatchFailure(fault) => fault.is_io() || fault.is_timeout() || fault.as_other().is_some(),
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or_default();
            let busy = ["ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException"];
            busy.contains(&code) || service.raw().status().as_u16() >= 500
        }
        _ => false,
    }
}

fn describe(error: &SdkError<LookupEventsError>) -> String {
    let words = |code: &str| format!("{code}: {}", error.message().unwrap_or("no message"));
    match error.code() {
        Some(code) => words(code),
        None => failure::words(error),
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
