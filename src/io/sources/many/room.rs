//! How much of files stands in memory at a time, of all threads that read an archive together: however many there are, and
//! however large the files.
//!
//! A thread has a little of its own. For more it asks, and waits until others have ended their jobs. The first job of those
//! under way never waits: it is the one whose turn it is, and those behind it may hold what it wants until they were taken.

use super::{HEAVY, share};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that all jobs but the first may hold together, of two threads: one of the largest files that are read as a whole.
/// Each further thread takes some of it, since it needs memory for other things, too, as long as the least is left.
const MOST: u64 = 20 << 20;
const THREAD: u64 = 5 << 18;
const LEAST: u64 = 4 << 20;
/// Bytes that the first may hold; what it holds beyond is not there for the others.
const FIRST: u64 = MOST;
/// Weight of what all threads have handed over and that was not taken yet.
const WAITING: u64 = HEAVY;
/// Bytes of each of two threads that it need not ask for.
const OWN: u64 = 2 << 20;

/// What the jobs under way hold.
#[derive(Debug)]
pub(in crate::io::sources) struct Room {
    threads: usize,
    held: Mutex<Held>,
    freed: Condvar,
    /// Weight of what was handed over and waits for its turn.
    waiting: AtomicU64,
}

#[derive(Debug, Default)]
struct Held {
    /// Bytes of each job under way.
    jobs: BTreeMap<u64, u64>,
    /// What threads keep for their next job.
    kept: u64,
    /// Jobs that wait.
    waiting: usize,
}

impl Room {
    /// For so many threads.
    pub(in crate::io::sources) fn new(threads: usize) -> Arc<Self> {
        Arc::new(Self { threads, held: Mutex::default(), freed: Condvar::new(), waiting: AtomicU64::new(0) })
    }

    pub(in crate::io::sources) fn threads(&self) -> usize {
        self.threads
    }

    /// Bytes that each thread may hold at any time.
    pub(in crate::io::sources) fn own(&self) -> u64 {
        share(OWN, self.threads)
    }

    /// Bytes that all jobs but the first may hold together.
    fn most(&self) -> u64 {
        let more = (self.threads as u64).saturating_sub(2);
        MOST.saturating_sub(more.saturating_mul(THREAD)).max(LEAST)
    }

    /// Bytes that each may hold at once, if nobody holds more.
    fn fair(&self) -> u64 {
        self.most() / (self.threads.max(2) as u64 - 1)
    }

    /// A job is under way, by a thread that kept so much. Jobs are begun in their order.
    pub(in crate::io::sources) fn begin(self: &Arc<Self>, job: u64, kept: u64) -> Place {
        let mut held = self.held();
        held.jobs.insert(job, kept);
        held.kept = held.kept.saturating_sub(kept);
        Place { room: Arc::clone(self), job, keeps: 0 }
    }

    /// Whether so much that is handed over may wait for its turn, and its thread go on.
    pub(super) fn may_wait(&self, weight: u64) -> bool {
        let add = |waiting: u64| waiting.checked_add(weight).filter(|sum| *sum <= WAITING);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
    }

    /// So much of that was taken.
    pub(super) fn taken(&self, weight: u64) {
        self.waiting.fetch_sub(weight, Ordering::Relaxed);
    }

