//! A finding's change as a pull request: branch, title, body and labels.
//!
//! Names from events stand in code spans and words are escaped, so that nothing in them makes a link, a mention, a
//! closing keyword or a command of a bot. A title holds no mark-up: there they are cut down to what names are made of.

use super::after;
use super::alert;
use super::escape::{is_unseen, markdown_cell, markdown_code, markdown_text};
use super::snippet::statements;
use super::words::{self, middle, plural};
use crate::advice::Advice;
use crate::catalog::{AccessLevel, Catalog};
use crate::patch::{Applicability, Patch};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// GitHub cuts a title at 256 characters; a list shows about this many.
const TITLE_MAX: usize = 120;
/// GitHub refuses a body of more than 65,536 characters; a text that nobody reads helps nobody.
const BODY_MAX: usize = 60_000;

/// What a pull request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// `denywatch/D-…`, without `refs/heads/`.
    pub branch: String,
    /// One line.
    pub title: String,
    /// GitHub's Markdown; the last line is [`marker`].
    pub body: String,
    /// Sorted.
    pub labels: Vec<String>,
}

/// What is known of the change besides the finding.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changed<'a> {
    /// Paths in the repository, with `/`, sorted.
    pub paths: &'a [String],
    /// Resources that the change adds; none where it edits what is there.
    pub added: usize,
    /// Sentences about the change that a person should know.
    pub notes: &'a [String],
}

/// Describes the change of a patch; `None` for a patch without a document.
///
/// ```text
/// iam(app): allow s3:PutObject on uploads/in.csv [D-7F3AQ2ZK4M]
/// ```
pub fn pull_request(advice: &Advice, patch: &Patch, changed: Changed<'_>) -> Option<PullRequest> {
    let document = serde_json::to_value(patch.document.as_ref()?).ok()?;
    let granted = statements(&document);
    let mut body = format!("{}\n", section(&advice.id));
    body += &lead(advice);
    body += &access(&granted, advice);
    body += &format!("\n**Checks** {}\n", checks(advice, patch));
    body += &settle(patch);
    body += &next(advice, patch);
    body += &plan(changed);
    body += &details("Why it was denied", &why(advice));
    body += &details("Undo", "Revert this pull request. Nothing else depends on it.");
    let id = markdown_code(&format!("denywatch pr {}", advice.id));
    let foot = format!("\n---\n{id} updates this request while it is open; one that was closed stays closed.\n");
    let end = format!("{foot}{}\n", marker(changed.paths));
    let labels = ["denywatch", "iam", risk(patch)].map(str::to_owned).to_vec();
    Some(PullRequest {
        branch: format!("denywatch/{}", advice.id),
        title: title(advice, &granted),
        body: cut(body, BODY_MAX.saturating_sub(end.len())) + &end,
        labels,
    })
}

/// A comment that no reader sees, by which the request about a file is found again: one request a policy file. It
/// holds a hash of each path, since a path may be anything.
pub fn marker(paths: &[String]) -> String {
    marking(&paths.iter().map(|path| hash(path)).collect())
}

const MARKER: &str = "<!-- denywatch:files:";

fn marking(hashes: &BTreeSet<String>) -> String {
    let all: Vec<&str> = hashes.iter().map(String::as_str).collect();
    format!("{MARKER}{} -->", all.join(","))
}

