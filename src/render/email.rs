//! An alert as an e-mail through Amazon SNS: an ASCII subject and plain text.
//!
//! SNS takes a subject of less than 100 characters without line breaks, and 256 KiB in all; its e-mail is plain text.
//! See <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.

use super::after;
use super::alert::{self, AlertContext};
use super::escape::terminal;
use super::sheet::{Paint, Sheet, wrap};
use super::table::shorten;
use super::words::{self, middle};
use super::{Format, PatchContext, RenderError, console, snippet};
use crate::advice::Advice;
use crate::patch::Patch;
use crate::principal::PrincipalKind;
use unicode_width::UnicodeWidthStr;

const WIDTH: usize = 76;
const MARGIN: usize = 10;
const SUBJECT_MAX: usize = 99;
/// A longer document is fetched by the command; IAM's own largest policy has 20,480 characters.
const DOCUMENT_MAX: usize = 60_000;
const LIST_MAX: usize = 12;
/// One sentence; with the lists' lengths it keeps the body far below 256 KiB.
const WORDS_MAX: usize = 800;

/// The subject: ASCII, at most 99 characters, no line break.
///
/// ```
/// # use denywatch::{advice::Advice, render::email};
/// fn is_fit_for_sns(advice: &Advice) -> bool {
///     email::subject(advice).len() < 100
/// }
/// ```
pub fn subject(advice: &Advice) -> String {
    subject_with(advice, &AlertContext::default())
}

/// As [`subject`], with what the sender knows: stage, account name, trial.
pub fn subject_with(advice: &Advice, shown: &AlertContext) -> String {
    let label = if shown.test { "TEST " } else { "" };
    let head = format!("[denywatch] {label}{} {}", shown.stage.word().to_uppercase(), words::severity(advice.severity));
    let id = middle(&advice.id, 20);
    let place =
        account(advice, shown).map(|(name, id)| format!(" ({})", middle(&name.unwrap_or(id), 20))).unwrap_or_default();
    let needs = if shown.stage == alert::Stage::Resolved { words::lacked } else { words::needs };
    let text = |room| ascii(&format!("{head} {id} {}{place}", needs(advice, room)));
    // In ASCII the sign for what is left out takes three places, so the length is known only afterwards.
    let room = SUBJECT_MAX.saturating_sub(head.len() + id.len() + place.len());
    let fits = (0..=room).rev().map(text).find(|text| text.len() <= SUBJECT_MAX);
    fits.unwrap_or_else(|| ascii(&head).chars().take(SUBJECT_MAX).collect())
}

/// The body: plain text, wrapped at 76 columns; ARNs, URLs and the policy are not broken.
pub fn body(advice: &Advice) -> String {
    body_with(advice, &AlertContext::default())
}

/// As [`body`], with what the sender knows: account name, owner, stage, trial.
pub fn body_with(advice: &Advice, shown: &AlertContext) -> String {
    let mut sheet = Sheet::new(WIDTH, MARGIN, Paint::default());
    headline(&mut sheet, advice, shown);
    facts(&mut sheet, advice, shown);
    if shown.stage == alert::Stage::Resolved {
        section(&mut sheet, &after::over(advice));
        around(&mut sheet, advice);
        links(&mut sheet, advice);
        return sheet.finish();
    }
    why(&mut sheet, advice);
    around(&mut sheet, advice);
    match alert::patch(advice) {
        Some(one) => patch(&mut sheet, advice, one),
        None => section(&mut sheet, &format!("No patch: {}", alert::instead(advice))),
    }
    left_out(&mut sheet, advice);
    links(&mut sheet, advice);
    sheet.finish()
}

fn headline(sheet: &mut Sheet, advice: &Advice, shown: &AlertContext) {
    if shown.test {
        sheet.line("TEST: this message only shows that alerts arrive.");
    }
    let id = shorten(&terminal(&advice.id), 24);
    let title = alert::title(advice, &AlertContext { test: false, ..shown.clone() });
    let lines = wrap(&title, WIDTH.saturating_sub(id.width() + 2));
    for (n, line) in lines.iter().enumerate() {
        let pad = " ".repeat(WIDTH.saturating_sub(line.width() + id.width()).max(2));
        sheet.line(&if n == 0 { format!("{line}{pad}{id}") } else { line.clone() });
    }
    sheet.blank();
}

fn facts(sheet: &mut Sheet, advice: &Advice, shown: &AlertContext) {
    let what: Vec<String> = advice.denied.iter().map(one_denied).collect();
    match what.as_slice() {
        [] => sheet.field("WHAT", "a call whose permission AWS does not name"),
        [one] => sheet.field("WHAT", &format!("{one} denied {}", alert::times(advice.count))),
        all => {
            sheet.field("WHAT", &format!("{} denied {}:", words::permissions(advice), alert::times(advice.count)));
            sheet.items(all, LIST_MAX);
        }
    }
    sheet.field("WHO", &cut(&words::who(&advice.principal), 300));
    sheet.field("WHERE", &place(advice, shown));
    if let Some(owner) = &shown.owner {
        let because = if owner.because.is_empty() { String::new() } else { format!(" (from {})", owner.because) };
        sheet.field("OWNER", &cut(&format!("{}{because}", owner.name), 300));
    }
    sheet.field("WHEN", &alert::when(advice.first_seen, advice.last_seen).unwrap_or_default());
    sheet.field("SEVERITY", &alert::state(advice, shown));
}

