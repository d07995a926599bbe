//! What a scan would read, cost and take, told before anything is read.

#[cfg(feature = "s3")]
use super::bucket::{Asked, holds_nothing, wanted};
#[cfg(feature = "s3")]
use super::debt::owed;
use crate::io::sources::archive::Selection;
use crate::io::sources::files;
use crate::record::Problem;
use serde::Serialize;
use std::path::PathBuf;

/// Dollars for a GET and a LIST of S3 Standard, us-east-1, and for a gigabyte that leaves AWS, 2026-11; other Regions and
/// classes ask for more. See <https://aws.amazon.com/s3/pricing/>.
#[cfg(feature = "s3")]
const GET: f64 = 0.000_000_4;
#[cfg(feature = "s3")]
const LIST: f64 = 0.000_005;
#[cfg(feature = "s3")]
const GIGABYTE_OUT: f64 = 0.09;
/// Objects a second, and compressed bytes a second, that one scan of a bucket gets through in the bucket's Region.
#[cfg(feature = "s3")]
const OBJECTS_A_SECOND: f64 = 600.0;
#[cfg(feature = "s3")]
const BUCKET_BYTES_A_SECOND: f64 = 40e6;
/// A Decrypt of KMS, which S3 makes for each object that a KMS key encrypts where the bucket has no bucket key, us-east-1,
/// 2026-11. See <https://aws.amazon.com/kms/pricing/>.
#[cfg(feature = "s3")]
const DECRYPT: f64 = 0.000_003;
/// The same for files on a disk of this machine, read by one processor that looks once at them, or twice: about half of what
/// README's figures come to (1 % denied events, which is many), since disks and processors differ.
const ONE_LOOK: (f64, f64) = (20_000.0, 100e6);
const TWO_LOOKS: (f64, f64) = (12_000.0, 50e6);
/// Requests a second that AWS answers for Event history, and events in each.
#[cfg(feature = "lookup")]
const PAGES_A_SECOND: f64 = 2.0;

/// What a scan would come to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Of this format.
    pub version: u32,
    /// Files or objects to read; `None` where only events can be told.
    pub objects: Option<u64>,
    /// Their bytes, as they lie there.
    pub bytes: Option<u64>,
    /// Objects that a scan read before, and that are not read again.
    pub known: u64,
    /// Events, from the newest page of each Region; `None` where files are read.
    pub events: Option<u64>,
    /// What AWS would ask for it.
    pub cost: Cost,
    /// How long it takes, roughly.
    pub seconds: f64,
    /// What the figures rest on.
    pub assumptions: Vec<String>,
    /// What could not be listed.
    pub problems: Vec<Problem>,
    /// The parts that the sum is made of.
    pub parts: Vec<Part>,
}

/// Requests and their price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// GETs to make.
    pub get_requests: u64,
    /// LISTs that this estimate made, and that the scan makes again.
    pub list_requests: u64,
    /// Dollars for both, of the scan alone.
    pub dollars: f64,
    /// Dollars more if the bytes leave AWS for the internet.
    pub dollars_out: f64,
    /// Dollars more if a KMS key encrypts the objects, and the bucket has no bucket key.
    pub dollars_kms: f64,
}

/// A part of what would be read: an account's Region, a folder.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Part {
    /// A prefix, a path, or a Region's Event history.
    pub name: String,
    /// Files or objects, or pages of events.
    pub objects: u64,
    /// Their bytes; 0 for Event history, which does not tell.
    pub bytes: u64,
}

