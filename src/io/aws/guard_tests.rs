use super::*;
#[cfg(any(feature = "lookup", feature = "lambda"))]
use crate::io::aws::Aws;
use crate::io::doubles::{Reply, Server};
use crate::io::http as own;
use aws_smithy_types::body::SdkBody;

const SCOPE: &str = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/us-east-1/SERVICE/aws4_request, \
                     SignedHeaders=host;x-amz-date, Signature=0123456789abcdef";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.1");

/// A request to `base`; `service` empty means unsigned.
fn request(base: &str, method: &str, path: &str, service: &str, headers: &[(&str, &str)], body: &str) -> HttpRequest {
    let mut request = http::Request::builder().method(method).uri(format!("{base}{path}"));
    if !service.is_empty() {
        request = request.header("authorization", SCOPE.replace("SERVICE", service));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    HttpRequest::try_from(request.body(SdkBody::from(body)).unwrap()).unwrap()
}

#[track_caller]
fn passes(method: &str, path: &str, service: &str, headers: &[(&str, &str)], body: &str) {
    let request = request("https://a.example", method, path, service, headers, body);
    if let Err(refused) = check(&request) {
        panic!("{refused}");
    }
}

#[test]
fn what_denywatch_calls_passes() {
    let target = |name| [JSON, ("x-amz-target", name)];
    passes("POST", "/", "cloudtrail", &target("CloudTrail_20131101.LookupEvents"), "{}");
    passes("POST", "/", "secretsmanager", &target("secretsmanager.GetSecretValue"), "{\"SecretId\":\"Action=x\"}");
    passes("POST", "/", "ssm", &target("AmazonSSM.GetParameter"), "{}");
    passes("POST", "/", "sns", &[FORM], "Action=Publish&Version=2010-03-31&Message=Action%3DPutRolePolicy");
    passes("POST", "/", "sts", &[FORM], "Action=AssumeRole&Version=2011-06-15&RoleArn=x");
    passes("POST", "/", "iam", &[FORM], "Action=GetRolePolicy&Version=2010-05-08&RoleName=PutRolePolicy");
    passes("POST", "/", "kms", &target("TrentService.GetKeyPolicy"), "{}");
    passes("GET", "/bucket?policy", "s3", &[], "");
    passes("GET", "/bucket/denywatch/a%20b.toml", "s3", &[], "");
    passes("GET", "/bucket/logs//AWSLogs/a.json.gz", "s3", &[], "");
    passes("GET", "/bucket//a.json.gz", "s3", &[], "");
    passes("GET", "/bucket?encoding-type=url&list-type=2&prefix=AWSLogs%2F", "s3", &[], "");
    passes(
        "PUT",
        "/bucket/weekly/2026-W46.html",
        "s3",
        &[("content-type", "text/html")],
        "<p>Action=PutRolePolicy;</p>",
    );
    passes("GET", "/2015-03-31/functions/f%3Alive/policy", "lambda", &[], "");
    passes("GET", "/authorization-details/0abc?nextToken=t", "iam", &[], "");
}

#[test]
fn credentials_can_be_fetched() {
    passes("POST", "/", "", &[FORM], "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken=x");
    let sso = "/federation/credentials?role_name=Admin&account_id=111122223333";
    passes("GET", sso, "", &[("x-amz-sso_bearer_token", "t")], "");
    passes("POST", "/token", "", &[("content-type", "application/json")], "{\"clientId\":\"x\"}");
    passes("PUT", "/latest/api/token", "", &[("x-aws-ec2-metadata-token-ttl-seconds", "21600")], "");
    passes("GET", "/latest/meta-data/iam/security-credentials/role", "", &[("x-aws-ec2-metadata-token", "t")], "");
    passes("GET", "/v2/credentials/5e4a8a3e", "", &[], "");
    passes("GET", "/v1/credentials", "", &[("authorization", "eyJhbGciOiJSUzI1NiJ9.e30.x")], "");
}

/// Requests that a real service might take for a write; none may arrive.
fn tricks(base: &str) -> Vec<(&'static str, HttpRequest)> {
    let put = "Action=PutRolePolicy&Version=2010-05-08&RoleName=r&PolicyName=p&PolicyDocument=%7B%7D";
    let publish = ("x-amz-target", "AmazonSNS.Publish");
    let lookup = ("x-amz-target", "CloudTrail_20131101.LookupEvents");
    let r = |method, path, service, headers: &[(&str, &str)], body| request(base, method, path, service, headers, body);
    vec![
        ("plain", r("POST", "/", "iam", &[FORM], put)),
        ("another write", r("POST", "/", "iam", &[FORM], "Action=AttachRolePolicy&Version=2010-05-08")),
        (
            "a read of IAM that is not listed",
            r("POST", "/", "iam", &[FORM], "Action=GetAccountSummary&Version=2010-05-08"),
        ),
        ("a read with a query", r("POST", "/?x=1", "iam", &[FORM], "Action=GetRole&Version=2010-05-08")),
        ("a listed path, written to", r("PUT", "/2015-03-31/functions/f/policy", "lambda", &[], "{}")),
        ("an object with a body", r("GET", "/bucket/key", "s3", &[], "{}")),
        ("an object's rights", r("GET", "/bucket/key?acl", "s3", &[], "")),
        ("a path that climbs", r("GET", "/bucket/a/../b", "s3", &[], "")),
        ("a path that climbs, encoded", r("GET", "/bucket/a/%2E%2e/b", "s3", &[], "")),
        ("a path that climbs, half encoded", r("GET", "/bucket/a/.%2e/b", "s3", &[], "")),
        ("a path that stays", r("GET", "/bucket/a/./b", "s3", &[], "")),
        ("a path that climbs, behind an empty part", r("GET", "/bucket//../b", "s3", &[], "")),
        ("a bucket listed by slashes", r("GET", "/bucket//", "s3", &[], "")),
        ("an object without a name", r("GET", "/bucket/a//", "s3", &[], "")),
        ("an object of no bucket", r("GET", "//key", "s3", &[], "")),
        ("an object put over an empty part", r("PUT", "/bucket//key", "s3", &[], "x")),
        ("an empty part elsewhere", r("GET", "/2015-03-31/functions//policy", "lambda", &[], "")),
        ("a bucket made", r("PUT", "/bucket", "s3", &[], "")),
        ("a bucket made by a slash", r("PUT", "/bucket/", "s3", &[], "")),
        ("a bucket's policy put", r("PUT", "/bucket?policy", "s3", &[], "{}")),
        ("an object's rights put", r("PUT", "/bucket/key?acl", "s3", &[], "{}")),
        ("an object copied", r("PUT", "/bucket/key", "s3", &[("x-amz-copy-source", "/other/key")], "")),
        ("an object made public", r("PUT", "/bucket/key", "s3", &[("x-amz-acl", "public-read")], "x")),
        ("an object put over a climbing path", r("PUT", "/bucket/../other/key", "s3", &[], "x")),
        ("an object deleted", r("DELETE", "/bucket/key", "s3", &[], "")),
        ("a put elsewhere", r("PUT", "/bucket/key", "iam", &[], "x")),
        ("an unsigned put", r("PUT", "/bucket/key", "", &[], "x")),
        ("a bucket listed", r("GET", "/bucket", "s3", &[], "")),
        ("a listed path with a body", r("GET", "/bucket?policy", "s3", &[], "{}")),
        ("a listed path with another query", r("GET", "/bucket?policy&acl", "s3", &[], "")),
        ("a listed path of another service", r("GET", "/bucket?policy", "lambda", &[], "")),
        ("a longer path", r("GET", "/2015-03-31/functions/f/g/policy", "lambda", &[], "")),
        ("a path upwards", r("GET", "/2015-03-31/functions/../policy", "lambda", &[], "")),
        ("a part left empty", r("GET", "/authorization-details/", "iam", &[], "")),
        ("listed action, other service", r("POST", "/", "iam", &[FORM], "Action=Publish")),
        ("other action, listed service", r("POST", "/", "sns", &[FORM], "Action=SetTopicAttributes&TopicArn=x")),
        ("letter case of the action", r("POST", "/", "sns", &[FORM], "Action=publish")),
        ("letter case of the service", r("POST", "/", "SNS", &[FORM], "Action=Publish")),
        ("letter case of the key", r("POST", "/", "sns", &[FORM], "action=PutRolePolicy")),
        ("twice", r("POST", "/", "sns", &[FORM], "Action=Publish&Action=PutRolePolicy")),
        ("twice in two cases", r("POST", "/", "sns", &[FORM], "Action=Publish&ACTION=PutRolePolicy")),
        ("twice, encoded", r("POST", "/", "sns", &[FORM], "Action=Publish&%41ction=PutRolePolicy")),
        ("twice, a space before", r("POST", "/", "sns", &[FORM], "Action=Publish&+Action=PutRolePolicy")),
        ("twice, split by ;", r("POST", "/", "sns", &[FORM], "Action=Publish&Message=m;Action=PutRolePolicy")),
        ("query and body", r("POST", "/?Action=PutRolePolicy", "sns", &[FORM], "Action=Publish")),
        ("query alone", r("GET", "/?Action=PutRolePolicy&Version=2010-05-08", "iam", &[], "")),
        ("query, encoded key", r("GET", "/?%61ction=PutRolePolicy", "iam", &[], "")),
        ("query, unsigned", r("GET", "/?Action=PutRolePolicy", "", &[], "")),
        (
            "a presigned address",
            r("GET", "/?X-Amz-Credential=AKIA/20261122/us-east-1/iam/aws4_request&X-Amz-Signature=ab", "", &[], ""),
        ),
        ("the old signature", r("GET", "/?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=ab", "", &[], "")),
        ("header and form", r("POST", "/", "sns", &[FORM, publish], "Action=PutRolePolicy")),
        ("header with JSON, form behind", r("POST", "/", "sns", &[JSON, publish], "Action=PutRolePolicy")),
        ("form that says JSON", r("POST", "/", "sns", &[JSON], put)),
        ("target twice", r("POST", "/", "cloudtrail", &[JSON, lookup, ("x-amz-target", "x.StopLogging")], "{}")),
        (
            "another target",
            r("POST", "/", "cloudtrail", &[JSON, ("x-amz-target", "CloudTrail_20131101.StopLogging")], "{}"),
        ),
        ("another prefix", r("POST", "/", "cloudtrail", &[JSON, ("x-amz-target", "x.LookupEvents")], "{}")),
        ("target in lower case", r("POST", "/", "ssm", &[JSON, ("x-amz-target", "amazonssm.getparameter")], "{}")),
        (
            "a write of a listed service",
            r("POST", "/", "ssm", &[JSON, ("x-amz-target", "AmazonSSM.PutParameter")], "{}"),
        ),
        ("another path", r("POST", "/service/AmazonSSM/operation/PutParameter", "ssm", &[JSON], "{}")),
        ("listed target, other path", r("POST", "/2015-03-31/functions", "cloudtrail", &[JSON, lookup], "{}")),
        ("another method", r("PUT", "/", "cloudtrail", &[JSON, lookup], "{}")),
        (
            "another method by header",
            r("POST", "/", "sns", &[FORM, ("x-http-method-override", "PUT")], "Action=Publish"),
        ),
        ("REST", r("PUT", "/bucket?policy", "s3", &[], "{}")),
        ("REST, unsigned", r("PUT", "/latest/meta-data/", "", &[], "{}")),
        (
            "two signatures",
            r("POST", "/", "sns", &[FORM, ("authorization", &SCOPE.replace("SERVICE", "iam"))], "Action=Publish"),
        ),
        (
            "two credentials in one signature",
            r(
                "POST",
                "/",
                "sns/aws4_request, Credential=AKIAIOSFODNN7EXAMPLE/20261122/us-east-1/iam",
                &[FORM],
                "Action=Publish",
            ),
        ),
        (
            "signature of another kind",
            r("POST", "/", "", &[FORM, ("authorization", "AWS4-ECDSA-P256-SHA256 Credential=x")], put),
        ),
        ("signature in lower case", r("GET", "/", "", &[("authorization", "aws4-hmac-sha256 credential=x")], "")),
        ("the old signature in a header", r("GET", "/", "", &[("authorization", "AWS AKIAIOSFODNN7EXAMPLE:ab=")], "")),
        (
            "a signature without its kind",
            r("GET", "/", "", &[("authorization", "x Credential=AKIAIOSFODNN7EXAMPLE/a")], ""),
        ),
        ("target without JSON", r("POST", "/", "cloudtrail", &[FORM, lookup], "{}")),
        ("unsigned write", r("POST", "/", "", &[FORM], put)),
        ("unsigned GET with a form", r("GET", "/latest/meta-data/", "", &[FORM], put)),
        ("a body that is no text", r("POST", "/", "sns", &[FORM], "Action=Publish&x=%FF")),
        ("broken encoding", r("POST", "/", "sns", &[FORM], "Action=Publish&x=%+f")),
    ]
}

#[tokio::test]
async fn no_trick_arrives() {
    let server = Server::start(|_, _| Reply::new(200, "{}"));
    let guarded = GuardedConnector::new(own::connector());
    for (name, request) in tricks(&server.url()) {
        let error = guarded.call(request).await.expect_err(name);
        assert!(error.is_user(), "{name}: {error:?}");
        let source = error.into_source().to_string();
        assert!(source.starts_with("refused to call AWS: ") && source.ends_with("; nothing was sent"), "{source}");
    }
    assert_eq!(server.seen().len(), 0, "{:?}", server.seen());
    let fine = request(&server.url(), "POST", "/", "sns", &[FORM], "Action=Publish");
    assert_eq!(guarded.call(fine).await.unwrap().status().as_u16(), 200);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn the_error_names_the_call() {
    let put = request("https://iam.amazonaws.com", "POST", "/", "iam", &[FORM], "Action=PutRolePolicy");
    let expect =
        "refused to call AWS: `iam:PutRolePolicy` is not on the list of calls that denywatch makes; nothing was sent";
    assert_eq!(check(&put).unwrap_err().to_string(), expect);
}

#[test]
fn a_streaming_body_is_refused() {
    let mut streaming = request("https://a.example", "POST", "/", "sns", &[FORM], "");
    *streaming.body_mut() = SdkBody::taken();
    assert_eq!(check(&streaming).unwrap_err(), Refused("the body is a stream".into()));
}

/// The SDK's own requests, serialized and signed by it.
#[cfg(feature = "lookup")]
#[tokio::test]
async fn the_sdk_of_cloudtrail_cannot_write() {
    let server = Server::start(|_, _| Reply::new(200, "{}"));
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let client = aws_sdk_cloudtrail::Client::new(aws.config());
    let error = client.stop_logging().name("trail").send().await.unwrap_err();
    let shown = format!("{}", aws_smithy_types::error::display::DisplayErrorContext(&error));
    assert!(shown.contains("`cloudtrail:StopLogging` is not on the list"), "{shown}");
    assert_eq!(server.seen().len(), 0);
    client.lookup_events().send().await.unwrap();
    assert_eq!(server.seen().len(), 1);
}

/// The same for a service that speaks in forms.
#[cfg(feature = "lambda")]
#[tokio::test]
async fn the_sdk_of_sns_cannot_write() {
    let server = crate::io::doubles::sns();
    let aws = Aws::from_config(crate::io::aws::tests::config(&server.url()));
    let client = aws_sdk_sns::Client::new(aws.config());
    let change = client.set_topic_attributes().topic_arn("arn:aws:sns:us-east-1:111122223333:t");
    let error = change.attribute_name("Policy").attribute_value("{}").send().await.unwrap_err();
    let shown = format!("{}", aws_smithy_types::error::display::DisplayErrorContext(&error));
    assert!(shown.contains("`sns:SetTopicAttributes` is not on the list"), "{shown}");
    assert_eq!(server.seen().len(), 0);
    client.publish().topic_arn("arn:aws:sns:us-east-1:111122223333:t").message("m").send().await.unwrap();
    assert_eq!(server.seen().len(), 1);
}
