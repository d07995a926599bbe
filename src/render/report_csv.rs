//! A report as CSV (RFC 4180): one line a finding, all of them, for a spreadsheet. No cell is taken for a formula.

use super::escape::csv_cell;
use super::{alert, words};
use crate::report::{Report, Row};
use jiff::Timestamp;

const HEAD: &str = "id,state,severity,verdict,patch,principal_kind,principal,principal_arn,account,account_name,owner,\
                    permissions,resources,layer,denied,denied_ever,first_seen,last_seen,summary,next_step";

/// The lines, each ended by CR LF.
///
/// ```
/// use denywatch::{render::report_csv, report::{Facts, Period, Report, Scope}};
/// let week = Period::week_of(jiff::civil::date(2026, 11, 11));
/// let csv = report_csv::report(&Report::build(&Facts::of(&[]), week, &Scope::default()));
/// assert!(csv.starts_with("id,state,severity,") && csv.ends_with("next_step\r\n"));
/// ```
pub fn report(report: &Report) -> String {
    let lines = report.findings.iter().map(|row| line(row) + "\r\n");
    std::iter::once(format!("{HEAD}\r\n")).chain(lines).collect()
}

fn line(row: &Row) -> String {
    let or_empty = |text: &Option<String>| csv_cell(text.as_deref().unwrap_or_default());
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let who = &row.principal;
    let cells = [
        csv_cell(&row.id),
        words::trend(row.trend).to_owned(),
        words::severity(row.severity).to_owned(),
        words::verdict_word(row.verdict).to_owned(),
        row.patch.map(|patch| patch.to_string()).unwrap_or_default(),
        csv_cell(words::kind_word(who.kind)),
        or_empty(&who.name),
        or_empty(&who.arn),
        or_empty(&row.account),
        or_empty(&row.account_name),
        or_empty(&row.owner),
        csv_cell(&row.actions.join(" ")),
        csv_cell(&row.resources.join(" ")),
        csv_cell(&words::layer(row.layer.kind, row.layer.policy_type)),
        row.denied.to_string(),
        row.count.to_string(),
        at(row.first_seen),
        at(row.last_seen),
        csv_cell(&row.summary),
        csv_cell(if row.patches.is_empty() && words::next_step(row) == words::verdict(row.verdict) {
            alert::instead_of(row.verdict)
        } else {
            words::next_step(row)
        }),
    ];
    cells.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Facts, Period, Scope, sample};
    use proptest::prelude::*;

    fn of(advice: crate::advice::Advice) -> String {
        let week = Period::week_of(jiff::civil::date(2026, 11, 11));
        report(&Report::build(&Facts::of(&[advice]), week, &Scope::default()))
    }

    /// Cells of a text with quoted ones, as RFC 4180 reads it.
    fn cells(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, quoted) {
                ('"', true) if chars.peek() == Some(&'"') => cell.extend(chars.next()),
                ('"', _) => quoted = !quoted,
                (',', false) => row.push(std::mem::take(&mut cell)),
                ('\r', false) if chars.peek() == Some(&'\n') => {
                    chars.next();
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                (c, _) => cell.push(c),
            }
        }
        rows
    }

    #[test]
    fn one_line_a_finding() {
        let rows = cells(&of(sample::upload()));
        assert_eq!(rows.len(), 2);
        let cell = |name: &str| rows[1][rows[0].iter().position(|head| head == name).unwrap()].as_str();
        assert_eq!(
            (cell("id"), cell("state"), cell("denied"), cell("denied_ever")),
            ("D-19C2B7XQ4T", "recurring", "140", "200")
        );
        assert_eq!((cell("permissions"), cell("patch")), ("s3:PutObject s3:GetObject", "apply"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_stranger_adds_a_cell_a_line_or_a_formula(advice in sample::any_advice()) {
            let rows = cells(&of(advice));
            prop_assert!(rows.iter().all(|row| row.len() == 20), "{:?}", rows);
            prop_assert!(rows[1..].iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])));
        }
    }
}
