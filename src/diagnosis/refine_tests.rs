//! Each cause that policies tell, on documents.

use super::super::Cause::{self, *};
use super::super::sample::Sample;
use super::Refined;

const BUCKET: &str = "arn:aws:s3:::b";
const OBJECT: &str = "arn:aws:s3:::b/k";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:q";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

#[track_caller]
fn check(sample: &Sample, said: Cause, documents: &[(&str, &str)], cause: Cause, part: &str) -> Refined {
    let refined = sample.refine(said, documents);
    let found = &refined.diagnosis;
    assert_eq!(found.cause, cause, "{found:?}");
    let all = [std::slice::from_ref(&found.summary), &found.evidence, &found.doubts, &found.unchecked].concat();
    assert!(all.iter().any(|words| words.contains(part)), "`{part}` is not told: {found:#?}");
    refined
}

fn allow(action: &str, resource: &str, condition: &str) -> String {
    let condition = if condition.is_empty() { String::new() } else { format!(r#","Condition":{{{condition}}}"#) };
    format!(r#"{{"Sid":"S","Effect":"Allow","Action":"{action}","Resource":"{resource}"{condition}}}"#)
}

fn deny(action: &str, condition: &str) -> String {
    allow(action, "*", condition).replace("Allow", "Deny")
}

#[test]
fn nothing_allows_it() {
    let sample = Sample::record("s3:GetObject", OBJECT);
    let other = allow("s3:PutObject", "arn:aws:s3:::b/*", "");
    check(&sample, IdentityAllowMissing, &[("identity", &other)], IdentityAllowMissing, "given: policy `p0`");
    check(&sample.unstated(), LayerUnstated, &[("identity", &other)], IdentityAllowMissing, "another one may refuse");
}

#[test]
fn what_was_not_given_is_told() {
    let sample = Sample::record("s3:GetObject", OBJECT);
    let other = allow("s3:PutObject", "*", "");
    let all = sample.refine(IdentityAllowMissing, &[("identity", &other)]).diagnosis.unchecked;
    for part in ["boundary", "session policy", "service control", "resource control", "resource's own"] {
        assert!(all.iter().any(|what| what.contains(part)), "{part}: {all:?}");
    }
    let scp = allow("*", "*", "");
    let all = sample.refine(IdentityAllowMissing, &[("identity", &other), ("scp", &scp)]).diagnosis.unchecked;
    assert!(!all.iter().any(|what| what.contains("service control")), "{all:?}");
}

#[test]
fn the_policies_allow_it_already() {
    let sample = Sample::record("s3:GetObject", OBJECT);
    let own = allow("s3:Get*", "arn:aws:s3:::b/*", "");
    check(&sample, IdentityAllowMissing, &[("identity", &own)], AlreadyAllowed, "statement 1 (`S`) of policy `p0`");
    check(&sample.unstated(), BareDenial, &[("identity", &own)], AlreadyAllowed, "newer than the denial");
}

#[test]
fn a_condition_that_cannot_be_met() {
    let sample = Sample::record("s3:GetObject", OBJECT);
    let condition = r#""StringEquals":{"s3:x-amz-server-side-encryption":"aws:kms","aws:PrincipalTag/t":"x"}"#;
    let own = allow("s3:*Object", "arn:aws:s3:::b/*", condition);
    let refined = check(&sample, IdentityAllowMissing, &[("identity", &own)], ConditionUnreachable, "never carries");
    let kept = refined.split.unwrap().kept;
    assert_eq!(serde_json::to_string(&kept).unwrap(), r#"{"StringEquals":{"aws:PrincipalTag/t":"x"}}"#);
    // Where another statement allows it under a condition that can be met, a person weighs the two.
    let guarded = allow("s3:GetObject", "*", r#""Bool":{"aws:MultiFactorAuthPresent":"true"}"#);
    let both = [("identity", own.as_str()), ("identity", guarded.as_str())];
    check(&sample, IdentityAllowMissing, &both, ConditionUnreachable, "allows it too, under a condition");
    // What is refused on purpose is not mended by a split.
    let refined = check(&sample, ScpAllowMissing, &[("identity", &own)], ScpAllowMissing, "");
    assert_eq!(refined.split, None);
}

#[test]
fn a_condition_that_a_services_call_cannot_meet() {
    let network = r#""IpAddress":{"aws:SourceIp":"192.0.2.0/24"}"#;
    let own = allow("kms:Decrypt", "*", network);
    let sample = Sample::record("kms:Decrypt", KEY);
    let via = sample.clone().via("s3.amazonaws.com");
    check(&via, IdentityAllowMissing, &[("identity", &own)], KeyAbsentViaService, "s3.amazonaws.com made the call");
    check(&sample, IdentityAllowMissing, &[("identity", &own)], AlreadyAllowed, "");
    let endpoint = allow("kms:Decrypt", "*", r#""StringEquals":{"aws:SourceVpce":"vpce-0a"}"#);
    check(&via, IdentityAllowMissing, &[("identity", &endpoint)], KeyAbsentViaService, "`aws:SourceVpce`");
    check(&sample, IdentityAllowMissing, &[("identity", &endpoint)], ConditionNotMet, "no such key");
    let both = allow("kms:Decrypt", "*", &format!(r#"{network},"Bool":{{"aws:MultiFactorAuthPresent":"true"}}"#));
    check(&via, IdentityAllowMissing, &[("identity", &both)], ConditionNotMet, "MultiFactorAuthPresent");
}

#[test]
fn a_condition_that_was_not_met() {
    #[track_caller]
    fn told(sample: &Sample, condition: &str, part: &str) {
        let own = allow("sqs:SendMessage", "*", condition);
        check(sample, IdentityAllowMissing, &[("identity", &own)], ConditionNotMet, part);
    }
    let sample = Sample::record("sqs:SendMessage", QUEUE);
    let region = r#""StringEquals":{"aws:RequestedRegion":["us-east-1","us-east-2"]}"#;
    told(&sample, region, "StringEquals `us-east-1` or `us-east-2`, and the request showed `eu-west-1`");
    told(&sample, r#""NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}"#, "showed `192.0.2.10`");
    told(&sample, r#""DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}"#, "showed `2026-11-11T15:30:09Z`");
    told(&sample, r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/ops-*"}"#, "role/app`");
    let mfa = r#""Bool":{"aws:MultiFactorAuthPresent":"true"}"#;
    told(&sample.clone().showing("aws:MultiFactorAuthPresent", "false"), mfa, "showed `false`");
    told(&sample, mfa, "depends on `aws:MultiFactorAuthPresent`, which is unknown");
    told(&sample, r#""StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}"#, "`aws:ResourceTag/team`");
    told(&Sample::text("sqs:SendMessage", QUEUE), region, "the event does not tell");
}

#[test]
fn a_variable_that_is_unknown_is_no_other_resource() {
    let sample = Sample::record("s3:GetObject", OBJECT);
    let own = allow("s3:GetObject", "arn:aws:s3:::b/${aws:PrincipalTag/team}", "");
    check(&sample, IdentityAllowMissing, &[("identity", &own)], ConditionNotMet, "name that the event does not tell");
}

#[test]
fn a_resource_in_the_wrong_form() {
    let object = Sample::record("s3:GetObject", OBJECT);
    check(
        &object,
        IdentityAllowMissing,
        &[("identity", &allow("s3:*", BUCKET, ""))],
        ResourceFormMismatch,
        "`bucket/key`",
    );
    let bucket = Sample::record("s3:ListBucket", BUCKET);
    let objects = allow("s3:List*", "arn:aws:s3:::b/*", "");
    check(&bucket, IdentityAllowMissing, &[("identity", &objects)], ResourceFormMismatch, "without `/`");
    let queue = Sample::record("sqs:SendMessage", QUEUE);
    let elsewhere = allow("sqs:*", &QUEUE.replace("eu-west-1", "us-east-1"), "");
    check(&queue, IdentityAllowMissing, &[("identity", &elsewhere)], ArnFormMismatch, "on purpose");
    let not_acting = allow("s3:PutObject", BUCKET, "");
    check(&object, IdentityAllowMissing, &[("identity", &not_acting)], IdentityAllowMissing, "no statement allows it");
}

#[test]
fn a_misspelt_action() {
    let sample = Sample::record("s3:GetObject", OBJECT);
    let own = allow("s3:GetObjects", "arn:aws:s3:::b/*", "");
    check(
        &sample,
        IdentityAllowMissing,
        &[("identity", &own)],
        ActionMisspelt,
        "`s3:GetObjects`, which is no IAM action",
    );
    let lower = allow("S3:GETobject", "arn:aws:s3:::b/*", "");
    check(&sample, IdentityAllowMissing, &[("identity", &lower)], AlreadyAllowed, "");
}

#[test]
fn the_layer_that_lacks_it() {
    let sample = Sample::record("s3:GetObject", OBJECT).unstated();
    let own = allow("s3:GetObject", "*", "");
    let less = allow("s3:ListBucket", "*", "");
    let told = |folder: &str, cause| {
        let refined = check(&sample, LayerUnstated, &[("identity", &own), (folder, &less)], cause, "`p1`");
        assert!(!refined.mends, "another policy has to change");
    };
    told("boundary", BoundaryAllowMissing);
    told("session", SessionAllowMissing);
    told("scp", ScpAllowMissing);
    told("vpc_endpoint", EndpointAllowMissing);
    let open = allow("s3:GetObject", "arn:aws:s3:::b/${aws:PrincipalTag/team}", "");
    check(
        &sample,
        LayerUnstated,
        &[("identity", &own), ("boundary", &open)],
        ConditionNotMet,
        "boundary that was given allows it or not",
    );
    check(&sample, BoundaryAllowMissing, &[("boundary", &own)], BoundaryAllowMissing, "newer than the denial");
    let near = allow("s3:GetObject", BUCKET, "");
    check(&sample, BoundaryAllowMissing, &[("boundary", &near)], BoundaryAllowMissing, "`bucket/key`");
    // Both lack it: the message's layer stays the cause, the other is the next refusal.
    let stated = Sample::record("s3:GetObject", OBJECT);
    let both = [("identity", less.as_str()), ("boundary", less.as_str())];
    check(&stated, IdentityAllowMissing, &both, IdentityAllowMissing, "permissions boundary that was given does not");
}

#[test]
fn levels_of_service_control_policies() {
    let sample = Sample::record("s3:GetObject", OBJECT);
    let (all, less) = (allow("*", "*", ""), allow("ec2:*", "*", ""));
    let documents = [("scp/0-root", all.as_str()), ("scp/1-unit", less.as_str()), ("scp/1-unit", less.as_str())];
    let refined = check(&sample, ScpAllowMissing, &documents, ScpAllowMissing, "level 2 of the service control");
    assert!(refined.diagnosis.evidence.iter().any(|words| words.contains("`1-unit/p1`, policy `1-unit/p2`")));
    let documents = [("scp/0-root", all.as_str()), ("scp/1-unit", less.as_str()), ("scp/1-unit", all.as_str())];
    check(&sample, ScpAllowMissing, &documents, ScpAllowMissing, "newer than the denial");
}

#[test]
fn the_statement_that_denies() {
    let sample = Sample::record("s3:GetObject", OBJECT).unstated();
    let own = allow("s3:GetObject", "*", "");
    let told = |folder: &str, words: &str| {
        let refusal = deny("s3:*", r#""StringNotEquals":{"aws:RequestedRegion":"us-east-1"}"#);
        let part = format!("statement 1 (`S`) of policy `p1` ({words}) denies it explicitly");
        check(&sample, ExplicitDeny, &[("identity", &own), (folder, &refusal)], ExplicitDeny, &part);
        check(&sample, LayerUnstated, &[("identity", &own), (folder, &refusal)], ExplicitDeny, &part);
    };
    told("identity", "identity-based policy");
    told("boundary", "permissions boundary");
    told("session", "session policy");
    told("scp", "service control policy");
    let here = deny("s3:*", r#""StringEquals":{"aws:RequestedRegion":"us-east-1"}"#);
    check(&sample, ExplicitDeny, &[("scp", &here)], ExplicitDeny, "the one that does was not given");
    let open = deny("s3:*", r#""Bool":{"aws:SecureTransport":"false"}"#);
    check(&sample, ExplicitDeny, &[("scp", &open)], ExplicitDeny, "`aws:SecureTransport`, which is unknown");
    check(&sample, LayerUnstated, &[("identity", &own), ("scp", &open)], ConditionNotMet, "`aws:SecureTransport`");
    // AWS says that an Allow was missing, so no Deny matched.
    let stated = Sample::record("s3:GetObject", OBJECT);
    check(&stated, IdentityAllowMissing, &[("identity", &own), ("identity", &open)], AlreadyAllowed, "");
}

#[test]
fn policies_of_resources() {
    let sample = Sample::record("sqs:SendMessage", QUEUE);
    let to = |who: &str| {
        allow("sqs:*", QUEUE, "").replace(r#""Action""#, &format!(r#""Principal":{{"AWS":"{who}"}},"Action""#))
    };
    let gone = to("AROAEXAMPLEID0000001");
    check(&sample, ResourceAllowMissing, &[("resource", &gone)], PrincipalRecreated, "`AROAEXAMPLEID0000001`");
    let other = to("arn:aws:iam::111122223333:role/other");
    check(&sample, ResourceAllowMissing, &[("resource", &other)], ResourceAllowMissing, "to other principals");
    let near = to("arn:aws:iam::111122223333:role/app").replace("sqs:*", "sqs:SendMesage");
    check(&sample, ResourceAllowMissing, &[("resource", &near)], ResourceAllowMissing, "which is no IAM action");
    let right = to("arn:aws:iam::111122223333:role/app");
    check(&sample, ResourceAllowMissing, &[("resource", &right)], ResourceAllowMissing, "newer than the denial");
    let role = "arn:aws:iam::111122223333:role/target";
    let trust = r#"{"Effect":"Allow","Principal":{"AWS":"AROAEXAMPLEID0000001"},"Action":"sts:AssumeRole"}"#;
    let assume = Sample::record("sts:AssumeRole", role);
    check(&assume, TrustAllowMissing, &[("resource", &right), ("trust", trust)], PrincipalRecreated, "policy `p1`");
    let external = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/app"},
        "Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}"#;
    let refined = check(&assume, TrustAllowMissing, &[("trust", external)], TrustAllowMissing, "`sts:ExternalId`");
    assert!(!refined.mends, "no Allow beside one that asks for an external id");
    let alive = assume.showing("aws:userid", "AROAEXAMPLEID0000001:run");
    check(&alive, TrustAllowMissing, &[("trust", trust)], TrustAllowMissing, "to other principals");
}

#[test]
fn a_policy_of_another_resource_is_not_the_one() {
    let sample = Sample::record("s3:GetObject", OBJECT);
    let of = |arn: &str| {
        allow("s3:*", arn, "").replace(r#""Action""#, r#""Principal":{"AWS":"AROAEXAMPLEID0000001"},"Action""#)
    };
    let (mine, other) = (of("arn:aws:s3:::b/*"), of("arn:aws:s3:::other/*"));
    check(&sample, ResourceAllowMissing, &[("resource", &other)], ResourceAllowMissing, "the resource's own policy");
    check(&sample, ResourceAllowMissing, &[("resource", &other), ("resource", &mine)], PrincipalRecreated, "`p1`");
}

mod laws {
    use super::*;
    use crate::catalog::Catalog;
    use crate::policy::evaluate;
    use proptest::prelude::*;

    /// A statement out of few words, so that many match.
    fn statement() -> impl Strategy<Value = String> {
        let action = prop::sample::select(vec!["s3:GetObject", "s3:*", "s3:GetObjects", "sqs:*"]);
        let resource = prop::sample::select(vec!["*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::c/*"]);
        let condition = prop::sample::select(vec![
            "",
            r#""StringEquals":{"aws:RequestedRegion":"eu-west-1"}"#,
            r#""StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}"#,
            r#""IpAddress":{"aws:SourceIp":"198.51.100.0/24"}"#,
            r#""Null":{"aws:SourceVpce":"true"}"#,
            r#""StringEquals":{"aws:PrincipalTag/team":"x"}"#,
            r#""StringNotEqualsIfExists":{"aws:PrincipalTag/team":"x"}"#,
            r#""StringEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}"#,
        ]);
        let effect = prop::sample::select(vec!["Allow", "Allow", "Allow", "Deny"]);
        (action, resource, condition, effect).prop_map(|(action, resource, condition, effect)| {
            allow(action, resource, condition).replace("Allow", effect)
        })
    }

    fn documents() -> impl Strategy<Value = Vec<(&'static str, String)>> {
        let folder = prop::sample::select(vec!["identity", "identity", "boundary", "scp", "session"]);
        prop::collection::vec((folder, statement()), 1..5)
    }

    proptest! {
        /// What is called already allowed or denied on purpose holds whatever the unknown keys are.
        #[test]
        fn what_is_certain_holds_for_every_value(documents in documents(), tag in prop::option::of("[xy]"), stated: bool) {
            let sample = Sample::record("s3:GetObject", OBJECT);
            let sample = if stated { sample } else { sample.unstated() };
            let listed: Vec<(&str, &str)> = documents.iter().map(|(folder, text)| (*folder, text.as_str())).collect();
            let diagnosis = sample.refine(LayerUnstated, &listed).diagnosis;
            let cause = diagnosis.cause;
            // A split beside a condition that may have been met is a person's matter, and says so.
            let weighed = diagnosis.doubts.iter().any(|doubt| doubt.contains("allows it too"));
            let held = super::super::super::sample::held(&listed, &sample.principal);
            let mut request = sample.needed().request();
            if let Some(tag) = &tag {
                request.context.insert("aws:PrincipalTag/team".to_owned(), tag.as_str().into());
            }
            let decision = evaluate(&held.policies("s3:GetObject", OBJECT), &request);
            let denied = decision.kind == crate::policy::DecisionKind::Explicit;
            match cause {
                AlreadyAllowed => prop_assert!(decision.allowed || stated && denied),
                ExplicitDeny => prop_assert!(denied),
                IdentityAllowMissing | ArnFormMismatch | ResourceFormMismatch | ActionMisspelt | ConditionUnreachable => {
                    prop_assert!(!decision.allowed || weighed, "{cause} of what is allowed: {listed:?}");
                }
                _ => {}
            }
        }

        /// No text makes it panic, and what is proposed to be split is a statement of the policy.
        #[test]
        fn odd_names_are_no_trouble(action in ".{0,12}", resource in ".{0,20}", pattern in "[a-z:/*?${}]{0,20}") {
            let own = serde_json::json!({"Effect": "Allow", "Action": [action, "s3:*"], "Resource": pattern}).to_string();
            let sample = Sample::record("s3:GetObject", &resource);
            let documents = [("identity", own.as_str())];
            let held = super::super::super::sample::held(&documents, &sample.principal);
            let plain = super::super::super::sample::plain(IdentityAllowMissing);
            let _ = super::super::refine(&sample.needed(), &plain, &held, Catalog::embedded());
        }
    }
}
