//! An alert for a Slack incoming webhook, in Block Kit; Slack's limits hold by construction.
//!
//! A stranger's text stands only in `plain_text`, in rich text (where nothing is parsed), or escaped in a code span.
//! Lengths are counted in UTF-16 units, which never undercounts characters.
//! See <https://docs.slack.dev/reference/block-kit/blocks/> and
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/>.

use super::after;
use super::alert::{self, AlertContext, Owner};
use super::escape::{slack, slack_code, terminal};
use super::words::{self, middle, units};
use super::{console, snippet};
use crate::advice::{Advice, DeniedItem};
use crate::patch::{Applicability, Patch};
use crate::principal::PrincipalKind;
use serde_json::{Value, json};

/// All blocks together, as JSON: above some 13,200 characters Slack answers `msg_blocks_too_long`.
const TOTAL_MAX: usize = 13_000;
const SECTION_MAX: usize = 3_000;
const ITEMS_MAX: usize = 6;
const NOTES_MAX: usize = 10;

/// The message for an incoming webhook: fallback text and blocks, no buttons (a webhook has no one to answer them).
///
/// ```
/// # use denywatch::{advice::Advice, render::{alert::AlertContext, slack}};
/// fn body(advice: &Advice) -> String {
///     slack::webhook(advice, &AlertContext::default()).to_string()
/// }
/// ```
pub fn webhook(advice: &Advice, shown: &AlertContext) -> Value {
    if shown.stage == alert::Stage::Resolved {
        return resolved(advice, shown);
    }
    // Each block with how soon it is dropped when the message grows too long: 0 is never dropped.
    let blocks = vec![
        (0, Some(header(advice, shown))),
        (0, Some(facts(advice, shown))),
        (2, Some(why(advice))),
        (1, Some(patch(advice))),
        (3, doubts(advice)),
        (4, notes(advice)),
        (0, Some(links(advice))),
        (0, Some(identity(advice, shown))),
    ];
    let blocks = within(blocks.into_iter().filter_map(|(rank, block)| Some((rank, block?))).collect());
    json!({"text": fallback(advice, shown), "unfurl_links": false, "unfurl_media": false, "blocks": blocks})
}

/// The message for an app with a bot's token: as [`webhook`], with what lets a program find it again.
pub fn app(advice: &Advice, shown: &AlertContext) -> Value {
    let mut message = webhook(advice, shown);
    message["metadata"] = json!({
        "event_type": "denied_action",
        "event_payload": {"finding": middle(&harmless(&advice.id), 40), "status": shown.stage.word().replace(' ', "_")},
    });
    message
}

/// What is left to say when allowed calls were observed after the last denial.
fn resolved(advice: &Advice, shown: &AlertContext) -> Value {
    let headline = fit(&words::past(advice), 220, end, prose);
    let when = alert::when(advice.first_seen, advice.last_seen).map(|when| format!(" {when}")).unwrap_or_default();
    let label = if shown.test { "TEST: " } else { "" };
    let change = after::after(advice, &|name| code(name, 120)).map(|one| format!("\nFirst change after: {one}"));
    let text = format!(
        ":white_check_mark: {label}*Resolved* · {headline}\n{}{}",
        after::over(advice),
        change.unwrap_or_default()
    );
    let facts = format!(
        "{} · {} denied{when} · reopens by itself if denied again",
        code(&advice.id, 40),
        alert::times(advice.count)
    );
    json!({
        "text": fit(&format!("{label}{} {} {}", after::over(advice), words::past(advice), advice.id), 500, end, prose),
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": [section(&text), {"type": "context", "elements": [mrkdwn(&facts)]}],
    })
}

/// Drops the least needed blocks until the rest is short enough.
fn within(mut blocks: Vec<(u8, Value)>) -> Vec<Value> {
    let size = |blocks: &[(u8, Value)]| blocks.iter().map(|(_, block)| units(&block.to_string()) + 1).sum::<usize>();
    while size(&blocks) > TOTAL_MAX {
        let last = blocks.iter().map(|(rank, _)| *rank).max().unwrap_or(0);
        if last == 0 {
            break;
        }
        blocks.retain(|(rank, _)| *rank != last);
    }
    blocks.into_iter().map(|(_, block)| block).collect()
}

