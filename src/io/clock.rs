//! The clock, read in one place.

use jiff::Timestamp;

/// The present moment, UTC, in whole seconds: CloudTrail's own precision.
pub fn now() -> Timestamp {
    #[allow(clippy::disallowed_methods)] // this is the place that hands the clock in
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Measures how long something takes; figures for people, never for decisions.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        #[allow(clippy::disallowed_methods)] // this is the place that hands the clock in
        Self(std::time::Instant::now())
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
