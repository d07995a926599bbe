//! Where and when events happened: an organization's archive has some ten thousand accounts and Regions.

use super::around::{NONE, Numbers};
use crate::io::stores::{Place, Texts};
use crate::record::Record;
use jiff::Timestamp;

/// Where and when events happened, one entry an account and Region, in some eighty bytes. As a map of [`Place`]s it takes four
/// times as much, since each account and Region stands there twice, a block each.
///
/// ```
/// use denywatch::{app::places::Places, io::stores::Place};
/// let place = Place { account: Some("111122223333".into()), region: None, first: None, last: None, records: 2 };
/// let places: Places = [place.clone(), place].iter().collect();
/// assert_eq!(places.list()[0].records, 4);
/// ```
#[derive(Debug, Default)]
pub struct Places {
    accounts: Texts,
    regions: Texts,
    /// The numbers of account and Region, [`NONE`] where none is told.
    keys: Numbers<(u32, u32)>,
    /// By the number of the key.
    spans: Vec<Span>,
}

/// When events of a place happened, and how many.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: Moment,
    last: Moment,
    records: u64,
}

/// A time, or none, in half of what it takes otherwise: second and nanosecond.
#[derive(Debug, Clone, Copy)]
struct Moment([u8; 8], [u8; 4]);

impl Moment {
    fn of(at: Option<Timestamp>) -> Self {
        // No time has the second that stands for none.
        let (second, nanosecond) = at.map_or((i64::MIN, 0), |at| (at.as_second(), at.subsec_nanosecond()));
        Self(second.to_le_bytes(), nanosecond.to_le_bytes())
    }

    fn get(self) -> Option<Timestamp> {
        Timestamp::new(i64::from_le_bytes(self.0), i32::from_le_bytes(self.1)).ok()
    }
}

impl Places {
    pub(super) fn add(&mut self, record: &Record) {
        let (account, region) = (record.recipient_account.as_deref(), record.region.as_deref());
        let at = Moment::of(record.event_time);
        self.widen(account, region, Span { first: at, last: at, records: 1 });
    }

    pub(super) fn add_place(&mut self, place: &Place) {
        let Place { first, last, records, .. } = *place;
        let span = Span { first: Moment::of(first), last: Moment::of(last), records };
        self.widen(place.account.as_deref(), place.region.as_deref(), span);
    }

    fn widen(&mut self, account: Option<&str>, region: Option<&str>, more: Span) {
        let account = account.map_or(NONE, |account| self.accounts.insert(account));
        let region = region.map_or(NONE, |region| self.regions.insert(region));
        let number = self.keys.add((account, region)) as usize;
        match self.spans.get_mut(number) {
            Some(there) => {
                there.first = Moment::of([there.first, more.first].into_iter().filter_map(Moment::get).min());
                there.last = Moment::of(there.last.get().max(more.last.get()));
                there.records += more.records;
            }
            None => self.spans.push(more),
        }
    }

    /// The times of the first and the last event of a place; `None` where there was none.
    pub(super) fn times(&self, account: Option<&str>, region: &str) -> Option<(Option<Timestamp>, Option<Timestamp>)> {
        let account = account.map_or(Some(NONE), |account| self.accounts.number(account))?;
        let span = self.spans.get(self.keys.get(&(account, self.regions.number(region)?))? as usize)?;
        Some((span.first.get(), span.last.get()))
    }

    /// Whether such times are those of a place of this account, or of one whose account is not told.
    pub(super) fn has(
        &self,
        account: Option<&str>,
        is_it: impl Fn(Option<Timestamp>, Option<Timestamp>) -> bool,
    ) -> bool {
        let own = account.and_then(|account| self.accounts.number(account)).unwrap_or(NONE);
        let mut all = self.keys.iter().zip(&self.spans);
        all.any(|((account, _), span)| [own, NONE].contains(account) && is_it(span.first.get(), span.last.get()))
    }

