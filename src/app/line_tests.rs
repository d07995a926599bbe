use super::*;
use crate::delivery::Told;
use crate::io::doubles::{Reply, Server};
use crate::io::stores::MemoryLedger;
use crate::triage::Verdict;
use serde_json::json;

fn now() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

fn line() -> LedgerLine {
    let to = "to = ['slack', 'sns:arn:aws:sns:us-east-2:111122223333:t']";
    let config = format!("version = 1\n[slack]\nsecret = 'ssm:x'\n[[route]]\n{to}");
    LedgerLine::new(Box::new(MemoryLedger::default()), &Settings::parse(&config).unwrap(), now)
}

/// A denial as CloudTrail records it, with the account of AWS's documentation.
fn denied(id: &str) -> Value {
    let role = "arn:aws:iam::111122223333:role/build";
    json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": "2026-11-18T10:00:00Z",
        "eventSource": "kms.amazonaws.com", "eventName": "GenerateDataKey", "awsRegion": "us-east-2",
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "errorCode": "AccessDenied",
        "errorMessage": "User: arn:aws:sts::111122223333:assumed-role/build/s is not authorized to perform: \
            kms:GenerateDataKey on resource: arn:aws:kms:us-east-2:111122223333:key/7e0e7421-e43b-4ef3-84a2-6236e35d9779 \
            because no identity-based policy allows the kms:GenerateDataKey action",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/build/s",
            "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "accountId": "111122223333", "userName": "build"}}},
    })
}

#[tokio::test]
async fn a_denial_becomes_a_message_with_its_patch() {
    let mut line = line();
    let batch = [denied("a"), json!({"eventVersion": 1})];
    let ingested = line.ingest(&[&batch[1..], &batch]).await.unwrap();
    let why = || "not a CloudTrail record".to_owned();
    assert_eq!(ingested.unread, [(0, 0, why()), (1, 1, why())]);
    assert_eq!(ingested.touched[0].1, BTreeSet::from([1]));
    let again = line.ingest(&[&[], &[denied("a")]]).await.unwrap();
    assert_eq!(again.touched, ingested.touched, "an event told again leads to its finding, and counts once");
    let advice = &ingested.touched[0].0;
    assert_eq!(line.look(&advice.id).await.unwrap().as_ref(), Some(advice));
    assert_eq!(line.look("D-2").await.unwrap(), None);
    let message = line.render(advice, "slack", Stage::New);
    assert!(message.subject.contains("kms:GenerateDataKey"), "{}", message.subject);
    assert!(message.body.contains("\"kms:GenerateDataKey\""), "{}", message.body);
    assert!(message.json["blocks"].to_string().contains("kms:GenerateDataKey"));
}

/// AWS that shows one role and refuses all else; it keeps what it was asked.
fn account() -> Server {
    Server::start(|request, _| match request.field("Action").unwrap_or_default().as_str() {
        "GetCallerIdentity" => {
            Reply::new(200, "<R><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult></R>")
        }
        "GetRole" => Reply::new(
            200,
            "<R><GetRoleResult><Role><RoleName>build</RoleName>\
            <Arn>arn:aws:iam::111122223333:role/build</Arn></Role></GetRoleResult></R>",
        ),
        "ListRolePolicies" => Reply::new(200, "<R><ListRolePoliciesResult><PolicyNames/></ListRolePoliciesResult></R>"),
        _ => Reply::new(403, "<R><Error><Code>AccessDenied</Code></Error></R>"),
    })
}

#[tokio::test]
async fn the_policies_in_force_stand_behind_an_alert_and_what_was_refused_is_told() {
    let server = account();
    let mut line = line().asking(&Aws::from_config(crate::io::aws::tests::config(&server.url())));
    let ingested = line.ingest(&[&[denied("a")]]).await.unwrap();
    let advice = &ingested.touched[0].0;
    assert_eq!(advice.patches[0].proof.as_ref().unwrap().basis, "policies");
    let unchecked = advice.diagnosis.unchecked.join("; ");
    for call in
        ["iam:ListAttachedRolePolicies", "kms:GetKeyPolicy", "kms:ListGrants", "organizations:DescribeOrganization"]
    {
        assert!(unchecked.contains(&format!("`{call}` was refused")), "{call} in {unchecked}");
    }
    let asked = server.seen().len();
    line.ingest(&[&[denied("b")]]).await.unwrap();
    assert_eq!(server.seen().len(), asked, "what was read is kept for the next events");
    // Neither does the outbox ask again, nor does it tell another thing where no time is left to ask.
    line.within(Duration::ZERO);
    let looked = line.look(&advice.id).await.unwrap().unwrap();
    assert_eq!(looked.diagnosis, advice.diagnosis);
    assert_eq!(server.seen().len(), asked);
}

