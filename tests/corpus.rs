//! Real denied events that nobody here wrote, with the right answers; they live outside this repository.
//!
//! `DENYWATCH_CORPUS` names their folder (`labelled.jsonl`, `lookalikes.jsonl`, `denied.jsonl.gz`, `trail/`). Without it
//! these tests say so and check nothing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::disallowed_methods)] // a test speaks and reads

use denywatch::advice::{Advice, Context, advise};
use denywatch::catalog::Catalog;
use denywatch::denial::{Denial, Given, PolicyType, ReasonKind, from_record};
use denywatch::diagnosis::{InForce, TargetKind, diagnose};
use denywatch::finding::{fold, observe};
use denywatch::patch::Applicability;
use denywatch::record;
use denywatch::triage::expected::Expected;
use serde_json::Value;
use std::path::PathBuf;

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("DENYWATCH_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        println!("SKIPPED: DENYWATCH_CORPUS is not set; the real events were not read");
    }
    folder
}

fn lines(file: &str) -> Vec<Value> {
    let Some(folder) = corpus() else { return Vec::new() };
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn denial(record: &Value) -> Option<Denial> {
    let (records, _) = record::read(record.to_string().as_bytes(), "corpus");
    from_record(records.first()?, &Given::default(), Catalog::embedded())
}

fn advice(denial: &Denial) -> Vec<Advice> {
    let in_force = InForce::default();
    let context = Context {
        catalog: Catalog::embedded(),
        in_force: &in_force,
        expected: &Expected::default(),
        changes: &Default::default(),
    };
    advise(&fold([observe(denial.clone(), diagnose(denial))]), context)
}

/// What differs from the label, in words.
fn faults(label: &Value, denial: &Denial) -> Vec<String> {
    let mut faults = Vec::new();
    let texts = |key: &str| -> Vec<String> {
        label[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let expected = texts("actions");
    if denial.actions != expected && label["is_iam_denial"] != false {
        faults.push(format!("actions {:?}, expected {expected:?}", denial.actions));
    }
    let (resources, accepted) = (texts("resources"), texts("resources_also_accepted"));
    if denial.resources != resources
        && !denial.resources.iter().all(|found| accepted.contains(found))
        && label["is_iam_denial"] != false
    {
        faults.push(format!("resources {:?}, expected {resources:?}", denial.resources));
    }
    let key = label["principal_key"].as_str().unwrap();
    let name = denial.principal.name.as_deref().unwrap_or("-");
    let arn = denial.principal.arn.as_deref().unwrap_or("-");
    if !(key == arn || (key.starts_with("permission-set:") && (key.contains(name) || key.contains(arn)))) {
        faults.push(format!("principal {arn}, expected {key}"));
    }
    let kind = match (denial.reason.kind, denial.reason.policy_type) {
        (ReasonKind::Implicit, Some(PolicyType::Identity)) => "implicit_identity",
        (ReasonKind::Explicit, None) => "explicit_unknown",
        (ReasonKind::Unstated, _) => "unknown",
        _ => "other",
    };
    let expected = label["deny_kind"].as_str().unwrap();
    if kind != expected && expected != "not_iam" {
        faults.push(format!("kind {kind}, expected {expected}"));
    }
    faults.extend(grade_faults(label, &advice(denial)));
    faults
}

fn grade_faults(label: &Value, advice: &[Advice]) -> Vec<String> {
    let patches: Vec<_> = advice.iter().flat_map(|advice| &advice.patches).collect();
    let with_document = patches.iter().any(|patch| patch.document.is_some());
    let applied = patches.iter().any(|patch| patch.applicability == Applicability::Apply);
    let place = match label["patch_target"].as_str().unwrap() {
        "identity_policy:role" => Some(TargetKind::RolePolicy),
        "identity_policy:user" => Some(TargetKind::UserPolicy),
        "sso_permission_set" | "permission_set" => Some(TargetKind::PermissionSet),
        "role_trust_policy" => Some(TargetKind::TrustPolicy),
        "none" => None,
        other => panic!("unknown place {other}"),
    };
    let placed = patches.first().map(|patch| patch.target.kind);
    let mut faults = Vec::new();
    match label["patchable"].as_str().unwrap() {
        "yes" if !with_document => faults.push("no document, though an Allow would mend it".to_owned()),
        "check" if applied => faults.push("graded apply, though the record cannot exclude another cause".to_owned()),
        "no" if place.is_none() && with_document => faults.push("a document, though no Allow helps".to_owned()),
        _ => {}
    }
    if place.is_some() && placed != place {
        faults.push(format!("place {placed:?}, expected {place:?}"));
    }
    faults
}

#[test]
fn labelled_events_are_answered_right() {
    let mut wrong = Vec::new();
    let labelled = lines("labelled.jsonl");
    for (at, line) in labelled.iter().enumerate() {
        let found =
            denial(&line["record"]).map_or(vec!["no denial".to_owned()], |denial| faults(&line["label"], &denial));
        wrong
            .extend(found.into_iter().map(|fault| format!("line {}: {} {fault}", at + 1, line["record"]["eventName"])));
    }
    println!("{} labelled events, {} faults", labelled.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn look_alikes_are_no_denials() {
    let records = lines("lookalikes.jsonl");
    let taken: Vec<String> = records.iter().filter_map(denial).map(|denial| format!("{denial:?}")).collect();
    println!("{} look-alikes", records.len());
    assert!(taken.is_empty(), "{}", taken.join("\n"));
}
