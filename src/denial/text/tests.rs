//! Wrappings seen in the wild, each with the same few facts inside.

use super::*;
use crate::denial::{Encoded, PolicyType, ReasonKind};
use proptest::prelude::*;

const USER: &str = "arn:aws:sts::111122223333:assumed-role/app-pipeline-role-dev/1700000000000";
const KEY: &str = "arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A KMS denial as AWS sends it.
fn kms() -> String {
    format!(
        "User: {USER} is not authorized to perform: kms:GenerateDataKey on resource: {KEY} because no identity-based policy \
         allows the kms:GenerateDataKey action"
    )
}

/// An S3 denial, its resource in quotation marks.
fn s3() -> String {
    format!(
        "User: {USER} is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::b/k 1.txt\" with an explicit deny in \
         a resource-based policy"
    )
}

/// One line a denial: `action resource kind [layer] [code=] [op=] [service=]`.
fn told(text: &str) -> Vec<String> {
    let word = |value: &dyn erased| value.word();
    find(text)
        .iter()
        .map(|found| {
            let said = &found.parsed;
            let mut out = vec![
                said.action.clone().unwrap_or_default(),
                said.resource.clone().unwrap_or_default(),
                word(&said.reason.kind),
            ];
            out.extend(said.reason.policy_type.map(|layer| word(&layer)));
            out.extend(said.reason.special.map(|special| word(&special)));
            let named = [("code", &found.error_code), ("op", &found.operation), ("service", &found.service)];
            out.extend(named.iter().filter_map(|(key, value)| value.as_ref().map(|value| format!("{key}={value}"))));
            out.join(" ")
        })
        .collect()
}

#[allow(non_camel_case_types)]
trait erased {
    fn word(&self) -> String;
}
impl<T: serde::Serialize> erased for T {
    fn word(&self) -> String {
        serde_json::to_value(self).unwrap().as_str().unwrap().to_owned()
    }
}

#[track_caller]
fn check(text: &str, expect: &[&str]) {
    assert_eq!(told(text), expect, "{text}");
}

fn kms_told(more: &str) -> String {
    format!("kms:GenerateDataKey {KEY} implicit identity{more}")
}

const S3_TOLD: &str = "s3:PutObject arn:aws:s3:::b/k 1.txt explicit resource";

#[track_caller]
fn check_kms(text: &str, more: &str) {
    check(text, &[&kms_told(more)]);
}

#[test]
fn bare_and_prefixed() {
    check_kms(&kms(), "");
    check(&s3(), &[S3_TOLD]);
    check_kms(&format!("Upload failed ({})\nnext line", kms()), "");
    check_kms(&format!("2024-05-01T12:00:00.123Z ERROR worker: {}. Giving up", kms()), "");
    check_kms(&format!("AccessDeniedException: {}\n    at Foo.bar (x.js:1)", kms()), " code=AccessDeniedException");
    check(
        "AccessDeniedException: User is not authorized to perform: ecs:RegisterTaskDefinition\n```\n\n## Root Cause",
        &["ecs:RegisterTaskDefinition  unstated code=AccessDeniedException"],
    );
    check("no denial here: access was authorized to perform well", &[]);
    check("", &[]);
}

#[test]
fn wrapped_over_lines() {
    check_kms(
        &format!(
            "failed with the following error: \nUser: {USER} \nis not authorized to perform: kms:GenerateDataKey on resource: \n{KEY} \nbecause no identity-based policy allows the kms:GenerateDataKey action\n```\n"
        ),
        "",
    );
    let plain = format!("Error: {}", kms());
    for width in [40, 60, 72, 80, 100, 120] {
        let hard: Vec<String> =
            plain.as_bytes().chunks(width).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
        check_kms(&hard.join("\n"), "");
        check_kms(&format!("{}\nDone in 3s", words(&plain, width)), "");
        let boxed: Vec<String> =
            words(&plain, width).lines().map(|line| format!("\u{1b}[31m│\u{1b}[0m {line}")).collect();
        check_kms(&format!("╷\n{}\n│ \n│   with aws_s3_object.x,\n╵", boxed.join("\n")), "");
        let stamped: Vec<String> =
            words(&plain, width).lines().map(|line| format!("2024-05-01T12:00:00Z {line}")).collect();
        check_kms(&stamped.join("\n"), "");
    }
}

