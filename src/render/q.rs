//! A custom notification for Amazon Q Developer in chat applications, through its own SNS topic. It drops all else.
//!
//! The text is the chat's own Markdown, so a stranger's words stand escaped or in code spans, as for Slack. AWS states no
//! lengths; these keep a notification to a screen. See <https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>.

use super::after;
use super::alert::{self, AlertContext};
use super::note::Note;
use super::slack::{code, fit_prose, marked, prose_of};
use super::{console, snippet, words};
use crate::advice::Advice;
use serde_json::{Value, json};

const TITLE_MAX: usize = 250;
const DESCRIPTION_MAX: usize = 3_000;

/// The notification of a finding; all of one finding share a thread.
pub fn notification(advice: &Advice, shown: &AlertContext) -> Value {
    let label = if shown.test { "TEST: " } else { "" };
    let title = format!("{} ({})", prose_of(&alert::title(advice, shown), TITLE_MAX - 60), code(&advice.id, 40));
    // Nothing says that the chat parses this list, and nothing that it does not.
    let is_plain =
        |arn: &&String| arn.len() <= 300 && arn.bytes().all(|b| b.is_ascii_graphic() && !b"<>|&`*".contains(&b));
    let resource = advice.principal.arn.iter().filter(is_plain);
    json!({
        "version": "1.0",
        "source": "custom",
        "id": format!("{}-{}", plain(&advice.id), shown.stage.word().replace(' ', "-")),
        "content": {
            "textType": "client-markdown",
            "title": title,
            "description": description(advice, shown),
            "nextSteps": next_steps(advice, shown),
            "keywords": ["iam", words::verdict_word(advice.verdict)],
        },
        "metadata": {
            "threadId": plain(&advice.id),
            "summary": format!("{label}Denied action {}", plain(&advice.id)),
            "eventType": "denied_action",
            "relatedResources": resource.collect::<Vec<_>>(),
            "additionalContext": {
                "severity": words::severity(advice.severity),
                "verdict": words::verdict_word(advice.verdict),
                "stage": shown.stage.word(),
            },
        },
    })
}

/// The notification of a report or a digest.
pub fn note(note: &Note) -> Value {
    let lines = note.lines.iter().take(12).map(|line| format!("• {}", marked(line, 220)));
    let mut description = fit_prose(lines.collect::<Vec<_>>().join("\n"), DESCRIPTION_MAX);
    if note.lines.len() > 12 {
        description.push_str(&format!("\n• and {} more", note.lines.len() - 12));
    }
    json!({
        "version": "1.0",
        "source": "custom",
        "id": plain(&note.id),
        "content": {"textType": "client-markdown", "title": prose_of(&note.title, TITLE_MAX), "description": description},
        "metadata": {"threadId": plain(&note.id), "summary": prose_of(&note.title, TITLE_MAX), "eventType": "denied_actions"},
    })
}

fn description(advice: &Advice, shown: &AlertContext) -> String {
    let who = words::who_with(&advice.principal, |name| code(name, 160));
    let action = match (advice.denied.len(), words::lead(advice).and_then(|item| item.action.as_deref())) {
        (0 | 1, Some(action)) => format!("*{}*", code(action, 80)),
        // The number is of all of them.
        (_, Some(_)) => words::capital(&words::permissions(advice)),
        (_, None) => "A call of unknown permission".to_owned(),
    };
    let when = alert::when(advice.first_seen, advice.last_seen).map(|when| format!(" {when}")).unwrap_or_default();
    let regions: String =
        alert::regions(advice).into_iter().take(4).map(|region| format!(" {}", code(region, 40))).collect();
    let place = advice.account.as_ref().map(|id| match shown.account_names.get(id) {
        Some(name) => format!(" in {} {}{regions}", code(name, 60), code(id, 40)),
        None => format!(" in {}{regions}", code(id, 40)),
    });
    let owner = shown.owner.as_ref().filter(|owner| !owner.name.is_empty());
    let owner = owner.map(|owner| format!(" · owner {}", code(&owner.name, 80))).unwrap_or_default();
    let mut lines = vec![
        format!("{action} denied {}{when} for {who}{}{owner}", alert::times(advice.count), place.unwrap_or_default()),
        marked(&words::capital(&advice.diagnosis.summary), 700),
    ];
    match alert::patch(advice) {
        _ if shown.stage == alert::Stage::Resolved => lines = vec![lines.swap_remove(0), after::over(advice)],
        Some(patch) => {
            let unchecked = prose_of(&advice.diagnosis.unchecked.join(", "), 300);
            lines.extend((!unchecked.is_empty()).then(|| format!("*Not checked:* {unchecked}")));
            lines.push(format!("*Risk:* {}", prose_of(&alert::risk(patch), 300)));
            if let Ok(Some(shown)) = snippet::snippet(patch, 1_400) {
                lines.push(format!("```\n{}\n```", shown.code));
            }
        }
        None => lines.push(format!("*No patch:* {}", alert::instead(advice))),
    }
    lines.join("\n")
}

