//! Many findings, one after the other: what is shown of each is made while it is at hand.

use super::{Look, covered, is_actionable, part, row};
use crate::advice::Advice;
use crate::render::alert;
use crate::render::sheet::Paint;
use crate::render::table::{Column, Fitted, Table};
use crate::report::Coverage;
use crate::triage::Verdict;
use serde::{Deserialize, Serialize};

/// What stands in the place of a table without findings.
pub const NONE: &str = "No denied call in what was read.\n";

const HEAD: &[(&str, Column)] = &[
    ("ID", Column::Fixed),
    ("VERDICT", Column::Fixed),
    ("DENIED", Column::Number),
    ("WHO", Column::Flexible),
    ("PERMISSION", Column::Flexible),
    ("RESOURCE", Column::Flexible),
    ("LAST SEEN (UTC)", Column::Fixed),
];

/// [`super::scan`] of more findings than are to be held: each is added, in any order; what comes of it is kept elsewhere, and written
/// when all are known: the head of the table, the rows, the parts, both the most pressing first, and the end.
///
/// ```
/// # use denywatch::{advice::Advice, report::Coverage, render::text::{Listing, Look}};
/// fn two(first: &Advice, second: &Advice, coverage: &Coverage) -> String {
///     let mut listing = Listing::new(Look::default());
///     let (first, second) = (listing.add(first), listing.add(second));
///     let table = listing.table();
///     let lines = [table.head(), table.line(&first.row), table.line(&second.row)];
///     lines.concat() + &first.part + &second.part + &listing.end(coverage)
/// }
/// ```
#[derive(Debug)]
pub struct Listing {
    look: Look,
    table: Table<'static>,
    totals: Totals,
}

/// What is shown of one finding among many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its line in the table.
    pub row: Row,
    /// What to do about it; empty where nobody can act on it.
    pub part: String,
}

/// One finding's line, before its columns are as wide as the table's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    verdict: Verdict,
    cells: Vec<String>,
}

/// Sums over all findings.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) findings: u64,
    pub(super) denied: u64,
    pub(super) is_any_patched: bool,
}

impl Listing {
    /// Of no findings yet.
    pub fn new(look: Look) -> Self {
        Self { look, table: Table::new(HEAD), totals: Totals::default() }
    }

    /// Adds a finding; what is shown of it.
    pub fn add(&mut self, advice: &Advice) -> Told {
        self.totals.findings += 1;
        self.totals.denied = self.totals.denied.saturating_add(advice.count);
        self.totals.is_any_patched |= alert::patch(advice).is_some();
        let part = if is_actionable(advice) { part(advice, self.look) } else { String::new() };
        Told { row: self.row(advice), part }
    }

    pub(super) fn row(&mut self, advice: &Advice) -> Row {
        Row { verdict: advice.verdict, cells: self.table.add(&row(advice)) }
    }

    /// The table of all findings that were added; where there is none, [`NONE`] stands for it.
    pub fn table(&self) -> Ranked {
        let fitted = self.table.fit(self.look.width.max(40));
        Ranked { fitted, paint: self.look.paint() }
    }

    /// What was read and what cannot be seen.
    pub fn end(&self, coverage: &Coverage) -> String {
        let mut sheet = self.look.sheet();
        sheet.blank();
        covered(&mut sheet, &self.totals, coverage);
        sheet.finish()
    }
}

/// A table of findings that is ready to be written.
#[derive(Debug)]
pub struct Ranked {
    fitted: Fitted<'static>,
    paint: Paint,
}

impl Ranked {
    /// Its first line.
    pub fn head(&self) -> String {
        self.paint.bold(&self.fitted.head()) + "\n"
    }

    /// The line of a finding.
    pub fn line(&self, row: &Row) -> String {
        let line = self.fitted.line(&row.cells);
        let painted = match row.verdict {
            Verdict::Probing => self.paint.with("31", &line),
            Verdict::Upheld | Verdict::Transient | Verdict::Expected => self.paint.dim(&line),
            Verdict::Owner | Verdict::Review | Verdict::Patch | Verdict::Unclear => line,
        };
        painted + "\n"
    }
}