/// Wrapped at spaces, as editors and Terraform do.
fn words(text: &str, width: usize) -> String {
    let (mut out, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        if used > 0 && used + word.len() >= width {
            out.push('\n');
            used = 0;
        } else if used > 0 {
            out.push(' ');
        }
        out.push_str(word);
        used += word.len() + 1;
    }
    out
}

#[test]
fn cli_and_boto3() {
    let cli = |code: &str, message: &str| {
        format!("\nAn error occurred ({code}) when calling the PutObject operation: {message}\n")
    };
    check_kms(&cli("AccessDenied", &kms()), " code=AccessDenied op=PutObject");
    check(&cli("AccessDenied", "Access Denied"), &["  unstated bare code=AccessDenied op=PutObject"]);
    check(&cli("NoSuchBucket", "The specified bucket does not exist"), &[]);
    let boto = format!(
        "Traceback (most recent call last):\n  File \"a.py\", line 1\nbotocore.errorfactory.AccessDeniedException: {}",
        cli("AccessDeniedException", &kms()).trim()
    );
    check_kms(&boto, " code=AccessDeniedException op=PutObject");
    let retried = format!(
        "An error occurred (AccessDenied) when calling the AssumeRole operation (reached max retries: 4): {}",
        kms()
    );
    check_kms(&retried, " code=AccessDenied op=AssumeRole");
}

#[test]
fn sdks() {
    check_kms(
        &format!(
            "operation error S3: PutObject, https response error StatusCode: 403, RequestID: AB, HostID: x/y=, api error AccessDenied: {}",
            kms()
        ),
        " code=AccessDenied op=PutObject service=S3",
    );
    check_kms(&format!("AccessDenied: {}\n\tstatus code: 403, request id: 1-2", kms()), " code=AccessDenied");
    check_kms(
        &format!(
            "com.amazonaws.services.s3.model.AmazonS3Exception: {} (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied; Request ID: A; S3 Extended Request ID: b/c=; Proxy: null)\n\tat com.x.Y(Z.java:1)",
            kms()
        ),
        " code=AccessDenied service=Amazon S3",
    );
    check_kms(
        &format!(
            "software.amazon.awssdk.services.kms.model.KmsException: {} (Service: Kms, Status Code: 400, Request ID: 1-2) at software.amazon.x(Y.java:123)",
            kms()
        ),
        " service=Kms",
    );
    check(
        "software.amazon.awssdk.services.s3.model.S3Exception: Access Denied (Service: S3, Status Code: 403, Request ID: A)\n\tat x",
        &["  unstated bare service=S3"],
    );
    check_kms(
        &format!(
            "{{\n  message: '{}',\n  code: 'AccessDeniedException',\n  time: 2024-05-01T12:00:00.000Z,\n  statusCode: 403 }}",
            kms()
        ),
        " code=AccessDeniedException",
    );
    check(
        &format!("{{ [AccessDenied: {}]\n  code: 'AccessDenied' }}", s3()),
        &[&format!("{S3_TOLD} code=AccessDenied")],
    );
    check_kms(
        &format!(
            "ServiceError(ServiceError {{ source: AccessDeniedException(AccessDeniedException {{ message: Some(\"{}\"), meta: ErrorMetadata {{ code: Some(\"AccessDeniedException\") }} }}) }})",
            kms()
        ),
        " code=AccessDeniedException",
    );
    check_kms(
        &format!("<Error><Code>AccessDenied</Code><Message>{}</Message><RequestId>A</RequestId></Error>", kms()),
        " code=AccessDenied",
    );
    check_kms(
        &format!(
            "Error executing \"GenerateDataKey\" on \"https://kms.us-east-2.amazonaws.com\"; AWS HTTP error: Client error: resulted in a `403 Forbidden` response AccessDenied (client): {} - extra",
            kms()
        ),
        " code=AccessDenied op=GenerateDataKey",
    );
}

