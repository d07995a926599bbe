//! What stands below an alert in Slack: the patch in each form, short ones in the thread, long ones as files.
//!
//! A thread's message is rich text, preformatted: Slack parses nothing there.
//! See <https://docs.slack.dev/reference/block-kit/blocks/rich-text-block>.

use super::alert;
use super::escape::terminal;
use super::words::{middle, units};
use super::{Format, PatchContext};
use crate::advice::Advice;
use serde_json::{Value, json};

/// A longer form is a file.
const LINES_MAX: usize = 40;
/// UTF-16 units of a form in the thread; four of them stay below what one message takes.
const UNITS_MAX: usize = 2_800;

/// Messages for the thread and files beside them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forms {
    /// Bodies for Slack, without channel and thread.
    pub messages: Vec<Value>,
    /// Name and text.
    pub files: Vec<(String, String)>,
}

/// The patch that the alert shows, in these forms, with its companions where asked for; empty where it shows none.
pub fn forms(advice: &Advice, formats: &[Format], companions: bool) -> Forms {
    let Some(patch) = alert::patch(advice) else { return Forms::default() };
    let context = PatchContext {
        finding: Some(advice.id.clone()),
        account: advice.account.clone(),
        companions,
        principal: Some(advice.principal.clone()),
        ..PatchContext::default()
    };
    let (mut blocks, mut files) = (Vec::new(), Vec::new());
    for format in formats {
        match super::patch(patch, &context, *format) {
            Ok(text) if is_short(&text) => blocks.push(form(*format, &text)),
            Ok(text) => {
                let name = format!("{}.{}", name(&advice.id), ending(*format));
                blocks.push(said(*format, &format!("file {name}")));
                files.push((name, text));
            }
            Err(error) => blocks.push(said(*format, &format!("not written: {error}"))),
        }
    }
    if blocks.is_empty() {
        return Forms::default();
    }
    let text = format!("The patch of {} in other forms", middle(&harmless(&advice.id), 40));
    let body = |blocks: &[Value]| json!({"text": text, "unfurl_links": false, "unfurl_media": false, "blocks": blocks});
    Forms { messages: blocks.chunks(4).map(body).collect(), files }
}

fn is_short(text: &str) -> bool {
    // What a client might read as a mention is never in a message, should it parse after all.
    let bare = !["<!", "<@", "<#", "```"].iter().any(|mark| text.contains(mark));
    bare && text.lines().count() <= LINES_MAX && units(&Value::from(text).to_string()) <= UNITS_MAX
}

fn form(format: Format, text: &str) -> Value {
    let code = json!({"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text.trim_end()}]});
    json!({"type": "rich_text", "elements": [title(format, ""), code]})
}

fn said(format: Format, words: &str) -> Value {
    json!({"type": "rich_text", "elements": [title(format, &format!(": {}", middle(&harmless(words), 300)))]})
}

fn title(format: Format, rest: &str) -> Value {
    let mut elements = vec![json!({"type": "text", "text": format.to_string(), "style": {"bold": true}})];
    if !rest.is_empty() {
        elements.push(json!({"type": "text", "text": rest}));
    }
    json!({"type": "rich_text_section", "elements": elements})
}

fn harmless(text: &str) -> String {
    terminal(text).replace('<', "‹").replace('>', "›")
}

/// A file's name holds letters, digits and hyphens only.
fn name(id: &str) -> String {
    let plain: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    if plain.is_empty() { "patch".to_owned() } else { plain }
}

fn ending(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::Hcl => "tf",
        Format::HclData => "data.tf",
        Format::Cfn => "cfn.yaml",
        Format::CfnJson => "cfn.json",
        Format::Cli => "sh",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;

    #[test]
    fn each_form_is_there_or_said_to_be_missing() {
        let forms = forms(&sample::pipeline(), &Format::ALL, false);
        let shown = serde_json::to_string(&forms.messages).unwrap();
        let files: Vec<&str> = forms.files.iter().map(|(name, _)| name.as_str()).collect();
        for (format, file) in Format::ALL.iter().zip([".json", ".tf", ".data.tf", ".cfn.yaml", ".cfn.json", ".sh"]) {
            assert!(shown.contains(&format!("\"{format}\"")), "{format}: {shown}");
            let inline = forms.messages.iter().flat_map(|one| one["blocks"].as_array().unwrap()).any(|block| {
                block["elements"][0]["elements"][0]["text"] == format.to_string() && block["elements"][1].is_object()
            });
            assert!(inline || files.iter().any(|name| name.ends_with(file)), "{format}: {files:?}");
        }
    }

    #[test]
    fn a_long_patch_is_a_file() {
        let mut advice = sample::pipeline();
        let resources: Vec<String> = (0..60).map(|n| format!("arn:aws:s3:::bucket/{n}")).collect();
        let statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": resources});
        advice.patches[0].document =
            serde_json::from_value(json!({"Version": "2012-10-17", "Statement": [statement]})).ok();
        let forms = forms(&advice, &[Format::Json], false);
        assert_eq!(forms.files[0].0, "D-7F3AQ2ZK4M.json");
        assert!(forms.files[0].1.contains("bucket/59"));
        assert!(forms.messages[0].to_string().contains("file D-7F3AQ2ZK4M.json"));
    }

    #[test]
    fn who_looks_around_gets_nothing() {
        assert_eq!(forms(&sample::probing(), &Format::ALL, false), Forms::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_thread_stays_within_slacks_limits(advice in sample::any_advice()) {
            let forms = forms(&advice, &Format::ALL, false);
            for message in &forms.messages {
                prop_assert!(units(&message["blocks"].to_string()) <= 13_000);
                let text = message.to_string();
                prop_assert!(!text.contains("<!") && !text.contains("<@") && !text.contains("<#"), "{}", text);
            }
            for (name, _) in &forms.files {
                prop_assert!(name.len() <= 60 && !name.contains(['/', '\\', ' ']), "{}", name);
            }
        }
    }
}
