//! The alert in the README's picture is the one that the fixture trail gives.
//!
//! `tests/fixtures/alert.json` is what Slack is sent for story 1. When it changes on purpose:
//! `DENYWATCH_UPDATE=1 cargo test --test picture`, then
//! `python3 tests/tools/slack_picture.py < tests/fixtures/alert.json > target/alert.html`, and a picture of that page in any
//! browser (760 pixels wide) is `tests/fixtures/alert.png`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test reads files

use denywatch::advice::{Advice, Context, Status, advise};
use denywatch::app::audience::{self, Audience, Telling};
use denywatch::app::digest::{Sources, digests};
use denywatch::app::pause::Pause;
use denywatch::catalog::Catalog;
use denywatch::change::{Changed, Story};
use denywatch::delivery::{Destination, Stage, Tags};
use denywatch::denial::{Given, from_record};
use denywatch::diagnosis::{InForce, diagnose};
use denywatch::finding::{Since, fold, observe};
use denywatch::io::settings::Settings;
use denywatch::io::sinks::Message;
use denywatch::io::sources::files;
use denywatch::principal::{Principal, PrincipalKind};
use denywatch::record;
use denywatch::render::alert::AlertContext;
use denywatch::render::slack;
use denywatch::triage::Verdict;
use denywatch::triage::expected::Expected;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Advice on the fixture trail.
fn advice() -> Vec<Advice> {
    let mut observed = Vec::new();
    files::each(&[root().join("trail")], files::Limits::default(), |name, bytes| {
        let denials = record::read(bytes, name).0.into_iter();
        let denials = denials.filter_map(|record| from_record(&record, &Given::default(), Catalog::embedded()));
        observed.extend(denials.map(|denial| {
            let diagnosed = diagnose(&denial);
            observe(denial, diagnosed)
        }));
    });
    let in_force = InForce::default();
    let context = Context {
        catalog: Catalog::embedded(),
        in_force: &in_force,
        expected: &Expected::default(),
        changes: &Default::default(),
    };
    advise(&fold(observed), context)
}

#[test]
fn the_alert_of_story_1_is_the_one_in_the_picture() {
    let (root, advice) = (root(), advice());
    let pipeline = advice.iter().find(|one| one.principal.name.as_deref() == Some("shop-codepipeline-dev")).unwrap();
    let message = serde_json::to_string_pretty(&slack::webhook(pipeline, &AlertContext::default())).unwrap() + "\n";
    let file = root.join("alert.json");
    if std::env::var_os("DENYWATCH_UPDATE").is_some() {
        std::fs::write(&file, &message).unwrap();
    }
    assert_eq!(message, std::fs::read_to_string(&file).unwrap(), "see the head of this file for how to update it");
}

/// Every sort of message to every sort of receiver, left in `target/messages.json` for
/// `python3 tests/tools/message_pictures.py < target/messages.json > target/messages.html`: to be looked at by a person.
#[test]
fn every_sort_of_message_is_there_to_be_looked_at() {
    let settings = Settings::parse(include_str!("../src/io/settings/example.toml")).unwrap();
    let audience = Audience::new(&settings);
    let all = advice();
    let named = |name: &str| all.iter().find(|one| one.principal.name.as_deref() == Some(name)).unwrap().clone();
    let pipeline = named("shop-codepipeline-dev");
    let of = |verdict: Verdict| all.iter().find(|one| one.verdict == verdict).cloned();
    let mut shown = vec![
        ("new", Stage::New, pipeline.clone()),
        ("updated", Stage::Update, over(&pipeline, false)),
        ("reopened", Stage::Reopened, over(&pipeline, false)),
        ("still open", Stage::Reminder, pipeline.clone()),
        ("resolved", Stage::Resolved, over(&pipeline, true)),
    ];
    for verdict in [Verdict::Probing, Verdict::Review, Verdict::Owner] {
        shown.extend(of(verdict).map(|advice| ("new", Stage::New, advice)));
    }
    let receivers = ["slack:C0IAM", "teams:ops", "pagerduty:iam", "sns:arn:aws:sns:us-east-2:111122223333:iam-denials"];
    let q = "q:arn:aws:sns:us-east-2:111122223333:iam-denials-q";
    let mut messages = Vec::new();
    for to in receivers.iter().chain([&q]) {
        let to: Destination = to.parse().unwrap();
        for (what, stage, advice) in &shown {
            let routed = audience.route(advice, &Tags::new());
            let message = audience.finding(advice, &routed, Telling { to: &to, stage: *stage, test: false });
            messages.push(page(&to, &format!("{what}, {}", advice.verdict), &message));
        }
        for (what, pause, config) in [("digest", None, ""), ("digest after a pause", Some(()), "skip_if_empty = false")]
        {
            let pause =
                pause.map(|()| Pause { from: at("2026-11-13T20:00:00Z"), until: Some(at("2026-11-14T01:00:00Z")) });
            messages.extend(digest(&to, what, pause, config, &all));
        }
    }
    assert!(messages.len() > 40, "{}", messages.len());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
    std::fs::write(target.join("messages.json"), serde_json::to_string(&messages).unwrap()).unwrap();
}

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

