//! Charts as inline SVG: across they are measured in shares of their width, so that letters keep their size on a telephone.
//!
//! Each has a title and a description, and the table of its numbers stands behind it.

use super::html::{Attr, Html, attr, class};
use super::words::{self, grouped, middle};
use crate::report::{Day, Heat, Layer, Top, Week};
use crate::triage::Verdict;
use std::collections::{BTreeMap, BTreeSet};

/// Share of the width that is kept for the numbers at the left.
const LEFT: f64 = 8.0;
/// The axis of a chart, from the top.
const BASE: f64 = 190.0;
const TOP: f64 = 22.0;
/// Bars that can still be told apart.
pub(super) const DAYS_MAX: usize = 400;

/// A share of the width.
fn share(value: f64) -> String {
    format!("{:.2}%", value)
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// The picture's frame; `name` is unique in the page.
fn frame(out: &mut Html, name: &str, height: f64, title: &str, about: &str, inside: impl FnOnce(&mut Html)) {
    let ids = format!("{name}-title {name}-about");
    let size = [attr("width", "100%"), attr("height", px(height))];
    let own = [attr("role", "img"), attr("aria-labelledby", ids), attr("id", name)];
    out.el("svg", &[&size[..], &own].concat(), |out| {
        out.line("title", &[attr("id", format!("{name}-title"))], title);
        out.line("desc", &[attr("id", format!("{name}-about"))], about);
        inside(out);
    });
}

fn text(out: &mut Html, x: &str, y: f64, more: &[Attr], words: &str) {
    out.line("text", &[&[attr("x", x), attr("y", px(y))], more].concat(), words);
}

/// The next round number: 1, 2, 5 times a power of ten, or 4 of the ticks below it.
fn round_up(most: u64) -> u64 {
    let mut step = 1u64;
    loop {
        for times in [1, 2, 4, 5, 8] {
            let reached = step.saturating_mul(times);
            if reached >= most.max(1) {
                return reached;
            }
        }
        if step > u64::MAX / 10 {
            return most;
        }
        step *= 10;
    }
}

fn grid(out: &mut Html, most: u64) {
    let ticks: BTreeSet<u64> = [0, most / 4, most / 2, most / 4 * 3, most].into();
    for tick in ticks.into_iter().filter(|tick| most.is_multiple_of(4) || [0, most / 2, most].contains(tick)) {
        let y = height(tick, most);
        out.line(
            "line",
            &[attr("x1", "0"), attr("x2", "100%"), attr("y1", px(y)), attr("y2", px(y)), class("grid")],
            "",
        );
        text(out, "0", y - 3.0, &[class("ax")], &short(tick));
    }
}

fn height(value: u64, most: u64) -> f64 {
    BASE - (BASE - TOP) * value as f64 / most.max(1) as f64
}

/// `12`, `4.1k`, `2.0M`.
pub(super) fn short(number: u64) -> String {
    match number {
        0..=9_999 => grouped(number),
        10_000..=999_999 => format!("{}k", number / 1_000),
        _ => format!("{:.1}M", number as f64 / 1e6),
    }
}

/// Denials a day, one bar a day, piled by verdict.
pub(super) fn days(out: &mut Html, days: &[Day], name: &str) {
    let shown = &days[days.len().saturating_sub(DAYS_MAX)..];
    let most = round_up(shown.iter().map(|day| day.denied).max().unwrap_or(0));
    let about = "One bar a day, piled by the verdict that its findings have now.";
    frame(out, name, 214.0, "Denials per day, by verdict", about, |out| {
        grid(out, most);
        let slot = (100.0 - LEFT) / shown.len().max(1) as f64;
        let each = shown.len().div_ceil(7).max(1);
        for (at, day) in shown.iter().enumerate() {
            let left = LEFT + slot * at as f64;
            pile(out, (left + slot * 0.14, slot * 0.72), day, most);
            let middle = share(left + slot / 2.0);
            if shown.len() <= 14 && day.denied > 0 {
                let label = [class("lb"), attr("text-anchor", "middle")];
                text(out, &middle, height(day.denied, most) - 5.0, &label, &short(day.denied));
            }
            if !day.ended.is_empty() {
                let told =
                    format!("{}: after a change of a policy no denial any more of {}", day.date, day.ended.join(", "));
                let mark = [attr("x", &middle), attr("y", px(12.0)), class("mark"), attr("text-anchor", "middle")];
                out.el("text", &mark, |out| {
                    out.line("title", &[], &words::middle(&told, 300));
                    out.text("▼");
                });
            }
            if at % each == 0 {
                let words = if shown.len() <= 7 { "%a %-d" } else { "%-d %b" };
                let label = [class("ax"), attr("text-anchor", "middle")];
                text(out, &middle, BASE + 16.0, &label, &day.date.strftime(words).to_string());
            }
        }
    });
}

fn pile(out: &mut Html, (left, width): (f64, f64), day: &Day, most: u64) {
    let mut below = 0u64;
    for (verdict, count) in day.verdicts.iter().filter(|(_, count)| **count > 0) {
        let foot = height(below, most);
        below = below.saturating_add(*count);
        // The least count is still seen.
        let tall = (foot - height(below, most)).max(1.5);
        let place =
            [attr("x", share(left)), attr("width", share(width)), attr("y", px(foot - tall)), attr("height", px(tall))];
        let told = format!("{}: {} {}", day.date.strftime("%a %-d %b"), grouped(*count), words::verdict(*verdict));
        out.el("rect", &[&place[..], &[class(hue(*verdict))]].concat(), |out| out.line("title", &[], &told));
    }
}

/// The class that colours a verdict.
pub(super) fn hue(verdict: Verdict) -> String {
    format!("v-{}", words::verdict_word(verdict))
}

/// The verdicts that stand in some counts.
pub(super) fn seen<'a>(counts: impl Iterator<Item = &'a BTreeMap<Verdict, u64>>) -> BTreeSet<Verdict> {
    counts.flat_map(|counts| counts.iter().filter(|(_, count)| **count > 0).map(|(verdict, _)| *verdict)).collect()
}

