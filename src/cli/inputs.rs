//! What several commands read: the policies in force, the ledger, a finding by its id, what a message leaves out,
//! points in time.

use super::{Global, print};
use crate::advice::Advice;
use crate::app::{Outside, World};
use crate::arn::{Arn, ArnError};
use crate::denial::Given;
use crate::finding::Finding;
use crate::io::config;
use crate::io::settings::{CodeownersFile, Settings, SettingsError};
use crate::io::sources::policies;
use crate::io::stores::{self, Filter, Ledger, StoreUri};
use crate::principal::{self, PrincipalKind};
use crate::record::Problem;
use anyhow::{Context, bail};
use clap::Args;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the person at the keyboard knows and the pasted message does not tell.
#[derive(Debug, Args)]
pub(super) struct GivenArgs {
    /// Who was refused, where the message does not tell: a role, user or session ARN.
    #[arg(long, value_name = "ARN", value_parser = principal_arn)]
    principal: Option<String>,
    /// On what, where the message does not tell.
    #[arg(long, value_name = "ARN", value_parser = resource_arn)]
    resource: Option<String>,
}

/// A wrong use that the parser of the arguments cannot see.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misuse {
    /// Event history is read from AWS.
    #[error("`--lookup` talks to AWS and `--offline` forbids it: leave one of them out")]
    Offline,
    /// So are buckets.
    #[error("`s3://…` talks to AWS and `--offline` forbids it: leave one of them out")]
    OfflineBucket,
    /// So are query engines.
    #[error("`query --run` talks to AWS and `--offline` forbids it: leave one of them out")]
    OfflineQuery,
    #[error("files and buckets are scanned one after another: the ledger adds them up")]
    Mixed,
    #[error("`{0}` is no bucket: write `s3://BUCKET/PREFIX`")]
    NoBucket(String),
    /// Messages leave this machine.
    #[error("`notify test` sends and `--offline` forbids it: leave it out, or add `--dry-run`")]
    OfflineSend,
    #[error("`doctor` talks to AWS and `--offline` forbids it: leave one of them out")]
    OfflineDoctor,
    /// A rule about everything would silence everything.
    #[error("say what the rule is about: a finding's id, --principal, --permission, --resource or --account")]
    NothingNamed,
    #[error("say with --owner who answers for the rule: the environment names no user")]
    NoOwner,
    #[error("`{0}` is no end: try `24h`, `90d` or `2027-02-01`")]
    NoEnd(String),
    /// So is that ledger.
    #[error("`--store dynamodb:…` talks to AWS and `--offline` forbids it: leave one of them out")]
    OfflineStore,
    /// So are policies.
    #[error("`--live` talks to AWS and `--offline` forbids it: leave one of them out")]
    LiveOffline,
    #[error("`{0}` is no time: try `7d`, `36h`, `monday` or `2026-11-09`")]
    NoTime(String),
    #[error("`--since {since}` is later than `--until {until}`")]
    Backwards { since: String, until: String },
}

