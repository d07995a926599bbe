//! Answers for a terminal: one finding in full (`explain`), many ranked with their patches (`scan`), a list
//! (`findings`). Plain text; colours are added only when asked for. Unseen characters are shown.

use super::escape::terminal;
use super::sheet::{Paint, Sheet, wrap};
use super::words::{self, grouped, middle, plural};
use super::{Format, PatchContext, snippet};
use super::{after, alert};
use crate::advice::{Advice, DeniedItem};
use crate::arn::Arn;
use crate::patch::Patch;
use crate::report::{Coverage, rank, shown_patches};
use crate::triage::Verdict;
use serde_json::Value;
use std::cmp::Reverse;

use listing::Totals;
pub use listing::{Listing, NONE, Ranked, Row, Told};

mod listing;

const MARGIN: usize = 16;
const LIST_MAX: usize = 20;
/// Items of a finding among many.
const FEW: usize = 6;
/// Columns of a permission in the list; most are shorter.
const PERMISSION_MAX: usize = 32;

/// How the screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether to add colours, as ANSI codes.
    pub colour: bool,
    /// Columns of the screen; below 40 counts as 40.
    pub width: usize,
}

impl Default for Look {
    /// 120 columns, no colours: what a pipe gets.
    fn default() -> Self {
        Self { colour: false, width: 120 }
    }
}

impl Look {
    fn paint(self) -> Paint {
        Paint { on: self.colour }
    }

    pub(super) fn sheet(self) -> Sheet {
        Sheet::new(self.width.max(40), MARGIN, self.paint())
    }
}

/// One finding in full: who, what, why, where to patch, the patch, what is likely next, what was not checked.
///
/// ```
/// # use denywatch::{advice::Advice, render::text};
/// fn answer(advice: &Advice) -> String {
///     text::explain(advice, text::Look::default())
/// }
/// ```
pub fn explain(advice: &Advice, look: Look) -> String {
    let mut sheet = look.sheet();
    title(&mut sheet, advice, look);
    sheet.blank();
    sheet.field("WHO", &who(advice));
    what(&mut sheet, advice, LIST_MAX);
    sheet.field("WHY", &advice.diagnosis.summary);
    sheet.items(&advice.diagnosis.evidence, LIST_MAX);
    around(&mut sheet, advice);
    patches(&mut sheet, advice);
    let left_out = alert::left_out(advice).into_iter().map(|one| format!("{}: {}", one.what.join(", "), one.why));
    sheet.list("FORETOLD", &after::foretold(advice), LIST_MAX);
    sheet.list("LEFT OUT", &left_out.collect::<Vec<_>>(), LIST_MAX);
    sheet.field("NOT CHECKED", &advice.diagnosis.unchecked.join(", "));
    sheet.finish()
}

/// Many findings: a ranked list, then what to do about each that somebody can act on, then what was read and what
/// cannot be seen.
pub fn scan(advices: &[Advice], coverage: &Coverage, look: Look) -> String {
    let mut listing = Listing::new(look);
    let told: Vec<Told> = ranked(advices).into_iter().map(|advice| listing.add(advice)).collect();
    let table = listing.table();
    let lines = told.iter().map(|one| table.line(&one.row));
    let parts = told.iter().map(|one| one.part.clone());
    let head = if told.is_empty() { NONE.to_owned() } else { table.head() };
    std::iter::once(head).chain(lines).chain(parts).chain([listing.end(coverage)]).collect()
}

/// What to do about a finding among many.
fn part(advice: &Advice, look: Look) -> String {
    let mut sheet = look.sheet();
    sheet.blank();
    title(&mut sheet, advice, look);
    what(&mut sheet, advice, FEW);
    sheet.field("WHY", &advice.diagnosis.summary);
    around(&mut sheet, advice);
    patches(&mut sheet, advice);
    sheet.finish()
}

/// The list of findings, the most pressing first: id, verdict, denials, who, what, where, latest.
pub fn findings(advices: &[Advice], look: Look) -> String {
    let mut listing = Listing::new(look);
    let rows: Vec<Row> = ranked(advices).into_iter().map(|advice| listing.row(advice)).collect();
    let table = listing.table();
    std::iter::once(table.head()).chain(rows.iter().map(|row| table.line(row))).collect()
}

fn ranked(advices: &[Advice]) -> Vec<&Advice> {
    let mut all: Vec<&Advice> = advices.iter().collect();
    all.sort_by(|a, b| rank(a, b));
    all
}

