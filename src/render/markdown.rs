//! A report as Markdown (GitHub's flavour) or JSON.
//!
//! Names stand in code spans, words are escaped, so that nothing in an event makes a link, a mention, a heading or a
//! new cell.

mod sections;

use super::escape::{markdown_cell, markdown_code, markdown_text};
use super::report_files::command;
use super::words::{self, grouped, middle, plural};
use crate::patch::Applicability;
use crate::report::{Before, Coverage, Day, First, Layer, Numbers, Report, Row, Scope, Trend};
use crate::triage::Verdict;
use std::collections::BTreeSet;

/// The most findings in the table; the JSON holds all.
pub const FINDINGS_MAX: usize = 200;

/// The report as Markdown; a period without denials is said in one line.
///
/// ```
/// use denywatch::{render::markdown, report::{Facts, Period, Report, Scope}};
/// let week = Period::week_of(jiff::civil::date(2026, 11, 11));
/// let text = markdown::report(&Report::build(&Facts::of(&[]), week, &Scope::default()));
/// assert!(text.starts_with("# Denied actions, week 46 of 2026\n"));
/// assert!(text.contains("No denied call was recorded in this period."));
/// ```
pub fn report(report: &Report) -> String {
    let mut out = format!("# Denied actions, {}\n\n", report.period.title());
    out += &format!("{} to {}, days in UTC", report.period.since, report.period.last_day());
    out += &format!("{}.\n\n", scope(&report.scope));
    out += &covered(&report.coverage);
    if report.numbers.denied == 0 {
        out += "No denied call was recorded in this period.\n";
    } else {
        out += &denials(report);
    }
    if report.numbers.undated > 0 {
        let undated = plural(report.numbers.undated, "denied call");
        out += &format!("\n{undated} without a date (pasted text) counted in no figure above.\n");
    }
    out += &sections::mended(report);
    out += &findings(&report.findings);
    out += &sections::rules(&report.rules);
    out += &format!("\nMade by {}.\n", markdown_code(&command(report, "md")));
    out
}

/// The report as JSON, with every finding.
///
/// # Errors
///
/// None is known: all keys of the report are text. The serializer's own error is passed on all the same.
pub fn report_json(report: &Report) -> serde_json::Result<String> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}

fn denials(report: &Report) -> String {
    let mut out = numbers(&report.numbers, report.before.as_ref());
    out += &first(&report.first, report.numbers.denied);
    out += &days(&report.days);
    out += &sections::weeks(&report.weeks);
    out += &trends(&report.findings);
    let principals = report.principals.iter().map(|top| {
        let account = top.principal.account.as_deref().map_or_else(|| "–".to_owned(), cell);
        format!("| {} | {account} | {} | {} |\n", who(&top.principal), grouped(top.denied), top.findings)
    });
    out += &table("Top principals", "| Principal | Account | Denied | Findings |\n|---|---|--:|--:|\n", principals);
    out += &layers(&report.layers);
    out += &sections::heat(&report.heat);
    out += &sections::split("By account", "Account", &report.accounts);
    if report.owners.iter().any(|section| section.of.is_some()) {
        out += &sections::split("By owner", "Owner", &report.owners);
    }
    out
}

/// `; only findings of x, account y`.
fn scope(scope: &Scope) -> String {
    let owner = scope.owner.iter().map(|owner| format!("findings of {}", markdown_code(&middle(owner, 60))));
    let accounts = scope.accounts.iter().take(5).map(|id| format!("account {}", markdown_code(&middle(id, 20))));
    let all: Vec<String> = owner.chain(accounts).collect();
    if all.is_empty() { String::new() } else { format!("; only {}", all.join(", ")) }
}

/// What was looked at, first of all.
fn covered(coverage: &Coverage) -> String {
    let newest = coverage.newest.map_or_else(|| "none".to_owned(), |at| at.strftime("%F %H:%M UTC").to_string());
    let mut out = format!(
        "**Looked at**: accounts {} · Regions {} · records of the runs that reach into it {} · not readable {} · newest record {newest}\n\n",
        listed(&coverage.accounts),
        listed(&coverage.regions),
        grouped(coverage.records),
        grouped(coverage.unread),
    );
    let held = [(coverage.undelivered, "message not delivered"), (coverage.quarantined, "input put aside")];
    for (count, what) in held.iter().filter(|(count, _)| *count > 0) {
        let word = if *count == 1 {
            (*what).to_owned()
        } else {
            what.replace("message", "messages").replace("input", "inputs")
        };
        out += &format!("**{} {word}**\n\n", grouped(*count));
    }
    if !coverage.missing.is_empty() {
        out += &format!("**Nothing was read of**: {}\n\n", listed(&coverage.missing));
    }
    if !coverage.unseen.is_empty() {
        out += &format!("**Cannot be seen**: {}\n\n", markdown_text(&coverage.unseen.join("; ")));
    }
    out
}

