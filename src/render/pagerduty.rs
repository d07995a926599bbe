//! An event for PagerDuty, Events API v2, without its routing key and without saying whether it opens or closes.
//!
//! Limits: summary 1,024 characters, key 255, all together 512 KB; the severity is one of four words.
//! See <https://developer.pagerduty.com/docs/send-alert-event>.

use super::after;
use super::alert::{self, AlertContext};
use super::console;
use super::escape::terminal;
use super::note::Note;
use super::words::{self, middle};
use crate::advice::Advice;
use crate::triage::Severity;
use serde_json::{Value, json};

const SUMMARY_MAX: usize = 1_000;
const KEY_MAX: usize = 255;
const LIST_MAX: usize = 20;

/// The event of a finding. Its key is the finding's id, so that one finding is one incident, however often it is told.
pub fn event(advice: &Advice, shown: &AlertContext) -> Value {
    let pages = [(console::event(advice), "CloudTrail event"), (console::principal(advice), "IAM")];
    let links: Vec<Value> =
        pages.into_iter().filter_map(|(url, text)| Some(json!({"href": url?, "text": text}))).collect();
    let key = key(&advice.id, shown.test);
    json!({
        "dedup_key": key,
        "client": "denywatch",
        "links": links,
        "payload": {
            "summary": middle(&format!("{} ({})", alert::title(advice, shown), terminal(&advice.id)), SUMMARY_MAX),
            "source": cut(advice.principal.arn.as_deref().or(advice.account.as_deref()).unwrap_or("unknown caller")),
            "severity": severity(advice.severity),
            "timestamp": advice.last_seen.map(|at| at.to_string()),
            "component": words::lead(advice).and_then(|item| item.resource.as_deref()).filter(|one| *one != "*").map(cut),
            "group": advice.account.as_deref().map(cut),
            "class": words::verdict_word(advice.verdict),
            "custom_details": custom_details(advice, shown),
        },
    })
}

/// The event of a report or a digest: an alert of the lowest kind.
pub fn note(note: &Note) -> Value {
    json!({
        "dedup_key": key(&note.id, false),
        "client": "denywatch",
        "payload": {
            "summary": middle(&terminal(&note.title), SUMMARY_MAX),
            "source": "denywatch",
            "severity": "info",
            "custom_details": {"lines": note.lines.iter().take(LIST_MAX).map(|line| cut(line)).collect::<Vec<_>>()},
        },
    })
}

fn key(id: &str, test: bool) -> String {
    let test = if test { "test-" } else { "" };
    format!("denywatch-{test}{}", middle(&terminal(id), (KEY_MAX - "denywatch-test-".len()) / 3))
}

fn custom_details(advice: &Advice, shown: &AlertContext) -> Value {
    let denied = advice.denied.iter().take(LIST_MAX).map(|item| {
        let action = item.action.as_deref().unwrap_or("unknown permission");
        cut(&format!(
            "{action} on {} ({})",
            item.resource.as_deref().unwrap_or("an unknown resource"),
            alert::times(item.count)
        ))
    });
    let id = terminal(&advice.id);
    let next = match alert::patch(advice) {
        _ if shown.stage == alert::Stage::Resolved => after::over(advice),
        Some(patch) => format!("denywatch patch {id} ({})", words::grade(patch.applicability)),
        None => format!("no patch: {}", alert::instead(advice)),
    };
    let details = json!({
        "finding": id,
        "stage": shown.stage.word(),
        "who": cut(&words::who(&advice.principal)),
        "denied": denied.collect::<Vec<_>>(),
        "count": advice.count,
        "why": cut(&advice.diagnosis.summary),
        "owner": shown.owner.as_ref().map(|owner| cut(&owner.name)),
        "next": cut(&next),
        "since": after::standing(advice).as_deref().map(cut),
        "last_worked": after::worked(advice, &cut),
        "change_before": after::before(advice, &cut).as_deref().map(cut),
        "change_after": after::after(advice, &cut).as_deref().map(cut),
    });
    // What is not known is left out: an incident shows each entry.
    details
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "info",
    }
}

fn cut(text: &str) -> String {
    middle(&terminal(text), 800)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::words::units;
    use crate::report::sample;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_finding_fits(advice in sample::any_advice(), name in sample::hostile()) {
            let owner = Some(alert::Owner { name: name.clone(), slack_id: None, because: name.clone() });
            let shown = AlertContext { owner, ..AlertContext::default() };
            let digest = note(&Note { id: name.clone(), title: name.clone(), lines: vec![name; 99], ..Note::default() });
            for event in [event(&advice, &shown), digest] {
                prop_assert!(units(event["payload"]["summary"].as_str().unwrap()) <= 1_024);
                prop_assert!(event["dedup_key"].as_str().unwrap().len() <= 255);
                prop_assert!(["critical", "error", "warning", "info"].contains(&event["payload"]["severity"].as_str().unwrap()));
                prop_assert!(event.to_string().len() <= 500_000);
            }
        }
    }

    #[test]
    fn the_key_is_the_findings_alone() {
        let shown = AlertContext::default();
        let (one, mut later) = (sample::pipeline(), sample::pipeline());
        later.count = 99;
        later.denied.clear();
        assert_eq!(event(&one, &shown)["dedup_key"], event(&later, &shown)["dedup_key"]);
        let test = AlertContext { test: true, ..shown };
        assert_ne!(event(&one, &test)["dedup_key"], event(&one, &AlertContext::default())["dedup_key"]);
        assert_eq!(event(&one, &AlertContext::default())["payload"]["severity"], "warning");
    }
}
