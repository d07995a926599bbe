//! The real `bootstrap`, started as Lambda starts it, against doubles on loopback.
//! Run with `cargo test --no-default-features --features lambda --test lambda`.
#![cfg(feature = "lambda")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test's helpers may end it")]

mod doubles;

use doubles::runtime_api::{RuntimeApi, Said};
use doubles::{Reply, Server};
use serde_json::{Value, json};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TOPIC: &str = "arn:aws:sns:us-east-2:111122223333:iam-denials";
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything around the function.
struct Around {
    runtime: RuntimeApi,
    sns: Server,
    slack: Server,
    /// Parameter Store, holding the webhook's URL.
    ssm: Server,
    dir: tempfile::TempDir,
}

impl Around {
    fn new(events: &[Value]) -> Self {
        Self::with_slack(doubles::slack(), events)
    }

    fn with_slack(slack: Server, events: &[Value]) -> Self {
        let parameter = json!({ "Parameter": { "Value": format!("{}/services/T0/B0/hush", slack.url()) } }).to_string();
        Self {
            runtime: RuntimeApi::start(events.iter().map(Value::to_string).collect(), Duration::from_secs(30)),
            sns: doubles::sns(),
            slack,
            ssm: Server::start(move |_, _| Reply::new(200, parameter.clone())),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn config(&self) -> String {
        format!(
            "version = 1\n[slack]\nsecret = 'ssm:/denywatch/slack'\n[[route]]\nto = ['slack', 'sns:{TOPIC}']\n[report]\nskip_if_empty = false\n[store]\nuri = 'sqlite:{}'",
            self.dir.path().join("ledger.db").display()
        )
    }

    fn start(&self, config: Option<&str>) -> Function {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        self.start_as(config, &[("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", secret)])
    }

    /// With credentials from this environment.
    fn start_as(&self, config: Option<&str>, credentials: &[(&str, &str)]) -> Function {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
        command.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs([
            ("AWS_LAMBDA_RUNTIME_API", self.runtime.address().as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "denywatch"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_REGION", "us-east-2"),
            ("AWS_ENDPOINT_URL_SNS", &self.sns.url()),
            ("AWS_ENDPOINT_URL_SSM", &self.ssm.url()),
        ]);
        command.envs(credentials.iter().copied());
        if let Some(config) = config {
            command.env("DENYWATCH_CONFIG", config);
        }
        Function(Some(command.spawn().unwrap()))
    }
}

/// A running function; it ends with its test.
struct Function(Option<Child>);

impl Function {
    /// Ends it and reads its logs.
    fn logs(mut self) -> String {
        let mut child = self.0.take().unwrap();
        // It may have ended by itself.
        let _ = child.kill();
        let mut logs = String::new();
        child.stdout.take().unwrap().read_to_string(&mut logs).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut logs).unwrap();
        child.wait().unwrap();
        logs
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn sqs(bodies: &[&str]) -> Value {
    let item =
        |(at, body): (usize, &&str)| json!({"messageId": format!("m{at}"), "eventSource": "aws:sqs", "body": body});
    json!({"Records": bodies.iter().enumerate().map(item).collect::<Vec<_>>()})
}

#[track_caller]
fn response(said: Said) -> Value {
    match said {
        Said::Response(body) => serde_json::from_str(&body).unwrap(),
        Said::Error(body) => panic!("{body}"),
    }
}

/// Each line of the logs is JSON, and none holds a secret.
#[track_caller]
fn check_logs(logs: &str) {
    for line in logs.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    for secret in ["hush", "wJalrXUtn", "/services/"] {
        assert!(!logs.contains(secret), "{logs}");
    }
}

/// Lambda ends a process without a word; a Runtime API that goes away is told in the log, and nothing panics: the ledger on
/// DynamoDB has a runtime of its own, which ends with it.
#[test]
fn a_runtime_api_that_closes_ends_the_function_in_order() {
    let api = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = api.local_addr().unwrap().to_string();
    let around = Around::new(&[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    command.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped()).envs([
        ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", "denywatch"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_REGION", "us-east-2"),
        ("DENYWATCH_CONFIG", &around.config()),
        ("DENYWATCH_STORE", "dynamodb:nowhere"),
    ]);
    let mut function = Function(Some(command.spawn().unwrap()));
    // It asks for the first event, and there is nobody any more.
    drop(api.accept().unwrap());
    drop(api);
    let child = function.0.as_mut().unwrap();
    let started = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(started.elapsed() < PATIENCE, "it goes on without its Runtime API"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let logs = function.logs();
    check_logs(&logs);
    assert_eq!(status.code(), Some(1), "{logs}");
    assert!(logs.contains("cannot go on"), "{logs}");
}

#[test]
fn poison_and_unknown_shapes_are_acknowledged() {
    let poison = sqs(&["{", "hush, said the poison"]);
    let around = Around::new(&[poison, json!({"hello": "world"}), json!({"denywatch": "dance"})]);
    let function = around.start(Some(&around.config()));
    let started = Instant::now();
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap()), json!({"batchItemFailures": []}));
    println!("from exec to the first answer: {:?}", started.elapsed());
    let quarantined = json!({"records": 0, "findings": 0, "sent": 0, "quarantined": 1});
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap()), quarantined);
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap()), quarantined);
    let logs = function.logs();
    check_logs(&logs);
    assert!(logs.contains("\"reason\":\"not JSON: EOF while parsing an object at line 1 column 1\""), "{logs}");
    assert_eq!((around.sns.seen().len(), around.slack.seen().len()), (0, 0));
}