/// Their number, and their names while they are few.
fn listed(names: &[String]) -> String {
    let few: Vec<String> = names.iter().map(|name| markdown_code(&middle(name, 40))).collect();
    match names.len() {
        0 => "0".to_owned(),
        n @ 1..=6 => format!("{n} ({})", few.join(", ")),
        n => n.to_string(),
    }
}

fn numbers(numbers: &Numbers, before: Option<&Before>) -> String {
    let expected =
        if numbers.expected > 0 { format!(" ({} expected)", grouped(numbers.expected)) } else { String::new() };
    let resolved = if numbers.resolved > 0 { format!(" (and {} resolved)", numbers.resolved) } else { String::new() };
    let then = before.map_or_else(String::new, |then| {
        format!(
            "| *before: {}* | *{}* | *{}* | *{}* | *{}* |  |\n",
            grouped(then.denied),
            then.findings,
            then.new,
            then.recurring,
            then.quiet
        )
    });
    format!(
        "| Denied calls | Findings | New | Recurring | Quiet | Patches ready |\n|--:|--:|--:|--:|--:|--:|\n\
         | {}{expected} | {} | {} | {} | {}{resolved} | {} |\n{then}",
        grouped(numbers.denied),
        numbers.findings,
        numbers.new,
        numbers.recurring,
        numbers.quiet,
        numbers.ready,
    )
}

fn first(first: &[First], total: u64) -> String {
    let lines = first.iter().enumerate().map(|(n, one)| {
        let what = match one.verdict {
            Verdict::Probing => format!("{} ({})", words::verdict(one.verdict), plural(one.denied, "denial")),
            _ => ends(one, total),
        };
        format!("{}. {} {}: {what}\n", n + 1, cell(&one.id), who(&one.principal))
    });
    table(if first.len() == 1 { "Do this first" } else { "Do these first" }, "", lines)
}

fn ends(one: &First, total: u64) -> String {
    let bound = if one.at_most { "up to " } else { "" };
    let share = one.denied.saturating_mul(100).checked_div(total).unwrap_or(0);
    let verb = if one.statements == 1 { "ends" } else { "end" };
    let statements = plural(one.statements, "statement");
    let word = words::verdict(one.verdict);
    format!("{statements} {verb} {bound}{} of {} denials ({share} %); {word}", grouped(one.denied), grouped(total))
}

fn days(days: &[Day]) -> String {
    let seen: BTreeSet<Verdict> = days.iter().flat_map(|day| day.verdicts.keys().copied()).collect();
    let titles: String = seen.iter().map(|verdict| format!(" {} |", words::verdict_word(*verdict))).collect();
    let head = format!("| Day | All |{titles}\n|---|--:|{}\n", "--:|".repeat(seen.len()));
    let rows = days.iter().map(|day| {
        let counts = seen
            .iter()
            .map(|verdict| format!(" {} |", day.verdicts.get(verdict).copied().map_or("".to_owned(), grouped)));
        format!("| {} | {} |{}\n", day.date.strftime("%a %F"), grouped(day.denied), counts.collect::<String>())
    });
    table("Denials per day, by verdict", &head, rows)
}

fn trends(rows: &[Row]) -> String {
    let lines = [Trend::New, Trend::Recurring, Trend::Quiet, Trend::Resolved].into_iter().filter_map(|trend| {
        let ids: Vec<String> = rows.iter().filter(|row| row.trend == trend).map(|row| cell(&row.id)).collect();
        let more = if ids.len() > 20 { format!(" and {} more", ids.len() - 20) } else { String::new() };
        let ids: Vec<String> = ids.into_iter().take(20).collect();
        (!ids.is_empty()).then(|| format!("- {}: {}{more}\n", trend_words(trend), ids.join(", ")))
    });
    table("New, recurring, quiet", "", lines)
}

fn trend_words(trend: Trend) -> &'static str {
    match trend {
        Trend::New => "new",
        Trend::Recurring => "recurring",
        Trend::Quiet => "quiet (no denial in the period; no success seen either)",
        Trend::Resolved => "resolved (an allowed call was seen)",
        Trend::Undated => "undated",
    }
}

fn layers(layers: &[Layer]) -> String {
    let rows =
        layers.iter().map(|one| format!("| {} | {} |\n", words::layer(one.kind, one.policy_type), grouped(one.denied)));
    table("Which layer said no", "| Layer | Denied |\n|---|--:|\n", rows)
}