#[tokio::test]
async fn without_time_nothing_is_asked_and_nothing_is_lost() {
    let server = account();
    let mut line = line().asking(&Aws::from_config(crate::io::aws::tests::config(&server.url())));
    line.within(Duration::ZERO);
    let ingested = line.ingest(&[&[denied("a")]]).await.unwrap();
    let advice = &ingested.touched[0].0;
    assert_eq!((advice.count, advice.patches[0].proof.as_ref().unwrap().basis.as_str()), (1, "message"));
    assert!(advice.diagnosis.unchecked.iter().any(|what| what.contains("no time was left")));
}

#[tokio::test]
async fn the_report_is_of_the_last_whole_week() {
    let mut line = line();
    line.ingest(&[&[denied("a")]]).await.unwrap();
    let messages = line.carry_out(Task::Report, now()).await.unwrap();
    assert_eq!(messages.iter().map(|(to, _)| to.split(':').next().unwrap()).collect::<Vec<_>>(), ["slack", "sns"]);
    let message = &messages[0].1;
    let subject = "Denied actions, week 47 of 2026: 1 denied call, 1 finding, 1 new";
    assert_eq!((message.id.as_str(), message.subject.as_str()), ("report 2026-W47", subject));
    assert!(message.json["blocks"].to_string().contains("1 statement ends 1 of 1 denials"), "{}", message.json);
    assert!(messages[1].1.body.contains("kms:GenerateDataKey"), "without a bucket the mail holds the report");
    // Nobody gave it an AWS to ask.
    assert!(line.sweep(now(), std::time::Duration::from_secs(1)).await.is_err());
}

fn line_with(report: &str) -> LedgerLine {
    let config = format!(
        "version = 1\n[slack]\nmode = 'app'\nsecret = 'ssm:x'\n[report]\n{report}\n[[route]]\nto = ['slack:C0IAM', \
         'sns:arn:aws:sns:us-east-2:111122223333:t']"
    );
    let settings = Settings::parse(&config).unwrap();
    LedgerLine::new(Box::new(MemoryLedger::default()), &settings, now)
}

/// Monday, half past eleven at night in New York, is Tuesday in UTC; on Sunday evening there UTC's week is over already.
#[tokio::test]
async fn the_time_zone_says_which_week_is_over() {
    let mut line = line_with("at = { tz = 'America/New_York' }");
    line.ingest(&[&[denied("a")]]).await.unwrap();
    let id = async |line: &mut LedgerLine, at: &str| {
        let told = line.carry_out(Task::Report, at.parse().unwrap()).await.unwrap();
        told.first().map(|(_, message)| message.id.clone())
    };
    let monday = id(&mut line, "2026-11-23T12:00:00Z").await;
    assert_eq!(monday.as_deref(), Some("report 2026-W47.America-New_York"));
    assert_eq!(
        id(&mut line, "2026-11-23T03:00:00Z").await,
        None,
        "there it is Sunday still, and the week before was empty"
    );
}

#[tokio::test]
async fn an_empty_week_is_told_only_where_it_is_asked_for() {
    assert_eq!(line_with("").carry_out(Task::Report, now()).await.unwrap(), []);
    let told = line_with("skip_if_empty = false").carry_out(Task::Report, now()).await.unwrap();
    assert_eq!(told.len(), 2);
    assert!(
        told[1].1.body.contains("\nNo denied call was recorded, 2026-11-16 to 2026-11-22.\n"),
        "{}",
        told[1].1.body
    );
    assert!(told[0].1.files.is_empty(), "there is nothing to draw");
}

