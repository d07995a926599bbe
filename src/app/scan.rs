//! Logs → ledger → ranked findings.

mod end;

use super::World;
use super::around::Seeker;
use super::debt::Debt;
use super::gather::{Gathered, Gatherer};
use super::ingest::observed;
use super::kept::Kept;
use super::looking::{Fresh, ReadNow};
use super::operations::Named;
use super::outcome::{Outcome, Stats};
use super::passed::Passed;
use super::places::Places;
use super::problems::Problems;
use super::progress::{Looked, Progressing, Watched, Watcher};
use super::second;
use crate::advice::Advice;
use crate::change::{self, Change};
use crate::denial::{self, Denial};
use crate::finding::Repeated;
use crate::io::clock::{self, Stopwatch};
use crate::io::sources::archive::Selection;
use crate::io::sources::files::{self, Limits};
use crate::io::sources::many::{self, FileRead, How, Sort};
use crate::io::sources::reader::Reader;
use crate::io::stores::{Held, Ledger, LedgerError, Object, ObjectRead, Touched};
use crate::record::{Problem, Record};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Denials that go into the ledger in one transaction.
const BATCH: usize = 20_000;
/// Different denials that do: each is some kilobytes.
const DIFFERENT: usize = 500;
/// Denials that do where each is kept by itself. AWS is asked about some of them ([`World::sharpen`]): so it must not matter in
/// which pieces a file was handed over.
const SINGLES: usize = 1_000;
/// Objects that are noted in one transaction, and their places.
const OBJECTS: usize = 4_000;
const PLACES: usize = 5_000;

/// How a scan goes about it, and what it gives back beside the findings.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Every denial too; then nothing is skipped.
    pub denials: bool,
    /// Which events are wanted; the others are left out.
    pub selection: Selection,
    /// Reads what was read before once more.
    pub again: bool,
    /// Threads that read; 0 takes as many as the machine has processors, but no more than eight.
    pub threads: usize,
    /// Looks at the logs once: denials are found all the same, but not whether the same calls were allowed, nor who changed
    /// policies.
    pub one_look: bool,
    /// Ends the scan when it becomes true, as if the sources ended there; what was read is kept.
    pub stop: Option<&'static AtomicBool>,
}

/// Reads the sources, keeps their denials in the ledger, and advises on the findings that they belong to.
///
/// Files that an earlier scan read to their end, and that are as they were, are not read again: their figures are those
/// of then. Afterwards the files that can tell of what was found are looked at once more: whether the same calls were
/// allowed, before (within [`crate::change::BEFORE`]) or after, and who changed policies.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let logs = folder.path().join("log.json");
/// # std::fs::write(&logs, r#"{"Records":[
/// #     {"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ana"},"eventID":"1",
/// #      "eventTime":"2026-11-10T09:00:00Z","eventSource":"sqs.amazonaws.com","eventName":"ListQueues","awsRegion":"eu-west-1"},
/// #     {"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ana"},"eventID":"2",
/// #      "eventTime":"2026-11-10T10:00:00Z","eventSource":"sqs.amazonaws.com","eventName":"ListQueues","awsRegion":"eu-west-1",
/// #      "errorCode":"AccessDenied"}]}"#).unwrap();
/// use denywatch::app::{World, scan, scan::Options};
/// use denywatch::{diagnosis::InForce, io::stores::MemoryLedger};
/// let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
/// let outcome = scan(&[logs.clone()], &mut ledger, &world, Options::default(), &mut |_stats| {})?;
/// assert_eq!((outcome.stats.records, outcome.stats.denied), (2, 1));
/// // The second scan reads nothing, and tells the same.
/// let again = scan(&[logs], &mut ledger, &world, Options::default(), &mut |_stats| {})?;
/// assert_eq!((again.stats.known, again.findings[0].count), (1, 1));
/// # Ok::<(), denywatch::io::stores::LedgerError>(())
/// ```
///
/// Since when, and who changed it: `allowed_before` is when the same call last succeeded (`None` where that was not seen
/// within [`crate::change::BEFORE`]), `changes.before` the change of a policy that can have made the denials (the last before the
/// first of them, or where the call succeeded in between, the first since it last did), `allowed_since` the same call succeeding after the last.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let logs = folder.path().join("log.json");
/// # let user = |name: &str| format!(
/// #     r#""eventVersion":"1.08","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/{name}","userName":"{name}"}},"awsRegion":"us-east-1","recipientAccountId":"111122223333""#);
/// # let call = |id: u8, hour: &str, more: &str| format!(
/// #     r#"{{{},"eventID":"{id}","eventTime":"2026-11-10T{hour}:00:00Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole"{more},"requestParameters":{{"roleArn":"arn:aws:iam::111122223333:role/target"}}}}"#, user("ana"));
/// # let refused = r#","errorCode":"AccessDenied","errorMessage":"User: arn:aws:iam::111122223333:user/ana is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/target""#;
/// # let change = format!(
/// #     r#"{{{},"eventID":"9","eventTime":"2026-11-10T09:30:00Z","eventSource":"iam.amazonaws.com","eventName":"DetachUserPolicy","requestParameters":{{"userName":"ana","policyArn":"arn:aws:iam::111122223333:policy/p"}}}}"#, user("eve"));
/// # let events = [call(1, "08", ""), call(2, "09", ""), change, call(3, "10", refused), call(4, "11", "")];
/// # std::fs::write(&logs, format!(r#"{{"Records":[{}]}}"#, events.join(","))).unwrap();
/// use denywatch::app::{World, scan, scan::Options};
/// use denywatch::{diagnosis::InForce, io::stores::MemoryLedger};
/// let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
/// let outcome = scan(&[logs], &mut ledger, &world, Options::default(), &mut |_stats| {})?;
/// let finding = &outcome.findings[0];
/// assert_eq!(finding.denied[0].allowed_before.unwrap().to_string(), "2026-11-10T09:00:00Z");
/// assert_eq!(finding.denied[0].allowed_since.unwrap().first.to_string(), "2026-11-10T11:00:00Z");
/// let change = finding.changes.before.as_ref().unwrap();
/// assert_eq!((change.change.as_str(), change.by.name.as_deref()), ("iam:DetachUserPolicy", Some("eve")));
/// # Ok::<(), denywatch::io::stores::LedgerError>(())
/// ```
///
/// # Errors
/// The ledger could not be read or written. What cannot be read of the sources is a problem of the outcome instead.
pub fn scan(
    sources: &[PathBuf],
    ledger: &mut dyn Ledger,
    world: &World,
    options: Options,
    progress: Watcher<'_>,
) -> Result<Outcome, LedgerError> {
    let mut all = Vec::new();
    let outcome = scan_each(sources, ledger, world, options, progress, &mut |advice| all.push(advice))?;
    Ok(outcome.holding(all))
}