fn digest(to: &Destination, what: &str, pause: Option<Pause>, config: &str, all: &[Advice]) -> Vec<Value> {
    let given = format!(
        "version = 1\n[slack]\nmode = 'app'\nsecret = 'ssm:x'\n[teams.ops]\nsecret = 'ssm:x'\n[pagerduty.iam]\nsecret = 'ssm:x'\n\
         [alert]\ndigest = {{ tz = 'UTC'{} {config} }}\n[[route]]\nto = ['digest:slack:C0IAM', 'digest:{to}']",
        if config.is_empty() { "" } else { "," }
    );
    let settings = Settings::parse(&given).unwrap();
    let audience = Audience::new(&settings);
    let sources =
        Sources { audience: &audience, plan: &settings.digest, tags: &|_| Tags::new(), is_told: &|_, _| false, pause };
    let mut findings: Vec<Advice> = all.to_vec();
    findings.iter_mut().step_by(5).for_each(|one| *one = over(one, true));
    for one in findings.iter_mut().skip(1).step_by(6) {
        one.denied.iter_mut().for_each(|item| {
            item.status = Status::Muted;
            item.muted_by = Some("scanner-connector".into());
        });
    }
    let now = findings.iter().filter_map(|one| one.last_seen).max().unwrap() + jiff::SignedDuration::from_hours(1);
    let notes = digests(&findings, &sources, now);
    let own = notes.into_iter().filter(|(receiver, _)| receiver == to);
    own.map(|(to, note)| page(&to, what, &audience::note(&note, &to))).collect()
}

fn page(to: &Destination, what: &str, message: &Message) -> Value {
    json!({"to": to.to_string(), "what": what, "message": message})
}

/// The same, mended: by whom, and how often it worked since.
fn over(advice: &Advice, resolved: bool) -> Advice {
    let mut over = advice.clone();
    let last = over.last_seen.unwrap();
    let hours = |n: i64| last + jiff::SignedDuration::from_hours(n);
    let by = Principal {
        kind: PrincipalKind::PermissionSet,
        arn: Some(
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"
                .into(),
        ),
        account: Some("111122223333".into()),
        name: Some("Admin".into()),
        path_known: true,
        session: Some("ana@example.com".into()),
    };
    let change = |at, shows| Changed {
        at,
        event_id: "c1".into(),
        change: "iam:PutRolePolicy".into(),
        what: format!("role {}", over.principal.name.clone().unwrap_or_default()),
        policy: Some("denywatch-5d0c1b7e".into()),
        by: by.clone(),
        via: None,
        shows,
    };
    use denywatch::change::Shows;
    over.changes = Story { before: Some(change(hours(-3), Some(Shows::AllowsNot))), after: None };
    if resolved {
        let since = Since { count: 37, at_least: false, first: hours(20), last: hours(44) };
        over.changes.after = Some(change(hours(19), Some(Shows::Allows)));
        over.allowed_since = Some(since);
        for item in &mut over.denied {
            (item.status, item.allowed_since) = (Status::Resolved, Some(since));
        }
    }
    over
}
