//! Patch, Finding, Report → text; one file a format, each read back and compared.

pub mod escape;
