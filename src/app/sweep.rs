//! Open findings → were the denied calls allowed since? Asked of Event history, at AWS's pace, or of an archive; what
//! cannot be read now is read the next time, from where this run stopped.
//!
//! Only what was seen resolves. What neither source can hold is noted as looked for nowhere, so that people are told so.

use super::World;
use super::ingest;
use crate::advice::{Advice, Status};
use crate::change::Changes;
use crate::finding::{Finding, Item, ItemKey, Observed, Source};
use crate::foretold::{Foretold, Outcome};
use crate::io::aws::signed::Signed;
use crate::io::sources::files::{self, Limits};
use crate::io::sources::history::{Attribute, History, HistoryError, Query, own_account};
use crate::io::sources::pace::Pace;
use crate::io::stores::{Filter, Ledger, LedgerError};
use crate::principal::PrincipalKind;
use crate::record::{self, Problem, Record};
use crate::verify::observed::{Watcher, is_data_event};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// What the ledger keeps the tracks of a sweep under.
pub const TASK: &str = "sweep";
/// Event history reaches so far back.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Events come into Event history so late; what is younger is left to the next run.
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>.
const LAG: SignedDuration = SignedDuration::from_mins(15);
/// Pages of one query in one run, so that one busy operation does not keep the others waiting.
const PAGES: u64 = 120;
/// Tracks kept, so that they fit into one item of the ledger; what is left out is read anew.
const TRACKS: usize = 800;

/// What a sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Findings with something to look for.
    pub findings: u64,
    /// Findings whose calls were seen allowed since the last denial, of all items.
    pub resolved: Vec<String>,
    /// Findings that somebody looked for long enough, in vain.
    pub quiet: Vec<String>,
    /// Findings of which no source holds the calls.
    pub unseen: Vec<String>,
    /// Pages of Event history, or files.
    pub pages: u64,
    /// Queries that go on in the next run.
    pub unfinished: u64,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Where the sweep of one query stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Track {
    /// Every event between the two was looked at.
    covered: Option<(Timestamp, Timestamp)>,
    /// What is being read, newest first.
    going: Option<Going>,
    /// When it was last worked on; those that wait longest come first.
    at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Going {
    /// What will be covered from here.
    base: Timestamp,
    from: Timestamp,
    until: Timestamp,
    /// All younger than this is read.
    reached: Timestamp,
}

/// A query as the tracks know it.
type Key = (String, Attribute);
/// An item, by the place of its finding.
type Place<'f> = (usize, &'f ItemKey);

/// What is open, and what is known of it.
struct Open<'f> {
    findings: &'f [Finding],
    foretold: BTreeMap<&'f str, Vec<Foretold>>,
    /// Items that are to be looked for.
    items: BTreeSet<Place<'f>>,
}

impl<'f> Open<'f> {
    /// What is resolved, muted or passing is not looked for; nor is what was denied before Event history begins.
    fn of(findings: &'f [Finding], advice: &'f [Advice], now: Timestamp) -> Self {
        let told: BTreeMap<&str, &Advice> = advice.iter().map(|one| (one.id.as_str(), one)).collect();
        let mut open = Self { findings, foretold: BTreeMap::new(), items: BTreeSet::new() };
        for (at, finding) in findings.iter().enumerate() {
            let Some(advice) = told.get(finding.id.as_str()) else { continue };
            let recent = |item: &Item| item.last_seen.is_some_and(|last| now.duration_since(last) < KEPT);
            let muted = |key: &ItemKey| {
                let same = |item: &&crate::advice::DeniedItem| {
                    item.action.as_deref().unwrap_or_default() == key.action
                        && item.resource.as_deref().unwrap_or_default() == key.resource
                };
                advice.denied.iter().filter(same).any(|item| item.status == Status::Muted)
            };
            let wanted = finding
                .items
                .iter()
                .filter(|(key, item)| item.count > 0 && recent(item) && item.allowed_since().is_none() && !muted(key));
            open.items.extend(wanted.map(|(key, _)| (at, key)));
            let awaited: Vec<Foretold> =
                advice.foretold.iter().filter(|one| one.outcome == Outcome::Open).cloned().collect();
            if !awaited.is_empty() && finding.items.values().any(recent) {
                open.foretold.insert(&finding.id, awaited);
            }
        }
        open
    }

