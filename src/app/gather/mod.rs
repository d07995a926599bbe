//! One log file → its denials and where it is from: what each thread of a scan does for itself.

mod codes;
mod known;
mod late;
pub(super) mod named;

use super::operations::Operations;
use super::passed::Passed;
use crate::catalog::Catalog;
use crate::change::{self, Change};
use crate::denial::code::Codes;
use crate::denial::{self, Denial, Given};
use crate::finding::Repeated;
use crate::io::sources::archive::Selection;
use crate::io::sources::many::{Ahead, Joins, heavy};
use crate::io::stores::Place;
use crate::record::{self, Candidate, Head, Problem, Record, Sifted, Whereabouts};
use codes::MetCodes;
use known::Known;
use late::{Late, Texts};
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

/// What one file holds.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Events of all kinds.
    pub records: u64,
    /// Denied ones.
    pub denied: u64,
    /// Them, ready for the ledger; empty where they are wanted as [`Gathered::denials`].
    pub met: Vec<Repeated>,
    /// Them, as AWS told them; empty where they are not wanted so.
    pub denials: Vec<Denial>,
    /// Allowed calls among all others, and changes of policies, where these were asked for.
    pub passed: Passed,
    /// See there.
    pub changes: Vec<Change>,
    /// They were.
    pub is_full: bool,
    /// Where and when the events happened. Of a file that is named as CloudTrail names its files, and whose first and last
    /// record are of that account and Region, the times are those of these two and of the denials.
    pub places: Vec<Place>,
    /// Events that were not asked for.
    pub left_out: u64,
    /// Operations of the file; `None` where they were not asked for, or are not certain.
    pub operations: Option<Operations>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// What is still to be concluded on; parts that are joined have nothing of it.
    late: Vec<Late>,
    /// Faults beyond those that are told one by one.
    more: u64,
}

impl Joins for Gathered {
    fn weight(&self) -> u64 {
        // What is the same once more shares its sample; ids are left.
        let mut samples: Vec<usize> = self.met.iter().map(|met| Arc::as_ptr(&met.sample).addr()).collect();
        samples.sort_unstable();
        samples.dedup();
        let others = self.denials.len() + self.changes.len() + self.late.len();
        (samples.len() + (self.met.len() + self.problems.len() + self.places.len()) / 16 + others) as u64
    }

    /// Denials and changes, each of which counts by itself; what the file comes to is told with its end.
    fn ahead(&mut self) -> Option<Self> {
        debug_assert!(self.late.is_empty(), "parts are finished before they are handed over");
        let (met, denials, changes) =
            (mem::take(&mut self.met), mem::take(&mut self.denials), mem::take(&mut self.changes));
        Some(Self { met, denials, changes, ..Self::default() })
    }

    fn join(&mut self, later: Self) {
        debug_assert!(self.late.is_empty() && later.late.is_empty(), "parts are finished before they are joined");
        self.records += later.records;
        self.denied += later.denied;
        self.met.extend(later.met);
        self.denials.extend(later.denials);
        self.passed.merge(later.passed);
        self.changes.extend(later.changes);
        self.is_full |= later.is_full;
        self.left_out += later.left_out;
        later.problems.into_iter().for_each(|problem| self.fault(problem));
        self.more += later.more;
        self.operations = None;
        // Each part has them sorted: so it is a merge, however many there are.
        self.places.extend(later.places);
        self.places.sort();
        self.places.dedup_by(|next, own| {
            let is_same = (&own.account, &own.region) == (&next.account, &next.region);
            if is_same {
                own.add(next.first, next.last, next.records);
            }
            is_same
        });
    }
}

/// Gathers from one file after another, or begins several and finishes them together. What it makes of a file does not depend on the files before.
pub struct Gatherer {
    catalog: &'static Catalog,
    selection: Selection,
    /// Each denial is wanted by itself.
    singly: bool,
    /// The operations of small files are.
    noting: bool,
    known: Known,
    texts: Texts,
    /// What is handed over at once.
    heavy: u64,
    given: Given,
    codes: MetCodes,
}

