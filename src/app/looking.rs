//! The second look of a scan, on the thread that takes what was found.

use super::around::{Around, Seen, Sum};
use super::operations::Named;
use super::problems::{Met, Problems};
use crate::change::Change;
use crate::io::clock;
use crate::io::sources::archive::Selection;
use crate::io::sources::many::{Desk, FileRead};
use crate::io::stores::{Ledger, LedgerError, Object};
use crate::record::Problem;
use std::hash::BuildHasher;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// Changes that go into the ledger in one transaction.
const CHANGES: usize = 2_000;

/// The second look: which objects it needs, and what it finds in them.
pub struct Looking<'s> {
    /// Names the sources.
    pub(super) input: &'s str,
    pub(super) around: &'s Around,
    pub(super) fresh: &'s Fresh,
    pub(super) named: &'s Named,
    pub(super) seen: Sum,
    pub(super) changes: Vec<Change>,
    pub(super) ledger: &'s mut dyn Ledger,
    pub(super) failed: Option<LedgerError>,
    pub(super) stop: Option<&'static AtomicBool>,
    /// Something that can tell could not be read.
    pub(super) is_partial: bool,
    /// What takes in all that could not be read; `None` where that is nothing, or where of some it is not known.
    pub(super) left: Option<Selection>,
    /// An earlier scan left a part without a second look.
    pub(super) is_owed: bool,
    /// What the first look told that it could not be read.
    pub(super) told: &'s Met,
    /// What the second look told, in whichever part.
    pub(super) met: Met,
    /// What could not be read, and was not told before.
    pub(super) problems: Problems,
}

/// What a second look has come to.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) seen: Sum,
    pub(super) failed: Option<LedgerError>,
    pub(super) is_partial: bool,
    pub(super) left: Option<Selection>,
    pub(super) problems: Problems,
    pub(super) met: Met,
}

impl<'s> Looking<'s> {
    /// What [`super::around::Seeker::new`] is to look for.
    pub fn around(&self) -> &'s Around {
        self.around
    }

    /// Whether an object can tell: one that is new around any finding, one that was known around those denied now.
    pub fn wants(&self, object: &Object) -> bool {
        self.around.wants(&object.key, self.fresh.has(object))
            && (self.around.lacks_any() || self.named.may_name(object, self.around.operations()))
    }

    /// Takes what [`super::around::Seeker::seek`] found; false when it is over.
    pub fn found(&mut self, mut seen: Seen) -> bool {
        self.changes.append(&mut seen.changes);
        self.seen.add(seen, self.around);
        if self.changes.len() >= CHANGES {
            self.note_changes();
        }
        !self.is_broken_off()
    }

    /// Tells what could not be read, unless the first look has; `is_partial`: it may be there another time, which leaves the
    /// look owed.
    pub(super) fn fail(&mut self, problem: Problem, is_partial: bool) {
        if is_partial {
            (self.is_partial, self.left) = (true, None);
        }
        if !self.is_told(&problem) && self.met.is_new(&problem) {
            self.problems.push(problem);
        }
    }

    /// The same for an object that AWS refused: no more than its place stays owed for it.
    #[cfg(feature = "s3")]
    pub(super) fn refused(&mut self, problem: Problem) {
        let own = Selection::around(&problem.input);
        let left = match (self.is_partial, &self.left) {
            (false, _) => Some(own),
            (true, left) => left.as_ref().map(|left| left.and(&own)),
        };
        self.fail(problem, true);
        self.left = left;
    }

    fn is_told(&self, problem: &Problem) -> bool {
        self.told.has(&problem.input)
    }

    /// A file that an earlier scan read was skipped by the first look, which could tell nothing of it.
    fn fail_file(&mut self, problem: Problem, is_found: bool) {
        // A file that the first look told of is read anew by the next scan; in a folder that cannot be listed may be owed ones.
        let is_partial = !self.is_told(&problem) || (self.is_owed && !is_found);
        self.fail(problem, is_partial);
    }

    pub(super) fn is_broken_off(&self) -> bool {
        self.failed.is_some() || self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// What it has come to, with its changes in the ledger.
    pub(super) fn end(mut self) -> Told {
        self.note_changes();
        if let Some(fault) = self.seen.fault() {
            self.fail(lost(self.input, &fault), true);
        }
        Told {
            seen: self.seen,
            failed: self.failed,
            is_partial: self.is_partial,
            left: self.left,
            problems: self.problems,
            met: self.met,
        }
    }

    /// Each change that was seen is one, whether the look comes to its end or not.
    fn note_changes(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        if self.failed.is_none() {
            self.failed = self.ledger.note_changes(&changes, clock::now()).err();
        }
    }
}

