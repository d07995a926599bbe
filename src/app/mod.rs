//! Use cases, each one screen.

#[cfg(feature = "lambda")]
pub mod alert;
#[cfg(feature = "lambda")]
pub mod watch;
#[cfg(feature = "lambda")]
pub mod line;