#[test]
fn other_places() {
    let xml = s3().replace('"', "&quot;");
    check(
        &format!("<Error><Code>AccessDenied</Code><Message>{xml}</Message></Error>"),
        &[&format!("{S3_TOLD} code=AccessDenied")],
    );
    check("Amazon.S3.AmazonS3Exception: Access Denied ---> Amazon.Runtime.X: y", &["  unstated bare"]);
    check(r#"{"errorMessage":"Access Denied"}"#, &["  unstated bare"]);
    let blob = "AbCd-_0123456789".repeat(40);
    let long = format!(
        "You are not authorized to perform this operation. User: {USER} is not authorized to perform: ec2:RunInstances on resource: * because no identity-based policy allows the ec2:RunInstances action. Encoded authorization failure message: {blob}"
    );
    let fill = "x".repeat(1024 - long.len() - " (Service: Ec2, Status Code: 403, Request ID: )".len());
    let found = find(&format!("{long} (Service: Ec2, Status Code: 403, Request ID: {fill})"));
    assert_eq!(found[0].parsed.encoded_message.as_deref(), Some(blob.as_str()));
    check_kms(&format!("> `{}`\r\n> thanks", kms()), "");
    check_kms(
        &format!(
            "Calling the invoke API action failed with this message: {} status code: 400, request id: 1-2, retry later",
            kms()
        ),
        "",
    );
    check_kms(&kms().replace(" is not", "  is not").replace("on resource", "\ton resource").replace("\ton", " on"), "");
    check(
        "error: AccessDenied: Access Denied status code: 403, request id: A, host id: b",
        &["  unstated bare code=AccessDenied"],
    );
    check(
        "failed to refresh cached credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, RequestID: x, api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
        &[
            "sts:AssumeRoleWithWebIdentity  unstated trust_federation code=AccessDenied op=AssumeRoleWithWebIdentity service=STS",
        ],
    );
    check("The fix for AccessDenied errors is a policy. See `AccessDenied` in the docs.", &[]);
    check(
        "Stack x failed: ValidationError: User: arn:aws:iam::111122223333:user/a is not authorized to perform: ssm:GetParameters on resource: arn:aws:ssm:us-east-1:111122223333:parameter/x because no identity-based policy allows the ssm:GetParameters action",
        &["ssm:GetParameters arn:aws:ssm:us-east-1:111122223333:parameter/x implicit identity"],
    );
}

#[test]
fn terraform_and_cloudformation() {
    check_kms(
        &format!(
            "╷\n│ Error: uploading S3 Object (a) to Bucket (b): operation error S3: PutObject, https response error StatusCode: 403, RequestID: A, HostID: b, api error AccessDenied: {}\n│ \n│   with aws_s3_object.x,\n│   on main.tf line 1, in resource \"aws_s3_object\" \"x\":\n│    1: resource \"aws_s3_object\" \"x\" {{\n│ \n╵",
            kms()
        ),
        " code=AccessDenied op=PutObject service=S3",
    );
    check_kms(
        &format!(
            "Resource handler returned message: \"{} (Service: Kms, Status Code: 400, Request ID: 1-2)\" (RequestToken: 3-4, HandlerErrorCode: AccessDenied)",
            kms()
        ),
        " code=AccessDenied service=Kms",
    );
    check(
        &format!(
            "CREATE_FAILED | AWS::S3::Object | Resource handler returned message: \"{} (Service: S3, Status Code: 403, Request ID: A)\" (RequestToken: 3, HandlerErrorCode: AccessDenied)",
            s3()
        ),
        &[&format!("{S3_TOLD} code=AccessDenied service=S3")],
    );
}

#[test]
fn escaped_logs() {
    let json = serde_json::json!({"level": "error", "msg": format!("put failed: AccessDenied: {}", s3()), "x": {"key": "because no"}}).to_string();
    check(&json, &[&format!("{S3_TOLD} code=AccessDenied")]);
    let twice = serde_json::json!({"log": json}).to_string();
    check(&twice, &[&format!("{S3_TOLD} code=AccessDenied")]);
    let lines = serde_json::json!({"message": format!("failed\n{}\n    at x", kms()), "code": "AccessDeniedException"})
        .to_string();
    check_kms(&lines, " code=AccessDeniedException");
    check_kms(
        &format!("{{'Error': {{'Message': '{}', 'Code': 'AccessDeniedException'}}}}", kms()),
        " code=AccessDeniedException",
    );
}

#[test]
fn several_in_one_log() {
    let other = kms().replace("GenerateDataKey", "Decrypt");
    let text = format!(
        "x: {}\ny: {other}\n\nx: {}\nAn error occurred (AccessDenied) when calling the GetObject operation: Access Denied\nz: {}",
        kms(),
        kms(),
        s3()
    );
    let decrypt = kms_told("").replace("GenerateDataKey", "Decrypt");
    check(&text, &[&kms_told(""), &decrypt, "  unstated bare code=AccessDenied op=GetObject", S3_TOLD]);
    check(&format!("[\"{}\",\"{other}\"]", kms()), &[&kms_told(""), &decrypt]);
}

#[test]
fn tails_over_lines() {
    let denied = format!(
        "User: {USER} is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::111122223333:role/x with an explicit deny in a service control\npolicy: arn:aws:organizations::111122223333:policy/o-a/service_control_policy/p-b\nexit 1"
    );
    let found = find(&denied);
    assert_eq!(found[0].parsed.reason.policy_type, Some(PolicyType::Scp));
    assert_eq!(
        found[0].parsed.reason.policy_arn.as_deref(),
        Some("arn:aws:organizations::111122223333:policy/o-a/service_control_policy/p-b")
    );
    let blob = "AbCd-_0123456789".repeat(40);
    let ec2 = format!(
        "You are not authorized to perform this operation. User: {USER} is not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:us-east-1:111122223333:instance/* because no identity-based policy allows the ec2:RunInstances action. Encoded authorization failure message: {blob}"
    );
    for width in [80, 100, 4000] {
        let wrapped: Vec<String> =
            ec2.as_bytes().chunks(width).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
        let found = find(&format!("{}\nTraceback", wrapped.join("\n")));
        assert_eq!((found.len(), found[0].parsed.encoded_message.as_deref()), (1, Some(blob.as_str())), "{width}");
        assert_eq!(found[0].parsed.reason.encoded, Encoded::Present);
        assert_eq!(found[0].parsed.reason.kind, ReasonKind::Implicit);
    }
    let opaque = find(&format!(
        "UnauthorizedOperation: You are not authorized to perform this operation. Encoded authorization failure message: {blob}\n\tstatus code: 403, request id: 1"
    ));
    assert_eq!(opaque[0].parsed.encoded_message.as_deref(), Some(blob.as_str()));
    assert_eq!(opaque[0].error_code.as_deref(), Some("UnauthorizedOperation"));
}

#[test]
fn what_a_break_hides_is_not_guessed() {
    let head = format!("User: {USER} is not authorized to perform: s3:GetObject on resource:");
    let tail = "because no identity-based policy allows the s3:GetObject action";
    check(&format!("{head} \"arn:aws:s3:::b/data of\nmay\" {tail}"), &["s3:GetObject  implicit identity"]);
    check(
        "User: x is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/long-na\nme-here",
        &["sts:AssumeRole  unstated"],
    );
    check(
        "User: x is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/app\nexit status 1",
        &["sts:AssumeRole arn:aws:iam::111122223333:role/app unstated"],
    );
}

#[test]
fn names_that_hold_a_message() {
    let inner = "arn:aws:s3:::b/User: arn:aws:iam::1:user/x is not authorized to perform: iam:PutUserPolicy on resource: * because no identity-based policy allows the iam:PutUserPolicy action";
    let text = format!(
        "AccessDenied: User: {USER} is not authorized to perform: s3:GetObject on resource: \"{inner}\" because no identity-based policy allows the s3:GetObject action"
    );
    let found = find(&text);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].parsed.action.as_deref(), found[0].parsed.suspect), (Some("s3:GetObject"), true));
    let json = serde_json::json!({"msg": text}).to_string();
    assert_eq!(find(&json).len(), 1);
    for tail in ["", " with an explicit deny in a resource control policy"] {
        let broken = format!(
            "User: {USER} is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/x\" because no identity-based policy allows the s3:GetObject action\ny\"{tail}"
        );
        let json = serde_json::json!({"msg": broken}).to_string();
        assert!(find(&json).iter().all(|found| found.parsed.suspect), "{json}");
    }
}

