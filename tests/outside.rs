//! `denywatch verify` where it asks AWS, against a stand-in on loopback: Event history (`--observed --lookup`) and AWS's own
//! checks (`--live`).
//! Run with `cargo test --features lambda,lookup --test outside`.
#![cfg(all(feature = "cli", feature = "live", feature = "lookup"))]
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test runs programs and writes files

mod doubles;

use doubles::{Reply, Request, Server};
use serde_json::{Value, json};
use std::process::{Command, Output};
use tempfile::TempDir;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:orders";

/// A call of `sqs:CreateQueue`, which is a management event; denied where the error's message is given.
fn record(id: &str, at: &str, denied: Option<&str>) -> Value {
    let role = "arn:aws:iam::111122223333:role/app";
    let mut record = json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": at, "awsRegion": "eu-west-1",
        "eventSource": "sqs.amazonaws.com", "eventName": "CreateQueue", "eventType": "AwsApiCall",
        "eventCategory": "Management", "managementEvent": true, "readOnly": false,
        "recipientAccountId": "111122223333", "sourceIPAddress": "192.0.2.10", "userAgent": "x",
        "requestParameters": {"queueName": "orders"},
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:run-1", "accountId": "111122223333",
            "arn": "arn:aws:sts::111122223333:assumed-role/app/run-1",
            "sessionContext": {"sessionIssuer": {
                "type": "Role", "principalId": "AROAEXAMPLE", "arn": role, "accountId": "111122223333", "userName": "app"
            }}
        }
    });
    if let Some(message) = denied {
        record["errorCode"] = "AccessDenied".into();
        record["errorMessage"] = message.into();
    }
    record
}

fn denial() -> Value {
    let said = format!(
        "User: arn:aws:sts::111122223333:assumed-role/app/run-1 is not authorized to perform: sqs:createqueue on resource: \
         {QUEUE} because no identity-based policy allows the sqs:createqueue action"
    );
    record("7f3e8bd1-566a-46a6-a469-7f47d331a43c", "2026-11-11T15:30:09Z", Some(&said))
}

/// A folder with a ledger of one denial, and the program with AWS behind `server`.
struct Desk {
    folder: TempDir,
    url: String,
    id: String,
}

impl Desk {
    fn new(server: &Server) -> Self {
        let mut desk = Self { folder: tempfile::tempdir().unwrap(), url: server.url(), id: String::new() };
        std::fs::write(desk.folder.path().join("denial.json"), denial().to_string()).unwrap();
        let (code, told, err) = desk.run(&["scan", "denial.json", "--output", "json"]);
        assert_eq!(code, 0, "{err}");
        desk.id = told["findings"][0]["id"].as_str().unwrap().to_owned();
        assert!(server.seen().is_empty(), "scanning files asks nobody");
        desk
    }

    fn run(&self, arguments: &[&str]) -> (i32, Value, String) {
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_denywatch"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs([
                ("XDG_DATA_HOME", self.folder.path().to_str().unwrap()),
                ("AWS_ENDPOINT_URL", &self.url),
                ("AWS_REGION", "eu-west-1"),
                ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
                ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
            ])
            .output()
            .unwrap();
        let out = String::from_utf8(stdout).unwrap();
        let told = serde_json::from_str(&out).unwrap_or(Value::String(out));
        (status.code().unwrap(), told, String::from_utf8(stderr).unwrap())
    }
}

fn history(records: &[Value]) -> Reply {
    let event = |record: &Value| json!({"EventId": record["eventID"], "CloudTrailEvent": record.to_string()});
    let page = json!({"Events": records.iter().map(event).collect::<Vec<_>>()});
    Reply::new(200, page.to_string()).with("content-type", "application/x-amz-json-1.1")
}