/// A denial as EventBridge hands it on, with the account of AWS's documentation.
fn denied(id: &str) -> String {
    let key = "arn:aws:kms:us-east-2:111122223333:key/7e0e7421-e43b-4ef3-84a2-6236e35d9779";
    let session = "arn:aws:sts::111122223333:assumed-role/codepipeline-role-dev/1765372221";
    let issuer = json!({
        "type": "Role", "arn": "arn:aws:iam::111122223333:role/codepipeline-role-dev", "accountId": "111122223333",
        "userName": "codepipeline-role-dev",
    });
    let detail = json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": "2026-11-18T10:00:00Z", "eventType": "AwsApiCall",
        "eventSource": "kms.amazonaws.com", "eventName": "GenerateDataKey", "awsRegion": "us-east-2",
        "recipientAccountId": "111122223333", "errorCode": "AccessDenied", "requestParameters": null,
        "errorMessage": format!("User: {session} is not authorized to perform: kms:GenerateDataKey on resource: {key} \
            because no identity-based policy allows the kms:GenerateDataKey action"),
        "userIdentity": {
            "type": "AssumedRole", "arn": session, "accountId": "111122223333", "sessionContext": { "sessionIssuer": issuer },
        },
    });
    let event = json!({
        "version": "0", "id": id, "detail-type": "AWS API Call via CloudTrail", "source": "aws.kms",
        "account": "111122223333", "region": "us-east-2", "resources": [], "detail": detail,
    });
    event.to_string()
}

#[test]
fn a_denial_arrives_by_mail_and_in_slack_once_with_its_patch() {
    let (a, b) = (denied("a"), denied("b"));
    let weekly = json!({"denywatch": "report"});
    let around = Around::new(&[sqs(&[&a, &b, "{"]), serde_json::from_str(&a).unwrap(), weekly.clone(), weekly]);
    let function = around.start(Some(&around.config()));
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap()), json!({"batchItemFailures": []}));
    let again = json!({"records": 1, "findings": 1, "sent": 0, "quarantined": 0});
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap()), again);
    let (mail, slack) = (around.sns.seen(), around.slack.seen());
    assert_eq!((mail.len(), slack.len()), (1, 1));
    assert_eq!(mail[0].field("TopicArn").as_deref(), Some(TOPIC));
    let body = mail[0].field("Message").unwrap();
    assert!(body.contains("\"kms:GenerateDataKey\""), "the patch stands in the mail: {body}");
    assert!(mail[0].field("Subject").unwrap().contains("kms:GenerateDataKey"));
    assert_eq!(slack[0].target, "/services/T0/B0/hush");
    let message: Value = serde_json::from_str(&slack[0].body).unwrap();
    assert!(message["text"].is_string());
    assert!(message["blocks"].to_string().contains("codepipeline-role-dev"));
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap())["sent"], 2);
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap())["sent"], 0, "a report goes out once a week");
    check_logs(&function.logs());
}

