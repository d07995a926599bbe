//! Log files in a bucket: listed by CloudTrail's layout, so that nothing is listed that cannot be wanted, and read many at
//! a time in bounded memory, in the order of their keys.

mod walk;

use super::archive::Selection;
use super::huge::WHOLE;
use super::many::Came;
use super::spool::Spool;
use crate::io::aws::bucket::Bucket;
use crate::io::aws::listing::Listed;
use crate::io::aws::signed::{CallError, Signed};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use walk::Walk;

/// What reading may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Objects that are asked for at the same time.
    pub in_flight: usize,
    /// Bytes of objects that are held at the same time, read or on their way. One object alone may be larger.
    pub held: u64,
    /// Bytes of one object, as it lies there.
    pub object: u64,
    /// Bytes of one object that may stand in memory; a larger one goes to a temporary file without a name.
    pub memory: u64,
}

impl Default for Limits {
    /// 64 at a time, 32 MiB together, 512 MiB each, 16 MiB in memory.
    fn default() -> Self {
        Self { in_flight: 64, held: 32 << 20, object: 512 << 20, memory: WHOLE }
    }
}

/// What is to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The bucket's name.
    pub bucket: String,
    /// Keys that begin so.
    pub prefix: String,
    /// Keys behind this one only; empty takes all.
    pub after: String,
    /// Which part of the archive.
    pub selection: Selection,
    /// The caller pays for the requests.
    pub requester_pays: bool,
}

/// What the lists cost and gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listing {
    /// ListObjectsV2 requests that were answered.
    pub requests: u64,
    /// Keys seen that are no wanted log files.
    pub passed_over: u64,
    /// Those among them that may be log files but for their names' endings.
    pub otherwise_named: u64,
    /// The whole of what was asked for was listed, and there is no key that begins so.
    pub holds_nothing: bool,
}

/// One object, read or not.
#[derive(Debug)]
pub struct Object {
    /// As the list named it.
    pub listed: Listed,
    /// Its bytes, compressed where they lie so.
    pub content: Result<Content, CallError>,
}

/// The bytes of an object: in memory, or in a temporary file that goes with this.
#[derive(Debug)]
pub struct Content(Kept);

#[derive(Debug)]
enum Kept {
    Held(Vec<u8>),
    Spooled(Spool),
}

impl Content {
    /// For who reads it.
    pub(crate) fn came(&self) -> Came<'_> {
        match &self.0 {
            Kept::Held(bytes) => Came::Held(bytes),
            Kept::Spooled(spool) => Came::Spooled(spool),
        }
    }
}

/// An archive that is being read. Give [`Archive::want`] what [`Archive::listed`] finds, or a part of it, and take the
/// objects from [`Archive::next`].
#[derive(Debug)]
pub struct Archive {
    bucket: Bucket,
    walk: Walk,
    limits: Limits,
    budget: Arc<Semaphore>,
    wanted: VecDeque<Listed>,
    ahead: VecDeque<(Listed, Coming)>,
}

/// An object on its way, and its share of the memory.
#[derive(Debug)]
struct Coming(JoinHandle<(Result<Content, CallError>, OwnedSemaphorePermit)>);

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The budget's unit.
const KIB: u64 = 1 << 10;

impl Archive {
    /// Nothing is asked yet. Call the rest inside a tokio runtime.
    pub fn new(signed: &Signed, asked: &Asked, limits: Limits) -> Self {
        let bucket = Bucket::new(signed.clone(), &asked.bucket, asked.requester_pays);
        let budget = Arc::new(Semaphore::new(usize::try_from(limits.held / KIB).unwrap_or(1).max(1)));
        let walk = Walk::new(bucket.clone(), asked);
        Self { bucket, walk, limits, budget, wanted: VecDeque::new(), ahead: VecDeque::new() }
    }

    /// The same, which lists no further than to the Regions' folders, and keeps these.
    #[cfg(feature = "lambda")]
    #[must_use]
    pub fn only_folders(mut self) -> Self {
        self.walk.regions = Some(Vec::new());
        self
    }

    /// The Regions' folders that were found, in their order; none where they were not asked for.
    #[cfg(feature = "lambda")]
    pub fn folders(&mut self) -> Vec<String> {
        self.walk.regions.take().unwrap_or_default()
    }

    /// Some more log files, in the order of their keys; `None` at the end. What cannot be listed is an error, and the rest
    /// goes on.
    pub async fn listed(&mut self) -> Option<Result<Vec<Listed>, ListError>> {
        self.walk.next().await
    }

    /// What the lists cost so far.
    pub fn listing(&self) -> Listing {
        self.walk.listing
    }

    /// Has these objects read, behind those wanted before.
    pub fn want(&mut self, objects: impl IntoIterator<Item = Listed>) {
        self.wanted.extend(objects);
        self.start();
    }

    /// Objects that are wanted and not given yet.
    pub fn waiting(&self) -> usize {
        self.wanted.len() + self.ahead.len()
    }

    /// The next wanted object; `None` when there is none.
    pub async fn next(&mut self) -> Option<Object> {
        self.start();
        let (listed, mut coming) = self.ahead.pop_front()?;
        let content = match (&mut coming.0).await {
            Ok((content, _permit)) => content,
            Err(fault) => Err(CallError::Request(format!("reading it broke off: {fault}"))),
        };
        self.start();
        Some(Object { listed, content })
    }

    /// Asks for further objects while there is room.
    fn start(&mut self) {
        while self.ahead.len() < self.limits.in_flight {
            let Some(first) = self.wanted.front() else { return };
            let share = (first.size.min(self.limits.held) / KIB + 1).min((self.limits.held / KIB).max(1));
            let Ok(share) = u32::try_from(share) else { return };
            // Whoever comes first is let in: then a large one waits for all before it, and none waits for ever.
            let Ok(permit) = Arc::clone(&self.budget).try_acquire_many_owned(share) else { return };
            let Some(listed) = self.wanted.pop_front() else { return };
            let (bucket, key, size, limits) = (self.bucket.clone(), listed.key.clone(), listed.size, self.limits);
            let read = async move { (read(&bucket, &key, size, limits).await, permit) };
            self.ahead.push_back((listed, Coming(tokio::spawn(read))));
        }
    }
}

async fn read(bucket: &Bucket, key: &str, size: u64, limits: Limits) -> Result<Content, CallError> {
    if size > limits.object {
        return Err(CallError::Request(format!("it is larger than {} bytes", limits.object)));
    }
    // What grew since it was listed is another object.
    let most = usize::try_from(size.max(1 << 20)).unwrap_or(usize::MAX);
    // Where no folder takes a temporary file, memory has to.
    if size > limits.memory && Spool::new().is_ok() {
        let put = |spool: &mut Spool, piece: &[u8]| spool.put(piece).map(drop);
        return bucket.object_into(key, most, Spool::new, put).await.map(|spool| Content(Kept::Spooled(spool)));
    }
    bucket.object(key, most).await.map(|bytes| Content(Kept::Held(bytes.body)))
}

/// A prefix that could not be listed to its end.
#[derive(Debug, thiserror::Error)]
#[error("`s3://{bucket}/{prefix}` cannot be listed: {source}")]
pub struct ListError {
    /// Where.
    pub bucket: String,
    /// What of it.
    pub prefix: String,
    /// Why.
    pub source: CallError,
}

#[cfg(test)]
mod tests;