impl GivenArgs {
    pub(super) fn given(&self) -> Given {
        Given { principal: self.principal.clone(), resource: self.resource.clone(), ..Given::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.principal.is_none() && self.resource.is_none()
    }
}

fn principal_arn(text: &str) -> Result<String, String> {
    match principal::from_arn(text).kind {
        PrincipalKind::Unknown => Err("expected the ARN of a role, a user or a session, such as \
            `arn:aws:iam::111122223333:role/app`"
            .to_owned()),
        _ => resource_arn(text),
    }
}

fn resource_arn(text: &str) -> Result<String, String> {
    let told = |_: ArnError| "expected an ARN: `arn:partition:service:region:account:resource`".to_owned();
    text.parse::<Arn>().map(|_| text.to_owned()).map_err(told)
}

/// The facts, the policies given and the rules of the configuration; what of the policies could not be read is told, the
/// rest is used.
pub(super) fn world(global: &Global) -> anyhow::Result<(World, Vec<Problem>)> {
    if global.live && global.offline {
        return Err(Misuse::LiveOffline.into());
    }
    let (in_force, problems) = policies::read(&global.policies)?;
    let outside = if global.live { Some(outside()?) } else { None };
    let settings = settings(global)?;
    let world = World::new(in_force).expecting(settings.expected).counting(settings.codes);
    Ok((World { outside, ..world }, problems))
}

#[cfg(feature = "live")]
fn outside() -> anyhow::Result<Arc<dyn Outside>> {
    Ok(Arc::new(crate::app::outside::Asking::new(&crate::io::aws::Options::default())?))
}

#[cfg(not(feature = "live"))]
fn outside() -> anyhow::Result<Arc<dyn Outside>> {
    bail!("this build cannot reach AWS: build it with `cargo build --release --features live,toolbox`")
}

/// The findings whose id begins so, whatever the letter case.
pub(super) fn ids_beginning(all: &[Finding], id: &str) -> BTreeSet<String> {
    let begins = |finding: &&Finding| finding.id.get(..id.len()).is_some_and(|head| head.eq_ignore_ascii_case(id));
    all.iter().filter(begins).map(|finding| finding.id.clone()).collect()
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadConfig {
    #[error("cannot read the configuration `{path}`: {source}")]
    Unread { path: String, source: std::io::Error },
    #[error("`{path}`: {source}")]
    Unfit { path: String, source: SettingsError },
}

/// Where the configuration is: where the arguments say, or where it is looked for; `None` when there is none.
pub(super) fn config_path(global: &Global) -> Option<PathBuf> {
    global.config.clone().or_else(config::default_config)
}

/// The configuration, or what holds without one.
pub(super) fn settings(global: &Global) -> Result<Settings, BadConfig> {
    match config_path(global) {
        Some(path) => {
            print::say(!global.verbose, &format!("configuration: {}", path.display()));
            settings_of(&path, &read_config(&path)?)
        }
        None => Ok(Settings::default()),
    }
}

/// The text of a configuration.
pub(super) fn read_config(path: &Path) -> Result<String, BadConfig> {
    config::read(path).map_err(|source| BadConfig::Unread { path: path.display().to_string(), source })
}

/// Reads a configuration, and the CODEOWNERS file that it names, which lies relative to it.
pub(super) fn settings_of(path: &Path, text: &str) -> Result<Settings, BadConfig> {
    let unfit = |source| BadConfig::Unfit { path: path.display().to_string(), source };
    let settings = Settings::parse(text).map_err(unfit)?;
    match settings.codeowners.clone() {
        // At a desk a file in a bucket is not fetched: owners are found by the other sources.
        Some(CodeownersFile(place)) if !place.starts_with("s3://") && !place.starts_with("ssm:") => {
            let beside = path.parent().unwrap_or(Path::new("")).join(place);
            Ok(settings.with_codeowners(&read_config(&beside)?))
        }
        Some(_) | None => Ok(settings),
    }
}

/// Opens the ledger that was named, or the user's own, to read it: none is made.
pub(super) fn ledger(global: &Global) -> anyhow::Result<Box<dyn Ledger>> {
    let ledger = stores::open_existing(&store(global)?, &settings(global)?.keep)?;
    if print::is_redacting() {
        print::learn(&ledger.findings(&Filter::default())?);
    }
    Ok(ledger)
}

/// Opens the ledger that was named, or the user's own; a missing one is made.
pub(super) fn ledger_to_write(global: &Global) -> anyhow::Result<Box<dyn Ledger>> {
    Ok(stores::open(&store(global)?, &settings(global)?.keep)?)
}

/// Opens the ledger to read it; an empty one stands in where there is none.
#[cfg(feature = "s3")]
pub(super) fn ledger_if_any(global: &Global) -> anyhow::Result<Box<dyn Ledger>> {
    match store(global)? {
        StoreUri::Sqlite(path) if !path.exists() => Ok(Box::new(stores::MemoryLedger::default())),
        uri => Ok(stores::open_existing(&uri, &settings(global)?.keep)?),
    }
}

fn store(global: &Global) -> anyhow::Result<StoreUri> {
    let uri = match global.store.clone().or(settings(global)?.store) {
        Some(uri) => match uri.parse::<StoreUri>()? {
            StoreUri::Dynamo(_) if global.offline => return Err(Misuse::OfflineStore.into()),
            uri => uri,
        },
        None => StoreUri::Sqlite(
            config::default_ledger()
                .context("no place for the ledger: set HOME, or name one with --store sqlite:PATH")?,
        ),
    };
    print::say(!global.verbose, &format!("ledger: {}", told(&uri)));
    Ok(uri)
}

fn told(uri: &StoreUri) -> String {
    match uri {
        StoreUri::Sqlite(path) => format!("sqlite:{}", path.display()),
        StoreUri::Dynamo(table) => format!("dynamodb:{table}"),
    }
}

/// The finding whose id this is, or begins with it.
pub(super) fn pick<'a>(all: &'a [Advice], id: &str) -> anyhow::Result<&'a Advice> {
    let wanted = id.to_ascii_uppercase();
    let wanted = if wanted.starts_with("D-") { wanted } else { format!("D-{wanted}") };
    let found: Vec<&Advice> = all.iter().filter(|advice| advice.id.starts_with(&wanted)).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => bail!("no finding `{id}` in the ledger: `denywatch findings` lists them"),
        [_, _, ..] => bail!("`{id}` begins {} findings' ids: give more of it", found.len()),
    }
}

