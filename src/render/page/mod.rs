//! A report as one HTML page that needs nothing else: no request leaves it, it works without its script, and no text of an
//! event is markup in it ([`html::Html`] is the only way to write).
//!
//! A content security policy allows the page's own style and script by their hashes, and nothing besides.
//! See <https://www.w3.org/TR/CSP3/>, <https://www.w3.org/WAI/ARIA/apg/>.

mod chart;
mod findings;
pub mod html;
mod parts;
mod sections;

use super::words;
use crate::render::markdown::FINDINGS_MAX;
use crate::report::{Day, First, Report, Row};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use html::{Html, attr, class};
use sha2::{Digest, Sha256};

/// The most bytes of a page.
pub const BYTES_MAX: usize = 1_000_000;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page.
///
/// ```
/// use denywatch::{render::page, report::{Facts, Period, Report, Scope}};
/// let week = Period::week_of(jiff::civil::date(2026, 11, 11));
/// let page = page::report(&Report::build(&Facts::of(&[]), week, &Scope::default()));
/// assert!(page.starts_with("<!doctype html>"));
/// assert!(page.contains("No denied call was recorded in this period."));
/// assert!(page.len() <= page::BYTES_MAX);
/// ```
pub fn report(report: &Report) -> String {
    let mut body = Html::default();
    body.line("a", &[html::to("main"), class("skip")], "To the report");
    parts::header(&mut body, report);
    let mut rest = Html::default();
    sections::rules(&mut rest, report);
    parts::reproduce(&mut rest, report);
    body.el("main", &[attr("id", "main")], |out| {
        // What stands above the table takes most where all its links lead somewhere.
        let most = above(report, &report.findings[..report.findings.len().min(FINDINGS_MAX)]);
        let taken = STYLE.len() + SCRIPT.len() + HEAD_MAX + out.len() + most.len() + rest.len();
        let mut table = Html::default();
        let shown = findings::table(&mut table, report, BYTES_MAX.saturating_sub(taken));
        out.add(above(report, &report.findings[..shown]));
        out.add(table);
        out.add(rest);
    });
    let mut page = Html::default();
    page.ours("<!doctype html>\n");
    page.el("html", &[attr("lang", "en")], |page| {
        page.el("head", &[], |page| head(page, report));
        page.el("body", &[], |page| {
            page.add(body);
            page.el("script", &[], |page| page.ours(SCRIPT));
        });
    });
    page.finish() + "\n"
}

/// The page from its figures to its table of findings, in which these stand.
fn above(report: &Report, shown: &[Row]) -> Html {
    let mut out = Html::beside(shown.iter().map(|row| &row.id));
    parts::summary(&mut out, report);
    if report.numbers.denied > 0 {
        parts::charts(&mut out, report);
    }
    sections::mended(&mut out, report);
    sections::split(&mut out, report);
    out
}

/// What seeing to a finding first ends: `1 statement ends 6 of 139 denials (4 %); patch ready`.
pub fn first_words(first: &First, total: u64) -> String {
    parts::what(first, total)
}

/// The chart of the days alone, as an SVG document in light colours for pictures; `None` where no day has a denial.
pub fn picture(report: &Report) -> Option<String> {
    (report.numbers.denied > 0).then(|| parts::picture(report))
}

/// What the head takes at most besides style and script, with the tags around the body.
const HEAD_MAX: usize = 4_000;

fn head(page: &mut Html, report: &Report) {
    page.open("meta", &[attr("charset", "utf-8")]);
    page.open("meta", &[attr("http-equiv", "Content-Security-Policy"), attr("content", policy())]);
    page.open("meta", &[attr("name", "viewport"), attr("content", "width=device-width,initial-scale=1")]);
    page.open("meta", &[attr("name", "color-scheme"), attr("content", "light dark")]);
    page.open("meta", &[attr("name", "referrer"), attr("content", "no-referrer")]);
    page.line("title", &[], &format!("Denied actions, {}", report.period.title()));
    page.el("style", &[], |page| page.ours(STYLE));
}

fn policy() -> String {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action \
         'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}

/// A chart or a list in a card with its heading.
fn card(out: &mut Html, id: &'static str, title: &str, inside: impl FnOnce(&mut Html)) {
    out.el("section", &[class("card"), attr("aria-labelledby", format!("{id}-h")), attr("id", id)], |out| {
        out.line("h2", &[attr("id", format!("{id}-h"))], title);
        inside(out);
    });
}

/// A table that scrolls in itself where the page is narrow.
fn table(out: &mut Html, caption: &str, head: &[(&str, bool)], rows: impl FnOnce(&mut Html)) {
    let frame = [class("scroll"), attr("tabindex", "0"), attr("role", "region"), attr("aria-label", caption)];
    out.el("div", &frame, |out| {
        out.el("table", &[], |out| {
            out.line("caption", &[class("unseen")], caption);
            out.el("thead", &[], |out| {
                out.el("tr", &[], |out| {
                    for (name, number) in head {
                        let numeric = if *number { "n" } else { "" };
                        out.line("th", &[attr("scope", "col"), class(numeric)], name);
                    }
                });
            });
            out.el("tbody", &[], rows);
        });
    });
}

/// A row of plain cells; those of `head` that are numbers stand at the right.
fn plain_row(out: &mut Html, cells: &[(String, bool)]) {
    out.el("tr", &[], |out| {
        for (n, (words, number)) in cells.iter().enumerate() {
            let class = class(if *number { "n" } else { "" });
            if n == 0 { out.line("th", &[attr("scope", "row"), class], words) } else { out.line("td", &[class], words) }
        }
    });
}

/// The numbers behind a chart.
fn behind(out: &mut Html, inside: impl FnOnce(&mut Html)) {
    out.el("details", &[class("behind")], |out| {
        out.line("summary", &[], "The numbers as a table");
        inside(out);
    });
}

/// The days that a chart and its table show.
fn shown_days(report: &Report) -> &[Day] {
    &report.days[report.days.len().saturating_sub(chart::DAYS_MAX)..]
}

#[cfg(test)]
mod tests;