/// The same for archives with more findings than memory should hold: they are handed over one by one, in no order that
/// means anything ([`Advice::rank`] is the one to show them in), and none is in the outcome.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let logs = folder.path().join("log.json");
/// # std::fs::write(&logs, r#"{"Records":[
/// #     {"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ana"},"eventID":"2",
/// #      "eventTime":"2026-11-10T10:00:00Z","eventSource":"sqs.amazonaws.com","eventName":"ListQueues","awsRegion":"eu-west-1",
/// #      "errorCode":"AccessDenied"}]}"#).unwrap();
/// use denywatch::app::{World, scan_each, scan::Options};
/// use denywatch::{diagnosis::InForce, io::stores::MemoryLedger};
/// let (mut ledger, world) = (MemoryLedger::default(), World::new(InForce::default()));
/// let mut denied = 0;
/// let mut each = |advice: denywatch::advice::Advice| denied += advice.count;
/// let outcome = scan_each(&[logs], &mut ledger, &world, Options::default(), &mut |_stats| {}, &mut each)?;
/// assert_eq!((denied, outcome.findings.len()), (1, 0));
/// # Ok::<(), denywatch::io::stores::LedgerError>(())
/// ```
///
/// # Errors
/// See [`scan`]; findings may have been handed over before.
pub fn scan_each(
    sources: &[PathBuf],
    ledger: &mut dyn Ledger,
    world: &World,
    options: Options,
    progress: Watcher<'_>,
    each: &mut dyn FnMut(Advice),
) -> Result<Outcome, LedgerError> {
    let names: Vec<String> = sources.iter().map(|path| path.display().to_string()).collect();
    let (selection, one_look) = (options.selection.clone(), options.one_look);
    let threads = options.threads;
    let mut scan = Scan::begin(ledger, world, options, &names.join(" "));
    scan.note_each();
    scan.look_twice(&selection)?;
    let singly = scan.takes_singly();
    let threads = many::threads(threads);
    let catalog = world.catalog;
    let maker =
        || Gatherer::new(catalog, singly).of(&selection).counting(&world.codes).noting(!one_look).among(threads);
    let mut how = How { selection: &selection, limits: Limits::default(), threads, streams: true };
    let mut desk = Progressing { scan, progress: &mut *progress, under_way: 0 };
    many::read(sources, how, maker, &mut desk);
    scan = desk.scan;
    scan.flush();
    let part = scan.owed_part(&selection);
    (how.streams, how.selection) = (false, &part);
    if !one_look && !scan.is_over() {
        let stats = scan.stats;
        scan.look_around(|looking| {
            let around = looking.around();
            let maker = || {
                let mut seeker = Seeker::new(around, catalog).among(threads);
                move |name: &str, bytes: &[u8], _: Sort| seeker.seek(name, bytes)
            };
            let looked = Looked { is_wider: part != selection, ..Looked::default() };
            let mut desk = Watched { looking, stats, looked, watcher: &mut *progress, under_way: 0 };
            many::read(sources, how, maker, &mut desk);
        })?;
    }
    let mut outcome = scan.finish_each(each)?;
    outcome.not_seen.extend(files::passed_over(sources));
    Ok(outcome)
}

