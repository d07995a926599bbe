//! The queue before the function, and the dead letters behind it.

use super::{Health, number, text};
use crate::io::aws::Aws;
use crate::io::aws::queue::{Place, Queue};
use crate::policy::{Document, Policies, Request, evaluate};
use serde_json::Value;

const AREA: &str = "queue";

pub(super) async fn look(aws: &Aws, arn: &str, timeout: u64, health: &mut Health) {
    let Ok(place) = Place::parse(arn) else { return };
    let attributes = match Queue::new(aws.signed().clone(), place).attributes().await {
        Ok(attributes) => attributes,
        Err(error) => return health.unknown(AREA, arn, "sqs:GetQueueAttributes", &error),
    };
    judge(arn, &attributes, timeout, health);
    let redrive = text(&attributes, "RedrivePolicy").and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(dead) = redrive.as_ref().and_then(|policy| text(policy, "deadLetterTargetArn")) else {
        let says = "it has no dead-letter queue: what cannot be taken is tried until it is too old, and lost";
        return health.fault(AREA, arn, says, "give it a RedrivePolicy");
    };
    dead_letters(aws, dead, health).await;
}

fn judge(arn: &str, attributes: &Value, timeout: u64, health: &mut Health) {
    let count = number(&attributes["ApproximateNumberOfMessages"]).unwrap_or_default();
    health.ok(AREA, arn, format!("{count} waiting"));
    // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    let visible = number(&attributes["VisibilityTimeout"]).unwrap_or_default();
    if visible < 6 * timeout {
        let says =
            format!("its visibility timeout is {visible} s, and the function may take {timeout} s: events come twice");
        health.note(AREA, arn, says, "set it to at least six times the function's timeout");
    }
    match text(attributes, "Policy").map(Document::parse) {
        Some(Ok(policy)) if takes_events(&policy, arn) => {}
        Some(Err(error)) => health.note(AREA, arn, format!("its policy cannot be read: {error}"), "look at it by hand"),
        Some(Ok(_)) | None => {
            let says = "its policy does not let EventBridge send to it: no denial arrives";
            health.fault(AREA, arn, says, "allow sqs:SendMessage to events.amazonaws.com, for the rule's ARN");
        }
    }
}

/// Whether some rule may send to it. The rule's ARN stands in a condition; here any of the queue's account will do.
fn takes_events(policy: &Document, arn: &str) -> bool {
    let conditions: Vec<String> = policy
        .statements
        .iter()
        .filter_map(|statement| serde_json::to_value(statement).ok())
        .flat_map(|statement| sources(&statement["Condition"]))
        .collect();
    let mut sources: Vec<Option<String>> = conditions.into_iter().map(Some).collect();
    sources.push(None);
    sources.into_iter().any(|source| {
        let account = arn.split(':').nth(4).unwrap_or_default();
        let mut context = std::collections::BTreeMap::from([("aws:SourceAccount".to_owned(), account.into())]);
        context.extend(source.map(|source| ("aws:SourceArn".to_owned(), source.as_str().into())));
        let request = Request {
            principal: "events.amazonaws.com".to_owned(),
            action: "sqs:SendMessage".to_owned(),
            resource: arn.to_owned(),
            resource_account: Some(account.to_owned()),
            context,
        };
        evaluate(&Policies { resource: Some(policy.clone()), ..Policies::default() }, &request).allowed
    })
}

/// The ARNs that a statement's condition names.
fn sources(condition: &Value) -> Vec<String> {
    match condition {
        Value::String(text) if text.starts_with("arn:") => vec![text.replace('*', "x")],
        Value::Array(all) => all.iter().flat_map(sources).collect(),
        Value::Object(map) => map.values().flat_map(sources).collect(),
        _ => Vec::new(),
    }
}

async fn dead_letters(aws: &Aws, arn: &str, health: &mut Health) {
    let Ok(place) = Place::parse(arn) else { return };
    match Queue::new(aws.signed().clone(), place).attributes().await {
        Err(error) => health.unknown(AREA, arn, "sqs:GetQueueAttributes", &error),
        Ok(attributes) => match number(&attributes["ApproximateNumberOfMessages"]).unwrap_or_default() {
            0 => health.ok(AREA, arn, "no dead letters"),
            count => {
                let says = format!("{count} dead letters: events that were not taken");
                health.fault(AREA, arn, says, "find out why, then send them back: infra/RUNBOOK.md, dead letters");
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const QUEUE: &str = "arn:aws:sqs:us-east-2:111122223333:q";

    #[track_caller]
    fn check(principal: Value, condition: Value, expect: bool) {
        let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": QUEUE, "Condition": condition});
        let policy = Document::from_value(json!({"Version": "2012-10-17", "Statement": [statement]})).unwrap();
        assert_eq!(takes_events(&policy, QUEUE), expect);
    }

    #[test]
    fn whether_eventbridge_may_send() {
        let rule = json!({"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-east-2:111122223333:rule/d"}});
        let events = json!({"Service": "events.amazonaws.com"});
        check(events.clone(), rule.clone(), true);
        check(events.clone(), json!({}), true);
        check(events.clone(), json!({"ArnLike": {"aws:SourceArn": "arn:aws:events:*:111122223333:rule/*"}}), true);
        check(json!({"Service": "sns.amazonaws.com"}), rule, false);
        check(events, json!({"StringEquals": {"aws:SourceAccount": "444455556666"}}), false);
    }

    #[test]
    fn a_queue_that_takes_nothing_or_hides_too_briefly_is_told() {
        let mut health = Health::default();
        judge(QUEUE, &json!({"ApproximateNumberOfMessages": "3", "VisibilityTimeout": "30"}), 100, &mut health);
        let says: Vec<&str> = health.points.iter().map(|point| point.says.as_str()).collect();
        assert_eq!(says[0], "3 waiting");
        assert!(says[1].starts_with("its visibility timeout is 30 s") && says[2].contains("no denial arrives"));
    }
}