fn one_denied(item: &crate::advice::DeniedItem) -> String {
    let action = item.action.as_deref().unwrap_or("an unknown permission");
    let resource = item.resource.as_deref().map(|one| format!(" on {one}")).unwrap_or_default();
    cut(&format!("{action}{resource}"), 600)
}

fn place(advice: &Advice, shown: &AlertContext) -> String {
    let mut parts = Vec::new();
    parts.extend(account(advice, shown).map(|(name, id)| match name {
        Some(name) => format!("account {name} ({id})"),
        None => format!("account {id}"),
    }));
    parts.extend(alert::regions(advice).into_iter().take(LIST_MAX).map(str::to_owned));
    cut(&parts.join(", "), WORDS_MAX)
}

fn why(sheet: &mut Sheet, advice: &Advice) {
    section(sheet, "WHY");
    for line in wrap(&words::capital(&cut(&terminal(&advice.diagnosis.summary), WORDS_MAX)), WIDTH) {
        sheet.line(&line);
    }
    let cuts = |texts: &[String]| texts.iter().map(|text| cut(text, WORDS_MAX)).collect::<Vec<_>>();
    flush_left(sheet, &cuts(&advice.diagnosis.evidence));
    if !advice.diagnosis.unchecked.is_empty() {
        for line in
            wrap(&format!("Not checked: {}", cut(&terminal(&advice.diagnosis.unchecked.join(", ")), WORDS_MAX)), WIDTH)
        {
            sheet.line(&line);
        }
    }
}

/// The changes of policies on both sides of it, and what became of what was foretold.
fn around(sheet: &mut Sheet, advice: &Advice) {
    let name = |text: &str| cut(&terminal(text), 200);
    let mut lines = Vec::new();
    lines.extend(after::worked(advice, &name).map(|one| format!("Last worked: {one}")));
    lines.extend(after::before(advice, &name).map(|one| format!("Last change before: {one}")));
    lines.extend(after::after(advice, &name).map(|one| format!("First change after: {one}")));
    lines.extend(after::foretold(advice).iter().map(|one| cut(&terminal(one), 200)));
    if !lines.is_empty() {
        section(sheet, "AROUND IT");
        flush_left(sheet, &lines.iter().map(|line| cut(line, WORDS_MAX)).collect::<Vec<_>>());
    }
}

fn flush_left(sheet: &mut Sheet, texts: &[String]) {
    let mut list = Sheet::new(WIDTH, 0, Paint::default());
    list.items(texts, LIST_MAX);
    list.finish().lines().for_each(|line| sheet.line(line));
}

fn patch(sheet: &mut Sheet, advice: &Advice, patch: &Patch) {
    section(
        sheet,
        &format!(
            "PATCH ({}) for the {}",
            words::grade(patch.applicability),
            cut(&words::place(&patch.target, &advice.principal), 160)
        ),
    );
    let id = cut(&terminal(&advice.id), 40);
    let document = patch.document.as_ref().and_then(|document| serde_json::to_value(document).ok()).unwrap_or_default();
    let code = snippet::document(&document, WIDTH);
    match super::patch(patch, &PatchContext::default(), Format::Json) {
        Ok(_) if code.len() <= DOCUMENT_MAX => sheet.code(&code, 0),
        Ok(_) => sheet.line(&format!("Too long for a message: denywatch patch {id}")),
        Err(error) => wrap(&format!("Not written: {}", cut(&error.to_string(), WORDS_MAX)), WIDTH)
            .iter()
            .for_each(|line| sheet.line(line)),
    }
    if !patch.doubts.is_empty() {
        section(sheet, "BEFORE YOU APPLY IT");
        flush_left(sheet, &patch.doubts.iter().map(|doubt| cut(doubt, WORDS_MAX)).collect::<Vec<_>>());
    }
    sheet.blank();
    sheet.field("RISK", &cut(&alert::risk(patch), WORDS_MAX));
    sheet.field("PROOF", &cut(&alert::proof(patch).unwrap_or_default(), WORDS_MAX));
    let next: Vec<String> = patch.companions.iter().map(|one| cut(&alert::companion(advice, one), WORDS_MAX)).collect();
    if !next.is_empty() {
        sheet.field("NEXT", &format!("{}:", words::predicted(patch)));
        sheet.items(&next, LIST_MAX);
    }
    if matches!(super::patch(patch, &PatchContext::default(), Format::Hcl), Err(RenderError::Split)) {
        sheet.field("DO IT", &format!("denywatch patch {id}  (the whole policy, to put in place of the one in force)"));
        return;
    }
    sheet.field("DO IT", &format!("denywatch patch {id} --format hcl"));
    sheet.field("", &format!("denywatch patch {id} --format cli  (a script, with its undo)"));
}

