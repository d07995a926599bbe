//! The policy document alone.

use super::job::Job;
use super::{Format, RenderError};
use serde_json::Value;

/// The document that goes into the target: the merged one where writing replaces what is there and it is known, or
/// where a statement is split; else the statements to add.
pub(super) fn render(job: &Job<'_>) -> Result<String, RenderError> {
    let document = job.whole.as_ref().or(job.split.as_ref()).unwrap_or(&job.addition);
    let text = format!("{document:#}\n");
    read_back(&text, document, Format::Json)?;
    Ok(text)
}

/// Compares JSON text with the value it was made of.
pub(super) fn read_back(text: &str, expect: &Value, format: Format) -> Result<(), RenderError> {
    let fault = |why: String| RenderError::Unfaithful { format, why };
    let got: Value = serde_json::from_str(text).map_err(|e| fault(e.to_string()))?;
    if got == *expect { Ok(()) } else { Err(fault("the values differ".to_owned())) }
}
