use super::build::trend;
use super::*;
use crate::advice::{Advice, Status};
use crate::finding::Since;
use crate::patch::Applicability;
use crate::triage::Verdict;
use crate::triage::expected::{About, Expected, Rule};
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

/// A form that cuts the list off cuts off what is over, not what goes on.
#[test]
fn findings_of_the_period_stand_before_those_of_old() {
    let mut old = sample::probing();
    old.days = [(date(2026, 11, 1), 12)].into();
    let ids: Vec<_> = of(&[old, sample::upheld()]).findings.into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["D-2C05AAAAAA", "D-2D31C0FFEE"]);
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
        prop_assert_eq!(one.numbers.new + one.numbers.recurring, one.numbers.findings);
        prop_assert_eq!(one.days.iter().map(|day| day.denied).sum::<u64>(), one.numbers.denied);
    }
}

/// The upload's 60 denials of the week before, its 140 of this one, and what the samples hold besides.
#[test]
fn a_week_is_held_against_the_one_before() {
    let report = report();
    let before = report.before.unwrap();
    assert_eq!((before.denied, before.findings, before.new, before.recurring, before.quiet), (60, 1, 1, 0, 0));
    let weeks: Vec<_> = report.weeks.iter().map(|week| (week.denied, week.new, week.recurring)).collect();
    assert_eq!(weeks, [(60, 1, 0), (170, 3, 1)]);
    assert_eq!(of(&[sample::pipeline()]).before, None, "of what is not known nothing is said");
}

#[test]
fn silence_and_success_end_a_week() {
    let mut advice = sample::upload();
    advice.days = [(date(2026, 11, 4), 60)].into();
    let last = |advice: &Advice| of(std::slice::from_ref(advice)).weeks.pop().unwrap();
    assert_eq!((last(&advice).quiet, last(&advice).resolved), (1, 0));
    resolve(&mut advice, "2026-11-10T08:00:00Z");
    assert_eq!((last(&advice).quiet, last(&advice).resolved), (0, 1));
}

fn resolve(advice: &mut Advice, at: &str) {
    let at = at.parse().unwrap();
    let since = Since { count: 7, at_least: false, first: at, last: at };
    advice.allowed_since = Some(since);
    for item in &mut advice.denied {
        (item.status, item.allowed_since) = (Status::Resolved, Some(since));
    }
}

#[test]
fn success_is_told_with_its_time_and_its_change() {
    let (mut now, mut long_ago) = (sample::pipeline(), sample::upload());
    long_ago.days = [(date(2026, 10, 1), 60)].into();
    resolve(&mut now, "2026-11-13T04:02:14Z");
    resolve(&mut long_ago, "2026-10-03T10:00:00Z");
    let report = of(&[now, long_ago]);
    assert_eq!((report.numbers.resolved, report.numbers.mend_hours), (1, Some(42)));
    let told: Vec<_> = report.mended.iter().map(|one| (one.id.as_str(), one.allowed, one.hours)).collect();
    assert_eq!(told, [("D-7F3AQ2ZK4M", 7, Some(42))]);
    assert_eq!(report.before.unwrap().resolved, 0);
}

#[test]
fn what_works_by_now_was_denied_all_the_same_and_is_no_work() {
    let mut all = [sample::pipeline(), sample::upload(), sample::probing()];
    resolve(&mut all[0], "2026-11-13T04:02:14Z");
    resolve(&mut all[1], "2026-11-17T04:02:14Z");
    let report = of(&all);
    let (n, last) = (report.numbers, report.weeks.last().unwrap());
    assert_eq!((n.findings, n.new, n.recurring, n.resolved, n.ready), (3, 2, 1, 1, 0));
    assert_eq!(n.new + n.recurring, n.findings);
    assert_eq!((n.denied, n.new, n.recurring, n.resolved), (last.denied, last.new, last.recurring, last.resolved));
    let first: Vec<_> = report.first.into_iter().map(|one| one.id).collect();
    assert_eq!(first, ["D-2D31C0FFEE"]);
}

#[track_caller]
fn check_cell(change: fn(&mut Advice), expect: Option<(u64, bool)>) {
    let mut advice = sample::upload();
    change(&mut advice);
    let heat = of(&[advice]).heat;
    let put = heat.actions.iter().position(|action| action == "s3:PutObject");
    let cell = heat.cells.iter().find(|cell| Some(cell.action) == put);
    assert_eq!(cell.map(|cell| (cell.denied, cell.at_most)), expect);
}

#[test]
fn a_permission_is_counted_as_far_as_it_can_be() {
    check_cell(|_| {}, Some((120, false)));
    // Its denials began before the week: how many of them fall into it is not kept.
    check_cell(|advice| advice.denied[0].first_seen = "2026-11-04T08:00:00Z".parse().ok(), Some((120, true)));
    check_cell(
        |advice| {
            advice.denied.truncate(1);
            advice.denied[0].first_seen = "2026-11-04T08:00:00Z".parse().ok();
            advice.denied[0].count = 200;
        },
        Some((140, false)),
    );
    check_cell(
        |advice| {
            let item = &mut advice.denied[0];
            item.first_seen = "2026-11-04T08:00:00Z".parse().ok();
            item.last_seen = item.first_seen;
        },
        None,
    );
}