/// Some of what a second look had put aside cannot be read again. It goes on without, and is owed.
pub(super) fn lost(input: &str, fault: &std::io::Error) -> Problem {
    let error = format!(
        "some of the allowed calls that the second look had seen could not be read again from a temporary file: of \
         some findings it is not known how far their calls were looked at, and the next scan of the same sources has to look \
         again: {fault}"
    );
    Problem { input: input.to_owned(), error }
}

impl Desk<Seen> for Looking<'_> {
    fn skips(&mut self, objects: &[Object]) -> Vec<bool> {
        objects.iter().map(|object| !self.wants(object)).collect()
    }

    fn is_over(&self) -> bool {
        self.is_broken_off()
    }

    fn take_ahead(&mut self, made: Seen) -> ControlFlow<()> {
        if self.found(made) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn take(&mut self, read: Result<FileRead<Seen>, Problem>) -> ControlFlow<()> {
        let is_found = read.is_ok();
        let (made, fault) = read.map_or_else(|problem| (None, Some(problem)), |read| (read.made, read.fault));
        fault.into_iter().for_each(|fault| self.fail_file(fault, is_found));
        if self.found(made.unwrap_or_default()) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// Objects that were read now, in a memory that does not grow with them: one that was not may be taken for one that was,
/// and is then looked at once more than it need be.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    bits: Vec<u64>,
    is_empty: bool,
}

/// Objects that were read now, of at most so many: of those beyond, nothing is known.
#[derive(Debug, Default)]
pub(super) struct ReadNow(Vec<u64>);

/// 8 MiB of hashes.
const READ_NOW: usize = 1 << 20;

impl ReadNow {
    pub(super) fn add(&mut self, object: &Object) {
        if self.0.len() < READ_NOW {
            self.0.push(hash_of(object));
        }
    }

    /// Makes ready for [`ReadNow::has`].
    #[cfg(feature = "s3")]
    pub(super) fn sort(&mut self) {
        self.0.sort_unstable();
    }

    /// Whether it is certain that the object was read now.
    #[cfg(feature = "s3")]
    pub(super) fn has(&self, object: &Object) -> bool {
        self.0.binary_search(&hash_of(object)).is_ok()
    }
}

fn hash_of(object: &Object) -> u64 {
    foldhash::fast::FixedState::default().hash_one(&object.key)
}

/// A power of two: 1 MiB, for a million objects and more.
const BITS: u64 = 1 << 23;

impl Fresh {
    pub(super) fn new() -> Self {
        Self { bits: Vec::new(), is_empty: true }
    }

    pub(super) fn add(&mut self, object: &Object) {
        if self.is_empty {
            self.bits = vec![0; usize::try_from(BITS / 64).unwrap_or(0)];
            self.is_empty = false;
        }
        let (word, bit) = place(object);
        self.bits[word] |= bit;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    fn has(&self, object: &Object) -> bool {
        let (word, bit) = place(object);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

fn place(object: &Object) -> (usize, u64) {
    let hash = hash_of(object) % BITS;
    (usize::try_from(hash / 64).unwrap_or(0), 1 << (hash % 64))
}
