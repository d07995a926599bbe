//! Accounts, owners, and rules that mute.

use super::chart::up_to;
use super::html::{Html, attr, class, to};
use super::parts::what;
use super::words::{self, grouped, middle};
use super::{card, table};
use crate::report::{Report, RuleRow, RuleState, Section};

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
                        out.el("a", &[to(&first.id)], |out| out.code(&first.id, 24));
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
