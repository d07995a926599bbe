//! What fails: it comes again, is made good, or is put aside.

use super::*;

#[tokio::test]
async fn findings_that_cannot_be_looked_at_again_give_their_messages_back() {
    let mut world = World::new();
    let ids: Vec<String> = (0..=super::KEPT).map(|n| format!("D-{n:03}/a")).collect();
    world.line.busy = vec!["look"; 2 * ids.len()];
    let done = world.handle(&events(&ids.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap();
    assert_eq!(done.retry, (0..ids.len()).map(|n| format!("m{n}")).collect());
}

#[tokio::test]
async fn a_failed_send_is_handed_back_and_made_good() {
    let mut world = World::new();
    world.slack.fail_next(retryable());
    failures(world.handle(&events(&["D-1/a", "D-2/x", "D-1/a"])).await, &["m0", "m1", "m2"]);
    // SNS had both; Slack refused the first, and was left alone for the second.
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (2, 0));
    failures(world.handle(&events(&["D-1/a", "D-2/x", "D-1/a"])).await, &[]);
    let both = vec!["D-1 a new".to_owned(), "D-2 x new".to_owned()];
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack)), (2, both));
}

#[tokio::test]
async fn a_failed_send_is_made_good_though_the_queue_gave_up() {
    let mut world = World::new();
    let asks = SinkError::Retryable { why: "rate_limited".into(), after: Some(Duration::from_secs(90)) };
    world.slack.fail_next(asks);
    failures(world.handle(&events(&["D-1/a", "D-2/x"])).await, &["m0", "m1"]);
    world.pass(60);
    world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!(World::told(&world.slack).len(), 0, "it asked for 90 seconds");
    world.pass(30);
    world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!(World::told(&world.slack), ["D-1 a new", "D-2 x new"]);
    world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!((World::told(&world.slack).len(), World::told(&world.sns).len()), (2, 2));
    assert_eq!(world.line.ledger.open_deliveries(None).unwrap(), []);
}

/// The copy that took it died: before the send or after it, nobody knows.
#[tokio::test]
async fn what_a_dead_copy_took_is_sent_when_its_time_is_over() {
    let mut world = World::new();
    world.line.items.insert("D-1".into(), BTreeSet::from(["a".into()]));
    let taken = crate::app::lease::take(&Delivery::default(), world.now.get());
    assert!(world.line.ledger.put_delivery("D-1", "slack", &taken).unwrap());
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (1, 0));
    world.pass(29);
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    world.pass(1);
    // Any run finds it.
    failures(world.handle(&events(&["D-2/x"])).await, &[]);
    assert_eq!(World::told(&world.slack), ["D-2 x new", "D-1 a new"]);
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!(World::told(&world.slack).len(), 2);
}

/// The ledger could not be told: the message may come twice, and is not lost.
#[tokio::test]
async fn a_send_that_could_not_be_noted_comes_again_after_its_lease() {
    let mut world = World::new();
    world.line.busy = vec!["note"];
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (1, 1));
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    world.pass(30);
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (2, 1));
}

#[tokio::test]
async fn only_the_messages_behind_a_failed_alert_come_again() {
    let mut world = World::new();
    world.line.busy = vec!["take"];
    failures(world.handle(&events(&["D-1/a", "D-2/x"])).await, &["m0"]);
    assert_eq!(World::told(&world.slack).len(), 2, "the ledger was busy once, with the claim for SNS");
}

#[tokio::test]
async fn what_cannot_be_looked_at_again_is_given_back() {
    let mut world = World::new();
    world.line.busy = vec!["look"];
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!((World::told(&world.sns).len(), World::told(&world.slack).len()), (1, 1));
}