/// What a scan gathers on its way.
pub struct Scan<'a> {
    pub(super) ledger: &'a mut dyn Ledger,
    pub(super) world: &'a World,
    pub(super) options: Options,
    /// Names the sources.
    pub(super) input: String,
    /// What goes into the ledger next.
    batch: Vec<Repeated>,
    /// Denials that are to be sharpened first, or handed back.
    singles: Vec<Denial>,
    /// The different denials of the batch, by address.
    different: BTreeSet<usize>,
    /// Objects whose denials are in the batch or the ledger.
    objects: Vec<ObjectRead>,
    /// Places of these.
    places_to_note: usize,
    /// This scan notes objects, each by itself.
    pub(super) are_noted: bool,
    /// What an earlier scan read under this name is told, too.
    pub(super) tells_known: bool,
    /// This scan looks twice.
    pub(super) looks_twice: bool,
    /// What is noted as read is owed the second look until it had it; `None` where there is none.
    pub(super) debt: Option<Debt>,
    /// Bytes of what a second look seeks at a time.
    pub(super) sought_at_once: usize,
    /// Objects that are not there to be looked at twice.
    pub(super) kept: Kept,
    /// Of a bucket: what was read now, where an earlier scan left its own to be fetched once more.
    pub(super) read_now: ReadNow,
    /// What was read now, and where it is from.
    pub(super) fresh: Fresh,
    pub(super) named: Named,
    pub(super) fresh_places: Places,
    /// For objects that are given one by one.
    pub(super) gatherer: Option<Gatherer>,
    pub(super) reader: Option<Reader>,
    pub(super) passed: Passed,
    changes: Vec<Change>,
    pub(super) touched: Touched,
    denials: Option<Vec<Denial>>,
    /// Where what was read in full is from.
    pub(super) places: Places,
    pub(super) failed: Option<LedgerError>,
    watch: Stopwatch,
    pub(super) problems: Problems,
    /// What was read so far.
    pub stats: Stats,
}

impl<'a> Scan<'a> {
    /// Begins a scan into this ledger. `input` names the sources: reading them again replaces the note of them, or, where
    /// objects are noted each by itself, adds to it.
    pub fn begin(ledger: &'a mut dyn Ledger, world: &'a World, options: Options, input: &str) -> Self {
        Self {
            ledger,
            world,
            denials: options.denials.then(Vec::new),
            options,
            input: input.to_owned(),
            batch: Vec::new(),
            singles: Vec::new(),
            different: BTreeSet::new(),
            objects: Vec::new(),
            places_to_note: 0,
            are_noted: false,
            tells_known: false,
            looks_twice: false,
            debt: None,
            sought_at_once: second::SOUGHT,
            kept: Kept::default(),
            read_now: ReadNow::default(),
            fresh: Fresh::new(),
            named: Named::default(),
            fresh_places: Places::default(),
            gatherer: None,
            reader: None,
            passed: Passed::default(),
            changes: Vec::new(),
            touched: Touched::default(),
            places: Places::default(),
            failed: None,
            watch: Stopwatch::start(),
            problems: Problems::default(),
            stats: Stats::default(),
        }
    }

    /// How [`Gatherer::new`] is to hand denials over: by themselves where they are wanted, or where AWS is asked for more.
    pub fn takes_singly(&self) -> bool {
        self.denials.is_some() || self.world.outside.is_some()
    }