fn hash(path: &str) -> String {
    Sha256::digest(path).iter().take(8).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The hashes in the last line of a body; none where that is no [`marker`].
fn marked(body: &str) -> BTreeSet<String> {
    let last = body.trim_end().lines().last().unwrap_or_default();
    let inner = last.trim_end().strip_prefix(MARKER).and_then(|rest| rest.strip_suffix(" -->"));
    let is_hash = |text: &&str| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    inner.into_iter().flat_map(|inner| inner.split(',')).filter(is_hash).map(str::to_owned).collect()
}

/// The line with which the part of a finding begins.
fn section(id: &str) -> String {
    format!("<!-- denywatch:finding:{id} -->")
}

/// The id in such a line: only ids are taken, so that nothing that a person wrote is.
fn section_id(line: &str) -> Option<&str> {
    let id = line.trim_end().strip_prefix("<!-- denywatch:finding:")?.strip_suffix(" -->")?;
    let is_id = |rest: &str| rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    id.strip_prefix("D-").is_some_and(is_id).then_some(id)
}

/// Whether a request that is open is about one of these files: its last line is a [`marker`] that holds it.
pub fn is_about(body: &str, paths: &[String]) -> bool {
    let held = marked(body);
    paths.iter().any(|path| held.contains(&hash(path)))
}

/// The request that is open with this finding's part put in, or put in place of the part that it has: one request a
/// policy file tells of every finding that changed it.
pub fn joined(open_body: &str, new: &PullRequest) -> PullRequest {
    let mut parts: Vec<(String, String)> = sections(open_body);
    let fresh = sections(&new.body);
    for (id, text) in fresh {
        match parts.iter_mut().find(|(held, _)| *held == id) {
            Some((_, held)) => *held = text,
            None => parts.push((id, text)),
        }
    }
    let hashes: BTreeSet<String> = marked(open_body).into_iter().chain(marked(&new.body)).collect();
    let end = format!("{}\n", marking(&hashes));
    let ids: Vec<&str> = parts.iter().map(|(id, _)| id.as_str()).collect();
    let title = match ids.as_slice() {
        [_] => new.title.clone(),
        ids => middle(&format!("iam: {} changes [{}]", ids.len(), ids.join(", ")), TITLE_MAX),
    };
    let body: Vec<String> = parts.iter().map(|(_, text)| format!("{}\n", text.trim_end())).collect();
    let between = if parts.len() == 1 { "" } else { "\n" };
    let body = body.iter().map(|text| format!("{text}{between}")).collect();
    PullRequest { title, body: cut(body, BODY_MAX.saturating_sub(end.len())) + &end, ..new.clone() }
}

/// The parts of a body by finding, without the line at its end.
fn sections(body: &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for line in body.lines() {
        if let Some(id) = section_id(line) {
            out.push((id.to_owned(), String::new()));
        }
        if let Some((_, text)) = out.last_mut().filter(|_| !line.starts_with(MARKER)) {
            text.push_str(line);
            text.push('\n');
        }
    }
    out
}

fn risk(patch: &Patch) -> &'static str {
    match patch.applicability {
        Applicability::Apply => "risk:low",
        Applicability::Review | Applicability::Explain => "risk:review",
    }
}

fn title(advice: &Advice, granted: &[&Value]) -> String {
    let actions = all(granted, "Action");
    let resources = all(granted, "Resource");
    let what = match actions.as_slice() {
        [one] => plain(one),
        [first, rest @ ..] => format!("{} and {} more", plain(first), rest.len()),
        [] => "access".to_owned(),
    };
    let on = match resources.as_slice() {
        [one] => format!(" on {}", plain(&last_part(one))),
        [] => String::new(),
        many => format!(" on {}", plural(many.len() as u64, "resource")),
    };
    let who = advice.principal.name.as_deref().or(advice.principal.arn.as_deref()).unwrap_or("unknown");
    let end = format!(": allow {what} [{}]", advice.id);
    let room = TITLE_MAX.saturating_sub(end.chars().count() + "iam()".len());
    let on = middle(&on, room / 2);
    let who = middle(&plain(who), room.saturating_sub(on.chars().count()).max(12));
    format!("iam({who}): allow {what}{on} [{}]", advice.id)
}

/// The end of an ARN, which tells the thing.
fn last_part(arn: &str) -> String {
    arn.splitn(6, ':').last().filter(|rest| !rest.is_empty()).unwrap_or(arn).to_owned()
}