#[tokio::test]
async fn what_no_retry_cures_is_put_aside() {
    let mut world = World::new();
    world.slack.fail_next(SinkError::Permanent("no_service".into()));
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!(world.line.quarantined, [("not delivered to `slack`: no_service".into(), "a new\n\nbody".into())]);
    assert_eq!(World::told(&world.sns).len(), 1);
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!(world.line.quarantined.len(), 1);
    let kept = world.line.ledger.delivery("D-1", "slack").unwrap().unwrap();
    assert_eq!((kept.refused.as_deref(), kept.is_open()), (Some("no_service"), false));
}

#[tokio::test]
async fn an_alert_that_can_be_neither_sent_nor_put_aside_comes_again() {
    let mut world = World::new();
    world.slack.fail_next(SinkError::Permanent("no_service".into()));
    world.line.busy = vec!["quarantine"];
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
    failures(world.handle(&events(&["D-1/a"])).await, &[]);
    assert_eq!(World::told(&world.slack).len(), 1);
}

#[tokio::test]
async fn poison_is_quarantined_with_reason_and_body_and_acknowledged() {
    let mut world = World::new();
    let bodies = ["{".to_owned(), event("D-1/a").to_string(), event("poison").to_string(), event("odd").to_string()];
    failures(world.handle(&batch(&bodies)).await, &[]);
    let expect = [
        ("not JSON: EOF while parsing an object at line 1 column 1", bodies[0].clone()),
        ("it kills the line", bodies[2].clone()),
        ("no event id", event("odd")["detail"].to_string()),
    ];
    assert_eq!(world.line.quarantined, expect.map(|(reason, body)| (reason.to_owned(), body)));
    assert_eq!(World::told(&world.sns), ["D-1 a new"]);
}

#[tokio::test]
async fn poison_that_cannot_be_put_aside_comes_again() {
    let mut world = World::new();
    world.line.busy = vec!["quarantine"];
    failures(world.handle(&batch(&["{".into(), "{".into()])).await, &["m0"]);
    assert_eq!(world.line.quarantined.len(), 1);
}

#[tokio::test]
async fn a_busy_ledger_fails_the_batch() {
    let mut world = World::new();
    world.line.busy = vec!["ingest"];
    failures(world.handle(&events(&["D-1/a", "D-2/x"])).await, &["m0", "m1"]);
    failures(world.handle(&events(&["D-1/a", "D-2/x"])).await, &[]);
    assert_eq!(World::told(&world.sns), ["D-1 a new", "D-2 x new"]);
}

#[tokio::test]
async fn without_a_partial_answer_the_whole_input_fails() {
    let mut world = World::new();
    world.line.busy = vec!["ingest"];
    let error = world.handle(&event("D-1/a")).await.unwrap_err().to_string();
    assert_eq!(error, "one part of the input must be tried again: ingest is busy");
    world.handle(&event("D-1/a")).await.unwrap();
    assert_eq!(World::told(&world.sns), ["D-1 a new"]);
}

