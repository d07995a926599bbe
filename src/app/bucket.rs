//! Log files in buckets → ledger → ranked findings.

use super::World;
use super::bucket_look::{look, named};
use super::outcome::Outcome;
use super::progress::{Fetched, Progress, Step, Watcher};
use super::scan::{Options, Scan};
use crate::advice::Advice;
use crate::io::aws::Aws;
use crate::io::aws::signed::CallError;
use crate::io::clock;
use crate::io::sources::ENDINGS;
use crate::io::sources::archive::Selection;
use crate::io::sources::s3::{self, Archive, Limits};
use crate::io::stores::{Ledger, LedgerError, Object, Run};
use crate::record::Problem;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::sync::atomic::Ordering;

/// A file may arrive this many days after others with a later key: so far back every scan lists anew.
const LATE_DAYS: i64 = 3;
/// More objects are listed when fewer than this wait to be read.
pub(super) const LOW: usize = 256;

/// What to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Bucket and prefix of each source.
    pub places: Vec<(String, String)>,
    /// The caller pays for the requests.
    pub requester_pays: bool,
    /// Reads what was read before, too.
    pub again: bool,
}

impl Asked {
    /// One source as the list takes it, with the part of the archive that is wanted.
    pub(super) fn source(&self, place: &(String, String), selection: &Selection) -> s3::Asked {
        s3::Asked {
            bucket: place.0.clone(),
            prefix: place.1.clone(),
            after: String::new(),
            selection: selection.clone(),
            requester_pays: self.requester_pays,
        }
    }

    /// The name under which the ledger notes what was read, and whether all of it was listed.
    pub(super) fn input(&self, selection: &Selection) -> String {
        let places: Vec<String> =
            self.places.iter().map(|(bucket, prefix)| format!("s3://{bucket}/{prefix}")).collect();
        let filters = selection.accounts.iter().chain(&selection.regions).map(|only| format!(" only {only}"));
        places.join(" ") + &filters.collect::<String>()
    }

    fn listed(&self, selection: &Selection) -> String {
        format!("{} was listed", self.input(selection))
    }
}

/// The part of the archive that has to be listed: what is wanted, without what an earlier scan listed and read.
///
/// # Errors
/// The ledger could not be read.
pub(super) fn wanted(asked: &Asked, selection: &Selection, ledger: &dyn Ledger) -> Result<Selection, LedgerError> {
    let run = if asked.again { None } else { ledger.noted_run(&asked.listed(selection))? };
    let since = selection.since.max(run.and_then(|run| look_back(run.at)));
    Ok(Selection { since, ..selection.clone() })
}

/// Reads the log files of the sources that were not read before, keeps their denials in the ledger, and advises on the
/// findings that they belong to. Call it inside a tokio runtime.
///
/// What cannot be listed or read is a problem of the outcome; the rest goes on.
///
/// ```standalone_crate
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doubles/example.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let key = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/10/111122223333_CloudTrail_eu-west-1_20261110T1015Z_a.json";
/// # stand_in(move |head, _| match head.split_once('?') {
/// #     Some(_) => format!("<ListBucketResult><Contents><Key>{key}</Key><ETag>&quot;e&quot;</ETag><Size>9</Size></Contents></ListBucketResult>"),
/// #     None => format!(r#"{{"Records":[{DENIED}]}}"#),
/// # })?;
/// use denywatch::app::{World, bucket::{Asked, scan_buckets}, scan::Options};
/// use denywatch::{diagnosis::InForce, io::aws::Aws, io::sources::archive::Selection, io::stores::MemoryLedger};
/// let aws = Aws::load(&denywatch::io::aws::Options::default()).await;
/// let asked = Asked { places: vec![("my-logs".into(), "AWSLogs/".into())], ..Asked::default() };
/// // Folders of other Regions, and of days before (less what may come late), are not even listed.
/// let selection = Selection {
///     since: Some("2026-11-01T00:00:00Z".parse()?),
///     regions: ["eu-west-1".to_owned()].into(),
///     ..Selection::default()
/// };
/// let options = Options { selection, ..Options::default() };
/// let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
/// let outcome = scan_buckets(&aws, &asked, &mut ledger, &world, options, &mut |_stats| {}).await?;
/// assert_eq!((outcome.stats.files, outcome.findings[0].count), (1, 1));
/// # assert_eq!(outcome.problems, []);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The ledger could not be read or written.
pub async fn scan_buckets(
    aws: &Aws,
    asked: &Asked,
    ledger: &mut dyn Ledger,
    world: &World,
    options: Options,
    progress: Watcher<'_>,
) -> Result<Outcome, LedgerError> {
    let mut all = Vec::new();
    let outcome =
        scan_buckets_each(aws, asked, ledger, world, options, progress, &mut |advice| all.push(advice)).await?;
    Ok(outcome.holding(all))
}

