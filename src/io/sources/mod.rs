//! Where events come from. A source yields named bytes and the problems it met; what the bytes mean is the core's.

#[cfg(feature = "aws")]
pub mod envelope;
pub mod archive;
pub mod checkout;
pub mod code;
pub mod files;
mod gzip;
#[cfg(feature = "sweep")]
pub mod history;
mod libdeflate;
#[cfg(feature = "live")]
pub mod live;
#[cfg(feature = "lookup")]
pub mod lookup;
pub mod many;
#[cfg(feature = "sweep")]
pub mod pace;
pub mod paste;
pub mod policies;
pub(crate) mod reader;
#[cfg(feature = "s3")]
pub mod s3;
mod salvage;
#[cfg(feature = "live")]
pub mod told;
mod unpack;
mod walk;
