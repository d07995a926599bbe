//! What a run of the function came to, as CloudWatch takes it from a log: one line of the embedded metric format.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// In this namespace all metrics stand.
pub const NAMESPACE: &str = "denywatch";
/// The one dimension: the function's name.
pub const DIMENSION: &str = "FunctionName";
/// A metric has at most so many values in a line.
const MOST_VALUES: usize = 100;

/// What one run came to. Each field is a metric of its name; all are told, also when they are zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metrics {
    /// CloudTrail records that were read.
    pub received: u64,
    /// Denials counted now; one that was counted before is none.
    pub denied: u64,
    /// Denials counted now that a rule keeps out of the messages.
    pub muted: u64,
    /// Messages that went out, one a receiver.
    pub alerted: u64,
    /// Messages that did not go out because sending is paused.
    pub held: u64,
    /// What is to be tried again, messages that a receiver refused for good, and what a sweep could not read.
    pub failed: u64,
    /// Inputs put aside for a person.
    pub quarantined: u64,
    /// Seconds from each denial that is counted now to the run; empty when there was none.
    #[serde(skip)]
    pub lag: Vec<u64>,
}

impl Metrics {
    /// The line, without its end. The same counts at the same time give the same bytes.
    ///
    /// ```
    /// use denywatch::render::metrics::Metrics;
    /// let metrics = Metrics { received: 3, denied: 1, lag: vec![41], ..Metrics::default() };
    /// let line = metrics.line("denywatch", jiff::Timestamp::UNIX_EPOCH);
    /// assert!(line.starts_with(r#"{"_aws":{"Timestamp":0,"CloudWatchMetrics":[{"Namespace":"denywatch""#), "{line}");
    /// assert!(line.ends_with(r#""Quarantined":0,"Lag":[41]}"#), "{line}");
    /// ```
    pub fn line(&self, function: &str, at: Timestamp) -> String {
        let Ok(Value::Object(mut values)) = serde_json::to_value(self) else { return String::new() };
        let mut metrics: Vec<Value> = values.keys().map(|name| json!({ "Name": name, "Unit": "Count" })).collect();
        if !self.lag.is_empty() {
            metrics.push(json!({ "Name": "Lag", "Unit": "Seconds" }));
            values.insert("Lag".to_owned(), sample(&self.lag).into());
        }
        let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics });
        let meta = json!({ "Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive] });
        let mut line = serde_json::Map::from_iter([("_aws".to_owned(), meta), (DIMENSION.to_owned(), function.into())]);
        line.append(&mut values);
        Value::Object(line).to_string()
    }
}

/// At most a hundred of the values, in order: the least, the greatest, and what lies evenly between them.
fn sample(all: &[u64]) -> Vec<u64> {
    let mut all = all.to_vec();
    all.sort_unstable();
    match all.len() {
        0..=MOST_VALUES => all,
        n => (0..MOST_VALUES).filter_map(|at| all.get(at * (n - 1) / (MOST_VALUES - 1)).copied()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rules of the specification, one by one; it has no published validator.
    #[track_caller]
    fn check(line: &str) {
        assert!(!line.contains('\n') && line.len() < 1_048_576);
        let root: Value = serde_json::from_str(line).unwrap();
        let meta = &root["_aws"];
        assert!(meta["Timestamp"].as_u64().is_some(), "milliseconds since 1970");
        let directives = meta["CloudWatchMetrics"].as_array().unwrap();
        assert_eq!(meta.as_object().unwrap().len(), 2, "no other key");
        for directive in directives {
            let namespace = directive["Namespace"].as_str().unwrap();
            assert!((1..=255).contains(&namespace.len()) && !namespace.starts_with("AWS/"));
            for set in directive["Dimensions"].as_array().unwrap() {
                let set = set.as_array().unwrap();
                assert!(set.len() <= 30);
                for name in set {
                    let name = name.as_str().unwrap();
                    assert!((1..=250).contains(&name.len()) && name.is_ascii() && !name.starts_with(':'));
                    let value = root[name].as_str().expect("a dimension's value is text in the root");
                    assert!((1..=1024).contains(&value.len()));
                }
            }
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!((1..=100).contains(&metrics.len()));
            for metric in metrics {
                let name = metric["Name"].as_str().unwrap();
                assert!((1..=1024).contains(&name.len()));
                assert!(["Count", "Seconds"].contains(&metric["Unit"].as_str().unwrap()));
                match &root[name] {
                    Value::Array(values) => {
                        assert!((1..=100).contains(&values.len()) && values.iter().all(Value::is_number));
                    }
                    value => assert!(value.is_number(), "`{name}` stands in the root"),
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_line_is_as_specified(counts in prop::array::uniform7(any::<u64>()), lag in prop::collection::vec(any::<u64>(), 0..400)) {
            let [received, denied, muted, alerted, held, failed, quarantined] = counts;
            let metrics = Metrics { received, denied, muted, alerted, held, failed, quarantined, lag: lag.clone() };
            let line = metrics.line("denywatch-Function-1A2B", "2026-11-28T21:00:00Z".parse().unwrap());
            check(&line);
            let root: Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(root.get("Lag").is_some(), !lag.is_empty());
            if let Some(most) = lag.iter().max() {
                prop_assert_eq!(root["Lag"].as_array().unwrap().last().unwrap().as_u64(), Some(*most));
            }
        }
    }

    #[test]
    fn all_counts_are_told_and_the_names_are_those_of_the_alarms() {
        let line = Metrics::default().line("f", Timestamp::UNIX_EPOCH);
        let root: Value = serde_json::from_str(&line).unwrap();
        let names: Vec<&str> = root.as_object().unwrap().keys().map(String::as_str).collect();
        let expect =
            ["_aws", "FunctionName", "Received", "Denied", "Muted", "Alerted", "Held", "Failed", "Quarantined"];
        assert_eq!(names, expect);
    }

    #[test]
    fn a_long_list_keeps_both_its_ends() {
        let all: Vec<u64> = (0..1_000).rev().collect();
        let kept = sample(&all);
        assert_eq!((kept.len(), kept[0], kept[99]), (100, 0, 999));
        assert!(kept.is_sorted());
    }
}
