//! [`Advice`](crate::advice::Advice) → [`Report`]: what a period's denials add up to. Figures only; the words are [`crate::render`]'s.
//!
//! Denials are counted by day from [`Advice::days`](crate::advice::Advice::days); what came without a date (pasted text) is counted apart. A
//! finding's denials count under the finding's own verdict, the one it has now, also in the weeks before: the ledger keeps
//! days a finding, not a verdict. They count under the layer that refused its most frequent item.

mod build;
mod heat;
mod history;
mod mended;
mod model;
mod muted;
mod period;
#[cfg(test)]
pub(crate) mod sample;
mod sections;
mod tally;

pub use build::{Facts, rank, shown_patches};
pub use mended::{is_resolved, resolved_at};
pub use model::{
    Before, Cell, Coverage, Day, First, Heat, Layer, Mended, Numbers, Predictions, Report, Row, RowItem, RuleRow,
    RuleState, Scope, Section, Top, Trend, Week,
};
pub use period::Period;

/// The published schema of a report's JSON, as JSON Schema 2020-12; the same bytes as `src/report/schema.json`.
#[cfg(feature = "cli")]
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(Report);
    schema.insert("$id".to_owned(), "denywatch.report.schema.json".into());
    schema.insert("title".to_owned(), "denywatch report --format json".into());
    format!("{:#}\n", schema.as_value())
}

#[cfg(test)]
mod tests;
