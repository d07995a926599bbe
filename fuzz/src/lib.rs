//! The laws that the targets hold inputs against; `tests/properties.rs` has the same ones with inputs of its own.

#[path = "../../tests/laws/mod.rs"]
pub mod laws;