/// One of a week's counts.
type Count = fn(&Week) -> u64;

/// How findings stood week by week.
pub(super) fn weeks(out: &mut Html, weeks: &[Week]) {
    let lines: [(&str, Count); 4] = [
        ("new", |week| week.new),
        ("recurring", |week| week.recurring),
        ("fell quiet", |week| week.quiet),
        ("resolved", |week| week.resolved),
    ];
    let most = round_up(lines.iter().flat_map(|(_, of)| weeks.iter().map(of)).max().unwrap_or(0));
    let about =
        "Four lines over at most eight weeks: findings that were new, denied again, fell quiet, or were resolved.";
    frame(out, "weeks", 214.0, "New, recurring, quiet and resolved findings by week", about, |out| {
        grid(out, most);
        let step = 54.0 / (weeks.len().max(2) - 1) as f64;
        let x = |at: usize| 12.0 + step * at as f64;
        for (at, week) in weeks.iter().enumerate() {
            if weeks.len() < 5 || (weeks.len() - 1 - at).is_multiple_of(2) {
                let label = [class("ax"), attr("text-anchor", "middle")];
                text(out, &share(x(at)), BASE + 16.0, &label, &week_word(week));
            }
        }
        let ends = apart(lines.map(|(_, of)| height(weeks.last().map_or(0, of), most)));
        for (n, (name, of)) in lines.iter().enumerate() {
            line(
                out,
                n,
                weeks,
                |at| (x(at), height(of(&weeks[at]), most)),
                |at| format!("{}: {} {name}", week_word(&weeks[at]), grouped(of(&weeks[at]))),
            );
            let label = [class(format!("lb t{n}"))];
            let last = weeks.last().map_or(0, of);
            text(out, &share(69.0), ends[n] + 4.0, &label, &format!("{name} {}", short(last)));
        }
    });
}