#[tokio::test]
async fn the_page_is_put_away_and_the_message_links_to_it() {
    let bucket = Server::start(|_, _| Reply::new(200, ""));
    let aws = Aws::from_config(crate::io::aws::tests::config(&bucket.url()));
    let config = "bucket = 's3://acme-reports'\nbase_url = 'https://reports.example.com'";
    let settings = Settings::parse(&format!("version = 1\n[report]\n{config}\n[[route]]\nto = 'stdout'")).unwrap();
    let mut line = line_with(config).shelving(Shelf::of(&aws, &settings));
    line.ingest(&[&[denied("a")]]).await.unwrap();
    let told = line.carry_out(Task::Report, now()).await.unwrap();
    assert_eq!(bucket.seen()[0].target, "/acme-reports/2026-W47.html");
    for (_, message) in &told {
        let text = format!("{} {}", message.body, message.json);
        assert!(text.contains("https://reports.example.com/2026-W47.html"), "{text}");
        assert!(!message.body.contains("## Findings"), "with a link the mail is short");
    }
    let files = &told[0].1.files;
    assert_eq!((files.len(), files[0].name.as_str()), (1, "2026-W47.png"));
    assert!(files[0].picture.starts_with(b"\x89PNG"));
    assert!(told[1].1.files.is_empty());
}

#[tokio::test]
async fn a_bucket_that_refuses_holds_no_message_up() {
    let bucket = Server::start(|_, _| Reply::new(403, "<Error><Code>AccessDenied</Code></Error>"));
    let aws = Aws::from_config(crate::io::aws::tests::config(&bucket.url()));
    let settings =
        Settings::parse("version = 1\n[report]\nbucket = 's3://acme-reports'\n[[route]]\nto = 'stdout'").unwrap();
    let mut line = line_with("bucket = 's3://acme-reports'").shelving(Shelf::of(&aws, &settings));
    line.ingest(&[&[denied("a")]]).await.unwrap();
    let told = line.carry_out(Task::Report, now()).await.unwrap();
    assert!(told[1].1.body.contains("## Findings"), "{}", told[1].1.body);
}

/// The report too rests on the policies in force, where the function may read them.
#[tokio::test]
async fn the_report_knows_the_policies_in_force() {
    let server = account();
    let mut line = line().asking(&Aws::from_config(crate::io::aws::tests::config(&server.url())));
    line.ingest(&[&[denied("a")]]).await.unwrap();
    let report = line.report(now()).await.unwrap();
    assert_eq!(report.findings[0].patches[0].proof.as_ref().unwrap().basis, "policies");
}

#[test]
fn a_ledger_must_be_named() {
    let settings = |store: &str| {
        let route = "[[route]]\nto = ['sns:arn:aws:sns:us-east-2:111122223333:t']";
        Settings::parse(&format!("version = 1\n{store}\n{route}")).unwrap()
    };
    let error = |store: &str| open(&settings(store), now).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error(""), "no ledger is named: set `DENYWATCH_STORE`, or `store.uri` in the configuration");
    assert_eq!(error("[store]\nuri = 'x'"), "unknown store `x`: write `sqlite:PATH` or `dynamodb:TABLE`");
}

/// A finding that nothing can mend goes nowhere now, and into the next digest.
#[tokio::test]
async fn what_is_denied_by_design_waits_for_the_digest() {
    let mut line = line();
    let mut upheld = denied("a");
    let message = upheld["errorMessage"].as_str().unwrap().replace(
        "because no identity-based policy allows the kms:GenerateDataKey action",
        "with an explicit deny in a service control policy",
    );
    upheld["errorMessage"] = message.into();
    let touched = line.ingest(&[&[upheld]]).await.unwrap().touched;
    assert_eq!(line.receivers(&touched[0].0), [] as [String; 0]);
    let day_after = "2026-11-19T09:00:00Z".parse().unwrap();
    let digest = line.carry_out(Task::Digest, day_after).await.unwrap();
    assert_eq!(digest.len(), 2);
    assert!(digest[0].1.json.to_string().contains("denied by design"), "{}", digest[0].1.json);
    assert!(digest[1].1.body.contains("kms:GenerateDataKey"), "{}", digest[1].1.body);
    assert_eq!(line.carry_out(Task::Digest, "2026-11-21T09:00:00Z".parse().unwrap()).await.unwrap(), []);
}

