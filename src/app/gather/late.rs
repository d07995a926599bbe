//! What is met for the first time, put off until several files were looked at: concluding on a denial runs through much of
//! the program, which a large file drives out of the processor's caches; those of several files in a row fetch it but once.

use super::{File, Gathered, Gatherer};
use crate::io::sources::many::{Ahead, Joins, Make, Sort, share};
use crate::record::{self, Candidate, Problem, Whereabouts};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of events that are put off at most, by each of one or two threads: beyond, denials stand so close that nothing is
/// gained.
const MOST: u64 = 512 << 10;

/// Events of one file that are put off, where there are any.
const LIKELY: usize = 16;

/// A record that is still to be concluded on.
#[derive(Debug)]
pub(super) struct Late {
    /// Where its JSON stands in the gatherer's texts.
    text: Range<usize>,
    /// The same without its text.
    candidate: Candidate<'static>,
    /// Where its event counts.
    from: Arc<Whereabouts>,
    /// Problems and denials of records before it that were told at once.
    before: (usize, usize),
}

/// Texts of what is put off, in a memory that is used again.
#[derive(Debug)]
pub(super) struct Texts {
    all: String,
    most: usize,
    /// Records that stand in it and wait.
    waiting: usize,
    /// Records may be put off.
    pub(super) are_open: bool,
}

impl Texts {
    /// Of one of so many threads.
    pub(super) fn of(threads: usize) -> Self {
        Self { all: String::new(), most: share(MOST, threads) as usize, waiting: 0, are_open: false }
    }
}

impl Gatherer {
    /// [`Gatherer::gather`], but for denials that are met for the first time: [`Gatherer::finish`] concludes on those. Until
    /// then the counts are too small.
    pub(crate) fn begin(&mut self, name: &str, bytes: &[u8]) -> Gathered {
        self.open();
        self.read(name, bytes, None)
    }

    /// From now on records may be put off.
    fn open(&mut self) {
        self.texts.are_open = true;
        if self.texts.waiting == 0 {
            self.texts.all.clear();
        }
    }

    /// Concludes on what [`Gatherer::begin`] of this gatherer put off of a file. All that was begun is to be finished.
    pub(crate) fn finish(&mut self, name: &str, gathered: &mut Gathered) {
        self.finish_part(name, gathered);
        gathered.tell_more(name);
    }

    /// The same for a part of a file: how many more faults there were is told of the whole.
    fn finish_part(&mut self, name: &str, gathered: &mut Gathered) {
        self.texts.are_open = false;
        if !gathered.late.is_empty() {
            let mut file = File { gathered: std::mem::take(gathered), ..File::new(name, None) };
            let places = std::mem::take(&mut file.gathered.places);
            file.places =
                places.into_iter().map(|place| ((place.account.clone(), place.region.clone()), place)).collect();
            self.conclude_all(&mut file);
            *gathered = file.done();
        }
    }

    /// Hands over what was made of a file so far, where that is much.
    pub(super) fn hand_over(&mut self, file: &mut File<'_>) {
        if file.ahead.is_some() && file.weight() >= self.heavy {
            self.hand_over_now(file);
        }
    }

    fn hand_over_now(&mut self, file: &mut File<'_>) {
        let are_open = self.texts.are_open;
        self.conclude_all(file);
        // Many of them may have been met before; if few are missing, it would all be asked again with each record.
        if file.weight() >= self.heavy / 2 {
            file.learned = 0;
            if let Some((ahead, made)) = file.ahead.as_mut().zip(file.gathered.ahead()) {
                // Whoever wants nothing more drops the rest.
                let _ = ahead(self, made);
            }
        }
        if are_open {
            self.open();
        }
    }

    /// Concludes on what was put off, and tells all in the order of the records, as if nothing had been put off.
    fn conclude_all(&mut self, file: &mut File<'_>) {
        let late = std::mem::take(&mut file.gathered.late);
        self.texts.waiting = self.texts.waiting.saturating_sub(late.len());
        let told = (std::mem::take(&mut file.gathered.problems), std::mem::take(&mut file.gathered.met));
        let (mut problems, mut met, mut taken) = (told.0.into_iter(), told.1.into_iter(), (0, 0));
        let texts = std::mem::take(&mut self.texts.all);
        file.gathered.met.reserve_exact(late.len() + met.len());
        for one in &late {
            problems.by_ref().take(one.before.0 - taken.0).for_each(|problem| file.fault(problem));
            file.gathered.met.extend(met.by_ref().take(one.before.1 - taken.1));
            taken = one.before;
            let (candidate, before) =
                (one.candidate.with_text(texts.get(one.text.clone()).unwrap_or_default()), file.gathered.records);
            self.now(file, &candidate);
            let records = file.gathered.records - before;
            file.widen(&one.from.account, &one.from.region, one.from.time, records);
        }
        self.texts.all = texts;
        problems.for_each(|problem| file.fault(problem));
        file.gathered.met.extend(met);
    }

    /// Puts a record off; false where nothing is put off now.
    pub(super) fn put_off(&mut self, file: &mut File<'_>, candidate: &Candidate<'_>, from: &Arc<Whereabouts>) -> bool {
        let Texts { all, most, waiting, are_open } = &mut self.texts;
        if self.singly || !*are_open || all.len() + candidate.raw.len() > *most {
            return false;
        }
        let before = (file.gathered.problems.len(), file.gathered.met.len());
        let text = all.len()..all.len() + candidate.raw.len();
        all.push_str(candidate.raw);
        *waiting += 1;
        if file.gathered.late.is_empty() {
            file.gathered.late.reserve(LIKELY);
        }
        file.gathered.late.push(Late { text, candidate: candidate.with_text(""), from: from.clone(), before });
        true
    }
}

impl Make<Gathered> for Gatherer {
    fn make(&mut self, name: &str, bytes: &[u8], sort: Sort) -> Gathered {
        match sort {
            Sort::File => self.begin(name, bytes),
            // There is no second look at a stream.
            Sort::Stream => self.all(name, bytes, None),
        }
    }

    fn make_ahead(&mut self, name: &str, bytes: &[u8], sort: Sort, ahead: Ahead<'_, Self, Gathered>) -> Gathered {
        match sort {
            Sort::File => {
                self.open();
                self.read(name, bytes, Some(ahead))
            }
            Sort::Stream => self.all(name, bytes, Some(ahead)),
        }
    }

    fn finish(&mut self, name: &str, made: &mut Gathered) {
        Self::finish(self, name, made);
    }

    fn finish_part(&mut self, name: &str, made: &mut Gathered) {
        Self::finish_part(self, name, made);
    }
}

impl Gathered {
    /// Takes what cannot be read; a file of nothing else must not fill the memory.
    pub(super) fn fault(&mut self, problem: Problem) {
        match self.problems.len() < record::MOST_PROBLEMS {
            true => self.problems.push(problem),
            false => self.more += 1,
        }
    }

    /// Tells of the faults beyond those that are told one by one.
    pub(super) fn tell_more(&mut self, name: &str) {
        let more = std::mem::take(&mut self.more);
        self.problems.extend((more > 0).then(|| record::more_problems(name, more)));
    }
}