impl Gatherer {
    /// `singly`: denials are wanted as they are, not ready for the ledger.
    pub fn new(catalog: &'static Catalog, singly: bool) -> Self {
        Self {
            catalog,
            selection: Selection::default(),
            singly,
            noting: false,
            known: Known::of(1),
            heavy: heavy(1),
            texts: Texts::of(1),
            given: Given::default(),
            codes: MetCodes::default(),
        }
    }

    /// Takes these events only.
    #[must_use]
    pub fn of(self, selection: &Selection) -> Self {
        Self { selection: selection.clone(), ..self }
    }

    /// Counts these error codes too.
    #[must_use]
    pub fn counting(self, codes: &Codes) -> Self {
        Self { given: Given { codes: codes.clone(), ..Given::default() }, ..self }
    }

    /// Remembers and holds as much less as there are more threads that do the same.
    #[must_use]
    pub fn among(self, threads: usize) -> Self {
        Self { known: Known::of(threads), heavy: heavy(threads), texts: Texts::of(threads), ..self }
    }

    /// Notes the operations of small files, too.
    #[must_use]
    pub fn noting(self, noting: bool) -> Self {
        Self { noting, ..self }
    }

    /// Reads one file of any CloudTrail shape.
    ///
    /// ```
    /// use denywatch::{app::gather::Gatherer, catalog::Catalog};
    /// let log = br#"{"Records":[{"eventVersion":"1.08","userIdentity":{},"eventName":"GetObject"},
    ///     {"eventVersion":"1.08","userIdentity":{},"eventName":"GetObject","errorCode":"AccessDenied"}]}"#;
    /// let gathered = Gatherer::new(Catalog::embedded(), false).gather("log.json", log);
    /// assert_eq!((gathered.records, gathered.denied), (2, 1));
    /// ```
    pub fn gather(&mut self, name: &str, bytes: &[u8]) -> Gathered {
        self.texts.are_open = false;
        let mut gathered = self.read(name, bytes, None);
        gathered.tell_more(name);
        gathered
    }

