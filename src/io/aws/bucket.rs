//! A bucket of S3 as a place of files: pages of its keys, and objects as bytes.
//!
//! `s3:ListBucket` and `s3:GetObject`. The bucket stands in the path, so that any name and any endpoint will do; where S3
//! says that the bucket is in another Region, it is asked for there from then on.
//! See <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>.

use super::ask::{ELSEWHERE, encode, xml_refusal};
use super::listing::{self, Page};
use super::object::{self, S3};
use super::signed::{CallError, Signed, Unsigned, refusal};
use super::xml;
use crate::io::http::{Bytes, Cost, Sink};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Tries of one call.
const TRIES: u32 = 6;
/// The first wait is up to this, each further one up to twice as long, `LONGEST` at most.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// A page of a thousand keys of 1,024 bytes, each of them escaped, is 3 MB.
const PAGE: Cost = Cost { time: Duration::from_secs(30), bytes: 16 << 20 };
/// The time for one object.
const OBJECT: Duration = Duration::from_secs(120);

/// A bucket, as one caller sees it. Clones are cheap and know the same.
#[derive(Debug, Clone)]
pub struct Bucket {
    signed: Signed,
    name: String,
    /// The caller pays for the requests, not the bucket's owner.
    requester_pays: bool,
    /// Where it is, once S3 told.
    region: Arc<OnceLock<String>>,
}

/// What one page of keys is asked by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Keys that begin so.
    pub prefix: String,
    /// Keys behind this one; empty means from the first.
    pub start_after: String,
    /// Stop at the next `/`: what lies deeper comes as folders.
    pub by_folder: bool,
    /// Goes on behind the page before.
    pub token: Option<String>,
}

impl Bucket {
    /// This bucket; nothing is asked yet.
    pub fn new(signed: Signed, name: &str, requester_pays: bool) -> Self {
        Self { signed, name: name.to_owned(), requester_pays, region: Arc::default() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One page of keys, in the order of their UTF-8 bytes, as S3 keeps it.
    ///
    /// # Errors
    /// [`CallError`], after all tries.
    pub async fn list(&self, query: &Query) -> Result<Page, CallError> {
        let mut target = format!("{}?", self.name);
        if let Some(token) = &query.token {
            target += &format!("continuation-token={}&", encode(token));
        }
        if query.by_folder {
            target += "delimiter=%2F&";
        }
        target += &format!("encoding-type=url&list-type=2&prefix={}", encode(&query.prefix));
        if !query.start_after.is_empty() {
            target += &format!("&start-after={}", encode(&query.start_after));
        }
        let bytes = self.get("ListObjectsV2", &target, PAGE).await?;
        let text = String::from_utf8_lossy(&bytes.body);
        listing::read(&text).map_err(|fault| refusal("ListObjectsV2", 200, Some("unreadable".into()), &fault))
    }

    /// An object's bytes and its ETag; one of more than `most` bytes is an error.
    ///
    /// # Errors
    /// [`CallError`], after all tries.
    pub async fn object(&self, key: &str, most: usize) -> Result<Bytes, CallError> {
        self.get("GetObject", &object::path(&self.name, key)?, Cost { time: OBJECT, bytes: most }).await
    }

    /// The same for one that is too large for memory: each try begins a new `K`, and puts piece behind piece into it.
    ///
    /// # Errors
    /// [`CallError`], after all tries.
    pub async fn object_into<K: Send>(
        &self,
        key: &str,
        most: usize,
        begin: impl Fn() -> io::Result<K> + Sync,
        put: impl Fn(&mut K, &[u8]) -> io::Result<()> + Sync,
    ) -> Result<K, CallError> {
        let (target, cost) = (object::path(&self.name, key)?, Cost { time: OBJECT, bytes: most });
        let mut tries = 0;
        loop {
            let fault = |fault: io::Error| CallError::Request(format!("no temporary file can be made: {fault}"));
            let mut kept = begin().map_err(fault)?;
            let done = self.once("GetObject", &target, cost, Some(&mut |piece| put(&mut kept, piece))).await;
            if let Some(done) = self.settled(&mut tries, done).await {
                return done.map(|_| kept);
            }
        }
    }

    /// Sends until there is an answer, or no try will help.
    async fn get(&self, operation: &str, target: &str, cost: Cost) -> Result<Bytes, CallError> {
        let mut tries = 0;
        loop {
            let done = self.once(operation, target, cost, None).await;
            if let Some(done) = self.settled(&mut tries, done).await {
                return done;
            }
        }
    }

    /// What a try came to; `None` where another may help, for which it has waited.
    async fn settled(&self, tries: &mut u32, done: Result<Bytes, CallError>) -> Option<Result<Bytes, CallError>> {
        *tries += 1;
        match done {
            Err(CallError::Service { code, .. }) if code.starts_with(ELSEWHERE) && self.region.get().is_none() => {
                // Another task may have learnt the same.
                drop(self.region.set(code[ELSEWHERE.len()..].to_owned()));
                None
            }
            Err(error) if error.is_retryable() && *tries < TRIES => {
                tokio::time::sleep(jitter(*tries)).await;
                None
            }
            done => Some(done),
        }
    }

    async fn once(
        &self,
        operation: &str,
        target: &str,
        cost: Cost,
        into: Option<Sink<'_>>,
    ) -> Result<Bytes, CallError> {
        let headers = match self.requester_pays {
            true => vec![("x-amz-request-payer".to_owned(), "requester".to_owned())],
            false => Vec::new(),
        };
        let (region, target, body) = (self.region.get().map(String::as_str), target.to_owned(), String::new());
        let request = Unsigned { service: S3, operation, region, method: "GET", target, headers, body };
        let bytes = self.signed.fetch_into(&request, cost, into).await?;
        if bytes.answer.status == 200 {
            return Ok(bytes);
        }
        let answer = bytes.text();
        let body = xml::read(&answer.body).map(|(_, value)| value).unwrap_or_default();
        Err(xml_refusal(operation, &answer, body))
    }
}

/// A random wait, so that many that were refused together do not come back together.
fn jitter(tries: u32) -> Duration {
    let longest = FIRST.saturating_mul(2_u32.saturating_pow(tries - 1)).min(LONGEST);
    let millis = u64::try_from(longest.as_millis()).unwrap_or(1_000).max(1);
    Duration::from_millis(1 + RandomState::new().build_hasher().finish() % millis)
}

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;
