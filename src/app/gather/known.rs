//! Denials that were met before: the same call of the same session, refused again, differs in ids and time alone. So it
//! is concluded once, and read no further than those.

use crate::denial::Denial;
use crate::diagnosis::diagnose;
use crate::finding::{Observed, Repeated, observe};
use crate::io::sources::many::share;
use crate::record::{self, Cut, Cutter, Layout, Record, Whereabouts};
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

/// Denials remembered; a new one takes the place of an old one whose hash ends alike. Each is some kilobytes: of many threads
/// each remembers less.
const SLOTS: u64 = 1 << 9;
/// Those of them that are tried first, without a search: the same call is mostly made again and again for a while.
const RECENT: usize = 8;
/// Bytes of an event that is remembered.
const LARGEST: usize = 8 << 10;
/// Permissions of a denial that is remembered.
const ITEMS: usize = 100;

/// What was met.
pub(super) struct Known {
    cutter: Cutter,
    slots: Vec<Option<Slot>>,
    /// The slots that were met last, the latest first.
    recent: [usize; RECENT],
}

struct Slot {
    /// The event without what was cut out: the hash only finds it.
    rest: Box<[u8]>,
    layout: Layout,
    sample: Arc<Observed>,
    place: Whereabouts,
}

/// Of however many threads each remembers so many.
const FEWEST: usize = 64;

impl Known {
    /// Of one of so many threads, which has met nothing yet.
    pub(super) fn of(threads: usize) -> Self {
        let slots = usize::try_from(share(SLOTS, threads)).unwrap_or(0).max(FEWEST);
        let slots = std::iter::repeat_with(|| None).take(slots).collect();
        Self { cutter: Cutter::default(), slots, recent: [0; RECENT] }
    }

    fn place(&self, cut: &Cut<'_>) -> usize {
        let mut hash = FixedState::default().build_hasher();
        cut.rest().for_each(|piece| hash.write(piece.as_bytes()));
        usize::try_from(hash.finish() % self.slots.len() as u64).unwrap_or(0)
    }

    /// The denial in an event, if it was met before; and where it is from. `lately`: asks only those that were met last.
    pub(super) fn again(&mut self, raw: &str, lately: bool) -> Option<(Repeated, &Whereabouts)> {
        let (place, cut) = self.recently(raw).or_else(|| if lately { None } else { self.search(raw) })?;
        self.note(place);
        let slot = self.slots[place].as_ref()?;
        let at = record::time(cut.event_time)?;
        // As a field such texts say that there is none.
        let is_text = |id: &str| !matches!(id, "" | "null");
        if !is_text(cut.event_id) || !cut.shared_event_id.is_none_or(is_text) {
            return None;
        }
        let met = Repeated {
            sample: slot.sample.clone(),
            event_id: cut.event_id.to_owned(),
            shared_event_id: cut.shared_event_id.map(str::to_owned),
            at: Some(at),
        };
        Some((met, &slot.place))
    }

    /// Looks among those that were met last.
    fn recently<'a>(&self, raw: &'a str) -> Option<(usize, Cut<'a>)> {
        self.recent.iter().find_map(|place| {
            let slot = self.slots[*place].as_ref()?;
            Some((*place, slot.layout.cut(raw, &slot.rest)?))
        })
    }

    fn search<'a>(&self, raw: &'a str) -> Option<(usize, Cut<'a>)> {
        let cut = self.cutter.cut(raw)?;
        let place = self.place(&cut);
        self.slots[place].as_ref().is_some_and(|slot| slot.is(&cut)).then_some((place, cut))
    }

    /// A slot was met.
    fn note(&mut self, place: usize) {
        let at = self.recent.iter().position(|recent| *recent == place).unwrap_or(RECENT - 1);
        self.recent[..=at].rotate_right(1);
        self.recent[0] = place;
    }

    /// Concludes on a denial, and remembers it where that is certain.
    pub(super) fn learn(&mut self, raw: Option<&str>, record: &Record, denial: Denial) -> Repeated {
        let cut = raw.filter(|raw| raw.len() <= LARGEST).and_then(|raw| self.cutter.cut(raw));
        let cut = cut.filter(|cut| denial.permissions.len() <= ITEMS && is_certain(cut, &denial));
        let diagnosed = diagnose(&denial);
        let met = Repeated::once(observe(denial, diagnosed));
        if let Some(cut) = cut {
            let mut rest = Vec::with_capacity(cut.rest().map(str::len).sum());
            cut.rest().for_each(|piece| rest.extend_from_slice(piece.as_bytes()));
            let rest = rest.into_boxed_slice();
            let place = self.place(&cut);
            let (account, region) = (record.recipient_account.clone(), record.region.clone());
            let from = Whereabouts { account, region, time: None };
            self.slots[place] = Some(Slot { rest, layout: cut.layout(), sample: met.sample.clone(), place: from });
            self.note(place);
        }
        met
    }
}

impl Slot {
    fn is(&self, cut: &Cut<'_>) -> bool {
        let mut left = &*self.rest;
        let same = cut.rest().all(|piece| {
            let Some((head, tail)) = left.split_at_checked(piece.len()) else { return false };
            left = tail;
            head == piece.as_bytes()
        });
        same && left.is_empty()
    }
}

/// Whether what was cut out are the event's own ids and time: nothing else of a denial rests on those.
fn is_certain(cut: &Cut<'_>, denial: &Denial) -> bool {
    denial.event_id.as_deref() == Some(cut.event_id)
        && denial.shared_event_id.as_deref() == cut.shared_event_id
        && denial.event_time.is_some()
        && denial.event_time == record::time(cut.event_time)
        && cut.is_own()
}