/// The page is put into the bucket each time, and told once; the presigned link says with what it dies.
#[test]
fn the_report_is_put_into_the_bucket_and_its_link_into_the_mail() {
    let weekly = json!({"denywatch": "report"});
    let around = Around::new(&[weekly.clone(), weekly]);
    let bucket = Server::start(|_, _| Reply::new(200, ""));
    let config = around.config().replace("[report]", "[report]\nbucket = 's3://acme-reports/weekly'");
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let environment = [
        ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_SESSION_TOKEN", "the-session"),
        ("AWS_ENDPOINT_URL_S3", &bucket.url()),
    ];
    let function = around.start_as(Some(&config), &environment);
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap())["sent"], 2);
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap())["sent"], 0, "told once");
    let put = bucket.seen();
    assert_eq!(put.len(), 10, "five objects, twice");
    assert!(put.iter().all(|one| one.method == "PUT" && one.target.starts_with("/acme-reports/weekly/")));
    assert_eq!(
        (put[4].target.as_str(), put[4].body.as_str()),
        ("/acme-reports/weekly/latest.html", put[0].body.as_str())
    );
    assert!(put[0].body.starts_with("<!doctype html>"));
    let mail = around.sns.seen()[0].field("Message").unwrap();
    assert!(mail.contains(&format!("{}{}?", bucket.url(), put[0].target)), "{mail}");
    assert!(mail.contains("X-Amz-Security-Token=the-session") && mail.contains("dies with the session"), "{mail}");
    check_logs(&function.logs());
}

#[test]
fn while_slack_is_busy_the_message_comes_again_and_the_mail_does_not() {
    let busy = Server::start(|_, before| match before {
        0 => Reply::new(429, "rate_limited").with("retry-after", "30"),
        _ => Reply::new(200, "ok"),
    });
    let batch = sqs(&[&denied("a")]);
    let around = Around::with_slack(busy, &[batch.clone(), batch]);
    let function = around.start(Some(&around.config()));
    let failed = json!({"batchItemFailures": [{"itemIdentifier": "m0"}]});
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap()), failed);
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap()), json!({"batchItemFailures": []}));
    assert_eq!((around.sns.seen().len(), around.slack.seen().len()), (1, 2));
    check_logs(&function.logs());
}

/// What STS answers: a session of the documentation's key.
fn sts() -> Server {
    Server::start(|request, _| {
        let action = request.field("Action").unwrap_or_default();
        Reply::new(
            200,
            format!(
                "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
                 <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>hush</SecretAccessKey>\
                 <SessionToken>hush</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
                 <AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:s</AssumedRoleId>\
                 <Arn>arn:aws:sts::111122223333:assumed-role/r/s</Arn></AssumedRoleUser></{action}Result></{action}Response>"
            ),
        )
        .with("content-type", "text/xml")
    })
}

