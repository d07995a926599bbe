//! The layout of a CloudTrail archive, and which part of it is wanted.
//!
//! `[prefix/]AWSLogs/[o-…/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_….json.gz`: day and time
//! are those of the delivery, which an event always precedes.
//! See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-find-log-files.html> and
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html>.

use super::walk::NO_EVENTS;
use crate::record::Record;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use std::collections::BTreeSet;

/// Above the accounts.
const ROOT: &str = "AWSLogs";
/// Folders of an account that hold events.
const EVENTS: [&str; 2] = ["CloudTrail", "CloudTrail-NetworkActivity"];
/// An event is delivered this many hours later at most; files from later on are not looked at for it.
pub const LATE_HOURS: i64 = 24;
/// The time in a file's name is cut to five minutes: its events may be later by as much.
const SLACK_MINUTES: i64 = 10;

/// Regions that every account of AWS's main partition has.
/// See <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html>.
pub const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Regions of AWS's main partition that an account switches on itself, as of 2026-11.
const OPTIONAL: [&str; 17] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];
/// The Regions of China.
pub(super) const CHINA: [&str; 2] = ["cn-north-1", "cn-northwest-1"];
/// The Regions of AWS GovCloud (US).
pub(super) const GOV: [&str; 2] = ["us-gov-east-1", "us-gov-west-1"];

/// All Regions of the partition of this one, as of 2026-11; of the main partition when it is `None`.
///
/// ```
/// use denywatch::io::sources::archive::regions_beside;
/// assert!(regions_beside(None).contains(&"ap-east-1"));
/// assert_eq!(regions_beside(Some("cn-north-1")), ["cn-north-1", "cn-northwest-1"]);
/// ```
pub fn regions_beside(region: Option<&str>) -> Vec<&str> {
    let region = region.unwrap_or_default();
    let mut all = match region {
        _ if region.starts_with("cn-") => CHINA.to_vec(),
        _ if region.starts_with("us-gov-") => GOV.to_vec(),
        // Others have few Regions, and no list.
        _ if region.starts_with("us-iso") || region.starts_with("eu-iso") || region.starts_with("eusc-") => {
            vec![region]
        }
        _ => [REGIONS.as_slice(), &OPTIONAL].concat(),
    };
    if !region.is_empty() && !all.contains(&region) {
        all.push(region);
    }
    all.sort_unstable();
    all
}

/// `s3://BUCKET/PREFIX`; the prefix may be empty, and need not end with `/`.
///
/// ```
/// use denywatch::io::sources::archive::place;
/// assert_eq!(place("s3://acme-logs/AWSLogs/"), Some(("acme-logs", "AWSLogs/")));
/// assert_eq!(place("s3://acme-logs"), Some(("acme-logs", "")));
/// assert_eq!(place("s3://Acme/x"), None);
/// ```
pub fn place(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("s3://")?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
    (bucket.len() >= 3 && bucket.chars().all(known)).then_some((bucket, prefix))
}

/// Which events are wanted; an empty selection takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// From here on; no time takes all.
    pub since: Option<Timestamp>,
    /// Before this; no time takes all.
    pub until: Option<Timestamp>,
    /// Accounts whose trail recorded them; none takes all.
    pub accounts: BTreeSet<String>,
    /// Regions in which they happened; none takes all.
    pub regions: BTreeSet<String>,
}

