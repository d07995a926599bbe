//! A message for a program: the finding as the contract has it, and why it is sent.

use super::alert::AlertContext;
use super::note::Note;
use super::words::{self, middle};
use crate::advice::Advice;
use serde_json::{Value, json};

/// Bytes of a message.
const MAX: usize = 250_000;
/// Items that are kept of a finding that is too long.
const ITEMS_MAX: usize = 20;

/// `{"version":1,"type":"finding","stage":…,"finding":…}`. A finding that is too long loses items and patches, and
/// `truncated` says so.
pub fn finding(advice: &Advice, shown: &AlertContext) -> Value {
    let whole = message(advice, shown, false);
    if whole.to_string().len() <= MAX {
        return whole;
    }
    let mut short = advice.clone();
    short.denied.truncate(ITEMS_MAX);
    short.patches.clear();
    let short = message(&short, shown, true);
    if short.to_string().len() <= MAX {
        return short;
    }
    json!({
        "version": 1, "type": "finding", "stage": shown.stage.word(), "truncated": true, "test": shown.test,
        "headline": middle(&words::headline(advice), 300), "finding": {"id": middle(&advice.id, 60)},
    })
}

/// `{"version":1,"type":"note",…}`: a digest or a report.
pub fn note(note: &Note) -> Value {
    let lines: Vec<String> = note.lines.iter().take(200).map(|line| middle(line, 400)).collect();
    json!({
        "version": 1, "type": "note", "id": middle(&note.id, 60), "title": middle(&note.title, 300), "lines": lines,
        "truncated": note.lines.len() > lines.len(),
    })
}

fn message(advice: &Advice, shown: &AlertContext, truncated: bool) -> Value {
    let owner = shown.owner.as_ref().map(|owner| json!({"name": owner.name, "because": owner.because}));
    json!({
        "version": 1, "type": "finding", "stage": shown.stage.word(), "truncated": truncated, "test": shown.test,
        "headline": words::headline(advice), "owner": owner, "finding": serde_json::to_value(advice).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_finding_fits(advice in sample::any_advice()) {
            let message = finding(&advice, &AlertContext::default());
            prop_assert!(message.to_string().len() <= MAX);
            prop_assert!(message["finding"]["id"].is_string());
        }
    }

    #[test]
    fn a_finding_that_is_too_long_says_so() {
        let mut advice = sample::pipeline();
        let item = sample::item("s3:GetObject", &"a/".repeat(3_000), 1, advice.verdict);
        advice.denied = vec![item.clone(); 60];
        let message = finding(&advice, &AlertContext::default());
        assert_eq!((&message["truncated"], message["finding"]["denied"].as_array().unwrap().len()), (&json!(true), 20));
        advice.denied = vec![sample::item("s3:GetObject", &"a/".repeat(150_000), 1, advice.verdict)];
        assert_eq!(finding(&advice, &AlertContext::default())["finding"], json!({"id": "D-7F3AQ2ZK4M"}));
        assert_eq!(finding(&sample::pipeline(), &AlertContext::default())["truncated"], json!(false));
    }
}