/// The SDK's own ways to credentials pass the guard: the key they yield signs what follows.
#[test]
fn credentials_are_fetched_through_the_guard() {
    let sts = sts();
    let sts_url = sts.url();
    let container = Server::start(|_, _| {
        let body = json!({
            "AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey": "hush", "Token": "hush",
            "Expiration": "2099-01-01T00:00:00Z",
        });
        Reply::new(200, body.to_string()).with("content-type", "application/json")
    });
    let dir = tempfile::tempdir().unwrap();
    let (token, profile) = (dir.path().join("token"), dir.path().join("config"));
    std::fs::write(&token, "eyJhbGciOiJSUzI1NiJ9.e30.x").unwrap();
    let role = "arn:aws:iam::111122223333:role/r";
    let key = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = hush";
    std::fs::write(&profile, format!("[default]\nrole_arn = {role}\nsource_profile = key\n[profile key]\n{key}\n"))
        .unwrap();
    let (token, profile) = (token.to_str().unwrap(), profile.to_str().unwrap());
    let full = format!("{}/v1/credentials", container.url());
    let ways: [&[(&str, &str)]; 3] = [
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &full), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token")],
        &[("AWS_WEB_IDENTITY_TOKEN_FILE", token), ("AWS_ROLE_ARN", role), ("AWS_ENDPOINT_URL_STS", &sts_url)],
        &[("AWS_CONFIG_FILE", profile), ("AWS_ENDPOINT_URL_STS", &sts_url)],
    ];
    for way in ways {
        let around = Around::new(&[sqs(&[&denied("a")])]);
        let function = around.start_as(Some(&around.config()), way);
        let said = around.runtime.wait(PATIENCE);
        let logs = function.logs();
        assert_eq!(said.map(response), Ok(json!({"batchItemFailures": []})), "{way:?}: {logs}");
        for server in [&around.ssm, &around.sns] {
            let seen = server.seen();
            assert_eq!(seen.len(), 1, "{way:?}: {logs}");
            assert!(seen[0].header("authorization").contains("Credential=ASIAIOSFODNN7EXAMPLE/"), "{way:?}");
        }
    }
    let asked: Vec<Option<String>> = sts.seen().iter().map(|request| request.field("Action")).collect();
    assert_eq!(asked, [Some("AssumeRoleWithWebIdentity".to_owned()), Some("AssumeRole".to_owned())]);
    assert_eq!(container.seen()[0].header("authorization"), "token");
}

#[test]
fn without_configuration_it_does_not_start_and_says_why() {
    for (config, why) in [
        (None, "`DENYWATCH_CONFIG` is not set"),
        (Some("version = 1"), "alerts have nowhere to go"),
        (
            Some("version = 1\n[slack]\nsecret = 'https://h.example/services/T0/B0/hush'\n[[route]]\nto=['slack']"),
            "`slack.secret` must name a secret",
        ),
    ] {
        let around = Around::new(&[]);
        let mut function = around.start(config);
        let status = function.0.as_mut().unwrap().wait().unwrap();
        assert!(!status.success());
        let logs = function.logs();
        check_logs(&logs);
        assert!(logs.contains(why), "{logs}");
        assert!(!logs.contains("hush"), "{logs}");
    }
}

/// A denial whose request holds what nobody may read in a log.
fn telling_denied(id: &str) -> String {
    let mut event: Value = serde_json::from_str(&denied(id)).unwrap();
    event["detail"]["requestParameters"] = json!({"password": "hush-parameter", "deep": {"secretString": "hush-deep"}});
    event["detail"]["additionalEventData"] = json!({"token": "hush-more"});
    event.to_string()
}

#[test]
fn a_run_is_measured_and_its_log_tells_no_secret_and_no_parameter() {
    let around = Around::new(&[sqs(&[&telling_denied("a"), &telling_denied("a"), "{"])]);
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let loudest = [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
        ("RUST_LOG", "trace"),
    ];
    let function = around.start_as(Some(&around.config()), &loudest);
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap()), json!({"batchItemFailures": []}));
    let logs = function.logs();
    check_logs(&logs);
    let parsed: Vec<Value> = logs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let metrics: Vec<&Value> = parsed.iter().filter(|line| line.get("_aws").is_some()).collect();
    assert_eq!(metrics.len(), 1, "{logs}");
    let counts = ["Received", "Denied", "Muted", "Alerted", "Held", "Failed", "Quarantined"];
    assert_eq!(counts.map(|name| metrics[0][name].as_u64().unwrap()), [2, 1, 0, 2, 0, 0, 1]);
    assert_eq!(metrics[0]["FunctionName"], "denywatch");
    let lag = metrics[0]["Lag"].as_array().unwrap();
    assert!(lag.len() == 1 && lag.iter().all(|seconds| seconds.as_u64().unwrap() > 0), "{lag:?}");
    let directive = &metrics[0]["_aws"]["CloudWatchMetrics"][0];
    assert_eq!((&directive["Namespace"], &directive["Dimensions"]), (&json!("denywatch"), &json!([["FunctionName"]])));
}

