//! One run over Event history: which queries, how far each, and what was seen.

use super::open::Open;
use super::tracks::{Going, TRACKS, Track};
use super::{Key, LAG, PAGES, Place, see};
use crate::advice::QUIET;
use crate::app::World;
use crate::finding::{Finding, Observed, Source};
use crate::io::sources::history::{History, HistoryError, Query};
use crate::io::sources::pace::Pace;
use crate::record::{self, Problem, Record};
use crate::verify::observed::Watcher;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What somebody looked at is told the ledger anew after so long.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The state of one run.
pub(super) struct Run<'f, 'o> {
    open: &'o Open<'f>,
    world: &'o World,
    now: Timestamp,
    pub(super) tracks: BTreeMap<Key, Track>,
    /// Since when each query is wanted.
    wanted: BTreeMap<Key, Timestamp>,
    /// The queries of each item.
    of_item: BTreeMap<Place<'f>, Vec<Key>>,
    watchers: BTreeMap<usize, Watcher<'f>>,
    pub(super) denied: Vec<Record>,
}

impl<'f, 'o> Run<'f, 'o> {
    pub(super) fn new(
        open: &'o Open<'f>,
        world: &'o World,
        account: &str,
        now: Timestamp,
        old: BTreeMap<Key, Track>,
    ) -> Self {
        let of_item: BTreeMap<Place<'f>, Vec<Key>> =
            open.items.iter().map(|place| (*place, open.queries(*place, account))).collect();
        let mut wanted: BTreeMap<Key, Timestamp> = BTreeMap::new();
        let mut want = |key: &Key, since: Timestamp| {
            let there = wanted.entry(key.clone()).or_insert(since);
            *there = (*there).min(since);
        };
        for (place, keys) in &of_item {
            let since = open.since(*place, Source::History);
            keys.iter().for_each(|key| since.into_iter().for_each(|since| want(key, since)));
        }
        for at in open.wanted() {
            let since = open.findings.get(at).and_then(|finding| finding.seen().1);
            for key in open.foretelling(at, account) {
                since.into_iter().for_each(|since| want(&key, since));
            }
        }
        let tracks = wanted.keys().map(|key| (key.clone(), old.get(key).cloned().unwrap_or_default())).collect();
        let watchers = open.watchers(world, true);
        Self { open, world, now, tracks, wanted, of_item, watchers, denied: Vec::new() }
    }

    /// Reads what is wanted: denied calls before foretold ones, and what has waited longest first.
    pub(super) async fn read<P: Pace>(&mut self, history: &mut History<'_, P>, problems: &mut Vec<Problem>) {
        let mut keys: Vec<Key> = self.tracks.keys().cloned().collect();
        let denied: BTreeSet<&Key> = self.of_item.values().flatten().collect();
        keys.sort_by_key(|key| (!denied.contains(key), self.tracks.get(key).and_then(|track| track.at)));
        let mut lost: BTreeSet<String> = BTreeSet::new();
        for key in keys {
            if lost.contains(&key.0) || !history.has_time() {
                continue;
            }
            match self.read_one(&key, history).await {
                Ok(()) | Err(HistoryError::Late) => {}
                Err(error @ HistoryError::Call { .. }) => {
                    // What one query of a Region is refused, the next is too.
                    lost.insert(key.0.clone());
                    let input = format!("Event history of {}", key.0);
                    problems.push(Problem { input, error: error.to_string() });
                }
            }
        }
    }

    async fn read_one<P: Pace>(&mut self, key: &Key, history: &mut History<'_, P>) -> Result<(), HistoryError> {
        let Some(going) = self.begin(key) else { return Ok(()) };
        let (mut token, mut pages, mut reached) = (None::<String>, 0, going.reached);
        let query = Query { region: &key.0, attribute: &key.1, since: going.from, until: going.reached };
        loop {
            let page = match history.page(&query, token.as_deref()).await {
                Ok(page) => page,
                Err(error) => {
                    match pages {
                        // Nothing was read: the next run asks for the same.
                        0 => self.waits(key, going),
                        _ => self.stopped(key, Going { reached, ..going }),
                    }
                    return Err(error);
                }
            };
            pages += 1;
            for record in page.records.iter().flat_map(|text| record::read(text.as_bytes(), "Event history").0) {
                see(&mut self.watchers, &record, &mut self.denied, self.world);
            }
            reached = page.oldest.map_or(reached, |oldest| oldest.min(reached));
            // The same token a second time would never end.
            let next = page.next.filter(|next| token.as_ref() != Some(next));
            match next {
                None => {
                    self.finished(key, going);
                    return Ok(());
                }
                Some(_) if pages >= PAGES || !history.has_time() => {
                    self.stopped(key, Going { reached, ..going });
                    return Ok(());
                }
                next => token = next,
            }
        }
    }

