//! The second look of a scan, on the thread that takes what was found.

use super::around::Around;
use super::passed::Passed;
use crate::catalog::Catalog;
use crate::change::{self, Change};
use crate::io::sources::many::{Desk, FileRead};
use crate::io::stores::Object;
use crate::record::{Problem, Record};
use std::hash::BuildHasher;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// The second look: which objects it needs, and what it finds in them.
pub struct Looking<'s> {
    pub(super) of_all: &'s Around,
    pub(super) of_touched: Option<Around>,
    /// Sorted.
    pub(super) fresh: &'s [u64],
    pub(super) passed: Passed,
    pub(super) changes: Vec<Change>,
    pub(super) catalog: &'static Catalog,
    pub(super) stop: Option<&'static AtomicBool>,
}

impl<'s> Looking<'s> {
    /// What [`super::around::Seeker::new`] is to look for.
    pub fn around(&self) -> &'s Around {
        self.of_all
    }

    /// Whether an object can tell: one that is new around any finding, one that was known around those denied now.
    pub fn wants(&self, object: &Object) -> bool {
        let is_fresh = self.fresh.binary_search(&hash_of(object)).is_ok();
        is_fresh && self.of_all.wants(&object.key) || self.of_touched.as_ref().is_some_and(|of| of.wants(&object.key))
    }

    /// Takes what [`super::around::Seeker::seek`] found.
    pub fn found(&mut self, records: &[Record]) {
        for record in records {
            self.changes.extend(change::from_record(record));
            self.passed.take(record, self.catalog);
        }
    }
}

impl Desk<Vec<Record>> for Looking<'_> {
    fn skips(&mut self, objects: &[Object]) -> Vec<bool> {
        objects.iter().map(|object| !self.wants(object)).collect()
    }

    fn take(&mut self, read: Result<FileRead<Vec<Record>>, Problem>) -> ControlFlow<()> {
        // What could not be read was told at the first look.
        self.found(read.ok().and_then(|read| read.made).as_deref().unwrap_or_default());
        let is_over = self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// What an object that was read now is found by.
pub(super) fn hash_of(object: &Object) -> u64 {
    foldhash::fast::FixedState::default().hash_one(&object.key)
}
