//! What holds for every format.

use super::*;
use crate::diagnosis::Target;
use crate::patch::{Applicability, Companion};
use proptest::prelude::*;
use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";

pub(super) fn patch_of(kind: TargetKind, name: &str, document: Value) -> Patch {
    Patch {
        target: Target { kind, arn: None, name: Some(name.into()), account: Some(ACCOUNT.into()) },
        applicability: Applicability::Apply,
        doubts: vec![],
        document: Some(serde_json::from_value(document).unwrap()),
        merged: None,
        room: Default::default(),
        widened: vec![],
        companions: vec![Companion {
            actions: vec!["kms:Decrypt".into()],
            resources: vec!["arn:aws:kms:eu-west-1:111122223333:key/k".into()],
            conditions: [("StringEquals".into(), [("kms:ViaService".into(), vec!["s3".into()])].into())].into(),
            why: "the bucket is encrypted".into(),
            source: "sse-kms".into(),
        }],
        proof: None,
    }
}

/// A policy that carries the text as resource, condition key and condition value.
pub(super) fn sample(text: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "DenywatchA",
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": [text, "b"],
        "Condition": {"StringEquals": {text: text, "aws:x": ["y", text]}},
    }]})
}

fn companions() -> PatchContext {
    PatchContext { companions: true, ..PatchContext::default() }
}

#[test]
fn each_format_of_one_patch() {
    let context = PatchContext { finding: Some("D-ABCDEFGHIJ".into()), ..companions() };
    let mut patch = patch_of(TargetKind::RolePolicy, "app", sample("${*} it's"));
    patch.applicability = Applicability::Review;
    patch.doubts = vec!["a doubt\nof two lines".into()];
    for format in Format::ALL {
        insta::assert_snapshot!(format!("{format:?}"), super::patch(&patch, &context, format).unwrap());
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Patch), format: Format, expect: &str) {
    let mut patch = patch_of(TargetKind::RolePolicy, "app", sample("k"));
    change(&mut patch);
    let got = super::patch(&patch, &PatchContext::default(), format);
    assert_eq!(got.map_err(|e| e.to_string()), Err(expect.to_owned()));
}

fn set(patch: &mut Patch, document: Value) {
    patch.document = Some(serde_json::from_value(document).unwrap());
}

#[test]
fn what_cannot_be_written_is_named() {
    use Format::{Cfn, Cli, Hcl, Json};
    check(|p| p.document = None, Json, "this patch has no document: no Allow can help here");
    check(|p| set(p, sample("a\u{202e}")), Json, "`a\\u{202e}` holds U+202E, which cannot stand in a policy");
    check(|p| p.target.name = Some("a b".into()), Hcl, "`a b` is no role name");
    check(|p| p.target.name = None, Hcl, "the role name is not known");
    check(|p| p.target.account = Some("1".into()), Cli, "`1` is no account number");
    check(
        |p| p.target.arn = Some("arn:aws:iam::111122223333:role/other".into()),
        Cli,
        "the target is named `app` and its ARN names `other`",
    );
    check(
        |p| set(p, sample("{{resolve:ssm:x}}")),
        Cfn,
        "CloudFormation YAML cannot carry `{{resolve:ssm:x}}`: it resolves `{{resolve:` wherever it stands",
    );
    check(
        |p| set(p, sample(&"k".repeat(5_000))),
        Cli,
        "the document has 20176 characters without white space, and its place takes 6144: no single statement may \
         be so long",
    );
    check(
        |p| p.target.name = Some("AWSReservedSSO_Admin_0123456789abcdef".into()),
        Cli,
        "`AWSReservedSSO_Admin_0123456789abcdef` cannot be changed in IAM: change its permission set",
    );
    check(
        |p| p.target.arn = Some("arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/app".into()),
        Json,
        "`app` cannot be changed in IAM: change the service's setup or the resource's policy",
    );
    let managed = |p: &mut Patch| {
        p.target.kind = TargetKind::ManagedPolicy;
        p.target.arn = Some("arn:aws:iam::aws:policy/ReadOnlyAccess".into());
    };
    check(managed, Cli, "`arn:aws:iam::aws:policy/ReadOnlyAccess` is an AWS managed policy, which only AWS can change");
}

#[test]
fn a_name_is_the_contents() {
    let name = |patch: &Patch, context: &PatchContext| policy_name(patch, context).unwrap();
    let plain = PatchContext::default();
    let one = patch_of(TargetKind::RolePolicy, "app", sample("k"));
    let own = name(&one, &plain);
    assert!(own.len() == 18 && own.starts_with("denywatch-"), "{own}");
    assert_eq!(own, name(&one.clone(), &PatchContext { finding: Some("D-X".into()), ..plain.clone() }));
    assert_ne!(own, name(&patch_of(TargetKind::RolePolicy, "app", sample("l")), &plain));
    assert_ne!(own, name(&patch_of(TargetKind::RolePolicy, "app2", sample("k")), &plain));
    assert_ne!(own, name(&patch_of(TargetKind::UserPolicy, "app", sample("k")), &plain));
    assert_ne!(own, name(&one, &companions()));
}

