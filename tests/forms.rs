//! The same denial gives the same answer in whatever form it comes, as far as the form carries the facts.
//!
//! Every denied record of the fixture trail and of the stories under `tests/cases` is written anew in each form. Forms
//! that carry the whole record must give the whole answer; error texts are held against the record without what a text
//! leaves out.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // a test reads files; its helpers may fail like one

use denywatch::app::{World, explain};
use denywatch::denial::Given;
use denywatch::diagnosis::InForce;
use denywatch::io::sources::files::{self, Limits};
use denywatch::record;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Denied records, one of each principal, operation and message.
fn records(world: &World) -> Vec<Value> {
    let mut distinct: BTreeMap<String, Value> = BTreeMap::new();
    let mut add = |record: &Value| {
        if record["errorCode"].is_string() && record["eventName"].is_string() {
            let key =
                [&record["userIdentity"]["arn"], &record["eventName"], &record["errorMessage"], &record["resources"]];
            distinct.entry(format!("{key:?}")).or_insert_with(|| record.clone());
        }
    };
    files::each(&[here("tests/fixtures/trail")], Limits::default(), |_, bytes| {
        let file: Value = serde_json::from_slice(bytes).unwrap();
        file["Records"].as_array().unwrap().iter().for_each(&mut add);
    });
    for entry in std::fs::read_dir(here("tests/cases")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let block = text.split("```json input\n").nth(1).and_then(|rest| rest.split("\n```").next());
        let Some(json) = block.and_then(|block| serde_json::from_str::<Value>(block).ok()) else { continue };
        match json["Records"].as_array() {
            Some(records) => records.iter().for_each(&mut add),
            None => add(&json),
        }
    }
    let denied = |record: &Value| answer(&record.to_string(), world)["outcome"] != "not_denied";
    distinct.into_values().filter(denied).collect()
}

/// What two forms of one denial must agree on.
fn answer(input: &str, world: &World) -> Value {
    let outcome = serde_json::to_value(explain(input.as_bytes(), "form", &Given::default(), world)).unwrap();
    let denials: Vec<Value> = list(&outcome["denials"])
        .iter()
        .map(|denial| {
            pick(denial, &["principal", "actions", "resources", "reason", "how", "operation", "account", "region"])
        })
        .collect();
    let findings: Vec<Value> = list(&outcome["findings"])
        .iter()
        .map(|finding| {
            let patches = list(&finding["patches"])
                .iter()
                .map(|patch| pick(patch, &["target", "applicability", "document", "widened", "doubts", "companions"]));
            json!({"id": finding["id"], "verdict": finding["verdict"], "diagnosis": finding["diagnosis"],
                "patches": patches.collect::<Vec<_>>()})
        })
        .collect();
    json!({"outcome": outcome["outcome"], "denials": denials, "findings": findings})
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn pick(value: &Value, names: &[&str]) -> Value {
    names.iter().map(|name| ((*name).to_owned(), value[*name].clone())).collect::<Map<_, _>>().into()
}

/// Keys in lower case all the way down, as Athena has them.
fn lower(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.to_lowercase(), lower(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(values) => values.iter().map(lower).collect(),
        other => other.clone(),
    }
}

/// A column as a store prints it: text as it is, trees as JSON text.
fn cell(value: &Value) -> Value {
    match value {
        Value::Object(_) | Value::Array(_) => Value::String(value.to_string()),
        Value::Bool(truth) => Value::String(truth.to_string()),
        other => other.clone(),
    }
}

fn athena(record: &Value) -> Map<String, Value> {
    let column = |(key, value): (&String, &Value)| {
        // Requests keep the letter case of their members; structs lose it.
        let tree = matches!(key.as_str(), "requestParameters" | "additionalEventData");
        (key.to_lowercase(), cell(&if tree { value.clone() } else { lower(value) }))
    };
    record.as_object().unwrap().iter().map(column).collect()
}

/// A struct as Athena prints it: nothing is quoted, an absent member is `null`.
fn struct_text(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let inner: Vec<String> =
                members.iter().map(|(key, value)| format!("{key}={}", struct_text(value))).collect();
            format!("{{{}}}", inner.join(", "))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(struct_text).collect::<Vec<_>>().join(", ")),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a struct's text can carry: without quotation marks no resource is told for certain.
fn without_resources(record: &Value) -> Value {
    let mut left = record.clone();
    left.as_object_mut().unwrap().remove("resources");
    left
}

fn athena_structs(record: &Value) -> Map<String, Value> {
    let mut row = athena(record);
    for name in ["userIdentity", "resources"] {
        if record[name].is_object() || record[name].is_array() {
            row.insert(name.to_lowercase(), Value::String(struct_text(&lower(&record[name]))));
        }
    }
    row
}

fn csv(row: &Map<String, Value>) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let head: Vec<String> = row.keys().map(|key| quoted(key)).collect();
    let cells: Vec<String> = row.values().map(|value| quoted(value.as_str().unwrap_or_default())).collect();
    format!("{}\n{}\n", head.join(","), cells.join(","))
}

