//! Jobs → several threads → the desk, in the order of the jobs.
//!
//! A thread that has handed over much of a job waits until that was taken: so no more than that stands in memory of any
//! job. All the same none waits for ever. Jobs are begun in their order, and a thread keeps its job to its end: so the
//! job whose turn it is was begun, or a thread is free to begin it, and whoever has it is being listened to.

use super::jobs::{Job, Jobs};
use super::over::{Over, Step};
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
    /// A hand-over before its last; where the thread waits, who is to be told that it was taken.
    Step(Step<T>, Option<mpsc::SyncSender<()>>),
    /// The last.
    Last(Made<T>),
    Panicked(Panic),
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
    let ahead = makers.len() * AHEAD;
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let given = &given;
        let threads = makers.len();
        for mut make in makers {
            let tell = tell.clone();
            scope.spawn(move || {
                let mut reader = Reader::whole(limits).of(threads);
                loop {
                    let job = given.lock().map(|given| given.recv());
                    let Ok(Ok((number, job))) = job else { return };
                    let made =
                        one(&mut reader, (limits, heavy), &mut make, job, &|told| tell.send((number, told)).is_ok());
                    let Some(made) = made else { return };
                    let is_panic = matches!(made, Told::Panicked(_));
                    if tell.send((number, made)).is_err() || is_panic {
                        return;
                    }
                }
            });
        }
        drop(tell);
        let panic = hand_over(jobs, desk, ahead as u64, &give, &told);
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
    tell: &dyn Fn(Told<T>) -> bool,
) -> Option<Told<T>> {
    let mut waiting = 0;
    let mut give = |step: Step<T>| {
        waiting += step.weight();
        if waiting < heavy {
            return if tell(Told::Step(step, None)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        }
        waiting = 0;
        let (taken, is_taken) = mpsc::sync_channel(1);
        // Where nobody takes it any more, it is dropped with the one who would have told.
        match tell(Told::Step(step, Some(taken))) && is_taken.recv().is_ok() {
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
    ahead: u64,
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
            // It waits in any case, and cannot have gone.
            if let Some(thread) = waits {
                let _ = thread.send(());
            }
        }
    }
}
