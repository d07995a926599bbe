//! Patch, Finding, Report → text; one file a format, each read back and compared.

pub mod escape;

pub mod alert;
mod consequence;
pub mod console;
pub mod slack;
pub mod snippet;
pub mod words;