fn header(advice: &Advice, shown: &AlertContext) -> Value {
    let text = middle(&harmless(&alert::title(advice, shown)), words::HEADLINE_MAX);
    json!({"type": "header", "text": {"type": "plain_text", "text": text, "emoji": false}})
}

fn fallback(advice: &Advice, shown: &AlertContext) -> String {
    let place = account(advice, shown).map(|(name, id)| format!(" ({})", name.unwrap_or(id))).unwrap_or_default();
    let label = if shown.test { "TEST. " } else { "" };
    let why = match shown.stage {
        alert::Stage::New | alert::Stage::Update | alert::Stage::Resolved => "",
        alert::Stage::Reopened => "Denied again: ",
        alert::Stage::Reminder => "Still denied: ",
    };
    let text = format!("{label}{why}{}{place}. Denied {}", words::needs(advice, 110), alert::times(advice.count));
    let ready = words::verdict(advice.verdict);
    fit(&format!("{text}: {ready}. {}", advice.id), 500, end, prose)
}

/// Who, what, how often, where, whose.
fn facts(advice: &Advice, shown: &AlertContext) -> Value {
    let mut lines = what(advice);
    let when = alert::when(advice.first_seen, advice.last_seen).map(|when| format!(" {when}")).unwrap_or_default();
    let mut place = vec![format!("*{}*{when}", alert::times(advice.count))];
    place.extend(account(advice, shown).map(|(name, id)| match name {
        Some(name) => format!("account {} {}", code(&name, 60), code(&id, 40)),
        None => format!("account {}", code(&id, 40)),
    }));
    place.extend(alert::regions(advice).into_iter().take(4).map(|region| code(region, 40)));
    place.extend(shown.owner.as_ref().map(owner));
    lines.push(place.join(" · "));
    section(&lines.join("\n"))
}

fn what(advice: &Advice) -> Vec<String> {
    let who = words::who_with(&advice.principal, |name| code(name, 160));
    let mut items: Vec<&DeniedItem> = advice.denied.iter().collect();
    items.sort_by_key(|item| (item.verdict, std::cmp::Reverse(item.count)));
    let action = |item: &DeniedItem| match &item.action {
        Some(action) => format!("*{}*", code(action, 80)),
        None => "a call whose permission is unknown".to_owned(),
    };
    let resource = |item: &DeniedItem| item.resource.as_deref().map(|one| format!(" on {}", code(one, 200)));
    match items.as_slice() {
        [] => vec![format!("A call of {who} was denied; AWS names no permission")],
        [item] => vec![format!("{} denied for {who}{}", action(item), resource(item).unwrap_or_default())],
        all => {
            let mut lines = vec![format!("{} denied for {who}:", words::permissions(advice))];
            lines.extend(all.iter().take(ITEMS_MAX).map(|item| {
                format!("• {}{} · {}", action(item), resource(item).unwrap_or_default(), alert::times(item.count))
            }));
            lines.extend(all.len().checked_sub(ITEMS_MAX + 1).map(|n| format!("• and {} more", n + 1)));
            lines
        }
    }
}

fn owner(owner: &Owner) -> String {
    let mention = owner.slack_id.as_deref().filter(|id| id.len() > 1 && id.bytes().all(|b| b.is_ascii_alphanumeric()));
    let name = match mention {
        Some(id) if id.starts_with('S') => format!("<!subteam^{id}>"),
        Some(id) if id.starts_with(['U', 'W']) => format!("<@{id}>"),
        Some(_) | None => code(&owner.name, 80),
    };
    let because =
        if owner.because.is_empty() { String::new() } else { format!(" (from {})", code(&owner.because, 120)) };
    format!("owner {name}{because}")
}

fn account(advice: &Advice, shown: &AlertContext) -> Option<(Option<String>, String)> {
    let id = advice.account.clone()?;
    Some((shown.account_names.get(&id).cloned(), id))
}

