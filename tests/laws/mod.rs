//! What must hold whatever bytes come in; every law panics where it is broken.
//!
//! Two drivers use them: `tests/properties.rs` with inputs from generators, `fuzz/` with bytes that a fuzzer finds.

pub mod answer;
#[cfg(feature = "s3")]
pub mod archive;
pub mod configuration;
pub mod gzip;
pub mod language;
pub mod read;
pub mod said;
pub mod template;
