//! Real events outside the repository: `DENYWATCH_CORPUS` names a folder with `labelled.jsonl` (`record` and `label`) and
//! `lookalikes.jsonl` (records with an error that is no denial).

// A test may fail loudly and says when it has nothing to try.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use denywatch::denial::{code::is_denial, message::parse, text::find};
use denywatch::principal::from_identity;
use denywatch::record::{Record, read};
use serde_json::Value;
use std::path::PathBuf;

/// The folder's file as lines of JSON; `None`, told plainly, when the variable is not set.
#[allow(clippy::disallowed_methods)]
fn lines(name: &str) -> Option<Vec<Value>> {
    let Ok(folder) = std::env::var("DENYWATCH_CORPUS") else {
        println!("DENYWATCH_CORPUS is not set: no real events were tried");
        return None;
    };
    let text = std::fs::read_to_string(PathBuf::from(folder).join(name)).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn denied(record: &Record) -> bool {
    let text = |field: &Option<String>| field.clone();
    let (code, source) = (text(&record.error_code), text(&record.event_source));
    let (kind, message) = (text(&record.event_type), text(&record.error_message));
    is_denial(code.as_deref(), source.as_deref(), kind.as_deref(), message.as_deref())
}

#[test]
fn labelled_events() {
    for line in lines("labelled.jsonl").unwrap_or_default() {
        let (records, problems) = read(line["record"].to_string().as_bytes(), "labelled");
        assert_eq!((records.len(), problems.len()), (1, 0), "{line}");
        let (record, label) = (&records[0], &line["label"]);
        assert!(denied(record), "{line}");
        let said = parse(record.error_message.as_deref().unwrap_or_default());
        if let [found] = find(record.error_message.as_deref().unwrap_or_default()).as_slice() {
            assert_eq!(found.parsed, said, "{line}");
        }
        if label["action_from"] == "message" {
            let action = said.action.unwrap().to_lowercase();
            assert_eq!(Some(action), label["actions"][0].as_str().map(str::to_lowercase), "{line}");
        }
        if let Some(resource) = label["message_resource"].as_str() {
            assert_eq!(said.resource.as_deref(), Some(resource), "{line}");
        }
        let who = from_identity(&record.user_identity, record.recipient_account.as_deref());
        let key = label["principal_key"].as_str().unwrap_or_default();
        let known = [&who.arn, &who.name].into_iter().flatten().any(|fact| key.contains(fact.as_str()));
        assert!(known, "{who:?} is not {key}");
    }
}

#[test]
fn lookalikes() {
    for line in lines("lookalikes.jsonl").unwrap_or_default() {
        let (records, _) = read(line.to_string().as_bytes(), "lookalikes");
        assert!(records.iter().all(|record| !denied(record)), "{line}");
    }
}