impl Selection {
    /// Whether it takes everything.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// What takes in all that either does, and perhaps what lies between.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let both = |mine: &BTreeSet<String>, other: &BTreeSet<String>| match mine.is_empty() || other.is_empty() {
            true => BTreeSet::new(),
            false => mine.union(other).cloned().collect(),
        };
        Self {
            since: self.since.zip(other.since).map(|(mine, other)| mine.min(other)),
            until: self.until.zip(other.until).map(|(mine, other)| mine.max(other)),
            accounts: both(&self.accounts, &other.accounts),
            regions: both(&self.regions, &other.regions),
        }
    }

    /// The least that takes in the object of this name: its account, Region and delivery, as far as it tells them.
    ///
    /// ```
    /// use denywatch::io::sources::archive::Selection;
    /// let key = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/10/111122223333_CloudTrail_eu-west-1_20261110T1015Z_a.json.gz";
    /// let part = Selection::around(key);
    /// assert_eq!(part.since.unwrap().to_string(), "2026-11-10T10:15:00Z");
    /// assert!(part.may_hold(key) && !part.may_hold(&key.replace("eu-west-1", "us-east-1")));
    /// assert!(!part.may_hold(&key.replace("20261110", "20261120")) && !part.may_hold(&key.replace("20261110", "20261109")));
    /// assert!(Selection::around("other.json").is_all());
    /// ```
    #[must_use]
    pub fn around(path: &str) -> Self {
        let place = Place::of(path);
        let one = |value: Option<&str>| value.map(str::to_owned).into_iter().collect();
        let (since, until) = place.delivered.unzip();
        Self { since, until, accounts: one(place.account), regions: one(place.region) }
    }

    /// Whether an event is wanted. One that does not tell time, account or Region is wanted only where none is asked for.
    pub fn takes(&self, record: &Record) -> bool {
        self.takes_at(&record.recipient_account, &record.region, record.event_time)
    }

    /// The same for an event of which no more is known than where and when it happened.
    pub fn takes_at(&self, account: &Option<String>, region: &Option<String>, at: Option<Timestamp>) -> bool {
        let among = |set: &BTreeSet<String>, value: &Option<String>| {
            set.is_empty() || value.as_ref().is_some_and(|value| set.contains(value))
        };
        self.since.is_none_or(|since| at.is_some_and(|at| at >= since))
            && self.until.is_none_or(|until| at.is_some_and(|at| at < until))
            && among(&self.accounts, account)
            && among(&self.regions, region)
    }

    /// Whether what lies at a path may be wanted: false only where the layout tells that nothing is. A folder's path ends
    /// with `/`.
    ///
    /// ```
    /// use denywatch::io::sources::archive::Selection;
    /// let november = Selection { since: "2026-11-01T00:00:00Z".parse().ok(), ..Selection::default() };
    /// let region = "AWSLogs/111122223333/CloudTrail/eu-west-1/";
    /// assert!(november.may_hold(region) && november.may_hold(&format!("{region}2026/11/")));
    /// assert!(!november.may_hold(&format!("{region}2026/09/")));
    /// assert!(november.may_hold("some/other/folder/"));
    /// ```
    pub fn may_hold(&self, path: &str) -> bool {
        let place = Place::of(path);
        let among = |set: &BTreeSet<String>, value: Option<&str>| {
            set.is_empty() || value.is_none_or(|value| set.contains(value))
        };
        !place.holds_no_events()
            && among(&self.accounts, place.account)
            && among(&self.regions, place.region)
            && place.delivered.is_none_or(|(first, last)| {
                self.since.is_none_or(|since| last >= minus(since, SLACK_MINUTES.minutes()))
                    && self.until.is_none_or(|until| first < plus(until, LATE_HOURS.hours()))
            })
    }

    /// The days of a Region's folder, as `YYYY/MM/DD`: the wanted keys are behind the first and before the second.
    pub fn days(&self) -> (Option<String>, Option<String>) {
        let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date().strftime("%Y/%m/%d").to_string();
        let next = |at: Timestamp| day(plus(at, (LATE_HOURS + 24).hours()));
        (self.since.map(|since| day(minus(since, SLACK_MINUTES.minutes()))), self.until.map(next))
    }
}

fn minus(at: Timestamp, span: Span) -> Timestamp {
    at.checked_sub(span).unwrap_or(Timestamp::MIN)
}

fn plus(at: Timestamp, span: Span) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// What a path tells of the files at or below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place<'p> {
    /// Below `AWSLogs/`.
    pub is_archive: bool,
    /// Twelve digits.
    pub account: Option<&'p str>,
    /// `CloudTrail`, `CloudTrail-Digest`, `vpcflowlogs`, ….
    pub service: Option<&'p str>,
    /// Such as `eu-west-1`.
    pub region: Option<&'p str>,
    /// First and last moment of the delivery.
    pub delivered: Option<(Timestamp, Timestamp)>,
}

