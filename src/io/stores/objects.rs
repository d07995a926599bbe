//! What was read to its end, so that the next scan reads only what is new.

use super::types::{Place, Run};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A file or an S3 object in one of its states.
///
/// Each object is known by itself, so that one that arrives late, sorting before others that were read, is new all the
/// same. A source that cannot list everything each time lists from three days before [`Run::places`]' latest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Where it lies: an absolute path, or `s3://BUCKET/KEY`.
    pub key: String,
    /// Changes when the content does: an ETag, or a file's size and time of change.
    pub mark: String,
}

impl Object {
    /// Bytes of a file on this machine, with which its mark begins; `None` where it does not tell.
    pub fn file_size(&self) -> Option<u64> {
        self.mark.split_once('-').and_then(|(size, _)| size.parse().ok())
    }

    /// What a ledger knows it by: the first 16 bytes of a hash of its key.
    pub(super) fn id(&self) -> [u8; 16] {
        let mut id = [0; 16];
        id.copy_from_slice(&Sha256::digest(&self.key)[..16]);
        id
    }
}

/// How much an object held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Held {
    /// Bytes as they lie there.
    pub bytes_read: u64,
    /// Bytes after inflating.
    pub bytes: u64,
    /// Events of all kinds.
    pub records: u64,
    /// Denied events, duplicates and all.
    pub denied: u64,
    /// Records that could not be read.
    pub unreadable: u64,
}

/// An object that was read to its end, and what it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRead {
    /// Which one.
    pub object: Object,
    /// How much.
    pub held: Held,
    /// Where and when the events happened, one entry an account and Region.
    pub places: Vec<Place>,
}

impl Run {
    /// A run that has read nothing yet.
    pub fn begin(input: &str, at: Timestamp) -> Self {
        let input = input.to_owned();
        Self { input, at, files: 0, bytes: 0, records: 0, denied: 0, unreadable: 0, places: Vec::new() }
    }

    /// The same without its places.
    #[cfg(feature = "sqlite")]
    pub(super) fn sums(&self) -> Self {
        let Self { at, files, bytes, records, denied, unreadable, .. } = *self;
        Self { input: self.input.clone(), at, files, bytes, records, denied, unreadable, places: Vec::new() }
    }

    /// Adds another part of the same run.
    #[cfg(feature = "dynamodb")]
    pub(super) fn join(&mut self, other: Self) {
        self.at = self.at.max(other.at);
        self.files += other.files;
        self.bytes += other.bytes;
        self.records += other.records;
        self.denied += other.denied;
        self.unreadable += other.unreadable;
        self.places.extend(other.places);
    }

    /// Adds what some objects held.
    pub(super) fn add_objects<'a>(&mut self, objects: impl IntoIterator<Item = &'a ObjectRead>, at: Timestamp) {
        let mut places = BTreeMap::new();
        std::mem::take(&mut self.places).into_iter().for_each(|place| add(&mut places, Some(place)));
        let mut last: Option<Place> = None;
        for one in objects {
            self.files += 1;
            self.bytes += one.held.bytes;
            self.records += one.held.records;
            self.denied += one.held.denied;
            self.unreadable += one.held.unreadable;
            for place in &one.places {
                // Objects of one place come one after the other, as a rule.
                match &mut last {
                    Some(there) if key(there) == key(place) => there.widen(place),
                    _ => add(&mut places, last.replace(place.clone())),
                }
            }
        }
        add(&mut places, last);
        self.places = places.into_values().collect();
        self.at = self.at.max(at);
    }
}

/// Adds a place to those by account and Region.
fn add(places: &mut BTreeMap<(Option<String>, Option<String>), Place>, place: Option<Place>) {
    let Some(place) = place else { return };
    let key = (place.account.clone(), place.region.clone());
    places.entry(key).and_modify(|there| there.widen(&place)).or_insert(place);
}

pub(super) fn key(place: &Place) -> (Option<&str>, Option<&str>) {
    (place.account.as_deref(), place.region.as_deref())
}
