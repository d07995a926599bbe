//! When AWS says AccessDenied: who was refused what and why, and the smallest proven policy patch.
//!
//! The modules stand in reading order, and a module uses only those above it:
//! bytes → [`record`] → [`denial`] → [`diagnosis`] → [`finding`] → [`triage`] → [`linking`] → [`change`] → [`patch`] →
//! [`foretold`] → [`verify`] → [`advice`] → [`render`].

pub mod arn;
pub mod policy;
pub mod catalog;
pub mod principal;
pub mod record;
pub mod denial;
pub mod diagnosis;
pub mod finding;
pub mod triage;
pub mod linking;
pub mod change;
pub mod patch;
pub mod foretold;
pub mod verify;
pub mod advice;
pub mod delivery;
pub mod report;
pub mod render;
pub mod edit;
#[cfg(feature = "io")]
pub mod io;
#[cfg(feature = "io")]
pub mod app;
#[cfg(feature = "cli")]
pub mod cli;