/// Every form that carries the whole record.
fn whole(record: &Value) -> Vec<(&'static str, String)> {
    let lake: Map<String, Value> =
        record.as_object().unwrap().iter().map(|(key, value)| (key.clone(), cell(value))).collect();
    let envelope = json!({"version": "0", "id": "x", "detail-type": "AWS API Call via CloudTrail", "source": "aws.sts",
        "account": record["recipientAccountId"], "time": record["eventTime"], "region": record["awsRegion"],
        "resources": [], "detail": record});
    let looked_up = json!({"Events": [{"EventId": record["eventID"], "EventName": record["eventName"], "Username": "x",
        "Resources": [], "CloudTrailEvent": record.to_string()}]});
    let logs = json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s",
        "subscriptionFilters": ["f"], "logEvents": [{"id": "1", "timestamp": 1, "message": record.to_string()}]});
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    vec![
        ("pretty JSON", pretty(record)),
        ("log file", json!({"Records": [record]}).to_string()),
        ("list", json!([record]).to_string()),
        ("EventBridge", envelope.to_string()),
        ("EventBridge, pretty", pretty(&envelope)),
        ("LookupEvents", looked_up.to_string()),
        ("LookupEvents, pretty", pretty(&looked_up)),
        ("CloudWatch Logs", logs.to_string()),
        ("Lake row", Value::Object(lake.clone()).to_string()),
        ("Lake CSV", csv(&lake)),
        ("Athena row", Value::Object(athena(record)).to_string()),
        ("Athena CSV", csv(&athena(record))),
        ("Athena row, structs", Value::Object(athena_structs(record)).to_string()),
        ("Athena CSV, structs", csv(&athena_structs(record))),
        ("lower-cased keys", {
            let mut low = lower(record);
            low["requestparameters"] = record["requestParameters"].clone();
            low.to_string()
        }),
    ]
}

#[test]
fn every_form_of_a_record_gives_its_answer() {
    let world = World::new(InForce::default());
    let (records, mut wrong) = (records(&world), Vec::new());
    for record in &records {
        let expect = answer(&record.to_string(), &world);
        let bare = answer(&without_resources(record).to_string(), &world);
        for (form, text) in whole(record) {
            let found = answer(&text, &world);
            let expect = if form.ends_with("structs") { &bare } else { &expect };
            if found != *expect {
                wrong.push(format!("{form}:\n  record {record}\n  expect {expect}\n  found  {found}"));
            }
        }
    }
    assert!(records.len() > 60, "{} records", records.len());
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.iter().take(3).cloned().collect::<Vec<_>>().join("\n")
    );
}

/// A text, and what of the record it carries besides the message.
struct Wrapped {
    form: &'static str,
    text: String,
    operation: bool,
    service: bool,
    code: bool,
}