/// The end of a finding is for those who heard of it, wherever it would be routed by now.
#[tokio::test]
async fn who_was_told_of_a_finding_hears_of_its_end() {
    let mut line = line();
    let mut advice = line.ingest(&[&[denied("a")]]).await.unwrap().touched.remove(0).0;
    assert_eq!(line.receivers(&advice).len(), 2);
    let told = crate::delivery::Told { posted: Some(now()), ..crate::delivery::Told::default() };
    let delivery = Delivery { version: 1, told, ..Delivery::default() };
    assert!(line.put_delivery(&advice.id, "slack", &delivery).await.unwrap());
    advice.denied.iter_mut().for_each(|item| item.status = Status::Resolved);
    for verdict in [advice.verdict, Verdict::Upheld] {
        advice.verdict = verdict;
        assert_eq!(line.receivers(&advice), ["slack"], "{verdict:?}");
    }
    advice.denied[0].status = Status::Open;
    assert_eq!(line.receivers(&advice), [] as [String; 0], "one that is open goes by its route");
}

/// What a full channel or quiet hours held back is in the digest; once the receiver was told, it is not.
#[tokio::test]
async fn the_digest_tells_what_was_not_told() {
    let mut line = line();
    let advice = line.ingest(&[&[denied("a")]]).await.unwrap().touched.remove(0).0;
    let day_after: Timestamp = "2026-11-19T09:00:00Z".parse().unwrap();
    assert_eq!(line.carry_out(Task::Digest, day_after).await.unwrap().len(), 2);
    let told = crate::delivery::Told {
        posted: Some(day_after),
        fingerprint: fingerprint(&advice),
        ..crate::delivery::Told::default()
    };
    let delivery = Delivery { version: 1, told, ..Delivery::default() };
    assert!(line.put_delivery(&advice.id, "slack", &delivery).await.unwrap());
    let digest = line.carry_out(Task::Digest, day_after).await.unwrap();
    assert_eq!(digest.iter().map(|(to, _)| to.split(':').next().unwrap()).collect::<Vec<_>>(), ["sns"]);
}

#[tokio::test]
async fn denials_are_measured_as_they_are_counted() {
    let rule =
        "[[expected.rule]]\nid = 'r'\nmatch = { permission = 'kms:*' }\nreason = 'x'\nowner = 'o'\npermanent = true";
    let config = format!("version = 1\n[[route]]\nto = 'stdout'\n{rule}");
    let settings = Settings::parse(&config).unwrap();
    let mut muting = LedgerLine::new(Box::new(MemoryLedger::default()), &settings, now);
    let five_days_less_an_hour = 5 * 86_400 - 3_600;
    for (line, muted) in [(&mut line(), 0), (&mut muting, 2)] {
        let first = line.ingest(&[&[denied("a"), denied("b")]]).await.unwrap();
        assert_eq!((first.counted, first.muted, &first.lag), (2, muted, &vec![five_days_less_an_hour; 2]));
        let again = line.ingest(&[&[denied("a")]]).await.unwrap();
        assert_eq!((again.counted, again.muted, again.lag.len()), (0, 0, 0), "what comes again is measured once");
        let mixed = line.ingest(&[&[denied("a"), denied("c"), denied("c")]]).await.unwrap();
        assert_eq!((mixed.counted, mixed.muted, mixed.lag.len()), (1, muted / 2, 1));
    }
}

/// What a pause kept from the digest of the day before is in the first one after it, which says why.
#[tokio::test]
async fn the_digest_after_a_pause_reaches_back_and_says_so() {
    let mut line = line();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    line.ingest(&[&[denied("a")]]).await.unwrap();
    let told =
        Told { opened: Some(at("2026-11-18T09:30:00Z")), sent: Some(at("2026-11-20T12:00:00Z")), ..Told::default() };
    let usual = line.carry_out(Task::Digest, at("2026-11-21T09:00:00Z")).await.unwrap();
    assert_eq!(usual, [], "the denial is three days old");
    let stored = Delivery { version: 1, told, ..Delivery::default() };
    assert!(line.put_delivery(pause::ID, pause::TO, &stored).await.unwrap());
    let after = line.carry_out(Task::Digest, at("2026-11-21T09:00:00Z")).await.unwrap();
    assert!(after[1].1.body.contains("kms:GenerateDataKey"), "{}", after[1].1.body);
    let said = "sending was paused from 2026-11-18 09:30 to 2026-11-20 12:00 UTC";
    assert!(after[1].1.body.contains(said) && after[0].1.json.to_string().contains(said), "{}", after[1].1.body);
    assert_eq!(line.carry_out(Task::Digest, at("2026-11-22T09:00:00Z")).await.unwrap(), [], "said once");
}