#[test]
fn each_row_of_the_heat_map_has_a_column() {
    let heat = report().heat;
    for n in 0..heat.principals.len() {
        assert!(heat.cells.iter().any(|cell| cell.principal == n), "{:?}", heat.principals[n].name);
    }
}

#[test]
fn sections_add_up_to_the_whole() {
    let all = [sample::upheld(), sample::pipeline(), sample::upload(), sample::probing()];
    let facts = Facts {
        owners: [("D-19C2B7XQ4T".to_owned(), "registry".to_owned())].into(),
        account_names: [("111122223333".to_owned(), "shop".to_owned())].into(),
        ..Facts::of(&all)
    };
    let whole = Report::build(&facts, week(), &Scope::default());
    let of: Vec<_> = whole.owners.iter().map(|one| (one.of.as_deref(), one.numbers.denied)).collect();
    assert_eq!(of, [(Some("registry"), 140), (None, 30)]);
    assert_eq!(whole.accounts[0].name.as_deref(), Some("shop"));
    for sections in [&whole.owners, &whole.accounts] {
        assert_eq!(sections.iter().map(|one| one.numbers.denied).sum::<u64>(), whole.numbers.denied);
    }
    let team = Report::build(&facts, week(), &Scope { owner: Some("Registry".into()), accounts: Vec::new() });
    assert_eq!((team.numbers.denied, team.findings.len()), (140, 1));
    let none = Report::build(&facts, week(), &Scope { owner: None, accounts: vec!["999999999999".into()] });
    assert!(none.findings.is_empty());
}

#[track_caller]
fn check_rule(expires: Option<&str>, last: Option<&str>, expect: RuleState) {
    let rule = Rule {
        id: "r".into(),
        about: About { permission: Some("s3:PutObject".into()), ..About::default() },
        reason: "why".into(),
        owner: "who".into(),
        expires: expires.map(|end| end.parse().unwrap()),
        limit: None,
        snooze: false,
    };
    let mut advice = sample::upload();
    advice.denied[0].muted_by = last.map(|_| "r".to_owned());
    advice.denied[0].last_seen = last.map(|at| at.parse().unwrap());
    let expected = Expected { rules: vec![rule], ..Expected::default() };
    let all = [advice];
    let report = Report::build(&Facts { expected, ..Facts::of(&all) }, week(), &Scope::default());
    assert_eq!(report.rules[0].state, expect);
}

#[test]
fn a_rule_that_needs_a_look_says_so() {
    let (fresh, old) = (Some("2026-11-11T10:00:00Z"), Some("2026-10-01T10:00:00Z"));
    check_rule(None, fresh, RuleState::Active);
    check_rule(Some("2027-02-01T00:00:00Z"), fresh, RuleState::Active);
    check_rule(Some("2026-11-30T00:00:00Z"), fresh, RuleState::Expiring);
    check_rule(Some("2026-11-16T00:00:00Z"), fresh, RuleState::Expired);
    check_rule(None, old, RuleState::Stale);
    check_rule(None, None, RuleState::Stale);
}

#[test]
fn a_rule_in_use_elsewhere_is_not_stale_for_a_team() {
    let rule = Rule {
        id: "r".into(),
        about: About { permission: Some("s3:PutObject".into()), ..About::default() },
        reason: "why".into(),
        owner: "who".into(),
        expires: None,
        limit: None,
        snooze: false,
    };
    let mut advice = sample::upload();
    advice.denied[0].muted_by = Some("r".to_owned());
    let all = [advice];
    let facts = Facts { expected: Expected { rules: vec![rule], ..Expected::default() }, ..Facts::of(&all) };
    let [whole, team] = [None, Some("another".to_owned())]
        .map(|owner| Report::build(&facts, week(), &Scope { owner, accounts: Vec::new() }).rules.remove(0));
    assert_eq!((whole.muted, team.muted), (120, 0));
    assert_eq!((team.state, team.last), (RuleState::Active, whole.last));
}

#[test]
fn the_figures_go_up_to_the_end_of_the_period_or_to_now() {
    let all = [sample::pipeline()];
    let at = |now: &str| {
        Report::build(&Facts { now: now.parse().unwrap(), ..Facts::of(&all) }, week(), &Scope::default()).as_of
    };
    assert_eq!(at("2026-11-12T08:00:00Z").to_string(), "2026-11-12T08:00:00Z");
    assert_eq!(at("2026-12-01T08:00:00Z").to_string(), "2026-11-16T00:00:00Z");
}

#[cfg(feature = "cli")]
#[test]
fn the_published_schema_is_the_types() {
    let hint = "write it anew: denywatch report --schema > src/report/schema.json";
    assert_eq!(schema(), include_str!("schema.json"), "{hint}");
}