/// Beginning and end of a period, in this order in time.
pub(super) fn period(
    since: Option<&str>,
    until: Option<&str>,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Option<Timestamp>), Misuse> {
    let at = |text: Option<&str>| text.map(|text| time(text, now)).transpose();
    let (from, to) = (at(since)?, at(until)?);
    match (since, until) {
        (Some(since), Some(until)) if from > to => {
            Err(Misuse::Backwards { since: since.to_owned(), until: until.to_owned() })
        }
        _ => Ok((from, to)),
    }
}

/// `7d`, `36h`, `monday`, a date, or a time, seen from `now`; the beginning of the day where only a day is named.
///
/// ```text
/// 7d   monday   2026-11-09   2026-11-09T10:00:00Z
/// ```
fn time(text: &str, now: Timestamp) -> Result<Timestamp, Misuse> {
    let midnight = |date: Date| Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let named_day = || {
        let today = now.to_zoned(TimeZone::UTC).date();
        let back = i64::from(today.weekday().since(weekday(text)?));
        midnight(today.checked_sub(Span::new().days(back)).ok()?)
    };
    let exact = text.parse::<Timestamp>().ok();
    let found = exact.or_else(|| midnight(text.parse().ok()?)).or_else(named_day).or_else(|| ago(text, now));
    found.ok_or_else(|| Misuse::NoTime(text.to_owned()))
}

/// A whole number and `s`, `m`, `h` or `d`.
pub(super) fn span(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let count: u32 = text[..text.len() - 1].parse().ok()?;
    Some(SignedDuration::from_secs(i64::from(count) * seconds))
}

fn weekday(text: &str) -> Option<Weekday> {
    use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    let all = [Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday];
    all.into_iter().find(|day| format!("{day:?}").eq_ignore_ascii_case(text))
}

fn ago(text: &str, now: Timestamp) -> Option<Timestamp> {
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let count: i64 = number.parse().ok()?;
    let hours = match &text[number.len()..] {
        "h" => 1,
        "d" => 24,
        "w" => 24 * 7,
        _ => return None,
    };
    let hours = count.checked_mul(hours).filter(|hours| (0..1_000_000).contains(hours))?;
    now.checked_sub(Span::new().hours(hours)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        let now: Timestamp = "2026-11-18T12:30:00Z".parse().unwrap();
        assert_eq!(time(text, now).ok().map(|at| at.to_string()).as_deref(), expect);
    }

    #[test]
    fn times_as_people_write_them() {
        check("7d", Some("2026-11-11T12:30:00Z"));
        check("36h", Some("2026-11-17T00:30:00Z"));
        check("2w", Some("2026-11-04T12:30:00Z"));
        check("monday", Some("2026-11-16T00:00:00Z"));
        check("Wednesday", Some("2026-11-18T00:00:00Z"));
        check("2026-11-09", Some("2026-11-09T00:00:00Z"));
        check("2026-11-09T10:00:00+01:00", Some("2026-11-09T09:00:00Z"));
        for bad in ["", "d", "7", "7y", "-3d", "99999999999999999999d", "9999999999d", "noday"] {
            check(bad, None);
        }
    }
}