    fn read<'f>(&mut self, name: &'f str, bytes: &[u8], ahead: GivenAhead<'f>) -> Gathered {
        let mut file = File::new(name, ahead);
        let (codes, met) = (&self.given.codes, &mut self.codes);
        match record::sift_refusals(bytes, |code, raw| met.may_mean(codes, code, raw)) {
            Some(sifted) => match named::place(name, &sifted).filter(|_| self.selection.is_all()) {
                Some(named) => self.sifted(&mut file, &sifted, named),
                None => self.each(&mut file, bytes),
            },
            None => self.fully(&mut file, bytes),
        }
        let mut gathered = file.done();
        gathered.operations = self.noting.then(|| Operations::of(bytes)).flatten();
        gathered
    }

    /// Reads all of a file, and notes what is not denied, too.
    pub fn gather_all(&mut self, name: &str, bytes: &[u8]) -> Gathered {
        let mut gathered = self.all(name, bytes, None);
        gathered.tell_more(name);
        gathered
    }

    fn all<'f>(&mut self, name: &'f str, bytes: &[u8], ahead: GivenAhead<'f>) -> Gathered {
        let mut file = File { others: true, ..File::new(name, ahead) };
        self.fully(&mut file, bytes);
        file.gathered.is_full = true;
        file.done()
    }

    /// A file of one place: only what may be denied is read.
    fn sifted(&mut self, file: &mut File<'_>, sifted: &Sifted<'_>, named: named::Named) {
        let named::Named { account, region, edges } = named;
        let from = Arc::new(Whereabouts { account, region, time: None });
        for candidate in &sifted.candidates {
            self.hand_over(file);
            let before = file.gathered.records;
            match self.candidate(file, candidate, &from) {
                true => {
                    let records = file.gathered.records - before;
                    file.widen(&from.account, &from.region, None, records);
                }
                false => self.whole(file, candidate),
            }
        }
        file.gathered.records += sifted.allowed;
        file.widen(&from.account, &from.region, None, sifted.allowed);
        for edge in &edges {
            file.widen(&from.account, &from.region, edge.time, 0);
        }
    }

    /// A file of whatever places: of each record its own is read.
    fn each(&mut self, file: &mut File<'_>, bytes: &[u8]) {
        let Some(sifted) = record::sift_all(bytes) else { return self.fully(file, bytes) };
        for candidate in sifted.candidates {
            self.hand_over(file);
            let Some(place) = candidate.is_event.then(|| record::whereabouts(candidate.raw)).flatten() else {
                self.whole(file, &candidate);
                continue;
            };
            if !self.selection.takes_at(&place.account, &place.region, place.time) {
                file.gathered.left_out += 1;
                continue;
            }
            if !candidate.may_be_denied {
                file.gathered.records += 1;
                file.widen(&place.account, &place.region, place.time, 1);
                continue;
            }
            let (place, before) = (Arc::new(place), file.gathered.records);
            if !self.candidate(file, &candidate, &place) {
                self.whole(file, &candidate);
                continue;
            }
            let records = file.gathered.records - before;
            // What is put off is noted with its end, and what cannot be read is nowhere.
            if records > 0 {
                file.widen(&place.account, &place.region, place.time, records);
            }
        }
    }

    /// Reads what may be a denial, or puts that off. Its place is not noted, but for the time of what is denied. False, with
    /// nothing done, where it is none of CloudTrail's usual records.
    fn candidate(&mut self, file: &mut File<'_>, candidate: &Candidate<'_>, from: &Arc<Whereabouts>) -> bool {
        if !candidate.is_event {
            return false;
        }
        // Where nothing was selected, the sift has asked that.
        let (codes, raw) = (&self.given.codes, candidate.raw.as_bytes());
        let code = candidate.only_error_code().filter(|_| !candidate.has_escapes);
        if code.is_some_and(|code| !self.codes.may_mean(codes, code.as_bytes(), raw)) {
            file.gathered.records += 1;
            return true;
        }
        // What bears several spellings of the key is mostly no denial, but a look-alike of one inside of a request.
        if candidate.only_error_code().is_none() && self.is_no_denial(candidate.raw) {
            file.gathered.records += 1;
        } else if !self.again(file, candidate, true) && !self.put_off(file, candidate, from) {
            self.now(file, candidate);
        }
        true
    }

    /// Reads what may be a denial.
    fn now(&mut self, file: &mut File<'_>, candidate: &Candidate<'_>) {
        if !self.again(file, candidate, false) {
            self.conclude(file, candidate);
        }
    }

    /// Takes a denial that was met before, or lately; false where it was not.
    fn again(&mut self, file: &mut File<'_>, candidate: &Candidate<'_>, lately: bool) -> bool {
        let Some((met, place)) = (!self.singly).then(|| self.known.again(candidate.raw, lately)).flatten() else {
            return false;
        };
        file.widen(&place.account, &place.region, met.at, 0);
        file.gathered.records += 1;
        file.gathered.denied += 1;
        file.gathered.met.push(met);
        true
    }

    /// Reads what is met for the first time.
    fn conclude(&mut self, file: &mut File<'_>, candidate: &Candidate<'_>) {
        if candidate.only_error_code().is_some() && self.is_no_denial(candidate.raw) {
            file.gathered.records += 1;
            return;
        }
        let mut denied = Vec::new();
        let (name, mut fault) = (file.name, |fault| file.fault(fault));
        let is_denial = |head: &Head<'_>| is_denial(&self.given.codes, head);
        let seen = candidate.read(name, is_denial, |record| denied.push(record), &mut fault);
        file.gathered.records += seen;
        for record in denied {
            file.widen(&record.recipient_account, &record.region, record.event_time, 0);
            self.denied(file, &record, Some(candidate.raw));
        }
    }

    /// Whether a glance at an event tells that it is no denial.
    fn is_no_denial(&self, raw: &str) -> bool {
        record::ending(raw).is_some_and(|head| !is_denial(&self.given.codes, &head))
    }

    /// Reads whatever it is, and notes the place of each event in it.
    fn whole(&mut self, file: &mut File<'_>, candidate: &Candidate<'_>) {
        let mut records = Vec::new();
        let (name, mut fault) = (file.name, |fault| file.fault(fault));
        candidate.read(name, |_| true, |record| records.push(record), &mut fault);
        for record in records {
            self.hand_over(file);
            self.record(file, record);
        }
    }

    /// Reads all of it.
    fn fully(&mut self, file: &mut File<'_>, bytes: &[u8]) {
        let mut faults = Gathered::default();
        let name = file.name;
        let each = |record| {
            self.hand_over(file);
            self.record(file, record);
        };
        record::scan_telling_all(bytes, name, |_| true, each, |problem| faults.fault(problem));
        faults.problems.into_iter().for_each(|problem| file.fault(problem));
        file.gathered.more += faults.more;
    }

    fn record(&mut self, file: &mut File<'_>, record: Record) {
        if !self.selection.takes(&record) {
            file.gathered.left_out += 1;
            return;
        }
        file.gathered.records += 1;
        file.widen(&record.recipient_account, &record.region, record.event_time, 1);
        if !self.denied(file, &record, None) && file.others {
            file.gathered.changes.extend(change::from_record(&record));
            file.gathered.passed.take(&record, self.catalog);
        }
    }

    /// Takes a record if it is a denial, and says so; `raw` is its JSON where it stands by itself.
    fn denied(&mut self, file: &mut File<'_>, record: &Record, raw: Option<&str>) -> bool {
        let Some(denial) = denial::from_record(record, &self.given, self.catalog) else { return false };
        file.gathered.denied += 1;
        if file.others {
            file.gathered.passed.refuse(&denial);
        }
        match self.singly {
            true => file.gathered.denials.push(denial),
            false => {
                file.learned += 1;
                file.gathered.met.push(self.known.learn(raw, record, denial));
            }
        }
        true
    }
}