    /// Bytes that a job holds.
    #[cfg(test)]
    pub(in crate::io::sources) fn held_by(&self, job: u64) -> u64 {
        self.held().jobs.get(&job).copied().unwrap_or(0)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a job holds, until it is dropped.
#[derive(Debug)]
pub(in crate::io::sources) struct Place {
    room: Arc<Room>,
    job: u64,
    /// What the thread keeps of it.
    keeps: u64,
}

impl Place {
    /// See [`Room::own`].
    pub(in crate::io::sources) fn own(&self) -> u64 {
        self.room.own()
    }

    /// Waits until the job may hold so many bytes, what it held before among them.
    pub(in crate::io::sources) fn hold(&self, bytes: u64) {
        if bytes <= self.own() {
            return;
        }
        let mut held = self.room.held();
        // Of no use to whoever has to be the first in any case is what others give back.
        let counts = usize::from(bytes <= self.room.most());
        held.waiting += counts;
        while !self.take(&mut held, bytes) {
            held = self.room.freed.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        held.waiting -= counts;
    }

    /// Whether every thread may hold so many bytes at once.
    pub(in crate::io::sources) fn is_fair(&self, bytes: u64) -> bool {
        bytes <= self.room.fair()
    }

    /// Holds so many bytes if nobody needs to wait for it.
    pub(in crate::io::sources) fn may_hold(&self, bytes: u64) -> bool {
        bytes <= self.own() || self.is_fair(bytes) && self.take(&mut self.room.held(), bytes)
    }

    fn take(&self, held: &mut Held, bytes: u64) -> bool {
        let first = held.jobs.first_key_value().map_or(0, |(_, bytes)| bytes.saturating_sub(FIRST));
        let others = held.jobs.iter().skip(1).filter(|(job, _)| **job != self.job);
        let others = others.map(|(_, bytes)| *bytes).fold(first.saturating_add(held.kept), u64::saturating_add);
        let is_first = held.jobs.first_key_value().is_some_and(|(first, _)| *first == self.job);
        let is_taken = is_first || others.saturating_add(bytes) <= self.room.most();
        if is_taken && let Some(own) = held.jobs.get_mut(&self.job) {
            *own = bytes.max(*own);
        }
        is_taken
    }

    /// Ends it. Its thread keeps what it needs for the next one, of what it has, unless others wait for that: `shed` gives it
    /// back, and returns what is left. Returns what is to be told at the next [`Room::begin`].
    pub(in crate::io::sources) fn end(mut self, has: u64, shed: impl FnOnce() -> u64) -> u64 {
        let keeps = has <= self.room.fair() && self.room.held().waiting == 0;
        let has = if keeps { has } else { shed() };
        self.keeps = if has > self.own() { has } else { 0 };
        self.keeps
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.room.held();
        held.jobs.remove(&self.job);
        held.kept += self.keeps;
        self.room.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LARGE: u64 = 10 << 20;

    #[test]
    fn little_is_had_without_asking_and_more_as_long_as_there_is_room() {
        let room = Room::new(3);
        let most = room.most();
        let [first, second, third] = [4, 5, 9].map(|job| room.begin(job, 0));
        let check = |place: &Place, bytes, expect| {
            assert_eq!(place.take(&mut room.held(), bytes), expect, "{} {bytes}", place.job);
        };
        check(&second, LARGE, true);
        check(&third, LARGE, false);
        check(&third, most - LARGE, true);
        // No more than is there, and not less than it has.
        check(&third, most - LARGE + 1, false);
        check(&third, 1, true);
        check(&second, LARGE + 1, false);
        // Whoever is first has what it wants, and what it has is nobody's loss, as long as that is not too much.
        check(&first, FIRST, true);
        check(&second, LARGE, true);
        check(&first, FIRST + 1, true);
        check(&second, LARGE, false);
        check(&first, u64::MAX, true);
        check(&third, 1, false);
        drop(first);
        // Which the next is then.
        check(&second, FIRST, true);
        check(&third, most, true);
        check(&third, most + 1, false);
        check(&second, u64::MAX, true);
        third.hold(room.own());
    }

    #[test]
    fn more_than_a_fair_part_is_not_held_for_speed() {
        for threads in [2, 4, 8] {
            let room = Room::new(threads);
            let fair = room.fair();
            let [_first, second, third] = [0, 1, 2].map(|job| room.begin(job, 0));
            assert!(!second.may_hold(fair + 1), "{threads}");
            assert!(second.may_hold(fair), "{threads}");
            assert!(third.may_hold(room.own()), "{threads}");
            assert_eq!(third.may_hold(fair), threads > 2, "{threads}");
        }
    }

    #[test]
    fn what_a_thread_keeps_for_its_next_job_is_not_there_for_others() {
        let room = Room::new(8);
        let (most, fair) = (room.most(), room.fair());
        let _first = room.begin(0, 0);
        let may = |job: u64, bytes| room.begin(job, 0).take(&mut room.held(), bytes);
        let second = room.begin(1, 0);
        second.hold(fair);
        assert_eq!(second.end(fair, || panic!("nobody waits for it")), fair);
        assert_eq!((may(2, most - fair + 1), may(2, most - fair)), (false, true));
        // Whoever goes on with it has it as before.
        let third = room.begin(2, fair);
        assert_eq!((room.held_by(2), may(3, most - fair + 1), may(3, most - fair)), (fair, false, true));
        // Too much is not kept, nor what others wait for; little is not counted.
        assert_eq!(third.end(fair + 1, || room.own() + 1), room.own() + 1);
        let fourth = room.begin(4, room.own() + 1);
        room.held().waiting += 1;
        assert_eq!(fourth.end(fair, || room.own()), 0);
        assert!(may(5, most));
    }

    #[test]
    fn so_much_may_wait_for_its_turn() {
        let room = Room::new(4);
        let check = |weight, expect| assert_eq!(room.may_wait(weight), expect, "{weight}");
        check(WAITING / 2, true);
        check(WAITING - WAITING / 2, true);
        check(1, false);
        room.taken(2);
        check(3, false);
        check(2, true);
        check(u64::MAX, false);
    }

    #[test]
    fn whoever_waits_goes_on_when_there_is_room() {
        let room = Room::new(8);
        let (first, second) = (room.begin(0, 0), room.begin(1, 0));
        second.hold(LARGE);
        let third = room.begin(2, 0);
        let waits = std::thread::spawn(move || third.hold(LARGE));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waits.is_finished());
        // What it waited for comes with the end of the first: the second is that then.
        drop(first);
        waits.join().unwrap();
        assert_eq!(room.held().jobs, BTreeMap::from([(1, LARGE)]));
    }

    /// Many jobs, each of which holds some more time and again, and waits for its turn before it ends.
    #[test]
    fn nobody_waits_for_ever_and_no_more_is_held_than_may_be() {
        let (room, given, turn) = (Room::new(8), Mutex::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut kept = 0;
                    loop {
                        let (job, place) = {
                            let mut given = given.lock().unwrap();
                            *given += 1;
                            (*given - 1, room.begin(*given - 1, kept))
                        };
                        if job >= 2_000 {
                            return;
                        }
                        let mut has = kept;
                        for step in 1..4 {
                            let bytes = (job * 777_919 * step) % (16 << 20);
                            place.hold(bytes);
                            has = has.max(bytes);
                            let held = room.held();
                            let behind = held.jobs.values().skip(1).sum::<u64>() + held.kept;
                            assert!(behind <= room.most() + room.fair(), "{held:?}");
                        }
                        while turn.load(Ordering::SeqCst) < job {
                            std::thread::yield_now();
                        }
                        turn.fetch_add(1, Ordering::SeqCst);
                        kept = place.end(has, || 0);
                    }
                });
            }
        });
        assert_eq!(turn.into_inner(), 2_000);
        let held = room.held();
        assert_eq!((held.jobs.len(), held.kept, held.waiting), (0, 0, 0), "{held:?}");
    }
}
