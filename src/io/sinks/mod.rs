//! Where alerts and reports go.

pub mod file;
