//! One list of records → how many there are, and which of them must be read.

use super::isa::{AHEAD, BLOCK, Carry, GROUP, Latest, Marks, Shape, Window, Work};
use super::keys::Key;
use super::list::{List, State, each};

/// A pass over the list whose first byte, behind its bracket, is at `start`; `None` for anything but a whole list of
/// objects, with nothing but commas and white space between them.
pub(super) struct Pass<'a, K> {
    pub(super) key: K,
    pub(super) bytes: &'a [u8],
    pub(super) start: usize,
    /// All elements are wanted.
    pub(super) all: bool,
}

impl<K: Key> Work for Pass<'_, K> {
    type Out = Option<List>;
    const SHAPE: Shape = K::SHAPE;

    #[inline(always)]
    fn run(
        mut self,
        look: impl Fn(&Window, &mut Marks, &mut Latest) -> bool,
        inspect: impl Fn(&Window, &mut Marks),
        strip: impl Fn(&mut Marks, &mut Carry),
        weigh: impl Fn(&mut Marks, &mut i64) -> u8,
        pick: impl Fn(u64, u64) -> u64,
        nth: impl Fn(u64, u32) -> u32,
    ) -> Self::Out {
        let mut state = State::new(&self);
        let mut batches = [Batch::default(); STEPS];
        let (mut latest, mut carry, mut depth) = (Latest::default(), Carry::default(), 0);
        let [mut looked, mut weighed, mut followed] = batches.each_mut();
        let (bytes, mut places, mut own) = (self.bytes, 0, [b' '; size_of::<Page>()]);
        let ahead = self.to_line();
        let (first, mut passed) = (self.start.wrapping_sub(ahead), 0);
        // Each of three batches is at another step. A step by itself is a chain of instructions that wait for one another; those of
        // two batches fill each other's gaps. Where elements end is followed last: how often that is nobody can foretell, and a
        // processor that guesses wrong loses what it has begun. A batch that was not looked at has nothing in it.
        while passed < bytes.len() - self.start + ahead + (STEPS - 1) * BATCH {
            let at = first.wrapping_add(passed);
            let page = match passed {
                0 => self.first_page(ahead, &mut own),
                _ => window(bytes, at, &mut own),
            };
            let (ends, mut rare) = (std::mem::take(&mut places), 0);
            looked.at = at;
            for group in 0..GROUPS {
                rare |= u64::from(look(part(page, group), &mut looked.groups[group], &mut latest)) << group;
                strip(&mut weighed.groups[group], &mut carry);
                places |= u64::from(weigh(&mut weighed.groups[group], &mut depth)) << (group * GROUP);
            }
            each(rare, |group| {
                let (marks, at) = (&mut looked.groups[group], at.wrapping_add(group * GROUP * BLOCK));
                inspect(part(page, group), marks);
                state.spell(&self.key, at, marks);
                if marks.unicode {
                    state.uncover(at, marks);
                }
            });
            if let Some(whole) = state.follow(&mut self.key, followed, ends, &pick, &nth) {
                return whole.then_some(state.list);
            }
            if passed >= STEPS * BATCH {
                state.go_on(at - (STEPS - 2) * BATCH);
            }
            passed += BATCH;
            (looked, weighed, followed) = (followed, looked, weighed);
        }
        None
    }
}

/// Bytes from which on it is worth it to begin at a line of the processor's cache.
const LARGE: usize = 64 << 10;

impl<K> Pass<'_, K> {
    /// How many bytes to begin ahead of the list, so that no block stands in two lines of the cache.
    fn to_line(&self) -> usize {
        match self.bytes.get(self.start..) {
            Some(list) if list.len() >= LARGE => list.as_ptr().addr() % BLOCK,
            _ => 0,
        }
    }

    /// What is looked at first: nothing before the list is seen.
    #[inline(always)]
    fn first_page<'p>(&'p self, ahead: usize, own: &'p mut Page) -> &'p Page {
        let list = self.bytes.get(self.start..).unwrap_or_default();
        if ahead == 0 {
            return window(list, 0, own);
        }
        let seen = &list[..list.len().min(own.len() - ahead)];
        own[ahead..][..seen.len()].copy_from_slice(seen);
        own
    }
}

/// Steps of a batch: it is looked at, stripped and weighed, followed.
const STEPS: usize = 3;

/// Bytes that are looked at together.
const BATCH: usize = GROUPS * GROUP * BLOCK;

/// A batch's bytes.
type Page = [u8; BATCH + AHEAD];

/// A group's bytes in a page.
#[inline(always)]
fn part(page: &Page, group: usize) -> &Window {
    page[group * GROUP * BLOCK..].first_chunk().unwrap_or(&[b' '; size_of::<Window>()])
}

/// Blocks that are looked at together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Batch {
    pub(super) groups: [Marks; GROUPS],
    /// Where the first one begins.
    pub(super) at: usize,
}

/// Groups of a batch.
pub(super) const GROUPS: usize = 8;

/// So many bytes from a place on; of what is less the rest is filled with spaces in a place of its own.
#[inline(always)]
pub(in crate::record) fn window<'a, const N: usize>(bytes: &'a [u8], at: usize, end: &'a mut [u8; N]) -> &'a [u8; N] {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(window) => window,
        None => {
            *end = [b' '; N];
            end[..rest.len()].copy_from_slice(rest);
            end
        }
    }
}
