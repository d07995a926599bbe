//! A message that is about no single finding (the digest, the report), in the form of each receiver.

use super::words::{middle, units};
use serde_json::{Value, json};

/// Title and lines, as plain text; each receiver's renderer escapes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// Such as `digest 2026-11-12`.
    pub id: String,
    /// One line.
    pub title: String,
    /// One thing a line.
    pub lines: Vec<String>,
    /// All of it as plain text, for mail.
    pub body: String,
}

/// UTF-16 units of a note that one message of Slack takes; it refuses some 13,200 in all.
const SLACK_MAX: usize = 10_000;

/// For Slack: a header, and the lines as rich text, where nothing is parsed.
pub fn slack(note: &Note) -> Value {
    let title = middle(&harmless(&note.title), 150);
    let (mut items, mut room) = (Vec::new(), SLACK_MAX);
    for line in &note.lines {
        let item = json!({"type": "rich_text_section", "elements": runs(&middle(&harmless(line), 400))});
        let length = units(&item.to_string());
        if length > room || items.len() == 40 {
            break;
        }
        room -= length;
        items.push(item);
    }
    let rest = note.lines.len() - items.len();
    if rest > 0 {
        items.push(
            json!({"type": "rich_text_section", "elements": [{"type": "text", "text": format!("and {rest} more")}]}),
        );
    }
    let mut blocks = vec![json!({"type": "header", "text": {"type": "plain_text", "text": title, "emoji": false}})];
    if !items.is_empty() {
        let list = json!({"type": "rich_text_list", "style": "bullet", "elements": items});
        blocks.push(json!({"type": "rich_text", "elements": [list]}));
    }
    json!({"text": title, "unfurl_links": false, "unfurl_media": false, "blocks": blocks})
}

/// What stands between back-ticks is shown as code.
pub(super) fn runs(text: &str) -> Vec<Value> {
    let paired = text.matches('`').count() / 2 * 2;
    let parts = text.splitn(paired + 1, '`').enumerate().filter(|(_, part)| !part.is_empty());
    let run = |(n, part): (usize, &str)| match n % 2 {
        1 => json!({"type": "text", "text": part, "style": {"code": true}}),
        _ => json!({"type": "text", "text": part}),
    };
    let runs: Vec<Value> = parts.map(run).collect();
    if runs.is_empty() { vec![json!({"type": "text", "text": " "})] } else { runs }
}

pub(super) fn harmless(text: &str) -> String {
    super::escape::terminal(text).replace('<', "‹").replace('>', "›")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_note_stays_within_slacks_limits(title in sample::hostile(), line in sample::hostile(), many in 0_usize..300) {
            let note = Note { id: "n".into(), title, lines: vec![line; many], body: String::new() };
            let message = slack(&note);
            prop_assert!(units(&message["blocks"].to_string()) <= 13_000);
            let text = message.to_string();
            prop_assert!(!text.contains("<!") && !text.contains("<@") && !text.contains("<#"), "{}", text);
            prop_assert!(units(message["blocks"][0]["text"]["text"].as_str().unwrap()) <= 150);
        }
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let note = Note { title: "t".into(), lines: vec!["`a` b".into(); 50], ..Note::default() };
        let message = slack(&note);
        let items = message["blocks"][1]["elements"][0]["elements"].as_array().unwrap();
        assert_eq!(items.len(), 41);
        assert_eq!(items[0]["elements"][0], json!({"type": "text", "text": "a", "style": {"code": true}}));
        assert!(items[40].to_string().contains("and 10 more"));
    }
}
