//! The table of findings, each with its reasons and its patch.

use super::html::{Html, anchor, attr, class};
use super::parts::moment;
use super::sections::changed;
use super::words::{self, grouped, middle, next_step, plural};
use super::{FINDINGS_MAX, chart::hue};
use crate::finding::Since;
use crate::foretold::{Foretold, Outcome};
use crate::patch::{Applicability, Patch};
use crate::render::{Format, PatchContext, alert, patch as written};
use crate::report::{Report, Row, Trend};
use std::collections::BTreeSet;

/// How much of a finding is told; what does not fit into the page is got by the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    /// The row alone.
    Row,
    /// Reasons, without the patch's text.
    Why,
    /// The patch as a policy document.
    Document,
    /// Terraform and CloudFormation too.
    Code,
    /// The script too.
    All,
}

/// What stands around the rows takes at most, besides the filters.
const FRAME_MAX: usize = 4_000;

const DEPTHS: [Depth; 4] = [Depth::All, Depth::Code, Depth::Document, Depth::Why];

/// The table within so many bytes: the most pressing findings are told whole, the others as far as there is room. How many
/// stand in it.
pub(super) fn table(out: &mut Html, report: &Report, room: usize) -> usize {
    if report.findings.is_empty() {
        return 0;
    }
    let mut form = Html::default();
    filters(&mut form, &report.findings[..report.findings.len().min(FINDINGS_MAX)]);
    let (bodies, told) = bodies(&report.findings, room.saturating_sub(FRAME_MAX + form.len()));
    let (shown, all) = (bodies.len(), report.findings.len());
    super::card(out, "findings", "Findings", |out| {
        out.line("p", &[class("count"), attr("id", "count"), attr("role", "status")], &showing(shown, all));
        out.add(form);
        let frame = [class("scroll"), attr("tabindex", "0"), attr("role", "region"), attr("aria-label", "Findings")];
        out.el("div", &frame, |out| {
            out.el("table", &[class("findings")], |out| {
                out.line("caption", &[class("unseen")], "Findings, those of the period and the most pressing first");
                head(out);
                bodies.into_iter().for_each(|body| out.add(body));
            });
        });
        if told < shown {
            let words = "The patches' texts of further findings do not fit into this page: the command beside each prints them.";
            out.line("p", &[class("note")], words);
        }
    });
    shown
}

fn showing(shown: usize, all: usize) -> String {
    match shown == all {
        true => format!("{}.", plural(all as u64, "finding")),
        false => format!("Showing {shown} of {} findings; the JSON and the CSV hold all.", grouped(all as u64)),
    }
}

/// The rows that fit, and how many of them are told whole.
fn bodies(rows: &[Row], room: usize) -> (Vec<Html>, usize) {
    let mut least: Vec<Html> = Vec::new();
    let mut left = room;
    for row in rows.iter().take(FINDINGS_MAX) {
        let body = body(row, Depth::Row);
        let Some(rest) = left.checked_sub(body.len()) else { break };
        left = rest;
        least.push(body);
    }
    let mut whole = 0;
    for (at, row) in rows.iter().enumerate().take(least.len()) {
        let had = least[at].len();
        for depth in DEPTHS {
            let body = body(row, depth);
            if let Some(rest) = (left + had).checked_sub(body.len()) {
                left = rest;
                least[at] = body;
                whole += usize::from(depth == Depth::All);
                break;
            }
        }
    }
    (least, whole)
}

fn head(out: &mut Html) {
    let all = [
        ("Finding", "id"),
        ("Severity", "severity"),
        ("Who and what", "who"),
        ("Layer", "layer"),
        ("Denied", "denied"),
        ("Last seen (UTC)", "last"),
        ("Next step", "verdict"),
    ];
    out.el("thead", &[], |out| {
        out.el("tr", &[], |out| {
            for (name, key) in all {
                out.line("th", &[attr("scope", "col"), attr("data-sort", key), class(format!("c-{key}"))], name);
            }
        });
    });
}