/// What a scan of these files and folders would read; `one_look` is [`super::scan::Options::one_look`].
/// Nothing is opened, and no ledger asked.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # std::fs::write(folder.path().join("log.json"), [b' '; 300]).unwrap();
/// use denywatch::{app::estimate::of_files, io::sources::archive::Selection};
/// let estimate = of_files(&[folder.path().to_owned(), "missing.json".into()], &Selection::default(), false);
/// assert_eq!((estimate.objects, estimate.bytes, estimate.problems.len()), (Some(1), Some(300), 1));
/// ```
pub fn of_files(sources: &[PathBuf], selection: &Selection, one_look: bool) -> Estimate {
    let mut estimate = Estimate { version: 1, objects: Some(0), bytes: Some(0), ..Estimate::default() };
    for source in sources {
        let mut part = Part { name: source.display().to_string(), ..Part::default() };
        for found in files::sizes(std::slice::from_ref(source), selection) {
            match found {
                Ok(bytes) => {
                    part.objects += 1;
                    part.bytes += bytes;
                }
                Err(problem) => estimate.problems.push(problem),
            }
        }
        estimate.add(part);
    }
    let ((files, bytes), looks) = if one_look {
        (ONE_LOOK, "one look")
    } else {
        (TWO_LOOKS, "two looks, the second around denials: 1 % of the events")
    };
    estimate.seconds = slower(&estimate, files, bytes);
    let told = format!(
        "{files} files and {} MB of compressed logs a second on one processor ({looks}); further ones share the work",
        bytes / 1e6
    );
    estimate.assumptions = vec![told, "nothing of it was read before".to_owned()];
    estimate
}

impl Estimate {
    fn add(&mut self, part: Part) {
        self.objects = Some(self.objects.unwrap_or(0) + part.objects);
        self.bytes = Some(self.bytes.unwrap_or(0) + part.bytes);
        self.parts.push(part);
    }
}

/// What bounds a scan: the number of files or their bytes.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn slower(estimate: &Estimate, objects: f64, bytes: f64) -> f64 {
    (estimate.objects.unwrap_or(0) as f64 / objects).max(estimate.bytes.unwrap_or(0) as f64 / bytes)
}

#[cfg(feature = "s3")]
mod buckets {
    use super::{Asked, Selection, holds_nothing, owed, wanted};
    use super::{
        BUCKET_BYTES_A_SECOND, Cost, DECRYPT, Estimate, GET, GIGABYTE_OUT, LIST, OBJECTS_A_SECOND, Part, slower,
    };
    use crate::io::aws::Aws;
    use crate::io::aws::listing::Listed;
    use crate::io::sources::archive::Place;
    use crate::io::sources::s3::{Archive, Limits, ListError};
    use crate::io::stores::{Ledger, LedgerError, Object};
    use crate::record::Problem;
    use std::collections::BTreeMap;

