//! The page from its head to its charts, and its end.

use super::chart::{self, hue};
use super::html::{Html, attr, class, to};
use super::words::{self, grouped, middle, plural};
use super::{behind, card, plain_row, shown_days, table};
use crate::render::report_files::command;
use crate::report::{Before, Coverage, First, Report};
use crate::triage::Verdict;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// `9–15 Nov 2026`.
fn dates(report: &Report) -> String {
    let (since, last) = (report.period.since, report.period.last_day());
    let from = match (since.year() == last.year(), since.month() == last.month()) {
        (true, true) => since.strftime("%-d").to_string(),
        (true, false) => since.strftime("%-d %b").to_string(),
        (false, _) => since.strftime("%-d %b %Y").to_string(),
    };
    format!("{from}–{}", last.strftime("%-d %b %Y"))
}

pub(super) fn header(out: &mut Html, report: &Report) {
    out.el("header", &[class("top")], |out| {
        out.el("div", &[class("title")], |out| {
            out.line("p", &[class("brand")], "denywatch");
            out.line("h1", &[], &format!("Denied actions, {}", report.period.title()));
            out.line("p", &[class("sub")], &format!("{} · {}", dates(report), scope(report)));
        });
        out.line("button", &[attr("type", "button"), attr("id", "theme"), attr("hidden", "")], "Dark or light");
    });
    out.el("nav", &[class("jump"), attr("aria-label", "Sections")], |out| {
        let charts = report.numbers.denied > 0;
        let all = [
            ("seen", "What was seen", true),
            ("first", "Do these first", !report.first.is_empty()),
            ("charts", "Charts", charts),
            ("mended", "Mended", report.is_anything_mended()),
            ("split", "Accounts and owners", charts),
            ("findings", "Findings", !report.findings.is_empty()),
            ("rules", "Muted by rule", !report.rules.is_empty()),
            ("again", "How to reproduce", true),
        ];
        for (id, name, _) in all.iter().filter(|(_, _, is)| *is) {
            out.line("a", &[to(id)], name);
        }
    });
}

fn scope(report: &Report) -> String {
    let owner = report.scope.owner.as_ref().map(|owner| format!("findings of {}", middle(owner, 60)));
    let accounts = report.scope.accounts.iter().map(|id| middle(id, 20)).collect::<Vec<_>>();
    let accounts = (!accounts.is_empty()).then(|| match accounts.len() {
        1..=4 => format!("account {}", accounts.join(", ")),
        n => format!("{n} accounts"),
    });
    let parts: Vec<String> = owner.into_iter().chain(accounts).collect();
    if parts.is_empty() { "all accounts and owners".to_owned() } else { parts.join(" · ") }
}

pub(super) fn summary(out: &mut Html, report: &Report) {
    out.el(
        "section",
        &[attr("id", "seen"), class("seen"), attr("aria-label", "What was seen and what was not")],
        |out| {
            covered(out, &report.coverage);
        },
    );
    match report.numbers.denied {
        0 => out.line("p", &[class("card empty")], "No denied call was recorded in this period."),
        _ => numbers(out, report),
    }
    if report.numbers.undated > 0 {
        let undated = plural(report.numbers.undated, "denied call");
        out.line("p", &[class("note")], &format!("{undated} without a date (pasted text) counted in no figure here."));
    }
    if !report.first.is_empty() {
        let title = if report.first.len() == 1 { "Do this first" } else { "Do these first" };
        card(out, "first", title, |out| {
            out.el("ol", &[class("first")], |out| report.first.iter().for_each(|one| first(out, one, report)));
        });
    }
}

/// What was looked at, first of all.
fn covered(out: &mut Html, coverage: &Coverage) {
    out.el("dl", &[class("strip")], |out| {
        let mut one = |name: &str, words: String, bad: bool| {
            out.el("div", &[class(if bad { "bad" } else { "" })], |out| {
                out.line("dt", &[], name);
                out.line("dd", &[], &words);
            });
        };
        let named = coverage.accounts.len() + coverage.missing.len();
        let of = if coverage.missing.is_empty() { String::new() } else { format!(" of {named} named") };
        one("Accounts", format!("{}{of}{}", coverage.accounts.len(), few(&coverage.accounts)), false);
        if !coverage.missing.is_empty() {
            one("Nothing from", few_of(&coverage.missing), true);
        }
        one("Regions", format!("{}{}", coverage.regions.len(), few(&coverage.regions)), false);
        let records = match coverage.records {
            0 if coverage.newest.is_some() => "live denials only".to_owned(),
            n => grouped(n),
        };
        one("Records of the runs that reach into it", records, false);
        one("Not readable", grouped(coverage.unread), coverage.unread > 0);
        one("Newest", newest(coverage), coverage.newest.is_none());
        one("Undelivered", grouped(coverage.undelivered), coverage.undelivered > 0);
        one("Put aside", grouped(coverage.quarantined), coverage.quarantined > 0);
    });
    if !coverage.unseen.is_empty() {
        out.el("p", &[class("note")], |out| {
            out.line("b", &[], "Cannot be seen: ");
            out.text(&middle(&coverage.unseen.join("; "), 600));
        });
    }
}