fn next_steps(advice: &Advice, shown: &AlertContext) -> Vec<String> {
    let id = plain(&advice.id);
    let mut steps = Vec::new();
    if shown.stage != alert::Stage::Resolved && alert::patch(advice).is_some() {
        steps.push(format!("Terraform, CloudFormation, AWS CLI: `denywatch patch {id}`"));
    }
    steps.push(format!("All of it: `denywatch findings show {id}`"));
    steps.extend(console::event(advice).map(|url| format!("<{}|CloudTrail event>", url.replace('&', "&amp;"))));
    steps
}

/// Letters, digits and hyphens: an id that parses nowhere.
pub(super) fn plain(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::words::units;
    use crate::report::sample;
    use proptest::prelude::*;

    fn check(message: &Value) -> Result<(), TestCaseError> {
        prop_assert_eq!(&message["version"], "1.0");
        prop_assert_eq!(&message["source"], "custom");
        let content = &message["content"];
        prop_assert!(units(content["title"].as_str().unwrap()) <= TITLE_MAX);
        prop_assert!(units(content["description"].as_str().unwrap()) <= DESCRIPTION_MAX + 20);
        let text = message.to_string();
        prop_assert!(text.len() <= 64 * 1024, "{}", text.len());
        for mark in ["<!", "<@", "<#", "<http:"] {
            prop_assert!(!text.contains(mark), "{}", text);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_finding_fits_and_mentions_nobody(advice in sample::any_advice(), name in sample::hostile()) {
            let account_names = advice.account.iter().map(|id| (id.clone(), name.clone())).collect();
            let owner = Some(alert::Owner { name: name.clone(), slack_id: Some(name.clone()), because: name.clone() });
            let shown = AlertContext { account_names, owner, ..AlertContext::default() };
            check(&notification(&advice, &shown))?;
            check(&note(&Note { id: name.clone(), title: name.clone(), lines: vec![name; 30], body: String::new() }))?;
        }
    }

    #[test]
    fn one_notification() {
        let message = notification(&sample::pipeline(), &AlertContext::default());
        assert_eq!(message["metadata"]["threadId"], "D-7F3AQ2ZK4M");
        assert_eq!(message["id"], "D-7F3AQ2ZK4M-new");
        let text = message["content"]["description"].as_str().unwrap();
        assert!(
            text.starts_with("*`kms:GenerateDataKey`* denied 14 times in 6 min (2026-11-11 10:02–10:08 UTC) for role"),
            "{text}"
        );
        assert!(text.contains("No policy attached to the role allows `kms:GenerateDataKey` on this key."), "{text}");
        assert!(text.contains("```\n{\n") && text.contains("kms:ViaService"), "{text}");
    }

    #[test]
    fn who_looks_around_gets_no_patch() {
        let text = notification(&sample::probing(), &AlertContext::default()).to_string();
        assert!(text.contains("grant nothing") && !text.contains("denywatch patch"), "{text}");
    }
}