/// The conclusion, what it rests on, what was not looked at.
fn why(advice: &Advice) -> Value {
    let mut first = vec![bold("Why: ")];
    first.extend(runs(&advice.diagnosis.summary, 700));
    let mut parts = vec![rich("rich_text_section", first)];
    parts.extend(list(advice.diagnosis.evidence.iter().map(|one| runs(one, 300)), 4));
    if !advice.diagnosis.unchecked.is_empty() {
        let text = advice.diagnosis.unchecked.join(", ");
        let mut last = vec![bold("Not checked: ")];
        last.extend(runs(&text, 400));
        parts.push(rich("rich_text_section", last));
    }
    rich("rich_text", parts)
}

fn patch(advice: &Advice) -> Value {
    let Some(patch) = alert::patch(advice) else {
        return rich(
            "rich_text",
            vec![rich("rich_text_section", vec![bold("No patch: "), plain(alert::instead(advice))])],
        );
    };
    let command = format!("denywatch patch {}", middle(&harmless(&advice.id), 40));
    let place = middle(&harmless(&words::place(&patch.target, &advice.principal)), 120);
    let lead = [bold("Patch"), plain(&format!(" ({}) for the {place}", words::grade(patch.applicability)))];
    let shown = snippet::snippet(patch, 2_400);
    let tail = match &shown {
        Ok(Some(shown)) => format!(", {}; other forms: ", shown.language),
        Ok(None) => ": too long for a message; get it with ".to_owned(),
        Err(error) => format!(": not written ({}); see ", end(&harmless(&error.to_string()), 300)),
    };
    let mut parts = vec![rich("rich_text_section", lead.into_iter().chain([plain(&tail), mono(&command)]).collect())];
    parts.extend(shown.ok().flatten().map(|shown| rich("rich_text_preformatted", vec![plain(&shown.code)])));
    rich("rich_text", parts)
}

/// What a person has to settle before the patch goes in.
fn doubts(advice: &Advice) -> Option<Value> {
    let doubts = &alert::patch(advice)?.doubts;
    let list = list(doubts.iter().map(|one| runs(one, 240)), 4)?;
    Some(rich("rich_text", vec![rich("rich_text_section", vec![bold("Before you apply it")]), list]))
}

/// Risk, proof, what is likely next, what was left out.
fn notes(advice: &Advice) -> Option<Value> {
    let mut notes = Vec::new();
    notes.extend(after::worked(advice, &|name| code(name, 120)).map(|one| format!("*Last worked:* {one}")));
    notes.extend(after::before(advice, &|name| code(name, 120)).map(|one| format!("*Last change before:* {one}")));
    notes.extend(alert::patch(advice).map(|patch| patch_notes(advice, patch)).unwrap_or_default());
    notes.extend(alert::left_out(advice).iter().take(3).map(|one| {
        let names: Vec<String> = one.what.iter().take(3).map(|name| code(name, 80)).collect();
        format!("*Left out on purpose:* {}: {}", names.join(", "), fit(&one.why, 200, end, prose))
    }));
    let elements: Vec<Value> = notes.iter().take(NOTES_MAX).map(|note| mrkdwn(note)).collect();
    (!elements.is_empty()).then(|| json!({"type": "context", "elements": elements}))
}

fn patch_notes(advice: &Advice, patch: &Patch) -> Vec<String> {
    let said = |label: &str, text: &str| format!("*{label}:* {}", fit(text, 420, end, prose));
    let mut notes = vec![said("Risk", &alert::risk(patch))];
    notes.extend(likely_next(advice, patch));
    notes.extend(alert::proof(patch).map(|text| said("Proof", &text)));
    let more = advice.patches.iter().filter(|one| one.document.is_some()).count().saturating_sub(1);
    if more > 0 {
        notes.push(said("Further changes", &format!("{more}, shown by denywatch patch {}", advice.id)));
    }
    if patch.applicability == Applicability::Review {
        notes.push("*For review:* nothing here may be applied in one step".to_owned());
    }
    notes
}