    /// The accounts and the Regions that are told, sorted.
    pub(super) fn into_names(self) -> [Vec<String>; 2] {
        let Self { accounts, regions, .. } = self;
        [accounts, regions].map(|texts| sorted(&texts))
    }

    /// The time of the latest event.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.spans.iter().filter_map(|span| span.last.get()).max()
    }

    /// All of them, by account and Region.
    pub fn list(&self) -> Vec<Place> {
        let text = |texts: &Texts, number: u32| texts.get(number).map(str::to_owned);
        let place = |((account, region), span): (&(u32, u32), &Span)| {
            let (account, region) = (text(&self.accounts, *account), text(&self.regions, *region));
            Place { account, region, first: span.first.get(), last: span.last.get(), records: span.records }
        };
        let mut all: Vec<Place> = self.keys.iter().zip(&self.spans).map(place).collect();
        all.sort_unstable();
        all
    }
}

impl<'p> FromIterator<&'p Place> for Places {
    fn from_iter<I: IntoIterator<Item = &'p Place>>(all: I) -> Self {
        let mut places = Self::default();
        all.into_iter().for_each(|place| places.add_place(place));
        places
    }
}

fn sorted(texts: &Texts) -> Vec<String> {
    let mut all: Vec<&str> = texts.iter().collect();
    all.sort_unstable();
    all.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn place() -> impl Strategy<Value = Place> {
        let name = || prop::option::of(prop::sample::select(&["", "1", "2", "a", "b"][..]).prop_map(str::to_owned));
        let time = || prop::option::of((-4..5_i64).prop_map(|at| Timestamp::from_millisecond(at * 250).unwrap()));
        (name(), name(), time(), time(), 0..5_u64).prop_map(|(account, region, first, last, records)| Place {
            account,
            region,
            first,
            last,
            records,
        })
    }

    proptest! {
        /// It tells what a map of them tells.
        #[test]
        fn places_are_those_that_were_added(all in prop::collection::vec(place(), 0..40), asked in place()) {
            let places: Places = all.iter().collect();
            let mut map: BTreeMap<(Option<String>, Option<String>), Place> = BTreeMap::new();
            for one in &all {
                let there = map.entry((one.account.clone(), one.region.clone()));
                there.and_modify(|there| there.add(one.first, one.last, one.records)).or_insert_with(|| one.clone());
            }
            prop_assert_eq!(places.list(), map.values().cloned().collect::<Vec<_>>());
            let (account, region) = (asked.account, asked.region.unwrap_or_default());
            let there = map.get(&(account.clone(), Some(region.clone())));
            prop_assert_eq!(places.times(account.as_deref(), &region), there.map(|place| (place.first, place.last)));
            let is_it = |first: Option<Timestamp>, last: Option<Timestamp>| first <= asked.last && asked.first <= last;
            let has = map.values().any(|place| {
                (place.account.is_none() || place.account == account) && is_it(place.first, place.last)
            });
            prop_assert_eq!(places.has(account.as_deref(), is_it), has);
            let texts = |pick: fn(&Place) -> Option<&String>| {
                map.values().filter_map(pick).cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
            };
            prop_assert_eq!(places.newest(), map.values().filter_map(|place| place.last).max());
            let names = [texts(|place| place.account.as_ref()), texts(|place| place.region.as_ref())];
            prop_assert_eq!(places.into_names(), names);
        }
    }

    /// Beside the texts, of which `io/stores/texts.rs` tells: here seventeen Regions of three thousand accounts.
    #[test]
    fn many_places_take_little() {
        let mut places = Places::default();
        for n in 0..51_000 {
            let (account, region) = (Some(format!("{:012}", n / 17)), Some(format!("region-{}", n % 17)));
            places.add_place(&Place { account, region, first: None, last: None, records: 1 });
        }
        assert_eq!((places.list().len(), places.accounts.len(), places.regions.len()), (51_000, 3_000, 17));
        let bytes = places.keys.bytes() + places.spans.len() * size_of::<Span>();
        assert!(bytes <= 51_000 * 56, "{bytes}");
    }
}