fn row(advice: &Advice) -> Vec<String> {
    let items = items(advice);
    let first = |get: fn(&DeniedItem) -> Option<&String>| {
        let mut all: Vec<&str> = items.iter().filter_map(|item| get(item)).map(String::as_str).collect();
        let one = all.first().copied().unwrap_or("?").to_owned();
        all.sort_unstable();
        all.dedup();
        if all.len() > 1 { format!("{one} +{}", all.len() - 1) } else { one }
    };
    vec![
        advice.id.clone(),
        words::verdict_word(advice.verdict).to_owned(),
        advice.count.to_string(),
        words::who(&advice.principal),
        middle(&terminal(&first(|item| item.action.as_ref())), PERMISSION_MAX),
        tail(&first(|item| item.resource.as_ref())),
        advice.last_seen.map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string()),
    ]
}

/// An ARN's last part: a list has no room for the whole, and `findings show` has it.
fn tail(resource: &str) -> String {
    resource.parse::<Arn>().map_or_else(|_| resource.to_owned(), |arn| arn.resource)
}

/// The most serious first, then the most frequent.
fn items(advice: &Advice) -> Vec<&DeniedItem> {
    let mut items: Vec<&DeniedItem> = advice.denied.iter().collect();
    items.sort_by_key(|item| (item.verdict, Reverse(item.count)));
    items
}

fn title(sheet: &mut Sheet, advice: &Advice, look: Look) {
    let paint = look.paint();
    for line in wrap(&words::headline(advice), look.width.max(40)) {
        sheet.line(&paint.bold(&line));
    }
    let verdict = paint.with(colour(advice.verdict), words::verdict(advice.verdict));
    sheet.line(&format!("{verdict} · severity {} · {}", words::severity(advice.severity), terminal(&advice.id)));
}

/// Red for an attack, green for a ready patch, yellow for what a person must decide, cyan for another team's matter.
fn colour(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Probing => "1;31",
        Verdict::Patch => "32",
        Verdict::Review | Verdict::Unclear => "33",
        Verdict::Owner => "36",
        Verdict::Upheld | Verdict::Transient | Verdict::Expected => "2",
    }
}

fn who(advice: &Advice) -> String {
    let own = advice.principal.account.as_deref().or(advice.account.as_deref());
    let account = own.map(|id| format!(", account {id}")).unwrap_or_default();
    let elsewhere = advice.account.as_deref().filter(|id| own.is_some_and(|own| own != *id));
    let elsewhere = elsewhere.map(|id| format!(", recorded in {id}")).unwrap_or_default();
    let session = advice.principal.session.as_deref().map(|name| format!(" (session {name})")).unwrap_or_default();
    format!("{}{session}{account}{elsewhere}", words::who(&advice.principal))
}

fn what(sheet: &mut Sheet, advice: &Advice, max: usize) {
    let when = alert::when(advice.first_seen, advice.last_seen).map(|when| format!(" {when}")).unwrap_or_default();
    let times = format!("{}{when}", alert::times(advice.count));
    let regions = alert::regions(advice).join(", ");
    let regions = if regions.is_empty() { regions } else { format!(", {regions}") };
    let all = items(advice);
    if let [one] = all.as_slice() {
        sheet.field("WHAT", &format!("{} denied {times}{regions}", denied(one)));
        return;
    }
    sheet.field("WHAT", &format!("{} denied {times}{regions}", words::permissions(advice)));
    let lines: Vec<String> = all.iter().map(|item| format!("{}, {}", denied(item), alert::times(item.count))).collect();
    sheet.items(&lines, max);
}

fn denied(item: &DeniedItem) -> String {
    let action = item.action.as_deref().unwrap_or("a call whose permission is unknown");
    item.resource.as_deref().map_or_else(|| action.to_owned(), |resource| format!("{action} on {resource}"))
}

/// How it stands, and the changes of policies on both sides of it.
fn around(sheet: &mut Sheet, advice: &Advice) {
    let plain = |name: &str| terminal(name);
    sheet.field("LAST WORKED", &after::worked(advice, &plain).unwrap_or_default());
    sheet.field("CHANGE BEFORE", &after::before(advice, &plain).unwrap_or_default());
    sheet.field("SINCE THEN", &after::standing(advice).unwrap_or_default());
    sheet.field("CHANGE AFTER", &after::after(advice, &plain).unwrap_or_default());
}

fn patches(sheet: &mut Sheet, advice: &Advice) {
    let mut shown: Vec<&Patch> = shown_patches(advice).collect();
    shown.sort_by_key(|patch| patch.applicability);
    if shown.is_empty() {
        sheet.field("PATCH", &format!("none: {}", alert::instead(advice)));
    }
    for one in shown {
        patch(sheet, advice, one);
    }
}

