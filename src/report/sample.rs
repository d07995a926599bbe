//! Advice for tests: invented, with the account ids that AWS's documentation uses.

use crate::advice::{Advice, DeniedItem, Status};
use crate::denial::{Encoded, How, PolicyType, Reason, ReasonKind};
use crate::diagnosis::{Diagnosis, Target, TargetKind};
use crate::patch::{Applicability, Companion, Patch, Proof};
use crate::principal::{Principal, PrincipalKind};
use crate::triage::{Severity, Verdict};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

const KEY: &str = "arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn at(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn own(text: &str) -> String {
    text.to_owned()
}

pub(crate) fn role(name: &str) -> Principal {
    Principal {
        kind: PrincipalKind::Role,
        arn: Some(format!("arn:aws:iam::111122223333:role/{name}")),
        account: Some(own("111122223333")),
        name: Some(own(name)),
        path_known: false,
        session: Some(own("1760000000000")),
    }
}

fn reason(kind: ReasonKind, layer: Option<PolicyType>) -> Reason {
    Reason {
        kind,
        policy_type: layer,
        policy_arn: None,
        authorization_id: None,
        encoded: Encoded::Absent,
        special: None,
        cut: false,
    }
}

/// One item, denied between two times.
pub(crate) fn item(action: &str, resource: &str, count: u64, verdict: Verdict) -> DeniedItem {
    DeniedItem {
        action: Some(own(action)),
        resource: Some(own(resource)),
        count,
        first_seen: at("2026-11-11T10:02:14Z"),
        last_seen: at("2026-11-11T10:08:31Z"),
        verdict,
        status: Status::Open,
        muted_by: None,
        allowed_since: None,
        looked_until: None,
        allowed_before: None,
        unseen: None,
        how: How::Message,
        events: vec![own("5f0e1d2c-3b4a-4958-8776-655443322110")],
        operations: vec![own(action)],
        regions: vec![own("us-east-2")],
        reason: reason(ReasonKind::Implicit, Some(PolicyType::Identity)),
        diagnosis: diagnosis(),
    }
}

fn diagnosis() -> Diagnosis {
    Diagnosis {
        doubts: Vec::new(),
        cause: crate::diagnosis::Cause::IdentityAllowMissing,
        summary: own("No policy attached to the role allows `kms:GenerateDataKey` on this key."),
        evidence: vec![
            own("AWS: \"because no identity-based policy allows the kms:GenerateDataKey action\""),
            own("The message names no SCP and no permissions boundary."),
        ],
        unchecked: vec![own("the key policy"), own("SCPs and RCPs")],
    }
}

/// Story 1: a pipeline role that may not use a key.
pub(crate) fn pipeline() -> Advice {
    Advice {
        id: own("D-7F3AQ2ZK4M"),
        principal: role("shop-codepipeline-role-dev"),
        account: Some(own("111122223333")),
        count: 14,
        first_seen: at("2026-11-11T10:02:14Z"),
        last_seen: at("2026-11-11T10:08:31Z"),
        denied: vec![item("kms:GenerateDataKey", KEY, 14, Verdict::Patch)],
        verdict: Verdict::Patch,
        severity: Severity::Medium,
        diagnosis: diagnosis(),
        patches: vec![patch()],
        days: BTreeMap::from([(jiff::civil::date(2026, 11, 11), 14)]),
        allowed_since: None,
        changes: Default::default(),
        foretold: Vec::new(),
    }
}

fn patch() -> Patch {
    let statement = json!({"Sid": "AllowKmsGenerateDataKey", "Effect": "Allow",
        "Action": "kms:GenerateDataKey", "Resource": KEY,
        "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-2.amazonaws.com"}}});
    Patch {
        target: target("shop-codepipeline-role-dev"),
        applicability: Applicability::Apply,
        doubts: vec![],
        document: serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [statement]})).ok(),
        merged: None,
        room: Default::default(),
        widened: vec![],
        companions: vec![Companion {
            actions: vec![own("kms:Decrypt")],
            resources: vec![own(KEY)],
            conditions: BTreeMap::new(),
            why: own("later stages read the encrypted artifacts"),
            source: own("s3-sse-kms"),
        }],
        proof: Some(Proof {
            basis: own("message"),
            before: own("denied"),
            after: own("allowed"),
            minimal: true,
            beyond: vec![],
        }),
    }
}

pub(crate) fn target(role: &str) -> Target {
    Target {
        kind: TargetKind::RolePolicy,
        arn: Some(format!("arn:aws:iam::111122223333:role/{role}")),
        name: Some(own(role)),
        account: Some(own("111122223333")),
    }
}

/// Story 2: API operations that are no IAM actions.
pub(crate) fn upload() -> Advice {
    let mut advice = pipeline();
    advice.id = own("D-19C2B7XQ4T");
    advice.principal = role("package-svc");
    advice.severity = Severity::High;
    let mut put = item("s3:PutObject", "arn:aws:s3:::artifacts-prod/packages/a.tgz", 120, Verdict::Patch);
    put.how = How::Exception;
    put.operations = vec![own("s3:CompleteMultipartUpload"), own("s3:CreateMultipartUpload")];
    let get = item("s3:GetObject", "arn:aws:s3:::artifacts-prod/packages/b.tgz", 80, Verdict::Patch);
    advice.denied = vec![put, get];
    advice.count = 200;
    advice.days = BTreeMap::from([(jiff::civil::date(2026, 11, 4), 60), (jiff::civil::date(2026, 11, 10), 140)]);
    advice.first_seen = at("2026-11-04T08:00:00Z");
    advice.last_seen = at("2026-11-10T21:12:00Z");
    advice.patches[0].target = target("package-svc");
    advice.patches[0].companions = vec![];
    advice.patches[0].document = serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "PackagesWrite", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
         "Resource": "arn:aws:s3:::artifacts-prod/packages/*"}]}))
    .ok();
    advice
}