    fn item(&self, place: Place<'f>) -> Option<&'f Item> {
        self.findings.get(place.0)?.items.get(place.1)
    }

    /// Findings with something to look for.
    fn wanted(&self) -> BTreeSet<usize> {
        let foretelling =
            self.findings.iter().enumerate().filter(|(_, one)| self.foretold.contains_key(one.id.as_str()));
        self.items.iter().map(|(at, _)| *at).chain(foretelling.map(|(at, _)| at)).collect()
    }

    fn watchers(&self, world: &World, history: bool) -> BTreeMap<usize, Watcher<'f>> {
        let watcher = |at: usize| {
            let finding = self.findings.get(at)?;
            let foretold = self.foretold.get(finding.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            Some((at, Watcher::new(finding, world.catalog, history).awaiting(foretold)))
        };
        self.wanted().into_iter().filter_map(watcher).collect()
    }

    /// Since when an item's calls are to be looked at.
    fn since(&self, place: Place<'f>, source: Source) -> Option<Timestamp> {
        let item = self.item(place)?;
        item.last_seen.max(item.looked.get(&source).copied())
    }

    /// The queries that show an item's calls; none where Event history cannot hold them.
    fn queries(&self, place: Place<'f>, account: &str) -> Vec<Key> {
        let (Some(finding), Some(item)) = (self.findings.get(place.0), self.item(place)) else { return Vec::new() };
        let is_data = |(service, name): (&str, &str)| is_data_event(service, name);
        let operations: Vec<(&str, &str)> = item.operations.iter().filter_map(|one| one.split_once(':')).collect();
        if finding.account.as_deref() != Some(account) || operations.iter().copied().any(is_data) {
            return Vec::new();
        }
        let attributes: Vec<Attribute> = match (finding.principal.kind, &finding.principal.name) {
            (PrincipalKind::User, Some(name)) if !operations.is_empty() => vec![Attribute::Username(name.clone())],
            _ => operations.iter().map(|(_, name)| Attribute::EventName((*name).to_owned())).collect(),
        };
        let pairs =
            item.regions.iter().flat_map(|region| attributes.iter().map(move |one| (region.clone(), one.clone())));
        pairs.collect()
    }

    /// The queries that show uses of what a finding foretold, where its actions bear the names of operations.
    fn foretelling(&self, at: usize, account: &str) -> Vec<Key> {
        let Some(finding) = self.findings.get(at).filter(|one| one.account.as_deref() == Some(account)) else {
            return Vec::new();
        };
        let regions: BTreeSet<&String> = finding.items.values().flat_map(|item| &item.regions).collect();
        let awaited = self.foretold.get(finding.id.as_str()).into_iter().flatten();
        let names = awaited
            .filter_map(|one| one.action.split_once(':'))
            .filter(|(service, name)| !is_data_event(service, name));
        let names: BTreeSet<&str> = names.map(|(_, name)| name).collect();
        let key = |region: &&String, name: &str| ((*region).clone(), Attribute::EventName(name.to_owned()));
        regions.iter().flat_map(|region| names.iter().map(move |name| key(region, name))).collect()
    }
}

/// Asks Event history, within the limit, and keeps what was seen.
///
/// # Errors
/// The ledger could not be read or written. What AWS refuses is a problem of the outcome.
pub async fn sweep<P: Pace>(
    ledger: &mut dyn Ledger,
    world: &World,
    signed: &Signed,
    pace: &P,
    (now, limit): (Timestamp, Duration),
) -> Result<Swept, LedgerError> {
    let findings = ledger.findings(&Filter::default())?;
    let (advice, _) = world.advise(&findings, Some(&BTreeSet::new()), &Changes::new());
    let open = Open::of(&findings, &advice, now);
    let mut swept = Swept { findings: open.wanted().len() as u64, ..Swept::default() };
    if swept.findings == 0 {
        return Ok(swept);
    }
    let account = match own_account(signed).await {
        Ok(account) => account,
        Err(error) => {
            swept.problems.push(Problem { input: "Event history".to_owned(), error: error.to_string() });
            return Ok(swept);
        }
    };
    let mut run = Run::new(&open, world, &account, now, read_tracks(ledger)?);
    let mut history = History::new(signed, pace, limit);
    run.read(&mut history, &mut swept.problems).await;
    swept.pages = history.pages;
    swept.unfinished = run.tracks.values().filter(|track| track.going.is_some()).count() as u64;
    let observed = run.observed(&findings);
    let denials = std::mem::take(&mut run.denied);
    let tracks = std::mem::take(&mut run.tracks);
    keep(ledger, world, observed, &denials, now)?;
    // After what was seen: a run that ends between the two reads the same once more.
    ledger.put_state(TASK, &write_tracks(&tracks))?;
    swept.tell(ledger, world)?;
    Ok(swept)
}

/// Reads an archive for the same.
///
/// # Errors
/// The ledger could not be read or written.
pub fn sweep_archive(
    sources: &[PathBuf],
    ledger: &mut dyn Ledger,
    world: &World,
    now: Timestamp,
) -> Result<Swept, LedgerError> {
    let findings = ledger.findings(&Filter::default())?;
    let (advice, _) = world.advise(&findings, Some(&BTreeSet::new()), &Changes::new());
    let open = Open::of(&findings, &advice, now);
    let mut watchers = open.watchers(world, false);
    let (mut reach, mut denied) = (Reach::default(), Vec::new());
    let mut swept = Swept { findings: watchers.len() as u64, ..Swept::default() };
    let mut unread = Vec::new();
    let (tally, problems) = files::each(sources, Limits::default(), |name, bytes| {
        let each = |record: Record| {
            reach.add(&record);
            see(&mut watchers, &record, &mut denied, world);
        };
        record::for_each(bytes, name, each, |problem| unread.push(problem));
    });
    swept.pages = tally.files;
    swept.problems.extend(problems);
    swept.problems.append(&mut unread);
    let observed = watchers.into_iter().filter_map(|(at, watcher)| {
        let finding = &findings[at];
        let until = |key: &ItemKey| {
            let item = finding.items.get(key)?;
            reach.until(finding.account.as_deref(), item, open.since((at, key), Source::Log)?)
        };
        let mut seen = watcher.sightings(until);
        seen.looked.retain(|key, _| open.items.contains(&(at, key)));
        finding.sighted(seen)
    });
    let observed = observed.collect();
    keep(ledger, world, observed, &denied, now)?;
    swept.tell(ledger, world)?;
    Ok(swept)
}

/// Shows one record to whoever waits for it.
fn see(watchers: &mut BTreeMap<usize, Watcher<'_>>, record: &Record, denied: &mut Vec<Record>, world: &World) {
    let name = record.event_name.as_deref().unwrap_or_default();
    let mut is_wanted = false;
    for watcher in watchers.values_mut() {
        if watcher.names().iter().any(|known| name.starts_with(known.as_str())) {
            is_wanted = true;
            watcher.see(record);
        }
    }
    if is_wanted && record.error_code.is_some() && !ingest::denials([record], world).is_empty() {
        denied.push(record.clone());
    }
}

/// Allowed calls and denials alike: a denial that nobody told is counted now.
fn keep(
    ledger: &mut dyn Ledger,
    world: &World,
    mut observed: Vec<Observed>,
    denied: &[Record],
    now: Timestamp,
) -> Result<(), LedgerError> {
    let mut denials = ingest::denials(denied, world);
    world.sharpen(&mut denials);
    observed.extend(ingest::observed(denials));
    if observed.is_empty() { Ok(()) } else { ledger.record(observed, now).map(drop) }
}

impl Swept {
    /// How the findings stand now.
    fn tell(&mut self, ledger: &dyn Ledger, world: &World) -> Result<(), LedgerError> {
        let findings = ledger.findings(&Filter::default())?;
        let (advice, _) = world.advise(&findings, Some(&BTreeSet::new()), &Changes::new());
        for one in &advice {
            let is =
                |status: Status| one.denied.iter().all(|item| item.status == status || item.status == Status::Muted);
            let any = |status: Status| one.denied.iter().any(|item| item.status == status);
            match () {
                () if is(Status::Resolved) && any(Status::Resolved) => self.resolved.push(one.id.clone()),
                () if one.denied.iter().any(|item| item.unseen.is_some()) => self.unseen.push(one.id.clone()),
                () if !any(Status::Open) && any(Status::Quiet) => self.quiet.push(one.id.clone()),
                () => {}
            }
        }
        Ok(())
    }
}

/// How far an archive reaches: account and Region → first and last event; and what it holds at all.
#[derive(Debug, Default)]
struct Reach {
    places: BTreeMap<(Option<String>, Option<String>), (Timestamp, Timestamp)>,
    /// `eventSource`, and whether of data events.
    holds: BTreeSet<(String, bool)>,
}

impl Reach {
    fn add(&mut self, record: &Record) {
        let Some(at) = record.event_time else { return };
        let place = self.places.entry((record.recipient_account.clone(), record.region.clone())).or_insert((at, at));
        *place = (place.0.min(at), place.1.max(at));
        if let Some(source) = &record.event_source {
            self.holds.insert((source.clone(), record.event_category.as_deref() == Some("Data")));
        }
    }