    /// Whether nothing more need be read: it was stopped, or the ledger failed.
    pub fn is_over(&self) -> bool {
        self.failed.is_some() || self.is_stopped()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.options.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Which of these objects need not be read, as an earlier scan did; their figures are added.
    pub fn skips(&mut self, objects: &[Object]) -> Vec<bool> {
        let all_new = || vec![None; objects.len()];
        let known = match self.options.again || self.denials.is_some() || self.failed.is_some() {
            true => all_new(),
            false => self.ledger.known_objects(objects).unwrap_or_else(|fault| {
                self.failed = Some(fault);
                all_new()
            }),
        };
        known.iter().flatten().for_each(|held| self.stats.add_known(held));
        let new = objects.iter().zip(&known).filter(|(_, known)| known.is_none());
        if self.looks_twice {
            new.for_each(|(object, _)| self.fresh.add(object));
        }
        known.iter().map(Option::is_some).collect()
    }

    /// Takes what was gathered of a file.
    pub fn take_file(&mut self, read: FileRead<Gathered>) {
        let FileRead { object, bytes_read, bytes, fault, made, .. } = read;
        let held = Held { bytes_read, bytes, ..Held::default() };
        self.take_object(object, held, fault, made.unwrap_or_default());
    }

    /// Takes what was gathered of an object that was read, to its end if there is no fault.
    pub(super) fn take_object(&mut self, object: Object, held: Held, fault: Option<Problem>, gathered: Gathered) {
        let (records, denied) = (gathered.records, gathered.denied);
        let unreadable = gathered.problems.len() as u64 + u64::from(fault.is_some());
        let held = Held { records, denied, unreadable, ..held };
        // What was read in part is read again next time, and counts for coverage once.
        let is_whole = unreadable == 0 && gathered.left_out == 0;
        let mark = if is_whole { object.mark } else { format!("{} in part", object.mark) };
        let object = Object { key: object.key, mark };
        self.stats.add(&held);
        self.stats.left_out += gathered.left_out;
        self.problems.extend(fault);
        self.problems.inside(gathered.problems);
        self.passed.merge(gathered.passed);
        for place in &gathered.places {
            if self.looks_twice {
                self.fresh_places.add_place(place);
            }
            if gathered.is_full {
                self.places.add_place(place);
            }
        }
        self.add(gathered.met, gathered.denials, gathered.changes);
        self.named.add(&object, gathered.operations);
        self.places_to_note += gathered.places.len();
        self.objects.push(ObjectRead { object, held, places: gathered.places });
        self.flush_much();
    }

    /// Takes what was gathered of the first parts of a file that is still being read. It counts, whether the file is read to
    /// its end or not; with its end only it is noted, and told.
    pub(super) fn take_ahead(&mut self, gathered: Gathered) {
        self.add(gathered.met, gathered.denials, gathered.changes);
        self.flush_much();
    }

    fn add(&mut self, met: Vec<Repeated>, denials: Vec<Denial>, changes: Vec<Change>) {
        self.changes.extend(changes);
        if self.changes.len() >= BATCH {
            self.flush_changes();
        }
        denials.into_iter().for_each(|denial| self.add_single(denial));
        for one in &met {
            if self.different.insert(Arc::as_ptr(&one.sample).addr()) {
                self.touched.add(&one.sample);
            }
        }
        self.batch.extend(met);
    }

    fn flush_much(&mut self) {
        let denials = self.batch.len() >= BATCH || self.different.len() >= DIFFERENT;
        if denials || self.objects.len() >= OBJECTS || self.places_to_note >= PLACES {
            self.flush();
        }
    }

    fn add_single(&mut self, denial: Denial) {
        self.singles.push(denial);
        if self.singles.len() >= SINGLES {
            self.flush();
        }
    }

    pub(super) fn take(&mut self, record: Record) {
        if !self.options.selection.takes(&record) {
            self.stats.left_out += 1;
            return;
        }
        self.stats.records += 1;
        self.places.add(&record);
        let Some(denial) = denial::from_record(&record, &self.world.given(), self.world.catalog) else {
            return self.not_denied(&record);
        };
        self.stats.denied += 1;
        self.passed.refuse(&denial);
        self.add_single(denial);
    }

    fn not_denied(&mut self, record: &Record) {
        self.changes.extend(change::from_record(record));
        if self.changes.len() >= BATCH {
            self.flush_changes();
        }
        self.passed.take(record, self.world.catalog);
    }

    /// Puts what was gathered into the ledger: denials first, so that no object is noted whose denials are missing.
    pub(super) fn flush(&mut self) {
        let mut singles = std::mem::take(&mut self.singles);
        self.world.sharpen(&mut singles);
        if let Some(kept) = &mut self.denials {
            kept.extend(singles.iter().cloned());
        }
        let singles = observed(singles);
        singles.iter().for_each(|one| self.touched.add(one));
        let mut batch = std::mem::take(&mut self.batch);
        batch.extend(singles.into_iter().map(Repeated::once));
        self.different.clear();
        let objects = std::mem::take(&mut self.objects);
        self.places_to_note = 0;
        if self.failed.is_some() {
            return;
        }
        let now = clock::now();
        let noted = self.ledger.record_repeated(batch, now).and_then(|recorded| {
            self.stats.duplicates += recorded.duplicate;
            self.stats.stale += recorded.stale;
            if objects.is_empty() || !self.are_noted {
                return Ok(());
            }
            if let Some(debt) = &mut self.debt {
                debt.note(self.ledger)?;
            }
            self.ledger.note_objects(&self.input, &objects, now)
        });
        self.failed = noted.err();
    }

    pub(super) fn flush_changes(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        let noted = self.ledger.note_changes(&changes, clock::now());
        self.failed = self.failed.take().or(noted.err());
    }
}

#[cfg(test)]
mod tests;