thread_local! {
    /// The function's clock takes nothing with it.
    static CLOCK: std::cell::Cell<Timestamp> = std::cell::Cell::new(now());
}

/// A change of the policies of role `build`.
fn changed(id: &str, when: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": when, "eventSource": "iam.amazonaws.com",
        "eventName": "DeleteRolePolicy", "awsRegion": "us-east-1", "recipientAccountId": "111122223333",
        "requestParameters": {"roleName": "build", "policyName": "keys"},
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ana", "accountId": "111122223333", "userName": "ana"},
    })
}

/// What `replay` shows is what the function sends, to the letter: changes before denials, copies once, edits at their pace.
#[tokio::test]
async fn a_replay_is_what_the_function_sends() {
    use crate::app::explain;
    use crate::app::replay::{Replay, batches};
    use crate::app::watch::{Post, Time, handle};
    use crate::io::sinks::memory::MemorySink;
    let config = "version = 1\n[store]\nhash = ['session']\n[slack]\nmode = 'app'\nsecret = 'ssm:x'\n[group]\nwait = '60s'\n\
        [[route]]\nto = ['slack:C0Q', 'sns:arn:aws:sns:us-east-2:111122223333:t']";
    let settings = Settings::parse(config).unwrap();
    let at = |id: &str, when: &str| {
        let mut one = denied(id);
        one["eventTime"] = when.into();
        one
    };
    let mut sns = at("4", "2026-11-18T11:20:00Z");
    sns["errorMessage"] = sns["errorMessage"].as_str().unwrap().replace("kms:GenerateDataKey", "kms:Decrypt").into();
    sns["eventName"] = "Decrypt".into();
    let records = [
        // The change is told after the denial that it explains, in one batch.
        at("1", "2026-11-18T10:00:05Z"),
        changed("c1", "2026-11-18T10:00:01Z"),
        at("2", "2026-11-18T10:30:00Z"),
        at("2", "2026-11-18T10:30:00Z"),
        changed("c2", "2026-11-18T10:45:00Z"),
        at("3", "2026-11-18T11:15:00Z"),
        sns,
        at("5", "2026-11-21T09:00:00Z"),
    ];
    let text = records.iter().map(|record| format!("{record}\n")).collect::<String>();
    let (world, audience) = (World::new(InForce::default()), Audience::new(&settings));
    let events = explain::events(text.as_bytes(), "t", &Default::default(), &world);
    assert_eq!((events.denials.len(), events.changes.len(), events.problems.len()), (6, 2, 0));
    let window = jiff::SignedDuration::from_secs(20);
    let batches = batches(events.denials, events.changes, window, now());
    let mut replay = Replay::new(&world, &audience, &settings);
    let mut line = LedgerLine::new(Box::new(MemoryLedger::rehearsing(&settings.keep)), &settings, || CLOCK.get());
    let sinks: Vec<MemorySink> = audience.destinations().iter().map(|to| MemorySink::new(&to.to_string())).collect();
    let boxed = sinks.iter().map(|sink| Box::new(sink.clone()) as Box<dyn crate::io::sinks::Sink>).collect();
    let post = Post::new(boxed, settings.policy.clone());
    let clock = || CLOCK.get();
    let (mut shown, mut from) = (Vec::new(), "2026-11-18T09:59:00Z".parse::<Timestamp>().unwrap());
    for (when, batch) in batches {
        // The schedule calls the outbox each minute; here each second in which it may find something.
        let mut minute = from;
        while minute < when {
            CLOCK.set(minute);
            let time = Time { now: &clock, deadline: minute + jiff::SignedDuration::from_secs(600) };
            handle(&json!({"denywatch": "outbox"}), &mut line, &post, &time).await.unwrap();
            minute += jiff::SignedDuration::from_secs(5);
        }
        from = when;
        let ids: BTreeSet<String> = batch
            .denials
            .iter()
            .filter_map(|denial| denial.event_id.clone())
            .chain(batch.changes.iter().map(|change| change.event_id.clone()))
            .collect();
        let own = records.iter().filter(|record| ids.contains(record["eventID"].as_str().unwrap()));
        let body = |record: &Value| {
            json!({"messageId": record["eventID"], "eventSource": "aws:sqs",
            "body": json!({"detail-type": "AWS API Call via CloudTrail", "detail": record}).to_string()})
        };
        CLOCK.set(when);
        let time = Time { now: &clock, deadline: when + jiff::SignedDuration::from_secs(600) };
        handle(&json!({"Records": own.map(body).collect::<Vec<_>>()}), &mut line, &post, &time).await.unwrap();
        shown.extend(replay.pass(when).unwrap());
        shown.extend(replay.take(batch, when).unwrap());
    }
    assert!(sinks.iter().all(|sink| sink.kept().len() >= 2), "else this test tells nothing");
    for sink in &sinks {
        let of_replay: Vec<Message> = shown
            .iter()
            .filter(|one| one.to.to_string() == crate::io::sinks::Sink::name(sink))
            .map(|one| one.message.clone())
            .collect();
        assert_eq!(of_replay, sink.kept());
        let first = format!("{} {}", of_replay[0].body, of_replay[0].json);
        assert!(first.contains("iam:DeleteRolePolicy") && first.contains("ana"), "{first}");
        assert!(
            !of_replay.iter().any(|one| format!("{one:?}").contains("assumed-role/build/s ")),
            "sessions are hashed"
        );
    }
}