/// Predictions, one a line.
fn likely_next(advice: &Advice, patch: &Patch) -> Option<String> {
    let lines = patch.companions.iter().take(3).map(|one| {
        let what = alert::companion_with(advice, one, |names| code(names, 200));
        format!("\n• {what}: {}", fit(&one.why, 160, end, prose))
    });
    let lines: String = lines.collect();
    let more = patch.companions.len().saturating_sub(3);
    let more = if more > 0 { format!("\n• and {more} more") } else { String::new() };
    (!lines.is_empty()).then(|| {
        let how = words::predicted(patch).replace("--companions", "`--companions`");
        format!("*Likely next* ({how}):{lines}{more}")
    })
}

fn links(advice: &Advice) -> Value {
    let page = if advice.principal.kind == PrincipalKind::User { "User in IAM" } else { "Role in IAM" };
    let links = [(console::event(advice), "CloudTrail event"), (console::principal(advice), page)];
    let mut parts: Vec<String> = links
        .into_iter()
        .filter_map(|(url, label)| Some(format!("<{}|{label}>", url?.replace('&', "&amp;"))))
        .collect();
    parts.push(format!("All of it: {}", code(&format!("denywatch findings show {}", advice.id), 80)));
    section(&parts.join(" · "))
}

fn identity(advice: &Advice, shown: &AlertContext) -> Value {
    let id = code(&advice.id, 40);
    let mut parts = vec![id, shown.stage.word().to_owned(), words::verdict(advice.verdict).to_owned()];
    parts.push(format!("severity {}", words::severity(advice.severity)));
    parts.extend(words::lead(advice).and_then(|item| item.events.first()).map(|id| format!("event {}", code(id, 60))));
    parts.extend(advice.principal.session.as_deref().map(|name| format!("session {}", code(name, 80))));
    json!({"type": "context", "elements": [mrkdwn(&parts.join(" · "))]})
}

fn section(text: &str) -> Value {
    // The callers' own limits keep it below; a cut here would be inside markup.
    debug_assert!(units(text) <= SECTION_MAX);
    json!({"type": "section", "text": mrkdwn(text)})
}

fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

fn rich(kind: &str, elements: Vec<Value>) -> Value {
    json!({"type": kind, "elements": elements})
}