#[tokio::test]
async fn an_unknown_shape_does_not_fail_for_ever() {
    let mut world = World::new();
    let done = world.handle(&json!({"hello": "world"})).await.unwrap();
    assert_eq!(done.answer(), json!({"records": 0, "findings": 0, "sent": 0, "quarantined": 1}));
    assert_eq!(world.line.quarantined[0].1, r#"{"hello":"world"}"#);
}

#[tokio::test]
async fn the_deadline_is_kept() {
    let mut world = World::new();
    world.deadline = at("2026-11-22T10:05:01Z");
    failures(world.handle(&events(&["D-1/a", "D-2/x"])).await, &["m0", "m1"]);
    assert_eq!((world.line.items.len(), world.sns.kept().len()), (0, 0));
    world.deadline = at("2026-11-22T10:04:00Z");
    failures(world.handle(&events(&["D-1/a"])).await, &["m0"]);
}

#[tokio::test]
async fn a_report_whose_sender_died_is_made_good_within_its_week() {
    let mut world = World::new();
    let taken = crate::app::lease::take(&Delivery::default(), world.now.get());
    assert!(world.line.ledger.put_delivery("report 2026-W47", "slack", &taken).unwrap());
    assert!(world.line.ledger.put_delivery("report 2026-W46", "slack", &taken).unwrap());
    world.line.report = Some(message("report 2026-W47", "Denied actions"));
    world.pass(30);
    world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!(
        (World::told(&world.slack), World::told(&world.sns).len()),
        (vec!["report 2026-W47 Denied actions".to_owned()], 0)
    );
    assert_eq!(world.line.ledger.open_deliveries(None).unwrap(), [], "the week before is over");
}

#[tokio::test]
async fn what_waits_for_a_receiver_that_is_no_more_is_dropped() {
    let mut world = World::new();
    let taken = crate::app::lease::take(&Delivery::default(), world.now.get());
    world.line.items.insert("D-1".into(), BTreeSet::from(["a".into()]));
    assert!(world.line.ledger.put_delivery("D-1", "gone", &taken).unwrap());
    assert!(world.line.ledger.put_delivery("D-9", "slack", &taken).unwrap());
    world.pass(30);
    world.handle(&json!({"denywatch": "outbox"})).await.unwrap();
    assert_eq!(world.line.ledger.open_deliveries(None).unwrap(), []);
    assert_eq!(World::told(&world.slack).len(), 0);
}

#[tokio::test]
async fn a_run_is_measured_also_when_it_fails() {
    let mut world = World::new();
    world.slack.fail_next(retryable());
    let done = world.handle(&batch(&["{".into(), event("D-1/a").to_string()])).await.unwrap();
    let metrics = done.metrics();
    assert_eq!((metrics.received, metrics.alerted, metrics.failed, metrics.quarantined), (1, 1, 1, 1));
    world.line.busy = vec!["ingest"];
    let again = world.handle(&event("D-1/a")).await.unwrap_err();
    assert_eq!((again.done.metrics().failed, again.done.metrics().received), (1, 0));
    let mut refused = World::new();
    refused.slack.fail_next(SinkError::Permanent("no_service".into()));
    let metrics = refused.handle(&events(&["D-1/a"])).await.unwrap().metrics();
    assert_eq!((metrics.alerted, metrics.failed, metrics.quarantined), (1, 1, 1));
}

/// S3's notification of a log file in a bucket.
#[tokio::test]
async fn a_scan_comes_again_is_done_or_is_put_aside() {
    let mut world = World::new();
    let task = |prefix: &str, after: &str| {
        json!({"denywatch": {"scan": [format!("s3://my-logs/{prefix}")], "after": after}}).to_string()
    };
    let mut tasks = batch(&[task("a", ""), task("b", ""), task("c", "never")]);
    for item in tasks["Records"].as_array_mut().unwrap() {
        item["eventSourceARN"] = "arn:aws:sqs:eu-west-1:111122223333:backfill".into();
    }
    world.line.busy = vec!["scan"];
    failures(world.handle(&tasks).await, &["m0"]);
    let queue = Some("arn:aws:sqs:eu-west-1:111122223333:backfill".to_owned());
    assert_eq!(world.line.scans, [("b".to_owned(), queue.clone()), ("c".to_owned(), queue)]);
    assert_eq!(world.line.quarantined[0].0, "no such prefix");
    assert!(World::told(&world.sns).is_empty(), "the past is not told at once");
    // What a scan puts aside is measured, also where its rest comes again.
    world.line.busy = vec!["scan"];
    let done = world.handle(&batch(&[task("broken/1", ""), task("broken/2", "")])).await.unwrap();
    assert_eq!((done.metrics().quarantined, done.metrics().failed), (2, 1));
}

/// Event history that cannot be read is no quiet failure.
#[tokio::test]
async fn what_a_sweep_cannot_read_is_measured() {
    let mut world = World::new();
    world.line.unread = 3;
    let done = world.handle(&json!({"denywatch": "sweep"})).await.unwrap();
    assert_eq!((done.unread, done.metrics().failed), (3, 3));
}