/// `W46`, or the first day where it is no ISO week.
pub(super) fn week_word(week: &Week) -> String {
    match week.period.is_week() {
        true => format!("W{:02}", week.period.since.iso_week_date().week()),
        false => week.period.since.strftime("%-d %b").to_string(),
    }
}

fn line(out: &mut Html, n: usize, weeks: &[Week], at: impl Fn(usize) -> (f64, f64), told: impl Fn(usize) -> String) {
    for to in 1..weeks.len() {
        let ((x1, y1), (x2, y2)) = (at(to - 1), at(to));
        let ends = [attr("x1", share(x1)), attr("y1", px(y1)), attr("x2", share(x2)), attr("y2", px(y2))];
        out.line("line", &[&ends[..], &[class(format!("t t{n}"))]].concat(), "");
    }
    for to in 0..weeks.len() {
        let (x, y) = at(to);
        let spot = [attr("cx", share(x)), attr("cy", px(y)), attr("r", "3.5"), class(format!("t t{n}"))];
        out.el("circle", &spot, |out| out.line("title", &[], &told(to)));
    }
}

/// Labels that would lie on each other, moved apart; each keeps its place in the list.
fn apart(wanted: [f64; 4]) -> [f64; 4] {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut places = wanted;
    let mut above = f64::MIN;
    for at in order.iter().copied() {
        places[at] = wanted[at].max(above + 14.0);
        above = places[at];
    }
    let mut below = BASE + 2.0;
    for at in order.into_iter().rev() {
        places[at] = places[at].min(below);
        below = places[at] - 14.0;
    }
    places
}

/// One bar a principal, in parts by verdict.
pub(super) fn principals(out: &mut Html, tops: &[Top]) {
    let about = "One bar a principal, in parts by the verdict of its findings; all sessions of a role count together.";
    let most = tops.iter().map(|top| top.denied).max().unwrap_or(0);
    frame(out, "principals", 38.0 * tops.len() as f64 + 4.0, "Principals with the most denials", about, |out| {
        for (n, top) in tops.iter().enumerate() {
            let parts: Vec<(String, u64, String)> = top
                .verdicts
                .iter()
                .map(|(verdict, count)| {
                    (hue(*verdict), *count, format!("{} {}", grouped(*count), words::verdict(*verdict)))
                })
                .collect();
            let account =
                top.principal.account.as_deref().map(|id| format!(" · {}", middle(id, 14))).unwrap_or_default();
            row(out, n, &format!("{}{account}", middle(&words::who(&top.principal), 26)), &parts, (top.denied, most));
        }
    });
}

/// One bar a layer.
pub(super) fn layers(out: &mut Html, layers: &[Layer]) {
    let most = layers.iter().map(|layer| layer.denied).max().unwrap_or(0);
    let shown = &layers[..layers.len().min(10)];
    let about = "One bar a layer, in AWS's words.";
    frame(out, "layers", 38.0 * shown.len() as f64 + 4.0, "Which layer said no", about, |out| {
        for (n, layer) in shown.iter().enumerate() {
            let name = words::layer(layer.kind, layer.policy_type);
            row(out, n, &name, &[("layer".to_owned(), layer.denied, name.clone())], (layer.denied, most));
        }
    });
}

fn row(out: &mut Html, n: usize, name: &str, parts: &[(String, u64, String)], (sum, most): (u64, u64)) {
    let y = 38.0 * n as f64;
    text(out, "0", y + 13.0, &[class("nm")], name);
    let width = |count: u64| 78.0 * count as f64 / most.max(1) as f64;
    let mut left = 0.0;
    for (class_name, count, told) in parts {
        let wide = width(*count).max(0.4);
        let place = [attr("x", share(left)), attr("y", px(y + 18.0)), attr("width", share(wide)), attr("height", "12")];
        out.el("rect", &[&place[..], &[class(class_name)]].concat(), |out| out.line("title", &[], told));
        left += wide;
    }
    text(out, &share(left + 1.0), y + 28.0, &[class("lb")], &grouped(sum));
}

