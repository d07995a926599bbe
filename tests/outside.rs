//! The program where it asks AWS, against stand-ins on loopback: Event history, buckets, query engines, and `verify`: AWS's own
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

/// Event history of two Regions. Each call takes the answer of its Region, Region by Region.
fn event_history(answer: impl Fn(&str, &Value, usize) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |request, _| {
        let xml = |body: &str| Reply::new(200, body).with("content-type", "text/xml");
        match request.field("Action").as_deref() {
            Some("DescribeRegions") => xml(
                "<R><regionInfo><item><regionName>eu-west-1</regionName></item><item><regionName>us-east-1</regionName></item></regionInfo></R>",
            ),
            Some("GetCallerIdentity") => xml(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
            ),
            _ => {
                let region = request.header("authorization").split('/').nth(2).unwrap().to_owned();
                let body: Value = serde_json::from_str(&request.body).unwrap();
                let page = body["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
                answer(&region, &body, page)
            }
        }
    })
}

fn page(records: &[Value], next: Option<usize>) -> Reply {
    let event = |record: &Value| {
        let at: jiff::Timestamp = record["eventTime"].as_str().unwrap().parse().unwrap();
        json!({"EventId": record["eventID"], "EventTime": at.as_second(), "CloudTrailEvent": record.to_string()})
    };
    let mut page = json!({"Events": records.iter().map(event).collect::<Vec<_>>()});
    if let Some(next) = next {
        page["NextToken"] = next.to_string().into();
    }
    Reply::new(200, page.to_string()).with("content-type", "application/x-amz-json-1.1")
}

fn denial_at(id: &str, at: &str) -> Value {
    let mut denial = denial();
    (denial["eventID"], denial["eventTime"]) = (id.into(), at.into());
    denial
}

fn lookups(server: &Server) -> Vec<(String, Value)> {
    let calls = server.seen().into_iter().filter(|request| request.header("x-amz-target").ends_with(".LookupEvents"));
    let told = calls.map(|request| {
        let region = request.header("authorization").split('/').nth(2).unwrap().to_owned();
        (region, serde_json::from_str(&request.body).unwrap())
    });
    told.collect()
}

fn desk(url: String) -> Desk {
    Desk { folder: tempfile::tempdir().unwrap(), url, id: String::new() }
}

/// Days back from now, at the full day, as AWS and people write it.
fn days_ago(days: i64) -> (String, i64) {
    let now = jiff::Timestamp::now().as_second() / 86_400 * 86_400;
    let at = jiff::Timestamp::from_second(now - days * 86_400).unwrap();
    (at.to_string(), at.as_second())
}

