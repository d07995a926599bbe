//! Findings of which success was seen, and foretold permissions that came true.

use super::Period;
use super::build::{day, without_session};
use super::model::{Mended, Predictions};
use crate::advice::{Advice, Status};
use crate::foretold::Outcome;
use jiff::Timestamp;
use std::cmp::Reverse;

/// Every item that no rule mutes has an allowed call after its last denial.
pub fn is_resolved(advice: &Advice) -> bool {
    let mut open = advice.denied.iter().filter(|item| item.status != Status::Muted).peekable();
    open.peek().is_some() && open.all(|item| item.status == Status::Resolved)
}

/// When the last of its items had its first allowed call; `None` where it is not resolved, or nobody kept the time.
pub fn resolved_at(advice: &Advice) -> Option<Timestamp> {
    let first = advice.denied.iter().filter_map(|item| item.allowed_since).map(|since| since.first).max();
    first.filter(|_| is_resolved(advice))
}

/// Whether it was resolved on one of these days.
pub(super) fn resolved_in(advice: &Advice, period: Period) -> bool {
    resolved_at(advice).is_some_and(|at| period.contains(day(at)))
}

/// Those resolved in the period, the latest first.
pub(super) fn mended(known: &[&Advice], period: Period) -> Vec<Mended> {
    let one = |advice: &&Advice| {
        let (at, since) = (resolved_at(advice)?, advice.allowed_since?);
        Some(Mended {
            id: advice.id.clone(),
            principal: without_session(&advice.principal),
            count: advice.count,
            allowed: since.count,
            at_least: since.at_least,
            at,
            hours: advice.first_seen.map(|first| at.duration_since(first).as_hours().max(0)),
            change: advice.changes.after.clone(),
        })
    };
    let mut all: Vec<Mended> = known.iter().filter(|advice| resolved_in(advice, period)).filter_map(one).collect();
    all.sort_by_key(|one| Reverse(one.at));
    all
}

/// The middle one of the hours; of two the smaller.
pub(super) fn median(mut hours: Vec<i64>) -> Option<i64> {
    hours.sort_unstable();
    hours.get(hours.len().checked_sub(1)? / 2).copied()
}

pub(super) fn predictions(known: &[&Advice], period: Period) -> Predictions {
    let mut sum = Predictions::default();
    for one in known.iter().flat_map(|advice| &advice.foretold) {
        let inside = one.at.is_some_and(|at| period.contains(day(at)));
        match one.outcome {
            Outcome::CameTrue => sum.came_true += u64::from(inside),
            Outcome::Needless => sum.needless += u64::from(inside),
            Outcome::Open => sum.open += 1,
        }
    }
    sum
}