#[test]
fn companions_are_statements_of_their_own_in_identity_policies() {
    let read = |kind, context: &PatchContext| -> Value {
        let text = super::patch(&patch_of(kind, "app", sample("k")), context, Format::Json).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(read(TargetKind::RolePolicy, &PatchContext::default()), sample("k"));
    let both = read(TargetKind::RolePolicy, &companions());
    assert_eq!(both["Statement"][0], sample("k")["Statement"][0]);
    assert_eq!(both["Statement"][1]["Action"], json!(["kms:Decrypt"]));
    assert_eq!(both["Statement"][1]["Condition"], json!({"StringEquals": {"kms:ViaService": ["s3"]}}));
    assert_eq!(read(TargetKind::BucketPolicy, &companions()), sample("k"));
}

#[test]
fn the_merged_document_is_put_only_where_it_replaces() {
    let read = |kind| -> Value {
        let mut patch = patch_of(kind, "app", sample("k"));
        patch.merged = Some(serde_json::from_value(sample("whole")).unwrap());
        serde_json::from_str(&super::patch(&patch, &PatchContext::default(), Format::Json).unwrap()).unwrap()
    };
    assert_eq!(read(TargetKind::RolePolicy), sample("k"));
    assert_eq!(read(TargetKind::PermissionSet), sample("whole"));
    assert_eq!(read(TargetKind::BucketPolicy), sample("whole"));
}

#[test]
fn a_long_policy_of_a_user_becomes_a_managed_one() {
    let patch = patch_of(TargetKind::UserPolicy, "bob", sample(&"k".repeat(1_000)));
    let text = |format| super::patch(&patch, &PatchContext::default(), format).unwrap();
    assert!(text(Format::Hcl).contains("aws_iam_user_policy_attachment"));
    assert!(text(Format::Cfn).contains("AWS::IAM::ManagedPolicy"));
    assert!(text(Format::Cli).contains("detach-user-policy"));
}

proptest! {
    #[test]
    fn any_text_that_iam_takes_is_written_faithfully(text in "[ -~\u{a1}-\u{ac}\u{ae}-\u{ff}]{0,40}|[$%&{}\"'\\\\\n`]{0,12}") {
        for kind in [TargetKind::RolePolicy, TargetKind::BucketPolicy, TargetKind::Scp] {
            let patch = patch_of(kind, "app", sample(&text));
            for format in Format::ALL {
                let got = super::patch(&patch, &PatchContext::default(), format);
                if text.contains('\n') {
                    let refused = matches!(got, Err(RenderError::Character { .. }));
                    prop_assert!(refused);
                } else {
                    prop_assert!(got.is_ok(), "{got:?}");
                    prop_assert_eq!(got, super::patch(&patch, &PatchContext::default(), format));
                }
            }
        }
    }

    #[test]
    fn any_doubt_stays_a_comment(doubt in any::<String>()) {
        let mut patch = patch_of(TargetKind::RolePolicy, "app", sample("k"));
        patch.doubts = vec![doubt];
        for format in Format::ALL {
            prop_assert!(super::patch(&patch, &PatchContext::default(), format).is_ok());
        }
    }
}

#[track_caller]
fn check_text(change: impl FnOnce(&mut Patch, &mut PatchContext), format: Format, expect: Result<&str, RenderError>) {
    let mut patch = patch_of(TargetKind::RolePolicy, "app", sample("k"));
    let mut context = companions();
    change(&mut patch, &mut context);
    match (super::patch(&patch, &context, format), expect) {
        (Ok(text), Ok(part)) => assert!(text.contains(part), "{text}"),
        (got, expect) => assert_eq!(got, expect.map(str::to_owned)),
    }
}

#[test]
fn no_list_of_a_statement_is_empty() {
    let hollow = RenderError::NotAPolicy("a statement has no action or no resource");
    for key in ["Action", "Resource"] {
        let mut document = sample("k");
        document["Statement"][0][key] = json!([]);
        let change = |patch: &mut Patch, _: &mut PatchContext| {
            patch.document = serde_json::from_value(document).ok();
        };
        check_text(change, Format::Json, Err(hollow.clone()));
    }
    let mut patch = patch_of(TargetKind::RolePolicy, "app", sample("k"));
    patch.companions[0].resources.clear();
    assert!(!super::is_addable(&patch, &patch.companions[0]));
    let text = super::patch(&patch, &companions(), Format::Json).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), sample("k"));
    assert_eq!(words::predicted(&patch), "predicted, not in the patch");
}

