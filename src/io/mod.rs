//! All that can fail for outside reasons: the only async, SDK, file, environment and clock.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "aws")]
pub mod http;
pub mod secret;
pub mod settings;
#[cfg(feature = "aws")]
pub mod sinks;
#[cfg(feature = "aws")]
pub mod sources;

#[cfg(all(test, feature = "aws"))]
#[path = "../../tests/doubles/mod.rs"]
mod doubles;