fn patch(sheet: &mut Sheet, advice: &Advice, patch: &Patch) {
    let account = patch.target.account.as_deref().map(|id| format!(" in {id}")).unwrap_or_default();
    sheet.field("WHERE TO PATCH", &format!("{}{account}", words::place(&patch.target, &advice.principal)));
    let proof = alert::proof(patch).map(|text| format!("; proof: {text}")).unwrap_or_default();
    match super::patch(patch, &PatchContext::default(), Format::Json) {
        Err(error) => sheet.field("PATCH", &format!("not written: {error}")),
        Ok(written) => {
            sheet.field("PATCH", &format!("{}{proof}", words::grade(patch.applicability)));
            let document = patch.document.as_ref().and_then(|document| serde_json::to_value(document).ok());
            let written: Option<Value> = serde_json::from_str(&written).ok();
            if patch.merged.is_some() && written != document {
                sheet.field("", &words::instead_of(advice));
            }
            sheet.code(&snippet::document(&written.or(document).unwrap_or_default(), 96), 2);
        }
    }
    let widened: Vec<String> = patch.widened.iter().map(|one| format!("{} stands for {}", one.to, one.from)).collect();
    sheet.list("WIDENED", &widened, LIST_MAX);
    sheet.list("FIRST SETTLE", &patch.doubts, LIST_MAX);
    let next: Vec<String> = patch.companions.iter().map(|one| alert::companion(advice, one)).collect();
    sheet.list("LIKELY NEXT", &next, LIST_MAX);
    if !next.is_empty() {
        sheet.field("", &format!("({})", words::predicted(patch)));
    }
}

/// Whether somebody has something to do or to look into.
fn is_actionable(advice: &Advice) -> bool {
    match advice.verdict {
        Verdict::Probing | Verdict::Owner | Verdict::Review | Verdict::Patch | Verdict::Unclear => true,
        Verdict::Upheld | Verdict::Transient | Verdict::Expected => false,
    }
}

fn covered(sheet: &mut Sheet, totals: &Totals, coverage: &Coverage) {
    let places = [(coverage.accounts.len(), "account"), (coverage.regions.len(), "Region")];
    let places: Vec<String> = places.iter().filter(|(n, _)| *n > 0).map(|(n, word)| plural(*n as u64, word)).collect();
    let places = if places.is_empty() { String::new() } else { format!(" from {}", places.join(", ")) };
    let read = format!(
        "{} records{places}: {} denied, {}",
        grouped(coverage.records),
        grouped(totals.denied),
        plural(totals.findings, "finding")
    );
    sheet.field("READ", &read);
    if coverage.unread > 0 {
        sheet.field("NOT READ", &format!("{} of the inputs and records", grouped(coverage.unread)));
    }
    sheet.field("CANNOT BE SEEN", &coverage.unseen.join("; "));
    if totals.is_any_patched {
        sheet.field("OTHER FORMS", "denywatch patch ID --format hcl|cfn|cli");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use proptest::prelude::*;

    #[test]
    fn one_answer() {
        let look = Look { colour: false, width: 100 };
        assert_eq!(explain(&sample::pipeline(), look), include_str!("expected/explain.txt"));
    }

    #[test]
    fn operations_are_told_from_actions() {
        let text = explain(&sample::upload(), Look::default());
        assert!(
            text.contains("LEFT OUT        - s3:CompleteMultipartUpload, s3:CreateMultipartUpload: API operations"),
            "{text}"
        );
    }

    #[test]
    fn a_list_is_ranked_and_ends_with_what_was_read() {
        let all = [sample::upheld(), sample::pipeline(), sample::probing()];
        let coverage = Coverage {
            accounts: vec!["111122223333".to_owned()],
            records: 2_900,
            unread: 1,
            unseen: vec!["S3 object calls without data events".to_owned()],
            ..Coverage::default()
        };
        let look = Look { colour: false, width: 100 };
        assert_eq!(scan(&all, &coverage, look), include_str!("expected/scan.txt"));
    }

    #[test]
    fn nothing_denied_is_one_line() {
        let text = scan(&[], &Coverage { records: 7, ..Coverage::default() }, Look::default());
        assert_eq!(text, "No denied call in what was read.\n\nREAD            7 records: 0 denied, 0 findings\n");
    }

    #[test]
    fn colours_are_asked_for() {
        let text = explain(&sample::pipeline(), Look { colour: true, width: 80 });
        assert!(text.contains("\x1b[32mpatch ready\x1b[0m"), "{text:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_stranger_drives_the_terminal(advice in sample::any_advice()) {
            let all = [advice];
            for text in [explain(&all[0], Look::default()), scan(&all, &Coverage::default(), Look::default())] {
                prop_assert!(!text.chars().any(|c| c != '\n' && super::super::escape::is_unseen(c)), "{:?}", text);
            }
        }

        #[test]
        fn a_probing_caller_is_shown_no_patch(mut advice in sample::any_advice()) {
            advice.verdict = Verdict::Probing;
            let text = explain(&advice, Look::default());
            prop_assert!(!text.contains("WHERE TO PATCH") && !text.contains("\"Effect\""), "{}", text);
        }
    }
}