#[test]
fn a_split_policy_is_written_whole_or_not_at_all() {
    let mut whole = sample("k");
    whole["Statement"].as_array_mut().unwrap().push(json!({"Effect": "Allow", "Action": "s3:Old", "Resource": "o"}));
    let merged = |whole: Value| {
        move |patch: &mut Patch, _: &mut PatchContext| {
            patch.merged = serde_json::from_value(whole).ok();
            patch.room.in_place = true;
        }
    };
    check_text(merged(whole.clone()), Format::Json, Ok("s3:Old"));
    for format in [Format::Hcl, Format::Cfn, Format::CfnJson, Format::Cli] {
        check_text(merged(whole.clone()), format, Err(RenderError::Split));
    }
    // A whole without all that is to be added is none.
    check_text(merged(sample("other")), Format::Cli, Ok("role=app"));
}

#[test]
fn a_masked_account_stops_all_but_the_document() {
    let masked = |patch: &mut Patch, _: &mut PatchContext| patch.target.account = Some("********3333".into());
    check_text(masked, Format::Json, Ok("s3:GetObject"));
    let fault = RenderError::Name { what: "account number", name: "********3333".into() };
    check_text(masked, Format::Cli, Err(fault.clone()));
    check_text(masked, Format::Hcl, Err(fault));
}

#[test]
fn a_boundary_is_looked_up_by_its_bearer() {
    let limit = |arn: &'static str| {
        move |patch: &mut Patch, context: &mut PatchContext| {
            patch.target = Target { kind: TargetKind::PermissionsBoundary, name: None, ..patch.target.clone() };
            context.principal = Some(crate::principal::from_arn(arn));
        }
    };
    check_text(limit("arn:aws:sts::111122223333:assumed-role/app/s"), Format::Cli, Ok("role=app\n"));
    check_text(
        limit("arn:aws:sts::111122223333:assumed-role/app/s"),
        Format::Hcl,
        Ok("boundary of role app in account"),
    );
    check_text(limit("arn:aws:sts::111122223333:assumed-role/app/s"), Format::Cfn, Ok("PolicyDocument"));
    check_text(limit("arn:aws:iam::111122223333:user/ana"), Format::Cli, Ok("user=ana\n"));
    check_text(limit("arn:aws:iam::111122223333:root"), Format::Cli, Err(RenderError::Missing("policy's ARN")));
}

#[test]
fn a_permission_set_is_changed_from_the_management_account() {
    let role =
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Dev_0123456789abcdef";
    let set = |patch: &mut Patch, context: &mut PatchContext| {
        patch.target = Target { kind: TargetKind::PermissionSet, name: Some("Dev".into()), ..patch.target.clone() };
        context.principal = Some(crate::principal::from_arn(role));
    };
    check_text(set, Format::Cli, Ok("AWS_REGION=eu-west-1\n"));
    check_text(set, Format::Cli, Ok("${ACCOUNT:-$here}"));
    let mut patch = patch_of(TargetKind::RolePolicy, "app", sample("k"));
    let mut context = companions();
    set(&mut patch, &mut context);
    assert!(!super::patch(&patch, &context, Format::Cli).unwrap().contains("account=1"));
}

#[test]
fn what_is_there_inline_counts() {
    let mut patch = patch_of(TargetKind::RolePolicy, "app", sample("k"));
    let made = |patch: &Patch, format| super::patch(patch, &PatchContext::default(), format).unwrap();
    patch.room.inline_in_use = Some(9_000);
    assert!(made(&patch, Format::Hcl).contains("aws_iam_role_policy\""));
    patch.room.inline_in_use = Some(10_200);
    for (format, expect) in [
        (Format::Hcl, "aws_iam_role_policy_attachment"),
        (Format::HclData, "data.aws_iam_policy_document.denywatch_"),
        (Format::Cfn, "AWS::IAM::ManagedPolicy"),
        (Format::Cli, "create_managed \"$part\""),
    ] {
        let text = made(&patch, format);
        assert!(text.contains(expect), "{text}");
        assert_eq!(text, made(&patch, format));
    }
}

#[test]
fn what_no_policy_holds_is_parted() {
    let mut document = sample("k");
    let long = |at: usize| format!("arn:aws:s3:::bucket/{at}{}", "x".repeat(900));
    document["Statement"][0]["Resource"] = (0..12).map(long).collect();
    let patch = patch_of(TargetKind::RolePolicy, "app", document);
    let name = policy_name(&patch, &PatchContext::default()).unwrap();
    for format in [Format::Hcl, Format::HclData, Format::Cfn, Format::CfnJson, Format::Cli] {
        let text = super::patch(&patch, &PatchContext::default(), format).unwrap();
        for part in [format!("{name}-1\""), format!("{name}-2\"")] {
            assert!(text.contains(&part), "{format}: {text}");
        }
    }
}