fn left_out(sheet: &mut Sheet, advice: &Advice) {
    let all = alert::left_out(advice);
    if all.is_empty() {
        return;
    }
    section(sheet, "LEFT OUT ON PURPOSE");
    let lines: Vec<String> =
        all.iter().map(|one| cut(&format!("{}: {}", one.what.join(", "), one.why), WORDS_MAX)).collect();
    flush_left(sheet, &lines);
}

fn links(sheet: &mut Sheet, advice: &Advice) {
    let id = cut(&terminal(&advice.id), 40);
    sheet.blank();
    sheet.field("EVENT", &event(advice));
    let page = if advice.principal.kind == PrincipalKind::User { "USER" } else { "ROLE" };
    sheet.field(page, &console::principal(advice).unwrap_or_default());
    sheet.field("ALL OF IT", &format!("denywatch findings show {id}"));
}

/// The event's page, or its id where no link is known.
fn event(advice: &Advice) -> String {
    let id = words::lead(advice).and_then(|item| item.events.first()).map(|id| cut(id, 80));
    console::event(advice).or(id).unwrap_or_default()
}

fn account(advice: &Advice, shown: &AlertContext) -> Option<(Option<String>, String)> {
    let id = advice.account.clone()?;
    Some((shown.account_names.get(&id).cloned(), id))
}

fn section(sheet: &mut Sheet, title: &str) {
    sheet.blank();
    for line in wrap(title, WIDTH) {
        sheet.line(&line);
    }
}

fn cut(text: &str, max: usize) -> String {
    middle(text, max)
}

/// Printable ASCII.
fn ascii(text: &str) -> String {
    let text = terminal(text).replace('…', "...").replace('–', "-");
    let text: String = text.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' }).collect();
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;

    fn shown() -> AlertContext {
        let account_names = [("111122223333".to_owned(), "shop-dev".to_owned())].into();
        let owner =
            alert::Owner { name: "delivery".to_owned(), slack_id: None, because: "tag team=delivery".to_owned() };
        AlertContext { account_names, owner: Some(owner), ..AlertContext::default() }
    }

    #[test]
    fn one_mail() {
        assert_eq!(
            subject_with(&sample::pipeline(), &shown()),
            "[denywatch] NEW medium D-7F3AQ2ZK4M shop-codepipeline-role-dev needs kms:GenerateDataKey (shop-dev)"
        );
        assert_eq!(body_with(&sample::pipeline(), &shown()), include_str!("expected/email.txt"));
    }

    #[test]
    fn a_probing_caller_is_mailed_no_patch() {
        let text = body(&sample::probing());
        assert!(
            text.contains("looks like probing") && !text.contains("\"Effect\"") && !text.contains("DO IT"),
            "{text}"
        );
    }

    #[test]
    fn the_longest_body_fits_sns() {
        let long = "你".repeat(9_000);
        let mut advice = sample::upload();
        advice.diagnosis.evidence = vec![long.clone(); 99];
        advice.diagnosis.unchecked = vec![long.clone(); 99];
        advice.denied = (0..99).map(|n| sample::item(&format!("{n}{long}"), &long, n, advice.verdict)).collect();
        advice.denied.iter_mut().for_each(|item| item.how = crate::denial::How::Alias);
        advice.denied.iter_mut().for_each(|item| item.operations = vec![long.clone()]);
        let patch = &mut advice.patches[0];
        patch.doubts = vec![long.clone(); 99];
        let next = crate::patch::Companion {
            actions: vec![long.clone()],
            resources: vec![long.clone()],
            conditions: Default::default(),
            why: long.clone(),
            source: long.clone(),
        };
        patch.companions = vec![next; 99];
        assert!(body(&advice).len() <= 256 * 1024, "{}", body(&advice).len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_advice_fits_sns(advice in sample::any_advice(), name in sample::hostile()) {
            let account_names = advice.account.iter().map(|id| (id.clone(), name.clone())).collect();
            let context = AlertContext { account_names, test: true, ..AlertContext::default() };
            for subject in [subject(&advice), subject_with(&advice, &context)] {
                prop_assert!(subject.len() < 100 && subject.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{:?}", subject);
            }
            let body = body_with(&advice, &context);
            prop_assert!(body.len() <= 256 * 1024, "{}", body.len());
            prop_assert!(!body.chars().any(|c| c != '\n' && super::super::escape::is_unseen(c)), "{:?}", body);
        }

        #[test]
        fn only_unbroken_words_are_wider(mut advice in sample::any_advice()) {
            advice.patches.clear();
            for line in body(&advice).lines().filter(|line| line.width() > WIDTH) {
                // A label, a dash or the id may stand beside it.
                prop_assert!(line.split(' ').filter(|word| !word.is_empty()).count() <= 2, "{}", line);
            }
        }
    }
}
