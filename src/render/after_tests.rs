use super::*;
use crate::advice::Advice;
use crate::change::Story;
use crate::delivery::Stage;
use crate::render::alert::AlertContext;
use crate::render::{email, event, pagerduty, q, slack, teams, text};
use crate::report::sample;
use proptest::prelude::*;

fn change(name: &str, session: &str, shows: Option<Shows>) -> Changed {
    let by = crate::principal::Principal { session: Some(session.into()), ..sample::role("deploy") };
    Changed {
        at: "2026-11-13T09:12:00Z".parse().unwrap(),
        event_id: "e".into(),
        change: name.into(),
        what: "role shop-codepipeline-role-dev".into(),
        policy: Some("artifacts".into()),
        by,
        via: None,
        shows,
    }
}

fn since(count: u64, at_least: bool) -> Option<Since> {
    let at = |text: &str| text.parse().unwrap();
    Some(Since { count, at_least, first: at("2026-11-13T09:15:00Z"), last: at("2026-11-14T09:00:00Z") })
}

fn mended() -> Advice {
    let mut advice = sample::pipeline();
    advice.denied[0].status = Status::Resolved;
    (advice.denied[0].allowed_since, advice.allowed_since) = (since(37, false), since(37, false));
    advice.changes = Story {
        before: Some(change("iam:PutRolePolicy", "jane", Some(Shows::AllowsNot))),
        after: Some(change("iam:PutRolePolicy", "joe", Some(Shows::Allows))),
    };
    advice
}

#[test]
fn an_end_is_told_with_its_number_and_its_author_to_everybody() {
    let advice = mended();
    let shown = AlertContext { stage: Stage::Resolved, ..AlertContext::default() };
    let told = "Resolved: 0 denials, 37 allowed calls since 2026-11-13 09:15 UTC.";
    let messages = [
        slack::webhook(&advice, &shown).to_string(),
        slack::app(&advice, &shown).to_string(),
        email::body_with(&advice, &shown),
        teams::card(&advice, &shown).to_string(),
        q::notification(&advice, &shown).to_string(),
    ];
    for message in &messages {
        let flat = message.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(told), "{message}");
    }
    for message in &messages[..4] {
        assert!(message.contains("PutRolePolicy") && message.contains("joe"), "{message}");
    }
    let incident = pagerduty::event(&advice, &shown);
    assert!(incident["payload"]["custom_details"]["change_after"].as_str().unwrap().contains("session joe"));
    assert_eq!(event::finding(&advice, &shown)["finding"]["allowed_since"]["count"], 37);
    let mut cut = mended();
    cut.allowed_since = since(50, true);
    assert!(over(&cut).contains("at least 50 allowed calls"));
}

#[test]
fn a_person_reads_who_changed_what_on_both_sides() {
    let read = text::explain(&mended(), text::Look { colour: false, width: 400 });
    for part in [
        "CHANGE BEFORE   iam:PutRolePolicy on role shop-codepipeline-role-dev (artifacts) by role deploy, session jane, 2026-11-13 09:12 UTC; its document does not allow the call",
        "SINCE THEN      37 allowed calls since the last denial, the latest 2026-11-14 09:00 UTC",
        "by role deploy, session joe, 2026-11-13 09:12 UTC; its document allows the call",
    ] {
        assert!(read.contains(part), "{read}");
    }
    let message = slack::webhook(&mended(), &AlertContext::default()).to_string();
    assert!(message.contains("*Last change before:*") && message.contains("jane"), "{message}");
    assert!(!message.contains("Last worked") && !read.contains("LAST WORKED"), "nobody saw it work");
    assert!(email::body(&mended()).contains("Last change before: iam:PutRolePolicy"));
}