    /// What a scan of these buckets would read. Lists, and reads nothing. Call it inside a tokio runtime.
    ///
    /// ```standalone_crate
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doubles/example.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/10/111122223333_CloudTrail_eu-west-1_20261110T1015Z_a.json.gz";
    /// # stand_in(move |_, _| {
    /// #     format!("<ListBucketResult><Contents><Key>{key}</Key><ETag>&quot;e&quot;</ETag><Size>4000000</Size></Contents></ListBucketResult>")
    /// # })?;
    /// use denywatch::app::{bucket::Asked, estimate::of_buckets};
    /// use denywatch::io::{aws::Aws, sources::archive::Selection, stores::MemoryLedger};
    /// let aws = Aws::load(&denywatch::io::aws::Options::default()).await;
    /// let asked = Asked { places: vec![("my-logs".into(), "AWSLogs/".into())], ..Asked::default() };
    /// let estimate = of_buckets(&aws, &asked, &Selection::default(), &MemoryLedger::default()).await?;
    /// assert_eq!((estimate.objects, estimate.bytes, estimate.cost.get_requests), (Some(1), Some(4_000_000), 1));
    /// assert!(estimate.cost.dollars < 0.000_1 && estimate.seconds > 0.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn of_buckets(
        aws: &Aws,
        asked: &Asked,
        selection: &Selection,
        ledger: &dyn Ledger,
    ) -> Result<Estimate, LedgerError> {
        let mut estimate = Estimate { version: 1, objects: Some(0), bytes: Some(0), ..Estimate::default() };
        let wanted = wanted(asked, selection, ledger)?;
        let mut parts: BTreeMap<String, Part> = BTreeMap::new();
        for place in &asked.places {
            let mut archive = Archive::new(aws.signed(), &asked.source(place, &wanted), Limits::default());
            while let Some(listed) = archive.listed().await {
                let Some(objects) = estimate.listed(listed) else { continue };
                let names = names(&place.0, &objects);
                let known = if asked.again { vec![None; names.len()] } else { ledger.known_objects(&names)? };
                estimate.known += known.iter().flatten().count() as u64;
                for (object, _) in objects.iter().zip(known).filter(|(_, known)| known.is_none()) {
                    let name = format!("s3://{}/{}", place.0, part_of(&object.key));
                    let part = parts.entry(name.clone()).or_insert_with(|| Part { name, ..Part::default() });
                    part.objects += 1;
                    part.bytes += object.size;
                }
            }
            let listing = archive.listing();
            estimate.cost.list_requests += listing.requests;
            estimate.problems.extend(listing.holds_nothing.then(|| holds_nothing(place)));
        }
        parts.into_values().for_each(|part| estimate.add(part));
        let debt = match owed(ledger, &asked.input(selection))? {
            Some(owed) => Some(estimate.list_owed(aws, asked, &wanted, &owed, ledger).await?),
            None => None,
        };
        price(&mut estimate);
        estimate.assumptions.extend(debt.map(told_debt));
        Ok(estimate)
    }

    impl Estimate {
        /// What was listed; a problem where it cannot be.
        fn listed(&mut self, listed: Result<Vec<Listed>, ListError>) -> Option<Vec<Listed>> {
            let told = |error: ListError| Problem {
                input: format!("s3://{}/{}", error.bucket, error.prefix),
                error: format!("it cannot be listed: {}", error.source),
            };
            let problem = match listed {
                Ok(objects) => return Some(objects),
                Err(error) => told(error),
            };
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
            None
        }

        /// Lists what an earlier scan owes, as this scan's second look does; returns how many objects of it were read before,
        /// and are not read by this scan's first look.
        async fn list_owed(
            &mut self,
            aws: &Aws,
            asked: &Asked,
            wanted: &Selection,
            owed: &Selection,
            ledger: &dyn Ledger,
        ) -> Result<u64, LedgerError> {
            let mut count = 0;
            for place in &asked.places {
                let mut archive = Archive::new(aws.signed(), &asked.source(place, owed), Limits::default());
                while let Some(listed) = archive.listed().await {
                    let Some(objects) = self.listed(listed) else { continue };
                    let known = ledger.known_objects(&names(&place.0, &objects))?;
                    let is_read_now = |object: &Listed| asked.again && wanted.may_hold(&object.key);
                    let read = objects.iter().zip(known).filter(|(one, known)| known.is_some() && !is_read_now(one));
                    count += read.count() as u64;
                }
                self.cost.list_requests += archive.listing().requests;
            }
            Ok(count)
        }
    }

    fn names(bucket: &str, objects: &[Listed]) -> Vec<Object> {
        let key = |key: &str| format!("s3://{bucket}/{key}");
        objects.iter().map(|one| Object { key: key(&one.key), mark: one.etag.clone() }).collect()
    }

    /// An upper bound: which of them can tell is known only when denials are.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn told_debt(known: u64) -> String {
        format!(
            "an earlier scan was ended before its second look, or made but one: of the {known} objects that it left those that can \
             tell of a finding are asked for once more, for ${:.2} at most; `--one-look` leaves that to another scan",
            known as f64 * GET
        )
    }

    /// The folder of an account's Region, else of the file.
    fn part_of(key: &str) -> &str {
        let folder = &key[..key.rfind('/').map_or(0, |end| end + 1)];
        let mut above = folder.match_indices('/').map(|(end, _)| &folder[..=end]);
        above.find(|folder| Place::of(folder).region.is_some()).unwrap_or(folder)
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn price(estimate: &mut Estimate) {
        let Cost { list_requests, .. } = estimate.cost;
        let get_requests = estimate.objects.unwrap_or(0);
        estimate.cost = Cost {
            get_requests,
            list_requests,
            dollars: get_requests as f64 * GET + list_requests as f64 * LIST,
            dollars_out: estimate.bytes.unwrap_or(0) as f64 / 1e9 * GIGABYTE_OUT,
            dollars_kms: get_requests as f64 * DECRYPT,
        };
        estimate.seconds = slower(estimate, OBJECTS_A_SECOND, BUCKET_BYTES_A_SECOND);
        estimate.assumptions = vec![
            format!(
                "{OBJECTS_A_SECOND} objects and {} MB of compressed logs a second, inside the bucket's Region",
                BUCKET_BYTES_A_SECOND / 1e6
            ),
            format!(
                "prices of S3 Standard in us-east-1, 2026-11: ${GET} a GET, ${LIST} a LIST, ${GIGABYTE_OUT} a GB that leaves AWS (nothing inside the Region), ${DECRYPT} a Decrypt of KMS"
            ),
            "the second look asks for nothing again: up to 1 GiB of what came is kept in a temporary file, and beyond that \
             each object is read in full when it comes, which takes more of the processor; `--one-look` does neither"
                .to_owned(),
        ];
    }
}