/// Whether an event is a denial, by its head.
pub(super) fn is_denial(codes: &Codes, head: &Head<'_>) -> bool {
    let (source, kind) = (head.event_source.as_deref(), head.event_type.as_deref());
    codes.is_denial(head.error_code.as_deref(), source, kind, head.error_message.as_deref())
}

/// What was gathered of the file that is being read.
struct File<'f> {
    name: &'f str,
    gathered: Gathered,
    places: BTreeMap<(Option<String>, Option<String>), Place>,
    /// What is not denied is wanted, too.
    others: bool,
    /// Denials concluded on, of what was not handed over.
    learned: u64,
    ahead: GivenAhead<'f>,
}

/// Who takes what is made of the file so far, where that comes to much.
type GivenAhead<'f> = Option<Ahead<'f, Gatherer, Gathered>>;

impl<'f> File<'f> {
    fn new(name: &'f str, ahead: GivenAhead<'f>) -> Self {
        let (gathered, places) = (Gathered::default(), BTreeMap::new());
        Self { name, gathered, places, others: false, learned: 0, ahead }
    }

    /// As [`Gathered::weight`] tells it, without looking for what shares a sample.
    fn weight(&self) -> u64 {
        let Gathered { met, denials, changes, late, .. } = &self.gathered;
        self.learned + (met.len() / 16 + denials.len() + changes.len() + late.len()) as u64
    }

    fn fault(&mut self, problem: Problem) {
        self.gathered.fault(problem);
    }

    fn done(mut self) -> Gathered {
        self.gathered.places = self.places.into_values().collect();
        self.gathered
    }

    fn widen(&mut self, account: &Option<String>, region: &Option<String>, at: Option<jiff::Timestamp>, records: u64) {
        let is_last = |place: &Place| (&place.account, &place.region) == (account, region);
        let (first, last) = (at, at);
        if let (1, Some(mut only)) = (self.places.len(), self.places.first_entry()) {
            // Most files are of one place: no key is made to find it.
            if is_last(only.get()) {
                return only.get_mut().add(first, last, records);
            }
        }
        let (account, region) = (account.clone(), region.clone());
        let fresh = || Place { account: account.clone(), region: region.clone(), first: None, last: None, records: 0 };
        self.places.entry((account.clone(), region.clone())).or_insert_with(fresh).add(first, last, records);
    }
}

#[cfg(test)]
mod tests;