/// The kill switch: what came meanwhile is told once, by the first run after it.
#[test]
fn while_it_is_paused_nothing_is_sent_and_nothing_is_lost() {
    let mut around = Around::new(&[sqs(&[&denied("a")]), sqs(&[&denied("b")])]);
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let key = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", secret)];
    let paused = around.start_as(Some(&around.config()), &[&key[..], &[("DENYWATCH_PAUSED", "yes")]].concat());
    for _ in 0..2 {
        assert_eq!(response(around.runtime.wait(PATIENCE).unwrap()), json!({"batchItemFailures": []}));
    }
    let logs = paused.logs();
    check_logs(&logs);
    assert!(logs.contains("sending is paused") && logs.contains("\"Held\":2"), "{logs}");
    assert_eq!((around.sns.seen().len(), around.slack.seen().len()), (0, 0));
    let outbox = json!({"denywatch": "outbox"}).to_string();
    around.runtime = RuntimeApi::start(vec![outbox.clone(), outbox], Duration::from_secs(30));
    let function = around.start_as(Some(&around.config()), &key);
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap())["sent"], 2);
    assert_eq!(response(around.runtime.wait(PATIENCE).unwrap())["sent"], 0);
    drop(function);
    let mail = around.sns.seen();
    assert_eq!((mail.len(), around.slack.seen().len()), (1, 1));
    assert!(mail[0].field("Message").unwrap().contains("2 times"), "{}", mail[0].field("Message").unwrap());
}

/// A change of the denied role's policy, as EventBridge hands it on.
fn changed(id: &str, at: &str, session: &str, action: &str) -> Value {
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]});
    let mut event: Value = serde_json::from_str(&denied(id)).unwrap();
    let detail = event["detail"].as_object_mut().unwrap();
    for gone in ["errorCode", "errorMessage"] {
        detail.remove(gone);
    }
    let arn = format!("arn:aws:sts::111122223333:assumed-role/deploy/{session}");
    let issuer = json!({"type": "Role", "arn": "arn:aws:iam::111122223333:role/deploy", "accountId": "111122223333",
        "userName": "deploy"});
    detail.insert("eventTime".into(), at.into());
    detail.insert("eventSource".into(), "iam.amazonaws.com".into());
    detail.insert("eventName".into(), "PutRolePolicy".into());
    detail.insert("awsRegion".into(), "us-east-1".into());
    detail.insert(
        "userIdentity".into(),
        json!({"type": "AssumedRole", "arn": arn, "accountId": "111122223333",
        "sessionContext": {"sessionIssuer": issuer}}),
    );
    detail.insert(
        "requestParameters".into(),
        json!({"roleName": "codepipeline-role-dev", "policyName": "artifacts",
        "policyDocument": document.to_string()}),
    );
    event
}