    /// What is to be read now: what an earlier run left, else what came since; `None` where there is nothing.
    fn begin(&mut self, key: &Key) -> Option<Going> {
        let since = *self.wanted.get(key)?;
        let track = self.tracks.get_mut(key)?;
        track.at = Some(self.now);
        if let Some(going) = track.going.filter(|going| going.base <= since) {
            return Some(going);
        }
        let until = self.now.checked_sub(LAG).ok()?;
        let (base, from) = match track.covered {
            Some((base, end)) if base <= since && end >= since => (base, end),
            _ => (since, since),
        };
        (from < until).then_some(Going { base, from, until, reached: until })
    }

    fn finished(&mut self, key: &Key, going: Going) {
        if let Some(track) = self.tracks.get_mut(key) {
            *track = Track { covered: Some((going.base, going.until)), going: None, at: Some(self.now) };
        }
    }

    fn waits(&mut self, key: &Key, going: Going) {
        if let Some(track) = self.tracks.get_mut(key) {
            track.going = Some(going);
        }
    }

    /// Where many events lie in one second the next run passes over that second: it could come no further else.
    fn stopped(&mut self, key: &Key, mut going: Going) {
        if let Some(track) = self.tracks.get_mut(key) {
            if track.going.is_some_and(|before| before.reached == going.reached) {
                going.reached = going.reached.checked_sub(SignedDuration::from_secs(1)).unwrap_or(going.reached);
            }
            track.going = Some(going);
        }
    }

    /// What was seen of each finding, ready for the ledger.
    pub(super) fn observed(&self, findings: &[Finding]) -> Vec<Observed> {
        let one = |(at, watcher): (&usize, &Watcher<'f>)| {
            let finding = findings.get(*at)?;
            let mut seen = watcher.sightings(|_| None);
            for (place, keys) in self.of_item.iter().filter(|(place, _)| place.0 == *at) {
                let key = place.1;
                let met = seen.allowed.get(key).is_some_and(|passes| !passes.is_empty());
                match self.covered(*place, keys) {
                    Some(looked) if met || self.is_news(*place, looked) => {
                        seen.looked.insert(key.clone(), looked);
                    }
                    None if met => {
                        seen.more.insert(key.clone());
                    }
                    Some(_) | None => {}
                }
            }
            finding.sighted(seen)
        };
        self.watchers.iter().filter_map(one).collect()
    }

    /// Whether that somebody looked until then is worth a write of its finding: the first time, when silence becomes quiet,
    /// and once a day. In between the tracks know it.
    fn is_news(&self, place: Place<'f>, (source, until): (Source, Timestamp)) -> bool {
        let Some((item, last)) = self.open.item(place).and_then(|item| Some((item, item.last_seen?))) else {
            return true;
        };
        let before = item.looked.get(&source).copied().filter(|before| *before > last);
        let is_quiet = |until: Timestamp| until.duration_since(last) >= QUIET;
        // Tracks that have no room are begun anew from what the finding says.
        self.tracks.len() > TRACKS
            || before.is_none_or(|before| until.duration_since(before) >= DAY || is_quiet(until) && !is_quiet(before))
    }

    /// Until when all queries of an item show its calls. Where no query can, somebody has at least tried.
    fn covered(&self, place: Place<'f>, keys: &[Key]) -> Option<(Source, Timestamp)> {
        if keys.is_empty() {
            let since = self.open.since(place, Source::Nowhere)?;
            return Some((Source::Nowhere, self.now)).filter(|(_, until)| *until > since);
        }
        let since = self.open.since(place, Source::History)?;
        let end = |key: &Key| {
            let (base, end) = self.tracks.get(key)?.covered?;
            (base <= since && end > since).then_some(end)
        };
        let ends = keys.iter().map(end).collect::<Option<Vec<Timestamp>>>()?;
        ends.into_iter().min().map(|until| (Source::History, until))
    }
}