    /// Until when it shows every call that the item could be; `None` where it does not reach back to `since`.
    fn until(&self, account: Option<&str>, item: &Item, since: Timestamp) -> Option<Timestamp> {
        let holds = |operation: &String| {
            let (service, name) = operation.split_once(':')?;
            self.holds.contains(&(format!("{service}.amazonaws.com"), is_data_event(service, name))).then_some(())
        };
        item.operations.iter().map(holds).collect::<Option<Vec<()>>>().filter(|all| !all.is_empty())?;
        let ends = item.regions.iter().map(|region| {
            let (first, last) = self.places.get(&(account.map(str::to_owned), Some(region.clone())))?;
            (*first <= since).then_some(*last)
        });
        ends.collect::<Option<Vec<Timestamp>>>()?.into_iter().min()
    }
}

struct Run<'f, 'o> {
    open: &'o Open<'f>,
    world: &'o World,
    now: Timestamp,
    tracks: BTreeMap<Key, Track>,
    /// Since when each query is wanted.
    wanted: BTreeMap<Key, Timestamp>,
    /// The queries of each item.
    of_item: BTreeMap<Place<'f>, Vec<Key>>,
    watchers: BTreeMap<usize, Watcher<'f>>,
    denied: Vec<Record>,
}

impl<'f, 'o> Run<'f, 'o> {
    fn new(open: &'o Open<'f>, world: &'o World, account: &str, now: Timestamp, old: BTreeMap<Key, Track>) -> Self {
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
    async fn read<P: Pace>(&mut self, history: &mut History<'_, P>, problems: &mut Vec<Problem>) {
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
                    self.stopped(key, Going { reached, ..going });
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
    fn observed(&self, findings: &[Finding]) -> Vec<Observed> {
        let one = |(at, watcher): (&usize, &Watcher<'f>)| {
            let finding = findings.get(*at)?;
            let mut seen = watcher.sightings(|_| None);
            for (place, keys) in self.of_item.iter().filter(|(place, _)| place.0 == *at) {
                let key = place.1;
                if let Some(looked) = self.covered(*place, keys) {
                    seen.looked.insert(key.clone(), looked);
                } else if seen.allowed.get(key).is_some_and(|passes| !passes.is_empty()) {
                    seen.more.insert(key.clone());
                }
            }
            finding.sighted(seen)
        };
        self.watchers.iter().filter_map(one).collect()
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
fn read_tracks(ledger: &dyn Ledger) -> Result<BTreeMap<Key, Track>, LedgerError> {
    let kept: Vec<Kept> = ledger.state(TASK)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let key = |kept: Kept| {
        let attribute = kept.name.map(Attribute::EventName).or(kept.user.map(Attribute::Username))?;
        Some(((kept.region, attribute), kept.track))
    };
    Ok(kept.into_iter().filter_map(key).collect())
}

fn write_tracks(tracks: &BTreeMap<Key, Track>) -> String {
    let kept = |((region, attribute), track): (&Key, &Track)| {
        let (name, user) = match attribute {
            Attribute::EventName(name) => (Some(name.clone()), None),
            Attribute::Username(name) => (None, Some(name.clone())),
        };
        Kept { region: region.clone(), name, user, track: track.clone() }
    };
    // What is being read comes first, where there are too many.
    let (going, idle): (Vec<_>, Vec<_>) = tracks.iter().partition(|(_, track)| track.going.is_some());
    let kept: Vec<Kept> = going.into_iter().chain(idle).take(TRACKS).map(kept).collect();
    serde_json::to_string(&kept).unwrap_or_default()
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
