//! The report of a period for a Slack incoming webhook.
//!
//! It stands in rich text, preformatted: Slack parses nothing there, so a stranger's text can neither link nor mention.
//! See <https://docs.slack.dev/reference/block-kit/blocks/rich-text-block>.

use super::markdown;
use crate::report::Report;
use serde_json::{Value, json};

/// UTF-16 units of a report that one message takes; Slack refuses some 13,200 in all.
const MAX: usize = 10_000;

/// The message: fallback text and one block, cut after a whole line when it grows too long.
///
/// ```
/// use denywatch::{render::slack_report, report::{Facts, Period, Report, Scope}};
/// let week = Period::week_of(jiff::civil::date(2026, 11, 11));
/// let message = slack_report::webhook(&Report::build(&Facts::of(&[]), week, &Scope::default()));
/// assert_eq!(message["text"], "Denied actions, week 46 of 2026");
/// ```
pub fn webhook(report: &Report) -> Value {
    let shown = shorten(&markdown::report(report));
    let text = json!({"type": "rich_text_preformatted", "elements": [{"type": "text", "text": shown}]});
    json!({
        "text": format!("Denied actions, {}", report.period.title()), "unfurl_links": false, "unfurl_media": false,
        "blocks": [{"type": "rich_text", "elements": [text]}],
    })
}

fn shorten(body: &str) -> String {
    let (mut shown, mut room) = (String::new(), MAX);
    for line in body.lines() {
        let length = line.encode_utf16().count() + 1;
        if length > room {
            shown.push_str("… (cut here; `denywatch report` prints it whole)\n");
            break;
        }
        room -= length;
        shown.push_str(line);
        shown.push('\n');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_after_a_whole_line() {
        assert_eq!(shorten("a\nb\n"), "a\nb\n");
        let long = "ö".repeat(99) + "\n";
        let shown = shorten(&long.repeat(200));
        assert_eq!(shown.lines().count(), 101);
        assert!(shown.ends_with("prints it whole)\n"));
    }
}