fn findings(rows: &[Row]) -> String {
    let head = "| Id | State | Severity | Principal | Permissions | Resource | Denied | Last seen (UTC) | Verdict |\n\
                |---|---|---|---|---|---|--:|---|---|\n";
    let mut out = table("Findings", head, rows.iter().take(FINDINGS_MAX).map(row));
    if rows.len() > FINDINGS_MAX {
        out += &format!("\nShowing {FINDINGS_MAX} of {}; the JSON form holds all.\n", grouped(rows.len() as u64));
    }
    out
}

fn row(row: &Row) -> String {
    let last = row.last_seen.map_or_else(|| "–".to_owned(), |at| at.strftime("%F %H:%M").to_string());
    let state = words::trend(row.trend);
    let is_open = row.trend != Trend::Resolved;
    let proven = if is_open && row.patch == Some(Applicability::Apply) { ", proven" } else { "" };
    format!(
        "| {} | {state} | {} | {} | {} | {} | {} | {last} | {}{proven} |\n",
        cell(&row.id),
        words::severity(row.severity),
        who(&row.principal),
        few(&row.actions),
        few(&row.resources),
        grouped(row.denied),
        words::next_step(row),
    )
}

/// The first two, and how many more.
fn few(names: &[String]) -> String {
    let mut parts: Vec<String> = names.iter().take(2).map(|name| cell(name)).collect();
    parts.extend(names.len().checked_sub(3).map(|n| format!("and {} more", n + 1)));
    if parts.is_empty() { "unknown".to_owned() } else { parts.join(", ") }
}

fn who(principal: &crate::principal::Principal) -> String {
    words::who_with(principal, cell)
}

fn cell(text: &str) -> String {
    markdown_cell(&middle(text, 90))
}

/// A heading and lines; nothing without lines.
fn table(title: &str, head: &str, lines: impl Iterator<Item = String>) -> String {
    let body: String = lines.collect();
    if body.is_empty() { body } else { format!("\n## {title}\n\n{head}{body}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Facts, Period, Scope, sample};
    use jiff::civil::date;
    use proptest::prelude::*;

    fn week() -> Period {
        Period::week_of(date(2026, 11, 11))
    }

    fn of(all: &[crate::advice::Advice], coverage: &Coverage, period: Period) -> Report {
        Report::build(&Facts { coverage: coverage.clone(), ..Facts::of(all) }, period, &Scope::default())
    }

    #[test]
    fn one_week() {
        let all = [sample::pipeline(), sample::upload(), sample::probing(), sample::upheld()];
        let coverage = Coverage {
            accounts: vec!["111122223333".to_owned()],
            regions: vec!["us-east-2".to_owned()],
            records: 2_900,
            unread: 2,
            newest: "2026-11-15T23:59:00Z".parse().ok(),
            unseen: vec!["S3 object calls without data events".to_owned()],
            ..Coverage::default()
        };
        assert_eq!(report(&of(&all, &coverage, week())), include_str!("expected/report.md"));
    }

    #[test]
    fn a_quiet_week_still_lists_what_is_known() {
        let text = report(&of(&[sample::pipeline()], &Coverage::default(), Period::week_of(date(2026, 11, 18))));
        assert!(text.contains("No denied call was recorded in this period.\n"), "{text}");
        assert!(text.contains("| `D-7F3AQ2ZK4M` | quiet |"), "{text}");
        assert!(!text.contains("## Denials per day"), "{text}");
    }

    #[test]
    fn the_table_has_an_end() {
        let mut all = vec![sample::pipeline(); FINDINGS_MAX + 1];
        all.iter_mut().enumerate().for_each(|(n, advice)| advice.id = format!("D-{n}"));
        let text = report(&of(&all, &Coverage::default(), week()));
        assert!(text.contains("Showing 200 of 201; the JSON form holds all."));
    }

    #[test]
    fn json_reads_back() {
        let text = report_json(&of(&[sample::pipeline()], &Coverage::default(), week())).expect("JSON");
        let back: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((&back["numbers"]["denied"], &back["days"][2]["verdicts"]["patch"]), (&14.into(), &14.into()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_stranger_adds_a_cell_or_a_mention(advice in sample::any_advice(), name in sample::hostile()) {
            let coverage = Coverage { unseen: vec![name.clone()], accounts: vec![name], ..Coverage::default() };
            let text = report(&of(&[advice], &coverage, week()));
            for line in text.lines() {
                prop_assert!(!line.chars().any(super::super::escape::is_unseen), "{:?}", line);
                if line.starts_with('|') {
                    let bars = line.replace("\\|", "").matches('|').count();
                    prop_assert!([3, 4, 5, 6, 7, 10].contains(&bars), "{}", line);
                }
            }
            let words: String = text.lines().filter(|line| line.starts_with("**Cannot")).collect();
            prop_assert!(!words.contains('@') && !words.contains('<'), "{}", words);
        }
    }
}