impl<'p> Place<'p> {
    /// Reads a path; the part behind the last `/` is a file's name.
    pub fn of(path: &'p str) -> Self {
        let (folders, name) = path.rsplit_once('/').map_or(("", path), |(folders, name)| (folders, name));
        let mut place = Self::default();
        let parts: Vec<&str> = folders.split('/').collect();
        // Should a prefix bear the same name, the last one counts.
        if let Some(root) = parts.iter().rposition(|part| *part == ROOT) {
            place.is_archive = true;
            let mut below = parts.iter().skip(root + 1).copied().skip_while(|part| part.starts_with("o-")).peekable();
            place.account = below.next_if(|part| is_account(part));
            place.service = place.account.and_then(|_| below.next());
            place.region = place.service.and_then(|_| below.next()).filter(|part| is_region(part));
            let days: Vec<&str> = place.region.map(|_| below.collect()).unwrap_or_default();
            place.delivered = span(&days);
        }
        place.named(name)
    }

    /// Adds what a log file's own name tells.
    fn named(self, name: &'p str) -> Self {
        let mut parts = name.split('_');
        let (Some(account), Some(service), Some(region), Some(stamp)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return self;
        };
        if is_account(account) && is_region(region) && NO_EVENTS.contains(&service) {
            // A digest's name goes on otherwise than a log file's.
            return Self { account: Some(account), service: Some(service), region: Some(region), ..self };
        }
        let known = is_account(account) && service.starts_with("CloudTrail") && is_region(region);
        match stamp_time(stamp).filter(|_| known) {
            Some(at) => Self {
                account: Some(account),
                service: Some(service),
                region: Some(region),
                delivered: Some((at, at)),
                ..self
            },
            None => self,
        }
    }

    /// Whether nothing at or below it is an event of CloudTrail.
    pub(super) fn holds_no_events(&self) -> bool {
        self.service.is_some_and(|service| NO_EVENTS.contains(&service))
    }

    /// Whether the path is one of a log file that CloudTrail wrote.
    ///
    /// ```
    /// use denywatch::io::sources::archive::Place;
    /// let name = "111122223333_CloudTrail_eu-west-1_20261128T1015Z_Xy.json.gz";
    /// let log = format!("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/28/{name}");
    /// assert!(Place::of(&log).is_log());
    /// assert!(!Place::of("AWSLogs/111122223333/elasticloadbalancing/eu-west-1/x.log.gz").is_log());
    /// ```
    pub fn is_log(&self) -> bool {
        self.service.is_some_and(|service| EVENTS.contains(&service))
            && self.delivered.is_some_and(|(first, last)| first == last)
    }

    /// Whether the layout goes on below by account, service or Region.
    pub fn is_above_region(&self) -> bool {
        self.region.is_none()
    }

    /// Whether it belongs to another service that keeps its logs in the same bucket.
    pub fn is_foreign(&self) -> bool {
        self.is_archive && self.service.is_some_and(|service| !EVENTS.contains(&service))
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_region(text: &str) -> bool {
    text.len() > 5
        && text.contains('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// `2026`, `11`, `28` → their first and last moment; as many of them as there are.
fn span(parts: &[&str]) -> Option<(Timestamp, Timestamp)> {
    let number = |at: usize, length: usize| {
        parts.get(at).filter(|part| part.len() == length).and_then(|part| part.parse::<i16>().ok())
    };
    let year = number(0, 4)?;
    let month = number(1, 2);
    let day = month.and_then(|_| number(2, 2));
    let small = |value: Option<i16>| value.and_then(|value| i8::try_from(value).ok());
    let first = Date::new(year, small(month).unwrap_or(1), small(day).unwrap_or(1)).ok()?;
    let length = match (month, day) {
        (None, _) => 1.year(),
        (Some(_), None) => 1.month(),
        (Some(_), Some(_)) => 1.day(),
    };
    let at = |date: Date| Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp());
    Some((at(first)?, minus(at(first.checked_add(length).ok()?)?, 1.second())))
}

/// `20261128T1015Z`.
fn stamp_time(stamp: &str) -> Option<Timestamp> {
    let digits = |from: usize, to: usize| stamp.get(from..to)?.parse::<i8>().ok();
    let shaped = stamp.is_ascii() && stamp.len() == 14 && stamp.get(8..9) == Some("T") && stamp.ends_with('Z');
    let year = shaped.then(|| stamp.get(..4)?.parse::<i16>().ok()).flatten()?;
    let date = Date::new(year, digits(4, 6)?, digits(6, 8)?).ok()?;
    let time = jiff::civil::Time::new(digits(9, 11)?, digits(11, 13)?, 0, 0).ok()?;
    Some(date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
