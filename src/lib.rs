//! When AWS says AccessDenied: who was refused what and why, and the smallest proven policy patch.
//!
//! The modules stand in reading order, and a module uses only those above it:
//! bytes → [`record`] → [`denial`] → [`diagnosis`] → [`finding`] → [`triage`] → [`patch`] → [`verify`] → [`render`].

#[cfg(feature = "io")]
pub mod app;
pub mod arn;
pub mod catalog;
#[cfg(feature = "cli")]
pub mod cli;
pub mod denial;
pub mod diagnosis;
pub mod finding;
#[cfg(feature = "io")]
pub mod io;
pub mod patch;
pub mod policy;
pub mod principal;
pub mod record;
pub mod render;
pub mod triage;
pub mod verify;
