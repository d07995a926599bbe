//! Weeks, permissions, accounts, owners and rules of a report in Markdown.

use super::{cell, table, who};
use crate::render::words::{grouped, rule_state};
use crate::report::{Heat, Predictions, Report, RuleRow, Section, Week};

/// Rows of a list; the JSON holds all.
const MOST: usize = 60;
/// Cells of the heat map, the hottest first.
const CELLS: usize = 15;

/// How findings stood week by week; nothing to compare, nothing to tell.
pub(super) fn weeks(weeks: &[Week]) -> String {
    if weeks.len() < 2 {
        return String::new();
    }
    let rows = weeks.iter().map(|week| {
        let counts = [week.denied, week.new, week.recurring, week.quiet, week.resolved];
        let counts: String = counts.iter().map(|count| format!(" {} |", grouped(*count))).collect();
        format!("| {} |{counts}\n", week.period.since)
    });
    let head = "| Week from | Denied | New | Recurring | Fell quiet | Resolved |\n|---|--:|--:|--:|--:|--:|\n";
    table("Findings by week", head, rows)
}

/// Who was refused which permission, the hottest cells.
pub(super) fn heat(heat: &Heat) -> String {
    let mut cells = heat.cells.clone();
    cells.sort_by_key(|cell| std::cmp::Reverse(cell.denied));
    let rows = cells.iter().take(CELLS).filter_map(|one| {
        let (principal, action) = (heat.principals.get(one.principal)?, heat.actions.get(one.action)?);
        let mark = if one.at_most { "≤ " } else { "" };
        Some(format!("| {} | {} | {mark}{} |\n", who(principal), cell(action), grouped(one.denied)))
    });
    table("Principal × permission", "| Principal | Permission | Denied |\n|---|---|--:|\n", rows)
}

/// Findings of which success was seen, and what became of predictions.
pub(super) fn mended(report: &Report) -> String {
    let rows = report.mended.iter().take(MOST).map(|one| {
        let least = if one.at_least { "at least " } else { "" };
        let change = one.change.as_ref().map_or_else(
            || "–".to_owned(),
            |change| format!("{} by {}, {}", cell(&change.change), who(&change.by), change.at.strftime("%F %H:%M")),
        );
        let (allowed, at) = (grouped(one.allowed), one.at.strftime("%F %H:%M"));
        format!("| {} | {} | {least}{allowed} | {at} | {change} |\n", cell(&one.id), who(&one.principal))
    });
    let head = "| Finding | Who | Allowed calls since | First at (UTC) | Change after the last denial (UTC) |\n\
                |---|---|--:|---|---|\n";
    let mut out = table("Resolved, and seen to work", head, rows);
    let told = report.foretold;
    if told != Predictions::default() {
        let (came, needless, open) = (grouped(told.came_true), grouped(told.needless), grouped(told.open));
        out += &format!("\nPredictions: {came} came true, {needless} were needless, {open} are open.\n");
    }
    out
}

/// Account by account, or owner by owner.
pub(super) fn split(title: &str, of: &str, sections: &[Section]) -> String {
    let busy: Vec<&Section> = sections.iter().filter(|section| section.numbers.denied > 0).collect();
    let rows = busy.iter().take(MOST).map(|section| {
        let name = section.of.as_ref().map_or_else(|| "nobody is named".to_owned(), |of| cell(of));
        let name = section.name.as_ref().map_or(name.clone(), |word| format!("{name} {}", cell(word)));
        let first = section.first.as_ref().map_or_else(|| "–".to_owned(), |first| cell(&first.id));
        let numbers = &section.numbers;
        let counts = [numbers.denied, numbers.findings, numbers.new, numbers.ready];
        let counts: String = counts.iter().map(|count| format!(" {} |", grouped(*count))).collect();
        format!("| {name} |{counts} {first} |\n")
    });
    let head = format!("| {of} | Denied | Findings | New | Ready | First |\n|---|--:|--:|--:|--:|---|\n");
    let mut out = table(title, &head, rows);
    if busy.len() > MOST {
        out += &format!("\nShowing {MOST} of {}; the JSON form holds all.\n", grouped(busy.len() as u64));
    }
    out
}

/// Rules that keep denials out of the messages; those that need a look stand first.
pub(super) fn rules(rules: &[RuleRow]) -> String {
    let day = |at: Option<jiff::Timestamp>| at.map_or_else(|| "–".to_owned(), |at| at.strftime("%F").to_string());
    let rows = rules.iter().take(MOST).map(|rule| {
        let owner = rule.owner.as_ref().map_or_else(|| "built in".to_owned(), |owner| cell(owner));
        let mark = if rule.at_most { "≤ " } else { "" };
        let (last, ends) = (day(rule.last), day(rule.expires));
        let muted = grouped(rule.muted);
        format!("| {} | {owner} | {mark}{muted} | {last} | {ends} | {} |\n", cell(&rule.id), rule_state(rule.state))
    });
    table("Muted by rule", "| Rule | Owner | Muted | Last | Ends | State |\n|---|---|--:|---|---|---|\n", rows)
}
