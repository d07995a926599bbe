//! An adaptive card for a workflow of Microsoft Teams.
//!
//! A stranger's text stands in text runs, which parse no Markdown; nobody can be mentioned, since mentions need entities
//! that a card of ours never has. Teams takes some 28 KB.
//! See <https://learn.microsoft.com/en-us/connectors/teams/> and <https://adaptivecards.io/explorer/RichTextBlock.html>.

use super::after;
use super::alert::{self, AlertContext};
use super::escape::terminal;
use super::note::Note;
use super::words::{self, middle};
use super::{console, snippet};
use crate::advice::Advice;
use serde_json::{Value, json};

/// Bytes of the whole message.
const MAX: usize = 25_000;
const ITEMS_MAX: usize = 6;

/// The card of a finding.
pub fn card(advice: &Advice, shown: &AlertContext) -> Value {
    let mut body = vec![title(&alert::title(advice, shown)), facts(advice, shown)];
    if shown.stage == alert::Stage::Resolved {
        body.push(block(vec![run(&after::over(advice))]));
        let change = after::after(advice, &|name| middle(&terminal(name), 120));
        body.extend(change.map(|one| block(vec![run(&cut(&format!("First change after: {one}"), 700))])));
    } else {
        body.push(why(advice));
        let worked = after::worked(advice, &|name| middle(&terminal(name), 120));
        body.extend(worked.map(|one| block(vec![run(&cut(&format!("Last worked: {one}"), 300))])));
        let change = after::before(advice, &|name| middle(&terminal(name), 120));
        body.extend(change.map(|one| block(vec![run(&cut(&format!("Last change before: {one}"), 700))])));
        body.extend(patch(advice));
    }
    body.push(block(vec![run(&cut(&format!("{} · {}", advice.id, alert::state(advice, shown)), 200))]));
    message(body, links(advice))
}

/// The card of a report or a digest.
pub fn note(note: &Note) -> Value {
    let mut body = vec![title(&note.title)];
    body.extend(
        note.lines.iter().take(20).map(|line| block(std::iter::once(run("• ")).chain(runs(line, 300)).collect())),
    );
    if note.lines.len() > 20 {
        body.push(block(vec![run(&format!("and {} more", note.lines.len() - 20))]));
    }
    message(body, Vec::new())
}