#[test]
fn event_history_of_all_regions_goes_on_where_it_was_interrupted() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static BROKEN: AtomicBool = AtomicBool::new(true);
    let ((old, old_second), (young, young_second)) = (days_ago(9), days_ago(3));
    let throttled = std::sync::atomic::AtomicUsize::new(0);
    let server = event_history({
        let (old, young) = (old.clone(), young.clone());
        move |region, body, number| {
            let all = match region {
                "us-east-1" => vec![(young_second, denial_at("u", &young))],
                _ => vec![(young_second, denial_at("y", &young)), (old_second, denial_at("o", &old))],
            };
            // AWS keeps to the period, both of its ends included; here a page holds one event.
            let (since, until) = (body["StartTime"].as_i64().unwrap(), body["EndTime"].as_i64().unwrap());
            let all: Vec<Value> =
                all.into_iter().filter(|(at, _)| (since..=until).contains(at)).map(|(_, event)| event).collect();
            match (region, number) {
                ("us-east-1", _) if throttled.fetch_add(1, Ordering::SeqCst) == 0 => {
                    Reply::new(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#)
                }
                ("eu-west-1", 1) if BROKEN.load(Ordering::SeqCst) => {
                    Reply::new(400, r#"{"__type":"AccessDeniedException","Message":"no longer"}"#)
                }
                _ => page(
                    all.get(number).map_or(&[], std::slice::from_ref),
                    (number + 1 < all.len()).then_some(number + 1),
                ),
            }
        }
    });
    let desk = desk(server.url());
    let scan = ["scan", "--lookup", "--since", "30d", "--output", "json"];
    let (code, told, err) = desk.run(&scan);
    assert_eq!(code, 6, "{err}");
    assert_eq!((&told["stats"]["records"], &told["stats"]["denied"]), (&json!(2), &json!(2)), "{told}");
    let problem = &told["problems"][0];
    assert_eq!(problem["input"], "Event history of eu-west-1");
    assert!(problem["error"].as_str().unwrap().ends_with("AccessDeniedException: no longer"), "{problem}");
    assert!(told["not_seen"][0].as_str().unwrap().contains("no data events"), "{told}");
    let first = lookups(&server).len();

    BROKEN.store(false, Ordering::SeqCst);
    let (code, told, err) = desk.run(&scan);
    assert_eq!(code, 0, "{err}");
    // What was read is not asked for again: the last hour of both, and the rest of the one.
    let again = lookups(&server).split_off(first);
    let hour_ago = jiff::Timestamp::now().as_second() - 3_700;
    let (late, rest): (Vec<_>, Vec<_>) =
        again.iter().partition(|(_, body)| body["StartTime"].as_i64().unwrap() > hour_ago);
    assert_eq!((late.len(), rest.len()), (2, 2), "{again:?}");
    // Of the second that the last page ended in there may be more.
    assert!(rest.iter().all(|(region, body)| region == "eu-west-1" && body["EndTime"] == young_second), "{rest:?}");
    assert!(rest[0].1["StartTime"].as_i64().unwrap() < old_second);
    let ids: Vec<&Value> = told["findings"].as_array().unwrap().iter().map(|finding| &finding["count"]).collect();
    assert_eq!(ids, [&json!(3)], "each event once: {told}");

    let (code, told, _) = desk.run(&["scan", "--lookup", "--since", "30d", "--again", "--output", "json"]);
    assert_eq!((code, &told["stats"]["denied"], &told["stats"]["duplicates"]), (0, &json!(3), &json!(3)), "{told}");
}

/// The newest page holds the call that was allowed later, the next one the denial, the last the call before it: whatever run
/// reads them, all is told.
#[test]
fn event_history_that_was_interrupted_tells_of_the_calls_that_an_earlier_run_met() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static REFUSED: AtomicUsize = AtomicUsize::new(0);
    let [(young, _), (middle, _), (old, _)] = [3, 6, 9].map(days_ago);
    let story = [record("y", &young, None), denial_at("m", &middle), record("o", &old, None)];
    let server = event_history(move |region, body, number| {
        let (since, until) = (body["StartTime"].as_i64().unwrap(), body["EndTime"].as_i64().unwrap());
        let at = |event: &Value| event["eventTime"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
        let here = story.iter().filter(|event| region == "eu-west-1" && (since..=until).contains(&at(event)));
        let here: Vec<Value> = here.cloned().collect();
        let event = here.get(number);
        // AWS refuses to tell of what stands behind so many events.
        let stands = event.and_then(|event| story.iter().position(|one| one == event)).unwrap_or(0);
        match stands >= REFUSED.load(Ordering::SeqCst) && number > 0 {
            true => Reply::new(400, r#"{"__type":"AccessDeniedException","Message":"no longer"}"#),
            false => page(event.map_or(&[], std::slice::from_ref), (number + 1 < here.len()).then_some(number + 1)),
        }
    });
    let scan = ["scan", "--lookup", "--since", "30d", "--output", "json"];
    let of = |told: &Value| {
        let item = &told["findings"][0]["denied"][0];
        [item["allowed_before"].clone(), item["allowed_since"]["count"].clone(), item["status"].clone()]
    };
    let mut told = Vec::new();
    for refusals in [&[][..], &[1], &[2], &[1, 2]] {
        let desk = desk(server.url());
        for refused in refusals {
            REFUSED.store(*refused, Ordering::SeqCst);
            let (code, _, err) = desk.run(&scan);
            assert_eq!(code, 6, "{err}");
        }
        REFUSED.store(9, Ordering::SeqCst);
        let (code, last, err) = desk.run(&scan);
        assert_eq!(code, 0, "{err}");
        told.push(of(&last));
        // A later run reads nothing of it, and tells the same.
        let (_, last, _) = desk.run(&scan);
        assert_eq!((of(&last), &last["stats"]["records"]), (told[told.len() - 1].clone(), &json!(0)));
    }
    assert_eq!(told, vec![[json!(old), json!(1), json!("resolved")]; 4]);
}

#[test]
fn event_history_that_repeats_itself_ends_and_filters_are_ours() {
    let server = event_history(|region, _, number| match region {
        "us-east-1" => page(&[denial_at("u", &days_ago(3).0)], Some(number.max(1) % 2 + 1)),
        _ => page(&[], None),
    });
    let desk = desk(server.url());
    let asked = ["scan", "--lookup", "--since", "200d", "--only-account", "444455556666", "--output", "json"];
    let (code, told, _) = desk.run(&asked);
    assert_eq!((code, &told["stats"]["records"], &told["stats"]["left_out"]), (6, &json!(0), &json!(3)), "{told}");
    assert!(told["problems"][0]["error"].as_str().unwrap().contains("repeats itself"), "{told}");
    assert!(told["not_seen"][1].as_str().unwrap().starts_with("nothing before "), "{told}");
    let (since, _) = days_ago(90);
    let first = lookups(&server)[0].1["StartTime"].as_i64().unwrap();
    assert!(first >= since.parse::<jiff::Timestamp>().unwrap().as_second(), "AWS keeps 90 days");
}

#[test]
fn event_history_is_estimated_by_its_newest_page() {
    let server = event_history(|region, _, _| match region {
        // Two events in a day, and there are more.
        "us-east-1" => page(&[denial_at("a", &days_ago(1).0), denial_at("b", &days_ago(2).0)], Some(1)),
        _ => page(&[denial_at("c", &days_ago(2).0)], None),
    });
    let desk = desk(server.url());
    let (code, told, err) = desk.run(&["scan", "--lookup", "--since", "10d", "--estimate", "--output", "json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!((&told["events"], told["parts"].as_array().unwrap().len()), (&json!(21), 2), "{told}");
    assert_eq!(lookups(&server).len(), 2, "one request a Region");
}

#[test]
fn an_estimate_of_event_history_knows_what_was_read() {
    let server = event_history(|region, body, number| {
        let young = body["StartTime"].as_i64().unwrap() > days_ago(2).1;
        match region {
            "us-east-1" if !young && number == 0 => {
                page(&[denial_at("a", &days_ago(1).0), denial_at("b", &days_ago(2).0)], Some(1))
            }
            _ => page(&[], None),
        }
    });
    let desk = desk(server.url());
    let (code, told, err) = desk.run(&["scan", "--lookup", "--since", "10d", "--output", "json"]);
    assert_eq!((code, &told["stats"]["denied"]), (0, &json!(2)), "{told}\n{err}");
    let estimate = ["scan", "--lookup", "--since", "10d", "--estimate", "--output", "json"];
    let (_, told, _) = desk.run(&estimate);
    assert_eq!(told["events"], 1, "an hour of ten days: {told}");
    assert!(told["assumptions"][2].as_str().unwrap().contains("read before"), "{told}");
    let (_, told, _) = desk.run(&[estimate.as_slice(), &["--again"]].concat());
    assert_eq!(told["events"], 20, "{told}");
}

/// What AWS lists without a record, or with one that nobody can read, is told, and asked for again.
#[test]
fn event_history_that_cannot_be_read_is_not_noted_as_read() {
    let server = event_history(|region, body, _| match region {
        "us-east-1" if body["StartTime"].as_i64().unwrap() < days_ago(5).1 => {
            let at = |days| days_ago(days).1;
            let events = json!({"Events": [
                {"EventId": "a", "EventTime": at(3), "CloudTrailEvent": denial_at("a", &days_ago(3).0).to_string()},
                {"EventId": "b", "EventTime": at(4)},
                {"EventId": "c", "EventTime": at(5), "CloudTrailEvent": "{\"eventName\":"},
                {"EventId": "d", "EventTime": at(6), "CloudTrailEvent": "{"},
            ]});
            Reply::new(200, events.to_string()).with("content-type", "application/x-amz-json-1.1")
        }
        _ => page(&[], None),
    });
    let desk = desk(server.url());
    let scan = ["scan", "--lookup", "--since", "10d", "--output", "json"];
    for duplicates in [0, 1] {
        let before = lookups(&server).len();
        let (code, told, err) = desk.run(&scan);
        assert_eq!(
            (code, &told["stats"]["denied"], &told["stats"]["duplicates"]),
            (6, &json!(1), &json!(duplicates)),
            "{err}"
        );
        let problems: Vec<&str> =
            told["problems"].as_array().unwrap().iter().map(|one| one["error"].as_str().unwrap()).collect();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].starts_with("broken JSON"), "{problems:?}");
        assert_eq!(
            problems[1],
            "events that AWS listed without their record: 1; the next run asks for that time again"
        );
        assert!(problems[2].starts_with("events whose record cannot be read: 2"), "{problems:?}");
        let asked = lookups(&server).split_off(before);
        let old = asked
            .iter()
            .filter(|(region, body)| region == "us-east-1" && body["StartTime"].as_i64().unwrap() < days_ago(5).1);
        assert_eq!(old.count(), 1, "{asked:?}");
    }
}

/// A bucket with an archive of two accounts, two Regions, three days: a denial in each file.
fn archive() -> doubles::bucket::Bucket {
    let bucket = doubles::bucket::Bucket::new(2);
    for account in ["111122223333", "444455556666"] {
        for region in ["eu-west-1", "us-east-1"] {
            for day in ["2026/11/01", "2026/11/02", "2026/11/03"] {
                let folder = format!("audit/AWSLogs/o-a1/{account}/CloudTrail/{region}/{day}");
                let stamp = day.replace('/', "");
                let mut record =
                    denial_at(&format!("{account} {region} {day}"), &format!("{}T10:10:00Z", day.replace('/', "-")));
                (record["awsRegion"], record["recipientAccountId"]) = (region.into(), account.into());
                let key = format!("{folder}/{account}_CloudTrail_{region}_{stamp}T1015Z_a.json");
                bucket.put(&key, "e1", &json!({"Records": [record]}).to_string());
            }
        }
    }
    bucket
}

fn gets(server: &Server) -> usize {
    server.seen().iter().filter(|request| request.method == "GET" && !request.target.contains('?')).count()
}

#[test]
fn a_bucket_is_estimated_read_once_and_narrowed() {
    let bucket = archive();
    let server = Server::start(move |request, _| bucket.answer(request));
    let desk = desk(server.url());
    let uri = "s3://my-logs/audit/AWSLogs/";
    let narrow = [
        "--since",
        "2026-11-02",
        "--until",
        "2026-11-03",
        "--only-account",
        "111122223333",
        "--only-region",
        "eu-west-1",
    ];
    let (code, told, err) = desk.run(&[&["scan", uri, "--estimate", "--output", "json"], narrow.as_slice()].concat());
    assert_eq!((code, err.as_str(), gets(&server)), (0, "", 0));
    // The day that was asked for, and the next, in which something of it may have been delivered.
    assert_eq!((&told["objects"], &told["cost"]["get_requests"]), (&json!(2), &json!(2)), "{told}");
    assert_eq!(told["parts"][0]["name"], "s3://my-logs/audit/AWSLogs/o-a1/111122223333/CloudTrail/eu-west-1/");
    let others = server.seen().into_iter().filter(|request| request.target.contains("444455556666"));
    assert_eq!(others.count(), 0, "never listed");

    let (code, told, err) =
        desk.run(&[&["scan", uri, "--requester-pays", "--output", "json"], narrow.as_slice()].concat());
    assert_eq!(
        (code, &told["stats"]["denied"], &told["stats"]["left_out"]),
        (0, &json!(1), &json!(1)),
        "{told}\n{err}"
    );
    assert!(server.seen().last().unwrap().header("x-amz-request-payer") == "requester");
    let (_, told, err) = desk.run(&["scan", uri, "--output", "json"]);
    assert_eq!((&told["stats"]["files"], &told["stats"]["known"]), (&json!(11), &json!(1)), "{told}");
    assert!(err.contains("1 of the files were read by an earlier scan"), "{err}");
    let before = gets(&server);
    let (_, told, _) = desk.run(&["scan", uri, "--output", "json"]);
    assert_eq!((&told["stats"]["files"], gets(&server)), (&json!(0), before), "nothing is new");
    let (_, told, _) = desk.run(&["findings", "--output", "json"]);
    let counts: u64 = told["findings"]
        .as_array()
        .or(told.as_array())
        .unwrap()
        .iter()
        .map(|finding| finding["count"].as_u64().unwrap())
        .sum();
    assert_eq!(counts, 12, "{told}");
    let (code, text, _) = desk.run(&["scan", uri, "--estimate", "--again"]);
    assert!(code == 0 && text.as_str().unwrap().starts_with("to read: 12 files, "), "{text}");
}

#[test]
fn a_bucket_that_cannot_be_read_is_a_problem_and_wrong_use_is_told() {
    let server = Server::start(|_, _| {
        Reply::new(403, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
    });
    let desk = desk(server.url());
    let (code, told, _) = desk.run(&["scan", "s3://my-logs/AWSLogs/", "--output", "json"]);
    assert_eq!((code, &told["problems"][0]["input"]), (6, &json!("s3://my-logs/AWSLogs/")), "{told}");
    for (arguments, expect) in [
        (vec!["scan", "s3://my-logs", "--offline"], "`s3://…` talks to AWS"),
        (vec!["scan", "s3://my-logs", "folder"], "files and buckets are scanned one after another"),
        (vec!["scan", "s3://My_Logs!"], "`s3://My_Logs!` is no bucket"),
    ] {
        let (code, _, err) = desk.run(&arguments);
        assert!(code == 2 && err.contains(expect), "{code} {err}");
    }
}

#[test]
fn a_query_is_run_and_its_rows_are_read() {
    let columns = [
        "eventid",
        "eventtime",
        "eventsource",
        "eventname",
        "awsregion",
        "errorcode",
        "errormessage",
        "recipientaccountid",
        "useridentity",
    ];
    let text = |key: &str| denial()[key].as_str().unwrap().to_owned();
    let identity = "{type=AssumedRole, principalid=AROAEXAMPLE:run-1, arn=arn:aws:sts::111122223333:assumed-role/app/run-1, accountid=111122223333, \
        sessioncontext={attributes=null, sessionissuer={type=Role, arn=arn:aws:iam::111122223333:role/app, accountid=111122223333, username=app}}}";
    let cells = [
        text("eventID"),
        text("eventTime"),
        text("eventSource"),
        text("eventName"),
        text("awsRegion"),
        text("errorCode"),
        text("errorMessage"),
        text("recipientAccountId"),
        identity.to_owned(),
    ];
    let row = |cells: Vec<String>| json!({"Data": cells.iter().map(|cell| json!({"VarCharValue": cell})).collect::<Vec<_>>()});
    let rows = [row(columns.map(str::to_owned).to_vec()), row(cells.to_vec())];
    let lake_row: Vec<Value> = columns.iter().zip(&cells).map(|(key, cell)| json!({*key: cell})).collect();
    let server = Server::start(move |request, _| {
        let body = match request.header("x-amz-target") {
            "AmazonAthena.StartQueryExecution" => json!({"QueryExecutionId": "q"}),
            "AmazonAthena.GetQueryExecution" => json!({"QueryExecution": {"Status": {"State": "SUCCEEDED"}}}),
            "AmazonAthena.GetQueryResults" => json!({"ResultSet": {"Rows": rows}}),
            target if target.ends_with("StartQuery") => json!({"QueryId": "q"}),
            _ => json!({"QueryStatus": "FINISHED", "QueryResultRows": [lake_row]}),
        };
        Reply::new(200, body.to_string()).with("content-type", "application/x-amz-json-1.1")
    });
    let desk = desk(server.url());
    let (code, sql, _) = desk.run(&["query", "athena", "--since", "2026-11-01", "--run", "--dry-run"]);
    assert_eq!((code, server.seen().len()), (0, 0), "a dry run asks nothing");
    let run = ["query", "athena", "--since", "2026-11-01", "--run", "--workgroup", "w", "--output", "json"];
    let (code, told, err) = desk.run(&run);
    assert_eq!(
        (code, &told["stats"]["denied"], &told["findings"][0]["verdict"]),
        (0, &json!(1), &json!("patch")),
        "{told}\n{err}"
    );
    assert_eq!(told["findings"][0]["principal"]["arn"], "arn:aws:iam::111122223333:role/app");
    let asked: Value = serde_json::from_str(&server.seen()[0].body).unwrap();
    assert_eq!((&asked["QueryString"], &asked["WorkGroup"]), (&sql, &json!("w")));
    let store = "arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/0233062b-51c6-4d18-8dec-a8c90da840d9";
    let (code, told, err) = desk.run(&["query", "lake", store, "--run", "--output", "json"]);
    assert_eq!((code, &told["stats"]["duplicates"]), (0, &json!(1)), "the same event: {told}\n{err}");
    let elsewhere = store.replace("eu-west-1", "ap-south-1");
    let (code, _, err) = desk.run(&["query", "lake", &elsewhere, "--run", "--output", "json"]);
    let asked = server.seen().last().unwrap().header("authorization").to_owned();
    assert!(code == 0 && asked.contains("/ap-south-1/cloudtrail/"), "{asked}\n{err}");
    let (code, _, err) = desk.run(&["query", "lake", store, "--run", "--offline"]);
    assert!(code == 2 && err.contains("`query --run` talks to AWS"), "{err}");
}