/// What the script makes usable; without it they are not seen.
fn filters(out: &mut Html, rows: &[Row]) {
    out.el("form", &[class("filters"), attr("id", "filters"), attr("hidden", ""), attr("role", "search")], |out| {
        out.el("label", &[], |out| {
            out.text("Search ");
            out.open("input", &[attr("type", "search"), attr("id", "q"), attr("autocomplete", "off")]);
        });
        let set = |pick: &dyn Fn(&Row) -> String| rows.iter().map(pick).collect::<BTreeSet<_>>();
        choice(out, "State", "f-trend", set(&|row| words::trend(row.trend).to_owned()));
        choice(out, "Severity", "f-severity", set(&|row| words::severity(row.severity).to_owned()));
        choice(out, "Next step", "f-verdict", set(&|row| next_step(row).to_owned()));
        choice(out, "Account", "f-account", set(&account));
        choice(out, "Owner", "f-owner", set(&owner));
    });
}

fn choice(out: &mut Html, name: &str, id: &'static str, values: BTreeSet<String>) {
    if values.len() < 2 {
        return;
    }
    out.el("label", &[], |out| {
        out.text(&format!("{name} "));
        out.el("select", &[attr("id", id)], |out| {
            out.line("option", &[attr("value", "")], "all");
            for value in values.iter().take(100) {
                out.line("option", &[attr("value", value)], value);
            }
        });
    });
}

fn account(row: &Row) -> String {
    middle(row.account_name.as_deref().or(row.account.as_deref()).unwrap_or("unknown"), 30)
}

fn owner(row: &Row) -> String {
    middle(row.owner.as_deref().unwrap_or("nobody"), 30)
}

fn body(row: &Row, depth: Depth) -> Html {
    let mut out = Html::default();
    let data = [
        attr("id", anchor(&row.id)),
        attr("data-trend", words::trend(row.trend)),
        attr("data-severity", words::severity(row.severity)),
        attr("data-rank", format!("{}{}", row.severity as u8, row.verdict as u8)),
        attr("data-verdict", next_step(row)),
        attr("data-account", account(row)),
        attr("data-owner", owner(row)),
    ];
    out.el("tbody", &data, |out| {
        out.el("tr", &[class("finding")], |out| cells(out, row));
        if depth > Depth::Row {
            out.el("tr", &[class("more")], |out| {
                out.el("td", &[attr("colspan", "7")], |out| more(out, row, depth));
            });
        }
    });
    out
}

fn cells(out: &mut Html, row: &Row) {
    out.el("th", &[attr("scope", "row"), class(format!("c-id {}", hue(row.verdict)))], |out| {
        out.code(&row.id, 24);
        out.line("small", &[class("block")], words::trend(row.trend));
    });
    let severity = words::severity(row.severity);
    out.el("td", &[class("c-severity")], |out| out.line("span", &[class(format!("pill s-{severity}"))], severity));
    out.el("td", &[class("c-who")], |out| {
        out.line("b", &[], &middle(&words::who(&row.principal), 70));
        out.el("div", &[class("what")], |out| {
            for action in row.actions.iter().take(2) {
                out.code(action, 60);
                out.text(" ");
            }
            match row.actions.len() {
                0 => out.text("permission unknown"),
                1 | 2 => {}
                n => out.line("small", &[], &format!("and {} more", n - 2)),
            }
        });
        if let Some(resource) = row.resources.first() {
            let more = row.resources.len().checked_sub(2).map(|n| format!(" and {} more", n + 1)).unwrap_or_default();
            out.line("small", &[class("block")], &format!("{}{more}", middle(resource, 90)));
        }
        out.line("small", &[class("block")], &format!("{} · {}", account(row), owner_words(row)));
        out.el("small", &[], |out| narrow(out, row));
    });
    out.line("td", &[class("c-layer")], &words::layer(row.layer.kind, row.layer.policy_type));
    out.line("td", &[class("c-denied n")], &grouped(row.denied));
    out.line("td", &[class("c-last")], &last(row));
    out.el("td", &[class("c-verdict")], |out| {
        out.text(next_step(row));
        if row.trend != Trend::Resolved && row.patch == Some(Applicability::Apply) {
            out.line("small", &[class("block good")], "proven");
        }
    });
}

