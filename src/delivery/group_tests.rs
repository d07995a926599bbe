use super::*;
use proptest::prelude::*;

const DAY: &str = "2026-11-12T00:00:00Z";

/// Seconds after midnight.
fn at(second: i64) -> Timestamp {
    DAY.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
}

fn seen(items: u64, count: u64, denial: i64) -> Seen {
    Seen {
        fingerprint: items.to_string(),
        severity: Severity::High,
        count,
        last_denial: Some(at(denial)),
        standing: Standing::Open,
    }
}

const NEW: Action = Action::Post { stage: Stage::New };
const UPDATE: Action = Action::Edit { stage: Stage::Update };
const REOPENED: Action = Action::Post { stage: Stage::Reopened };
const REMINDER: Action = Action::Post { stage: Stage::Reminder };
const RESOLVED: Action = Action::Edit { stage: Stage::Resolved };

fn wait(second: i64) -> Action {
    Action::Wait { until: at(second) }
}

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// Each step: time of the decision, what is seen, the action.
#[track_caller]
fn check(pacing: Pacing, steps: impl IntoIterator<Item = (i64, Seen, Action)>) {
    let mut told = Told::default();
    for (n, (second, seen, expect)) in steps.into_iter().enumerate() {
        let decision = decide(&told, &seen, at(second), &pacing);
        assert_eq!(decision.action, expect, "step {n}");
        let text = serde_json::to_string(&decision.told).unwrap();
        assert_eq!(serde_json::from_str::<Told>(&text).unwrap(), decision.told, "the ledger gives it back");
        told = decision.told;
    }
}

#[test]
fn a_burst_is_one_message() {
    check(
        Pacing::default(),
        [
            (0, seen(1, 1, 0), wait(60)),
            (30, seen(1, 9, 29), wait(60)),
            (60, seen(1, 14, 59), NEW),
            (61, seen(1, 14, 59), Action::Rest),
        ],
    );
}

#[test]
fn what_is_critical_does_not_wait() {
    let critical = Seen { severity: Severity::Critical, ..seen(1, 1, 0) };
    check(Pacing::default(), [(0, critical, NEW)]);
}

#[test]
fn counts_are_edited_every_half_hour() {
    check(
        Pacing::default(),
        [
            (0, seen(1, 1, 0), wait(60)),
            (60, seen(1, 1, 0), NEW),
            (61, seen(1, 2, 61), wait(60 + 30 * MINUTE)),
            (60 + 30 * MINUTE, seen(1, 500, 1_800), UPDATE),
            (60 + 31 * MINUTE, seen(1, 501, 1_801), wait(60 + 60 * MINUTE)),
        ],
    );
}

#[test]
fn a_new_item_is_told_soon_and_the_next_one_with_the_pace() {
    check(
        Pacing::default(),
        [
            (0, seen(1, 1, 0), wait(60)),
            (60, seen(1, 1, 0), NEW),
            (70, seen(2, 2, 70), wait(120)),
            (120, seen(2, 2, 70), UPDATE),
            (130, seen(3, 3, 130), wait(120 + 30 * MINUTE)),
            (120 + 30 * MINUTE, seen(3, 3, 130), UPDATE),
            (121 + 30 * MINUTE, seen(4, 4, 1_900), wait(180 + 30 * MINUTE)),
        ],
    );
}

#[test]
fn who_cannot_edit_hears_no_mere_counts() {
    let pacing = Pacing { edits: false, ..Pacing::default() };
    check(
        pacing,
        [
            (0, seen(1, 1, 0), wait(60)),
            (60, seen(1, 1, 0), NEW),
            (2 * HOUR, seen(1, 900, 2 * HOUR), wait(60 + 168 * HOUR)),
            (3 * HOUR, seen(2, 901, 3 * HOUR), UPDATE),
        ],
    );
}

#[test]
fn worse_is_told_at_once() {
    let worse = Seen { severity: Severity::Critical, ..seen(1, 2, 70) };
    check(Pacing::default(), [(0, seen(1, 1, 0), wait(60)), (60, seen(1, 1, 0), NEW), (61, worse, UPDATE)]);
}

#[test]
fn after_a_day_of_quiet_it_is_reopened_and_a_steady_trickle_is_not() {
    let day = 24 * HOUR;
    check(
        Pacing::default(),
        [
            (0, seen(1, 1, 0), wait(60)),
            (60, seen(1, 1, 0), NEW),
            (23 * HOUR, seen(1, 2, 23 * HOUR), UPDATE),
            (46 * HOUR, seen(1, 3, 46 * HOUR), UPDATE),
            (46 * HOUR + day, seen(1, 4, 46 * HOUR + day), REOPENED),
        ],
    );
}

/// SQS delivers again, EventBridge twice: the same events change nothing.
#[test]
fn a_replay_reopens_nothing() {
    check(
        Pacing::default(),
        [(0, seen(1, 1, 0), wait(60)), (60, seen(1, 1, 0), NEW), (200 * HOUR, seen(1, 1, 0), Action::Rest)],
    );
}

