//! The catalogue against real denials that somebody labelled by hand; they are not part of the repository.
//!
//! `DENYWATCH_CORPUS` names the folder; without it nothing is checked, and the test says so.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stderr)]

use denywatch::catalog::{Call, Catalog};
use serde_json::Value;

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn labelled_denials() {
    let Ok(folder) = std::env::var("DENYWATCH_CORPUS") else {
        eprintln!("DENYWATCH_CORPUS is not set: nothing was checked");
        return;
    };
    let lines = std::fs::read_to_string(format!("{folder}/labelled.jsonl")).unwrap();
    let mut wrong = Vec::new();
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        wrong.extend(check(&case));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What differs: the action of the operation, the resource of the message, the resource of the request.
fn check(case: &Value) -> Vec<String> {
    let (catalog, label, record) = (Catalog::embedded(), &case["label"], &case["record"]);
    let (source, name) = (record["eventSource"].as_str().unwrap(), record["eventName"].as_str().unwrap());
    let mut wrong = Vec::new();
    let params = Some(&record["requestParameters"]);
    let actions = texts(&label["actions"]);
    let [action] = actions.as_slice() else { return wrong };
    let found = catalog.resolve(source, name, params).actions;
    if found != [*action] {
        wrong.push(format!("{source} {name}: {found:?}, not {action}"));
    }
    let expect = texts(&label["resources"]);
    let account = record["recipientAccountId"].as_str().unwrap_or("123456789012");
    let region = record["awsRegion"].as_str().unwrap_or("us-east-1");
    let call = Call { operation: name, params, partition: "aws", region, account };
    if let Some(printed) = label["message_resource"].as_str() {
        let fitted = catalog.fit(action, printed, &call).resources;
        if fitted != expect {
            wrong.push(format!("{action} on {printed}: {fitted:?}, not {expect:?}"));
        }
        return wrong;
    }
    let known = catalog.request_resources(action, &call);
    // Account and region of some records were scrubbed one by one, so only the resource's own part is compared.
    let tail = |arn: &str| arn.rsplit(':').next().unwrap_or(arn).to_owned();
    let (have, want): (Vec<_>, Vec<_>) =
        (known.arns.iter().map(|a| tail(a)).collect(), expect.iter().map(|a| tail(a)).collect());
    if !known.arns.is_empty() && have != want {
        wrong.push(format!("{action} from the request: {:?}, not {expect:?}", known.arns));
    }
    if known.arns.is_empty() {
        eprintln!("{action}: no resource in the request, {expect:?} expected");
    }
    wrong
}