#[test]
fn texts_without_an_action() {
    check("Access Denied", &["  unstated bare"]);
    check("AccessDenied", &["  unstated bare code=AccessDenied"]);
    check(
        "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: Not authorized to perform sts:AssumeRoleWithWebIdentity",
        &["sts:AssumeRoleWithWebIdentity  unstated trust_federation code=AccessDenied op=AssumeRoleWithWebIdentity"],
    );
    check(
        "AccessDeniedException: The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
        &["  unstated kms_opaque code=AccessDeniedException"],
    );
    check(
        "api error VpceAccessDenied: The request was denied due to a VPC endpoint policy",
        &["  unstated vpc_endpoint code=VpceAccessDenied"],
    );
}

#[test]
fn a_known_message_over_lines_is_one_line() {
    let found = find("The account\nis suspended\n");
    assert_eq!(found.iter().map(|excerpt| excerpt.message.as_str()).collect::<Vec<_>>(), ["The account is suspended"]);
}

/// White space of two bytes before the core once cut a character in half.
#[test]
fn wide_white_space_before_the_core_is_survived() {
    for space in ["\u{85}", "\u{a0}", "\u{2028}", "\u{3000}"] {
        let text = format!("x{space}arn:aws:iam::111122223333:role/a is not authorized to perform: s3:GetObject");
        let found = find(&text);
        assert_eq!(found[0].parsed.principal.as_deref(), Some("arn:aws:iam::111122223333:role/a"), "{text}");
    }
}