/// Letters, digits and the signs of names; anything else, which GitHub or a bot might read, is shown as `_`.
fn plain(text: &str) -> String {
    let fits = |c: char| c.is_alphanumeric() || "-_./:+=,*".contains(c);
    text.chars().filter(|c| !is_unseen(*c)).map(|c| if fits(c) { c } else { '_' }).collect()
}

/// All values of a member of the statements, each once, in order.
fn all(granted: &[&Value], member: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for text in granted.iter().flat_map(|one| texts(&one[member])) {
        if !out.contains(&text) {
            out.push(text);
        }
    }
    out
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        one => one.as_str().map(str::to_owned).into_iter().collect(),
    }
}

fn lead(advice: &Advice) -> String {
    let since = advice.first_seen.map(|at| format!(" since {}", at.strftime("%F %H:%M UTC"))).unwrap_or_default();
    let actions: Vec<String> =
        advice.denied.iter().filter_map(|item| item.action.as_deref()).map(markdown_code).collect();
    let what = if actions.is_empty() { String::new() } else { format!(": {}", few(&actions, 5)) };
    let account =
        advice.account.as_deref().map(|account| format!(" in {}", markdown_code(account))).unwrap_or_default();
    let who = words::who_with(&advice.principal, |name| markdown_code(&middle(name, 80)));
    format!("Denied {}{since}{what} by {who}{account}.\n\n", alert::times(advice.count))
}

/// A row an action and statement: what, on what, under which condition, and what shows that it is needed.
fn access(granted: &[&Value], advice: &Advice) -> String {
    let mut out = String::from("| Access added | Resource | Only if | Evidence |\n|---|---|---|---|\n");
    for statement in granted {
        let resources: Vec<String> =
            texts(&statement["Resource"]).iter().map(|one| markdown_cell(&middle(one, 120))).collect();
        let on = if resources.is_empty() { "the resource of this policy".to_owned() } else { few(&resources, 5) };
        for action in texts(&statement["Action"]) {
            let level = Catalog::embedded().action(&action).map(|known| format!(" ({})", level(known.access_level())));
            let row = [
                format!("{}{}", markdown_cell(&action), level.unwrap_or_default()),
                on.clone(),
                only_if(&statement["Condition"]),
                evidence(&action, advice),
            ];
            out += &format!("| {} |\n", row.join(" | "));
        }
    }
    out
}

fn level(level: AccessLevel) -> &'static str {
    match level {
        AccessLevel::List => "List",
        AccessLevel::Read => "Read",
        AccessLevel::Write => "Write",
        AccessLevel::PermissionsManagement => "Permissions management",
        AccessLevel::Tagging => "Tagging",
    }
}

fn only_if(condition: &Value) -> String {
    let all: Vec<String> = alert::conditions(condition).iter().map(|one| markdown_cell(&middle(one, 160))).collect();
    if all.is_empty() { "–".to_owned() } else { few(&all, 5) }
}

fn evidence(action: &str, advice: &Advice) -> String {
    let item =
        advice.denied.iter().find(|item| item.action.as_deref().is_some_and(|held| held.eq_ignore_ascii_case(action)));
    match item.map(|item| item.events.first()) {
        Some(Some(event)) => format!("observed, event {}", markdown_cell(event)),
        Some(None) => "observed".to_owned(),
        None => "not observed by itself".to_owned(),
    }
}

fn checks(advice: &Advice, patch: &Patch) -> String {
    let mut all = vec!["actions exist ✓".to_owned()];
    if let Some(proof) = &patch.proof {
        let mark = |fine: bool| if fine { "✓" } else { "✗" };
        let turned = proof.before == "denied" && proof.after == "allowed";
        all.push(format!("{} → {} {}", markdown_text(&proof.before), markdown_text(&proof.after), mark(turned)));
        all.push(format!("minimal {}", mark(proof.minimal)));
        all.push(format!("nothing beyond {}", mark(proof.beyond.is_empty())));
        let basis =
            if proof.basis == "policies" { "judged on the policies in force" } else { "judged on AWS's message" };
        all.push(basis.to_owned());
    }
    if patch.applicability == Applicability::Apply {
        all.push("no new road to more power ✓".to_owned());
    }
    if !advice.diagnosis.unchecked.is_empty() {
        all.push(format!("not checked: {}", markdown_text(&advice.diagnosis.unchecked.join(", "))));
    }
    all.join(" · ")
}

