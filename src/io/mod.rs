//! All that can fail for outside reasons: the only async, SDK, file, environment and clock.

pub mod clock;
pub mod config;
pub mod sinks;
pub mod sources;
pub mod stores;
