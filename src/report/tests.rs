use super::build::trend;
use super::*;
use crate::advice::{Advice, Status};
use crate::patch::Applicability;
use crate::triage::Verdict;
use jiff::civil::date;
use proptest::prelude::*;

fn week() -> Period {
    Period::week_of(date(2026, 11, 11))
}

fn of(all: &[Advice]) -> Report {
    Report::build(&Facts::of(all), week(), &Scope::default())
}

fn report() -> Report {
    let all = [sample::upheld(), sample::pipeline(), sample::upload(), sample::probing()];
    of(&all)
}

#[test]
fn the_figures_add_up() {
    let numbers = report().numbers;
    // 14 + 12 + 4 in the week, and 140 of 200 of a finding that began the week before.
    assert_eq!((numbers.denied, numbers.findings, numbers.new, numbers.recurring), (170, 4, 3, 1));
    assert_eq!((numbers.ready, numbers.quiet, numbers.resolved, numbers.undated), (2, 0, 0, 0));
}

#[test]
fn probing_comes_first_then_what_ends_most() {
    let first: Vec<_> = report().first.into_iter().map(|one| (one.id, one.denied, one.at_most)).collect();
    let expect = [("D-2D31C0FFEE", 12, false), ("D-19C2B7XQ4T", 140, false), ("D-7F3AQ2ZK4M", 14, false)];
    assert_eq!(first, expect.map(|(id, denied, at_most)| (id.to_owned(), denied, at_most)));
}

#[test]
fn findings_stand_by_severity_verdict_and_count() {
    let ids: Vec<_> = report().findings.into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["D-2D31C0FFEE", "D-19C2B7XQ4T", "D-7F3AQ2ZK4M", "D-2C05AAAAAA"]);
}

#[track_caller]
fn check_trend(change: fn(&mut Advice), expect: Trend) {
    let mut advice = sample::pipeline();
    change(&mut advice);
    assert_eq!(trend(&advice, week()), expect);
}

#[test]
fn a_trend_tells_silence_from_success() {
    check_trend(|_| {}, Trend::New);
    check_trend(|advice| advice.days.extend([(date(2026, 11, 1), 3)]), Trend::Recurring);
    check_trend(|advice| advice.days = [(date(2026, 11, 1), 3)].into(), Trend::Quiet);
    check_trend(|advice| advice.denied[0].status = Status::Resolved, Trend::Resolved);
    check_trend(|advice| advice.days.clear(), Trend::Undated);
}

#[test]
fn what_begins_later_is_left_out() {
    let mut later = sample::pipeline();
    later.days = [(date(2026, 11, 16), 3)].into();
    assert!(of(&[later]).findings.is_empty());
}

#[test]
fn no_patch_is_counted_for_a_probing_caller() {
    let rows = report().findings;
    assert_eq!(rows[0].patch, None);
    assert_eq!(rows[1].patch, Some(Applicability::Apply));
}

#[test]
fn a_part_that_no_patch_ends_makes_an_upper_bound() {
    let mut advice = sample::upload();
    advice.denied[1].verdict = Verdict::Unclear;
    let first = of(&[advice]).first;
    assert_eq!((first[0].denied, first[0].at_most), (120, true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_order_given_does_not_matter(mut all in prop::collection::vec(sample::any_advice(), 0..4)) {
        all.iter_mut().enumerate().for_each(|(n, advice)| advice.id = format!("D-{n}"));
        let one = of(&all);
        all.reverse();
        prop_assert_eq!(&of(&all), &one);
        prop_assert_eq!(one.days.iter().map(|day| day.denied).sum::<u64>(), one.numbers.denied);
    }
}
