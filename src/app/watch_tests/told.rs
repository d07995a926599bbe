//! What is told, to whom, and that it is told once.

use super::*;

#[tokio::test]
async fn an_event_is_told_to_all_once() {
    let mut world = World::new();
    let done = world.handle(&event("D-1/a")).await.unwrap();
    assert_eq!(done.answer(), json!({"records": 1, "findings": 1, "sent": 2, "quarantined": 0}));
    // The same event again, and another of the same item.
    world.handle(&event("D-1/a")).await.unwrap();
    assert_eq!(
        (World::told(&world.sns), World::told(&world.slack)),
        (vec!["D-1 a new".into()], vec!["D-1 a new".into()])
    );
}

#[tokio::test]
async fn a_batch_of_more_findings_than_are_kept_is_told_whole_and_once() {
    let mut world = World::new();
    // Each finding's second item comes with the last messages of the batch.
    let ids: Vec<String> = ["a", "b"].iter().flat_map(|item| (0..150).map(move |n| format!("D-{n}/{item}"))).collect();
    let done = world.handle(&events(&ids.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap();
    assert_eq!((done.records, done.findings, done.sent), (300, 150, 300));
    let expect: BTreeSet<String> = (0..150).map(|n| format!("D-{n} a b new")).collect();
    assert_eq!(World::told(&world.sns).into_iter().collect::<BTreeSet<_>>(), expect);
}

#[tokio::test]
async fn a_new_item_is_told_and_so_is_a_late_return() {
    let mut world = World::new();
    world.handle(&events(&["D-1/a", "D-1/a", "D-2/x"])).await.unwrap();
    world.handle(&events(&["D-1/b"])).await.unwrap();
    assert_eq!(World::told(&world.sns), ["D-1 a new", "D-2 x new", "D-1 a b updated"]);
    // The next one keeps to the pace, and the outbox brings it by itself.
    world.handle(&events(&["D-1/c"])).await.unwrap();
    assert_eq!(World::told(&world.sns).len(), 3);
    world.pass(1_800);
    world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!(World::told(&world.sns)[3..], ["D-1 a b c updated"]);
    world.line.last_seen = Some(at("2026-11-24T10:00:00Z"));
    world.pass(86_400);
    world.handle(&events(&["D-1/d"])).await.unwrap();
    assert_eq!(World::told(&world.sns)[4..], ["D-1 a b c d reopened"]);
}

#[tokio::test]
async fn events_delivered_again_days_later_reopen_nothing() {
    let mut world = World::new();
    world.handle(&event("D-1/a")).await.unwrap();
    world.pass(7 * 86_400);
    world.handle(&event("D-1/a")).await.unwrap();
    assert_eq!(World::told(&world.sns).len(), 1);
}

#[tokio::test]
async fn what_one_receiver_refuses_the_next_route_is_told() {
    let mut world = World::new();
    let spare = MemorySink::new("spare");
    world.spare = Some(spare.clone());
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!(spare.kept().len(), 0);
    world.slack.fail_next(SinkError::Permanent("channel_is_archived".into()));
    failures(world.handle(&events(&["D-2/x"])).await, &[]);
    assert_eq!((World::told(&spare), world.line.quarantined.len()), (vec!["D-2 x new".to_owned()], 1));
    // The next one is out of reach: it comes again, and the refusal is put aside once.
    world.slack.fail_next(SinkError::Permanent("channel_is_archived".into()));
    spare.fail_next(retryable());
    failures(world.handle(&events(&["D-3/x"])).await, &["m0"]);
    world.slack.fail_next(SinkError::Permanent("channel_is_archived".into()));
    failures(world.handle(&events(&["D-3/x"])).await, &[]);
    assert_eq!(World::told(&spare), ["D-2 x new", "D-3 x new"]);
    // When nobody takes it, a person finds it.
    for sink in [&world.slack, &spare] {
        sink.fail_next(SinkError::Permanent("token_revoked".into()));
    }
    failures(world.handle(&events(&["D-4/x"])).await, &[]);
    let last: Vec<&str> = world.line.quarantined.iter().rev().take(2).map(|(reason, _)| reason.as_str()).collect();
    assert_eq!(last, ["not delivered to `spare`: token_revoked", "not delivered to `slack`: token_revoked"]);
    assert_eq!(world.line.ledger.open_deliveries(None).unwrap(), []);
}

#[tokio::test]
async fn expected_and_passing_denials_are_not_told() {
    for verdict in [Verdict::Expected, Verdict::Transient] {
        let mut world = World::new();
        world.line.verdict = Some(verdict);
        let done = world.handle(&event("D-1/a")).await.unwrap();
        assert_eq!((done.findings, done.sent), (1, 0));
    }
    for verdict in [Verdict::Upheld, Verdict::Probing, Verdict::Unclear] {
        let mut world = World::new();
        world.line.verdict = Some(verdict);
        assert_eq!(world.handle(&event("D-1/a")).await.unwrap().sent, 2);
    }
}

#[tokio::test]
async fn a_sweep_is_no_flood() {
    let mut world = World::new();
    for item in 0..100 {
        world.handle(&event(&format!("D-1/{item:03}"))).await.unwrap();
        world.pass(36);
    }
    // In an hour: the first, one soon after it, and two in the next half hour.
    assert_eq!(World::told(&world.sns).len(), 4);
}

/// Thousands of events of one finding are no thousands of writes.
#[tokio::test]
async fn what_is_told_is_not_written_again_and_again() {
    let mut world = World::new();
    for _ in 0..50 {
        world.handle(&events(&["D-1/a"])).await.unwrap();
    }
    assert_eq!(world.line.ledger.delivery("D-1", "slack").unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn old_events_are_refused_and_acknowledged() {
    let mut world = World::new();
    failures(world.handle(&events(&["old", "D-1/a"])).await, &[]);
    assert_eq!(World::told(&world.slack), ["D-1 a new"]);
}

#[tokio::test]
async fn a_report_goes_out_once() {
    let mut world = World::new();
    let weekly = json!({"denywatch": "report"});
    assert_eq!(world.handle(&weekly).await.unwrap().sent, 0);
    world.line.report = Some(message("report 2026-W47", "Denied actions"));
    world.sns.fail_next(retryable());
    let error = world.handle(&weekly).await.unwrap_err().to_string();
    assert_eq!(error, "one part of the input must be tried again: busy");
    assert_eq!(world.handle(&weekly).await.unwrap().sent, 1);
    assert_eq!(world.handle(&weekly).await.unwrap().sent, 0);
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (1, 1));
    world.line.busy = vec!["task"];
    assert!(world.handle(&weekly).await.is_err());
}

#[tokio::test]
async fn while_sending_is_paused_nothing_goes_out_and_afterwards_all_of_it_once() {
    let mut world = World::new();
    world.handle(&events(&["D-1/a"])).await.unwrap();
    world.paused = true;
    for ids in [["D-1/b", "D-2/x"], ["D-1/c", "D-2/y"]] {
        // Counted and acknowledged: the queue does not give it up.
        let done = world.handle(&events(&ids)).await.unwrap();
        assert_eq!((done.records, done.sent, done.held, done.retry.len()), (2, 0, 4, 0));
        world.pass(3_600);
    }
    world.line.report = Some(message("report 2026-W47", "Denied actions"));
    assert_eq!(world.handle(&json!({"denywatch": "report"})).await.unwrap().sent, 0);
    assert_eq!(world.handle(&json!({"denywatch": "digest"})).await.unwrap().sent, 0);
    let waiting = world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!((waiting.sent, waiting.held), (0, 6), "two findings and a report, for two receivers");
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (1, 1));
    world.paused = false;
    let done = world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!((done.sent, done.held), (6, 0));
    let expect = ["D-1 a new", "D-1 a b c updated", "D-2 x y new", "report 2026-W47 Denied actions"];
    assert_eq!(
        (World::told(&world.sns), World::told(&world.slack)),
        (expect.map(Into::into).into(), expect.map(Into::into).into())
    );
    assert_eq!(world.handle(&json!({"denywatch": "outbox"})).await.unwrap().sent, 0);
    let pause = world.line.ledger.delivery(crate::app::pause::ID, crate::app::pause::TO).unwrap().unwrap();
    let pause = crate::app::pause::Pause::of(&pause).unwrap();
    assert_eq!((pause.from, pause.until), (at("2026-11-22T12:05:00Z"), Some(at("2026-11-22T12:05:00Z"))));
}

/// What another copy is sending when the switch is thrown is its own to end.
#[tokio::test]
async fn a_pause_leaves_a_delivery_alone_that_somebody_has_taken() {
    let mut world = World::new();
    let taken = crate::app::lease::take(&Delivery::default(), world.now.get());
    assert!(world.line.ledger.put_delivery("D-1", "slack", &taken).unwrap());
    world.paused = true;
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    assert_eq!(world.line.ledger.delivery("D-1", "slack").unwrap(), Some(taken));
}

fn notice(bucket: &str, id: &str) -> String {
    let key = format!(
        "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/28/111122223333_CloudTrail_eu-west-1_20261128T1015Z_{id}.json.gz"
    );
    let object = json!({"bucket": {"name": bucket}, "object": {"key": key}});
    json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": object}]}).to_string()
}

#[tokio::test]
async fn log_files_that_s3_tells_of_are_told_like_events() {
    let mut world = World::new();
    let files =
        batch(&[notice("item-a", "x"), notice("item-b", "busy"), notice("item-c", "poison"), notice("item-d", "x")]);
    failures(world.handle(&files).await, &["m1"]);
    assert_eq!(World::told(&world.sns), ["D-log item-a item-d new"]);
    let (reason, body) = &world.line.quarantined[0];
    assert_eq!((reason.as_str(), body.starts_with("s3://item-c/AWSLogs/")), ("no log file", true));
    // A direct notification has no partial answer.
    let direct = serde_json::from_str(&notice("item-b", "busy")).unwrap();
    assert_eq!(world.handle(&direct).await.unwrap_err().why, "S3 is busy");
}