/// Names that hold AWS's own words, quotation marks and line breaks.
fn forged_name() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "x",
        "\"",
        "'",
        " ",
        ",",
        "}",
        "\n",
        " because no identity-based policy allows the s3:GetObject action",
        " with an explicit deny in a session policy",
        ": arn:aws:iam::1:policy/p",
        " (Service: S3)",
        "User: arn:aws:iam::1:user/y",
        " is not authorized to perform: iam:PutUserPolicy",
        " on resource: *",
        "AccessDenied: ",
        "<",
        "`",
        "\\",
    ]);
    prop::collection::vec(parts, 1..7).prop_map(|parts| parts.concat())
}

fn in_json(message: &str) -> String {
    serde_json::json!({"msg": format!("x: {message}"), "code": "AccessDenied"}).to_string()
}

fn in_xml(message: &str) -> String {
    let message = message.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    format!("<Error><Code>AccessDenied</Code><Message>{message}</Message><RequestId>A</RequestId></Error>")
}

/// A denial of an object with this name, its text put into other text, tells no more than AWS said, or is suspect.
fn nothing_is_forged(name: &str, caused: bool, wrap: impl Fn(&str) -> String) -> Result<(), TestCaseError> {
    let name = format!("arn:aws:s3:::b/{name}");
    let cause = if caused { " with an explicit deny in a resource control policy" } else { "" };
    let text = wrap(&format!("User: {USER} is not authorized to perform: s3:GetObject on resource: \"{name}\"{cause}"));
    for found in find(&text) {
        let said = found.parsed;
        let same = said.resource.is_none() || said.resource.as_deref() == Some(name.as_str());
        let honest = said.action.as_deref() == Some("s3:GetObject")
            && same
            && (said.reason.kind == ReasonKind::Unstated || caused && said.reason.policy_type == Some(PolicyType::Rcp));
        prop_assert!(honest || said.suspect || said.action.is_none(), "{said:?} in {text}");
    }
    Ok(())
}