#[test]
fn still_denied_after_a_week_is_told_again() {
    let steps = (0..8).map(|day| {
        let second = 60 + day * 24 * HOUR - i64::from(day > 0) * HOUR * day / 8;
        (second, seen(1, 1 + day as u64, second - 60))
    });
    let mut told = Told::default();
    let mut actions = Vec::new();
    for (second, seen) in [(0, seen(1, 1, 0))].into_iter().chain(steps).chain([(169 * HOUR, seen(1, 99, 169 * HOUR))]) {
        let decision = decide(&told, &seen, at(second), &Pacing::default());
        actions.push(decision.action);
        told = decision.told;
    }
    assert_eq!(actions.iter().filter(|action| **action == REMINDER).count(), 1, "{actions:?}");
    assert_eq!(actions.last(), Some(&REMINDER));
}

#[test]
fn only_once_resolved_and_then_reopened_at_once() {
    let over = Seen { standing: Standing::Resolved, ..seen(1, 1, 0) };
    check(
        Pacing::default(),
        [
            (0, seen(1, 1, 0), wait(60)),
            (60, seen(1, 1, 0), NEW),
            (HOUR, over.clone(), RESOLVED),
            (HOUR + 1, over, Action::Rest),
            (2 * HOUR, seen(1, 2, 2 * HOUR), REOPENED),
        ],
    );
}

#[test]
fn what_nobody_was_told_of_is_not_resolved_aloud() {
    let over = Seen { standing: Standing::Resolved, ..seen(1, 1, 0) };
    check(Pacing::default(), [(0, seen(1, 1, 0), wait(60)), (30, over, Action::Rest)]);
}

#[test]
fn a_rule_silences_and_its_end_is_heard() {
    let silent = Seen { standing: Standing::Silenced, ..seen(1, 1, 0) };
    check(
        Pacing::default(),
        [
            (0, seen(1, 1, 0), wait(60)),
            (50, silent, Action::Rest),
            (HOUR, seen(1, 2, HOUR), wait(HOUR + 60)),
            (HOUR + 60, seen(1, 2, HOUR), NEW),
        ],
    );
}

/// 5,000 denials in one minute, each on a resource of its own, heard in batches, and then silence: one message and at
/// most two edits, whatever the receiver can do.
#[test]
fn a_storm_is_one_message_and_at_most_two_edits() {
    for edits in [true, false] {
        let pacing = Pacing { edits, ..Pacing::default() };
        let (mut told, mut posts, mut changes) = (Told::default(), 0, 0);
        // Items past twenty count by powers of two, as in `fingerprint`.
        let items = |count: u64| if count <= 20 { count } else { 1_000 + u64::from(count.ilog2()) };
        for second in 0..4 * HOUR {
            let count = u64::try_from(second.min(59) + 1).unwrap() * 5_000 / 60;
            let decision = decide(&told, &seen(items(count), count, second.min(59)), at(second), &pacing);
            match decision.action {
                Action::Post { .. } => posts += 1,
                Action::Edit { .. } => changes += 1,
                Action::Rest | Action::Wait { .. } => {}
            }
            told = decision.told;
        }
        assert_eq!(posts, 1);
        assert!(changes <= 2, "{changes}");
        assert_eq!(told.count, 5_000, "the last message tells them all");
    }
}

fn steps() -> impl Strategy<Value = Vec<(i64, u64, bool, u8)>> {
    // Seconds since the last step, new denials, a new item, the standing.
    prop::collection::vec((0_i64..200_000, 0_u64..50, any::<bool>(), 0_u8..20), 1..60)
}

proptest! {
    /// Over any history: never two messages within `wait` but for a change of kind (worse, reopened, resolved), at most
    /// two edits within `update_every`, and a `Wait` always lies ahead.
    #[test]
    fn the_pace_holds_over_any_history(steps in steps(), edits in any::<bool>()) {
        let pacing = Pacing { edits, ..Pacing::default() };
        let (mut told, mut now, mut count, mut items, mut last) = (Told::default(), 0, 0, 0, 0);
        let mut updates: Vec<i64> = Vec::new();
        for (step, more, item, standing) in steps {
            now += step;
            count += more;
            if more > 0 { last = now; }
            items += u64::from(item && more > 0);
            let standing = match standing { 0 => Standing::Resolved, 1 => Standing::Silenced, _ => Standing::Open };
            let seen = Seen { standing, ..seen(items, count, last) };
            let decision = decide(&told, &seen, at(now), &pacing);
            match decision.action {
                Action::Wait { until } => prop_assert!(until > at(now)),
                Action::Edit { stage: Stage::Update } => {
                    let sent = told.sent.unwrap();
                    prop_assert!(at(now).duration_since(sent) >= pacing.wait);
                    updates.push(now);
                    let window = updates.iter().filter(|then| now - **then < 30 * MINUTE).count();
                    prop_assert!(window <= 2, "{updates:?}");
                }
                Action::Post { stage: Stage::New } => prop_assert!(told.posted.is_none()),
                Action::Post { .. } | Action::Edit { .. } => prop_assert!(told.posted.is_some()),
                Action::Rest => {}
            }
            // Asked again at once, with nothing new, it sends nothing.
            let again = decide(&decision.told, &seen, at(now), &pacing);
            let quiet = matches!(again.action, Action::Rest | Action::Wait { .. });
            prop_assert!(quiet);
            told = decision.told;
        }
    }
}
