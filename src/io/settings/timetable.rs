//! When digest and report come, and where the report is kept: days, times, time zones, a bucket.

use super::check::{Checked, invalid};
use super::file::{DigestTable, ReportTable};
use super::{Digest, ReportPlace, Reporting};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

pub(super) fn digest(table: &DigestTable) -> Checked<Digest> {
    if let Some(at) = &table.at {
        clock("alert.digest.at", at)?;
    }
    Ok(Digest {
        tz: zone("alert.digest.tz", table.tz.as_deref())?,
        days: days(table.days.as_deref().unwrap_or("daily"))?,
        skip_if_empty: table.skip_if_empty.unwrap_or(true),
    })
}

pub(super) fn report(table: &ReportTable) -> Checked<Reporting> {
    let at = table.at.as_ref();
    if let Some(time) = at.and_then(|at| at.time.as_ref()) {
        clock("report.at.time", time)?;
    }
    let is_day = |day: &String| days(day).is_ok_and(|days| days.len() == 1);
    if at.and_then(|at| at.day.as_ref()).is_some_and(|day| !is_day(day)) {
        return Err(invalid("`report.at.day` must be a day such as `mon`"));
    }
    let tz = at.and_then(|at| at.tz.clone()).or(table.tz.clone()).unwrap_or_else(|| "UTC".into());
    let zone = zone("report.tz", Some(&tz))?;
    let place = table.bucket.as_deref().map(place).transpose()?;
    Ok(Reporting { tz, zone, place, skip_if_empty: table.skip_if_empty.unwrap_or(true) })
}

/// `s3://BUCKET` or `s3://BUCKET/PREFIX`.
/// See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
fn place(text: &str) -> Checked<ReportPlace> {
    let wrong = || invalid("`report.bucket` must be `s3://BUCKET` or `s3://BUCKET/PREFIX`");
    let rest = text.strip_prefix("s3://").ok_or_else(wrong)?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let of_bucket = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    let of_key = |c: char| c.is_ascii_alphanumeric() || "!_.*'()/-=+@".contains(c);
    let parts: Vec<&str> = prefix.split('/').filter(|part| !part.is_empty()).collect();
    let is_bucket = (3..=63).contains(&bucket.len()) && bucket.chars().all(of_bucket);
    if !is_bucket || !prefix.chars().all(of_key) || parts.iter().any(|part| matches!(*part, "." | "..")) {
        return Err(wrong());
    }
    let prefix = parts.iter().map(|part| format!("{part}/")).collect();
    Ok(ReportPlace { bucket: bucket.to_owned(), prefix })
}

pub(super) fn clock(key: &str, text: &str) -> Checked<Time> {
    let wrong = || invalid(format!("`{key}` must be a time such as `09:00`"));
    let read = (text.len() == 5).then(|| text.parse::<Time>().ok()).flatten();
    read.ok_or_else(wrong)
}

pub(super) fn zone(key: &str, name: Option<&str>) -> Checked<TimeZone> {
    let name = name.unwrap_or("UTC");
    TimeZone::get(name)
        .map_err(|_| invalid(format!("`{key}` must be the IANA name of a time zone, such as `Europe/London`")))
}

/// `daily`, `mon-fri`, `mon,wed`.
fn days(text: &str) -> Checked<Vec<Weekday>> {
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    const ALL: [Weekday; 7] = [Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday];
    let wrong = || invalid("`alert.digest.days` must be `daily`, days such as `mon,wed`, or a span such as `mon-fri`");
    let find = |word: &str| {
        let named = |day: &Weekday| word.len() == 3 && format!("{day:?}").to_ascii_lowercase().starts_with(word);
        ALL.iter().position(named).ok_or_else(wrong)
    };
    if text == "daily" {
        return Ok(ALL.to_vec());
    }
    let mut days = BTreeSet::new();
    for part in text.split(',').map(str::trim) {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (find(from)?, find(to)?);
        // A span may go over the week's end.
        let count = (to + 7 - from) % 7;
        days.extend((0..=count).map(|more| (from + more) % 7));
    }
    Ok(days.into_iter().map(|at| ALL[at]).collect())
}
