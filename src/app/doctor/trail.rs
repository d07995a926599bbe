//! Without a trail no event reaches EventBridge:
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html>.

use super::{Health, list, text};
use crate::io::aws::Aws;
use crate::io::aws::signed::Service;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const CLOUDTRAIL: Service = Service::json("cloudtrail", "CloudTrail", "CloudTrail_20131101");
const AREA: &str = "trail";

/// What the trails together select.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selected {
    /// Read-only management events.
    pub(super) reads: bool,
    /// Management events that write.
    pub(super) writes: bool,
    /// Sources of management events that each trail leaves out.
    pub(super) excluded: BTreeSet<String>,
    /// Types of data events.
    pub(super) data: BTreeSet<String>,
    /// Network activity of VPC endpoints.
    pub(super) network: bool,
}

pub(super) async fn look(aws: &Aws, health: &mut Health) {
    let answer = aws.signed().call(CLOUDTRAIL, "DescribeTrails", None, &json!({ "includeShadowTrails": true })).await;
    let trails = match &answer {
        Ok(answer) => list(answer, "trailList"),
        Err(error) => return health.unknown(AREA, "the account's trails", "cloudtrail:DescribeTrails", error),
    };
    if trails.is_empty() {
        let says = "there is no trail: EventBridge gets no API calls, so no denial arrives";
        return health.fault(AREA, "the account", says, "make a trail over all Regions: `aws cloudtrail create-trail`");
    }
    let (mut all, mut logging) = (Vec::new(), Vec::new());
    for trail in trails {
        let Some(arn) = text(trail, "TrailARN") else { continue };
        let home = text(trail, "HomeRegion");
        let status = aws.signed().call(CLOUDTRAIL, "GetTrailStatus", home, &json!({ "Name": arn })).await;
        match status {
            Ok(status) if status["IsLogging"] == json!(true) => logging.push(trail),
            Ok(_) => health.note(AREA, arn, "it does not log", "start it: `aws cloudtrail start-logging --name …`"),
            Err(error) => health.unknown(AREA, arn, "cloudtrail:GetTrailStatus", &error),
        }
        match aws.signed().call(CLOUDTRAIL, "GetEventSelectors", home, &json!({ "TrailName": arn })).await {
            Ok(selectors) => all.push(selected(&selectors)),
            Err(error) => health.unknown(AREA, arn, "cloudtrail:GetEventSelectors", &error),
        }
    }
    judge_logging(&logging, health);
    if let Some(sum) = together(&all) {
        judge(&sum, health);
    }
}

fn judge_logging(logging: &[&Value], health: &mut Health) {
    let wide = logging.iter().find(|trail| trail["IsMultiRegionTrail"] == json!(true));
    match (wide, logging.first()) {
        (Some(trail), _) => {
            health.ok(AREA, text(trail, "TrailARN").unwrap_or_default(), "it logs, in all Regions");
        }
        (None, Some(trail)) => {
            let says = format!(
                "it logs {} alone: denials elsewhere do not arrive",
                text(trail, "HomeRegion").unwrap_or("one Region")
            );
            let remedy = "let it log all Regions: `aws cloudtrail update-trail --is-multi-region-trail`";
            health.fault(AREA, text(trail, "TrailARN").unwrap_or_default(), says, remedy);
        }
        (None, None) => {
            let says = "no trail is known to log: no denial arrives";
            health.fault(AREA, "the account", says, "start one: `aws cloudtrail start-logging --name …`");
        }
    }
}

/// What one trail selects, by either sort of selector:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventSelectors.html>.
pub(super) fn selected(answer: &Value) -> Selected {
    let mut sum = Selected::default();
    for selector in list(answer, "EventSelectors") {
        if selector["IncludeManagementEvents"] != json!(false) {
            let kind = text(selector, "ReadWriteType").unwrap_or("All");
            sum.reads |= kind != "WriteOnly";
            sum.writes |= kind != "ReadOnly";
            let excluded = list(selector, "ExcludeManagementEventSources").iter().filter_map(Value::as_str);
            sum.excluded.extend(excluded.map(str::to_owned));
        }
        sum.data.extend(list(selector, "DataResources").iter().filter_map(|one| text(one, "Type")).map(str::to_owned));
    }
    for selector in list(answer, "AdvancedEventSelectors") {
        advanced(list(selector, "FieldSelectors"), &mut sum);
    }
    sum
}

fn advanced(fields: &[Value], sum: &mut Selected) {
    let of = |field: &str, how: &str| -> BTreeSet<String> {
        let fits = fields.iter().filter(|one| text(one, "Field") == Some(field));
        fits.flat_map(|one| list(one, how)).filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let category = of("eventCategory", "Equals");
    if category.contains("Management") {
        let only = of("readOnly", "Equals");
        sum.reads |= only.is_empty() || only.contains("true");
        sum.writes |= only.is_empty() || only.contains("false");
        sum.excluded.extend(of("eventSource", "NotEquals"));
    }
    if category.contains("Data") {
        sum.data.extend(of("resources.type", "Equals"));
    }
    sum.network |= category.contains("NetworkActivity");
}

/// What at least one trail selects; left out is only what all of them leave out. `None` where none was read.
fn together(all: &[Selected]) -> Option<Selected> {
    let of_management = all.iter().filter(|one| one.reads || one.writes);
    let excluded = of_management.map(|one| one.excluded.clone()).reduce(|a, b| a.intersection(&b).cloned().collect());
    (!all.is_empty()).then(|| Selected {
        reads: all.iter().any(|one| one.reads),
        writes: all.iter().any(|one| one.writes),
        excluded: excluded.unwrap_or_default(),
        data: all.iter().flat_map(|one| one.data.clone()).collect(),
        network: all.iter().any(|one| one.network),
    })
}

fn judge(sum: &Selected, health: &mut Health) {
    let remedy = "select them: `aws cloudtrail put-event-selectors`";
    match (sum.reads, sum.writes) {
        (true, true) => health.ok(AREA, "management events", "reads and writes are logged"),
        (false, true) => {
            let says = "read-only calls are not logged: denied sts:AssumeRole, kms:Decrypt, kms:GenerateDataKey and \
                        ssm:GetParameter are among them";
            health.fault(AREA, "management events", says, remedy);
        }
        (true, false) => health.fault(AREA, "management events", "calls that write are not logged", remedy),
        (false, false) => health.fault(AREA, "management events", "none are logged", remedy),
    }
    for source in &sum.excluded {
        let says = format!("calls of `{source}` are left out: their denials do not arrive");
        health.note(AREA, "management events", says, "take it out of the excluded sources, if they matter");
    }
    match sum.data.is_empty() {
        true => health.note(
            AREA,
            "data events",
            "none are logged: denied reads and writes of S3 objects, DynamoDB items, queues and topics do not arrive",
            "select the types that matter (CloudTrail bills data events)",
        ),
        false => {
            let types: Vec<&str> = sum.data.iter().map(String::as_str).collect();
            health.ok(
                AREA,
                "data events",
                format!("logged for {}; denials of other types do not arrive", types.join(", ")),
            );
        }
    }
    if !sum.network {
        health.note(
            AREA,
            "network activity",
            "not logged: what a VPC endpoint's policy denies does not arrive",
            "select NetworkActivity of the event sources that have endpoints",
        );
    }
}