/// What a person must settle before merging.
fn settle(patch: &Patch) -> String {
    if patch.applicability == Applicability::Apply || patch.doubts.is_empty() {
        return String::new();
    }
    let lines: String = patch.doubts.iter().map(|doubt| format!("- {}\n", markdown_text(doubt))).collect();
    format!("\n**Settle before merging**\n\n{lines}\n")
}

fn next(advice: &Advice, patch: &Patch) -> String {
    let mut out = String::new();
    for companion in &patch.companions {
        let what = alert::companion_with(advice, companion, |name| markdown_code(&middle(name, 120)));
        out += &format!("**Likely next** {what}, not in this change: {}\n", markdown_text(&companion.why));
    }
    for left in alert::left_out(advice) {
        let names: Vec<String> = left.what.iter().map(|name| markdown_code(name)).collect();
        out += &format!("**Not granted** {}: {}\n", few(&names, 5), markdown_text(&left.why));
    }
    out
}

fn plan(changed: Changed<'_>) -> String {
    let mut out = String::new();
    if changed.paths.iter().any(|path| path.ends_with(".tf") || path.ends_with(".tf.json")) {
        let counts = match changed.added {
            0 => "0 to add, 1 to change, 0 to destroy".to_owned(),
            added => format!("{added} to add, 0 to change, 0 to destroy"),
        };
        out += &format!("**Plan shown by your CI** must be {}", markdown_code(&counts));
        out += ", once for each copy where the resource has `count` or `for_each`.\n";
    } else if !changed.paths.is_empty() {
        out += "**Change set** must touch this policy alone.\n";
    }
    for note in changed.notes {
        out += &format!("**Note** {}\n", markdown_text(note));
    }
    out
}

fn why(advice: &Advice) -> String {
    let evidence: String =
        advice.diagnosis.evidence.iter().map(|line| format!("- {}\n", markdown_text(line))).collect();
    let code = |name: &str| markdown_code(&middle(name, 120));
    let changes = [
        ("Last worked", after::worked(advice, &code)),
        ("Last change before", after::before(advice, &code)),
        ("First change after", after::after(advice, &code)),
    ];
    let changes = changes.into_iter().filter_map(|(label, told)| Some(format!("- {label}: {}\n", told?)));
    let evidence = evidence + &changes.collect::<String>();
    let gap = if evidence.is_empty() { "" } else { "\n\n" };
    format!("{}{gap}{}", markdown_text(&advice.diagnosis.summary), evidence.trim_end())
}

fn details(title: &str, text: &str) -> String {
    format!("\n<details><summary>{title}</summary>\n\n{text}\n</details>\n")
}

fn few(names: &[String], most: usize) -> String {
    let mut out = names.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > most {
        out += &format!(" and {} more", names.len() - most);
    }
    out
}

