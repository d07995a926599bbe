//! What all files of a second look showed: little of it in memory, however many calls were allowed since.

use super::Around;
use super::aside::Aside;
use super::tally::{Calls, Seen};
use crate::app::places::Places;
use crate::app::reach::reach;
use crate::finding::{ALLOWED_KEPT, Finding, Sightings, Source};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io;

/// Bytes of allowed calls in memory, about: then they are put aside.
const MOST: usize = 4 << 20;
/// Bytes of an item's first call in memory, about, and of each further one.
const FIRST: usize = 200;
const FURTHER: usize = 32;

/// What was seen so far, of all items of an [`Around`].
#[derive(Debug)]
pub(in crate::app) struct Sum {
    /// The latest allowed call before an item's last denial, by the item's number.
    before: Moments,
    /// First uses of what was foretold, by its number.
    used: Moments,
    /// Allowed calls since, by the item's number.
    calls: BTreeMap<u32, Calls>,
    /// Bytes that these take, about, and how many they may.
    bytes: usize,
    most: usize,
    aside: Aside,
    /// What was put aside could not be read again.
    failed: Option<io::Error>,
}

/// Times by number: a list, as most numbers have one if any has.
#[derive(Debug, Default)]
struct Moments(Vec<Option<Timestamp>>);

impl Moments {
    fn get(&self, number: u32) -> Option<Timestamp> {
        self.0.get(number as usize).copied().flatten()
    }

    fn set(&mut self, number: u32, at: Timestamp) {
        let number = number as usize;
        if self.0.len() <= number {
            self.0.resize(number + 1, None);
        }
        self.0[number] = Some(at);
    }
}

impl Default for Sum {
    fn default() -> Self {
        Self::holding(MOST)
    }
}

impl Sum {
    /// Nothing yet; of what comes so many bytes are to stand in memory, about.
    pub(super) fn holding(most: usize) -> Self {
        let (before, used, calls, aside) = (Moments::default(), Moments::default(), BTreeMap::new(), Aside::default());
        Self { before, used, calls, bytes: 0, most, aside, failed: None }
    }

    /// Adds what another file shows, without its changes, and lets `around` know what need not be sought any more.
    pub(in crate::app) fn add(&mut self, other: Seen, around: &Around) {
        for (item, calls) in other.calls {
            self.add_calls(item, calls, around);
        }
        for (foretold, at) in other.used {
            let first = self.used.get(foretold).map_or(at, |used| used.min(at));
            self.used.set(foretold, first);
            around.settle_use(foretold, first);
        }
        if self.bytes > self.most {
            self.put_aside(around);
        }
    }

    fn add_calls(&mut self, item: u32, mut calls: Calls, around: &Around) {
        if let Some(before) = calls.before.take() {
            let latest = self.before.get(item).map_or(before, |known| known.max(before));
            self.before.set(item, latest);
            around.settle_before(item, latest);
        }
        if calls.len() > 0 {
            let there = self.calls.entry(item).or_default();
            let known = there.len();
            there.merge(calls);
            self.bytes += if known == 0 { FIRST } else { 0 } + (there.len() - known) * FURTHER;
            around.settle_since(item, there);
        }
    }

    /// Puts the calls behind those of before, and now and then all together: of each item no more than a ledger keeps.
    fn put_aside(&mut self, around: &Around) {
        for (item, calls) in std::mem::take(&mut self.calls) {
            self.aside.add(item, &calls);
        }
        self.bytes = 0;
        if self.aside.is_due(self.most) {
            let fault = self.aside.pack(|item, calls| around.settle_since(item, calls));
            self.failed = fault.or(self.failed.take());
        }
    }

    /// Why what was put aside is lost; `None` where nothing is.
    pub(in crate::app) fn fault(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// What it adds to a finding; `places` are where and when all was read. Nothing is told of a finding that was not looked
    /// around.
    ///
    /// # Errors
    /// What was put aside could not be read again.
    pub(in crate::app) fn sightings(
        &self,
        finding: &Finding,
        places: &Places,
        around: &Around,
    ) -> io::Result<Sightings> {
        let mut seen = Sightings::default();
        let Some([items, foretold]) = around.ranges(&finding.id) else { return Ok(seen) };
        for (key, item) in &finding.items {
            let account = finding.account.as_deref();
            let holds = |service: &str, is_data| around.held.holds(account, service, is_data);
            if let Some(until) = reach(finding, item, places, holds) {
                seen.looked.insert(key.clone(), (Source::Log, until));
            }
            let Some(number) = around.number_in(items, key) else { continue };
            seen.before.extend(self.before.get(number).map(|at| (key.clone(), at)));
            let mut calls = self.aside.get(number)?;
            if let Some(more) = self.calls.get(&number) {
                calls.merge(more.clone());
            }
            if calls.len() >= ALLOWED_KEPT {
                seen.more.insert(key.clone());
            }
            if calls.len() > 0 {
                seen.allowed.insert(key.clone(), calls.passes());
            }
        }
        let used = foretold.clone().filter_map(|number| Some((around.foretold(number).action, self.used.get(number)?)));
        seen.used.extend(used);
        Ok(seen)
    }
}

#[cfg(test)]
impl Sum {
    /// Loses what was put aside so far.
    pub(super) fn lose(&mut self) {
        self.aside.lose();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Pass;
    use std::collections::BTreeSet;

    /// Twenty items with up to a hundred calls each, from one file or many, all in memory or most of them aside.
    #[test]
    fn what_is_put_aside_is_told_as_if_it_were_not() {
        let around = super::super::tests::around_items(20);
        let call = |n: u32| {
            let (item, second) = (n * 7 % 20, i64::from(n * 31 % 500));
            let mut seen = Seen::default();
            seen.add_allowed(item, Timestamp::from_second(second).unwrap(), &n.to_string());
            (item, seen, Pass::new(Timestamp::from_second(second).unwrap(), &n.to_string()))
        };
        let mut expect: BTreeMap<u32, BTreeSet<Pass>> = BTreeMap::new();
        let mut sums = [Sum::default(), Sum::holding(5_000), Sum::holding(0)];
        for n in 0..1_100 {
            let (item, _, pass) = call(n);
            if item != 3 || n < 200 {
                expect.entry(item).or_default().insert(pass);
                sums.iter_mut().for_each(|sum| sum.add(call(n).1, &around));
            }
        }
        assert!(sums[0].aside.is_empty() && sums[1].calls.len() < 20 && sums[2].calls.is_empty());
        for (item, passes) in expect {
            let latest: BTreeSet<Pass> = passes.iter().rev().take(ALLOWED_KEPT).cloned().collect();
            for sum in &sums {
                let mut calls = sum.aside.get(item).unwrap();
                calls.merge(sum.calls.get(&item).cloned().unwrap_or_default());
                assert_eq!(calls.passes(), latest, "{item}");
            }
        }
    }
}