fn newest(coverage: &Coverage) -> String {
    let lag = |seconds: i64| match seconds {
        0..60 => String::new(),
        60..5_400 => format!(", {} min before the end", seconds / 60),
        5_400..172_800 => format!(", {} h before the end", seconds / 3_600),
        _ => format!(", {} days before the end", seconds / 86_400),
    };
    coverage.newest.map_or_else(
        || "nothing was read".to_owned(),
        |at| format!("{}{}", moment(at), coverage.lag.map(lag).unwrap_or_default()),
    )
}

pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%F %H:%M UTC").to_string()
}

/// The names while they are few.
fn few(names: &[String]) -> String {
    if names.is_empty() || names.len() > 3 { String::new() } else { format!(" ({})", few_of(names)) }
}

fn few_of(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(3).map(|name| middle(name, 24)).collect();
    shown.extend(names.len().checked_sub(4).map(|n| format!("{} more", n + 1)));
    shown.join(", ")
}

fn numbers(out: &mut Html, report: &Report) {
    let numbers = &report.numbers;
    let before = |pick: fn(&Before) -> u64| report.before.as_ref().map(pick);
    let mended = match numbers.mend_hours {
        None => format!("success seen; {} quiet", grouped(numbers.quiet)),
        Some(hours) => format!("success seen, median {}; {} quiet", span(hours), grouped(numbers.quiet)),
    };
    let expected = format!("{} expected by a rule", grouped(numbers.expected));
    let all = [
        ("Denied calls", numbers.denied, expected, before(|before| before.denied)),
        ("Findings", numbers.findings, "who and which policy".to_owned(), before(|before| before.findings)),
        ("New", numbers.new, "first denied now".to_owned(), before(|before| before.new)),
        ("Recurring", numbers.recurring, "denied before too".to_owned(), before(|before| before.recurring)),
        ("Resolved", numbers.resolved, mended, before(|before| before.resolved)),
        ("Patches ready", numbers.ready, "proven, least privilege".to_owned(), None),
    ];
    out.el("dl", &[class("six")], |out| {
        for (name, count, about, before) in all {
            out.el("div", &[], |out| {
                out.line("dt", &[], name);
                out.line("dd", &[class("big")], &grouped(count));
                out.line("dd", &[], &about);
                out.line("dd", &[class("was")], &change(count, before, report.period.is_week()));
            });
        }
    });
}

