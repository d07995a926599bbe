//! The alert in the README's picture is the one that the fixture trail gives.
//!
//! `tests/fixtures/alert.json` is what Slack is sent for story 1. When it changes on purpose:
//! `DENYWATCH_UPDATE=1 cargo test --test picture`, then
//! `python3 tests/tools/slack_picture.py < tests/fixtures/alert.json > target/alert.html`, and a picture of that page in any
//! browser (760 pixels wide) is `tests/fixtures/alert.png`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test reads files

use denywatch::advice::{Context, advise};
use denywatch::catalog::Catalog;
use denywatch::denial::{Given, from_record};
use denywatch::diagnosis::{InForce, diagnose};
use denywatch::finding::{fold, observe};
use denywatch::io::sources::files;
use denywatch::record;
use denywatch::render::alert::AlertContext;
use denywatch::render::slack;
use denywatch::triage::expected::Expected;
use std::path::Path;

#[test]
fn the_alert_of_story_1_is_the_one_in_the_picture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut observed = Vec::new();
    files::each(&[root.join("trail")], files::Limits::default(), |name, bytes| {
        let denials = record::read(bytes, name).0.into_iter();
        let denials = denials.filter_map(|record| from_record(&record, &Given::default(), Catalog::embedded()));
        observed.extend(denials.map(|denial| {
            let diagnosed = diagnose(&denial);
            observe(denial, diagnosed)
        }));
    });
    let in_force = InForce::default();
    let advice = advise(
        &fold(observed),
        Context {
            catalog: Catalog::embedded(),
            in_force: &in_force,
            expected: &Expected::default(),
            changes: &Default::default(),
        },
    );
    let pipeline = advice.iter().find(|one| one.principal.name.as_deref() == Some("shop-codepipeline-dev")).unwrap();
    let message = serde_json::to_string_pretty(&slack::webhook(pipeline, &AlertContext::default())).unwrap() + "\n";
    let file = root.join("alert.json");
    if std::env::var_os("DENYWATCH_UPDATE").is_some() {
        std::fs::write(&file, &message).unwrap();
    }
    assert_eq!(message, std::fs::read_to_string(&file).unwrap(), "see the head of this file for how to update it");
}
