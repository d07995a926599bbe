//! What is made of a job, in hand-overs that stand in memory: some files at once, a large one in several.

use super::{Joins, Made, Make};
use std::ops::ControlFlow;

/// A hand-over.
pub(super) enum Step<T> {
    /// Files, in their order.
    Files(Made<T>),
    /// Of a file whose rest is being read still, the next one: what need not wait for its end.
    Ahead(T),
    /// Of such a file so many more bytes were gone through, as they lie there.
    Gone(u64),
}

impl<T: Joins> Step<T> {
    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::Files(made) => made.iter().map(super::jobs::weight).sum(),
            Self::Ahead(made) => made.weight(),
            Self::Gone(_) => 0,
        }
    }
}

/// Takes hand-overs of a job that is not at its end; [`ControlFlow::Break`] where nothing more is wanted.
pub(super) type Give<'g, T> = &'g mut dyn FnMut(Step<T>) -> ControlFlow<()>;

/// Keeps what is made of a job until it comes to much.
pub(super) struct Over<'g, T> {
    files: Made<T>,
    weight: u64,
    /// See [`super::HEAVY`].
    pub(super) heavy: u64,
    give: Give<'g, T>,
    pub(super) is_over: bool,
}

impl<'g, T: Joins> Over<'g, T> {
    pub(super) fn new(heavy: u64, give: Give<'g, T>) -> Self {
        Self { files: Vec::new(), weight: 0, heavy, give, is_over: false }
    }

    /// Adds a file.
    pub(super) fn add(&mut self, make: &mut impl Make<T>, read: super::Read<T>) {
        self.weight += super::jobs::weight(&read);
        self.files.push(read);
        if self.weight >= self.heavy {
            self.flush(make);
        }
    }

    /// Hands over what there is: before parts of the next file, too, since files are taken in their order.
    pub(super) fn flush(&mut self, make: &mut impl Make<T>) {
        let files = self.rest(make);
        if !files.is_empty() {
            self.give(Step::Files(files));
        }
    }

    /// What was not handed over.
    pub(super) fn rest(&mut self, make: &mut impl Make<T>) -> Made<T> {
        self.weight = 0;
        let mut files = std::mem::take(&mut self.files);
        for read in files.iter_mut().flatten() {
            if let Some(made) = &mut read.made {
                make.finish(&read.name, made);
            }
        }
        files
    }

    /// Hands over what is made of the next file while the rest of it is being read.
    pub(super) fn ahead(&mut self, make: &mut impl Make<T>, made: T) -> ControlFlow<()> {
        self.flush(make);
        self.give(Step::Ahead(made));
        if self.is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Tells that so many more bytes of the next file were gone through.
    pub(super) fn gone(&mut self, bytes: u64) {
        self.give(Step::Gone(bytes));
    }

    fn give(&mut self, step: Step<T>) {
        self.is_over = self.is_over || (self.give)(step).is_break();
    }
}

#[cfg(test)]
mod tests;