/// 5,000 denials of one role in a minute, on 25 keys, in batches as the queue hands them over, and the outbox
/// each minute after it: one message and at most two edits, and all of them are told in the end.
#[tokio::test]
async fn a_storm_through_the_function_is_one_message_and_two_edits() {
    use crate::app::watch::{Post, Time, handle};
    use crate::io::sinks::memory::MemorySink;
    use crate::io::sinks::{Sink, Step};
    let config = "version = 1\n[slack]\nmode = 'app'\nsecret = 'ssm:x'\n[[route]]\nto = 'slack:C0Q'";
    for wait in ["", "[group]\nwait = '60s'\n"] {
        let settings = Settings::parse(&config.replace("[[route]]", &format!("{wait}[[route]]"))).unwrap();
        let mut line = LedgerLine::new(Box::new(MemoryLedger::default()), &settings, || CLOCK.get());
        let sink = MemorySink::new("slack:C0Q");
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(sink.clone())];
        let post = Post::new(sinks, settings.policy.clone());
        let clock = || CLOCK.get();
        let start: Timestamp = "2026-11-18T10:00:00Z".parse().unwrap();
        let second = |n: i64| start + jiff::SignedDuration::from_secs(n);
        for at in 0..50 {
            let one = |n: i64| {
                let mut record = denied(&format!("{at}-{n}"));
                record["eventTime"] = second(at * 6 / 5).to_string().into();
                let key = format!("key/7e0e7421-e43b-4ef3-84a2-{:012}", n % 25);
                let text =
                    record["errorMessage"].as_str().unwrap().replace("key/7e0e7421-e43b-4ef3-84a2-6236e35d9779", &key);
                record["errorMessage"] = text.into();
                json!({"messageId": format!("{at}-{n}"), "eventSource": "aws:sqs",
                    "body": json!({"detail-type": "AWS API Call via CloudTrail", "detail": record}).to_string()})
            };
            CLOCK.set(second(at * 6 / 5));
            let time = Time { now: &clock, deadline: CLOCK.get() + jiff::SignedDuration::from_secs(600) };
            let records: Vec<Value> = (0..100).map(one).collect();
            handle(&json!({"Records": records}), &mut line, &post, &time).await.unwrap();
        }
        for minute in [1, 2, 3, 5, 29, 30, 31, 32, 60] {
            CLOCK.set(second(minute * 60));
            let time = Time { now: &clock, deadline: CLOCK.get() + jiff::SignedDuration::from_secs(600) };
            handle(&json!({"denywatch": "outbox"}), &mut line, &post, &time).await.unwrap();
        }
        let kept = sink.kept();
        let edits = kept.iter().filter(|message| message.step == Step::Edit).count();
        assert_eq!(kept.len() - edits, 1, "{wait}");
        assert!(edits <= 2, "{wait}: {edits}");
        assert!(kept.last().unwrap().json.to_string().contains("*5000 times*"), "{}", kept.last().unwrap().json);
    }
}
