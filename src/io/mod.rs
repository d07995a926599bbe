//! All that can fail for outside reasons: the only async, SDK, file, environment and clock.

#[cfg(feature = "cli")]
pub mod allocator;
#[cfg(feature = "aws")]
pub mod aws;
pub mod clock;
pub mod config;
#[cfg(feature = "github")]
pub mod github;
#[cfg(feature = "aws")]
pub mod http;
pub mod secret;
pub mod settings;
pub mod sinks;
pub mod sources;
pub mod stores;

#[cfg(all(test, feature = "aws"))]
#[path = "../../tests/doubles/mod.rs"]
pub(crate) mod doubles;
