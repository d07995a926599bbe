//! One list of records → how many there are, and which of them must be read.

use super::isa::{AHEAD, BEFORE, BLOCK, Carry, GROUP, Marks, Shape, Step, Window, Work};
use super::keys::Key;
use super::list::{List, State};

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
        look: impl Fn(&Window, &mut Marks) -> bool,
        settle: impl Fn(Step, &mut Marks, &mut Carry) -> bool,
        ends: impl Fn(&Marks) -> u8,
        pick: impl Fn(u64, u64) -> u64,
        nth: impl Fn(u64, u32) -> u32,
    ) -> Self::Out {
        let mut state = State::new(&self);
        let mut batches = [Batch::NONE; PHASES];
        let [mut looked, mut settled, mut followed] = batches.each_mut();
        let (bytes, mut carry, mut own) = (self.bytes, Carry::default(), [b' '; size_of::<Page>()]);
        let ahead = self.to_line();
        let (first, mut passed) = (self.start.wrapping_sub(ahead), 0);
        // Each of three batches is in another phase. A phase by itself is a chain of instructions that wait for one another;
        // those of two batches fill each other's gaps. Where elements end is followed last: how often that is nobody can
        // foretell, and a processor that guesses wrong loses what it has begun.
        let end = bytes.len() - self.start + ahead;
        while passed < end + (PHASES - 1) * BATCH {
            let at = first.wrapping_add(passed);
            let page = match passed {
                0 => Some(self.first_page(ahead, &mut own)),
                _ => (passed < end).then(|| window(bytes, at, &mut own)),
            };
            let is_settled = (BATCH..end + BATCH).contains(&passed);
            looked.at = at;
            for group in 0..GROUPS {
                if let Some(page) = page
                    && look(part(page, group), &mut looked.groups[group])
                {
                    state.uncover(looked.group_at(group), &looked.groups[group]);
                }
                if is_settled {
                    if settle(Step::Strings, &mut settled.groups[group], &mut carry) {
                        state.spell(&self.key, settled.group_at(group), &settled.groups[group]);
                    }
                    // Of three groups one step each, so that none waits for the step before.
                    if group >= 1 {
                        settle(Step::Brackets, &mut settled.groups[group - 1], &mut carry);
                    }
                    if group >= 2 {
                        settle(Step::Depth, &mut settled.groups[group - 2], &mut carry);
                    }
                }
            }
            if is_settled {
                let [.., last_but_one, last] = &mut settled.groups;
                settle(Step::Brackets, last, &mut carry);
                settle(Step::Depth, last_but_one, &mut carry);
                settle(Step::Depth, last, &mut carry);
            }
            if passed >= (PHASES - 1) * BATCH {
                if let Some(whole) = state.follow(&mut self.key, followed, &ends, &pick, &nth) {
                    return whole.then_some(state.list);
                }
                state.go_on(at - (PHASES - 2) * BATCH);
            }
            passed += BATCH;
            (looked, settled, followed) = (followed, looked, settled);
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
        let (list, from) = (self.bytes.get(self.start..).unwrap_or_default(), BEFORE + ahead);
        let seen = &list[..list.len().min(own.len() - from)];
        own[from..][..seen.len()].copy_from_slice(seen);
        own
    }
}

/// What a batch goes through: it is looked at, settled, followed.
const PHASES: usize = 3;

/// Bytes that are looked at together.
const BATCH: usize = GROUPS * GROUP * BLOCK;

/// A batch's bytes.
type Page = [u8; BEFORE + BATCH + AHEAD];

/// A group's bytes in a page.
#[inline(always)]
fn part(page: &Page, group: usize) -> &Window {
    page[group * GROUP * BLOCK..].first_chunk().unwrap_or(&[b' '; size_of::<Window>()])
}

/// Blocks that are looked at together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    pub(super) groups: [Marks; GROUPS],
    /// Where the first one begins.
    pub(super) at: usize,
}

impl Batch {
    const NONE: Self = Self { groups: [Marks::NONE; GROUPS], at: 0 };

    /// Where one of its groups begins.
    pub(super) fn group_at(&self, group: usize) -> usize {
        self.at.wrapping_add(group * GROUP * BLOCK)
    }
}

/// Groups of a batch.
pub(super) const GROUPS: usize = 8;

/// What is looked at from a place on. Where there is less of it, it stands between spaces in a place of its own.
#[inline(always)]
pub(in crate::record) fn window<'a, const N: usize>(bytes: &'a [u8], at: usize, own: &'a mut [u8; N]) -> &'a [u8; N] {
    if let Some(window) = at.checked_sub(BEFORE).and_then(|from| bytes.get(from..)?.first_chunk()) {
        return window;
    }
    *own = [b' '; N];
    let (from, left) = (at.saturating_sub(BEFORE), BEFORE.saturating_sub(at));
    let seen = bytes.get(from..).unwrap_or_default();
    let seen = &seen[..seen.len().min(N - left)];
    own[left..][..seen.len()].copy_from_slice(seen);
    own
}