#[test]
fn event_history_shows_that_a_patch_has_worked() {
    let server = Server::start(|_, _| {
        history(&[record("later", "2026-11-12T08:00:00Z", None), record("sooner", "2026-11-10T08:00:00Z", None)])
    });
    let desk = Desk::new(&server);
    let (code, told, err) = desk.run(&["verify", &desk.id, "--observed", "--lookup", "--output", "json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let observed = &told["observed"];
    assert_eq!((&observed["status"], &observed["allowed"]), (&json!("resolved"), &json!(1)), "{observed}");
    assert_eq!(observed["items"][0]["first_allowed"], "2026-11-12T08:00:00Z");
    let seen = server.seen();
    let asked: Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!((seen.len(), &asked["StartTime"]), (1, &json!(1_794_411_009)), "only since the last denial");
    assert!(seen[0].header("x-amz-target").ends_with(".LookupEvents"));
}

#[test]
fn event_history_with_another_denial_or_nothing_resolves_nothing() {
    let mut again = denial();
    again["eventID"] = "again".into();
    again["eventTime"] = "2026-11-12T09:00:00Z".into();
    for (records, status) in [(vec![again], "open"), (vec![], "quiet")] {
        let server = Server::start(move |_, _| history(&records));
        let desk = Desk::new(&server);
        let (code, told, _) = desk.run(&["verify", &desk.id, "--observed", "--lookup", "--output", "json"]);
        assert_eq!((code, &told["observed"]["status"]), (0, &json!(status)), "{told}");
    }
}

#[test]
fn event_history_that_is_refused_is_told_and_the_check_stands() {
    let server = Server::start(|_, _| {
        Reply::new(400, r#"{"__type":"AccessDeniedException","message":"no LookupEvents"}"#)
            .with("content-type", "application/x-amz-json-1.1")
    });
    let desk = Desk::new(&server);
    let asked = ["verify", &desk.id, "--observed", "--lookup", "--only-region", "us-east-1", "--output", "json"];
    let (code, told, err) = desk.run(&asked);
    assert_eq!(code, 6, "{told}");
    assert!(err.contains("no LookupEvents") && err.contains("us-east-1"), "{err}");
    assert_eq!((&told["observed"]["status"], &told["checks"][0]["applicability"]), (&json!("quiet"), &json!("apply")));
}

/// Access Analyzer and the simulator, of one mind; all else is refused.
fn judging(request: &Request, pass: bool) -> Reply {
    match (request.target.as_str(), request.field("Action").as_deref()) {
        ("/policy/validation", _) => Reply::new(200, r#"{"findings":[]}"#),
        ("/policy/check-no-new-access", _) => {
            Reply::new(200, json!({"result": if pass { "PASS" } else { "FAIL" }, "reasons": []}).to_string())
        }
        (_, Some("SimulatePrincipalPolicy")) => {
            let decision = if pass { "allowed" } else { "implicitDeny" };
            let member = format!(
                "<EvaluationResults><member><EvalDecision>{decision}</EvalDecision></member></EvaluationResults>"
            );
            Reply::new(
                200,
                format!(
                    "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult>{member}\
                     </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
                ),
            )
        }
        (_, Some("GetCallerIdentity")) => Reply::new(
            200,
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/desk</Arn>\
             <UserId>AIDAEXAMPLE</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
        ),
        _ => Reply::new(
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>",
        ),
    }
}

#[test]
fn what_aws_says_of_a_patch_stands_beside_our_verdict_and_never_instead_of_it() {
    for (pass, verdicts) in [(true, ["no findings", "PASS", "allowed"]), (false, ["no findings", "FAIL", "denied"])] {
        let server = Server::start(move |request, _| judging(request, pass));
        let desk = Desk::new(&server);
        let (code, told, err) = desk.run(&["verify", &desk.id, "--live", "--output", "json"]);
        assert_eq!(code, 0, "{err}");
        let asked: Vec<&Value> = told["asked"].as_array().unwrap().iter().map(|one| &one["verdict"]).collect();
        assert_eq!(asked, verdicts, "{told}");
        // The policies could not be read, so that the proof rests on the message; AWS's verdict changes nothing in it.
        let check = &told["checks"][0];
        assert_eq!((&check["applicability"], &check["proof"]["basis"]), (&json!("apply"), &json!("message")));
        assert!(!server.seen().is_empty());
        let (_, text, _) = desk.run(&["verify", &desk.id, "--live"]);
        let text = text.as_str().unwrap();
        assert!(verdicts.iter().all(|verdict| text.contains(verdict)), "{text}");
    }
}

/// Event history and STS, as the sweep asks them.
fn swept(records: Vec<Value>) -> Server {
    Server::start(move |request, _| match request.field("Action").as_deref() {
        Some("GetCallerIdentity") => Reply::new(200, "<Account>111122223333</Account>"),
        _ => history(&records),
    })
}

#[test]
fn a_sweep_resolves_what_event_history_shows_and_says_so() {
    let server =
        swept(vec![record("later", "2026-11-12T08:00:00Z", None), record("sooner", "2026-11-10T08:00:00Z", None)]);
    let desk = Desk::new(&server);
    let (code, told, err) = desk.run(&["sweep", "--output", "json"]);
    assert_eq!((code, err.as_str()), (0, ""), "{told}");
    assert_eq!((&told["findings"], &told["resolved"], &told["unfinished"]), (&json!(1), &json!([desk.id]), &json!(0)));
    let (_, shown, _) = desk.run(&["findings", "show", &desk.id, "--output", "json"]);
    let since = json!({"count": 1, "first": "2026-11-12T08:00:00Z", "last": "2026-11-12T08:00:00Z"});
    assert_eq!((&shown["allowed_since"], &shown["denied"][0]["status"]), (&since, &json!("resolved")));
    let (_, text, _) = desk.run(&["findings", "show", &desk.id]);
    assert!(text.as_str().unwrap().contains("SINCE THEN      1 allowed call since the last denial"), "{text}");
    let (code, _, err) = desk.run(&["sweep", "--offline"]);
    assert_eq!(code, 2, "{err}");
}

#[test]
fn a_sweep_in_vain_is_quiet_and_a_refused_one_is_told() {
    let desk = Desk::new(&swept(vec![]));
    let (code, told, _) = desk.run(&["sweep"]);
    assert!(code == 0 && told.as_str().unwrap().contains("quiet (nothing was seen since"), "{told}");
    let (_, shown, _) = desk.run(&["findings", "show", &desk.id, "--output", "json"]);
    assert_eq!((&shown["allowed_since"], &shown["denied"][0]["status"]), (&Value::Null, &json!("quiet")));
    let server = Server::start(|request, _| match request.field("Action").as_deref() {
        Some("GetCallerIdentity") => Reply::new(200, "<Account>111122223333</Account>"),
        _ => Reply::new(400, r#"{"__type":"AccessDeniedException","message":"no LookupEvents"}"#),
    });
    let desk = Desk::new(&server);
    let (code, _, err) = desk.run(&["sweep"]);
    assert!(code == 6 && err.contains("no LookupEvents"), "{err}");
    let (_, shown, _) = desk.run(&["findings", "show", &desk.id, "--output", "json"]);
    assert_eq!(shown["denied"][0]["status"], "open", "nobody has looked");
}

#[test]
fn what_verify_observes_stands_in_the_ledger() {
    let desk = Desk::new(&swept(vec![]));
    let mut again = denial();
    (again["eventID"], again["eventTime"]) = ("again".into(), "2026-11-12T09:00:00Z".into());
    let log = |name: &str, records: &[Value]| {
        std::fs::write(desk.folder.path().join(name), json!({"Records": records}).to_string()).unwrap();
    };
    log("allowed.json", &[record("later", "2026-11-12T08:00:00Z", None)]);
    log("again.json", &[again]);
    let status = |log: &str| {
        let (code, told, err) = desk.run(&["verify", &desk.id, "--observed", log, "--output", "json"]);
        assert_eq!(code, 0, "{err}");
        let (_, shown, _) = desk.run(&["findings", "show", &desk.id, "--output", "json"]);
        (told["observed"]["status"].clone(), shown["denied"][0]["status"].clone(), shown["count"].clone())
    };
    assert_eq!(status("allowed.json"), (json!("resolved"), json!("resolved"), json!(1)));
    assert_eq!(status("allowed.json"), (json!("resolved"), json!("resolved"), json!(1)), "the same once more");
    assert_eq!(status("again.json"), (json!("open"), json!("open"), json!(2)), "denied again: open again");
}