fn wrapped(record: &Value) -> Vec<Wrapped> {
    let word = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let (message, code, operation) = (word("errorMessage"), word("errorCode"), word("eventName"));
    let service = word("eventSource").split('.').next().unwrap_or_default().to_owned();
    let of = |form, text, operation, service, code| Wrapped { form, text, operation, service, code };
    vec![
        of("message", message.clone(), false, false, false),
        of(
            "CLI",
            format!("An error occurred ({code}) when calling the {operation} operation: {message}"),
            true,
            false,
            true,
        ),
        of(
            "boto3",
            format!(
                "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n    run()\n\
                 botocore.exceptions.ClientError: An error occurred ({code}) when calling the {operation} operation: {message}"
            ),
            true,
            false,
            true,
        ),
        of(
            "Go",
            format!(
                "operation error {service}: {operation}, https response error StatusCode: 403, RequestID: \
                 11111111-2222-3333-4444-555555555555, api error {code}: {message}"
            ),
            true,
            true,
            true,
        ),
        of(
            "Java",
            format!(
                "{message} (Service: {service}, Status Code: 403, Request ID: 11111111-2222-3333-4444-555555555555)"
            ),
            false,
            true,
            false,
        ),
        of(
            "Terraform",
            format!(
                "╷\n│ Error: creating thing: operation error {service}: {operation}, https response error StatusCode: 403, \
                 RequestID: 11111111-2222-3333-4444-555555555555, api error {code}: {message}\n│ \n│   with aws_thing.this,\n\
                 │   on main.tf line 1, in resource \"aws_thing\" \"this\":\n╵\n"
            ),
            true,
            true,
            true,
        ),
        of(
            "CloudFormation",
            format!(
                "Resource handler returned message: \"{message} (Service: {service}, Status Code: 403, Request ID: \
                 11111111-2222-3333-4444-555555555555)\" (RequestToken: 11111111-2222-3333-4444-555555555555, \
                 HandlerErrorCode: AccessDenied)"
            ),
            false,
            true,
            false,
        ),
    ]
}

/// The record without what a text leaves out.
fn stripped(record: &Value, form: &Wrapped) -> Value {
    let message = record["errorMessage"].as_str().unwrap_or_default();
    let mut left =
        json!({"errorMessage": message, "errorCode": record["errorCode"], "userIdentity": {"type": "Unknown"}});
    if form.operation {
        left["eventName"] = record["eventName"].clone();
    }
    if form.service {
        left["eventSource"] = record["eventSource"].clone();
    }
    left
}

/// The parts that rest on the message and the names around it.
fn essence(answer: &Value) -> Value {
    let mut essence = answer.clone();
    for denial in essence["denials"].as_array_mut().unwrap() {
        *denial = pick(denial, &["principal", "actions", "resources", "reason"]);
    }
    for finding in essence["findings"].as_array_mut().unwrap() {
        finding["diagnosis"] = pick(&finding["diagnosis"], &["cause"]);
    }
    essence
}

#[test]
fn every_error_text_gives_the_answer_of_its_facts() {
    let world = World::new(InForce::default());
    let mut wrong = Vec::new();
    let mut compared = 0;
    for record in records(&world).iter().filter(|record| record["errorMessage"].is_string()) {
        for form in wrapped(record) {
            // Without its code a text is found by its words alone; a few have none of their own.
            let record = stripped(record, &form);
            let (records, _) = record::read(record.to_string().as_bytes(), "record");
            if records.is_empty() {
                continue;
            }
            compared += 1;
            let (expect, found) = (essence(&answer(&record.to_string(), &world)), essence(&answer(&form.text, &world)));
            if found != expect {
                let code = if form.code { "code given" } else { "no code" };
                wrong.push(format!(
                    "{}, {code}:\n  text   {}\n  expect {expect}\n  found  {found}",
                    form.form, form.text
                ));
            }
        }
    }
    assert!(compared > 300, "{compared} texts");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
}