/// Principals down, permissions across.
pub(super) fn heat(out: &mut Html, heat: &Heat) {
    const HEAD: f64 = 176.0;
    const ROW: f64 = 42.0;
    let most = heat.cells.iter().map(|cell| cell.denied).max().unwrap_or(0);
    let slot = 100.0 / heat.actions.len().max(1) as f64;
    let tall = HEAD + ROW * heat.principals.len() as f64;
    let about = "A row a principal, a column a permission; the darker the cell, the more denials.";
    frame(out, "heat", tall, "Who was refused which permission", about, |out| {
        for (n, action) in heat.actions.iter().enumerate() {
            let place = [attr("x", share(slot * (n as f64 + 0.5))), attr("y", px(HEAD - 4.0)), class("turn")];
            out.el("svg", &place, |out| {
                out.line(
                    "text",
                    &[attr("transform", "rotate(-90)"), class("ax"), attr("dy", "4")],
                    &middle(action, 30),
                );
            });
        }
        for (n, who) in heat.principals.iter().enumerate() {
            let y = HEAD + ROW * n as f64;
            text(out, "0", y + 12.0, &[class("nm")], &middle(&words::who(who), 38));
            let wide = [attr("x", "0"), attr("width", "100%"), attr("y", px(y + 16.0)), attr("height", "22")];
            out.line("rect", &[&wide[..], &[class("h0")]].concat(), "");
            for cell in heat.cells.iter().filter(|cell| cell.principal == n) {
                let (about, up_to) = (heat.actions.get(cell.action).map_or("", String::as_str), up_to(cell.at_most));
                let place = [
                    attr("x", share(slot * cell.action as f64 + 0.2)),
                    attr("width", share(slot - 0.4)),
                    attr("y", px(y + 16.0)),
                    attr("height", "22"),
                    attr("rx", "2"),
                ];
                let (name, about) = (middle(&words::who(who), 60), middle(about, 60));
                let told = format!("{name} × {about}: {up_to}{}", grouped(cell.denied));
                let hot = class(format!("h{}", degree(cell.denied, most)));
                out.el("rect", &[&place[..], std::slice::from_ref(&hot)].concat(), |out| out.line("title", &[], &told));
                let label = [hot, attr("text-anchor", "middle")];
                let mark = if cell.at_most { "≤" } else { "" };
                let words = format!("{mark}{}", short(cell.denied));
                text(out, &share(slot * (cell.action as f64 + 0.5)), y + 31.0, &label, &words);
            }
        }
    });
}

pub(super) fn up_to(at_most: bool) -> &'static str {
    if at_most { "up to " } else { "" }
}

/// 1 to 5, by the number's length.
fn degree(count: u64, most: u64) -> u32 {
    let of = |count: u64| (count as f64 + 1.0).ln();
    (of(count) / of(most.max(1)) * 5.0).ceil().clamp(1.0, 5.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        for (most, expect) in [(0, 1), (1, 1), (3, 4), (9, 10), (413, 500), (5_020, 8_000), (u64::MAX, u64::MAX)] {
            assert_eq!(round_up(most), expect, "{most}");
        }
    }

    #[test]
    fn labels_do_not_lie_on_each_other() {
        let places = apart([190.0, 190.0, 100.0, 189.0]);
        let mut sorted = places;
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= 13.9), "{places:?}");
        assert!(sorted[3] <= BASE + 2.0);
    }

    #[test]
    fn the_hottest_is_the_largest() {
        assert_eq!((degree(1, 672), degree(42, 672), degree(672, 672), degree(1, 1)), (1, 3, 5, 5));
    }
}
