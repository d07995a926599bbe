//! Hostile text through every format, judged by the real readers: terraform, bash, Python's JSON and YAML parsers,
//! shellcheck, cfn-lint. A reader that is not installed is named and skipped, or fails the test when `CI=true`.
// A test of the outside world reads files and environment, and says what it skips.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod outsiders;
mod readers;