#[test]
fn when_it_last_worked_is_told_to_everybody() {
    let mut advice = sample::pipeline();
    let at = "2026-11-09T08:00:30Z";
    advice.denied[0].allowed_before = at.parse().ok();
    let shown = AlertContext::default();
    for message in [
        text::explain(&advice, text::Look { colour: false, width: 400 }),
        slack::webhook(&advice, &shown).to_string(),
        slack::app(&advice, &shown).to_string(),
        email::body_with(&advice, &shown),
        teams::card(&advice, &shown).to_string(),
        pagerduty::event(&advice, &shown).to_string(),
    ] {
        assert!(message.contains("2026-11-09 08:00 UTC") && !message.contains("between"), "{message}");
    }
    advice.denied[0].first_seen = at.parse().ok();
    assert_eq!(worked(&advice, &str::to_owned).unwrap(), "2026-11-09 08:00 UTC, between denials");
    // Of several the latest, by its name.
    let mut other = advice.denied[0].clone();
    (other.action, other.allowed_before) = (Some("s3:GetObject".into()), "2026-11-10T08:00:00Z".parse().ok());
    advice.denied.push(other);
    assert_eq!(
        worked(&advice, &|name| format!("`{name}`")).unwrap(),
        "`s3:GetObject` 2026-11-10 08:00 UTC, between denials"
    );
}

#[test]
fn silence_and_what_cannot_be_seen_are_told_as_such() {
    let mut advice = sample::pipeline();
    assert_eq!(standing(&advice), None);
    advice.denied[0].looked_until = "2026-11-14T09:00:00Z".parse().ok();
    assert_eq!(standing(&advice), None, "open");
    advice.denied[0].status = Status::Quiet;
    let quiet = "quiet: neither a denial nor an allowed call was seen until 2026-11-14 09:00 UTC";
    assert_eq!(standing(&advice).as_deref(), Some(quiet));
    advice.denied[0].unseen = Some("cannot be seen".into());
    assert_eq!(standing(&advice).as_deref(), Some("cannot be seen"));
}

#[test]
fn foretold_is_scored() {
    let mut advice = sample::pipeline();
    let one = |action: &str, outcome| Foretold {
        action: action.into(),
        resources: vec![],
        since: None,
        outcome,
        at: "2026-11-14T09:00:00Z".parse().ok().filter(|_| outcome != Outcome::Open),
    };
    advice.foretold =
        vec![one("kms:Decrypt", Outcome::CameTrue), one("a:B", Outcome::Needless), one("a:C", Outcome::Open)];
    assert_eq!(
        foretold(&advice),
        [
            "kms:Decrypt: foretold, and denied later (2026-11-14 09:00 UTC)",
            "a:B: foretold, and allowed all along (2026-11-14 09:00 UTC)"
        ]
    );
    assert_eq!(tally(&advice.foretold), (1, 1, 1));
    assert!(
        text::explain(&advice, text::Look::default())
            .contains("FORETOLD        - kms:Decrypt: foretold, and denied later")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Authors and names of what was changed are strangers' text too.
    #[test]
    fn no_author_breaks_a_message(name in sample::hostile(), session in sample::hostile(), over in any::<bool>()) {
        let mut advice = mended();
        for one in [&mut advice.changes.before, &mut advice.changes.after].into_iter().flatten() {
            (one.what, one.policy, one.by.name) = (name.clone(), Some(name.repeat(40)), Some(name.clone()));
            (one.by.session, one.via) = (Some(session.clone()), Some(session.clone()));
        }
        let stage = if over { Stage::Resolved } else { Stage::New };
        let shown = AlertContext { stage, ..AlertContext::default() };
        let read = text::explain(&advice, text::Look::default()) + &email::body_with(&advice, &shown);
        prop_assert!(!read.chars().any(|c| c != '\n' && super::super::escape::is_unseen(c)), "{:?}", read);
        let slack = slack::app(&advice, &shown).to_string();
        prop_assert!(!slack.contains("<!channel>") && !slack.contains("<@U"), "{}", slack);
        prop_assert!(teams::card(&advice, &shown).to_string().len() < 28_000);
        prop_assert!(pagerduty::event(&advice, &shown).to_string().len() < 500_000);
    }
}
