//! Whether denials arrive and can be told: what stands between CloudTrail and the receivers, each part looked at by reads
//! alone, each fault with its remedy. What may not be read is told as such; it is no fault and no clean bill.

mod function;
mod ledger;
mod queue;
mod receivers;
mod rights;
mod rule;
mod trail;

use crate::io::aws::Aws;
use crate::io::aws::signed::CallError;
use crate::io::settings::Settings;
use crate::io::sources::regions;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and somebody should know this of it.
    Note,
    /// It could not be looked at.
    Unknown,
    /// Denials or messages are lost, or late.
    Fault,
}

/// One part, and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// `trail`, `rule`, `queue`, `function`, `role`, `ledger`, `receiver`, `configuration`.
    pub area: &'static str,
    /// Which one: a name or an ARN.
    pub what: String,
    /// How it is.
    pub state: State,
    /// In a sentence.
    pub says: String,
    /// What helps; `None` where nothing needs help.
    pub remedy: Option<String>,
}

/// What is to be looked at.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The function's name.
    pub function: String,
    /// Only these Regions' rules are looked for, and us-east-1's; empty: those of all Regions that the account has switched on.
    pub regions: Vec<String>,
    /// The configuration, where the caller has it; else the function's own is read.
    pub settings: Option<Settings>,
    /// The ledger, where the caller names one; else the function's own.
    pub store: Option<String>,
}

/// All points, in the order of the data's way.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Health {
    /// Of this format.
    pub version: u32,
    /// What was looked at.
    pub points: Vec<Point>,
}

impl Health {
    /// The worst of them.
    pub fn worst(&self) -> State {
        self.points.iter().map(|point| point.state).max().unwrap_or(State::Ok)
    }

    fn add(&mut self, area: &'static str, what: &str, state: State, says: impl Into<String>, remedy: Option<&str>) {
        let (what, remedy) = (what.to_owned(), remedy.map(str::to_owned));
        self.points.push(Point { area, what, state, says: says.into(), remedy });
    }

    fn ok(&mut self, area: &'static str, what: &str, says: impl Into<String>) {
        self.add(area, what, State::Ok, says, None);
    }

    fn note(&mut self, area: &'static str, what: &str, says: impl Into<String>, remedy: &str) {
        self.add(area, what, State::Note, says, Some(remedy));
    }

    fn fault(&mut self, area: &'static str, what: &str, says: impl Into<String>, remedy: &str) {
        self.add(area, what, State::Fault, says, Some(remedy));
    }

    /// A call that was refused or got no answer.
    fn unknown(&mut self, area: &'static str, what: &str, call: &str, error: &CallError) {
        let remedy = format!("let these credentials call `{call}`, or look by hand");
        self.add(area, what, State::Unknown, format!("could not be checked: {error}"), Some(&remedy));
    }
}

/// Looks at everything.
pub async fn examine(aws: &Aws, asked: &Asked) -> Health {
    let mut health = Health { version: 1, ..Health::default() };
    trail::look(aws, &mut health).await;
    let function = function::look(aws, asked, &mut health).await;
    let regions = others(aws, asked, &mut health).await;
    for arn in &function.queues {
        queue::look(aws, arn, function.timeout, &mut health).await;
        rule::look(aws, arn, &regions, &mut health).await;
    }
    let settings = match &asked.settings {
        Some(settings) => Some(settings.clone()),
        None => function.settings.clone(),
    };
    let store = asked.store.clone().or_else(|| settings.as_ref()?.store.clone()).or_else(|| function.store.clone());
    if let Some(role) = &function.role {
        let needs = rights::needs(&function, settings.as_ref(), store.as_deref());
        Box::pin(rights::look(aws, role, &needs, &mut health)).await;
    }
    ledger::look(store.as_deref(), settings.as_ref(), &mut health);
    match &settings {
        Some(settings) => receivers::look(aws, settings, function.paused, &mut health).await,
        None => health.add(
            "configuration",
            "receivers",
            State::Unknown,
            "could not be checked: no configuration was read",
            Some("name it with --config"),
        ),
    }
    health
}

/// The Regions whose events have to be forwarded to this one.
async fn others(aws: &Aws, asked: &Asked, health: &mut Health) -> BTreeSet<String> {
    let own = aws.config().region().map(ToString::to_string).unwrap_or_default();
    let mut all: BTreeSet<String> = asked.regions.iter().cloned().collect();
    if all.is_empty() {
        let (names, why) = regions::regions(aws).await;
        all.extend(names);
        if let Some(why) = why {
            let says = format!("could not be checked: {why}; those that every account has were looked at");
            let remedy = Some("let these credentials call `ec2:DescribeRegions`, or name them with --only-region");
            health.add("rule", "the account's Regions", State::Unknown, says, remedy);
        }
    }
    // Global services speak there, in AWS's first partition.
    if !own.starts_with("cn-") && !own.starts_with("us-gov-") {
        all.insert("us-east-1".to_owned());
    }
    all.remove(&own);
    all
}

/// A text in an answer.
fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// A number, which some protocols write as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A list in an answer; empty where there is none.
fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whether AWS says that there is no such thing.
fn is_missing(error: &CallError) -> bool {
    let missing = ["NotFound", "NoSuchEntity", "NonExistentQueue", "QueueDoesNotExist", "NoSuchBucket"];
    matches!(error, CallError::Service { code, .. } if missing.iter().any(|word| code.contains(word)))
}

#[cfg(test)]
mod tests;
