//! What is kept of one caller's one operation: its latest calls, and of what was denied the latest call before, however many
//! came since, as far as that is certain.
//!
//! A call is told to everything that was denied before it is let go. Of what was let go before somebody was denied nothing is
//! known but between which times it lies: where it may lie between a call and a denial, nothing is told.

use super::thing::{Before, Thing, Times, around, lies_between};
use crate::app::allowed::Allowed;
use crate::catalog::Catalog;
use crate::finding::{Item, ItemKey, Pass};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Calls, in the order of their times.
pub(super) type Calls = BTreeMap<Pass, Allowed>;

/// What was denied that is kept: what was denied last.
const THINGS: usize = 50;

/// See the top.
#[derive(Debug, Default)]
pub(super) struct OfOne {
    /// The latest.
    pub(super) calls: Calls,
    /// Between which times calls lie that were let go.
    pub(super) gone: Option<Times>,
    /// Any call may be missing.
    pub(super) is_torn: bool,
    /// What was denied.
    pub(super) things: Vec<Thing>,
}

impl OfOne {
    /// Nothing so far; `is_torn`: calls may be missing all the same.
    pub(super) fn of(is_torn: bool) -> Self {
        Self { is_torn, ..Self::default() }
    }

    /// Takes a call; returns how many bytes came, and how many went.
    pub(super) fn allow(&mut self, pass: Pass, mut call: Allowed) -> (usize, usize) {
        for thing in &mut self.things {
            thing.meet(&pass, &mut call);
        }
        (call.size, self.calls.insert(pass, call).map_or(0, |call| call.size))
    }

    /// Keeps so many; returns the bytes of what went.
    pub(super) fn cut(&mut self, most: usize) -> usize {
        let mut went = 0;
        while self.calls.len() > most
            && let Some((pass, call)) = self.calls.pop_first()
        {
            went += call.size;
            self.gone = around(self.gone, Some((pass.at, pass.at)));
        }
        went
    }

    /// Takes what was denied then, if there is room, or if it was denied before.
    pub(super) fn deny(&mut self, action: &str, resource: &str, at: Timestamp, has_room: bool) {
        match self.things.iter_mut().find(|thing| thing.is(action, resource)) {
            Some(there) => there.deny(at, &mut self.calls, self.gone),
            None if has_room => self.add(Thing::new(action, resource, at)),
            None => {}
        }
    }

    /// Bytes of what was denied, about.
    pub(super) fn bytes_denied(&self) -> usize {
        self.things.iter().map(Thing::bytes).sum()
    }

    /// Adds what is known of something that was denied; calls that are kept or gone here it does not know.
    pub(super) fn add(&mut self, mut thing: Thing) {
        let (calls, gone) = (&mut self.calls, self.gone);
        if let Some(there) = self.things.iter_mut().find(|there| there.is(&thing.action, &thing.resource)) {
            there.deny(thing.denied, calls, gone);
            return there.add(thing);
        }
        thing.unseen = around(thing.unseen, gone);
        calls.iter_mut().for_each(|(pass, call)| thing.meet(pass, call));
        self.things.reserve_exact(1);
        self.things.push(thing);
        if self.things.len() > THINGS {
            let first = self.things.iter().enumerate().min_by_key(|(_, thing)| thing.denied).map(|(at, _)| at);
            self.things.swap_remove(first.unwrap_or(0));
        }
    }

    /// Adds what another part of the log shows, but for the calls that it has kept: these are to be taken then.
    pub(super) fn merge(&mut self, mut other: Self) -> Calls {
        for mine in &mut self.things {
            match other.things.iter_mut().find(|thing| thing.is(&mine.action, &mine.resource)) {
                Some(thing) => thing.deny(mine.denied, &mut other.calls, other.gone),
                None => mine.unseen = around(mine.unseen, other.gone),
            }
        }
        other.things.into_iter().for_each(|thing| self.add(thing));
        self.is_torn |= other.is_torn;
        self.gone = around(self.gone, other.gone);
        other.calls
    }

    /// The latest call before an item was last denied.
    pub(super) fn before(&self, key: &ItemKey, item: &Item, last: Timestamp, catalog: &Catalog) -> Before {
        let is_same =
            |call: &Allowed| item.is_of_region(Some(&call.region)) && call.is_of(&key.action, &key.resource, catalog);
        let mut kept = self.calls.iter().rev().filter(|(pass, _)| pass.at < last);
        let kept = kept.find(|(_, call)| is_same(call)).map(|(pass, _)| pass.at);
        let thing = || self.things.iter().find(|thing| thing.is(&key.action, &key.resource));
        match (self.is_torn, lies_between(self.gone, kept, last)) {
            (true, _) => None,
            (false, false) => Some(kept),
            // What is kept was told to it, too.
            (false, true) => thing()?.before(item, last),
        }
    }

    /// The oldest time in it; `None` where there is none.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let things = self.things.iter().map(Thing::oldest);
        self.calls.first_key_value().map(|(pass, _)| pass.at).into_iter().chain(things).min()
    }
}

#[cfg(test)]
#[path = "of_one_tests.rs"]
mod tests;