/// Event history with two allowed calls of the role's, and STS.
fn history() -> Server {
    Server::start(|request, before| {
        if request.field("Action").as_deref() == Some("GetCallerIdentity") {
            return Reply::new(200, "<Account>111122223333</Account>");
        }
        if before == 1 {
            return Reply::new(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#);
        }
        let mut allowed: Value = serde_json::from_str(&denied("x")).unwrap();
        let detail = allowed["detail"].as_object_mut().unwrap();
        detail.remove("errorCode");
        detail.remove("errorMessage");
        detail.insert(
            "requestParameters".into(),
            json!({"keyId":
            "arn:aws:kms:us-east-2:111122223333:key/7e0e7421-e43b-4ef3-84a2-6236e35d9779"}),
        );
        let events = ["2026-11-19T09:00:00Z", "2026-11-19T08:00:00Z"].map(|at| {
            detail.insert("eventTime".into(), at.into());
            detail.insert("eventID".into(), format!("allowed {at}").into());
            json!({"EventTime": 1_795_078_800, "CloudTrailEvent": json!(detail).to_string()})
        });
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        let is_it = asked["LookupAttributes"][0]["AttributeValue"] == "GenerateDataKey";
        Reply::new(200, json!({"Events": if is_it { events.to_vec() } else { Vec::new() }}).to_string())
    })
}

#[test]
fn who_changed_it_is_told_and_a_sweep_tells_the_end_once() {
    let sweep = json!({"denywatch": "sweep"});
    let around = Around::new(&[
        changed("c1", "2026-11-18T09:00:00Z", "jane", "s3:GetObject"),
        sqs(&[&denied("a")]),
        changed("c2", "2026-11-18T12:00:00Z", "joe", "kms:GenerateDataKey"),
        sweep.clone(),
        sweep,
        sqs(&[&denied("b").replace("2026-11-18T10", "2026-11-20T10")]),
    ]);
    let history = history();
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let function = around.start_as(
        Some(&around.config()),
        &[
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_ENDPOINT_URL_CLOUDTRAIL", &history.url()),
            ("AWS_ENDPOINT_URL_STS", &history.url()),
        ],
    );
    let next = || response(around.runtime.wait(PATIENCE).unwrap());
    let nothing = json!({"records": 1, "findings": 0, "sent": 0, "quarantined": 0});
    assert_eq!(next(), nothing, "a change is no denial, no alert, and not unread");
    assert_eq!(next(), json!({"batchItemFailures": []}));
    let first = around.slack.seen().remove(0).body;
    assert!(first.contains("Last change before:") && first.contains("jane") && !first.contains("joe"), "{first}");
    assert!(around.sns.seen()[0].field("Message").unwrap().contains("does not allow the"));
    assert_eq!(next(), nothing);
    assert_eq!(next()["sent"], 2, "the end is told");
    let (mail, slack) = (around.sns.seen(), around.slack.seen());
    let end = slack[1].body.clone();
    assert!(end.contains("Resolved: 0 denials, 2 allowed calls since 2026-11-19 08:00 UTC."), "{end}");
    assert!(end.contains("First change after:") && end.contains("joe"), "{end}");
    assert!(mail[1].field("Subject").unwrap().contains("RESOLVED"));
    assert_eq!(next()["sent"], 0, "once");
    assert_eq!(next(), json!({"batchItemFailures": []}));
    let again = around.slack.seen().remove(2).body;
    assert!(again.contains("reopened"), "a new denial reopens it: {again}");
    check_logs(&function.logs());
}

/// Slack's app edits its message, PagerDuty closes its incident.
#[test]
fn an_end_edits_the_message_and_closes_the_incident() {
    let app = Server::start(|request, before| {
        let body = json!({"ok": true, "channel": "C0IAM", "ts": format!("17.{before}"), "method": request.target});
        Reply::new(200, body.to_string()).with("content-type", "application/json")
    });
    let pager = Server::start(|_, _| Reply::new(202, r#"{"status":"success","message":"x","dedup_key":"k"}"#));
    let around = Around::new(&[sqs(&[&denied("a")]), json!({"denywatch": "sweep"}), json!({"denywatch": "sweep"})]);
    let history = history();
    let config = format!(
        "version = 1\n[slack]\nmode = 'app'\nsecret = 'ssm:/denywatch/slack'\napi = '{}'\n\
         [pagerduty.ops]\nsecret = 'ssm:/denywatch/pd'\napi = '{}'\n\
         [[route]]\nto = ['slack:C0IAM', 'pagerduty:ops']\n[store]\nuri = 'sqlite:{}'",
        app.url(),
        pager.url(),
        around.dir.path().join("ledger.db").display()
    );
    let function = around.start_as(
        Some(&config),
        &[
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            ("AWS_ENDPOINT_URL_CLOUDTRAIL", &history.url()),
            ("AWS_ENDPOINT_URL_STS", &history.url()),
        ],
    );
    let next = || response(around.runtime.wait(PATIENCE).unwrap());
    assert_eq!(next(), json!({"batchItemFailures": []}));
    let posts = |method: &str| app.seen().into_iter().filter(|seen| seen.target.ends_with(method)).collect::<Vec<_>>();
    let told = serde_json::from_str::<Value>(&posts("chat.postMessage")[0].body).unwrap();
    assert_eq!(told["channel"], "C0IAM");
    let before = posts("chat.postMessage").len();
    assert_eq!(next()["sent"], 2);
    let edits = posts("chat.update");
    let edit: Value = serde_json::from_str(&edits[0].body).unwrap();
    assert_eq!(
        (edits.len(), &edit["ts"], posts("chat.postMessage").len()),
        (1, &json!("17.0"), before),
        "edited in place"
    );
    assert!(edit["blocks"].to_string().contains("Resolved: 0 denials, 2 allowed calls since"), "{edit}");
    assert_eq!(edit["metadata"]["event_payload"]["status"], "resolved");
    let events: Vec<Value> = pager.seen().iter().map(|seen| serde_json::from_str(&seen.body).unwrap()).collect();
    let actions: Vec<&Value> = events.iter().map(|event| &event["event_action"]).collect();
    assert_eq!(actions, ["trigger", "resolve"]);
    assert_eq!(events[0]["dedup_key"], events[1]["dedup_key"]);
    assert_eq!(next()["sent"], 0, "once");
    check_logs(&function.logs());
}

/// A log file that S3 tells of through the queue, and a scan of the bucket through another: the file is read once, what it
/// holds is told once, and the past is counted without a message.
#[test]
fn log_files_are_read_and_prefixes_scanned() {
    let record = |id: &str| {
        let event: Value = serde_json::from_str(&denied(id)).unwrap();
        event["detail"].clone()
    };
    let folder = "AWSLogs/111122223333/CloudTrail/us-east-2/2026/11";
    let key = |day: &str| format!("{folder}/{day}/111122223333_CloudTrail_us-east-2_202611{day}T1015Z_a.json.gz");
    let bucket = doubles::bucket::Bucket::new(10);
    bucket.put(&key("18"), "e1", &json!({"Records": [record("a")]}).to_string());
    bucket.put(&key("17"), "e1", &json!({"Records": [record("b"), record("c")]}).to_string());
    let s3 = Server::start(move |request, _| bucket.answer(request));
    let object = json!({"bucket": {"name": "my-logs"}, "object": {"key": key("18"), "size": 5}});
    let notice =
        json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": object}]}).to_string();
    let scan = json!({"denywatch": {"scan": [format!("s3://my-logs/{folder}/")]}}).to_string();
    let around = Around::new(&[sqs(&[&notice]), sqs(&[&scan]), sqs(&[&scan, &notice])]);
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let function = around.start_as(
        Some(&around.config()),
        &[
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_ENDPOINT_URL_S3", &s3.url()),
        ],
    );
    for told in [1, 1, 1] {
        assert_eq!(response(around.runtime.wait(PATIENCE).unwrap()), json!({"batchItemFailures": []}));
        assert_eq!(around.sns.seen().len(), told);
    }
    let logs = function.logs();
    check_logs(&logs);
    let gets =
        s3.seen().iter().filter(|request| !request.target.contains('?')).map(|r| r.target.clone()).collect::<Vec<_>>();
    // The notification that came again is read again: its alert may have been what failed.
    let expect = ["18", "17", "18"].map(|day| format!("/my-logs/{}", key(day)));
    assert_eq!(gets, expect, "{logs}");
    assert!(logs.contains("\"files\":1,\"known\":1,\"records\":2,\"denied\":2"), "{logs}");
}