#[test]
fn a_quoted_name_over_escaped_lines_forges_no_cause() {
    // The name holds a line break, a quotation mark, a cause and a core: the core once passed for the next message, whose
    // beginning cut the name off right behind its forged cause, and the quotation mark that ends the name went unseen.
    let name = "\n\" with an explicit deny in a session policy is not authorized to perform: iam:PutUserPolicy";
    nothing_is_forged(name, false, in_json).unwrap();
    nothing_is_forged(name, true, in_json).unwrap();
    nothing_is_forged("x\" with an explicit deny in a session policy y", false, |message| {
        format!("{message}; giving up on this")
    })
    .unwrap();
}

/// What is written behind the string, or the element, of a message is none of its name's: honest messages stay trusted.
#[test]
fn marks_behind_the_end_of_a_string_raise_no_doubt() {
    #[track_caller]
    fn check_trusted(text: &str, count: usize) {
        let found = find(text);
        assert_eq!(found.len(), count, "{text}");
        for found in found {
            assert_eq!(found.parsed.resource.as_deref(), Some("arn:aws:s3:::b/k 1.txt"), "{text}");
            assert!(!found.parsed.suspect, "{text}");
        }
    }
    let json = serde_json::json!({"msg": s3(), "x": "a \"b\" c"}).to_string();
    check_trusted(&json, 1);
    check_trusted(&serde_json::json!({"log": json}).to_string(), 1);
    check_trusted(&serde_json::json!([s3(), s3().replace("PutObject", "GetObject")]).to_string(), 2);
    let xml = format!("{}{}", in_xml(&s3()), in_xml(&s3().replace("PutObject", "GetObject")));
    check_trusted(&xml, 2);
    check_trusted(&format!("{}; retrying", s3()), 1);
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC{0,200}") {
        find(&text);
    }

    #[test]
    fn any_shuffle_is_survived(parts in prop::collection::vec(prop::sample::select(vec![
        "User: ", "arn:aws:s3:::b/k", " is not authorized to perform: ", "s3:GetObject", " on resource: ", "\"", " because no ",
        "identity-based policy", " allows the ", " action", "\n", "\n\n", "│ ", "\u{1b}[31m", "\\\"", "\\n", "\\", "'", "AccessDenied",
        ": ", "(", ")", "You are not authorized to perform this operation. ", "é", "\u{E000}", "\u{E001}",
        "\u{E003}", "<", "<Message>", "&lt;", "&quot;", "2024-05-01 ",
    ]), 0..30)) {
        find(&parts.concat());
    }

    #[test]
    fn a_wrapped_message_says_what_the_whole_said(width in 30usize..200, by_words in any::<bool>()) {
        let text = kms();
        let wrapped = if by_words { words(&text, width) } else {
            text.as_bytes().chunks(width).map(|part| String::from_utf8_lossy(part).into_owned()).collect::<Vec<_>>().join("\n")
        };
        let found = find(&wrapped);
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].parsed, &parse_pasted(&text));
    }

    #[test]
    fn no_name_forges_another_denial(
        name in forged_name(),
        wrapping in 0..5,
        caused in any::<bool>(),
    ) {
        // A name that holds a line break can put any text into a log that does not escape it; nothing tells that apart.
        let name = if wrapping == 2 { name } else { name.replace('\n', "") };
        nothing_is_forged(&name, caused, |message| match wrapping {
            0 => message.to_owned(),
            1 => format!("AccessDenied: {message}"),
            2 => in_json(message),
            3 => format!("Resource handler returned message: \"{message} (Service: S3, Status Code: 403, Request ID: A)\" (RequestToken: 3, HandlerErrorCode: AccessDenied)"),
            _ => format!("{{'Message': '{message}', 'Code': 'AccessDenied'}}"),
        })?;
    }

    #[test]
    fn no_name_forges_another_denial_before_other_words(name in forged_name(), wrapping in 0..5, caused in any::<bool>()) {
        let name = if matches!(wrapping, 1 | 2) { name } else { name.replace('\n', "") };
        nothing_is_forged(&name, caused, |message| match wrapping {
            0 => format!("x: {message}; giving up on this"),
            1 => serde_json::json!({"log": in_json(message)}).to_string(),
            2 => in_json(&format!("{message}; giving up on this")),
            3 => in_xml(message),
            _ => in_json(&in_xml(message)),
        })?;
    }
}
