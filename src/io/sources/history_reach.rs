//! Which Regions have an Event history, whose it is, what of it was read before, and what it cannot hold.

use crate::io::aws::Aws;
use crate::io::aws::ask::STS;
use crate::io::stores::{Place, Run};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

/// AWS keeps so many days.
pub const DAYS: i64 = 90;
/// Events come so many hours late at most; what is younger is read again by the next run.
pub const LATE_HOURS: i64 = 1;

/// A period that begins less than this too early was meant to begin with what AWS keeps, as `90d` is.
const SLACK_HOURS: i64 = 1;

/// What is never in Event history, whatever happened.
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>.
pub const NEVER: &str = "Event history holds management events alone: no data events (objects of S3, calls of Lambda functions, items of \
    DynamoDB, messages of SQS and SNS, \u{2026}), no network activity (what a VPC endpoint's policy refused), nothing older than 90 \
    days, and no other account; an archive in S3 has what its trail was told to record";

/// Where AWS is asked when nobody names a Region.
const FIRST: &str = "us-east-1";

/// The account that the credentials belong to; `None` when AWS does not tell.
pub async fn account(aws: &Aws) -> Option<String> {
    let region = aws.config().region().map_or(FIRST, AsRef::as_ref);
    let answer = aws.signed().query(STS, "GetCallerIdentity", Some(region), &[]).await.ok()?;
    answer.get("Account").and_then(Value::as_str).map(str::to_owned)
}

/// What was read of a Region's Event history: periods that do not touch, the end of each not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    run: Run,
}

/// A period, the end not part of it.
pub type Span = (Timestamp, Timestamp);

impl Known {
    /// What the ledger noted, or nothing.
    pub fn of(noted: Option<Run>, account: &str, region: &str, now: Timestamp) -> Self {
        Self { run: noted.unwrap_or_else(|| Run::begin(&Self::name(account, region), now)) }
    }

    /// The name of the ledger's note.
    pub fn name(account: &str, region: &str) -> String {
        format!("Event history of {account} in {region}")
    }

    /// As the ledger notes it.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// What of a period was not read, the latest first, since Event history comes so.
    pub fn gaps(&self, (since, until): Span) -> Vec<Span> {
        let mut gaps = Vec::new();
        let mut end = until;
        let touched = |(first, last): &Span| *first < until && *last > since;
        for (first, last) in self.spans().into_iter().rev().filter(touched) {
            gaps.push((last, end));
            end = first;
        }
        gaps.push((since, end));
        gaps.retain(|(from, to)| from < to);
        gaps
    }

    /// Whether this moment was read.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.run.places.iter().any(|place| place.first <= Some(at) && place.last > Some(at))
    }

    fn spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = self.run.places.iter().filter_map(|place| place.first.zip(place.last)).collect();
        spans.sort();
        spans
    }

    /// Adds a period that was read, and how many events it held.
    pub fn add(&mut self, place: (&str, &str), (from, to): Span, records: u64, denied: u64, now: Timestamp) {
        if from >= to {
            return;
        }
        let (account, region) = (Some(place.0.to_owned()), Some(place.1.to_owned()));
        let mut all = Place { account, region, first: Some(from), last: Some(to), records };
        let touches = |other: &Place| other.first <= all.last && other.last >= all.first;
        let (together, apart): (Vec<Place>, Vec<Place>) =
            std::mem::take(&mut self.run.places).into_iter().partition(touches);
        for other in together {
            all.first = all.first.min(other.first);
            all.last = all.last.max(other.last);
            all.records += other.records;
        }
        self.run.places = apart;
        self.run.places.push(all);
        self.run.places.sort();
        self.run.records += records;
        self.run.denied += denied;
        self.run.at = now;
    }
}

/// The part of a period that AWS may still have, and whether much of it is too old.
pub fn within_reach(since: Option<Timestamp>, until: Option<Timestamp>, now: Timestamp) -> (Span, bool) {
    let oldest = now.checked_sub((DAYS * 24).hours()).unwrap_or(Timestamp::MIN);
    let (from, to) = (since.unwrap_or(oldest), until.unwrap_or(now).min(now));
    let meant = oldest.checked_sub(SLACK_HOURS.hours()).unwrap_or(Timestamp::MIN);
    ((from.max(oldest), to.max(oldest)), from < meant)
}

#[cfg(test)]
#[path = "history_reach_tests.rs"]
mod tests;
