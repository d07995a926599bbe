//! Laws of what is written into a stranger's templates: it still parses, only the statement came, and it comes once.

use denywatch::diagnosis::{Target, TargetKind};
use denywatch::edit::{Change, Edited, Hints, SourceFile, Wanted, edit, unified};
use denywatch::patch::{Applicability, Patch};
use denywatch::policy::{Document, PrincipalSet, Statement};
use denywatch::principal::Principal;
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

const ACCOUNT: &str = "111122223333";
/// Whose policies the templates of `tests/fixtures/into` hold, or some of them.
const OWNERS: &[(TargetKind, &str)] = &[
    (TargetKind::RolePolicy, "app"),
    (TargetKind::RolePolicy, "shop-codepipeline-role-dev"),
    (TargetKind::RolePolicy, "package-api-lambda"),
    (TargetKind::RolePolicy, "orders-prod-SubmitFunctionRole-k3JvB1nQ8sXw"),
    (TargetKind::RolePolicy, "notes-api-WriteRole-1MZ0Q5L8T4GHK"),
    (TargetKind::RolePolicy, "billing-worker"),
    (TargetKind::RolePolicy, "media-TranscoderRole-QJ4M1A7XW0C2"),
    (TargetKind::RolePolicy, "shop-codebuild"),
    (TargetKind::RolePolicy, "reader-one"),
    (TargetKind::RolePolicy, "reports"),
    (TargetKind::UserPolicy, "media-uploader"),
    (TargetKind::PermissionSet, "DataAnalyst"),
    (TargetKind::BucketPolicy, "reports"),
    (TargetKind::TrustPolicy, "billing-worker"),
];

/// Writes a statement for every owner that the template may have; whether one was written.
pub fn written(text: &str) -> bool {
    let path = if text.trim_start().starts_with('{') { "t.json" } else { "t.yaml" };
    let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
    let mut any = false;
    for (kind, name) in OWNERS {
        let patch = patch(*kind, name);
        let files = [file.clone()];
        let Edited::Changed { changes, .. } = once(&patch, &files) else { continue };
        let [change] = changes.as_slice() else { panic!("{} changes", changes.len()) };
        any = true;
        grown(change);
        assert!(!unified(&changes).is_empty());
        let files = [SourceFile { path: file.path.clone(), text: change.after.clone() }];
        let again = once(&patch, &files);
        assert!(matches!(again, Edited::Already(_)), "{again:?}\n{}", change.after);
    }
    any
}

fn once(patch: &Patch, files: &[SourceFile]) -> Edited {
    edit(&Wanted { patch, principal: &Principal::unknown(), name: "fix" }, files, &Hints::default()).0
}

fn patch(kind: TargetKind, name: &str) -> Patch {
    let statement =
        Statement::allow(["sqs:SendMessage"], ["arn:aws:sqs:eu-west-1:111122223333:${*}: #x"]).with_sid("S");
    let role = || PrincipalSet::aws(["arn:aws:iam::111122223333:role/x"]);
    let statement = match kind {
        TargetKind::BucketPolicy => statement.with_principal(role()),
        TargetKind::TrustPolicy => Statement::allow(["sts:AssumeRole"], [""]).without_resource().with_principal(role()),
        _ => statement,
    };
    Patch {
        target: Target { kind, arn: None, name: Some(name.to_owned()), account: Some(ACCOUNT.to_owned()) },
        applicability: Applicability::Review,
        doubts: vec![],
        document: Some(Document::new(vec![statement])),
        merged: None,
        room: Default::default(),
        widened: vec![],
        companions: vec![],
        proof: None,
    }
}

/// Nothing is gone or moved, by readers that the change was not made with: the tree before is in the tree after.
fn grown(change: &Change) {
    let (before, after) = (&change.before, &change.after);
    assert_ne!(before, after);
    if let Ok(before) = serde_json::from_str::<Value>(before) {
        let after: Value = serde_json::from_str(after).unwrap();
        assert!(json_in(&before, &after), "{before:#}\n{after:#}");
        return;
    }
    let read = |text: &str| Yaml::load_from_str(text).map(|all| format!("{all:?}").len()).ok();
    let (Some(_), Some(_)) = (read(before), read(after)) else { panic!("{before}\n---\n{after}") };
    let (before, after) = (Yaml::load_from_str(before).unwrap(), Yaml::load_from_str(after).unwrap());
    assert_eq!(before.len(), after.len());
    assert!(before.iter().zip(&after).all(|(before, after)| yaml_in(before, after)), "{before:?}\n{after:?}");
}

/// Whether each is in one of the others, in the order that they have.
fn in_order<T>(before: &[T], after: &[T], is_in: impl Fn(&T, &T) -> bool) -> bool {
    let mut rest = after.iter();
    before.iter().all(|one| rest.any(|other| is_in(one, other)))
}

fn json_in(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            let pairs = |map: &serde_json::Map<String, Value>| {
                map.iter().map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
            };
            in_order(&pairs(a), &pairs(b), |a, b| a.0 == b.0 && json_in(&a.1, &b.1))
        }
        (Value::Array(a), Value::Array(b)) => in_order(a, b, json_in),
        (one, Value::Array(b)) => b.first() == Some(one),
        (a, b) => a == b,
    }
}

fn yaml_in(before: &Yaml<'_>, after: &Yaml<'_>) -> bool {
    match (before, after) {
        (Yaml::Mapping(a), Yaml::Mapping(b)) => {
            let (a, b): (Vec<_>, Vec<_>) = (a.iter().collect(), b.iter().collect());
            in_order(&a, &b, |a, b| a.0 == b.0 && yaml_in(a.1, b.1))
        }
        (Yaml::Sequence(a), Yaml::Sequence(b)) => in_order(a, b, yaml_in),
        (Yaml::Tagged(p, a), Yaml::Tagged(q, b)) => p == q && yaml_in(a, b),
        (one, Yaml::Sequence(b)) => b.first() == Some(one),
        (a, b) => a == b,
    }
}