#[cfg(feature = "s3")]
pub use buckets::of_buckets;

#[cfg(feature = "lookup")]
pub use history::of_history;

#[cfg(feature = "lookup")]
mod history {
    use super::{Estimate, PAGES_A_SECOND, Part};
    use crate::io::sources::history_reach::Span;
    use crate::io::sources::lookup::Sample;
    use crate::record::Problem;

    /// A Region's newest page, or why there is none, and what of the period is to be read.
    pub type Sampled = (String, Result<Sample, String>, Vec<Span>);

    /// How long reading Event history would take, from the newest page of each Region: AWS counts no events, so that the
    /// period is taken to be as busy as its latest events.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    pub fn of_history(samples: Vec<Sampled>, period: Span) -> Estimate {
        let mut estimate = Estimate { version: 1, events: Some(0), ..Estimate::default() };
        let (mut longest, mut is_known) = (0.0_f64, false);
        let length = |(from, to): Span| (to.as_second() - from.as_second()).max(0) as f64;
        for (region, sample, gaps) in samples {
            let name = format!("Event history of {region}");
            let sample = match sample {
                Ok(sample) => sample,
                Err(error) => {
                    estimate.problems.push(Problem { input: name, error });
                    continue;
                }
            };
            let unread = gaps.iter().copied().map(length).sum::<f64>() / length(period).max(1.0);
            is_known |= unread < 0.999;
            let events = (sample.extrapolate(period) as f64 * unread.min(1.0)).ceil() as u64;
            let pages = (events as f64 / 50.0).ceil().max(1.0);
            longest = longest.max(pages / PAGES_A_SECOND);
            estimate.events = Some(estimate.events.unwrap_or(0) + events);
            estimate.parts.push(Part { name, objects: pages as u64, bytes: 0 });
        }
        // Regions are read at the same time, each at its own pace.
        estimate.seconds = longest;
        estimate.assumptions = vec![
            "two requests a second a Region, 50 events each; AWS asks nothing for them".to_owned(),
            "the whole period as busy as its newest 50 events, in each Region: one request each was made".to_owned(),
        ];
        let known = "what the ledger says was read before is not asked for again";
        estimate.assumptions.extend(is_known.then(|| known.to_owned()));
        estimate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_measured_and_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let region = dir.path().join("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11");
        for (day, size) in [("01", 10), ("02", 20_000_000)] {
            let folder = region.join(day);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::File::create(folder.join("a.json.gz")).unwrap().set_len(size).unwrap();
        }
        let sources = [dir.path().to_path_buf(), "missing.json".into()];
        let all = of_files(&sources, &Selection::default(), false);
        assert_eq!((all.objects, all.bytes, all.problems.len()), (Some(2), Some(20_000_010), 1));
        assert!((all.seconds - 0.4).abs() < 0.001, "{}", all.seconds);
        let once = of_files(&sources, &Selection::default(), true);
        assert!(once.seconds < all.seconds && once.assumptions[0].contains("one look"), "{once:?}");
        assert_eq!(all.cost, Cost::default());
        let since = Selection { since: "2026-11-04T00:00:00Z".parse().ok(), ..Selection::default() };
        assert_eq!(of_files(&sources[..1], &since, false).objects, Some(0));
    }
}
