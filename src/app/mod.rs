//! Use cases, each one screen.
