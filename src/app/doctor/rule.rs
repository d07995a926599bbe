//! The rules on the way to the queue, on each hop: the queue's own, and those that forward to its bus.

use super::{Health, Point, list, text};
use crate::io::aws::Aws;
use crate::io::aws::signed::Service;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const EVENTS: Service = Service::json("events", "EventBridge", "AWSEvents");
const AREA: &str = "rule";
const ALL: &str = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";

pub(super) async fn look(aws: &Aws, queue: &str, regions: &BTreeSet<String>, health: &mut Health) {
    let buses = buses(aws, health).await;
    let (mut found, mut hops) = (0, BTreeSet::new());
    for (name, arn) in &buses {
        let rules = rules(aws, None, queue, name, health).await;
        found += rules.len();
        for rule in &rules {
            describe(aws, None, rule, name, health).await;
        }
        if !rules.is_empty() {
            hops.insert((name.clone(), arn.clone()));
        }
    }
    if found == 0 && !buses.is_empty() {
        let says = "no rule of this account sends to it: no denial arrives";
        health.fault(
            AREA,
            queue,
            says,
            "deploy the rule: infra/README.md; a target of a rule elsewhere is not seen from here",
        );
    }
    for (name, arn) in hops {
        if name != "default" {
            policy(aws, &name, health).await;
        }
        forwarders(aws, &name, &arn, regions, health).await;
    }
}

/// Name and ARN of each bus.
async fn buses(aws: &Aws, health: &mut Health) -> Vec<(String, String)> {
    match aws.signed().call(EVENTS, "ListEventBuses", None, &json!({})).await {
        Err(error) => {
            health.unknown(AREA, "event buses", "events:ListEventBuses", &error);
            Vec::new()
        }
        Ok(answer) => {
            let one =
                |bus: &Value| Some((text(bus, "Name")?.to_owned(), text(bus, "Arn").unwrap_or_default().to_owned()));
            list(&answer, "EventBuses").iter().filter_map(one).collect()
        }
    }
}

/// Names of the rules of a bus that send to a target.
async fn rules(aws: &Aws, region: Option<&str>, target: &str, bus: &str, health: &mut Health) -> Vec<String> {
    let asked = json!({ "TargetArn": target, "EventBusName": bus });
    match aws.signed().call(EVENTS, "ListRuleNamesByTarget", region, &asked).await {
        Ok(answer) => list(&answer, "RuleNames").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Err(error) => {
            let what = format!("rules of bus `{bus}`{}", in_region(region));
            health.unknown(AREA, &what, "events:ListRuleNamesByTarget", &error);
            Vec::new()
        }
    }
}

async fn describe(aws: &Aws, region: Option<&str>, rule: &str, bus: &str, health: &mut Health) {
    let what = format!("{rule} on bus `{bus}`{}", in_region(region));
    match aws.signed().call(EVENTS, "DescribeRule", region, &json!({ "Name": rule, "EventBusName": bus })).await {
        Ok(answer) => judge(&what, &answer, health),
        Err(error) => health.unknown(AREA, &what, "events:DescribeRule", &error),
    }
}

fn in_region(region: Option<&str>) -> String {
    region.map(|region| format!(" in {region}")).unwrap_or_default()
}

/// A rule's state, by what it is to let through:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html>.
pub(super) fn judge(what: &str, answer: &Value, health: &mut Health) {
    // A rule for our own changes or another thing lets no denial through, and needs no reads.
    let of_denials = text(answer, "EventPattern").is_none_or(|pattern| pattern.contains("errorCode"));
    match text(answer, "State") {
        Some(ALL) => health.ok(AREA, what, "it lets all management events through, reads too"),
        Some("ENABLED") if !of_denials => health.ok(AREA, what, "it is on"),
        Some("ENABLED") => {
            let says = "read-only events do not pass: denied sts:AssumeRole, kms:Decrypt, kms:GenerateDataKey and \
                        ssm:GetParameter do not arrive";
            health.fault(AREA, what, says, &format!("set its state to {ALL}, by API or template: the console cannot"));
        }
        Some(state) => {
            let says = format!("it is `{state}`: no denial arrives by it");
            health.fault(AREA, what, says, "switch it on: `aws events enable-rule`, or deploy it again");
        }
        None => health.ok(AREA, what, "it is there"),
    }
}

/// Whether others may put events on a central bus.
async fn policy(aws: &Aws, bus: &str, health: &mut Health) {
    let what = format!("bus `{bus}`");
    match aws.signed().call(EVENTS, "DescribeEventBus", None, &json!({ "Name": bus })).await {
        Err(error) => health.unknown(AREA, &what, "events:DescribeEventBus", &error),
        Ok(answer) => judge_policy(&what, text(&answer, "Policy"), health),
    }
}

pub(super) fn judge_policy(what: &str, policy: Option<&str>, health: &mut Health) {
    let policy = policy.and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
    let statements = match &policy["Statement"] {
        Value::Array(all) => all.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let puts =
        |statement: &&Value| statement["Effect"] == "Allow" && statement["Action"].to_string().contains("PutEvents");
    let open = |statement: &Value| {
        let everybody = statement["Principal"] == "*" || statement["Principal"]["AWS"] == "*";
        everybody && !statement["Condition"].to_string().contains("aws:PrincipalOrgID")
    };
    let allows: Vec<&Value> = statements.iter().filter(puts).collect();
    match (allows.is_empty(), allows.iter().any(|statement| open(statement))) {
        (true, _) => health.fault(
            AREA,
            what,
            "its policy lets no other account put events: only this account's denials arrive",
            "allow events:PutEvents to the organization (aws:PrincipalOrgID), before the forwarders are deployed",
        ),
        (false, true) => health.fault(
            AREA,
            what,
            "its policy lets everybody put events: anybody can forge denials",
            "add the condition aws:PrincipalOrgID to its policy",
        ),
        (false, false) => health.ok(AREA, what, "its policy names who may put events"),
    }
}

/// Rules that bring other Regions' events, and on a central bus this Region's too. Those of other accounts are not seen.
async fn forwarders(aws: &Aws, bus: &str, arn: &str, regions: &BTreeSet<String>, health: &mut Health) {
    if bus != "default" {
        for rule in rules(aws, None, arn, "default", health).await {
            describe(aws, None, &rule, "default", health).await;
        }
    }
    let mut silent = Vec::new();
    for region in regions {
        let rules = rules(aws, Some(region), arn, "default", health).await;
        for rule in &rules {
            describe(aws, Some(region), rule, "default", health).await;
        }
        let told = |point: &Point| point.what.ends_with(&format!("in {region}")) && point.area == AREA;
        if rules.is_empty() && !health.points.iter().any(told) {
            silent.push(region.as_str());
        }
    }
    tell_silent(&silent, health);
}

/// Regions that forward nothing: one of its own for the global services', one for all others together.
fn tell_silent(silent: &[&str], health: &mut Health) {
    let (global, others): (Vec<&str>, Vec<&str>) = silent.iter().partition(|region| **region == "us-east-1");
    let remedy = "deploy the forwarder there: infra/README.md";
    for region in global {
        let says = "no rule there forwards to this one: its denials do not arrive; IAM, Organizations, CloudFront and Route 53 \
                    tell theirs there";
        health.note(AREA, &format!("Region {region}"), says, remedy);
    }
    if !others.is_empty() {
        let says = "no rule there forwards to this one: denials there do not arrive";
        let what = format!("{} of the account's Regions: {}", others.len(), others.join(", "));
        health.note(AREA, &what, says, &format!("{remedy}, for those that are in use"));
    }
}