fn plain(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn bold(text: &str) -> Value {
    json!({"type": "text", "text": text, "style": {"bold": true}})
}

fn mono(text: &str) -> Value {
    json!({"type": "text", "text": text, "style": {"code": true}})
}

/// At most `max` bullets; `None` when there are none.
fn list(items: impl ExactSizeIterator<Item = Vec<Value>>, max: usize) -> Option<Value> {
    let all = items.len();
    let mut items: Vec<Value> =
        items.take(max).filter(|item| !item.is_empty()).map(|item| rich("rich_text_section", item)).collect();
    if all > max {
        items.push(rich("rich_text_section", vec![plain(&format!("and {} more", all - max))]));
    }
    (!items.is_empty()).then(|| json!({"type": "rich_text_list", "style": "bullet", "elements": items}))
}

/// A sentence as rich text: what stands between back-ticks is shown as code.
fn runs(text: &str, max: usize) -> Vec<Value> {
    let text = end(&harmless(text), max);
    let paired = text.matches('`').count() / 2 * 2;
    let mut out = Vec::new();
    for (n, part) in text.splitn(paired + 1, '`').enumerate().filter(|(_, part)| !part.is_empty()) {
        out.push(if n % 2 == 1 { mono(part) } else { plain(part) });
    }
    out
}

/// A value in a code span of at most `max` units, escapes and marks counted; shortened in the middle.
pub(super) fn code(text: &str, max: usize) -> String {
    fit(text, max, middle, slack_code)
}

/// A sentence for `mrkdwn` of at most `max` units, on one line.
pub(super) fn prose_of(text: &str, max: usize) -> String {
    fit(text, max, end, prose)
}

/// A sentence for `mrkdwn` of at most `max` units, on one line; what stands between back-ticks in it is code.
pub(super) fn marked(text: &str, max: usize) -> String {
    let inner = |text: &str| {
        let paired = text.matches('`').count() / 2 * 2;
        let parts = text.splitn(paired + 1, '`').enumerate().filter(|(_, part)| !part.is_empty());
        parts.map(|(n, part)| if n % 2 == 1 { slack_code(part) } else { prose(part) }).collect::<String>()
    };
    fit(text, max, end, inner)
}

/// Text that is escaped already, cut after a whole line.
pub(super) fn fit_prose(text: String, max: usize) -> String {
    if units(&text) <= max {
        return text;
    }
    let mut used = 0;
    let kept = text.lines().take_while(|line| {
        used += units(line) + 1;
        used <= max
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// `escape(cut(text, n))` for the largest `n` found for which it is at most `max` units long.
fn fit(text: &str, max: usize, cut: impl Fn(&str, usize) -> String, escape: impl Fn(&str) -> String) -> String {
    let mut room = max;
    loop {
        let out = escape(&cut(text, room));
        if units(&out) <= max || room == 0 {
            return out;
        }
        room = room * 4 / 5;
    }
}

/// The beginning of a text, with `…` where it was cut.
fn end(text: &str, max: usize) -> String {
    if units(text) <= max {
        return text.to_owned();
    }
    let mut used = 1;
    let kept = text.chars().take_while(|c| {
        used += c.len_utf16();
        used <= max
    });
    kept.chain(['…']).collect()
}

/// For places that parse nothing and so need no escape: look-alikes all the same, should a client parse after all.
fn harmless(text: &str) -> String {
    terminal(text).replace('<', "‹").replace('>', "›")
}

/// Words for `mrkdwn`, which knows no escape for its marks: a word that holds one becomes a code span.
fn prose(text: &str) -> String {
    let word = |word: &str| if is_marked(word) { slack_code(word) } else { slack(word) };
    terminal(text).split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// An underscore between letters or digits is no mark to Slack.
fn is_marked(word: &str) -> bool {
    let joined = |part: Option<char>| part.is_some_and(char::is_alphanumeric);
    word.contains(['*', '~', '`'])
        || word
            .match_indices('_')
            .any(|(at, _)| !joined(word[..at].chars().last()) || !joined(word[at + 1..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::triage::Verdict;
    use proptest::prelude::*;

    /// Every string under `text` in the blocks.
    fn texts(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Array(list) => list.iter().for_each(|one| texts(one, out)),
            Value::Object(members) => members.iter().for_each(|(key, one)| match one {
                Value::String(text) if key == "text" => out.push(text.clone()),
                other => texts(other, out),
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn check_limits(message: &Value) -> Result<(), TestCaseError> {
        let blocks = message["blocks"].as_array().expect("blocks");
        prop_assert!(blocks.len() <= 50);
        prop_assert!(units(&message["blocks"].to_string()) <= TOTAL_MAX, "{}", units(&message["blocks"].to_string()));
        for block in blocks {
            match block["type"].as_str() {
                Some("header") => prop_assert!(units(block["text"]["text"].as_str().expect("text")) <= 150),
                Some("section") => prop_assert!(units(block["text"]["text"].as_str().expect("text")) <= SECTION_MAX),
                Some("context") => prop_assert!(block["elements"].as_array().expect("elements").len() <= 10),
                Some("rich_text") => prop_assert!(block["elements"].as_array().is_some_and(|all| !all.is_empty())),
                other => prop_assert!(false, "{:?}", other),
            }
        }
        let mut all = Vec::new();
        texts(message, &mut all);
        for text in all {
            prop_assert!(!text.is_empty());
            prop_assert!(!text.contains("<!") && !text.contains("<@") && !text.contains("<#"), "{}", text);
            let links = text.match_indices('<').filter(|(at, _)| !text[*at..].starts_with("<https://")).count();
            prop_assert_eq!(links, 0, "{}", text);
            prop_assert!(!text.chars().any(|c| c != '\n' && super::super::escape::is_unseen(c)), "{:?}", text);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_advice_stays_within_the_limits_and_mentions_nobody(mut advice in sample::any_advice(), name in sample::hostile()) {
            let by = crate::principal::Principal { name: Some(name.clone()), session: Some(name.repeat(9)), ..sample::role("r") };
            let change = crate::change::Changed {
                at: jiff::Timestamp::UNIX_EPOCH,
                event_id: name.clone(),
                change: "iam:PutRolePolicy".to_owned(),
                what: name.repeat(30),
                policy: Some(name.repeat(30)),
                by,
                via: Some(name.clone()),
                shows: None,
            };
            advice.changes = crate::change::Story { before: Some(change.clone()), after: Some(change) };
            let account_names = advice.account.iter().map(|id| (id.clone(), name.clone())).collect();
            let owner = Some(Owner { name: name.clone(), slack_id: Some(name.clone()), because: name.clone() });
            let shown = AlertContext { account_names, owner, ..AlertContext::default() };
            check_limits(&webhook(&advice, &shown))?;
            check_limits(&app(&advice, &AlertContext { stage: alert::Stage::Resolved, ..shown }))?;
        }

        #[test]
        fn prose_has_no_marks_outside_code(text in sample::hostile()) {
            let shown = prose(&text);
            for (n, part) in shown.split('`').enumerate() {
                prop_assert!(n % 2 == 1 || !part.contains(['*', '~', '<', '>']), "{}", shown);
            }
        }
    }

    #[test]
    fn one_alert() {
        let account_names = [("111122223333".to_owned(), "shop-dev".to_owned())].into();
        let owner = Owner {
            name: "delivery".to_owned(),
            slack_id: Some("S0DELIVERY".to_owned()),
            because: "tag team=delivery".to_owned(),
        };
        let shown = AlertContext { account_names, owner: Some(owner), ..AlertContext::default() };
        let message = serde_json::to_string_pretty(&webhook(&sample::pipeline(), &shown)).expect("JSON");
        assert_eq!(message + "\n", include_str!("expected/slack.json"));
    }

    #[track_caller]
    fn check_mention(id: &str, expect: &str) {
        let person = Owner { name: "delivery".to_owned(), slack_id: Some(id.to_owned()), because: String::new() };
        assert_eq!(owner(&person), expect);
    }

    #[test]
    fn only_ids_of_people_and_groups_mention() {
        check_mention("S0DELIVERY", "owner <!subteam^S0DELIVERY>");
        check_mention("U012AB3CD", "owner <@U012AB3CD>");
        check_mention("C012AB3CD", "owner `delivery`");
        check_mention("here", "owner `delivery`");
        check_mention("U1> <!channel", "owner `delivery`");
    }

    #[test]
    fn a_probing_caller_is_shown_no_patch() {
        let text = webhook(&sample::probing(), &AlertContext::default()).to_string();
        assert!(text.contains("grant nothing") && !text.contains("\\\"Effect\\\""), "{text}");
        assert!(!text.contains("denywatch patch "), "{text}");
    }

    #[test]
    fn a_long_patch_is_named_by_its_command() {
        let mut advice = sample::pipeline();
        let statement = json!({"Effect": "Allow", "Action": "a:B", "Resource": "*"});
        let document = json!({"Version": "2012-10-17", "Statement": vec![statement; 5]});
        advice.patches[0].document = serde_json::from_value(document).ok();
        let text = webhook(&advice, &AlertContext::default()).to_string();
        assert!(text.contains("too long for a message; get it with "), "{text}");
    }

    #[test]
    fn the_least_needed_blocks_go_first() {
        let block = |size: usize| json!({"text": "x".repeat(size)});
        let kept = within(vec![(0, block(5_000)), (2, block(4_000)), (1, block(4_000)), (3, block(10))]);
        assert_eq!(kept, [block(5_000), block(4_000)]);
        assert_eq!(within(vec![(0, block(10)), (3, block(10))]).len(), 2);
    }

    #[test]
    fn a_code_span_is_cut_before_it_is_escaped() {
        assert_eq!(code("<<<<<<<<", 14), "`&lt;…&lt;`");
        assert_eq!(code("<", 3), "`…`");
        assert_eq!(end("abcdef", 4), "abc…");
    }

    #[test]
    fn every_verdict_has_a_message() {
        for verdict in [Verdict::Owner, Verdict::Unclear, Verdict::Transient, Verdict::Expected, Verdict::Upheld] {
            let mut advice = sample::upheld();
            advice.verdict = verdict;
            assert!(check_limits(&webhook(&advice, &AlertContext::default())).is_ok());
        }
    }
}
