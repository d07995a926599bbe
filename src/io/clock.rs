//! The clock, read in one place.

use jiff::Timestamp;

/// The present moment, UTC, in whole seconds: CloudTrail's own precision.
pub fn now() -> Timestamp {
    #[allow(clippy::disallowed_methods)] // this is the place that hands the clock in
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
