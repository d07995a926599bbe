//! Where events come from. A source yields named bytes and the problems it met; what the bytes mean is the core's.

pub mod archive;
#[cfg(feature = "s3")]
pub mod envelope;
#[cfg(feature = "s3")]
pub mod notice;
pub mod checkout;
pub mod code;
pub mod files;
mod gzip;
#[cfg(feature = "sweep")]
pub mod history;
#[cfg(feature = "lookup")]
pub mod history_reach;
mod huge;
mod libdeflate;
mod likely;
#[cfg(feature = "live")]
pub mod live;
#[cfg(feature = "lookup")]
pub mod lookup;
pub mod many;
#[cfg(feature = "sweep")]
pub mod pace;
mod pair;
pub mod paste;
pub mod policies;
#[cfg(feature = "s3")]
pub mod query;
mod raw;
pub(crate) mod reader;
#[cfg(feature = "live")]
pub mod regions;
#[cfg(feature = "s3")]
pub mod s3;
mod salvage;
pub(crate) mod spool;
mod state;
#[cfg(feature = "live")]
pub mod told;
mod unpack;
mod walk;
mod windows;

#[cfg(feature = "s3")]
pub(crate) use walk::ENDINGS;