/// Whole lines that fit.
fn cut(text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let mut out = String::new();
    let note = "\n(cut: see `denywatch findings show` for the rest)\n";
    for line in text.split_inclusive('\n') {
        if out.len() + line.len() + note.len() + "</details>\n".len() > most {
            break;
        }
        out += line;
    }
    let open = out.matches("<details>").count() - out.matches("</details>").count();
    out + note + &"</details>\n".repeat(open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;

    fn paths() -> Vec<String> {
        vec!["infra/pipeline.tf".to_owned()]
    }

    fn of(advice: &Advice) -> PullRequest {
        let patch = &advice.patches[0];
        pull_request(advice, patch, Changed { paths: &paths(), ..Changed::default() }).unwrap()
    }

    #[test]
    fn a_proven_patch() {
        let request = of(&sample::pipeline());
        let PullRequest { branch, title, body, labels } = &request;
        insta::assert_snapshot!("pull_request", format!("{branch}\n{title}\n{labels:?}\n\n{body}"));
    }

    #[test]
    fn a_doubtful_patch_says_what_to_settle() {
        let mut advice = sample::pipeline();
        advice.patches[0].applicability = Applicability::Review;
        advice.patches[0].doubts = vec!["whether @team agrees".to_owned()];
        let request = of(&advice);
        assert!(request.body.contains("**Settle before merging**\n\n- whether &#64;team agrees\n"), "{}", request.body);
        assert_eq!(request.labels, ["denywatch", "iam", "risk:review"]);
    }

    #[test]
    fn a_patch_without_a_document_is_no_request() {
        let mut advice = sample::pipeline();
        advice.patches[0].document = None;
        assert_eq!(pull_request(&advice, &advice.patches[0], Changed::default()), None);
    }

    #[test]
    fn one_request_tells_of_every_finding() {
        let one = of(&sample::pipeline());
        let mut advice = sample::pipeline();
        advice.id = "D-OTHER23456".to_owned();
        advice.count = 2;
        let other = of(&advice);
        let both = joined(&one.body, &other);
        assert_eq!(both.title, "iam: 2 changes [D-7F3AQ2ZK4M, D-OTHER23456]");
        assert!(both.body.contains("Denied 14 times") && both.body.contains("Denied 2 times"), "{}", both.body);
        assert!(is_about(&both.body, &paths()) && !is_about(&both.body, &["other.tf".to_owned()]));
        // Told again it says the same, and a newer part takes the place of the older.
        assert_eq!(joined(&both.body, &other).body, both.body);
        advice.count = 3;
        let newer = joined(&both.body, &of(&advice)).body;
        assert!(newer.contains("Denied 3 times") && !newer.contains("Denied 2 times"), "{newer}");
        assert_eq!(joined(&one.body, &one), one);
        // A finding that changes a second file too makes the request one about both.
        let more = ["other.tf".to_owned()];
        let wide = PullRequest { body: one.body.replace(&marker(&paths()), &marker(&more)), ..one.clone() };
        let wide = joined(&both.body, &wide).body;
        assert!(is_about(&wide, &paths()) && is_about(&wide, &more), "{wide}");
        assert_eq!(joined("what a person wrote\n<!-- denywatch:finding:x -->", &one), one);
    }

    #[test]
    fn the_marker_is_the_files_alone() {
        let (one, other) = (marker(&paths()), marker(&["x -->".to_owned()]));
        assert_ne!(one, other);
        assert_eq!((one.len(), other.matches("-->").count()), (other.len(), 1));
        let both = marker(&[paths(), vec!["x -->".to_owned()]].concat());
        assert!(is_about(&both, &paths()) && is_about(&both, &["x -->".to_owned()]));
        assert!(!is_about(&both, &["x".to_owned()]) && !is_about(&format!("{both}\nmore"), &paths()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_stranger_leaves_a_span_or_ends_the_comment(advice in sample::any_advice(), text in sample::hostile()) {
            let mut base = sample::pipeline();
            base.principal.name = Some(text.clone());
            base.diagnosis.summary = text.clone();
            base.diagnosis.evidence = vec![text.clone()];
            base.patches[0].doubts = vec![text.clone()];
            base.denied = advice.denied;
            let request = of(&base);
            prop_assert!(!request.title.contains(['@', '<', '`', '#', '\n']), "{}", request.title);
            prop_assert!(request.title.chars().count() <= TITLE_MAX + 12, "{}", request.title);
            prop_assert_eq!(request.body.lines().filter(|line| line.starts_with("<!--")).count(), 2);
            prop_assert!(!request.body.chars().any(|c| is_unseen(c) && c != '\n'));
        }
    }
}
