//! What is met for the first time, put off until several files were looked at: concluding on a denial runs through much of
//! the program, which a large file drives out of the processor's caches; those of several files in a row fetch it but once.

use super::{File, Gathered, Gatherer};
use crate::finding::Repeated;
use crate::record::{self, Candidate, Problem, Whereabouts};

/// Bytes of events that are put off at most: beyond, denials stand so close that nothing is gained.
const MOST: usize = 1 << 20;

/// Records of a file that are still to be concluded on.
#[derive(Debug, Default)]
pub(super) struct Late {
    /// Their JSON, one behind the other.
    texts: String,
    records: Vec<Waiting>,
}

/// One of them.
#[derive(Debug)]
struct Waiting {
    /// Where its JSON ends in the texts.
    end: usize,
    /// The same without its text.
    candidate: Candidate<'static>,
    /// Where its event counts.
    from: Whereabouts,
    /// Problems and denials of records before it that were told at once.
    before: (usize, usize),
}

impl Gatherer {
    /// [`Gatherer::gather`], but for denials that are met for the first time: [`Gatherer::finish`] concludes on those. Until
    /// then the counts are too small.
    ///
    /// ```
    /// use denywatch::{app::gather::Gatherer, catalog::Catalog};
    /// let log = |id: u8| format!(r#"{{"Records":[{{"eventVersion":"1.08","userIdentity":{{}},"eventID":"{id}","eventName":"GetObject",
    ///     "awsRegion":"eu-west-1","recipientAccountId":"111122223333","errorCode":"AccessDenied"}}]}}"#);
    /// let mut gatherer = Gatherer::new(Catalog::embedded(), false);
    /// let name = |id: u8| format!("111122223333_CloudTrail_eu-west-1_20261110T1000Z_{id}.json");
    /// let mut begun: Vec<_> = (0..3).map(|id| gatherer.begin(&name(id), log(id).as_bytes())).collect();
    /// for (id, gathered) in begun.iter_mut().enumerate() {
    ///     gatherer.finish(&name(id as u8), gathered);
    /// }
    /// assert!(begun.iter().all(|gathered| (gathered.records, gathered.denied) == (1, 1)));
    /// ```
    pub fn begin(&mut self, name: &str, bytes: &[u8]) -> Gathered {
        self.late.get_or_insert(0);
        self.read(name, bytes)
    }

    /// Concludes on what [`Gatherer::begin`] put off of a file.
    pub fn finish(&mut self, name: &str, gathered: &mut Gathered) {
        self.late = None;
        let late = std::mem::take(&mut gathered.late);
        if !late.records.is_empty() {
            let told = (std::mem::take(&mut gathered.problems), std::mem::take(&mut gathered.met));
            let mut file = File { gathered: std::mem::take(gathered), ..File::new(name) };
            let places = std::mem::take(&mut file.gathered.places);
            file.places =
                places.into_iter().map(|place| ((place.account.clone(), place.region.clone()), place)).collect();
            self.conclude_all(&mut file, &late, told);
            *gathered = file.done();
        }
        gathered.tell_more(name);
    }

    /// Concludes on what was put off, and tells all in the order of the records, as if nothing had been put off.
    fn conclude_all(&mut self, file: &mut File<'_>, late: &Late, told: (Vec<Problem>, Vec<Repeated>)) {
        let (mut problems, mut met, mut taken) = (told.0.into_iter(), told.1.into_iter(), (0, 0));
        let mut start = 0;
        for one in &late.records {
            let raw = &late.texts[std::mem::replace(&mut start, one.end)..one.end];
            problems.by_ref().take(one.before.0 - taken.0).for_each(|problem| file.fault(problem));
            file.gathered.met.extend(met.by_ref().take(one.before.1 - taken.1));
            taken = one.before;
            let (candidate, before) = (one.candidate.with_text(raw), file.gathered.records);
            if !self.again(file, &candidate) {
                self.conclude(file, &candidate);
            }
            let records = file.gathered.records - before;
            file.widen(&one.from.account, &one.from.region, one.from.time, records);
        }
        problems.for_each(|problem| file.fault(problem));
        file.gathered.met.extend(met);
    }

    /// Puts a record off; false where nothing is put off now.
    pub(super) fn put_off(&mut self, file: &mut File<'_>, candidate: &Candidate<'_>, from: &Whereabouts) -> bool {
        let Some(late) = self.late.as_mut().filter(|late| !self.singly && **late + candidate.raw.len() <= MOST) else {
            return false;
        };
        *late += candidate.raw.len();
        let before = (file.gathered.problems.len(), file.gathered.met.len());
        let Late { texts, records } = &mut file.gathered.late;
        texts.push_str(candidate.raw);
        records.push(Waiting { end: texts.len(), candidate: candidate.with_text(""), from: from.clone(), before });
        true
    }
}

impl Gathered {
    /// Tells of the faults beyond those that are told one by one.
    pub(super) fn tell_more(&mut self, name: &str) {
        let more = std::mem::take(&mut self.more);
        self.problems.extend((more > 0).then(|| record::more_problems(name, more)));
    }
}
