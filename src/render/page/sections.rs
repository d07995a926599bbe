//! Accounts, owners, and rules that mute.

use super::chart::up_to;
use super::html::{Html, attr, class};
use super::parts::{moment, span, what};
use super::words::{self, grouped, middle};
use super::{card, table};
use crate::change::{Changed, Shows};
use crate::report::{Mended, Predictions, Report, RuleRow, RuleState, Section};

/// Rows of a list; the JSON holds all.
const MOST: usize = 60;

/// Account by account and owner by owner; left out where there is only one and it says nothing.
pub(super) fn split(out: &mut Html, report: &Report) {
    if report.numbers.denied == 0 {
        return;
    }
    out.el("div", &[class("grid"), attr("id", "split")], |out| {
        card(out, "accounts", "By account", |out| list(out, "Account", &report.accounts));
        card(out, "owners", "By owner", |out| {
            if report.owners.iter().all(|section| section.of.is_none()) {
                out.line(
                    "p",
                    &[class("note")],
                    "No owner is known: `[owner]` in the configuration says where to look.",
                );
            } else {
                list(out, "Owner", &report.owners);
            }
        });
    });
}

fn list(out: &mut Html, of: &'static str, sections: &[Section]) {
    let head = [(of, false), ("Denied", true), ("Findings", true), ("New", true), ("Ready", true), ("First", false)];
    let busy: Vec<&Section> = sections.iter().filter(|section| section.numbers.denied > 0).collect();
    let caption = if of == "Account" { "Denials by account" } else { "Denials by owner" };
    table(out, caption, &head, |out| {
        for section in busy.iter().take(MOST) {
            out.el("tr", &[], |out| {
                out.el("th", &[attr("scope", "row")], |out| name(out, of, section));
                let numbers = &section.numbers;
                for count in [numbers.denied, numbers.findings, numbers.new, numbers.ready] {
                    out.line("td", &[class("n")], &grouped(count));
                }
                out.el("td", &[], |out| match &section.first {
                    Some(first) => {
                        out.link(&first.id);
                        out.line("small", &[], &format!(" {}", what(first, section.numbers.denied)));
                    }
                    None => out.text("–"),
                });
            });
        }
    });
    if busy.len() > MOST {
        let all = grouped(busy.len() as u64);
        out.line("p", &[class("note")], &format!("Showing {MOST} of {all}; the JSON holds all."));
    }
}

fn name(out: &mut Html, of: &str, section: &Section) {
    match (&section.of, of) {
        (None, "Owner") => out.line("em", &[], "nobody is named"),
        (None, _) => out.line("em", &[], "unknown"),
        (Some(id), _) => out.text(&middle(id, 40)),
    }
    if let Some(name) = &section.name {
        out.line("small", &[], &format!(" {}", middle(name, 40)));
    }
}

/// Findings of which success was seen, and what became of predictions.
pub(super) fn mended(out: &mut Html, report: &Report) {
    if !report.is_anything_mended() {
        return;
    }
    card(out, "mended", "Resolved, and seen to work", |out| {
        if !report.mended.is_empty() {
            let head = [
                ("Finding", false),
                ("Who", false),
                ("Allowed calls since", true),
                ("Took", false),
                ("Change after the last denial", false),
            ];
            table(out, "Findings of which success was seen", &head, |out| {
                report.mended.iter().take(MOST).for_each(|one| mended_row(out, one));
            });
            if report.mended.len() > MOST {
                let all = grouped(report.mended.len() as u64);
                out.line("p", &[class("note")], &format!("Showing {MOST} of {all}; the JSON holds all."));
            }
            let note = "Took: from the first denial to the first allowed call. A change is named because it came first after the \
                        last denial; that it was the cause no event proves, unless its document shows it.";
            out.line("p", &[class("note")], note);
        }
        let told = report.foretold;
        if told != Predictions::default() {
            let words = format!(
                "Predictions: {} came true, {} were needless, {} are open.",
                grouped(told.came_true),
                grouped(told.needless),
                grouped(told.open)
            );
            out.line("p", &[class("note"), attr("id", "predictions")], &words);
        }
    });
}

fn mended_row(out: &mut Html, one: &Mended) {
    out.el("tr", &[], |out| {
        out.el("th", &[attr("scope", "row")], |out| out.link(&one.id));
        out.line("td", &[], &middle(&words::who(&one.principal), 70));
        out.line(
            "td",
            &[class("n")],
            &format!("{}{}", if one.at_least { "at least " } else { "" }, grouped(one.allowed)),
        );
        out.line("td", &[], &one.hours.map_or_else(|| "–".to_owned(), span));
        out.line(
            "td",
            &[],
            &one.change.as_ref().map_or_else(|| "none is known".to_owned(), |change| changed(change, 120)),
        );
    });
}

/// `iam:PutRolePolicy of role app by user ops (session x), 2026-11-13 09:12 UTC`.
pub(super) fn changed(change: &Changed, most: usize) -> String {
    let session =
        change.by.session.as_deref().map(|name| format!(" (session {})", middle(name, 40))).unwrap_or_default();
    let shows = match change.shows {
        Some(Shows::Allows) => "; its document allows it",
        Some(Shows::AllowsNot) => "; its document does not allow it",
        Some(Shows::Denies) => "; its document denies it",
        None => "",
    };
    let (name, what) = (middle(&change.change, 60), middle(&change.what, most));
    format!("{name} of {what} by {}{session}, {}{shows}", middle(&words::who(&change.by), 60), moment(change.at))
}

/// Rules that keep denials out of the messages; those that need a look stand first.
pub(super) fn rules(out: &mut Html, report: &Report) {
    if report.rules.is_empty() {
        return;
    }
    card(out, "rules", "Muted by rule", |out| {
        let head =
            [("Rule", false), ("About", false), ("Muted", true), ("Last", false), ("Ends", false), ("State", false)];
        table(out, "Rules that keep denials out of the messages", &head, |out| {
            report.rules.iter().take(MOST).for_each(|rule| one(out, rule));
        });
        if report.rules.len() > MOST {
            let all = grouped(report.rules.len() as u64);
            out.line("p", &[class("note")], &format!("Showing {MOST} of {all}; the JSON holds all."));
        }
        out.line(
            "p",
            &[class("note")],
            "A rule keeps a denial out of the messages, never out of the record nor of these figures.",
        );
    });
}

fn one(out: &mut Html, rule: &RuleRow) {
    let day = |at: Option<jiff::Timestamp>| at.map_or_else(|| "–".to_owned(), |at| at.strftime("%F").to_string());
    out.el("tr", &[], |out| {
        out.el("th", &[attr("scope", "row")], |out| {
            out.code(&rule.id, 40);
            let whose = match &rule.owner {
                Some(owner) => middle(owner, 40),
                None => "built in".to_owned(),
            };
            out.line("small", &[], &format!(" {whose}{}", if rule.snooze { ", snoozed" } else { "" }));
        });
        out.el("td", &[], |out| {
            for (key, pattern) in rule.about.iter().take(4) {
                out.text(&format!("{key} "));
                out.code(pattern, 60);
                out.text(" ");
            }
            out.line("small", &[class("block")], &middle(&rule.reason, 160));
        });
        out.line("td", &[class("n")], &format!("{}{}", up_to(rule.at_most), grouped(rule.muted)));
        out.line("td", &[], &day(rule.last));
        out.line("td", &[], &day(rule.expires));
        let look = if rule.state == RuleState::Active { "" } else { "look" };
        out.line("td", &[class(look)], words::rule_state(rule.state));
    });
}