/// The same, which hands findings over one by one: see [`super::scan_each`].
///
/// # Errors
/// See [`scan_buckets`].
pub async fn scan_buckets_each(
    aws: &Aws,
    asked: &Asked,
    ledger: &mut dyn Ledger,
    world: &World,
    options: Options,
    progress: Watcher<'_>,
    each: &mut dyn FnMut(Advice),
) -> Result<Outcome, LedgerError> {
    // Every denial is wanted: then nothing is skipped.
    let asked = &Asked { again: asked.again || options.denials, ..asked.clone() };
    let (selection, begun) = (options.selection.clone(), clock::now());
    let input = asked.input(&selection);
    let wanted = wanted(asked, &selection, ledger)?;
    let stop = options.stop;
    let mut is_stopped = || stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
    let mut scan = Scan::begin(ledger, world, options, &input);
    scan.note_each();
    // What is fetched now is gone when the scan ends: a later one that makes up for it has to fetch it once more.
    scan.look_twice(&wanted)?;
    // What is not listed again has its findings, too.
    scan.tells_known = wanted.since > selection.since;
    let (mut otherwise_named, mut fetched) = (0, Fetched::default());
    for (at, place) in asked.places.iter().enumerate() {
        let archive = Archive::new(aws.signed(), &asked.source(place, &wanted), Limits::default());
        let mut source = Source { fetched, ..Source::new(archive, &place.0, asked.again) };
        source.is_last = at + 1 == asked.places.len();
        source.read(&mut scan, progress, &mut is_stopped).await?;
        let listing = source.archive.listing();
        otherwise_named += listing.otherwise_named;
        fetched = source.fetched;
        if listing.holds_nothing {
            scan.problems.push(holds_nothing(place));
        }
    }
    if !scan.is_over() && scan.problems.count() == 0 && selection.since.is_none() && selection.until.is_none() {
        scan.note_listed(&Run::begin(&asked.listed(&selection), begun))?;
    }
    look(&mut scan, aws, asked, progress).await?;
    let mut outcome = scan.finish_each(each)?;
    outcome.not_seen.extend(told_otherwise_named(otherwise_named));
    Ok(outcome)
}

/// As with a path that is not there: who names it has most likely written it wrong.
pub(super) fn holds_nothing((bucket, prefix): &(String, String)) -> Problem {
    let error = "the bucket holds no object whose key begins so".to_owned();
    Problem { input: format!("s3://{bucket}/{prefix}"), error }
}

/// Objects that were passed over though they may hold events.
fn told_otherwise_named(count: u64) -> Option<String> {
    let (are, one) = if count == 1 { ("1 object was", "its name does") } else { ("objects were", "their names do") };
    let are = if count == 1 { are.to_owned() } else { format!("{count} {are}") };
    (count > 0).then(|| format!("{are} passed over, since {one} not end as log files' do: {}", ENDINGS.join(", ")))
}

/// From when on a list must be made again: whole days, as the keys have them.
fn look_back(listed: Timestamp) -> Option<Timestamp> {
    let day = listed.to_zoned(TimeZone::UTC).date().checked_sub(LATE_DAYS.days()).ok()?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// One source, and how it is read.
pub(super) struct Source<'a> {
    archive: Archive,
    bucket: &'a str,
    again: bool,
    /// Everything up to this key was read, or need not be.
    done: String,
    /// Why something could not be listed or got, where another try may help.
    pub(super) failed: Option<String>,
    fetched: Fetched,
    /// No other source comes behind it.
    is_last: bool,
}

impl<'a> Source<'a> {
    pub(super) fn new(archive: Archive, bucket: &'a str, again: bool) -> Self {
        let (done, failed, fetched) = (String::new(), None, Fetched::default());
        Self { archive, bucket, again, done, failed, fetched, is_last: false }
    }

    /// Behind this key.
    #[cfg(feature = "lambda")]
    pub(super) fn from(self, after: &str) -> Self {
        Self { done: after.to_owned(), ..self }
    }

    /// Reads until all is read, or until told to stop: then the key behind which it stopped.
    pub(super) async fn read(
        &mut self,
        scan: &mut Scan<'_>,
        progress: Watcher<'_>,
        is_over: &mut dyn FnMut() -> bool,
    ) -> Result<Option<String>, LedgerError> {
        let mut is_listed = false;
        loop {
            while !is_listed && self.archive.waiting() < LOW {
                if is_over() {
                    return Ok(Some(self.done.clone()));
                }
                is_listed = !self.list(scan).await?;
            }
            if is_over() && self.archive.waiting() > 0 {
                return Ok(Some(self.done.clone()));
            }
            let Some(object) = self.archive.next().await else { return Ok(None) };
            let named = named(self.bucket, &object.listed);
            self.fetched.done.files += 1;
            self.fetched.done.bytes += object.listed.size;
            self.fetched.is_all = is_listed && self.is_last;
            match object.content {
                Ok(content) => scan.came(named, content.came()),
                Err(error) => self.fail(scan, named.key, &error),
            }
            self.done = object.listed.key;
            progress(&Progress { stats: &scan.stats, step: Step::Fetching(self.fetched), under_way: 0 });
        }
    }

    fn fail(&mut self, scan: &mut Scan<'_>, input: String, error: &CallError) {
        let error = error.to_string();
        self.failed = Some(format!("{input}: {error}"));
        scan.problems.push(Problem { input, error });
    }

    /// Takes in one more part of the list; false when there is none.
    async fn list(&mut self, scan: &mut Scan<'_>) -> Result<bool, LedgerError> {
        match self.archive.listed().await {
            None => return Ok(false),
            Some(Err(error)) => {
                self.fail(scan, format!("s3://{}/{}", error.bucket, error.prefix), &error.source);
            }
            Some(Ok(objects)) => {
                let last = objects.last().map(|last| last.key.clone());
                let names: Vec<Object> = objects.iter().map(|listed| named(self.bucket, listed)).collect();
                let fresh = if self.again { vec![true; names.len()] } else { scan.fresh(&names)? };
                let fresh = objects.into_iter().zip(fresh).filter(|(_, fresh)| *fresh).map(|(object, _)| object);
                let listed = &mut self.fetched.listed;
                self.archive.want(fresh.inspect(|object| {
                    listed.files += 1;
                    listed.bytes += object.size;
                }));
                if self.archive.waiting() == 0 {
                    self.done = last.unwrap_or_default();
                }
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;
