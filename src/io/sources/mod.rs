//! Where events come from. A source yields named bytes and the problems it met; what the bytes mean is the core's.

pub mod files;
mod gzip;
pub mod paste;
pub mod policies;
mod salvage;
mod walk;
