//! Where CloudTrail records come from.

pub mod envelope;
#[cfg(feature = "lookup")]
pub mod lookup;
