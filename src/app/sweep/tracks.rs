//! Where the sweep of each query stands, from one run to the next.

use super::{Key, TASK};
use crate::io::sources::history::Attribute;
use crate::io::stores::{Ledger, LedgerError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Tracks kept, so that they fit into one item of the ledger with the next limit; what is left out is read anew.
pub(super) const TRACKS: usize = 800;
/// Bytes of all tracks as text; DynamoDB takes 400 KB.
const TEXT: usize = 300_000;

/// Where the sweep of one query stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Track {
    /// Every event between the two was looked at.
    pub(super) covered: Option<(Timestamp, Timestamp)>,
    /// What is being read, newest first.
    pub(super) going: Option<Going>,
    /// When it was last worked on; those that wait longest come first.
    pub(super) at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Going {
    /// What will be covered from here.
    pub(super) base: Timestamp,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// All younger than this is read.
    pub(super) reached: Timestamp,
}

/// Tracks as the ledger keeps them: a list, since their keys are no text.
#[derive(Serialize, Deserialize)]
struct Kept {
    region: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    user: Option<String>,
    track: Track,
}

/// What cannot be read is begun anew.
pub(super) fn read_tracks(ledger: &dyn Ledger) -> Result<BTreeMap<Key, Track>, LedgerError> {
    let kept: Vec<Kept> = ledger.state(TASK)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let key = |kept: Kept| {
        let attribute = kept.name.map(Attribute::EventName).or(kept.user.map(Attribute::Username))?;
        Some(((kept.region, attribute), kept.track))
    };
    Ok(kept.into_iter().filter_map(key).collect())
}

pub(super) fn write_tracks(tracks: &BTreeMap<Key, Track>) -> String {
    let kept = |((region, attribute), track): (&Key, &Track)| {
        let (name, user) = match attribute {
            Attribute::EventName(name) => (Some(name.clone()), None),
            Attribute::Username(name) => (None, Some(name.clone())),
        };
        Kept { region: region.clone(), name, user, track: track.clone() }
    };
    // What is being read comes first, where there are too many.
    let (going, idle): (Vec<_>, Vec<_>) = tracks.iter().partition(|(_, track)| track.going.is_some());
    let mut kept: Vec<Kept> = going.into_iter().chain(idle).take(TRACKS).map(kept).collect();
    let mut text = serde_json::to_string(&kept).unwrap_or_default();
    while text.len() > TEXT {
        kept.truncate(kept.len() / 2);
        text = serde_json::to_string(&kept).unwrap_or_default();
    }
    text
}