/// `20 h`, `1 d 18 h`.
pub(super) fn span(hours: i64) -> String {
    match (hours / 24, hours % 24) {
        (0, 0) => "less than an hour".to_owned(),
        (0, hours) => format!("{hours} h"),
        (days, 0) => format!("{days} d"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}

/// `▲ 12 more than the week before`.
fn change(count: u64, before: Option<u64>, week: bool) -> String {
    let then = if week { "the week before" } else { "as many days before" };
    match before {
        None => format!("not known for {then}"),
        Some(before) if before == count => format!("= as {then}"),
        Some(before) if before < count => format!("▲ {} more than {then}", grouped(count - before)),
        Some(before) => format!("▼ {} fewer than {then}", grouped(before - count)),
    }
}

fn first(out: &mut Html, one: &First, report: &Report) {
    out.el("li", &[], |out| {
        out.link(&one.id);
        out.text(&format!(" {}: ", middle(&words::who(&one.principal), 90)));
        out.line("b", &[], &what(one, report.numbers.denied));
    });
}

/// What seeing to it ends.
pub(super) fn what(one: &First, total: u64) -> String {
    if one.verdict == Verdict::Probing {
        let tried =
            if one.permissions == 1 { "1 permission".to_owned() } else { format!("{} permissions", one.permissions) };
        return format!("{} ({} on {tried})", words::verdict(one.verdict), plural(one.denied, "denial"));
    }
    let share = one.denied.saturating_mul(100).checked_div(total).unwrap_or(0);
    let share = if share == 0 { "less than 1".to_owned() } else { share.to_string() };
    let verb = if one.statements == 1 { "ends" } else { "end" };
    let statements = plural(one.statements, "statement");
    let denials = format!("{}{} of {} denials", chart::up_to(one.at_most), grouped(one.denied), grouped(total));
    format!("{statements} {verb} {denials} ({share} %); {}", words::verdict(one.verdict))
}

pub(super) fn charts(out: &mut Html, report: &Report) {
    out.el("div", &[class("grid wide"), attr("id", "charts")], |out| {
        card(out, "c-days", "Denials per day, by verdict", |out| days(out, report));
        card(out, "c-weeks", "Findings by week", |out| weeks(out, report));
    });
    out.el("div", &[class("grid wide")], |out| {
        card(out, "c-principals", "Top principals", |out| principals(out, report));
        card(out, "c-layers", "Which layer said no", |out| layers(out, report));
    });
    if !report.heat.cells.is_empty() {
        card(out, "c-heat", "Principal × permission", |out| heat(out, report));
    }
}

fn legend(out: &mut Html, verdicts: &BTreeSet<Verdict>) {
    out.el("ul", &[class("legend")], |out| {
        for verdict in verdicts {
            out.el("li", &[], |out| {
                out.line("span", &[class(format!("dot {}", hue(*verdict))), attr("aria-hidden", "true")], "");
                out.text(words::verdict(*verdict));
            });
        }
    });
}

fn days(out: &mut Html, report: &Report) {
    let shown = shown_days(report);
    let verdicts = chart::seen(shown.iter().map(|day| &day.verdicts));
    chart::days(out, shown, "days");
    legend(out, &verdicts);
    if shown.iter().any(|day| !day.ended.is_empty()) {
        out.line("p", &[class("note")], "▼ A change of a policy, after which a finding had no denial any more.");
    }
    if shown.len() < report.days.len() {
        out.line("p", &[class("note")], &format!("The latest {} of {} days.", shown.len(), report.days.len()));
    }
    behind(out, |out| {
        let mut head = vec![("Day (UTC)", false), ("All", true)];
        head.extend(verdicts.iter().map(|verdict| (words::verdict_word(*verdict), true)));
        table(out, "Denials per day, by verdict", &head, |out| {
            for day in shown {
                let mut cells = vec![(day.date.strftime("%a %F").to_string(), false), (grouped(day.denied), true)];
                let count = |verdict| grouped(day.verdicts.get(verdict).copied().unwrap_or(0));
                cells.extend(verdicts.iter().map(|verdict| (count(verdict), true)));
                plain_row(out, &cells);
            }
        });
    });
}

fn weeks(out: &mut Html, report: &Report) {
    if report.weeks.len() < 2 {
        return out.line(
            "p",
            &[class("note")],
            "No denial is known from before this week, so there is nothing to compare.",
        );
    }
    chart::weeks(out, &report.weeks);
    let note = "Fell quiet: denied the week before, not in this one; silence says nothing of a cause. Resolved: its first \
                allowed call after the last denial fell into the week.";
    out.line("p", &[class("note")], note);
    behind(out, |out| {
        let names = ["Denied", "New", "Recurring", "Fell quiet", "Resolved"];
        let head: Vec<(&str, bool)> = [("Week", false)].into_iter().chain(names.map(|name| (name, true))).collect();
        table(out, "Findings by week", &head, |out| {
            for week in &report.weeks {
                let counts = [week.denied, week.new, week.recurring, week.quiet, week.resolved];
                let name = format!("{} ({})", chart::week_word(week), week.period.since);
                let cells = [(name, false)].into_iter().chain(counts.map(|count| (grouped(count), true)));
                plain_row(out, &cells.collect::<Vec<_>>());
            }
        });
    });
}

fn principals(out: &mut Html, report: &Report) {
    chart::principals(out, &report.principals);
    legend(out, &chart::seen(report.principals.iter().map(|top| &top.verdicts)));
    let all = report.principals_total;
    let shown = report.principals.len() as u64;
    let some = if shown < all { format!("{shown} of {} principals. ", grouped(all)) } else { String::new() };
    out.line("p", &[class("note")], &format!("{some}Sessions are folded into their role."));
    behind(out, |out| {
        let head = [("Principal", false), ("Account", false), ("Denied", true), ("Findings", true), ("Lead", false)];
        table(out, "Principals with the most denials", &head, |out| {
            for top in &report.principals {
                out.el("tr", &[], |out| {
                    out.line("th", &[attr("scope", "row")], &middle(&words::who(&top.principal), 80));
                    out.line("td", &[], &middle(top.principal.account.as_deref().unwrap_or("unknown"), 20));
                    out.line("td", &[class("n")], &grouped(top.denied));
                    out.line("td", &[class("n")], &grouped(top.findings));
                    out.el("td", &[], |out| out.link(&top.lead));
                });
            }
        });
    });
}

fn layers(out: &mut Html, report: &Report) {
    chart::layers(out, &report.layers);
    out.line(
        "p",
        &[class("note")],
        "In AWS's words, of each finding's most frequent item. An Allow helps only where one is missing.",
    );
    behind(out, |out| {
        table(out, "Which layer said no", &[("Layer", false), ("Denied", true)], |out| {
            for layer in &report.layers {
                let name = words::layer(layer.kind, layer.policy_type);
                plain_row(out, &[(name, false), (grouped(layer.denied), true)]);
            }
        });
    });
}

fn heat(out: &mut Html, report: &Report) {
    let heat = &report.heat;
    chart::heat(out, heat);
    let of = |shown: usize, all: u64, what: &str| match shown as u64 == all {
        true => plural(all, what),
        false => format!("{shown} of {}", plural(all, what)),
    };
    let mut note = format!(
        "{}, {}.",
        of(heat.principals.len(), heat.principals_total, "principal"),
        of(heat.actions.len(), heat.actions_total, "permission")
    );
    if heat.cells.iter().any(|cell| cell.at_most) {
        note += " ≤: at most; the ledger keeps days a finding, and a permission's count over all time.";
    }
    out.line("p", &[class("note")], &note);
    behind(out, |out| {
        let head = [("Principal", false), ("Permission", false), ("Denied", true)];
        table(out, "Who was refused which permission", &head, |out| {
            for cell in &heat.cells {
                let who = heat.principals.get(cell.principal).map(words::who).unwrap_or_default();
                let action = heat.actions.get(cell.action).cloned().unwrap_or_default();
                let count = format!("{}{}", chart::up_to(cell.at_most), grouped(cell.denied));
                plain_row(out, &[(middle(&who, 60), false), (middle(&action, 60), false), (count, true)]);
            }
        });
    });
}

pub(super) fn reproduce(out: &mut Html, report: &Report) {
    card(out, "again", "How to reproduce", |out| {
        out.el("pre", &[attr("tabindex", "0")], |out| {
            for form in ["html", "json", "csv"] {
                out.text(&(command(report, form) + "\n"));
            }
        });
        let zone = match report.time_zone.as_str() {
            "UTC" => String::new(),
            zone => format!(" Which week is over was decided in {}.", middle(zone, 40)),
        };
        let as_of = moment(report.as_of);
        let words = format!(
            "The JSON and the CSV hold every finding. Days are UTC's; the figures go up to {as_of}.{zone} A finding's denials \
             count under the verdict that it has now, in the weeks before too. CloudTrail tells most events within \
             minutes, some later: a report that is made again may hold more."
        );
        out.line("p", &[class("note")], &words);
    });
}

/// The chart of the days as a document of its own: title, legend, chart.
pub(super) fn picture(report: &Report) -> String {
    let mut out = Html::default();
    let shown = shown_days(report);
    let size = [
        attr("xmlns", "http://www.w3.org/2000/svg"),
        attr("width", "960"),
        attr("height", "420"),
        attr("font-family", "DejaVu Sans"),
    ];
    out.el("svg", &size, |out| {
        out.el("style", &[], |out| out.ours(include_str!("picture.css")));
        out.line("rect", &[attr("width", "960"), attr("height", "420"), class("paper")], "");
        let head = format!("Denied actions, {}: {} calls", report.period.title(), grouped(report.numbers.denied));
        out.line("text", &[attr("x", "32"), attr("y", "42"), class("head")], &head);
        let mut left = 32;
        for verdict in chart::seen(shown.iter().map(|day| &day.verdicts)) {
            let word = words::verdict_word(verdict);
            let place = [attr("x", left), attr("y", "60"), attr("width", "12"), attr("height", "12")];
            out.line("rect", &[&place[..], &[class(hue(verdict))]].concat(), "");
            out.line("text", &[attr("x", left + 18), attr("y", "71"), class("ax")], word);
            left += 36 + 9 * word.len();
        }
        if shown.iter().any(|day| !day.ended.is_empty()) {
            let words = "▼ after a change of a policy a finding had no denial any more";
            out.line("text", &[attr("x", left), attr("y", "71"), class("ax")], words);
        }
        let inside = [
            attr("x", "32"),
            attr("y", "92"),
            attr("width", "896"),
            attr("height", "310"),
            attr("viewBox", "0 0 640 221"),
        ];
        out.el("svg", &inside, |out| chart::days(out, shown, "days"));
    });
    out.finish()
}