/// What stands in columns where there is room for them.
fn narrow(out: &mut Html, row: &Row) {
    let layer = words::layer(row.layer.kind, row.layer.policy_type);
    let words = format!("{} · {layer} · {} · ", words::severity(row.severity), next_step(row));
    out.line("span", &[class("narrow")], &words);
    out.line("span", &[class("medium")], &format!("last seen {}", last(row)));
}

/// When it was denied last, UTC.
fn last(row: &Row) -> String {
    row.last_seen.map_or_else(|| "–".to_owned(), |at| at.strftime("%F %H:%M").to_string())
}

fn owner_words(row: &Row) -> String {
    if row.owner.is_some() { format!("owner {}", owner(row)) } else { "no owner named".to_owned() }
}

fn more(out: &mut Html, row: &Row, depth: Depth) {
    let patch = if row.patches.is_empty() { "Why, and what to do" } else { "Why, and the patch" };
    out.el("details", &[], |out| {
        out.line("summary", &[attr("aria-label", format!("{patch}: {}", middle(&row.id, 24)))], patch);
        out.el("p", &[class("lead")], |out| out.prose(&middle(&row.summary, 500)));
        facts(out, row);
        if row.patches.is_empty() {
            out.el("p", &[], |out| {
                out.line("b", &[], "No patch: ");
                out.text(alert::instead_of(row.verdict));
            });
        }
        row.patches.iter().take(3).enumerate().for_each(|(n, patch)| one_patch(out, row, (n, patch), depth));
    });
}

fn facts(out: &mut Html, row: &Row) {
    out.el("dl", &[class("facts")], |out| {
        let mut one = |name: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                out.line("dt", &[], name);
                lines.iter().for_each(|line| out.el("dd", &[], |out| out.prose(line)));
            }
        };
        let times = |row: &Row| {
            let (first, last) = (row.first_seen?, row.last_seen?);
            Some(format!("{} to {}, {} in all", moment(first), moment(last), plural(row.count, "denial")))
        };
        one("Seen", times(row).into_iter().collect());
        one("Last worked", row.allowed_before.iter().map(|at| moment(*at)).collect());
        one("Since then", row.allowed_since.iter().map(allowed).collect());
        one("Change before", row.changes.before.iter().map(|change| changed(change, 160)).collect());
        one("Change after", row.changes.after.iter().map(|change| changed(change, 160)).collect());
        one("Foretold", few(&row.foretold, 6, foretold));
        one("Denied", few(&row.items, 12, item_words));
        one("Evidence", few(&row.evidence, 8, |line| middle(line, 400)));
        one("Not looked at", few(&row.unchecked, 10, |line| middle(line, 200)));
        let events: BTreeSet<&String> = row.items.iter().flat_map(|item| &item.events).collect();
        let events: Vec<String> = events.into_iter().take(5).map(|id| middle(id, 60)).collect();
        one("Event ids", if events.is_empty() { events } else { vec![events.join(", ")] });
    });
}

fn allowed(since: &Since) -> String {
    let least = if since.at_least { "at least " } else { "" };
    format!("{least}{} allowed, the first at {}", plural(since.count, "call"), moment(since.first))
}

fn foretold(one: &Foretold) -> String {
    let at = one.at.map(|at| format!(", {}", moment(at))).unwrap_or_default();
    let word = match one.outcome {
        Outcome::CameTrue => "came true",
        Outcome::Needless => "needless: used without a refusal",
        Outcome::Open => "open",
    };
    format!("{}: {word}{at}", middle(&one.action, 80))
}