/// Drops blocks from the end, title first kept, until the rest is short enough.
fn message(mut body: Vec<Value>, actions: Vec<Value>) -> Value {
    loop {
        let card = json!({
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
            "body": body, "actions": actions,
        });
        let attachment =
            json!({"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card});
        let message = json!({"type": "message", "attachments": [attachment]});
        if message.to_string().len() <= MAX || body.len() <= 1 {
            return message;
        }
        body.pop();
    }
}

fn title(text: &str) -> Value {
    let run = json!({"type": "TextRun", "text": middle(&terminal(text), 160), "weight": "Bolder", "size": "Large"});
    json!({"type": "RichTextBlock", "inlines": [run]})
}

/// The conclusion, and what was not looked at.
fn why(advice: &Advice) -> Value {
    let mut inlines = vec![bold("Why: ")];
    inlines.extend(runs(&advice.diagnosis.summary, 700));
    if !advice.diagnosis.unchecked.is_empty() {
        inlines.push(bold("\nNot checked: "));
        inlines.extend(runs(&advice.diagnosis.unchecked.join(", "), 400));
    }
    block(inlines)
}

fn facts(advice: &Advice, shown: &AlertContext) -> Value {
    let mut inlines = Vec::new();
    for item in advice.denied.iter().take(ITEMS_MAX) {
        inlines.push(mono(&cut(item.action.as_deref().unwrap_or("unknown permission"), 80)));
        inlines.push(run(&cut(&format!(" on {}\n", item.resource.as_deref().unwrap_or("an unknown resource")), 220)));
    }
    if advice.denied.len() > ITEMS_MAX {
        inlines.push(run(&format!("and {} more\n", advice.denied.len() - ITEMS_MAX)));
    }
    let when = alert::when(advice.first_seen, advice.last_seen).map(|when| format!(" {when}")).unwrap_or_default();
    inlines.push(run(&cut(
        &format!("denied {} for {}{when}", alert::times(advice.count), words::who(&advice.principal)),
        300,
    )));
    if let Some(id) = &advice.account {
        let name = shown.account_names.get(id).map(|name| format!("{name} ")).unwrap_or_default();
        let regions: String = alert::regions(advice).into_iter().take(4).map(|one| format!(", {one}")).collect();
        inlines.push(run(&cut(&format!("\naccount {name}{id}{regions}"), 240)));
    }
    if let Some(owner) = shown.owner.as_ref().filter(|owner| !owner.name.is_empty()) {
        inlines.push(run(&cut(&format!("\nowner {}", owner.name), 120)));
    }
    block(inlines)
}

fn patch(advice: &Advice) -> Vec<Value> {
    let Some(patch) = alert::patch(advice) else {
        return vec![block(vec![bold("No patch: "), run(alert::instead(advice))])];
    };
    let command = format!("denywatch patch {}", cut(&advice.id, 40));
    let grade = format!("Patch ({}): ", words::grade(patch.applicability));
    let mut blocks =
        vec![block(vec![bold(&grade), mono(&command), run(&cut(&format!("\nRisk: {}", alert::risk(patch)), 400))])];
    let list = |label: &str, all: Vec<String>| {
        let lines = all.iter().take(3).map(|one| run(&cut(&format!("\n• {one}"), 300)));
        (!all.is_empty()).then(|| block(std::iter::once(bold(label)).chain(lines).collect()))
    };
    if let Ok(Some(shown)) = snippet::snippet(patch, 2_400) {
        blocks.push(block(vec![mono(&shown.code)]));
    }
    blocks.extend(list("Before you apply it", patch.doubts.clone()));
    let next: Vec<String> = patch.companions.iter().map(|one| alert::companion(advice, one)).collect();
    blocks.extend(list("Likely next (predicted, not in the patch)", next));
    blocks
}

fn links(advice: &Advice) -> Vec<Value> {
    let pages = [(console::event(advice), "CloudTrail event"), (console::principal(advice), "IAM")];
    let open =
        |(url, title): (Option<String>, &str)| Some(json!({"type": "Action.OpenUrl", "title": title, "url": url?}));
    pages.into_iter().filter_map(open).collect()
}

fn block(inlines: Vec<Value>) -> Value {
    json!({"type": "RichTextBlock", "inlines": inlines})
}

fn run(text: &str) -> Value {
    json!({"type": "TextRun", "text": text})
}

fn bold(text: &str) -> Value {
    json!({"type": "TextRun", "text": text, "weight": "Bolder"})
}

fn mono(text: &str) -> Value {
    json!({"type": "TextRun", "text": text, "fontType": "Monospace"})
}

/// A sentence; what stands between back-ticks in it is code.
fn runs(text: &str, max: usize) -> Vec<Value> {
    let text = cut(text, max);
    let paired = text.matches('`').count() / 2 * 2;
    let parts = text.splitn(paired + 1, '`').enumerate().filter(|(_, part)| !part.is_empty());
    parts.map(|(n, part)| if n % 2 == 1 { mono(part) } else { run(part) }).collect()
}

/// One line, but for a break of our own at an end.
fn cut(text: &str, max: usize) -> String {
    let (head, text) = text.strip_prefix('\n').map_or(("", text), |rest| ("\n", rest));
    let (text, tail) = text.strip_suffix('\n').map_or((text, ""), |rest| (rest, "\n"));
    format!("{head}{}{tail}", middle(&terminal(text), max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;

    /// Nothing but text runs holds text, and no card has entities.
    fn check(message: &Value) -> Result<(), TestCaseError> {
        prop_assert!(message.to_string().len() <= 28_000, "{}", message.to_string().len());
        let card = &message["attachments"][0]["content"];
        prop_assert!(card.get("msteams").is_none());
        for block in card["body"].as_array().unwrap() {
            prop_assert_eq!(&block["type"], "RichTextBlock");
            prop_assert!(block["inlines"].as_array().unwrap().iter().all(|run| run["type"] == "TextRun"));
        }
        for action in card["actions"].as_array().unwrap() {
            prop_assert!(action["url"].as_str().unwrap().starts_with("https://"));
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_finding_fits(advice in sample::any_advice(), name in sample::hostile()) {
            let account_names = advice.account.iter().map(|id| (id.clone(), name.clone())).collect();
            let shown = AlertContext { account_names, ..AlertContext::default() };
            check(&card(&advice, &shown))?;
            check(&note(&Note { id: name.clone(), title: name.clone(), lines: vec![name; 99], ..Note::default() }))?;
        }
    }

    #[test]
    fn one_card() {
        let text = card(&sample::pipeline(), &AlertContext::default()).to_string();
        assert!(text.contains("kms:GenerateDataKey") && text.contains("denywatch patch D-7F3AQ2ZK4M"), "{text}");
        assert!(!card(&sample::probing(), &AlertContext::default()).to_string().contains("denywatch patch"));
    }

    #[test]
    fn a_card_that_is_too_long_loses_its_end() {
        let body: Vec<Value> = (0..20).map(|_| block(vec![run(&"x".repeat(3_000))])).collect();
        let message = message(body, Vec::new());
        assert!(message.to_string().len() <= MAX);
    }
}
