//! Placeholder while the branch `message` is at work.
/// One denial in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt { /// m
 pub message: String, /// o
 pub operation: Option<String>, /// s
 pub service: Option<String>, /// c
 pub code: Option<String> }
/// f
pub fn find(_: &str) -> Vec<Excerpt> { Vec::new() }
