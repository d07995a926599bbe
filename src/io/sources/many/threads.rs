//! Jobs → several threads → the desk, in the order of the jobs.
//!
//! A thread that has handed over much of a job waits until that was taken, if what others handed over waits, too: so little
//! more than that stands in memory. All the same none waits for ever. Jobs are begun in their order, and a thread keeps its job
//! to its end: so the job whose turn it is was begun, or a thread is free to begin it, and whoever has it is being listened to.

use super::jobs::{Job, Jobs};
use super::over::{Over, Step};
use super::room::Room;
use super::{AHEAD, Desk, Joins, Made, Make, work};
use crate::io::sources::files::Limits;
use crate::io::sources::reader::Reader;
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, mpsc};

type Panic = Box<dyn Any + Send>;

/// What a thread tells of its job.
enum Told<T> {
    /// A hand-over before its last, and who is to be told that it was taken.
    Step(Step<T>, Option<Waits>),
    /// The last.
    Last(Made<T>),
    Panicked(Panic),
}

/// Who is to be told that a hand-over was taken.
enum Waits {
    /// Its thread, which does nothing meanwhile.
    Thread(mpsc::SyncSender<()>),
    /// The room, in which so much of it waits.
    Room(u64),
}

/// Reads with as many threads as there are makers; returns the panic of one, which ends all.
pub(super) fn read<T: Joins + Send, M: Make<T> + Send>(
    makers: Vec<M>,
    (limits, heavy): (Limits, u64),
    jobs: &mut Jobs<'_>,
    desk: &mut impl Desk<T>,
) -> Option<Panic> {
    let (give, given) = mpsc::channel::<(u64, Job)>();
    let given = Mutex::new(given);
    let (ahead, room) = (makers.len() * AHEAD, Room::new(makers.len()));
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let (given, room) = (&given, &room);
        for mut make in makers {
            let tell = tell.clone();
            scope.spawn(move || {
                let (mut reader, mut kept) = (Reader::whole(limits).among(room), 0);
                loop {
                    // Begun before others are given out, so in their order.
                    let begin = |(number, job)| (number, job, room.begin(number, kept));
                    let job = given.lock().map(|given| given.recv().map(begin));
                    let Ok(Ok((number, job, place))) = job else { return };
                    reader.begin(place);
                    let tell_of = |told| tell.send((number, told)).is_ok();
                    let made = one(&mut reader, (limits, heavy), &mut make, job, (&tell_of, room));
                    kept = reader.end();
                    let Some(made) = made else { return };
                    let is_panic = matches!(made, Told::Panicked(_));
                    if tell.send((number, made)).is_err() || is_panic {
                        return;
                    }
                }
            });
        }
        drop(tell);
        let panic = hand_over(jobs, desk, (ahead as u64, room), &give, &told);
        // Without a giver the threads end.
        drop(give);
        panic
    })
}

/// Does a job; `None` when nothing more is wanted.
fn one<T: Joins>(
    reader: &mut Reader,
    (limits, heavy): (Limits, u64),
    make: &mut impl Make<T>,
    job: Job,
    (tell, room): (&dyn Fn(Told<T>) -> bool, &Room),
) -> Option<Told<T>> {
    let mut waiting = 0;
    let mut give = |step: Step<T>| {
        waiting += step.weight();
        if waiting < heavy {
            return if tell(Told::Step(step, None)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        }
        let weight = std::mem::take(&mut waiting);
        if room.may_wait(weight) {
            let told = Told::Step(step, Some(Waits::Room(weight)));
            return if tell(told) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        }
        let (taken, is_taken) = mpsc::sync_channel(1);
        // Where nobody takes it any more, it is dropped with the one who would have told.
        match tell(Told::Step(step, Some(Waits::Thread(taken)))) && is_taken.recv().is_ok() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    };
    // Else nobody would ever hear of this job, and all would wait for it.
    let work = AssertUnwindSafe(|| work(reader, limits, make, job, Over::new(heavy, &mut give)));
    match catch_unwind(work) {
        Ok(made) => made.map(Told::Last),
        Err(panic) => Some(Told::Panicked(panic)),
    }
}

/// Gives jobs out and takes what was made of them, in their order; never more than `ahead` are under way. Returns the panic
/// of a thread.
fn hand_over<T: Joins>(
    jobs: &mut Jobs<'_>,
    desk: &mut impl Desk<T>,
    (ahead, room): (u64, &Room),
    give: &mpsc::Sender<(u64, Job)>,
    told: &mpsc::Receiver<(u64, Told<T>)>,
) -> Option<Panic> {
    let (mut given, mut taken) = (0, 0);
    let mut early: BTreeMap<u64, VecDeque<Told<T>>> = BTreeMap::new();
    loop {
        while given - taken < ahead {
            let Some(job) = jobs.next(desk) else { break };
            give.send((given, job)).ok()?;
            given += 1;
        }
        if given == taken {
            return None;
        }
        match told.recv().ok()? {
            (_, Told::Panicked(panic)) => return Some(panic),
            // It says how far all are, whoever's turn it is.
            (_, Told::Step(step @ Step::Gone(_), _)) => {
                if jobs.take(desk, step).is_break() {
                    return None;
                }
            }
            (number, made) => early.entry(number).or_default().push_back(made),
        }
        while let Some(next) = early.get_mut(&taken).and_then(VecDeque::pop_front) {
            let (step, waits) = match next {
                Told::Step(step, waits) => (step, waits),
                Told::Last(made) => {
                    early.remove(&taken);
                    taken += 1;
                    (Step::Files(made), None)
                }
                Told::Panicked(panic) => return Some(panic),
            };
            if jobs.take(desk, step).is_break() {
                return None;
            }
            match waits {
                // It waits in any case, and cannot have gone.
                Some(Waits::Thread(thread)) => drop(thread.send(())),
                Some(Waits::Room(weight)) => room.taken(weight),
                None => {}
            }
        }
    }
}