/// A user trying many permissions: never a patch, even where one was wrongly handed in.
pub(crate) fn probing() -> Advice {
    let mut advice = pipeline();
    advice.id = own("D-2D31C0FFEE");
    advice.principal.kind = PrincipalKind::User;
    advice.principal.name = Some(own("ci-legacy"));
    advice.principal.arn = Some(own("arn:aws:iam::111122223333:user/ci-legacy"));
    advice.verdict = Verdict::Probing;
    advice.severity = Severity::Critical;
    let names = ["iam:ListUsers", "s3:ListAllMyBuckets", "secretsmanager:ListSecrets", "sts:GetFederationToken"];
    advice.denied = names.iter().map(|name| item(name, "*", 3, Verdict::Probing)).collect();
    advice.count = 12;
    advice.days = BTreeMap::from([(jiff::civil::date(2026, 11, 14), 12)]);
    advice
}

/// Denied by an SCP.
pub(crate) fn upheld() -> Advice {
    let mut advice = pipeline();
    advice.id = own("D-2C05AAAAAA");
    advice.principal.kind = PrincipalKind::PermissionSet;
    advice.principal.name = Some(own("DeveloperAccess"));
    advice.verdict = Verdict::Upheld;
    advice.severity = Severity::Low;
    let mut launch = item("ec2:RunInstances", "arn:aws:ec2:eu-west-3:111122223333:instance/*", 4, Verdict::Upheld);
    launch.reason = reason(ReasonKind::Explicit, Some(PolicyType::Scp));
    advice.denied = vec![launch];
    advice.count = 4;
    advice.days = BTreeMap::from([(jiff::civil::date(2026, 11, 12), 4)]);
    advice.patches[0].applicability = Applicability::Explain;
    advice.patches[0].document = None;
    advice.patches[0].proof = None;
    advice
}

/// Strings that a stranger may choose: mentions, links, controls, quotes, long runs.
pub(crate) fn hostile() -> impl Strategy<Value = String> {
    let bait = prop::sample::select(vec![
        "<!channel>",
        "<!here|x>",
        "<@U012AB3CD>",
        "<!subteam^S1>",
        "<https://evil.example|ok>",
        "```",
        "`",
        "\u{202e}",
        "\x1b[31m",
        "\r\n",
        "*bold*",
        "_i_",
        "~s~",
        "&lt;",
        "&",
        "|",
        "| x |",
        "@all",
        "[a](http://b)",
        "${x}",
        "\"",
        "\\",
        "\\|",
        "\0",
        "你好",
        "🦀",
        "=1+1",
        ":skull:",
        "# h",
        "-->",
        "\u{200b}",
    ]);
    let piece = prop_oneof![bait.prop_map(own), any::<String>(), "[a-z/*:-]{0,30}"];
    let short = prop::collection::vec(piece, 0..6).prop_map(|parts| parts.concat());
    prop_oneof![8 => short.clone(), 1 => (short, 1usize..150).prop_map(|(text, n)| text.repeat(n))]
}

/// Advice with such strings everywhere, any verdict, any size.
pub(crate) fn any_advice() -> impl Strategy<Value = Advice> {
    let texts = prop::collection::vec(hostile(), 12);
    let verdicts = prop::sample::select(vec![
        Verdict::Probing,
        Verdict::Owner,
        Verdict::Review,
        Verdict::Patch,
        Verdict::Unclear,
        Verdict::Upheld,
        Verdict::Transient,
        Verdict::Expected,
    ]);
    (texts, verdicts, 0usize..20, any::<u64>(), any::<bool>()).prop_map(|(texts, verdict, many, count, known)| {
        let text = |n: usize| texts[n % texts.len()].clone();
        let mut advice = pipeline();
        advice.verdict = verdict;
        advice.id = text(0);
        advice.count = count;
        advice.principal.name = known.then(|| text(1));
        advice.principal.arn = known.then(|| text(2));
        advice.principal.session = Some(text(3));
        advice.account = known.then(|| text(4));
        advice.diagnosis.summary = text(5);
        advice.diagnosis.evidence = (0..many).map(text).collect();
        advice.diagnosis.unchecked = (0..many).map(|n| text(n + 3)).collect();
        let base = advice.denied[0].clone();
        advice.denied = (0..many)
            .map(|n| {
                let mut item = base.clone();
                item.action = known.then(|| text(n + 1));
                item.resource = known.then(|| text(n + 2));
                item.verdict = verdict;
                item.count = count / (n as u64 + 1);
                item.operations = (0..many).map(|m| text(m + n)).collect();
                item.regions = vec![text(n + 4)];
                item.events = vec![text(n + 5)];
                item.how = How::Exception;
                item
            })
            .collect();
        let patch = &mut advice.patches[0];
        patch.target.name = Some(text(6));
        patch.doubts = (0..many).map(|n| text(n + 7)).collect();
        let statement = json!({"Effect": "Allow", "Action": text(8), "Resource": [text(9), text(10)]});
        patch.document =
            serde_json::from_value(json!({"Version": "2012-10-17", "Statement": vec![statement; many]})).ok();
        patch.companions[0].why = text(11);
        patch.companions[0].actions = (0..many).map(text).collect();
        patch.companions[0].resources = (0..many).map(|n| text(n + 1)).collect();
        patch.companions = vec![patch.companions[0].clone(); many];
        if let Some(proof) = patch.proof.as_mut() {
            proof.beyond = (0..many).map(|n| text(n + 2)).collect();
        }
        advice
    })
}