fn item_words(item: &crate::report::RowItem) -> String {
    let action = item.action.as_deref().unwrap_or("permission unknown");
    let resource = item.resource.as_deref().map(|name| format!(" on {}", middle(name, 200))).unwrap_or_default();
    let operations: Vec<&str> =
        item.operations.iter().map(String::as_str).filter(|name| *name != action).take(3).collect();
    let calls = if operations.is_empty() { String::new() } else { format!(" (call {})", operations.join(", ")) };
    let muted = item.muted_by.as_ref().map(|rule| format!(", muted by {}", middle(rule, 40))).unwrap_or_default();
    format!("{}{resource}: {}{}{muted}", middle(action, 80), alert::times(item.count), middle(&calls, 160))
}

/// The first of a list, and how many more there are.
fn few<T>(all: &[T], most: usize, words: impl Fn(&T) -> String) -> Vec<String> {
    let more = all.len().checked_sub(most + 1).map(|n| format!("and {} more", n + 1));
    all.iter().take(most).map(words).chain(more).collect()
}

fn one_patch(out: &mut Html, row: &Row, (n, patch): (usize, &Patch), depth: Depth) {
    out.el("div", &[class("patch")], |out| {
        out.el("h3", &[], |out| {
            out.text(&format!("Patch for the {} ", middle(&words::place(&patch.target, &row.principal), 120)));
            let grade = if patch.applicability == Applicability::Apply { "pill good" } else { "pill look" };
            out.line("span", &[class(grade)], words::grade(patch.applicability));
        });
        out.el("dl", &[class("facts")], |out| {
            let mut one = |name: &str, lines: Vec<String>| {
                if !lines.is_empty() {
                    out.line("dt", &[], name);
                    lines.iter().for_each(|line| out.el("dd", &[], |out| out.prose(line)));
                }
            };
            one("Risk", vec![alert::risk(patch)]);
            one("Proof", alert::proof(patch).iter().map(|words| middle(words, 500)).collect());
            one("To settle first", few(&patch.doubts, 6, |line| middle(line, 300)));
            one(
                "Widened",
                few(&patch.widened, 4, |one| {
                    format!("{} instead of {} ({})", middle(&one.to, 160), middle(&one.from, 160), one.rule)
                }),
            );
            one(
                "Predicted next",
                few(&patch.companions, 5, |one| {
                    format!("{}: {} (not in the patch)", middle(&one.actions.join(", "), 120), middle(&one.why, 200))
                }),
            );
        });
        forms(out, row, (n, patch), depth);
    });
}

fn forms(out: &mut Html, row: &Row, (n, patch): (usize, &Patch), depth: Depth) {
    const FORMS: [(Format, Depth, &str); 4] = [
        (Format::Json, Depth::Document, "json"),
        (Format::Hcl, Depth::Code, "hcl"),
        (Format::Cfn, Depth::Code, "cfn"),
        (Format::Cli, Depth::All, "cli"),
    ];
    let context = PatchContext {
        finding: Some(row.id.clone()),
        account: row.account.clone(),
        principal: Some(row.principal.clone()),
        ..PatchContext::default()
    };
    let group = format!("{}-{n}", anchor(&row.id));
    for (format, least, word) in FORMS {
        out.el("details", &[class("form"), attr("name", &group)], |out| {
            out.line("summary", &[], &format.to_string());
            let target = if row.patches.len() < 2 { String::new() } else { format!(" --target {}", n + 1) };
            let command = || format!("denywatch patch {} --format {word}{target}", middle(&anchor(&row.id), 24));
            match (depth >= least, written(patch, &context, format)) {
                (true, Ok(text)) => {
                    let name = format!("{format} of {}", middle(&row.id, 24));
                    out.line("pre", &[attr("tabindex", "0"), attr("aria-label", name)], &text);
                }
                (false, Ok(_)) => out.line("pre", &[attr("tabindex", "0")], &command()),
                (_, Err(error)) => {
                    out.line("p", &[class("note")], &format!("Not written: {}", middle(&error.to_string(), 300)))
                }
            }
        });
    }
}
