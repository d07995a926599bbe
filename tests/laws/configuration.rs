//! Laws of what is written into a stranger's Terraform: it still parses, only the statement came, and it comes once.

use denywatch::diagnosis::{Target, TargetKind};
use denywatch::edit::{Edited, Hints, SourceFile, Wanted, edit, unified};
use denywatch::patch::{Applicability, Patch};
use denywatch::policy::{Document, PrincipalSet, Statement};
use denywatch::principal::Principal;

const ACCOUNT: &str = "111122223333";
/// Whose policies the configurations of `tests/fixtures/into` hold, or some of them.
const OWNERS: &[(TargetKind, &str)] = &[
    (TargetKind::RolePolicy, "shopfront-platform-codepipeline-role-dev"),
    (TargetKind::RolePolicy, "package-api-lambda"),
    (TargetKind::RolePolicy, "job-worker-20261112093000123400000001"),
    (TargetKind::RolePolicy, "tabby"),
    (TargetKind::RolePolicy, "svc-search"),
    (TargetKind::RolePolicy, "etl"),
    (TargetKind::RolePolicy, "acme-ingest-default"),
    (TargetKind::RolePolicy, "traced-api"),
    (TargetKind::RolePolicy, "shop"),
    (TargetKind::RolePolicy, "nightly-export"),
    (TargetKind::RolePolicy, "mailer"),
    (TargetKind::RolePolicy, "order-consumer"),
    (TargetKind::RolePolicy, "build"),
    (TargetKind::UserPolicy, "shop-worker"),
    (TargetKind::PermissionSet, "DataAnalyst"),
    (TargetKind::BucketPolicy, "acme-exchange"),
    (TargetKind::TrustPolicy, "order-consumer"),
];

/// Writes a statement for every owner that the configuration may have; whether one was written.
pub fn written(text: &str) -> bool {
    let file = |text: &str| SourceFile { path: "main.tf".to_owned(), text: text.to_owned() };
    let mut any = false;
    for (kind, name) in OWNERS {
        let patch = patch(*kind, name);
        let Edited::Changed { changes, .. } = once(&patch, &[file(text)]) else { continue };
        let [change] = changes.as_slice() else { panic!("{} changes", changes.len()) };
        any = true;
        assert_eq!(change.before, text);
        assert!(is_in(text, &change.after), "{text}\n---\n{}", change.after);
        assert!(!unified(&changes).is_empty());
        let again = once(&patch, &[file(&change.after)]);
        assert!(matches!(again, Edited::Already(_)), "{again:?}\n{}", change.after);
    }
    any
}

/// Blanks aside, which align comments, every letter is still there, in its order.
fn is_in(before: &str, after: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<Vec<_>>();
    let mut rest = letters(after).into_iter();
    letters(before).into_iter().all(|letter| rest.any(|other| other == letter))
}

fn once(patch: &Patch, files: &[SourceFile]) -> Edited {
    let wanted = Wanted { patch, principal: &Principal::unknown(), name: "denywatch-1a2b3c4d" };
    edit(&wanted, files, &Hints::default()).0
}

fn patch(kind: TargetKind, name: &str) -> Patch {
    // No statement of the fixtures speaks of it, so that nothing is split or there already.
    let statement =
        Statement::allow(["polly:SynthesizeSpeech"], ["arn:aws:polly:eu-west-1:111122223333:${*}\"%{$"]).with_sid("S");
    let role = || PrincipalSet::aws(["arn:aws:iam::111122223333:role/x"]);
    let statement = match kind {
        TargetKind::BucketPolicy => statement.with_principal(role()),
        TargetKind::TrustPolicy => {
            Statement::allow(["sts:SetSourceIdentity"], [""]).without_resource().with_principal(role())
        }
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
